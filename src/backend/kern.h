/* The kernels of one instruction set. kern_*.c are compiled once a set; each exports one table of
 * functions, and backend.c picks the set. Drivers (gemm.c, attend.c, vocab.c, rows.c) hold the
 * loops, the threads and the choice of what runs where; kernels do the arithmetic on pieces that
 * fit a cache. */
#ifndef TAC_BACKEND_KERN_H
#define TAC_BACKEND_KERN_H

#include "backend/ops.h"

struct tac_kern_gemm;
struct tac_kern_tile;
struct tac_kern_thin;
struct tac_kern_attend;
struct tac_kern_rows;

struct tac_kern {
    const char *isa;  /* "portable", "avx2", "avx512" */
    const char *name; /* "cpu (avx2)" */
    const struct tac_kern_gemm *gemm;
    const struct tac_kern_tile *bf16;        /* products in precision bf16 */
    const struct tac_kern_tile *bf16_native; /* the same by AVX512_BF16, or NULL */
    const struct tac_kern_thin *thin;
    const struct tac_kern_attend *attend;
    const struct tac_kern_rows *rows; /* kern_rows.h */
};

/* Matrix products. C (M,N) = A (M,K) B (K,N) in tiles of mr x nr. A is packed in panels of mr rows,
 * B in panels of nr columns, both [words of K][mr or nr] with the missing rows or columns as zeros.
 * In float32 a word is a float. In precision bf16 (ops.h) it is either a pair of bfloat16, the even
 * k in its lower half, or a float that holds one: then the k of a pair are swapped, so that a chain
 * along the words is the law's. */
struct tac_kern_tile {
    size_t pad; /* K is filled up with zeros to a multiple of this */
    size_t per; /* k of a word */
    /* pack_t: words of src[i][k] at dst[word * width + i], i < n <= width, k < K; lanes n..width-1
     * become 0. src: rows of ld elements of a type (TAC_W_REAL reads as float). dst may be written
     * up to 16 words past its end. */
    void (*pack_t)(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K);
    /* pack_n: of src[k][i], else as pack_t. */
    void (*pack_n)(float *dst, size_t width, const void *src, enum tac_wtype type, size_t ld,
                   size_t n, size_t K);
    /* tile: the sums of one block of at most TAC_KC k, which are `words` words: c[i * nr + j] (+)=
     * the FMA chain from 0 over a[word * mr + i] * b[word * nr + j], for i < m <= mr and all nr
     * columns; `add`: added to what c holds. */
    void (*tile)(float *c, const float *a, const float *b, size_t m, size_t words, bool add);
};

struct tac_kern_gemm {
    size_t mr, nr;
    struct tac_kern_tile f32;
    /* finish: y[i * ld + j] = (c[i * nr + j] + bias[j]) + res[i * ld + j], i < m, j < n <= nr;
     * bias, res may be NULL; res may be y. */
    void (*finish)(float *y, size_t ld, const float *c, const float *bias, const float *res,
                   size_t m, size_t n);
    /* column_sum: sum[j] += (((0 + x[0][j]) + x[1][j]) + ...) over T rows of ld, j < n. */
    void (*column_sum)(float *sum, const float *x, size_t ld, size_t n, size_t T);
};

/* A product y (M,N) = x (M,K) w^T + bias + res of few rows: every weight is used M times and read
 * from memory for that, so nothing is packed. bias (N), res (M,N) may be NULL; res may be y. */
struct tac_thin {
    float *y;
    const float *x;
    const void *w; /* as stored: (N,K) for `panel`, (K,N) for `columns` */
    enum tac_wtype type;
    const float *bias, *res;
    size_t M, N, K;
    size_t end; /* columns of y that the caller goes up to; no weights behind them are asked for */
};

enum { TAC_THIN_N = 16, TAC_THIN_COLUMNS = 64 };

struct tac_kern_thin {
    size_t m; /* rows at most */
    /* panel: the columns of y from n0 on, TAC_THIN_N of them, or what is left of N. The weights of
     * the following columns are asked for meanwhile. */
    void (*panel)(const struct tac_thin *t, size_t n0);
    /* columns: of a weight (K,N), TAC_THIN_COLUMNS columns of y from n0 on, or what is left */
    void (*columns)(const struct tac_thin *t, size_t n0);
};

extern const struct tac_kern_thin tac_kern_thin_portable, tac_kern_thin_avx2, tac_kern_thin_avx512;

/* Attention of one head for a tile of queries of one segment. Scores lie key-major: s[j * TAC_QT +
 * i] is that of key j (its path index) and query i, so that keys and values are read as stored, and
 * a row's sums by path index are sums of whole vectors. `nv`: vectors of queries in use, 1 <= nv <=
 * TAC_QT / 16. */
enum { TAC_QT = 32 };

/* A run of n keys (or values) of width D, ld floats apart; `path` is the path index of the first.
 */
struct tac_keys {
    const float *x;
    size_t ld, n, path;
};

struct tac_kern_attend {
    size_t mr; /* rows that `combine` takes at most */
    /* pack: dst[d * TAC_QT + i] = x[row[i] * ld + d], i < n; other lanes of the nv vectors 0 */
    void (*pack)(float *dst, const float *x, const int32_t *row, size_t ld, size_t n, size_t D);
    /* dots: s = key . query, one FMA chain over D, of n queries; other lanes of the nv vectors 0 */
    void (*dots)(float *s, const float *query, const struct tac_keys *key, size_t D, size_t n);
    /* bias: s = scale * s + slope * (path - pos[i]); -inf where path > pos[i]; n keys from path
     * index `path`. max[i]: the running maximum, updated. */
    void (*bias)(float *s, float *max, const float *pos, size_t path, size_t n, float scale,
                 float slope, size_t nv);
    /* softmax: s = exp(s - max[i]) for n keys from path index 0; sum[i] by the law's 16 lanes */
    void (*softmax)(float *s, float *sum, const float *max, size_t n, size_t nv);
    /* slopes: p = s becomes exp(s - lse[i]), dp becomes p * (dp - delta[i]) * scale */
    void (*slopes)(float *s, float *dp, const float *lse, const float *delta, size_t n, float scale,
                   size_t nv);
    /* combine: y[i * ldy + d] is the end of the chain y <- fma(c[i * ci + j * cj], x[j], y), j <
     * x->n, for i < m <= mr rows and D columns */
    void (*combine)(float *y, size_t ldy, const float *c, size_t ci, size_t cj,
                    const struct tac_keys *x, size_t m, size_t D);
    /* divide: y (n) = x / by */
    void (*divide)(float *y, const float *x, float by, size_t n);
    /* lse: max + log(sum), n of them */
    void (*lse)(float *y, const float *max, const float *sum, size_t n);
};

extern const struct tac_kern_attend tac_kern_attend_portable, tac_kern_attend_avx2,
    tac_kern_attend_avx512;

extern const struct tac_kern_gemm tac_kern_gemm_portable, tac_kern_gemm_avx2, tac_kern_gemm_avx512;

extern const struct tac_kern_tile tac_kern_bf16_portable, tac_kern_bf16_avx2, tac_kern_bf16_avx512,
    tac_kern_bf16_native;

#endif
