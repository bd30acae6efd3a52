#include "model/tree.h"

#include <stdlib.h>
#include <string.h>

/* While building, a row is known by the number it got when it was first seen (its uid): a run's
 * uids are consecutive, so splitting a run moves no row of the sequences that pass through it. */
struct node {
    int32_t parent, first_child, last_child, next;
    size_t uid0, n;
    int32_t kv;
    int32_t seg; /* index in depth-first order */
    bool own;    /* of one sequence alone: no other passes through it */
};

struct builder {
    const struct tac_tree_options *opt;
    struct node *node;
    size_t n_node, cap_node;
    int32_t *src; /* by uid */
    size_t n_uid, cap_uid;
    size_t **path; /* per sequence: uid of each row */
    int32_t first_root, last_root;
};

struct tac_tree_options tac_tree_options_default(void)
{
    return (struct tac_tree_options){.share = true, .min_share = 8};
}

static enum tacit_status add_node(struct builder *b, int32_t parent, size_t uid0, size_t n,
                                  int32_t *out, struct tacit_err *err)
{
    enum tacit_status s = tac_grow(&b->node, &b->cap_node, b->n_node + 1, sizeof *b->node, err);
    if (s)
        return s;
    *out = (int32_t)b->n_node++;
    b->node[*out] = (struct node){.parent = parent,
                                  .first_child = -1,
                                  .last_child = -1,
                                  .next = -1,
                                  .uid0 = uid0,
                                  .n = n,
                                  .kv = -1};
    int32_t *first = parent < 0 ? &b->first_root : &b->node[parent].first_child;
    int32_t *last = parent < 0 ? &b->last_root : &b->node[parent].last_child;
    if (*last < 0)
        *first = *out;
    else
        b->node[*last].next = *out;
    *last = *out;
    return TACIT_OK;
}

/* Cuts a run after k rows: the node keeps the beginning, a new only child takes the rest. */
static enum tacit_status split_node(struct builder *b, int32_t at, size_t k, struct tacit_err *err)
{
    struct node old = b->node[at];
    int32_t rest;
    b->node[at].first_child = b->node[at].last_child = -1;
    enum tacit_status s = add_node(b, at, old.uid0 + k, old.n - k, &rest, err);
    if (s)
        return s;
    b->node[at].n = k;
    b->node[rest].first_child = old.first_child;
    b->node[rest].last_child = old.last_child;
    for (int32_t c = old.first_child; c >= 0; c = b->node[c].next)
        b->node[c].parent = rest;
    return TACIT_OK;
}

static size_t common(const struct builder *b, int32_t at, const int32_t *src, size_t n)
{
    const struct node *nd = &b->node[at];
    const int32_t *run = b->src + nd->uid0;
    size_t k = 0;
    while (k < n && k < nd->n && run[k] == src[k])
        k++;
    return k;
}

/* The child of `at` (-1: the roots) with the longest common beginning. */
static int32_t best_child(const struct builder *b, int32_t at, const int32_t *src, size_t n,
                          size_t *k)
{
    int32_t best = -1;
    *k = 0;
    for (int32_t c = at < 0 ? b->first_root : b->node[at].first_child; c >= 0;
         c = b->node[c].next) {
        size_t m = b->node[c].kv < 0 && !b->node[c].own ? common(b, c, src, n) : 0;
        if (m > *k) {
            *k = m;
            best = c;
        }
    }
    return best;
}

/* Puts n rows behind *at, which moves to them. */
static enum tacit_status add_rows(struct builder *b, int32_t *at, const int32_t *src, size_t n,
                                  size_t *path, bool own, struct tacit_err *err)
{
    int32_t made;
    enum tacit_status s = tac_grow(&b->src, &b->cap_uid, b->n_uid + n, sizeof *b->src, err);
    if (!s)
        s = add_node(b, *at, b->n_uid, n, &made, err);
    if (s)
        return s;
    memcpy(b->src + b->n_uid, src, n * sizeof *src);
    for (size_t i = 0; i < n; i++)
        path[i] = b->n_uid + i;
    b->n_uid += n;
    b->node[made].own = own;
    *at = made;
    return TACIT_OK;
}

