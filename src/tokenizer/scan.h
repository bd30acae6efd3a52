/* Hand-written matchers of the patterns that most byte-level tokenizers use, ten times as fast as a
 * regular expression. test_tokenizer.c holds each against its pattern run by PCRE2. */
#ifndef TAC_TOKENIZER_SCAN_H
#define TAC_TOKENIZER_SCAN_H

#include "tokenizer/chars.h"

enum tac_scan {
    TAC_SCAN_NONE,
    TAC_SCAN_BLOOM,
    TAC_SCAN_GPT2,   /* GPT-2 and GPT-NeoX: what ByteLevel does by itself */
    TAC_SCAN_QWEN2,  /* numbers digit by digit */
    TAC_SCAN_LLAMA3, /* numbers by up to three digits */
};

/* What ByteLevel splits by with use_regex. */
extern const char tac_scan_gpt2[];

/* tac_scan_of: the matcher of a pattern as it stands in the file, or TAC_SCAN_NONE. */
enum tac_scan tac_scan_of(const char *pattern);

/* tac_scan_pattern: the pattern that a matcher stands for; NULL for TAC_SCAN_NONE. */
const char *tac_scan_pattern(enum tac_scan scan);

/* tac_scan_next: the first match at or after `from` in the n bytes of well-formed UTF-8 at s, never
 * empty. false where there is none. */
bool tac_scan_next(enum tac_scan scan, const uint8_t *chars, const char *s, size_t n, size_t from,
                   size_t *start, size_t *end);

#endif
