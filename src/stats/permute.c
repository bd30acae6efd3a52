#include "stats/permute.h"

#include "base/mem.h"
#include "base/rng.h"
#include "stats/describe.h"

#include <math.h>
#include <stdlib.h>

static int by_item(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* ---- the engine ---- */

/* The number of arrangements that look different, of sorted blocks; TAC_PERMUTE_EXACT + 1 for more
 * than that. Each prefix's count is a whole number. */
static size_t arrangements(const uint32_t *item, const size_t *first, size_t blocks)
{
    uint64_t count = 1;
    for (size_t b = 0; b < blocks; b++) {
        uint64_t equal = 0;
        for (size_t i = first[b]; i < first[b + 1]; i++) {
            equal = i > first[b] && item[i] == item[i - 1] ? equal + 1 : 1;
            count = count * (i - first[b] + 1) / equal;
            if (count > TAC_PERMUTE_EXACT)
                return TAC_PERMUTE_EXACT + 1;
        }
    }
    return (size_t)count;
}

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

static void reverse(uint32_t *item, size_t n)
{
    for (size_t i = 0; i < n / 2; i++)
        swap(item + i, item + n - 1 - i);
}

/* The next arrangement in lexicographic order; behind the last comes the first, and false. */
static bool next_of_block(uint32_t *item, size_t n)
{
    size_t i = n;
    while (i > 1 && item[i - 2] >= item[i - 1])
        i--;
    if (i <= 1) {
        reverse(item, n);
        return false;
    }
    size_t j = n;
    while (item[j - 1] <= item[i - 2])
        j--;
    swap(item + i - 2, item + j - 1);
    reverse(item + i - 1, n - i + 1);
    return true;
}

static bool next_arrangement(uint32_t *item, const size_t *first, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++)
        if (next_of_block(item + first[b], first[b + 1] - first[b]))
            return true;
    return false;
}

/* One alternative's counts: arrangements as extreme as the observed, and as the most extreme. */
struct tally {
    double observed, most, tolerance;
    size_t reached, at_most;
};

static struct tally tally_init(double observed, double tolerance)
{
    return (struct tally){observed, -HUGE_VAL, tolerance, 0, 0};
}

static void tally(struct tally *t, double x)
{
    t->reached += x >= t->observed - t->tolerance;
    if (x > t->most + t->tolerance) {
        t->most = x;
        t->at_most = 0;
    }
    t->at_most += x >= t->most - t->tolerance;
}

static struct tac_tail tail(const struct tally *t, size_t count, bool exact)
{
    double n = (double)count;
    if (exact)
        return (struct tac_tail){(double)t->reached / n, (double)t->at_most / n};
    return (struct tac_tail){((double)t->reached + 1) / (n + 1), 1 / (n + 1)};
}

void tac_permute(struct tac_permutation *out, uint32_t *item, const size_t *first, size_t blocks,
                 double (*statistic)(const void *context, const uint32_t *item),
                 const void *context, double tolerance, struct tac_draws draws)
{
    TAC_CHECK(draws.m > 0);
    double s = statistic(context, item);
    struct tac_tail none = {(double)NAN, (double)NAN};
    *out = (struct tac_permutation){s, none, none, none, 0, false};
    if (!isfinite(s))
        return;
    struct tally up = tally_init(s, tolerance), down = tally_init(-s, tolerance);
    struct tally both = tally_init(fabs(s), tolerance);
    struct tac_rng rng = tac_rng_init(draws.seed, 0);
    for (size_t b = 0; b < blocks; b++)
        qsort(item + first[b], first[b + 1] - first[b], sizeof *item, by_item);
    size_t all = arrangements(item, first, blocks);
    out->exact = all <= TAC_PERMUTE_EXACT;
    out->count = out->exact ? all : draws.m;
    for (size_t i = 0; i < out->count; i++) {
        for (size_t b = 0; b < blocks && !out->exact; b++)
            tac_rng_shuffle(&rng, item + first[b], first[b + 1] - first[b]);
        double x = statistic(context, item);
        tally(&up, x);
        tally(&down, -x);
        tally(&both, fabs(x));
        if (out->exact)
            next_arrangement(item, first, blocks);
    }
    out->greater = tail(&up, out->count, out->exact);
    out->less = tail(&down, out->count, out->exact);
    out->two_sided = tail(&both, out->count, out->exact);
}

/* ---- correlations ---- */

/* Statistics of unit vectors differ by rounding alone if they differ by less. */
static const double rounding = 1e-12;

static enum tacit_status check_finite(const double *x, size_t n, const char *what,
                                      struct tacit_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return tac_fail(err, TACIT_EINPUT, "%s: value %zu is %g, expected a number", what, i,
                            x[i]);
    return TACIT_OK;
}

