#include "api/handles.h"
#include "api/judge.h"

#include "base/file.h"
#include "format/json.h"
#include "train/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAM_VOCAB = 11, STREAM_NORMAL = 12 };

/* A public training call at work. */
struct job {
    struct tacit_model *m;
    const struct tacit_train_options *o;
    const struct tacit_progress *progress;
    struct tac_train_options to;
    struct tac_tune *tune;
    struct tac_prefix prefix;
    struct tac_query *example;
    size_t n;
    const struct tacit_examples *validation;
    const struct tacit_task *task;
    float *init;          /* (P,C), prompt method */
    struct tac_ids words; /* the init text's tokens */
    const char *text;     /* the init text, or NULL */
    json_t *settings;
    char identity[24];
};

struct tacit_train_options tacit_train_options_default(void)
{
    return (struct tacit_train_options){.method = "prompt",
                                        .optimizer = "adamw",
                                        .schedule = "linear",
                                        .lr = 1e-3,
                                        .beta1 = 0.9,
                                        .beta2 = 0.999,
                                        .eps = 1e-8,
                                        .clip = 1.0,
                                        .warmup = 0.06,
                                        .batch = 8,
                                        .accumulate = 1,
                                        .epochs = 50,
                                        .noise_order = 1,
                                        .seed_order = TACIT_SEED_COMMON,
                                        .seed_init = TACIT_SEED_COMMON,
                                        .seed_moments = TACIT_SEED_COMMON,
                                        .init_scale = 0.1,
                                        .moments_scale = 1.0,
                                        .eval_epochs = 1};
}

static enum tacit_status pick_name(int *out, const char *what, const char *value,
                                   const char *const *names, struct tacit_err *err)
{
    char list[128] = "";
    for (int i = 0; names[i]; i++) {
        if (value && strcmp(value, names[i]) == 0) {
            *out = i;
            return TACIT_OK;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names[i]);
    }
    return tac_fail(err, TACIT_EINPUT, "%s: '%s' is not one of %s", what, value ? value : "", list);
}

static enum tacit_status check_options(const struct tacit_train_options *o, struct tacit_err *err)
{
    if (!o->out)
        return tac_fail(err, TACIT_EINPUT, "training needs a folder for its output");
    if (o->batch == 0 || o->accumulate == 0 || (o->epochs == 0 && o->steps == 0))
        return tac_fail(err, TACIT_EINPUT,
                        "batch, accumulate and epochs (or steps) must be above 0");
    if (o->epochs > 1000000 || o->steps > 1000000000)
        return tac_fail(err, TACIT_EINPUT, "more than a million epochs or a milliard steps");
    if (!(o->beta1 >= 0 && o->beta1 < 1 && o->beta2 >= 0 && o->beta2 < 1))
        return tac_fail(err, TACIT_EINPUT, "beta1 and beta2 must lie in [0, 1)");
    if (!isfinite(o->lr + o->eps + o->weight_decay + o->clip + o->warmup + o->init_scale +
                  o->moments_scale))
        return tac_fail(err, TACIT_EINPUT, "a number among the options is not finite");
    return TACIT_OK;
}

static uint64_t own_seed(const struct tacit_train_options *o, uint64_t own)
{
    return own == TACIT_SEED_COMMON ? o->seed : own;
}

