/* Row and element kernels of the cpu backend: one table for each instruction set, the same bytes
 * from each. A kernel works on one row or one run of elements; rows.c shares these out to threads.
 * Arrays need no alignment. What an op computes and which arrays may coincide stands in ops.h. */
#ifndef TAC_BACKEND_KERN_ROWS_H
#define TAC_BACKEND_KERN_ROWS_H

#include "backend/ops.h"

/* One AdamW step in float: p *= keep; m, v by b1, b2 (and a = 1 - b1, b = 1 - b2);
 * p -= step * m / (sqrt(v) / root + eps). */
struct tac_kern_adamw {
    float scale, keep, b1, a, b2, b, step, root, eps;
};

struct tac_kern_rows {
    /* y (n) = n stored weights of a type */
    void (*expand)(float *y, const void *w, enum tac_wtype type, size_t n);
    /* one row of norm; stat (2) out */
    void (*norm)(float *y, float *stat, const float *x, const float *g, const float *b, size_t C,
                 float eps, enum tac_norm_kind kind);
    /* one row of norm_dx; stat (2) in */
    void (*norm_dx)(float *dx, const float *res, const float *dy, const float *x, const float *stat,
                    const float *g, size_t C, enum tac_norm_kind kind);
    /* norm_dw for columns [c0, c1) of all T rows */
    void (*norm_dw)(float *dg, float *db, const float *dy, const float *x, const float *stat,
                    size_t T, size_t C, size_t c0, size_t c1);
    void (*act)(float *y, const float *x, size_t n, enum tac_act_kind kind);
    void (*act_dx)(float *dx, const float *dy, const float *x, size_t n, enum tac_act_kind kind);
    void (*gate)(float *y, const float *x, const float *u, size_t n, enum tac_act_kind kind);
    void (*gate_dx)(float *dx, float *du, const float *dy, const float *x, const float *u, size_t n,
                    enum tac_act_kind kind);
    void (*add)(float *y, const float *x, size_t n); /* y += x */
    /* y = fma(b, x, a * y); x NULL: y = a * y */
    void (*mix)(float *y, float a, float b, const float *x, size_t n);
    /* y (n) = x * s + res; res may be NULL */
    void (*scale)(float *y, const float *x, const float *s, const float *res, size_t n);
    /* scale_dw for columns [c0, c1) of all T rows */
    void (*scale_dw)(float *ds, const float *dy, const float *x, size_t T, size_t N, size_t c0,
                     size_t c1);
    void (*adamw)(float *p, float *m, float *v, const float *g, size_t n,
                  const struct tac_kern_adamw *o);
    /* the sum of x^2 along a row, in float lanes */
    float (*square_sum)(const float *x, size_t n);
    /* moment[c] = beta * moment[c] + gain * m for c in [c0, c1), m = eps + the mean over R rows of
     * (scale * g[.,c])^2 */
    void (*column_moments)(float *moment, const float *g, size_t R, size_t C, size_t c0, size_t c1,
                           float scale, float beta, float gain, float eps);
    /* u = scale * g / sqrt(moment): the sum of u^2 */
    float (*update_sum)(const float *g, const float *moment, size_t n, float scale);
    /* p -= decay * p, then p -= shrink * u */
    void (*update)(float *p, const float *g, const float *moment, size_t n, float scale,
                   float shrink, float decay);
    /* the largest of `least` and x, NaN left out */
    float (*max)(const float *x, size_t n, float least);
    /* x = exp(x - max); their sum */
    float (*exp_sum)(float *x, size_t n, float max);
    /* x = scale * exp(x - lse) */
    void (*exp_scale)(float *x, size_t n, float lse, float scale);
    float (*exp)(float x);
    double (*log)(double x); /* of a positive normal number; NaN and infinity come back */
    double (*sumsq)(const float *x, size_t n); /* in 16 double lanes */
    bool (*finite)(const float *x, size_t n);
};

extern const struct tac_kern_rows tac_kern_rows_portable, tac_kern_rows_avx2, tac_kern_rows_avx512;

#endif
