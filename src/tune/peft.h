/* PEFT adapter folders, and model folders: what training leaves behind and what is read back.
 * Source: HuggingFace PEFT 0.21 (config.py, save_and_load.py). */
#ifndef TAC_TUNE_PEFT_H
#define TAC_TUNE_PEFT_H

#include "tune/tune.h"

/* A prompt read from a PEFT folder. Strings and values are owned; release frees them. */
struct tac_peft_prompt {
    size_t P, C;
    float *values;                                /* (P,C) */
    char *base_name, *tokenizer_name, *init_text; /* NULL where absent */
};

/* tac_peft_save_prompt: adapter_config.json (indent 2, keys sorted, all that PEFT writes) and
 * adapter_model.safetensors into dir, each whole or not at all. values (P, c->C). */
enum tacit_status tac_peft_save_prompt(const char *dir, const float *values, size_t P,
                                       const struct tac_decoder_config *c,
                                       const struct tac_adapter_info *info,
                                       struct tacit_err *err) TAC_MUST_USE;

/* tac_peft_load_prompt: a PROMPT_TUNING folder. c: the model it is for, NULL for any. Errors, all
 * TACIT_EINPUT: another peft_type, a wrong or missing tensor, a config that contradicts its tensor
 * or the model. */
enum tacit_status tac_peft_load_prompt(struct tac_peft_prompt *p, const char *dir,
                                       const struct tac_decoder_config *c,
                                       struct tacit_err *err) TAC_MUST_USE;
void tac_peft_prompt_release(struct tac_peft_prompt *p);

/* tac_model_write: a model folder of these tensors: config.json as the base's with their dtype, the
 * base's tokenizer files, model.safetensors. */
enum tacit_status tac_model_write(const char *dir, const struct tac_model *base,
                                  const struct tac_tensor *tensor, size_t n, enum tac_dtype dtype,
                                  struct tacit_err *err) TAC_MUST_USE;

/* tac_model_save: a model folder of float32 weights: config.json as the base's (with the new
 * dtype), the base's tokenizer files, model.safetensors. values: the items' elements one after
 * another. */
enum tacit_status tac_model_save(const char *dir, const struct tac_model *base,
                                 const struct tac_item *item, size_t n_item, const float *values,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
