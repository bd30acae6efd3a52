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

/* tac_targets_check: every name chooses something, every layer is there; else TACIT_EINPUT that
 * lists the modules there are. */
enum tacit_status tac_targets_check(const struct tac_model *m, const char *method,
                                    const char *targets, const char *layers,
                                    struct tacit_err *err) TAC_MUST_USE;

/* A config's list of names or numbers, or a single one, as a text in the arena; *out NULL where it
 * is absent or null. A regular expression is refused. */
enum tacit_status tac_targets_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err) TAC_MUST_USE;
/* Numbers by module, "dense:2+query_key_value:4": that of the first name that matches, or
 * `fallback`.
 */
double tac_pattern_value(const char *list, const char *module, double fallback);
/* TACIT_EINPUT unless every piece is a name of the model's modules and a number from min to max. */
enum tacit_status tac_pattern_check(const struct tac_model *m, const char *method, const char *what,
                                    const char *list, double min, double max,
                                    struct tacit_err *err) TAC_MUST_USE;
/* A config's object of names and numbers as such a text; *out NULL where it is absent or empty. */
enum tacit_status tac_pattern_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err) TAC_MUST_USE;
json_t *tac_pattern_json(const char *list);

/* The text as a JSON list: of numbers, or of names; null for NULL. */
json_t *tac_targets_json(const char *list, bool numbers);

#endif
