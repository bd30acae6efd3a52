/* Element types of stored tensors, named as safetensors names them, and their conversion. */
#ifndef TAC_FORMAT_DTYPE_H
#define TAC_FORMAT_DTYPE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the safetensors library's own enum, which its files are sorted by. Its types of
 * less than a byte (F4, F6_*) are not known here. */
enum tac_dtype {
    TAC_BOOL,
    TAC_U8,
    TAC_I8,
    TAC_F8_E5M2,
    TAC_F8_E4M3,
    TAC_F8_E8M0,
    TAC_I16,
    TAC_U16,
    TAC_F16,
    TAC_BF16,
    TAC_I32,
    TAC_U32,
    TAC_F32,
    TAC_C64,
    TAC_F64,
    TAC_I64,
    TAC_U64,
    TAC_N_DTYPE,
};

size_t tac_dtype_size(enum tac_dtype t);      /* bytes an element */
const char *tac_dtype_name(enum tac_dtype t); /* "F32" */
bool tac_dtype_parse(enum tac_dtype *out, const char *name);
/* F16, BF16, F32, F64: those that tac_dtype_convert reads. */
bool tac_dtype_is_float(enum tac_dtype t);

/* Half (IEEE binary16) and bfloat16 bits. Widening is exact; narrowing rounds to nearest, ties to
 * even, and keeps NaN a NaN. */
float tac_f16_to_f32(uint16_t bits);
float tac_bf16_to_f32(uint16_t bits);
uint16_t tac_f32_to_f16(float v);
uint16_t tac_f32_to_bf16(float v);

/* tac_dtype_get: element i of an array of floats (tac_dtype_is_float) that may be unaligned. */
double tac_dtype_get(const void *data, enum tac_dtype t, size_t i);
/* tac_dtype_put: the reverse, for F16, BF16 and F32, narrowed as above. */
void tac_dtype_put(void *data, enum tac_dtype t, size_t i, float v);

/* The types that models are written in: "f32", "f16", "bf16" on the command line (others: F32),
 * "float32" and the like in config.json. */
enum tac_dtype tac_dtype_short(const char *name);
const char *tac_dtype_torch(enum tac_dtype t);

#endif
