#include "model/model.h"

#include "base/file.h"
#include "base/resident.h"
#include "model/config.h"
#include "model/locate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LAYERS = 1024, CONFIG_LIMIT = 1 << 20, INDEX_LIMIT = 64 << 20, MAX_SHARDS = 1024 };

static const struct tac_family *const families[] = {
    &tac_family_bloom,   &tac_family_gpt2,  &tac_family_gpt_neox, &tac_family_llama,
    &tac_family_mistral, &tac_family_qwen2, &tac_family_qwen3,
};

enum tacit_status tac_family_find(const struct tac_family **out, const char *name,
                                  const char *where, struct tacit_err *err)
{
    char known[200] = "";
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        *out = families[i];
        if (name && strcmp(name, families[i]->model_type) == 0)
            return TACIT_OK;
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 families[i]->model_type);
    }
    return tac_fail(err, TACIT_EINPUT, "%s: %s%s%s is not supported (supported: %s)", where,
                    name ? "'" : "", name ? name : "a missing one", name ? "'" : "", known);
}

static enum tacit_status find_family(struct tac_model *m, const char *path, struct tacit_err *err)
{
    char where[300];
    snprintf(where, sizeof where, "%s: field 'model_type'", path);
    return tac_family_find(&m->family, json_string_value(json_object_get(m->config, "model_type")),
                           where, err);
}

static enum tacit_status read_config(struct tac_model *m, struct tacit_err *err)
{
    char *path = tac_path(m->path, "config.json", err);
    if (!path)
        return TACIT_EFAIL;
    enum tacit_status s = tac_json_load(&m->config, path, CONFIG_LIMIT, err);
    if (!s && !json_is_object(m->config))
        s = tac_fail(err, TACIT_EINPUT, "%s: expected an object", path);
    if (!s)
        s = find_family(m, path, err);
    static const struct tac_fixed plain[] = {{"quantization_config", "null"}, {NULL, NULL}};
    if (!s)
        s = tac_config_fixed(&(struct tac_config){m->config, path, err}, plain);
    if (!s)
        s = m->family->configure(&m->c, &(struct tac_config){m->config, path, err});
    if (!s && m->c.L > MAX_LAYERS)
        s = tac_fail(err, TACIT_EINPUT, "%s: %zu layers, at most %d are supported", path, m->c.L,
                     MAX_LAYERS);
    free(path);
    return s;
}

/* Opens a shard once; a name must be a plain file name of the folder. */
static enum tacit_status add_shard(struct tac_model *m, const char *name, struct tacit_err *err)
{
    for (size_t i = 0; i < m->n_shard; i++)
        if (strcmp(strrchr(m->shard_path[i], '/') + 1, name) == 0)
            return TACIT_OK;
    if (strchr(name, '/') || !*name || m->n_shard == MAX_SHARDS)
        return tac_fail(err, TACIT_EINPUT, "%s: shard '%s' is no file name of the folder", m->path,
                        name);
    size_t n = m->n_shard, cap = n, cap2 = n;
    enum tacit_status s = tac_grow(&m->shard, &cap, n + 1, sizeof *m->shard, err);
    if (!s)
        s = tac_grow(&m->shard_path, &cap2, n + 1, sizeof *m->shard_path, err);
    if (s)
        return s;
    m->shard_path[n] = tac_path(m->path, name, err);
    if (!m->shard_path[n])
        return TACIT_EFAIL;
    s = tac_safetensors_open(&m->shard[n], m->shard_path[n], err);
    if (s)
        free(m->shard_path[n]);
    else
        m->n_shard++;
    return s;
}

static enum tacit_status open_sharded(struct tac_model *m, const char *index, struct tacit_err *err)
{
    json_t *root = NULL;
    enum tacit_status s = tac_json_load(&root, index, INDEX_LIMIT, err);
    json_t *map = s ? NULL : json_object_get(root, "weight_map"), *file;
    const char *name;
    if (!s && !json_is_object(map))
        s = tac_fail(err, TACIT_EINPUT, "%s: field 'weight_map': expected an object", index);
    if (!s)
        json_object_foreach(map, name, file)
        {
            if (!json_is_string(file))
                s = tac_fail(err, TACIT_EINPUT, "%s: weight_map['%s']: expected a file name", index,
                             name);
            else
                s = add_shard(m, json_string_value(file), err);
            if (s)
                break;
        }
    json_decref(root);
    return s;
}

