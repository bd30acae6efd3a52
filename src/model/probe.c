#include "model/probe.h"

#include "model/decoder.h"
#include "model/workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The place of a row behind this layer. */
static size_t place_of(const struct tac_run *r, const struct tac_behind *b, size_t L, int32_t row)
{
    return b->layer + 1 < (int32_t)L ? (size_t)row : tac_plan_out_place(r->plan, row);
}

/* Keys of the path to `row`, from its first to row's own: (p + 1, G*D). */
static void read_keys(struct tac_backend *be, const struct tac_run *r, const struct tac_behind *b,
                      int32_t row, size_t width, double *keys)
{
    const struct tac_tree *t = r->plan->tree;
    int32_t own = t->seg_of[row];
    for (int32_t s = own; s >= 0; s = t->seg[s].parent) {
        const struct tac_seg *sg = &t->seg[s];
        size_t n = (size_t)(s == own ? row - sg->row0 + 1 : sg->n);
        if (!n)
            continue; /* a root without keys has no store */
        const void *from = sg->kv >= 0 ? r->kv[sg->kv]->k[b->layer]
                                       : tac_real_at(be, b->slot->k, (size_t)sg->row0 * width);
        be->ops->download_f64(be, keys + (size_t)sg->base * width, from, n * width);
    }
}

/* As attention gave them: exp(score - lse), in double. */
static enum tacit_status read_weights(struct tac_backend *be, const struct tac_decoder_config *c,
                                      const struct tac_run *r, const struct tac_behind *b,
                                      const struct tac_tap *tap, const float *slope,
                                      struct tacit_err *err)
{
    size_t n = (size_t)r->plan->tree->pos[tap->row] + 1, width = c->G * c->D,
           at = place_of(r, b, c->L, tap->row);
    double *q = tac_alloc(c->H * c->D + c->H + n * width, sizeof *q, err);
    if (!q)
        return TACIT_EFAIL;
    double *lse = q + c->H * c->D, *keys = lse + c->H;
    be->ops->download_f64(be, q, tac_real_at(be, b->slot->q, (size_t)tap->row * c->H * c->D),
                          c->H * c->D);
    be->ops->download_f64(be, lse, tac_real_at(be, b->slot->lse, at * c->H), c->H);
    read_keys(be, r, b, tap->row, width, keys);
    for (size_t h = 0; h < c->H; h++)
        for (size_t j = 0; j < n; j++) {
            const double *k = keys + j * width + h / (c->H / c->G) * c->D;
            double dot = 0;
            for (size_t d = 0; d < c->D; d++)
                dot += q[h * c->D + d] * k[d];
            double score = dot / sqrt((double)c->D);
            if (slope)
                score += (double)slope[h] * ((double)j - (double)(n - 1));
            tap->to[h * n + j] = (float)exp(score - lse[h]);
        }
    free(q);
    return TACIT_OK;
}

static enum tacit_status read_tap(struct tac_backend *be, const struct tac_decoder_config *c,
                                  const struct tac_run *r, const struct tac_behind *b,
                                  const struct tac_tap *tap, const float *slope,
                                  struct tacit_err *err)
{
    size_t at = place_of(r, b, c->L, tap->row);
    if (tap->point == TAC_TAP_WEIGHTS)
        return read_weights(be, c, r, b, tap, slope, err);
    if (tap->point == TAC_TAP_MLP)
        be->ops->download(be, tap->to, tac_real_at(be, b->mlp, at * c->F), c->F);
    else
        be->ops->download(be, tap->to, tac_real_at(be, b->stream, at * c->C), c->C);
    return TACIT_OK;
}

enum tacit_status tac_probe_layer(struct tac_backend *be, const struct tac_decoder_config *c,
                                  const struct tac_run *r, const struct tac_behind *b,
                                  const float *slope, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < r->n_patch; i++)
        if (r->patch[i].layer == b->layer)
            be->ops->upload(
                be, tac_real_at(be, b->stream, place_of(r, b, c->L, r->patch[i].row) * c->C),
                r->patch[i].from, c->C);
    if (r->n_tap)
        be->ops->sync(be);
    for (size_t i = 0; !st && i < r->n_tap; i++)
        if (r->tap[i].layer == b->layer)
            st = read_tap(be, c, r, b, &r->tap[i], slope, err);
    return st;
}
