/* Drift-matched perturbations (interpret/perturb): distances by a norm written out here, on a
 * golden model with a gain that is not flat. */
#include "golden.h"

#include "base/rng.h"
#include "interpret/perturb.h"

#include <math.h>

enum { P = 6, MAX_C = 64 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 1};

/* Layer norm with the model's gain and bias, or the row itself. */
static void see(double *out, const struct golden *g, const float *x)
{
    double mean = 0, var = 0;
    for (size_t c = 0; c < g->C; c++)
        mean += (double)x[c] / (double)g->C;
    for (size_t c = 0; c < g->C; c++)
        var += pow((double)x[c] - mean, 2) / (double)g->C;
    for (size_t c = 0; c < g->C; c++)
        out[c] = g->model->c.embed_norm
                     ? ((double)x[c] - mean) / sqrt(var + g->model->c.eps) *
                               tac_tensor_get(g->model->tensor[TAC_P_EMBED_G], c) +
                           tac_tensor_get(g->model->tensor[TAC_P_EMBED_B], c)
                     : (double)x[c];
}

static double apart(const struct golden *g, const float *x, const float *y)
{
    double a[MAX_C], b[MAX_C], sum = 0;
    see(a, g, x);
    see(b, g, y);
    for (size_t c = 0; c < g->C; c++)
        sum += pow(a[c] - b[c], 2);
    return sqrt(sum);
}

static void moments(const struct golden *g, const float *x, double *mean, double *deviation)
{
    double m = 0, v = 0;
    for (size_t c = 0; c < g->C; c++)
        m += (double)x[c] / (double)g->C;
    for (size_t c = 0; c < g->C; c++)
        v += pow((double)x[c] - m, 2) / (double)g->C;
    *mean = m;
    *deviation = sqrt(v);
}

/* Start rows are words; token i of the trained prompt has moved i times as far as token 1. */
static void make_prompts(const struct golden *g, float *start, float *trained, float scale)
{
    struct tac_rng rng = tac_rng_init(5, 1);
    int32_t ids[P] = {3, 8, 1, 20, 11, 30};
    tac_weights_read_rows(g->weights, TAC_P_EMBED, ids, P, start);
    for (size_t i = 0; i < P; i++)
        for (size_t c = 0; c < g->C; c++)
            trained[i * g->C + c] =
                start[i * g->C + c] + scale * (float)i * (float)tac_rng_normal(&rng);
}

static void check_rows(const struct golden *g, const float *start, const float *trained,
                       const float *out)
{
    size_t C = g->C;
    assert_memory_equal(out, start, C * sizeof *out);
    for (size_t i = 1; i < P; i++) {
        double want = apart(g, start + i * C, trained + i * C),
               got = apart(g, start + i * C, out + i * C), mean[2], deviation[2];
        if (!(fabs(got - want) < 1e-5 * want))
            fail_msg("token %zu moved by %.9g, expected %.9g", i, got, want);
        moments(g, start + i * C, &mean[0], &deviation[0]);
        moments(g, out + i * C, &mean[1], &deviation[1]);
        if (g->model->c.embed_norm)
            assert_true(fabs(mean[1] - mean[0]) < 1e-6 &&
                        fabs(deviation[1] / deviation[0] - 1) < 1e-5);
    }
}

static void test_matched(void **state)
{
    (void)state;
    float start[P * MAX_C], trained[P * MAX_C], out[3][P * MAX_C];
    for (int normed = 0; normed < 2; normed++)
        for (int k = 0; k < 3; k++) {
            struct golden g;
            struct tacit_err err;
            size_t few[3];
            golden_open(&g, "odd-heads-f32", &cpu);
            g.model->c.embed_norm = normed;
            size_t bytes = P * g.C * sizeof(float);
            make_prompts(&g, start, trained, powf(10, (float)k) * 1e-3f);
            for (uint64_t s = 0; s < 3; s++)
                assert_ok(
                    tac_perturb_matched(out[s], &few[s], g.weights, start, trained, P, s / 2, &err),
                    err);
            for (uint64_t s = 0; s < 3; s++)
                check_rows(&g, start, trained, out[s]);
            assert_true(few[0] == 0 && few[2] == 0);
            assert_memory_equal(out[0], out[1], bytes);
            for (size_t i = 1; i < P; i++)
                assert_memory_not_equal(out[0] + i * g.C, out[2] + i * g.C, g.C * sizeof(float));
            golden_close(&g);
        }
}

/* With one gain far above the others a row whose deviation lies there alone is farther than a
 * random turn gets: it is turned by pi, and counted. That changes the signs of its deviations,
 * whatever the direction. */
static void test_short(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    float start[P * MAX_C], trained[P * MAX_C], out[P * MAX_C], gain[MAX_C];
    double mean, deviation;
    size_t few;
    golden_open(&g, "odd-heads-f32", &cpu);
    make_prompts(&g, start, trained, 0);
    for (size_t c = 0; c < g.C; c++) {
        gain[c] = c ? 1 : 100;
        trained[2 * g.C + c] = c ? 0 : -1e4f;
    }
    g.be->ops->upload(g.be, g.weights->param[TAC_P_EMBED_G].v, gain, g.C);
    assert_ok(tac_perturb_matched(out, &few, g.weights, start, trained, P, 1, &err), err);
    assert_int_equal(few, 1);
    moments(&g, start + 2 * g.C, &mean, &deviation);
    for (size_t c = 0; c < g.C; c++)
        assert_true(fabs((double)out[2 * g.C + c] - (2 * mean - (double)start[2 * g.C + c])) <
                    1e-5 * deviation);
    assert_memory_equal(out, start, 2 * g.C * sizeof *out);
    golden_close(&g);
}

static void test_jitter(void **state)
{
    (void)state;
    enum { C = 40 };
    float start[2 * C], out[2 * C], again[2 * C];
    double distance[2] = {0.5, 3}, along = 0;
    for (size_t i = 0; i < (size_t)2 * C; i++)
        start[i] = (float)i;
    tac_jitter_to(out, start, distance, 2, C, 7);
    tac_jitter_to(again, start, distance, 2, C, 7);
    assert_memory_equal(out, again, sizeof out);
    for (size_t i = 0; i < 2; i++) {
        double sum = 0;
        for (size_t c = i * C; c < (i + 1) * C; c++)
            sum += pow((double)out[c] - (double)start[c], 2);
        assert_true(fabs(sqrt(sum) - distance[i]) < 1e-5);
    }
    for (size_t c = 0; c < C; c++)
        along += ((double)out[c] - (double)start[c]) * ((double)out[C + c] - (double)start[C + c]);
    assert_true(fabs(along) < 0.6 * 0.5 * 3);
    distance[0] = 0;
    tac_jitter_to(out, start, distance, 2, C, 7);
    assert_memory_equal(out, start, C * sizeof *out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matched), cmocka_unit_test(test_short),
                                       cmocka_unit_test(test_jitter)};
    return cmocka_run_group_tests_name("perturb", tests, NULL, NULL);
}
