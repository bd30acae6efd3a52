#include "study/spec.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* How the value of a key is taken into a struct. */
enum take { TEXT, FILE_PATH, SIZE, REAL, FLAG, NOISE };

struct field {
    const char *key;
    enum take take;
    size_t at;
    double min, max;
};

struct reader {
    struct tac_spec *spec;
    char *dir; /* of the study's file */
    struct tacit_err *err;
};

/* A path in the file is relative to the file; names without a slash that are no files stay. */
static enum tacit_status resolve(struct reader *r, const char **out, const char *text, bool name)
{
    if (*text == '/' || strncmp(text, "tacit:", 6) == 0) {
        *out = text;
        return TACIT_OK;
    }
    char *path = tac_path(r->dir, text, r->err);
    if (!path)
        return TACIT_EFAIL;
    bool keep = name && !tac_file_exists(path);
    *out = keep ? text : tac_arena_strndup(&r->spec->arena, path, strlen(path), r->err);
    free(path);
    return *out ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status take_noise(struct reader *r, const struct tac_yaml *map,
                                    struct tacit_train_options *o)
{
    const struct tac_yaml_doc *d = &r->spec->doc;
    const struct tac_yaml *list;
    enum tacit_status s = tac_yaml_get_list(&list, d, map, "noise", r->err);
    if (s)
        return s;
    o->noise_order = o->noise_init = o->noise_moments = 0;
    for (const struct tac_yaml *c = list->first; c; c = c->next) {
        const char *t = c->kind == TAC_YAML_SCALAR ? c->text : "";
        if (strcmp(t, "order") == 0)
            o->noise_order = 1;
        else if (strcmp(t, "init") == 0)
            o->noise_init = 1;
        else if (strcmp(t, "moments") == 0)
            o->noise_moments = 1;
        else
            return tac_yaml_fail(d, c, r->err, "key 'noise': expected order, init or moments");
    }
    return TACIT_OK;
}

static enum tacit_status take_field(struct reader *r, const struct tac_yaml *map,
                                    const struct field *f, void *to)
{
    const struct tac_yaml_doc *d = &r->spec->doc;
    const char *text;
    int64_t n;
    bool flag;
    enum tacit_status s;
    switch (f->take) {
    case TEXT:
        return tac_yaml_get_string(to, d, map, f->key, r->err);
    case FILE_PATH:
        s = tac_yaml_get_string(&text, d, map, f->key, r->err);
        return s ? s : resolve(r, to, text, strcmp(f->key, "model") == 0);
    case SIZE:
        s = tac_yaml_get_int(&n, d, map, f->key, (int64_t)f->min, (int64_t)f->max, r->err);
        if (!s)
            *(size_t *)to = (size_t)n;
        return s;
    case REAL:
        return tac_yaml_get_real(to, d, map, f->key, f->min, f->max, r->err);
    case FLAG:
        s = tac_yaml_get_bool(&flag, d, map, f->key, r->err);
        if (!s)
            *(bool *)to = flag;
        return s;
    default:
        return take_noise(r, map, to);
    }
}

/* Takes the fields that are there; every other key of the map must be one of `more`. */
static enum tacit_status take_fields(struct reader *r, const struct tac_yaml *map,
                                     const struct field *f, void *base, const char *const *more)
{
    const char *known[64];
    size_t n = 0;
    for (const struct field *k = f; k->key; k++)
        known[n++] = k->key;
    for (; more && *more; more++)
        known[n++] = *more;
    known[n] = NULL;
    enum tacit_status s = tac_yaml_check_keys(&r->spec->doc, map, known, r->err);
    for (; !s && f->key; f++)
        if (tac_yaml_find(map, f->key))
            s = take_field(r, map, f, (char *)base + f->at);
    return s;
}

/* The map of a key; *out is NULL where the key is absent. */
static enum tacit_status sub_map(struct reader *r, const struct tac_yaml **out,
                                 const struct tac_yaml *map, const char *key)
{
    *out = NULL;
    return tac_yaml_find(map, key) ? tac_yaml_get_map(out, &r->spec->doc, map, key, r->err)
                                   : TACIT_OK;
}

#define OPTION(key, take, min, max)                                                                \
    {                                                                                              \
#key, take, offsetof(struct tacit_train_options, key), min, max                            \
    }
static const struct field method_fields[] = {
    OPTION(epochs, SIZE, 1, 1e6),
    OPTION(steps, SIZE, 1, 1e9),
    OPTION(batch, SIZE, 1, 1e6),
    OPTION(batch_tokens, SIZE, 1, 1e9),
    OPTION(accumulate, SIZE, 1, 1e6),
    OPTION(lr, REAL, 0, 1e6),
    OPTION(optimizer, TEXT, 0, 0),
    OPTION(schedule, TEXT, 0, 0),
    OPTION(warmup, REAL, 0, 1e9),
    OPTION(beta1, REAL, 0, 1),
    OPTION(beta2, REAL, 0, 1),
    OPTION(eps, REAL, 0, 1),
    OPTION(weight_decay, REAL, 0, 1e6),
    OPTION(clip, REAL, 0, 1e12),
    OPTION(eval_epochs, SIZE, 0, 1e6),
    OPTION(init_scale, REAL, 0, 1e6),
    OPTION(moments_scale, REAL, 0, 1e6),
    {"noise", NOISE, 0, 0, 0},
    {0},
};
#undef OPTION

static enum tacit_status take_method(struct reader *r, const struct tac_yaml *methods,
                                     const char *name, struct tac_spec_method *m)
{
    static const char *const more[] = {"keep_best", NULL};
    const struct tac_yaml *map;
    bool best = false;
    enum tacit_status s = sub_map(r, &map, methods, name);
    if (s || !map)
        return s;
    m->on = true;
    s = take_fields(r, map, method_fields, &m->o, more);
    if (!s && tac_yaml_find(map, "keep_best"))
        s = tac_yaml_get_bool(&best, &r->spec->doc, map, "keep_best", r->err);
    m->o.keep_best = best;
    return s;
}

static enum tacit_status take_methods(struct reader *r, const struct tac_yaml *root)
{
    static const char *const known[] = {"prompt", "full", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map;
    sp->prompt.o = sp->full.o = tacit_train_options_default();
    sp->full.o.method = "full";
    sp->full.o.lr = 2e-5;
    sp->prompt.on = true;
    enum tacit_status s = sub_map(r, &map, root, "methods");
    if (!s && map)
        s = tac_yaml_check_keys(&sp->doc, map, known, r->err);
    if (!s && map)
        s = take_method(r, map, "prompt", &sp->prompt);
    if (!s && map)
        s = take_method(r, map, "full", &sp->full);
    return s;
}

static enum tacit_status take_controls(struct reader *r, const struct tac_yaml *root)
{
    static const struct field fields[] = {
        {"random", SIZE, offsetof(struct tac_spec, random), 0, TAC_STUDY_SEEDS},
        {"shuffled", FLAG, offsetof(struct tac_spec, shuffled), 0, 0},
        {"drift", FLAG, offsetof(struct tac_spec, drift), 0, 0},
        {"discrete", FLAG, offsetof(struct tac_spec, discrete), 0, 0},
        {"paraphrases", FLAG, offsetof(struct tac_spec, reworded), 0, 0},
        {0},
    };
    const struct tac_yaml *map;
    enum tacit_status s = sub_map(r, &map, root, "controls");
    return s || !map ? s : take_fields(r, map, fields, r->spec, NULL);
}

static enum tacit_status take_look(struct reader *r, const struct tac_yaml *reading,
                                   const char *key, struct tac_spec_look *look)
{
    static const struct field fields[] = {
        {"examples", SIZE, offsetof(struct tac_spec_look, examples), 1, 1e9},
        {"runs", SIZE, offsetof(struct tac_spec_look, runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    const struct tac_yaml *map;
    enum tacit_status s = sub_map(r, &map, reading, key);
    if (s || !map)
        return s;
    look->on = true;
    return take_fields(r, map, fields, look, NULL);
}

static enum tacit_status take_wayward(struct reader *r, const struct tac_yaml *reading)
{
    static const struct field fields[] = {
        {"text", TEXT, offsetof(struct tac_spec, wayward.text), 0, 0},
        {"runs", SIZE, offsetof(struct tac_spec, wayward.runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    static const char *const more[] = {"weights", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map, *list;
    enum tacit_status s = sub_map(r, &map, reading, "wayward");
    if (s || !map)
        return s;
    sp->wayward.runs = 1;
    s = take_fields(r, map, fields, sp, more);
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

static enum tacit_status take_reading(struct reader *r, const struct tac_yaml *root)
{
    static const struct field fields[] = {
        {"neighbors", SIZE, offsetof(struct tac_spec, neighbors), 1, 100},
        {"frame", TEXT, offsetof(struct tac_spec, frame), 0, 0},
        {0},
    };
    static const char *const more[] = {"knockout", "verbalise", "wayward", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map;
    enum tacit_status s = sub_map(r, &map, root, "reading");
    if (s || !map)
        return s;
    s = take_fields(r, map, fields, sp, more);
    if (!s)
        s = take_look(r, map, "knockout", &sp->knockout);
    if (!s)
        s = take_look(r, map, "verbalise", &sp->verbalise);
    if (!s && !strchr(sp->frame, '?'))
        s = tac_yaml_fail(&sp->doc, tac_yaml_find(map, "frame"), r->err,
                          "key 'frame': expected a text with a '?', the placeholder");
    return s ? s : take_wayward(r, map);
}

static enum tacit_status take_tasks(struct reader *r, const struct tac_yaml *root)
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
        s = resolve(r, &sp->task[sp->n_task++], c->text, true);
    }
    return s;
}

static enum tacit_status take_root(struct reader *r, const struct tac_yaml *root)
{
    static const struct field fields[] = {
        {"name", TEXT, offsetof(struct tac_spec, name), 0, 0},
        {"model", FILE_PATH, offsetof(struct tac_spec, model), 0, 0},
        {"data", FILE_PATH, offsetof(struct tac_spec, data), 0, 0},
        {"wordings", FILE_PATH, offsetof(struct tac_spec, wordings), 0, 0},
        {"tokens", SIZE, offsetof(struct tac_spec, tokens), 1, 4096},
        {"seeds", SIZE, offsetof(struct tac_spec, seeds), 1, TAC_STUDY_SEEDS},
        {"train_examples", SIZE, offsetof(struct tac_spec, train_examples), 0, 1e9},
        {"validation_examples", SIZE, offsetof(struct tac_spec, validation_examples), 0, 1e9},
        {"test_examples", SIZE, offsetof(struct tac_spec, test_examples), 0, 1e9},
        {"test", TEXT, offsetof(struct tac_spec, test), 0, 0},
        {"transfer", FLAG, offsetof(struct tac_spec, transfer), 0, 0},
        {"margin", REAL, offsetof(struct tac_spec, margin), 0, 1},
        {0},
    };
    static const char *const more[] = {"tasks", "methods", "controls",        "noise", "reading",
                                       "paths", "neurons", "by_construction", NULL};
    struct tac_spec *sp = r->spec;
    const struct tac_yaml *map;
    static const struct field noise[] = {
        {"runs", SIZE, offsetof(struct tac_spec, noise_runs), 1, TAC_STUDY_SEEDS},
        {0},
    };
    enum tacit_status s = take_fields(r, root, fields, sp, more);
    if (!s)
        s = sub_map(r, &map, root, "noise");
    if (!s && map)
        s = take_fields(r, map, noise, sp, NULL);
    if (!s)
        s = take_look(r, root, "paths", &sp->paths);
    if (!s)
        s = take_look(r, root, "neurons", &sp->neurons);
    if (!s && tac_yaml_find(root, "by_construction"))
        s = tac_yaml_get_list(&sp->by_construction, &sp->doc, root, "by_construction", r->err);
    return s;
}

static enum tacit_status check_needed(struct reader *r, const struct tac_yaml *root)
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
    struct reader r = {.spec = spec, .dir = folder_of(name, err), .err = err};
    enum tacit_status s = r.dir ? tac_yaml_parse(&spec->doc, text, n, name, err) : TACIT_EFAIL;
    if (!s)
        s = take_root(&r, spec->doc.root);
    if (!s)
        s = take_tasks(&r, spec->doc.root);
    if (!s)
        s = take_methods(&r, spec->doc.root);
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
    *s = (struct tac_spec){0};
}
