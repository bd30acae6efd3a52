/* The key `methods`: what is trained, by name. */
#include "study/spec_read.h"

#include "study/plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define OPTION(key, take, min, max)                                                                \
    {                                                                                              \
#key, take, offsetof(struct tacit_train_options, key), min, max                            \
    }
/* The first OWN are for methods that the file names itself: the settings of `prompt` and `full`
 * leave the method as it is. */
enum { OWN = 3 };
const struct tac_spec_field tac_spec_settings[] = {
    {"init", TAC_TAKE_INIT, 0, 0, 0},
    OPTION(method, TAC_TAKE_TEXT, 0, 0),
    OPTION(tokens, TAC_TAKE_SIZE, 1, 4096),
    OPTION(epochs, TAC_TAKE_SIZE, 1, 1e6),
    OPTION(steps, TAC_TAKE_SIZE, 1, 1e9),
    OPTION(batch, TAC_TAKE_SIZE, 1, 1e6),
    OPTION(batch_tokens, TAC_TAKE_SIZE, 1, 1e9),
    OPTION(accumulate, TAC_TAKE_SIZE, 1, 1e6),
    OPTION(order, TAC_TAKE_TEXT, 0, 0),
    OPTION(lr, TAC_TAKE_REAL, 0, 1e6),
    OPTION(optimizer, TAC_TAKE_TEXT, 0, 0),
    OPTION(schedule, TAC_TAKE_TEXT, 0, 0),
    OPTION(warmup, TAC_TAKE_REAL, 0, 1e9),
    OPTION(beta1, TAC_TAKE_REAL, 0, 1),
    OPTION(beta2, TAC_TAKE_REAL, 0, 1),
    OPTION(eps, TAC_TAKE_REAL, 0, 1),
    OPTION(weight_decay, TAC_TAKE_REAL, 0, 1e6),
    OPTION(clip, TAC_TAKE_REAL, 0, 1e12),
    OPTION(eval_epochs, TAC_TAKE_SIZE, 0, 1e6),
    OPTION(init_scale, TAC_TAKE_REAL, 0, 1e6),
    OPTION(moments_scale, TAC_TAKE_REAL, 0, 1e6),
    OPTION(keep_best, TAC_TAKE_INT_FLAG, 0, 0),
    {"noise", TAC_TAKE_NOISE, 0, 0, 0},
    {0},
};
#undef OPTION

/* The method of a string: lora of "lora:r=8,alpha=16"; NULL with a message where it is wrong. */
static const struct tac_method *method_of(const char *string, struct tacit_err *err)
{
    struct tac_tune_spec s;
    if (tac_tune_spec_parse(&s, string, err))
        return NULL;
    const struct tac_method *m = s.method;
    tac_tune_spec_release(&s);
    return m;
}

/* What stands in keys, folders and columns. */
static enum tacit_status check_name(struct tac_spec_reader *r, const struct tac_yaml *node)
{
    const char *name = node->key;
    size_t n = strlen(name);
    bool fine = n && n < TAC_STUDY_NAME && isalnum((unsigned char)*name);
    for (size_t i = 0; fine && i < n; i++)
        fine = isalnum((unsigned char)name[i]) || strchr("._-+=,:", name[i]);
    if (!fine)
        return tac_yaml_fail(&r->spec->doc, node, r->err,
                             "key 'methods': expected a name of at most %d letters, digits and "
                             "._-+=,: found '%s'",
                             TAC_STUDY_NAME - 1, name);
    if (tac_kind_taken(name))
        return tac_yaml_fail(&r->spec->doc, node, r->err,
                             "key 'methods': '%s' is something else in a study: give the method "
                             "another name, and the key 'method'",
                             name);
    return TACIT_OK;
}

enum tacit_status tac_spec_method(struct tac_spec_reader *r, struct tac_spec_method *m,
                                  const char *string, const struct tac_yaml *node)
{
    struct tacit_err why = {0};
    const struct tac_method *method = method_of(string, &why);
    *m = (struct tac_spec_method){.name = string, .on = true, .o = tacit_train_options_default()};
    if (!method)
        return tac_yaml_fail(&r->spec->doc, node, r->err, "%s%s%s%s", node->key ? "key '" : "",
                             node->key ? node->key : "", node->key ? "': " : "", why.msg);
    m->o.method = string;
    m->whole = !method->writes;
    m->rows = method->tokens;
    m->o.tokens = m->rows ? r->spec->tokens : 0;
    m->o.lr = method->lr > 0 ? method->lr : m->o.lr;
    return TACIT_OK;
}

/* A method that the file names: the key is its method string where it has no `method`. */
static enum tacit_status take_own(struct tac_spec_reader *r, const struct tac_yaml *methods,
                                  const struct tac_yaml *node)
{
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map, *tokens = tac_yaml_find(node, "tokens");
    const char *string = node->key;
    struct tac_spec_method m;
    enum tacit_status s = check_name(r, node);
    if (!s && sp->n_method == TAC_STUDY_METHODS)
        s = tac_yaml_fail(&sp->doc, node, r->err, "key 'methods': more than %d", TAC_STUDY_METHODS);
    if (!s)
        s = tac_spec_map(r, &map, methods, node->key);
    if (!s && tac_yaml_find(map, "method"))
        s = tac_yaml_get_string(&string, &sp->doc, map, "method", r->err);
    if (!s)
        s = tac_spec_method(r, &m, string, node);
    if (!s && tokens && !m.rows)
        s = tac_yaml_fail(&sp->doc, tokens, r->err, "key 'tokens': method '%s' has none", string);
    if (!s)
        s = tac_spec_fields(r, map, tac_spec_settings, &m.o, NULL);
    if (!s)
        s = tac_grow(&sp->method, &sp->cap_method, sp->n_method + 1, sizeof *sp->method, r->err);
    if (s)
        return s;
    m.name = node->key;
    sp->method[sp->n_method++] = m;
    return TACIT_OK;
}

/* `prompt` or `full`, where the map has it. */
static enum tacit_status take_given(struct tac_spec_reader *r, const struct tac_yaml *methods,
                                    struct tac_spec_method *m)
{
    const struct tac_yaml *map;
    enum tacit_status s = tac_spec_map(r, &map, methods, m->name);
    if (s || !map)
        return s;
    m->on = true;
    return tac_spec_fields(r, map, tac_spec_settings + OWN, &m->o, NULL);
}

enum tacit_status tac_spec_methods(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map = NULL;
    enum tacit_status s = tac_spec_method(r, &sp->prompt, "prompt", root);
    if (!s)
        s = tac_spec_method(r, &sp->full, "full", root);
    sp->full.on = false;
    if (!s)
        s = tac_spec_map(r, &map, root, "methods");
    if (s || !map)
        return s;
    s = take_given(r, map, &sp->prompt);
    if (!s)
        s = take_given(r, map, &sp->full);
    for (const struct tac_yaml *c = map->first; !s && c; c = c->next)
        if (strcmp(c->key, "prompt") != 0 && strcmp(c->key, "full") != 0)
            s = take_own(r, map, c);
    return s;
}
