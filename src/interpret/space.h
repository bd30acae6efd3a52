/* Where vectors are compared: the raw embedding space, or the one behind the model's embedding
 * norm, with the vocabulary's rows in it. */
#ifndef TAC_INTERPRET_SPACE_H
#define TAC_INTERPRET_SPACE_H

#include "model/weights.h"

/* Rows of a block, and vectors of a product against it. */
enum { TAC_SPACE_BLOCK = 2048, TAC_SPACE_GROUP = 512 };

/* gain and bias are NULL where rows stay as stored: normed was not asked for, or the model has no
 * embedding norm. The rest is there after tac_space_vocabulary alone. */
struct tac_space {
    const struct tac_weights *w;
    size_t C;
    float *gain, *bias; /* (C) of the embedding norm */
    float *block;       /* (BLOCK, C) unit rows */
    void *be_block, *be_x, *be_y;
    float *cosine; /* (GROUP, BLOCK) */
};

enum tacit_status tac_space_open(struct tac_space *s, const struct tac_weights *w, bool normed,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_space_vocabulary: memory for tac_space_unit_rows and tac_space_cosines. */
enum tacit_status tac_space_vocabulary(struct tac_space *s, struct tacit_err *err) TAC_MUST_USE;
void tac_space_close(struct tac_space *s);

/* A row's mean and 1 / sqrt(variance + eps): what its layer norm takes away and multiplies by. */
struct tac_moments {
    double mean, rstd;
};

struct tac_moments tac_space_moments(const struct tac_space *s, const float *x);

/* tac_space_row: out (C): the row x (C) in the space, in double. tac_space_enter: rows x (n,C) in
 * place, rounded once. */
void tac_space_row(const struct tac_space *s, double *out, const float *x);
void tac_space_enter(const struct tac_space *s, float *x, size_t n);

double tac_length(const float *x, size_t n);
/* tac_to_unit: rows (n,C) by their lengths; a row of zeros stays. */
void tac_to_unit(float *x, size_t n, size_t C);

/* tac_space_unit_rows: out (n,C): the vocabulary's rows idx as unit vectors of the space. */
void tac_space_unit_rows(const struct tac_space *s, const int32_t *idx, size_t n, float *out);
/* tac_space_cosines: s->cosine (n, rows) of unit vectors x (n,C) against the first rows of
 * s->block; n <= GROUP, rows <= BLOCK. A cosine is the same bytes whatever stands beside it. */
void tac_space_cosines(struct tac_space *s, const float *x, size_t n, size_t rows);

#endif
