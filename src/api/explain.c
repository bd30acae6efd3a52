#include "api/handles.h"

#include "interpret/nearest.h"
#include "interpret/script.h"

#include <stdlib.h>
#include <string.h>

struct tacit_explain {
    struct tacit_reading *reading;
    size_t n;
    struct tac_arena arena;
};

struct tacit_explain_options tacit_explain_options_default(void)
{
    return (struct tacit_explain_options){.k = 5, .controls = 16};
}

/* A token's text, owned by e; bytes that are no character become U+FFFD. */
static const char *token_text(struct tacit_explain *e, const struct tacit_model *m, int32_t id,
                              struct tacit_err *err)
{
    struct tac_buf text = {0};
    if (!m->tokenizer || id < 0)
        return "";
    const char *copy = NULL;
    if (!tac_buf_add(&text, "", 0, err) && !tac_tokenizer_piece(m->tokenizer->t, &text, id, err))
        copy = tac_arena_strndup(&e->arena, text.data, text.len, err);
    tac_buf_release(&text);
    return copy;
}

static const char *token_script(const struct tacit_model *m, int32_t id)
{
    size_t n = 0;
    const char *bytes = m->tokenizer ? tac_tokenizer_token(m->tokenizer->t, id, &n, NULL) : NULL;
    return bytes ? tac_script(bytes, n) : "none";
}

static enum tacit_status fill_view(struct tacit_explain *e, struct tacit_reading *r, int view,
                                   const struct tacit_model *m, const struct tac_near *near,
                                   struct tacit_err *err)
{
    struct tacit_neighbor *to = tac_arena_alloc(&e->arena, r->k, sizeof *to, err);
    if (!to)
        return TACIT_EFAIL;
    for (size_t i = 0; i < r->k; i++) {
        to[i] = (struct tacit_neighbor){.id = near->id[i],
                                        .text = token_text(e, m, near->id[i], err),
                                        .script = token_script(m, near->id[i]),
                                        .cosine = near->cosine[i]};
        if (!to[i].text)
            return TACIT_EFAIL;
    }
    r->view[view].neighbor = to;
    r->view[view].margin = near->margin;
    r->view[view].z = near->z;
    r->view[view].init_cosine = near->init_cosine;
    r->view[view].init_rank = near->init_rank;
    r->view[view].drift = near->drift;
    r->view[view].drift_ratio = near->drift_ratio;
    return TACIT_OK;
}

/* The tokens that the prompt started from: its init text tiled over its rows, -1 where that is not
 * known. */
static enum tacit_status init_tokens(int32_t *init, const struct tacit_model *m,
                                     const struct tacit_adapter *a, struct tacit_err *err)
{
    struct tac_ids ids = {0};
    const char *text = a->p.init_text;
    enum tacit_status s = TACIT_OK;
    if (text && *text && m->tokenizer)
        s = tac_tokenizer_encode_as(m->tokenizer->t, &ids, text, strlen(text),
                                    TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS, err);
    for (size_t i = 0; i < a->p.P; i++)
        init[i] = ids.n ? ids.id[i % ids.n] : -1;
    free(ids.id);
    return s;
}

static enum tacit_status read_view(struct tacit_explain *e, int view, const struct tacit_model *m,
                                   const struct tacit_adapter *a, const int32_t *init,
                                   const struct tacit_explain_options *o, struct tacit_err *err)
{
    struct tac_near *near = tac_arena_alloc(&e->arena, e->n, sizeof *near, err);
    struct tac_near_options no = {.k = o->k,
                                  .controls = o->controls,
                                  .seed = o->seed,
                                  .n_vocab = m->tokenizer ? tacit_tokenizer_size(m->tokenizer) : 0,
                                  .normed = view == 1};
    if (!near)
        return TACIT_EFAIL;
    enum tacit_status s =
        tac_nearest(near, &e->arena, m->weights, a->p.values, init, e->n, &no, err);
    for (size_t i = 0; !s && i < e->n; i++)
        s = fill_view(e, &e->reading[i], view, m, &near[i], err);
    return s;
}

enum tacit_status tacit_explain(struct tacit_explain **out, struct tacit_model *m,
                                const struct tacit_adapter *a,
                                const struct tacit_explain_options *o, struct tacit_err *err)
{
    struct tacit_explain *e = *out = tac_alloc(1, sizeof *e, err);
    if (!e)
        return TACIT_EFAIL;
    e->n = a->p.P;
    enum tacit_status s = TACIT_OK;
    int32_t *init = tac_alloc(e->n, sizeof *init, err);
    e->reading = tac_arena_alloc(&e->arena, e->n, sizeof *e->reading, err);
    if (!init || !e->reading)
        s = TACIT_EFAIL;
    else if (o->k == 0 || o->k > m->model->c.V || o->controls > 4096)
        s = tac_fail(err, TACIT_EINPUT, "neighbours: expected 1 to %zu; controls: at most 4096",
                     m->model->c.V);
    else if (a->p.C != m->model->c.C)
        s = tac_fail(err, TACIT_EINPUT, "the adapter is %zu wide, the model %zu", a->p.C,
                     m->model->c.C);
    if (!s)
        s = init_tokens(init, m, a, err);
    for (size_t i = 0; !s && i < e->n; i++) {
        e->reading[i] = (struct tacit_reading){.init_id = init[i], .k = o->k};
        e->reading[i].init_text = token_text(e, m, init[i], err);
        s = e->reading[i].init_text ? TACIT_OK : TACIT_EFAIL;
    }
    for (int view = 0; !s && view < 2; view++)
        s = read_view(e, view, m, a, init, o, err);
    for (size_t i = 0; !s && i < e->n; i++)
        e->reading[i].persisted = init[i] >= 0 && e->reading[i].view[0].neighbor[0].id == init[i];
    free(init);
    if (s) {
        tacit_explain_free(e);
        *out = NULL;
    }
    return s;
}

void tacit_explain_free(struct tacit_explain *e)
{
    if (!e)
        return;
    tac_arena_release(&e->arena);
    free(e);
}

size_t tacit_explain_count(const struct tacit_explain *e)
{
    return e->n;
}

const struct tacit_reading *tacit_explain_get(const struct tacit_explain *e, size_t i)
{
    return &e->reading[i];
}
