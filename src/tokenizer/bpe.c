#include "tokenizer/bpe.h"

#include "tokenizer/chars.h"
#include "tokenizer/plain.h"

#include <stdlib.h>
#include <string.h>

enum { CACHED_BYTES = 31, CACHED_IDS = 7, NONE = -1 };

/* A symbol of a long word, in a list linked both ways. A symbol merged into its left neighbour is
 * dead. */
struct tac_bpe_symbol {
    int32_t id;
    int32_t prev, next; /* NONE at the ends */
    bool dead;
};

/* A merge that was possible when it was pushed. */
struct tac_bpe_entry {
    uint32_t rank, id;
    int32_t at; /* of the left symbol */
};

/* A word of up to CACHED_BYTES bytes, padded with zeros; its length in the last byte. */
struct key {
    uint64_t part[4];
};

/* One cache line: a word and its ids. The key of a free slot is 0, that of no word. */
struct tac_bpe_cached {
    struct key key;
    int32_t n, id[CACHED_IDS];
};

static size_t pair_hash(uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 32);
}

/* The slot of a pair, or the free one where it belongs. */
static struct tac_merge *pair_slot(const struct tac_bpe *b, uint32_t left, uint32_t right)
{
    size_t at = pair_hash(left, right) & b->merge_mask;
    while (b->merge[at].rank != UINT32_MAX &&
           (b->merge[at].left != left || b->merge[at].right != right))
        at = (at + 1) & b->merge_mask;
    return &b->merge[at];
}

/* pair_slot for encoding. Most pairs have no merge, and the bits that tell fit a nearer cache. */
static const struct tac_merge *find_pair(const struct tac_bpe *b, uint32_t left, uint32_t right)
{
    static const struct tac_merge none = {0, 0, UINT32_MAX, UINT32_MAX};
    size_t bit = pair_hash(left, right) & b->maybe_mask;
    return b->maybe[bit >> 6] >> (bit & 63) & 1 ? pair_slot(b, left, right) : &none;
}

static enum tacit_status make_maybe(struct tac_bpe *b, struct tacit_err *err)
{
    b->maybe_mask = (b->merge_mask + 1) * 8 - 1;
    b->maybe = tac_alloc((b->maybe_mask + 1) / 64, sizeof *b->maybe, err);
    for (size_t i = 0; b->maybe && i <= b->merge_mask; i++)
        if (b->merge[i].rank != UINT32_MAX) {
            size_t bit = pair_hash(b->merge[i].left, b->merge[i].right) & b->maybe_mask;
            b->maybe[bit >> 6] |= (uint64_t)1 << (bit & 63);
        }
    return b->maybe ? TACIT_OK : TACIT_EFAIL;
}

const struct tac_merge *tac_bpe_pair(const struct tac_bpe *b, uint32_t left, uint32_t right)
{
    return pair_slot(b, left, right);
}

static enum tacit_status resize(struct tac_bpe *b, size_t slots, struct tacit_err *err)
{
    struct tac_merge *old = b->merge;
    size_t n_old = old ? b->merge_mask + 1 : 0;
    struct tac_merge *grown = tac_alloc(slots, sizeof *grown, err);
    if (!grown)
        return TACIT_EFAIL;
    memset(grown, 0xff, slots * sizeof *grown);
    b->merge = grown;
    b->merge_mask = slots - 1;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].rank != UINT32_MAX)
            *pair_slot(b, old[i].left, old[i].right) = old[i];
    free(old);
    return TACIT_OK;
}

enum tacit_status tac_bpe_reserve(struct tac_bpe *b, size_t n, struct tacit_err *err)
{
    size_t slots = 64;
    while (slots < 2 * n)
        slots *= 2;
    return b->merge && slots <= b->merge_mask + 1 ? TACIT_OK : resize(b, slots, err);
}

enum tacit_status tac_bpe_add_all(struct tac_bpe *b, const struct tac_merge *merge, size_t n,
                                  struct tacit_err *err)
{
    if (!b->merge || 2 * (b->n_merges + n) > b->merge_mask + 1) {
        enum tacit_status st = tac_bpe_reserve(b, 2 * (b->n_merges + n), err);
        if (st)
            return st;
    }
    for (size_t i = 0; i < n; i++) /* so that the places are waited for together */
        __builtin_prefetch(&b->merge[pair_hash(merge[i].left, merge[i].right) & b->merge_mask], 1);
    for (size_t i = 0; i < n; i++) {
        struct tac_merge *slot = pair_slot(b, merge[i].left, merge[i].right);
        b->n_merges += slot->rank == UINT32_MAX;
        *slot = merge[i];
    }
    return TACIT_OK;
}

