#include "tune/targets.h"

#include "base/str.h"
#include "tune/peft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum tac_layer_slot matrices[] = {TAC_P_QKV, TAC_P_OUT, TAC_P_UP, TAC_P_DOWN};
enum { N_MATRIX = sizeof matrices / sizeof *matrices };

const char *tac_module_name(const struct tac_model *m, size_t slot, char buf[160])
{
    tac_model_slot_name(m, slot, buf);
    size_t n = strlen(buf);
    if (tac_ends_with(buf, ".weight"))
        buf[n - strlen(".weight")] = 0;
    return buf;
}

static bool name_matches(const char *name, size_t n, const char *module)
{
    size_t k = strlen(module);
    if (n == strlen("all-linear") && memcmp(name, "all-linear", n) == 0)
        return true;
    return n <= k && memcmp(module + k - n, name, n) == 0 && (n == k || module[k - n - 1] == '.');
}

bool tac_target_matches(const char *list, const char *module)
{
    for (const char *at = list; *at; at += strcspn(at, "+"), at += *at == '+')
        if (name_matches(at, strcspn(at, "+"), module))
            return true;
    return false;
}

static bool has_layer(const char *layers, size_t l)
{
    if (!layers)
        return true;
    for (const char *at = layers; *at; at += strcspn(at, "+"), at += *at == '+')
        if (strtoull(at, NULL, 10) == l)
            return true;
    return false;
}

static bool is_matrix(size_t slot)
{
    for (size_t i = 0; slot >= TAC_N_GLOBAL && i < N_MATRIX; i++)
        if ((slot - TAC_N_GLOBAL) % TAC_N_LAYER == (size_t)matrices[i])
            return true;
    return false;
}

size_t tac_target_next(const struct tac_model *m, const char *targets, const char *layers,
                       size_t slot)
{
    char name[160];
    for (; slot < m->n_slot; slot++)
        if (is_matrix(slot) && has_layer(layers, (slot - TAC_N_GLOBAL) / TAC_N_LAYER) &&
            tac_target_matches(targets, tac_module_name(m, slot, name)))
            break;
    return slot;
}

static enum tacit_status check_layers(const struct tac_model *m, const char *method,
                                      const char *layers, struct tacit_err *err)
{
    for (const char *at = layers; at && *at; at += strcspn(at, "+"), at += *at == '+') {
        char text[32];
        uint64_t l;
        snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "+"), at);
        if (!tac_parse_u64(text, &l) || l >= m->c.L)
            return tac_fail(err, TACIT_EINPUT,
                            "method %s: layer '%s': expected numbers from 0 to %zu with + between",
                            method, text, m->c.L - 1);
    }
    return TACIT_OK;
}

enum tacit_status tac_targets_check(const struct tac_model *m, const char *method,
                                    const char *targets, const char *layers, struct tacit_err *err)
{
    char there[400] = "", name[160];
    for (size_t i = 0; i < N_MATRIX; i++) {
        tac_module_name(m, tac_model_slot(0, matrices[i]), name);
        snprintf(there + strlen(there), sizeof there - strlen(there), "%s%s", i ? ", " : "",
                 strrchr(name, '.') ? strrchr(name, '.') + 1 : name);
    }
    for (const char *at = targets; *at; at += strcspn(at, "+"), at += *at == '+') {
        char one[160];
        snprintf(one, sizeof one, "%.*s", (int)strcspn(at, "+"), at);
        if (!*one || tac_target_next(m, one, NULL, 0) == m->n_slot)
            return tac_fail(
                err, TACIT_EINPUT,
                "method %s: target module '%s': the model has none of this name that can "
                "be trained; there are %s (and all-linear)",
                method, one, there);
    }
    return check_layers(m, method, layers, err);
}

/* A name that is a regular expression as PEFT would take it: more than letters, digits, _ . and -.
 */
