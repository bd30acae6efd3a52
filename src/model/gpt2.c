/* GPT-2 (Radford et al. 2019), as transformers' GPT2LMHeadModel: learned positions, matrices stored
 * [in, out]. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    static const struct tac_fixed fixed[] = {
        {"scale_attn_weights", "true"},
        {"scale_attn_by_inverse_layer_idx", "false"},
        {"add_cross_attention", "false"},
        {NULL, NULL},
    };
    enum tacit_status s = tac_config_fixed(c, fixed);
    *d = (struct tac_decoder_config){.norm = TAC_LAYERNORM,
                                     .order = TAC_QKV_STACKED,
                                     .norm_bias = true,
                                     .qkv_bias = true,
                                     .out_bias = true,
                                     .mlp_bias = true,
                                     .across = true};
    if (s || (s = tac_config_size(&d->C, c, "n_embd", "hidden_size", 768)) ||
        (s = tac_config_size(&d->H, c, "n_head", "num_attention_heads", 12)) ||
        (s = tac_config_size(&d->L, c, "n_layer", "num_hidden_layers", 12)) ||
        (s = tac_config_size(&d->V, c, "vocab_size", "vocab_size", 50257)) ||
        (s = tac_config_size(&d->F, c, "n_inner", "n_inner", 4 * d->C)) ||
        (s = tac_config_size(&d->positions, c, "n_positions", "max_position_embeddings", 1024)) ||
        (s = tac_config_heads(d, c, "n_head", d->H, 0)) ||
        (s = tac_config_act(&d->act, c, "activation_function", "gelu_new")) ||
        (s = tac_config_real(&d->eps, c, "layer_norm_epsilon", 1e-5)) ||
        (s = tac_config_bool(&d->tied, c, "tie_word_embeddings", true)))
        return s;
    tac_config_limit(d, d->positions, "n_positions");
    return TACIT_OK;
}

static const struct tac_names names = {
    .prefix = "transformer.",
    .global = {[TAC_P_EMBED] = "wte.weight",
               [TAC_P_POSITION] = "wpe.weight",
               [TAC_P_FINAL_G] = "ln_f.weight",
               [TAC_P_FINAL_B] = "ln_f.bias",
               [TAC_P_HEAD] = "lm_head.weight"},
    .layer = {[TAC_P_LN1_G] = "h.%zu.ln_1.weight",
              [TAC_P_LN1_B] = "h.%zu.ln_1.bias",
              [TAC_P_QKV] = "h.%zu.attn.c_attn.weight",
              [TAC_P_QKV_B] = "h.%zu.attn.c_attn.bias",
              [TAC_P_OUT] = "h.%zu.attn.c_proj.weight",
              [TAC_P_OUT_B] = "h.%zu.attn.c_proj.bias",
              [TAC_P_LN2_G] = "h.%zu.ln_2.weight",
              [TAC_P_LN2_B] = "h.%zu.ln_2.bias",
              [TAC_P_UP] = "h.%zu.mlp.c_fc.weight",
              [TAC_P_UP_B] = "h.%zu.mlp.c_fc.bias",
              [TAC_P_DOWN] = "h.%zu.mlp.c_proj.weight",
              [TAC_P_DOWN_B] = "h.%zu.mlp.c_proj.bias"},
};

static const struct tac_field fresh[] = {
    {"architectures", "[\"GPT2LMHeadModel\"]"},
    {"n_layer", "$layers"},
    {"n_embd", "$width"},
    {"n_head", "$heads"},
    {"n_inner", "$mlp_width"},
    {"n_positions", "$positions"},
    {"vocab_size", "$vocab"},
    {"activation_function", "\"gelu_new\""},
    {"layer_norm_epsilon", "1e-5"},
    {"embd_pdrop", "0.0"},
    {"attn_pdrop", "0.0"},
    {"resid_pdrop", "0.0"},
    {"tie_word_embeddings", "true"},
    {NULL, NULL},
};

const struct tac_family tac_family_gpt2 = {
    .model_type = "gpt2",
    .names = &names,
    .lora_targets = "c_attn",
    .ia3_targets = "c_attn+mlp.c_proj",
    .ia3_feedforward = "mlp.c_proj",
    .configure = configure,
    .fresh = fresh,
};