enum tacit_status tac_bpe_finish(struct tac_bpe *b, struct tacit_err *err)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        b->byte_id[c] = tac_vocab_find(&b->vocab, &byte, 1);
    }
    enum tacit_status st = tac_bpe_reserve(b, 0, err); /* a vocabulary without merges is one too */
    if (!st)
        st = make_maybe(b, err);
    if (!st && b->vocab.plain)
        tac_plain_finish(b);
    return st || b->vocab.plain ? st : tac_closed_find(&b->closed, b, err);
}

void tac_bpe_release(struct tac_bpe *b)
{
    tac_vocab_release(&b->vocab);
    tac_closed_release(&b->closed);
    free(b->merge);
    free(b->maybe);
    *b = (struct tac_bpe){0};
}

enum tacit_status tac_bpe_work_cache(struct tac_bpe_work *w, int log2, struct tacit_err *err)
{
    w->cache = tac_alloc((size_t)1 << log2, sizeof *w->cache, err);
    w->cache_mask = ((size_t)1 << log2) - 1;
    return w->cache ? TACIT_OK : TACIT_EFAIL;
}

void tac_bpe_work_release(struct tac_bpe_work *w)
{
    free(w->symbol);
    free(w->heap);
    free(w->cache);
    *w = (struct tac_bpe_work){0};
}

/* The symbols of a word's bytes; returns how many, at most n. */
static size_t symbols_of_bytes(const struct tac_bpe *b, int32_t *id, const char *word, size_t n)
{
    size_t m = 0;
    bool in_unk = false;
    for (size_t i = 0; i < n; i++) {
        int32_t s = b->byte_id[(unsigned char)word[i]];
        bool unk = s < 0;
        if (!unk)
            id[m++] = s;
        else if (b->unk >= 0 && !(in_unk && b->fuse_unk))
            id[m++] = b->unk;
        in_unk = unk;
    }
    return m;
}

/* The symbol of the character of len bytes at word[i] if it is closed between its neighbours, or
 * NONE. */
static int32_t closed_char(const struct tac_closed *closed, const char *word, size_t n, size_t i,
                           uint32_t cp, size_t len)
{
    uint32_t at = cp < TAC_CLOSED_END ? closed->at[cp] : 0;
    if (!at)
        return NONE;
    const struct tac_closed_char *c = &closed->c[at];
    bool open_left = i && c->left >> tac_byte_group(word[i - 1]) & 1;
    bool open_right = i + len < n && c->right >> tac_byte_group(word[i + len]) & 1;
    return open_left || open_right ? NONE : c->id;
}

/* The symbols that a word begins as: its closed characters, and bytes. Where a byte has no token,
 * bytes alone, since symbols on either side of it may become neighbours. */
static size_t first_symbols(const struct tac_bpe *b, int32_t *id, const char *word, size_t n)
{
    size_t m = 0, len;
    for (size_t i = 0; i < n; i += len) {
        uint32_t cp = tac_char_at(word + i, &len);
        int32_t s = len > 1 ? closed_char(&b->closed, word, n, i, cp, len) : NONE;
        if (s != NONE) {
            id[m++] = s;
            continue;
        }
        for (size_t k = 0; k < len; k++)
            if ((id[m++] = b->byte_id[(unsigned char)word[i + k]]) < 0)
                return symbols_of_bytes(b, id, word, n);
    }
    return m;
}

/* A pair's merge as one number, rank << 32 | id; of two pairs the lesser goes first. */
static uint64_t pair_of(const struct tac_bpe *b, const int32_t id[2])
{
    const struct tac_merge *m = find_pair(b, (uint32_t)id[0], (uint32_t)id[1]);
    return (uint64_t)m->rank << 32 | m->id;
}

/* Merges n < TAC_BPE_LONG symbols in place; returns how many are left. pair[i] is of symbols i and
 * i + 1. */
