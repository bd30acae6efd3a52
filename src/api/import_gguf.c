/* What a GGUF file says of its model and its vocabulary. A field of the architecture or of the
 * tokenizer that is not understood is refused: it might change what comes out. */
#include "api/import_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY = 128, LAYERS = 1024 };

/* Fields of the architecture that change nothing here. */
static const char *const harmless[] = {"tensor_data_layout", "rope.scaling.finetuned"};

/* ---- the architecture ---- */

static enum tacit_status find_arch(struct tac_fields *in)
{
    struct tac_buf list = {0};
    char *name = NULL;
    enum tacit_status s = tac_fields_text(in, &name, "general.architecture");
    if (!s && !name)
        return tac_fields_missing(in, "general.architecture");
    if (!s && (in->m->arch = tac_import_arch(name)))
        return TACIT_OK;
    for (size_t i = 0; !s && i < tac_import_n_arch; i++)
        s = tac_buf_addf(&list, in->err, "%s%s", i ? ", " : "", tac_import_archs[i].gguf);
    if (!s)
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field 'general.architecture': '%s' is not supported (supported: %s)",
                     in->m->path, name, list.data);
    tac_buf_release(&list);
    return s;
}

/* Whether it is one whole model. */
static enum tacit_status check_kind(struct tac_fields *in)
{
    const struct tac_gguf_field *type = tac_fields_get(in, "general.type"),
                                *n = tac_fields_get(in, "split.count");
    uint64_t v = 0;
    if (type && !tac_fields_is(type, "model"))
        return tac_fields_bad(in, type, "'model'");
    if (n && (!tac_gguf_uint(&v, n) || v > 1))
        return tac_fields_bad(in, n, "1: join the parts first (llama-gguf-split --merge)");
    (void)tac_fields_get(in, "split.no");
    (void)tac_fields_get(in, "split.tensors.count");
    return TACIT_OK;
}

static enum tacit_status read_vocab_size(struct tac_fields *in)
{
    const struct tac_ggml_tensor *e = tac_gguf_tensor(in->g, "token_embd.weight");
    size_t *z = in->m->size, said;
    if (!e || e->rank != 2 || e->shape[0] > TAC_FIELDS_MOST)
        return tac_fail(in->err, TACIT_EINPUT, "%s: tensor 'token_embd.weight' is %s", in->m->path,
                        e ? "no matrix of a vocabulary" : "missing");
    z[TAC_I_V] = e->shape[0];
    enum tacit_status s = tac_fields_size(in, &said, ".vocab_size", z[TAC_I_V], TAC_FIELDS_MOST);
    if (!s && said != z[TAC_I_V])
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field '%s.vocab_size': found %zu, 'token_embd.weight' has %zu rows",
                     in->m->path, in->m->arch->gguf, said, z[TAC_I_V]);
    return s;
}

/* Whether config.json can say how wide heads are. */
static bool says_head_width(const struct tac_import_arch *a)
{
    for (const struct tac_import_number *n = a->numbers; n->field; n++)
        if (n->size == TAC_I_D)
            return true;
    return false;
}

