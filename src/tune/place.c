#include "tune/place.h"

#include <string.h>

static const char *const names[TAC_N_PLACE] = {"template", "front", "end"};

const char *tac_place_name(enum tac_place p)
{
    return names[p];
}

enum tacit_status tac_place_find(enum tac_place *out, const char *name, const char *what,
                                 struct tacit_err *err)
{
    *out = TAC_PLACE_TEMPLATE;
    for (int i = 0; name && i < TAC_N_PLACE; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (enum tac_place)i;
            return TACIT_OK;
        }
    if (!name)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "%s: '%.60s' is not one of template, front, end", what,
                    name);
}
