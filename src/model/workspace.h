/* The activations of one run, laid out in one piece of backend memory. Laid once to measure (base
 * NULL) and once to use, so that what is reported is what is taken. */
#ifndef TAC_MODEL_WORKSPACE_H
#define TAC_MODEL_WORKSPACE_H

#include "model/plan.h"
#include "model/site.h"

/* What a layer keeps for its backward pass; R is T, or plan->out.n in the last layer. */
struct tac_slot {
    void *x;         /* (T,C) input of the layer */
    void *st1;       /* (T,2) statistics of the first norm */
    void *q, *k, *v; /* (T,H*D) (T,G*D) (T,G*D) */
    void *o, *lse;   /* (R,H*D) (R,H) */
    void *x2, *st2;  /* (R,C) (R,2) input of the second norm and its statistics */
    void *f, *u; /* (R,F) before the activation function, and what it is multiplied by (gated) */
    void *q_raw, *k_raw, *st_q,
        *st_k; /* q and k before their norms, and the statistics (qk_norm) */
};

struct tac_workspace {
    void *e,
        *e_stat; /* (T,C) (T,2) embedding before its norm; e is x of layer 0 where there is none */
    void *wide;  /* (T,max(F,(H+2G)D)) */
    void *h, *res; /* (T,C) */
    void *up;      /* (T,F) gradient of what a gate multiplies */
    void *y;       /* (out,C) output of the last layer */
    /* backward */
    void *dy, *dx2, *full, *dh; /* (T,C), dh (T,max(C,H*D)) */
    void *dq, *dk, *dv;
    void *pick_f, *pick_u, *pick_x, *pick_h, *pick_o, *pick_lse, *pick_st, *pick_q;
    struct tac_site_room site;
    /* head */
    void *xf, *dxf, *stf, *logp, *lse,
        *logits; /* (out,C) (out,C) (out,2) (labels) (out) (block,V) */
    size_t logits_rows;
    size_t bytes, keep_bytes, vocab_bytes;
};

/* tac_workspace_lay: slot (L) may be NULL while measuring. */
void tac_workspace_lay(struct tac_workspace *w, struct tac_slot *slot, const struct tac_plan *p,
                       const struct tac_decoder_config *c, size_t real_size, void *base);

#endif
