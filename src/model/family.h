/* What a model family says of itself: a decoder's shape and the names of its tensors. A new family
 * is one file with one `struct tac_family` and one row in model.c. */
#ifndef TAC_MODEL_FAMILY_H
#define TAC_MODEL_FAMILY_H

#include "backend/ops.h"
#include "base/err.h"

#include <jansson.h>

/* The shape of a decoder-only transformer. */
struct tac_decoder_config {
    size_t L, C, H, G, D, F,
        V; /* layers, width, heads, key heads, head width, MLP width, vocabulary rows */
    enum tac_norm_kind norm;
    double eps;
    enum tac_act_kind act;
    struct tac_heads heads;
    bool alibi;            /* linear attention biases (Press et al. 2021), slopes as BLOOM's */
    bool embed_norm;       /* a norm follows the embedding */
    bool post_ln_residual; /* the residual is taken after the norm */
    bool tied;             /* the head is the embedding */
};

/* Parameters outside the layers, and those of each layer. Matrices are [out, in], vectors [out]. */
enum tac_global_slot {
    TAC_P_EMBED,
    TAC_P_EMBED_G,
    TAC_P_EMBED_B,
    TAC_P_FINAL_G,
    TAC_P_FINAL_B,
    TAC_P_HEAD,
    TAC_N_GLOBAL
};
enum tac_layer_slot {
    TAC_P_LN1_G,
    TAC_P_LN1_B,
    TAC_P_QKV,
    TAC_P_QKV_B,
    TAC_P_OUT,
    TAC_P_OUT_B,
    TAC_P_LN2_G,
    TAC_P_LN2_B,
    TAC_P_UP,
    TAC_P_UP_B,
    TAC_P_DOWN,
    TAC_P_DOWN_B,
    TAC_N_LAYER,
};

struct tac_family {
    const char *model_type; /* config.json's model_type */
    const char *prefix;     /* may stand before every name: "transformer." */
    const char *global[TAC_N_GLOBAL];
    const char *layer[TAC_N_LAYER]; /* with one %zu for the layer */
    /* modules that PEFT takes where none are named, with + between: LoRA's, IA3's, and those of the
     * latter whose input is scaled */
    const char *lora_targets, *ia3_targets, *ia3_feedforward;
    /* fills the shape from config.json (`path` for messages) */
    enum tacit_status (*configure)(struct tac_decoder_config *c, const json_t *config,
                                   const char *path, struct tacit_err *err);
};

extern const struct tac_family tac_family_bloom;

/* ALiBi slopes of H heads, as transformers' build_alibi_tensor: for a power of two 2^(-8(h+1)/H),
 * else those of the next lower power of two, then every other of twice that. */
void tac_alibi_slopes(float *slope, size_t H);

#endif
