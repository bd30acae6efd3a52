#include "tokenizer/closed.h"

#include "tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

enum { GROUPS = 64, MOST_BYTES = 4 };

/* A token that arises as the beginning or the end of a character: the least rank of a merge that
 * joins a neighbour of each group to it. */
struct edge {
    uint32_t rank[GROUPS];
};

/* A character with a token, and the edges that its merges pass through. */
struct maker {
    uint32_t cp, id, last_rank;
    int n; /* edges on each side */
    uint32_t left[MOST_BYTES], right[MOST_BYTES];
};

struct search {
    const struct tac_bpe *b;
    struct maker *maker;
    size_t n, cap;
    uint32_t *least;              /* by id: the least rank of a merge of it with anything */
    uint32_t *left_of, *right_of; /* by id: index of its edge, 0 where it has none */
    struct edge *edge;
    size_t n_edges, edge_cap;
    struct tacit_err *err;
};

static enum tacit_status edge_of(struct search *s, uint32_t *of, int32_t id, uint32_t *index)
{
    if (!of[id]) {
        enum tacit_status st =
            tac_grow(&s->edge, &s->edge_cap, s->n_edges + 1, sizeof *s->edge, s->err);
        if (st)
            return st;
        memset(&s->edge[s->n_edges], 0xff, sizeof *s->edge);
        of[id] = (uint32_t)s->n_edges++;
    }
    *index = of[id];
    return TACIT_OK;
}

/* Merges a character's n bytes; notes it if one token comes out. */
static enum tacit_status try_char(struct search *s, const char *bytes, size_t n, uint32_t cp)
{
    struct maker m = {.cp = cp};
    int32_t id[MOST_BYTES];
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < n; i++)
        if ((id[i] = s->b->byte_id[(unsigned char)bytes[i]]) < 0)
            return TACIT_OK;
    for (; n > 1 && !st; n--) {
        const struct tac_merge *best = NULL;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const struct tac_merge *p = tac_bpe_pair(s->b, (uint32_t)id[i], (uint32_t)id[i + 1]);
            if (p->rank != UINT32_MAX && (!best || p->rank < best->rank)) {
                best = p;
                at = i;
            }
        }
        if (!best)
            return TACIT_OK;
        st = edge_of(s, s->left_of, id[0], &m.left[m.n]);
        if (!st)
            st = edge_of(s, s->right_of, id[n - 1], &m.right[m.n]);
        m.n++;
        m.last_rank = best->rank > m.last_rank ? best->rank : m.last_rank;
        id[at] = (int32_t)best->id;
        memmove(id + at + 1, id + at + 2, (n - at - 2) * sizeof *id);
    }
    if (!st)
        st = tac_grow(&s->maker, &s->cap, s->n + 1, sizeof *s->maker, s->err);
    m.id = (uint32_t)id[0];
    if (!st)
        s->maker[s->n++] = m;
    return st;
}

static enum tacit_status find_makers(struct search *s)
{
    const struct tac_vocab *v = &s->b->vocab;
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < v->size && !st; i++) {
        const struct tac_token *t = &v->token[i];
        const char *bytes = v->bytes + t->at;
        uint32_t cp;
        if (!t->used || t->literal || t->len < 2 || t->len > MOST_BYTES ||
            tac_utf8_next(bytes, t->len, &cp) != t->len || cp >= TAC_CLOSED_END)
            continue;
        st = try_char(s, bytes, t->len, cp);
    }
    return st;
}

static void lower(uint32_t *rank, uint32_t to)
{
    *rank = to < *rank ? to : *rank;
}

/* What every merge says about the edges and about whole characters. In well-formed text a first
 * byte never stands before a character nor a continuation behind one. */
static void read_merges(struct search *s)
{
    const struct tac_vocab *v = &s->b->vocab;
    for (size_t i = 0; i <= s->b->merge_mask; i++) {
        const struct tac_merge *m = &s->b->merge[i];
        if (m->rank == UINT32_MAX)
            continue;
        lower(&s->least[m->left], m->rank);
        lower(&s->least[m->right], m->rank);
        uint32_t left = s->left_of[m->right], right = s->right_of[m->left];
        const struct tac_token *t = &v->token[m->left];
        if (left && t->len) {
            unsigned char byte = (unsigned char)v->bytes[t->at + t->len - 1];
            if (byte < 0xc0)
                lower(&s->edge[left].rank[tac_byte_group((char)byte)], m->rank);
        }
        t = &v->token[m->right];
        if (right && t->len) {
            unsigned char byte = (unsigned char)v->bytes[t->at];
            if (byte < 0x80 || byte >= 0xc0)
                lower(&s->edge[right].rank[tac_byte_group((char)byte)], m->rank);
        }
    }
}

/* The groups that reach one of n edges by rank. */
static uint64_t reached(const struct search *s, const uint32_t *edge, int n, uint32_t rank)
{
    uint64_t groups = 0;
    for (int k = 0; k < n; k++)
        for (int g = 0; g < GROUPS; g++)
            groups |= (uint64_t)(s->edge[edge[k]].rank[g] <= rank) << g;
    return groups;
}

static enum tacit_status keep_closed(struct tac_closed *closed, const struct search *s)
{
    enum tacit_status st = tac_grow(&closed->c, &closed->cap, s->n + 1, sizeof *closed->c, s->err);
    if (!st && !(closed->at = tac_alloc(TAC_CLOSED_END, sizeof *closed->at, s->err)))
        st = TACIT_EFAIL;
    if (st)
        return st;
    closed->c[0] = (struct tac_closed_char){0};
    closed->n = 1;
    for (size_t i = 0; i < s->n; i++) {
        const struct maker *m = &s->maker[i];
        if (s->least[m->id] <= m->last_rank)
            continue;
        closed->at[m->cp] = (uint32_t)closed->n;
        closed->c[closed->n++] =
            (struct tac_closed_char){(int32_t)m->id, reached(s, m->left, m->n, m->last_rank),
                                     reached(s, m->right, m->n, m->last_rank)};
    }
    return TACIT_OK;
}

enum tacit_status tac_closed_find(struct tac_closed *closed, const struct tac_bpe *b,
                                  struct tacit_err *err)
{
    struct search s = {.b = b, .n_edges = 1, .err = err};
    size_t size = b->vocab.size;
    s.least = tac_alloc(size, sizeof *s.least, err);
    s.left_of = tac_alloc(size, sizeof *s.left_of, err);
    s.right_of = tac_alloc(size, sizeof *s.right_of, err);
    enum tacit_status st = s.least && s.left_of && s.right_of ? TACIT_OK : TACIT_EFAIL;
    if (!st)
        memset(s.least, 0xff, size * sizeof *s.least);
    if (!st)
        st = find_makers(&s);
    if (!st) {
        read_merges(&s);
        st = keep_closed(closed, &s);
    }
    free(s.least);
    free(s.left_of);
    free(s.right_of);
    free(s.edge);
    free(s.maker);
    return st;
}

void tac_closed_release(struct tac_closed *closed)
{
    free(closed->at);
    free(closed->c);
    *closed = (struct tac_closed){0};
}
