#include "api/job.h"
#include "api/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_VOCAB = 11 };

struct tacit_train_options tacit_train_options_default(void)
{
    return (struct tacit_train_options){.method = "prompt",
                                        .optimizer = "adamw",
                                        .schedule = "linear",
                                        .lr = 1e-3,
                                        .beta1 = 0.9,
                                        .beta2 = 0.999,
                                        .eps = 1e-8,
                                        .momentum = 0.95,
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
    if (!isfinite(o->lr + o->eps + o->weight_decay + o->momentum + o->clip + o->warmup +
                  o->init_scale + o->moments_scale + o->pull_weight))
        return tac_fail(err, TACIT_EINPUT, "a number among the options is not finite");
    if (o->pull_weight < 0)
        return tac_fail(err, TACIT_EINPUT, "the pull's weight is %g: expected 0 or more",
                        o->pull_weight);
    if (o->pull_weight > 0 && !o->pull_text)
        return tac_fail(err, TACIT_EINPUT, "a pull needs a text");
    return TACIT_OK;
}

static uint64_t own_seed(const struct tacit_train_options *o, uint64_t own)
{
    return own == TACIT_SEED_COMMON ? o->seed : own;
}

enum tacit_status tac_job_options(struct tac_train_job *j, struct tacit_err *err)
{
    static const char *const optimizers[] = {"adamw", "adafactor", "muon", NULL};
    static const char *const schedules[] = {"constant", "linear", "cosine", NULL};
    static const char *const orders[] = {"shuffled", "file", "passages", NULL};
    static const char *const caches[] = {"auto", "off", "f16", NULL};
    const struct tacit_train_options *o = j->o;
    int optimizer, schedule, order = TAC_ORDER_SHUFFLED, cache = TAC_TEXTS_AUTO;
    enum tacit_status s = check_options(o, err);
    if (!s)
        s = tac_tune_spec_parse(&j->spec, o->method ? o->method : tac_method_prompt.name, err);
    if (!s)
        s = pick_name(&optimizer, "optimizer", o->optimizer, optimizers, err);
    if (!s)
        s = pick_name(&schedule, "schedule", o->schedule, schedules, err);
    if (!s && o->order)
        s = pick_name(&order, "order", o->order, orders, err);
    if (!s && o->text_cache)
        s = pick_name(&cache, "text cache", o->text_cache, caches, err);
    if (s)
        return s;
    struct tac_train_options *t = &j->to;
    *t = tac_train_options_default();
    t->optim = (struct tac_optim_options){.kind = (enum tac_optim_kind)optimizer,
                                          .lr = o->lr,
                                          .beta1 = o->beta1,
                                          .beta2 = o->beta2,
                                          .eps = o->eps,
                                          .weight_decay = o->weight_decay,
                                          .momentum = o->momentum,
                                          .clip = o->clip,
                                          .schedule = (enum tac_schedule)schedule};
    t->batch = o->batch;
    t->batch_tokens = o->batch_tokens;
    t->accumulate = o->accumulate;
    t->epochs = o->epochs ? o->epochs : SIZE_MAX / 4;
    t->steps = (int64_t)o->steps;
    t->order = (enum tac_order)order;
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
    t->texts = (enum tac_texts_mode)cache;
    t->warmup_share = o->warmup < 1 ? o->warmup : 0;
    t->optim.warmup = o->warmup < 1 ? 0 : (int64_t)o->warmup;
    if (optimizer == TAC_MUON && j->spec.method != &tac_method_full)
        return tac_fail(err, TACIT_EINPUT, "optimizer muon is for whole matrices: method full");
    if (optimizer && (t->noise & TAC_NOISE_MOMENTS))
        return tac_fail(err, TACIT_EINPUT, "noise 'moments' needs optimizer adamw");
    return TACIT_OK;
}

/* ---- the init of a prompt ---- */

/* The tokens of a text whose embeddings a prompt starts from or is pulled towards, with those that
 * the tokenizer puts around a text, as in PEFT. */
static enum tacit_status text_ids(struct tac_ids *out, const struct tacit_model *m,
                                  const char *text, const char *what, struct tacit_err *err)
{
    if (!m->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, %s needs one", m->model->path,
                        what);
    if (!text || !*text)
        return tac_fail(err, TACIT_EINPUT, "%s is empty", what);
    enum tacit_status s = tac_tokenizer_encode_as(m->tokenizer->t, out, text, strlen(text),
                                                  TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS, err);
    return s || out->n ? s : tac_fail(err, TACIT_EINPUT, "%s has no tokens", what);
}

/* P token ids: the words', cut or repeated. */
static int32_t *repeat_ids(const struct tac_ids *words, size_t P, struct tacit_err *err)
{
    int32_t *ids = tac_alloc(P, sizeof *ids, err);
    for (size_t i = 0; ids && i < P; i++)
        ids[i] = words->id[i % words->n];
    return ids;
}

/* P random ids of the tokenizer's. */
static int32_t *random_ids(const struct tac_train_job *j, size_t P, struct tacit_err *err)
{
    size_t n = j->m->tokenizer ? tacit_tokenizer_size(j->m->tokenizer) : j->m->model->c.V;
    struct tac_rng rng = tac_rng_init(j->to.seed_init, STREAM_VOCAB);
    int32_t *ids = tac_alloc(P, sizeof *ids, err);
    for (size_t i = 0; ids && i < P; i++)
        ids[i] = (int32_t)tac_rng_below(&rng, (uint32_t)n);
    return ids;
}

/* Embeddings of P tokens, (P,C), or their keys and values in the model, (L, 2, P, G*D). */
static enum tacit_status source_rows(float **out, struct tacit_model *m, const int32_t *ids,
                                     size_t P, struct tacit_err *err)
{
    *out = tac_alloc(P * m->model->c.C, sizeof **out, err);
    if (!*out)
        return TACIT_EFAIL;
    tac_weights_read_rows(m->weights, TAC_P_EMBED, ids, P, *out);
    return TACIT_OK;
}

static enum tacit_status source_kv(float **out, struct tacit_model *m, const int32_t *ids, size_t P,
                                   struct tacit_err *err)
{
    const struct tac_decoder_config *c = &m->model->c;
    size_t n = 2 * c->L * P * c->G * c->D;
    struct tac_kv_store store = {0};
    struct tac_seq seq = {.src = ids, .n = P, .keep = P, .root = -1};
    struct tac_ports ports = tac_ports_plain(m->weights);
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .capture = &store};
    *out = tac_alloc(n, sizeof **out, err);
    enum tacit_status s = *out ? tac_kv_store_init(&store, c, m->be, P, err) : TACIT_EFAIL;
    if (!s)
        s = tac_session_run(m->session, &job, err);
    if (!s)
        m->be->ops->download(m->be, *out, store.k[0], n);
    tac_kv_store_release(&store, m->be);
    return s;
}

