#include "report/store.h"

#include "format/db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A copy of column `c`; "" where null. */
static const char *take(struct tac_rep *r, const struct tac_select *q, int c, struct tacit_err *err)
{
    const char *s = tac_select_text(q, c);
    return tac_arena_strndup(&r->arena, s ? s : "", s ? strlen(s) : 0, err);
}

/* Copies n columns from number `first` on into what the pointers point to. */
static enum tacit_status take_all(struct tac_rep *r, const struct tac_select *q, int first, int n,
                                  const char **const to[], struct tacit_err *err)
{
    for (int i = 0; i < n; i++) {
        *to[i] = take(r, q, first + i, err);
        if (!*to[i])
            return TACIT_EFAIL;
    }
    return TACIT_OK;
}

/* ---- result ---- */

static enum tacit_status type_of(enum tac_rep_type *out, const char *name, const char *where,
                                 struct tacit_err *err)
{
    static const char *const names[] = {"text", "number", "share", "p"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum tac_rep_type)i;
            return TACIT_OK;
        }
    return tac_fail(err, TACIT_EINPUT,
                    "%s: field 'type': expected text, number, share or p, found \"%s\"", where,
                    name);
}

static enum tacit_status read_columns(struct tac_rep *r, struct tac_rep_table *t, const char *where,
                                      struct tacit_err *err)
{
    if (!json_is_array(t->columns) || json_array_size(t->columns) == 0)
        return tac_fail(err, TACIT_EINPUT, "%s: expected an array of columns", where);
    t->n_columns = json_array_size(t->columns);
    t->column = tac_arena_alloc(&r->arena, t->n_columns, sizeof *t->column, err);
    if (!t->column)
        return TACIT_EFAIL;
    for (size_t i = 0; i < t->n_columns; i++) {
        struct tac_rep_column *c = &t->column[i];
        const json_t *o = json_array_get(t->columns, i);
        const char *type;
        enum tacit_status s = tac_json_get_string(&c->name, o, "name", where, err);
        if (!s)
            s = tac_json_get_string(&c->title, o, "title", where, err);
        if (!s)
            s = tac_json_get_string(&type, o, "type", where, err);
        if (!s)
            s = type_of(&c->type, type, where, err);
        if (s)
            return s;
    }
    return TACIT_OK;
}

static bool fits(const json_t *v, enum tac_rep_type type)
{
    if (json_is_null(v))
        return true;
    return type == TAC_REP_TEXT ? json_is_string(v) : json_is_number(v) || json_is_boolean(v);
}

static enum tacit_status check_rows(struct tac_rep_table *t, const char *where,
                                    struct tacit_err *err)
{
    char found[80];
    if (!json_is_array(t->rows))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an array of arrays, found %s", where,
                        tac_json_describe(found, t->rows));
    t->n = json_array_size(t->rows);
    for (size_t i = 0; i < t->n; i++) {
        const json_t *row = json_array_get(t->rows, i);
        if (!json_is_array(row) || json_array_size(row) != t->n_columns)
            return tac_fail(err, TACIT_EINPUT, "%s: row %zu: expected an array of %zu cells", where,
                            i + 1, t->n_columns);
        for (size_t c = 0; c < t->n_columns; c++)
            if (!fits(json_array_get(row, c), t->column[c].type))
                return tac_fail(err, TACIT_EINPUT,
                                "%s: row %zu: column '%s': expected %s, found %s", where, i + 1,
                                t->column[c].name,
                                t->column[c].type == TAC_REP_TEXT ? "a text" : "a number",
                                tac_json_describe(found, json_array_get(row, c)));
    }
    return TACIT_OK;
}

static enum tacit_status read_json(json_t **out, const struct tac_select *q, int column,
                                   const char *where, struct tacit_err *err)
{
    const char *s = tac_select_text(q, column);
    return tac_json_parse(out, s ? s : "", s ? strlen(s) : 0, where, err);
}

/* The name becomes part of a file's name and of an anchor. */
static enum tacit_status check_name(const char *name, const char *path, struct tacit_err *err)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (n && !name[n] && n <= 64)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT,
                    "%s: table result: name \"%.80s\": expected 1 to 64 of a-z, 0-9, _ and -", path,
                    name);
}

