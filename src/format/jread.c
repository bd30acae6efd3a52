#include "format/jread.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_LIMIT = 64 };

void tac_jread_init(struct tac_jread *r, const char *text, size_t n, const char *name)
{
    *r = (struct tac_jread){.begin = text,
                            .at = text,
                            .end = text + n,
                            .name = name,
                            .what = "",
                            .line = 1,
                            .first = true};
}

void tac_jread_release(struct tac_jread *r)
{
    tac_buf_release(&r->text);
}

size_t tac_jread_line(const struct tac_jread *r, const char *at)
{
    size_t line = r->line;
    for (const char *p = r->begin; p < at; p++)
        line += *p == '\n';
    return line;
}

enum tacit_status tac_jread_fail(const struct tac_jread *r, const char *want, struct tacit_err *err)
{
    size_t line = tac_jread_line(r, r->at);
    unsigned char c = r->at < r->end ? (unsigned char)*r->at : 0;
    char found[32];
    if (r->at == r->end)
        snprintf(found, sizeof found, "the end of the file");
    else
        snprintf(found, sizeof found, c <= ' ' || c >= 0x7f ? "byte 0x%02x" : "'%c'", c);
    return tac_fail(err, TACIT_EINPUT, "%s:%zu: %sexpected %s, found %s", r->name, line, r->what,
                    want, found);
}

char tac_jread_peek(struct tac_jread *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : '\0';
}

static bool take(struct tac_jread *r, char c)
{
    if (tac_jread_peek(r) != c || r->at == r->end)
        return false;
    r->at++;
    return true;
}

enum tacit_status tac_jread_enter(struct tac_jread *r, char open, struct tacit_err *err)
{
    if (!take(r, open))
        return tac_jread_fail(r, open == '{' ? "an object" : "an array", err);
    r->first = true;
    return TACIT_OK;
}

enum tacit_status tac_jread_next(struct tac_jread *r, char close, bool *more, struct tacit_err *err)
{
    *more = false;
    bool first = r->first;
    r->first = false;
    if (take(r, close))
        return TACIT_OK;
    if (!first && !take(r, ','))
        return tac_jread_fail(r, close == '}' ? "',' or '}'" : "',' or ']'", err);
    *more = true;
    return TACIT_OK;
}

/* The four hexadecimal digits at r->at. */
static bool take_hex(struct tac_jread *r, uint32_t *v)
{
    if (r->end - r->at < 4)
        return false;
    *v = 0;
    for (int i = 0; i < 4; i++) {
        char c = r->at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        *v = *v << 4 | (uint32_t)digit;
    }
    r->at += 4;
    return true;
}