static enum tacit_status open_tensors(struct tac_model *m, struct tacit_err *err)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    char *path[4] = {0};
    enum tacit_status s = TACIT_OK;
    for (int i = 0; i < 4 && !s; i++)
        if (!(path[i] = tac_path(m->path, names[i], err)))
            s = TACIT_EFAIL;
    if (s)
        ;
    else if (tac_file_exists(path[0]))
        s = add_shard(m, names[0], err);
    else if (tac_file_exists(path[1]))
        s = open_sharded(m, path[1], err);
    else if (tac_file_exists(path[2]) || tac_file_exists(path[3]))
        s = tac_fail(
            err, TACIT_EINPUT,
            "%s: has pytorch_model.bin alone, model.safetensors is needed; convert it with: "
            "python3 -c \"from transformers import AutoModelForCausalLM as M; "
            "M.from_pretrained('%s').save_pretrained('%s', safe_serialization=True)\"",
            m->path, m->path, m->path);
    else
        s = tac_fail(err, TACIT_EINPUT, "%s: neither model.safetensors nor %s is there", m->path,
                     names[1]);
    for (int i = 0; i < 4; i++)
        free(path[i]);
    return s;
}

static const struct tac_tensor *find_tensor(const struct tac_model *m, const char *name,
                                            const char **file)
{
    for (size_t i = 0; i < m->n_shard; i++) {
        const struct tac_tensor *t = tac_safetensors_find(&m->shard[i], name);
        if (t) {
            *file = m->shard_path[i];
            return t;
        }
    }
    return NULL;
}

static enum tacit_status check_tensor(const struct tac_model *m, size_t slot,
                                      const struct tac_tensor *t, const char *file,
                                      struct tacit_err *err)
{
    size_t rows, cols;
    tac_model_stored_shape(&m->c, slot, &rows, &cols);
    if (t->dtype != TAC_F32 && t->dtype != TAC_F16 && t->dtype != TAC_BF16)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': dtype %s, expected F32, F16 or BF16",
                        file, t->name, tac_dtype_name(t->dtype));
    bool ok = cols ? t->rank == 2 && t->shape[0] == rows && t->shape[1] == cols
                   : t->rank == 1 && t->shape[0] == rows;
    if (ok)
        return TACIT_OK;
    char found[200] = "";
    for (int i = 0; i < t->rank; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%zu", i ? "x" : "",
                 t->shape[i]);
    char want[48];
    snprintf(want, sizeof want, cols ? "%zux%zu" : "%zu", rows, cols);
    return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': shape %s, expected %s by config.json",
                    file, t->name, found, want);
}

/* A slot's tensor under one of its names, with or without the family's prefix. */
static const struct tac_tensor *find_slot(const struct tac_model *m, size_t slot, const char **file)
{
    const char *pattern = tac_slot_names(m->family, slot);
    const struct tac_tensor *t = NULL;
    TAC_CHECK(pattern != NULL);
    while (!t && pattern) {
        char bare[160], full[160];
        tac_slot_bare_name(pattern, slot, bare, &pattern);
        snprintf(full, sizeof full, "%s%s", m->family->names->prefix, bare);
        t = find_tensor(m, full, file);
        if (!t)
            t = find_tensor(m, bare, file);
    }
    return t;
}

static enum tacit_status bind_tensors(struct tac_model *m, struct tacit_err *err)
{
    for (size_t slot = 0; slot < m->n_slot; slot++) {
        const char *file = NULL;
        char name[160];
        size_t rows, cols;
        tac_model_slot_shape(&m->c, slot, &rows, &cols);
        if (!rows)
            continue;
        const struct tac_tensor *t = find_slot(m, slot, &file);
        if (!t)
            return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' is missing", m->path,
                            tac_model_slot_name(m, slot, name));
        enum tacit_status s = check_tensor(m, slot, t, file, err);
        if (s)
            return s;
        m->tensor[slot] = t;
    }
    return TACIT_OK;
}

enum tacit_status tac_model_open(struct tac_model **out, const char *path, const char *cache,
                                 struct tacit_err *err)
{
    struct tac_model *m = *out = tac_alloc(1, sizeof *m, err);
    if (!m)
        return TACIT_EFAIL;
    m->refs = 1;
    enum tacit_status s = tac_model_locate(&m->path, path, cache, err);
    if (!s)
        s = read_config(m, err);
    if (!s)
        s = open_tensors(m, err);
    if (!s) {
        m->n_slot = tac_model_slot(m->c.L, 0);
        m->tensor = tac_alloc(m->n_slot, sizeof *m->tensor, err);
        s = m->tensor ? bind_tensors(m, err) : TACIT_EFAIL;
    }
    if (s) {
        tac_model_close(m);
        *out = NULL;
    }
    return s;
}

