/* Figures of the part "stochasticity" that show where prompts lie: distances, layouts in a plane,
 * trajectories. */
#include "report/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

/* ---- distances: rows of pairs within a task, between tasks, and of the control ---- */

enum { LEFT = 92 };

struct pairs {
    const struct tac_rep_table *t;
    const char *column;
    size_t tasks; /* rows for tasks come first, then between, then control */
    bool control;
};

/* The row that a pair stands in: its task's, or the one behind the tasks'. */
static size_t row_of(const struct tac_fig *f, const struct pairs *p, size_t i)
{
    int task = tac_rep_task_of(f->rep, tac_rep_text(p->t, i, "a"));
    bool same = tac_rep_num(p->t, i, "same_task") > 0;
    return same && task >= 0 && (size_t)task < p->tasks ? (size_t)task : p->tasks;
}

/* Points of a row are strewn over its height, by a fixed sequence. */
static double strewn(const struct tac_list *l, size_t row, size_t i)
{
    double part = (double)i * 0.6180339887498949;
    return tac_row_y(l, row) + (part - floor(part) - 0.5) * l->row * 0.62;
}

/* All points of a row that have the prompt at one end: one path, so that thousands of pairs stay a
 * small file. */
static void draw_points(struct tac_fig *f, const struct tac_list *l, const struct pairs *p,
                        const char *prompt, size_t row)
{
    size_t n = 0;
    for (size_t i = 0; i < p->t->n; i++)
        n += row_of(f, p, i) == row && (is(p->t, i, "a", prompt) || is(p->t, i, "b", prompt));
    if (!n)
        return;
    int task = tac_rep_task_of(f->rep, prompt);
    tac_mark(f, (struct tac_mark){.task = task,
                                  .prompt = prompt,
                                  .class = row < p->tasks ? "pairs" : "pairs between"});
    tac_fig_say(f, "%s\n%zu %s %s", prompt, n, n == 1 ? "pair" : "pairs",
                row < p->tasks ? "within its task" : "with other tasks");
    tac_mark_shapes(f);
    tac_out_add(&f->o, "<path class=\"points\" d=\"");
    for (size_t i = 0; i < p->t->n; i++) {
        double v = tac_rep_num(p->t, i, p->column);
        if (row_of(f, p, i) == row && isfinite(v) &&
            (is(p->t, i, "a", prompt) || is(p->t, i, "b", prompt)))
            tac_out_addf(&f->o, "M%.1f,%.1fh0", tac_at(&l->x, v), strewn(l, row, i));
    }
    tac_curve_end(f);
    tac_mark_end(f);
}

static void draw_control(struct tac_fig *f, const struct tac_list *l, const struct pairs *p)
{
    tac_mark(f, (struct tac_mark){.task = -1, .class = "pairs control-points"});
    tac_fig_say(f, "control: %zu pairs", p->t->n);
    tac_mark_shapes(f);
    tac_out_add(&f->o, "<path class=\"points\" d=\"");
    for (size_t i = 0; i < p->t->n; i++) {
        double v = tac_rep_num(p->t, i, "control");
        if (isfinite(v))
            tac_out_addf(&f->o, "M%.1f,%.1fh0", tac_at(&l->x, v), strewn(l, p->tasks + 1, i));
    }
    tac_curve_end(f);
    tac_mark_end(f);
    tac_row_label(f, l, p->tasks + 1, LEFT, "control", -1);
}

static void draw_pairs(struct tac_fig *f, struct pairs p, const char *title, const char *axis,
                       const char *const *prompt, size_t prompts)
{
    struct tac_scale range = {.lo = 1, .type = TAC_REP_NUMBER};
    tac_fig_range(p.t, p.column, &range.lo, &range.hi);
    if (p.control)
        tac_fig_range(p.t, "control", &range.lo, &range.hi);
    if (!(range.lo <= range.hi))
        return;
    struct tac_list l = tac_fig_rows(f, p.tasks + 1 + p.control, 26, LEFT, 12, range, axis, title);
    for (size_t k = 0; k < p.tasks; k++)
        tac_row_label(f, &l, k, LEFT, f->rep->task[k].name, (int)k);
    tac_row_label(f, &l, p.tasks, LEFT, "between", -1);
    for (size_t k = 0; k < prompts; k++) {
        int task = tac_rep_task_of(f->rep, prompt[k]);
        if (task >= 0 && (size_t)task < p.tasks)
            draw_points(f, &l, &p, prompt[k], (size_t)task);
        draw_points(f, &l, &p, prompt[k], p.tasks);
    }
    if (p.control)
        draw_control(f, &l, &p);
}

