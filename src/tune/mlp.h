/* A small network whose output is trained in place of free values: the reparametrisations of
 * P-tuning (Liu et al. 2021) and prefix tuning (Li & Liang 2021), as PEFT builds them: linear
 * layers with an activation between each two. */
#ifndef TAC_TUNE_MLP_H
#define TAC_TUNE_MLP_H

#include "tune/tune.h"

enum { TAC_MLP_LAYERS = 3 };

struct tac_mlp {
    size_t P, n;                      /* rows; linear layers */
    size_t width[TAC_MLP_LAYERS + 1]; /* of the input, behind each layer */
    size_t slice;                     /* the output lies as blocks of (P, slice) */
    enum tac_act_kind act;
    const void *x, *w[TAC_MLP_LAYERS],
        *b[TAC_MLP_LAYERS];                             /* input, weights, biases: of the block */
    void *dx, *dw[TAC_MLP_LAYERS], *db[TAC_MLP_LAYERS]; /* NULL without gradients */
    void *pre[TAC_MLP_LAYERS], *post[TAC_MLP_LAYERS];   /* of all layers but the last */
    void *y, *dy;                                       /* output; dy NULL without gradients */
    void *tmp[2];
};

/* The items embedding.weight, then NAME.i.weight and NAME.i.bias with i = 0, 2, 4: how many; item
 * NULL counts. */
size_t tac_mlp_items(const struct tac_mlp *m, const char *name, struct tac_item *item);
/* Reals that tac_mlp_bind lays at t->extra. */
size_t tac_mlp_extra(const struct tac_mlp *m);
/* Fills the pointers of m: items of t->p and t->g, the rest at t->extra. */
void tac_mlp_bind(struct tac_mlp *m, struct tac_tune *t);
/* PyTorch's first values; zero: those of the last layer are 0. */
void tac_mlp_start(const struct tac_mlp *m, const struct tac_tune *t, float *values, bool zero,
                   uint64_t seed);
void tac_mlp_forward(struct tac_mlp *m, struct tac_backend *be);
/* Adds to the gradients of the block; dy becomes 0. */
void tac_mlp_backward(struct tac_mlp *m, struct tac_backend *be);

#endif
