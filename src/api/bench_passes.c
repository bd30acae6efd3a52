/* Passes through the model: evaluation, training step, prefill, decode, always over the same batch.
 */
#include "api/bench.h"

#include "base/rng.h"
#include "run/generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* ---- opening ---- */

/* The method's tune, with first values drawn. */
static enum tacit_status open_tune(struct tac_bench_passes *p, struct tacit_err *err)
{
    const struct tacit_bench_options *o = p->b->o;
    struct tac_tune_spec spec = {0};
    float *values = NULL;
    enum tacit_status s =
        tac_tune_spec_parse(&spec, o->method ? o->method : tac_method_prompt.name, err);
    if (!s) {
        spec.P = spec.method->tokens ? o->tokens : 0;
        s = tac_tune_make(&p->tune, &spec, p->b->m->weights, true, NULL, err);
    }
    if (!s && spec.method->start) {
        values = tac_alloc(p->tune->n, sizeof *values, err);
        s = values ? spec.method->start(p->tune, values, NULL, false, 1, err) : TACIT_EFAIL;
        if (!s)
            tac_tune_set(p->tune, values);
    }
    free(values);
    tac_tune_spec_release(&spec);
    return s;
}

static int32_t *random_ids(struct tac_bench_passes *p, struct tac_rng *rng, size_t n,
                           struct tacit_err *err)
{
    int32_t *ids = tac_arena_alloc(&p->memory, n, sizeof *ids, err);
    for (size_t i = 0; ids && i < n; i++)
        ids[i] = (int32_t)tac_rng_below(rng, (uint32_t)p->b->m->model->c.V);
    return ids;
}

/* Random texts behind the prompt, the last token of each to be predicted; a context to continue. */
static enum tacit_status open_texts(struct tac_bench_passes *p, struct tacit_err *err)
{
    const struct tacit_bench_options *o = p->b->o;
    struct tac_rng rng = tac_rng_init(2, 0);
    enum tacit_status s = tac_prefix_soft(&p->prefix, p->tune->ports.P, err);
    p->seq = s ? NULL : tac_arena_alloc(&p->memory, o->texts, sizeof *p->seq, err);
    if (!p->seq)
        return s ? s : TACIT_EFAIL;
    for (size_t i = 0; !s && i < o->texts; i++) {
        int32_t *ids = random_ids(p, &rng, o->length, err);
        struct tac_query q = {.ctx = ids, .n_ctx = o->length - 1, .n_target = 1};
        q.target = ids ? ids + o->length - 1 : NULL;
        s = ids ? tac_query_sequence(&p->seq[i], &p->memory, &p->prefix, &q, 1 / (float)o->texts,
                                     (uint32_t)i, err)
                : TACIT_EFAIL;
    }
    p->context = s ? NULL : random_ids(p, &rng, o->prefill, err);
    return p->context ? TACIT_OK : s ? s : TACIT_EFAIL;
}

/* The layers' matrices and the head; of tables, a row. */
bool tac_bench_is_read(const struct tac_weights *w, size_t slot)
{
    bool tied = !w->param[tac_model_slot(SIZE_MAX, TAC_P_HEAD)].cols;
    bool table = slot == TAC_P_POSITION || (slot == TAC_P_EMBED && !tied);
    return w->param[slot].cols && !table;
}

/* Bytes of the matrices that every row goes through, and of the head. */
static double weights_read(const struct tac_weights *w)
{
    double bytes = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct tac_param *p = &w->param[i];
        size_t size = tac_wtype_size(p->w.type, sizeof(float));
        if (tac_bench_is_read(w, i))
            bytes += (double)(p->rows * p->cols * size);
    }
    return bytes;
}

