/* tacit generate, tokenize and tokenizer. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_LIMIT = 1 << 30, GENERATE_LIMIT = 1 << 24 };

/* Token ids separated by blanks; *ids is the caller's. */
static int parse_ids(const struct cli_args *a, const char *text, int32_t **ids, size_t *n)
{
    size_t cap = strlen(text) / 2 + 1;
    *n = 0;
    *ids = calloc(cap, sizeof **ids);
    if (!*ids)
        return cli_no_memory(a);
    for (const char *p = text + strspn(text, " \t\r\n"); *p; p += strspn(p, " \t\r\n")) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < 0 || v > INT32_MAX || (*end && !strchr(" \t\r\n", *end)))
            return cli_usage(a, "expected token ids separated by blanks, found '%.*s'",
                             (int)strcspn(p, " \t\r\n"), p);
        (*ids)[(*n)++] = (int32_t)v;
        p = end;
    }
    return 0;
}

/* What on_token writes to. */
struct output {
    struct tacit_stream *stream; /* NULL: ids come out */
    bool json;
    int32_t *ids;
    double *logp;
    size_t n;
    char *text; /* of JSON, so far */
    size_t bytes, cap;
    struct tacit_err err;
    int status;
};

/* What the stream gives for a token, or at its end (id -1): printed, or kept for JSON. */
static int take_text(struct output *o, int32_t id)
{
    const char *text;
    size_t n;
    if (tacit_stream_next(o->stream, id, &text, &n, &o->err))
        return (int)o->err.status;
    if (!o->json) {
        fwrite(text, 1, n, stdout);
        return 0;
    }
    if (o->bytes + n + 1 > o->cap) {
        size_t cap = 2 * (o->bytes + n + 1);
        char *grown = realloc(o->text, cap);
        if (!grown) {
            o->err.status = TACIT_EFAIL;
            snprintf(o->err.msg, sizeof o->err.msg, "out of memory");
            return TACIT_EFAIL;
        }
        o->text = grown;
        o->cap = cap;
    }
    memcpy(o->text + o->bytes, text, n);
    o->bytes += n;
    return 0;
}

static int on_token(void *ctx, int32_t id, double logprob)
{
    struct output *o = ctx;
    o->ids[o->n] = id;
    o->logp[o->n++] = logprob;
    if (!o->stream) {
        if (!o->json)
            printf("%s%d", o->n > 1 ? " " : "", id);
    } else if ((o->status = take_text(o, id))) {
        return 1;
    }
    fflush(stdout);
    return cli_stopped();
}

static void print_json(const struct output *o)
{
    printf("{\"text\": ");
    if (o->stream)
        cli_json_string(stdout, o->text ? o->text : "", o->bytes);
    else
        fputs("null", stdout);
    printf(", \"ids\": [");
    for (size_t i = 0; i < o->n; i++)
        printf("%s%d", i ? ", " : "", o->ids[i]);
    printf("], \"logprobs\": [");
    for (size_t i = 0; i < o->n; i++) {
        fputs(i ? ", " : "", stdout);
        cli_json_double(stdout, o->logp[i]);
    }
    printf("]}\n");
}

static int finish_output(const struct cli_args *a, struct output *o)
{
    if (o->stream && !o->status)
        o->status = take_text(o, -1);
    if (o->status)
        return cli_fail(a, &o->err);
    if (o->json)
        print_json(o);
    else
        fputc('\n', stdout);
    return 0;
}

static bool generate_options(const struct cli_args *a, struct tacit_generate_options *o)
{
    *o = tacit_generate_options_default();
    return cli_size(a, "max-tokens", &o->max_tokens) &&
           cli_double(a, "temperature", &o->temperature) && cli_size(a, "top-k", &o->top_k) &&
           cli_double(a, "top-p", &o->top_p) && cli_u64(a, "seed", &o->seed);
}

