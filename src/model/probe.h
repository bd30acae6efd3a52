/* Looking inside a run, and changing what is there: taps name points to read, patches vectors to
 * write. Both are declared before the run is planned, so what they need is computed and nothing
 * else. Everything in interpret/ that looks inside goes through them. */
#ifndef TAC_MODEL_PROBE_H
#define TAC_MODEL_PROBE_H

#include "backend/backend.h"
#include "model/family.h"
#include "model/tree.h"

enum tac_tap_point {
    TAC_TAP_STREAM,  /* (C) the residual stream behind the layer */
    TAC_TAP_MLP,     /* (F) the MLP's activations, behind the activation function */
    TAC_TAP_WEIGHTS, /* (H, p + 1) attention weights of the row over its path, p its path index */
};

/* layer: from 0; -1 with TAC_TAP_STREAM: behind the embedding (and its norm). `to` is host memory.
 */
struct tac_tap {
    enum tac_tap_point point;
    int32_t layer, row;
    float *to;
};

/* A vector (C) that takes the residual stream's place behind `layer` (-1: behind the embedding) at
 * a row. What was computed before of the row, and rows before it, stay as they are. For runs
 * without gradients. */
struct tac_patch {
    int32_t layer, row;
    const float *from;
};

struct tac_run;
struct tac_slot;

/* What is there behind a layer: rows of stream and mlp are all T, or plan->out in the last layer.
 * For layer -1 only stream. */
struct tac_behind {
    int32_t layer;
    void *stream;
    const void *mlp;
    const struct tac_slot *slot;
};

/* tac_probe_layer: writes the patches of this layer, then reads its taps. slope: ALiBi's, or NULL.
 * Errors: memory. */
enum tacit_status tac_probe_layer(struct tac_backend *be, const struct tac_decoder_config *c,
                                  const struct tac_run *r, const struct tac_behind *b,
                                  const float *slope, struct tacit_err *err) TAC_MUST_USE;

#endif
