#include "format/table.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* A position in the text, with the number of its line. */
struct cursor {
    const char *text;
    size_t n, at, line;
    const char *name; /* of the file, for messages */
};

/* A record of a CSV or TSV file: its fields one after another, each followed by a NUL. */
struct record {
    struct tac_buf text;
    size_t end[TAC_TABLE_COLUMNS]; /* of field i in text, at its NUL */
    size_t n;
};

static const char *field_text(const struct record *r, size_t i)
{
    return r->text.data + (i ? r->end[i - 1] + 1 : 0);
}

static void record_clear(struct record *r)
{
    tac_buf_clear(&r->text);
    r->n = 0;
}

static enum tacit_status end_field(struct record *r, const struct cursor *c, struct tacit_err *err)
{
    if (r->n == TAC_TABLE_COLUMNS)
        return tac_fail(err, TACIT_EINPUT, "%s:%zu: has more than %d columns", c->name, c->line,
                        TAC_TABLE_COLUMNS);
    r->end[r->n++] = r->text.len;
    return tac_buf_add(&r->text, "", 1, err);
}

/* The end of the line at c, without its newline and carriage return; moves c to the next line. */
static size_t take_line(struct cursor *c)
{
    const char *from = c->text + c->at, *stop = memchr(from, '\n', c->n - c->at);
    size_t end = stop ? (size_t)(stop - c->text) : c->n, begin = c->at;
    c->at = stop ? end + 1 : end;
    c->line++;
    return end > begin && c->text[end - 1] == '\r' ? end - 1 : end;
}

static enum tacit_status take_tsv(struct record *r, struct cursor *c, struct tacit_err *err)
{
    struct cursor start = *c;
    size_t at = c->at, end = take_line(c);
    enum tacit_status s = TACIT_OK;
    while (!s) {
        const char *tab = memchr(c->text + at, '\t', end - at);
        size_t stop = tab ? (size_t)(tab - c->text) : end;
        s = tac_buf_add(&r->text, c->text + at, stop - at, err);
        if (!s)
            s = end_field(r, &start, err);
        if (!tab)
            break;
        at = stop + 1;
    }
    return s;
}

/* The text between the quotes at c, doubled quotes made single; moves c behind the closing quote.
 */
static enum tacit_status take_quoted(struct record *r, struct cursor *c, struct tacit_err *err)
{
    struct cursor start = *c;
    for (c->at++; c->at < c->n; c->at++) {
        char ch = c->text[c->at];
        if (ch == '"' && (c->at + 1 == c->n || c->text[c->at + 1] != '"')) {
            c->at++;
            return TACIT_OK;
        }
        c->at += ch == '"';
        c->line += ch == '\n';
        enum tacit_status s = tac_buf_add(&r->text, &ch, 1, err);
        if (s)
            return s;
    }
    return tac_fail(err, TACIT_EINPUT, "%s:%zu: the quote that opens here is never closed", c->name,
                    start.line);
}

static bool at_line_end(const struct cursor *c)
{
    const char *p = c->text + c->at;
    size_t left = c->n - c->at;
    return !left || *p == '\n' || (*p == '\r' && (left == 1 || p[1] == '\n'));
}

/* A quote inside an unquoted field stands for itself, as in Python's csv. */
static enum tacit_status take_csv_field(struct record *r, struct cursor *c, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    if (c->at < c->n && c->text[c->at] == '"') {
        s = take_quoted(r, c, err);
        if (!s && !at_line_end(c) && c->text[c->at] != ',')
            s = tac_fail(err, TACIT_EINPUT, "%s:%zu: expected a comma behind the closing quote",
                         c->name, c->line);
    } else {
        size_t from = c->at;
        while (!at_line_end(c) && c->text[c->at] != ',')
            c->at++;
        s = tac_buf_add(&r->text, c->text + from, c->at - from, err);
    }
    return s ? s : end_field(r, c, err);
}

static enum tacit_status take_csv(struct record *r, struct cursor *c, struct tacit_err *err)
{
    for (;;) {
        enum tacit_status s = take_csv_field(r, c, err);
        if (s)
            return s;
        if (at_line_end(c))
            break;
        c->at++;
    }
    take_line(c);
    return TACIT_OK;
}

static void skip_blank_lines(struct cursor *c)
{
    while (c->at < c->n && at_line_end(c))
        take_line(c);
}

static enum tacit_status check_header(const struct record *h, const struct cursor *c,
                                      struct tacit_err *err)
{
    for (size_t i = 0; i < h->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(field_text(h, i), field_text(h, k)) == 0)
                return tac_fail(err, TACIT_EINPUT, "%s:1: two columns are named '%s'", c->name,
                                field_text(h, i));
    return TACIT_OK;
}

/* Adds a row; takes fields over (NULL: out of memory). */
static enum tacit_status add_row(struct tac_table *t, json_t *fields, size_t line,
                                 struct tacit_err *err)
{
    enum tacit_status s = fields ? tac_grow(&t->row, &t->cap, t->n + 1, sizeof *t->row, err)
                                 : tac_fail_memory(err, sizeof *t->row);
    if (s)
        json_decref(fields);
    else
        t->row[t->n++] = (struct tac_row){fields, line};
    return s;
}

