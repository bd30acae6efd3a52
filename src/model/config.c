#include "model/config.h"

#include "format/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_LIMIT = 1 << 24 };

enum tacit_status tac_config_size(size_t *out, const struct tac_config *c, const char *name,
                                  const char *other, size_t absent)
{
    const char *key = tac_json_has(c->json, name) || !tac_json_has(c->json, other) ? name : other;
    int64_t v = 0;
    *out = absent;
    if (!tac_json_has(c->json, key)) {
        if (absent)
            return TACIT_OK;
        return strcmp(name, other) == 0
                   ? tac_fail(c->err, TACIT_EINPUT, "%s: field '%s' is missing", c->path, name)
                   : tac_fail(c->err, TACIT_EINPUT, "%s: neither '%s' nor '%s' is there", c->path,
                              name, other);
    }
    enum tacit_status s = tac_json_get_int(&v, c->json, key, 1, SIZE_LIMIT, c->path, c->err);
    *out = (size_t)v;
    return s;
}

enum tacit_status tac_config_real(double *out, const struct tac_config *c, const char *name,
                                  double absent)
{
    *out = absent;
    if (!tac_json_has(c->json, name))
        return TACIT_OK;
    return tac_json_get_real(out, c->json, name, 1e-30, 1e30, c->path, c->err);
}

enum tacit_status tac_config_bool(bool *out, const struct tac_config *c, const char *name,
                                  bool absent)
{
    *out = absent;
    return tac_json_has(c->json, name) ? tac_json_get_bool(out, c->json, name, c->path, c->err)
                                       : TACIT_OK;
}

static const struct {
    const char *name;
    enum tac_act_kind kind;
} functions[] = {
    {"gelu", TAC_GELU},           {"gelu_new", TAC_GELU_TANH},
    {"gelu_fast", TAC_GELU_TANH}, {"gelu_pytorch_tanh", TAC_GELU_TANH},
    {"relu", TAC_RELU},           {"silu", TAC_SILU},
    {"swish", TAC_SILU},          {"tanh", TAC_TANH},
};

enum tacit_status tac_config_act(enum tac_act_kind *out, const struct tac_config *c,
                                 const char *name, const char *absent)
{
    const char *v = absent;
    if (tac_json_has(c->json, name)) {
        enum tacit_status s = tac_json_get_string(&v, c->json, name, c->path, c->err);
        if (s)
            return s;
    }
    char known[200] = "";
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        *out = functions[i].kind;
        if (strcmp(v, functions[i].name) == 0)
            return TACIT_OK;
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 functions[i].name);
    }
    return tac_fail(c->err, TACIT_EINPUT, "%s: field '%s': found '%.80s', expected one of %s",
                    c->path, name, v, known);
}

enum tacit_status tac_config_heads(struct tac_decoder_config *d, const struct tac_config *c,
                                   const char *groups, size_t absent, size_t width)
{
    enum tacit_status s = tac_config_size(&d->G, c, groups, groups, absent ? absent : d->H);
    if (!s && d->H % d->G)
        return tac_fail(c->err, TACIT_EINPUT,
                        "%s: field '%s': found %zu, expected a part of %zu heads", c->path, groups,
                        d->G, d->H);
    if (s || width || tac_json_has(c->json, "head_dim"))
        return s ? s : tac_config_size(&d->D, c, "head_dim", "head_dim", width);
    d->D = d->C / d->H;
    if (d->C % d->H)
        return tac_fail(c->err, TACIT_EINPUT,
                        "%s: a width of %zu: expected a multiple of the %zu heads", c->path, d->C,
                        d->H);
    return TACIT_OK;
}

/* Whether two JSON values are the same, 1 and 1.0 among them. */
static bool is_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

enum tacit_status tac_config_fixed(const struct tac_config *c, const struct tac_fixed *list)
{
    for (; list->name; list++) {
        const json_t *v = json_object_get(c->json, list->name);
        if (!v || json_is_null(v))
            continue;
        json_t *want = json_loads(list->want, JSON_DECODE_ANY, NULL);
        if (!want)
            return tac_fail_memory(c->err, 0);
        bool same = is_same(v, want);
        json_decref(want);
        char found[80];
        if (!same)
            return tac_fail(c->err, TACIT_EINPUT,
                            "%s: field '%s': found %s, expected %s (nothing else is implemented)",
                            c->path, list->name, tac_json_describe(found, v), list->want);
    }
    return TACIT_OK;
}

void tac_config_limit(struct tac_decoder_config *d, size_t n, const char *field)
{
    if (d->limit && d->limit <= n)
        return;
    d->limit = n;
    d->limit_by = field;
}

enum tacit_status tac_config_window(struct tac_decoder_config *d, const struct tac_config *c,
                                    const char *use)
{
    json_t *types, *type;
    size_t i, window;
    bool on = true;
    enum tacit_status s = use ? tac_config_bool(&on, c, use, false) : TACIT_OK;
    if (!s && tac_json_has(c->json, "layer_types")) {
        s = tac_json_get_array(&types, c->json, "layer_types", c->path, c->err);
        if (s)
            return s;
        bool some = false;
        json_array_foreach(types, i, type)
        {
            const char *name = json_string_value(type);
            bool slides = name && strcmp(name, "sliding_attention") == 0;
            char found[80];
            some |= slides;
            if (!slides && (!name || strcmp(name, "full_attention") != 0))
                return tac_fail(c->err, TACIT_EINPUT,
                                "%s: field 'layer_types': layer %zu: found %s, expected "
                                "\"full_attention\" or \"sliding_attention\"",
                                c->path, i, tac_json_describe(found, type));
        }
        on &= some;
    }
    if (s || !on || !tac_json_has(c->json, "sliding_window"))
        return s;
    s = tac_config_size(&window, c, "sliding_window", "sliding_window", 0);
    if (!s)
        tac_config_limit(d, window, "sliding_window");
    return s;
}
