/* Attention over a prefix tree, forward and backward, head by head and tile by tile of queries.
 *
 * A tile is up to TAC_QT queries of one segment: they share all ancestors, and only their own
 * segment is causal. Its scores against the whole path lie in one buffer, key-major (kern.h), so
 * softmax is exact and needs no second pass. Every sum over keys is one chain in path order and
 * every sum over queries one chain in row order: where a register tile holds rows of unequal
 * length, the common part runs together and the rest row by row, so neither how a path is cut into
 * segments nor how queries are cut into tiles can be seen in the result. */
#include "backend/cpu_ops.h"
#include "backend/kern.h"
#include "backend/threads.h"
#include "backend/trace.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Limits of a head's width, of a path (in keys), of scores (floats), and of a packed head (floats).
 */
enum { MAX_D = 1024, MAX_PATH = TAC_MAX_PATH, SCORES = 16 * MAX_PATH, PACKED = 256 << 10 };

/* One thread's buffers. A head's keys and values lie 4 G D bytes apart, which serves caches badly,
 * so they are copied together (k, v; dk, dv: their gradients) where they fit. */
struct room {
    float *k, *v, *dk, *dv;               /* (T,D) of the head at work */
    float *s, *ds;                        /* (path, TAC_QT) scores, and their gradients */
    float *qt, *gt;                       /* (D, TAC_QT) queries and gradients of their outputs */
    float *q, *g, *acc;                   /* (TAC_QT, D) the same by row; sums of a tile */
    float *pos, *max, *sum, *lse, *delta; /* (TAC_QT) */
    int32_t *row;                         /* (TAC_QT) */
    int32_t *chain;                       /* segments of the path, from the root */
};

/* The arrays of a call. Gradients are NULL forward. */
struct call {
    const struct tac_kern_attend *kern;
    const struct tac_attn *a;
    const float *q, *k, *v;
    float *o, *lse;    /* forward: out; backward: as forward left them */
    const float *dout; /* (n_query, H*D) */
    float *dq, *dk, *dv;
    size_t path; /* the longest path's keys */
    bool packed; /* room.k and the like are in use */
};

/* What a thread works on. */
struct job {
    const struct call *c;
    struct room r;
    size_t h, g;     /* query head, its key head */
    size_t first, n; /* queries of the tile */
    size_t nv, keys,
        depth; /* vectors of queries; keys of the last query's path; segments of the path */
};

/* Keys, values and their gradients in one segment, for one head. */
struct piece {
    struct tac_keys k, v;
    float *dk, *dv;
    bool own; /* the queries' own segment */
};

static struct room lay_out(struct tac_carve *c)
{
    struct room r;
    float **packed[] = {&r.k, &r.v, &r.dk, &r.dv}, **tile[] = {&r.qt, &r.gt, &r.q, &r.g, &r.acc};
    float **lane[] = {&r.pos, &r.max, &r.sum, &r.lse, &r.delta};
    for (size_t i = 0; i < 4; i++)
        *packed[i] = tac_carve(c, PACKED, sizeof(float));
    for (size_t i = 0; i < 5; i++)
        *tile[i] = tac_carve(c, MAX_D * TAC_QT, sizeof(float));
    for (size_t i = 0; i < 5; i++)
        *lane[i] = tac_carve(c, TAC_QT, sizeof(float));
    r.s = tac_carve(c, SCORES, sizeof(float));
    r.ds = tac_carve(c, SCORES, sizeof(float));
    r.row = tac_carve(c, TAC_QT, sizeof(int32_t));
    r.chain = tac_carve(c, MAX_PATH, sizeof(int32_t));
    return r;
}

size_t tac_attend_scratch(int threads)
{
    struct tac_carve c = {0};
    lay_out(&c);
    return (size_t)threads * tac_round_up(c.used, 64);
}

static struct room room_of(const struct tac_backend *be, size_t thread)
{
    struct tac_carve c = {.base = (char *)be->scratch + thread * tac_attend_scratch(1)};
    return lay_out(&c);
}

