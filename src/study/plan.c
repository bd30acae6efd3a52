#include "study/plan.h"

#include "api/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Raised where a unit of this kind would come to other numbers than before. */
static const int version_of[TAC_N_UNIT] = {0};

static const struct {
    const char *name;
    bool trained, anywhere; /* anywhere: scored on every task where transfer is asked for */
} kinds[TAC_KIND_METHOD + 1] = {
    [TAC_KIND_NONE] = {"none", false, true},
    [TAC_KIND_RANDOM] = {"random", false, true},
    [TAC_KIND_DESCRIPTION] = {"description", false, true},
    [TAC_KIND_PARAPHRASE] = {"paraphrase", false, false},
    [TAC_KIND_START] = {"start", false, false},
    [TAC_KIND_PROMPT] = {"prompt", true, true},
    [TAC_KIND_SHUFFLED] = {"shuffled", true, false},
    [TAC_KIND_DRIFT] = {"drift", false, false},
    [TAC_KIND_DISCRETE] = {"discrete", false, false},
    [TAC_KIND_REWORDED] = {"reworded", true, false},
    [TAC_KIND_ORDER] = {"order", true, false},
    [TAC_KIND_INIT] = {"init", true, false},
    [TAC_KIND_MOMENTS] = {"moments", true, false},
    [TAC_KIND_WAYWARD] = {"wayward", true, false},
    [TAC_KIND_FULL] = {"full", true, false},
    [TAC_KIND_METHOD] = {"", true, true},
};

static const char *const unit_names[TAC_N_UNIT] = {
    "make", "score", "read", "null", "knockout", "path", "neurons", "verbalise", "forget", "alike",
};

/* The row of kinds that stands for k. */
static enum tac_kind row_of(enum tac_kind k)
{
    return k < TAC_KIND_METHOD ? k : TAC_KIND_METHOD;
}

/* What a trained kind is trained by: all but methods of their own train prompts. */
static const struct tac_spec_method *method_of(const struct tacit_study *st, enum tac_kind k)
{
    return k == TAC_KIND_FULL    ? &st->spec.full
           : k < TAC_KIND_METHOD ? &st->spec.prompt
                                 : &st->spec.method[k - TAC_KIND_METHOD];
}

bool tac_kind_taken(const char *name)
{
    for (enum tac_kind k = 0; k < TAC_KIND_METHOD; k++)
        if (k != TAC_KIND_PROMPT && k != TAC_KIND_FULL && strcmp(kinds[k].name, name) == 0)
            return true;
    return false;
}

enum tac_kind tac_n_kind(const struct tacit_study *st)
{
    return TAC_KIND_METHOD + (enum tac_kind)st->spec.n_method;
}

const char *tac_kind_name(const struct tacit_study *st, enum tac_kind k)
{
    return k < TAC_KIND_METHOD ? kinds[k].name : method_of(st, k)->name;
}

bool tac_kind_trained(enum tac_kind k)
{
    return kinds[row_of(k)].trained;
}

bool tac_kind_whole(const struct tacit_study *st, enum tac_kind k)
{
    return tac_kind_trained(k) && method_of(st, k)->whole;
}

bool tac_kind_at_once(const struct tacit_study *st, enum tac_kind k)
{
    return tac_kind_whole(st, k) || (st->o.sweep && k >= TAC_KIND_METHOD);
}

bool tac_kind_adapter(const struct tacit_study *st, enum tac_kind k)
{
    return k >= TAC_KIND_METHOD && !tac_kind_at_once(st, k);
}

enum tacit_status tac_plan_folder(struct tac_buf *out, const struct tacit_study *st,
                                  const struct tac_study_prompt *p, struct tacit_err *err)
{
    return tac_buf_addf(out, err, "%s/runs/%s", st->dir, p->key);
}

int tac_kind_task(enum tac_kind k, int task)
{
    return k == TAC_KIND_NONE || k == TAC_KIND_RANDOM ? TAC_NO_TASK : task;
}

const char *tac_unit_kind_name(enum tac_unit_kind k)
{
    return unit_names[k];
}