/* What the method's first values are made of: tokens, as it takes them; NULL where it draws them.
 */
static enum tacit_status make_source(float **out, struct tac_train_job *j, struct tacit_err *err)
{
    const struct tac_method *method = j->spec.method;
    enum tac_source source = method->source ? method->source(&j->spec) : TAC_FROM_ITSELF;
    bool text = j->o->init == TACIT_INIT_TEXT;
    *out = NULL;
    if (source == TAC_FROM_ITSELF && j->o->init == TACIT_INIT_VOCAB)
        return tac_fail(err, TACIT_EINPUT, "method %s draws its first values itself", method->name);
    if (source == TAC_FROM_ITSELF || (!text && j->o->init != TACIT_INIT_VOCAB))
        return TACIT_OK;
    int32_t *ids = text ? repeat_ids(&j->words, j->spec.P, err) : random_ids(j, j->spec.P, err);
    enum tacit_status s = !ids                      ? TACIT_EFAIL
                          : source == TAC_FROM_ROWS ? source_rows(out, j->m, ids, j->spec.P, err)
                                                    : source_kv(out, j->m, ids, j->spec.P, err);
    free(ids);
    return s;
}

/* How many tokens: as many as said, else as the text has. */
static enum tacit_status count_tokens(struct tac_train_job *j, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    j->spec.P = j->o->tokens;
    if (!j->spec.method->tokens) {
        j->spec.P = 0;
        return TACIT_OK;
    }
    if (j->spec.P > 1 << 16)
        return tac_fail(err, TACIT_EINPUT, "a prompt of %zu tokens: at most %d", j->spec.P,
                        1 << 16);
    if (j->o->init == TACIT_INIT_TEXT) {
        j->text = j->o->init_text ? j->o->init_text : tacit_task_description(j->task);
        s = text_ids(&j->words, j->m, j->text, "the init text", err);
    } else if (!j->spec.P)
        s = tac_fail(err, TACIT_EINPUT, "a random init needs the number of tokens");
    if (!s && !j->spec.P)
        j->spec.P = j->words.n;
    return s;
}

