#include "task/render.h"

#include <stdlib.h>
#include <string.h>

/* Rendering in progress. */
struct renderer {
    struct tac_rendered *out;
    const struct tac_dataset *data;
    const struct tac_text_encoder *encoder;
    size_t max_length;
    struct tac_ids ids; /* scratch of one text */
    struct tacit_err *err;
};

/* Appends the ids of a piece of text to the scratch. */
static enum tacit_status encode(struct renderer *r, const struct tac_example *e, const char *text,
                                size_t n, unsigned how)
{
    enum tacit_status s = r->encoder->encode(r->encoder->self, &r->ids, text, n, how, r->err);
    return s ? tac_err_prefix(r->err, "%s:%zu: ", r->data->path, e->line) : TACIT_OK;
}

static enum tacit_status check_ids(struct renderer *r, const struct tac_example *e,
                                   const char *text, const char *what)
{
    if (r->ids.n)
        return TACIT_OK;
    return tac_fail(r->err, TACIT_EINPUT, "%s:%zu: the %s '%.60s' gives no tokens", r->data->path,
                    e->line, what, text);
}

/* A copy of the scratch's ids but for `skip` behind the first `begin`. */
static const int32_t *keep(struct renderer *r, size_t begin, size_t skip)
{
    size_t n = r->ids.n - skip;
    int32_t *copy = tac_arena_alloc(&r->out->arena, n, sizeof *copy, r->err);
    if (!copy)
        return NULL;
    if (begin)
        memcpy(copy, r->ids.id, begin * sizeof *copy);
    memcpy(copy + begin, r->ids.id + begin + skip, (n - begin) * sizeof *copy);
    return copy;
}

static enum tacit_status render_answers(struct renderer *r, struct tac_rendered_example *x,
                                        const struct tac_example *e)
{
    struct tac_arena *arena = &r->out->arena;
    const int32_t **answer = tac_arena_alloc(arena, e->n_answers, sizeof *answer, r->err);
    size_t *n = tac_arena_alloc(arena, e->n_answers, sizeof *n, r->err);
    x->answer = answer;
    x->n_answer = n;
    if (!answer || !n)
        return TACIT_EFAIL;
    for (size_t i = 0; i < e->n_answers; i++) {
        r->ids.n = 0;
        enum tacit_status s = encode(r, e, e->answer[i], e->n_answer[i], TACIT_TEXT_CONTINUES);
        if (!s)
            s = check_ids(r, e, e->answer[i], "answer");
        if (s)
            return s;
        n[i] = r->ids.n;
        answer[i] = keep(r, 0, 0);
        if (!answer[i])
            return TACIT_EFAIL;
    }
    return TACIT_OK;
}

/* The ids of the input, in the scratch, and how many of them stand before the mark. */
static enum tacit_status encode_input(struct renderer *r, size_t *at, const struct tac_example *e)
{
    unsigned how = e->mark ? TACIT_TEXT_CONTINUES : TACIT_TEXT_BEGINS;
    r->ids.n = 0;
    enum tacit_status s = e->mark ? encode(r, e, e->input, e->mark, TACIT_TEXT_BEGINS) : TACIT_OK;
    *at = r->ids.n;
    if (!s && e->mark < e->n_input)
        s = encode(r, e, e->input + e->mark, e->n_input - e->mark, how);
    return s ? s : check_ids(r, e, e->input, "input");
}

static enum tacit_status render_input(struct renderer *r, struct tac_rendered_example *x,
                                      const struct tac_example *e)
{
    size_t longest = 0, skip = 0, at, begin = r->encoder->n_begin;
    for (size_t i = 0; i < e->n_answers; i++)
        longest = x->n_answer[i] > longest ? x->n_answer[i] : longest;
    if (r->max_length && longest + begin >= r->max_length)
        return tac_fail(
            r->err, TACIT_EINPUT,
            "%s:%zu: an answer has %zu tokens, which leaves no room for the input within "
            "%zu",
            r->data->path, e->line, longest, r->max_length);
    enum tacit_status s = encode_input(r, &at, e);
    if (s)
        return s;
    if (r->max_length && r->ids.n > r->max_length - longest)
        skip = r->ids.n - (r->max_length - longest);
    x->ctx = keep(r, skip ? begin : 0, skip);
    x->n_ctx = r->ids.n - skip;
    x->at = at > begin + skip || !skip ? at - skip : 0;
    r->out->truncated += skip > 0;
    if (x->n_ctx + longest > r->out->longest)
        r->out->longest = x->n_ctx + longest;
    return x->ctx ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status render_example(struct renderer *r, size_t i)
{
    const struct tac_example *e = &r->data->example[i];
    struct tac_rendered_example *x = &r->out->example[i];
    enum tacit_status s = TACIT_OK;
    if (i && e->answer == e[-1].answer) {
        x->answer = x[-1].answer;
        x->n_answer = x[-1].n_answer;
    } else {
        s = render_answers(r, x, e);
    }
    return s ? s : render_input(r, x, e);
}

enum tacit_status tac_render(struct tac_rendered *r, const struct tac_dataset *data,
                             const struct tac_text_encoder *encoder, size_t max_length,
                             struct tacit_err *err)
{
    struct renderer work = {
        .out = r, .data = data, .encoder = encoder, .max_length = max_length, .err = err};
    *r = (struct tac_rendered){.n = data->n};
    r->example = tac_alloc(data->n, sizeof *r->example, err);
    enum tacit_status s = r->example ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < data->n && !s; i++)
        s = render_example(&work, i);
    free(work.ids.id);
    if (s)
        tac_rendered_release(r);
    return s;
}

void tac_rendered_release(struct tac_rendered *r)
{
    free(r->example);
    tac_arena_release(&r->arena);
    *r = (struct tac_rendered){0};
}
