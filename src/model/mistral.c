/* Mistral (Jiang et al. 2023), as transformers' MistralForCausalLM: LLaMA with grouped queries, and
 * with a sliding window in its first version. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    enum tacit_status s = tac_llama_configure(d, c, 8, 0);
    return s ? s : tac_config_window(d, c, NULL);
}

static const struct tac_field fresh[] = {
    {"architectures", "[\"MistralForCausalLM\"]"},
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
    {"sliding_window", "null"},
    {"tie_word_embeddings", "false"},
    {NULL, NULL},
};

const struct tac_family tac_family_mistral = {
    .model_type = "mistral",
    .names = &tac_names_llama,
    .lora_targets = "q_proj+v_proj",
    .ia3_targets = "k_proj+v_proj+down_proj",
    .ia3_feedforward = "down_proj",
    .configure = configure,
    .fresh = fresh,
};
