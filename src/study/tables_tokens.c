/* Tables about the tokens that prompts are near to, beside what drift-matched perturbations of
 * their starts (null studies) are near to: every prompt's `null` unit holds its own tokens and
 * theirs. */
#include "study/tables.h"

#include "interpret/script.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 20 };

/* The tokens of all trained prompts: list[study][prompt] of ids; study 0 is the real one. */
struct named {
    const json_t **unit; /* (n) results of the null units */
    int *task;           /* (n) */
    size_t n, studies, vocab;
};

static enum tacit_status named_open(struct named *m, struct tac_seen *x, struct tacit_err *err)
{
    size_t all = x->st->n_prompt;
    *m = (struct named){.vocab = tacit_tokenizer_size(x->st->m->tokenizer), .studies = SIZE_MAX};
    m->unit = tac_arena_alloc(&x->arena, all, sizeof *m->unit, err);
    m->task = tac_arena_alloc(&x->arena, all, sizeof *m->task, err);
    if (!m->unit || !m->task)
        return TACIT_EFAIL;
    for (size_t p = 0; p < all; p++) {
        const json_t *r = tac_seen_result(x, TAC_UNIT_NULL, p);
        if (!r)
            continue;
        m->task[m->n] = x->st->prompt[p].task;
        m->unit[m->n++] = r;
        m->studies = json_array_size(r) < m->studies ? json_array_size(r) : m->studies;
    }
    m->studies = m->n ? m->studies : 0;
    return TACIT_OK;
}

static const json_t *tokens_of(const struct named *m, size_t prompt, size_t study)
{
    return json_array_get(m->unit[prompt], study);
}

static void mark(bool *drop, size_t vocab, const int32_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (id[i] >= 0 && (size_t)id[i] < vocab)
            drop[id[i]] = true;
}

static enum tacit_status mark_text(bool *drop, size_t vocab, const struct tac_seen *x,
                                   const char *text, struct tacit_err *err)
{
    struct tac_ids ids = {0};
    enum tacit_status s =
        tac_tokenizer_encode(x->st->m->tokenizer->t, &ids, text, strlen(text), err);
    mark(drop, vocab, ids.id, s ? 0 : ids.n);
    free(ids.id);
    return s;
}

/* A template's tokens are those that every input of the task has; its answers count too. */
static void mark_template(bool *drop, size_t *count, size_t vocab, const struct tacit_examples *e)
{
    size_t n = tacit_examples_count(e);
    memset(count, 0, vocab * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        const struct tac_rendered_example *r = &e->rendered.example[i];
        for (size_t k = 0; k < r->n_ctx; k++)
            count[r->ctx[k]] += count[r->ctx[k]] == i;
        for (size_t k = 0; k < e->data.example[i].n_answers; k++)
            mark(drop, vocab, r->answer[k], r->n_answer[k]);
    }
    for (size_t v = 0; v < vocab; v++)
        drop[v] |= n && count[v] == n;
}

/* Tokens that a study's texts put there: of descriptions, wordings, templates and answers. */
static enum tacit_status known_tokens(bool *drop, size_t vocab, struct tac_seen *x,
                                      struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    size_t *count = tac_arena_alloc(&x->arena, vocab, sizeof *count, err);
    if (!count)
        return TACIT_EFAIL;
    for (size_t t = 0; !s && t < x->st->n_task; t++) {
        const struct tac_study_task *task = &x->st->task[t];
        mark_template(drop, count, vocab, task->test);
        s = mark_text(drop, vocab, x, tacit_task_description(task->task), err);
        for (size_t i = 0; !s && i < task->n_wording; i++)
            s = mark_text(drop, vocab, x, task->wording[i], err);
    }
    return s;
}

