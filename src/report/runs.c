/* Figures of the part "stochasticity": how runs differ, and what between two of them lies. */
#include "report/figure.h"

#include <math.h>
#include <string.h>

enum { LEFT = 92, RIGHT = 52 };

static bool is(const struct tac_rep_table *t, size_t i, const char *column, const char *text)
{
    return strcmp(tac_rep_text(t, i, column), text) == 0;
}

/* ---- runs of a task: spread, and what the test set's size alone would give ---- */

static void begin_task(struct tac_fig *f, const struct tac_list *l, size_t at, const char *task)
{
    int number = tac_rep_task(f->rep, task);
    tac_row_label(f, l, at, LEFT, task, number);
    tac_mark(f, (struct tac_mark){.task = number});
    tac_fig_say(f, "%s", task);
}

static void draw_spread(struct tac_fig *f, const struct tac_list *l, const struct tac_rep_table *t,
                        size_t i)
{
    double mean = tac_rep_num(t, i, "mean"), sd = tac_rep_num(t, i, "sd"), y = tac_row_y(l, i);
    double min = tac_rep_num(t, i, "min"), max = tac_rep_num(t, i, "max");
    begin_task(f, l, i, tac_rep_text(t, i, "task"));
    tac_fig_say_value(f, "runs", tac_rep_num(t, i, "runs"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "mean", mean, TAC_REP_SHARE);
    tac_fig_say_value(f, "standard deviation", sd, TAC_REP_SHARE);
    tac_fig_say_value(f, "least", min, TAC_REP_SHARE);
    tac_fig_say_value(f, "most", max, TAC_REP_SHARE);
    tac_fig_say_value(f, "Cochran's Q, p", tac_rep_num(t, i, "p"), TAC_REP_P);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, min), y, tac_at(&l->x, max), y, "thin");
    tac_line(f, tac_at(&l->x, mean - sd), y, tac_at(&l->x, mean + sd), y, "whisker");
    tac_dot(f, tac_at(&l->x, mean), y, 4, NULL);
    tac_mark_end(f);
    tac_label_value(f, TAC_PANEL, y + 4, "end", "value", mean, TAC_REP_SHARE);
}

static void draw_error(struct tac_fig *f, const struct tac_list *l, const struct tac_rep_table *t,
                       size_t i)
{
    double sd = tac_rep_num(t, i, "sd"), error = tac_rep_num(t, i, "sampling_error");
    double y = tac_row_y(l, i);
    begin_task(f, l, i, tac_rep_text(t, i, "task"));
    tac_fig_say_value(f, "standard deviation of the runs", sd, TAC_REP_SHARE);
    tac_fig_say_value(f, "sampling error of the test set", error, TAC_REP_SHARE);
    tac_mark_shapes(f);
    tac_line(f, tac_at(&l->x, 0), y, tac_at(&l->x, sd), y, "stem");
    tac_line(f, tac_at(&l->x, error), y - 6, tac_at(&l->x, error), y + 6, "control");
    tac_dot(f, tac_at(&l->x, sd), y, 4, NULL);
    tac_mark_end(f);
    tac_label_value(f, TAC_PANEL, y + 4, "end", "value", sd, TAC_REP_SHARE);
}

void tac_draw_seeds(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_scale accuracy = {.lo = 1, .type = TAC_REP_SHARE};
    struct tac_scale error = {.type = TAC_REP_SHARE};
    tac_fig_range(t, "min", &accuracy.lo, &accuracy.hi);
    tac_fig_range(t, "max", &accuracy.lo, &accuracy.hi);
    tac_fig_range(t, "sd", &error.lo, &error.hi);
    tac_fig_range(t, "sampling_error", &error.lo, &error.hi);
    struct tac_list l =
        tac_fig_rows(f, t->n, 24, LEFT, RIGHT, accuracy, "accuracy", "Accuracy of the runs");
    for (size_t i = 0; i < t->n; i++)
        draw_spread(f, &l, t, i);
    l = tac_fig_rows(f, t->n, 24, LEFT, RIGHT, error, "standard deviation of accuracy",
                     "Spread of runs and sampling error");
    for (size_t i = 0; i < t->n; i++)
        draw_error(f, &l, t, i);
}

/* ---- drift: a panel a measure, a row a task, a dot a run ---- */

struct strip {
    const char *column, *title, *axis;
    enum tac_rep_type type;
};

