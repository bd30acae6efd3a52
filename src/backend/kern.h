/* The kernels of one instruction set. kern_*.c are compiled once a set; each exports one table of
 * functions, and backend.c picks the set. Drivers (gemm.c, attend.c, vocab.c, rows.c) hold the
 * loops, the threads and the choice of what runs where; kernels do the arithmetic on pieces that
 * fit a cache. */
#ifndef TAC_BACKEND_KERN_H
#define TAC_BACKEND_KERN_H

#include "backend/ops.h"

struct tac_kern_gemm;
struct tac_kern_attend;
struct tac_kern_vocab;
struct tac_kern_rows;

struct tac_kern {
    const char *isa;  /* "portable", "avx2", "avx512" */
    const char *name; /* "cpu (avx2)" */
    const struct tac_kern_gemm *gemm;
    const struct tac_kern_attend *attend;
    const struct tac_kern_vocab *vocab;
    const struct tac_kern_rows *rows; /* kern_rows.h */
};

/* Matrix products. C (M,N) = A (M,K) B (K,N) in tiles of mr x nr. A is packed in panels of mr rows,
 * B in panels of nr columns, both [K][mr or nr] with the missing rows or columns as zeros. */
struct tac_kern_gemm {
    size_t mr, nr;
    /* pack_t: dst[k * width + i] = src[i][k], i < n <= width, k < K; lanes n..width-1 become 0.
     * src: rows of ld elements of a type (TAC_W_REAL reads as float). dst may be written up to
     * 16 floats past its K * width. */
    void (*pack_t)(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K);
    /* pack_n: dst[k * width + i] = src[k][i], else as pack_t. */
    void (*pack_n)(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K);
    /* tile: the sums of one block of k <= TAC_KC: c[i * nr + j] (+)= sum_k a[k * mr + i] * b[k * nr
     * + j], one FMA chain from 0, for i < m <= mr and all nr columns; `add`: added to what c holds.
     */
    void (*tile)(float *c, const float *a, const float *b, size_t m, size_t k, bool add);
    /* finish: y[i * ld + j] = (c[i * nr + j] + bias[j]) + res[i * ld + j], i < m, j < n <= nr;
     * bias, res may be NULL; res may be y. */
    void (*finish)(float *y, size_t ld, const float *c, const float *bias, const float *res,
                   size_t m, size_t n);
    /* column_sum: sum[j] += (((0 + x[0][j]) + x[1][j]) + ...) over T rows of ld, j < n. */
    void (*column_sum)(float *sum, const float *x, size_t ld, size_t n, size_t T);
};

extern const struct tac_kern_gemm tac_kern_gemm_portable, tac_kern_gemm_avx2, tac_kern_gemm_avx512;

#endif
