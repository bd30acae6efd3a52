/* Every op of the table in ops_cases.h:
 *   fd ...       double ref's backward ops against finite differences of its forward ops
 *   ref, cpu ... a float backend against double ref, by each row's worst error
 * and the optimisers, reductions and storage types against formulas written out here. */
#include "ops_run.h"

#include <float.h>

/* ---- finite differences ---- */

/* Runs forward and sums <COT, what it is of>. ref64's memory is plain memory of doubles. */
static double loss_of(struct tac_backend *be, void **device, struct call *c)
{
    double loss = 0;
    c->is->forward(be, device, c);
    for (int i = 0; i < c->n; i++)
        for (size_t j = 0; c->a[i].role == COT && j < elements(&c->a[i]); j++)
            loss += c->a[i].x[j] * ((const double *)device[c->a[i].of])[j];
    return loss;
}

/* The loss's derivative by one input: five points, error O(h^4). */
static double derivative(struct tac_backend *be, void **device, struct call *c, double *x)
{
    static const double WEIGHT[] = {1, -8, 8, -1};
    static const int STEP[] = {-2, -1, 1, 2};
    double h = 1e-3, at = *x, sum = 0;
    for (int i = 0; i < 4; i++) {
        *x = at + STEP[i] * h;
        sum += WEIGHT[i] * loss_of(be, device, c);
    }
    *x = at;
    return sum / (12 * h);
}

static void check_gradient(struct tac_backend *be, void **device, struct call *c,
                           const struct array *a, const double *got)
{
    double *want = calloc(elements(a) + 1, sizeof *want), scale = 1e-3;
    assert_non_null(want);
    for (size_t i = 0; i < elements(a); i++) {
        if (!a->wanted || a->wanted[i / a->cols])
            want[i] = derivative(be, device, c, (double *)device[a->of] + i);
        scale = fmax(scale, fabs(want[i]));
    }
    for (size_t i = 0; i < elements(a); i++) {
        double d = got[i] - (a->role == ADD ? a->x[i] : 0);
        if (!(fabs(d - want[i]) <= 1e-7 * scale))
            fail_msg("%s, gradient %s[%zu,%zu]: %.12g, finite differences give %.12g", c->is->name,
                     a->name, i / a->cols, i % a->cols, d, want[i]);
    }
    free(want);
}

static void test_finite_differences(void **state)
{
    struct tac_backend *be = open_subject(&TRUTH);
    struct call c;
    void *device[MAX_ARRAYS];
    double *grad[MAX_ARRAYS] = {0};
    call_init(&c, *state);
    load(be, device, &c);
    c.is->forward(be, device, &c);
    c.is->backward(be, device, &c);
    for (int i = 0; i < c.n; i++)
        if (c.a[i].role == SET || c.a[i].role == ADD) {
            grad[i] = calloc(elements(&c.a[i]) + 1, sizeof *grad[i]);
            memcpy(grad[i], device[i], elements(&c.a[i]) * sizeof(double));
        }
    for (int i = 0; i < c.n; i++)
        if (grad[i])
            check_gradient(be, device, &c, &c.a[i], grad[i]);
    for (int i = 0; i < c.n; i++)
        free(grad[i]);
    unload(be, device, &c);
    call_release(&c);
    tac_backend_close(be);
}

/* ---- float backends against double ref ---- */

static void compare_row(const struct call *c, const struct array *a, size_t row, const double *got,
                        const double *want, double tol)
{
    double scale = a->floor;
    for (size_t j = 0; j < a->cols; j++)
        scale = fmax(scale, fabs(want[j]));
    for (size_t j = 0; j < a->cols; j++)
        if (!(fabs(got[j] - want[j]) <= tol * scale))
            fail_msg("%s, %s[%zu,%zu]: %.9g instead of %.9g: error %.2g of the row's scale %.3g, "
                     "allowed %.2g",
                     c->is->name, a->name, row, j, got[j], want[j], fabs(got[j] - want[j]) / scale,
                     scale, tol);
}

