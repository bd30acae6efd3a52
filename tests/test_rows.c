/* The numeric law of the cpu backend on every case of ops_cases.h and on the optimisers: the same
 * bytes from each instruction set and any number of threads; a row alone as in a batch; in place as
 * elsewhere. And how far the activations are from their true values. */
#include "ops_run.h"

#include <float.h>

static const struct subject SETTINGS[] = {
    {"portable, 1 thread", "cpu", "portable", 1, "f32"},
    {"portable, 3 threads", "cpu", "portable", 3, "f32"},
    {"avx2, 1 thread", "cpu", "avx2", 1, "f32"},
    {"avx2, 2 threads", "cpu", "avx2", 2, "f32"},
    {"avx512, 1 thread", "cpu", "avx512", 1, "f32"},
    {"avx512, 3 threads", "cpu", "avx512", 3, "f32"},
};
static const char *const PRECISIONS[] = {"f32", "bf16"};
enum { N_SETTINGS = sizeof SETTINGS / sizeof SETTINGS[0] };

/* ---- one law for all settings ---- */

static void assert_same_arrays(const struct call *c, double **got, double **want, const char *label)
{
    for (int i = 0; i < c->n; i++)
        for (size_t j = 0; j < elements(&c->a[i]); j++)
            if (memcmp(&got[i][j], &want[i][j], sizeof(double)) != 0)
                fail_msg("%s, %s, %s[%zu,%zu]: %.9g, but %.9g with %s", c->is->name, label,
                         c->a[i].name, j / c->a[i].cols, j % c->a[i].cols, got[i][j], want[i][j],
                         SETTINGS[0].label);
}

static void free_arrays(const struct call *c, double **x)
{
    for (int i = 0; i < c->n; i++)
        free(x[i]);
}

static struct tac_backend *open_setting(int i, const char *precision)
{
    struct subject s = SETTINGS[i];
    s.precision = precision;
    return open_subject(&s);
}

static void check_same_bytes(const struct op_case *op, const char *precision)
{
    double *want[MAX_ARRAYS], *got[MAX_ARRAYS];
    struct tac_backend *be = open_setting(0, precision);
    struct call c;
    call_init(&c, op);
    run_case(be, &c, want);
    tac_backend_close(be);
    for (int s = 1; s < N_SETTINGS; s++) {
        be = open_setting(s, precision);
        if (!be)
            continue;
        run_case(be, &c, got);
        assert_same_arrays(&c, got, want, SETTINGS[s].label);
        free_arrays(&c, got);
        tac_backend_close(be);
    }
    free_arrays(&c, want);
    call_release(&c);
}

static void test_same_bytes(void **state)
{
    for (size_t i = 0; i < sizeof PRECISIONS / sizeof PRECISIONS[0]; i++)
        check_same_bytes(*state, PRECISIONS[i]);
}

/* ---- optimisers and reductions ---- */

enum { OPT_R = 150, OPT_C = 331, OPT_N = OPT_R * OPT_C };

struct optimised {
    float adamw[OPT_N], adafactor[OPT_N], single[OPT_N];
    double sumsq;
};

static float *device_normal(struct tac_backend *be, uint64_t stream)
{
    struct tac_rng rng = tac_rng_init(3, stream);
    float *p = be->ops->alloc(be, OPT_N * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < OPT_N; i++)
        p[i] = (float)tac_rng_normal(&rng);
    return p;
}

