/* The command table, the parsing of options, help. */
#include "cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option cli_common_options[] = {
    {"json", NULL, "machine-readable output on standard output"},
    {"quiet", NULL, "no progress"},
    {"help", NULL, "this help"},
    {0},
};

const struct cli_option cli_model_options[] = {
    {"model", "DIR|ID", "model folder as downloaded, or a hub id in the local HuggingFace cache"},
    {"backend", "NAME", "cpu (default), ref, ref64"},
    {"isa", "NAME", "auto (default), portable, avx2, avx512; all give the same bytes"},
    {"threads", "N", "threads (default: one a processor); the result does not depend on it"},
    {"weights", "TYPE", "stored (default) or f32: expand matrices to float32 when loading"},
    {"memory", "LIMIT", "refuse what would need more memory: 4G, 512M"},
    {"no-share", NULL, "compute common beginnings again for every sequence"},
    {0},
};

static const struct cli_option data_options[] = {
    {"task", "NAME|FILE", "a task that ships with tacit (see tacit tasks), or a YAML file"},
    {"data", "DIR", "folder of the task's data files"},
    {"tasks", "DIR", "look for task files here first"},
    {"limit", "N", "at most N examples of each split"},
    {"shots", "K", "K training examples of each answer (drawn by --seed)"},
    {"max-length", "N", "tokens of input and answer; inputs are cut on their left (2048)"},
    {0},
};

static const struct cli_option train_options[] = {
    {"out", "DIR", "folder of the run: result, metrics, checkpoint; the same command goes on there"},
    {"method", "NAME", "prompt (default) or full"},
    {"tokens", "N", "tokens of the prompt (default: as many as the init text has)"},
    {"init", "KIND", "description (default), text:TEXT, vocab, normal, adapter:DIR"},
    {"epochs", "N", "passes over the training examples (50)"},
    {"steps", "N", "stop after N steps instead"},
    {"batch", "N", "examples a batch (8)"},
    {"batch-tokens", "N", "at most N tokens a batch"},
    {"accumulate", "N", "batches a step (1)"},
    {"lr", "X", "learning rate (1e-3; full: 2e-5)"},
    {"schedule", "NAME", "linear (default), cosine, constant"},
    {"warmup", "X", "steps of warm-up, or a share of all steps where below 1 (0.06)"},
    {"optimizer", "NAME", "adamw (default), adafactor"},
    {"beta1", "X", "AdamW (0.9)"},
    {"beta2", "X", "AdamW (0.999)"},
    {"eps", "X", "AdamW (1e-8)"},
    {"weight-decay", "X", "decoupled weight decay (0)"},
    {"clip", "X", "largest gradient norm, 0 for none (1)"},
    {"order", "KIND", "shuffled (default) or file"},
    {"noise", "LIST", "what the seeds change: order,init,moments (order)"},
    {"seed", "N", "seed of all noise sources (0)"},
    {"seed-order", "N", "seed of the data order"},
    {"seed-init", "N", "seed of the init"},
    {"seed-moments", "N", "seed of the first moments"},
    {"init-scale", "X", "jitter of the init by its own rms (0.1)"},
    {"moments-scale", "X", "first moments by the first gradient's rms (1)"},
    {"eval-steps", "N", "evaluate every N steps"},
    {"eval-epochs", "N", "evaluate every N epochs (1)"},
    {"eval-limit", "N", "on at most N validation examples"},
    {"no-eval", NULL, "do not evaluate"},
    {"best", NULL, "keep the best evaluation's values instead of the last"},
    {"patience", "N", "stop after N evaluations without a better one"},
    {"base-name", "ID", "base_model_name_or_path in adapter_config.json (default: --model)"},
    {"plan", NULL, "print what the run would take, and stop"},
    {0},
};

static const struct cli_option eval_options[] = {
    {"adapter", "DIR", "evaluate this PEFT adapter; may be given several times"},
    {"prompt", "TEXT", "evaluate this text before the input; 'description' is the task's own; several"},
    {"no-prompt", NULL, "evaluate without anything before the input"},
    {"split", "NAME", "train, validation (default), test"},
    {"seed", "N", "seed of --shots (0)"},
    {0},
};

static const struct cli_option explain_options[] = {
    {"adapter", "DIR", "the PEFT adapter to read"},
    {"top", "K", "neighbours a token (5)"},
    {"controls", "N", "perturbed vocabulary rows behind each z-score (16)"},
    {"seed", "N", "seed of the controls (0)"},
    {"tsv", NULL, "tab-separated output"},
    {0},
};

