/* tacit report: the page, figures and tables of a study. */
#include "cli.h"

#include <string.h>

int cli_report(const struct cli_args *a)
{
    struct tacit_report_result r;
    struct tacit_err err;
    char size[32];
    if (a->n_word != 1)
        return cli_usage(a, "expected the folder of a study");
    if (tacit_report(a->word[0], &r, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        printf("{\"report\": ");
        cli_json_string(stdout, r.path, strlen(r.path));
        printf(", \"bytes\": %zu, \"figures\": %zu, \"tables\": %zu}\n", r.bytes, r.figures,
               r.tables);
    } else {
        printf("%s: %s, with %zu figures and %zu tables as files\n", r.path,
               cli_bytes(size, (double)r.bytes), r.figures, r.tables);
    }
    tacit_free(r.path);
    return 0;
}
