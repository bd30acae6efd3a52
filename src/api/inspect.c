#include "api/handles.h"

#include "base/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FACTS = 48 };

struct tacit_inspect {
    const char *kind;
    struct {
        char name[48], value[256];
    } fact[MAX_FACTS];
    size_t n_fact;
    struct tacit_tensor_info *tensor;
    size_t n_tensor, cap_tensor;
    struct tac_arena arena;
};

static void add_fact(struct tacit_inspect *x, const char *name, const char *fmt, ...)
    TAC_PRINTF(3, 4);

static void add_fact(struct tacit_inspect *x, const char *name, const char *fmt, ...)
{
    va_list ap;
    TAC_CHECK(x->n_fact < MAX_FACTS);
    snprintf(x->fact[x->n_fact].name, sizeof x->fact->name, "%s", name);
    va_start(ap, fmt);
    vsnprintf(x->fact[x->n_fact].value, sizeof x->fact->value, fmt, ap);
    va_end(ap);
    x->n_fact++;
}

static void add_bytes(struct tacit_inspect *x, const char *name, size_t bytes)
{
    char shown[32];
    add_fact(x, name, "%s (%zu bytes)", tac_show_bytes(shown, (double)bytes), bytes);
}

static enum tacit_status add_tensors(struct tacit_inspect *x, const struct tac_safetensors *f,
                                     const char *path, struct tacit_err *err)
{
    enum tacit_status s =
        tac_grow(&x->tensor, &x->cap_tensor, x->n_tensor + f->n, sizeof *x->tensor, err);
    for (size_t i = 0; !s && i < f->n; i++) {
        const struct tac_tensor *t = &f->tensor[i];
        struct tacit_tensor_info *to = &x->tensor[x->n_tensor++];
        *to = (struct tacit_tensor_info){
            .name = tac_arena_strndup(&x->arena, t->name, strlen(t->name), err),
            .file = tac_arena_strndup(&x->arena, path, strlen(path), err),
            .dtype = tac_dtype_name(t->dtype),
            .rank = t->rank,
            .bytes = t->bytes};
        memcpy(to->shape, t->shape, sizeof to->shape);
        if (!to->name || !to->file)
            s = TACIT_EFAIL;
    }
    return s;
}

static enum tacit_status check_finite(const struct tac_safetensors *f, const char *path,
                                      struct tacit_err *err)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct tac_tensor *t = &f->tensor[i];
        size_t n = tac_dtype_is_float(t->dtype) ? tac_tensor_count(t) : 0;
        for (size_t k = 0; k < n; k++) {
            double v = tac_tensor_get(t, k);
            if (!isfinite(v))
                return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': element %zu is %s", path,
                                t->name, k, isnan(v) ? "NaN" : "infinite");
        }
    }
    return TACIT_OK;
}

static enum tacit_status add_file(struct tacit_inspect *x, const char *path, bool check,
                                  struct tacit_err *err)
{
    struct tac_safetensors f;
    enum tacit_status s = tac_safetensors_open(&f, path, err);
    if (s)
        return s;
    s = add_tensors(x, &f, path, err);
    if (!s && check)
        s = check_finite(&f, path, err);
    for (size_t i = 0; !s && i < f.n_meta && x->n_fact < MAX_FACTS - 4; i++)
        add_fact(x, "metadata", "%s = %s", f.meta[i].key, f.meta[i].value);
    tac_safetensors_close(&f);
    return s;
}

/* Adds the memory of a batch of 8 texts of 128 tokens, as a plan lays it out, to the weights'. */
static enum tacit_status add_batch(struct tacit_inspect *x, const char *name, size_t weights,
                                   const struct tac_model *m, enum tac_grad grad,
                                   struct tacit_err *err)
{
    enum { TEXTS = 8, LENGTH = 128, PROMPT = 20 };
    int32_t src[PROMPT + LENGTH];
    struct tac_mark mark = {.at = PROMPT + LENGTH - 2, .weight = 1};
    struct tac_seq seq[TEXTS];
    struct tac_tree tree;
    struct tac_plan plan;
    struct tac_tree_options o = tac_tree_options_default();
    for (int i = 0; i < PROMPT + LENGTH; i++)
        src[i] = i < PROMPT ? -1 - i : 0;
    for (int i = 0; i < TEXTS; i++)
        seq[i] = (struct tac_seq){
            .src = src, .n = PROMPT + LENGTH, .mark = &mark, .n_mark = 1, .root = -1};
    o.share = false;
    enum tacit_status s = tac_tree_build(&tree, seq, TEXTS, &o, err);
    if (s)
        return s;
    s = tac_plan_make(&plan, &tree, &m->c, sizeof(float), &(struct tac_plan_options){.grad = grad},
                      err);
    if (!s) {
        add_bytes(x, name, weights + tac_plan_bytes(&plan));
        tac_plan_release(&plan);
    }
    tac_tree_release(&tree);
    return s;
}

/* How a model knows where a token stands, and how many it takes. */
static void add_positions(struct tacit_inspect *x, const struct tac_decoder_config *c)
{
    if (c->alibi)
        add_fact(x, "positions", "ALiBi");
    if (c->positions)
        add_fact(x, "positions", "learned, %zu", c->positions);
    if (c->rotary.n)
        add_fact(x, "positions", "rotary, over %zu of a head's %zu dimensions", c->rotary.n, c->D);
    if (c->limit)
        add_fact(x, "longest text", "%zu tokens, a prompt's among them (%s)", c->limit,
                 c->limit_by);
}

