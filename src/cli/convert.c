/* tacit convert and merge. */
#include "cli.h"

#include <string.h>

static bool convert_options(const struct cli_args *a, struct tacit_convert_options *o)
{
    size_t task = 0;
    *o = tacit_convert_options_default();
    if (!cli_above_0(a, "width", &o->width) || !cli_size(a, "task-id", &task))
        return false;
    o->dtype = cli_get(a, "dtype");
    o->tokenizer = cli_get(a, "tokenizer");
    o->model = cli_get(a, "model");
    o->text = cli_get(a, "text");
    o->before = cli_get(a, "before");
    o->place = cli_get(a, "place");
    o->old_bloom_prefix = cli_has(a, "old-bloom-prefix");
    o->base_name = cli_get(a, "base-name");
    o->hub_cache = cli_hub_cache();
    if (cli_has(a, "task-id"))
        o->task = task < INT32_MAX ? (long)task : INT32_MAX;
    return true;
}

static void print_json(const struct tacit_convert_result *r, const char *key, const char *value)
{
    putchar('{');
    if (r->is_model)
        printf("\"dtype\": \"%s\", ", r->dtype);
    else
        printf("\"tokens\": %zu, \"text_tokens\": %zu, \"width\": %zu, ", r->tokens, r->text_tokens,
               r->width);
    printf("\"%s\": ", key);
    cli_json_string(stdout, value, strlen(value));
    printf("}\n");
}

static void print_words(const struct tacit_convert_result *r, const char *to, const char *from)
{
    if (r->is_model)
        fprintf(stderr, "%s: %s in %s\n", to, from, r->dtype);
    else if (r->text_tokens)
        fprintf(stderr, "%s: %zu tokens of width %zu, and %zu of the text\n", to, r->tokens,
                r->width, r->text_tokens);
    else
        fprintf(stderr, "%s: %zu tokens of width %zu\n", to, r->tokens, r->width);
}

static int print_base64(const struct cli_args *a, const struct tacit_convert_options *o)
{
    struct tacit_convert_result r;
    struct tacit_err err;
    char *text;
    if (a->n_word != 1 || cli_has(a, "out"))
        return cli_usage(a, "option '--base64' prints: expected FROM alone");
    if (tacit_convert_base64(&r, &text, a->word[0], o, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json"))
        print_json(&r, "base64", text);
    else
        puts(text);
    tacit_free(text);
    return 0;
}

int cli_convert(const struct cli_args *a)
{
    struct tacit_convert_options o;
    struct tacit_convert_result r;
    struct cli_progress progress;
    struct tacit_err err;
    if (!convert_options(a, &o))
        return TACIT_EINPUT;
    if (cli_has(a, "base64"))
        return print_base64(a, &o);
    if (a->n_word < 1 || a->n_word + (int)cli_has(a, "out") != 2)
        return cli_usage(a, "expected FROM and TO");
    const char *to = a->n_word > 1 ? a->word[1] : cli_get(a, "out");
    cli_progress_start(&progress, a, "tensor");
    o.progress = &progress.p;
    enum tacit_status s = tacit_convert(&r, to, a->word[0], &o, &err);
    cli_progress_end(&progress);
    if (s)
        return cli_fail(a, &err);
    if (cli_has(a, "json"))
        print_json(&r, "out", to);
    else if (!cli_has(a, "quiet"))
        print_words(&r, to, a->word[0]);
    return 0;
}

int cli_merge(const struct cli_args *a)
{
    struct tacit_err err;
    size_t n;
    if (a->n_word != 1)
        return cli_usage(a, "expected one adapter");
    if (!cli_need(a, "model") || !cli_need(a, "out"))
        return TACIT_EINPUT;
    const char *out = cli_get(a, "out"), *model = cli_get(a, "model");
    if (tacit_adapter_merge(out, a->word[0], model, cli_get(a, "dtype"), cli_hub_cache(), &n, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        printf("{\"matrices\": %zu, \"out\": ", n);
        cli_json_string(stdout, out, strlen(out));
        printf("}\n");
    } else if (!cli_has(a, "quiet")) {
        fprintf(stderr, "%s: %s with %s in %zu of its matrices\n", out, model, a->word[0], n);
    }
    return 0;
}
