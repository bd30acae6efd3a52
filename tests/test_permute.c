/* stats/permute and stats/paired against scipy, statsmodels and full enumeration in Python
 * (stats.h), and by hand. */
#include "stats.h"

#include "base/rng.h"
#include "stats/paired.h"

static const struct tac_draws draws = {1000, 7};

/* want: p and smallest p of greater, less, two_sided. */
static void check_tails(const struct tac_permutation *t, const json_t *want)
{
    double got[] = {t->greater.p,     t->greater.smallest, t->less.p,
                    t->less.smallest, t->two_sided.p,      t->two_sided.smallest};
    all_near(got, want);
    assert_true(t->exact);
}

static void correlates_and_permutes(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g;
    size_t at, n, factorial;
    struct tacit_err err;
    json_array_foreach(field(root, "correlations"), at, g)
    {
        double *x = numbers(field(g, "x"), &n), *y = numbers(field(g, "y"), NULL);
        double *rank = calloc(n, sizeof *rank), value[3];
        const json_t *tails = json_object_get(g, "tails");
        assert_ok(tac_ranks(rank, x, n, &err), err);
        all_near(rank, field(g, "ranks"));
        for (int k = TAC_PEARSON; k <= TAC_KENDALL; k++) {
            struct tac_permutation t;
            assert_ok(tac_correlate(&value[k], (enum tac_correlation)k, x, y, n, &err), err);
            assert_ok(tac_permute_correlation(&t, (enum tac_correlation)k, x, y, n, draws, &err),
                      err);
            near(t.statistic, value[k]);
            assert_true(t.exact == (tails != NULL));
            if (tails)
                check_tails(&t, json_array_get(tails, (size_t)k));
            for (factorial = 1; tails && n > 1; n--)
                factorial *= n;
            n = json_array_size(field(g, "x"));
            assert_int_equal(t.count, tails ? factorial : draws.m);
        }
        all_near(value, field(g, "value"));
        free(x);
        free(y);
        free(rank);
    }
    json_decref(root);
}

static void correlates_by_hand(void **state)
{
    (void)state;
    struct tacit_err err;
    struct tac_permutation t;
    double r, x[] = {1, 2, 3, 4}, same[] = {0.1, 0.1, 0.1, 0.1};
    /* four in perfect order: one of 24 orders, two of 24 as far from 0; nothing can be rarer */
    assert_ok(tac_permute_correlation(&t, TAC_SPEARMAN, x, x, 4, draws, &err), err);
    near(t.greater.p, 1.0 / 24);
    near(t.less.p, 1);
    near(t.two_sided.p, 2.0 / 24);
    near(t.two_sided.smallest, 2.0 / 24);
    assert_int_equal(t.count, 24);
    /* a tie in each vector: 4 of 24 orders look alike */
    double tied[] = {1, 1, 2, 3};
    assert_ok(tac_permute_correlation(&t, TAC_KENDALL, tied, tied, 4, draws, &err), err);
    near(t.statistic, 1);
    near(t.greater.p, 2.0 / 24);
    near(t.greater.smallest, 2.0 / 24);
    assert_ok(tac_correlate(&r, TAC_PEARSON, x, same, 4, &err), err);
    assert_true(isnan(r));
    assert_ok(tac_correlate(&r, TAC_KENDALL, same, x, 4, &err), err);
    assert_true(isnan(r));
    assert_ok(tac_correlate(&r, TAC_SPEARMAN, x, x, 0, &err), err);
    assert_true(isnan(r));
    assert_ok(tac_permute_correlation(&t, TAC_PEARSON, same, x, 4, draws, &err), err);
    assert_true(isnan(t.greater.p) && isnan(t.two_sided.smallest) && t.count == 0);
    x[2] = (double)NAN;
    assert_fails(tac_correlate(&r, TAC_PEARSON, same, x, 4, &err), TACIT_EINPUT, err,
                 "second vector: value 2 is nan");
    assert_fails(tac_ranks(same, x, 4, &err), TACIT_EINPUT, err, "value 2 is NaN");
}

/* Ten items have more orders than are enumerated. Drawn p's have (b + 1) / (m + 1), lie within four
 * standard errors of the exact ones, and are a function of the seed. */
