#include "report/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- panels ---- */

static void end_panel(struct tac_fig *f)
{
    if (f->n)
        f->panel[f->n - 1].to = f->o.b.len;
}

void tac_fig_panel(struct tac_fig *f, double h, const char *title_fmt, ...)
{
    char title[512];
    va_list ap;
    va_start(ap, title_fmt);
    vsnprintf(title, sizeof title, title_fmt, ap);
    va_end(ap);
    if (f->o.bad.status || tac_grow(&f->panel, &f->cap, f->n + 1, sizeof *f->panel, &f->o.bad))
        return;
    end_panel(f);
    char *copy = tac_arena_strndup(&f->arena, title, strlen(title), &f->o.bad);
    if (!copy)
        return;
    f->panel[f->n++] =
        (struct tac_panel){.title = copy, .w = TAC_PANEL, .h = h, .from = f->o.b.len};
    tac_label(f, 0, 13, "start", "head", title);
}

/* Tasks, and prompts by their tasks, stand in the order of the study everywhere; what is of no task
 * comes last. */
static void sort_tasks(const struct tac_rep *r, const char **list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const char *s = list[i];
        unsigned task = (unsigned)tac_rep_task_of(r, s);
        size_t k = i;
        for (; k && (unsigned)tac_rep_task_of(r, list[k - 1]) > task; k--)
            list[k] = list[k - 1];
        list[k] = s;
    }
}

static bool names_tasks(const char *column)
{
    static const char *const columns[] = {"task", "target", "prompt", "a", "b"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(column, columns[i]) == 0)
            return true;
    return false;
}

const char **tac_fig_list(struct tac_fig *f, const struct tac_rep_table *t, const char *column,
                          const char *where, const char *is, size_t *n)
{
    const char **list = tac_arena_alloc(&f->arena, t->n, sizeof *list, &f->o.bad);
    *n = 0;
    for (size_t i = 0; list && i < t->n; i++) {
        if (where && strcmp(tac_rep_text(t, i, where), is) != 0)
            continue;
        const char *s = tac_rep_text(t, i, column);
        size_t k = 0;
        while (k < *n && strcmp(list[k], s) != 0)
            k++;
        if (k == *n)
            list[(*n)++] = s;
    }
    if (list && names_tasks(column))
        sort_tasks(f->rep, list, *n);
    return list;
}

void tac_fig_range(const struct tac_rep_table *t, const char *column, double *lo, double *hi)
{
    for (size_t i = 0; i < t->n; i++) {
        double v = tac_rep_num(t, i, column);
        if (isfinite(v)) {
            *lo = *lo > *hi || v < *lo ? v : *lo;
            *hi = v > *hi || *hi < *lo ? v : *hi;
        }
    }
}

/* ---- axes ---- */

struct tac_scale tac_scale(double lo, double hi, double from, double to, int ticks,
                           enum tac_rep_type type)
{
    if (!(lo <= hi) || !isfinite(hi - lo)) {
        lo = 0;
        hi = 1;
    }
    if (hi - lo < 1e-9 * (fabs(lo) + fabs(hi)) || lo >= hi) {
        double room = lo != 0 ? fabs(lo) / 10 : 1;
        lo -= room;
        hi += room;
    }
    double rough = (hi - lo) / ticks, ten = pow(10, floor(log10(rough))), by = rough / ten;
    double step = ten * (by < 1.5 ? 1 : by < 3.5 ? 2 : by < 7.5 ? 5 : 10);
    return (struct tac_scale){.lo = floor(lo / step + 1e-9) * step,
                              .hi = ceil(hi / step - 1e-9) * step,
                              .from = from,
                              .to = to,
                              .step = step,
                              .type = type};
}

double tac_at(const struct tac_scale *s, double v)
{
    return s->from + (v - s->lo) / (s->hi - s->lo) * (s->to - s->from);
}

/* All ticks of an axis with as many decimals as its step needs. */
static const char *tick_text(char buf[48], const struct tac_scale *s, double v)
{
    bool share = s->type == TAC_REP_SHARE;
    double step = share ? 100 * s->step : s->step, shown = share ? 100 * v : v;
    double decimals = fmax(0, -floor(log10(step) + 1e-9));
    if (fabs(shown) >= 1e5 || decimals > 4)
        snprintf(buf, 48, "%g", shown);
    else
        snprintf(buf, 40, "%s%.*f%s", shown < -step / 2 ? "\xe2\x88\x92" : "", (int)decimals,
                 fabs(shown), share ? "%" : "");
    return buf;
}

