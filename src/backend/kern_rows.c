#include "backend/kern_rows.h"

#include "backend/load.h"
#include "backend/vmath.h"

/* The lanes of a run of n elements that are left at element i. */
static inline size_t left(size_t n, size_t i)
{
    return n - i < V16 ? n - i : V16;
}

/* v16_load_n and v16_store_n, whole vectors the fast way. */
SIMD_FN v16 get(const float *p, size_t n)
{
    return n == V16 ? v16_load(p) : v16_load_n(p, n);
}

SIMD_FN void put(float *p, v16 a, size_t n)
{
    if (n == V16)
        v16_store(p, a);
    else
        v16_store_n(p, a, n);
}

static void expand(float *y, const void *w, enum tac_wtype type, size_t n)
{
    const char *at = w;
    switch (type) {
    case TAC_W_F16:
        for (size_t i = 0; i < n; i += V16)
            put(y + i, load_n(at + 2 * i, TAC_W_F16, left(n, i)), left(n, i));
        break;
    case TAC_W_BF16:
        for (size_t i = 0; i < n; i += V16)
            put(y + i, load_n(at + 2 * i, TAC_W_BF16, left(n, i)), left(n, i));
        break;
    default:
        memcpy(y, w, n * sizeof *y);
    }
}

/* ---- normalisation ---- */

static float row_sum(const float *x, size_t n)
{
    v16 sum = v16_zero();
    for (size_t i = 0; i < n; i += V16)
        sum = v16_add(sum, get(x + i, left(n, i)));
    return v16_sum(sum);
}

/* The sum of (x - mean)^2. */
static float row_deviation(const float *x, float mean, size_t n)
{
    v16 sum = v16_zero();
    for (size_t i = 0; i < n; i += V16) {
        v16 d = v16_sub(get(x + i, left(n, i)), v16_set1(mean));
        d = v16_first(left(n, i), d, v16_zero());
        sum = v16_fma(d, d, sum);
    }
    return v16_sum(sum);
}

/* (x - mean) * rstd of up to 16 elements */
SIMD_FN v16 normalised(const float *x, const float *stat, size_t n)
{
    return v16_mul(v16_sub(get(x, n), v16_set1(stat[0])), v16_set1(stat[1]));
}

static void norm(float *y, float *stat, const float *x, const float *g, const float *b, size_t C,
                 float eps, enum tac_norm_kind kind)
{
    stat[0] = kind == TAC_LAYERNORM ? row_sum(x, C) / (float)C : 0;
    stat[1] = 1 / __builtin_sqrtf(row_deviation(x, stat[0], C) / (float)C + eps);
    for (size_t i = 0; i < C; i += V16) {
        size_t n = left(C, i);
        v16 bias = b ? get(b + i, n) : v16_zero();
        put(y + i, v16_fma(normalised(x + i, stat, n), get(g + i, n), bias), n);
    }
}

static void norm_dx(float *dx, const float *res, const float *dy, const float *x, const float *stat,
                    const float *g, size_t C, enum tac_norm_kind kind)
{
    v16 sum_a = v16_zero(), sum_ax = v16_zero();
    for (size_t i = 0; i < C; i += V16) {
        size_t n = left(C, i);
        v16 a = v16_mul(get(dy + i, n), get(g + i, n));
        sum_a = v16_add(sum_a, a);
        sum_ax = v16_fma(a, normalised(x + i, stat, n), sum_ax);
    }
    v16 mean_a = v16_set1(kind == TAC_LAYERNORM ? v16_sum(sum_a) / (float)C : 0);
    v16 mean_ax = v16_set1(v16_sum(sum_ax) / (float)C);
    for (size_t i = 0; i < C; i += V16) {
        size_t n = left(C, i);
        v16 a = v16_mul(get(dy + i, n), get(g + i, n));
        v16 d = v16_fnma(normalised(x + i, stat, n), mean_ax, v16_sub(a, mean_a));
        v16 r = res ? get(res + i, n) : v16_zero();
        put(dx + i, v16_fma(d, v16_set1(stat[1]), r), n);
    }
}