struct tac_model *tac_model_ref(struct tac_model *m)
{
    m->refs++;
    return m;
}

void tac_model_close(struct tac_model *m)
{
    if (!m || --m->refs > 0)
        return;
    for (size_t i = 0; i < m->n_shard; i++) {
        tac_safetensors_close(&m->shard[i]);
        free(m->shard_path[i]);
    }
    free(m->shard);
    free(m->shard_path);
    free(m->tensor);
    json_decref(m->config);
    free(m->path);
    free(m);
}

size_t tac_model_params(const struct tac_model *m)
{
    size_t n = 0;
    for (size_t slot = 0; slot < m->n_slot; slot++) {
        size_t rows, cols;
        tac_model_slot_shape(&m->c, slot, &rows, &cols);
        if (m->tensor[slot])
            n += rows * (cols ? cols : 1);
    }
    return n;
}

size_t tac_model_resident(const struct tac_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_shard; i++)
        n += tac_resident_in(m->shard[i].map.data, m->shard[i].map.size);
    return n;
}

void tac_model_forget(const struct tac_model *m)
{
    for (size_t i = 0; i < m->n_shard; i++)
        tac_map_forget(&m->shard[i].map, 0, m->shard[i].map.size);
}

void tac_model_forget_slot(const struct tac_model *m, size_t slot)
{
    const struct tac_tensor *t = m->tensor[slot];
    for (size_t i = 0; i < m->n_shard; i++) {
        const struct tac_map *map = &m->shard[i].map;
        if (t->data >= map->data && t->data < map->data + map->size)
            tac_map_forget(map, (size_t)(t->data - map->data), t->bytes);
    }
}

/* Four independent multiply-xor lanes over 32 bytes at a time: a gigabyte in a fraction of a
 * second. */
static uint64_t hash_bytes(uint64_t h, const unsigned char *p, size_t n)
{
    uint64_t lane[4] = {h, h + 1, h + 2, h + 3}, word[4];
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(word, p + i, sizeof word);
        for (int k = 0; k < 4; k++) {
            lane[k] = (lane[k] ^ word[k]) * 0x9E3779B97F4A7C15u;
            lane[k] ^= lane[k] >> 29;
        }
    }
    h = tac_hash(h, lane, sizeof lane);
    return tac_hash(h, p + i, n - i);
}

uint64_t tac_model_hash(const struct tac_model *m, bool forget)
{
    uint64_t h = TAC_HASH0;
    const struct tac_decoder_config *c = &m->c;
    size_t shape[] = {c->L,         c->C,           c->H,          c->G,
                      c->D,         c->F,           c->V,          c->norm,
                      c->act,       c->order,       c->qk_norm,    c->gated,
                      c->parallel,  c->across,      c->alibi,      c->rotary.n,
                      c->positions, c->rotary.half, c->embed_norm, c->post_ln_residual};
    h = tac_hash(h, shape, sizeof shape);
    h = tac_hash(h, &c->eps, sizeof c->eps);
    h = tac_hash(h, c->rotary.freq, c->rotary.n / 2 * sizeof *c->rotary.freq);
    h = tac_hash(h, &c->rotary.scale, sizeof c->rotary.scale);
    for (size_t slot = 0; slot < m->n_slot; slot++) {
        const struct tac_tensor *t = m->tensor[slot];
        if (!t)
            continue;
        h = tac_hash(h, &slot, sizeof slot);
        h = tac_hash(h, tac_dtype_name(t->dtype), strlen(tac_dtype_name(t->dtype)));
        h = hash_bytes(h, t->data, t->bytes);
        if (forget)
            tac_model_forget_slot(m, slot);
    }
    return h;
}

enum tacit_status tac_model_check(const struct tac_model *m, struct tacit_err *err)
{
    for (size_t slot = 0; slot < m->n_slot; slot++) {
        const struct tac_tensor *t = m->tensor[slot];
        size_t n = t ? t->bytes / tac_dtype_size(t->dtype) : 0;
        for (size_t i = 0; i < n; i++) {
            double v = tac_tensor_get(t, i);
            if (!isfinite(v))
                return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': element %zu is %s", m->path,
                                t->name, i, isnan(v) ? "NaN" : "infinite");
        }
    }
    return TACIT_OK;
}
