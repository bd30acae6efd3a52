#include "run/texts.h"

#include "base/str.h"
#include "format/dtype.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text: its keys and values, real or half, layer by layer, keys first; neither before it is
 * computed. */
struct text {
    const int32_t *id;
    size_t n;
    struct tac_kv_store kv;
    uint16_t *half;
    struct tac_kv_store *now; /* what the cut at work reads */
};

struct tac_texts {
    struct tac_session *s;
    const struct tac_prefix *prefix;
    const struct tac_query *query;
    bool half;
    struct text *text; /* (n), [0] is the empty one */
    size_t n;
    uint32_t *of;     /* by query: its text */
    size_t most;      /* tokens of a batch's texts, at most */
    void *room;       /* where a batch's half texts are made real */
    size_t room_size; /* reals */
};

/* Keys and values of n tokens, in elements. */
static size_t elements(const struct tac_texts *x, size_t n)
{
    const struct tac_decoder_config *c = &x->s->weights->model->c;
    return 2 * c->L * n * c->G * c->D;
}

/* ---- which texts there are ---- */

struct found {
    uint64_t hash;
    const int32_t *id;
    size_t n;
    uint32_t query;
};

/* The shorter first, so that the empty one comes first of all; equal ones by query. */
static int by_text(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    int order = x->n ? memcmp(x->id, y->id, x->n * sizeof *x->id) : 0;
    return order ? order : (x->query > y->query) - (x->query < y->query);
}

static bool same(const struct found *x, const struct found *y)
{
    return x->n == y->n && x->hash == y->hash &&
           (x->n == 0 || memcmp(x->id, y->id, x->n * sizeof *x->id) == 0);
}

/* Tokens of a batch's texts, at most; the texts lie in ascending length. */
static size_t largest(const struct tac_texts *x, const struct tac_texts_options *o)
{
    size_t sum = 0, one = x->text[x->n - 1].n;
    for (size_t i = 0; i < o->batch && i < x->n; i++)
        sum += x->text[x->n - 1 - i].n;
    return o->batch_rows && sum > o->batch_rows ? (one > o->batch_rows ? one : o->batch_rows) : sum;
}