/* Tasks up to the last one that has a pair of its own. */
static size_t tasks_with_pairs(const struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        int task = tac_rep_task_of(f->rep, tac_rep_text(t, i, "a"));
        if (tac_rep_num(t, i, "same_task") > 0 && task >= 0 && (size_t)task + 1 > n)
            n = (size_t)task + 1;
    }
    return n;
}

/* All keys at either end of a pair. */
static const char **ends(struct tac_fig *f, const struct tac_rep_table *t, size_t *n)
{
    size_t a, b;
    const char **from = tac_fig_list(f, t, "a", NULL, NULL, &a);
    const char **to = tac_fig_list(f, t, "b", NULL, NULL, &b);
    const char **all = tac_arena_alloc(&f->arena, a + b, sizeof *all, &f->o.bad);
    *n = 0;
    for (size_t i = 0; all && i < a + b; i++) {
        const char *s = i < a ? from[i] : to[i - a];
        size_t k = 0;
        while (k < *n && strcmp(all[k], s) != 0)
            k++;
        if (k == *n)
            all[(*n)++] = s;
    }
    return all;
}

void tac_draw_distances(struct tac_fig *f, const struct tac_rep_table *t)
{
    static const struct {
        const char *column, *title, *axis;
        bool control;
    } measure[] = {
        {"raw", "Euclidean distance", "as trained", true},
        {"normed", "After the embedding norm", "as the layers see it", false},
        {"matched", "Rows matched", "distance after the best matching of rows", false},
        {"cosine", "Cosine", "cosine", false},
    };
    size_t n;
    const char **prompt = ends(f, t, &n);
    for (size_t i = 0; i < sizeof measure / sizeof *measure; i++)
        draw_pairs(f,
                   (struct pairs){.t = t,
                                  .column = measure[i].column,
                                  .tasks = tasks_with_pairs(f, t),
                                  .control = measure[i].control},
                   measure[i].title, measure[i].axis, prompt, n);
}

/* ---- layouts ---- */

/* A kind's shape: what was trained is round. */
static void draw_shape(struct tac_fig *f, const char *kind, double x, double y)
{
    static const struct {
        const char *kind, *shape;
    } shapes[] = {
        {"description", "m-5,0l5,-5 5,5 -5,5z"}, {"start", "m-4,-4h8v8h-8z"},
        {"random", "m-4,-4l8,8m0,-8l-8,8"},      {"shuffled", "m-4.5,4l4.5,-8 4.5,8z"},
        {"drift", "m-4.5,-4l4.5,8 4.5,-8z"},     {"paraphrase", "m-4,0h8m-4,-4v8"},
        {"discrete", "m-5,-2h10m-10,4h10"},      {"reworded", "m-4,-1.5l4,-3 4,3 -1.5,5h-5z"},
        {"wayward", "m-5,0q2.5,-7 5,0t5,0"},
    };
    if (!isfinite(x + y))
        return;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(kind, shapes[i].kind) == 0) {
            tac_out_addf(&f->o, "<path class=\"shape\" d=\"M%.1f,%.1f%s\"/>", x, y,
                         shapes[i].shape);
            return;
        }
    tac_dot(f, x, y, 4.5, strcmp(kind, "prompt") == 0 ? "soft" : "hollow");
}

