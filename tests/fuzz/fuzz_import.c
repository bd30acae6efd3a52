/* Models in GGUF files: an accepted one has a config.json and tensors that can be read, and its
 * tokenizer.json is JSON. */
#include "api/import.h"
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokenizer(const struct tac_import_vocab *v)
{
    struct tac_buf text = {0};
    struct tac_tokenizer *t = NULL;
    struct tacit_err err;
    json_t *root = NULL, *config = NULL;
    if (tac_import_tokenizer(&text, v, &err) == TACIT_OK) {
        config = tac_import_tokenizer_config(v);
        if (!config || tac_json_parse(&root, text.data, text.len, "tokenizer.json", &err))
            abort();
        (void)!tac_tokenizer_parse(&t, text.data, text.len, "tokenizer.json", &err);
    }
    tac_tokenizer_close(t);
    json_decref(root);
    json_decref(config);
    tac_buf_release(&text);
}

static void check(const struct tac_import *m)
{
    json_t *config = tac_import_config(m);
    float v[48];
    if (!config || !m->n_tensor || !tac_import_dtype(m, NULL))
        abort();
    json_decref(config);
    for (size_t i = 0; i < m->n_tensor; i++)
        for (size_t at = 0, n = m->tensor[i].from->n; at < n; at += 48)
            tac_import_read(m, v, &m->tensor[i], at, n - at < 48 ? n - at : 48);
    if (m->has_vocab)
        check_tokenizer(&m->vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct tac_import m;
    struct tacit_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (tac_import_gguf(&m, path, &err) == TACIT_OK)
        check(&m);
    tac_import_release(&m);
    close(fd);
    return 0;
}
