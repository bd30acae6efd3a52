/* Regular expressions of tokenizer.json. HuggingFace tokenizers runs them with Oniguruma, here
 * PCRE2 (JIT, UTF) does, so a pattern is translated first, and refused by name where the two could
 * differ:
 *
 *   \s \S \d \D \w \W   the Unicode classes that Oniguruma takes: White_Space, Nd, Alphabetic M Nd
 * Pc \p{Han}             the script, \p{sc:Han}; one or two letters are a general category and stay
 *   [a[bc]]             a class inside a class is a union: its members become members of the outer
 * class, whose ^ negates the union; ( | ) . are members like any other
 *   {,n}                {0,n}; a { that begins no interval is itself
 *   ^ $                 at every line, as always in Oniguruma
 *   refused             [a[^b]] && [:posix:] \h \b \G \R \X \K, back references, named groups,
 * options but (?i), {n,m}+ and {n}? (which mean something else in Oniguruma)
 *
 * PCRE2 knows the characters of its own version of Unicode, which may be older than Oniguruma's.
 * The patterns of scan.h use a table instead. */
#ifndef TAC_TOKENIZER_PATTERN_H
#define TAC_TOKENIZER_PATTERN_H

#include "tokenizer/scan.h"

struct tac_pattern {
    enum tac_scan scan; /* runs instead of code where it is not TAC_SCAN_NONE */
    void *code;         /* pcre2_code */
};

/* What a thread needs for matching; a zeroed struct is ready. */
struct tac_match {
    void *data, *context, *stack;
};

/* tac_pattern_translate: appends the PCRE2 form of an Oniguruma pattern to out. */
enum tacit_status tac_pattern_translate(struct tac_buf *out, const char *pattern,
                                        struct tacit_err *err) TAC_MUST_USE;

/* tac_pattern_open: of a regular expression; `allow_scan` lets a matcher of scan.h take its place.
 * tac_pattern_open_text: of a text that stands for itself. */
enum tacit_status tac_pattern_open(struct tac_pattern *p, const char *pattern, bool allow_scan,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_pattern_open_text(struct tac_pattern *p, const char *text,
                                        struct tacit_err *err) TAC_MUST_USE;
void tac_pattern_close(struct tac_pattern *p);

/* tac_pattern_next: the first match at or after `from` (at most n) in the n bytes at s, well-formed
 * UTF-8. *found false where there is none. A match may be empty. */
enum tacit_status tac_pattern_next(const struct tac_pattern *p, struct tac_match *m,
                                   const uint8_t *chars, const char *s, size_t n, size_t from,
                                   size_t *start, size_t *end, bool *found,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_match_release(struct tac_match *m);

#endif
