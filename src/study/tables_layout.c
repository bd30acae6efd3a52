/* Tables of the part "stochasticity" that draw prompts in two dimensions. */
#include "study/tables.h"

#include "base/mem.h"
#include "stats/project.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Trained prompts and starts as points. */
struct points {
    struct tac_list l;
    size_t n, d;
    double *x, *dist; /* (n,d), (n,n) */
};

struct layout {
    char name[32];
    double *xy; /* (n,2) */
    size_t neighbors;
    double trust, stress, share, kl;
};

static void release_points(struct points *p)
{
    free(p->x);
    free(p->dist);
}

static enum tacit_status open_points(struct points *p, struct tac_seen *x, struct tacit_err *err)
{
    struct tac_list starts;
    *p = (struct points){0};
    enum tacit_status s = tac_seen_list(&p->l, x, TAC_KIND_PROMPT, TAC_ANY_TASK, err);
    if (!s)
        s = tac_seen_list(&starts, x, TAC_KIND_START, TAC_ANY_TASK, err);
    if (s || !p->l.n)
        return s;
    memcpy(p->l.at + p->l.n, starts.at, starts.n * sizeof *starts.at);
    p->n = p->l.n += starts.n;
    p->d = x->P[p->l.at[0]] * x->C;
    p->x = tac_alloc(p->n * p->d, sizeof *p->x, err);
    p->dist = tac_alloc(p->n * p->n, sizeof *p->dist, err);
    if (!p->x || !p->dist)
        return TACIT_EFAIL;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->d; k++)
            p->x[i * p->d + k] = (double)x->rows[p->l.at[i]][k];
    tac_distances(p->dist, p->x, p->n, p->d);
    return TACIT_OK;
}

/* ---- methods ---- */

static enum tacit_status lay_pca(struct layout *out, const struct points *p, double perplexity,
                                 struct tacit_err *err)
{
    double ratio[2];
    (void)perplexity;
    snprintf(out->name, sizeof out->name, "pca");
    enum tacit_status s = tac_pca(out->xy, ratio, p->x, p->n, p->d, 2, err);
    out->share = ratio[0] + ratio[1];
    out->stress = tac_stress1(out->xy, p->dist, p->n, 2, false);
    return s;
}

static enum tacit_status lay_mds(struct layout *out, const struct points *p, double perplexity,
                                 struct tacit_err *err)
{
    double negative, sum = 0, *value = tac_alloc(p->n, sizeof *value, err);
    (void)perplexity;
    snprintf(out->name, sizeof out->name, "mds");
    enum tacit_status s =
        value ? tac_mds(out->xy, value, &negative, p->dist, p->n, 2, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < p->n; i++)
        sum += fabs(value[i]);
    if (!s)
        out->share = (fmax(value[0], 0) + fmax(value[1], 0)) / sum;
    out->stress = tac_stress1(out->xy, p->dist, p->n, 2, false);
    free(value);
    return s;
}

static enum tacit_status lay_tsne(struct layout *out, const struct points *p, double perplexity,
                                  struct tacit_err *err)
{
    struct tac_tsne_options o = tac_tsne_options_default();
    double ratio[2];
    snprintf(out->name, sizeof out->name, "tsne %g", perplexity);
    o.perplexity = perplexity;
    o.learning_rate = (double)p->n / 8;
    enum tacit_status s = tac_pca(out->xy, ratio, p->x, p->n, p->d, 2, err);
    if (!s) {
        tac_tsne_start(out->xy, out->xy, p->n, 2);
        s = tac_tsne(out->xy, &out->kl, p->dist, p->n, &o, err);
    }
    out->stress = tac_stress1(out->xy, p->dist, p->n, 2, true);
    return s;
}

static const struct {
    double perplexity; /* 0 for a method that has none */
    enum tacit_status (*lay)(struct layout *out, const struct points *p, double perplexity,
                             struct tacit_err *err);
} methods[] = {{0, lay_pca}, {0, lay_mds}, {2, lay_tsne}, {3, lay_tsne}, {4, lay_tsne}};

enum { METHODS = sizeof methods / sizeof *methods };

/* A perplexity asks for three times as many points. */
static bool possible(size_t method, const struct points *p)
{
    return p->n > 2 && p->d > 1 && 3 * methods[method].perplexity < (double)p->n;
}

static enum tacit_status lay_out(struct layout *out, const struct points *p, size_t method,
                                 struct tacit_err *err)
{
    *out = (struct layout){.trust = NAN, .share = NAN, .kl = NAN};
    out->neighbors = (p->n - 1) / 2 < 3 ? (p->n - 1) / 2 : 3;
    out->xy = tac_alloc(p->n * 2, sizeof *out->xy, err);
    enum tacit_status s = out->xy ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = methods[method].lay(out, p, methods[method].perplexity, err);
    if (!s)
        s = tac_trustworthiness(&out->trust, out->xy, p->dist, p->n, 2, out->neighbors, err);
    return s;
}

