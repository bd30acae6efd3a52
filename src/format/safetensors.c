#include "format/safetensors.h"

#include "format/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 100 * 1000 * 1000, LENGTH_BYTES = 8 };
static const char metadata_key[] = "__metadata__";

/* shape as "[2,3]" for messages. */
static const char *show_shape(char buf[256], const struct tac_tensor *t)
{
    size_t at = 0;
    buf[at++] = '[';
    for (int i = 0; i < t->rank; i++)
        at += (size_t)snprintf(buf + at, 256 - at, "%s%zu", i ? "," : "", t->shape[i]);
    snprintf(buf + at, 256 - at, "]");
    return buf;
}

static enum tacit_status bad_tensor(struct tacit_err *err, const char *path, const char *name,
                                    const char *what, const json_t *found)
{
    char shown[80];
    return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': %s, found %s", path, name, what,
                    tac_json_describe(shown, found));
}

static bool read_size(size_t *out, const json_t *v)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

static enum tacit_status read_dtype(struct tac_tensor *t, const json_t *info, const char *path,
                                    struct tacit_err *err)
{
    const json_t *dtype = json_object_get(info, "dtype");
    if (!json_is_string(dtype) || !tac_dtype_parse(&t->dtype, json_string_value(dtype)))
        return bad_tensor(err, path, t->name, "dtype: expected one like F32, F16, BF16 or I64",
                          dtype);
    return TACIT_OK;
}

static enum tacit_status read_shape(struct tac_tensor *t, const json_t *info, const char *path,
                                    struct tacit_err *err)
{
    const json_t *shape = json_object_get(info, "shape");
    if (!json_is_array(shape))
        return bad_tensor(err, path, t->name, "shape: expected an array", shape);
    if (json_array_size(shape) > TAC_TENSOR_RANK)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%s': shape has %zu dimensions, at most %d "
                        "are supported",
                        path, t->name, json_array_size(shape), TAC_TENSOR_RANK);
    t->rank = (int)json_array_size(shape);
    t->bytes = tac_dtype_size(t->dtype);
    bool fits = true;
    for (int i = 0; i < t->rank; i++) {
        const json_t *d = json_array_get(shape, (size_t)i);
        if (!read_size(&t->shape[i], d))
            return bad_tensor(err, path, t->name, "shape: expected integers >= 0", d);
        fits = fits && tac_mul(t->bytes, t->shape[i], &t->bytes);
    }
    if (!fits)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': shape is too large", path, t->name);
    return TACIT_OK;
}

/* Finds the tensor's bytes in the n bytes of data behind the header. */
static enum tacit_status read_offsets(struct tac_tensor *t, const json_t *info, const char *path,
                                      const unsigned char *data, size_t n, struct tacit_err *err)
{
    const json_t *pair = json_object_get(info, "data_offsets");
    size_t begin, end;
    if (json_array_size(pair) != 2 || !read_size(&begin, json_array_get(pair, 0)) ||
        !read_size(&end, json_array_get(pair, 1)))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%s': data_offsets: expected two integers >= 0", path, t->name);
    if (begin > end || end > n)
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: tensor '%s': data_offsets [%zu,%zu] lie outside the file's %zu bytes of "
            "data",
            path, t->name, begin, end, n);
    char shape[256];
    if (end - begin != t->bytes)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: tensor '%s': data_offsets [%zu,%zu] give %zu bytes, %s %s needs %zu",
                        path, t->name, begin, end, end - begin, tac_dtype_name(t->dtype),
                        show_shape(shape, t), t->bytes);
    t->data = data + begin;
    return TACIT_OK;
}

static enum tacit_status read_tensor(struct tac_safetensors *s, const char *name,
                                     const json_t *info, const char *path, size_t header,
                                     struct tacit_err *err)
{
    struct tac_tensor *t = &s->tensor[s->n];
    t->name = tac_arena_strndup(&s->arena, name, strlen(name), err);
    if (!t->name)
        return TACIT_EFAIL;
    if (!json_is_object(info))
        return bad_tensor(err, path, name, "expected an object", info);
    enum tacit_status st = read_dtype(t, info, path, err);
    if (!st)
        st = read_shape(t, info, path, err);
    if (!st)
        st = read_offsets(t, info, path, s->map.data + header, s->map.size - header, err);
    if (!st)
        s->n++;
    return st;
}

