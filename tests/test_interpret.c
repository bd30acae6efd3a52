/* Reading vectors by the vocabulary (interpret/nearest, script) against plain sums over a golden
 * model's embedding. */
#include "golden.h"

#include "base/rng.h"
#include "interpret/nearest.h"
#include "interpret/script.h"

#include <math.h>

enum { N = 6, K = 4, MAX_V = 80, MAX_C = 64, CONTROLS = 9 };

static const struct tac_backend_options backends[] = {{.name = "ref"},
                                                      {.name = "cpu", .threads = 2}};

/* The embedding as a view has it, in double: rows as stored, or normed. */
struct view {
    size_t V, C;
    double row[MAX_V][MAX_C];
    double gain[MAX_C], bias[MAX_C], eps;
    bool normed;
};

static double length(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static double cosine(const double *x, const double *y, size_t n)
{
    double dot = 0;
    for (size_t i = 0; i < n; i++)
        dot += x[i] * y[i];
    return dot / (length(x, n) * length(y, n));
}

/* A vector as the view has it. */
static void see(const struct view *v, double *out, const float *x)
{
    double mean = 0, var = 0;
    for (size_t c = 0; c < v->C; c++)
        mean += (double)x[c] / (double)v->C;
    for (size_t c = 0; c < v->C; c++)
        var += pow((double)x[c] - mean, 2) / (double)v->C;
    for (size_t c = 0; c < v->C; c++)
        out[c] = v->normed ? ((double)x[c] - mean) / sqrt(var + v->eps) * v->gain[c] + v->bias[c]
                           : (double)x[c];
}

static void view_open(struct view *v, const struct golden *g, size_t n_vocab, bool normed)
{
    float row[MAX_C];
    *v = (struct view){.V = n_vocab ? n_vocab : g->model->c.V,
                       .C = g->C,
                       .eps = g->model->c.eps,
                       .normed = normed};
    assert_true(v->V <= MAX_V && v->C <= MAX_C);
    g->be->ops->download_f64(g->be, v->gain, g->weights->param[TAC_P_EMBED_G].v, v->C);
    g->be->ops->download_f64(g->be, v->bias, g->weights->param[TAC_P_EMBED_B].v, v->C);
    for (int32_t i = 0; i < (int32_t)v->V; i++) {
        tac_weights_read_rows(g->weights, TAC_P_EMBED, &i, 1, row);
        see(v, v->row[i], row);
    }
}

/* The largest and the second largest cosine to a row. */
static double margin_of(const struct view *v, const double *x)
{
    double best = -2, second = -2;
    for (size_t i = 0; i < v->V; i++) {
        double c = cosine(x, v->row[i], v->C);
        second = c > best ? best : fmax(second, c);
        best = fmax(best, c);
    }
    return best - second;
}

/* nearest.h's control: a drawn row turned towards a drawn direction until its cosine to itself is
 * c. */
static double control_margin(const struct view *v, double c, struct tac_rng *rng)
{
    double x[MAX_C], dot = 0;
    const double *u = v->row[tac_rng_below(rng, (uint32_t)v->V)];
    for (size_t i = 0; i < v->C; i++) {
        x[i] = tac_rng_normal(rng);
        dot += x[i] * u[i];
    }
    for (size_t i = 0; i < v->C; i++)
        x[i] -= dot * u[i] / pow(length(u, v->C), 2);
    double across = sqrt(1 - c * c) / length(x, v->C), along = c / length(u, v->C);
    for (size_t i = 0; i < v->C; i++)
        x[i] = along * u[i] + across * x[i];
    assert_true(fabs(cosine(x, u, v->C) - c) < 1e-9);
    return margin_of(v, x);
}

static void near(double got, double want, double tol, const char *what)
{
    if (!(fabs(got - want) <= tol * (1 + fabs(want))))
        fail_msg("%s: %.9g, expected %.9g", what, got, want);
}

static void check_neighbours(const struct tac_near *found, const struct view *v, const double *x)
{
    double all[MAX_V];
    for (size_t i = 0; i < v->V; i++)
        all[i] = cosine(x, v->row[i], v->C);
    for (size_t k = 0; k < K; k++) {
        size_t above = 0;
        for (size_t i = 0; i < v->V; i++)
            above += all[i] > all[found->id[k]];
        assert_int_equal(above, k);
        near(found->cosine[k], all[found->id[k]], 1e-6, "cosine");
    }
    near(found->margin, margin_of(v, x), 1e-5, "margin");
}

static void check_init(const struct tac_near *found, const struct view *v, const double *x,
                       int32_t init)
{
    double d[MAX_C], c = cosine(x, v->row[init], v->C);
    size_t rank = 1;
    for (size_t i = 0; i < v->C; i++)
        d[i] = x[i] - v->row[init][i];
    for (size_t i = 0; i < v->V; i++)
        rank += i != (size_t)init && cosine(x, v->row[i], v->C) > c;
    assert_int_equal(found->init_rank, rank);
    near(found->init_cosine, c, 1e-6, "init's cosine");
    near(found->drift, length(d, v->C), 1e-6, "drift");
    near(found->drift_ratio, length(d, v->C) / length(v->row[init], v->C), 1e-6, "drift's ratio");
}

static void check_view(const struct golden *g, size_t n_vocab, bool normed)
{
    struct view *v = calloc(1, sizeof *v);
    struct tac_arena a = {0};
    struct tac_near found[N];
    struct tacit_err err;
    struct tac_near_options o = {
        .k = K, .controls = CONTROLS, .seed = 3, .n_vocab = n_vocab, .normed = normed};
    float x[N * MAX_C];
    int32_t init[N] = {0, 7, -1, 9, 3, 5};
    struct tac_rng rng = tac_rng_init(1, 2), controls = tac_rng_init(o.seed, 31);
    view_open(v, g, n_vocab, normed);
    for (size_t i = 0; i < N; i++) { /* from a row itself to nothing but noise */
        int32_t row = (int32_t)i + 2;
        tac_weights_read_rows(g->weights, TAC_P_EMBED, &row, 1, x + i * g->C);
        for (size_t c = 0; c < g->C; c++)
            x[i * g->C + c] += (float)i * 0.4f * (float)tac_rng_normal(&rng);
    }
    assert_ok(tac_nearest(found, &a, g->weights, x, init, N, &o, &err), err);
    for (size_t i = 0; i < N; i++) {
        double seen[MAX_C], margin[CONTROLS], mean = 0, var = 0;
        see(v, seen, x + i * g->C);
        check_neighbours(&found[i], v, seen);
        if (init[i] >= 0)
            check_init(&found[i], v, seen, init[i]);
        else
            assert_true(found[i].init_rank == 0 && isnan(found[i].drift) &&
                        isnan(found[i].init_cosine));
        for (size_t k = 0; k < CONTROLS; k++) {
            margin[k] = control_margin(v, fmin(1, found[i].cosine[0]), &controls);
            mean += margin[k] / CONTROLS;
        }
        for (size_t k = 0; k < CONTROLS; k++)
            var += pow(margin[k] - mean, 2) / (CONTROLS - 1);
        near(found[i].z, (found[i].margin - mean) / sqrt(var), 1e-4, "z");
    }
    assert_int_equal(found[0].id[0], 2);
    assert_int_equal(found[5].init_rank > 1, 1);
    tac_arena_release(&a);
    free(v);
}

static void test_nearest(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof backends / sizeof *backends; b++) {
        struct golden g;
        golden_open(&g, "odd-heads-f32", &backends[b]);
        check_view(&g, 0, false);
        check_view(&g, 0, true);
        check_view(&g, 40, false);
        golden_close(&g);
    }
}

