/* A backend: an op table with its threads and memory.
 *   ref, ref64   plain loops in float and double: what the others are held against
 *   cpu          own kernels, chosen at run time: portable, avx2, avx512; same bytes from each */
#ifndef TAC_BACKEND_BACKEND_H
#define TAC_BACKEND_BACKEND_H

#include "backend/ops.h"
#include "base/mem.h"

struct tac_kern;
struct tac_kern_tile;
struct tac_trace;

struct tac_backend {
    const struct tac_ops *ops;
    const char *name;              /* "cpu (avx512)" */
    const char *const *arithmetic; /* its names by precision (tac_backend_arithmetic) */
    size_t real_size;
    int threads;
    bool bf16;               /* the precision (ops.h) */
    bool native;             /* ... and the processor has instructions for it */
    bool fault;              /* latched by finite */
    struct tac_trace *trace; /* what watches the ops (trace.h), or NULL */
    /* cpu only */
    const struct tac_kern *kern;        /* kernels of the instruction set in use */
    const struct tac_kern_tile *frozen; /* products with frozen weights, in the precision */
    void *scratch;                      /* packing buffers, one piece a thread */
    size_t scratch_bytes;
};

struct tac_backend_options {
    const char *name; /* "cpu" (also NULL), "ref", "ref64" */
    const char *isa; /* NULL or "auto"; "portable", "avx2", "avx512": TACIT_EINPUT where the machine
                        lacks it */
    const char *precision; /* "f32" (also NULL), "bf16" (ops.h) */
    int threads;           /* 0: as many as the machine has processors */
};

enum tacit_status tac_backend_open(struct tac_backend **out, const struct tac_backend_options *o,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_backend_close(struct tac_backend *be);

/* tac_backend_set_precision: bf16, or float32, from the next op on. */
void tac_backend_set_precision(struct tac_backend *be, bool bf16);

/* tac_backend_arithmetic: what results depend on: "cpu", "cpu, bf16", "ref", "ref64", ... */
const char *tac_backend_arithmetic(const struct tac_backend *be);

/* Bytes of host memory that the backend keeps besides what alloc gave (for the memory plan). */
size_t tac_backend_overhead(const struct tac_backend *be);
size_t tac_backend_resident(const struct tac_backend *be); /* of these, in memory now */

/* Address of element i of a real array. */
static inline void *tac_real_at(const struct tac_backend *be, const void *p, size_t i)
{
    return (char *)(uintptr_t)p + i * be->real_size;
}

#endif
