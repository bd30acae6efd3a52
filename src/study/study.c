/* The public calls on studies. */
#include "api/job.h"
#include "study/tables.h"
#include "study/work.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Below this a run fits a core's caches so well that several at once are faster than one on all. */
enum { SMALL_MODEL = 64 << 20 };

struct tacit_study_options tacit_study_options_default(void)
{
    return (struct tacit_study_options){.model_options = tacit_model_options_default()};
}

/* ---- opening ---- */

static const char *keep_text(struct tacit_study *st, const char *s, struct tacit_err *err)
{
    return tac_arena_strndup(&st->arena, s, strlen(s), err);
}

static enum tacit_status take_names(struct tacit_study *st, const char *file, const char *dir,
                                    struct tacit_err *err)
{
    const char *model = st->o.model ? st->o.model : st->spec.model, *data = st->o.data;
    if (!model && st->spec.n_model)
        return tac_fail(err, TACIT_EINPUT, "%s: key 'models' names several: give one of them",
                        file);
    if (!model)
        model = tacit_model_embedded();
    if (!model)
        return tac_fail(err, TACIT_EINPUT, "%s: names no model, and none was given", file);
    if (!data)
        data = st->spec.data;
    st->model_path = keep_text(st, model, err);
    st->file = keep_text(st, file, err);
    st->dir = keep_text(st, dir, err);
    st->data = data ? keep_text(st, data, err) : NULL;
    return st->model_path && st->file && st->dir && (st->data || !data) ? TACIT_OK : TACIT_EFAIL;
}

/* A small model is opened again with the threads of one worker of several. */
static enum tacit_status open_model(struct tacit_study *st, struct tacit_err *err)
{
    struct tacit_model_options o = st->o.model_options;
    struct tacit_model_info info;
    enum tacit_status s = tacit_model_open(&st->m, st->model_path, &o, err);
    if (s)
        return s;
    tacit_model_describe(st->m, &info);
    size_t threads = (size_t)info.threads;
    if (!st->o.jobs)
        st->o.jobs = info.weight_bytes < SMALL_MODEL ? threads : 1;
    if (!st->m->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, a study needs one",
                        st->m->model->path);
    if (st->o.jobs == 1)
        return TACIT_OK;
    o.threads = (int)(threads / st->o.jobs ? threads / st->o.jobs : 1);
    tacit_model_close(st->m);
    return tacit_model_open(&st->m, st->model_path, &o, err);
}

static size_t rows_of(const struct tacit_examples *e)
{
    size_t rows = 0;
    for (size_t i = 0; e && i < tacit_examples_count(e); i++) {
        const struct tac_rendered_example *x = &e->rendered.example[i];
        rows += x->n_ctx;
        for (size_t k = 0; k < e->data.example[i].n_answers; k++)
            rows += x->n_answer[k] - 1;
    }
    return rows;
}

static bool has_split(const struct tac_task *t, const char *name)
{
    for (size_t i = 0; i < t->n_split; i++)
        if (strcmp(t->split[i].name, name) == 0)
            return true;
    return false;
}

static enum tacit_status load_split(struct tacit_study *st, struct tacit_examples **out,
                                    const struct tac_study_task *t, const char *split, size_t limit,
                                    struct tacit_err *err)
{
    struct tacit_examples_options o = tacit_examples_options_default();
    o.limit = limit;
    o.labelled = 1;
    o.max_length = st->spec.max_length;
    enum tacit_status s =
        tacit_examples_load(out, t->task, st->data, split, st->m->tokenizer, &o, err);
    if (!s && !tacit_examples_count(*out))
        s = tac_fail(err, TACIT_EINPUT, "%s: split '%s' has no examples", t->name, split);
    return s;
}

static void keep(struct tacit_examples *e, size_t from, size_t n)
{
    memmove(e->data.example, e->data.example + from, n * sizeof *e->data.example);
    memmove(e->rendered.example, e->rendered.example + from, n * sizeof *e->rendered.example);
    e->data.n = e->rendered.n = n;
}