static void draws_where_orders_are_many(void **state)
{
    (void)state;
    enum { N = 10, M = 40000 };
    struct tacit_err err;
    struct tac_permutation t, u, exact;
    double x[N], y[N] = {2, 0, 3, 1, 6, 4, 5, 9, 7, 8}, far[30];
    for (int i = 0; i < N; i++)
        x[i] = i < 5 ? 0 : 1;
    /* enumerated with nine, drawn with ten */
    assert_ok(tac_permute_correlation(&exact, TAC_SPEARMAN, x, y, 9, draws, &err), err);
    assert_true(exact.exact && exact.count == 362880);
    struct tac_draws many = {M, 3};
    assert_ok(tac_permute_correlation(&t, TAC_SPEARMAN, x, y, N, many, &err), err);
    assert_true(!t.exact && t.count == M);
    near(t.greater.smallest, 1.0 / (M + 1));
    assert_true(fabs(remainder(t.greater.p * (M + 1), 1)) < 1e-6);
    /* y's five largest among 0..9 sum to 33: 4 of the 252 halves sum to 33 or more */
    double p = 4.0 / 252;
    assert_true(fabs(t.greater.p - p) < 4 * sqrt(p * (1 - p) / M));
    assert_ok(tac_permute_correlation(&u, TAC_SPEARMAN, x, y, N, many, &err), err);
    assert_true(t.greater.p == u.greater.p && t.less.p == u.less.p &&
                t.two_sided.p == u.two_sided.p);
    many.seed = 4;
    assert_ok(tac_permute_correlation(&u, TAC_SPEARMAN, x, y, N, many, &err), err);
    assert_true(t.less.p != u.less.p);
    /* an order that no draw reaches: b = 0 */
    for (int i = 0; i < 30; i++)
        far[i] = i;
    assert_ok(tac_permute_correlation(&t, TAC_PEARSON, far, far, 30, draws, &err), err);
    near(t.greater.p, 1.0 / 1001);
    near(t.less.p, 1);
}

static void permutes_matrices(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g;
    size_t at;
    struct tacit_err err;
    struct tac_permutation t;
    json_array_foreach(field(root, "mantel"), at, g)
    {
        double *a = numbers(field(g, "a"), NULL), *b = numbers(field(g, "b"), NULL);
        size_t n = json_array_size(field(g, "a"));
        for (size_t k = 0; k < 4; k++) {
            const json_t *want = json_array_get(field(g, "tests"), k);
            a[0] = b[n + 1] = (double)NAN; /* diagonals are not read */
            assert_ok(tac_permute_mantel(&t, k / 2 ? TAC_MANTEL_COLUMNS : TAC_MANTEL_ALL,
                                         k % 2 ? TAC_SPEARMAN : TAC_PEARSON, a, b, n, draws, &err),
                      err);
            near(t.statistic, number(want, "value"));
            check_tails(&t, field(want, "tails"));
        }
        b[1] = (double)INFINITY;
        assert_fails(tac_permute_mantel(&t, TAC_MANTEL_ALL, TAC_PEARSON, a, b, n, draws, &err),
                     TACIT_EINPUT, err, "value 1 is inf");
        free(a);
        free(b);
    }
    /* by hand: columns 2 and 3 agree, column 1 of b is constant: (0 + 1 + 1) / 3 */
    double a[] = {0, 1, 2, 1, 0, 3, 2, 5, 0}, b[] = {0, 1, 4, 7, 0, 5, 7, 2, 0};
    assert_ok(tac_permute_mantel(&t, TAC_MANTEL_COLUMNS, TAC_PEARSON, a, b, 3, draws, &err), err);
    near(t.statistic, 2.0 / 3);
    double same[9] = {0};
    assert_ok(tac_permute_mantel(&t, TAC_MANTEL_COLUMNS, TAC_PEARSON, a, same, 3, draws, &err),
              err);
    assert_true(isnan(t.statistic) && isnan(t.greater.p));
    json_decref(root);
}

static void permutes_slopes_within_blocks(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g = field(root, "slope");
    size_t n;
    struct tacit_err err;
    struct tac_permutation t;
    double *x = numbers(field(g, "x"), &n), *y = numbers(field(g, "y"), NULL);
    double *name = numbers(field(g, "block"), NULL);
    int64_t block[16];
    for (size_t i = 0; i < n; i++)
        block[i] = (int64_t)name[i];
    assert_ok(tac_permute_slope(&t, x, y, block, n, draws, &err), err);
    near(t.statistic, number(g, "value"));
    check_tails(&t, field(g, "tails"));
    assert_int_equal(t.count, (size_t)number(g, "count"));
    /* by hand: slopes of 2 within, though blocks fall; 2! 2! orders */
    double u[] = {1, 2, 5, 6}, v[] = {11, 13, 0, 2};
    int64_t two[] = {1, 1, 0, 0};
    assert_ok(tac_permute_slope(&t, u, v, two, 4, draws, &err), err);
    near(t.statistic, 2);
    near(t.greater.p, 1.0 / 4);
    near(t.two_sided.p, 2.0 / 4);
    u[1] = 1;
    u[3] = 5;
    assert_ok(tac_permute_slope(&t, u, v, two, 4, draws, &err), err);
    assert_true(isnan(t.statistic) && isnan(t.less.p));
    v[3] = (double)INFINITY;
    assert_fails(tac_permute_slope(&t, u, v, two, 4, draws, &err), TACIT_EINPUT, err,
                 "y: value 3 is inf");
    free(x);
    free(y);
    free(name);
    json_decref(root);
}

