#include "interpret/hubs.h"

#include "base/rng.h"
#include "interpret/space.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = TAC_SPACE_BLOCK, GROUP = TAC_SPACE_GROUP, STREAM_SAMPLE = 32 };

static size_t vocabulary_of(const struct tac_weights *w, size_t n_vocab)
{
    size_t V = w->model->c.V;
    return n_vocab && n_vocab < V ? n_vocab : V;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The rows that densities are taken among: all, or a sample without repetition, in order of ids. */
static int32_t *choose_references(size_t V, size_t *n, struct tacit_err *err)
{
    int32_t *id = tac_alloc(V, sizeof *id, err);
    size_t taken = 0;
    *n = V <= TAC_HUB_WHOLE ? V : TAC_HUB_SAMPLE;
    struct tac_rng rng = tac_rng_init(0, STREAM_SAMPLE);
    for (size_t i = 0; id && i < V && taken < *n; i++)
        if (*n == V || tac_rng_below(&rng, (uint32_t)(V - i)) < *n - taken)
            id[taken++] = (int32_t)i;
    return id;
}

/* The largest cosines of a row so far, descending. */
struct closest {
    float cosine[TAC_HUB_NEAREST];
    size_t n;
};

static void offer(struct closest *c, float cosine)
{
    if (c->n == TAC_HUB_NEAREST && !(cosine > c->cosine[TAC_HUB_NEAREST - 1]))
        return;
    size_t at = c->n < TAC_HUB_NEAREST ? c->n++ : TAC_HUB_NEAREST - 1;
    for (; at > 0 && cosine > c->cosine[at - 1]; at--)
        c->cosine[at] = c->cosine[at - 1];
    c->cosine[at] = cosine;
}

/* Holds all V rows, a group at a time (x (GROUP,C) is room), against the block of references id. */
static void hold_against(struct tac_space *s, struct closest *c, float *x, size_t V,
                         const int32_t *id, size_t rows)
{
    int32_t own[GROUP];
    tac_space_unit_rows(s, id, rows, s->block);
    for (size_t from = 0; from < V; from += GROUP) {
        size_t m = least(V - from, GROUP);
        for (size_t i = 0; i < m; i++)
            own[i] = (int32_t)(from + i);
        tac_space_unit_rows(s, own, m, x);
        tac_space_cosines(s, x, m, rows);
        for (size_t i = 0; i < m; i++)
            for (size_t k = 0; k < rows; k++)
                if (id[k] != own[i])
                    offer(&c[from + i], s->cosine[i * rows + k]);
    }
}

static double density(const struct closest *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += (double)c->cosine[i];
    return c->n ? sum / (double)c->n : 0;
}

enum tacit_status tac_hub_density(double *r, const struct tac_weights *w, size_t n_vocab,
                                  bool normed, struct tacit_err *err)
{
    struct tac_space s;
    size_t V = vocabulary_of(w, n_vocab), n;
    int32_t *reference = choose_references(V, &n, err);
    struct closest *c = tac_alloc(V, sizeof *c, err);
    float *x = tac_alloc(GROUP * w->model->c.C, sizeof *x, err);
    enum tacit_status st = tac_space_open(&s, w, normed, err);
    if (!st)
        st = reference && c && x ? tac_space_vocabulary(&s, err) : TACIT_EFAIL;
    for (size_t from = 0; !st && from < n; from += BLOCK)
        hold_against(&s, c, x, V, reference + from, least(n - from, BLOCK));
    for (size_t i = 0; !st && i < V; i++)
        r[i] = density(&c[i]);
    tac_space_close(&s);
    free(reference);
    free(c);
    free(x);
    return st;
}

static void offer_token(struct tac_hub_near *near, size_t k, struct tac_hub_near t)
{
    size_t at = k;
    for (; at > 0 && (near[at - 1].id < 0 || t.score > near[at - 1].score); at--)
        if (at < k)
            near[at] = near[at - 1];
    if (at < k)
        near[at] = t;
}

/* The best tokens of n unit vectors x (n,C) among the first V rows. */
static void read_tokens(struct tac_space *s, struct tac_hub_near *near, const double *r,
                        const float *x, size_t n, size_t k, size_t V)
{
    int32_t id[BLOCK];
    for (size_t from = 0; from < V; from += BLOCK) {
        size_t rows = least(V - from, BLOCK);
        for (size_t i = 0; i < rows; i++)
            id[i] = (int32_t)(from + i);
        tac_space_unit_rows(s, id, rows, s->block);
        for (size_t g = 0; g < n; g += GROUP) {
            size_t m = least(n - g, GROUP);
            tac_space_cosines(s, x + g * s->C, m, rows);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < rows; j++) {
                    double cosine = (double)s->cosine[i * rows + j];
                    struct tac_hub_near t = {id[j], 2 * cosine - r[from + j], cosine};
                    offer_token(near + (g + i) * k, k, t);
                }
        }
    }
}

enum tacit_status tac_hub_nearest(struct tac_hub_near *near, const struct tac_weights *w,
                                  const double *r, const float *vectors, size_t n, size_t k,
                                  size_t n_vocab, bool normed, struct tacit_err *err)
{
    struct tac_space s;
    size_t C = w->model->c.C;
    float *x = tac_alloc(n * C, sizeof *x, err);
    enum tacit_status st = tac_space_open(&s, w, normed, err);
    if (!st)
        st = x ? tac_space_vocabulary(&s, err) : TACIT_EFAIL;
    for (size_t i = 0; i < n * k; i++)
        near[i] = (struct tac_hub_near){.id = -1};
    if (!st) {
        memcpy(x, vectors, n * C * sizeof *x);
        tac_space_enter(&s, x, n);
        tac_to_unit(x, n, C);
        read_tokens(&s, near, r, x, n, k, vocabulary_of(w, n_vocab));
    }
    tac_space_close(&s);
    free(x);
    return st;
}
