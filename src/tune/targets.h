/* Which matrices a method works on: modules by name, matched as PEFT does: the whole name or its
 * end behind a dot. Lists are texts with + between names; "all-linear" names all matrices. */
#ifndef TAC_TUNE_TARGETS_H
#define TAC_TUNE_TARGETS_H

#include "tune/tune.h"

/* A matrix's module: its tensor's name without ".weight". */
const char *tac_module_name(const struct tac_model *m, size_t slot, char buf[160]);

/* Whether the list has a name of this module. */
bool tac_target_matches(const char *list, const char *module);

/* tac_target_next: the first slot from `slot` on that targets and layers (a list of numbers; NULL:
 * all) choose; m->n_slot where there is none. */
size_t tac_target_next(const struct tac_model *m, const char *targets, const char *layers,
                       size_t slot);

/* The checks of a spec's lists; their messages say which setting, or field of which config, it is.
 * tac_targets_check: every name of the list chooses something ("all-linear" stands alone), and
 * there is one; else TACIT_EINPUT that lists the modules there are. tac_layers_check: every layer
 * of the setting's list is there. tac_pattern_check: every piece of the setting's list is a name of
 * the model's modules and a number from min to max. */
enum tacit_status tac_targets_check(const struct tac_tune_spec *s, size_t setting, const char *list,
                                    const struct tac_model *m, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_layers_check(const struct tac_tune_spec *s, size_t setting,
                                   const char *targets, const struct tac_model *m,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_pattern_check(const struct tac_tune_spec *s, size_t setting,
                                    const struct tac_model *m, double min, double max, bool whole,
                                    struct tacit_err *err) TAC_MUST_USE;

/* Numbers by module, "dense:2+query_key_value:4": that of the first name that matches, or
 * `fallback`. */
double tac_pattern_value(const char *list, const char *module, double fallback);

/* Fields of a config as such texts, in the arena; *out NULL where one is absent or null. A regular
 * expression is refused. tac_targets_read: a list of names or numbers, or a single one.
 * tac_pattern_read: an object of names and numbers; an empty one is NULL too. */
enum tacit_status tac_targets_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_pattern_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err) TAC_MUST_USE;
/* tac_layers_pattern_check: PEFT's name of what the layers are numbered within is the model's. */
enum tacit_status tac_layers_pattern_check(const char *pattern, const struct tac_peft_folder *f,
                                           const struct tac_model *m,
                                           struct tacit_err *err) TAC_MUST_USE;

/* The texts as JSON: names, numbers, an object; null for NULL. In a list PEFT takes "all-linear"
 * for a name, so that those it stands for are written. */
json_t *tac_targets_json(const struct tac_model *m, const char *list);
json_t *tac_layers_json(const char *list);
json_t *tac_pattern_json(const char *list);

/* PEFT's field fan_in_fan_out: whether matrices are stored [in, out], as GPT-2's, where PEFT sets
 * it by itself. check: not true of another family; add: as the model's are. */
enum tacit_status tac_targets_check_layout(const struct tac_peft_folder *f,
                                           const struct tac_model *m,
                                           struct tacit_err *err) TAC_MUST_USE;
bool tac_targets_add_layout(json_t *config, const struct tac_model *m);

#endif
