#include "backend/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

static struct tac_trace_kind *find_kind(struct tac_trace *t, const char *op, size_t N, size_t K)
{
    for (size_t i = 0; i < t->n_kind; i++) {
        struct tac_trace_kind *k = &t->kind[i];
        if (k->op == op && k->N == N && k->K == K)
            return k;
    }
    if (t->n_kind == TAC_TRACE_KINDS)
        return &t->kind[TAC_TRACE_KINDS - 1];
    struct tac_trace_kind *k = &t->kind[t->n_kind++];
    bool last = t->n_kind == TAC_TRACE_KINDS;
    *k = last ? (struct tac_trace_kind){.op = "other"}
              : (struct tac_trace_kind){.op = op, .N = N, .K = K};
    return k;
}

static void add_event(struct tac_trace *t, struct tac_trace_event e)
{
    if (t->n_event < t->max_event)
        t->event[t->n_event++] = e;
    else
        t->lost++;
}

/* What a call does besides taking time. */
struct work {
    size_t M, N, K;
    double flops, weight_bytes;
};

static void note(struct tac_backend *be, const char *op, double start, struct work w)
{
    struct tac_trace *t = be->trace;
    t->ops->sync(be);
    double seconds = tac_trace_now() - start;
    struct tac_trace_kind *k = find_kind(t, op, w.N, w.K);
    k->calls++;
    k->rows += w.M;
    k->seconds += seconds;
    k->flops += w.flops;
    k->weight_bytes += w.weight_bytes;
    for (int i = 0; i < be->threads; i++) {
        k->busy += t->busy[i * TAC_TRACE_STRIDE];
        t->busy[i * TAC_TRACE_STRIDE] = 0;
    }
    add_event(t, (struct tac_trace_event){op, w.M, w.N, w.K, start, seconds});
}

static double bytes_of(const struct tac_weight *w, const struct tac_backend *be, size_t rows)
{
    return (double)(rows * w->cols * tac_wtype_size(w->type, be->real_size));
}

static struct work product(const struct tac_backend *be, const struct tac_weight *w, size_t T,
                           double times, bool back)
{
    return (struct work){T, back ? w->cols : w->rows, back ? w->rows : w->cols,
                         times * 2.0 * (double)T * (double)w->rows * (double)w->cols,
                         bytes_of(w, be, w->rows)};
}

static bool wants_gradient(const struct tac_attn *a, const struct tac_seg *s)
{
    return s->kv < 0 ? s->grad : a->kv[s->kv].dk != NULL;
}

/* Pairs of a query and a key that it sees; `grad`: those whose key has a gradient. */
static double pairs(const struct tac_attn *a, bool grad)
{
    double n = 0;
    for (size_t i = 0; i < a->n_query; i++) {
        int32_t row = a->query ? a->query[i] : (int32_t)i, own = a->seg_of[row];
        for (int32_t at = own; at >= 0; at = a->seg[at].parent) {
            const struct tac_seg *s = &a->seg[at];
            if (!grad || wants_gradient(a, s))
                n += at == own ? row - s->row0 + 1 : s->n;
        }
    }
    return n;
}

/* `queries` and `keys`: products of the head's width for each pair of query and key, the latter
 * for keys with a gradient. */
static struct work attention(const struct tac_attn *a, double queries, double keys)
{
    double each = 2.0 * (double)(a->H * a->D);
    double flops = queries * pairs(a, false) + (keys > 0 ? keys * pairs(a, true) : 0);
    return (struct work){a->n_query, a->H * a->D, 0, each * flops, 0};
}

/* dw (N,K) of T rows. */
static struct work weight_gradient(size_t T, size_t N, size_t K)
{
    return (struct work){T, N, K, 2.0 * (double)T * (double)N * (double)K, 0};
}

static struct work rows(size_t M, size_t N)
{
    return (struct work){M, N, 0, 0, 0};
}

static struct work elements(size_t n)
{
    return (struct work){n, 0, 0, 0, 0};
}

/* ---- the table ---- */

