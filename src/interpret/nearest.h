/* Reading vectors by the vocabulary: nearest tokens by cosine, with a control for how much a
 * neighbour means. */
#ifndef TAC_INTERPRET_NEAREST_H
#define TAC_INTERPRET_NEAREST_H

#include "model/weights.h"

/* One vector in one space: the embedding as stored, or after the model's embedding norm. Arrays are
 * the arena's. */
struct tac_near {
    int32_t *id;    /* (k) nearest tokens, best first; the lower id first among equals */
    double *cosine; /* (k) */
    double margin;  /* cosine of the nearest minus that of the second */
    double z;       /* of the margin against the controls'; NaN with fewer than two */
    double init_cosine;
    size_t
        init_rank; /* 1 + tokens with a larger cosine than the init token; 0 where it is unknown */
    double drift, drift_ratio; /* distance to the init's embedding, and that by its length; NaN
                                  where unknown */
};

struct tac_near_options {
    size_t k;        /* neighbours, at least 2 are looked for */
    size_t controls; /* a vector */
    uint64_t seed;
    size_t n_vocab; /* tokens that count; 0: all rows of the embedding */
    bool normed;    /* compare after the embedding norm */
};

/* tac_nearest: near (n) for n vectors (n,C) whose init tokens are init (n; -1: unknown; NULL: all
 * unknown).
 *
 * Controls: a vector whose nearest cosine is c is held against `controls` real rows u, each turned
 * by a random direction until its cosine to u is c. Their margins say what a margin is worth when a
 * word did lie there; z is how far the vector's own margin stands above their mean, in standard
 * deviations. The same bytes on any number of threads. Errors: memory. */
enum tacit_status tac_nearest(struct tac_near *near, struct tac_arena *arena,
                              const struct tac_weights *w, const float *vectors,
                              const int32_t *init, size_t n, const struct tac_near_options *o,
                              struct tacit_err *err) TAC_MUST_USE;

#endif
