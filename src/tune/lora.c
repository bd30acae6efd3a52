/* LoRA (Hu et al. 2021): a trained low-rank update beside chosen matrices, W x + (alpha / r) B A x;
 * rank-stabilised (Kalajdzievski 2023): alpha / sqrt(r). */
#include "format/json.h"
#include "tune/draw.h"
#include "tune/peft.h"
#include "tune/targets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { R, ALPHA, RSLORA, TARGETS, LAYERS, RANKS, ALPHAS, DROPOUT };

static const struct tac_setting settings[] = {
    {"r", TAC_SET_SIZE, 8, 1, 1 << 16, "rank", "r"},
    {"alpha", TAC_SET_REAL, 8, 0, 1e6, "the update counts alpha / r", "lora_alpha"},
    {"rslora", TAC_SET_FLAG, 0, 0, 1, "alpha / sqrt(r) instead", "use_rslora"},
    {"targets", TAC_SET_TEXT, 0, 0, 0, "modules with + between, or all-linear", "target_modules"},
    {"layers", TAC_SET_TEXT, 0, 0, 0, "layers with + between; all without", "layers_to_transform"},
    {"ranks", TAC_SET_TEXT, 0, 0, 0, "other ranks by module: dense:2+query_key_value:4",
     "rank_pattern"},
    {"alphas", TAC_SET_TEXT, 0, 0, 0, "other alphas by module", "alpha_pattern"},
    {"dropout", TAC_SET_REAL, 0, 0, 1, "0 alone: examples share rows", "lora_dropout"},
    {0},
};

static const char *targets_of(const struct tac_tune_spec *s, const struct tac_model *m)
{
    return s->text[TARGETS] ? s->text[TARGETS] : m->family->lora_targets;
}

static size_t next_slot(const struct tac_tune *t, size_t slot)
{
    const struct tac_model *m = t->weights->model;
    return tac_target_next(m, targets_of(&t->spec, m), t->spec.text[LAYERS], slot);
}

static enum tacit_status check_dropout(const struct tac_tune_spec *s, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    if (s->trained && s->number[DROPOUT] > 0)
        st = tac_fail(err, TACIT_EINPUT,
                      "found %g, expected 0 for training: examples share rows, which dropout would "
                      "make different",
                      s->number[DROPOUT]);
    return tac_setting_wrong(s, DROPOUT, st, err);
}

static enum tacit_status check(const struct tac_tune_spec *s, const struct tac_model *m,
                               struct tacit_err *err)
{
    enum tacit_status st = check_dropout(s, err);
    if (!st)
        st = tac_targets_check(s, TARGETS, targets_of(s, m), m, err);
    if (!st)
        st = tac_layers_check(s, LAYERS, targets_of(s, m), m, err);
    if (!st)
        st = tac_pattern_check(s, RANKS, m, 1, 1 << 16, true, err);
    return st ? st : tac_pattern_check(s, ALPHAS, m, 0, 1e6, false, err);
}

static size_t rank_at(const struct tac_tune *t, size_t slot)
{
    char name[160];
    return (size_t)tac_pattern_value(
        t->spec.text[RANKS], tac_module_name(t->weights->model, slot, name), t->spec.number[R]);
}

static double scale_at(const struct tac_tune *t, size_t slot)
{
    char name[160];
    double r = (double)rank_at(t, slot);
    return tac_pattern_value(t->spec.text[ALPHAS], tac_module_name(t->weights->model, slot, name),
                             t->spec.number[ALPHA]) /
           (t->spec.number[RSLORA] > 0 ? sqrt(r) : r);
}

static void name_item(struct tac_item *it, const struct tac_model *m, size_t slot, char which)
{
    char module[160];
    snprintf(it->name, sizeof it->name, "base_model.model.%.120s.lora_%c.weight",
             tac_module_name(m, slot, module), which);
}

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    const struct tac_model *m = t->weights->model;
    size_t n = 0, rows, cols;
    for (size_t s = next_slot(t, 0); s < m->n_slot; s = next_slot(t, s + 1), n += 2) {
        if (!item)
            continue;
        size_t r = rank_at(t, s);
        tac_model_slot_shape(&m->c, s, &rows, &cols);
        item[n] = (struct tac_item){
            .rows = r, .cols = cols, .decay = true, .what = "rank x the module's inputs"};
        item[n + 1] = (struct tac_item){
            .rows = rows, .cols = r, .decay = true, .what = "the module's outputs x rank"};
        name_item(&item[n], m, s, 'A');
        name_item(&item[n + 1], m, s, 'B');
    }
    return n;
}

