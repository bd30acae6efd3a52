#include "tune/tune.h"

#include "base/str.h"
#include "tune/peft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tac_method *const methods[] = {
    &tac_method_prompt, &tac_method_ptuning, &tac_method_prefix,
    &tac_method_lora,   &tac_method_ia3,     &tac_method_full,
};
enum { N_METHOD = sizeof methods / sizeof *methods };

const struct tac_method *tac_method_at(size_t i)
{
    return i < N_METHOD ? methods[i] : NULL;
}

const struct tac_method *tac_method_find(const char *name)
{
    for (size_t i = 0; i < N_METHOD; i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

const struct tac_method *tac_method_of_type(const char *peft_type)
{
    for (size_t i = 0; i < N_METHOD; i++)
        for (size_t k = 0; methods[i]->reads[k]; k++)
            if (strcmp(methods[i]->reads[k], peft_type) == 0)
                return methods[i];
    return NULL;
}

struct tac_ports tac_ports_plain(const struct tac_weights *w)
{
    return (struct tac_ports){.param = w->param, .grad = TAC_GRAD_NONE};
}

/* ---- a method and its settings in one text ---- */

static enum tacit_status unknown_method(const char *name, size_t n, struct tacit_err *err)
{
    char list[128] = "";
    for (size_t i = 0; i < N_METHOD; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 methods[i]->name);
    return tac_fail(err, TACIT_EINPUT, "method '%.*s' is not one of %s", (int)n, name, list);
}

static enum tacit_status unknown_setting(const struct tac_method *m, const char *name, size_t n,
                                         struct tacit_err *err)
{
    char list[128] = "";
    for (const struct tac_setting *s = m->setting; s && s->name; s++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                 s->name);
    return tac_fail(err, TACIT_EINPUT, "method %s: setting '%.*s' is not one of %s", m->name,
                    (int)n, name, *list ? list : "(none)");
}

static enum tacit_status take_setting(struct tac_tune_spec *s, const char *text, size_t n,
                                      struct tacit_err *err)
{
    const struct tac_method *m = s->method;
    const char *is = memchr(text, '=', n);
    size_t name = is ? (size_t)(is - text) : n, i = 0;
    while (m->setting && m->setting[i].name &&
           (strlen(m->setting[i].name) != name || memcmp(m->setting[i].name, text, name) != 0))
        i++;
    if (!m->setting || !m->setting[i].name)
        return unknown_setting(m, text, name, err);
    const struct tac_setting *f = &m->setting[i];
    char *value = tac_arena_strndup(&s->arena, is ? is + 1 : "1", is ? n - name - 1 : 1, err);
    double v;
    if (!value)
        return TACIT_EFAIL;
    if (f->kind == TAC_SET_TEXT) {
        s->text[i] = is ? value : "";
        return *s->text[i] ? TACIT_OK
                           : tac_fail(err, TACIT_EINPUT, "method %s: setting '%s' needs a text",
                                      m->name, f->name);
    }
    if (!tac_parse_f64(value, &v) || !(v >= f->min && v <= f->max) ||
        (f->kind != TAC_SET_REAL && v != floor(v)))
        return tac_fail(
            err, TACIT_EINPUT, "method %s: setting '%s': found '%s', expected %s%g to %g", m->name,
            f->name, value, f->kind == TAC_SET_REAL ? "" : "a whole number ", f->min, f->max);
    s->number[i] = v;
    return TACIT_OK;
}

enum tacit_status tac_tune_spec_parse(struct tac_tune_spec *s, const char *text,
                                      struct tacit_err *err)
{
    size_t n = strcspn(text, ":");
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    *s = (struct tac_tune_spec){.method = n < sizeof name ? tac_method_find(name) : NULL};
    if (!s->method)
        return unknown_method(text, n, err);
    for (size_t i = 0; s->method->setting && s->method->setting[i].name; i++)
        s->number[i] = s->method->setting[i].value;
    enum tacit_status st = TACIT_OK;
    for (const char *at = text + n; !st && *at;) {
        at++;
        size_t k = strcspn(at, ",");
        st = take_setting(s, at, k, err);
        at += k;
    }
    if (st)
        tac_tune_spec_release(s);
    return st;
}

enum tacit_status tac_tune_spec_text(struct tac_tune_spec *s, const char **text,
                                     struct tacit_err *err)
{
    struct tac_buf b = {0};
    enum tacit_status st = tac_buf_adds(&b, s->method->name, err);
    const struct tac_setting *f = s->method->setting;
    char sep = ':';
    for (size_t i = 0; !st && f && f[i].name; i++) {
        if (f[i].kind == TAC_SET_TEXT && !s->text[i])
            continue;
        if (f[i].kind == TAC_SET_TEXT)
            st = tac_buf_addf(&b, err, "%c%s=%s", sep, f[i].name, s->text[i]);
        else
            st = tac_buf_addf(&b, err, "%c%s=%.17g", sep, f[i].name, s->number[i]);
        sep = ',';
    }
    *text = st ? NULL : tac_arena_strndup(&s->arena, b.data, b.len, err);
    tac_buf_release(&b);
    return *text ? TACIT_OK : TACIT_EFAIL;
}

void tac_tune_spec_release(struct tac_tune_spec *s)
{
    tac_arena_release(&s->arena);
    *s = (struct tac_tune_spec){0};
}

enum tacit_status tac_setting_wrong(const struct tac_tune_spec *s, size_t setting,
                                    enum tacit_status st, struct tacit_err *err)
{
    const struct tac_setting *f = &s->method->setting[setting];
    if (st && s->path)
        tac_err_prefix(err, "%s: field '%s': ", s->path, f->key);
    else if (st)
        tac_err_prefix(err, "method %s: setting '%s': ", s->method->name, f->name);
    return st;
}

static enum tacit_status copy_spec(struct tac_tune *t, const struct tac_tune_spec *s,
                                   struct tacit_err *err)
{
    t->spec = *s;
    t->spec.arena = (struct tac_arena){0};
    for (size_t i = 0; i < TAC_SETTINGS; i++)
        if (s->text[i] &&
            !(t->spec.text[i] = tac_arena_strndup(&t->arena, s->text[i], strlen(s->text[i]), err)))
            return TACIT_EFAIL;
    return TACIT_OK;
}

/* ---- the block ---- */

static enum tacit_status lay_items(struct tac_tune *t, struct tacit_err *err)
{
    t->n_item = t->method->items(t, NULL);
    t->item = tac_arena_alloc(&t->arena, t->n_item, sizeof *t->item, err);
    if (!t->item)
        return TACIT_EFAIL;
    t->method->items(t, t->item);
    for (size_t i = 0; i < t->n_item; i++) {
        t->item[i].offset = t->n;
        t->n += t->item[i].rows * (t->item[i].cols ? t->item[i].cols : 1);
    }
    return TACIT_OK;
}

static enum tacit_status allocate(struct tac_tune *t, bool with_grad, struct tacit_err *err)
{
    struct tac_backend *be = t->weights->be;
    size_t extra = t->method->extra ? t->method->extra(t) : 0;
    struct tac_carve m = {0};
    for (int pass = 0; pass < 2; pass++) {
        m.used = 0;
        t->p = tac_carve(&m, t->n, be->real_size);
        t->g = with_grad ? tac_carve(&m, t->n, be->real_size) : NULL;
        t->extra = extra ? tac_carve(&m, extra, be->real_size) : NULL;
        if (pass == 0) {
            t->bytes = m.used;
            m.base = t->memory = be->ops->alloc(be, m.used);
            if (!t->memory)
                return tac_fail(err, TACIT_EFAIL,
                                "out of memory: %zu bytes to train %zu parameters", m.used, t->n);
        }
    }
    return TACIT_OK;
}

/* f: the folder whose values it is to hold, or NULL. */
static enum tacit_status make(struct tac_tune *t, const struct tac_tune_spec *spec, bool with_grad,
                              const struct tac_peft_folder *f, struct tacit_err *err)
{
    const struct tac_method *method = t->method;
    enum tacit_status s = copy_spec(t, spec, err);
    t->spec.trained = with_grad;
    if (!s && method->tokens && !t->P)
        s = tac_fail(err, TACIT_EINPUT, "a %s of 0 tokens cannot be trained", method->name);
    if (!s && method->check)
        s = method->check(&t->spec, t->weights->model, err);
    t->spec.path = NULL;
    if (!s)
        s = lay_items(t, err);
    if (!s && f && method->fits)
        s = method->fits(t, f, err);
    if (!s)
        s = allocate(t, with_grad, err);
    if (s)
        return s;
    t->ports = tac_ports_plain(t->weights);
    return method->bind(t, err);
}

static enum tacit_status make_for(struct tac_tune **out, const struct tac_tune_spec *spec,
                                  struct tac_weights *weights, bool with_grad,
                                  const struct tac_adapter_info *info,
                                  const struct tac_peft_folder *f, struct tacit_err *err)
{
    struct tac_tune *t = *out = tac_alloc(1, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    t->method = spec->method;
    t->weights = tac_weights_ref(weights);
    t->P = spec->P;
    if (info)
        t->info = *info;
    enum tacit_status s = make(t, spec, with_grad, f, err);
    if (s) {
        tac_tune_close(t);
        *out = NULL;
    }
    return s;
}

enum tacit_status tac_tune_make(struct tac_tune **out, const struct tac_tune_spec *spec,
                                struct tac_weights *weights, bool with_grad,
                                const struct tac_adapter_info *info, struct tacit_err *err)
{
    return make_for(out, spec, weights, with_grad, info, NULL, err);
}

enum tacit_status tac_tune_open(struct tac_tune **out, const struct tac_method *method,
                                struct tac_weights *weights, size_t P, bool with_grad,
                                const struct tac_adapter_info *info, struct tacit_err *err)
{
    struct tac_tune_spec s;
    *out = NULL;
    enum tacit_status st = tac_tune_spec_parse(&s, method->name, err);
    if (st)
        return st;
    s.P = P;
    st = tac_tune_make(out, &s, weights, with_grad, info, err);
    tac_tune_spec_release(&s);
    return st;
}

static enum tacit_status read_values(struct tac_tune *t, const struct tac_peft_folder *f,
                                     struct tacit_err *err)
{
    float *values = tac_alloc(t->n, sizeof *values, err);
    enum tacit_status s = values ? t->method->read(t, values, f, err) : TACIT_EFAIL;
    if (!s)
        tac_tune_set(t, values);
    free(values);
    return s ? s : tac_peft_info(t, f, err);
}

enum tacit_status tac_tune_of(struct tac_tune **out, const struct tac_peft_folder *f,
                              struct tac_weights *weights, bool with_grad, struct tacit_err *err)
{
    struct tac_tune_spec spec = {0};
    *out = NULL;
    enum tacit_status s = tac_peft_family(f, weights->model, err);
    if (!s)
        s = tac_tune_spec_parse(&spec, f->method->name, err);
    spec.path = f->config_path;
    if (!s)
        s = f->method->configure(&spec, f, weights->model, err);
    if (!s)
        s = make_for(out, &spec, weights, with_grad, NULL, f, err);
    if (!s)
        s = read_values(*out, f, err);
    if (s) {
        tac_tune_close(*out);
        *out = NULL;
    }
    tac_tune_spec_release(&spec);
    return s;
}

enum tacit_status tac_tune_load(struct tac_tune **out, const char *dir, struct tac_weights *weights,
                                bool with_grad, struct tacit_err *err)
{
    struct tac_peft_folder f;
    *out = NULL;
    enum tacit_status s = tac_peft_open(&f, dir, err);
    if (s)
        return s;
    s = tac_tune_of(out, &f, weights, with_grad, err);
    tac_peft_close(&f);
    return s;
}

void tac_tune_close(struct tac_tune *t)
{
    if (!t)
        return;
    if (t->memory)
        t->weights->be->ops->release(t->weights->be, t->memory);
    tac_arena_release(&t->arena);
    tac_tune_spec_release(&t->spec);
    tac_weights_close(t->weights);
    free(t);
}

void tac_tune_get(const struct tac_tune *t, float *out)
{
    t->weights->be->ops->download(t->weights->be, out, t->p, t->n);
}

void tac_tune_set(struct tac_tune *t, const float *values)
{
    t->weights->be->ops->upload(t->weights->be, t->p, values, t->n);
    tac_tune_changed(t);
}

void tac_tune_give(void *ctx, float *out, size_t from, size_t n)
{
    const struct tac_tune *t = ctx;
    struct tac_backend *be = t->weights->be;
    be->ops->download(be, out, tac_real_at(be, t->p, from), n);
}

void tac_tune_put(struct tac_tune *t, const float *values, size_t from, size_t n)
{
    struct tac_backend *be = t->weights->be;
    be->ops->upload(be, tac_real_at(be, t->p, from), values, n);
}

void tac_tune_zero_grad(struct tac_tune *t)
{
    t->weights->be->ops->zero(t->weights->be, t->g, t->n);
}

void tac_tune_backward(struct tac_tune *t)
{
    if (t->method->backward)
        t->method->backward(t);
}

void tac_tune_changed(struct tac_tune *t)
{
    if (t->method->forward)
        t->method->forward(t);
}

enum tacit_status tac_tune_save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    return t->method->save(t, dir, err);
}
