/* Generation, token by token, over a cache of keys and values (a KV segment of the tree). */
#ifndef TAC_RUN_GENERATE_H
#define TAC_RUN_GENERATE_H

#include "run/score.h"

struct tac_generate_options {
    size_t max_tokens;
    double temperature; /* 0: greedy, the lowest id among equals */
    size_t top_k;       /* 0: all */
    double top_p;       /* the fewest tokens that together have this probability; 1: all */
    uint64_t seed;
    const int32_t *stop; /* tokens that end the text; they are reported */
    size_t n_stop;
};

/* tac_generate: continues ids with the prefix in its place: in front, or behind them (n together
 * above 0). on_token gets each token and its
 * log-probability under the model (temperature 1, nothing cut off); a non-zero return ends the
 * text, and so does the last place that the model has. */
enum tacit_status tac_generate(struct tac_session *s, const struct tac_ports *ports,
                               const struct tac_prefix *prefix, const int32_t *ids, size_t n,
                               const struct tac_generate_options *o,
                               int (*on_token)(void *ctx, int32_t id, double logprob), void *ctx,
                               struct tacit_err *err) TAC_MUST_USE;

#endif
