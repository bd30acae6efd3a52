#include "format/yaml.h"

#include "base/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* 1 MB of text can ask for a node with every second byte. */
enum { TREE_BYTES = 128 << 20 };

struct loader {
    yaml_parser_t parser;
    struct tac_yaml_doc *doc;
    struct tacit_err *err; /* not NULL */
};

static enum tacit_status fail_at(struct loader *l, size_t line, const char *what)
{
    return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: %s", l->doc->path, line, what);
}

static size_t line_of(const yaml_event_t *e)
{
    return e->start_mark.line + 1;
}

/* The next event; the caller deletes it. */
static enum tacit_status next_event(struct loader *l, yaml_event_t *e)
{
    const yaml_parser_t *p = &l->parser;
    if (yaml_parser_parse(&l->parser, e))
        return TACIT_OK;
    if (p->error == YAML_MEMORY_ERROR)
        return tac_fail_memory(l->err, 0);
    size_t line = p->error == YAML_READER_ERROR ? p->mark.line : p->problem_mark.line;
    return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: is no valid YAML: %s", l->doc->path, line + 1,
                    p->problem ? p->problem : "cannot be read");
}

static enum tacit_status take_memory(struct loader *l, void *out, size_t size)
{
    void *p = tac_arena_alloc(&l->doc->arena, 1, size, l->err);
    memcpy(out, &p, sizeof p);
    return p ? TACIT_OK : tac_err_prefix(l->err, "%s: ", l->doc->path);
}

static enum tacit_status copy_text(struct loader *l, const char **out, const yaml_event_t *e)
{
    size_t n = e->data.scalar.length;
    const char *text = (const char *)e->data.scalar.value;
    char *copy = NULL;
    if (memchr(text, '\0', n))
        return fail_at(l, line_of(e), "holds a NUL character");
    enum tacit_status s = take_memory(l, &copy, n + 1);
    if (!s)
        memcpy(copy, text, n);
    *out = copy;
    return s;
}

static enum tacit_status new_node(struct loader *l, struct tac_yaml **out, enum tac_yaml_kind kind,
                                  const yaml_event_t *e)
{
    enum tacit_status s = take_memory(l, out, sizeof **out);
    if (!s)
        **out = (struct tac_yaml){.kind = kind, .line = line_of(e)};
    return s;
}

static enum tacit_status read_scalar(struct loader *l, struct tac_yaml **out, const yaml_event_t *e)
{
    if (e->data.scalar.tag)
        return fail_at(l, line_of(e), "tags are not supported");
    enum tacit_status s = new_node(l, out, TAC_YAML_SCALAR, e);
    if (s)
        return s;
    (*out)->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return copy_text(l, &(*out)->text, e);
}

static enum tacit_status read_node(struct loader *l, struct tac_yaml **out, const yaml_event_t *e,
                                   int depth);

static enum tacit_status check_key(struct loader *l, const struct tac_yaml *map, const char *key,
                                   size_t line)
{
    const struct tac_yaml *twin = tac_yaml_find(map, key);
    if (map->n == TAC_YAML_KEYS)
        return fail_at(l, line, "the map has too many keys");
    if (twin)
        return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: key '%s' stands in line %zu already",
                        l->doc->path, line, key, twin->line);
    return TACIT_OK;
}

/* An entry of a map, whose key's event has come. */
static enum tacit_status read_entry(struct loader *l, struct tac_yaml **out,
                                    const struct tac_yaml *map, const yaml_event_t *key, int depth)
{
    yaml_event_t e;
    const char *name;
    if (key->type != YAML_SCALAR_EVENT)
        return fail_at(l, line_of(key), "expected a text as the key");
    enum tacit_status s = copy_text(l, &name, key);
    if (!s)
        s = check_key(l, map, name, line_of(key));
    if (!s)
        s = next_event(l, &e);
    if (s)
        return s;
    s = read_node(l, out, &e, depth);
    yaml_event_delete(&e);
    if (!s) {
        (*out)->key = name;
        (*out)->line = line_of(key);
    }
    return s;
}

