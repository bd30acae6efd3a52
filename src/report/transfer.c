/* Figures of the part "transfer": every prompt on every task, beside how alike prompts are. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEFT = 92, HEADS = 64 };

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

static size_t place_of(const char *const *list, size_t n, const char *s)
{
    size_t k = 0;
    while (k < n && strcmp(list[k], s) != 0)
        k++;
    return k;
}

/* ---- heat maps ---- */

struct heat {
    const char *const *row, *const *column;
    size_t rows, columns;
    double lo, hi; /* range of the colours */
    double w, h;   /* of a cell */
    bool diverging;
    enum tac_rep_type type;
};

/* A name above a column, written upwards. */
static void column_head(struct tac_fig *f, double x, double y, const char *text)
{
    tac_out_addf(&f->o, "<text class=\"row\" transform=\"translate(%.1f,%.1f) rotate(-45)\">", x,
                 y);
    tac_out_token(&f->o, text, 11);
    tac_out_add(&f->o, "</text>");
}

/* Begins the panel: names, and a key of the colours below. */
static void begin_heat(struct tac_fig *f, struct heat *h, const char *title)
{
    double top = TAC_PANEL_TOP + HEADS, wide = TAC_PANEL - LEFT - 40;
    h->w = fmin(wide / (double)h->columns, 44);
    double bottom = top + h->h * (double)h->rows;
    char buf[48];
    tac_fig_panel(f, bottom + 34, "%s", title);
    for (size_t c = 0; c < h->columns && h->w >= 9; c++)
        column_head(f, LEFT + h->w * ((double)c + 0.5), top - 6, h->column[c]);
    for (int k = 0; k < 9; k++) {
        tac_out_addf(&f->o, "<g class=\"%s\">", tac_heat((k + 0.5) / 9, h->diverging));
        tac_box(f, LEFT + 12 * k, bottom + 10, 12, 8, NULL);
        tac_out_add(&f->o, "</g>");
    }
    tac_label(f, LEFT - 6, bottom + 18, "end", "tick", tac_rep_show(buf, h->lo, h->type));
    tac_label(f, LEFT + 114, bottom + 18, "start", "tick", tac_rep_show(buf, h->hi, h->type));
}

/* A sign that is as wide as a digit; none for what rounds to 0. */
static const char *sign_of(double v, bool plus)
{
    if (fabs(v) < 0.5)
        return "";
    return v < 0 ? "\xe2\x88\x92" : plus ? "+" : "";
}

static const char *heat_class(const struct heat *h, double v)
{
    return tac_heat((v - h->lo) / (h->hi - h->lo), h->diverging);
}

/* The shapes of a mark of that class. */
static void heat_cell(struct tac_fig *f, const struct heat *h, size_t row, size_t column, double v)
{
    double x = LEFT + h->w * (double)column;
    double y = TAC_PANEL_TOP + HEADS + h->h * (double)row;
    char buf[48];
    tac_box(f, x + 0.5, y + 0.5, h->w - 1, h->h - 1, NULL);
    if (h->w < 26 || h->h < 12 || !isfinite(v))
        return;
    if (h->type == TAC_REP_SHARE)
        snprintf(buf, sizeof buf, "%s%.0f", sign_of(100 * v, h->diverging), fabs(100 * v));
    else
        tac_rep_show(buf, v, h->type);
    tac_label(f, x + h->w / 2, y + h->h / 2 + 3.5, "start", "in-cell", buf);
}

static void heat_row(struct tac_fig *f, const struct heat *h, size_t row, const char *text,
                     int task)
{
    if (h->h < 9)
        return;
    tac_out_addf(&f->o, "<text class=\"row\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\"", LEFT - 6,
                 TAC_PANEL_TOP + HEADS + h->h * ((double)row + 0.5) + 3.5);
    if (task >= 0)
        tac_out_addf(&f->o, " data-task=\"%d\"", task);
    tac_out_add(&f->o, ">");
    tac_out_token(&f->o, text, 14);
    tac_out_add(&f->o, "</text>");
}

