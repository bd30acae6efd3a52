/* The reference, compiled for float and for double (TAC_REAL). Written to be read against ops.h,
 * which states what every op computes: no blocking, no lanes, no threads, sums in the real type
 * from the first element on. The float table has the range and rounding of the fast backends, the
 * double table is the truth. */
#include "backend/ref.h"

#include "backend/backend.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

/* No op but finite needs its backend. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

typedef TAC_REAL real;

/* ---- memory ---- */

static void *op_alloc(struct tac_backend *be, size_t bytes)
{
    size_t n = (bytes / 64 + 1) * 64;
    void *p = aligned_alloc(64, n);
    return p ? memset(p, 0, n) : NULL;
}

static void op_release(struct tac_backend *be, void *p)
{
    free(p);
}

static void op_upload(struct tac_backend *be, void *dst, const float *src, size_t n)
{
    real *y = dst;
    for (size_t i = 0; i < n; i++)
        y[i] = (real)src[i];
}

static void op_upload_f64(struct tac_backend *be, void *dst, const double *src, size_t n)
{
    real *y = dst;
    for (size_t i = 0; i < n; i++)
        y[i] = (real)src[i];
}

static void op_download(struct tac_backend *be, float *dst, const void *src, size_t n)
{
    const real *x = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)x[i];
}

static void op_read(struct tac_backend *be, void *dst, const void *src, size_t bytes)
{
    (void)be;
    if (bytes)
        memcpy(dst, src, bytes);
}

static void op_download_f64(struct tac_backend *be, double *dst, const void *src, size_t n)
{
    const real *x = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = (double)x[i];
}

static void op_sync(struct tac_backend *be)
{
}

/* ---- weights ---- */

static real from_f16(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    real v =
        exponent == 0 ? ldexp((real)mantissa, -24) : ldexp((real)(1024 + mantissa), exponent - 25);
    if (exponent == 31)
        v = mantissa ? (real)NAN : (real)INFINITY;
    return h & 0x8000 ? -v : v;
}

static float from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Element (row, col); the data may be unaligned. */
static real weight_at(const struct tac_weight *w, size_t row, size_t col)
{
    size_t i = w->across ? col * w->rows + row : row * w->cols + col;
    uint16_t h;
    float f;
    switch (w->type) {
    case TAC_W_F32:
        memcpy(&f, (const char *)w->data + 4 * i, sizeof f);
        return (real)f;
    case TAC_W_F16:
        memcpy(&h, (const char *)w->data + 2 * i, sizeof h);
        return from_f16(h);
    case TAC_W_BF16:
        memcpy(&h, (const char *)w->data + 2 * i, sizeof h);
        return (real)from_bf16(h);
    case TAC_W_REAL:
        break;
    }
    return ((const real *)w->data)[i];
}