static void norm_dw(float *dg, float *db, const float *dy, const float *x, const float *stat,
                    size_t T, size_t C, size_t c0, size_t c1)
{
    for (size_t c = c0; c < c1; c += V16) {
        size_t n = left(c1, c);
        v16 gain = get(dg + c, n), bias = db ? get(db + c, n) : v16_zero();
        for (size_t t = 0; t < T; t++) {
            v16 d = get(dy + t * C + c, n);
            gain = v16_fma(d, normalised(x + t * C + c, stat + 2 * t, n), gain);
            bias = v16_add(bias, d);
        }
        put(dg + c, gain, n);
        if (db)
            put(db + c, bias, n);
    }
}

/* ---- activations ---- */

/* s = 1 / (1 + exp(-z)) and, without cancellation, its complement 1 - s; NaN gives NaN. */
SIMD_FN v16 sigmoid(v16 z, v16 *complement)
{
    v16 e = v16_exp(v16_neg(v16_abs(z)));
    v16 large = v16_div(v16_set1(1), v16_add(e, v16_set1(1))), small = v16_mul(e, large);
    m16 negative = v16_lt(z, v16_zero());
    *complement = v16_select(negative, large, small);
    return v16_select(negative, small, large);
}

/* BLOOM's GELU, 0.5 x (1 + tanh(u)) with u = A x (1 + B x^2), is x * sigmoid(2u), and its slope
 * s + 2 u' x s (1 - s): one exponential, exact in the negative tail where 1 + tanh cancels. */
#define GELU_2A 1.59576912f /* 2 * 0.79788456 */
#define GELU_B  0.044715f

SIMD_FN v16 gelu_tanh(v16 x)
{
    v16 rest, z = v16_fma(v16_mul(x, x), v16_set1(GELU_B), v16_set1(1));
    return v16_mul(x, sigmoid(v16_mul(v16_mul(x, v16_set1(GELU_2A)), z), &rest));
}

SIMD_FN v16 gelu_tanh_slope(v16 x)
{
    /* beyond 20 the slope is 0 or 1 to the last bit, but x^2 could overflow */
    x = v16_min(v16_set1(20), v16_max(v16_set1(-20), x));
    v16 rest, xx = v16_mul(x, x), ax = v16_mul(x, v16_set1(GELU_2A));
    v16 s = sigmoid(v16_mul(ax, v16_fma(xx, v16_set1(GELU_B), v16_set1(1))), &rest);
    v16 du = v16_mul(ax, v16_fma(xx, v16_set1(3 * GELU_B), v16_set1(1)));
    return v16_fma(v16_mul(s, rest), du, s);
}

/* The normal distribution's density (but for 1/sqrt(2 pi)) and its tail Phi(-|x|), which is the
 * density times a function that falls like 1/|x|: a polynomial in t = 1 / (1 + 0.35 |x|), fitted to
 * 5e-8 of erfcx. x^2 is taken in two floats, else its rounding would grow with it. */
SIMD_FN v16 normal_tail(v16 x, v16 *density)
{
    static const float C[] = {-0.02853105030953884f, 0.1412721574306488f,    -0.25073742866516113f,
                              0.15416620671749115f,  -0.020117703825235367f, 0.10442750155925751f,
                              0.1200617104768753f,   0.13983604311943054f,   0.13962258398532867f};
    v16 a = v16_min(v16_set1(20), v16_abs(x)), xx = v16_mul(a, a);
    v16 rest = v16_fma(a, a, v16_neg(xx)), half = v16_set1(-0.5f);
    v16 e = v16_exp(v16_mul(xx, half));
    *density = v16_fma(e, v16_mul(rest, half), e);
    v16 t = v16_div(v16_set1(1), v16_fma(a, v16_set1(0.35f), v16_set1(1))), p = v16_set1(C[0]);
    for (size_t i = 1; i < sizeof C / sizeof *C; i++)
        p = v16_fma(p, t, v16_set1(C[i]));
    return v16_mul(v16_mul(p, t), *density);
}

