/* What a model family says of itself: a decoder's shape and the names of its tensors. A new family
 * is one file with one `struct tac_family` and one row in model.c (docs/ADD_A_FAMILY.md). */
#ifndef TAC_MODEL_FAMILY_H
#define TAC_MODEL_FAMILY_H

#include "backend/ops.h"
#include "base/err.h"

#include <jansson.h>

enum { TAC_MAX_PAIRS = 256 };

/* Rotary positions of queries and keys: pairs of the leading n dimensions of a head (ops.h). */
struct tac_rotary {
    size_t n;                   /* even, at most 2 * TAC_MAX_PAIRS; 0: none */
    bool half;                  /* pairs (i, i + n/2), else (2i, 2i + 1) */
    double freq[TAC_MAX_PAIRS]; /* (n/2) angle of a pair at position 1 */
    double scale;               /* of the rotated dimensions; 1 */
};

/* The shape of a decoder-only transformer. */
struct tac_decoder_config {
    size_t L, C, H, G, D, F,
        V; /* layers, width, heads, key heads, head width, MLP width, vocabulary rows */
    enum tac_norm_kind norm;
    double eps;
    enum tac_act_kind act;
    enum tac_qkv_order order; /* of a fused matrix */
    bool split_qkv;           /* queries, keys and values have a matrix each */
    bool norm_bias, qkv_bias, out_bias, mlp_bias;
    bool across;   /* the layers' matrices are stored [in, out] */
    bool qk_norm;  /* each head's queries and keys are normed (RMSNorm over D); needs split_qkv */
    bool gated;    /* MLP: down(act(gate(x)) * up(x)), else down(act(up(x))) */
    bool parallel; /* the MLP reads the layer's input, beside attention */
    bool alibi;    /* linear attention biases (Press et al. 2021), slopes as BLOOM's */
    struct tac_rotary rotary;
    size_t positions;      /* rows of the learned position table; 0: none */
    size_t limit;          /* tokens of a sequence at most, soft ones among them; 0: any number */
    const char *limit_by;  /* the field that sets it, for messages */
    bool embed_norm;       /* a norm follows the embedding */
    bool post_ln_residual; /* the residual is taken after the norm */
    bool tied;             /* the head is the embedding */
};

/* Parameters outside the layers, and those of each layer. Matrices are [out, in] (or `across`),
 * vectors [out]. A matrix's bias stands behind it. */
enum tac_global_slot {
    TAC_P_EMBED,
    TAC_P_POSITION,
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
    TAC_P_Q,
    TAC_P_Q_B,
    TAC_P_K,
    TAC_P_K_B,
    TAC_P_V,
    TAC_P_V_B,
    TAC_P_Q_NORM,
    TAC_P_K_NORM,
    TAC_P_OUT,
    TAC_P_OUT_B,
    TAC_P_LN2_G,
    TAC_P_LN2_B,
    TAC_P_GATE,
    TAC_P_GATE_B,
    TAC_P_UP,
    TAC_P_UP_B,
    TAC_P_DOWN,
    TAC_P_DOWN_B,
    TAC_N_LAYER,
};

/* Tensor names, with | before another that files may have instead; those of slots that no shape of
 * the family has are NULL. */
struct tac_names {
    const char *prefix; /* may stand before every name but the head's: "transformer." */
    const char *global[TAC_N_GLOBAL];
    const char *layer[TAC_N_LAYER]; /* with one %zu for the layer */
};

struct tac_config;

/* A field of a new model's config.json: JSON, or one of the sizes $layers, $width, $heads, $vocab,
 * $mlp_width, $key_heads, $head_width, $positions. */
struct tac_field {
    const char *name, *value;
};

struct tac_family {
    const char *model_type; /* config.json's model_type */
    const struct tac_names *names;
    /* modules that PEFT takes where none are named, with + between: LoRA's, IA3's, and those of the
     * latter whose input is scaled */
    const char *lora_targets, *ia3_targets, *ia3_feedforward;
    /* fills the shape from config.json (model/config.h) */
    enum tacit_status (*configure)(struct tac_decoder_config *d, const struct tac_config *c);
    /* config.json of a random model, up to a field without a name, beside what all families have
     * (api/create.c): the sizes that stand in it are those that can be asked for */
    const struct tac_field *fresh;
};

extern const struct tac_family tac_family_bloom, tac_family_gpt2, tac_family_gpt_neox,
    tac_family_llama, tac_family_mistral, tac_family_qwen2, tac_family_qwen3;

/* tac_family_find: a family by its model_type. TACIT_EINPUT, with `where` in front and all that
 * there are behind. */
enum tacit_status tac_family_find(const struct tac_family **out, const char *name,
                                  const char *where, struct tacit_err *err) TAC_MUST_USE;

/* LLaMA's names, which Mistral and Qwen have taken over. */
extern const struct tac_names tac_names_llama;

/* ALiBi slopes of H heads, as transformers' build_alibi_tensor: for a power of two 2^(-8(h+1)/H),
 * else those of the next lower power of two, then every other of twice that. */
void tac_alibi_slopes(float *slope, size_t H);

#endif
