/* Doing a study's units. */
#ifndef TAC_STUDY_WORK_H
#define TAC_STUDY_WORK_H

#include "api/judge.h"
#include "format/json.h"
#include "study/plan.h"

/* A unit at work on a worker's model. */
struct tac_work {
    struct tacit_study *st;
    struct tacit_model *m;
    const struct tacit_progress *progress; /* steps of training; may stop the work */
    const struct tac_unit *u;
    double started;
};

double tac_seconds(void); /* of a clock that never goes back */

/* A prompt of the study ready to put before inputs. Release closes it; a zeroed one may be
 * released. */
struct tac_held {
    struct tacit_adapter adapter;  /* values where the prompt has rows */
    struct tacit_adapter *trained; /* of a method of its own, from its run's folder */
    struct tac_condition condition;
    bool open;
};

/* tac_hold: the prompt as the store and its run's folder have it; rows for P rows that the caller
 * has (taken over). */
enum tacit_status tac_hold(struct tac_held *h, const struct tac_work *w,
                           const struct tac_study_prompt *p, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_hold_rows(struct tac_held *h, const struct tac_work *w, float *rows, size_t P,
                                struct tacit_err *err) TAC_MUST_USE;
void tac_hold_release(struct tac_held *h);

/* tac_begin_unit: the store is ours and has the unit's row; result: JSON or NULL. tac_store_end
 * ends it. */
enum tacit_status tac_begin_unit(struct tac_work *w, const char *result,
                                 struct tacit_err *err) TAC_MUST_USE;
/* What a making unit puts into the store. tac_begin_made: as tac_begin_unit, with the prompt's row.
 */
struct tac_made {
    float *rows; /* (P,C) or NULL */
    size_t P, parameters;
    char *text;     /* what stands for it in words, or NULL */
    json_t *result; /* what its training took, or NULL */
};
enum tacit_status tac_begin_made(struct tac_work *w, const struct tac_made *x,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_go_on: tells the progress of a long unit; TACIT_ECANCEL where it is to stop. */
enum tacit_status tac_go_on(const struct tac_work *w, uint64_t done, uint64_t total,
                            struct tacit_err *err) TAC_MUST_USE;
/* tac_put_result: a unit that leaves this alone; it is taken over (NULL: there was no memory). */
enum tacit_status tac_put_result(struct tac_work *w, json_t *result,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_put_score: a judged prompt's numbers. */
enum tacit_status tac_put_score(struct tac_work *w, const struct tacit_examples *e,
                                const struct tacit_eval_row *row, const struct tac_verdict *v,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_run_is: whether a run's folder is that of the unit with this identity. tac_run_folder: the
 * folder that alone holds a run's adapter; TACIT_EFAIL where somebody has changed it. */
bool tac_run_is(const char *dir, const char *identity);
enum tacit_status tac_run_folder(struct tac_buf *dir, const struct tac_work *w,
                                 const struct tac_study_prompt *p,
                                 struct tacit_err *err) TAC_MUST_USE;

/* tac_start_tokens: id (P): the text's tokens, cut or repeated: what a prompt starts from. */
enum tacit_status tac_start_tokens(const struct tacit_model *m, int32_t *id, const char *text,
                                   size_t P, struct tacit_err *err) TAC_MUST_USE;

/* tac_nearest_tokens: id (P): the token nearest to each row, raw. rows (P,C). */
enum tacit_status tac_nearest_tokens(struct tacit_model *m, int32_t *id, float *rows, size_t P,
                                     struct tacit_err *err) TAC_MUST_USE;

/* tac_forget: the loss on the texts outside the unit's task, by set: a list of {of, texts, tokens,
 * loss}. The caller's to json_decref. */
enum tacit_status tac_forget(json_t **out, struct tac_work *w, struct tacit_model *m,
                             const struct tac_condition *c, struct tacit_err *err) TAC_MUST_USE;

/* tac_make_trained: the making unit of a kind that is trained. */
enum tacit_status tac_make_trained(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;

/* The bodies of units, by kind. */
enum tacit_status tac_unit_make(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_score(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_read(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_null(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_knockout(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_path(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_neurons(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_verbalise(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_forget(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_unit_alike(struct tac_work *w, struct tacit_err *err) TAC_MUST_USE;

/* tac_work_all: does every unit that is not done, with `jobs` workers (each a thread with a model
 * of its own; the first has the study's). Stops at the first failure or when progress asks. */
enum tacit_status tac_work_all(struct tacit_study *st, size_t jobs,
                               const struct tacit_progress *progress,
                               struct tacit_err *err) TAC_MUST_USE;

#endif