static void draw_strip(struct tac_fig *f, const struct tac_rep_table *t, const struct strip *s,
                       const char *const *task, size_t tasks)
{
    struct tac_scale range = {.lo = 1, .type = s->type};
    char key[256];
    tac_fig_range(t, s->column, &range.lo, &range.hi);
    struct tac_list l = tac_fig_rows(f, tasks, 24, LEFT, 12, range, s->axis, s->title);
    for (size_t k = 0; k < tasks; k++)
        tac_row_label(f, &l, k, LEFT, task[k], tac_rep_task(f->rep, task[k]));
    for (size_t i = 0; i < t->n; i++) {
        double seed = tac_rep_num(t, i, "seed"), v = tac_rep_num(t, i, s->column);
        const char *name = tac_rep_text(t, i, "task");
        size_t k = 0;
        while (k < tasks && strcmp(task[k], name) != 0)
            k++;
        tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, name),
                                      .prompt = tac_key(key, name, "prompt", seed)});
        tac_fig_say_run(f, name, seed);
        tac_fig_say_value(f, s->title, v, s->type);
        tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
        tac_mark_shapes(f);
        tac_dot(f, tac_at(&l.x, v), tac_row_y(&l, k) + tac_apart(seed), 4, "soft");
        tac_mark_end(f);
    }
}

/* Drift across, gain over the description upwards. */
static void draw_gain(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_scale x = {.lo = 1, .type = TAC_REP_NUMBER}, y = {.type = TAC_REP_SHARE};
    char key[256];
    tac_fig_range(t, "per_token", &x.lo, &x.hi);
    for (size_t i = 0; i < t->n; i++) {
        double gain = tac_rep_num(t, i, "accuracy") - tac_rep_num(t, i, "description_accuracy");
        y.lo = fmin(y.lo, gain);
        y.hi = fmax(y.hi, gain);
    }
    tac_fig_panel(f, 250, "Drift and gain");
    struct tac_plane p =
        tac_fig_plane(f, 40, TAC_PANEL - 8, 48, 216, x, y, "drift a token (Euclidean)",
                      "accuracy over the description's");
    for (size_t i = 0; i < t->n; i++) {
        const char *name = tac_rep_text(t, i, "task");
        double seed = tac_rep_num(t, i, "seed"), drift = tac_rep_num(t, i, "per_token");
        double gain = tac_rep_num(t, i, "accuracy") - tac_rep_num(t, i, "description_accuracy");
        tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, name),
                                      .prompt = tac_key(key, name, "prompt", seed)});
        tac_fig_say_run(f, name, seed);
        tac_fig_say_value(f, "drift a token", drift, TAC_REP_NUMBER);
        tac_fig_say_value(f, "gain", gain, TAC_REP_SHARE);
        tac_mark_shapes(f);
        tac_dot(f, tac_at(&p.x, drift), tac_at(&p.y, gain), 4, "soft");
        tac_mark_end(f);
    }
}

void tac_draw_drift(struct tac_fig *f, const struct tac_rep_table *t)
{
    static const struct strip strips[] = {
        {"per_token", "Distance a token", "Euclidean", TAC_REP_NUMBER},
        {"normed", "Distance after the embedding norm", "Euclidean", TAC_REP_NUMBER},
        {"cosine", "Cosine with the start", "cosine", TAC_REP_NUMBER},
    };
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    for (size_t i = 0; i < sizeof strips / sizeof *strips && tasks; i++)
        draw_strip(f, t, &strips[i], task, tasks);
    draw_gain(f, t);
}

/* ---- paths between two runs ---- */

static size_t path_end(const struct tac_rep_table *t, size_t i)
{
    size_t to = i + 1;
    while (to < t->n && is(t, to, "task", tac_rep_text(t, i, "task")) &&
           is(t, to, "a", tac_rep_text(t, i, "a")) && is(t, to, "b", tac_rep_text(t, i, "b")))
        to++;
    return to;
}

static void draw_path(struct tac_fig *f, const struct tac_plane *p, const struct tac_rep_table *t,
                      size_t from, size_t to, const char *column)
{
    const char *a = tac_rep_text(t, from, "a"), *b = tac_rep_text(t, from, "b");
    enum tac_rep_type type = strcmp(column, "accuracy") == 0 ? TAC_REP_SHARE : TAC_REP_NUMBER;
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, tac_rep_text(t, from, "task")),
                                  .prompt = a,
                                  .other = b});
    tac_fig_say(f, "from %s\nto %s", a, b);
    tac_fig_say_value(f, "at the one end", tac_rep_num(t, from, column), type);
    tac_fig_say_value(f, "at the other", tac_rep_num(t, to - 1, column), type);
    tac_mark_shapes(f);
    tac_curve(f, "curve");
    for (size_t i = from; i < to; i++)
        tac_curve_to(f, tac_at(&p->x, tac_rep_num(t, i, "t")),
                     tac_at(&p->y, tac_rep_num(t, i, column)));
    tac_curve_end(f);
    tac_mark_end(f);
}

