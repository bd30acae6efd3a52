#include "tune/mlp.h"

#include "tune/draw.h"

#include <stdio.h>
#include <string.h>

size_t tac_mlp_items(const struct tac_mlp *m, const char *name, struct tac_item *item)
{
    if (!item)
        return 1 + 2 * m->n;
    *item++ = (struct tac_item){
        .name = "embedding.weight", .rows = m->P, .cols = m->width[0], .decay = true};
    for (size_t i = 0; i < m->n; i++, item += 2) {
        item[0] = (struct tac_item){.rows = m->width[i + 1], .cols = m->width[i], .decay = true};
        item[1] = (struct tac_item){.rows = m->width[i + 1]};
        snprintf(item[0].name, sizeof item->name, "%s.%zu.weight", name, 2 * i);
        snprintf(item[1].name, sizeof item->name, "%s.%zu.bias", name, 2 * i);
    }
    return 1 + 2 * m->n;
}

static size_t widest(const struct tac_mlp *m)
{
    size_t most = 0;
    for (size_t i = 0; i < m->n; i++)
        most = m->width[i] > most ? m->width[i] : most;
    return most;
}

size_t tac_mlp_extra(const struct tac_mlp *m)
{
    size_t hidden = 0;
    for (size_t i = 1; i < m->n; i++)
        hidden += m->width[i];
    return m->P * (2 * hidden + 2 * m->width[m->n] + 2 * widest(m));
}

void tac_mlp_bind(struct tac_mlp *m, struct tac_tune *t)
{
    const struct tac_backend *be = t->weights->be;
    const struct tac_item *it = t->item;
    m->x = t->p;
    m->dx = t->g;
    for (size_t i = 0; i < m->n; i++) {
        m->w[i] = tac_real_at(be, t->p, it[1 + 2 * i].offset);
        m->b[i] = tac_real_at(be, t->p, it[2 + 2 * i].offset);
        m->dw[i] = t->g ? tac_real_at(be, t->g, it[1 + 2 * i].offset) : NULL;
        m->db[i] = t->g ? tac_real_at(be, t->g, it[2 + 2 * i].offset) : NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i + 1 < m->n; i++) {
        m->pre[i] = tac_real_at(be, t->extra, at);
        m->post[i] = tac_real_at(be, t->extra, at + m->P * m->width[i + 1]);
        at += 2 * m->P * m->width[i + 1];
    }
    m->y = tac_real_at(be, t->extra, at);
    m->dy = t->g ? tac_real_at(be, t->extra, at + m->P * m->width[m->n]) : NULL;
    at += 2 * m->P * m->width[m->n];
    m->tmp[0] = tac_real_at(be, t->extra, at);
    m->tmp[1] = tac_real_at(be, t->extra, at + m->P * widest(m));
}

void tac_mlp_start(const struct tac_mlp *m, const struct tac_tune *t, float *values, bool zero,
                   uint64_t seed)
{
    struct tac_rng normal = tac_rng_init(seed, TAC_STREAM_NORMAL),
                   uniform = tac_rng_init(seed, TAC_STREAM_UNIFORM);
    tac_draw_normal(values, m->P * m->width[0], &normal);
    for (size_t i = 0; i < m->n; i++) {
        size_t in = m->width[i], out = m->width[i + 1];
        float *w = values + t->item[1 + 2 * i].offset, *b = values + t->item[2 + 2 * i].offset;
        tac_draw_linear(w, out * in, in, &uniform);
        tac_draw_linear(b, out, in, &uniform);
        if (zero && i + 1 == m->n) {
            memset(w, 0, out * in * sizeof *w);
            memset(b, 0, out * sizeof *b);
        }
    }
}

/* Weights of rows [from, from + n) of layer i. */
static struct tac_weight rows_of(const struct tac_mlp *m, const struct tac_backend *be, size_t i,
                                 size_t from, size_t n)
{
    return (struct tac_weight){tac_real_at(be, m->w[i], from * m->width[i]), TAC_W_REAL, n,
                               m->width[i], false};
}

void tac_mlp_forward(struct tac_mlp *m, struct tac_backend *be)
{
    const void *x = m->x;
    size_t last = m->n - 1;
    for (size_t i = 0; i < last; i++) {
        struct tac_weight w = rows_of(m, be, i, 0, m->width[i + 1]);
        be->ops->matmul(be, m->pre[i], x, &w, m->b[i], NULL, m->P);
        be->ops->act(be, m->post[i], m->pre[i], m->P * m->width[i + 1], m->act);
        x = m->post[i];
    }
    for (size_t from = 0; from < m->width[m->n]; from += m->slice) {
        struct tac_weight w = rows_of(m, be, last, from, m->slice);
        be->ops->matmul(be, tac_real_at(be, m->y, m->P * from), x, &w,
                        tac_real_at(be, m->b[last], from), NULL, m->P);
    }
}

/* The last layer: dy -> tmp[0]. */
static void last_backward(struct tac_mlp *m, struct tac_backend *be)
{
    size_t last = m->n - 1, in = m->width[last];
    for (size_t from = 0; from < m->width[m->n]; from += m->slice) {
        struct tac_weight w = rows_of(m, be, last, from, m->slice);
        const void *dy = tac_real_at(be, m->dy, m->P * from);
        be->ops->matmul_dx(be, m->tmp[0], dy, &w, from ? m->tmp[0] : NULL, m->P);
        be->ops->matmul_dw(be, tac_real_at(be, m->dw[last], from * in),
                           tac_real_at(be, m->db[last], from), dy, m->post[last - 1], m->P,
                           m->slice, in);
    }
    be->ops->zero(be, m->dy, m->P * m->width[m->n]);
}

void tac_mlp_backward(struct tac_mlp *m, struct tac_backend *be)
{
    last_backward(m, be);
    for (size_t i = m->n - 1; i-- > 0;) {
        size_t in = m->width[i], out = m->width[i + 1];
        struct tac_weight w = rows_of(m, be, i, 0, out);
        be->ops->act_dx(be, m->tmp[0], m->tmp[0], m->pre[i], m->P * out, m->act);
        be->ops->matmul_dw(be, m->dw[i], m->db[i], m->tmp[0], i ? m->post[i - 1] : m->x, m->P, out,
                           in);
        be->ops->matmul_dx(be, m->tmp[1], m->tmp[0], &w, NULL, m->P);
        void *swap = m->tmp[0];
        m->tmp[0] = m->tmp[1];
        m->tmp[1] = swap;
    }
    be->ops->mix(be, m->dx, 1, 1, m->tmp[0], m->P * m->width[0]);
}
