/* Prompt tuning (Lester et al. 2021): P trainable embeddings before the text, everything else
 * frozen. */
#include "tune/draw.h"
#include "tune/multitask.h"

#include <stdlib.h>
#include <string.h>

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    if (item)
        *item = (struct tac_item){.name = "prompt_embeddings",
                                  .rows = t->P,
                                  .cols = t->weights->model->c.C,
                                  .decay = true};
    return 1;
}

static enum tacit_status bind(struct tac_tune *t, struct tacit_err *err)
{
    (void)err;
    t->ports.soft = t->p;
    t->ports.dsoft = t->g;
    t->ports.P = t->P;
    t->ports.grad = t->g ? TAC_GRAD_SOFT : TAC_GRAD_NONE;
    return TACIT_OK;
}

static enum tac_source source(const struct tac_tune_spec *s)
{
    (void)s;
    return TAC_FROM_ROWS;
}

static enum tacit_status start(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err)
{
    (void)err;
    struct tac_rng rng = tac_rng_init(seed, TAC_STREAM_NORMAL);
    if (from)
        memcpy(values, from, t->n * sizeof *values);
    else if (zero)
        memset(values, 0, t->n * sizeof *values);
    else
        tac_draw_normal(values, t->n, &rng);
    return TACIT_OK;
}

static enum tacit_status save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    float *values = tac_alloc(t->n, sizeof *values, err);
    if (!values)
        return TACIT_EFAIL;
    tac_tune_get(t, values);
    enum tacit_status s =
        tac_peft_save_prompt(dir, values, t->P, &t->weights->model->c, &t->info, err);
    free(values);
    return s;
}

static enum tacit_status configure(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                   const struct tac_model *m, struct tacit_err *err)
{
    float *values;
    size_t C;
    enum tacit_status st = tac_prompt_values(&values, &s->P, &C, f, &m->c, TAC_NO_TASK, err);
    free(values);
    return st;
}

static enum tacit_status read_file(const struct tac_tune *t, float *values,
                                   const struct tac_peft_folder *f, struct tacit_err *err)
{
    float *rows;
    size_t P, C;
    enum tacit_status s =
        tac_prompt_values(&rows, &P, &C, f, &t->weights->model->c, TAC_NO_TASK, err);
    if (!s)
        memcpy(values, rows, t->n * sizeof *values);
    free(rows);
    return s;
}

const struct tac_method tac_method_prompt = {
    .name = "prompt",
    .summary = "trained embeddings before the text",
    .writes = "PROMPT_TUNING",
    .reads = {"PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING"},
    .tokens = true,
    .items = items,
    .bind = bind,
    .source = source,
    .start = start,
    .save = save,
    .configure = configure,
    .read = read_file};