/* Equal units on both axes: the smaller range is widened. */
static struct tac_plane plane_of(const struct tac_rep_table *t, const char *method, double top,
                                 double size)
{
    double lo[2] = {(double)INFINITY, (double)INFINITY}, hi[2] = {-lo[0], -lo[0]};
    for (size_t i = 0; i < t->n; i++) {
        double v[2] = {tac_rep_num(t, i, "x"), tac_rep_num(t, i, "y")};
        if (method && !is(t, i, "method", method))
            continue;
        for (int c = 0; c < 2; c++) {
            lo[c] = fmin(lo[c], v[c]);
            hi[c] = fmax(hi[c], v[c]);
        }
    }
    double half = fmax(hi[0] - lo[0], hi[1] - lo[1]) / 2;
    half = isfinite(half) && half > 0 ? half : 1;
    double mx = isfinite(lo[0] + hi[0]) ? (lo[0] + hi[0]) / 2 : 0;
    double my = isfinite(lo[1] + hi[1]) ? (lo[1] + hi[1]) / 2 : 0;
    return (struct tac_plane){
        .x = {.lo = mx - half, .hi = mx + half, .from = 14, .to = size - 14},
        .y = {.lo = my - half, .hi = my + half, .from = top + size - 14, .to = top + 26}};
}

/* The rows whose prompts a task's name stands above: its trained prompts, or where its runs end. */
static bool is_named(const struct tac_rep_table *t, size_t i, const char *task, const char *method)
{
    if (!is(t, i, "task", task) || !isfinite(tac_rep_num(t, i, "x") + tac_rep_num(t, i, "y")))
        return false;
    if (method)
        return is(t, i, "method", method) && is(t, i, "kind", "prompt");
    return i + 1 == t->n || !is(t, i + 1, "task", task) ||
           tac_rep_num(t, i + 1, "epoch") < tac_rep_num(t, i, "epoch");
}

static void name_tasks(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                       const char *method)
{
    for (size_t k = 0; k < f->rep->n_tasks; k++) {
        double x = 0, top = (double)INFINITY, n = 0;
        for (size_t i = 0; i < t->n; i++)
            if (is_named(t, i, f->rep->task[k].name, method)) {
                x += tac_at(&p->x, tac_rep_num(t, i, "x"));
                top = fmin(top, tac_at(&p->y, tac_rep_num(t, i, "y")));
                n++;
            }
        if (!(n > 0))
            continue;
        tac_out_addf(&f->o, "<g class=\"t%zu\" data-task=\"%zu\">", k % 12, k);
        tac_label(f, fmin(fmax(x / n, 24), TAC_PANEL - 24), top - 9, "middle", "name",
                  f->rep->task[k].name);
        tac_out_add(&f->o, "</g>");
    }
}

static const char *layout_title(char buf[160], const struct tac_rep *r, const char *method)
{
    static const char *const names[][2] = {{"pca", "PCA"}, {"mds", "MDS"}, {"tsne", "t-SNE"}};
    static const char *const measure[][2] = {
        {"share", "variance"}, {"stress", "stress"}, {"trustworthiness", "trust"}, {"kl", "KL"}};
    const struct tac_rep_table *t = tac_rep_find(r, "layouts");
    const char *name = method;
    char value[48];
    for (size_t i = 0; i < 3; i++)
        name = strcmp(method, names[i][0]) == 0 ? names[i][1] : name;
    int at = snprintf(buf, 160, "%.40s", name);
    for (size_t i = 0; t && i < t->n; i++)
        for (size_t m = 0; is(t, i, "method", method) && m < 4; m++) {
            double v = tac_rep_num(t, i, measure[m][0]);
            if (isfinite(v) && at < 120)
                at += snprintf(buf + at, 160 - (size_t)at, " \xc2\xb7 %s %s", measure[m][1],
                               tac_rep_show(value, v, m ? TAC_REP_NUMBER : TAC_REP_SHARE));
        }
    return buf;
}

static void draw_legend(struct tac_fig *f, const struct tac_rep_table *t, double y)
{
    size_t kinds;
    const char **kind = tac_fig_list(f, t, "kind", NULL, NULL, &kinds);
    for (size_t k = 0; k < kinds && k < 12; k++) {
        double x = 8 + 84 * (double)(k % 4), at = y + 16 * (double)(k / 4);
        tac_out_add(&f->o, "<g class=\"legend\">");
        draw_shape(f, kind[k], x, at - 3.5);
        tac_label(f, x + 9, at, "start", "small", kind[k]);
        tac_out_add(&f->o, "</g>");
    }
}

