#include "model/decoder.h"

#include "model/workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tac_decoder {
    struct tac_decoder_config c;
    struct tac_heads heads;
    struct tac_backend *be;
    float *slope; /* (H) or NULL */
    void *angles; /* (cap_pos, rotary.n): cosines and sines by position (ops.h) */
    size_t cap_pos;
    struct tac_slot *slot;
    struct tac_workspace w;
    void *memory;
    size_t bytes;
    struct tac_kv *kv; /* of the layer at work, one a KV node */
    size_t cap_kv;
};

/* The rows a layer's backward starts from (rows) and where they lie in its compact buffers (at). */
struct live_rows {
    const struct tac_rows *rows;
    const int32_t *at;
    bool same; /* the compact buffers hold exactly these rows */
};

static const struct tac_param *layer_param(const struct tac_run *r, size_t l, enum tac_layer_slot s)
{
    return &r->param[tac_model_slot(l, s)];
}

static const struct tac_param *global_param(const struct tac_run *r, enum tac_global_slot s)
{
    return &r->param[tac_model_slot(SIZE_MAX, s)];
}

static const struct tac_param *head_param(const struct tac_decoder *d, const struct tac_run *r)
{
    return global_param(r, d->c.tied ? TAC_P_EMBED : TAC_P_HEAD);
}

/* Rows idx of x, or x itself where they are all of it. */
static const void *pick(struct tac_decoder *d, void *tmp, const void *x, const int32_t *idx,
                        size_t n, bool all, size_t width)
{
    if (all)
        return x;
    d->be->ops->rows_get(d->be, tmp, x, idx, n, width);
    return tmp;
}

static struct tac_attn attention(struct tac_decoder *d, const struct tac_run *r, size_t l,
                                 const struct tac_rows *query, const struct tac_seg *seg)
{
    const struct tac_tree *t = r->plan->tree;
    const struct tac_decoder_config *c = &d->c;
    for (size_t i = 0; i < t->n_kv; i++) {
        const struct tac_kv_store *kv = r->kv[i], *dkv = r->dkv ? r->dkv[i] : NULL;
        d->kv[i] = (struct tac_kv){0};
        if (kv)
            d->kv[i] = (struct tac_kv){.k = kv->k[l], .v = kv->v[l]};
        if (dkv) {
            d->kv[i].dk = dkv->k[l];
            d->kv[i].dv = dkv->v[l];
        }
    }
    return (struct tac_attn){.seg = seg,
                             .n_seg = t->n_seg,
                             .seg_of = t->seg_of,
                             .kv = d->kv,
                             .query = query->all ? NULL : query->idx,
                             .n_query = query->n,
                             .T = t->T,
                             .H = c->H,
                             .G = c->G,
                             .D = c->D,
                             .scale = (float)(1.0 / sqrt((double)c->D)),
                             .slope = d->slope};
}

static void capture(struct tac_decoder *d, struct tac_run *r, size_t l, const struct tac_slot *s)
{
    struct tac_kv_store *st = r->capture;
    size_t width = d->c.G * d->c.D;
    if (!st)
        return;
    TAC_CHECK(st->len + r->n_capture <= st->cap);
    void *k = tac_real_at(d->be, st->k[l], st->len * width);
    void *v = tac_real_at(d->be, st->v[l], st->len * width);
    d->be->ops->rows_get(d->be, k, s->k, r->capture_rows, r->n_capture, width);
    d->be->ops->rows_get(d->be, v, s->v, r->capture_rows, r->n_capture, width);
}

/* A layer's matrix on the rows `idx` (NULL: the first n). */
static struct tac_linear linear(struct tac_decoder *d, const struct tac_run *r, size_t l,
                                enum tac_layer_slot slot, const int32_t *idx, size_t n)
{
    return (struct tac_linear){.be = d->be,
                               .w = layer_param(r, l, slot),
                               .bias = layer_param(r, l, slot + 1),
                               .span = r->span,
                               .n_span = r->n_span,
                               .slot = tac_model_slot(l, slot),
                               .idx = idx,
                               .n = n,
                               .room = &d->w.site};
}

