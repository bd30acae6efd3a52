/* A pull towards given rows while a prompt is trained: how far can a prompt be held at a text that
 * says something else, and still do its task (Khashabi et al. 2022, "Prompt Waywardness")? */
#ifndef TAC_TRAIN_PULL_H
#define TAC_TRAIN_PULL_H

#include "tune/tune.h"

/* Adds to the loss, for a block p whose values are to lie near target t,
 *   weight * mean over rows of |p_i - t_i|^2 / mean over rows of |t_i|^2
 * in the raw embedding space; the division makes weights comparable over models. */
struct tac_pull {
    const float *target; /* as many values as the block, not all 0; borrowed */
    double weight;       /* 0: no pull, target is not read */
};

/* A pull at work. Zeroed: none. */
struct tac_pulling {
    struct tac_tune *tune;
    double scale;       /* weight by the sum of squares of the target */
    void *target, *gap; /* (n) real; gap is p - t */
};

/* tac_pull_memory: bytes of backend memory that a pull takes. */
size_t tac_pull_memory(const struct tac_tune *t, const struct tac_pull *pull);
/* Errors: memory; TACIT_EINPUT for a target of zeros. */
enum tacit_status tac_pull_open(struct tac_pulling *p, struct tac_tune *t,
                                const struct tac_pull *pull, struct tacit_err *err) TAC_MUST_USE;
/* tac_pull_add: adds the term's gradient to the block's and returns the term; 0 where there is no
 * pull. The same bytes at any number of threads. */
double tac_pull_add(struct tac_pulling *p);
void tac_pull_close(struct tac_pulling *p);

#endif
