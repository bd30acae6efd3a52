/* Tables of the part "stochasticity": what chance in training does to accuracies and prompts. */
#include "study/tables.h"

#include "base/mem.h"
#include "stats/describe.h"
#include "stats/paired.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tac_draws draws = {.m = 9999, .seed = 0}, resamples = {.m = 2000, .seed = 0};

/* ---- runs ---- */

/* Scored runs of a task on its own test set. */
struct hits {
    size_t k, n;
    bool *column; /* (k,n) a run's hits */
    bool *table;  /* (n,k) */
    double *accuracy;
};

static void release_hits(struct hits *h)
{
    free(h->column);
    free(h->table);
    free(h->accuracy);
}

static enum tacit_status read_hits(struct hits *h, const struct tac_seen *x, int task,
                                   struct tacit_err *err)
{
    const struct tac_seen_score **run = tac_alloc(x->st->n_prompt, sizeof(void *), err);
    *h = (struct hits){0};
    for (size_t p = 0; run && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        if (q->kind == TAC_KIND_PROMPT && q->task == task && tac_seen_get(x, p, task))
            run[h->k++] = tac_seen_get(x, p, task);
    }
    h->n = h->k ? run[0]->n : 0;
    h->column = tac_alloc(h->k * h->n, sizeof *h->column, err);
    h->table = tac_alloc(h->k * h->n, sizeof *h->table, err);
    h->accuracy = tac_alloc(h->k, sizeof *h->accuracy, err);
    enum tacit_status s = run && h->column && h->table && h->accuracy ? TACIT_OK : TACIT_EFAIL;
    for (size_t r = 0; !s && r < h->k; r++) {
        h->accuracy[r] = run[r]->accuracy;
        for (size_t i = 0; i < h->n; i++)
            h->column[r * h->n + i] = h->table[i * h->k + r] = run[r]->hits[i];
    }
    free(run);
    return s;
}

static enum tacit_status share_equivalent(double *out, const struct hits *h, double margin,
                                          struct tacit_err *err)
{
    size_t equal = 0, pairs = h->k * (h->k - 1) / 2;
    enum tacit_status s = TACIT_OK;
    for (size_t a = 0; a < h->k; a++)
        for (size_t b = 0; !s && b < a; b++) {
            struct tac_noninferiority d = {0};
            s = tac_noninferiority(&d, h->column + a * h->n, h->column + b * h->n, h->n, margin,
                                   resamples, err);
            equal += d.equivalent;
        }
    *out = (double)equal / (double)pairs;
    return s;
}

/* Sums of squares of a table with one number a cell. */
static void split_variance(struct tac_seeds *out, const struct hits *h)
{
    double k = (double)h->k, n = (double)h->n, grand = tac_mean(h->accuracy, h->k);
    double runs = 0, examples = 0, total = n * k * grand * (1 - grand);
    for (size_t r = 0; r < h->k; r++)
        runs += n * (h->accuracy[r] - grand) * (h->accuracy[r] - grand);
    for (size_t i = 0; i < h->n; i++) {
        double mean = 0;
        for (size_t r = 0; r < h->k; r++)
            mean += (double)h->table[i * h->k + r] / k;
        examples += k * (mean - grand) * (mean - grand);
    }
    out->residual_variance = (total - runs - examples) / ((k - 1) * (n - 1));
    out->run_variance = (runs / (k - 1) - out->residual_variance) / n;
    out->example_variance = (examples / (n - 1) - out->residual_variance) / k;
}

static void describe(struct tac_seeds *out, const struct hits *h)
{
    out->runs = h->k;
    out->n = h->n;
    out->mean = tac_mean(h->accuracy, h->k);
    out->sd = sqrt(tac_variance(h->accuracy, h->k));
    out->min = out->max = h->accuracy[0];
    for (size_t r = 1; r < h->k; r++) {
        out->min = fmin(out->min, h->accuracy[r]);
        out->max = fmax(out->max, h->accuracy[r]);
    }
    out->sampling_error = sqrt(out->mean * (1 - out->mean) / (double)h->n);
}

