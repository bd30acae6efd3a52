/* Figures of the part "reading": what the trained tokens are nearest to. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { START = 84, CELL = 17, LEFT = 96, RIGHT = 60 };

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

static bool equal(double a, double b)
{
    return !(a < b) && !(a > b);
}

/* ---- the reading: places downwards, seeds across, the nearest token in each cell ---- */

struct grid {
    const char *task;
    double first, seeds; /* smallest seed, how many */
    double place;        /* smallest place */
    double wide;
};

/* Further neighbours stand in the rows behind the first one. */
static void say_neighbors(struct tac_fig *f, const struct tac_rep_table *t, size_t i)
{
    double seed = tac_rep_num(t, i, "seed"), place = tac_rep_num(t, i, "place");
    const char *task = tac_rep_text(t, i, "task");
    char buf[48];
    for (size_t k = i;
         k < t->n && is(t, k, "task", task) && equal(tac_rep_num(t, k, "seed"), seed) &&
         equal(tac_rep_num(t, k, "place"), place);
         k++) {
        tac_fig_say(f, "\n%.0f. ", tac_rep_num(t, k, "rank"));
        tac_out_quoted(&f->o, tac_rep_text(t, k, "token"));
        tac_fig_say(f, "  %s  %s", tac_rep_show(buf, tac_rep_num(t, k, "cosine"), TAC_REP_NUMBER),
                    tac_rep_text(t, k, "script"));
    }
}

static void draw_cell(struct tac_fig *f, const struct grid *g, const struct tac_rep_table *t,
                      size_t i)
{
    double seed = tac_rep_num(t, i, "seed"), place = tac_rep_num(t, i, "place");
    bool kept = tac_rep_num(t, i, "persisted") > 0;
    double x = START + (seed - g->first) * g->wide;
    double y = TAC_PANEL_TOP + 18 + (place - g->place) * CELL;
    char key[256], buf[48];
    if (!isfinite(x + y))
        return;
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, g->task),
                                  .prompt = tac_key(key, g->task, "prompt", seed),
                                  .class = kept ? "cell kept" : "cell"});
    tac_fig_say(f, "%s, seed %.0f, place %.0f\nfrom ", g->task, seed, place);
    tac_out_quoted(&f->o, tac_rep_text(t, i, "start"));
    tac_fig_say(f, ", %s, drift %s", kept ? "persisted" : "changed",
                tac_rep_show(buf, tac_rep_num(t, i, "drift"), TAC_REP_NUMBER));
    say_neighbors(f, t, i);
    tac_mark_shapes(f);
    tac_box(f, x + 1, y + 1, g->wide - 2, CELL - 2, NULL);
    tac_out_addf(&f->o, "<text x=\"%.1f\" y=\"%.1f\" class=\"token\">", x + 4, y + 12.5);
    tac_out_token(&f->o, tac_rep_text(t, i, "token"), (int)((g->wide - 6) / 5.9));
    tac_out_add(&f->o, "</text>");
    tac_mark_end(f);
}

static void draw_heads(struct tac_fig *f, const struct grid *g)
{
    char text[32];
    tac_label(f, START - 8, TAC_PANEL_TOP + 12, "end", "axis", "start");
    for (double s = 0; s < g->seeds; s++) {
        snprintf(text, sizeof text, g->wide > 44 ? "seed %.0f" : "%.0f", g->first + s);
        tac_label(f, START + s * g->wide + 4, TAC_PANEL_TOP + 12, "start", "axis", text);
    }
}

static void draw_start(struct tac_fig *f, const struct grid *g, const struct tac_rep_table *t,
                       size_t i)
{
    tac_out_addf(&f->o, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" class=\"row\">", START - 8,
                 TAC_PANEL_TOP + 18 + (tac_rep_num(t, i, "place") - g->place) * CELL + 12.5);
    tac_out_token(&f->o, tac_rep_text(t, i, "start"), 12);
    tac_out_add(&f->o, "</text>");
}

/* The smallest and largest of a column in the rows of a task. */
static void span(const struct tac_rep_table *t, const char *task, const char *column, double *lo,
                 double *hi)
{
    *lo = (double)INFINITY;
    *hi = -(double)INFINITY;
    for (size_t i = 0; i < t->n; i++)
        if (is(t, i, "task", task)) {
            *lo = fmin(*lo, tac_rep_num(t, i, column));
            *hi = fmax(*hi, tac_rep_num(t, i, column));
        }
}

