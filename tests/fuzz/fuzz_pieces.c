/* llama2.c's tokenizers: two bytes for the number of pieces, then the file. Accepted pieces are
 * whole, and the last one ends with the file. */
#include "format/llama2c.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct tac_llama2c_pieces *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct tac_gguf_string s = p->piece[i].text;
        if (!s.n || tac_utf8_bad(s.s, s.n) != s.n || !isfinite(p->piece[i].score))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct tac_llama2c_pieces p;
    struct tacit_err err;
    if (size < 2)
        return 0;
    size_t n = data[0] | (size_t)data[1] << 8;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data + 2, size - 2) != (ssize_t)size - 2)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (tac_llama2c_pieces_open(&p, path, n, &err) == TACIT_OK) {
        if (p.n != n)
            abort();
        look(&p);
    }
    tac_llama2c_pieces_close(&p);
    close(fd);
    return 0;
}
