/* What is trained beside a frozen matrix: a low-rank update (LoRA, Hu et al. 2021) or scales of its
 * input or output (IA3, Liu et al. 2022). A matrix's product goes through here, forward and
 * backward, whether it has a site or not. */
#ifndef TAC_MODEL_SITE_H
#define TAC_MODEL_SITE_H

#include "model/weights.h"

/* One of three kinds, or zeroed, which changes nothing:
 *   low rank  y = x W^T + bias + scale * x A^T B^T
 *   input     y = (x * in) W^T + bias
 *   output    y = (x W^T + bias) * out
 * All arrays are backend memory of the real type; gradients (d...) are added to, NULL where frozen.
 */
struct tac_site {
    size_t r;             /* rank; 0: no low-rank update */
    double scale;         /* of the update */
    const void *a, *b;    /* (r,K) (N,r) */
    void *da, *db;        /* both or none */
    const void *in, *out; /* (K) (N), or NULL */
    void *din, *dout;
};

/* The sites (by slot) of the rows [row0, end). Spans ascend and do not overlap. */
struct tac_span {
    int32_t row0, end;
    const struct tac_site *site;
};

/* Room for sites: wide (T, the largest N or K), low and low2 (T, the largest rank); NULL where no
 * site needs it. */
struct tac_site_room {
    void *wide, *low, *low2;
};

/* One matrix at work on n rows, which idx names (NULL: they are the rows 0 .. n-1). */
struct tac_linear {
    struct tac_backend *be;
    const struct tac_param *w, *bias; /* bias may be NULL or have none */
    const struct tac_span *span;
    size_t n_span, slot;
    const int32_t *idx;
    size_t n;
    const struct tac_site_room *room;
};

/* Whether a span has a site here. */
bool tac_site_at(const struct tac_span *span, size_t n_span, size_t slot);

/* tac_linear: y (n,N) of x (n,K); res (n,N) is added behind everything, or NULL. A row's bytes do
 * not depend on the spans of other rows. */
void tac_linear(const struct tac_linear *l, void *y, const void *x, const void *res);

/* tac_linear_dx: dx (n,K) of dy (n,N), plus res (n,K) or NULL; adds the gradients of weight, bias
 * and site. dx NULL: only those. x (n,K), what the product was taken of, may be NULL where
 * tac_linear_needs_x is false. All rows are in one span at most. dx may be res; dy is kept. */
void tac_linear_dx(const struct tac_linear *l, void *dx, const void *dy, const void *x,
                   const void *res);
bool tac_linear_needs_x(const struct tac_linear *l);

#endif
