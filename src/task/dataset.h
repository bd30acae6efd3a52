/* A split of a task as examples: each row rendered to an input, its possible answers and the right
 * one. */
#ifndef TAC_TASK_DATASET_H
#define TAC_TASK_DATASET_H

#include "task/task.h"

/* Texts are UTF-8, followed by a NUL that n does not count; all belong to the data set. */
struct tac_example {
    const char *input;
    size_t n_input;
    size_t mark; /* so many bytes of the input stand before a prompt; 0: it stands in front */
    const char *const *answer; /* the same array for every example where the answers are fixed */
    const size_t *n_answer;
    size_t n_answers;
    int gold;      /* index of the right answer, -1 where the row has no label */
    int64_t group; /* the task's group field; `index` where it has none */
    size_t index;  /* in the whole split, from 0 */
    size_t line;   /* of the row in its file */
};

struct tac_dataset_options {
    const char *data_dir; /* NULL: the folder of the task's file */
    const char *split;    /* "train", "validation", "test" */
    size_t limit;         /* the first examples alone; 0: all. Applied after shots */
    size_t shots;         /* so many of every answer, drawn by `seed`; 0: all */
    uint64_t seed;
    bool need_gold; /* an example without a label is an error */
};

struct tac_dataset {
    struct tac_arena arena;
    char *path; /* the file that was read */
    struct tac_example *example;
    size_t n, cap;
};

/* tac_dataset_load: the examples in the order of the file. TACIT_EINPUT where the task has no such
 * split, the folder no such file (all names looked for are told), or a row lacks a field, has a
 * label that is no answer's, or gives an empty input or answer (FILE:LINE). *s is empty on failure.
 */
enum tacit_status tac_dataset_load(struct tac_dataset *s, const struct tac_task *t,
                                   const struct tac_dataset_options *o,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_dataset_release(struct tac_dataset *s);

#endif
