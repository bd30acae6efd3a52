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

static int run(const struct cli_args *a, struct tacit_study *s, const char *out, bool sweep)
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
        (sweep ? print_bests_json : print_claims_json)(s, out);
        return 0;
    }
    printf("%s: %zu units, %s\n", out, tacit_study_units(s), show_time(took, now() - start));
    (sweep ? print_bests : print_claims)(s);
    return 0;
}

/* One model's study, in the folder `out`. */
static int one_model(const struct cli_args *a, const struct tacit_study_options *o, const char *out)
{
    struct tacit_study *s;
    struct tacit_err err;
    if (tacit_study_open(&s, a->word[0], out, o, &err))
        return cli_fail(a, &err);
    int status = 0;
    if (cli_has(a, "status"))
        status = print_units(a, s);
    else if (cli_has(a, "plan"))
        status = print_plan(a, s);
    else
        status = run(a, s, out, o->sweep);
    tacit_study_close(s);
    return status;
}

static int join(const struct cli_args *a, char **model, size_t n)
{
    struct tacit_err err;
    const char *const *list = (const char *const *)model;
    return tacit_study_join(cli_get(a, "out"), a->word[0], list, n, &err) ? cli_fail(a, &err) : 0;
}

static char *folder_of(const struct cli_args *a, const char *model)
{
    const char *name = tacit_study_part(model), *dir = cli_get(a, "out");
    size_t bytes = strlen(dir) + strlen(name) + 2;
    char *out = malloc(bytes);
    if (out)
        snprintf(out, bytes, "%s/%s", dir, name);
    return out;
}

/* What is wrong with the last model is not to be found when the first has been worked on. */
static int check_models(const struct cli_args *a, const struct tacit_study_options *o, char **model,
                        size_t n)
{
    struct tacit_study_options look = *o;
    struct tacit_study *s;
    struct tacit_err err;
    int status = 0;
    look.read_only = 1;
    for (size_t i = 0; !status && i < n; i++) {
        char *out = folder_of(a, model[i]);
        look.model = model[i];
        if (!out)
            return cli_no_memory(a);
        if (tacit_study_open(&s, a->word[0], out, &look, &err))
            status = cli_fail(a, &err);
        else
            tacit_study_close(s);
        free(out);
    }
    return status;
}

/* One after another; what is found so far is put together after each. */
static int each_model(const struct cli_args *a, struct tacit_study_options *o, char **model,
                      size_t n)
{
    bool json = cli_has(a, "json");
    int status = o->read_only ? 0 : check_models(a, o, model, n);
    if (!status && !o->read_only)
        status = join(a, model, n);
    for (size_t i = 0; !status && i < n; i++) {
        char *out = folder_of(a, model[i]);
        if (!out)
            return cli_no_memory(a);
        o->model = model[i];
        if (!json)
            printf("%s== %s\n", i ? "\n" : "", model[i]);
        fflush(stdout);
        status = one_model(a, o, out);
        free(out);
        if (!status && !o->read_only)
            status = join(a, model, n);
    }
    if (!status && !json && n > 1)
        printf(
            "\nTransfer and similarity are within each model: a prompt is rows of its model's embedding, an adapter "
            "belongs to its matrices.\n");
    return status;
}

static int study_or_sweep(const struct cli_args *a, bool sweep)
{
    struct tacit_study_options o = tacit_study_options_default();
    struct tacit_err err;
    char **model = NULL;
    size_t n = 0;
    if (a->n_word != 1)
        return cli_usage(a, "expected one study file");
    if (!cli_need(a, "out") || !cli_model_options(a, &o.model_options) ||
        !cli_size(a, "jobs", &o.jobs))
        return TACIT_EINPUT;
    o.model = cli_get(a, "model");
    o.data = cli_get(a, "data");
    o.task_folders = cli_task_folders(a);
    o.read_only = cli_has(a, "plan") || cli_has(a, "status");
    o.sweep = sweep;
    if (!o.model && tacit_study_models(&model, &n, a->word[0], &err))
        return cli_fail(a, &err);
    int status = n ? each_model(a, &o, model, n) : one_model(a, &o, cli_get(a, "out"));
    tacit_free(model);
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
