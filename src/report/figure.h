/* Drawing: a figure is a list of panels, each an SVG that a phone is wide enough for. Figures are
 * drawn once; the page puts the panels side by side as its width allows, the file of a figure lays
 * them out in rows. Colours are classes (figure.css): a task has one hue everywhere. */
#ifndef TAC_REPORT_FIGURE_H
#define TAC_REPORT_FIGURE_H

#include "report/store.h"

/* Width of a panel, and the height of its title. */
enum { TAC_PANEL = 340, TAC_PANEL_TOP = 26 };

struct tac_panel {
    char *title; /* in the arena */
    double w, h;
    size_t from, to; /* its bytes in the figure's buffer */
};

/* A figure at work. Failures are latched in o.bad. */
struct tac_fig {
    const struct tac_rep *rep;
    struct tac_out o;
    struct tac_panel *panel;
    size_t n, cap;
    struct tac_arena arena;
};

/* A row of the table of figures. A figure belongs to the table of its name; columns are what it
 * reads there. */
struct tac_figure {
    const char *name, *caption;
    const char *columns; /* separated by blanks */
    void (*draw)(struct tac_fig *f, const struct tac_rep_table *t);
};

extern const struct tac_figure tac_figures[]; /* ended by {0} */

/* tac_fig_draw: draws a table's figure; no panels where it has none. Errors: a column that is not
 * there, memory. */
enum tacit_status tac_fig_draw(struct tac_fig *f, const struct tac_figure *figure,
                               const struct tac_rep *r, const struct tac_rep_table *t,
                               struct tacit_err *err) TAC_MUST_USE;
const struct tac_figure *tac_figure_of(const struct tac_rep_table *t);
void tac_fig_release(struct tac_fig *f);

/* ---- panels ---- */

/* tac_fig_panel: begins a panel of height h (its title above included). */
void tac_fig_panel(struct tac_fig *f, double h, const char *title_fmt, ...) TAC_PRINTF(3, 4);
/* tac_fig_list: a column's different texts in the order of their first row (tasks and prompts: in
 * that of the study), only of rows whose column `where` is `is` (NULL: all). *n is 0 on failure. */
const char **tac_fig_list(struct tac_fig *f, const struct tac_rep_table *t, const char *column,
                          const char *where, const char *is, size_t *n);
/* tac_fig_range: widens [lo, hi] by the finite numbers of a column; begin with lo > hi. */
void tac_fig_range(const struct tac_rep_table *t, const char *column, double *lo, double *hi);

/* ---- axes ---- */

/* Numbers to positions: [lo, hi] to [from, to]; ticks at multiples of step. */
struct tac_scale {
    double lo, hi, from, to, step;
    enum tac_rep_type type;
};

/* A scale that ends on ticks, of `ticks` or so. An empty or infinite range becomes [0, 1]. */
struct tac_scale tac_scale(double lo, double hi, double from, double to, int ticks,
                           enum tac_rep_type type);
double tac_at(const struct tac_scale *s, double v);
/* Grid lines from a to b, numbers beyond b (x: below, y: left of a), and the axis' title. */
void tac_axis_x(struct tac_fig *f, const struct tac_scale *s, double a, double b,
                const char *title);
void tac_axis_y(struct tac_fig *f, const struct tac_scale *s, double a, double b,
                const char *title);

/* A plane: both axes over a rectangle. */
struct tac_plane {
    struct tac_scale x, y;
};

/* Axes around the rectangle left..right, top..bottom; of the ranges only lo, hi and type count. */
struct tac_plane tac_fig_plane(struct tac_fig *f, double left, double right, double top,
                               double bottom, struct tac_scale x, struct tac_scale y,
                               const char *x_title, const char *y_title);

/* Lists with an x axis: labels on the left, a row a thing. */
struct tac_list {
    struct tac_scale x;
    double top, row;
};

/* tac_fig_rows: begins a panel of n rows; left and right: room for labels and for numbers behind.
 */
