/* A task: a YAML file that says where the data is, how a row becomes an input with its possible
 * answers, which of them is right, and how answers are judged. docs/TASKS.md describes every key.
 */
#ifndef TAC_TASK_TASK_H
#define TAC_TASK_TASK_H

#include "task/template.h"

enum {
    TAC_TASK_SPLITS = 8,
    TAC_TASK_PATTERNS = 8,
    TAC_TASK_ANSWERS = 256,
    TAC_TASK_METRICS = 4,
};

enum tac_metric {
    TAC_METRIC_ACCURACY,
    TAC_METRIC_F1,          /* of the positive answer; MultiRC's F1a */
    TAC_METRIC_MACRO_F1,    /* mean of the answers' F1 */
    TAC_METRIC_GROUP_EXACT, /* share of the groups whose examples are all right; MultiRC's EM */
    TAC_N_METRIC,
};

const char *tac_metric_name(enum tac_metric m); /* "macro_f1" */

struct tac_task_split {
    const char *name;
    const char *file[TAC_TASK_PATTERNS]; /* candidates, relative to the data folder */
    size_t n_file;
};

struct tac_task_answer {
    const char *label; /* the label's text: "entailment", "true", "0" */
    struct tac_template text;
};

/* An open task; nothing in it is changed after opening. */
struct tac_task {
    struct tac_yaml_doc doc;
    struct tac_arena arena;
    const char *name;
    const char
        *description; /* in English, for people and as the prompt's first text; "" where absent */
    struct tac_task_split split[TAC_TASK_SPLITS];
    size_t n_split;
    struct {
        const char *name, *path;
    } expand[TAC_SCOPE_NAMES]; /* lists, outermost first, whose elements are examples */
    size_t n_expand;
    struct tac_template input;
    const char *label; /* path of the field */
    struct tac_task_answer answer[TAC_TASK_ANSWERS];
    size_t n_answer;
    bool fixed_answers; /* the same texts for every example */
    enum tac_metric metric[TAC_TASK_METRICS];
    size_t n_metric;
    int positive;      /* index of the answer that F1 counts, or -1 */
    const char *group; /* path of an integer that examples belonging together share, or NULL */
};

/* tac_task_open: reads the task at path; *out is NULL on failure. Unknown keys, bad templates and
 * answers that contradict each other are TACIT_EINPUT with FILE:LINE. */
enum tacit_status tac_task_open(struct tac_task **out, const char *path,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_task_parse: the same from n bytes that `name` stands for. */
enum tacit_status tac_task_parse(struct tac_task **out, const char *text, size_t n,
                                 const char *name, struct tacit_err *err) TAC_MUST_USE;
void tac_task_close(struct tac_task *t);

/* tac_task_find: *path (to be freed) of the task that `name` means: a path where it has a slash or
 * ends in .yaml, else NAME.yaml in the first of n folders that has it; TACIT_EINPUT names the tasks
 * that there are. */
enum tacit_status tac_task_find(char **path, const char *name, const char *const *dir, size_t n,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_task_names: appends the names of the tasks in n folders, sorted, each once, separated by ",
 * ". */
enum tacit_status tac_task_names(struct tac_buf *out, const char *const *dir, size_t n,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