static enum tacit_status set_options(struct job *j, struct tacit_err *err)
{
    static const char *const optimizers[] = {"adamw", "adafactor", NULL};
    static const char *const schedules[] = {"constant", "linear", "cosine", NULL};
    const struct tacit_train_options *o = j->o;
    int optimizer, schedule;
    enum tacit_status s = check_options(o, err);
    if (!s)
        s = pick_name(&optimizer, "optimizer", o->optimizer, optimizers, err);
    if (!s)
        s = pick_name(&schedule, "schedule", o->schedule, schedules, err);
    if (s)
        return s;
    struct tac_train_options *t = &j->to;
    *t = tac_train_options_default();
    t->optim = (struct tac_optim_options){.kind = optimizer ? TAC_ADAFACTOR : TAC_ADAMW,
                                          .lr = o->lr,
                                          .beta1 = o->beta1,
                                          .beta2 = o->beta2,
                                          .eps = o->eps,
                                          .weight_decay = o->weight_decay,
                                          .clip = o->clip,
                                          .schedule = (enum tac_schedule)schedule};
    t->batch = o->batch;
    t->batch_tokens = o->batch_tokens;
    t->accumulate = o->accumulate;
    t->epochs = o->epochs ? o->epochs : SIZE_MAX / 4;
    t->steps = (int64_t)o->steps;
    t->shuffled = !o->file_order;
    t->noise = (o->noise_order ? TAC_NOISE_ORDER : 0) | (o->noise_init ? TAC_NOISE_INIT : 0) |
               (o->noise_moments ? TAC_NOISE_MOMENTS : 0);
    t->seed_order = own_seed(o, o->seed_order);
    t->seed_init = own_seed(o, o->seed_init);
    t->seed_moments = own_seed(o, o->seed_moments);
    t->init_scale = o->init_scale;
    t->moments_scale = o->moments_scale;
    t->eval_steps = (int64_t)o->eval_steps;
    t->eval_epochs = o->eval_epochs;
    t->keep_best = o->keep_best;
    t->patience = o->patience;
    t->warmup_share = o->warmup < 1 ? o->warmup : 0;
    t->optim.warmup = o->warmup < 1 ? 0 : (int64_t)o->warmup;
    if (optimizer && (t->noise & TAC_NOISE_MOMENTS))
        return tac_fail(err, TACIT_EINPUT, "noise 'moments' needs optimizer adamw");
    return TACIT_OK;
}

/* ---- the init of a prompt ---- */

static enum tacit_status init_from_text(struct job *j, const char *text, struct tacit_err *err)
{
    const struct tacit_model *m = j->m;
    if (!m->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, an init text needs one",
                        m->model->path);
    if (!text || !*text)
        return tac_fail(err, TACIT_EINPUT, "the init text is empty");
    enum tacit_status s = tac_tokenizer_encode(m->tokenizer->t, &j->words, text, strlen(text), err);
    if (!s && !j->words.n)
        s = tac_fail(err, TACIT_EINPUT, "the init text has no tokens");
    j->text = text;
    return s;
}

static enum tacit_status fill_from_ids(struct job *j, size_t P, struct tacit_err *err)
{
    int32_t *ids = tac_alloc(P, sizeof *ids, err);
    if (!ids)
        return TACIT_EFAIL;
    for (size_t i = 0; i < P; i++)
        ids[i] = j->words.id[i % j->words.n];
    tac_weights_read_rows(j->m->weights, TAC_P_EMBED, ids, P, j->init);
    free(ids);
    return TACIT_OK;
}

static void fill_random(struct job *j, size_t P)
{
    size_t C = j->m->model->c.C,
           n = j->m->tokenizer ? tacit_tokenizer_size(j->m->tokenizer) : j->m->model->c.V;
    struct tac_rng rng = tac_rng_init(
        j->to.seed_init, j->o->init == TACIT_INIT_VOCAB ? STREAM_VOCAB : STREAM_NORMAL);
    for (size_t i = 0; i < P; i++) {
        int32_t id = (int32_t)tac_rng_below(&rng, (uint32_t)n);
        if (j->o->init == TACIT_INIT_VOCAB)
            tac_weights_read_rows(j->m->weights, TAC_P_EMBED, &id, 1, j->init + i * C);
        else
            for (size_t c = 0; c < C; c++)
                j->init[i * C + c] = (float)tac_rng_normal(&rng);
    }
}

