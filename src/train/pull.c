#include "train/pull.h"

#include <math.h>

size_t tac_pull_memory(const struct tac_tune *t, const struct tac_pull *pull)
{
    return pull->weight > 0 ? 2 * t->n * t->weights->be->real_size : 0;
}

enum tacit_status tac_pull_open(struct tac_pulling *p, struct tac_tune *t,
                                const struct tac_pull *pull, struct tacit_err *err)
{
    struct tac_backend *be = t->weights->be;
    double sum = 0;
    *p = (struct tac_pulling){0};
    if (!(pull->weight > 0))
        return TACIT_OK;
    for (size_t i = 0; i < t->n; i++)
        sum += (double)pull->target[i] * (double)pull->target[i];
    if (!(sum > 0) || !isfinite(sum))
        return tac_fail(err, TACIT_EINPUT, "the rows to pull towards are all 0 or not finite");
    *p = (struct tac_pulling){.tune = t, .scale = pull->weight / sum};
    p->target = be->ops->alloc(be, t->n * be->real_size);
    p->gap = be->ops->alloc(be, t->n * be->real_size);
    if (!p->target || !p->gap)
        return tac_fail_memory(err, tac_pull_memory(t, pull));
    be->ops->upload(be, p->target, pull->target, t->n);
    return TACIT_OK;
}

double tac_pull_add(struct tac_pulling *p)
{
    if (!p->tune)
        return 0;
    struct tac_tune *t = p->tune;
    struct tac_backend *be = t->weights->be;
    /* the difference first: near the target, products of p and t would cancel to their rounding */
    be->ops->mix(be, p->gap, 0, 1, t->p, t->n);
    be->ops->mix(be, p->gap, 1, -1, p->target, t->n);
    be->ops->mix(be, t->g, 1, 2 * p->scale, p->gap, t->n);
    be->ops->sync(be);
    return p->scale * be->ops->sumsq(be, p->gap, t->n);
}

void tac_pull_close(struct tac_pulling *p)
{
    struct tac_backend *be = p->tune ? p->tune->weights->be : NULL;
    if (be) {
        be->ops->release(be, p->target);
        be->ops->release(be, p->gap);
    }
    *p = (struct tac_pulling){0};
}