static enum tacit_status read_heads(struct tac_fields *in)
{
    const struct tac_import_arch *a = in->m->arch;
    size_t *z = in->m->size, values, H, plain;
    enum tacit_status s =
        tac_fields_size(in, &z[TAC_I_H], ".attention.head_count", 0, TAC_FIELDS_MOST);
    if (s || (s = tac_fields_size(in, &z[TAC_I_G], ".attention.head_count_kv", z[TAC_I_H],
                                  TAC_FIELDS_MOST)))
        return s;
    H = z[TAC_I_H];
    plain = z[TAC_I_C] % H ? 0 : z[TAC_I_C] / H;
    if (H % z[TAC_I_G] || (!a->grouped && H != z[TAC_I_G]))
        return tac_fail(in->err, TACIT_EINPUT,
                        "%s: field '%s.attention.head_count_kv': found %zu, expected %s of "
                        "head_count, %zu",
                        in->m->path, a->gguf, z[TAC_I_G], a->grouped ? "a divisor" : "the number",
                        H);
    z[TAC_I_D] = plain;
    if (a->grouped && (plain || tac_fields_get(in, ".attention.key_length")))
        s = tac_fields_size(in, &z[TAC_I_D], ".attention.key_length", plain, TAC_FIELDS_MOST);
    if (s || !z[TAC_I_D] || (z[TAC_I_D] != plain && !says_head_width(a)))
        return s ? s
                 : tac_fail(in->err, TACIT_EINPUT,
                            "%s: field '%s.embedding_length': found %zu, expected %zu heads times "
                            "their width",
                            in->m->path, a->gguf, z[TAC_I_C], H);
    if (a->grouped)
        s = tac_fields_size(in, &values, ".attention.value_length", z[TAC_I_D], TAC_FIELDS_MOST);
    if (!s && a->grouped && values != z[TAC_I_D])
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field '%s.attention.value_length': found %zu, expected that of the keys, "
                     "%zu",
                     in->m->path, a->gguf, values, z[TAC_I_D]);
    return s;
}

static enum tacit_status read_sizes(struct tac_fields *in)
{
    const struct tac_import_arch *a = in->m->arch;
    size_t *z = in->m->size;
    char eps[64];
    snprintf(eps, sizeof eps, ".%s", a->eps_key);
    enum tacit_status s = tac_fields_size(in, &z[TAC_I_L], ".block_count", 0, LAYERS);
    if (!s)
        s = tac_fields_size(in, &z[TAC_I_C], ".embedding_length", 0, TAC_FIELDS_MOST);
    if (!s)
        s = tac_fields_size(in, &z[TAC_I_F], ".feed_forward_length", 0, TAC_FIELDS_MOST);
    if (!s)
        s = tac_fields_size(in, &z[TAC_I_T], ".context_length", 0, TAC_FIELDS_TEXT);
    if (!s)
        s = read_heads(in);
    if (!s)
        s = read_vocab_size(in);
    if (!s)
        s = tac_fields_real(in, &in->m->eps, eps, 0);
    if (!s && a->four && z[TAC_I_F] != 4 * z[TAC_I_C])
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field '%s.feed_forward_length': found %zu, expected 4 times the width, "
                     "%zu",
                     in->m->path, a->gguf, z[TAC_I_F], 4 * z[TAC_I_C]);
    tac_import_products(in->m);
    return s;
}

/* ---- positions ---- */

static enum tacit_status set_scaling(struct tac_fields *in, const char *type)
{
    in->m->scaling = json_pack("{s:s}", "rope_type", type);
    return in->m->scaling ? TACIT_OK : tac_fail_memory(in->err, 0);
}

static enum tacit_status add_scaling(struct tac_fields *in, const char *field, double v)
{
    return json_object_set_new(in->m->scaling, field, json_real(v)) ? tac_fail_memory(in->err, 0)
                                                                    : TACIT_OK;
}

static enum tacit_status add_original(struct tac_fields *in, size_t v)
{
    return json_object_set_new(in->m->scaling, "original_max_position_embeddings",
                               json_integer((json_int_t)v))
               ? tac_fail_memory(in->err, 0)
               : TACIT_OK;
}

static enum tacit_status read_yarn(struct tac_fields *in)
{
    static const char *const keys[][2] = {{".rope.scaling.yarn_beta_fast", "beta_fast"},
                                          {".rope.scaling.yarn_beta_slow", "beta_slow"}};
    size_t original;
    double v;
    enum tacit_status s =
        tac_fields_size(in, &original, ".rope.scaling.original_context_length", 0, TAC_FIELDS_TEXT);
    if (!s)
        s = add_original(in, original);
    for (size_t i = 0; !s && i < 2; i++)
        if (tac_fields_get(in, keys[i][0])) {
            s = tac_fields_real(in, &v, keys[i][0], 0);
            if (!s)
                s = add_scaling(in, keys[i][1], v);
        }
    return s;
}

