/* The table of figures, and a figure as a file of its own. */
#include "report/figure.h"

#include "base/embedded.h"

#include <math.h>
#include <string.h>

TAC_EMBED(tac_embed_figure_css, "src/report/figure.css");

const struct tac_figure tac_figures[] = {
    {"accuracy",
     "A panel a task. Lines are 95 % intervals, small dots single runs; what is trained has the task's colour, what it is "
     "compared with is grey.",
     "task method accuracy low high", tac_draw_accuracy},
    {"methods",
     "Lines are 95 % intervals over examples. The hollow dot is training the whole model.",
     "method runs parameters bytes seconds memory accuracy low high difference difference_low difference_high "
     "forgetting",
     tac_draw_methods},
    {"curves",
     "A line a run of each method and of label-shuffled training; all others are in the table.",
     "task method seed epoch loss dev_accuracy", tac_draw_curves},
    {"reading",
     "A panel a task: tokens of the start on the left, and for each run the nearest token of the vocabulary. Filled cells "
     "have persisted. Point at a cell, or focus it, to see further neighbours with cosine and script.",
     "task seed place start rank token script cosine persisted drift", tac_draw_reading},
    {"persistence", "A dot a run.", "task method seed persisted drift", tac_draw_persistence},
    {"words",
     "How far each word of the description moved; the upright mark is the control. A hollow dot: it persisted in less than "
     "half of the runs, whose share stands on the right.",
     "task place word persisted drift control", tac_draw_words},
    {"recurring", "Tokens that several prompts share.", "token script tasks prompts p",
     tac_draw_recurring},
    {"scripts", "The dot: nearest tokens of the prompts; the upright mark: what is to be expected.",
     "script prompts null", tac_draw_scripts},
    {"knockout", "A dot a run, with its 95 % interval; left of zero, the token was of use.",
     "task seed place start accuracy change low high", tac_draw_knockout},
    {"wayward", "A dot a run.", "task weight seed accuracy target_share distance",
     tac_draw_wayward},
    {"seeds",
     "Left: mean, one standard deviation (thick), least and most (thin). Right: the spread of the runs (dot) beside the "
     "sampling error of the test set (upright mark).",
     "task runs mean sd min max sampling_error p", tac_draw_seeds},
    {"drift", "How far prompts went from the description that they started from. A dot a run.",
     "task seed per_token normed cosine description_accuracy accuracy", tac_draw_drift},
    {"distances",
     "A dot a pair of prompts: within each task, between tasks, and of the control. A chosen prompt's pairs stand out.",
     "a b same_task raw normed matched cosine control", tac_draw_distances},
    {"layout",
     "All prompts in a plane, by several methods. Four points in a plane cannot be equidistant, so no picture of many unrelated "
     "prompts keeps all their distances; and t-SNE keeps none: only who is whose neighbour means something there. The "
     "distances themselves have a figure of their own.",
     "method prompt task kind seed x y", tac_draw_layout},
    {"trajectory", "A line a run, epoch by epoch, all in one plane.", "task seed epoch x y",
     tac_draw_trajectory},
    {"paths",
     "Straight lines between two runs of a task: a dip of accuracy is a wall between them.",
     "task a b t accuracy loss", tac_draw_paths},
    {"noise", "Each source of chance alone, the others held.",
     "task source runs mean sd low high verdict", tac_draw_noise},
    {"transfer",
     "A row a prompt, a column a task that it is put to; framed: the task that it was trained on.",
     "prompt task kind seed target accuracy auroc none random", tac_draw_transfer},
    {"similarity",
     "How alike two are, by several measures; the stronger the colour, the more alike.",
     "measure a b value", tac_draw_similarity},
    {"related",
     "A dot a pair: how alike source and target are, and what the source's prompts gain on the target, whose colour it has.",
     "measure n spearman p", tac_draw_related},
    {"wins", "How many prompts of other tasks are better, as good, or worse on each target.",
     "target against wins ties losses", tac_draw_wins},
    {"sweep",
     "A line a method with its settings; ringed: the best of its method by the validation split. A hollow dot on the axis: all "
     "runs diverged.",
     "task method config lr tokens init settings runs diverged validation accuracy",
     tac_draw_sweep},
    {"sweep_best",
     "Lines are 95 % intervals over examples; the upright mark is the validation accuracy that was chosen by.",
     "task method config validation accuracy low high tried", tac_draw_sweep_best},
    {0},
};

