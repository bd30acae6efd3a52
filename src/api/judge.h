/* Judging one prompt over a task's examples: answers' log-likelihoods, then the numbers of a row.
 */
#ifndef TAC_API_JUDGE_H
#define TAC_API_JUDGE_H

#include "api/handles.h"

/* Log-likelihoods of all answers of all examples, one after another (example i starts at first[i]),
 * the choices by sum, and the confusion counts (answers x answers) where the answers are fixed. */
struct tac_verdict {
    double *loglik;
    size_t *first;
    int *choice;
    size_t *confusion;
    size_t answers;
};

/* tac_judge: row's numbers (not its name). keep may be NULL; else it is filled and the caller's to
 * release. */
enum tacit_status tac_judge(struct tacit_eval_row *row, struct tacit_model *m,
                            const struct tacit_task *task, const struct tacit_examples *e,
                            const struct tac_condition *c, struct tac_verdict *keep,
                            const struct tacit_progress *progress,
                            struct tacit_err *err) TAC_MUST_USE;
/* tac_judge_together: the row that the verdicts of n prompts give together: by the mean of their
 * log-likelihoods, or by vote (most choices; among equals the larger mean), whose row has only what
 * choices tell (all else NaN). */
enum tacit_status tac_judge_together(struct tacit_eval_row *row, const struct tacit_task *task,
                                     const struct tacit_examples *e,
                                     const struct tac_verdict *const *member, size_t n, bool vote,
                                     struct tac_verdict *keep, struct tacit_err *err) TAC_MUST_USE;
void tac_verdict_release(struct tac_verdict *v);

#endif
