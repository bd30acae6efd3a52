/* Matrix products: C (M,N) = A (M,K) B (K,N) + bias + res.
 *
 * Both factors are packed into panels (kern.h). A is packed once, into memory that all threads
 * read; each thread owns a range of column panels, packs a chunk of B that stays in its
 * second-level cache, and runs over all rows of A with it, so a weight is read, and expanded to
 * float or rounded to bfloat16, once a call. A product with fewer column panels than threads shares
 * out its rows instead. Each tile walks all blocks of TAC_KC in order, which is the law of ops.h;
 * nothing depends on the number of threads. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/threads.h"
#include "backend/trace.h"

#include <omp.h>

/* Floats of scratch: A for all threads; for each thread a chunk of B, SLAB x CHUNK at most, and the
 * chunk's sums where K takes several slabs. PACK_STEP: k that are packed for all panels of a chunk
 * at a time where the factor is stored by k, so that its rows are read along. */
enum {
    SLAB = 1024,
    CHUNK = 128,
    A_FLOATS = 4 << 20,
    B_FLOATS = SLAB * CHUNK,
    C_FLOATS = 1032 * CHUNK,
    PACK_SLACK = 16,
    PACK_STEP = 64
};

/* A matrix as stored; `by_row`: element (i, k), k the summed index, lies at i * ld + k, else at k *
 * ld + i. */
struct factor {
    const void *data;
    enum tac_wtype type;
    size_t ld;
    bool by_row;
};

struct product {
    float *y; /* (M,N), rows of N */
    struct factor a, b;
    const float *bias, *res;
    size_t M, N, K;
    const struct tac_kern_gemm *g;
    const struct tac_kern_tile *t; /* the arithmetic: float32, or on bfloat16 */
};

/* How a product is cut. Rows [m0, m1) are cut into n_row panels of at most mr rows, of nearly equal
 * size. */
struct cut {
    size_t m0, m1, n_row, row_stride; /* floats of a packed row panel */
    size_t slab, chunk; /* B is packed `slab` of K by `chunk` column panels at a time */
};

/* Row panels and column panels. */
struct part {
    struct tac_span row, col;
};

size_t tac_gemm_scratch(int threads)
{
    return sizeof(float) * (A_FLOATS + (size_t)threads * (B_FLOATS + C_FLOATS));
}

/* Words of a packed panel's row or column that k summed indices take. */
static size_t words(const struct product *p, size_t k)
{
    return tac_round_up(k, p->t->pad) / p->t->per;
}

/* Packs `n` of the factor's rows (A) or columns (B) from `i`, for k in [k0, k0 + k). */
static void pack(const struct tac_kern_tile *t, float *dst, size_t width, const struct factor *f,
                 size_t i, size_t n, size_t k0, size_t k)
{
    size_t size = tac_wtype_size(f->type, sizeof(float));
    size_t at = f->by_row ? i * f->ld + k0 : k0 * f->ld + i;
    (f->by_row ? t->pack_t : t->pack_n)(dst, width, (const char *)f->data + at * size, f->type,
                                        f->ld, n, k);
}

static struct tac_span panel_rows(const struct cut *c, size_t panel)
{
    struct tac_span s = tac_share(c->m1 - c->m0, panel, c->n_row);
    return (struct tac_span){c->m0 + s.lo, c->m0 + s.hi};
}

static void pack_a(const struct product *p, const struct cut *c, float *a, struct tac_span panels)
{
    size_t mr = p->g->mr, step = p->a.by_row ? p->K : PACK_STEP;
    for (size_t l = 0; l < p->K; l += step)
        for (size_t i = panels.lo; i < panels.hi; i++) {
            struct tac_span r = panel_rows(c, i);
            pack(p->t, a + i * c->row_stride + words(p, l) * mr, mr, &p->a, r.lo, r.hi - r.lo, l,
                 tac_min(step, p->K - l));
        }
}

/* Column panels [panels) of B for k in [k0, k0 + k), one after another. */
static void pack_b(const struct product *p, float *b, struct tac_span panels, size_t k0, size_t k)
{
    size_t nr = p->g->nr, step = p->b.by_row ? k : PACK_STEP;
    for (size_t l = 0; l < k; l += step)
        for (size_t j = panels.lo; j < panels.hi; j++)
            pack(p->t, b + ((j - panels.lo) * words(p, k) + words(p, l)) * nr, nr, &p->b, j * nr,
                 tac_min(nr, p->N - j * nr), k0 + l, tac_min(step, k - l));
}

/* One tile's products for k in [k0, k0 + k), block by block, and its end in y once K is through. */
static void run_tile(const struct product *p, float *tile, const float *a, const float *b,
                     struct tac_span rows, size_t panel, size_t k0, size_t k)
{
    const struct tac_kern_gemm *g = p->g;
    size_t m = rows.hi - rows.lo, col = panel * g->nr, at = rows.lo * p->N + col;
    for (size_t l = 0; l < k; l += TAC_KC)
        p->t->tile(tile, a + words(p, l) * g->mr, b + words(p, l) * g->nr, m,
                   words(p, tac_min(TAC_KC, k - l)), k0 + l > 0);
    if (k0 + k == p->K)
        g->finish(p->y + at, p->N, tile, p->bias ? p->bias + col : NULL,
                  p->res ? p->res + at : NULL, m, tac_min(g->nr, p->N - col));
}

/* All tiles of one chunk of B. `tiles` holds them all where K takes several slabs, else one after
 * another. */