/* Arrays that an op may not touch are held to equality. */
static void compare(const struct call *c, bool bf16, double **got, double **want)
{
    double gtol = bf16 && c->is->gtol_bf16 > 0 ? c->is->gtol_bf16 : c->is->gtol;
    for (int i = 0; i < c->n; i++) {
        const struct array *a = &c->a[i];
        double tol = a->role == OUT ? c->is->tol : a->role == SET || a->role == ADD ? gtol : 0;
        for (size_t r = 0; r < a->rows; r++)
            compare_row(c, a, r, got[i] + r * a->cols, want[i] + r * a->cols, tol);
    }
}

struct pairing {
    const struct subject *subject;
    const struct op_case *op;
};

static void test_against_truth(void **state)
{
    const struct pairing *p = *state;
    struct subject exact = TRUTH;
    exact.precision = p->subject->precision;
    struct tac_backend *truth = open_subject(&exact), *be = open_subject(p->subject);
    double *want[MAX_ARRAYS], *got[MAX_ARRAYS];
    struct call c;
    if (!be) {
        tac_backend_close(truth);
        skip();
    }
    call_init(&c, p->op);
    run_case(truth, &c, want);
    run_case(be, &c, got);
    compare(&c, be->bf16, got, want);
    for (int i = 0; i < c.n; i++) {
        free(want[i]);
        free(got[i]);
    }
    call_release(&c);
    tac_backend_close(truth);
    tac_backend_close(be);
}

/* ---- the rest, for every backend ---- */

static void for_every_backend(void (*check)(struct tac_backend *be, double tol))
{
    struct tac_backend *be = open_subject(&TRUTH);
    check(be, 1e-13);
    tac_backend_close(be);
    for (int i = 0; i < N_SUBJECTS; i++) {
        be = open_subject(&SUBJECTS[i]);
        if (be)
            check(be, 1e-6);
        tac_backend_close(be);
    }
}

static void *on_device(struct tac_backend *be, const double *x, size_t n)
{
    void *p = be->ops->alloc(be, (n + 1) * be->real_size);
    assert_non_null(p);
    be->ops->upload_f64(be, p, x, n);
    return p;
}

/* Every element's error is at most tol of its size, or of floor. */
static void assert_close(struct tac_backend *be, const void *device, const double *want, size_t n,
                         double tol, double floor, const char *what)
{
    double *got = calloc(n + 1, sizeof *got);
    assert_non_null(got);
    be->ops->sync(be);
    be->ops->download_f64(be, got, device, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tol * fmax(floor, fabs(want[i]))))
            fail_msg("%s: %s[%zu]: %.15g instead of %.15g", be->name, what, i, got[i], want[i]);
    free(got);
}

/* Values with rows of very different size, as gradients have. */
static void fill_gradient(double *g, size_t R, size_t C, uint64_t seed)
{
    struct tac_rng rng = tac_rng_init(seed, 0);
    for (size_t i = 0; i < R * C; i++)
        g[i] = coarse(tac_rng_normal(&rng) * (double)(1 + i / C % 5 * 7));
}

/* torch/optim/adamw.py, _single_tensor_adamw, on one element. */
static void torch_adamw(double *p, double *m, double *v, double grad, double lr, double wd,
                        int step)
{
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    *p *= 1 - lr * wd;
    *m += (grad - *m) * (1 - beta1);
    *v = *v * beta2 + (1 - beta2) * grad * grad;
    double bias_correction1 = 1 - pow(beta1, step), bias_correction2 = 1 - pow(beta2, step);
    double denom = sqrt(*v) / sqrt(bias_correction2) + eps;
    *p += -(lr / bias_correction1) * (*m / denom);
}

enum { AN = 77 };

