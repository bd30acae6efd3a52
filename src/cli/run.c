/* tacit train, pretrain, init-model and convert. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static bool has_noise(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    return false;
}

static bool check_noise(const struct cli_args *a, const char *list)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", list);
    char *save;
    for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
        if (strcmp(w, "order") && strcmp(w, "init") && strcmp(w, "moments") && strcmp(w, "none")) {
            cli_usage(a, "option '--noise': expected a list of order, init, moments, found '%s'",
                      w);
            return false;
        }
    return true;
}

static bool set_init(const struct cli_args *a, struct tacit_train_options *o)
{
    struct tacit_err err;
    if (cli_has(a, "init") && tacit_train_init(o, cli_get(a, "init"), &err)) {
        cli_usage(a, "option '--init': %s", err.msg);
        return false;
    }
    if (o->init == TACIT_INIT_ADAPTER && !cli_has(a, "method"))
        o->method = NULL;
    return true;
}

/* A text was named that the method has no use for. */
static bool check_text(const struct cli_args *a, const struct tacit_train_options *o)
{
    struct tacit_method m;
    if (!o->init_text || !tacit_method_find(o->method, &m) || m.from_text)
        return true;
    cli_usage(a, "option '--init': method %s draws its first values itself", m.name);
    return false;
}

static bool set_order(const struct cli_args *a, struct tacit_train_options *o)
{
    static const char *const known[] = {"shuffled", "file", "passages"};
    o->order = cli_get(a, "order");
    for (size_t i = 0; o->order && i < sizeof known / sizeof *known; i++)
        if (strcmp(o->order, known[i]) == 0)
            return true;
    if (o->order)
        cli_usage(a, "option '--order': expected shuffled, file or passages, found '%s'", o->order);
    return !o->order;
}

static bool train_options(const struct cli_args *a, struct tacit_train_options *o)
{
    const char *noise = cli_get(a, "noise");
    struct tacit_method method;
    *o = tacit_train_options_default();
    if (cli_has(a, "method"))
        o->method = cli_get(a, "method");
    if (tacit_method_find(o->method, &method))
        o->lr = method.lr;
    if (cli_has(a, "optimizer"))
        o->optimizer = cli_get(a, "optimizer");
    if (cli_has(a, "schedule"))
        o->schedule = cli_get(a, "schedule");
    if (noise) {
        if (!check_noise(a, noise))
            return false;
        o->noise_order = has_noise(noise, "order");
        o->noise_init = has_noise(noise, "init");
        o->noise_moments = has_noise(noise, "moments");
    }
    if (cli_has(a, "batch-tokens") && !cli_has(a, "batch"))
        o->batch = SIZE_MAX; /* tokens alone are the limit */
    o->keep_best = cli_has(a, "best");
    o->place = cli_get(a, "place");
    o->text_cache = cli_get(a, "text-cache");
    o->pull_text = cli_get(a, "pull");
    if (cli_has(a, "pull") != cli_has(a, "pull-weight")) {
        cli_usage(a, "options '--pull' and '--pull-weight' belong together");
        return false;
    }
    o->out = cli_get(a, "out");
    o->base_name = cli_has(a, "base-name") ? cli_get(a, "base-name") : cli_model(a);
    return set_init(a, o) && check_text(a, o) && set_order(a, o) &&
           cli_above_0(a, "tokens", &o->tokens) && cli_size(a, "epochs", &o->epochs) &&
           cli_u64(a, "steps", &o->steps) && cli_size(a, "batch", &o->batch) &&
           cli_size(a, "batch-tokens", &o->batch_tokens) &&
           cli_size(a, "accumulate", &o->accumulate) && cli_double(a, "lr", &o->lr) &&
           cli_double(a, "warmup", &o->warmup) && cli_double(a, "beta1", &o->beta1) &&
           cli_double(a, "beta2", &o->beta2) && cli_double(a, "eps", &o->eps) &&
           cli_double(a, "weight-decay", &o->weight_decay) &&
           cli_double(a, "momentum", &o->momentum) && cli_double(a, "clip", &o->clip) &&
           cli_u64(a, "seed", &o->seed) && cli_u64(a, "seed-order", &o->seed_order) &&
           cli_u64(a, "seed-init", &o->seed_init) && cli_u64(a, "seed-moments", &o->seed_moments) &&
           cli_double(a, "init-scale", &o->init_scale) &&
           cli_double(a, "moments-scale", &o->moments_scale) &&
           cli_double(a, "pull-weight", &o->pull_weight) &&
           cli_u64(a, "eval-steps", &o->eval_steps) &&
           cli_size(a, "eval-epochs", &o->eval_epochs) && cli_size(a, "patience", &o->patience);
}

