/* Rotary positions by config.json: Su et al. 2021 with the forms of scaling that transformers'
 * modeling_rope_utils.py computes. */
#include "model/config.h"

#include "format/json.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.283185307179586;

/* What the forms read: an object of a config.json, and where it stands. */
struct scaling {
    struct tac_config c; /* of the object; its path is the file's */
    const char *field;
    double base, factor;
    size_t trained; /* positions of the text that the model was trained on */
};

static enum tacit_status get_number(double *out, const struct scaling *x, const char *name)
{
    if (!tac_json_has(x->c.json, name))
        return tac_fail(x->c.err, TACIT_EINPUT, "%s: field '%s': '%s' is missing", x->c.path,
                        x->field, name);
    return tac_config_real(out, &x->c, name, 1);
}

static enum tacit_status linear(struct tac_rotary *r, const struct scaling *x)
{
    for (size_t i = 0; i < r->n / 2; i++)
        r->freq[i] /= x->factor;
    return TACIT_OK;
}

/* LLaMA 3.1: long waves are slowed down by the factor, short ones left, those between blended. */
static enum tacit_status llama3(struct tac_rotary *r, const struct scaling *x)
{
    double low, high;
    enum tacit_status s = get_number(&low, x, "low_freq_factor");
    if (!s)
        s = get_number(&high, x, "high_freq_factor");
    for (size_t i = 0; !s && i < r->n / 2; i++) {
        double turns = (double)x->trained * r->freq[i] / TWO_PI; /* over the trained length */
        double blend = (turns - low) / (high - low);
        if (turns < low)
            r->freq[i] /= x->factor;
        else if (turns <= high)
            r->freq[i] *= (1 - blend) / x->factor + blend;
    }
    return s;
}

/* The dimension (of n, as a real number) whose pair turns so often over the trained length. */
static double dimension_of(double turns, const struct tac_rotary *r, const struct scaling *x)
{
    return (double)r->n * log((double)x->trained / (turns * TWO_PI)) / (2 * log(x->base));
}

/* What YaRN multiplies the rotated dimensions by. */
static enum tacit_status yarn_scale(double *scale, const struct scaling *x)
{
    double m = 1, all = 0, grown = x->factor > 1 ? 0.1 * log(x->factor) : 0;
    enum tacit_status s = tac_config_real(&m, &x->c, "mscale", 1);
    if (!s)
        s = tac_config_real(&all, &x->c, "mscale_all_dim", 0);
    bool both = tac_json_has(x->c.json, "mscale") && tac_json_has(x->c.json, "mscale_all_dim");
    *scale = both ? (m * grown + 1) / (all * grown + 1) : grown + 1;
    return s ? s : tac_config_real(scale, &x->c, "attention_factor", *scale);
}

/* YaRN (Peng et al. 2023): as LLaMA 3.1, blended along the dimensions, and the rotated dimensions
 * scaled. */
static enum tacit_status yarn(struct tac_rotary *r, const struct scaling *x)
{
    double fast, slow;
    bool whole;
    enum tacit_status s = tac_config_real(&fast, &x->c, "beta_fast", 32);
    if (!s)
        s = tac_config_real(&slow, &x->c, "beta_slow", 1);
    if (!s)
        s = tac_config_bool(&whole, &x->c, "truncate", true);
    if (!s)
        s = yarn_scale(&r->scale, x);
    if (s)
        return s;
    double lo = dimension_of(fast, r, x), hi = dimension_of(slow, r, x);
    lo = fmax(whole ? floor(lo) : lo, 0);
    hi = fmin(whole ? ceil(hi) : hi, (double)r->n - 1);
    if (!(hi > lo) && !(hi < lo))
        hi += 0.001;
    for (size_t i = 0; i < r->n / 2; i++) {
        double slowed = fmin(1, fmax(0, ((double)i - lo) / (hi - lo)));
        r->freq[i] *= slowed / x->factor + (1 - slowed);
    }
    return TACIT_OK;
}

/* dynamic: up to the trained length nothing changes; beyond it, everything would with each length.
 */
static const struct form {
    const char *type;
    bool has_factor;
    enum tacit_status (*apply)(struct tac_rotary *r, const struct scaling *x);
} forms[] = {
    {"default", false, NULL}, {"linear", true, linear}, {"dynamic", true, NULL},
    {"yarn", true, yarn},     {"llama3", true, llama3},
};