static const struct cli_option prompt_options[] = {
    {"adapter", "DIR", "put this PEFT adapter's prompt before each text"},
    {"prompt", "TEXT", "put this text before each text"},
    {0},
};

static const struct cli_option generate_options[] = {
    {"max-tokens", "N", "tokens at most (64)"},
    {"temperature", "X", "0 (default) is greedy"},
    {"top-k", "N", "sample among the N most probable tokens"},
    {"top-p", "X", "sample among the fewest tokens with this probability together"},
    {"seed", "N", "seed of the sampling (0)"},
    {"ids", NULL, "the text is token ids separated by blanks; ids come out"},
    {0},
};

static const struct cli_option tokenize_options[] = {
    {"model", "DIR", "use the tokenizer of this model folder"},
    {"tokenizer", "FILE", "use this tokenizer.json"},
    {"lines", NULL, "one output line for each input line"},
    {"decode", NULL, "ids in, text out"},
    {0},
};

static const struct cli_option inspect_options[] = {
    {"check", NULL, "scan all numbers for NaN and infinity"},
    {"tensors", NULL, "list every tensor"},
    {0},
};

static const struct cli_option tasks_options[] = {
    {"model", "DIR", "tokenise with this model's tokenizer"},
    {"data", "DIR", "folder of the task's data files"},
    {"tasks", "DIR", "look for task files here first"},
    {"split", "NAME", "train (default), validation, test"},
    {"n", "N", "examples to show (3)"},
    {0},
};

static const struct cli_option init_options[] = {
    {"out", "DIR", "folder to write"},
    {"layers", "N", "(4)"},
    {"width", "N", "(64)"},
    {"heads", "N", "(4)"},
    {"vocab", "N", "rows of the embedding (default: the tokenizer's size)"},
    {"tokenizer", "FILE", "a tokenizer.json to put into the folder"},
    {"std", "X", "standard deviation of the weights (0.02)"},
    {"dtype", "TYPE", "f32 (default), f16, bf16"},
    {"seed", "N", "(0)"},
    {0},
};

static const struct cli_option pretrain_options[] = {
    {"context", "N", "tokens of a training piece (128)"},
    {0},
};

static const struct cli_option bench_options[] = {
    {"rows", "N", "rows of the matrix products (550)"},
    {"rounds", "N", "medians over so many rounds (7)"},
    {"texts", "N", "texts of a pass (8)"},
    {"length", "N", "tokens of a text (64)"},
    {"tokens", "N", "soft tokens before each text (20)"},
    {0},
};

static const struct cli_option help_options[] = {
    {"man", NULL, "print the manual page (roff)"},
    {"completion", NULL, "print the completion for bash"},
    {0},
};

#define GROUPS(...) (const struct cli_option *const[]){__VA_ARGS__, cli_common_options, NULL}

