#include "tokenizer/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The byte that a character of the byte-level alphabet stands for, or -1. Printable bytes stand for
 * themselves; the 68 others follow in order from U+0100 on. */
static int byte_of_char(uint32_t cp)
{
    if ((cp > 0x20 && cp < 0x7f) || (cp > 0xa0 && cp < 0x100 && cp != 0xad))
        return (int)cp;
    if (cp < 0x100 || cp > 0x143)
        return -1;
    uint32_t k = cp - 0x100;
    return k <= 0x20 ? (int)k : k < 67 ? (int)(k - 0x21 + 0x7f) : 0xad;
}

bool tac_bytes_of_name(char *out, size_t *out_n, const char *name, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++, k++) {
        unsigned char c = (unsigned char)name[i];
        if (c > 0x20 && c < 0x7f) {
            out[k] = (char)c;
            continue;
        }
        if (c < 0xc2 || c > 0xc5 || i + 1 == n || (name[i + 1] & 0xc0) != 0x80)
            return false;
        int byte = byte_of_char((c & 0x1fu) << 6 | ((unsigned char)name[++i] & 0x3fu));
        if (byte < 0)
            return false;
        out[k] = (char)byte;
    }
    *out_n = k;
    return true;
}

bool tac_vocab_bytes_of_name(const struct tac_vocab *v, char *out, size_t *out_n, const char *name,
                             size_t n)
{
    if (!v->plain)
        return tac_bytes_of_name(out, out_n, name, n);
    memcpy(out, name, n);
    *out_n = n;
    return true;
}

const char *tac_quote(char buf[64], const char *s, size_t n)
{
    size_t cut = n > 40 ? 40 : n;
    while (cut < n && cut && (s[cut] & 0xc0) == 0x80)
        cut--;
    snprintf(buf, 64, "\"%.*s\"%s", (int)cut, s, cut < n ? "..." : "");
    for (char *p = buf; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = '?';
    return buf;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* A hash of 32 bits, never 0. */
static uint32_t hash_bytes(const char *s, size_t n, bool literal)
{
    uint64_t h = mix(n, literal), v;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&v, s, 8);
        h = mix(h, v);
    }
    v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (unsigned char)s[i];
    h = mix(mix(h, v), 0);
    return (uint32_t)(h >> 32) | 1u;
}

static enum tacit_status resize(struct tac_vocab *v, size_t slots, struct tacit_err *err)
{
    uint64_t *grown = tac_alloc(slots, sizeof *grown, err);
    if (!grown)
        return TACIT_EFAIL;
    for (size_t i = 0; v->slot && i <= v->mask; i++) {
        if (!v->slot[i])
            continue;
        size_t at = (v->slot[i] >> 32) & (slots - 1);
        while (grown[at])
            at = (at + 1) & (slots - 1);
        grown[at] = v->slot[i];
    }
    free(v->slot);
    v->slot = grown;
    v->mask = slots - 1;
    return TACIT_OK;
}

enum tacit_status tac_vocab_reserve(struct tac_vocab *v, size_t n, struct tacit_err *err)
{
    size_t slots = 64;
    while (slots < 2 * n)
        slots *= 2;
    return v->slot && slots <= v->mask + 1 ? TACIT_OK : resize(v, slots, err);
}

void tac_vocab_release(struct tac_vocab *v)
{
    free(v->token);
    free(v->bytes);
    free(v->slot);
    *v = (struct tac_vocab){0};
}

static bool same(const struct tac_vocab *v, uint32_t id, const char *s, size_t n, bool literal)
{
    const struct tac_token *t = &v->token[id];
    return t->len == n && t->literal == literal && !memcmp(v->bytes + t->at, s, n);
}

/* The slot of a token, or the free one where it belongs. */
static size_t probe(const struct tac_vocab *v, uint32_t hash, const char *s, size_t n, bool literal)
{
    size_t at = hash & v->mask;
    while (v->slot[at]) {
        if (v->slot[at] >> 32 == hash && same(v, (uint32_t)v->slot[at] - 1, s, n, literal))
            break;
        at = (at + 1) & v->mask;
    }
    return at;
}

static int32_t find(const struct tac_vocab *v, const char *s, size_t n, bool literal)
{
    if (!v->slot)
        return -1;
    return (int32_t)(uint32_t)v->slot[probe(v, hash_bytes(s, n, literal), s, n, literal)] - 1;
}

int32_t tac_vocab_find(const struct tac_vocab *v, const char *bytes, size_t n)
{
    return find(v, bytes, n, false);
}

/* The token that a slot most probably holds; NULL where it is free. */
static const struct tac_token *likely(const struct tac_vocab *v, uint32_t hash)
{
    uint32_t id = (uint32_t)v->slot[hash & v->mask];
    return id ? &v->token[id - 1] : NULL;
}

