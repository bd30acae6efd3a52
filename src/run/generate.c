#include "run/generate.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { STREAM_SAMPLE = 21 };

struct candidate {
    double p;
    int32_t id;
};

/* A text being written: its cache, the logits of its last row, scratch for sampling. */
struct writer {
    struct tac_session *s;
    const struct tac_ports *ports;
    struct tac_kv_store cache;
    float *logits;
    double lse; /* their log-sum-exp */
    struct candidate *order;
    struct tac_rng rng;
};

static int by_probability(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->p != y->p)
        return x->p > y->p ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t largest(const float *logits, size_t V)
{
    size_t best = 0;
    for (size_t i = 1; i < V; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* Draws among the candidates that top_k and top_p leave. */
static int32_t draw(struct writer *w, size_t V, double max, const struct tac_generate_options *o)
{
    double total = 0, kept = 0, at;
    size_t n = o->top_k && o->top_k < V ? o->top_k : V, k = 0;
    for (size_t i = 0; i < V; i++) {
        w->order[i] =
            (struct candidate){exp(((double)w->logits[i] - max) / o->temperature), (int32_t)i};
        total += w->order[i].p;
    }
    qsort(w->order, V, sizeof *w->order, by_probability);
    while (k < n && (k == 0 || kept < o->top_p * total))
        kept += w->order[k++].p;
    at = tac_rng_uniform(&w->rng) * kept;
    for (size_t i = 0; i + 1 < k; i++) {
        if (at < w->order[i].p)
            return w->order[i].id;
        at -= w->order[i].p;
    }
    return w->order[k - 1].id;
}

static int32_t pick_token(struct writer *w, const struct tac_generate_options *o, double *logprob)
{
    size_t V = w->s->weights->model->c.V, best = largest(w->logits, V);
    double max = (double)w->logits[best];
    int32_t id = o->temperature > 0 ? draw(w, V, max, o) : (int32_t)best;
    *logprob = (double)(float)((double)w->logits[id] - w->lse);
    return id;
}

/* Runs rows behind the cache, which grows by them; leaves the logits of the last. */
static enum tacit_status run_rows(struct writer *w, const int32_t *src, size_t n,
                                  struct tacit_err *err)
{
    struct tac_kv_store *cache = &w->cache;
    bool cached = cache->len > 0;
    struct tac_seq seq = {.src = src, .n = n, .keep = n, .root = cached ? 0 : -1};
    struct tac_root root = {.kv = cache};
    struct tac_job job = {.seq = &seq,
                          .n = 1,
                          .ports = w->ports,
                          .root = &root,
                          .n_root = cached,
                          .capture = cache,
                          .logits = w->logits,
                          .lse = &w->lse};
    return tac_session_run(w->s, &job, err);
}

static bool is_stop(const struct tac_generate_options *o, int32_t id)
{
    for (size_t i = 0; i < o->n_stop; i++)
        if (o->stop[i] == id)
            return true;
    return false;
}

/* Runs the text; *tokens, how many are to be written, becomes what the model has places for: the
 * last one needs none. */
static enum tacit_status start(struct writer *w, const struct tac_prefix *prefix,
                               const int32_t *ids, size_t n, size_t *tokens, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &w->s->weights->model->c;
    size_t kept = w->ports->kv ? w->ports->kv->len : 0, own = kept + prefix->n,
           longest = tac_session_longest(w->s);
    struct tac_query q = {.ctx = ids, .n_ctx = n};
    struct tac_seq seq;
    struct tac_arena a = {0};
    if (prefix->n + n == 0)
        return tac_fail(err, TACIT_EINPUT, "there is neither a prompt nor a text to continue");
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= c->V)
            return tac_fail(err, TACIT_EINPUT, "token id %d is outside the vocabulary of %zu rows",
                            ids[i], c->V);
    enum tacit_status st = tac_session_fits(w->s, own + n, own, "the text to continue", err);
    if (st)
        return st;
    *tokens = *tokens > longest - own - n + 1 ? longest - own - n + 1 : *tokens;
    w->logits = tac_alloc(c->V, sizeof *w->logits, err);
    w->order = tac_alloc(c->V, sizeof *w->order, err);
    st = w->logits && w->order ? TACIT_OK : TACIT_EFAIL;
    if (!st)
        st = tac_query_sequence(&seq, &a, prefix, &q, 1, 0, err);
    if (!st)
        st = tac_kv_store_init(&w->cache, c, w->s->weights->be, kept + seq.n + *tokens, err);
    if (!st && kept)
        st = tac_kv_store_append(&w->cache, w->ports->kv, c, w->s->weights->be, err);
    if (!st)
        st = run_rows(w, seq.src, seq.n, err);
    tac_arena_release(&a);
    return st;
}

enum tacit_status tac_generate(struct tac_session *s, const struct tac_ports *ports,
                               const struct tac_prefix *prefix, const int32_t *ids, size_t n,
                               const struct tac_generate_options *o,
                               int (*on_token)(void *ctx, int32_t id, double logprob), void *ctx,
                               struct tacit_err *err)
{
    struct writer w = {.s = s, .ports = ports, .rng = tac_rng_init(o->seed, STREAM_SAMPLE)};
    size_t tokens = o->max_tokens;
    enum tacit_status st = start(&w, prefix, ids, n, &tokens, err);
    for (size_t i = 0; !st && i < tokens; i++) {
        double logprob;
        int32_t id = pick_token(&w, o, &logprob);
        if (on_token(ctx, id, logprob) || is_stop(o, id))
            break;
        if (i + 1 < tokens)
            st = run_rows(&w, &id, 1, err);
    }
    tac_kv_store_release(&w.cache, s->weights->be);
    free(w.logits);
    free(w.order);
    return st;
}
