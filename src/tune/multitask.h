/* Prompts read from PEFT folders, as the (P,C) rows that they come to. Source: PEFT 0.21
 * (tuners/multitask_prompt_tuning/model.py). */
#ifndef TAC_TUNE_MULTITASK_H
#define TAC_TUNE_MULTITASK_H

#include "tune/peft.h"

enum { TAC_NO_TASK = -1 };

/* tac_prompt_values: *values (*P, *C), the caller's to free, of an opened folder of peft_type
 *   PROMPT_TUNING, P_TUNING: prompt_embeddings (P,C);
 *   MULTITASK_PROMPT_TUNING: prompt_embeddings times, element by element, prefix_task_cols[task]
 *     (P,R) @ prefix_task_rows[task] (R,C), in double, then rounded.
 * c: the model it is for, or NULL. task: from 0; TAC_NO_TASK for the other types, and where there
 * is but one. Errors, all TACIT_EINPUT: another type; a missing tensor, a wrong shape, values that
 * are not finite; a config that contradicts its tensors or the model; no such task. */
enum tacit_status tac_prompt_values(float **values, size_t *P, size_t *C,
                                    const struct tac_peft_folder *f,
                                    const struct tac_decoder_config *c, long task,
                                    struct tacit_err *err) TAC_MUST_USE;

/* tac_prompt_of: these rows of an opened folder, and what else it says of them. tac_prompt_load: of
 * the folder dir. */
enum tacit_status tac_prompt_of(struct tac_peft_prompt *p, const struct tac_peft_folder *f,
                                const struct tac_decoder_config *c, long task,
                                struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_prompt_load(struct tac_peft_prompt *p, const char *dir,
                                  const struct tac_decoder_config *c, long task,
                                  struct tacit_err *err) TAC_MUST_USE;

#endif
