/* Units that train. */
#include "study/work.h"

#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STREAM_SHUFFLE = 22 };

/* Gives the examples each other's labels. */
static void shuffle_labels(struct tacit_examples *e, uint64_t seed)
{
    struct tac_rng rng = tac_rng_init(seed, STREAM_SHUFFLE);
    for (size_t i = e->data.n; i > 1; i--) {
        size_t k = tac_rng_below(&rng, (uint32_t)i);
        int gold = e->data.example[k].gold;
        e->data.example[k].gold = e->data.example[i - 1].gold;
        e->data.example[i - 1].gold = gold;
    }
}

/* What a run writes, besides a model's and an adapter's files. */
static const char *const run_files[] = {
    "unit",
    "run.json",
    "metrics.jsonl",
    "timing.jsonl",
    ".lock",
    "prompts.safetensors",
    "checkpoint.safetensors",
    "adapter_config.json",
    "config.json",
    "adapter_model.safetensors",
    "model.safetensors",
    "tokenizer.json",
    "README.md",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    NULL,
};

static void remove_run(const char *dir)
{
    for (const char *const *f = run_files; *f; f++) {
        char *path = tac_path(dir, *f, NULL);
        if (path)
            unlink(path);
        free(path);
    }
    rmdir(dir);
}

bool tac_run_is(const char *dir, const char *identity)
{
    struct tac_buf found = {0};
    char *path = tac_path(dir, "unit", NULL);
    bool is = path && tac_file_exists(path) && !tac_file_read(&found, path, 64, NULL) &&
              found.len && strcmp(found.data, identity) == 0;
    tac_buf_release(&found);
    free(path);
    return is;
}

enum tacit_status tac_run_folder(struct tac_buf *dir, const struct tac_work *w,
                                 const struct tac_study_prompt *p, struct tacit_err *err)
{
    enum tacit_status s = tac_plan_folder(dir, w->st, p, err);
    if (s || tac_run_is(dir->data, w->st->unit[p->maker].identity))
        return s;
    return tac_fail(err, TACIT_EFAIL,
                    "%s: no longer holds the run of '%s'; the same command trains it again",
                    dir->data, p->key);
}

/* The run's folder is this unit's: what another identity left there goes. */
static enum tacit_status claim_run(const struct tac_work *w, const char *dir, struct tacit_err *err)
{
    if (tac_run_is(dir, w->u->identity))
        return TACIT_OK;
    remove_run(dir);
    char *path = tac_path(dir, "unit", err);
    enum tacit_status s = path ? tac_mkdirs(dir, err) : TACIT_EFAIL;
    if (!s)
        s = tac_file_write(path, w->u->identity, strlen(w->u->identity), err);
    free(path);
    return s;
}

/* One line of metrics.jsonl: a step adds to its epoch's mean, an evaluation belongs to its epoch.
 */
struct curve {
    struct tac_store_epoch *epoch; /* (n), from the start on */
    size_t n, *steps;
};

static void add_line(void *ctx, const json_t *line)
{
    struct curve *c = ctx;
    size_t at = (size_t)json_integer_value(json_object_get(line, "epoch"));
    const json_t *accuracy = json_object_get(line, "eval_accuracy");
    if (at >= c->n)
        return;
    struct tac_store_epoch *e = &c->epoch[at];
    e->step = (size_t)json_integer_value(json_object_get(line, "step"));
    if (accuracy) {
        e->accuracy = json_number_value(accuracy);
        e->dev_loss = json_number_value(json_object_get(line, "eval_loss"));
        return;
    }
    double loss = json_number_value(json_object_get(line, "loss"));
    size_t k = ++c->steps[at];
    e->loss = k == 1 ? loss : e->loss + (loss - e->loss) / (double)k;
}

