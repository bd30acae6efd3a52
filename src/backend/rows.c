/* The cpu backend's ops that work row by row or element by element: what each thread does. A row's
 * or an element's result does not depend on who computes it; where rows are summed, threads share
 * out columns. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/kern_rows.h"
#include "backend/threads.h"

#include <math.h>
#include <string.h>

enum {
    ELEMENT = 8,  /* multiply-adds that an element of a row costs, roughly */
    CHUNK = 4096, /* elements that a thread takes at once */
    COLUMNS = 64, /* columns that a thread sums at once */
    STRIPES = 64, /* parts whose sums are added in order */
};

static const struct tac_kern_rows *kernels(const struct tac_backend *be)
{
    return be->kern->rows;
}

/* Threads for n elements. */
static int threads_for(const struct tac_backend *be, size_t n)
{
    return tac_threads_for(be->threads, n * ELEMENT);
}

static size_t parts(size_t n, size_t each)
{
    return n / each + (n % each != 0);
}

/* ---- embedding and rows ---- */

void tac_cpu_embed(struct tac_backend *be, void *y, const struct tac_weight *E, const void *soft,
                   const int32_t *src, size_t T, size_t C)
{
    size_t row = C * tac_wtype_size(E->type, sizeof(float));
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *C))
    for (size_t t = 0; t < T; t++) {
        float *yt = (float *)y + t * C;
        if (src[t] >= 0)
            kernels(be)->expand(yt, (const char *)E->data + (size_t)src[t] * row, E->type, C);
        else
            memcpy(yt, (const float *)soft + (size_t)(-1 - src[t]) * C, C * sizeof *yt);
    }
}

/* Row t of dy goes to its source's row of dsoft or dE: columns [c, c + n). */
static void embed_dx_columns(const struct tac_kern_rows *kern, float *dsoft, float *dE,
                             const float *dy, const int32_t *src, size_t T, size_t C, size_t c,
                             size_t n)
{
    for (size_t t = 0; t < T; t++) {
        float *to = src[t] >= 0 ? dE : dsoft;
        size_t row = (size_t)(src[t] >= 0 ? src[t] : -1 - src[t]);
        if (to)
            kern->add(to + row * C + c, dy + t * C + c, n);
    }
}

void tac_cpu_embed_dx(struct tac_backend *be, void *dsoft, void *dE, const void *dy,
                      const int32_t *src, size_t T, size_t C)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *C))
    for (size_t c = 0; c < C; c += COLUMNS)
        embed_dx_columns(kernels(be), dsoft, dE, dy, src, T, C, c, tac_min(COLUMNS, C - c));
}

void tac_cpu_rows_get(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                      size_t C)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n *C))
    for (size_t i = 0; i < n; i++)
        memcpy((float *)y + i * C, (const float *)x + (size_t)idx[i] * C, C * sizeof(float));
}

void tac_cpu_rows_add(struct tac_backend *be, void *y, const void *x, const int32_t *idx, size_t n,
                      size_t C)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n *C))
    for (size_t c = 0; c < C; c += COLUMNS)
        for (size_t i = 0; i < n; i++)
            kernels(be)->add((float *)y + (size_t)idx[i] * C + c, (const float *)x + i * C + c,
                             tac_min(COLUMNS, C - c));
}

void tac_cpu_mix(struct tac_backend *be, void *y, double a, double b, const void *x, size_t n)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->mix((float *)y + i, (float)a, (float)b, b != 0 ? (const float *)x + i : NULL,
                         tac_min(CHUNK, n - i));
}

void tac_cpu_zero(struct tac_backend *be, void *y, size_t n)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        memset((float *)y + i, 0, tac_min(CHUNK, n - i) * sizeof(float));
}

void tac_cpu_scale(struct tac_backend *be, void *y, const void *x, const void *s, const void *res,
                   size_t T, size_t N)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *N))
    for (size_t t = 0; t < T; t++)
        kernels(be)->scale((float *)y + t * N, (const float *)x + t * N, s,
                           res ? (const float *)res + t * N : NULL, N);
}

void tac_cpu_scale_dw(struct tac_backend *be, void *ds, const void *dy, const void *x, size_t T,
                      size_t N)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *N))
    for (size_t c = 0; c < N; c += COLUMNS)
        kernels(be)->scale_dw(ds, dy, x, T, N, c, tac_min(c + COLUMNS, N));
}

/* ---- normalisation ---- */

void tac_cpu_norm(struct tac_backend *be, void *y, void *stat, const void *x, const void *g,
                  const void *b, size_t T, size_t C, double eps, enum tac_norm_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *C))
    for (size_t t = 0; t < T; t++)
        kernels(be)->norm((float *)y + t * C, (float *)stat + 2 * t, (const float *)x + t * C, g, b,
                          C, (float)eps, kind);
}

void tac_cpu_norm_dx(struct tac_backend *be, void *dx, const void *res, const void *dy,
                     const void *x, const void *stat, const void *g, size_t T, size_t C,
                     enum tac_norm_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *C))
    for (size_t t = 0; t < T; t++)
        kernels(be)->norm_dx((float *)dx + t * C, res ? (const float *)res + t * C : NULL,
                             (const float *)dy + t * C, (const float *)x + t * C,
                             (const float *)stat + 2 * t, g, C, kind);
}