static enum tacit_status init_from_adapter(struct job *j, size_t *P, struct tacit_err *err)
{
    struct tac_peft_prompt p;
    size_t C = j->m->model->c.C;
    enum tacit_status s = tac_peft_load_prompt(&p, j->o->init_adapter, &j->m->model->c, err);
    if (s)
        return s;
    if (*P && *P != p.P)
        s = tac_fail(err, TACIT_EINPUT, "%s: has %zu tokens, --tokens says %zu", j->o->init_adapter,
                     p.P, *P);
    *P = p.P;
    j->init = s ? NULL : tac_alloc(p.P * C, sizeof *j->init, err);
    if (j->init)
        memcpy(j->init, p.values, p.P * C * sizeof *j->init);
    tac_peft_prompt_release(&p);
    return s ? s : j->init ? TACIT_OK : TACIT_EFAIL;
}

/* The prompt's first values and its length. */
static enum tacit_status make_init(struct job *j, size_t *P, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    *P = j->o->tokens;
    if (*P > 1 << 16)
        return tac_fail(err, TACIT_EINPUT, "a prompt of %zu tokens: at most %d", *P, 1 << 16);
    if (j->o->init == TACIT_INIT_ADAPTER)
        return init_from_adapter(j, P, err);
    if (j->o->init == TACIT_INIT_TEXT)
        s = init_from_text(j, j->o->init_text ? j->o->init_text : tacit_task_description(j->task),
                           err);
    else if (!*P)
        s = tac_fail(err, TACIT_EINPUT, "a random init needs the number of tokens");
    if (s)
        return s;
    if (!*P)
        *P = j->words.n;
    j->init = tac_alloc(*P * j->m->model->c.C, sizeof *j->init, err);
    if (!j->init)
        return TACIT_EFAIL;
    if (j->o->init == TACIT_INIT_TEXT)
        return fill_from_ids(j, *P, err);
    fill_random(j, *P);
    return TACIT_OK;
}

static enum tacit_status open_tune(struct job *j, struct tacit_err *err)
{
    const struct tac_method *method = tac_method_find(j->o->method);
    struct tac_adapter_info info = {
        .base_name = j->o->base_name ? j->o->base_name : j->m->model->path,
        .tokenizer_name = j->o->base_name ? j->o->base_name : j->m->model->path};
    size_t P = 0;
    if (!method)
        return tac_fail(err, TACIT_EINPUT, "method '%s' is not one of prompt, full", j->o->method);
    enum tacit_status s = TACIT_OK;
    if (method == &tac_method_prompt)
        s = make_init(j, &P, err);
    info.init_text = j->text;
    if (!s)
        s = tac_tune_open(&j->tune, method, j->m->weights, P, true, &info, err);
    if (s)
        return s;
    if (j->init)
        tac_tune_set(j->tune, j->init);
    j->to.history = j->init != NULL;
    return tac_prefix_soft(&j->prefix, P, err);
}

/* ---- identity and settings ---- */

