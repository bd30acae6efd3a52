/* Units that look into a prompt. */
#include "study/work.h"

#include "format/json.h"
#include "interpret/ablate.h"
#include "interpret/adapters.h"
#include "stats/describe.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 2000, PATH_STEPS = 8 };

static json_t *real_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

/* One trained token: where it started, what it is near to. */
static json_t *reading_json(const struct tacit_reading *r)
{
    json_t *near = json_array(), *out = json_object();
    bool ok = near && out;
    for (size_t i = 0; ok && i < r->k; i++) {
        const struct tacit_neighbor *n = &r->view[0].neighbor[i];
        ok = !json_array_append_new(
            near, json_pack("[i, s, s, f]", (int)n->id, n->text, n->script, n->cosine));
    }
    if (ok)
        ok = !json_object_set_new(out, "start", json_string(r->init_text)) &&
             !json_object_set_new(out, "id", json_integer(r->init_id)) &&
             !json_object_set_new(out, "persisted", json_boolean(r->persisted)) &&
             !json_object_set_new(out, "drift", real_or_null(r->view[0].drift)) &&
             !json_object_set_new(out, "normed", real_or_null(r->view[1].drift)) &&
             !json_object_set_new(out, "near", near);
    else
        json_decref(near);
    if (!ok)
        json_decref(out);
    return ok ? out : NULL;
}

enum tacit_status tac_unit_read(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    struct tacit_adapter a = {.p.init_text = (char *)(uintptr_t)p->text};
    struct tacit_explain *e = NULL;
    struct tacit_explain_options o = tacit_explain_options_default();
    json_t *out = json_array();
    o.k = w->st->spec.neighbors;
    enum tacit_status s =
        out ? tac_store_rows(&w->st->store, &a.p.values, &a.p.P, &a.p.C, p->key, err)
            : tac_fail_memory(err, 0);
    if (!s)
        s = tacit_explain(&e, w->m, &a, &o, err);
    for (size_t i = 0; !s && i < a.p.P; i++)
        if (json_array_append_new(out, reading_json(tacit_explain_get(e, i))))
            s = tac_fail_memory(err, 0);
    tacit_explain_free(e);
    free(a.p.values);
    if (!s)
        return tac_put_result(w, out, err);
    json_decref(out);
    return s;
}

/* ---- scoring changed prompts ---- */

/* The first examples of a task's test set, as queries and golds. */
struct few {
    struct tac_query *query;
    size_t n, n_query;
};

static enum tacit_status few_open(struct few *f, const struct tacit_examples *e, size_t limit,
                                  struct tacit_err *err)
{
    size_t n = tacit_examples_count(e);
    f->query = tac_examples_queries(e, &f->n_query, err);
    f->n = limit && limit < n ? limit : n;
    f->n_query = 0;
    for (size_t i = 0; i < f->n; i++)
        f->n_query += e->data.example[i].n_answers;
    return f->query ? TACIT_OK : TACIT_EFAIL;
}

/* Right or wrong of each example by its answers' log-likelihoods, as 1 and 0; returns the share. */
static double judge_few(double *hit, const struct few *f, const struct tacit_examples *e,
                        const double *loglik)
{
    double right = 0;
    for (size_t i = 0; i < f->n; i++) {
        size_t best = 0, n = e->data.example[i].n_answers;
        for (size_t k = 1; k < n; k++)
            if (loglik[k] > loglik[best])
                best = k;
        hit[i] = (int)best == e->data.example[i].gold;
        right += hit[i];
        loglik += n;
    }
    return right / (double)f->n;
}

/* Mean negative log-likelihood of the right answer, by example. */
static double loss_few(const struct few *f, const struct tacit_examples *e, const double *loglik)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++) {
        sum -= loglik[e->data.example[i].gold];
        loglik += e->data.example[i].n_answers;
    }
    return sum / (double)f->n;
}

/* ---- knocking out ---- */

struct knockout {
    struct few few;
    float *rows, *mean;
    size_t P, C;
    double *hit;                        /* whole, then changed: (2, n) */
    double *whole, *replaced, *removed; /* log-likelihoods: (q), (P,q), (P,q) */
};

static enum tacit_status knockout_open(struct knockout *k, struct tac_work *w,
                                       const struct tacit_examples *e, struct tacit_err *err)
{
    enum tacit_status s = few_open(&k->few, e, w->st->spec.knockout.examples, err);
    if (!s)
        s = tac_store_rows(&w->st->store, &k->rows, &k->P, &k->C, w->st->prompt[w->u->a].key, err);
    if (s)
        return s;
    size_t q = k->few.n_query;
    k->mean = tac_alloc(k->C, sizeof *k->mean, err);
    k->hit = tac_alloc(2 * k->few.n, sizeof *k->hit, err);
    k->whole = tac_alloc(q, sizeof *k->whole, err);
    k->replaced = tac_alloc(k->P * q, sizeof *k->replaced, err);
    k->removed = tac_alloc(k->P * q, sizeof *k->removed, err);
    return k->mean && k->hit && k->whole && k->replaced && k->removed ? TACIT_OK : TACIT_EFAIL;
}

static void knockout_release(struct knockout *k)
{
    free(k->few.query);
    free(k->rows);
    free(k->mean);
    free(k->hit);
    free(k->whole);
    free(k->replaced);
    free(k->removed);
}