/* In how many prompts of a study each token is named; returns the largest number. */
static size_t count_tokens(size_t *count, const struct named *m, size_t study, const bool *drop)
{
    size_t most = 0;
    memset(count, 0, m->vocab * sizeof *count);
    for (size_t p = 0; p < m->n; p++) {
        const json_t *ids = tokens_of(m, p, study);
        for (size_t i = 0; i < json_array_size(ids); i++) {
            size_t v = (size_t)json_integer_value(json_array_get(ids, i));
            if (v >= m->vocab || drop[v])
                continue;
            count[v]++;
            most = count[v] > most ? count[v] : most;
        }
    }
    return most;
}

static size_t tasks_with(const struct named *m, size_t v)
{
    size_t n = 0;
    for (size_t p = 0; p < m->n; p++) {
        bool has = false, before = false;
        for (size_t q = 0; q < m->n; q++) {
            const json_t *ids = tokens_of(m, q, 0);
            for (size_t i = 0; i < json_array_size(ids) && m->task[q] == m->task[p]; i++)
                if ((size_t)json_integer_value(json_array_get(ids, i)) == v) {
                    has |= q == p;
                    before |= q < p;
                }
        }
        n += has && !before;
    }
    return n;
}

/* "<E4 BD>": bytes that are no character. */
static const char *hex_text(struct tac_seen *x, const char *bytes, size_t n)
{
    char text[64] = "<";
    for (size_t i = 0; i < n && i < 16; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%02X", i ? " " : "",
                 (unsigned char)bytes[i]);
    strcat(text, ">");
    const char *copy = tac_arena_strndup(&x->arena, text, strlen(text), NULL);
    return copy ? copy : "";
}

static const char *token_text(struct tac_seen *x, size_t v, const char **script)
{
    size_t n;
    int32_t id = (int32_t)v;
    const char *bytes = tac_tokenizer_token(x->st->m->tokenizer->t, id, &n, NULL), *copy = NULL;
    struct tac_buf text = {0};
    *script = bytes ? tac_script(bytes, n) : "none";
    if (bytes && strcmp(*script, "bytes") == 0)
        return hex_text(x, bytes, n);
    if (!tac_buf_adds(&text, "", NULL) &&
        !tac_tokenizer_piece(x->st->m->tokenizer->t, &text, id, NULL))
        copy = tac_arena_strndup(&x->arena, text.data, text.len, NULL);
    tac_buf_release(&text);
    return copy ? copy : "";
}

enum tacit_status tac_recurring(struct tac_recurring *out, struct tac_seen *x,
                                struct tacit_err *err)
{
    struct named m;
    enum tacit_status s = named_open(&m, x, err);
    bool *drop = tac_arena_alloc(&x->arena, m.vocab + 1, sizeof *drop, err);
    size_t *count = tac_arena_alloc(&x->arena, m.vocab + 1, sizeof *count, err);
    *out = (struct tac_recurring){0};
    if (s || !drop || !count)
        return TACIT_EFAIL;
    out->nulls = m.studies ? m.studies - 1 : 0;
    out->most = tac_arena_alloc(&x->arena, m.studies + 1, sizeof *out->most, err);
    out->token = tac_arena_alloc(&x->arena, SHOWN, sizeof *out->token, err);
    s = out->most && out->token ? known_tokens(drop, m.vocab, x, err) : TACIT_EFAIL;
    for (size_t i = m.studies; !s && i-- > 0;)
        out->most[i] = count_tokens(count, &m, i, drop);
    for (; !s && m.studies && out->n < SHOWN; out->n++) {
        size_t best = 0;
        for (size_t v = 1; v < m.vocab; v++)
            best = count[v] > count[best] ? v : best;
        if (count[best] < 2)
            break;
        struct tac_recurring_token *t = &out->token[out->n];
        *t = (struct tac_recurring_token){.prompts = count[best], .tasks = tasks_with(&m, best)};
        t->text = token_text(x, best, &t->script);
        t->p = 1;
        for (size_t i = 1; i < m.studies; i++)
            t->p += out->most[i] >= count[best];
        t->p /= (double)m.studies;
        count[best] = 0;
    }
    return s;
}

