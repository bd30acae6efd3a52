/* The files of Karpathy's llama2.c: checkpoints of version 0 and tokenizers. Neither has a magic: a
 * checkpoint is seven int32 and float32 arrays without gaps; a tokenizer is the longest piece's
 * length and, for each piece, a score, a length and bytes. Little-endian. Source:
 * github.com/karpathy/llama2.c export.py (legacy_export), tokenizer.py (export), run.c. */
#ifndef TAC_FORMAT_LLAMA2C_H
#define TAC_FORMAT_LLAMA2C_H

#include "format/gguf.h"

/* The arrays of a checkpoint in its order; those up to FFN_UP are there once a layer, one layer
 * after another. COS and SIN (seq_len, head width / 2): the rotary angles that it was trained
 * with. */
enum tac_llama2c_array {
    TAC_LLAMA2C_EMBED,
    TAC_LLAMA2C_ATTN_NORM,
    TAC_LLAMA2C_Q,
    TAC_LLAMA2C_K,
    TAC_LLAMA2C_V,
    TAC_LLAMA2C_OUT,
    TAC_LLAMA2C_FFN_NORM,
    TAC_LLAMA2C_GATE,
    TAC_LLAMA2C_DOWN,
    TAC_LLAMA2C_UP,
    TAC_LLAMA2C_NORM,
    TAC_LLAMA2C_COS,
    TAC_LLAMA2C_SIN,
    TAC_LLAMA2C_HEAD,
    TAC_N_LLAMA2C
};

/* An open checkpoint. A zeroed struct is closed. */
struct tac_llama2c {
    struct tac_map map;
    size_t C, F, L, H, G, V,
        T;     /* width, MLP width, layers, heads, key heads, vocabulary, context */
    bool tied; /* the head is the embedding: there is no HEAD */
    size_t rows[TAC_N_LLAMA2C], cols[TAC_N_LLAMA2C]; /* of one layer's array; rows 1: a vector */
    const unsigned char *data[TAC_N_LLAMA2C];        /* of layer 0; NULL: not there */
};

/* tac_llama2c_is: whether the file at path begins as a checkpoint of any version does: seven
 * plausible sizes (which as float32 would be denormal numbers), or the magic of later versions. */
bool tac_llama2c_is(const char *path);
/* tac_llama2c_open: maps the file and checks that the header's sizes go together and come to
 * exactly the file's size. Another version, or a breach, is TACIT_EINPUT, naming what was found and
 * expected. */
enum tacit_status tac_llama2c_open(struct tac_llama2c *m, const char *path,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_llama2c_close(struct tac_llama2c *m);
/* The array of a layer (0 for those that are there once), of type F32; its name is not set. */
struct tac_ggml_tensor tac_llama2c_array(const struct tac_llama2c *m, enum tac_llama2c_array a,
                                         size_t layer);

/* A piece as the file has it: "\n<s>\n" for <s>, a space for SentencePiece's U+2581. */
struct tac_llama2c_piece {
    float score;
    struct tac_gguf_string text; /* in the map */
};

struct tac_llama2c_pieces {
    struct tac_map map;
    struct tac_llama2c_piece *piece;
    size_t n;
};

/* tac_llama2c_pieces_open: a tokenizer of n pieces, as many as its checkpoint's vocabulary has. The
 * file must hold exactly these, none longer than it says at its beginning, all well-formed UTF-8
 * without NUL and none empty. */
enum tacit_status tac_llama2c_pieces_open(struct tac_llama2c_pieces *p, const char *path, size_t n,
                                          struct tacit_err *err) TAC_MUST_USE;
void tac_llama2c_pieces_close(struct tac_llama2c_pieces *p);

#endif
