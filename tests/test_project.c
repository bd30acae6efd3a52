/* stats/project against scikit-learn (stats.h), by the definitions, and by hand. */
#include "stats.h"

#include "base/rng.h"
#include "stats/project.h"

static void finds_eigenvectors(void **state)
{
    (void)state;
    enum { N = 37 };
    double *a = calloc(N * N, sizeof *a), *kept = calloc(N * N, sizeof *a);
    double *vector = calloc(N * N, sizeof *a), value[N], trace = 0, sum = 0;
    struct tac_rng rng = tac_rng_init(5, 0);
    struct tacit_err err;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++)
            kept[i * N + j] = kept[j * N + i] = a[i * N + j] = a[j * N + i] = tac_rng_normal(&rng);
    assert_ok(tac_eigen_symmetric(value, vector, a, N, &err), err);
    for (size_t k = 0; k < N; k++) {
        trace += kept[k * N + k];
        sum += value[k];
        assert_true(!k || value[k] <= value[k - 1]);
        for (size_t i = 0; i < N; i++) {
            double av = 0, inner = 0;
            for (size_t j = 0; j < N; j++) {
                av += kept[i * N + j] * vector[k * N + j];
                inner += vector[k * N + j] * vector[i * N + j];
            }
            assert_true(fabs(av - value[k] * vector[k * N + i]) < 1e-12);
            assert_true(fabs(inner - (i == k)) < 1e-12);
        }
    }
    near(sum, trace);
    /* by hand: {2, 1; 1, 2} has 3 and 1 */
    assert_ok(tac_eigen_symmetric(value, vector, (double[]){2, 1, 1, 2}, 2, &err), err);
    near(value[0], 3);
    near(value[1], 1);
    near(fabs(vector[0]), sqrt(0.5));
    free(a);
    free(kept);
    free(vector);
}

/* One data set of stats.json: scores, distances, scaling, stress and trust. */
static void check_layouts(const json_t *g, size_t n)
{
    struct tacit_err err;
    size_t all, k = json_array_size(field(g, "ratio")), neighbors;
    double *x = numbers(field(g, "x"), &all), *dist = calloc(n * n, sizeof *dist);
    double *scores = calloc(n * k, sizeof *scores), *coords = calloc(2 * n, sizeof *coords);
    double *value = calloc(n, sizeof *value), ratio[8], negative, trust;
    assert_true(k <= 8);
    assert_ok(tac_pca(scores, ratio, x, n, all / n, k, &err), err);
    all_near(ratio, field(g, "ratio"));
    all_near(scores, field(g, "scores"));
    tac_distances(dist, x, n, all / n);
    assert_ok(tac_mds(coords, value, &negative, dist, n, 2, &err), err);
    all_near(coords, field(g, "mds"));
    all_near(value, field(g, "eigenvalues"));
    assert_true(negative >= 0 && negative < 1e-12);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 2; c++)
            coords[2 * i + c] = scores[i * k + c];
    near(tac_stress1(coords, dist, n, 2, false), number(g, "stress"));
    for (size_t i = 0; i < 2 * n; i++)
        coords[i] *= 77;
    near(tac_stress1(coords, dist, n, 2, true), number(g, "stress_scaled"));
    if (tac_json_has(g, "trust")) {
        neighbors = (size_t)number(g, "neighbors");
        assert_ok(tac_trustworthiness(&trust, coords, dist, n, 2, neighbors, &err), err);
        near(trust, number(g, "trust"));
    }
    free(x);
    free(dist);
    free(scores);
    free(coords);
    free(value);
}

static void lays_out_as_scikit_learn(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    check_layouts(field(root, "iris"), 150);
    check_layouts(field(root, "prompts"), 16);
    json_decref(root);
}