static bool is_pattern(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

enum tacit_status tac_targets_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err)
{
    const json_t *v = json_object_get(f->config, key);
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    struct tac_buf b = {0};
    enum tacit_status s = TACIT_OK;
    *out = NULL;
    if (!v || json_is_null(v))
        return TACIT_OK;
    for (size_t i = 0; !s && i < n; i++) {
        const json_t *x = json_is_array(v) ? json_array_get(v, i) : v;
        if (json_is_integer(x))
            s = tac_buf_addf(&b, err, "%s%" JSON_INTEGER_FORMAT, i ? "+" : "",
                             json_integer_value(x));
        else if (json_is_string(x) && !is_pattern(json_string_value(x)))
            s = tac_buf_addf(&b, err, "%s%s", i ? "+" : "", json_string_value(x));
        else
            s = tac_fail(err, TACIT_EINPUT,
                         "%s: field '%s': found %s, expected names of modules or numbers of layers",
                         f->config_path, key,
                         json_is_string(x) ? "a regular expression" : "another value");
    }
    if (!s && !(*out = tac_arena_strndup(a, b.data ? b.data : "", b.len, err)))
        s = TACIT_EFAIL;
    tac_buf_release(&b);
    return s;
}

json_t *tac_targets_json(const char *list, bool numbers)
{
    if (!list)
        return json_null();
    json_t *v = json_array();
    bool ok = v != NULL;
    for (const char *at = list; ok && *at; at += strcspn(at, "+"), at += *at == '+') {
        json_t *x = numbers ? json_integer((json_int_t)strtoull(at, NULL, 10))
                            : json_stringn(at, strcspn(at, "+"));
        ok = !json_array_append_new(v, x);
    }
    if (!ok)
        json_decref(v);
    return ok ? v : NULL;
}

double tac_pattern_value(const char *list, const char *module, double fallback)
{
    for (const char *at = list; at && *at; at += strcspn(at, "+"), at += *at == '+') {
        size_t n = strcspn(at, ":+");
        if (at[n] == ':' && name_matches(at, n, module))
            return strtod(at + n + 1, NULL);
    }
    return fallback;
}

enum tacit_status tac_pattern_check(const struct tac_model *m, const char *method, const char *what,
                                    const char *list, double min, double max, struct tacit_err *err)
{
    for (const char *at = list; at && *at; at += strcspn(at, "+"), at += *at == '+') {
        char one[200], *colon;
        double v;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(at, "+"), at);
        colon = strrchr(one, ':');
        if (!colon || !tac_parse_f64(colon + 1, &v) || !(v >= min && v <= max))
            return tac_fail(err, TACIT_EINPUT,
                            "method %s: setting '%s': found '%s', expected MODULE:NUMBER, %g to %g",
                            method, what, one, min, max);
        *colon = 0;
        enum tacit_status s = tac_targets_check(m, method, one, NULL, err);
        if (s)
            return s;
    }
    return TACIT_OK;
}

enum tacit_status tac_pattern_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err)
{
    json_t *map = json_object_get(f->config, key), *v;
    const char *name;
    struct tac_buf b = {0};
    enum tacit_status s = TACIT_OK;
    *out = NULL;
    if (!map || json_is_null(map) || (json_is_object(map) && !json_object_size(map)))
        return TACIT_OK;
    if (!json_is_object(map))
        return tac_fail(err, TACIT_EINPUT, "%s: field '%s': expected an object", f->config_path,
                        key);
    json_object_foreach(map, name, v)
    {
        if (!s && (!json_is_number(v) || is_pattern(name)))
            s = tac_fail(
                err, TACIT_EINPUT,
                "%s: field '%s': found '%s', expected modules' names with numbers (regular "
                "expressions are not implemented)",
                f->config_path, key, name);
        if (!s)
            s = tac_buf_addf(&b, err, "%s%s:%.17g", b.len ? "+" : "", name, json_number_value(v));
    }
    if (!s && !(*out = tac_arena_strndup(a, b.data, b.len, err)))
        s = TACIT_EFAIL;
    tac_buf_release(&b);
    return s;
}

json_t *tac_pattern_json(const char *list)
{
    json_t *map = json_object();
    bool ok = map != NULL;
    for (const char *at = list; ok && at && *at; at += strcspn(at, "+"), at += *at == '+') {
        char name[200];
        size_t n = strcspn(at, ":");
        double v = strtod(at + n + 1, NULL);
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        ok = !json_object_set_new(map, name,
                                  v == floor(v) ? json_integer((json_int_t)v) : json_real(v));
    }
    if (!ok)
        json_decref(map);
    return ok ? map : NULL;
}
