#include "api/corpus.h"

#include "base/file.h"
#include "format/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 4096, WHERE = 1100 };
#define FILE_LIMIT ((size_t)8 << 30)

static enum tacit_status read_part(struct tac_text_part *p, const json_t *v, const char *where,
                                   struct tacit_err *err)
{
    const json_t *text = json_is_array(v) ? json_array_get(v, 0) : v;
    const json_t *weight =
        json_is_array(v) && json_array_size(v) == 2 ? json_array_get(v, 1) : NULL;
    double w = weight ? json_number_value(weight) : 1;
    if (!json_is_string(text) || (json_is_array(v) && !json_is_number(weight)) ||
        !(w >= 0 && w <= 1e6)) {
        char found[80];
        return tac_fail(
            err, TACIT_EINPUT,
            "%s: field 'parts': expected texts, or pairs of a text and a weight, found %s", where,
            tac_json_describe(found, v));
    }
    *p = (struct tac_text_part){json_string_value(text), json_string_length(text), (float)w};
    return TACIT_OK;
}

static enum tacit_status read_parts(const json_t *list, tac_document_fn *f, void *ctx,
                                    const char *where, struct tacit_err *err)
{
    size_t n = json_array_size(list);
    if (!n || n > MAX_PARTS)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field 'parts': expected a list of 1 to %d, found %zu", where,
                        MAX_PARTS, n);
    struct tac_text_part *part = tac_alloc(n, sizeof *part, err);
    enum tacit_status s = part ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < n; i++)
        s = read_part(&part[i], json_array_get(list, i), where, err);
    if (!s)
        s = f(ctx, part, n, where, err);
    free(part);
    return s;
}

static enum tacit_status read_line(const char *text, size_t n, const char *path, size_t line,
                                   tac_document_fn *f, void *ctx, struct tacit_err *err)
{
    char where[WHERE];
    json_t *o = NULL;
    const char *s;
    snprintf(where, sizeof where, "%.1000s:%zu", path, line);
    enum tacit_status st = tac_json_parse_at(&o, text, n, path, line, err);
    if (!st && tac_json_has(o, "parts")) {
        st = read_parts(json_object_get(o, "parts"), f, ctx, where, err);
    } else if (!st) {
        st = tac_json_get_string(&s, o, "text", where, err);
        if (!st)
            st = f(ctx, &(struct tac_text_part){s, strlen(s), 1}, 1, where, err);
    }
    json_decref(o);
    return st;
}

static enum tacit_status read_lines(const struct tac_map *m, const char *path, tac_document_fn *f,
                                    void *ctx, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    const char *at = (const char *)m->data, *stop = at + m->size, *end;
    for (size_t line = 1; !s && at < stop; at = end + 1, line++) {
        end = memchr(at, '\n', (size_t)(stop - at));
        if (!end)
            end = stop;
        if (end > at)
            s = read_line(at, (size_t)(end - at), path, line, f, ctx, err);
    }
    return s;
}

enum tacit_status tac_corpus_read(const char *path, tac_document_fn *f, void *ctx,
                                  struct tacit_err *err)
{
    struct tac_map m = {0};
    enum tacit_status s = tac_map_open(&m, path, err);
    if (!s && m.size > FILE_LIMIT)
        s = tac_fail(err, TACIT_EINPUT, "%s: %zu bytes; at most %zu are read", path, m.size,
                     FILE_LIMIT);
    if (!s && tac_ends_with(path, ".jsonl"))
        s = read_lines(&m, path, f, ctx, err);
    else if (!s)
        s = f(ctx, &(struct tac_text_part){m.size ? (const char *)m.data : "", m.size, 1}, 1, path,
              err);
    tac_map_close(&m);
    return s;
}
