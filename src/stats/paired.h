/* Tests of paired right-or-wrong results, and what turns many p-values into few: Cochran's Q,
 * McNemar, Holm, non-inferiority by a margin. */
#ifndef TAC_STATS_PAIRED_H
#define TAC_STATS_PAIRED_H

#include "stats/permute.h"

/* tac_gamma_upper: the regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0: the
 * series below a + 1, Lentz' continued fraction above (Numerical Recipes, section 6.2); relative
 * 1e-11 for 0.5 <= a <= 100. */
double tac_gamma_upper(double a, double x);
/* tac_chi2_upper: the probability that chi-square of df > 0 degrees of freedom exceeds x. */
double tac_chi2_upper(double x, double df);
/* tac_chi2_quantile: the x that chi-square of df exceeds with probability upper, 0 < upper < 1; by
 * bisection, to the last bits. */
double tac_chi2_quantile(double upper, double df);

/* Cochran's (1950) Q: whether k columns of rights and wrongs over the same examples differ. */
struct tac_cochran {
    double q, p; /* p by chi-square of k - 1 degrees of freedom */
    size_t discordant;
    struct tac_permutation permuted; /* its `greater` counts: each row's results permuted */
};

/* tac_cochran: right (n,k) in, k > 1: row an example, column a run. Where no row is discordant
 * nothing differs: q is 0, both p 1 (statsmodels gives NaN). Errors: memory. */
enum tacit_status tac_cochran(struct tac_cochran *out, const bool *right, size_t n, size_t k,
                              struct tac_draws draws, struct tacit_err *err) TAC_MUST_USE;

/* tac_mcnemar: exact two-sided p of b against c discordant pairs, min(1, 2 P(X <= min(b, c))) with
 * X binomial of b + c and 1/2; 1 where there are none. statsmodels' mcnemar(exact=True). */
double tac_mcnemar(size_t b, size_t c);

/* tac_holm: adjusted (n) out: Holm's (1979) step-down p-values of p (n); may be p. Errors: memory;
 * TACIT_EINPUT where p is not in [0, 1]. */
enum tacit_status tac_holm(double *adjusted, const double *p, size_t n,
                           struct tacit_err *err) TAC_MUST_USE;

/* What an interval of a difference says of a margin. */
enum tac_verdict {
    TAC_HOLDS,     /* the whole interval is above -margin */
    TAC_FAILS,     /* the whole interval is below -margin */
    TAC_UNDECIDED, /* it is not */
};

struct tac_noninferiority {
    double difference;      /* share right of a, less that of b */
    double low, high;       /* 95 % bootstrap interval of tac_paired_difference */
    enum tac_verdict holds; /* a is no worse than b by the margin (one-sided 2.5 %) */
    bool equivalent;        /* the interval lies within -margin and margin */
};

/* tac_noninferiority: of paired results a and b (n), n > 1, margin >= 0 as a share (0.03: three
 * points). Where all pairs agree the interval has no width, as the bootstrap knows nothing of what
 * it did not see. Errors: memory. */
enum tacit_status tac_noninferiority(struct tac_noninferiority *out, const bool *a, const bool *b,
                                     size_t n, double margin, struct tac_draws draws,
                                     struct tacit_err *err) TAC_MUST_USE;

#endif
