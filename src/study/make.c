/* Units that make prompts: texts, rows of the vocabulary, controls; trained.c has the rest. */
#include "study/work.h"

#include "base/rng.h"
#include "interpret/perturb.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_RANDOM = 21 };

static enum tacit_status put_prompt(struct tac_work *w, const struct tac_made *x,
                                    struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    struct tac_store_prompt row = {.key = p->key,
                                   .unit = w->u->key,
                                   .kind = tac_kind_name(w->st, p->kind),
                                   .task = p->task >= 0 ? w->st->task[p->task].name : NULL,
                                   .label = p->key,
                                   .text = x->text,
                                   .start = x->rows ? p->text : NULL,
                                   .seed = p->index,
                                   .tokens = x->P,
                                   .width = w->m->model->c.C,
                                   .parameters = x->parameters,
                                   .data = x->rows};
    return tac_store_prompt(&w->st->store, &row, err);
}

enum tacit_status tac_begin_made(struct tac_work *w, const struct tac_made *x,
                                 struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s =
        x->result ? tac_json_write(&text, x->result, TAC_JSON_LINE, err) : TACIT_OK;
    if (!s)
        s = tac_begin_unit(w, text.data, err);
    tac_buf_release(&text);
    if (s)
        return s;
    s = put_prompt(w, x, err);
    return s ? tac_store_end(&w->st->store, s, err) : TACIT_OK;
}

static enum tacit_status put_made(struct tac_work *w, const struct tac_made *x,
                                  struct tacit_err *err)
{
    enum tacit_status s = tac_begin_made(w, x, err);
    return s ? s : tac_store_end(&w->st->store, TACIT_OK, err);
}

static enum tacit_status encode(const struct tacit_model *m, struct tac_ids *ids, const char *text,
                                unsigned how, struct tacit_err *err)
{
    if (!m->tokenizer)
        return tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, a study needs one",
                        m->model->path);
    enum tacit_status s =
        tac_tokenizer_encode_as(m->tokenizer->t, ids, text, strlen(text), how, err);
    if (!s && !ids->n)
        s = tac_fail(err, TACIT_EINPUT, "the text '%.60s' has no tokens", text);
    return s;
}

static enum tacit_status make_text(struct tac_work *w, const char *text, struct tacit_err *err)
{
    struct tac_ids ids = {0};
    enum tacit_status s = text ? encode(w->m, &ids, text, 0, err) : TACIT_OK;
    struct tac_made x = {.P = ids.n, .text = (char *)(uintptr_t)text};
    free(ids.id);
    return s ? s : put_made(w, &x, err);
}

/* The embedding's rows of these tokens, and their text. */
static enum tacit_status rows_of(struct tac_work *w, struct tac_made *x, const int32_t *id,
                                 size_t P, struct tacit_err *err)
{
    size_t bytes;
    x->P = P;
    x->rows = tac_alloc(P * w->m->model->c.C, sizeof *x->rows, err);
    if (!x->rows)
        return TACIT_EFAIL;
    tac_weights_read_rows(w->m->weights, TAC_P_EMBED, id, P, x->rows);
    return tacit_decode(w->m->tokenizer, &x->text, &bytes, id, P, err);
}

static enum tacit_status make_rows(struct tac_work *w, const int32_t *id, size_t P,
                                   struct tacit_err *err)
{
    struct tac_made x = {0};
    enum tacit_status s = rows_of(w, &x, id, P, err);
    if (!s)
        s = put_made(w, &x, err);
    free(x.rows);
    free(x.text);
    return s;
}

static int32_t *tokens_of(const struct tac_work *w, struct tacit_err *err)
{
    return tac_alloc(w->st->spec.tokens, sizeof(int32_t), err);
}

static enum tacit_status make_random(struct tac_work *w, struct tacit_err *err)
{
    size_t P = w->st->spec.tokens, n = tacit_tokenizer_size(w->m->tokenizer);
    struct tac_rng rng = tac_rng_init(w->st->prompt[w->u->a].index, STREAM_RANDOM);
    int32_t *id = tokens_of(w, err);
    for (size_t i = 0; id && i < P; i++)
        id[i] = (int32_t)tac_rng_below(&rng, (uint32_t)n);
    enum tacit_status s = id ? make_rows(w, id, P, err) : TACIT_EFAIL;
    free(id);
    return s;
}

