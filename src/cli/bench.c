/* tacit bench: how fast this machine is at a model's work. */
#include "cli.h"

#include <math.h>
#include <string.h>

static void print_json(const struct tacit_bench *b)
{
    const char *peer = tacit_bench_peer(b);
    printf("{\"openblas\": ");
    if (peer)
        cli_json_string(stdout, peer, strlen(peer));
    else
        printf("null");
    printf(", \"rows\": [");
    for (size_t i = 0; i < tacit_bench_count(b); i++) {
        const struct tacit_bench_row *r = tacit_bench_get(b, i);
        printf(
            "%s{\"name\": \"%s\", \"M\": %zu, \"N\": %zu, \"K\": %zu, \"rows\": %zu, \"tokens\": %zu, \"seconds\": ",
            i ? ", " : "", r->name, r->M, r->N, r->K, r->rows, r->tokens);
        cli_json_double(stdout, r->seconds);
        printf(", \"flops\": ");
        cli_json_double(stdout, r->flops);
        printf(", \"ratio\": ");
        cli_json_double(stdout, r->ratio);
        printf(", \"low\": ");
        cli_json_double(stdout, r->low);
        printf(", \"high\": ");
        cli_json_double(stdout, r->high);
        printf("}");
    }
    printf("]}\n");
}

static void print_table(const struct tacit_bench *b, const struct tacit_model *m)
{
    struct tacit_model_info info;
    const char *peer = tacit_bench_peer(b);
    tacit_model_describe(m, &info);
    printf("%s, %d threads, weights %s; OpenBLAS: %s\n\n", info.backend, info.threads, info.dtype,
           peer ? peer : "not found");
    printf("%-24s %6s %6s %6s %10s %9s %22s\n", "", "M", "N", "K", "ms", "GFLOP/s",
           "of OpenBLAS' speed");
    for (size_t i = 0; i < tacit_bench_count(b); i++) {
        const struct tacit_bench_row *r = tacit_bench_get(b, i);
        double rate = r->flops / r->seconds * 1e-9;
        if (r->M)
            printf("%-24s %6zu %6zu %6zu %10.2f %9.1f", r->name, r->M, r->N, r->K, r->seconds * 1e3,
                   rate);
        else
            printf("%-24s %13zu of %4zu %10.2f %9.1f", r->name, r->rows, r->tokens,
                   r->seconds * 1e3, rate);
        if (isfinite(r->ratio))
            printf("   %5.3f [%.3f, %.3f]", r->ratio, r->low, r->high);
        printf("\n");
    }
    printf(
        "\nMedians of rounds; the range over the rounds in brackets. Passes: rows computed of rows without sharing; their\n"
        "GFLOP/s count matrix products alone.\n");
}

int cli_bench(const struct cli_args *a)
{
    struct tacit_bench_options o = tacit_bench_options_default();
    struct tacit_model *m = NULL;
    struct tacit_bench *b = NULL;
    struct tacit_err err;
    if (a->n_word)
        return cli_usage(a, "unexpected argument '%s'", a->word[0]);
    if (!cli_size(a, "rows", &o.rows) || !cli_size(a, "rounds", &o.rounds) ||
        !cli_size(a, "texts", &o.texts) || !cli_size(a, "length", &o.length) ||
        !cli_size(a, "tokens", &o.prompt))
        return TACIT_EINPUT;
    int s = cli_open_model(a, &m);
    if (!s && tacit_bench(&b, m, &o, &err))
        s = cli_fail(a, &err);
    if (!s && cli_has(a, "json"))
        print_json(b);
    else if (!s)
        print_table(b, m);
    tacit_bench_free(b);
    tacit_model_close(m);
    return s;
}
