#include "model/workspace.h"

enum { LOGITS_ROWS = 4 };

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void lay_slot(struct tac_slot *s, struct tac_carve *m, size_t T, size_t R,
                     const struct tac_decoder_config *c, size_t z)
{
    s->st1 = tac_carve(m, T * 2, z);
    s->q = tac_carve(m, T * c->H * c->D, z);
    s->k = tac_carve(m, T * c->G * c->D, z);
    s->v = tac_carve(m, T * c->G * c->D, z);
    s->o = tac_carve(m, R * c->H * c->D, z);
    s->lse = tac_carve(m, R * c->H, z);
    s->x2 = tac_carve(m, R * c->C, z);
    s->st2 = tac_carve(m, R * 2, z);
    s->f = tac_carve(m, R * c->F, z);
    if (c->gated)
        s->u = tac_carve(m, R * c->F, z);
    if (!c->qk_norm)
        return;
    s->q_raw = tac_carve(m, T * c->H * c->D, z);
    s->k_raw = tac_carve(m, T * c->G * c->D, z);
    s->st_q = tac_carve(m, T * c->H * 2, z);
    s->st_k = tac_carve(m, T * c->G * 2, z);
}

/* With gradients every layer keeps its own slot; without, or where backward recomputes, all share
 * one. */
static void lay_slots(struct tac_slot *slot, struct tac_carve *m, const struct tac_plan *p,
                      const struct tac_decoder_config *c, size_t z)
{
    size_t T = p->tree->T;
    bool own = p->o.grad && !p->o.recompute;
    struct tac_slot shared = {0}, one = {0};
    void *ping[2] = {0};
    if (!own)
        lay_slot(&shared, m, T, T, c, z);
    for (size_t l = 0; l < c->L; l++) {
        struct tac_slot *s = slot ? &slot[l] : &one;
        if (own)
            lay_slot(s, m, T, l + 1 < c->L ? T : p->out.n, c, z);
        else
            *s = shared;
        if (p->o.grad || l < 2)
            ping[l % 2] = tac_carve(m, T * c->C, z);
        s->x = ping[l % 2];
    }
}

static void lay_backward(struct tac_workspace *w, struct tac_carve *m, size_t T,
                         const struct tac_decoder_config *c, size_t z)
{
    w->dy = tac_carve(m, T * c->C, z);
    w->dh = tac_carve(m, T * max_size(c->C, c->H * c->D), z);
    w->dx2 = tac_carve(m, T * c->C, z);
    w->full = tac_carve(m, T * c->C, z);
    w->dq = tac_carve(m, T * c->H * c->D, z);
    w->dk = tac_carve(m, T * c->G * c->D, z);
    w->dv = tac_carve(m, T * c->G * c->D, z);
    w->pick_f = tac_carve(m, T * max_size(max_size(c->F, c->G * c->D), c->C), z);
    if (c->gated) {
        w->pick_u = tac_carve(m, T * c->F, z);
        w->up = tac_carve(m, T * c->F, z);
    }
    w->pick_x = tac_carve(m, T * c->C, z);
    w->pick_h = tac_carve(m, T * max_size(c->C, max_size(c->F, (c->H + 2 * c->G) * c->D)), z);
    w->pick_o = tac_carve(m, T * c->H * c->D, z);
    w->pick_lse = tac_carve(m, T * c->H, z);
    w->pick_st = tac_carve(m, T * 2 * (c->qk_norm ? c->H : 1), z);
    if (c->qk_norm)
        w->pick_q = tac_carve(m, T * c->H * c->D, z);
}

static void lay_site(struct tac_site_room *r, struct tac_carve *m, const struct tac_plan *p,
                     const struct tac_decoder_config *c, size_t z)
{
    size_t T = p->tree->T;
    if (p->o.scaled)
        r->wide = tac_carve(m, T * max_size(c->C, max_size(c->F, (c->H + 2 * c->G) * c->D)), z);
    if (p->o.rank)
        r->low = tac_carve(m, T * p->o.rank, z);
    if (p->o.rank && p->o.grad)
        r->low2 = tac_carve(m, T * p->o.rank, z);
}

static void lay_head(struct tac_workspace *w, struct tac_carve *m, const struct tac_plan *p,
                     const struct tac_decoder_config *c, size_t z)
{
    size_t R = p->out.n;
    w->logits_rows = R < LOGITS_ROWS ? R : LOGITS_ROWS;
    w->xf = tac_carve(m, R * c->C, z);
    w->dxf = tac_carve(m, R * c->C, z);
    w->stf = tac_carve(m, R * 2, z);
    w->logp = tac_carve(m, p->tree->n_label, z);
    w->lse = tac_carve(m, R, sizeof(double));
    w->logits = tac_carve(m, w->logits_rows * c->V, z);
}

void tac_workspace_lay(struct tac_workspace *w, struct tac_slot *slot, const struct tac_plan *p,
                       const struct tac_decoder_config *c, size_t z, void *base)
{
    struct tac_carve m = {base, 0};
    size_t T = p->tree->T;
    *w = (struct tac_workspace){0};
    lay_slots(slot, &m, p, c, z);
    w->e = tac_carve(&m, T * c->C, z);
    w->e_stat = tac_carve(&m, T * 2, z);
    w->keep_bytes = m.used;
    w->wide = tac_carve(&m, T * max_size(c->F, (c->H + 2 * c->G) * c->D), z);
    w->h = tac_carve(&m, T * c->C, z);
    w->res = tac_carve(&m, T * c->C, z);
    w->y = tac_carve(&m, p->out.n * c->C, z);
    if (p->o.grad)
        lay_backward(w, &m, T, c, z);
    lay_site(&w->site, &m, p, c, z);
    size_t before = m.used;
    lay_head(w, &m, p, c, z);
    w->vocab_bytes = m.used - before;
    w->bytes = m.used;
}