void tac_draw_reading(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    for (size_t k = 0; k < tasks; k++) {
        struct grid g = {.task = task[k]};
        double last_seed, last_place;
        span(t, task[k], "seed", &g.first, &last_seed);
        span(t, task[k], "place", &g.place, &last_place);
        /* Prompts are short and runs few; what is not is left to the table. */
        if (!(last_seed - g.first < 12) || !(last_place - g.place < 200))
            continue;
        g.seeds = last_seed - g.first + 1;
        g.wide = (TAC_PANEL - START) / g.seeds;
        tac_fig_panel(f, TAC_PANEL_TOP + 24 + (last_place - g.place + 1) * CELL, "%s", task[k]);
        draw_heads(f, &g);
        for (size_t i = 0; i < t->n; i++) {
            if (!is(t, i, "task", task[k]) || !equal(tac_rep_num(t, i, "rank"), 1))
                continue;
            if (equal(tac_rep_num(t, i, "seed"), g.first) && isfinite(tac_rep_num(t, i, "place")))
                draw_start(f, &g, t, i);
            draw_cell(f, &g, t, i);
        }
    }
}

/* ---- persistence: a row a task, a dot a run ---- */

void tac_draw_persistence(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t methods, tasks;
    const char **method = tac_fig_list(f, t, "method", NULL, NULL, &methods);
    struct tac_scale share = {.lo = 0, .hi = 1, .type = TAC_REP_SHARE};
    char key[256];
    for (size_t m = 0; m < methods; m++) {
        const char **task = tac_fig_list(f, t, "task", "method", method[m], &tasks);
        struct tac_list l = tac_fig_rows(f, tasks, 22, LEFT, 12, share,
                                         "tokens that are still nearest to their start", method[m]);
        for (size_t k = 0; k < tasks; k++) {
            int at = tac_rep_task(f->rep, task[k]);
            tac_row_label(f, &l, k, LEFT, task[k], at);
            for (size_t i = 0; i < t->n; i++) {
                if (!is(t, i, "method", method[m]) || !is(t, i, "task", task[k]))
                    continue;
                double seed = tac_rep_num(t, i, "seed"), v = tac_rep_num(t, i, "persisted");
                tac_mark(f, (struct tac_mark){.task = at,
                                              .prompt = tac_key(key, task[k], method[m], seed)});
                tac_fig_say(f, "%s, ", task[k]);
                tac_fig_say_run(f, method[m], seed);
                tac_fig_say_value(f, "persisted", v, TAC_REP_SHARE);
                tac_fig_say_value(f, "drift", tac_rep_num(t, i, "drift"), TAC_REP_NUMBER);
                tac_mark_shapes(f);
                tac_dot(f, tac_at(&l.x, v), tac_row_y(&l, k) + tac_apart(seed), 4, "soft");
                tac_mark_end(f);
            }
        }
    }
}

/* ---- words of the description: drift beside its control ---- */

static void draw_word(struct tac_fig *f, const struct tac_list *l, size_t at,
                      const struct tac_rep_table *t, size_t i)
{
    const char *task = tac_rep_text(t, i, "task");
    double drift = tac_rep_num(t, i, "drift"), control = tac_rep_num(t, i, "control");
    double kept = tac_rep_num(t, i, "persisted"), y = tac_row_y(l, at);
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task)});
    tac_fig_say(f, "%s: ", task);
    tac_out_quoted(&f->o, tac_rep_text(t, i, "word"));
    tac_fig_say_value(f, "place", tac_rep_num(t, i, "place"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "drift", drift, TAC_REP_NUMBER);
    tac_fig_say_value(f, "control", control, TAC_REP_NUMBER);
    tac_fig_say_value(f, "persisted", kept, TAC_REP_SHARE);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, l->x.lo), y, tac_at(&l->x, drift), y, "stem");
    tac_line(f, tac_at(&l->x, control), y - 6, tac_at(&l->x, control), y + 6, "control");
    tac_dot(f, tac_at(&l->x, drift), y, 3.5, kept < 0.5 ? "hollow" : NULL);
    tac_mark_end(f);
    tac_row_label(f, l, at, LEFT, tac_rep_text(t, i, "word"), -1);
    tac_label_value(f, TAC_PANEL, y + 4, "end", "value", kept, TAC_REP_SHARE);
}