/* What follows "\u": a code unit, or two that make one code point. */
static enum tacit_status unescape_unicode(struct tac_jread *r, struct tacit_err *err)
{
    uint32_t cp, low;
    if (!take_hex(r, &cp))
        return tac_jread_fail(r, "four hexadecimal digits", err);
    if (cp >= 0xd800 && cp <= 0xdfff) {
        bool pair = cp < 0xdc00 && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u';
        if (pair)
            r->at += 2;
        if (!pair || !take_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
            return tac_jread_fail(r, "the second half of a surrogate pair", err);
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    char utf8[4];
    return tac_buf_add(&r->text, utf8, tac_utf8_put(utf8, cp), err);
}

static enum tacit_status unescape(struct tac_jread *r, struct tacit_err *err)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return tac_jread_fail(r, "an escape", err);
    if (*r->at == 'u') {
        r->at++;
        return unescape_unicode(r, err);
    }
    const char *which = memchr(from, *r->at, sizeof from - 1);
    if (!which)
        return tac_jread_fail(r, "an escape", err);
    r->at++;
    return tac_buf_add(&r->text, to + (which - from), 1, err);
}

/* The end of the run of characters that stand for themselves. */
static const char *plain_end(const struct tac_jread *r)
{
    const char *p = r->at;
    while (p < r->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    return p;
}

static enum tacit_status string_with_escapes(struct tac_jread *r, const char **s, size_t *n,
                                             struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    tac_buf_clear(&r->text);
    while (!st) {
        const char *stop = plain_end(r);
        st = tac_buf_add(&r->text, r->at, (size_t)(stop - r->at), err);
        r->at = stop;
        if (st)
            break;
        if (stop == r->end || (*stop != '"' && *stop != '\\'))
            return tac_jread_fail(r, "the end of a string", err);
        r->at++;
        if (*stop == '"')
            break;
        st = unescape(r, err);
    }
    *s = r->text.data;
    *n = r->text.len;
    return st;
}

enum tacit_status tac_jread_string(struct tac_jread *r, const char **s, size_t *n,
                                   struct tacit_err *err)
{
    if (!take(r, '"'))
        return tac_jread_fail(r, "a string", err);
    const char *stop = plain_end(r);
    if (stop == r->end || *stop != '"')
        return string_with_escapes(r, s, n, err);
    *s = r->at;
    *n = (size_t)(stop - r->at);
    r->at = stop + 1;
    return TACIT_OK;
}

enum tacit_status tac_jread_key(struct tac_jread *r, const char **s, size_t *n,
                                struct tacit_err *err)
{
    enum tacit_status st = tac_jread_string(r, s, n, err);
    if (!st && !take(r, ':'))
        st = tac_jread_fail(r, "':'", err);
    return st;
}

enum tacit_status tac_jread_uint(struct tac_jread *r, uint32_t *v, uint32_t max,
                                 struct tacit_err *err)
{
    tac_jread_peek(r);
    const char *start = r->at;
    uint64_t sum = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && sum <= max)
        sum = sum * 10 + (uint64_t)(*r->at++ - '0');
    bool ended = r->at < r->end &&
                 (*r->at == ',' || *r->at == '}' || *r->at == ']' || (unsigned char)*r->at <= ' ');
    bool padded = r->at - start > 1 && *start == '0';
    if (r->at == start || !ended || padded || sum > max) {
        char want[48];
        snprintf(want, sizeof want, "an integer from 0 to %u", (unsigned)max);
        if (r->at < r->end)
            r->at = start;
        return tac_jread_fail(r, want, err);
    }
    *v = (uint32_t)sum;
    return TACIT_OK;
}

/* Passes over a number or a name. */
static bool skip_word(struct tac_jread *r)
{
    const char *start = r->at;
    while (r->at < r->end && *r->at && !strchr(" \t\r\n,:[]{}\"", *r->at))
        r->at++;
    return r->at > start;
}

enum tacit_status tac_jread_skip(struct tac_jread *r, const char **from, size_t *n,
                                 struct tacit_err *err)
{
    char open[DEPTH_LIMIT];
    size_t depth = 0, len;
    const char *s;
    tac_jread_peek(r);
    const char *start = r->at;
    do {
        char c = tac_jread_peek(r);
        if (c == '"') {
            enum tacit_status st = tac_jread_string(r, &s, &len, err);
            if (st)
                return st;
        } else if (c == '{' || c == '[') {
            if (depth == DEPTH_LIMIT)
                return tac_jread_fail(r, "at most 64 levels", err);
            open[depth++] = c;
            r->at++;
        } else if (c == '}' || c == ']') {
            if (!depth || open[depth - 1] != (c == '}' ? '{' : '['))
                return tac_jread_fail(r, "a value", err);
            depth--;
            r->at++;
        } else if (depth && (c == ',' || c == ':')) {
            r->at++;
        } else if (!skip_word(r)) {
            return tac_jread_fail(r, "a value", err);
        }
    } while (depth);
    if (from)
        *from = start;
    if (n)
        *n = (size_t)(r->at - start);
    r->first = false;
    return TACIT_OK;
}

enum tacit_status tac_jread_end(struct tac_jread *r, struct tacit_err *err)
{
    tac_jread_peek(r);
    return r->at < r->end ? tac_jread_fail(r, "the end of the file", err) : TACIT_OK;
}
