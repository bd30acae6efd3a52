/* Matrix products: C (M,N) = A (M,K) B (K,N) + bias + res.
 *
 * Both factors are packed into panels (kern.h). A is packed once, into memory that all threads
 * read; each thread owns a range of column panels, packs a chunk of B that stays in its
 * second-level cache, and runs over all rows of A with it, so a weight is read, and expanded to
 * float, once a call. Each tile walks all blocks of TAC_KC in order, which is the law of ops.h;
 * nothing depends on the number of threads. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/threads.h"

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
};

/* How a product is cut. Rows [m0, m1) are cut into n_row panels of at most mr rows, of nearly equal
 * size. */
struct cut {
    size_t m0, m1, n_row, row_stride; /* floats of a packed row panel */
    size_t slab, chunk; /* B is packed `slab` of K by `chunk` column panels at a time */
};

size_t tac_gemm_scratch(int threads)
{
    return sizeof(float) * (A_FLOATS + (size_t)threads * (B_FLOATS + C_FLOATS));
}

/* Packs `n` of the factor's rows (A) or columns (B) from `i`, for k in [k0, k0 + k). */
static void pack(const struct tac_kern_gemm *g, float *dst, size_t width, const struct factor *f,
                 size_t i, size_t n, size_t k0, size_t k)
{
    size_t size = f->type == TAC_W_F16 || f->type == TAC_W_BF16 ? 2 : 4;
    size_t at = f->by_row ? i * f->ld + k0 : k0 * f->ld + i;
    (f->by_row ? g->pack_t : g->pack_n)(dst, width, (const char *)f->data + at * size, f->type,
                                        f->ld, n, k);
}

static struct tac_span panel_rows(const struct cut *c, size_t panel)
{
    struct tac_span s = tac_share(c->m1 - c->m0, panel, c->n_row);
    return (struct tac_span){c->m0 + s.lo, c->m0 + s.hi};
}

static void pack_a(const struct tac_kern_gemm *g, const struct product *p, const struct cut *c,
                   float *a, struct tac_span panels)
{
    size_t step = p->a.by_row ? p->K : PACK_STEP;
    for (size_t l = 0; l < p->K; l += step)
        for (size_t i = panels.lo; i < panels.hi; i++) {
            struct tac_span r = panel_rows(c, i);
            pack(g, a + i * c->row_stride + l * g->mr, g->mr, &p->a, r.lo, r.hi - r.lo, l,
                 tac_min(step, p->K - l));
        }
}

/* Column panels [panels) of B for k in [k0, k0 + k), each k * nr floats. */
static void pack_b(const struct tac_kern_gemm *g, const struct product *p, float *b,
                   struct tac_span panels, size_t k0, size_t k)
{
    size_t step = p->b.by_row ? k : PACK_STEP;
    for (size_t l = 0; l < k; l += step)
        for (size_t j = panels.lo; j < panels.hi; j++)
            pack(g, b + ((j - panels.lo) * k + l) * g->nr, g->nr, &p->b, j * g->nr,
                 tac_min(g->nr, p->N - j * g->nr), k0 + l, tac_min(step, k - l));
}

/* One tile's products for k in [k0, k0 + k), block by block, and its end in y once K is through. */
static void run_tile(const struct tac_kern_gemm *g, const struct product *p, float *tile,
                     const float *a, const float *b, struct tac_span rows, size_t panel, size_t k0,
                     size_t k)
{
    size_t m = rows.hi - rows.lo, col = panel * g->nr, at = rows.lo * p->N + col;
    for (size_t l = 0; l < k; l += TAC_KC)
        g->tile(tile, a + l * g->mr, b + l * g->nr, m, tac_min(TAC_KC, k - l), k0 + l > 0);
    if (k0 + k == p->K)
        g->finish(p->y + at, p->N, tile, p->bias ? p->bias + col : NULL,
                  p->res ? p->res + at : NULL, m, tac_min(g->nr, p->N - col));
}

/* All tiles of one chunk of B. `tiles` holds them all where K takes several slabs, else one after
 * another. */
