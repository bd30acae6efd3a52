/* simd.h for AVX2 with FMA and F16C: a vector is two registers. Included by simd.h alone, which
 * says what each operation means; simd_portable.h is its plain form. */
#ifndef TAC_BACKEND_SIMD_AVX2_H
#define TAC_BACKEND_SIMD_AVX2_H

typedef struct {
    __m256 lo, hi;
} v16;

typedef struct {
    __m256 lo, hi; /* all bits of a lane set, or none */
} m16;

#define EACH1(op, a)    ((v16){op((a).lo), op((a).hi)})
#define EACH2(op, a, b) ((v16){op((a).lo, (b).lo), op((a).hi, (b).hi)})

SIMD_FN m16 m16_first(size_t n)
{
    __m256i k = _mm256_set1_epi32(n >= V16 ? V16 : (int)n);
    __m256i i = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i j = _mm256_add_epi32(i, _mm256_set1_epi32(8));
    return (m16){_mm256_castsi256_ps(_mm256_cmpgt_epi32(k, i)),
                 _mm256_castsi256_ps(_mm256_cmpgt_epi32(k, j))};
}

SIMD_FN v16 v16_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

SIMD_FN v16 v16_set1(float x)
{
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

SIMD_FN v16 v16_set1_bits(uint32_t x)
{
    __m256 v = _mm256_castsi256_ps(_mm256_set1_epi32((int)x));
    return (v16){v, v};
}

SIMD_FN v16 v16_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

SIMD_FN v16 v16_load_n(const float *p, size_t n)
{
    m16 m = m16_first(n);
    return (v16){_mm256_maskload_ps(p, _mm256_castps_si256(m.lo)),
                 _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.hi))};
}

SIMD_FN void v16_store(float *p, v16 a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}

SIMD_FN void v16_store_n(float *p, v16 a, size_t n)
{
    m16 m = m16_first(n);
    _mm256_maskstore_ps(p, _mm256_castps_si256(m.lo), a.lo);
    _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.hi), a.hi);
}

SIMD_FN __m256 bf16_of(__m256 a)
{
    __m256i u = _mm256_castps_si256(a), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), one);
    __m256i r = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i mag = _mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff));
    __m256i small = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x00800000), mag);
    r = _mm256_and_si256(r, _mm256_set1_epi32((int)0xffff0000));
    r = _mm256_blendv_epi8(r, _mm256_and_si256(u, _mm256_set1_epi32((int)0x80000000)), small);
    return _mm256_blendv_ps(_mm256_castsi256_ps(r), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}

SIMD_FN v16 v16_to_bf16(v16 a)
{
    return EACH1(bf16_of, a);
}

SIMD_FN v16 v16_load_f16(const void *p)
{
    const __m128i *q = p;
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}

SIMD_FN v16 v16_load_f16_n(const void *p, size_t n)
{
    uint16_t x[V16] = {0};
    memcpy(x, p, 2 * (n < V16 ? n : V16));
    return v16_load_f16(x);
}

SIMD_FN v16 v16_load_bf16(const void *p)
{
    const __m128i *q = p;
    __m256i lo = _mm256_cvtepu16_epi32(_mm_loadu_si128(q));
    __m256i hi = _mm256_cvtepu16_epi32(_mm_loadu_si128(q + 1));
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(lo, 16)),
                 _mm256_castsi256_ps(_mm256_slli_epi32(hi, 16))};
}

SIMD_FN v16 v16_load_bf16_n(const void *p, size_t n)
{
    uint16_t x[V16] = {0};
    memcpy(x, p, 2 * (n < V16 ? n : V16));
    return v16_load_bf16(x);
}

/* Sixteen halves, one in each lane. */
SIMD_FN v16 from_f16_lanes(__m256i lo, __m256i hi)
{
    __m256i x = _mm256_permute4x64_epi64(_mm256_packus_epi32(lo, hi), 0xd8);
    return (v16){_mm256_cvtph_ps(_mm256_castsi256_si128(x)),
                 _mm256_cvtph_ps(_mm256_extracti128_si256(x, 1))};
}

