/* Qwen3 (Yang et al. 2025), as transformers' Qwen3ForCausalLM: LLaMA with normed queries and keys,
 * and a head's width of its own. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    bool slides;
    enum tacit_status s = tac_llama_configure(d, c, 32, 128);
    d->qk_norm = true;
    if (!s)
        s = tac_config_bool(&d->qkv_bias, c, "attention_bias", false);
    d->out_bias = d->qkv_bias;
    if (!s)
        s = tac_config_bool(&slides, c, "use_sliding_window", false);
    return s ? s : tac_config_window(d, c, slides);
}

const struct tac_family tac_family_qwen3 = {
    .model_type = "qwen3",
    .names = &tac_names_llama,
    .lora_targets = "q_proj+v_proj",
    .ia3_targets = "q_proj+v_proj+down_proj",
    .ia3_feedforward = "down_proj",
    .configure = configure,
};
