#include "tune/peft.h"

#include "base/file.h"
#include "format/json.h"
#include "tune/multitask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_LIMIT = 1 << 20, COUNT_LIMIT = 1 << 30 };
static const char peft_version[] = "0.21.2"; /* the release whose layout is written */

/* ---- reading ---- */

static enum tacit_status find_method(struct tac_peft_folder *f, struct tacit_err *err)
{
    char list[256] = "";
    f->type = json_string_value(json_object_get(f->config, "peft_type"));
    f->method = f->type ? tac_method_of_type(f->type) : NULL;
    if (f->method)
        return TACIT_OK;
    for (size_t i = 0; tac_method_at(i); i++)
        for (size_t k = 0; tac_method_at(i)->reads[k]; k++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                     tac_method_at(i)->reads[k]);
    return tac_fail(err, TACIT_EINPUT, "%s: field 'peft_type': found %s%s%s, expected one of %s",
                    f->config_path, f->type ? "'" : "", f->type ? f->type : "none",
                    f->type ? "'" : "", list);
}

enum tacit_status tac_peft_open(struct tac_peft_folder *f, const char *dir, struct tacit_err *err)
{
    *f = (struct tac_peft_folder){0};
    f->config_path = tac_path(dir, "adapter_config.json", err);
    f->tensor_path = f->config_path ? tac_path(dir, "adapter_model.safetensors", err) : NULL;
    enum tacit_status s = f->tensor_path ? TACIT_OK : TACIT_EFAIL;
    if (!s && !tac_is_dir(dir))
        s = tac_fail(err, TACIT_EINPUT, "%s: no such adapter folder", dir);
    if (!s)
        s = tac_json_load(&f->config, f->config_path, CONFIG_LIMIT, err);
    if (!s)
        s = find_method(f, err);
    if (!s)
        s = tac_safetensors_open(&f->f, f->tensor_path, err);
    if (s)
        tac_peft_close(f);
    return s;
}

void tac_peft_close(struct tac_peft_folder *f)
{
    tac_safetensors_close(&f->f);
    json_decref(f->config);
    free(f->config_path);
    free(f->tensor_path);
    *f = (struct tac_peft_folder){0};
}

enum tacit_status tac_peft_family(const struct tac_peft_folder *f, const struct tac_model *m,
                                  struct tacit_err *err)
{
    const char *key = "base_model_name_or_path",
               *base = json_string_value(json_object_get(f->config, key));
    json_t *config = NULL;
    struct tacit_err none;
    if (!base || !tac_is_dir(base))
        return TACIT_OK;
    char *path = tac_path(base, "config.json", err);
    if (!path)
        return TACIT_EFAIL;
    /* a folder that is no model any more says nothing */
    enum tacit_status s = tac_json_load(&config, path, CONFIG_LIMIT, &none);
    const char *type = s ? NULL : json_string_value(json_object_get(config, "model_type"));
    if (s == TACIT_EFAIL)
        *err = none;
    else
        s = TACIT_OK;
    if (type && strcmp(type, m->family->model_type) != 0)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: field '%s': %s is of the family '%s', the model %s of '%s': an adapter "
                     "means nothing on another family's model",
                     f->config_path, key, base, type, m->path, m->family->model_type);
    json_decref(config);
    free(path);
    return s;
}

enum tacit_status tac_peft_size(size_t *out, const struct tac_peft_folder *f, const char *key,
                                size_t min, size_t max, size_t fallback, struct tacit_err *err)
{
    int64_t v = (int64_t)fallback;
    json_t *at = json_object_get(f->config, key);
    enum tacit_status s = TACIT_OK;
    if (at && !json_is_null(at))
        s = tac_json_get_int(&v, f->config, key, (int64_t)min, (int64_t)max, f->config_path, err);
    *out = (size_t)v;
    return s;
}

static bool is_empty(const json_t *v)
{
    if (json_is_string(v))
        return json_string_length(v) == 0;
    if (json_is_array(v) || json_is_object(v))
        return json_is_array(v) ? json_array_size(v) == 0 : json_object_size(v) == 0;
    return json_is_null(v) || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0);
}

