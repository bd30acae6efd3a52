/* Knocked-out tokens (interpret/ablate) against prompts that are words: without a word, or with
 * another in its place, they are a text that the model scores by itself. */
#include "golden.h"

#include "interpret/ablate.h"

#include <math.h>

enum { P = 4, MAX_C = 64 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 2};

/* What the golden queries' targets score behind token ids. */
static void score_text(double *loglik, struct golden *g, const int32_t *ids, size_t n)
{
    struct tacit_err err;
    struct tac_prefix prefix;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_score_options o = tac_score_options_default();
    double logp[64];
    size_t at = 0;
    assert_ok(tac_prefix_tokens(&prefix, ids, n, &err), err);
    assert_ok(tac_score(g->session, logp, NULL, &ports, &prefix, g->query, g->n, &o, &err), err);
    for (size_t i = 0; i < g->n; i++) {
        loglik[i] = 0;
        for (size_t k = 0; k < g->query[i].n_target; k++)
            loglik[i] += logp[at++];
    }
    tac_prefix_release(&prefix);
}

static void test_knockout(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_score_options o = tac_score_options_default();
    double got[P * MAX_EXAMPLES], want[MAX_EXAMPLES];
    int32_t ids[P] = {3, 17, 3, 28}, other = 9;
    float values[P * MAX_C], substitute[MAX_C];
    golden_open(&g, "base-f32", &cpu);
    o.batch_rows = 12; /* several batches */
    size_t bytes = g.n * sizeof *want;
    tac_weights_read_rows(g.weights, TAC_P_EMBED, ids, P, values);
    tac_weights_read_rows(g.weights, TAC_P_EMBED, &other, 1, substitute);
    assert_ok(tac_rows_score(got, g.session, values, P, g.query, g.n, &o, &err), err);
    score_text(want, &g, ids, P);
    assert_memory_equal(got, want, bytes);
    assert_ok(tac_rows_score(got, g.session, NULL, 0, g.query, g.n, &o, &err), err);
    score_text(want, &g, ids, 0);
    assert_memory_equal(got, want, bytes);
    for (int removed = 0; removed < 2; removed++) {
        assert_ok(tac_knockout(got, g.session, values, P, removed ? NULL : substitute, g.query, g.n,
                               &o, &err),
                  err);
        for (size_t i = 0; i < P; i++) {
            int32_t text[P];
            size_t n = 0;
            for (size_t k = 0; k < P; k++)
                if (k != i || !removed)
                    text[n++] = k == i ? other : ids[k];
            score_text(want, &g, text, n);
            assert_memory_equal(got + i * g.n, want, bytes);
        }
    }
    assert_ok(tac_knockout(got, g.session, values, 1, NULL, g.query, g.n, &o, &err), err);
    score_text(want, &g, ids, 0);
    assert_memory_equal(got, want, bytes);
    golden_close(&g);
}

static void test_mean(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    float mean[MAX_C];
    golden_open(&g, "base-f32", &cpu);
    for (size_t n = 0; n < 10; n += 7) {
        size_t V = n ? n : g.model->c.V;
        assert_ok(tac_vocabulary_mean(mean, g.weights, n, &err), err);
        for (size_t c = 0; c < g.C; c++) {
            double want = 0;
            for (size_t v = V; v-- > 0;)
                want += tac_tensor_get(g.model->tensor[TAC_P_EMBED], v * g.C + c) / (double)V;
            assert_true(fabs((double)mean[c] - want) < 1e-7);
        }
    }
    golden_close(&g);
}

static void test_between(void **state)
{
    (void)state;
    static const float a[] = {1, -2, 1e-3f}, b[] = {3, 4, -1e8f};
    float out[3];
    tac_rows_between(out, a, b, 0, 3);
    assert_memory_equal(out, a, sizeof a);
    tac_rows_between(out, a, b, 1, 3);
    assert_memory_equal(out, b, sizeof b);
    tac_rows_between(out, a, b, 0.25, 2);
    assert_true(out[0] == 1.5f && out[1] == -0.5f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_knockout), cmocka_unit_test(test_mean),
                                       cmocka_unit_test(test_between)};
    return cmocka_run_group_tests_name("ablate", tests, NULL, NULL);
}
