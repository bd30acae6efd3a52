/* Sixteen elements of a weight matrix, expanded to float. For the kern_*.c files alone. */
#ifndef TAC_BACKEND_LOAD_H
#define TAC_BACKEND_LOAD_H

#include "backend/ops.h"
#include "backend/simd.h"

/* The first n elements at p, unaligned; the other lanes 0. Meant for a type that the compiler
 * knows. */
SIMD_FN v16 load_n(const void *p, enum tac_wtype type, size_t n)
{
    if (type == TAC_W_F16)
        return n >= V16 ? v16_load_f16(p) : v16_load_f16_n(p, n);
    if (type == TAC_W_BF16)
        return n >= V16 ? v16_load_bf16(p) : v16_load_bf16_n(p, n);
    return n >= V16 ? v16_load(p) : v16_load_n(p, n);
}

#endif
