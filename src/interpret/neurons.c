#include "interpret/neurons.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH_ROWS = 2048, BATCH_INPUTS = 32 };

/* A batch of inputs and the activations that it leaves: (BATCH_INPUTS, L, F). */
struct batch {
    struct tac_seq seq[BATCH_INPUTS];
    struct tac_job_tap *tap; /* (BATCH_INPUTS * L) */
    float *act;
    size_t n, rows, L, F;
};

static void add_taps(struct batch *b)
{
    for (size_t l = 0; l < b->L; l++) {
        size_t at = b->n * b->L + l;
        b->tap[at] = (struct tac_job_tap){.seq = b->n,
                                          .at = b->seq[b->n].n - 1,
                                          .layer = (int32_t)l,
                                          .point = TAC_TAP_MLP,
                                          .to = b->act + at * b->F};
    }
}

/* Takes inputs from `from` on; returns the first that finds no place. */
static enum tacit_status fill_batch(struct batch *b, size_t *to, struct tac_arena *a,
                                    const struct tac_prefix *prefix, const struct tac_query *input,
                                    size_t from, size_t n, struct tacit_err *err)
{
    b->n = b->rows = 0;
    for (*to = from; *to < n && b->n < BATCH_INPUTS; ++*to) {
        struct tac_query q = {
            .ctx = input[*to].ctx, .n_ctx = input[*to].n_ctx, .at = input[*to].at};
        struct tac_seq *seq = &b->seq[b->n];
        if (b->n && b->rows + prefix->n + q.n_ctx > BATCH_ROWS)
            break;
        enum tacit_status st = tac_query_sequence(seq, a, prefix, &q, 1, 0, err);
        if (st)
            return st;
        seq->keep = seq->n;
        b->rows += seq->n;
        add_taps(b);
        b->n++;
    }
    return TACIT_OK;
}

static enum tacit_status check_input(const struct tac_query *q, size_t i, size_t V,
                                     struct tacit_err *err)
{
    if (!q->n_ctx)
        return tac_fail(err, TACIT_EINPUT, "input %zu is empty", i);
    for (size_t k = 0; k < q->n_ctx; k++)
        if (q->ctx[k] < 0 || (size_t)q->ctx[k] >= V)
            return tac_fail(err, TACIT_EINPUT,
                            "input %zu: token id %d is outside the vocabulary of %zu rows", i,
                            q->ctx[k], V);
    return TACIT_OK;
}

static enum tacit_status run_batches(double *sum, struct batch *b, struct tac_session *s,
                                     const struct tac_ports *ports, const struct tac_prefix *prefix,
                                     const struct tac_query *input, size_t n, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    size_t V = s->weights->model->c.V;
    for (size_t i = 0; !st && i < n; i++)
        st = check_input(&input[i], i, V, err);
    for (size_t from = 0, to = 0; !st && from < n; from = to) {
        struct tac_arena a = {0};
        st = fill_batch(b, &to, &a, prefix, input, from, n, err);
        struct tac_job job = {
            .seq = b->seq, .n = b->n, .ports = ports, .tap = b->tap, .n_tap = b->n * b->L};
        if (!st)
            st = tac_session_run(s, &job, err);
        for (size_t i = 0; !st && i < b->n; i++)
            for (size_t k = 0; k < b->L * b->F; k++)
                sum[k] += (double)b->act[i * b->L * b->F + k];
        tac_arena_release(&a);
    }
    return st;
}

