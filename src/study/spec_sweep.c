/* The key `sweep`: methods and settings to combine. */
#include "study/spec_read.h"

#include "base/rng.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AXES = 32, STREAM = 31, TRIES = 1000 };

/* A setting that varies: one of a list's values (a scalar is a list of one), or a number that is
 * drawn between two, evenly in its logarithm. */
struct axis {
    const struct tac_spec_field *field;
    const struct tac_yaml *list; /* a scalar or a list; NULL: drawn */
    size_t n;
    double low, high;
};

/* A sweep being read; axis[0] is the methods, field NULL. */
struct sweep {
    struct tac_spec_reader *r;
    struct axis axis[AXES];
    size_t n;
};

static const struct tac_yaml *nth(const struct axis *a, size_t i)
{
    const struct tac_yaml *c = a->list->kind == TAC_YAML_LIST ? a->list->first : a->list;
    while (i--)
        c = c->next;
    return c;
}

/* ---- reading ---- */

static enum tacit_status take_list(struct sweep *w, const struct tac_spec_field *field,
                                   const struct tac_yaml *node)
{
    const struct tac_yaml_doc *d = &w->r->spec->doc;
    bool list = node->kind == TAC_YAML_LIST;
    if (w->n == AXES || (list && (node->n == 0 || node->n > TAC_SWEEP_MOST)))
        return tac_yaml_fail(d, node, w->r->err, "key '%s': expected 1 to %d values", node->key,
                             TAC_SWEEP_MOST);
    for (const struct tac_yaml *c = list ? node->first : node; c; c = list ? c->next : NULL)
        if (c->kind != TAC_YAML_SCALAR)
            return tac_yaml_fail(d, c, w->r->err, "key '%s': expected a value, or a list of them",
                                 node->key);
    w->axis[w->n++] = (struct axis){.field = field, .list = node, .n = list ? node->n : 1};
    return TACIT_OK;
}

static enum tacit_status take_range(struct sweep *w, const struct tac_spec_field *field,
                                    const struct tac_yaml *node)
{
    static const char *const known[] = {"low", "high", NULL};
    const struct tac_yaml_doc *d = &w->r->spec->doc;
    struct axis a = {.field = field, .n = 1};
    if (w->n == AXES || field->take != TAC_TAKE_REAL)
        return tac_yaml_fail(d, node, w->r->err, "key '%s': expected a list of values", node->key);
    enum tacit_status s = tac_yaml_check_keys(d, node, known, w->r->err);
    if (!s)
        s = tac_yaml_get_real(&a.low, d, node, "low", field->min, field->max, w->r->err);
    if (!s)
        s = tac_yaml_get_real(&a.high, d, node, "high", field->min, field->max, w->r->err);
    if (!s && !(a.low > 0 && a.high >= a.low))
        s = tac_yaml_fail(d, node, w->r->err, "key '%s': expected 0 < low <= high", node->key);
    if (!s)
        w->axis[w->n++] = a;
    return s;
}

static enum tacit_status take_axes(struct sweep *w, const struct tac_yaml *map, bool drawn)
{
    static const struct tac_yaml prompt = {
        .kind = TAC_YAML_SCALAR, .text = "prompt", .key = "method"};
    const struct tac_yaml *methods = tac_yaml_find(map, "method");
    enum tacit_status s = take_list(w, NULL, methods ? methods : &prompt);
    for (const struct tac_spec_field *f = tac_spec_settings; !s && f->key; f++) {
        const struct tac_yaml *node = tac_yaml_find(map, f->key);
        if (!node || strcmp(f->key, "method") == 0)
            continue;
        if (node->kind == TAC_YAML_MAP && !drawn)
            s = tac_yaml_fail(&w->r->spec->doc, node, w->r->err,
                              "key '%s': a range needs 'draw: random'", node->key);
        else
            s = node->kind == TAC_YAML_MAP ? take_range(w, f, node) : take_list(w, f, node);
    }
    return s;
}

/* ---- a combination ---- */

/* A method of `methods` by its name, or a method string. */
static enum tacit_status base_method(struct sweep *w, struct tac_spec_method *m,
                                     const struct tac_yaml *node)
{
    const struct tac_spec *sp = w->r->spec;
    const struct tac_spec_method *known[] = {&sp->prompt, &sp->full};
    for (size_t i = 0; i < 2 + sp->n_method; i++) {
        const struct tac_spec_method *k = i < 2 ? known[i] : &sp->method[i - 2];
        if (strcmp(k->name, node->text) == 0) {
            *m = *k;
            return TACIT_OK;
        }
    }
    return tac_spec_method(w->r, m, node->text, node);
}

static bool matters(const struct tac_spec_method *m, const struct axis *a)
{
    return m->rows || (strcmp(a->field->key, "tokens") != 0 && strcmp(a->field->key, "init") != 0);
}