static size_t merge_short(const struct tac_bpe *b, int32_t *id, size_t n)
{
    uint64_t pair[TAC_BPE_LONG];
    for (size_t i = 0; i + 1 < n; i++)
        pair[i] = pair_of(b, id + i);
    while (n > 1) {
        size_t best = 0;
        uint64_t least = pair[0];
        for (size_t i = 1; i + 1 < n; i++) {
            best = pair[i] < least ? i : best;
            least = pair[i] < least ? pair[i] : least;
        }
        if (least >> 32 == UINT32_MAX)
            break;
        id[best] = (int32_t)(uint32_t)least;
        n--;
        for (size_t i = best + 1; i < n; i++) {
            id[i] = id[i + 1];
            pair[i - 1] = pair[i];
        }
        if (best > 0)
            pair[best - 1] = pair_of(b, id + best - 1);
        if (best + 1 < n)
            pair[best] = pair_of(b, id + best);
    }
    return n;
}

static bool before(const struct tac_bpe_entry *a, const struct tac_bpe_entry *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

/* Pushes the merge of symbol `at` and the next one, if there is one. The heap has room. */
static void heap_push(const struct tac_bpe *b, struct tac_bpe_work *w, int32_t at)
{
    int32_t next = at == NONE ? NONE : w->symbol[at].next;
    if (next == NONE)
        return;
    const struct tac_merge *m =
        find_pair(b, (uint32_t)w->symbol[at].id, (uint32_t)w->symbol[next].id);
    if (m->rank == UINT32_MAX)
        return;
    struct tac_bpe_entry e = {m->rank, m->id, at};
    size_t i = w->heap_n++;
    for (size_t up; i && (up = (i - 1) / 2, before(&e, &w->heap[up])); i = up)
        w->heap[i] = w->heap[up];
    w->heap[i] = e;
}

static struct tac_bpe_entry heap_pop(struct tac_bpe_work *w)
{
    struct tac_bpe_entry top = w->heap[0], last = w->heap[--w->heap_n];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < w->heap_n; i = down) {
        if (down + 1 < w->heap_n && before(&w->heap[down + 1], &w->heap[down]))
            down++;
        if (!before(&w->heap[down], &last))
            break;
        w->heap[i] = w->heap[down];
    }
    w->heap[i] = last;
    return top;
}

/* The entry still describes the symbols at its place. */
static bool entry_holds(const struct tac_bpe *b, const struct tac_bpe_work *w,
                        const struct tac_bpe_entry *e)
{
    const struct tac_bpe_symbol *s = &w->symbol[e->at];
    if (s->dead || s->next == NONE)
        return false;
    return find_pair(b, (uint32_t)s->id, (uint32_t)w->symbol[s->next].id)->rank == e->rank;
}

static void merge_at(const struct tac_bpe *b, struct tac_bpe_work *w, const struct tac_bpe_entry *e)
{
    struct tac_bpe_symbol *left = &w->symbol[e->at], *right = &w->symbol[left->next];
    left->id = (int32_t)e->id;
    left->next = right->next;
    right->dead = true;
    if (right->next != NONE)
        w->symbol[right->next].prev = e->at;
    heap_push(b, w, left->prev);
    heap_push(b, w, e->at);
}

/* merge_short for any n, in n log n steps: at most n entries at first and two for each of n - 1
 * merges. */
static enum tacit_status merge_long(const struct tac_bpe *b, struct tac_bpe_work *w, int32_t *id,
                                    size_t *n, struct tacit_err *err)
{
    if (*n > INT32_MAX)
        return tac_fail(err, TACIT_EINPUT, "a word of %zu symbols; at most %d are merged", *n,
                        INT32_MAX);
    enum tacit_status st = tac_grow(&w->symbol, &w->symbol_cap, *n, sizeof *w->symbol, err);
    if (!st)
        st = tac_grow(&w->heap, &w->heap_cap, 3 * *n, sizeof *w->heap, err);
    if (st)
        return st;
    int32_t last = (int32_t)*n - 1;
    for (int32_t i = 0; i <= last; i++)
        w->symbol[i] = (struct tac_bpe_symbol){id[i], i - 1, i < last ? i + 1 : NONE, false};
    w->heap_n = 0;
    for (int32_t i = 0; i < last; i++)
        heap_push(b, w, i);
    while (w->heap_n) {
        struct tac_bpe_entry e = heap_pop(w);
        if (entry_holds(b, w, &e))
            merge_at(b, w, &e);
    }
    *n = 0;
    for (int32_t i = 0; i != NONE; i = w->symbol[i].next)
        id[(*n)++] = w->symbol[i].id;
    return TACIT_OK;
}

