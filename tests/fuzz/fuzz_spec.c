/* Study files: an accepted one has what a study cannot do without, and methods that can be folders.
 */
#include "study/spec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tac_spec s = {0};
    struct tacit_err err;
    bool taken = tac_spec_parse(&s, (const char *)data, size, "fuzz.yaml", &err) == TACIT_OK;
    if (taken && (!s.name || !s.n_task || !s.tokens || s.n_task > TAC_STUDY_TASKS ||
                  s.wayward.n > TAC_STUDY_WEIGHTS || s.n_method > TAC_STUDY_METHODS ||
                  (s.forget.on && (!s.forget.texts || s.forget.tokens < 2))))
        abort();
    for (size_t i = 0; taken && i < s.n_method; i++)
        if (!s.method[i].name || strchr(s.method[i].name, '/') || !s.method[i].o.method ||
            (s.method[i].whole && s.method[i].o.tokens))
            abort();
    for (size_t i = 0; taken && i < s.sweep.n; i++)
        if (s.sweep.n > TAC_SWEEP_MOST || strchr(s.sweep.method[i].name, '/') ||
            strlen(s.sweep.method[i].name) >= TAC_SWEEP_NAME || !s.sweep.method[i].base)
            abort();
    tac_spec_release(&s);
    return 0;
}
