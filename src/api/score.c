#include "api/handles.h"

#include "base/resident.h"
#include "run/generate.h"

#include <stdlib.h>
#include <string.h>

/* The adapter's own tune, or a copy of it on this model. */
static enum tacit_status open_tune(struct tac_condition *c, struct tacit_model *m,
                                   const struct tac_tune *from, struct tacit_err *err)
{
    c->ports = from->ports;
    if (from->weights == m->weights)
        return TACIT_OK;
    enum tacit_status s = tac_tune_make(&c->tune, &from->spec, m->weights, false, NULL, err);
    float *values = NULL;
    if (!s && c->tune->n != from->n)
        s = tac_fail(err, TACIT_EINPUT, "the adapter has %zu parameters, on this model %zu",
                     from->n, c->tune->n);
    if (!s && !(values = tac_alloc(from->n, sizeof *values, err)))
        s = TACIT_EFAIL;
    if (!s) {
        tac_tune_get(from, values);
        tac_tune_set(c->tune, values);
        c->ports = c->tune->ports;
    }
    free(values);
    return s;
}

static enum tacit_status open_adapter(struct tac_condition *c, struct tacit_model *m,
                                      const struct tacit_adapter *a, struct tacit_err *err)
{
    if (a->tune)
        return open_tune(c, m, a->tune, err);
    if (a->p.C != m->model->c.C)
        return tac_fail(err, TACIT_EINPUT, "the adapter is %zu wide, the model %zu", a->p.C,
                        m->model->c.C);
    enum tacit_status s =
        tac_tune_open(&c->tune, &tac_method_prompt, m->weights, a->p.P, false, NULL, err);
    if (s)
        return s;
    tac_tune_set(c->tune, a->p.values);
    c->ports = c->tune->ports;
    return tac_prefix_soft(&c->prefix, a->p.P, err);
}

static enum tacit_status open_text(struct tac_condition *c, struct tacit_model *m, const char *text,
                                   struct tacit_err *err)
{
    struct tac_ids ids = {0};
    const int32_t *after;
    size_t n_after;
    if (!m->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, a prompt in words needs one",
                        m->model->path);
    enum tacit_status s = tac_tokenizer_encode(m->tokenizer->t, &ids, text, strlen(text), err);
    if (!s && !ids.n)
        s = tac_fail(err, TACIT_EINPUT, "the prompt's text is empty");
    if (!s)
        s = tac_prefix_tokens(&c->prefix, ids.id, ids.n, err);
    if (!s)
        tac_tokenizer_affixes(m->tokenizer->t, &c->prefix.begin, &c->prefix.n_begin, &after,
                              &n_after);
    free(ids.id);
    return s;
}

enum tacit_status tac_condition_open(struct tac_condition *c, struct tacit_model *m,
                                     const struct tacit_prompt *prompt, struct tacit_err *err)
{
    *c = (struct tac_condition){.ports = tac_ports_plain(m->weights)};
    enum tac_place place = TAC_PLACE_TEMPLATE;
    enum tacit_status s =
        prompt ? tac_place_find(&place, prompt->place, "the prompt's place", err) : TACIT_OK;
    if (s)
        return s;
    if (prompt && prompt->adapter && !prompt->place)
        place = prompt->adapter->p.place;
    if (prompt && prompt->adapter)
        s = open_adapter(c, m, prompt->adapter, err);
    else if (prompt && prompt->text)
        s = open_text(c, m, prompt->text, err);
    c->prefix.place = place;
    if (s)
        tac_condition_close(c);
    return s;
}

void tac_condition_close(struct tac_condition *c)
{
    tac_prefix_release(&c->prefix);
    tac_tune_close(c->tune);
    *c = (struct tac_condition){0};
}

static int report_work(void *ctx, size_t done, size_t total)
{
    const struct tacit_progress *p = ctx;
    struct tacit_event ev = {.kind = TACIT_EVENT_WORK, .done = done, .total = total};
    return p->report(p->ctx, &ev);
}

struct tac_score_options tac_score_options_public(const struct tacit_progress *p)
{
    struct tac_score_options o = tac_score_options_default();
    if (p && p->report) {
        o.progress = report_work;
        o.ctx = (void *)(uintptr_t)p;
    }
    return o;
}

static struct tac_query *take_queries(const struct tacit_query *query, size_t n,
                                      struct tacit_err *err)
{
    struct tac_query *q = tac_alloc(n, sizeof *q, err);
    for (size_t i = 0; q && i < n; i++)
        q[i] = (struct tac_query){.ctx = query[i].context,
                                  .n_ctx = query[i].n_context,
                                  .target = query[i].target,
                                  .n_target = query[i].n_target,
                                  .at = query[i].at,
                                  .under = query[i].prompt};
    return q;
}

