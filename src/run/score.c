#include "run/score.h"

#include "run/fronts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tacit_status tac_prefix_soft(struct tac_prefix *p, size_t P, struct tacit_err *err)
{
    *p = (struct tac_prefix){.n = P};
    p->src = tac_alloc(P, sizeof *p->src, err);
    for (size_t i = 0; p->src && i < P; i++)
        p->src[i] = -1 - (int32_t)i;
    return p->src ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tac_prefix_tokens(struct tac_prefix *p, const int32_t *ids, size_t n,
                                    struct tacit_err *err)
{
    *p = (struct tac_prefix){.n = n};
    p->src = tac_alloc(n, sizeof *p->src, err);
    if (!p->src)
        return TACIT_EFAIL;
    if (n)
        memcpy(p->src, ids, n * sizeof *ids);
    return TACIT_OK;
}

void tac_prefix_release(struct tac_prefix *p)
{
    free(p->src);
    *p = (struct tac_prefix){0};
}

struct tac_score_options tac_score_options_default(void)
{
    return (struct tac_score_options){.batch_rows = 2048};
}

size_t tac_query_at(const struct tac_prefix *prefix, const struct tac_query *q)
{
    size_t n = prefix->n_begin;
    size_t at = prefix->place == TAC_PLACE_FRONT ? 0
                : prefix->place == TAC_PLACE_END ? q->n_ctx
                                                 : q->at;
    bool behind = at < n && q->n_ctx >= n && !memcmp(q->ctx, prefix->begin, n * sizeof *q->ctx);
    return behind ? n : at;
}

static int32_t *put(int32_t *to, const int32_t *ids, size_t from, size_t end)
{
    if (end > from)
        memcpy(to, ids + from, (end - from) * sizeof *to);
    return to + (end - from);
}

enum tacit_status tac_query_sequence(struct tac_seq *out, struct tac_arena *a,
                                     const struct tac_prefix *prefix, const struct tac_query *q,
                                     float weight, uint32_t item, struct tacit_err *err)
{
    size_t before = prefix->n + q->n_ctx, n = before + q->n_target, at = tac_query_at(prefix, q);
    int32_t *src = tac_arena_alloc(a, n, sizeof *src, err);
    struct tac_mark *mark = tac_arena_alloc(a, q->n_target, sizeof *mark, err);
    if (!src || !mark)
        return TACIT_EFAIL;
    int32_t *to = put(src, q->ctx, 0, at);
    to = put(to, prefix->src, 0, prefix->n);
    to = put(to, q->ctx, at, q->n_ctx);
    put(to, q->target, 0, q->n_target);
    size_t m = 0;
    for (size_t i = 0; i < q->n_target; i++) {
        float w = q->weight ? q->weight[i] : 1;
        if (w != 0)
            mark[m] =
                (struct tac_mark){before + i - 1, q->target[i], weight * w, item + (uint32_t)m};
        m += w != 0;
    }
    *out = (struct tac_seq){.src = src, .n = n, .mark = mark, .n_mark = m, .root = -1};
    return TACIT_OK;
}

/* What queries are run under, and how many of them there are. */
struct under {
    const struct tac_ports *ports;
    const struct tac_prefix *prefix;
    size_t n;
    struct tac_fronts fronts; /* none while it is zeroed */
};

static struct under under_of(const struct tac_ports *ports, const struct tac_prefix *prefix,
                             const struct tac_query *query, size_t n)
{
    struct under u = {.ports = ports, .prefix = prefix, .n = 1};
    for (size_t i = 0; i < n; i++)
        u.n = query[i].under >= u.n ? query[i].under + 1 : u.n;
    return u;
}

size_t tac_query_own(const struct tac_ports *ports, const struct tac_prefix *prefix)
{
    return prefix->n + (ports->kv ? ports->kv->len : 0);
}

enum tacit_status tac_query_fits(const struct tac_session *s, const struct tac_query *q, size_t own,
                                 const char *what, struct tacit_err *err)
{
    size_t n = own + q->n_ctx + q->n_target;
    return q->n_target ? tac_session_fits(s, n - 1, own, what, err) : TACIT_OK;
}

static enum tacit_status check_query(const struct tac_session *s, const struct tac_ports *ports,
                                     const struct tac_prefix *prefix, const struct tac_query *q,
                                     size_t i, struct tacit_err *err)
{
    size_t V = s->weights->model->c.V;
    char what[32];
    snprintf(what, sizeof what, "item %zu", i);
    if (q->n_target && prefix->n + q->n_ctx == 0)
        return tac_fail(
            err, TACIT_EINPUT,
            "item %zu: its first target token has no token before it to be predicted from", i);
    if (q->at > q->n_ctx)
        return tac_fail(err, TACIT_EINPUT,
                        "item %zu: the prompt stands behind %zu tokens of a text of %zu", i, q->at,
                        q->n_ctx);
    for (size_t k = 0; k < q->n_ctx + q->n_target; k++) {
        int32_t id = k < q->n_ctx ? q->ctx[k] : q->target[k - q->n_ctx];
        if (id < 0 || (size_t)id >= V)
            return tac_fail(err, TACIT_EINPUT,
                            "item %zu: token id %d is outside the vocabulary of %zu rows", i, id,
                            V);
    }
    return tac_query_fits(s, q, tac_query_own(ports, prefix), what, err);
}

/* The end of the batch that starts at `from`, its unshared rows and its targets. */
static size_t batch_end(const struct under *u, const struct tac_query *query, size_t from, size_t n,
                        size_t most, size_t *rows, size_t *targets)
{
    size_t to = from;
    *rows = *targets = 0;
    for (; to < n; to++) {
        size_t more = u->prefix[query[to].under].n + query[to].n_ctx + query[to].n_target;
        if (to > from && *rows + more > most)
            break;
        *rows += more;
        *targets += query[to].n_target;
    }
    return to;
}

/* The prefixes with soft rows as the job numbers them: one after another. */
static struct tac_prefix *number_rows(const struct under *u, struct tac_arena *a,
                                      struct tacit_err *err)
{
    struct tac_prefix *p = tac_arena_alloc(a, u->n, sizeof *p, err);
    for (size_t k = 0, base = 0; p && k < u->n; base += u->ports[k++].P) {
        p[k] = u->prefix[k];
        p[k].src = tac_arena_alloc(a, p[k].n, sizeof *p[k].src, err);
        if (!p[k].src)
            return NULL;
        for (size_t i = 0; i < p[k].n; i++)
            p[k].src[i] = u->prefix[k].src[i] - (u->prefix[k].src[i] < 0 ? (int32_t)base : 0);
    }
    return p;
}

/* The queries as one batch's job; memory from the arena. */
static enum tacit_status make_job(struct tac_job *job, struct tac_arena *a, const struct under *u,
                                  const struct tac_query *query, size_t n, struct tacit_err *err)
{
    uint32_t item = 0;
    struct tac_seq *seq = tac_arena_alloc(a, n, sizeof *seq, err);
    struct tac_prefix *prefix = number_rows(u, a, err);
    enum tacit_status st = seq && prefix ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !st && i < n; i++) {
        st = tac_query_sequence(&seq[i], a, &prefix[query[i].under], &query[i], 1, item, err);
        if (u->n > 1)
            seq[i].root = (int32_t)query[i].under;
        item += (uint32_t)query[i].n_target;
    }
    *job = (struct tac_job){.seq = seq, .n = n, .n_item = item, .ports = u->ports, .n_ports = u->n};
    return st || !u->fronts.n ? st : tac_fronts_cut(&u->fronts, job, seq, prefix, query, a, err);
}

