#include "tune/targets.h"

#include "base/str.h"
#include "format/json.h"
#include "tune/peft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum tac_layer_slot matrices[] = {TAC_P_QKV, TAC_P_Q,    TAC_P_K,  TAC_P_V,
                                               TAC_P_OUT, TAC_P_GATE, TAC_P_UP, TAC_P_DOWN};
enum { N_MATRIX = sizeof matrices / sizeof *matrices };

const char *tac_module_name(const struct tac_model *m, size_t slot, char buf[160])
{
    tac_model_slot_name(m, slot, buf);
    size_t n = strlen(buf);
    if (tac_ends_with(buf, ".weight"))
        buf[n - strlen(".weight")] = 0;
    return buf;
}

static const char all_linear[] = "all-linear";

static bool is_all(const char *name, size_t n)
{
    return n == strlen(all_linear) && memcmp(name, all_linear, n) == 0;
}

static bool name_matches(const char *name, size_t n, const char *module)
{
    size_t k = strlen(module);
    if (is_all(name, n))
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

static bool has_slot(const struct tac_model *m, size_t slot)
{
    size_t rows, cols;
    tac_model_slot_shape(&m->c, slot, &rows, &cols);
    return rows > 0;
}

static bool is_matrix(const struct tac_model *m, size_t slot)
{
    for (size_t i = 0; slot >= TAC_N_GLOBAL && i < N_MATRIX; i++)
        if ((slot - TAC_N_GLOBAL) % TAC_N_LAYER == (size_t)matrices[i])
            return has_slot(m, slot);
    return false;
}

size_t tac_target_next(const struct tac_model *m, const char *targets, const char *layers,
                       size_t slot)
{
    char name[160];
    for (; slot < m->n_slot; slot++)
        if (is_matrix(m, slot) && has_layer(layers, (slot - TAC_N_GLOBAL) / TAC_N_LAYER) &&
            tac_target_matches(targets, tac_module_name(m, slot, name)))
            break;
    return slot;
}

/* The last part of a matrix's name, into buf; returns it. */
static const char *short_name(const struct tac_model *m, size_t slot, char buf[160])
{
    tac_module_name(m, slot, buf);
    const char *dot = strrchr(buf, '.');
    return dot ? dot + 1 : buf;
}

/* What is wrong with a name, or TACIT_OK. */
static enum tacit_status check_name(const char *name, const struct tac_model *m,
                                    struct tacit_err *err)
{
    char there[400] = "", buf[160];
    if (*name && tac_target_next(m, name, NULL, 0) < m->n_slot)
        return TACIT_OK;
    for (size_t s = tac_target_next(m, all_linear, "0", 0); s < m->n_slot;
         s = tac_target_next(m, all_linear, "0", s + 1))
        snprintf(there + strlen(there), sizeof there - strlen(there), "%s%s", *there ? ", " : "",
                 short_name(m, s, buf));
    return tac_fail(err, TACIT_EINPUT,
                    "found '%s', expected modules of the model: %s, or all-linear", name, there);
}

enum tacit_status tac_targets_check(const struct tac_tune_spec *s, size_t setting, const char *list,
                                    const struct tac_model *m, struct tacit_err *err)
{
    enum tacit_status st = *list ? TACIT_OK : check_name("", m, err);
    for (const char *at = list; !st && *at; at += strcspn(at, "+"), at += *at == '+') {
        size_t n = strcspn(at, "+");
        char name[160];
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        st = check_name(name, m, err);
        if (!st && is_all(at, n) && strcmp(list, all_linear) != 0)
            st = tac_fail(err, TACIT_EINPUT, "found '%s', expected %s alone or names", list,
                          all_linear);
    }
    return tac_setting_wrong(s, setting, st, err);
}

enum tacit_status tac_layers_check(const struct tac_tune_spec *s, size_t setting,
                                   const char *targets, const struct tac_model *m,
                                   struct tacit_err *err)
{
    const char *at = s->text[setting];
    enum tacit_status st = TACIT_OK;
    for (; !st && at && *at; at += strcspn(at, "+"), at += *at == '+') {
        char text[32];
        uint64_t l;
        snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "+"), at);
        if (!tac_parse_u64(text, &l) || l >= m->c.L)
            st = tac_fail(err, TACIT_EINPUT, "found '%s', expected layers from 0 to %zu", text,
                          m->c.L - 1);
    }
    if (!st && tac_target_next(m, targets, s->text[setting], 0) == m->n_slot)
        st = tac_fail(err, TACIT_EINPUT, "found '%s', expected layers that have '%s'",
                      s->text[setting], targets);
    return tac_setting_wrong(s, setting, st, err);
}

/* A piece of a pattern: MODULE:NUMBER. */
static enum tacit_status check_piece(char *piece, const struct tac_model *m, double min, double max,
                                     bool whole, struct tacit_err *err)
{
    char *colon = strrchr(piece, ':');
    double v;
    if (!colon || !tac_parse_f64(colon + 1, &v) || !(v >= min && v <= max) ||
        (whole && v != floor(v)) || is_all(piece, (size_t)(colon - piece)))
        return tac_fail(err, TACIT_EINPUT, "found '%s', expected MODULE:NUMBER, %s%g to %g", piece,
                        whole ? "whole numbers " : "", min, max);
    *colon = 0;
    return check_name(piece, m, err);
}

