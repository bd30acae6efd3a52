#include "interpret/perturb.h"

#include "base/rng.h"
#include "interpret/space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PERTURB = 1 << 24, ANGLES = 256, HALVINGS = 60 };

static const double pi = 3.14159265358979323846;

static double inner(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void draw(double *out, size_t n, uint64_t seed, size_t row)
{
    struct tac_rng rng = tac_rng_init(seed, STREAM_PERTURB + row);
    for (size_t i = 0; i < n; i++)
        out[i] = tac_rng_normal(&rng);
}

/* Draws the direction twice, first for its length, and needs no room for it. */
static void jitter_row(float *out, const float *start, double distance, size_t C, uint64_t seed,
                       size_t row)
{
    struct tac_rng again = tac_rng_init(seed, STREAM_PERTURB + row), rng = again;
    double sum = 0;
    for (size_t c = 0; c < C; c++) {
        double u = tac_rng_normal(&rng);
        sum += u * u;
    }
    for (size_t c = 0; c < C; c++)
        out[c] = (float)((double)start[c] + distance / sqrt(sum) * tac_rng_normal(&again));
}

/* A start row as the norm has it before gain and bias, and where it is turned to. */
struct turn {
    const struct tac_space *space;
    struct tac_moments m;
    double *z, *u;     /* (C) of equal length */
    double zz, zu, uu; /* their products, each element times the square of its gain */
};

static void take_away(double *u, const double *along, double by, size_t n)
{
    for (size_t i = 0; i < n; i++)
        u[i] -= by * (along ? along[i] : 1);
}

/* u: a direction orthogonal to z and the ones (which are orthogonal to each other), as long as z.
 */
static void set_direction(struct turn *t, uint64_t seed, size_t row)
{
    size_t C = t->space->C;
    double length2 = inner(t->z, t->z, C), mean = 0;
    draw(t->u, C, seed, row);
    for (size_t c = 0; c < C; c++)
        mean += t->u[c] / (double)C;
    take_away(t->u, NULL, mean, C);
    take_away(t->u, t->z, length2 > 0 ? inner(t->u, t->z, C) / length2 : 0, C);
    double u2 = inner(t->u, t->u, C), by = u2 > 0 ? sqrt(length2 / u2) : 0;
    for (size_t c = 0; c < C; c++)
        t->u[c] *= by;
}

static void set_turn(struct turn *t, const float *start, uint64_t seed, size_t row)
{
    t->m = tac_space_moments(t->space, start);
    for (size_t c = 0; c < t->space->C; c++)
        t->z[c] = ((double)start[c] - t->m.mean) * t->m.rstd;
    set_direction(t, seed, row);
    t->zz = t->zu = t->uu = 0;
    for (size_t c = 0; c < t->space->C; c++) {
        double g2 = (double)t->space->gain[c] * (double)t->space->gain[c];
        t->zz += g2 * t->z[c] * t->z[c];
        t->zu += g2 * t->z[c] * t->u[c];
        t->uu += g2 * t->u[c] * t->u[c];
    }
}

/* The squared distance after the gain that an angle makes; without cancellation at small ones. */
static double squared_at(const struct turn *t, double angle)
{
    double back = 2 * sin(angle / 2) * sin(angle / 2), side = sin(angle);
    return back * back * t->zz - 2 * back * side * t->zu + side * side * t->uu;
}

/* The smallest angle that makes the distance; false, and pi, where none does. */
static bool find_angle(const struct turn *t, double distance, double *angle)
{
    double want = distance * distance, low = 0, high = 0;
    for (int i = 1; i <= ANGLES; i++) {
        low = high;
        high = pi * i / ANGLES;
        if (squared_at(t, high) >= want)
            break;
        if (i == ANGLES) {
            *angle = pi;
            return false;
        }
    }
    for (int i = 0; i < HALVINGS; i++) {
        double middle = low + (high - low) / 2;
        if (squared_at(t, middle) < want)
            low = middle;
        else
            high = middle;
    }
    *angle = high;
    return true;
}

static bool turn_row(struct turn *t, float *out, const float *start, double distance, uint64_t seed,
                     size_t row)
{
    double angle;
    set_turn(t, start, seed, row);
    bool reached = find_angle(t, distance, &angle);
    double back = 2 * sin(angle / 2) * sin(angle / 2), side = sin(angle);
    for (size_t c = 0; c < t->space->C; c++)
        out[c] = (float)((double)start[c] + (side * t->u[c] - back * t->z[c]) / t->m.rstd);
    return reached;
}

/* How far a row lies from its start in the space; x and y (C) are room. */
static double drift_of(const struct tac_space *s, const float *start, const float *trained,
                       double *x, double *y)
{
    tac_space_row(s, x, start);
    tac_space_row(s, y, trained);
    take_away(y, x, 1, s->C);
    return sqrt(inner(y, y, s->C));
}

enum tacit_status tac_perturb_matched(float *out, size_t *short_rows, const struct tac_weights *w,
                                      const float *start, const float *trained, size_t P,
                                      uint64_t seed, struct tacit_err *err)
{
    struct tac_space s;
    size_t C = w->model->c.C;
    double *room = tac_alloc(2 * C, sizeof *room, err);
    enum tacit_status st = tac_space_open(&s, w, true, err);
    struct turn t = {.space = &s, .z = room, .u = room ? room + C : NULL};
    *short_rows = 0;
    if (!room)
        st = TACIT_EFAIL;
    for (size_t i = 0; !st && i < P; i++) {
        const float *from = start + i * C;
        double drift = drift_of(&s, from, trained + i * C, t.z, t.u);
        if (!(drift > 0))
            memcpy(out + i * C, from, C * sizeof *out);
        else if (!s.gain)
            jitter_row(out + i * C, from, drift, C, seed, i);
        else
            *short_rows += !turn_row(&t, out + i * C, from, drift, seed, i);
    }
    tac_space_close(&s);
    free(room);
    return st;
}

void tac_jitter_to(float *out, const float *start, const double *distance, size_t P, size_t C,
                   uint64_t seed)
{
    for (size_t i = 0; i < P; i++)
        jitter_row(out + i * C, start + i * C, distance[i], C, seed, i);
}
