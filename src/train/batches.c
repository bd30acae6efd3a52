#include "train/batches.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_ORDER = 1 << 20, PASSAGE = 16 };

/* ---- passages ---- */

struct context {
    const struct tac_query *q;
    uint32_t example;
};

static size_t common(const struct tac_query *a, const struct tac_query *b)
{
    size_t n = a->n_ctx < b->n_ctx ? a->n_ctx : b->n_ctx, i = 0;
    while (i < n && a->ctx[i] == b->ctx[i])
        i++;
    return i;
}

/* By token ids; equal ones as they came. */
static int by_ids(const void *a, const void *b)
{
    const struct context *x = a, *y = b;
    size_t i = common(x->q, y->q);
    bool x_ends = i == x->q->n_ctx, y_ends = i == y->q->n_ctx;
    if (x_ends || y_ends)
        return x_ends && y_ends ? (x->example > y->example) - (x->example < y->example)
                                : (x_ends ? -1 : 1);
    return x->q->ctx[i] < y->q->ctx[i] ? -1 : 1;
}

/* Whether two contexts are on one passage; all contexts begin with `all` tokens in common. */
static bool one_passage(const struct tac_query *a, const struct tac_query *b, size_t all)
{
    size_t shorter = (a->n_ctx < b->n_ctx ? a->n_ctx : b->n_ctx) - all, n = common(a, b) - all;
    return n >= PASSAGE && 2 * n >= shorter;
}

static enum tacit_status find_groups(struct tac_batches *b, struct tacit_err *err)
{
    size_t n = b->o.n;
    struct context *c = tac_alloc(n, sizeof *c, err);
    b->member = tac_alloc(n, sizeof *b->member, err);
    b->group_end = tac_alloc(n, sizeof *b->group_end, err);
    b->turn = tac_alloc(n, sizeof *b->turn, err);
    bool enough = c && b->member && b->group_end && b->turn;
    for (size_t i = 0; enough && i < n; i++)
        c[i] = (struct context){&b->o.example[i], (uint32_t)i};
    if (enough && n)
        qsort(c, n, sizeof *c, by_ids);
    size_t all = enough && n > 1 ? common(c[0].q, c[n - 1].q) : 0;
    for (size_t i = 0; enough && i < n; i++) {
        if (i && !one_passage(c[i - 1].q, c[i].q, all))
            b->n_group++;
        b->member[i] = c[i].example;
        b->group_end[b->n_group] = (uint32_t)i + 1;
    }
    b->n_group += n > 0;
    free(c);
    return enough ? TACIT_OK : TACIT_EFAIL;
}

static void order_passages(struct tac_batches *b, struct tac_rng *r)
{
    size_t at = 0;
    for (size_t g = 0; g < b->n_group; g++)
        b->turn[g] = (uint32_t)g;
    tac_rng_shuffle(r, b->turn, b->n_group);
    for (size_t g = 0; g < b->n_group; g++) {
        size_t from = b->turn[g] ? b->group_end[b->turn[g] - 1] : 0,
               n = b->group_end[b->turn[g]] - from;
        memcpy(b->order + at, b->member + from, n * sizeof *b->order);
        tac_rng_shuffle(r, b->order + at, n);
        at += n;
    }
}

/* ---- epochs ---- */

static void set_order(struct tac_batches *b, size_t epoch)
{
    struct tac_rng r = tac_rng_init(b->o.seed, STREAM_ORDER + epoch);
    if (b->o.order == TAC_ORDER_PASSAGES) {
        order_passages(b, &r);
        return;
    }
    for (size_t i = 0; i < b->o.n; i++)
        b->order[i] = (uint32_t)i;
    if (b->o.order == TAC_ORDER_SHUFFLED)
        tac_rng_shuffle(&r, b->order, b->o.n);
}

void tac_batches_epoch(struct tac_batches *b, size_t epoch)
{
    size_t rows = 0, count = 0;
    set_order(b, epoch);
    b->n_batch = 0;
    b->epoch = epoch;
    for (size_t i = 0; i < b->o.n; i++) {
        const struct tac_query *q = &b->o.example[b->order[i]];
        size_t more = b->o.extra + q->n_ctx + q->n_target;
        bool full = count == b->o.most || (b->o.most_rows && count && rows + more > b->o.most_rows);
        if (full) {
            b->end[b->n_batch++] = i;
            rows = count = 0;
        }
        rows += more;
        count++;
    }
    b->end[b->n_batch++] = b->o.n;
}

enum tacit_status tac_batches_open(struct tac_batches *b, const struct tac_batching *o,
                                   struct tacit_err *err)
{
    *b = (struct tac_batches){.o = *o};
    b->order = tac_alloc(o->n, sizeof *b->order, err);
    b->end = tac_alloc(o->n + 1, sizeof *b->end, err);
    enum tacit_status s = b->order && b->end ? TACIT_OK : TACIT_EFAIL;
    if (!s && o->order == TAC_ORDER_PASSAGES)
        s = find_groups(b, err);
    if (s)
        tac_batches_close(b);
    else
        tac_batches_epoch(b, 0);
    return s;
}

void tac_batches_close(struct tac_batches *b)
{
    free(b->order);
    free(b->end);
    free(b->member);
    free(b->group_end);
    free(b->turn);
    *b = (struct tac_batches){0};
}
