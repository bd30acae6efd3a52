/* A session runs sequences through a model: builds the tree, plans it within the memory limit, runs
 * it, and hands the results back by the caller's own item numbers. */
#ifndef TAC_RUN_SESSION_H
#define TAC_RUN_SESSION_H

#include "tune/tune.h"

struct tac_session_options {
    bool share;          /* share common beginnings (true) */
    size_t memory_limit; /* bytes for everything; 0: none. What does not fit is refused */
    /* bytes that the machine has for everything, where there is no limit; 0: unknown. What does not
     * fit is recomputed, and not refused */
    size_t machine_limit;
};

struct tac_session {
    struct tac_weights *weights;
    struct tac_decoder *dec;
    struct tac_session_options o;
    size_t fixed_bytes;   /* trainables, moments, caches: counted against the limit (the caller's to
                             set) */
    size_t program_bytes; /* what lies in memory besides: code, tokenizer, data (the caller's to
                             set: tac_session_program) */
    size_t peak_bytes;    /* the largest activation workspace so far */
    size_t rows,
        tokens;   /* rows computed, and rows that a batch without sharing would have had, so far */
    double flops; /* useful ones, so far (tac_plan_flops) */
};

/* A tap or a patch of a sequence: place `at` counts from the sequence's first row and must be
 * computed (a mark or `keep` behind it). What they are is said in model/probe.h. */
struct tac_job_tap {
    size_t seq, at;
    int32_t layer;
    enum tac_tap_point point;
    float *to;
};

struct tac_job_patch {
    size_t seq, at;
    int32_t layer;
    const float *from;
};

/* A root: keys and values that its sequences follow (NULL: none), under which ports. */
struct tac_root {
    struct tac_kv_store *kv;
    size_t port;
};

/* Sequences and what to do with them. Results by item: the caller numbers its marks 0 .. n_item-1,
 * each once. */
struct tac_job {
    const struct tac_seq *seq;
    size_t n;
    size_t n_item;
    /* (n_ports, 0: one): of several, a sequence's `root` names those that it is under, and their
     * soft rows are numbered one after another; only one can be trained. Their param is the
     * model's. */
    const struct tac_ports *ports;
    size_t n_ports;
    enum tac_grad grad;
    /* (n_root) what the sequences' `root` counts, the ports' own keys and values included; without
     * any, these stand before every sequence */
    const struct tac_root *root;
    size_t n_root;
    bool join; /* sequences of one root share all rows that they begin with in common (tree.h) */
    struct tac_kv_store *capture;  /* the path of sequence 0 is appended here, or NULL */
    const struct tac_job_tap *tap; /* (n_tap) */
    const struct tac_job_patch
        *patch; /* (n_patch) a patched sequence shares no row from its first patch on */
    size_t n_tap, n_patch;
    double *logp;  /* (n_item) or NULL */
    int32_t *best; /* (n_item) most probable token at the mark's row, or NULL */
    float *logits; /* (n, V) after the last row of each sequence, or NULL */
    double *lse; /* (n) their log-sum-exp: log p(v) is (float)(logits[v] - lse), the law's bytes; or
                    NULL */
    float *states; /* (n, C) final normed state of the last row of each sequence, or NULL */
    double loss;   /* out: sum of weight * -logp */
};

struct tac_session_options tac_session_options_default(void);

enum tacit_status tac_session_open(struct tac_session **out, struct tac_weights *w,
                                   const struct tac_session_options *o,
                                   struct tacit_err *err) TAC_MUST_USE;
void tac_session_close(struct tac_session *s);

/* tac_session_taken: bytes in use besides a batch's activations: program_bytes, weights (as param
 * reads them; NULL: the model's own), the backend's buffers, fixed_bytes. */
size_t tac_session_taken(const struct tac_session *s, const struct tac_param *param);
/* tac_session_program: bytes of the process that lie in memory now and are none of weights,
 * backend's buffers and workspace. */
size_t tac_session_program(const struct tac_session *s);

/* tac_session_run: one batch. Gradients are added to the ports' gradient memory.
 * Errors: a batch that does not fit the memory limit, in words; a non-finite result names the first
 * tensor of the model that is not finite, or says that the run diverged. */
enum tacit_status tac_session_run(struct tac_session *s, struct tac_job *job,
                                  struct tacit_err *err) TAC_MUST_USE;

/* What a batch would take. */
struct tac_demand {
    size_t bytes;   /* of its workspace */
    size_t plan;    /* bytes of its plan */
    size_t rows;    /* computed */
    bool recompute; /* activations are computed again in the backward pass */
    double again;   /* ... which is this share more work (matrix products) */
};

/* tac_session_longest: tokens of a sequence at most: soft ones, and those that kept keys and values
 * stand for, count as any other. tac_session_fits: TACIT_EINPUT, with `what` in front, where one of
 * n tokens is longer; `own` of them are a prompt's (0: it is not known). */
size_t tac_session_longest(const struct tac_session *s);
enum tacit_status tac_session_fits(const struct tac_session *s, size_t n, size_t own,
                                   const char *what, struct tacit_err *err) TAC_MUST_USE;

/* tac_session_measure: without running it. */
enum tacit_status tac_session_measure(struct tac_session *s, const struct tac_job *job,
                                      struct tac_demand *out, struct tacit_err *err) TAC_MUST_USE;

#endif