struct tacit_train_options tac_plan_options(const struct tacit_study *st,
                                            const struct tac_study_prompt *p)
{
    struct tacit_train_options o = method_of(st, p->kind)->o;
    if (!o.init_text)
        o.init_text = p->text;
    o.base_name = st->model_path;
    o.seed = p->index;
    if (p->kind == TAC_KIND_ORDER || p->kind == TAC_KIND_INIT || p->kind == TAC_KIND_MOMENTS) {
        o.noise_order = p->kind == TAC_KIND_ORDER;
        o.noise_init = p->kind == TAC_KIND_INIT;
        o.noise_moments = p->kind == TAC_KIND_MOMENTS;
    }
    if (p->kind == TAC_KIND_REWORDED)
        o.seed = 1;
    if (p->kind == TAC_KIND_WAYWARD) {
        o.seed = (p->index - 1) % st->spec.wayward.runs + 1;
        o.pull_text = st->spec.wayward.text;
        o.pull_weight = st->spec.wayward.weight[(p->index - 1) / st->spec.wayward.runs];
    }
    return o;
}

/* A text of the study's arena. */
TAC_PRINTF(3, 4)
static const char *text_of(struct tacit_study *st, struct tacit_err *err, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    TAC_CHECK(n >= 0 && (size_t)n < sizeof buf);
    return tac_arena_strndup(&st->arena, buf, (size_t)n, err);
}

bool tac_texts_for(const struct tac_texts *x, int task)
{
    return x->task == TAC_NO_TASK || x->task != task;
}

/* Whether a unit scores texts outside its task: whole models do that as soon as they are made. */
static bool forgets(const struct tacit_study *st, const struct tac_unit *u)
{
    return u->kind == TAC_UNIT_FORGET ||
           (u->kind == TAC_UNIT_MAKE && tac_kind_whole(st, st->prompt[u->a].kind));
}

/* ---- identities ---- */

static const char *json_text(struct tacit_study *st, json_t *v, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s = v ? tac_json_write(&text, v, TAC_JSON_LINE, err) : TACIT_EFAIL;
    const char *out = s ? NULL : tac_arena_strndup(&st->arena, text.data, text.len, err);
    if (!v)
        tac_fail_memory(err, 0);
    tac_buf_release(&text);
    json_decref(v);
    return out;
}

static void set_text(json_t *v, const char *key, const char *text, bool *ok)
{
    if (*ok)
        *ok = !json_object_set_new(v, key, text ? json_string(text) : json_null());
}

static void set_size(json_t *v, const char *key, size_t n, bool *ok)
{
    if (*ok)
        *ok = !json_object_set_new(v, key, json_integer((json_int_t)n));
}

/* Everything that a unit's numbers depend on besides model, texts and other units. */
static json_t *settings_of(const struct tacit_study *st, const struct tac_unit *u)
{
    const struct tac_spec *sp = &st->spec;
    const struct tac_study_prompt *p = &st->prompt[u->a];
    struct tacit_train_options o = tac_plan_options(st, p);
    json_t *v = u->kind == TAC_UNIT_MAKE && tac_kind_trained(p->kind) ? tac_options_json(&o)
                                                                      : json_object();
    bool ok = v != NULL;
    if (u->kind == TAC_UNIT_MAKE) {
        set_text(v, "kind", tac_kind_name(st, p->kind), &ok);
        set_size(v, "index", p->index, &ok);
        set_size(v, "tokens", p->kind < TAC_KIND_METHOD ? sp->tokens : o.tokens, &ok);
        set_text(v, "text", p->kind < TAC_KIND_METHOD ? p->text : o.init_text, &ok);
    }
    if (u->kind == TAC_UNIT_MAKE && p->kind >= TAC_KIND_METHOD)
        set_size(v, "init", o.init, &ok);
    if (u->kind == TAC_UNIT_READ || u->kind == TAC_UNIT_NULL)
        set_size(v, "neighbors", sp->neighbors, &ok);
    if (u->kind == TAC_UNIT_VERBALISE)
        set_text(v, "frame", sp->frame, &ok);
    const struct tac_spec_look *look = u->kind == TAC_UNIT_KNOCKOUT  ? &sp->knockout
                                       : u->kind == TAC_UNIT_PATH    ? &sp->paths
                                       : u->kind == TAC_UNIT_NEURONS ? &sp->neurons
                                                                     : NULL;
    if (look)
        set_size(v, "examples", look->examples, &ok);
    if (!ok)
        json_decref(v);
    return ok ? v : NULL;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
    return tac_hash(h, s, strlen(s) + 1);
}

