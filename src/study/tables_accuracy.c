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
