/* What a run of a tree computes, decided before anything runs: which rows each layer must give,
 * which rows carry gradients, and how much memory that takes. */
#ifndef TAC_MODEL_PLAN_H
#define TAC_MODEL_PLAN_H

#include "backend/backend.h"
#include "model/family.h"
#include "model/tree.h"

/* A set of rows, ascending. `all`: every one of T, idx is then the identity. */
struct tac_rows {
    int32_t *idx;
    size_t n;
    bool all;
};

/* What is trained: any of these together. */
enum tac_grad {
    TAC_GRAD_NONE = 0,
    TAC_GRAD_SOFT = 1,    /* soft rows */
    TAC_GRAD_KV = 2,      /* keys and values of KV roots */
    TAC_GRAD_SITES = 4,   /* what stands at the layers' matrices */
    TAC_GRAD_WEIGHTS = 8, /* weights */
};

struct tac_plan_options {
    enum tac_grad grad;
    bool
        recompute; /* backward computes each layer's activations again (memory C a row and layer) */
    const int32_t *wanted; /* (n_wanted) rows whose last layer is wanted besides the labelled ones,
                              in any order, also twice */
    size_t n_wanted;
    const bool *kv_grad; /* (tree->n_kv) KV roots that are trained; NULL: none */
    size_t rank;         /* the largest of the sites that are at work */
    bool scaled;         /* whether one of them scales */
};

struct tac_plan {
    const struct tac_tree *tree;
    struct tac_plan_options o; /* wanted and kv_grad are not kept */
    struct tac_rows every;     /* all rows */
    struct tac_rows out;       /* rows whose last layer is wanted: labelled, or asked for */
    struct tac_rows live; /* rows that carry gradients: soft rows, all after a soft ancestor or a
                             trained KV root, all where matrices are trained */
    struct tac_rows out_live; /* both; .idx are rows */
    int32_t *out_live_at;     /* (out_live.n) their places within `out` */
    struct tac_rows bottom; /* rows whose gradient reaches layer 0's queries, keys and values: soft
                               rows, or all where matrices are trained */
    int32_t *bottom_src;    /* (bottom.n) their sources */
    int32_t *bottom_pos, *live_pos; /* positions of these rows */
    struct tac_target *target;      /* (tree->n_label) .row counts within `out` */
    struct tac_seg *seg;            /* the tree's segments with `grad` for layers above 0 */
    struct tac_seg *seg0;           /* ... and for layer 0 */
    /* bytes by owner */
    size_t keep_bytes, scratch_bytes, vocab_bytes;
    struct tac_arena arena;
};

/* tac_plan_make: errors: memory. */
enum tacit_status tac_plan_make(struct tac_plan *p, const struct tac_tree *t,
                                const struct tac_decoder_config *c, size_t real_size,
                                const struct tac_plan_options *o,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_plan_release(struct tac_plan *p);

/* Whether a gradient leaves layer 0 towards the embedding. */
bool tac_plan_embeds(const struct tac_plan *p);
size_t tac_plan_bytes(const struct tac_plan *p);
/* tac_plan_out_place: the place of a row that is in `out`. */
size_t tac_plan_out_place(const struct tac_plan *p, int32_t row);

/* tac_plan_flops: floating-point operations of the matrix products that the plan asks for (two a
 * multiply-add), attention left out, nothing recomputed: useful work, for rates. Weight gradients
 * count where they are taken. */
double tac_plan_flops(const struct tac_plan *p, const struct tac_decoder_config *c);
/* tac_plan_again: of those, what recomputing does once more: every layer but the last up to the
 * MLP's activations; 0 where nothing is recomputed. */
double tac_plan_again(const struct tac_plan *p, const struct tac_decoder_config *c);

#endif