/* Prompts are computed once where there are several batches; one computes them itself. */
static enum tacit_status open_fronts(struct under *u, struct tac_session *s,
                                     const struct tac_query *query, size_t n, size_t most,
                                     bool measure, struct tacit_err *err)
{
    size_t rows, targets;
    if (!n || batch_end(u, query, 0, n, most, &rows, &targets) == n)
        return TACIT_OK;
    return tac_fronts_open(&u->fronts, s, u->ports, u->prefix, u->n, query, n, measure, err);
}

/* Runs the queries as one batch; their targets' results start at logp and best. */
static enum tacit_status run_batch(struct tac_session *s, double *logp, int32_t *best,
                                   const struct under *u, const struct tac_query *query, size_t n,
                                   struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    enum tacit_status st = make_job(&job, &a, u, query, n, err);
    job.logp = logp;
    job.best = best;
    if (!st)
        st = tac_session_run(s, &job, err);
    tac_arena_release(&a);
    return st;
}

static enum tacit_status check_queries(const struct tac_session *s, const struct under *u,
                                       const struct tac_query *query, size_t n,
                                       struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    for (size_t k = 1; k < u->n; k++)
        if (u->ports[k].param != u->ports->param)
            return tac_fail(err, TACIT_EINPUT, "whole models cannot be mixed in one batch");
    for (size_t i = 0; !st && i < n; i++)
        st = check_query(s, &u->ports[query[i].under], &u->prefix[query[i].under], &query[i], i,
                         err);
    return st;
}

