/* The backward pass. */
#include "model/passes.h"

/* The rows a layer's backward starts from (rows) and where they lie in its compact buffers (at). */
struct live_rows {
    const struct tac_rows *rows;
    const int32_t *at;
    bool same; /* the compact buffers hold exactly these rows */
};

static void grad_norm(struct tac_decoder *d, const struct tac_param *g, const struct tac_param *b,
                      const void *dy, const void *x, const void *st, size_t T)
{
    if (g->grad)
        d->be->ops->norm_dw(d->be, g->grad, b->grad, dy, x, st, T, d->c.C, d->c.norm);
}

/* Recomputes a norm's output for the gradient of the weights behind it. */
static const void *normed(struct tac_decoder *d, const void *x, const struct tac_param *g,
                          const struct tac_param *b, size_t T)
{
    d->be->ops->norm(d->be, d->w.h, d->w.pick_st, x, g->v, b->v, T, d->c.C, d->c.eps, d->c.norm);
    return d->w.h;
}

/* Second norm and up to the MLP's activations: their gradient in d->w.wide (and, gated, d->w.up) ->
 * d->w.dx2, with the residual in d->w.dy. */
static void mlp_input_backward(struct tac_decoder *d, const struct tac_run *r, size_t l,
                               const struct tac_slot *s, const struct live_rows *b)
{
    const struct tac_decoder_config *c = &d->c;
    const struct tac_param *g = layer_param(r, l, TAC_P_LN2_G),
                           *bias = layer_param(r, l, TAC_P_LN2_B);
    size_t n = b->rows->n, C = c->C;
    struct tac_linear up = linear(d, r, l, TAC_P_UP, b->rows->idx, n),
                      gate = linear(d, r, l, TAC_P_GATE, b->rows->idx, n);
    const void *x = c->parallel ? pick(d, d->w.pick_x, s->x, b->rows->idx, n, b->rows->all, C)
                                : pick(d, d->w.pick_x, s->x2, b->at, n, b->same, C);
    bool needs = tac_linear_needs_x(&up) || (c->gated && tac_linear_needs_x(&gate));
    const void *h = needs ? normed(d, x, g, bias, n) : NULL;
    tac_linear_dx(&up, d->w.dh, c->gated ? d->w.up : d->w.wide, h,
                  c->post_ln_residual ? d->w.dy : NULL);
    if (c->gated)
        tac_linear_dx(&gate, d->w.dh, d->w.wide, h, d->w.dh);
    const void *st = pick(d, d->w.pick_st, s->st2, b->at, n, b->same, 2);
    grad_norm(d, g, bias, d->w.dh, x, st, n);
    d->be->ops->norm_dx(d->be, d->w.dx2, c->post_ln_residual ? NULL : d->w.dy, d->w.dh, x, st, g->v,
                        n, C, c->norm);
}

/* MLP and second norm: d->w.dy -> d->w.dx2, both on the rows b. */
static void mlp_backward(struct tac_decoder *d, const struct tac_run *r, size_t l,
                         const struct tac_slot *s, const struct live_rows *b)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_decoder_config *c = &d->c;
    size_t n = b->rows->n;
    struct tac_linear down = linear(d, r, l, TAC_P_DOWN, b->rows->idx, n);
    const void *f = pick(d, d->w.pick_f, s->f, b->at, n, b->same, c->F), *u = NULL;
    if (c->gated)
        u = pick(d, d->w.pick_u, s->u, b->at, n, b->same, c->F);
    if (tac_linear_needs_x(&down))
        tac_activate(d, d->w.pick_h, f, u, n);
    tac_linear_dx(&down, d->w.wide, d->w.dy, d->w.pick_h, NULL);
    if (c->gated)
        op->gate_dx(d->be, d->w.wide, d->w.up, d->w.wide, f, u, n * c->F, c->act);
    else
        op->act_dx(d->be, d->w.wide, d->w.wide, f, n * c->F, c->act);
    mlp_input_backward(d, r, l, s, b);
}

/* Attention, from the gradient of what it adds, on the rows b: fills dq (where the layer's input is
 * wanted), dk, dv (T rows). */
static void attend_backward(struct tac_decoder *d, const struct tac_run *r, size_t l,
                            const struct tac_slot *s, const struct live_rows *b)
{
    const struct tac_decoder_config *c = &d->c;
    size_t n = b->rows->n;
    const void *o = pick(d, d->w.pick_o, s->o, b->at, n, b->same, c->H * c->D);
    const void *lse = pick(d, d->w.pick_lse, s->lse, b->at, n, b->same, c->H);
    struct tac_linear dense = linear(d, r, l, TAC_P_OUT, b->rows->idx, n);
    tac_linear_dx(&dense, d->w.dh, c->parallel ? d->w.dy : d->w.dx2, o, NULL);
    struct tac_attn a = tac_attention(d, r, l, b->rows, l ? r->plan->seg : r->plan->seg0);
    bool below = l || r->plan->bottom.n;
    d->be->ops->attend_dx(d->be, below ? d->w.dq : NULL, d->w.dk, d->w.dv, d->w.dh, o, lse, s->q,
                          s->k, s->v, &a);
}