static void check_adamw(struct tac_backend *be, double tol)
{
    double p[AN], m[AN] = {0}, v[AN] = {0}, g[AN];
    fill_gradient(p, 1, AN, 1);
    void *dp = on_device(be, p, AN), *dm = on_device(be, m, AN), *dv = on_device(be, v, AN);
    for (int step = 1; step <= 5; step++) {
        struct tac_adamw o = {0.03, 0.9, 0.999, 1e-8, 0.1, step, 0.5};
        fill_gradient(g, 7, 11, (uint64_t)step + 1);
        void *dg = on_device(be, g, AN);
        be->ops->adamw(be, dp, dm, dv, dg, AN, &o);
        for (int i = 0; i < AN; i++)
            torch_adamw(&p[i], &m[i], &v[i], g[i] * 0.5, 0.03, 0.1, step);
        assert_close(be, dm, m, AN, 4 * tol, 1, "adamw m");
        assert_close(be, dv, v, AN, 4 * tol, 1e-3, "adamw v");
        assert_close(be, dp, p, AN, 10 * tol, 1, "adamw p");
        be->ops->release(be, dg);
    }
    be->ops->release(be, dp);
    be->ops->release(be, dm);
    be->ops->release(be, dv);
}

static void test_adamw(void **state)
{
    (void)state;
    for_every_backend(check_adamw);
}

static double rms(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum / (double)n);
}

/* transformers/optimization.py, class Adafactor, on an (R, C) matrix: always factored, which for
 * one row or one column is the same as not. */
static void hf_adafactor(double *p, double *row, double *col, const double *g, size_t R, size_t C,
                         const struct tac_adafactor *o)
{
    double lr = o->relative_step ? fmin(1e-2, 1 / sqrt((double)o->step)) : o->lr, row_mean = 0;
    double beta2t = 1 - pow((double)o->step, o->decay_rate), update[AN];
    lr *= o->scale_parameter ? fmax(o->eps2, rms(p, R * C)) : 1;
    for (size_t r = 0; r < R; r++) {
        double mean = 0;
        for (size_t c = 0; c < C; c++)
            mean += (pow(g[r * C + c] * o->grad_scale, 2) + o->eps1) / (double)C;
        row[r] = row[r] * beta2t + (1 - beta2t) * mean;
        row_mean += row[r] / (double)R;
    }
    for (size_t c = 0; c < C; c++) {
        double mean = 0;
        for (size_t r = 0; r < R; r++)
            mean += (pow(g[r * C + c] * o->grad_scale, 2) + o->eps1) / (double)R;
        col[c] = col[c] * beta2t + (1 - beta2t) * mean;
    }
    for (size_t i = 0; i < R * C; i++)
        update[i] = g[i] * o->grad_scale / sqrt(row[i / C] / row_mean * col[i % C]);
    double shrink = fmax(1, rms(update, R * C) / o->clip);
    for (size_t i = 0; i < R * C; i++) {
        p[i] += p[i] * -o->weight_decay * lr;
        p[i] -= update[i] / shrink * lr;
    }
}

static void adafactor_steps(struct tac_backend *be, size_t R, size_t C, bool relative, double tol)
{
    double p[AN] = {0}, row[AN] = {0}, col[AN] = {0}, g[AN];
    size_t n = R * C;
    if (R != 2) /* else all zero: so small that eps2 counts */
        fill_gradient(p, R, C, 1);
    void *dp = on_device(be, p, n), *dr = on_device(be, row, n), *dc = on_device(be, col, n);
    for (int step = 1; step <= 20000; step *= 10) {
        struct tac_adafactor o = {0.3, -0.8, 1e-30, 1e-3, 1, 0.05, relative, relative, step, 0.25};
        fill_gradient(g, R, C, (uint64_t)step + 1);
        void *dg = on_device(be, g, n);
        be->ops->adafactor(be, dp, dr, dc, dg, R, C, &o);
        hf_adafactor(p, row, col, g, R, C, &o);
        assert_close(be, dp, p, n, 20 * tol, relative && R == 2 ? 1e-3 : 1, "adafactor p");
        assert_close(be, dr, R > 1 ? row : col, R > 1 ? R : C, 20 * tol, 0, "adafactor moments");
        be->ops->release(be, dg);
    }
    be->ops->release(be, dp);
    be->ops->release(be, dr);
    be->ops->release(be, dc);
}

