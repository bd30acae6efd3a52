/* Attention: the pieces of one head and one tile of queries, for one instruction set (see kern.h).
 */
#include "backend/kern.h"
#include "backend/vmath.h"

#include <math.h>

/* Accumulators of a register tile, as in kern_gemm.c: mr rows by NV vectors. */
#if defined(TAC_ISA_avx512)
enum { MR = 12, NV = 2 };
#elif defined(TAC_ISA_avx2)
enum { MR = 6, NV = 1 };
#else
enum { MR = 4, NV = 1 };
#endif

/* Calls f(m, ...) with m a number that the compiler knows. */
#if defined(TAC_ISA_avx512)
#define EACH_M(C) C(1) C(2) C(3) C(4) C(5) C(6) C(7) C(8) C(9) C(10) C(11) C(12)
#elif defined(TAC_ISA_avx2)
#define EACH_M(C) C(1) C(2) C(3) C(4) C(5) C(6)
#else
#define EACH_M(C) C(1) C(2) C(3) C(4)
#endif

static void pack(float *dst, const float *x, const int32_t *row, size_t ld, size_t n, size_t D)
{
    for (size_t i0 = 0; i0 < n; i0 += V16)
        for (size_t d0 = 0; d0 < D; d0 += V16) {
            size_t cols = D - d0 < V16 ? D - d0 : V16;
            v16 r[V16];
#pragma GCC unroll 16
            for (size_t i = 0; i < V16; i++)
                r[i] =
                    i0 + i < n ? v16_load_n(x + (size_t)row[i0 + i] * ld + d0, cols) : v16_zero();
            v16_transpose(r);
            for (size_t d = 0; d < cols; d++)
                v16_store(dst + (d0 + d) * TAC_QT + i0, r[d]);
        }
}

