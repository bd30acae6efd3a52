/* Matrix products of few rows, for one instruction set (see kern.h). Sixteen rows of the matrix are
 * worked on side by side, a lane each: sixteen words of every row are read, transposed in registers
 * and used at once. A word is one float, or two 16-bit numbers. The sums are those of
 * kern_gemm.c's tile: one chain of multiply-adds in each block of TAC_KC, the blocks in order. */
#include "backend/kern.h"
#include "backend/load.h"

/* Rows of the product at most; above that packing pays. The portable kernel is left rolled: sixteen
 * lanes of plain C at every step would be too much for the compiler. */
#if defined(TAC_ISA_portable)
enum { M_MAX = 1 };
#define UNROLL _Pragma("GCC unroll 1")
#else
enum { M_MAX = 4 };
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum { LINE = 64 };

/* Sixteen rows of a matrix, `n` of them there, `ld` bytes apart. */
struct rows {
    const char *at;
    size_t ld, n;
};

/* What is asked for while a block is computed: sixteen runs of a block's length, the same columns'
 * or the first columns' of the next rows. A run of consecutive lines a step: memory gives them
 * faster than single lines of sixteen rows. */
struct ahead {
    const char *at;
    size_t ld, run, left; /* runs that are left */
};

SIMD_FN void ask(struct ahead *a, size_t runs)
{
    for (; runs && a->left; runs--, a->left--, a->at += a->ld)
        for (size_t i = 0; i < a->run; i += LINE)
            __builtin_prefetch(a->at + i, 0, 0);
}

/* Lane i: word number `word` of row i, transposed: r[j] is word j of all rows. `words`: those that
 * are there, the last perhaps half. */
SIMD_FN void load_words(v16 r[V16], const struct rows *w, size_t byte, size_t bytes, bool whole)
{
    UNROLL
    for (size_t i = 0; i < V16; i++) {
        const char *p = w->at + i * w->ld + byte;
        if (whole)
            r[i] = v16_load((const float *)(const void *)p);
        else {
            float some[V16] = {0};
            if (i < w->n)
                memcpy(some, p, bytes);
            r[i] = v16_load(some);
        }
    }
    v16_transpose(r);
}

SIMD_FN v16 number(const v16 r[V16], enum tac_wtype type, size_t k)
{
    if (type == TAC_W_F16)
        return k % 2 ? v16_f16_hi(r[k / 2]) : v16_f16_lo(r[k / 2]);
    if (type == TAC_W_BF16)
        return k % 2 ? v16_bf16_hi(r[k / 2]) : v16_bf16_lo(r[k / 2]);
    return r[k];
}

/* acc[i] += the products of n numbers of each row, one after another; x is of row 0's first. */
SIMD_FN void add_numbers(v16 *acc, const int m, const v16 r[V16], enum tac_wtype type,
                         const float *x, size_t ldx, size_t n)
{
    UNROLL
    for (size_t k = 0; k < n; k++) {
        v16 w = number(r, type, k);
        UNROLL
        for (int i = 0; i < m; i++)
            acc[i] = v16_fma(v16_set1(x[(size_t)i * ldx + k]), w, acc[i]);
    }
}

/* One block of k numbers from `from` on. The two halves of a panel take turns: one's chain of
 * multiply-adds alone would wait for itself. */
SIMD_FN void block(v16 acc[2][M_MAX], const int m, const struct tac_thin *t, enum tac_wtype type,
                   const struct rows w[2], size_t from, size_t k, struct ahead *a)
{
    const size_t size = tac_wtype_size(type, sizeof(float)), step = 4 * V16 / size,
                 runs = step / V16;
    const float *x = t->x + from;
    size_t done = 0;
    v16 r[V16];
    for (; w[1].n == V16 && done + step <= k; done += step)
        for (int h = 0; h < 2; h++) {
            ask(a, runs);
            load_words(r, &w[h], (from + done) * size, 4 * V16, true);
            add_numbers(acc[h], m, r, type, x + done, t->K, step);
        }
    for (; done < k; done += step)
        for (int h = 0; h < 2; h++) {
            size_t n = k - done < step ? k - done : step;
            load_words(r, &w[h], (from + done) * size, n * size, false);
            for (size_t j = 0; j < n; j++) {
                v16 last = number(r, type, j);
                for (int i = 0; i < m; i++)
                    acc[h][i] = v16_fma(v16_set1(x[(size_t)i * t->K + done + j]), last, acc[h][i]);
            }
        }
}

SIMD_FN void store(const struct tac_thin *t, const v16 *sum, const int m, size_t n0, size_t n)
{
    v16 b = t->bias ? v16_load_n(t->bias + n0, n) : v16_zero();
    UNROLL
    for (int i = 0; i < m; i++) {
        size_t at = (size_t)i * t->N + n0;
        v16 s = t->bias ? v16_add(sum[i], b) : sum[i];
        s = t->res ? v16_add(s, v16_load_n(t->res + at, n)) : s;
        v16_store_n(t->y + at, s, n);
    }
}

