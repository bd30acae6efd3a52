/* Claims about reading prompts. */
#include "study/claims.h"

#include "stats/describe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- words that persist ---- */

/* Mean persistence of a kind's prompts of a task; false where none was read. */
static bool mean_persistence(double *out, const struct tac_seen *x, enum tac_kind k, int task)
{
    size_t n = 0;
    double share, drift, normed;
    *out = 0;
    for (size_t p = tac_seen_next(x, 0, k, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, task))
        if (tac_persistence(&share, &drift, &normed, x, p)) {
            *out += share;
            n++;
        }
    *out /= n ? (double)n : 1;
    return n > 0;
}

/* Two-sided: the share of all 2^n choices of signs whose sum is as far from 0; n at most 20. */
static double sign_test(const double *d, size_t n)
{
    double sum = 0;
    size_t far = 0, all = (size_t)1 << n;
    for (size_t i = 0; i < n; i++)
        sum += d[i];
    for (size_t s = 0; s < all; s++) {
        double t = 0;
        for (size_t i = 0; i < n; i++)
            t += s >> i & 1 ? d[i] : -d[i];
        far += fabs(t) >= fabs(sum) - 1e-12;
    }
    return (double)far / (double)all;
}

enum tacit_status tac_claim_words(struct tac_finding *f, struct tac_seen *x, struct tacit_err *err)
{
    double d[20], a, b, share = 0;
    size_t n = 0;
    (void)err;
    for (int t = 0; t < (int)x->st->n_task && n < 20; t++)
        if (mean_persistence(&a, x, TAC_KIND_PROMPT, t) &&
            mean_persistence(&b, x, TAC_KIND_DRIFT, t)) {
            share += a;
            d[n++] = a - b;
        }
    if (!n)
        return TACIT_OK;
    f->estimate = tac_mean(d, n);
    f->p = sign_test(d, n);
    bool reachable = n > 1 && ldexp(1, 1 - (int)n) * TAC_TASK_CLAIMS <= 0.05;
    f->verdict = reachable && f->p < 0.05 ? (f->estimate > 0 ? tac_holds : tac_fails) : tac_open;
    snprintf(
        f->note, sizeof f->note,
        "%.0f %% of the trained prompts' tokens persist, %.0f %% of the perturbations'; with %zu "
        "tasks no p is below %.3g",
        100 * share / (double)n, 100 * (share / (double)n - f->estimate), n,
        n > 1 ? ldexp(1, 1 - (int)n) : 1);
    return TACIT_OK;
}

/* ---- what else is near ---- */

enum tacit_status tac_claim_foreign(struct tac_finding *f, struct tac_seen *x,
                                    struct tacit_err *err)
{
    static const char *const scripts[] = {"Han",    "Arabic",   "Devanagari", "Cyrillic", "Greek",
                                          "Thai",   "Hangul",   "Tamil",      "Telugu",   "Bengali",
                                          "Hebrew", "Hiragana", "Katakana"};
    struct tac_script_excess most = {0}, e;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        enum tacit_status s = tac_script_excess(&e, x, scripts[i], err);
        if (s)
            return s;
        if (e.share > most.share || !most.script)
            most = e;
    }
    if (most.share == 0 && most.null == 0)
        return TACIT_OK;
    f->estimate = most.share - most.null;
    f->p = most.p;
    f->verdict = most.p < 0.05 ? tac_holds : tac_fails;
    snprintf(f->note, sizeof f->note,
             "%s: %.1f %% of the nearest tokens, %.1f %% in the null studies", most.script,
             100 * most.share, 100 * most.null);
    return TACIT_OK;
}

enum tacit_status tac_claim_recurring(struct tac_finding *f, struct tac_seen *x,
                                      struct tacit_err *err)
{
    struct tac_recurring r;
    enum tacit_status s = tac_recurring(&r, x, err);
    if (s || !r.nulls)
        return s;
    double null = 0;
    for (size_t i = 1; i <= r.nulls; i++)
        null += (double)r.most[i] / (double)r.nulls;
    f->estimate = (double)r.most[0];
    f->p = r.n ? r.token[0].p : 1;
    f->verdict = f->p < 0.05 ? tac_holds : tac_fails;
    snprintf(
        f->note, sizeof f->note,
        "'%s' in %zu prompts of %zu tasks; the most frequent token of a null study is in %.1f on "
        "average",
        r.n ? r.token[0].text : "", r.most[0], r.n ? r.token[0].tasks : 0, null);
    return TACIT_OK;
}

