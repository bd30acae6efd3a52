/* The architectures that GGUF files may be of: a row each. Names and layouts as llama.cpp's
 * converter (conversion/, gguf-py's tensor_mapping.py) and transformers have them. What GGUF does
 * not record (the activation) is what the family's released models have. */
#include "api/import.h"

#include <string.h>

/* ---- fields of config.json ---- */

static const struct tac_import_number neox_numbers[] = {{"vocab_size", TAC_I_V},
                                                        {"hidden_size", TAC_I_C},
                                                        {"intermediate_size", TAC_I_F},
                                                        {"num_hidden_layers", TAC_I_L},
                                                        {"num_attention_heads", TAC_I_H},
                                                        {"max_position_embeddings", TAC_I_T},
                                                        {NULL, 0}};
static const struct tac_import_number qwen2_numbers[] = {{"vocab_size", TAC_I_V},
                                                         {"hidden_size", TAC_I_C},
                                                         {"intermediate_size", TAC_I_F},
                                                         {"num_hidden_layers", TAC_I_L},
                                                         {"num_attention_heads", TAC_I_H},
                                                         {"num_key_value_heads", TAC_I_G},
                                                         {"max_position_embeddings", TAC_I_T},
                                                         {NULL, 0}};
static const struct tac_import_number llama_numbers[] = {{"vocab_size", TAC_I_V},
                                                         {"hidden_size", TAC_I_C},
                                                         {"intermediate_size", TAC_I_F},
                                                         {"num_hidden_layers", TAC_I_L},
                                                         {"num_attention_heads", TAC_I_H},
                                                         {"num_key_value_heads", TAC_I_G},
                                                         {"head_dim", TAC_I_D},
                                                         {"max_position_embeddings", TAC_I_T},
                                                         {NULL, 0}};
static const struct tac_import_number gpt2_numbers[] = {{"vocab_size", TAC_I_V},
                                                        {"n_embd", TAC_I_C},
                                                        {"n_inner", TAC_I_F},
                                                        {"n_layer", TAC_I_L},
                                                        {"n_head", TAC_I_H},
                                                        {"n_positions", TAC_I_T},
                                                        {NULL, 0}};
static const struct tac_import_number bloom_numbers[] = {
    {"vocab_size", TAC_I_V}, {"hidden_size", TAC_I_C}, {"n_layer", TAC_I_L},
    {"n_head", TAC_I_H},     {"seq_length", TAC_I_T},  {NULL, 0}};

/* ---- tensors ---- */

