#include "tune/tune.h"

#include <stdlib.h>
#include <string.h>

static const struct tac_method *const methods[] = {&tac_method_prompt, &tac_method_full};

const struct tac_method *tac_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

struct tac_ports tac_ports_plain(const struct tac_weights *w)
{
    return (struct tac_ports){.param = w->param, .grad = TAC_GRAD_NONE};
}

static enum tacit_status lay_items(struct tac_tune *t, struct tacit_err *err)
{
    t->n_item = t->method->items(t, NULL);
    t->item = tac_alloc(t->n_item, sizeof *t->item, err);
    if (!t->item)
        return TACIT_EFAIL;
    t->method->items(t, t->item);
    for (size_t i = 0; i < t->n_item; i++) {
        t->item[i].offset = t->n;
        t->n += t->item[i].rows * (t->item[i].cols ? t->item[i].cols : 1);
    }
    return TACIT_OK;
}

static enum tacit_status allocate(struct tac_tune *t, bool with_grad, struct tacit_err *err)
{
    struct tac_backend *be = t->weights->be;
    struct tac_carve m = {0};
    for (int pass = 0; pass < 2; pass++) {
        m.used = 0;
        t->p = tac_carve(&m, t->n, be->real_size);
        t->g = with_grad ? tac_carve(&m, t->n, be->real_size) : NULL;
        if (pass == 0) {
            t->bytes = m.used;
            m.base = t->memory = be->ops->alloc(be, m.used);
            if (!t->memory)
                return tac_fail(err, TACIT_EFAIL,
                                "out of memory: %zu bytes to train %zu parameters", m.used, t->n);
        }
    }
    return TACIT_OK;
}

enum tacit_status tac_tune_open(struct tac_tune **out, const struct tac_method *method,
                                struct tac_weights *weights, size_t P, bool with_grad,
                                const struct tac_adapter_info *info, struct tacit_err *err)
{
    struct tac_tune *t = *out = tac_alloc(1, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    t->method = method;
    t->weights = tac_weights_ref(weights);
    t->P = P;
    if (info)
        t->info = *info;
    enum tacit_status s = lay_items(t, err);
    if (!s)
        s = allocate(t, with_grad, err);
    if (!s) {
        t->ports = tac_ports_plain(weights);
        s = method->bind(t, err);
    }
    if (s) {
        tac_tune_close(t);
        *out = NULL;
    }
    return s;
}

void tac_tune_close(struct tac_tune *t)
{
    if (!t)
        return;
    if (t->memory)
        t->weights->be->ops->release(t->weights->be, t->memory);
    free(t->item);
    free(t->param);
    tac_weights_close(t->weights);
    free(t);
}

void tac_tune_get(const struct tac_tune *t, float *out)
{
    t->weights->be->ops->download(t->weights->be, out, t->p, t->n);
}

void tac_tune_set(struct tac_tune *t, const float *values)
{
    t->weights->be->ops->upload(t->weights->be, t->p, values, t->n);
}

enum tacit_status tac_tune_save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    return t->method->save(t, dir, err);
}