/* llama.cpp takes a factor without a type for a linear one. */
static enum tacit_status read_scaling(struct tac_fields *in)
{
    const struct tac_gguf_field *type = tac_fields_get(in, ".rope.scaling.type"),
                                *factor = tac_fields_get(in, ".rope.scaling.factor");
    bool yarn = tac_fields_is(type, "yarn"), none = tac_fields_is(type, "none");
    size_t original;
    double v = 1;
    if (type && !yarn && !none && !tac_fields_is(type, "linear"))
        return tac_fields_bad(in, type, "'none', 'linear' or 'yarn'");
    if (none || (!factor && !yarn))
        return TACIT_OK;
    enum tacit_status s = tac_fields_real(in, &v, ".rope.scaling.factor", 0);
    if (s || (!yarn && !(v < 1) && !(v > 1)))
        return s;
    s = set_scaling(in, yarn ? "yarn" : "linear");
    if (!s)
        s = add_scaling(in, "factor", v);
    if (!s && yarn)
        return read_yarn(in);
    return s ? s
             : tac_fields_size(in, &original, ".rope.scaling.original_context_length", 1,
                               TAC_FIELDS_TEXT);
}

/* LLaMA 3's scaling with the factors and the context that all its models have: 0 where a frequency
 * is divided by the whole factor, 1 where it stays, between these in between. */
enum { L3_LOW = 1, L3_HIGH = 4, L3_CONTEXT = 8192 };

static double llama3_share(const struct tac_import *m, size_t i)
{
    size_t D = m->size[TAC_I_D];
    double wavelength = 2 * acos(-1) * pow(m->theta, 2.0 * (double)i / (double)D);
    double s = (L3_CONTEXT / wavelength - L3_LOW) / (L3_HIGH - L3_LOW);
    return s < 0 ? 0 : s > 1 ? 1 : s;
}

/* rope_freqs.weight: what each frequency is divided by. The last one tells the factor, and all
 * others must follow from it. */
static bool find_factor(double *factor, const struct tac_import *m, const struct tac_ggml_tensor *t)
{
    float f;
    double share = llama3_share(m, t->n - 1);
    tac_ggml_read(&f, t, t->n - 1, 1);
    *factor = share < 1 ? (1 - share) / (1 / (double)f - share) : 1;
    if (fabs(*factor - round(*factor)) < 1e-3)
        *factor = round(*factor);
    bool follow = *factor >= 1 && isfinite(*factor);
    for (size_t i = 0; follow && i < t->n; i++) {
        share = llama3_share(m, i);
        tac_ggml_read(&f, t, i, 1);
        follow = fabs((double)f * ((1 - share) / *factor + share) - 1) < 1e-4;
    }
    return follow;
}

static enum tacit_status read_factors(struct tac_fields *in, const struct tac_ggml_tensor *t)
{
    size_t n = in->m->size[TAC_I_D] / 2;
    double factor;
    if (t->rank != 1 || t->n != n || in->m->scaling)
        return tac_fail(in->err, TACIT_EINPUT,
                        "%s: tensor 'rope_freqs.weight': expected %zu values, and no "
                        "rope.scaling.type beside them",
                        in->m->path, n);
    if (!find_factor(&factor, in->m, t))
        return tac_fail(in->err, TACIT_EINPUT,
                        "%s: tensor 'rope_freqs.weight': is not what LLaMA 3's scaling (factors %d "
                        "and %d, context %d) comes to",
                        in->m->path, L3_LOW, L3_HIGH, L3_CONTEXT);
    if (!(factor > 1))
        return TACIT_OK;
    enum tacit_status s = set_scaling(in, "llama3");
    if (!s)
        s = add_scaling(in, "factor", factor);
    if (!s)
        s = add_scaling(in, "low_freq_factor", L3_LOW);
    if (!s)
        s = add_scaling(in, "high_freq_factor", L3_HIGH);
    return s ? s : add_original(in, L3_CONTEXT);
}

