/* Watching a backend at work: its op table is swapped for one that times every op and forwards it,
 * so that what is not watched pays nothing. Results keep their bytes. */
#ifndef TAC_BACKEND_TRACE_H
#define TAC_BACKEND_TRACE_H

#include "backend/backend.h"
#include "base/file.h"

#include <time.h>

/* Kinds of work told apart, at most: what goes beyond is counted in the last one, "other". */
enum { TAC_TRACE_KINDS = 128, TAC_TRACE_STRIDE = 8 };

/* What an op did at one shape, whatever its rows. Products: (M,K) by (K,N); else N and K may be 0.
 */
struct tac_trace_kind {
    const char *op; /* its name in struct tac_ops */
    size_t N, K;
    size_t calls, rows; /* rows: M of all calls */
    double seconds;
    double flops;        /* of products and attention that the result needs: nothing made again */
    double weight_bytes; /* of weight matrices, each read once a call */
    double busy;         /* seconds that threads worked, all together; 0: not measured */
};

struct tac_trace_event {
    const char *name;
    size_t M, N, K;
    double start, seconds; /* start: of tac_trace_now */
};

struct tac_trace {
    const struct tac_ops *ops; /* those that are watched */
    struct tac_trace_kind kind[TAC_TRACE_KINDS];
    size_t n_kind;
    struct tac_trace_event *event; /* (n_event) the first max_event there were */
    size_t n_event, max_event, lost;
    double begun;
    double *busy; /* by thread, TAC_TRACE_STRIDE apart: of the op at work */
};

/* Seconds of a clock that only goes forward. */
static inline double tac_trace_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* tac_backend_trace: watches be (be->trace) until tac_backend_untrace or close. Errors: memory. */
enum tacit_status tac_backend_trace(struct tac_backend *be, size_t max_event,
                                    struct tacit_err *err) TAC_MUST_USE;
void tac_backend_untrace(struct tac_backend *be);
/* tac_trace_forget: the kinds so far; events are kept. */
void tac_trace_forget(struct tac_trace *t);
/* tac_trace_add: an event of the caller's own, from `start` until now. name is borrowed. */
void tac_trace_add(struct tac_trace *t, const char *name, double start);
/* tac_trace_write: the events as Chrome's trace format (chrome://tracing, Perfetto), appended to w.
 */
void tac_trace_write(const struct tac_trace *t, struct tac_writer *w);

/* What a thread of an op was busy with, from .. until: idle is the rest. Nothing where nobody
 * watches. */
static inline double tac_busy_from(const struct tac_backend *be)
{
    return be->trace ? tac_trace_now() : 0;
}

static inline void tac_busy_until(const struct tac_backend *be, size_t thread, double from)
{
    if (be->trace)
        be->trace->busy[thread * TAC_TRACE_STRIDE] += tac_trace_now() - from;
}

#endif
