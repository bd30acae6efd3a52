/* Claims: the findings of the notes that the study came from, each with an estimator, a rule and a
 * control. docs/STUDY.md lists the rules, and what had been seen when they were set. */
#ifndef TAC_STUDY_CLAIMS_H
#define TAC_STUDY_CLAIMS_H

#include "study/tables.h"

/* What an estimator came to. Numbers are NaN where there is none; verdict NULL: the study lacks
 * what the claim needs, and has no such row. */
struct tac_finding {
    double estimate, low, high, p;
    const char *verdict;
    char note[512];
};

extern const char tac_holds[], tac_fails[], tac_open[]; /* the verdicts */

/* Claims about tasks share the level of 0.05, so each must be able to come below a quarter of it.
 */
enum { TAC_TASK_CLAIMS = 4 };

typedef enum tacit_status tac_claim_fill(struct tac_finding *f, struct tac_seen *x,
                                         struct tacit_err *err);
/* claims_accuracy.c, claims_reading.c, claims_runs.c */
tac_claim_fill tac_claim_description, tac_claim_training, tac_claim_signal, tac_claim_direction,
    tac_claim_finetuning;
tac_claim_fill tac_claim_words, tac_claim_foreign, tac_claim_recurring, tac_claim_readout,
    tac_claim_wayward, tac_claim_verbalise;
tac_claim_fill tac_claim_accuracy, tac_claim_equidistant, tac_claim_harder, tac_claim_wordings,
    tac_claim_transfer, tac_claim_similar;

/* tac_claims: writes all rows, within the transaction that is open, and the study's claims. */
enum tacit_status tac_claims(struct tac_seen *x, struct tacit_err *err) TAC_MUST_USE;

#endif
