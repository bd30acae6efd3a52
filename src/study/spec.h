/* A study's file, checked: docs/STUDY.md says what each key means. */
#ifndef TAC_STUDY_SPEC_H
#define TAC_STUDY_SPEC_H

#include "format/yaml.h"

enum {
    TAC_STUDY_MODELS = 16,
    TAC_STUDY_TASKS = 64,
    TAC_STUDY_SEEDS = 64,
    TAC_STUDY_WORDINGS = 32,
    TAC_STUDY_WEIGHTS = 16,
    TAC_STUDY_METHODS = 64,
    TAC_STUDY_NAME = 64,  /* bytes of a method's name */
    TAC_SWEEP_NAME = 160, /* ... of a combination's */
    TAC_SWEEP_MOST = 512  /* combinations */
};

/* A trained method: its name in tables and keys, its method string and settings in o; what is not
 * named in the file is tacit_train_options_default's. whole: it trains the model, and leaves a
 * model folder instead of an adapter. rows: it puts rows of its own before the text, so that tokens
 * and init mean something. */
struct tac_spec_method {
    const char *name;
    bool on, whole, rows;
    struct tacit_train_options o;
    const char *base, *init, *settings; /* of a sweep: method, init and further settings, as text */
};

/* A sweep: methods with settings that vary. Each combination is a method with a name of its own. */
struct tac_spec_sweep {
    bool on;
    size_t seeds;
    struct tac_spec_method *method; /* (n) */
    size_t n, cap;
};

/* Work on some examples of the test set for the first runs of each task. */
struct tac_spec_look {
    bool on;
    size_t examples, runs; /* 0: all */
};

/* Texts that have nothing to do with a task: how many, and the most tokens of each. */
struct tac_spec_forget {
    bool on;
    const char *file; /* NULL: the other tasks' test inputs */
    size_t texts, tokens;
};

struct tac_spec {
    struct tac_yaml_doc doc;
    struct tac_arena arena;
    const char *name, *model, *data, *wordings; /* paths are resolved; NULL where absent */
    const char *models[TAC_STUDY_MODELS];       /* where the file names several instead of one */
    size_t n_model;
    const char *task[TAC_STUDY_TASKS];
    size_t n_task;
    size_t tokens, seeds;
    size_t train_examples, validation_examples, test_examples; /* 0: all */
    size_t max_length; /* tokens of input and answer; 0: 2048 */
    size_t holdout;    /* so many of the training examples, the last, validate; 0: the split does */
    const char *test;  /* the split that is reported */
    struct tac_spec_method prompt, full;
    struct tac_spec_method *method; /* (n_method) all further ones, as the file lists them */
    size_t n_method, cap_method;
    size_t random; /* prompts of random tokens */
    bool shuffled, drift, discrete, reworded;
    size_t noise_runs; /* of each source; 0: no such runs */
    size_t neighbors;
    struct tac_spec_look knockout, paths, verbalise, neurons;
    const char *frame; /* of verbalisation; its last '?' is the placeholder */
    struct {
        const char *text;
        double weight[TAC_STUDY_WEIGHTS];
        size_t n, runs;
    } wayward;
    struct tac_spec_forget forget;
    struct tac_spec_sweep sweep;
    bool transfer;
    double margin;
    const struct tac_yaml *by_construction; /* list of claims' ids, or NULL */
};

/* tac_spec_load: TACIT_EINPUT with FILE:LINE for unknown keys, wrong values, and what is missing.
 * The spec stays where it is (options point into it); a zeroed one may be released. */
enum tacit_status tac_spec_load(struct tac_spec *s, const char *path,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_spec_parse: the same from n bytes of the file that `name` stands for. */
enum tacit_status tac_spec_parse(struct tac_spec *s, const char *text, size_t n, const char *name,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_spec_sweep_alone: makes the spec that of its sweep: its methods, seeds, and nothing else. */
void tac_spec_sweep_alone(struct tac_spec *s);
void tac_spec_release(struct tac_spec *s);

#endif
