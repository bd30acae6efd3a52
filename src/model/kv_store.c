#include "model/decoder.h"

#include <stdlib.h>

enum tacit_status tac_kv_store_init(struct tac_kv_store *s, const struct tac_decoder_config *c,
                                    struct tac_backend *be, size_t cap, struct tacit_err *err)
{
    size_t one = cap * c->G * c->D;
    *s = (struct tac_kv_store){.cap = cap};
    s->k = tac_alloc(2 * c->L, sizeof *s->k, err);
    if (!s->k)
        return TACIT_EFAIL;
    s->v = s->k + c->L;
    s->memory = be->ops->alloc(be, 2 * c->L * one * be->real_size);
    if (!s->memory) {
        tac_kv_store_release(s, be);
        return tac_fail(err, TACIT_EFAIL, "out of memory: a cache of %zu positions", cap);
    }
    for (size_t l = 0; l < c->L; l++) {
        s->k[l] = tac_real_at(be, s->memory, 2 * l * one);
        s->v[l] = tac_real_at(be, s->memory, (2 * l + 1) * one);
    }
    return TACIT_OK;
}

struct tac_kv_store tac_kv_store_view(const struct tac_decoder_config *c,
                                      const struct tac_backend *be, void **k, void *memory,
                                      size_t len)
{
    struct tac_kv_store s = {.k = k, .v = k + c->L, .len = len, .cap = len};
    size_t one = len * c->G * c->D;
    for (size_t l = 0; l < c->L; l++) {
        s.k[l] = tac_real_at(be, memory, 2 * l * one);
        s.v[l] = tac_real_at(be, memory, (2 * l + 1) * one);
    }
    return s;
}

enum tacit_status tac_kv_store_append(struct tac_kv_store *s, const struct tac_kv_store *from,
                                      const struct tac_decoder_config *c, struct tac_backend *be,
                                      struct tacit_err *err)
{
    size_t width = c->G * c->D, at = s->len * width, n = from->len;
    int32_t *idx = tac_alloc(n, sizeof *idx, err);
    TAC_CHECK(s->len + n <= s->cap);
    for (size_t i = 0; idx && i < n; i++)
        idx[i] = (int32_t)i;
    for (size_t l = 0; idx && l < c->L; l++) {
        be->ops->rows_get(be, tac_real_at(be, s->k[l], at), from->k[l], idx, n, width);
        be->ops->rows_get(be, tac_real_at(be, s->v[l], at), from->v[l], idx, n, width);
    }
    be->ops->sync(be);
    s->len += n;
    free(idx);
    return idx ? TACIT_OK : TACIT_EFAIL;
}

void tac_kv_store_release(struct tac_kv_store *s, struct tac_backend *be)
{
    if (s->memory)
        be->ops->release(be, s->memory);
    free(s->k);
    *s = (struct tac_kv_store){0};
}
