/* tacit bench: how fast this machine is at a model's work. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED = 64, SHOWN_OPS = 64 };

/* The environment's word on OpenBLAS' kernels, or NULL: then it knows the processor itself. */
static const char *forced_kernels(void)
{
    return getenv("OPENBLAS_CORETYPE");
}

/* ---- JSON ---- */

/* "name": value, with `before` in front. */
static void json_number(const char *before, const char *name, double v)
{
    printf("%s\"%s\": ", before, name);
    cli_json_double(stdout, v);
}

static void json_size(const char *before, const char *name, size_t v)
{
    printf("%s\"%s\": %zu", before, name, v);
}

static void json_name(const char *name)
{
    printf("{\"name\": ");
    cli_json_string(stdout, name, strlen(name));
}

static void json_product(const struct tacit_bench_product *p)
{
    json_name(p->name);
    json_size(", ", "M", p->M);
    json_size(", ", "N", p->N);
    json_size(", ", "K", p->K);
    json_number(", ", "seconds", p->seconds);
    json_number(", ", "flops", p->flops);
    json_number(", ", "share", p->share);
    json_number(", ", "ratio", p->ratio);
    json_number(", ", "low", p->low);
    json_number(", ", "high", p->high);
    printf("}");
}

static void json_op(const struct tacit_bench_op *o)
{
    json_name(o->name);
    json_size(", ", "N", o->N);
    json_size(", ", "K", o->K);
    json_size(", ", "calls", o->calls);
    json_size(", ", "rows", o->rows);
    json_number(", ", "seconds", o->seconds);
    json_number(", ", "flops", o->flops);
    json_number(", ", "weight_bytes", o->weight_bytes);
    json_number(", ", "idle", o->idle);
    printf("}");
}

static void json_pass(const struct tacit_bench_pass *p)
{
    json_name(p->name);
    json_size(", ", "rows", p->rows);
    json_size(", ", "tokens", p->tokens);
    json_number(", ", "seconds", p->seconds);
    json_number(", ", "low", p->low);
    json_number(", ", "high", p->high);
    json_number(", ", "flops", p->flops);
    json_number(", ", "share", p->share);
    json_number(", ", "weight_bytes", p->weight_bytes);
    json_size(", ", "faults", p->faults);
    json_size(", ", "resident", p->resident);
    json_size(", ", "anonymous", p->anonymous);
    json_number(", ", "watched", p->watched);
    json_number(", ", "idle", p->idle);
    printf(", \"ops\": [");
    for (size_t i = 0; i < p->n_op; i++) {
        printf("%s", i ? ", " : "");
        json_op(&p->op[i]);
    }
    printf("]}");
}

static void print_json(const struct tacit_bench *b, const struct tacit_model_info *info)
{
    printf("{\"backend\": \"%s\", \"threads\": %d, \"weights\": \"%s\", \"openblas\": ",
           info->backend, info->threads, info->dtype);
    if (b->peer)
        cli_json_string(stdout, b->peer, strlen(b->peer));
    else
        printf("null");
    printf(", \"openblas_coretype\": ");
    if (forced_kernels())
        cli_json_string(stdout, forced_kernels(), strlen(forced_kernels()));
    else
        printf("null");
    json_number(", ", "peak", b->peak);
    json_number(", ", "bandwidth", b->bandwidth);
    json_number(", ", "read_share", b->read_share);
    json_number(", ", "read_low", b->read_low);
    json_number(", ", "read_high", b->read_high);
    printf(", \"products\": [");
    for (size_t i = 0; i < b->n_product; i++) {
        printf("%s", i ? ", " : "");
        json_product(&b->product[i]);
    }
    printf("], \"passes\": [");
    for (size_t i = 0; i < b->n_pass; i++) {
        printf("%s", i ? ", " : "");
        json_pass(&b->pass[i]);
    }
    printf("], \"memory\": [");
    for (size_t i = 0; i < b->n_owner; i++) {
        printf("%s", i ? ", " : "");
        json_name(b->owner[i].name);
        json_size(", ", "bytes", b->owner[i].bytes);
        printf("}");
    }
    printf("]}\n");
}

/* ---- tables ---- */