/* ---- misleading readouts ---- */

/* The first prompt, by weight, of which nine in ten tokens read as the unrelated text. */
static enum tacit_status cheapest_pull(size_t *out, struct tac_seen *x, int task,
                                       struct tacit_err *err)
{
    *out = x->st->n_prompt;
    for (size_t p = tac_seen_next(x, 0, TAC_KIND_WAYWARD, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, TAC_KIND_WAYWARD, task)) {
        double share;
        enum tacit_status s = tac_wayward_share(&share, x, p, err);
        if (s)
            return s;
        if (share >= 0.9 && tac_seen_get(x, p, task)) {
            *out = p;
            break;
        }
    }
    return TACIT_OK;
}

static const struct tac_seen_score *without_pull(struct tac_seen *x, int task)
{
    for (size_t p = tac_seen_next(x, 0, TAC_KIND_WAYWARD, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, TAC_KIND_WAYWARD, task))
        if (tac_plan_options(x->st, &x->st->prompt[p]).pull_weight == 0)
            return tac_seen_get(x, p, task);
    return NULL;
}

enum tacit_status tac_claim_wayward(struct tac_finding *f, struct tac_seen *x,
                                    struct tacit_err *err)
{
    double sum = 0, variance = 0, margin = x->st->spec.margin;
    size_t tasks = 0;
    for (int t = 0; t < (int)x->st->n_task; t++) {
        const struct tac_seen_score *base = without_pull(x, t), *pulled;
        size_t p;
        enum tacit_status s = cheapest_pull(&p, x, t, err);
        if (s)
            return s;
        if (p == x->st->n_prompt || !base)
            continue;
        pulled = tac_seen_get(x, p, t);
        double d = 0, squares = 0;
        for (size_t i = 0; i < base->n; i++) {
            int one = (int)pulled->hits[i] - (int)base->hits[i];
            d += one;
            squares += one * one;
        }
        double n = (double)base->n, mean = d / n;
        size_t at = strlen(f->note);
        snprintf(f->note + at, sizeof f->note - at, "%s%s %+.3f",
                 at ? ", " : "by task: ", x->st->task[t].name, mean);
        sum += mean;
        variance += (squares / n - mean * mean) / (n - 1);
        tasks++;
    }
    if (!tasks)
        return TACIT_OK;
    double error = sqrt(variance) / (double)tasks;
    f->estimate = sum / (double)tasks;
    f->low = f->estimate - 1.959963984540054 * error;
    f->high = f->estimate + 1.959963984540054 * error;
    f->verdict = f->high < -margin ? tac_holds : f->low > -margin ? tac_fails : tac_open;
    return TACIT_OK;
}

/* ---- verbalisation ---- */

/* Mean share of named tokens over grids of a kind's prompts; false where there are none. */
static bool mean_named(double *out, const struct tac_seen *x, enum tac_kind k)
{
    size_t n = 0;
    *out = 0;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const json_t *grid =
            x->st->prompt[p].kind == k ? tac_seen_result(x, TAC_UNIT_VERBALISE, p) : NULL;
        for (size_t i = 0; i < json_array_size(grid); i++, n++)
            *out += json_number_value(json_object_get(json_array_get(grid, i), "hit"));
    }
    *out /= n ? (double)n : 1;
    return n > 0;
}

enum tacit_status tac_claim_verbalise(struct tac_finding *f, struct tac_seen *x,
                                      struct tacit_err *err)
{
    double trained, start, random;
    (void)err;
    if (!mean_named(&trained, x, TAC_KIND_PROMPT) || !mean_named(&start, x, TAC_KIND_START) ||
        !mean_named(&random, x, TAC_KIND_RANDOM))
        return TACIT_OK;
    f->estimate = trained - random;
    f->verdict = f->estimate > 0.1 ? tac_holds : start - random > 0.1 ? tac_fails : tac_open;
    snprintf(
        f->note, sizeof f->note,
        "named, mean over all pairs of layers: trained %.3f, untrained description %.3f, random "
        "%.3f",
        trained, start, random);
    return TACIT_OK;
}
