/* What a prompt's single tokens are worth: scores with one of them knocked out; and prompts on the
 * straight line between two. */
#ifndef TAC_INTERPRET_ABLATE_H
#define TAC_INTERPRET_ABLATE_H

#include "run/score.h"

/* tac_rows_score: loglik (n) out: log-likelihood of each query's target (the sum over its tokens),
 * behind the rows values (P,C); P = 0: behind nothing. Queries without weights. Errors: as
 * tac_score. */
enum tacit_status tac_rows_score(double *loglik, struct tac_session *s, const float *values,
                                 size_t P, const struct tac_query *query, size_t n,
                                 const struct tac_score_options *o,
                                 struct tacit_err *err) TAC_MUST_USE;

/* tac_knockout: the same with one token after another knocked out.
 *   loglik (P,n) out: row i without token i
 *   substitute (C) in: what stands in the token's place, such as the vocabulary's mean; with NULL
 *   the token is removed and those behind it move up
 * What follows from log-likelihoods, accuracy for one, is the caller's. Progress starts anew with
 * each token. Errors: as tac_score. */
enum tacit_status tac_knockout(double *loglik, struct tac_session *s, const float *values, size_t P,
                               const float *substitute, const struct tac_query *query, size_t n,
                               const struct tac_score_options *o,
                               struct tacit_err *err) TAC_MUST_USE;

/* tac_vocabulary_mean: out (C): the mean of the first n_vocab rows of the embedding as stored (0:
 * all); summed in double, in order. Errors: memory. */
enum tacit_status tac_vocabulary_mean(float *out, const struct tac_weights *w, size_t n_vocab,
                                      struct tacit_err *err) TAC_MUST_USE;

/* tac_rows_between: out = (1 - t) a + t b, n values in double, rounded once: a's at 0, b's at 1. */
void tac_rows_between(float *out, const float *a, const float *b, double t, size_t n);

#endif