enum tacit_status tac_keep_training(struct tacit_examples *e, const struct tacit_study *st,
                                    const char *task, struct tacit_err *err)
{
    size_t n = tacit_examples_count(e), out = st->spec.holdout;
    if (n <= out)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: key 'holdout': task '%s' has %zu training examples, %zu are to be "
                        "held out",
                        st->file, task, n, out);
    keep(e, 0, n - out);
    return TACIT_OK;
}

/* What is trained on, and what validates: a split of its own, or the training split's end. */
static enum tacit_status load_training(struct tacit_study *st, struct tac_study_task *t,
                                       struct tacit_err *err)
{
    const struct tac_spec *sp = &st->spec;
    enum tacit_status s = load_split(st, &t->train, t, "train", sp->train_examples, err);
    if (!s && sp->holdout) {
        s = load_split(st, &t->validation, t, "train", sp->train_examples, err);
        if (!s)
            s = tac_keep_training(t->train, st, t->name, err);
        if (!s)
            keep(t->validation, tacit_examples_count(t->train), sp->holdout);
    } else if (!s && has_split(t->task->t, "validation"))
        s = load_split(st, &t->validation, t, "validation", sp->validation_examples, err);
    return s;
}

static enum tacit_status load_task(struct tacit_study *st, struct tac_study_task *t,
                                   const char *name, struct tacit_err *err)
{
    const struct tac_spec *sp = &st->spec;
    enum tacit_status s = tacit_task_open(&t->task, name, st->o.task_folders, err);
    if (s)
        return s;
    t->name = tacit_task_name(t->task);
    for (const struct tac_study_task *other = st->task; other < t; other++)
        if (strcmp(other->name, t->name) == 0)
            return tac_fail(err, TACIT_EINPUT, "%s: task '%s' comes twice", st->file, t->name);
    if (!*tacit_task_description(t->task))
        return tac_fail(err, TACIT_EINPUT, "%s: task '%s' has no description to start from",
                        st->file, t->name);
    s = load_training(st, t, err);
    if (!s)
        s = load_split(st, &t->test, t, sp->test, sp->test_examples, err);
    if (s)
        return s;
    t->train_rows = rows_of(t->train);
    t->validation_rows = rows_of(t->validation);
    t->test_rows = rows_of(t->test);
    uint64_t h = tac_examples_hash(TAC_HASH0, t->train);
    if (t->validation)
        h = tac_examples_hash(h, t->validation);
    snprintf(t->trained_on, sizeof t->trained_on, "%016" PRIx64, h);
    h = tac_examples_hash(TAC_HASH0, t->test);
    snprintf(t->tested_on, sizeof t->tested_on, "%016" PRIx64, h);
    return TACIT_OK;
}

static enum tacit_status take_wordings(struct tacit_study *st, struct tac_study_task *t,
                                       const struct tac_yaml_doc *d, struct tacit_err *err)
{
    const struct tac_yaml *list;
    if (!tac_yaml_find(d->root, t->name))
        return TACIT_OK;
    enum tacit_status s = tac_yaml_get_list(&list, d, d->root, t->name, err);
    for (const struct tac_yaml *c = s ? NULL : list->first; !s && c; c = c->next) {
        if (c->kind != TAC_YAML_SCALAR || !*c->text || t->n_wording == TAC_STUDY_WORDINGS)
            return tac_yaml_fail(d, c, err, "task '%s': expected at most %d texts", t->name,
                                 TAC_STUDY_WORDINGS);
        t->wording[t->n_wording] = keep_text(st, c->text, err);
        s = t->wording[t->n_wording++] ? TACIT_OK : TACIT_EFAIL;
    }
    return s;
}