enum tacit_status tac_pattern_check(const struct tac_tune_spec *s, size_t setting,
                                    const struct tac_model *m, double min, double max, bool whole,
                                    struct tacit_err *err)
{
    const char *at = s->text[setting];
    enum tacit_status st = TACIT_OK;
    for (; !st && at && *at; at += strcspn(at, "+"), at += *at == '+') {
        char one[200];
        snprintf(one, sizeof one, "%.*s", (int)strcspn(at, "+"), at);
        st = check_piece(one, m, min, max, whole, err);
    }
    return tac_setting_wrong(s, setting, st, err);
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

/* ---- PEFT's fields ---- */

/* A name that is a regular expression as PEFT would take it: more than letters, digits, _ . and -.
 */
static bool is_pattern(const char *s)
{
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

static enum tacit_status unreadable(const struct tac_peft_folder *f, const char *key,
                                    const json_t *x, struct tacit_err *err)
{
    char found[80];
    return tac_fail(err, TACIT_EINPUT, "%s: field '%s': found %s, expected names or numbers%s",
                    f->config_path, key, tac_json_describe(found, x),
                    json_is_string(x) ? " (regular expressions are not implemented)" : "");
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
            s = unreadable(f, key, x, err);
    }
    if (!s && !(*out = tac_arena_strndup(a, b.data ? b.data : "", b.len, err)))
        s = TACIT_EFAIL;
    tac_buf_release(&b);
    return s;
}

static enum tacit_status add_pattern(struct tac_buf *b, const struct tac_peft_folder *f,
                                     const char *key, const char *name, const json_t *v,
                                     struct tacit_err *err)
{
    char found[80];
    if (is_pattern(name))
        return tac_fail(err, TACIT_EINPUT,
                        "%s: field '%s': found '%.80s', expected names of modules (regular "
                        "expressions are not implemented)",
                        f->config_path, key, name);
    if (!json_is_number(v))
        return tac_fail(err, TACIT_EINPUT, "%s: field '%s': '%.80s': found %s, expected a number",
                        f->config_path, key, name, tac_json_describe(found, v));
    return tac_buf_addf(b, err, "%s%s:%.17g", b->len ? "+" : "", name, json_number_value(v));
}

enum tacit_status tac_pattern_read(const char **out, struct tac_arena *a,
                                   const struct tac_peft_folder *f, const char *key,
                                   struct tacit_err *err)
{
    json_t *map, *v;
    const char *name;
    struct tac_buf b = {0};
    *out = NULL;
    if (!tac_json_has(f->config, key))
        return TACIT_OK;
    enum tacit_status s = tac_json_get_object(&map, f->config, key, f->config_path, err);
    if (s)
        return s;
    json_object_foreach(map, name, v)
    {
        if (!s)
            s = add_pattern(&b, f, key, name, v, err);
    }
    if (!s && b.len && !(*out = tac_arena_strndup(a, b.data, b.len, err)))
        s = TACIT_EFAIL;
    tac_buf_release(&b);
    return s;
}

enum tacit_status tac_layers_pattern_check(const char *pattern, const struct tac_peft_folder *f,
                                           const struct tac_model *m, struct tacit_err *err)
{
    char name[160];
    tac_module_name(m, tac_model_slot(0, TAC_P_OUT), name);
    char *number = strstr(name, ".0.");
    *(number ? number : name) = 0;
    const char *dot = strrchr(name, '.'), *want = dot ? dot + 1 : name;
    for (const char *at = pattern; at && *at; at += strcspn(at, "+"), at += *at == '+') {
        size_t n = strcspn(at, "+");
        if (n == strlen(want) && memcmp(at, want, n) == 0)
            return TACIT_OK;
    }
    if (!pattern || !*pattern)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "%s: field 'layers_pattern': found '%s', expected '%s'",
                    f->config_path, pattern, want);
}

static const char layout_key[] = "fan_in_fan_out";

enum tacit_status tac_targets_check_layout(const struct tac_peft_folder *f,
                                           const struct tac_model *m, struct tacit_err *err)
{
    bool across = m->c.across;
    enum tacit_status s = TACIT_OK;
    if (tac_json_has(f->config, layout_key))
        s = tac_json_get_bool(&across, f->config, layout_key, f->config_path, err);
    if (!s && across && !m->c.across)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: field '%s': found true, expected false: %s keeps its matrices [out, in]",
                     f->config_path, layout_key, m->family->model_type);
    return s;
}

bool tac_targets_add_layout(json_t *config, const struct tac_model *m)
{
    return !json_object_set_new(config, layout_key, json_boolean(m->c.across));
}

static bool append(json_t *list, json_t *take)
{
    return !json_array_append_new(list, take);
}

json_t *tac_targets_json(const struct tac_model *m, const char *list)
{
    json_t *v = json_array();
    char buf[160];
    bool ok = v != NULL;
    for (const char *at = list; ok && *at; at += strcspn(at, "+"), at += *at == '+') {
        size_t n = strcspn(at, "+");
        if (!is_all(at, n))
            ok = append(v, json_stringn(at, n));
        size_t s = is_all(at, n) ? tac_target_next(m, at, "0", 0) : m->n_slot;
        for (; ok && s < m->n_slot; s = tac_target_next(m, at, "0", s + 1))
            ok = append(v, json_string(short_name(m, s, buf)));
    }
    if (!ok)
        json_decref(v);
    return ok ? v : NULL;
}

json_t *tac_layers_json(const char *list)
{
    if (!list)
        return json_null();
    json_t *v = json_array();
    bool ok = v != NULL;
    for (const char *at = list; ok && *at; at += strcspn(at, "+"), at += *at == '+')
        ok = append(v, json_integer((json_int_t)strtoull(at, NULL, 10)));
    if (!ok)
        json_decref(v);
    return ok ? v : NULL;
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
