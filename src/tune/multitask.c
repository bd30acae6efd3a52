#include "tune/multitask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_LIMIT = 1 << 20 };
static const char type_multitask[] = "MULTITASK_PROMPT_TUNING";

static bool has_tasks(const struct tac_peft_folder *f)
{
    return strcmp(f->type, type_multitask) == 0;
}

/* The folder holds a prompt of this width (0: any); its embeddings. */
static enum tacit_status find_embeddings(const struct tac_tensor **t,
                                         const struct tac_peft_folder *f,
                                         const struct tac_decoder_config *c, struct tacit_err *err)
{
    static const char *const names[] = {"prompt_embeddings", "prefix_task_cols",
                                        "prefix_task_rows"};
    size_t P = 0, C = c ? c->C : 0;
    enum tacit_status s = TACIT_OK;
    if (f->method != &tac_method_prompt)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field 'peft_type': found '%s', expected a prompt: PROMPT_TUNING, "
                        "P_TUNING or %s",
                        f->config_path, f->type, type_multitask);
    if (!c)
        s = tac_peft_size(&C, f, "token_dim", 1, COUNT_LIMIT, 0, err);
    if (!s)
        s = tac_peft_prompt_like(&P, f, c, c ? c->H : 0, C, err);
    if (!s)
        s = tac_peft_names(f, names, has_tasks(f) ? 3 : 1, err);
    return s ? s
             : tac_peft_matrix(t, f, names[0], P, C,
                               c ? "num_virtual_tokens x the model's width"
                                 : "num_virtual_tokens x token_dim",
                               err);
}

/* Dimension `dim` of a tensor must be as the config's field says, where it has that field. */
static enum tacit_status agrees(const struct tac_peft_folder *f, const struct tac_tensor *t,
                                int dim, const char *field, struct tacit_err *err)
{
    size_t n;
    enum tacit_status s = tac_peft_size(&n, f, field, 1, COUNT_LIMIT, t->shape[dim], err);
    if (!s && n != t->shape[dim])
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: tensor '%s': dimension %d is %zu, adapter_config.json's %s says %zu",
                     f->tensor_path, t->name, dim, t->shape[dim], field, n);
    return s;
}

static enum tacit_status same(const struct tac_peft_folder *f, const struct tac_tensor *t, int dim,
                              const struct tac_tensor *as, int as_dim, struct tacit_err *err)
{
    if (t->shape[dim] == as->shape[as_dim])
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': dimension %d is %zu, that of '%s' is %zu",
                    f->tensor_path, t->name, dim, t->shape[dim], as->name, as->shape[as_dim]);
}

/* Which of n tasks is meant. */
static enum tacit_status choose_task(size_t *out, const struct tac_peft_folder *f, size_t n,
                                     long task, struct tacit_err *err)
{
    if (task == TAC_NO_TASK && n == 1)
        task = 0;
    if (task == TAC_NO_TASK)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: holds prompts of %zu tasks, say which (0 to %zu) by --task-id of "
                        "tacit convert, which makes a folder of it",
                        f->tensor_path, n, n - 1);
    if (task < 0 || (size_t)task >= n)
        return tac_fail(err, TACIT_EINPUT, "%s: there is no task %ld, it holds tasks 0 to %zu",
                        f->tensor_path, task, n - 1);
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

static enum tacit_status find_tasks(const struct tac_tensor **cols, const struct tac_tensor **rows,
                                    const struct tac_peft_folder *f,
                                    const struct tac_tensor *shared, struct tacit_err *err)
{
    enum tacit_status s = tac_peft_tensor(cols, f, "prefix_task_cols", 3, err);
    if (!s)
        s = tac_peft_tensor(rows, f, "prefix_task_rows", 3, err);
    if (!s)
        s = agrees(f, *cols, 0, "num_tasks", err);
    if (!s)
        s = agrees(f, *cols, 2, "num_ranks", err);
    if (!s)
        s = same(f, *cols, 1, shared, 0, err);
    if (!s)
        s = same(f, *rows, 0, *cols, 0, err);
    if (!s)
        s = same(f, *rows, 1, *cols, 2, err);
    return s ? s : same(f, *rows, 2, shared, 1, err);
}

