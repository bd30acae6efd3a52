/* What the forward and the backward pass share; for forward.c, backward.c and decoder.c alone. */
#ifndef TAC_MODEL_PASSES_H
#define TAC_MODEL_PASSES_H

#include "model/decoder.h"
#include "model/workspace.h"

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

static inline const struct tac_param *layer_param(const struct tac_run *r, size_t l,
                                                  enum tac_layer_slot s)
{
    return &r->param[tac_model_slot(l, s)];
}

static inline const struct tac_param *global_param(const struct tac_run *r, enum tac_global_slot s)
{
    return &r->param[tac_model_slot(SIZE_MAX, s)];
}

static inline const struct tac_param *head_param(const struct tac_decoder *d,
                                                 const struct tac_run *r)
{
    return global_param(r, d->c.tied ? TAC_P_EMBED : TAC_P_HEAD);
}

/* Rows idx of x, or x itself where they are all of it. */
static inline const void *pick(struct tac_decoder *d, void *tmp, const void *x, const int32_t *idx,
                               size_t n, bool all, size_t width)
{
    if (all)
        return x;
    d->be->ops->rows_get(d->be, tmp, x, idx, n, width);
    return tmp;
}

/* A layer's matrix on the rows `idx` (NULL: the first n). */
static inline struct tac_linear linear(struct tac_decoder *d, const struct tac_run *r, size_t l,
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

static inline struct tac_rope rope_of(const struct tac_decoder *d)
{
    return (struct tac_rope){
        .D = d->c.D, .n = d->c.rotary.n, .half = d->c.rotary.half, .table = d->angles};
}

/* tac_attention: a layer's attention of the rows `query`, over segments with their `grad`. */
struct tac_attn tac_attention(struct tac_decoder *d, const struct tac_run *r, size_t l,
                              const struct tac_rows *query, const struct tac_seg *seg);
/* tac_activate: y (n,F), the MLP's activations before its last matrix; u only where it is gated. */
void tac_activate(struct tac_decoder *d, void *y, const void *f, const void *u, size_t n);

void tac_forward_embed(struct tac_decoder *d, struct tac_run *r);
/* tac_forward_layer: reads s->x (T,C), fills the rest of the slot, writes y (out rows, C); y NULL:
 * only the slot. */
void tac_forward_layer(struct tac_decoder *d, struct tac_run *r, size_t l, struct tac_slot *s,
                       void *y);
void tac_forward_head(struct tac_decoder *d, struct tac_run *r);

/* tac_backward: from the head down to what is trained. */
void tac_backward(struct tac_decoder *d, struct tac_run *r);

#endif