/* All components of few long vectors: nothing but a rotation, so distances stay. */
static void keeps_distances_of_long_vectors(void **state)
{
    (void)state;
    enum { N = 12, D = 20 * 1024, K = N - 1 };
    double *x = calloc((size_t)N * D, sizeof *x), scores[N * K], ratio[K];
    double before[N * N], after[N * N], sum = 0;
    struct tac_rng rng = tac_rng_init(6, 0);
    struct tacit_err err;
    for (size_t i = 0; i < (size_t)N * D; i++)
        x[i] = 3 + tac_rng_normal(&rng);
    assert_ok(tac_pca(scores, ratio, x, N, D, K, &err), err);
    tac_distances(before, x, N, D);
    tac_distances(after, scores, N, K);
    for (size_t i = 0; i < N * N; i++)
        near(after[i], before[i]);
    for (size_t k = 0; k < K; k++) {
        assert_true(ratio[k] > 0 && (!k || ratio[k] <= ratio[k - 1]));
        sum += ratio[k];
    }
    near(sum, 1);
    free(x);
}

static void projects_by_hand(void **state)
{
    (void)state;
    struct tacit_err err;
    double scores[6], ratio[2];
    /* along (-2, 1): the larger loading is made positive, so the first point scores highest */
    assert_ok(tac_pca(scores, ratio, (double[]){5, 1, 3, 2, 1, 3}, 3, 2, 2, &err), err);
    near(scores[0], sqrt(5));
    near(scores[2], 0);
    near(scores[4], -sqrt(5));
    near(ratio[0], 1);
    assert_true(ratio[1] == 0 && scores[1] == 0 && scores[3] == 0 && scores[5] == 0);
    /* a cross whose second bar is a hundredth of the first */
    double cross[] = {1, 0, -1, 0, 0, 0.01, 0, -0.01}, both[8];
    assert_ok(tac_pca(both, ratio, cross, 4, 2, 2, &err), err);
    near(ratio[1], 1e-4 / (1 + 1e-4));
    for (int i = 0; i < 8; i++)
        assert_true(fabs(both[i] - cross[i]) < 1e-12);
    assert_ok(tac_pca(scores, ratio, (double[]){7, 1, 7, 1, 7, 1}, 3, 2, 2, &err), err);
    assert_true(ratio[0] == 0 && ratio[1] == 0 && scores[0] == 0);
    assert_fails(tac_pca(scores, ratio, (double[]){1, 2, 3, (double)NAN}, 2, 2, 1, &err),
                 TACIT_EINPUT, err, "value 1 of point 1");
    double start[6];
    tac_tsne_start(start, (double[]){1, 5, 0, 3, 4, 0, -4, 6, 0}, 3, 3);
    near(start[0] / start[2], 1.0 / 3);
    near(start[1], 5 * start[0]);
    double mean = (start[0] + start[2] + start[4]) / 3, var = 0;
    for (int i = 0; i < 3; i++)
        var += (start[2 * i] - mean) * (start[2 * i] - mean) / 3;
    near(sqrt(var) * 1e4, 1);
}

/* Four points in a line, the last two exchanged: the nearest of 2 is laid out as 3, third by
 * distance, that of 3 as 1, second by distance: 1 - (2 + 1) 2 / (4 (8 - 3 - 1)). */
static void measures_trust_by_hand(void **state)
{
    (void)state;
    struct tacit_err err;
    double dist[16], trust;
    tac_distances(dist, (double[]){0, 1, 3, 7}, 4, 1);
    assert_ok(tac_trustworthiness(&trust, (double[]){0, 1, 3, 7}, dist, 4, 1, 1, &err), err);
    near(trust, 1);
    assert_ok(tac_trustworthiness(&trust, (double[]){0, 1, 7, 3}, dist, 4, 1, 1, &err), err);
    near(trust, 0.625);
}

