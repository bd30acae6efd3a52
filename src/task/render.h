/* Examples as token ids: what training and scoring run on. Inputs and answers are tokenised apart,
 * so that an input's ids do not depend on the answer behind it, and so are the parts of an input
 * before and behind its prompt's mark. What a tokenizer puts before a text stands before the input.
 */
#ifndef TAC_TASK_RENDER_H
#define TAC_TASK_RENDER_H

#include "task/dataset.h"
#include "tokenizer/bpe.h"

/* What turns text into ids: encode adds the ids of n bytes to out; how: TACIT_TEXT_*. */
struct tac_text_encoder {
    enum tacit_status (*encode)(void *self, struct tac_ids *out, const char *text, size_t n,
                                unsigned how, struct tacit_err *err);
    void *self;
    size_t n_begin; /* ids that it puts before a text that begins */
};

struct tac_rendered_example {
    const int32_t *ctx; /* the input's ids, its beginning (but for what the tokenizer puts there)
                           cut off where it was too long */
    size_t n_ctx;
    size_t at; /* so many of them stand before a prompt; 0 too where the cut went behind the mark */
    const int32_t *const
        *answer; /* as many as the example has answers; shared where they are fixed */
    const size_t *n_answer;
};

struct tac_rendered {
    struct tac_arena arena; /* ids */
    struct tac_rendered_example *example;
    size_t n;
    size_t truncated; /* examples that were cut */
    size_t longest;   /* input and longest answer, in ids, over all examples */
};

/* tac_render: the examples of data, in their order. An input is cut on the left so that input and
 * the example's longest answer have at most max_length ids (0: no limit); all answers then stand
 * behind the same input. TACIT_EINPUT, naming FILE:LINE, where an answer leaves no room for an
 * input, or a text gives no ids. */
enum tacit_status tac_render(struct tac_rendered *r, const struct tac_dataset *data,
                             const struct tac_text_encoder *encoder, size_t max_length,
                             struct tacit_err *err) TAC_MUST_USE;
void tac_rendered_release(struct tac_rendered *r);

#endif