static enum tacit_status read_metadata(struct tac_safetensors *s, const json_t *obj,
                                       const char *path, struct tacit_err *err)
{
    if (!json_is_object(obj))
        return tac_fail(err, TACIT_EINPUT, "%s: %s: expected an object", path, metadata_key);
    s->meta = tac_arena_alloc(&s->arena, json_object_size(obj), sizeof *s->meta, err);
    if (!s->meta)
        return TACIT_EFAIL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)obj, key, value)
    {
        struct tac_meta *m = &s->meta[s->n_meta];
        if (!json_is_string(value))
            return tac_fail(err, TACIT_EINPUT, "%s: %s: field '%s': expected a string", path,
                            metadata_key, key);
        m->key = tac_arena_strndup(&s->arena, key, strlen(key), err);
        m->value =
            tac_arena_strndup(&s->arena, json_string_value(value), json_string_length(value), err);
        if (!m->key || !m->value)
            return TACIT_EFAIL;
        s->n_meta++;
    }
    return TACIT_OK;
}

static enum tacit_status read_header(struct tac_safetensors *s, json_t *root, const char *path,
                                     size_t header, struct tacit_err *err)
{
    s->tensor = tac_arena_alloc(&s->arena, json_object_size(root), sizeof *s->tensor, err);
    if (!s->tensor)
        return TACIT_EFAIL;
    const char *name;
    json_t *info;
    json_object_foreach(root, name, info)
    {
        enum tacit_status st = strcmp(name, metadata_key) == 0
                                   ? read_metadata(s, info, path, err)
                                   : read_tensor(s, name, info, path, header, err);
        if (st)
            return st;
    }
    return TACIT_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct tac_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int by_address(const void *a, const void *b)
{
    const struct tac_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The tensors must cover the data exactly once, as the safetensors library demands. */
static enum tacit_status check_cover(struct tac_safetensors *s, const char *path, size_t header,
                                     struct tacit_err *err)
{
    const unsigned char *end = s->map.data + header;
    if (s->n)
        qsort(s->tensor, s->n, sizeof *s->tensor, by_address);
    for (size_t i = 0; i < s->n; i++) {
        const struct tac_tensor *t = &s->tensor[i];
        if (t->data < end)
            return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' overlaps tensor '%s'", path,
                            t->name, s->tensor[i - 1].name);
        if (t->data > end)
            return tac_fail(err, TACIT_EINPUT,
                            "%s: %zu bytes before tensor '%s' belong to no tensor", path,
                            (size_t)(t->data - end), t->name);
        end += t->bytes;
    }
    size_t rest = (size_t)(s->map.data + s->map.size - end);
    if (rest)
        return tac_fail(err, TACIT_EINPUT, "%s: the last %zu bytes belong to no tensor", path,
                        rest);
    if (s->n)
        qsort(s->tensor, s->n, sizeof *s->tensor, by_name);
    return TACIT_OK;
}

static enum tacit_status read_length(size_t *out, const struct tac_map *map, const char *path,
                                     struct tacit_err *err)
{
    uint64_t n = 0;
    if (map->size < LENGTH_BYTES)
        return tac_fail(err, TACIT_EINPUT, "%s: has %zu bytes, a safetensors file has at least %d",
                        path, map->size, LENGTH_BYTES);
    for (int i = LENGTH_BYTES; i-- > 0;)
        n = n << 8 | map->data[i];
    if (n > HEADER_LIMIT)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: claims a header of %llu bytes, at most %d are allowed; is it a "
                        "safetensors file?",
                        path, (unsigned long long)n, HEADER_LIMIT);
    if (n > map->size - LENGTH_BYTES)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: claims a header of %llu bytes, only %zu follow; is the file complete?",
                        path, (unsigned long long)n, map->size - LENGTH_BYTES);
    *out = (size_t)n;
    return TACIT_OK;
}

enum tacit_status tac_safetensors_open(struct tac_safetensors *s, const char *path,
                                       struct tacit_err *err)
{
    *s = (struct tac_safetensors){0};
    json_t *root = NULL;
    size_t length = 0;
    enum tacit_status st = tac_map_open(&s->map, path, err);
    if (!st)
        st = read_length(&length, &s->map, path, err);
    if (!st) {
        const char *text = (const char *)s->map.data + LENGTH_BYTES;
        st = tac_json_parse(&root, text, length, path, err);
        if (st)
            tac_err_prefix(err, "reading the header: ");
    }
    if (!st && !json_is_object(root))
        st = tac_fail(err, TACIT_EINPUT, "%s: header: expected an object", path);
    if (!st)
        st = read_header(s, root, path, LENGTH_BYTES + length, err);
    if (!st)
        st = check_cover(s, path, LENGTH_BYTES + length, err);
    json_decref(root);
    if (st)
        tac_safetensors_close(s);
    return st;
}

