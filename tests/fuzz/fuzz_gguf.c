/* GGUF: of an accepted file every field is looked at and every element read. */
#include "format/gguf.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct tac_gguf *g, const struct tac_gguf_field *f)
{
    uint64_t u;
    double r;
    bool b;
    struct tac_gguf_string s;
    const unsigned char *at = f->data;
    unsigned sum = 0;
    if (tac_gguf_find(g, f->key) != f || !tac_gguf_describe(f))
        abort();
    (void)tac_gguf_uint(&u, f);
    (void)tac_gguf_real(&r, f);
    (void)tac_gguf_bool(&b, f);
    if (tac_gguf_string(&s, f))
        for (size_t i = 0; i < s.n; i++)
            sum += (unsigned)s.s[i];
    for (size_t i = 0; f->type == TAC_GGUF_ARRAY && i < f->n; i++)
        if (f->of == TAC_GGUF_STRING) {
            s = tac_gguf_next(&at);
            sum += s.n ? (unsigned)s.s[s.n - 1] : 0;
        } else if (f->of == TAC_GGUF_F32) {
            (void)tac_gguf_f32_at(f, i);
        } else if (f->of == TAC_GGUF_I32) {
            (void)tac_gguf_i32_at(f, i);
        }
    if (f->type == TAC_GGUF_ARRAY && f->of == TAC_GGUF_STRING && at != f->data + f->bytes)
        abort();
}

static void read_all(const struct tac_gguf *g, const struct tac_ggml_tensor *t)
{
    float v[64];
    if (tac_gguf_tensor(g, t->name) != t || !t->n)
        abort();
    for (size_t at = 0; at < t->n; at += 64)
        tac_ggml_read(v, t, at, t->n - at < 64 ? t->n - at : 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct tac_gguf g;
    struct tacit_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (tac_gguf_open(&g, path, &err) == TACIT_OK) {
        for (size_t i = 0; i < g.n_field; i++)
            look(&g, &g.field[i]);
        for (size_t i = 0; i < g.n_tensor; i++)
            read_all(&g, &g.tensor[i]);
    }
    tac_gguf_close(&g);
    close(fd);
    return 0;
}