static json_t *settings_of(const struct job *j, uint64_t model, uint64_t data, uint64_t init)
{
    const struct tacit_train_options *o = j->o;
    static const char *const inits[] = {"text", "vocab", "normal", "adapter"};
    char hash[3][24];
    snprintf(hash[0], sizeof hash[0], "%016" PRIx64, model);
    snprintf(hash[1], sizeof hash[1], "%016" PRIx64, data);
    snprintf(hash[2], sizeof hash[2], "%016" PRIx64, init);
    return json_pack(
        "{s:s, s:I, s:s, s:s?, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:b, s:b, "
        "s:b, s:b, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:b, s:I, s:s, s:s, s:s, s:s, s:b, s:s, s:b}",
        "method", o->method, "tokens", (json_int_t)j->tune->P, "init", inits[o->init], "init_text",
        j->text, "optimizer", o->optimizer, "schedule", o->schedule, "lr", o->lr, "beta1", o->beta1,
        "beta2", o->beta2, "eps", o->eps, "weight_decay", o->weight_decay, "clip", o->clip,
        "warmup", o->warmup, "batch", (json_int_t)o->batch, "batch_tokens",
        (json_int_t)o->batch_tokens, "accumulate", (json_int_t)o->accumulate, "epochs",
        (json_int_t)o->epochs, "steps", (json_int_t)o->steps, "file_order", o->file_order,
        "noise_order", o->noise_order, "noise_init", o->noise_init, "noise_moments",
        o->noise_moments, "seed_order", (json_int_t)j->to.seed_order, "seed_init",
        (json_int_t)j->to.seed_init, "seed_moments", (json_int_t)j->to.seed_moments, "init_scale",
        o->init_scale, "moments_scale", o->moments_scale, "eval_steps", (json_int_t)o->eval_steps,
        "eval_epochs", (json_int_t)o->eval_epochs, "keep_best", o->keep_best, "patience",
        (json_int_t)o->patience, "task", j->task ? tacit_task_name(j->task) : "text", "model_hash",
        hash[0], "data_hash", hash[1], "init_hash", hash[2], "evaluated", j->validation != NULL,
        "backend", j->m->be->kern ? "cpu" : j->m->be->name, "share", j->m->session->o.share);
}

/* What json_dump_callback writes to: it goes on where a piece could not be taken. */
struct sink {
    struct tac_buf text;
    enum tacit_status status;
    struct tacit_err *err;
};

static int take_piece(const char *bytes, size_t n, void *ctx)
{
    struct sink *sink = ctx;
    if (!sink->status)
        sink->status = tac_buf_add(&sink->text, bytes, n, sink->err);
    return sink->status ? -1 : 0;
}

/* The run's identity: everything that its bytes depend on. Threads, instruction sets and folders
 * are not part of it; sharing is, since it changes the order in which a gradient is summed. */
static enum tacit_status identify(struct job *j, struct tacit_err *err)
{
    uint64_t data = TAC_HASH0, init = TAC_HASH0;
    for (size_t i = 0; i < j->n; i++) {
        size_t len[2] = {j->example[i].n_ctx, j->example[i].n_target};
        data = tac_hash(data, len, sizeof len);
        data = tac_hash(data, j->example[i].ctx, len[0] * sizeof *j->example[i].ctx);
        data = tac_hash(data, j->example[i].target, len[1] * sizeof *j->example[i].target);
    }
    if (j->validation)
        data = tac_examples_hash(data, j->validation);
    if (j->init)
        init = tac_hash(init, j->init, j->tune->n * sizeof *j->init);
    j->settings = settings_of(j, tac_model_hash(j->m->model), data, init);
    struct sink sink = {.err = err};
    if (!j->settings)
        return tac_fail_memory(err, 0);
    if (json_dump_callback(j->settings, take_piece, &sink, JSON_COMPACT | JSON_SORT_KEYS) &&
        !sink.status)
        sink.status = tac_fail_memory(err, 0);
    if (!sink.status)
        snprintf(j->identity, sizeof j->identity, "%016" PRIx64,
                 tac_hash(TAC_HASH0, sink.text.data, sink.text.len));
    tac_buf_release(&sink.text);
    return sink.status;
}

/* run.json says what the folder is; one of another run stops us before anything is written. */
static enum tacit_status claim_folder(struct job *j, struct tacit_err *err)
{
    json_t *found = NULL;
    char *path = tac_path(j->o->out, "run.json", err);
    enum tacit_status s = path ? TACIT_OK : TACIT_EFAIL;
    if (!s && tac_file_exists(path)) {
        s = tac_json_load(&found, path, 1 << 20, err);
        const char *id = s ? NULL : json_string_value(json_object_get(found, "identity"));
        if (!s && (!id || strcmp(id, j->identity) != 0))
            s = tac_fail(
                err, TACIT_EINPUT,
                "%s: this folder belongs to another run (identity %s, this command's is %s): its "
                "settings, model or data differ; give another folder or remove this one",
                path, id ? id : "unknown", j->identity);
    } else if (!s) {
        json_t *v = json_pack("{s:s, s:O}", "identity", j->identity, "settings", j->settings);
        s = v ? tac_mkdirs(j->o->out, err) : tac_fail_memory(err, 0);
        if (!s)
            s = tac_json_save(path, v, err);
        json_decref(v);
    }
    json_decref(found);
    free(path);
    return s;
}