/* LLaMA's and those of its descendants, but for queries and keys. */
static const struct tac_import_rule gated_global[] = {
    {"token_embd.weight", "model.embed_tokens.weight", TAC_I_V, TAC_I_C, 0, 0},
    {"output_norm.weight", "model.norm.weight", TAC_I_C, 0, 0, 0},
    {"output.weight", "lm_head.weight", TAC_I_V, TAC_I_C, 0, TAC_HEAD},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule gated_layer[] = {
    {"attn_norm.weight", "model.layers.%zu.input_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"attn_v.weight", "model.layers.%zu.self_attn.v_proj.weight", TAC_I_GD, TAC_I_C, 0, 0},
    {"attn_output.weight", "model.layers.%zu.self_attn.o_proj.weight", TAC_I_C, TAC_I_HD, 0, 0},
    {"ffn_norm.weight", "model.layers.%zu.post_attention_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"ffn_gate.weight", "model.layers.%zu.mlp.gate_proj.weight", TAC_I_F, TAC_I_C, 0, 0},
    {"ffn_up.weight", "model.layers.%zu.mlp.up_proj.weight", TAC_I_F, TAC_I_C, 0, 0},
    {"ffn_down.weight", "model.layers.%zu.mlp.down_proj.weight", TAC_I_C, TAC_I_F, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule llama_layer[] = {
    {"attn_q.weight", "model.layers.%zu.self_attn.q_proj.weight", TAC_I_HD, TAC_I_C, TAC_HALVES_Q,
     0},
    {"attn_k.weight", "model.layers.%zu.self_attn.k_proj.weight", TAC_I_GD, TAC_I_C, TAC_HALVES_K,
     0},
    {"attn_q.bias", "model.layers.%zu.self_attn.q_proj.bias", TAC_I_HD, 0, TAC_HALVES_Q, TAC_BIAS},
    {"attn_k.bias", "model.layers.%zu.self_attn.k_proj.bias", TAC_I_GD, 0, TAC_HALVES_K, TAC_BIAS},
    {"attn_v.bias", "model.layers.%zu.self_attn.v_proj.bias", TAC_I_GD, 0, 0, TAC_BIAS},
    {"attn_output.bias", "model.layers.%zu.self_attn.o_proj.bias", TAC_I_C, 0, 0, TAC_BIAS},
    {"ffn_gate.bias", "model.layers.%zu.mlp.gate_proj.bias", TAC_I_F, 0, 0, TAC_MLP_BIAS},
    {"ffn_up.bias", "model.layers.%zu.mlp.up_proj.bias", TAC_I_F, 0, 0, TAC_MLP_BIAS},
    {"ffn_down.bias", "model.layers.%zu.mlp.down_proj.bias", TAC_I_C, 0, 0, TAC_MLP_BIAS},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule qwen2_layer[] = {
    {"attn_q.weight", "model.layers.%zu.self_attn.q_proj.weight", TAC_I_HD, TAC_I_C, 0, 0},
    {"attn_k.weight", "model.layers.%zu.self_attn.k_proj.weight", TAC_I_GD, TAC_I_C, 0, 0},
    {"attn_q.bias", "model.layers.%zu.self_attn.q_proj.bias", TAC_I_HD, 0, 0, 0},
    {"attn_k.bias", "model.layers.%zu.self_attn.k_proj.bias", TAC_I_GD, 0, 0, 0},
    {"attn_v.bias", "model.layers.%zu.self_attn.v_proj.bias", TAC_I_GD, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule qwen3_layer[] = {
    {"attn_q.weight", "model.layers.%zu.self_attn.q_proj.weight", TAC_I_HD, TAC_I_C, 0, 0},
    {"attn_k.weight", "model.layers.%zu.self_attn.k_proj.weight", TAC_I_GD, TAC_I_C, 0, 0},
    {"attn_q_norm.weight", "model.layers.%zu.self_attn.q_norm.weight", TAC_I_D, 0, 0, 0},
    {"attn_k_norm.weight", "model.layers.%zu.self_attn.k_norm.weight", TAC_I_D, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule gpt2_global[] = {
    {"token_embd.weight", "transformer.wte.weight", TAC_I_V, TAC_I_C, 0, 0},
    {"position_embd.weight", "transformer.wpe.weight", TAC_I_T, TAC_I_C, 0, 0},
    {"output_norm.weight", "transformer.ln_f.weight", TAC_I_C, 0, 0, 0},
    {"output_norm.bias", "transformer.ln_f.bias", TAC_I_C, 0, 0, 0},
    {"output.weight", "lm_head.weight", TAC_I_V, TAC_I_C, 0, TAC_HEAD},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule gpt2_layer[] = {
    {"attn_norm.weight", "transformer.h.%zu.ln_1.weight", TAC_I_C, 0, 0, 0},
    {"attn_norm.bias", "transformer.h.%zu.ln_1.bias", TAC_I_C, 0, 0, 0},
    {"attn_qkv.weight", "transformer.h.%zu.attn.c_attn.weight", TAC_I_3HD, TAC_I_C, TAC_TRANSPOSED,
     0},
    {"attn_qkv.bias", "transformer.h.%zu.attn.c_attn.bias", TAC_I_3HD, 0, 0, 0},
    {"attn_output.weight", "transformer.h.%zu.attn.c_proj.weight", TAC_I_C, TAC_I_HD,
     TAC_TRANSPOSED, 0},
    {"attn_output.bias", "transformer.h.%zu.attn.c_proj.bias", TAC_I_C, 0, 0, 0},
    {"ffn_norm.weight", "transformer.h.%zu.ln_2.weight", TAC_I_C, 0, 0, 0},
    {"ffn_norm.bias", "transformer.h.%zu.ln_2.bias", TAC_I_C, 0, 0, 0},
    {"ffn_up.weight", "transformer.h.%zu.mlp.c_fc.weight", TAC_I_F, TAC_I_C, TAC_TRANSPOSED, 0},
    {"ffn_up.bias", "transformer.h.%zu.mlp.c_fc.bias", TAC_I_F, 0, 0, 0},
    {"ffn_down.weight", "transformer.h.%zu.mlp.c_proj.weight", TAC_I_C, TAC_I_F, TAC_TRANSPOSED, 0},
    {"ffn_down.bias", "transformer.h.%zu.mlp.c_proj.bias", TAC_I_C, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule gptneox_global[] = {
    {"token_embd.weight", "gpt_neox.embed_in.weight", TAC_I_V, TAC_I_C, 0, 0},
    {"output_norm.weight", "gpt_neox.final_layer_norm.weight", TAC_I_C, 0, 0, 0},
    {"output_norm.bias", "gpt_neox.final_layer_norm.bias", TAC_I_C, 0, 0, 0},
    {"output.weight", "embed_out.weight", TAC_I_V, TAC_I_C, 0, TAC_HEAD},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule gptneox_layer[] = {
    {"attn_norm.weight", "gpt_neox.layers.%zu.input_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"attn_norm.bias", "gpt_neox.layers.%zu.input_layernorm.bias", TAC_I_C, 0, 0, 0},
    {"attn_qkv.weight", "gpt_neox.layers.%zu.attention.query_key_value.weight", TAC_I_3HD, TAC_I_C,
     TAC_BY_HEAD, 0},
    {"attn_qkv.bias", "gpt_neox.layers.%zu.attention.query_key_value.bias", TAC_I_3HD, 0,
     TAC_BY_HEAD, 0},
    {"attn_output.weight", "gpt_neox.layers.%zu.attention.dense.weight", TAC_I_C, TAC_I_HD, 0, 0},
    {"attn_output.bias", "gpt_neox.layers.%zu.attention.dense.bias", TAC_I_C, 0, 0, 0},
    {"ffn_norm.weight", "gpt_neox.layers.%zu.post_attention_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"ffn_norm.bias", "gpt_neox.layers.%zu.post_attention_layernorm.bias", TAC_I_C, 0, 0, 0},
    {"ffn_up.weight", "gpt_neox.layers.%zu.mlp.dense_h_to_4h.weight", TAC_I_F, TAC_I_C, 0, 0},
    {"ffn_up.bias", "gpt_neox.layers.%zu.mlp.dense_h_to_4h.bias", TAC_I_F, 0, 0, 0},
    {"ffn_down.weight", "gpt_neox.layers.%zu.mlp.dense_4h_to_h.weight", TAC_I_C, TAC_I_F, 0, 0},
    {"ffn_down.bias", "gpt_neox.layers.%zu.mlp.dense_4h_to_h.bias", TAC_I_C, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule bloom_global[] = {
    {"token_embd.weight", "transformer.word_embeddings.weight", TAC_I_V, TAC_I_C, 0, 0},
    {"token_embd_norm.weight", "transformer.word_embeddings_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"token_embd_norm.bias", "transformer.word_embeddings_layernorm.bias", TAC_I_C, 0, 0, 0},
    {"output_norm.weight", "transformer.ln_f.weight", TAC_I_C, 0, 0, 0},
    {"output_norm.bias", "transformer.ln_f.bias", TAC_I_C, 0, 0, 0},
    {"output.weight", "lm_head.weight", TAC_I_V, TAC_I_C, 0, TAC_HEAD},
    {NULL, NULL, 0, 0, 0, 0}};
static const struct tac_import_rule bloom_layer[] = {
    {"attn_norm.weight", "transformer.h.%zu.input_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"attn_norm.bias", "transformer.h.%zu.input_layernorm.bias", TAC_I_C, 0, 0, 0},
    {"attn_qkv.weight", "transformer.h.%zu.self_attention.query_key_value.weight", TAC_I_3HD,
     TAC_I_C, TAC_BY_HEAD, 0},
    {"attn_qkv.bias", "transformer.h.%zu.self_attention.query_key_value.bias", TAC_I_3HD, 0,
     TAC_BY_HEAD, 0},
    {"attn_output.weight", "transformer.h.%zu.self_attention.dense.weight", TAC_I_C, TAC_I_HD, 0,
     0},
    {"attn_output.bias", "transformer.h.%zu.self_attention.dense.bias", TAC_I_C, 0, 0, 0},
    {"ffn_norm.weight", "transformer.h.%zu.post_attention_layernorm.weight", TAC_I_C, 0, 0, 0},
    {"ffn_norm.bias", "transformer.h.%zu.post_attention_layernorm.bias", TAC_I_C, 0, 0, 0},
    {"ffn_up.weight", "transformer.h.%zu.mlp.dense_h_to_4h.weight", TAC_I_F, TAC_I_C, 0, 0},
    {"ffn_up.bias", "transformer.h.%zu.mlp.dense_h_to_4h.bias", TAC_I_F, 0, 0, 0},
    {"ffn_down.weight", "transformer.h.%zu.mlp.dense_4h_to_h.weight", TAC_I_C, TAC_I_F, 0, 0},
    {"ffn_down.bias", "transformer.h.%zu.mlp.dense_4h_to_h.bias", TAC_I_C, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0}};

/* ---- the rows ---- */

const struct tac_import_arch tac_import_archs[] = {
    {
        .gguf = "llama", /* LLaMA 1 to 3, Mistral */
        .model_type = "llama",
        .class_name = "LlamaForCausalLM",
        .eps_key = "attention.layer_norm_rms_epsilon",
        .eps_field = "rms_norm_eps",
        .position = TAC_ROPE,
        .grouped = true,
        .window = true,
        .factors = true,
        .group = {[TAC_BIAS] = "attention_bias", [TAC_MLP_BIAS] = "mlp_bias"},
        .numbers = llama_numbers,
        .text = {"hidden_act", "silu"},
        .global = gated_global,
        .layer = {gated_layer, llama_layer},
    },
    {
        .gguf = "qwen2",
        .model_type = "qwen2",
        .class_name = "Qwen2ForCausalLM",
        .eps_key = "attention.layer_norm_rms_epsilon",
        .eps_field = "rms_norm_eps",
        .position = TAC_ROPE,
        .grouped = true,
        .numbers = qwen2_numbers,
        .text = {"hidden_act", "silu"},
        .global = gated_global,
        .layer = {gated_layer, qwen2_layer},
    },
    {
        .gguf = "qwen3",
        .model_type = "qwen3",
        .class_name = "Qwen3ForCausalLM",
        .eps_key = "attention.layer_norm_rms_epsilon",
        .eps_field = "rms_norm_eps",
        .position = TAC_ROPE,
        .grouped = true,
        .numbers = llama_numbers,
        .text = {"hidden_act", "silu"},
        .global = gated_global,
        .layer = {gated_layer, qwen3_layer},
    },
    {
        .gguf = "gpt2",
        .model_type = "gpt2",
        .class_name = "GPT2LMHeadModel",
        .eps_key = "attention.layer_norm_epsilon",
        .eps_field = "layer_norm_epsilon",
        .position = TAC_LEARNED,
        .numbers = gpt2_numbers,
        .text = {"activation_function", "gelu_new"},
        .global = gpt2_global,
        .layer = {gpt2_layer},
    },
    {
        .gguf = "gptneox", /* GPT-NeoX, Pythia */
        .model_type = "gpt_neox",
        .class_name = "GPTNeoXForCausalLM",
        .eps_key = "attention.layer_norm_epsilon",
        .eps_field = "layer_norm_eps",
        .position = TAC_ROPE_PART,
        .residual = true,
        .numbers = neox_numbers,
        .text = {"hidden_act", "gelu"},
        .global = gptneox_global,
        .layer = {gptneox_layer},
    },
    {
        .gguf = "bloom",
        .model_type = "bloom",
        .class_name = "BloomForCausalLM",
        .eps_key = "attention.layer_norm_epsilon",
        .eps_field = "layer_norm_epsilon",
        .position = TAC_ALIBI,
        .four = true,
        .numbers = bloom_numbers,
        .global = bloom_global,
        .layer = {bloom_layer},
    },
};

const size_t tac_import_n_arch = sizeof tac_import_archs / sizeof *tac_import_archs;

const struct tac_import_arch *tac_import_arch(const char *gguf)
{
    for (size_t i = 0; i < tac_import_n_arch; i++)
        if (strcmp(tac_import_archs[i].gguf, gguf) == 0)
            return &tac_import_archs[i];
    return NULL;
}
