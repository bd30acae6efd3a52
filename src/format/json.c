#include "format/json.h"

#include "base/file.h"
#include "format/jread.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tree is made here and not by json_loadb: where jansson's reader cannot grow its buffer, it
 * loses bytes of a text. */
static enum tacit_status read_value(struct tac_jread *r, json_t **out, int depth,
                                    struct tacit_err *err);

static enum tacit_status made(const json_t *v, struct tacit_err *err)
{
    return v ? TACIT_OK : tac_fail_memory(err, 0);
}

/* A text has no NUL, so that it can be handed out as one of C. */
static enum tacit_status check_text(const struct tac_jread *r, const char *s, size_t n,
                                    struct tacit_err *err)
{
    return n && memchr(s, '\0', n) ? tac_jread_fail(r, "a text without \\u0000", err) : TACIT_OK;
}

static enum tacit_status read_text(struct tac_jread *r, json_t **out, struct tacit_err *err)
{
    const char *s;
    size_t n;
    enum tacit_status st = tac_jread_string(r, &s, &n, err);
    if (!st)
        st = check_text(r, s, n, err);
    if (st)
        return st;
    *out = json_stringn_nocheck(n ? s : "", n);
    return made(*out, err);
}

/* The key of an object's entry, freshly allocated. */
static enum tacit_status read_key(struct tac_jread *r, char **key, const json_t *object,
                                  struct tacit_err *err)
{
    const char *s;
    size_t n;
    enum tacit_status st = tac_jread_key(r, &s, &n, err);
    if (!st)
        st = check_text(r, s, n, err);
    if (st)
        return st;
    *key = tac_strndup(s, n, err);
    if (!*key)
        return TACIT_EFAIL;
    if (json_object_get(object, *key))
        return tac_fail(err, TACIT_EINPUT,
                        "%s:%zu: is no valid JSON: duplicate object key \"%.*s\"", r->name,
                        tac_jread_line(r, r->at), n > 60 ? 60 : (int)n, *key);
    return TACIT_OK;
}

static enum tacit_status read_object(struct tac_jread *r, json_t *object, int depth,
                                     struct tacit_err *err)
{
    bool more;
    enum tacit_status st = tac_jread_enter(r, '{', err);
    while (!st && !(st = tac_jread_next(r, '}', &more, err)) && more) {
        char *key = NULL;
        json_t *v = NULL;
        st = read_key(r, &key, object, err);
        if (!st)
            st = read_value(r, &v, depth + 1, err);
        if (!st && json_object_set_new_nocheck(object, key, v))
            st = tac_fail_memory(err, 0);
        free(key);
    }
    return st;
}

static enum tacit_status read_array(struct tac_jread *r, json_t *array, int depth,
                                    struct tacit_err *err)
{
    bool more;
    enum tacit_status st = tac_jread_enter(r, '[', err);
    while (!st && !(st = tac_jread_next(r, ']', &more, err)) && more) {
        json_t *v;
        st = read_value(r, &v, depth + 1, err);
        if (!st && json_array_append_new(array, v))
            st = tac_fail_memory(err, 0);
    }
    return st;
}

static enum tacit_status read_list(struct tac_jread *r, json_t **out, int depth,
                                   struct tacit_err *err)
{
    bool object = *r->at == '{';
    if (depth == TAC_JSON_DEPTH)
        return tac_fail(err, TACIT_EINPUT, "%s:%zu: nested deeper than %d levels", r->name,
                        tac_jread_line(r, r->at), TAC_JSON_DEPTH);
    json_t *list = object ? json_object() : json_array();
    enum tacit_status st = made(list, err);
    if (!st)
        st = object ? read_object(r, list, depth, err) : read_array(r, list, depth, err);
    if (st)
        json_decref(list);
    else
        *out = list;
    return st;
}

