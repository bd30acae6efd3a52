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

/* What is asked for while a checkpoint is written: the block, then the state. */
static void give(void *ctx, float *out, size_t from, size_t n)
{
    const struct tac_optim *op = ctx;
    struct tac_backend *be = op->tune->weights->be;
    if (from < op->tune->n)
        tac_tune_give(op->tune, out, from, n);
    else
        be->ops->download(be, out, tac_real_at(be, op->state, from - op->tune->n), n);
}

enum tacit_status tac_checkpoint_save(const struct tac_checkpoint *c, const char *dir,
                                      const char *identity, const struct tac_optim *op,
                                      struct tacit_err *err)
{
    int64_t counter[N_COUNTER] = {c->step,           (int64_t)c->metrics, (int64_t)c->tokens,
                                  (int64_t)c->evals, (int64_t)c->stale,   c->best_step,
                                  c->finished,       c->pending};
    size_t n = op->tune->n;
    struct tac_tensor t[5] = {
        vector("counter", counter, TAC_I64, N_COUNTER), vector("best", &c->best, TAC_F64, 1),
        vector("values", NULL, TAC_F32, n), vector("state", NULL, TAC_F32, op->n_state)};
    size_t count = 4;
    t[3].place = n;
    if (c->best_values)
        t[count++] = vector("best_values", c->best_values, TAC_F32, n);
    struct tac_meta meta = {"identity", identity};
    struct tac_supply supply = {.give = give, .ctx = (void *)(uintptr_t)op};
    char *path = tac_path(dir, file_name, err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = tac_safetensors_supply(path, t, count, &meta, 1, &supply, err);
    free(path);
    return s;
}

static enum tacit_status find(const struct tac_tensor **t, const struct tac_safetensors *f,
                              const char *name, enum tac_dtype type, size_t n, const char *path,
                              struct tacit_err *err)
{
    *t = tac_safetensors_find(f, name);
    if (!*t || (*t)->dtype != type || (*t)->bytes != n * tac_dtype_size(type))
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': expected %zu elements of %s", path,
                        name, n, tac_dtype_name(type));
    return TACIT_OK;
}

static enum tacit_status copy_out(void *out, const struct tac_safetensors *f, const char *name,
                                  enum tac_dtype type, size_t n, const char *path,
                                  struct tacit_err *err)
{
    const struct tac_tensor *t;
    enum tacit_status s = find(&t, f, name, type, n, path, err);
    if (!s)
        memcpy(out, t->data, t->bytes);
    return s;
}

/* A tensor into the block or, behind it, the state, in pieces: what was read leaves memory. */
static enum tacit_status put_out(struct tac_optim *op, size_t to, const struct tac_safetensors *f,
                                 const char *name, size_t n, const char *path,
                                 struct tacit_err *err)
{
    enum { PIECE = 1 << 20 };
    struct tac_backend *be = op->tune->weights->be;
    const struct tac_tensor *t;
    enum tacit_status s = find(&t, f, name, TAC_F32, n, path, err);
    float *buf = s ? NULL : tac_alloc(n < PIECE ? n : PIECE, sizeof *buf, err);
    for (size_t at = 0; buf && at < n; at += PIECE) {
        size_t k = n - at < PIECE ? n - at : PIECE;
        tac_tensor_read_f32(buf, t, at, k);
        if (to < op->tune->n)
            tac_tune_put(op->tune, buf, to + at, k);
        else
            be->ops->upload(be, tac_real_at(be, op->state, to - op->tune->n + at), buf, k);
        tac_map_forget(&f->map, (size_t)(t->data - f->map.data) + at * sizeof *buf,
                       k * sizeof *buf);
    }
    free(buf);
    return s ? s : buf ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status read_checkpoint(struct tac_checkpoint *c, const struct tac_safetensors *f,
                                         const char *identity, struct tac_optim *op,
                                         const char *path, struct tacit_err *err)
{
    size_t n = op->tune->n;
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
        s = put_out(op, 0, f, "values", n, path, err);
    if (!s)
        s = put_out(op, n, f, "state", op->n_state, path, err);
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
                                      const char *identity, struct tac_optim *op,
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
            s = read_checkpoint(c, &f, identity, op, path, err);
    }
    tac_safetensors_close(&f);
    free(path);
    if (!s && *found)
        tac_tune_changed(op->tune);
    return s;
}

static enum tacit_status make_room(struct tac_history *h, struct tacit_err *err)
{
    return tac_grow(&h->values, &h->cap, (h->count + 1) * h->rows * h->cols, sizeof *h->values,
                    err);
}

enum tacit_status tac_history_add(struct tac_history *h, struct tac_tune *t, struct tacit_err *err)
{
    size_t n = h->rows * h->cols;
    enum tacit_status s = make_room(h, err);
    if (!s)
        tac_tune_give(t, h->values + h->count++ * n, 0, n);
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
    char *path = tac_path(dir, history_name, err);
    enum tacit_status s = path ? tac_safetensors_open(&f, path, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "epoch.%zu", i);
        s = make_room(h, err);
        if (!s)
            s = copy_out(h->values + h->count * n, &f, name, TAC_F32, n, path, err);
        h->count += !s;
    }
    tac_safetensors_close(&f);
    free(path);
    return s;
}

void tac_history_release(struct tac_history *h)
{
    free(h->values);
    *h = (struct tac_history){.rows = h->rows, .cols = h->cols};
}