static enum tacit_status bind(struct tac_tune *t, struct tacit_err *err)
{
    const struct tac_model *m = t->weights->model;
    const struct tac_backend *be = t->weights->be;
    struct tac_site *site = tac_arena_alloc(&t->arena, m->n_slot, sizeof *site, err);
    size_t i = 0;
    if (!site)
        return TACIT_EFAIL;
    for (size_t s = next_slot(t, 0); s < m->n_slot; s = next_slot(t, s + 1), i += 2)
        site[s] = (struct tac_site){
            .r = t->item[i].rows,
            .scale = scale_at(t, s),
            .a = tac_real_at(be, t->p, t->item[i].offset),
            .b = tac_real_at(be, t->p, t->item[i + 1].offset),
            .da = t->g ? tac_real_at(be, t->g, t->item[i].offset) : NULL,
            .db = t->g ? tac_real_at(be, t->g, t->item[i + 1].offset) : NULL,
        };
    t->ports.site = site;
    for (size_t k = 0; k < t->n_item; k += 2)
        t->ports.rank = t->item[k].rows > t->ports.rank ? t->item[k].rows : t->ports.rank;
    t->ports.grad = t->g ? TAC_GRAD_SITES : TAC_GRAD_NONE;
    return TACIT_OK;
}

static enum tacit_status start(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err)
{
    struct tac_rng rng = tac_rng_init(seed, TAC_STREAM_UNIFORM);
    (void)from;
    (void)zero;
    (void)err;
    memset(values, 0, t->n * sizeof *values);
    for (size_t i = 0; i < t->n_item; i += 2)
        tac_draw_linear(values + t->item[i].offset, t->item[i].rows * t->item[i].cols,
                        t->item[i].cols, &rng);
    return TACIT_OK;
}

/* All keys that PEFT writes. */
static bool add_keys(json_t *config, const struct tac_tune *t)
{
    static const char *const nulls[] = {
        "alora_invocation_tokens", "arrow_config",    "corda_config",      "eva_config",
        "exclude_modules",         "kasa_config",     "layer_replication", "layers_pattern",
        "lora_ga_config",          "megatron_config", "monteclora_config", "target_parameters",
        "trainable_token_indices", "use_bdlora",      "velora_config",     NULL};
    static const char *const no[] = {"ensure_weight_tying", "lora_bias", "use_dora", "use_qalora",
                                     NULL};
    double alpha = t->spec.number[ALPHA];
    json_t *a = alpha == floor(alpha) ? json_integer((json_int_t)alpha) : json_real(alpha);
    json_t *more =
        json_pack("{s:o, s:o, s:s, s:b, s:o, s:f, s:s, s:i, s:I, s:o, s:o, s:b, s:o}",
                  "alpha_pattern", tac_pattern_json(t->spec.text[ALPHAS]), "rank_pattern",
                  tac_pattern_json(t->spec.text[RANKS]), "bias", "none", "init_lora_weights", 1,
                  "lora_alpha", a, "lora_dropout", 0.0, "megatron_core", "megatron.core",
                  "qalora_group_size", 16, "r", (json_int_t)t->spec.number[R], "loftq_config",
                  json_object(), "layers_to_transform", tac_layers_json(t->spec.text[LAYERS]),
                  "use_rslora", t->spec.number[RSLORA] > 0, "target_modules",
                  tac_targets_json(t->weights->model, targets_of(&t->spec, t->weights->model)));
    bool ok = config && more && !json_object_update(config, more);
    for (size_t i = 0; ok && nulls[i]; i++)
        ok = !json_object_set_new(config, nulls[i], json_null());
    for (size_t i = 0; ok && no[i]; i++)
        ok = !json_object_set_new(config, no[i], json_false());
    ok = ok && tac_targets_add_layout(config, t->weights->model);
    json_decref(more);
    return ok;
}

static enum tacit_status save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    json_t *config = tac_peft_config(&t->info, "LORA");
    bool whole = add_keys(config, t);
    return tac_peft_write_items(t, dir, config, whole, err);
}

