/* tacit score: log-probabilities of given texts. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
                     const char *ids_key, const char *text_key, unsigned how, int32_t **ids,
                     size_t *n, bool *there, const char *name, size_t line)
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
    if (tacit_encode_as(t, ids, n, json_string_value(text), json_string_length(text), how, &err))
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

enum { MAX_ADAPTERS = 64 };

/* What texts are run under: one prompt, or, with names, several adapters of which each line names
 * one (prompt[n]: none of them). */
struct under {
    struct tacit_prompt prompt[MAX_ADAPTERS + 1];
    struct tacit_adapter *adapter[MAX_ADAPTERS];
    char name[MAX_ADAPTERS][64]; /* "" where there is one alone */
    size_t n;
};

/* What the lines are read for. */
struct reading {
    const struct tacit_model *m;
    const char *name; /* of the file */
    const struct under *under;
    size_t n_begin; /* ids that the tokenizer puts before a text */
};

/* Whether a prompt gives rows to predict from, and whether these stand behind each text. */
static bool has_rows(const struct tacit_prompt *p)
{
    return p->text || (p->adapter && tacit_adapter_values(p->adapter));
}

static bool at_end(const struct tacit_prompt *p)
{
    return has_rows(p) && p->place && strcmp(p->place, "end") == 0;
}

static int wrong_adapter(const struct reading *r, const json_t *found, size_t line)
{
    char *text = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    bool named = r->under->n && *r->under->name[0];
    fprintf(stderr, "tacit score: %s:%zu: field 'adapter': found %.100s, expected ", r->name, line,
            text ? text : "nothing");
    if (!named)
        fputs("none: no adapter was given a name (--adapter NAME=DIR)", stderr);
    for (size_t i = 0; named && i < r->under->n; i++)
        fprintf(stderr, "%s, ", r->under->name[i]);
    fputs(named ? "or null for none\n" : "\n", stderr);
    free(text);
    return TACIT_EINPUT;
}

/* Which prompt a line is run under. */
static int take_adapter(const struct reading *r, const json_t *o, size_t *out, size_t line)
{
    const json_t *v = json_object_get(o, "adapter");
    const struct under *u = r->under;
    const char *name = json_string_value(v);
    bool named = u->n && *u->name[0];
    *out = u->n;
    if (!named) {
        *out = 0;
        return v && !json_is_null(v) ? wrong_adapter(r, v, line) : 0;
    }
    for (size_t i = 0; name && i < u->n; i++)
        if (strcmp(u->name[i], name) == 0)
            *out = i;
    return *out == u->n && !json_is_null(v) ? wrong_adapter(r, v, line) : 0;
}

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

/* The context of a target in words that stands alone: what the tokenizer puts before a text. */
static int begin_alone(const struct cli_args *a, const struct tacit_model *m, int32_t **ids,
                       size_t *n)
{
    struct tacit_err err;
    return tacit_encode_as(tacit_model_tokenizer(m), ids, n, "", 0, TACIT_TEXT_BEGINS, &err)
               ? cli_fail(a, &err)
               : 0;
}

/* Every token of the text that has a predecessor is a target, but for what the tokenizer puts
 * before it. */
static void score_text(struct tacit_query *q, const struct reading *r, bool in_words)
{
    bool prompted = has_rows(&r->under->prompt[q->prompt]);
    size_t first = q->at || prompted || !q->n_context ? q->at : 1;
    if (in_words && first < r->n_begin)
        first = r->n_begin;
    q->target = q->context + first;
    q->n_target = q->n_context - first;
    q->n_context = first;
}

