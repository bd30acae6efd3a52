/* A new model folder of random weights. */
#include "api/handles.h"

#include "base/file.h"
#include "base/rng.h"
#include "format/json.h"
#include "model/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 1024, MAX_WIDTH = 1 << 16, MAX_ROWS = 1 << 24, POSITIONS = 1024 };

/* Sizes that stand in a family's fields. optional: families without it refuse one that is said. */
static const struct {
    const char *mark, *option;
    size_t at, most;
    bool optional;
} sizes[] = {
#define SIZE(mark, option, field, most, optional)                                                  \
    {                                                                                              \
        mark, option, offsetof(struct tacit_model_shape, field), most, optional                    \
    }
    SIZE("$layers", "layers", layers, MAX_LAYERS, false),
    SIZE("$width", "width", width, MAX_WIDTH, false),
    SIZE("$heads", "heads", heads, MAX_WIDTH, false),
    SIZE("$vocab", "vocabulary", vocab, MAX_ROWS, false),
    SIZE("$mlp_width", "--mlp-width", mlp_width, MAX_ROWS, true),
    SIZE("$key_heads", "--key-heads", key_heads, MAX_WIDTH, true),
    SIZE("$head_width", "--head-width", head_width, MAX_WIDTH, true),
    SIZE("$positions", "--positions", positions, MAX_ROWS, true),
#undef SIZE
};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static size_t *size_of(struct tacit_model_shape *s, size_t i)
{
    return (size_t *)(void *)((char *)s + sizes[i].at);
}

struct tacit_model_shape tacit_model_shape_default(void)
{
    return (struct tacit_model_shape){
        .layers = 4, .width = 64, .heads = 4, .std = 0.02, .dtype = "f32", .family = "bloom"};
}

/* Where a family's fields have a size: its row in sizes, or N_SIZES. */
static size_t find_size(const char *value)
{
    size_t i = 0;
    while (i < N_SIZES && strcmp(value, sizes[i].mark) != 0)
        i++;
    return i;
}

static bool has_size(const struct tac_family *f, size_t i)
{
    const struct tac_field *field = f->fresh;
    while (field->name && find_size(field->value) != i)
        field++;
    return field->name != NULL;
}

static enum tacit_status check_shape(struct tacit_model_shape *s, const struct tac_family *f,
                                     struct tacit_err *err)
{
    if (!s->layers || !s->width || !s->heads || (!s->head_width && s->width % s->heads))
        return tac_fail(
            err, TACIT_EINPUT,
            "%zu layers, width %zu, %zu heads: all must be above 0, the width a multiple of the heads",
            s->layers, s->width, s->heads);
    for (size_t i = 0; i < N_SIZES; i++) {
        size_t n = *size_of(s, i);
        if (n && sizes[i].optional && !has_size(f, i))
            return tac_fail(err, TACIT_EINPUT,
                            "%s %zu: a model of the family '%s' has no such size", sizes[i].option,
                            n, f->model_type);
        if (n > sizes[i].most)
            return tac_fail(err, TACIT_EINPUT, "%s %zu: at most %zu", sizes[i].option, n,
                            sizes[i].most);
    }
    return tac_check_dtype(s->dtype, err);
}

