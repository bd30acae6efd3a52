/* What a run is: its settings, their hash, and the folder that belongs to them. */
#include "api/job.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { TEXT, REAL, SIZE, WIDE, FLAG };

/* The options that a run's bytes depend on, as they are. Seeds and what else is worked out follow
 * apart. */
#define FIELD(name, kind)                                                                          \
    {                                                                                              \
#name, kind, offsetof(struct tacit_train_options, name)                                    \
    }
static const struct {
    const char *name;
    enum kind kind;
    size_t at;
} fields[] = {
    FIELD(method, TEXT),        FIELD(optimizer, TEXT),
    FIELD(schedule, TEXT),      FIELD(lr, REAL),
    FIELD(beta1, REAL),         FIELD(beta2, REAL),
    FIELD(eps, REAL),           FIELD(weight_decay, REAL),
    FIELD(momentum, REAL),      FIELD(clip, REAL),
    FIELD(warmup, REAL),        FIELD(batch, SIZE),
    FIELD(batch_tokens, SIZE),  FIELD(accumulate, SIZE),
    FIELD(epochs, SIZE),        FIELD(steps, WIDE),
    FIELD(noise_order, FLAG),   FIELD(noise_init, FLAG),
    FIELD(noise_moments, FLAG), FIELD(init_scale, REAL),
    FIELD(moments_scale, REAL), FIELD(eval_steps, WIDE),
    FIELD(eval_epochs, SIZE),   FIELD(keep_best, FLAG),
    FIELD(patience, SIZE),
};
#undef FIELD

static json_t *value_at(const void *p, enum kind kind)
{
    switch (kind) {
    case TEXT:
        return *(const char *const *)p ? json_string(*(const char *const *)p) : json_null();
    case REAL:
        return json_real(*(const double *)p);
    case SIZE:
        return json_integer((json_int_t) * (const size_t *)p);
    case WIDE:
        return json_integer((json_int_t) * (const uint64_t *)p);
    default:
        return json_boolean(*(const int *)p);
    }
}

static json_t *hash_text(uint64_t h)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, h);
    return json_string(text);
}

/* The order of the examples: as it was said before there was one by passages. */
static bool add_order(json_t *s, const char *order)
{
    bool file = order && strcmp(order, "file") == 0,
         passages = order && strcmp(order, "passages") == 0;
    return !json_object_set_new(s, "file_order", json_boolean(file)) &&
           (!passages || !json_object_set_new(s, "order", json_string(order)));
}

/* Only where there is a pull: runs without keep the identities that they had before there were any.
 */
json_t *tac_options_json(const struct tacit_train_options *o)
{
    json_t *s = json_object();
    bool ok = s != NULL;
    for (size_t i = 0; ok && i < sizeof fields / sizeof *fields; i++)
        ok = !json_object_set_new(s, fields[i].name,
                                  value_at((const char *)o + fields[i].at, fields[i].kind));
    ok = ok && add_order(s, o->order);
    if (ok && o->pull_weight > 0)
        ok = !json_object_set_new(s, "pull_text", json_string(o->pull_text)) &&
             !json_object_set_new(s, "pull_weight", json_real(o->pull_weight));
    if (!ok)
        json_decref(s);
    return ok ? s : NULL;
}

static bool add_pull(json_t *settings, const struct tac_train_job *j)
{
    if (!j->pull)
        return true;
    uint64_t rows = tac_hash(TAC_HASH0, j->pull, j->tune->n * sizeof *j->pull);
    return !json_object_set_new(settings, "pull_hash", hash_text(rows));
}

/* As with the pull: only where it was asked for. */
static bool add_place(json_t *settings, const struct tac_train_job *j)
{
    return !j->place ||
           !json_object_set_new(settings, "place", json_string(tac_place_name(j->place)));
}

/* Texts kept as they are change nothing. */
static bool add_cache(json_t *settings, const struct tac_train_job *j)
{
    return j->to.texts != TAC_TEXTS_F16 ||
           !json_object_set_new(settings, "text_cache", json_string("f16"));
}

static json_t *settings_of(const struct tac_train_job *j, const char *method, uint64_t data,
                           uint64_t init)
{
    static const char *const inits[] = {"text", "vocab", "normal", "adapter", "zero"};
    const struct tac_train_options *to = &j->to;
    json_t *s = tac_options_json(j->o);
    bool ok = s != NULL;
    const struct {
        const char *name;
        json_t *value;
    } more[] = {
        {"method", json_string(method)},
        {"tokens", json_integer((json_int_t)j->tune->P)},
        {"init", json_string(inits[j->o->init])},
        {"init_text", j->text ? json_string(j->text) : json_null()},
        {"seed_order", json_integer((json_int_t)to->seed_order)},
        {"seed_init", json_integer((json_int_t)to->seed_init)},
        {"seed_moments", json_integer((json_int_t)to->seed_moments)},
        {"task", json_string(j->task ? tacit_task_name(j->task) : "text")},
        {"model_hash", hash_text(tac_model_hash(j->m->model, j->tune->param != NULL))},
        {"data_hash", hash_text(data)},
        {"init_hash", hash_text(init)},
        {"evaluated", json_boolean(j->validation != NULL)},
        {"backend", json_string(tac_backend_arithmetic(j->m->be))},
        {"share", json_boolean(j->m->session->o.share)},
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (ok)
            ok = !json_object_set_new(s, more[i].name, more[i].value);
        else
            json_decref(more[i].value);
    ok = ok && add_pull(s, j) && add_place(s, j) && add_cache(s, j);
    if (!ok)
        json_decref(s);
    return ok ? s : NULL;
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

/* Everything that training reads of the examples. */
static uint64_t hash_examples(const struct tac_train_job *j)
{
    uint64_t h = TAC_HASH0;
    for (size_t i = 0; i < j->n; i++) {
        const struct tac_query *q = &j->example[i];
        size_t len[2] = {q->n_ctx, q->n_target};
        h = tac_hash(h, len, sizeof len);
        h = tac_hash(h, q->ctx, q->n_ctx * sizeof *q->ctx);
        if (q->at)
            h = tac_hash(h, &q->at, sizeof q->at);
        h = tac_hash(h, q->target, q->n_target * sizeof *q->target);
        if (q->weight)
            h = tac_hash(h, q->weight, q->n_target * sizeof *q->weight);
    }
    return j->validation ? tac_examples_hash(h, j->validation) : h;
}

enum tacit_status tac_job_identify(struct tac_train_job *j, struct tacit_err *err)
{
    uint64_t init = TAC_HASH0;
    if (j->init)
        init = tac_hash(init, j->init, j->tune->n * sizeof *j->init);
    struct sink sink = {.err = err};
    const char *method;
    if (tac_tune_spec_text(&j->tune->spec, &method, err))
        return TACIT_EFAIL;
    j->settings = settings_of(j, method, hash_examples(j), init);
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

enum tacit_status tac_job_claim(struct tac_train_job *j, struct tacit_err *err)
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

void tac_job_discard(const struct tac_train_job *j)
{
    static const char *const names[] = {"run.json", "metrics.jsonl", "timing.jsonl",
                                        "prompts.safetensors", ".lock"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = tac_path(j->o->out, names[i], NULL);
        if (path)
            unlink(path);
        free(path);
    }
    rmdir(j->o->out);
}