void tac_axis_x(struct tac_fig *f, const struct tac_scale *s, double a, double b, const char *title)
{
    char buf[48];
    int n = (int)lround((s->hi - s->lo) / s->step);
    for (int i = 0; i <= n; i++) {
        double v = s->lo + i * s->step, x = tac_at(s, v);
        tac_line(f, x, a, x, b, fabs(v) < s->step / 1e6 && s->lo < 0 ? "zero" : "grid");
        tac_label(f, x, b + 13, "middle", "tick", tick_text(buf, s, v));
    }
    if (title)
        tac_label(f, s->to, b + 27, "end", "axis", title);
}

void tac_axis_y(struct tac_fig *f, const struct tac_scale *s, double a, double b, const char *title)
{
    char buf[48];
    int n = (int)lround((s->hi - s->lo) / s->step);
    for (int i = 0; i <= n; i++) {
        double v = s->lo + i * s->step, y = tac_at(s, v);
        tac_line(f, a, y, b, y, fabs(v) < s->step / 1e6 && s->lo < 0 ? "zero" : "grid");
        tac_label(f, a - 5, y + 3.5, "end", "tick", tick_text(buf, s, v));
    }
    if (title)
        tac_label(f, a - 30, s->to - 9, "start", "axis", title);
}

struct tac_plane tac_fig_plane(struct tac_fig *f, double left, double right, double top,
                               double bottom, struct tac_scale x, struct tac_scale y,
                               const char *x_title, const char *y_title)
{
    struct tac_plane p = {tac_scale(x.lo, x.hi, left, right, 3, x.type),
                          tac_scale(y.lo, y.hi, bottom, top, 3, y.type)};
    tac_axis_x(f, &p.x, top, bottom, x_title);
    tac_axis_y(f, &p.y, left, right, y_title);
    return p;
}

struct tac_list tac_fig_rows(struct tac_fig *f, size_t n, double row, double left, double right,
                             struct tac_scale range, const char *axis, const char *title)
{
    struct tac_list l = {.top = TAC_PANEL_TOP, .row = row};
    double bottom = l.top + row * (double)n;
    l.x = tac_scale(range.lo, range.hi, left, TAC_PANEL - right, 3, range.type);
    tac_fig_panel(f, bottom + 34, "%s", title);
    tac_axis_x(f, &l.x, l.top, bottom, axis);
    return l;
}

double tac_row_y(const struct tac_list *l, size_t i)
{
    return l->top + l->row * ((double)i + 0.5);
}

void tac_row_label(struct tac_fig *f, const struct tac_list *l, size_t i, double left,
                   const char *text, int task)
{
    tac_out_addf(&f->o, "<text class=\"row%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\"",
                 task >= 0 ? " of" : "", left - 8, tac_row_y(l, i) + 4);
    if (task >= 0)
        tac_out_addf(&f->o, " data-task=\"%d\"", task);
    tac_out_add(&f->o, ">");
    tac_out_token(&f->o, text, (int)((left - 8) / 6.2));
    tac_out_add(&f->o, "</text>");
}

/* ---- marks ---- */

/* What a mark is about, as classes and attributes; the opening tag stays open. */
static void open_about(struct tac_fig *f, const char *kind, const struct tac_mark *m)
{
    struct tac_out *o = &f->o;
    tac_out_addf(o, "<g class=\"%s", kind);
    if (m->class)
        tac_out_addf(o, " %s", m->class);
    if (m->task >= 0)
        tac_out_addf(o, " t%d\" data-task=\"%d", m->task % 12, m->task);
    if (m->prompt) {
        tac_out_add(o, "\" data-prompt=\"");
        tac_out_text(o, m->prompt);
    }
    if (m->other) {
        tac_out_add(o, "\" data-other=\"");
        tac_out_text(o, m->other);
    }
}

void tac_group(struct tac_fig *f, struct tac_mark m)
{
    open_about(f, "group", &m);
    tac_out_add(&f->o, "\">\n");
}

void tac_group_end(struct tac_fig *f)
{
    tac_out_add(&f->o, "</g>\n");
}

void tac_mark(struct tac_fig *f, struct tac_mark m)
{
    open_about(f, "mark", &m);
    tac_out_add(&f->o, "\"><title>");
}

void tac_fig_say(struct tac_fig *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tac_out_textv(&f->o, fmt, ap);
    va_end(ap);
}

void tac_fig_say_value(struct tac_fig *f, const char *what, double v, enum tac_rep_type type)
{
    char buf[48];
    if (isfinite(v))
        tac_fig_say(f, "\n%s %s", what, tac_rep_show(buf, v, type));
}

void tac_fig_say_run(struct tac_fig *f, const char *name, double seed)
{
    tac_fig_say(f, "%s", name);
    if (isfinite(seed))
        tac_fig_say(f, ", seed %.0f", seed);
}