/* ---- tables ---- */

static void put_layout(struct tac_result *t, const struct tac_seen *x, const struct points *p,
                       const struct layout *l)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct tac_study_prompt *q = &x->st->prompt[p->l.at[i]];
        tac_result_row(t, "ttttzrr", l->name, q->key, x->st->task[q->task].name,
                       tac_kind_name(x->st, q->kind), q->index, l->xy[2 * i], l->xy[2 * i + 1]);
    }
}

static void put_quality(struct tac_result *t, const struct tac_seen *x, const struct points *p,
                        const struct layout *l)
{
    (void)x;
    tac_result_row(t, "tzrzrrr", l->name, p->n, l->trust, l->neighbors, l->stress, l->share, l->kl);
}

static enum tacit_status each_layout(struct tac_result *t, struct tac_seen *x,
                                     void (*put)(struct tac_result *, const struct tac_seen *,
                                                 const struct points *, const struct layout *),
                                     struct tacit_err *err)
{
    struct points p;
    enum tacit_status s = open_points(&p, x, err);
    for (size_t i = 0; !s && i < METHODS; i++) {
        struct layout l;
        if (!possible(i, &p))
            continue;
        s = lay_out(&l, &p, i, err);
        if (!s)
            put(t, x, &p, &l);
        free(l.xy);
    }
    release_points(&p);
    return s;
}

enum tacit_status tac_table_layout(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    return each_layout(t, x, put_layout, err);
}

enum tacit_status tac_table_layouts(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    return each_layout(t, x, put_quality, err);
}

/* ---- the way of training ---- */

/* The plane of two principal components: a component is the points weighted by their scores, over
 * the sum of the scores' squares. */
struct plane {
    double *mean, *axis; /* (d), (2,d) */
};

static enum tacit_status fit_plane(struct plane *out, const struct points *p, struct tacit_err *err)
{
    double ratio[2], square[2] = {0}, *xy = tac_alloc(p->n * 2, sizeof *xy, err);
    *out = (struct plane){tac_alloc(p->d, sizeof(double), err),
                          tac_alloc(2 * p->d, sizeof(double), err)};
    enum tacit_status s =
        xy && out->mean && out->axis ? tac_pca(xy, ratio, p->x, p->n, p->d, 2, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < p->n; i++) {
        square[0] += xy[2 * i] * xy[2 * i];
        square[1] += xy[2 * i + 1] * xy[2 * i + 1];
        for (size_t k = 0; k < p->d; k++)
            out->mean[k] += p->x[i * p->d + k] / (double)p->n;
    }
    for (size_t i = 0; !s && i < p->n; i++)
        for (size_t c = 0; c < 2; c++)
            for (size_t k = 0; square[c] > 0 && k < p->d; k++)
                out->axis[c * p->d + k] +=
                    xy[2 * i + c] * (p->x[i * p->d + k] - out->mean[k]) / square[c];
    free(xy);
    return s;
}

static void project(double xy[2], const struct plane *a, const float *rows, size_t d)
{
    for (size_t c = 0; c < 2; c++) {
        xy[c] = 0;
        for (size_t k = 0; k < d; k++)
            xy[c] += ((double)rows[k] - a->mean[k]) * a->axis[c * d + k];
    }
}

static enum tacit_status put_way(struct tac_result *t, const struct tac_seen *x, size_t prompt,
                                 const struct plane *a, size_t d, struct tacit_err *err)
{
    const struct tac_study_prompt *q = &x->st->prompt[prompt];
    struct tac_select r = tac_select_begin(
        &x->st->store.db, "SELECT epoch, data FROM epoch WHERE prompt = ? ORDER BY epoch", "t",
        q->key);
    while (tac_select_next(&r)) {
        size_t bytes;
        const float *rows = tac_select_blob(&r, 1, &bytes);
        double xy[2];
        if (!rows || bytes != d * sizeof *rows)
            continue;
        project(xy, a, rows, d);
        tac_result_row(t, "tzzrr", x->st->task[q->task].name, q->index,
                       (size_t)tac_select_int(&r, 0), xy[0], xy[1]);
    }
    return tac_select_end(&r, err);
}

enum tacit_status tac_table_trajectory(struct tac_result *t, struct tac_seen *x,
                                       struct tacit_err *err)
{
    struct points p;
    struct plane a = {0};
    enum tacit_status s = open_points(&p, x, err);
    bool some = !s && possible(0, &p);
    if (some)
        s = fit_plane(&a, &p, err);
    for (size_t i = 0; some && !s && i < p.n; i++)
        if (x->st->prompt[p.l.at[i]].kind == TAC_KIND_PROMPT)
            s = put_way(t, x, p.l.at[i], &a, p.d, err);
    free(a.mean);
    free(a.axis);
    release_points(&p);
    return s;
}