static void run_slab(const struct product *p, const struct cut *c, const float *a, const float *b,
                     float *tiles, struct part part, size_t k0, size_t k)
{
    size_t mr = p->g->mr, nr = p->g->nr, n = part.col.hi - part.col.lo;
    size_t keep = c->slab < p->K ? mr * nr : 0;
    for (size_t i = part.row.lo; i < part.row.hi; i++)
        for (size_t j = 0; j < n; j++)
            run_tile(p, tiles + ((i - part.row.lo) * n + j) * keep,
                     a + i * c->row_stride + words(p, k0) * mr, b + j * words(p, k) * nr,
                     panel_rows(c, i), part.col.lo + j, k0, k);
}

static void run_part(const struct product *p, const struct cut *c, const float *a, float *own,
                     struct part part)
{
    for (size_t j = part.col.lo; j < part.col.hi; j += c->chunk)
        for (size_t k0 = 0; k0 < p->K; k0 += c->slab) {
            struct tac_span some = {j, tac_min(j + c->chunk, part.col.hi)};
            size_t k = tac_min(c->slab, p->K - k0);
            pack_b(p, own, some, k0, k);
            run_slab(p, c, a, own, own + B_FLOATS, (struct part){part.row, some}, k0, k);
        }
}

/* What thread `id` of `of` computes: a range of columns, or, where there are too few of them, of
 * rows. */
static struct part part_of(const struct product *p, const struct cut *c, size_t id, size_t of)
{
    size_t n_col = (p->N + p->g->nr - 1) / p->g->nr;
    if (n_col >= of)
        return (struct part){{0, c->n_row}, tac_share(n_col, id, of)};
    return (struct part){tac_share(c->n_row, id, of), {0, n_col}};
}

static void run_rows(struct tac_backend *be, const struct product *p, const struct cut *c)
{
    float *a = be->scratch;
    int threads = tac_threads_for(be->threads, (c->m1 - c->m0) * p->N * p->K);
#pragma omp parallel num_threads(threads)
    {
        size_t id = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        double from = tac_busy_from(be);
        pack_a(p, c, a, tac_share(c->n_row, id, of));
        tac_busy_until(be, id, from);
#pragma omp barrier
        from = tac_busy_from(be);
        run_part(p, c, a, a + A_FLOATS + id * (B_FLOATS + C_FLOATS), part_of(p, c, id, of));
        tac_busy_until(be, id, from);
    }
}

/* A thin product (one row panel) packs B a block at a time into the first-level cache: it is used
 * once. */
static struct cut cut_of(const struct product *p)
{
    bool thin = p->M <= p->g->mr;
    struct cut c = {.slab = thin ? TAC_KC : SLAB, .chunk = thin ? 1 : CHUNK / p->g->nr};
    c.row_stride = tac_round_up(words(p, p->K) * p->g->mr + PACK_SLACK, PACK_SLACK);
    return c;
}

static void gemm(struct tac_backend *be, const struct product *p)
{
    size_t mr = p->g->mr;
    if (!p->M || !p->N || !p->K)
        return;
    struct cut c = cut_of(p);
    size_t most = tac_min(A_FLOATS / c.row_stride, C_FLOATS / (mr * CHUNK));
    TAC_CHECK(most > 0); /* else K is beyond 300,000 */
    size_t blocks = (p->M + most * mr - 1) / (most * mr);
    for (size_t i = 0; i < blocks; i++) {
        struct tac_span r = tac_share(p->M, i, blocks);
        c.m0 = r.lo;
        c.m1 = r.hi;
        c.n_row = (r.hi - r.lo + mr - 1) / mr;
        run_rows(be, p, &c);
    }
}

/* The precision is for frozen weights alone. */
static const struct tac_kern_tile *tile_for(const struct tac_backend *be,
                                            const struct tac_weight *w)
{
    return w->type == TAC_W_REAL ? &be->kern->gemm->f32 : be->frozen;
}

/* A weight as the second factor, where K, the summed index, is its columns, or its rows. */
static struct factor factor_of(const struct tac_weight *w, bool over_cols)
{
    size_t ld = w->across ? w->rows : w->cols;
    return (struct factor){w->data, w->type, ld, over_cols != w->across};
}

void tac_cpu_matmul(struct tac_backend *be, void *y, const void *x, const struct tac_weight *w,
                    const void *bias, const void *res, size_t T)
{
    if (tac_cpu_thin(be, y, x, w, true, bias, res, T))
        return;
    struct product p = {
        .y = y,
        .a = {x, TAC_W_REAL, w->cols, true},
        .b = factor_of(w, true),
        .bias = bias,
        .res = res,
        .M = T,
        .N = w->rows,
        .K = w->cols,
        .g = be->kern->gemm,
        .t = tile_for(be, w),
    };
    gemm(be, &p);
}

void tac_cpu_matmul_dx(struct tac_backend *be, void *dx, const void *dy, const struct tac_weight *w,
                       const void *res, size_t T)
{
    if (tac_cpu_thin(be, dx, dy, w, false, NULL, res, T))
        return;
    struct product p = {
        .y = dx,
        .a = {dy, TAC_W_REAL, w->rows, true},
        .b = factor_of(w, false),
        .res = res,
        .M = T,
        .N = w->cols,
        .K = w->rows,
        .g = be->kern->gemm,
        .t = tile_for(be, w),
    };
    gemm(be, &p);
}

void tac_cpu_matmul_dw(struct tac_backend *be, void *dw, void *db, const void *dy, const void *x,
                       size_t T, size_t N, size_t K)
{
    struct product p = {
        .y = dw,
        .a = {dy, TAC_W_REAL, N, false},
        .b = {x, TAC_W_REAL, K, false},
        .res = dw,
        .M = N,
        .N = K,
        .K = T,
        .g = be->kern->gemm,
        .t = &be->kern->gemm->f32,
    };
    if (dw)
        gemm(be, &p);
    if (db)
        be->kern->gemm->column_sum(db, dy, N, N, T);
}