enum tacit_status tac_start_tokens(const struct tacit_model *m, int32_t *id, const char *text,
                                   size_t P, struct tacit_err *err)
{
    struct tac_ids ids = {0};
    enum tacit_status s = encode(m, &ids, text, TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS, err);
    for (size_t i = 0; !s && i < P; i++)
        id[i] = ids.id[i % ids.n];
    free(ids.id);
    return s;
}

static enum tacit_status make_start(struct tac_work *w, struct tacit_err *err)
{
    const char *text = w->st->prompt[w->u->a].text;
    size_t P = w->st->spec.tokens;
    int32_t *id = tokens_of(w, err);
    enum tacit_status s = id ? tac_start_tokens(w->m, id, text, P, err) : TACIT_EFAIL;
    if (!s)
        s = make_rows(w, id, P, err);
    free(id);
    return s;
}

enum tacit_status tac_nearest_tokens(struct tacit_model *m, int32_t *id, float *rows, size_t P,
                                     struct tacit_err *err)
{
    struct tacit_adapter a = {.p = {.P = P, .C = m->model->c.C, .values = rows}};
    struct tacit_explain *e = NULL;
    struct tacit_explain_options o = tacit_explain_options_default();
    o.k = 1;
    o.controls = 0;
    enum tacit_status s = tacit_explain(&e, m, &a, &o, err);
    for (size_t i = 0; !s && i < P; i++)
        id[i] = tacit_explain_get(e, i)->view[0].neighbor[0].id;
    tacit_explain_free(e);
    return s;
}

/* The nearest tokens of the prompt that this one is made from, as rows. */
static enum tacit_status make_discrete(struct tac_work *w, struct tacit_err *err)
{
    float *rows = NULL;
    size_t P, C;
    int32_t *id = tokens_of(w, err);
    enum tacit_status s = id ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = tac_store_rows(&w->st->store, &rows, &P, &C, w->st->prompt[w->u->b].key, err);
    if (!s)
        s = tac_nearest_tokens(w->m, id, rows, P, err);
    if (!s)
        s = make_rows(w, id, P, err);
    free(rows);
    free(id);
    return s;
}

/* The start moved as far, token by token, as training moved the prompt that this one is made from,
 * in a random direction. */
static enum tacit_status make_drift(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    struct tac_made start = {0}, x = {.text = NULL};
    float *trained = NULL;
    size_t C, short_rows, P = w->st->spec.tokens;
    int32_t *id = tokens_of(w, err);
    enum tacit_status s = id ? tac_start_tokens(w->m, id, p->text, P, err) : TACIT_EFAIL;
    if (!s)
        s = rows_of(w, &start, id, P, err);
    if (!s)
        s = tac_store_rows(&w->st->store, &trained, &x.P, &C, w->st->prompt[w->u->b].key, err);
    x.rows = s ? NULL : tac_alloc(x.P * C, sizeof *x.rows, err);
    if (!s && !x.rows)
        s = TACIT_EFAIL;
    if (!s)
        s = tac_perturb_matched(x.rows, &short_rows, w->m->weights, start.rows, trained, x.P,
                                p->index, err);
    if (!s)
        s = put_made(w, &x, err);
    free(x.rows);
    free(trained);
    free(start.rows);
    free(start.text);
    free(id);
    return s;
}

enum tacit_status tac_unit_make(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &w->st->prompt[w->u->a];
    switch (p->kind) {
    case TAC_KIND_NONE:
        return make_text(w, NULL, err);
    case TAC_KIND_DESCRIPTION:
    case TAC_KIND_PARAPHRASE:
        return make_text(w, p->text, err);
    case TAC_KIND_RANDOM:
        return make_random(w, err);
    case TAC_KIND_START:
        return make_start(w, err);
    case TAC_KIND_DRIFT:
        return make_drift(w, err);
    case TAC_KIND_DISCRETE:
        return make_discrete(w, err);
    default:
        return tac_make_trained(w, err);
    }
}
