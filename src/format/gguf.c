#include "format/gguf.h"

#include "format/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ALIGNMENT = 32, NESTING = 4 };

/* The least that a field (length of the key, type, one byte) and a tensor's entry (length of the
 * name, rank, type, offset) take. */
enum { FIELD_LEAST = 8 + 4 + 1, ENTRY_LEAST = 8 + 4 + 4 + 8 };
static const char magic[4] = {'G', 'G', 'U', 'F'};

static const struct {
    size_t size; /* of a value; 0: it says itself */
    const char *one, *many;
} types[TAC_N_GGUF] = {
    [TAC_GGUF_U8] = {1, "an 8-bit unsigned integer", "an array of 8-bit unsigned integers"},
    [TAC_GGUF_I8] = {1, "an 8-bit integer", "an array of 8-bit integers"},
    [TAC_GGUF_U16] = {2, "a 16-bit unsigned integer", "an array of 16-bit unsigned integers"},
    [TAC_GGUF_I16] = {2, "a 16-bit integer", "an array of 16-bit integers"},
    [TAC_GGUF_U32] = {4, "a 32-bit unsigned integer", "an array of 32-bit unsigned integers"},
    [TAC_GGUF_I32] = {4, "a 32-bit integer", "an array of 32-bit integers"},
    [TAC_GGUF_F32] = {4, "a 32-bit float", "an array of 32-bit floats"},
    [TAC_GGUF_BOOL] = {1, "a boolean", "an array of booleans"},
    [TAC_GGUF_STRING] = {0, "a string", "an array of strings"},
    [TAC_GGUF_ARRAY] = {0, "an array", "an array of arrays"},
    [TAC_GGUF_U64] = {8, "a 64-bit unsigned integer", "an array of 64-bit unsigned integers"},
    [TAC_GGUF_I64] = {8, "a 64-bit integer", "an array of 64-bit integers"},
    [TAC_GGUF_F64] = {8, "a 64-bit float", "an array of 64-bit floats"},
};

/* A file being read. */
struct reader {
    const char *path;
    const unsigned char *begin, *at, *end;
    size_t alignment;
    struct tacit_err *err;
};

static uint64_t little(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static enum tacit_status cut(const struct reader *r, const char *what)
{
    return tac_fail(r->err, TACIT_EINPUT, "%s: ends at byte %zu within %s; is the file complete?",
                    r->path, (size_t)(r->end - r->begin), what);
}

static enum tacit_status take(struct reader *r, uint64_t *v, size_t bytes, const char *what)
{
    if (left(r) < bytes)
        return cut(r, what);
    *v = little(r->at, bytes);
    r->at += bytes;
    return TACIT_OK;
}

/* A string's length and where it stands; `what` it is, of at most `limit` bytes. */
static enum tacit_status take_string(struct reader *r, struct tac_gguf_string *s, size_t limit,
                                     const char *what)
{
    uint64_t n = 0;
    enum tacit_status st = take(r, &n, 8, what);
    if (st)
        return st;
    if (n > limit)
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: %s at byte %zu has %" PRIu64 " bytes, at most %zu are allowed",
                        r->path, what, (size_t)(r->at - r->begin) - 8, n, limit);
    if (n > left(r))
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: %s at byte %zu claims %" PRIu64
                        " bytes, only %zu follow; is the file complete?",
                        r->path, what, (size_t)(r->at - r->begin) - 8, n, left(r));
    *s = (struct tac_gguf_string){(const char *)r->at, (size_t)n};
    r->at += n;
    return TACIT_OK;
}

/* The same as a name of ours: printable in messages, NUL-terminated. */
static enum tacit_status take_name(struct reader *r, const char **name, struct tac_arena *arena,
                                   size_t limit, const char *what)
{
    struct tac_gguf_string s = {0};
    enum tacit_status st = take_string(r, &s, limit, what);
    if (st)
        return st;
    if (!s.n || memchr(s.s, '\0', s.n) || tac_utf8_bad(s.s, s.n) != s.n)
        return tac_fail(r->err, TACIT_EINPUT, "%s: %s at byte %zu is %s", r->path, what,
                        (size_t)((const unsigned char *)s.s - r->begin) - 8,
                        s.n ? "no UTF-8 without NUL" : "empty");
    *name = tac_arena_strndup(arena, s.s, s.n, r->err);
    return *name ? TACIT_OK : TACIT_EFAIL;
}

