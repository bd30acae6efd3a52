#include "tokenizer/plain.h"

#include "tokenizer/chars.h"

#include <stdio.h>
#include <string.h>

#define MARK "\xe2\x96\x81" /* U+2581, for a space */
enum { MARK_BYTES = 3 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tac_byte_token(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    int high = s[3] == '+' ? 0 : hex_digit(s[3]), low = hex_digit(s[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int32_t char_id(const struct tac_bpe *b, const char *s, size_t *len)
{
    tac_char_at(s, len);
    return *len == 1 ? b->byte_id[(unsigned char)*s] : tac_vocab_find(&b->vocab, s, *len);
}

/* Appends the tokens of a character's bytes; false, and nothing, unless each has one. */
static bool put_bytes(const struct tac_bpe *b, int32_t *id, size_t *m, const char *s, size_t len)
{
    for (size_t k = 0; k < len; k++)
        if ((id[*m + k] = b->fallback_id[(unsigned char)s[k]]) < 0)
            return false;
    *m += len;
    return true;
}

/* An unknown character waits for the next one that has a token of its own, with which its own token
 * comes; bytes that stand between overtake it. So it is in HuggingFace tokenizers. */
size_t tac_plain_symbols(const struct tac_bpe *b, int32_t *id, const char *word, size_t n)
{
    size_t m = 0, len;
    bool waits = false;
    for (size_t i = 0; i < n; i += len) {
        int32_t s = char_id(b, word + i, &len);
        if (s >= 0) {
            if (waits)
                id[m++] = b->unk;
            waits = false;
            id[m++] = s;
        } else if (!(b->byte_fallback && put_bytes(b, id, &m, word + i, len)) && b->unk >= 0) {
            if (waits && !b->fuse_unk)
                id[m++] = b->unk;
            waits = true;
        }
    }
    if (waits)
        id[m++] = b->unk;
    return m;
}

static bool is_mark(const char *s, size_t n)
{
    return n >= MARK_BYTES && !memcmp(s, MARK, MARK_BYTES);
}

static bool all_marks(const struct tac_vocab *v, uint32_t id)
{
    size_t n, i = 0;
    const char *s = tac_vocab_bytes(v, (int32_t)id, &n);
    while (is_mark(s + i, n - i))
        i += MARK_BYTES;
    return i == n;
}

/* Every character has symbols, so that those of its neighbours never come to stand side by side. */
static bool knows_everything(const struct tac_bpe *b)
{
    bool bytes = b->byte_fallback;
    for (int c = 0; c < 256 && bytes; c++)
        bytes = b->fallback_id[c] >= 0;
    return bytes || (b->unk >= 0 && !all_marks(&b->vocab, (uint32_t)b->unk));
}

/* No merge joins a token that begins with "▁" to one that is not "▁" alone. Then none reaches over
 * the place before a "▁" behind another character: the symbol that ends there is no "▁", and the
 * one that begins there begins with "▁". */
static bool parts_words(const struct tac_bpe *b)
{
    const struct tac_vocab *v = &b->vocab;
    size_t n;
    if (b->ignore_merges || tac_vocab_find(v, MARK, MARK_BYTES) < 0 || !knows_everything(b))
        return false;
    for (size_t i = 0; i <= b->merge_mask; i++) {
        const struct tac_merge *m = &b->merge[i];
        if (m->rank == UINT32_MAX)
            continue;
        const char *right = tac_vocab_bytes(v, (int32_t)m->right, &n);
        if (is_mark(right, n) && !all_marks(v, m->left))
            return false;
    }
    return true;
}

void tac_plain_finish(struct tac_bpe *b)
{
    for (int c = 0; c < 256; c++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", c);
        b->fallback_id[c] = tac_vocab_find(&b->vocab, name, 6);
    }
    b->words_apart = parts_words(b);
}

size_t tac_plain_word(const char *s, size_t n)
{
    size_t i = 0;
    while (is_mark(s + i, n - i))
        i += MARK_BYTES;
    while (i < n && !is_mark(s + i, n - i))
        i++;
    return i;
}
