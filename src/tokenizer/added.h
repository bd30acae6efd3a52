/* Added tokens: texts such as <|endoftext|> that are found before a text is normalised and split.
 *
 * As in HuggingFace tokenizers: from left to right the longest token at a place; one that must
 * stand alone (single_word) is passed over as a whole if it does not; lstrip and rstrip take white
 * space along. */
#ifndef TAC_TOKENIZER_ADDED_H
#define TAC_TOKENIZER_ADDED_H

#include "tokenizer/chars.h"

struct tac_added_token {
    int32_t id;
    bool single_word, lstrip, rstrip;
};

/* A trie over the tokens' bytes. A zeroed struct is empty. */
struct tac_added {
    struct tac_added_token *token;
    size_t n, cap;
    struct tac_added_node *node;
    size_t n_nodes, node_cap;
    uint32_t root[256]; /* node of a first byte, 0 where there is none */
};

/* tac_added_add: a token written as these n > 0 bytes; of two that are written alike the first
 * counts. */
enum tacit_status tac_added_add(struct tac_added *added, const char *text, size_t n,
                                struct tac_added_token token, struct tacit_err *err) TAC_MUST_USE;
void tac_added_release(struct tac_added *added);

/* What is done with each part, in order: an added token (id >= 0), or n > 0 bytes of text (id -1).
 */
typedef enum tacit_status tac_part_fn(void *context, int32_t id, const char *s, size_t n,
                                      struct tacit_err *err);

/* tac_added_split: calls part for the added tokens of n bytes of well-formed UTF-8 and for what is
 * between them. */
enum tacit_status tac_added_split(const struct tac_added *added, const uint8_t *chars,
                                  const char *s, size_t n, tac_part_fn *part, void *context,
                                  struct tacit_err *err) TAC_MUST_USE;

#endif
