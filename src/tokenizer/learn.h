/* Learning a byte-level BPE from texts (Sennrich et al. 2016; HuggingFace tokenizers' BpeTrainer):
 * the commonest pair of neighbouring tokens becomes a token, again and again. The same texts give
 * the same file as HuggingFace's trainer: of equally common pairs the one with the lower ids comes
 * first. */
#ifndef TAC_TOKENIZER_LEARN_H
#define TAC_TOKENIZER_LEARN_H

#include "tokenizer/scan.h"

struct tac_learn_options {
    size_t vocab;               /* tokens in all, at most: special ones, 256 bytes, merges */
    enum tac_scan pattern;      /* how texts are cut into words */
    size_t min_count;           /* a pair must be there so often; 0 means 1 */
    const char *const *special; /* (n_special) get the ids from 0 on */
    size_t n_special;
};

struct tac_learner;

/* tac_learner_new: o is copied but for the special tokens' texts, which are borrowed. Errors: a
 * vocabulary without room for the bytes, a special token that is empty, twice there or no UTF-8. */
enum tacit_status tac_learner_new(struct tac_learner **out, const struct tac_learn_options *o,
                                  struct tacit_err *err) TAC_MUST_USE;
void tac_learner_free(struct tac_learner *l);

/* tac_learner_add: counts the words of n bytes of UTF-8. */
enum tacit_status tac_learner_add(struct tac_learner *l, const char *text, size_t n,
                                  struct tacit_err *err) TAC_MUST_USE;

/* tac_learner_finish: learns the merges (progress gets tokens made so far and wanted; non-zero
 * stops with TACIT_ECANCEL; NULL: none) and appends the tokenizer.json to out. To be called once.
 */
enum tacit_status tac_learner_finish(struct tac_learner *l, struct tac_buf *out,
                                     int (*progress)(void *ctx, size_t done, size_t total),
                                     void *ctx, struct tacit_err *err) TAC_MUST_USE;

/* What was learned: special tokens have the ids from 0 on, the others follow; token i's bytes end
 * at end[i]. */
struct tac_pair {
    int32_t left, right;
};

struct tac_learned {
    const char *const *special;
    size_t n_special;
    const char *bytes;
    const size_t *end; /* (n_token) */
    size_t n_token;
    const struct tac_pair *merge; /* (n_merge) in their order */
    size_t n_merge;
    const char *pattern; /* that cuts texts into words */
};

/* tac_tokenizer_write: appends the tokenizer.json. (write.c) */
enum tacit_status tac_tokenizer_write(struct tac_buf *out, const struct tac_learned *l,
                                      struct tacit_err *err) TAC_MUST_USE;

#endif
