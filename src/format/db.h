/* SQLite: a database file that tables of numbers are kept in. Statements are prepared, bound and
 * stepped; every failure names the file. */
#ifndef TAC_FORMAT_DB_H
#define TAC_FORMAT_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

/* An open database. A zeroed struct is closed. Belongs to one thread at a time. */
struct tac_db {
    struct sqlite3 *db;
    char *path;
};

enum tac_db_mode { TAC_DB_READ, TAC_DB_WRITE /* created where it is not there */ };

/* tac_db_open: application: what the file's application_id must be (that of a new file is set). A
 * committed transaction survives a kill and a power failure. Errors: no file, not a database,
 * another application's. */
enum tacit_status tac_db_open(struct tac_db *d, const char *path, enum tac_db_mode mode,
                              int32_t application, struct tacit_err *err) TAC_MUST_USE;
void tac_db_close(struct tac_db *d);
const char *tac_db_version(void); /* SQLite's */

/* tac_db_exec: statements without results, separated by semicolons. */
enum tacit_status tac_db_exec(struct tac_db *d, const char *sql,
                              struct tacit_err *err) TAC_MUST_USE;
/* tac_db_end: ends what tac_db_exec("BEGIN") began: commits where s is TACIT_OK, else rolls back
 * and returns s. */
enum tacit_status tac_db_end(struct tac_db *d, enum tacit_status s, struct tacit_err *err);

/* One statement at work:
 *     struct tac_select r = tac_select_begin(d, "SELECT a FROM t WHERE b = ? AND c = ?", "ti", "x",
 * 3); while (tac_select_next(&r)) use(tac_select_text(&r, 0)); s = tac_select_end(&r, err); kinds:
 * a letter an argument: t const char * (NULL is null), i int64_t, r double (NaN is null), b const
 * void * and size_t (NULL is null). Texts and blobs must live until the statement ends; what a
 * column gives lives until the next row. */
struct tac_select {
    struct tac_db *d;
    struct sqlite3_stmt *stmt;
    int code; /* SQLite's, of the first failure */
};

struct tac_select tac_select_begin(struct tac_db *d, const char *sql, const char *kinds, ...);
bool tac_select_next(struct tac_select *r);
enum tacit_status tac_select_end(struct tac_select *r, struct tacit_err *err) TAC_MUST_USE;

bool tac_select_null(const struct tac_select *r, int column);
const char *tac_select_text(const struct tac_select *r, int column); /* NULL where null */
int64_t tac_select_int(const struct tac_select *r, int column);
double tac_select_real(const struct tac_select *r, int column); /* NaN where null */
const void *tac_select_blob(const struct tac_select *r, int column, size_t *bytes);

/* tac_db_run: one statement without results, bound like tac_select_begin. */
#define tac_db_run(d, err, ...) tac_select_finish(tac_select_begin(d, __VA_ARGS__), err)
/* Steps to the end and ends. */
enum tacit_status tac_select_finish(struct tac_select r, struct tacit_err *err) TAC_MUST_USE;

#endif
