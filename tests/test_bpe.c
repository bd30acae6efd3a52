/* Byte-pair encoding against its definition, on random vocabularies whose characters have up to
 * four bytes. */
#include "check.h"

#include "base/rng.h"
#include "tokenizer/tokenizer.h"

enum { MERGES = 40, MOST = 24, PIECES = 11, TOKENS = 64 + MERGES, WORD = 2 * TAC_BPE_LONG };

/* Characters that share their first, middle and last bytes. */
static const char *const piece[PIECES] = {"a",
                                          "b",
                                          " ",
                                          "\xc3\xa9",
                                          "\xc2\xa9",
                                          "\xe4\xb8\xad",
                                          "\xe4\xb8\x80",
                                          "\xe4\xb9\x8b",
                                          "\xe9\xb8\xad",
                                          "\xf0\x9f\x98\x80",
                                          "\xf0\x9f\x98\xad"};

struct vocabulary {
    struct tac_bpe b;
    char text[TOKENS][MOST];
    size_t len[TOKENS], n;
    int32_t byte_id[256];
    struct tac_merge merge[MERGES]; /* by rank */
    size_t n_merge;
};

/* A token as a file writes it: each byte is a character. */
static void add_token(struct vocabulary *v, const char *bytes, size_t n)
{
    struct tacit_err err;
    char name[3 * MOST];
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned c = (unsigned char)bytes[i];
        bool shown = (c > 0x20 && c < 0x7f) || (c > 0xa0 && c != 0xad);
        m += tac_utf8_put(name + m, shown       ? c
                                    : c <= 0x20 ? 0x100 + c
                                    : c == 0xad ? 0x143
                                                : 0x121 + c - 0x7f);
    }
    memcpy(v->text[v->n], bytes, n);
    v->len[v->n] = n;
    assert_ok(tac_vocab_add(&v->b.vocab, (uint32_t)v->n++, name, m, &err), err);
}

/* Merges by the definition: the least rank, of equal ones the leftmost, until there is none. */
static size_t merge_plainly(const struct vocabulary *v, int32_t *id, size_t n)
{
    for (;;) {
        size_t at = n, best = v->n_merge;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t k = 0; k < best; k++)
                if ((uint32_t)id[i] == v->merge[k].left &&
                    (uint32_t)id[i + 1] == v->merge[k].right) {
                    best = k;
                    at = i;
                }
        if (at == n)
            return n;
        id[at] = (int32_t)v->merge[best].id;
        memmove(id + at + 1, id + at + 2, (--n - at - 1) * sizeof *id);
    }
}

/* A word of random characters, at most `most` bytes of it. */
static size_t random_word(struct tac_rng *rng, char *word, size_t most)
{
    size_t n = 0;
    uint32_t kinds = 1 + tac_rng_below(rng, PIECES), from = tac_rng_below(rng, PIECES);
    for (;;) {
        const char *p = piece[(from + tac_rng_below(rng, kinds)) % PIECES];
        if (n + strlen(p) > most)
            return n;
        memcpy(word + n, p, strlen(p));
        n += strlen(p);
    }
}

static size_t bytes_of(const struct vocabulary *v, int32_t *id, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++)
        id[i] = v->byte_id[(unsigned char)word[i]];
    return n;
}

/* One more merge: of two neighbours in a word as it is merged so far. */
static void try_merge(struct vocabulary *v, struct tac_rng *rng)
{
    char word[12], both[2 * MOST];
    int32_t id[12];
    size_t n = merge_plainly(v, id, bytes_of(v, id, word, random_word(rng, word, sizeof word)));
    if (n < 2)
        return;
    size_t at = tac_rng_below(rng, (uint32_t)n - 1);
    size_t left = (size_t)id[at], right = (size_t)id[at + 1], len = v->len[left] + v->len[right];
    memcpy(both, v->text[left], v->len[left]);
    memcpy(both + v->len[left], v->text[right], v->len[right]);
    if (len > MOST || tac_vocab_find(&v->b.vocab, both, len) >= 0)
        return;
    v->merge[v->n_merge++] =
        (struct tac_merge){.left = (uint32_t)left, .right = (uint32_t)right, .id = (uint32_t)v->n};
    add_token(v, both, len);
}

/* In half of the vocabularies ranks are shuffled, so that a merge may come before those that make
 * its halves. */
static void make_vocabulary(struct vocabulary *v, struct tac_rng *rng, bool shuffled)
{
    struct tacit_err err;
    *v = (struct vocabulary){.b = {.unk = -1}};
    memset(v->byte_id, 0xff, sizeof v->byte_id);
    for (size_t p = 0; p < PIECES; p++)
        for (const char *c = piece[p]; *c; c++)
            if (v->byte_id[(unsigned char)*c] < 0) {
                v->byte_id[(unsigned char)*c] = (int32_t)v->n;
                add_token(v, c, 1);
            }
    for (int i = 0; i < 10 * MERGES && v->n_merge < MERGES; i++)
        try_merge(v, rng);
    for (size_t i = 0; i < v->n_merge; i++) {
        size_t k = shuffled ? tac_rng_below(rng, (uint32_t)i + 1) : i;
        struct tac_merge m = v->merge[i];
        v->merge[i] = v->merge[k];
        v->merge[k] = m;
    }
    for (size_t i = 0; i < v->n_merge; i++)
        v->merge[i].rank = (uint32_t)i;
    assert_ok(tac_bpe_add_all(&v->b, v->merge, v->n_merge, &err), err);
    assert_ok(tac_bpe_finish(&v->b, &err), err);
}

