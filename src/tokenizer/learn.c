#include "tokenizer/learn.h"

#include "format/json.h"
#include "tokenizer/internal.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 256, NONE = -1 };

/* A distinct word: its bytes, how often it came, and its symbols as merged so far (as many as bytes
 * at first). */
struct word {
    size_t at; /* of its bytes, and of its symbols */
    uint32_t len, n;
    uint64_t count;
};

/* A pair of neighbours: how often it is there, and the words that it came into. */
struct pair {
    int32_t left, right;
    int64_t count;
    int32_t list; /* of places, NONE at the end */
    bool touched; /* in this merge */
};

struct place {
    int32_t word, next;
};

/* The count of a pair when it was pushed. */
struct entry {
    int64_t count;
    int32_t pair;
};

struct tac_learner {
    struct tac_learn_options o;
    uint8_t *chars;
    struct tac_split split;
    struct tac_split_work work;
    struct tac_buf bytes; /* of all words */
    struct word *word;
    size_t n_word, cap_word;
    int32_t *word_slot; /* open addressing, NONE where free */
    size_t word_mask;
    int32_t *symbol; /* beside bytes */
    struct pair *pair;
    size_t n_pair, cap_pair;
    int32_t *pair_slot;
    size_t pair_mask;
    struct place *place;
    size_t n_place, cap_place;
    struct entry *heap;
    size_t n_heap, cap_heap;
    int32_t *touched; /* pairs that this merge made more common */
    size_t n_touched, cap_touched;
    struct tac_buf token; /* bytes of all tokens but the special ones, one after another */
    size_t *token_end;    /* by id - n_special */
    size_t n_token, cap_token;
    struct tac_pair *merge;
    size_t n_merge, cap_merge;
};

/* ---- hash tables of indices ---- */

