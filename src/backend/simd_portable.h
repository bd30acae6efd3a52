/* simd.h in plain C. Included by simd.h alone. This file says what each operation means. */
#ifndef TAC_BACKEND_SIMD_PORTABLE_H
#define TAC_BACKEND_SIMD_PORTABLE_H

typedef struct {
    float f[V16];
} v16;

typedef struct {
    uint32_t u[V16]; /* ~0: the lane is set; else 0 */
} m16;

#define EACH(expr)                                                                                 \
    v16 r;                                                                                         \
    for (int i = 0; i < V16; i++)                                                                  \
        r.f[i] = (expr);                                                                           \
    return r

#define EACH_MASK(cond)                                                                            \
    m16 m;                                                                                         \
    for (int i = 0; i < V16; i++)                                                                  \
        m.u[i] = (cond) ? ~0u : 0u;                                                                \
    return m

SIMD_FN uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

SIMD_FN float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* a * b + c with one rounding. Without such an instruction: the product is exact in double; its sum
 * with c is rounded to odd there (the error of the sum tells), so that rounding to float is right.
 */
SIMD_FN float fma_one(float a, float b, float c)
{
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(a, b, c);
#else
    double p = (double)a * (double)b, s = p + (double)c;
    double part = s - p, error = (p - (s - part)) + ((double)c - part);
    uint64_t u;
    memcpy(&u, &s, sizeof u);
    uint64_t step = (error > 0) == (s > 0) ? 1 : (uint64_t)-1;
    u += (error < 0 || error > 0) && !(u & 1) ? step : 0;
    memcpy(&s, &u, sizeof s);
    return (float)s;
#endif
}

/* IEEE half to float, exact: normal numbers by moving the fields; subnormal ones by an exact
 * subtraction. */
SIMD_FN float float_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = (uint32_t)(h & 0x7fff) << 13;
    float tiny = float_of(mag + (113u << 23)) - float_of(113u << 23);
    float norm = float_of(mag + (112u << 23));
    float big = float_of(mag + (224u << 23));
    float x = mag >= (31u << 23) ? big : mag >= (1u << 23) ? norm : tiny;
    return float_of(bits_of(x) | sign);
}

/* Rounded to bfloat16: to nearest, ties to even; subnormal numbers to 0 with their sign. NaN stays
 * NaN. */
SIMD_FN float bf16_of(float x)
{
    uint32_t u = bits_of(x), mag = u & 0x7fffffffu, odd = u >> 16 & 1;
    uint32_t r = mag < 0x00800000u ? u & 0x80000000u : (u + 0x7fffu + odd) & 0xffff0000u;
    return mag > 0x7f800000u ? x : float_of(r);
}

/* The first n lanes. */
SIMD_FN m16 m16_first(size_t n)
{
    EACH_MASK((size_t)i < n);
}

SIMD_FN v16 v16_zero(void)
{
    EACH(0);
}

SIMD_FN v16 v16_to_bf16(v16 a)
{
    EACH(bf16_of(a.f[i]));
}

SIMD_FN v16 v16_set1(float x)
{
    EACH(x);
}

SIMD_FN v16 v16_set1_bits(uint32_t x)
{
    EACH(float_of(x));
}

SIMD_FN v16 v16_load(const float *p)
{
    v16 r;
    memcpy(r.f, p, sizeof r.f);
    return r;
}

SIMD_FN v16 v16_load_n(const float *p, size_t n)
{
    v16 r = v16_zero();
    memcpy(r.f, p, 4 * (n < V16 ? n : V16));
    return r;
}

SIMD_FN void v16_store(float *p, v16 a)
{
    memcpy(p, a.f, sizeof a.f);
}

SIMD_FN void v16_store_n(float *p, v16 a, size_t n)
{
    memcpy(p, a.f, 4 * (n < V16 ? n : V16));
}

/* 16 halves (IEEE) or bfloat16s, exact. */
SIMD_FN v16 v16_load_f16_n(const void *p, size_t n)
{
    uint16_t x[V16] = {0};
    memcpy(x, p, 2 * (n < V16 ? n : V16));
    EACH(float_of_f16(x[i]));
}

SIMD_FN v16 v16_load_f16(const void *p)
{
    return v16_load_f16_n(p, V16);
}

SIMD_FN v16 v16_load_bf16_n(const void *p, size_t n)
{
    uint16_t x[V16] = {0};
    memcpy(x, p, 2 * (n < V16 ? n : V16));
    EACH(float_of((uint32_t)x[i] << 16));
}

SIMD_FN v16 v16_load_bf16(const void *p)
{
    return v16_load_bf16_n(p, V16);
}

