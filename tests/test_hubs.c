/* Readings corrected for hubs (interpret/hubs) against plain loops over a golden model's embedding,
 * and over a vocabulary so large that a sample stands for it. */
#include "golden.h"

#include "base/rng.h"
#include "interpret/hubs.h"

#include <math.h>

enum { MAX_V = 80, MAX_C = 64, N = 3, K = 4 };

static const struct tac_backend_options backends[] = {{.name = "ref"},
                                                      {.name = "cpu", .threads = 2}};

/* The first V rows as unit vectors, raw or behind the norm. */
struct rows {
    size_t V, C;
    double at[MAX_V + N][MAX_C];
};

static void add_row(struct rows *r, size_t i, const struct golden *g, const float *x, bool normed)
{
    double mean = 0, var = 0, length = 0;
    for (size_t c = 0; c < r->C; c++)
        mean += (double)x[c] / (double)r->C;
    for (size_t c = 0; c < r->C; c++)
        var += pow((double)x[c] - mean, 2) / (double)r->C;
    for (size_t c = 0; c < r->C; c++) {
        r->at[i][c] = normed ? ((double)x[c] - mean) / sqrt(var + g->model->c.eps) *
                                       tac_tensor_get(g->model->tensor[TAC_P_EMBED_G], c) +
                                   tac_tensor_get(g->model->tensor[TAC_P_EMBED_B], c)
                             : (double)x[c];
        length += r->at[i][c] * r->at[i][c];
    }
    for (size_t c = 0; c < r->C; c++)
        r->at[i][c] /= sqrt(length);
}