static void optimise(struct tac_backend *be, struct optimised *out)
{
    float *p = device_normal(be, 1), *q = device_normal(be, 2), *r = device_normal(be, 3);
    float *g = device_normal(be, 4), *m = be->ops->alloc(be, sizeof out->adamw);
    float *v = be->ops->alloc(be, sizeof out->adamw), *w = be->ops->alloc(be, sizeof out->adamw);
    assert_true(m && v && w);
    for (int step = 1; step <= 3; step++) {
        struct tac_adamw a = {0.01, 0.9, 0.999, 1e-8, 0.1, step, 0.7};
        struct tac_adafactor f = {0.01, -0.8, 1e-30, 1e-3, 1, 0.01, true, step == 2, step, 0.7};
        be->ops->adamw(be, p, m, v, g, OPT_N, &a);
        be->ops->adafactor(be, q, w, w + OPT_R, g, OPT_R, OPT_C, &f);
    }
    be->ops->zero(be, w, OPT_N);
    struct tac_adafactor f = {0.01, -0.8, 1e-30, 1e-3, 1, 0.01, true, false, 1, 0.7};
    be->ops->adafactor(be, r, w, NULL, g, OPT_N, 1, &f);
    out->sumsq = be->ops->sumsq(be, g, OPT_N);
    be->ops->download(be, out->adamw, p, OPT_N);
    be->ops->download(be, out->adafactor, q, OPT_N);
    be->ops->download(be, out->single, r, OPT_N);
    void *all[] = {p, q, r, g, m, v, w};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        be->ops->release(be, all[i]);
}

static void test_optimisers_same_bytes(void **state)
{
    (void)state;
    struct optimised *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);
    assert_true(want && got);
    for (int s = 0; s < N_SETTINGS; s++) {
        struct tac_backend *be = open_subject(&SETTINGS[s]);
        if (!be)
            continue;
        optimise(be, s == 0 ? want : got);
        if (s > 0)
            assert_memory_equal(got, want, sizeof *want);
        tac_backend_close(be);
    }
    free(want);
    free(got);
}

/* ---- a row alone ---- */

enum { ROWS = 37, WIDTH = 24 * 31 };

/* A batch of rows through norm, norm_dx, act, act_dx, gate, gate_dx, heads and rope, computed
 * together or row by row. */
struct batch {
    float x[ROWS * WIDTH], g[WIDTH], b[WIDTH], stat[ROWS * 2];
    float y[ROWS * WIDTH], dx[ROWS * WIDTH], a[ROWS * WIDTH], da[ROWS * WIDTH];
    float gate[ROWS * WIDTH], dgate[ROWS * WIDTH], du[ROWS * WIDTH], table[1001 * 20];
    float q[ROWS * WIDTH / 3], k[ROWS * WIDTH / 3], v[ROWS * WIDTH / 3];
    int32_t pos[ROWS];
};

static void batch_ops(struct tac_backend *be, struct batch *s, size_t t, size_t n)
{
    struct tac_heads hd = {TAC_QKV_INTERLEAVED, 8, 8, 31};
    struct tac_rope rope = {31, 20, true, s->table};
    size_t at = t * WIDTH, part = at / 3;
    be->ops->norm(be, s->y + at, s->stat + 2 * t, s->x + at, s->g, s->b, n, WIDTH, 1e-5,
                  TAC_LAYERNORM);
    be->ops->norm_dx(be, s->dx + at, s->x + at, s->y + at, s->x + at, s->stat + 2 * t, s->g, n,
                     WIDTH, TAC_LAYERNORM);
    be->ops->act(be, s->a + at, s->x + at, n * WIDTH, TAC_GELU_TANH);
    be->ops->act_dx(be, s->da + at, s->y + at, s->x + at, n * WIDTH, TAC_GELU_TANH);
    be->ops->gate(be, s->gate + at, s->x + at, s->y + at, n * WIDTH, TAC_GELU);
    be->ops->gate_dx(be, s->dgate + at, s->du + at, s->dx + at, s->x + at, s->y + at, n * WIDTH,
                     TAC_SILU);
    be->ops->heads(be, s->q + part, s->k + part, s->v + part, s->x + at, &hd, n);
    be->ops->rope(be, s->q + part, &rope, s->pos + t, n, 8, false);
    be->ops->rope(be, s->k + part, &rope, s->pos + t, n, 8, true);
}

