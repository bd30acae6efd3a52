/* Neurons and answers under two prompts (interpret/neurons): activations of one
 * input at a time, overlaps and divergences by hand. */
#include "golden.h"

#include "base/rng.h"
#include "interpret/neurons.h"

#include <math.h>

enum { MAX_C = 64, INPUTS = 70 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 2},
                                        ref64 = {.name = "ref64"};

static void near(double got, double want, double tol, const char *what)
{
    if (!(fabs(got - want) <= tol * (1 + fabs(want))))
        fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

/* Inputs of a few tokens that begin alike, the prompt in front of them, within them or behind. */
static void make_inputs(struct tac_query *q, int32_t (*id)[5], size_t n, size_t V)
{
    struct tac_rng rng = tac_rng_init(2, 1);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 5; k++)
            id[i][k] = k < 2 ? (int32_t)k : (int32_t)tac_rng_below(&rng, (uint32_t)V);
        q[i] = (struct tac_query){.ctx = id[i], .n_ctx = 1 + i % 5, .at = i % 7 % (2 + i % 5)};
    }
}

/* The mean activations input by input and layer by layer, the prompt as words (test_probe.c shows
 * that a tap reads what the layer goes on with). */
static void expect(double *mean, struct golden *g, const int32_t *words, size_t n_word,
                   const struct tac_query *q, size_t n)
{
    const struct tac_decoder_config *c = &g->model->c;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tacit_err err;
    float *act = calloc(c->F, sizeof *act);
    for (size_t i = 0; i < n; i++) {
        int32_t src[16];
        size_t len = n_word + q[i].n_ctx;
        for (size_t k = 0; k < len; k++)
            src[k] = k < q[i].at            ? q[i].ctx[k]
                     : k < q[i].at + n_word ? words[k - q[i].at]
                                            : q[i].ctx[k - n_word];
        for (size_t l = 0; l < c->L; l++) {
            struct tac_seq seq = {.src = src, .n = len, .keep = len, .root = -1};
            struct tac_job_tap tap = {0, len - 1, (int32_t)l, TAC_TAP_MLP, act};
            struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .tap = &tap, .n_tap = 1};
            assert_ok(tac_session_run(g->session, &job, &err), err);
            for (size_t f = 0; f < c->F; f++)
                mean[l * c->F + f] += (double)act[f] / (double)n;
        }
    }
    free(act);
}

static void test_neurons(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct golden g;
        struct tacit_err err;
        struct tac_query q[INPUTS];
        int32_t id[INPUTS][5], words[2] = {7, 21};
        float values[2 * MAX_C];
        golden_open(&g, "odd-heads-f32", k ? &cpu : &ref64);
        size_t cells = g.model->c.L * g.model->c.F;
        double *got = calloc(cells, sizeof *got), *want = calloc(cells, sizeof *want);
        make_inputs(q, id, INPUTS, g.model->c.V);
        tac_weights_read_rows(g.weights, TAC_P_EMBED, words, 2, values);
        for (size_t P = 0; P <= 2; P += 2) {
            assert_ok(tac_neurons(got, g.session, values, P, q, INPUTS, &err), err);
            memset(want, 0, cells * sizeof *want);
            expect(want, &g, words, P, q, INPUTS);
            for (size_t i = 0; i < cells; i++)
                near(got[i], want[i], 1e-9, "mean activation");
        }
        q[3].n_ctx = 0;
        assert_fails(tac_neurons(got, g.session, values, 2, q, INPUTS, &err), TACIT_EINPUT, err,
                     "input 3 is empty");
        q[3] = (struct tac_query){.ctx = id[3], .n_ctx = 2};
        id[3][1] = 5000;
        assert_fails(tac_neurons(got, g.session, values, 2, q, INPUTS, &err), TACIT_EINPUT, err,
                     "token id 5000 is outside");
        free(got);
        free(want);
        golden_close(&g);
    }
}

static void test_overlap(void **state)
{
    (void)state;
    enum { F = 20 };
    double a[2 * F] = {0}, b[2 * F] = {0};
    struct tac_neuron_overlap o;
    struct tacit_err err;
    a[4] = 3, a[9] = 1, b[4] = 2, b[11] = 2; /* {4, 9} and {4, 11}: a third */
    a[F] = -1, b[F + 19] = 5, b[F + 1] = 1;  /* ties: {1, 2} and {1, 19}: a third */
    assert_ok(tac_neuron_overlap(&o, a, b, 2, F, 0.1, &err), err);
    near(o.overlap, 1.0 / 3, 1e-12, "overlap");
    near(o.cosine, 6 / (sqrt(11) * sqrt(34)), 1e-12, "cosine");
    assert_ok(tac_neuron_overlap(&o, a, b, 1, F, 0.01, &err), err);
    near(o.overlap, 1, 1e-12, "overlap of one neuron each");
    b[11] = 2.5;
    assert_ok(tac_neuron_overlap(&o, a, b, 2, F, 0.01, &err), err);
    near(o.overlap, 0, 1e-12, "no overlap");
    assert_ok(tac_neuron_overlap(&o, a, b, 2, F, 1, &err), err);
    near(o.overlap, 1, 1e-12, "all neurons");
}

static void test_divergence(void **state)
{
    (void)state;
    static const size_t first[] = {0, 2, 5, 6};
    /* probabilities 1/2, 1/2 and 1/4, 3/4; 0, 1/3, 2/3 and 1/3, 1/3, 1/3; one answer */
    const double a[] = {-4, -4, -INFINITY, log(1), log(2), -3},
                 b[] = {-9, -9 + log(3), -700, -700, -700, -1};
    double one = 0.5 * (0.5 * log(0.5 / 0.375) + 0.5 * log(0.5 / 0.625)) +
                 0.5 * (0.25 * log(0.25 / 0.375) + 0.75 * log(0.75 / 0.625));
    double two = 0.5 * (2.0 / 3 * log(4.0 / 3)) + 0.5 * (log(2) / 3 + log(2.0 / 3) / 3);
    near(tac_answer_divergence(a, b, first, 1), one, 1e-12, "two answers");
    near(tac_answer_divergence(b, a, first, 3), (one + two) / 3, 1e-12, "three examples");
    near(tac_answer_divergence(a, a, first, 3), 0, 1e-12, "the same");
    assert_true(isnan(tac_answer_divergence(a, b, first, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_neurons),
                                       cmocka_unit_test(test_overlap),
                                       cmocka_unit_test(test_divergence)};
    return cmocka_run_group_tests_name("neurons", tests, NULL, NULL);
}