enum tacit_status tac_seen_seeds(struct tac_seeds *out, struct tac_seen *x, int task,
                                 struct tacit_err *err)
{
    struct hits h;
    struct tac_cochran q = {0};
    *out = (struct tac_seeds){0};
    enum tacit_status s = read_hits(&h, x, task, err);
    if (!s && h.k > 1 && h.n > 1) {
        describe(out, &h);
        split_variance(out, &h);
        s = tac_cochran(&q, h.table, h.n, h.k, draws, err);
        out->q = q.q;
        out->p = q.p;
        out->p_permuted = q.permuted.greater.p;
        out->discordant = q.discordant;
        if (!s)
            s = share_equivalent(&out->equivalent, &h, x->st->spec.margin, err);
    }
    release_hits(&h);
    return s;
}

enum tacit_status tac_table_seeds(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int task = 0; !s && task < (int)x->st->n_task; task++) {
        struct tac_seeds v;
        s = tac_seen_seeds(&v, x, task, err);
        if (!s && v.runs)
            tac_result_row(t, "tzrrrrrrrrzrrrr", x->st->task[task].name, v.runs, v.mean, v.sd,
                           v.min, v.max, v.sampling_error, v.q, v.p, v.p_permuted, v.discordant,
                           v.equivalent, v.run_variance, v.example_variance, v.residual_variance);
    }
    return s;
}

/* ---- prompts ---- */

enum tacit_status tac_table_drift(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; !s && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        struct tac_drift d;
        if ((q->kind != TAC_KIND_PROMPT && q->kind != TAC_KIND_REWORDED) || !x->rows[p])
            continue;
        s = tac_seen_drift(&d, x, p, err);
        tac_result_row(t, "ttzrrrrrr", x->st->task[q->task].name, tac_kind_name(x->st, q->kind),
                       q->index, d.raw, d.per_token, d.normed, d.cosine, d.description, d.accuracy);
    }
    return s;
}

enum tacit_status tac_table_distances(struct tac_result *t, struct tac_seen *x,
                                      struct tacit_err *err)
{
    struct tac_list l;
    enum tacit_status s = tac_seen_list(&l, x, TAC_KIND_PROMPT, TAC_ANY_TASK, err);
    for (size_t i = 0; !s && i < l.n; i++)
        for (size_t j = i + 1; !s && j < l.n; j++) {
            struct tac_apart d;
            size_t a = l.at[i], b = l.at[j];
            s = tac_seen_apart(&d, x, a, b, err);
            tac_result_row(t, "ttbrrrrrr", x->st->prompt[a].key, x->st->prompt[b].key,
                           (int)d.same_task, d.raw, d.normed, d.matched, d.cosine, d.in_place,
                           d.control);
        }
    return s;
}

/* ---- distances within tasks ---- */

struct spread {
    size_t n; /* prompts */
    double min, max, ratio, cv;
};

/* Of the distances (n,n) between the list's prompts of one task. */
static enum tacit_status spread_of(struct spread *out, const struct tac_seen *x,
                                   const struct tac_list *l, const double *dist, int task,
                                   struct tacit_err *err)
{
    size_t n = 0;
    double *d = tac_alloc(l->n * l->n, sizeof *d, err);
    *out = (struct spread){0, INFINITY, 0, NAN, NAN};
    for (size_t i = 0; d && i < l->n; i++)
        for (size_t j = 0; j <= i && x->st->prompt[l->at[i]].task == task; j++) {
            if (x->st->prompt[l->at[j]].task != task)
                continue;
            out->n += i == j;
            if (i != j)
                d[n++] = dist[i * l->n + j];
        }
    for (size_t i = 0; d && i < n; i++) {
        out->min = fmin(out->min, d[i]);
        out->max = fmax(out->max, d[i]);
    }
    if (d && n > 1) {
        out->ratio = out->max / out->min;
        out->cv = sqrt(tac_variance(d, n)) / tac_mean(d, n);
    }
    free(d);
    return d ? TACIT_OK : TACIT_EFAIL;
}

