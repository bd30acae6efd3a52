#include "format/llama2c.h"

#include "format/dtype.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_HEADER = 7,
    HEADER_BYTES = 4 * N_HEADER,
    SIZE_LIMIT = 1 << 24,
    LAYER_LIMIT = 1024,
    PIECE_LIMIT = 1024
};
enum { LATER_MAGIC = 0x616b3432 }; /* "ak42": versions 1 and 2 */

static int32_t int_at(const unsigned char *p)
{
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                     (uint32_t)p[3] << 24);
}

/* ---- checkpoints ---- */

static bool is_header(const struct tac_map *m)
{
    if (m->size >= 4 && int_at(m->data) == LATER_MAGIC)
        return true;
    bool is = m->size >= HEADER_BYTES;
    for (int i = 0; is && i < N_HEADER; i++) {
        int32_t v = int_at(m->data + 4 * i);
        v = i == 5 && v < 0 && v > INT32_MIN ? -v : v; /* a head of its own: -vocab_size */
        is = v >= 1 && v <= SIZE_LIMIT;
    }
    return is;
}

bool tac_llama2c_is(const char *path)
{
    struct tac_map m;
    if (tac_map_open(&m, path, NULL))
        return false;
    bool is = is_header(&m);
    tac_map_close(&m);
    return is;
}

static enum tacit_status read_header(struct tac_llama2c *m, const char *path, struct tacit_err *err)
{
    static const char *const names[N_HEADER] = {"dim",        "hidden_dim", "n_layers", "n_heads",
                                                "n_kv_heads", "vocab_size", "seq_len"};
    size_t *const to[N_HEADER] = {&m->C, &m->F, &m->L, &m->H, &m->G, &m->V, &m->T};
    if (m->map.size >= 8 && int_at(m->map.data) == LATER_MAGIC)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: is a llama2.c checkpoint of version %d, version 0 is read (export.py "
                        "--version 0)",
                        path, (int)int_at(m->map.data + 4));
    if (m->map.size < HEADER_BYTES)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: has %zu bytes, a llama2.c checkpoint begins with %d", path,
                        m->map.size, HEADER_BYTES);
    for (int i = 0; i < N_HEADER; i++) {
        int64_t v = int_at(m->map.data + 4 * i);
        if (i == 5)
            m->tied = v > 0;
        v = i == 5 && v < 0 ? -v : v;
        int most = to[i] == &m->L ? LAYER_LIMIT : SIZE_LIMIT;
        if (v < 1 || v > most)
            return tac_fail(err, TACIT_EINPUT, "%s: header: %s is %lld, expected 1 to %d", path,
                            names[i], (long long)v, most);
        *to[i] = (size_t)v;
    }
    if (m->C % m->H || m->C / m->H % 2 || m->H % m->G)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: header: dim %zu, n_heads %zu, n_kv_heads %zu: expected heads of an "
                        "even width that divide dim, and key heads that divide the heads",
                        path, m->C, m->H, m->G);
    return TACIT_OK;
}

static bool is_layered(enum tac_llama2c_array a)
{
    return a >= TAC_LLAMA2C_ATTN_NORM && a <= TAC_LLAMA2C_UP;
}

static void set_shapes(struct tac_llama2c *m)
{
    size_t C = m->C, KD = C / m->H * m->G, half = C / m->H / 2;
    const size_t shape[TAC_N_LLAMA2C][2] = {
        [TAC_LLAMA2C_EMBED] = {m->V, C},  [TAC_LLAMA2C_ATTN_NORM] = {1, C},
        [TAC_LLAMA2C_Q] = {C, C},         [TAC_LLAMA2C_K] = {KD, C},
        [TAC_LLAMA2C_V] = {KD, C},        [TAC_LLAMA2C_OUT] = {C, C},
        [TAC_LLAMA2C_FFN_NORM] = {1, C},  [TAC_LLAMA2C_GATE] = {m->F, C},
        [TAC_LLAMA2C_DOWN] = {C, m->F},   [TAC_LLAMA2C_UP] = {m->F, C},
        [TAC_LLAMA2C_NORM] = {1, C},      [TAC_LLAMA2C_COS] = {m->T, half},
        [TAC_LLAMA2C_SIN] = {m->T, half}, [TAC_LLAMA2C_HEAD] = {m->tied ? 0 : m->V, C},
    };
    for (int a = 0; a < TAC_N_LLAMA2C; a++) {
        m->rows[a] = shape[a][0];
        m->cols[a] = shape[a][1];
    }
}

/* Where the arrays lie, if they come to the file's size. Each factor is below 2^25, so that only
 * their sum over the layers can be too large. */
static enum tacit_status place(struct tac_llama2c *m, const char *path, struct tacit_err *err)
{
    size_t at = HEADER_BYTES, offset[TAC_N_LLAMA2C];
    bool fits = true;
    set_shapes(m);
    for (int a = 0; a < TAC_N_LLAMA2C; a++) {
        size_t bytes;
        offset[a] = at;
        fits = fits && tac_mul(4 * m->rows[a], m->cols[a], &bytes) &&
               tac_mul(bytes, is_layered((enum tac_llama2c_array)a) ? m->L : 1, &bytes) &&
               tac_add(at, bytes, &at);
    }
    if (!fits || at != m->map.size)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: has %zu bytes; its header (dim %zu, hidden_dim %zu, n_layers %zu, "
                        "n_heads %zu, n_kv_heads %zu, vocab_size %s%zu, seq_len %zu) asks for "
                        "%s%zu",
                        path, m->map.size, m->C, m->F, m->L, m->H, m->G, m->tied ? "" : "-", m->V,
                        m->T, fits ? "" : "more than ", fits ? at : SIZE_MAX);
    for (int a = 0; a < TAC_N_LLAMA2C; a++)
        m->data[a] = m->rows[a] ? m->map.data + offset[a] : NULL;
    return TACIT_OK;
}

