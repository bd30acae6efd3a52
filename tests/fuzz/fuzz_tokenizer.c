/* tokenizer.json, and text through it: up to the first NUL the file, behind it a text to encode and
 * decode. */
#include "base/mem.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct tac_tokenizer *t, const char *text, size_t n)
{
    struct tac_ids ids = {0};
    struct tac_buf out = {0};
    struct tacit_err err;
    if (tac_tokenizer_encode(t, &ids, text, n, &err) == TACIT_OK) {
        for (size_t i = 0; i < ids.n; i++)
            if (ids.id[i] < 0 || (size_t)ids.id[i] >= tac_tokenizer_size(t))
                abort();
        if (tac_tokenizer_decode(t, &out, ids.id, ids.n, true, &err) != TACIT_OK)
            abort();
    }
    tac_buf_release(&out);
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
    tac_tokenizer_close(t);
    return 0;
}
