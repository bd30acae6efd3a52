#include "stats/project.h"

#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- eigenvectors ---- */

static void turn(double *x, double *y, size_t n, double c, double s)
{
    for (size_t i = 0; i < n; i++) {
        double u = x[i], v = y[i];
        x[i] = c * u - s * v;
        y[i] = s * u + c * v;
    }
}

/* One rotation that makes a[p][q] zero; only rows p and q are turned by a loop, the columns are
 * their mirror. */
static void rotate(double *a, double *vector, size_t n, size_t p, size_t q)
{
    double app = a[p * n + p], aqq = a[q * n + q], apq = a[p * n + q];
    double theta = (aqq - app) / (2 * apq);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    turn(a + p * n, a + q * n, n, c, s);
    a[p * n + p] = app - t * apq;
    a[q * n + q] = aqq + t * apq;
    a[p * n + q] = a[q * n + p] = 0;
    for (size_t i = 0; i < n; i++) {
        a[i * n + p] = a[p * n + i];
        a[i * n + q] = a[q * n + i];
    }
    turn(vector + p * n, vector + q * n, n, c, s);
}

/* One pass over all entries that still count; the number of rotations made. */
static size_t sweep(double *a, double *vector, size_t n)
{
    size_t made = 0;
    for (size_t p = 0; p + 1 < n; p++)
        for (size_t q = p + 1; q < n; q++) {
            double apq = fabs(a[p * n + q]), app = fabs(a[p * n + p]), aqq = fabs(a[q * n + q]);
            if (app + 0.01 * apq == app && aqq + 0.01 * apq == aqq)
                continue;
            rotate(a, vector, n, p, q);
            made++;
        }
    return made;
}

struct ordered {
    double value;
    size_t index;
};

static int descending(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int ascending(const void *a, const void *b)
{
    const struct ordered *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

enum tacit_status tac_eigen_symmetric(double *value, double *vector, double *a, size_t n,
                                      struct tacit_err *err)
{
    enum { SWEEPS = 60 };
    struct ordered *by = tac_alloc(n, sizeof *by, err);
    double *v = tac_alloc(n * n, sizeof *v, err);
    enum tacit_status s = by && v ? TACIT_OK : TACIT_EFAIL;
    size_t sweeps = 0;
    if (s)
        goto out;
    for (size_t i = 0; i < n; i++)
        v[i * n + i] = 1;
    while (sweeps < SWEEPS && sweep(a, v, n))
        sweeps++;
    if (sweeps == SWEEPS) {
        s = tac_fail(err, TACIT_EFAIL, "eigenvalues of %zu points: no convergence in %d sweeps", n,
                     SWEEPS);
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        by[i] = (struct ordered){a[i * n + i], i};
    qsort(by, n, sizeof *by, descending);
    for (size_t i = 0; i < n; i++) {
        value[i] = by[i].value;
        memcpy(vector + i * n, v + by[i].index * n, n * sizeof *v);
    }
out:
    free(by);
    free(v);
    return s;
}

/* ---- principal components and scaling ---- */

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static double distance(const double *x, const double *y, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(sum);
}

void tac_distances(double *dist, const double *x, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            dist[i * n + j] = dist[j * n + i] = distance(x + i * d, x + j * d, d);
}

/* The first entry of largest absolute value. */
static double extreme(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        if (fabs(x[i]) > fabs(most))
            most = x[i];
    return most;
}

static void center(double *out, const double *x, size_t n, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += x[i * d + j];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++)
            out[i * d + j] = x[i * d + j] - mean;
    }
}

/* scores (n, step) column: u * root, turned so that the largest loading x' u is positive. */
static void component(double *scores, size_t step, double *loading, const double *x,
                      const double *u, double root, size_t n, size_t d)
{
    memset(loading, 0, d * sizeof *loading);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            loading[j] += u[i] * x[i * d + j];
    double factor = extreme(loading, d) < 0 ? -root : root;
    for (size_t i = 0; i < n; i++)
        scores[i * step] = factor * u[i];
}

enum tacit_status tac_pca(double *scores, double *ratio, const double *x, size_t n, size_t d,
                          size_t k, struct tacit_err *err)
{
    TAC_CHECK(n > 1 && k > 0 && k <= n && k <= d);
    double *xc = tac_alloc(n * d, sizeof *xc, err), *gram = tac_alloc(n * n, sizeof *gram, err);
    double *u = tac_alloc(n * n, sizeof *u, err), *value = tac_alloc(n, sizeof *value, err);
    double *loading = tac_alloc(d, sizeof *loading, err), total = 0;
    enum tacit_status s = xc && gram && u && value && loading ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < n * d && !s; i++)
        if (!isfinite(x[i]))
            s = tac_fail(err, TACIT_EINPUT, "PCA: value %zu of point %zu is %g, expected a number",
                         i % d, i / d, x[i]);
    if (s)
        goto out;
    center(xc, x, n, d);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            gram[i * n + j] = gram[j * n + i] = dot(xc + i * d, xc + j * d, d);
    for (size_t i = 0; i < n; i++)
        total += gram[i * n + i];
    s = tac_eigen_symmetric(value, u, gram, n, err);
    for (size_t c = 0; c < k && !s; c++) {
        double var = value[c] > (double)n * DBL_EPSILON * value[0] ? value[c] : 0;
        ratio[c] = total > 0 ? var / total : 0;
        component(scores + c, k, loading, xc, u + c * n, sqrt(var), n, d);
    }
out:
    free(xc);
    free(gram);
    free(u);
    free(value);
    free(loading);
    return s;
}

