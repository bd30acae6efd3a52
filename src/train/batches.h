/* The examples of an epoch: their order, and where it is cut into batches. Both are functions of
 * (seed, epoch), so that nothing random needs to be saved. */
#ifndef TAC_TRAIN_BATCHES_H
#define TAC_TRAIN_BATCHES_H

#include "run/score.h"

enum tac_order {
    TAC_ORDER_SHUFFLED,
    TAC_ORDER_FILE,
    TAC_ORDER_PASSAGES, /* shuffled, examples on one passage as neighbours */
};

/* What to cut: borrowed. */
struct tac_batching {
    const struct tac_query *example;
    size_t n;
    size_t extra;     /* rows that each example has besides its own: the prompt's */
    size_t most;      /* examples a batch */
    size_t most_rows; /* 0, or unshared rows a batch, at most */
    enum tac_order order;
    uint64_t seed;
};

struct tac_batches {
    struct tac_batching o;
    uint32_t *order; /* (n) */
    size_t *end;     /* (n_batch) one past the last example of each */
    size_t n_batch, epoch;
    uint32_t *member; /* (n) examples group by group, and (n_group) where each group ends; NULL
                         unless by passages */
    uint32_t *group_end;
    size_t n_group;
    uint32_t *turn; /* (n_group) the groups' order */
};

/* tac_batches_open: at epoch 0. By passages: examples are of one group where their contexts begin
 * alike: sorted by token ids, each belongs to the one before where the two share at least 16 tokens
 * and half of the shorter context, not counting what all contexts begin with. Errors: memory. */
enum tacit_status tac_batches_open(struct tac_batches *b, const struct tac_batching *o,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_batches_close(struct tac_batches *b);
/* tac_batches_epoch: goes to another epoch (from 0); the last batch may be smaller. */
void tac_batches_epoch(struct tac_batches *b, size_t epoch);

#endif
