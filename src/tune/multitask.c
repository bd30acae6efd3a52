#include "tune/multitask.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_LIMIT = 1 << 20, COUNT_LIMIT = 1 << 20 };
static const char type_multitask[] = "MULTITASK_PROMPT_TUNING";

/* The folder being read. */
struct folder {
    const json_t *config;
    const struct tac_safetensors *file;
    const char *cpath, *path;
    struct tacit_err *err;
};

/* A tensor of floats of this rank, none of its dimensions 0. */
static enum tacit_status find(const struct tac_tensor **out, const struct folder *o,
                              const char *name, int rank)
{
    const struct tac_tensor *t = *out = tac_safetensors_find(o->file, name);
    if (!t)
        return tac_fail(o->err, TACIT_EINPUT, "%s: tensor '%s' is missing", o->path, name);
    if (t->rank != rank || !t->bytes || !tac_dtype_is_float(t->dtype))
        return tac_fail(o->err, TACIT_EINPUT,
                        "%s: tensor '%s': expected floats in %d dimensions above 0, found %s in %d",
                        o->path, name, rank, tac_dtype_name(t->dtype), t->rank);
    return TACIT_OK;
}

/* Dimension `dim` of a tensor must be as the config's field says, where it has that field. */
static enum tacit_status agrees(const struct folder *o, const struct tac_tensor *t, int dim,
                                const char *field)
{
    int64_t n = 0;
    if (!tac_json_has(o->config, field))
        return TACIT_OK;
    enum tacit_status s = tac_json_get_int(&n, o->config, field, 1, COUNT_LIMIT, o->cpath, o->err);
    if (!s && (size_t)n != t->shape[dim])
        s = tac_fail(o->err, TACIT_EINPUT,
                     "%s: tensor '%s': dimension %d is %zu, adapter_config.json's %s says %lld",
                     o->path, t->name, dim, t->shape[dim], field, (long long)n);
    return s;
}

static enum tacit_status same(const struct folder *o, const struct tac_tensor *t, int dim,
                              const struct tac_tensor *as, int as_dim)
{
    if (t->shape[dim] == as->shape[as_dim])
        return TACIT_OK;
    return tac_fail(o->err, TACIT_EINPUT,
                    "%s: tensor '%s': dimension %d is %zu, that of '%s' is %zu", o->path, t->name,
                    dim, t->shape[dim], as->name, as->shape[as_dim]);
}

/* Which of n tasks is meant. */
static enum tacit_status choose_task(size_t *out, const struct folder *o, size_t n, long task)
{
    if (task == TAC_NO_TASK && n == 1)
        task = 0;
    if (task == TAC_NO_TASK)
        return tac_fail(o->err, TACIT_EINPUT,
                        "%s: holds prompts of %zu tasks, say which (0 to %zu) by --task-id",
                        o->path, n, n - 1);
    if (task < 0 || (size_t)task >= n)
        return tac_fail(o->err, TACIT_EINPUT, "%s: there is no task %ld, it holds tasks 0 to %zu",
                        o->path, task, n - 1);
    *out = (size_t)task;
    return TACIT_OK;
}

/* values (P,C) times cols[task] @ rows[task]. */
static void apply_task(float *values, const struct tac_tensor *cols, const struct tac_tensor *rows,
                       size_t task)
{
    size_t P = cols->shape[1], R = cols->shape[2], C = rows->shape[2];
    for (size_t p = 0; p < P; p++)
        for (size_t c = 0; c < C; c++) {
            double sum = 0;
            for (size_t r = 0; r < R; r++)
                sum += tac_tensor_get(cols, (task * P + p) * R + r) *
                       tac_tensor_get(rows, (task * R + r) * C + c);
            values[p * C + c] = (float)((double)values[p * C + c] * sum);
        }
}

