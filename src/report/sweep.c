/* Figures of the part "sweep": accuracy by learning rate, and the best of each method. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 104, RIGHT = 52, COLOURS = 12, LEGEND = 14 };

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

/* ---- accuracy by learning rate ---- */

/* What a line is of: all settings but the learning rate. */
static bool same_line(const struct tac_rep_table *t, size_t a, size_t b)
{
    static const char *const columns[] = {"method", "init", "settings"};
    double x = tac_rep_num(t, a, "tokens"), y = tac_rep_num(t, b, "tokens");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!is(t, a, columns[i], tac_rep_text(t, b, columns[i])))
            return false;
    return (isnan(x) && isnan(y)) || (!(x < y) && !(x > y) && !isnan(x + y));
}

/* A row of the table for every line, in the order of the table. */
static size_t *find_lines(struct tac_fig *f, const struct tac_rep_table *t, size_t *n)
{
    size_t *line = tac_arena_alloc(&f->arena, t->n, sizeof *line, &f->o.bad);
    *n = 0;
    for (size_t i = 0; line && i < t->n; i++) {
        size_t k = 0;
        while (k < *n && !same_line(t, line[k], i))
            k++;
        if (k == *n)
            line[(*n)++] = i;
    }
    return line;
}

static const char *line_name(char buf[200], const struct tac_rep_table *t, size_t i)
{
    double tokens = tac_rep_num(t, i, "tokens");
    char number[32] = "";
    const char *init = tac_rep_text(t, i, "init"), *more = tac_rep_text(t, i, "settings");
    if (isfinite(tokens))
        snprintf(number, sizeof number, ", %.0f tokens", tokens);
    snprintf(buf, 200, "%.50s%s%s%.30s%s%.60s", tac_rep_text(t, i, "method"), number,
             *init ? ", " : "", init, *more ? ", " : "", more);
    return buf;
}

static const char *colour(char buf[8], size_t line)
{
    snprintf(buf, 8, "t%zu", line % COLOURS);
    return buf;
}

/* Whether the row is the best of its method on its task. */
static bool is_best(const struct tac_fig *f, const struct tac_rep_table *t, size_t i)
{
    const struct tac_rep_table *best = tac_rep_find(f->rep, "sweep_best");
    for (size_t k = 0; best && k < best->n; k++)
        if (is(best, k, "task", tac_rep_text(t, i, "task")) &&
            is(best, k, "config", tac_rep_text(t, i, "config")))
            return true;
    return false;
}

struct point {
    size_t row;
    double x;
};

static int by_x(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    return p->x < q->x ? -1 : p->x > q->x ? 1 : (p->row > q->row) - (p->row < q->row);
}

/* The line's rows on a task, by learning rate. */
static struct point *line_points(struct tac_fig *f, const struct tac_rep_table *t, const char *task,
                                 size_t line, size_t *n)
{
    struct point *p = tac_arena_alloc(&f->arena, t->n, sizeof *p, &f->o.bad);
    *n = 0;
    for (size_t i = 0; p && i < t->n; i++)
        if (is(t, i, "task", task) && same_line(t, line, i))
            p[(*n)++] = (struct point){i, log10(tac_rep_num(t, i, "lr"))};
    if (p && *n)
        qsort(p, *n, sizeof *p, by_x);
    return p;
}

