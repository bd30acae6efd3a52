/* The fields of a GGUF file, read by key. Each that is asked for counts as understood. */
#ifndef TAC_API_IMPORT_FIELDS_H
#define TAC_API_IMPORT_FIELDS_H

#include "api/import.h"

enum { TAC_FIELDS_MOST = 1 << 24, TAC_FIELDS_TEXT = 1 << 30 }; /* of a size; of a text's length */

/* A file being read. used: by field, whether it was understood. */
struct tac_fields {
    struct tac_import *m;
    const struct tac_gguf *g;
    bool *used;
    struct tacit_err *err;
};

/* tac_fields_get: the field of a key; one that begins with '.' is the architecture's. NULL where it
 * is not there. */
const struct tac_gguf_field *tac_fields_get(struct tac_fields *in, const char *key);
/* TACIT_EINPUT: "field 'KEY': found ..., expected WANT"; "field 'KEY' is missing". */
enum tacit_status tac_fields_bad(struct tac_fields *in, const struct tac_gguf_field *f,
                                 const char *want);
enum tacit_status tac_fields_missing(struct tac_fields *in, const char *key);

/* An integer from 1 to most; a number above 0, as the shortest decimal that is the same float.
 * `absent` where it is not there, unless that is 0: then it must be. */
enum tacit_status tac_fields_size(struct tac_fields *in, size_t *out, const char *key,
                                  size_t absent, size_t most) TAC_MUST_USE;
enum tacit_status tac_fields_real(struct tac_fields *in, double *out, const char *key,
                                  double absent) TAC_MUST_USE;
enum tacit_status tac_fields_bool(struct tac_fields *in, bool *out, const char *key,
                                  bool absent) TAC_MUST_USE;
/* What must have this value if it is there: more is not implemented. */
enum tacit_status tac_fields_need_bool(struct tac_fields *in, const char *key,
                                       bool value) TAC_MUST_USE;
enum tacit_status tac_fields_need_zero(struct tac_fields *in, const char *key) TAC_MUST_USE;
/* A short string without NUL, in the arena; *out NULL where it is not there. */
enum tacit_status tac_fields_text(struct tac_fields *in, char **out, const char *key) TAC_MUST_USE;
/* Whether f (may be NULL) is this string. */
bool tac_fields_is(const struct tac_gguf_field *f, const char *text);

/* tac_fields_vocab: the vocabulary, into m->vocab. (import_gguf_vocab.c) */
enum tacit_status tac_fields_vocab(struct tac_fields *in) TAC_MUST_USE;

#endif
