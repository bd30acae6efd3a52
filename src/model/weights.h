/* A model's weights on a backend. Matrices stay where they lie (mapped, as stored) unless `expand`;
 * vectors (norms, biases) are expanded to the backend's real type. Shared, read-only, counted. */
#ifndef TAC_MODEL_WEIGHTS_H
#define TAC_MODEL_WEIGHTS_H

#include "backend/backend.h"
#include "model/model.h"

/* One parameter: a matrix `w` (cols > 0) or a vector `v` of the real type. grad: where backward
 * adds its gradient, of the same shape in the real type; NULL where it is frozen. */
struct tac_param {
    struct tac_weight w;
    void *v;
    void *grad;
    size_t rows, cols;
};

struct tac_weights {
    struct tac_model *model;
    struct tac_backend *be;
    struct tac_param *param; /* by slot; absent ones are zeroed */
    size_t n;
    void *memory; /* backend memory of the vectors and expanded matrices */
    size_t bytes;
    int refs;
};

/* tac_weights_load: expand: matrices become float32 (real) copies. Errors: memory. */
enum tacit_status tac_weights_load(struct tac_weights **out, struct tac_model *model,
                                   struct tac_backend *be, bool expand,
                                   struct tacit_err *err) TAC_MUST_USE;
struct tac_weights *tac_weights_ref(struct tac_weights *w);
void tac_weights_close(struct tac_weights *w);

/* tac_weights_resident: bytes that the weights take in memory where they are read as `param` says
 * (by slot; NULL: as they are): the mapped tensors that it reads, and the copies. */
size_t tac_weights_resident(const struct tac_weights *w, const struct tac_param *param);

/* tac_weights_read_rows: rows idx[0..n) of a matrix slot as float: (n, cols). For reading
 * embeddings. */
void tac_weights_read_rows(const struct tac_weights *w, size_t slot, const int32_t *idx, size_t n,
                           float *out);

#endif
