#include "interpret/nearest.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 2048, GROUP = 512, STREAM_CONTROL = 31 };

/* Where cosines are taken: the vocabulary's rows as unit vectors, block by block. */
struct space {
    const struct tac_weights *w;
    size_t V, C, k;
    float *gain, *bias; /* of the embedding norm; NULL: rows as stored */
    float *block;       /* (BLOCK, C) unit rows */
    void *be_block, *be_x, *be_y;
    float *cosine; /* (GROUP, BLOCK) */
};

/* The best k so far of one vector, and how many rows lie above a bar. */
struct finder {
    int32_t *id;
    double *cosine;
    size_t found, above;
    double bar;
};

static double length(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static void embed_norm(const struct space *s, float *x)
{
    double mean = 0, var = 0, eps = s->w->model->c.eps;
    for (size_t c = 0; c < s->C; c++)
        mean += (double)x[c];
    mean /= (double)s->C;
    for (size_t c = 0; c < s->C; c++)
        var += ((double)x[c] - mean) * ((double)x[c] - mean);
    double rstd = 1.0 / sqrt(var / (double)s->C + eps);
    for (size_t c = 0; c < s->C; c++)
        x[c] = (float)(((double)x[c] - mean) * rstd * (double)s->gain[c] + (double)s->bias[c]);
}

/* Takes vectors into the space, as they are in length. */
static void enter(const struct space *s, float *x, size_t n)
{
    for (size_t i = 0; s->gain && i < n; i++)
        embed_norm(s, x + i * s->C);
}

static void to_unit(float *x, size_t n, size_t C)
{
    for (size_t i = 0; i < n; i++) {
        double len = length(x + i * C, C);
        for (size_t c = 0; len > 0 && c < C; c++)
            x[i * C + c] = (float)((double)x[i * C + c] / len);
    }
}

static void space_close(struct space *s)
{
    const struct tac_ops *op = s->w->be->ops;
    op->release(s->w->be, s->be_block);
    op->release(s->w->be, s->be_x);
    op->release(s->w->be, s->be_y);
    free(s->gain);
    free(s->bias);
    free(s->block);
    free(s->cosine);
}

static enum tacit_status space_open(struct space *s, const struct tac_weights *w,
                                    const struct tac_near_options *o, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &w->model->c;
    struct tac_backend *be = w->be;
    *s =
        (struct space){.w = w, .C = c->C, .V = o->n_vocab && o->n_vocab < c->V ? o->n_vocab : c->V};
    s->k = o->k < 2 ? 2 : o->k;
    if (s->k > s->V)
        s->k = s->V;
    if (o->normed && c->embed_norm) {
        s->gain = tac_alloc(c->C, sizeof *s->gain, err);
        s->bias = tac_alloc(c->C, sizeof *s->bias, err);
        if (!s->gain || !s->bias)
            return TACIT_EFAIL;
        be->ops->download(be, s->gain, w->param[TAC_P_EMBED_G].v, c->C);
        be->ops->download(be, s->bias, w->param[TAC_P_EMBED_B].v, c->C);
    }
    s->block = tac_alloc((size_t)BLOCK * c->C, sizeof *s->block, err);
    s->cosine = tac_alloc((size_t)GROUP * BLOCK, sizeof *s->cosine, err);
    s->be_block = be->ops->alloc(be, (size_t)BLOCK * c->C * be->real_size);
    s->be_x = be->ops->alloc(be, (size_t)GROUP * c->C * be->real_size);
    s->be_y = be->ops->alloc(be, (size_t)GROUP * BLOCK * be->real_size);
    if (!s->block || !s->cosine)
        return TACIT_EFAIL;
    if (!s->be_block || !s->be_x || !s->be_y)
        return tac_fail_memory(err, (size_t)GROUP * BLOCK * be->real_size);
    return TACIT_OK;
}

static void read_unit_rows(struct space *s, const int32_t *idx, size_t n, float *out)
{
    tac_weights_read_rows(s->w, TAC_P_EMBED, idx, n, out);
    enter(s, out, n);
    to_unit(out, n, s->C);
}

/* cosine (n, rows) of unit vectors x against the rows in s->block. */
static void cosines(struct space *s, const float *x, size_t n, size_t rows)
{
    struct tac_backend *be = s->w->be;
    struct tac_weight e = {s->be_block, TAC_W_REAL, rows, s->C};
    be->ops->upload(be, s->be_block, s->block, rows * s->C);
    be->ops->upload(be, s->be_x, x, n * s->C);
    be->ops->matmul(be, s->be_y, s->be_x, &e, NULL, NULL, n);
    be->ops->sync(be);
    be->ops->download(be, s->cosine, s->be_y, n * rows);
}

static void offer(struct finder *f, size_t k, int32_t id, double cosine)
{
    f->above += cosine > f->bar;
    if (f->found == k && !(cosine > f->cosine[k - 1]))
        return;
    size_t at = f->found < k ? f->found++ : k - 1;
    for (; at > 0 && cosine > f->cosine[at - 1]; at--) {
        f->cosine[at] = f->cosine[at - 1];
        f->id[at] = f->id[at - 1];
    }
    f->cosine[at] = cosine;
    f->id[at] = id;
}

/* The k nearest rows of each of n unit vectors. */
static void search(struct space *s, struct finder *f, const float *x, size_t n)
{
    int32_t idx[BLOCK];
    for (size_t from = 0; from < s->V; from += BLOCK) {
        size_t rows = s->V - from < BLOCK ? s->V - from : BLOCK;
        for (size_t i = 0; i < rows; i++)
            idx[i] = (int32_t)(from + i);
        read_unit_rows(s, idx, rows, s->block);
        for (size_t g = 0; g < n; g += GROUP) {
            size_t m = n - g < GROUP ? n - g : GROUP;
            cosines(s, x + g * s->C, m, rows);
            for (size_t i = 0; i < m; i++)
                for (size_t r = 0; r < rows; r++)
                    offer(&f[g + i], s->k, (int32_t)(from + r), (double)s->cosine[i * rows + r]);
        }
    }
}

static enum tacit_status finders_init(struct finder *f, struct tac_arena *a, size_t n, size_t k,
                                      struct tacit_err *err)
{
    for (size_t i = 0; i < n; i++) {
        f[i] = (struct finder){.bar = (double)INFINITY};
        f[i].id = tac_arena_alloc(a, k, sizeof *f[i].id, err);
        f[i].cosine = tac_arena_alloc(a, k, sizeof *f[i].cosine, err);
        if (!f[i].id || !f[i].cosine)
            return TACIT_EFAIL;
    }
    return TACIT_OK;
}

/* A real row turned by a random direction until its cosine to itself is c. */
static void make_control(struct space *s, float *out, double c, struct tac_rng *rng)
{
    int32_t id = (int32_t)tac_rng_below(rng, (uint32_t)s->V);
    float *row = s->block;
    double along = 0, len = 0;
    read_unit_rows(s, &id, 1, row);
    for (size_t i = 0; i < s->C; i++) {
        out[i] = (float)tac_rng_normal(rng);
        along += (double)out[i] * (double)row[i];
    }
    for (size_t i = 0; i < s->C; i++) {
        out[i] = (float)((double)out[i] - along * (double)row[i]);
        len += (double)out[i] * (double)out[i];
    }
    double side = len > 0 ? sqrt(fmax(0, 1 - c * c) / len) : 0;
    for (size_t i = 0; i < s->C; i++)
        out[i] = (float)(c * (double)row[i] + side * (double)out[i]);
}

static double z_score(double margin, const struct finder *control, size_t m)
{
    double mean = 0, var = 0;
    if (m < 2)
        return (double)NAN;
    for (size_t i = 0; i < m; i++)
        mean += (control[i].cosine[0] - control[i].cosine[1]) / (double)m;
    for (size_t i = 0; i < m; i++) {
        double d = control[i].cosine[0] - control[i].cosine[1] - mean;
        var += d * d / (double)(m - 1);
    }
    return var > 0 ? (margin - mean) / sqrt(var) : (double)NAN;
}

static enum tacit_status add_controls(struct space *s, struct tac_near *near, size_t n,
                                      const struct tac_near_options *o, struct tacit_err *err)
{
    size_t m = o->controls, total = n * m;
    struct tac_arena a = {0};
    struct finder *f = tac_alloc(total, sizeof *f, err);
    float *x = tac_alloc(total * s->C, sizeof *x, err);
    enum tacit_status st = f && x ? finders_init(f, &a, total, s->k, err) : TACIT_EFAIL;
    struct tac_rng rng = tac_rng_init(o->seed, STREAM_CONTROL);
    for (size_t i = 0; !st && i < total; i++)
        make_control(s, x + i * s->C, fmax(0, fmin(1, near[i / m].cosine[0])), &rng);
    if (!st && total) {
        to_unit(x, total, s->C);
        search(s, f, x, total);
    }
    for (size_t i = 0; !st && i < n; i++)
        near[i].z = z_score(near[i].margin, f + i * m, m);
    tac_arena_release(&a);
    free(f);
    free(x);
    return st;
}

/* Drift of a vector (in the space, not yet a unit) from its init row, and the init's cosine as the
 * search sees it. */
static void hold_against_init(struct space *s, struct tac_near *near, const float *x, int32_t init)
{
    near->drift = near->drift_ratio = near->init_cosine = (double)NAN;
    if (init < 0)
        return;
    double sum = 0;
    tac_weights_read_rows(s->w, TAC_P_EMBED, &init, 1, s->block);
    enter(s, s->block, 1);
    for (size_t c = 0; c < s->C; c++) {
        double d = (double)x[c] - (double)s->block[c];
        sum += d * d;
    }
    near->drift = sqrt(sum);
    near->drift_ratio = near->drift / length(s->block, s->C);
}

static void set_bar(struct space *s, struct finder *f, struct tac_near *near, const float *unit,
                    int32_t init)
{
    if (init < 0)
        return;
    read_unit_rows(s, &init, 1, s->block);
    cosines(s, unit, 1, 1);
    near->init_cosine = f->bar = (double)s->cosine[0];
}

enum tacit_status tac_nearest(struct tac_near *near, struct tac_arena *arena,
                              const struct tac_weights *w, const float *vectors,
                              const int32_t *init, size_t n, const struct tac_near_options *o,
                              struct tacit_err *err)
{
    struct space s;
    struct finder *f = tac_alloc(n, sizeof *f, err);
    size_t C = w->model->c.C;
    float *x = tac_alloc(n * C, sizeof *x, err);
    enum tacit_status st = space_open(&s, w, o, err);
    if (!st)
        st = f && x ? finders_init(f, arena, n, s.k, err) : TACIT_EFAIL;
    if (st)
        goto out;
    memcpy(x, vectors, n * C * sizeof *x);
    enter(&s, x, n);
    for (size_t i = 0; i < n; i++)
        hold_against_init(&s, &near[i], x + i * C, init ? init[i] : -1);
    to_unit(x, n, C);
    for (size_t i = 0; i < n; i++)
        set_bar(&s, &f[i], &near[i], x + i * C, init ? init[i] : -1);
    search(&s, f, x, n);
    for (size_t i = 0; i < n; i++) {
        near[i].id = f[i].id;
        near[i].cosine = f[i].cosine;
        near[i].margin = s.k > 1 ? f[i].cosine[0] - f[i].cosine[1] : (double)NAN;
        near[i].init_rank = init && init[i] >= 0 ? f[i].above + 1 : 0;
    }
    st = add_controls(&s, near, n, o, err);
out:
    space_close(&s);
    free(f);
    free(x);
    return st;
}
