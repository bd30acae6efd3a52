/* simd.h for AVX-512 (F, BW, VL, DQ): a vector is one register. Included by simd.h alone, which
 * says what each operation means; simd_portable.h is its plain form. */
#ifndef TAC_BACKEND_SIMD_AVX512_H
#define TAC_BACKEND_SIMD_AVX512_H

typedef __m512 v16;
typedef __mmask16 m16;

SIMD_FN m16 m16_first(size_t n)
{
    return n >= V16 ? (m16)0xffff : (m16)((1u << n) - 1);
}

SIMD_FN v16 v16_zero(void)
{
    return _mm512_setzero_ps();
}

SIMD_FN v16 v16_set1(float x)
{
    return _mm512_set1_ps(x);
}

SIMD_FN v16 v16_set1_bits(uint32_t x)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)x));
}

SIMD_FN v16 v16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

SIMD_FN v16 v16_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(m16_first(n), p);
}

SIMD_FN void v16_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}

SIMD_FN void v16_store_n(float *p, v16 a, size_t n)
{
    _mm512_mask_storeu_ps(p, m16_first(n), a);
}

SIMD_FN v16 v16_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

SIMD_FN v16 v16_load_f16_n(const void *p, size_t n)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m16_first(n), p));
}

SIMD_FN v16 v16_to_bf16(v16 a)
{
    __m512i u = _mm512_castps_si512(a),
            odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512i mag = _mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff));
    r = _mm512_and_si512(r, _mm512_set1_epi32((int)0xffff0000));
    r = _mm512_mask_and_epi32(r, _mm512_cmplt_epi32_mask(mag, _mm512_set1_epi32(0x00800000)), u,
                              _mm512_set1_epi32((int)0x80000000));
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), _mm512_castsi512_ps(r), a);
}

SIMD_FN v16 v16_from_bf16(__m256i x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

SIMD_FN v16 v16_load_bf16(const void *p)
{
    return v16_from_bf16(_mm256_loadu_si256(p));
}

SIMD_FN v16 v16_load_bf16_n(const void *p, size_t n)
{
    return v16_from_bf16(_mm256_maskz_loadu_epi16(m16_first(n), p));
}

/* The lower halves of words side by side, then the upper ones: one shuffle for both. */
SIMD_FN __m512i part_halves(v16 a)
{
    const __m512i order =
        _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 30, 28, 26, 24,
                         22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    return _mm512_permutexvar_epi16(order, _mm512_castps_si512(a));
}

SIMD_FN v16 v16_f16_lo(v16 a)
{
    return _mm512_cvtph_ps(_mm512_castsi512_si256(part_halves(a)));
}

SIMD_FN v16 v16_f16_hi(v16 a)
{
    return _mm512_cvtph_ps(_mm512_extracti64x4_epi64(part_halves(a), 1));
}

SIMD_FN v16 v16_bf16_lo(v16 a)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 16));
}

SIMD_FN v16 v16_bf16_hi(v16 a)
{
    __m512i high = _mm512_set1_epi32((int)0xffff0000);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), high));
}

SIMD_FN v16 v16_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}

SIMD_FN v16 v16_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}

SIMD_FN v16 v16_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}

SIMD_FN v16 v16_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}

SIMD_FN v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

SIMD_FN v16 v16_fnma(v16 a, v16 b, v16 c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

SIMD_FN v16 v16_sqrt(v16 a)
{
    return _mm512_sqrt_ps(a);
}

SIMD_FN v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}

SIMD_FN v16 v16_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}

SIMD_FN v16 v16_and_bits(v16 a, v16 b)
{
    return _mm512_and_ps(a, b);
}

SIMD_FN v16 v16_xor_bits(v16 a, v16 b)
{
    return _mm512_xor_ps(a, b);
}

SIMD_FN v16 v16_pow2_of(v16 t)
{
    __m512i e = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(e, _mm512_set1_epi32(0x3f800000)));
}

SIMD_FN m16 v16_lt(v16 a, v16 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

SIMD_FN m16 v16_eq(v16 a, v16 b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

SIMD_FN v16 v16_select(m16 m, v16 a, v16 b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

SIMD_FN unsigned m16_bits(m16 m)
{
    return m;
}

SIMD_FN float v16_sum(v16 a)
{
    __m256 x = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

SIMD_FN float v16_max_all(v16 a)
{
    __m256 x = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

/* In each quarter of a register, four registers' words of four become words' four registers. */
SIMD_FN void transpose_quarters(v16 *r, int n)
{
    __m512 t[V16];
    for (int i = 0; i < n; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < n; i += 4) {
        __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
        __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
}

SIMD_FN void v16_transpose(v16 r[V16])
{
    __m512 t[V16];
    transpose_quarters(r, V16);
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* Rows 0-3 and 8-11 of 16, `ld` bytes apart, each with the row four behind it beside it: eight
 * words of either. Loaded into halves, they need one exchange of lanes less. */
SIMD_FN void load_eight(v16 r[8], const char *p, size_t ld)
{
    __m512 t[8];
    for (size_t i = 0; i < 8; i++) {
        const char *row = p + (i + i / 4 * 4) * ld;
        __m256 low = _mm256_loadu_ps((const float *)(const void *)row),
               high = _mm256_loadu_ps((const float *)(const void *)(row + 4 * ld));
        t[i] = _mm512_mask_broadcast_f32x8(_mm512_castps256_ps512(low), 0xff00, high);
    }
    transpose_quarters(t, 8);
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
        r[i + 4] = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd);
    }
}

SIMD_FN void v16_load_transposed(v16 r[V16], const char *p, size_t ld)
{
    load_eight(r, p, ld);
    load_eight(r + 8, p + 32, ld);
}

#endif
