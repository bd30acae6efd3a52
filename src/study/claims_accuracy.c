/* Claims about accuracy: examples are the units. */
#include "study/claims.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Fills f from a contrast; false where no task has both kinds. */
static bool take(struct tac_finding *f, const struct tac_contrast *c)
{
    f->estimate = c->mean;
    f->low = c->low;
    f->high = c->high;
    f->p = c->p;
    snprintf(f->note, sizeof f->note, "by task: %s", c->by_task);
    return c->tasks > 0;
}

/* Is a better than b? */
static enum tacit_status better(struct tac_finding *f, struct tac_seen *x, enum tac_kind a,
                                enum tac_kind b, struct tacit_err *err)
{
    struct tac_contrast c;
    enum tacit_status s = tac_contrast(&c, x, a, b, err);
    if (!s && take(f, &c))
        f->verdict = c.low > 0 ? tac_holds : c.high < 0 ? tac_fails : tac_open;
    return s;
}

enum tacit_status tac_claim_description(struct tac_finding *f, struct tac_seen *x,
                                        struct tacit_err *err)
{
    return better(f, x, TAC_KIND_DESCRIPTION, TAC_KIND_NONE, err);
}

enum tacit_status tac_claim_training(struct tac_finding *f, struct tac_seen *x,
                                     struct tacit_err *err)
{
    return better(f, x, TAC_KIND_PROMPT, TAC_KIND_DESCRIPTION, err);
}

enum tacit_status tac_claim_signal(struct tac_finding *f, struct tac_seen *x, struct tacit_err *err)
{
    return better(f, x, TAC_KIND_PROMPT, TAC_KIND_SHUFFLED, err);
}

enum tacit_status tac_claim_direction(struct tac_finding *f, struct tac_seen *x,
                                      struct tacit_err *err)
{
    return better(f, x, TAC_KIND_PROMPT, TAC_KIND_DRIFT, err);
}

/* Is a no worse than b by the study's margin? */
static enum tacit_status no_worse(struct tac_finding *f, struct tac_seen *x, enum tac_kind a,
                                  enum tac_kind b, struct tacit_err *err)
{
    struct tac_contrast c;
    double margin = x->st->spec.margin;
    enum tacit_status s = tac_contrast(&c, x, a, b, err);
    if (s || !take(f, &c))
        return s;
    f->p = (double)NAN; /* the contrast's p is of no difference at all */
    f->verdict = c.low > -margin ? tac_holds : c.high < -margin ? tac_fails : tac_open;
    size_t at = strlen(f->note);
    snprintf(f->note + at, sizeof f->note - at, "; margin %g", margin);
    return TACIT_OK;
}

enum tacit_status tac_claim_finetuning(struct tac_finding *f, struct tac_seen *x,
                                       struct tacit_err *err)
{
    return no_worse(f, x, TAC_KIND_PROMPT, TAC_KIND_FULL, err);
}

enum tacit_status tac_claim_readout(struct tac_finding *f, struct tac_seen *x,
                                    struct tacit_err *err)
{
    struct tac_contrast c;
    enum tacit_status s = no_worse(f, x, TAC_KIND_DISCRETE, TAC_KIND_PROMPT, err);
    if (!s && f->verdict)
        s = tac_contrast(&c, x, TAC_KIND_DISCRETE, TAC_KIND_DESCRIPTION, err);
    if (s || !f->verdict)
        return s;
    size_t at = strlen(f->note);
    snprintf(f->note + at, sizeof f->note - at, "; against the description %+.3f [%+.3f, %+.3f]",
             c.mean, c.low, c.high);
    return TACIT_OK;
}