SIMD_FN v16 v16_f16_lo(v16 a)
{
    __m256i low = _mm256_set1_epi32(0xffff);
    return from_f16_lanes(_mm256_and_si256(_mm256_castps_si256(a.lo), low),
                          _mm256_and_si256(_mm256_castps_si256(a.hi), low));
}

SIMD_FN v16 v16_f16_hi(v16 a)
{
    return from_f16_lanes(_mm256_srli_epi32(_mm256_castps_si256(a.lo), 16),
                          _mm256_srli_epi32(_mm256_castps_si256(a.hi), 16));
}

SIMD_FN v16 v16_bf16_lo(v16 a)
{
    return (v16){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a.lo), 16)),
                 _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a.hi), 16))};
}

SIMD_FN v16 v16_bf16_hi(v16 a)
{
    __m256 high = _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000));
    return (v16){_mm256_and_ps(a.lo, high), _mm256_and_ps(a.hi, high)};
}

SIMD_FN v16 v16_add(v16 a, v16 b)
{
    return EACH2(_mm256_add_ps, a, b);
}

SIMD_FN v16 v16_sub(v16 a, v16 b)
{
    return EACH2(_mm256_sub_ps, a, b);
}

SIMD_FN v16 v16_mul(v16 a, v16 b)
{
    return EACH2(_mm256_mul_ps, a, b);
}

SIMD_FN v16 v16_div(v16 a, v16 b)
{
    return EACH2(_mm256_div_ps, a, b);
}

SIMD_FN v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

SIMD_FN v16 v16_fnma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}

SIMD_FN v16 v16_sqrt(v16 a)
{
    return EACH1(_mm256_sqrt_ps, a);
}

SIMD_FN v16 v16_max(v16 a, v16 b)
{
    return EACH2(_mm256_max_ps, a, b);
}

SIMD_FN v16 v16_min(v16 a, v16 b)
{
    return EACH2(_mm256_min_ps, a, b);
}

SIMD_FN v16 v16_and_bits(v16 a, v16 b)
{
    return EACH2(_mm256_and_ps, a, b);
}

SIMD_FN v16 v16_xor_bits(v16 a, v16 b)
{
    return EACH2(_mm256_xor_ps, a, b);
}

SIMD_FN __m256 pow2_half(__m256 t)
{
    __m256i e = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(e, _mm256_set1_epi32(0x3f800000)));
}

SIMD_FN v16 v16_pow2_of(v16 t)
{
    return EACH1(pow2_half, t);
}

SIMD_FN m16 v16_lt(v16 a, v16 b)
{
    return (m16){_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}

SIMD_FN m16 v16_eq(v16 a, v16 b)
{
    return (m16){_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)};
}

SIMD_FN v16 v16_select(m16 m, v16 a, v16 b)
{
    return (v16){_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}

SIMD_FN unsigned m16_bits(m16 m)
{
    return (unsigned)_mm256_movemask_ps(m.lo) | (unsigned)_mm256_movemask_ps(m.hi) << 8;
}

SIMD_FN float v16_sum(v16 a)
{
    __m256 x = _mm256_add_ps(a.lo, a.hi);
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

SIMD_FN float v16_max_all(v16 a)
{
    __m256 x = _mm256_max_ps(a.lo, a.hi);
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

SIMD_FN void transpose8(__m256 r[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

SIMD_FN void v16_transpose(v16 r[V16])
{
    __m256 a[8], b[8], c[8], d[8];
    for (int i = 0; i < 8; i++) {
        a[i] = r[i].lo;
        b[i] = r[i].hi;
        c[i] = r[i + 8].lo;
        d[i] = r[i + 8].hi;
    }
    transpose8(a);
    transpose8(b);
    transpose8(c);
    transpose8(d);
    for (int i = 0; i < 8; i++) {
        r[i] = (v16){a[i], c[i]};
        r[i + 8] = (v16){b[i], d[i]};
    }
}

#undef EACH1
#undef EACH2

#endif
