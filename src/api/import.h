/* Models in other programs' files, on their way into HuggingFace folders: a file is read into a
 * tac_import (sizes, tensors under llama.cpp's names, vocabulary), which its architecture's row of
 * tables turns into HuggingFace's names, layouts and fields. For the files of this folder. */
#ifndef TAC_API_IMPORT_H
#define TAC_API_IMPORT_H

#include "format/gguf.h"
#include "format/json.h"
#include "format/llama2c.h"

/* Sizes: those that a file gives, and products of them. */
enum tac_import_size {
    TAC_I_NONE,
    TAC_I_L,   /* layers */
    TAC_I_C,   /* width */
    TAC_I_F,   /* MLP width */
    TAC_I_H,   /* heads */
    TAC_I_G,   /* key/value heads */
    TAC_I_D,   /* head width */
    TAC_I_T,   /* longest text */
    TAC_I_V,   /* vocabulary */
    TAC_I_HD,  /* H * D */
    TAC_I_GD,  /* G * D */
    TAC_I_3HD, /* queries, keys and values in one matrix */
    TAC_N_SIZE
};

/* How a tensor's rows stand in HuggingFace's layout. */
enum tac_import_how {
    TAC_AS_IT_IS,
    TAC_HALVES_Q, /* a head's rows are rotary pairs, one after another, in the file; HuggingFace has
                     the first of all pairs, then the second. Of H heads, and of G */
    TAC_HALVES_K,
    TAC_BY_HEAD, /* all queries, all keys, all values in the file; HuggingFace has those of a head
                    together */
    TAC_TRANSPOSED, /* [in, out], as GPT-2 has it */
};

/* What may be absent, all of it together: whether the first tensor of the group is there says so.
 */
enum tac_import_group { TAC_NEEDED, TAC_HEAD, TAC_BIAS, TAC_MLP_BIAS, TAC_N_GROUP };

/* A tensor: its name in GGUF (behind "blk.N." in a layer) and in HuggingFace's folder (with one %zu
 * in a layer); [rows, cols] as the file has it, cols NONE for a vector. */
struct tac_import_rule {
    const char *gguf, *name;
    enum tac_import_size rows, cols;
    enum tac_import_how how;
    enum tac_import_group group;
};

/* A field of config.json that is a size, or a text. */
struct tac_import_number {
    const char *field;
    enum tac_import_size size;
};
struct tac_import_text {
    const char *field, *value;
};

/* Where positions come from: rotary embedding of whole heads, of a part, of learned rows, of
 * ALiBi. */
enum tac_import_position { TAC_ROPE, TAC_ROPE_PART, TAC_LEARNED, TAC_ALIBI };

/* An architecture: what is not said here is the same in all. Lists end with a
 * NULL name; those of a layer are two, of which the second may be NULL. */
struct tac_import_arch {
    const char *gguf;                    /* general.architecture */
    const char *model_type, *class_name; /* model_type, architectures */
    const char *eps_key, *eps_field;     /* "attention.layer_norm_epsilon", "layer_norm_eps" */
    enum tac_import_position position;
    bool grouped;                   /* keys may have fewer heads, and heads a width of their own */
    bool window;                    /* a sliding window can be said: as a Mistral */
    bool factors;                   /* rope_freqs.weight may be there: LLaMA 3's scaling */
    bool residual;                  /* use_parallel_residual is read */
    bool four;                      /* the MLP is four times as wide, and no field says so */
    const char *group[TAC_N_GROUP]; /* fields that say whether a group is there */
    const struct tac_import_number *numbers;
    struct tac_import_text text; /* the activation; NULL: no field says it */
    const struct tac_import_rule *global, *layer[2];
};

extern const struct tac_import_arch tac_import_archs[];
extern const size_t tac_import_n_arch;

/* The row of this name, or NULL. */
const struct tac_import_arch *tac_import_arch(const char *gguf);

/* ---- vocabularies ---- */

/* llama.cpp's kinds of tokens. */
enum tac_import_kind {
    TAC_T_NORMAL = 1,
    TAC_T_UNKNOWN = 2,
    TAC_T_CONTROL = 3,
    TAC_T_USER = 4,
    TAC_T_UNUSED = 5,
    TAC_T_BYTE = 6
};