void tac_draw_words(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale range = {.lo = 0, .hi = 0, .type = TAC_REP_NUMBER};
    tac_fig_range(t, "drift", &range.lo, &range.hi);
    tac_fig_range(t, "control", &range.lo, &range.hi);
    for (size_t k = 0; k < tasks; k++) {
        size_t n = 0, at = 0;
        for (size_t i = 0; i < t->n; i++)
            n += is(t, i, "task", task[k]);
        struct tac_list l = tac_fig_rows(f, n, 17, LEFT, RIGHT, range, "drift", task[k]);
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "task", task[k]))
                draw_word(f, &l, at++, t, i);
    }
}

/* ---- tokens that come back, and their scripts ---- */

void tac_draw_recurring(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t n = t->n < 24 ? t->n : 24;
    struct tac_scale range = {.lo = 0, .hi = 0, .type = TAC_REP_NUMBER};
    tac_fig_range(t, "prompts", &range.lo, &range.hi);
    struct tac_list l = tac_fig_rows(f, n, 17, LEFT, RIGHT, range, "prompts that have it",
                                     n < t->n ? "The first 24 of the table" : "Tokens");
    for (size_t i = 0; i < n; i++) {
        double v = tac_rep_num(t, i, "prompts"), y = tac_row_y(&l, i);
        char text[64], p[48];
        tac_mark(f, (struct tac_mark){.task = -1});
        tac_out_quoted(&f->o, tac_rep_text(t, i, "token"));
        tac_fig_say(f, " (%s)", tac_rep_text(t, i, "script"));
        tac_fig_say_value(f, "prompts", v, TAC_REP_NUMBER);
        tac_fig_say_value(f, "tasks", tac_rep_num(t, i, "tasks"), TAC_REP_NUMBER);
        tac_fig_say_value(f, "p", tac_rep_num(t, i, "p"), TAC_REP_P);
        tac_mark_shapes(f);
        tac_box(f, tac_at(&l.x, 0), y - 5, tac_at(&l.x, v) - tac_at(&l.x, 0), 10, "bar");
        tac_mark_end(f);
        tac_row_label(f, &l, i, LEFT, tac_rep_text(t, i, "token"), -1);
        snprintf(text, sizeof text, "p %s", tac_rep_show(p, tac_rep_num(t, i, "p"), TAC_REP_P));
        tac_label(f, TAC_PANEL, y + 4, "end", "value", text);
    }
}

void tac_draw_scripts(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_scale range = {.lo = 0, .hi = 0, .type = TAC_REP_SHARE};
    tac_fig_range(t, "prompts", &range.lo, &range.hi);
    tac_fig_range(t, "null", &range.lo, &range.hi);
    struct tac_list l =
        tac_fig_rows(f, t->n, 19, LEFT, RIGHT, range, "share of tokens", "Prompts and vocabulary");
    for (size_t i = 0; i < t->n; i++) {
        double v = tac_rep_num(t, i, "prompts"), null = tac_rep_num(t, i, "null");
        double y = tac_row_y(&l, i);
        tac_mark(f, (struct tac_mark){.task = -1});
        tac_fig_say(f, "%s", tac_rep_text(t, i, "script"));
        tac_fig_say_value(f, "prompts", v, TAC_REP_SHARE);
        tac_fig_say_value(f, "null", null, TAC_REP_SHARE);
        tac_mark_shapes(f);
        tac_line(f, tac_at(&l.x, null), y, tac_at(&l.x, v), y, "stem");
        tac_line(f, tac_at(&l.x, null), y - 6, tac_at(&l.x, null), y + 6, "control");
        tac_dot(f, tac_at(&l.x, v), y, 4, NULL);
        tac_mark_end(f);
        tac_row_label(f, &l, i, LEFT, tac_rep_text(t, i, "script"), -1);
        tac_label_value(f, TAC_PANEL, y + 4, "end", "value", v, TAC_REP_SHARE);
    }
}
