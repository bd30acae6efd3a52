/* Lets the model say what a soft token means: the token's state inside its own prompt is patched
 * over a placeholder in a frame such as "cat -> cat; 135 -> 135; hello -> hello; ?", and what
 * follows the frame is read (Ghandeharioun et al. 2024, "Patchscopes"). */
#ifndef TAC_INTERPRET_VERBALISE_H
#define TAC_INTERPRET_VERBALISE_H

#include "run/score.h"

/* A text and the place in it that a state is patched over. */
struct tac_frame {
    const int32_t *id; /* (n) */
    size_t n, place;
};

/* tac_verbalise: every token of a prompt, from every layer to every layer.
 *   said (P, L+1, L+1) out: the most probable next token at the frame's end
 *   logp (P, L+1, L+1) out: log-probability there of the token's own target; NaN where that is
 *   unknown
 *   values (P,C) in: the prompt's rows, P > 0; it runs alone, so token i has seen tokens 0 .. i
 *   target (P) in: such as the words that the tokens started from; -1: unknown
 * Both grids go by [token][layer the state is taken behind][layer it is patched behind], layers
 * from -1 (behind the embedding and its norm) to L-1. A patch behind the last layer changes nothing
 * unless the placeholder ends the frame. Means over the grid can be reported; its best cell is a
 * selection, and needs random prompts that were selected likewise. Runs P (L+1)^2 frames; of o
 * (NULL: nothing) the progress counts alone, in cells. Errors: memory; TACIT_ECANCEL; TACIT_EINPUT
 * for ids outside the vocabulary and a place outside the frame. */
enum tacit_status tac_verbalise(int32_t *said, double *logp, struct tac_session *s,
                                const float *values, size_t P, const struct tac_frame *frame,
                                const int32_t *target, const struct tac_score_options *o,
                                struct tacit_err *err) TAC_MUST_USE;

#endif