static void print_result(const struct cli_args *a, const struct tacit_train_options *o,
                         const struct tacit_train_result *r, bool evaluated)
{
    char memory[32];
    if (cli_has(a, "json")) {
        printf("{\"steps\": %llu, \"tokens\": %zu, \"parameters\": %zu, \"last_loss\": ",
               (unsigned long long)r->steps, r->tokens, r->parameters);
        cli_json_double(stdout, r->last_loss);
        printf(", \"best_score\": ");
        cli_json_double(stdout, r->best_score);
        printf(
            ", \"best_step\": %llu, \"memory_bytes\": %zu, \"rows\": %llu, \"rows_unshared\": %llu, "
            "\"resumed\": %s, \"already_done\": %s, \"identity\": \"%s\", \"out\": ",
            (unsigned long long)r->best_step, r->memory_bytes, (unsigned long long)r->rows,
            (unsigned long long)r->rows_unshared, r->resumed ? "true" : "false",
            r->already_done ? "true" : "false", r->identity);
        cli_json_string(stdout, o->out, strlen(o->out));
        printf("}\n");
        return;
    }
    if (r->already_done) {
        printf("%s: this run is finished already (%llu steps); nothing was done\n", o->out,
               (unsigned long long)r->steps);
        return;
    }
    printf("%s: %llu steps%s, %zu parameters", o->out, (unsigned long long)r->steps,
           r->resumed ? " (resumed)" : "", r->parameters);
    if (evaluated)
        printf(", best accuracy %.4f at step %llu", r->best_score,
               (unsigned long long)r->best_step);
    printf(", %s\n", cli_bytes(memory, (double)r->memory_bytes));
}

/* A task and its examples as the options say. */
struct data {
    struct tacit_task *task;
    struct tacit_examples *train, *validation;
};

static void data_release(struct data *d)
{
    tacit_examples_free(d->train);
    tacit_examples_free(d->validation);
    tacit_task_close(d->task);
}

static void say_truncated(const char *what, const struct tacit_examples *e)
{
    if (e && tacit_examples_truncated(e))
        fprintf(stderr, "%zu of %zu %s inputs were cut on their left to fit --max-length\n",
                tacit_examples_truncated(e), tacit_examples_count(e), what);
}

static int load_data(const struct cli_args *a, const struct tacit_model *m, struct data *d)
{
    struct tacit_examples_options o = tacit_examples_options_default();
    const struct tacit_tokenizer *t = tacit_model_tokenizer(m);
    struct tacit_err err;
    *d = (struct data){0};
    o.labelled = 1;
    if (!cli_need(a, "task") || !cli_need(a, "data") || !cli_size(a, "limit", &o.limit) ||
        !cli_size(a, "shots", &o.shots) || !cli_u64(a, "seed", &o.seed) ||
        !cli_size(a, "max-length", &o.max_length))
        return TACIT_EINPUT;
    if (!t)
        return cli_usage(a, "%s has no tokenizer, a task in words needs one", cli_model(a));
    if (tacit_task_open(&d->task, cli_get(a, "task"), cli_task_folders(a), &err) ||
        tacit_examples_load(&d->train, d->task, cli_get(a, "data"), "train", t, &o, &err))
        return cli_fail(a, &err);
    say_truncated("training", d->train);
    if (cli_has(a, "no-eval"))
        return 0;
    o.shots = 0;
    if (!cli_size(a, "eval-limit", &o.limit))
        return TACIT_EINPUT;
    if (tacit_examples_load(&d->validation, d->task, cli_get(a, "data"), "validation", t, &o, &err))
        return cli_fail(a, &err);
    say_truncated("validation", d->validation);
    return 0;
}