/* Calls f for every line of a run's log. */
static enum tacit_status read_log(const char *dir, const char *name,
                                  void (*f)(void *ctx, const json_t *line), void *ctx,
                                  struct tacit_err *err)
{
    struct tac_buf text = {0};
    char *path = tac_path(dir, name, err);
    enum tacit_status s = path ? tac_file_read(&text, path, (size_t)1 << 30, err) : TACIT_EFAIL;
    size_t line = 1;
    for (char *at = text.data, *end; !s && at && *at; at = end + 1, line++) {
        json_t *v;
        end = strchr(at, '\n');
        if (!end)
            break;
        s = tac_json_parse_at(&v, at, (size_t)(end - at), path, line, err);
        if (!s)
            f(ctx, v);
        json_decref(v);
    }
    tac_buf_release(&text);
    free(path);
    return s;
}

static enum tacit_status put_epochs(struct tac_work *w, const struct curve *c,
                                    struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < c->n; i++)
        s = tac_store_epoch(&w->st->store, &c->epoch[i], err);
    return s;
}

/* The run's epochs as rows of the store; the prompt after each where it is one. */
static enum tacit_status curve_of(struct tac_work *w, struct curve *c, struct tac_history *h,
                                  const char *dir, size_t epochs, bool keep, struct tacit_err *err)
{
    size_t values = w->st->spec.tokens * w->m->model->c.C;
    c->n = epochs + 1;
    c->epoch = tac_alloc(c->n, sizeof *c->epoch, err);
    c->steps = tac_alloc(c->n, sizeof *c->steps, err);
    if (!c->epoch || !c->steps)
        return TACIT_EFAIL;
    if (keep) {
        h->rows = w->st->spec.tokens;
        h->cols = w->m->model->c.C;
        enum tacit_status s = tac_history_load(h, dir, c->n, err);
        if (s)
            return s;
    }
    for (size_t i = 0; i < c->n; i++)
        c->epoch[i] = (struct tac_store_epoch){.prompt = w->st->prompt[w->u->a].key,
                                               .epoch = i,
                                               .loss = (double)NAN,
                                               .accuracy = (double)NAN,
                                               .dev_loss = (double)NAN,
                                               .data = keep ? h->values + i * values : NULL,
                                               .n = keep ? values : 0};
    return read_log(dir, "metrics.jsonl", add_line, c, err);
}

static void release_curve(struct curve *c, struct tac_history *h)
{
    free(c->epoch);
    free(c->steps);
    tac_history_release(h);
}

/* What a run came to that is judged at once. */
struct judged {
    bool there;
    struct tacit_eval_row row, validation; /* validation: of a sweep */
    struct tac_verdict v;
    json_t *forgot; /* as tac_forget leaves it */
};

static enum tacit_status put_trained(struct tac_work *w, const struct tac_made *x, const char *dir,
                                     size_t epochs, const struct judged *j, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    struct curve c = {0};
    struct tac_history h = {0};
    enum tacit_status s = curve_of(w, &c, &h, dir, epochs, p->kind == TAC_KIND_PROMPT, err);
    if (!s)
        s = tac_begin_made(w, x, err);
    if (!s) {
        s = put_epochs(w, &c, err);
        if (!s && j->there)
            s = tac_put_score(w, w->st->task[p->task].test, &j->row, &j->v, err);
        s = tac_store_end(&w->st->store, s, err);
    }
    release_curve(&c, &h);
    return s;
}

static enum tacit_status judge(struct judged *j, struct tac_work *w, struct tacit_model *m,
                               const struct tacit_prompt *prompt, struct tacit_err *err)
{
    const struct tac_study_task *t = &w->st->task[w->u->target];
    struct tac_condition c;
    enum tacit_status s = tac_condition_open(&c, m, prompt, err);
    if (s)
        return s;
    s = tac_judge(&j->row, m, t->task, t->test, &c, &j->v, w->progress, err);
    if (!s && w->st->o.sweep)
        s = tac_judge(&j->validation, m, t->task, t->validation, &c, NULL, w->progress, err);
    if (!s && w->st->n_texts)
        s = tac_forget(&j->forgot, w, m, &c, err);
    tac_condition_close(&c);
    j->there = !s;
    return s;
}

