/* Claims about runs, and claims about tasks: there the task is the unit, never the run. */
#include "study/claims.h"

#include "stats/paired.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double level = 0.05;

static const char *by_rank(const struct tac_tail *t)
{
    if (!(t->smallest * TAC_TASK_CLAIMS <= level))
        return tac_open;
    return t->p < level ? tac_holds : tac_fails;
}

enum tacit_status tac_claim_accuracy(struct tac_finding *f, struct tac_seen *x,
                                     struct tacit_err *err)
{
    double p[TAC_STUDY_TASKS], equivalent = 0, least = 1;
    size_t n = 0, all = 0;
    enum tacit_status s = TACIT_OK;
    for (int t = 0; !s && t < (int)x->st->n_task; t++) {
        struct tac_seeds d;
        s = tac_seen_seeds(&d, x, t, err);
        if (s || d.runs < 2)
            continue;
        p[n++] = d.p_permuted;
        equivalent += d.equivalent;
        all += d.equivalent >= 1;
    }
    if (s || !n)
        return s;
    s = tac_holm(p, p, n, err);
    for (size_t i = 0; i < n; i++)
        least = p[i] < least ? p[i] : least;
    f->estimate = equivalent / (double)n;
    f->p = least;
    f->verdict = least < level ? tac_fails : all == n ? tac_holds : tac_open;
    snprintf(
        f->note, sizeof f->note,
        "share of pairs of runs that are equivalent within %g; all of them in %zu of %zu tasks; p: "
        "Cochran's Q, the least over tasks after Holm",
        x->st->spec.margin, all, n);
    return s;
}

enum tacit_status tac_claim_equidistant(struct tac_finding *f, struct tac_seen *x,
                                        struct tacit_err *err)
{
    struct tac_even e;
    enum tacit_status s = tac_seen_even(&e, x, TAC_ANY_TASK, err);
    if (s || !e.n)
        return s;
    f->estimate = e.ratio;
    f->verdict = e.ratio <= 1.25 ? tac_holds : tac_fails;
    snprintf(f->note, sizeof f->note,
             "mean over tasks; %.2f for the drift-matched perturbations: random directions are "
             "equidistant by themselves; more equal than runs drawn from all tasks: p %.3g",
             e.control_ratio, e.p);
    return TACIT_OK;
}

/* ---- claims about tasks ---- */

/* Mean drift of a task's runs behind the embedding norm; NaN where there is none. */
static enum tacit_status mean_drift(double *out, struct tac_seen *x, int task,
                                    struct tacit_err *err)
{
    struct tac_list l;
    struct tac_drift d;
    enum tacit_status s = tac_seen_list(&l, x, TAC_KIND_PROMPT, task, err);
    *out = 0;
    for (size_t i = 0; !s && i < l.n; i++) {
        s = tac_seen_drift(&d, x, l.at[i], err);
        *out += d.normed / (double)l.n;
    }
    if (!s && !l.n)
        *out = (double)NAN;
    return s;
}

enum tacit_status tac_claim_harder(struct tac_finding *f, struct tac_seen *x, struct tacit_err *err)
{
    double drift[TAC_STUDY_TASKS], hard[TAC_STUDY_TASKS];
    size_t n = 0;
    struct tac_permutation test;
    enum tacit_status s = TACIT_OK;
    for (int t = 0; !s && t < (int)x->st->n_task; t++) {
        s = mean_drift(&drift[n], x, t, err);
        hard[n] = 1 - tac_seen_mean(x, TAC_KIND_DESCRIPTION, t, t);
        n += !isnan(drift[n]) && !isnan(hard[n]);
    }
    if (s || n < 3)
        return s;
    s = tac_permute_correlation(&test, TAC_SPEARMAN, drift, hard, n, (struct tac_draws){100000, 0},
                                err);
    f->estimate = test.statistic;
    f->p = test.greater.p;
    f->verdict = by_rank(&test.greater);
    snprintf(f->note, sizeof f->note, "%zu tasks: no p is below %.3g", n, test.greater.smallest);
    return s;
}

