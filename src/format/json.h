/* JSON over jansson: reading with limits on size and depth, typed fields with complete messages,
 * and deterministic writing. Texts are UTF-8; duplicate keys and NUL in strings are refused. */
#ifndef TAC_FORMAT_JSON_H
#define TAC_FORMAT_JSON_H

#include "base/str.h"

#include <jansson.h>

/* Arrays and objects may be nested this deep. */
enum { TAC_JSON_DEPTH = 64 };

/* tac_json_parse: n bytes of text, an object or an array. `name` stands in messages ("NAME:LINE:
 * ..."). *out is freed with json_decref(); NULL on failure. An integer beyond 64 bits becomes a
 * real, as HuggingFace's model_max_length needs. */
enum tacit_status tac_json_parse(json_t **out, const char *text, size_t n, const char *name,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_json_parse_at: a piece of a file, whose first line is number `line` of it. */
enum tacit_status tac_json_parse_at(json_t **out, const char *text, size_t n, const char *name,
                                    size_t line, struct tacit_err *err) TAC_MUST_USE;
/* tac_json_load: the file at path, of at most `limit` bytes. */
enum tacit_status tac_json_load(json_t **out, const char *path, size_t limit,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_json_has: obj has the key, and its value is not null. */
bool tac_json_has(const json_t *obj, const char *key);

/* tac_json_get_*: the value of a key that must be there, of this type and within [min, max].
 * `where` begins the message: a file, and the path of obj in it if obj is not the root
 * ("config.json: vision"). WHERE: field 'KEY': expected an integer >= 1, found "x" Strings, arrays
 * and objects belong to obj. Use tac_json_has first for a field that may be absent. */
enum tacit_status tac_json_get_int(int64_t *out, const json_t *obj, const char *key, int64_t min,
                                   int64_t max, const char *where,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_json_get_real(double *out, const json_t *obj, const char *key, double min,
                                    double max, const char *where,
                                    struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_json_get_bool(bool *out, const json_t *obj, const char *key,
                                    const char *where, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_json_get_string(const char **out, const json_t *obj, const char *key,
                                      const char *where, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_json_get_array(json_t **out, const json_t *obj, const char *key,
                                     const char *where, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_json_get_object(json_t **out, const json_t *obj, const char *key,
                                      const char *where, struct tacit_err *err) TAC_MUST_USE;

/* tac_json_describe: v for a message: `"text"`, `3`, `an array`, `nothing` (NULL); a long text is
 * cut. Returns buf or a constant. */
const char *tac_json_describe(char buf[80], const json_t *v);

enum tac_json_style {
    TAC_JSON_LINE,   /* one line without spaces, keys in their order, UTF-8: a line of a log */
    TAC_JSON_PYTHON, /* json.dumps(v, indent=2, sort_keys=True): pure ASCII, as PEFT writes */
};

/* tac_json_write: appends v to out, without a newline at the end. */
enum tacit_status tac_json_write(struct tac_buf *out, const json_t *v, enum tac_json_style style,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_json_save: v in TAC_JSON_PYTHON style as the file at path, whole or not at all. */
enum tacit_status tac_json_save(const char *path, const json_t *v,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_json_number: the shortest decimal that reads back as v, laid out as Python's repr ("0.1",
 * "1e-05", "3.0"); "null" where v is not finite. Returns buf. */
const char *tac_json_number(char buf[32], double v);

/* tac_json_quote: appends n bytes of UTF-8 as a JSON string (an ill-formed byte as U+FFFD); `ascii`
 * escapes everything beyond ASCII as \uXXXX. */
enum tacit_status tac_json_quote(struct tac_buf *out, const char *s, size_t n, bool ascii,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
