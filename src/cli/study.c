/* tacit study and tacit sweep. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- progress ---- */

struct show {
    struct cli_progress p; /* for the signals */
    double shown;
    bool terminal, quiet;
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static const char *show_time(char buf[32], double seconds)
{
    long s = (long)(seconds + 0.5);
    if (s < 0)
        snprintf(buf, 32, "?");
    else if (s < 3600)
        snprintf(buf, 32, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(buf, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    return buf;
}

/* On a terminal one line that rewrites itself; else a line a tenth of the units. */
static int report(void *ctx, const struct tacit_event *e)
{
    struct show *s = ctx;
    char left[32], detail[64] = "";
    double t = now();
    bool unit = e->kind == TACIT_EVENT_UNIT;
    bool mark = unit && (e->units_done == e->units ||
                         e->units_done * 10 / e->units != (e->units_done - 1) * 10 / e->units);
    if (s->quiet || (s->terminal ? t - s->shown < 0.1 : !mark))
        return cli_stopped();
    s->shown = t;
    if (e->kind == TACIT_EVENT_STEP || e->kind == TACIT_EVENT_EVAL)
        snprintf(detail, sizeof detail, ", epoch %zu of %zu, loss %.4f", e->epoch, e->epochs,
                 e->loss);
    fprintf(stderr,
            s->terminal ? "\r\033[K%zu of %zu units, %.0f rows/s, %s left: %s%s"
                        : "%zu of %zu units, %.0f rows/s, %s left: %s%s\n",
            e->units_done, e->units, e->rate, show_time(left, e->left), e->what, detail);
    return cli_stopped();
}

/* ---- output ---- */

struct count {
    const char *kind, *prompt;
    size_t done, all;
};

/* Units by kind, and making by the kind of prompt, in the order of their first. */
static size_t count_units(const struct tacit_study *s, struct count *c, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < tacit_study_units(s); i++) {
        struct tacit_unit u;
        tacit_study_unit(s, i, &u);
        bool make = strcmp(u.kind, "make") == 0;
        size_t k = 0;
        while (k < n &&
               (strcmp(c[k].kind, u.kind) != 0 || (make && strcmp(c[k].prompt, u.prompt) != 0)))
            k++;
        if (k == max)
            continue;
        if (k == n)
            c[n++] = (struct count){.kind = u.kind, .prompt = make ? u.prompt : ""};
        c[k].all++;
        c[k].done += u.done != 0;
    }
    return n;
}

static int print_units(const struct cli_args *a, const struct tacit_study *s)
{
    size_t max = tacit_study_units(s), done = 0, all = 0;
    struct count *c = calloc(max + 1, sizeof *c);
    if (!c)
        return cli_no_memory(a);
    size_t n = count_units(s, c, max);
    int wide = 12;
    for (size_t i = 0; i < n; i++)
        wide = (int)strlen(c[i].prompt) > wide ? (int)strlen(c[i].prompt) : wide;
    printf("%-10s %-*s %8s %8s\n", "unit", wide, "of", "done", "all");
    for (size_t i = 0; i < n; i++) {
        printf("%-10s %-*s %8zu %8zu\n", c[i].kind, wide, c[i].prompt, c[i].done, c[i].all);
        done += c[i].done;
        all += c[i].all;
    }
    printf("%-10s %-*s %8zu %8zu\n", "", wide, "", done, all);
    free(c);
    return 0;
}

static int print_plan(const struct cli_args *a, struct tacit_study *s)
{
    struct tacit_study_cost cost;
    struct tacit_err err;
    char bytes[32], seconds[32];
    if (tacit_study_plan(s, &cost, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        printf("{\"units\": %zu, \"jobs\": %zu, \"seconds\": ", cost.units, cost.jobs);
        cli_json_double(stdout, cost.seconds);
        printf(", \"memory_bytes\": %zu}\n", cost.memory_bytes);
        return 0;
    }
    int status = print_units(a, s);
    printf("to do: %zu units, %zu at once, about %s, memory %s\n", cost.units, cost.jobs,
           show_time(seconds, cost.seconds), cli_bytes(bytes, (double)cost.memory_bytes));
    return status;
}

static void print_number(double v)
{
    if (isnan(v))
        printf(" %9s", "");
    else
        printf(" %9.3g", v);
}

static void print_claims(const struct tacit_study *s)
{
    struct tacit_claim c;
    if (!tacit_study_claims(s))
        return;
    printf("\n%-17s %-19s %9s %9s %9s %9s  %s\n", "claim", "verdict", "estimate", "low", "high",
           "p", "finding");
    for (size_t i = 0; i < tacit_study_claims(s); i++) {
        tacit_study_claim(s, i, &c);
        printf("%-17s %-19s", c.id, c.verdict);
        print_number(c.estimate);
        print_number(c.low);
        print_number(c.high);
        print_number(c.p);
        printf("  %s\n", c.finding);
    }
}

static void print_bests(const struct tacit_study *s)
{
    struct tacit_best b;
    if (!tacit_study_bests(s))
        return;
    printf("\n%-12s %-12s %6s %10s %9s %9s %9s  %s\n", "task", "method", "tried", "validation",
           "accuracy", "low", "high", "best");
    for (size_t i = 0; i < tacit_study_bests(s); i++) {
        tacit_study_best(s, i, &b);
        printf("%-12s %-12s %6zu %10.3f %9.3f %9.3f %9.3f  %s\n", b.task, b.method, b.tried,
               b.validation, b.accuracy, b.low, b.high, b.config);
    }
}

/* A JSON object's text or number, with a comma before it unless it is the first. */
static void print_text(bool first, const char *name, const char *text)
{
    printf("%s\"%s\": ", first ? "" : ", ", name);
    cli_json_string(stdout, text, strlen(text));
}

static void print_real(const char *name, double v)
{
    printf(", \"%s\": ", name);
    cli_json_double(stdout, v);
}

static void print_bests_json(const struct tacit_study *s, const char *out)
{
    printf("{");
    print_text(true, "out", out);
    printf(", \"units\": %zu, \"best\": [", tacit_study_units(s));
    for (size_t i = 0; i < tacit_study_bests(s); i++) {
        struct tacit_best b;
        tacit_study_best(s, i, &b);
        printf("%s{", i ? ", " : "");
        print_text(true, "task", b.task);
        print_text(false, "method", b.method);
        print_text(false, "config", b.config);
        print_real("validation", b.validation);
        print_real("accuracy", b.accuracy);
        print_real("low", b.low);
        print_real("high", b.high);
        printf(", \"tried\": %zu, \"diverged\": %zu}", b.tried, b.diverged);
    }
    printf("]}\n");
}

static void print_claims_json(const struct tacit_study *s, const char *out)
{
    printf("{");
    print_text(true, "out", out);
    printf(", \"units\": %zu, \"claims\": [", tacit_study_units(s));
    for (size_t i = 0; i < tacit_study_claims(s); i++) {
        struct tacit_claim c;
        tacit_study_claim(s, i, &c);
        printf("%s{", i ? ", " : "");
        print_text(true, "id", c.id);
        print_text(false, "verdict", c.verdict);
        print_text(false, "finding", c.finding);
        print_text(false, "note", c.note);
        print_real("estimate", c.estimate);
        print_real("low", c.low);
        print_real("high", c.high);
        print_real("p", c.p);
        print_real("p_holm", c.p_holm);
        printf("}");
    }
    printf("]}\n");
}

/* ---- the commands ---- */

static int run(const struct cli_args *a, struct tacit_study *s, bool sweep)
{
    struct show show = {.terminal = isatty(STDERR_FILENO), .quiet = cli_has(a, "quiet")};
    struct tacit_progress progress = {report, &show};
    struct tacit_err err;
    double start = now();
    char took[32];
    cli_progress_start(&show.p, a, a->cmd->name);
    enum tacit_status st = tacit_study_run(s, &progress, &err);
    cli_progress_end(&show.p);
    if (st)
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        (sweep ? print_bests_json : print_claims_json)(s, cli_get(a, "out"));
        return 0;
    }
    printf("%s: %zu units, %s\n", cli_get(a, "out"), tacit_study_units(s),
           show_time(took, now() - start));
    (sweep ? print_bests : print_claims)(s);
    return 0;
}

static int study_or_sweep(const struct cli_args *a, bool sweep)
{
    struct tacit_study_options o = tacit_study_options_default();
    struct tacit_study *s;
    struct tacit_err err;
    bool look = cli_has(a, "plan") || cli_has(a, "status");
    if (a->n_word != 1)
        return cli_usage(a, "expected one study file");
    if (!cli_need(a, "out") || !cli_model_options(a, &o.model_options) ||
        !cli_size(a, "jobs", &o.jobs))
        return TACIT_EINPUT;
    o.model = cli_get(a, "model");
    o.data = cli_get(a, "data");
    o.task_folders = cli_task_folders(a);
    o.read_only = look;
    o.sweep = sweep;
    if (tacit_study_open(&s, a->word[0], cli_get(a, "out"), &o, &err))
        return cli_fail(a, &err);
    int status = 0;
    if (cli_has(a, "status"))
        status = print_units(a, s);
    else if (cli_has(a, "plan"))
        status = print_plan(a, s);
    else
        status = run(a, s, sweep);
    tacit_study_close(s);
    return status;
}

int cli_study(const struct cli_args *a)
{
    return study_or_sweep(a, false);
}

int cli_sweep(const struct cli_args *a)
{
    return study_or_sweep(a, true);
}