/* ---- transfer ---- */

/* What a cell shows: a measure, and what is taken from it. */
struct measure {
    const char *column, *less, *title;
    bool diverging, always;
};

static double measured(const struct tac_rep_table *t, size_t i, const struct measure *m)
{
    return tac_rep_num(t, i, m->column) - (m->less ? tac_rep_num(t, i, m->less) : 0);
}

/* Whether a row is of a further method, whose runs have panels of their own. */
static bool is_further(const char *kind)
{
    static const char *const first[] = {"none", "random", "description", "prompt"};
    return place_of(first, sizeof first / sizeof *first, kind) == sizeof first / sizeof *first;
}

/* The name of a row: "entail 2" of a trained prompt, else its task or key. */
static void transfer_name(struct tac_fig *f, const struct heat *h, const struct tac_rep_table *t,
                          size_t i, size_t row)
{
    const char *task = tac_rep_text(t, i, "task"), *prompt = tac_rep_text(t, i, "prompt");
    double seed = tac_rep_num(t, i, "seed");
    char text[96];
    if ((is(t, i, "kind", "prompt") || is_further(tac_rep_text(t, i, "kind"))) && isfinite(seed))
        snprintf(text, sizeof text, "%.60s %.0f", task, seed);
    else
        snprintf(text, sizeof text, "%.80s", *task ? task : prompt);
    heat_row(f, h, row, text, tac_rep_task(f->rep, task));
}

static void transfer_cell(struct tac_fig *f, const struct heat *h, const struct tac_rep_table *t,
                          size_t i, size_t row, double v)
{
    const char *target = tac_rep_text(t, i, "target");
    size_t column = place_of(h->column, h->columns, target);
    tac_mark(f, (struct tac_mark){.task = -1, .class = heat_class(h, v)});
    tac_fig_say(f, "%s\non %s", tac_rep_text(t, i, "prompt"), target);
    tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
    tac_fig_say_value(f, "no prompt", tac_rep_num(t, i, "none"), TAC_REP_SHARE);
    tac_fig_say_value(f, "random", tac_rep_num(t, i, "random"), TAC_REP_SHARE);
    tac_mark_shapes(f);
    heat_cell(f, h, row, column, v);
    tac_mark_end(f);
    if (is(t, i, "task", target))
        tac_box(f, LEFT + h->w * (double)column + 0.5,
                TAC_PANEL_TOP + HEADS + h->h * (double)row + 0.5, h->w - 1, h->h - 1, "own");
}

/* A group a prompt: its rows of the table follow one another. Prompts that are no row of the map
 * are left out. */
static void draw_transfer(struct tac_fig *f, const struct heat *h, const struct tac_rep_table *t,
                          const struct measure *m)
{
    const char *before = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const char *prompt = tac_rep_text(t, i, "prompt");
        size_t row = place_of(h->row, h->rows, prompt);
        if (row == h->rows)
            continue;
        if (!before || strcmp(before, prompt) != 0) {
            if (before)
                tac_group_end(f);
            tac_group(f, (struct tac_mark){.task = tac_rep_task(f->rep, tac_rep_text(t, i, "task")),
                                           .prompt = prompt});
            transfer_name(f, h, t, i, row);
        }
        transfer_cell(f, h, t, i, row, measured(t, i, m));
        before = prompt;
    }
    if (before)
        tac_group_end(f);
}

/* Prompts of a further method; of all other kinds where `kind` is NULL. */
static const char **rows_of(struct tac_fig *f, const struct tac_rep_table *t, const char *kind,
                            size_t *n)
{
    size_t kept = 0;
    const char **row = tac_fig_list(f, t, "prompt", kind ? "kind" : NULL, kind, n);
    for (size_t k = 0; k < *n; k++)
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "prompt", row[k])) {
                if (kind || !is_further(tac_rep_text(t, i, "kind")))
                    row[kept++] = row[k];
                break;
            }
    *n = kept;
    return row;
}