const struct cli_command cli_commands[] = {
    {"train", "", "train a soft prompt (or the whole model) on a task",
     "Starts from the task's description, embeds it, and lets gradient descent improve the embedded tokens on the "
     "training examples; the model stays as it is. The folder of the run is a PEFT adapter (adapter_config.json, "
     "adapter_model.safetensors) with metrics.jsonl, timing.jsonl, run.json, prompts.safetensors (the prompt after "
     "each epoch) and checkpoint.safetensors beside it. A run that was stopped or killed goes on when the same command "
     "is given again, and ends with the same bytes.\n\n"
     "With --json the last line is an object: steps, tokens, parameters, last_loss, best_score, best_step, "
     "memory_bytes, rows, rows_unshared, resumed, already_done, identity, out.",
     "tacit train --model bloomz-560m --task rte --data superglue --tokens 20 --epochs 50 --out runs/rte",
     GROUPS(cli_model_options, data_options, train_options), cli_train},
    {"eval", "", "evaluate prompts on a task, side by side",
     "Scores each answer by its log-likelihood after the input, for every prompt given, over the same examples. acc is "
     "the share of examples whose right answer has the largest sum, acc_norm by characters of the answer, acc_byte by "
     "its bytes, acc_token by its tokens; stderr as lm-evaluation-harness defines it; intervals are 95 %.\n\n"
     "With --json: {task, split, n, truncated, majority, rows: [{name, acc, acc_stderr, acc_low, acc_high, acc_norm, "
     "acc_norm_stderr, acc_byte, acc_token, metric, metric_name, f1, macro_f1, auroc, loss, confusion}], differences: [{a, b, "
     "acc, low, high}]}.",
     "tacit eval --model bloomz-560m --task rte --data superglue --adapter runs/rte --prompt description --no-prompt",
     GROUPS(cli_model_options, data_options, eval_options), cli_eval},
    {"explain", "", "read a trained prompt: its nearest vocabulary tokens",
     "For each token of the prompt: the word it started from, the nearest vocabulary tokens by cosine, their margin and "
     "a z-score of that margin against real vocabulary rows perturbed to equal cosine, the drift from the start, "
     "whether the word persisted, and the tokens' scripts; raw, and after the model's embedding norm, which soft "
     "tokens pass too.\n\n"
     "With --json: {tokens: [{init, init_id, persisted, raw: VIEW, normed: VIEW}]} with VIEW = {nearest: [{id, text, "
     "script, cosine}], margin, z, init_cosine, init_rank, drift, drift_ratio}.",
     "tacit explain --model bloomz-560m --adapter runs/rte --top 3",
     GROUPS(cli_model_options, explain_options), cli_explain},
    {"score", "[FILE]", "log-probabilities of given texts",
     "Reads JSON lines from FILE or standard input: {\"ids\": [...], \"target_ids\": [...]} or {\"text\": ..., "
     "\"target\": ...}; without a target every token that has a predecessor counts. Writes a JSON line each: logprobs "
     "(natural logarithms, one a target token), sum, greedy (whether every target token is the most probable one).",
     "echo '{\"text\": \"The cat sat on the\", \"target\": \" mat\"}' | tacit score --model bloomz-560m",
     GROUPS(cli_model_options, prompt_options), cli_score},
    {"generate", "[TEXT]", "continue a text",
     "The text stands on the command line or on standard input. With --json: a line {text, ids, logprobs}.",
     "tacit generate --model bloomz-560m --max-tokens 20 'Translate to English: Je t’aime.'",
     GROUPS(cli_model_options, prompt_options, generate_options), cli_generate},
    {"tokenize", "[FILE]", "text to token ids and back",
     "Reads FILE or standard input, prints ids separated by blanks. With --json: a line {ids} or {text} for each piece.",
     "echo 'Hello world' | tacit tokenize --model bloomz-560m --lines", GROUPS(tokenize_options),
     cli_tokenize},
    {"inspect", "PATH", "what is in a model, an adapter or a safetensors file",
     "With --json: {kind, facts: {...}, tensors: [{name, dtype, shape, bytes, file}]}.",
     "tacit inspect bloomz-560m --check", GROUPS(inspect_options), cli_inspect},
    {"tasks", "[show NAME]", "list the tasks, or show rendered examples of one",
     "With --json: a line {name, description, metric, file} for each task, or {input, answers, gold, ids} for each "
     "example.",
     "tacit tasks show rte --data superglue -n 3", GROUPS(tasks_options), cli_tasks},
    {"pretrain", "FILE...", "train a whole model on text",
     "The next token everywhere, on plain text or JSON lines with a field \"text\". Resumable as train; the folder of the "
     "run is a HuggingFace model folder. With --json the object that train prints.",
     "tacit pretrain --model fresh --context 128 --epochs 1 --lr 1e-3 --out trained corpus.txt",
     GROUPS(cli_model_options, pretrain_options, train_options), cli_pretrain},
    {"init-model", "", "write a random BLOOM model folder",
     "A HuggingFace folder with random weights, to pretrain or to try things on. With --json: {layers, width, heads, dtype, "
     "seed, out}.",
     "tacit init-model --layers 4 --width 64 --heads 4 --tokenizer demo/tokenizer.json --out fresh",
     GROUPS(init_options), cli_init_model},
    {"bench", "", "how fast this machine is at a model's work",
     "Times the model's matrix products beside OpenBLAS, where its shared library is installed, and an evaluation pass and a "
     "training step on random texts, in alternation.\n\n"
     "With --json: {openblas, rows: [{name, M, N, K, rows, tokens, seconds, flops, ratio, low, high}]}; ratio is OpenBLAS' "
     "seconds by tacit's.",
     "tacit bench --model bloomz-560m --threads 1", GROUPS(cli_model_options, bench_options), cli_bench},
    {"help", "[COMMAND]", "help for a command", "With --json: [{name, summary, options: [{name, arg, help}]}].", "tacit help train", GROUPS(help_options), cli_help},
    {0},
};

