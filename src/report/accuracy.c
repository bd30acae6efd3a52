/* Figures of the part "accuracy": methods beside one another, training curves. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 92, RIGHT = 52 };

/* Trained ways of adapting the model have the task's hue, what they are compared with is grey. The
 * table of methods knows those that the study names itself. */
static bool is_trained(const struct tac_fig *f, const char *method)
{
    const struct tac_rep_table *t = tac_rep_find(f->rep, "methods");
    for (size_t i = 0; t && i < t->n; i++)
        if (strcmp(tac_rep_text(t, i, "method"), method) == 0)
            return true;
    return strcmp(method, "prompt") == 0 || strcmp(method, "full") == 0;
}

/* One dot a run, on the line of its method. */
static void draw_runs(struct tac_fig *f, const struct tac_list *l, size_t at, const char *task,
                      const char *method)
{
    const struct tac_rep_table *t = tac_rep_find(f->rep, "runs");
    char key[256];
    for (size_t i = 0; t && i < t->n; i++) {
        if (strcmp(tac_rep_text(t, i, "task"), task) != 0 ||
            strcmp(tac_rep_text(t, i, "method"), method) != 0)
            continue;
        double seed = tac_rep_num(t, i, "seed"), accuracy = tac_rep_num(t, i, "accuracy");
        tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                      .prompt = tac_key(key, task, method, seed),
                                      .class = is_trained(f, method) ? "run" : "run ref"});
        tac_fig_say_run(f, method, seed);
        tac_fig_say_value(f, "accuracy", accuracy, TAC_REP_SHARE);
        tac_mark_shapes(f);
        tac_dot(f, tac_at(&l->x, accuracy), tac_row_y(l, at) + 5, 2.2, NULL);
        tac_mark_end(f);
    }
}

static void draw_method(struct tac_fig *f, const struct tac_list *l, size_t at,
                        const struct tac_rep_table *t, size_t i)
{
    const char *task = tac_rep_text(t, i, "task"), *method = tac_rep_text(t, i, "method");
    double v = tac_rep_num(t, i, "accuracy"), y = tac_row_y(l, at) - 2;
    double low = tac_rep_num(t, i, "low"), high = tac_rep_num(t, i, "high");
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .class = is_trained(f, method) ? "method" : "method ref"});
    tac_fig_say(f, "%s: %s", task, method);
    tac_fig_say_value(f, "accuracy", v, TAC_REP_SHARE);
    tac_fig_say_value(f, "from", low, TAC_REP_SHARE);
    tac_fig_say_value(f, "to", high, TAC_REP_SHARE);
    tac_fig_say_value(f, "runs", tac_rep_num(t, i, "runs"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, low), y, tac_at(&l->x, high), y, "whisker");
    tac_dot(f, tac_at(&l->x, v), y, 4, strcmp(method, "full") == 0 ? "hollow" : NULL);
    tac_mark_end(f);
    tac_row_label(f, l, at, LEFT, method, -1);
    tac_label_value(f, TAC_PANEL, tac_row_y(l, at) + 3, "end", "value", v, TAC_REP_SHARE);
}

static void draw_majority(struct tac_fig *f, const struct tac_list *l, const char *task, size_t n)
{
    int at = tac_rep_task(f->rep, task);
    double v = at >= 0 ? f->rep->task[at].majority : (double)NAN;
    if (!isfinite(v) || v < l->x.lo || v > l->x.hi)
        return;
    double x = tac_at(&l->x, v), bottom = l->top + l->row * (double)n;
    tac_line(f, x, l->top, x, bottom, "majority");
    tac_label(f, fmin(x, TAC_PANEL - 36), l->top - 3, "middle", "small", "majority class");
}

void tac_draw_accuracy(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks, methods;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale range = {.lo = 1, .hi = 0, .type = TAC_REP_SHARE};
    const struct tac_rep_table *runs = tac_rep_find(f->rep, "runs");
    tac_fig_range(t, "accuracy", &range.lo, &range.hi);
    tac_fig_range(t, "low", &range.lo, &range.hi);
    tac_fig_range(t, "high", &range.lo, &range.hi);
    if (runs)
        tac_fig_range(runs, "accuracy", &range.lo, &range.hi);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_list(f, t, "method", "task", task[k], &methods);
        struct tac_list l = tac_fig_rows(f, methods, 22, LEFT, RIGHT, range, "accuracy", task[k]);
        draw_majority(f, &l, task[k], methods);
        for (size_t i = 0, at = 0; i < t->n; i++)
            if (strcmp(tac_rep_text(t, i, "task"), task[k]) == 0 && at < methods) {
                draw_runs(f, &l, at, task[k], tac_rep_text(t, i, "method"));
                draw_method(f, &l, at++, t, i);
            }
    }
}