/* x less its mean, all 0 where it is constant; the sum of squares. */
static double center(double *x, size_t n)
{
    double mean = tac_mean(x, n), sum = 0;
    bool constant = true;
    for (size_t i = 1; i < n; i++)
        constant = constant && x[i] == x[0];
    for (size_t i = 0; i < n; i++) {
        x[i] = constant ? 0 : x[i] - mean;
        sum += x[i] * x[i];
    }
    return sum;
}

/* x centred and of norm 1; false where it is constant, and then 0. */
static bool unit(double *x, size_t n)
{
    double norm = sqrt(center(x, n));
    for (size_t i = 0; i < n && norm > 0; i++)
        x[i] /= norm;
    return norm > 0;
}

struct ranked {
    double value;
    size_t index;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

enum tacit_status tac_ranks(double *rank, const double *x, size_t n, struct tacit_err *err)
{
    struct ranked *by = tac_alloc(n, sizeof *by, err);
    enum tacit_status s = by ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < n && !s; i++) {
        by[i] = (struct ranked){x[i], i};
        if (isnan(x[i]))
            s = tac_fail(err, TACIT_EINPUT, "ranks: value %zu is NaN", i);
    }
    if (!s && n)
        qsort(by, n, sizeof *by, by_value);
    for (size_t i = 0, end; i < n && !s; i = end) {
        for (end = i; end < n && by[end].value == by[i].value; end++)
            ;
        for (size_t j = i; j < end; j++)
            rank[by[j].index] = (double)(i + 1 + end) / 2;
    }
    free(by);
    return s;
}

/* Two vectors made ready: unit vectors, or for Kendall's tau as they are. */
struct vectors {
    enum tac_correlation kind;
    size_t n;
    double *x, *y;
    double factor; /* of the sum; NaN where nothing varies */
    uint32_t *item;
};

static void vectors_release(struct vectors *v)
{
    free(v->x);
    free(v->y);
    free(v->item);
}

static int sign(double a, double b)
{
    return (a > b) - (a < b);
}

/* Pairs that differ in x. */
static double untied(const double *x, size_t n)
{
    double pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            pairs += x[i] != x[j];
    return pairs;
}

static enum tacit_status vectors_init(struct vectors *v, enum tac_correlation kind, const double *x,
                                      const double *y, size_t n, struct tacit_err *err)
{
    TAC_CHECK(n <= UINT32_MAX);
    *v = (struct vectors){.kind = kind, .n = n, .factor = 1};
    v->x = tac_alloc(n, sizeof *v->x, err);
    v->y = tac_alloc(n, sizeof *v->y, err);
    v->item = tac_alloc(n, sizeof *v->item, err);
    enum tacit_status s = v->x && v->y && v->item ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = check_finite(x, n, "correlation's first vector", err);
    if (!s)
        s = check_finite(y, n, "correlation's second vector", err);
    for (size_t i = 0; i < n && !s; i++) {
        v->item[i] = (uint32_t)i;
        v->x[i] = x[i];
        v->y[i] = y[i];
    }
    if (!s && kind == TAC_SPEARMAN)
        s = tac_ranks(v->x, x, n, err);
    if (!s && kind == TAC_SPEARMAN)
        s = tac_ranks(v->y, y, n, err);
    if (!s && kind == TAC_KENDALL) {
        double pairs = untied(v->x, n) * untied(v->y, n);
        v->factor = pairs > 0 ? 1 / sqrt(pairs) : (double)NAN;
    } else if (!s) {
        bool varies = unit(v->x, n);
        v->factor = unit(v->y, n) && varies ? 1 : (double)NAN;
    }
    return s;
}

static double correlation(const void *context, const uint32_t *item)
{
    const struct vectors *v = context;
    double sum = 0;
    if (v->kind == TAC_KENDALL) {
        for (size_t i = 0; i < v->n; i++)
            for (size_t j = 0; j < i; j++)
                sum += sign(v->x[i], v->x[j]) * sign(v->y[item[i]], v->y[item[j]]);
    } else {
        for (size_t i = 0; i < v->n; i++)
            sum += v->x[i] * v->y[item[i]];
    }
    return v->factor * sum;
}

enum tacit_status tac_correlate(double *out, enum tac_correlation kind, const double *x,
                                const double *y, size_t n, struct tacit_err *err)
{
    struct vectors v;
    enum tacit_status s = vectors_init(&v, kind, x, y, n, err);
    if (!s)
        *out = correlation(&v, v.item);
    vectors_release(&v);
    return s;
}

enum tacit_status tac_permute_correlation(struct tac_permutation *out, enum tac_correlation kind,
                                          const double *x, const double *y, size_t n,
                                          struct tac_draws draws, struct tacit_err *err)
{
    struct vectors v;
    enum tacit_status s = vectors_init(&v, kind, x, y, n, err);
    if (!s)
        tac_permute(out, v.item, (size_t[]){0, n}, 1, correlation, &v, rounding, draws);
    vectors_release(&v);
    return s;
}

