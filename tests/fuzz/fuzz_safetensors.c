/* safetensors: every byte of every tensor of an accepted file is read. */
#include "format/safetensors.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum_bytes(const struct tac_safetensors *s)
{
    unsigned sum = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct tac_tensor *t = &s->tensor[i];
        for (size_t k = 0; k < t->bytes; k++)
            sum += t->data[k];
        if (tac_safetensors_find(s, t->name) != t)
            abort();
        if (tac_dtype_is_float(t->dtype) && t->bytes)
            (void)tac_tensor_get(t, tac_tensor_count(t) - 1);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct tac_safetensors s;
    struct tacit_err err;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (tac_safetensors_open(&s, path, &err) == TACIT_OK)
        (void)sum_bytes(&s);
    tac_safetensors_close(&s);
    close(fd);
    return 0;
}