static int32_t query_row(const struct tac_attn *a, size_t i)
{
    return a->query ? a->query[i] : (int32_t)i;
}

static size_t path_of(const struct tac_attn *a, int32_t row)
{
    const struct tac_seg *s = &a->seg[a->seg_of[row]];
    return (size_t)(s->base + row - s->row0);
}

static size_t longest_path(const struct tac_attn *a)
{
    size_t most = 0;
    for (size_t i = 0; i < a->n_query; i++) {
        size_t n = path_of(a, query_row(a, i)) + 1;
        most = n > most ? n : most;
    }
    return most;
}

/* ---- a head ---- */

static void copy_in(float *dst, const float *src, const struct tac_attn *a, size_t g)
{
    for (size_t t = 0; t < a->T; t++)
        memcpy(dst + t * a->D, src + (t * a->G + g) * a->D, a->D * sizeof *dst);
}

static void copy_out(float *dst, const float *src, const struct tac_attn *a, size_t g)
{
    for (size_t t = 0; t < a->T; t++)
        memcpy(dst + (t * a->G + g) * a->D, src + t * a->D, a->D * sizeof *dst);
}

static void zero_head(float *dst, const struct tac_attn *a, size_t heads, size_t h)
{
    for (size_t t = 0; t < a->T; t++)
        memset(dst + (t * heads + h) * a->D, 0, a->D * sizeof *dst);
}

/* Makes key head g the one at work: its keys and values packed, its gradients zero. */
static void enter_head(struct job *j, size_t g)
{
    const struct call *c = j->c;
    size_t n = c->a->T * c->a->D;
    j->g = g;
    if (c->packed) {
        copy_in(j->r.k, c->k, c->a, g);
        copy_in(j->r.v, c->v, c->a, g);
    }
    if (c->dk && c->packed) {
        memset(j->r.dk, 0, n * sizeof(float));
        memset(j->r.dv, 0, n * sizeof(float));
    } else if (c->dk) {
        zero_head(c->dk, c->a, c->a->G, g);
        zero_head(c->dv, c->a, c->a->G, g);
    }
}

static void leave_head(const struct job *j)
{
    const struct call *c = j->c;
    if (c->dk && c->packed) {
        copy_out(c->dk, j->r.dk, c->a, j->g);
        copy_out(c->dv, j->r.dv, c->a, j->g);
    }
}

static float *at(float *p, size_t i)
{
    return p ? p + i : NULL;
}

/* A segment as the tile sees it: of its own segment, the keys up to the last query's. */
static struct piece piece_of(const struct job *j, size_t depth)
{
    const struct call *c = j->c;
    const struct tac_attn *a = c->a;
    const struct tac_seg *s = &a->seg[j->r.chain[depth]];
    bool own = depth + 1 == j->depth, grad = c->dk && s->grad;
    size_t path = (size_t)s->base, n = own ? j->keys - path : (size_t)s->n;
    size_t ld = c->packed && s->kv < 0 ? a->D : a->G * a->D;
    size_t i = (size_t)s->row0 * ld + (c->packed ? 0 : j->g * a->D);
    struct piece p = {.k = {c->packed ? j->r.k : c->k, ld, n, path},
                      .v = {c->packed ? j->r.v : c->v, ld, n, path},
                      .dk = grad ? (c->packed ? j->r.dk : c->dk) : NULL,
                      .dv = grad ? (c->packed ? j->r.dv : c->dv) : NULL,
                      .own = own};
    if (s->kv >= 0) {
        const struct tac_kv *kv = &a->kv[s->kv];
        i = j->g * a->D;
        p.k.x = kv->k;
        p.v.x = kv->v;
        p.dk = c->dk ? kv->dk : NULL;
        p.dv = c->dk ? kv->dv : NULL;
    }
    p.k.x += i;
    p.v.x += i;
    p.dk = at(p.dk, i);
    p.dv = at(p.dv, i);
    return p;
}

