/* Numbers that tables and claims share: prompts beside their starts and beside each other. */
#include "study/tables.h"

#include "interpret/similarity.h"
#include "stats/describe.h"
#include "study/work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double tac_frobenius(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)b[i] - (double)a[i];
        sum += d * d;
    }
    return sqrt(sum);
}

/* ---- what a prompt started from ---- */

static enum tacit_status add_normed(const float **out, struct tac_seen *x, const float *rows,
                                    size_t P, struct tacit_err *err)
{
    float *normed = tac_arena_alloc(&x->arena, P * x->C, sizeof *normed, err);
    *out = normed;
    return normed ? tac_prompt_normed(normed, x->st->m->weights, rows, P, err) : TACIT_EFAIL;
}

/* An earlier prompt that started from the same text, or n_prompt. */
static size_t same_start(const struct tac_seen *x, size_t p)
{
    const struct tac_study_prompt *q = x->st->prompt;
    for (size_t i = 0; i < p; i++)
        if (x->from[i] && strcmp(q[i].text, q[p].text) == 0)
            return i;
    return x->st->n_prompt;
}

static enum tacit_status add_start(struct tac_seen *x, size_t p, struct tacit_err *err)
{
    size_t P = x->P[p], same = same_start(x, p);
    if (same < x->st->n_prompt) {
        x->from[p] = x->from[same];
        x->from_normed[p] = x->from_normed[same];
        return TACIT_OK;
    }
    int32_t *id = tac_alloc(P, sizeof *id, err);
    float *rows = tac_arena_alloc(&x->arena, P * x->C, sizeof *rows, err);
    enum tacit_status s = id && rows ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = tac_start_tokens(x->st->m, id, x->st->prompt[p].text, P, err);
    if (!s) {
        tac_weights_read_rows(x->st->m->weights, TAC_P_EMBED, id, P, rows);
        x->from[p] = rows;
        s = add_normed(&x->from_normed[p], x, rows, P, err);
    }
    free(id);
    return s;
}

static enum tacit_status read_neurons(struct tac_seen *x, struct tacit_err *err)
{
    struct tac_select r = tac_select_begin(
        &x->st->store.db,
        "SELECT unit, data FROM vector JOIN unit ON unit.key = unit WHERE planned", "");
    enum tacit_status s = TACIT_OK;
    while (!s && tac_select_next(&r)) {
        const char *key = tac_select_text(&r, 0);
        size_t u = 0, bytes;
        const void *data = tac_select_blob(&r, 1, &bytes);
        while (u < x->st->n_unit && strcmp(x->st->unit[u].key, key) != 0)
            u++;
        if (u == x->st->n_unit || x->st->unit[u].kind != TAC_UNIT_NEURONS || !data)
            continue;
        float *copy = tac_arena_alloc(&x->arena, bytes, 1, err);
        s = copy ? TACIT_OK : TACIT_EFAIL;
        if (copy)
            memcpy(copy, data, bytes);
        x->neurons[x->st->unit[u].a] = copy;
        x->F = bytes / sizeof *copy / x->L;
    }
    enum tacit_status end = tac_select_end(&r, s ? NULL : err);
    return s ? s : end;
}

enum tacit_status tac_seen_fill(struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t p = 0; !s && p < x->st->n_prompt; p++) {
        enum tac_kind k = x->st->prompt[p].kind;
        if (!x->rows[p])
            continue;
        s = add_normed(&x->normed[p], x, x->rows[p], x->P[p], err);
        if (!s && x->st->prompt[p].text && (tac_kind_trained(k) || k == TAC_KIND_DRIFT))
            s = add_start(x, p, err);
    }
    return s ? s : read_neurons(x, err);
}

/* ---- lists ---- */

enum tacit_status tac_seen_list(struct tac_list *out, struct tac_seen *x, enum tac_kind k, int task,
                                struct tacit_err *err)
{
    *out = (struct tac_list){tac_arena_alloc(&x->arena, x->st->n_prompt, sizeof *out->at, err), 0};
    for (size_t p = 0; out->at && p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        if (q->kind == k && (task == TAC_ANY_TASK || q->task == task) && x->rows[p])
            out->at[out->n++] = p;
    }
    return out->at ? TACIT_OK : TACIT_EFAIL;
}

size_t tac_seen_twin(const struct tac_seen *x, size_t p, enum tac_kind k)
{
    const struct tac_study_prompt *q = &x->st->prompt[p];
    size_t i = tac_seen_next(x, 0, k, q->task);
    while (i < x->st->n_prompt && x->st->prompt[i].index != q->index)
        i = tac_seen_next(x, i + 1, k, q->task);
    return i;
}

static double accuracy_of(const struct tac_seen *x, size_t p, int target)
{
    const struct tac_seen_score *s =
        p < x->st->n_prompt && target >= 0 ? tac_seen_get(x, p, target) : NULL;
    return s ? s->accuracy : (double)NAN;
}

double tac_seen_mean(const struct tac_seen *x, enum tac_kind k, int task, int target)
{
    double sum = 0;
    size_t n = 0;
    for (size_t p = tac_seen_next(x, 0, k, task); p < x->st->n_prompt;
         p = tac_seen_next(x, p + 1, k, task))
        if (tac_seen_get(x, p, target)) {
            sum += tac_seen_get(x, p, target)->accuracy;
            n++;
        }
    return n ? sum / (double)n : (double)NAN;
}

/* ---- kinds over tasks ---- */

