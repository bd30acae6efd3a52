/* The methods there are, for help texts. */
#include "api/handles.h"

#include <math.h>

int tacit_method_get(size_t i, struct tacit_method *out)
{
    const struct tac_method *m = tac_method_at(i);
    if (!m)
        return 0;
    *out = (struct tacit_method){m->name, m->summary, m->writes, m->source != NULL, 0};
    while (m->setting && m->setting[out->settings].name)
        out->settings++;
    return 1;
}

void tacit_method_setting(size_t i, size_t k, struct tacit_setting *out)
{
    const struct tac_setting *s = &tac_method_at(i)->setting[k];
    *out =
        (struct tacit_setting){s->name, s->help, s->kind == TAC_SET_TEXT ? (double)NAN : s->value};
}