/* The same for both kinds: stat holds a mean of 0 for RMSNorm. */
void tac_cpu_norm_dw(struct tac_backend *be, void *dg, void *db, const void *dy, const void *x,
                     const void *stat, size_t T, size_t C, enum tac_norm_kind kind)
{
    (void)kind;
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *C))
    for (size_t c = 0; c < C; c += COLUMNS)
        kernels(be)->norm_dw(dg, db, dy, x, stat, T, C, c, tac_min(C, c + COLUMNS));
}

/* ---- heads ---- */

/* Where a head's D values begin in a fused row; part 0 q, 1 k, 2 v. */
static size_t fused_offset(const struct tac_heads *hd, size_t part, size_t head)
{
    if (hd->order == TAC_QKV_INTERLEAVED)
        return (head * 3 + part) * hd->D;
    return ((part > 0 ? hd->H : 0) + (part > 1 ? hd->G : 0) + head) * hd->D;
}

void tac_cpu_heads(struct tac_backend *be, void *q, void *k, void *v, const void *qkv,
                   const struct tac_heads *hd, size_t T)
{
    size_t D = hd->D, width = (hd->H + 2 * hd->G) * D;
    float *out[] = {q, k, v};
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *width))
    for (size_t t = 0; t < T; t++)
        for (size_t part = 0; part < 3; part++)
            for (size_t h = 0, n = part == 0 ? hd->H : hd->G; h < n; h++)
                memcpy(out[part] + (t * n + h) * D,
                       (const float *)qkv + t * width + fused_offset(hd, part, h),
                       D * sizeof(float));
}

void tac_cpu_heads_dx(struct tac_backend *be, void *dqkv, const void *dq, const void *dk,
                      const void *dv, const struct tac_heads *hd, size_t T)
{
    size_t D = hd->D, width = (hd->H + 2 * hd->G) * D;
    const float *in[] = {dq, dk, dv};
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *width))
    for (size_t t = 0; t < T; t++)
        for (size_t part = 0; part < 3; part++)
            for (size_t h = 0, n = part == 0 ? hd->H : hd->G; h < n; h++)
                memcpy((float *)dqkv + t * width + fused_offset(hd, part, h),
                       in[part] + (t * n + h) * D, D * sizeof(float));
}

void tac_cpu_rope(struct tac_backend *be, void *x, const struct tac_rope *r, const int32_t *pos,
                  size_t T, size_t n, bool back)
{
    size_t pairs = r->n / 2, step = r->half ? 1 : 2, apart = r->half ? pairs : 1;
#pragma omp parallel for schedule(static) num_threads(threads_for(be, T *n * r->n))
    for (size_t t = 0; t < T; t++) {
        const float *co = (const float *)r->table + (size_t)pos[t] * r->n, *si = co + pairs;
        for (size_t h = 0; h < n; h++) {
            float *a = (float *)x + (t * n + h) * r->D, *b = a + apart;
            for (size_t i = 0; i < pairs; i++) {
                float first = a[i * step], second = b[i * step], s = back ? -si[i] : si[i];
                a[i * step] = first * co[i] - second * s;
                b[i * step] = second * co[i] + first * s;
            }
        }
    }
}

/* ---- activations ---- */

void tac_cpu_act(struct tac_backend *be, void *y, const void *x, size_t n, enum tac_act_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->act((float *)y + i, (const float *)x + i, tac_min(CHUNK, n - i), kind);
}

void tac_cpu_act_dx(struct tac_backend *be, void *dx, const void *dy, const void *x, size_t n,
                    enum tac_act_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->act_dx((float *)dx + i, (const float *)dy + i, (const float *)x + i,
                            tac_min(CHUNK, n - i), kind);
}

void tac_cpu_gate(struct tac_backend *be, void *y, const void *x, const void *u, size_t n,
                  enum tac_act_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->gate((float *)y + i, (const float *)x + i, (const float *)u + i,
                          tac_min(CHUNK, n - i), kind);
}

void tac_cpu_gate_dx(struct tac_backend *be, void *dx, void *du, const void *dy, const void *x,
                     const void *u, size_t n, enum tac_act_kind kind)
{
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->gate_dx((float *)dx + i, (float *)du + i, (const float *)dy + i,
                             (const float *)x + i, (const float *)u + i, tac_min(CHUNK, n - i),
                             kind);
}

/* ---- optimisers and reductions ---- */

void tac_cpu_adamw(struct tac_backend *be, void *p, void *m, void *v, const void *g, size_t n,
                   const struct tac_adamw *o)
{
    struct tac_kern_adamw step = {
        .scale = (float)o->grad_scale,
        .keep = (float)(1 - o->lr * o->weight_decay),
        .b1 = (float)o->beta1,
        .a = (float)(1 - o->beta1),
        .b2 = (float)o->beta2,
        .b = (float)(1 - o->beta2),
        .step = (float)(o->lr / (1 - pow(o->beta1, (double)o->step))),
        .root = (float)sqrt(1 - pow(o->beta2, (double)o->step)),
        .eps = (float)o->eps,
    };
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t i = 0; i < n; i += CHUNK)
        kernels(be)->adamw((float *)p + i, (float *)m + i, (float *)v + i, (const float *)g + i,
                           tac_min(CHUNK, n - i), &step);
}

