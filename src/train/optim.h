/* Optimisers over a method's block, learning-rate schedules, and the order of the data. */
#ifndef TAC_TRAIN_OPTIM_H
#define TAC_TRAIN_OPTIM_H

#include "base/rng.h"
#include "tune/tune.h"

enum tac_optim_kind { TAC_ADAMW, TAC_ADAFACTOR, TAC_MUON };
enum tac_schedule { TAC_CONSTANT, TAC_LINEAR, TAC_COSINE };

struct tac_optim_options {
    enum tac_optim_kind kind;
    double lr, beta1, beta2, eps, weight_decay;
    double momentum; /* Muon's */
    double clip;     /* largest gradient norm; 0: none */
    enum tac_schedule schedule;
    int64_t warmup; /* steps of linear warm-up */
};

/* What an optimiser keeps of each item, one after another (n_state reals, which a checkpoint
 * keeps): AdamW's first and second moments; Adafactor's rows and columns; Muon's momentum for
 * matrices between hidden states (tac_item.parts), and AdamW's moments for everything else. */
struct tac_optim {
    struct tac_optim_options o;
    struct tac_tune *tune;
    void *state, *work; /* work: Muon's matrices */
    size_t n_state;
    size_t bytes; /* of both */
};

/* tac_optim_state: reals that an optimiser keeps of a block; tac_optim_work: reals that it works
 * with besides. */
size_t tac_optim_state(const struct tac_tune *t, enum tac_optim_kind kind);
size_t tac_optim_work(const struct tac_tune *t, enum tac_optim_kind kind);
enum tacit_status tac_optim_open(struct tac_optim *op, struct tac_tune *t,
                                 const struct tac_optim_options *o,
                                 struct tacit_err *err) TAC_MUST_USE;
void tac_optim_close(struct tac_optim *op);

/* tac_schedule_lr: the learning rate of step 1..total. Linear and cosine fall to 0 at the end, as
 * transformers' get_linear_schedule_with_warmup and get_cosine_schedule_with_warmup. */
double tac_schedule_lr(const struct tac_optim_options *o, int64_t step, int64_t total);

/* tac_optim_step: clips, updates the block, returns the gradient's norm before clipping.
 * steps_before: steps that the moments count besides (1 after tac_optim_noise_moments). */
double tac_optim_step(struct tac_optim *op, int64_t step, int64_t total, int64_t steps_before);

/* tac_optim_noise_moments: the state after one imagined step whose gradient was noise:
 * bias-corrected first moments s * rms(g) * N(0,1), bias-corrected second moments g^2, for the
 * gradient g that the block holds. Call before the first step. AdamW only. */
void tac_optim_noise_moments(struct tac_optim *op, double s, uint64_t seed);

#endif
