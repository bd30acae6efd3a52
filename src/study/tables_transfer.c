/* Tables of the part "transfer": prompts on the test sets of tasks that they were not trained for.
 */
#include "study/tables.h"

#include "base/mem.h"
#include "stats/describe.h"
#include "stats/paired.h"

#include <math.h>
#include <stdlib.h>

static const double level = 0.05, normal_95 = 1.959963984540054;

enum tac_kind tac_next_method(const struct tac_seen *x, enum tac_kind by)
{
    by = by < TAC_KIND_METHOD ? TAC_KIND_METHOD : by + 1;
    while (by < tac_n_kind(x->st) && !tac_kind_adapter(x->st, by))
        by++;
    return by;
}

enum tacit_status tac_table_transfer(struct tac_result *t, struct tac_seen *x,
                                     struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; x->st->spec.transfer && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        if (q->kind != TAC_KIND_NONE && q->kind != TAC_KIND_RANDOM &&
            q->kind != TAC_KIND_DESCRIPTION && q->kind != TAC_KIND_PROMPT &&
            !tac_kind_adapter(x->st, q->kind))
            continue;
        for (int target = 0; target < (int)x->st->n_task; target++) {
            const struct tac_seen_score *s = tac_seen_get(x, p, target);
            if (s)
                tac_result_row(
                    t, "tttztrrrr", q->key, q->task >= 0 ? x->st->task[q->task].name : NULL,
                    tac_kind_name(x->st, q->kind), q->index, x->st->task[target].name, s->accuracy,
                    s->auroc, tac_seen_mean(x, TAC_KIND_NONE, TAC_NO_TASK, target),
                    tac_seen_mean(x, TAC_KIND_RANDOM, TAC_NO_TASK, target));
        }
    }
    return TACIT_OK;
}

/* ---- wins ---- */

/* Above 0 where a's hits are more than chance explains, below where fewer. */
static int against_hits(const struct tac_seen_score *a, const unsigned char *other)
{
    size_t more = 0, fewer = 0;
    for (size_t i = 0; i < a->n; i++) {
        more += a->hits[i] > other[i];
        fewer += a->hits[i] < other[i];
    }
    if (tac_mcnemar(more, fewer) > level)
        return 0;
    return more > fewer ? 1 : -1;
}

/* The same against shares of hits; room (n). */
static int against_mean(double *room, const struct tac_seen_score *a, const double *other)
{
    for (size_t i = 0; i < a->n; i++)
        room[i] = (double)a->hits[i] - other[i];
    double mean = tac_mean(room, a->n), half = normal_95 * tac_mean_stderr(room, a->n);
    return mean - half > 0 ? 1 : mean + half < 0 ? -1 : 0;
}

/* Each example's share of random prompts that get it right (n); false where there are none. */
static bool mean_random(double *out, const struct tac_seen *x, int target, size_t n)
{
    size_t k = 0;
    for (size_t p = tac_seen_next(x, 0, TAC_KIND_RANDOM, TAC_NO_TASK); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, TAC_KIND_RANDOM, TAC_NO_TASK)) {
        const struct tac_seen_score *s = tac_seen_get(x, p, target);
        for (size_t i = 0; s && i < n; i++)
            out[i] += s->hits[i];
        k += s != NULL;
    }
    for (size_t i = 0; k && i < n; i++)
        out[i] /= (double)k;
    return k > 0;
}

/* The one prompt that a source's run is compared with, or NULL. */
static const struct tac_seen_score *other_of(const struct tac_seen *x, int source, int target,
                                             enum tac_against against)
{
    size_t p = against == TAC_AGAINST_NONE ? tac_seen_next(x, 0, TAC_KIND_NONE, TAC_NO_TASK)
                                           : tac_seen_next(x, 0, TAC_KIND_DESCRIPTION, source);
    return p < x->st->n_prompt ? tac_seen_get(x, p, target) : NULL;
}

static void count(struct tac_wins *w, int sign)
{
    w->sources++;
    w->wins += sign > 0;
    w->ties += sign == 0;
    w->losses += sign < 0;
}

enum tacit_status tac_seen_wins(struct tac_wins *out, const struct tac_seen *x, enum tac_kind by,
                                int target, enum tac_against against, struct tacit_err *err)
{
    size_t n = tacit_examples_count(x->st->task[target].test);
    double *room = tac_alloc(n, sizeof *room, err), *mean = tac_alloc(n, sizeof *mean, err);
    bool some = room && mean && against == TAC_AGAINST_RANDOM && mean_random(mean, x, target, n);
    *out = (struct tac_wins){0};
    for (size_t p = 0; room && mean && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        const struct tac_seen_score *s = tac_seen_get(x, p, target);
        if (q->kind != by || q->task == target || !s)
            continue;
        const struct tac_seen_score *other = other_of(x, q->task, target, against);
        if (against == TAC_AGAINST_RANDOM && some)
            count(out, against_mean(room, s, mean));
        else if (against != TAC_AGAINST_RANDOM && other)
            count(out, against_hits(s, other->hits));
    }
    enum tacit_status s = room && mean ? TACIT_OK : TACIT_EFAIL;
    free(room);
    free(mean);
    return s;
}

static enum tacit_status add_wins(struct tac_result *t, struct tac_seen *x, enum tac_kind by,
                                  int target, struct tacit_err *err)
{
    static const char *const name[TAC_N_AGAINST] = {"none", "random", "description of the source"};
    enum tacit_status s = TACIT_OK;
    for (enum tac_against a = 0; !s && a < TAC_N_AGAINST; a++) {
        struct tac_wins w;
        s = tac_seen_wins(&w, x, by, target, a, err);
        if (!s && w.sources)
            tac_result_row(t, "tttzzzz", tac_kind_name(x->st, by), x->st->task[target].name,
                           name[a], w.sources, w.wins, w.ties, w.losses);
    }
    return s;
}

enum tacit_status tac_table_wins(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (enum tac_kind by = TAC_KIND_PROMPT; by < tac_n_kind(x->st); by = tac_next_method(x, by))
        for (int target = 0; !s && target < (int)x->st->n_task; target++)
            s = add_wins(t, x, by, target, err);
    return s;
}