/* Puts a value of the axis into the settings. */
static enum tacit_status put(struct sweep *w, struct tac_spec_method *m, const struct axis *a,
                             size_t pick, double drawn)
{
    void *at = (char *)&m->o + a->field->at;
    if (!a->list) {
        *(double *)at = drawn;
        return TACIT_OK;
    }
    struct tac_yaml entry = *nth(a, pick), map = {.kind = TAC_YAML_MAP, .first = &entry, .n = 1};
    entry.key = a->field->key;
    entry.next = NULL;
    return tac_spec_take(w->r, &map, a->field, &m->o);
}

/* A setting's value as text, numbers in one spelling. */
static const char *value_text(char buf[48], const struct tac_spec_method *m, const struct axis *a,
                              size_t pick)
{
    const void *at = (const char *)&m->o + a->field->at;
    switch (a->field->take) {
    case TAC_TAKE_SIZE:
        snprintf(buf, 48, "%zu", *(const size_t *)at);
        return buf;
    case TAC_TAKE_REAL:
        snprintf(buf, 48, "%.6g", *(const double *)at);
        return buf;
    case TAC_TAKE_INT_FLAG:
        return *(const int *)at ? "true" : "false";
    default:
        return nth(a, pick)->text;
    }
}

/* A name of n bytes for keys, folders and columns: what it may not hold becomes `_`, and a hash
 * keeps apart what then looks alike. */
static const char *name_of(struct tac_spec_reader *r, const char *text, size_t n)
{
    enum { HASH = 9 };
    char name[TAC_SWEEP_NAME];
    bool same = n < sizeof name;
    size_t most = sizeof name - 1 - HASH, length = n < sizeof name ? n : most;
    for (size_t i = 0; i < length; i++) {
        bool fine = isalnum((unsigned char)text[i]) || (i && strchr("._-+=,:", text[i]));
        name[i] = fine ? text[i] : '_';
        same &= fine;
    }
    if (!same) {
        length = length < most ? length : most;
        length += (size_t)snprintf(name + length, sizeof name - length, "-%08" PRIx32,
                                   (uint32_t)tac_hash(TAC_HASH0, text, n));
    }
    return tac_arena_strndup(&r->spec->arena, name, length, r->err);
}

/* Names of the method, its init and its further settings, and of all of it. */
static enum tacit_status name_settings(struct sweep *w, struct tac_spec_method *m,
                                       const size_t *pick)
{
    struct tac_buf name = {0}, more = {0};
    struct tac_arena *arena = &w->r->spec->arena;
    char buf[48];
    m->base = nth(&w->axis[0], pick[0])->text;
    m->init = m->rows ? tacit_train_init_name(&m->o) : NULL;
    enum tacit_status s = tac_buf_adds(&name, m->base, w->r->err);
    if (!s)
        s = tac_buf_adds(&more, "", w->r->err);
    for (size_t i = 1; !s && i < w->n; i++) {
        const struct axis *a = &w->axis[i];
        const char *key = a->field->key;
        if (!matters(m, a))
            continue;
        const char *text = value_text(buf, m, a, pick[i]);
        s = tac_buf_addf(&name, w->r->err, ",%s=%s", key, text);
        if (strcmp(key, "init") == 0)
            m->init = text;
        else if (!s && strcmp(key, "lr") != 0 && strcmp(key, "tokens") != 0)
            s = tac_buf_addf(&more, w->r->err, "%s%s=%s", more.len ? ", " : "", key, text);
    }
    m->name = s ? NULL : name_of(w->r, name.data, name.len);
    m->settings = s || !more.len ? NULL : tac_arena_strndup(arena, more.data, more.len, w->r->err);
    if (!s && (!m->name || (more.len && !m->settings)))
        s = TACIT_EFAIL;
    tac_buf_release(&name);
    tac_buf_release(&more);
    return s;
}

/* Adds the combination of these values unless it is there; *fresh says which. */
static enum tacit_status add(struct sweep *w, const size_t *pick, const double *drawn, bool *fresh)
{
    struct tac_spec_sweep *out = &w->r->spec->sweep;
    struct tac_spec_method m;
    enum tacit_status s = base_method(w, &m, nth(&w->axis[0], pick[0]));
    for (size_t i = 1; !s && i < w->n; i++)
        if (matters(&m, &w->axis[i]))
            s = put(w, &m, &w->axis[i], pick[i], drawn[i]);
    if (!s)
        s = name_settings(w, &m, pick);
    *fresh = true;
    for (size_t i = 0; !s && i < out->n; i++)
        *fresh &= strcmp(out->method[i].name, m.name) != 0;
    if (!s && *fresh && out->n == TAC_SWEEP_MOST)
        s = tac_yaml_fail(&w->r->spec->doc, w->axis[0].list, w->r->err,
                          "key 'sweep': more than %d combinations", TAC_SWEEP_MOST);
    if (!s && *fresh)
        s = tac_grow(&out->method, &out->cap, out->n + 1, sizeof *out->method, w->r->err);
    m.on = true;
    if (!s && *fresh)
        out->method[out->n++] = m;
    return s;
}

