/* Sixteen float lanes, one source for three instruction sets: TAC_ISA_avx512 (one register),
 * TAC_ISA_avx2 (two) and TAC_ISA_portable (plain C, which the compiler may vectorise). Every
 * operation gives the same bits in all three: only correctly rounded operations are offered, fused
 * multiply-adds are explicit, and horizontal sums follow the fixed tree of ops.h. For the kern_*.c
 * files alone, which are compiled once a set.
 *
 * A `v16` is a value, an `m16` a mask of lanes. Loads and stores need no alignment. `_n`: the first
 * n lanes only, 0 <= n (n >= 16 means all); the others load as 0 and are not stored; no byte beyond
 * is touched. */
#ifndef TAC_BACKEND_SIMD_H
#define TAC_BACKEND_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(TAC_ISA_avx512) || defined(TAC_ISA_avx2)
#include <immintrin.h>
#endif

#define TAC_PASTE_(a, b) a##_##b
#define TAC_PASTE(a, b)  TAC_PASTE_(a, b)
/* TAC_KERN_NAME(f): f with the instruction set as suffix, for symbols that leave a kern_*.c file.
 */
#define TAC_KERN_NAME(name) TAC_PASTE(name, TAC_ISA)

#define SIMD_FN static inline __attribute__((always_inline, unused))

enum { V16 = 16 };

/* x + V16_ROUND - V16_ROUND is x rounded to the nearest integer (ties to even), |x| < 2^22. */
#define V16_ROUND 12582912.0f

#if defined(TAC_ISA_avx512)
#include "backend/simd_avx512.h"
#elif defined(TAC_ISA_avx2)
#include "backend/simd_avx2.h"
#else
#include "backend/simd_portable.h"
#endif

#if !defined(TAC_ISA_avx512)
/* Sixteen words of sixteen rows, `ld` bytes apart: r[i] lane j is word i of row j. */
SIMD_FN void v16_load_transposed(v16 r[V16], const char *p, size_t ld)
{
    for (size_t i = 0; i < V16; i++)
        r[i] = v16_load((const float *)(const void *)(p + i * ld));
    v16_transpose(r);
}
#endif

/* Lanes 0..n-1 of a, the others of b. */
SIMD_FN v16 v16_first(size_t n, v16 a, v16 b)
{
    return v16_select(m16_first(n), a, b);
}

SIMD_FN v16 v16_neg(v16 a)
{
    return v16_xor_bits(a, v16_set1_bits(0x80000000u));
}

SIMD_FN v16 v16_abs(v16 a)
{
    return v16_and_bits(a, v16_set1_bits(0x7fffffffu));
}

/* The magnitude of a with the sign of s. */
SIMD_FN v16 v16_copysign(v16 a, v16 s)
{
    return v16_xor_bits(v16_abs(a), v16_and_bits(s, v16_set1_bits(0x80000000u)));
}

/* A scalar fused multiply-add, a * b + c, as the vector one. */
SIMD_FN float tac_fmaf(float a, float b, float c)
{
#if defined(TAC_ISA_portable)
    return fma_one(a, b, c);
#else
    return __builtin_fmaf(a, b, c);
#endif
}

#endif
