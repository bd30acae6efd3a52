#include "study/spec_read.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum tacit_status tac_spec_path(struct tac_spec_reader *r, const char **out, const char *text,
                                bool name)
{
    if (*text == '/' || strncmp(text, "tacit:", 6) == 0) {
        *out = text;
        return TACIT_OK;
    }
    char *path = tac_path(r->dir, text, r->err);
    if (!path)
        return TACIT_EFAIL;
    bool keep = name && !tac_file_exists(path);
    *out = keep ? text : tac_arena_strndup(&r->spec->arena, path, strlen(path), r->err);
    free(path);
    return *out ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status take_noise(struct tac_spec_reader *r, const struct tac_yaml *map,
                                    struct tacit_train_options *o)
{
    const struct tac_yaml_doc *d = &r->spec->doc;
    const struct tac_yaml *list;
    enum tacit_status s = tac_yaml_get_list(&list, d, map, "noise", r->err);
    if (s)
        return s;
    o->noise_order = o->noise_init = o->noise_moments = 0;
    for (const struct tac_yaml *c = list->first; c; c = c->next) {
        const char *t = c->kind == TAC_YAML_SCALAR ? c->text : "";
        if (strcmp(t, "order") == 0)
            o->noise_order = 1;
        else if (strcmp(t, "init") == 0)
            o->noise_init = 1;
        else if (strcmp(t, "moments") == 0)
            o->noise_moments = 1;
        else
            return tac_yaml_fail(d, c, r->err, "key 'noise': expected order, init or moments");
    }
    return TACIT_OK;
}

/* An adapter's folder could change without the study's knowing. */
static enum tacit_status take_init(struct tac_spec_reader *r, const struct tac_yaml *map,
                                   struct tacit_train_options *o)
{
    const struct tac_yaml_doc *d = &r->spec->doc;
    const char *text;
    struct tacit_err why;
    enum tacit_status s = tac_yaml_get_string(&text, d, map, "init", r->err);
    if (s)
        return s;
    if (tacit_train_init(o, text, &why))
        return tac_yaml_fail(d, tac_yaml_find(map, "init"), r->err, "key 'init': %s", why.msg);
    if (o->init == TACIT_INIT_ADAPTER)
        return tac_yaml_fail(d, tac_yaml_find(map, "init"), r->err,
                             "key 'init': a study's methods do not start from adapters");
    return TACIT_OK;
}

enum tacit_status tac_spec_take(struct tac_spec_reader *r, const struct tac_yaml *map,
                                const struct tac_spec_field *f, void *base)
{
    const struct tac_yaml_doc *d = &r->spec->doc;
    void *to = (char *)base + f->at;
    const char *text;
    int64_t n;
    bool flag;
    enum tacit_status s;
    switch (f->take) {
    case TAC_TAKE_TEXT:
        return tac_yaml_get_string(to, d, map, f->key, r->err);
    case TAC_TAKE_PATH:
        s = tac_yaml_get_string(&text, d, map, f->key, r->err);
        return s ? s : tac_spec_path(r, to, text, strcmp(f->key, "model") == 0);
    case TAC_TAKE_SIZE:
        s = tac_yaml_get_int(&n, d, map, f->key, (int64_t)f->min, (int64_t)f->max, r->err);
        if (!s)
            *(size_t *)to = (size_t)n;
        return s;
    case TAC_TAKE_REAL:
        return tac_yaml_get_real(to, d, map, f->key, f->min, f->max, r->err);
    case TAC_TAKE_NOISE:
        return take_noise(r, map, to);
    case TAC_TAKE_INIT:
        return take_init(r, map, to);
    default:
        s = tac_yaml_get_bool(&flag, d, map, f->key, r->err);
        if (!s && f->take == TAC_TAKE_FLAG)
            *(bool *)to = flag;
        else if (!s)
            *(int *)to = flag;
        return s;
    }
}

enum tacit_status tac_spec_fields(struct tac_spec_reader *r, const struct tac_yaml *map,
                                  const struct tac_spec_field *f, void *base,
                                  const char *const *more)
{
    const char *known[64];
    size_t n = 0;
    for (const struct tac_spec_field *k = f; k->key; k++)
        known[n++] = k->key;
    for (; more && *more; more++)
        known[n++] = *more;
    known[n] = NULL;
    enum tacit_status s = tac_yaml_check_keys(&r->spec->doc, map, known, r->err);
    for (; !s && f->key; f++)
        if (tac_yaml_find(map, f->key))
            s = tac_spec_take(r, map, f, base);
    return s;
}

enum tacit_status tac_spec_map(struct tac_spec_reader *r, const struct tac_yaml **out,
                               const struct tac_yaml *map, const char *key)
{
    *out = NULL;
    return tac_yaml_find(map, key) ? tac_yaml_get_map(out, &r->spec->doc, map, key, r->err)
                                   : TACIT_OK;
}