static struct tac_rope rope_of(const struct tac_decoder *d)
{
    return (struct tac_rope){
        .D = d->c.D, .n = d->c.rotary.n, .half = d->c.rotary.half, .table = d->angles};
}

/* Norms the D values of each of n heads a row. */
static void norm_heads(struct tac_decoder *d, void *y, void *st, const void *x,
                       const struct tac_param *g, size_t n)
{
    d->be->ops->norm(d->be, y, st, x, g->v, NULL, n, d->c.D, d->c.eps, TAC_RMSNORM);
}

/* Queries, keys and values of a layer's rows h, into the slot. */
static void forward_qkv(struct tac_decoder *d, const struct tac_run *r, size_t l,
                        struct tac_slot *s, const void *h)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_decoder_config *c = &d->c;
    size_t T = r->plan->tree->T;
    if (c->split_qkv) {
        struct tac_linear q = linear(d, r, l, TAC_P_Q, NULL, T),
                          k = linear(d, r, l, TAC_P_K, NULL, T),
                          v = linear(d, r, l, TAC_P_V, NULL, T);
        tac_linear(&q, c->qk_norm ? s->q_raw : s->q, h, NULL);
        tac_linear(&k, c->qk_norm ? s->k_raw : s->k, h, NULL);
        tac_linear(&v, s->v, h, NULL);
    } else {
        struct tac_linear qkv = linear(d, r, l, TAC_P_QKV, NULL, T);
        tac_linear(&qkv, d->w.wide, h, NULL);
        op->heads(d->be, s->q, s->k, s->v, d->w.wide, &d->heads, T);
    }
    if (c->qk_norm) {
        norm_heads(d, s->q, s->st_q, s->q_raw, layer_param(r, l, TAC_P_Q_NORM), T * c->H);
        norm_heads(d, s->k, s->st_k, s->k_raw, layer_param(r, l, TAC_P_K_NORM), T * c->G);
    }
    if (c->rotary.n) {
        struct tac_rope rope = rope_of(d);
        op->rope(d->be, s->q, &rope, r->plan->tree->pos, T, c->H, false);
        op->rope(d->be, s->k, &rope, r->plan->tree->pos, T, c->G, false);
    }
}

/* The MLP's activations, before its last matrix. */
static void activate(struct tac_decoder *d, void *y, const void *f, const void *u, size_t n)
{
    if (d->c.gated)
        d->be->ops->gate(d->be, y, f, u, n * d->c.F, d->c.act);
    else
        d->be->ops->act(d->be, y, f, n * d->c.F, d->c.act);
}

/* One layer: reads slot->x (T,C), fills the rest of the slot, writes y (out rows, C); y NULL: only
 * the slot. */
static void layer_forward(struct tac_decoder *d, struct tac_run *r, size_t l, struct tac_slot *s,
                          void *y)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_decoder_config *c = &d->c;
    const struct tac_plan *p = r->plan;
    const struct tac_rows *out = l + 1 < c->L ? &p->every : &p->out;
    size_t T = p->tree->T, C = c->C;
    void *h = d->w.h;
#define P(slot) layer_param(r, l, slot)
    op->norm(d->be, h, s->st1, s->x, P(TAC_P_LN1_G)->v, P(TAC_P_LN1_B)->v, T, C, c->eps, c->norm);
    forward_qkv(d, r, l, s, h);
    struct tac_attn a = attention(d, r, l, out, p->tree->seg);
    op->attend(d->be, s->o, s->lse, s->q, s->k, s->v, &a);
    const void *res =
        pick(d, d->w.res, c->post_ln_residual ? h : s->x, out->idx, out->n, out->all, C);
    struct tac_linear dense = linear(d, r, l, TAC_P_OUT, out->idx, out->n);
    tac_linear(&dense, s->x2, s->o, res);
    op->norm(d->be, h, s->st2, c->parallel ? res : s->x2, P(TAC_P_LN2_G)->v, P(TAC_P_LN2_B)->v,
             out->n, C, c->eps, c->norm);
    struct tac_linear up = linear(d, r, l, TAC_P_UP, out->idx, out->n);
    tac_linear(&up, c->gated ? s->u : s->f, h, NULL);
    if (c->gated) {
        struct tac_linear gate = linear(d, r, l, TAC_P_GATE, out->idx, out->n);
        tac_linear(&gate, s->f, h, NULL);
    }
    if (!y)
        return;
    activate(d, d->w.wide, s->f, s->u, out->n);
    struct tac_linear down = linear(d, r, l, TAC_P_DOWN, out->idx, out->n);
    tac_linear(&down, y, d->w.wide, c->post_ln_residual ? h : s->x2);