/* The tune of the job with its first values, drawn or made. */
static enum tacit_status start_tune(struct tac_train_job *j, struct tac_adapter_info *info,
                                    struct tacit_err *err)
{
    float *from = NULL;
    enum tacit_status s = count_tokens(j, err);
    if (!s)
        s = make_source(&from, j, err);
    if (from)
        info->init_text = j->text;
    if (!s)
        s = tac_tune_make(&j->tune, &j->spec, j->m->weights, true, info, err);
    if (!s && j->spec.method->start) {
        j->init = tac_alloc(j->tune->n, sizeof *j->init, err);
        s = j->init ? j->spec.method->start(j->tune, j->init, from, j->o->init == TACIT_INIT_ZERO,
                                            j->to.seed_init, err)
                    : TACIT_EFAIL;
        if (!from && !j->spec.method->starts_alike)
            j->to.noise &= ~(unsigned)TAC_NOISE_INIT; /* chance is in the values already */
    }
    if (!s && j->init)
        tac_tune_set(j->tune, j->init);
    free(from);
    return s;
}

/* The tune of a folder, whose type is the method. */
static enum tacit_status continue_tune(struct tac_train_job *j, const struct tac_adapter_info *info,
                                       struct tacit_err *err)
{
    const char *dir = j->o->init_adapter;
    enum tacit_status s = tac_tune_load(&j->tune, dir, j->m->weights, true, err);
    if (s)
        return s;
    const struct tac_method *method = j->tune->method;
    if (j->o->method && strcmp(j->o->method, method->name) != 0)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: holds an adapter of method %s with its settings, --method says %s",
                        dir, method->name, j->o->method);
    if (method->tokens && j->o->tokens && j->o->tokens != j->tune->P)
        return tac_fail(err, TACIT_EINPUT, "%s: has %zu tokens, --tokens says %zu", dir, j->tune->P,
                        j->o->tokens);
    if (!j->o->place)
        s = tac_place_find(&j->place, j->tune->info.place, dir, err);
    if (s)
        return s;
    j->tune->info = *info;
    j->spec.method = method;
    j->init = tac_alloc(j->tune->n, sizeof *j->init, err);
    if (!j->init)
        return TACIT_EFAIL;
    tac_tune_get(j->tune, j->init);
    return TACIT_OK;
}

static enum tacit_status make_pull(struct tac_train_job *j, size_t P, struct tacit_err *err)
{
    struct tac_ids words = {0};
    if (!(j->o->pull_weight > 0))
        return TACIT_OK;
    if (j->tune->method != &tac_method_prompt)
        return tac_fail(err, TACIT_EINPUT, "a pull is for method prompt");
    enum tacit_status s = text_ids(&words, j->m, j->o->pull_text, "the text to pull towards", err);
    int32_t *ids = s ? NULL : repeat_ids(&words, P, err);
    if (!s)
        s = ids ? source_rows(&j->pull, j->m, ids, P, err) : TACIT_EFAIL;
    free(ids);
    j->to.pull = (struct tac_pull){j->pull, j->o->pull_weight};
    free(words.id);
    return s;
}

/* The prompt's place, and what the folder says of it: nothing where it stands in front as PEFT's
 * do. */
static enum tacit_status set_place(struct tac_train_job *j, struct tacit_err *err)
{
    bool said = j->place != TAC_PLACE_TEMPLATE;
    if (said && !j->prefix.n)
        return tac_fail(err, TACIT_EINPUT, "method %s trains no prompt that could stand at the %s",
                        j->tune->method->name, tac_place_name(j->place));
    for (size_t i = 0; j->prefix.n && i < j->n; i++)
        said |= j->example[i].at > 0;
    j->prefix.place = j->place;
    j->tune->info.place = said ? tac_place_name(j->place) : NULL;
    return TACIT_OK;
}