static const char *digits_end(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The end of the number at p, or NULL; *whole: it has neither fraction nor exponent. */
static const char *number_end(const char *p, const char *end, bool *whole)
{
    const char *start = p < end && *p == '-' ? p + 1 : p;
    p = digits_end(start, end);
    if (p == start || (*start == '0' && p > start + 1))
        return NULL;
    *whole = true;
    if (p < end && *p == '.') {
        start = p + 1;
        p = digits_end(start, end);
        *whole = false;
    }
    if (p > start && p < end && (*p == 'e' || *p == 'E')) {
        start = p + 1;
        if (start < end && (*start == '+' || *start == '-'))
            start++;
        p = digits_end(start, end);
        *whole = false;
    }
    return p > start ? p : NULL;
}

/* strtod, which wants the point of the program's locale. */
static double to_real(char *s)
{
    char *point = strchr(s, '.');
    if (point)
        *point = *localeconv()->decimal_point;
    return strtod(s, NULL);
}

static enum tacit_status read_number(struct tac_jread *r, json_t **out, struct tacit_err *err)
{
    bool whole;
    const char *end = number_end(r->at, r->end, &whole);
    if (!end)
        return tac_jread_fail(r, "a value", err);
    tac_buf_clear(&r->text);
    enum tacit_status st = tac_buf_add(&r->text, r->at, (size_t)(end - r->at), err);
    if (st)
        return st;
    errno = 0;
    json_int_t i = whole ? strtoll(r->text.data, NULL, 10) : 0;
    if (!whole || errno) {
        double v = to_real(r->text.data);
        if (isinf(v))
            return tac_jread_fail(r, "a number below 1.8e308", err);
        *out = json_real(v);
    } else {
        *out = json_integer(i);
    }
    r->at = end;
    return made(*out, err);
}

static bool take_word(struct tac_jread *r, const char *word)
{
    size_t n = strlen(word);
    bool is = (size_t)(r->end - r->at) >= n && memcmp(r->at, word, n) == 0;
    r->at += is ? n : 0;
    return is;
}

static enum tacit_status read_value(struct tac_jread *r, json_t **out, int depth,
                                    struct tacit_err *err)
{
    char c = tac_jread_peek(r);
    *out = NULL;
    if (c == '{' || c == '[')
        return read_list(r, out, depth, err);
    if (c == '"')
        return read_text(r, out, err);
    if (take_word(r, "null"))
        *out = json_null();
    else if (take_word(r, "true"))
        *out = json_true();
    else if (take_word(r, "false"))
        *out = json_false();
    return *out ? TACIT_OK : read_number(r, out, err);
}

enum tacit_status tac_json_parse_at(json_t **out, const char *text, size_t n, const char *name,
                                    size_t line, struct tacit_err *err)
{
    struct tac_jread r;
    *out = NULL;
    if (!n)
        return tac_fail(err, TACIT_EINPUT, "%s:%zu: is empty, JSON was expected", name, line);
    tac_jread_init(&r, text, n, name);
    r.line = line;
    r.what = "is no valid JSON: ";
    r.at = text + tac_utf8_bad(text, n);
    if (r.at < r.end)
        return tac_jread_fail(&r, "UTF-8", err);
    r.at = text;
    char c = tac_jread_peek(&r);
    enum tacit_status s = c == '{' || c == '[' ? read_value(&r, out, 0, err)
                                               : tac_jread_fail(&r, "an object or an array", err);
    if (!s)
        s = tac_jread_end(&r, err);
    if (s) {
        json_decref(*out);
        *out = NULL;
    }
    tac_jread_release(&r);
    return s;
}

enum tacit_status tac_json_parse(json_t **out, const char *text, size_t n, const char *name,
                                 struct tacit_err *err)
{
    return tac_json_parse_at(out, text, n, name, 1, err);
}

enum tacit_status tac_json_load(json_t **out, const char *path, size_t limit, struct tacit_err *err)
{
    struct tac_buf text = {0};
    *out = NULL;
    enum tacit_status s = tac_file_read(&text, path, limit, err);
    if (!s)
        s = tac_json_parse(out, text.data, text.len, path, err);
    tac_buf_release(&text);
    return s;
}

bool tac_json_has(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return v && !json_is_null(v);
}

static const char *describe_string(char buf[80], const json_t *v)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v), cut = n;
    if (n > 60)
        for (cut = 57; cut > 0 && (text[cut] & 0xc0) == 0x80;)
            cut--;
    snprintf(buf, 80, cut < n ? "\"%.*s...\"" : "\"%.*s\"", (int)cut, text);
    return buf;
}

const char *tac_json_describe(char buf[80], const json_t *v)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_STRING:
        return describe_string(buf, v);
    case JSON_INTEGER:
        snprintf(buf, 80, "%lld", (long long)json_integer_value(v));
        return buf;
    case JSON_REAL:
        return tac_json_number(buf, json_real_value(v));
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    default:
        return v ? "null" : "nothing";
    }
}

static enum tacit_status wrong(const json_t *obj, const char *key, const char *expected,
                               const char *where, struct tacit_err *err)
{
    char found[80];
    if (!json_is_object(obj))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an object, found %s", where,
                        tac_json_describe(found, obj));
    return tac_fail(err, TACIT_EINPUT, "%s: field '%s': expected %s, found %s", where, key,
                    expected, tac_json_describe(found, json_object_get(obj, key)));
}

