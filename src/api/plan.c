/* What training would take: memory, kept texts, the time of a batch. */
#include "api/job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKED_AT = 1 << 22, MEASURED = 1000 };

/* What the plans ask of the training loop. */
static struct tac_trainer look_of(const struct tac_train_job *j)
{
    return (struct tac_trainer){.session = j->m->session,
                                .tune = j->tune,
                                .prefix = &j->prefix,
                                .example = j->example,
                                .n = j->n};
}

/* The examples `which` as a job of the session; sequences in the arena. texts: kept ones, or NULL.
 */
static enum tacit_status batch_job(const struct tac_train_job *j, struct tac_job *job,
                                   const uint32_t *which, size_t n, struct tac_texts *texts,
                                   struct tac_arena *a, struct tacit_err *err)
{
    struct tac_seq *seq = tac_arena_alloc(a, n, sizeof *seq, err);
    enum tacit_status s = seq ? TACIT_OK : TACIT_EFAIL;
    uint32_t item = 0;
    for (size_t i = 0; !s && i < n; i++) {
        s = tac_query_sequence(&seq[i], a, &j->prefix, &j->example[which[i]], 1, item, err);
        item += (uint32_t)j->example[which[i]].n_target;
    }
    *job = (struct tac_job){
        .seq = seq, .n = n, .n_item = item, .ports = &j->tune->ports, .grad = j->tune->ports.grad};
    return s || !texts ? s : tac_texts_cut(texts, job, which, true, a, err);
}

static enum tacit_status measure_batch(const struct tac_train_job *j, struct tac_demand *out,
                                       const uint32_t *which, size_t n, struct tac_texts *texts,
                                       struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    enum tacit_status s = batch_job(j, &job, which, n, texts, &a, err);
    if (!s)
        s = tac_session_measure(j->m->session, &job, out, err);
    if (!s)
        out->plan += a.used;
    tac_arena_release(&a);
    return s;
}

/* Rows of a batch, at most: a prompt in front is there once, kept texts are not. */
static size_t most_rows(const struct tac_train_job *j, const uint32_t *which, size_t n, bool texts)
{
    size_t rows = 0, P = j->prefix.n;
    bool shared = j->m->session->o.share;
    for (size_t i = 0; i < n; i++) {
        const struct tac_query *q = &j->example[which[i]];
        size_t at = tac_query_at(&j->prefix, q);
        rows += q->n_ctx + q->n_target - (texts ? at : 0) + (shared && i && !at ? 0 : P);
    }
    return rows;
}

/* The largest of the run's batches, and (largest, if not NULL) its examples: n of them. Looks at so
 * many examples, and measures so many of the batches that could be larger than the largest before.
 */
static enum tacit_status measure_largest(const struct tac_train_job *j, struct tac_demand *out,
                                         struct tac_texts *texts, uint32_t *largest,
                                         size_t *n_largest, struct tacit_err *err)
{
    struct tac_trainer t = look_of(j);
    struct tac_batching cut = tac_train_batching(&t, &j->to);
    struct tac_batches b;
    size_t steps = (size_t)j->to.steps, batches = steps ? steps * j->to.accumulate : SIZE_MAX,
           epochs = steps ? SIZE_MAX : j->to.epochs, looked = 0, measured = 0;
    enum tacit_status s = tac_batches_open(&b, &cut, err);
    *out = (struct tac_demand){0};
    for (size_t e = 0; !s && j->n && e < epochs && batches && looked < LOOKED_AT; e++) {
        tac_batches_epoch(&b, e);
        looked += j->n;
        for (size_t i = 0; !s && i < b.n_batch && batches; i++, batches--) {
            struct tac_demand m = {0};
            size_t from = i ? b.end[i - 1] : 0, n = b.end[i] - from;
            if (measured == MEASURED || most_rows(j, b.order + from, n, texts) <= out->rows)
                continue;
            s = measure_batch(j, &m, b.order + from, n, texts, err);
            measured++;
            if (m.bytes <= out->bytes)
                continue;
            *out = m;
            *n_largest = n;
            if (largest)
                memcpy(largest, b.order + from, n * sizeof *largest);
        }
    }
    tac_batches_close(&b);
    return s;
}

/* The largest batch of an evaluation. */
static enum tacit_status measure_evaluation(const struct tac_train_job *j, struct tac_demand *out,
                                            struct tacit_err *err)
{
    struct tac_score_options o = tac_score_options_public(NULL);
    struct tac_ports ports = j->tune->ports;
    size_t n = 0;
    *out = (struct tac_demand){0};
    if (!j->validation)
        return TACIT_OK;
    ports.grad = TAC_GRAD_NONE;
    struct tac_query *q = tac_examples_queries(j->validation, &n, err);
    enum tacit_status s =
        q ? tac_score_measure(j->m->session, out, &ports, &j->prefix, q, n, &o, err) : TACIT_EFAIL;
    free(q);
    return s;
}