/* The residual gradient in d->w.dx2, moved from one set of rows to another; rows it lacks get 0. */
static const void *move_rows(struct tac_decoder *d, size_t T, const struct tac_rows *to,
                             const struct tac_rows *from)
{
    const struct tac_ops *op = d->be->ops;
    size_t C = d->c.C;
    if (to == from || (to->all && from->all))
        return d->w.dx2;
    op->zero(d->be, d->w.full, T * C);
    op->rows_add(d->be, d->w.full, d->w.dx2, from->idx, from->n, C);
    return pick(d, d->w.dx2, d->w.full, to->idx, to->n, to->all, C);
}

/* Rows of a gradient that may be written over: x itself where they are all of it. */
static void *take(struct tac_decoder *d, void *tmp, void *x, const struct tac_rows *rows,
                  size_t width)
{
    if (!rows->all)
        d->be->ops->rows_get(d->be, tmp, x, rows->idx, rows->n, width);
    return rows->all ? x : tmp;
}

/* Back through the norm of n heads a row: dx is replaced. */
static void heads_norm_backward(struct tac_decoder *d, const struct tac_param *g, void *dx,
                                const void *raw, const void *stat, const struct tac_rows *to,
                                size_t n)
{
    const struct tac_ops *op = d->be->ops;
    size_t D = d->c.D;
    const void *x = pick(d, d->w.pick_q, raw, to->idx, to->n, to->all, n * D);
    const void *st = pick(d, d->w.pick_st, stat, to->idx, to->n, to->all, n * 2);
    if (g->grad)
        op->norm_dw(d->be, g->grad, NULL, dx, x, st, to->n * n, D, TAC_RMSNORM);
    op->norm_dx(d->be, dx, NULL, dx, x, st, g->v, to->n * n, D, TAC_RMSNORM);
}

/* The matrices of queries, keys and values: their gradients and, into d->w.dh plus res, that of h
 * (both NULL where nothing below is trained). */
static void split_backward(struct tac_decoder *d, const struct tac_run *r, size_t l, void *dh,
                           void *const grad[3], const void *h, const void *res,
                           const struct tac_rows *to)
{
    static const enum tac_layer_slot slot[] = {TAC_P_Q, TAC_P_K, TAC_P_V};
    for (int i = 0; i < 3; i++) {
        struct tac_linear m = linear(d, r, l, slot[i], to->idx, to->n);
        tac_linear_dx(&m, dh, grad[i], h, i ? dh : res);
    }
}

static bool qkv_needs_x(struct tac_decoder *d, const struct tac_run *r, size_t l)
{
    static const enum tac_layer_slot slot[] = {TAC_P_QKV, TAC_P_Q, TAC_P_K, TAC_P_V};
    bool needs = false;
    for (int i = d->c.split_qkv; i < (d->c.split_qkv ? 4 : 1); i++) {
        struct tac_linear m = linear(d, r, l, slot[i], NULL, 0);
        needs |= tac_linear_needs_x(&m);
    }
    return needs;
}

/* dq, dk and dv on the rows `to`, back through rotation and norms to what the matrices gave. */
static void heads_backward(struct tac_decoder *d, const struct tac_run *r, size_t l,
                           const struct tac_slot *s, void *grad[3], const struct tac_rows *to,
                           const int32_t *pos)
{
    const struct tac_decoder_config *c = &d->c;
    grad[0] = take(d, d->w.pick_h, d->w.dq, to, c->H * c->D);
    grad[1] = take(d, d->w.pick_f, d->w.dk, to, c->G * c->D);
    grad[2] = take(d, d->w.pick_o, d->w.dv, to, c->G * c->D);
    if (c->rotary.n) {
        struct tac_rope rope = rope_of(d);
        d->be->ops->rope(d->be, grad[0], &rope, pos, to->n, c->H, true);
        d->be->ops->rope(d->be, grad[1], &rope, pos, to->n, c->G, true);
    }
    if (c->qk_norm) {
        heads_norm_backward(d, layer_param(r, l, TAC_P_Q_NORM), grad[0], s->q_raw, s->st_q, to,
                            c->H);
        heads_norm_backward(d, layer_param(r, l, TAC_P_K_NORM), grad[1], s->k_raw, s->st_k, to,
                            c->G);
    }
}

/* Queries, keys, values and the first norm: dq, dk, dv and the residual in dx2 -> d->w.dy on the
 * rows `to`. In the lowest layer, where nothing below is trained, only the gradients of what is
 * trained here. */
