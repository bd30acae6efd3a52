/* Prompts beside each other (interpret/similarity) against values by hand and every matching of a
 * few tokens; the embedding norm against a golden model's own stream. */
#include "golden.h"

#include "base/rng.h"
#include "interpret/similarity.h"

#include <math.h>

enum { MOST = 7, MANY = 60 };

static void near(double got, double want, double tol, const char *what)
{
    if (!(fabs(got - want) <= tol * (1 + fabs(want))))
        fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

static void test_by_hand(void **state)
{
    (void)state;
    static const float a[] = {1, 0, 0, 1}, b[] = {0, 2, 3, 0}, zero[] = {0, 0, 0, 1};
    struct tac_similarity s;
    struct tacit_err err;
    size_t match[2];
    assert_ok(tac_similarity(&s, match, a, b, 2, 2, &err), err);
    near(s.distance, sqrt(15), 1e-12, "distance");
    near(s.cosine, 0, 1e-12, "cosine");
    near(s.mean_cosine, 2.5 / (sqrt(2) * sqrt(13)) * 2, 1e-12, "cosine of means");
    near(s.pairwise, 0.5, 1e-12, "pairs");
    near(s.matched_cosine, 1, 1e-12, "matched cosine");
    near(s.matched_distance, sqrt(5), 1e-12, "matched distance");
    assert_true(match[0] == 1 && match[1] == 0 && s.in_place == 0 && s.in_place_distance == 0);
    assert_ok(tac_similarity(&s, match, zero, a, 2, 2, &err), err);
    near(s.pairwise, 0.25, 1e-12, "pairs with a token of zeros");
    near(s.matched_cosine, 0.5, 1e-12, "matched cosine with a token of zeros");
    assert_int_equal(s.in_place, 2);
}

/* The smallest sum over all orders of the columns from `row` on. */
static double best_of_all(const double *cost, size_t n, size_t row, unsigned taken)
{
    double best = (double)INFINITY;
    if (row == n)
        return 0;
    for (size_t j = 0; j < n; j++)
        if (!(taken >> j & 1))
            best = fmin(best, cost[row * n + j] + best_of_all(cost, n, row + 1, taken | 1u << j));
    return best;
}

static void check_assign(const double *cost, size_t n)
{
    size_t match[MOST], at[MOST] = {0};
    struct tacit_err err;
    double sum = 0;
    assert_ok(tac_assign(match, cost, n, &err), err);
    for (size_t i = 0; i < n; i++) {
        assert_true(match[i] < n && at[match[i]]++ == 0);
        sum += cost[i * n + match[i]];
    }
    near(sum, best_of_all(cost, n, 0, 0), 1e-12, "sum of costs");
}

/* Costs of any sign, and small whole numbers with many ties. */
static void test_assign(void **state)
{
    (void)state;
    struct tac_rng rng = tac_rng_init(4, 1);
    for (size_t n = 1; n <= MOST; n++)
        for (int round = 0; round < 30; round++) {
            double cost[MOST * MOST];
            for (size_t i = 0; i < n * n; i++)
                cost[i] = round % 2 ? tac_rng_normal(&rng) : (double)tac_rng_below(&rng, 4);
            check_assign(cost, n);
        }
}

/* A prompt against itself with its tokens moved round by 7 and a little noise. */
static void test_moved(void **state)
{
    (void)state;
    enum { C = 5 };
    float a[MANY * C], b[MANY * C];
    size_t match[MANY];
    struct tac_rng rng = tac_rng_init(8, 1);
    struct tac_similarity s;
    struct tacit_err err;
    double noise = 0;
    for (size_t i = 0; i < MANY * C; i++)
        a[i] = (float)tac_rng_normal(&rng);
    for (size_t i = 0; i < MANY; i++)
        for (size_t c = 0; c < C; c++) {
            size_t to = ((i + 7) % MANY) * C + c;
            b[to] = a[i * C + c] + 1e-3f * (float)tac_rng_normal(&rng);
            noise += pow((double)b[to] - (double)a[i * C + c], 2);
        }
    assert_ok(tac_similarity(&s, match, a, b, MANY, C, &err), err);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(match[i], (i + 7) % MANY);
    near(s.matched_distance, sqrt(noise), 1e-9, "matched distance");
    assert_true(s.matched_cosine > 0.999 && s.matched_cosine <= 1 + 1e-12 && s.distance > 1);
}

/* Equal tokens are matched in place, as the words of a description that is repeated are. */
static void test_repeated(void **state)
{
    (void)state;
    enum { P = 9, C = 3 };
    float a[P * C], b[P * C];
    struct tac_similarity s;
    struct tacit_err err;
    for (size_t i = 0; i < P; i++)
        for (size_t c = 0; c < C; c++)
            a[i * C + c] = (float)(i % 3 == c) + 0.25f;
    memcpy(b, a, sizeof b);
    b[4 * C] += 2;
    assert_ok(tac_similarity(&s, NULL, a, b, P, C, &err), err);
    assert_int_equal(s.in_place, P);
    assert_int_equal(s.in_place_distance, P);
    a[2] = NAN;
    assert_fails(tac_similarity(&s, NULL, a, b, P, C, &err), TACIT_EINPUT, err, "not finite");
}

/* Token rows behind the norm are the stream that the model goes on with. */
static void test_normed(void **state)
{
    (void)state;
    static const struct tac_backend_options backends[] = {{.name = "ref64"},
                                                          {.name = "cpu", .threads = 2}};
    for (size_t m = 0; m < sizeof backends / sizeof *backends; m++) {
        struct golden g;
        struct tacit_err err;
        int32_t ids[3] = {4, 9, 2};
        float rows[3 * 256], tapped[3 * 256];
        golden_open(&g, "odd-heads-f32", &backends[m]);
        struct tac_ports ports = tac_ports_plain(g.weights);
        struct tac_seq seq = {.src = ids, .n = 3, .keep = 3, .root = -1};
        struct tac_job_tap tap[3];
        for (size_t i = 0; i < 3; i++)
            tap[i] = (struct tac_job_tap){0, i, -1, TAC_TAP_STREAM, tapped + i * g.C};
        struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .tap = tap, .n_tap = 3};
        assert_ok(tac_session_run(g.session, &job, &err), err);
        tac_weights_read_rows(g.weights, TAC_P_EMBED, ids, 3, rows);
        assert_ok(tac_prompt_normed(rows, g.weights, rows, 3, &err), err);
        for (size_t i = 0; i < 3 * g.C; i++)
            near((double)rows[i], (double)tapped[i], 1e-5, "normed row");
        golden_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_assign), cmocka_unit_test(test_moved),
        cmocka_unit_test(test_repeated), cmocka_unit_test(test_normed)};
    return cmocka_run_group_tests_name("similarity", tests, NULL, NULL);
}