/* Beyond so many cells a page of all measures would be too large. */
enum { MANY = 500 };

/* A panel of the measure; the colours' range is the whole table's. */
static void draw_measured(struct tac_fig *f, struct heat h, const struct tac_rep_table *t,
                          const struct measure *m, const char *title)
{
    h.lo = (double)INFINITY;
    h.hi = -h.lo;
    for (size_t i = 0; i < t->n; i++) {
        h.lo = fmin(h.lo, measured(t, i, m));
        h.hi = fmax(h.hi, measured(t, i, m));
    }
    if (!isfinite(h.hi - h.lo) || !h.rows)
        return;
    h.diverging = m->diverging;
    h.type = strcmp(m->column, "auroc") == 0 ? TAC_REP_NUMBER : TAC_REP_SHARE;
    if (h.diverging) {
        h.hi = fmax(fmax(-h.lo, h.hi), 1e-6);
        h.lo = -h.hi;
    }
    h.hi = h.hi > h.lo ? h.hi : h.lo + 1;
    begin_heat(f, &h, title);
    draw_transfer(f, &h, t, m);
}

void tac_draw_transfer(struct tac_fig *f, const struct tac_rep_table *t)
{
    static const struct measure measures[] = {
        {"accuracy", "none", "Accuracy over no prompt, in points", true, true},
        {"accuracy", "random", "Accuracy over random tokens, in points", true, false},
        {"accuracy", NULL, "Accuracy, %", false, true},
        {"auroc", NULL, "AUROC", false, false},
    };
    struct heat h = {.h = 16};
    size_t kinds;
    const char **kind = tac_fig_list(f, t, "kind", NULL, NULL, &kinds);
    char title[128];
    h.row = rows_of(f, t, NULL, &h.rows);
    h.column = tac_fig_list(f, t, "target", NULL, NULL, &h.columns);
    for (size_t m = 0; m < sizeof measures / sizeof *measures; m++)
        if (t->n <= MANY || measures[m].always)
            draw_measured(f, h, t, &measures[m], measures[m].title);
    for (size_t k = 0; k < kinds; k++) {
        if (!is_further(kind[k]))
            continue;
        h.row = rows_of(f, t, kind[k], &h.rows);
        snprintf(title, sizeof title, "%.60s over no prompt, in points", kind[k]);
        draw_measured(f, h, t, &measures[0], title);
    }
}

/* ---- similarity ---- */

/* Whose runs a table's row is about, and which of their measures. Stores of before there were
 * further methods have no column `method`. */
struct about {
    const char *method, *measure;
};

static bool is_about(const struct tac_rep_table *t, size_t i, const struct about *a)
{
    return is(t, i, "method", a->method) && is(t, i, "measure", a->measure);
}

static bool is_prompt(const char *method)
{
    return !*method || strcmp(method, "prompt") == 0;
}

/* "cosine", "lora: cosine". */
static const char *about_text(char buf[160], const struct about *a)
{
    if (is_prompt(a->method))
        snprintf(buf, 160, "%.60s", a->measure);
    else
        snprintf(buf, 160, "%.60s: %.60s", a->method, a->measure);
    return buf;
}

static bool has_pair(const struct tac_rep_table *t, const struct about *about, const char *a,
                     const char *b)
{
    for (size_t i = 0; i < t->n; i++)
        if (is(t, i, "a", a) && is(t, i, "b", b) && is_about(t, i, about))
            return true;
    return false;
}

