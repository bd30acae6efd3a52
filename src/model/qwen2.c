/* Qwen2 and Qwen2.5 (Yang et al. 2024), as transformers' Qwen2ForCausalLM: LLaMA with biases at
 * queries, keys and values. */
#include "model/config.h"

static enum tacit_status configure(struct tac_decoder_config *d, const struct tac_config *c)
{
    bool slides;
    enum tacit_status s = tac_llama_configure(d, c, 32, 0);
    d->qkv_bias = true;
    if (!s)
        s = tac_config_bool(&slides, c, "use_sliding_window", false);
    return s ? s : tac_config_window(d, c, slides);
}

const struct tac_family tac_family_qwen2 = {
    .model_type = "qwen2",
    .names = &tac_names_llama,
    .lora_targets = "q_proj+v_proj",
    .ia3_targets = "q_proj+v_proj+down_proj",
    .ia3_feedforward = "down_proj",
    .configure = configure,
};
