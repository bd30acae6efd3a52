/* Stands in for a fuzzing engine: runs a fuzz target over the files named on the command line, and
 * over variants of each (cut short, a byte replaced), and prints TAP. For fuzzing proper, link the
 * target with libFuzzer instead: clang -fsanitize=fuzzer,address tests/fuzz/fuzz_X.c
 * build/libtacit.a ... */
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum { VARIANTS = 1024, FILE_LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs the target on a copy of exactly n bytes, so that a sanitizer sees a read behind them. */
static void run_copy(const char *text, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, text, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void run_variants(struct tac_buf *text)
{
    static const char bytes[] = {'"', '{', '[', ',', '\n', '\0', '\xff', '9'};
    size_t step = text->len / VARIANTS + 1;
    for (size_t at = 0; at < text->len; at += step) {
        char was = text->data[at];
        run_copy(text->data, at);
        text->data[at] = bytes[at % sizeof bytes];
        run_copy(text->data, text->len);
        text->data[at] = was;
    }
}

int main(int argc, char **argv)
{
    int failed = 0;
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        struct tac_buf text = {0};
        struct tacit_err err;
        if (tac_file_read(&text, argv[i], FILE_LIMIT, &err)) {
            printf("not ok %d - %s\n", i, err.msg);
            failed = 1;
        } else {
            run_copy(text.data, text.len);
            run_variants(&text);
            printf("ok %d - %s\n", i, argv[i]);
        }
        fflush(stdout);
        tac_buf_release(&text);
    }
    return failed;
}
