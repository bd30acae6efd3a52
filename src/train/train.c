#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { STREAM_INIT = 1, CHECKPOINT_SECONDS = 20, PIECE = 4096 };

/* A run at work. */
struct run {
    struct tac_trainer *t;
    const struct tac_train_options *o;
    struct tac_optim optim;
    struct tac_pulling pull;
    struct tac_checkpoint c;
    struct tac_history history;
    struct tac_log metrics, timing;
    struct tac_lock lock;
    struct tac_texts *texts; /* kept ones, or NULL */
    struct tac_batches batches;
    int64_t total, epoch_first; /* steps before this epoch */
    double saved_at, last_loss;
    bool stop;
};

struct tac_train_options tac_train_options_default(void)
{
    return (struct tac_train_options){.optim = {.kind = TAC_ADAMW,
                                                .lr = 1e-3,
                                                .beta1 = 0.9,
                                                .beta2 = 0.999,
                                                .eps = 1e-8,
                                                .clip = 1.0,
                                                .schedule = TAC_LINEAR},
                                      .batch = 8,
                                      .accumulate = 1,
                                      .epochs = 50,
                                      .noise = TAC_NOISE_ORDER,
                                      .init_scale = 0.1,
                                      .moments_scale = 1.0,
                                      .eval_epochs = 1,
                                      .history = true};
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int64_t epoch_steps(const struct run *r)
{
    return (int64_t)((r->batches.n_batch + r->o->accumulate - 1) / r->o->accumulate);
}

/* Steps of the whole run. By token budget an epoch's number depends on its order, so each is cut
 * once. */
static void count_steps(struct run *r)
{
    size_t epochs = r->o->batch_tokens ? r->o->epochs : 1;
    for (size_t e = 0; e < epochs && !r->o->steps; e++) {
        tac_batches_epoch(&r->batches, e);
        r->total += epoch_steps(r);
    }
    if (r->o->steps)
        r->total = r->o->steps;
    else if (!r->o->batch_tokens)
        r->total *= (int64_t)r->o->epochs;
    tac_batches_epoch(&r->batches, 0);
}

/* Goes to the epoch of the step after `step`; returns that step's first batch. */
static size_t locate_step(struct run *r, int64_t step)
{
    while (step >= r->epoch_first + epoch_steps(r)) {
        int64_t skip = r->o->batch_tokens ? 1 : (step - r->epoch_first) / epoch_steps(r);
        r->epoch_first += skip * epoch_steps(r);
        tac_batches_epoch(&r->batches, r->batches.epoch + (size_t)skip);
    }
    return (size_t)(step - r->epoch_first) * r->o->accumulate;
}

/* Loss and gradient of one batch of the epoch: a label counts weight by its own. */
static enum tacit_status run_batch(struct run *r, size_t batch, float weight, double *loss,
                                   struct tacit_err *err)
{
    size_t from = batch ? r->batches.end[batch - 1] : 0, n = r->batches.end[batch] - from;
    struct tac_arena a = {0};
    struct tac_seq *seq = tac_arena_alloc(&a, n, sizeof *seq, err);
    enum tacit_status s = seq ? TACIT_OK : TACIT_EFAIL;
    uint32_t item = 0;
    for (size_t i = 0; !s && i < n; i++) {
        const struct tac_query *q = &r->t->example[r->batches.order[from + i]];
        s = tac_query_sequence(&seq[i], &a, r->t->prefix, q, weight, item, err);
        item += (uint32_t)seq[i].n_mark;
    }
    struct tac_job job = {.seq = seq,
                          .n = n,
                          .n_item = item,
                          .ports = &r->t->tune->ports,
                          .grad = r->t->tune->ports.grad};
    if (!s && r->texts)
        s = tac_texts_cut(r->texts, &job, r->batches.order + from, false, &a, err);
    if (!s)
        s = tac_session_run(r->t->session, &job, err);
    *loss += job.loss;
    tac_arena_release(&a);
    return s;
}

/* Adds up a query's weights; returns how many labels it has. */
static size_t count_labels(const struct tac_query *q, double *weight)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n_target; i++) {
        double w = q->weight ? (double)q->weight[i] : 1;
        *weight += w;
        n += w != 0;
    }
    return n;
}