void tac_draw_paths(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale part = {.hi = 1, .type = TAC_REP_NUMBER};
    struct tac_scale accuracy = {.lo = 1, .type = TAC_REP_SHARE};
    struct tac_scale loss = {.lo = 1, .type = TAC_REP_NUMBER};
    tac_fig_range(t, "accuracy", &accuracy.lo, &accuracy.hi);
    tac_fig_range(t, "loss", &loss.lo, &loss.hi);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_panel(f, 182, "%s", task[k]);
        struct tac_plane p[2] = {
            tac_fig_plane(f, 34, 158, 46, 146, part, accuracy, "part of the way", "accuracy"),
            tac_fig_plane(f, 212, TAC_PANEL - 6, 46, 146, part, loss, "part of the way", "loss")};
        for (size_t i = 0, to; i < t->n; i = to) {
            to = path_end(t, i);
            if (!is(t, i, "task", task[k]))
                continue;
            draw_path(f, &p[0], t, i, to, "accuracy");
            draw_path(f, &p[1], t, i, to, "loss");
        }
    }
}

/* ---- noise by source ---- */

/* Whether an interval is that of v: it would hold it. */
static bool holds(const struct tac_rep_table *t, size_t i, const char *column)
{
    double v = tac_rep_num(t, i, column);
    return v >= tac_rep_num(t, i, "low") && v <= tac_rep_num(t, i, "high");
}

static void draw_noise(struct tac_fig *f, const struct tac_list *l, size_t at,
                       const struct tac_rep_table *t, size_t i, const char *column)
{
    const char *task = tac_rep_text(t, i, "task"), *source = tac_rep_text(t, i, "source");
    double v = tac_rep_num(t, i, column), y = tac_row_y(l, at);
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task)});
    tac_fig_say(f, "%s, noise in %s alone: %s", task, source, tac_rep_text(t, i, "verdict"));
    tac_fig_say_value(f, "runs", tac_rep_num(t, i, "runs"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "mean accuracy", tac_rep_num(t, i, "mean"), TAC_REP_SHARE);
    tac_fig_say_value(f, "standard deviation", tac_rep_num(t, i, "sd"), TAC_REP_SHARE);
    tac_fig_say_value(f, "from", tac_rep_num(t, i, "low"), TAC_REP_SHARE);
    tac_fig_say_value(f, "to", tac_rep_num(t, i, "high"), TAC_REP_SHARE);
    tac_mark_shapes(f);
    if (holds(t, i, column))
        tac_line(f, tac_at(&l->x, tac_rep_num(t, i, "low")), y,
                 tac_at(&l->x, tac_rep_num(t, i, "high")), y, "whisker");
    tac_dot(f, tac_at(&l->x, v), y, 4, NULL);
    tac_mark_end(f);
}

/* The range of a column with the intervals that are drawn about it. */
static struct tac_scale noise_range(const struct tac_rep_table *t, const char *column, double lo)
{
    struct tac_scale range = {.lo = lo, .type = TAC_REP_SHARE};
    tac_fig_range(t, column, &range.lo, &range.hi);
    for (size_t i = 0; i < t->n; i++)
        if (holds(t, i, column)) {
            range.lo = fmin(range.lo, tac_rep_num(t, i, "low"));
            range.hi = fmax(range.hi, tac_rep_num(t, i, "high"));
        }
    return range;
}

/* A panel a task: mean accuracies, beside them standard deviations; the interval is drawn where it
 * belongs. */
void tac_draw_noise(struct tac_fig *f, const struct tac_rep_table *t)
{
    struct tac_scale mean = noise_range(t, "mean", 1), sd = noise_range(t, "sd", 0);
    size_t tasks, n;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_list(f, t, "source", "task", task[k], &n);
        struct tac_list l = tac_fig_rows(f, n, 24, 72, 152, mean, "mean accuracy", task[k]);
        struct tac_list r = {.top = l.top, .row = l.row};
        r.x = tac_scale(sd.lo, sd.hi, 234, TAC_PANEL - 12, 3, sd.type);
        tac_axis_x(f, &r.x, r.top, r.top + r.row * (double)n, "standard deviation");
        for (size_t i = 0, at = 0; i < t->n; i++)
            if (is(t, i, "task", task[k]) && at < n) {
                tac_row_label(f, &l, at, 72, tac_rep_text(t, i, "source"), -1);
                draw_noise(f, &l, at, t, i, "mean");
                draw_noise(f, &r, at++, t, i, "sd");
            }
    }
}
