#include "api/handles.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum tacit_init init;
} inits[] = {
    {"description", TACIT_INIT_TEXT}, {"text:TEXT", TACIT_INIT_TEXT},
    {"vocab", TACIT_INIT_VOCAB},      {"normal", TACIT_INIT_NORMAL},
    {"zero", TACIT_INIT_ZERO},        {"adapter:DIR", TACIT_INIT_ADAPTER},
};

/* Whether text is the name, or begins with its part up to the colon; *rest is what follows. */
static bool matches(const char *text, const char *name, const char **rest)
{
    const char *colon = strchr(name, ':');
    size_t n = colon ? (size_t)(colon - name) + 1 : 0;
    *rest = colon ? text + n : NULL;
    return colon ? strncmp(text, name, n) == 0 : strcmp(text, name) == 0;
}

enum tacit_status tacit_train_init(struct tacit_train_options *o, const char *init,
                                   struct tacit_err *err)
{
    const char *rest;
    char known[160] = "";
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
        if (matches(init, inits[i].name, &rest)) {
            o->init = inits[i].init;
            o->init_text = o->init == TACIT_INIT_TEXT ? rest : NULL;
            o->init_adapter = o->init == TACIT_INIT_ADAPTER ? rest : NULL;
            return TACIT_OK;
        }
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 inits[i].name);
    }
    return tac_fail(err, TACIT_EINPUT, "expected one of %s, found '%s'", known, init);
}

const char *tacit_train_init_name(const struct tacit_train_options *o)
{
    if (o->init == TACIT_INIT_TEXT)
        return o->init_text ? "text" : "description";
    return o->init == TACIT_INIT_VOCAB    ? "vocab"
           : o->init == TACIT_INIT_NORMAL ? "normal"
                                          : "adapter";
}
