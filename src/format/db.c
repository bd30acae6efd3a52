#include "format/db.h"

#include "base/file.h"

#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUSY_MS = 10000 };

/* What SQLite says, with the file before it. */
static enum tacit_status fail_db(const struct tac_db *d, int code, struct tacit_err *err)
{
    bool input = code == SQLITE_NOTADB || code == SQLITE_CANTOPEN || code == SQLITE_READONLY ||
                 code == SQLITE_PERM || code == SQLITE_AUTH;
    if (code == SQLITE_NOMEM)
        return tac_fail_memory(err, 0);
    return tac_fail(err, input ? TACIT_EINPUT : TACIT_EFAIL, "%s: SQLite: %s", d->path,
                    d->db && sqlite3_errcode(d->db) == code ? sqlite3_errmsg(d->db)
                                                            : sqlite3_errstr(code));
}

enum tacit_status tac_db_exec(struct tac_db *d, const char *sql, struct tacit_err *err)
{
    int code = sqlite3_exec(d->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? TACIT_OK : fail_db(d, code, err);
}

static enum tacit_status pragma(int64_t *out, struct tac_db *d, const char *sql,
                                struct tacit_err *err)
{
    struct tac_select r = tac_select_begin(d, sql, "");
    *out = tac_select_next(&r) ? tac_select_int(&r, 0) : 0;
    return tac_select_end(&r, err);
}

/* A file of another application is refused; an empty one becomes this application's. */
static enum tacit_status check_application(struct tac_db *d, enum tac_db_mode mode,
                                           int32_t application, struct tacit_err *err)
{
    int64_t found, tables;
    char sql[64];
    enum tacit_status s = pragma(&found, d, "PRAGMA application_id", err);
    if (!s)
        s = pragma(&tables, d, "SELECT count(*) FROM sqlite_master", err);
    if (s || found == application)
        return s;
    if (found != 0 || tables != 0 || mode == TAC_DB_READ)
        return tac_fail(err, TACIT_EINPUT, "%s: an SQLite database, but not tacit's", d->path);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %ld", (long)application);
    return tac_db_exec(d, sql, err);
}

enum tacit_status tac_db_open(struct tac_db *d, const char *path, enum tac_db_mode mode,
                              int32_t application, struct tacit_err *err)
{
    int flags =
        mode == TAC_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    *d = (struct tac_db){0};
    if (tac_is_dir(path))
        return tac_fail(err, TACIT_EINPUT, "%s: a folder, not an SQLite database", path);
    d->path = tac_strdup(path, err);
    if (!d->path)
        return TACIT_EFAIL;
    int code = sqlite3_open_v2(path, &d->db, flags | SQLITE_OPEN_FULLMUTEX, NULL);
    enum tacit_status s = code == SQLITE_OK ? TACIT_OK : fail_db(d, code, err);
    if (!s && sqlite3_busy_timeout(d->db, BUSY_MS) != SQLITE_OK)
        s = fail_db(d, sqlite3_errcode(d->db), err);
    if (!s)
        s = tac_db_exec(d, "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL", err);
    if (!s)
        s = check_application(d, mode, application, err);
    if (s)
        tac_db_close(d);
    return s;
}

void tac_db_close(struct tac_db *d)
{
    sqlite3_close(d->db);
    free(d->path);
    *d = (struct tac_db){0};
}

const char *tac_db_version(void)
{
    return sqlite3_libversion();
}

enum tacit_status tac_db_end(struct tac_db *d, enum tacit_status s, struct tacit_err *err)
{
    if (!s)
        s = tac_db_exec(d, "COMMIT", err);
    if (s && !sqlite3_get_autocommit(d->db))
        sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
    return s;
}

static int bind(struct sqlite3_stmt *stmt, int at, char kind, va_list *ap)
{
    if (kind == 'i')
        return sqlite3_bind_int64(stmt, at, va_arg(*ap, int64_t));
    if (kind == 'r') {
        double v = va_arg(*ap, double);
        return isnan(v) ? sqlite3_bind_null(stmt, at) : sqlite3_bind_double(stmt, at, v);
    }
    if (kind == 't')
        return sqlite3_bind_text(stmt, at, va_arg(*ap, const char *), -1, SQLITE_STATIC);
    TAC_CHECK(kind == 'b');
    const void *bytes = va_arg(*ap, const void *);
    size_t n = va_arg(*ap, size_t);
    return bytes ? sqlite3_bind_blob64(stmt, at, bytes, n, SQLITE_STATIC)
                 : sqlite3_bind_null(stmt, at);
}

struct tac_select tac_select_begin(struct tac_db *d, const char *sql, const char *kinds, ...)
{
    struct tac_select r = {.d = d};
    va_list ap;
    r.code = sqlite3_prepare_v2(d->db, sql, -1, &r.stmt, NULL);
    va_start(ap, kinds);
    for (int i = 0; r.code == SQLITE_OK && kinds[i]; i++)
        r.code = bind(r.stmt, i + 1, kinds[i], &ap);
    va_end(ap);
    return r;
}

bool tac_select_next(struct tac_select *r)
{
    if (r->code != SQLITE_OK)
        return false;
    int code = sqlite3_step(r->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        r->code = code;
    return code == SQLITE_ROW;
}

enum tacit_status tac_select_end(struct tac_select *r, struct tacit_err *err)
{
    enum tacit_status s = r->code == SQLITE_OK ? TACIT_OK : fail_db(r->d, r->code, err);
    sqlite3_finalize(r->stmt);
    *r = (struct tac_select){0};
    return s;
}

enum tacit_status tac_select_finish(struct tac_select r, struct tacit_err *err)
{
    while (tac_select_next(&r))
        continue;
    return tac_select_end(&r, err);
}

bool tac_select_null(const struct tac_select *r, int column)
{
    return sqlite3_column_type(r->stmt, column) == SQLITE_NULL;
}

const char *tac_select_text(const struct tac_select *r, int column)
{
    return (const char *)sqlite3_column_text(r->stmt, column);
}

int64_t tac_select_int(const struct tac_select *r, int column)
{
    return sqlite3_column_int64(r->stmt, column);
}

double tac_select_real(const struct tac_select *r, int column)
{
    return tac_select_null(r, column) ? (double)NAN : sqlite3_column_double(r->stmt, column);
}

const void *tac_select_blob(const struct tac_select *r, int column, size_t *bytes)
{
    const void *p = sqlite3_column_blob(r->stmt, column);
    *bytes = (size_t)sqlite3_column_bytes(r->stmt, column);
    return p;
}
