#include "tune/peft.h"

#include "base/file.h"
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_LIMIT = 1 << 20 };
static const char peft_version[] = "0.21.2"; /* the release whose layout is written */

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static bool is_utf8(const char *s)
{
    return !s || !s[tac_utf8_bad(s, strlen(s))];
}

/* All keys that PEFT writes for PROMPT_TUNING. */
static json_t *prompt_config(size_t P, const struct tac_decoder_config *c,
                             const struct tac_adapter_info *info)
{
    bool text = info->init_text && info->tokenizer_name;
    return json_pack(
        "{s:n, s:o, s:b, s:n, s:I, s:I, s:i, s:I, s:s, s:s, s:s, s:o, s:n, s:s, s:I, s:n, s:o}",
        "auto_mapping", "base_model_name_or_path", text_or_null(info->base_name), "inference_mode",
        1, "modules_to_save", "num_attention_heads", (json_int_t)c->H, "num_layers",
        (json_int_t)c->L, "num_transformer_submodules", 1, "num_virtual_tokens", (json_int_t)P,
        "peft_type", "PROMPT_TUNING", "peft_version", peft_version, "prompt_tuning_init",
        text ? "TEXT" : "RANDOM", "prompt_tuning_init_text",
        text_or_null(text ? info->init_text : NULL), "revision", "task_type", "CAUSAL_LM",
        "token_dim", (json_int_t)c->C, "tokenizer_kwargs", "tokenizer_name_or_path",
        text_or_null(text ? info->tokenizer_name : NULL));
}

static enum tacit_status write_in(const char *dir, const char *name, const json_t *config,
                                  const struct tac_tensor *tensor, size_t n, struct tacit_err *err)
{
    char *path = tac_path(dir, name, err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = config ? tac_json_save(path, config, err)
                                 : tac_safetensors_write(path, tensor, n, NULL, 0, err);
    free(path);
    return s;
}

enum tacit_status tac_peft_save_prompt(const char *dir, const float *values, size_t P,
                                       const struct tac_decoder_config *c,
                                       const struct tac_adapter_info *info, struct tacit_err *err)
{
    struct tac_tensor t = {.name = "prompt_embeddings",
                           .dtype = TAC_F32,
                           .rank = 2,
                           .shape = {P, c->C},
                           .data = (const unsigned char *)values,
                           .bytes = P * c->C * sizeof *values};
    json_t *config = prompt_config(P, c, info);
    if (!config && is_utf8(info->base_name) && is_utf8(info->tokenizer_name) &&
        is_utf8(info->init_text))
        return tac_fail_memory(err, 0);
    if (!config)
        return tac_fail(err, TACIT_EFAIL,
                        "%s: the adapter's configuration holds text that is no UTF-8", dir);
    enum tacit_status s = tac_mkdirs(dir, err);
    if (!s)
        s = write_in(dir, "adapter_model.safetensors", NULL, &t, 1, err);
    if (!s)
        s = write_in(dir, "adapter_config.json", config, NULL, 0, err);
    json_decref(config);
    return s;
}

static enum tacit_status take_string(char **out, const json_t *config, const char *key,
                                     struct tacit_err *err)
{
    const char *s = json_string_value(json_object_get(config, key));
    *out = s ? tac_strdup(s, err) : NULL;
    return s && !*out ? TACIT_EFAIL : TACIT_OK;
}

/* What the config says of its model must be so. */
static enum tacit_status check_model(const json_t *config, const struct tac_decoder_config *c,
                                     const char *path, struct tacit_err *err)
{
    const struct {
        const char *key;
        size_t want;
    } field[] = {{"num_layers", c->L}, {"num_attention_heads", c->H}, {"token_dim", c->C}};
    for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
        const json_t *v = json_object_get(config, field[i].key);
        if (json_is_integer(v) && json_integer_value(v) != (json_int_t)field[i].want)
            return tac_fail(err, TACIT_EINPUT,
                            "%s: field '%s': found %" JSON_INTEGER_FORMAT
                            ", expected the model's %zu: it is an adapter "
                            "of another model",
                            path, field[i].key, json_integer_value(v), field[i].want);
    }
    return TACIT_OK;
}

static enum tacit_status read_config(struct tac_peft_prompt *p, const json_t *config,
                                     const char *path, struct tacit_err *err)
{
    const char *type = json_string_value(json_object_get(config, "peft_type"));
    int64_t P = 0;
    if (!type || strcmp(type, "PROMPT_TUNING") != 0)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field 'peft_type': found %s%s%s, only 'PROMPT_TUNING' "
                        "can be read",
                        path, type ? "'" : "", type ? type : "none", type ? "'" : "");
    if (tac_json_has(config, "num_virtual_tokens") &&
        tac_json_get_int(&P, config, "num_virtual_tokens", 1, 1 << 20, path, err))
        return TACIT_EINPUT;
    p->P = (size_t)P;
    enum tacit_status s = take_string(&p->base_name, config, "base_model_name_or_path", err);
    if (!s)
        s = take_string(&p->tokenizer_name, config, "tokenizer_name_or_path", err);
    return s ? s : take_string(&p->init_text, config, "prompt_tuning_init_text", err);
}

