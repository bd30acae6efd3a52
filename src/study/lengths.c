/* Whether a study's texts fit the model, before anything runs. */
#include "study/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that a prompt puts to each text. */
static enum tacit_status own_tokens(size_t *n, const struct tacit_study *st,
                                    const struct tac_study_prompt *p, struct tacit_err *err)
{
    struct tac_ids ids = {0};
    enum tacit_status s = TACIT_OK;
    *n = p->kind >= TAC_KIND_METHOD                             ? tac_plan_options(st, p).tokens
         : p->kind == TAC_KIND_NONE || p->kind == TAC_KIND_FULL ? 0
                                                                : st->spec.tokens;
    if (p->kind != TAC_KIND_DESCRIPTION && p->kind != TAC_KIND_PARAPHRASE)
        return TACIT_OK;
    s = tac_tokenizer_encode(st->m->tokenizer->t, &ids, p->text, strlen(p->text), err);
    *n = ids.n;
    free(ids.id);
    return s;
}

/* What a unit trains on and evaluates with. */
static enum tacit_status examples_fit(const struct tacit_study *st, const struct tac_unit *u,
                                      size_t own, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &st->prompt[u->a];
    bool trains = u->kind == TAC_UNIT_MAKE && tac_kind_trained(p->kind);
    bool scores = u->kind == TAC_UNIT_SCORE || (trains && tac_kind_at_once(st, p->kind));
    if (!trains && !scores)
        return TACIT_OK;
    const struct tac_study_task *t = &st->task[trains ? p->task : u->target];
    enum tacit_status s = trains ? tac_examples_fit(t->train, st->m, own, true, err) : TACIT_OK;
    if (!s && trains && t->validation)
        s = tac_examples_fit(t->validation, st->m, own, false, err);
    return s || !scores ? s : tac_examples_fit(t->test, st->m, own, false, err);
}

static enum tacit_status texts_fit(const struct tacit_study *st, size_t own, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; i < st->n_texts; i++)
        for (size_t k = 0; !s && k < st->texts[i].n; k++) {
            char what[200];
            snprintf(what, sizeof what, "key 'forgetting': %.150s, text %zu", st->texts[i].name,
                     k + 1);
            s = tac_query_fits(st->m->session, &st->texts[i].query[k], own, what, err);
        }
    return s;
}

enum tacit_status tac_plan_lengths(const struct tacit_study *st, struct tacit_err *err)
{
    for (size_t i = 0; i < st->n_unit; i++) {
        const struct tac_unit *u = &st->unit[i];
        const struct tac_study_prompt *p = &st->prompt[u->a];
        size_t own;
        if (u->kind != TAC_UNIT_MAKE && u->kind != TAC_UNIT_SCORE && u->kind != TAC_UNIT_FORGET)
            continue;
        enum tacit_status s = own_tokens(&own, st, p, err);
        if (!s)
            s = u->kind == TAC_UNIT_FORGET ? texts_fit(st, own, err)
                                           : examples_fit(st, u, own, err);
        if (!s && tac_kind_whole(st, p->kind))
            s = texts_fit(st, own, err);
        if (s)
            return tac_err_prefix(err, "%s: %s: ", st->file, p->key);
    }
    return TACIT_OK;
}
