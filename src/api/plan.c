/* What training would take: memory, kept texts, the time of a batch. */
#include "api/job.h"

#include <stdlib.h>
#include <time.h>

/* The first of the batch of neighbours with the most rows, which stands for the largest. */
static size_t longest_batch(const struct tac_train_job *j, size_t n)
{
    size_t from = 0, most = 0;
    for (size_t i = 0; i + n <= j->n; i++) {
        size_t sum = 0;
        for (size_t k = i; k < i + n; k++)
            sum += j->example[k].n_ctx + j->example[k].n_target;
        if (sum > most) {
            most = sum;
            from = i;
        }
    }
    return from;
}

/* What the plans ask of the training loop. */
static struct tac_trainer look_of(const struct tac_train_job *j)
{
    return (struct tac_trainer){.session = j->m->session,
                                .tune = j->tune,
                                .prefix = &j->prefix,
                                .example = j->example,
                                .n = j->n};
}

/* That batch as a job of the session; sequences in the arena. texts: kept ones, or NULL. */
static enum tacit_status largest_job(const struct tac_train_job *j, struct tac_job *job,
                                     struct tac_texts *texts, struct tac_arena *a,
                                     struct tacit_err *err)
{
    size_t n = j->n < j->o->batch ? j->n : j->o->batch, from = longest_batch(j, n);
    struct tac_seq *seq = tac_arena_alloc(a, n, sizeof *seq, err);
    enum tacit_status s = seq ? TACIT_OK : TACIT_EFAIL;
    uint32_t item = 0;
    for (size_t i = 0; !s && i < n; i++) {
        s = tac_query_sequence(&seq[i], a, &j->prefix, &j->example[from + i], 1, item, err);
        item += (uint32_t)j->example[from + i].n_target;
    }
    *job = (struct tac_job){
        .seq = seq, .n = n, .n_item = item, .ports = &j->tune->ports, .grad = j->tune->ports.grad};
    uint32_t *which = s || !texts ? NULL : tac_arena_alloc(a, n, sizeof *which, err);
    for (size_t i = 0; which && i < n; i++)
        which[i] = (uint32_t)(from + i);
    if (!s && texts)
        s = which ? tac_texts_cut(texts, job, which, true, a, err) : TACIT_EFAIL;
    return s;
}

static enum tacit_status measure(struct tac_train_job *j, size_t *bytes, size_t *rows,
                                 struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    struct tac_trainer t = look_of(j);
    struct tac_texts_choice c = {0};
    j->m->session->fixed_bytes = tac_train_memory(j->tune, &j->to);
    enum tacit_status s = tac_train_texts(&c, &t, &j->to, err);
    j->m->session->fixed_bytes += c.texts ? c.bytes : 0;
    if (!s)
        s = largest_job(j, &job, c.texts, &a, err);
    if (!s)
        s = tac_session_measure(j->m->session, &job, bytes, rows, err);
    tac_arena_release(&a);
    *bytes += s ? 0 : tac_session_taken(j->m->session);
    j->m->session->fixed_bytes = 0;
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

static enum tacit_status clock_batch(struct tac_train_job *j, double *seconds, size_t *rows,
                                     struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    struct timespec from, to;
    enum tacit_status s = largest_job(j, &job, NULL, &a, err);
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
    enum tacit_status s = largest_job(j, &job, NULL, &a, err);
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
                                   const struct tacit_train_options *o, size_t *bytes, size_t *rows,
                                   struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .task = task};
    enum tacit_status s = open_look(&j, train, err);
    if (!s)
        s = measure(&j, bytes, rows, err);
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
