/* The tokens of a vocabulary: id to bytes, bytes to id.
 *
 * The tokenizer.json of a byte-level BPE writes a token in the byte-level alphabet: each byte is
 * one printable character (GPT-2's bytes_to_unicode; "Ġ" is a space). The table keeps the bytes
 * that are meant. A token with a character outside that alphabet (an added token with a space in
 * it) is kept as it is written and marked `literal`; no text byte ever becomes one, but it can be
 * found by name and decoded. In a `plain` vocabulary (SentencePiece's) every token is the text as
 * it is written. */
#ifndef TAC_TOKENIZER_VOCAB_H
#define TAC_TOKENIZER_VOCAB_H

#include "base/str.h"

enum { TAC_VOCAB_MAX = 1 << 22 }; /* ids are below this */

struct tac_token {
    uint32_t at; /* offset in bytes */
    uint32_t len : 28;
    uint32_t used : 1;
    uint32_t literal : 1;
    uint32_t special : 1; /* a special added token */
};

struct tac_vocab {
    struct tac_token *token; /* by id; `used` says whether the id has a token */
    size_t size, token_cap;  /* size: one past the largest id */
    size_t count;            /* ids in use */
    char *bytes;
    size_t n_bytes, bytes_cap;
    uint64_t *slot; /* open addressing: hash << 32 | id + 1, 0 where free */
    size_t mask;
    bool plain; /* set before the first token comes */
};

/* tac_vocab_reserve: room for n tokens without rehashing. */
enum tacit_status tac_vocab_reserve(struct tac_vocab *v, size_t n,
                                    struct tacit_err *err) TAC_MUST_USE;
void tac_vocab_release(struct tac_vocab *v);

/* tac_vocab_add: the token written as name gets this id. Refused: ill-formed UTF-8, a name or an id
 * that is there already, an id of TAC_VOCAB_MAX or more. */
enum tacit_status tac_vocab_add(struct tac_vocab *v, uint32_t id, const char *name, size_t n,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_vocab_append: as tac_vocab_add, but the token is not found, nor its name refused if it is
 * there already, before tac_vocab_index, which does that for all. A long list is read so: in the
 * index every token's place misses the caches, and here the next ones are asked for beforehand. */
enum tacit_status tac_vocab_append(struct tac_vocab *v, uint32_t id, const char *name, size_t n,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_vocab_index(struct tac_vocab *v, struct tacit_err *err) TAC_MUST_USE;

/* tac_vocab_find: the id of n bytes of text, or -1. tac_vocab_find_name: *id of a token as it is
 * written; fails for want of memory alone. */
int32_t tac_vocab_find(const struct tac_vocab *v, const char *bytes, size_t n);
enum tacit_status tac_vocab_find_name(const struct tac_vocab *v, int32_t *id, const char *name,
                                      size_t n, struct tacit_err *err) TAC_MUST_USE;

/* tac_vocab_find_all: tac_vocab_find of n texts, waiting for memory once and not n times. */
struct tac_vocab_query {
    const char *s;
    size_t n;
    uint32_t hash; /* scratch */
    int32_t id;    /* out */
};
void tac_vocab_find_all(const struct tac_vocab *v, struct tac_vocab_query *query, size_t n);

static inline const char *tac_vocab_bytes(const struct tac_vocab *v, int32_t id, size_t *n)
{
    *n = v->token[id].len;
    return v->bytes + v->token[id].at;
}

/* tac_bytes_of_name: undoes the byte-level alphabet; out holds n bytes. false, and out undefined,
 * where a character lies outside the alphabet. tac_vocab_bytes_of_name: the same, but the name
 * itself where v is plain. */
bool tac_bytes_of_name(char *out, size_t *out_n, const char *name, size_t n);
bool tac_vocab_bytes_of_name(const struct tac_vocab *v, char *out, size_t *out_n, const char *name,
                             size_t n);

/* tac_quote: a piece of text for a message, cut after 40 bytes; returns buf. */
const char *tac_quote(char buf[64], const char *s, size_t n);

#endif
