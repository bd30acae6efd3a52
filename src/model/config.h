/* Reading a config.json, for the families: fields under their names in transformers 4 and 5, with
 * one clear message for what is wrong or would change the mathematics without being understood. */
#ifndef TAC_MODEL_CONFIG_H
#define TAC_MODEL_CONFIG_H

#include "model/family.h"

/* A config.json at work: the object, its path for messages, and where an error goes. */
struct tac_config {
    const json_t *json;
    const char *path;
    struct tacit_err *err;
};

/* tac_config_size: an integer above 0 under either of two names. `absent`: its value where neither
 * is there; 0: it must be there. */
enum tacit_status tac_config_size(size_t *out, const struct tac_config *c, const char *name,
                                  const char *other, size_t absent) TAC_MUST_USE;
enum tacit_status tac_config_real(double *out, const struct tac_config *c, const char *name,
                                  double absent) TAC_MUST_USE;
enum tacit_status tac_config_bool(bool *out, const struct tac_config *c, const char *name,
                                  bool absent) TAC_MUST_USE;

/* tac_config_act: the activation function named by a field, as transformers' ACT2FN names it. */
enum tacit_status tac_config_act(enum tac_act_kind *out, const struct tac_config *c,
                                 const char *name, const char *absent) TAC_MUST_USE;

/* tac_config_heads: the number of key heads (field `groups`; absent: `absent`, or where that is 0
 * H) and a head's width (head_dim; absent: `width`, or where that is 0 C / H). C and H are set. */
enum tacit_status tac_config_heads(struct tac_decoder_config *d, const struct tac_config *c,
                                   const char *groups, size_t absent, size_t width) TAC_MUST_USE;

/* A field that may be absent, null or the value `want` (JSON: false, 1, "x"), and nothing else:
 * another value is mathematics that is not implemented. A NULL name ends a list. */
struct tac_fixed {
    const char *name, *want;
};
enum tacit_status tac_config_fixed(const struct tac_config *c,
                                   const struct tac_fixed *list) TAC_MUST_USE;

/* tac_config_rotary: d->rotary over the leading part of a head, pairs by halves, from rope_theta
 * and rope_scaling or from rope_parameters: the types default, linear, dynamic, yarn and llama3, as
 * transformers' modeling_rope_utils computes them. dynamic changes with a text's length beyond the
 * trained one, which becomes the limit. D is set; base and share: where no field says otherwise; a
 * share of 1: the family rotates whole heads. */
enum tacit_status tac_config_rotary(struct tac_decoder_config *d, const struct tac_config *c,
                                    double base, double share) TAC_MUST_USE;

/* tac_config_limit: no sequence may be longer than n, because of a field. */
void tac_config_limit(struct tac_decoder_config *d, size_t n, const char *field);

/* tac_config_window: the limit where layers attend to the last sliding_window positions alone: up
 * to so many, that is full attention. `use`: a field that must be true for that, or NULL;
 * layer_types, where it is there, says in which layers. */
enum tacit_status tac_config_window(struct tac_decoder_config *d, const struct tac_config *c,
                                    const char *use) TAC_MUST_USE;

/* tac_llama_configure (llama.c): what LLaMA, Mistral and Qwen share; key heads and a head's width
 * as tac_config_heads takes them. */
enum tacit_status tac_llama_configure(struct tac_decoder_config *d, const struct tac_config *c,
                                      size_t groups, size_t head_width) TAC_MUST_USE;

#endif
