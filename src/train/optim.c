#include "train/optim.h"

#include <math.h>
#include <stdlib.h>

enum { STREAM_MOMENTS = 2, PIECE = 4096 };

static size_t elements(const struct tac_item *it)
{
    return it->rows * (it->cols ? it->cols : 1);
}

static size_t item_state(const struct tac_item *it, enum tac_optim_kind kind)
{
    if (kind == TAC_ADAFACTOR)
        return it->cols > 1 && it->rows > 1 ? it->rows + it->cols : elements(it);
    return kind == TAC_MUON && it->parts ? elements(it) : 2 * elements(it);
}

size_t tac_optim_state(const struct tac_tune *t, enum tac_optim_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_item; i++)
        n += item_state(&t->item[i], kind);
    return n;
}

/* Reals of one part of a Muon item, and of the square of its smaller side. */
static void muon_sizes(const struct tac_item *it, size_t *n, size_t *square)
{
    size_t rows = it->rows / it->parts, least = rows < it->cols ? rows : it->cols;
    *n = rows * it->cols;
    *square = least * least;
}

size_t tac_optim_work(const struct tac_tune *t, enum tac_optim_kind kind)
{
    size_t most = 0, n, square;
    for (size_t i = 0; kind == TAC_MUON && i < t->n_item; i++)
        if (t->item[i].parts) {
            muon_sizes(&t->item[i], &n, &square);
            most = 2 * (n + square) > most ? 2 * (n + square) : most;
        }
    return most;
}

enum tacit_status tac_optim_open(struct tac_optim *op, struct tac_tune *t,
                                 const struct tac_optim_options *o, struct tacit_err *err)
{
    struct tac_backend *be = t->weights->be;
    *op = (struct tac_optim){.o = *o, .tune = t, .n_state = tac_optim_state(t, o->kind)};
    size_t work = tac_optim_work(t, o->kind);
    op->bytes = (op->n_state + work) * be->real_size;
    op->state = be->ops->alloc(be, op->n_state * be->real_size);
    op->work = work ? be->ops->alloc(be, work * be->real_size) : NULL;
    if (op->state && (op->work || !work))
        return TACIT_OK;
    size_t bytes = op->bytes;
    tac_optim_close(op);
    return tac_fail_memory(err, bytes);
}

void tac_optim_close(struct tac_optim *op)
{
    struct tac_backend *be = op->tune ? op->tune->weights->be : NULL;
    if (op->state)
        be->ops->release(be, op->state);
    if (op->work)
        be->ops->release(be, op->work);
    *op = (struct tac_optim){0};
}

double tac_schedule_lr(const struct tac_optim_options *o, int64_t step, int64_t total)
{
    int64_t at = step - 1;
    if (at < o->warmup)
        return o->lr * (double)at / (double)o->warmup;
    if (o->schedule == TAC_CONSTANT || total <= o->warmup)
        return o->lr;
    double done = (double)(at - o->warmup) / (double)(total - o->warmup);
    return o->schedule == TAC_LINEAR ? o->lr * (1.0 - done)
                                     : o->lr * 0.5 * (1.0 + cos(3.14159265358979323846 * done));
}

/* One item and what is kept of it. */
struct part {
    const struct tac_item *it;
    void *p, *g, *state;
    size_t n;
};

static void step_adamw(struct tac_backend *be, const struct part *x,
                       const struct tac_optim_options *o, double lr, double scale, int64_t step)
{
    struct tac_adamw a = {lr,   o->beta1, o->beta2, o->eps, x->it->decay ? o->weight_decay : 0,
                          step, scale};
    be->ops->adamw(be, x->p, x->state, tac_real_at(be, x->state, x->n), x->g, x->n, &a);
}

static void step_adafactor(struct tac_backend *be, const struct part *x,
                           const struct tac_optim_options *o, double lr, double scale, int64_t step)
{
    struct tac_adafactor a = {.lr = lr,
                              .decay_rate = -0.8,
                              .eps1 = 1e-30,
                              .eps2 = 1e-3,
                              .clip = 1.0,
                              .weight_decay = x->it->decay ? o->weight_decay : 0,
                              .step = step,
                              .grad_scale = scale};
    be->ops->adafactor(be, x->p, x->state, tac_real_at(be, x->state, x->it->rows), x->g,
                       x->it->rows, x->it->cols ? x->it->cols : 1, &a);
}

/* A step of Newton and Schulz's iteration on x (R,C): x = a x + (b s + c s s) x with s = x x^T, or
 * from the right where x is tall. y is room for another x; s and ss for squares of the smaller
 * side. */
