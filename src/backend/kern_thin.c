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

/* Asks for line i of sixteen behind `ahead`, and for the one some lines further: a processor whose
 * fill buffers are taken drops what it is asked for, so that each line is asked for twice. */
SIMD_FN void ask(const char *ahead, size_t i)
{
    enum { AGAIN = 128 * LINE };
    __builtin_prefetch(ahead + i * LINE + AGAIN, 0, 3);
    __builtin_prefetch(ahead + i * LINE, 0, 3);
}

/* The words in `bytes` of each row, the last perhaps half, as v16_load_transposed gives them; zeros
 * for what is not there. */
SIMD_FN void load_rest(v16 r[V16], const struct rows *w, size_t byte, size_t bytes)
{
    UNROLL
    for (size_t i = 0; i < V16; i++) {
        float some[V16] = {0};
        if (i < w->n)
            memcpy(some, w->at + i * w->ld + byte, bytes);
        r[i] = v16_load(some);
    }
    v16_transpose(r);
}

/* Number k of each row, from a line of words. */
SIMD_FN v16 number(const v16 r[V16], enum tac_wtype type, size_t k)
{
    if (type == TAC_W_F16)
        return k % 2 ? v16_f16_hi(r[k / 2]) : v16_f16_lo(r[k / 2]);
    if (type == TAC_W_BF16)
        return k % 2 ? v16_bf16_hi(r[k / 2]) : v16_bf16_lo(r[k / 2]);
    return r[k];
}

/* acc[i] += the products of a line's numbers of each row, from number k on, one after another.
 * Sixteen lines of what is ahead are asked for meanwhile. */
SIMD_FN void add_line(v16 *acc, const int m, const struct tac_thin *t, enum tac_wtype type,
                      const struct rows *w, size_t k, const char **ahead)
{
    const size_t size = tac_wtype_size(type, sizeof(float));
    v16 r[V16];
    v16_load_transposed(r, w->at + k * size, w->ld);
    UNROLL
    for (size_t j = 0; j < LINE / size; j++) {
        if (j % (4 / size) == 0)
            ask(*ahead, j * size / 4);
        v16 x = number(r, type, j);
        UNROLL
        for (int i = 0; i < m; i++)
            acc[i] = v16_fma(v16_set1(t->x[(size_t)i * t->K + k + j]), x, acc[i]);
    }
    *ahead += V16 * LINE;
}

/* The same of the numbers up to `end`. */
SIMD_FN void add_rest(v16 *acc, const int m, const struct tac_thin *t, enum tac_wtype type,
                      const struct rows *w, size_t k, size_t end, const char **ahead)
{
    const size_t size = tac_wtype_size(type, sizeof(float)), step = LINE / size;
    v16 r[V16];
    for (; w->n == V16 && k + step <= end; k += step)
        add_line(acc, m, t, type, w, k, ahead);
    for (; k < end; k += step) {
        size_t n = end - k < step ? end - k : step;
        load_rest(r, w, k * size, n * size);
        for (size_t j = 0; j < n; j++) {
            v16 x = number(r, type, j);
            for (int i = 0; i < m; i++)
                acc[i] = v16_fma(v16_set1(t->x[(size_t)i * t->K + k + j]), x, acc[i]);
        }
    }
}

/* The block from k0 on and the one behind it, where there is one, a line of either in turn: one's
 * chain of multiply-adds alone would wait for itself. */
SIMD_FN void two_blocks(v16 acc[2][M_MAX], const int m, const struct tac_thin *t,
                        enum tac_wtype type, const struct rows *w, size_t k0, const char **ahead)
{
    const size_t step = LINE / tac_wtype_size(type, sizeof(float));
    size_t middle = t->K - k0 < TAC_KC ? t->K : k0 + TAC_KC,
           end = t->K - middle < TAC_KC ? t->K : middle + TAC_KC;
    size_t both = w->n == V16 ? (end - middle) / step * step : 0;
    for (size_t k = k0; k < k0 + both; k += step)
        for (size_t h = 0; h < 2; h++)
            add_line(acc[h], m, t, type, w, k + h * TAC_KC, ahead);
    add_rest(acc[0], m, t, type, w, k0 + both, middle, ahead);
    add_rest(acc[1], m, t, type, w, middle + both, end, ahead);
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
    const size_t ld = t->K * tac_wtype_size(type, sizeof(float));
    const char *at = (const char *)t->w + n0 * ld;
    const char *ahead = n0 + 2 * TAC_THIN_N > t->end ? at : at + TAC_THIN_N * ld;
    struct rows w = {at, ld, t->N - n0 < V16 ? t->N - n0 : V16};
    v16 sum[M_MAX] = {v16_zero()};
    for (size_t k0 = 0; k0 < t->K; k0 += 2 * TAC_KC) {
        v16 acc[2][M_MAX];
        for (int i = 0; i < 2 * m; i++)
            acc[i / m][i % m] = v16_zero();
        two_blocks(acc, m, t, type, &w, k0, &ahead);
        for (int i = 0; i < m; i++) {
            sum[i] = k0 ? v16_add(sum[i], acc[0][i]) : acc[0][i];
            sum[i] = t->K - k0 > TAC_KC ? v16_add(sum[i], acc[1][i]) : sum[i];
        }
    }
    store(t, sum, m, n0, w.n);
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
