/* Prefix tuning (Li & Liang 2021): P trainable keys and values before the text in every layer. With
 * `hidden` they come out of an MLP (PEFT's prefix_projection), which is folded away at save. */
#include "tune/draw.h"
#include "tune/mlp.h"
#include "tune/peft.h"

#include <stdlib.h>
#include <string.h>

enum { HIDDEN };

static const struct tac_setting settings[] = {
    {"hidden", TAC_SET_SIZE, 0, 0, 1 << 20, "width of an MLP that makes them; 0: none", NULL},
    {0},
};

/* What is bound. The block, or the MLP's output, lies as the store does: per layer keys, then
 * values, (P, G*D) each. */
struct prefix {
    struct tac_kv_store kv, dkv;
    struct tac_mlp mlp;
};

static size_t key_width(const struct tac_tune *t)
{
    return t->weights->model->c.G * t->weights->model->c.D;
}

static bool projected(const struct tac_tune_spec *s)
{
    return s->number[HIDDEN] > 0;
}

static struct tac_mlp shape(const struct tac_tune *t)
{
    size_t width = key_width(t);
    return (struct tac_mlp){
        .P = t->P,
        .n = 2,
        .width = {width, (size_t)t->spec.number[HIDDEN], 2 * t->weights->model->c.L * width},
        .slice = width,
        .act = TAC_TANH};
}

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    struct tac_mlp m = shape(t);
    size_t n = 2 * t->weights->model->c.L;
    if (projected(&t->spec))
        return tac_mlp_items(&m, "transform", item);
    for (size_t i = 0; item && i < n; i++) {
        item[i] = (struct tac_item){.rows = t->P, .cols = key_width(t), .decay = true};
        snprintf(item[i].name, sizeof item->name, "%s.%zu", i % 2 ? "value" : "key", i / 2);
    }
    return n;
}

static size_t extra(const struct tac_tune *t)
{
    struct tac_mlp m = shape(t);
    return projected(&t->spec) ? tac_mlp_extra(&m) : 0;
}

static enum tacit_status bind(struct tac_tune *t, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &t->weights->model->c;
    const struct tac_backend *be = t->weights->be;
    struct prefix *x = t->own = tac_arena_alloc(&t->arena, 1, sizeof *x, err);
    void **k = tac_arena_alloc(&t->arena, 4 * c->L, sizeof *k, err);
    if (!x || !k)
        return TACIT_EFAIL;
    void *values = t->p, *grad = t->g;
    if (projected(&t->spec)) {
        x->mlp = shape(t);
        tac_mlp_bind(&x->mlp, t);
        values = x->mlp.y;
        grad = x->mlp.dy;
    }
    x->kv = tac_kv_store_view(c, be, k, values, t->P);
    t->ports.kv = &x->kv;
    if (grad) {
        x->dkv = tac_kv_store_view(c, be, k + 2 * c->L, grad, t->P);
        t->ports.dkv = &x->dkv;
        t->ports.grad = TAC_GRAD_KV;
    }
    return TACIT_OK;
}

static enum tac_source source(const struct tac_tune_spec *s)
{
    return projected(s) ? TAC_FROM_ITSELF : TAC_FROM_KV;
}

static enum tacit_status start(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err)
{
    const struct prefix *x = t->own;
    struct tac_rng rng = tac_rng_init(seed, TAC_STREAM_NORMAL);
    (void)err;
    if (projected(&t->spec))
        tac_mlp_start(&x->mlp, t, values, zero, seed);
    else if (from)
        memcpy(values, from, t->n * sizeof *values);
    else if (zero)
        memset(values, 0, t->n * sizeof *values);
    else
        tac_draw_normal(values, t->n, &rng);
    return TACIT_OK;
}

static void forward(struct tac_tune *t)
{
    struct prefix *x = t->own;
    if (projected(&t->spec))
        tac_mlp_forward(&x->mlp, t->weights->be);
}

static void backward(struct tac_tune *t)
{
    struct prefix *x = t->own;
    if (projected(&t->spec))
        tac_mlp_backward(&x->mlp, t->weights->be);
}

/* Between the block's order (2L, P, width) and the file's (P, 2L, width). */
static void turn(float *out, const float *in, size_t a, size_t b, size_t width)
{
    for (size_t i = 0; i < a; i++)
        for (size_t k = 0; k < b; k++)
            memcpy(out + (k * a + i) * width, in + (i * b + k) * width, width * sizeof *out);
}

static enum tacit_status save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &t->weights->model->c;
    const struct prefix *x = t->own;
    size_t width = key_width(t), n = 2 * c->L * t->P * width;
    float *values = tac_alloc(2 * n, sizeof *values, err);
    if (!values)
        return TACIT_EFAIL;
    t->weights->be->ops->download(t->weights->be, values + n, x->kv.k[0], n);
    turn(values, values + n, 2 * c->L, t->P, width);
    struct tac_tensor file = {.name = "prompt_embeddings",
                              .dtype = TAC_F32,
                              .rank = 2,
                              .shape = {t->P, 2 * c->L * width},
                              .data = (const unsigned char *)values,
                              .bytes = n * sizeof *values};
    json_t *config = tac_peft_config(&t->info, "PREFIX_TUNING");
    bool whole =
        tac_peft_add_prompt_like(config, c, c->G, width, t->P) &&
        !json_object_set_new(config, "encoder_hidden_size", json_integer((json_int_t)width)) &&
        !json_object_set_new(config, "init_weights", json_null()) &&
        !json_object_set_new(config, "prefix_projection", json_false());
    enum tacit_status s = tac_peft_write(dir, config, whole, &t->info, &file, 1, err);
    free(values);
    return s;
}

/* A projected prefix is saved folded, so all are read alike. */
static enum tacit_status configure(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                   const struct tac_model *m, struct tacit_err *err)
{
    static const char *const name = "prompt_embeddings";
    const struct tac_tensor *t;
    size_t width = m->c.G * m->c.D;
    enum tacit_status st = tac_peft_prompt_like(&s->P, f, &m->c, m->c.G, width, err);
    if (!st)
        st = tac_peft_names(f, &name, 1, err);
    if (!st)
        st = tac_peft_matrix(&t, f, name, s->P, 2 * m->c.L * width,
                             "num_virtual_tokens x keys and values of the model's layers", err);
    if (!st)
        s->P = t->shape[0];
    return st;
}

static enum tacit_status read_file(const struct tac_tune *t, float *values,
                                   const struct tac_peft_folder *f, struct tacit_err *err)
{
    size_t width = key_width(t), L = t->weights->model->c.L;
    float *file = tac_alloc(t->n, sizeof *file, err);
    if (!file)
        return TACIT_EFAIL;
    tac_tensor_read_f32(file, tac_safetensors_find(&f->f, "prompt_embeddings"), 0, t->n);
    turn(values, file, t->P, 2 * L, width);
    free(file);
    return TACIT_OK;
}

const struct tac_method tac_method_prefix = {
    .name = "prefix",
    .summary = "trained keys and values before the text in every layer",
    .writes = "PREFIX_TUNING",
    .reads = {"PREFIX_TUNING"},
    .setting = settings,
    .tokens = true,
    .items = items,
    .extra = extra,
    .bind = bind,
    .source = source,
    .start = start,
    .forward = forward,
    .backward = backward,
    .save = save,
    .configure = configure,
    .read = read_file};