static void similarity_cell(struct tac_fig *f, const struct heat *h, const char *a, const char *b,
                            double v)
{
    size_t row = place_of(h->row, h->rows, a), column = place_of(h->column, h->columns, b);
    tac_mark(f, (struct tac_mark){.task = tac_rep_task_of(f->rep, a),
                                  .prompt = a,
                                  .other = b,
                                  .class = heat_class(h, v)});
    tac_fig_say(f, "%s\nand %s", a, b);
    tac_fig_say_value(f, "similarity", v, TAC_REP_NUMBER);
    tac_mark_shapes(f);
    heat_cell(f, h, row, column, v);
    tac_mark_end(f);
}

static void draw_similarity(struct tac_fig *f, const struct tac_rep_table *t,
                            const struct about *about, struct heat h)
{
    char title[160];
    h.lo = (double)INFINITY;
    h.hi = -h.lo;
    for (size_t i = 0; i < t->n; i++)
        if (is_about(t, i, about)) {
            h.lo = fmin(h.lo, tac_rep_num(t, i, "value"));
            h.hi = fmax(h.hi, tac_rep_num(t, i, "value"));
        }
    if (!isfinite(h.hi - h.lo))
        return;
    h.hi = h.hi > h.lo ? h.hi : h.lo + 1;
    begin_heat(f, &h, about_text(title, about));
    for (size_t k = 0; k < h.rows; k++)
        heat_row(f, &h, k, h.row[k], tac_rep_task_of(f->rep, h.row[k]));
    for (size_t i = 0; i < t->n; i++) {
        const char *a = tac_rep_text(t, i, "a"), *b = tac_rep_text(t, i, "b");
        if (!is_about(t, i, about))
            continue;
        similarity_cell(f, &h, a, b, tac_rep_num(t, i, "value"));
        if (strcmp(a, b) != 0 && !has_pair(t, about, b, a))
            similarity_cell(f, &h, b, a, tac_rep_num(t, i, "value"));
    }
}

void tac_draw_similarity(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t measures, methods, a, b, n = 0;
    const char **measure = tac_fig_list(f, t, "measure", NULL, NULL, &measures);
    const char **method = tac_fig_list(f, t, "method", NULL, NULL, &methods);
    const char **from = tac_fig_list(f, t, "a", NULL, NULL, &a);
    const char **to = tac_fig_list(f, t, "b", NULL, NULL, &b);
    const char **all = tac_arena_alloc(&f->arena, a + b, sizeof *all, &f->o.bad);
    for (size_t i = 0; all && i < a + b; i++) {
        const char *s = i < a ? from[i] : to[i - a];
        if (place_of(all, n, s) == n)
            all[n++] = s;
    }
    struct heat h = {.row = all, .column = all, .rows = n, .columns = n};
    h.type = TAC_REP_NUMBER;
    h.h = fmin((TAC_PANEL - LEFT - 40) / fmax((double)n, 1), 28);
    for (size_t k = 0; k < methods && n; k++)
        for (size_t m = 0; m < measures; m++)
            draw_similarity(f, t, &(struct about){method[k], measure[m]}, h);
}

/* ---- similarity and transfer ---- */

struct moved {
    const char *prompt, *task, *kind, *target;
    double gain;
};

/* The rows of the table `transfer`; NULL where there is none. */
static struct moved *transfers(struct tac_fig *f, size_t *n)
{
    const struct tac_rep_table *t = tac_rep_find(f->rep, "transfer");
    *n = t ? t->n : 0;
    struct moved *m = t ? tac_arena_alloc(&f->arena, t->n, sizeof *m, &f->o.bad) : NULL;
    for (size_t i = 0; m && i < t->n; i++)
        m[i] = (struct moved){tac_rep_text(t, i, "prompt"), tac_rep_text(t, i, "task"),
                              tac_rep_text(t, i, "kind"), tac_rep_text(t, i, "target"),
                              tac_rep_num(t, i, "accuracy") - tac_rep_num(t, i, "none")};
    return m;
}

/* What a source (a prompt's key, or a task: all its runs of a method) gains on a target; NaN: not
 * known. */
