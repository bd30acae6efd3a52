/* tacit methods: what --method takes. */
#include "cli.h"

#include <math.h>
#include <string.h>

static void print_json(size_t i, const struct tacit_method *m)
{
    printf("%s{\"name\": \"%s\", \"summary\": \"%s\", \"peft_type\": ", i ? ", " : "", m->name,
           m->summary);
    printf(m->peft_type ? "\"%s\"" : "null", m->peft_type);
    printf(", \"settings\": [");
    for (size_t k = 0; k < m->settings; k++) {
        struct tacit_setting s;
        tacit_method_setting(i, k, &s);
        printf("%s{\"name\": \"%s\", \"default\": ", k ? ", " : "", s.name);
        cli_json_double(stdout, s.value);
        printf(", \"help\": ");
        cli_json_string(stdout, s.help, strlen(s.help));
        printf("}");
    }
    printf("]}");
}

static void print_text(size_t i, const struct tacit_method *m)
{
    printf("%-10s %s%s%s%s\n", m->name, m->summary, m->peft_type ? " (" : "",
           m->peft_type ? m->peft_type : "", m->peft_type ? ")" : "");
    for (size_t k = 0; k < m->settings; k++) {
        struct tacit_setting s;
        tacit_method_setting(i, k, &s);
        printf("  %-12s %s", s.name, s.help);
        if (isnan(s.value))
            putchar('\n');
        else
            printf(" (%g)\n", s.value);
    }
}

int cli_methods(const struct cli_args *a)
{
    struct tacit_method m;
    bool json = cli_has(a, "json");
    if (json)
        putchar('[');
    for (size_t i = 0; tacit_method_get(i, &m); i++)
        if (json)
            print_json(i, &m);
        else
            print_text(i, &m);
    if (json)
        puts("]");
    return 0;
}
