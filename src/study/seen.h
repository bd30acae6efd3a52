/* What a study's store holds, read whole: what tables and claims are functions of. */
#ifndef TAC_STUDY_SEEN_H
#define TAC_STUDY_SEEN_H

#include "format/json.h"
#include "study/plan.h"

/* A prompt's score on a task. */
struct tac_seen_score {
    size_t n, n_loglik;
    double accuracy, low, high, auroc, loss;
    const unsigned char *hits;       /* (n) */
    const double *margins, *logliks; /* (n), (n_loglik) */
};

/* All that the store holds of the planned units, in the order of the study's prompts and tasks. */
struct tac_seen {
    struct tacit_study *st;
    struct tac_arena arena;
    size_t C;
    const float **rows;  /* (n_prompt) the prompt's values, (P,C), or NULL */
    const float **start; /* (n_task) values that trained prompts start from */
    size_t *P, *parameters;
    double *seconds;              /* (n_prompt) that making it took */
    struct tac_seen_score *score; /* (n_prompt, n_task); n = 0 where there is none */
    json_t **result;              /* (n_unit) or NULL */
    /* (n_prompt): the rows behind the embedding norm; what a trained or perturbed prompt started
     * from, raw and behind the norm; mean activations (L,F) of the MLPs under it. Or NULL. */
    const float **normed, **from, **from_normed, **neurons;
    size_t L, F;
    /* (n_kind) of each kind (TAC_N_MEASURE, n_task, n_task), once tac_seen_alike has made it */
    double **alike;
};

/* A table being filled. columns: "task:t accuracy:s", types t text, n number, s share, p p-value.
 */
struct tac_result {
    json_t *rows;
    bool failed;
};

/* tac_result_row: a letter a column: t const char *, z size_t, r double (NaN is null), b bool. */
void tac_result_row(struct tac_result *t, const char *kinds, ...);

/* Score of prompt p on task t, or NULL. */
const struct tac_seen_score *tac_seen_get(const struct tac_seen *x, size_t p, int t);
/* The first prompt from `from` on of this kind and task; n_prompt where there is none. */
size_t tac_seen_next(const struct tac_seen *x, size_t from, enum tac_kind k, int task);

/* What a unit on this prompt left, or NULL. */
const json_t *tac_seen_result(const struct tac_seen *x, enum tac_unit_kind kind, size_t prompt);

/* Accuracy of a kind's prompts on a task over several runs' hits on the same examples: the mean,
 * and a 95 % bootstrap interval over examples (Wilson's for one run). */
struct tac_pooled {
    size_t runs, n;
    double accuracy, low, high, auroc, loss;
    double *hits; /* (n) mean over the runs; the arena's */
};
enum tacit_status tac_pool(struct tac_pooled *out, struct tac_seen *x, enum tac_kind k, int task,
                           struct tacit_err *err) TAC_MUST_USE;

/* tac_seen_open: reads the planned units of x->st; the rest of x is zero. tac_seen_close frees what
 * it holds, after a failure too. tables_measure.c fills what needs the model. */
enum tacit_status tac_seen_open(struct tac_seen *x, struct tacit_err *err) TAC_MUST_USE;
void tac_seen_close(struct tac_seen *x);

#endif