static enum tacit_status read_table(struct tac_rep *r, const struct tac_select *q, const char *path,
                                    struct tacit_err *err)
{
    struct tac_buf where = {0};
    if (tac_grow(&r->table, &r->cap_tables, r->n_tables + 1, sizeof *r->table, err))
        return TACIT_EFAIL;
    struct tac_rep_table *t = &r->table[r->n_tables++];
    *t = (struct tac_rep_table){0};
    enum tacit_status s =
        take_all(r, q, 0, 4, (const char **const[]){&t->name, &t->part, &t->title, &t->note}, err);
    if (!s)
        s = check_name(t->name, path, err);
    if (!s)
        s = tac_buf_addf(&where, err, "%s: table result: '%s': columns", path, t->name);
    if (!s)
        s = read_json(&t->columns, q, 4, where.data, err);
    if (!s)
        s = read_columns(r, t, where.data, err);
    tac_buf_clear(&where);
    if (!s)
        s = tac_buf_addf(&where, err, "%s: table result: '%s': rows", path, t->name);
    if (!s)
        s = read_json(&t->rows, q, 5, where.data, err);
    if (!s)
        s = check_rows(t, where.data, err);
    tac_buf_release(&where);
    return s;
}

/* ---- claim, task, meta ---- */

static enum tacit_status read_claim(struct tac_rep *r, const struct tac_select *q, const char *path,
                                    struct tacit_err *err)
{
    (void)path;
    if (tac_grow(&r->claim, &r->cap_claims, r->n_claims + 1, sizeof *r->claim, err))
        return TACIT_EFAIL;
    struct tac_rep_claim *c = &r->claim[r->n_claims++];
    double *const to[] = {&c->estimate, &c->low, &c->high, &c->p, &c->p_holm};
    for (int i = 0; i < 5; i++)
        *to[i] = tac_select_real(q, 8 + i);
    return take_all(r, q, 0, 8,
                    (const char **const[]){&c->id, &c->part, &c->finding, &c->estimator,
                                           &c->control, &c->verdict, &c->note, &c->figure},
                    err);
}

static enum tacit_status read_task(struct tac_rep *r, const struct tac_select *q, const char *path,
                                   struct tacit_err *err)
{
    (void)path;
    if (tac_grow(&r->task, &r->cap_tasks, r->n_tasks + 1, sizeof *r->task, err))
        return TACIT_EFAIL;
    struct tac_rep_task *t = &r->task[r->n_tasks++];
    t->train = tac_select_int(q, 2);
    t->validation = tac_select_int(q, 3);
    t->test = tac_select_int(q, 4);
    t->majority = tac_select_real(q, 5);
    return take_all(r, q, 0, 2, (const char **const[]){&t->name, &t->description}, err);
}

static enum tacit_status read_meta(struct tac_rep *r, const struct tac_select *q, const char *path,
                                   struct tacit_err *err)
{
    (void)path;
    if (tac_grow(&r->meta, &r->cap_meta, r->n_meta + 1, sizeof *r->meta, err))
        return TACIT_EFAIL;
    struct tac_rep_meta *m = &r->meta[r->n_meta++];
    return take_all(r, q, 0, 2, (const char **const[]){&m->key, &m->value}, err);
}

static enum tacit_status read_all(struct tac_rep *r, struct tac_db *d, struct tacit_err *err)
{
    static const struct {
        const char *sql;
        enum tacit_status (*read)(struct tac_rep *, const struct tac_select *, const char *,
                                  struct tacit_err *);
    } part[] = {
        {"SELECT name, part, title, note, columns, rows FROM result ORDER BY position, name",
         read_table},
        {"SELECT id, part, finding, estimator, control, verdict, note, figure, estimate, low, "
         "high, p, p_holm FROM claim ORDER BY position, id",
         read_claim},
        {"SELECT name, description, train, validation, test, majority FROM task "
         "ORDER BY position, name",
         read_task},
        {"SELECT key, value FROM meta ORDER BY key", read_meta},
    };
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; i < sizeof part / sizeof *part && !s; i++) {
        struct tac_select q = tac_select_begin(d, part[i].sql, "");
        while (!s && tac_select_next(&q))
            s = part[i].read(r, &q, d->path, err);
        enum tacit_status ended = tac_select_end(&q, s ? NULL : err);
        s = s ? s : ended;
    }
    return s;
}