/* WATCH: an op that returns nothing. GET: one that returns a `type`. */
#define WATCH(op, work, args, ...)                                                                 \
    static void watch_##op(struct tac_backend *be, __VA_ARGS__)                                    \
    {                                                                                              \
        double start = tac_trace_now();                                                            \
        be->trace->ops->op args;                                                                   \
        note(be, #op, start, work);                                                                \
    }
#define GET(type, op, work, args, ...)                                                             \
    static type watch_##op(struct tac_backend *be, __VA_ARGS__)                                    \
    {                                                                                              \
        double start = tac_trace_now();                                                            \
        type got = be->trace->ops->op args;                                                        \
        note(be, #op, start, work);                                                                \
        return got;                                                                                \
    }

GET(void *, alloc, elements(bytes), (be, bytes), size_t bytes)
WATCH(release, elements(0), (be, p), void *p)
WATCH(upload, elements(n), (be, dst, src, n), void *dst, const float *src, size_t n)
WATCH(upload_f64, elements(n), (be, dst, src, n), void *dst, const double *src, size_t n)
WATCH(download, elements(n), (be, dst, src, n), float *dst, const void *src, size_t n)
WATCH(download_f64, elements(n), (be, dst, src, n), double *dst, const void *src, size_t n)
WATCH(read, elements(bytes), (be, dst, src, bytes), void *dst, const void *src, size_t bytes)
WATCH(embed, rows(T, C), (be, y, E, soft, src, T, C), void *y, const struct tac_weight *E,
      const void *soft, const int32_t *src, size_t T, size_t C)
WATCH(embed_dx, rows(T, C), (be, dsoft, dE, dy, src, T, C), void *dsoft, void *dE, const void *dy,
      const int32_t *src, size_t T, size_t C)
WATCH(norm, rows(T, C), (be, y, stat, x, g, b, T, C, eps, kind), void *y, void *stat, const void *x,
      const void *g, const void *b, size_t T, size_t C, double eps, enum tac_norm_kind kind)
WATCH(norm_dx, rows(T, C), (be, dx, res, dy, x, stat, g, T, C, kind), void *dx, const void *res,
      const void *dy, const void *x, const void *stat, const void *g, size_t T, size_t C,
      enum tac_norm_kind kind)
WATCH(norm_dw, rows(T, C), (be, dg, db, dy, x, stat, T, C, kind), void *dg, void *db,
      const void *dy, const void *x, const void *stat, size_t T, size_t C, enum tac_norm_kind kind)
WATCH(matmul, product(be, w, T, 1, false), (be, y, x, w, bias, res, T), void *y, const void *x,
      const struct tac_weight *w, const void *bias, const void *res, size_t T)
WATCH(matmul_dx, product(be, w, T, 1, true), (be, dx, dy, w, res, T), void *dx, const void *dy,
      const struct tac_weight *w, const void *res, size_t T)
WATCH(matmul_dw, weight_gradient(T, N, K), (be, dw, db, dy, x, T, N, K), void *dw, void *db,
      const void *dy, const void *x, size_t T, size_t N, size_t K)
WATCH(heads, rows(T, hd->H * hd->D), (be, q, k, v, qkv, hd, T), void *q, void *k, void *v,
      const void *qkv, const struct tac_heads *hd, size_t T)
WATCH(heads_dx, rows(T, hd->H * hd->D), (be, dqkv, dq, dk, dv, hd, T), void *dqkv, const void *dq,
      const void *dk, const void *dv, const struct tac_heads *hd, size_t T)
WATCH(rope, rows(T, n * r->D), (be, x, r, pos, T, n, back), void *x, const struct tac_rope *r,
      const int32_t *pos, size_t T, size_t n, bool back)
WATCH(attend, attention(a, 2, 0), (be, o, lse, q, k, v, a), void *o, void *lse, const void *q,
      const void *k, const void *v, const struct tac_attn *a)
WATCH(attend_dx, attention(a, dq ? 2 : 1, 2), (be, dq, dk, dv, dout, o, lse, q, k, v, a), void *dq,
      void *dk, void *dv, const void *dout, const void *o, const void *lse, const void *q,
      const void *k, const void *v, const struct tac_attn *a)
WATCH(act, elements(n), (be, y, x, n, kind), void *y, const void *x, size_t n,
      enum tac_act_kind kind)
WATCH(act_dx, elements(n), (be, dx, dy, x, n, kind), void *dx, const void *dy, const void *x,
      size_t n, enum tac_act_kind kind)
WATCH(gate, elements(n), (be, y, x, u, n, kind), void *y, const void *x, const void *u, size_t n,
      enum tac_act_kind kind)
WATCH(gate_dx, elements(n), (be, dx, du, dy, x, u, n, kind), void *dx, void *du, const void *dy,
      const void *x, const void *u, size_t n, enum tac_act_kind kind)
WATCH(rows_get, rows(n, C), (be, y, x, idx, n, C), void *y, const void *x, const int32_t *idx,
      size_t n, size_t C)
WATCH(rows_add, rows(n, C), (be, y, x, idx, n, C), void *y, const void *x, const int32_t *idx,
      size_t n, size_t C)
WATCH(mix, elements(n), (be, y, a, b, x, n), void *y, double a, double b, const void *x, size_t n)
WATCH(zero, elements(n), (be, y, n), void *y, size_t n)
WATCH(scale, rows(T, N), (be, y, x, s, res, T, N), void *y, const void *x, const void *s,
      const void *res, size_t T, size_t N)
WATCH(scale_dw, rows(T, N), (be, ds, dy, x, T, N), void *ds, const void *dy, const void *x,
      size_t T, size_t N)
WATCH(vocab, product(be, E, R, dx ? 2 : 1, false),
      (be, logp, best, dx, lse, logits, x, E, target, n, R), void *logp, int32_t *best, void *dx,
      void *lse, void *logits, const void *x, const struct tac_weight *E,
      const struct tac_target *target, size_t n, size_t R)
WATCH(vocab_dw, product(be, E, R, 1, true), (be, dE, x, lse, E, target, n, R), void *dE,
      const void *x, const void *lse, const struct tac_weight *E, const struct tac_target *target,
      size_t n, size_t R)
WATCH(adamw, elements(n), (be, p, m, v, g, n, o), void *p, void *m, void *v, const void *g,
      size_t n, const struct tac_adamw *o)
WATCH(adafactor, elements(R *C), (be, p, row, col, g, R, C, o), void *p, void *row, void *col,
      const void *g, size_t R, size_t C, const struct tac_adafactor *o)
GET(double, sumsq, elements(n), (be, x, n), const void *x, size_t n)
WATCH(finite, elements(n), (be, x, n), const void *x, size_t n)

/* Waiting is part of every watched op. */
static void watch_sync(struct tac_backend *be)
{
    be->trace->ops->sync(be);
}

static const struct tac_ops watched = {
    .alloc = watch_alloc,
    .release = watch_release,
    .upload = watch_upload,
    .upload_f64 = watch_upload_f64,
    .download = watch_download,
    .download_f64 = watch_download_f64,
    .read = watch_read,
    .sync = watch_sync,
    .embed = watch_embed,
    .embed_dx = watch_embed_dx,
    .norm = watch_norm,
    .norm_dx = watch_norm_dx,
    .norm_dw = watch_norm_dw,
    .matmul = watch_matmul,
    .matmul_dx = watch_matmul_dx,
    .matmul_dw = watch_matmul_dw,
    .heads = watch_heads,
    .heads_dx = watch_heads_dx,
    .rope = watch_rope,
    .attend = watch_attend,
    .attend_dx = watch_attend_dx,
    .act = watch_act,
    .act_dx = watch_act_dx,
    .gate = watch_gate,
    .gate_dx = watch_gate_dx,
    .rows_get = watch_rows_get,
    .rows_add = watch_rows_add,
    .mix = watch_mix,
    .zero = watch_zero,
    .scale = watch_scale,
    .scale_dw = watch_scale_dw,
    .vocab = watch_vocab,
    .vocab_dw = watch_vocab_dw,
    .adamw = watch_adamw,
    .adafactor = watch_adafactor,
    .sumsq = watch_sumsq,
    .finite = watch_finite,
};

/* ---- switching ---- */

enum tacit_status tac_backend_trace(struct tac_backend *be, size_t max_event, struct tacit_err *err)
{
    TAC_CHECK(!be->trace);
    struct tac_trace *t = be->trace = tac_alloc(1, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    t->ops = be->ops;
    t->max_event = max_event;
    t->event = tac_alloc(max_event, sizeof *t->event, err);
    t->busy = tac_alloc((size_t)be->threads * TAC_TRACE_STRIDE, sizeof *t->busy, err);
    t->begun = tac_trace_now();
    be->ops = &watched;
    if (t->event && t->busy)
        return TACIT_OK;
    tac_backend_untrace(be);
    return TACIT_EFAIL;
}

void tac_backend_untrace(struct tac_backend *be)
{
    struct tac_trace *t = be->trace;
    if (!t)
        return;
    be->ops = t->ops;
    be->trace = NULL;
    free(t->event);
    free(t->busy);
    free(t);
}

void tac_trace_forget(struct tac_trace *t)
{
    t->n_kind = 0;
}

void tac_trace_add(struct tac_trace *t, const char *name, double start)
{
    add_event(t, (struct tac_trace_event){name, 0, 0, 0, start, tac_trace_now() - start});
}

void tac_trace_write(const struct tac_trace *t, struct tac_writer *w)
{
    static const char head[] = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
    char line[512];
    tac_writer_add(w, head, sizeof head - 1);
    for (size_t i = 0; i < t->n_event; i++) {
        const struct tac_trace_event *e = &t->event[i];
        int n = snprintf(line, sizeof line,
                         "%s{\"name\": \"%s\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, "
                         "\"ts\": %.3f, \"dur\": %.3f, "
                         "\"args\": {\"M\": %zu, \"N\": %zu, \"K\": %zu}}",
                         i ? ",\n" : "", e->name, (e->start - t->begun) * 1e6, e->seconds * 1e6,
                         e->M, e->N, e->K);
        tac_writer_add(w, line, (size_t)n);
    }
    int n =
        snprintf(line, sizeof line, "\n], \"otherData\": {\"events left out\": %zu}}\n", t->lost);
    tac_writer_add(w, line, (size_t)n);
}
