/* The parts of tacit_bench. Each is opened, run once a round in alternation with the others,
 * finished (medians) and closed; closing a zeroed one does nothing. */
#ifndef TAC_API_BENCH_H
#define TAC_API_BENCH_H

#include "api/handles.h"

#include "backend/trace.h"
#include "train/optim.h"

enum { TAC_BENCH_ROUNDS = 1000, TAC_BENCH_LISTED = 64 };
enum tac_bench_pass { TAC_PASS_EVAL, TAC_PASS_STEP, TAC_PASS_PREFILL, TAC_PASS_DECODE, TAC_PASSES };

/* What is measured, and by what. Everything that the result points to lies in `memory`. */
struct tac_bench {
    struct tacit_bench out;
    struct tacit_model *m;
    const struct tacit_bench_options *o;
    const struct tacit_progress *progress; /* or NULL */
    char peer[256];
    struct tac_arena memory;
};

/* The median of n values, which are sorted by it. */
double tac_bench_median(double *v, size_t n);

/* ---- matrix products beside OpenBLAS ---- */

struct tac_bench_products {
    struct tac_bench *b;
    struct tac_bench_peer *peer; /* NULL where OpenBLAS was not found */
    struct tac_bench_weight *weight;
    size_t n_weight;
    struct tac_bench_timing *timing; /* (b->out.n_product) */
    float *x, *y;
    struct tac_arena memory;
};

/* OpenBLAS stays open: its threads may still be there when all is done. */
enum tacit_status tac_bench_products_open(struct tac_bench_products *p, struct tac_bench *b,
                                          struct tacit_err *err) TAC_MUST_USE;
void tac_bench_products_round(struct tac_bench_products *p, size_t round);
void tac_bench_products_finish(struct tac_bench_products *p);
void tac_bench_products_close(struct tac_bench_products *p);

/* ---- passes through the model ---- */

enum tac_bench_phase { TAC_BENCH_WARM, TAC_BENCH_TIMED, TAC_BENCH_WATCHED };

/* Counters of process and session. */
struct tac_bench_reading {
    double seconds, flops;
    size_t rows, tokens, faults;
};

struct tac_bench_passes {
    struct tac_bench *b;
    struct tacit_bench_pass *pass; /* (TAC_PASSES) */
    struct tac_seq *seq;
    int32_t *context;
    struct tac_prefix prefix;
    struct tac_tune *tune;
    struct tac_optim optim;
    int64_t step;
    double *time[TAC_PASSES]; /* by round */
    double
        *read; /* by round: bytes a second that reading the weights gave; then room for as many */
    size_t fixed; /* the session's fixed_bytes before */
    /* the run at work */
    enum tac_bench_phase phase;
    size_t round;
    bool writing; /* the first token was written */
    struct tac_bench_reading from;
    struct tac_arena memory;
};

enum tacit_status tac_bench_passes_open(struct tac_bench_passes *p, struct tac_bench *b,
                                        struct tacit_err *err) TAC_MUST_USE;
/* All passes once. WARM: page faults and memory are read; TIMED: seconds go to `round`; WATCHED:
 * the backend is watched, and what its ops did is kept. */
enum tacit_status tac_bench_passes_run(struct tac_bench_passes *p, enum tac_bench_phase phase,
                                       size_t round, struct tacit_err *err) TAC_MUST_USE;
void tac_bench_passes_finish(struct tac_bench_passes *p);
void tac_bench_passes_close(struct tac_bench_passes *p);

/* ---- memory ---- */

/* Bytes by owner, with what the passes made. */
enum tacit_status tac_bench_owners(struct tac_bench *b, const struct tac_bench_passes *p,
                                   struct tacit_err *err) TAC_MUST_USE;

/* What the system says of this process, in bytes; 0 where it does not. */
struct tac_bench_process {
    size_t resident, anonymous; /* peak since tac_bench_forget_peak; now */
};
struct tac_bench_process tac_bench_process(void);
void tac_bench_forget_peak(void);

/* Reads the weights that decoding reads, in sequence, with so many threads: bytes a second. */
double tac_bench_read_weights(const struct tac_weights *w, int threads);
/* Whether decoding reads a slot's matrix whole. */
bool tac_bench_is_read(const struct tac_weights *w, size_t slot);

#endif
