/* tacit eval: prompts side by side on one task. */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROMPTS = 64 };

struct prompts {
    struct tacit_prompt prompt[MAX_PROMPTS];
    struct tacit_adapter *adapter[MAX_PROMPTS];
    size_t n;
};

/* The prompts in the order of the command line. */
static int open_prompts(const struct cli_args *a, const struct tacit_model *m,
                        const struct tacit_task *task, struct prompts *p)
{
    struct tacit_err err;
    for (int i = 0; i < a->n_given; i++) {
        const char *name = cli_given_name(a, i), *value = a->given[i].value;
        struct tacit_prompt *to = &p->prompt[p->n];
        if (strcmp(name, "adapter") && strcmp(name, "prompt") && strcmp(name, "no-prompt"))
            continue;
        if (p->n == MAX_PROMPTS)
            return cli_usage(a, "at most %d prompts", MAX_PROMPTS);
        if (strcmp(name, "adapter") == 0) {
            if (tacit_adapter_open(&p->adapter[p->n], value, m, &err))
                return cli_fail(a, &err);
            *to = (struct tacit_prompt){.name = value, .adapter = p->adapter[p->n]};
        } else if (strcmp(name, "no-prompt") == 0) {
            *to = (struct tacit_prompt){.name = "no prompt"};
        } else {
            bool own = strcmp(value, "description") == 0;
            *to = (struct tacit_prompt){.name = *value ? value : "--prompt",
                                        .text = own ? tacit_task_description(task) : value};
        }
        to->place = cli_get(a, "place");
        p->n++;
    }
    if (cli_has(a, "ensemble")) {
        if (p->n + 2 > MAX_PROMPTS)
            return cli_usage(a, "at most %d prompts", MAX_PROMPTS);
        p->prompt[p->n++] = (struct tacit_prompt){.name = "mean of all", .ensemble = TACIT_MEAN};
        p->prompt[p->n++] = (struct tacit_prompt){.name = "vote of all", .ensemble = TACIT_VOTE};
    }
    if (!p->n)
        p->prompt[p->n++] =
            (struct tacit_prompt){.name = "no prompt", .place = cli_get(a, "place")};
    return 0;
}

static void print_field(const char *name, double v)
{
    printf(", \"%s\": ", name);
    cli_json_double(stdout, v);
}

static void print_json_row(const struct tacit_eval *e, size_t i, const struct tacit_task *task)
{
    const struct tacit_eval_row *r = tacit_eval_row(e, i);
    size_t n = tacit_eval_answers(e);
    printf("%s{\"name\": ", i ? ", " : "");
    cli_json_string(stdout, r->name, strlen(r->name));
    print_field("acc", r->accuracy);
    print_field("acc_stderr", r->accuracy_stderr);
    print_field("acc_low", r->accuracy_low);
    print_field("acc_high", r->accuracy_high);
    print_field("acc_norm", r->accuracy_norm);
    print_field("acc_norm_stderr", r->accuracy_norm_stderr);
    print_field("acc_byte", r->accuracy_byte);
    print_field("acc_token", r->accuracy_token);
    printf(", \"metric_name\": \"%s\"", tacit_task_metric(task));
    print_field("metric", r->metric);
    print_field("f1", r->f1);
    print_field("macro_f1", r->macro_f1);
    print_field("auroc", r->auroc);
    print_field("loss", r->loss);
    printf(", \"confusion\": [");
    for (size_t g = 0; g < n; g++) {
        printf("%s[", g ? ", " : "");
        for (size_t k = 0; k < n; k++)
            printf("%s%zu", k ? ", " : "", tacit_eval_confusion(e, i, g, k));
        printf("]");
    }
    printf("]}");
}

static void print_json(const struct tacit_eval *e, const struct tacit_task *task,
                       const struct tacit_examples *x, const char *split)
{
    printf("{\"task\": \"%s\", \"split\": \"%s\", \"n\": %zu, \"truncated\": %zu",
           tacit_task_name(task), split, tacit_examples_count(x), tacit_examples_truncated(x));
    print_field("majority", tacit_eval_row(e, 0)->majority);
    printf(", \"rows\": [");
    for (size_t i = 0; i < tacit_eval_rows(e); i++)
        print_json_row(e, i, task);
    printf("], \"differences\": [");
    for (size_t i = 0; i < tacit_eval_diffs(e); i++) {
        const struct tacit_eval_diff *d = tacit_eval_diff(e, i);
        printf("%s{\"a\": %zu, \"b\": %zu", i ? ", " : "", d->a, d->b);
        print_field("acc", d->accuracy);
        print_field("low", d->low);
        print_field("high", d->high);
        printf("}");
    }
    printf("]}\n");
}

