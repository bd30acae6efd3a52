/* Packing and the register tile of precision bf16 (ops.h), for one instruction set: on floats that
 * hold bfloat16, and for AVX-512 once more on pairs of bfloat16 by AVX512_BF16. Both compute the
 * same bits. */
#include "backend/kern.h"
#include "backend/load.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* ---- on floats ---- */

/* The largest tile of any set; the bits "flush to zero" and "denormals are zero" of MXCSR. */
enum { MOST_MR = 12, MOST_NR = 32, FLUSH_SUBNORMAL = 0x8040 };

/* Rounds K packed rows of `width` floats and swaps those of each pair. */
static void round_pairs(float *dst, size_t width, size_t K)
{
    for (size_t k = 0; k < K; k += 2)
        for (size_t i = 0; i < width; i += V16) {
            float *even = dst + k * width + i, *odd = even + width;
            size_t n = width - i;
            v16 a = v16_to_bf16(v16_load_n(even, n));
            v16 b = k + 1 < K ? v16_to_bf16(v16_load_n(odd, n)) : v16_zero();
            v16_store_n(even, b, n);
            v16_store_n(odd, a, n);
        }
}

static void pack_t(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K)
{
    TAC_KERN_NAME(tac_kern_gemm).f32.pack_t(dst, width, src, type, ld, n, K);
    round_pairs(dst, width, K);
}

static void pack_n(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K)
{
    TAC_KERN_NAME(tac_kern_gemm).f32.pack_n(dst, width, src, type, ld, n, K);
    round_pairs(dst, width, K);
}

/* The float32 tile, its chains with subnormal numbers taken and given as 0. */
static void tile(float *c, const float *a, const float *b, size_t m, size_t words, bool add)
{
    const struct tac_kern_gemm *g = &TAC_KERN_NAME(tac_kern_gemm);
    float block[MOST_MR * MOST_NR];
#ifdef __x86_64__
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | FLUSH_SUBNORMAL);
#endif
    g->f32.tile(block, a, b, m, words, false);
#ifdef __x86_64__
    _mm_setcsr(mode);
#endif
    for (size_t i = 0; i < m * g->nr; i += V16) {
        v16 s = v16_load(block + i);
        v16_store(c + i, add ? v16_add(v16_load(c + i), s) : s);
    }
}

const struct tac_kern_tile TAC_KERN_NAME(tac_kern_bf16) = {
    .pad = 2, .per = 1, .pack_t = pack_t, .pack_n = pack_n, .tile = tile};

#ifdef TAC_ISA_avx512

/* ---- on pairs ---- */

#define BF16_TARGET __attribute__((target("avx512bf16")))
#define BF16_FN     SIMD_FN BF16_TARGET

enum { MR = 12, NV = 2, NR = NV * V16, PAIRS = 16, PREFETCH = 768 };

/* Words of the first n elements at p, element 2 i in the lower half of word i. */
BF16_FN v16 load_pairs(const char *p, enum tac_wtype type, size_t n)
{
    if (type == TAC_W_BF16)
        return _mm512_castsi512_ps(
            _mm512_maskz_loadu_epi16(n >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << n) - 1, p));
    size_t size = tac_wtype_size(type, sizeof(float)), more = n > V16 ? n - V16 : 0;
    v16 low = load_n(p, type, n), high = load_n(p + V16 * size, type, more);
    return _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low));
}

/* Words of the first n elements of two rows, the first row in the lower halves. */
BF16_FN v16 load_two(const char *row, const char *next, enum tac_wtype type, size_t n)
{
    v16 a = load_n(row, type, n), b = next ? load_n(next, type, n) : v16_zero();
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b));
    return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

