/* Prompt tuning (Lester et al. 2021): P trainable embeddings before the text, everything else
 * frozen. */
#include "tune/peft.h"
#include "tune/tune.h"

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
    if (t->P == 0)
        return tac_fail(err, TACIT_EINPUT, "a prompt of 0 tokens cannot be trained");
    t->ports.soft = t->p;
    t->ports.dsoft = t->g;
    t->ports.P = t->P;
    t->ports.grad = t->g ? TAC_GRAD_SOFT : TAC_GRAD_NONE;
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

const struct tac_method tac_method_prompt = {
    .name = "prompt", .peft_type = "PROMPT_TUNING", .items = items, .bind = bind, .save = save};