static enum tacit_status load_tasks(struct tacit_study *st, struct tacit_err *err)
{
    struct tac_yaml_doc d = {0};
    enum tacit_status s = st->spec.wordings ? tac_yaml_load(&d, st->spec.wordings, err) : TACIT_OK;
    for (size_t i = 0; !s && i < st->spec.n_task; i++) {
        st->n_task = i + 1;
        s = load_task(st, &st->task[i], st->spec.task[i], err);
        if (!s && d.root)
            s = take_wordings(st, &st->task[i], &d, err);
    }
    tac_yaml_release(&d);
    return s;
}

static enum tacit_status take_sweep(struct tacit_study *st, const char *file, struct tacit_err *err)
{
    if (!st->spec.sweep.on)
        return tac_fail(err, TACIT_EINPUT, "%s: key 'sweep' is missing", file);
    tac_spec_sweep_alone(&st->spec);
    return TACIT_OK;
}

/* What a sweep chooses by is another split than the one that it reports. */
static enum tacit_status check_choice(const struct tacit_study *st, struct tacit_err *err)
{
    for (size_t i = 0; i < st->n_task; i++)
        if (!st->task[i].validation)
            return tac_fail(err, TACIT_EINPUT,
                            "%s: task '%s' has no validation split to choose by: give 'holdout'",
                            st->file, st->task[i].name);
    if (!st->spec.holdout && strcmp(st->spec.test, "validation") == 0)
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: key 'test': a sweep chooses by the validation split, and cannot report "
            "it too: give 'holdout'",
            st->file);
    return TACIT_OK;
}

/* Where the adapter is the run's folder alone, the unit is done as long as it is there. */
static enum tacit_status check_folder(const struct tacit_study *st, struct tac_unit *u,
                                      struct tacit_err *err)
{
    struct tac_buf dir = {0};
    if (!tac_kind_adapter(st, st->prompt[u->a].kind))
        return TACIT_OK;
    enum tacit_status s = tac_plan_folder(&dir, st, &st->prompt[u->a], err);
    u->done = !s && tac_run_is(dir.data, u->identity);
    tac_buf_release(&dir);
    return s;
}

static enum tacit_status find_done(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    char identity[24];
    for (size_t i = 0; !s && i < st->n_unit; i++) {
        struct tac_unit *u = &st->unit[i];
        s = tac_store_identity(&st->store, identity, u->key, err);
        u->done = !s && strcmp(identity, u->identity) == 0;
        if (u->done && u->kind == TAC_UNIT_MAKE)
            s = check_folder(st, u, err);
    }
    return s;
}

static const char *command_of(const struct tacit_study *st)
{
    return st->o.sweep ? "sweep" : "study";
}

/* A study that is only looked at may not exist yet. */
static enum tacit_status open_store(struct tacit_study *st, struct tacit_err *err)
{
    char *path = tac_path(st->dir, "study.db", err);
    bool there = path && tac_file_exists(path);
    enum tacit_status s = path ? TACIT_OK : TACIT_EFAIL;
    free(path);
    if (!s && (!st->o.read_only || there))
        s = tac_store_open(&st->store, st->dir, st->o.read_only ? TAC_DB_READ : TAC_DB_WRITE, err);
    if (!s && st->store.open)
        s = tac_store_for(&st->store, command_of(st), st->dir, err);
    return !s && st->store.open ? find_done(st, err) : s;
}

