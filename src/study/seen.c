#include "study/seen.h"

#include "stats/describe.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000 };

/* ---- filling ---- */

static json_t *value_of(char kind, va_list *ap)
{
    if (kind == 't') {
        const char *s = va_arg(*ap, const char *);
        return s ? json_string(s) : json_null();
    }
    if (kind == 'z')
        return json_integer((json_int_t)va_arg(*ap, size_t));
    if (kind == 'b')
        return json_boolean(va_arg(*ap, int));
    TAC_CHECK(kind == 'r');
    double v = va_arg(*ap, double);
    return isfinite(v) ? json_real(v) : json_null();
}

void tac_result_row(struct tac_result *t, const char *kinds, ...)
{
    json_t *row = json_array();
    va_list ap;
    va_start(ap, kinds);
    bool ok = row != NULL;
    for (; ok && *kinds; kinds++)
        ok = !json_array_append_new(row, value_of(*kinds, &ap));
    va_end(ap);
    t->failed |= !ok || json_array_append(t->rows, row);
    json_decref(row);
}

const struct tac_seen_score *tac_seen_get(const struct tac_seen *x, size_t p, int t)
{
    const struct tac_seen_score *s = &x->score[p * x->st->n_task + (size_t)t];
    return s->n ? s : NULL;
}

size_t tac_seen_next(const struct tac_seen *x, size_t from, enum tac_kind k, int task)
{
    while (from < x->st->n_prompt &&
           (x->st->prompt[from].kind != k || x->st->prompt[from].task != task))
        from++;
    return from;
}

const json_t *tac_seen_result(const struct tac_seen *x, enum tac_unit_kind kind, size_t prompt)
{
    for (size_t i = 0; i < x->st->n_unit; i++)
        if (x->st->unit[i].kind == kind && x->st->unit[i].a == prompt)
            return x->result[i];
    return NULL;
}

enum tacit_status tac_pool(struct tac_pooled *out, struct tac_seen *x, enum tac_kind k, int task,
                           struct tacit_err *err)
{
    int owner = tac_kind_task(k, task);
    const struct tac_seen_score *first = NULL;
    *out = (struct tac_pooled){0};
    for (size_t p = tac_seen_next(x, 0, k, owner); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, owner)) {
        const struct tac_seen_score *s = tac_seen_get(x, p, task);
        if (!s)
            continue;
        if (!first) {
            first = s;
            out->n = s->n;
            out->hits = tac_arena_alloc(&x->arena, s->n, sizeof *out->hits, err);
            if (!out->hits)
                return TACIT_EFAIL;
        }
        for (size_t i = 0; i < s->n; i++)
            out->hits[i] += s->hits[i];
        out->auroc += s->auroc;
        out->loss += s->loss;
        out->runs++;
    }
    if (!first)
        return TACIT_OK;
    for (size_t i = 0; i < out->n; i++)
        out->hits[i] /= (double)out->runs;
    out->accuracy = tac_mean(out->hits, out->n);
    out->auroc /= (double)out->runs;
    out->loss /= (double)out->runs;
    out->low = first->low;
    out->high = first->high;
    if (out->runs == 1 || out->n < 2)
        return TACIT_OK;
    double *zero = tac_arena_alloc(&x->arena, out->n, sizeof *zero, err);
    struct tac_paired d;
    enum tacit_status s =
        zero ? tac_paired_difference(&d, out->hits, zero, out->n, RESAMPLES, 0, err) : TACIT_EFAIL;
    out->low = s ? 0 : d.bootstrap.low;
    out->high = s ? 0 : d.bootstrap.high;
    return s;
}

/* ---- reading the store ---- */

static size_t find_prompt(const struct tacit_study *st, const char *key)
{
    size_t i = 0;
    while (i < st->n_prompt && strcmp(st->prompt[i].key, key) != 0)
        i++;
    return i;
}

static size_t find_task(const struct tacit_study *st, const char *name)
{
    size_t i = 0;
    while (i < st->n_task && strcmp(st->task[i].name, name) != 0)
        i++;
    return i;
}

static const void *keep(struct tac_seen *x, const struct tac_select *r, int column, size_t *bytes,
                        struct tacit_err *err)
{
    const void *p = tac_select_blob(r, column, bytes);
    void *copy = p ? tac_arena_alloc(&x->arena, *bytes, 1, err) : NULL;
    if (copy)
        memcpy(copy, p, *bytes);
    return copy;
}

