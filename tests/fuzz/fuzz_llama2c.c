/* llama2.c's checkpoints: of an accepted file every array is read, and the last one ends with it.
 */
#include "format/llama2c.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct tac_llama2c *m)
{
    const unsigned char *end = m->map.data + 28;
    for (int a = 0; a < TAC_N_LLAMA2C; a++)
        for (size_t l = 0; m->data[a] && l < m->L; l++) {
            struct tac_ggml_tensor t = tac_llama2c_array(m, (enum tac_llama2c_array)a, l);
            bool layered = a >= TAC_LLAMA2C_ATTN_NORM && a <= TAC_LLAMA2C_UP;
            float v[64];
            if (t.data != end)
                abort();
            end = t.data + t.bytes;
            for (size_t at = 0; at < t.n; at += 64)
                tac_ggml_read(v, &t, at, t.n - at < 64 ? t.n - at : 64);
            if (!layered)
                break;
        }
    if (end != m->map.data + m->map.size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct tac_llama2c m;
    struct tacit_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (tac_llama2c_open(&m, path, &err) == TACIT_OK) {
        if (!tac_llama2c_is(path))
            abort();
        read_all(&m);
    }
    tac_llama2c_close(&m);
    close(fd);
    return 0;
}