struct tac_list tac_fig_rows(struct tac_fig *f, size_t n, double row, double left, double right,
                             struct tac_scale range, const char *axis, const char *title);
double tac_row_y(const struct tac_list *l, size_t i);
void tac_row_label(struct tac_fig *f, const struct tac_list *l, size_t i, double left,
                   const char *text, int task);

/* ---- marks ---- */

/* What a mark is about: its task's number (-1: none) and the keys of the prompts that it shows. */
struct tac_mark {
    int task;
    const char *prompt, *other; /* may be NULL */
    const char *class;          /* further classes, or NULL */
};

/* tac_group: begins a group of marks that are about the same, so that they need not all say it. */
void tac_group(struct tac_fig *f, struct tac_mark m);
void tac_group_end(struct tac_fig *f);

/* tac_mark: begins a mark with its description, which tac_fig_say adds to before tac_mark_shapes;
 * shapes follow, and tac_mark_end. */
void tac_mark(struct tac_fig *f, struct tac_mark m);
void tac_fig_say(struct tac_fig *f, const char *fmt, ...) TAC_PRINTF(2, 3);
void tac_fig_say_value(struct tac_fig *f, const char *what, double v, enum tac_rep_type type);
/* ... "NAME, seed N", or the name alone where there is no seed */
void tac_fig_say_run(struct tac_fig *f, const char *name, double seed);
void tac_mark_shapes(struct tac_fig *f);
void tac_mark_end(struct tac_fig *f);

/* tac_key: a prompt's key TASK/METHOD/SEED, in buf. */
const char *tac_key(char buf[256], const char *task, const char *method, double seed);

/* tac_apart: runs of a row stand a little apart, in the order of their seeds: what to add to y. */
double tac_apart(double seed);

/* Shapes; class NULL: none. What is not finite is left out. */
void tac_dot(struct tac_fig *f, double x, double y, double r, const char *class);
void tac_line(struct tac_fig *f, double x1, double y1, double x2, double y2, const char *class);
void tac_box(struct tac_fig *f, double x, double y, double w, double h, const char *class);
/* anchor: "start", "middle", "end". */
void tac_label(struct tac_fig *f, double x, double y, const char *anchor, const char *class,
               const char *text);
/* A value as text, rounded. */
void tac_label_value(struct tac_fig *f, double x, double y, const char *anchor, const char *class,
                     double v, enum tac_rep_type type);
/* A line through points: begin, points (one that is not finite breaks the line), end. */
void tac_curve(struct tac_fig *f, const char *class);
void tac_curve_to(struct tac_fig *f, double x, double y);
void tac_curve_end(struct tac_fig *f);
/* A heat map's class for a share of its range: "q0" to "q8", or "d0" to "d8" around the middle. */
const char *tac_heat(double share, bool diverging);

/* ---- the file of a figure ---- */

/* tac_fig_svg: all panels as one SVG file, with colours resolved. */
void tac_fig_svg(struct tac_out *o, const struct tac_fig *f, const char *title);
/* tac_fig_css: the style sheet, as the page needs it (colours as variables). */
const char *tac_fig_css(void);

/* The figures, by family: accuracy.c, causes.c, methods.c, reading.c, runs.c, space.c, sweep.c,
 * transfer.c. */
typedef void tac_draw(struct tac_fig *f, const struct tac_rep_table *t);
tac_draw tac_draw_accuracy, tac_draw_methods, tac_draw_curves;
tac_draw tac_draw_reading, tac_draw_persistence, tac_draw_words, tac_draw_recurring;
tac_draw tac_draw_scripts, tac_draw_knockout, tac_draw_wayward;
tac_draw tac_draw_seeds, tac_draw_drift, tac_draw_paths, tac_draw_noise;
tac_draw tac_draw_distances, tac_draw_layout, tac_draw_trajectory;
tac_draw tac_draw_sweep, tac_draw_sweep_best;
tac_draw tac_draw_transfer, tac_draw_similarity, tac_draw_related, tac_draw_wins;

#endif