static enum tacit_status read_positions(struct tac_fields *in)
{
    const struct tac_import_arch *a = in->m->arch;
    const struct tac_ggml_tensor *factors = tac_gguf_tensor(in->g, "rope_freqs.weight");
    size_t D = in->m->size[TAC_I_D];
    if (a->position != TAC_ROPE && a->position != TAC_ROPE_PART)
        return TACIT_OK;
    enum tacit_status s =
        tac_fields_size(in, &in->m->rotary, ".rope.dimension_count", D, TAC_FIELDS_MOST);
    if (!s &&
        (in->m->rotary % 2 || in->m->rotary > D || (a->position == TAC_ROPE && in->m->rotary != D)))
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field '%s.rope.dimension_count': found %zu, expected an even number%s "
                     "the heads' width, %zu",
                     in->m->path, a->gguf, in->m->rotary, a->position == TAC_ROPE ? "," : " up to",
                     D);
    if (!s)
        s = tac_fields_real(in, &in->m->theta, ".rope.freq_base", 10000);
    if (!s)
        s = read_scaling(in);
    if (!s && a->factors && factors)
        s = read_factors(in, factors);
    if (!s && a->window && tac_fields_get(in, ".attention.sliding_window"))
        s = tac_fields_size(in, &in->m->window, ".attention.sliding_window", 0, TAC_FIELDS_TEXT);
    return s;
}

/* ---- the file ---- */

static enum tacit_status read_rest(struct tac_fields *in)
{
    const struct tac_import_arch *a = in->m->arch;
    enum tacit_status s = tac_fields_need_bool(in, ".attention.causal", true);
    if (!s)
        s = tac_fields_need_zero(in, ".expert_count");
    if (!s)
        s = tac_fields_need_zero(in, ".expert_used_count");
    if (!s && a->residual)
        s = tac_fields_bool(in, &in->m->parallel, ".use_parallel_residual", true);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        char key[KEY];
        snprintf(key, sizeof key, ".%s", harmless[i]);
        (void)tac_fields_get(in, key);
    }
    return s;
}

static bool is_ours(const struct tac_fields *in, const char *key)
{
    size_t n = strlen(in->m->arch->gguf);
    return (strncmp(key, in->m->arch->gguf, n) == 0 && key[n] == '.') ||
           tac_starts_with(key, "tokenizer.") || tac_starts_with(key, "split.");
}

static enum tacit_status check_rest(struct tac_fields *in)
{
    for (size_t i = 0; i < in->g->n_field; i++) {
        const char *key = in->g->field[i].key;
        if (!in->used[i] && is_ours(in, key) && !tac_starts_with(key, "tokenizer.chat_template"))
            return tac_fail(in->err, TACIT_EINPUT,
                            "%s: field '%s' is not understood, and might change what the model "
                            "computes",
                            in->m->path, key);
    }
    return TACIT_OK;
}

static enum tacit_status read_file(struct tac_fields *in)
{
    enum tacit_status s = find_arch(in);
    if (!s)
        s = check_kind(in);
    if (!s)
        s = read_sizes(in);
    if (!s)
        s = read_positions(in);
    if (!s)
        s = read_rest(in);
    if (!s)
        s = tac_fields_vocab(in);
    return s ? s : check_rest(in);
}

enum tacit_status tac_import_gguf(struct tac_import *m, const char *path, struct tacit_err *err)
{
    *m = (struct tac_import){.path = path};
    enum tacit_status s = tac_gguf_open(&m->gguf, path, err);
    if (s)
        return s;
    struct tac_fields in = {.m = m, .g = &m->gguf, .err = err};
    in.used = tac_alloc(m->gguf.n_field, sizeof *in.used, err);
    s = in.used ? read_file(&in) : TACIT_EFAIL;
    free(in.used);
    m->source = m->gguf.tensor;
    m->n_source = m->gguf.n_tensor;
    if (!s)
        s = tac_import_bind(m, m->arch->factors ? "rope_freqs.weight" : NULL, err);
    if (!s && m->window && (m->has[TAC_BIAS] || m->has[TAC_MLP_BIAS]))
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: tensor 'blk.0.attn_q.bias': biases beside a sliding window are not "
                     "supported",
                     path);
    if (s)
        tac_import_release(m);
    return s;
}
