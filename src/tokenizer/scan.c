#include "tokenizer/scan.h"

#include <string.h>

#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define LLAMA_LIKE(numbers)                                                                        \
    "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                                 \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const char tac_scan_gpt2[] =
    CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static const char *const patterns[] = {
    [TAC_SCAN_BLOOM] = " ?[^(\\s|[.,!?…。，、।۔،])]+",
    [TAC_SCAN_GPT2] = tac_scan_gpt2,
    [TAC_SCAN_QWEN2] = LLAMA_LIKE("\\p{N}"),
    [TAC_SCAN_LLAMA3] = LLAMA_LIKE("\\p{N}{1,3}"),
};

enum tac_scan tac_scan_of(const char *pattern)
{
    for (size_t i = TAC_SCAN_NONE + 1; i < sizeof patterns / sizeof *patterns; i++)
        if (!strcmp(pattern, patterns[i]))
            return (enum tac_scan)i;
    return TAC_SCAN_NONE;
}

const char *tac_scan_pattern(enum tac_scan scan)
{
    return patterns[scan];
}

/* The text and the table, to keep the matchers' arguments few. */
struct text {
    const uint8_t *chars;
    const char *s;
    size_t n;
};

enum { KINDS = TAC_LETTER | TAC_NUMBER | TAC_SPACE };

/* The flags of the character at i, and its bytes; 0 bytes at the end. */
static unsigned class_at(const struct text *t, size_t i, size_t *len)
{
    *len = 0;
    return i < t->n ? tac_class_at(t->chars, t->s + i, len) : 0;
}

/* The end of the run, from i on, of characters whose flags under mask are `want`. */
static size_t run_end(const struct text *t, size_t i, unsigned mask, unsigned want)
{
    while (i < t->n) {
        size_t len;
        if ((tac_class_at(t->chars, t->s + i, &len) & mask) != want)
            break;
        i += len;
    }
    return i;
}

/* The start of the last character of s[from, to). */
static size_t last_char(const struct text *t, size_t from, size_t to)
{
    do
        to--;
    while (to > from && (t->s[to] & 0xc0) == 0x80);
    return to;
}

static bool is_break(char c)
{
    return c == '\r' || c == '\n';
}

/* \s+(?!\S)|\s+ : the run without its last character, if something other than space follows it and
 * it has more than one. */
static size_t space_end(const struct text *t, size_t i)
{
    size_t end = run_end(t, i, TAC_SPACE, TAC_SPACE);
    if (end == t->n)
        return end;
    size_t last = last_char(t, i, end);
    return last > i ? last : end;
}

/* The end of a contraction at i, or i. */
static size_t contraction_end(const struct text *t, size_t i, bool any_case)
{
    if (t->s[i] != '\'' || i + 1 == t->n)
        return i;
    unsigned fold = any_case ? 0x20 : 0;
    unsigned a = (unsigned char)t->s[i + 1] | fold;
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return i + 2;
    if (i + 2 == t->n)
        return i;
    unsigned b = (unsigned char)t->s[i + 2] | fold;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return i + 3;
    /* U+017F, the long s, is an s in another case */
    return any_case && !memcmp(t->s + i + 1, "\xc5\xbf", 2) ? i + 3 : i;
}

static size_t gpt2_end(const struct text *t, size_t i)
{
    size_t len, next_len, end = contraction_end(t, i, false);
    if (end > i)
        return end;
    unsigned kind = class_at(t, i, &len) & KINDS;
    if (t->s[i] == ' ') {
        unsigned next = class_at(t, i + 1, &next_len) & KINDS;
        if (next_len && next != TAC_SPACE)
            return run_end(t, i + 1, KINDS, next);
    }
    return kind == TAC_SPACE ? space_end(t, i) : run_end(t, i, KINDS, kind);
}

/* \s*[\r\n]+ : up to the last break of the run of space at i; i where it has none. */
static size_t breaks_end(const struct text *t, size_t i)
{
    size_t end = run_end(t, i, TAC_SPACE, TAC_SPACE);
    while (end > i && !is_break(t->s[end - 1]))
        end--;
    return end;
}

/* [^\s\p{L}\p{N}]+[\r\n]* */
static size_t marks_end(const struct text *t, size_t i)
{
    i = run_end(t, i, KINDS, 0);
    while (i < t->n && is_break(t->s[i]))
        i++;
    return i;
}

static size_t digits_end(const struct text *t, size_t i, int most)
{
    size_t len;
    for (; most > 0 && class_at(t, i, &len) & TAC_NUMBER; most--)
        i += len;
    return i;
}

static size_t llama_end(const struct text *t, size_t i, int digits)
{
    size_t len, next_len, end = contraction_end(t, i, true);
    if (end > i)
        return end;
    unsigned kind = class_at(t, i, &len) & KINDS;
    if (kind == TAC_LETTER)
        return run_end(t, i, TAC_LETTER, TAC_LETTER);
    if (kind == TAC_NUMBER)
        return digits_end(t, i, digits);
    unsigned next = class_at(t, i + len, &next_len) & KINDS;
    if (next == TAC_LETTER && !is_break(t->s[i]))
        return run_end(t, i + len, TAC_LETTER, TAC_LETTER);
    if (kind == 0)
        return marks_end(t, i);
    if (t->s[i] == ' ' && next_len && next == 0)
        return marks_end(t, i + 1);
    end = breaks_end(t, i);
    return end > i ? end : space_end(t, i);
}

/* BLOOM's words leave gaps, so a match is looked for. */
static bool bloom_next(const struct text *t, size_t i, size_t *start, size_t *end)
{
    while (i < t->n) {
        size_t len, word = i + (t->s[i] == ' ');
        *end = run_end(t, word, TAC_STOP, 0);
        if (*end > word) {
            *start = i;
            return true;
        }
        class_at(t, i, &len);
        i += len;
    }
    return false;
}

bool tac_scan_next(enum tac_scan scan, const uint8_t *chars, const char *s, size_t n, size_t from,
                   size_t *start, size_t *end)
{
    struct text t = {chars, s, n};
    if (from >= n)
        return false;
    *start = from;
    switch (scan) {
    case TAC_SCAN_BLOOM:
        return bloom_next(&t, from, start, end);
    case TAC_SCAN_GPT2:
        *end = gpt2_end(&t, from);
        break;
    case TAC_SCAN_QWEN2:
        *end = llama_end(&t, from, 1);
        break;
    case TAC_SCAN_LLAMA3:
        *end = llama_end(&t, from, 3);
        break;
    case TAC_SCAN_NONE:
        return false;
    }
    return true;
}