#undef P
}

static void forward_embed(struct tac_decoder *d, struct tac_run *r)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_tree *t = r->plan->tree;
    size_t C = d->c.C;
    void *x = d->slot[0].x;
    void *e = d->c.embed_norm ? d->w.e : x;
    op->embed(d->be, e, &global_param(r, TAC_P_EMBED)->w, r->soft, t->src, t->T, C);
    if (d->c.positions) {
        op->embed(d->be, d->w.h, &global_param(r, TAC_P_POSITION)->w, NULL, t->pos, t->T, C);
        op->mix(d->be, e, 1, 1, d->w.h, t->T * C);
    }
    if (d->c.embed_norm)
        op->norm(d->be, x, d->w.e_stat, e, global_param(r, TAC_P_EMBED_G)->v,
                 global_param(r, TAC_P_EMBED_B)->v, t->T, C, d->c.eps, d->c.norm);
}

/* Logits, and what else is wanted of the rows, in one walk over the vocabulary for each few rows:
 * generation reads the head once a token. */
static void head_logits(struct tac_decoder *d, struct tac_run *r, const struct tac_weight *E)
{
    size_t R = r->plan->out.n, C = d->c.C, V = d->c.V, k;
    for (size_t i = 0; i < R; i += k) {
        k = R - i < d->w.logits_rows ? R - i : d->w.logits_rows;
        d->be->ops->vocab(d->be, NULL, r->best ? r->best + i : NULL, NULL, (double *)d->w.lse + i,
                          d->w.logits, tac_real_at(d->be, d->w.xf, i * C), E, NULL, 0, k);
        d->be->ops->download(d->be, r->logits + i * V, d->w.logits, k * V);
    }
}

static void forward_head(struct tac_decoder *d, struct tac_run *r)
{
    const struct tac_ops *op = d->be->ops;
    const struct tac_plan *p = r->plan;
    const struct tac_param *head = head_param(d, r);
    size_t n = p->tree->n_label, R = p->out.n, C = d->c.C;
    op->norm(d->be, d->w.xf, d->w.stf, d->w.y, global_param(r, TAC_P_FINAL_G)->v,
             global_param(r, TAC_P_FINAL_B)->v, R, C, d->c.eps, d->c.norm);
    if (n || (!r->logits && (r->best || r->lse)))
        op->vocab(d->be, d->w.logp, r->best, p->o.grad ? d->w.dxf : NULL, d->w.lse, NULL, d->w.xf,
                  &head->w, p->target, n, R);
    if (r->logits)
        head_logits(d, r, &head->w);
    if (n && r->logp) {
        op->finite(d->be, d->w.logp, n);
        op->download_f64(d->be, r->logp, d->w.logp, n);
    }
    if (r->lse)
        op->read(d->be, r->lse, d->w.lse, R * sizeof *r->lse);
    if (r->states)
        op->download(d->be, r->states, d->w.xf, R * C);
}

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
        activate(d, d->w.pick_h, f, u, n);
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
    struct tac_attn a = attention(d, r, l, b->rows, l ? r->plan->seg : r->plan->seg0);
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

static void backward(struct tac_decoder *d, struct tac_run *r)
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
            layer_forward(d, r, l, s, NULL);
        mlp_backward(d, r, l, s, from);
        attend_backward(d, r, l, s, from);
        if (l || p->bottom.n)
            qkv_backward(d, r, l, s, l ? &p->live : &p->bottom, l ? p->live_pos : p->bottom_pos,
                         from->rows);
    }
    if (tac_plan_embeds(p))
        embed_backward(d, r);
}