void tac_mark_shapes(struct tac_fig *f)
{
    tac_out_add(&f->o, "</title>");
}

void tac_mark_end(struct tac_fig *f)
{
    tac_out_add(&f->o, "</g>\n");
}

const char *tac_key(char buf[256], const char *task, const char *method, double seed)
{
    if (isfinite(seed))
        snprintf(buf, 256, "%s/%s/%.0f", task, method, seed);
    else
        snprintf(buf, 256, "%s/%s", task, method);
    return buf;
}

double tac_apart(double seed)
{
    return isfinite(seed) ? (fmod(fabs(seed), 5) - 2) * 2.6 : 0;
}

static void classed(struct tac_fig *f, const char *class)
{
    if (class)
        tac_out_addf(&f->o, " class=\"%s\"", class);
    tac_out_add(&f->o, "/>");
}

void tac_dot(struct tac_fig *f, double x, double y, double r, const char *class)
{
    if (!isfinite(x + y))
        return;
    tac_out_addf(&f->o, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"", x, y, r);
    classed(f, class);
}

void tac_line(struct tac_fig *f, double x1, double y1, double x2, double y2, const char *class)
{
    if (!isfinite(x1 + y1 + x2 + y2))
        return;
    tac_out_addf(&f->o, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"", x1, y1, x2, y2);
    classed(f, class);
}

void tac_box(struct tac_fig *f, double x, double y, double w, double h, const char *class)
{
    if (!isfinite(x + y + w + h))
        return;
    tac_out_addf(&f->o, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x, y,
                 fmax(w, 0), fmax(h, 0));
    classed(f, class);
}

void tac_label(struct tac_fig *f, double x, double y, const char *anchor, const char *class,
               const char *text)
{
    tac_out_addf(&f->o, "<text x=\"%.1f\" y=\"%.1f\"", x, y);
    if (strcmp(anchor, "start") != 0)
        tac_out_addf(&f->o, " text-anchor=\"%s\"", anchor);
    tac_out_addf(&f->o, " class=\"%s\">", class);
    tac_out_text(&f->o, text);
    tac_out_add(&f->o, "</text>");
}

void tac_label_value(struct tac_fig *f, double x, double y, const char *anchor, const char *class,
                     double v, enum tac_rep_type type)
{
    char buf[48];
    if (isfinite(x + y) && isfinite(v))
        tac_label(f, x, y, anchor, class, tac_rep_show(buf, v, type));
}

void tac_curve(struct tac_fig *f, const char *class)
{
    tac_out_addf(&f->o, "<path class=\"%s\" d=\"", class);
}

void tac_curve_to(struct tac_fig *f, double x, double y)
{
    size_t n = f->o.b.len;
    if (f->o.bad.status || !n)
        return;
    bool first = strchr("\" ", f->o.b.data[n - 1]) != NULL;
    if (isfinite(x + y))
        tac_out_addf(&f->o, "%s%.1f,%.1f", first ? "M" : "L", x, y);
    else if (!first)
        tac_out_add(&f->o, " ");
}

void tac_curve_end(struct tac_fig *f)
{
    tac_out_add(&f->o, "\"/>");
}

const char *tac_heat(double share, bool diverging)
{
    static const char *const one[] = {"q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8"};
    static const char *const two[] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"};
    if (!isfinite(share))
        return "none";
    double at = fmin(fmax(share, 0), 1);
    return (diverging ? two : one)[(int)fmin(floor(at * 9), 8)];
}

/* ---- drawing ---- */

static enum tacit_status check_columns(const struct tac_figure *figure,
                                       const struct tac_rep_table *t, struct tacit_err *err)
{
    char name[64];
    for (const char *at = figure->columns; *at;) {
        size_t n = strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        if (tac_rep_column(t, name) < 0)
            return tac_fail(err, TACIT_EINPUT,
                            "table result: '%s': there is no column '%s', which its figure draws",
                            t->name, name);
        at += n + strspn(at + n, " ");
    }
    return TACIT_OK;
}

enum tacit_status tac_fig_draw(struct tac_fig *f, const struct tac_figure *figure,
                               const struct tac_rep *r, const struct tac_rep_table *t,
                               struct tacit_err *err)
{
    *f = (struct tac_fig){.rep = r};
    enum tacit_status s = check_columns(figure, t, err);
    if (s)
        return s;
    if (t->n)
        figure->draw(f, t);
    end_panel(f);
    if (f->o.bad.status && err)
        *err = f->o.bad;
    return f->o.bad.status;
}

void tac_fig_release(struct tac_fig *f)
{
    tac_out_release(&f->o);
    free(f->panel);
    tac_arena_release(&f->arena);
}