/* ---- slopes within blocks ---- */

struct point {
    int64_t block;
    size_t index;
};

static int by_block(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

struct slope {
    size_t n;
    double *x, *y; /* block by block, less the block's mean */
    double xx, yy;
};

static double slope(const void *context, const uint32_t *item)
{
    const struct slope *v = context;
    double sum = 0;
    for (size_t i = 0; i < v->n; i++)
        sum += v->x[i] * v->y[item[i]];
    return v->xx > 0 ? sum / v->xx : (double)NAN;
}

/* first (<= n + 1) out: where the blocks of sorted points begin; their number. */
static size_t block_starts(size_t *first, const struct point *p, size_t n)
{
    size_t blocks = 0;
    for (size_t i = 0; i < n; i++)
        if (!i || p[i].block != p[i - 1].block)
            first[blocks++] = i;
    first[blocks] = n;
    return blocks;
}

enum tacit_status tac_permute_slope(struct tac_permutation *out, const double *x, const double *y,
                                    const int64_t *block, size_t n, struct tac_draws draws,
                                    struct tacit_err *err)
{
    TAC_CHECK(n > 0 && n <= UINT32_MAX);
    struct point *p = tac_alloc(n, sizeof *p, err);
    struct slope v = {n, tac_alloc(n, sizeof *v.x, err), tac_alloc(n, sizeof *v.y, err), 0, 0};
    size_t *first = tac_alloc(n + 1, sizeof *first, err), blocks;
    uint32_t *item = tac_alloc(n, sizeof *item, err);
    enum tacit_status s = p && v.x && v.y && first && item ? TACIT_OK : TACIT_EFAIL;
    if (!s)
        s = check_finite(x, n, "slope's x", err);
    if (!s)
        s = check_finite(y, n, "slope's y", err);
    if (s)
        goto out;
    for (size_t i = 0; i < n; i++)
        p[i] = (struct point){block[i], i};
    qsort(p, n, sizeof *p, by_block);
    for (size_t i = 0; i < n; i++) {
        v.x[i] = x[p[i].index];
        v.y[i] = y[p[i].index];
        item[i] = (uint32_t)i;
    }
    blocks = block_starts(first, p, n);
    for (size_t b = 0; b < blocks; b++) {
        v.xx += center(v.x + first[b], first[b + 1] - first[b]);
        v.yy += center(v.y + first[b], first[b + 1] - first[b]);
    }
    tac_permute(out, item, first, blocks, slope, &v, rounding * sqrt(v.yy / v.xx), draws);
out:
    free(p);
    free(v.x);
    free(v.y);
    free(first);
    free(item);
    return s;
}

/* ---- matrices ---- */

struct mantel {
    size_t n;
    double *a, *b; /* (n,n): unit vectors of off-diagonal entries, 0 on the diagonal */
    double factor;
};

static double mantel(const void *context, const uint32_t *item)
{
    const struct mantel *v = context;
    double sum = 0;
    for (size_t i = 0; i < v->n; i++)
        for (size_t j = 0; j < v->n; j++)
            sum += v->a[i * v->n + j] * v->b[item[i] * v->n + item[j]];
    return v->factor * sum;
}

/* The off-diagonal entries of so many columns from one on: gathered into v, or put back from it;
 * their number. */
static size_t move_entries(double *v, double *m, size_t n, size_t column, size_t columns, bool back)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = column; j < column + columns; j++) {
            if (i == j)
                continue;
            *(back ? m + i * n + j : v + at) = back ? v[at] : m[i * n + j];
            at++;
        }
    return at;
}

/* out (n,n): m with the entries of every `columns` columns made a unit vector, and whether any
 * varies. v, rank: room for n^2 each. */
static enum tacit_status standardise(double *out, bool *varies, const double *m, size_t n,
                                     size_t columns, enum tac_correlation kind, double *v,
                                     double *rank, struct tacit_err *err)
{
    *varies = false;
    for (size_t i = 0; i < n * n; i++)
        out[i] = i % (n + 1) ? m[i] : 0;
    enum tacit_status s = check_finite(out, n * n, "Mantel test's matrix", err);
    for (size_t c = 0; c < n && !s; c += columns) {
        size_t count = move_entries(v, out, n, c, columns, false);
        if (kind == TAC_SPEARMAN)
            s = tac_ranks(rank, v, count, err);
        double *use = kind == TAC_SPEARMAN ? rank : v;
        *varies = (!s && unit(use, count)) || *varies;
        move_entries(use, out, n, c, columns, true);
    }
    return s;
}

