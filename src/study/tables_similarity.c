/* Tables of the part "transfer" about how alike tasks are by their prompts, and whether that goes
 * with how well a prompt does on another task. */
#include "study/tables.h"

#include "base/mem.h"
#include "interpret/neurons.h"
#include "interpret/similarity.h"

#include <math.h>
#include <stdlib.h>

static const double active = 0.1; /* share of a layer's neurons */
static const struct tac_draws draws = {.m = 9999, .seed = 0};

/* sign: -1 for a distance. */
static const struct {
    const char *name;
    double sign;
} measures[TAC_N_MEASURE] = {
    [TAC_ALIKE_FROBENIUS] = {"Frobenius", -1},
    [TAC_ALIKE_NORMED] = {"Frobenius normed", -1},
    [TAC_ALIKE_UPDATE] = {"update", -1},
    [TAC_ALIKE_DESCRIPTIONS] = {"descriptions", -1},
    [TAC_ALIKE_COSINE] = {"cosine", 1},
    [TAC_ALIKE_MEAN_COSINE] = {"mean token cosine", 1},
    [TAC_ALIKE_PAIRWISE] = {"pairwise cosine", 1},
    [TAC_ALIKE_MATCHED] = {"matched cosine", 1},
    [TAC_ALIKE_NEURONS] = {"neurons", 1},
    [TAC_ALIKE_DIVERGENCE] = {"output divergence", -1},
};

const char *tac_measure_name(enum tac_measure m)
{
    return measures[m].name;
}

/* ---- two prompts ---- */

/* Where each example's answers begin (n + 1), for every target. */
struct answers {
    size_t *first[TAC_STUDY_TASKS], n[TAC_STUDY_TASKS];
};

static enum tacit_status open_answers(struct answers *a, struct tac_seen *x, struct tacit_err *err)
{
    for (size_t t = 0; t < x->st->n_task; t++) {
        const struct tac_dataset *d = &x->st->task[t].test->data;
        a->n[t] = d->n;
        a->first[t] = tac_arena_alloc(&x->arena, d->n + 1, sizeof *a->first[t], err);
        if (!a->first[t])
            return TACIT_EFAIL;
        for (size_t i = 0; i < d->n; i++)
            a->first[t][i + 1] = a->first[t][i] + d->example[i].n_answers;
    }
    return TACIT_OK;
}

/* A mean over the examples of all targets that both are scored on. */
static double divergence(const struct tac_seen *x, const struct answers *w, size_t a, size_t b)
{
    double sum = 0, n = 0;
    for (size_t t = 0; t < x->st->n_task; t++) {
        const struct tac_seen_score *p = tac_seen_get(x, a, (int)t),
                                    *q = tac_seen_get(x, b, (int)t);
        size_t count = w->n[t], all = w->first[t][count];
        if (!p || !q || !count || p->n_loglik != all || q->n_loglik != all)
            continue;
        sum += (double)count * tac_answer_divergence(p->logliks, q->logliks, w->first[t], count);
        n += (double)count;
    }
    return n > 0 ? sum / n : (double)NAN;
}

/* Distance between the ways that two prompts went from their starts. */
static double update_distance(const struct tac_seen *x, size_t a, size_t b)
{
    double sum = 0;
    for (size_t i = 0; i < x->P[a] * x->C; i++) {
        double d = ((double)x->rows[b][i] - (double)x->from[b][i]) -
                   ((double)x->rows[a][i] - (double)x->from[a][i]);
        sum += d * d;
    }
    return sqrt(sum);
}

static enum tacit_status neurons(double *out, const struct tac_seen *x, size_t a, size_t b,
                                 struct tacit_err *err)
{
    size_t n = x->L * x->F;
    *out = NAN;
    if (!x->neurons[a] || !x->neurons[b])
        return TACIT_OK;
    double *u = tac_alloc(n, sizeof *u, err), *v = tac_alloc(n, sizeof *v, err);
    struct tac_neuron_overlap o = {0};
    for (size_t i = 0; u && v && i < n; i++) {
        u[i] = (double)x->neurons[a][i];
        v[i] = (double)x->neurons[b][i];
    }
    enum tacit_status s =
        u && v ? tac_neuron_overlap(&o, u, v, x->L, x->F, active, err) : TACIT_EFAIL;
    *out = o.overlap;
    free(u);
    free(v);
    return s;
}