static enum tacit_status read_children(struct loader *l, struct tac_yaml *parent, int depth)
{
    struct tac_yaml **tail = &parent->first;
    bool map = parent->kind == TAC_YAML_MAP;
    for (;;) {
        yaml_event_t e;
        enum tacit_status s = next_event(l, &e);
        if (s)
            return s;
        bool end = e.type == (map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
        if (!end)
            s = map ? read_entry(l, tail, parent, &e, depth) : read_node(l, tail, &e, depth);
        yaml_event_delete(&e);
        if (s || end)
            return s;
        tail = &(*tail)->next;
        parent->n++;
    }
}

static enum tacit_status read_node(struct loader *l, struct tac_yaml **out, const yaml_event_t *e,
                                   int depth)
{
    if (e->type == YAML_SCALAR_EVENT)
        return read_scalar(l, out, e);
    if (e->type != YAML_SEQUENCE_START_EVENT && e->type != YAML_MAPPING_START_EVENT)
        return fail_at(l, line_of(e), "aliases are not supported");
    if (depth == TAC_YAML_DEPTH)
        return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: nested deeper than %d levels", l->doc->path,
                        line_of(e), TAC_YAML_DEPTH);
    bool map = e->type == YAML_MAPPING_START_EVENT;
    if (map ? e->data.mapping_start.tag != NULL : e->data.sequence_start.tag != NULL)
        return fail_at(l, line_of(e), "tags are not supported");
    enum tacit_status s = new_node(l, out, map ? TAC_YAML_MAP : TAC_YAML_LIST, e);
    return s ? s : read_children(l, *out, depth + 1);
}

/* Reads events up to the type `want`, which must come next; anything else is `otherwise`. */
static enum tacit_status expect(struct loader *l, yaml_event_type_t want, const char *otherwise)
{
    yaml_event_t e;
    enum tacit_status s = next_event(l, &e);
    if (s)
        return s;
    if (e.type != want)
        s = fail_at(l, line_of(&e), otherwise);
    yaml_event_delete(&e);
    return s;
}

static enum tacit_status read_root(struct loader *l)
{
    yaml_event_t e;
    struct tac_yaml *root = NULL;
    enum tacit_status s = next_event(l, &e);
    if (s)
        return s;
    if (e.type == YAML_MAPPING_START_EVENT)
        s = read_node(l, &root, &e, 0);
    else
        s = fail_at(l, line_of(&e), "expected a map of keys and values");
    yaml_event_delete(&e);
    l->doc->root = root;
    return s;
}

static enum tacit_status read_document(struct loader *l)
{
    enum tacit_status s = expect(l, YAML_STREAM_START_EVENT, "expected a text");
    if (!s)
        s = expect(l, YAML_DOCUMENT_START_EVENT, "is empty, a map of keys and values was expected");
    if (!s)
        s = read_root(l);
    if (!s)
        s = expect(l, YAML_DOCUMENT_END_EVENT, "expected the end");
    if (!s)
        s = expect(l, YAML_STREAM_END_EVENT, "a second document begins here, expected one");
    return s;
}

enum tacit_status tac_yaml_parse(struct tac_yaml_doc *d, const char *text, size_t n,
                                 const char *name, struct tacit_err *err)
{
    struct tacit_err bad = {0};
    struct loader l = {.doc = d, .err = &bad};
    *d = (struct tac_yaml_doc){.arena.limit = TREE_BYTES};
    if (n > TAC_YAML_BYTES)
        return tac_fail(err, TACIT_EINPUT, "%s: has %zu bytes, at most %d are read", name, n,
                        TAC_YAML_BYTES);
    d->path = tac_arena_strndup(&d->arena, name, strlen(name), err);
    if (!d->path)
        return TACIT_EFAIL;
    enum tacit_status s = TACIT_EFAIL;
    if (yaml_parser_initialize(&l.parser)) {
        yaml_parser_set_input_string(&l.parser, (const unsigned char *)(n ? text : ""), n);
        s = read_document(&l);
    } else {
        tac_fail_memory(&bad, sizeof l.parser);
    }
    yaml_parser_delete(&l.parser);
    if (s) {
        tac_yaml_release(d);
        if (err)
            *err = bad;
    }
    return s;
}

enum tacit_status tac_yaml_load(struct tac_yaml_doc *d, const char *path, struct tacit_err *err)
{
    struct tac_buf text = {0};
    *d = (struct tac_yaml_doc){0};
    enum tacit_status s = tac_file_read(&text, path, TAC_YAML_BYTES, err);
    if (!s)
        s = tac_yaml_parse(d, text.data, text.len, path, err);
    tac_buf_release(&text);
    return s;
}

void tac_yaml_release(struct tac_yaml_doc *d)
{
    tac_arena_release(&d->arena);
    *d = (struct tac_yaml_doc){0};
}