static enum tacit_status identify(struct tacit_study *st, struct tac_unit *u, struct tacit_err *err)
{
    const struct tac_study_prompt *a = &st->prompt[u->a], *b = &st->prompt[u->b];
    u->settings = json_text(st, settings_of(st, u), err);
    if (!u->settings)
        return TACIT_EFAIL;
    uint64_t h = tac_hash(TAC_HASH0, &version_of[u->kind], sizeof version_of[u->kind]);
    h = tac_hash(h, &st->model_hash, sizeof st->model_hash);
    h = hash_text(hash_text(h, u->key), u->settings);
    h = hash_text(h, tac_backend_arithmetic(st->m->be)); /* as a run's own identity */
    h = hash_text(h, st->m->session->o.share ? "shared" : "unshared");
    if (u->kind != TAC_UNIT_MAKE)
        h = hash_text(h, st->unit[a->maker].identity);
    if (b != a)
        h = hash_text(h, st->unit[b->maker].identity);
    bool trains = u->kind == TAC_UNIT_MAKE && tac_kind_trained(a->kind);
    bool tests =
        u->kind == TAC_UNIT_MAKE ? tac_kind_whole(st, a->kind) : u->kind != TAC_UNIT_FORGET;
    for (size_t t = 0; t < st->n_task; t++) { /* neurons see the inputs of all tasks */
        if (trains && (int)t == u->target)
            h = hash_text(h, st->task[t].trained_on);
        if (tests && (u->kind == TAC_UNIT_NEURONS || (int)t == u->target))
            h = hash_text(h, st->task[t].tested_on);
    }
    for (size_t i = 0; forgets(st, u) && i < st->n_texts; i++)
        if (tac_texts_for(&st->texts[i], a->task))
            h = tac_hash(h, &st->texts[i].hash, sizeof st->texts[i].hash);
    snprintf(u->identity, sizeof u->identity, "%016" PRIx64, h);
    return TACIT_OK;
}

/* ---- units ---- */

/* Rows of the inputs that neurons are looked at with. */
static double common_rows(const struct tacit_study *st)
{
    double rows = 0;
    for (size_t t = 0; t < st->n_task; t++) {
        double n = (double)tacit_examples_count(st->task[t].test);
        double each = (double)st->spec.neurons.examples;
        rows += (double)st->task[t].test_rows * (each > 0 && each < n ? each / n : 1);
    }
    return rows;
}

/* Rows of the texts outside a task. */
static double other_rows(const struct tacit_study *st, int task)
{
    double rows = 0;
    for (size_t i = 0; i < st->n_texts; i++)
        if (tac_texts_for(&st->texts[i], task))
            rows += (double)st->texts[i].tokens;
    return rows;
}

/* Rows that take as long as n vectors held against the vocabulary: a product of a plain loop, ten
 * times slower than those of a layer. */
static double vocabulary_rows(const struct tacit_study *st, double n)
{
    const struct tac_decoder_config *c = &st->m->model->c;
    return n * 10 * (double)(c->V * c->C) / (double)tac_model_params(st->m->model);
}