/* What becomes of the texts before the prompts, where there are any. */
static void show_texts(const struct tacit_train_texts *t)
{
    char bytes[32];
    cli_bytes(bytes, (double)t->bytes);
    if (t->kept)
        fprintf(stderr, "keys and values of %zu texts before the prompt are kept: %s\n", t->n,
                bytes);
    else if (t->n)
        fprintf(stderr,
                "%zu texts before the prompt are computed in every epoch: keeping their keys and "
                "values would take %s (--memory, --text-cache f16)\n",
                t->n, bytes);
}

/* In precision bf16: what it costs in loss. */
static int show_rounding(const struct cli_args *a, struct tacit_model *m, const struct data *d,
                         const struct tacit_train_options *o)
{
    struct tacit_model_info info;
    struct tacit_err err;
    double exact, rounded;
    tacit_model_describe(m, &info);
    if (!info.bf16)
        return 0;
    if (tacit_train_rounding(m, d->task, d->train, o, &exact, &rounded, &err))
        return cli_fail(a, &err);
    fprintf(stderr, "rounding changes the untrained loss of the largest batch from %.6f to %.6f\n",
            exact, rounded);
    return 0;
}

static void print_plan(const struct tacit_memory *p)
{
    printf(
        "{\"memory_bytes\": %zu, \"program\": %zu, \"weights\": %zu, \"trained\": %zu, "
        "\"texts\": %zu, \"activations\": %zu, \"rows\": %zu, \"limit\": %zu, \"recompute\": %s, "
        "\"again\": ",
        p->bytes, p->program, p->weights, p->trained, p->texts, p->activations, p->rows, p->limit,
        p->recompute ? "true" : "false");
    cli_json_double(stdout, p->again);
    printf("}\n");
}

/* What the memory is for, and what keeping to a limit costs. */
static void show_memory(const struct tacit_memory *p)
{
    char program[32], trained[32], activations[32], limit[32];
    cli_bytes(limit, (double)p->limit);
    fprintf(stderr, "activations %s, trained values with their state %s, program and data %s\n",
            cli_bytes(activations, (double)p->activations), cli_bytes(trained, (double)p->trained),
            cli_bytes(program, (double)p->program));
    if (p->recompute)
        fprintf(stderr,
                "to keep to %s (%s) large batches compute activations again in the backward pass: "
                "%.0f %% more work for the largest, the same bytes\n",
                limit, p->said ? "--memory" : "what this machine has", 100 * p->again);
    if (!p->said && p->limit && p->bytes > p->limit)
        fprintf(stderr, "this machine has %s for it: smaller batches may be needed (--batch)\n",
                limit);
}

static int show_plan(const struct cli_args *a, struct tacit_model *m, const struct data *d,
                     const struct tacit_train_options *o)
{
    struct tacit_err err;
    struct tacit_train_texts texts;
    struct tacit_memory plan;
    if (tacit_train_plan(m, d->task, d->train, d->validation, o, &plan, &err) ||
        tacit_train_texts(m, d->task, d->train, o, &texts, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "plan") && cli_has(a, "json"))
        print_plan(&plan);
    cli_show_plan(a, m, plan.bytes, plan.rows, plan.weights);
    if (!cli_has(a, "quiet"))
        show_memory(&plan);
    if (!cli_has(a, "quiet"))
        show_texts(&texts);
    int s = cli_has(a, "quiet") ? 0 : show_rounding(a, m, d, o);
    if (s)
        return s;
    if (!cli_has(a, "quiet"))
        fprintf(stderr, "%zu training examples", tacit_examples_count(d->train));
    if (!cli_has(a, "quiet") && d->validation)
        fprintf(stderr, ", %zu to validate", tacit_examples_count(d->validation));
    if (!cli_has(a, "quiet"))
        fputc('\n', stderr);
    return 0;
}