enum tacit_status tac_json_get_int(int64_t *out, const json_t *obj, const char *key, int64_t min,
                                   int64_t max, const char *where, struct tacit_err *err)
{
    const json_t *v = json_object_get(obj, key);
    int64_t i = json_integer_value(v);
    if (!json_is_integer(v) || i < min || i > max) {
        char expected[96];
        snprintf(expected, sizeof expected,
                 min == INT64_MIN   ? "an integer"
                 : max == INT64_MAX ? "an integer >= %lld"
                                    : "an integer from %lld to %lld",
                 (long long)min, (long long)max);
        return wrong(obj, key, expected, where, err);
    }
    *out = i;
    return TACIT_OK;
}

enum tacit_status tac_json_get_real(double *out, const json_t *obj, const char *key, double min,
                                    double max, const char *where, struct tacit_err *err)
{
    const json_t *v = json_object_get(obj, key);
    double d = json_number_value(v);
    if (!json_is_number(v) || d < min || d > max) {
        char expected[96], lo[32], hi[32];
        snprintf(expected, sizeof expected,
                 isinf(min)   ? "a number"
                 : isinf(max) ? "a number >= %s"
                              : "a number from %s to %s",
                 tac_json_number(lo, min), tac_json_number(hi, max));
        return wrong(obj, key, expected, where, err);
    }
    *out = d;
    return TACIT_OK;
}

enum tacit_status tac_json_get_bool(bool *out, const json_t *obj, const char *key,
                                    const char *where, struct tacit_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (!json_is_boolean(v))
        return wrong(obj, key, "true or false", where, err);
    *out = json_is_true(v);
    return TACIT_OK;
}

enum tacit_status tac_json_get_string(const char **out, const json_t *obj, const char *key,
                                      const char *where, struct tacit_err *err)
{
    *out = json_string_value(json_object_get(obj, key));
    return *out ? TACIT_OK : wrong(obj, key, "a string", where, err);
}

enum tacit_status tac_json_get_array(json_t **out, const json_t *obj, const char *key,
                                     const char *where, struct tacit_err *err)
{
    *out = json_object_get(obj, key);
    return json_is_array(*out) ? TACIT_OK : wrong(obj, key, "an array", where, err);
}

enum tacit_status tac_json_get_object(json_t **out, const json_t *obj, const char *key,
                                      const char *where, struct tacit_err *err)
{
    *out = json_object_get(obj, key);
    return json_is_object(*out) ? TACIT_OK : wrong(obj, key, "an object", where, err);
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* printf follows the locale of the program, JSON has a point. */
static void set_point(char *s)
{
    for (; *s; s++)
        if (!is_number_char(*s))
            *s = '.';
}

const char *tac_json_number(char buf[32], double v)
{
    if (!isfinite(v))
        return strcpy(buf, "null");
    int digits = 1;
    for (; digits < 17; digits++) {
        snprintf(buf, 32, "%.*e", digits - 1, v);
        double back = strtod(buf, NULL);
        if (memcmp(&back, &v, sizeof v) == 0)
            break;
    }
    snprintf(buf, 32, "%.*e", digits - 1, v);
    int power = atoi(strchr(buf, 'e') + 1);
    if (power >= -4 && power < 16) {
        int decimals = digits - 1 - power;
        snprintf(buf, 32, "%.*f", decimals > 1 ? decimals : 1, v);
    }
    set_point(buf);
    return buf;
}

/* The escape of one code point, or "" where it stands for itself. */
static void escape(char out[16], uint32_t cp, bool ascii)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = cp && cp < 128 ? strchr(from, (int)cp) : NULL;
    out[0] = '\0';
    if (at)
        snprintf(out, 16, "\\%c", to[at - from]);
    else if (cp < 32 || (ascii && cp > 126 && cp < 0x10000))
        snprintf(out, 16, "\\u%04x", (unsigned)cp);
    else if (ascii && cp > 126)
        snprintf(out, 16, "\\u%04x\\u%04x", 0xd800 + (unsigned)((cp - 0x10000) >> 10),
                 0xdc00 + (unsigned)((cp - 0x10000) & 0x3ff));
}

enum tacit_status tac_json_quote(struct tac_buf *out, const char *s, size_t n, bool ascii,
                                 struct tacit_err *err)
{
    enum tacit_status st = tac_buf_adds(out, "\"", err);
    for (size_t i = 0; i < n && !st;) {
        uint32_t cp;
        size_t len = tac_utf8_next(s + i, n - i, &cp);
        char text[16], raw[4];
        if (!len)
            cp = 0xfffd;
        escape(text, cp, ascii);
        st = *text ? tac_buf_adds(out, text, err)
                   : tac_buf_add(out, raw, tac_utf8_put(raw, cp), err);
        i += len ? len : 1;
    }
    return st ? st : tac_buf_adds(out, "\"", err);
}

