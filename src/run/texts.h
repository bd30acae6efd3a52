/* Texts before a prompt. While a prompt behind them is trained, nothing of what they compute
 * changes: their keys and values are computed once, when a batch first needs them, and kept;
 * batches then consist of prompts and what follows them. By the numeric law a batch gives the same
 * bytes as with its texts computed in it, gradients included. */
#ifndef TAC_RUN_TEXTS_H
#define TAC_RUN_TEXTS_H

#include "run/score.h"

struct tac_texts;

enum tac_texts_mode {
    TAC_TEXTS_AUTO, /* kept where they fit */
    TAC_TEXTS_OFF,
    TAC_TEXTS_F16, /* kept as float16, which changes the bytes */
};

struct tac_texts_options {
    enum tac_texts_mode mode; /* F16, or one of the others */
    /* of the queries that are cut at once: how many, and their rows (0: no limit) where there are
     * two of them or more, at most */
    size_t batch, batch_rows;
};

/* tac_texts_open: the different texts before the prompts of n queries, none computed yet. query and
 * prefix (not empty) are borrowed. Errors: memory. */
enum tacit_status tac_texts_open(struct tac_texts **out, struct tac_session *s,
                                 const struct tac_prefix *prefix, const struct tac_query *query,
                                 size_t n, const struct tac_texts_options *o,
                                 struct tacit_err *err) TAC_MUST_USE;
void tac_texts_close(struct tac_texts *x);

size_t tac_texts_count(const struct tac_texts *x); /* different ones, the empty one aside */
/* tac_texts_bytes: of them all, and of what the largest batch needs to read them. */
size_t tac_texts_bytes(const struct tac_texts *x);

/* What texts there are for training these ports, and the texts as they are to be kept: NULL where
 * they are not. */
struct tac_texts_choice {
    struct tac_texts *texts;
    size_t n, bytes; /* that could be kept; 0 where text before the prompt changes, or is none */
};

/* tac_texts_choose: AUTO keeps them where they fit: beside the largest batch as it would be without
 * them, by the session's memory limit; without a limit, in a quarter of the machine's memory, or in
 * the share of that which the backend's threads are of its processors. Errors: memory; F16 where
 * there is nothing to keep. */
enum tacit_status tac_texts_choose(struct tac_texts_choice *out, struct tac_session *s,
                                   const struct tac_ports *ports, const struct tac_prefix *prefix,
                                   const struct tac_query *query, size_t n,
                                   const struct tac_texts_options *o,
                                   struct tacit_err *err) TAC_MUST_USE;

/* tac_texts_cut: takes the texts from the job's sequences, which tac_query_sequence made of the
 * queries `which` (job->n): roots stand in their place. Missing texts are computed, unless the job
 * is only measured. Memory from the arena; the roots are good until the next cut. */
enum tacit_status tac_texts_cut(struct tac_texts *x, struct tac_job *job, const uint32_t *which,
                                bool measure, struct tac_arena *a,
                                struct tacit_err *err) TAC_MUST_USE;

#endif
