/* YAML: whatever is read is walked to its last node. */
#include "format/yaml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct tac_yaml *v, int depth)
{
    size_t n = 0;
    if (depth > TAC_YAML_DEPTH || (v->kind == TAC_YAML_SCALAR) != (v->text != NULL))
        abort();
    for (const struct tac_yaml *c = v->first; c; c = c->next, n++)
        walk(c, depth + 1);
    if (n != v->n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tac_yaml_doc d;
    struct tacit_err err;
    if (tac_yaml_parse(&d, (const char *)data, size, "fuzz", &err) == TACIT_OK)
        walk(d.root, 0);
    tac_yaml_release(&d);
    return 0;
}