/* The gradient of the step's batches (first .. end), as a weighted mean over their labels. */
static enum tacit_status run_batches(struct run *r, size_t first, double *loss, size_t *tokens,
                                     struct tacit_err *err)
{
    struct tac_tune *tune = r->t->tune;
    size_t end = first + r->o->accumulate < r->batches.n_batch ? first + r->o->accumulate
                                                               : r->batches.n_batch;
    double weight = 0;
    *loss = 0;
    *tokens = 0;
    for (size_t i = first ? r->batches.end[first - 1] : 0; i < r->batches.end[end - 1]; i++)
        *tokens += count_labels(&r->t->example[r->batches.order[i]], &weight);
    tac_tune_zero_grad(tune);
    for (size_t b = first; b < end; b++) {
        enum tacit_status s = run_batch(r, b, weight > 0 ? (float)(1 / weight) : 0, loss, err);
        if (s)
            return s;
    }
    tac_tune_backward(tune);
    return TACIT_OK;
}

static enum tacit_status log_step(struct run *r, const struct tac_train_event *ev,
                                  struct tacit_err *err)
{
    char line[256], pull[40] = "";
    if (r->o->pull.weight > 0)
        snprintf(pull, sizeof pull, ", \"pull\": %.9g", ev->pull);
    snprintf(line, sizeof line,
             "{\"step\": %lld, \"epoch\": %zu, \"loss\": %.9g, \"lr\": %.9g, \"grad_norm\": %.9g, "
             "\"tokens\": %zu%s}\n",
             (long long)ev->step, ev->epoch, ev->loss, ev->lr, ev->grad_norm, ev->tokens, pull);
    enum tacit_status s = tac_log_add(&r->metrics, line, err);
    if (s)
        return s;
    snprintf(line, sizeof line, "{\"step\": %lld, \"seconds\": %.6f}\n", (long long)ev->step,
             ev->seconds);
    return tac_log_add(&r->timing, line, err);
}

static enum tacit_status log_eval(struct run *r, const struct tac_train_event *ev,
                                  struct tacit_err *err)
{
    char line[256];
    snprintf(line, sizeof line,
             "{\"step\": %lld, \"epoch\": %zu, \"eval_accuracy\": %.9g, \"eval_loss\": %.9g, "
             "\"eval_score\": %.9g, \"eval_n\": %zu}\n",
             (long long)ev->step, ev->epoch, ev->eval->accuracy, ev->eval->loss, ev->eval->score,
             ev->eval->n);
    return tac_log_add(&r->metrics, line, err);
}

static enum tacit_status save_checkpoint(struct run *r, struct tacit_err *err)
{
    enum tacit_status s = tac_log_sync(&r->metrics, err);
    if (s)
        return s;
    r->c.metrics = r->metrics.size;
    r->saved_at = now();
    return tac_checkpoint_save(&r->c, r->t->dir, r->t->identity, &r->optim, err);
}

/* Evaluates, logs, and keeps the best. Stopped half-way it is left pending, to be made first on
 * resuming. */
static enum tacit_status evaluate(struct run *r, struct tac_train_event *ev, struct tacit_err *err)
{
    struct tac_eval_point p = {0};
    enum tacit_status s = r->t->evaluate(r->t->ctx, &p, err);
    r->c.pending = s == TACIT_ECANCEL;
    if (s)
        return s;
    ev->eval = &p;
    r->c.evals++;
    r->c.stale++;
    if (p.score > r->c.best) {
        r->c.best = p.score;
        r->c.best_step = ev->step;
        r->c.stale = 0;
        if (r->c.best_values)
            tac_tune_get(r->t->tune, r->c.best_values);
    }
    r->stop = r->o->patience && r->c.stale >= r->o->patience;
    s = log_eval(r, ev, err);
    if (!s && r->t->progress && r->t->progress(r->t->ctx, ev))
        s = tac_fail(err, TACIT_ECANCEL,
                     "stopped after step %lld; the same command goes on from there",
                     (long long)ev->step);
    ev->eval = NULL;
    return s;
}