SIMD_FN v16 normal_cdf(v16 x, v16 *density)
{
    v16 tail = normal_tail(x, density);
    return v16_select(v16_lt(x, v16_zero()), tail, v16_sub(v16_set1(1), tail));
}

SIMD_FN v16 gelu(v16 x)
{
    v16 density;
    return v16_mul(x, normal_cdf(x, &density));
}

SIMD_FN v16 gelu_slope(v16 x)
{
    /* beyond 20 the slope is 0 or 1 to the last bit, but infinity times 0 is neither */
    x = v16_min(v16_set1(20), v16_max(v16_set1(-20), x));
    v16 density, cdf = normal_cdf(x, &density);
    return v16_fma(v16_mul(x, v16_set1(0.39894228f)), density, cdf);
}

SIMD_FN v16 silu(v16 x)
{
    v16 rest;
    return v16_mul(x, sigmoid(x, &rest));
}

SIMD_FN v16 silu_slope(v16 x)
{
    x = v16_min(v16_set1(200), v16_max(v16_set1(-200), x)); /* infinity times 0 */
    v16 rest, s = sigmoid(x, &rest);
    return v16_fma(v16_mul(s, rest), x, s);
}

SIMD_FN v16 relu(v16 x)
{
    return v16_max(v16_zero(), x);
}

SIMD_FN v16 relu_slope(v16 x)
{
    v16 one = v16_select(v16_lt(x, v16_zero()), v16_zero(), v16_set1(1));
    return v16_select(v16_eq(x, v16_zero()), v16_zero(), one);
}

/* 1 / cosh(x)^2 */
SIMD_FN v16 tanh_slope(v16 x)
{
    v16 ax = v16_abs(x), e = v16_exp(v16_neg(v16_add(ax, ax))), d = v16_add(e, v16_set1(1));
    return v16_div(v16_mul(v16_set1(4), e), v16_mul(d, d));
}

#define EACH_OF(n, y, value)                                                                       \
    for (size_t i = 0; i < (n); i += V16) {                                                        \
        size_t m = left(n, i);                                                                     \
        put((y) + i, value, m);                                                                    \
    }

/* DO(f, f') of a kind. */
#define OF_KIND(kind, DO)                                                                          \
    switch (kind) {                                                                                \
    case TAC_GELU_TANH:                                                                            \
        DO(gelu_tanh, gelu_tanh_slope)                                                             \
        break;                                                                                     \
    case TAC_SILU:                                                                                 \
        DO(silu, silu_slope)                                                                       \
        break;                                                                                     \
    case TAC_RELU:                                                                                 \
        DO(relu, relu_slope)                                                                       \
        break;                                                                                     \
    case TAC_TANH:                                                                                 \
        DO(v16_tanh, tanh_slope)                                                                   \
        break;                                                                                     \
    case TAC_GELU:                                                                                 \
        DO(gelu, gelu_slope)                                                                       \
        break;                                                                                     \
    }

static void act(float *y, const float *x, size_t n, enum tac_act_kind kind)
{
#define ACT(f, slope) EACH_OF(n, y, f(get(x + i, m)))
    OF_KIND(kind, ACT)
#undef ACT
}

static void act_dx(float *dx, const float *dy, const float *x, size_t n, enum tac_act_kind kind)
{
#define ACT_DX(f, slope) EACH_OF(n, dx, v16_mul(get(dy + i, m), slope(get(x + i, m))))
    OF_KIND(kind, ACT_DX)
#undef ACT_DX
}

static void gate(float *y, const float *x, const float *u, size_t n, enum tac_act_kind kind)
{
#define GATE(f, slope) EACH_OF(n, y, v16_mul(f(get(x + i, m)), get(u + i, m)))
    OF_KIND(kind, GATE)
#undef GATE
}