static enum tacit_status find_texts(struct tac_texts *x, size_t n, struct tacit_err *err)
{
    struct found *f = tac_alloc(n, sizeof *f, err);
    x->of = tac_alloc(n, sizeof *x->of, err);
    x->text = tac_alloc(n + 1, sizeof *x->text, err);
    x->n = 1;
    bool enough = f && x->of && x->text;
    for (size_t i = 0; enough && i < n; i++) {
        const struct tac_query *q = &x->query[i];
        size_t at = tac_query_at(x->prefix, q);
        f[i] = (struct found){tac_hash(TAC_HASH0, q->ctx, at * sizeof *q->ctx), q->ctx, at,
                              (uint32_t)i};
    }
    if (enough)
        qsort(f, n, sizeof *f, by_text);
    for (size_t i = 0; enough && i < n; i++) {
        if (f[i].n && (i == 0 || !same(&f[i], &f[i - 1])))
            x->text[x->n++] = (struct text){.id = f[i].id, .n = f[i].n};
        x->of[f[i].query] = (uint32_t)(x->n - 1);
    }
    free(f);
    return enough ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tac_texts_open(struct tac_texts **out, struct tac_session *s,
                                 const struct tac_prefix *prefix, const struct tac_query *query,
                                 size_t n, const struct tac_texts_options *o, struct tacit_err *err)
{
    struct tac_texts *x = *out = tac_alloc(1, sizeof *x, err);
    if (!x)
        return TACIT_EFAIL;
    *x = (struct tac_texts){
        .s = s, .prefix = prefix, .query = query, .half = o->mode == TAC_TEXTS_F16};
    enum tacit_status st = find_texts(x, n, err);
    if (st) {
        tac_texts_close(x);
        *out = NULL;
        return st;
    }
    x->most = largest(x, o);
    return TACIT_OK;
}

void tac_texts_close(struct tac_texts *x)
{
    if (!x)
        return;
    struct tac_backend *be = x->s->weights->be;
    for (size_t i = 0; x->text && i < x->n; i++) {
        tac_kv_store_release(&x->text[i].kv, be);
        free(x->text[i].half);
    }
    if (x->room)
        be->ops->release(be, x->room);
    free(x->text);
    free(x->of);
    free(x);
}

size_t tac_texts_count(const struct tac_texts *x)
{
    return x->n - 1;
}

size_t tac_texts_bytes(const struct tac_texts *x)
{
    size_t real = x->s->weights->be->real_size, tokens = 0;
    for (size_t i = 0; i < x->n; i++)
        tokens += x->text[i].n;
    return elements(x, tokens) * (x->half ? sizeof *x->text->half : real) +
           (x->half ? elements(x, x->most) * real : 0);
}

/* ---- computing them ---- */

/* The store as halves, which take its place. */
static enum tacit_status narrow(struct tac_texts *x, struct text *t, struct tacit_err *err)
{
    struct tac_backend *be = x->s->weights->be;
    size_t n = elements(x, t->n);
    float *values = tac_alloc(n, sizeof *values, err);
    t->half = tac_alloc(n, sizeof *t->half, err);
    bool enough = values && t->half, fits = true;
    if (enough)
        be->ops->download(be, values, t->kv.k[0], n);
    for (size_t i = 0; enough && i < n; i++) {
        t->half[i] = tac_f32_to_f16(values[i]);
        fits &= isfinite(tac_f16_to_f32(t->half[i])) != 0;
    }
    free(values);
    tac_kv_store_release(&t->kv, be);
    if (!fits)
        return tac_fail(err, TACIT_EFAIL,
                        "keys and values of a text do not fit into float16 (65504 at most)");
    return enough ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status compute(struct tac_texts *x, struct text *t, struct tacit_err *err)
{
    struct tac_weights *w = x->s->weights;
    struct tac_ports ports = tac_ports_plain(w);
    struct tac_seq seq = {.src = t->id, .n = t->n, .keep = t->n, .root = -1};
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .capture = &t->kv};
    if (!t->n || t->kv.memory || t->half)
        return TACIT_OK;
    enum tacit_status st = tac_kv_store_init(&t->kv, &w->model->c, w->be, t->n, err);
    if (!st)
        st = tac_session_run(x->s, &job, err);
    if (st)
        tac_kv_store_release(&t->kv, w->be);
    return st || !x->half ? st : narrow(x, t, err);
}

/* ---- cutting a batch ---- */

/* A sequence of the batch: the row of its prompt's beginning in the tree of whole sequences. */
struct place {
    int32_t row;
    uint32_t seq;
};

static int by_row(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* The sequences in the order of their rows, as the whole tree has them: what is kept must come in
 * this order, and share what is shared there, since gradients are summed in row order. */
static enum tacit_status find_places(struct place *p, const struct tac_texts *x,
                                     const struct tac_job *job, const uint32_t *which,
                                     struct tacit_err *err)
{
    struct tac_tree_options o = tac_tree_options_default();
    struct tac_tree t;
    o.share = x->s->o.share;
    enum tacit_status st = tac_tree_build(&t, job->seq, job->n, &o, err);
    if (st)
        return st;
    for (size_t i = 0; i < job->n; i++) {
        size_t at = x->text[x->of[which[i]]].n;
        bool any = tac_seq_rows(&job->seq[i]) > at;
        p[i] = (struct place){any ? tac_tree_row(&t, i, at) : -1, (uint32_t)i};
    }
    qsort(p, job->n, sizeof *p, by_row);
    tac_tree_release(&t);
    return TACIT_OK;
}

/* The sequence from its row `at` on, behind a root. */
static enum tacit_status cut(struct tac_seq *s, size_t at, int32_t root, struct tac_arena *a,
                             struct tacit_err *err)
{
    struct tac_mark *mark = tac_arena_alloc(a, s->n_mark, sizeof *mark, err);
    if (!mark)
        return TACIT_EFAIL;
    for (size_t i = 0; i < s->n_mark; i++) {
        mark[i] = s->mark[i];
        mark[i].at -= at;
    }
    s->src += at;
    s->n -= at;
    s->mark = mark;
    s->root = root;
    return TACIT_OK;
}

/* A half text made real in the room, `used` reals of which are taken. */
static enum tacit_status widen(struct tac_kv_store *out, struct tac_texts *x, const struct text *t,
                               size_t *used, struct tac_arena *a, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &x->s->weights->model->c;
    struct tac_backend *be = x->s->weights->be;
    size_t width = c->G * c->D, one = t->n * width;
    void **k = tac_arena_alloc(a, 2 * c->L, sizeof *k, err);
    int32_t *idx = tac_arena_alloc(a, t->n, sizeof *idx, err);
    if (!k || !idx)
        return TACIT_EFAIL;
    *out = tac_kv_store_view(c, be, k, tac_real_at(be, x->room, *used), t->n);
    *used += elements(x, t->n);
    for (size_t i = 0; i < t->n; i++)
        idx[i] = (int32_t)i;
    for (size_t l = 0; l < 2 * c->L; l++) {
        struct tac_weight half = {t->half + l * one, TAC_W_F16, t->n, width, false};
        be->ops->embed(be, l % 2 ? out->v[l / 2] : out->k[l / 2], &half, NULL, idx, t->n, width);
    }
    be->ops->sync(be);
    return TACIT_OK;
}

static enum tacit_status make_room(struct tac_texts *x, size_t reals, struct tacit_err *err)
{
    struct tac_backend *be = x->s->weights->be;
    if (reals <= x->room_size)
        return TACIT_OK;
    be->ops->release(be, x->room);
    x->room = be->ops->alloc(be, reals * be->real_size);
    x->room_size = x->room ? reals : 0;
    return x->room ? TACIT_OK : tac_fail_memory(err, reals * be->real_size);
}

/* t->now: the text's keys and values for this batch; NULL for the empty text. */
static enum tacit_status open_text(struct tac_texts *x, struct text *t, bool measure, size_t *used,
                                   struct tac_arena *a, struct tacit_err *err)
{
    if (!t->n || t->now)
        return TACIT_OK;
    t->now = measure || x->half ? tac_arena_alloc(a, 1, sizeof *t->now, err) : &t->kv;
    if (!t->now)
        return TACIT_EFAIL;
    if (measure) {
        t->now->len = t->now->cap = t->n;
        return TACIT_OK;
    }
    enum tacit_status st = compute(x, t, err);
    return st || !x->half ? st : widen(t->now, x, t, used, a, err);
}

/* Tokens of a batch's different texts; leaves none of these ready. */
static size_t count_tokens(struct tac_texts *x, const uint32_t *which, size_t n)
{
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        x->text[x->of[which[i]]].now = NULL;
    for (size_t i = 0; i < n; i++) {
        struct text *t = &x->text[x->of[which[i]]];
        tokens += t->now ? 0 : t->n;
        t->now = &t->kv;
    }
    for (size_t i = 0; i < n; i++)
        x->text[x->of[which[i]]].now = NULL;
    return tokens;
}

/* The texts of a batch made ready: computed, and half ones made real. */
static enum tacit_status open_batch(struct tac_texts *x, const uint32_t *which, size_t n,
                                    bool measure, struct tac_arena *a, struct tacit_err *err)
{
    size_t tokens = count_tokens(x, which, n), used = 0;
    enum tacit_status st = x->half && !measure ? make_room(x, elements(x, tokens), err) : TACIT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = open_text(x, &x->text[x->of[which[i]]], measure, &used, a, err);
    return st;
}

enum tacit_status tac_texts_cut(struct tac_texts *x, struct tac_job *job, const uint32_t *which,
                                bool measure, struct tac_arena *a, struct tacit_err *err)
{
    struct place *p = tac_arena_alloc(a, job->n, sizeof *p, err);
    struct tac_seq *seq = tac_arena_alloc(a, job->n, sizeof *seq, err);
    struct tac_root *root = tac_arena_alloc(a, job->n, sizeof *root, err);
    size_t n = 0;
    enum tacit_status st = p && seq && root ? find_places(p, x, job, which, err) : TACIT_EFAIL;
    if (!st)
        st = open_batch(x, which, job->n, measure, a, err);
    for (size_t i = 0; !st && i < job->n; i++) {
        size_t s = p[i].seq;
        const struct text *t = &x->text[x->of[which[s]]];
        if (i == 0 || p[i].row < 0 || p[i].row != p[i - 1].row)
            root[n++] = (struct tac_root){.kv = t->now};
        seq[s] = job->seq[s];
        st = cut(&seq[s], t->n, (int32_t)n - 1, a, err);
    }
    job->seq = seq;
    job->root = root;
    job->n_root = n;
    job->join = true;
    return st;
}

/* ---- whether to keep them ---- */

struct long_query {
    size_t rows;
    uint32_t query;
};

static int by_rows(const void *a, const void *b)
{
    const struct long_query *x = a, *y = b;
    if (x->rows != y->rows)
        return x->rows > y->rows ? -1 : 1;
    return (x->query > y->query) - (x->query < y->query);
}

/* Bytes of activations of a batch of the longest queries, texts included. */
static enum tacit_status measure_longest(size_t *bytes, const struct tac_texts *x,
                                         const struct tac_ports *ports, size_t n,
                                         const struct tac_texts_options *o, struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct long_query *by = tac_arena_alloc(&a, n, sizeof *by, err);
    struct tac_seq *seq = tac_arena_alloc(&a, n, sizeof *seq, err);
    struct tac_job job = {.seq = seq, .ports = ports, .grad = ports->grad};
    enum tacit_status st = by && seq ? TACIT_OK : TACIT_EFAIL;
    size_t rows = 0;
    struct tac_demand m = {0};
    for (size_t i = 0; !st && i < n; i++)
        by[i] = (struct long_query){x->query[i].n_ctx + x->query[i].n_target, (uint32_t)i};
    if (!st)
        qsort(by, n, sizeof *by, by_rows);
    for (; !st && job.n < n && job.n < o->batch; job.n++) {
        rows += x->prefix->n + by[job.n].rows;
        if (o->batch_rows && job.n && rows > o->batch_rows)
            break;
        st = tac_query_sequence(&seq[job.n], &a, x->prefix, &x->query[by[job.n].query], 1,
                                (uint32_t)job.n_item, err);
        job.n_item += seq[job.n].n_mark;
    }
    if (!st)
        st = tac_session_measure(x->s, &job, &m, err);
    if (!st)
        *bytes = m.bytes;
    tac_arena_release(&a);
    return st;
}

static size_t own_memory(const struct tac_backend *be)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE),
         processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (pages <= 0 || page <= 0 || processors <= 0)
        return 0;
    double all = (double)pages * (double)page / 4;
    double share = be->threads > 0 ? (double)be->threads / (double)processors : 1;
    return (size_t)(share < 1 ? all * share : all);
}

