/* Further figures of the part "reading": what a prompt's tokens do (knock-outs), and how far they
 * can be led astray (wayward prompts). */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 96 };

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

/* ---- knock-outs: a row a place, a mark a run ---- */

static void draw_knockout(struct tac_fig *f, const struct tac_list *l,
                          const struct tac_rep_table *t, size_t i, double place)
{
    const char *task = tac_rep_text(t, i, "task");
    double seed = tac_rep_num(t, i, "seed"), change = tac_rep_num(t, i, "change");
    double y = tac_row_y(l, (size_t)place) + tac_apart(seed);
    char key[256];
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .prompt = tac_key(key, task, "prompt", seed)});
    tac_fig_say_run(f, task, seed);
    tac_fig_say(f, "\nwithout ");
    tac_out_quoted(&f->o, tac_rep_text(t, i, "start"));
    tac_fig_say_value(f, "place", tac_rep_num(t, i, "place"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
    tac_fig_say_value(f, "change", change, TAC_REP_SHARE);
    tac_fig_say_value(f, "from", tac_rep_num(t, i, "low"), TAC_REP_SHARE);
    tac_fig_say_value(f, "to", tac_rep_num(t, i, "high"), TAC_REP_SHARE);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, tac_rep_num(t, i, "low")), y,
             tac_at(&l->x, tac_rep_num(t, i, "high")), y, "thin");
    tac_dot(f, tac_at(&l->x, change), y, 2.4, NULL);
    tac_mark_end(f);
}

void tac_draw_knockout(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale range = {.lo = 0, .hi = 0, .type = TAC_REP_SHARE};
    tac_fig_range(t, "change", &range.lo, &range.hi);
    tac_fig_range(t, "low", &range.lo, &range.hi);
    tac_fig_range(t, "high", &range.lo, &range.hi);
    for (size_t k = 0; k < tasks; k++) {
        double first = (double)INFINITY, last = -(double)INFINITY;
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "task", task[k])) {
                first = fmin(first, tac_rep_num(t, i, "place"));
                last = fmax(last, tac_rep_num(t, i, "place"));
            }
        if (!(last - first < 200))
            continue;
        struct tac_list l = tac_fig_rows(f, (size_t)(last - first + 1), 19, LEFT, 12, range,
                                         "change of accuracy without the token", task[k]);
        double labelled = -1;
        for (size_t i = 0; i < t->n; i++) {
            double place = tac_rep_num(t, i, "place") - first;
            if (!is(t, i, "task", task[k]) || !isfinite(place))
                continue;
            if (place > labelled) {
                tac_row_label(f, &l, (size_t)place, LEFT, tac_rep_text(t, i, "start"), -1);
                labelled = place;
            }
            draw_knockout(f, &l, t, i, place);
        }
    }
}

/* ---- wayward prompts: the weight of the pull across, accuracy and obedience upwards ---- */

/* Weights go by powers: they stand side by side, each at its rank. */
struct weights {
    double value[8];
    size_t n;
};

static double rank_of(const struct weights *w, double v)
{
    size_t k = 0;
    while (k < w->n && w->value[k] < v)
        k++;
    return (double)k;
}

static struct weights weights_of(const struct tac_rep_table *t)
{
    struct weights w = {.n = 0};
    for (size_t i = 0; i < t->n; i++) {
        double v = tac_rep_num(t, i, "weight");
        size_t k = (size_t)rank_of(&w, v);
        if (!isfinite(v) || w.n == 8 || (k < w.n && !(v < w.value[k])))
            continue;
        memmove(w.value + k + 1, w.value + k, (w.n - k) * sizeof *w.value);
        w.value[k] = v;
        w.n++;
    }
    return w;
}

/* A plane whose x axis has the weights at equal steps. */
static struct tac_plane plane_of(struct tac_fig *f, const struct weights *w, double left,
                                 double right, struct tac_scale y, const char *title)
{
    struct tac_plane p = {.x = {.lo = -0.5, .hi = (double)w->n - 0.5, .from = left, .to = right}};
    p.y = tac_scale(y.lo, y.hi, 146, 46, 3, y.type);
    tac_axis_y(f, &p.y, left, right, title);
    for (size_t k = 0; k < w->n; k++) {
        char text[32];
        snprintf(text, sizeof text, "%g", w->value[k]);
        tac_label(f, tac_at(&p.x, (double)k), 159, "middle", "tick", text);
    }
    tac_label(f, right, 173, "end", "axis", "weight of the pull");
    return p;
}

static void draw_wayward(struct tac_fig *f, const struct tac_plane *p, double x,
                         const struct tac_rep_table *t, size_t i, const char *column)
{
    const char *task = tac_rep_text(t, i, "task");
    double seed = tac_rep_num(t, i, "seed");
    char key[256];
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .prompt = tac_key(key, task, "wayward", seed)});
    tac_fig_say_run(f, task, seed);
    tac_fig_say_value(f, "weight", tac_rep_num(t, i, "weight"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
    tac_fig_say_value(f, "tokens at the target", tac_rep_num(t, i, "target_share"), TAC_REP_SHARE);
    tac_fig_say_value(f, "distance", tac_rep_num(t, i, "distance"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_dot(f, tac_at(&p->x, x) + tac_apart(seed), tac_at(&p->y, tac_rep_num(t, i, column)), 3.5,
            "soft");
    tac_mark_end(f);
}

void tac_draw_wayward(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct weights w = weights_of(t);
    struct tac_scale share = {.lo = 1, .type = TAC_REP_SHARE};
    struct tac_scale hit = {.hi = 1, .type = TAC_REP_SHARE};
    tac_fig_range(t, "accuracy", &share.lo, &share.hi);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_panel(f, 182, "%s", task[k]);
        struct tac_plane p[2] = {plane_of(f, &w, 34, 158, share, "accuracy"),
                                 plane_of(f, &w, 212, TAC_PANEL - 6, hit, "tokens at the target")};
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "task", task[k])) {
                double x = rank_of(&w, tac_rep_num(t, i, "weight"));
                draw_wayward(f, &p[0], x, t, i, "accuracy");
                draw_wayward(f, &p[1], x, t, i, "target_share");
            }
    }
}
