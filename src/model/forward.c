/* The forward pass. */
#include "model/passes.h"

#include <math.h>

struct tac_attn tac_attention(struct tac_decoder *d, const struct tac_run *r, size_t l,
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

void tac_activate(struct tac_decoder *d, void *y, const void *f, const void *u, size_t n)
{
    if (d->c.gated)
        d->be->ops->gate(d->be, y, f, u, n * d->c.F, d->c.act);
    else
        d->be->ops->act(d->be, y, f, n * d->c.F, d->c.act);
}

void tac_forward_layer(struct tac_decoder *d, struct tac_run *r, size_t l, struct tac_slot *s,
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
    struct tac_attn a = tac_attention(d, r, l, out, p->tree->seg);
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
    tac_activate(d, d->w.wide, s->f, s->u, out->n);
    struct tac_linear down = linear(d, r, l, TAC_P_DOWN, out->idx, out->n);
    tac_linear(&down, y, d->w.wide, c->post_ln_residual ? h : s->x2);
#undef P
}

void tac_forward_embed(struct tac_decoder *d, struct tac_run *r)
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

void tac_forward_head(struct tac_decoder *d, struct tac_run *r)
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