SIMD_FN void panel_rows(const int m, const struct tac_thin *t, enum tac_wtype type, size_t n0)
{
    size_t size = tac_wtype_size(type, sizeof(float)), ld = t->K * size;
    size_t n = t->N - n0 < TAC_THIN_N ? t->N - n0 : TAC_THIN_N;
    size_t below = t->N - n0 - n < TAC_THIN_N ? t->N - n0 - n : TAC_THIN_N;
    size_t first = n < V16 ? n : V16;
    const char *at = (const char *)t->w + n0 * ld;
    struct rows w[2] = {{at, ld, first}, {at + first * ld, ld, n - first}};
    v16 sum[2][M_MAX] = {{v16_zero()}};
    for (size_t k0 = 0; k0 < t->K; k0 += TAC_KC) {
        size_t k = t->K - k0 < TAC_KC ? t->K - k0 : TAC_KC, next = k0 + k;
        bool right = next < t->K;
        size_t wide = right ? t->K - next : t->K;
        struct ahead a = {right ? at + next * size : at + n * ld, ld,
                          (wide < TAC_KC ? wide : TAC_KC) * size, right ? n : below};
        v16 acc[2][M_MAX];
        for (int i = 0; i < 2 * m; i++)
            acc[i / m][i % m] = v16_zero();
        block(acc, m, t, type, w, k0, k, &a);
        for (int i = 0; i < 2 * m; i++) {
            v16 *s = &sum[i / m][i % m];
            *s = k0 ? v16_add(*s, acc[i / m][i % m]) : acc[i / m][i % m];
        }
    }
    store(t, sum[0], m, n0, first);
    if (n > first)
        store(t, sum[1], m, n0 + first, n - first);
}

/* Vectors of numbers side by side in a row of a weight (K,N), from byte p on; n numbers. */
SIMD_FN void load_columns(v16 *w, const int nv, const char *p, enum tac_wtype type, size_t n)
{
    UNROLL
    for (int j = 0; j < nv; j++) {
        size_t at = (size_t)j * V16;
        w[j] = at < n ? load_n(p + at * tac_wtype_size(type, sizeof(float)), type, n - at)
                      : v16_zero();
    }
}

SIMD_FN void columns_rows(const int m, const struct tac_thin *t, enum tac_wtype type, size_t n0)
{
    enum { NV = TAC_THIN_COLUMNS / V16, AHEAD = 16 };
    const size_t size = tac_wtype_size(type, sizeof(float)), ld = t->N * size;
    const size_t n = t->N - n0 < TAC_THIN_COLUMNS ? t->N - n0 : TAC_THIN_COLUMNS;
    const char *p = (const char *)t->w + n0 * size;
    v16 sum[M_MAX][NV] = {{v16_zero()}};
    for (size_t k0 = 0; k0 < t->K; k0 += TAC_KC) {
        v16 acc[M_MAX][NV], w[NV];
        for (int i = 0; i < m * NV; i++)
            acc[i / NV][i % NV] = v16_zero();
        for (size_t k = k0; k < t->K && k < k0 + TAC_KC; k++, p += ld) {
            for (size_t i = 0; i < TAC_THIN_COLUMNS * size; i += LINE)
                __builtin_prefetch(p + AHEAD * ld + i, 0, 0);
            load_columns(w, NV, p, type, n);
            UNROLL
            for (int i = 0; i < m; i++)
                UNROLL
            for (int j = 0; j < NV; j++)
                acc[i][j] = v16_fma(v16_set1(t->x[(size_t)i * t->K + k]), w[j], acc[i][j]);
        }
        for (int i = 0; i < m * NV; i++) {
            v16 *s = &sum[i / NV][i % NV];
            *s = k0 ? v16_add(*s, acc[i / NV][i % NV]) : acc[i / NV][i % NV];
        }
    }
    for (size_t j = 0; j < NV && j * V16 < n; j++) {
        v16 one[M_MAX];
        for (int i = 0; i < m; i++)
            one[i] = sum[i][j];
        store(t, one, m, n0 + j * V16, n - j * V16 < V16 ? n - j * V16 : V16);
    }
}

#define EACH_M(f, ...)                                                                             \
    switch (t->M) {                                                                                \
    case 1:                                                                                        \
        f(1, __VA_ARGS__);                                                                         \
        break;                                                                                     \
        MORE(f, __VA_ARGS__)                                                                       \
    }
#if defined(TAC_ISA_portable)
#define MORE(f, ...)
#else
#define MORE(f, ...)                                                                               \
    case 2:                                                                                        \
        f(2, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 3:                                                                                        \
        f(3, __VA_ARGS__);                                                                         \
        break;                                                                                     \
    case 4:                                                                                        \
        f(4, __VA_ARGS__);                                                                         \
        break;
#endif

#define EACH_TYPE(f)                                                                               \
    if (t->type == TAC_W_F16) {                                                                    \
        EACH_M(f, t, TAC_W_F16, n0)                                                                \
    } else if (t->type == TAC_W_BF16) {                                                            \
        EACH_M(f, t, TAC_W_BF16, n0)                                                               \
    } else {                                                                                       \
        EACH_M(f, t, TAC_W_F32, n0)                                                                \
    }

static void panel(const struct tac_thin *t, size_t n0)
{
    EACH_TYPE(panel_rows)
}

static void columns(const struct tac_thin *t, size_t n0)
{
    EACH_TYPE(columns_rows)
}

const struct tac_kern_thin TAC_KERN_NAME(tac_kern_thin) = {
    .m = M_MAX, .panel = panel, .columns = columns};
