/* First values drawn at random, as PyTorch's layers draw theirs: elements in order from one stream.
 */
#ifndef TAC_TUNE_DRAW_H
#define TAC_TUNE_DRAW_H

#include "base/rng.h"

#include <math.h>
#include <stddef.h>

enum { TAC_STREAM_NORMAL = 12, TAC_STREAM_UNIFORM = 13 };

/* N(0,1): torch.nn.Embedding. */
static inline void tac_draw_normal(float *x, size_t n, struct tac_rng *r)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)tac_rng_normal(r);
}

/* Uniform within 1 / sqrt(in): torch.nn.Linear's weight and bias, and lora_A. */
static inline void tac_draw_linear(float *x, size_t n, size_t in, struct tac_rng *r)
{
    double bound = 1 / sqrt((double)in);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(bound * (2 * tac_rng_uniform(r) - 1));
}

#endif