/* Rows that a unit sends forward through the model; a step's gradient counts twice that. */
static double cost_of(const struct tacit_study *st, const struct tac_unit *u)
{
    const struct tac_study_prompt *p = &st->prompt[u->a];
    if (u->kind == TAC_UNIT_MAKE && tac_kind_trained(p->kind)) {
        const struct tac_study_task *t = &st->task[p->task];
        struct tacit_train_options o = tac_plan_options(st, p);
        double epochs = (double)o.epochs, n = (double)tacit_examples_count(t->train);
        if (o.steps)
            epochs = (double)o.steps * (double)(o.batch * o.accumulate) / n;
        double soft = (double)o.tokens * n / (double)(o.batch < 1 ? 1 : o.batch);
        double evals = o.eval_epochs ? epochs / (double)o.eval_epochs : 1;
        bool whole = tac_kind_whole(st, p->kind);
        return epochs * (whole ? 3 : 2) * ((double)t->train_rows + soft) +
               evals * (double)t->validation_rows +
               (tac_kind_at_once(st, p->kind) ? (double)t->test_rows + other_rows(st, p->task)
                                              : 0) +
               (st->o.sweep ? (double)t->validation_rows : 0);
    }
    if (u->kind == TAC_UNIT_SCORE)
        return (double)st->task[u->target].test_rows;
    if (u->kind == TAC_UNIT_KNOCKOUT || u->kind == TAC_UNIT_PATH) {
        const struct tac_spec_look *l =
            u->kind == TAC_UNIT_PATH ? &st->spec.paths : &st->spec.knockout;
        const struct tac_study_task *t = &st->task[u->target];
        double n = (double)tacit_examples_count(t->test);
        double share = l->examples && (double)l->examples < n ? (double)l->examples / n : 1;
        return share * (double)t->test_rows *
               (u->kind == TAC_UNIT_PATH ? 9 : 2 * (double)st->spec.tokens);
    }
    if (u->kind == TAC_UNIT_VERBALISE) { /* a frame shares what stands before its placeholder */
        double layers = (double)st->m->model->c.L + 1;
        return layers * layers * (double)st->spec.tokens * 4;
    }
    if (u->kind == TAC_UNIT_FORGET)
        return other_rows(st, p->task);
    if (u->kind == TAC_UNIT_NEURONS)
        return common_rows(st);
    if (u->kind == TAC_UNIT_NULL)
        return vocabulary_rows(st, 100 * (double)st->spec.tokens + 4096);
    if (u->kind == TAC_UNIT_READ)
        return vocabulary_rows(st, 17 * (double)st->spec.tokens);
    return 1;
}

static enum tacit_status add_unit(struct tacit_study *st, enum tac_unit_kind kind, size_t a,
                                  size_t b, int target, struct tacit_err *err)
{
    enum tacit_status s = tac_grow(&st->unit, &st->cap_unit, st->n_unit + 1, sizeof *st->unit, err);
    if (s)
        return s;
    struct tac_unit *u = &st->unit[st->n_unit];
    *u = (struct tac_unit){.kind = kind, .a = a, .b = b, .target = target};
    const char *name = unit_names[kind], *key = st->prompt[a].key;
    if (kind == TAC_UNIT_SCORE)
        u->key = text_of(st, err, "%s:%s@%s", name, key, st->task[target].name);
    else if (kind == TAC_UNIT_PATH)
        u->key = text_of(st, err, "%s:%s-%zu", name, key, st->prompt[b].index);
    else if (kind == TAC_UNIT_ALIKE)
        u->key = text_of(st, err, "%s:%s-%s", name, key, st->prompt[b].key);
    else
        u->key = text_of(st, err, "%s:%s", name, key);
    if (!u->key)
        return TACIT_EFAIL;
    s = identify(st, u, err);
    u->cost = s ? 0 : cost_of(st, u);
    st->n_unit += !s;
    return s;
}

/* Adds a prompt and the unit that makes it. of: the prompt it is made from, or SIZE_MAX. */
static enum tacit_status add_prompt(struct tacit_study *st, enum tac_kind kind, int task,
                                    size_t index, const char *text, size_t of,
                                    struct tacit_err *err)
{
    enum tacit_status s =
        tac_grow(&st->prompt, &st->cap_prompt, st->n_prompt + 1, sizeof *st->prompt, err);
    if (s)
        return s;
    size_t at = st->n_prompt;
    struct tac_study_prompt *p = &st->prompt[at];
    const char *name = tac_kind_name(st, kind);
    *p = (struct tac_study_prompt){
        .kind = kind, .task = task, .index = index, .text = text, .maker = st->n_unit};
    if (task >= 0)
        p->key = index ? text_of(st, err, "%s/%s/%zu", st->task[task].name, name, index)
                       : text_of(st, err, "%s/%s", st->task[task].name, name);
    else
        p->key = index ? text_of(st, err, "%s/%zu", name, index) : name;
    if (!p->key)
        return TACIT_EFAIL;
    st->n_prompt++;
    return add_unit(st, TAC_UNIT_MAKE, at, of == SIZE_MAX ? at : of, task, err);
}

