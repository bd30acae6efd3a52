/* Oniguruma's syntax to PCRE2's; the rule stands in pattern.h. */
#include "tokenizer/pattern.h"

#include <stdio.h>
#include <string.h>

enum { CLASS_DEPTH = 16 };

/* Oniguruma's \w: as UTS #18 has it, and by a quirk of its table of Latin-1 the fractions and
 * superscripts. */
#define WORD_MEMBERS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"

struct translation {
    const char *at, *end, *whole;
    struct tac_buf *out;
    struct tacit_err *err;
};

static enum tacit_status refuse(const struct translation *t, const char *what)
{
    return tac_fail(t->err, TACIT_EINPUT, "pattern '%s': %s is not supported", t->whole, what);
}

static enum tacit_status put(struct translation *t, const char *s)
{
    return tac_buf_adds(t->out, s, t->err);
}

/* A character that stands for itself. */
static enum tacit_status put_char(struct translation *t, uint32_t cp)
{
    char text[5] = "\\";
    bool mark = cp > ' ' && cp < 0x7f && !(cp >= '0' && cp <= '9') && !(cp >= 'A' && cp <= 'Z') &&
                !(cp >= 'a' && cp <= 'z');
    size_t n = tac_utf8_put(text + mark, cp);
    return tac_buf_add(t->out, text, n + mark, t->err);
}

static bool next_is(const struct translation *t, const char *s)
{
    size_t n = strlen(s);
    return (size_t)(t->end - t->at) >= n && !memcmp(t->at, s, n);
}

static bool take(struct translation *t, const char *s)
{
    bool yes = next_is(t, s);
    if (yes)
        t->at += strlen(s);
    return yes;
}

/* Hexadecimal digits at t->at, `most` at most; how many there were. */
static int take_hex(struct translation *t, int most, uint32_t *v)
{
    int n = 0;
    *v = 0;
    for (; n < most && t->at < t->end; n++, t->at++) {
        const char *digits = "0123456789abcdefABCDEF";
        const char *d = memchr(digits, *t->at, 22);
        if (!d)
            break;
        *v = *v << 4 | (uint32_t)(d - digits - (d - digits > 15 ? 6 : 0));
    }
    return n;
}

/* The character of an escape that stands for one, t->at behind the backslash. *is false where it
 * does not. */
static enum tacit_status escaped_char(struct translation *t, uint32_t *cp, bool *is)
{
    static const char from[] = "nrtfvae", to[] = "\n\r\t\f\v\a\x1b";
    *is = true;
    if (t->at == t->end)
        return refuse(t, "a '\\' at the end");
    const char *which = memchr(from, *t->at, sizeof from - 1);
    if (which) {
        *cp = (unsigned char)to[which - from];
        t->at++;
        return TACIT_OK;
    }
    if (take(t, "x{"))
        return take_hex(t, 6, cp) && take(t, "}") && *cp <= 0x10ffff ? TACIT_OK
                                                                     : refuse(t, "this \\x{...}");
    if (take(t, "x"))
        return take_hex(t, 2, cp) == 2 && *cp < 0x80 ? TACIT_OK : refuse(t, "this \\x");
    if (take(t, "u"))
        return take_hex(t, 4, cp) == 4 ? TACIT_OK : refuse(t, "this \\u");
    unsigned char c = (unsigned char)*t->at;
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        *is = false;
        return TACIT_OK;
    }
    t->at += tac_utf8_next(t->at, (size_t)(t->end - t->at), cp);
    return TACIT_OK;
}

/* \p{NAME}, \P{NAME}, \p{^NAME}; t->at behind the p. */
static enum tacit_status property(struct translation *t, bool negated)
{
    if (!take(t, "{"))
        return refuse(t, "\\p without {}");
    negated ^= take(t, "^");
    const char *name = t->at;
    while (t->at < t->end && *t->at != '}')
        t->at++;
    int n = (int)(t->at - name);
    if (!n || n > 40 || !take(t, "}") || memchr(name, '\\', (size_t)n))
        return refuse(t, "this \\p{...}");
    return tac_buf_addf(t->out, t->err, "\\%c{%s%.*s}", negated ? 'P' : 'p', n > 2 ? "sc:" : "", n,
                        name);
}

/* An escape for a set of characters, t->at behind the backslash. */
static enum tacit_status escaped_set(struct translation *t, bool in_class)
{
    char c = *t->at++;
    switch (c) {
    case 's':
        return put(t, "\\p{White_Space}");
    case 'S':
        return put(t, "\\P{White_Space}");
    case 'd':
        return put(t, "\\p{Nd}");
    case 'D':
        return put(t, "\\P{Nd}");
    case 'w':
        return put(t, in_class ? WORD_MEMBERS : "[" WORD_MEMBERS "]");
    case 'W':
        return in_class ? refuse(t, "\\W in a class") : put(t, "[^" WORD_MEMBERS "]");
    case 'p':
    case 'P':
        return property(t, c == 'P');
    case 'A':
    case 'z':
    case 'Z':
        if (!in_class)
            return put(t, c == 'A' ? "\\A" : c == 'z' ? "\\z" : "\\Z");
        break;
    }
    char what[] = "\\?";
    what[1] = c;
    return refuse(t, what);
}