static enum tacit_status judge_model(struct judged *j, struct tac_work *w, const char *dir,
                                     struct tacit_err *err)
{
    struct tacit_model_options o = w->st->o.model_options;
    struct tacit_model *tuned = NULL;
    struct tacit_prompt nothing = {0};
    o.threads = w->m->be->threads;
    enum tacit_status s = tacit_model_open(&tuned, dir, &o, err);
    if (!s)
        s = judge(j, w, tuned, &nothing, err);
    tacit_model_close(tuned);
    return s;
}

static enum tacit_status judge_adapter(struct judged *j, struct tac_work *w, const char *dir,
                                       struct tacit_err *err)
{
    struct tacit_prompt prompt = {0};
    struct tacit_adapter *a = NULL;
    enum tacit_status s = tacit_adapter_open(&a, dir, w->m, err);
    prompt.adapter = a;
    if (!s)
        s = judge(j, w, w->m, &prompt, err);
    tacit_adapter_close(a);
    return s;
}

/* Epochs that a run of so many steps ends; 0 where their length depends on the order. */
static size_t whole_epochs(const struct tac_work *w, const struct tacit_train_options *o)
{
    size_t n = tacit_examples_count(w->st->task[w->u->target].train);
    size_t batches = (n + o->batch - 1) / o->batch;
    size_t steps = (batches + o->accumulate - 1) / o->accumulate;
    return o->batch_tokens ? 0 : (size_t)o->steps / steps;
}

static void add_seconds(void *ctx, const json_t *line)
{
    *(double *)ctx += json_number_value(json_object_get(line, "seconds"));
}

/* Bytes of the file that the run is saved in. */
static size_t saved_bytes(const char *dir, bool whole)
{
    struct stat st = {0};
    char *path = tac_path(dir, whole ? "model.safetensors" : "adapter_model.safetensors", NULL);
    bool there = path && stat(path, &st) == 0;
    free(path);
    return there ? (size_t)st.st_size : 0;
}

/* What the run took: bytes of its file, bytes of memory as planned, seconds of its steps. */
static enum tacit_status take_costs(json_t **out, struct tac_work *w, const char *dir,
                                    const struct tacit_train_options *o, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    const struct tac_study_task *t = &w->st->task[p->task];
    struct tacit_memory m;
    double seconds = 0;
    enum tacit_status s = tacit_train_plan(w->m, t->task, t->train, NULL, o, &m, err);
    if (!s)
        s = read_log(dir, "timing.jsonl", add_seconds, &seconds, err);
    if (s)
        return s;
    *out = json_pack("{s:I, s:I, s:f}", "bytes",
                     (json_int_t)saved_bytes(dir, tac_kind_whole(w->st, p->kind)), "memory",
                     (json_int_t)(m.weights + m.trained + m.texts + m.activations), "seconds",
                     seconds);
    return *out ? TACIT_OK : tac_fail_memory(err, 0);
}

/* Adds to what the run took what it came to. */
static enum tacit_status add_judged(json_t *out, const struct tac_work *w, const struct judged *j,
                                    struct tacit_err *err)
{
    bool bad = j->forgot && json_object_set(out, "forgot", j->forgot);
    if (!bad && w->st->o.sweep)
        bad = json_object_set_new(out, "validation",
                                  json_pack("{s:f, s:f}", "accuracy", j->validation.accuracy,
                                            "loss", j->validation.loss));
    return bad ? tac_fail_memory(err, 0) : TACIT_OK;
}

