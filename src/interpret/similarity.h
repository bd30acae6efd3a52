/* How alike two prompts are: distances and cosines of their rows, in place and under the best
 * one-to-one matching of their tokens. */
#ifndef TAC_INTERPRET_SIMILARITY_H
#define TAC_INTERPRET_SIMILARITY_H

#include "model/weights.h"

/* Cosines lie in [-1, 1]; one with a vector of zeros is 0. Distances are in the rows' own units. */
struct tac_similarity {
    double distance;          /* Frobenius norm of b - a */
    double cosine;            /* of a and b, each as one long vector */
    double mean_cosine;       /* of their mean tokens */
    double pairwise;          /* mean cosine over all P * P pairs of a token of a and one of b */
    double matched_cosine;    /* largest mean cosine over all one-to-one matchings */
    double matched_distance;  /* smallest Frobenius norm over all orders of b's tokens */
    size_t in_place;          /* tokens that the matching by cosine leaves in place */
    size_t in_place_distance; /* ... that by distance */
};

/* tac_similarity: of prompts a and b (P,C), P > 0.
 *   match (P) out or NULL: token i of a goes with token match[i] of b, by cosine
 * Sums in double, in the order of rows and columns. Errors: memory; TACIT_EINPUT where a value is
 * not finite. */
enum tacit_status tac_similarity(struct tac_similarity *out, size_t *match, const float *a,
                                 const float *b, size_t P, size_t C,
                                 struct tacit_err *err) TAC_MUST_USE;

/* tac_prompt_normed: out (P,C): values (P,C) behind the model's embedding norm; as they are where
 * it has none. out may be values. Errors: memory. */
enum tacit_status tac_prompt_normed(float *out, const struct tac_weights *w, const float *values,
                                    size_t P, struct tacit_err *err) TAC_MUST_USE;

/* tac_assign: the one-to-one matching of rows and columns whose costs have the smallest sum.
 *   match (n) out: row i's column    cost (n,n) in: finite
 * Exact up to rounding of the sums, O(n^3) time. Of equally good matchings it leaves in place what
 * exchanging two rows' columns can leave there, so equal tokens count as unmoved. Errors: memory.
 * Source: shortest augmenting paths with dual prices (Jonker & Volgenant 1987). */
enum tacit_status tac_assign(size_t *match, const double *cost, size_t n,
                             struct tacit_err *err) TAC_MUST_USE;

#endif
