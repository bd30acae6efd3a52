/* BLOOM (Scao et al. 2022), as transformers' BloomForCausalLM. */
#include "model/family.h"

#include "format/json.h"

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

/* An integer under either of its two names. */
static enum tacit_status get_size(size_t *out, const json_t *config, const char *name,
                                  const char *old, const char *path, struct tacit_err *err)
{
    const char *key = tac_json_has(config, name) || !tac_json_has(config, old) ? name : old;
    int64_t v = 0;
    if (!tac_json_has(config, key))
        return tac_fail(err, TACIT_EINPUT, "%s: neither '%s' nor '%s' is there", path, name, old);
    enum tacit_status s = tac_json_get_int(&v, config, key, 1, 1 << 24, path, err);
    *out = (size_t)v;
    return s;
}

static enum tacit_status get_bool(bool *out, const json_t *config, const char *name, bool absent,
                                  const char *path, struct tacit_err *err)
{
    *out = absent;
    return tac_json_has(config, name) ? tac_json_get_bool(out, config, name, path, err) : TACIT_OK;
}

static enum tacit_status configure(struct tac_decoder_config *c, const json_t *config,
                                   const char *path, struct tacit_err *err)
{
    enum tacit_status s;
    *c = (struct tac_decoder_config){
        .norm = TAC_LAYERNORM, .act = TAC_GELU_TANH, .alibi = true, .embed_norm = true};
    if ((s = get_size(&c->C, config, "hidden_size", "n_embed", path, err)) ||
        (s = get_size(&c->H, config, "n_head", "num_attention_heads", path, err)) ||
        (s = get_size(&c->L, config, "n_layer", "num_hidden_layers", path, err)) ||
        (s = get_size(&c->V, config, "vocab_size", "vocab_size", path, err)) ||
        (s = get_bool(&c->post_ln_residual, config, "apply_residual_connection_post_layernorm",
                      false, path, err)) ||
        (s = get_bool(&c->tied, config, "tie_word_embeddings", true, path, err)))
        return s;
    if (c->C % c->H)
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: field 'hidden_size' (n_embed): expected a multiple of n_head %zu, found %zu", path,
            c->H, c->C);
    c->eps = 1e-5;
    if (tac_json_has(config, "layer_norm_epsilon") &&
        (s = tac_json_get_real(&c->eps, config, "layer_norm_epsilon", 1e-30, 1, path, err)))
        return s;
    c->D = c->C / c->H;
    c->G = c->H;
    c->F = 4 * c->C;
    c->heads = (struct tac_heads){.order = TAC_QKV_INTERLEAVED, .H = c->H, .G = c->G, .D = c->D};
    return TACIT_OK;
}

const struct tac_family tac_family_bloom = {
    .model_type = "bloom",
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
    .lora_targets = "query_key_value",
    .ia3_targets = "query_key_value+mlp.dense_4h_to_h",
    .ia3_feedforward = "mlp.dense_4h_to_h",
    .configure = configure,
};
