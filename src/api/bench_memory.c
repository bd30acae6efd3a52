/* Memory: whose it is, what the system says of it, and how fast it is read. */
#include "api/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANES = 8, PAGE = 4096 };

/* ---- by owner ---- */

enum tacit_status tac_bench_owners(struct tac_bench *b, const struct tac_bench_passes *p,
                                   struct tacit_err *err)
{
    const struct tac_weights *w = b->m->weights;
    const struct tac_decoder_config *c = &b->m->model->c;
    const struct tac_backend *be = b->m->be;
    size_t cached = p->prefix.n + b->o->prefill + b->o->decode;
    const struct tacit_bench_owner owners[] = {
        {"mapping (weights as stored)", tac_weights_resident(w, p->tune->ports.param) - w->bytes},
        {"weights expanded", w->bytes},
        {"block (trainables and gradients)", p->tune->bytes},
        {"moments", p->optim.bytes},
        {"workspace (largest batch)", b->m->session->peak_bytes},
        {"kept keys and values", 2 * cached * c->L * c->G * c->D * be->real_size},
        {"backend's buffers", tac_backend_overhead(be)},
    };
    struct tacit_bench_owner *to = tac_arena_alloc(&b->memory, 1, sizeof owners, err);
    if (!to)
        return TACIT_EFAIL;
    memcpy(to, owners, sizeof owners);
    b->out.owner = to;
    b->out.n_owner = sizeof owners / sizeof *owners;
    return TACIT_OK;
}

/* ---- the process ---- */

struct tac_bench_process tac_bench_process(void)
{
    struct tac_bench_process p = {0};
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    size_t kb;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %zu", &kb) == 1)
            p.resident = kb << 10;
        if (sscanf(line, "RssAnon: %zu", &kb) == 1)
            p.anonymous = kb << 10;
    }
    if (f)
        fclose(f);
    return p;
}

/* Where the system does not let us, the peak is the process's so far. */
void tac_bench_forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "we");
    if (!f)
        return;
    fputs("5", f);
    fclose(f);
}

/* ---- reading ---- */

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));

/* All bits of x or'ed, so that none may be left out. A page ahead is asked for: processors follow a
 * sequence by themselves, but some no further than the page's end. */
static uint64_t read_all(const char *x, size_t n)
{
    lanes sum[4] = {{0}}, one;
    uint64_t all = 0;
    for (size_t i = 0; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            __builtin_prefetch(x + (i + k) * sizeof one + PAGE, 0, 3);
            memcpy(&one, x + (i + k) * sizeof one, sizeof one);
            sum[k] |= one;
        }
    for (size_t k = 0; k < 4 * LANES; k++)
        all |= sum[k / LANES][k % LANES];
    return all;
}

double tac_bench_read_weights(const struct tac_weights *w, int threads)
{
    uint64_t all = 0;
    size_t bytes = 0;
    double start = tac_trace_now();
    for (size_t slot = 0; slot < w->n; slot++) {
        const struct tac_param *p = &w->param[slot];
        size_t n = p->rows * p->cols * tac_wtype_size(p->w.type, sizeof(float));
        size_t part = n / sizeof(lanes) / (size_t)threads;
        if (!tac_bench_is_read(w, slot))
            continue;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(| : all)
        for (int i = 0; i < threads; i++)
            all |= read_all((const char *)p->w.data + (size_t)i * part * sizeof(lanes), part);
        bytes += n;
    }
    double seconds = tac_trace_now() - start;
    TAC_CHECK(all != 0 || bytes == 0);
    return (double)bytes / seconds;
}