static void print_head(const struct tacit_bench *b, const struct tacit_model_info *info)
{
    printf("%s, %d threads, weights %s\n", info->backend, info->threads, info->dtype);
    printf("OpenBLAS: %s\n", b->peer ? b->peer : "not found");
    if (b->peer && forced_kernels())
        printf("  with OPENBLAS_CORETYPE=%s: its own choice may be faster\n", forced_kernels());
    printf("peak %.1f GFLOP/s (the best product of either), weights read at %.1f GB/s\n\n",
           b->peak * 1e-9, b->bandwidth * 1e-9);
}

static void print_products(const struct tacit_bench *b)
{
    printf("%-20s %6s %6s %6s %10s %9s %7s   %s\n", "matrix products", "M", "N", "K", "ms",
           "GFLOP/s", "of peak", "of OpenBLAS' speed");
    for (size_t i = 0; i < b->n_product; i++) {
        const struct tacit_bench_product *p = &b->product[i];
        printf("%-20s %6zu %6zu %6zu %10.3f %9.1f %6.1f%%", p->name, p->M, p->N, p->K,
               p->seconds * 1e3, p->flops / p->seconds * 1e-9, p->share * 100);
        if (isfinite(p->ratio))
            printf("   %5.3f [%.3f, %.3f]", p->ratio, p->low, p->high);
        printf("\n");
    }
}

static void print_passes(const struct tacit_bench *b)
{
    printf("\n%-26s %14s %9s %17s %9s %7s %9s\n", "passes", "rows of tokens", "ms", "range",
           "GFLOP/s", "of peak", "rows/s");
    for (size_t i = 0; i < b->n_pass; i++) {
        const struct tacit_bench_pass *p = &b->pass[i];
        char rows[40], range[40];
        snprintf(rows, sizeof rows, "%zu of %zu", p->rows, p->tokens);
        snprintf(range, sizeof range, "[%.1f, %.1f]", p->low * 1e3, p->high * 1e3);
        printf("%-26s %14s %9.1f %17s %9.1f %6.1f%% %9.1f\n", p->name, rows, p->seconds * 1e3,
               range, p->flops / p->seconds * 1e-9, p->share * 100, (double)p->rows / p->seconds);
    }
    const struct tacit_bench_pass *p = &b->pass[b->n_pass - 1];
    printf("%s reads %.1f GB of weights a second, %.1f%% [%.1f%%, %.1f%%] of what reading alone "
           "gives\n",
           p->name, p->weight_bytes / p->seconds * 1e-9, b->read_share * 100, b->read_low * 100,
           b->read_high * 100);
}

static void print_memory(const struct tacit_bench *b)
{
    char bytes[32], anonymous[32];
    size_t sum = 0;
    printf("\n%-26s %12s %12s %12s %12s\n", "of a steady pass", "page faults", "threads idle",
           "peak memory", "anonymous");
    for (size_t i = 0; i < b->n_pass; i++) {
        const struct tacit_bench_pass *p = &b->pass[i];
        printf("%-26s %12zu %11.1f%% %12s %12s\n", p->name, p->faults, p->idle * 100,
               cli_bytes(bytes, (double)p->resident), cli_bytes(anonymous, (double)p->anonymous));
    }
    printf("\nmemory by owner\n");
    for (size_t i = 0; i < b->n_owner; i++) {
        sum += b->owner[i].bytes;
        printf("%-34s %12s\n", b->owner[i].name, cli_bytes(bytes, (double)b->owner[i].bytes));
    }
    printf("%-34s %12s\n", "together", cli_bytes(bytes, (double)sum));
}

/* Seconds of an op at all its shapes. */
static double op_seconds(const struct tacit_bench_pass *p, const char *name)
{
    double sum = 0;
    for (size_t i = 0; i < p->n_op; i++)
        sum += strcmp(p->op[i].name, name) == 0 ? p->op[i].seconds : 0;
    return sum;
}

/* An op's largest share of a pass. */
static double largest_share(const struct tacit_bench *b, const char *name)
{
    double most = 0;
    for (size_t i = 0; i < b->n_pass; i++)
        most = fmax(most, op_seconds(&b->pass[i], name) / b->pass[i].watched);
    return most;
}

