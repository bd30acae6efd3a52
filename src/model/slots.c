/* Slots: parameters by number, their names and shapes. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

size_t tac_model_slot(size_t layer, int slot)
{
    return layer == SIZE_MAX ? (size_t)slot : TAC_N_GLOBAL + layer * TAC_N_LAYER + (size_t)slot;
}

const char *tac_slot_names(const struct tac_family *f, size_t slot)
{
    return slot < TAC_N_GLOBAL ? f->names->global[slot]
                               : f->names->layer[(slot - TAC_N_GLOBAL) % TAC_N_LAYER];
}

const char *tac_slot_bare_name(const char *pattern, size_t slot, char buf[160], const char **other)
{
    size_t n = strcspn(pattern, "|"), layer = (slot - TAC_N_GLOBAL) / TAC_N_LAYER;
    const char *mark = strstr(pattern, "%zu");
    if (mark && mark < pattern + n)
        snprintf(buf, 160, "%.*s%zu%.*s", (int)(mark - pattern), pattern, layer,
                 (int)(pattern + n - mark - 3), mark + 3);
    else
        snprintf(buf, 160, "%.*s", (int)n, pattern);
    if (other)
        *other = pattern[n] ? pattern + n + 1 : NULL;
    return buf;
}

const char *tac_model_slot_name(const struct tac_model *m, size_t slot, char buf[160])
{
    char bare[160];
    tac_slot_bare_name(tac_slot_names(m->family, slot), slot, bare, NULL);
    snprintf(buf, 160, "%s%s", slot == TAC_P_HEAD ? "" : m->family->names->prefix, bare);
    return buf;
}

struct shape {
    size_t rows, cols;
};

static const struct shape absent = {0, 0};

static struct shape matrix(bool there, size_t out, size_t in)
{
    struct shape s = {out, in};
    return there ? s : absent;
}

static struct shape vector(bool there, size_t n)
{
    return matrix(there, n, 0);
}

static struct shape global_shape(const struct tac_decoder_config *c, enum tac_global_slot slot)
{
    switch (slot) {
    case TAC_P_EMBED:
        return matrix(true, c->V, c->C);
    case TAC_P_HEAD:
        return matrix(!c->tied, c->V, c->C);
    case TAC_P_POSITION:
        return matrix(true, c->positions, c->C);
    case TAC_P_EMBED_G:
        return vector(c->embed_norm, c->C);
    case TAC_P_EMBED_B:
        return vector(c->embed_norm && c->norm_bias, c->C);
    case TAC_P_FINAL_B:
        return vector(c->norm_bias, c->C);
    case TAC_P_FINAL_G:
    case TAC_N_GLOBAL:
        break;
    }
    return vector(true, c->C);
}

/* A layer's matrix, and whether it has a bias. */
static struct shape matrix_shape(const struct tac_decoder_config *c, enum tac_layer_slot s,
                                 bool *bias)
{
    size_t q = c->H * c->D, k = c->G * c->D, C = c->C, F = c->F;
    bool split = c->split_qkv;
    *bias = s == TAC_P_OUT ? c->out_bias : s < TAC_P_OUT ? c->qkv_bias : c->mlp_bias;
    switch (s) {
    case TAC_P_QKV:
        return matrix(!split, q + 2 * k, C);
    case TAC_P_Q:
        return matrix(split, q, C);
    case TAC_P_K:
    case TAC_P_V:
        return matrix(split, k, C);
    case TAC_P_OUT:
        return matrix(true, C, q);
    case TAC_P_GATE:
        return matrix(c->gated, F, C);
    case TAC_P_UP:
        return matrix(true, F, C);
    case TAC_P_DOWN:
        return matrix(true, C, F);
    default:
        return absent;
    }
}

static struct shape layer_shape(const struct tac_decoder_config *c, enum tac_layer_slot s)
{
    bool bias;
    if (s == TAC_P_LN1_G || s == TAC_P_LN2_G)
        return vector(true, c->C);
    if (s == TAC_P_LN1_B || s == TAC_P_LN2_B)
        return vector(c->norm_bias, c->C);
    if (s == TAC_P_Q_NORM || s == TAC_P_K_NORM)
        return vector(c->qk_norm, c->D);
    struct shape m = matrix_shape(c, s, &bias);
    if (m.rows)
        return m;
    m = matrix_shape(c, s - 1, &bias); /* whose bias this is */
    return vector(bias, m.rows);
}

void tac_model_slot_shape(const struct tac_decoder_config *c, size_t slot, size_t *rows,
                          size_t *cols)
{
    struct shape s =
        slot < TAC_N_GLOBAL
            ? global_shape(c, (enum tac_global_slot)slot)
            : layer_shape(c, (enum tac_layer_slot)((slot - TAC_N_GLOBAL) % TAC_N_LAYER));
    *rows = s.rows;
    *cols = s.cols;
}

void tac_model_stored_shape(const struct tac_decoder_config *c, size_t slot, size_t *rows,
                            size_t *cols)
{
    tac_model_slot_shape(c, slot, rows, cols);
    if (!tac_model_across(c, slot) || !*cols)
        return;
    size_t out = *rows;
    *rows = *cols;
    *cols = out;
}

bool tac_model_across(const struct tac_decoder_config *c, size_t slot)
{
    return c->across && slot >= TAC_N_GLOBAL;
}
