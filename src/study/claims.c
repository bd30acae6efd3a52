#include "study/claims.h"

#include "stats/paired.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char tac_holds[] = "holds", tac_fails[] = "does not hold", tac_open[] = "cannot be told here";
static const char by_construction[] = "by construction";

static const struct claim {
    const char *id, *part, *finding, *estimator, *control, *figure;
    tac_claim_fill *fill;
} claims[] = {
    {"description", "accuracy", "The English description beats no prompt",
     "difference in accuracy, mean over tasks; holds where the 95 % interval over examples is above 0",
     "random prompts stand beside it in the accuracy table", "accuracy", tac_claim_description},
    {"training", "accuracy", "The trained prompt beats its description",
     "difference in accuracy, mean over runs and tasks; holds where the 95 % interval over examples is "
     "above 0",
     "claims signal and direction", "accuracy", tac_claim_training},
    {"signal", "accuracy", "The gain comes from the labels, not from training as such",
     "accuracy less that of label-shuffled training; holds where the 95 % interval is above 0",
     "label-shuffled training: same steps, no signal", "accuracy", tac_claim_signal},
    {"direction", "accuracy", "The gain comes from where training goes, not from how far",
     "accuracy less that of drift-matched perturbations; holds where the 95 % interval is above 0",
     "the description moved as far in random directions", "accuracy", tac_claim_direction},
    {"finetuning", "accuracy", "The trained prompt approaches or beats full finetuning",
     "difference in accuracy, mean over runs and tasks; holds where the 95 % interval is above minus the "
     "margin (non-inferiority)",
     "same examples, same number of runs", "accuracy", tac_claim_finetuning},
    {"words", "reading", "Words of the description persist, and more than drift alone explains",
     "share of tokens still nearest to their word, less that of drift-matched perturbations; signs "
     "permuted over tasks, holds at p < 0.05",
     "drift-matched perturbations", "persistence", tac_claim_words},
    {"foreign", "reading", "Tokens of another language appear among the nearest",
     "share of the most frequent script besides Latin (letters), against null studies; holds at p < 0.05",
     "drift-matched perturbations of every prompt", "scripts", tac_claim_foreign},
    {"recurring", "reading", "The same words recur over prompts of different tasks",
     "prompts that name the most frequent token, against the largest number in null studies; holds at "
     "p < 0.05",
     "maximum over tokens in null studies", "recurring", tac_claim_recurring},
    {"readout", "reading", "The nearest tokens say what the prompt does",
     "accuracy of the nearest tokens fed back as text, less that of the trained prompt; holds where the "
     "95 % interval is above minus the margin, fails where it is below",
     "the untrained description", "accuracy", tac_claim_readout},
    {"wayward", "reading", "A prompt that reads as an unrelated text must lose accuracy",
     "accuracy of the cheapest pull that makes at least nine in ten tokens read as the unrelated text, "
     "less that without a pull; holds where the 95 % interval is below minus the margin, fails where it "
     "is above",
     "the same training with weight 0", "wayward", tac_claim_wayward},
    {"verbalise", "reading", "The model can say which words a trained prompt is made of",
     "share of tokens named, mean over all layers and tasks, less that of random prompts; holds above "
     "0.1, cannot be told where the untrained description is not named either",
     "random prompts and the untrained description", "verbalise", tac_claim_verbalise},
    {"same-accuracy", "stochasticity", "Runs differ as prompts, not in accuracy",
     "share of pairs of runs equivalent within the margin; holds where all are, fails where Cochran's Q "
     "of a task is significant after Holm",
     "the same examples for all runs", "seeds", tac_claim_accuracy},
    {"equidistant", "stochasticity", "The runs of a task lie equally far from each other",
     "largest by smallest distance within a task, mean over tasks; holds up to 1.25",
     "drift-matched perturbations", "equidistant", tac_claim_equidistant},
    {"harder-strays", "stochasticity",
     "Prompts of harder tasks stray further from their description",
     "Spearman's rho over tasks of drift (behind the embedding norm) and 1 - accuracy of the "
     "description; exact permutation of tasks, one-sided; holds at p < 0.05",
     "tasks permuted", "drift", tac_claim_harder},
    {"wordings-stray", "stochasticity", "Prompts of worse wordings stray further from them",
     "slope of drift on the wording's accuracy within tasks; permuted within tasks, one-sided; holds at "
     "p < 0.05",
     "wordings permuted within their task", "drift", tac_claim_wordings},
    {"transfer", "transfer", "In nine of ten transfers another task's prompt beats no prompt",
     "share of runs of other tasks that beat no prompt (exact McNemar p < 0.05); holds from 0.9 on, "
     "fails where ties and wins together stay below",
     "random prompts", "wins", tac_claim_transfer},
    {"similar-transfers", "transfer", "Prompts of similar tasks transfer better",
     "mean over targets of Spearman's rho of minus the Frobenius distance and transferred accuracy; "
     "tasks permuted, one-sided; holds at p < 0.05",
     "tasks permuted; the untrained descriptions stand beside it", "related", tac_claim_similar},
};

