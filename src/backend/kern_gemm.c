/* Matrix products: packing and the register tile, for one instruction set (see kern.h). */
#include "backend/kern.h"
#include "backend/load.h"

/* The tile is as large as the registers allow: mr x nv accumulators, nv vectors of the panel and
 * one broadcast: 24 + 2 + 1 of 32 registers, or 12 + 2 + 1 of 16 (two a vector). */
#if defined(TAC_ISA_avx512)
enum { MR = 12, NV = 2 };
#elif defined(TAC_ISA_avx2)
enum { MR = 6, NV = 1 };
#else
enum { MR = 4, NV = 1 };
#endif
enum { NR = NV * V16 };

/* How far ahead the tile asks for A, in floats: it lies in a farther cache than B. */
enum { PREFETCH = 768 };

SIMD_FN void pack_t_typed(float *dst, size_t width, const char *src, enum tac_wtype type, size_t ld,
                          size_t n, size_t K)
{
    size_t size = tac_wtype_size(type, sizeof(float));
    for (size_t i0 = 0; i0 < width; i0 += V16)
        for (size_t k0 = 0; k0 < K; k0 += V16) {
            size_t rows = i0 < n ? n - i0 : 0, cols = K - k0 < V16 ? K - k0 : V16;
            const char *block = src + (i0 * ld + k0) * size;
            v16 r[V16];
#pragma GCC unroll 16
            for (size_t i = 0; i < V16; i++)
                r[i] = i < rows ? load_n(block + i * ld * size, type, cols) : v16_zero();
            v16_transpose(r);
            for (size_t k = 0; k < cols; k++)
                v16_store(dst + (k0 + k) * width + i0, r[k]);
        }
}

SIMD_FN void pack_n_typed(float *dst, size_t width, const char *src, enum tac_wtype type, size_t ld,
                          size_t n, size_t K)
{
    size_t size = tac_wtype_size(type, sizeof(float));
    for (size_t k = 0; k < K; k++)
        for (size_t i0 = 0; i0 < width; i0 += V16) {
            size_t cols = i0 < n ? n - i0 : 0;
            v16_store(dst + k * width + i0, load_n(src + (k * ld + i0) * size, type, cols));
        }
}

static void pack_t(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K)
{
    if (type == TAC_W_F16)
        pack_t_typed(dst, width, src, TAC_W_F16, ld, n, K);
    else if (type == TAC_W_BF16)
        pack_t_typed(dst, width, src, TAC_W_BF16, ld, n, K);
    else
        pack_t_typed(dst, width, src, TAC_W_F32, ld, n, K);
}

static void pack_n(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K)
{
    if (type == TAC_W_F16)
        pack_n_typed(dst, width, src, TAC_W_F16, ld, n, K);
    else if (type == TAC_W_BF16)
        pack_n_typed(dst, width, src, TAC_W_BF16, ld, n, K);
    else
        pack_n_typed(dst, width, src, TAC_W_F32, ld, n, K);
}

/* The tile for a number of rows that the compiler knows, so that acc stays in registers. */
SIMD_FN void tile_rows(const int m, float *c, const float *a, const float *b, size_t k, bool add)
{
    v16 acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            acc[i][j] = v16_zero();
    for (size_t l = 0; l < k; l++, a += MR, b += NR) {
        v16 col[NV];
        __builtin_prefetch(a + PREFETCH);
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            col[j] = v16_load(b + j * V16);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
            v16 x = v16_set1(a[i]);
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++)
                acc[i][j] = v16_fma(x, col[j], acc[i][j]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++) {
            float *p = c + i * NR + j * V16;
            v16_store(p, add ? v16_add(v16_load(p), acc[i][j]) : acc[i][j]);
        }
}

static void tile(float *c, const float *a, const float *b, size_t m, size_t k, bool add)
{
#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        tile_rows(n, c, a, b, k, add);                                                             \
        break;
    switch (m) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
#if !defined(TAC_ISA_portable)
        ROWS(5)
        ROWS(6)
#endif
#if defined(TAC_ISA_avx512)
        ROWS(7)
        ROWS(8)
        ROWS(9)
        ROWS(10)
        ROWS(11)
        ROWS(12)
#endif
    }
#undef ROWS
}

static void finish(float *y, size_t ld, const float *c, const float *bias, const float *res,
                   size_t m, size_t n)
{
    for (size_t j = 0; j < n; j += V16) {
        v16 b = bias ? v16_load_n(bias + j, n - j) : v16_zero();
        for (size_t i = 0; i < m; i++) {
            v16 s = v16_load(c + i * NR + j);
            s = bias ? v16_add(s, b) : s;
            s = res ? v16_add(s, v16_load_n(res + i * ld + j, n - j)) : s;
            v16_store_n(y + i * ld + j, s, n - j);
        }
    }
}

static void column_sum(float *sum, const float *x, size_t ld, size_t n, size_t T)
{
    for (size_t j = 0; j < n; j += V16) {
        v16 s = v16_zero();
        for (size_t t = 0; t < T; t++)
            s = v16_add(s, v16_load_n(x + t * ld + j, n - j));
        v16_store_n(sum + j, v16_add(v16_load_n(sum + j, n - j), s), n - j);
    }
}

const struct tac_kern_gemm TAC_KERN_NAME(tac_kern_gemm) = {
    .mr = MR,
    .nr = NR,
    .f32 = {.pad = 1, .per = 1, .pack_t = pack_t, .pack_n = pack_n, .tile = tile},
    .finish = finish,
    .column_sum = column_sum,
};