static void check_word(const struct vocabulary *v, struct tac_bpe_work *w, const char *word,
                       size_t n)
{
    struct tacit_err err;
    struct tac_ids got = {0};
    int32_t want[WORD];
    size_t m = merge_plainly(v, want, bytes_of(v, want, word, n));
    assert_ok(tac_bpe_encode(&v->b, w, &got, word, n, &err), err);
    if (got.n != m || memcmp(got.id, want, m * sizeof *want) != 0)
        fail_msg("%.*s: %zu ids, expected %zu or others", (int)n, word, got.n, m);
    tac_ids_release(&got);
}

/* Words below and above TAC_BPE_LONG, with and without a cache. */
static void test_merges(void **state)
{
    (void)state;
    static struct vocabulary v;
    struct tac_rng rng = tac_rng_init(8, 0);
    for (int k = 0; k < 300; k++) {
        struct tac_bpe_work plain = {0}, cached = {0};
        struct tacit_err err;
        char word[WORD];
        make_vocabulary(&v, &rng, k % 2);
        assert_ok(tac_bpe_work_cache(&cached, 4, &err), err);
        for (int i = 0; i < 200; i++) {
            size_t n = random_word(&rng, word, i % 8 ? 1 + tac_rng_below(&rng, 40) : WORD);
            check_word(&v, &plain, word, n);
            check_word(&v, &cached, word, n);
            check_word(&v, &cached, word, n);
        }
        tac_bpe_work_release(&plain);
        tac_bpe_work_release(&cached);
        tac_bpe_release(&v.b);
    }
}

/* A cache of one word: what differs from it in a single byte or in length is another word. */
static void test_cache(void **state)
{
    (void)state;
    static struct vocabulary v = {.b = {.unk = -1}};
    struct tac_bpe_work w = {0};
    struct tacit_err err;
    char word[32], as[MOST];
    memset(as, 'a', sizeof as);
    add_token(&v, "b", 1);
    for (uint32_t i = 0; i < 5; i++)
        add_token(&v, as, (size_t)1 << i);
    for (uint32_t i = 0; i < 4; i++)
        v.merge[v.n_merge++] = (struct tac_merge){i + 1, i + 1, i, i + 2};
    v.byte_id['a'] = 1;
    v.byte_id['\0'] = (int32_t)v.n;
    add_token(&v, "\0", 1);
    assert_ok(tac_bpe_add_all(&v.b, v.merge, v.n_merge, &err), err);
    assert_ok(tac_bpe_finish(&v.b, &err), err);
    assert_ok(tac_bpe_work_cache(&w, 0, &err), err);
    for (size_t n = 1; n < sizeof word; n++)
        for (size_t i = 0; i < n; i++) {
            memset(word, 'a', sizeof word);
            check_word(&v, &w, word, n);
            check_word(&v, &w, word, n - 1 ? n - 1 : 1);
            check_word(&v, &w, word, n);
            word[i] = 'b';
            check_word(&v, &w, word, n);
        }
    check_word(&v, &w, "a", 1);
    check_word(&v, &w, "a\0", 2);
    tac_bpe_work_release(&w);
    tac_bpe_release(&v.b);
}

/* A byte without a token is left out, and then its neighbours are merged: by themselves they would
 * be whole characters. */
static void test_left_out(void **state)
{
    (void)state;
    struct vocabulary v = {.b = {.unk = -1}};
    struct tac_bpe_work w = {0};
    struct tac_ids got = {0};
    struct tacit_err err;
    static const char *const tokens[] = {"a", "\xc3", "\xa9", "a\xc3", "\xc3\xa9"};
    for (size_t i = 0; i < 5; i++)
        add_token(&v, tokens[i], strlen(tokens[i]));
    v.merge[0] = (struct tac_merge){0, 1, 0, 3};
    v.merge[1] = (struct tac_merge){1, 2, 1, 4};
    assert_ok(tac_bpe_add_all(&v.b, v.merge, 2, &err), err);
    assert_ok(tac_bpe_finish(&v.b, &err), err);
    assert_ok(tac_bpe_encode(&v.b, &w, &got, "b\xc3\xa9", 3, &err), err);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.id[0], 4);
    got.n = 0;
    assert_ok(tac_bpe_encode(&v.b, &w, &got, "a\xcc\x81\xc3\xa9", 5, &err), err);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.id[0], 3);
    assert_int_equal(got.id[1], 2);
    tac_ids_release(&got);
    tac_bpe_work_release(&w);
    tac_bpe_release(&v.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_merges), cmocka_unit_test(test_cache),
                                       cmocka_unit_test(test_left_out)};
    return cmocka_run_group_tests_name("bpe", tests, NULL, NULL);
}