/* A combination: its accuracy, ringed where it is the best; on the axis where it diverged. */
static void draw_point(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                       size_t i, const char *class)
{
    double x = tac_at(&p->x, log10(tac_rep_num(t, i, "lr"))), v = tac_rep_num(t, i, "accuracy");
    bool there = isfinite(v);
    tac_mark(f, (struct tac_mark){.task = -1, .class = class});
    tac_fig_say(f, "%s\non %s", tac_rep_text(t, i, "config"), tac_rep_text(t, i, "task"));
    tac_fig_say_value(f, "accuracy", v, TAC_REP_SHARE);
    tac_fig_say_value(f, "validation", tac_rep_num(t, i, "validation"), TAC_REP_SHARE);
    tac_fig_say_value(f, "runs", tac_rep_num(t, i, "runs"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "diverged", tac_rep_num(t, i, "diverged"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_dot(f, x, there ? tac_at(&p->y, v) : p->y.from, 3.2, there ? NULL : "hollow");
    if (there && is_best(f, t, i))
        tac_dot(f, x, tac_at(&p->y, v), 6.5, "ring");
    tac_mark_end(f);
}

static void draw_line(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                      const char *task, size_t line, const char *class)
{
    size_t n;
    struct point *at = line_points(f, t, task, line, &n);
    tac_group(f, (struct tac_mark){.task = -1, .class = class});
    tac_curve(f, "curve");
    for (size_t i = 0; at && i < n; i++)
        tac_curve_to(f, tac_at(&p->x, at[i].x),
                     tac_at(&p->y, tac_rep_num(t, at[i].row, "accuracy")));
    tac_curve_end(f);
    tac_group_end(f);
    for (size_t i = 0; at && i < n; i++)
        draw_point(f, p, t, at[i].row, class);
}

static void draw_legend(struct tac_fig *f, const struct tac_rep_table *t, const size_t *line,
                        size_t n, double top)
{
    char name[200], class[8];
    for (size_t k = 0; k < n; k++) {
        double y = top + LEGEND * (double)k;
        tac_out_addf(&f->o, "<g class=\"key %s\">", colour(class, k));
        tac_dot(f, 46, y - 3.5, 3.2, NULL);
        tac_out_add(&f->o, "<text class=\"small\" x=\"54\"");
        tac_out_addf(&f->o, " y=\"%.1f\">", y);
        tac_out_token(&f->o, line_name(name, t, line[k]), 46);
        tac_out_add(&f->o, "</text></g>\n");
    }
}

void tac_draw_sweep(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks, n;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    size_t *line = find_lines(f, t, &n);
    struct tac_scale x = {.lo = 1, .type = TAC_REP_NUMBER}, y = {.lo = 1, .type = TAC_REP_SHARE};
    char class[8];
    for (size_t i = 0; i < t->n; i++) {
        double v = log10(tac_rep_num(t, i, "lr"));
        if (isfinite(v)) {
            x.lo = x.lo > x.hi || v < x.lo ? v : x.lo;
            x.hi = v > x.hi || x.hi < x.lo ? v : x.hi;
        }
    }
    tac_fig_range(t, "accuracy", &y.lo, &y.hi);
    for (size_t k = 0; line && k < tasks; k++) {
        tac_fig_panel(f, 240 + LEGEND * (double)n, "%s", task[k]);
        struct tac_plane p = tac_fig_plane(f, 46, TAC_PANEL - 10, 46, 190, x, y,
                                           "log10 of the learning rate", "accuracy");
        for (size_t i = 0; i < n; i++)
            draw_line(f, &p, t, task[k], line[i], colour(class, i));
        draw_legend(f, t, line, n, 240);
    }
}

/* ---- the best ---- */

static void draw_best(struct tac_fig *f, const struct tac_list *l, size_t at,
                      const struct tac_rep_table *t, size_t i)
{
    const char *task = tac_rep_text(t, i, "task");
    double v = tac_rep_num(t, i, "accuracy"), chosen = tac_rep_num(t, i, "validation");
    double y = tac_row_y(l, at);
    tac_row_label(f, l, at, LEFT, tac_rep_text(t, i, "method"), -1);
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task)});
    tac_fig_say(f, "%s\non %s", tac_rep_text(t, i, "config"), task);
    tac_fig_say_value(f, "accuracy", v, TAC_REP_SHARE);
    tac_fig_say_value(f, "from", tac_rep_num(t, i, "low"), TAC_REP_SHARE);
    tac_fig_say_value(f, "to", tac_rep_num(t, i, "high"), TAC_REP_SHARE);
    tac_fig_say_value(f, "validation", chosen, TAC_REP_SHARE);
    tac_fig_say_value(f, "combinations", tac_rep_num(t, i, "tried"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, tac_rep_num(t, i, "low")), y,
             tac_at(&l->x, tac_rep_num(t, i, "high")), y, "whisker");
    tac_line(f, tac_at(&l->x, chosen), y - 6, tac_at(&l->x, chosen), y + 6, "control");
    tac_dot(f, tac_at(&l->x, v), y, 4, NULL);
    tac_mark_end(f);
    tac_label_value(f, TAC_PANEL, y + 4, "end", "value", v, TAC_REP_SHARE);
}

void tac_draw_sweep_best(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks, methods;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale range = {.lo = 1, .type = TAC_REP_SHARE};
    tac_fig_range(t, "validation", &range.lo, &range.hi);
    tac_fig_range(t, "low", &range.lo, &range.hi);
    tac_fig_range(t, "high", &range.lo, &range.hi);
    tac_fig_range(t, "accuracy", &range.lo, &range.hi);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_list(f, t, "method", "task", task[k], &methods);
        struct tac_list l = tac_fig_rows(f, methods, 24, LEFT, RIGHT, range, "accuracy", task[k]);
        for (size_t i = 0, at = 0; i < t->n; i++)
            if (is(t, i, "task", task[k]) && at < methods)
                draw_best(f, &l, at++, t, i);
    }
}
