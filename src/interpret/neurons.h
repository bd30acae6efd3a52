/* What prompts do inside a model: which MLP neurons they activate, and how far apart the answers
 * are that it gives under them. After Su et al. 2022, "On Transferability of Prompt Tuning", whose
 * ON is the overlap of activated neurons. */
#ifndef TAC_INTERPRET_NEURONS_H
#define TAC_INTERPRET_NEURONS_H

#include "run/score.h"

/* tac_neurons: mean (L,F) out: each MLP neuron's activation (behind the activation function) at the
 * last row of an input, as a mean over n > 0 inputs, behind the rows values (P,C).
 *   input (n) in: the context of each query, not empty; targets are not read
 * Sums in double in the inputs' order; the same bytes however inputs are batched. Errors: as
 * tac_score. */
enum tacit_status tac_neurons(double *mean, struct tac_session *s, const float *values, size_t P,
                              const struct tac_query *input, size_t n,
                              struct tacit_err *err) TAC_MUST_USE;

/* overlap: |A and B| / |A or B| of the sets of a layer's most active neurons, as a mean over
 * layers; two random sets of a share s have s / (2 - s). cosine: of all layers' activations as one
 * vector; 0 where one is all 0. */
struct tac_neuron_overlap {
    double overlap, cosine;
};

/* tac_neuron_overlap: of mean activations a and b (L,F). share: of a layer's neurons that count as
 * active (0.1), rounded to neurons, at least one; the lower index first among equals. Errors:
 * memory. */
enum tacit_status tac_neuron_overlap(struct tac_neuron_overlap *out, const double *a,
                                     const double *b, size_t L, size_t F, double share,
                                     struct tacit_err *err) TAC_MUST_USE;

/* tac_answer_divergence: the Jensen-Shannon divergence in nats (0 to ln 2) of the distributions
 * over an example's answers, as a mean over n examples.
 *   a, b in: log-likelihoods of the answers under two prompts, examples one after another
 *   first (n + 1) in: where each example's answers begin
 * Log-likelihoods are normalised over the answers of their example. NaN for n = 0. */
double tac_answer_divergence(const double *a, const double *b, const size_t *first, size_t n);

#endif
