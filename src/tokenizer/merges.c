#include "tokenizer/merges.h"

#include <string.h>

size_t tac_merges_count(const struct tac_merges *m)
{
    return m->n + m->n_waiting;
}

void tac_merges_release(struct tac_merges *m)
{
    tac_buf_release(&m->names);
    tac_buf_release(&m->bytes);
}

static enum tacit_status bad_merge(const struct tac_merges *m, const struct tac_merge_name *w,
                                   const char *what, struct tacit_err *err)
{
    char left[64], right[64];
    const char *name = m->names.data + w->name;
    return tac_fail(err, TACIT_EINPUT, "%s: merge %u, %s and %s: %s", m->name, (unsigned)m->n,
                    tac_quote(left, name, w->left_n),
                    tac_quote(right, name + w->left_n, w->right_n), what);
}

/* The merge of these tokens: left, right and made, -1 where there is none. */
static enum tacit_status make_merge(struct tac_merges *m, struct tac_merge *merge,
                                    const struct tac_merge_name *w, const int32_t id[3],
                                    struct tacit_err *err)
{
    if (id[0] < 0 || id[1] < 0)
        return bad_merge(m, w,
                         id[0] < 0 ? "the first is not in the vocabulary"
                                   : "the second is not in the vocabulary",
                         err);
    if (id[2] < 0)
        return bad_merge(m, w, "together they are not in the vocabulary", err);
    m->next_id = (uint32_t)id[2] + 1;
    *merge = (struct tac_merge){(uint32_t)id[0], (uint32_t)id[1], m->n++, (uint32_t)id[2]};
    return TACIT_OK;
}

/* The token that a merge makes. Ids mostly follow the order of the merges, so the next one is tried
 * first. */
static int32_t find_made(const struct tac_merges *m, const char *s, size_t n)
{
    const struct tac_vocab *v = &m->b->vocab;
    const struct tac_token *t = &v->token[m->next_id];
    if (m->next_id < v->size && t->used && !t->literal && t->len == n &&
        !memcmp(v->bytes + t->at, s, n))
        return (int32_t)m->next_id;
    return tac_vocab_find(v, s, n);
}

enum tacit_status tac_merges_flush(struct tac_merges *m, struct tacit_err *err)
{
    struct tac_vocab_query query[2 * TAC_MERGE_BATCH];
    struct tac_merge merge[TAC_MERGE_BATCH];
    size_t n = m->n_waiting;
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < n; i++) {
        const struct tac_merge_name *w = &m->waiting[i];
        const char *bytes = m->bytes.data + w->bytes;
        query[2 * i] = (struct tac_vocab_query){.s = bytes, .n = w->left_m};
        query[2 * i + 1] = (struct tac_vocab_query){.s = bytes + w->left_m, .n = w->right_m};
    }
    tac_vocab_find_all(&m->b->vocab, query, 2 * n);
    for (size_t i = 0; i < n && !st; i++) {
        const struct tac_merge_name *w = &m->waiting[i];
        int32_t made = find_made(m, m->bytes.data + w->bytes, w->left_m + w->right_m);
        int32_t id[3] = {query[2 * i].id, query[2 * i + 1].id, made};
        st = make_merge(m, &merge[i], w, id, err);
    }
    if (!st)
        st = tac_bpe_add_all(m->b, merge, n, err);
    m->n_waiting = 0;
    tac_buf_clear(&m->names);
    tac_buf_clear(&m->bytes);
    return st;
}

/* A merge of tokens outside the byte-level alphabet, at once. */
static enum tacit_status add_by_name(struct tac_merges *m, const struct tac_merge_name *w,
                                     struct tacit_err *err)
{
    const struct tac_vocab *v = &m->b->vocab;
    const char *name = m->names.data + w->name;
    struct tac_merge merge;
    int32_t id[3];
    enum tacit_status st = tac_vocab_find_name(v, &id[0], name, w->left_n, err);
    if (!st)
        st = tac_vocab_find_name(v, &id[1], name + w->left_n, w->right_n, err);
    if (!st)
        st = tac_vocab_find_name(v, &id[2], name, w->left_n + w->right_n, err);
    if (!st)
        st = make_merge(m, &merge, w, id, err);
    return st ? st : tac_bpe_add_all(m->b, &merge, 1, err);
}

enum tacit_status tac_merges_add(struct tac_merges *m, const char *left, size_t left_n,
                                 const char *right, size_t right_n, struct tacit_err *err)
{
    size_t at = m->bytes.len, left_m = 0, right_m = 0;
    enum tacit_status st =
        tac_grow(&m->bytes.data, &m->bytes.cap, at + left_n + right_n + 1, 1, err);
    if (st)
        return st;
    const struct tac_vocab *v = &m->b->vocab;
    char *bytes = m->bytes.data + at;
    bool mapped = tac_vocab_bytes_of_name(v, bytes, &left_m, left, left_n) &&
                  tac_vocab_bytes_of_name(v, bytes + left_m, &right_m, right, right_n);
    if (!mapped && (st = tac_merges_flush(m, err)))
        return st;
    struct tac_merge_name w = {m->names.len, left_n, right_n, at, left_m, right_m};
    st = tac_buf_add(&m->names, left, left_n, err);
    if (!st)
        st = tac_buf_add(&m->names, right, right_n, err);
    if (st || !mapped)
        return st ? st : add_by_name(m, &w, err);
    m->bytes.len += left_m + right_m;
    m->waiting[m->n_waiting++] = w;
    return m->n_waiting < TAC_MERGE_BATCH ? TACIT_OK : tac_merges_flush(m, err);
}
