/* A public training call at work, for the files of this folder: train.c, pretrain.c, identity.c. */
#ifndef TAC_API_JOB_H
#define TAC_API_JOB_H

#include "api/handles.h"

#include "format/json.h"
#include "train/train.h"

/* A public training call at work. */
struct tac_train_job {
    struct tacit_model *m;
    const struct tacit_train_options *o;
    const struct tacit_progress *progress;
    struct tac_train_options to;
    struct tac_tune_spec spec;
    struct tac_tune *tune;
    struct tac_prefix prefix;
    struct tac_query *example; /* (n) */
    size_t n;
    const struct tacit_examples *train, *validation; /* NULL: text, none */
    const struct tacit_task *task;
    float *init;          /* (n) the block's first values; NULL where they are the model's */
    struct tac_ids words; /* the init text's tokens */
    const char *text;     /* the init text, or NULL */
    enum tac_place place; /* of the prompt */
    float *pull;          /* (P,C) rows to pull towards, or NULL */
    json_t *settings;
    char identity[24];
};

/* tac_job_options: checks the public options and fills j->to. tac_job_examples: the queries of the
 * right answers. tac_job_open: the method and its first values. tac_job_run: claims the folder and
 * trains. (train.c) */
enum tacit_status tac_job_options(struct tac_train_job *j, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_job_examples(struct tac_train_job *j, const struct tacit_examples *train,
                                   struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_job_open(struct tac_train_job *j, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_job_run(struct tac_train_job *j, struct tacit_train_result *result,
                              struct tacit_err *err) TAC_MUST_USE;
void tac_job_release(struct tac_train_job *j);

/* tac_train_time: seconds that one batch of the longest examples takes, forward and backward, and
 * its rows without sharing. Writes nothing. (plan.c) */
enum tacit_status tac_train_time(struct tacit_model *m, const struct tacit_task *task,
                                 const struct tacit_examples *train,
                                 const struct tacit_train_options *o, double *seconds, size_t *rows,
                                 struct tacit_err *err) TAC_MUST_USE;

/* tac_job_identify: settings and identity of the run: everything that its bytes depend on. Threads,
 * instruction sets and folders are not part of it; sharing is, since it changes the order in which
 * a gradient is summed. tac_job_claim: run.json says what the folder is; one of another run stops
 * us before anything is written. tac_job_discard: a run that fails before its first step is done
 * leaves nothing behind: its settings may be what was wrong, and the folder would belong to them.
 * (identity.c) */
enum tacit_status tac_job_identify(struct tac_train_job *j, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_job_claim(struct tac_train_job *j, struct tacit_err *err) TAC_MUST_USE;
void tac_job_discard(const struct tac_train_job *j);
/* The options that a run's bytes depend on, as they are, seeds excepted; NULL where there is no
 * memory, or a text is no UTF-8. */
json_t *tac_options_json(const struct tacit_train_options *o);

#endif