static double gain_of(const struct moved *m, size_t n, const char *method, const char *source,
                      const char *target)
{
    const char *kind = is_prompt(method) ? "prompt" : method;
    size_t name = strcspn(target, "/");
    double sum = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        if ((strcmp(m[i].prompt, source) == 0 ||
             (strcmp(m[i].kind, kind) == 0 && strcmp(m[i].task, source) == 0)) &&
            strncmp(m[i].target, target, name) == 0 && !m[i].target[name] && isfinite(m[i].gain)) {
            sum += m[i].gain;
            count++;
        }
    return count > 0 ? sum / count : (double)NAN;
}

/* One point: how alike a and b are, what a gains on b's task. */
static void draw_relation(struct tac_fig *f, const struct tac_plane *p, const char *a,
                          const char *b, double value, double gain)
{
    if (!isfinite(value + gain))
        return;
    tac_mark(f, (struct tac_mark){.task = tac_rep_task_of(f->rep, b), .prompt = a, .other = b});
    tac_fig_say(f, "%s on %s", a, b);
    tac_fig_say_value(f, "similarity", value, TAC_REP_NUMBER);
    tac_fig_say_value(f, "gain over no prompt", gain, TAC_REP_SHARE);
    tac_mark_shapes(f);
    tac_dot(f, tac_at(&p->x, value), tac_at(&p->y, gain), 3.2, "soft");
    tac_mark_end(f);
}

static bool other_task(const struct tac_fig *f, const char *a, const char *b)
{
    return tac_rep_task_of(f->rep, a) != tac_rep_task_of(f->rep, b);
}

/* A measure with its correlation, where the table has one for it. */
static const char *relation_title(char buf[320], const struct tac_rep *r, const struct about *about)
{
    const struct tac_rep_table *t = tac_rep_find(r, "related");
    size_t rows = 0, at = 0;
    char rho[48], p[48], name[160];
    about_text(name, about);
    for (size_t i = 0; i < t->n; i++)
        if (is_about(t, i, about)) {
            rows++;
            at = i;
        }
    snprintf(buf, 320, "%s", name);
    if (rows == 1)
        snprintf(buf, 320, "%s \xc2\xb7 Spearman %s \xc2\xb7 p %s", name,
                 tac_rep_show(rho, tac_rep_num(t, at, "spearman"), TAC_REP_NUMBER),
                 tac_rep_show(p, tac_rep_num(t, at, "p"), TAC_REP_P));
    return buf;
}

static void draw_measure(struct tac_fig *f, const struct tac_rep_table *t,
                         const struct about *about, const struct moved *m, size_t n)
{
    const char *by = about->method;
    char title[320];
    struct tac_scale x = {.lo = (double)INFINITY, .hi = -(double)INFINITY}, y = x;
    x.type = TAC_REP_NUMBER;
    y.type = TAC_REP_SHARE;
    for (size_t i = 0; i < t->n; i++) {
        double v = tac_rep_num(t, i, "value");
        const char *a = tac_rep_text(t, i, "a"), *b = tac_rep_text(t, i, "b");
        if (!is_about(t, i, about) || !other_task(f, a, b))
            continue;
        x.lo = fmin(x.lo, v);
        x.hi = fmax(x.hi, v);
        y.lo = fmin(y.lo, fmin(gain_of(m, n, by, a, b), gain_of(m, n, by, b, a)));
        y.hi = fmax(y.hi, fmax(gain_of(m, n, by, a, b), gain_of(m, n, by, b, a)));
    }
    if (!isfinite(x.hi - x.lo) || !isfinite(y.hi - y.lo))
        return;
    tac_fig_panel(f, 262, "%s", relation_title(title, f->rep, about));
    struct tac_plane p = tac_fig_plane(f, 44, TAC_PANEL - 8, 48, 226, x, y, "similarity",
                                       "accuracy on the target over no prompt");
    for (size_t i = 0; i < t->n; i++) {
        double v = tac_rep_num(t, i, "value");
        const char *a = tac_rep_text(t, i, "a"), *b = tac_rep_text(t, i, "b");
        if (!is_about(t, i, about) || !other_task(f, a, b))
            continue;
        draw_relation(f, &p, a, b, v, gain_of(m, n, by, a, b));
        if (!has_pair(t, about, b, a))
            draw_relation(f, &p, b, a, v, gain_of(m, n, by, b, a));
    }
}