static enum tacit_status inspect_model(struct tacit_inspect *x, const char *path, const char *cache,
                                       bool check, struct tacit_err *err)
{
    struct tac_model *m;
    enum tacit_status s = tac_model_open(&m, path, cache, err);
    if (s)
        return s;
    size_t weights = 0;
    x->kind = "model";
    for (size_t i = 0; !s && i < m->n_shard; i++)
        s = add_tensors(x, &m->shard[i], m->shard_path[i], err);
    for (size_t i = 0; i < m->n_slot; i++)
        weights += m->tensor[i] ? m->tensor[i]->bytes : 0;
    add_fact(x, "path", "%s", m->path);
    add_fact(x, "family", "%s", m->family->model_type);
    add_fact(x, "layers", "%zu", m->c.L);
    add_fact(x, "width", "%zu", m->c.C);
    add_fact(x, "heads", "%zu x %zu", m->c.H, m->c.D);
    if (m->c.G != m->c.H)
        add_fact(x, "key heads", "%zu", m->c.G);
    add_fact(x, "mlp width", "%zu%s", m->c.F, m->c.gated ? ", gated" : "");
    add_positions(x, &m->c);
    add_fact(x, "vocabulary rows", "%zu", m->c.V);
    add_fact(x, "head", "%s", m->c.tied ? "tied to the embedding" : "its own");
    add_fact(x, "residual after norm", "%s", m->c.post_ln_residual ? "yes" : "no");
    add_fact(x, "parameters", "%zu", tac_model_params(m));
    add_fact(x, "dtype", "%s", tac_dtype_name(m->tensor[TAC_P_EMBED]->dtype));
    add_fact(x, "shards", "%zu", m->n_shard);
    add_bytes(x, "weights", weights);
    if (!s)
        s = add_batch(x, "to score 8 x 148 tokens", weights, m, TAC_GRAD_NONE, err);
    if (!s)
        s = add_batch(x, "to train a prompt on them", weights, m, TAC_GRAD_SOFT, err);
    if (!s && check) {
        s = tac_model_check(m, err);
        add_fact(x, "numbers", "all finite");
    }
    tac_model_close(m);
    return s;
}

/* What is said of an adapter: fields of its config that are there. */
static const struct {
    const char *name, *key;
} adapter_facts[] = {
    {"tokens", "num_virtual_tokens"},
    {"width", "token_dim"},
    {"rank", "r"},
    {"alpha", "lora_alpha"},
    {"modules", "target_modules"},
    {"base model", "base_model_name_or_path"},
    {"init text", "prompt_tuning_init_text"},
    {"place", "tacit_place"},
};

/* A config's field as a fact; nothing where it is absent. */
static enum tacit_status add_field(struct tacit_inspect *x, const char *name, const json_t *v,
                                   struct tacit_err *err)
{
    if (!v || json_is_null(v))
        return TACIT_OK;
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text)
        return tac_fail_memory(err, 0);
    add_fact(x, name, "%s", json_is_string(v) ? json_string_value(v) : text);
    free(text);
    return TACIT_OK;
}

static enum tacit_status inspect_adapter(struct tacit_inspect *x, const char *path, bool check,
                                         struct tacit_err *err)
{
    struct tac_peft_folder f;
    enum tacit_status s = tac_peft_open(&f, path, err);
    if (s)
        return s;
    x->kind = "adapter";
    add_fact(x, "peft type", "%s", f.type);
    for (size_t i = 0; !s && i < sizeof adapter_facts / sizeof *adapter_facts; i++)
        s = add_field(x, adapter_facts[i].name, json_object_get(f.config, adapter_facts[i].key),
                      err);
    if (!s)
        s = add_file(x, f.tensor_path, check, err);
    tac_peft_close(&f);
    return s;
}

static enum tacit_status is_adapter(bool *is, const char *dir, struct tacit_err *err)
{
    char *path = tac_path(dir, "adapter_config.json", err);
    *is = path && tac_is_dir(dir) && tac_file_exists(path);
    free(path);
    return path ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tacit_inspect(struct tacit_inspect **out, const char *path, const char *hub_cache,
                                int check, struct tacit_err *err)
{
    struct tacit_inspect *x = *out = tac_alloc(1, sizeof *x, err);
    if (!x)
        return TACIT_EFAIL;
    bool adapter = false;
    enum tacit_status s = is_adapter(&adapter, path, err);
    if (!s && adapter) {
        s = inspect_adapter(x, path, check, err);
    } else if (!s && tac_file_exists(path) && !tac_is_dir(path)) {
        x->kind = "file";
        s = add_file(x, path, check, err);
    } else if (!s) {
        s = inspect_model(x, path, hub_cache, check, err);
    }
    if (s) {
        tacit_inspect_free(x);
        *out = NULL;
    }
    return s;
}

void tacit_inspect_free(struct tacit_inspect *x)
{
    if (!x)
        return;
    free(x->tensor);
    tac_arena_release(&x->arena);
    free(x);
}

const char *tacit_inspect_kind(const struct tacit_inspect *x)
{
    return x->kind;
}

size_t tacit_inspect_facts(const struct tacit_inspect *x)
{
    return x->n_fact;
}

const char *tacit_inspect_fact(const struct tacit_inspect *x, size_t k, const char **value)
{
    *value = x->fact[k].value;
    return x->fact[k].name;
}

size_t tacit_inspect_tensors(const struct tacit_inspect *x)
{
    return x->n_tensor;
}

const struct tacit_tensor_info *tacit_inspect_tensor(const struct tacit_inspect *x, size_t k)
{
    return &x->tensor[k];
}
