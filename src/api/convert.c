/* A model folder in another dtype. */
#include "api/handles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

enum tacit_status tac_check_dtype(const char *name, struct tacit_err *err)
{
    if (strcmp(name, "f32") == 0 || strcmp(name, "f16") == 0 || strcmp(name, "bf16") == 0)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "dtype '%s' is not one of f32, f16, bf16", name);
}

/* A slot's tensor in the dtype, under its canonical name; data is the caller's to free. A value
 * that the dtype is too narrow for is an error: it would become infinite. */
static enum tacit_status convert_slot(struct tac_tensor *out, const struct tac_model *m,
                                      size_t slot, char name[160], enum tac_dtype dtype,
                                      struct tacit_err *err)
{
    const struct tac_tensor *t = m->tensor[slot];
    size_t n = tac_tensor_count(t);
    unsigned char *data = tac_alloc(n, tac_dtype_size(dtype), err);
    float *chunk = tac_alloc(CHUNK, sizeof *chunk, err);
    enum tacit_status s = data && chunk ? TACIT_OK : TACIT_EFAIL;
    *out = *t;
    out->name = tac_model_slot_name(m, slot, name);
    out->dtype = dtype;
    out->data = data;
    out->bytes = n * tac_dtype_size(dtype);
    for (size_t at = 0; !s && at < n; at += CHUNK) {
        size_t k = n - at < CHUNK ? n - at : CHUNK;
        tac_tensor_read_f32(chunk, t, at, k);
        for (size_t i = 0; !s && i < k; i++) {
            tac_dtype_put(data, dtype, at + i, chunk[i]);
            if (isfinite(chunk[i]) && !isfinite(tac_dtype_get(data, dtype, at + i)))
                s = tac_fail(err, TACIT_EINPUT,
                             "%s: tensor '%s': element %zu is %g, too large for %s", m->path,
                             t->name, at + i, (double)chunk[i], tac_dtype_name(dtype));
        }
    }
    free(chunk);
    return s;
}

enum tacit_status tacit_model_convert(const char *dir, const char *path, const char *dtype,
                                      const char *hub_cache, struct tacit_err *err)
{
    struct tac_model *m = NULL;
    enum tacit_status s = tac_check_dtype(dtype, err);
    if (!s)
        s = tac_model_open(&m, path, hub_cache, err);
    if (s)
        return s;
    size_t n = 0;
    struct tac_tensor *t = tac_alloc(m->n_slot, sizeof *t, err);
    char(*name)[160] = tac_alloc(m->n_slot, sizeof *name, err);
    s = t && name ? TACIT_OK : TACIT_EFAIL;
    if (!s && strcmp(dir, m->path) == 0)
        s = tac_fail(err, TACIT_EINPUT, "%s: a model cannot be converted into its own folder", dir);
    for (size_t slot = 0; !s && slot < m->n_slot; slot++)
        if (m->tensor[slot]) {
            s = convert_slot(&t[n], m, slot, name[n], tac_dtype_short(dtype), err);
            n++;
        }
    if (!s)
        s = tac_model_write(dir, m, t, n, tac_dtype_short(dtype), err);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)t[i].data);
    free(t);
    free(name);
    tac_model_close(m);
    return s;
}