static bool fits(const struct tac_texts *x, const struct tac_ports *ports, size_t n,
                 const struct tac_texts_options *o)
{
    size_t said = x->s->o.memory_limit, limit = said ? said : x->s->o.machine_limit, batch,
           need = tac_texts_bytes(x);
    if (!said && need > own_memory(x->s->weights->be))
        return false;
    if (!limit)
        return true;
    /* a batch that cannot be measured will say so itself */
    return !measure_longest(&batch, x, ports, n, o, NULL) &&
           tac_session_taken(x->s, NULL) + need + batch <= limit;
}

enum tacit_status tac_texts_choose(struct tac_texts_choice *out, struct tac_session *s,
                                   const struct tac_ports *ports, const struct tac_prefix *prefix,
                                   const struct tac_query *query, size_t n,
                                   const struct tac_texts_options *o, struct tacit_err *err)
{
    bool any = false;
    *out = (struct tac_texts_choice){0};
    for (size_t i = 0; i < n; i++)
        any |= tac_query_at(prefix, &query[i]) > 0;
    any = any && prefix->n && ports->grad == TAC_GRAD_SOFT && !ports->kv && !ports->site;
    if (!any && o->mode == TAC_TEXTS_F16)
        return tac_fail(err, TACIT_EINPUT,
                        "text cache f16: no text stands before a trained prompt (see --place)");
    if (!any || o->mode == TAC_TEXTS_OFF)
        return TACIT_OK;
    enum tacit_status st = tac_texts_open(&out->texts, s, prefix, query, n, o, err);
    if (st)
        return st;
    out->n = tac_texts_count(out->texts);
    out->bytes = tac_texts_bytes(out->texts);
    if (o->mode == TAC_TEXTS_AUTO && !fits(out->texts, ports, n, o)) {
        tac_texts_close(out->texts);
        out->texts = NULL;
    }
    return TACIT_OK;
}