/* Cosines and sines of the positions of a tree, in double until they are stored. */
static enum tacit_status make_angles(struct tac_decoder *d, const struct tac_tree *t,
                                     struct tacit_err *err)
{
    enum { STEP = 256 };
    const struct tac_rotary *r = &d->c.rotary;
    size_t need = 0, pairs = r->n / 2;
    for (size_t i = 0; r->n && i < t->T; i++)
        need = (size_t)t->pos[i] + 1 > need ? (size_t)t->pos[i] + 1 : need;
    if (need <= d->cap_pos)
        return TACIT_OK;
    need = need > 2 * d->cap_pos ? need : 2 * d->cap_pos;
    need += STEP - 1 - (need - 1) % STEP;
    double *row = tac_alloc(r->n, sizeof *row, err);
    d->be->ops->release(d->be, d->angles);
    d->cap_pos = 0;
    d->angles = row ? d->be->ops->alloc(d->be, need * r->n * d->be->real_size) : NULL;
    for (size_t p = 0; d->angles && p < need; p++) {
        for (size_t i = 0; i < pairs; i++) {
            row[i] = r->scale * cos((double)p * r->freq[i]);
            row[pairs + i] = r->scale * sin((double)p * r->freq[i]);
        }
        d->be->ops->upload_f64(d->be, tac_real_at(d->be, d->angles, p * r->n), row, r->n);
    }
    free(row);
    if (!d->angles)
        return row ? tac_fail_memory(err, need * r->n * d->be->real_size) : TACIT_EFAIL;
    d->cap_pos = need;
    return TACIT_OK;
}

static enum tacit_status prepare(struct tac_decoder *d, const struct tac_run *r,
                                 struct tacit_err *err)
{
    const struct tac_ops *op = d->be->ops;
    size_t need = tac_plan_bytes(r->plan);
    if (need > d->bytes) {
        op->release(d->be, d->memory);
        d->bytes = 0;
        d->memory = op->alloc(d->be, need);
        if (!d->memory)
            return tac_fail(err, TACIT_EFAIL, "out of memory: %zu bytes for a batch of %zu rows",
                            need, r->plan->tree->T);
        d->bytes = need;
    }
    tac_workspace_lay(&d->w, d->slot, r->plan, &d->c, d->be->real_size, d->memory);
    enum tacit_status s = make_angles(d, r->plan->tree, err);
    if (s)
        return s;
    return tac_grow(&d->kv, &d->cap_kv, r->plan->tree->n_kv, sizeof *d->kv, err);
}

/* d->w.wide still holds the MLP's activations of the layer just run. */
static enum tacit_status probe(struct tac_decoder *d, const struct tac_run *r, int32_t layer,
                               const struct tac_slot *slot, void *stream, struct tacit_err *err)
{
    struct tac_behind b = {.layer = layer, .stream = stream, .mlp = d->w.wide, .slot = slot};
    return r->n_tap || r->n_patch ? tac_probe_layer(d->be, &d->c, r, &b, d->slope, err) : TACIT_OK;
}

enum tacit_status tac_decoder_run(struct tac_decoder *d, struct tac_run *r, struct tacit_err *err)
{
    enum tacit_status s = prepare(d, r, err);
    if (s || !r->plan->tree->T)
        return s;
    forward_embed(d, r);
    s = probe(d, r, -1, NULL, d->slot[0].x, err);
    for (size_t l = 0; !s && l < d->c.L; l++) {
        void *y = l + 1 < d->c.L ? d->slot[l + 1].x : d->w.y;
        layer_forward(d, r, l, &d->slot[l], y);
        capture(d, r, l, &d->slot[l]);
        s = probe(d, r, (int32_t)l, &d->slot[l], y, err);
    }
    if (s)
        return s;
    forward_head(d, r);
    if (r->plan->o.grad)
        backward(d, r);
    d->be->ops->sync(d->be);
    if (r->capture)
        r->capture->len += r->n_capture;
    return TACIT_OK;
}