static void gate_dx(float *dx, float *du, const float *dy, const float *x, const float *u, size_t n,
                    enum tac_act_kind kind)
{
#define GATE_DX(f, slope)                                                                          \
    for (size_t i = 0; i < n; i += V16) {                                                          \
        size_t m = left(n, i);                                                                     \
        v16 d = get(dy + i, m), g = get(x + i, m), by = get(u + i, m);                             \
        put(dx + i, v16_mul(v16_mul(d, by), slope(g)), m);                                         \
        put(du + i, v16_mul(d, f(g)), m);                                                          \
    }
    OF_KIND(kind, GATE_DX)
#undef GATE_DX
}

static void add(float *y, const float *x, size_t n)
{
    EACH_OF(n, y, v16_add(get(y + i, m), get(x + i, m)))
}

static void mix(float *y, float a, float b, const float *x, size_t n)
{
    v16 va = v16_set1(a), vb = v16_set1(b);
    if (!x) {
        EACH_OF(n, y, v16_mul(va, get(y + i, m)))
        return;
    }
    EACH_OF(n, y, v16_fma(vb, get(x + i, m), v16_mul(va, get(y + i, m))))
}

static void scale(float *y, const float *x, const float *s, const float *res, size_t n)
{
    if (!res) {
        EACH_OF(n, y, v16_mul(get(x + i, m), get(s + i, m)))
        return;
    }
    EACH_OF(n, y, v16_fma(get(x + i, m), get(s + i, m), get(res + i, m)))
}

static void scale_dw(float *ds, const float *dy, const float *x, size_t T, size_t N, size_t c0,
                     size_t c1)
{
    for (size_t c = c0; c < c1; c += V16) {
        size_t n = left(c1, c);
        v16 sum = get(ds + c, n);
        for (size_t t = 0; t < T; t++)
            sum = v16_fma(get(dy + t * N + c, n), get(x + t * N + c, n), sum);
        put(ds + c, sum, n);
    }
}

/* ---- optimisers ---- */

static void adamw(float *p, float *m, float *v, const float *g, size_t n,
                  const struct tac_kern_adamw *o)
{
    for (size_t i = 0; i < n; i += V16) {
        size_t k = left(n, i);
        v16 gi = v16_mul(get(g + i, k), v16_set1(o->scale));
        v16 mi = v16_fma(gi, v16_set1(o->a), v16_mul(get(m + i, k), v16_set1(o->b1)));
        v16 vi = v16_mul(get(v + i, k), v16_set1(o->b2));
        vi = v16_fma(v16_mul(gi, gi), v16_set1(o->b), vi);
        v16 pi = v16_mul(get(p + i, k), v16_set1(o->keep));
        v16 root = v16_add(v16_div(v16_sqrt(vi), v16_set1(o->root)), v16_set1(o->eps));
        put(m + i, mi, k);
        put(v + i, vi, k);
        put(p + i, v16_fnma(v16_set1(o->step), v16_div(mi, root), pi), k);
    }
}

static float square_sum(const float *x, size_t n)
{
    return row_deviation(x, 0, n);
}

static void column_moments(float *moment, const float *g, size_t R, size_t C, size_t c0, size_t c1,
                           float scale, float beta, float gain, float eps)
{
    for (size_t c = c0; c < c1; c += V16) {
        size_t n = left(c1, c);
        v16 sum = v16_zero();
        for (size_t r = 0; r < R; r++) {
            v16 x = v16_mul(get(g + r * C + c, n), v16_set1(scale));
            sum = v16_fma(x, x, sum);
        }
        v16 mean = v16_add(v16_div(sum, v16_set1((float)R)), v16_set1(eps));
        v16 old = v16_mul(get(moment + c, n), v16_set1(beta));
        put(moment + c, v16_fma(mean, v16_set1(gain), old), n);
    }
}