/* ---- callbacks ---- */

static int on_progress(void *ctx, const struct tac_train_event *ev)
{
    const struct job *j = ctx;
    if (!j->progress || !j->progress->report)
        return 0;
    struct tacit_event out = {.kind = ev->eval ? TACIT_EVENT_EVAL : TACIT_EVENT_STEP,
                              .done = (uint64_t)ev->step,
                              .total = (uint64_t)ev->total,
                              .epoch = ev->epoch,
                              .epochs = ev->epochs,
                              .loss = ev->eval ? ev->eval->loss : ev->loss,
                              .lr = ev->lr,
                              .grad_norm = ev->grad_norm,
                              .seconds = ev->seconds,
                              .tokens = ev->tokens};
    if (ev->eval) {
        out.score = ev->eval->score;
        out.accuracy = ev->eval->accuracy;
    }
    return j->progress->report(j->progress->ctx, &out);
}

static enum tacit_status on_evaluate(void *ctx, struct tac_eval_point *out, struct tacit_err *err)
{
    struct job *j = ctx;
    struct tac_condition c = {.prefix = j->prefix, .ports = j->tune->ports};
    struct tacit_eval_row row = {0};
    c.ports.grad = TAC_GRAD_NONE;
    enum tacit_status s = tac_judge(&row, j->m, j->task, j->validation, &c, NULL, j->progress, err);
    if (!s)
        *out = (struct tac_eval_point){.score = row.metric,
                                       .loss = row.loss,
                                       .accuracy = row.accuracy,
                                       .n = tacit_examples_count(j->validation)};
    return s;
}

static void job_release(struct job *j)
{
    tac_tune_close(j->tune);
    tac_prefix_release(&j->prefix);
    json_decref(j->settings);
    free(j->example);
    free(j->init);
    free(j->words.id);
}

static enum tacit_status take_examples(struct job *j, const struct tacit_examples *train,
                                       struct tacit_err *err)
{
    j->n = tacit_examples_count(train);
    j->example = tac_alloc(j->n, sizeof *j->example, err);
    if (!j->example)
        return TACIT_EFAIL;
    for (size_t i = 0; i < j->n; i++) {
        struct tacit_example e;
        tacit_examples_get(train, i, &e);
        j->example[i] = tac_examples_query(train, i, (size_t)e.gold);
    }
    return TACIT_OK;
}

static void fill_result(const struct job *j, const struct tac_train_result *r,
                        struct tacit_train_result *out)
{
    *out = (struct tacit_train_result){.steps = (uint64_t)r->steps,
                                       .best_step = (uint64_t)r->best_step,
                                       .last_loss = r->last_loss,
                                       .best_score = r->best,
                                       .tokens = j->tune->P,
                                       .parameters = j->tune->n,
                                       .memory_bytes = tac_session_taken(j->m->session) +
                                                       j->m->session->peak_bytes,
                                       .rows = j->m->session->rows,
                                       .rows_unshared = j->m->session->tokens,
                                       .already_done = r->already_done,
                                       .resumed = r->resumed};
    snprintf(out->identity, sizeof out->identity, "%s", j->identity);
}

/* A run that fails before its first step is done leaves nothing behind: its settings may be what
 * was wrong, and the folder would belong to them. */
static void discard(const char *dir)
{
    static const char *const names[] = {"run.json", "metrics.jsonl", "timing.jsonl",
                                        "prompts.safetensors", ".lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = tac_path(dir, names[i], NULL);
        if (path)
            unlink(path);
        free(path);
    }
    rmdir(dir);
}

