/* What is behind the public handles, for the files of this folder. */
#ifndef TAC_API_HANDLES_H
#define TAC_API_HANDLES_H

#include "run/score.h"
#include "task/render.h"
#include "task/task.h"
#include "tokenizer/tokenizer.h"
#include "tune/peft.h"

struct tacit_model {
    struct tac_model *model;
    struct tac_backend *be;
    struct tac_weights *weights;
    struct tac_session *session;
    struct tacit_tokenizer *tokenizer; /* NULL where the folder has none */
};

struct tacit_tokenizer {
    struct tac_tokenizer *t;
};

struct tacit_adapter {
    char type[32];
    struct tac_peft_prompt p; /* of a prompt; else zeroed */
    struct tac_tune *tune;    /* of other types, else NULL */
};

struct tacit_task {
    struct tac_task *t;
};

struct tacit_examples {
    struct tac_dataset data;
    struct tac_rendered rendered;
    bool tokenised; /* false: texts alone */
};

/* TACIT_EINPUT unless a model can be written in this dtype ("f32", "f16", "bf16"). */
enum tacit_status tac_check_dtype(const char *name, struct tacit_err *err) TAC_MUST_USE;
/* Whether two paths, both there, lead to the same file or folder. */
bool tac_same_file(const char *a, const char *b);
/* TACIT_EINPUT where dir holds a run (run.json) or a file called `other`, which is `what`: it is
 * not to be written into. */
enum tacit_status tac_folder_is_free(const char *dir, const char *other, const char *what,
                                     struct tacit_err *err) TAC_MUST_USE;

/* The query of an example's answer: its input's ids, the answer's ids. Borrowed. */
struct tac_query tac_examples_query(const struct tacit_examples *e, size_t i, size_t answer);
/* The queries of all answers of all examples, one after another: *n of them, the caller's to free.
 */
struct tac_query *tac_examples_queries(const struct tacit_examples *e, size_t *n,
                                       struct tacit_err *err);
/* tac_examples_fit: TACIT_EINPUT, naming FILE:LINE, where an example with `own` tokens of a prompt
 * is longer than the model takes; right: with its right answer, else with any. */
enum tacit_status tac_examples_fit(const struct tacit_examples *e, const struct tacit_model *m,
                                   size_t own, bool right, struct tacit_err *err) TAC_MUST_USE;
/* A hash of everything that training reads of the examples. */
uint64_t tac_examples_hash(uint64_t h, const struct tacit_examples *e);

/* A public prompt made ready to run: what stands at each text, and the trained rows behind it. */
struct tac_condition {
    struct tac_prefix prefix;
    struct tac_ports ports;
    struct tac_tune *tune; /* holds the adapter's rows, or NULL */
};

enum tacit_status tac_condition_open(struct tac_condition *c, struct tacit_model *m,
                                     const struct tacit_prompt *prompt,
                                     struct tacit_err *err) TAC_MUST_USE;
void tac_condition_close(struct tac_condition *c);

/* tac_memory_with: bytes that the process has in memory at most, with `more` for a batch: program
 * (tac_session_program, of before anything was made ready), what the session takes with weights
 * read by param, or what the process has had already. */
size_t tac_memory_with(const struct tacit_model *m, size_t program, const struct tac_param *param,
                       size_t more);
/* tacit_score_plan for the inner queries. */
enum tacit_status tac_score_plan(struct tacit_model *m, const struct tacit_prompt *prompt,
                                 const struct tac_query *q, size_t n, size_t *bytes, size_t *rows,
                                 struct tacit_err *err) TAC_MUST_USE;

/* Score options whose progress goes to the public callback. p may be NULL; it must outlive the
 * call. */
struct tac_score_options tac_score_options_public(const struct tacit_progress *p);

#endif