/* ---- fields ---- */

static enum tacit_status bad_type(const struct reader *r, const char *key, uint64_t type)
{
    return tac_fail(r->err, TACIT_EINPUT,
                    "%s: field '%s': type %" PRIu64 " is unknown, expected 0 to %d", r->path, key,
                    type, TAC_N_GGUF - 1);
}

/* Passes over n values of a type; depth: of arrays in arrays. */
static enum tacit_status skip_values(struct reader *r, const char *key, enum tac_gguf_type type,
                                     uint64_t n, int depth);

static enum tacit_status enter_array(struct reader *r, const char *key, enum tac_gguf_type *of,
                                     uint64_t *n)
{
    uint64_t type = 0;
    enum tacit_status st = take(r, &type, 4, key);
    if (!st && type >= TAC_N_GGUF)
        st = bad_type(r, key, type);
    if (!st)
        st = take(r, n, 8, key);
    if (st)
        return st;
    *of = (enum tac_gguf_type)type;
    size_t least = *of == TAC_GGUF_STRING ? 8 : *of == TAC_GGUF_ARRAY ? 12 : types[*of].size;
    if (*n > left(r) / least)
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: field '%s': claims %" PRIu64
                        " elements of at least %zu bytes, only %zu bytes follow",
                        r->path, key, *n, least, left(r));
    return TACIT_OK;
}

static enum tacit_status skip_array(struct reader *r, const char *key, int depth)
{
    enum tac_gguf_type of = TAC_GGUF_U8;
    uint64_t n = 0;
    if (depth == NESTING)
        return tac_fail(r->err, TACIT_EINPUT, "%s: field '%s': arrays are nested deeper than %d",
                        r->path, key, NESTING);
    enum tacit_status st = enter_array(r, key, &of, &n);
    return st ? st : skip_values(r, key, of, n, depth + 1);
}

static enum tacit_status skip_values(struct reader *r, const char *key, enum tac_gguf_type type,
                                     uint64_t n, int depth)
{
    struct tac_gguf_string s;
    enum tacit_status st = TACIT_OK;
    if (types[type].size) {
        if (n > left(r) / types[type].size)
            return cut(r, key);
        r->at += (size_t)n * types[type].size;
        return TACIT_OK;
    }
    for (uint64_t i = 0; !st && i < n; i++)
        st =
            type == TAC_GGUF_STRING ? take_string(r, &s, SIZE_MAX, key) : skip_array(r, key, depth);
    return st;
}

static enum tacit_status check_bools(const struct reader *r, const struct tac_gguf_field *f)
{
    bool bools = f->type == TAC_GGUF_BOOL || (f->type == TAC_GGUF_ARRAY && f->of == TAC_GGUF_BOOL);
    for (size_t i = 0; bools && i < f->n; i++)
        if (f->data[i] > 1)
            return tac_fail(r->err, TACIT_EINPUT,
                            "%s: field '%s': a boolean is %d, expected 0 or 1", r->path, f->key,
                            f->data[i]);
    return TACIT_OK;
}

static enum tacit_status read_value(struct reader *r, struct tac_gguf_field *f)
{
    struct tac_gguf_string s = {0};
    uint64_t n = 1;
    enum tacit_status st = TACIT_OK;
    if (f->type == TAC_GGUF_STRING) {
        st = take_string(r, &s, SIZE_MAX, f->key);
        f->data = (const unsigned char *)s.s;
        f->n = f->bytes = s.n;
        return st;
    }
    if (f->type == TAC_GGUF_ARRAY)
        st = enter_array(r, f->key, &f->of, &n);
    if (st)
        return st;
    f->data = r->at;
    f->n = (size_t)n;
    st = skip_values(r, f->key, f->type == TAC_GGUF_ARRAY ? f->of : f->type, n, 1);
    f->bytes = (size_t)(r->at - f->data);
    return st ? st : check_bools(r, f);
}

static enum tacit_status read_field(struct reader *r, struct tac_gguf *g)
{
    struct tac_gguf_field *f = &g->field[g->n_field];
    uint64_t type = 0;
    enum tacit_status st = take_name(r, &f->key, &g->arena, TAC_GGUF_KEY, "a field's key");
    if (!st)
        st = take(r, &type, 4, f->key);
    if (!st && type >= TAC_N_GGUF)
        st = bad_type(r, f->key, type);
    if (st)
        return st;
    f->type = (enum tac_gguf_type)type;
    g->n_field++;
    return read_value(r, f);
}