/* Trains what j holds: examples, method, settings. */
static enum tacit_status run_job(struct job *j, struct tacit_train_result *result,
                                 struct tacit_err *err)
{
    struct tac_train_result r = {0};
    enum tacit_status s = identify(j, err);
    if (!s)
        s = claim_folder(j, err);
    if (s)
        return s;
    struct tac_trainer t = {.session = j->m->session,
                            .tune = j->tune,
                            .prefix = &j->prefix,
                            .example = j->example,
                            .n = j->n,
                            .dir = j->o->out,
                            .identity = j->identity,
                            .evaluate = j->validation ? on_evaluate : NULL,
                            .progress = on_progress,
                            .ctx = j};
    s = tac_train(&t, &j->to, &r, err);
    if (s && s != TACIT_ECANCEL && !r.resumed && r.steps == 0)
        discard(j->o->out);
    if (!s && result)
        fill_result(j, &r, result);
    j->m->session->fixed_bytes = 0;
    return s;
}

enum tacit_status tacit_train(struct tacit_model *m, const struct tacit_task *task,
                              const struct tacit_examples *train,
                              const struct tacit_examples *validation,
                              const struct tacit_train_options *o,
                              struct tacit_train_result *result,
                              const struct tacit_progress *progress, struct tacit_err *err)
{
    struct job j = {.m = m, .o = o, .progress = progress, .validation = validation, .task = task};
    enum tacit_status s = set_options(&j, err);
    if (!s)
        s = take_examples(&j, train, err);
    if (!s)
        s = open_tune(&j, err);
    if (!s)
        s = run_job(&j, result, err);
    job_release(&j);
    return s;
}

/* The batch of the longest examples stands for the largest. */
static enum tacit_status measure(struct job *j, size_t *bytes, size_t *rows, struct tacit_err *err)
{
    struct tac_arena a = {0};
    size_t n = j->n < j->o->batch ? j->n : j->o->batch, from = 0, most = 0;
    for (size_t i = 0; i + n <= j->n; i++) {
        size_t sum = 0;
        for (size_t k = i; k < i + n; k++)
            sum += j->example[k].n_ctx + j->example[k].n_target;
        if (sum > most) {
            most = sum;
            from = i;
        }
    }
    struct tac_seq *seq = tac_arena_alloc(&a, n, sizeof *seq, err);
    enum tacit_status s = seq ? TACIT_OK : TACIT_EFAIL;
    uint32_t item = 0;
    for (size_t i = 0; !s && i < n; i++) {
        s = tac_query_sequence(&seq[i], &a, &j->prefix, &j->example[from + i], 1, item, err);
        item += (uint32_t)j->example[from + i].n_target;
    }
    struct tac_job job = {
        .seq = seq, .n = n, .ports = &j->tune->ports, .grad = j->tune->ports.grad};
    j->m->session->fixed_bytes = tac_train_memory(j->tune, &j->to);
    if (!s)
        s = tac_session_measure(j->m->session, &job, bytes, rows, err);
    tac_arena_release(&a);
    *bytes += s ? 0 : tac_session_taken(j->m->session);
    j->m->session->fixed_bytes = 0;
    return s;
}

enum tacit_status tacit_train_plan(struct tacit_model *m, const struct tacit_task *task,
                                   const struct tacit_examples *train,
                                   const struct tacit_train_options *o, size_t *bytes, size_t *rows,
                                   struct tacit_err *err)
{
    struct job j = {.m = m, .o = o, .task = task};
    enum tacit_status s = set_options(&j, err);
    if (!s)
        s = take_examples(&j, train, err);
    if (!s)
        s = open_tune(&j, err);
    if (!s)
        s = measure(&j, bytes, rows, err);
    job_release(&j);
    return s;
}

/* ---- pretraining ---- */

