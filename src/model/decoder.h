/* The decoder: the only forward and the only backward pass, for every family, method and backend.
 */
#ifndef TAC_MODEL_DECODER_H
#define TAC_MODEL_DECODER_H

#include "model/plan.h"
#include "model/probe.h"
#include "model/site.h"

/* Keys and values of a path, kept for later rows: the generation cache, a compiled prompt, the
 * trainable ones of prefix tuning. (L) pointers to (cap, G*D) each. memory: what they lie in where
 * the store owns it. */
struct tac_kv_store {
    void **k, **v;
    size_t len, cap;
    void *memory;
};

/* What one run reads and gives. Host results are valid after the call. */
struct tac_run {
    const struct tac_plan *plan;
    const struct tac_param *param; /* by slot, frozen or trainable */
    const void *soft;              /* (P,C) real: trainable rows; NULL where the tree uses none */
    void *dsoft;                   /* (P,C) real: gradient is added; NULL without */
    struct tac_kv_store *const
        *kv; /* (tree->n_kv) stores behind the KV roots; NULL: an empty one */
    struct tac_kv_store *const *dkv; /* where their gradients are added; NULL where not trained */
    const struct tac_span *span; /* (n_span) sites at the matrices, by rows; trained: one of all */
    size_t n_span;
    struct tac_kv_store
        *capture; /* keys and values of rows capture_rows are appended here, or NULL */
    const int32_t *capture_rows;
    size_t n_capture;
    const struct tac_patch *patch; /* (n_patch); for runs without gradients */
    size_t n_patch;
    const struct tac_tap *tap; /* (n_tap) rows behind the last layer must be in plan->out */
    size_t n_tap;
    /* results */
    double *logp;  /* (n_label) or NULL */
    int32_t *best; /* (plan->out.n) most probable next token of each out row, or NULL */
    double *lse;   /* (plan->out.n) log-sum-exp of each out row's logits, or NULL */
    float *logits; /* (plan->out.n, V) or NULL */
    float *states; /* (plan->out.n, C) final normed states, or NULL */
};

struct tac_decoder;

/* tac_decoder_open: c is copied. */
enum tacit_status tac_decoder_open(struct tac_decoder **out, const struct tac_decoder_config *c,
                                   struct tac_backend *be, struct tacit_err *err) TAC_MUST_USE;
void tac_decoder_close(struct tac_decoder *d);
size_t tac_decoder_bytes(const struct tac_decoder *d); /* of its workspace now */

/* tac_decoder_run: forward, and with plan->grad backward. Workspace grows to the largest plan run
 * so far. Weight gradients are added to param[].grad. Errors: memory; a non-finite loss sets
 * be->fault and is the caller's to report. */
enum tacit_status tac_decoder_run(struct tac_decoder *d, struct tac_run *run,
                                  struct tacit_err *err) TAC_MUST_USE;

/* A store for `cap` positions. */
enum tacit_status tac_kv_store_init(struct tac_kv_store *s, const struct tac_decoder_config *c,
                                    struct tac_backend *be, size_t cap,
                                    struct tacit_err *err) TAC_MUST_USE;
void tac_kv_store_release(struct tac_kv_store *s, struct tac_backend *be);
/* A store of `len` positions over memory of the caller's: per layer keys, then values, (len, G*D)
 * each. k: room for 2 L pointers. */
struct tac_kv_store tac_kv_store_view(const struct tac_decoder_config *c,
                                      const struct tac_backend *be, void **k, void *memory,
                                      size_t len);
/* Appends all of `from`. Errors: memory. */
enum tacit_status tac_kv_store_append(struct tac_kv_store *s, const struct tac_kv_store *from,
                                      const struct tac_decoder_config *c, struct tac_backend *be,
                                      struct tacit_err *err) TAC_MUST_USE;

#endif
