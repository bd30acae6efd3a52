/* Random numbers by counter: Philox4x32-10 (Salmon et al. 2011). The n-th number of a (seed,
 * stream) is a function of n alone, so resuming needs no state and streams never meet. */
#ifndef TAC_BASE_RNG_H
#define TAC_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct tac_rng {
    uint64_t seed, stream, count; /* count: 32-bit numbers drawn so far */
};

struct tac_rng tac_rng_init(uint64_t seed, uint64_t stream);
uint32_t tac_rng_u32(struct tac_rng *r);
/* Uniform in [0, n), without bias; n > 0. */
uint32_t tac_rng_below(struct tac_rng *r, uint32_t n);
/* Uniform in [0, 1), 53 bits. */
double tac_rng_uniform(struct tac_rng *r);
/* Standard normal (Box-Muller; two uniforms a number, none kept). */
double tac_rng_normal(struct tac_rng *r);
/* Fisher-Yates over n items. */
void tac_rng_shuffle(struct tac_rng *r, uint32_t *items, size_t n);

#endif