/* scale * g / sqrt(moment) of up to 16 elements; lanes beyond n are 0. */
SIMD_FN v16 update_of(const float *g, const float *moment, size_t n, float scale)
{
    v16 root = v16_first(n, v16_sqrt(get(moment, n)), v16_set1(1));
    return v16_div(v16_mul(get(g, n), v16_set1(scale)), root);
}

static float update_sum(const float *g, const float *moment, size_t n, float scale)
{
    v16 sum = v16_zero();
    for (size_t i = 0; i < n; i += V16) {
        v16 u = update_of(g + i, moment + i, left(n, i), scale);
        sum = v16_fma(u, u, sum);
    }
    return v16_sum(sum);
}

static void update(float *p, const float *g, const float *moment, size_t n, float scale,
                   float shrink, float decay)
{
    for (size_t i = 0; i < n; i += V16) {
        size_t m = left(n, i);
        v16 old = get(p + i, m);
        old = v16_fnma(old, v16_set1(decay), old);
        put(p + i, v16_fnma(update_of(g + i, moment + i, m, scale), v16_set1(shrink), old), m);
    }
}

/* ---- softmax over the vocabulary ---- */

static float row_max(const float *x, size_t n, float least)
{
    v16 max = v16_set1(least);
    for (size_t i = 0; i < n; i += V16)
        max = v16_max(v16_first(left(n, i), get(x + i, left(n, i)), max), max);
    float lane[V16];
    v16_store(lane, max);
    for (size_t i = 0; i < V16; i++)
        least = lane[i] > least ? lane[i] : least;
    return least;
}

static float exp_sum(float *x, size_t n, float max)
{
    v16 sum = v16_zero();
    for (size_t i = 0; i < n; i += V16) {
        size_t m = left(n, i);
        v16 e = v16_exp(v16_sub(get(x + i, m), v16_set1(max)));
        put(x + i, e, m);
        sum = v16_add(sum, v16_first(m, e, v16_zero()));
    }
    return v16_sum(sum);
}

static void exp_scale(float *x, size_t n, float lse, float scale)
{
    EACH_OF(n, x, v16_mul(v16_exp(v16_sub(get(x + i, m), v16_set1(lse))), v16_set1(scale)))
}

static float exp_one(float x)
{
    float lane[V16];
    v16_store(lane, v16_exp(v16_set1(x)));
    return lane[0];
}

/* ---- reductions ---- */

/* The square of a float is exact in double, so fused or not gives the same sum. */
static double sumsq(const float *x, size_t n)
{
    double lane[V16] = {0};
    size_t i = 0;
    for (; i + V16 <= n; i += V16)
        for (size_t j = 0; j < V16; j++)
            lane[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t j = 0; i + j < n; j++)
        lane[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t half = V16 / 2; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

static bool finite(const float *x, size_t n)
{
    bool ok = true;
    for (size_t i = 0; i < n; i += V16) {
        v16 size = v16_abs(get(x + i, left(n, i)));
        ok &= m16_bits(v16_lt(size, v16_set1_bits(0x7f800000u))) == 0xffff;
    }
    return ok;
}

const struct tac_kern_rows TAC_KERN_NAME(tac_kern_rows) = {
    .expand = expand,
    .norm = norm,
    .norm_dx = norm_dx,
    .norm_dw = norm_dw,
    .act = act,
    .act_dx = act_dx,
    .gate = gate,
    .gate_dx = gate_dx,
    .add = add,
    .mix = mix,
    .scale = scale,
    .scale_dw = scale_dw,
    .adamw = adamw,
    .square_sum = square_sum,
    .column_moments = column_moments,
    .update_sum = update_sum,
    .update = update,
    .max = row_max,
    .exp_sum = exp_sum,
    .exp_scale = exp_scale,
    .exp = exp_one,
    .log = tac_log,
    .sumsq = sumsq,
    .finite = finite,
};