static const struct cli_command *find_command(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* The option's number over all groups of the command, or -1. */
static int find_option(const struct cli_command *cmd, const char *name, size_t n,
                       const struct cli_option **out)
{
    int at = 0;
    for (const struct cli_option *const *g = cmd->groups; *g; g++)
        for (const struct cli_option *o = *g; o->name; o++, at++)
            if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) {
                *out = o;
                return at;
            }
    return -1;
}

static int parse_option(struct cli_args *a, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
    size_t n = strcspn(name, "=");
    const struct cli_option *o;
    int at = find_option(a->cmd, name, n, &o);
    if (at < 0)
        return cli_usage(a, "unknown option '%s'", argv[*i]);
    const char *value = name[n] ? name + n + 1 : NULL;
    if (!o->arg && value)
        return cli_usage(a, "option '--%s' takes no value", o->name);
    if (o->arg && !value && ++*i >= argc)
        return cli_usage(a, "option '--%s' needs a value (%s)", o->name, o->arg);
    if (!value)
        value = o->arg ? argv[*i] : "";
    if (a->n_given == (int)(sizeof a->given / sizeof *a->given))
        return cli_usage(a, "too many options");
    a->value[at] = value;
    a->given[a->n_given++] = (struct cli_given){at, value};
    return 0;
}

static int parse(struct cli_args *a, int argc, char **argv)
{
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            int s = parse_option(a, argc, argv, &i);
            if (s)
                return s;
        } else if (a->n_word == (int)(sizeof a->word / sizeof *a->word)) {
            return cli_usage(a, "too many arguments");
        } else {
            a->word[a->n_word++] = argv[i];
        }
    }
    return 0;
}

const char *cli_get(const struct cli_args *a, const char *name)
{
    const struct cli_option *o;
    int at = find_option(a->cmd, name, strlen(name), &o);
    return at < 0 ? NULL : a->value[at];
}

bool cli_has(const struct cli_args *a, const char *name)
{
    return cli_get(a, name) != NULL;
}

static void print_wrapped(FILE *f, const char *text, int indent, int column)
{
    int at = column;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, " \n");
        if (at + (int)n > 96 && at > indent) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        }
        fwrite(p, 1, n, f);
        at += (int)n;
        p += n;
        if (*p == '\n') {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        } else if (*p == ' ') {
            fputc(' ', f);
            at++;
        }
        p += *p != '\0';
    }
    fputc('\n', f);
}

static void print_command_help(FILE *f, const struct cli_command *c)
{
    fprintf(f, "usage: tacit %s [OPTION]... %s\n\n%s\n\n", c->name, c->words, c->summary);
    if (*c->about) {
        print_wrapped(f, c->about, 0, 0);
        fputc('\n', f);
    }
    for (const struct cli_option *const *g = c->groups; *g; g++)
        for (const struct cli_option *o = *g; o->name; o++) {
            char left[64];
            snprintf(left, sizeof left, "--%s %s", o->name, o->arg ? o->arg : "");
            fprintf(f, "  %-24s", left);
            print_wrapped(f, o->help, 26, 26);
        }
    fprintf(f, "\nexample:\n  %s\n", c->example);
}

static void print_help(FILE *f)
{
    fprintf(f, "tacit %s: trains soft prompts of a frozen causal language model, reads what they mean, "
               "compares them\n\nusage: tacit COMMAND [OPTION]...\n\n",
            tacit_version());
    for (const struct cli_command *c = cli_commands; c->name; c++)
        fprintf(f, "  %-12s %s\n", c->name, c->summary);
    fprintf(f, "\n`tacit help COMMAND` tells more. Exit status: 0 done, 1 the work failed, 2 wrong use or bad "
               "input, 130 stopped by Ctrl-C.\n");
}

static void roff_text(const char *s)
{
    for (bool start = true; *s; s++) {
        if (start && (*s == '.' || *s == '\''))
            fputs("\\&", stdout);
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            fputc(*s, stdout);
        start = *s == '\n';
    }
}

