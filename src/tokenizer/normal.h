/* Normalisers: what a tokenizer.json does to a text before it is split.
 *
 * The normal forms are those of HuggingFace tokenizers, which knows Unicode 9: characters assigned
 * later stand still and separate (chars.h, TAC_ACTIVE), so a newer utf8proc gives the same bytes.
 */
#ifndef TAC_TOKENIZER_NORMAL_H
#define TAC_TOKENIZER_NORMAL_H

#include "tokenizer/pattern.h"

enum tac_normal_kind {
    TAC_NORMAL_NFC,
    TAC_NORMAL_NFD,
    TAC_NORMAL_NFKC,
    TAC_NORMAL_NFKD,
    TAC_NORMAL_PREPEND, /* text before what is not empty */
    TAC_NORMAL_REPLACE, /* each `from` by text */
    TAC_NORMAL_MATCHES, /* each match of the pattern by text */
    TAC_NORMAL_STRIP,   /* white space off the ends */
};

struct tac_normal_step {
    enum tac_normal_kind kind;
    char *from, *text; /* owned */
    struct tac_pattern pattern;
    bool left, right; /* the ends that are stripped */
};

struct tac_normal {
    struct tac_normal_step *step;
    size_t n, cap;
};

/* tac_normal_add: appends a step; copies its from and text (NULL where the kind has none) and takes
 * its pattern, on failure too. */
enum tacit_status tac_normal_add(struct tac_normal *normal, struct tac_normal_step step,
                                 struct tacit_err *err) TAC_MUST_USE;
void tac_normal_release(struct tac_normal *normal);

/* Scratch memory of one thread; a zeroed struct is ready. */
struct tac_normal_work {
    struct tac_buf text[2];
    int32_t *code;
    size_t code_cap;
    struct tac_match match;
    bool cut; /* out: the beginning of the text disappeared, so that what is left does not begin it
                 for a pre-tokeniser */
};

/* tac_normalise: *s, n bytes of well-formed UTF-8, becomes the normalised text, which lies in work
 * or is the input itself. Nothing is prepended to a text that `continues` another. */
enum tacit_status tac_normalise(const struct tac_normal *normal, const uint8_t *chars,
                                struct tac_normal_work *work, const char **s, size_t *n,
                                bool continues, struct tacit_err *err) TAC_MUST_USE;
void tac_normal_work_release(struct tac_normal_work *work);

#endif
