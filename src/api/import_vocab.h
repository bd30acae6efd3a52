/* A vocabulary on its way into a tokenizer.json; for the files import_vocab*.c. */
#ifndef TAC_API_IMPORT_VOCAB_H
#define TAC_API_IMPORT_VOCAB_H

#include "api/import.h"

/* A rule that cuts texts into words, under llama.cpp's name. split: a regular expression before the
 * bytes' alphabet; "": GPT-2's, which ByteLevel has itself. normalizer: JSON. */
struct tac_word_rule {
    const char *name, *split, *normalizer;
    bool ignore_merges; /* a word that is a token is that token */
};

/* The rule of this name, or NULL. (import_vocab_parts.c) */
const struct tac_word_rule *tac_words_rule(const char *name);

/* What is being written. order: (n_order) ids by text, of the tokens that are written at all;
 * model: by id, which stand in the model's vocabulary. */
struct tac_words_out {
    struct tac_buf *to;
    const struct tac_import_vocab *v;
    size_t *order, n_order;
    bool *model;
    struct tacit_err *err;
};

enum tacit_status tac_words_add(struct tac_words_out *o, const char *text) TAC_MUST_USE;
enum tacit_status tac_words_quote(struct tac_words_out *o, const char *s, size_t n) TAC_MUST_USE;
enum tacit_status tac_words_quote_token(struct tac_words_out *o, size_t id) TAC_MUST_USE;
/* The id of a text, or v->n. */
size_t tac_words_id(const struct tac_words_out *o, const char *s, size_t n);

/* The normalizer, pre-tokenizer, post-processor and decoder. (import_vocab_parts.c) */
enum tacit_status tac_words_parts(struct tac_words_out *o) TAC_MUST_USE;
/* The list of merges, from its first item to the file's end. (import_vocab_merges.c) */
enum tacit_status tac_words_merges(struct tac_words_out *o) TAC_MUST_USE;

#endif
