/* Memory: whose it is, what the system says of it, and how fast it is read. */
#include "api/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LEAST_BUFFER = 256 << 20, MOST_BUFFER = 1 << 30, HUGE_PAGE = 2 << 20, LANES = 8 };

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

/* Four times the last-level cache, within limits. */
static size_t buffer_bytes(void)
{
    long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    size_t n = cache > 0 ? 4 * (size_t)cache : 0;
    return n < LEAST_BUFFER ? LEAST_BUFFER : n > MOST_BUFFER ? MOST_BUFFER : n;
}

enum tacit_status tac_bench_stream_open(struct tac_bench_stream *s, struct tacit_err *err)
{
    s->bytes = buffer_bytes() / HUGE_PAGE * HUGE_PAGE;
    s->data = aligned_alloc(HUGE_PAGE, s->bytes);
    if (!s->data)
        return tac_fail_memory(err, s->bytes);
#ifdef MADV_HUGEPAGE
    (void)madvise(s->data, s->bytes, MADV_HUGEPAGE);
#endif
    memset(s->data, 1, s->bytes);
    return TACIT_OK;
}

/* All bits of x or'ed, so that none may be left out. */
static uint64_t read_all(const lanes *x, size_t n)
{
    lanes sum[4] = {{0}};
    uint64_t all = 0;
    for (size_t i = 0; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] |= x[i + k];
    for (size_t k = 0; k < 4 * LANES; k++)
        all |= sum[k / LANES][k % LANES];
    return all;
}

double tac_bench_stream_read(const struct tac_bench_stream *s, int threads)
{
    size_t n = s->bytes / sizeof(lanes), part = n / (size_t)threads;
    const lanes *x = s->data;
    uint64_t all = 0;
    double start = tac_trace_now();
#pragma omp parallel for num_threads(threads) schedule(static) reduction(| : all)
    for (int i = 0; i < threads; i++)
        all |= read_all(x + (size_t)i * part, part);
    double seconds = tac_trace_now() - start;
    TAC_CHECK(all != 0);
    return (double)((size_t)threads * part * sizeof(lanes)) / seconds;
}

void tac_bench_stream_close(struct tac_bench_stream *s)
{
    free(s->data);
}