/* m keys against nv vectors of queries. */
SIMD_FN void dots_tile(const int m, const int nv, float *s, const float *q, const float *k,
                       size_t ld, size_t D)
{
    v16 acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
            acc[i][j] = v16_zero();
    for (size_t d = 0; d < D; d++, q += TAC_QT) {
        v16 col[NV];
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
            col[j] = v16_load(q + j * V16);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
            v16 x = v16_set1(k[(size_t)i * ld + d]);
#pragma GCC unroll 2
            for (int j = 0; j < nv; j++)
                acc[i][j] = v16_fma(x, col[j], acc[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int j = 0; j < nv; j++)
            v16_store(s + i * TAC_QT + j * V16, acc[i][j]);
}

SIMD_FN void dots_some(const int nv, float *s, const float *q, const float *k, size_t ld, size_t m,
                       size_t D)
{
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        dots_tile(n, nv, s, q, k, ld, D);                                                          \
        break;
    switch (m) {
        EACH_M(CASE)
    }
#undef CASE
}

static void dots_many(float *s, const float *query, const struct tac_keys *key, size_t D, size_t nv)
{
    for (size_t j = 0; j < key->n; j += MR) {
        size_t m = key->n - j < MR ? key->n - j : MR;
        const float *k = key->x + j * key->ld;
        for (size_t v = 0; v < nv; v += NV) {
            float *out = s + j * TAC_QT + v * V16;
            if (nv - v >= NV)
                dots_some(NV, out, query + v * V16, k, key->ld, m, D);
            else
                dots_some(1, out, query + v * V16, k, key->ld, m, D);
        }
    }
}

/* Queries so few that keys are better lanes than they: those of a token that is written. */
enum { FEW = 4 };

/* Asks for the line of the key (or value) sixteen further, and again: in a cache a head's keys lie
 * far apart, which the processor does not follow by itself, and it drops what it is asked for where
 * it is busy. */
SIMD_FN void ask(const float *line, size_t ld)
{
    __builtin_prefetch(line + 2 * V16 * ld, 0, 3);
    __builtin_prefetch(line + V16 * ld, 0, 3);
}

/* Numbers [d, d + 16) of sixteen keys, transposed, zeros for what is not there. */
SIMD_FN void load_keys(v16 r[V16], const struct tac_keys *key, size_t j, size_t d, size_t D)
{
    const float *k = key->x + j * key->ld + d;
    size_t n = key->n - j, cols = D - d;
    if (n >= V16 && cols >= V16) {
        for (size_t i = 0; i < V16; i++)
            ask(k + i * key->ld, key->ld);
        v16_load_transposed(r, (const char *)k, key->ld * sizeof *k);
        return;
    }
    for (size_t i = 0; i < V16; i++)
        r[i] = i < n ? v16_load_n(k + i * key->ld, cols) : v16_zero();
    v16_transpose(r);
}

/* acc[i] += the products of numbers [d0, d0 + cols) of sixteen keys with query i's. */
SIMD_FN void add_keys(const int n, v16 acc[FEW], const v16 r[V16], const float *query, size_t d0,
                      size_t cols)
{
#pragma GCC unroll 16
    for (size_t d = 0; d < V16; d++)
#pragma GCC unroll 4
        for (int i = 0; d < cols && i < n; i++)
            acc[i] = v16_fma(r[d], v16_set1(query[(d0 + d) * TAC_QT + (size_t)i]), acc[i]);
}

SIMD_FN void dots_few(const int n, float *s, const float *query, const struct tac_keys *key,
                      size_t D)
{
    for (size_t j = 0; j < key->n; j += V16) {
        v16 acc[FEW], r[V16];
        size_t d = 0;
        for (int i = 0; i < n; i++)
            acc[i] = v16_zero();
        for (; d < D; d += V16) {
            load_keys(r, key, j, d, D);
            if (D - d >= V16)
                add_keys(n, acc, r, query, d, V16);
            else
                add_keys(n, acc, r, query, d, D - d);
        }
        for (int i = 0; i < V16; i++)
            r[i] = i < n ? acc[i] : v16_zero();
        v16_transpose(r);
        for (size_t i = 0; i < V16 && j + i < key->n; i++)
            v16_store(s + (j + i) * TAC_QT, r[i]);
    }
}

static void dots(float *s, const float *query, const struct tac_keys *key, size_t D, size_t n)
{
#define CASE(few)                                                                                  \
    case few:                                                                                      \
        dots_few(few, s, query, key, D);                                                           \
        break;
    switch (n) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
    default:
        dots_many(s, query, key, D, (n + V16 - 1) / V16);
    }
#undef CASE
}

static void bias(float *s, float *max, const float *pos, size_t path, size_t n, float scale,
                 float slope, size_t nv)
{
    v16 vscale = v16_set1(scale), vslope = v16_set1(slope), hidden = v16_set1(-INFINITY);
    for (size_t v = 0; v < nv; v++) {
        v16 at = v16_load(pos + v * V16), top = v16_load(max + v * V16);
        for (size_t j = 0; j < n; j++) {
            float *p = s + j * TAC_QT + v * V16;
            v16 key = v16_set1((float)(path + j));
            v16 x = v16_fma(v16_load(p), vscale, v16_mul(vslope, v16_sub(key, at)));
            x = v16_select(v16_lt(at, key), hidden, x);
            top = v16_max(top, x);
            v16_store(p, x);
        }
        v16_store(max + v * V16, top);
    }
}

/* The sum's tree, with a vector of queries as each lane. */
SIMD_FN v16 sum_lanes(v16 lane[V16])
{
#pragma GCC unroll 4
    for (int half = V16 / 2; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < half; i++)
            lane[i] = v16_add(lane[i], lane[i + half]);
    return lane[0];
}

SIMD_FN v16 exp_in_place(float *p, v16 max)
{
    v16 x = v16_exp(v16_sub(v16_load(p), max));
    v16_store(p, x);
    return x;
}

static void softmax(float *s, float *sum, const float *max, size_t n, size_t nv)
{
    for (size_t v = 0; v < nv; v++) {
        float *p = s + v * V16;
        v16 top = v16_load(max + v * V16), lane[V16];
        size_t j = 0;
#pragma GCC unroll 16
        for (int i = 0; i < V16; i++)
            lane[i] = v16_zero();
        for (; j + V16 <= n; j += V16)
#pragma GCC unroll 16
            for (size_t i = 0; i < V16; i++)
                lane[i] = v16_add(lane[i], exp_in_place(p + (j + i) * TAC_QT, top));
#pragma GCC unroll 16
        for (size_t i = 0; i < V16; i++)
            if (j + i < n)
                lane[i] = v16_add(lane[i], exp_in_place(p + (j + i) * TAC_QT, top));
        v16_store(sum + v * V16, sum_lanes(lane));
    }
}

static void slopes(float *s, float *dp, const float *lse, const float *delta, size_t n, float scale,
                   size_t nv)
{
    v16 vscale = v16_set1(scale);
    for (size_t v = 0; v < nv; v++) {
        v16 shift = v16_load(lse + v * V16), mean = v16_load(delta + v * V16);
        for (size_t j = 0; j < n; j++) {
            size_t at = j * TAC_QT + v * V16;
            v16 p = exp_in_place(s + at, shift);
            v16 g = v16_mul(v16_mul(p, v16_sub(v16_load(dp + at), mean)), vscale);
            v16_store(dp + at, g);
        }
    }
}

/* Vectors side by side where there is one row: as many chains of multiply-adds. */
enum { WIDE = 4 };

/* m rows of y, nv vectors of their columns; `n` columns where the last vector is cut. */
SIMD_FN void combine_tile(const int m, const int nv, const bool cut, float *y, size_t ldy,
                          const float *c, size_t ci, size_t cj, const struct tac_keys *x, size_t d0,
                          size_t n)
{
    const float *row = x->x + d0;
    v16 acc[MR][WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            const float *p = y + (size_t)i * ldy + d0 + j * V16;
            acc[i][j] = cut ? v16_load_n(p, n) : v16_load(p);
        }
    for (size_t l = 0; l < x->n; l++, row += x->ld, c += cj) {
        v16 col[WIDE];
        for (int j = 0; j < nv && m == 1; j++)
            ask(row + j * V16, x->ld);
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++)
            col[j] = cut ? v16_load_n(row + j * V16, n) : v16_load(row + j * V16);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
            v16 w = v16_set1(c[(size_t)i * ci]);
#pragma GCC unroll 4
            for (int j = 0; j < nv; j++)
                acc[i][j] = v16_fma(w, col[j], acc[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            float *p = y + (size_t)i * ldy + d0 + j * V16;
            if (cut)
                v16_store_n(p, acc[i][j], n);
            else
                v16_store(p, acc[i][j]);
        }
}

SIMD_FN void combine_rows(const int m, float *y, size_t ldy, const float *c, size_t ci, size_t cj,
                          const struct tac_keys *x, size_t D)
{
    size_t d = 0;
    for (; m == 1 && d + WIDE * V16 <= D; d += WIDE * V16)
        combine_tile(1, WIDE, false, y, ldy, c, ci, cj, x, d, 0);
    for (; d + NV * V16 <= D; d += NV * V16)
        combine_tile(m, NV, false, y, ldy, c, ci, cj, x, d, 0);
    for (; d < D; d += V16)
        combine_tile(m, 1, true, y, ldy, c, ci, cj, x, d, D - d);
}

static void combine(float *y, size_t ldy, const float *c, size_t ci, size_t cj,
                    const struct tac_keys *x, size_t m, size_t D)
{
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        combine_rows(n, y, ldy, c, ci, cj, x, D);                                                  \
        break;
    switch (m) {
        EACH_M(CASE)
    }
#undef CASE
}

static void divide(float *y, const float *x, float by, size_t n)
{
    v16 d = v16_set1(by);
    for (size_t i = 0; i < n; i += V16)
        v16_store_n(y + i, v16_div(v16_load_n(x + i, n - i), d), n - i);
}

static void lse(float *y, const float *max, const float *sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((double)max[i] + tac_log((double)sum[i]));
}

const struct tac_kern_attend TAC_KERN_NAME(tac_kern_attend) = {
    .mr = MR,
    .pack = pack,
    .dots = dots,
    .bias = bias,
    .softmax = softmax,
    .slopes = slopes,
    .combine = combine,
    .divide = divide,
    .lse = lse,
};