/* Nothing is trained on or evaluated that the model is too short for. */
static enum tacit_status check_lengths(const struct tac_train_job *j, struct tacit_err *err)
{
    size_t own = tac_query_own(&j->tune->ports, &j->prefix);
    enum tacit_status s = j->train ? tac_examples_fit(j->train, j->m, own, true, err) : TACIT_OK;
    if (!s && j->validation)
        s = tac_examples_fit(j->validation, j->m, own, false, err);
    for (size_t i = 0; !s && !j->train && i < j->n; i++) {
        char what[32];
        snprintf(what, sizeof what, "text %zu", i + 1);
        s = tac_query_fits(j->m->session, &j->example[i], own, what, err);
    }
    return s;
}

enum tacit_status tac_job_open(struct tac_train_job *j, struct tacit_err *err)
{
    struct tac_adapter_info info = {
        .base_name = j->o->base_name ? j->o->base_name : j->m->model->path,
        .tokenizer_name = j->o->base_name ? j->o->base_name : j->m->model->path};
    enum tacit_status s = tac_place_find(&j->place, j->o->place, "the prompt's place", err);
    if (!s)
        s = j->o->init == TACIT_INIT_ADAPTER ? continue_tune(j, &info, err)
                                             : start_tune(j, &info, err);
    if (!s)
        s = make_pull(j, j->tune->P, err);
    if (s)
        return s;
    j->to.history = j->tune->method == &tac_method_prompt;
    s = tac_prefix_soft(&j->prefix, j->tune->ports.P, err);
    if (!s)
        s = set_place(j, err);
    return s ? s : check_lengths(j, err);
}

/* ---- callbacks ---- */

static int on_progress(void *ctx, const struct tac_train_event *ev)
{
    const struct tac_train_job *j = ctx;
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
    struct tac_train_job *j = ctx;
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

void tac_job_release(struct tac_train_job *j)
{
    tac_tune_close(j->tune);
    tac_tune_spec_release(&j->spec);
    tac_prefix_release(&j->prefix);
    json_decref(j->settings);
    free(j->example);
    free(j->init);
    free(j->pull);
    free(j->words.id);
}

enum tacit_status tac_job_examples(struct tac_train_job *j, const struct tacit_examples *train,
                                   struct tacit_err *err)
{
    j->train = train;
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

static void fill_result(const struct tac_train_job *j, const struct tac_train_result *r,
                        struct tacit_train_result *out)
{
    const struct tac_session *s = j->m->session;
    *out = (struct tacit_train_result){.steps = (uint64_t)r->steps,
                                       .best_step = (uint64_t)r->best_step,
                                       .last_loss = r->last_loss,
                                       .best_score = r->best,
                                       .tokens = j->tune->P,
                                       .parameters = j->tune->n,
                                       .memory_bytes = tac_session_taken(s, j->tune->ports.param) -
                                                       s->program_bytes + s->peak_bytes,
                                       .rows = s->rows,
                                       .rows_unshared = s->tokens,
                                       .already_done = r->already_done,
                                       .resumed = r->resumed};
    snprintf(out->identity, sizeof out->identity, "%s", j->identity);
}

/* Trains what j holds: examples, method, settings. */
enum tacit_status tac_job_run(struct tac_train_job *j, struct tacit_train_result *result,
                              struct tacit_err *err)
{
    struct tac_train_result r = {0};
    enum tacit_status s = tac_job_identify(j, err);
    if (!s)
        s = tac_job_claim(j, err);
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
        tac_job_discard(j);
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
    struct tac_train_job j = {
        .m = m, .o = o, .progress = progress, .validation = validation, .task = task};
    enum tacit_status s = tac_job_options(&j, err);
    if (!s)
        s = tac_job_examples(&j, train, err);
    if (!s)
        s = tac_job_open(&j, err);
    if (!s)
        s = tac_job_run(&j, result, err);
    tac_job_release(&j);
    return s;
}
