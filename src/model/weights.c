#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

static enum tac_wtype wtype_of(enum tac_dtype t)
{
    return t == TAC_F16 ? TAC_W_F16 : t == TAC_BF16 ? TAC_W_BF16 : TAC_W_F32;
}

static bool is_copied(const struct tac_param *p, bool expand)
{
    return p->rows && (!p->cols || expand);
}

/* Gives each copied parameter its place; with base NULL only measures. */
static size_t lay(struct tac_weights *w, bool expand, void *base)
{
    struct tac_carve m = {base, 0};
    for (size_t i = 0; i < w->n; i++) {
        struct tac_param *p = &w->param[i];
        if (!is_copied(p, expand))
            continue;
        void *at = tac_carve(&m, p->rows * (p->cols ? p->cols : 1), w->be->real_size);
        if (p->cols)
            p->w = (struct tac_weight){at, TAC_W_REAL, p->rows, p->cols, p->w.across};
        else
            p->v = at;
    }
    return m.used;
}

static enum tacit_status copy(struct tac_weights *w, bool expand, struct tacit_err *err)
{
    enum { CHUNK = 1 << 16 };
    float *buf = tac_alloc(CHUNK, sizeof *buf, err);
    if (!buf)
        return TACIT_EFAIL;
    for (size_t i = 0; i < w->n; i++) {
        struct tac_param *p = &w->param[i];
        size_t n = p->rows * (p->cols ? p->cols : 1);
        void *dst = p->cols ? (void *)(uintptr_t)p->w.data : p->v;
        for (size_t at = 0; is_copied(p, expand) && at < n; at += CHUNK) {
            size_t k = n - at < CHUNK ? n - at : CHUNK;
            tac_tensor_read_f32(buf, w->model->tensor[i], at, k);
            w->be->ops->upload(w->be, tac_real_at(w->be, dst, at), buf, k);
        }
    }
    free(buf);
    return TACIT_OK;
}

static void describe(struct tac_weights *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct tac_tensor *t = w->model->tensor[i];
        struct tac_param *p = &w->param[i];
        if (!t)
            continue;
        tac_model_slot_shape(&w->model->c, i, &p->rows, &p->cols);
        if (p->cols)
            p->w = (struct tac_weight){t->data, wtype_of(t->dtype), p->rows, p->cols,
                                       tac_model_across(&w->model->c, i)};
    }
}

enum tacit_status tac_weights_load(struct tac_weights **out, struct tac_model *model,
                                   struct tac_backend *be, bool expand, struct tacit_err *err)
{
    struct tac_weights *w = *out = tac_alloc(1, sizeof *w, err);
    if (!w)
        return TACIT_EFAIL;
    w->refs = 1;
    w->model = tac_model_ref(model);
    w->be = be;
    w->n = model->n_slot;
    w->param = tac_alloc(w->n, sizeof *w->param, err);
    enum tacit_status s = w->param ? TACIT_OK : TACIT_EFAIL;
    if (!s) {
        describe(w);
        w->bytes = lay(w, expand, NULL);
        w->memory = be->ops->alloc(be, w->bytes);
        if (!w->memory)
            s = tac_fail_memory(err, w->bytes);
    }
    if (!s) {
        lay(w, expand, w->memory);
        s = copy(w, expand, err);
        if (expand)
            tac_model_forget(model);
    }
    if (s) {
        tac_weights_close(w);
        *out = NULL;
    }
    return s;
}

struct tac_weights *tac_weights_ref(struct tac_weights *w)
{
    w->refs++;
    return w;
}

void tac_weights_close(struct tac_weights *w)
{
    if (!w || --w->refs > 0)
        return;
    if (w->memory)
        w->be->ops->release(w->be, w->memory);
    free(w->param);
    tac_model_close(w->model);
    free(w);
}

size_t tac_weights_resident(const struct tac_weights *w, const struct tac_param *param)
{
    size_t n = w->bytes;
    param = param ? param : w->param;
    for (size_t i = 0; i < w->n; i++)
        if (param[i].cols && param[i].w.data == w->model->tensor[i]->data)
            n += w->model->tensor[i]->bytes;
    return n;
}

void tac_weights_read_rows(const struct tac_weights *w, size_t slot, const int32_t *idx, size_t n,
                           float *out)
{
    size_t C = w->param[slot].cols;
    for (size_t i = 0; i < n; i++)
        tac_tensor_read_f32(out + i * C, w->model->tensor[slot], (size_t)idx[i] * C, C);
}
