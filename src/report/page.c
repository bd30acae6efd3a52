#include "report/page.h"

#include "base/embedded.h"

#include <math.h>
#include <string.h>

#ifndef TAC_D3 /* the Makefile says where it is */
#define TAC_D3 "/usr/share/nodejs/d3/dist/d3.min.js"
#endif

TAC_EMBED(tac_embed_page_css, "src/report/page.css");
TAC_EMBED(tac_embed_page_js, "src/report/page.js");
TAC_EMBED(tac_embed_d3, TAC_D3);
TAC_EMBED(tac_embed_d3_license, "src/report/d3.txt");

/* Parts in the order of the page; tables of any other part come behind them. */
static const struct {
    const char *name, *title, *lead;
} parts[] = {
    {"sweep", "Sweep",
     "What settings come to: chosen by the validation split, reported on another."},
    {"accuracy", "Accuracy",
     "How well trained prompts do, beside what they must be compared with."},
    {"reading", "Reading", "What the trained tokens are nearest to, and what they do."},
    {"stochasticity", "Stochasticity",
     "How much of a result is chance: runs, their distances, and the way between them."},
    {"transfer", "Transfer", "Every prompt on every task, and whether alike prompts do alike."},
    {"", "Further tables", "What belongs to no other part."},
};

enum { PARTS = sizeof parts / sizeof *parts };

static size_t part_of(const struct tac_rep_table *t)
{
    size_t p = 0;
    while (p + 1 < PARTS && strcmp(parts[p].name, t->part) != 0)
        p++;
    return p;
}

static bool has_part(const struct tac_rep *r, size_t p)
{
    for (size_t i = 0; i < r->n_tables; i++)
        if (part_of(&r->table[i]) == p)
            return true;
    return false;
}

/* ---- head ---- */

static const char *study_name(const struct tac_rep *r)
{
    static const char *const keys[] = {"study", "name"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *s = tac_rep_meta(r, keys[i]);
        if (s && *s && strlen(s) < 120 && !strchr(s, '\n'))
            return s;
    }
    return "A study";
}

/* Scripts and styles are those that were written here, by their hashes, and nothing is fetched. */
static void write_policy(struct tac_out *o, const struct tac_out *style)
{
    char hash[64];
    tac_out_add(o, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "base-uri 'none'; form-action 'none'; img-src data:; style-src '");
    tac_sha256(hash, style->b.data ? style->b.data : "", style->b.len);
    tac_out_addf(o, "%s'; script-src '", hash);
    tac_sha256(hash, tac_embed_d3, strlen((const char *)tac_embed_d3));
    tac_out_addf(o, "%s' '", hash);
    tac_sha256(hash, tac_embed_page_js, strlen((const char *)tac_embed_page_js));
    tac_out_addf(o, "%s'\">\n", hash);
}

