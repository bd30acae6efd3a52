/* Qwen2 and Qwen2.5 (Yang et al. 2024), as transformers' Qwen2ForCausalLM: LLaMA with biases at
 * queries, keys and values. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    enum tacit_status s = tac_llama_configure(d, c, 32, 0);
    d->qkv_bias = true;
    return s ? s : tac_config_window(d, c, "use_sliding_window");
}

static const struct tac_field fresh[] = {
    {"architectures", "[\"Qwen2ForCausalLM\"]"},
    {"num_hidden_layers", "$layers"},
    {"hidden_size", "$width"},
    {"num_attention_heads", "$heads"},
    {"num_key_value_heads", "$key_heads"},
    {"intermediate_size", "$mlp_width"},
    {"max_position_embeddings", "$positions"},
    {"vocab_size", "$vocab"},
    {"hidden_act", "\"silu\""},
    {"rms_norm_eps", "1e-6"},
    {"rope_theta", "1000000.0"},
    {"use_sliding_window", "false"},
    {"tie_word_embeddings", "true"},
    {NULL, NULL},
};

const struct tac_family tac_family_qwen2 = {
    .model_type = "qwen2",
    .names = &tac_names_llama,
    .lora_targets = "q_proj+v_proj",
    .ia3_targets = "q_proj+v_proj+down_proj",
    .ia3_feedforward = "down_proj",
    .configure = configure,
    .fresh = fresh,
};