/* A single character of a class; *is false for an escape that is a set, whose letter comes next. */
static enum tacit_status class_char(struct translation *t, uint32_t *cp, bool *is)
{
    if (take(t, "\\"))
        return escaped_char(t, cp, is);
    *is = true;
    t->at += tac_utf8_next(t->at, (size_t)(t->end - t->at), cp);
    return TACIT_OK;
}

/* A character, a range or a set. */
static enum tacit_status class_member(struct translation *t, bool may_be_dash)
{
    uint32_t from, to;
    bool is;
    if (*t->at == '-' && !may_be_dash && !next_is(t, "-]"))
        return refuse(t, "this '-' in a class");
    enum tacit_status st = class_char(t, &from, &is);
    if (st || !is)
        return st ? st : escaped_set(t, true);
    st = put_char(t, from);
    if (st || !next_is(t, "-") || next_is(t, "-]"))
        return st;
    t->at++;
    if (t->at == t->end || *t->at == '[')
        return refuse(t, "a range that ends in a class");
    st = class_char(t, &to, &is);
    if (!st && (!is || to < from))
        return refuse(t, "a range like this");
    if (!st)
        st = put(t, "-");
    return st ? st : put_char(t, to);
}

/* A class, t->at behind its '['; nested ones add their members to it. */
static enum tacit_status char_class(struct translation *t)
{
    int depth = 1;
    bool first = true;
    enum tacit_status st = put(t, take(t, "^") ? "[^" : "[");
    while (!st && depth) {
        if (t->at == t->end)
            return refuse(t, "a class without its ']'");
        if (next_is(t, "[:") || next_is(t, "&&") || next_is(t, "[^"))
            return refuse(t, next_is(t, "&&")   ? "'&&' in a class"
                             : next_is(t, "[:") ? "a '[:' class"
                                                : "a '[^' class in a class");
        if (*t->at == ']' && first)
            return refuse(t, "a ']' first in a class");
        bool opens = *t->at == '[', closes = *t->at == ']';
        if (opens || closes)
            t->at++;
        else
            st = class_member(t, first);
        depth += opens - closes;
        first = opens;
        if (depth > CLASS_DEPTH)
            return refuse(t, "a class this deep");
    }
    return st ? st : put(t, "]");
}

/* What follows '(': a plain group or one of the kinds that mean the same in both. */
static enum tacit_status group(struct translation *t)
{
    static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:", "?-i:", "?i)"};
    enum tacit_status st = put(t, "(");
    if (st || !next_is(t, "?"))
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (take(t, kinds[i]))
            return put(t, kinds[i]);
    return refuse(t, "this kind of group");
}

static int take_number(struct translation *t)
{
    int n = 0, v = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9' && n < 5; n++)
        v = v * 10 + (*t->at++ - '0');
    return n ? v : -1;
}

/* What follows '{': an interval, or the character itself. */
static enum tacit_status interval(struct translation *t)
{
    const char *start = t->at;
    int low = take_number(t), high = low;
    bool comma = take(t, ",");
    if (comma)
        high = take_number(t);
    if (!take(t, "}") || (low < 0 && high < 0)) {
        t->at = start;
        return put_char(t, '{');
    }
    if (next_is(t, "+") || (next_is(t, "?") && !comma) || (high >= 0 && high < low))
        return refuse(t, "an interval like this");
    if (high < 0)
        return tac_buf_addf(t->out, t->err, "{%d,}", low);
    return tac_buf_addf(t->out, t->err, "{%d,%d}", low < 0 ? 0 : low, high);
}

static enum tacit_status item(struct translation *t)
{
    uint32_t cp;
    bool is;
    enum tacit_status st;
    if (take(t, "["))
        return char_class(t);
    if (take(t, "("))
        return group(t);
    if (take(t, "{"))
        return interval(t);
    if (take(t, "\\")) {
        st = escaped_char(t, &cp, &is);
        if (!st)
            st = is ? put_char(t, cp) : escaped_set(t, false);
        return st;
    }
    t->at += tac_utf8_next(t->at, (size_t)(t->end - t->at), &cp);
    if (cp < 0x80 && cp && strchr("^$.|)*+?", (int)cp)) {
        char same[2] = {(char)cp, '\0'};
        return put(t, same);
    }
    return put_char(t, cp);
}

enum tacit_status tac_pattern_translate(struct tac_buf *out, const char *pattern,
                                        struct tacit_err *err)
{
    size_t n = strlen(pattern);
    struct translation t = {pattern, pattern + n, pattern, out, err};
    if (!n)
        return tac_fail(err, TACIT_EINPUT, "a pattern is empty");
    if (tac_utf8_bad(pattern, n) < n)
        return tac_fail(err, TACIT_EINPUT, "a pattern is not well-formed UTF-8");
    enum tacit_status st = TACIT_OK;
    while (!st && t.at < t.end)
        st = item(&t);
    return st;
}