/* ---- a tile ---- */

/* Queries [first, first + n) of one segment, its path, and the queries packed. */
static void enter_tile(struct job *j, size_t first, size_t end)
{
    const struct call *c = j->c;
    const struct tac_attn *a = c->a;
    int32_t own = a->seg_of[query_row(a, first)];
    size_t most = c->path * TAC_QT <= SCORES ? TAC_QT : TAC_QT / 2;
    j->first = first;
    for (j->n = 0; j->n < most && first + j->n < end; j->n++) {
        int32_t row = query_row(a, first + j->n);
        if (a->seg_of[row] != own)
            break;
        j->r.row[j->n] = row;
        j->keys = path_of(a, row) + 1;
        j->r.pos[j->n] = (float)(j->keys - 1);
    }
    for (size_t i = j->n; i < TAC_QT; i++)
        j->r.pos[i] = j->r.pos[j->n - 1];
    j->nv = (j->n + 15) / 16;
    j->depth = 0;
    for (int32_t s = own; s >= 0; s = a->seg[s].parent)
        j->depth++;
    size_t d = j->depth;
    for (int32_t s = own; s >= 0; s = a->seg[s].parent)
        j->r.chain[--d] = s;
    c->kern->pack(j->r.qt, c->q + j->h * a->D, j->r.row, a->H * a->D, j->n, a->D);
}

/* Scores of all keys of the path, and each query's largest. */
static void scores(const struct job *j)
{
    const struct tac_kern_attend *kern = j->c->kern;
    const struct tac_attn *a = j->c->a;
    float slope = a->slope ? a->slope[j->h] : 0;
    for (size_t i = 0; i < TAC_QT; i++)
        j->r.max[i] = -INFINITY;
    for (size_t d = 0; d < j->depth; d++) {
        struct piece p = piece_of(j, d);
        float *s = j->r.s + p.k.path * TAC_QT;
        kern->dots(s, j->r.qt, &p.k, a->D, j->n);
        kern->bias(s, j->r.max, j->r.pos, p.k.path, p.k.n, a->scale, slope, j->nv);
    }
}

/* Keys [from, to) of a run. */
static struct tac_keys some_keys(const struct tac_keys *k, size_t from, size_t to)
{
    return (struct tac_keys){k->x + from * k->ld, k->ld, to - from, k->path + from};
}

/* Adds sum_j w[j][i] x[j] over the keys that query i sees to acc (TAC_QT, D), for the m queries
 * from i0. */
static void over_keys(const struct job *j, const float *w, const struct tac_keys *x, bool own,
                      size_t i0, size_t m)
{
    const struct tac_kern_attend *kern = j->c->kern;
    size_t D = j->c->a->D, all = own ? (size_t)j->r.pos[i0] + 1 - x->path : x->n;
    float *acc = j->r.acc + i0 * D;
    struct tac_keys common = some_keys(x, 0, all);
    w += x->path * TAC_QT + i0;
    kern->combine(acc, D, w, 1, TAC_QT, &common, m, D);
    for (size_t i = 1; own && i < m; i++) {
        struct tac_keys rest = some_keys(x, all, (size_t)j->r.pos[i0 + i] + 1 - x->path);
        kern->combine(acc + i * D, D, w + all * TAC_QT + i, 1, TAC_QT, &rest, 1, D);
    }
}

/* acc (n, D) = the sum over each query's path of w times values, or times keys. */
static void over_path(const struct job *j, const float *w, bool values)
{
    size_t mr = j->c->kern->mr;
    memset(j->r.acc, 0, j->n * j->c->a->D * sizeof(float));
    for (size_t i = 0; i < j->n; i += mr)
        for (size_t d = 0; d < j->depth; d++) {
            struct piece p = piece_of(j, d);
            over_keys(j, w, values ? &p.v : &p.k, p.own, i, tac_min(mr, j->n - i));
        }
}

