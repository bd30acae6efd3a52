/* Runs a study and prints its claims:
 *     build/examples/study demo/study.yaml demo-run */
#include <stdio.h>

#include "tacit.h"

static int on_event(void *ctx, const struct tacit_event *e)
{
    (void)ctx;
    if (e->kind == TACIT_EVENT_UNIT)
        printf("%zu of %zu: %s\n", e->units_done, e->units, e->what);
    return 0; /* anything else stops; the next call goes on from there */
}

int main(int argc, char **argv)
{
    static const char *const tasks[] = {"tasks", NULL};
    struct tacit_study_options o = tacit_study_options_default();
    struct tacit_progress progress = {on_event, NULL};
    struct tacit_study *study;
    struct tacit_err err;
    if (argc != 3) {
        fprintf(stderr, "usage: study FILE OUT\n");
        return 2;
    }
    o.task_folders = tasks;
    if (tacit_study_open(&study, argv[1], argv[2], &o, &err)) {
        fprintf(stderr, "study: %s\n", err.msg);
        return (int)err.status;
    }
    enum tacit_status s = tacit_study_run(study, &progress, &err);
    if (s)
        fprintf(stderr, "study: %s\n", err.msg);
    for (size_t i = 0; i < tacit_study_claims(study); i++) {
        struct tacit_claim c;
        tacit_study_claim(study, i, &c);
        printf("%-20s %s\n", c.verdict, c.finding);
    }
    tacit_study_close(study);
    return (int)s;
}
