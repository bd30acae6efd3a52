#include "model/plan.h"

#include "model/workspace.h"

#include <string.h>

static enum tacit_status rows_init(struct tac_rows *r, struct tac_arena *a, size_t T,
                                   struct tacit_err *err)
{
    r->idx = tac_arena_alloc(a, T, sizeof *r->idx, err);
    r->n = 0;
    return r->idx ? TACIT_OK : TACIT_EFAIL;
}

static void rows_set(struct tac_rows *r, const bool *in, size_t T)
{
    for (size_t t = 0; t < T; t++)
        if (in[t])
            r->idx[r->n++] = (int32_t)t;
    r->all = r->n == T;
}

static void mark_out(bool *out, const struct tac_tree *t, const int32_t *wanted, size_t n_wanted)
{
    memset(out, 0, t->T * sizeof *out);
    for (size_t i = 0; i < t->n_label; i++)
        out[t->label[i].row] = true;
    for (size_t i = 0; i < n_wanted; i++)
        out[wanted[i]] = true;
}

static bool trains_matrices(const struct tac_plan_options *o)
{
    return o->grad & (TAC_GRAD_SITES | TAC_GRAD_WEIGHTS);
}

static bool trained_root(const struct tac_seg *sg, const struct tac_plan_options *o)
{
    return sg->kv >= 0 && (o->grad & TAC_GRAD_KV) && o->kv_grad && o->kv_grad[sg->kv];
}

/* A row is live where it or something before it on its path is trainable. */
static void mark_live(bool *live, const struct tac_tree *t, const struct tac_plan_options *o)
{
    for (size_t s = 0; s < t->n_seg; s++) {
        const struct tac_seg *sg = &t->seg[s], *up = sg->parent < 0 ? NULL : &t->seg[sg->parent];
        bool on = trains_matrices(o);
        if (up && up->kv >= 0)
            on |= trained_root(up, o);
        else if (up && up->n)
            on |= live[up->row0 + up->n - 1];
        for (int32_t i = 0; sg->kv < 0 && i < sg->n; i++) {
            on |= (o->grad & TAC_GRAD_SOFT) && t->src[sg->row0 + i] < 0;
            live[sg->row0 + i] = on;
        }
    }
}

static void set_grad_flags(struct tac_seg *seg, const struct tac_tree *t,
                           const struct tac_plan_options *o, const bool *wanted)
{
    for (size_t s = 0; s < t->n_seg; s++) {
        seg[s] = t->seg[s];
        seg[s].grad = trained_root(&seg[s], o);
        for (int32_t i = 0; seg[s].kv < 0 && i < seg[s].n; i++)
            seg[s].grad |= wanted[seg[s].row0 + i];
    }
}

static void set_targets(struct tac_plan *p)
{
    const struct tac_tree *t = p->tree;
    size_t at = 0;
    for (size_t i = 0; i < t->n_label; i++) {
        while (p->out.idx[at] != t->label[i].row)
            at++;
        p->target[i] = (struct tac_target){(int32_t)at, t->label[i].token, t->label[i].weight};
    }
}

static enum tacit_status allocate(struct tac_plan *p, const struct tac_tree *t,
                                  struct tacit_err *err)
{
    struct tac_arena *a = &p->arena;
    if (rows_init(&p->every, a, t->T, err) || rows_init(&p->out, a, t->T, err) ||
        rows_init(&p->live, a, t->T, err) || rows_init(&p->out_live, a, t->T, err) ||
        rows_init(&p->bottom, a, t->T, err))
        return TACIT_EFAIL;
    p->out_live_at = tac_arena_alloc(a, t->T, sizeof *p->out_live_at, err);
    p->bottom_src = tac_arena_alloc(a, t->T, sizeof *p->bottom_src, err);
    p->bottom_pos = tac_arena_alloc(a, t->T, sizeof *p->bottom_pos, err);
    p->live_pos = tac_arena_alloc(a, t->T, sizeof *p->live_pos, err);
    p->target = tac_arena_alloc(a, t->n_label, sizeof *p->target, err);
    p->seg = tac_arena_alloc(a, t->n_seg, sizeof *p->seg, err);
    p->seg0 = tac_arena_alloc(a, t->n_seg, sizeof *p->seg0, err);
    bool ok = p->out_live_at && p->bottom_src && p->bottom_pos && p->live_pos && p->target &&
              p->seg && p->seg0;
    return ok ? TACIT_OK : TACIT_EFAIL;
}