static void forward_tile(const struct job *j)
{
    const struct call *c = j->c;
    size_t H = c->a->H, D = c->a->D;
    scores(j);
    c->kern->softmax(j->r.s, j->r.sum, j->r.max, j->keys, j->nv);
    c->kern->lse(j->r.lse, j->r.max, j->r.sum, j->n);
    over_path(j, j->r.s, true);
    for (size_t i = 0; i < j->n; i++) {
        size_t q = j->first + i;
        c->kern->divide(c->o + (q * H + j->h) * D, j->r.acc + i * D, j->r.sum[i], D);
        c->lse[q * H + j->h] = j->r.lse[i];
    }
}

/* ---- backward ---- */

/* dout . o by the chain that the tile's dout . v goes, so that the two cancel where they are equal.
 */
static float chain(const float *x, const float *y, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = fmaf(x[i], y[i], sum);
    return sum;
}

/* The tile's queries and output gradients by row, the latter also packed; lse and delta = dout . o.
 */
static void enter_gradient(const struct job *j)
{
    const struct call *c = j->c;
    size_t H = c->a->H, D = c->a->D;
    memset(j->r.lse, 0, TAC_QT * sizeof(float));
    memset(j->r.delta, 0, TAC_QT * sizeof(float));
    for (size_t i = 0; i < j->n; i++) {
        size_t at_o = ((j->first + i) * H + j->h) * D;
        memcpy(j->r.q + i * D, c->q + ((size_t)j->r.row[i] * H + j->h) * D, D * sizeof(float));
        memcpy(j->r.g + i * D, c->dout + at_o, D * sizeof(float));
        j->r.lse[i] = c->lse[(j->first + i) * H + j->h];
        j->r.delta[i] = chain(c->dout + at_o, c->o + at_o, D);
    }
    int32_t compact[TAC_QT];
    for (size_t i = 0; i < j->n; i++)
        compact[i] = (int32_t)i;
    c->kern->pack(j->r.gt, j->r.g, compact, D, j->n, D);
}

/* dx[key] += sum_i w[key][i] x[i] over the queries that see it, for m keys from j0 of a run. */
static void over_queries(const struct job *j, float *dx, const float *w, const float *x,
                         const struct tac_keys *k, bool own, size_t j0, size_t m)
{
    const struct tac_kern_attend *kern = j->c->kern;
    size_t D = j->c->a->D, all = 0;
    float last = (float)(k->path + j0 + m - 1);
    while (own && j->r.pos[all] < last)
        all++;
    dx += j0 * k->ld;
    w += (k->path + j0) * TAC_QT;
    for (size_t l = 0, i = 0; l < m && all > 0; l++) {
        while (j->r.pos[i] < (float)(k->path + j0 + l))
            i++;
        struct tac_keys some = {x + i * D, D, all - i, 0};
        kern->combine(dx + l * k->ld, k->ld, w + l * TAC_QT + i, TAC_QT, 1, &some, 1, D);
    }
    struct tac_keys common = {x + all * D, D, j->n - all, 0};
    kern->combine(dx, k->ld, w + all, TAC_QT, 1, &common, m, D);
}

static void key_gradients(const struct job *j, const struct piece *p)
{
    size_t mr = j->c->kern->mr;
    for (size_t j0 = 0; p->dk && j0 < p->k.n; j0 += mr)
        over_queries(j, p->dk, j->r.ds, j->r.q, &p->k, p->own, j0, tac_min(mr, p->k.n - j0));
    for (size_t j0 = 0; p->dv && j0 < p->v.n; j0 += mr)
        over_queries(j, p->dv, j->r.s, j->r.g, &p->v, p->own, j0, tac_min(mr, p->v.n - j0));
}