static void orthogonalise_once(struct tac_backend *be, void *x, void *y, void *s, void *ss,
                               size_t R, size_t C)
{
    static const double a = 3.4445, b = -4.7750, c = 2.0315;
    const struct tac_ops *op = be->ops;
    bool tall = R > C;
    size_t k = tall ? C : R;
    struct tac_weight wx = {x, TAC_W_REAL, R, C, false}, ws = {s, TAC_W_REAL, k, k, false},
                      wss = {ss, TAC_W_REAL, k, k, false};
    if (tall) {
        op->zero(be, s, k * k);
        op->matmul_dw(be, s, NULL, x, x, R, C, C);
    } else {
        op->matmul(be, s, x, &wx, NULL, NULL, R);
    }
    op->matmul(be, ss, s, &ws, NULL, NULL, k); /* s is symmetric */
    op->mix(be, ss, c, b, s, k * k);
    if (tall)
        op->matmul_dx(be, y, x, &wss, NULL, R);
    else
        op->matmul_dx(be, y, ss, &wx, NULL, R);
    op->mix(be, x, a, 1, y, R * C);
}

/* One matrix's step (Jordan et al. 2024): momentum, Nesterov's way, made nearly orthogonal, with
 * the size of an AdamW step (Liu et al. 2025: 0.2 sqrt(max(R, C))). */
static void step_matrix(struct tac_backend *be, void *p, void *m, const void *g, void *work,
                        size_t R, size_t C, const struct tac_optim_options *o, double lr,
                        double scale, bool decay)
{
    enum { ITERATIONS = 5 };
    const struct tac_ops *op = be->ops;
    size_t n = R * C, k = R < C ? R : C;
    void *x = work, *y = tac_real_at(be, x, n), *s = tac_real_at(be, y, n),
         *ss = tac_real_at(be, s, k * k);
    op->mix(be, m, o->momentum, scale, g, n);
    op->zero(be, x, n);
    op->mix(be, x, 1, scale, g, n);
    op->mix(be, x, 1, o->momentum, m, n);
    op->sync(be);
    op->mix(be, x, 1 / (sqrt(op->sumsq(be, x, n)) + 1e-7), 0, NULL, n);
    for (int i = 0; i < ITERATIONS; i++)
        orthogonalise_once(be, x, y, s, ss, R, C);
    double size = 0.2 * sqrt((double)(R > C ? R : C));
    op->mix(be, p, 1 - (decay ? lr * o->weight_decay : 0), -lr * size, x, n);
}

static void step_muon(struct tac_optim *op, const struct part *x, double lr, double scale)
{
    struct tac_backend *be = op->tune->weights->be;
    size_t rows = x->it->rows / x->it->parts, n = rows * x->it->cols;
    for (size_t i = 0; i < x->it->parts; i++)
        step_matrix(be, tac_real_at(be, x->p, i * n), tac_real_at(be, x->state, i * n),
                    tac_real_at(be, x->g, i * n), op->work, rows, x->it->cols, &op->o, lr, scale,
                    x->it->decay);
}

double tac_optim_step(struct tac_optim *op, int64_t step, int64_t total, int64_t steps_before)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    const struct tac_optim_options *o = &op->o;
    double norm = sqrt(be->ops->sumsq(be, t->g, t->n)), lr = tac_schedule_lr(o, step, total);
    double scale = o->clip > 0 && norm > o->clip ? o->clip / (norm + 1e-6) : 1.0;
    size_t at = 0;
    for (size_t i = 0; i < t->n_item; i++) {
        const struct tac_item *it = &t->item[i];
        struct part x = {it, tac_real_at(be, t->p, it->offset), tac_real_at(be, t->g, it->offset),
                         tac_real_at(be, op->state, at), elements(it)};
        if (o->kind == TAC_ADAFACTOR)
            step_adafactor(be, &x, o, lr, scale, step + steps_before);
        else if (o->kind == TAC_MUON && it->parts)
            step_muon(op, &x, lr, scale);
        else
            step_adamw(be, &x, o, lr, scale, step + steps_before);
        at += item_state(it, o->kind);
    }
    be->ops->finite(be, t->p, t->n);
    be->ops->sync(be);
    return norm;
}

void tac_optim_noise_moments(struct tac_optim *op, double s, uint64_t seed)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    float g[PIECE], m[PIECE];
    double rms = sqrt(be->ops->sumsq(be, t->g, t->n) / (double)t->n);
    struct tac_rng r = tac_rng_init(seed, STREAM_MOMENTS);
    size_t first = 0;
    for (size_t i = 0; i < t->n_item; i++) {
        size_t n = elements(&t->item[i]);
        for (size_t at = 0, k; at < n; at += k) {
            k = n - at < PIECE ? n - at : PIECE;
            be->ops->download(be, g, tac_real_at(be, t->g, t->item[i].offset + at), k);
            for (size_t e = 0; e < k; e++) {
                m[e] = (float)((1.0 - op->o.beta1) * s * rms * tac_rng_normal(&r));
                g[e] = (float)((1.0 - op->o.beta2) * (double)g[e] * (double)g[e]);
            }
            be->ops->upload(be, tac_real_at(be, op->state, first + at), m, k);
            be->ops->upload(be, tac_real_at(be, op->state, first + n + at), g, k);
        }
        first += 2 * n;
    }
}