static void check_adafactor(struct tac_backend *be, double tol)
{
    for (int relative = 0; relative < 2; relative++) {
        adafactor_steps(be, 7, 11, relative, tol);
        adafactor_steps(be, 2, 38, relative, tol);
        adafactor_steps(be, 1, 77, relative, tol);
        adafactor_steps(be, 77, 1, relative, tol);
    }
}

static void test_adafactor(void **state)
{
    (void)state;
    for_every_backend(check_adafactor);
}

static void check_sumsq(struct tac_backend *be, double tol)
{
    (void)tol;
    size_t n = 70001;
    double *x = calloc(n, sizeof *x), want = 0;
    fill_gradient(x, 1, n, 3);
    for (size_t i = 0; i < n; i++)
        want += x[i] * x[i];
    void *dx = on_device(be, x, n);
    double got = be->ops->sumsq(be, dx, n);
    assert_true(fabs(got - want) <= 1e-13 * want);
    assert_true(be->ops->sumsq(be, dx, 0) == 0);
    be->ops->release(be, dx);
    free(x);
}

static void test_sumsq(void **state)
{
    (void)state;
    for_every_backend(check_sumsq);
}

static void check_finite(struct tac_backend *be, double tol)
{
    (void)tol;
    static const double BAD[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    double x[AN] = {0};
    x[0] = -(double)FLT_MAX;
    for (size_t i = 0; i < 3 * AN; i++) {
        void *dx = on_device(be, x, AN);
        be->ops->finite(be, dx, AN);
        be->ops->sync(be);
        assert_false(be->fault);
        be->ops->release(be, dx);

        double kept = x[i % AN];
        x[i % AN] = BAD[i / AN];
        dx = on_device(be, x, AN);
        be->ops->finite(be, dx, AN);
        be->ops->sync(be);
        assert_true(be->fault);
        be->ops->release(be, dx);
        x[i % AN] = kept;
        be->fault = false;
    }
}

static void test_finite(void **state)
{
    (void)state;
    for_every_backend(check_finite);
}

static double value_of_half(unsigned h)
{
    int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
    double v =
        e == 31 ? (m ? (double)NAN : (double)INFINITY) : ldexp(e ? 1024 + m : m, e ? e - 25 : -24);
    return h & 0x8000 ? -v : v;
}

static double value_of_bf16(unsigned h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return (double)f;
}

/* All 65536 values of both 16-bit types, through embed. */
static void check_halves(struct tac_backend *be, double tol)
{
    (void)tol;
    enum { ROWS = 1024, COLS = 64, ALL = ROWS * COLS };
    uint16_t *bits = calloc(ALL, sizeof *bits);
    int32_t *src = calloc(ROWS, sizeof *src);
    double *got = calloc(ALL, sizeof *got);
    void *y = be->ops->alloc(be, ALL * be->real_size);
    assert_true(bits && src && got && y);
    for (int i = 0; i < ALL; i++)
        bits[i] = (uint16_t)i;
    for (int i = 0; i < ROWS; i++)
        src[i] = i;
    for (int type = TAC_W_F16; type <= TAC_W_BF16; type++) {
        struct tac_weight E = {bits, (enum tac_wtype)type, ROWS, COLS, false};
        be->ops->embed(be, y, &E, NULL, src, ROWS, COLS);
        be->ops->sync(be);
        be->ops->download_f64(be, got, y, ALL);
        for (unsigned i = 0; i < ALL; i++) {
            double want = type == TAC_W_F16 ? value_of_half(i) : value_of_bf16(i);
            assert_true(isnan(want) ? isnan(got[i])
                                    : got[i] == want && signbit(got[i]) == signbit(want));
        }
    }
    be->ops->release(be, y);
    free(bits);
    free(src);
    free(got);
}

static void test_halves(void **state)
{
    (void)state;
    for_every_backend(check_halves);
}

/* Attention written out by the row ranges instead of the parents: a row sees the keys of every
 * segment whose range holds it, its own up to itself. One head of one row: o (D) and log-sum-exp.
 */
static double dense_head(double *o, const struct call *c, int32_t t, size_t h)
{
    const struct tac_attn *a = &c->attn;
    size_t D = a->D, g = h / (a->H / a->G);
    int32_t own = a->seg[a->seg_of[t]].base + t - a->seg[a->seg_of[t]].row0;
    double sum = 0;
    memset(o, 0, D * sizeof *o);
    for (size_t s = 0; s < a->n_seg; s++)
        for (int32_t i = 0; i < a->seg[s].n; i++) {
            const struct tac_seg *seg = &a->seg[s];
            int k = seg->kv < 0 ? AT_K : seg->kv == 0 ? AT_K0 : AT_K1;
            size_t row = (size_t)(seg->kv < 0 ? seg->row0 + i : i);
            double score = a->slope ? (double)a->slope[h] * (seg->base + i - own) : 0;
            if (t < seg->row0 || t >= seg->end || (seg->kv < 0 && seg->row0 + i > t))
                continue;
            for (size_t d = 0; d < D; d++)
                score += (double)a->scale * c->a[AT_Q].x[((size_t)t * a->H + h) * D + d] *
                         c->a[k].x[(row * a->G + g) * D + d];
            for (size_t d = 0; d < D; d++)
                o[d] += exp(score) * c->a[k + 1].x[(row * a->G + g) * D + d];
            sum += exp(score);
        }
    for (size_t d = 0; d < D; d++)
        o[d] /= sum;
    return log(sum);
}

static void test_attend_dense(void **state)
{
    struct tac_backend *be = open_subject(&TRUTH);
    double *got[MAX_ARRAYS], o[64];
    struct call c;
    call_init(&c, *state);
    run_case(be, &c, got);
    for (size_t i = 0; i < c.attn.n_query; i++)
        for (size_t h = 0; h < c.attn.H; h++) {
            double lse = dense_head(o, &c, c.attn.query ? c.attn.query[i] : (int32_t)i, h);
            assert_true(fabs(got[AT_LSE][i * c.attn.H + h] - lse) < 1e-12);
            for (size_t d = 0; d < c.attn.D; d++)
                assert_true(fabs(got[AT_O][(i * c.attn.H + h) * c.attn.D + d] - o[d]) < 1e-12);
        }
    for (int i = 0; i < c.n; i++)
        free(got[i]);
    call_release(&c);
    tac_backend_close(be);
}

/* Among equal largest logits the lowest token is best: tokens 70, 71 and 200 of 203, then all of
 * them. */
static void check_best(struct tac_backend *be, double tol)
{
    (void)tol;
    enum { TOKENS = 203 };
    float E[TOKENS] = {0};
    double one[2] = {1, 0}, logp = 0;
    int32_t best[2] = {-1, -1};
    struct tac_weight w = {E, TAC_W_F32, TOKENS, 1, false};
    E[70] = E[71] = E[200] = 2;
    void *x = on_device(be, one, 2), *out = on_device(be, &logp, 1);
    be->ops->vocab(be, out, best, NULL, NULL, NULL, x, &w, NULL, 0, 2);
    be->ops->sync(be);
    assert_int_equal(best[0], 70);
    assert_int_equal(best[1], 0);
    be->ops->release(be, x);
    be->ops->release(be, out);
}

static void test_best(void **state)
{
    (void)state;
    for_every_backend(check_best);
}

/* No rows at all is a legal call of every op. */
static void check_empty(struct tac_backend *be, double tol)
{
    (void)tol;
    double one[4] = {1, 2, 3, 4};
    void *p = on_device(be, one, 4), *q = on_device(be, one, 4);
    struct tac_weight w = {p, TAC_W_REAL, 2, 2, false};
    struct tac_heads hd = {.H = 1, .G = 1, .D = 2};
    struct tac_rope rope = {.D = 2, .n = 2, .table = p};
    struct tac_attn a = {.H = 1, .G = 1, .D = 2};
    struct tac_adamw adamw = {.lr = 1, .step = 1};
    be->ops->embed(be, q, &w, NULL, NULL, 0, 2);
    be->ops->embed_dx(be, q, NULL, p, NULL, 0, 2);
    be->ops->norm(be, q, q, p, p, NULL, 0, 2, 1e-5, TAC_LAYERNORM);
    be->ops->norm_dx(be, q, NULL, p, p, p, p, 0, 2, TAC_LAYERNORM);
    be->ops->norm_dw(be, q, NULL, p, p, p, 0, 2, TAC_LAYERNORM);
    be->ops->matmul(be, q, p, &w, NULL, NULL, 0);
    be->ops->matmul_dx(be, q, p, &w, NULL, 0);
    be->ops->matmul_dw(be, q, NULL, p, p, 0, 2, 2);
    be->ops->heads(be, q, q, q, p, &hd, 0);
    be->ops->heads_dx(be, q, p, p, p, &hd, 0);
    be->ops->rope(be, q, &rope, NULL, 0, 1, false);
    be->ops->attend(be, q, q, p, p, p, &a);
    be->ops->attend_dx(be, q, q, q, p, p, p, p, p, p, &a);
    be->ops->act(be, q, p, 0, TAC_RELU);
    be->ops->act_dx(be, q, p, p, 0, TAC_RELU);
    be->ops->gate(be, q, p, p, 0, TAC_RELU);
    be->ops->gate_dx(be, q, q, p, p, p, 0, TAC_RELU);
    be->ops->rows_get(be, q, p, NULL, 0, 2);
    be->ops->rows_add(be, q, p, NULL, 0, 2);
    be->ops->mix(be, q, 1, 1, p, 0);
    be->ops->zero(be, q, 0);
    be->ops->vocab(be, q, NULL, q, NULL, NULL, p, &w, NULL, 0, 0);
    be->ops->vocab_dw(be, q, p, p, &w, NULL, 0, 0);
    be->ops->adamw(be, q, q, q, p, 0, &adamw);
    be->ops->finite(be, q, 0);
    assert_close(be, q, one, 4, 0, 0, "untouched");
    be->ops->release(be, p);
    be->ops->release(be, q);
}

static void test_empty(void **state)
{
    (void)state;
    for_every_backend(check_empty);
}

enum { N_ALONE = 7, MAX_TESTS = N_ALONE + N_OP_CASES * (N_SUBJECTS + 2) };

struct test_list {
    struct CMUnitTest test[MAX_TESTS];
    char name[MAX_TESTS][64];
    size_t n;
};

static void add_test(struct test_list *l, const char *kind, const struct op_case *op,
                     CMUnitTestFunction run, const void *state)
{
    snprintf(l->name[l->n], sizeof l->name[0], "%s: %s", kind, op->name);
    l->test[l->n] = (struct CMUnitTest){l->name[l->n], run, NULL, NULL, (void *)(uintptr_t)state};
    l->n++;
}

int main(void)
{
    static struct test_list l = {
        .test = {cmocka_unit_test(test_adamw), cmocka_unit_test(test_adafactor),
                 cmocka_unit_test(test_sumsq), cmocka_unit_test(test_finite),
                 cmocka_unit_test(test_halves), cmocka_unit_test(test_best),
                 cmocka_unit_test(test_empty)},
        .n = N_ALONE,
    };
    static struct pairing pairs[N_OP_CASES][N_SUBJECTS];
    for (size_t i = 0; i < N_OP_CASES; i++) {
        const struct op_case *op = &OP_CASES[i];
        if (op->fd)
            add_test(&l, "fd", op, test_finite_differences, op);
        if (op->fd && op->build == attend_build)
            add_test(&l, "dense", op, test_attend_dense, op);
        for (size_t s = 0; s < N_SUBJECTS; s++) {
            pairs[i][s] = (struct pairing){&SUBJECTS[s], op};
            add_test(&l, SUBJECTS[s].label, op, test_against_truth, &pairs[i][s]);
        }
    }
    return _cmocka_run_group_tests("ops", l.test, l.n, NULL, NULL);
}