double tac_cpu_sumsq(struct tac_backend *be, const void *x, size_t n)
{
    double part[STRIPES], sum = 0;
    size_t each = parts(n, STRIPES);
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n))
    for (size_t s = 0; s < STRIPES; s++) {
        size_t from = tac_min(n, s * each);
        part[s] = kernels(be)->sumsq((const float *)x + from, tac_min(each, n - from));
    }
    for (size_t s = 0; s < STRIPES; s++)
        sum += part[s];
    return sum;
}

void tac_cpu_finite(struct tac_backend *be, const void *x, size_t n)
{
    bool bad = false;
#pragma omp parallel for schedule(static) num_threads(threads_for(be, n)) reduction(|| : bad)
    for (size_t i = 0; i < n; i += CHUNK)
        bad = bad || !kernels(be)->finite((const float *)x + i, tac_min(CHUNK, n - i));
    be->fault |= bad;
}

/* What an Adafactor step works on. A single row or column is kept unfactored: one row of R*C
 * columns whose second moments are `col`, and `row` NULL. */
struct factored {
    float *p, *row, *col;
    const float *g;
    size_t R, C;
    float row_mean; /* of row, after this step's moments */
};

static void factored_moments(const struct tac_backend *be, struct factored *f,
                             const struct tac_adafactor *o)
{
    float scale = (float)o->grad_scale, eps = (float)o->eps1;
    double fresh = pow((double)o->step, o->decay_rate), sum = 0;
    float gain = (float)fresh, beta = (float)(1 - fresh);
    size_t R = f->R, C = f->C;
#pragma omp parallel for schedule(static) num_threads(threads_for(be, R *C))
    for (size_t c = 0; c < C; c += COLUMNS)
        kernels(be)->column_moments(f->col, f->g, R, C, c, tac_min(C, c + COLUMNS), scale, beta,
                                    gain, eps);
    if (!f->row)
        return;
#pragma omp parallel for schedule(static) num_threads(threads_for(be, R *C))
    for (size_t r = 0; r < R; r++) {
        float mean = kernels(be)->square_sum(f->g + r * C, C) * scale * scale / (float)C + eps;
        f->row[r] = beta * f->row[r] + gain * mean;
    }
    for (size_t r = 0; r < R; r++)
        sum += (double)f->row[r];
    f->row_mean = (float)(sum / (double)R);
}

/* What a row's gradient is multiplied with before it is divided by sqrt(col). */
static float row_scale(const struct factored *f, size_t r, const struct tac_adafactor *o)
{
    float scale = (float)o->grad_scale;
    return f->row ? scale / sqrtf(f->row[r] / f->row_mean) : scale;
}

/* The root mean square of the update before clipping. */
static double factored_rms(const struct tac_backend *be, const struct factored *f,
                           const struct tac_adafactor *o)
{
    double part[STRIPES], sum = 0;
    size_t each = parts(f->R, STRIPES);
#pragma omp parallel for schedule(static) num_threads(threads_for(be, f->R * f->C))
    for (size_t s = 0; s < STRIPES; s++) {
        part[s] = 0;
        for (size_t r = s * each; r < tac_min(f->R, (s + 1) * each); r++)
            part[s] +=
                (double)kernels(be)->update_sum(f->g + r * f->C, f->col, f->C, row_scale(f, r, o));
    }
    for (size_t s = 0; s < STRIPES; s++)
        sum += part[s];
    return sqrt(sum / (double)(f->R * f->C));
}

static double step_size(struct tac_backend *be, const struct factored *f,
                        const struct tac_adafactor *o)
{
    double lr = o->relative_step ? fmin(1e-2, 1 / sqrt((double)o->step)) : o->lr;
    if (!o->scale_parameter)
        return lr;
    size_t n = f->R * f->C;
    return lr * fmax(o->eps2, sqrt(tac_cpu_sumsq(be, f->p, n) / (double)n));
}

void tac_cpu_adafactor(struct tac_backend *be, void *p, void *row, void *col, const void *g,
                       size_t R, size_t C, const struct tac_adafactor *o)
{
    bool single = R == 1 || C == 1;
    struct factored f = {p, single ? NULL : row, single ? row : col, g, R, C, 0};
    if (R * C == 0)
        return;
    if (single) {
        f.R = 1;
        f.C = R * C;
    }
    double lr = step_size(be, &f, o);
    factored_moments(be, &f, o);
    float shrink = (float)(lr / fmax(1, factored_rms(be, &f, o) / o->clip));
#pragma omp parallel for schedule(static) num_threads(threads_for(be, R *C))
    for (size_t r = 0; r < f.R; r++)
        kernels(be)->update(f.p + r * f.C, f.g + r * f.C, f.col, f.C, row_scale(&f, r, o), shrink,
                            (float)(o->weight_decay * lr));
}
