/* Tables and claims: functions of what the planned units left in the store. Each table is one
 * function and one row in tables.c. */
#ifndef TAC_STUDY_TABLES_H
#define TAC_STUDY_TABLES_H

#include "stats/permute.h"
#include "study/seen.h"

/* ---- numbers that tables and claims share (tables_measure.c) ---- */

double tac_frobenius(const float *a, const float *b, size_t n); /* of b - a */

/* tac_seen_fill: normed, from, from_normed and neurons of prompts whose rows are read. */
enum tacit_status tac_seen_fill(struct tac_seen *x, struct tacit_err *err) TAC_MUST_USE;

/* Prompts of a kind in the study's order; the arena's. task: TAC_ANY_TASK for all. */
enum { TAC_ANY_TASK = -2 };
struct tac_list {
    size_t *at, n;
};
enum tacit_status tac_seen_list(struct tac_list *out, struct tac_seen *x, enum tac_kind k, int task,
                                struct tacit_err *err) TAC_MUST_USE;
/* The prompt of another kind with p's task and index (of paraphrase 2 for the run reworded 2), or
 * n_prompt. */
size_t tac_seen_twin(const struct tac_seen *x, size_t p, enum tac_kind k);
/* Mean accuracy of a task's prompts of a kind on a target; NaN where there is none. */
double tac_seen_mean(const struct tac_seen *x, enum tac_kind k, int task, int target);

/* Mean over tasks of the difference in accuracy of two kinds of prompts (tac_level: of one kind's
 * accuracy), examples as the units: 95 % interval and two-sided p by the normal approximation,
 * tasks as they are. tasks: how many have both. */