static enum tacit_status keep_trained(struct tac_work *w, const char *dir,
                                      const struct tacit_train_options *o,
                                      const struct tacit_train_result *r, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    struct tac_made x = {.P = r->tokens, .parameters = r->parameters};
    struct tac_peft_prompt peft = {0};
    struct judged j = {0};
    size_t epochs = o->epochs;
    enum tacit_status s = TACIT_OK;
    if (tac_kind_whole(w->st, p->kind))
        s = judge_model(&j, w, dir, err);
    else if (tac_kind_at_once(w->st, p->kind))
        s = judge_adapter(&j, w, dir, err);
    else if (p->kind < TAC_KIND_METHOD)
        s = tac_peft_load_prompt(&peft, dir, &w->m->model->c, err);
    x.rows = peft.values;
    if (o->steps)
        epochs = whole_epochs(w, o);
    if (!s)
        s = take_costs(&x.result, w, dir, o, err);
    if (!s)
        s = add_judged(x.result, w, &j, err);
    if (!s)
        s = put_trained(w, &x, dir, epochs, &j, err);
    json_decref(x.result);
    json_decref(j.forgot);
    tac_peft_prompt_release(&peft);
    tac_verdict_release(&j.v);
    return s;
}

static enum tacit_status train_examples(struct tac_work *w, const struct tacit_examples **train,
                                        struct tacit_examples **own, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    const struct tac_study_task *t = &w->st->task[p->task];
    struct tacit_examples_options o = tacit_examples_options_default();
    *train = t->train;
    *own = NULL;
    if (p->kind != TAC_KIND_SHUFFLED)
        return TACIT_OK;
    o.limit = w->st->spec.train_examples;
    o.labelled = 1;
    o.max_length = w->st->spec.max_length;
    enum tacit_status s =
        tacit_examples_load(own, t->task, w->st->data, "train", w->m->tokenizer, &o, err);
    if (!s)
        s = tac_keep_training(*own, w->st, t->name, err);
    if (!s)
        shuffle_labels(*own, p->index);
    *train = *own;
    return s;
}

/* Prompts and further methods' adapters stay for whoever wants to use them. */
static bool keeps_folder(const struct tacit_study *st, enum tac_kind k)
{
    return k == TAC_KIND_PROMPT || (k >= TAC_KIND_METHOD && !tac_kind_whole(st, k));
}

/* Training says so in words alone: its status is that of all work that failed. */
static bool says_diverged(const struct tacit_err *err)
{
    return err && err->status == TACIT_EFAIL && strstr(err->msg, "the run has diverged");
}

/* A run of a sweep that diverged is what its settings come to. The backend remembers it until told
 * otherwise. */
static enum tacit_status keep_diverged(struct tac_work *w, struct tacit_err *err)
{
    struct tac_made x = {.result = json_pack("{s:b}", "diverged", 1)};
    w->m->be->fault = false;
    enum tacit_status s = x.result ? tac_begin_made(w, &x, err) : tac_fail_memory(err, 0);
    json_decref(x.result);
    return s ? s : tac_store_end(&w->st->store, TACIT_OK, err);
}

enum tacit_status tac_make_trained(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    const struct tac_study_task *t = &w->st->task[p->task];
    struct tacit_train_options o = tac_plan_options(w->st, p);
    struct tacit_train_result r;
    const struct tacit_examples *train;
    struct tacit_examples *own = NULL;
    struct tac_buf dir = {0};
    enum tacit_status s = tac_plan_folder(&dir, w->st, p, err);
    o.out = dir.data;
    if (!s)
        s = claim_run(w, dir.data, err);
    if (!s)
        s = train_examples(w, &train, &own, err);
    if (!s)
        s = tacit_train(w->m, t->task, train, t->validation, &o, &r, w->progress, err);
    bool diverged = s && w->st->o.sweep && says_diverged(err);
    if (diverged)
        s = keep_diverged(w, err);
    else if (!s)
        s = keep_trained(w, dir.data, &o, &r, err);
    if (!s && (diverged || !keeps_folder(w->st, p->kind)))
        remove_run(dir.data);
    tacit_examples_free(own);
    tac_buf_release(&dir);
    return s;
}