static void qkv_backward(struct tac_decoder *d, const struct tac_run *r, size_t l,
                         const struct tac_slot *s, const struct tac_rows *to, const int32_t *pos,
                         const struct tac_rows *from)
{
    const struct tac_decoder_config *c = &d->c;
    const struct tac_param *g = layer_param(r, l, TAC_P_LN1_G),
                           *bias = layer_param(r, l, TAC_P_LN1_B);
    size_t n = to->n, C = c->C;
    bool lowest = !l && !tac_plan_embeds(r->plan);
    void *grad[3];
    heads_backward(d, r, l, s, grad, to, pos);
    const void *x = pick(d, d->w.pick_x, s->x, to->idx, n, to->all, C);
    const void *h = qkv_needs_x(d, r, l) ? normed(d, x, g, bias, n) : NULL;
    const void *res = lowest ? NULL : move_rows(d, r->plan->tree->T, to, from);
    void *dh = lowest ? NULL : d->w.dh;
    if (c->split_qkv) {
        split_backward(d, r, l, dh, grad, h, c->post_ln_residual ? res : NULL, to);
    } else {
        struct tac_linear qkv = linear(d, r, l, TAC_P_QKV, to->idx, n);
        d->be->ops->heads_dx(d->be, d->w.wide, grad[0], grad[1], grad[2], &d->heads, n);
        tac_linear_dx(&qkv, dh, d->w.wide, h, c->post_ln_residual ? res : NULL);
    }
    if (lowest)
        return;
    const void *st1 = pick(d, d->w.pick_st, s->st1, to->idx, n, to->all, 2);
    grad_norm(d, g, bias, dh, x, st1, n);
    d->be->ops->norm_dx(d->be, d->w.dy, c->post_ln_residual ? NULL : res, dh, x, st1, g->v, n, C,
                        c->norm);
}

static void head_backward(struct tac_decoder *d, const struct tac_run *r)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_plan *p = r->plan;
    const struct tac_param *head = head_param(d, r), *g = global_param(r, TAC_P_FINAL_G);
    size_t R = p->out.n, C = d->c.C;
    if (head->grad)
        op->vocab_dw(d->be, head->grad, d->w.xf, d->w.lse, &head->w, p->target, p->tree->n_label,
                     R);
    grad_norm(d, g, global_param(r, TAC_P_FINAL_B), d->w.dxf, d->w.y, d->w.stf, R);
    op->norm_dx(d->be, d->w.dh, NULL, d->w.dxf, d->w.y, d->w.stf, g->v, R, C, d->c.norm);
    op->rows_get(d->be, d->w.dy, d->w.dh, p->out_live_at, p->out_live.n, C);
}

static void embed_backward(struct tac_decoder *d, const struct tac_run *r)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_rows *b = &r->plan->bottom;
    const struct tac_param *g = global_param(r, TAC_P_EMBED_G);
    const void *dy = d->w.dy;
    if (d->c.embed_norm) {
        const void *e = pick(d, d->w.pick_x, d->w.e, b->idx, b->n, b->all, d->c.C);
        const void *st = pick(d, d->w.pick_st, d->w.e_stat, b->idx, b->n, b->all, 2);
        grad_norm(d, g, global_param(r, TAC_P_EMBED_B), d->w.dy, e, st, b->n);
        op->norm_dx(d->be, d->w.dh, NULL, d->w.dy, e, st, g->v, b->n, d->c.C, d->c.norm);
        dy = d->w.dh;
    }
    op->embed_dx(d->be, r->dsoft, global_param(r, TAC_P_EMBED)->grad, dy, r->plan->bottom_src, b->n,
                 d->c.C);
    if (d->c.positions)
        op->embed_dx(d->be, NULL, global_param(r, TAC_P_POSITION)->grad, dy, r->plan->bottom_pos,
                     b->n, d->c.C);
}

void tac_backward(struct tac_decoder *d, struct tac_run *r)
{
    const struct tac_plan *p = r->plan;
    struct live_rows top = {&p->out_live, p->out_live_at, p->out_live.n == p->out.n};
    struct live_rows inner = {&p->live, p->live.idx, p->live.all};
    if (!p->out_live.n)
        return;
    head_backward(d, r);
    for (size_t l = d->c.L; l-- > 0;) {
        struct tac_slot *s = &d->slot[l];
        const struct live_rows *from = l + 1 < d->c.L ? &inner : &top;
        if (p->o.recompute && l + 1 < d->c.L)
            tac_forward_layer(d, r, l, s, NULL);
        mlp_backward(d, r, l, s, from);
        attend_backward(d, r, l, s, from);
        if (l || p->bottom.n)
            qkv_backward(d, r, l, s, l ? &p->live : &p->bottom, l ? p->live_pos : p->bottom_pos,
                         from->rows);
    }
    if (tac_plan_embeds(p))
        embed_backward(d, r);
}