/* Some inits change the base model's weights, which an adapter then belongs to. */
static enum tacit_status check_init(const struct tac_peft_folder *f, struct tacit_err *err)
{
    static const char *const neutral[] = {"gaussian", "orthogonal", "eva", NULL};
    const char *init = json_string_value(json_object_get(f->config, "init_lora_weights"));
    bool known = !init;
    for (size_t i = 0; !known && neutral[i]; i++)
        known = strcmp(init, neutral[i]) == 0;
    if (known)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT,
                    "%s: field 'init_lora_weights': found '%.80s', which is not implemented: it "
                    "changes the base model",
                    f->config_path, init);
}

static enum tacit_status check_bias(const struct tac_peft_folder *f, struct tacit_err *err)
{
    const char *bias = "none";
    enum tacit_status s = TACIT_OK;
    if (tac_json_has(f->config, "bias"))
        s = tac_json_get_string(&bias, f->config, "bias", f->config_path, err);
    if (!s && strcmp(bias, "none") != 0)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: field 'bias': found '%.80s', which is not implemented, expected 'none'",
                     f->config_path, bias);
    return s;
}

static enum tacit_status check_fields(const struct tac_peft_folder *f, const struct tac_model *m,
                                      struct tacit_err *err)
{
    static const char *const known[] = {"bias",
                                        "fan_in_fan_out",
                                        "eva_config",
                                        "init_lora_weights",
                                        "lora_alpha",
                                        "lora_dropout",
                                        "megatron_core",
                                        "qalora_group_size",
                                        "r",
                                        "layers_to_transform",
                                        "layers_pattern",
                                        "use_rslora",
                                        "target_modules",
                                        "rank_pattern",
                                        "alpha_pattern",
                                        NULL};
    enum tacit_status s = tac_peft_plain(f, known, err);
    if (!s)
        s = check_init(f, err);
    if (!s)
        s = tac_targets_check_layout(f, m, err);
    return s ? s : check_bias(f, err);
}

static enum tacit_status read_numbers(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                      struct tacit_err *err)
{
    int64_t r = 0;
    bool rslora = false;
    enum tacit_status st = tac_json_get_int(&r, f->config, "r", 1, 1 << 16, f->config_path, err);
    if (!st)
        st = tac_json_get_real(&s->number[ALPHA], f->config, "lora_alpha", 0, 1e6, f->config_path,
                               err);
    if (!st && tac_json_has(f->config, "lora_dropout"))
        st = tac_json_get_real(&s->number[DROPOUT], f->config, "lora_dropout", 0, 1, f->config_path,
                               err);
    if (!st && tac_json_has(f->config, "use_rslora"))
        st = tac_json_get_bool(&rslora, f->config, "use_rslora", f->config_path, err);
    s->number[R] = (double)r;
    s->number[RSLORA] = rslora;
    return st;
}

static enum tacit_status configure(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                   const struct tac_model *m, struct tacit_err *err)
{
    const char *pattern;
    enum tacit_status st = check_fields(f, m, err);
    if (!st)
        st = read_numbers(s, f, err);
    for (int i = TARGETS; !st && i <= LAYERS; i++)
        st = tac_targets_read(&s->text[i], &s->arena, f, settings[i].key, err);
    for (int i = RANKS; !st && i <= ALPHAS; i++)
        st = tac_pattern_read(&s->text[i], &s->arena, f, settings[i].key, err);
    if (!st)
        st = tac_targets_read(&pattern, &s->arena, f, "layers_pattern", err);
    if (!st)
        st = tac_layers_pattern_check(pattern, f, m, err);
    if (!st && s->text[LAYERS] && !*s->text[LAYERS])
        s->text[LAYERS] = NULL; /* PEFT takes none for all */
    return st;
}

const struct tac_method tac_method_lora = {.name = "lora",
                                           .summary = "a trained low-rank update of matrices",
                                           .writes = "LORA",
                                           .reads = {"LORA"},
                                           .setting = settings,
                                           .check = check,
                                           .items = items,
                                           .bind = bind,
                                           .start = start,
                                           .save = save,
                                           .configure = configure,
                                           .fits = tac_peft_fits_items,
                                           .read = tac_peft_read_items};
