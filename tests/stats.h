/* tests/golden/stats/stats.json: expected values by scikit-learn, scipy, statsmodels and numpy
 * (make_stats.py beside it). */
#ifndef TAC_TESTS_STATS_H
#define TAC_TESTS_STATS_H

#include "check.h"

#include "format/json.h"

#include <math.h>

/* Closed forms: relative 1e-9, and absolute where 0 is expected. */
static inline void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fmax(fabs(want), 1e-3)))
        fail_msg("%.17g, expected %.17g", got, want);
}

static inline json_t *stats_golden(void)
{
    json_t *root;
    struct tacit_err err;
    assert_ok(tac_json_load(&root, "tests/golden/stats/stats.json", 1 << 20, &err), err);
    return root;
}

static inline const json_t *field(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    if (!v)
        fail_msg("stats.json has no %s", key);
    return v;
}

static inline double number(const json_t *obj, const char *key)
{
    return json_number_value(field(obj, key));
}

static inline void flatten(double *out, size_t *n, const json_t *v)
{
    size_t i;
    const json_t *item;
    if (!json_is_array(v))
        out[(*n)++] = json_number_value(v);
    else
        json_array_foreach(v, i, item) flatten(out, n, item);
}

static inline size_t leaves(const json_t *v)
{
    size_t i, n = !json_is_array(v);
    const json_t *item;
    if (json_is_array(v))
        json_array_foreach(v, i, item) n += leaves(item);
    return n;
}

/* All numbers of a nested array in order; the caller's to free. *n may be NULL. */
static inline double *numbers(const json_t *v, size_t *n)
{
    double *out = calloc(leaves(v) + 1, sizeof *out);
    size_t count = 0;
    assert_non_null(out);
    flatten(out, &count, v);
    if (n)
        *n = count;
    return out;
}

static inline void all_near(const double *got, const json_t *want)
{
    size_t n;
    double *w = numbers(want, &n);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        near(got[i], w[i]);
    free(w);
}

#endif
