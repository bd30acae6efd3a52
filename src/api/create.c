/* A new model folder of random weights. */
#include "api/handles.h"

#include "base/file.h"
#include "base/rng.h"
#include "format/json.h"
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tacit_model_shape tacit_model_shape_default(void)
{
    return (struct tacit_model_shape){
        .layers = 4, .width = 64, .heads = 4, .std = 0.02, .dtype = "f32"};
}

static enum tacit_status check_shape(const struct tacit_model_shape *s, struct tacit_err *err)
{
    if (!s->layers || !s->width || !s->heads || s->width % s->heads)
        return tac_fail(
            err, TACIT_EINPUT,
            "%zu layers, width %zu, %zu heads: all must be above 0, the width a multiple of the heads",
            s->layers, s->width, s->heads);
    if (s->layers > 1024 || s->width > 1 << 16 || s->vocab > 1 << 24)
        return tac_fail(err, TACIT_EINPUT, "at most 1024 layers, width 65536, vocabulary 16777216");
    return tac_check_dtype(s->dtype, err);
}

/* Fills one tensor: matrices random by their own stream, gains 1, biases 0. */
static enum tacit_status fill(struct tac_tensor *t, size_t stream,
                              const struct tacit_model_shape *s, bool gain, struct tacit_err *err)
{
    size_t n = t->shape[0] * (t->rank == 2 ? t->shape[1] : 1);
    unsigned char *data = tac_alloc(n, tac_dtype_size(t->dtype), err);
    if (!data)
        return TACIT_EFAIL;
    struct tac_rng rng = tac_rng_init(s->seed, stream);
    for (size_t i = 0; i < n; i++) {
        float v = t->rank == 2 ? (float)(s->std * tac_rng_normal(&rng)) : gain ? 1.0f : 0.0f;
        tac_dtype_put(data, t->dtype, i, v);
    }
    t->data = data;
    t->bytes = n * tac_dtype_size(t->dtype);
    return TACIT_OK;
}

/* The tokens that transformers asks for by their part, under the names that tokenizers give them.
 */
static const struct {
    const char *part, *names[3];
} special[] = {{"bos_token", {"<s>", "<|begin_of_text|>", "<|endoftext|>"}},
               {"eos_token", {"</s>", "<|end_of_text|>", "<|endoftext|>"}},
               {"pad_token", {"<pad>", "<|endoftext|>"}},
               {"unk_token", {"<unk>"}}};
enum { N_SPECIAL = sizeof special / sizeof *special };

/* The name that a tokenizer (NULL: none) has for a part, and its id; NULL where it has none. */
static const char *special_token(const struct tacit_tokenizer *t, size_t part, int32_t *id)
{
    for (size_t i = 0; t && i < 3 && special[part].names[i]; i++)
        if ((*id = tac_tokenizer_id(t->t, special[part].names[i])) >= 0)
            return special[part].names[i];
    return NULL;
}

/* bos_token_id and the like; false where there is no memory. Absent ones as null, since
 * transformers' own defaults are ids that need not exist. */
static bool set_special_ids(json_t *config, const struct tacit_tokenizer *t)
{
    bool ok = config != NULL;
    for (size_t i = 0; ok && i < N_SPECIAL - 1; i++) {
        char key[32];
        int32_t id = -1;
        snprintf(key, sizeof key, "%s_id", special[i].part);
        ok = !json_object_set_new(config, key,
                                  special_token(t, i, &id) ? json_integer(id) : json_null());
    }
    return ok;
}

/* Writes and frees `take`; whole says whether it got all of its fields. */
static enum tacit_status write_json(const char *dir, const char *name, json_t *take, bool whole,
                                    struct tacit_err *err)
{
    char *path = tac_path(dir, name, err);
    enum tacit_status s = whole && path ? tac_json_save(path, take, err) : tac_fail_memory(err, 0);
    json_decref(take);
    free(path);
    return s;
}