enum tacit_status tacit_study_open(struct tacit_study **out, const char *file, const char *dir,
                                   const struct tacit_study_options *o, struct tacit_err *err)
{
    struct tacit_study *st = *out = tac_alloc(1, sizeof *st, err);
    if (!st)
        return TACIT_EFAIL;
    if (pthread_mutex_init(&st->density_mutex, NULL)) {
        free(st);
        *out = NULL;
        return tac_fail_memory(err, 0);
    }
    st->o = *o;
    enum tacit_status s = tac_spec_load(&st->spec, file, err);
    if (!s && o->sweep)
        s = take_sweep(st, file, err);
    if (!s)
        s = take_names(st, file, dir, err);
    if (!s)
        s = open_model(st, err);
    if (!s)
        s = load_tasks(st, err);
    if (!s && o->sweep)
        s = check_choice(st, err);
    if (!s)
        s = tac_texts_load(st, err);
    if (!s) {
        st->model_hash = tac_model_hash(st->m->model, false);
        s = tac_plan(st, err);
    }
    if (!s)
        s = tac_plan_lengths(st, err);
    if (!s)
        s = open_store(st, err);
    if (s) {
        tacit_study_close(st);
        *out = NULL;
    }
    return s;
}

void tacit_study_close(struct tacit_study *st)
{
    if (!st)
        return;
    if (st->store.open)
        tac_store_close(&st->store);
    for (size_t i = 0; i < st->n_task; i++) {
        tacit_examples_free(st->task[i].train);
        tacit_examples_free(st->task[i].validation);
        tacit_examples_free(st->task[i].test);
        tacit_task_close(st->task[i].task);
    }
    tacit_model_close(st->m);
    tac_spec_release(&st->spec);
    tac_arena_release(&st->arena);
    free(st->prompt);
    free(st->unit);
    free(st->claim);
    free(st->best);
    free(st->density);
    pthread_mutex_destroy(&st->density_mutex);
    free(st);
}

size_t tacit_study_units(const struct tacit_study *s)
{
    return s->n_unit;
}

void tacit_study_unit(const struct tacit_study *s, size_t i, struct tacit_unit *out)
{
    const struct tac_unit *u = &s->unit[i];
    *out = (struct tacit_unit){.key = u->key,
                               .kind = tac_unit_kind_name(u->kind),
                               .prompt = tac_kind_name(s, s->prompt[u->a].kind),
                               .done = u->done,
                               .cost = u->cost};
}

/* ---- running ---- */

static enum tacit_status put_meta(struct tacit_study *st, const char *key, const char *value,
                                  struct tacit_err *err)
{
    return tac_db_run(&st->store.db, err, "INSERT OR REPLACE INTO meta VALUES (?, ?)", "tt", key,
                      value);
}

static enum tacit_status put_facts(struct tacit_study *st, struct tacit_err *err)
{
    struct tacit_model_info info;
    struct utsname host = {0};
    char hash[24], number[5][24], machine[300];
    struct tac_buf file = {0};
    tacit_model_describe(st->m, &info);
    uname(&host);
    snprintf(hash, sizeof hash, "%016" PRIx64, st->model_hash);
    snprintf(number[0], sizeof *number, "%zu", st->spec.tokens);
    snprintf(number[1], sizeof *number, "%zu", info.parameters);
    snprintf(number[2], sizeof *number, "%zu x %d", st->o.jobs, info.threads);
    snprintf(number[3], sizeof *number, "%zu", info.width);
    snprintf(number[4], sizeof *number, "%zu", info.layers);
    snprintf(machine, sizeof machine, "%s %s, %s", host.sysname, host.machine, info.backend);
    enum tacit_status s = tac_file_read(&file, st->file, TAC_YAML_BYTES, err);
    const char *const fact[][2] = {
        {"name", st->spec.name},       {"model", st->model_path},  {"family", info.family},
        {"model_hash", hash},          {"parameters", number[1]},  {"tokens", number[0]},
        {"test_split", st->spec.test}, {"tacit", tacit_version()}, {"sqlite", tac_db_version()},
        {"machine", machine},          {"workers", number[2]},     {"study", file.data},
        {"command", command_of(st)},   {"width", number[3]},       {"layers", number[4]},
    };
    for (size_t i = 0; !s && i < sizeof fact / sizeof *fact; i++)
        s = put_meta(st, fact[i][0], fact[i][1], err);
    tac_buf_release(&file);
    return s;
}