/* The names of all ops, those that take most first. */
static size_t list_ops(const char *list[SHOWN_OPS], const struct tacit_bench *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_pass; i++)
        for (size_t k = 0; k < b->pass[i].n_op; k++) {
            const char *name = b->pass[i].op[k].name;
            size_t at = 0;
            while (at < n && strcmp(list[at], name) != 0)
                at++;
            if (at < n || n == SHOWN_OPS)
                continue;
            for (at = n++; at && largest_share(b, list[at - 1]) < largest_share(b, name); at--)
                list[at] = list[at - 1];
            list[at] = name;
        }
    return n;
}

static void print_share(double seconds, double all)
{
    printf(" %10.2f %5.1f%%", seconds * 1e3, seconds / all * 100);
}

/* What takes less than a thousandth of every pass is left out; the rest is the passes' own work. */
static void print_ops(const struct tacit_bench *b)
{
    const char *list[SHOWN_OPS];
    size_t n = list_ops(list, b);
    printf("\n%-14s", "ms by op");
    for (size_t i = 0; i < b->n_pass; i++)
        printf(" %17.*s", (int)strcspn(b->pass[i].name, "("), b->pass[i].name);
    for (size_t k = 0; k < n && largest_share(b, list[k]) >= 0.001; k++) {
        printf("\n%-14s", list[k]);
        for (size_t i = 0; i < b->n_pass; i++)
            print_share(op_seconds(&b->pass[i], list[k]), b->pass[i].watched);
    }
    printf("\n%-14s", "outside");
    for (size_t i = 0; i < b->n_pass; i++) {
        double rest = b->pass[i].watched;
        for (size_t k = 0; k < b->pass[i].n_op; k++)
            rest -= b->pass[i].op[k].seconds;
        print_share(rest, b->pass[i].watched);
    }
    printf(
        "\n\nMedians of rounds; ranges over the rounds in brackets. GFLOP/s count the matrix products that a pass\n"
        "needs. Threads idle: in products, attention and the head.\n");
}

/* ---- the command ---- */

/* "1,8,550" as numbers. */
static bool read_rows(const struct cli_args *a, size_t list[LISTED], struct tacit_bench_options *o)
{
    const char *s = cli_get(a, "rows");
    char *end = NULL;
    if (!s)
        return true;
    o->rows = list;
    for (o->n_rows = 0; o->n_rows < LISTED; s = end + 1) {
        unsigned long long v = *s >= '0' && *s <= '9' ? strtoull(s, &end, 10) : 0;
        if (!v || (*end && *end != ','))
            break;
        list[o->n_rows++] = (size_t)v;
        if (!*end)
            return true;
    }
    cli_usage(a, "option '--rows': expected at most %d numbers above 0 as 1,8,550, found '%s'",
              LISTED, cli_get(a, "rows"));
    return false;
}

int cli_bench(const struct cli_args *a)
{
    struct tacit_bench_options o = tacit_bench_options_default();
    struct tacit_model_info info;
    struct tacit_model *m = NULL;
    struct tacit_bench *b = NULL;
    struct tacit_err err;
    size_t rows[LISTED];
    if (a->n_word)
        return cli_usage(a, "unexpected argument '%s'", a->word[0]);
    if (!read_rows(a, rows, &o) || !cli_size(a, "rounds", &o.rounds) ||
        !cli_size(a, "texts", &o.texts) || !cli_size(a, "length", &o.length) ||
        !cli_size(a, "tokens", &o.tokens) || !cli_size(a, "prefill", &o.prefill) ||
        !cli_size(a, "decode", &o.decode))
        return TACIT_EINPUT;
    o.method = cli_get(a, "method");
    o.trace = cli_get(a, "trace");
    struct cli_progress progress;
    int s = cli_open_model(a, &m);
    if (!s) {
        cli_progress_start(&progress, a, "round");
        enum tacit_status status = tacit_bench(&b, m, &o, &progress.p, &err);
        cli_progress_end(&progress);
        s = status ? cli_fail(a, &err) : 0;
    }
    if (!s)
        tacit_model_describe(m, &info);
    if (!s && cli_has(a, "json")) {
        print_json(b, &info);
    } else if (!s) {
        print_head(b, &info);
        print_products(b);
        print_passes(b);
        print_memory(b);
        print_ops(b);
    }
    tacit_bench_free(b);
    tacit_model_close(m);
    return s;
}
