/* What a command line gave: options by name, words, and the messages for what is wrong with them.
 */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

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

int cli_parse(struct cli_args *a, int argc, char **argv)
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

const char *cli_given_name(const struct cli_args *a, int i)
{
    int at = 0;
    for (const struct cli_option *const *g = a->cmd->groups; *g; g++)
        for (const struct cli_option *o = *g; o->name; o++, at++)
            if (at == a->given[i].option)
                return o->name;
    return "";
}
