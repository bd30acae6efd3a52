#include "interpret/adapters.h"

#include "format/json.h"
#include "format/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An open adapter; scale: what a LoRA product of rank 1 is multiplied by, or 0. */
struct adapter {
    struct tac_safetensors f;
    char *path; /* of its tensors */
    double alpha;
    bool by_root; /* rsLoRA: alpha / sqrt(rank) */
};

static enum tacit_status read_config(struct adapter *x, const char *dir, struct tacit_err *err)
{
    json_t *config = NULL;
    char *path = tac_path(dir, "adapter_config.json", err);
    enum tacit_status s = path ? tac_json_load(&config, path, 1 << 20, err) : TACIT_EFAIL;
    if (!s && tac_json_has(config, "r"))
        s = tac_json_get_real(&x->alpha, config, "lora_alpha", 0, 1e12, path, err);
    x->by_root = !s && json_is_true(json_object_get(config, "use_rslora"));
    json_decref(config);
    free(path);
    return s;
}

static enum tacit_status open_adapter(struct adapter *x, const char *dir, struct tacit_err *err)
{
    x->path = tac_path(dir, "adapter_model.safetensors", err);
    enum tacit_status s = x->path ? tac_safetensors_open(&x->f, x->path, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < x->f.n; i++)
        if (!tac_dtype_is_float(x->f.tensor[i].dtype))
            s = tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': expected floats", x->path,
                         x->f.tensor[i].name);
    return s ? s : read_config(x, dir, err);
}

static void close_adapter(struct adapter *x)
{
    tac_safetensors_close(&x->f);
    free(x->path);
}

/* ---- values ---- */

/* Sums that distance and cosine are made of: squares of a and b, products, squares of b - a. */
struct sums {
    double aa, bb, ab, dd;
};

static enum tacit_status find_twin(const struct tac_tensor **out, const struct tac_tensor *t,
                                   const struct adapter *other, struct tacit_err *err)
{
    const struct tac_tensor *u = *out = tac_safetensors_find(&other->f, t->name);
    if (!u)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' is missing", other->path, t->name);
    if (u->rank != t->rank || tac_tensor_count(u) != tac_tensor_count(t))
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': %zu values, the other adapter has %zu",
                        other->path, t->name, tac_tensor_count(u), tac_tensor_count(t));
    return TACIT_OK;
}

static enum tacit_status add_values(struct sums *s, const struct tac_tensor *t,
                                    const struct adapter *other, struct tacit_err *err)
{
    const struct tac_tensor *u;
    double from = strstr(t->name, "ia3_l") ? 1 : 0;
    enum tacit_status st = find_twin(&u, t, other, err);
    for (size_t i = 0, n = tac_tensor_count(t); !st && i < n; i++) {
        double a = tac_tensor_get(t, i) - from, b = tac_tensor_get(u, i) - from;
        s->aa += a * a;
        s->bb += b * b;
        s->ab += a * b;
        s->dd += (b - a) * (b - a);
    }
    return st;
}

/* ---- low-rank products ---- */

/* W = scale * B A: b (N,R), a (R,K). */
struct product {
    const struct tac_tensor *b, *a;
    double scale;
};

/* The product whose A is of this name; its B has the name with the other letter. */
static enum tacit_status find_product(struct product *out, const struct adapter *x,
                                      const char *a_name, struct tacit_err *err)
{
    char b_name[300];
    const char *at = strstr(a_name, "lora_A");
    snprintf(b_name, sizeof b_name, "%.*slora_B%s", (int)(at - a_name), a_name, at + 6);
    out->a = tac_safetensors_find(&x->f, a_name);
    out->b = tac_safetensors_find(&x->f, b_name);
    if (!out->a || !out->b)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' is missing", x->path,
                        out->a ? b_name : a_name);
    if (out->a->rank != 2 || out->b->rank != 2 || out->b->shape[1] != out->a->shape[0])
        return tac_fail(err, TACIT_EINPUT, "%s: tensors '%s' and '%s' are no product of matrices",
                        x->path, b_name, a_name);
    double rank = (double)out->a->shape[0];
    out->scale = x->alpha / (x->by_root ? sqrt(rank) : rank);
    return TACIT_OK;
}