static void draw_prompt(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                        size_t i)
{
    const char *key = tac_rep_text(t, i, "prompt"), *kind = tac_rep_text(t, i, "kind");
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, tac_rep_text(t, i, "task")),
                                  .prompt = key,
                                  .class = strcmp(kind, "prompt") == 0 ? NULL : "ref-shape"});
    tac_fig_say(f, "%s\n%s", key, kind);
    tac_mark_shapes(f);
    draw_shape(f, kind, tac_at(&p->x, tac_rep_num(t, i, "x")),
               tac_at(&p->y, tac_rep_num(t, i, "y")));
    tac_mark_end(f);
}

void tac_draw_layout(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t methods, kinds;
    const char **method = tac_fig_list(f, t, "method", NULL, NULL, &methods);
    char title[160];
    tac_fig_list(f, t, "kind", NULL, NULL, &kinds);
    for (size_t m = 0; m < methods; m++) {
        double size = TAC_PANEL, bottom = TAC_PANEL_TOP + size;
        struct tac_plane p = plane_of(t, method[m], TAC_PANEL_TOP, size);
        tac_fig_panel(f, bottom + 8 + 16 * ceil(fmin((double)kinds, 12) / 4), "%s",
                      layout_title(title, f->rep, method[m]));
        tac_box(f, 0.5, TAC_PANEL_TOP, size - 1, size - 1, "frame");
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "method", method[m]))
                draw_prompt(f, &p, t, i);
        name_tasks(f, &p, t, method[m]);
        draw_legend(f, t, bottom + 16);
    }
}

/* ---- trajectories ---- */

static size_t run_end(const struct tac_rep_table *t, size_t i)
{
    double seed = tac_rep_num(t, i, "seed");
    size_t to = i + 1;
    while (to < t->n && is(t, to, "task", tac_rep_text(t, i, "task")) &&
           !(tac_rep_num(t, to, "seed") < seed) && !(tac_rep_num(t, to, "seed") > seed))
        to++;
    return to;
}

static void draw_run(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                     size_t from, size_t to)
{
    const char *task = tac_rep_text(t, from, "task");
    double seed = tac_rep_num(t, from, "seed");
    char key[256];
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .prompt = tac_key(key, task, "prompt", seed)});
    tac_fig_say_run(f, task, seed);
    tac_fig_say_value(f, "last epoch", tac_rep_num(t, to - 1, "epoch"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_curve(f, "curve");
    for (size_t i = from; i < to; i++)
        tac_curve_to(f, tac_at(&p->x, tac_rep_num(t, i, "x")),
                     tac_at(&p->y, tac_rep_num(t, i, "y")));
    tac_curve_end(f);
    tac_dot(f, tac_at(&p->x, tac_rep_num(t, from, "x")), tac_at(&p->y, tac_rep_num(t, from, "y")),
            3, "hollow");
    tac_dot(f, tac_at(&p->x, tac_rep_num(t, to - 1, "x")),
            tac_at(&p->y, tac_rep_num(t, to - 1, "y")), 3.5, NULL);
    tac_mark_end(f);
}

/* All tasks in one plane, then each in its own. */
void tac_draw_trajectory(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_plane p = plane_of(t, NULL, TAC_PANEL_TOP, TAC_PANEL);
    tac_fig_panel(f, TAC_PANEL_TOP + TAC_PANEL + 24, "All runs, one plane");
    tac_box(f, 0.5, TAC_PANEL_TOP, TAC_PANEL - 1, TAC_PANEL - 1, "frame");
    for (size_t i = 0, to; i < t->n; i = to) {
        to = run_end(t, i);
        draw_run(f, &p, t, i, to);
    }
    name_tasks(f, &p, t, NULL);
    tac_label(f, 0, TAC_PANEL_TOP + TAC_PANEL + 16, "start", "small",
              "hollow: start \xc2\xb7 filled: last epoch");
}
