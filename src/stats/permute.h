/* Tests by rearrangement: how rare a result is among all rearrangements of its own data that would
 * be as likely if there were nothing to find. Every arrangement is looked at where there are few;
 * else some are drawn, as a function of the seed. Beside them rank correlations. Matrices
 * are row-major. */
#ifndef TAC_STATS_PERMUTE_H
#define TAC_STATS_PERMUTE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the engine ---- */

/* So many arrangements are enumerated; beyond that they are drawn. */
enum { TAC_PERMUTE_EXACT = 1000000 };

/* One alternative: its p-value, and the smallest that any result on these data could have had (ties
 * counted; 1 / (draws + 1) where arrangements are drawn). */
struct tac_tail {
    double p, smallest;
};

/* greater, less: the share of arrangements whose statistic is at least, at most the observed one;
 * two_sided: at least as far from 0, which says something of statistics around 0 alone. The
 * observed arrangement is among them. Drawn: (b + 1) / (m + 1) for b of m draws (Phipson & Smyth
 * 2010). All NaN and count 0 where the statistic is not finite (a constant vector, say). */
struct tac_permutation {
    double statistic;
    struct tac_tail greater, less, two_sided;
    size_t count; /* arrangements enumerated or drawn */
    bool exact;
};

/* How many to draw where they are too many to enumerate, and from which seed. */
struct tac_draws {
    size_t m;
    uint64_t seed;
};

/* tac_permute: the test of any statistic of an arrangement.
 *   item (first[blocks]) in: the observed arrangement; used for the others, left in any order
 *   first (blocks + 1) in: block b holds the items from first[b] on; items move within their block.
 *   Equal items are not told apart: arrangements that look alike count once, which changes no p
 *   statistic in: of an arrangement; a pure function
 *   tolerance in: statistics this close count as equal
 * draws.m > 0, here and below, and at most UINT32_MAX items. */
void tac_permute(struct tac_permutation *out, uint32_t *item, const size_t *first, size_t blocks,
                 double (*statistic)(const void *context, const uint32_t *item),
                 const void *context, double tolerance, struct tac_draws draws);

/* ---- correlation of two vectors ---- */

enum tac_correlation {
    TAC_PEARSON,
    TAC_SPEARMAN, /* Pearson of mid-ranks */
    TAC_KENDALL,  /* tau-b */
};

/* tac_ranks: ranks from 1, equal values sharing the mean of theirs (scipy's rankdata). Errors:
 * memory; TACIT_EINPUT for NaN. */
enum tacit_status tac_ranks(double *rank, const double *x, size_t n,
                            struct tacit_err *err) TAC_MUST_USE;
/* tac_correlate: of x and y (n); NaN where one is constant or n < 2. Errors: as tac_ranks. */
enum tacit_status tac_correlate(double *out, enum tac_correlation kind, const double *x,
                                const double *y, size_t n, struct tacit_err *err) TAC_MUST_USE;
/* tac_permute_correlation: y is permuted against x. Errors: as tac_ranks. */
enum tacit_status tac_permute_correlation(struct tac_permutation *out, enum tac_correlation kind,
                                          const double *x, const double *y, size_t n,
                                          struct tac_draws draws,
                                          struct tacit_err *err) TAC_MUST_USE;

/* tac_permute_slope: the common slope of y on x within blocks, sum (x - x_b)(y - y_b) / sum
 * (x - x_b)^2 with a block's means; y is permuted within its block.
 *   block (n) in: names of blocks, in any order
 * NaN where x is constant within every block. Errors: memory; TACIT_EINPUT for values that are not
 * finite. */
enum tacit_status tac_permute_slope(struct tac_permutation *out, const double *x, const double *y,
                                    const int64_t *block, size_t n, struct tac_draws draws,
                                    struct tacit_err *err) TAC_MUST_USE;

/* ---- matrices and groups of points ---- */

enum tac_mantel {
    TAC_MANTEL_ALL,     /* one correlation of all n (n - 1) off-diagonal entries */
    TAC_MANTEL_COLUMNS, /* the mean over columns of the correlation within the column's n - 1
                         * off-diagonal entries ("per target"); a constant column counts as 0 */
};

/* tac_permute_mantel: correlation of two square matrices (n,n), n > 1, symmetric or not, without
 * their diagonals (which are not read); rows and columns of b are permuted together (Mantel 1967).
 * kind is TAC_PEARSON or TAC_SPEARMAN (mid-ranks of all entries or of each column). NaN where
 * nothing varies. Errors: memory; TACIT_EINPUT for values that are not finite. */
enum tacit_status tac_permute_mantel(struct tac_permutation *out, enum tac_mantel over,
                                     enum tac_correlation kind, const double *a, const double *b,
                                     size_t n, struct tac_draws draws,
                                     struct tacit_err *err) TAC_MUST_USE;

/* Are points equally far from each other, and more so within their groups than in groups drawn at
 * random? ratio: of the largest to the smallest distance; cv: standard deviation (by n - 1) over
 * mean. *_all: of all pairs. The tests: of the pairs within a group, averaged over the groups of
 * three points or more; the labels are permuted over the points; `less` is the tail of more equal
 * distances than by chance. */
struct tac_equidistance {
    double ratio_all, cv_all;
    struct tac_permutation ratio, cv;
};

/* tac_equidistance: dist (n,n) in: symmetric    group (n) in: names of groups
 * Errors: memory; TACIT_EINPUT where a distance of two points is not a finite number > 0, or no
 * group has three points. */
enum tacit_status tac_equidistance(struct tac_equidistance *out, const double *dist,
                                   const int64_t *group, size_t n, struct tac_draws draws,
                                   struct tacit_err *err) TAC_MUST_USE;

#endif
