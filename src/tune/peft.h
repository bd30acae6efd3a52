/* PEFT adapter folders, and model folders: what training leaves behind and what is read back.
 * Source: HuggingFace PEFT 0.21 (config.py, save_and_load.py). */
#ifndef TAC_TUNE_PEFT_H
#define TAC_TUNE_PEFT_H

#include "tune/place.h"
#include "tune/tune.h"

/* A PEFT folder opened: its config and its tensors. method: the one that reads its type. */
struct tac_peft_folder {
    char *config_path, *tensor_path;
    json_t *config;
    struct tac_safetensors f;
    const char *type;
    const struct tac_method *method;
};

/* tac_peft_open: TACIT_EINPUT where one of the files is missing or broken, or peft_type is none
 * that can be read. */
enum tacit_status tac_peft_open(struct tac_peft_folder *f, const char *dir,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_peft_close(struct tac_peft_folder *f);

/* tac_peft_family: TACIT_EINPUT where the model that the folder names is there as a folder and of
 * another family than m: where shapes are the same, nothing else would tell. */
enum tacit_status tac_peft_family(const struct tac_peft_folder *f, const struct tac_model *m,
                                  struct tacit_err *err) TAC_MUST_USE;

/* For the methods' configure and read. */

/* tac_peft_size: an integer of the config from min to max; `fallback` where it is absent or null.
 */
enum tacit_status tac_peft_size(size_t *out, const struct tac_peft_folder *f, const char *key,
                                size_t min, size_t max, size_t fallback,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_plain: the config asks for nothing that is not implemented: every key is one of `known`
 * (NULL-terminated) or common to all types, or its value is null, false, 0, "" or empty; another
 * one is named. */
enum tacit_status tac_peft_plain(const struct tac_peft_folder *f, const char *const *known,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_prompt_like: tac_peft_plain for prompts and prefixes; num_virtual_tokens (into P, 0
 * where absent); and that layers, heads (of keys and values) and width are the model's (c; NULL:
 * any), where the config says them. */
enum tacit_status tac_peft_prompt_like(size_t *P, const struct tac_peft_folder *f,
                                       const struct tac_decoder_config *c, size_t heads,
                                       size_t width, struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_names: the folder has these n tensors and no others; what is missing and what is there
 * instead are named. */
enum tacit_status tac_peft_names(const struct tac_peft_folder *f, const char *const *name, size_t n,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_tensor: a tensor of floats in so many dimensions, none of them 0, all finite as float32.
 * tac_peft_matrix: one of two dimensions, of so many rows and columns (0: any); `what` says for
 * messages what these are: "r x inputs". */
enum tacit_status tac_peft_tensor(const struct tac_tensor **out, const struct tac_peft_folder *f,
                                  const char *name, int rank, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_peft_matrix(const struct tac_tensor **out, const struct tac_peft_folder *f,
                                  const char *name, size_t rows, size_t cols, const char *what,
                                  struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_fits_items: the folder's tensors are the items, by name and shape, and no others.
 * tac_peft_read_items: the values of a folder that does. */
enum tacit_status tac_peft_fits_items(const struct tac_tune *t, const struct tac_peft_folder *f,
                                      struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_peft_read_items(const struct tac_tune *t, float *values,
                                      const struct tac_peft_folder *f,
                                      struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_place: where the prompt stood (the template's where nothing is said): a key of our own,
 * which PEFT drops with a warning. */
enum tacit_status tac_peft_place(enum tac_place *out, const struct tac_peft_folder *f,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_peft_info: base model, tokenizer, init text (copied into the arena of t) and place. */
enum tacit_status tac_peft_info(struct tac_tune *t, const struct tac_peft_folder *f,
                                struct tacit_err *err) TAC_MUST_USE;

/* For the methods' save. tac_peft_config: the keys that all types have, NULL where there is no
 * memory or a text is no UTF-8; tac_peft_add_prompt_like adds those of prompts and prefixes. */
json_t *tac_peft_config(const struct tac_adapter_info *info, const char *type);
bool tac_peft_add_prompt_like(json_t *config, const struct tac_decoder_config *c, size_t heads,
                              size_t width, size_t P);
/* tac_peft_write: adapter_model.safetensors, then adapter_config.json, each whole or not at all.
 * Takes the config (`whole`: it got all of its keys). */
enum tacit_status tac_peft_write(const char *dir, json_t *take, bool whole,
                                 const struct tac_adapter_info *info,
                                 const struct tac_tensor *tensor, size_t n,
                                 struct tacit_err *err) TAC_MUST_USE;
/* ... with the items as tensors. */
enum tacit_status tac_peft_write_items(const struct tac_tune *t, const char *dir, json_t *take,
                                       bool whole, struct tacit_err *err) TAC_MUST_USE;

/* A prompt read from a PEFT folder. Strings and values are owned; release frees them. */
struct tac_peft_prompt {
    size_t P, C, L,
        H;         /* L, H: the model's layers and heads as the config has them, 0 where absent */
    float *values; /* (P,C) */
    char *base_name, *tokenizer_name, *init_text; /* NULL where absent */
    enum tac_place place;                         /* the template's where absent */
};

/* tac_peft_save_prompt: adapter_config.json (indent 2, keys sorted, all that PEFT writes) and
 * adapter_model.safetensors into dir, each whole or not at all. values (P, c->C). */
enum tacit_status tac_peft_save_prompt(const char *dir, const float *values, size_t P,
                                       const struct tac_decoder_config *c,
                                       const struct tac_adapter_info *info,
                                       struct tacit_err *err) TAC_MUST_USE;

/* tac_peft_load_prompt: a folder that holds a prompt (PROMPT_TUNING, P_TUNING, one task's
 * MULTITASK_PROMPT_TUNING). c: the model it is for, NULL for any. Errors, all TACIT_EINPUT: another
 * peft_type, a wrong or missing tensor, a config that contradicts its tensor or the model. */
enum tacit_status tac_peft_load_prompt(struct tac_peft_prompt *p, const char *dir,
                                       const struct tac_decoder_config *c,
                                       struct tacit_err *err) TAC_MUST_USE;
void tac_peft_prompt_release(struct tac_peft_prompt *p);

/* tac_model_write: a model folder of these tensors: config.json as the base's with their dtype, the
 * base's tokenizer files, model.safetensors. supply: of tensors without data, or NULL. */
enum tacit_status tac_model_write(const char *dir, const struct tac_model *base,
                                  const struct tac_tensor *tensor, size_t n, enum tac_dtype dtype,
                                  const struct tac_supply *supply,
                                  struct tacit_err *err) TAC_MUST_USE;

/* tac_model_save: a model folder of the block's items as float32 weights, read from it piece by
 * piece: config.json as the base's (with the new dtype), the base's tokenizer files,
 * model.safetensors. */
enum tacit_status tac_model_save(const struct tac_tune *t, const char *dir,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
