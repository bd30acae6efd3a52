#include "train/optim.h"

#include <math.h>
#include <stdlib.h>

enum { STREAM_ORDER = 1 << 20, STREAM_MOMENTS = 2 };

static size_t adafactor_state(const struct tac_item *it)
{
    return it->cols > 1 && it->rows > 1 ? it->rows + it->cols
                                        : it->rows * (it->cols ? it->cols : 1);
}

size_t tac_optim_state(const struct tac_tune *t, enum tac_optim_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; kind == TAC_ADAFACTOR && i < t->n_item; i++)
        n += adafactor_state(&t->item[i]);
    return kind == TAC_ADAMW ? 2 * t->n : n;
}

enum tacit_status tac_optim_open(struct tac_optim *op, struct tac_tune *t,
                                 const struct tac_optim_options *o, struct tacit_err *err)
{
    struct tac_backend *be = t->weights->be;
    *op = (struct tac_optim){.o = *o, .tune = t, .n_state = tac_optim_state(t, o->kind)};
    op->bytes = op->n_state * be->real_size;
    op->state = be->ops->alloc(be, op->bytes);
    return op->state ? TACIT_OK : tac_fail_memory(err, op->bytes);
}

void tac_optim_close(struct tac_optim *op)
{
    if (op->state)
        op->tune->weights->be->ops->release(op->tune->weights->be, op->state);
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

static void step_adamw(struct tac_optim *op, const struct tac_adamw *base)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    for (size_t i = 0; i < t->n_item; i++) {
        const struct tac_item *it = &t->item[i];
        size_t n = it->rows * (it->cols ? it->cols : 1);
        struct tac_adamw o = *base;
        if (!it->decay)
            o.weight_decay = 0;
        be->ops->adamw(be, tac_real_at(be, t->p, it->offset),
                       tac_real_at(be, op->state, it->offset),
                       tac_real_at(be, op->state, t->n + it->offset),
                       tac_real_at(be, t->g, it->offset), n, &o);
    }
}

static void step_adafactor(struct tac_optim *op, const struct tac_adafactor *base)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    size_t at = 0;
    for (size_t i = 0; i < t->n_item; i++) {
        const struct tac_item *it = &t->item[i];
        size_t C = it->cols ? it->cols : 1;
        struct tac_adafactor o = *base;
        if (!it->decay)
            o.weight_decay = 0;
        be->ops->adafactor(be, tac_real_at(be, t->p, it->offset), tac_real_at(be, op->state, at),
                           tac_real_at(be, op->state, at + it->rows),
                           tac_real_at(be, t->g, it->offset), it->rows, C, &o);
        at += adafactor_state(it);
    }
}

double tac_optim_step(struct tac_optim *op, int64_t step, int64_t total, int64_t steps_before)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    const struct tac_optim_options *o = &op->o;
    double norm = sqrt(be->ops->sumsq(be, t->g, t->n)), lr = tac_schedule_lr(o, step, total);
    double scale = o->clip > 0 && norm > o->clip ? o->clip / (norm + 1e-6) : 1.0;
    if (o->kind == TAC_ADAMW)
        step_adamw(op, &(struct tac_adamw){lr, o->beta1, o->beta2, o->eps, o->weight_decay,
                                           step + steps_before, scale});
    else
        step_adafactor(op, &(struct tac_adafactor){.lr = lr,
                                                   .decay_rate = -0.8,
                                                   .eps1 = 1e-30,
                                                   .eps2 = 1e-3,
                                                   .clip = 1.0,
                                                   .weight_decay = o->weight_decay,
                                                   .step = step + steps_before,
                                                   .grad_scale = scale});
    be->ops->finite(be, t->p, t->n);
    be->ops->sync(be);
    return norm;
}

enum tacit_status tac_optim_noise_moments(struct tac_optim *op, double s, uint64_t seed,
                                          struct tacit_err *err)
{
    struct tac_tune *t = op->tune;
    struct tac_backend *be = t->weights->be;
    float *m = tac_alloc(2 * t->n, sizeof *m, err), *v = m ? m + t->n : NULL;
    if (!m)
        return TACIT_EFAIL;
    double rms = sqrt(be->ops->sumsq(be, t->g, t->n) / (double)t->n);
    struct tac_rng r = tac_rng_init(seed, STREAM_MOMENTS);
    be->ops->download(be, v, t->g, t->n);
    for (size_t i = 0; i < t->n; i++) {
        m[i] = (float)((1.0 - op->o.beta1) * s * rms * tac_rng_normal(&r));
        v[i] = (float)((1.0 - op->o.beta2) * (double)v[i] * (double)v[i]);
    }
    be->ops->upload(be, op->state, m, 2 * t->n);
    free(m);
    return TACIT_OK;
}

void tac_data_order(uint32_t *order, size_t n, bool shuffled, uint64_t seed, size_t epoch)
{
    struct tac_rng r = tac_rng_init(seed, STREAM_ORDER + epoch);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    if (shuffled)
        tac_rng_shuffle(&r, order, n);
}