static enum tacit_status line_break(struct tac_buf *out, enum tac_json_style style, int depth,
                                    struct tacit_err *err)
{
    return style == TAC_JSON_LINE ? TACIT_OK : tac_buf_addf(out, err, "\n%*s", 2 * depth, "");
}

static enum tacit_status write_value(struct tac_buf *out, const json_t *v,
                                     enum tac_json_style style, int depth, struct tacit_err *err);

static enum tacit_status write_array(struct tac_buf *out, const json_t *v,
                                     enum tac_json_style style, int depth, struct tacit_err *err)
{
    size_t n = json_array_size(v);
    enum tacit_status s = tac_buf_adds(out, "[", err);
    for (size_t i = 0; i < n && !s; i++) {
        s = i ? tac_buf_adds(out, ",", err) : TACIT_OK;
        if (!s)
            s = line_break(out, style, depth + 1, err);
        if (!s)
            s = write_value(out, json_array_get(v, i), style, depth + 1, err);
    }
    if (!s && n)
        s = line_break(out, style, depth, err);
    return s ? s : tac_buf_adds(out, "]", err);
}

static int compare_keys(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* The keys of v in the order of the style, freshly allocated. */
static const char **keys_of(const json_t *v, enum tac_json_style style, struct tacit_err *err)
{
    const char **key = tac_alloc(json_object_size(v), sizeof *key, err);
    if (!key)
        return NULL;
    json_t *obj = (json_t *)(uintptr_t)v; /* jansson's iterators take no const */
    size_t n = 0;
    for (void *it = json_object_iter(obj); it; it = json_object_iter_next(obj, it))
        key[n++] = json_object_iter_key(it);
    if (style == TAC_JSON_PYTHON)
        qsort(key, n, sizeof *key, compare_keys);
    return key;
}

static enum tacit_status write_object(struct tac_buf *out, const json_t *v,
                                      enum tac_json_style style, int depth, struct tacit_err *err)
{
    size_t n = json_object_size(v);
    const char **key = keys_of(v, style, err);
    enum tacit_status s = key ? tac_buf_adds(out, "{", err) : TACIT_EFAIL;
    for (size_t i = 0; i < n && !s; i++) {
        s = i ? tac_buf_adds(out, ",", err) : TACIT_OK;
        if (!s)
            s = line_break(out, style, depth + 1, err);
        if (!s)
            s = tac_json_quote(out, key[i], strlen(key[i]), style == TAC_JSON_PYTHON, err);
        if (!s)
            s = tac_buf_adds(out, style == TAC_JSON_LINE ? ":" : ": ", err);
        if (!s)
            s = write_value(out, json_object_get(v, key[i]), style, depth + 1, err);
    }
    free(key);
    if (!s && n)
        s = line_break(out, style, depth, err);
    return s ? s : tac_buf_adds(out, "}", err);
}

static enum tacit_status write_value(struct tac_buf *out, const json_t *v,
                                     enum tac_json_style style, int depth, struct tacit_err *err)
{
    char number[32];
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return write_object(out, v, style, depth, err);
    case JSON_ARRAY:
        return write_array(out, v, style, depth, err);
    case JSON_STRING:
        return tac_json_quote(out, json_string_value(v), json_string_length(v),
                              style == TAC_JSON_PYTHON, err);
    case JSON_INTEGER:
        return tac_buf_addf(out, err, "%lld", (long long)json_integer_value(v));
    case JSON_REAL:
        return tac_buf_adds(out, tac_json_number(number, json_real_value(v)), err);
    case JSON_TRUE:
        return tac_buf_adds(out, "true", err);
    case JSON_FALSE:
        return tac_buf_adds(out, "false", err);
    default:
        return tac_buf_adds(out, "null", err);
    }
}

enum tacit_status tac_json_write(struct tac_buf *out, const json_t *v, enum tac_json_style style,
                                 struct tacit_err *err)
{
    return write_value(out, v, style, 0, err);
}

enum tacit_status tac_json_save(const char *path, const json_t *v, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s = tac_json_write(&text, v, TAC_JSON_PYTHON, err);
    if (!s)
        s = tac_file_write(path, text.data, text.len, err);
    tac_buf_release(&text);
    return s;
}
