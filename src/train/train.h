/* The training loop: examples in, a trained block out, resumable to the byte.
 *
 * DIR/ holds: the method's result (a PEFT folder or a model folder), run.json (settings and
 * identity), metrics.jsonl (a line a step and a line an evaluation), timing.jsonl (seconds; the
 * only file that differs between equal runs), prompts.safetensors (the prompt after each epoch),
 * checkpoint.safetensors. */
#ifndef TAC_TRAIN_TRAIN_H
#define TAC_TRAIN_TRAIN_H

#include "run/texts.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/pull.h"

enum { TAC_NOISE_ORDER = 1, TAC_NOISE_INIT = 2, TAC_NOISE_MOMENTS = 4 };

struct tac_train_options {
    struct tac_optim_options optim;
    size_t batch;        /* examples a batch */
    size_t batch_tokens; /* 0, or at most so many unshared rows a batch (batch is then the most
                            examples) */
    size_t accumulate;   /* batches a step */
    size_t epochs;
    int64_t steps;       /* 0: epochs decide */
    double warmup_share; /* above 0: optim.warmup is this share of all steps, rounded up */
    enum tac_order order;
    unsigned noise; /* TAC_NOISE_* */
    uint64_t seed_order, seed_init, seed_moments;
    double init_scale;    /* standard deviation of the init's jitter, in units of the init's rms */
    double moments_scale; /* s of tac_optim_noise_moments */
    int64_t eval_steps;   /* evaluate every so many steps; 0: not by steps */
    size_t eval_epochs;   /* ... every so many epochs; 0: not by epochs */
    bool keep_best;       /* the result is the best evaluation's block, not the last */
    size_t patience;      /* stop after so many evaluations without a better one; 0: never */
    bool history;         /* keep the block after every epoch */
    enum tac_texts_mode texts; /* before the prompts: whether their keys and values are kept */
    struct tac_pull pull;      /* towards given rows */
};

/* One evaluation: `score` is what keep_best and patience go by (higher is better). */
struct tac_eval_point {
    double score, loss, accuracy;
    size_t n;
};

struct tac_train_event {
    int64_t step, total;
    size_t epoch, epochs;
    double loss, lr, grad_norm, seconds; /* seconds of this step */
    double pull;                         /* the pull's term, not part of loss */
    size_t tokens;                       /* label tokens of this step */
    const struct tac_eval_point *eval;   /* NULL unless this is an evaluation */
};

struct tac_trainer {
    struct tac_session *session;
    struct tac_tune *tune;
    const struct tac_prefix *prefix;
    const struct tac_query *example;
    size_t n;
    const char *dir;
    const char *identity;
    enum tacit_status (*evaluate)(void *ctx, struct tac_eval_point *out, struct tacit_err *err);
    int (*progress)(void *ctx,
                    const struct tac_train_event *ev); /* non-zero: stop, to be continued */
    void *ctx;
};

struct tac_train_result {
    int64_t steps, best_step;
    double best, last_loss;
    bool already_done; /* the folder held this finished run */
    bool resumed;
};

struct tac_train_options tac_train_options_default(void);

/* tac_train_texts: the texts that the run keeps (run/texts.h). session->fixed_bytes are without
 * them. */
enum tacit_status tac_train_texts(struct tac_texts_choice *out, const struct tac_trainer *t,
                                  const struct tac_train_options *o,
                                  struct tacit_err *err) TAC_MUST_USE;

/* tac_train_batching: how the run's examples become batches. */
struct tac_batching tac_train_batching(const struct tac_trainer *t,
                                       const struct tac_train_options *o);

/* tac_train_memory: bytes that training takes besides weights and activations: the block with
 * gradients and moments, and the best values where they are kept. */
size_t tac_train_memory(const struct tac_tune *t, const struct tac_train_options *o);

/* tac_train: trains, or goes on where DIR's checkpoint stands. The folder is locked meanwhile.
 * Errors: another run's folder; a diverged loss; TACIT_ECANCEL when progress asked to stop (a
 * checkpoint is written first). */
enum tacit_status tac_train(struct tac_trainer *t, const struct tac_train_options *o,
                            struct tac_train_result *result, struct tacit_err *err) TAC_MUST_USE;

#endif