enum { N_CLAIM = sizeof claims / sizeof *claims };

/* ---- writing ---- */

static bool constructed(const struct tac_spec *sp, const char *id)
{
    const struct tac_yaml *c = sp->by_construction ? sp->by_construction->first : NULL;
    while (c && (c->kind != TAC_YAML_SCALAR || strcmp(c->text, id) != 0))
        c = c->next;
    return c != NULL;
}

/* Holm over the claims that get a verdict and have a p. */
static enum tacit_status adjust(double holm[N_CLAIM], const struct tac_finding *f,
                                struct tacit_err *err)
{
    size_t at[N_CLAIM] = {0}, n = 0;
    double p[N_CLAIM] = {0};
    for (size_t i = 0; i < N_CLAIM; i++) {
        holm[i] = (double)NAN;
        if (f[i].verdict && f[i].verdict != by_construction && !isnan(f[i].p)) {
            at[n] = i;
            p[n++] = f[i].p;
        }
    }
    enum tacit_status s = n ? tac_holm(p, p, n, err) : TACIT_OK;
    for (size_t i = 0; !s && i < n; i++)
        holm[at[i]] = p[i];
    return s;
}

static enum tacit_status put_claim(struct tac_seen *x, size_t i, const struct tac_finding *f,
                                   double holm, struct tacit_err *err)
{
    struct tacit_study *st = x->st;
    const struct claim *c = &claims[i];
    const char *note = tac_arena_strndup(&st->arena, f->note, strlen(f->note), err);
    if (!note)
        return TACIT_EFAIL;
    st->claim[st->n_claim++] = (struct tacit_claim){.id = c->id,
                                                    .finding = c->finding,
                                                    .verdict = f->verdict,
                                                    .note = note,
                                                    .estimate = f->estimate,
                                                    .low = f->low,
                                                    .high = f->high,
                                                    .p = f->p,
                                                    .p_holm = holm};
    return tac_db_run(
        &st->store.db, err, "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "titttrrrrrtttt", c->id, (int64_t)i, c->part, c->finding, c->estimator, f->estimate, f->low,
        f->high, f->p, holm, c->control, f->verdict, note, c->figure);
}

enum tacit_status tac_claims(struct tac_seen *x, struct tacit_err *err)
{
    struct tac_finding f[N_CLAIM];
    double holm[N_CLAIM];
    enum tacit_status s = TACIT_OK;
    free(x->st->claim);
    x->st->n_claim = 0;
    x->st->claim = tac_alloc(N_CLAIM, sizeof *x->st->claim, err);
    if (!x->st->claim)
        return TACIT_EFAIL;
    for (size_t i = 0; !s && i < N_CLAIM; i++) {
        f[i] = (struct tac_finding){(double)NAN, (double)NAN, (double)NAN, (double)NAN, NULL, ""};
        s = claims[i].fill(&f[i], x, err);
        if (!s && f[i].verdict && constructed(&x->st->spec, claims[i].id))
            f[i].verdict = by_construction;
    }
    if (!s)
        s = adjust(holm, f, err);
    for (size_t i = 0; !s && i < N_CLAIM; i++)
        if (f[i].verdict)
            s = put_claim(x, i, &f[i], holm[i], err);
    return s;
}