/* What transformers' AutoTokenizer reads beside tokenizer.json. */
static enum tacit_status write_tokenizer_config(const char *dir, const struct tacit_tokenizer *t,
                                                struct tacit_err *err)
{
    json_t *v = json_pack("{s:s, s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                          "clean_up_tokenization_spaces", 0);
    bool ok = v != NULL;
    for (size_t i = 0; ok && i < N_SPECIAL; i++) {
        int32_t id;
        const char *name = special_token(t, i, &id);
        ok = !name || !json_object_set_new(v, special[i].part, json_string(name));
    }
    return write_json(dir, "tokenizer_config.json", v, ok, err);
}

static json_t *make_config(const struct tacit_model_shape *s, size_t vocab)
{
    return json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:f, s:b, s:b, s:s, s:f, s:f, s:b}",
                     "architectures", "BloomForCausalLM", "model_type", "bloom", "hidden_size",
                     (json_int_t)s->width, "n_head", (json_int_t)s->heads, "n_layer",
                     (json_int_t)s->layers, "vocab_size", (json_int_t)vocab, "layer_norm_epsilon",
                     1e-5, "apply_residual_connection_post_layernorm", 0, "tie_word_embeddings", 1,
                     "dtype", tac_dtype_torch(tac_dtype_short(s->dtype)), "hidden_dropout", 0.0,
                     "attention_dropout", 0.0, "use_cache", 1);
}

static bool is_gain(size_t slot)
{
    size_t s = (slot - TAC_N_GLOBAL) % TAC_N_LAYER;
    if (slot < TAC_N_GLOBAL)
        return slot == TAC_P_EMBED_G || slot == TAC_P_FINAL_G;
    return s == TAC_P_LN1_G || s == TAC_P_LN2_G;
}

static enum tacit_status write_weights(const char *dir, const struct tacit_model_shape *s,
                                       const json_t *config, struct tacit_err *err)
{
    struct tac_model m = {.family = &tac_family_bloom};
    size_t n_slot = tac_model_slot(s->layers, 0), n = 0, stream = 0;
    struct tac_tensor *t = tac_alloc(n_slot, sizeof *t, err);
    char(*name)[160] = tac_alloc(n_slot, sizeof *name, err);
    char *path = tac_path(dir, "model.safetensors", err);
    enum tacit_status st = t && name && path ? TACIT_OK : TACIT_EFAIL;
    if (!st)
        st = m.family->configure(&m.c, &(struct tac_config){config, dir, err});
    for (size_t slot = 0; !st && slot < n_slot; slot++) {
        size_t rows, cols;
        tac_model_slot_shape(&m.c, slot, &rows, &cols);
        stream += tac_slot_names(m.family, slot) != NULL; /* the head, tied, among them */
        if (!rows)
            continue;
        t[n] = (struct tac_tensor){.name = tac_model_slot_name(&m, slot, name[n]),
                                   .dtype = tac_dtype_short(s->dtype),
                                   .rank = cols ? 2 : 1,
                                   .shape = {rows, cols}};
        st = fill(&t[n++], stream - 1, s, is_gain(slot), err);
    }
    if (!st)
        st = tac_safetensors_write(path, t, n, NULL, 0, err);
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)t[i].data);
    free(t);
    free(name);
    free(path);
    return st;
}

static enum tacit_status copy_tokenizer(const char *dir, const char *from, struct tacit_err *err)
{
    struct tac_map map = {0};
    char *path = tac_path(dir, "tokenizer.json", err);
    enum tacit_status s = path ? tac_map_open(&map, from, err) : TACIT_EFAIL;
    if (!s)
        s = tac_file_write(path, map.data, map.size, err);
    tac_map_close(&map);
    free(path);
    return s;
}

enum tacit_status tacit_model_create(const char *dir, const struct tacit_model_shape *shape,
                                     struct tacit_err *err)
{
    size_t vocab = shape->vocab, tokens = 0;
    struct tacit_tokenizer *t = NULL;
    enum tacit_status s = check_shape(shape, err);
    if (!s && shape->tokenizer)
        s = tacit_tokenizer_open(&t, shape->tokenizer, err);
    if (t)
        tokens = tacit_tokenizer_size(t);
    if (!vocab)
        vocab = tokens;
    if (!s && (!vocab || vocab < tokens))
        s = tac_fail(err, TACIT_EINPUT,
                     "a vocabulary of %zu rows: expected at least the tokenizer's %zu and above 0",
                     vocab, tokens);
    if (!s)
        s = tac_mkdirs(dir, err);
    if (!s && t)
        s = copy_tokenizer(dir, shape->tokenizer, err);
    if (!s && t)
        s = write_tokenizer_config(dir, t, err);
    if (!s) {
        json_t *config = make_config(shape, vocab);
        bool whole = set_special_ids(config, t);
        s = config ? write_weights(dir, shape, config, err) : TACIT_EFAIL;
        if (s)
            json_decref(config);
        else
            s = write_json(dir, "config.json", config, whole, err);
    }
    tacit_tokenizer_close(t);
    return s;
}