static enum tacit_status one_step(struct run *r, struct tac_train_event *ev, size_t first,
                                  struct tacit_err *err)
{
    double start = now();
    enum tacit_status s = run_batches(r, first, &ev->loss, &ev->tokens, err);
    bool moments = r->o->noise & TAC_NOISE_MOMENTS;
    ev->pull = s ? 0 : tac_pull_add(&r->pull);
    if (s)
        return s;
    if (moments && r->c.step == 0)
        tac_optim_noise_moments(&r->optim, r->o->moments_scale, r->o->seed_moments);
    ev->step = r->c.step + 1;
    ev->lr = tac_schedule_lr(&r->optim.o, ev->step, r->total);
    ev->grad_norm = tac_optim_step(&r->optim, ev->step, r->total, moments ? 1 : 0);
    tac_tune_changed(r->t->tune);
    if (r->t->tune->weights->be->fault)
        return tac_fail(err, TACIT_EFAIL,
                        "step %lld: the trained values are no longer finite: the run has diverged "
                        "(a lower learning rate or warm-up may help)",
                        (long long)ev->step);
    r->c.step++;
    r->c.tokens += ev->tokens;
    r->last_loss = ev->loss;
    ev->seconds = now() - start;
    return log_step(r, ev, err);
}

/* The end of an epoch: the history first, then the checkpoint that counts on it. */
static enum tacit_status end_epoch(struct run *r, struct tacit_err *err)
{
    if (!r->o->history)
        return TACIT_OK;
    enum tacit_status s = tac_history_add(&r->history, r->t->tune, err);
    return s ? s : tac_history_save(&r->history, r->t->dir, err);
}

static bool eval_due(const struct run *r, bool epoch_end, size_t epoch)
{
    const struct tac_train_options *o = r->o;
    return r->t->evaluate &&
           ((o->eval_steps && r->c.step % o->eval_steps == 0) ||
            (o->eval_epochs && epoch_end && epoch % o->eval_epochs == 0) || r->c.step == r->total);
}

/* One step with all that follows it: history, evaluation, checkpoint. */
static enum tacit_status advance(struct run *r, struct tacit_err *err)
{
    size_t first = locate_step(r, r->c.step);
    bool epoch_end = first + r->o->accumulate >= r->batches.n_batch;
    struct tac_train_event ev = {
        .total = r->total, .epoch = r->batches.epoch + 1, .epochs = r->o->epochs};
    enum tacit_status s = one_step(r, &ev, first, err), stopped = TACIT_OK;
    if (s)
        return s;
    if (r->t->progress && r->t->progress(r->t->ctx, &ev))
        stopped = TACIT_ECANCEL;
    if (epoch_end)
        s = end_epoch(r, err);
    r->c.pending = eval_due(r, epoch_end, ev.epoch);
    if (!s && r->c.pending && !stopped)
        s = evaluate(r, &ev, err);
    if (s == TACIT_ECANCEL) {
        stopped = s;
        s = TACIT_OK;
    }
    if (!s && (epoch_end || stopped || now() - r->saved_at > CHECKPOINT_SECONDS))
        s = save_checkpoint(r, err);
    if (!s && stopped)
        s = tac_fail(err, stopped, "stopped after step %lld; the same command goes on from there",
                     (long long)r->c.step);
    return s;
}

static enum tacit_status train_steps(struct run *r, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    if (r->c.pending) {
        locate_step(r, r->c.step - 1);
        struct tac_train_event ev = {.step = r->c.step,
                                     .total = r->total,
                                     .epoch = r->batches.epoch + 1,
                                     .epochs = r->o->epochs};
        s = evaluate(r, &ev, err);
    }
    while (!s && r->c.step < r->total && !r->stop)
        s = advance(r, err);
    return s;
}