BF16_FN void pairs_t_typed(float *dst, size_t width, const char *src, enum tac_wtype type,
                           size_t ld, size_t n, size_t K)
{
    size_t size = tac_wtype_size(type, sizeof(float));
    for (size_t i0 = 0; i0 < width; i0 += V16)
        for (size_t k0 = 0; k0 < K; k0 += 2 * PAIRS) {
            size_t rows = i0 < n ? n - i0 : 0, cols = K - k0 < 2 * PAIRS ? K - k0 : 2 * PAIRS;
            const char *block = src + (i0 * ld + k0) * size;
            v16 r[V16];
#pragma GCC unroll 16
            for (size_t i = 0; i < V16; i++)
                r[i] = i < rows ? load_pairs(block + i * ld * size, type, cols) : v16_zero();
            v16_transpose(r);
            for (size_t k = 0; k < (cols + 1) / 2; k++)
                v16_store(dst + (k0 / 2 + k) * width + i0, r[k]);
        }
}

BF16_FN void pairs_n_typed(float *dst, size_t width, const char *src, enum tac_wtype type,
                           size_t ld, size_t n, size_t K)
{
    size_t size = tac_wtype_size(type, sizeof(float));
    for (size_t k = 0; k < K; k += 2)
        for (size_t i0 = 0; i0 < width; i0 += V16) {
            const char *row = src + (k * ld + i0) * size;
            const char *next = k + 1 < K ? row + ld * size : NULL;
            v16_store(dst + k / 2 * width + i0, load_two(row, next, type, i0 < n ? n - i0 : 0));
        }
}

BF16_TARGET static void pairs_t(float *dst, size_t width, const void *src, enum tac_wtype type,
                                size_t ld, size_t n, size_t K)
{
    if (type == TAC_W_F16)
        pairs_t_typed(dst, width, src, TAC_W_F16, ld, n, K);
    else if (type == TAC_W_BF16)
        pairs_t_typed(dst, width, src, TAC_W_BF16, ld, n, K);
    else
        pairs_t_typed(dst, width, src, TAC_W_F32, ld, n, K);
}

BF16_TARGET static void pairs_n(float *dst, size_t width, const void *src, enum tac_wtype type,
                                size_t ld, size_t n, size_t K)
{
    if (type == TAC_W_F16)
        pairs_n_typed(dst, width, src, TAC_W_F16, ld, n, K);
    else if (type == TAC_W_BF16)
        pairs_n_typed(dst, width, src, TAC_W_BF16, ld, n, K);
    else
        pairs_n_typed(dst, width, src, TAC_W_F32, ld, n, K);
}

/* As tile_rows of kern_gemm.c. */
BF16_FN void tile_pairs(const int m, float *c, const float *a, const float *b, size_t words,
                        bool add)
{
    v16 acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            acc[i][j] = v16_zero();
    for (size_t l = 0; l < words; l++, a += MR, b += NR) {
        __m512bh col[NV];
        __builtin_prefetch(a + PREFETCH);
#pragma GCC unroll 2
        for (int j = 0; j < NV; j++)
            col[j] = (__m512bh)_mm512_loadu_si512(b + j * V16);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
            __m512bh x = (__m512bh)_mm512_castps_si512(v16_set1(a[i]));
#pragma GCC unroll 2
            for (int j = 0; j < NV; j++)
                acc[i][j] = _mm512_dpbf16_ps(acc[i][j], x, col[j]);
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

BF16_TARGET static void tile_native(float *c, const float *a, const float *b, size_t m,
                                    size_t words, bool add)
{
#define ROWS(n)                                                                                    \
    case n:                                                                                        \
        tile_pairs(n, c, a, b, words, add);                                                        \
        break;
    switch (m) {
        ROWS(1)
        ROWS(2)
        ROWS(3)
        ROWS(4)
        ROWS(5)
        ROWS(6)
        ROWS(7)
        ROWS(8)
        ROWS(9)
        ROWS(10)
        ROWS(11)
        ROWS(12)
    }
#undef ROWS
}

const struct tac_kern_tile tac_kern_bf16_native = {
    .pad = 2, .per = 2, .pack_t = pairs_t, .pack_n = pairs_n, .tile = tile_native};

#endif
