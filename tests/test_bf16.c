/* Precision bf16 (src/backend/ops.h), written out here number by number: every instruction set
 * gives exactly these bytes, whether its processor has instructions for bfloat16 or not; trainable
 * weights know nothing of it. */
#include "check.h"

#include "backend/backend.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const char *const SETS[] = {"portable", "avx2", "avx512"};
enum { N_SETS = sizeof SETS / sizeof SETS[0] };

/* NULL where the machine lacks the instruction set. */
static struct tac_backend *open_set(const char *isa, const char *precision)
{
    struct tac_backend_options o = {.isa = isa, .threads = 2, .precision = precision};
    struct tac_backend *be = NULL;
    struct tacit_err err = {0};
    enum tacit_status s = tac_backend_open(&be, &o, &err);
    if (s == TACIT_EINPUT && strcmp(isa, "portable") != 0)
        return NULL;
    assert_ok(s, err);
    return be;
}

static float flushed(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* The nearest number of 8 significant bits, found without touching bits. */
static float rounded(float x)
{
    if (flushed(x) == 0 || !isfinite(x))
        return flushed(x);
    int e;
    double m = frexp((double)x, &e) * 256; /* 128 <= |m| < 256 */
    return (float)ldexp(rint(m), e - 8);
}

/* One element of x w^T, the law's way. */
static float element(const float *x, const float *w, size_t K)
{
    float sum = 0;
    for (size_t from = 0; from < K; from += TAC_KC) {
        size_t n = K - from < TAC_KC ? K - from : TAC_KC;
        float chain = 0;
        for (size_t k = from; k < from + n; k += 2) {
            bool pair = k + 1 < from + n;
            chain =
                flushed(fmaf(pair ? rounded(x[k + 1]) : 0, pair ? rounded(w[k + 1]) : 0, chain));
            chain = flushed(fmaf(rounded(x[k]), rounded(w[k]), chain));
        }
        sum = from ? sum + chain : chain;
    }
    return sum;
}

enum { M = 27, N = 83, K = 601, MOST = N * K };

struct numbers {
    float x[MOST], w[MOST], y[M * N], dx[M * K];
};

/* Numbers of every size, subnormal ones and ties of the rounding among them. */
static float odd_number(struct tac_rng *rng, int i)
{
    float x = (float)tac_rng_normal(rng);
    if (i % 7 == 0)
        return rounded(x) * (1 + 0x1p-8f); /* half-way between two */
    if (i % 13 == 0)
        return x * 1e-39f;
    return i % 11 == 0 ? x * 1e-20f : x;
}

static void fill(struct numbers *s, bool tiny)
{
    struct tac_rng rng = tac_rng_init(5, 0);
    for (int i = 0; i < MOST; i++) {
        s->x[i] = odd_number(&rng, i) * (tiny ? 1e-19f : 1);
        s->w[i] = odd_number(&rng, i + 3) * (tiny ? 1e-19f : 1);
    }
}

static void assert_bytes(const float *got, const float *want, size_t n, const char *isa,
                         const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s, %s[%zu]: %.9g instead of %.9g", isa, what, i, (double)got[i],
                     (double)want[i]);
}

/* y = x w^T (M,N) and dx = y w (M,K) with what they should be. */
static void check_products(struct tac_backend *be, struct numbers *s, const char *isa)
{
    static float y[M * N], dx[M * K], column[N];
    struct tac_weight w = {s->w, TAC_W_F32, N, K, false};
    be->ops->matmul(be, y, s->x, &w, NULL, NULL, M);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++)
            s->y[i * N + j] = element(s->x + i * K, s->w + j * K, K);
    assert_bytes(y, s->y, M * N, isa, "matmul");
    be->ops->matmul_dx(be, dx, y, &w, NULL, M);
    for (size_t k = 0; k < K; k++) {
        for (size_t j = 0; j < N; j++)
            column[j] = s->w[j * K + k];
        for (size_t i = 0; i < M; i++)
            s->dx[i * K + k] = element(y + i * N, column, N);
    }
    assert_bytes(dx, s->dx, M * K, isa, "matmul_dx");
}

