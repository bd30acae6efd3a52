/* The tokenizer: text to ids and back, exactly as HuggingFace tokenizers does from the same file.
 *
 * Byte-level BPE as BLOOM, GPT-2, GPT-NeoX, Qwen2 and Llama 3 use it, and SentencePiece's BPE with
 * byte fallback as Llama 2 and Mistral use it, from a tokenizer.json or from GPT-2's vocab.json and
 * merges.txt. A file that asks for anything else is refused by name. What transformers does around
 * it (truncation, padding) is the caller's. */
#ifndef TAC_TOKENIZER_TOKENIZER_H
#define TAC_TOKENIZER_TOKENIZER_H

#include "tokenizer/bpe.h"

enum { TAC_TEXT_MAX = 1 << 30 }; /* bytes of one text */

/* Shared by threads: immutable once opened, but for the word caches (2 MB each) that it lends to
 * one call of tac_tokenizer_encode at a time. */
struct tac_tokenizer;

/* tac_tokenizer_open: path is a tokenizer.json, or a folder with one, or with vocab.json and
 * merges.txt. */
enum tacit_status tac_tokenizer_open(struct tac_tokenizer **out, const char *path,
                                     struct tacit_err *err) TAC_MUST_USE;
/* tac_tokenizer_parse: the text of a tokenizer.json; `name` stands for it in messages. */
enum tacit_status tac_tokenizer_parse(struct tac_tokenizer **out, const char *text, size_t n,
                                      const char *name, struct tacit_err *err) TAC_MUST_USE;
void tac_tokenizer_close(struct tac_tokenizer *t);

/* tac_tokenizer_size: one past the largest id. */
size_t tac_tokenizer_size(const struct tac_tokenizer *t);
/* tac_tokenizer_token: the bytes of text that one token stands for, not ended by NUL; *special (may
 * be NULL) tells whether it is a special added token. NULL where id has no token. */
const char *tac_tokenizer_token(const struct tac_tokenizer *t, int32_t id, size_t *n,
                                bool *special);
/* tac_tokenizer_id: of a token as the file writes it ("Ġthe", "</s>"); -1 where there is none. */
int32_t tac_tokenizer_id(const struct tac_tokenizer *t, const char *content);
/* tac_tokenizer_affixes: what the post-processor's template puts before and after a single text;
 * borrowed, often none. */
void tac_tokenizer_affixes(const struct tac_tokenizer *t, const int32_t **before, size_t *n_before,
                           const int32_t **after, size_t *n_after);

/* struct tac_ids (bpe.h): ids of a growing array; zeroed is empty. */
void tac_ids_release(struct tac_ids *ids);

/* tac_tokenizer_encode: appends the ids of n bytes of UTF-8 (NUL is a character), a text by itself.
 * Refuses text that is not well-formed, by offset. On failure nothing is appended.
 * tac_tokenizer_encode_as: `how` is a sum of TACIT_TEXT_* (tacit.h). */
enum tacit_status tac_tokenizer_encode(const struct tac_tokenizer *t, struct tac_ids *out,
                                       const char *text, size_t n,
                                       struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_tokenizer_encode_as(const struct tac_tokenizer *t, struct tac_ids *out,
                                          const char *text, size_t n, unsigned how,
                                          struct tacit_err *err) TAC_MUST_USE;

/* One thread's scratch memory and word cache (2 MB), for encoding many texts. */
struct tac_encoder;
enum tacit_status tac_encoder_new(struct tac_encoder **out, const struct tac_tokenizer *t,
                                  struct tacit_err *err) TAC_MUST_USE;
void tac_encoder_free(struct tac_encoder *e);
/* tac_encoder_encode: as tac_tokenizer_encode_as. */
enum tacit_status tac_encoder_encode(struct tac_encoder *e, struct tac_ids *out, const char *text,
                                     size_t n, unsigned how, struct tacit_err *err) TAC_MUST_USE;

/* tac_tokenizer_decode: appends the text of n ids, always well-formed UTF-8: an ill-formed sequence
 * becomes U+FFFD, as Rust's from_utf8_lossy does it; of byte tokens that are ill-formed together
 * each does. Ids without a token are passed over, special tokens if skip_special. */
enum tacit_status tac_tokenizer_decode(const struct tac_tokenizer *t, struct tac_buf *out,
                                       const int32_t *ids, size_t n, bool skip_special,
                                       struct tacit_err *err) TAC_MUST_USE;

/* Decoding token by token: whole characters only come out, and all that came out, with the flush,
 * is what tac_tokenizer_decode gives. {.t = t, .skip_special = ...} is ready. */
struct tac_decode_stream {
    const struct tac_tokenizer *t;
    bool skip_special,
        continues;       /* continues: a space at the beginning stays, for text is before */
    struct tac_buf held; /* the beginning of a character, or a run of byte tokens */
    bool begun;          /* a token has come */
    bool in_text;        /* nothing more is stripped from the beginning */
    size_t stripped;     /* characters */
};

/* tac_decode_stream_next: appends what one more token completes, perhaps nothing.
 * tac_decode_stream_flush: appends what is still held; ready for a new text. */
enum tacit_status tac_decode_stream_next(struct tac_decode_stream *d, struct tac_buf *out,
                                         int32_t id, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_decode_stream_flush(struct tac_decode_stream *d, struct tac_buf *out,
                                          struct tacit_err *err) TAC_MUST_USE;
void tac_decode_stream_release(struct tac_decode_stream *d);

/* tac_tokenizer_piece: appends what one token is inside a text. */
enum tacit_status tac_tokenizer_piece(const struct tac_tokenizer *t, struct tac_buf *out,
                                      int32_t id, struct tacit_err *err) TAC_MUST_USE;

#endif