static void batch_fill(struct batch *s)
{
    struct tac_rng rng = tac_rng_init(1, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        s->x[i] = 3 * (float)tac_rng_normal(&rng);
    for (size_t i = 0; i < WIDTH; i++) {
        s->g[i] = (float)tac_rng_normal(&rng);
        s->b[i] = (float)tac_rng_normal(&rng);
    }
    for (size_t i = 0; i < sizeof s->table / sizeof *s->table; i++)
        s->table[i] = (float)tac_rng_normal(&rng);
    for (int t = 0; t < ROWS; t++)
        s->pos[t] = 1000 - t;
}

/* ---- products of few rows ---- */

enum { THIN_M = 14, THIN_N = 101, THIN_K = 2 * TAC_KC + 45, MANY = 40 };

struct thin {
    float x[MANY * THIN_K], w[THIN_N * THIN_K], bias[THIN_N], res[MANY * THIN_N];
    uint16_t half[THIN_N * THIN_K]; /* of both 16-bit types: finite as either */
    float many[MANY * THIN_N], few[THIN_M * THIN_N];
};

static void thin_fill(struct thin *s)
{
    struct tac_rng rng = tac_rng_init(1, 2);
    float *x = s->x; /* w, bias and res lie behind it */
    for (size_t i = 0; i < offsetof(struct thin, half) / sizeof *x; i++)
        x[i] = (float)tac_rng_normal(&rng);
    for (size_t i = 0; i < THIN_N * THIN_K; i++)
        s->half[i] = (uint16_t)(tac_rng_below(&rng, 1 << 16) & 0xbfff);
}

/* Few rows take a path of their own; they have the bytes that they have among many. With and
 * without bias and residual, the weight stored across, and its gradient. */
static void check_thin(struct tac_backend *be, struct thin *s, enum tac_wtype type)
{
    const void *data = type == TAC_W_F32 ? (void *)s->w : s->half;
    for (int how = 0; how < 8; how++) {
        bool across = how & 2, back = how & 4;
        const float *bias = how & 1 ? NULL : s->bias, *res = how & 1 ? NULL : s->res;
        struct tac_weight w = {data, type, back ? THIN_K : THIN_N, back ? THIN_N : THIN_K, across};
        for (size_t m = 0; m <= THIN_M; m++) {
            float *y = m ? s->few : s->many;
            if (back)
                be->ops->matmul_dx(be, y, s->x, &w, res, m ? m : MANY);
            else
                be->ops->matmul(be, y, s->x, &w, bias, res, m ? m : MANY);
            assert_memory_equal(y, s->many, m * THIN_N * sizeof *y);
        }
    }
}

static void test_few_rows(void **state)
{
    (void)state;
    struct thin *s = calloc(1, sizeof *s);
    assert_non_null(s);
    thin_fill(s);
    for (int i = 0; i < N_SETTINGS; i++) {
        struct tac_backend *be = open_subject(&SETTINGS[i]);
        if (!be)
            continue;
        check_thin(be, s, TAC_W_F32);
        check_thin(be, s, TAC_W_F16);
        check_thin(be, s, TAC_W_BF16);
        tac_backend_close(be);
    }
    free(s);
}

static void test_row_alone(void **state)
{
    (void)state;
    struct batch *whole = calloc(1, sizeof *whole), *alone = calloc(1, sizeof *alone);
    assert_true(whole && alone);
    for (int i = 0; i < N_SETTINGS; i++) {
        struct tac_backend *be = open_subject(&SETTINGS[i]);
        if (!be)
            continue;
        batch_fill(whole);
        batch_fill(alone);
        batch_ops(be, whole, 0, ROWS);
        for (size_t t = ROWS; t-- > 0;)
            batch_ops(be, alone, t, 1);
        assert_memory_equal(alone, whole, sizeof *whole);
        tac_backend_close(be);
    }
    free(whole);
    free(alone);
}

/* ---- in place ---- */

enum { IP_T = 6, IP_C = 53, IP_N = IP_T * IP_C };

/* Inputs x, y, z of one call, and the outputs of the same call in other memory and in place of an
 * input. */
struct in_place {
    float x[IP_N], y[IP_N], z[IP_N], w[IP_C * IP_C], stat[2 * IP_T];
};

static void in_place_fill(struct in_place *s)
{
    struct tac_rng rng = tac_rng_init(2, 2);
    float *all = s->x;
    for (size_t i = 0; i < sizeof *s / sizeof(float); i++)
        all[i] = (float)tac_rng_normal(&rng);
}

#define IN_PLACE(apart, target, call)                                                              \
    do {                                                                                           \
        float out[IP_N], *to = out;                                                                \
        in_place_fill(s);                                                                          \
        call;                                                                                      \
        in_place_fill(s);                                                                          \
        to = (target);                                                                             \
        call;                                                                                      \
        if (memcmp(out, to, sizeof out) != 0)                                                      \
            fail_msg("%s: %s differs in place", be->name, apart);                                  \
    } while (0)

static void check_in_place(struct tac_backend *be, struct in_place *s)
{
    const struct tac_ops *op = be->ops;
    struct tac_weight w = {s->w, TAC_W_F32, IP_C, IP_C, false};
    float other[IP_N];
    IN_PLACE("norm y = x", s->x,
             op->norm(be, to, s->stat, s->x, s->w, NULL, IP_T, IP_C, 1e-5, TAC_LAYERNORM));
    IN_PLACE("norm_dx dx = dy", s->y,
             op->norm_dx(be, to, s->z, s->y, s->x, s->stat, s->w, IP_T, IP_C, TAC_LAYERNORM));
    IN_PLACE("norm_dx dx = res", s->z,
             op->norm_dx(be, to, s->z, s->y, s->x, s->stat, s->w, IP_T, IP_C, TAC_RMSNORM));
    IN_PLACE("matmul y = res", s->y, op->matmul(be, to, s->x, &w, NULL, s->y, IP_T));
    IN_PLACE("matmul_dx dx = res", s->y, op->matmul_dx(be, to, s->x, &w, s->y, IP_T));
    IN_PLACE("act y = x", s->x, op->act(be, to, s->x, IP_N, TAC_SILU));
    IN_PLACE("act_dx dx = dy", s->y, op->act_dx(be, to, s->y, s->x, IP_N, TAC_GELU_TANH));
    IN_PLACE("gate y = x", s->x, op->gate(be, to, s->x, s->y, IP_N, TAC_SILU));
    IN_PLACE("gate y = u", s->y, op->gate(be, to, s->x, s->y, IP_N, TAC_SILU));
    IN_PLACE("gate_dx dx = dy", s->y, op->gate_dx(be, to, other, s->y, s->x, s->z, IP_N, TAC_SILU));
    IN_PLACE("gate_dx du = dy", s->y, op->gate_dx(be, other, to, s->y, s->x, s->z, IP_N, TAC_SILU));
}

static void test_in_place(void **state)
{
    (void)state;
    struct in_place *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (int i = 0; i < N_SUBJECTS; i++) {
        struct tac_backend *be = open_subject(&SUBJECTS[i]);
        if (be)
            check_in_place(be, s);
        tac_backend_close(be);
    }
    free(s);
}

/* ---- activations against libm in double ---- */

enum { SWEEP = 1 << 16 };

static double true_act(double x, enum tac_act_kind kind)
{
    if (kind == TAC_SILU)
        return x / (1 + exp(-x));
    if (kind == TAC_TANH)
        return tanh(x);
    return 0.5 * x * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x)));
}

