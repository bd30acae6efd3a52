/* How the cpu backend's ops share work and scratch between threads. */
#ifndef TAC_BACKEND_THREADS_H
#define TAC_BACKEND_THREADS_H

#include <stddef.h>

/* A range of items, [lo, hi). */
struct tac_span {
    size_t lo, hi;
};

/* tac_share: part `part` of n items cut into `parts` nearly equal spans. */
static inline struct tac_span tac_share(size_t n, size_t part, size_t parts)
{
    return (struct tac_span){n * part / parts, n * (part + 1) / parts};
}

static inline size_t tac_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t tac_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* tac_threads_for: threads for `work` multiply-adds: one where starting others would cost more. */
static inline int tac_threads_for(int threads, size_t work)
{
    return work < 100000 ? 1 : threads;
}

#endif