void tac_vocab_find_all(const struct tac_vocab *v, struct tac_vocab_query *query, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        query[i].id = -1;
        query[i].hash = hash_bytes(query[i].s, query[i].n, false);
        if (v->slot)
            __builtin_prefetch(&v->slot[query[i].hash & v->mask]);
    }
    if (!v->slot)
        return;
    for (size_t i = 0; i < n; i++)
        __builtin_prefetch(likely(v, query[i].hash));
    for (size_t i = 0; i < n; i++) {
        const struct tac_token *t = likely(v, query[i].hash);
        if (t)
            __builtin_prefetch(v->bytes + t->at);
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = probe(v, query[i].hash, query[i].s, query[i].n, false);
        query[i].id = (int32_t)(uint32_t)v->slot[at] - 1;
    }
}

enum tacit_status tac_vocab_find_name(const struct tac_vocab *v, int32_t *id, const char *name,
                                      size_t n, struct tacit_err *err)
{
    if (v->plain) {
        *id = find(v, name, n, false);
        return TACIT_OK;
    }
    char small[256], *bytes = n <= sizeof small ? small : tac_alloc(n, 1, err);
    if (!bytes)
        return TACIT_EFAIL;
    size_t m;
    bool mapped = tac_bytes_of_name(bytes, &m, name, n);
    *id = mapped ? find(v, bytes, m, false) : find(v, name, n, true);
    if (bytes != small)
        free(bytes);
    return TACIT_OK;
}

/* Room for a token of n bytes with this id; what is new in the table is zeroed. */
static enum tacit_status make_room(struct tac_vocab *v, uint32_t id, size_t n,
                                   struct tacit_err *err)
{
    if (id >= v->size) {
        enum tacit_status st = tac_grow(&v->token, &v->token_cap, id + 1, sizeof *v->token, err);
        if (st)
            return st;
        memset(v->token + v->size, 0, (id + 1 - v->size) * sizeof *v->token);
        v->size = id + 1;
    }
    return tac_grow(&v->bytes, &v->bytes_cap, v->n_bytes + n + 1, 1, err);
}

enum tacit_status tac_vocab_append(struct tac_vocab *v, uint32_t id, const char *name, size_t n,
                                   struct tacit_err *err)
{
    char quoted[64];
    if (id >= TAC_VOCAB_MAX)
        return tac_fail(err, TACIT_EINPUT, "token %s: id %u is above the limit of %d",
                        tac_quote(quoted, name, n), (unsigned)id, TAC_VOCAB_MAX - 1);
    enum tacit_status st = make_room(v, id, n, err);
    if (st)
        return st;
    char *bytes = v->bytes + v->n_bytes;
    size_t m = n;
    bool literal = !v->plain && !tac_bytes_of_name(bytes, &m, name, n);
    if (literal || v->plain) {
        if (tac_utf8_bad(name, n) < n)
            return tac_fail(err, TACIT_EINPUT, "the token with id %u is not well-formed UTF-8",
                            (unsigned)id);
        memcpy(bytes, name, n);
        m = n;
    }
    if (v->token[id].used)
        return tac_fail(err, TACIT_EINPUT, "token %s: id %u belongs to another token already",
                        tac_quote(quoted, name, n), (unsigned)id);
    v->token[id] = (struct tac_token){
        .at = (uint32_t)v->n_bytes, .len = (uint32_t)m & 0xfffffffu, .used = 1, .literal = literal};
    v->n_bytes += m;
    v->count++;
    return TACIT_OK;
}

static uint32_t hash_token(const struct tac_vocab *v, const struct tac_token *t)
{
    return hash_bytes(v->bytes + t->at, t->len, t->literal);
}

/* Puts a token's id into its slot, which is free unless the name is there already. */
static enum tacit_status index_token(struct tac_vocab *v, uint32_t id, uint32_t hash,
                                     struct tacit_err *err)
{
    const struct tac_token *t = &v->token[id];
    const char *bytes = v->bytes + t->at;
    char quoted[64];
    size_t at = probe(v, hash, bytes, t->len, t->literal);
    if (v->slot[at])
        return tac_fail(err, TACIT_EINPUT, "token %s stands there twice, with ids %u and %u",
                        tac_quote(quoted, bytes, t->len), (unsigned)(uint32_t)v->slot[at] - 1,
                        (unsigned)id);
    v->slot[at] = (uint64_t)hash << 32 | (id + 1);
    return TACIT_OK;
}

enum tacit_status tac_vocab_index(struct tac_vocab *v, struct tacit_err *err)
{
    enum { AHEAD = 16 };
    uint32_t hash[AHEAD];
    enum tacit_status st = tac_vocab_reserve(v, v->count + 1, err);
    for (size_t id = 0; id < v->size + AHEAD && !st; id++) {
        uint32_t *h = &hash[id % AHEAD];
        if (id >= AHEAD && v->token[id - AHEAD].used)
            st = index_token(v, (uint32_t)(id - AHEAD), *h, err);
        if (id < v->size && v->token[id].used) {
            *h = hash_token(v, &v->token[id]);
            __builtin_prefetch(&v->slot[*h & v->mask], 1);
        }
    }
    return st;
}

enum tacit_status tac_vocab_add(struct tac_vocab *v, uint32_t id, const char *name, size_t n,
                                struct tacit_err *err)
{
    enum tacit_status st = tac_vocab_append(v, id, name, n, err);
    if (!st)
        st = tac_vocab_reserve(v, v->count, err);
    return st ? st : index_token(v, id, hash_token(v, &v->token[id]), err);
}
