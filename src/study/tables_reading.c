/* Tables of the part "reading": what `read` units found, and what was done to find out whether it
 * is to be believed. */
#include "study/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *v, size_t i)
{
    return json_string_value(json_array_get(v, i));
}

static double number(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static double field(const json_t *v, const char *key)
{
    return number(json_object_get(v, key));
}

static bool persisted(const json_t *token)
{
    return json_is_true(json_object_get(token, "persisted"));
}

enum tacit_status tac_table_reading(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        const json_t *read = tac_seen_result(x, TAC_UNIT_READ, p);
        if (q->kind != TAC_KIND_PROMPT)
            continue;
        for (size_t i = 0; i < json_array_size(read); i++) {
            const json_t *token = json_array_get(read, i), *near = json_object_get(token, "near");
            for (size_t k = 0; k < json_array_size(near); k++) {
                const json_t *n = json_array_get(near, k);
                tac_result_row(t, "tzztzttrbr", x->st->task[q->task].name, q->index, i + 1,
                               json_string_value(json_object_get(token, "start")), k + 1,
                               text_at(n, 1), text_at(n, 2), number(json_array_get(n, 3)),
                               (int)persisted(token), field(token, "drift"));
            }
        }
    }
    return TACIT_OK;
}

bool tac_persistence(double *share, double *drift, double *normed, const struct tac_seen *x,
                     size_t p)
{
    const json_t *read = tac_seen_result(x, TAC_UNIT_READ, p);
    size_t n = json_array_size(read);
    *share = *drift = *normed = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *token = json_array_get(read, i);
        *share += (double)persisted(token) / (double)n;
        *drift += field(token, "drift") / (double)n;
        *normed += field(token, "normed") / (double)n;
    }
    return n > 0;
}

enum tacit_status tac_table_persistence(struct tac_result *t, struct tac_seen *x,
                                        struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        double share, drift, normed;
        if (q->kind != TAC_KIND_WAYWARD && tac_persistence(&share, &drift, &normed, x, p))
            tac_result_row(t, "ttzrrr", x->st->task[q->task].name, tac_kind_name(x->st, q->kind),
                           q->index, share, drift, normed);
    }
    return TACIT_OK;
}

/* Over the runs of a kind: how often the token at this place persisted, and its mean drift. */
static size_t at_place(double *share, double *drift, const struct tac_seen *x, enum tac_kind k,
                       int task, size_t place)
{
    size_t runs = 0;
    *share = *drift = 0;
    for (size_t p = tac_seen_next(x, 0, k, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, task)) {
        const json_t *token = json_array_get(tac_seen_result(x, TAC_UNIT_READ, p), place);
        if (!token)
            continue;
        *share += persisted(token);
        *drift += field(token, "normed");
        runs++;
    }
    *share = runs ? *share / (double)runs : (double)NAN;
    *drift = runs ? *drift / (double)runs : (double)NAN;
    return runs;
}

enum tacit_status tac_table_words(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    (void)err;
    for (int task = 0; task < (int)x->st->n_task; task++) {
        size_t first = tac_seen_next(x, 0, TAC_KIND_PROMPT, task);
        const json_t *read =
            first < x->st->n_prompt ? tac_seen_result(x, TAC_UNIT_READ, first) : NULL;
        for (size_t i = 0; i < json_array_size(read); i++) {
            double share, drift, control, ignored;
            size_t runs = at_place(&share, &drift, x, TAC_KIND_PROMPT, task, i);
            at_place(&control, &ignored, x, TAC_KIND_DRIFT, task, i);
            tac_result_row(t, "tztzrrr", x->st->task[task].name, i + 1,
                           json_string_value(json_object_get(json_array_get(read, i), "start")),
                           runs, share, drift, control);
        }
    }
    return TACIT_OK;
}

/* ---- looking closer ---- */

enum tacit_status tac_table_knockout(struct tac_result *t, struct tac_seen *x,
                                     struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        const json_t *out = tac_seen_result(x, TAC_UNIT_KNOCKOUT, p);
        const json_t *read = tac_seen_result(x, TAC_UNIT_READ, p);
        for (size_t i = 0; i < json_array_size(out); i++) {
            const json_t *v = json_array_get(out, i);
            tac_result_row(t, "tzztrrrrr", x->st->task[q->task].name, q->index, i + 1,
                           json_string_value(json_object_get(json_array_get(read, i), "start")),
                           field(v, "accuracy"), field(v, "change"), field(v, "low"),
                           field(v, "high"), field(v, "removed"));
        }
    }
    return TACIT_OK;
}

enum tacit_status tac_wayward_share(double *out, struct tac_seen *x, size_t p,
                                    struct tacit_err *err)
{
    const char *text = x->st->spec.wayward.text;
    const json_t *read = tac_seen_result(x, TAC_UNIT_READ, p);
    struct tac_ids target = {0};
    size_t n = json_array_size(read), hits = 0;
    enum tacit_status s =
        tac_tokenizer_encode_as(x->st->m->tokenizer->t, &target, text, strlen(text),
                                TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS, err);
    for (size_t i = 0; !s && i < n; i++) {
        const json_t *near = json_object_get(json_array_get(read, i), "near");
        json_int_t id = json_integer_value(json_array_get(json_array_get(near, 0), 0));
        hits += target.n && id == target.id[i % target.n];
    }
    *out = n ? (double)hits / (double)n : (double)NAN;
    free(target.id);
    return s;
}

enum tacit_status tac_table_wayward(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; !s && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        double share, named, drift, normed;
        if (q->kind != TAC_KIND_WAYWARD || !tac_seen_get(x, p, q->task) ||
            !tac_persistence(&named, &drift, &normed, x, p))
            continue;
        const struct tac_seen_score *score = tac_seen_get(x, p, q->task);
        struct tacit_train_options o = tac_plan_options(x->st, q);
        s = tac_wayward_share(&share, x, p, err);
        tac_result_row(t, "trzrrrr", x->st->task[q->task].name, o.pull_weight, (size_t)o.seed,
                       score->accuracy, score->loss, share, drift);
    }
    return s;
}