static void set_rows(struct tac_plan *p, bool *out, bool *live, bool *tmp)
{
    const struct tac_tree *t = p->tree;
    const struct tac_plan_options *o = &p->o;
    size_t T = t->T;
    memset(tmp, 1, T * sizeof *tmp);
    rows_set(&p->every, tmp, T);
    mark_out(out, t, o->wanted, o->n_wanted);
    rows_set(&p->out, out, T);
    mark_live(live, t, o);
    rows_set(&p->live, live, T);
    set_grad_flags(p->seg, t, o, live);
    for (size_t i = 0, at = 0; i < T; i++) {
        tmp[i] = out[i] && live[i];
        if (tmp[i])
            p->out_live_at[p->out_live.n++] = (int32_t)at;
        at += out[i];
    }
    p->out_live.n = 0;
    rows_set(&p->out_live, tmp, T);
    for (size_t i = 0; i < T; i++)
        tmp[i] = trains_matrices(o) || ((o->grad & TAC_GRAD_SOFT) && t->src[i] < 0);
    rows_set(&p->bottom, tmp, T);
    for (size_t i = 0; i < p->bottom.n; i++)
        p->bottom_src[i] = t->src[p->bottom.idx[i]];
    for (size_t i = 0; i < p->bottom.n; i++)
        p->bottom_pos[i] = t->pos[p->bottom.idx[i]];
    for (size_t i = 0; i < p->live.n; i++)
        p->live_pos[i] = t->pos[p->live.idx[i]];
    set_grad_flags(p->seg0, t, o, tmp);
}

static void measure(struct tac_plan *p, const struct tac_decoder_config *c, size_t real_size)
{
    struct tac_workspace w;
    tac_workspace_lay(&w, NULL, p, c, real_size, NULL);
    p->keep_bytes = w.keep_bytes;
    p->vocab_bytes = w.vocab_bytes;
    p->scratch_bytes = w.bytes - w.keep_bytes - w.vocab_bytes;
}

enum tacit_status tac_plan_make(struct tac_plan *p, const struct tac_tree *t,
                                const struct tac_decoder_config *c, size_t real_size,
                                const struct tac_plan_options *o, struct tacit_err *err)
{
    *p = (struct tac_plan){.tree = t, .o = *o};
    p->o.recompute &= o->grad != TAC_GRAD_NONE;
    struct tac_arena tmp = {0};
    bool *flags = tac_arena_alloc(&tmp, t->T * 3, sizeof *flags, err);
    enum tacit_status s = flags ? allocate(p, t, err) : TACIT_EFAIL;
    if (!s) {
        set_rows(p, flags, flags + t->T, flags + 2 * t->T);
        p->o.wanted = NULL;
        p->o.kv_grad = NULL;
        set_targets(p);
        measure(p, c, real_size);
    }
    tac_arena_release(&tmp);
    if (s)
        tac_plan_release(p);
    return s;
}

void tac_plan_release(struct tac_plan *p)
{
    tac_arena_release(&p->arena);
    *p = (struct tac_plan){0};
}

bool tac_plan_embeds(const struct tac_plan *p)
{
    return p->o.grad & (TAC_GRAD_SOFT | TAC_GRAD_WEIGHTS);
}

size_t tac_plan_bytes(const struct tac_plan *p)
{
    return p->keep_bytes + p->scratch_bytes + p->vocab_bytes;
}

size_t tac_plan_out_place(const struct tac_plan *p, int32_t row)
{
    size_t lo = 0, hi = p->out.n;
    while (lo + 1 < hi) {
        size_t mid = (lo + hi) / 2;
        if (p->out.idx[mid] <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

double tac_plan_flops(const struct tac_plan *p, const struct tac_decoder_config *c)
{
    double qkv = (double)((c->H + 2 * c->G) * c->D * c->C),
           rest = (double)(c->H * c->D * c->C + (2 + c->gated) * c->F * c->C);
    double head = (double)(c->V * c->C), forward = 0, backward = 0;
    for (size_t l = 0; l < c->L; l++) {
        bool last = l + 1 == c->L;
        forward += (double)p->every.n * qkv + (double)(last ? p->out.n : p->every.n) * rest;
        size_t below = l ? p->live.n : tac_plan_embeds(p) ? p->bottom.n : 0;
        backward += (double)(last ? p->out_live.n : p->live.n) * rest + (double)below * qkv;
    }
    forward += (double)p->out.n * head;
    backward += (double)p->out.n * head;
    double times = !p->o.grad ? 0 : p->o.grad & TAC_GRAD_WEIGHTS ? 2 : 1;
    return 2 * (forward + times * backward);
}

double tac_plan_again(const struct tac_plan *p, const struct tac_decoder_config *c)
{
    double row = (double)((c->H + 2 * c->G) * c->D * c->C + c->H * c->D * c->C +
                          (1 + c->gated) * c->F * c->C);
    return p->o.recompute ? 2 * row * (double)p->every.n * (double)(c->L - 1) : 0;
}
