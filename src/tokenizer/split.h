/* Pre-tokenisers: a text becomes the words that byte-pair encoding works on, one after the other.
 *
 * Each step cuts every piece that the step before left; a pattern sees nothing but its piece. */
#ifndef TAC_TOKENIZER_SPLIT_H
#define TAC_TOKENIZER_SPLIT_H

#include "tokenizer/pattern.h"

/* What becomes of a match and of the text between matches. */
enum tac_behavior {
    TAC_ISOLATED,             /* each is a piece */
    TAC_REMOVED,              /* matches disappear */
    TAC_MERGED_WITH_PREVIOUS, /* a match ends the piece before it */
    TAC_MERGED_WITH_NEXT,     /* a match begins the piece after it */
    TAC_CONTIGUOUS,           /* neighbouring matches are one piece */
};

enum tac_split_kind {
    TAC_SPLIT_PATTERN,
    TAC_SPLIT_DIGITS,
    TAC_SPLIT_SPACE,     /* ByteLevel's add_prefix_space: a space before a piece that has none */
    TAC_SPLIT_METASPACE, /* a mark for every space, and before a piece that has none; words */
};

/* Where Metaspace puts a mark that stands for no space. */
enum tac_prepend {
    TAC_PREPEND_ALWAYS, /* before every piece */
    TAC_PREPEND_FIRST,  /* before the piece that begins the text */
    TAC_PREPEND_NEVER,
};

struct tac_split_step {
    enum tac_split_kind kind;
    enum tac_behavior behavior;
    bool invert; /* the text between matches counts as matching */
    struct tac_pattern pattern;
    char mark[5]; /* TAC_SPLIT_METASPACE, of which there is one: the character for a space */
    enum tac_prepend prepend;
    bool words; /* each mark begins a piece */
};

struct tac_split {
    struct tac_split_step *step;
    size_t n, cap;
};

/* tac_split_add: appends a step and takes its pattern, on failure too. */
enum tacit_status tac_split_add(struct tac_split *split, struct tac_split_step step,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_split_release(struct tac_split *split);

/* Scratch memory of one thread; a zeroed struct is ready. */
struct tac_split_work {
    struct tac_match match;
    struct tac_buf spaced, marked;
};

/* What is done with each word, in order; n > 0. */
typedef enum tacit_status tac_word_fn(void *context, const char *word, size_t n,
                                      struct tacit_err *err);

/* Where the bytes of a call stand in the whole text. */
enum tac_stand {
    TAC_INSIDE,    /* behind an added token */
    TAC_FIRST,     /* they begin it */
    TAC_CONTINUES, /* they continue what was split before: no mark goes before them */
};

/* tac_split_run: calls word for each word of the n bytes at s, well-formed UTF-8. */
enum tacit_status tac_split_run(const struct tac_split *split, const uint8_t *chars,
                                struct tac_split_work *work, const char *s, size_t n,
                                enum tac_stand stand, tac_word_fn *word, void *context,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_split_work_release(struct tac_split_work *work);

#endif