/* The block's values and the best ones change places, where those are kept and known. */
static void swap_best(struct run *r)
{
    struct tac_tune *tune = r->t->tune;
    float piece[PIECE];
    for (size_t at = 0; r->c.best_values && r->c.evals && at < tune->n; at += PIECE) {
        size_t k = tune->n - at < PIECE ? tune->n - at : PIECE;
        tac_tune_give(tune, piece, at, k);
        tac_tune_put(tune, r->c.best_values + at, at, k);
        memcpy(r->c.best_values + at, piece, k * sizeof *piece);
    }
    tac_tune_changed(tune);
}

/* Writes the result, then marks the run finished. */
static enum tacit_status finish(struct run *r, struct tacit_err *err)
{
    enum tacit_status s = save_checkpoint(r, err);
    if (s)
        return s;
    swap_best(r);
    s = tac_tune_save(r->t->tune, r->t->dir, err);
    swap_best(r);
    r->c.finished = true;
    return s ? s : save_checkpoint(r, err);
}

static void jitter_init(struct run *r)
{
    struct tac_tune *tune = r->t->tune;
    float piece[PIECE];
    double sum = 0;
    struct tac_rng rng = tac_rng_init(r->o->seed_init, STREAM_INIT);
    for (size_t at = 0, k; at < tune->n; at += k) {
        k = tune->n - at < PIECE ? tune->n - at : PIECE;
        tac_tune_give(tune, piece, at, k);
        for (size_t i = 0; i < k; i++)
            sum += (double)piece[i] * (double)piece[i];
    }
    double sd = r->o->init_scale * sqrt(sum / (double)tune->n);
    for (size_t at = 0, k; at < tune->n; at += k) {
        k = tune->n - at < PIECE ? tune->n - at : PIECE;
        tac_tune_give(tune, piece, at, k);
        for (size_t i = 0; i < k; i++)
            piece[i] += (float)(sd * tac_rng_normal(&rng));
        tac_tune_put(tune, piece, at, k);
    }
    tac_tune_changed(tune);
}

static size_t epochs_done(struct run *r)
{
    if (r->c.step == 0)
        return 0;
    size_t first = locate_step(r, r->c.step - 1);
    return r->batches.epoch + (first + r->o->accumulate >= r->batches.n_batch);
}

/* Starts from the block's values, or from the folder's checkpoint. */
static enum tacit_status start(struct run *r, bool *found, struct tacit_err *err)
{
    struct tac_tune *tune = r->t->tune;
    enum tacit_status s =
        tac_checkpoint_load(&r->c, found, r->t->dir, r->t->identity, &r->optim, err);
    if (s)
        return s;
    if (*found) {
        r->stop = r->o->patience && r->c.stale >= r->o->patience;
        if (r->o->history && !r->c.finished)
            s = tac_history_load(&r->history, r->t->dir, epochs_done(r) + 1, err);
        return s;
    }
    r->c.best = -(double)INFINITY;
    if (r->o->noise & TAC_NOISE_INIT)
        jitter_init(r);
    if (r->c.best_values)
        tac_tune_get(tune, r->c.best_values);
    if (r->o->history)
        s = tac_history_add(&r->history, tune, err);
    return !s && r->o->history ? tac_history_save(&r->history, r->t->dir, err) : s;
}

struct tac_batching tac_train_batching(const struct tac_trainer *t,
                                       const struct tac_train_options *o)
{
    return (struct tac_batching){.example = t->example,
                                 .n = t->n,
                                 .extra = t->prefix->n,
                                 .most = o->batch,
                                 .most_rows = o->batch_tokens,
                                 .order = o->order,
                                 .seed = o->noise & TAC_NOISE_ORDER ? o->seed_order : 0};
}

size_t tac_train_memory(const struct tac_tune *t, const struct tac_train_options *o)
{
    size_t state = tac_optim_state(t, o->optim.kind), work = tac_optim_work(t, o->optim.kind);
    size_t best = o->keep_best ? t->n : 0;
    return t->bytes + (state + work) * t->weights->be->real_size + best * sizeof(float) +
           tac_pull_memory(t, &o->pull);
}