enum tacit_status tac_neurons(double *mean, struct tac_session *s, const float *values, size_t P,
                              const struct tac_query *input, size_t n, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    struct tac_prefix prefix = {0};
    struct tac_ports ports = tac_ports_plain(s->weights);
    struct tac_tune *tune = NULL;
    struct batch b = {.L = c->L, .F = c->F};
    b.tap = tac_alloc(BATCH_INPUTS * c->L, sizeof *b.tap, err);
    b.act = tac_alloc(BATCH_INPUTS * c->L * c->F, sizeof *b.act, err);
    enum tacit_status st = b.tap && b.act ? tac_prefix_soft(&prefix, P, err) : TACIT_EFAIL;
    if (!st && P)
        st = tac_tune_open(&tune, &tac_method_prompt, s->weights, P, false, NULL, err);
    if (!st && P) {
        tac_tune_set(tune, values);
        ports = tune->ports;
    }
    for (size_t k = 0; k < c->L * c->F; k++)
        mean[k] = 0;
    if (!st)
        st = run_batches(mean, &b, s, &ports, &prefix, input, n, err);
    for (size_t k = 0; k < c->L * c->F; k++)
        mean[k] /= (double)n;
    tac_tune_close(tune);
    tac_prefix_release(&prefix);
    free(b.tap);
    free(b.act);
    return st;
}

struct ranked {
    double value;
    size_t at;
};

static int by_value(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->value != b->value)
        return a->value < b->value ? 1 : -1;
    return (a->at > b->at) - (a->at < b->at);
}

/* active[i] |= mark for the k largest of n; order (n) is room. */
static void mark_active(unsigned char *active, unsigned char mark, struct ranked *order,
                        const double *x, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){x[i], i};
    qsort(order, n, sizeof *order, by_value);
    for (size_t i = 0; i < k; i++)
        active[order[i].at] |= mark;
}

static double overlap_of(unsigned char *active, struct ranked *order, const double *a,
                         const double *b, size_t n, size_t k)
{
    size_t both = 0, any = 0;
    for (size_t i = 0; i < n; i++)
        active[i] = 0;
    mark_active(active, 1, order, a, n, k);
    mark_active(active, 2, order, b, n, k);
    for (size_t i = 0; i < n; i++) {
        both += active[i] == 3;
        any += active[i] != 0;
    }
    return (double)both / (double)any;
}

static double cosine_of(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : 0;
}

enum tacit_status tac_neuron_overlap(struct tac_neuron_overlap *out, const double *a,
                                     const double *b, size_t L, size_t F, double share,
                                     struct tacit_err *err)
{
    unsigned char *active = tac_alloc(F, 1, err);
    struct ranked *order = tac_alloc(F, sizeof *order, err);
    bool enough = active && order;
    size_t k = (size_t)(share * (double)F + 0.5);
    k = k < 1 ? 1 : k > F ? F : k;
    *out = (struct tac_neuron_overlap){.cosine = cosine_of(a, b, L * F)};
    for (size_t l = 0; enough && l < L; l++)
        out->overlap += overlap_of(active, order, a + l * F, b + l * F, F, k) / (double)L;
    free(active);
    free(order);
    return enough ? TACIT_OK : TACIT_EFAIL;
}

static double log_sum(const double *x, size_t n)
{
    double most = x[0];
    for (size_t i = 1; i < n; i++)
        most = fmax(most, x[i]);
    double sum = exp(x[0] - most);
    for (size_t i = 1; i < n; i++)
        sum += exp(x[i] - most);
    return most + log(sum);
}

/* p log(p / m) for m the mean of p and q; 0 where p is 0. */
static double against_mean(double p, double q)
{
    return p > 0 ? p * log(2 * p / (p + q)) : 0;
}

static double divergence(const double *a, const double *b, size_t n)
{
    double sum = 0, all_a = log_sum(a, n), all_b = log_sum(b, n);
    for (size_t i = 0; i < n; i++) {
        double p = exp(a[i] - all_a), q = exp(b[i] - all_b);
        sum += (against_mean(p, q) + against_mean(q, p)) / 2;
    }
    return fmax(sum, 0);
}

double tac_answer_divergence(const double *a, const double *b, const size_t *first, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (first[i + 1] > first[i])
            sum += divergence(a + first[i], b + first[i], first[i + 1] - first[i]);
    return n ? sum / (double)n : (double)NAN;
}