static enum tacit_status compare(double v[TAC_N_MEASURE], const struct tac_seen *x,
                                 const struct answers *w, size_t a, size_t b, struct tacit_err *err)
{
    size_t P = x->P[a], n = P * x->C;
    bool started = x->from[a] && x->from[b];
    struct tac_similarity d = {0};
    enum tacit_status s = tac_similarity(&d, NULL, x->rows[a], x->rows[b], P, x->C, err);
    if (!s)
        s = neurons(&v[TAC_ALIKE_NEURONS], x, a, b, err);
    v[TAC_ALIKE_FROBENIUS] = d.distance;
    v[TAC_ALIKE_NORMED] = tac_frobenius(x->normed[a], x->normed[b], n);
    v[TAC_ALIKE_UPDATE] = started ? update_distance(x, a, b) : (double)NAN;
    v[TAC_ALIKE_DESCRIPTIONS] = started ? tac_frobenius(x->from[a], x->from[b], n) : (double)NAN;
    v[TAC_ALIKE_COSINE] = d.cosine;
    v[TAC_ALIKE_MEAN_COSINE] = d.mean_cosine;
    v[TAC_ALIKE_PAIRWISE] = d.pairwise;
    v[TAC_ALIKE_MATCHED] = d.matched_cosine;
    v[TAC_ALIKE_DIVERGENCE] = divergence(x, w, a, b);
    return s;
}

/* ---- two tasks ---- */

/* Adds a pair of runs of tasks s and t to the sums. */
static void add_pair(double *alike, size_t *pairs, const double *v, size_t s, size_t t, size_t n)
{
    for (size_t m = 0; m < TAC_N_MEASURE; m++) {
        alike[(m * n + s) * n + t] += v[m];
        if (s != t)
            alike[(m * n + t) * n + s] += v[m];
    }
    pairs[s * n + t]++;
    if (s != t)
        pairs[t * n + s]++;
}

/* Prompts, whose values the store has. */
static enum tacit_status add_prompts(double *alike, size_t *pairs, struct tac_seen *x,
                                     struct tacit_err *err)
{
    struct answers w = {0};
    struct tac_list l;
    enum tacit_status s = open_answers(&w, x, err);
    if (!s)
        s = tac_seen_list(&l, x, TAC_KIND_PROMPT, TAC_ANY_TASK, err);
    for (size_t i = 0; !s && i < l.n; i++)
        for (size_t j = 0; !s && j < i; j++) {
            double v[TAC_N_MEASURE];
            size_t a = l.at[j], b = l.at[i];
            s = compare(v, x, &w, a, b, err);
            if (!s)
                add_pair(alike, pairs, v, (size_t)x->st->prompt[a].task,
                         (size_t)x->st->prompt[b].task, x->st->n_task);
        }
    return s;
}

/* Adapters of a further method, which units have compared. */
static enum tacit_status add_adapters(double *alike, size_t *pairs, struct tac_seen *x,
                                      enum tac_kind by, struct tacit_err *err)
{
    struct answers w = {0};
    enum tacit_status s = open_answers(&w, x, err);
    for (size_t i = 0; !s && i < x->st->n_unit; i++) {
        const struct tac_unit *u = &x->st->unit[i];
        const struct tac_study_prompt *a = &x->st->prompt[u->a], *b = &x->st->prompt[u->b];
        double v[TAC_N_MEASURE];
        if (u->kind != TAC_UNIT_ALIKE || a->kind != by || !x->result[i])
            continue;
        for (size_t m = 0; m < TAC_N_MEASURE; m++)
            v[m] = (double)NAN;
        v[TAC_ALIKE_FROBENIUS] = json_number_value(json_object_get(x->result[i], "distance"));
        v[TAC_ALIKE_COSINE] = json_number_value(json_object_get(x->result[i], "cosine"));
        v[TAC_ALIKE_DIVERGENCE] = divergence(x, &w, u->a, u->b);
        add_pair(alike, pairs, v, (size_t)a->task, (size_t)b->task, x->st->n_task);
    }
    return s;
}

static enum tacit_status make_alike(struct tac_seen *x, enum tac_kind by, struct tacit_err *err)
{
    size_t n = x->st->n_task;
    if (!x->alike)
        x->alike = tac_arena_alloc(&x->arena, tac_n_kind(x->st), sizeof *x->alike, err);
    double *alike = tac_arena_alloc(&x->arena, TAC_N_MEASURE * n * n, sizeof *alike, err);
    size_t *pairs = tac_arena_alloc(&x->arena, n * n, sizeof *pairs, err);
    if (!x->alike || !alike || !pairs)
        return TACIT_EFAIL;
    enum tacit_status s = by == TAC_KIND_PROMPT ? add_prompts(alike, pairs, x, err)
                                                : add_adapters(alike, pairs, x, by, err);
    for (size_t i = 0; !s && i < TAC_N_MEASURE * n * n; i++)
        alike[i] /= (double)pairs[i % (n * n)];
    x->alike[by] = s ? NULL : alike;
    return s;
}

