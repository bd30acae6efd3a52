/* How alike two adapters are, from their PEFT folders: by what they put before a text, or do to the
 * weights. */
#ifndef TAC_INTERPRET_ADAPTERS_H
#define TAC_INTERPRET_ADAPTERS_H

#include "base/err.h"

/* Of the two as one long vector each. A cosine with a vector of zeros is 0. */
struct tac_adapters_alike {
    double distance; /* Frobenius norm of b - a */
    double cosine;
};

/* tac_adapters_alike: of the folders a and b (adapter_config.json, adapter_model.safetensors).
 * What counts as the vector: `prompt_embeddings` alone where there are any (prompts, prefixes); of
 * a LoRA pair the product B A as it is added to the weight (its factors are not unique: B and A
 * times 2 and 1/2 do the same), by inner products of the factors, so that ranks may differ; of
 * IA3's factors what they are away from 1; of all else the values. Sums in double, in the order of
 * names and elements. Errors, TACIT_EINPUT: a tensor that one of them lacks or that has another
 * shape, a LoRA pair without its other half, no lora_alpha. */
enum tacit_status tac_adapters_alike(struct tac_adapters_alike *out, const char *a, const char *b,
                                     struct tacit_err *err) TAC_MUST_USE;

#endif