enum tacit_status tac_table_recurring(struct tac_result *t, struct tac_seen *x,
                                      struct tacit_err *err)
{
    struct tac_recurring r;
    enum tacit_status s = tac_recurring(&r, x, err);
    for (size_t i = 0; !s && i < r.n; i++)
        tac_result_row(t, "ttzzr", r.token[i].text, r.token[i].script, r.token[i].tasks,
                       r.token[i].prompts, r.token[i].p);
    return s;
}

/* ---- scripts ---- */

/* The share of a script among the tokens named in a study. */
static double script_share(const struct named *m, size_t study, const char *const *script_of,
                           const char *script)
{
    size_t hits = 0, all = 0;
    for (size_t p = 0; p < m->n; p++) {
        const json_t *ids = tokens_of(m, p, study);
        for (size_t i = 0; i < json_array_size(ids); i++, all++) {
            size_t v = (size_t)json_integer_value(json_array_get(ids, i));
            hits += v < m->vocab && strcmp(script_of[v], script) == 0;
        }
    }
    return all ? (double)hits / (double)all : 0;
}

static const char **scripts_of(const struct named *m, struct tac_seen *x, struct tacit_err *err)
{
    const char **out = tac_arena_alloc(&x->arena, m->vocab + 1, sizeof *out, err);
    for (size_t v = 0; out && v < m->vocab; v++) {
        size_t n;
        const char *bytes = tac_tokenizer_token(x->st->m->tokenizer->t, (int32_t)v, &n, NULL);
        out[v] = bytes ? tac_script(bytes, n) : "none";
    }
    return out;
}

enum tacit_status tac_script_excess(struct tac_script_excess *out, struct tac_seen *x,
                                    const char *script, struct tacit_err *err)
{
    struct named m;
    enum tacit_status s = named_open(&m, x, err);
    const char **script_of = s ? NULL : scripts_of(&m, x, err);
    *out = (struct tac_script_excess){.script = script, .p = 1};
    if (!script_of)
        return TACIT_EFAIL;
    if (m.studies < 2)
        return TACIT_OK;
    out->share = script_share(&m, 0, script_of, script);
    for (size_t i = 1; i < m.studies; i++) {
        double share = script_share(&m, i, script_of, script);
        out->null += share / (double)(m.studies - 1);
        out->p += share >= out->share;
    }
    out->p /= (double)m.studies;
    return TACIT_OK;
}

enum tacit_status tac_table_scripts(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    struct named m;
    enum tacit_status s = named_open(&m, x, err);
    const char **script_of = s ? NULL : scripts_of(&m, x, err);
    if (!script_of)
        return TACIT_EFAIL;
    for (size_t v = 0; !s && m.studies && v < m.vocab; v++) {
        struct tac_script_excess e;
        bool first = true;
        for (size_t k = 0; first && k < v; k++)
            first = strcmp(script_of[k], script_of[v]) != 0;
        if (first)
            s = tac_script_excess(&e, x, script_of[v], err);
        if (first && !s && (e.share > 0 || e.null > 0))
            tac_result_row(t, "trrrr", e.script, e.share, e.null, e.share - e.null, e.p);
    }
    return s;
}

/* ---- verbalisation ---- */

enum tacit_status tac_table_verbalise(struct tac_result *t, struct tac_seen *x,
                                      struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        const json_t *grid = tac_seen_result(x, TAC_UNIT_VERBALISE, p);
        size_t cells = json_array_size(grid), side = (size_t)(sqrt((double)cells) + 0.5);
        for (size_t i = 0; i < cells; i++) {
            const json_t *c = json_array_get(grid, i);
            tac_result_row(t, "ttzrrrrt", q->task >= 0 ? x->st->task[q->task].name : NULL,
                           tac_kind_name(x->st, q->kind), q->index, (double)(i / side) - 1,
                           (double)(i % side) - 1, json_number_value(json_object_get(c, "hit")),
                           json_number_value(json_object_get(c, "logp")),
                           json_string_value(json_object_get(c, "said")));
        }
    }
    return TACIT_OK;
}