static enum tacit_status check_table(struct tac_db *d, const char *name, struct tacit_err *err)
{
    struct tac_select q = tac_select_begin(
        d, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", "t", name);
    bool found = tac_select_next(&q);
    enum tacit_status s = tac_select_end(&q, err);
    if (!s && !found)
        s = tac_fail(err, TACIT_EINPUT, "%s: there is no table '%s'", d->path, name);
    return s;
}

static enum tacit_status check_version(struct tac_db *d, struct tacit_err *err)
{
    static const char *const tables[] = {"result", "claim", "task", "meta"};
    struct tac_select q = tac_select_begin(d, "PRAGMA user_version", "");
    int64_t found = tac_select_next(&q) ? tac_select_int(&q, 0) : 0;
    enum tacit_status s = tac_select_end(&q, err);
    if (!s && found != TAC_REP_VERSION)
        s = tac_fail(err, TACIT_EINPUT, "%s: a store of version %lld, this program reads %d",
                     d->path, (long long)found, TAC_REP_VERSION);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !s; i++)
        s = check_table(d, tables[i], err);
    return s;
}

enum tacit_status tac_rep_load(struct tac_rep *r, const char *path, struct tacit_err *err)
{
    struct tac_db d;
    *r = (struct tac_rep){0};
    enum tacit_status s = tac_db_open(&d, path, TAC_DB_READ, TAC_REP_APPLICATION, err);
    if (s)
        return s;
    s = check_version(&d, err);
    /* One transaction: a study that goes on meanwhile does not mix two states. */
    if (!s)
        s = tac_db_exec(&d, "BEGIN", err);
    if (!s)
        s = tac_db_end(&d, read_all(r, &d, err), err);
    tac_db_close(&d);
    if (s)
        tac_rep_release(r);
    return s;
}

void tac_rep_release(struct tac_rep *r)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        json_decref(r->table[i].columns);
        json_decref(r->table[i].rows);
    }
    free(r->table);
    free(r->claim);
    free(r->task);
    free(r->meta);
    tac_arena_release(&r->arena);
    *r = (struct tac_rep){0};
}

/* ---- looking things up ---- */

const struct tac_rep_table *tac_rep_find(const struct tac_rep *r, const char *name)
{
    for (size_t i = 0; i < r->n_tables; i++)
        if (strcmp(r->table[i].name, name) == 0)
            return &r->table[i];
    return NULL;
}

int tac_rep_column(const struct tac_rep_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i].name, name) == 0)
            return (int)i;
    return -1;
}

int tac_rep_task(const struct tac_rep *r, const char *name)
{
    for (size_t i = 0; i < r->n_tasks; i++)
        if (strcmp(r->task[i].name, name) == 0)
            return (int)i;
    return -1;
}

int tac_rep_task_of(const struct tac_rep *r, const char *key)
{
    size_t n = strcspn(key, "/");
    for (size_t i = 0; i < r->n_tasks; i++)
        if (strncmp(r->task[i].name, key, n) == 0 && !r->task[i].name[n])
            return (int)i;
    return -1;
}

const char *tac_rep_meta(const struct tac_rep *r, const char *key)
{
    for (size_t i = 0; i < r->n_meta; i++)
        if (strcmp(r->meta[i].key, key) == 0)
            return r->meta[i].value;
    return NULL;
}

const json_t *tac_rep_cell(const struct tac_rep_table *t, size_t row, size_t column)
{
    return json_array_get(json_array_get(t->rows, row), column);
}

double tac_rep_value(const json_t *cell)
{
    if (json_is_boolean(cell))
        return json_is_true(cell);
    return json_is_number(cell) ? json_number_value(cell) : (double)NAN;
}

double tac_rep_num(const struct tac_rep_table *t, size_t row, const char *column)
{
    int c = tac_rep_column(t, column);
    return c < 0 ? (double)NAN : tac_rep_value(tac_rep_cell(t, row, (size_t)c));
}

const char *tac_rep_text(const struct tac_rep_table *t, size_t row, const char *column)
{
    int c = tac_rep_column(t, column);
    const char *s = c < 0 ? NULL : json_string_value(tac_rep_cell(t, row, (size_t)c));
    return s ? s : "";
}