static double true_slope(double x, enum tac_act_kind kind)
{
    double s = 1 / (1 + exp(-x)), t = tanh(0.79788456 * x * (1 + 0.044715 * x * x));
    if (kind == TAC_SILU)
        return s * (1 + x * (1 - s));
    if (kind == TAC_TANH)
        return 1 / (cosh(x) * cosh(x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.79788456 * (1 + 3 * 0.044715 * x * x);
}

/* Steps of 2^-11 from -16 up; then every exponent and both signs from 2^-149 to beyond 2^40. */
static size_t sweep_points(float *x)
{
    size_t n = 0;
    for (; n < SWEEP; n++)
        x[n] = -16 + (float)n / 2048;
    for (int e = -149; e < 41; e++)
        for (int i = 0; i < 8; i++, n++)
            x[n] = (i % 2 ? -1.0f : 1.0f) * ldexpf(1 + (float)i / 8, e);
    return n;
}

/* The worst errors allowed: values relative to max(|x|, tiny), as |act(x)| <= |x|; slopes absolute.
 */
static void check_accuracy(struct tac_backend *be, enum tac_act_kind kind)
{
    enum { MAX = SWEEP + 8 * 190 };
    float *x = calloc(4 * MAX, sizeof *x), *y = x + MAX, *d = y + MAX, *one = d + MAX;
    double worst = 0, worst_slope = 0;
    assert_non_null(x);
    size_t n = sweep_points(x);
    for (size_t i = 0; i < n; i++)
        one[i] = 1;
    be->ops->act(be, y, x, n, kind);
    be->ops->act_dx(be, d, one, x, n, kind);
    for (size_t i = 0; i < n; i++) {
        double at = (double)x[i];
        worst = fmax(worst, fabs((double)y[i] - true_act(at, kind)) / fmax(fabs(at), 1e-37));
        worst_slope = fmax(worst_slope, fabs((double)d[i] - true_slope(at, kind)));
    }
    if (!(worst <= 1.5e-7 && worst_slope <= 3e-7))
        fail_msg("%s, activation %d: error %.3g of x, slope %.3g", be->name, (int)kind, worst,
                 worst_slope);
    free(x);
}

static void check_extremes(struct tac_backend *be, enum tac_act_kind kind)
{
    float x[] = {NAN, INFINITY, FLT_MAX, -FLT_MAX, 0, -0.0f, 1e20f, -1e20f}, one[8], y[8], d[8];
    for (int i = 0; i < 8; i++)
        one[i] = 1;
    be->ops->act(be, y, x, 8, kind);
    be->ops->act_dx(be, d, one, x, 8, kind);
    assert_true(isnan(y[0]) && isinf(y[1]) && y[2] == FLT_MAX && y[3] == 0 && y[4] == 0 &&
                y[5] == 0);
    assert_true(kind == TAC_RELU || isnan(d[0]));
    assert_true(d[1] == 1 && d[2] == 1 && d[3] == 0 && d[6] == 1 && d[7] == 0);
    assert_true(d[4] == (kind == TAC_RELU ? 0 : 0.5f));
}

static void test_activation_accuracy(void **state)
{
    (void)state;
    for (int s = 0; s < N_SETTINGS; s++) {
        struct tac_backend *be = open_subject(&SETTINGS[s]);
        if (!be)
            continue;
        check_accuracy(be, TAC_GELU_TANH);
        check_accuracy(be, TAC_SILU);
        check_accuracy(be, TAC_TANH);
        check_extremes(be, TAC_GELU_TANH);
        check_extremes(be, TAC_SILU);
        check_extremes(be, TAC_RELU);
        tac_backend_close(be);
    }
}

int main(void)
{
    static struct CMUnitTest tests[N_OP_CASES + 5] = {
        cmocka_unit_test(test_optimisers_same_bytes),
        cmocka_unit_test(test_row_alone),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_activation_accuracy),
    };
    static char names[N_OP_CASES][64];
    for (size_t i = 0; i < N_OP_CASES; i++) {
        snprintf(names[i], sizeof names[i], "same bytes: %s", OP_CASES[i].name);
        tests[i + 5] = (struct CMUnitTest){names[i], test_same_bytes, NULL, NULL,
                                           (void *)(uintptr_t)&OP_CASES[i]};
    }
    return _cmocka_run_group_tests("rows", tests, N_OP_CASES + 5, NULL, NULL);
}
