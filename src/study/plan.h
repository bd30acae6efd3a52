/* What a study consists of: its tasks, the prompts that it makes, and the units of work, each with
 * an identity. */
#ifndef TAC_STUDY_PLAN_H
#define TAC_STUDY_PLAN_H

#include "api/handles.h"
#include "study/spec.h"
#include "study/store.h"

/* Kinds of prompts, in the order in which they are made and shown. TAC_KIND_METHOD is the first of
 * the study's further methods (spec.method); the i-th one's kind is TAC_KIND_METHOD + i. */
enum tac_kind {
    TAC_KIND_NONE,
    TAC_KIND_RANDOM,
    TAC_KIND_DESCRIPTION,
    TAC_KIND_PARAPHRASE,
    TAC_KIND_START,
    TAC_KIND_PROMPT,
    TAC_KIND_SHUFFLED,
    TAC_KIND_DRIFT,
    TAC_KIND_DISCRETE,
    TAC_KIND_REWORDED,
    TAC_KIND_ORDER,
    TAC_KIND_INIT,
    TAC_KIND_MOMENTS,
    TAC_KIND_WAYWARD,
    TAC_KIND_FULL,
    TAC_KIND_METHOD,
};

/* Whether a kind other than `prompt`, `full` and further methods has this name. */
bool tac_kind_taken(const char *name);

struct tac_study_task {
    struct tacit_task *task;
    const char *name;
    struct tacit_examples *train, *validation, *test;
    const char *wording[TAC_STUDY_WORDINGS]; /* paraphrases */
    size_t n_wording;
    size_t train_rows, validation_rows, test_rows; /* tokens of all inputs and answers */
    char trained_on[24], tested_on[24];            /* hashes of what training and testing read */
};

/* Something to put before an input. task is TAC_NO_TASK for `none` and random ones. index: the run
 * or wording, from 1; 0 where there is only one. */
enum { TAC_NO_TASK = -1 };
struct tac_study_prompt {
    const char *key, *text; /* text: of a text prompt, or what a trained one starts from */
    enum tac_kind kind;
    int task;
    size_t index;
    size_t maker; /* the unit that makes it */
};

/* Texts to see by what training forgot. */
struct tac_texts {
    const char *name;        /* the task whose inputs they are, or a file's name */
    int task;                /* TAC_NO_TASK for a file's */
    struct tac_query *query; /* (n) each text behind its first token */
    size_t n, tokens;        /* tokens: that are scored */
    uint64_t hash;
};

enum tac_unit_kind {
    TAC_UNIT_MAKE,      /* makes a prompt */
    TAC_UNIT_SCORE,     /* a prompt on a task's test set */
    TAC_UNIT_READ,      /* a prompt's nearest tokens */
    TAC_UNIT_NULL,      /* what drift-matched perturbations of its start are near to */
    TAC_UNIT_KNOCKOUT,  /* a prompt without one of its tokens */
    TAC_UNIT_PATH,      /* between two prompts */
    TAC_UNIT_NEURONS,   /* MLP activations under a prompt */
    TAC_UNIT_VERBALISE, /* what the model says of a prompt's tokens */
    TAC_UNIT_FORGET,    /* the loss on texts that have nothing to do with its task */
    TAC_UNIT_ALIKE,     /* two adapters of a further method beside each other */
    TAC_N_UNIT,
};

const char *tac_unit_kind_name(enum tac_unit_kind k);

/* A piece of work: prompt a (b: a path's other end) on task `target`. It may begin when the makers
 * of a and b, and of what a builds on, are done. */
struct tac_unit {
    const char *key, *settings; /* settings: JSON */
    enum tac_unit_kind kind;
    size_t a, b; /* prompts; b: a path's end, the other of two, a control's original, a null's
                    start; else a */
    int target;
    char identity[24];
    double cost; /* rows through the model, forward */
    bool done;
};

struct tacit_study {
    struct tac_spec spec;
    struct tac_arena arena;
    struct tacit_study_options o;
    const char *dir, *file, *model_path, *data;
    struct tacit_model *m; /* the first worker's */
    uint64_t model_hash;
    struct tac_study_task task[TAC_STUDY_TASKS];
    size_t n_task;
    struct tac_texts texts[TAC_STUDY_TASKS];
    size_t n_texts;
    struct tac_study_prompt *prompt;
    size_t n_prompt, cap_prompt;
    struct tac_unit *unit;
    size_t n_unit, cap_unit;
    struct tac_store store;
    pthread_mutex_t density_mutex;
    double *density; /* (tokens) tac_hub_density of the raw space, once a unit has needed it */
    struct tacit_claim *claim; /* texts in the arena */
    size_t n_claim;
    struct tacit_best *best;
    size_t n_best;
};

/* tac_texts_load: texts of the spec's `forgetting`, from tasks that are loaded. (forget.c) */
enum tacit_status tac_texts_load(struct tacit_study *st, struct tacit_err *err) TAC_MUST_USE;
/* Whether they have nothing to do with a task. */
bool tac_texts_for(const struct tac_texts *x, int task);

/* tac_keep_training: of a task's training split what it trains on: without those held out.
 * TACIT_EINPUT where none is left. (study.c) */
enum tacit_status tac_keep_training(struct tacit_examples *e, const struct tacit_study *st,
                                    const char *task, struct tacit_err *err) TAC_MUST_USE;

/* tac_plan: fills prompts and units from the spec, tasks and model that st holds. */
enum tacit_status tac_plan(struct tacit_study *st, struct tacit_err *err) TAC_MUST_USE;

/* tac_plan_lengths: TACIT_EINPUT where a text with its prompt is longer than the model takes: the
 * first unit's, with file and line. (lengths.c) */
enum tacit_status tac_plan_lengths(const struct tacit_study *st,
                                   struct tacit_err *err) TAC_MUST_USE;

/* tac_plan_options: the settings that a trained prompt is trained with; out and seeds included.
 * text: what it starts from. */
struct tacit_train_options tac_plan_options(const struct tacit_study *st,
                                            const struct tac_study_prompt *p);
enum tac_kind tac_n_kind(const struct tacit_study *st); /* one past the last kind */
const char *tac_kind_name(const struct tacit_study *st, enum tac_kind k); /* "prompt" */
bool tac_kind_trained(enum tac_kind k);
/* Whether its runs end as model folders, which are too large to keep. */
bool tac_kind_whole(const struct tacit_study *st, enum tac_kind k);
/* Whether its runs are judged as soon as they are made: whole models, and all runs of a sweep. */
bool tac_kind_at_once(const struct tacit_study *st, enum tac_kind k);
/* Whether its runs stay as adapter folders, which alone hold their values, and are needed. */
bool tac_kind_adapter(const struct tacit_study *st, enum tac_kind k);
/* The folder of a trained prompt's run. */
enum tacit_status tac_plan_folder(struct tac_buf *out, const struct tacit_study *st,
                                  const struct tac_study_prompt *p,
                                  struct tacit_err *err) TAC_MUST_USE;
/* The task under which a kind's prompts for this one are listed: TAC_NO_TASK for none and random.
 */
int tac_kind_task(enum tac_kind k, int task);

#endif
