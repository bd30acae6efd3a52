/* The program's commands. A command is one row of the table in main.c and one function; its help,
 * the completion and the man page come from the row. Everything goes through tacit.h. */
#ifndef TAC_CLI_CLI_H
#define TAC_CLI_CLI_H

#include "tacit.h"

#include <stdbool.h>
#include <stdio.h>

/* An option: name without dashes; arg names its value in the help, NULL for a flag. */
struct cli_option {
    const char *name, *arg, *help;
};

/* What a command line gave. value: by option index, NULL where not given ("" for flags); several:
 * every occurrence in order. */
struct cli_args {
    const struct cli_command *commands, *cmd; /* the whole table, and the row that runs */
    const char *value[64];
    struct cli_given {
        int option;
        const char *value;
    } given[128];
    int n_given;
    const char *word[256]; /* arguments that are no options */
    int n_word;
};

struct cli_command {
    const char *name, *words, *summary; /* words: "[FILE]" */
    const char *about; /* paragraphs for help and man page, with the --json fields */
    const char *example;
    const struct cli_option *const
        *groups; /* NULL-terminated lists of options, each ended by {0} */
    int (*run)(const struct cli_args *a);
};

/* args.c: takes the arguments behind the command's name; a message and exit status where one is
 * wrong. */
int cli_parse(struct cli_args *a, int argc, char **argv);
/* help.c: commands is a table ended by {0}; NULL where it has no such row. */
const struct cli_command *cli_find_command(const struct cli_command *commands, const char *name);
void cli_print_help(FILE *f, const struct cli_command *commands);
void cli_print_command_help(FILE *f, const struct cli_command *c);

/* The value of an option, or NULL. */
const char *cli_get(const struct cli_args *a, const char *name);
bool cli_has(const struct cli_args *a, const char *name);
/* The option of given[i]. */
const char *cli_given_name(const struct cli_args *a, int i);
/* Numbers: the default where the option is absent; a message and exit status 2 by false. */
bool cli_size(const struct cli_args *a, const char *name, size_t *out);
bool cli_above_0(const struct cli_args *a, const char *name, size_t *out);
bool cli_u64(const struct cli_args *a, const char *name, uint64_t *out);
bool cli_double(const struct cli_args *a, const char *name, double *out);
/* A required option: says so where it is missing. */
bool cli_need(const struct cli_args *a, const char *name);

/* Prints "tacit CMD: message" and returns the status as exit status. */
int cli_fail(const struct cli_args *a, const struct tacit_err *err);
/* ... "tacit CMD: out of memory" */
int cli_no_memory(const struct cli_args *a);
/* ... "tacit CMD: NAME:LINE: message" */
int cli_fail_at(const struct cli_args *a, const char *name, size_t line,
                const struct tacit_err *err);
int cli_usage(const struct cli_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --model, or the embedded model; NULL where there is neither. */
const char *cli_model(const struct cli_args *a);
/* The model options; false after a message where one is wrong. */
bool cli_model_options(const struct cli_args *a, struct tacit_model_options *o);
/* Opens it with the model options; prints and returns an exit status, 0 for success. */
int cli_open_model(const struct cli_args *a, struct tacit_model **out);
/* Says on standard error what is about to run: the model, and `bytes` in all for a largest batch of
 * so many rows. read: bytes of the weights that are read; SIZE_MAX: all of them. */
void cli_show_plan(const struct cli_args *a, const struct tacit_model *m, size_t bytes, size_t rows,
                   size_t read);
/* --adapter or --prompt as what stands before each text; the adapter is the caller's to close. */
int cli_open_prompt(const struct cli_args *a, const struct tacit_model *m,
                    struct tacit_prompt *prompt, struct tacit_adapter **adapter);
/* Folders in which task names are looked up: --tasks, ./tasks, beside the program, where it was
 * installed. */
const char *const *cli_task_folders(const struct cli_args *a);
/* The HuggingFace cache's hub folder by HF_HUB_CACHE, HF_HOME, HOME; NULL where none is set. */
const char *cli_hub_cache(void);

/* Standard input or a file, whole; at most `limit` bytes. 0, or the exit status after printing a
 * message. */
int cli_read(const struct cli_args *a, char **out, const char *path, size_t limit, size_t *n);

/* Progress: a line that rewrites itself on a terminal, plain lines now and then otherwise; Ctrl-C
 * asks to stop. */
struct cli_progress {
    struct tacit_progress p;
    const char *what;
    double started, shown;
    uint64_t first;
    bool terminal, quiet;
};

void cli_progress_start(struct cli_progress *p, const struct cli_args *a, const char *what);
void cli_progress_end(struct cli_progress *p);
/* True once Ctrl-C or a termination signal has come. */
bool cli_stopped(void);

/* JSON output: strings escaped, doubles in shortest exact form ("null" where not finite). */
void cli_json_string(FILE *f, const char *s, size_t n);
void cli_json_double(FILE *f, double v);
const char *cli_bytes(char buf[32], double n);

int cli_train(const struct cli_args *a), cli_pretrain(const struct cli_args *a);
int cli_eval(const struct cli_args *a), cli_explain(const struct cli_args *a);
int cli_score(const struct cli_args *a), cli_generate(const struct cli_args *a);
int cli_tokenizer(const struct cli_args *a);
int cli_tokenize(const struct cli_args *a), cli_inspect(const struct cli_args *a);
int cli_tasks(const struct cli_args *a), cli_init_model(const struct cli_args *a);
int cli_convert(const struct cli_args *a), cli_merge(const struct cli_args *a);
int cli_study(const struct cli_args *a), cli_sweep(const struct cli_args *a);
int cli_report(const struct cli_args *a);
int cli_methods(const struct cli_args *a);
int cli_bench(const struct cli_args *a), cli_help(const struct cli_args *a);

#endif