/* Takes a task's examples (n) in; mean holds the sum until close_contrast. */
static void add_task(struct tac_contrast *c, double *variance, const char *task, const double *v,
                     size_t n)
{
    double mean = tac_mean(v, n);
    size_t at = strlen(c->by_task);
    snprintf(c->by_task + at, sizeof c->by_task - at, "%s%s %+.3f", at ? ", " : "", task, mean);
    c->mean += mean;
    *variance += tac_variance(v, n) / (double)n;
    c->tasks++;
}

static void close_contrast(struct tac_contrast *c, double variance)
{
    double n = c->tasks ? (double)c->tasks : 1, error = sqrt(variance) / n;
    c->mean /= n;
    c->low = c->mean - 1.959963984540054 * error;
    c->high = c->mean + 1.959963984540054 * error;
    c->p = error > 0 ? erfc(fabs(c->mean) / error / sqrt(2)) : c->mean == 0;
}

enum tacit_status tac_contrast(struct tac_contrast *out, struct tac_seen *x, enum tac_kind a,
                               enum tac_kind b, struct tacit_err *err)
{
    double variance = 0;
    *out = (struct tac_contrast){0};
    for (int t = 0; t < (int)x->st->n_task; t++) {
        struct tac_pooled pa, pb;
        enum tacit_status s = tac_pool(&pa, x, a, t, err);
        if (!s)
            s = tac_pool(&pb, x, b, t, err);
        if (s)
            return s;
        if (!pa.runs || !pb.runs || pa.n < 2)
            continue;
        for (size_t i = 0; i < pa.n; i++)
            pa.hits[i] -= pb.hits[i];
        add_task(out, &variance, x->st->task[t].name, pa.hits, pa.n);
    }
    close_contrast(out, variance);
    return TACIT_OK;
}

enum tacit_status tac_level(struct tac_contrast *out, struct tac_seen *x, enum tac_kind a,
                            struct tacit_err *err)
{
    double variance = 0;
    *out = (struct tac_contrast){0};
    for (int t = 0; t < (int)x->st->n_task; t++) {
        struct tac_pooled p;
        enum tacit_status s = tac_pool(&p, x, a, t, err);
        if (s)
            return s;
        if (p.runs && p.n > 1)
            add_task(out, &variance, x->st->task[t].name, p.hits, p.n);
    }
    close_contrast(out, variance);
    return TACIT_OK;
}

/* ---- one prompt, two prompts ---- */

enum tacit_status tac_seen_drift(struct tac_drift *out, const struct tac_seen *x, size_t p,
                                 struct tacit_err *err)
{
    const struct tac_study_prompt *q = &x->st->prompt[p];
    size_t P = x->P[p], C = x->C, text;
    struct tac_similarity d = {0};
    text = q->kind == TAC_KIND_REWORDED ? tac_seen_twin(x, p, TAC_KIND_PARAPHRASE)
                                        : tac_seen_next(x, 0, TAC_KIND_DESCRIPTION, q->task);
    *out = (struct tac_drift){
        NAN, NAN, NAN, NAN, accuracy_of(x, text, q->task), accuracy_of(x, p, q->task)};
    if (!x->rows[p] || !x->from[p])
        return TACIT_OK;
    enum tacit_status s = tac_similarity(&d, NULL, x->from[p], x->rows[p], P, C, err);
    out->raw = d.distance;
    out->cosine = d.cosine;
    out->per_token = 0;
    for (size_t i = 0; i < P; i++)
        out->per_token += tac_frobenius(x->from[p] + i * C, x->rows[p] + i * C, C) / (double)P;
    out->normed = tac_frobenius(x->from_normed[p], x->normed[p], P * C);
    return s;
}

static double control_of(const struct tac_seen *x, size_t a, size_t b)
{
    size_t u = tac_seen_twin(x, a, TAC_KIND_DRIFT), v = tac_seen_twin(x, b, TAC_KIND_DRIFT);
    if (u == x->st->n_prompt || v == x->st->n_prompt || !x->rows[u] || !x->rows[v])
        return (double)NAN;
    return tac_frobenius(x->rows[u], x->rows[v], x->P[u] * x->C);
}

enum tacit_status tac_seen_apart(struct tac_apart *out, const struct tac_seen *x, size_t a,
                                 size_t b, struct tacit_err *err)
{
    struct tac_similarity d = {0};
    size_t P = x->P[a];
    enum tacit_status s = tac_similarity(&d, NULL, x->rows[a], x->rows[b], P, x->C, err);
    *out = (struct tac_apart){x->st->prompt[a].task == x->st->prompt[b].task,
                              d.distance,
                              tac_frobenius(x->normed[a], x->normed[b], P * x->C),
                              d.matched_distance,
                              d.cosine,
                              (double)d.in_place_distance / (double)P,
                              control_of(x, a, b)};
    return s;
}

enum tacit_status tac_seen_distances(double **out, struct tac_seen *x, const struct tac_list *l,
                                     struct tacit_err *err)
{
    size_t n = l->n;
    double *d = *out = tac_arena_alloc(&x->arena, n * n, sizeof *d, err);
    for (size_t i = 0; d && i < n; i++)
        for (size_t j = 0; j < i; j++) {
            size_t a = l->at[i], b = l->at[j];
            d[i * n + j] = d[j * n + i] = tac_frobenius(x->rows[a], x->rows[b], x->P[a] * x->C);
        }
    return d ? TACIT_OK : TACIT_EFAIL;
}