static enum tacit_status read_task(float *values, const struct folder *o,
                                   const struct tac_tensor *shared, long task)
{
    const struct tac_tensor *cols, *rows;
    size_t k = 0;
    enum tacit_status s = find(&cols, o, "prefix_task_cols", 3);
    if (!s)
        s = find(&rows, o, "prefix_task_rows", 3);
    if (!s)
        s = agrees(o, cols, 0, "num_tasks");
    if (!s)
        s = agrees(o, cols, 2, "num_ranks");
    if (!s)
        s = same(o, cols, 1, shared, 0);
    if (!s)
        s = same(o, rows, 0, cols, 0);
    if (!s)
        s = same(o, rows, 1, cols, 2);
    if (!s)
        s = same(o, rows, 2, shared, 1);
    if (!s)
        s = choose_task(&k, o, cols->shape[0], task);
    if (!s)
        apply_task(values, cols, rows, k);
    return s;
}

enum tacit_status tac_multitask_values(float **values, size_t *P, size_t *C, const json_t *config,
                                       const char *cpath, const struct tac_safetensors *f,
                                       const char *path, long task, struct tacit_err *err)
{
    struct folder o = {config, f, cpath, path, err};
    const struct tac_tensor *t = NULL;
    *values = NULL;
    enum tacit_status s = find(&t, &o, "prompt_embeddings", 2);
    if (!s)
        s = agrees(&o, t, 0, "num_virtual_tokens");
    if (!s)
        s = agrees(&o, t, 1, "token_dim");
    if (s)
        return s;
    *P = t->shape[0];
    *C = t->shape[1];
    *values = tac_alloc(*P * *C, sizeof **values, err);
    if (!*values)
        return TACIT_EFAIL;
    tac_tensor_read_f32(*values, t, 0, *P * *C);
    s = read_task(*values, &o, t, task);
    if (s) {
        free(*values);
        *values = NULL;
    }
    return s;
}

/* The strings that PROMPT_TUNING's config has too. */
static enum tacit_status take_strings(struct tac_peft_prompt *p, const json_t *config,
                                      struct tacit_err *err)
{
    const struct {
        char **to;
        const char *key;
    } field[] = {{&p->base_name, "base_model_name_or_path"},
                 {&p->tokenizer_name, "tokenizer_name_or_path"},
                 {&p->init_text, "prompt_tuning_init_text"}};
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        const char *v = json_string_value(json_object_get(config, field[i].key));
        if (v && !(*field[i].to = tac_strdup(v, err)))
            return TACIT_EFAIL;
    }
    return TACIT_OK;
}

static enum tacit_status load(struct tac_peft_prompt *p, const json_t *config, const char *cpath,
                              const char *path, const struct tac_decoder_config *c, long task,
                              struct tacit_err *err)
{
    struct tac_safetensors f = {0};
    enum tacit_status s = take_strings(p, config, err);
    if (!s)
        s = tac_safetensors_open(&f, path, err);
    if (!s)
        s = tac_multitask_values(&p->values, &p->P, &p->C, config, cpath, &f, path, task, err);
    if (!s && c && p->C != c->C)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: tensor 'prompt_embeddings' is %zu wide, the model %zu: it is an adapter "
                     "of another model",
                     path, p->C, c->C);
    tac_safetensors_close(&f);
    if (s)
        tac_peft_prompt_release(p);
    return s;
}

enum tacit_status tac_prompt_load(struct tac_peft_prompt *p, const char *dir,
                                  const struct tac_decoder_config *c, long task,
                                  struct tacit_err *err)
{
    *p = (struct tac_peft_prompt){0};
    json_t *config = NULL;
    char *cpath = tac_path(dir, "adapter_config.json", err);
    char *path = cpath ? tac_path(dir, "adapter_model.safetensors", err) : NULL;
    enum tacit_status s = path ? tac_json_load(&config, cpath, CONFIG_LIMIT, err) : TACIT_EFAIL;
    const char *type = json_string_value(json_object_get(config, "peft_type"));
    if (!s && type && strcmp(type, type_multitask) == 0)
        s = load(p, config, cpath, path, c, task, err);
    else if (!s && task != TAC_NO_TASK)
        s = tac_fail(err, TACIT_EINPUT, "%s: is no %s, there are no tasks to choose from", cpath,
                     type_multitask);
    else if (!s)
        s = tac_peft_load_prompt(p, dir, c, err);
    json_decref(config);
    free(cpath);
    free(path);
    return s;
}
