/* stats/describe against values worked out by R, scikit-learn or by hand. */
#include "check.h"

#include "base/rng.h"
#include "stats/describe.h"

#include <math.h>

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("%.17g, expected %.17g", got, want);
}

static void describes_samples(void **state)
{
    (void)state;
    double x[] = {1, 2, 4, 9};
    near(tac_mean(x, 4), 4);
    near(tac_variance(x, 4), 38.0 / 3);
    near(tac_mean_stderr(x, 4), sqrt(38.0 / 12));
    assert_true(isnan(tac_mean(x, 0)) && isnan(tac_variance(x, 1)) && isnan(tac_mean_stderr(x, 1)));
    near(tac_quantile(x, 4, 0), 1);
    near(tac_quantile(x, 4, 0.5), 3);
    near(tac_quantile(x, 4, 0.9), 7.5);
    near(tac_quantile(x, 4, 1), 9);
    near(tac_quantile(x, 1, 0.3), 1);
}

static void describes_proportions(void **state)
{
    (void)state;
    double x[] = {1, 0, 1, 1, 0, 1, 1};
    near(tac_proportion_stderr(5, 7), tac_mean_stderr(x, 7));
    assert_true(isnan(tac_proportion_stderr(1, 1)));
    /* R: prop.test(8, 10, correct = FALSE)$conf.int */
    struct tac_interval w = tac_wilson(8, 10);
    assert_true(fabs(w.low - 0.4901625) < 1e-7 && fabs(w.high - 0.9433178) < 1e-7);
    w = tac_wilson(0, 5);
    near(w.low, 0);
    assert_true(fabs(w.high - 0.4344825) < 1e-7);
    w = tac_wilson(5, 5);
    near(w.high, 1);
    assert_true(fabs(w.low - 0.5655175) < 1e-7);
    w = tac_wilson(0, 0);
    assert_true(w.low == 0 && w.high == 1);
}

static void compares_pairs(void **state)
{
    (void)state;
    enum { N = 400 };
    double a[N], b[N];
    struct tac_rng rng = tac_rng_init(1, 1);
    for (int i = 0; i < N; i++) {
        double shared = tac_rng_normal(&rng);
        a[i] = shared + 0.5 + 0.1 * tac_rng_normal(&rng);
        b[i] = shared;
    }
    struct tac_paired p, q;
    struct tacit_err err;
    assert_ok(tac_paired_difference(&p, a, b, N, 4000, 7, &err), err);
    assert_true(fabs(p.mean - 0.5) < 0.02 && fabs(p.error - 0.005) < 0.0007);
    near(p.normal.high - p.mean, 1.959963984540054 * p.error);
    near(p.mean - p.normal.low, 1.959963984540054 * p.error);
    assert_true(fabs(p.bootstrap.low - p.normal.low) < 0.001);
    assert_true(fabs(p.bootstrap.high - p.normal.high) < 0.001);
    assert_ok(tac_paired_difference(&q, a, b, N, 4000, 7, &err), err);
    assert_memory_equal(&p, &q, sizeof p);
    assert_ok(tac_paired_difference(&q, a, b, N, 4000, 8, &err), err);
    assert_true(p.bootstrap.low != q.bootstrap.low);
}

static void measures_auroc_by_its_definition(void **state)
{
    (void)state;
    enum { N = 60 };
    double score[N], got, wins = 0, pairs = 0;
    bool positive[N];
    struct tac_rng rng = tac_rng_init(3, 0);
    struct tacit_err err;
    for (int i = 0; i < N; i++) {
        positive[i] = tac_rng_below(&rng, 3) == 0;
        score[i] = tac_rng_below(&rng, 6) + positive[i];
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            if (positive[i] && !positive[k]) {
                pairs++;
                wins += score[i] > score[k] ? 1 : score[i] == score[k] ? 0.5 : 0;
            }
    assert_ok(tac_auroc(&got, score, positive, N, &err), err);
    near(got, wins / pairs);
    assert_ok(tac_auroc(&got, (double[]){1, 2, 3}, (bool[]){false, false, true}, 3, &err), err);
    near(got, 1);
    assert_ok(tac_auroc(&got, score, (bool[]){true, true}, 2, &err), err);
    assert_true(isnan(got));
    assert_ok(tac_auroc(&got, NULL, NULL, 0, &err), err);
    assert_true(isnan(got));
    assert_fails(tac_auroc(&got, (double[]){1, (double)NAN}, (bool[]){true, false}, 2, &err),
                 TACIT_EFAIL, err, "score 1 is NaN");
}

static void measures_f1(void **state)
{
    (void)state;
    near(tac_f1(3, 1, 2), 6.0 / 9);
    near(tac_f1(0, 0, 0), 0);
    /* scikit-learn: f1_score([0,0,0,1,1,2], [0,0,1,1,2,2], average="macro") */
    size_t confusion[] = {2, 1, 0, 0, 1, 1, 0, 0, 1};
    near(tac_macro_f1(confusion, 3), (0.8 + 0.5 + 2.0 / 3) / 3);
    size_t absent[] = {2, 0, 0, 0, 0, 0, 0, 0, 3};
    near(tac_macro_f1(absent, 3), 1);
}

static void counts_exact_groups(void **state)
{
    (void)state;
    int64_t group[] = {7, -1, 7, 3, -1, 3};
    bool right[] = {true, true, false, true, true, true};
    size_t exact, groups;
    struct tacit_err err;
    assert_ok(tac_group_exact(&exact, &groups, group, right, 6, &err), err);
    assert_int_equal(exact, 2);
    assert_int_equal(groups, 3);
    assert_ok(tac_group_exact(&exact, &groups, NULL, NULL, 0, &err), err);
    assert_int_equal(groups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_samples), cmocka_unit_test(describes_proportions),
        cmocka_unit_test(compares_pairs),    cmocka_unit_test(measures_auroc_by_its_definition),
        cmocka_unit_test(measures_f1),       cmocka_unit_test(counts_exact_groups),
    };
    return cmocka_run_group_tests_name("describe", tests, NULL, NULL);
}
