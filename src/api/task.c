#include "api/handles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_LENGTH = 2048 };

enum tacit_status tacit_task_open(struct tacit_task **out, const char *name,
                                  const char *const *folders, struct tacit_err *err)
{
    struct tacit_task *t = *out = tac_alloc(1, sizeof *t, err);
    char *path = NULL;
    size_t n = 0;
    if (!t)
        return TACIT_EFAIL;
    while (folders && folders[n])
        n++;
    enum tacit_status s = tac_task_find(&path, name, folders, n, err);
    if (!s)
        s = tac_task_open(&t->t, path, err);
    free(path);
    if (s) {
        free(t);
        *out = NULL;
    }
    return s;
}

void tacit_task_close(struct tacit_task *t)
{
    if (t)
        tac_task_close(t->t);
    free(t);
}

const char *tacit_task_name(const struct tacit_task *t)
{
    return t->t->name;
}

const char *tacit_task_description(const struct tacit_task *t)
{
    return t->t->description;
}

const char *tacit_task_metric(const struct tacit_task *t)
{
    return tac_metric_name(t->t->metric[0]);
}

struct tacit_examples_options tacit_examples_options_default(void)
{
    return (struct tacit_examples_options){.max_length = DEFAULT_MAX_LENGTH};
}

static enum tacit_status encode_piece(void *self, struct tac_ids *out, const char *text, size_t n,
                                      unsigned how, struct tacit_err *err)
{
    return tac_encoder_encode(self, out, text, n, how, err);
}

/* Without a tokenizer the examples have texts but no ids. */
static enum tacit_status encode_nothing(void *self, struct tac_ids *out, const char *text, size_t n,
                                        unsigned how, struct tacit_err *err)
{
    (void)how;
    (void)self;
    (void)text;
    (void)n;
    enum tacit_status s = tac_grow(&out->id, &out->cap, out->n + 1, sizeof *out->id, err);
    if (!s)
        out->id[out->n++] = 0;
    return s;
}

static enum tacit_status render(struct tacit_examples *e, const struct tacit_tokenizer *t,
                                size_t max_length, struct tacit_err *err)
{
    struct tac_encoder *encoder = NULL;
    enum tacit_status s = t ? tac_encoder_new(&encoder, t->t, err) : TACIT_OK;
    struct tac_text_encoder te = {t ? encode_piece : encode_nothing, encoder, 0};
    const int32_t *before, *after;
    size_t n_after;
    if (t)
        tac_tokenizer_affixes(t->t, &before, &te.n_begin, &after, &n_after);
    if (!s)
        s = tac_render(&e->rendered, &e->data, &te, max_length ? max_length : DEFAULT_MAX_LENGTH,
                       err);
    tac_encoder_free(encoder);
    return s;
}

enum tacit_status tacit_examples_load(struct tacit_examples **out, const struct tacit_task *task,
                                      const char *data, const char *split,
                                      const struct tacit_tokenizer *t,
                                      const struct tacit_examples_options *o, struct tacit_err *err)
{
    struct tacit_examples *e = *out = tac_alloc(1, sizeof *e, err);
    if (!e)
        return TACIT_EFAIL;
    struct tac_dataset_options so = {.data_dir = data,
                                     .split = split,
                                     .limit = o->limit,
                                     .shots = o->shots,
                                     .seed = o->seed,
                                     .need_gold = o->labelled};
    enum tacit_status s = tac_dataset_load(&e->data, task->t, &so, err);
    if (!s)
        s = render(e, t, o->max_length, err);
    e->tokenised = t != NULL;
    if (s) {
        tacit_examples_free(e);
        *out = NULL;
    }
    return s;
}

void tacit_examples_free(struct tacit_examples *e)
{
    if (!e)
        return;
    tac_rendered_release(&e->rendered);
    tac_dataset_release(&e->data);
    free(e);
}

size_t tacit_examples_count(const struct tacit_examples *e)
{
    return e->data.n;
}

size_t tacit_examples_truncated(const struct tacit_examples *e)
{
    return e->rendered.truncated;
}

