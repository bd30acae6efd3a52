/* Plain vocabularies, as SentencePiece makes them: a word begins as its characters, "▁" stands for
 * a space, and a character without a token becomes the tokens of its bytes ("<0xE6>") or the
 * unknown token. */
#ifndef TAC_TOKENIZER_PLAIN_H
#define TAC_TOKENIZER_PLAIN_H

#include "tokenizer/bpe.h"

/* tac_byte_token: the byte that a token's text "<0x0A>" stands for, or -1. As HuggingFace
 * tokenizers reads it: six bytes with two digits, or '+' and one. */
int tac_byte_token(const char *s, size_t n);

/* tac_plain_symbols: the symbols that a word begins as; id has room for n. Returns how many. */
size_t tac_plain_symbols(const struct tac_bpe *b, int32_t *id, const char *word, size_t n);

/* tac_plain_finish: fills what b knows of a plain vocabulary, from its tokens, merges and unk. */
void tac_plain_finish(struct tac_bpe *b);

/* tac_plain_word: the bytes up to the next "▁" behind another character. Where b->words_apart, no
 * merge ever joins what it parts. */
size_t tac_plain_word(const char *s, size_t n);

#endif
