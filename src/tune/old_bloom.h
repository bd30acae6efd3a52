/* The order that PEFT's prefixes for BLOOM had under transformers up to 4.43. Nothing in a folder
 * says which of the two it has. Source: bloom_model_postprocess_past_key_value in PEFT's
 * utils/constants.py; the cache of BLOOM in transformers 4.43. */
#ifndef TAC_TUNE_OLD_BLOOM_H
#define TAC_TUNE_OLD_BLOOM_H

#include "tune/peft.h"

/* tac_prefix_from_old_bloom: a prefix (P, 2 L C) in today's order. Then a row held K of all layers,
 * then V of all layers; and the keys of a layer, (P,H,D) as stored, were read as (H,D,P). Today a
 * row holds K and V layer by layer, each (H,D). out may not be in. */
void tac_prefix_from_old_bloom(float *out, const float *in, size_t P, size_t L, size_t H, size_t D);

/* tac_prefix_folder_from_old_bloom: the PREFIX_TUNING folder `from` in today's order as the folder
 * `to`; its config as it was. *P, *width: of the prefix. Errors, all TACIT_EINPUT: another type; a
 * config that does not say layers, heads and width, or contradicts the tensor. */
enum tacit_status tac_prefix_folder_from_old_bloom(const char *to, const char *from, size_t *P,
                                                   size_t *width,
                                                   struct tacit_err *err) TAC_MUST_USE;

#endif
