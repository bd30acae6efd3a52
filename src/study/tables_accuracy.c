/* Tables of the part "accuracy". */
#include "study/tables.h"

#include <math.h>

/* The kinds in the order of the accuracy table. */
static bool shown(enum tac_kind k)
{
    return k != TAC_KIND_ORDER && k != TAC_KIND_INIT && k != TAC_KIND_MOMENTS &&
           k != TAC_KIND_WAYWARD;
}

static double mean_seconds(const struct tac_seen *x, enum tac_kind k, int task)
{
    double sum = 0;
    size_t n = 0;
    for (size_t p = tac_seen_next(x, 0, k, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, task), n++)
        sum += x->seconds[p];
    return n && tac_kind_trained(k) ? sum / (double)n : (double)NAN;
}

enum tacit_status tac_table_accuracy(struct tac_result *t, struct tac_seen *x,
                                     struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int task = 0; task < (int)x->st->n_task; task++)
        for (enum tac_kind k = 0; !s && k < tac_n_kind(x->st); k++) {
            struct tac_pooled a;
            int owner = tac_kind_task(k, task);
            size_t p = tac_seen_next(x, 0, k, owner);
            if (!shown(k) || p == x->st->n_prompt)
                continue;
            s = tac_pool(&a, x, k, task, err);
            if (!s && a.runs)
                tac_result_row(t, "ttzrrrrrzr", x->st->task[task].name, tac_kind_name(x->st, k),
                               a.runs, a.accuracy, a.low, a.high, a.auroc, a.loss, x->parameters[p],
                               mean_seconds(x, k, owner));
        }
    return s;
}

/* ---- methods ---- */

/* What a method's runs took: of all runs (number, seconds: mean) or the largest. NaN: not known. */
struct cost {
    size_t runs, parameters;
    double bytes, seconds, memory;
};

static double largest(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

static struct cost cost_of(const struct tac_seen *x, enum tac_kind k)
{
    struct cost c = {0, 0, NAN, 0, NAN};
    size_t timed = 0;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        if (x->st->prompt[p].kind != k)
            continue;
        const json_t *r = tac_seen_result(x, TAC_UNIT_MAKE, p);
        c.runs++;
        c.parameters = x->parameters[p] > c.parameters ? x->parameters[p] : c.parameters;
        if (!r) /* made before runs left what they took */
            continue;
        timed++;
        c.seconds += json_number_value(json_object_get(r, "seconds"));
        c.bytes = largest(c.bytes, json_number_value(json_object_get(r, "bytes")));
        c.memory = largest(c.memory, json_number_value(json_object_get(r, "memory")));
    }
    c.seconds = timed ? c.seconds / (double)timed : (double)NAN;
    return c;
}

static enum tacit_status add_method(struct tac_result *t, struct tac_seen *x, enum tac_kind k,
                                    struct tacit_err *err)
{
    struct tac_contrast a, d = {0};
    struct cost c = cost_of(x, k);
    enum tacit_status s = tac_level(&a, x, k, err);
    if (!s && k != TAC_KIND_FULL)
        s = tac_contrast(&d, x, k, TAC_KIND_FULL, err);
    if (s || !a.tasks)
        return s;
    if (!d.tasks)
        d.mean = d.low = d.high = (double)NAN;
    tac_result_row(t, "tzzrrrrrrrrr", tac_kind_name(x->st, k), c.runs, c.parameters, c.bytes,
                   c.seconds, c.memory, a.mean, a.low, a.high, d.mean, d.low, d.high);
    return TACIT_OK;
}

enum tacit_status tac_table_methods(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = add_method(t, x, TAC_KIND_PROMPT, err);
    for (enum tac_kind k = TAC_KIND_FULL; !s && k < tac_n_kind(x->st); k++)
        s = add_method(t, x, k, err);
    return s;
}

enum tacit_status tac_table_runs(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    (void)err;
    for (int task = 0; task < (int)x->st->n_task; task++)
        for (size_t p = 0; p < x->st->n_prompt; p++) {
            const struct tac_study_prompt *q = &x->st->prompt[p];
            const struct tac_seen_score *s = tac_seen_get(x, p, task);
            if (s && (q->task == task || q->task == TAC_NO_TASK))
                tac_result_row(t, "ttzrrrrr", x->st->task[task].name, tac_kind_name(x->st, q->kind),
                               q->index, s->accuracy, s->low, s->high, s->auroc, s->loss);
        }
    return TACIT_OK;
}

enum tacit_status tac_table_curves(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; !s && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        struct tac_select r = tac_select_begin(
            &x->st->store.db,
            "SELECT epoch, loss, accuracy, epoch.data FROM epoch JOIN prompt ON prompt.key = prompt "
            "JOIN unit ON unit.key = unit WHERE prompt = ? AND planned ORDER BY epoch",
            "t", q->key);
        while (tac_select_next(&r)) {
            size_t bytes;
            const float *rows = tac_select_blob(&r, 3, &bytes);
            const float *start = q->task >= 0 ? x->start[q->task] : NULL;
            double drift =
                rows && start ? tac_frobenius(start, rows, bytes / sizeof *rows) : (double)NAN;
            tac_result_row(t, "ttzzrrr", x->st->task[q->task].name, tac_kind_name(x->st, q->kind),
                           q->index, (size_t)tac_select_int(&r, 0), tac_select_real(&r, 1),
                           tac_select_real(&r, 2), drift);
        }
        s = tac_select_end(&r, err);
    }
    return s;
}