/* The sizes that were not said. */
static void fill_shape(struct tacit_model_shape *s)
{
    s->mlp_width = s->mlp_width ? s->mlp_width : 4 * s->width;
    s->key_heads = s->key_heads ? s->key_heads : s->heads;
    s->head_width = s->head_width ? s->head_width : s->width / s->heads;
    s->positions = s->positions ? s->positions : POSITIONS;
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

/* The family's fields as an object. */
static enum tacit_status fresh_fields(json_t **out, const struct tac_family *family,
                                      struct tacit_model_shape *s, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status st = TACIT_OK;
    for (const struct tac_field *f = family->fresh; !st && f->name; f++) {
        size_t i = find_size(f->value);
        st = tac_buf_addf(&text, err, "%c\"%s\": ", text.len ? ',' : '{', f->name);
        if (!st && i < N_SIZES)
            st = tac_buf_addf(&text, err, "%zu", *size_of(s, i));
        else if (!st)
            st = tac_buf_addf(&text, err, "%s", f->value);
    }
    if (!st)
        st = tac_buf_addf(&text, err, "}");
    if (!st)
        st = tac_json_parse(out, text.data, text.len, family->model_type, err);
    tac_buf_release(&text);
    return st;
}

/* config.json, and the decoder's shape that it says. */
static enum tacit_status make_config(json_t **out, struct tac_model *m, struct tacit_model_shape *s,
                                     const struct tacit_tokenizer *t, struct tacit_err *err)
{
    enum tacit_status st = fresh_fields(out, m->family, s, err);
    json_t *more = json_pack("{s:s, s:s, s:b}", "model_type", m->family->model_type, "dtype",
                             tac_dtype_torch(tac_dtype_short(s->dtype)), "use_cache", 1);
    if (!st && (!set_special_ids(more, t) || json_object_update(*out, more)))
        st = tac_fail_memory(err, 0);
    json_decref(more);
    return st ? st : m->family->configure(&m->c, &(struct tac_config){*out, "config.json", err});
}

static bool is_gain(size_t slot)
{
    size_t s = (slot - TAC_N_GLOBAL) % TAC_N_LAYER;
    if (slot < TAC_N_GLOBAL)
        return slot == TAC_P_EMBED_G || slot == TAC_P_FINAL_G;
    return s == TAC_P_LN1_G || s == TAC_P_LN2_G || s == TAC_P_Q_NORM || s == TAC_P_K_NORM;
}

static enum tacit_status write_weights(const char *dir, const struct tacit_model_shape *s,
                                       const struct tac_model *m, struct tacit_err *err)
{
    size_t n_slot = tac_model_slot(m->c.L, 0), n = 0, stream = 0;
    struct tac_tensor *t = tac_alloc(n_slot, sizeof *t, err);
    char(*name)[160] = tac_alloc(n_slot, sizeof *name, err);
    char *path = tac_path(dir, "model.safetensors", err);
    enum tacit_status st = t && name && path ? TACIT_OK : TACIT_EFAIL;
    for (size_t slot = 0; !st && slot < n_slot; slot++) {
        size_t rows, cols;
        tac_model_stored_shape(&m->c, slot, &rows, &cols);
        stream += tac_slot_names(m->family, slot) != NULL; /* the head, tied, among them */
        if (!rows)
            continue;
        t[n] = (struct tac_tensor){.name = tac_model_slot_name(m, slot, name[n]),
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

/* The vocabulary's rows: the tokenizer's size where none are said. */
static enum tacit_status set_vocab(struct tacit_model_shape *s, const struct tacit_tokenizer *t,
                                   struct tacit_err *err)
{
    size_t tokens = t ? tacit_tokenizer_size(t) : 0;
    s->vocab = s->vocab ? s->vocab : tokens;
    if (s->vocab && s->vocab >= tokens)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT,
                    "a vocabulary of %zu rows: expected at least the tokenizer's %zu and above 0",
                    s->vocab, tokens);
}

enum tacit_status tacit_model_create(const char *dir, const struct tacit_model_shape *shape,
                                     struct tacit_err *err)
{
    struct tacit_model_shape full = *shape;
    struct tacit_tokenizer *t = NULL;
    struct tac_model m = {0};
    json_t *config = NULL;
    enum tacit_status s = tac_family_find(&m.family, shape->family, "family", err);
    if (!s)
        s = check_shape(&full, m.family, err);
    fill_shape(&full);
    if (!s && shape->tokenizer)
        s = tacit_tokenizer_open(&t, shape->tokenizer, err);
    if (!s)
        s = set_vocab(&full, t, err);
    if (!s)
        s = make_config(&config, &m, &full, t, err);
    if (!s)
        s = tac_mkdirs(dir, err);
    if (!s && t)
        s = copy_tokenizer(dir, shape->tokenizer, err);
    if (!s && t)
        s = write_tokenizer_config(dir, t, err);
    if (!s)
        s = write_weights(dir, &full, &m, err);
    if (!s)
        s = write_json(dir, "config.json", json_incref(config), true, err);
    json_decref(config);
    tacit_tokenizer_close(t);
    return s;
}