static void tests_equidistance(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g = field(root, "equidistance");
    struct tacit_err err;
    struct tac_equidistance e;
    double *dist = numbers(field(g, "dist"), NULL), *name = numbers(field(g, "group"), NULL);
    int64_t group[8];
    for (size_t i = 0; i < 8; i++)
        group[i] = (int64_t)name[i];
    assert_ok(tac_equidistance(&e, dist, group, 8, draws, &err), err);
    near(e.ratio_all, number(g, "ratio_all"));
    near(e.cv_all, number(g, "cv_all"));
    near(e.ratio.statistic, number(g, "ratio"));
    near(e.cv.statistic, number(g, "cv"));
    check_tails(&e.ratio, field(g, "ratio_tails"));
    check_tails(&e.cv, field(g, "cv_tails"));
    assert_int_equal(e.cv.count, (size_t)number(g, "count"));
    /* by hand: an equal triangle and a point at 2, 3 and 4 from it; one of 4 ways is the most even
     */
    double d[] = {0, 1, 1, 2, 1, 0, 1, 3, 1, 1, 0, 4, 2, 3, 4, 0};
    int64_t three[] = {9, 9, 9, -5};
    assert_ok(tac_equidistance(&e, d, three, 4, draws, &err), err);
    near(e.ratio_all, 4);
    near(e.ratio.statistic, 1);
    near(e.cv.statistic, 0);
    near(e.ratio.less.p, 1.0 / 4);
    near(e.cv.less.p, 1.0 / 4);
    near(e.cv.less.smallest, 1.0 / 4);
    assert_int_equal(e.ratio.count, 4);
    /* a group of two says nothing of evenness: 2 / 1 of the three alone */
    double five[25] = {0, 1, 1, 5, 5, 1, 0, 2, 5, 5, 1, 2, 0, 5, 5, 5, 5, 5, 0, 5, 5, 5, 5, 5, 0};
    assert_ok(tac_equidistance(&e, five, (int64_t[]){1, 1, 1, 2, 2}, 5, draws, &err), err);
    near(e.ratio.statistic, 2);
    assert_int_equal(e.ratio.count, 10);
    int64_t pairs[] = {1, 1, 2, 2};
    assert_fails(tac_equidistance(&e, d, pairs, 4, draws, &err), TACIT_EINPUT, err,
                 "no group of 4 points has three");
    d[4] = 0;
    assert_fails(tac_equidistance(&e, d, three, 4, draws, &err), TACIT_EINPUT, err,
                 "points 1 and 0 is 0");
    free(dist);
    free(name);
    json_decref(root);
}

static void computes_tail_probabilities(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *row;
    size_t at;
    json_array_foreach(field(root, "gamma"), at, row)
    {
        double *v = numbers(row, NULL);
        /* far tails too: relative, not against 1e-3 */
        if (fabs(tac_gamma_upper(v[0], v[1]) - v[2]) > 1e-11 * v[2])
            fail_msg("Q(%g, %g) = %.17g, expected %.17g", v[0], v[1], tac_gamma_upper(v[0], v[1]),
                     v[2]);
        free(v);
    }
    json_array_foreach(field(root, "chi2"), at, row)
    {
        double *v = numbers(row, NULL);
        assert_true(fabs(tac_chi2_upper(v[0], v[1]) / v[2] - 1) < 1e-11);
        if (v[2] < 0.999) /* beyond, the probability has lost the quantile's digits */
            assert_true(fabs(tac_chi2_quantile(v[2], v[1]) / v[0] - 1) < 1e-9);
        free(v);
    }
    assert_true(tac_chi2_upper(0, 3) == 1);
    near(tac_gamma_upper(1, 2), exp(-2));
    near(tac_gamma_upper(0.5, 2), erfc(sqrt(2)));
    json_array_foreach(field(root, "mcnemar"), at, row)
    {
        double *v = numbers(row, NULL);
        near(tac_mcnemar((size_t)v[0], (size_t)v[1]), v[2]);
        free(v);
    }
    near(tac_mcnemar(0, 3), 2.0 / 8);
    json_decref(root);
}

