/* P-tuning (Liu et al. 2021) as PEFT has it: prompt tuning whose embeddings come out of an MLP of
 * three layers with ReLU. Only the MLP's output is saved: a prompt. */
#include "tune/mlp.h"
#include "tune/peft.h"

#include <stdlib.h>

enum { HIDDEN };

static const struct tac_setting settings[] = {
    {"hidden", TAC_SET_SIZE, 0, 0, 1 << 20, "width of the MLP; 0: as the model's", NULL},
    {0},
};

static struct tac_mlp shape(const struct tac_tune *t)
{
    size_t C = t->weights->model->c.C;
    size_t hidden = t->spec.number[HIDDEN] > 0 ? (size_t)t->spec.number[HIDDEN] : C;
    return (struct tac_mlp){
        .P = t->P, .n = 3, .width = {C, hidden, hidden, C}, .slice = C, .act = TAC_RELU};
}

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    struct tac_mlp m = shape(t);
    return tac_mlp_items(&m, "mlp_head", item);
}

static size_t extra(const struct tac_tune *t)
{
    struct tac_mlp m = shape(t);
    return tac_mlp_extra(&m);
}

static enum tacit_status bind(struct tac_tune *t, struct tacit_err *err)
{
    struct tac_mlp *m = t->own = tac_arena_alloc(&t->arena, 1, sizeof *m, err);
    if (!m)
        return TACIT_EFAIL;
    *m = shape(t);
    tac_mlp_bind(m, t);
    t->ports.soft = m->y;
    t->ports.dsoft = m->dy;
    t->ports.P = t->P;
    t->ports.grad = t->g ? TAC_GRAD_SOFT : TAC_GRAD_NONE;
    return TACIT_OK;
}

static enum tacit_status start(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err)
{
    (void)from;
    (void)err;
    tac_mlp_start(t->own, t, values, zero, seed);
    return TACIT_OK;
}

static void forward(struct tac_tune *t)
{
    tac_mlp_forward(t->own, t->weights->be);
}

static void backward(struct tac_tune *t)
{
    tac_mlp_backward(t->own, t->weights->be);
}

static enum tacit_status save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    const struct tac_mlp *m = t->own;
    size_t n = m->P * m->width[m->n];
    float *values = tac_alloc(n, sizeof *values, err);
    if (!values)
        return TACIT_EFAIL;
    t->weights->be->ops->download(t->weights->be, values, m->y, n);
    enum tacit_status s =
        tac_peft_save_prompt(dir, values, t->P, &t->weights->model->c, &t->info, err);
    free(values);
    return s;
}

const struct tac_method tac_method_ptuning = {.name = "ptuning",
                                              .summary = "a prompt that comes out of a trained MLP",
                                              .writes = "PROMPT_TUNING",
                                              .setting = settings,
                                              .tokens = true,
                                              .items = items,
                                              .extra = extra,
                                              .bind = bind,
                                              .start = start,
                                              .forward = forward,
                                              .backward = backward,
                                              .save = save};