static enum tacit_status check_distances(const double *dist, size_t n, const char *what,
                                         struct tacit_err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double x = dist[i * n + j], y = dist[j * n + i];
            if (!isfinite(x) || !isfinite(y) || x < 0 || y < 0 || (i == j && x != 0))
                return tac_fail(err, TACIT_EINPUT,
                                "%s: distance of points %zu and %zu is %g, expected %s", what, i, j,
                                x, i == j ? "0" : "a number >= 0");
            if (fabs(x - y) > 1e-9 * fmax(x, y))
                return tac_fail(err, TACIT_EINPUT,
                                "%s: distance of points %zu and %zu is %g, but %g the other way",
                                what, i, j, x, y);
        }
    return TACIT_OK;
}

/* b (n,n): -J dist^2 J / 2 */
static void double_center(double *b, const double *dist, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        b[i] = -0.5 * dist[i] * dist[i];
    center(b, b, n, n);
    for (size_t i = 0; i < n; i++) {
        double mean = 0;
        for (size_t j = 0; j < n; j++)
            mean += b[i * n + j];
        mean /= (double)n;
        for (size_t j = 0; j < n; j++)
            b[i * n + j] -= mean;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            b[i * n + j] = b[j * n + i] = (b[i * n + j] + b[j * n + i]) / 2;
}

enum tacit_status tac_mds(double *coords, double *value, double *negative, const double *dist,
                          size_t n, size_t k, struct tacit_err *err)
{
    TAC_CHECK(k > 0 && k <= n);
    double *b = tac_alloc(n * n, sizeof *b, err), *u = tac_alloc(n * n, sizeof *u, err);
    double below = 0, all = 0;
    enum tacit_status s = b && u ? check_distances(dist, n, "MDS", err) : TACIT_EFAIL;
    if (s)
        goto out;
    double_center(b, dist, n);
    s = tac_eigen_symmetric(value, u, b, n, err);
    if (s)
        goto out;
    for (size_t c = 0; c < n; c++) {
        below += fmax(-value[c], 0);
        all += fabs(value[c]);
    }
    *negative = all > 0 ? below / all : 0;
    for (size_t c = 0; c < k; c++) {
        double root = sqrt(fmax(value[c], 0));
        double factor = extreme(u + c * n, n) < 0 ? -root : root;
        for (size_t i = 0; i < n; i++)
            coords[i * k + c] = factor * u[c * n + i];
    }
out:
    free(b);
    free(u);
    return s;
}

/* ---- layouts against distances ---- */

double tac_stress1(const double *layout, const double *dist, size_t n, size_t k, bool scaled)
{
    double dd = 0, dx = 0, xx = 0, off = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double d = distance(layout + i * k, layout + j * k, k), x = dist[i * n + j];
            dd += d * d;
            dx += d * x;
            xx += x * x;
        }
    double b = !scaled ? 1 : xx > 0 ? dx / xx : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double d = distance(layout + i * k, layout + j * k, k) - b * dist[i * n + j];
            off += d * d;
        }
    return dd > 0 ? sqrt(off / dd) : (double)NAN;
}

/* The other points in the order of their distance from i. */
static void nearest_first(struct ordered *by, const double *dist, size_t n, size_t i)
{
    size_t at = 0;
    for (size_t j = 0; j < n; j++)
        if (j != i)
            by[at++] = (struct ordered){dist[i * n + j], j};
    qsort(by, at, sizeof *by, ascending);
}