/* ---- training curves ---- */

/* The rows of one run: from *i on while task, method and seed stay. */
static bool same_run(const struct tac_rep_table *t, size_t a, size_t b)
{
    return strcmp(tac_rep_text(t, a, "task"), tac_rep_text(t, b, "task")) == 0 &&
           strcmp(tac_rep_text(t, a, "method"), tac_rep_text(t, b, "method")) == 0 &&
           !(tac_rep_num(t, a, "seed") < tac_rep_num(t, b, "seed")) &&
           !(tac_rep_num(t, a, "seed") > tac_rep_num(t, b, "seed"));
}

/* Losses of a run span powers of ten. */
static double curve_value(const struct tac_rep_table *t, size_t row, const char *column)
{
    double v = tac_rep_num(t, row, column);
    return strcmp(column, "loss") == 0 ? log10(v > 1e-6 ? v : isnan(v) ? v : 1e-6) : v;
}

static void loss_range(const struct tac_rep_table *t, double *lo, double *hi)
{
    for (size_t i = 0; i < t->n; i++) {
        double v = curve_value(t, i, "loss");
        if (isnan(v))
            continue;
        bool first = *lo > *hi;
        *lo = first || v < *lo ? v : *lo;
        *hi = first || v > *hi ? v : *hi;
    }
}

static void draw_curve(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                       size_t from, size_t to, const char *column)
{
    const char *task = tac_rep_text(t, from, "task"), *method = tac_rep_text(t, from, "method");
    double seed = tac_rep_num(t, from, "seed");
    char key[256];
    bool accuracy = strcmp(column, "dev_accuracy") == 0;
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .prompt = tac_key(key, task, method, seed)});
    tac_fig_say(f, "%s, ", task);
    tac_fig_say_run(f, method, seed);
    tac_fig_say_value(f, accuracy ? "dev accuracy at the end" : "training loss at the end",
                      tac_rep_num(t, to - 1, column), accuracy ? TAC_REP_SHARE : TAC_REP_NUMBER);
    tac_fig_say_value(f, "drift at the end", tac_rep_num(t, to - 1, "drift"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_curve(f, "curve");
    for (size_t i = from; i < to; i++) /* epochs without an evaluation do not break the line */
        if (!isnan(tac_rep_num(t, i, column)))
            tac_curve_to(f, tac_at(&p->x, tac_rep_num(t, i, "epoch")),
                         tac_at(&p->y, curve_value(t, i, column)));
    tac_curve_end(f);
    tac_mark_end(f);
}

static void draw_run_curves(struct tac_fig *f, const struct tac_rep_table *t, const char *task,
                            const char *method)
{
    struct tac_scale epoch = {.lo = 1, .type = TAC_REP_NUMBER}, loss = epoch, dev = epoch;
    dev.type = TAC_REP_SHARE;
    tac_fig_range(t, "epoch", &epoch.lo, &epoch.hi);
    loss_range(t, &loss.lo, &loss.hi);
    tac_fig_range(t, "dev_accuracy", &dev.lo, &dev.hi);
    tac_fig_panel(f, 178, "%s, %s", task, method);
    struct tac_plane p[2] = {
        tac_fig_plane(f, 30, 158, 46, 146, epoch, loss, "epoch", "log10 of training loss"),
        tac_fig_plane(f, 212, TAC_PANEL - 6, 46, 146, epoch, dev, "epoch", "dev accuracy")};
    for (size_t i = 0, to; i < t->n; i = to) {
        for (to = i + 1; to < t->n && same_run(t, i, to);)
            to++;
        if (strcmp(tac_rep_text(t, i, "task"), task) != 0 ||
            strcmp(tac_rep_text(t, i, "method"), method) != 0)
            continue;
        draw_curve(f, &p[0], t, i, to, "loss");
        draw_curve(f, &p[1], t, i, to, "dev_accuracy");
    }
}

void tac_draw_curves(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks, methods;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    for (size_t k = 0; k < tasks; k++) {
        const char **method = tac_fig_list(f, t, "method", "task", task[k], &methods);
        for (size_t m = 0; m < methods; m++)
            if (is_trained(f, method[m]) || strcmp(method[m], "shuffled") == 0)
                draw_run_curves(f, t, task[k], method[m]);
    }
}
