/* ggml's tensors, as GGUF files hold them: float32, half, bfloat16, and blocks of signed bytes. */
#ifndef TAC_FORMAT_GGML_H
#define TAC_FORMAT_GGML_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAC_GGML_RANK = 4 };

/* How elements are stored, with ggml's numbers: those that are read here. Q8_0: blocks of 32 in a
 * row, a half-precision scale and 32 signed bytes; an element is their product. */
enum tac_ggml_type { TAC_GGML_F32 = 0, TAC_GGML_F16 = 1, TAC_GGML_Q8_0 = 8, TAC_GGML_BF16 = 30 };

/* The name of one of ggml's types by its number ("Q4_K"), or NULL. */
const char *tac_ggml_name(uint64_t type);
/* Whether it is read here. */
bool tac_ggml_is_read(uint64_t type);

/* A stored array: rows follow each other. In C's order of dimensions: shape[rank - 1] runs fastest
 * (the file has them the other way round). */
struct tac_ggml_tensor {
    const char *name;
    enum tac_ggml_type type;
    int rank;
    size_t shape[TAC_GGML_RANK];
    size_t n; /* elements */
    const unsigned char *data;
    size_t bytes;
};

/* tac_ggml_bytes: *bytes of n elements in rows of `row`; false where blocks do not fill the rows,
 * or the bytes do not fit size_t. */
bool tac_ggml_bytes(size_t *bytes, enum tac_ggml_type type, size_t n, size_t row);
/* tac_ggml_read: out (n): the elements from `from` on, exactly. */
void tac_ggml_read(float *out, const struct tac_ggml_tensor *t, size_t from, size_t n);

#endif
