/* What a study found, read from its store whole: the tables `result`, `claim`, `task`, `meta`
 * (docs/STUDY.md). Everything is checked here, so that what draws meets sound tables alone. */
#ifndef TAC_REPORT_STORE_H
#define TAC_REPORT_STORE_H

#include "format/json.h"
#include "report/out.h"

/* The application_id and user_version of a study's store. */
enum { TAC_REP_APPLICATION = 0x74616369, TAC_REP_VERSION = 1 };

struct tac_rep_column {
    const char *name, *title;
    enum tac_rep_type type;
};

/* A finished table. Cells of a text column are strings or null, others numbers, true, false, null.
 */
struct tac_rep_table {
    const char *name, *part, *title, *note;
    struct tac_rep_column *column;
    size_t n_columns, n;
    json_t *columns, *rows;
};

struct tac_rep_claim {
    const char *id, *part, *finding, *estimator, *control, *verdict, *note, *figure;
    double estimate, low, high, p, p_holm; /* NaN where there is none */
};

struct tac_rep_task {
    const char *name, *description;
    int64_t train, validation, test;
    double majority;
};

struct tac_rep_meta {
    const char *key, *value;
};

/* Rows are in the order of their position; meta by key. Texts belong to the arena. */
struct tac_rep {
    struct tac_rep_table *table;
    struct tac_rep_claim *claim;
    struct tac_rep_task *task;
    struct tac_rep_meta *meta;
    size_t n_tables, n_claims, n_tasks, n_meta;
    size_t cap_tables, cap_claims, cap_tasks, cap_meta;
    struct tac_arena arena;
};

/* tac_rep_load: reads one state of the store at path. Errors: no such file, another application's,
 * another version's; a malformed table, by name. */
enum tacit_status tac_rep_load(struct tac_rep *r, const char *path,
                               struct tacit_err *err) TAC_MUST_USE;
void tac_rep_release(struct tac_rep *r);

/* NULL, -1 where there is none. */
const struct tac_rep_table *tac_rep_find(const struct tac_rep *r, const char *name);
int tac_rep_column(const struct tac_rep_table *t, const char *name);
int tac_rep_task(const struct tac_rep *r, const char *name);
const char *tac_rep_meta(const struct tac_rep *r, const char *key);

/* The cell of a row: NaN, "" where it is null, of the other kind, or there is no such column. */
double tac_rep_num(const struct tac_rep_table *t, size_t row, const char *column);
const char *tac_rep_text(const struct tac_rep_table *t, size_t row, const char *column);
const json_t *tac_rep_cell(const struct tac_rep_table *t, size_t row, size_t column);
double tac_rep_value(const json_t *cell);

/* The task that a prompt's key begins with ("entail/prompt/2"), -1 where it names none. */
int tac_rep_task_of(const struct tac_rep *r, const char *key);

#endif