/* The share of the commonest answer. */
static double majority_of(const struct tac_study_task *t)
{
    size_t count[TAC_TASK_ANSWERS] = {0}, most = 0, n = tacit_examples_count(t->test);
    for (size_t i = 0; i < n; i++) {
        size_t k = ++count[t->test->data.example[i].gold];
        most = k > most ? k : most;
    }
    return (double)most / (double)n;
}

static enum tacit_status put_tasks(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = tac_db_exec(&st->store.db, "DELETE FROM task", err);
    for (size_t i = 0; !s && i < st->n_task; i++) {
        const struct tac_study_task *t = &st->task[i];
        size_t n[3] = {tacit_examples_count(t->train),
                       t->validation ? tacit_examples_count(t->validation) : 0,
                       tacit_examples_count(t->test)};
        s = tac_db_run(&st->store.db, err, "INSERT INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                       "titiiirt", t->name, (int64_t)i, tacit_task_description(t->task),
                       (int64_t)n[0], (int64_t)n[1], (int64_t)n[2], majority_of(t), t->tested_on);
    }
    return s;
}

/* What is done and still asked for is planned; all else that the store holds is not. */
static enum tacit_status put_plan(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = tac_store_begin(&st->store, err);
    if (s)
        return s;
    s = put_facts(st, err);
    if (!s)
        s = put_tasks(st, err);
    if (!s)
        s = tac_db_exec(&st->store.db, "UPDATE unit SET planned = 0", err);
    for (size_t i = 0; !s && i < st->n_unit; i++)
        if (st->unit[i].done)
            s = tac_db_run(&st->store.db, err, "UPDATE unit SET planned = 1 WHERE key = ?", "t",
                           st->unit[i].key);
    return tac_store_end(&st->store, s, err);
}

enum tacit_status tacit_study_run(struct tacit_study *st, const struct tacit_progress *progress,
                                  struct tacit_err *err)
{
    if (st->o.read_only)
        return tac_fail(err, TACIT_EINPUT, "%s: the study was opened to be read", st->dir);
    enum tacit_status s = put_plan(st, err);
    if (!s)
        s = tac_work_all(st, st->o.jobs, progress, err);
    return s ? s : tac_tables(st, err);
}

size_t tacit_study_claims(const struct tacit_study *s)
{
    return s->n_claim;
}

void tacit_study_claim(const struct tacit_study *s, size_t i, struct tacit_claim *out)
{
    *out = s->claim[i];
}

size_t tacit_study_bests(const struct tacit_study *s)
{
    return s->n_best;
}

void tacit_study_best(const struct tacit_study *s, size_t i, struct tacit_best *out)
{
    *out = s->best[i];
}

/* ---- what it would take ---- */

/* Seconds a row of a training step of this method, and bytes of its largest batch. */
static enum tacit_status time_training(struct tacit_study *st, double *seconds, size_t *bytes,
                                       enum tac_kind kind, struct tacit_err *err)
{
    struct tac_study_prompt p = {.kind = kind, .task = 0, .index = 1};
    struct tacit_memory memory = {0};
    size_t rows;
    double sum = 0, cost = 0;
    for (size_t i = 0; i < st->n_task; i++) {
        const struct tac_study_task *t = &st->task[i];
        p.text = tacit_task_description(t->task);
        struct tacit_train_options o = tac_plan_options(st, &p);
        double took;
        o.out = st->dir;
        enum tacit_status s = tac_train_time(st->m, t->task, t->train, &o, &took, &rows, err);
        if (!s)
            s = tacit_train_plan(st->m, t->task, t->train, NULL, &o, &memory, err);
        *bytes = memory.bytes;
        if (s)
            return s;
        sum += took;
        cost += (double)rows * (tac_kind_whole(st, kind) ? 3 : 2);
    }
    *seconds = sum / cost;
    return TACIT_OK;
}

