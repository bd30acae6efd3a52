#include "format/npy.h"

#include "format/dtype.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 1 << 16, RANK = 3, V1_BEGIN = 10, V1_BYTES = 128 };
static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

/* A header being read, and what was found in it. */
struct header {
    const char *path, *at, *end;
    enum tac_dtype dtype;
    bool has_descr, has_order, has_shape;
    size_t rank, shape[RANK];
    struct tacit_err *err;
};

/* Printable ASCII, which is all that a message repeats of a file. */
static bool is_plain(char c)
{
    return c >= ' ' && c <= '~';
}

static enum tacit_status bad_header(struct header *h, const char *expected)
{
    int n = 0;
    while (n < 20 && h->at + n < h->end && is_plain(h->at[n]))
        n++;
    return tac_fail(h->err, TACIT_EINPUT, "%s: header: expected %s, found '%.*s'", h->path,
                    expected, n, h->at);
}

static void skip_blanks(struct header *h)
{
    while (h->at < h->end && isspace((unsigned char)*h->at))
        h->at++;
}

/* Takes this text where it is next. */
static bool take(struct header *h, const char *text)
{
    size_t n = strlen(text);
    skip_blanks(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, text, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* A Python string of printable ASCII without escapes, into out; false where there is none, or a
 * longer one. */
static bool take_string(struct header *h, char out[32])
{
    skip_blanks(h);
    if (h->at == h->end || (*h->at != '\'' && *h->at != '"'))
        return false;
    const char *from = h->at + 1, *to = memchr(from, *h->at, (size_t)(h->end - from));
    if (!to || to - from >= 32)
        return false;
    for (const char *p = from; p < to; p++)
        if (!is_plain(*p) || *p == '\\')
            return false;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    h->at = to + 1;
    return true;
}

static enum tacit_status read_descr(struct header *h)
{
    static const struct {
        const char *descr;
        enum tac_dtype dtype;
    } known[] = {{"<f4", TAC_F32}, {"<f2", TAC_F16}, {"<f8", TAC_F64}};
    char descr[32];
    if (take(h, "["))
        return tac_fail(h->err, TACIT_EINPUT,
                        "%s: field 'descr': records of several fields, expected '<f2', '<f4' or "
                        "'<f8'",
                        h->path);
    if (!take_string(h, descr))
        return bad_header(h, "a dtype in quotes");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(descr, known[i].descr) == 0) {
            h->dtype = known[i].dtype;
            h->has_descr = true;
            return TACIT_OK;
        }
    const char *kind = descr[0] == '>' ? "big-endian elements " : "";
    if (strchr(descr, 'O'))
        kind = "Python objects ";
    return tac_fail(h->err, TACIT_EINPUT,
                    "%s: field 'descr': %s'%s', expected '<f2', '<f4' or '<f8'", h->path, kind,
                    descr);
}

static enum tacit_status read_order(struct header *h)
{
    h->has_order = true;
    if (take(h, "False"))
        return TACIT_OK;
    if (!take(h, "True"))
        return bad_header(h, "True or False");
    return tac_fail(h->err, TACIT_EINPUT,
                    "%s: field 'fortran_order': columns are stored one after another, expected "
                    "rows (save numpy.ascontiguousarray of it)",
                    h->path);
}

static bool take_size(struct header *h, size_t *out)
{
    size_t v = 0;
    skip_blanks(h);
    const char *from = h->at;
    for (; h->at < h->end && isdigit((unsigned char)*h->at); h->at++)
        if (!tac_mul(v, 10, &v) || !tac_add(v, (size_t)(*h->at - '0'), &v))
            return false;
    *out = v;
    if (h->at == from)
        return false;
    take(h, "L"); /* Python 2 wrote 3L */
    return true;
}

static enum tacit_status read_shape(struct header *h)
{
    size_t v;
    if (!take(h, "("))
        return bad_header(h, "a shape in parentheses");
    h->has_shape = true;
    for (h->rank = 0; !take(h, ")"); h->rank++) {
        if (h->rank && !take(h, ","))
            return bad_header(h, "a comma");
        if (take(h, ")"))
            return TACIT_OK;
        if (!take_size(h, &v))
            return bad_header(h, "a size");
        if (h->rank < RANK)
            h->shape[h->rank] = v;
    }
    return TACIT_OK;
}

static enum tacit_status read_field(struct header *h)
{
    char key[32];
    if (!take_string(h, key) || !take(h, ":"))
        return bad_header(h, "'KEY':");
    if (strcmp(key, "descr") == 0)
        return read_descr(h);
    if (strcmp(key, "fortran_order") == 0)
        return read_order(h);
    if (strcmp(key, "shape") == 0)
        return read_shape(h);
    return bad_header(h, "one of 'descr', 'fortran_order', 'shape' before it");
}

static enum tacit_status read_dictionary(struct header *h)
{
    enum tacit_status s = take(h, "{") ? TACIT_OK : bad_header(h, "a dictionary");
    while (!s && !take(h, "}")) {
        s = read_field(h);
        skip_blanks(h);
        if (!s && !take(h, ",") && (h->at == h->end || *h->at != '}'))
            s = bad_header(h, "a comma or a brace");
    }
    skip_blanks(h);
    if (!s && h->at != h->end)
        s = bad_header(h, "nothing behind the dictionary");
    if (!s && !(h->has_descr && h->has_order && h->has_shape))
        s = tac_fail(h->err, TACIT_EINPUT, "%s: header: field '%s' is missing", h->path,
                     !h->has_descr   ? "descr"
                     : !h->has_order ? "fortran_order"
                                     : "shape");
    return s;
}

/* The matrix in the shape; a leading 1 of three is none of its dimensions. */
static enum tacit_status check_shape(const struct header *h, size_t *rows, size_t *cols)
{
    char shown[80];
    size_t skip = h->rank == 3 && h->shape[0] == 1;
    if (h->rank == 2 + skip && h->shape[skip] && h->shape[1 + skip]) {
        *rows = h->shape[skip];
        *cols = h->shape[1 + skip];
        return TACIT_OK;
    }
    int at = snprintf(shown, sizeof shown, "(");
    for (size_t i = 0; i < h->rank && i < RANK; i++)
        at += snprintf(shown + at, sizeof shown - (size_t)at, "%s%zu", i ? ", " : "", h->shape[i]);
    return tac_fail(h->err, TACIT_EINPUT, "%s: shape %s%s): expected (tokens, width), both above 0",
                    h->path, shown, h->rank > RANK ? ", ..." : "");
}

/* Where the header begins and ends, in a file of `size` bytes. */
static enum tacit_status find_header(struct header *h, const unsigned char *data, size_t size)
{
    if (size < V1_BEGIN || memcmp(data, magic, sizeof magic) != 0)
        return tac_fail(h->err, TACIT_EINPUT, "%s: is no .npy file", h->path);
    size_t begin = data[6] == 1 ? V1_BEGIN : V1_BEGIN + 2, length = 0;
    if (data[6] < 1 || data[6] > 3 || data[7] != 0)
        return tac_fail(h->err, TACIT_EINPUT, "%s: version %d.%d, expected 1.0, 2.0 or 3.0",
                        h->path, data[6], data[7]);
    for (size_t i = begin; i-- > 8 && begin <= size;)
        length = length << 8 | data[i];
    if (length > HEADER_LIMIT)
        return tac_fail(h->err, TACIT_EINPUT,
                        "%s: claims a header of %zu bytes, at most %d are allowed", h->path, length,
                        HEADER_LIMIT);
    if (begin > size || length > size - begin)
        return tac_fail(h->err, TACIT_EINPUT, "%s: its header ends behind the file's %zu bytes",
                        h->path, size);
    h->at = (const char *)data + begin;
    h->end = h->at + length;
    return TACIT_OK;
}

/* *n: the elements, which must be all that stands between the header and the file's end. */
static enum tacit_status check_size(size_t *n, const struct header *h, size_t rows, size_t cols,
                                    const char *end)
{
    size_t left = (size_t)(end - h->end), bytes;
    if (!tac_mul(rows, cols, n) || !tac_mul(*n, tac_dtype_size(h->dtype), &bytes))
        return tac_fail(h->err, TACIT_EINPUT, "%s: shape (%zu, %zu) is too large", h->path, rows,
                        cols);
    if (bytes == left)
        return TACIT_OK;
    return tac_fail(h->err, TACIT_EINPUT,
                    "%s: %zu bytes follow the header, shape (%zu, %zu) of %s needs %zu", h->path,
                    left, rows, cols, tac_dtype_name(h->dtype), bytes);
}

static enum tacit_status read_values(float *out, const struct header *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v = tac_dtype_get(h->end, h->dtype, i);
        out[i] = (float)v;
        if (isfinite(v) && !isfinite(out[i]))
            return tac_fail(h->err, TACIT_EINPUT, "%s: element %zu is %g, too large for float32",
                            h->path, i, v);
    }
    return TACIT_OK;
}

