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

/* A matrix, or its bias, where it is there. */
static struct shape linear_shape(bool there, bool bias, size_t out, size_t in)
{
    return there ? (struct shape){out, bias ? 0 : in} : (struct shape){0};
}

static struct shape global_shape(const struct tac_decoder_config *c, size_t slot)
{
    bool norm = slot == TAC_P_FINAL_G || (slot == TAC_P_FINAL_B && c->norm_bias) ||
                (slot == TAC_P_EMBED_G && c->embed_norm) ||
                (slot == TAC_P_EMBED_B && c->embed_norm && c->norm_bias);
    if (slot == TAC_P_EMBED || (slot == TAC_P_HEAD && !c->tied))
        return (struct shape){c->V, c->C};
    if (slot == TAC_P_POSITION)
        return (struct shape){c->positions, c->C};
    return linear_shape(norm, true, c->C, 0);
}

static struct shape layer_shape(const struct tac_decoder_config *c, enum tac_layer_slot s)
{
    size_t q = c->H * c->D, k = c->G * c->D;
    bool qkv = c->qkv_bias, mlp = c->mlp_bias, gate = c->gated;
    switch (s) {
    case TAC_P_LN1_G:
    case TAC_P_LN2_G:
        return linear_shape(true, true, c->C, 0);
    case TAC_P_LN1_B:
    case TAC_P_LN2_B:
        return linear_shape(c->norm_bias, true, c->C, 0);
    case TAC_P_QKV:
    case TAC_P_QKV_B:
        return linear_shape(!c->split_qkv && (s == TAC_P_QKV || qkv), s != TAC_P_QKV, q + 2 * k,
                            c->C);
    case TAC_P_Q:
    case TAC_P_Q_B:
        return linear_shape(c->split_qkv && (s == TAC_P_Q || qkv), s != TAC_P_Q, q, c->C);
    case TAC_P_K:
    case TAC_P_K_B:
        return linear_shape(c->split_qkv && (s == TAC_P_K || qkv), s != TAC_P_K, k, c->C);
    case TAC_P_V:
    case TAC_P_V_B:
        return linear_shape(c->split_qkv && (s == TAC_P_V || qkv), s != TAC_P_V, k, c->C);
    case TAC_P_Q_NORM:
    case TAC_P_K_NORM:
        return linear_shape(c->qk_norm, true, c->D, 0);
    case TAC_P_OUT:
    case TAC_P_OUT_B:
        return linear_shape(s == TAC_P_OUT || c->out_bias, s != TAC_P_OUT, c->C, q);
    case TAC_P_GATE:
    case TAC_P_GATE_B:
        return linear_shape(gate && (s == TAC_P_GATE || mlp), s != TAC_P_GATE, c->F, c->C);
    case TAC_P_UP:
    case TAC_P_UP_B:
        return linear_shape(s == TAC_P_UP || mlp, s != TAC_P_UP, c->F, c->C);
    case TAC_P_DOWN:
    case TAC_P_DOWN_B:
        return linear_shape(s == TAC_P_DOWN || mlp, s != TAC_P_DOWN, c->C, c->F);
    case TAC_N_LAYER:
        break;
    }
    return (struct shape){0};
}

void tac_model_slot_shape(const struct tac_decoder_config *c, size_t slot, size_t *rows,
                          size_t *cols)
{
    struct shape s =
        slot < TAC_N_GLOBAL
            ? global_shape(c, slot)
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
