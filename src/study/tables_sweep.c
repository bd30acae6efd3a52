/* Tables of a sweep: every combination of settings, and the best of each method. */
#include "study/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a combination's runs on a task came to; means over the runs that did not diverge, NaN where
 * there are none. */
struct outcome {
    size_t runs, diverged;
    double validation, validation_loss, seconds;
};

static struct outcome outcome_of(const struct tac_seen *x, enum tac_kind k, int task)
{
    struct outcome o = {0};
    double n = 0;
    for (size_t p = tac_seen_next(x, 0, k, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, task)) {
        const json_t *r = tac_seen_result(x, TAC_UNIT_MAKE, p);
        const json_t *v = json_object_get(r, "validation");
        o.runs++;
        o.diverged += json_is_true(json_object_get(r, "diverged"));
        if (!v)
            continue;
        n++;
        o.validation += json_number_value(json_object_get(v, "accuracy"));
        o.validation_loss += json_number_value(json_object_get(v, "loss"));
        o.seconds += json_number_value(json_object_get(r, "seconds"));
    }
    o.validation = n > 0 ? o.validation / n : (double)NAN;
    o.validation_loss = n > 0 ? o.validation_loss / n : (double)NAN;
    o.seconds = n > 0 ? o.seconds / n : (double)NAN;
    return o;
}

static const struct tac_spec_method *settings_of(const struct tac_seen *x, enum tac_kind k)
{
    return &x->st->spec.method[k - TAC_KIND_METHOD];
}

/* Tokens as a number: NaN where the method has none. */
static double tokens_of(const struct tac_spec_method *m)
{
    return m->rows ? (double)m->o.tokens : (double)NAN;
}

enum tacit_status tac_table_sweep(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int task = 0; task < (int)x->st->n_task; task++)
        for (enum tac_kind k = TAC_KIND_METHOD; !s && k < tac_n_kind(x->st); k++) {
            const struct tac_spec_method *m = settings_of(x, k);
            struct outcome o = outcome_of(x, k, task);
            struct tac_pooled p;
            s = tac_pool(&p, x, k, task, err);
            if (!p.runs)
                p.accuracy = p.low = p.high = p.loss = (double)NAN;
            if (!s && o.runs)
                tac_result_row(t, "tttrrttzzrrrrrrr", x->st->task[task].name, m->base, m->name,
                               m->o.lr, tokens_of(m), m->init, m->settings, o.runs, o.diverged,
                               o.validation, o.validation_loss, p.accuracy, p.low, p.high, p.loss,
                               o.seconds);
        }
    return s;
}

/* ---- the best ---- */

/* Over all tasks where `task` is TAC_ANY_TASK: means over tasks. */
static struct outcome outcome_over(const struct tac_seen *x, enum tac_kind k, int task)
{
    struct outcome sum = {0};
    double n = (double)x->st->n_task;
    if (task != TAC_ANY_TASK)
        return outcome_of(x, k, task);
    for (int i = 0; i < (int)x->st->n_task; i++) {
        struct outcome o = outcome_of(x, k, i);
        sum.runs += o.runs;
        sum.diverged += o.diverged;
        sum.validation += o.validation / n;
        sum.validation_loss += o.validation_loss / n;
        sum.seconds += o.seconds / n;
    }
    return sum;
}

/* One that is known, and of which no run diverged, before one that is not; then by accuracy, then
 * by loss; the first of equals stays. */
static bool better(const struct outcome *a, const struct outcome *b)
{
    if (a->diverged || !isfinite(a->validation))
        return false;
    if (b->diverged || !isfinite(b->validation))
        return true;
    if (a->validation > b->validation || a->validation < b->validation)
        return a->validation > b->validation;
    return a->validation_loss < b->validation_loss;
}

static enum tacit_status accuracy_over(struct tac_pooled *out, struct tac_seen *x, enum tac_kind k,
                                       int task, struct tacit_err *err)
{
    struct tac_contrast c;
    if (task != TAC_ANY_TASK)
        return tac_pool(out, x, k, task, err);
    enum tacit_status s = tac_level(&c, x, k, err);
    *out = (struct tac_pooled){.accuracy = c.mean, .low = c.low, .high = c.high, .loss = NAN};
    return s;
}

/* The best combination of a method on a task, as a row and for the caller of the library. */
static enum tacit_status add_best(struct tac_result *t, struct tac_seen *x, const char *base,
                                  int task, struct tacit_err *err)
{
    enum tac_kind best = TAC_KIND_METHOD;
    struct outcome o = {.validation = NAN};
    struct tac_pooled p;
    size_t tried = 0, diverged = 0;
    for (enum tac_kind k = TAC_KIND_METHOD; k < tac_n_kind(x->st); k++) {
        if (strcmp(settings_of(x, k)->base, base) != 0)
            continue;
        struct outcome other = outcome_over(x, k, task);
        tried++;
        diverged += other.diverged > 0;
        if (better(&other, &o)) {
            best = k;
            o = other;
        }
    }
    if (!isfinite(o.validation))
        return TACIT_OK;
    const struct tac_spec_method *m = settings_of(x, best);
    const char *name = task == TAC_ANY_TASK ? "all" : x->st->task[task].name;
    enum tacit_status s = accuracy_over(&p, x, best, task, err);
    tac_result_row(t, "tttrrttzrrrrrzz", name, base, m->name, m->o.lr, tokens_of(m), m->init,
                   m->settings, o.runs, o.validation, p.accuracy, p.low, p.high, o.seconds, tried,
                   diverged);
    x->st->best[x->st->n_best++] = (struct tacit_best){.task = name,
                                                       .method = base,
                                                       .config = m->name,
                                                       .validation = o.validation,
                                                       .accuracy = p.accuracy,
                                                       .low = p.low,
                                                       .high = p.high,
                                                       .tried = tried,
                                                       .diverged = diverged};
    return s;
}

/* Whether no combination before this one is of its method. */
static bool first_of_method(const struct tac_seen *x, enum tac_kind k)
{
    for (enum tac_kind i = TAC_KIND_METHOD; i < k; i++)
        if (strcmp(settings_of(x, i)->base, settings_of(x, k)->base) == 0)
            return false;
    return true;
}

enum tacit_status tac_table_sweep_best(struct tac_result *t, struct tac_seen *x,
                                       struct tacit_err *err)
{
    struct tacit_study *st = x->st;
    int last = (int)st->n_task;
    free(st->best);
    st->n_best = 0;
    st->best = tac_alloc((st->n_task + 1) * st->spec.n_method, sizeof *st->best, err);
    enum tacit_status s = st->best ? TACIT_OK : TACIT_EFAIL;
    for (int task = 0; task <= last; task++)
        for (enum tac_kind k = TAC_KIND_METHOD; !s && k < tac_n_kind(st); k++)
            if (first_of_method(x, k) && (task < last || last > 1))
                s = add_best(t, x, settings_of(x, k)->base, task < last ? task : TAC_ANY_TASK, err);
    return s;
}
