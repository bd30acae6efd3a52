#include "interpret/nearest.h"

#include "base/rng.h"
#include "interpret/space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = TAC_SPACE_BLOCK, GROUP = TAC_SPACE_GROUP, STREAM_CONTROL = 31 };

/* Where cosines are taken, against the first V rows of the vocabulary. */
struct search {
    struct tac_space space;
    size_t V, C, k;
};

/* The best k so far of one vector, and how many rows lie above a bar. */
struct finder {
    int32_t *id;
    double *cosine;
    size_t found, above;
    double bar;
};

static enum tacit_status search_open(struct search *s, const struct tac_weights *w,
                                     const struct tac_near_options *o, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &w->model->c;
    *s = (struct search){.C = c->C, .V = o->n_vocab && o->n_vocab < c->V ? o->n_vocab : c->V};
    s->k = o->k < 2 ? 2 : o->k;
    if (s->k > s->V)
        s->k = s->V;
    enum tacit_status st = tac_space_open(&s->space, w, o->normed, err);
    return st ? st : tac_space_vocabulary(&s->space, err);
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
static void find_nearest(struct search *s, struct finder *f, const float *x, size_t n)
{
    int32_t idx[BLOCK];
    for (size_t from = 0; from < s->V; from += BLOCK) {
        size_t rows = s->V - from < BLOCK ? s->V - from : BLOCK;
        for (size_t i = 0; i < rows; i++)
            idx[i] = (int32_t)(from + i);
        tac_space_unit_rows(&s->space, idx, rows, s->space.block);
        for (size_t g = 0; g < n; g += GROUP) {
            size_t m = n - g < GROUP ? n - g : GROUP;
            tac_space_cosines(&s->space, x + g * s->C, m, rows);
            for (size_t i = 0; i < m; i++)
                for (size_t r = 0; r < rows; r++)
                    offer(&f[g + i], s->k, (int32_t)(from + r),
                          (double)s->space.cosine[i * rows + r]);
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
static void make_control(struct search *s, float *out, double c, struct tac_rng *rng)
{
    int32_t id = (int32_t)tac_rng_below(rng, (uint32_t)s->V);
    float *row = s->space.block;
    double along = 0, len = 0;
    tac_space_unit_rows(&s->space, &id, 1, row);
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

static enum tacit_status add_controls(struct search *s, struct tac_near *near, size_t n,
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
        tac_to_unit(x, total, s->C);
        find_nearest(s, f, x, total);
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
static void hold_against_init(struct search *s, struct tac_near *near, const float *x, int32_t init)
{
    near->drift = near->drift_ratio = near->init_cosine = (double)NAN;
    if (init < 0)
        return;
    double sum = 0;
    tac_weights_read_rows(s->space.w, TAC_P_EMBED, &init, 1, s->space.block);
    tac_space_enter(&s->space, s->space.block, 1);
    for (size_t c = 0; c < s->C; c++) {
        double d = (double)x[c] - (double)s->space.block[c];
        sum += d * d;
    }
    near->drift = sqrt(sum);
    near->drift_ratio = near->drift / tac_length(s->space.block, s->C);
}

static void set_bar(struct search *s, struct finder *f, struct tac_near *near, const float *unit,
                    int32_t init)
{
    if (init < 0)
        return;
    tac_space_unit_rows(&s->space, &init, 1, s->space.block);
    tac_space_cosines(&s->space, unit, 1, 1);
    near->init_cosine = f->bar = (double)s->space.cosine[0];
}

enum tacit_status tac_nearest(struct tac_near *near, struct tac_arena *arena,
                              const struct tac_weights *w, const float *vectors,
                              const int32_t *init, size_t n, const struct tac_near_options *o,
                              struct tacit_err *err)
{
    struct search s;
    struct finder *f = tac_alloc(n, sizeof *f, err);
    size_t C = w->model->c.C;
    float *x = tac_alloc(n * C, sizeof *x, err);
    enum tacit_status st = search_open(&s, w, o, err);
    if (!st)
        st = f && x ? finders_init(f, arena, n, s.k, err) : TACIT_EFAIL;
    if (st)
        goto out;
    memcpy(x, vectors, n * C * sizeof *x);
    tac_space_enter(&s.space, x, n);
    for (size_t i = 0; i < n; i++)
        hold_against_init(&s, &near[i], x + i * C, init ? init[i] : -1);
    tac_to_unit(x, n, C);
    for (size_t i = 0; i < n; i++)
        set_bar(&s, &f[i], &near[i], x + i * C, init ? init[i] : -1);
    find_nearest(&s, f, x, n);
    for (size_t i = 0; i < n; i++) {
        near[i].id = f[i].id;
        near[i].cosine = f[i].cosine;
        near[i].margin = s.k > 1 ? f[i].cosine[0] - f[i].cosine[1] : (double)NAN;
        near[i].init_rank = init && init[i] >= 0 ? f[i].above + 1 : 0;
    }
    st = add_controls(&s, near, n, o, err);
out:
    tac_space_close(&s.space);
    free(f);
    free(x);
    return st;
}
