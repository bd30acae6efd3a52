/* Prompts that lie as far from a start as a trained one does, but in a random direction: what any
 * drift of that size does by itself. */
#ifndef TAC_INTERPRET_PERTURB_H
#define TAC_INTERPRET_PERTURB_H

#include "model/weights.h"

/* tac_perturb_matched: rows out whose distance from start is, token by token, that of trained,
 * measured behind the model's embedding norm with its gain and bias (as stored where there is no
 * norm):
 *   |norm(out_i) - norm(start_i)| = |norm(trained_i) - norm(start_i)|
 *   out (P,C) out    short_rows out: tokens whose drift is larger than a turn can reach
 *   start, trained (P,C) in
 * A normed row is turned towards a random direction orthogonal to it and to the ones, by the
 * smallest angle up to pi that meets the distance (found by bisection), and taken back with the
 * start row's own mean and deviation, so it keeps both. A row of short_rows is turned by pi. A
 * token that did not move keeps its bytes. A function of its arguments; a row depends on its own
 * place alone. Distances to about 1e-6 relative (rows are float). Errors: memory. */
enum tacit_status tac_perturb_matched(float *out, size_t *short_rows, const struct tac_weights *w,
                                      const float *start, const float *trained, size_t P,
                                      uint64_t seed, struct tacit_err *err) TAC_MUST_USE;

/* tac_jitter_to: out (P,C): row i of start moved by distance[i] (P) in a random direction. */
void tac_jitter_to(float *out, const float *start, const double *distance, size_t P, size_t C,
                   uint64_t seed);

#endif