static int by_key(const void *a, const void *b)
{
    const struct tac_gguf_field *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static enum tacit_status read_fields(struct reader *r, struct tac_gguf *g, uint64_t n)
{
    enum tacit_status st = TACIT_OK;
    if (n > left(r) / FIELD_LEAST)
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: claims %" PRIu64 " fields, its %zu bytes hold at most %zu", r->path, n,
                        g->map.size, left(r) / FIELD_LEAST);
    g->field = tac_arena_alloc(&g->arena, (size_t)n, sizeof *g->field, r->err);
    if (!g->field)
        return TACIT_EFAIL;
    for (uint64_t i = 0; !st && i < n; i++)
        st = read_field(r, g);
    if (st)
        return st;
    if (n)
        qsort(g->field, g->n_field, sizeof *g->field, by_key);
    for (size_t i = 1; i < g->n_field; i++)
        if (strcmp(g->field[i - 1].key, g->field[i].key) == 0)
            return tac_fail(r->err, TACIT_EINPUT, "%s: field '%s' is there twice", r->path,
                            g->field[i].key);
    return TACIT_OK;
}

static enum tacit_status read_alignment(struct reader *r, const struct tac_gguf *g)
{
    const struct tac_gguf_field *f = tac_gguf_find(g, "general.alignment");
    uint64_t v = DEFAULT_ALIGNMENT;
    if (f && f->type != TAC_GGUF_U32)
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: field 'general.alignment': found %s, expected a 32-bit unsigned "
                        "integer",
                        r->path, tac_gguf_describe(f));
    if (f)
        (void)tac_gguf_uint(&v, f);
    if (!v || (v & (v - 1)))
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: field 'general.alignment': found %" PRIu64 ", expected a power of 2",
                        r->path, v);
    r->alignment = (size_t)v;
    return TACIT_OK;
}

/* ---- tensors ---- */

static enum tacit_status read_type(struct reader *r, struct tac_ggml_tensor *t)
{
    char number[24];
    uint64_t type = 0;
    enum tacit_status st = take(r, &type, 4, t->name);
    if (st)
        return st;
    t->type = (enum tac_ggml_type)type;
    if (tac_ggml_is_read(type))
        return TACIT_OK;
    snprintf(number, sizeof number, "%" PRIu64, type);
    return tac_fail(r->err, TACIT_EINPUT,
                    "%s: tensor '%s': type %s; F32, F16, BF16 and Q8_0 are read", r->path, t->name,
                    tac_ggml_name(type) ? tac_ggml_name(type) : number);
}

static enum tacit_status read_shape(struct reader *r, struct tac_ggml_tensor *t)
{
    uint64_t rank = 0, d = 0;
    enum tacit_status st = take(r, &rank, 4, t->name);
    if (!st && (rank < 1 || rank > TAC_GGML_RANK))
        st = tac_fail(r->err, TACIT_EINPUT,
                      "%s: tensor '%s': %" PRIu64 " dimensions, expected 1 to %d", r->path, t->name,
                      rank, TAC_GGML_RANK);
    t->rank = (int)rank;
    t->n = 1;
    for (int i = t->rank; !st && i-- > 0;) {
        st = take(r, &d, 8, t->name);
        t->shape[i] = (size_t)d;
        if (!st && (!d || d > SIZE_MAX || !tac_mul(t->n, t->shape[i], &t->n)))
            st = tac_fail(r->err, TACIT_EINPUT, "%s: tensor '%s': %s", r->path, t->name,
                          d ? "its dimensions come to too many elements" : "a dimension is 0");
    }
    return st;
}

static enum tacit_status count_bytes(const struct reader *r, struct tac_ggml_tensor *t)
{
    size_t row = t->shape[t->rank - 1];
    if (tac_ggml_bytes(&t->bytes, t->type, t->n, row))
        return TACIT_OK;
    return tac_fail(r->err, TACIT_EINPUT,
                    "%s: tensor '%s': %zu elements of %s in rows of %zu: too many, or no whole "
                    "blocks of 32 (Q8_0)",
                    r->path, t->name, t->n, tac_ggml_name(t->type), row);
}

/* offset: where the tensor must begin, counted from the beginning of the data; moved on to where
 * the next must. */