static double cosine(const struct rows *r, size_t i, size_t j)
{
    double sum = 0;
    for (size_t c = 0; c < r->C; c++)
        sum += r->at[i][c] * r->at[j][c];
    return sum;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The mean of the ten largest cosines to others. */
static double density(const struct rows *r, size_t i)
{
    double all[MAX_V], sum = 0;
    size_t n = 0, k = r->V - 1 < 10 ? r->V - 1 : 10;
    for (size_t j = 0; j < r->V; j++)
        if (j != i)
            all[n++] = cosine(r, i, j);
    qsort(all, n, sizeof *all, descending);
    for (size_t j = 0; j < k; j++)
        sum += all[j] / (double)k;
    return sum;
}

static void check(const struct golden *g, size_t n_vocab, bool normed)
{
    struct rows *r = calloc(1, sizeof *r);
    struct tac_hub_near near[N * K];
    struct tacit_err err;
    double found[MAX_V];
    float x[N * MAX_C];
    struct tac_rng rng = tac_rng_init(1, 2);
    r->V = n_vocab ? n_vocab : g->model->c.V;
    r->C = g->C;
    for (int32_t i = 0; i < (int32_t)r->V; i++) {
        tac_weights_read_rows(g->weights, TAC_P_EMBED, &i, 1, x);
        add_row(r, (size_t)i, g, x, normed);
    }
    for (size_t i = 0; i < N * g->C; i++)
        x[i] = (float)tac_rng_normal(&rng);
    for (size_t i = 0; i < N; i++)
        add_row(r, r->V + i, g, x + i * g->C, normed);
    assert_ok(tac_hub_density(found, g->weights, n_vocab, normed, &err), err);
    for (size_t i = 0; i < r->V; i++)
        assert_true(fabs(found[i] - density(r, i)) < 1e-6);
    assert_ok(tac_hub_nearest(near, g->weights, found, x, N, K, n_vocab, normed, &err), err);
    for (size_t i = 0; i < N; i++) {
        double all[MAX_V];
        for (size_t j = 0; j < r->V; j++)
            all[j] = 2 * cosine(r, r->V + i, j) - density(r, j);
        for (size_t k = 0; k < K; k++) {
            const struct tac_hub_near *t = &near[i * K + k];
            size_t above = 0;
            assert_true(t->id >= 0 && (size_t)t->id < r->V);
            for (size_t j = 0; j < r->V; j++)
                above += all[j] > all[t->id];
            assert_int_equal(above, k);
            assert_true(fabs(t->score - all[t->id]) < 1e-5 &&
                        fabs(t->cosine - cosine(r, r->V + i, (size_t)t->id)) < 1e-6);
        }
    }
    free(r);
}

static void test_scores(void **state)
{
    (void)state;
    for (size_t b = 0; b < sizeof backends / sizeof *backends; b++) {
        struct golden g;
        golden_open(&g, "odd-heads-f32", &backends[b]);
        check(&g, 0, false);
        check(&g, 0, true);
        check(&g, 40, false);
        check(&g, 7, false);
        golden_close(&g);
    }
}

/* A large vocabulary's densities are taken among 4096 rows: selection sampling by stream 32 of seed
 * 0. */
static void test_sample(void **state)
{
    (void)state;
    enum { V = 33000, SAMPLE = 4096, C = 8 };
    char dir[] = "/tmp/tacit-hubs-XXXXXX", command[64];
    struct tacit_model_shape shape = tacit_model_shape_default();
    struct tac_session_options so = tac_session_options_default();
    struct golden g = {0};
    struct tacit_err err;
    struct rows *r = calloc(1, sizeof *r);
    double *found = calloc(V, sizeof *found), cosines[SAMPLE];
    int32_t *sample = calloc(SAMPLE, sizeof *sample);
    struct tac_rng rng = tac_rng_init(0, 32);
    float x[C];
    shape.layers = 1;
    shape.width = C;
    shape.heads = 1;
    shape.vocab = V;
    assert_non_null(mkdtemp(dir));
    assert_ok(tacit_model_create(dir, &shape, &err), err);
    assert_ok(tac_backend_open(&g.be, &backends[1], &err), err);
    assert_ok(tac_model_open(&g.model, dir, NULL, &err), err);
    assert_ok(tac_weights_load(&g.weights, g.model, g.be, false, &err), err);
    assert_ok(tac_session_open(&g.session, g.weights, &so, &err), err);
    assert_ok(tac_hub_density(found, g.weights, 0, false, &err), err);
    for (uint32_t i = 0, n = 0; n < SAMPLE; i++)
        if (tac_rng_below(&rng, V - i) < SAMPLE - n)
            sample[n++] = (int32_t)i;
    r->C = C;
    for (int32_t i = 0; i < 30; i++) { /* the first sampled rows, and rows that may not be */
        int32_t id = i % 2 ? sample[i] : i * 1000;
        double sum = 0;
        size_t n = 0;
        tac_weights_read_rows(g.weights, TAC_P_EMBED, &id, 1, x);
        add_row(r, 0, &g, x, false);
        for (size_t k = 0; k < SAMPLE; k++)
            if (sample[k] != id) {
                tac_weights_read_rows(g.weights, TAC_P_EMBED, &sample[k], 1, x);
                add_row(r, 1, &g, x, false);
                cosines[n++] = cosine(r, 0, 1);
            }
        qsort(cosines, n, sizeof *cosines, descending);
        for (size_t k = 0; k < 10; k++)
            sum += cosines[k] / 10;
        assert_true(fabs(found[id] - sum) < 1e-6);
    }
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(found);
    free(sample);
    free(r);
    golden_close(&g);
}

/* Fewer rows than k leave places empty; equal scores give the lower id. */
static void test_edges(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_hub_near near[3];
    float zero[MAX_C] = {0};
    double r[3] = {0.5, 0.25, 0.25};
    golden_open(&g, "base-f32", &backends[1]);
    assert_ok(tac_hub_nearest(near, g.weights, r, zero, 1, 3, 2, false, &err), err);
    assert_true(near[0].id == 1 && near[1].id == 0 && near[2].id == -1 && near[1].score == -0.5);
    assert_ok(tac_hub_nearest(near, g.weights, r, zero, 1, 3, 3, false, &err), err);
    assert_true(near[0].id == 1 && near[1].id == 2 && near[2].id == 0);
    assert_ok(tac_hub_density(r, g.weights, 1, false, &err), err);
    assert_true(r[0] == 0);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scores), cmocka_unit_test(test_sample),
                                       cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests_name("hubs", tests, NULL, NULL);
}