static enum tacit_status measure(struct tac_train_job *j, struct tacit_memory *out,
                                 struct tacit_err *err)
{
    struct tac_session *se = j->m->session;
    struct tac_demand most, eval = {0};
    struct tac_trainer t = look_of(j);
    struct tac_texts_choice c = {0};
    const struct tac_param *param = j->tune->ports.param;
    size_t n;
    out->trained = tac_train_memory(j->tune, &j->to) + tac_backend_overhead(j->m->be);
    out->weights = tac_weights_resident(j->m->weights, param);
    se->fixed_bytes = tac_train_memory(j->tune, &j->to);
    enum tacit_status s = tac_train_texts(&c, &t, &j->to, err);
    out->texts = c.texts ? c.bytes : 0;
    se->fixed_bytes += out->texts;
    if (!s)
        s = measure_largest(j, &most, c.texts, NULL, &n, err);
    if (!s)
        s = measure_evaluation(j, &eval, err);
    if (!s) {
        out->rows = most.rows;
        out->recompute = most.recompute;
        out->again = most.again;
        out->activations =
            eval.bytes > most.bytes ? eval.bytes + eval.plan : most.bytes + most.plan;
        out->bytes = tac_memory_with(j->m, out->program, param, out->activations);
    }
    out->said = se->o.memory_limit > 0;
    out->limit = out->said ? se->o.memory_limit : se->o.machine_limit;
    se->fixed_bytes = 0;
    tac_texts_close(c.texts);
    return s;
}

static enum tacit_status measure_texts(struct tac_train_job *j, struct tacit_train_texts *out,
                                       struct tacit_err *err)
{
    struct tac_trainer t = look_of(j);
    struct tac_texts_choice c = {0};
    j->m->session->fixed_bytes = tac_train_memory(j->tune, &j->to);
    enum tacit_status s = tac_train_texts(&c, &t, &j->to, err);
    j->m->session->fixed_bytes = 0;
    *out = (struct tacit_train_texts){c.n, c.bytes, c.texts != NULL};
    tac_texts_close(c.texts);
    return s;
}

/* The largest batch, without kept texts. */
static enum tacit_status largest_job(struct tac_train_job *j, struct tac_job *job,
                                     struct tac_arena *a, struct tacit_err *err)
{
    struct tac_demand m;
    size_t n = 0;
    uint32_t *which = tac_arena_alloc(a, j->n, sizeof *which, err);
    enum tacit_status s = which ? measure_largest(j, &m, NULL, which, &n, err) : TACIT_EFAIL;
    return s ? s : batch_job(j, job, which, n, NULL, a, err);
}

static enum tacit_status clock_batch(struct tac_train_job *j, double *seconds, size_t *rows,
                                     struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    struct timespec from, to;
    enum tacit_status s = largest_job(j, &job, &a, err);
    size_t before = j->m->session->tokens;
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (!s)
        s = tac_session_run(j->m->session, &job, err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    *seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    *rows = j->m->session->tokens - before;
    tac_arena_release(&a);
    return s;
}

/* The loss of that batch, a label's mean. */
static enum tacit_status batch_loss(struct tac_train_job *j, bool bf16, double *loss,
                                    struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    struct tac_backend *be = j->m->be;
    bool before = be->bf16;
    enum tacit_status s = largest_job(j, &job, &a, err);
    job.grad = TAC_GRAD_NONE;
    tac_backend_set_precision(be, bf16);
    if (!s)
        s = tac_session_run(j->m->session, &job, err);
    tac_backend_set_precision(be, before);
    *loss = s ? 0 : job.loss / (double)job.n_item;
    tac_arena_release(&a);
    return s;
}

/* A job that is opened for a look and never runs. */
static enum tacit_status open_look(struct tac_train_job *j, const struct tacit_examples *train,
                                   struct tacit_err *err)
{
    enum tacit_status s = tac_job_options(j, err);
    if (!s)
        s = tac_job_examples(j, train, err);
    return s ? s : tac_job_open(j, err);
}

enum tacit_status tacit_train_plan(struct tacit_model *m, const struct tacit_task *task,
                                   const struct tacit_examples *train,
                                   const struct tacit_examples *validation,
                                   const struct tacit_train_options *o, struct tacit_memory *out,
                                   struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .task = task, .validation = validation};
    *out = (struct tacit_memory){.program = tac_session_program(m->session)};
    enum tacit_status s = open_look(&j, train, err);
    if (!s)
        s = measure(&j, out, err);
    tac_job_release(&j);
    return s;
}

enum tacit_status tacit_train_texts(struct tacit_model *m, const struct tacit_task *task,
                                    const struct tacit_examples *train,
                                    const struct tacit_train_options *o,
                                    struct tacit_train_texts *out, struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .task = task};
    enum tacit_status s = open_look(&j, train, err);
    if (!s)
        s = measure_texts(&j, out, err);
    tac_job_release(&j);
    return s;
}

enum tacit_status tacit_train_rounding(struct tacit_model *m, const struct tacit_task *task,
                                       const struct tacit_examples *train,
                                       const struct tacit_train_options *o, double *f32,
                                       double *bf16, struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .task = task};
    enum tacit_status s = open_look(&j, train, err);
    if (!s)
        s = batch_loss(&j, false, f32, err);
    if (!s)
        s = batch_loss(&j, true, bf16, err);
    tac_job_release(&j);
    return s;
}

enum tacit_status tac_train_time(struct tacit_model *m, const struct tacit_task *task,
                                 const struct tacit_examples *train,
                                 const struct tacit_train_options *o, double *seconds, size_t *rows,
                                 struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .task = task};
    enum tacit_status s = open_look(&j, train, err);
    if (!s)
        s = clock_batch(&j, seconds, rows, err);
    tac_job_release(&j);
    return s;
}
