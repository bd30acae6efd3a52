/* Help, manual page and completion, all from the command table. */
#include "cli.h"

#include <string.h>

const struct cli_command *cli_find_command(const struct cli_command *commands, const char *name)
{
    for (const struct cli_command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
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

void cli_print_command_help(FILE *f, const struct cli_command *c)
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

void cli_print_help(FILE *f, const struct cli_command *commands)
{
    fprintf(
        f,
        "tacit %s: trains soft prompts of a frozen causal language model, reads what they mean, "
        "compares them\n\nusage: tacit COMMAND [OPTION]...\n\n",
        tacit_version());
    for (const struct cli_command *c = commands; c->name; c++)
        fprintf(f, "  %-12s %s\n", c->name, c->summary);
    fprintf(
        f,
        "\n`tacit help COMMAND` tells more. Exit status: 0 done, 1 the work failed, 2 wrong use or bad "
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

static void print_man(const struct cli_command *commands)
{
    printf(
        ".TH TACIT 1 \"\" \"tacit %s\" \"User Commands\"\n.SH NAME\ntacit \\- trains soft prompts of a frozen "
        "causal language model, reads what they mean, compares them\n.SH SYNOPSIS\n.B tacit\n.I COMMAND\n"
        "[\\fIOPTION\\fR]...\n.SH COMMANDS\n",
        tacit_version());
    for (const struct cli_command *c = commands; c->name; c++) {
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
    printf(
        ".SH EXIT STATUS\n0 done, 1 the work failed, 2 wrong use or bad input, 130 stopped by Ctrl-C\n"
        ".SH ENVIRONMENT\nHF_HUB_CACHE, HF_HOME: where the HuggingFace cache lies.\n");
}

static void print_completion(const struct cli_command *commands)
{
    printf(
        "# bash completion for tacit\n_tacit() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
        "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words='");
    for (const struct cli_command *c = commands; c->name; c++)
        printf("%s ", c->name);
    printf("'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (const struct cli_command *c = commands; c->name; c++) {
        printf("        %s) words='", c->name);
        for (const struct cli_option *const *g = c->groups; *g; g++)
            for (const struct cli_option *o = *g; o->name; o++)
                printf("--%s ", o->name);
        printf("' ;;\n");
    }
    printf(
        "        esac\n    fi\n    case $cur in\n    -*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
        "    *) if [ \"$COMP_CWORD\" = 1 ]; then mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"); fi ;;\n"
        "    esac\n}\ncomplete -o default -F _tacit tacit\n");
}

static void print_help_json(const struct cli_command *commands, const struct cli_command *only)
{
    bool first = true;
    printf("[");
    for (const struct cli_command *c = commands; c->name; c++) {
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
    const struct cli_command *c = a->n_word ? cli_find_command(a->commands, a->word[0]) : NULL;
    if (a->n_word && !c)
        return cli_usage(a, "there is no command '%s'", a->word[0]);
    if (cli_has(a, "man"))
        print_man(a->commands);
    else if (cli_has(a, "completion"))
        print_completion(a->commands);
    else if (cli_has(a, "json"))
        print_help_json(a->commands, c);
    else if (c)
        cli_print_command_help(stdout, c);
    else
        cli_print_help(stdout, a->commands);
    return 0;
}
