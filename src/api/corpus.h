/* Files of texts, for pretraining and for learning a tokenizer. */
#ifndef TAC_API_CORPUS_H
#define TAC_API_CORPUS_H

#include "base/str.h"

/* A piece of a document; weight: what its tokens count for in a loss. */
struct tac_text_part {
    const char *text;
    size_t bytes;
    float weight;
};

/* A document; borrowed for the call. where: "FILE" or "FILE:LINE", for messages. */
typedef enum tacit_status tac_document_fn(void *ctx, const struct tac_text_part *part, size_t n,
                                          const char *where, struct tacit_err *err);

/* tac_corpus_read: calls f for each document of a file, in order: a plain text file is one; of a
 * .jsonl file each line is, an object with "text", or with "parts": a list of texts, or of pairs of
 * a text and a weight (at least 0). */
enum tacit_status tac_corpus_read(const char *path, tac_document_fn *f, void *ctx,
                                  struct tacit_err *err) TAC_MUST_USE;

#endif
