/* Numbers about results: means with their errors, intervals, differences of paired results, and the
 * scores of classification. Nothing here depends on the order of threads; a bootstrap is a function
 * of its seed. */
#ifndef TAC_STATS_DESCRIBE_H
#define TAC_STATS_DESCRIBE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tac_interval {
    double low, high;
};

double tac_mean(const double *x, size_t n);     /* NaN for n = 0 */
double tac_variance(const double *x, size_t n); /* of the sample, by n - 1; NaN for n < 2 */
double tac_mean_stderr(const double *x,
                       size_t n); /* sqrt(variance / n), as lm-evaluation-harness */

/* tac_quantile: of n > 0 values in ascending order, between neighbours linearly (R's type 7); p in
 * [0, 1]. */
double tac_quantile(const double *sorted, size_t n, double p);

/* tac_proportion_stderr: tac_mean_stderr of k ones among n zeros and ones. */
double tac_proportion_stderr(size_t k, size_t n);
/* tac_wilson: 95 % interval of a proportion of k in n (Wilson 1927); [0, 1] for n = 0. */
struct tac_interval tac_wilson(size_t k, size_t n);

/* A difference of paired results: mean of a[i] - b[i], its standard error and two 95 % intervals.
 */
struct tac_paired {
    double mean, error;
    struct tac_interval normal, bootstrap;
};

/* tac_paired_difference: n > 1 pairs; the bootstrap draws whole pairs `resamples` times and gives
 * the percentiles 2.5 and 97.5 of the mean. Errors: memory. */
enum tacit_status tac_paired_difference(struct tac_paired *out, const double *a, const double *b,
                                        size_t n, size_t resamples, uint64_t seed,
                                        struct tacit_err *err) TAC_MUST_USE;

/* tac_auroc: the probability that a positive scores above a negative, a tie counting half (the area
 * under the ROC curve). NaN where a class is missing. A score that is NaN is TACIT_EFAIL. */
enum tacit_status tac_auroc(double *out, const double *score, const bool *positive, size_t n,
                            struct tacit_err *err) TAC_MUST_USE;

/* tac_f1: from true positives, false positives and false negatives; 0 where all are 0. */
double tac_f1(size_t tp, size_t fp, size_t fn);
/* tac_macro_f1: mean F1 over k classes. confusion (k,k): counts, row the right class, column the
 * chosen one. A class that is neither right nor chosen anywhere does not count, as in scikit-learn.
 */
double tac_macro_f1(const size_t *confusion, size_t k);

/* tac_group_exact: the number of groups (*n_groups of them) whose members are all right. */
enum tacit_status tac_group_exact(size_t *exact, size_t *n_groups, const int64_t *group,
                                  const bool *right, size_t n, struct tacit_err *err) TAC_MUST_USE;

#endif