static void print_table(const struct tacit_eval *e, const struct tacit_task *task,
                        const struct tacit_examples *x, const char *split)
{
    const char *metric = tacit_task_metric(task);
    bool extra = strcmp(metric, "accuracy") != 0;
    printf("%s, %s: %zu examples, majority class %.4f\n\n", tacit_task_name(task), split,
           tacit_examples_count(x), tacit_eval_row(e, 0)->majority);
    printf("%-28s %7s %8s %17s %9s %7s %7s", "prompt", "acc", "stderr", "95 %", "acc_norm", "auroc",
           "loss");
    printf(extra ? " %9s\n" : "\n", metric);
    for (size_t i = 0; i < tacit_eval_rows(e); i++) {
        const struct tacit_eval_row *r = tacit_eval_row(e, i);
        printf("%-28.28s %7.4f %8.4f  [%.4f, %.4f]", r->name, r->accuracy, r->accuracy_stderr,
               r->accuracy_low, r->accuracy_high);
        printf(isnan(r->accuracy_norm) ? "         -" : " %9.4f", r->accuracy_norm);
        printf(isnan(r->auroc) ? "       -" : " %7.4f", r->auroc);
        printf(isnan(r->loss) ? "       -" : " %7.4f", r->loss);
        if (extra)
            printf(" %9.4f", r->metric);
        printf("\n");
    }
    for (size_t i = 0; i < tacit_eval_diffs(e); i++) {
        const struct tacit_eval_diff *d = tacit_eval_diff(e, i);
        printf("%s%.28s - %.28s: %+.4f  [%+.4f, %+.4f]\n", i ? "" : "\npaired differences of acc\n",
               tacit_eval_row(e, d->b)->name, tacit_eval_row(e, d->a)->name, d->accuracy, d->low,
               d->high);
    }
}

static int evaluate(const struct cli_args *a, struct tacit_model *m, const struct tacit_task *task,
                    const struct tacit_examples *x, const char *split)
{
    struct prompts p = {0};
    struct tacit_eval *e = NULL;
    struct cli_progress progress;
    struct tacit_err err;
    int s = open_prompts(a, m, task, &p);
    size_t bytes, rows;
    if (!s && tacit_eval_plan(m, x, p.prompt, p.n, &bytes, &rows, &err))
        s = cli_fail(a, &err);
    if (!s) {
        cli_show_plan(a, m, bytes, rows, SIZE_MAX);
        cli_progress_start(&progress, a, "answers");
        s = (int)tacit_eval(&e, m, task, x, p.prompt, p.n, &progress.p, &err);
        cli_progress_end(&progress);
        if (s)
            s = cli_fail(a, &err);
        else if (cli_has(a, "json"))
            print_json(e, task, x, split);
        else
            print_table(e, task, x, split);
    }
    tacit_eval_free(e);
    for (size_t i = 0; i < p.n; i++)
        tacit_adapter_close(p.adapter[i]);
    return s;
}

int cli_eval(const struct cli_args *a)
{
    struct tacit_examples_options o = tacit_examples_options_default();
    const char *split = cli_has(a, "split") ? cli_get(a, "split") : "validation";
    struct tacit_model *m = NULL;
    struct tacit_task *task = NULL;
    struct tacit_examples *x = NULL;
    struct tacit_err err;
    o.labelled = 1;
    if (a->n_word)
        return cli_usage(a, "unexpected argument '%s'", a->word[0]);
    if (!cli_need(a, "task") || !cli_need(a, "data") || !cli_size(a, "limit", &o.limit) ||
        !cli_size(a, "shots", &o.shots) || !cli_u64(a, "seed", &o.seed) ||
        !cli_size(a, "max-length", &o.max_length))
        return TACIT_EINPUT;
    int s = cli_open_model(a, &m);
    if (!s && !tacit_model_tokenizer(m))
        s = cli_usage(a, "%s has no tokenizer, a task in words needs one", cli_model(a));
    if (!s && (tacit_task_open(&task, cli_get(a, "task"), cli_task_folders(a), &err) ||
               tacit_examples_load(&x, task, cli_get(a, "data"), split, tacit_model_tokenizer(m),
                                   &o, &err)))
        s = cli_fail(a, &err);
    if (!s)
        s = evaluate(a, m, task, x, split);
    tacit_examples_free(x);
    tacit_task_close(task);
    tacit_model_close(m);
    return s;
}