/* Several conditions, as tac_score takes them. */
struct conditions {
    struct tac_condition *c;
    struct tac_ports *ports;
    struct tac_prefix *prefix;
    size_t n;
};

static void conditions_close(struct conditions *x)
{
    for (size_t i = 0; x->c && i < x->n; i++)
        tac_condition_close(&x->c[i]);
    free(x->c);
    free(x->ports);
    free(x->prefix);
}

/* The prompts that queries count in. */
static enum tacit_status conditions_open(struct conditions *x, struct tacit_model *m,
                                         const struct tacit_prompt *prompt,
                                         const struct tac_query *q, size_t n, struct tacit_err *err)
{
    *x = (struct conditions){.n = 1};
    for (size_t i = 0; i < n; i++)
        x->n = q[i].under >= x->n ? q[i].under + 1 : x->n;
    if (!prompt && x->n > 1)
        return tac_fail(err, TACIT_EINPUT, "a query names prompt %zu, there is none", x->n - 1);
    x->c = tac_alloc(x->n, sizeof *x->c, err);
    x->ports = tac_alloc(x->n, sizeof *x->ports, err);
    x->prefix = tac_alloc(x->n, sizeof *x->prefix, err);
    enum tacit_status s = x->c && x->ports && x->prefix ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < x->n; i++) {
        s = tac_condition_open(&x->c[i], m, prompt ? &prompt[i] : NULL, err);
        x->ports[i] = x->c[i].ports;
        x->prefix[i] = x->c[i].prefix;
    }
    return s;
}

enum tacit_status tacit_score(struct tacit_model *m, double *logprob, int32_t *best,
                              const struct tacit_prompt *prompt, const struct tacit_query *query,
                              size_t n, const struct tacit_progress *progress,
                              struct tacit_err *err)
{
    struct conditions c = {0};
    struct tac_score_options o = tac_score_options_public(progress);
    struct tac_query *q = take_queries(query, n, err);
    enum tacit_status s = q ? conditions_open(&c, m, prompt, q, n, err) : TACIT_EFAIL;
    if (!s)
        s = tac_score(m->session, logprob, best, c.ports, c.prefix, q, n, &o, err);
    conditions_close(&c);
    free(q);
    return s;
}

size_t tac_memory_with(const struct tacit_model *m, size_t program, const struct tac_param *param,
                       size_t more)
{
    size_t all = tac_session_taken(m->session, param) - m->session->program_bytes + program + more,
           peak = tac_resident_peak();
    return all > peak ? all : peak;
}

enum tacit_status tac_score_plan(struct tacit_model *m, const struct tacit_prompt *prompt,
                                 const struct tac_query *q, size_t n, size_t *bytes, size_t *rows,
                                 struct tacit_err *err)
{
    struct conditions c;
    struct tac_demand most = {0};
    struct tac_score_options o = tac_score_options_public(NULL);
    size_t program = tac_session_program(m->session);
    enum tacit_status s = conditions_open(&c, m, prompt, q, n, err);
    if (!s)
        s = tac_score_measure(m->session, &most, c.ports, c.prefix, q, n, &o, err);
    *rows = most.rows;
    *bytes = s ? 0 : tac_memory_with(m, program, c.ports->param, most.bytes + most.plan);
    conditions_close(&c);
    return s;
}

enum tacit_status tacit_score_plan(struct tacit_model *m, const struct tacit_prompt *prompt,
                                   const struct tacit_query *query, size_t n, size_t *bytes,
                                   size_t *rows, struct tacit_err *err)
{
    struct tac_query *q = take_queries(query, n, err);
    enum tacit_status s = q ? tac_score_plan(m, prompt, q, n, bytes, rows, err) : TACIT_EFAIL;
    free(q);
    return s;
}

struct tacit_generate_options tacit_generate_options_default(void)
{
    return (struct tacit_generate_options){.max_tokens = 64, .top_p = 1};
}

enum tacit_status tacit_generate(struct tacit_model *m, const struct tacit_prompt *prompt,
                                 const int32_t *ids, size_t n,
                                 const struct tacit_generate_options *o,
                                 int (*on_token)(void *ctx, int32_t id, double logprob), void *ctx,
                                 struct tacit_err *err)
{
    struct tac_condition c;
    struct tac_generate_options go = {.max_tokens = o->max_tokens,
                                      .temperature = o->temperature,
                                      .top_k = o->top_k,
                                      .top_p = o->top_p,
                                      .seed = o->seed,
                                      .stop = o->stop,
                                      .n_stop = o->n_stop};
    enum tacit_status s = tac_condition_open(&c, m, prompt, err);
    if (s)
        return s;
    s = tac_generate(m->session, &c.ports, &c.prefix, ids, n, &go, on_token, ctx, err);
    tac_condition_close(&c);
    return s;
}