enum tacit_status tac_claim_wordings(struct tac_finding *f, struct tac_seen *x,
                                     struct tacit_err *err)
{
    struct tac_list l;
    struct tac_permutation test;
    enum tacit_status s = tac_seen_list(&l, x, TAC_KIND_REWORDED, TAC_ANY_TASK, err);
    double *v = s ? NULL : tac_arena_alloc(&x->arena, 2 * l.n + 1, sizeof *v, err);
    int64_t *task = s ? NULL : tac_arena_alloc(&x->arena, l.n + 1, sizeof *task, err);
    if (!v || !task)
        return TACIT_EFAIL;
    for (size_t i = 0; !s && i < l.n; i++) {
        struct tac_drift d;
        s = tac_seen_drift(&d, x, l.at[i], err);
        v[i] = d.description;
        v[l.n + i] = d.normed;
        task[i] = x->st->prompt[l.at[i]].task;
    }
    if (s || l.n < 3)
        return s;
    s = tac_permute_slope(&test, v, v + l.n, task, l.n, (struct tac_draws){100000, 0}, err);
    f->estimate = test.statistic;
    f->p = test.less.p;
    f->verdict = by_rank(&test.less);
    snprintf(f->note, sizeof f->note,
             "%zu runs, each from another wording; slope of drift on the wording's accuracy within "
             "tasks: below 0 where worse wordings stray further",
             l.n);
    return s;
}

/* Random prompts that beat no prompt on a target, by accuracy. */
static void random_wins(struct tac_seen *x, int target, size_t *wins, size_t *all)
{
    size_t none = tac_seen_next(x, 0, TAC_KIND_NONE, TAC_NO_TASK);
    const struct tac_seen_score *base = tac_seen_get(x, none, target), *s;
    for (size_t p = tac_seen_next(x, 0, TAC_KIND_RANDOM, TAC_NO_TASK); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, TAC_KIND_RANDOM, TAC_NO_TASK))
        if (base && (s = tac_seen_get(x, p, target))) {
            *wins += s->accuracy > base->accuracy;
            ++*all;
        }
}

enum tacit_status tac_claim_transfer(struct tac_finding *f, struct tac_seen *x,
                                     struct tacit_err *err)
{
    size_t sources = 0, wins = 0, losses = 0, random[2] = {0};
    for (int t = 0; t < (int)x->st->n_task; t++) {
        struct tac_wins w;
        enum tacit_status s = tac_seen_wins(&w, x, TAC_KIND_PROMPT, t, TAC_AGAINST_NONE, err);
        if (s)
            return s;
        sources += w.sources;
        wins += w.wins;
        losses += w.losses;
        random_wins(x, t, &random[0], &random[1]);
    }
    if (!sources)
        return TACIT_OK;
    double n = (double)sources;
    f->estimate = (double)wins / n;
    f->verdict = (double)wins >= 0.9 * n                ? tac_holds
                 : (double)(sources - losses) < 0.9 * n ? tac_fails
                                                        : tac_open;
    snprintf(
        f->note, sizeof f->note,
        "%zu wins, %zu ties, %zu losses of %zu transfers; random prompts are above no prompt in %zu "
        "of %zu cases",
        wins, sources - wins - losses, losses, sources, random[0], random[1]);
    return TACIT_OK;
}

enum tacit_status tac_claim_similar(struct tac_finding *f, struct tac_seen *x,
                                    struct tacit_err *err)
{
    struct tac_related r, pooled;
    if (!x->st->spec.transfer || x->st->n_task < 3)
        return TACIT_OK;
    enum tacit_status s =
        tac_seen_related(&r, x, TAC_KIND_PROMPT, TAC_ALIKE_FROBENIUS, TAC_EACH_TARGET, err);
    if (!s)
        s = tac_seen_related(&pooled, x, TAC_KIND_PROMPT, TAC_ALIKE_FROBENIUS, TAC_POOLED, err);
    if (s || isnan(r.test.statistic))
        return s;
    f->estimate = r.test.statistic;
    f->p = r.test.greater.p;
    f->verdict = by_rank(&r.test.greater);
    snprintf(
        f->note, sizeof f->note,
        "mean over targets of Spearman's rho, tasks permuted; no p is below %.3g; pooled %.2f, which "
        "misleads as targets differ in level",
        r.test.greater.smallest, pooled.test.statistic);
    return s;
}
