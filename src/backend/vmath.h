/* Elementary functions on sixteen lanes, from correctly rounded operations alone: the same bits
 * with every instruction set. Coefficients are own Chebyshev fits, rounded to float. */
#ifndef TAC_BACKEND_VMATH_H
#define TAC_BACKEND_VMATH_H

#include "backend/simd.h"

/* exp: x = n ln 2 + r, |r| <= 0.347; exp(r) = 1 + r + r^2 P(r), P of degree 5 (error 1.7e-10);
 * times 2^n. Error below 1 ulp (0.97 found). Results below 2^-125.5 (x < -86.98) are 0, above the
 * largest float infinity; exp(0) is exactly 1; NaN stays NaN. */
SIMD_FN v16 v16_exp(v16 x)
{
    x = v16_min(v16_set1(89.0f), v16_max(v16_set1(-87.0f), x));
    v16 t = v16_fma(x, v16_set1(0x1.715476p+0f), v16_set1(V16_ROUND));
    v16 n = v16_sub(t, v16_set1(V16_ROUND));
    v16 r = v16_fnma(n, v16_set1(0x1.62e4p-1f), x);
    r = v16_fnma(n, v16_set1(0x1.7f7d1cp-20f), r);
    v16 p = v16_set1(0x1.a1256cp-13f);
    p = v16_fma(p, r, v16_set1(0x1.6d43b0p-10f));
    p = v16_fma(p, r, v16_set1(0x1.1110e0p-7f));
    p = v16_fma(p, r, v16_set1(0x1.5554e8p-5f));
    p = v16_fma(p, r, v16_set1(0x1.555556p-3f));
    p = v16_fma(p, r, v16_set1(0.5f));
    p = v16_add(v16_fma(p, v16_mul(r, r), r), v16_set1(1.0f));
    /* 2^(n-1), doubled: n reaches 128 */
    return v16_mul(v16_add(p, p), v16_pow2_of(v16_sub(t, v16_set1(1.0f))));
}

/* tanh: below 0.65 x + x^3 P(x^2), P of degree 5 (error 9e-10 of the value); else 1 - 2 e / (1 + e)
 * with e = exp(-2 |x|). Odd to the bit. */
SIMD_FN v16 v16_tanh(v16 x)
{
    v16 ax = v16_abs(x), u = v16_mul(x, x);
    v16 p = v16_set1(0x1.22c3e8p-9f);
    p = v16_fma(p, u, v16_set1(-0x1.0f312ep-7f));
    p = v16_fma(p, u, v16_set1(0x1.644fd6p-6f));
    p = v16_fma(p, u, v16_set1(-0x1.ba031ap-5f));
    p = v16_fma(p, u, v16_set1(0x1.1110dap-3f));
    p = v16_fma(p, u, v16_set1(-0x1.555556p-2f));
    v16 near = v16_fma(v16_mul(p, u), x, x);
    v16 e = v16_exp(v16_neg(v16_add(ax, ax)));
    v16 far = v16_sub(v16_set1(1), v16_div(v16_add(e, e), v16_add(e, v16_set1(1))));
    far = v16_select(v16_lt(x, v16_zero()), v16_neg(far), far);
    return v16_select(v16_lt(ax, v16_set1(0.65f)), near, far);
}

/* log of a positive normal double (others: NaN and infinity come back, 0 and below are the caller's
 * mistake), by 2 atanh((m-1)/(m+1)) on m in [0.707, 1.415); relative error below 5e-16. */
SIMD_FN double tac_log(double x)
{
    if (!(x < 0x1p1023))
        return x;
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    int64_t e = (int64_t)(u - 0x3fe6a09e667f3bcdu) >> 52;
    u -= (uint64_t)e << 52;
    double m, sum = 0;
    memcpy(&m, &u, sizeof m);
    double s = (m - 1) / (m + 1), s2 = s * s;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * s2 + 1.0 / k;
    return 2 * s * sum + (double)e * 0x1.62e42fefa39efp-1;
}

#endif