static enum tacit_status read_values(struct tac_peft_prompt *p, const struct tac_safetensors *f,
                                     const char *path, const struct tac_decoder_config *c,
                                     struct tacit_err *err)
{
    const struct tac_tensor *t = tac_safetensors_find(f, "prompt_embeddings");
    if (!t)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor 'prompt_embeddings' is missing", path);
    if (t->rank != 2 || !t->shape[0] || !tac_dtype_is_float(t->dtype))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor 'prompt_embeddings': expected a float matrix (tokens, width)",
                        path);
    if (p->P && t->shape[0] != p->P)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor 'prompt_embeddings' has %zu rows, adapter_config.json's "
                        "num_virtual_tokens says %zu",
                        path, t->shape[0], p->P);
    if (c && t->shape[1] != c->C)
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: tensor 'prompt_embeddings' is %zu wide, the model %zu: it is an adapter of "
            "another model",
            path, t->shape[1], c->C);
    p->P = t->shape[0];
    p->C = t->shape[1];
    p->values = tac_alloc(p->P * p->C, sizeof *p->values, err);
    if (!p->values)
        return TACIT_EFAIL;
    tac_tensor_read_f32(p->values, t, 0, p->P * p->C);
    return TACIT_OK;
}

enum tacit_status tac_peft_load_prompt(struct tac_peft_prompt *p, const char *dir,
                                       const struct tac_decoder_config *c, struct tacit_err *err)
{
    *p = (struct tac_peft_prompt){0};
    json_t *config = NULL;
    struct tac_safetensors f = {0};
    enum tacit_status s = TACIT_EFAIL;
    char *cpath = tac_path(dir, "adapter_config.json", err);
    char *tpath = cpath ? tac_path(dir, "adapter_model.safetensors", err) : NULL;
    if (!tpath)
        goto out;
    if (!tac_is_dir(dir)) {
        s = tac_fail(err, TACIT_EINPUT, "%s: no such adapter folder", dir);
        goto out;
    }
    s = tac_json_load(&config, cpath, CONFIG_LIMIT, err);
    if (!s)
        s = read_config(p, config, cpath, err);
    if (!s && c)
        s = check_model(config, c, cpath, err);
    if (!s)
        s = tac_safetensors_open(&f, tpath, err);
    if (!s)
        s = read_values(p, &f, tpath, c, err);
out:
    tac_safetensors_close(&f);
    json_decref(config);
    free(cpath);
    free(tpath);
    if (s)
        tac_peft_prompt_release(p);
    return s;
}

void tac_peft_prompt_release(struct tac_peft_prompt *p)
{
    free(p->values);
    free(p->base_name);
    free(p->tokenizer_name);
    free(p->init_text);
    *p = (struct tac_peft_prompt){0};
}

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
        s = write_in(dir, "config.json", config, NULL, 0, err);
    }
    json_decref(config);
    return s;
}

enum tacit_status tac_model_write(const char *dir, const struct tac_model *base,
                                  const struct tac_tensor *tensor, size_t n, enum tac_dtype dtype,
                                  struct tacit_err *err)
{
    static const char *const companions[] = {"tokenizer.json", "tokenizer_config.json",
                                             "special_tokens_map.json", "generation_config.json"};
    enum tacit_status s = tac_mkdirs(dir, err);
    for (size_t i = 0; !s && i < sizeof companions / sizeof *companions; i++)
        s = copy_file(base->path, dir, companions[i], err);
    if (!s)
        s = write_in(dir, "model.safetensors", NULL, tensor, n, err);
    return s ? s : save_config(dir, base, tac_dtype_torch(dtype), err);
}

enum tacit_status tac_model_save(const char *dir, const struct tac_model *base,
                                 const struct tac_item *item, size_t n_item, const float *values,
                                 struct tacit_err *err)
{
    struct tac_tensor *t = tac_alloc(n_item, sizeof *t, err);
    for (size_t i = 0; t && i < n_item; i++)
        t[i] = (struct tac_tensor){.name = item[i].name,
                                   .dtype = TAC_F32,
                                   .rank = item[i].cols ? 2 : 1,
                                   .shape = {item[i].rows, item[i].cols},
                                   .data = (const unsigned char *)(values + item[i].offset),
                                   .bytes = item[i].rows * (item[i].cols ? item[i].cols : 1) *
                                            sizeof *values};
    enum tacit_status s = t ? tac_model_write(dir, base, t, n_item, TAC_F32, err) : TACIT_EFAIL;
    free(t);
    return s;
}