/* A mean over the tasks that have three prompts or more. */
static enum tacit_status spread_all(struct spread *out, const struct tac_seen *x,
                                    const struct tac_list *l, const double *dist,
                                    struct tacit_err *err)
{
    size_t tasks = 0;
    enum tacit_status s = TACIT_OK;
    *out = (struct spread){0, INFINITY, 0, 0, 0};
    for (int t = 0; !s && t < (int)x->st->n_task; t++) {
        struct spread one;
        s = spread_of(&one, x, l, dist, t, err);
        if (s || one.n < 3)
            continue;
        tasks++;
        out->n += one.n;
        out->min = fmin(out->min, one.min);
        out->max = fmax(out->max, one.max);
        out->ratio += one.ratio;
        out->cv += one.cv;
    }
    out->ratio /= (double)tasks;
    out->cv /= (double)tasks;
    return s;
}

static enum tacit_status spread_of_kind(struct spread *out, struct tac_seen *x,
                                        const struct tac_list *l, int task, double **dist,
                                        struct tacit_err *err)
{
    enum tacit_status s = tac_seen_distances(dist, x, l, err);
    if (s)
        return s;
    return task == TAC_ANY_TASK ? spread_all(out, x, l, *dist, err)
                                : spread_of(out, x, l, *dist, task, err);
}

/* One task's test: all other prompts are groups of their own, which count for nothing. */
static enum tacit_status test_even(struct tac_even *out, const struct tac_seen *x,
                                   const struct tac_list *l, const double *dist, int task,
                                   struct tacit_err *err)
{
    int64_t *group = tac_alloc(l->n, sizeof *group, err);
    struct tac_equidistance e;
    bool apart = true;
    if (!group)
        return TACIT_EFAIL;
    for (size_t i = 0; i < l->n; i++) {
        int of = x->st->prompt[l->at[i]].task;
        group[i] = task == TAC_ANY_TASK || of == task ? of : -1 - (int64_t)i;
        for (size_t j = 0; j < i; j++)
            apart &= dist[i * l->n + j] > 0;
    }
    enum tacit_status s = apart ? tac_equidistance(&e, dist, group, l->n, draws, err) : TACIT_OK;
    if (apart && !s) {
        out->p = e.cv.less.p;
        out->smallest_p = e.cv.less.smallest;
    }
    free(group);
    return s;
}

enum tacit_status tac_seen_even(struct tac_even *out, struct tac_seen *x, int task,
                                struct tacit_err *err)
{
    struct tac_list runs, controls;
    struct spread a = {0}, b = {0};
    double *dist = NULL, *other = NULL;
    enum tacit_status s = tac_seen_list(&runs, x, TAC_KIND_PROMPT, TAC_ANY_TASK, err);
    if (!s)
        s = tac_seen_list(&controls, x, TAC_KIND_DRIFT, TAC_ANY_TASK, err);
    if (!s)
        s = spread_of_kind(&a, x, &runs, task, &dist, err);
    if (!s)
        s = spread_of_kind(&b, x, &controls, task, &other, err);
    *out =
        (struct tac_even){a.n < 3 ? 0 : a.n, a.min, a.max, a.ratio, a.cv, b.ratio, b.cv, NAN, NAN};
    return s || a.n < 3 ? s : test_even(out, x, &runs, dist, task, err);
}

enum tacit_status tac_table_equidistant(struct tac_result *t, struct tac_seen *x,
                                        struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int i = 0; !s && i <= (int)x->st->n_task; i++) {
        struct tac_even e;
        bool all = i == (int)x->st->n_task;
        s = tac_seen_even(&e, x, all ? TAC_ANY_TASK : i, err);
        if (!s && e.n)
            tac_result_row(t, "tzrrrrrrrr", all ? "all" : x->st->task[i].name, e.n, e.min, e.max,
                           e.ratio, e.cv, e.control_ratio, e.control_cv, e.p, e.smallest_p);
    }
    return s;
}

/* ---- paths, sources ---- */

static double number_at(const json_t *v, const char *key, size_t i)
{
    const json_t *at = json_array_get(json_object_get(v, key), i);
    return json_is_number(at) ? json_number_value(at) : (double)NAN;
}