/* A text that ended because the model has no more places. */
static void say_end(const struct cli_args *a, const struct tacit_model *m, size_t n, size_t most)
{
    struct tacit_model_info info;
    if (n == most || cli_stopped() || cli_has(a, "quiet"))
        return;
    tacit_model_describe(m, &info);
    fprintf(stderr,
            "tacit generate: ends after %zu tokens: with prompt and text %s takes %zu at most", n,
            info.path, info.longest);
    if (info.longest_by)
        fprintf(stderr, " (config.json: field '%s')", info.longest_by);
    fputc('\n', stderr);
}

static int generate(const struct cli_args *a, struct tacit_model *m,
                    const struct tacit_prompt *prompt, const int32_t *ids, size_t n, bool raw,
                    unsigned how)
{
    struct tacit_generate_options o;
    const struct tacit_tokenizer *t = raw ? NULL : tacit_model_tokenizer(m);
    struct output out = {.json = cli_has(a, "json")};
    struct tacit_err err;
    if (!generate_options(a, &o))
        return TACIT_EINPUT;
    out.ids = calloc(o.max_tokens + 1, sizeof *out.ids);
    out.logp = calloc(o.max_tokens + 1, sizeof *out.logp);
    int s = out.ids && out.logp ? 0 : cli_no_memory(a);
    if (!s && t && tacit_stream_new(&out.stream, t, how, &err))
        s = cli_fail(a, &err);
    if (!s && tacit_generate(m, prompt, ids, n, &o, on_token, &out, &err))
        s = cli_fail(a, &err);
    if (!s)
        s = finish_output(a, &out);
    if (!s)
        say_end(a, m, out.n, o.max_tokens);
    tacit_stream_free(out.stream);
    free(out.text);
    free(out.ids);
    free(out.logp);
    return s;
}

int cli_generate(const struct cli_args *a)
{
    struct tacit_model *m = NULL;
    struct tacit_adapter *adapter = NULL;
    struct tacit_prompt prompt;
    struct tacit_err err;
    int32_t *ids = NULL;
    char *read = NULL;
    size_t n = 0, bytes;
    if (a->n_word > 1)
        return cli_usage(a, "expected one text (quote it)");
    int s = cli_open_model(a, &m);
    if (!s)
        s = cli_open_prompt(a, m, &prompt, &adapter);
    if (!s && !a->n_word)
        s = cli_read(a, &read, "-", GENERATE_LIMIT, &bytes);
    const char *text = a->n_word ? a->word[0] : read;
    bool raw = cli_has(a, "ids");
    if (!s && raw)
        s = parse_ids(a, text, &ids, &n);
    else if (!s && !tacit_model_tokenizer(m))
        s = cli_usage(a, "%s has no tokenizer, give --ids", cli_model(a));
    else if (!s && tacit_encode_as(tacit_model_tokenizer(m), &ids, &n, text, strlen(text),
                                   TACIT_TEXT_BEGINS, &err))
        s = cli_fail(a, &err);
    if (!s)
        s = generate(a, m, &prompt, ids, n, raw, *text ? TACIT_TEXT_CONTINUES : 0);
    tacit_free(ids);
    free(read);
    tacit_adapter_close(adapter);
    tacit_model_close(m);
    return s;
}

/* One piece of the input: `line` is its number in the file of this name. */
static int print_piece(const struct cli_args *a, const struct tacit_tokenizer *t, char *text,
                       size_t bytes, const char *name, size_t line)
{
    bool json = cli_has(a, "json"), decode = cli_has(a, "decode");
    unsigned how = cli_has(a, "special") ? TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS : 0;
    struct tacit_err err;
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n, out;
    int s = 0;
    if (decode) {
        char end = text[bytes];
        text[bytes] = '\0';
        s = parse_ids(a, text, &ids, &n);
        text[bytes] = end;
    } else if (tacit_encode_as(t, &ids, &n, text, bytes, how, &err)) {
        s = cli_fail_at(a, name, line, &err);
    }
    if (!s && decode && tacit_decode(t, &back, &out, ids, n, &err))
        s = cli_fail_at(a, name, line, &err);
    if (!s && decode) {
        if (json)
            fputs("{\"text\": ", stdout), cli_json_string(stdout, back, out), fputs("}\n", stdout);
        else
            fwrite(back, 1, out, stdout), fputs(cli_has(a, "lines") ? "\n" : "", stdout);
    } else if (!s) {
        fputs(json ? "{\"ids\": [" : "", stdout);
        for (size_t i = 0; i < n; i++)
            printf("%s%d", i ? json ? ", " : " " : "", ids[i]);
        fputs(json ? "]}\n" : "\n", stdout);
    }
    tacit_free(ids);
    tacit_free(back);
    return s;
}