/* Whether a list has the word: n of them, or SIZE_MAX where NULL ends it. */
static bool is_in(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n && list[i]; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

enum tacit_status tac_peft_plain(const struct tac_peft_folder *f, const char *const *known,
                                 struct tacit_err *err)
{
    static const char *const common[] = {"base_model_name_or_path",
                                         "inference_mode",
                                         "peft_type",
                                         "peft_version",
                                         "revision",
                                         "task_type",
                                         "auto_mapping",
                                         "tacit_place",
                                         NULL};
    const char *key;
    json_t *v;
    json_object_foreach(f->config, key, v)
    {
        if (is_in(key, common, SIZE_MAX) || is_in(key, known, SIZE_MAX) || is_empty(v))
            continue;
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        enum tacit_status s =
            tac_fail(err, TACIT_EINPUT, "%s: field '%s': found %.100s, which is not implemented",
                     f->config_path, key, text ? text : "a value");
        free(text);
        return s;
    }
    return TACIT_OK;
}

/* What the config says of the model must be so, where it says it. */
static enum tacit_status agrees(const struct tac_peft_folder *f, const char *key, size_t want,
                                const char *whose, struct tacit_err *err)
{
    size_t found;
    enum tacit_status s = tac_peft_size(&found, f, key, 0, COUNT_LIMIT, want, err);
    if (!s && found != want)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: field '%s': found %zu, expected %s %zu: it is an adapter of another "
                     "model",
                     f->config_path, key, found, whose, want);
    return s;
}

enum tacit_status tac_peft_prompt_like(size_t *P, const struct tac_peft_folder *f,
                                       const struct tac_decoder_config *c, size_t heads,
                                       size_t width, struct tacit_err *err)
{
    static const char *const known[] = {"encoder_dropout",
                                        "encoder_hidden_size",
                                        "encoder_num_layers",
                                        "encoder_reparameterization_type",
                                        "init_weights",
                                        "num_attention_heads",
                                        "num_layers",
                                        "num_ranks",
                                        "num_tasks",
                                        "num_transformer_submodules",
                                        "num_virtual_tokens",
                                        "prefix_projection",
                                        "prompt_tuning_init",
                                        "prompt_tuning_init_state_dict_path",
                                        "prompt_tuning_init_task",
                                        "prompt_tuning_init_text",
                                        "token_dim",
                                        "tokenizer_kwargs",
                                        "tokenizer_name_or_path",
                                        NULL};
    enum tacit_status s = tac_peft_plain(f, known, err);
    if (!s)
        s = agrees(f, "num_transformer_submodules", 1, "a decoder's", err);
    if (!s && c)
        s = agrees(f, "num_layers", c->L, "the model's", err);
    if (!s && c)
        s = agrees(f, "num_attention_heads", heads, "the model's", err);
    if (!s && c)
        s = agrees(f, "token_dim", width, "the model's", err);
    return s ? s : tac_peft_size(P, f, "num_virtual_tokens", 1, 1 << 20, 0, err);
}

enum tacit_status tac_peft_names(const struct tac_peft_folder *f, const char *const *name, size_t n,
                                 struct tacit_err *err)
{
    const char *missing = NULL, *other = NULL;
    for (size_t i = 0; !missing && i < n; i++)
        if (!tac_safetensors_find(&f->f, name[i]))
            missing = name[i];
    for (size_t k = 0; !other && k < f->f.n; k++)
        if (!is_in(f->f.tensor[k].name, name, n))
            other = f->f.tensor[k].name;
    if (missing && other)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%s' is missing; there is '%.200s', which "
                        "adapter_config.json does not ask for",
                        f->tensor_path, missing, other);
    if (missing)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' is missing (%zu of %zu are there)",
                        f->tensor_path, missing, f->f.n, n);
    if (other)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%.200s' is none that adapter_config.json asks for",
                        f->tensor_path, other);
    return TACIT_OK;
}

static const char *show_shape(char out[100], const struct tac_tensor *t)
{
    snprintf(out, 100, "%s", t->rank ? "" : "of one element");
    for (int i = 0; i < t->rank; i++)
        snprintf(out + strlen(out), 100 - strlen(out), "%s%zu", i ? "x" : "", t->shape[i]);
    return out;
}

