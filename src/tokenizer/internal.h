/* What a tokenizer is made of; for the files of this folder alone. */
#ifndef TAC_TOKENIZER_INTERNAL_H
#define TAC_TOKENIZER_INTERNAL_H

#include "format/json.h"
#include "tokenizer/added.h"
#include "tokenizer/normal.h"
#include "tokenizer/part.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer.h"

#include <stdatomic.h>

enum { TAC_IDLE_MAX = 8 };

/* Encoders between two calls of tac_tokenizer_encode, with the words that they have met. A slot is
 * emptied by who takes its encoder, so calls of several threads never share one. What an encoder
 * remembers does not change ids. */
struct tac_idle {
    _Atomic(struct tac_encoder *) slot[TAC_IDLE_MAX]; /* NULL where there is none */
};

/* An added token that the normaliser changes: HuggingFace tokenizers decodes it as it is
 * normalised. */
struct tac_renamed {
    int32_t id;
    char *text; /* owned */
};

/* How the tokens of a plain vocabulary become text again; zeroed for a byte-level one. */
struct tac_decoding {
    struct tac_normal replace; /* done to each token */
    bool byte_fallback;        /* "<0x0A>" is a byte: runs of them are characters */
    size_t strip;              /* so many strip_char disappear from the beginning of the text */
    char strip_char[5];
    char first[5]; /* Metaspace: this character disappears from the first token; else "" */
    struct tac_renamed *renamed;
    size_t n_renamed, renamed_cap;
    /* What comes out, by id: text[at[id], at[id + 1]), of a byte that byte. */
    struct tac_buf text;
    uint32_t *at;
    uint8_t *is_byte;
};

struct tac_tokenizer {
    uint8_t *chars;       /* tac_chars_new */
    struct tac_added raw; /* added tokens looked for in the text as it is */
    struct tac_normal normal;
    struct tac_added normalised; /* added tokens looked for in the normalised text */
    struct tac_split split;
    struct tac_bpe bpe;
    struct tac_decoding decoding;
    struct tac_ids before, after; /* the template's tokens */
    struct tac_idle *idle;        /* all that changes once the tokenizer is open */
};

/* tac_load_json: fills a zeroed tokenizer from the text of a tokenizer.json. tac_load_gpt2: from a
 * folder's vocab.json and merges.txt. On failure t is left for tac_tokenizer_close. (load.c) */
enum tacit_status tac_load_json(struct tac_tokenizer *t, const char *text, size_t n,
                                const char *name, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_gpt2(struct tac_tokenizer *t, const char *folder,
                                struct tacit_err *err) TAC_MUST_USE;

/* The parts of a tokenizer.json around the model; each value may be NULL, for null. `name` is the
 * file's. The pre-tokeniser comes first: it says whether the vocabulary, still empty, is plain.
 * Added tokens come last: they are normalised, and their ids must fit the vocabulary. (parts.c,
 * decoding.c, entries.c) */
enum tacit_status tac_load_normalizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                      struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_pre_tokenizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                         struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_post_processor(struct tac_tokenizer *t, const json_t *v,
                                          const char *name, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_decoder(struct tac_tokenizer *t, const json_t *v, const char *name,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_added_tokens(struct tac_tokenizer *t, const json_t *v, const char *name,
                                        struct tacit_err *err) TAC_MUST_USE;

/* tac_decoding_rename: an added token of a plain vocabulary is decoded as if it were n bytes at s.
 * tac_decoding_finish: makes the texts of all tokens, once the vocabulary is complete. */
enum tacit_status tac_decoding_rename(struct tac_tokenizer *t, int32_t id, const char *s, size_t n,
                                      struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_decoding_finish(struct tac_tokenizer *t, struct tacit_err *err) TAC_MUST_USE;
void tac_decoding_release(struct tac_decoding *d);

/* tac_load_replace: a Replace of normalizers and decoders. tac_load_metaspace: a Metaspace of
 * pre-tokenisers and decoders. */
enum tacit_status tac_load_replace(struct tac_normal *normal, const struct tac_part *p,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_load_metaspace(struct tac_split_step *step, const struct tac_part *p,
                                     struct tacit_err *err) TAC_MUST_USE;

/* tac_split_add_byte_level: ByteLevel's own steps. */
enum tacit_status tac_split_add_byte_level(struct tac_split *split, bool add_prefix_space,
                                           bool use_regex, struct tacit_err *err) TAC_MUST_USE;

/* An entry of added_tokens. */
struct tac_added_spec {
    int32_t id;
    const char *content;
    bool single_word, lstrip, rstrip, normalized, special;
};
/* tac_search_added_token: makes a token of the vocabulary one that texts are searched for. */
enum tacit_status tac_search_added_token(struct tac_tokenizer *t, const struct tac_added_spec *spec,
                                         struct tacit_err *err) TAC_MUST_USE;

#endif
