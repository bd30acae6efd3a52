/* Tables: rows of named fields from JSONL (values of any kind, nested), CSV (RFC 4180, quotes may
 * hold newlines) and TSV (no quoting), told apart by the file's name. CSV and TSV begin with a
 * header line. */
#ifndef TAC_FORMAT_TABLE_H
#define TAC_FORMAT_TABLE_H

#include "format/json.h"

enum { TAC_TABLE_COLUMNS = 1024 };
/* The largest file that is read. */
#define TAC_TABLE_BYTES ((size_t)1 << 30)

struct tac_row {
    json_t *fields; /* an object; CSV and TSV give strings */
    size_t line;    /* where the row begins in its file, from 1 */
};

struct tac_table {
    struct tac_row *row;
    size_t n, cap;
};

/* tac_table_load: the rows of the file at path, at most `limit` (0: all; the rest is not looked
 * at). The text must be UTF-8 (a byte order mark is skipped), without NUL. A message names file and
 * line; a bad file is TACIT_EINPUT and leaves *t empty. */
enum tacit_status tac_table_load(struct tac_table *t, const char *path, size_t limit,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_table_parse: the same from memory; `name` stands for the path. */
enum tacit_status tac_table_parse(struct tac_table *t, const char *text, size_t n, const char *name,
                                  size_t limit, struct tacit_err *err) TAC_MUST_USE;
void tac_table_release(struct tac_table *t);

/* tac_field: the value that a dotted path names in v: "target.span1_text"; a number picks an
 * element of an array. A key that is spelt like the whole path comes first. NULL where there is
 * none. */
const json_t *tac_field(const json_t *v, const char *path);

#endif