void tac_safetensors_close(struct tac_safetensors *s)
{
    tac_map_close(&s->map);
    tac_arena_release(&s->arena);
    *s = (struct tac_safetensors){0};
}

const struct tac_tensor *tac_safetensors_find(const struct tac_safetensors *s, const char *name)
{
    struct tac_tensor key = {.name = name};
    return s->n ? bsearch(&key, s->tensor, s->n, sizeof key, by_name) : NULL;
}

const char *tac_safetensors_meta(const struct tac_safetensors *s, const char *key)
{
    for (size_t i = 0; i < s->n_meta; i++)
        if (strcmp(s->meta[i].key, key) == 0)
            return s->meta[i].value;
    return NULL;
}

size_t tac_tensor_count(const struct tac_tensor *t)
{
    return t->bytes / tac_dtype_size(t->dtype);
}

double tac_tensor_get(const struct tac_tensor *t, size_t i)
{
    TAC_CHECK(i < tac_tensor_count(t));
    return tac_dtype_get(t->data, t->dtype, i);
}

void tac_tensor_read_f32(float *out, const struct tac_tensor *t, size_t from, size_t n)
{
    TAC_CHECK(tac_dtype_is_float(t->dtype) && from <= tac_tensor_count(t) &&
              n <= tac_tensor_count(t) - from);
    if (t->dtype == TAC_F32 && n)
        memcpy(out, t->data + from * sizeof *out, n * sizeof *out);
    else
        for (size_t i = 0; i < n; i++)
            out[i] = (float)tac_dtype_get(t->data, t->dtype, from + i);
}

static int by_file_order(const void *a, const void *b)
{
    const struct tac_tensor *x = a, *y = b;
    return x->dtype != y->dtype ? (x->dtype > y->dtype ? -1 : 1) : strcmp(x->name, y->name);
}

/* A copy in the order of the file, with `bytes` filled; freed with free(). */
static struct tac_tensor *sorted_copy(const struct tac_tensor *tensor, size_t n,
                                      struct tacit_err *err)
{
    struct tac_tensor *copy = tac_alloc(n, sizeof *copy, err);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = tensor[i];
        copy[i].bytes = tac_dtype_size(tensor[i].dtype);
        for (int d = 0; d < tensor[i].rank; d++)
            TAC_CHECK(tac_mul(copy[i].bytes, tensor[i].shape[d], &copy[i].bytes));
    }
    if (copy && n)
        qsort(copy, n, sizeof *copy, by_file_order);
    return copy;
}

static enum tacit_status write_metadata(struct tac_buf *out, const struct tac_meta *meta, size_t n,
                                        struct tacit_err *err)
{
    static const struct tac_meta format = {"format", "pt"};
    if (!meta)
        meta = &format, n = 1;
    enum tacit_status s = tac_buf_addf(out, err, "{\"%s\":{", metadata_key);
    for (size_t i = 0; i < n && !s; i++) {
        s = i ? tac_buf_adds(out, ",", err) : TACIT_OK;
        if (!s)
            s = tac_json_quote(out, meta[i].key, strlen(meta[i].key), false, err);
        if (!s)
            s = tac_buf_adds(out, ":", err);
        if (!s)
            s = tac_json_quote(out, meta[i].value, strlen(meta[i].value), false, err);
    }
    return s ? s : tac_buf_adds(out, "}", err);
}

static enum tacit_status write_tensor_info(struct tac_buf *out, const struct tac_tensor *t,
                                           size_t begin, struct tacit_err *err)
{
    char shape[256];
    enum tacit_status s = tac_buf_adds(out, ",", err);
    if (!s)
        s = tac_json_quote(out, t->name, strlen(t->name), false, err);
    if (!s)
        s = tac_buf_addf(out, err, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                         tac_dtype_name(t->dtype), show_shape(shape, t), begin, begin + t->bytes);
    return s;
}

/* The header's JSON with its padding; t in the order of the file. */
static enum tacit_status write_header(struct tac_buf *out, const struct tac_tensor *t, size_t n,
                                      const struct tac_meta *meta, size_t n_meta,
                                      struct tacit_err *err)
{
    size_t at = 0;
    enum tacit_status s = write_metadata(out, meta, n_meta, err);
    for (size_t i = 0; i < n && !s; at += t[i].bytes, i++)
        s = write_tensor_info(out, &t[i], at, err);
    if (!s)
        s = tac_buf_adds(out, "}", err);
    while (!s && out->len % LENGTH_BYTES)
        s = tac_buf_adds(out, " ", err);
    return s;
}

