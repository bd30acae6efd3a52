/* Prompts in front of every text. What they compute is the same in each batch of a scoring: their
 * keys and values are computed once, and batches consist of the texts behind them. By the numeric
 * law a batch gives the same bytes. */
#ifndef TAC_RUN_FRONTS_H
#define TAC_RUN_FRONTS_H

#include "run/score.h"

struct tac_fronts {
    struct tac_session *s;
    struct tac_kv_store *kv; /* (n), those of the ports before those of the prompt; len 0: the
                                prompt's rows are computed in each batch */
    size_t n, bytes;
};

/* tac_fronts_open: of n_under ports and their prefixes, for the queries; a prompt is left to its
 * batches where one of its queries has text before it, or a target right behind it. measure: sizes
 * alone. Nothing is kept under a session's memory limit. Counted in the session's fixed_bytes until
 * closed. Errors: memory. */
enum tacit_status tac_fronts_open(struct tac_fronts *f, struct tac_session *s,
                                  const struct tac_ports *ports, const struct tac_prefix *prefix,
                                  size_t n_under, const struct tac_query *query, size_t n,
                                  bool measure, struct tacit_err *err) TAC_MUST_USE;
void tac_fronts_close(struct tac_fronts *f);

/* tac_fronts_cut: takes the prompts from the job's sequences, which tac_query_sequence made of the
 * queries (job->n): roots stand in their place. Memory from the arena. */
enum tacit_status tac_fronts_cut(const struct tac_fronts *f, struct tac_job *job,
                                 struct tac_seq *seq, const struct tac_prefix *prefix,
                                 const struct tac_query *query, struct tac_arena *a,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
