#include "format/ggml.h"

#include "base/mem.h"
#include "format/dtype.h"

#include <string.h>

enum { BLOCK = 32, BLOCK_BYTES = 2 + BLOCK };

/* By number; gaps are types that are gone. */
static const char *const ggml_names[] = {
    "F32",     "F16",   "Q4_0",   "Q4_1",  "4",     "5",      "Q5_0", "Q5_1",    "Q8_0",
    "Q8_1",    "Q2_K",  "Q3_K",   "Q4_K",  "Q5_K",  "Q6_K",   "Q8_K", "IQ2_XXS", "IQ2_XS",
    "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",   "I16",     "I32",
    "I64",     "F64",   "IQ1_M",  "BF16",  "31",    "32",     "33",   "TQ1_0",   "TQ2_0",
    "36",      "37",    "38",     "MXFP4", "NVFP4", "Q1_0"};

const char *tac_ggml_name(uint64_t type)
{
    return type < sizeof ggml_names / sizeof *ggml_names ? ggml_names[type] : NULL;
}

bool tac_ggml_is_read(uint64_t type)
{
    return type == TAC_GGML_F32 || type == TAC_GGML_F16 || type == TAC_GGML_BF16 ||
           type == TAC_GGML_Q8_0;
}

bool tac_ggml_bytes(size_t *bytes, enum tac_ggml_type type, size_t n, size_t row)
{
    if (type == TAC_GGML_Q8_0)
        return row % BLOCK == 0 && tac_mul(n / BLOCK, BLOCK_BYTES, bytes);
    return tac_mul(n, type == TAC_GGML_F32 ? 4 : 2, bytes);
}

static void read_q8(float *out, const unsigned char *data, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *block = data + (from + i) / BLOCK * BLOCK_BYTES;
        float scale = tac_f16_to_f32((uint16_t)(block[0] | block[1] << 8));
        out[i] = scale * (float)(int8_t)block[2 + (from + i) % BLOCK];
    }
}

void tac_ggml_read(float *out, const struct tac_ggml_tensor *t, size_t from, size_t n)
{
    TAC_CHECK(from <= t->n && n <= t->n - from);
    if (t->type == TAC_GGML_Q8_0) {
        read_q8(out, t->data, from, n);
    } else if (t->type == TAC_GGML_F32) {
        if (n)
            memcpy(out, t->data + 4 * from, n * sizeof *out);
    } else {
        enum tac_dtype d = t->type == TAC_GGML_F16 ? TAC_F16 : TAC_BF16;
        for (size_t i = 0; i < n; i++)
            out[i] = (float)tac_dtype_get(t->data, d, from + i);
    }
}