static void write_head(struct tac_out *o, const struct tac_rep *r)
{
    struct tac_out style = {0};
    tac_out_add(&style, tac_fig_css());
    tac_out_add(&style, (const char *)tac_embed_page_css);
    if (style.bad.status && !o->bad.status)
        o->bad = style.bad;
    tac_out_add(o, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    write_policy(o, &style);
    tac_out_add(o, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"generator\" content=\"tacit\">\n"
                   "<link rel=\"icon\" href=\"data:,\">\n<title>");
    tac_out_text(o, study_name(r));
    tac_out_add(o, "</title>\n<style>");
    tac_out_bytes(o, style.b.data, style.b.len);
    tac_out_add(o, "</style>\n</head>\n");
    tac_out_release(&style);
}

static void write_fact(struct tac_out *o, const char *label, const char *text)
{
    if (!text || !*text || strlen(text) > 120 || strchr(text, '\n'))
        return;
    tac_out_addf(o, "<li>%s <b>", label);
    tac_out_text(o, text);
    tac_out_add(o, "</b></li>");
}

static void write_tasks(struct tac_out *o, const struct tac_rep *r)
{
    if (!r->n_tasks)
        return;
    tac_out_add(o, "<ul class=\"tasks\" aria-label=\"Tasks and their colours\">");
    for (size_t i = 0; i < r->n_tasks; i++) {
        tac_out_addf(o, "<li data-pick=\"%zu\"><span class=\"swatch t%zu\"></span>", i, i % 12);
        tac_out_text(o, r->task[i].name);
        tac_out_add(o, "</li>");
    }
    tac_out_add(o, "</ul>\n");
}

static void write_top(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(o,
                "<body>\n<a class=\"skip\" href=\"#claims\">Skip to the claims</a>\n"
                "<header class=\"wide top\"><p class=\"eyebrow\">Soft prompts, trained, read and "
                "compared</p>\n<h1>");
    tac_out_text(o, study_name(r));
    tac_out_add(o, "</h1>\n<ul class=\"facts\">");
    write_fact(o, "Model", tac_rep_meta(r, "model"));
    tac_out_addf(o, "<li>Tasks <b>%zu</b></li>", r->n_tasks);
    write_fact(o, "tacit", tac_rep_meta(r, "version"));
    write_fact(o, "Date", tac_rep_meta(r, "date"));
    tac_out_add(o, "</ul>\n");
    write_tasks(o, r);
    tac_out_add(o, "</header>\n<nav class=\"bar-top\" aria-label=\"Parts\"><div class=\"wide\">"
                   "<a href=\"#claims\">Claims</a>");
    for (size_t p = 0; p < PARTS; p++)
        if (has_part(r, p))
            tac_out_addf(o, "<a href=\"#part-%s\">%s</a>",
                         *parts[p].name ? parts[p].name : "further", parts[p].title);
    tac_out_add(
        o, "<a href=\"#reproduction\">Reproduction</a>"
           "<button type=\"button\" class=\"theme\" aria-label=\"Switch between light and dark\">"
           "Dark</button></div></nav>\n");
}

/* ---- blocks: a table with its figure ---- */

static bool has_switch(const char *name)
{
    static const char *const names[] = {"layout", "distances", "transfer", "similarity", "drift"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void write_figure(struct tac_out *o, const struct tac_rep_table *t, const struct tac_fig *f)
{
    tac_out_addf(o, "<figure><div class=\"panels\"%s>\n",
                 has_switch(t->name) ? " data-switch=\"\"" : "");
    for (size_t i = 0; i < f->n; i++) {
        const struct tac_panel *p = &f->panel[i];
        tac_out_addf(o, "<svg class=\"fig\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
                     p->w, p->h);
        tac_out_text(o, p->title);
        tac_out_add(o, "\">\n");
        tac_out_bytes(o, f->o.b.data + p->from, p->to - p->from);
        tac_out_add(o, "</svg>\n");
    }
    tac_out_add(o, "</div></figure>\n");
}

/* The claims that this table is the evidence of. */
static void write_mentions(struct tac_out *o, const struct tac_rep *r,
                           const struct tac_rep_table *t)
{
    bool first = true;
    for (size_t i = 0; i < r->n_claims; i++) {
        if (strcmp(r->claim[i].figure, t->name) != 0)
            continue;
        tac_out_add(o, first ? "<p class=\"mentions\">Evidence for " : ", ");
        tac_out_add(o, "<a href=\"#claim-");
        tac_out_text(o, r->claim[i].id);
        tac_out_add(o, "\">");
        tac_out_text(o, r->claim[i].id);
        tac_out_add(o, "</a>");
        first = false;
    }
    tac_out_add(o, first ? "" : "</p>\n");
}

static void write_files(struct tac_out *o, const struct tac_rep_table *t, bool drawn)
{
    tac_out_add(o, "<p class=\"files\">Files: ");
    if (drawn)
        tac_out_addf(o, "<a href=\"figures/%s.svg\">%s.svg</a>, ", t->name, t->name);
    tac_out_addf(o, "<a href=\"tables/%s.tsv\">%s.tsv</a></p>\n", t->name, t->name);
}

static void write_paragraph(struct tac_out *o, const char *class, const char *text)
{
    if (!*text)
        return;
    tac_out_addf(o, "<p class=\"%s\">", class);
    tac_out_text(o, text);
    tac_out_add(o, "</p>\n");
}

/* How many rows of a table the page shows at most, so that it stays small; the files have all. */
static size_t most_rows(const struct tac_rep *r)
{
    enum { CELLS = 24000 };
    static const size_t most[] = {2000, 1000, 500, 250, 120};
    size_t k = 0, cells = CELLS + 1;
    for (; cells > CELLS && k < sizeof most / sizeof *most; k++) {
        cells = 0;
        for (size_t i = 0; i < r->n_tables; i++)
            cells += (r->table[i].n < most[k] ? r->table[i].n : most[k]) * r->table[i].n_columns;
    }
    return most[k - 1];
}

static void write_block(struct tac_out *o, const struct tac_rep *r, const struct tac_rep_table *t,
                        const struct tac_fig *f)
{
    bool drawn = f->n > 0, main = strcmp(t->name, "accuracy") == 0;
    bool beside = f->n == 1 || (drawn && main), open = beside || !drawn;
    bool is_short = t->n <= 40;
    tac_out_addf(o, "<section class=\"block\" id=\"%s\"><h3>", t->name);
    tac_out_text(o, t->title);
    tac_out_add(o, "</h3>\n");
    write_paragraph(o, "note", t->note);
    if (drawn)
        write_paragraph(o, "caption", tac_figure_of(t)->caption);
    write_mentions(o, r, t);
    if (beside)
        tac_out_addf(o, "<div class=\"beside%s\">\n", f->n > 1 ? " many" : "");
    if (drawn)
        write_figure(o, t, f);
    tac_out_addf(o, "<details%s%s><summary>Table, %zu %s</summary>\n", open ? " open=\"\"" : "",
                 is_short ? " data-short=\"\"" : "", t->n, t->n == 1 ? "row" : "rows");
    tac_table_html(o, t, most_rows(r));
    tac_out_add(o, beside ? "</details></div>\n" : "</details>\n");
    write_files(o, t, drawn);
    tac_out_add(o, "</section>\n");
}

static void write_part(struct tac_out *o, const struct tac_rep *r, const struct tac_fig *fig,
                       size_t p)
{
    tac_out_addf(o, "<section id=\"part-%s\"><h2>%s</h2>\n<p class=\"lead\">%s</p>\n",
                 *parts[p].name ? parts[p].name : "further", parts[p].title, parts[p].lead);
    for (size_t i = 0; i < r->n_tables; i++)
        if (part_of(&r->table[i]) == p)
            write_block(o, r, &r->table[i], &fig[i]);
    tac_out_add(o, "</section>\n");
}

/* ---- reproduction ---- */

static void write_task_row(struct tac_out *o, const struct tac_rep_task *t)
{
    const double n[] = {(double)t->train, (double)t->validation, (double)t->test};
    tac_out_add(o, "<tr><td>");
    tac_out_text(o, t->name);
    tac_out_add(o, "</td><td>");
    tac_out_text(o, t->description);
    for (int i = 0; i < 3; i++) {
        tac_out_add(o, "</td><td class=\"n\"");
        tac_page_number(o, n[i], TAC_REP_NUMBER);
    }
    tac_out_add(o, "</td><td class=\"n\"");
    tac_page_number(o, t->majority, TAC_REP_SHARE);
    tac_out_add(o, "</td></tr>\n");
}

static void write_meta(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(
        o, "<div class=\"block meta\" id=\"meta\"><h3>Settings, versions, machine</h3>\n"
           "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: settings\">"
           "<table><tbody>\n");
    for (size_t i = 0; i < r->n_meta; i++) {
        const char *value = r->meta[i].value;
        bool block = strchr(value, '\n') || strlen(value) > 200;
        tac_out_add(o, "<tr><td>");
        tac_out_text(o, r->meta[i].key);
        /* A parser drops a line break that follows the tag. */
        tac_out_add(o, block ? "</td><td><pre>\n" : "</td><td>");
        tac_out_text(o, value);
        tac_out_add(o, block ? "</pre></td></tr>\n" : "</td></tr>\n");
    }
    tac_out_add(
        o, "</tbody></table></div>\n<p class=\"files\">Files: <a href=\"tables/meta.tsv\">meta.tsv"
           "</a></p></div>\n");
}

static void write_reproduction(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(
        o,
        "<section id=\"reproduction\"><h2>Reproduction</h2>\n<p class=\"lead\">What the study ran "
        "on. The same settings, model and data give the same bytes, on any number of threads.</p>\n"
        "<div class=\"block\" id=\"tasks\"><h3>Tasks</h3>\n<div class=\"scroll\" tabindex=\"0\" "
        "role=\"region\" aria-label=\"Table: tasks\"><table class=\"data\" data-name=\"tasks\"><thead>"
        "<tr><th scope=\"col\">Task</th><th scope=\"col\">Description</th>"
        "<th scope=\"col\" class=\"n\">Train</th><th scope=\"col\" class=\"n\">Validation</th>"
        "<th scope=\"col\" class=\"n\">Test</th><th scope=\"col\" class=\"n\">Majority class</th></tr>"
        "</thead><tbody>\n");
    for (size_t i = 0; i < r->n_tasks; i++)
        write_task_row(o, &r->task[i]);
    tac_out_add(
        o,
        "</tbody></table></div>\n<p class=\"files\">Files: <a href=\"tables/tasks.tsv\">tasks.tsv</a>"
        "</p></div>\n");
    write_meta(o, r);
    tac_out_add(o, "</section>\n");
}

void tac_page(struct tac_out *o, const struct tac_rep *r, const struct tac_fig *fig)
{
    write_head(o, r);
    write_top(o, r);
    tac_out_add(o, "<main class=\"wide\">\n");
    tac_page_claims(o, r);
    for (size_t p = 0; p < PARTS; p++)
        if (has_part(r, p))
            write_part(o, r, fig, p);
    write_reproduction(o, r);
    tac_out_addf(
        o,
        "</main>\n<footer class=\"wide\">Written by tacit %s. Interaction: D3 5 by Mike Bostock, "
        "BSD 3-clause licence. Point at a mark, or reach it by Tab and arrow keys; Enter keeps a "
        "prompt chosen in all figures, Esc lets it go.</footer>\n<!--\n",
        TACIT_VERSION);
    tac_out_add(o, (const char *)tac_embed_d3_license);
    tac_out_add(o, "-->\n<script>");
    tac_out_add(o, (const char *)tac_embed_d3);
    tac_out_add(o, "</script>\n<script>");
    tac_out_add(o, (const char *)tac_embed_page_js);
    tac_out_add(o, "</script>\n</body>\n</html>\n");
}
