/* The unit behind "is that more than chance": what a prompt's corrected readout names, beside what
 * many drift-matched perturbations of its start name. */
#include "study/work.h"

#include "format/json.h"
#include "interpret/hubs.h"
#include "interpret/perturb.h"

#include <stdlib.h>
#include <string.h>

enum { NULLS = 99, FIRST_SEED = 1000 };

struct null_test {
    struct tac_work *w;
    float *trained, *start;
    float *rows;               /* (1 + NULLS, P, C): the prompt, its perturbations */
    struct tac_hub_near *near; /* (1 + NULLS, P, k) */
    const double *density;     /* the study's */
    size_t P, C, k, vocab;
};

/* The same for every prompt, and with a large vocabulary most of the work: the first unit makes it.
 */
static enum tacit_status share_density(struct null_test *t, struct tacit_err *err)
{
    struct tacit_study *st = t->w->st;
    enum tacit_status s = TACIT_OK;
    pthread_mutex_lock(&st->density_mutex);
    if (!st->density) {
        double *density = tac_alloc(t->vocab, sizeof *density, err);
        s = density ? tac_hub_density(density, t->w->m->weights, t->vocab, false, err)
                    : TACIT_EFAIL;
        if (s)
            free(density);
        else
            st->density = density;
    }
    t->density = st->density;
    pthread_mutex_unlock(&st->density_mutex);
    return s;
}

static enum tacit_status null_open(struct null_test *t, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &t->w->st->prompt[t->w->u->a];
    size_t P, C;
    t->k = t->w->st->spec.neighbors;
    t->vocab = tacit_tokenizer_size(t->w->m->tokenizer);
    enum tacit_status s = tac_store_rows(&t->w->st->store, &t->trained, &t->P, &t->C, p->key, err);
    if (!s)
        s = tac_store_rows(&t->w->st->store, &t->start, &P, &C, t->w->st->prompt[t->w->u->b].key,
                           err);
    if (s)
        return s;
    TAC_CHECK(P == t->P && C == t->C);
    t->rows = tac_alloc((1 + NULLS) * P * C, sizeof *t->rows, err);
    t->near = tac_alloc((1 + NULLS) * P * t->k, sizeof *t->near, err);
    return t->rows && t->near ? share_density(t, err) : TACIT_EFAIL;
}

static void null_release(struct null_test *t)
{
    free(t->trained);
    free(t->start);
    free(t->rows);
    free(t->near);
}

static int by_id(const void *a, const void *b)
{
    const struct tac_hub_near *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Appends the different tokens among the n nearest of all places of one prompt, ascending. */
static bool name_tokens(json_t *out, struct tac_hub_near *near, size_t n)
{
    json_t *ids = json_array();
    bool ok = ids != NULL;
    qsort(near, n, sizeof *near, by_id);
    for (size_t i = 0; ok && i < n; i++)
        if (near[i].id >= 0 && (i == 0 || near[i].id != near[i - 1].id))
            ok = !json_array_append_new(ids, json_integer(near[i].id));
    return ok && !json_array_append_new(out, ids);
}

/* The prompt, then its perturbations, behind each other: the vocabulary is gone through once for
 * all of them. */
static enum tacit_status set_rows(struct null_test *t, struct tacit_err *err)
{
    size_t n = t->P * t->C, short_rows;
    enum tacit_status s = TACIT_OK;
    memcpy(t->rows, t->trained, n * sizeof *t->rows);
    for (uint64_t i = 0; !s && i < NULLS; i++) {
        s = tac_go_on(t->w, i, NULLS, err);
        if (!s)
            s = tac_perturb_matched(t->rows + (1 + i) * n, &short_rows, t->w->m->weights, t->start,
                                    t->trained, t->P, FIRST_SEED + i, err);
    }
    return s;
}

/* First the prompt's own tokens, then each perturbation's. */
enum tacit_status tac_unit_null(struct tac_work *w, struct tacit_err *err)
{
    struct null_test t = {.w = w};
    json_t *out = json_array();
    enum tacit_status s = out ? null_open(&t, err) : tac_fail_memory(err, 0);
    if (!s)
        s = set_rows(&t, err);
    if (!s)
        s = tac_hub_nearest(t.near, w->m->weights, t.density, t.rows, (1 + NULLS) * t.P, t.k,
                            t.vocab, false, err);
    for (size_t i = 0, n = t.P * t.k; !s && i <= NULLS; i++)
        s = name_tokens(out, t.near + i * n, n) ? TACIT_OK : tac_fail_memory(err, 0);
    null_release(&t);
    if (!s)
        return tac_put_result(w, out, err);
    json_decref(out);
    return s;
}