/* Tokens of the end-of-text that stands between texts; -1 where the tokenizer has none. */
static int32_t end_of_text(const struct tacit_tokenizer *t)
{
    static const char *const names[] = {"</s>", "<|endoftext|>", "<|end_of_text|>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t id = tac_tokenizer_id(t->t, names[i]);
        if (id >= 0)
            return id;
    }
    return -1;
}

static enum tacit_status add_text(struct tac_ids *ids, const struct tacit_tokenizer *t,
                                  const char *text, size_t n, struct tacit_err *err)
{
    int32_t end = end_of_text(t);
    enum tacit_status s = tac_tokenizer_encode(t->t, ids, text, n, err);
    if (!s && end >= 0) {
        s = tac_grow(&ids->id, &ids->cap, ids->n + 1, sizeof *ids->id, err);
        if (!s)
            ids->id[ids->n++] = end;
    }
    return s;
}

static enum tacit_status add_jsonl(struct tac_ids *ids, const struct tacit_tokenizer *t,
                                   const char *path, const struct tac_buf *text,
                                   struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    size_t line = 0;
    for (const char *p = text->data, *stop = p + text->len, *end; !s && p < stop; p = end + 1) {
        end = memchr(p, '\n', (size_t)(stop - p));
        if (!end)
            end = stop;
        line++;
        if (end == p)
            continue;
        json_t *v, *x;
        s = tac_json_parse_at(&v, p, (size_t)(end - p), path, line, err);
        x = json_object_get(v, "text");
        if (!s && !json_is_string(x))
            s = tac_fail(err, TACIT_EINPUT, "%s:%zu: expected an object with a field 'text'", path,
                         line);
        if (!s)
            s = add_text(ids, t, json_string_value(x), json_string_length(x), err);
        json_decref(v);
    }
    return s;
}

static enum tacit_status add_file(struct tac_ids *ids, const struct tacit_tokenizer *t,
                                  const char *path, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s = tac_file_read(&text, path, (size_t)8 << 30, err);
    if (!s && tac_ends_with(path, ".jsonl"))
        s = add_jsonl(ids, t, path, &text, err);
    else if (!s && (s = add_text(ids, t, text.data, text.len, err)))
        s = tac_err_prefix(err, "%s: ", path);
    tac_buf_release(&text);
    return s;
}

/* Cuts the ids into pieces of `context`: the first token is given, all others are predicted. */
static enum tacit_status cut_pieces(struct job *j, const struct tac_ids *ids, size_t context,
                                    struct tacit_err *err)
{
    j->n = ids->n / context;
    if (context < 2 || !j->n)
        return tac_fail(err, TACIT_EINPUT,
                        "the text has %zu tokens, a piece needs %zu (at least 2, at most the text)",
                        ids->n, context);
    j->example = tac_alloc(j->n, sizeof *j->example, err);
    if (!j->example)
        return TACIT_EFAIL;
    for (size_t i = 0; i < j->n; i++)
        j->example[i] =
            (struct tac_query){ids->id + i * context, 1, ids->id + i * context + 1, context - 1};
    return TACIT_OK;
}

enum tacit_status tacit_pretrain(struct tacit_model *m, const char *const *files, size_t n_files,
                                 size_t context, const struct tacit_train_options *o,
                                 struct tacit_train_result *result,
                                 const struct tacit_progress *progress, struct tacit_err *err)
{
    struct job j = {.m = m, .o = o, .progress = progress};
    struct tac_ids ids = {0};
    enum tacit_status s = set_options(&j, err);
    if (!s && !m->tokenizer)
        s = tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, text needs one", m->model->path);
    for (size_t i = 0; !s && i < n_files; i++)
        s = add_file(&ids, m->tokenizer, files[i], err);
    if (!s)
        s = cut_pieces(&j, &ids, context, err);
    if (!s)
        s = open_tune(&j, err);
    if (!s)
        s = run_job(&j, result, err);
    job_release(&j);
    free(ids.id);
    return s;
}