static void print_man(void)
{
    printf(".TH TACIT 1 \"\" \"tacit %s\" \"User Commands\"\n.SH NAME\ntacit \\- trains soft prompts of a frozen "
           "causal language model, reads what they mean, compares them\n.SH SYNOPSIS\n.B tacit\n.I COMMAND\n"
           "[\\fIOPTION\\fR]...\n.SH COMMANDS\n",
           tacit_version());
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf(".SS tacit %s %s\n", c->name, c->words);
        roff_text(c->summary);
        printf("\n.PP\n");
        roff_text(c->about);
        for (const struct cli_option *const *g = c->groups; *g; g++)
            for (const struct cli_option *o = *g; o->name; o++) {
                printf("\n.TP\n\\fB\\-\\-");
                roff_text(o->name);
                printf("\\fR \\fI%s\\fR\n", o->arg ? o->arg : "");
                roff_text(o->help);
            }
        printf("\n.PP\nExample:\n.PP\n.nf\n    ");
        roff_text(c->example);
        printf("\n.fi\n");
    }
    printf(".SH EXIT STATUS\n0 done, 1 the work failed, 2 wrong use or bad input, 130 stopped by Ctrl-C\n"
           ".SH ENVIRONMENT\nHF_HUB_CACHE, HF_HOME: where the HuggingFace cache lies.\n");
}

static void print_completion(void)
{
    printf("# bash completion for tacit\n_tacit() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words='");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        printf("%s ", c->name);
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        printf("        %s) words='", c->name);
        for (const struct cli_option *const *g = c->groups; *g; g++)
            for (const struct cli_option *o = *g; o->name; o++)
                printf("--%s ", o->name);
        printf("' ;;\n");
    }
    printf("        esac\n    fi\n    case $cur in\n    -*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
           "    *) if [ \"$COMP_CWORD\" = 1 ]; then mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"); fi ;;\n"
           "    esac\n}\ncomplete -o default -F _tacit tacit\n");
}

static void print_help_json(const struct cli_command *only)
{
    bool first = true;
    printf("[");
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (only && c != only)
            continue;
        printf("%s{\"name\": \"%s\", \"summary\": ", first ? "" : ",\n ", c->name);
        cli_json_string(stdout, c->summary, strlen(c->summary));
        printf(", \"options\": [");
        first = true;
        for (const struct cli_option *const *g = c->groups; *g; g++)
            for (const struct cli_option *o = *g; o->name; o++, first = false) {
                printf("%s{\"name\": \"%s\", \"arg\": ", first ? "" : ", ", o->name);
                cli_json_string(stdout, o->arg ? o->arg : "", o->arg ? strlen(o->arg) : 0);
                printf(", \"help\": ");
                cli_json_string(stdout, o->help, strlen(o->help));
                printf("}");
            }
        printf("]}");
        first = false;
    }
    printf("]\n");
}

int cli_help(const struct cli_args *a)
{
    const struct cli_command *c = a->n_word ? find_command(a->word[0]) : NULL;
    if (a->n_word && !c)
        return cli_usage(a, "there is no command '%s'", a->word[0]);
    if (cli_has(a, "man"))
        print_man();
    else if (cli_has(a, "completion"))
        print_completion();
    else if (cli_has(a, "json"))
        print_help_json(c);
    else if (c)
        print_command_help(stdout, c);
    else
        print_help(stdout);
    return 0;
}

int cli_usage(const struct cli_args *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "tacit %s: ", a->cmd->name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, " (see tacit help %s)\n", a->cmd->name);
    va_end(ap);
    return TACIT_EINPUT;
}

static int flush_output(const struct cli_args *a, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (!status)
        fprintf(stderr, "tacit %s: standard output cannot be written\n", a->cmd->name);
    return status ? status : TACIT_EFAIL;
}

int main(int argc, char **argv)
{
    struct cli_args a = {0};
    if (argc < 2) {
        print_help(stderr);
        return TACIT_EINPUT;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "--help") == 0) {
        if (argv[1][2] == 'v')
            printf("tacit %s\n", tacit_version());
        else
            print_help(stdout);
        return 0;
    }
    a.cmd = find_command(argv[1]);
    if (!a.cmd) {
        fprintf(stderr, "tacit: there is no command '%s' (see tacit help)\n", argv[1]);
        return TACIT_EINPUT;
    }
    int s = parse(&a, argc - 2, argv + 2);
    if (s)
        return s;
    if (cli_has(&a, "help")) {
        print_command_help(stdout, a.cmd);
        return 0;
    }
    return flush_output(&a, a.cmd->run(&a));
}