static real dot(const real *a, const real *b, size_t n)
{
    real sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* y += s * x */
static void axpy(real *y, real s, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

/* x as a product with the frozen weight w takes it: rounded where the precision is bf16. */
static real operand(const struct tac_backend *be, const struct tac_weight *w, real x)
{
    if (!be->bf16 || w->type == TAC_W_REAL)
        return x;
    float f = fabs(x) < (real)FLT_MIN ? 0 : (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return isfinite(x) ? (real)from_bf16((uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)) : x;
}

/* Row r's element c of a weight, as a product takes it. */
static real factor_at(const struct tac_backend *be, const struct tac_weight *w, size_t r, size_t c)
{
    return operand(be, w, weight_at(w, r, c));
}

/* ---- embedding and rows ---- */

static void op_embed(struct tac_backend *be, void *y, const struct tac_weight *E, const void *soft,
                     const int32_t *src, size_t T, size_t C)
{
    for (size_t t = 0; t < T; t++)
        for (size_t c = 0; c < C; c++)
            ((real *)y)[t * C + c] = src[t] >= 0
                                         ? weight_at(E, (size_t)src[t], c)
                                         : ((const real *)soft)[(size_t)(-1 - src[t]) * C + c];
}

static void op_embed_dx(struct tac_backend *be, void *dsoft, void *dE, const void *dy,
                        const int32_t *src, size_t T, size_t C)
{
    for (size_t t = 0; t < T; t++) {
        real *to = src[t] >= 0 ? dE : dsoft;
        size_t row = (size_t)(src[t] >= 0 ? src[t] : -1 - src[t]);
        if (to)
            axpy(to + row * C, 1, (const real *)dy + t * C, C);
    }
}

static void op_rows_get(struct tac_backend *be, void *y, const void *x, const int32_t *idx,
                        size_t n, size_t C)
{
    for (size_t i = 0; i < n; i++)
        memcpy((real *)y + i * C, (const real *)x + (size_t)idx[i] * C, C * sizeof(real));
}

static void op_rows_add(struct tac_backend *be, void *y, const void *x, const int32_t *idx,
                        size_t n, size_t C)
{
    for (size_t i = 0; i < n; i++)
        axpy((real *)y + (size_t)idx[i] * C, 1, (const real *)x + i * C, C);
}

static void op_mix(struct tac_backend *be, void *y, double a, double b, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((real *)y)[i] = (real)a * ((real *)y)[i];
    if (b != 0)
        axpy(y, (real)b, x, n);
}

static void op_zero(struct tac_backend *be, void *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((real *)y)[i] = 0;
}

static void op_scale(struct tac_backend *be, void *y, const void *x, const void *s, const void *res,
                     size_t T, size_t N)
{
    for (size_t i = 0; i < T * N; i++)
        ((real *)y)[i] =
            ((const real *)x)[i] * ((const real *)s)[i % N] + (res ? ((const real *)res)[i] : 0);
}

static void op_scale_dw(struct tac_backend *be, void *ds, const void *dy, const void *x, size_t T,
                        size_t N)
{
    for (size_t i = 0; i < T * N; i++)
        ((real *)ds)[i % N] += ((const real *)dy)[i] * ((const real *)x)[i];
}

/* ---- normalisation ---- */

static real mean_of(const real *x, size_t n)
{
    real sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (real)n;
}

static void op_norm(struct tac_backend *be, void *y, void *stat, const void *x, const void *g,
                    const void *b, size_t T, size_t C, double eps, enum tac_norm_kind kind)
{
    for (size_t t = 0; t < T; t++) {
        const real *xt = (const real *)x + t * C;
        real mean = kind == TAC_LAYERNORM ? mean_of(xt, C) : 0, sq = 0;
        for (size_t c = 0; c < C; c++)
            sq += (xt[c] - mean) * (xt[c] - mean);
        real rstd = 1 / sqrt(sq / (real)C + (real)eps);
        for (size_t c = 0; c < C; c++)
            ((real *)y)[t * C + c] =
                (xt[c] - mean) * rstd * ((const real *)g)[c] + (b ? ((const real *)b)[c] : 0);
        ((real *)stat)[2 * t] = mean;
        ((real *)stat)[2 * t + 1] = rstd;
    }
}

/* With a = dy * g and xhat = (x - mean) * rstd: dx = rstd * (a - mean(a) - xhat * mean(a * xhat)),
 * without mean(a) for RMSNorm. */
static void op_norm_dx(struct tac_backend *be, void *dx, const void *res, const void *dy,
                       const void *x, const void *stat, const void *g, size_t T, size_t C,
                       enum tac_norm_kind kind)
{
    const real *gain = g;
    for (size_t t = 0; t < T; t++) {
        const real *xt = (const real *)x + t * C, *dyt = (const real *)dy + t * C;
        real mean = ((const real *)stat)[2 * t], rstd = ((const real *)stat)[2 * t + 1];
        real sum_a = 0, sum_ax = 0;
        for (size_t c = 0; c < C; c++) {
            sum_a += dyt[c] * gain[c];
            sum_ax += dyt[c] * gain[c] * (xt[c] - mean) * rstd;
        }
        real mean_a = kind == TAC_LAYERNORM ? sum_a / (real)C : 0, mean_ax = sum_ax / (real)C;
        for (size_t c = 0; c < C; c++) {
            real d = rstd * (dyt[c] * gain[c] - mean_a - (xt[c] - mean) * rstd * mean_ax);
            ((real *)dx)[t * C + c] = (res ? ((const real *)res)[t * C + c] : 0) + d;
        }
    }
}

static void op_norm_dw(struct tac_backend *be, void *dg, void *db, const void *dy, const void *x,
                       const void *stat, size_t T, size_t C, enum tac_norm_kind kind)
{
    for (size_t t = 0; t < T; t++) {
        real mean = ((const real *)stat)[2 * t], rstd = ((const real *)stat)[2 * t + 1];
        for (size_t c = 0; c < C; c++) {
            real d = ((const real *)dy)[t * C + c];
            ((real *)dg)[c] += d * (((const real *)x)[t * C + c] - mean) * rstd;
            if (db)
                ((real *)db)[c] += d;
        }
    }
}

/* ---- matrix products ---- */

static void op_matmul(struct tac_backend *be, void *y, const void *x, const struct tac_weight *w,
                      const void *bias, const void *res, size_t T)
{
    size_t N = w->rows, K = w->cols;
    for (size_t t = 0; t < T; t++)
        for (size_t n = 0; n < N; n++) {
            real sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += operand(be, w, ((const real *)x)[t * K + k]) * factor_at(be, w, n, k);
            sum += bias ? ((const real *)bias)[n] : 0;
            ((real *)y)[t * N + n] = sum + (res ? ((const real *)res)[t * N + n] : 0);
        }
}

static void op_matmul_dx(struct tac_backend *be, void *dx, const void *dy,
                         const struct tac_weight *w, const void *res, size_t T)
{
    size_t N = w->rows, K = w->cols;
    for (size_t t = 0; t < T; t++)
        for (size_t k = 0; k < K; k++) {
            real sum = 0;
            for (size_t n = 0; n < N; n++)
                sum += operand(be, w, ((const real *)dy)[t * N + n]) * factor_at(be, w, n, k);
            ((real *)dx)[t * K + k] = sum + (res ? ((const real *)res)[t * K + k] : 0);
        }
}

static void op_matmul_dw(struct tac_backend *be, void *dw, void *db, const void *dy, const void *x,
                         size_t T, size_t N, size_t K)
{
    for (size_t t = 0; t < T; t++)
        for (size_t n = 0; n < N; n++) {
            real d = ((const real *)dy)[t * N + n];
            if (dw)
                axpy((real *)dw + n * K, d, (const real *)x + t * K, K);
            if (db)
                ((real *)db)[n] += d;
        }
}

/* ---- heads ---- */

enum part { PART_Q, PART_K, PART_V };

/* Where a head's D values of a part begin in a fused row. */
static size_t fused_offset(const struct tac_heads *hd, enum part part, size_t head)
{
    if (hd->order == TAC_QKV_INTERLEAVED)
        return (head * 3 + part) * hd->D;
    size_t before = part == PART_Q ? 0 : part == PART_K ? hd->H : hd->H + hd->G;
    return (before + head) * hd->D;
}

static void op_heads(struct tac_backend *be, void *q, void *k, void *v, const void *qkv,
                     const struct tac_heads *hd, size_t T)
{
    size_t D = hd->D, width = (hd->H + 2 * hd->G) * D;
    real *out[] = {q, k, v};
    for (size_t t = 0; t < T; t++)
        for (enum part part = PART_Q; part <= PART_V; part++)
            for (size_t h = 0, n = part == PART_Q ? hd->H : hd->G; h < n; h++)
                memcpy(out[part] + (t * n + h) * D,
                       (const real *)qkv + t * width + fused_offset(hd, part, h), D * sizeof(real));
}

static void op_heads_dx(struct tac_backend *be, void *dqkv, const void *dq, const void *dk,
                        const void *dv, const struct tac_heads *hd, size_t T)
{
    size_t D = hd->D, width = (hd->H + 2 * hd->G) * D;
    const real *in[] = {dq, dk, dv};
    for (size_t t = 0; t < T; t++)
        for (enum part part = PART_Q; part <= PART_V; part++)
            for (size_t h = 0, n = part == PART_Q ? hd->H : hd->G; h < n; h++)
                memcpy((real *)dqkv + t * width + fused_offset(hd, part, h),
                       in[part] + (t * n + h) * D, D * sizeof(real));
}

static void op_rope(struct tac_backend *be, void *x, const struct tac_rope *r, const int32_t *pos,
                    size_t T, size_t n, bool back)
{
    size_t half = r->n / 2;
    for (size_t t = 0; t < T; t++)
        for (size_t h = 0; h < n; h++)
            for (size_t i = 0; i < half; i++) {
                const real *row = (const real *)r->table + (size_t)pos[t] * r->n;
                real co = row[i], si = back ? -row[half + i] : row[half + i];
                real *head = (real *)x + (t * n + h) * r->D;
                real *a = head + (r->half ? i : 2 * i),
                     *b = head + (r->half ? i + half : 2 * i + 1);
                real rotated = *a * co - *b * si;
                *b = *b * co + *a * si;
                *a = rotated;
            }
}

/* ---- attention ---- */

/* A key of a path: the i-th of a segment. */
struct key {
    const struct tac_seg *seg;
    size_t i;
};

/* The keys that row t sees, by path index; returns their number. The last is the row's own. */
static size_t path_keys(struct key *keys, const struct tac_attn *a, int32_t t)
{
    const struct tac_seg *own = &a->seg[a->seg_of[t]];
    for (int32_t s = a->seg_of[t]; s >= 0; s = a->seg[s].parent) {
        const struct tac_seg *seg = &a->seg[s];
        int32_t n = seg == own ? t - seg->row0 + 1 : seg->n;
        for (int32_t i = 0; i < n; i++)
            keys[seg->base + i] = (struct key){seg, (size_t)i};
    }
    return (size_t)(own->base + t - own->row0 + 1);
}

static size_t longest_path(const struct tac_attn *a)
{
    size_t n = 1;
    for (size_t s = 0; s < a->n_seg; s++)
        if ((size_t)(a->seg[s].base + a->seg[s].n) > n)
            n = (size_t)(a->seg[s].base + a->seg[s].n);
    return n;
}

/* Room for the keys and scores of the longest path; false and a fault where there is no memory. */
static bool path_room(struct tac_backend *be, struct key **keys, real **score,
                      const struct tac_attn *a)
{
    size_t n = longest_path(a);
    *keys = malloc(n * sizeof **keys);
    *score = malloc(n * sizeof **score);
    if (!*keys || !*score)
        be->fault = true;
    return *keys && *score;
}

/* A key's D values of head g in k (or v), or in the KV node's own array. */
static const real *key_at(const struct tac_attn *a, struct key key, size_t g, const void *rows,
                          const void *own)
{
    size_t r = key.seg->kv < 0 ? (size_t)key.seg->row0 + key.i : key.i;
    return (const real *)(key.seg->kv < 0 ? rows : own) + (r * a->G + g) * a->D;
}

static const real *k_at(const struct tac_attn *a, struct key key, size_t g, const void *k)
{
    return key_at(a, key, g, k, key.seg->kv < 0 ? NULL : a->kv[key.seg->kv].k);
}

static const real *v_at(const struct tac_attn *a, struct key key, size_t g, const void *v)
{
    return key_at(a, key, g, v, key.seg->kv < 0 ? NULL : a->kv[key.seg->kv].v);
}

/* Adds s * x to the gradient of a key where that is wanted. rows: dk or dv; own: the KV node's, or
 * NULL. */
static void key_add(const struct tac_attn *a, struct key key, size_t g, real *rows, real *own,
                    real s, const real *x)
{
    real *to = key.seg->kv >= 0 ? own : key.seg->grad ? rows : NULL;
    size_t r = key.seg->kv < 0 ? (size_t)key.seg->row0 + key.i : key.i;
    if (to)
        axpy(to + (r * a->G + g) * a->D, s, x, a->D);
}

static void path_scores(real *score, const struct key *keys, size_t n, const real *q, const void *k,
                        const struct tac_attn *a, size_t h)
{
    for (size_t j = 0; j < n; j++) {
        score[j] = (real)a->scale * dot(q, k_at(a, keys[j], h / (a->H / a->G), k), a->D);
        if (a->slope)
            score[j] -= (real)a->slope[h] * (real)(n - 1 - j);
    }
}

/* Turns n scores into exp(score - max) and returns their sum. */
static real exponentials(real *score, size_t n, real *max)
{
    real sum = 0;
    *max = score[0];
    for (size_t j = 1; j < n; j++)
        *max = score[j] > *max ? score[j] : *max;
    for (size_t j = 0; j < n; j++)
        sum += score[j] = exp(score[j] - *max);
    return sum;
}

static void op_attend(struct tac_backend *be, void *o, void *lse, const void *q, const void *k,
                      const void *v, const struct tac_attn *a)
{
    size_t H = a->H, D = a->D;
    struct key *keys;
    real *score, max;
    bool room = path_room(be, &keys, &score, a);
    for (size_t i = 0; room && i < a->n_query; i++) {
        int32_t t = a->query ? a->query[i] : (int32_t)i;
        size_t n = path_keys(keys, a, t);
        for (size_t h = 0; h < H; h++) {
            real *oh = (real *)o + (i * H + h) * D;
            path_scores(score, keys, n, (const real *)q + ((size_t)t * H + h) * D, k, a, h);
            real sum = exponentials(score, n, &max);
            memset(oh, 0, D * sizeof *oh);
            for (size_t j = 0; j < n; j++)
                axpy(oh, score[j] / sum, v_at(a, keys[j], h / (H / a->G), v), D);
            ((real *)lse)[i * H + h] = max + log(sum);
        }
    }
    free(keys);
    free(score);
}

/* What one head of one query gives to dq (may be NULL) and to the keys of its path: with p =
 * exp(score - lse), ds = p * (dout.v - dout.o): dq += scale * ds * k, dk += scale * ds * q, dv += p
 * * dout. */
struct query_grad {
    const real *q, *dout, *o;
    real lse, *dq;
};

static void query_dx(const struct query_grad *x, real *dk, real *dv, const void *k, const void *v,
                     real *score, const struct key *keys, size_t n, const struct tac_attn *a,
                     size_t h)
{
    size_t g = h / (a->H / a->G);
    real delta = dot(x->dout, x->o, a->D), scale = (real)a->scale;
    path_scores(score, keys, n, x->q, k, a, h);
    for (size_t j = 0; j < n; j++) {
        const struct tac_kv *kv = keys[j].seg->kv < 0 ? NULL : &a->kv[keys[j].seg->kv];
        real p = exp(score[j] - x->lse);
        real ds = p * (dot(x->dout, v_at(a, keys[j], g, v), a->D) - delta) * scale;
        if (x->dq)
            axpy(x->dq, ds, k_at(a, keys[j], g, k), a->D);
        key_add(a, keys[j], g, dk, kv ? kv->dk : NULL, ds, x->q);
        key_add(a, keys[j], g, dv, kv ? kv->dv : NULL, p, x->dout);
    }
}

static void op_attend_dx(struct tac_backend *be, void *dq, void *dk, void *dv, const void *dout,
                         const void *o, const void *lse, const void *q, const void *k,
                         const void *v, const struct tac_attn *a)
{
    size_t H = a->H, D = a->D;
    struct key *keys;
    real *score;
    bool room = path_room(be, &keys, &score, a);
    if (dq)
        op_zero(be, dq, a->T * H * D);
    op_zero(be, dk, a->T * a->G * D);
    op_zero(be, dv, a->T * a->G * D);
    for (size_t i = 0; room && i < a->n_query; i++) {
        int32_t t = a->query ? a->query[i] : (int32_t)i;
        size_t n = path_keys(keys, a, t);
        for (size_t h = 0; h < H; h++) {
            size_t at = ((size_t)t * H + h) * D, compact = (i * H + h) * D;
            struct query_grad x = {(const real *)q + at, (const real *)dout + compact,
                                   (const real *)o + compact, ((const real *)lse)[i * H + h],
                                   dq ? (real *)dq + at : NULL};
            query_dx(&x, dk, dv, k, v, score, keys, n, a, h);
        }
    }
    free(keys);
    free(score);
}

/* ---- activations ---- */

/* GELU as BLOOM computes it (modeling_bloom.py: bloom_gelu_forward). */
static const real GELU_A = (real)0.79788456, GELU_B = (real)0.044715;

static real act(real x, enum tac_act_kind kind)
{
    switch (kind) {
    case TAC_GELU_TANH:
        return x * (real)0.5 * (1 + tanh(GELU_A * x * (1 + GELU_B * x * x)));
    case TAC_SILU:
        return x / (1 + exp(-x));
    case TAC_TANH:
        return tanh(x);
    case TAC_GELU:
        return x * (real)0.5 * erfc(-x * (real)M_SQRT1_2);
    case TAC_RELU:
        break;
    }
    return x < 0 ? 0 : x;
}

static real act_slope(real x, enum tac_act_kind kind)
{
    real t, s;
    switch (kind) {
    case TAC_GELU_TANH:
        t = tanh(GELU_A * x * (1 + GELU_B * x * x));
        s = t * t < 1 ? x * (1 - t * t) * GELU_A * (1 + 3 * GELU_B * x * x) : 0;
        return (real)0.5 * (1 + t + s);
    case TAC_SILU:
        s = 1 / (1 + exp(-x));
        return s * (1 + x * (1 - s));
    case TAC_TANH:
        t = exp(-2 * fabs(x));
        return 4 * t / ((1 + t) * (1 + t));
    case TAC_GELU:
        s = (real)(0.5 * M_SQRT1_2 * M_2_SQRTPI); /* 1 / sqrt(2 pi) */
        return (real)0.5 * erfc(-x * (real)M_SQRT1_2) + x * s * exp((real)-0.5 * x * x);
    case TAC_RELU:
        break;
    }
    return x <= 0 ? 0 : 1;
}

static void op_act(struct tac_backend *be, void *y, const void *x, size_t n, enum tac_act_kind kind)
{
    for (size_t i = 0; i < n; i++)
        ((real *)y)[i] = act(((const real *)x)[i], kind);
}

static void op_act_dx(struct tac_backend *be, void *dx, const void *dy, const void *x, size_t n,
                      enum tac_act_kind kind)
{
    for (size_t i = 0; i < n; i++)
        ((real *)dx)[i] = ((const real *)dy)[i] * act_slope(((const real *)x)[i], kind);
}

static void op_gate(struct tac_backend *be, void *y, const void *x, const void *u, size_t n,
                    enum tac_act_kind kind)
{
    for (size_t i = 0; i < n; i++)
        ((real *)y)[i] = act(((const real *)x)[i], kind) * ((const real *)u)[i];
}

static void op_gate_dx(struct tac_backend *be, void *dx, void *du, const void *dy, const void *x,
                       const void *u, size_t n, enum tac_act_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        real d = ((const real *)dy)[i], xi = ((const real *)x)[i];
        ((real *)dx)[i] = d * ((const real *)u)[i] * act_slope(xi, kind);
        ((real *)du)[i] = d * act(xi, kind);
    }
}

/* ---- vocabulary ---- */

static void vocab_logits(const struct tac_backend *be, real *logit, const real *x,
                         const struct tac_weight *E)
{
    for (size_t v = 0; v < E->rows; v++) {
        logit[v] = 0;
        for (size_t c = 0; c < E->cols; c++)
            logit[v] += operand(be, E, x[c]) * factor_at(be, E, v, c);
    }
}

static int32_t index_of_max(const real *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return (int32_t)best;
}

static real total_weight(const struct tac_target *target, size_t m)
{
    real weight = 0;
    for (size_t i = 0; i < m; i++)
        weight += (real)target[i].weight;
    return weight;
}

/* Turns a row's logits into the gradient of -sum weight * logp by them, given the row's m targets.
 */
static void logit_grads(real *logit, real lse, size_t V, const struct tac_target *target, size_t m)
{
    real weight = total_weight(target, m);
    for (size_t v = 0; v < V; v++)
        logit[v] = weight * exp(logit[v] - lse);
    for (size_t i = 0; i < m; i++)
        logit[target[i].token] -= (real)target[i].weight;
}

/* The number of targets of row r from target[0] on. */
static size_t targets_of(const struct tac_target *target, size_t n, size_t r)
{
    size_t m = 0;
    while (m < n && (size_t)target[m].row == r)
        m++;
    return m;
}

/* A row's gradient, given exp(logit - max) and their total. */
static void vocab_dx(const struct tac_backend *be, real *dx, const real *p, real total,
                     const struct tac_weight *E, const struct tac_target *target, size_t m)
{
    real weight = total_weight(target, m);
    for (size_t c = 0; c < E->cols; c++) {
        real sum = 0;
        for (size_t v = 0; v < E->rows; v++)
            sum += operand(be, E, p[v]) * factor_at(be, E, v, c);
        dx[c] = weight / total * sum;
        for (size_t i = 0; i < m; i++)
            dx[c] -= (real)target[i].weight * weight_at(E, (size_t)target[i].token, c);
    }
}

static void op_vocab(struct tac_backend *be, void *logp, int32_t *best, void *dx, void *lse,
                     void *logits, const void *x, const struct tac_weight *E,
                     const struct tac_target *target, size_t n, size_t R)
{
    size_t V = E->rows, C = E->cols;
    real *logit = malloc(2 * V * sizeof *logit), max;
    be->fault |= !logit;
    for (size_t r = 0, i = 0, m; logit && r < R; r++, i += m) {
        m = n ? targets_of(target + i, n - i, r) : 0;
        vocab_logits(be, logit, (const real *)x + r * C, E);
        if (logits)
            memcpy((real *)logits + r * V, logit, V * sizeof *logit);
        memcpy(logit + V, logit, V * sizeof *logit);
        real total = exponentials(logit + V, V, &max), row_lse = log(total) + max;
        for (size_t j = i; j < i + m; j++)
            ((real *)logp)[j] = logit[target[j].token] - row_lse;
        if (best)
            best[r] = index_of_max(logit, V);
        if (lse)
            ((double *)lse)[r] = (double)row_lse;
        if (dx)
            vocab_dx(be, (real *)dx + r * C, logit + V, total, E, target + i, m);
    }
    free(logit);
}

static void op_vocab_dw(struct tac_backend *be, void *dE, const void *x, const void *lse,
                        const struct tac_weight *E, const struct tac_target *target, size_t n,
                        size_t R)
{
    size_t V = E->rows, C = E->cols;
    real *logit = malloc(V * sizeof *logit);
    be->fault |= !logit;
    for (size_t r = 0, i = 0, m; logit && r < R; r++, i += m) {
        const real *xr = (const real *)x + r * C;
        m = targets_of(target + i, n - i, r);
        vocab_logits(be, logit, xr, E);
        logit_grads(logit, (real)((const double *)lse)[r], V, target + i, m);
        for (size_t v = 0; v < V; v++)
            axpy((real *)dE + v * C, logit[v], xr, C);
    }
    free(logit);
}

/* ---- optimisers ---- */

/* x = beta * x + (1 - beta) * y */
static void moving_mean(real *x, double beta, real y)
{
    *x = (real)beta * *x + (real)(1 - beta) * y;
}

static void op_adamw(struct tac_backend *be, void *p, void *m, void *v, const void *g, size_t n,
                     const struct tac_adamw *o)
{
    real *pr = p, *mr = m, *vr = v;
    real step = (real)(o->lr / (1 - pow(o->beta1, (double)o->step)));
    real root = (real)sqrt(1 - pow(o->beta2, (double)o->step));
    for (size_t i = 0; i < n; i++) {
        real gi = ((const real *)g)[i] * (real)o->grad_scale;
        pr[i] *= (real)(1 - o->lr * o->weight_decay);
        moving_mean(&mr[i], o->beta1, gi);
        moving_mean(&vr[i], o->beta2, gi * gi);
        pr[i] -= step * mr[i] / (sqrt(vr[i]) / root + (real)o->eps);
    }
}

/* The second moments after this step: of every element (one row or one column), or of rows and
 * columns. */
static void adafactor_moments(real *row, real *col, const real *g, size_t R, size_t C, double beta,
                              const struct tac_adafactor *o)
{
    real scale = (real)o->grad_scale, eps = (real)o->eps1;
    for (size_t r = 0; r < R; r++) {
        real sum = 0;
        for (size_t c = 0; c < C; c++) {
            real sq = g[r * C + c] * scale * g[r * C + c] * scale + eps;
            sum += sq;
            if (R == 1)
                moving_mean(&row[c], beta, sq);
        }
        if (R > 1)
            moving_mean(&row[r], beta, sum / (real)C);
    }
    for (size_t c = 0; R > 1 && C > 1 && c < C; c++) {
        real sum = 0;
        for (size_t r = 0; r < R; r++)
            sum += g[r * C + c] * scale * g[r * C + c] * scale + eps;
        moving_mean(&col[c], beta, sum / (real)R);
    }
}

static double rms_of(const real *x, size_t n)
{
    return sqrt((double)dot(x, x, n) / (double)n);
}

/* Steps as transformers' Adafactor (optimization.py) without a first moment or warm-up. */
static void op_adafactor(struct tac_backend *be, void *p, void *row, void *col, const void *g,
                         size_t R, size_t C, const struct tac_adafactor *o)
{
    size_t n = R * C;
    bool factored = R > 1 && C > 1;
    double beta = 1 - pow((double)o->step, o->decay_rate), lr = o->lr;
    if (n == 0)
        return;
    if (o->relative_step)
        lr = fmin(1e-2, 1 / sqrt((double)o->step));
    if (o->scale_parameter)
        lr *= fmax(o->eps2, rms_of(p, n));
    adafactor_moments(row, col, g, R, C, beta, o);

    real *update = malloc(n * sizeof *update), *rows = row, *cols = col;
    be->fault |= !update;
    real row_mean = factored ? mean_of(rows, R) : 0;
    for (size_t i = 0; update && i < n; i++) {
        real root = factored ? sqrt(rows[i / C] / row_mean) * sqrt(cols[i % C]) : sqrt(rows[i]);
        update[i] = ((const real *)g)[i] * (real)o->grad_scale / root;
    }
    real shrink = update ? (real)(lr / fmax(1, rms_of(update, n) / o->clip)) : 0;
    for (size_t i = 0; update && i < n; i++)
        ((real *)p)[i] += -(real)(o->weight_decay * lr) * ((real *)p)[i] - shrink * update[i];
    free(update);
}

static double op_sumsq(struct tac_backend *be, const void *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)((const real *)x)[i] * (double)((const real *)x)[i];
    return sum;
}

static void op_finite(struct tac_backend *be, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        be->fault |= !isfinite(((const real *)x)[i]);
}

#ifdef TAC_REAL_F64
#define OPS tac_ref_ops_f64
#else
#define OPS tac_ref_ops_f32
#endif

const struct tac_ops OPS = {
    .alloc = op_alloc,
    .release = op_release,
    .upload = op_upload,
    .upload_f64 = op_upload_f64,
    .download = op_download,
    .download_f64 = op_download_f64,
    .read = op_read,
    .sync = op_sync,
    .embed = op_embed,
    .embed_dx = op_embed_dx,
    .norm = op_norm,
    .norm_dx = op_norm_dx,
    .norm_dw = op_norm_dw,
    .matmul = op_matmul,
    .matmul_dx = op_matmul_dx,
    .matmul_dw = op_matmul_dw,
    .heads = op_heads,
    .heads_dx = op_heads_dx,
    .rope = op_rope,
    .attend = op_attend,
    .attend_dx = op_attend_dx,
    .act = op_act,
    .act_dx = op_act_dx,
    .gate = op_gate,
    .gate_dx = op_gate_dx,
    .rows_get = op_rows_get,
    .rows_add = op_rows_add,
    .mix = op_mix,
    .zero = op_zero,
    .scale = op_scale,
    .scale_dw = op_scale_dw,
    .vocab = op_vocab,
    .vocab_dw = op_vocab_dw,
    .adamw = op_adamw,
    .adafactor = op_adafactor,
    .sumsq = op_sumsq,
    .finite = op_finite,
};
