/* config.json of an imported model, in the spelling that transformers 4 and 5 read. */
#include "api/import.h"

static bool set(json_t *c, const char *field, json_t *take)
{
    return !json_object_set_new(c, field, take);
}

static bool set_id(json_t *c, const char *field, int64_t id)
{
    return set(c, field, id < 0 ? json_null() : json_integer(id));
}

static bool set_positions(json_t *c, const struct tac_import *m)
{
    bool part = m->arch->position == TAC_ROPE_PART;
    double share = (double)m->rotary / (double)m->size[TAC_I_D];
    if (m->arch->position == TAC_LEARNED)
        return true;
    if (m->arch->position == TAC_ALIBI)
        return set(c, "apply_residual_connection_post_layernorm", json_false());
    return set(c, part ? "rotary_emb_base" : "rope_theta", json_real(m->theta)) &&
           (!part || set(c, "rotary_pct", json_real(share))) &&
           (!m->scaling || set(c, "rope_scaling", json_incref(m->scaling)));
}

static bool fill(json_t *c, const struct tac_import *m)
{
    const struct tac_import_arch *a = m->arch;
    bool ok = set(c, "model_type", json_string(m->window ? "mistral" : a->model_type)) &&
              set(c, "architectures",
                  json_pack("[s]", m->window ? "MistralForCausalLM" : a->class_name)) &&
              set(c, a->eps_field, json_real(m->eps)) &&
              set(c, "tie_word_embeddings", json_boolean(m->tied)) && set_positions(c, m) &&
              set_id(c, "bos_token_id", m->vocab.bos) && set_id(c, "eos_token_id", m->vocab.eos) &&
              set_id(c, "pad_token_id", m->vocab.pad) &&
              (!m->window || set(c, "sliding_window", json_integer((json_int_t)m->window))) &&
              (!a->residual || set(c, "use_parallel_residual", json_boolean(m->parallel)));
    for (const struct tac_import_number *n = a->numbers; ok && n->field; n++)
        ok = set(c, n->field, json_integer((json_int_t)m->size[n->size]));
    if (ok && a->text.field)
        ok = set(c, a->text.field, json_string(a->text.value));
    for (size_t i = 0; ok && i < TAC_N_GROUP; i++)
        if (a->group[i] && !m->window)
            ok = set(c, a->group[i], json_boolean(m->has[i]));
    return ok;
}

json_t *tac_import_config(const struct tac_import *m)
{
    json_t *c = json_object();
    if (c && fill(c, m))
        return c;
    json_decref(c);
    return NULL;
}