static void scales_distances(void **state)
{
    (void)state;
    struct tacit_err err;
    json_t *root = stats_golden();
    const json_t *g = field(root, "not_euclidean");
    double *dist = numbers(field(g, "dist"), NULL), coords[18], value[9], negative;
    assert_ok(tac_mds(coords, value, &negative, dist, 9, 2, &err), err);
    all_near(coords, field(g, "mds"));
    all_near(value, field(g, "eigenvalues"));
    near(negative, number(g, "negative"));
    assert_true(negative > 0.1);
    /* by hand: sides of 1 have b = 1/2 and 1/2, and in a line the middle's stress is known */
    double triangle[] = {0, 1, 1, 1, 0, 1, 1, 1, 0};
    assert_ok(tac_mds(coords, value, &negative, triangle, 3, 2, &err), err);
    near(value[0], 0.5);
    near(value[1], 0.5);
    near(tac_stress1((double[]){0, 1, 2}, triangle, 3, 1, false), sqrt(1.0 / 6));
    near(tac_stress1((double[]){0, 1, 2}, triangle, 3, 1, true), sqrt((6 - 16.0 / 3) / 6));
    assert_true(isnan(tac_stress1((double[]){1, 1, 1}, triangle, 3, 1, false)));
    double bad[] = {0, 1, 2, 0};
    assert_fails(tac_mds(coords, value, &negative, bad, 2, 1, &err), TACIT_EINPUT, err,
                 "1 and 0 is 2, but 1 the other way");
    assert_fails(tac_mds(coords, value, &negative, (double[]){0, -1, -1, 0}, 2, 1, &err),
                 TACIT_EINPUT, err, "is -1, expected a number >= 0");
    assert_fails(tac_mds(coords, value, &negative, (double[]){0, 1, 1, 1}, 2, 1, &err),
                 TACIT_EINPUT, err, "1 and 1 is 1, expected 0");
    free(dist);
    json_decref(root);
}

struct seen {
    size_t calls, last;
    double kl;
};

static void see(void *context, size_t iteration, double kl, double grad_norm)
{
    struct seen *s = context;
    assert_true(iteration > s->last && iteration % 50 == 0 && kl > 0 && grad_norm >= 0);
    *s = (struct seen){s->calls + 1, iteration, kl};
}

/* scikit-learn's divergence from the same start. low and high are of its runs from starts that
 * differ by rounding: where those agree, so must ours, to 0.2 %; where the descent is chaotic ours
 * must lie among them, give or take 1 %. */
static void check_tsne(const json_t *g, size_t n)
{
    struct tacit_err err;
    size_t all, at;
    double *x = numbers(field(g, "x"), &all), *dist = calloc(n * n, sizeof *dist);
    double *scores = calloc(2 * n, sizeof *scores), *layout = calloc(2 * n, sizeof *layout);
    double *again = calloc(2 * n, sizeof *again), ratio[2], kl, kl_again;
    const json_t *run;
    tac_distances(dist, x, n, all / n);
    assert_ok(tac_pca(scores, ratio, x, n, all / n, 2, &err), err);
    json_array_foreach(field(g, "tsne"), at, run)
    {
        struct seen seen = {0, 0, 0};
        struct tac_tsne_options o = tac_tsne_options_default();
        o.perplexity = number(run, "perplexity");
        o.learning_rate = number(run, "rate");
        o.exaggeration = number(run, "exaggeration");
        o.progress = see;
        o.context = &seen;
        tac_tsne_start(layout, scores, n, 2);
        assert_ok(tac_tsne(layout, &kl, dist, n, &o, &err), err);
        double low = number(run, "low"), high = number(run, "high");
        double margin = high / low - 1 < 1e-3 ? 0.002 : 0.01;
        print_message(
            "# %zu points, perplexity %g, rate %g, exaggeration %g: KL %.6f, scikit-learn "
            "%.6f (%.6f to %.6f)\n",
            n, o.perplexity, o.learning_rate, o.exaggeration, kl, number(run, "kl"), low, high);
        assert_true(kl > low * (1 - margin) && kl < high * (1 + margin));
        assert_true(seen.calls > 5 && fabs(seen.kl / kl - 1) < 1e-3);
        o.progress = NULL;
        tac_tsne_start(again, scores, n, 2);
        assert_ok(tac_tsne(again, &kl_again, dist, n, &o, &err), err);
        assert_memory_equal(again, layout, 2 * n * sizeof *again);
    }
    free(x);
    free(dist);
    free(scores);
    free(layout);
    free(again);
}