static enum tacit_status take_task(float *values, const struct tac_peft_folder *f,
                                   const struct tac_tensor *shared, long task,
                                   struct tacit_err *err)
{
    const struct tac_tensor *cols, *rows;
    size_t k = 0;
    enum tacit_status s = find_tasks(&cols, &rows, f, shared, err);
    if (!s)
        s = choose_task(&k, f, cols->shape[0], task, err);
    if (!s)
        apply_task(values, cols, rows, k);
    for (size_t i = 0, n = tac_tensor_count(shared); !s && i < n; i++)
        if (!isfinite(values[i]))
            s = tac_fail(err, TACIT_EINPUT, "%s: task %zu: element %zu of its prompt is not finite",
                         f->tensor_path, k, i);
    return s;
}

enum tacit_status tac_prompt_values(float **values, size_t *P, size_t *C,
                                    const struct tac_peft_folder *f,
                                    const struct tac_decoder_config *c, long task,
                                    struct tacit_err *err)
{
    const struct tac_tensor *t = NULL;
    *values = NULL;
    enum tacit_status s = find_embeddings(&t, f, c, err);
    if (!s && !has_tasks(f) && task != TAC_NO_TASK)
        s = tac_fail(err, TACIT_EINPUT, "%s: is no %s, there are no tasks to choose from",
                     f->config_path, type_multitask);
    if (s)
        return s;
    *P = t->shape[0];
    *C = t->shape[1];
    *values = tac_alloc(*P * *C, sizeof **values, err);
    if (!*values)
        return TACIT_EFAIL;
    tac_tensor_read_f32(*values, t, 0, *P * *C);
    if (has_tasks(f))
        s = take_task(*values, f, t, task, err);
    if (s) {
        free(*values);
        *values = NULL;
    }
    return s;
}

static enum tacit_status take_string(char **out, const json_t *config, const char *key,
                                     struct tacit_err *err)
{
    const char *s = json_string_value(json_object_get(config, key));
    *out = s ? tac_strdup(s, err) : NULL;
    return s && !*out ? TACIT_EFAIL : TACIT_OK;
}

enum tacit_status tac_prompt_of(struct tac_peft_prompt *p, const struct tac_peft_folder *f,
                                const struct tac_decoder_config *c, long task,
                                struct tacit_err *err)
{
    *p = (struct tac_peft_prompt){0};
    enum tacit_status s = tac_prompt_values(&p->values, &p->P, &p->C, f, c, task, err);
    if (!s)
        s = tac_peft_size(&p->L, f, "num_layers", 1, COUNT_LIMIT, 0, err);
    if (!s)
        s = tac_peft_size(&p->H, f, "num_attention_heads", 1, COUNT_LIMIT, 0, err);
    if (!s)
        s = tac_peft_place(&p->place, f, err);
    if (!s)
        s = take_string(&p->base_name, f->config, "base_model_name_or_path", err);
    if (!s)
        s = take_string(&p->tokenizer_name, f->config, "tokenizer_name_or_path", err);
    if (!s)
        s = take_string(&p->init_text, f->config, "prompt_tuning_init_text", err);
    if (s)
        tac_peft_prompt_release(p);
    return s;
}

enum tacit_status tac_prompt_load(struct tac_peft_prompt *p, const char *dir,
                                  const struct tac_decoder_config *c, long task,
                                  struct tacit_err *err)
{
    struct tac_peft_folder f;
    *p = (struct tac_peft_prompt){0};
    enum tacit_status s = tac_peft_open(&f, dir, err);
    if (s)
        return s;
    s = tac_prompt_of(p, &f, c, task, err);
    tac_peft_close(&f);
    return s;
}
