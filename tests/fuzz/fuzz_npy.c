/* .npy: every element of an accepted file is there, and it is written and read again alike. */
#include "format/npy.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum tacit_status read_bytes(float **v, size_t *rows, size_t *cols, const void *data,
                                    size_t size)
{
    char path[64];
    struct tacit_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum tacit_status s = tac_npy_read(v, rows, cols, path, &err);
    close(fd);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float *v, *again;
    size_t rows, cols, rows2, cols2;
    struct tac_buf b = {0};
    struct tacit_err err;
    if (read_bytes(&v, &rows, &cols, data, size))
        return 0;
    if (tac_npy_put(&b, v, rows, cols, &err) || read_bytes(&again, &rows2, &cols2, b.data, b.len) ||
        rows != rows2 || cols != cols2)
        abort();
    for (size_t i = 0; i < rows * cols; i++)
        if (v[i] != again[i] && v[i] == v[i])
            abort();
    tac_buf_release(&b);
    free(v);
    free(again);
    return 0;
}
