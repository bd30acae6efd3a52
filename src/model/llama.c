/* LLaMA (Touvron et al. 2023) and its successors up to LLaMA 3, as transformers' LlamaForCausalLM.
 */
#include "model/config.h"

enum tacit_status tac_llama_configure(struct tac_decoder_config *d, const struct tac_config *c,
                                      size_t groups, size_t head_width)
{
    enum tacit_status s;
    *d = (struct tac_decoder_config){.norm = TAC_RMSNORM, .split_qkv = true, .gated = true};
    if ((s = tac_config_size(&d->C, c, "hidden_size", "hidden_size", 0)) ||
        (s = tac_config_size(&d->H, c, "num_attention_heads", "num_attention_heads", 0)) ||
        (s = tac_config_size(&d->L, c, "num_hidden_layers", "num_hidden_layers", 0)) ||
        (s = tac_config_size(&d->V, c, "vocab_size", "vocab_size", 0)) ||
        (s = tac_config_size(&d->F, c, "intermediate_size", "intermediate_size", 0)) ||
        (s = tac_config_heads(d, c, "num_key_value_heads", groups, head_width)) ||
        (s = tac_config_act(&d->act, c, "hidden_act", "silu")) ||
        (s = tac_config_real(&d->eps, c, "rms_norm_eps", 1e-6)) ||
        (s = tac_config_bool(&d->tied, c, "tie_word_embeddings", false)))
        return s;
    return tac_config_rotary(d, c, 10000, 1);
}

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    enum tacit_status s = tac_llama_configure(d, c, 0, 0);
    if (!s)
        s = tac_config_bool(&d->qkv_bias, c, "attention_bias", false);
    if (!s)
        s = tac_config_bool(&d->mlp_bias, c, "mlp_bias", false);
    d->out_bias = d->qkv_bias;
    return s;
}

const struct tac_names tac_names_llama = {
    .prefix = "model.",
    .global = {[TAC_P_EMBED] = "embed_tokens.weight",
               [TAC_P_FINAL_G] = "norm.weight",
               [TAC_P_HEAD] = "lm_head.weight"},
    .layer = {[TAC_P_LN1_G] = "layers.%zu.input_layernorm.weight",
              [TAC_P_Q] = "layers.%zu.self_attn.q_proj.weight",
              [TAC_P_Q_B] = "layers.%zu.self_attn.q_proj.bias",
              [TAC_P_K] = "layers.%zu.self_attn.k_proj.weight",
              [TAC_P_K_B] = "layers.%zu.self_attn.k_proj.bias",
              [TAC_P_V] = "layers.%zu.self_attn.v_proj.weight",
              [TAC_P_V_B] = "layers.%zu.self_attn.v_proj.bias",
              [TAC_P_Q_NORM] = "layers.%zu.self_attn.q_norm.weight",
              [TAC_P_K_NORM] = "layers.%zu.self_attn.k_norm.weight",
              [TAC_P_OUT] = "layers.%zu.self_attn.o_proj.weight",
              [TAC_P_OUT_B] = "layers.%zu.self_attn.o_proj.bias",
              [TAC_P_LN2_G] = "layers.%zu.post_attention_layernorm.weight",
              [TAC_P_GATE] = "layers.%zu.mlp.gate_proj.weight",
              [TAC_P_GATE_B] = "layers.%zu.mlp.gate_proj.bias",
              [TAC_P_UP] = "layers.%zu.mlp.up_proj.weight",
              [TAC_P_UP_B] = "layers.%zu.mlp.up_proj.bias",
              [TAC_P_DOWN] = "layers.%zu.mlp.down_proj.weight",
              [TAC_P_DOWN_B] = "layers.%zu.mlp.down_proj.bias"},
};

static const struct tac_field fresh[] = {
    {"architectures", "[\"LlamaForCausalLM\"]"},
    {"num_hidden_layers", "$layers"},
    {"hidden_size", "$width"},
    {"num_attention_heads", "$heads"},
    {"num_key_value_heads", "$key_heads"},
    {"head_dim", "$head_width"},
    {"intermediate_size", "$mlp_width"},
    {"max_position_embeddings", "$positions"},
    {"vocab_size", "$vocab"},
    {"hidden_act", "\"silu\""},
    {"rms_norm_eps", "1e-6"},
    {"rope_theta", "10000.0"},
    {"tie_word_embeddings", "false"},
    {NULL, NULL},
};

const struct tac_family tac_family_llama = {
    .model_type = "llama",
    .names = &tac_names_llama,
    .lora_targets = "q_proj+v_proj",
    .ia3_targets = "k_proj+v_proj+down_proj",
    .ia3_feedforward = "down_proj",
    .configure = configure,
    .fresh = fresh,
};
