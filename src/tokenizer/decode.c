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

/* Appends bytes of a byte-level vocabulary's text, but for the beginning of a character. */
static enum tacit_status put_bytes(struct tac_decode_stream *d, struct tac_buf *out, const char *s,
                                   size_t n, struct tacit_err *err)
{
    size_t left = 0;
    enum tacit_status st = TACIT_OK;
    if (d->held.len) {
        st = tac_buf_add(&d->held, s, n, err);
        s = d->held.data;
        n = d->held.len;
    }
    if (!st)
        st = put_lossy(out, s, n, &left, err);
    if (st)
        return st;
    char rest[4];
    memcpy(rest, s + n - left, left);
    tac_buf_clear(&d->held);
    return left ? tac_buf_add(&d->held, rest, left, err) : TACIT_OK;
}

/* Appends text of a plain vocabulary without what is stripped from its beginning. */
static enum tacit_status put_text(struct tac_decode_stream *d, struct tac_buf *out, const char *s,
                                  size_t n, struct tacit_err *err)
{
    const struct tac_decoding *how = &d->t->decoding;
    size_t len = strlen(how->strip_char);
    while (!d->in_text && !d->continues && n) {
        d->in_text = d->stripped == how->strip || n < len || memcmp(s, how->strip_char, len) != 0;
        if (!d->in_text) {
            s += len;
            n -= len;
            d->stripped++;
        }
    }
    return tac_buf_add(out, s, n, err);
}

/* Appends what a run of byte tokens is: characters if all of them are, or a U+FFFD for each. */
static enum tacit_status put_run(struct tac_decode_stream *d, struct tac_buf *out,
                                 struct tacit_err *err)
{
    size_t n = d->held.len;
    enum tacit_status st = TACIT_OK;
    if (!n)
        return TACIT_OK;
    if (tac_utf8_bad(d->held.data, n) == n)
        st = put_text(d, out, d->held.data, n, err);
    else
        for (size_t i = 0; i < n && !st; i++)
            st = put_text(d, out, REPLACEMENT, strlen(REPLACEMENT), err);
    tac_buf_clear(&d->held);
    return st;
}

/* The first token's text under Metaspace: no character that stands for a space is left. */
static enum tacit_status put_first(struct tac_decode_stream *d, struct tac_buf *out, int32_t id,
                                   struct tacit_err *err)
{
    const char *mark = d->t->decoding.first;
    size_t n, len = strlen(mark), step;
    const char *s = tac_vocab_bytes(&d->t->bpe.vocab, id, &n);
    enum tacit_status st = TACIT_OK;
    for (const char *end = s + n; s < end && !st; s += step) {
        tac_char_at(s, &step);
        if (step != len || memcmp(s, mark, len) != 0)
            st = tac_buf_add(out, s, step, err);
    }
    return st;
}

enum tacit_status tac_decode_stream_next(struct tac_decode_stream *d, struct tac_buf *out,
                                         int32_t id, struct tacit_err *err)
{
    const struct tac_decoding *how = &d->t->decoding;
    size_t n;
    bool special, first = !d->begun && !d->continues;
    const char *s = tac_tokenizer_token(d->t, id, &n, &special);
    if (!s || (special && d->skip_special))
        return TACIT_OK;
    d->begun = true;
    if (!how->at)
        return put_bytes(d, out, s, n, err);
    if (how->is_byte[id])
        return tac_buf_add(&d->held, s, n, err);
    enum tacit_status st = put_run(d, out, err);
    if (st)
        return st;
    return first && *how->first ? put_first(d, out, id, err) : put_text(d, out, s, n, err);
}

enum tacit_status tac_decode_stream_flush(struct tac_decode_stream *d, struct tac_buf *out,
                                          struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    if (d->t->decoding.at)
        st = put_run(d, out, err);
    else if (d->held.len)
        st = tac_buf_adds(out, REPLACEMENT, err);
    tac_buf_clear(&d->held);
    d->begun = d->in_text = false;
    d->stripped = 0;
    return st;
}

void tac_decode_stream_release(struct tac_decode_stream *d)
{
    tac_buf_release(&d->held);
}

enum tacit_status tac_tokenizer_decode(const struct tac_tokenizer *t, struct tac_buf *out,
                                       const int32_t *ids, size_t n, bool skip_special,
                                       struct tacit_err *err)
{
    struct tac_decode_stream d = {.t = t, .skip_special = skip_special};
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = tac_decode_stream_next(&d, out, ids[i], err);
    if (!st)
        st = tac_decode_stream_flush(&d, out, err);
    tac_decode_stream_release(&d);
    return st;
}

enum tacit_status tac_tokenizer_piece(const struct tac_tokenizer *t, struct tac_buf *out,
                                      int32_t id, struct tacit_err *err)
{
    struct tac_decode_stream d = {.t = t, .continues = true};
    enum tacit_status st = tac_decode_stream_next(&d, out, id, err);
    if (!st)
        st = tac_decode_stream_flush(&d, out, err);
    tac_decode_stream_release(&d);
    return st;
}
