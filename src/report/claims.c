/* The table of claims: what was found, how sure it is, and where to look. */
#include "report/page.h"

#include <math.h>
#include <string.h>

/* Verdicts in the order of the tally; any other is shown as the third. */
static const struct {
    const char *verdict, *class, *sign;
} verdicts[] = {
    {"holds", "v-yes", "\xe2\x9c\x93"},
    {"does not hold", "v-no", "\xe2\x9c\x97"},
    {"cannot be told here", "v-open", "?"},
    {"by construction", "v-built", "="},
};

enum { VERDICTS = sizeof verdicts / sizeof *verdicts, OPEN = 2 };

static int verdict_of(const struct tac_rep_claim *c)
{
    for (int v = 0; v < VERDICTS; v++)
        if (strcmp(c->verdict, verdicts[v].verdict) == 0)
            return v;
    return OPEN;
}

static void write_tally(struct tac_out *o, const struct tac_rep *r)
{
    size_t n[VERDICTS] = {0};
    for (size_t i = 0; i < r->n_claims; i++)
        n[verdict_of(&r->claim[i])]++;
    tac_out_add(o, "<ul class=\"tally\">");
    for (int v = 0; v < VERDICTS; v++)
        tac_out_addf(o, "<li class=\"%s\"><b>%zu</b>%s</li>", verdicts[v].class, n[v],
                     verdicts[v].verdict);
    tac_out_add(o, "</ul>\n");
}

static void write_text(struct tac_out *o, const char *label, const char *text)
{
    tac_out_addf(o, "<td%s data-l=\"%s\">", *text ? "" : " class=\"empty\"", label);
    tac_out_text(o, text);
    tac_out_add(o, "</td>");
}

/* A number within a cell. */
static void write_number(struct tac_out *o, const char *field, double v, enum tac_rep_type type)
{
    tac_out_addf(o, "<span data-f=\"%s\"", field);
    tac_page_number(o, v, type);
    tac_out_add(o, "</span>");
}

static void write_estimate(struct tac_out *o, const struct tac_rep_claim *c)
{
    tac_out_addf(o, "<td class=\"num n%s\" data-l=\"Estimate\">",
                 isfinite(c->estimate) ? "" : " empty");
    write_number(o, "estimate", c->estimate, TAC_REP_NUMBER);
    if (isfinite(c->low) || isfinite(c->high)) {
        tac_out_add(o, "<small>");
        write_number(o, "low", c->low, TAC_REP_NUMBER);
        tac_out_add(o, " to ");
        write_number(o, "high", c->high, TAC_REP_NUMBER);
        tac_out_add(o, "</small>");
    }
    tac_out_addf(o, "</td><td class=\"num n%s\" data-l=\"p\">", isfinite(c->p) ? "" : " empty");
    write_number(o, "p", c->p, TAC_REP_P);
    if (isfinite(c->p_holm)) {
        tac_out_add(o, "<small>Holm ");
        write_number(o, "p_holm", c->p_holm, TAC_REP_P);
        tac_out_add(o, "</small>");
    }
    tac_out_add(o, "</td>");
}

static void write_claim(struct tac_out *o, const struct tac_rep *r, const struct tac_rep_claim *c)
{
    const struct tac_rep_table *t = tac_rep_find(r, c->figure);
    int v = verdict_of(c);
    tac_out_add(o, "<tr class=\"claim\" id=\"claim-");
    tac_out_text(o, c->id);
    tac_out_add(o, "\"><td class=\"finding\"><span class=\"claim-id\">");
    tac_out_text(o, c->id);
    tac_out_add(o, "</span> <b>");
    tac_out_text(o, c->finding);
    tac_out_add(o, "</b><small>");
    tac_out_text(o, c->note);
    tac_out_add(o, "</small></td>");
    write_text(o, "Estimator", c->estimator);
    write_estimate(o, c);
    write_text(o, "Control", c->control);
    tac_out_addf(o, "<td><span class=\"verdict %s\">%s ", verdicts[v].class, verdicts[v].sign);
    tac_out_text(o, c->verdict);
    tac_out_addf(o, "</span></td><td%s>", t ? "" : " class=\"empty\"");
    if (t) {
        tac_out_addf(o, "<a href=\"#%s\">", t->name);
        tac_out_text(o, t->title);
        tac_out_add(o, "</a>");
    }
    tac_out_add(o, "</td></tr>\n");
}

/* A body a part, in the order of the claims. */
static void write_bodies(struct tac_out *o, const struct tac_rep *r)
{
    for (size_t i = 0; i < r->n_claims; i++) {
        if (!i || strcmp(r->claim[i].part, r->claim[i - 1].part) != 0) {
            tac_out_addf(o, "%s<tbody><tr><th colspan=\"7\" scope=\"rowgroup\">",
                         i ? "</tbody>" : "");
            tac_out_text(o, r->claim[i].part);
            tac_out_add(o, "</th></tr>\n");
        }
        write_claim(o, r, &r->claim[i]);
    }
    tac_out_add(o, r->n_claims ? "</tbody>" : "");
}

void tac_page_claims(struct tac_out *o, const struct tac_rep *r)
{
    tac_out_add(o,
                "<section id=\"claims\"><h2>Claims</h2>\n<p class=\"lead\">Each finding with its "
                "estimate, 95 % interval, test, and the control that it must pass.</p>\n");
    if (r->n_claims) {
        write_tally(o, r);
        tac_out_add(o,
                    "<div class=\"block claims\"><div class=\"scroll\" tabindex=\"0\" "
                    "role=\"region\" aria-label=\"Table: claims\"><table><thead><tr>"
                    "<th scope=\"col\">Finding</th><th scope=\"col\">Estimator</th>"
                    "<th scope=\"col\" class=\"n\">Estimate, 95 %</th>"
                    "<th scope=\"col\" class=\"n\">p</th><th scope=\"col\">Control</th>"
                    "<th scope=\"col\">Verdict</th><th scope=\"col\">Figure</th></tr></thead>\n");
        write_bodies(o, r);
        tac_out_add(o,
                    "</table></div>\n<p class=\"files\">All of it: <a href=\"tables/claims.tsv\">"
                    "claims.tsv</a></p></div>\n");
    } else {
        tac_out_add(o, "<p>The store has none.</p>\n");
    }
    tac_out_add(o, "</section>\n");
}
