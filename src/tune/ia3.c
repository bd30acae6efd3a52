/* IA3 (Liu et al. 2022): trained scales of what chosen matrices give, or, in feed-forward modules,
 * of what they take. */
#include "format/json.h"
#include "tune/peft.h"
#include "tune/targets.h"

#include <stdio.h>
#include <string.h>

enum { TARGETS, FEEDFORWARD };

static const struct tac_setting settings[] = {
    {"targets", TAC_SET_TEXT, 0, 0, 0, "modules with + between, or all-linear", "target_modules"},
    {"feedforward", TAC_SET_TEXT, 0, 0, 0, "those of them whose input is scaled",
     "feedforward_modules"},
    {0},
};

static const char *list_of(const struct tac_tune_spec *s, const struct tac_model *m, int which)
{
    if (s->text[TARGETS])
        return s->text[which] ? s->text[which] : "";
    return which == TARGETS ? m->family->ia3_targets : m->family->ia3_feedforward;
}

static size_t next_slot(const struct tac_tune *t, size_t slot)
{
    const struct tac_model *m = t->weights->model;
    return tac_target_next(m, list_of(&t->spec, m, TARGETS), NULL, slot);
}

static bool scales_input(const struct tac_tune *t, size_t slot)
{
    const struct tac_model *m = t->weights->model;
    char name[160];
    return tac_target_matches(list_of(&t->spec, m, FEEDFORWARD), tac_module_name(m, slot, name));
}

/* As in PEFT, each of the feed-forward names must be one of the targets. */
static enum tacit_status check_part(const struct tac_tune_spec *s, const struct tac_model *m,
                                    struct tacit_err *err)
{
    json_t *all = tac_targets_json(m, list_of(s, m, TARGETS)),
           *part = tac_targets_json(m, list_of(s, m, FEEDFORWARD)), *name;
    enum tacit_status st = all && part ? TACIT_OK : tac_fail_memory(err, 0);
    size_t i;
    json_array_foreach(part, i, name)
    {
        bool there = false;
        for (size_t k = 0; !there && k < json_array_size(all); k++)
            there = json_equal(name, json_array_get(all, k));
        if (!st && !there)
            st = tac_setting_wrong(s, FEEDFORWARD,
                                   tac_fail(err, TACIT_EINPUT,
                                            "found '%s', expected some of the targets '%s'",
                                            json_string_value(name), list_of(s, m, TARGETS)),
                                   err);
    }
    json_decref(all);
    json_decref(part);
    return st;
}

static enum tacit_status check(const struct tac_tune_spec *s, const struct tac_model *m,
                               struct tacit_err *err)
{
    const char *part = list_of(s, m, FEEDFORWARD);
    enum tacit_status st = TACIT_OK;
    if (s->text[FEEDFORWARD] && *s->text[FEEDFORWARD] && !s->text[TARGETS])
        st = tac_setting_wrong(s, FEEDFORWARD,
                               tac_fail(err, TACIT_EINPUT, "needs '%s'",
                                        s->path ? settings[TARGETS].key : settings[TARGETS].name),
                               err);
    if (!st)
        st = tac_targets_check(s, TARGETS, list_of(s, m, TARGETS), m, err);
    if (!st && *part)
        st = tac_targets_check(s, FEEDFORWARD, part, m, err);
    return st ? st : check_part(s, m, err);
}

static size_t items(const struct tac_tune *t, struct tac_item *item)
{
    const struct tac_model *m = t->weights->model;
    size_t n = 0, rows, cols;
    char module[160];
    for (size_t s = next_slot(t, 0); s < m->n_slot; s = next_slot(t, s + 1), n++) {
        if (!item)
            continue;
        tac_model_slot_shape(&m->c, s, &rows, &cols);
        bool in = scales_input(t, s);
        item[n] =
            (struct tac_item){.rows = in ? 1 : rows,
                              .cols = in ? cols : 1,
                              .decay = true,
                              .what = in ? "1 x the module's inputs" : "the module's outputs x 1"};
        snprintf(item[n].name, sizeof item->name, "base_model.model.%.120s.ia3_l",
                 tac_module_name(m, s, module));
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
    for (size_t s = next_slot(t, 0); s < m->n_slot; s = next_slot(t, s + 1), i++) {
        void *l = tac_real_at(be, t->p, t->item[i].offset);
        void *dl = t->g ? tac_real_at(be, t->g, t->item[i].offset) : NULL;
        site[s] = scales_input(t, s) ? (struct tac_site){.in = l, .din = dl}
                                     : (struct tac_site){.out = l, .dout = dl};
    }
    t->ports.site = site;
    t->ports.scaled = true;
    t->ports.grad = t->g ? TAC_GRAD_SITES : TAC_GRAD_NONE;
    return TACIT_OK;
}

static enum tacit_status start(const struct tac_tune *t, float *values, const float *from,
                               bool zero, uint64_t seed, struct tacit_err *err)
{
    (void)from;
    (void)zero;
    (void)seed;
    (void)err;
    for (size_t i = 0; i < t->n; i++)
        values[i] = 1;
    return TACIT_OK;
}

static enum tacit_status save(const struct tac_tune *t, const char *dir, struct tacit_err *err)
{
    const struct tac_model *m = t->weights->model;
    json_t *config = tac_peft_config(&t->info, "IA3");
    json_t *more =
        json_pack("{s:n, s:o, s:b, s:o}", "exclude_modules", "feedforward_modules",
                  tac_targets_json(m, list_of(&t->spec, m, FEEDFORWARD)), "init_ia3_weights", 1,
                  "target_modules", tac_targets_json(m, list_of(&t->spec, m, TARGETS)));
    bool whole =
        config && more && !json_object_update(config, more) && tac_targets_add_layout(config, m);
    json_decref(more);
    return tac_peft_write_items(t, dir, config, whole, err);
}

static enum tacit_status configure(struct tac_tune_spec *s, const struct tac_peft_folder *f,
                                   const struct tac_model *m, struct tacit_err *err)
{
    static const char *const known[] = {"fan_in_fan_out", "init_ia3_weights", "target_modules",
                                        "feedforward_modules", NULL};
    enum tacit_status st = tac_peft_plain(f, known, err);
    if (!st)
        st = tac_targets_check_layout(f, m, err);
    for (int i = TARGETS; !st && i <= FEEDFORWARD; i++)
        st = tac_targets_read(&s->text[i], &s->arena, f, settings[i].key, err);
    return st;
}

const struct tac_method tac_method_ia3 = {.name = "ia3",
                                          .summary = "trained scales at matrices",
                                          .writes = "IA3",
                                          .reads = {"IA3"},
                                          .setting = settings,
                                          .check = check,
                                          .items = items,
                                          .bind = bind,
                                          .start = start,
                                          .starts_alike = true,
                                          .save = save,
                                          .configure = configure,
                                          .fits = tac_peft_fits_items,
                                          .read = tac_peft_read_items};
