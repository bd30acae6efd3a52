/* Further figures of the part "reading": what a prompt's tokens do (knock-outs), and how far they
 * can be led astray (wayward prompts). */
#include "report/figure.h"

#include <math.h>
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
    /* Runs of a place stand a little apart, in the order of their seeds. */
    double y = tac_row_y(l, (size_t)place) + (fmod(fmax(seed, 0), 5) - 2) * 2.6;
    char key[256];
    tac_mark(f, (struct tac_mark){.task = tac_rep_task(f->rep, task),
                                  .prompt = tac_key(key, task, "prompt", seed)});
    tac_fig_say(f, "%s, seed %.0f, without place %.0f (\"%s\")", task, seed,
                tac_rep_num(t, i, "place"), tac_rep_text(t, i, "start"));
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

static void draw_wayward(struct tac_fig *f, const struct tac_plane *p,
                         const struct tac_rep_table *t, size_t i, const char *column)
{
    const char *task = tac_rep_text(t, i, "task");
    char key[256];
    tac_mark(f,
             (struct tac_mark){.task = tac_rep_task(f->rep, task),
                               .prompt = tac_key(key, task, "wayward", tac_rep_num(t, i, "seed"))});
    tac_fig_say(f, "%s, seed %.0f", task, tac_rep_num(t, i, "seed"));
    tac_fig_say_value(f, "weight", tac_rep_num(t, i, "weight"), TAC_REP_NUMBER);
    tac_fig_say_value(f, "accuracy", tac_rep_num(t, i, "accuracy"), TAC_REP_SHARE);
    tac_fig_say_value(f, "tokens at the target", tac_rep_num(t, i, "target_share"), TAC_REP_SHARE);
    tac_fig_say_value(f, "distance", tac_rep_num(t, i, "distance"), TAC_REP_NUMBER);
    tac_mark_shapes(f);
    tac_dot(f, tac_at(&p->x, tac_rep_num(t, i, "weight")), tac_at(&p->y, tac_rep_num(t, i, column)),
            3.5, "soft");
    tac_mark_end(f);
}

void tac_draw_wayward(struct tac_fig *f, const struct tac_rep_table *t)
{
    size_t tasks;
    const char **task = tac_fig_list(f, t, "task", NULL, NULL, &tasks);
    struct tac_scale weight = {.lo = 0, .hi = 0, .type = TAC_REP_NUMBER};
    struct tac_scale share = {.lo = 0, .hi = 1, .type = TAC_REP_SHARE}, hit = share;
    share.lo = 1;
    share.hi = 0;
    tac_fig_range(t, "weight", &weight.lo, &weight.hi);
    tac_fig_range(t, "accuracy", &share.lo, &share.hi);
    for (size_t k = 0; k < tasks; k++) {
        tac_fig_panel(f, 182, "%s", task[k]);
        struct tac_plane p[2] = {
            tac_fig_plane(f, 34, 158, 46, 146, weight, share, "weight of the pull", "accuracy"),
            tac_fig_plane(f, 212, TAC_PANEL - 6, 46, 146, weight, hit, "weight of the pull",
                          "tokens at the target")};
        for (size_t i = 0; i < t->n; i++)
            if (is(t, i, "task", task[k])) {
                draw_wayward(f, &p[0], t, i, "accuracy");
                draw_wayward(f, &p[1], t, i, "target_share");
            }
    }
}