static enum tacit_status time_scoring(struct tacit_study *st, double *seconds,
                                      struct tacit_err *err)
{
    struct tacit_examples *few = NULL;
    struct tacit_examples_options o = tacit_examples_options_default();
    struct tacit_prompt prompt = {.text = tacit_task_description(st->task[0].task)};
    struct tac_condition c;
    struct tacit_eval_row row;
    o.limit = 32;
    o.labelled = 1;
    o.max_length = st->spec.max_length;
    enum tacit_status s = tacit_examples_load(&few, st->task[0].task, st->data, st->spec.test,
                                              st->m->tokenizer, &o, err);
    if (!s)
        s = tac_condition_open(&c, st->m, &prompt, err);
    if (!s) {
        double start = tac_seconds();
        s = tac_judge(&row, st->m, st->task[0].task, few, &c, NULL, NULL, err);
        *seconds = (tac_seconds() - start) / (double)rows_of(few);
        tac_condition_close(&c);
    }
    tacit_examples_free(few);
    return s;
}

/* Kinds that are trained by settings of their own; all others as `prompt`. */
static enum tac_kind timed_as(enum tac_kind k)
{
    return k >= TAC_KIND_FULL ? k : TAC_KIND_PROMPT;
}

static bool trains(const struct tacit_study *st, const struct tac_unit *u)
{
    return u->kind == TAC_UNIT_MAKE && tac_kind_trained(st->prompt[u->a].kind);
}

/* Whether a step of one takes as long as one of the other. */
static bool same_step(const struct tacit_study *st, enum tac_kind a, enum tac_kind b)
{
    struct tac_study_prompt p = {.kind = a, .index = 1}, q = {.kind = b, .index = 1};
    struct tacit_train_options o = tac_plan_options(st, &p), u = tac_plan_options(st, &q);
    return strcmp(o.method, u.method) == 0 && o.tokens == u.tokens && o.batch == u.batch;
}

/* Seconds a row of `prompt` and each kind (n_kind) that something is still to be trained by; the
 * most bytes. */
static enum tacit_status time_methods(struct tacit_study *st, double *seconds, size_t *bytes,
                                      struct tacit_err *err)
{
    enum tacit_status s = time_training(st, &seconds[TAC_KIND_PROMPT], bytes, TAC_KIND_PROMPT, err);
    for (size_t i = 0; !s && i < st->n_unit; i++) {
        const struct tac_unit *u = &st->unit[i];
        enum tac_kind k = timed_as(st->prompt[u->a].kind);
        size_t more = 0;
        for (enum tac_kind other = TAC_KIND_FULL; other < k; other++)
            if (!(seconds[k] > 0) && seconds[other] > 0 && same_step(st, k, other))
                seconds[k] = seconds[other];
        if (u->done || !trains(st, u) || seconds[k] > 0)
            continue;
        s = time_training(st, &seconds[k], &more, k, err);
        *bytes = more > *bytes ? more : *bytes;
    }
    return s;
}

enum tacit_status tacit_study_plan(struct tacit_study *st, struct tacit_study_cost *out,
                                   struct tacit_err *err)
{
    double score = 0, *train = tac_alloc(tac_n_kind(st), sizeof *train, err);
    size_t bytes = 0;
    *out = (struct tacit_study_cost){.jobs = st->o.jobs};
    enum tacit_status s = train ? time_scoring(st, &score, err) : TACIT_EFAIL;
    if (!s)
        s = time_methods(st, train, &bytes, err);
    for (size_t i = 0; !s && i < st->n_unit; i++) {
        const struct tac_unit *u = &st->unit[i];
        if (u->done)
            continue;
        out->units++;
        out->seconds += u->cost * (trains(st, u) ? train[timed_as(st->prompt[u->a].kind)] : score);
    }
    out->seconds /= (double)st->o.jobs;
    out->memory_bytes = bytes * st->o.jobs;
    free(train);
    return s;
}