const struct tac_yaml *tac_yaml_find(const struct tac_yaml *map, const char *key)
{
    const struct tac_yaml *c = map->kind == TAC_YAML_MAP ? map->first : NULL;
    while (c && strcmp(c->key, key) != 0)
        c = c->next;
    return c;
}

enum tacit_status tac_yaml_fail(const struct tac_yaml_doc *d, const struct tac_yaml *node,
                                struct tacit_err *err, const char *fmt, ...)
{
    char text[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return tac_fail(err, TACIT_EINPUT, "%s:%zu: %s", d->path, node->line, text);
}

enum tacit_status tac_yaml_check_keys(const struct tac_yaml_doc *d, const struct tac_yaml *map,
                                      const char *const *known, struct tacit_err *err)
{
    for (const struct tac_yaml *c = map->first; c; c = c->next) {
        const char *const *k = known;
        while (*k && strcmp(*k, c->key) != 0)
            k++;
        if (*k)
            continue;
        char list[512] = "";
        for (k = known; *k; k++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", k > known ? ", " : "",
                     *k);
        return tac_yaml_fail(d, c, err, "unknown key '%s' (known: %s)", c->key, list);
    }
    return TACIT_OK;
}

static enum tacit_status wrong(const struct tac_yaml_doc *d, const struct tac_yaml *map,
                               const char *key, const char *expected, struct tacit_err *err)
{
    const struct tac_yaml *v = tac_yaml_find(map, key);
    if (!v)
        return tac_yaml_fail(d, map, err, "key '%s' is missing: expected %s", key, expected);
    if (v->kind == TAC_YAML_SCALAR)
        return tac_yaml_fail(d, v, err, "key '%s': expected %s, found '%.60s'", key, expected,
                             v->text);
    return tac_yaml_fail(d, v, err, "key '%s': expected %s, found a %s", key, expected,
                         v->kind == TAC_YAML_LIST ? "list" : "map");
}

static const char *scalar(const struct tac_yaml *map, const char *key)
{
    const struct tac_yaml *v = tac_yaml_find(map, key);
    return v && v->kind == TAC_YAML_SCALAR ? v->text : NULL;
}

enum tacit_status tac_yaml_get_string(const char **out, const struct tac_yaml_doc *d,
                                      const struct tac_yaml *map, const char *key,
                                      struct tacit_err *err)
{
    *out = scalar(map, key);
    return *out ? TACIT_OK : wrong(d, map, key, "a text", err);
}

enum tacit_status tac_yaml_get_int(int64_t *out, const struct tac_yaml_doc *d,
                                   const struct tac_yaml *map, const char *key, int64_t min,
                                   int64_t max, struct tacit_err *err)
{
    char expected[80];
    const char *text = scalar(map, key);
    if (text && tac_parse_i64(text, out) && *out >= min && *out <= max)
        return TACIT_OK;
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)min,
             (long long)max);
    return wrong(d, map, key, expected, err);
}

enum tacit_status tac_yaml_get_real(double *out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key, double min,
                                    double max, struct tacit_err *err)
{
    char expected[80];
    const char *text = scalar(map, key);
    if (text && tac_parse_f64(text, out) && *out >= min && *out <= max)
        return TACIT_OK;
    snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    return wrong(d, map, key, expected, err);
}

enum tacit_status tac_yaml_get_bool(bool *out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key,
                                    struct tacit_err *err)
{
    const char *text = scalar(map, key);
    if (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
        return wrong(d, map, key, "true or false", err);
    *out = *text == 't';
    return TACIT_OK;
}

enum tacit_status tac_yaml_get_list(const struct tac_yaml **out, const struct tac_yaml_doc *d,
                                    const struct tac_yaml *map, const char *key,
                                    struct tacit_err *err)
{
    *out = tac_yaml_find(map, key);
    return *out && (*out)->kind == TAC_YAML_LIST ? TACIT_OK : wrong(d, map, key, "a list", err);
}

enum tacit_status tac_yaml_get_map(const struct tac_yaml **out, const struct tac_yaml_doc *d,
                                   const struct tac_yaml *map, const char *key,
                                   struct tacit_err *err)
{
    *out = tac_yaml_find(map, key);
    return *out && (*out)->kind == TAC_YAML_MAP ? TACIT_OK : wrong(d, map, key, "a map", err);
}