struct tac_import_token {
    const char *s; /* UTF-8, not NUL-terminated */
    size_t n;
    float score; /* of SentencePiece's */
    enum tac_import_kind kind;
};

struct tac_import_merge {
    struct tac_gguf_string left, right;
};

/* SentencePiece's BPE by scores with byte fallback, or byte-level BPE with merges. Ids below 0: not
 * there. */
struct tac_import_vocab {
    const char *file; /* for messages */
    bool sentencepiece;
    bool space;      /* a space is put in front of a text (SentencePiece) */
    const char *pre; /* llama.cpp's name of the rule that cuts texts into words (byte-level) */
    struct tac_import_token *token; /* (n) by id, in the arena */
    size_t n;
    struct tac_import_merge *merge; /* (n_merge), byte-level */
    size_t n_merge;
    int64_t bos, eos, unk, pad;
    bool add_bos, add_eos;
};

/* tac_import_pre: TACIT_EINPUT unless a rule of this name is known. */
enum tacit_status tac_import_pre(const char *name, const char *file,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_import_tokenizer: appends the tokenizer.json. Checks ids, tokens and merges. */
enum tacit_status tac_import_tokenizer(struct tac_buf *out, const struct tac_import_vocab *v,
                                       struct tacit_err *err) TAC_MUST_USE;
/* tac_import_tokenizer_config: what stands in tokenizer_config.json; NULL: no memory. */
json_t *tac_import_tokenizer_config(const struct tac_import_vocab *v);

/* ---- a model ---- */

/* A tensor for the folder: the file's under its new name. */
struct tac_import_tensor {
    char *name;
    const struct tac_ggml_tensor *from;
    enum tac_import_how how;
};

/* A model being imported. A zeroed struct is empty; release closes the file. */
struct tac_import {
    const char *path;
    struct tac_gguf gguf; /* one of these is open */
    struct tac_llama2c llama2c;
    struct tac_llama2c_pieces pieces;
    struct tac_arena arena;
    const struct tac_import_arch *arch;
    size_t size[TAC_N_SIZE];
    size_t rotary, window; /* rows of a head that are turned; 0: no window */
    double eps, theta;
    json_t *scaling; /* rope_scaling, or NULL */
    bool parallel;   /* use_parallel_residual */
    bool tied, has[TAC_N_GROUP];
    struct tac_ggml_tensor *source; /* (n_source) by name */
    size_t n_source;
    struct tac_import_tensor *tensor; /* (n_tensor) */
    size_t n_tensor;
    bool has_vocab;
    struct tac_import_vocab vocab;
};

/* tac_import_gguf, tac_import_llama2c: opens and reads a file; tokenizer may be NULL. */
enum tacit_status tac_import_gguf(struct tac_import *m, const char *path,
                                  struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_import_llama2c(struct tac_import *m, const char *path, const char *tokenizer,
                                     struct tacit_err *err) TAC_MUST_USE;
void tac_import_release(struct tac_import *m);

/* tac_import_products: fills the sizes that follow from others. */
void tac_import_products(struct tac_import *m);
/* tac_import_bind: finds the tensors that the architecture asks for, checks their shapes, and that
 * none is left over. `known` (may be NULL) is one that was understood apart. */
enum tacit_status tac_import_bind(struct tac_import *m, const char *known,
                                  struct tacit_err *err) TAC_MUST_USE;
/* tac_import_read: out (n): elements of a tensor in its new layout, from `from` on. */
void tac_import_read(const struct tac_import *m, float *out, const struct tac_import_tensor *t,
                     size_t from, size_t n);
/* tac_import_config: what stands in config.json, but for its dtype; NULL: no memory. */
json_t *tac_import_config(const struct tac_import *m);
/* tac_import_dtype: "f32", "f16" or "bf16": what its matrices are written in, where `dtype` (NULL:
 * nothing) was asked for. */
const char *tac_import_dtype(const struct tac_import *m, const char *dtype);
/* tac_import_write: the folder: model.safetensors tensor by tensor from the mapped file, the
 * tokenizer, config.json last. On failure nothing new is left in dir. */
enum tacit_status tac_import_write(const struct tac_import *m, const char *dir, const char *dtype,
                                   const struct tacit_progress *progress,
                                   struct tacit_err *err) TAC_MUST_USE;

#endif