static enum tacit_status open_results(struct tac_bench_passes *p, struct tacit_err *err)
{
    struct tac_bench *b = p->b;
    char step[64];
    snprintf(step, sizeof step, "training step (%s)", p->tune->method->name);
    const char *const name[] = {"evaluation", step, "prefill", "decode"};
    double bytes = weights_read(b->m->weights);
    p->pass = tac_arena_alloc(&b->memory, TAC_PASSES, sizeof *p->pass, err);
    for (size_t i = 0; p->pass && i < TAC_PASSES; i++) {
        struct tacit_bench_pass *to = &p->pass[i];
        struct tacit_bench_op *op = tac_arena_alloc(&b->memory, TAC_TRACE_KINDS, sizeof *op, err);
        p->time[i] = tac_arena_alloc(&p->memory, b->o->rounds, sizeof **p->time, err);
        if (!op || !p->time[i])
            return TACIT_EFAIL;
        size_t times = i == TAC_PASS_STEP ? 2 : i == TAC_PASS_DECODE ? b->o->decode - 1 : 1;
        *to = (struct tacit_bench_pass){.op = op, .weight_bytes = bytes * (double)times};
        snprintf(to->name, sizeof to->name, "%s", name[i]);
    }
    p->read = tac_arena_alloc(&p->memory, 2 * b->o->rounds, sizeof *p->read, err);
    b->out.pass = p->pass;
    b->out.n_pass = TAC_PASSES;
    return p->pass && p->read ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tac_bench_passes_open(struct tac_bench_passes *p, struct tac_bench *b,
                                        struct tacit_err *err)
{
    /* a small step: however many there are, the values stay near the first ones */
    static const struct tac_optim_options optim = {
        .lr = 1e-6, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip = 1};
    p->b = b;
    p->fixed = b->m->session->fixed_bytes;
    enum tacit_status s = open_tune(p, err);
    if (!s)
        s = tac_optim_open(&p->optim, p->tune, &optim, err);
    if (!s)
        s = open_texts(p, err);
    if (!s)
        s = open_results(p, err);
    if (!s)
        b->m->session->fixed_bytes += p->tune->bytes + p->optim.bytes;
    return s;
}

void tac_bench_passes_close(struct tac_bench_passes *p)
{
    if (!p->b)
        return;
    p->b->m->session->fixed_bytes = p->fixed;
    tac_prefix_release(&p->prefix);
    tac_optim_close(&p->optim);
    tac_tune_close(p->tune);
    tac_arena_release(&p->memory);
}

/* ---- readings ---- */

static struct tac_bench_reading read_now(const struct tac_bench_passes *p)
{
    const struct tac_session *s = p->b->m->session;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (struct tac_bench_reading){tac_trace_now(), s->flops, s->rows, s->tokens,
                                      (size_t)u.ru_minflt};
}

static double idle_share(double busy, double all)
{
    return busy > 0 ? 1 - busy / all : (double)NAN;
}

static void keep_ops(const struct tac_bench_passes *p, struct tacit_bench_pass *to)
{
    struct tac_backend *be = p->b->m->be;
    struct tacit_bench_op *op = (struct tacit_bench_op *)(uintptr_t)to->op;
    double busy = 0, measured = 0;
    to->n_op = be->trace->n_kind;
    for (size_t i = 0; i < to->n_op; i++) {
        const struct tac_trace_kind *k = &be->trace->kind[i];
        double all = be->threads * k->seconds;
        op[i] = (struct tacit_bench_op){.name = k->op,
                                        .N = k->N,
                                        .K = k->K,
                                        .calls = k->calls,
                                        .rows = k->rows,
                                        .seconds = k->seconds,
                                        .flops = k->flops,
                                        .weight_bytes = k->weight_bytes,
                                        .idle = idle_share(k->busy, all)};
        busy += k->busy;
        measured += k->busy > 0 ? all : 0;
    }
    to->idle = idle_share(busy, measured);
}

static void begin(struct tac_bench_passes *p)
{
    if (p->phase == TAC_BENCH_WARM)
        tac_bench_forget_peak();
    if (p->phase == TAC_BENCH_WATCHED)
        tac_trace_forget(p->b->m->be->trace);
    p->from = read_now(p);
}

/* What happened since `begin` was this pass. */
static void end(struct tac_bench_passes *p, enum tac_bench_pass which)
{
    struct tac_bench_reading r = read_now(p);
    struct tacit_bench_pass *to = &p->pass[which];
    double seconds = r.seconds - p->from.seconds;
    if (p->phase == TAC_BENCH_TIMED) {
        p->time[which][p->round] = seconds;
    } else if (p->phase == TAC_BENCH_WATCHED) {
        to->watched = seconds;
        tac_trace_add(p->b->m->be->trace, to->name, p->from.seconds);
        keep_ops(p, to);
    } else {
        struct tac_bench_process now = tac_bench_process();
        to->flops = r.flops - p->from.flops;
        to->rows = r.rows - p->from.rows;
        to->tokens = r.tokens - p->from.tokens;
        to->faults = r.faults - p->from.faults;
        to->resident = now.resident;
        to->anonymous = now.anonymous;
    }
}

/* ---- running ---- */

static enum tacit_status run_batch(struct tac_bench_passes *p, enum tac_grad grad,
                                   struct tacit_err *err)
{
    size_t n = p->b->o->texts;
    struct tac_job job = {
        .seq = p->seq, .n = n, .n_item = (uint32_t)n, .ports = &p->tune->ports, .grad = grad};
    return tac_session_run(p->b->m->session, &job, err);
}

static enum tacit_status run_evaluation(struct tac_bench_passes *p, struct tacit_err *err)
{
    begin(p);
    enum tacit_status s = run_batch(p, TAC_GRAD_NONE, err);
    end(p, TAC_PASS_EVAL);
    return s;
}

static enum tacit_status run_step(struct tac_bench_passes *p, struct tacit_err *err)
{
    begin(p);
    tac_tune_zero_grad(p->tune);
    enum tacit_status s = run_batch(p, p->tune->ports.grad, err);
    if (!s) {
        tac_tune_backward(p->tune);
        p->step++;
        tac_optim_step(&p->optim, p->step, INT64_MAX, 0);
        tac_tune_changed(p->tune);
    }
    end(p, TAC_PASS_STEP);
    return s;
}

/* The first token ends the prefill. */
static int on_token(void *ctx, int32_t id, double logprob)
{
    struct tac_bench_passes *p = ctx;
    (void)id;
    (void)logprob;
    if (!p->writing) {
        end(p, TAC_PASS_PREFILL);
        p->writing = true;
        begin(p);
    }
    return 0;
}

static enum tacit_status run_generation(struct tac_bench_passes *p, struct tacit_err *err)
{
    const struct tacit_bench_options *o = p->b->o;
    struct tac_generate_options g = {.max_tokens = o->decode, .top_p = 1};
    p->writing = false;
    begin(p);
    enum tacit_status s = tac_generate(p->b->m->session, &p->tune->ports, &p->prefix, p->context,
                                       o->prefill, &g, on_token, p, err);
    end(p, TAC_PASS_DECODE);
    return s;
}

enum tacit_status tac_bench_passes_run(struct tac_bench_passes *p, enum tac_bench_phase phase,
                                       size_t round, struct tacit_err *err)
{
    p->phase = phase;
    p->round = round;
    enum tacit_status s = run_evaluation(p, err);
    if (!s)
        s = run_step(p, err);
    return s ? s : run_generation(p, err);
}

/* Decoding's rate as a part of what reading alone gave in the same round. */
static void finish_reading(struct tac_bench_passes *p)
{
    struct tacit_bench *out = &p->b->out;
    size_t rounds = p->b->o->rounds;
    double *share = p->read + rounds;
    for (size_t i = 0; i < rounds; i++)
        share[i] = p->pass[TAC_PASS_DECODE].weight_bytes / p->time[TAC_PASS_DECODE][i] / p->read[i];
    out->bandwidth = tac_bench_median(p->read, rounds);
    out->read_share = tac_bench_median(share, rounds);
    out->read_low = share[0];
    out->read_high = share[rounds - 1];
}

void tac_bench_passes_finish(struct tac_bench_passes *p)
{
    size_t rounds = p->b->o->rounds;
    finish_reading(p);
    for (size_t i = 0; i < TAC_PASSES; i++) {
        struct tacit_bench_pass *to = &p->pass[i];
        to->seconds = tac_bench_median(p->time[i], rounds);
        to->low = p->time[i][0];
        to->high = p->time[i][rounds - 1];
        to->share = to->flops / to->seconds / p->b->out.peak;
    }
}