/* Columns i of one B and j of another. */
static double column_product(const struct tac_tensor *u, size_t i, const struct tac_tensor *v,
                             size_t j)
{
    double sum = 0;
    for (size_t n = 0; n < u->shape[0]; n++)
        sum += tac_tensor_get(u, n * u->shape[1] + i) * tac_tensor_get(v, n * v->shape[1] + j);
    return sum;
}

static double row_product(const struct tac_tensor *u, size_t i, const struct tac_tensor *v,
                          size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < u->shape[1]; k++)
        sum += tac_tensor_get(u, i * u->shape[1] + k) * tac_tensor_get(v, j * v->shape[1] + k);
    return sum;
}

/* The sum over all elements of u's product times v's: tr(Au' Bu' Bv Av) without either product. */
static double inner(const struct product *u, const struct product *v)
{
    double sum = 0;
    for (size_t i = 0; i < u->a->shape[0]; i++)
        for (size_t j = 0; j < v->a->shape[0]; j++)
            sum += column_product(u->b, i, v->b, j) * row_product(u->a, i, v->a, j);
    return u->scale * v->scale * sum;
}

static enum tacit_status add_product(struct sums *s, const struct adapter *x,
                                     const struct adapter *y, const char *a_name,
                                     struct tacit_err *err)
{
    struct product u, v;
    enum tacit_status st = find_product(&u, x, a_name, err);
    if (!st)
        st = find_product(&v, y, a_name, err);
    if (st)
        return st;
    if (u.a->shape[1] != v.a->shape[1] || u.b->shape[0] != v.b->shape[0])
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': a product of another shape", y->path,
                        a_name);
    double aa = inner(&u, &u), bb = inner(&v, &v), ab = inner(&u, &v);
    s->aa += aa;
    s->bb += bb;
    s->ab += ab;
    s->dd += fmax(aa + bb - 2 * ab, 0);
    return TACIT_OK;
}

static enum tacit_status add_tensor(struct sums *s, const struct adapter *x,
                                    const struct adapter *y, const struct tac_tensor *t,
                                    struct tacit_err *err)
{
    struct product p;
    const char *b = strstr(t->name, "lora_B");
    if (strstr(t->name, "lora_A"))
        return add_product(s, x, y, t->name, err);
    if (!b)
        return add_values(s, t, y, err);
    char a_name[300];
    snprintf(a_name, sizeof a_name, "%.*slora_A%s", (int)(b - t->name), t->name, b + 6);
    return find_product(&p, x, a_name, err); /* it is part of that one */
}

enum tacit_status tac_adapters_alike(struct tac_adapters_alike *out, const char *a, const char *b,
                                     struct tacit_err *err)
{
    struct adapter x = {0}, y = {0};
    struct sums s = {0};
    enum tacit_status st = open_adapter(&x, a, err);
    if (!st)
        st = open_adapter(&y, b, err);
    const struct tac_tensor *prompt = st ? NULL : tac_safetensors_find(&x.f, "prompt_embeddings");
    if (!st && !prompt && x.f.n != y.f.n)
        st = tac_fail(err, TACIT_EINPUT, "%s: %zu tensors, the other adapter has %zu", y.path,
                      y.f.n, x.f.n);
    if (!st && prompt)
        st = add_values(&s, prompt, &y, err);
    for (size_t i = 0; !st && !prompt && i < x.f.n; i++)
        st = add_tensor(&s, &x, &y, &x.f.tensor[i], err);
    double norms = sqrt(s.aa) * sqrt(s.bb);
    *out = (struct tac_adapters_alike){sqrt(s.dd), norms > 0 ? s.ab / norms : 0};
    close_adapter(&x);
    close_adapter(&y);
    return st;
}