enum tacit_status tac_score(struct tac_session *s, double *logp, int32_t *best,
                            const struct tac_ports *ports, const struct tac_prefix *prefix,
                            const struct tac_query *query, size_t n,
                            const struct tac_score_options *o, struct tacit_err *err)
{
    struct under u = under_of(ports, prefix, query, n);
    enum tacit_status st = check_queries(s, &u, query, n, err);
    if (!st)
        st = open_fronts(&u, s, query, n, o->batch_rows, false, err);
    for (size_t from = 0, to; !st && from < n; from = to) {
        size_t rows, targets;
        to = batch_end(&u, query, from, n, o->batch_rows, &rows, &targets);
        st = run_batch(s, logp, best, &u, query + from, to - from, err);
        logp += targets;
        best = best ? best + targets : NULL;
        if (!st && o->progress && o->progress(o->ctx, to, n))
            st = tac_fail(err, TACIT_ECANCEL, "stopped after %zu of %zu", to, n);
    }
    tac_fronts_close(&u.fronts);
    return st;
}

static enum tacit_status measure_batch(struct tac_session *s, struct tac_demand *out,
                                       const struct under *u, const struct tac_query *query,
                                       size_t n, struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_job job;
    enum tacit_status st = make_job(&job, &a, u, query, n, err);
    if (!st)
        st = tac_session_measure(s, &job, out, err);
    tac_arena_release(&a);
    return st;
}

enum tacit_status tac_score_measure(struct tac_session *s, struct tac_demand *out,
                                    const struct tac_ports *ports, const struct tac_prefix *prefix,
                                    const struct tac_query *query, size_t n,
                                    const struct tac_score_options *o, struct tacit_err *err)
{
    struct under u = under_of(ports, prefix, query, n);
    enum tacit_status st = check_queries(s, &u, query, n, err);
    *out = (struct tac_demand){0};
    if (!st)
        st = open_fronts(&u, s, query, n, o->batch_rows, true, err);
    for (size_t from = 0, to, rows, targets; !st && from < n; from = to) {
        struct tac_demand m = {0};
        to = batch_end(&u, query, from, n, o->batch_rows, &rows, &targets);
        if (rows > out->rows) /* else it cannot be larger */
            st = measure_batch(s, &m, &u, query + from, to - from, err);
        *out = m.bytes > out->bytes ? m : *out;
    }
    out->bytes += u.fronts.bytes;
    tac_fronts_close(&u.fronts);
    return st;
}
