#include "train/checkpoint.h"

#include "format/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_COUNTER = 8 };

static const char file_name[] = "checkpoint.safetensors", history_name[] = "prompts.safetensors";

static struct tac_tensor vector(const char *name, const void *data, enum tac_dtype type, size_t n)
{
    return (struct tac_tensor){.name = name,
                               .dtype = type,
                               .rank = 1,
                               .shape = {n},
                               .data = data,
                               .bytes = n * tac_dtype_size(type)};
}

enum tacit_status tac_checkpoint_save(const struct tac_checkpoint *c, const char *dir,
                                      const char *identity, size_t n, size_t n_state,
                                      struct tacit_err *err)
{
    int64_t counter[N_COUNTER] = {c->step,           (int64_t)c->metrics, (int64_t)c->tokens,
                                  (int64_t)c->evals, (int64_t)c->stale,   c->best_step,
                                  c->finished,       c->pending};
    struct tac_tensor t[5] = {
        vector("counter", counter, TAC_I64, N_COUNTER), vector("best", &c->best, TAC_F64, 1),
        vector("values", c->values, TAC_F32, n), vector("state", c->state, TAC_F32, n_state)};
    size_t count = 4;
    if (c->best_values)
        t[count++] = vector("best_values", c->best_values, TAC_F32, n);
    struct tac_meta meta = {"identity", identity};
    char *path = tac_path(dir, file_name, err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = tac_safetensors_write(path, t, count, &meta, 1, err);
    free(path);
    return s;
}

static enum tacit_status copy_out(void *out, const struct tac_safetensors *f, const char *name,
                                  enum tac_dtype type, size_t n, const char *path,
                                  struct tacit_err *err)
{
    const struct tac_tensor *t = tac_safetensors_find(f, name);
    if (!t || t->dtype != type || t->bytes != n * tac_dtype_size(type))
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': expected %zu elements of %s", path,
                        name, n, tac_dtype_name(type));
    memcpy(out, t->data, t->bytes);
    return TACIT_OK;
}

static enum tacit_status read_checkpoint(struct tac_checkpoint *c, const struct tac_safetensors *f,
                                         const char *identity, size_t n, size_t n_state,
                                         const char *path, struct tacit_err *err)
{
    int64_t counter[N_COUNTER] = {0};
    const char *found = tac_safetensors_meta(f, "identity");
    if (!found || strcmp(found, identity) != 0)
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: belongs to another run (identity %s, this command's is %s): its settings, "
            "model or data differ; give another --out folder or remove this one",
            path, found ? found : "unknown", identity);
    enum tacit_status s = copy_out(counter, f, "counter", TAC_I64, N_COUNTER, path, err);
    if (!s)
        s = copy_out(&c->best, f, "best", TAC_F64, 1, path, err);
    if (!s)
        s = copy_out(c->values, f, "values", TAC_F32, n, path, err);
    if (!s)
        s = copy_out(c->state, f, "state", TAC_F32, n_state, path, err);
    if (!s && c->best_values)
        s = copy_out(c->best_values, f, "best_values", TAC_F32, n, path, err);
    c->step = counter[0];
    c->metrics = (uint64_t)counter[1];
    c->tokens = (uint64_t)counter[2];
    c->evals = (uint64_t)counter[3];
    c->stale = (uint64_t)counter[4];
    c->best_step = counter[5];
    c->finished = counter[6] != 0;
    c->pending = counter[7] != 0;
    return s;
}

enum tacit_status tac_checkpoint_load(struct tac_checkpoint *c, bool *found, const char *dir,
                                      const char *identity, size_t n, size_t n_state,
                                      struct tacit_err *err)
{
    struct tac_safetensors f = {0};
    char *path = tac_path(dir, file_name, err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_OK;
    *found = tac_file_exists(path);
    if (*found) {
        s = tac_safetensors_open(&f, path, err);
        if (!s)
            s = read_checkpoint(c, &f, identity, n, n_state, path, err);
    }
    tac_safetensors_close(&f);
    free(path);
    return s;
}

enum tacit_status tac_history_add(struct tac_history *h, const float *values, struct tacit_err *err)
{
    size_t n = h->rows * h->cols;
    enum tacit_status s = tac_grow(&h->values, &h->cap, (h->count + 1) * n, sizeof *h->values, err);
    if (!s)
        memcpy(h->values + h->count++ * n, values, n * sizeof *values);
    return s;
}

enum tacit_status tac_history_save(const struct tac_history *h, const char *dir,
                                   struct tacit_err *err)
{
    size_t n = h->rows * h->cols;
    char(*name)[32] = tac_alloc(h->count, sizeof *name, err);
    struct tac_tensor *t = tac_alloc(h->count, sizeof *t, err);
    char *path = tac_path(dir, history_name, err);
    enum tacit_status s = name && t && path ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < h->count; i++) {
        snprintf(name[i], sizeof *name, "epoch.%zu", i);
        t[i] = (struct tac_tensor){.name = name[i],
                                   .dtype = TAC_F32,
                                   .rank = 2,
                                   .shape = {h->rows, h->cols},
                                   .data = (const unsigned char *)(h->values + i * n),
                                   .bytes = n * sizeof *h->values};
    }
    if (!s)
        s = tac_safetensors_write(path, t, h->count, NULL, 0, err);
    free(path);
    free(t);
    free(name);
    return s;
}

enum tacit_status tac_history_load(struct tac_history *h, const char *dir, size_t count,
                                   struct tacit_err *err)
{
    struct tac_safetensors f = {0};
    size_t n = h->rows * h->cols;
    float *values = tac_alloc(n, sizeof *values, err);
    char *path = values ? tac_path(dir, history_name, err) : NULL;
    enum tacit_status s = path ? tac_safetensors_open(&f, path, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "epoch.%zu", i);
        s = copy_out(values, &f, name, TAC_F32, n, path, err);
        if (!s)
            s = tac_history_add(h, values, err);
    }
    tac_safetensors_close(&f);
    free(path);
    free(values);
    return s;
}

void tac_history_release(struct tac_history *h)
{
    free(h->values);
    *h = (struct tac_history){.rows = h->rows, .cols = h->cols};
}
