#include "interpret/ablate.h"

#include <stdlib.h>
#include <string.h>

/* Rows on the backend, what of them stands before each query, and room for scores. */
struct scorer {
    struct tac_session *s;
    struct tac_tune *tune; /* holds the rows; NULL: none */
    struct tac_ports ports;
    struct tac_prefix prefix;
    double *logp; /* of every target token */
};

static void scorer_close(struct scorer *x)
{
    tac_tune_close(x->tune);
    tac_prefix_release(&x->prefix);
    free(x->logp);
}

static enum tacit_status scorer_open(struct scorer *x, struct tac_session *s, const float *values,
                                     size_t P, const struct tac_query *query, size_t n,
                                     struct tacit_err *err)
{
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += query[i].n_target;
    *x = (struct scorer){.s = s, .ports = tac_ports_plain(s->weights)};
    x->logp = tac_alloc(tokens, sizeof *x->logp, err);
    enum tacit_status st = x->logp ? tac_prefix_soft(&x->prefix, P, err) : TACIT_EFAIL;
    if (!st && P)
        st = tac_tune_open(&x->tune, &tac_method_prompt, s->weights, P, false, NULL, err);
    if (!st && P) {
        tac_tune_set(x->tune, values);
        x->ports = x->tune->ports;
    }
    return st;
}

static enum tacit_status score(struct scorer *x, double *loglik, const struct tac_query *query,
                               size_t n, const struct tac_score_options *o, struct tacit_err *err)
{
    enum tacit_status st = tac_score(x->s, x->logp, NULL, &x->ports, &x->prefix, query, n, o, err);
    const double *at = x->logp;
    for (size_t i = 0; !st && i < n; i++) {
        loglik[i] = 0;
        for (size_t k = 0; k < query[i].n_target; k++)
            loglik[i] += *at++;
    }
    return st;
}

enum tacit_status tac_rows_score(double *loglik, struct tac_session *s, const float *values,
                                 size_t P, const struct tac_query *query, size_t n,
                                 const struct tac_score_options *o, struct tacit_err *err)
{
    struct scorer x;
    enum tacit_status st = scorer_open(&x, s, values, P, query, n, err);
    if (!st)
        st = score(&x, loglik, query, n, o, err);
    scorer_close(&x);
    return st;
}

/* The prefix without row i; all rows stay on the backend. */
static void leave_out(struct tac_prefix *prefix, size_t P, size_t i)
{
    prefix->n = 0;
    for (size_t k = 0; k < P; k++)
        if (k != i)
            prefix->src[prefix->n++] = -1 - (int32_t)k;
}

static void put_in(struct tac_tune *t, float *room, const float *values, const float *substitute,
                   size_t P, size_t i)
{
    size_t C = t->n / P;
    memcpy(room, values, t->n * sizeof *room);
    memcpy(room + i * C, substitute, C * sizeof *room);
    tac_tune_set(t, room);
}

enum tacit_status tac_knockout(double *loglik, struct tac_session *s, const float *values, size_t P,
                               const float *substitute, const struct tac_query *query, size_t n,
                               const struct tac_score_options *o, struct tacit_err *err)
{
    struct scorer x;
    float *room = tac_alloc(P * s->weights->model->c.C, sizeof *room, err);
    enum tacit_status st = scorer_open(&x, s, values, P, query, n, err);
    if (!room)
        st = TACIT_EFAIL;
    for (size_t i = 0; !st && i < P; i++) {
        if (substitute)
            put_in(x.tune, room, values, substitute, P, i);
        else
            leave_out(&x.prefix, P, i);
        st = score(&x, loglik + i * n, query, n, o, err);
    }
    scorer_close(&x);
    free(room);
    return st;
}

enum tacit_status tac_vocabulary_mean(float *out, const struct tac_weights *w, size_t n_vocab,
                                      struct tacit_err *err)
{
    size_t C = w->model->c.C, V = w->model->c.V;
    double *sum = tac_alloc(C, sizeof *sum, err);
    float *row = tac_alloc(C, sizeof *row, err);
    bool enough = sum && row;
    if (n_vocab && n_vocab < V)
        V = n_vocab;
    for (int32_t i = 0; enough && i < (int32_t)V; i++) {
        tac_weights_read_rows(w, TAC_P_EMBED, &i, 1, row);
        for (size_t c = 0; c < C; c++)
            sum[c] += (double)row[c];
    }
    for (size_t c = 0; enough && c < C; c++)
        out[c] = (float)(sum[c] / (double)V);
    free(sum);
    free(row);
    return enough ? TACIT_OK : TACIT_EFAIL;
}

void tac_rows_between(float *out, const float *a, const float *b, double t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((1 - t) * (double)a[i] + t * (double)b[i]);
}
