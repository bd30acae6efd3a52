/* The figure of the methods: what each reaches, and what it costs. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 104, RIGHT = 52, ROW = 24 };

static void begin_method(struct tac_fig *f, const struct tac_rep_table *t, size_t i)
{
    tac_mark(f, (struct tac_mark){.task = -1});
    tac_fig_say(f, "%s", tac_rep_text(t, i, "method"));
}

/* ---- a value with its interval, a row a method ---- */

/* low, high: NULL where there is no interval. */
struct strip {
    const char *value, *low, *high, *title, *axis;
    enum tac_rep_type type;
};

static double bound(const struct tac_rep_table *t, size_t i, const char *column)
{
    return column ? tac_rep_num(t, i, column) : (double)NAN;
}

static void draw_interval(struct tac_fig *f, const struct tac_list *l,
                          const struct tac_rep_table *t, size_t i, const struct strip *s)
{
    const char *method = tac_rep_text(t, i, "method");
    double v = tac_rep_num(t, i, s->value), y = tac_row_y(l, i);
    double low = bound(t, i, s->low), high = bound(t, i, s->high);
    tac_row_label(f, l, i, LEFT, method, -1);
    if (!isfinite(v))
        return;
    begin_method(f, t, i);
    tac_fig_say_value(f, s->axis, v, s->type);
    tac_fig_say_value(f, "from", low, s->type);
    tac_fig_say_value(f, "to", high, s->type);
    tac_fig_say_value(f, "runs", tac_rep_num(t, i, "runs"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, low), y, tac_at(&l->x, high), y, "whisker");
    tac_dot(f, tac_at(&l->x, v), y, 4, strcmp(method, "full") == 0 ? "hollow" : NULL);
    tac_mark_end(f);
    tac_label_value(f, TAC_PANEL, y + 4, "end", "value", v, s->type);
}

static void draw_strip(struct tac_fig *f, const struct tac_rep_table *t, const struct strip *s)
{
    struct tac_scale range = {.lo = 1, .hi = 0, .type = s->type};
    tac_fig_range(t, s->value, &range.lo, &range.hi);
    if (range.lo > range.hi)
        return;
    if (s->low) {
        tac_fig_range(t, s->low, &range.lo, &range.hi);
        tac_fig_range(t, s->high, &range.lo, &range.hi);
    } else { /* 0 is the model without anything trained */
        range.lo = fmin(range.lo, 0);
        range.hi = fmax(range.hi, 0);
    }
    struct tac_list l = tac_fig_rows(f, t->n, ROW, LEFT, RIGHT, range, s->axis, s->title);
    for (size_t i = 0; i < t->n; i++)
        draw_interval(f, &l, t, i, s);
}

/* ---- costs ---- */

/* "7.9 k": a count for people. */
static const char *show_count(char buf[48], double n)
{
    static const char *const unit[] = {"", " k", " M", " G"};
    int u = 0;
    for (; n >= 1000 && u < 3; u++)
        n /= 1000;
    snprintf(buf, 48, u && n < 10 ? "%.2f%s" : u && n < 100 ? "%.1f%s" : "%.0f%s", n, unit[u]);
    return buf;
}

static const char *show_bytes(char buf[48], double n)
{
    return tac_show_bytes(buf, n);
}

static const char *show_seconds(char buf[48], double s)
{
    snprintf(buf, 48, s < 10 ? "%.2f s" : s < 100 ? "%.1f s" : "%.0f s", s);
    return buf;
}

static const struct {
    const char *column, *title;
    const char *(*show)(char buf[48], double v);
} costs[] = {
    {"parameters", "parameters", show_count},
    {"bytes", "file", show_bytes},
    {"seconds", "a run", show_seconds},
    {"memory", "memory", show_bytes},
};

enum { COSTS = sizeof costs / sizeof *costs };

static void draw_costs(struct tac_fig *f, const struct tac_rep_table *t)
{
    double wide = (TAC_PANEL - LEFT) / (double)COSTS;
    struct tac_list l = {.top = TAC_PANEL_TOP + 16, .row = ROW};
    char buf[48];
    tac_fig_panel(f, l.top + ROW * (double)t->n + 6, "What a run takes");
    for (int c = 0; c < COSTS; c++)
        tac_label(f, LEFT + wide * (c + 1), l.top - 4, "end", "small", costs[c].title);
    for (size_t i = 0; i < t->n; i++) {
        double y = tac_row_y(&l, i);
        tac_row_label(f, &l, i, LEFT, tac_rep_text(t, i, "method"), -1);
        tac_line(f, LEFT, y + ROW / 2.0, TAC_PANEL, y + ROW / 2.0, "grid");
        begin_method(f, t, i);
        for (int c = 0; c < COSTS; c++)
            tac_fig_say_value(f, costs[c].title, tac_rep_num(t, i, costs[c].column),
                              TAC_REP_NUMBER);
        tac_mark_shapes(f);
        for (int c = 0; c < COSTS; c++) {
            double v = tac_rep_num(t, i, costs[c].column);
            if (isfinite(v))
                tac_label(f, LEFT + wide * (c + 1), y + 4, "end", "row", costs[c].show(buf, v));
        }
        tac_mark_end(f);
    }
}

/* ---- accuracy by parameters ---- */

static void draw_price(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_scale x = {.lo = 1, .type = TAC_REP_NUMBER}, y = {.lo = 1, .type = TAC_REP_SHARE};
    for (size_t i = 0; i < t->n; i++) {
        double v = log10(tac_rep_num(t, i, "parameters"));
        if (isfinite(v)) {
            x.lo = x.lo > x.hi || v < x.lo ? v : x.lo;
            x.hi = v > x.hi || x.hi < x.lo ? v : x.hi;
        }
    }
    tac_fig_range(t, "accuracy", &y.lo, &y.hi);
    tac_fig_panel(f, 222, "Accuracy by what is trained");
    struct tac_plane p =
        tac_fig_plane(f, 46, TAC_PANEL - 60, 46, 190, x, y, "log10 of the parameters", "accuracy");
    for (size_t i = 0; i < t->n; i++) {
        const char *method = tac_rep_text(t, i, "method");
        double px = tac_at(&p.x, log10(tac_rep_num(t, i, "parameters")));
        double py = tac_at(&p.y, tac_rep_num(t, i, "accuracy"));
        if (!isfinite(px + py))
            continue;
        begin_method(f, t, i);
        tac_fig_say_value(f, "parameters", tac_rep_num(t, i, "parameters"), TAC_REP_NUMBER);
        tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
        tac_mark_shapes(f);
        tac_dot(f, px, py, 4, strcmp(method, "full") == 0 ? "hollow" : NULL);
        tac_mark_end(f);
        tac_out_addf(&f->o, "<text class=\"small\" x=\"%.1f\" y=\"%.1f\">", px + 7, py + 3.5);
        tac_out_token(&f->o, method, 14);
        tac_out_add(&f->o, "</text>");
    }
}

void tac_draw_methods(struct tac_fig *f, const struct tac_rep_table *t)
{
    static const struct strip strips[] = {
        {"accuracy", "low", "high", "Accuracy over all tasks", "accuracy", TAC_REP_SHARE},
        {"difference", "difference_low", "difference_high", "Difference to full training",
         "accuracy less that of full", TAC_REP_SHARE},
        {"forgetting", NULL, NULL, "Forgetting", "loss a token gained outside the task",
         TAC_REP_NUMBER},
    };
    draw_strip(f, t, &strips[0]);
    draw_costs(f, t);
    draw_strip(f, t, &strips[1]);
    draw_strip(f, t, &strips[2]);
    draw_price(f, t);
}
