/* The methods there are, for help texts. */
#include "api/handles.h"

#include <math.h>
#include <string.h>

int tacit_method_get(size_t i, struct tacit_method *out)
{
    const struct tac_method *m = tac_method_at(i);
    if (!m)
        return 0;
    *out = (struct tacit_method){.name = m->name,
                                 .summary = m->summary,
                                 .peft_type = m->writes,
                                 .from_text = m->source != NULL,
                                 .lr = m->lr > 0 ? m->lr : tacit_train_options_default().lr};
    while (m->setting && m->setting[out->settings].name)
        out->settings++;
    return 1;
}

int tacit_method_find(const char *string, struct tacit_method *out)
{
    size_t n = strcspn(string, ":");
    for (size_t i = 0; tacit_method_get(i, out); i++)
        if (strlen(out->name) == n && memcmp(out->name, string, n) == 0)
            return 1;
    return 0;
}

void tacit_method_setting(size_t i, size_t k, struct tacit_setting *out)
{
    const struct tac_setting *s = &tac_method_at(i)->setting[k];
    *out =
        (struct tacit_setting){s->name, s->help, s->kind == TAC_SET_TEXT ? (double)NAN : s->value};
}