/* ---- all of them, or some ---- */

static enum tacit_status add_grid(struct sweep *w)
{
    size_t pick[AXES] = {0}, at;
    static const double none[AXES];
    enum tacit_status s = TACIT_OK;
    bool fresh;
    do {
        s = add(w, pick, none, &fresh);
        for (at = w->n; at > 0 && ++pick[at - 1] == w->axis[at - 1].n; at--)
            pick[at - 1] = 0;
    } while (!s && at > 0);
    return s;
}

/* Evenly in its logarithm, as three digits. */
static double draw_real(struct tac_rng *rng, const struct axis *a)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%.2e",
             exp(log(a->low) + tac_rng_uniform(rng) * (log(a->high) - log(a->low))));
    return strtod(buf, NULL);
}

/* More runs of the same seed go on where fewer end. */
static enum tacit_status add_drawn(struct sweep *w, const struct tac_yaml *map, size_t runs,
                                   uint64_t seed)
{
    struct tac_rng rng = tac_rng_init(seed, STREAM);
    struct tac_spec_sweep *out = &w->r->spec->sweep;
    enum tacit_status s = TACIT_OK;
    for (size_t tries = 0; !s && out->n < runs; tries++) {
        size_t pick[AXES] = {0};
        double drawn[AXES] = {0};
        bool fresh;
        for (size_t i = 0; i < w->n; i++)
            if (w->axis[i].list)
                pick[i] = tac_rng_below(&rng, (uint32_t)w->axis[i].n);
            else
                drawn[i] = draw_real(&rng, &w->axis[i]);
        s = add(w, pick, drawn, &fresh);
        if (!s && fresh)
            tries = 0;
        else if (!s && tries == TRIES)
            return tac_yaml_fail(&w->r->spec->doc, tac_yaml_find(map, "runs"), w->r->err,
                                 "key 'runs': %zu, but only %zu combinations were found", runs,
                                 out->n);
    }
    return s;
}

/* What says how to combine. */
struct how {
    size_t runs, seed, seeds;
    const char *draw;
};

static enum tacit_status take_how(struct tac_spec_reader *r, const struct tac_yaml *map,
                                  struct how *how)
{
    static const struct tac_spec_field fields[] = {
        {"draw", TAC_TAKE_TEXT, offsetof(struct how, draw), 0, 0},
        {"runs", TAC_TAKE_SIZE, offsetof(struct how, runs), 1, TAC_SWEEP_MOST},
        {"seed", TAC_TAKE_SIZE, offsetof(struct how, seed), 0, 1e9},
        {"seeds", TAC_TAKE_SIZE, offsetof(struct how, seeds), 1, TAC_STUDY_SEEDS},
        {0},
    };
    const char *more[AXES + 1];
    size_t n = 0;
    for (const struct tac_spec_field *f = tac_spec_settings; f->key; f++)
        if (f->take != TAC_TAKE_NOISE)
            more[n++] = f->key;
    more[n] = NULL;
    *how = (struct how){.seeds = 1, .draw = "grid"};
    enum tacit_status s = tac_spec_fields(r, map, fields, how, more);
    bool random = !s && strcmp(how->draw, "random") == 0;
    if (!s && !random && strcmp(how->draw, "grid") != 0)
        s = tac_yaml_fail(&r->spec->doc, tac_yaml_find(map, "draw"), r->err,
                          "key 'draw': expected grid or random, found '%s'", how->draw);
    if (!s && random != (how->runs > 0))
        s = tac_yaml_fail(&r->spec->doc, map, r->err,
                          "key 'runs': belongs to 'draw: random', which needs it");
    return s;
}

enum tacit_status tac_spec_sweep(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    const struct tac_yaml *map;
    struct sweep w = {.r = r};
    struct how how;
    enum tacit_status s = tac_spec_map(r, &map, root, "sweep");
    if (s || !map)
        return s;
    s = take_how(r, map, &how);
    if (!s)
        s = take_axes(&w, map, how.runs > 0);
    if (!s)
        s = how.runs ? add_drawn(&w, map, how.runs, how.seed) : add_grid(&w);
    r->spec->sweep.on = !s;
    r->spec->sweep.seeds = how.seeds;
    return s;
}

void tac_spec_sweep_alone(struct tac_spec *s)
{
    free(s->method);
    s->method = s->sweep.method;
    s->n_method = s->sweep.n;
    s->cap_method = s->sweep.cap;
    s->sweep.method = NULL;
    s->seeds = s->sweep.seeds;
    s->transfer = s->forget.on = false;
}
