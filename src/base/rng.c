#include "base/rng.h"

#include <math.h>

static void philox_round(uint32_t c[4], uint32_t k0, uint32_t k1)
{
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t n0 = (uint32_t)(b >> 32) ^ c[1] ^ k0, n2 = (uint32_t)(a >> 32) ^ c[3] ^ k1;
    c[1] = (uint32_t)b;
    c[3] = (uint32_t)a;
    c[0] = n0;
    c[2] = n2;
}

struct tac_rng tac_rng_init(uint64_t seed, uint64_t stream)
{
    return (struct tac_rng){seed, stream, 0};
}

uint32_t tac_rng_u32(struct tac_rng *r)
{
    uint64_t block = r->count / 4;
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)r->stream,
                     (uint32_t)(r->stream >> 32)};
    uint32_t k0 = (uint32_t)r->seed, k1 = (uint32_t)(r->seed >> 32);
    for (int i = 0; i < 10; i++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        philox_round(c, k0, k1);
    return c[r->count++ % 4];
}

uint32_t tac_rng_below(struct tac_rng *r, uint32_t n)
{
    uint32_t reject = (0u - n) % n;
    for (;;) {
        uint64_t m = (uint64_t)tac_rng_u32(r) * n;
        if ((uint32_t)m >= reject)
            return (uint32_t)(m >> 32);
    }
}

double tac_rng_uniform(struct tac_rng *r)
{
    uint64_t hi = tac_rng_u32(r) >> 5, lo = tac_rng_u32(r) >> 6;
    return (double)(hi << 26 | lo) * 0x1p-53;
}

double tac_rng_normal(struct tac_rng *r)
{
    double u = 1.0 - tac_rng_uniform(r), v = tac_rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

void tac_rng_shuffle(struct tac_rng *r, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        uint32_t j = tac_rng_below(r, (uint32_t)i), t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
