#include "tokenizer/internal.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* How many bytes the character at s must have by its first byte; 0 where none begins so. */
static size_t wanted_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    return first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

static bool is_second(unsigned char first, unsigned char c)
{
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return c >= low && c <= high;
}

/* The bytes at s that one character or one U+FFFD takes (Unicode's "maximal subpart"); *whole: it
 * is a character; *cut: it is the beginning of one, and the text ends. */
static size_t sequence(const char *s, size_t n, bool *whole, bool *cut)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t want = wanted_length(u[0]), i = 1;
    while (i < want && i < n && (i == 1 ? is_second(u[0], u[1]) : (u[i] & 0xc0) == 0x80))
        i++;
    *whole = want && i == want;
    *cut = want && i < want && i == n;
    return i;
}

/* Appends s with ill-formed sequences replaced, up to the beginning of a character at its end:
 * *left bytes, which stay. */
static enum tacit_status put_lossy(struct tac_buf *out, const char *s, size_t n, size_t *left,
                                   struct tacit_err *err)
{
    size_t done = 0, i = 0;
    bool whole, cut;
    enum tacit_status st = TACIT_OK;
    *left = 0;
    while (i < n && !st) {
        size_t len = sequence(s + i, n - i, &whole, &cut);
        if (!whole) {
            st = tac_buf_add(out, s + done, i - done, err);
            if (!st && !cut)
                st = tac_buf_adds(out, REPLACEMENT, err);
            done = i + len;
            *left = cut ? len : 0;
        }
        i += len;
    }
    return st ? st : tac_buf_add(out, s + done, n - done, err);
}

enum tacit_status tac_tokenizer_decode(const struct tac_tokenizer *t, struct tac_buf *out,
                                       const int32_t *ids, size_t n, bool skip_special,
                                       struct tacit_err *err)
{
    struct tac_buf bytes = {0};
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < n && !st; i++) {
        size_t len;
        bool special;
        const char *token = tac_tokenizer_token(t, ids[i], &len, &special);
        if (token && !(special && skip_special))
            st = tac_buf_add(&bytes, token, len, err);
    }
    size_t left = 0;
    if (!st)
        st = put_lossy(out, bytes.data, bytes.len, &left, err);
    if (!st && left)
        st = tac_buf_adds(out, REPLACEMENT, err);
    tac_buf_release(&bytes);
    return st;
}

enum tacit_status tac_decode_stream_next(struct tac_decode_stream *d, struct tac_buf *out,
                                         int32_t id, struct tacit_err *err)
{
    size_t len, left = 0;
    bool special;
    const char *token = tac_tokenizer_token(d->t, id, &len, &special);
    if (!token || (special && d->skip_special))
        return TACIT_OK;
    struct tac_buf bytes = {0};
    enum tacit_status st = tac_buf_add(&bytes, d->held, d->n_held, err);
    if (!st)
        st = tac_buf_add(&bytes, token, len, err);
    if (!st)
        st = put_lossy(out, bytes.data, bytes.len, &left, err);
    if (!st) {
        memcpy(d->held, bytes.data + bytes.len - left, left);
        d->n_held = left;
    }
    tac_buf_release(&bytes);
    return st;
}

enum tacit_status tac_decode_stream_flush(struct tac_decode_stream *d, struct tac_buf *out,
                                          struct tacit_err *err)
{
    size_t held = d->n_held;
    d->n_held = 0;
    return held ? tac_buf_adds(out, REPLACEMENT, err) : TACIT_OK;
}