enum tacit_status tac_seen_alike(const double **out, struct tac_seen *x, enum tac_kind by,
                                 enum tac_measure m, struct tacit_err *err)
{
    bool made = x->alike && x->alike[by];
    enum tacit_status s = made ? TACIT_OK : make_alike(x, by, err);
    *out = s ? NULL : x->alike[by] + (size_t)m * x->st->n_task * x->st->n_task;
    return s;
}

void tac_seen_transfer(double *out, const struct tac_seen *x, enum tac_kind by)
{
    int n = (int)x->st->n_task;
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++)
            out[a * n + b] = tac_seen_mean(x, by, a, b);
}

static enum tacit_status add_similarity(struct tac_result *t, struct tac_seen *x, enum tac_kind by,
                                        enum tac_measure m, struct tacit_err *err)
{
    const double *v;
    size_t n = x->st->n_task;
    enum tacit_status s = tac_seen_alike(&v, x, by, m, err);
    for (size_t a = 0; !s && a < n; a++)
        for (size_t b = a; b < n; b++)
            if (isfinite(v[a * n + b]))
                tac_result_row(t, "ttttr", tac_kind_name(x->st, by), measures[m].name,
                               x->st->task[a].name, x->st->task[b].name, v[a * n + b]);
    return s;
}

enum tacit_status tac_table_similarity(struct tac_result *t, struct tac_seen *x,
                                       struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (enum tac_kind by = TAC_KIND_PROMPT; by < tac_n_kind(x->st); by = tac_next_method(x, by))
        for (enum tac_measure m = 0; !s && m < TAC_N_MEASURE; m++)
            s = add_similarity(t, x, by, m, err);
    return s;
}

/* ---- similarity and transfer ---- */

static const struct tac_permutation unknown = {NAN, {NAN, NAN}, {NAN, NAN}, {NAN, NAN}, 0, false};

/* A target's column without its own row. */
static size_t column_of(double *out, const double *matrix, size_t n, size_t target)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (i != target)
            out[k++] = matrix[i * n + target];
    return k;
}

static bool all_known(const double *v, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        if (i % (n + 1) && !isfinite(v[i]))
            return false;
    return true;
}

static enum tacit_status relate(struct tac_related *out, const double *similar,
                                const double *transfer, size_t n, int over, struct tacit_err *err)
{
    if (over < 0) {
        enum tac_mantel kind = over == TAC_POOLED ? TAC_MANTEL_ALL : TAC_MANTEL_COLUMNS;
        out->n = n * (n - 1);
        return tac_permute_mantel(&out->test, kind, TAC_SPEARMAN, similar, transfer, n, draws, err);
    }
    double u[TAC_STUDY_TASKS], v[TAC_STUDY_TASKS];
    out->n = column_of(u, similar, n, (size_t)over);
    column_of(v, transfer, n, (size_t)over);
    return tac_permute_correlation(&out->test, TAC_SPEARMAN, u, v, out->n, draws, err);
}

enum tacit_status tac_seen_related(struct tac_related *out, struct tac_seen *x, enum tac_kind by,
                                   enum tac_measure m, int over, struct tacit_err *err)
{
    size_t n = x->st->n_task;
    const double *v;
    double *similar = tac_alloc(n * n, sizeof *similar, err);
    double *transfer = tac_alloc(n * n, sizeof *transfer, err);
    enum tacit_status s = similar && transfer ? tac_seen_alike(&v, x, by, m, err) : TACIT_EFAIL;
    *out = (struct tac_related){0, unknown};
    if (!s) {
        for (size_t i = 0; i < n * n; i++)
            similar[i] = measures[m].sign * v[i];
        tac_seen_transfer(transfer, x, by);
        if (n > 2 && all_known(similar, n) && all_known(transfer, n))
            s = relate(out, similar, transfer, n, over, err);
    }
    free(similar);
    free(transfer);
    return s;
}

static enum tacit_status add_related(struct tac_result *t, struct tac_seen *x, enum tac_kind by,
                                     enum tac_measure m, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (int over = TAC_POOLED; !s && over < (int)x->st->n_task; over++) {
        struct tac_related r;
        s = tac_seen_related(&r, x, by, m, over, err);
        const char *target = over == TAC_POOLED        ? "pooled"
                             : over == TAC_EACH_TARGET ? "each"
                                                       : x->st->task[over].name;
        if (!s && r.n)
            tac_result_row(t, "tttzrrr", tac_kind_name(x->st, by), measures[m].name, target, r.n,
                           r.test.statistic, r.test.greater.p, r.test.greater.smallest);
    }
    return s;
}

enum tacit_status tac_table_related(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (enum tac_kind by = TAC_KIND_PROMPT; by < tac_n_kind(x->st); by = tac_next_method(x, by))
        for (enum tac_measure m = 0; !s && m < TAC_N_MEASURE; m++)
            s = add_related(t, x, by, m, err);
    return s;
}
