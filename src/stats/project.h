/* Points laid out in few dimensions: principal components, classical scaling, exact t-SNE, and how
 * far a layout is from the distances it shows. For n points of up to a few hundred; everything is a
 * function of its inputs, without chance. Matrices are row-major. */
#ifndef TAC_STATS_PROJECT_H
#define TAC_STATS_PROJECT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* tac_eigen_symmetric: the eigenvalues in descending order and orthonormal eigenvectors of a
 * symmetric matrix.
 *   value (n) out    vector (n,n) out: row i belongs to value[i]; its sign is arbitrary
 *   a (n,n) in: finite and symmetric, destroyed
 * Values to about 1e-15 of the largest. TACIT_EFAIL: memory, or no convergence in 60 sweeps.
 * Source: cyclic Jacobi, Golub & Van Loan, Matrix Computations, section 8.5. */
enum tacit_status tac_eigen_symmetric(double *value, double *vector, double *a, size_t n,
                                      struct tacit_err *err) TAC_MUST_USE;

/* tac_distances: dist (n,n) out: Euclidean distances between the rows of x (n,d). */
void tac_distances(double *dist, const double *x, size_t n, size_t d);

/* tac_pca: the first k principal components of n > 1 points, 0 < k <= min(n, d). By the (n,n) Gram
 * matrix, so d may be large.
 *   scores (n,k) out: coordinates of the centred points    ratio (k) out: a component's share of
 * the variance, of all components    x (n,d) in A component's sign makes its loading of largest
 * absolute value (the first of equals) positive: scikit-learn's svd_flip with
 * u_based_decision=False, which PCA uses from version 1.5 on (before, the largest score was made
 * positive). Components without variance are 0, and so is every ratio where all points are equal.
 * Errors: memory; TACIT_EINPUT where x is not finite. */
enum tacit_status tac_pca(double *scores, double *ratio, const double *x, size_t n, size_t d,
                          size_t k, struct tacit_err *err) TAC_MUST_USE;

/* tac_mds: classical (Torgerson 1952; Gower 1966) scaling of distances, 0 < k <= n.
 *   coords (n,k) out: column i is eigenvector i of -J dist^2 J / 2 times the root of its eigenvalue
 *   (0 where that is negative); its entry of largest absolute value (the first of equals) is
 *   positive, as in scikit-learn's ClassicalMDS (1.9)
 *   value (n) out: all eigenvalues, descending    negative out: the negative ones' share of the sum
 *   of absolute values; 0 for Euclidean distances up to rounding
 *   dist (n,n) in
 * Errors: memory; TACIT_EINPUT where dist is not finite, symmetric (to 1e-9 relative), >= 0 and 0
 * on the diagonal. */
enum tacit_status tac_mds(double *coords, double *value, double *negative, const double *dist,
                          size_t n, size_t k, struct tacit_err *err) TAC_MUST_USE;

/* tac_stress1: Kruskal's (1964) stress-1 of a layout (n,k) against distances (n,n):
 * sqrt(sum (d - b dist)^2 / sum d^2) over pairs, d the layout's distances. b = 1, or with `scaled`
 * the b that makes stress-1 smallest (ratio scaling: a layout of arbitrary units, as t-SNE's, can
 * be compared). No monotone regression. NaN where all points of the layout are equal. */
double tac_stress1(const double *layout, const double *dist, size_t n, size_t k, bool scaled);

/* tac_trustworthiness: how far the `neighbors` nearest points of a layout (n,k) are near by the
 * distances (n,n) too, from 0 to 1 (Venna & Kaski 2001); 0 < neighbors < n / 2. Equal distances
 * rank in the points' order (scikit-learn leaves theirs to an unstable sort). Errors: memory. */
enum tacit_status tac_trustworthiness(double *out, const double *layout, const double *dist,
                                      size_t n, size_t k, size_t neighbors,
                                      struct tacit_err *err) TAC_MUST_USE;

struct tac_tsne_options {
    double perplexity;    /* 30; at least 1 and under n */
    double exaggeration;  /* 12: factor of P in the first phase */
    double learning_rate; /* 0: max(n / exaggeration / 4, 50), scikit-learn's 'auto' */
    double min_grad_norm; /* 1e-7: of the gradient times gains */
    size_t exploration;   /* 250 iterations of the first phase, at momentum 0.5 */
    size_t n_iter;        /* 1000 of both phases; the second at momentum 0.8 */
    size_t patience;      /* 300 iterations without a smaller KL divergence end the second phase */
    /* Called every 50 iterations, may be NULL: iterations done, KL divergence (in the first phase
     * of the exaggerated P), norm of the gradient times gains. */
    void (*progress)(void *context, size_t iteration, double kl, double grad_norm);
    void *context;
};

struct tac_tsne_options tac_tsne_options_default(void);

/* tac_tsne_start: start (n,2) out: the first two columns of PCA scores (n,k), k > 1, scaled so that
 * the first has a standard deviation (by n) of 1e-4: scikit-learn's init='pca'. 0 where it has
 * none.
 */
void tac_tsne_start(double *start, const double *scores, size_t n, size_t k);

/* tac_tsne: exact t-SNE in two dimensions of n > 2 points.
 *   layout (n,2) in: the start; out: the layout    kl out: KL(P || Q) of that layout, in nats
 *   dist (n,n) in: distances, not squared
 * Chaotic at the default rate: starts that differ in the last bit end with a KL divergence some per
 * cent apart, for 16 points far more, in scikit-learn too. Reproducible to 0.2 % are few points at
 * a learning rate of n / 8 (2 for 16 prompts), and any number at an exaggeration of 1. Perplexities
 * by bisection, entropies to 1e-5 nats. The KL divergence is of the layout returned; scikit-learn's
 * kl_divergence_ is one update older. Errors: memory; TACIT_EINPUT for a perplexity out of range
 * and distances that tac_mds would refuse; TACIT_EFAIL where the descent diverged. Source: van der
 * Maaten & Hinton 2008; scikit-learn 1.9 TSNE(method='exact') in its schedule and constants, but in
 * double throughout. */
enum tacit_status tac_tsne(double *layout, double *kl, const double *dist, size_t n,
                           const struct tac_tsne_options *o, struct tacit_err *err) TAC_MUST_USE;

#endif