enum tacit_status tac_decoder_open(struct tac_decoder **out, const struct tac_decoder_config *c,
                                   struct tac_backend *be, struct tacit_err *err)
{
    struct tac_decoder *d = *out = tac_alloc(1, sizeof *d, err);
    if (!d)
        return TACIT_EFAIL;
    d->c = *c;
    d->be = be;
    d->heads = (struct tac_heads){.order = c->order, .H = c->H, .G = c->G, .D = c->D};
    d->slot = tac_alloc(c->L, sizeof *d->slot, err);
    d->slope = c->alibi ? tac_alloc(c->H, sizeof *d->slope, err) : NULL;
    if (!d->slot || (c->alibi && !d->slope)) {
        tac_decoder_close(d);
        *out = NULL;
        return TACIT_EFAIL;
    }
    if (c->alibi)
        tac_alibi_slopes(d->slope, c->H);
    return TACIT_OK;
}

size_t tac_decoder_bytes(const struct tac_decoder *d)
{
    return d->bytes;
}

void tac_decoder_close(struct tac_decoder *d)
{
    if (!d)
        return;
    d->be->ops->release(d->be, d->memory);
    d->be->ops->release(d->be, d->angles);
    free(d->slope);
    free(d->slot);
    free(d->kv);
    free(d);
}

enum tacit_status tac_kv_store_init(struct tac_kv_store *s, const struct tac_decoder_config *c,
                                    struct tac_backend *be, size_t cap, struct tacit_err *err)
{
    size_t one = cap * c->G * c->D;
    *s = (struct tac_kv_store){.cap = cap};
    s->k = tac_alloc(2 * c->L, sizeof *s->k, err);
    if (!s->k)
        return TACIT_EFAIL;
    s->v = s->k + c->L;
    s->memory = be->ops->alloc(be, 2 * c->L * one * be->real_size);
    if (!s->memory) {
        tac_kv_store_release(s, be);
        return tac_fail(err, TACIT_EFAIL, "out of memory: a cache of %zu positions", cap);
    }
    for (size_t l = 0; l < c->L; l++) {
        s->k[l] = tac_real_at(be, s->memory, 2 * l * one);
        s->v[l] = tac_real_at(be, s->memory, (2 * l + 1) * one);
    }
    return TACIT_OK;
}

struct tac_kv_store tac_kv_store_view(const struct tac_decoder_config *c,
                                      const struct tac_backend *be, void **k, void *memory,
                                      size_t len)
{
    struct tac_kv_store s = {.k = k, .v = k + c->L, .len = len, .cap = len};
    size_t one = len * c->G * c->D;
    for (size_t l = 0; l < c->L; l++) {
        s.k[l] = tac_real_at(be, memory, 2 * l * one);
        s.v[l] = tac_real_at(be, memory, (2 * l + 1) * one);
    }
    return s;
}

enum tacit_status tac_kv_store_append(struct tac_kv_store *s, const struct tac_kv_store *from,
                                      const struct tac_decoder_config *c, struct tac_backend *be,
                                      struct tacit_err *err)
{
    size_t width = c->G * c->D, at = s->len * width, n = from->len;
    int32_t *idx = tac_alloc(n, sizeof *idx, err);
    TAC_CHECK(s->len + n <= s->cap);
    for (size_t i = 0; idx && i < n; i++)
        idx[i] = (int32_t)i;
    for (size_t l = 0; idx && l < c->L; l++) {
        be->ops->rows_get(be, tac_real_at(be, s->k[l], at), from->k[l], idx, n, width);
        be->ops->rows_get(be, tac_real_at(be, s->v[l], at), from->v[l], idx, n, width);
    }
    be->ops->sync(be);
    s->len += n;
    free(idx);
    return idx ? TACIT_OK : TACIT_EFAIL;
}

void tac_kv_store_release(struct tac_kv_store *s, struct tac_backend *be)
{
    if (s->memory)
        be->ops->release(be, s->memory);
    free(s->k);
    *s = (struct tac_kv_store){0};
}