static int take_parts(const struct cli_args *a, const struct reading *r, struct input *in,
                      const json_t *o, size_t line)
{
    int32_t **ids = &in->owned[PARTS * in->n];
    struct tacit_query *q = &in->query[in->n++];
    bool has_before = false, has_text = false, has_target = false;
    const char *missing = NULL;
    *q = (struct tacit_query){0};
    ids[0] = ids[1] = ids[2] = NULL;
    int s = take_adapter(r, o, &q->prompt, line);
    if (!s)
        s = take_part(a, r->m, o, "before_ids", "before", TACIT_TEXT_BEGINS, &ids[0], &q->at,
                      &has_before, r->name, line);
    if (!s)
        s = take_part(a, r->m, o, "ids", "text",
                      has_before ? TACIT_TEXT_CONTINUES : TACIT_TEXT_BEGINS, &ids[1], &q->n_context,
                      &has_text, r->name, line);
    bool alone = !has_before && !has_text, in_words = !json_object_get(o, "ids");
    if (!s)
        s = take_part(a, r->m, o, "target_ids", "target", alone ? 0 : TACIT_TEXT_CONTINUES, &ids[2],
                      &q->n_target, &has_target, r->name, line);
    if (!s && alone && r->n_begin && json_object_get(o, "target"))
        s = begin_alone(a, r->m, &ids[1], &q->n_context);
    if (!s && !has_text && !has_target)
        missing = "none of the fields ids, text, target_ids, target is there";
    if (!s && !has_target && at_end(&r->under->prompt[q->prompt]))
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
        score_text(q, r, in_words && !has_before);
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
    cli_show_plan(a, m, bytes, rows, SIZE_MAX);
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

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

/* --adapter NAME=DIR, one of several. */
static int open_named(const struct cli_args *a, const struct tacit_model *m, struct under *u,
                      const char *value)
{
    const char *is = strchr(value, '=');
    struct tacit_err err;
    size_t n = is ? (size_t)(is - value) : 0, most = sizeof u->name[0] - 1;
    if (!n)
        return cli_usage(a, "option '--adapter': of several each has a name, NAME=DIR, found '%s'",
                         value);
    if (n > most)
        return cli_usage(a, "option '--adapter': a name of %zu bytes, expected %zu at most", n,
                         most);
    if (u->n == MAX_ADAPTERS)
        return cli_usage(a, "at most %d adapters", MAX_ADAPTERS);
    memcpy(u->name[u->n], value, n);
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->name[i], u->name[u->n]) == 0)
            return cli_usage(a, "option '--adapter': two are called '%s'", u->name[i]);
    if (tacit_adapter_open(&u->adapter[u->n], is + 1, m, &err))
        return cli_fail(a, &err);
    u->prompt[u->n] = (struct tacit_prompt){
        .name = u->name[u->n],
        .adapter = u->adapter[u->n],
        .place = cli_has(a, "place") ? cli_get(a, "place") : tacit_adapter_place(u->adapter[u->n])};
    u->n++;
    return 0;
}

static int open_under(const struct cli_args *a, const struct tacit_model *m, struct under *u)
{
    size_t count = 0;
    int s = 0;
    for (int i = 0; i < a->n_given; i++)
        count += strcmp(cli_given_name(a, i), "adapter") == 0;
    const char *only = cli_get(a, "adapter");
    if (count == 0 || (count == 1 && (is_there(only) || !strchr(only, '=')))) {
        u->n = 1;
        return cli_open_prompt(a, m, &u->prompt[0], &u->adapter[0]);
    }
    if (cli_has(a, "prompt"))
        return cli_usage(a, "give --adapter or --prompt, not both");
    for (int i = 0; !s && i < a->n_given; i++)
        if (strcmp(cli_given_name(a, i), "adapter") == 0)
            s = open_named(a, m, u, a->given[i].value);
    return s;
}

int cli_score(const struct cli_args *a)
{
    const char *path = a->n_word ? a->word[0] : "-";
    struct tacit_model *m = NULL;
    struct under u = {0};
    struct input in = {0};
    size_t n;
    if (a->n_word > 1)
        return cli_usage(a, "expected one file");
    int s = cli_open_model(a, &m);
    if (s)
        return s;
    char *text = NULL;
    s = open_under(a, m, &u);
    if (!s)
        s = cli_read(a, &text, path, INPUT_LIMIT, &n);
    json_set_alloc_funcs(allocate, free);
    struct reading r = {.m = m, .name = strcmp(path, "-") ? path : "standard input", .under = &u};
    int32_t *begin = NULL;
    if (!s && tacit_model_tokenizer(m))
        s = begin_alone(a, m, &begin, &r.n_begin);
    tacit_free(begin);
    if (!s)
        s = take_input(a, &r, &in, text, n);
    if (!s)
        s = score_all(a, m, &in, u.prompt);
    input_release(&in);
    free(text);
    for (size_t i = 0; i < MAX_ADAPTERS; i++)
        tacit_adapter_close(u.adapter[i]);
    tacit_model_close(m);
    return s;
}