enum tacit_status tac_table_paths(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    (void)err;
    for (size_t i = 0; i < x->st->n_unit; i++) {
        const struct tac_unit *u = &x->st->unit[i];
        const json_t *v = x->result[i];
        size_t n = json_array_size(json_object_get(v, "t"));
        for (size_t k = 0; u->kind == TAC_UNIT_PATH && k < n; k++)
            tac_result_row(t, "tttrrr", x->st->task[u->target].name, x->st->prompt[u->a].key,
                           x->st->prompt[u->b].key, number_at(v, "t", k),
                           number_at(v, "accuracy", k), number_at(v, "loss", k));
    }
    return TACIT_OK;
}

static struct tac_noise noise_alone(const struct tac_seen *x, int task, enum tac_kind source)
{
    double accuracy[TAC_STUDY_SEEDS];
    struct tac_noise v = {0, NAN, NAN, NAN, NAN, NAN};
    for (size_t p = tac_seen_next(x, 0, source, task);
         p < x->st->n_prompt && v.runs < TAC_STUDY_SEEDS; p = tac_seen_next(x, p + 1, source, task))
        if (tac_seen_get(x, p, task))
            accuracy[v.runs++] = tac_seen_get(x, p, task)->accuracy;
    if (v.runs)
        v.mean = tac_mean(accuracy, v.runs);
    if (v.runs > 1) {
        double df = (double)v.runs - 1, variance = tac_variance(accuracy, v.runs);
        double squares = variance > 1e-20 ? df * variance : 0; /* equal accuracies */
        v.sd = sqrt(squares / df);
        v.low = sqrt(squares / tac_chi2_quantile(0.025, df));
        v.high = sqrt(squares / tac_chi2_quantile(0.975, df));
    }
    return v;
}

struct tac_noise tac_seen_noise(const struct tac_seen *x, int task, enum tac_kind source)
{
    struct tac_noise v = noise_alone(x, task, source);
    double sum = 0;
    for (enum tac_kind k = TAC_KIND_ORDER; k <= TAC_KIND_MOMENTS; k++) {
        double sd = noise_alone(x, task, k).sd;
        sum += sd * sd;
    }
    if (source != TAC_KIND_PROMPT)
        v.share = v.sd * v.sd / sum;
    return v;
}

/* What a source's row says: its share, and whether its interval lies apart from the others'. */
static void judge_noise(char out[64], const struct tac_seen *x, int task, enum tac_kind source)
{
    struct tac_noise v = tac_seen_noise(x, task, source);
    size_t fewest = SIZE_MAX;
    bool overlap = false;
    for (enum tac_kind k = TAC_KIND_ORDER; k <= TAC_KIND_MOMENTS; k++) {
        struct tac_noise w = tac_seen_noise(x, task, k);
        fewest = w.runs < fewest ? w.runs : fewest;
        overlap |= k != source && w.low <= v.high && v.low <= w.high;
    }
    if (fewest < TAC_NOISE_RUNS)
        snprintf(out, 64, "cannot be told here");
    else if (!isfinite(v.share))
        snprintf(out, 64, "no run differs");
    else
        snprintf(out, 64, "%s: %.0f %%%s", tac_kind_name(x->st, source), 100 * v.share,
                 overlap ? ", intervals overlap" : "");
}

enum tacit_status tac_table_noise(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    static const enum tac_kind source[] = {TAC_KIND_ORDER, TAC_KIND_INIT, TAC_KIND_MOMENTS,
                                           TAC_KIND_PROMPT};
    (void)err;
    for (int task = 0; x->st->spec.noise_runs && task < (int)x->st->n_task; task++)
        for (size_t i = 0; i < sizeof source / sizeof *source; i++) {
            struct tac_noise v = tac_seen_noise(x, task, source[i]);
            char verdict[64] = "";
            if (source[i] != TAC_KIND_PROMPT)
                judge_noise(verdict, x, task, source[i]);
            if (v.runs)
                tac_result_row(t, "ttzrrrrrt", x->st->task[task].name,
                               tac_kind_name(x->st, source[i]), v.runs, v.mean, v.sd, v.low, v.high,
                               v.share, *verdict ? verdict : NULL);
        }
    return TACIT_OK;
}
