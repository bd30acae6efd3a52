/* Folders of imported models. */
#include "api/import.h"

#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void tac_import_release(struct tac_import *m)
{
    tac_gguf_close(&m->gguf);
    tac_llama2c_close(&m->llama2c);
    tac_llama2c_pieces_close(&m->pieces);
    json_decref(m->scaling);
    tac_arena_release(&m->arena);
    *m = (struct tac_import){0};
}

/* What a tensor is written in. Q8_0's elements are products of an 11-bit and an 8-bit number: F16
 * rounds them by at most a sixteenth of what quantising did. */
static enum tac_dtype dtype_of(const struct tac_ggml_tensor *t, const char *dtype)
{
    if (dtype)
        return tac_dtype_short(dtype);
    return t->type == TAC_GGML_F32 ? TAC_F32 : t->type == TAC_GGML_BF16 ? TAC_BF16 : TAC_F16;
}

/* The embedding, which each architecture names first. */
static enum tac_dtype main_dtype(const struct tac_import *m, const char *dtype)
{
    return dtype_of(m->tensor[0].from, dtype);
}

const char *tac_import_dtype(const struct tac_import *m, const char *dtype)
{
    enum tac_dtype t = main_dtype(m, dtype);
    return t == TAC_F32 ? "f32" : t == TAC_F16 ? "f16" : "bf16";
}

/* ---- weights ---- */

/* The file while it is written: the tensor whose turn it is. */
struct turn {
    const struct tac_import *m;
    const struct tac_import_tensor *now;
    size_t done;
    const struct tacit_progress *progress;
};

static const struct tac_map *map_of(const struct tac_import *m)
{
    return m->gguf.map.data ? &m->gguf.map : &m->llama2c.map;
}

/* What has been written need not stay in memory. */
static enum tacit_status next(void *ctx, const struct tac_tensor *t, struct tacit_err *err)
{
    struct turn *x = ctx;
    struct tacit_event e = {.kind = TACIT_EVENT_WORK, .done = x->done++, .total = x->m->n_tensor};
    if (x->now)
        tac_map_forget(map_of(x->m), (size_t)(x->now->from->data - map_of(x->m)->data),
                       x->now->from->bytes);
    x->now = &x->m->tensor[t->place];
    if (x->progress && x->progress->report && x->progress->report(x->progress->ctx, &e))
        return tac_fail(err, TACIT_ECANCEL, "stopped after %zu of %zu tensors", x->done - 1,
                        x->m->n_tensor);
    return TACIT_OK;
}

static void give(void *ctx, float *out, size_t from, size_t n)
{
    struct turn *x = ctx;
    size_t place = (size_t)(x->now - x->m->tensor);
    tac_import_read(x->m, out, x->now, from - place, n);
}

static enum tacit_status write_weights(const struct tac_import *m, const char *path,
                                       const char *dtype, const struct tacit_progress *progress,
                                       struct tacit_err *err)
{
    struct turn turn = {.m = m, .progress = progress};
    struct tac_supply supply = {give, &turn, next};
    struct tac_tensor *t = tac_alloc(m->n_tensor, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    for (size_t i = 0; i < m->n_tensor; i++) {
        const struct tac_ggml_tensor *from = m->tensor[i].from;
        bool turned = m->tensor[i].how == TAC_TRANSPOSED;
        t[i] = (struct tac_tensor){.name = m->tensor[i].name,
                                   .dtype = dtype_of(from, dtype),
                                   .rank = from->rank,
                                   .shape = {from->shape[turned], from->shape[!turned]},
                                   .place = i};
    }
    tac_map_forget(map_of(m), 0, map_of(m)->size);
    enum tacit_status s = tac_safetensors_supply(path, t, m->n_tensor, NULL, 0, &supply, err);
    free(t);
    return s;
}

/* ---- the folder ---- */

/* Saves and frees what JSON there is; NULL is no memory. */
static enum tacit_status save(const char *dir, const char *name, json_t *take,
                              struct tacit_err *err)
{
    char *path = take ? tac_path(dir, name, err) : NULL;
    enum tacit_status s = path   ? tac_json_save(path, take, err)
                          : take ? TACIT_EFAIL
                                 : tac_fail_memory(err, 0);
    json_decref(take);
    free(path);
    return s;
}

static enum tacit_status save_tokenizer(const struct tac_import *m, const char *dir,
                                        const struct tac_buf *text, struct tacit_err *err)
{
    char *path = tac_path(dir, "tokenizer.json", err);
    enum tacit_status s = path ? tac_file_write(path, text->data, text->len, err) : TACIT_EFAIL;
    free(path);
    return s ? s : save(dir, "tokenizer_config.json", tac_import_tokenizer_config(&m->vocab), err);
}

static enum tacit_status save_config(const struct tac_import *m, const char *dir, const char *dtype,
                                     struct tacit_err *err)
{
    json_t *c = tac_import_config(m);
    if (c && json_object_set_new(c, "dtype", json_string(tac_dtype_torch(main_dtype(m, dtype))))) {
        json_decref(c);
        c = NULL;
    }
    return save(dir, "config.json", c, err);
}

enum tacit_status tac_import_write(const struct tac_import *m, const char *dir, const char *dtype,
                                   const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tac_buf tokenizer = {0};
    bool was = tac_is_dir(dir);
    char *weights = tac_path(dir, "model.safetensors", err);
    enum tacit_status s = weights ? TACIT_OK : TACIT_EFAIL;
    if (!s && m->has_vocab)
        s = tac_import_tokenizer(&tokenizer, &m->vocab, err);
    if (!s)
        s = tac_mkdirs(dir, err);
    if (!s)
        s = write_weights(m, weights, dtype, progress, err);
    if (s && !was)
        (void)rmdir(dir); /* empty: the weights come first, whole or not at all */
    if (!s && m->has_vocab)
        s = save_tokenizer(m, dir, &tokenizer, err);
    if (!s)
        s = save_config(m, dir, dtype, err);
    tac_buf_release(&tokenizer);
    free(weights);
    return s;
}