const struct tac_figure *tac_figure_of(const struct tac_rep_table *t)
{
    for (const struct tac_figure *f = tac_figures; f->name; f++)
        if (strcmp(f->name, t->name) == 0)
            return f;
    return NULL;
}

const char *tac_fig_css(void)
{
    return (const char *)tac_embed_figure_css;
}

/* ---- the file of a figure ---- */

/* The value of a colour's variable by its first definition, the light one. */
static const char *variable(const char *css, const char *name, size_t n, size_t *length)
{
    for (const char *at = css; (at = strstr(at, "--")); at += 2)
        if (strncmp(at, name, n) == 0 && at[n] == ':') {
            at += n + 1;
            at += strspn(at, " ");
            *length = strcspn(at, ";}");
            return at;
        }
    return NULL;
}

/* The style sheet with colours in the place of variables, which few programs but browsers know. */
static void resolved_css(struct tac_out *o)
{
    const char *css = tac_fig_css(), *at = css, *var;
    while ((var = strstr(at, "var("))) {
        size_t n = strcspn(var, ")"), length = 0;
        const char *value = variable(css, var + 4, n - 4, &length);
        tac_out_bytes(o, at, (size_t)(var - at));
        tac_out_bytes(o, value ? value : "currentColor", value ? length : 12);
        at = var + n + 1;
    }
    tac_out_add(o, at);
}

enum { GAP = 28, EDGE = 16, ACROSS = 3 };

/* Heights of the rows that panels stand in, the last one's index in *rows. */
static double lay_out(const struct tac_fig *f, size_t panel, double *y)
{
    double top = EDGE + 28;
    for (size_t i = 0; i < f->n; i += ACROSS) {
        double h = 0;
        for (size_t k = i; k < i + ACROSS && k < f->n; k++)
            h = fmax(h, f->panel[k].h);
        if (panel >= i && panel < i + ACROSS)
            *y = top;
        top += h + GAP;
    }
    return top - GAP + EDGE;
}

void tac_fig_svg(struct tac_out *o, const struct tac_fig *f, const char *title)
{
    double y = 0, h = lay_out(f, f->n, &y);
    size_t across = f->n < ACROSS ? f->n : ACROSS;
    double w = 2 * EDGE + (double)across * TAC_PANEL + (double)(across - 1) * GAP;
    tac_out_addf(o,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"fig\" width=\"%.0f\" "
                 "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>",
                 w, h, w, h);
    tac_out_text(o, title);
    tac_out_add(o, "</title>\n<style>");
    resolved_css(o);
    tac_out_addf(o, "</style>\n<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\"/>\n", w, h);
    tac_out_addf(o, "<text class=\"title\" x=\"%d\" y=\"%d\">", EDGE, EDGE + 12);
    tac_out_text(o, title);
    tac_out_add(o, "</text>\n");
    for (size_t i = 0; i < f->n; i++) {
        lay_out(f, i, &y);
        tac_out_addf(o, "<g transform=\"translate(%.0f,%.0f)\">\n",
                     EDGE + (double)(i % ACROSS) * (TAC_PANEL + GAP), y);
        tac_out_bytes(o, f->o.b.data + f->panel[i].from, f->panel[i].to - f->panel[i].from);
        tac_out_add(o, "</g>\n");
    }
    tac_out_add(o, "</svg>\n");
}