static enum tacit_status find_form(const struct form **out, const struct scaling *x)
{
    const char *key = tac_json_has(x->c.json, "rope_type") ? "rope_type" : "type";
    const char *type = "default";
    enum tacit_status s = TACIT_OK;
    if (tac_json_has(x->c.json, key))
        s = tac_json_get_string(&type, x->c.json, key, x->c.path, x->c.err);
    for (size_t i = 0; !s && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(type, (*out = &forms[i])->type) == 0)
            return TACIT_OK;
    return s ? s
             : tac_fail(x->c.err, TACIT_EINPUT,
                        "%s: field '%s': %s: found '%.80s', expected one of default, linear, "
                        "dynamic, yarn, llama3",
                        x->c.path, x->field, key, type);
}

static enum tacit_status read_lengths(struct scaling *x, const struct tac_config *c,
                                      const struct form *f)
{
    size_t positions, trained;
    enum tacit_status s =
        tac_config_size(&positions, c, "max_position_embeddings", "max_position_embeddings", 0);
    if (!s)
        s = tac_config_size(&trained, &x->c, "original_max_position_embeddings",
                            "original_max_position_embeddings", positions);
    if (!s)
        s = tac_config_size(&x->trained, c, "original_max_position_embeddings",
                            "original_max_position_embeddings", trained);
    x->factor = s ? 1 : (double)positions / (double)x->trained;
    bool given = tac_json_has(x->c.json, "factor") || strcmp(f->type, "yarn") != 0;
    return s || !given ? s : get_number(&x->factor, x, "factor");
}

static enum tacit_status set_plain(struct tac_decoder_config *d, const struct scaling *x,
                                   double share)
{
    if (share > 1)
        return tac_fail(x->c.err, TACIT_EINPUT,
                        "%s: rotary positions over %g of a head: expected at most 1", x->c.path,
                        share);
    size_t n = (size_t)((double)d->D * share);
    if (n % 2 || !n || n / 2 > TAC_MAX_PAIRS)
        return tac_fail(x->c.err, TACIT_EINPUT,
                        "%s: rotary positions over %zu dimensions of a head: expected an even "
                        "number up to %d",
                        x->c.path, n, 2 * TAC_MAX_PAIRS);
    d->rotary = (struct tac_rotary){.n = n, .half = true, .scale = 1};
    for (size_t i = 0; i < n / 2; i++)
        d->rotary.freq[i] = pow(x->base, -2.0 * (double)i / (double)n);
    return TACIT_OK;
}

/* Where low and high of a blend are one, a wave right there is neither. */
static enum tacit_status check_angles(const struct tac_rotary *r, const struct scaling *x)
{
    for (size_t i = 0; i < r->n / 2; i++)
        if (!isfinite(r->freq[i] * r->scale))
            return tac_fail(x->c.err, TACIT_EINPUT,
                            "%s: field '%s': angle %zu is %g times %g (rope_theta %g, factor %g)",
                            x->c.path, x->field, i, r->freq[i], r->scale, x->base, x->factor);
    return TACIT_OK;
}

enum tacit_status tac_config_rotary(struct tac_decoder_config *d, const struct tac_config *c,
                                    double base, double share)
{
    struct scaling x = {.c = *c, .field = "rope_parameters"};
    const struct form *f;
    double part = share;
    if (tac_json_has(c->json, "rope_scaling"))
        x.field = "rope_scaling";
    json_t *object = json_object_get(c->json, x.field), *inner;
    const char *key;
    char found[80];
    if (object && !json_is_null(object) && !json_is_object(object))
        return tac_fail(c->err, TACIT_EINPUT, "%s: field '%s': found %s, expected an object",
                        c->path, x.field, tac_json_describe(found, object));
    if (json_is_object(object))
        x.c.json = object;
    json_object_foreach(object, key, inner)
    {
        if (json_is_object(inner))
            return tac_fail(c->err, TACIT_EINPUT,
                            "%s: field '%s': '%s': rotary positions that differ by layer are not "
                            "implemented",
                            c->path, x.field, key);
    }
    enum tacit_status s = tac_config_real(&x.base, c, "rope_theta", base);
    if (!s)
        s = tac_config_real(&x.base, &x.c, "rope_theta", x.base);
    if (!s)
        s = tac_config_real(&part, c, "partial_rotary_factor", share);
    if (!s)
        s = tac_config_real(&part, &x.c, "partial_rotary_factor", part);
    if (!s && share >= 1 && (part < 1 || part > 1))
        s = tac_fail(c->err, TACIT_EINPUT,
                     "%s: field 'partial_rotary_factor': found %g, expected 1 (nothing else is "
                     "implemented for this family)",
                     c->path, part);
    if (!s)
        s = find_form(&f, &x);
    if (!s)
        s = set_plain(d, &x, part);
    if (!s && f->has_factor)
        s = read_lengths(&x, c, f);
    if (!s && f->apply)
        s = f->apply(&d->rotary, &x);
    else if (!s && f->has_factor)
        tac_config_limit(d, x.trained, x.field);
    return s ? s : check_angles(&d->rotary, &x);
}