enum tacit_status tac_permute_mantel(struct tac_permutation *out, enum tac_mantel over,
                                     enum tac_correlation kind, const double *a, const double *b,
                                     size_t n, struct tac_draws draws, struct tacit_err *err)
{
    TAC_CHECK(n > 1 && n <= UINT32_MAX && kind != TAC_KENDALL);
    size_t columns = over == TAC_MANTEL_ALL ? n : 1;
    double *memory = tac_alloc(4 * n * n, sizeof *memory, err);
    uint32_t *item = tac_alloc(n, sizeof *item, err);
    enum tacit_status s = memory && item ? TACIT_OK : TACIT_EFAIL;
    bool a_varies = false, b_varies = false;
    if (s)
        goto out;
    struct mantel v = {n, memory, memory + n * n, 0};
    double *room = memory + 2 * n * n, *rank = memory + 3 * n * n;
    s = standardise(v.a, &a_varies, a, n, columns, kind, room, rank, err);
    if (!s)
        s = standardise(v.b, &b_varies, b, n, columns, kind, room, rank, err);
    if (s)
        goto out;
    for (size_t i = 0; i < n; i++)
        item[i] = (uint32_t)i;
    v.factor = a_varies && b_varies ? (double)columns / (double)n : (double)NAN;
    tac_permute(out, item, (size_t[]){0, n}, 1, mantel, &v, rounding, draws);
out:
    free(memory);
    free(item);
    return s;
}

/* ---- groups of points ---- */

/* Distances so far: extremes, and Welford's mean and sum of squares. */
struct spread {
    double low, high, mean, squares, n;
};

static const struct spread no_spread = {HUGE_VAL, 0, 0, 0, 0};

static void spread_add(struct spread *s, double d)
{
    double off = d - s->mean;
    s->n++;
    s->mean += off / s->n;
    s->squares += off * (d - s->mean);
    s->low = fmin(s->low, d);
    s->high = fmax(s->high, d);
}

static double spread_ratio(const struct spread *s)
{
    return s->high / s->low;
}

static double spread_cv(const struct spread *s)
{
    return sqrt(s->squares / (s->n - 1)) / s->mean;
}

struct groups {
    size_t n;
    const double *dist;
    struct spread *of; /* (n): of the group with this label */
    double (*measure)(const struct spread *s);
};

/* The mean of the measure over the groups with two distances or more; NaN where there is none. */
static double evenness(const void *context, const uint32_t *label)
{
    const struct groups *g = context;
    double sum = 0, groups = 0;
    for (size_t i = 0; i < g->n; i++)
        g->of[i] = no_spread;
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < i; j++)
            if (label[i] == label[j])
                spread_add(g->of + label[i], g->dist[i * g->n + j]);
    for (size_t i = 0; i < g->n; i++)
        if (g->of[i].n > 1) {
            sum += g->measure(g->of + i);
            groups++;
        }
    return sum / groups;
}

/* label (n): the first point of the same group. */
static void name_groups(uint32_t *label, const int64_t *group, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        while (group[j] != group[i])
            j++;
        label[i] = (uint32_t)j;
    }
}

static void test_evenness(struct tac_permutation *out, struct groups *g, uint32_t *label,
                          const int64_t *group, double (*measure)(const struct spread *s),
                          struct tac_draws draws)
{
    g->measure = measure;
    name_groups(label, group, g->n);
    double tolerance = rounding * evenness(g, label);
    tac_permute(out, label, (size_t[]){0, g->n}, 1, evenness, g, tolerance, draws);
}

enum tacit_status tac_equidistance(struct tac_equidistance *out, const double *dist,
                                   const int64_t *group, size_t n, struct tac_draws draws,
                                   struct tacit_err *err)
{
    TAC_CHECK(n <= UINT32_MAX);
    uint32_t *label = tac_alloc(n, sizeof *label, err);
    struct groups g = {n, dist, tac_alloc(n, sizeof *g.of, err), NULL};
    struct spread all = no_spread;
    enum tacit_status s = label && g.of ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < n && !s; i++)
        for (size_t j = 0; j < i && !s; j++) {
            double d = dist[i * n + j];
            spread_add(&all, d);
            if (!(d > 0 && isfinite(d)))
                s = tac_fail(err, TACIT_EINPUT,
                             "equidistance: distance of points %zu and %zu is %g, expected a "
                             "number > 0",
                             i, j, d);
        }
    if (s)
        goto out;
    out->ratio_all = spread_ratio(&all);
    out->cv_all = spread_cv(&all);
    test_evenness(&out->ratio, &g, label, group, spread_ratio, draws);
    test_evenness(&out->cv, &g, label, group, spread_cv, draws);
    if (isnan(out->cv.statistic))
        s = tac_fail(err, TACIT_EINPUT, "equidistance: no group of %zu points has three", n);
out:
    free(label);
    free(g.of);
    return s;
}
