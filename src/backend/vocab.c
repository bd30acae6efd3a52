#include "backend/cpu_ops.h"
#include "backend/ref.h"

size_t tac_vocab_scratch(int threads)
{
    (void)threads;
    return 0;
}

void tac_cpu_vocab(struct tac_backend *be, void *logp, int32_t *best, void *dx, void *lse,
                   const void *x, const struct tac_weight *E, const struct tac_target *target,
                   size_t n, size_t R)
{
    tac_ref_ops_f32.vocab(be, logp, best, dx, lse, x, E, target, n, R);
}

void tac_cpu_vocab_dw(struct tac_backend *be, void *dE, const void *x, const void *lse,
                      const struct tac_weight *E, const struct tac_target *target, size_t n,
                      size_t R)
{
    tac_ref_ops_f32.vocab_dw(be, dE, x, lse, E, target, n, R);
}
