/* tacit score: log-probabilities of given texts. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_LIMIT = 1 << 30, PARTS = 3 }; /* parts of a line: before, text, target */

/* The queries of the input, and the ids that they point to. */
struct input {
    struct tacit_query *query;
    int32_t **owned; /* PARTS a query */
    size_t n, cap;
};

static void input_release(struct input *in)
{
    for (size_t i = 0; i < PARTS * in->n; i++)
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
    int32_t **o = realloc(in->owned, PARTS * cap * sizeof *o);
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

/* What the lines are read for: a prompt, and whether it stands behind each text. */
struct reading {
    const struct tacit_model *m;
    const char *name; /* of the file */
    bool prompted, end;
};

/* The first part's ids and the second's as the second. */
static int join(const struct cli_args *a, int32_t *ids[2], size_t before, size_t *n)
{
    int32_t *all = before ? calloc(before + *n, sizeof *all) : NULL;
    if (!before)
        return 0;
    if (!all)
        return cli_no_memory(a);
    memcpy(all, ids[0], before * sizeof *all);
    if (*n)
        memcpy(all + before, ids[1], *n * sizeof *all);
    tacit_free(ids[1]);
    ids[1] = all;
    *n += before;
    return 0;
}

/* Every token of the text that has a predecessor is a target. */
static void score_text(struct tacit_query *q, const struct reading *r)
{
    size_t first = q->at || r->prompted || !q->n_context ? q->at : 1;
    q->target = q->context + first;
    q->n_target = q->n_context - first;
    q->n_context = first;
}

static int take_parts(const struct cli_args *a, const struct reading *r, struct input *in,
                      const json_t *o, size_t line)
{
    int32_t **ids = &in->owned[PARTS * in->n];
    struct tacit_query *q = &in->query[in->n++];
    bool has_before, has_text, has_target;
    const char *missing = NULL;
    *q = (struct tacit_query){0};
    ids[0] = ids[1] = ids[2] = NULL;
    int s =
        take_part(a, r->m, o, "before_ids", "before", &ids[0], &q->at, &has_before, r->name, line);
    if (!s)
        s = take_part(a, r->m, o, "ids", "text", &ids[1], &q->n_context, &has_text, r->name, line);
    if (!s)
        s = take_part(a, r->m, o, "target_ids", "target", &ids[2], &q->n_target, &has_target,
                      r->name, line);
    if (!s && !has_text && !has_target)
        missing = "none of the fields ids, text, target_ids, target is there";
    if (!s && !has_target && r->prompted && r->end)
        missing = "the prompt stands before the target (place end), and there is none";
    if (missing) {
        fprintf(stderr, "tacit score: %s:%zu: %s\n", r->name, line, missing);
        return TACIT_EINPUT;
    }
    if (!s)
        s = join(a, ids, q->at, &q->n_context);
    q->context = ids[1];
    q->target = ids[2];
    if (!s && !has_target)
        score_text(q, r);
    return s;
}

static int take_line(const struct cli_args *a, const struct reading *r, struct input *in,
                     char *text, size_t bytes, size_t line)
{
    json_error_t e;
    json_t *o = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &e);
    int s = 0;
    if (!json_is_object(o)) {
        fprintf(stderr, "tacit score: %s:%zu: %s\n", r->name, line,
                o ? "expected an object" : e.text);
        s = TACIT_EINPUT;
    } else if (!grow(in)) {
        s = cli_no_memory(a);
    } else {
        s = take_parts(a, r, in, o, line);
    }
    json_decref(o);
    return s;
}

static int take_input(const struct cli_args *a, const struct reading *r, struct input *in,
                      char *text, size_t n)
{
    size_t line = 0;
    for (char *p = text, *end; p < text + n; p = end + 1) {
        end = memchr(p, '\n', (size_t)(text + n - p));
        if (!end)
            end = text + n;
        line++;
        if (strspn(p, " \t\r") >= (size_t)(end - p))
            continue;
        int s = take_line(a, r, in, p, (size_t)(end - p), line);
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
    *prompt = (struct tacit_prompt){.text = cli_get(a, "prompt"), .place = cli_get(a, "place")};
    if (cli_has(a, "adapter") && cli_has(a, "prompt"))
        return cli_usage(a, "give --adapter or --prompt, not both");
    if (cli_has(a, "adapter") && tacit_adapter_open(adapter, cli_get(a, "adapter"), m, &err))
        return cli_fail(a, &err);
    prompt->adapter = *adapter;
    if (*adapter && !prompt->place)
        prompt->place = tacit_adapter_place(*adapter);
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
    struct reading r = {.m = m,
                        .name = strcmp(path, "-") ? path : "standard input",
                        .prompted = !s && (prompt.adapter || prompt.text),
                        .end = !s && prompt.place && strcmp(prompt.place, "end") == 0};
    if (!s)
        s = take_input(a, &r, &in, text, n);
    if (!s)
        s = score_all(a, m, &in, &prompt);
    input_release(&in);
    free(text);
    tacit_adapter_close(adapter);
    tacit_model_close(m);
    return s;
}
