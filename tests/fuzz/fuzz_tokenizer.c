/* tokenizer.json, and text through it: up to the first NUL the file, behind it a text to encode and
 * decode. */
#include "base/mem.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whole and token by token the same text comes out. */
static void decode(const struct tac_tokenizer *t, const int32_t *ids, size_t n)
{
    struct tac_buf whole = {0}, pieces = {0};
    struct tacit_err err;
    struct tac_decode_stream stream = {.t = t, .skip_special = true};
    if (tac_tokenizer_decode(t, &whole, ids, n, true, &err) != TACIT_OK)
        abort();
    for (size_t i = 0; i < n; i++)
        if (tac_decode_stream_next(&stream, &pieces, ids[i], &err) != TACIT_OK)
            abort();
    if (tac_decode_stream_flush(&stream, &pieces, &err) != TACIT_OK || pieces.len != whole.len ||
        (whole.len && memcmp(pieces.data, whole.data, whole.len) != 0))
        abort();
    tac_decode_stream_release(&stream);
    tac_buf_release(&whole);
    tac_buf_release(&pieces);
}

static void round_trip(const struct tac_tokenizer *t, const char *text, size_t n)
{
    struct tac_ids ids = {0};
    struct tacit_err err;
    for (unsigned how = 0; how <= TACIT_TEXT_CONTINUES; how += TACIT_TEXT_CONTINUES)
        if (tac_tokenizer_encode_as(t, &ids, text, n, how, &err) != TACIT_OK)
            break;
    for (size_t i = 0; i < ids.n; i++)
        if (ids.id[i] < 0 || (size_t)ids.id[i] >= tac_tokenizer_size(t))
            abort();
    decode(t, ids.id, ids.n);
    tac_ids_release(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tac_tokenizer *t = NULL;
    struct tacit_err err;
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t n = end ? (size_t)(end - data) : size;
    if (tac_tokenizer_parse(&t, (const char *)data, n, "fuzz", &err) != TACIT_OK)
        return 0;
    if (end)
        round_trip(t, (const char *)end + 1, size - n - 1);
    round_trip(t, "A b\xc3\xa9 12\n", 9);
    for (int32_t id = 0, other; id < 300; id++) {
        other = id * 7 % 300;
        decode(t, (const int32_t[]){id, other, id}, 3);
    }
    tac_tokenizer_close(t);
    return 0;
}