enum tacit_status tac_llama2c_open(struct tac_llama2c *m, const char *path, struct tacit_err *err)
{
    *m = (struct tac_llama2c){0};
    enum tacit_status s = tac_map_open(&m->map, path, err);
    if (!s)
        s = read_header(m, path, err);
    if (!s)
        s = place(m, path, err);
    if (s)
        tac_llama2c_close(m);
    return s;
}

void tac_llama2c_close(struct tac_llama2c *m)
{
    tac_map_close(&m->map);
    *m = (struct tac_llama2c){0};
}

struct tac_ggml_tensor tac_llama2c_array(const struct tac_llama2c *m, enum tac_llama2c_array a,
                                         size_t layer)
{
    bool vector = a == TAC_LLAMA2C_ATTN_NORM || a == TAC_LLAMA2C_FFN_NORM || a == TAC_LLAMA2C_NORM;
    size_t n = m->rows[a] * m->cols[a];
    struct tac_ggml_tensor t = {.type = TAC_GGML_F32,
                                .rank = vector ? 1 : 2,
                                .n = n,
                                .data = m->data[a] + 4 * n * layer,
                                .bytes = 4 * n};
    t.shape[0] = vector ? m->cols[a] : m->rows[a];
    t.shape[1] = vector ? 0 : m->cols[a];
    return t;
}

/* ---- tokenizers ---- */

static enum tacit_status bad_piece(const char *path, size_t i, const char *what,
                                   struct tacit_err *err)
{
    return tac_fail(err, TACIT_EINPUT, "%s: piece %zu %s", path, i, what);
}

static enum tacit_status read_piece(struct tac_llama2c_piece *p, const struct tac_map *m,
                                    size_t *at, size_t longest, const char *path, size_t i,
                                    struct tacit_err *err)
{
    if (m->size - *at < 8)
        return bad_piece(path, i, "is cut off; is it the tokenizer of this checkpoint, complete?",
                         err);
    p->score = (float)tac_dtype_get(m->data + *at, TAC_F32, 0);
    int64_t n = int_at(m->data + *at + 4);
    *at += 8;
    if (n < 1 || n > (int64_t)longest)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: piece %zu has %lld bytes, expected 1 to %zu, the longest by the "
                        "file's beginning",
                        path, i, (long long)n, longest);
    if ((size_t)n > m->size - *at)
        return bad_piece(path, i, "is cut off; is the file complete?", err);
    p->text = (struct tac_gguf_string){(const char *)m->data + *at, (size_t)n};
    *at += (size_t)n;
    if (!isfinite(p->score))
        return bad_piece(path, i, "has a score that is not finite", err);
    if (tac_utf8_bad(p->text.s, p->text.n) != p->text.n || memchr(p->text.s, 0, p->text.n))
        return bad_piece(path, i, "is no well-formed UTF-8 without NUL", err);
    return TACIT_OK;
}

static enum tacit_status read_pieces(struct tac_llama2c_pieces *p, const char *path, size_t n,
                                     struct tacit_err *err)
{
    enum { LEAST = 4 + 4 + 1 };
    size_t at = 4;
    enum tacit_status s = TACIT_OK;
    if (p->map.size < at || n > (p->map.size - at) / LEAST)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: has %zu bytes, too few for a llama2.c tokenizer of %zu pieces", path,
                        p->map.size, n);
    int32_t longest = int_at(p->map.data);
    if (longest < 1 || longest > PIECE_LIMIT)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: max_token_length is %d, expected 1 to %d; is it a llama2.c tokenizer?",
                        path, (int)longest, PIECE_LIMIT);
    p->piece = tac_alloc(n, sizeof *p->piece, err);
    if (!p->piece)
        return TACIT_EFAIL;
    for (p->n = 0; !s && p->n < n; p->n++)
        s = read_piece(&p->piece[p->n], &p->map, &at, (size_t)longest, path, p->n, err);
    if (!s && at != p->map.size)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: %zu bytes follow its %zu pieces; the checkpoint's vocabulary has so many",
                     path, p->map.size - at, n);
    return s;
}

enum tacit_status tac_llama2c_pieces_open(struct tac_llama2c_pieces *p, const char *path, size_t n,
                                          struct tacit_err *err)
{
    *p = (struct tac_llama2c_pieces){0};
    enum tacit_status s = tac_map_open(&p->map, path, err);
    if (!s)
        s = read_pieces(p, path, n, err);
    if (s)
        tac_llama2c_pieces_close(p);
    return s;
}

void tac_llama2c_pieces_close(struct tac_llama2c_pieces *p)
{
    tac_map_close(&p->map);
    free(p->piece);
    *p = (struct tac_llama2c_pieces){0};
}
