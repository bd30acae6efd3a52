/* Tensors of other programs' files in HuggingFace's names and layouts. */
#include "api/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tac_import_products(struct tac_import *m)
{
    size_t *z = m->size;
    z[TAC_I_HD] = z[TAC_I_H] * z[TAC_I_D];
    z[TAC_I_GD] = z[TAC_I_G] * z[TAC_I_D];
    z[TAC_I_3HD] = 3 * z[TAC_I_HD];
}

static int by_name(const void *a, const void *b)
{
    const struct tac_ggml_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static const struct tac_ggml_tensor *find(const struct tac_import *m, const char *name)
{
    struct tac_ggml_tensor t = {.name = name};
    return m->n_source ? bsearch(&t, m->source, m->n_source, sizeof t, by_name) : NULL;
}

static const char *name_of(char buf[160], const struct tac_import_rule *r, size_t layer)
{
    if (layer == SIZE_MAX)
        return r->gguf;
    snprintf(buf, 160, "blk.%zu.%s", layer, r->gguf);
    return buf;
}

static enum tacit_status check_shape(const struct tac_import *m, const struct tac_import_rule *r,
                                     const struct tac_ggml_tensor *t, struct tacit_err *err)
{
    size_t rows = m->size[r->rows], cols = r->cols ? m->size[r->cols] : 0;
    char found[100] = "", want[48];
    if (t->rank == (cols ? 2 : 1) && t->shape[0] == rows && (!cols || t->shape[1] == cols))
        return TACIT_OK;
    for (int i = 0; i < t->rank; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%zu", i ? "x" : "",
                 t->shape[i]);
    snprintf(want, sizeof want, cols ? "%zux%zu" : "%zu", rows, cols);
    return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s': shape %s, expected %s by the %s", m->path,
                    t->name, found, want, m->gguf.map.data ? "file's fields" : "header");
}

static char *new_name(struct tac_import *m, const struct tac_import_rule *r, size_t layer,
                      struct tacit_err *err)
{
    const char *mark = layer == SIZE_MAX ? NULL : strstr(r->name, "%zu");
    char buf[160];
    if (!mark)
        return tac_arena_strndup(&m->arena, r->name, strlen(r->name), err);
    int n = snprintf(buf, sizeof buf, "%.*s%zu%s", (int)(mark - r->name), r->name, layer, mark + 3);
    return tac_arena_strndup(&m->arena, buf, (size_t)n, err);
}

static enum tacit_status bind_rule(struct tac_import *m, const struct tac_import_rule *r,
                                   size_t layer, struct tacit_err *err)
{
    char buf[160];
    if (r->group && !m->has[r->group])
        return TACIT_OK;
    const struct tac_ggml_tensor *t = find(m, name_of(buf, r, layer));
    if (!t)
        return tac_fail(err, TACIT_EINPUT, "%s: tensor '%s' is missing", m->path,
                        name_of(buf, r, layer));
    enum tacit_status s = check_shape(m, r, t, err);
    if (s)
        return s;
    char *name = new_name(m, r, layer, err);
    if (!name)
        return TACIT_EFAIL;
    TAC_CHECK(m->n_tensor < m->n_source); /* names of rules differ, and those of tensors */
    m->tensor[m->n_tensor++] = (struct tac_import_tensor){name, t, r->how};
    return TACIT_OK;
}

/* Which groups are there, by the first tensor of each. A head with the embedding's own bytes is
 * none: older files repeat it. */
static void find_groups(struct tac_import *m)
{
    const struct tac_import_rule *const lists[] = {m->arch->global, m->arch->layer[0],
                                                   m->arch->layer[1]};
    const struct tac_ggml_tensor *e = find(m, "token_embd.weight"), *o = find(m, "output.weight");
    bool seen[TAC_N_GROUP] = {false};
    char buf[160];
    for (size_t i = 0; i < 3; i++)
        for (const struct tac_import_rule *r = lists[i]; r && r->gguf; r++)
            if (r->group && !seen[r->group]) {
                seen[r->group] = true;
                m->has[r->group] = find(m, name_of(buf, r, i ? 0 : SIZE_MAX)) != NULL;
            }
    if (e && o && e->type == o->type && e->n == o->n && e->shape[0] == o->shape[0] &&
        memcmp(e->data, o->data, e->bytes) == 0)
        m->has[TAC_HEAD] = false;
    m->tied = !m->has[TAC_HEAD];
}

