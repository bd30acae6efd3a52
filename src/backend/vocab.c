/* The head: logits of blocks of the vocabulary, each used at once for the loss and its gradient and
 * kept only where they are asked for. Every block is a matrix product of gemm.c on a view of E, so
 * a logit has the bytes that matmul gives it; a row's running maximum and sum go through the blocks
 * in order, so they depend on the row alone. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/kern_rows.h"
#include "backend/threads.h"
#include "backend/trace.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Vocabulary rows of a block (part of the law), rows worked on together, columns of an embedding
 * expanded at once. */
enum { BLOCK = 4096, ROWS = 256, PIECE = 1024 };

/* One group of at most ROWS rows at work. */
struct group {
    struct tac_backend *be;
    const struct tac_weight *E;
    const float *x; /* (R,C) */
    size_t R;
    float *logit;     /* (R, BLOCK) */
    float *out;       /* (R,V), or NULL */
    float max[ROWS];  /* running */
    double sum[ROWS]; /* of exp(logit - max) */
    int32_t best[ROWS];
};

/* The logits lie behind what the matrix product uses. */
size_t tac_vocab_scratch(int threads)
{
    return tac_gemm_scratch(threads) + sizeof(float) * ROWS * BLOCK;
}

/* Rows from .. from + n of E. */
static struct tac_weight view(const struct tac_weight *E, size_t from, size_t n)
{
    const char *data = E->data;
    return (struct tac_weight){data + from * E->cols * tac_wtype_size(E->type, sizeof(float)),
                               E->type, n, E->cols, false};
}

static struct group group_open(struct tac_backend *be, const struct tac_weight *E, const float *x,
                               size_t R)
{
    struct group g = {.be = be, .E = E, .x = x, .R = R};
    g.logit = (float *)((char *)be->scratch + tac_gemm_scratch(be->threads));
    for (size_t r = 0; r < R; r++)
        g.max[r] = -INFINITY;
    return g;
}

/* Takes a block's n logits of row r into maximum and sum; logits become exp(logit - max), and the
 * factor by which what was summed before shrinks is returned. */
static float take_row(struct group *g, size_t r, size_t from, size_t n)
{
    const struct tac_kern_rows *k = g->be->kern->rows;
    float *l = g->logit + r * n, old = g->max[r], max = k->max(l, n, old), shrink = 1;
    if (max > old) {
        size_t i = 0;
        while (l[i] != max)
            i++;
        g->best[r] = (int32_t)(from + i);
        g->max[r] = max;
        shrink = k->exp(old - max);
    }
    g->sum[r] = g->sum[r] * (double)shrink + (double)k->exp_sum(l, n, max);
    return shrink;
}

static void pick_targets(struct group *g, float *logp, const struct tac_target *target, size_t n,
                         size_t first_row, size_t from, size_t block)
{
    for (size_t i = 0; i < n; i++) {
        size_t token = (size_t)target[i].token, r = (size_t)target[i].row - first_row;
        if (token >= from && token < from + block)
            logp[i] = g->logit[r * block + token - from];
    }
}

/* One thread's rows of a block; what acc holds of them shrinks. */
static void take_rows(struct group *g, float *acc, size_t from, size_t block)
{
    size_t C = g->E->cols;
    double busy = tac_busy_from(g->be);
#pragma omp for schedule(static) nowait
    for (size_t r = 0; r < g->R; r++) {
        float shrink = take_row(g, r, from, block);
        for (size_t c = 0; acc && shrink != 1.0f && c < C; c++)
            acc[r * C + c] *= shrink;
    }
    tac_busy_until(g->be, (size_t)omp_get_thread_num(), busy);
}

/* Walks the vocabulary; acc (R,C), or NULL, becomes sum_v exp(logit - max) E_v. */
static void walk(struct group *g, float *logp, float *acc, const struct tac_target *target,
                 size_t n, size_t first_row)
{
    struct tac_backend *be = g->be;
    size_t V = g->E->rows, R = g->R;
    for (size_t from = 0; from < V; from += BLOCK) {
        size_t block = V - from < BLOCK ? V - from : BLOCK;
        struct tac_weight e = view(g->E, from, block);
        tac_cpu_matmul(be, g->logit, g->x, &e, NULL, NULL, R);
        for (size_t r = 0; g->out && r < R; r++)
            memcpy(g->out + r * V + from, g->logit + r * block, block * sizeof *g->out);
        pick_targets(g, logp, target, n, first_row, from, block);
#pragma omp parallel num_threads(be->threads)
        take_rows(g, acc, from, block);
        if (acc)
            tac_cpu_matmul_dx(be, acc, g->logit, &e, acc, R);
    }
}

/* dx of row r: the row's weights times the mean embedding, minus each target's own. */
static void finish_dx(const struct group *g, float *dx, size_t r, float weight)
{
    size_t C = g->E->cols;
    float by = (float)((double)weight / g->sum[r]);
    for (size_t c = 0; c < C; c++)
        dx[r * C + c] *= by;
}