/* Equal cosines give the lower id; one neighbour is found with a margin too; a model may be smaller
 * than k. */
static void test_edges(void **state)
{
    (void)state;
    struct golden g;
    struct tac_arena a = {0};
    struct tac_near one;
    struct tacit_err err;
    float zero[MAX_C] = {0}, row[MAX_C];
    int32_t id = 4;
    golden_open(&g, "base-f32", &backends[1]);
    struct tac_near_options o = {.k = 5};
    assert_ok(tac_nearest(&one, &a, g.weights, zero, NULL, 1, &o, &err), err);
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(one.id[i], i);
    assert_true(one.margin == 0 && isnan(one.z) && one.init_rank == 0);
    tac_weights_read_rows(g.weights, TAC_P_EMBED, &id, 1, row);
    o.k = 1;
    assert_ok(tac_nearest(&one, &a, g.weights, row, &id, 1, &o, &err), err);
    assert_true(one.id[0] == 4 && one.margin > 0 && one.init_rank == 1 && one.drift == 0);
    o.k = 5;
    o.n_vocab = 3;
    assert_ok(tac_nearest(&one, &a, g.weights, row, &id, 1, &o, &err), err);
    assert_true(one.id[0] < 3 && one.id[1] < 3 && one.id[2] < 3);
    tac_arena_release(&a);
    golden_close(&g);
}

static void test_script(void **state)
{
    (void)state;
    static const struct {
        const char *text, *script;
    } cases[] = {{" the", "Latin"},
                 {"\xe6\x97\xa5\xe6\x9c\xac", "Han"},
                 {"\xd0\xb6", "Cyrillic"},
                 {" 12!?", "none"},
                 {"", "none"},
                 {"a\xd0\xb6", "mixed"},
                 {"e\xcc\x81", "Latin"},
                 {"a\xe6", "bytes"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tac_script(cases[i].text, strlen(cases[i].text)), cases[i].script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nearest), cmocka_unit_test(test_edges),
                                       cmocka_unit_test(test_script)};
    return cmocka_run_group_tests_name("interpret", tests, NULL, NULL);
}