static enum tacit_status read_prompts(struct tac_seen *x, struct tacit_err *err)
{
    struct tac_select r = tac_select_begin(
        &x->st->store.db,
        "SELECT prompt.key, tokens, parameters, data, seconds FROM prompt JOIN unit ON unit.key = "
        "unit WHERE planned",
        "");
    enum tacit_status s = TACIT_OK;
    while (!s && tac_select_next(&r)) {
        size_t p = find_prompt(x->st, tac_select_text(&r, 0)), bytes;
        if (p == x->st->n_prompt)
            continue;
        x->P[p] = (size_t)tac_select_int(&r, 1);
        x->parameters[p] = (size_t)tac_select_int(&r, 2);
        x->seconds[p] = tac_select_real(&r, 4);
        if (tac_select_null(&r, 3))
            continue;
        x->rows[p] = keep(x, &r, 3, &bytes, err);
        s = x->rows[p] ? TACIT_OK : TACIT_EFAIL;
        if (!s && x->st->prompt[p].kind == TAC_KIND_START)
            x->start[x->st->prompt[p].task] = x->rows[p];
    }
    enum tacit_status end = tac_select_end(&r, s ? NULL : err);
    return s ? s : end;
}

static enum tacit_status read_scores(struct tac_seen *x, struct tacit_err *err)
{
    struct tac_select r =
        tac_select_begin(&x->st->store.db,
                         "SELECT prompt, task, n, accuracy, low, high, auroc, loss, hits, margins, "
                         "logliks FROM score JOIN unit ON unit.key = unit WHERE planned",
                         "");
    enum tacit_status s = TACIT_OK;
    while (!s && tac_select_next(&r)) {
        size_t p = find_prompt(x->st, tac_select_text(&r, 0)), bytes;
        size_t t = find_task(x->st, tac_select_text(&r, 1));
        if (p == x->st->n_prompt || t == x->st->n_task)
            continue;
        struct tac_seen_score *to = &x->score[p * x->st->n_task + t];
        *to = (struct tac_seen_score){.n = (size_t)tac_select_int(&r, 2),
                                      .accuracy = tac_select_real(&r, 3),
                                      .low = tac_select_real(&r, 4),
                                      .high = tac_select_real(&r, 5),
                                      .auroc = tac_select_real(&r, 6),
                                      .loss = tac_select_real(&r, 7),
                                      .hits = keep(x, &r, 8, &bytes, err),
                                      .margins = keep(x, &r, 9, &bytes, err),
                                      .logliks = keep(x, &r, 10, &bytes, err)};
        to->n_loglik = bytes / sizeof *to->logliks;
        s = to->hits && to->margins && to->logliks ? TACIT_OK : TACIT_EFAIL;
    }
    enum tacit_status end = tac_select_end(&r, s ? NULL : err);
    return s ? s : end;
}

static enum tacit_status read_results(struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < x->st->n_unit; i++) {
        struct tac_select r = tac_select_begin(
            &x->st->store.db, "SELECT result FROM unit WHERE key = ?", "t", x->st->unit[i].key);
        if (tac_select_next(&r) && !tac_select_null(&r, 0)) {
            const char *text = tac_select_text(&r, 0);
            s = tac_json_parse(&x->result[i], text, strlen(text), x->st->unit[i].key, err);
        }
        enum tacit_status end = tac_select_end(&r, s ? NULL : err);
        s = s ? s : end;
    }
    return s;
}

enum tacit_status tac_seen_open(struct tac_seen *x, struct tacit_err *err)
{
    size_t n = x->st->n_prompt;
    x->C = x->st->m->model->c.C;
    x->L = x->st->m->model->c.L;
    x->rows = tac_arena_alloc(&x->arena, n, sizeof *x->rows, err);
    x->start = tac_arena_alloc(&x->arena, x->st->n_task, sizeof *x->start, err);
    x->P = tac_arena_alloc(&x->arena, n, sizeof *x->P, err);
    x->parameters = tac_arena_alloc(&x->arena, n, sizeof *x->parameters, err);
    x->normed = tac_arena_alloc(&x->arena, n, sizeof *x->normed, err);
    x->from = tac_arena_alloc(&x->arena, n, sizeof *x->from, err);
    x->from_normed = tac_arena_alloc(&x->arena, n, sizeof *x->from_normed, err);
    x->neurons = tac_arena_alloc(&x->arena, n, sizeof *x->neurons, err);
    x->seconds = tac_arena_alloc(&x->arena, n, sizeof *x->seconds, err);
    x->score = tac_arena_alloc(&x->arena, n * x->st->n_task, sizeof *x->score, err);
    x->result = tac_alloc(x->st->n_unit, sizeof *x->result, err);
    if (!x->rows || !x->start || !x->P || !x->parameters || !x->seconds || !x->score ||
        !x->result || !x->normed || !x->from || !x->from_normed || !x->neurons)
        return TACIT_EFAIL;
    enum tacit_status s = read_prompts(x, err);
    if (!s)
        s = read_scores(x, err);
    return s ? s : read_results(x, err);
}

void tac_seen_close(struct tac_seen *x)
{
    for (size_t i = 0; x->result && i < x->st->n_unit; i++)
        json_decref(x->result[i]);
    free(x->result);
    tac_arena_release(&x->arena);
}
