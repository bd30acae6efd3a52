/* Units that look inside the model under a prompt. */
#include "study/work.h"

#include "format/json.h"
#include "interpret/neurons.h"
#include "interpret/verbalise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- neurons ---- */

/* The first test inputs of every task. */
static struct tac_query *common_inputs(const struct tacit_study *st, size_t *n,
                                       struct tacit_err *err)
{
    size_t each = st->spec.neurons.examples, count[TAC_STUDY_TASKS], at = 0;
    *n = 0;
    for (size_t t = 0; t < st->n_task; t++) {
        size_t all = tacit_examples_count(st->task[t].test);
        count[t] = each && each < all ? each : all;
        *n += count[t];
    }
    struct tac_query *q = tac_alloc(*n, sizeof *q, err);
    for (size_t t = 0; q && t < st->n_task; t++)
        for (size_t i = 0; i < count[t]; i++)
            q[at++] = tac_examples_query(st->task[t].test, i, 0);
    return q;
}

enum tacit_status tac_unit_neurons(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &w->m->model->c;
    size_t P, C, n, all = c->L * c->F;
    float *rows = NULL, *out = tac_alloc(all, sizeof *out, err);
    double *mean = tac_alloc(all, sizeof *mean, err);
    struct tac_query *q = common_inputs(w->st, &n, err);
    enum tacit_status s = mean && out && q ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = tac_store_rows(&w->st->store, &rows, &P, &C, w->st->prompt[w->u->a].key, err);
    if (!s)
        s = tac_neurons(mean, w->m->session, rows, P, q, n, err);
    for (size_t i = 0; !s && i < all; i++)
        out[i] = (float)mean[i];
    if (!s)
        s = tac_begin_unit(w, NULL, err);
    if (!s)
        s = tac_store_end(&w->st->store,
                          tac_store_vector(&w->st->store, w->u->key, "neurons", out, all, err),
                          err);
    free(rows);
    free(mean);
    free(out);
    free(q);
    return s;
}

/* ---- verbalisation ---- */

struct speech {
    struct tac_work *w;
    struct tac_ids frame;
    float *rows;
    size_t P, C, layers; /* layers: of the grid */
    int32_t *target, *said;
    double *logp;
};

/* The frame's last token with a question mark. */
static enum tacit_status find_place(size_t *place, const struct speech *x, struct tacit_err *err)
{
    for (size_t i = x->frame.n; i > 0; i--) {
        struct tac_buf text = {0};
        enum tacit_status s =
            tac_tokenizer_piece(x->w->m->tokenizer->t, &text, x->frame.id[i - 1], err);
        bool found = !s && text.len && memchr(text.data, '?', text.len);
        tac_buf_release(&text);
        if (s)
            return s;
        *place = i - 1;
        if (found)
            return TACIT_OK;
    }
    return tac_fail(err, TACIT_EINPUT, "the frame '%s' has no token with '?'",
                    x->w->st->spec.frame);
}

/* Words that the rows started from; of random rows the tokens that they are. */
static enum tacit_status find_targets(struct speech *x, const struct tac_study_prompt *p,
                                      struct tacit_err *err)
{
    struct tacit_model *m = x->w->m;
    return p->text ? tac_start_tokens(m, x->target, p->text, x->P, err)
                   : tac_nearest_tokens(m, x->target, x->rows, x->P, err);
}

static enum tacit_status speech_open(struct speech *x, struct tacit_err *err)
{
    const struct tac_study_prompt *p = &x->w->st->prompt[x->w->u->a];
    const char *frame = x->w->st->spec.frame;
    enum tacit_status s = tac_tokenizer_encode_as(x->w->m->tokenizer->t, &x->frame, frame,
                                                  strlen(frame), TACIT_TEXT_BEGINS, err);
    if (!s)
        s = tac_store_rows(&x->w->st->store, &x->rows, &x->P, &x->C, p->key, err);
    if (s)
        return s;
    x->layers = x->w->m->model->c.L + 1;
    size_t cells = x->P * x->layers * x->layers;
    x->target = tac_alloc(x->P, sizeof *x->target, err);
    x->said = tac_alloc(cells, sizeof *x->said, err);
    x->logp = tac_alloc(cells, sizeof *x->logp, err);
    return x->target && x->said && x->logp ? find_targets(x, p, err) : TACIT_EFAIL;
}

static void speech_release(struct speech *x)
{
    free(x->frame.id);
    free(x->rows);
    free(x->target);
    free(x->said);
    free(x->logp);
}

/* The most frequent of n ids, the first among equals. */
static int32_t commonest(const int32_t *id, size_t n, size_t step)
{
    int32_t best = id[0];
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t count = 0;
        for (size_t k = 0; k < n; k++)
            count += id[k * step] == id[i * step];
        if (count > most) {
            most = count;
            best = id[i * step];
        }
    }
    return best;
}

/* One cell of the grid: how often the model says the word, its mean log-probability, what it says
 * most often. */
static json_t *cell_json(const struct speech *x, size_t cell, struct tacit_err *err)
{
    size_t step = x->layers * x->layers;
    double hit = 0, logp = 0;
    struct tac_buf text = {0};
    int32_t id = commonest(x->said + cell, x->P, step);
    for (size_t i = 0; i < x->P; i++) {
        hit += x->said[i * step + cell] == x->target[i];
        logp += x->logp[i * step + cell];
    }
    json_t *v = NULL;
    if (!tac_buf_adds(&text, "", err) &&
        !tac_tokenizer_piece(x->w->m->tokenizer->t, &text, id, err))
        v = json_pack("{s:f, s:f, s:s}", "hit", hit / (double)x->P, "logp", logp / (double)x->P,
                      "said", text.data);
    tac_buf_release(&text);
    return v;
}

enum tacit_status tac_unit_verbalise(struct tac_work *w, struct tacit_err *err)
{
    struct speech x = {.w = w};
    struct tac_frame frame = {0};
    struct tac_score_options o = tac_score_options_public(w->progress);
    json_t *out = json_array();
    enum tacit_status s = out ? speech_open(&x, err) : tac_fail_memory(err, 0);
    if (!s)
        s = find_place(&frame.place, &x, err);
    frame.id = x.frame.id;
    frame.n = x.frame.n;
    if (!s)
        s = tac_verbalise(x.said, x.logp, w->m->session, x.rows, x.P, &frame, x.target, &o, err);
    for (size_t i = 0; !s && i < x.layers * x.layers; i++)
        if (json_array_append_new(out, cell_json(&x, i, err)))
            s = tac_fail_memory(err, 0);
    speech_release(&x);
    if (!s)
        return tac_put_result(w, out, err);
    json_decref(out);
    return s;
}