static enum tacit_status find_floats(const struct tac_tensor **out, const struct tac_peft_folder *f,
                                     const char *name, int rank, struct tacit_err *err)
{
    const struct tac_tensor *t = *out = tac_safetensors_find(&f->f, name);
    char found[100];
    if (!t)
        return tac_peft_names(f, &name, 1, err);
    if (t->rank != rank || !t->bytes || !tac_dtype_is_float(t->dtype))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%s': found %s %s, expected floats in %d dimensions above 0",
                        f->tensor_path, name, tac_dtype_name(t->dtype), show_shape(found, t), rank);
    return TACIT_OK;
}

static enum tacit_status check_finite(const struct tac_peft_folder *f, const struct tac_tensor *t,
                                      struct tacit_err *err)
{
    for (size_t i = 0, n = tac_tensor_count(t); i < n; i++) {
        double v = tac_dtype_get(t->data, t->dtype, i);
        if (!isfinite((float)v))
            return tac_fail(err, TACIT_EINPUT,
                            "%s: tensor '%s': element %zu is %s, expected a finite number",
                            f->tensor_path, t->name, i,
                            isnan(v)   ? "NaN"
                            : isinf(v) ? "infinite"
                                       : "too large for float32");
    }
    return TACIT_OK;
}

enum tacit_status tac_peft_tensor(const struct tac_tensor **out, const struct tac_peft_folder *f,
                                  const char *name, int rank, struct tacit_err *err)
{
    enum tacit_status s = find_floats(out, f, name, rank, err);
    return s ? s : check_finite(f, *out, err);
}

enum tacit_status tac_peft_matrix(const struct tac_tensor **out, const struct tac_peft_folder *f,
                                  const char *name, size_t rows, size_t cols, const char *what,
                                  struct tacit_err *err)
{
    enum tacit_status s = find_floats(out, f, name, 2, err);
    if (s)
        return s;
    const size_t *found = (*out)->shape;
    if ((rows && found[0] != rows) || (cols && found[1] != cols))
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': found %zux%zu, expected %zux%zu (%s)",
                        f->tensor_path, name, found[0], found[1], rows ? rows : found[0],
                        cols ? cols : found[1], what);
    return check_finite(f, *out, err);
}

enum tacit_status tac_peft_fits_items(const struct tac_tune *t, const struct tac_peft_folder *f,
                                      struct tacit_err *err)
{
    const char **name = tac_alloc(t->n_item, sizeof *name, err);
    const struct tac_tensor *x;
    if (!name)
        return TACIT_EFAIL;
    for (size_t i = 0; i < t->n_item; i++)
        name[i] = t->item[i].name;
    enum tacit_status s = tac_peft_names(f, name, t->n_item, err);
    free(name);
    for (size_t i = 0; !s && i < t->n_item; i++) {
        const struct tac_item *it = &t->item[i];
        s = tac_peft_matrix(&x, f, it->name, it->rows, it->cols, it->what, err);
    }
    return s;
}

enum tacit_status tac_peft_read_items(const struct tac_tune *t, float *values,
                                      const struct tac_peft_folder *f, struct tacit_err *err)
{
    (void)err;
    for (size_t i = 0; i < t->n_item; i++) {
        const struct tac_item *it = &t->item[i];
        tac_tensor_read_f32(values + it->offset, tac_safetensors_find(&f->f, it->name), 0,
                            it->rows * it->cols);
    }
    return TACIT_OK;
}

enum tacit_status tac_peft_place(enum tac_place *out, const struct tac_peft_folder *f,
                                 struct tacit_err *err)
{
    const char *name;
    *out = TAC_PLACE_TEMPLATE;
    if (!tac_json_has(f->config, "tacit_place"))
        return TACIT_OK;
    enum tacit_status s = tac_json_get_string(&name, f->config, "tacit_place", f->config_path, err);
    if (s)
        return s;
    s = tac_place_find(out, name, "field 'tacit_place'", err);
    return s ? tac_err_prefix(err, "%s: ", f->config_path) : TACIT_OK;
}

enum tacit_status tac_peft_info(struct tac_tune *t, const struct tac_peft_folder *f,
                                struct tacit_err *err)
{
    const struct {
        const char *key, **to;
    } field[] = {{"base_model_name_or_path", &t->info.base_name},
                 {"tokenizer_name_or_path", &t->info.tokenizer_name},
                 {"prompt_tuning_init_text", &t->info.init_text}};
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        const char *s = json_string_value(json_object_get(f->config, field[i].key));
        if (s && !(*field[i].to = tac_arena_strndup(&t->arena, s, strlen(s), err)))
            return TACIT_EFAIL;
    }
    enum tac_place place;
    enum tacit_status s = tac_peft_place(&place, f, err);
    t->info.place = tac_json_has(f->config, "tacit_place") ? tac_place_name(place) : NULL;
    return s;
}

