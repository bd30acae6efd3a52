/* config.json of every family: an accepted one is a shape that can be computed with. */
#include "format/json.h"
#include "model/config.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tac_decoder_config *d)
{
    const struct tac_rotary *r = &d->rotary;
    if (!d->L || !d->C || !d->H || !d->G || !d->D || !d->F || !d->V || d->H % d->G || d->G > d->H)
        abort();
    if (!(d->eps > 0) || (d->limit && !d->limit_by) || (d->positions && !d->limit))
        abort();
    if (r->n % 2 || r->n > d->D || r->n > 2 * TAC_MAX_PAIRS)
        abort();
    for (size_t i = 0; i < r->n / 2; i++)
        if (!(isfinite(r->freq[i]) && isfinite(r->scale)))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tac_family *f;
    struct tacit_err err;
    json_t *v;
    if (tac_json_parse(&v, (const char *)data, size, "config.json", &err))
        return 0;
    struct tac_decoder_config d = {0};
    struct tac_config c = {v, "config.json", &err};
    const char *type = json_string_value(json_object_get(v, "model_type"));
    if (json_is_object(v) && !tac_family_find(&f, type, "fuzz", &err) && !f->configure(&d, &c))
        check(&d);
    json_decref(v);
    return 0;
}