static enum tacit_status insert(struct builder *b, const struct tac_seq *seq, size_t n,
                                size_t *path, struct tacit_err *err)
{
    size_t i = 0, end = n - (seq->own < n ? seq->own : n); /* of the rows that may be shared */
    int32_t at = seq->root;
    enum tacit_status s = TACIT_OK;
    while (!s && i < end) {
        size_t k = 0;
        int32_t c = b->opt->share ? best_child(b, at, seq->src + i, end - i, &k) : -1;
        bool whole = c >= 0 && k == b->node[c].n;
        bool join = b->opt->join && at >= 0 && b->node[at].kv >= 0;
        if (c < 0 || (!join && !whole && k < end - i && k < b->opt->min_share)) {
            s = add_rows(b, &at, seq->src + i, end - i, path + i, false, err);
            i = end;
            break;
        }
        for (size_t j = 0; j < k; j++)
            path[i + j] = b->node[c].uid0 + j;
        i += k;
        if (!whole && i < n)
            s = split_node(b, c, k, err);
        at = c;
    }
    return !s && i < n ? add_rows(b, &at, seq->src + i, n - i, path + i, true, err) : s;
}

size_t tac_seq_rows(const struct tac_seq *s)
{
    size_t n = s->keep;
    for (size_t i = 0; i < s->n_mark; i++)
        if (s->mark[i].at + 1 > n)
            n = s->mark[i].at + 1;
    TAC_CHECK(n <= s->n);
    return n;
}

/* Walks the nodes in depth-first order, giving segments and rows their places. */
static void flatten(struct tac_tree *t, struct builder *b, int32_t *row_of)
{
    int32_t at = b->first_root, row = 0;
    size_t n_seg = 0;
    while (at >= 0) {
        struct node *nd = &b->node[at];
        struct tac_seg *sg = &t->seg[n_seg];
        const struct tac_seg *up = nd->parent < 0 ? NULL : &t->seg[b->node[nd->parent].seg];
        nd->seg = (int32_t)n_seg++;
        *sg = (struct tac_seg){.parent = up ? b->node[nd->parent].seg : -1,
                               .row0 = row,
                               .n = (int32_t)nd->n,
                               .base = up ? up->base + up->n : 0,
                               .kv = nd->kv};
        for (int32_t i = 0; nd->kv < 0 && i < sg->n; i++, row++) {
            t->src[row] = b->src[nd->uid0 + (size_t)i];
            t->pos[row] = sg->base + i;
            t->seg_of[row] = nd->seg;
            row_of[nd->uid0 + (size_t)i] = row;
        }
        if (nd->first_child >= 0) {
            at = nd->first_child;
            continue;
        }
        while (at >= 0) {
            t->seg[b->node[at].seg].end = row;
            if (b->node[at].next >= 0)
                break;
            at = b->node[at].parent;
        }
        at = at < 0 ? -1 : b->node[at].next;
    }
    t->n_seg = n_seg;
}

static int by_row(const void *a, const void *b)
{
    const struct tac_label *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->token > y->token) - (x->token < y->token);
}

static void set_labels(struct tac_tree *t, const struct builder *b, const struct tac_seq *seq,
                       size_t n, const int32_t *row_of)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        size_t rows = tac_seq_rows(&seq[i]);
        t->last_row[i] = rows ? row_of[b->path[i][rows - 1]] : -1;
        for (size_t j = 0; j < seq[i].n_mark; j++) {
            const struct tac_mark *m = &seq[i].mark[j];
            t->label[k++] =
                (struct tac_label){row_of[b->path[i][m->at]], m->token, m->weight, m->item};
        }
    }
    qsort(t->label, k, sizeof *t->label, by_row);
}

