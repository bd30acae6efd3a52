#include "run/fronts.h"

#include <stdlib.h>

/* Whether all queries under k have their text behind the prompt, and some text. */
static bool in_front(const struct tac_prefix *prefix, const struct tac_query *query, size_t n,
                     size_t k)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (query[i].under != k)
            continue;
        if (!query[i].n_ctx || tac_query_at(&prefix[k], &query[i]) > 0)
            return false;
        any = true;
    }
    return any && prefix[k].n > 0;
}

static enum tacit_status compute(struct tac_kv_store *kv, struct tac_session *s,
                                 const struct tac_ports *ports, const struct tac_prefix *prefix,
                                 size_t len, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    bool own = ports->kv && ports->kv->len;
    struct tac_seq seq = {
        .src = prefix->src, .n = prefix->n, .keep = prefix->n, .root = own ? 0 : -1};
    struct tac_root root = {.kv = kv};
    struct tac_job job = {
        .seq = &seq, .n = 1, .ports = ports, .root = &root, .n_root = own, .capture = kv};
    enum tacit_status st = tac_kv_store_init(kv, c, s->weights->be, len, err);
    if (!st && own)
        st = tac_kv_store_append(kv, ports->kv, c, s->weights->be, err);
    return st ? st : tac_session_run(s, &job, err);
}

enum tacit_status tac_fronts_open(struct tac_fronts *f, struct tac_session *s,
                                  const struct tac_ports *ports, const struct tac_prefix *prefix,
                                  size_t n_under, const struct tac_query *query, size_t n,
                                  bool measure, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    size_t one = 2 * c->L * c->G * c->D * s->weights->be->real_size;
    *f = (struct tac_fronts){.s = s, .n = n_under};
    f->kv = tac_alloc(n_under, sizeof *f->kv, err);
    enum tacit_status st = f->kv ? TACIT_OK : TACIT_EFAIL;
    for (size_t k = 0; !st && !s->o.memory_limit && k < n_under; k++) {
        size_t len = (ports[k].kv ? ports[k].kv->len : 0) + prefix[k].n;
        if (!in_front(prefix, query, n, k))
            continue;
        f->bytes += len * one;
        s->fixed_bytes += len * one;
        if (measure)
            f->kv[k].len = f->kv[k].cap = len;
        else
            st = compute(&f->kv[k], s, &ports[k], &prefix[k], len, err);
    }
    return st;
}

void tac_fronts_close(struct tac_fronts *f)
{
    for (size_t k = 0; f->kv && k < f->n; k++)
        tac_kv_store_release(&f->kv[k], f->s->weights->be);
    if (f->s)
        f->s->fixed_bytes -= f->bytes;
    free(f->kv);
    *f = (struct tac_fronts){0};
}

/* The sequence without its first n rows, behind a root. */
static void cut(struct tac_seq *seq, struct tac_mark *mark, size_t n)
{
    for (size_t i = 0; i < seq->n_mark; i++) {
        mark[i] = seq->mark[i];
        mark[i].at -= n;
    }
    seq->mark = mark;
    seq->src += n;
    seq->n -= n;
}

enum tacit_status tac_fronts_cut(const struct tac_fronts *f, struct tac_job *job,
                                 struct tac_seq *seq, const struct tac_prefix *prefix,
                                 const struct tac_query *query, struct tac_arena *a,
                                 struct tacit_err *err)
{
    struct tac_root *root = tac_arena_alloc(a, f->n, sizeof *root, err);
    bool any = false;
    for (size_t k = 0; root && k < f->n; k++) {
        any |= f->kv[k].len > 0;
        root[k] = (struct tac_root){f->kv[k].len ? &f->kv[k] : job->ports[k].kv, k};
    }
    if (!root || !any)
        return root ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < job->n; i++) {
        size_t k = query[i].under;
        struct tac_mark *mark = tac_arena_alloc(a, seq[i].n_mark, sizeof *mark, err);
        if (!mark)
            return TACIT_EFAIL;
        seq[i].root = (int32_t)k;
        if (f->kv[k].len)
            cut(&seq[i], mark, prefix[k].n);
    }
    job->root = root;
    job->n_root = f->n;
    return TACIT_OK;
}
