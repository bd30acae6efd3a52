#include "task/template.h"

#include <string.h>

static const char *const filter_names[] = {"trim", "no_period", "lower_first"};

const json_t *tac_scope_field(const struct tac_scope *scope, const char *path)
{
    size_t n = strcspn(path, ".");
    if (!n)
        return tac_field(scope->row->fields, path + 1);
    for (size_t i = 0; i < scope->n_bound; i++) {
        const char *name = scope->bound[i].name;
        if (strlen(name) != n || memcmp(name, path, n) != 0)
            continue;
        return path[n] ? tac_field(scope->bound[i].value, path + n + 1) : scope->bound[i].value;
    }
    return tac_field(scope->row->fields, path);
}

enum tacit_status tac_scope_text(struct tac_buf *out, const struct tac_scope *scope,
                                 const char *path, struct tacit_err *err)
{
    const json_t *v = tac_scope_field(scope, path);
    char buf[80];
    if (json_is_string(v))
        return tac_buf_add(out, json_string_value(v), json_string_length(v), err);
    if (json_is_number(v) || json_is_boolean(v))
        return tac_buf_adds(out, tac_json_describe(buf, v), err);
    if (!v)
        return tac_fail(err, TACIT_EINPUT, "%s:%zu: field '%s' is missing", scope->file,
                        scope->row->line, path);
    return tac_fail(err, TACIT_EINPUT, "%s:%zu: field '%s': expected a text or a number, found %s",
                    scope->file, scope->row->line, path, tac_json_describe(buf, v));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **s, size_t *n)
{
    while (*n && is_space((*s)[*n - 1]))
        --*n;
    while (*n && is_space(**s))
        ++*s, --*n;
}

/* A source of templates: what parsing needs to name its place and to find maps. */
struct parser {
    struct tac_arena *arena;
    const struct tac_yaml_doc *doc;
    const struct tac_yaml *node, *maps;
    struct tacit_err *err;
};

static enum tacit_status unknown_filter(const struct parser *p, const char *name)
{
    char known[512] = "";
    for (size_t i = 0; i < sizeof filter_names / sizeof *filter_names; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 filter_names[i]);
    for (const struct tac_yaml *m = p->maps ? p->maps->first : NULL; m; m = m->next)
        snprintf(known + strlen(known), sizeof known - strlen(known), ", %s", m->key);
    return tac_yaml_fail(p->doc, p->node, p->err, "unknown filter '%s' (known: %s)", name, known);
}

static enum tacit_status parse_filter(const struct parser *p, struct tac_piece *piece,
                                      const char *text, size_t n)
{
    trim(&text, &n);
    char *name = tac_arena_strndup(p->arena, text, n, p->err);
    if (!name)
        return TACIT_EFAIL;
    if (piece->n_filter == TAC_TEMPLATE_FILTERS)
        return tac_yaml_fail(p->doc, p->node, p->err, "field '%s' has more than %d filters",
                             piece->text, TAC_TEMPLATE_FILTERS);
    struct tac_filter *f = &piece->filter[piece->n_filter++];
    f->map = p->maps ? tac_yaml_find(p->maps, name) : NULL;
    f->kind = TAC_FILTER_MAP;
    if (f->map)
        return TACIT_OK;
    for (int i = 0; i < TAC_FILTER_MAP; i++)
        if (strcmp(filter_names[i], name) == 0) {
            f->kind = (enum tac_filter_kind)i;
            return TACIT_OK;
        }
    return unknown_filter(p, name);
}

/* The n bytes between the braces: a path, then filters, each behind a bar. */
static enum tacit_status parse_field(const struct parser *p, struct tac_piece *piece,
                                     const char *text, size_t n)
{
    const char *bar = memchr(text, '|', n), *path = text;
    size_t length = bar ? (size_t)(bar - text) : n;
    trim(&path, &length);
    if (!length)
        return tac_yaml_fail(p->doc, p->node, p->err, "a field without a name: {{%.*s}}", (int)n,
                             text);
    piece->text = tac_arena_strndup(p->arena, path, length, p->err);
    enum tacit_status s = piece->text ? TACIT_OK : TACIT_EFAIL;
    piece->field = true;
    while (bar && !s) {
        const char *from = bar + 1;
        bar = memchr(from, '|', n - (size_t)(from - text));
        s = parse_filter(p, piece, from, bar ? (size_t)(bar - from) : n - (size_t)(from - text));
    }
    return s;
}

/* What was read as a field called prompt is the mark. */
static enum tacit_status take_mark(const struct parser *p, struct tac_piece *piece, bool again)
{
    if (piece->n_filter)
        return tac_yaml_fail(p->doc, p->node, p->err,
                             "the mark {{prompt}} takes no filters; a field called prompt is "
                             "written {{.prompt}}");
    if (again)
        return tac_yaml_fail(p->doc, p->node, p->err,
                             "the mark {{prompt}} stands there more than once; a field called "
                             "prompt is written {{.prompt}}");
    *piece = (struct tac_piece){.text = "", .mark = true};
    return TACIT_OK;
}

