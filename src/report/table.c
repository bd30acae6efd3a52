#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- HTML ---- */

void tac_page_number(struct tac_out *o, double v, enum tac_rep_type type)
{
    char shown[48], full[32];
    tac_rep_show(shown, v, type);
    if (isfinite(v) && strcmp(shown, tac_json_number(full, v)) != 0) {
        /* 3.0 is a real's way of saying 3. */
        size_t n = strlen(full);
        if (n > 2 && strcmp(full + n - 2, ".0") == 0)
            full[n - 2] = '\0';
        if (strcmp(shown, full) != 0)
            tac_out_addf(o, " title=\"%s\"", full);
    }
    tac_out_add(o, ">");
    tac_out_text(o, shown);
}

static void write_cell(struct tac_out *o, const struct tac_rep_column *c, const json_t *cell)
{
    if (c->type == TAC_REP_TEXT) {
        tac_out_add(o, "<td>");
        tac_out_text(o, json_is_string(cell) ? json_string_value(cell) : "\xe2\x80\x93");
    } else if (json_is_boolean(cell)) {
        tac_out_add(o, json_is_true(cell) ? "<td class=\"n\" title=\"1\">yes"
                                          : "<td class=\"n\" title=\"0\">no");
    } else {
        tac_out_add(o, "<td class=\"n\"");
        tac_page_number(o, tac_rep_value(cell), c->type);
    }
}

/* The prompt that a row is about, so that it is marked with the marks of figures. */
static void write_row_key(struct tac_out *o, const struct tac_rep_table *t, size_t i)
{
    char buf[256];
    const char *key = tac_rep_text(t, i, "prompt");
    if (tac_rep_column(t, "prompt") < 0) {
        const char *method = tac_rep_text(t, i, tac_rep_column(t, "kind") < 0 ? "method" : "kind");
        double seed = tac_rep_num(t, i, "seed");
        if (!isfinite(seed) || tac_rep_column(t, "task") < 0)
            return;
        if (!*method)
            method = strcmp(t->name, "wayward") == 0 ? "wayward" : "prompt";
        key = tac_key(buf, tac_rep_text(t, i, "task"), method, seed);
    }
    tac_out_add(o, " data-prompt=\"");
    tac_out_text(o, key);
    tac_out_add(o, "\"");
}

void tac_table_html(struct tac_out *o, const struct tac_rep_table *t, size_t most)
{
    size_t n = t->n < most ? t->n : most;
    tac_out_add(o, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: ");
    tac_out_text(o, t->title);
    tac_out_addf(o, "\"><table class=\"data\" data-name=\"%s\"><thead><tr>", t->name);
    for (size_t c = 0; c < t->n_columns; c++) {
        tac_out_addf(o, "<th scope=\"col\"%s>",
                     t->column[c].type == TAC_REP_TEXT ? "" : " class=\"n\"");
        tac_out_text(o, t->column[c].title);
        tac_out_add(o, "</th>");
    }
    tac_out_add(o, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        tac_out_add(o, "<tr");
        write_row_key(o, t, i);
        tac_out_add(o, ">");
        for (size_t c = 0; c < t->n_columns; c++)
            write_cell(o, &t->column[c], tac_rep_cell(t, i, c));
        tac_out_add(o, "</tr>\n");
    }
    tac_out_add(o, "</tbody></table></div>\n");
    if (n < t->n)
        tac_out_addf(
            o,
            "<p class=\"files\">The first %zu of %zu rows; all are in <a href=\"tables/%s.tsv\">%s.tsv</a>.</p>\n",
            n, t->n, t->name, t->name);
}

/* ---- TSV ---- */

static void tsv_number(struct tac_out *o, double v)
{
    char buf[32];
    if (isfinite(v))
        tac_out_add(o, tac_json_number(buf, v));
}

static void tsv_cell(struct tac_out *o, const json_t *cell)
{
    if (json_is_string(cell))
        tac_out_tsv(o, json_string_value(cell));
    else if (json_is_integer(cell))
        tac_out_addf(o, "%lld", (long long)json_integer_value(cell));
    else if (json_is_boolean(cell))
        tac_out_add(o, json_is_true(cell) ? "1" : "0");
    else
        tsv_number(o, tac_rep_value(cell));
}

void tac_table_tsv(struct tac_out *o, const struct tac_rep_table *t)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        tac_out_add(o, c ? "\t" : "");
        tac_out_tsv(o, t->column[c].name);
    }
    tac_out_add(o, "\n");
    for (size_t i = 0; i < t->n; i++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            tac_out_add(o, c ? "\t" : "");
            tsv_cell(o, tac_rep_cell(t, i, c));
        }
        tac_out_add(o, "\n");
    }
}

static void tsv_texts(struct tac_out *o, const char *const *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tac_out_add(o, i ? "\t" : "");
        tac_out_tsv(o, s[i]);
    }
}

void tac_claims_tsv(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(o, "id\tpart\tfinding\testimator\tcontrol\tverdict\tnote\tfigure\testimate\tlow\t"
                   "high\tp\tp_holm\n");
    for (size_t i = 0; i < r->n_claims; i++) {
        const struct tac_rep_claim *c = &r->claim[i];
        tsv_texts(o,
                  (const char *const[]){c->id, c->part, c->finding, c->estimator, c->control,
                                        c->verdict, c->note, c->figure},
                  8);
        const double v[] = {c->estimate, c->low, c->high, c->p, c->p_holm};
        for (int k = 0; k < 5; k++) {
            tac_out_add(o, "\t");
            tsv_number(o, v[k]);
        }
        tac_out_add(o, "\n");
    }
}

void tac_tasks_tsv(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(o, "name\tdescription\ttrain\tvalidation\ttest\tmajority\n");
    for (size_t i = 0; i < r->n_tasks; i++) {
        const struct tac_rep_task *t = &r->task[i];
        tsv_texts(o, (const char *const[]){t->name, t->description}, 2);
        tac_out_addf(o, "\t%lld\t%lld\t%lld\t", (long long)t->train, (long long)t->validation,
                     (long long)t->test);
        tsv_number(o, t->majority);
        tac_out_add(o, "\n");
    }
}

void tac_meta_tsv(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(o, "key\tvalue\n");
    for (size_t i = 0; i < r->n_meta; i++) {
        tsv_texts(o, (const char *const[]){r->meta[i].key, r->meta[i].value}, 2);
        tac_out_add(o, "\n");
    }
}