/* ---- writing ---- */

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static bool is_utf8(const char *s)
{
    return !s || !s[tac_utf8_bad(s, strlen(s))];
}

json_t *tac_peft_config(const struct tac_adapter_info *info, const char *type)
{
    return json_pack("{s:n, s:o, s:b, s:n, s:s, s:s, s:n, s:s}", "auto_mapping",
                     "base_model_name_or_path", text_or_null(info->base_name), "inference_mode", 1,
                     "modules_to_save", "peft_type", type, "peft_version", peft_version, "revision",
                     "task_type", "CAUSAL_LM");
}

bool tac_peft_add_prompt_like(json_t *config, const struct tac_decoder_config *c, size_t heads,
                              size_t width, size_t P)
{
    json_t *more = json_pack("{s:I, s:I, s:i, s:I, s:I}", "num_attention_heads", (json_int_t)heads,
                             "num_layers", (json_int_t)c->L, "num_transformer_submodules", 1,
                             "num_virtual_tokens", (json_int_t)P, "token_dim", (json_int_t)width);
    bool ok = config && more && !json_object_update(config, more);
    json_decref(more);
    return ok;
}

static enum tacit_status write_in(const char *dir, const char *name, const json_t *config,
                                  const struct tac_tensor *tensor, size_t n,
                                  const struct tac_supply *supply, struct tacit_err *err)
{
    char *path = tac_path(dir, name, err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = config ? tac_json_save(path, config, err)
                                 : tac_safetensors_supply(path, tensor, n, NULL, 0, supply, err);
    free(path);
    return s;
}

/* Takes the config; supply: of tensors without data, or NULL. */
static enum tacit_status write_folder(const char *dir, json_t *take, bool whole,
                                      const struct tac_adapter_info *info,
                                      const struct tac_tensor *tensor, size_t n,
                                      const struct tac_supply *supply, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    if (!is_utf8(info->base_name) || !is_utf8(info->tokenizer_name) || !is_utf8(info->init_text))
        s = tac_fail(err, TACIT_EFAIL,
                     "%s: the adapter's configuration holds text that is no UTF-8", dir);
    else if (!take || !whole ||
             (info->place && json_object_set_new(take, "tacit_place", json_string(info->place))))
        s = tac_fail_memory(err, 0);
    if (!s)
        s = tac_mkdirs(dir, err);
    if (!s)
        s = write_in(dir, "adapter_model.safetensors", NULL, tensor, n, supply, err);
    if (!s)
        s = write_in(dir, "adapter_config.json", take, NULL, 0, NULL, err);
    json_decref(take);
    return s;
}

enum tacit_status tac_peft_write(const char *dir, json_t *take, bool whole,
                                 const struct tac_adapter_info *info,
                                 const struct tac_tensor *tensor, size_t n, struct tacit_err *err)
{
    return write_folder(dir, take, whole, info, tensor, n, NULL, err);
}

static struct tac_tensor matrix_of(const char *name, const float *values, size_t rows, size_t cols)
{
    return (struct tac_tensor){.name = name,
                               .dtype = TAC_F32,
                               .rank = cols ? 2 : 1,
                               .shape = {rows, cols},
                               .data = (const unsigned char *)values,
                               .bytes = rows * (cols ? cols : 1) * sizeof *values};
}

/* The block's items as tensors that tac_tune_give supplies. */
static struct tac_tensor *item_tensors(const struct tac_tune *t, struct tacit_err *err)
{
    struct tac_tensor *x = tac_alloc(t->n_item, sizeof *x, err);
    for (size_t i = 0; x && i < t->n_item; i++) {
        x[i] = matrix_of(t->item[i].name, NULL, t->item[i].rows, t->item[i].cols);
        x[i].place = t->item[i].offset;
    }
    return x;
}

enum tacit_status tac_peft_write_items(const struct tac_tune *t, const char *dir, json_t *take,
                                       bool whole, struct tacit_err *err)
{
    struct tac_tensor *x = item_tensors(t, err);
    struct tac_supply supply = {.give = tac_tune_give, .ctx = (void *)(uintptr_t)t};
    enum tacit_status s = TACIT_EFAIL;
    if (x)
        s = write_folder(dir, take, whole, &t->info, x, t->n_item, &supply, err);
    else
        json_decref(take);
    free(x);
    return s;
}

/* ---- prompts ---- */

enum tacit_status tac_peft_save_prompt(const char *dir, const float *values, size_t P,
                                       const struct tac_decoder_config *c,
                                       const struct tac_adapter_info *info, struct tacit_err *err)
{
    struct tac_tensor t = matrix_of("prompt_embeddings", values, P, c->C);
    bool text = info->init_text && info->tokenizer_name;
    json_t *config = tac_peft_config(info, "PROMPT_TUNING");
    bool whole =
        tac_peft_add_prompt_like(config, c, c->H, c->C, P) &&
        !json_object_set_new(config, "prompt_tuning_init", json_string(text ? "TEXT" : "RANDOM")) &&
        !json_object_set_new(config, "prompt_tuning_init_text",
                             text_or_null(text ? info->init_text : NULL)) &&
        !json_object_set_new(config, "tokenizer_kwargs", json_null()) &&
        !json_object_set_new(config, "tokenizer_name_or_path",
                             text_or_null(text ? info->tokenizer_name : NULL));
    return tac_peft_write(dir, config, whole, info, &t, 1, err);
}

enum tacit_status tac_peft_load_prompt(struct tac_peft_prompt *p, const char *dir,
                                       const struct tac_decoder_config *c, struct tacit_err *err)
{
    return tac_prompt_load(p, dir, c, TAC_NO_TASK, err);
}

void tac_peft_prompt_release(struct tac_peft_prompt *p)
{
    free(p->values);
    free(p->base_name);
    free(p->tokenizer_name);
    free(p->init_text);
    *p = (struct tac_peft_prompt){0};
}

/* ---- model folders ---- */

static enum tacit_status copy_file(const char *from_dir, const char *to_dir, const char *name,
                                   struct tacit_err *err)
{
    struct tac_map m = {0};
    char *from = tac_path(from_dir, name, err), *to = from ? tac_path(to_dir, name, err) : NULL;
    enum tacit_status s = to ? TACIT_OK : TACIT_EFAIL;
    if (!s && tac_file_exists(from)) {
        s = tac_map_open(&m, from, err);
        if (!s)
            s = tac_file_write(to, m.data, m.size, err);
    }
    tac_map_close(&m);
    free(from);
    free(to);
    return s;
}

static enum tacit_status save_config(const char *dir, const struct tac_model *base,
                                     const char *dtype, struct tacit_err *err)
{
    enum tacit_status s;
    json_t *config = json_object(); /* json_copy leaves keys out where memory ends */
    if (!config || json_object_update(config, base->config) ||
        json_object_set_new(config, "dtype", json_string(dtype))) {
        s = tac_fail_memory(err, 0);
    } else {
        json_object_del(config, "torch_dtype");
        s = write_in(dir, "config.json", config, NULL, 0, NULL, err);
    }
    json_decref(config);
    return s;
}

enum tacit_status tac_model_write(const char *dir, const struct tac_model *base,
                                  const struct tac_tensor *tensor, size_t n, enum tac_dtype dtype,
                                  const struct tac_supply *supply, struct tacit_err *err)
{
    static const char *const companions[] = {
        "tokenizer.json", "tokenizer_config.json",   "vocab.json",
        "merges.txt",     "special_tokens_map.json", "generation_config.json"};
    enum tacit_status s = tac_mkdirs(dir, err);
    for (size_t i = 0; !s && i < sizeof companions / sizeof *companions; i++)
        s = copy_file(base->path, dir, companions[i], err);
    if (!s)
        s = write_in(dir, "model.safetensors", NULL, tensor, n, supply, err);
    return s ? s : save_config(dir, base, tac_dtype_torch(dtype), err);
}

enum tacit_status tac_model_save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    struct tac_tensor *x = item_tensors(t, err);
    struct tac_supply supply = {.give = tac_tune_give, .ctx = (void *)(uintptr_t)t};
    enum tacit_status s =
        x ? tac_model_write(dir, t->weights->model, x, t->n_item, TAC_F32, &supply, err)
          : TACIT_EFAIL;
    free(x);
    return s;
}
