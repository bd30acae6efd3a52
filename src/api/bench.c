/* Benchmarks: what is measured in which order, and what follows from it. */
#include "api/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_RUNS = 3, EVENTS = 1 << 16 };

struct tacit_bench_options tacit_bench_options_default(void)
{
    static const size_t rows[] = {1, 8, 64, 550, 2000};
    return (struct tacit_bench_options){.rows = rows,
                                        .n_rows = sizeof rows / sizeof *rows,
                                        .rounds = 5,
                                        .texts = 8,
                                        .length = 64,
                                        .tokens = 20,
                                        .prefill = 512,
                                        .decode = 32};
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tac_bench_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static enum tacit_status check_range(const char *what, size_t v, size_t min, size_t max,
                                     struct tacit_err *err)
{
    if (v >= min && v <= max)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "%s: %zu, expected %zu to %zu", what, v, min, max);
}

static enum tacit_status check(const struct tacit_model *m, const struct tacit_bench_options *o,
                               struct tacit_err *err)
{
    const struct {
        const char *what;
        size_t v, min, max;
    } range[] = {
        {"numbers of rows", o->n_rows, 1, TAC_BENCH_LISTED},
        {"rounds", o->rounds, 1, TAC_BENCH_ROUNDS},
        {"texts", o->texts, 1, 1 << 16},
        {"tokens", o->tokens, 1, TAC_MAX_PATH / 2},
        {"a text's length", o->length, 2, TAC_MAX_PATH / 2},
        {"tokens to prefill", o->prefill, 1, TAC_MAX_PATH / 4},
        {"tokens to decode", o->decode, 2, TAC_MAX_PATH / 4},
    };
    if (!m->be->kern)
        return tac_fail(err, TACIT_EINPUT, "backend '%s': only cpu can be measured", m->be->name);
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < sizeof range / sizeof *range; i++)
        s = check_range(range[i].what, range[i].v, range[i].min, range[i].max, err);
    for (size_t i = 0; !s && i < o->n_rows; i++)
        s = check_range("rows", o->rows[i], 1, 1 << 20, err);
    return s;
}

/* Of the warm-up, the rounds and the run under watch, so many are done. */
static enum tacit_status report(const struct tac_bench *b, size_t done, struct tacit_err *err)
{
    struct tacit_event e = {.kind = TACIT_EVENT_WORK, .done = done, .total = b->o->rounds + 2};
    if (b->progress && b->progress->report && b->progress->report(b->progress->ctx, &e))
        return tac_fail(err, TACIT_ECANCEL, "stopped after %zu of %zu rounds", done - 1,
                        b->o->rounds);
    return TACIT_OK;
}

/* One run of the passes under watch; its events go to the file, where there is one. */
static enum tacit_status watch(struct tac_bench *b, struct tac_bench_passes *p,
                               struct tac_writer *file, struct tacit_err *err)
{
    struct tac_backend *be = b->m->be;
    enum tacit_status s = tac_backend_trace(be, EVENTS, err);
    if (!s)
        s = tac_bench_passes_run(p, TAC_BENCH_WATCHED, 0, err);
    if (!s && file->open) {
        tac_trace_write(be->trace, file);
        s = tac_writer_commit(file, err);
    }
    tac_backend_untrace(be);
    return s;
}

/* Memory comes first: what is opened to compare with is no part of it. */
static enum tacit_status measure(struct tac_bench *b, struct tac_bench_passes *passes,
                                 struct tac_bench_products *products, struct tacit_err *err)
{
    enum tacit_status s = tac_bench_passes_open(passes, b, err);
    for (int i = 0; !s && i < WARM_RUNS; i++)
        s = tac_bench_passes_run(passes, TAC_BENCH_WARM, 0, err);
    if (!s)
        s = tac_bench_owners(b, passes, err);
    if (!s)
        s = tac_bench_products_open(products, b, err);
    if (!s)
        s = report(b, 1, err);
    for (size_t round = 0; !s && round < b->o->rounds; round++) {
        tac_bench_products_round(products, round);
        s = tac_bench_passes_run(passes, TAC_BENCH_TIMED, round, err);
        if (!s) /* right behind decoding: what memory gives changes from moment to moment */
            passes->read[round] = tac_bench_read_weights(b->m->weights, b->m->be->threads);
        if (!s)
            s = report(b, round + 2, err);
    }
    return s;
}

enum tacit_status tacit_bench(struct tacit_bench **out, struct tacit_model *m,
                              const struct tacit_bench_options *o,
                              const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tac_bench_passes passes = {0};
    struct tac_bench_products products = {0};
    struct tac_writer file = {0};
    *out = NULL;
    enum tacit_status s = check(m, o, err);
    struct tac_bench *b = s ? NULL : tac_alloc(1, sizeof *b, err);
    if (!b)
        return s ? s : TACIT_EFAIL;
    b->m = m;
    b->o = o;
    b->progress = progress;
    if (o->trace)
        s = tac_writer_open(&file, o->trace, err);
    if (!s)
        s = measure(b, &passes, &products, err);
    if (!s)
        s = watch(b, &passes, &file, err);
    if (!s) {
        tac_bench_products_finish(&products);
        tac_bench_passes_finish(&passes);
        *out = &b->out;
    }
    tac_bench_passes_close(&passes);
    tac_bench_products_close(&products);
    tac_writer_close(&file);
    if (s)
        tacit_bench_free(&b->out);
    return s;
}

void tacit_bench_free(struct tacit_bench *out)
{
    struct tac_bench *b = (struct tac_bench *)out; /* its first member */
    if (!b)
        return;
    tac_arena_release(&b->memory);
    free(b);
}
