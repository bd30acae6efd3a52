/* Full finetuning: every weight of the model is a trainable of the block; the result is a model
 * folder. */
#include "tune/peft.h"
#include "tune/tune.h"

#include <stdlib.h>
#include <string.h>

/* The next slot from `slot` on that the model has. */
static size_t next_slot(const struct tac_model *m, size_t slot)
{
    while (slot < m->n_slot && !m->tensor[slot])
        slot++;
    return slot;
}

static size_t parts_of(const struct tac_model *m, size_t slot, size_t cols)
{
    if (slot < TAC_N_GLOBAL || !cols)
        return 0;
    bool fused = (slot - TAC_N_GLOBAL) % TAC_N_LAYER == TAC_P_QKV;
    return fused && m->c.G == m->c.H ? 3 : 1;
}

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    const struct tac_model *m = t->weights->model;
    size_t n = 0;
    for (size_t s = next_slot(m, 0); s < m->n_slot; s = next_slot(m, s + 1), n++)
        if (item) {
            tac_model_slot_name(m, s, item[n].name);
            tac_model_stored_shape(&m->c, s, &item[n].rows, &item[n].cols);
            item[n].decay = item[n].cols > 0;
            item[n].parts = parts_of(m, s, item[n].cols);
        }
    return n;
}

static enum tacit_status upload_slot(struct tac_tune *t, size_t slot, void *dst, size_t n,
                                     struct tacit_err *err)
{
    enum { CHUNK = 1 << 16 };
    float *buf = tac_alloc(CHUNK, sizeof *buf, err);
    struct tac_backend *be = t->weights->be;
    for (size_t at = 0; buf && at < n; at += CHUNK) {
        size_t k = n - at < CHUNK ? n - at : CHUNK;
        tac_tensor_read_f32(buf, t->weights->model->tensor[slot], at, k);
        be->ops->upload(be, tac_real_at(be, dst, at), buf, k);
    }
    free(buf);
    return buf ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status bind(struct tac_tune *t, struct tacit_err *err)
{
    const struct tac_model *m = t->weights->model;
    struct tac_backend *be = t->weights->be;
    size_t i = 0;
    t->param = tac_arena_alloc(&t->arena, t->weights->n, sizeof *t->param, err);
    if (!t->param)
        return TACIT_EFAIL;
    memcpy(t->param, t->weights->param, t->weights->n * sizeof *t->param);
    for (size_t s = next_slot(m, 0); s < m->n_slot; s = next_slot(m, s + 1), i++) {
        const struct tac_item *it = &t->item[i];
        struct tac_param *p = &t->param[s];
        void *at = tac_real_at(be, t->p, it->offset);
        if (it->cols)
            p->w = (struct tac_weight){at, TAC_W_REAL, p->rows, p->cols, p->w.across};
        else
            p->v = at;
        p->grad = t->g ? tac_real_at(be, t->g, it->offset) : NULL;
        enum tacit_status st = upload_slot(t, s, at, it->rows * (it->cols ? it->cols : 1), err);
        tac_model_forget_slot(m, s); /* the block is read in its place */
        if (st)
            return st;
    }
    t->ports.param = t->param;
    t->ports.grad = t->g ? TAC_GRAD_WEIGHTS : TAC_GRAD_NONE;
    return TACIT_OK;
}

const struct tac_method tac_method_full = {.name = "full",
                                           .summary = "all weights of the model",
                                           .lr = 2e-5,
                                           .items = items,
                                           .bind = bind,
                                           .save = tac_model_save};
