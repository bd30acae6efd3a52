/* Nearest tokens without hubs: a few vocabulary rows are near to everything in a wide space, and
 * say nothing where they turn up. Scores are corrected by how near each row is to its own
 * neighbours (CSLS: Conneau et al. 2018, "Word Translation Without Parallel Data"). */
#ifndef TAC_INTERPRET_HUBS_H
#define TAC_INTERPRET_HUBS_H

#include "model/weights.h"

enum {
    TAC_HUB_NEAREST = 10,  /* neighbours that a row's density is the mean over */
    TAC_HUB_WHOLE = 32768, /* up to so many rows they are looked for among all rows ... */
    TAC_HUB_SAMPLE = 4096  /* ... beyond, among so many drawn by a fixed seed: all pairs of a
                              vocabulary of 250880 would take hours */
};

/* tac_hub_density: r (n_vocab) out: mean cosine of each of the first n_vocab rows of the embedding
 * to its TAC_HUB_NEAREST nearest others (all there are, where there are fewer; 0 where there is
 * none).
 *   n_vocab in: 0 is all rows    normed in: behind the embedding norm
 * A function of model, n_vocab and normed, to be made once for all readings. Beyond TAC_HUB_WHOLE
 * rows it is lower than among all: compare scores of one r alone. The same bytes on any number of
 * threads. Errors: memory. */
enum tacit_status tac_hub_density(double *r, const struct tac_weights *w, size_t n_vocab,
                                  bool normed, struct tacit_err *err) TAC_MUST_USE;

/* A token as a corrected reading has it: score = 2 cosine - r. */
struct tac_hub_near {
    int32_t id; /* -1: the vocabulary has fewer than k rows */
    double score, cosine;
};

/* tac_hub_nearest: near (n,k) out: the k tokens of largest score for each of n vectors (n,C), best
 * first, the lower id first among equals.
 *   r (n_vocab) in: of tac_hub_density, for the same n_vocab and normed
 * Errors: memory. */
enum tacit_status tac_hub_nearest(struct tac_hub_near *near, const struct tac_weights *w,
                                  const double *r, const float *vectors, size_t n, size_t k,
                                  size_t n_vocab, bool normed, struct tacit_err *err) TAC_MUST_USE;

#endif
