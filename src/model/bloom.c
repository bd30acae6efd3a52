/* BLOOM (Scao et al. 2022), as transformers' BloomForCausalLM. */
#include "model/config.h"

#include <math.h>

void tac_alibi_slopes(float *slope, size_t H)
{
    size_t low = 1;
    while (low * 2 <= H)
        low *= 2;
    float base = (float)pow(2.0, -pow(2.0, -(log2((double)low) - 3.0)));
    float extra = (float)pow(2.0, -pow(2.0, -(log2((double)low * 2) - 3.0)));
    for (size_t h = 0; h < H; h++)
        slope[h] = h < low ? powf(base, (float)(h + 1)) : powf(extra, (float)(2 * (h - low) + 1));
}

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    enum tacit_status s;
    *d = (struct tac_decoder_config){.norm = TAC_LAYERNORM,
                                     .act = TAC_GELU_TANH,
                                     .order = TAC_QKV_INTERLEAVED,
                                     .norm_bias = true,
                                     .qkv_bias = true,
                                     .out_bias = true,
                                     .mlp_bias = true,
                                     .alibi = true,
                                     .embed_norm = true};
    if ((s = tac_config_size(&d->C, c, "hidden_size", "n_embed", 0)) ||
        (s = tac_config_size(&d->H, c, "n_head", "num_attention_heads", 0)) ||
        (s = tac_config_size(&d->L, c, "n_layer", "num_hidden_layers", 0)) ||
        (s = tac_config_size(&d->V, c, "vocab_size", "vocab_size", 0)) ||
        (s = tac_config_bool(&d->post_ln_residual, c, "apply_residual_connection_post_layernorm",
                             false)) ||
        (s = tac_config_bool(&d->tied, c, "tie_word_embeddings", true)) ||
        (s = tac_config_real(&d->eps, c, "layer_norm_epsilon", 1e-5)))
        return s;
    if (d->C % d->H)
        return tac_fail(
            c->err, TACIT_EINPUT,
            "%s: field 'hidden_size' (n_embed): expected a multiple of n_head %zu, found %zu",
            c->path, d->H, d->C);
    d->D = d->C / d->H;
    d->G = d->H;
    d->F = 4 * d->C;
    return TACIT_OK;
}

static const struct tac_names names = {
    .prefix = "transformer.",
    .global = {[TAC_P_EMBED] = "word_embeddings.weight",
               [TAC_P_EMBED_G] = "word_embeddings_layernorm.weight",
               [TAC_P_EMBED_B] = "word_embeddings_layernorm.bias",
               [TAC_P_FINAL_G] = "ln_f.weight",
               [TAC_P_FINAL_B] = "ln_f.bias",
               [TAC_P_HEAD] = "lm_head.weight"},
    .layer = {[TAC_P_LN1_G] = "h.%zu.input_layernorm.weight",
              [TAC_P_LN1_B] = "h.%zu.input_layernorm.bias",
              [TAC_P_QKV] = "h.%zu.self_attention.query_key_value.weight",
              [TAC_P_QKV_B] = "h.%zu.self_attention.query_key_value.bias",
              [TAC_P_OUT] = "h.%zu.self_attention.dense.weight",
              [TAC_P_OUT_B] = "h.%zu.self_attention.dense.bias",
              [TAC_P_LN2_G] = "h.%zu.post_attention_layernorm.weight",
              [TAC_P_LN2_B] = "h.%zu.post_attention_layernorm.bias",
              [TAC_P_UP] = "h.%zu.mlp.dense_h_to_4h.weight",
              [TAC_P_UP_B] = "h.%zu.mlp.dense_h_to_4h.bias",
              [TAC_P_DOWN] = "h.%zu.mlp.dense_4h_to_h.weight",
              [TAC_P_DOWN_B] = "h.%zu.mlp.dense_4h_to_h.bias"},
};

static const struct tac_field fresh[] = {
    {"architectures", "[\"BloomForCausalLM\"]"},
    {"n_layer", "$layers"},
    {"hidden_size", "$width"},
    {"n_head", "$heads"},
    {"vocab_size", "$vocab"},
    {"layer_norm_epsilon", "1e-5"},
    {"apply_residual_connection_post_layernorm", "false"},
    {"hidden_dropout", "0.0"},
    {"attention_dropout", "0.0"},
    {"tie_word_embeddings", "true"},
    {NULL, NULL},
};

const struct tac_family tac_family_bloom = {
    .model_type = "bloom",
    .names = &names,
    .lora_targets = "query_key_value",
    .ia3_targets = "query_key_value+mlp.dense_4h_to_h",
    .ia3_feedforward = "mlp.dense_4h_to_h",
    .configure = configure,
    .fresh = fresh,
};