enum tacit_status tac_train_texts(struct tac_texts_choice *out, const struct tac_trainer *t,
                                  const struct tac_train_options *o, struct tacit_err *err)
{
    struct tac_texts_options to = {
        .mode = o->texts, .batch = o->batch, .batch_rows = o->batch_tokens};
    return tac_texts_choose(out, t->session, &t->tune->ports, t->prefix, t->example, t->n, &to,
                            err);
}

static enum tacit_status keep_texts(struct run *r, struct tacit_err *err)
{
    struct tac_texts_choice c;
    enum tacit_status s = tac_train_texts(&c, r->t, r->o, err);
    r->texts = s ? NULL : c.texts;
    if (r->texts)
        r->t->session->fixed_bytes += c.bytes;
    return s;
}

static enum tacit_status open_run(struct run *r, struct tacit_err *err)
{
    struct tac_tune *tune = r->t->tune;
    enum tacit_status s = tac_optim_open(&r->optim, tune, &r->o->optim, err);
    if (!s)
        s = tac_pull_open(&r->pull, tune, &r->o->pull, err);
    if (s)
        return s;
    r->history.rows = tune->item[0].rows;
    r->history.cols = tune->item[0].cols ? tune->item[0].cols : 1;
    struct tac_batching cut = tac_train_batching(r->t, r->o);
    s = tac_batches_open(&r->batches, &cut, err);
    r->c.best_values = r->o->keep_best ? tac_alloc(tune->n, sizeof *r->c.best_values, err) : NULL;
    if (s || (r->o->keep_best && !r->c.best_values))
        return TACIT_EFAIL;
    r->t->session->fixed_bytes = tac_train_memory(tune, r->o);
    count_steps(r);
    if (r->o->warmup_share > 0)
        r->optim.o.warmup = (int64_t)ceil(r->o->warmup_share * (double)r->total);
    return keep_texts(r, err);
}

static enum tacit_status open_logs(struct run *r, struct tacit_err *err)
{
    char *metrics = tac_path(r->t->dir, "metrics.jsonl", err);
    char *timing = metrics ? tac_path(r->t->dir, "timing.jsonl", err) : NULL;
    enum tacit_status s =
        timing ? tac_log_open(&r->metrics, metrics, r->c.metrics, err) : TACIT_EFAIL;
    if (!s)
        s = tac_log_open(&r->timing, timing, 0, err);
    free(metrics);
    free(timing);
    return s;
}

static enum tacit_status lock_folder(struct run *r, struct tacit_err *err)
{
    char busy[300];
    snprintf(busy, sizeof busy, "%.200s: another process is training into this folder", r->t->dir);
    char *path = tac_path(r->t->dir, ".lock", err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = tac_lock_take(&r->lock, path, busy, err);
    free(path);
    return s;
}

static void close_run(struct run *r)
{
    tac_log_close(&r->metrics);
    tac_log_close(&r->timing);
    tac_lock_release(&r->lock);
    tac_optim_close(&r->optim);
    tac_pull_close(&r->pull);
    tac_history_release(&r->history);
    tac_texts_close(r->texts);
    tac_batches_close(&r->batches);
    free(r->c.best_values);
}

enum tacit_status tac_train(struct tac_trainer *t, const struct tac_train_options *o,
                            struct tac_train_result *result, struct tacit_err *err)
{
    struct run r = {.t = t, .o = o, .saved_at = now()};
    bool found = false;
    *result = (struct tac_train_result){0};
    if (t->n == 0)
        return tac_fail(err, TACIT_EINPUT, "there are no examples to train on");
    enum tacit_status s = tac_mkdirs(t->dir, err);
    if (!s)
        s = lock_folder(&r, err);
    if (!s)
        s = open_run(&r, err);
    if (!s)
        s = start(&r, &found, err);
    result->resumed = found;
    result->already_done = !s && r.c.finished;
    if (!s && !r.c.finished) {
        s = open_logs(&r, err);
        if (!s)
            s = train_steps(&r, err);
        if (!s)
            s = finish(&r, err);
    }
    result->steps = r.c.step;
    result->best = r.c.best;
    result->best_step = r.c.best_step;
    result->last_loss = r.last_loss;
    close_run(&r);
    return s;
}
