#include "stats/describe.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

/* The normal distribution's 97.5 % point. */
static const double z95 = 1.959963984540054;

double tac_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

double tac_variance(const double *x, size_t n)
{
    if (n < 2)
        return (double)NAN;
    double mean = tac_mean(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - 1);
}

double tac_mean_stderr(const double *x, size_t n)
{
    return sqrt(tac_variance(x, n) / (double)n);
}

double tac_quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n)
        return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

double tac_proportion_stderr(size_t k, size_t n)
{
    if (n < 2)
        return (double)NAN;
    double p = (double)k / (double)n;
    return sqrt(p * (1 - p) / (double)(n - 1));
}

struct tac_interval tac_wilson(size_t k, size_t n)
{
    if (!n)
        return (struct tac_interval){0, 1};
    double m = (double)n, p = (double)k / m, zz = z95 * z95;
    double center = (p + zz / (2 * m)) / (1 + zz / m);
    double half = z95 / (1 + zz / m) * sqrt(p * (1 - p) / m + zz / (4 * m * m));
    return (struct tac_interval){k == 0 ? 0 : center - half, k == n ? 1 : center + half};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* mean: the means of so many resamples of d, sorted. */
static void bootstrap_means(double *mean, size_t resamples, const double *d, size_t n,
                            uint64_t seed)
{
    struct tac_rng rng = tac_rng_init(seed, 0);
    for (size_t r = 0; r < resamples; r++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += d[tac_rng_below(&rng, (uint32_t)n)];
        mean[r] = sum / (double)n;
    }
    qsort(mean, resamples, sizeof *mean, ascending);
}

enum tacit_status tac_paired_difference(struct tac_paired *out, const double *a, const double *b,
                                        size_t n, size_t resamples, uint64_t seed,
                                        struct tacit_err *err)
{
    TAC_CHECK(n > 1 && n <= UINT32_MAX && resamples > 0);
    double *d = tac_alloc(n, sizeof *d, err), *mean = tac_alloc(resamples, sizeof *mean, err);
    enum tacit_status s = d && mean ? TACIT_OK : TACIT_EFAIL;
    if (!s) {
        for (size_t i = 0; i < n; i++)
            d[i] = a[i] - b[i];
        bootstrap_means(mean, resamples, d, n, seed);
        out->mean = tac_mean(d, n);
        out->error = tac_mean_stderr(d, n);
        out->normal.low = out->mean - z95 * out->error;
        out->normal.high = out->mean + z95 * out->error;
        out->bootstrap.low = tac_quantile(mean, resamples, 0.025);
        out->bootstrap.high = tac_quantile(mean, resamples, 0.975);
    }
    free(d);
    free(mean);
    return s;
}

struct scored {
    double score;
    bool positive;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->score < y->score ? -1 : x->score > y->score;
}

/* The area from n pairs in ascending order: for every positive the negatives below it and half of
 * those that tie with it. */
static double area(const struct scored *x, size_t n)
{
    double wins = 0, below = 0, positives = 0;
    for (size_t i = 0; i < n;) {
        double pos = 0, neg = 0;
        size_t tie = i;
        for (; i < n && x[i].score == x[tie].score; i++)
            *(x[i].positive ? &pos : &neg) += 1;
        wins += pos * (below + neg / 2);
        below += neg;
        positives += pos;
    }
    return wins / (positives * below);
}

enum tacit_status tac_auroc(double *out, const double *score, const bool *positive, size_t n,
                            struct tacit_err *err)
{
    struct scored *x = tac_alloc(n, sizeof *x, err);
    enum tacit_status s = x ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < n && !s; i++) {
        x[i] = (struct scored){score[i], positive[i]};
        if (isnan(score[i]))
            s = tac_fail(err, TACIT_EFAIL, "AUROC: score %zu is NaN", i);
    }
    if (!s) {
        if (n)
            qsort(x, n, sizeof *x, by_score);
        *out = area(x, n);
    }
    free(x);
    return s;
}

double tac_f1(size_t tp, size_t fp, size_t fn)
{
    size_t all = 2 * tp + fp + fn;
    return all ? 2 * (double)tp / (double)all : 0;
}

double tac_macro_f1(const size_t *confusion, size_t k)
{
    double sum = 0;
    size_t classes = 0;
    for (size_t c = 0; c < k; c++) {
        size_t tp = confusion[c * k + c], right = 0, chosen = 0;
        for (size_t i = 0; i < k; i++) {
            right += confusion[c * k + i];
            chosen += confusion[i * k + c];
        }
        classes += right + chosen > 0;
        sum += tac_f1(tp, chosen - tp, right - tp);
    }
    return sum / (double)classes;
}

struct member {
    int64_t group;
    bool right;
};

static int by_group(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return x->group < y->group ? -1 : x->group > y->group;
}

enum tacit_status tac_group_exact(size_t *exact, size_t *n_groups, const int64_t *group,
                                  const bool *right, size_t n, struct tacit_err *err)
{
    struct member *m = tac_alloc(n, sizeof *m, err);
    if (!m)
        return TACIT_EFAIL;
    for (size_t i = 0; i < n; i++)
        m[i] = (struct member){group[i], right[i]};
    if (n)
        qsort(m, n, sizeof *m, by_group);
    *exact = *n_groups = 0;
    for (size_t i = 0; i < n;) {
        bool all = true;
        size_t first = i;
        for (; i < n && m[i].group == m[first].group; i++)
            all = all && m[i].right;
        ++*n_groups;
        *exact += all;
    }
    free(m);
    return TACIT_OK;
}