enum tacit_status tac_npy_read(float **out, size_t *rows, size_t *cols, const char *path,
                               struct tacit_err *err)
{
    struct header h = {.path = path, .err = err};
    struct tac_map map;
    size_t n = 0;
    *out = NULL;
    enum tacit_status s = tac_map_open(&map, path, err);
    if (!s)
        s = find_header(&h, map.data, map.size);
    if (!s)
        s = read_dictionary(&h);
    if (!s)
        s = check_shape(&h, rows, cols);
    if (!s)
        s = check_size(&n, &h, *rows, *cols, (const char *)map.data + map.size);
    if (!s && !(*out = tac_alloc(n, sizeof **out, err)))
        s = TACIT_EFAIL;
    if (!s)
        s = read_values(*out, &h, n);
    tac_map_close(&map);
    if (s) {
        free(*out);
        *out = NULL;
    }
    return s;
}

/* NumPy pads header and magic to a multiple of 64 bytes: 128 for every matrix, also where it leaves
 * room for the first dimension to grow. */
enum tacit_status tac_npy_put(struct tac_buf *out, const float *values, size_t rows, size_t cols,
                              struct tacit_err *err)
{
    char head[V1_BYTES + 1];
    memcpy(head, magic, sizeof magic);
    memcpy(head + sizeof magic, "\x01\0\x76\0", V1_BEGIN - sizeof magic);
    int n = snprintf(head + V1_BEGIN, sizeof head - V1_BEGIN,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, cols);
    memset(head + V1_BEGIN + n, ' ', V1_BYTES - V1_BEGIN - (size_t)n);
    head[V1_BYTES - 1] = '\n';
    enum tacit_status s = tac_buf_add(out, head, V1_BYTES, err);
    return s ? s : tac_buf_add(out, values, rows * cols * sizeof *values, err);
}