static enum tacit_status encode_word(const struct tac_bpe *b, struct tac_bpe_work *w,
                                     struct tac_ids *out, const char *word, size_t n,
                                     struct tacit_err *err)
{
    enum tacit_status st = tac_grow(&out->id, &out->cap, out->n + n, sizeof *out->id, err);
    if (st)
        return st;
    int32_t *id = out->id + out->n;
    int32_t whole = b->ignore_merges ? tac_vocab_find(&b->vocab, word, n) : NONE;
    size_t m = 1;
    if (whole != NONE) {
        id[0] = whole;
    } else {
        m = b->vocab.plain ? tac_plain_symbols(b, id, word, n) : first_symbols(b, id, word, n);
        if (m < TAC_BPE_LONG)
            m = merge_short(b, id, m);
        else
            st = merge_long(b, w, id, &m, err);
    }
    if (!st)
        out->n += m;
    return st;
}

static uint64_t read4(const char *s)
{
    uint32_t v;
    memcpy(&v, s, sizeof v);
    return v;
}

/* n bytes from 1 to 8 as a number, the first one lowest. Where reads overlap they agree. */
static uint64_t read_part(const char *s, size_t n)
{
    if (n >= 4)
        return read4(s) | read4(s + n - 4) << 8 * (n - 4);
    const unsigned char *u = (const unsigned char *)s;
    return u[0] | (uint64_t)u[n / 2] << 8 * (n / 2) | (uint64_t)u[n - 1] << 8 * (n - 1);
}

static struct key key_of(const char *word, size_t n)
{
    struct key k = {{0, 0, 0, (uint64_t)n << 56}};
    for (size_t i = 0; 8 * i < n; i++)
        k.part[i] |= read_part(word + 8 * i, n - 8 * i < 8 ? n - 8 * i : 8);
    return k;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return !((a->part[0] ^ b->part[0]) | (a->part[1] ^ b->part[1]) | (a->part[2] ^ b->part[2]) |
             (a->part[3] ^ b->part[3]));
}

static struct tac_bpe_cached *cache_slot(const struct tac_bpe_work *w, const struct key *k)
{
    uint64_t h = k->part[0] * 0x9e3779b97f4a7c15u + k->part[1] * 0xc2b2ae3d27d4eb4fu +
                 k->part[2] * 0x165667b19e3779f9u + k->part[3] * 0x27d4eb2f165667c5u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return &w->cache[h >> 32 & w->cache_mask];
}

enum tacit_status tac_bpe_encode(const struct tac_bpe *b, struct tac_bpe_work *w,
                                 struct tac_ids *out, const char *word, size_t n,
                                 struct tacit_err *err)
{
    if (!w->cache || !n || n > CACHED_BYTES)
        return encode_word(b, w, out, word, n, err);
    struct key key = key_of(word, n);
    struct tac_bpe_cached *slot = cache_slot(w, &key);
    if (!same_key(&slot->key, &key)) {
        size_t from = out->n;
        enum tacit_status st = encode_word(b, w, out, word, n, err);
        if (st || out->n - from > CACHED_IDS)
            return st;
        slot->key = key;
        slot->n = (int32_t)(out->n - from);
        memcpy(slot->id, out->id + from, (out->n - from) * sizeof *out->id);
        return TACIT_OK;
    }
    enum tacit_status st = tac_grow(&out->id, &out->cap, out->n + CACHED_IDS, sizeof *out->id, err);
    if (st)
        return st;
    memcpy(out->id + out->n, slot->id, sizeof slot->id);
    out->n += (size_t)slot->n;
    return TACIT_OK;
}

enum tacit_status tac_bpe_encode_apart(const struct tac_bpe *b, struct tac_bpe_work *w,
                                       struct tac_ids *out, const char *text, size_t n,
                                       struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0, len; i < n && !st; i += len) {
        len = tac_plain_word(text + i, n - i);
        st = tac_bpe_encode(b, w, out, text + i, len, err);
    }
    return st;
}