static enum tacit_status read_entry(struct reader *r, struct tac_gguf *g, size_t *offset)
{
    struct tac_ggml_tensor *t = &g->tensor[g->n_tensor];
    uint64_t found = 0;
    enum tacit_status st = take_name(r, &t->name, &g->arena, TAC_GGUF_NAME, "a tensor's name");
    if (!st)
        st = read_shape(r, t);
    if (!st)
        st = read_type(r, t);
    if (!st)
        st = count_bytes(r, t);
    if (!st)
        st = take(r, &found, 8, t->name);
    if (!st && found != *offset)
        st = tac_fail(r->err, TACIT_EINPUT,
                      "%s: tensor '%s': offset %" PRIu64 ", expected %zu, right behind the one "
                      "before",
                      r->path, t->name, found, *offset);
    size_t padded;
    if (!st && (!tac_add(t->bytes, r->alignment - 1, &padded) ||
                !tac_add(*offset, padded & ~(r->alignment - 1), offset)))
        st = tac_fail(r->err, TACIT_EINPUT, "%s: tensor '%s': %zu elements are too many", r->path,
                      t->name, t->n);
    g->n_tensor++;
    return st;
}

/* Where the bytes of the tensors, in the order of the file, lie. */
static enum tacit_status place_tensors(struct reader *r, struct tac_gguf *g)
{
    size_t at = (size_t)(r->at - r->begin), end, mask = r->alignment - 1;
    if (!tac_add(at, mask, &at))
        return cut(r, "the tensors");
    at = end = at & ~mask;
    for (size_t i = 0; i < g->n_tensor; i++) {
        struct tac_ggml_tensor *t = &g->tensor[i];
        if (at > g->map.size || t->bytes > g->map.size - at)
            return tac_fail(r->err, TACIT_EINPUT,
                            "%s: tensor '%s': its %zu bytes from byte %zu on do not fit the "
                            "file's %zu; is the file complete?",
                            r->path, t->name, t->bytes, at, g->map.size);
        t->data = r->begin + at;
        end = at + t->bytes;
        at = (end + mask) & ~mask;
    }
    if (g->n_tensor && g->map.size > at)
        return tac_fail(r->err, TACIT_EINPUT, "%s: the last %zu bytes belong to no tensor", r->path,
                        g->map.size - at);
    return TACIT_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct tac_ggml_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum tacit_status read_tensors(struct reader *r, struct tac_gguf *g, uint64_t n)
{
    size_t offset = 0;
    enum tacit_status st = TACIT_OK;
    if (n > left(r) / ENTRY_LEAST)
        return tac_fail(r->err, TACIT_EINPUT,
                        "%s: claims %" PRIu64 " tensors, its %zu bytes hold at most %zu", r->path,
                        n, g->map.size, left(r) / ENTRY_LEAST);
    g->tensor = tac_arena_alloc(&g->arena, (size_t)n, sizeof *g->tensor, r->err);
    if (!g->tensor)
        return TACIT_EFAIL;
    for (uint64_t i = 0; !st && i < n; i++)
        st = read_entry(r, g, &offset);
    if (!st)
        st = place_tensors(r, g);
    if (st)
        return st;
    if (n)
        qsort(g->tensor, g->n_tensor, sizeof *g->tensor, by_name);
    for (size_t i = 1; i < g->n_tensor; i++)
        if (strcmp(g->tensor[i - 1].name, g->tensor[i].name) == 0)
            return tac_fail(r->err, TACIT_EINPUT, "%s: tensor '%s' is there twice", r->path,
                            g->tensor[i].name);
    return TACIT_OK;
}

/* ---- the file ---- */

static enum tacit_status read_version(struct reader *r)
{
    uint64_t v = 0;
    if (left(r) < sizeof magic || memcmp(r->at, magic, sizeof magic) != 0)
        return tac_fail(r->err, TACIT_EINPUT, "%s: is no GGUF file: its first bytes are not 'GGUF'",
                        r->path);
    r->at += sizeof magic;
    enum tacit_status st = take(r, &v, 4, "the version");
    if (st || v == 2 || v == 3)
        return st;
    if (v && !(v & 0xffff))
        return tac_fail(r->err, TACIT_EINPUT, "%s: is big-endian, little-endian was expected",
                        r->path);
    return tac_fail(r->err, TACIT_EINPUT, "%s: GGUF version %" PRIu64 ", expected 2 or 3", r->path,
                    v);
}

static enum tacit_status read_file(struct reader *r, struct tac_gguf *g)
{
    uint64_t n_tensor = 0, n_field = 0;
    enum tacit_status st = read_version(r);
    if (!st)
        st = take(r, &n_tensor, 8, "the number of tensors");
    if (!st)
        st = take(r, &n_field, 8, "the number of fields");
    if (!st)
        st = read_fields(r, g, n_field);
    if (!st)
        st = read_alignment(r, g);
    return st ? st : read_tensors(r, g, n_tensor);
}

bool tac_gguf_is(const char *path)
{
    struct tac_map m;
    if (tac_map_open(&m, path, NULL))
        return false;
    bool is = m.size >= sizeof magic && memcmp(m.data, magic, sizeof magic) == 0;
    tac_map_close(&m);
    return is;
}

enum tacit_status tac_gguf_open(struct tac_gguf *g, const char *path, struct tacit_err *err)
{
    *g = (struct tac_gguf){0};
    enum tacit_status st = tac_map_open(&g->map, path, err);
    if (!st) {
        const unsigned char *p = g->map.data ? g->map.data : (const unsigned char *)"";
        struct reader r = {path, p, p, p + g->map.size, 0, err};
        st = read_file(&r, g);
    }
    if (st)
        tac_gguf_close(g);
    return st;
}

void tac_gguf_close(struct tac_gguf *g)
{
    tac_map_close(&g->map);
    tac_arena_release(&g->arena);
    *g = (struct tac_gguf){0};
}

/* ---- what is in it ---- */

const struct tac_gguf_field *tac_gguf_find(const struct tac_gguf *g, const char *key)
{
    struct tac_gguf_field f = {.key = key};
    return g->n_field ? bsearch(&f, g->field, g->n_field, sizeof f, by_key) : NULL;
}

const struct tac_ggml_tensor *tac_gguf_tensor(const struct tac_gguf *g, const char *name)
{
    struct tac_ggml_tensor t = {.name = name};
    return g->n_tensor ? bsearch(&t, g->tensor, g->n_tensor, sizeof t, by_name) : NULL;
}

const char *tac_gguf_describe(const struct tac_gguf_field *f)
{
    return f->type == TAC_GGUF_ARRAY ? types[f->of].many : types[f->type].one;
}

bool tac_gguf_uint(uint64_t *out, const struct tac_gguf_field *f)
{
    bool sign = f->type == TAC_GGUF_I8 || f->type == TAC_GGUF_I16 || f->type == TAC_GGUF_I32 ||
                f->type == TAC_GGUF_I64;
    bool plain = f->type == TAC_GGUF_U8 || f->type == TAC_GGUF_U16 || f->type == TAC_GGUF_U32 ||
                 f->type == TAC_GGUF_U64;
    size_t size = types[f->type].size;
    if ((!sign && !plain) || (sign && f->data[size - 1] & 0x80))
        return false;
    *out = little(f->data, size);
    return true;
}

bool tac_gguf_real(double *out, const struct tac_gguf_field *f)
{
    if (f->type != TAC_GGUF_F32 && f->type != TAC_GGUF_F64)
        return false;
    *out = tac_dtype_get(f->data, f->type == TAC_GGUF_F32 ? TAC_F32 : TAC_F64, 0);
    return true;
}

bool tac_gguf_bool(bool *out, const struct tac_gguf_field *f)
{
    *out = f->type == TAC_GGUF_BOOL && f->data[0];
    return f->type == TAC_GGUF_BOOL;
}

bool tac_gguf_string(struct tac_gguf_string *out, const struct tac_gguf_field *f)
{
    *out = (struct tac_gguf_string){(const char *)f->data, f->n};
    return f->type == TAC_GGUF_STRING;
}

struct tac_gguf_string tac_gguf_next(const unsigned char **at)
{
    struct tac_gguf_string s = {(const char *)*at + 8, (size_t)little(*at, 8)};
    *at += 8 + s.n;
    return s;
}

float tac_gguf_f32_at(const struct tac_gguf_field *f, size_t i)
{
    return (float)tac_dtype_get(f->data, TAC_F32, i);
}

int32_t tac_gguf_i32_at(const struct tac_gguf_field *f, size_t i)
{
    return (int32_t)(uint32_t)little(f->data + 4 * i, 4);
}