static void tests_columns_of_rights(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g;
    size_t at, n;
    struct tacit_err err;
    struct tac_cochran c;
    json_array_foreach(field(root, "cochran"), at, g)
    {
        double *v = numbers(field(g, "right"), &n);
        bool right[64];
        size_t rows = json_array_size(field(g, "right"));
        assert_true(n <= 64);
        for (size_t i = 0; i < n; i++)
            right[i] = v[i] != 0;
        assert_ok(tac_cochran(&c, right, rows, n / rows, draws, &err), err);
        near(c.q, number(g, "q"));
        near(c.p, number(g, "p"));
        near(c.permuted.statistic, c.q);
        near(c.permuted.greater.p, json_number_value(json_array_get(field(g, "tails"), 0)));
        near(c.permuted.greater.smallest, json_number_value(json_array_get(field(g, "tails"), 1)));
        assert_int_equal(c.discordant, (size_t)number(g, "discordant"));
        assert_int_equal(c.permuted.count, (size_t)number(g, "count"));
        free(v);
    }
    /* by hand: two columns, three rows for the first and one for the other: Q is McNemar's (b -
     * c)^2 / (b + c) = 1; 10 of 16 signs are as uneven */
    bool two[] = {1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0};
    assert_ok(tac_cochran(&c, two, 6, 2, draws, &err), err);
    near(c.q, 1);
    near(c.permuted.greater.p, 10.0 / 16);
    assert_int_equal(c.discordant, 4);
    assert_ok(tac_cochran(&c, (bool[]){1, 1, 0, 0}, 2, 2, draws, &err), err);
    assert_true(c.q == 0 && c.p == 1 && c.permuted.greater.p == 1 && c.discordant == 0);
    json_decref(root);
}

static void adjusts_by_holm(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    const json_t *g;
    size_t at, n;
    struct tacit_err err;
    json_array_foreach(field(root, "holm"), at, g)
    {
        double *p = numbers(field(g, "p"), &n);
        assert_ok(tac_holm(p, p, n, &err), err);
        all_near(p, field(g, "adjusted"));
        free(p);
    }
    /* by hand: .01 * 3, then .02 * 2 = .04, then .03 raised to .04 */
    double p[] = {0.03, 0.01, 0.02}, q[3];
    assert_ok(tac_holm(q, p, 3, &err), err);
    near(q[0], 0.04);
    near(q[1], 0.03);
    near(q[2], 0.04);
    p[1] = 1.5;
    assert_fails(tac_holm(q, p, 3, &err), TACIT_EINPUT, err, "p-value 1 is 1.5");
    json_decref(root);
}

static void judges_by_a_margin(void **state)
{
    (void)state;
    enum { N = 200 };
    json_t *root = stats_golden();
    const json_t *g = field(root, "paired");
    struct tacit_err err;
    struct tac_noninferiority r;
    struct tac_draws many = {20000, 1};
    double *x = numbers(field(g, "a"), NULL), *y = numbers(field(g, "b"), NULL), sum = 0;
    bool a[N], b[N];
    for (int i = 0; i < N; i++) {
        a[i] = x[i] != 0;
        b[i] = y[i] != 0;
        sum += x[i] - y[i];
    }
    assert_ok(tac_noninferiority(&r, a, b, N, 0.03, many, &err), err);
    near(r.difference, sum / N);
    near(r.low, number(g, "low"));
    near(r.high, number(g, "high"));
    double low = r.low, high = r.high;
    assert_true(low < 0 && high > 0);
    assert_ok(tac_noninferiority(&r, a, b, N, -low + 0.001, many, &err), err);
    assert_true(r.holds == TAC_HOLDS && r.equivalent == (high < -low + 0.001));
    assert_ok(tac_noninferiority(&r, a, b, N, -low - 0.001, many, &err), err);
    assert_true(r.holds == TAC_UNDECIDED && !r.equivalent);
    assert_ok(tac_noninferiority(&r, a, b, N, 0.5, many, &err), err);
    assert_true(r.holds == TAC_HOLDS && r.equivalent);
    for (int i = 0; i < N; i++)
        a[i] = b[i] && i % 2;
    assert_ok(tac_noninferiority(&r, a, b, N, 0.03, many, &err), err);
    assert_true(r.holds == TAC_FAILS && !r.equivalent);
    assert_ok(tac_noninferiority(&r, b, a, N, 0.03, many, &err), err);
    assert_true(r.holds == TAC_HOLDS && !r.equivalent);
    free(x);
    free(y);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correlates_and_permutes),
        cmocka_unit_test(correlates_by_hand),
        cmocka_unit_test(draws_where_orders_are_many),
        cmocka_unit_test(permutes_matrices),
        cmocka_unit_test(permutes_slopes_within_blocks),
        cmocka_unit_test(tests_equidistance),
        cmocka_unit_test(computes_tail_probabilities),
        cmocka_unit_test(tests_columns_of_rights),
        cmocka_unit_test(adjusts_by_holm),
        cmocka_unit_test(judges_by_a_margin),
    };
    return cmocka_run_group_tests_name("permute", tests, NULL, NULL);
}