int cli_tokenize(const struct cli_args *a)
{
    const char *from = cli_has(a, "tokenizer") ? cli_get(a, "tokenizer") : cli_model(a);
    struct tacit_tokenizer *t;
    struct tacit_err err;
    size_t n;
    if (!from)
        return cli_usage(a, "option '--model' or '--tokenizer' is needed");
    if (a->n_word > 1)
        return cli_usage(a, "expected one file");
    if (tacit_tokenizer_open(&t, from, &err))
        return cli_fail(a, &err);
    const char *path = a->n_word ? a->word[0] : "-",
               *name = strcmp(path, "-") ? path : "standard input";
    char *text;
    int s = cli_read(a, &text, path, INPUT_LIMIT, &n);
    size_t line = 1;
    if (s) {
        tacit_tokenizer_close(t);
        return s;
    }
    if (!cli_has(a, "lines"))
        s = print_piece(a, t, text, n, name, line);
    else
        for (char *p = text, *end; !s && p < text + n; p = end + 1) {
            end = memchr(p, '\n', (size_t)(text + n - p));
            if (!end)
                end = text + n;
            s = print_piece(a, t, p, (size_t)(end - p), name, line++);
        }
    free(text);
    tacit_tokenizer_close(t);
    return s;
}

enum { MAX_SPECIAL = 64 };

/* Cuts the list in place; returns how many names there are, 0 where there are too many. */
static size_t split_list(char *list, const char **name)
{
    size_t n = 0;
    for (char *save = NULL, *w = strtok_r(list, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        if (n == MAX_SPECIAL)
            return 0;
        name[n++] = w;
    }
    return n;
}

static int learn(const struct cli_args *a, struct tacit_learn_options *o)
{
    struct cli_progress progress;
    struct tacit_tokenizer *t = NULL;
    struct tacit_err err;
    const char *out = cli_get(a, "out");
    cli_progress_start(&progress, a, "token");
    enum tacit_status s =
        tacit_tokenizer_learn(out, a->word + 1, (size_t)a->n_word - 1, o, &progress.p, &err);
    cli_progress_end(&progress);
    if (!s)
        s = tacit_tokenizer_open(&t, out, &err);
    if (s)
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        printf("{\"tokens\": %zu, \"out\": ", tacit_tokenizer_size(t));
        cli_json_string(stdout, out, strlen(out));
        printf("}\n");
    } else {
        printf("%s: %zu tokens\n", out, tacit_tokenizer_size(t));
    }
    tacit_tokenizer_close(t);
    return 0;
}

int cli_tokenizer(const struct cli_args *a)
{
    struct tacit_learn_options o = tacit_learn_options_default();
    const char *special[MAX_SPECIAL];
    if (a->n_word < 2 || strcmp(a->word[0], "train") != 0)
        return cli_usage(a, "expected: train FILE...");
    if (!cli_need(a, "out") || !cli_above_0(a, "vocab", &o.vocab) ||
        !cli_size(a, "min-count", &o.min_count))
        return TACIT_EINPUT;
    if (cli_has(a, "pattern"))
        o.pattern = cli_get(a, "pattern");
    char *list = cli_has(a, "special") ? strdup(cli_get(a, "special")) : NULL;
    if (cli_has(a, "special") && (!list || (*list && !(o.n_special = split_list(list, special))))) {
        free(list);
        return cli_usage(a, "option '--special': expected at most %d names separated by commas",
                         MAX_SPECIAL);
    }
    if (list) {
        o.special = special;
        o.n_special = *list ? o.n_special : 0;
    }
    int s = learn(a, &o);
    free(list);
    return s;
}
