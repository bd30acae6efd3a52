#include "backend/cpu_ops.h"
#include "backend/ref.h"

size_t tac_attend_scratch(int threads)
{
    (void)threads;
    return 0;
}

void tac_cpu_attend(struct tac_backend *be, void *o, void *lse, const void *q, const void *k,
                    const void *v, const struct tac_attn *a)
{
    tac_ref_ops_f32.attend(be, o, lse, q, k, v, a);
}

void tac_cpu_attend_dx(struct tac_backend *be, void *dq, void *dk, void *dv, const void *dout,
                       const void *o, const void *lse, const void *q, const void *k, const void *v,
                       const struct tac_attn *a)
{
    tac_ref_ops_f32.attend_dx(be, dq, dk, dv, dout, o, lse, q, k, v, a);
}
