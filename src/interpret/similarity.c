#include "interpret/similarity.h"

#include "interpret/space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1 };

/* A matching that grows by one row at a time. Prices keep cost - row - column >= 0, and 0 on what
 * is matched. Columns count from 0; `owner` and `before` are NONE where there is nothing. */
struct assignment {
    const double *cost; /* (n,n) */
    size_t n;
    double *row, *column; /* (n) prices */
    double *reach;        /* (n) length of the shortest path to a column so far */
    ptrdiff_t *owner;     /* (n) the row that a column belongs to */
    ptrdiff_t *before;    /* (n) the column before it on that path */
    bool *done;           /* (n) */
};

static double slack(const struct assignment *s, size_t i, size_t j)
{
    return s->cost[i * s->n + j] - s->row[i] - s->column[j];
}

/* Continues paths from row i, which is reached at length `at` through column `via`; returns the
 * nearest column that is not done yet. */
static size_t scan_row(struct assignment *s, size_t i, double at, ptrdiff_t via)
{
    size_t nearest = s->n;
    for (size_t j = 0; j < s->n; j++) {
        if (s->done[j])
            continue;
        double length = at + slack(s, i, j);
        if (length < s->reach[j]) {
            s->reach[j] = length;
            s->before[j] = via;
        }
        if (nearest == s->n || s->reach[j] < s->reach[nearest])
            nearest = j;
    }
    return nearest;
}

/* Prices after a search from row `first` that ended at length `end`. */
static void reprice(struct assignment *s, size_t first, double end)
{
    s->row[first] += end;
    for (size_t j = 0; j < s->n; j++) {
        if (!s->done[j])
            continue;
        s->column[j] -= end - s->reach[j];
        s->row[s->owner[j]] += end - s->reach[j];
    }
}

/* Matches one more row: along the shortest path to a free column, every row on it moves on. */
static void add_row(struct assignment *s, size_t first)
{
    for (size_t j = 0; j < s->n; j++) {
        s->reach[j] = (double)INFINITY;
        s->done[j] = false;
    }
    size_t j = scan_row(s, first, 0, NONE);
    while (s->owner[j] != NONE) {
        s->done[j] = true;
        j = scan_row(s, (size_t)s->owner[j], s->reach[j], (ptrdiff_t)j);
    }
    reprice(s, first, s->reach[j]);
    for (; s->before[j] != NONE; j = (size_t)s->before[j])
        s->owner[j] = s->owner[s->before[j]];
    s->owner[j] = (ptrdiff_t)first;
}

/* Exchanges columns where that costs nothing and brings a row back to its place. */
static void settle(size_t *match, const double *cost, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = 0, to = match[i];
        while (match[j] != i)
            j++;
        if (cost[i * n + i] + cost[j * n + to] > cost[i * n + to] + cost[j * n + i])
            continue;
        match[j] = to;
        match[i] = i;
    }
}

enum tacit_status tac_assign(size_t *match, const double *cost, size_t n, struct tacit_err *err)
{
    double *price = tac_alloc(3 * n, sizeof *price, err);
    ptrdiff_t *column = tac_alloc(2 * n, sizeof *column, err);
    bool *done = tac_alloc(n, sizeof *done, err);
    enum tacit_status st = price && column && done ? TACIT_OK : TACIT_EFAIL;
    if (st)
        goto out;
    struct assignment s = {cost, n, price, price + n, price + 2 * n, column, column + n, done};
    for (size_t j = 0; j < n; j++)
        s.owner[j] = NONE;
    for (size_t i = 0; i < n; i++)
        add_row(&s, i);
    for (size_t j = 0; j < n; j++)
        match[s.owner[j]] = j;
    settle(match, cost, n);
out:
    free(price);
    free(column);
    free(done);
    return st;
}

static double dot(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

static double over(double product, double x, double y)
{
    return x > 0 && y > 0 ? product / (x * y) : 0;
}

static double cosine_of(const float *x, const float *y, size_t n)
{
    return over(dot(x, y, n), tac_length(x, n), tac_length(y, n));
}

static double squared_distance(const float *x, const float *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
    return sum;
}

static double mean_token_cosine(const float *a, const float *b, size_t P, size_t C)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t c = 0; c < C; c++) {
        double x = 0, y = 0;
        for (size_t i = 0; i < P; i++) {
            x += (double)a[i * C + c];
            y += (double)b[i * C + c];
        }
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return over(ab, sqrt(aa), sqrt(bb));
}

static double sum_matched(const double *cost, const size_t *match, size_t n, size_t *in_place)
{
    double sum = 0;
    *in_place = 0;
    for (size_t i = 0; i < n; i++) {
        sum += cost[i * n + match[i]];
        *in_place += match[i] == i;
    }
    return sum;
}

/* What needs the tokens' pairs; cost (P,P) is room. */
static enum tacit_status compare_pairs(struct tac_similarity *out, size_t *match, double *cost,
                                       const float *a, const float *b, size_t P, size_t C,
                                       struct tacit_err *err)
{
    out->pairwise = 0;
    for (size_t i = 0; i < P; i++)
        for (size_t j = 0; j < P; j++) {
            cost[i * P + j] = squared_distance(a + i * C, b + j * C, C);
        }
    enum tacit_status st = tac_assign(match, cost, P, err);
    if (st)
        return st;
    out->matched_distance = sqrt(sum_matched(cost, match, P, &out->in_place_distance));
    for (size_t i = 0; i < P; i++)
        for (size_t j = 0; j < P; j++) {
            cost[i * P + j] = -cosine_of(a + i * C, b + j * C, C);
            out->pairwise -= cost[i * P + j] / (double)(P * P);
        }
    st = tac_assign(match, cost, P, err);
    if (!st)
        out->matched_cosine = -sum_matched(cost, match, P, &out->in_place) / (double)P;
    return st;
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

enum tacit_status tac_similarity(struct tac_similarity *out, size_t *match, const float *a,
                                 const float *b, size_t P, size_t C, struct tacit_err *err)
{
    *out = (struct tac_similarity){0};
    if (!all_finite(a, P * C) || !all_finite(b, P * C))
        return tac_fail(err, TACIT_EINPUT,
                        "a prompt to be compared holds a value that is not finite");
    size_t *own = match ? match : tac_alloc(P, sizeof *own, err);
    double *cost = tac_alloc(P * P, sizeof *cost, err);
    enum tacit_status st =
        own && cost ? compare_pairs(out, own, cost, a, b, P, C, err) : TACIT_EFAIL;
    out->distance = sqrt(squared_distance(a, b, P * C));
    out->cosine = cosine_of(a, b, P * C);
    out->mean_cosine = mean_token_cosine(a, b, P, C);
    free(cost);
    if (!match)
        free(own);
    return st;
}

enum tacit_status tac_prompt_normed(float *out, const struct tac_weights *w, const float *values,
                                    size_t P, struct tacit_err *err)
{
    struct tac_space s;
    enum tacit_status st = tac_space_open(&s, w, true, err);
    if (!st) {
        memmove(out, values, P * s.C * sizeof *out);
        tac_space_enter(&s, out, P);
    }
    tac_space_close(&s);
    return st;
}
