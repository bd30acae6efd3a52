#include "interpret/space.h"

#include <math.h>
#include <stdlib.h>

enum tacit_status tac_space_open(struct tac_space *s, const struct tac_weights *w, bool normed,
                                 struct tacit_err *err)
{
    const struct tac_decoder_config *c = &w->model->c;
    *s = (struct tac_space){.w = w, .C = c->C};
    if (!normed || !c->embed_norm)
        return TACIT_OK;
    s->gain = tac_alloc(c->C, sizeof *s->gain, err);
    s->bias = tac_alloc(c->C, sizeof *s->bias, err);
    if (!s->gain || !s->bias)
        return TACIT_EFAIL;
    w->be->ops->download(w->be, s->gain, w->param[TAC_P_EMBED_G].v, c->C);
    w->be->ops->download(w->be, s->bias, w->param[TAC_P_EMBED_B].v, c->C);
    return TACIT_OK;
}

enum tacit_status tac_space_vocabulary(struct tac_space *s, struct tacit_err *err)
{
    struct tac_backend *be = s->w->be;
    s->block = tac_alloc((size_t)TAC_SPACE_BLOCK * s->C, sizeof *s->block, err);
    s->cosine = tac_alloc((size_t)TAC_SPACE_GROUP * TAC_SPACE_BLOCK, sizeof *s->cosine, err);
    if (!s->block || !s->cosine)
        return TACIT_EFAIL;
    s->be_block = be->ops->alloc(be, (size_t)TAC_SPACE_BLOCK * s->C * be->real_size);
    s->be_x = be->ops->alloc(be, (size_t)TAC_SPACE_GROUP * s->C * be->real_size);
    s->be_y = be->ops->alloc(be, (size_t)TAC_SPACE_GROUP * TAC_SPACE_BLOCK * be->real_size);
    if (!s->be_block || !s->be_x || !s->be_y)
        return tac_fail_memory(err, (size_t)TAC_SPACE_GROUP * TAC_SPACE_BLOCK * be->real_size);
    return TACIT_OK;
}

void tac_space_close(struct tac_space *s)
{
    struct tac_backend *be = s->w ? s->w->be : NULL;
    if (be) {
        be->ops->release(be, s->be_block);
        be->ops->release(be, s->be_x);
        be->ops->release(be, s->be_y);
    }
    free(s->gain);
    free(s->bias);
    free(s->block);
    free(s->cosine);
    *s = (struct tac_space){0};
}

struct tac_moments tac_space_moments(const struct tac_space *s, const float *x)
{
    double mean = 0, var = 0, eps = s->w->model->c.eps;
    for (size_t c = 0; c < s->C; c++)
        mean += (double)x[c];
    mean /= (double)s->C;
    for (size_t c = 0; c < s->C; c++)
        var += ((double)x[c] - mean) * ((double)x[c] - mean);
    return (struct tac_moments){mean, 1.0 / sqrt(var / (double)s->C + eps)};
}

static double normed(const struct tac_space *s, const struct tac_moments *m, float x, size_t c)
{
    return ((double)x - m->mean) * m->rstd * (double)s->gain[c] + (double)s->bias[c];
}

void tac_space_row(const struct tac_space *s, double *out, const float *x)
{
    struct tac_moments m = tac_space_moments(s, x);
    for (size_t c = 0; c < s->C; c++)
        out[c] = s->gain ? normed(s, &m, x[c], c) : (double)x[c];
}

void tac_space_enter(const struct tac_space *s, float *x, size_t n)
{
    for (size_t i = 0; s->gain && i < n; i++) {
        float *row = x + i * s->C;
        struct tac_moments m = tac_space_moments(s, row);
        for (size_t c = 0; c < s->C; c++)
            row[c] = (float)normed(s, &m, row[c], c);
    }
}

double tac_length(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

void tac_to_unit(float *x, size_t n, size_t C)
{
    for (size_t i = 0; i < n; i++) {
        double len = tac_length(x + i * C, C);
        for (size_t c = 0; len > 0 && c < C; c++)
            x[i * C + c] = (float)((double)x[i * C + c] / len);
    }
}

void tac_space_unit_rows(const struct tac_space *s, const int32_t *idx, size_t n, float *out)
{
    tac_weights_read_rows(s->w, TAC_P_EMBED, idx, n, out);
    tac_space_enter(s, out, n);
    tac_to_unit(out, n, s->C);
}

void tac_space_cosines(struct tac_space *s, const float *x, size_t n, size_t rows)
{
    struct tac_backend *be = s->w->be;
    struct tac_weight e = {s->be_block, TAC_W_REAL, rows, s->C, false};
    be->ops->upload(be, s->be_block, s->block, rows * s->C);
    be->ops->upload(be, s->be_x, x, n * s->C);
    be->ops->matmul(be, s->be_y, s->be_x, &e, NULL, NULL, n);
    be->ops->sync(be);
    be->ops->download(be, s->cosine, s->be_y, n * rows);
}
