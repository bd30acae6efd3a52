#include "interpret/verbalise.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH_ROWS = 2048 };

/* states (P, layers, C): what stands behind each layer, the embedding first, at each row of a
 * prompt that runs alone. */
static enum tacit_status read_states(float *states, struct tac_session *s, const float *values,
                                     size_t P, struct tacit_err *err)
{
    size_t C = s->weights->model->c.C, layers = s->weights->model->c.L + 1;
    struct tac_tune *tune = NULL;
    struct tac_prefix prefix = {0};
    struct tac_job_tap *tap = tac_alloc(P * layers, sizeof *tap, err);
    enum tacit_status st = tap ? tac_prefix_soft(&prefix, P, err) : TACIT_EFAIL;
    if (!st)
        st = tac_tune_open(&tune, &tac_method_prompt, s->weights, P, false, NULL, err);
    if (!st) {
        struct tac_seq seq = {.src = prefix.src, .n = P, .keep = P, .root = -1};
        struct tac_job job = {
            .seq = &seq, .n = 1, .ports = &tune->ports, .tap = tap, .n_tap = P * layers};
        for (size_t i = 0; i < P * layers; i++)
            tap[i] = (struct tac_job_tap){.at = i / layers,
                                          .layer = (int32_t)(i % layers) - 1,
                                          .point = TAC_TAP_STREAM,
                                          .to = states + i * C};
        tac_tune_set(tune, values);
        st = tac_session_run(s, &job, err);
    }
    tac_tune_close(tune);
    tac_prefix_release(&prefix);
    free(tap);
    return st;
}

/* Room for a batch of patched frames. */
struct batch {
    struct tac_seq *seq;
    struct tac_mark *mark;
    struct tac_job_patch *patch;
    size_t most;
};

static enum tacit_status batch_init(struct batch *b, size_t frame, struct tacit_err *err)
{
    b->most = frame < BATCH_ROWS ? BATCH_ROWS / frame : 1;
    b->seq = tac_alloc(b->most, sizeof *b->seq, err);
    b->mark = tac_alloc(b->most, sizeof *b->mark, err);
    b->patch = tac_alloc(b->most, sizeof *b->patch, err);
    return b->seq && b->mark && b->patch ? TACIT_OK : TACIT_EFAIL;
}

static void batch_release(struct batch *b)
{
    free(b->seq);
    free(b->mark);
    free(b->patch);
}

/* Cells from .. from + n of the grid: cell ((i * layers) + l_from) * layers + l_to. */
static enum tacit_status run_cells(int32_t *said, double *logp, struct tac_session *s,
                                   struct batch *b, const float *states,
                                   const struct tac_frame *frame, const int32_t *target,
                                   size_t from, size_t n, struct tacit_err *err)
{
    size_t C = s->weights->model->c.C, layers = s->weights->model->c.L + 1;
    struct tac_ports ports = tac_ports_plain(s->weights);
    for (size_t k = 0; k < n; k++) {
        size_t cell = from + k, state = cell / layers;
        int32_t word = target[state / layers];
        b->mark[k] = (struct tac_mark){frame->n - 1, word < 0 ? 0 : word, 1, (uint32_t)k};
        b->seq[k] = (struct tac_seq){
            .src = frame->id, .n = frame->n, .mark = &b->mark[k], .n_mark = 1, .root = -1};
        b->patch[k] = (struct tac_job_patch){k, frame->place, (int32_t)(cell % layers) - 1,
                                             states + state * C};
    }
    struct tac_job job = {.seq = b->seq,
                          .n = n,
                          .n_item = n,
                          .ports = &ports,
                          .patch = b->patch,
                          .n_patch = n,
                          .logp = logp + from,
                          .best = said + from};
    enum tacit_status st = tac_session_run(s, &job, err);
    for (size_t k = 0; !st && k < n; k++)
        if (target[(from + k) / layers / layers] < 0)
            logp[from + k] = (double)NAN;
    return st;
}

static enum tacit_status check(const struct tac_frame *frame, const int32_t *target, size_t P,
                               size_t V, struct tacit_err *err)
{
    if (frame->place >= frame->n)
        return tac_fail(err, TACIT_EINPUT, "place %zu of a frame of %zu tokens", frame->place,
                        frame->n);
    for (size_t i = 0; i < frame->n; i++)
        if (frame->id[i] < 0 || (size_t)frame->id[i] >= V)
            return tac_fail(err, TACIT_EINPUT,
                            "the frame's token id %d is outside the vocabulary of %zu rows",
                            frame->id[i], V);
    for (size_t i = 0; i < P; i++)
        if (target[i] >= 0 && (size_t)target[i] >= V)
            return tac_fail(err, TACIT_EINPUT,
                            "target token id %d is outside the vocabulary of %zu rows", target[i],
                            V);
    return TACIT_OK;
}

enum tacit_status tac_verbalise(int32_t *said, double *logp, struct tac_session *s,
                                const float *values, size_t P, const struct tac_frame *frame,
                                const int32_t *target, const struct tac_score_options *o,
                                struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    size_t layers = c->L + 1, cells = P * layers * layers;
    struct batch b = {0};
    float *states = tac_alloc(P * layers * c->C, sizeof *states, err);
    enum tacit_status st = states ? check(frame, target, P, c->V, err) : TACIT_EFAIL;
    if (!st)
        st = batch_init(&b, frame->n, err);
    if (!st)
        st = read_states(states, s, values, P, err);
    for (size_t from = 0; !st && from < cells; from += b.most) {
        st = run_cells(said, logp, s, &b, states, frame, target, from,
                       cells - from < b.most ? cells - from : b.most, err);
        if (!st && o && o->progress && o->progress(o->ctx, from, cells))
            st = tac_fail(err, TACIT_ECANCEL, "stopped after %zu of %zu cells", from, cells);
    }
    batch_release(&b);
    free(states);
    return st;
}