/* The piece that begins at *at; moves *at behind it. */
static enum tacit_status parse_piece(const struct parser *p, struct tac_piece *piece,
                                     const char **at)
{
    const char *open = strstr(*at, "{{"), *text = *at;
    if (open != text) {
        size_t n = open ? (size_t)(open - text) : strlen(text);
        *at += n;
        piece->text = tac_arena_strndup(p->arena, text, n, p->err);
        return piece->text ? TACIT_OK : TACIT_EFAIL;
    }
    const char *close = strstr(text, "}}");
    if (!close)
        return tac_yaml_fail(p->doc, p->node, p->err, "a field is not closed: '%.*s'",
                             (int)strcspn(text, "\n") < 40 ? (int)strcspn(text, "\n") : 40, text);
    *at = close + 2;
    return parse_field(p, piece, text + 2, (size_t)(close - text) - 2);
}

enum tacit_status tac_template_parse(struct tac_template *t, struct tac_arena *arena,
                                     const struct tac_yaml_doc *doc, const struct tac_yaml *node,
                                     const struct tac_yaml *maps, struct tacit_err *err)
{
    const struct parser p = {arena, doc, node, maps, err};
    size_t most = 1;
    *t = (struct tac_template){0};
    if (node->kind != TAC_YAML_SCALAR)
        return tac_yaml_fail(doc, node, err, "expected a text (a template)");
    for (const char *c = strstr(node->text, "{{"); c; c = strstr(c + 2, "{{"))
        most += 2;
    t->piece = tac_arena_alloc(arena, most, sizeof *t->piece, err);
    if (!t->piece)
        return TACIT_EFAIL;
    for (const char *at = node->text; *at; t->n++) {
        struct tac_piece *piece = &t->piece[t->n];
        enum tacit_status s = parse_piece(&p, piece, &at);
        if (!s && piece->field && strcmp(piece->text, "prompt") == 0)
            s = take_mark(&p, piece, t->marked);
        if (s)
            return s;
        t->marked |= piece->mark;
    }
    return TACIT_OK;
}

bool tac_template_has_fields(const struct tac_template *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->piece[i].field)
            return true;
    return false;
}

/* Cuts the text behind `from` to what stands between its white space, and a full stop at the end.
 */
static void trim_tail(struct tac_buf *out, size_t from, bool period)
{
    const char *s = out->data + from;
    size_t n = out->len - from;
    trim(&s, &n);
    if (period && n && s[n - 1] == '.')
        n--;
    memmove(out->data + from, s, n);
    out->len = from + n;
    out->data[out->len] = '\0';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void lower_first(char *s)
{
    bool pronoun = s[0] == 'I' && !is_letter(s[1]);
    if (*s >= 'A' && *s <= 'Z' && !pronoun)
        *s = (char)(*s - 'A' + 'a');
}

static enum tacit_status replace_tail(struct tac_buf *out, size_t from, const struct tac_yaml *map,
                                      const char *path, const struct tac_scope *scope,
                                      struct tacit_err *err)
{
    const struct tac_yaml *to = tac_yaml_find(map, out->data + from);
    if (!to)
        return tac_fail(err, TACIT_EINPUT,
                        "%s:%zu: field '%s': '%.60s' is not in the task's map '%s'", scope->file,
                        scope->row->line, path, out->data + from, map->key);
    out->len = from;
    return tac_buf_adds(out, to->text, err);
}

static enum tacit_status render_field(struct tac_buf *out, const struct tac_piece *p,
                                      const struct tac_scope *scope, struct tacit_err *err)
{
    size_t from = out->len;
    enum tacit_status s = tac_scope_text(out, scope, p->text, err);
    for (size_t i = 0; i < p->n_filter && !s; i++) {
        const struct tac_filter *f = &p->filter[i];
        if (f->kind == TAC_FILTER_MAP)
            s = replace_tail(out, from, f->map, p->text, scope, err);
        else if (f->kind == TAC_FILTER_LOWER_FIRST)
            lower_first(out->data + from);
        else
            trim_tail(out, from, f->kind == TAC_FILTER_NO_PERIOD);
    }
    return s;
}

enum tacit_status tac_template_render(struct tac_buf *out, size_t *mark,
                                      const struct tac_template *t, const struct tac_scope *scope,
                                      struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    size_t from = out->len, before = 0;
    for (size_t i = 0; i < t->n && !s; i++) {
        if (t->piece[i].mark)
            before = out->len - from;
        s = t->piece[i].field ? render_field(out, &t->piece[i], scope, err)
                              : tac_buf_adds(out, t->piece[i].text, err);
    }
    if (mark)
        *mark = before;
    return s;
}
