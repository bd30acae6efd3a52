/* safetensors: a mapped file of named tensors. A u64 (little-endian) header length, a JSON header
 * padded with spaces, the tensors' bytes without gaps. Source: github.com/huggingface/safetensors
 * (format, lib.rs). */
#ifndef TAC_FORMAT_SAFETENSORS_H
#define TAC_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "format/dtype.h"

enum { TAC_TENSOR_RANK = 8 };

/* A stored tensor, row-major. Rank 0 is a single element. */
struct tac_tensor {
    const char *name;
    enum tac_dtype dtype;
    int rank;
    size_t shape[TAC_TENSOR_RANK];
    const unsigned char *data; /* in the map; may be unaligned */
    size_t bytes;
    size_t place; /* of one that is written piece by piece (tac_supply) */
};

/* Where the elements of tensors without data come from while a file is written: give fills out with
 * n of them from `from` on, which counts from the tensor's place. next (may be NULL) is called
 * before each such tensor; its failure ends the writing. */
struct tac_supply {
    void (*give)(void *ctx, float *out, size_t from, size_t n);
    void *ctx;
    enum tacit_status (*next)(void *ctx, const struct tac_tensor *t, struct tacit_err *err);
};

/* An entry of "__metadata__". */
struct tac_meta {
    const char *key, *value;
};

/* An open file: the tensors in the order of their names. A zeroed struct is closed. */
struct tac_safetensors {
    struct tac_map map;
    struct tac_arena arena; /* names and arrays */
    struct tac_tensor *tensor;
    size_t n;
    struct tac_meta *meta;
    size_t n_meta;
};

/* tac_safetensors_open: maps the file and checks its header: at most 100 MB of valid JSON; every
 * tensor of a known dtype and a rank up to 8, its bytes as many as dtype and shape say; the bytes
 * of the file covered exactly once. A breach is TACIT_EINPUT, naming file and tensor. */
enum tacit_status tac_safetensors_open(struct tac_safetensors *s, const char *path,
                                       struct tacit_err *err) TAC_MUST_USE;
void tac_safetensors_close(struct tac_safetensors *s);

/* The tensor of this name, or NULL. */
const struct tac_tensor *tac_safetensors_find(const struct tac_safetensors *s, const char *name);
/* The metadata value of this key, or NULL. */
const char *tac_safetensors_meta(const struct tac_safetensors *s, const char *key);

size_t tac_tensor_count(const struct tac_tensor *t); /* elements */
/* tac_tensor_get: element i of a float tensor (tac_dtype_is_float). */
double tac_tensor_get(const struct tac_tensor *t, size_t i);
/* tac_tensor_read_f32: out (n): the elements from `from` on of a float tensor; F64 is rounded. */
void tac_tensor_read_f32(float *out, const struct tac_tensor *t, size_t from, size_t n);

/* tac_safetensors_write: a file of n tensors (name, dtype, rank, shape, data; `bytes` is not read)
 * with the bytes that HuggingFace's save_file writes: tensors by dtype, widest first, then by name;
 * the metadata is
 * {"format":"pt"} where meta is NULL. Whole or not at all. Two equal names: TACIT_EINPUT. */
enum tacit_status tac_safetensors_write(const char *path, const struct tac_tensor *tensor, size_t n,
                                        const struct tac_meta *meta, size_t n_meta,
                                        struct tacit_err *err) TAC_MUST_USE;
/* tac_safetensors_supply: likewise; tensors whose data is NULL (F32, F16 or BF16) are written as
 * supply gives them, in small pieces, so that no copy of a large one is made; rounded to nearest,
 * ties to even. A finite value that the dtype is too narrow for is TACIT_EINPUT. */
enum tacit_status tac_safetensors_supply(const char *path, const struct tac_tensor *tensor,
                                         size_t n, const struct tac_meta *meta, size_t n_meta,
                                         const struct tac_supply *supply,
                                         struct tacit_err *err) TAC_MUST_USE;

#endif
