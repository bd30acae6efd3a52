/* MULTITASK_PROMPT_TUNING: one task's prompt as (P,C) rows. Source: PEFT 0.21
 * (tuners/multitask_prompt_tuning/model.py). */
#ifndef TAC_TUNE_MULTITASK_H
#define TAC_TUNE_MULTITASK_H

#include "tune/peft.h"

enum { TAC_NO_TASK = -1 };

/* tac_multitask_values: *values (*P, *C), the caller's to free, of an opened folder:
 * prompt_embeddings (P,C) times, element by element, prefix_task_cols[task] (P,R) @
 * prefix_task_rows[task] (R,C), in double, then rounded. task: from 0; TAC_NO_TASK will do where
 * there is but one. path names the tensors' file in messages, cpath the config. Errors, all
 * TACIT_EINPUT: a missing tensor or a wrong shape; a config that contradicts its tensors; no such
 * task. */
enum tacit_status tac_multitask_values(float **values, size_t *P, size_t *C, const json_t *config,
                                       const char *cpath, const struct tac_safetensors *f,
                                       const char *path, long task,
                                       struct tacit_err *err) TAC_MUST_USE;

/* tac_prompt_load: tac_peft_load_prompt, for this type too. A task that is asked of another type is
 * TACIT_EINPUT. */
enum tacit_status tac_prompt_load(struct tac_peft_prompt *p, const char *dir,
                                  const struct tac_decoder_config *c, long task,
                                  struct tacit_err *err) TAC_MUST_USE;

#endif