/* `n` prompts of a kind for a task, indices from 1. from: they are made from the prompts from this
 * one on, or SIZE_MAX. */
static enum tacit_status add_runs(struct tacit_study *st, enum tac_kind kind, int task, size_t n,
                                  size_t from, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    const char *text = task >= 0 ? tacit_task_description(st->task[task].task) : NULL;
    for (size_t i = 0; !s && i < n; i++)
        s = add_prompt(st, kind, task, i + 1, text, from == SIZE_MAX ? from : from + i, err);
    return s;
}

static enum tacit_status add_wordings(struct tacit_study *st, enum tac_kind kind, int task,
                                      struct tacit_err *err)
{
    const struct tac_study_task *t = &st->task[task];
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < t->n_wording; i++)
        s = add_prompt(st, kind, task, i + 1, t->wording[i], SIZE_MAX, err);
    return s;
}

static enum tacit_status add_task_prompts(struct tacit_study *st, int task, struct tacit_err *err)
{
    const struct tac_spec *sp = &st->spec;
    const char *text = tacit_task_description(st->task[task].task);
    enum tacit_status s = add_prompt(st, TAC_KIND_DESCRIPTION, task, 0, text, SIZE_MAX, err);
    if (!s)
        s = add_wordings(st, TAC_KIND_PARAPHRASE, task, err);
    if (!s)
        s = add_prompt(st, TAC_KIND_START, task, 0, text, SIZE_MAX, err);
    size_t first = st->n_prompt;
    if (!s)
        s = add_runs(st, TAC_KIND_PROMPT, task, sp->prompt.on ? sp->seeds : 0, SIZE_MAX, err);
    if (!s && sp->prompt.on && sp->shuffled)
        s = add_runs(st, TAC_KIND_SHUFFLED, task, sp->seeds, SIZE_MAX, err);
    if (!s && sp->prompt.on && sp->drift)
        s = add_runs(st, TAC_KIND_DRIFT, task, sp->seeds, first, err);
    if (!s && sp->prompt.on && sp->discrete)
        s = add_runs(st, TAC_KIND_DISCRETE, task, sp->seeds, first, err);
    if (!s && sp->prompt.on && sp->reworded)
        s = add_wordings(st, TAC_KIND_REWORDED, task, err);
    for (enum tac_kind k = TAC_KIND_ORDER; !s && k <= TAC_KIND_MOMENTS; k++)
        s = add_runs(st, k, task, sp->noise_runs, SIZE_MAX, err);
    if (!s)
        s = add_runs(st, TAC_KIND_WAYWARD, task, sp->wayward.n * sp->wayward.runs, SIZE_MAX, err);
    if (!s)
        s = add_runs(st, TAC_KIND_FULL, task, sp->full.on ? sp->seeds : 0, SIZE_MAX, err);
    for (enum tac_kind k = TAC_KIND_METHOD; !s && k < tac_n_kind(st); k++)
        s = add_runs(st, k, task, sp->seeds, SIZE_MAX, err);
    return s;
}

static enum tacit_status add_scores(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; p < st->n_prompt; p++)
        for (int t = 0; !s && t < (int)st->n_task; t++) {
            const struct tac_study_prompt *x = &st->prompt[p];
            bool own = x->task == t || x->task == TAC_NO_TASK;
            bool far = st->spec.transfer && kinds[row_of(x->kind)].anywhere;
            if ((own || far) && !tac_kind_at_once(st, x->kind))
                s = add_unit(st, TAC_UNIT_SCORE, p, p, t, err);
        }
    return s;
}