static void subtract_targets(struct group *g, float *dx, const struct tac_target *target, size_t n,
                             size_t first_row)
{
    size_t C = g->E->cols, size = tac_wtype_size(g->E->type, sizeof(float));
    const char *data = g->E->data;
    float e[PIECE];
    for (size_t i = 0; i < n; i++) {
        float *to = dx + ((size_t)target[i].row - first_row) * C;
        for (size_t from = 0; from < C; from += PIECE) {
            size_t m = C - from < PIECE ? C - from : PIECE;
            g->be->kern->rows->expand(e, data + ((size_t)target[i].token * C + from) * size,
                                      g->E->type, m);
            for (size_t c = 0; c < m; c++)
                to[from + c] = fmaf(-target[i].weight, e[c], to[from + c]);
        }
    }
}

static void run_group(struct tac_backend *be, float *logp, int32_t *best, float *dx, double *lse,
                      float *logits, const float *x, const struct tac_weight *E,
                      const struct tac_target *target, size_t n, size_t first_row, size_t R)
{
    struct group g = group_open(be, E, x, R);
    g.out = logits;
    float weight[ROWS] = {0};
    double row_lse[ROWS];
    if (dx)
        memset(dx, 0, R * E->cols * sizeof *dx);
    walk(&g, logp, dx, target, n, first_row);
    for (size_t r = 0; r < R; r++)
        row_lse[r] = (double)g.max[r] + be->kern->rows->log(g.sum[r]);
    for (size_t i = 0; i < n; i++) {
        size_t r = (size_t)target[i].row - first_row;
        logp[i] = (float)((double)logp[i] - row_lse[r]);
        weight[r] += target[i].weight;
    }
    if (best)
        memcpy(best, g.best, R * sizeof *best);
    if (lse)
        memcpy(lse, row_lse, R * sizeof *lse);
    for (size_t r = 0; dx && r < R; r++)
        finish_dx(&g, dx, r, weight[r]);
    if (dx)
        subtract_targets(&g, dx, target, n, first_row);
}

/* Targets of the rows before `end`, from at on. */
static size_t targets_before(const struct tac_target *target, size_t at, size_t n, size_t end)
{
    while (at < n && (size_t)target[at].row < end)
        at++;
    return at;
}

void tac_cpu_vocab(struct tac_backend *be, void *logp, int32_t *best, void *dx, void *lse,
                   void *logits, const void *x, const struct tac_weight *E,
                   const struct tac_target *target, size_t n, size_t R)
{
    size_t C = E->cols;
    for (size_t r = 0, t = 0, end; r < R; r += ROWS, t = end) {
        size_t rows = R - r < ROWS ? R - r : ROWS;
        end = targets_before(target, t, n, r + rows);
        run_group(be, logp ? (float *)logp + t : NULL, best ? best + r : NULL,
                  dx ? (float *)dx + r * C : NULL, lse ? (double *)lse + r : NULL,
                  logits ? (float *)logits + r * E->rows : NULL, (const float *)x + r * C, E,
                  n ? target + t : NULL, end - t, r, rows);
    }
}

/* One group's part of vocab_dw: probabilities again, block by block, times the rows. */
static void add_group(struct tac_backend *be, float *dE, const float *x, const double *lse,
                      const struct tac_weight *E, const float *weight, size_t R)
{
    struct group g = group_open(be, E, x, R);
    for (size_t from = 0; from < E->rows; from += BLOCK) {
        size_t block = E->rows - from < BLOCK ? E->rows - from : BLOCK;
        struct tac_weight e = view(E, from, block);
        tac_cpu_matmul(be, g.logit, x, &e, NULL, NULL, R);
#pragma omp parallel for num_threads(be->threads) schedule(static)
        for (size_t r = 0; r < R; r++)
            be->kern->rows->exp_scale(g.logit + r * block, block, (float)lse[r], weight[r]);
        tac_cpu_matmul_dw(be, dE + from * E->cols, NULL, g.logit, x, R, block, E->cols);
    }
}

void tac_cpu_vocab_dw(struct tac_backend *be, void *dE, const void *x, const void *lse,
                      const struct tac_weight *E, const struct tac_target *target, size_t n,
                      size_t R)
{
    size_t C = E->cols;
    for (size_t r = 0, t = 0, end; r < R; r += ROWS, t = end) {
        size_t rows = R - r < ROWS ? R - r : ROWS;
        float weight[ROWS] = {0};
        end = targets_before(target, t, n, r + rows);
        for (size_t i = t; i < end; i++)
            weight[(size_t)target[i].row - r] += target[i].weight;
        add_group(be, dE, (const float *)x + r * C, (const double *)lse + r, E, weight, rows);
    }
    for (size_t i = 0; i < n; i++) {
        const float *row = (const float *)x + (size_t)target[i].row * C;
        float *to = (float *)dE + (size_t)target[i].token * C;
        for (size_t c = 0; c < C; c++)
            to[c] = fmaf(-target[i].weight, row[c], to[c]);
    }
}
