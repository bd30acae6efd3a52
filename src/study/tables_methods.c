/* Tables of the part "accuracy" about methods: what they cost and reach, and what they forget. */
#include "study/tables.h"

#include <math.h>
#include <string.h>

/* ---- forgetting ---- */

/* A run's loss on a set of texts outside its task, and the plain model's on the same texts. */
struct forgotten {
    const char *of;
    size_t texts, tokens;
    double loss, plain;
};

/* What the run or the plain model left about texts, or NULL. */
static const json_t *losses(const struct tac_seen *x, size_t p)
{
    const json_t *own = tac_seen_result(x, TAC_UNIT_FORGET, p);
    return own ? own : json_object_get(tac_seen_result(x, TAC_UNIT_MAKE, p), "forgot");
}

/* The i-th set that the run was scored on; false where there is none. */
static bool forgotten(struct forgotten *out, const struct tac_seen *x, size_t p, size_t i)
{
    const json_t *run = json_array_get(losses(x, p), i);
    size_t none = tac_seen_next(x, 0, TAC_KIND_NONE, TAC_NO_TASK);
    const json_t *plain = none < x->st->n_prompt ? losses(x, none) : NULL;
    if (!run || !plain)
        return false;
    *out = (struct forgotten){.of = json_string_value(json_object_get(run, "of")),
                              .texts = (size_t)json_integer_value(json_object_get(run, "texts")),
                              .tokens = (size_t)json_integer_value(json_object_get(run, "tokens")),
                              .loss = json_number_value(json_object_get(run, "loss")),
                              .plain = (double)NAN};
    for (size_t k = 0; k < json_array_size(plain); k++) {
        const json_t *set = json_array_get(plain, k);
        if (strcmp(json_string_value(json_object_get(set, "of")), out->of) == 0)
            out->plain = json_number_value(json_object_get(set, "loss"));
    }
    return true;
}

enum tacit_status tac_table_forgetting(struct tac_result *t, struct tac_seen *x,
                                       struct tacit_err *err)
{
    (void)err;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        const struct tac_study_prompt *q = &x->st->prompt[p];
        struct forgotten f;
        for (size_t i = 0; q->task >= 0 && forgotten(&f, x, p, i); i++)
            tac_result_row(t, "ttztzzrrr", x->st->task[q->task].name, tac_kind_name(x->st, q->kind),
                           q->index, f.of, f.texts, f.tokens, f.plain, f.loss, f.loss - f.plain);
    }
    return TACIT_OK;
}

/* Mean over a kind's runs of the loss that a token outside the task gained; NaN: not known. */
static double forgetting(const struct tac_seen *x, enum tac_kind k)
{
    double sum = 0, runs = 0;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        struct forgotten f;
        double change = 0, tokens = 0;
        if (x->st->prompt[p].kind != k)
            continue;
        for (size_t i = 0; forgotten(&f, x, p, i); i++) {
            change += (double)f.tokens * (f.loss - f.plain);
            tokens += (double)f.tokens;
        }
        if (tokens > 0) {
            sum += change / tokens;
            runs++;
        }
    }
    return runs > 0 ? sum / runs : (double)NAN;
}

/* ---- methods ---- */

/* What a method's runs took: of all runs (number, seconds: mean) or the largest. NaN: not known. */
struct cost {
    size_t runs, parameters;
    double bytes, seconds, memory;
};

static double largest(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

static struct cost cost_of(const struct tac_seen *x, enum tac_kind k)
{
    struct cost c = {0, 0, NAN, 0, NAN};
    size_t timed = 0;
    for (size_t p = 0; p < x->st->n_prompt; p++) {
        if (x->st->prompt[p].kind != k)
            continue;
        const json_t *r = tac_seen_result(x, TAC_UNIT_MAKE, p);
        c.runs++;
        c.parameters = x->parameters[p] > c.parameters ? x->parameters[p] : c.parameters;
        if (!r) /* made before runs left what they took */
            continue;
        timed++;
        c.seconds += json_number_value(json_object_get(r, "seconds"));
        c.bytes = largest(c.bytes, json_number_value(json_object_get(r, "bytes")));
        c.memory = largest(c.memory, json_number_value(json_object_get(r, "memory")));
    }
    c.seconds = timed ? c.seconds / (double)timed : (double)NAN;
    return c;
}

static enum tacit_status add_method(struct tac_result *t, struct tac_seen *x, enum tac_kind k,
                                    struct tacit_err *err)
{
    struct tac_contrast a, d = {0};
    struct cost c = cost_of(x, k);
    enum tacit_status s = tac_level(&a, x, k, err);
    if (!s && k != TAC_KIND_FULL)
        s = tac_contrast(&d, x, k, TAC_KIND_FULL, err);
    if (s || !a.tasks)
        return s;
    if (!d.tasks)
        d.mean = d.low = d.high = (double)NAN;
    tac_result_row(t, "tzzrrrrrrrrrr", tac_kind_name(x->st, k), c.runs, c.parameters, c.bytes,
                   c.seconds, c.memory, a.mean, a.low, a.high, d.mean, d.low, d.high,
                   forgetting(x, k));
    return TACIT_OK;
}

enum tacit_status tac_table_methods(struct tac_result *t, struct tac_seen *x, struct tacit_err *err)
{
    enum tacit_status s = add_method(t, x, TAC_KIND_PROMPT, err);
    for (enum tac_kind k = TAC_KIND_FULL; !s && k < tac_n_kind(x->st); k++)
        s = add_method(t, x, k, err);
    return s;
}