static enum tacit_status check_names(const struct tac_tensor *tensor, size_t n, const char *path,
                                     struct tacit_err *err)
{
    struct tac_tensor *t = tac_alloc(n, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_OK;
    if (n) {
        memcpy(t, tensor, n * sizeof *t);
        qsort(t, n, sizeof *t, by_name);
    }
    for (size_t i = 1; i < n && !s; i++)
        if (strcmp(t[i - 1].name, t[i].name) == 0)
            s = tac_fail(err, TACIT_EINPUT, "%s: two tensors are named '%s'", path, t[i].name);
    free(t);
    return s;
}

/* n values in the tensor's dtype, from element `at` of it on; narrow: room for them. */
static enum tacit_status add_values(struct tac_writer *w, const struct tac_tensor *t,
                                    const float *v, unsigned char *narrow, size_t at, size_t n,
                                    struct tacit_err *err)
{
    if (t->dtype == TAC_F32) {
        tac_writer_add(w, v, n * sizeof *v);
        return TACIT_OK;
    }
    for (size_t i = 0; i < n; i++) {
        tac_dtype_put(narrow, t->dtype, i, v[i]);
        if (isfinite(v[i]) && !isfinite(tac_dtype_get(narrow, t->dtype, i)))
            return tac_fail(err, TACIT_EINPUT,
                            "%s: tensor '%s': element %zu is %g, too large for %s", w->path,
                            t->name, at + i, (double)v[i], tac_dtype_name(t->dtype));
    }
    tac_writer_add(w, narrow, n * tac_dtype_size(t->dtype));
    return TACIT_OK;
}

static enum tacit_status write_tensor(struct tac_writer *w, const struct tac_tensor *t,
                                      const struct tac_supply *supply, struct tacit_err *err)
{
    enum { PIECE = 1 << 16 };
    if (t->data || !t->bytes) {
        tac_writer_add(w, t->data, t->bytes);
        return TACIT_OK;
    }
    TAC_CHECK(supply && (t->dtype == TAC_F32 || t->dtype == TAC_F16 || t->dtype == TAC_BF16));
    size_t n = tac_tensor_count(t);
    enum tacit_status s = supply->next ? supply->next(supply->ctx, t, err) : TACIT_OK;
    if (s)
        return s;
    float *buf = tac_alloc(PIECE, sizeof *buf + 2, err);
    if (!buf)
        return TACIT_EFAIL;
    for (size_t at = 0; !s && at < n; at += PIECE) {
        size_t k = n - at < PIECE ? n - at : PIECE;
        supply->give(supply->ctx, buf, t->place + at, k);
        s = add_values(w, t, buf, (unsigned char *)(buf + PIECE), at, k, err);
    }
    free(buf);
    return s;
}

enum tacit_status tac_safetensors_write(const char *path, const struct tac_tensor *tensor, size_t n,
                                        const struct tac_meta *meta, size_t n_meta,
                                        struct tacit_err *err)
{
    return tac_safetensors_supply(path, tensor, n, meta, n_meta, NULL, err);
}

enum tacit_status tac_safetensors_supply(const char *path, const struct tac_tensor *tensor,
                                         size_t n, const struct tac_meta *meta, size_t n_meta,
                                         const struct tac_supply *supply, struct tacit_err *err)
{
    struct tac_buf header = {0};
    struct tac_writer w = {.fd = -1};
    struct tac_tensor *t = sorted_copy(tensor, n, err);
    enum tacit_status s = t ? check_names(tensor, n, path, err) : TACIT_EFAIL;
    if (!s)
        s = write_header(&header, t, n, meta, n_meta, err);
    if (!s)
        s = tac_writer_open(&w, path, err);
    if (s)
        goto out;
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)(header.len >> 8 * i);
    tac_writer_add(&w, length, sizeof length);
    tac_writer_add(&w, header.data, header.len);
    for (size_t i = 0; i < n && !s; i++)
        s = write_tensor(&w, &t[i], supply, err);
    if (!s)
        s = tac_writer_commit(&w, err);
out:
    tac_writer_close(&w);
    tac_buf_release(&header);
    free(t);
    return s;
}
