/* tacit inspect and tacit tasks. */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_shape(const struct tacit_tensor_info *t, const char *between)
{
    for (int i = 0; i < t->rank; i++)
        printf("%s%zu", i ? between : "", t->shape[i]);
}

static void inspect_json(const struct tacit_inspect *x)
{
    const char *value;
    printf("{\"kind\": \"%s\", \"facts\": {", tacit_inspect_kind(x));
    for (size_t i = 0; i < tacit_inspect_facts(x); i++) {
        const char *name = tacit_inspect_fact(x, i, &value);
        fputs(i ? ", " : "", stdout);
        cli_json_string(stdout, name, strlen(name));
        fputs(": ", stdout);
        cli_json_string(stdout, value, strlen(value));
    }
    printf("}, \"tensors\": [");
    for (size_t i = 0; i < tacit_inspect_tensors(x); i++) {
        const struct tacit_tensor_info *t = tacit_inspect_tensor(x, i);
        printf("%s{\"name\": ", i ? ", " : "");
        cli_json_string(stdout, t->name, strlen(t->name));
        printf(", \"dtype\": \"%s\", \"shape\": [", t->dtype);
        print_shape(t, ", ");
        printf("], \"bytes\": %zu, \"file\": ", t->bytes);
        cli_json_string(stdout, t->file, strlen(t->file));
        printf("}");
    }
    printf("]}\n");
}

static void inspect_text(const struct tacit_inspect *x, bool tensors)
{
    const char *value;
    printf("%s\n", tacit_inspect_kind(x));
    for (size_t i = 0; i < tacit_inspect_facts(x); i++) {
        const char *name = tacit_inspect_fact(x, i, &value);
        printf("  %-28s %s\n", name, value);
    }
    for (size_t i = 0; tensors && i < tacit_inspect_tensors(x); i++) {
        const struct tacit_tensor_info *t = tacit_inspect_tensor(x, i);
        printf("  %-58s %-4s ", t->name, t->dtype);
        print_shape(t, "x");
        printf("\n");
    }
}

int cli_inspect(const struct cli_args *a)
{
    struct tacit_inspect *x;
    struct tacit_err err;
    if (a->n_word != 1)
        return cli_usage(a, "expected one path");
    if (tacit_inspect(&x, a->word[0], cli_hub_cache(), cli_has(a, "check"), &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json"))
        inspect_json(x);
    else
        inspect_text(x, cli_has(a, "tensors") || strcmp(tacit_inspect_kind(x), "model") != 0);
    tacit_inspect_free(x);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The task files of a folder, sorted; the names are the caller's. False where memory ended. */
static bool task_files(const char *folder, char **out, size_t max, size_t *n_out)
{
    DIR *d = opendir(folder);
    bool ok = d || errno != ENOMEM;
    size_t n = 0;
    for (struct dirent *e; d && ok && n < max && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0) {
            out[n] = malloc(strlen(folder) + len + 2);
            ok = out[n] != NULL;
            if (ok)
                sprintf(out[n++], "%s/%s", folder, e->d_name);
        }
    }
    if (d)
        closedir(d);
    qsort(out, n, sizeof *out, by_name);
    *n_out = n;
    return ok;
}

static int list_task(const struct cli_args *a, const char *path)
{
    struct tacit_task *t;
    struct tacit_err err;
    if (tacit_task_open(&t, path, NULL, &err))
        return cli_fail(a, &err);
    const char *text = tacit_task_description(t);
    if (cli_has(a, "json")) {
        printf("{\"name\": \"%s\", \"description\": ", tacit_task_name(t));
        cli_json_string(stdout, text, strlen(text));
        printf(", \"metric\": \"%s\", \"file\": ", tacit_task_metric(t));
        cli_json_string(stdout, path, strlen(path));
        printf("}\n");
    } else {
        printf("%-12s %-12s %s\n", tacit_task_name(t), tacit_task_metric(t), text);
    }
    tacit_task_close(t);
    return 0;
}

/* The tasks of the first folder that has any. */
static int list_tasks(const struct cli_args *a)
{
    char *file[512];
    int s = 0;
    for (const char *const *f = cli_task_folders(a); *f; f++) {
        size_t n;
        if (!task_files(*f, file, sizeof file / sizeof *file, &n))
            s = cli_no_memory(a);
        for (size_t i = 0; i < n; i++) {
            if (!s)
                s = list_task(a, file[i]);
            free(file[i]);
        }
        if (n || s)
            return s;
    }
    fprintf(stderr, "tacit tasks: no folder with task files was found; name one with --tasks\n");
    return TACIT_EINPUT;
}

static void show_ids(const int32_t *ids, size_t n, const char *between)
{
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? between : "", ids[i]);
}

static void show_example(const struct cli_args *a, const struct tacit_examples *x, size_t i)
{
    struct tacit_example e;
    tacit_examples_get(x, i, &e);
    bool json = cli_has(a, "json");
    if (json) {
        printf("{\"input\": ");
        cli_json_string(stdout, e.input, strlen(e.input));
        printf(", \"gold\": %d, \"at\": %zu, \"ids\": [", e.gold, e.at);
        show_ids(e.ids, e.n_ids, ", ");
        printf("], \"answers\": [");
    } else {
        printf("--- %zu (%zu tokens)\n%.*s%s%s\n", i + 1, e.n_ids, (int)e.mark, e.input,
               e.mark ? "{{prompt}}" : "", e.input + e.mark);
        show_ids(e.ids, e.n_ids, " ");
        printf("\n");
    }
    for (size_t k = 0; k < e.n_answers; k++) {
        const int32_t *ids;
        size_t n;
        const char *text = tacit_examples_answer(x, i, k, &ids, &n);
        if (json) {
            fputs(k ? ", " : "", stdout);
            cli_json_string(stdout, text, strlen(text));
        } else {
            printf("%s '%s'  ", (int)k == e.gold ? "  *" : "   ", text);
            show_ids(ids, n, " ");
            printf("\n");
        }
    }
    printf(json ? "]}\n" : "\n");
}

static int show_task(const struct cli_args *a, const char *name)
{
    struct tacit_examples_options o = tacit_examples_options_default();
    struct tacit_tokenizer *t = NULL;
    struct tacit_task *task = NULL;
    struct tacit_examples *x = NULL;
    struct tacit_err err;
    int s = 0;
    o.limit = 3;
    if (!cli_need(a, "data") || !cli_size(a, "n", &o.limit))
        return TACIT_EINPUT;
    if ((cli_model(a) && tacit_tokenizer_open(&t, cli_model(a), &err)) ||
        tacit_task_open(&task, name, cli_task_folders(a), &err) ||
        tacit_examples_load(&x, task, cli_get(a, "data"),
                            cli_has(a, "split") ? cli_get(a, "split") : "train", t, &o, &err))
        s = cli_fail(a, &err);
    for (size_t i = 0; !s && i < tacit_examples_count(x); i++)
        show_example(a, x, i);
    tacit_examples_free(x);
    tacit_task_close(task);
    tacit_tokenizer_close(t);
    return s;
}

int cli_tasks(const struct cli_args *a)
{
    if (!a->n_word)
        return list_tasks(a);
    if (a->n_word != 2 || strcmp(a->word[0], "show") != 0)
        return cli_usage(a, "expected nothing, or: show NAME");
    return show_task(a, a->word[1]);
}
