/* Reading a study's file: maps into structs, by tables of fields. For the files spec*.c alone. */
#ifndef TAC_STUDY_SPEC_READ_H
#define TAC_STUDY_SPEC_READ_H

#include "study/spec.h"

/* How the value of a key is taken into a struct: const char *, a path, size_t, double, bool, an int
 * that is 0 or 1; noise and init: what belongs to them in struct tacit_train_options. */
enum tac_take {
    TAC_TAKE_TEXT,
    TAC_TAKE_PATH,
    TAC_TAKE_SIZE,
    TAC_TAKE_REAL,
    TAC_TAKE_FLAG,
    TAC_TAKE_INT_FLAG,
    TAC_TAKE_NOISE,
    TAC_TAKE_INIT
};

/* A key, and where in the struct its value goes; numbers lie in [min, max]. Lists end with {0}. */
struct tac_spec_field {
    const char *key;
    enum tac_take take;
    size_t at;
    double min, max;
};

struct tac_spec_reader {
    struct tac_spec *spec;
    char *dir; /* of the study's file */
    struct tacit_err *err;
};

/* tac_spec_path: a path in the file is relative to the file. name: without a slash it may be a name
 * instead, which stays where there is no such file. */
enum tacit_status tac_spec_path(struct tac_spec_reader *r, const char **out, const char *text,
                                bool name) TAC_MUST_USE;
/* tac_spec_take: the value of one field's key, which must be there. */
enum tacit_status tac_spec_take(struct tac_spec_reader *r, const struct tac_yaml *map,
                                const struct tac_spec_field *f, void *base) TAC_MUST_USE;
/* tac_spec_fields: takes the fields that are there; every other key of the map must be one of
 * `more` (ends with NULL, or NULL). */
enum tacit_status tac_spec_fields(struct tac_spec_reader *r, const struct tac_yaml *map,
                                  const struct tac_spec_field *f, void *base,
                                  const char *const *more) TAC_MUST_USE;
/* tac_spec_map: the map of a key; *out is NULL where the key is absent. */
enum tacit_status tac_spec_map(struct tac_spec_reader *r, const struct tac_yaml **out,
                               const struct tac_yaml *map, const char *key) TAC_MUST_USE;

/* The settings of a method, all that may be in its map, by offsets in struct tacit_train_options
 * (spec_methods.c). */
extern const struct tac_spec_field tac_spec_settings[];
/* tac_spec_method: what a method string means, with tokens and learning rate as they are by
 * default. Errors: no such method, at the node. */
enum tacit_status tac_spec_method(struct tac_spec_reader *r, struct tac_spec_method *m,
                                  const char *string, const struct tac_yaml *node) TAC_MUST_USE;
/* tac_spec_sweep: the key `sweep`, behind `methods` (spec_sweep.c). */
enum tacit_status tac_spec_sweep(struct tac_spec_reader *r,
                                 const struct tac_yaml *root) TAC_MUST_USE;
/* tac_spec_methods: the key `methods`. */
enum tacit_status tac_spec_methods(struct tac_spec_reader *r,
                                   const struct tac_yaml *root) TAC_MUST_USE;

#endif
