/* Log-probabilities of given continuations, many at a time: what `score` and evaluation stand on.
 */
#ifndef TAC_RUN_SCORE_H
#define TAC_RUN_SCORE_H

#include "run/session.h"
#include "tune/place.h"

/* A prompt, the same for every text: trainable rows (-1 - i) of an adapter, token ids of a text, or
 * nothing; and where it stands. */
struct tac_prefix {
    int32_t *src;
    size_t n;
    enum tac_place place;
    const int32_t *begin; /* (n_begin) borrowed: of a context that begins so, a prompt in words that
                             would stand in front stands behind it */
    size_t n_begin;
};

/* Both leave the place at the template's. */
enum tacit_status tac_prefix_soft(struct tac_prefix *p, size_t P,
                                  struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_prefix_tokens(struct tac_prefix *p, const int32_t *ids, size_t n,
                                    struct tacit_err *err) TAC_MUST_USE;
void tac_prefix_release(struct tac_prefix *p);

/* A continuation to score: log p of each target token after context and prefix. weight (n_target):
 * what each counts for in a loss, 0 for not at all; NULL: 1 each. Scores know no weights. at: so
 * many tokens of the context stand before a prefix whose place is the template's; at most n_ctx. */
struct tac_query {
    const int32_t *ctx;
    size_t n_ctx;
    const int32_t *target;
    size_t n_target;
    const float *weight;
    size_t at;
    size_t under; /* which of the ports and prefixes */
};

/* tac_query_at: how many tokens of the context stand before the prefix. */
size_t tac_query_at(const struct tac_prefix *prefix, const struct tac_query *q);

/* tac_query_own: tokens that a prompt puts to each text. tac_query_fits: TACIT_EINPUT, with `what`
 * in front, where a query with so many is longer than can be computed. Its last token needs no
 * place: nothing is predicted from it. */
size_t tac_query_own(const struct tac_ports *ports, const struct tac_prefix *prefix);
enum tacit_status tac_query_fits(const struct tac_session *s, const struct tac_query *q, size_t own,
                                 const char *what, struct tacit_err *err) TAC_MUST_USE;

struct tac_score_options {
    size_t batch_rows; /* unshared rows a batch (2048); a longer query is a batch of its own */
    /* called after each batch; a non-zero return stops with TACIT_ECANCEL. NULL: none */
    int (*progress)(void *ctx, size_t done, size_t total);
    void *ctx;
};

struct tac_score_options tac_score_options_default(void);

/* tac_score: every query under ports[query.under] and prefix[query.under], those of several in one
 * batch: a query's bytes do not depend on the others. logp and best (the most probable token at
 * that place) of all targets, one after another, sum of n_target each; best may be NULL. Queries
 * keep their order; neighbours with a common beginning share rows. A target token without any row
 * before it (no prefix, no context), or a prefix behind the context's end, is an error naming the
 * query; so is one that is too long. Nothing is run before all are checked. */
enum tacit_status tac_score(struct tac_session *s, double *logp, int32_t *best,
                            const struct tac_ports *ports, const struct tac_prefix *prefix,
                            const struct tac_query *query, size_t n,
                            const struct tac_score_options *o, struct tacit_err *err) TAC_MUST_USE;

/* tac_score_measure: what the largest of tac_score's batches would take, without running it. */
enum tacit_status tac_score_measure(struct tac_session *s, struct tac_demand *out,
                                    const struct tac_ports *ports, const struct tac_prefix *prefix,
                                    const struct tac_query *query, size_t n,
                                    const struct tac_score_options *o,
                                    struct tacit_err *err) TAC_MUST_USE;

/* A sequence built from context, prefix and target, with a mark on each row that predicts a target
 * token. Memory from the arena; marks are numbered from item on. weight: of a mark by
 * the query's own; a token of weight 0 gets none. */
enum tacit_status tac_query_sequence(struct tac_seq *out, struct tac_arena *a,
                                     const struct tac_prefix *prefix, const struct tac_query *q,
                                     float weight, uint32_t item,
                                     struct tacit_err *err) TAC_MUST_USE;

#endif