enum tacit_status tac_trustworthiness(double *out, const double *layout, const double *dist,
                                      size_t n, size_t k, size_t neighbors, struct tacit_err *err)
{
    TAC_CHECK(neighbors > 0 && neighbors < n - n / 2);
    struct ordered *by = tac_alloc(n, sizeof *by, err);
    size_t *rank = tac_alloc(n, sizeof *rank, err);
    double *flat = tac_alloc(n * n, sizeof *flat, err), sum = 0;
    enum tacit_status s = by && rank && flat ? TACIT_OK : TACIT_EFAIL;
    if (s)
        goto out;
    tac_distances(flat, layout, n, k);
    for (size_t i = 0; i < n; i++) {
        nearest_first(by, dist, n, i);
        for (size_t r = 0; r + 1 < n; r++)
            rank[by[r].index] = r + 1;
        nearest_first(by, flat, n, i);
        for (size_t r = 0; r < neighbors; r++)
            if (rank[by[r].index] > neighbors)
                sum += (double)(rank[by[r].index] - neighbors);
    }
    double m = (double)n, q = (double)neighbors;
    *out = 1 - sum * 2 / (m * q * (2 * m - 3 * q - 1));
out:
    free(by);
    free(rank);
    free(flat);
    return s;
}

/* ---- t-SNE ---- */

/* Pairs i < j in order: p their probabilities, w the kernel 1 / (1 + |yi - yj|^2). */
struct tsne {
    size_t n, pairs;
    double *p, *w, *grad, *update, *gain;
    double exaggeration; /* of p, at present */
    double *y;
    double rate;
    const struct tac_tsne_options *o;
};

/* row (n): p(j|i) of a Gaussian of precision beta about point i; its entropy in nats. Counted from
 * the nearest point's distance, which changes neither but keeps the sum from underflowing. */
static double gaussian(double *row, const double *dist, size_t n, size_t i, double beta)
{
    double least = HUGE_VAL, sum = 0, mean = 0;
    for (size_t j = 0; j < n; j++)
        if (j != i)
            least = fmin(least, dist[j] * dist[j]);
    for (size_t j = 0; j < n; j++) {
        row[j] = j == i ? 0 : exp((least - dist[j] * dist[j]) * beta);
        sum += row[j];
    }
    for (size_t j = 0; j < n; j++) {
        row[j] /= sum;
        mean += row[j] > 0 ? (dist[j] * dist[j] - least) * row[j] : 0;
    }
    /* the nearest point adds 1 */
    /* cppcheck-suppress invalidFunctionArg */
    return log(sum) + beta * mean;
}

/* row (n): p(j|i) at the perplexity wanted, by scikit-learn's bisection of beta. */
static void conditional(double *row, const double *dist, size_t n, size_t i, double perplexity)
{
    enum { STEPS = 100 };
    double low = 0, high = HUGE_VAL, beta = 1;
    for (int step = 0; step < STEPS; step++) {
        double off = gaussian(row, dist, n, i, beta) - log(perplexity);
        if (fabs(off) <= 1e-5)
            break;
        *(off > 0 ? &low : &high) = beta;
        beta = isinf(high) ? beta * 2 : (low + high) / 2;
    }
}

static enum tacit_status joint(struct tsne *t, const double *dist, struct tacit_err *err)
{
    size_t n = t->n, at = 0;
    double sum = 0, *row = tac_alloc(n * n, sizeof *row, err);
    if (!row)
        return TACIT_EFAIL;
    for (size_t i = 0; i < n; i++)
        conditional(row + i * n, dist + i * n, n, i, t->o->perplexity);
    for (size_t i = 0; i < n * n; i++)
        sum += 2 * row[i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            t->p[at++] = fmax((row[i * n + j] + row[j * n + i]) / sum, DBL_EPSILON);
    free(row);
    return TACIT_OK;
}

/* w of the layout; the sum over ordered pairs. */
static double kernel(struct tsne *t)
{
    double sum = 0;
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = i + 1; j < t->n; j++) {
            double dx = t->y[2 * i] - t->y[2 * j], dy = t->y[2 * i + 1] - t->y[2 * j + 1];
            t->w[at] = 1 / (1 + (dx * dx + dy * dy));
            sum += t->w[at++];
        }
    return 2 * sum;
}

static double divergence(const struct tsne *t, double sum)
{
    double kl = 0;
    for (size_t i = 0; i < t->pairs; i++) {
        double p = t->p[i] * t->exaggeration;
        kl += p * log(p / fmax(t->w[i] / sum, DBL_EPSILON));
    }
    return 2 * kl;
}

