/* The unit behind "is that more than chance": what a prompt's corrected readout names, beside what
 * many drift-matched perturbations of its start name. */
#include "study/work.h"

#include "format/json.h"
#include "interpret/hubs.h"
#include "interpret/perturb.h"

#include <stdlib.h>

enum { NULLS = 99, FIRST_SEED = 1000 };

struct null_test {
    struct tac_work *w;
    float *trained, *start, *moved;
    struct tac_hub_near *near; /* (P,k) */
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
    t->moved = tac_alloc(P * C, sizeof *t->moved, err);
    t->near = tac_alloc(P * t->k, sizeof *t->near, err);
    return t->moved && t->near ? share_density(t, err) : TACIT_EFAIL;
}

static void null_release(struct null_test *t)
{
    free(t->trained);
    free(t->start);
    free(t->moved);
    free(t->near);
}

static int by_id(const void *a, const void *b)
{
    const struct tac_hub_near *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The different tokens among the k nearest of all places, ascending. */
static enum tacit_status name_tokens(json_t *out, struct null_test *t, const float *rows,
                                     struct tacit_err *err)
{
    json_t *ids = json_array();
    size_t n = t->P * t->k;
    enum tacit_status s = tac_hub_nearest(t->near, t->w->m->weights, t->density, rows, t->P, t->k,
                                          t->vocab, false, err);
    bool ok = !s && ids;
    qsort(t->near, n, sizeof *t->near, by_id);
    for (size_t i = 0; ok && i < n; i++)
        if (t->near[i].id >= 0 && (i == 0 || t->near[i].id != t->near[i - 1].id))
            ok = !json_array_append_new(ids, json_integer(t->near[i].id));
    if (ok)
        ok = !json_array_append(out, ids);
    json_decref(ids);
    return s ? s : ok ? TACIT_OK : tac_fail_memory(err, 0);
}

/* First the prompt's own tokens, then each perturbation's. */
enum tacit_status tac_unit_null(struct tac_work *w, struct tacit_err *err)
{
    struct null_test t = {.w = w};
    json_t *out = json_array();
    size_t short_rows;
    enum tacit_status s = out ? null_open(&t, err) : tac_fail_memory(err, 0);
    if (!s)
        s = name_tokens(out, &t, t.trained, err);
    for (uint64_t i = 0; !s && i < NULLS; i++) {
        s = tac_go_on(w, i, NULLS, err);
        if (s)
            break;
        s = tac_perturb_matched(t.moved, &short_rows, w->m->weights, t.start, t.trained, t.P,
                                FIRST_SEED + i, err);
        if (!s)
            s = name_tokens(out, &t, t.moved, err);
    }
    null_release(&t);
    if (!s)
        return tac_put_result(w, out, err);
    json_decref(out);
    return s;
}