int cli_train(const struct cli_args *a)
{
    struct tacit_train_options o;
    struct tacit_train_result r;
    struct cli_progress progress;
    struct tacit_model *m = NULL;
    struct data d = {0};
    struct tacit_err err;
    if (a->n_word)
        return cli_usage(a, "unexpected argument '%s'", a->word[0]);
    if (!train_options(a, &o) || !cli_need(a, "out"))
        return TACIT_EINPUT;
    int s = cli_open_model(a, &m);
    if (!s)
        s = load_data(a, m, &d);
    if (!s)
        s = show_plan(a, m, &d, &o);
    if (!s && !cli_has(a, "plan")) {
        cli_progress_start(&progress, a, "step");
        s = (int)tacit_train(m, d.task, d.train, d.validation, &o, &r, &progress.p, &err);
        cli_progress_end(&progress);
        if (s)
            s = cli_fail(a, &err);
        else
            print_result(a, &o, &r, d.validation != NULL);
    }
    data_release(&d);
    tacit_model_close(m);
    return s;
}

int cli_pretrain(const struct cli_args *a)
{
    struct tacit_train_options o;
    struct tacit_train_result r;
    struct cli_progress progress;
    struct tacit_model *m = NULL;
    struct tacit_err err;
    size_t context = 128;
    if (!a->n_word)
        return cli_usage(a, "expected text files");
    if (!train_options(a, &o) || !cli_need(a, "out") || !cli_size(a, "context", &context))
        return TACIT_EINPUT;
    o.method = "full";
    if (cli_has(a, "documents"))
        context = 0;
    if (!cli_has(a, "lr"))
        o.lr = 1e-3;
    if (!cli_has(a, "epochs"))
        o.epochs = 1;
    int s = cli_open_model(a, &m);
    if (s)
        return s;
    cli_progress_start(&progress, a, "step");
    s = (int)tacit_pretrain(m, a->word, (size_t)a->n_word, context, &o, &r, &progress.p, &err);
    cli_progress_end(&progress);
    if (s)
        s = cli_fail(a, &err);
    else
        print_result(a, &o, &r, false);
    tacit_model_close(m);
    return s;
}

int cli_init_model(const struct cli_args *a)
{
    struct tacit_model_shape shape = tacit_model_shape_default();
    struct tacit_err err;
    if (!cli_need(a, "out") || !cli_size(a, "layers", &shape.layers) ||
        !cli_size(a, "width", &shape.width) || !cli_size(a, "heads", &shape.heads) ||
        !cli_size(a, "vocab", &shape.vocab) || !cli_size(a, "mlp-width", &shape.mlp_width) ||
        !cli_size(a, "key-heads", &shape.key_heads) ||
        !cli_size(a, "head-width", &shape.head_width) ||
        !cli_size(a, "positions", &shape.positions) || !cli_double(a, "std", &shape.std) ||
        !cli_u64(a, "seed", &shape.seed))
        return TACIT_EINPUT;
    shape.tokenizer = cli_get(a, "tokenizer");
    if (cli_has(a, "dtype"))
        shape.dtype = cli_get(a, "dtype");
    if (cli_has(a, "family"))
        shape.family = cli_get(a, "family");
    if (tacit_model_create(cli_get(a, "out"), &shape, &err))
        return cli_fail(a, &err);
    if (cli_has(a, "json")) {
        printf(
            "{\"family\": \"%s\", \"layers\": %zu, \"width\": %zu, \"heads\": %zu, \"dtype\": \"%s\", \"seed\": %llu, \"out\": ",
            shape.family, shape.layers, shape.width, shape.heads, shape.dtype,
            (unsigned long long)shape.seed);
        cli_json_string(stdout, cli_get(a, "out"), strlen(cli_get(a, "out")));
        printf("}\n");
    } else if (!cli_has(a, "quiet"))
        fprintf(stderr, "%s: a random %s of %zu layers, width %zu\n", cli_get(a, "out"),
                shape.family, shape.layers, shape.width);
    return 0;
}
