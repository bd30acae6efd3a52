#include "api/import_fields.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 128 };

/* The field of this key, which counts as understood; a key that begins with '.' is one of the
 * architecture's. NULL where it is not there. */
const struct tac_gguf_field *tac_fields_get(struct tac_fields *in, const char *key)
{
    char full[KEY];
    snprintf(full, sizeof full, "%s%s", key[0] == '.' ? in->m->arch->gguf : "", key);
    const struct tac_gguf_field *f = tac_gguf_find(in->g, full);
    if (f)
        in->used[f - in->g->field] = true;
    return f;
}

enum tacit_status tac_fields_bad(struct tac_fields *in, const struct tac_gguf_field *f,
                                 const char *want)
{
    uint64_t u;
    double r;
    bool b;
    struct tac_gguf_string s;
    char found[80];
    if (tac_gguf_uint(&u, f))
        snprintf(found, sizeof found, "%" PRIu64, u);
    else if (tac_gguf_real(&r, f))
        snprintf(found, sizeof found, "%g", r);
    else if (tac_gguf_bool(&b, f))
        snprintf(found, sizeof found, "%s", b ? "true" : "false");
    else if (tac_gguf_string(&s, f))
        snprintf(found, sizeof found, "'%.*s'", s.n < 40 ? (int)s.n : 40, s.s);
    else
        snprintf(found, sizeof found, "%s", tac_gguf_describe(f));
    return tac_fail(in->err, TACIT_EINPUT, "%s: field '%s': found %s, expected %s", in->m->path,
                    f->key, found, want);
}

enum tacit_status tac_fields_missing(struct tac_fields *in, const char *key)
{
    return tac_fail(in->err, TACIT_EINPUT, "%s: field '%s%s' is missing", in->m->path,
                    key[0] == '.' ? in->m->arch->gguf : "", key);
}

/* An integer from 1 to most; `absent` where it is not there, unless that is 0. */
enum tacit_status tac_fields_size(struct tac_fields *in, size_t *out, const char *key,
                                  size_t absent, size_t most)
{
    const struct tac_gguf_field *f = tac_fields_get(in, key);
    char want[48];
    uint64_t v = 0;
    *out = absent;
    if (!f)
        return absent ? TACIT_OK : tac_fields_missing(in, key);
    snprintf(want, sizeof want, "an integer from 1 to %zu", most);
    if (!tac_gguf_uint(&v, f) || !v || v > most)
        return tac_fields_bad(in, f, want);
    *out = (size_t)v;
    return TACIT_OK;
}

/* The number with the fewest digits that is the same float. */
static double shortest(double v)
{
    char text[32];
    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if ((float)strtod(text, NULL) == (float)v)
            return strtod(text, NULL);
    }
    return v;
}

/* A number above 0; `absent` where it is not there, unless that is 0. */
enum tacit_status tac_fields_real(struct tac_fields *in, double *out, const char *key,
                                  double absent)
{
    const struct tac_gguf_field *f = tac_fields_get(in, key);
    *out = absent;
    if (!f)
        return absent > 0 ? TACIT_OK : tac_fields_missing(in, key);
    if (!tac_gguf_real(out, f) || !(*out > 0) || !isfinite(*out))
        return tac_fields_bad(in, f, "a number above 0");
    if (f->type == TAC_GGUF_F32)
        *out = shortest(*out);
    return TACIT_OK;
}

enum tacit_status tac_fields_bool(struct tac_fields *in, bool *out, const char *key, bool absent)
{
    const struct tac_gguf_field *f = tac_fields_get(in, key);
    *out = absent;
    return !f || tac_gguf_bool(out, f) ? TACIT_OK : tac_fields_bad(in, f, "a boolean");
}

/* A field that, if it is there, must have this value: more is not implemented. */
enum tacit_status tac_fields_need_bool(struct tac_fields *in, const char *key, bool value)
{
    bool b;
    enum tacit_status s = tac_fields_bool(in, &b, key, value);
    return s || b == value ? s
                           : tac_fields_bad(in, tac_fields_get(in, key), value ? "true" : "false");
}

enum tacit_status tac_fields_need_zero(struct tac_fields *in, const char *key)
{
    const struct tac_gguf_field *f = tac_fields_get(in, key);
    uint64_t v = 1;
    return !f || (tac_gguf_uint(&v, f) && !v) ? TACIT_OK : tac_fields_bad(in, f, "0");
}

bool tac_fields_is(const struct tac_gguf_field *f, const char *text)
{
    struct tac_gguf_string s;
    return f && tac_gguf_string(&s, f) && s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

/* A string without NUL, copied; *out NULL where it is not there. */
enum tacit_status tac_fields_text(struct tac_fields *in, char **out, const char *key)
{
    const struct tac_gguf_field *f = tac_fields_get(in, key);
    struct tac_gguf_string s;
    *out = NULL;
    if (!f)
        return TACIT_OK;
    if (!tac_gguf_string(&s, f) || s.n > 100 || memchr(s.s, '\0', s.n))
        return tac_fields_bad(in, f, "a name");
    *out = tac_arena_strndup(&in->m->arena, s.s, s.n, in->err);
    return *out ? TACIT_OK : TACIT_EFAIL;
}