struct tac_contrast {
    double mean, low, high, p;
    size_t tasks;
    char by_task[256]; /* "entail +0.08, story -0.01" */
};
enum tacit_status tac_contrast(struct tac_contrast *out, struct tac_seen *x, enum tac_kind a,
                               enum tac_kind b, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_level(struct tac_contrast *out, struct tac_seen *x, enum tac_kind a,
                            struct tacit_err *err) TAC_MUST_USE;

/* A trained prompt beside its start; description: accuracy of the text that it started from. NaN
 * where something is not there. */
struct tac_drift {
    double raw, per_token, normed, cosine, description, accuracy;
};
enum tacit_status tac_seen_drift(struct tac_drift *out, const struct tac_seen *x, size_t p,
                                 struct tacit_err *err) TAC_MUST_USE;

/* Two prompts. in_place: share of tokens that the matching by distance leaves where they are;
 * control: raw distance of their drift-matched perturbations, or NaN. */
struct tac_apart {
    bool same_task;
    double raw, normed, matched, cosine, in_place, control;
};
enum tacit_status tac_seen_apart(struct tac_apart *out, const struct tac_seen *x, size_t a,
                                 size_t b, struct tacit_err *err) TAC_MUST_USE;
/* Raw distances between a list's prompts (n,n); the arena's. */
enum tacit_status tac_seen_distances(double **out, struct tac_seen *x, const struct tac_list *l,
                                     struct tacit_err *err) TAC_MUST_USE;

/* ---- runs of one task (tables_runs.c) ---- */

/* The runs' hits on the same examples. Variances are those of a table of runs by examples with one
 * hit a cell, unbiased and so at times below 0: run = (mean square of runs - residual) / n, which
 * is the variance of the accuracies less what the discordant examples explain. */
struct tac_seeds {
    size_t runs, n, discordant;
    double mean, sd, min, max;
    double sampling_error; /* of one accuracy on n new examples */
    double q, p, p_permuted;
    double equivalent; /* share of pairs of runs within the study's margin */
    double run_variance, example_variance, residual_variance;
};
/* runs is 0 where fewer than two runs are scored. */
enum tacit_status tac_seen_seeds(struct tac_seeds *out, struct tac_seen *x, int task,
                                 struct tacit_err *err) TAC_MUST_USE;

/* How equal the distances between a task's runs are (TAC_ANY_TASK: within all tasks, means over
 * tasks of ratio and cv), beside those of their perturbations; p of more equal distances than of
 * prompts drawn from all tasks. n: runs; 0 where fewer than three. */
struct tac_even {
    size_t n;
    double min, max, ratio, cv, control_ratio, control_cv, p, smallest_p;
};
enum tacit_status tac_seen_even(struct tac_even *out, struct tac_seen *x, int task,
                                struct tacit_err *err) TAC_MUST_USE;

/* Accuracies of runs with one source of chance alone (TAC_KIND_ORDER, INIT, MOMENTS; PROMPT: all
 * that the study trains with): interval of the standard deviation by chi-square; share: of the
 * three sources' variances. */
enum { TAC_NOISE_RUNS = 8 }; /* fewer tell nothing */
struct tac_noise {
    size_t runs;
    double mean, sd, low, high, share;
};
struct tac_noise tac_seen_noise(const struct tac_seen *x, int task, enum tac_kind source);

/* ---- between tasks (tables_similarity.c, tables_transfer.c) ---- */

enum tac_measure {
    TAC_ALIKE_FROBENIUS,
    TAC_ALIKE_NORMED,
    TAC_ALIKE_UPDATE,
    TAC_ALIKE_DESCRIPTIONS,
    TAC_ALIKE_COSINE,
    TAC_ALIKE_MEAN_COSINE,
    TAC_ALIKE_PAIRWISE,
    TAC_ALIKE_MATCHED,
    TAC_ALIKE_NEURONS,
    TAC_ALIKE_DIVERGENCE,
    TAC_N_MEASURE,
};
const char *tac_measure_name(enum tac_measure m);

/* Below, `by` is TAC_KIND_PROMPT or a further method: whose runs are looked at. Adapters of those
 * know distance, cosine and divergence alone.
 * tac_seen_alike: out (n_task,n_task): mean over pairs of a run of one task and one of the other
 * (the diagonal: pairs of different runs); NaN where nothing is known. x's. */
enum tacit_status tac_seen_alike(const double **out, struct tac_seen *x, enum tac_kind by,
                                 enum tac_measure m, struct tacit_err *err) TAC_MUST_USE;
/* tac_seen_transfer: out (n_task,n_task): mean accuracy of a row's runs on a column's test set. */
void tac_seen_transfer(double *out, const struct tac_seen *x, enum tac_kind by);

/* Spearman's rho of how alike sources are to a target and how well their prompts do on it;
 * distances count with a minus. over: a target; TAC_EACH_TARGET, the mean over targets; TAC_POOLED,
 * all pairs in one correlation, which mixes targets of different levels. n: pairs. All NaN where a
 * number is missing. */
enum { TAC_EACH_TARGET = -1, TAC_POOLED = -2 };
struct tac_related {
    size_t n;
    struct tac_permutation test;
};
enum tacit_status tac_seen_related(struct tac_related *out, struct tac_seen *x, enum tac_kind by,
                                   enum tac_measure m, int over,
                                   struct tacit_err *err) TAC_MUST_USE;

/* The runs of all other tasks on a target against another prompt on the same examples. A tie: exact
 * McNemar p above 0.05; against the mean of the random prompts, the 95 % normal interval of the
 * paired difference holds 0. */
enum tac_against { TAC_AGAINST_NONE, TAC_AGAINST_RANDOM, TAC_AGAINST_DESCRIPTION, TAC_N_AGAINST };
struct tac_wins {
    size_t sources, wins, ties, losses;
};
enum tacit_status tac_seen_wins(struct tac_wins *out, const struct tac_seen *x, enum tac_kind by,
                                int target, enum tac_against against,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_persistence: of a prompt's tokens: the share whose nearest one is still the one they started
 * from; mean distance from the start, raw and behind the embedding norm. False where it was not
 * read. */
bool tac_persistence(double *share, double *drift, double *normed, const struct tac_seen *x,
                     size_t p);

/* The kinds that transfer is about, from `by` on: begin with TAC_KIND_PROMPT and go on with the
 * next until tac_n_kind. */
enum tac_kind tac_next_method(const struct tac_seen *x, enum tac_kind by);

/* The tables, by part. */
typedef enum tacit_status tac_fill(struct tac_result *t, struct tac_seen *x, struct tacit_err *err);
tac_fill tac_table_accuracy, tac_table_methods, tac_table_forgetting, tac_table_runs,
    tac_table_curves;
tac_fill tac_table_reading, tac_table_persistence, tac_table_words;
tac_fill tac_table_knockout, tac_table_wayward;
tac_fill tac_table_seeds, tac_table_drift, tac_table_distances, tac_table_equidistant;
tac_fill tac_table_paths, tac_table_noise;
tac_fill tac_table_layout, tac_table_layouts, tac_table_trajectory;
tac_fill tac_table_transfer, tac_table_wins, tac_table_similarity, tac_table_related;
tac_fill tac_table_sweep, tac_table_sweep_best;
tac_fill tac_table_recurring, tac_table_scripts, tac_table_verbalise;

/* The share of a wayward prompt's tokens whose nearest one is the unrelated text's. */
enum tacit_status tac_wayward_share(double *out, struct tac_seen *x, size_t prompt,
                                    struct tacit_err *err) TAC_MUST_USE;

/* Tokens that recur: named (among the nearest of some place, hubs corrected) by several trained
 * prompts, tokens of any description, wording, template or answer left out. most[0]: the largest
 * number of prompts that name one; most[i]: the same in null study i (nulls of them). p: the share
 * of studies whose largest number is at least the token's. */
struct tac_recurring_token {
    const char *text, *script;
    size_t prompts, tasks;
    double p;
};
struct tac_recurring {
    struct tac_recurring_token *token; /* (n) most frequent first; the arena's, as all */
    size_t n, nulls, *most;
};
enum tacit_status tac_recurring(struct tac_recurring *out, struct tac_seen *x,
                                struct tacit_err *err) TAC_MUST_USE;

/* The share of a script's tokens among all that trained prompts name, and the null studies' mean.
 */
struct tac_script_excess {
    const char *script;
    double share, null, p;
};
enum tacit_status tac_script_excess(struct tac_script_excess *out, struct tac_seen *x,
                                    const char *script, struct tacit_err *err) TAC_MUST_USE;

/* tac_tables: fills all tables anew, in one transaction. */
enum tacit_status tac_tables(struct tacit_study *st, struct tacit_err *err) TAC_MUST_USE;

#endif