static uint64_t mix(uint64_t h)
{
    h *= 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t pair_hash(int32_t left, int32_t right)
{
    return mix((uint64_t)(uint32_t)left << 32 | (uint32_t)right);
}

static uint64_t word_hash(const char *s, size_t n)
{
    return mix(tac_hash(TAC_HASH0, s, n));
}

static int32_t *new_slots(size_t n, struct tacit_err *err)
{
    int32_t *slot = tac_alloc(n, sizeof *slot, err);
    for (size_t i = 0; slot && i < n; i++)
        slot[i] = NONE;
    return slot;
}

static void put(int32_t *slot, size_t mask, uint64_t hash, int32_t index)
{
    size_t at = hash & mask;
    while (slot[at] != NONE)
        at = (at + 1) & mask;
    slot[at] = index;
}

/* Twice the room where more than half is taken. */
static enum tacit_status make_room(int32_t **slot, size_t *mask, size_t n,
                                   uint64_t (*hash)(const struct tac_learner *, size_t),
                                   const struct tac_learner *l, struct tacit_err *err)
{
    if (*slot && 2 * (n + 1) <= *mask + 1)
        return TACIT_OK;
    size_t size = *slot ? 2 * (*mask + 1) : 1024;
    int32_t *grown = new_slots(size, err);
    if (!grown)
        return TACIT_EFAIL;
    for (size_t i = 0; i < n; i++)
        put(grown, size - 1, hash(l, i), (int32_t)i);
    free(*slot);
    *slot = grown;
    *mask = size - 1;
    return TACIT_OK;
}

static uint64_t hash_of_word(const struct tac_learner *l, size_t i)
{
    return word_hash(l->bytes.data + l->word[i].at, l->word[i].len);
}

static uint64_t hash_of_pair(const struct tac_learner *l, size_t i)
{
    return pair_hash(l->pair[i].left, l->pair[i].right);
}

/* ---- counting words ---- */

static enum tacit_status new_word(struct tac_learner *l, const char *s, size_t n,
                                  struct tacit_err *err)
{
    enum tacit_status st = tac_grow(&l->word, &l->cap_word, l->n_word + 1, sizeof *l->word, err);
    if (!st && l->n_word == INT32_MAX)
        st = tac_fail(err, TACIT_EINPUT, "more than %d different words", INT32_MAX);
    size_t at = l->bytes.len;
    if (!st)
        st = tac_buf_add(&l->bytes, s, n, err);
    if (st)
        return st;
    l->word[l->n_word] = (struct word){.at = at, .len = (uint32_t)n, .n = (uint32_t)n, .count = 1};
    put(l->word_slot, l->word_mask, word_hash(s, n), (int32_t)l->n_word++);
    return TACIT_OK;
}

static enum tacit_status count_word(void *context, const char *s, size_t n, struct tacit_err *err)
{
    struct tac_learner *l = context;
    enum tacit_status st = make_room(&l->word_slot, &l->word_mask, l->n_word, hash_of_word, l, err);
    if (st)
        return st;
    for (size_t at = word_hash(s, n) & l->word_mask; l->word_slot[at] != NONE;
         at = (at + 1) & l->word_mask) {
        struct word *w = &l->word[l->word_slot[at]];
        if (w->len == n && memcmp(l->bytes.data + w->at, s, n) == 0) {
            w->count++;
            return TACIT_OK;
        }
    }
    return new_word(l, s, n, err);
}

enum tacit_status tac_learner_add(struct tac_learner *l, const char *text, size_t n,
                                  struct tacit_err *err)
{
    size_t bad = tac_utf8_bad(text, n);
    if (bad < n)
        return tac_fail(err, TACIT_EINPUT, "the text is not well-formed UTF-8 at byte %zu (0x%02x)",
                        bad, (unsigned char)text[bad]);
    return tac_split_run(&l->split, l->chars, &l->work, text, n, TAC_FIRST, count_word, l, err);
}

/* ---- tokens ---- */

static const char *token_bytes(const struct tac_learner *l, int32_t id, size_t *n)
{
    size_t i = (size_t)id - l->o.n_special, from = i ? l->token_end[i - 1] : 0;
    *n = l->token_end[i] - from;
    return l->token.data + from;
}

static enum tacit_status add_token(struct tac_learner *l, const char *s, size_t n,
                                   struct tacit_err *err)
{
    enum tacit_status st =
        tac_grow(&l->token_end, &l->cap_token, l->n_token + 1, sizeof *l->token_end, err);
    if (!st)
        st = tac_buf_add(&l->token, s, n, err);
    if (!st)
        l->token_end[l->n_token++] = l->token.len;
    return st;
}

/* The bytes in the order of their characters in the byte-level alphabet, and each one's id. */
static enum tacit_status add_bytes(struct tac_learner *l, int32_t id_of[BYTES],
                                   struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    for (uint32_t cp = 0; !st && l->n_token < BYTES; cp++) {
        char name[4], byte;
        size_t n = tac_utf8_put(name, cp), one;
        if (!tac_bytes_of_name(&byte, &one, name, n))
            continue;
        id_of[(unsigned char)byte] = (int32_t)(l->o.n_special + l->n_token);
        st = add_token(l, &byte, 1, err);
    }
    return st;
}

/* ---- pairs ---- */

static enum tacit_status find_pair(struct tac_learner *l, int32_t left, int32_t right, int32_t *out,
                                   struct tacit_err *err)
{
    enum tacit_status st = make_room(&l->pair_slot, &l->pair_mask, l->n_pair, hash_of_pair, l, err);
    if (st)
        return st;
    uint64_t hash = pair_hash(left, right);
    for (size_t at = hash & l->pair_mask; (*out = l->pair_slot[at]) != NONE;
         at = (at + 1) & l->pair_mask)
        if (l->pair[*out].left == left && l->pair[*out].right == right)
            return TACIT_OK;
    st = tac_grow(&l->pair, &l->cap_pair, l->n_pair + 1, sizeof *l->pair, err);
    if (st)
        return st;
    *out = (int32_t)l->n_pair;
    l->pair[l->n_pair] = (struct pair){.left = left, .right = right, .list = NONE};
    put(l->pair_slot, l->pair_mask, hash, (int32_t)l->n_pair++);
    return TACIT_OK;
}

/* Changes a pair's count by what one word adds; a pair that grew is to be pushed. */
static enum tacit_status change_pair(struct tac_learner *l, int32_t left, int32_t right,
                                     int32_t word, bool more, struct tacit_err *err)
{
    int32_t p;
    int64_t by = (int64_t)l->word[word].count;
    enum tacit_status st = find_pair(l, left, right, &p, err);
    if (st)
        return st;
    struct pair *pair = &l->pair[p];
    pair->count += more ? by : -by;
    if (!more)
        return TACIT_OK;
    st = tac_grow(&l->place, &l->cap_place, l->n_place + 1, sizeof *l->place, err);
    if (!st)
        st = tac_grow(&l->touched, &l->cap_touched, l->n_touched + 1, sizeof *l->touched, err);
    if (st)
        return st;
    if (pair->list == NONE || l->place[pair->list].word != word) {
        l->place[l->n_place] = (struct place){word, pair->list};
        pair->list = (int32_t)l->n_place++;
    }
    if (!pair->touched)
        l->touched[l->n_touched++] = p;
    pair->touched = true;
    return TACIT_OK;
}

/* ---- the heap: the commonest first, then the lower ids ---- */

static bool before(const struct tac_learner *l, const struct entry *a, const struct entry *b)
{
    const struct pair *x = &l->pair[a->pair], *y = &l->pair[b->pair];
    if (a->count != b->count)
        return a->count > b->count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static enum tacit_status push(struct tac_learner *l, struct entry e, struct tacit_err *err)
{
    enum tacit_status st = tac_grow(&l->heap, &l->cap_heap, l->n_heap + 1, sizeof *l->heap, err);
    if (st)
        return st;
    size_t i = l->n_heap++;
    for (size_t up; i && (up = (i - 1) / 2, before(l, &e, &l->heap[up])); i = up)
        l->heap[i] = l->heap[up];
    l->heap[i] = e;
    return TACIT_OK;
}

static struct entry pop(struct tac_learner *l)
{
    struct entry top = l->heap[0], last = l->heap[--l->n_heap];
    size_t i = 0;
    for (size_t down; (down = 2 * i + 1) < l->n_heap; i = down) {
        if (down + 1 < l->n_heap && before(l, &l->heap[down + 1], &l->heap[down]))
            down++;
        if (!before(l, &l->heap[down], &last))
            break;
        l->heap[i] = l->heap[down];
    }
    l->heap[i] = last;
    return top;
}

static enum tacit_status push_touched(struct tac_learner *l, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; !st && i < l->n_touched; i++) {
        struct pair *p = &l->pair[l->touched[i]];
        p->touched = false;
        if (p->count > 0)
            st = push(l, (struct entry){p->count, l->touched[i]}, err);
    }
    l->n_touched = 0;
    return st;
}

/* ---- learning ---- */

/* Every word as symbols of its bytes, every pair counted. */
static enum tacit_status start(struct tac_learner *l, struct tacit_err *err)
{
    int32_t id_of[BYTES];
    enum tacit_status st = add_bytes(l, id_of, err);
    l->symbol = st ? NULL : tac_alloc(l->bytes.len, sizeof *l->symbol, err);
    if (!l->symbol)
        return st ? st : TACIT_EFAIL;
    for (size_t i = 0; i < l->bytes.len; i++)
        l->symbol[i] = id_of[(unsigned char)l->bytes.data[i]];
    for (size_t w = 0; !st && w < l->n_word; w++)
        for (uint32_t i = 0; !st && i + 1 < l->word[w].n; i++) {
            const int32_t *s = l->symbol + l->word[w].at + i;
            st = change_pair(l, s[0], s[1], (int32_t)w, true, err);
        }
    return st ? st : push_touched(l, err);
}

/* Merges a pair wherever it is in a word, from the left. */
static enum tacit_status merge_in(struct tac_learner *l, int32_t word, struct tac_pair m,
                                  int32_t id, struct tacit_err *err)
{
    struct word *w = &l->word[word];
    int32_t *s = l->symbol + w->at;
    enum tacit_status st = TACIT_OK;
    for (uint32_t i = 0; !st && i + 1 < w->n; i++) {
        if (s[i] != m.left || s[i + 1] != m.right)
            continue;
        if (i > 0)
            st = change_pair(l, s[i - 1], m.left, word, false, err);
        if (!st && i > 0)
            st = change_pair(l, s[i - 1], id, word, true, err);
        s[i] = id;
        w->n--;
        memmove(s + i + 1, s + i + 2, (w->n - i - 1) * sizeof *s);
        if (!st && i + 1 < w->n)
            st = change_pair(l, m.right, s[i + 1], word, false, err);
        if (!st && i + 1 < w->n)
            st = change_pair(l, id, s[i + 1], word, true, err);
    }
    return st;
}

/* The id of two tokens' bytes together: a new one, or that of a token which has these bytes. */
static enum tacit_status joined_token(struct tac_learner *l, struct tac_pair m, int32_t *id,
                                      struct tacit_err *err)
{
    struct tac_buf joined = {0};
    size_t a, b;
    const char *left = token_bytes(l, m.left, &a), *right = token_bytes(l, m.right, &b);
    enum tacit_status st = tac_buf_add(&joined, left, a, err);
    if (!st)
        st = tac_buf_add(&joined, right, b, err);
    *id = NONE;
    for (size_t i = BYTES; !st && i < l->n_token && *id == NONE; i++) {
        size_t n;
        const char *t = token_bytes(l, (int32_t)(i + l->o.n_special), &n);
        if (n == a + b && memcmp(t, joined.data, n) == 0)
            *id = (int32_t)(i + l->o.n_special);
    }
    if (!st && *id == NONE) {
        *id = (int32_t)(l->n_token + l->o.n_special);
        st = add_token(l, joined.data, joined.len, err);
    }
    tac_buf_release(&joined);
    return st;
}

static enum tacit_status make_merge(struct tac_learner *l, int32_t p, struct tacit_err *err)
{
    struct tac_pair m = {l->pair[p].left, l->pair[p].right};
    int32_t id;
    enum tacit_status st =
        tac_grow(&l->merge, &l->cap_merge, l->n_merge + 1, sizeof *l->merge, err);
    if (!st)
        st = joined_token(l, m, &id, err);
    if (st)
        return st;
    l->merge[l->n_merge++] = m;
    int32_t list = l->pair[p].list;
    l->pair[p].list = NONE;
    for (; !st && list != NONE; list = l->place[list].next)
        st = merge_in(l, l->place[list].word, m, id, err);
    return st ? st : push_touched(l, err);
}

static enum tacit_status learn(struct tac_learner *l, int (*progress)(void *, size_t, size_t),
                               void *ctx, struct tacit_err *err)
{
    enum tacit_status st = start(l, err);
    int64_t least = l->o.min_count > 1 ? (int64_t)l->o.min_count : 1;
    while (!st && l->n_heap && l->n_token + l->o.n_special < l->o.vocab) {
        struct entry top = pop(l);
        if (top.count != l->pair[top.pair].count) {
            top.count = l->pair[top.pair].count;
            st = push(l, top, err);
            continue;
        }
        if (top.count < least)
            break;
        st = make_merge(l, top.pair, err);
        if (!st && progress && progress(ctx, l->n_token + l->o.n_special, l->o.vocab))
            st = tac_fail(err, TACIT_ECANCEL, "stopped after %zu tokens",
                          l->n_token + l->o.n_special);
    }
    return st;
}

enum tacit_status tac_learner_finish(struct tac_learner *l, struct tac_buf *out,
                                     int (*progress)(void *ctx, size_t done, size_t total),
                                     void *ctx, struct tacit_err *err)
{
    enum tacit_status st = learn(l, progress, ctx, err);
    struct tac_learned r = {.special = l->o.special,
                            .n_special = l->o.n_special,
                            .bytes = l->token.data,
                            .end = l->token_end,
                            .n_token = l->n_token,
                            .merge = l->merge,
                            .n_merge = l->n_merge,
                            .pattern = tac_scan_pattern(l->o.pattern)};
    return st ? st : tac_tokenizer_write(out, &r, err);
}

/* ---- the learner ---- */

static enum tacit_status check_options(const struct tac_learn_options *o, struct tacit_err *err)
{
    if (o->vocab < o->n_special + BYTES || o->vocab > TAC_VOCAB_MAX)
        return tac_fail(err, TACIT_EINPUT,
                        "a vocabulary of %zu tokens: expected %zu (special tokens and bytes) to %d",
                        o->vocab, o->n_special + BYTES, TAC_VOCAB_MAX);
    for (size_t i = 0; i < o->n_special; i++) {
        const char *s = o->special[i];
        if (!*s || tac_utf8_bad(s, strlen(s)) < strlen(s))
            return tac_fail(err, TACIT_EINPUT, "special token %zu is empty or not UTF-8", i + 1);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s, o->special[k]) == 0)
                return tac_fail(err, TACIT_EINPUT, "special token '%s' is there twice", s);
    }
    return TACIT_OK;
}