static enum tacit_status add_record(struct tac_table *t, const struct record *header,
                                    const struct record *r, const char *name, size_t line,
                                    struct tacit_err *err)
{
    if (r->n != header->n)
        return tac_fail(err, TACIT_EINPUT, "%s:%zu: has %zu fields, the header has %zu", name, line,
                        r->n, header->n);
    json_t *fields = json_object();
    for (size_t i = 0; fields && i < r->n; i++)
        if (json_object_set_new(fields, field_text(header, i), json_string(field_text(r, i)))) {
            json_decref(fields);
            fields = NULL;
        }
    return add_row(t, fields, line, err);
}

static enum tacit_status parse_columns(struct tac_table *t, struct cursor *c, size_t limit,
                                       enum tacit_status (*take)(struct record *, struct cursor *,
                                                                 struct tacit_err *),
                                       struct tacit_err *err)
{
    struct record *r = tac_alloc(2, sizeof *r, err), *header = r, *row = r ? r + 1 : NULL;
    if (!r)
        return TACIT_EFAIL;
    skip_blank_lines(c);
    enum tacit_status s = c->at < c->n ? take(header, c, err)
                                       : tac_fail(err, TACIT_EINPUT, "%s: has no header", c->name);
    if (!s)
        s = check_header(header, c, err);
    for (skip_blank_lines(c); !s && c->at < c->n && t->n < limit; skip_blank_lines(c)) {
        size_t line = c->line;
        record_clear(row);
        s = take(row, c, err);
        if (!s)
            s = add_record(t, header, row, c->name, line, err);
    }
    tac_buf_release(&header->text);
    tac_buf_release(&row->text);
    free(r);
    return s;
}

static enum tacit_status parse_jsonl(struct tac_table *t, struct cursor *c, size_t limit,
                                     struct tacit_err *err)
{
    for (skip_blank_lines(c); c->at < c->n && t->n < limit; skip_blank_lines(c)) {
        json_t *fields;
        size_t from = c->at, line = c->line, end = take_line(c);
        enum tacit_status s =
            tac_json_parse_at(&fields, c->text + from, end - from, c->name, line, err);
        if (!s && !json_is_object(fields)) {
            json_decref(fields);
            s = tac_fail(err, TACIT_EINPUT, "%s:%zu: expected an object, found an array", c->name,
                         line);
        }
        if (!s)
            s = add_row(t, fields, line, err);
        if (s)
            return s;
    }
    return TACIT_OK;
}

static enum tacit_status check_text(const struct cursor *c, struct tacit_err *err)
{
    size_t bad = tac_utf8_bad(c->text, c->n), line = 1;
    const char *nul = c->n ? memchr(c->text, '\0', bad) : NULL;
    if (nul)
        bad = (size_t)(nul - c->text);
    if (bad == c->n)
        return TACIT_OK;
    for (size_t i = 0; i < bad; i++)
        line += c->text[i] == '\n';
    return tac_fail(err, TACIT_EINPUT, nul ? "%s:%zu: holds a NUL byte" : "%s:%zu: is not UTF-8",
                    c->name, line);
}

enum tacit_status tac_table_parse(struct tac_table *t, const char *text, size_t n, const char *name,
                                  size_t limit, struct tacit_err *err)
{
    *t = (struct tac_table){0};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3, n -= 3;
    struct cursor c = {n ? text : "", n, 0, 1, name};
    if (!limit)
        limit = SIZE_MAX;
    enum tacit_status s = check_text(&c, err);
    if (s)
        return s;
    if (tac_ends_with(name, ".jsonl"))
        s = parse_jsonl(t, &c, limit, err);
    else if (tac_ends_with(name, ".csv"))
        s = parse_columns(t, &c, limit, take_csv, err);
    else if (tac_ends_with(name, ".tsv"))
        s = parse_columns(t, &c, limit, take_tsv, err);
    else
        s = tac_fail(err, TACIT_EINPUT, "%s: expected a name that ends in .jsonl, .csv or .tsv",
                     name);
    if (s)
        tac_table_release(t);
    return s;
}

enum tacit_status tac_table_load(struct tac_table *t, const char *path, size_t limit,
                                 struct tacit_err *err)
{
    struct tac_map map;
    *t = (struct tac_table){0};
    enum tacit_status s = tac_map_open(&map, path, err);
    if (s)
        return s;
    if (map.size > TAC_TABLE_BYTES)
        s = tac_fail(err, TACIT_EINPUT, "%s: has %zu bytes, at most %zu are read", path, map.size,
                     TAC_TABLE_BYTES);
    else
        s = tac_table_parse(t, (const char *)map.data, map.size, path, limit, err);
    tac_map_close(&map);
    return s;
}

void tac_table_release(struct tac_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        json_decref(t->row[i].fields);
    free(t->row);
    *t = (struct tac_table){0};
}

static const json_t *step(const json_t *v, const char *key, size_t n)
{
    int64_t i;
    char name[256];
    if (n >= sizeof name)
        return NULL;
    memcpy(name, key, n);
    name[n] = '\0';
    if (json_is_array(v))
        return tac_parse_i64(name, &i) && i >= 0 ? json_array_get(v, (size_t)i) : NULL;
    return json_object_get(v, name);
}

const json_t *tac_field(const json_t *v, const char *path)
{
    const json_t *whole = json_object_get(v, path);
    if (whole)
        return whole;
    while (v) {
        size_t n = strcspn(path, ".");
        v = step(v, path, n);
        if (!path[n])
            return v;
        path += n + 1;
    }
    return NULL;
}
