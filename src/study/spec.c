#include "study/spec_read.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static enum tacit_status take_controls(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    static const struct tac_spec_field fields[] = {
        {"random", TAC_TAKE_SIZE, offsetof(struct tac_spec, random), 0, TAC_STUDY_SEEDS},
        {"shuffled", TAC_TAKE_FLAG, offsetof(struct tac_spec, shuffled), 0, 0},
        {"drift", TAC_TAKE_FLAG, offsetof(struct tac_spec, drift), 0, 0},
        {"discrete", TAC_TAKE_FLAG, offsetof(struct tac_spec, discrete), 0, 0},
        {"paraphrases", TAC_TAKE_FLAG, offsetof(struct tac_spec, reworded), 0, 0},
        {0},
    };
    const struct tac_yaml *map;
    enum tacit_status s = tac_spec_map(r, &map, root, "controls");
    return s || !map ? s : tac_spec_fields(r, map, fields, r->spec, NULL);
}

static enum tacit_status take_look(struct tac_spec_reader *r, const struct tac_yaml *reading,
                                   const char *key, struct tac_spec_look *look)
{
    static const struct tac_spec_field fields[] = {
        {"examples", TAC_TAKE_SIZE, offsetof(struct tac_spec_look, examples), 1, 1e9},
        {"runs", TAC_TAKE_SIZE, offsetof(struct tac_spec_look, runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    const struct tac_yaml *map;
    enum tacit_status s = tac_spec_map(r, &map, reading, key);
    if (s || !map)
        return s;
    look->on = true;
    return tac_spec_fields(r, map, fields, look, NULL);
}

static enum tacit_status take_wayward(struct tac_spec_reader *r, const struct tac_yaml *reading)
{
    static const struct tac_spec_field fields[] = {
        {"text", TAC_TAKE_TEXT, offsetof(struct tac_spec, wayward.text), 0, 0},
        {"runs", TAC_TAKE_SIZE, offsetof(struct tac_spec, wayward.runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    static const char *const more[] = {"weights", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map, *list;
    enum tacit_status s = tac_spec_map(r, &map, reading, "wayward");
    if (s || !map)
        return s;
    sp->wayward.runs = 1;
    s = tac_spec_fields(r, map, fields, sp, more);
    if (!s && !sp->wayward.text)
        s = tac_yaml_get_string(&sp->wayward.text, &sp->doc, map, "text", r->err);
    if (!s)
        s = tac_yaml_get_list(&list, &sp->doc, map, "weights", r->err);
    for (const struct tac_yaml *c = s ? NULL : list->first; !s && c; c = c->next)
        if (sp->wayward.n == TAC_STUDY_WEIGHTS || c->kind != TAC_YAML_SCALAR ||
            !tac_parse_f64(c->text, &sp->wayward.weight[sp->wayward.n++]) ||
            sp->wayward.weight[sp->wayward.n - 1] < 0)
            s = tac_yaml_fail(&sp->doc, c, r->err,
                              "key 'weights': expected at most %d numbers >= 0", TAC_STUDY_WEIGHTS);
    return s;
}

static enum tacit_status take_reading(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    static const struct tac_spec_field fields[] = {
        {"neighbors", TAC_TAKE_SIZE, offsetof(struct tac_spec, neighbors), 1, 100},
        {"frame", TAC_TAKE_TEXT, offsetof(struct tac_spec, frame), 0, 0},
        {0},
    };
    static const char *const more[] = {"knockout", "verbalise", "wayward", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map;
    enum tacit_status s = tac_spec_map(r, &map, root, "reading");
    if (s || !map)
        return s;
    s = tac_spec_fields(r, map, fields, sp, more);
    if (!s)
        s = take_look(r, map, "knockout", &sp->knockout);
    if (!s)
        s = take_look(r, map, "verbalise", &sp->verbalise);
    if (!s && !strchr(sp->frame, '?'))
        s = tac_yaml_fail(&sp->doc, tac_yaml_find(map, "frame"), r->err,
                          "key 'frame': expected a text with a '?', the placeholder");
    return s ? s : take_wayward(r, map);
}

static enum tacit_status take_forgetting(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    static const struct tac_spec_field fields[] = {
        {"file", TAC_TAKE_PATH, offsetof(struct tac_spec_forget, file), 0, 0},
        {"texts", TAC_TAKE_SIZE, offsetof(struct tac_spec_forget, texts), 1, 1e6},
        {"tokens", TAC_TAKE_SIZE, offsetof(struct tac_spec_forget, tokens), 2, 4096},
        {0},
    };
    const struct tac_yaml *map;
    enum tacit_status s = tac_spec_map(r, &map, root, "forgetting");
    if (s || !map)
        return s;
    r->spec->forget = (struct tac_spec_forget){.on = true, .texts = 64, .tokens = 128};
    return tac_spec_fields(r, map, fields, &r->spec->forget, NULL);
}

static enum tacit_status take_tasks(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *list;
    enum tacit_status s = tac_yaml_get_list(&list, &sp->doc, root, "tasks", r->err);
    if (!s && (list->n == 0 || list->n > TAC_STUDY_TASKS))
        s = tac_yaml_fail(&sp->doc, list, r->err, "key 'tasks': expected 1 to %d tasks, found %zu",
                          TAC_STUDY_TASKS, list->n);
    for (const struct tac_yaml *c = s ? NULL : list->first; !s && c; c = c->next) {
        if (c->kind != TAC_YAML_SCALAR)
            return tac_yaml_fail(&sp->doc, c, r->err, "key 'tasks': expected names or files");
        s = tac_spec_path(r, &sp->task[sp->n_task++], c->text, true);
    }
    return s;
}

/* Each has a folder by the last part of its path. */
static enum tacit_status check_model(struct tac_spec_reader *r, const struct tac_yaml *node,
                                     const char *model)
{
    const struct tac_spec *sp = r->spec;
    const char *name = tacit_study_part(model);
    if (!*name || *name == '.')
        return tac_yaml_fail(&sp->doc, node, r->err,
                             "key 'models': '%s': the last part of its path is to be its name",
                             model);
    for (size_t i = 0; i + 1 < sp->n_model; i++)
        if (strcmp(name, tacit_study_part(sp->models[i])) == 0)
            return tac_yaml_fail(&sp->doc, node, r->err,
                                 "key 'models': two are called '%s': each needs a name of its own, "
                                 "the last part of its path",
                                 name);
    return TACIT_OK;
}

static enum tacit_status take_models(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *list;
    if (!tac_yaml_find(root, "models"))
        return TACIT_OK;
    enum tacit_status s = tac_yaml_get_list(&list, &sp->doc, root, "models", r->err);
    if (!s && sp->model)
        s = tac_yaml_fail(&sp->doc, list, r->err,
                          "key 'models': beside 'model', expected one of both");
    if (!s && (list->n == 0 || list->n > TAC_STUDY_MODELS))
        s = tac_yaml_fail(&sp->doc, list, r->err, "key 'models': expected 1 to %d, found %zu",
                          TAC_STUDY_MODELS, list->n);
    for (const struct tac_yaml *c = s ? NULL : list->first; !s && c; c = c->next) {
        if (c->kind != TAC_YAML_SCALAR)
            return tac_yaml_fail(&sp->doc, c, r->err, "key 'models': expected folders or hub ids");
        const char **to = &sp->models[sp->n_model++];
        s = tac_spec_path(r, to, c->text, true);
        if (!s)
            s = check_model(r, c, *to);
    }
    return s;
}

static enum tacit_status take_root(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    static const struct tac_spec_field fields[] = {
        {"name", TAC_TAKE_TEXT, offsetof(struct tac_spec, name), 0, 0},
        {"model", TAC_TAKE_PATH, offsetof(struct tac_spec, model), 0, 0},
        {"data", TAC_TAKE_PATH, offsetof(struct tac_spec, data), 0, 0},
        {"wordings", TAC_TAKE_PATH, offsetof(struct tac_spec, wordings), 0, 0},
        {"tokens", TAC_TAKE_SIZE, offsetof(struct tac_spec, tokens), 1, 4096},
        {"seeds", TAC_TAKE_SIZE, offsetof(struct tac_spec, seeds), 1, TAC_STUDY_SEEDS},
        {"train_examples", TAC_TAKE_SIZE, offsetof(struct tac_spec, train_examples), 0, 1e9},
        {"validation_examples", TAC_TAKE_SIZE, offsetof(struct tac_spec, validation_examples), 0,
         1e9},
        {"test_examples", TAC_TAKE_SIZE, offsetof(struct tac_spec, test_examples), 0, 1e9},
        {"max_length", TAC_TAKE_SIZE, offsetof(struct tac_spec, max_length), 1, 1e6},
        {"holdout", TAC_TAKE_SIZE, offsetof(struct tac_spec, holdout), 1, 1e9},
        {"test", TAC_TAKE_TEXT, offsetof(struct tac_spec, test), 0, 0},
        {"transfer", TAC_TAKE_FLAG, offsetof(struct tac_spec, transfer), 0, 0},
        {"margin", TAC_TAKE_REAL, offsetof(struct tac_spec, margin), 0, 1},
        {0},
    };
    static const char *const more[] = {"models",     "tasks",   "methods",         "controls",
                                       "noise",      "reading", "paths",           "neurons",
                                       "forgetting", "sweep",   "by_construction", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map;
    static const struct tac_spec_field noise[] = {
        {"runs", TAC_TAKE_SIZE, offsetof(struct tac_spec, noise_runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    enum tacit_status s = tac_spec_fields(r, root, fields, sp, more);
    if (!s)
        s = tac_spec_map(r, &map, root, "noise");
    if (!s && map)
        s = tac_spec_fields(r, map, noise, sp, NULL);
    if (!s)
        s = take_look(r, root, "paths", &sp->paths);
    if (!s)
        s = take_look(r, root, "neurons", &sp->neurons);
    if (!s)
        s = take_forgetting(r, root);
    if (!s && tac_yaml_find(root, "by_construction"))
        s = tac_yaml_get_list(&sp->by_construction, &sp->doc, root, "by_construction", r->err);
    return s;
}

static enum tacit_status check_needed(struct tac_spec_reader *r, const struct tac_yaml *root)
{
    struct tac_spec *sp = r->spec;
    int64_t n;
    enum tacit_status s = tac_yaml_get_string(&sp->name, &sp->doc, root, "name", r->err);
    if (!s)
        s = tac_yaml_get_int(&n, &sp->doc, root, "tokens", 1, 4096, r->err);
    if (!s && sp->reworded && !sp->wordings)
        s = tac_yaml_fail(&sp->doc, root, r->err,
                          "'paraphrases: true' needs the key 'wordings': a file of paraphrases");
    return s;
}

static char *folder_of(const char *path, struct tacit_err *err)
{
    const char *slash = strrchr(path, '/');
    return slash ? tac_strndup(path, (size_t)(slash - path) + (slash == path), err)
                 : tac_strdup(".", err);
}

enum tacit_status tac_spec_parse(struct tac_spec *spec, const char *text, size_t n,
                                 const char *name, struct tacit_err *err)
{
    *spec = (struct tac_spec){.seeds = 4,
                              .test = "test",
                              .neighbors = 5,
                              .frame = "cat: cat\nday: day\nred: red\n?:",
                              .margin = 0.03};
    struct tac_spec_reader r = {.spec = spec, .dir = folder_of(name, err), .err = err};
    enum tacit_status s = r.dir ? tac_yaml_parse(&spec->doc, text, n, name, err) : TACIT_EFAIL;
    if (!s)
        s = take_root(&r, spec->doc.root);
    if (!s)
        s = take_models(&r, spec->doc.root);
    if (!s)
        s = take_tasks(&r, spec->doc.root);
    if (!s)
        s = tac_spec_methods(&r, spec->doc.root);
    if (!s)
        s = tac_spec_sweep(&r, spec->doc.root);
    if (!s)
        s = take_controls(&r, spec->doc.root);
    if (!s)
        s = take_reading(&r, spec->doc.root);
    if (!s)
        s = check_needed(&r, spec->doc.root);
    free(r.dir);
    if (s)
        tac_spec_release(spec);
    return s;
}

enum tacit_status tac_spec_load(struct tac_spec *spec, const char *path, struct tacit_err *err)
{
    struct tac_buf text = {0};
    *spec = (struct tac_spec){0};
    enum tacit_status s = tac_file_read(&text, path, TAC_YAML_BYTES, err);
    if (!s)
        s = tac_spec_parse(spec, text.data ? text.data : "", text.len, path, err);
    tac_buf_release(&text);
    return s;
}

void tac_spec_release(struct tac_spec *s)
{
    tac_yaml_release(&s->doc);
    tac_arena_release(&s->arena);
    free(s->method);
    free(s->sweep.method);
    *s = (struct tac_spec){0};
}
