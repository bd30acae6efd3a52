/* GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023), as transformers'
 * GPTNeoXForCausalLM: attention and MLP side by side, a part of each head rotated. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    enum tacit_status s;
    double share, base;
    *d = (struct tac_decoder_config){
        .norm = TAC_LAYERNORM, .order = TAC_QKV_INTERLEAVED, .norm_bias = true, .mlp_bias = true};
    if ((s = tac_config_size(&d->C, c, "hidden_size", "hidden_size", 6144)) ||
        (s = tac_config_size(&d->H, c, "num_attention_heads", "num_attention_heads", 64)) ||
        (s = tac_config_size(&d->L, c, "num_hidden_layers", "num_hidden_layers", 44)) ||
        (s = tac_config_size(&d->V, c, "vocab_size", "vocab_size", 50432)) ||
        (s = tac_config_size(&d->F, c, "intermediate_size", "intermediate_size", 24576)) ||
        (s = tac_config_heads(d, c, "num_attention_heads", d->H, 0)) ||
        (s = tac_config_act(&d->act, c, "hidden_act", "gelu")) ||
        (s = tac_config_real(&d->eps, c, "layer_norm_eps", 1e-5)) ||
        (s = tac_config_bool(&d->qkv_bias, c, "attention_bias", true)) ||
        (s = tac_config_bool(&d->parallel, c, "use_parallel_residual", true)) ||
        (s = tac_config_bool(&d->tied, c, "tie_word_embeddings", false)) ||
        (s = tac_config_real(&share, c, "rotary_pct", 0.25)) ||
        (s = tac_config_real(&base, c, "rotary_emb_base", 10000)))
        return s;
    d->out_bias = d->qkv_bias;
    return tac_config_rotary(d, c, base, share);
}

static const struct tac_names names = {
    .prefix = "gpt_neox.",
    .global = {[TAC_P_EMBED] = "embed_in.weight",
               [TAC_P_FINAL_G] = "final_layer_norm.weight",
               [TAC_P_FINAL_B] = "final_layer_norm.bias",
               [TAC_P_HEAD] = "embed_out.weight|lm_head.weight"},
    .layer = {[TAC_P_LN1_G] = "layers.%zu.input_layernorm.weight",
              [TAC_P_LN1_B] = "layers.%zu.input_layernorm.bias",
              [TAC_P_QKV] = "layers.%zu.attention.query_key_value.weight",
              [TAC_P_QKV_B] = "layers.%zu.attention.query_key_value.bias",
              [TAC_P_OUT] = "layers.%zu.attention.dense.weight",
              [TAC_P_OUT_B] = "layers.%zu.attention.dense.bias",
              [TAC_P_LN2_G] = "layers.%zu.post_attention_layernorm.weight",
              [TAC_P_LN2_B] = "layers.%zu.post_attention_layernorm.bias",
              [TAC_P_UP] = "layers.%zu.mlp.dense_h_to_4h.weight",
              [TAC_P_UP_B] = "layers.%zu.mlp.dense_h_to_4h.bias",
              [TAC_P_DOWN] = "layers.%zu.mlp.dense_4h_to_h.weight",
              [TAC_P_DOWN_B] = "layers.%zu.mlp.dense_4h_to_h.bias"},
};

static const struct tac_field fresh[] = {
    {"architectures", "[\"GPTNeoXForCausalLM\"]"},
    {"num_hidden_layers", "$layers"},
    {"hidden_size", "$width"},
    {"num_attention_heads", "$heads"},
    {"intermediate_size", "$mlp_width"},
    {"max_position_embeddings", "$positions"},
    {"vocab_size", "$vocab"},
    {"hidden_act", "\"gelu\""},
    {"layer_norm_eps", "1e-5"},
    {"rotary_pct", "0.25"},
    {"rotary_emb_base", "10000"},
    {"use_parallel_residual", "true"},
    {"tie_word_embeddings", "false"},
    {NULL, NULL},
};

const struct tac_family tac_family_gpt_neox = {
    .model_type = "gpt_neox",
    .names = &names,
    .lora_targets = "query_key_value",
    .ia3_targets = "query_key_value+dense_4h_to_h",
    .ia3_feedforward = "dense_4h_to_h",
    .configure = configure,
    .fresh = fresh,
};
