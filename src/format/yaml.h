/* YAML over libyaml: one document as a small tree that knows its lines. Maps have scalar keys, each
 * once (at most TAC_YAML_KEYS); aliases and tags are refused. */
#ifndef TAC_FORMAT_YAML_H
#define TAC_FORMAT_YAML_H

#include "base/str.h"

enum { TAC_YAML_DEPTH = 32, TAC_YAML_BYTES = 1 << 20, TAC_YAML_KEYS = 4096 };

enum tac_yaml_kind { TAC_YAML_SCALAR, TAC_YAML_LIST, TAC_YAML_MAP };

struct tac_yaml {
    enum tac_yaml_kind kind;
    size_t line;            /* from 1; of an entry of a map, its key's */
    const char *key;        /* of an entry of a map, else NULL */
    const char *text;       /* scalar: UTF-8 without NUL */
    bool plain;             /* scalar: neither quoted nor a block, so `null` or `3` mean more */
    struct tac_yaml *first; /* list and map: the first of n children, in their order */
    struct tac_yaml *next;  /* the next child of the same parent */
    size_t n;
};

/* A parsed document; `path` stands in every message. A zeroed struct is empty. */
struct tac_yaml_doc {
    struct tac_arena arena;
    const char *path;
    const struct tac_yaml *root; /* a map */
};

/* tac_yaml_load, tac_yaml_parse: the file at path, or n bytes that `name` names. The root must be a
 * map. */
enum tacit_status tac_yaml_load(struct tac_yaml_doc *d, const char *path,
                                struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_parse(struct tac_yaml_doc *d, const char *text, size_t n,
                                 const char *name, struct tacit_err *err) TAC_MUST_USE;
void tac_yaml_release(struct tac_yaml_doc *d);

/* The entry of this key, or NULL. */
const struct tac_yaml *tac_yaml_find(const struct tac_yaml *map, const char *key);

/* tac_yaml_check_keys: refuses a key that `known` (ends with NULL) lacks:
 *   FILE:LINE: unknown key 'x' (known: name, data) */
enum tacit_status tac_yaml_check_keys(const struct tac_yaml_doc *d, const struct tac_yaml *map,
                                      const char *const *known, struct tacit_err *err) TAC_MUST_USE;

/* tac_yaml_get_*: the value of a key that must be there and of this type; "FILE:LINE: key 'k':
 * expected
 * ..., found ...". Strings and nodes belong to the document. Use tac_yaml_find for a key that may
 * be absent. */
enum tacit_status tac_yaml_get_string(const char **out, const struct tac_yaml_doc *d,
                                      const struct tac_yaml *map, const char *key,
                                      struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_get_int(int64_t *out, const struct tac_yaml_doc *d,
                                   const struct tac_yaml *map, const char *key, int64_t min,
                                   int64_t max, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_get_real(double *out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key, double min,
                                    double max, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_get_bool(bool *out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key,
                                    struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_get_list(const struct tac_yaml **out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key,
                                    struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_yaml_get_map(const struct tac_yaml **out, const struct tac_yaml_doc *d,
                                   const struct tac_yaml *map, const char *key,
                                   struct tacit_err *err) TAC_MUST_USE;

/* tac_yaml_fail: "FILE:LINE: " before a message about a node; TACIT_EINPUT. */
enum tacit_status tac_yaml_fail(const struct tac_yaml_doc *d, const struct tac_yaml *node,
                                struct tacit_err *err, const char *fmt, ...) TAC_PRINTF(4, 5);

#endif