void tac_draw_related(struct tac_fig *f, const struct tac_rep_table *t)
{
    const struct tac_rep_table *similarity = tac_rep_find(f->rep, "similarity");
    size_t n, measures, methods;
    struct moved *m = transfers(f, &n);
    const char **measure = tac_fig_list(f, t, "measure", NULL, NULL, &measures);
    const char **method = tac_fig_list(f, t, "method", NULL, NULL, &methods);
    for (size_t by = 0; m && similarity && by < methods; by++)
        for (size_t k = 0; k < measures; k++)
            draw_measure(f, similarity, &(struct about){method[by], measure[k]}, m, n);
}

/* ---- wins ---- */

static void draw_win(struct tac_fig *f, const struct tac_list *l, size_t at,
                     const struct tac_rep_table *t, size_t i)
{
    const char *const column[] = {"wins", "ties", "losses"};
    const char *target = tac_rep_text(t, i, "target");
    int task = tac_rep_task(f->rep, target);
    double y = tac_row_y(l, at), from = 0;
    tac_row_label(f, l, at, LEFT, target, task);
    tac_mark(f, (struct tac_mark){.task = task});
    tac_fig_say(f, "%s, prompts of other tasks against %s", target, tac_rep_text(t, i, "against"));
    for (int c = 0; c < 3; c++)
        tac_fig_say_value(f, column[c], tac_rep_num(t, i, column[c]), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    for (int c = 0; c < 3; c++) {
        double v = tac_rep_num(t, i, column[c]), x = tac_at(&l->x, from);
        if (!(v > 0))
            continue;
        double w = tac_at(&l->x, from + v) - x;
        tac_box(f, x, y - 7, w - 1, 14, column[c]);
        if (w > 18)
            tac_label_value(f, x + w / 2, y + 4, "middle", c ? "on-light" : "on-dark", v,
                            TAC_REP_NUMBER);
        from += v;
    }
    tac_mark_end(f);
}

/* A method's runs against something, a row a target. */
static void draw_against(struct tac_fig *f, const struct tac_rep_table *t, const char *method,
                         const char *against, struct tac_scale range)
{
    size_t targets;
    const char **target = tac_fig_list(f, t, "target", "against", against, &targets);
    char title[160];
    if (is_prompt(method))
        snprintf(title, sizeof title, "Against %.80s", against);
    else
        snprintf(title, sizeof title, "%.60s against %.80s", method, against);
    struct tac_list l =
        tac_fig_rows(f, targets, 22, LEFT, 12, range, "sources: wins, ties, losses", title);
    for (size_t i = 0; i < t->n; i++) {
        size_t at = place_of(target, targets, tac_rep_text(t, i, "target"));
        if (is(t, i, "method", method) && is(t, i, "against", against) && at < targets)
            draw_win(f, &l, at, t, i);
    }
}

void tac_draw_wins(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t n, methods;
    const char **against = tac_fig_list(f, t, "against", NULL, NULL, &n);
    const char **method = tac_fig_list(f, t, "method", NULL, NULL, &methods);
    struct tac_scale range = {.type = TAC_REP_NUMBER};
    for (size_t i = 0; i < t->n; i++)
        range.hi = fmax(range.hi, tac_rep_num(t, i, "wins") + tac_rep_num(t, i, "ties") +
                                      tac_rep_num(t, i, "losses"));
    for (size_t m = 0; m < methods; m++)
        for (size_t k = 0; k < n; k++)
            draw_against(f, t, method[m], against[k], range);
}
