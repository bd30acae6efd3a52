#include "model/passes.h"

#include <math.h>
#include <stdlib.h>

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
    tac_forward_embed(d, r);
    s = probe(d, r, -1, NULL, d->slot[0].x, err);
    for (size_t l = 0; !s && l < d->c.L; l++) {
        void *y = l + 1 < d->c.L ? d->slot[l + 1].x : d->w.y;
        tac_forward_layer(d, r, l, &d->slot[l], y);
        capture(d, r, l, &d->slot[l]);
        s = probe(d, r, (int32_t)l, &d->slot[l], y, err);
    }
    if (s)
        return s;
    tac_forward_head(d, r);
    if (r->plan->o.grad)
        tac_backward(d, r);
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