static bool is_bound(const struct tac_import *m, const struct tac_ggml_tensor *t)
{
    for (size_t i = 0; i < m->n_tensor; i++)
        if (m->tensor[i].from == t)
            return true;
    return false;
}

static enum tacit_status check_rest(const struct tac_import *m, const char *known,
                                    struct tacit_err *err)
{
    size_t spare = (known && find(m, known)) + (m->tied && find(m, "output.weight"));
    for (size_t i = 0; m->n_tensor + spare < m->n_source && i < m->n_source; i++) {
        const char *name = m->source[i].name;
        if (!is_bound(m, &m->source[i]) && (!known || strcmp(name, known) != 0) &&
            !(m->tied && strcmp(name, "output.weight") == 0))
            return tac_fail(err, TACIT_EINPUT,
                            "%s: tensor '%s': architecture '%s' with %zu layers has no place for "
                            "it",
                            m->path, name, m->arch->gguf, m->size[TAC_I_L]);
    }
    return TACIT_OK;
}

static enum tacit_status bind_rules(struct tac_import *m, const struct tac_import_rule *r,
                                    size_t layer, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (; !s && r && r->gguf; r++)
        s = bind_rule(m, r, layer, err);
    return s;
}

enum tacit_status tac_import_bind(struct tac_import *m, const char *known, struct tacit_err *err)
{
    m->tensor = tac_arena_alloc(&m->arena, m->n_source, sizeof *m->tensor, err);
    if (!m->tensor)
        return TACIT_EFAIL;
    find_groups(m);
    enum tacit_status s = bind_rules(m, m->arch->global, SIZE_MAX, err);
    for (size_t l = 0; !s && l < m->size[TAC_I_L]; l++) {
        s = bind_rules(m, m->arch->layer[0], l, err);
        if (!s)
            s = bind_rules(m, m->arch->layer[1], l, err);
    }
    return s ? s : check_rest(m, known, err);
}

/* The file's row that becomes row r. */
static size_t source_row(const struct tac_import *m, enum tac_import_how how, size_t r)
{
    size_t D = m->size[TAC_I_D], H = m->size[TAC_I_H], head = r / D, d = r % D;
    if (how == TAC_HALVES_Q || how == TAC_HALVES_K)
        return head * D + d % (D / 2) * 2 + d / (D / 2);
    if (how == TAC_BY_HEAD) /* head counts three parts of each */
        return (head % 3 * H + head / 3) * D + d;
    return r;
}

/* Of a transposed tensor: each of the file's rows gives a few elements that are far apart. */
static void read_transposed(float *out, const struct tac_ggml_tensor *t, size_t from, size_t n)
{
    enum { FEW = 256 };
    float run[FEW];
    size_t rows = t->shape[0], first = from / rows, last = (from + n - 1) / rows;
    for (size_t at = first; at <= last; at += FEW) {
        size_t k = last - at + 1 < FEW ? last - at + 1 : FEW;
        for (size_t r = 0; r < rows; r++) {
            tac_ggml_read(run, t, r * t->shape[1] + at, k);
            for (size_t i = 0; i < k; i++) {
                size_t to = (at + i) * rows + r;
                if (to >= from && to < from + n)
                    out[to - from] = run[i];
            }
        }
    }
}

void tac_import_read(const struct tac_import *m, float *out, const struct tac_import_tensor *t,
                     size_t from, size_t n)
{
    size_t cols = t->from->rank == 2 ? t->from->shape[1] : 1;
    if (t->how == TAC_AS_IT_IS) {
        tac_ggml_read(out, t->from, from, n);
    } else if (t->how == TAC_TRANSPOSED) {
        if (n)
            read_transposed(out, t->from, from, n);
    } else {
        while (n) {
            size_t c = from % cols, k = cols - c < n ? cols - c : n;
            tac_ggml_read(out, t->from, source_row(m, t->how, from / cols) * cols + c, k);
            out += k;
            from += k;
            n -= k;
        }
    }
}