enum tacit_status tac_learner_new(struct tac_learner **out, const struct tac_learn_options *o,
                                  struct tacit_err *err)
{
    *out = NULL;
    enum tacit_status st = check_options(o, err);
    struct tac_learner *l = st ? NULL : tac_alloc(1, sizeof *l, err);
    if (!l)
        return st ? st : TACIT_EFAIL;
    l->o = *o;
    l->chars = tac_chars_new(err);
    st = l->chars ? TACIT_OK : TACIT_EFAIL;
    struct tac_split_step step = {.kind = TAC_SPLIT_PATTERN, .behavior = TAC_ISOLATED};
    if (!st)
        st = tac_pattern_open(&step.pattern, tac_scan_pattern(o->pattern), true, err);
    if (!st)
        st = tac_split_add(&l->split, step, err);
    if (st)
        tac_learner_free(l);
    else
        *out = l;
    return st;
}

void tac_learner_free(struct tac_learner *l)
{
    if (!l)
        return;
    free(l->chars);
    tac_split_release(&l->split);
    tac_split_work_release(&l->work);
    tac_buf_release(&l->bytes);
    free(l->word);
    free(l->word_slot);
    free(l->symbol);
    free(l->pair);
    free(l->pair_slot);
    free(l->place);
    free(l->heap);
    free(l->touched);
    tac_buf_release(&l->token);
    free(l->token_end);
    free(l->merge);
    free(l);
}