/* Lanes that hold two 16-bit numbers each, as they lie in memory: the first ones as floats (lo), or
 * the second ones (hi). */
SIMD_FN v16 v16_f16_lo(v16 a)
{
    EACH(float_of_f16((uint16_t)bits_of(a.f[i])));
}

SIMD_FN v16 v16_f16_hi(v16 a)
{
    EACH(float_of_f16((uint16_t)(bits_of(a.f[i]) >> 16)));
}

SIMD_FN v16 v16_bf16_lo(v16 a)
{
    EACH(float_of(bits_of(a.f[i]) << 16));
}

SIMD_FN v16 v16_bf16_hi(v16 a)
{
    EACH(float_of(bits_of(a.f[i]) & 0xffff0000u));
}

SIMD_FN v16 v16_add(v16 a, v16 b)
{
    EACH(a.f[i] + b.f[i]);
}

SIMD_FN v16 v16_sub(v16 a, v16 b)
{
    EACH(a.f[i] - b.f[i]);
}

SIMD_FN v16 v16_mul(v16 a, v16 b)
{
    EACH(a.f[i] * b.f[i]);
}

SIMD_FN v16 v16_div(v16 a, v16 b)
{
    EACH(a.f[i] / b.f[i]);
}

/* a * b + c, one rounding. */
SIMD_FN v16 v16_fma(v16 a, v16 b, v16 c)
{
    EACH(fma_one(a.f[i], b.f[i], c.f[i]));
}

/* c - a * b, one rounding. */
SIMD_FN v16 v16_fnma(v16 a, v16 b, v16 c)
{
    EACH(fma_one(-a.f[i], b.f[i], c.f[i]));
}

SIMD_FN v16 v16_sqrt(v16 a)
{
    EACH(__builtin_sqrtf(a.f[i]));
}

/* a > b ? a : b, so b where either is NaN: v16_max(bound, x) lets a NaN of x through. v16_min
 * likewise. */
SIMD_FN v16 v16_max(v16 a, v16 b)
{
    EACH(a.f[i] > b.f[i] ? a.f[i] : b.f[i]);
}

SIMD_FN v16 v16_min(v16 a, v16 b)
{
    EACH(a.f[i] < b.f[i] ? a.f[i] : b.f[i]);
}

SIMD_FN v16 v16_and_bits(v16 a, v16 b)
{
    EACH(float_of(bits_of(a.f[i]) & bits_of(b.f[i])));
}

SIMD_FN v16 v16_xor_bits(v16 a, v16 b)
{
    EACH(float_of(bits_of(a.f[i]) ^ bits_of(b.f[i])));
}

/* 2^n, -126 <= n <= 127 (n = -127 gives 0), from t = V16_ROUND + n (the sum's low bits hold n). */
SIMD_FN v16 v16_pow2_of(v16 t)
{
    EACH(float_of((bits_of(t.f[i]) << 23) + 0x3f800000u));
}

/* False where either is NaN. */
SIMD_FN m16 v16_lt(v16 a, v16 b)
{
    EACH_MASK(a.f[i] < b.f[i]);
}

SIMD_FN m16 v16_eq(v16 a, v16 b)
{
    EACH_MASK(a.f[i] == b.f[i]);
}

/* a where the mask is set, else b. */
SIMD_FN v16 v16_select(m16 m, v16 a, v16 b)
{
    EACH(m.u[i] ? a.f[i] : b.f[i]);
}

/* Bit i: lane i. */
SIMD_FN unsigned m16_bits(m16 m)
{
    unsigned bits = 0;
    for (int i = 0; i < V16; i++)
        bits |= (m.u[i] & 1u) << i;
    return bits;
}

/* The law's tree: lane i + lane i + 8, then + 4, + 2, + 1. */
SIMD_FN float v16_sum(v16 a)
{
    for (int half = V16 / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.f[i] += a.f[i + half];
    return a.f[0];
}

/* The largest lane; unspecified where one is NaN. */
SIMD_FN float v16_max_all(v16 a)
{
    for (int half = V16 / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a.f[i] = a.f[i] > a.f[i + half] ? a.f[i] : a.f[i + half];
    return a.f[0];
}

/* r[i] lane j becomes r[j] lane i. */
SIMD_FN void v16_transpose(v16 r[V16])
{
    for (int i = 0; i < V16; i++)
        for (int j = 0; j < i; j++) {
            float x = r[i].f[j];
            r[i].f[j] = r[j].f[i];
            r[j].f[i] = x;
        }
}

#undef EACH
#undef EACH_MASK

#endif
