/* What a run keeps on disk besides its result. A checkpoint vouches for the logs' sizes and the
 * history: a run that was killed goes on from it and ends with the same bytes. */
#ifndef TAC_TRAIN_CHECKPOINT_H
#define TAC_TRAIN_CHECKPOINT_H

#include "base/file.h"
#include "train/optim.h"

/* Where a run stands: all that the next step depends on besides settings and data. */
struct tac_checkpoint {
    int64_t step;     /* steps done */
    uint64_t metrics; /* bytes of metrics.jsonl that count */
    uint64_t tokens;  /* label tokens seen */
    uint64_t evals;   /* evaluations made */
    uint64_t stale;   /* evaluations since the best one */
    double best;      /* best evaluation so far; -inf before the first */
    int64_t best_step;
    bool finished;
    bool pending;       /* the evaluation after this step was due and has not been made */
    float *best_values; /* (tune->n) the best block; NULL unless it is kept */
};

/* tac_checkpoint_save: DIR/checkpoint.safetensors, whole or not at all, with the values of the
 * optimiser's block and its state as they are now; identity goes into its metadata. */
enum tacit_status tac_checkpoint_save(const struct tac_checkpoint *c, const char *dir,
                                      const char *identity, const struct tac_optim *op,
                                      struct tacit_err *err) TAC_MUST_USE;
/* tac_checkpoint_load: into c, op and op's block; *found is false where DIR has none, and nothing
 * changed. Another run's checkpoint (identity) is TACIT_EINPUT. c->best_values: (tune->n), or NULL.
 */
enum tacit_status tac_checkpoint_load(struct tac_checkpoint *c, bool *found, const char *dir,
                                      const char *identity, struct tac_optim *op,
                                      struct tacit_err *err) TAC_MUST_USE;

/* The block's values after each epoch (epoch.0 is the init) in DIR/prompts.safetensors. */
struct tac_history {
    float *values; /* (count, rows, cols) */
    size_t count, rows, cols, cap;
};

/* Appends the block's values: the first rows * cols of them. */
enum tacit_status tac_history_add(struct tac_history *h, struct tac_tune *t,
                                  struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_history_save(const struct tac_history *h, const char *dir,
                                   struct tacit_err *err) TAC_MUST_USE;
/* Reads back the first `count` epochs. */
enum tacit_status tac_history_load(struct tac_history *h, const char *dir, size_t count,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_history_release(struct tac_history *h);

#endif