static void backward_tile(const struct job *j)
{
    const struct call *c = j->c;
    const struct tac_attn *a = c->a;
    enter_gradient(j);
    scores(j);
    for (size_t d = 0; d < j->depth; d++) {
        struct piece p = piece_of(j, d);
        c->kern->dots(j->r.ds + p.v.path * TAC_QT, j->r.gt, &p.v, a->D, j->n);
    }
    c->kern->slopes(j->r.s, j->r.ds, j->r.lse, j->r.delta, j->keys, a->scale, j->nv);
    for (size_t d = 0; d < j->depth; d++) {
        struct piece p = piece_of(j, d);
        key_gradients(j, &p);
    }
    if (!c->dq)
        return;
    over_path(j, j->r.ds, false);
    for (size_t i = 0; i < j->n; i++)
        memcpy(c->dq + ((size_t)j->r.row[i] * a->H + j->h) * a->D, j->r.acc + i * a->D,
               a->D * sizeof(float));
}

/* ---- all of it ---- */

static void run_tiles(struct job *j, size_t first, size_t end)
{
    for (size_t i = first; i < end; i += j->n) {
        enter_tile(j, i, end);
        if (j->c->dout)
            backward_tile(j);
        else
            forward_tile(j);
    }
}

/* Forward: the queries of all heads in one row, cut evenly; a thread may start within a head. */
static void forward_share(struct job *j, size_t id, size_t of)
{
    const struct tac_attn *a = j->c->a;
    struct tac_span s = tac_share(a->H * a->n_query, id, of);
    size_t group = a->H / a->G, g = a->G;
    for (size_t lo = s.lo; lo < s.hi;) {
        j->h = lo / a->n_query;
        if (j->h / group != g)
            enter_head(j, g = j->h / group);
        size_t start = j->h * a->n_query, hi = tac_min(s.hi, start + a->n_query);
        run_tiles(j, lo - start, hi - start);
        lo = hi;
    }
}

/* Backward: key heads, so that one thread alone adds to a key. */
static void backward_share(struct job *j, size_t id, size_t of)
{
    const struct tac_attn *a = j->c->a;
    struct tac_span s = tac_share(a->G, id, of);
    size_t group = a->H / a->G;
    for (size_t g = s.lo; g < s.hi; g++) {
        enter_head(j, g);
        for (j->h = g * group; j->h < (g + 1) * group; j->h++) {
            if (j->c->dq)
                zero_head(j->c->dq, a, a->H, j->h);
            run_tiles(j, 0, a->n_query);
        }
        leave_head(j);
    }
}

static void run(struct tac_backend *be, struct call *c)
{
    const struct tac_attn *a = c->a;
    c->kern = be->kern->attend;
    c->path = longest_path(a);
    c->packed = a->T * a->D <= PACKED;
    TAC_CHECK(a->D <= MAX_D && c->path <= MAX_PATH && a->H % a->G == 0);
    int threads = tac_threads_for(be->threads, 2 * a->n_query * c->path * a->D * a->H);
#pragma omp parallel num_threads(threads)
    {
        size_t id = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        struct job j = {.c = c, .r = room_of(be, id)};
        double from = tac_busy_from(be);
        if (c->dout)
            backward_share(&j, id, of);
        else
            forward_share(&j, id, of);
        tac_busy_until(be, id, from);
    }
}

void tac_cpu_attend(struct tac_backend *be, void *o, void *lse, const void *q, const void *k,
                    const void *v, const struct tac_attn *a)
{
    struct call c = {.a = a, .q = q, .k = k, .v = v, .o = o, .lse = lse};
    if (a->n_query)
        run(be, &c);
}

void tac_cpu_attend_dx(struct tac_backend *be, void *dq, void *dk, void *dv, const void *dout,
                       const void *o, const void *lse, const void *q, const void *k, const void *v,
                       const struct tac_attn *a)
{
    struct call c = {.a = a, .q = q, .k = k, .v = v, .dout = dout, .dq = dq, .dk = dk, .dv = dv};
    c.o = (float *)(uintptr_t)o;
    c.lse = (float *)(uintptr_t)lse;
    run(be, &c);
}