static void reaches_scikit_learns_divergence(void **state)
{
    (void)state;
    json_t *root = stats_golden();
    check_tsne(field(root, "iris"), 150);
    check_tsne(field(root, "prompts"), 16);
    json_decref(root);
}

/* The schedule step by step: twenty steps are too few for rounding to grow. P is float32 there. */
static void steps_as_scikit_learn(void **state)
{
    (void)state;
    enum { N = 16 };
    json_t *root = stats_golden();
    const json_t *g = field(root, "first_steps");
    struct tacit_err err;
    struct tac_tsne_options o = tac_tsne_options_default();
    double *x = numbers(field(field(root, "prompts"), "x"), NULL), dist[N * N], y[2 * N], ratio[2];
    double *want = numbers(field(g, "layout"), NULL), kl, worst = 0, scale = 0;
    tac_distances(dist, x, N, 32);
    assert_ok(tac_pca(y, ratio, x, N, 32, 2, &err), err);
    o.perplexity = number(g, "perplexity");
    o.learning_rate = number(g, "rate");
    o.exploration = 12;
    o.n_iter = 20;
    assert_ok(tac_tsne(y, &kl, dist, N, &o, &err), err);
    for (size_t i = 0; i < 2 * N; i++) {
        worst = fmax(worst, fabs(y[i] - want[i]));
        scale = fmax(scale, fabs(want[i]));
    }
    print_message("# after 20 steps: largest difference %.1e of the layout's size\n",
                  worst / scale);
    assert_true(worst < 1e-6 * scale);
    assert_true(fabs(kl / number(g, "kl") - 1) < 1e-6);
    free(x);
    free(want);
    json_decref(root);
}

static void refuses_what_tsne_cannot(void **state)
{
    (void)state;
    struct tacit_err err;
    struct tac_tsne_options o = tac_tsne_options_default();
    double dist[] = {0, 1, 2, 1, 0, 1, 2, 1, 0}, layout[] = {0, 1, 1, 0, 0, 0}, kl;
    assert_fails(tac_tsne(layout, &kl, dist, 3, &o, &err), TACIT_EINPUT, err,
                 "perplexity 30, expected 1 to less than 3");
    o.perplexity = 1.5;
    o.learning_rate = 1e200;
    assert_fails(tac_tsne(layout, &kl, dist, 3, &o, &err), TACIT_EFAIL, err, "diverged");
    dist[1] = 3;
    assert_fails(tac_tsne(layout, &kl, dist, 3, &o, &err), TACIT_EINPUT, err, "the other way");
    /* three equal distances: P is 1/6 everywhere, and so is Q of an equal triangle: KL 0 */
    double even[] = {0, 1, 1, 1, 0, 1, 1, 1, 0}, y[] = {0, 0, 1, 0, 0.5, sqrt(0.75)};
    o = tac_tsne_options_default();
    o.perplexity = 1.5;
    o.n_iter = 0;
    assert_ok(tac_tsne(y, &kl, even, 3, &o, &err), err);
    assert_true(fabs(kl) < 1e-12 && y[2] == 1);
    /* by hand: distances in the plane 1, 1, 2 give Q = 5/24 twice and 2/24 over unordered pairs */
    double line[] = {0, 0, 1, 0, 2, 0};
    assert_ok(tac_tsne(line, &kl, even, 3, &o, &err), err);
    near(kl, 2.0 / 3 * log(4.0 / 5) + log(2) / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_eigenvectors),
        cmocka_unit_test(lays_out_as_scikit_learn),
        cmocka_unit_test(keeps_distances_of_long_vectors),
        cmocka_unit_test(projects_by_hand),
        cmocka_unit_test(measures_trust_by_hand),
        cmocka_unit_test(scales_distances),
        cmocka_unit_test(reaches_scikit_learns_divergence),
        cmocka_unit_test(steps_as_scikit_learn),
        cmocka_unit_test(refuses_what_tsne_cannot),
    };
    return cmocka_run_group_tests_name("project", tests, NULL, NULL);
}