static void computes_the_law(void **state)
{
    (void)state;
    struct numbers *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (int i = 0; i < 2 * N_SETS; i++) {
        struct tac_backend *be = open_set(SETS[i / 2], "bf16");
        fill(s, i % 2);
        if (be)
            check_products(be, s, SETS[i / 2]);
        tac_backend_close(be);
    }
    free(s);
}

/* float16 and bfloat16 weights give what their values as float32 give. */
static void takes_every_type(void **state)
{
    (void)state;
    enum { COLS = 70, ROWS = 45 };
    static uint16_t bits[ROWS * COLS];
    static float x[M * COLS], full[ROWS * COLS], got[M * ROWS], want[M * ROWS];
    struct tac_rng rng = tac_rng_init(6, 0);
    for (int i = 0; i < N_SETS; i++) {
        struct tac_backend *be = open_set(SETS[i], "bf16");
        for (int type = TAC_W_F16; be && type <= TAC_W_BF16; type++) {
            int32_t src[ROWS];
            for (int j = 0; j < ROWS * COLS; j++)
                bits[j] =
                    (uint16_t)((type == TAC_W_F16 ? 0x3800 : 0x3f00) + tac_rng_below(&rng, 0x700)) ^
                    (uint16_t)(j % 3 ? 0x8000 : 0);
            for (int j = 0; j < M * COLS; j++)
                x[j] = (float)tac_rng_normal(&rng);
            for (int j = 0; j < ROWS; j++)
                src[j] = j;
            struct tac_weight half = {bits, (enum tac_wtype)type, ROWS, COLS, false},
                              whole = {full, TAC_W_F32, ROWS, COLS, false};
            be->ops->embed(be, full, &half, NULL, src, ROWS, COLS);
            be->ops->matmul(be, got, x, &half, NULL, NULL, M);
            be->ops->matmul(be, want, x, &whole, NULL, NULL, M);
            assert_bytes(got, want, M * ROWS, SETS[i], "matmul");
        }
        tac_backend_close(be);
    }
}

static void leaves_trainable_weights_alone(void **state)
{
    (void)state;
    static float x[M * K], w[N * K], got[M * N], want[M * N];
    struct tac_rng rng = tac_rng_init(7, 0);
    struct tac_backend *half = open_set("portable", "bf16"), *full = open_set("portable", "f32");
    for (int i = 0; i < N * K; i++)
        w[i] = (float)tac_rng_normal(&rng);
    for (int i = 0; i < M * K; i++)
        x[i] = (float)tac_rng_normal(&rng);
    struct tac_weight trained = {w, TAC_W_REAL, N, K, false}, frozen = {w, TAC_W_F32, N, K, false};
    half->ops->matmul(half, got, x, &trained, NULL, NULL, M);
    full->ops->matmul(full, want, x, &trained, NULL, NULL, M);
    assert_memory_equal(got, want, sizeof got);
    half->ops->matmul(half, got, x, &frozen, NULL, NULL, M);
    assert_memory_not_equal(got, want, sizeof got);
    tac_backend_close(half);
    tac_backend_close(full);
}

static void refuses_other_precisions(void **state)
{
    (void)state;
    struct tac_backend_options o = {.precision = "f8"};
    struct tac_backend *be;
    struct tacit_err err;
    assert_int_equal(tac_backend_open(&be, &o, &err), TACIT_EINPUT);
    assert_string_equal(err.msg, "precision 'f8': expected f32 or bf16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_the_law),
        cmocka_unit_test(takes_every_type),
        cmocka_unit_test(leaves_trainable_weights_alone),
        cmocka_unit_test(refuses_other_precisions),
    };
    return cmocka_run_group_tests_name("bf16", tests, NULL, NULL);
}
