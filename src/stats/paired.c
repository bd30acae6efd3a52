#include "stats/paired.h"

#include "base/mem.h"
#include "stats/describe.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double log_gamma(double a)
{
    int sign_of;
    return lgamma_r(a, &sign_of);
}

/* 1 - Q by the series of P. */
static double gamma_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (double k = a + 1; term > sum * DBL_EPSILON; k++) {
        term *= x / k;
        sum += term;
    }
    return sum;
}

/* Q by the continued fraction, modified Lentz. */
static double gamma_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / b, h = d, change = 0;
    for (double i = 1; fabs(change - 1) > DBL_EPSILON && i < 10000; i++) {
        double an = -i * (i - a);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        change = d * c;
        h *= change;
    }
    return h;
}

double tac_gamma_upper(double a, double x)
{
    if (x <= 0)
        return 1;
    double scale = exp(a * log(x) - x - log_gamma(a));
    return x < a + 1 ? 1 - scale * gamma_series(a, x) : scale * gamma_fraction(a, x);
}

double tac_chi2_upper(double x, double df)
{
    return tac_gamma_upper(df / 2, x / 2);
}

double tac_chi2_quantile(double upper, double df)
{
    double low = 0, high = df;
    while (tac_chi2_upper(high, df) > upper)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        double mid = low + (high - low) / 2;
        if (mid <= low || mid >= high)
            break;
        if (tac_chi2_upper(mid, df) > upper)
            low = mid;
        else
            high = mid;
    }
    return low + (high - low) / 2;
}

struct table {
    size_t rows, k;
    double *column; /* (k): room */
    double unequal; /* sum over rows of R (k - R) */
};

/* Q of the rows' results. Whole numbers up to the last division, so equal tables give equal Q. */
static double cochran(const void *context, const uint32_t *item)
{
    const struct table *t = context;
    double k = (double)t->k, sum = 0, squares = 0;
    memset(t->column, 0, t->k * sizeof *t->column);
    for (size_t i = 0; i < t->rows; i++)
        for (size_t j = 0; j < t->k; j++)
            t->column[j] += item[i * t->k + j];
    for (size_t j = 0; j < t->k; j++) {
        sum += t->column[j];
        squares += t->column[j] * t->column[j];
    }
    return t->unequal > 0 ? (k - 1) * (k * squares - sum * sum) / t->unequal : 0;
}

enum tacit_status tac_cochran(struct tac_cochran *out, const bool *right, size_t n, size_t k,
                              struct tac_draws draws, struct tacit_err *err)
{
    TAC_CHECK(k > 1 && k <= UINT32_MAX);
    struct table t = {0, k, tac_alloc(k, sizeof *t.column, err), 0};
    uint32_t *item = tac_alloc(n * k, sizeof *item, err);
    size_t *first = tac_alloc(n + 1, sizeof *first, err);
    enum tacit_status s = t.column && item && first ? TACIT_OK : TACIT_EFAIL;
    if (s)
        goto out;
    /* A row that is all right or all wrong changes nothing and has one arrangement. */
    for (size_t i = 0; i < n; i++) {
        size_t sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += item[t.rows * k + j] = right[i * k + j];
        t.unequal += (double)(sum * (k - sum));
        t.rows += sum > 0 && sum < k;
        first[t.rows] = t.rows * k;
    }
    out->discordant = t.rows;
    out->q = cochran(&t, item);
    out->p = tac_chi2_upper(out->q, (double)(k - 1));
    tac_permute(&out->permuted, item, first, t.rows, cochran, &t, 0, draws);
out:
    free(t.column);
    free(item);
    free(first);
    return s;
}

double tac_mcnemar(size_t b, size_t c)
{
    double n = (double)b + (double)c, least = (double)(b < c ? b : c), sum = 0;
    double term =
        exp(log_gamma(n + 1) - log_gamma(least + 1) - log_gamma(n - least + 1) - n * log(2));
    for (double i = least; i >= 0; i--) {
        sum += term;
        term *= i / (n - i + 1);
    }
    return fmin(1, 2 * sum);
}

struct ranked {
    double p;
    size_t index;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->p < y->p ? -1 : x->p > y->p;
}

enum tacit_status tac_holm(double *adjusted, const double *p, size_t n, struct tacit_err *err)
{
    struct ranked *by = tac_alloc(n, sizeof *by, err);
    enum tacit_status s = by ? TACIT_OK : TACIT_EFAIL;
    double most = 0;
    for (size_t i = 0; i < n && !s; i++) {
        by[i] = (struct ranked){p[i], i};
        if (!(p[i] >= 0 && p[i] <= 1))
            s = tac_fail(err, TACIT_EINPUT, "Holm: p-value %zu is %g, expected 0 to 1", i, p[i]);
    }
    if (!s && n)
        qsort(by, n, sizeof *by, by_p);
    for (size_t i = 0; i < n && !s; i++) {
        most = fmax(most, fmin(1, (double)(n - i) * by[i].p));
        adjusted[by[i].index] = most;
    }
    free(by);
    return s;
}

enum tacit_status tac_noninferiority(struct tac_noninferiority *out, const bool *a, const bool *b,
                                     size_t n, double margin, struct tac_draws draws,
                                     struct tacit_err *err)
{
    TAC_CHECK(margin >= 0);
    double *x = tac_alloc(n, sizeof *x, err), *y = tac_alloc(n, sizeof *y, err);
    enum tacit_status s = x && y ? TACIT_OK : TACIT_EFAIL;
    struct tac_paired d;
    for (size_t i = 0; i < n && !s; i++) {
        x[i] = a[i];
        y[i] = b[i];
    }
    if (!s)
        s = tac_paired_difference(&d, x, y, n, draws.m, draws.seed, err);
    if (!s) {
        double low = d.bootstrap.low, high = d.bootstrap.high;
        *out = (struct tac_noninferiority){d.mean, low, high, TAC_UNDECIDED, false};
        if (low > -margin)
            out->holds = TAC_HOLDS;
        else if (high < -margin)
            out->holds = TAC_FAILS;
        out->equivalent = low > -margin && high < margin;
    }
    free(x);
    free(y);
    return s;
}
