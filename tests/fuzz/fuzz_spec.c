/* Study files: an accepted one has what a study cannot do without. */
#include "study/spec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tac_spec s = {0};
    struct tacit_err err;
    if (tac_spec_parse(&s, (const char *)data, size, "fuzz.yaml", &err) == TACIT_OK &&
        (!s.name || !s.n_task || !s.tokens || s.n_task > TAC_STUDY_TASKS ||
         s.wayward.n > TAC_STUDY_WEIGHTS))
        abort();
    tac_spec_release(&s);
    return 0;
}