static enum tacit_status allocate(struct tac_tree *t, const struct builder *b,
                                  const struct tac_seq *seq, size_t n, struct tacit_err *err)
{
    struct tac_arena *a = &t->arena;
    t->T = b->n_uid;
    t->n_seq = n;
    t->n_label = 0;
    for (size_t i = 0; i < n; i++)
        t->n_label += seq[i].n_mark;
    t->src = tac_arena_alloc(a, t->T, sizeof *t->src, err);
    t->pos = tac_arena_alloc(a, t->T, sizeof *t->pos, err);
    t->seg_of = tac_arena_alloc(a, t->T, sizeof *t->seg_of, err);
    t->seg = tac_arena_alloc(a, b->n_node, sizeof *t->seg, err);
    t->label = tac_arena_alloc(a, t->n_label, sizeof *t->label, err);
    t->last_row = tac_arena_alloc(a, n, sizeof *t->last_row, err);
    bool ok = t->src && t->pos && t->seg_of && t->seg && t->label && t->last_row;
    return ok ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status insert_all(struct builder *b, const struct tac_seq *seq, size_t n,
                                    struct tac_arena *tmp, struct tacit_err *err)
{
    size_t total = 0;
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < b->opt->n_kv; i++) {
        int32_t at;
        s = add_node(b, -1, 0, (size_t)b->opt->kv_len[i], &at, err);
        if (!s)
            b->node[at].kv = (int32_t)i;
    }
    for (size_t i = 0; !s && i < n; i++) {
        size_t rows = tac_seq_rows(&seq[i]);
        TAC_CHECK(seq[i].root < (int32_t)b->opt->n_kv);
        total += rows;
        if (total > INT32_MAX)
            return tac_fail(err, TACIT_EINPUT, "a batch of more than %d rows", INT32_MAX);
        b->path[i] = tac_arena_alloc(tmp, rows, sizeof **b->path, err);
        s = b->path[i] ? insert(b, &seq[i], rows, b->path[i], err) : TACIT_EFAIL;
    }
    return s;
}

enum tacit_status tac_tree_build(struct tac_tree *t, const struct tac_seq *seq, size_t n,
                                 const struct tac_tree_options *o, struct tacit_err *err)
{
    *t = (struct tac_tree){.n_kv = o->n_kv};
    struct tac_arena tmp = {0};
    struct builder b = {.opt = o, .first_root = -1, .last_root = -1};
    enum tacit_status s = TACIT_EFAIL;
    b.path = tac_arena_alloc(&tmp, n, sizeof *b.path, err);
    if (!b.path)
        goto out;
    s = insert_all(&b, seq, n, &tmp, err);
    if (!s)
        s = allocate(t, &b, seq, n, err);
    if (s)
        goto out;
    int32_t *row_of = tac_arena_alloc(&tmp, b.n_uid, sizeof *row_of, err);
    if (!row_of) {
        s = TACIT_EFAIL;
        goto out;
    }
    flatten(t, &b, row_of);
    set_labels(t, &b, seq, n, row_of);
    for (size_t i = 0; i < t->T; i++)
        if (t->src[i] < 0 && (size_t)(-1 - (int64_t)t->src[i]) >= t->soft)
            t->soft = (size_t)(-1 - (int64_t)t->src[i]) + 1;
out:
    free(b.node);
    free(b.src);
    tac_arena_release(&tmp);
    if (s)
        tac_tree_release(t);
    return s;
}

int32_t tac_tree_row(const struct tac_tree *t, size_t seq, size_t at)
{
    int32_t s = t->seg_of[t->last_row[seq]], top = s;
    while (t->seg[top].parent >= 0)
        top = t->seg[top].parent;
    int32_t place = (int32_t)at + (t->seg[top].kv >= 0 ? t->seg[top].n : 0);
    while (t->seg[s].base > place)
        s = t->seg[s].parent;
    return t->seg[s].row0 + place - t->seg[s].base;
}

void tac_tree_release(struct tac_tree *t)
{
    tac_arena_release(&t->arena);
    *t = (struct tac_tree){0};
}