static size_t start_of(const struct tacit_study *st, int task)
{
    size_t p = 0;
    while (st->prompt[p].kind != TAC_KIND_START || st->prompt[p].task != task)
        p++;
    return p;
}

static bool looked_at(const struct tac_spec_look *l, const struct tac_study_prompt *x)
{
    return l->on && (!l->runs || x->index <= l->runs);
}

/* What the analyses of one prompt need. */
static enum tacit_status add_looks(struct tacit_study *st, size_t p, struct tacit_err *err)
{
    const struct tac_spec *sp = &st->spec;
    const struct tac_study_prompt *x = &st->prompt[p];
    bool trained = x->kind == TAC_KIND_PROMPT;
    enum tacit_status s = TACIT_OK;
    if (st->n_texts && (trained || x->kind == TAC_KIND_NONE || tac_kind_adapter(st, x->kind)))
        s = add_unit(st, TAC_UNIT_FORGET, p, p, x->task, err);
    if (s)
        return s;
    if (trained || x->kind == TAC_KIND_SHUFFLED || x->kind == TAC_KIND_DRIFT ||
        x->kind == TAC_KIND_WAYWARD || x->kind == TAC_KIND_START)
        s = add_unit(st, TAC_UNIT_READ, p, p, x->task, err);
    if (!s && trained && sp->drift)
        s = add_unit(st, TAC_UNIT_NULL, p, start_of(st, x->task), x->task, err);
    if (!s && trained && looked_at(&sp->knockout, x))
        s = add_unit(st, TAC_UNIT_KNOCKOUT, p, p, x->task, err);
    if (!s && (trained || x->kind == TAC_KIND_START || x->kind == TAC_KIND_RANDOM) &&
        looked_at(&sp->verbalise, x))
        s = add_unit(st, TAC_UNIT_VERBALISE, p, p, x->task, err);
    if (!s && (trained || x->kind == TAC_KIND_START) && looked_at(&sp->neurons, x))
        s = add_unit(st, TAC_UNIT_NEURONS, p, p, TAC_NO_TASK, err);
    for (size_t q = p + 1; trained && looked_at(&sp->paths, x) && !s && q < st->n_prompt; q++)
        if (st->prompt[q].kind == TAC_KIND_PROMPT && st->prompt[q].task == x->task &&
            looked_at(&sp->paths, &st->prompt[q]))
            s = add_unit(st, TAC_UNIT_PATH, p, q, x->task, err);
    return s;
}

/* Pairs of a further method's adapters, for the similarity of tasks beside their transfer. */
static enum tacit_status add_pairs(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; !s && st->spec.transfer && p < st->n_prompt; p++)
        for (size_t q = p + 1; !s && q < st->n_prompt; q++)
            if (st->prompt[q].kind == st->prompt[p].kind &&
                tac_kind_adapter(st, st->prompt[p].kind))
                s = add_unit(st, TAC_UNIT_ALIKE, p, q, TAC_NO_TASK, err);
    return s;
}

/* Runs of every combination alone: each is judged as it is made. */
static enum tacit_status plan_sweep(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int t = 0; t < (int)st->n_task; t++)
        for (enum tac_kind k = TAC_KIND_METHOD; !s && k < tac_n_kind(st); k++)
            s = add_runs(st, k, t, st->spec.seeds, SIZE_MAX, err);
    return s;
}

enum tacit_status tac_plan(struct tacit_study *st, struct tacit_err *err)
{
    if (st->o.sweep)
        return plan_sweep(st, err);
    enum tacit_status s = add_prompt(st, TAC_KIND_NONE, TAC_NO_TASK, 0, NULL, SIZE_MAX, err);
    if (!s)
        s = add_runs(st, TAC_KIND_RANDOM, TAC_NO_TASK, st->spec.random, SIZE_MAX, err);
    for (int t = 0; !s && t < (int)st->n_task; t++)
        s = add_task_prompts(st, t, err);
    if (!s)
        s = add_scores(st, err);
    for (size_t p = 0; !s && p < st->n_prompt; p++)
        s = add_looks(st, p, err);
    return s ? s : add_pairs(st, err);
}
