/* tacit score: log-probabilities of given texts. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_LIMIT = 1 << 30 };

/* The queries of the input, and the ids that they point to. */
struct input {
    struct tacit_query *query;
    int32_t **owned; /* two a query */
    size_t n, cap;
};

static void input_release(struct input *in)
{
    for (size_t i = 0; i < 2 * in->n; i++)
        tacit_free(in->owned[i]);
    free(in->owned);
    free(in->query);
}

static bool grow(struct input *in)
{
    if (in->n < in->cap)
        return true;
    size_t cap = in->cap ? 2 * in->cap : 64;
    struct tacit_query *q = realloc(in->query, cap * sizeof *q);
    if (q)
        in->query = q;
    int32_t **o = realloc(in->owned, 2 * cap * sizeof *o);
    if (o)
        in->owned = o;
    if (!q || !o)
        return false;
    in->cap = cap;
    return true;
}

static bool take_ids(const json_t *v, int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(v, i);
        if (!json_is_integer(e) || json_integer_value(e) < 0 || json_integer_value(e) > INT32_MAX)
            return false;
        ids[i] = (int32_t)json_integer_value(e);
    }
    return true;
}

/* A list of ids under one key or a text under the other; neither leaves *n 0 and *there false. */
static int take_part(const struct cli_args *a, const struct tacit_model *m, const json_t *o,
                     const char *ids_key, const char *text_key, int32_t **ids, size_t *n,
                     bool *there, const char *name, size_t line)
{
    const json_t *list = json_object_get(o, ids_key), *text = json_object_get(o, text_key);
    const struct tacit_tokenizer *t = tacit_model_tokenizer(m);
    struct tacit_err err;
    *there = list || text;
    *n = list ? json_array_size(list) : 0;
    if (list && !(*ids = calloc(*n + 1, sizeof **ids)))
        return cli_no_memory(a);
    if (list && (!json_is_array(list) || !take_ids(list, *ids, *n))) {
        fprintf(stderr, "tacit score: %s:%zu: field '%s': expected a list of token ids\n", name,
                line, ids_key);
        return TACIT_EINPUT;
    }
    if (list || !text)
        return 0;
    if (!json_is_string(text) || !t) {
        fprintf(stderr, "tacit score: %s:%zu: field '%s': %s\n", name, line, text_key,
                t ? "expected a text" : "the model has no tokenizer, give ids");
        return TACIT_EINPUT;
    }
    if (tacit_encode(t, ids, n, json_string_value(text), json_string_length(text), &err))
        return cli_fail_at(a, name, line, &err);
    return 0;
}

/* For jansson, whose reader loses bytes of a text where it cannot grow its buffer: there the
 * program ends. */
static void *allocate(size_t n)
{
    void *p = malloc(n);
    if (!p) {
        fprintf(stderr, "tacit score: out of memory\n");
        exit(TACIT_EFAIL);
    }
    return p;
}

static int take_line(const struct cli_args *a, const struct tacit_model *m, struct input *in,
                     char *text, size_t bytes, bool prompted, const char *name, size_t line)
{
    json_error_t e;
    json_t *o = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &e);
    if (!json_is_object(o)) {
        fprintf(stderr, "tacit score: %s:%zu: %s\n", name, line, o ? "expected an object" : e.text);
        json_decref(o);
        return TACIT_EINPUT;
    }
    if (!grow(in)) {
        json_decref(o);
        return cli_no_memory(a);
    }
    int32_t **ids = &in->owned[2 * in->n];
    struct tacit_query *q = &in->query[in->n++];
    *q = (struct tacit_query){0};
    bool has_text, has_target;
    ids[0] = ids[1] = NULL;
    int s = take_part(a, m, o, "ids", "text", &ids[0], &q->n_context, &has_text, name, line);
    if (!s)
        s = take_part(a, m, o, "target_ids", "target", &ids[1], &q->n_target, &has_target, name,
                      line);
    json_decref(o);
    if (s)
        return s;
    if (!has_text && !has_target) {
        fprintf(stderr,
                "tacit score: %s:%zu: none of the fields ids, text, target_ids, target is there\n",
                name, line);
        return TACIT_EINPUT;
    }
    q->context = ids[0];
    q->target = ids[1];
    if (!has_target) { /* every token that has a predecessor */
        size_t first = prompted || !q->n_context ? 0 : 1;
        q->target = ids[0] + first;
        q->n_target = q->n_context - first;
        q->n_context = first;
    }
    return 0;
}

