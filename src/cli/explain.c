/* tacit explain: the nearest vocabulary tokens of a trained prompt. */
#include "cli.h"

#include <math.h>
#include <string.h>

static void json_field(const char *name, double v)
{
    printf(", \"%s\": ", name);
    cli_json_double(stdout, v);
}

static void json_view(const struct tacit_reading *r, int view)
{
    printf("{\"nearest\": [");
    for (size_t i = 0; i < r->k; i++) {
        const struct tacit_neighbor *n = &r->view[view].neighbor[i];
        printf("%s{\"id\": %d, \"text\": ", i ? ", " : "", n->id);
        cli_json_string(stdout, n->text, strlen(n->text));
        printf(", \"script\": \"%s\"", n->script);
        json_field("cosine", n->cosine);
        printf("}");
    }
    printf("]");
    json_field("margin", r->view[view].margin);
    json_field("z", r->view[view].z);
    json_field("init_cosine", r->view[view].init_cosine);
    if (r->view[view].init_rank)
        printf(", \"init_rank\": %zu", r->view[view].init_rank);
    else
        printf(", \"init_rank\": null");
    json_field("drift", r->view[view].drift);
    json_field("drift_ratio", r->view[view].drift_ratio);
    printf("}");
}

static void print_json(const struct tacit_explain *e)
{
    printf("{\"tokens\": [");
    for (size_t i = 0; i < tacit_explain_count(e); i++) {
        const struct tacit_reading *r = tacit_explain_get(e, i);
        printf("%s{\"init\": ", i ? ", " : "");
        cli_json_string(stdout, r->init_text, strlen(r->init_text));
        printf(", \"init_id\": %d, \"persisted\": %s, \"raw\": ", r->init_id,
               r->init_id < 0 ? "null"
               : r->persisted ? "true"
                              : "false");
        json_view(r, 0);
        printf(", \"normed\": ");
        json_view(r, 1);
        printf("}");
    }
    printf("]}\n");
}

/* A token's text for a table cell: control characters made visible, at most `width` columns or so.
 */
static void show_text(char *out, size_t size, const char *s)
{
    size_t at = 0;
    for (; *s && at + 5 < size; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\n' || c == '\t')
            at += (size_t)snprintf(out + at, size - at, c == '\n' ? "\\n" : "\\t");
        else if (c < 0x20 || c == 0x7f)
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
        else
            out[at++] = (char)c;
    }
    while (at && ((unsigned char)out[at - 1] & 0xc0) == 0x80 && *s)
        at--;
    out[at] = '\0';
}

static void print_tsv(const struct tacit_explain *e)
{
    printf(
        "token\tinit\tpersisted\tview\trank\tid\ttext\tscript\tcosine\tmargin\tz\tinit_rank\tdrift\n");
    for (size_t i = 0; i < tacit_explain_count(e); i++) {
        const struct tacit_reading *r = tacit_explain_get(e, i);
        char init[64], text[64];
        show_text(init, sizeof init, r->init_text);
        for (int v = 0; v < 2; v++)
            for (size_t k = 0; k < r->k; k++) {
                const struct tacit_neighbor *n = &r->view[v].neighbor[k];
                show_text(text, sizeof text, n->text);
                printf("%zu\t%s\t%d\t%s\t%zu\t%d\t%s\t%s\t%.6f\t%.6f\t%.3f\t%zu\t%.6f\n", i + 1,
                       init, r->persisted, v ? "normed" : "raw", k + 1, n->id, text, n->script,
                       n->cosine, r->view[v].margin, r->view[v].z, r->view[v].init_rank,
                       r->view[v].drift);
            }
    }
}

static void print_table(const struct tacit_explain *e)
{
    size_t kept = 0, known = 0, n = tacit_explain_count(e);
    printf("%3s  %-14s %5s %6s %6s %6s  %s\n", "", "init", "rank", "drift", "margin", "z",
           "nearest (cosine, script)");
    for (size_t i = 0; i < n; i++) {
        const struct tacit_reading *r = tacit_explain_get(e, i);
        char text[48];
        show_text(text, 20, r->init_id < 0 ? "?" : r->init_text);
        printf("%3zu%s %-14s %5zu %6.2f %6.3f %6.1f ", i + 1, r->persisted ? "=" : " ", text,
               r->view[0].init_rank, r->view[0].drift_ratio, r->view[0].margin, r->view[0].z);
        for (size_t k = 0; k < r->k; k++) {
            const struct tacit_neighbor *x = &r->view[0].neighbor[k];
            show_text(text, sizeof text, x->text);
            printf(" '%s' (%.3f, %s)", text, x->cosine, x->script);
        }
        printf("\n");
        kept += r->persisted != 0;
        known += r->init_id >= 0;
    }
    if (known)
        printf(
            "\n%zu of %zu tokens are still nearest to the word they started from (=). rank: of that word; "
            "drift: distance\nfrom it by its own length; z: of the margin against perturbed real rows.\n",
            kept, known);
}

int cli_explain(const struct cli_args *a)
{
    struct tacit_explain_options o = tacit_explain_options_default();
    struct tacit_model *m = NULL;
    struct tacit_adapter *adapter = NULL;
    struct tacit_explain *e = NULL;
    struct tacit_err err;
    if (!cli_need(a, "adapter") || !cli_size(a, "top", &o.k) ||
        !cli_size(a, "controls", &o.controls) || !cli_u64(a, "seed", &o.seed))
        return TACIT_EINPUT;
    int s = cli_open_model(a, &m);
    if (!s && (tacit_adapter_open(&adapter, cli_get(a, "adapter"), m, &err) ||
               tacit_explain(&e, m, adapter, &o, &err)))
        s = cli_fail(a, &err);
    if (!s && cli_has(a, "json"))
        print_json(e);
    else if (!s && cli_has(a, "tsv"))
        print_tsv(e);
    else if (!s)
        print_table(e);
    tacit_explain_free(e);
    tacit_adapter_close(adapter);
    tacit_model_close(m);
    return s;
}
