/* A study's store: OUT/study.db. What a unit leaves enters it in one transaction. All calls may
 * come from any thread. */
#ifndef TAC_STUDY_STORE_H
#define TAC_STUDY_STORE_H

#include "base/file.h"
#include "format/db.h"

#include <pthread.h>

enum { TAC_STORE_APPLICATION = 0x74616369, TAC_STORE_VERSION = 1 };

struct tac_store {
    struct tac_db db;
    struct tac_lock lock;
    pthread_mutex_t mutex;
    bool open;
};

/* tac_store_open: DIR/study.db, made where it is missing, for this process alone (write), or read
 * by anyone. Errors: another process works on it; a file of another version. */
enum tacit_status tac_store_open(struct tac_store *s, const char *dir, enum tac_db_mode mode,
                                 struct tacit_err *err) TAC_MUST_USE;
void tac_store_close(struct tac_store *s);
/* tac_store_for: TACIT_EINPUT where what lies in dir is another command's ("study", "sweep", "study
 * of several models"): they would take each other's tables away. Stores of before there were sweeps
 * do not say which they are. */
enum tacit_status tac_store_for(struct tac_store *s, const char *command, const char *dir,
                                struct tacit_err *err) TAC_MUST_USE;

/* tac_store_begin: the store is the calling thread's until tac_store_end, which commits where
 * `status` is TACIT_OK and returns it or the failure. */
enum tacit_status tac_store_begin(struct tac_store *s, struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_store_end(struct tac_store *s, enum tacit_status status,
                                struct tacit_err *err) TAC_MUST_USE;

/* A unit's row: what was there under its key goes, with all that hung on it. Between begin and end,
 * as all that follow. result: JSON or NULL. */
struct tac_store_unit {
    const char *key, *kind, *identity, *settings, *result;
    double seconds;
};
enum tacit_status tac_store_unit(struct tac_store *s, const struct tac_store_unit *u,
                                 struct tacit_err *err) TAC_MUST_USE;

/* seed 0, task and text NULL: null. data (tokens, width) or NULL. */
struct tac_store_prompt {
    const char *key, *unit, *kind, *task, *label, *text, *start;
    size_t seed, tokens, width, parameters;
    const float *data;
};
enum tacit_status tac_store_prompt(struct tac_store *s, const struct tac_store_prompt *p,
                                   struct tacit_err *err) TAC_MUST_USE;

/* NaN: null. data (n) or NULL. */
struct tac_store_epoch {
    const char *prompt;
    size_t epoch, step, n;
    double loss, accuracy, dev_loss;
    const float *data;
};
enum tacit_status tac_store_epoch(struct tac_store *s, const struct tac_store_epoch *e,
                                  struct tacit_err *err) TAC_MUST_USE;

struct tac_store_score {
    const char *prompt, *task, *unit;
    size_t n, n_loglik;
    double accuracy, low, high, auroc, loss;
    const unsigned char *hits;       /* (n) */
    const double *margins, *logliks; /* (n), (n_loglik) */
};
enum tacit_status tac_store_score(struct tac_store *s, const struct tac_store_score *x,
                                  struct tacit_err *err) TAC_MUST_USE;

enum tacit_status tac_store_vector(struct tac_store *s, const char *unit, const char *name,
                                   const float *data, size_t n, struct tacit_err *err) TAC_MUST_USE;

/* ---- reading ---- */

/* tac_store_identity: of the unit that is done under this key, "" where there is none. */
enum tacit_status tac_store_identity(struct tac_store *s, char identity[24], const char *key,
                                     struct tacit_err *err) TAC_MUST_USE;
/* tac_store_rows: a prompt's values, the caller's to free; TACIT_EFAIL where it has none. */
enum tacit_status tac_store_rows(struct tac_store *s, float **data, size_t *tokens, size_t *width,
                                 const char *prompt, struct tacit_err *err) TAC_MUST_USE;

#endif