static void run_slab(const struct tac_kern_gemm *g, const struct product *p, const struct cut *c,
                     const float *a, const float *b, float *tiles, struct tac_span panels,
                     size_t k0, size_t k)
{
    size_t n = panels.hi - panels.lo, keep = c->slab < p->K ? g->mr * g->nr : 0;
    for (size_t i = 0; i < c->n_row; i++)
        for (size_t j = 0; j < n; j++)
            run_tile(g, p, tiles + (i * n + j) * keep, a + i * c->row_stride + k0 * g->mr,
                     b + j * k * g->nr, panel_rows(c, i), panels.lo + j, k0, k);
}

static void run_columns(const struct tac_kern_gemm *g, const struct product *p, const struct cut *c,
                        const float *a, float *own, struct tac_span panels)
{
    for (size_t j = panels.lo; j < panels.hi; j += c->chunk)
        for (size_t k0 = 0; k0 < p->K; k0 += c->slab) {
            struct tac_span some = {j, tac_min(j + c->chunk, panels.hi)};
            size_t k = tac_min(c->slab, p->K - k0);
            pack_b(g, p, own, some, k0, k);
            run_slab(g, p, c, a, own, own + B_FLOATS, some, k0, k);
        }
}

static void run_rows(struct tac_backend *be, const struct product *p, const struct cut *c)
{
    const struct tac_kern_gemm *g = be->kern->gemm;
    float *a = be->scratch;
    size_t n_col = (p->N + g->nr - 1) / g->nr;
    int threads = tac_threads_for(be->threads, (c->m1 - c->m0) * p->N * p->K);
#pragma omp parallel num_threads(threads)
    {
        size_t id = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        pack_a(g, p, c, a, tac_share(c->n_row, id, of));
#pragma omp barrier
        run_columns(g, p, c, a, a + A_FLOATS + id * (B_FLOATS + C_FLOATS),
                    tac_share(n_col, id, of));
    }
}

/* A thin product (one row panel) packs B a block at a time into the first-level cache: it is used
 * once. */
static struct cut cut_of(const struct tac_kern_gemm *g, const struct product *p)
{
    bool thin = p->M <= g->mr;
    struct cut c = {.slab = thin ? TAC_KC : SLAB, .chunk = thin ? 1 : CHUNK / g->nr};
    c.row_stride = tac_round_up(p->K * g->mr + PACK_SLACK, PACK_SLACK);
    return c;
}

static void gemm(struct tac_backend *be, const struct product *p)
{
    const struct tac_kern_gemm *g = be->kern->gemm;
    if (!p->M || !p->N || !p->K)
        return;
    struct cut c = cut_of(g, p);
    size_t most = tac_min(A_FLOATS / c.row_stride, C_FLOATS / (g->mr * CHUNK));
    TAC_CHECK(most > 0); /* else K is beyond 300,000 */
    size_t blocks = (p->M + most * g->mr - 1) / (most * g->mr);
    for (size_t i = 0; i < blocks; i++) {
        struct tac_span r = tac_share(p->M, i, blocks);
        c.m0 = r.lo;
        c.m1 = r.hi;
        c.n_row = (r.hi - r.lo + g->mr - 1) / g->mr;
        run_rows(be, p, &c);
    }
}

void tac_cpu_matmul(struct tac_backend *be, void *y, const void *x, const struct tac_weight *w,
                    const void *bias, const void *res, size_t T)
{
    struct product p = {
        .y = y,
        .a = {x, TAC_W_REAL, w->cols, true},
        .b = {w->data, w->type, w->cols, true},
        .bias = bias,
        .res = res,
        .M = T,
        .N = w->rows,
        .K = w->cols,
    };
    gemm(be, &p);
}

void tac_cpu_matmul_dx(struct tac_backend *be, void *dx, const void *dy, const struct tac_weight *w,
                       const void *res, size_t T)
{
    struct product p = {
        .y = dx,
        .a = {dy, TAC_W_REAL, w->rows, true},
        .b = {w->data, w->type, w->cols, false},
        .res = res,
        .M = T,
        .N = w->cols,
        .K = w->rows,
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
    };
    gemm(be, &p);
    if (db)
        be->kern->gemm->column_sum(db, dy, N, N, T);
}