static enum tacit_status knockout_score(struct knockout *k, struct tac_work *w,
                                        struct tacit_err *err)
{
    struct tac_session *se = w->m->session;
    struct tac_score_options o = tac_score_options_public(w->progress);
    size_t n = k->few.n_query, vocab = tacit_tokenizer_size(w->m->tokenizer);
    enum tacit_status s = tac_vocabulary_mean(k->mean, w->m->weights, vocab, err);
    if (!s)
        s = tac_rows_score(k->whole, se, k->rows, k->P, k->few.query, n, &o, err);
    if (!s)
        s = tac_knockout(k->replaced, se, k->rows, k->P, k->mean, k->few.query, n, &o, err);
    if (!s)
        s = tac_knockout(k->removed, se, k->rows, k->P, NULL, k->few.query, n, &o, err);
    return s;
}

static enum tacit_status knockout_json(json_t *out, const struct knockout *k,
                                       const struct tacit_examples *e, struct tacit_err *err)
{
    double base = judge_few(k->hit, &k->few, e, k->whole), *changed = k->hit + k->few.n;
    for (size_t i = 0; i < k->P; i++) {
        size_t at = i * k->few.n_query;
        struct tac_paired d;
        double removed = judge_few(changed, &k->few, e, k->removed + at) - base;
        double accuracy = judge_few(changed, &k->few, e, k->replaced + at);
        enum tacit_status s =
            tac_paired_difference(&d, changed, k->hit, k->few.n, RESAMPLES, 0, err);
        if (s)
            return s;
        if (json_array_append_new(out, json_pack("{s:f, s:f, s:f, s:f, s:f}", "accuracy", accuracy,
                                                 "change", d.mean, "low", d.bootstrap.low, "high",
                                                 d.bootstrap.high, "removed", removed)))
            return tac_fail_memory(err, 0);
    }
    return TACIT_OK;
}

enum tacit_status tac_unit_knockout(struct tac_work *w, struct tacit_err *err)
{
    const struct tacit_examples *e = w->st->task[w->u->target].test;
    struct knockout k = {0};
    json_t *out = json_array();
    enum tacit_status s = out ? knockout_open(&k, w, e, err) : tac_fail_memory(err, 0);
    if (!s)
        s = knockout_score(&k, w, err);
    if (!s)
        s = knockout_json(out, &k, e, err);
    knockout_release(&k);
    if (!s)
        return tac_put_result(w, out, err);
    json_decref(out);
    return s;
}

/* ---- between two prompts ---- */

static enum tacit_status walk(json_t *out[3], struct tac_work *w, const struct few *f,
                              const float *a, const float *b, size_t P, struct tacit_err *err)
{
    const struct tacit_examples *e = w->st->task[w->u->target].test;
    struct tac_score_options o = tac_score_options_public(w->progress);
    size_t n = P * w->m->model->c.C;
    float *rows = tac_alloc(n, sizeof *rows, err);
    double *loglik = tac_alloc(f->n_query, sizeof *loglik, err);
    double *hit = tac_alloc(f->n, sizeof *hit, err);
    enum tacit_status s = rows && loglik && hit ? TACIT_OK : TACIT_EFAIL;
    for (int i = 0; !s && i <= PATH_STEPS; i++) {
        double t = (double)i / PATH_STEPS;
        tac_rows_between(rows, a, b, t, n);
        s = tac_rows_score(loglik, w->m->session, rows, P, f->query, f->n_query, &o, err);
        if (s)
            break;
        double value[3] = {t, judge_few(hit, f, e, loglik), loss_few(f, e, loglik)};
        for (int k = 0; k < 3; k++)
            if (json_array_append_new(out[k], json_real(value[k])))
                s = tac_fail_memory(err, 0);
    }
    free(rows);
    free(loglik);
    free(hit);
    return s;
}

enum tacit_status tac_unit_path(struct tac_work *w, struct tacit_err *err)
{
    struct few f = {0};
    float *a = NULL, *b = NULL;
    size_t P, C;
    json_t *out[3] = {json_array(), json_array(), json_array()};
    enum tacit_status s =
        few_open(&f, w->st->task[w->u->target].test, w->st->spec.paths.examples, err);
    if (!s)
        s = tac_store_rows(&w->st->store, &a, &P, &C, w->st->prompt[w->u->a].key, err);
    if (!s)
        s = tac_store_rows(&w->st->store, &b, &P, &C, w->st->prompt[w->u->b].key, err);
    if (!s)
        s = walk(out, w, &f, a, b, P, err);
    free(f.query);
    free(a);
    free(b);
    if (!s)
        return tac_put_result(
            w, json_pack("{s:o, s:o, s:o}", "t", out[0], "accuracy", out[1], "loss", out[2]), err);
    for (int k = 0; k < 3; k++)
        json_decref(out[k]);
    return s;
}

/* ---- two adapters ---- */

enum tacit_status tac_unit_alike(struct tac_work *w, struct tacit_err *err)
{
    struct tac_buf a = {0}, b = {0};
    struct tac_adapters_alike v = {0};
    enum tacit_status s = tac_run_folder(&a, w, &w->st->prompt[w->u->a], err);
    if (!s)
        s = tac_run_folder(&b, w, &w->st->prompt[w->u->b], err);
    if (!s)
        s = tac_adapters_alike(&v, a.data, b.data, err);
    tac_buf_release(&a);
    tac_buf_release(&b);
    return s ? s
             : tac_put_result(
                   w, json_pack("{s:f, s:f}", "distance", v.distance, "cosine", v.cosine), err);
}