static int take_input(const struct cli_args *a, const struct tacit_model *m, struct input *in,
                      char *text, size_t n, bool prompted, const char *name)
{
    size_t line = 0;
    for (char *p = text, *end; p < text + n; p = end + 1) {
        end = memchr(p, '\n', (size_t)(text + n - p));
        if (!end)
            end = text + n;
        line++;
        if (strspn(p, " \t\r") >= (size_t)(end - p))
            continue;
        int s = take_line(a, m, in, p, (size_t)(end - p), prompted, name, line);
        if (s)
            return s;
    }
    return 0;
}

static void print_results(const struct input *in, const double *logp, const int32_t *best)
{
    for (size_t i = 0; i < in->n; i++) {
        double sum = 0;
        bool greedy = true;
        printf("{\"logprobs\": [");
        for (size_t k = 0; k < in->query[i].n_target; k++, logp++, best++) {
            if (k)
                fputs(", ", stdout);
            cli_json_double(stdout, *logp);
            sum += *logp;
            greedy &= *best == in->query[i].target[k];
        }
        printf("], \"sum\": ");
        cli_json_double(stdout, sum);
        printf(", \"greedy\": %s}\n", greedy ? "true" : "false");
    }
}

static int score_all(const struct cli_args *a, struct tacit_model *m, const struct input *in,
                     const struct tacit_prompt *prompt)
{
    size_t total = 0;
    struct tacit_err err;
    struct cli_progress progress;
    for (size_t i = 0; i < in->n; i++)
        total += in->query[i].n_target;
    double *logp = calloc(total + 1, sizeof *logp);
    int32_t *best = calloc(total + 1, sizeof *best);
    int s;
    if (!logp || !best) {
        s = cli_no_memory(a);
        goto out;
    }
    size_t bytes, rows;
    if (tacit_score_plan(m, prompt, in->query, in->n, &bytes, &rows, &err)) {
        s = cli_fail(a, &err);
        goto out;
    }
    cli_show_plan(a, m, bytes, rows);
    cli_progress_start(&progress, a, "score");
    s = (int)tacit_score(m, logp, best, prompt, in->query, in->n, &progress.p, &err);
    cli_progress_end(&progress);
    if (s)
        s = cli_fail(a, &err);
    else
        print_results(in, logp, best);
out:
    free(logp);
    free(best);
    return s;
}

int cli_open_prompt(const struct cli_args *a, const struct tacit_model *m,
                    struct tacit_prompt *prompt, struct tacit_adapter **adapter)
{
    struct tacit_err err;
    *adapter = NULL;
    *prompt = (struct tacit_prompt){.text = cli_get(a, "prompt")};
    if (cli_has(a, "adapter") && cli_has(a, "prompt"))
        return cli_usage(a, "give --adapter or --prompt, not both");
    if (cli_has(a, "adapter") && tacit_adapter_open(adapter, cli_get(a, "adapter"), m, &err))
        return cli_fail(a, &err);
    prompt->adapter = *adapter;
    return 0;
}

int cli_score(const struct cli_args *a)
{
    const char *path = a->n_word ? a->word[0] : "-";
    struct tacit_model *m = NULL;
    struct tacit_adapter *adapter = NULL;
    struct tacit_prompt prompt;
    struct input in = {0};
    size_t n;
    if (a->n_word > 1)
        return cli_usage(a, "expected one file");
    int s = cli_open_model(a, &m);
    if (s)
        return s;
    char *text = NULL;
    s = cli_open_prompt(a, m, &prompt, &adapter);
    if (!s)
        s = cli_read(a, &text, path, INPUT_LIMIT, &n);
    json_set_alloc_funcs(allocate, free);
    if (!s)
        s = take_input(a, m, &in, text, n, prompt.adapter || prompt.text,
                       strcmp(path, "-") ? path : "standard input");
    if (!s)
        s = score_all(a, m, &in, &prompt);
    input_release(&in);
    free(text);
    tacit_adapter_close(adapter);
    tacit_model_close(m);
    return s;
}
