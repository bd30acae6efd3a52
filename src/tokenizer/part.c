#include "tokenizer/part.h"

#include <stdio.h>

struct tac_part tac_part_of(const json_t *value, const char *name, const char *field)
{
    struct tac_part p = {.value = value};
    snprintf(p.where, sizeof p.where, "%.400s: %s", name, field);
    return p;
}

struct tac_part tac_part_element(const struct tac_part *p, const json_t *list, size_t i)
{
    struct tac_part e = {.value = json_array_get(list, i)};
    snprintf(e.where, sizeof e.where, "%.480s[%zu]", p->where, i);
    return e;
}

enum tacit_status tac_part_type(const struct tac_part *p, const char **type, struct tacit_err *err)
{
    char found[80];
    if (!json_is_object(p->value))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an object, found %s", p->where,
                        tac_json_describe(found, p->value));
    return tac_json_get_string(type, p->value, "type", p->where, err);
}

enum tacit_status tac_part_unsupported(const struct tac_part *p, const char *type, const char *what,
                                       struct tacit_err *err)
{
    return tac_fail(err, TACIT_EINPUT, "%s: type '%s' is not supported; %s", p->where, type, what);
}

enum tacit_status tac_part_pattern(const struct tac_part *p, const char **text, bool *regex,
                                   struct tacit_err *err)
{
    json_t *pattern;
    enum tacit_status st = tac_json_get_object(&pattern, p->value, "pattern", p->where, err);
    if (st)
        return st;
    *regex = tac_json_has(pattern, "Regex");
    return tac_json_get_string(text, pattern, *regex ? "Regex" : "String", p->where, err);
}