void tacit_examples_get(const struct tacit_examples *e, size_t i, struct tacit_example *out)
{
    const struct tac_example *x = &e->data.example[i];
    const struct tac_rendered_example *r = &e->rendered.example[i];
    *out = (struct tacit_example){.input = x->input,
                                  .ids = r->ctx,
                                  .n_ids = e->tokenised ? r->n_ctx : 0,
                                  .at = e->tokenised ? r->at : 0,
                                  .mark = x->mark,
                                  .n_answers = x->n_answers,
                                  .gold = x->gold};
}

const char *tacit_examples_answer(const struct tacit_examples *e, size_t i, size_t answer,
                                  const int32_t **ids, size_t *n)
{
    *ids = e->rendered.example[i].answer[answer];
    *n = e->tokenised ? e->rendered.example[i].n_answer[answer] : 0;
    return e->data.example[i].answer[answer];
}

struct tac_query tac_examples_query(const struct tacit_examples *e, size_t i, size_t answer)
{
    const struct tac_rendered_example *r = &e->rendered.example[i];
    return (struct tac_query){.ctx = r->ctx,
                              .n_ctx = r->n_ctx,
                              .target = r->answer[answer],
                              .n_target = r->n_answer[answer],
                              .at = r->at};
}

struct tac_query *tac_examples_queries(const struct tacit_examples *e, size_t *n,
                                       struct tacit_err *err)
{
    size_t at = *n = 0;
    for (size_t i = 0; i < e->data.n; i++)
        *n += e->data.example[i].n_answers;
    struct tac_query *q = tac_alloc(*n, sizeof *q, err);
    for (size_t i = 0; q && i < e->data.n; i++)
        for (size_t k = 0; k < e->data.example[i].n_answers; k++)
            q[at++] = tac_examples_query(e, i, k);
    return q;
}

/* The longest of its answers. */
static size_t longest_answer(const struct tacit_examples *e, size_t i)
{
    size_t most = 0;
    for (size_t k = 1; k < e->data.example[i].n_answers; k++)
        if (e->rendered.example[i].n_answer[k] > e->rendered.example[i].n_answer[most])
            most = k;
    return most;
}

enum tacit_status tac_examples_fit(const struct tacit_examples *e, const struct tacit_model *m,
                                   size_t own, bool right, struct tacit_err *err)
{
    size_t most = tac_session_longest(m->session);
    for (size_t i = 0; i < e->data.n; i++) {
        const struct tac_example *x = &e->data.example[i];
        struct tacit_err why;
        char line[32];
        struct tac_query q =
            tac_examples_query(e, i, right ? (size_t)x->gold : longest_answer(e, i));
        snprintf(line, sizeof line, ":%zu", x->line);
        if (!tac_query_fits(m->session, &q, own, line, &why))
            continue;
        if (own >= most)
            return tac_fail(err, TACIT_EINPUT, "%s%s", e->data.path, why.msg);
        return tac_fail(err, TACIT_EINPUT,
                        "%s%s: --max-length %zu (max_length in a study's file) cuts inputs",
                        e->data.path, why.msg, most - own + 1);
    }
    return TACIT_OK;
}

uint64_t tac_examples_hash(uint64_t h, const struct tacit_examples *e)
{
    for (size_t i = 0; i < e->data.n; i++) {
        const struct tac_rendered_example *r = &e->rendered.example[i];
        size_t head[3] = {r->n_ctx, e->data.example[i].n_answers, (size_t)e->data.example[i].gold};
        h = tac_hash(h, head, sizeof head);
        h = tac_hash(h, r->ctx, r->n_ctx * sizeof *r->ctx);
        if (r->at) /* texts without a mark keep the hashes that they had before there were any */
            h = tac_hash(h, &r->at, sizeof r->at);
        for (size_t k = 0; k < head[1]; k++)
            h = tac_hash(h, r->answer[k], r->n_answer[k] * sizeof **r->answer);
    }
    return h;
}
