/* build/world: the corpus and the tasks of the micro-world. */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: world corpus --seed S --documents N [--plan first|stories] [--tasks-seed T]\n"
    "                                                             documents to standard output\n"
    "       world tasks --out DIR --seed S                        DIR/NAME/{train,dev,test}.jsonl\n"
    "       world wordings                                        what no document may say\n"
    "The corpus leaves out the inputs of the tasks of seed T (default 1).\n";

struct arguments {
    const char *out, *plan;
    int64_t seed, tasks_seed, documents;
};

static int64_t number(const char *option, const char *value)
{
    char *end;
    errno = 0;
    long long n = strtoll(value, &end, 10);
    if (errno || end == value || *end || n < 0)
        die("option '%s': expected a number, found '%s'", option, value);
    return n;
}

static void parse(int argc, char **argv, struct arguments *a)
{
    for (int i = 2; i < argc; i += 2) {
        const char *option = argv[i], *value = argv[i + 1];
        if (!value)
            die("option '%s' needs a value", option);
        if (!strcmp(option, "--seed"))
            a->seed = number(option, value);
        else if (!strcmp(option, "--tasks-seed"))
            a->tasks_seed = number(option, value);
        else if (!strcmp(option, "--documents"))
            a->documents = number(option, value);
        else if (!strcmp(option, "--plan"))
            a->plan = value;
        else if (!strcmp(option, "--out"))
            a->out = value;
        else
            die("unknown option '%s'\n%s", option, usage);
    }
}

static int print_wordings(void)
{
    for (int i = 0; reserved_wording(i); i++)
        puts(reserved_wording(i));
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {.plan = "first", .seed = 1, .tasks_seed = 1, .documents = 1000};
    const char *mode = argc > 1 ? argv[1] : "";
    parse(argc, argv, &a);
    if (!strcmp(mode, "corpus"))
        return world_corpus(a.plan, (uint64_t)a.seed, (uint64_t)a.tasks_seed, a.documents);
    if (!strcmp(mode, "tasks") && a.out)
        return world_tasks(a.out, (uint64_t)a.seed);
    if (!strcmp(mode, "wordings"))
        return print_wordings();
    fputs(usage, stderr);
    return 2;
}