static void gradient(struct tsne *t, double sum)
{
    size_t at = 0;
    memset(t->grad, 0, 2 * t->n * sizeof *t->grad);
    for (size_t i = 0; i < t->n; i++)
        for (size_t j = i + 1; j < t->n; j++, at++) {
            double q = fmax(t->w[at] / sum, DBL_EPSILON);
            double f = 4 * (t->p[at] * t->exaggeration - q) * t->w[at];
            for (size_t c = 0; c < 2; c++) {
                double pull = f * (t->y[2 * i + c] - t->y[2 * j + c]);
                t->grad[2 * i + c] += pull;
                t->grad[2 * j + c] -= pull;
            }
        }
}

/* One update; the norm of the gradient times gains. */
static double step(struct tsne *t, double momentum)
{
    double norm = 0;
    for (size_t i = 0; i < 2 * t->n; i++) {
        bool turned = t->update[i] * t->grad[i] < 0;
        t->gain[i] = fmax(turned ? t->gain[i] + 0.2 : t->gain[i] * 0.8, 0.01);
        double g = t->grad[i] * t->gain[i];
        norm += g * g;
        t->update[i] = momentum * t->update[i] - t->rate * g;
        t->y[i] += t->update[i];
    }
    return sqrt(norm);
}

/* One phase from iteration `first` to `end`; the iteration after its last one. */
static size_t descend(struct tsne *t, size_t first, size_t end, double momentum, size_t patience)
{
    enum { EVERY = 50 };
    double best = HUGE_VAL;
    size_t best_at = first;
    for (size_t i = 0; i < 2 * t->n; i++) {
        t->update[i] = 0;
        t->gain[i] = 1;
    }
    for (size_t it = first; it < end; it++) {
        double sum = kernel(t), norm;
        gradient(t, sum);
        norm = step(t, momentum);
        if ((it + 1) % EVERY != 0)
            continue;
        double kl = divergence(t, sum); /* w is still that of the layout before the update */
        if (t->o->progress)
            t->o->progress(t->o->context, it + 1, kl, norm);
        if (kl < best) {
            best = kl;
            best_at = it;
        } else if (it - best_at > patience) {
            return it + 1;
        }
        if (norm <= t->o->min_grad_norm)
            return it + 1;
    }
    return end;
}

struct tac_tsne_options tac_tsne_options_default(void)
{
    return (struct tac_tsne_options){.perplexity = 30,
                                     .exaggeration = 12,
                                     .min_grad_norm = 1e-7,
                                     .exploration = 250,
                                     .n_iter = 1000,
                                     .patience = 300};
}

void tac_tsne_start(double *start, const double *scores, size_t n, size_t k)
{
    TAC_CHECK(k > 1);
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++)
        mean += scores[i * k] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (scores[i * k] - mean) * (scores[i * k] - mean) / (double)n;
    double factor = var > 0 ? 1e-4 / sqrt(var) : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 2; c++)
            start[2 * i + c] = scores[i * k + c] * factor;
}

enum tacit_status tac_tsne(double *layout, double *kl, const double *dist, size_t n,
                           const struct tac_tsne_options *o, struct tacit_err *err)
{
    TAC_CHECK(n > 2);
    if (!(o->perplexity >= 1 && o->perplexity < (double)n))
        return tac_fail(err, TACIT_EINPUT, "t-SNE: perplexity %g, expected 1 to less than %zu",
                        o->perplexity, n);
    enum tacit_status s = check_distances(dist, n, "t-SNE", err);
    if (s)
        return s;
    struct tsne t = {.n = n, .pairs = n * (n - 1) / 2, .y = layout, .o = o};
    double *memory = tac_alloc(2 * t.pairs + 6 * n, sizeof *memory, err);
    if (!memory)
        return TACIT_EFAIL;
    t.p = memory;
    t.w = t.p + t.pairs;
    t.grad = t.w + t.pairs;
    t.update = t.grad + 2 * n;
    t.gain = t.update + 2 * n;
    t.rate = o->learning_rate > 0 ? o->learning_rate : fmax((double)n / o->exaggeration / 4, 50);
    s = joint(&t, dist, err);
    if (!s) {
        t.exaggeration = o->exaggeration;
        size_t done =
            descend(&t, 0, o->exploration < o->n_iter ? o->exploration : o->n_iter, 0.5, SIZE_MAX);
        t.exaggeration = 1;
        descend(&t, done, o->n_iter, 0.8, o->patience);
        double sum = kernel(&t);
        bool finite = sum > 0;
        for (size_t i = 0; i < 2 * n; i++)
            finite = finite && isfinite(layout[i]);
        *kl = divergence(&t, sum);
        if (!finite)
            s = tac_fail(err, TACIT_EFAIL, "t-SNE: diverged at learning rate %g", t.rate);
    }
    free(memory);
    return s;
}
