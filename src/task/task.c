#include "task/task.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static const char *const metric_names[TAC_N_METRIC] = {"accuracy", "f1", "macro_f1", "group_exact"};

static const char *const known_keys[] = {"name",   "description", "data",    "expand",
                                         "maps",   "input",       "answers", "label",
                                         "metric", "positive",    "group",   NULL};

const char *tac_metric_name(enum tac_metric m)
{
    return metric_names[m];
}

/* The text of `key`, or `absent` where the key is missing. */
static enum tacit_status get_text(const char **out, const struct tac_task *t, const char *key,
                                  const char *absent, struct tacit_err *err)
{
    *out = absent;
    if (!tac_yaml_find(t->doc.root, key))
        return TACIT_OK;
    return tac_yaml_get_string(out, &t->doc, t->doc.root, key, err);
}

/* A data file stays below the data folder. */
static enum tacit_status check_file(const struct tac_task *t, const struct tac_yaml *node,
                                    struct tacit_err *err)
{
    if (node->kind != TAC_YAML_SCALAR || !*node->text)
        return tac_yaml_fail(&t->doc, node, err, "expected the name of a data file");
    if (*node->text == '/' || strstr(node->text, ".."))
        return tac_yaml_fail(&t->doc, node, err,
                             "'%s': expected a name below the data folder, without '..'",
                             node->text);
    if (!tac_ends_with(node->text, ".jsonl") && !tac_ends_with(node->text, ".csv") &&
        !tac_ends_with(node->text, ".tsv"))
        return tac_yaml_fail(&t->doc, node, err, "'%s': expected a name in .jsonl, .csv or .tsv",
                             node->text);
    return TACIT_OK;
}

static enum tacit_status read_split(const struct tac_task *t, struct tac_task_split *split,
                                    const struct tac_yaml *node, struct tacit_err *err)
{
    split->name = node->key;
    if (node->kind == TAC_YAML_SCALAR) {
        split->file[split->n_file++] = node->text;
        return check_file(t, node, err);
    }
    if (node->kind == TAC_YAML_MAP || node->n == 0 || node->n > TAC_TASK_PATTERNS)
        return tac_yaml_fail(&t->doc, node, err, "split '%s': expected a file or a list of 1 to %d",
                             node->key, TAC_TASK_PATTERNS);
    for (const struct tac_yaml *c = node->first; c; c = c->next) {
        enum tacit_status s = check_file(t, c, err);
        if (s)
            return s;
        split->file[split->n_file++] = c->text;
    }
    return TACIT_OK;
}

static enum tacit_status read_data(struct tac_task *t, struct tacit_err *err)
{
    const struct tac_yaml *data;
    enum tacit_status s = tac_yaml_get_map(&data, &t->doc, t->doc.root, "data", err);
    if (s)
        return s;
    if (data->n == 0 || data->n > TAC_TASK_SPLITS)
        return tac_yaml_fail(&t->doc, data, err, "key 'data': expected 1 to %d splits, found %zu",
                             TAC_TASK_SPLITS, data->n);
    for (const struct tac_yaml *c = data->first; c && !s; c = c->next)
        s = read_split(t, &t->split[t->n_split++], c, err);
    return s;
}

static enum tacit_status read_expand(struct tac_task *t, struct tacit_err *err)
{
    const struct tac_yaml *list;
    if (!tac_yaml_find(t->doc.root, "expand"))
        return TACIT_OK;
    enum tacit_status s = tac_yaml_get_list(&list, &t->doc, t->doc.root, "expand", err);
    if (s)
        return s;
    if (list->n > TAC_SCOPE_NAMES)
        return tac_yaml_fail(&t->doc, list, err,
                             "key 'expand': expected at most %d lists, found %zu", TAC_SCOPE_NAMES,
                             list->n);
    for (const struct tac_yaml *c = list->first; c; c = c->next) {
        const struct tac_yaml *e = c->kind == TAC_YAML_MAP && c->n == 1 ? c->first : NULL;
        if (!e || e->kind != TAC_YAML_SCALAR)
            return tac_yaml_fail(&t->doc, c, err, "key 'expand': expected entries 'NAME: FIELD'");
        t->expand[t->n_expand].name = e->key;
        t->expand[t->n_expand++].path = e->text;
    }
    return TACIT_OK;
}

/* The maps that filters may name, all of texts; NULL where the task has none. */
static enum tacit_status read_maps(const struct tac_yaml **out, const struct tac_task *t,
                                   struct tacit_err *err)
{
    *out = NULL;
    if (!tac_yaml_find(t->doc.root, "maps"))
        return TACIT_OK;
    enum tacit_status s = tac_yaml_get_map(out, &t->doc, t->doc.root, "maps", err);
    if (s)
        return s;
    for (const struct tac_yaml *m = (*out)->first; m; m = m->next) {
        if (m->kind != TAC_YAML_MAP)
            return tac_yaml_fail(&t->doc, m, err, "map '%s': expected a map of texts", m->key);
        for (const struct tac_yaml *c = m->first; c; c = c->next)
            if (c->kind != TAC_YAML_SCALAR)
                return tac_yaml_fail(&t->doc, c, err, "map '%s': expected a text", m->key);
    }
    return TACIT_OK;
}

static enum tacit_status read_input(struct tac_task *t, const struct tac_yaml *maps,
                                    struct tacit_err *err)
{
    const char *text;
    enum tacit_status s = tac_yaml_get_string(&text, &t->doc, t->doc.root, "input", err);
    if (s)
        return s;
    const struct tac_yaml *node = tac_yaml_find(t->doc.root, "input");
    s = tac_template_parse(&t->input, &t->arena, &t->doc, node, maps, err);
    if (!s && !tac_template_has_fields(&t->input))
        s = tac_yaml_fail(&t->doc, node, err, "key 'input': has no {{field}}");
    return s;
}

/* An answer; where the answers are a list its label is its index. */
static enum tacit_status read_answer(struct tac_task *t, const struct tac_yaml *node,
                                     const struct tac_yaml *maps, struct tacit_err *err)
{
    struct tac_task_answer *a = &t->answer[t->n_answer];
    char index[16];
    snprintf(index, sizeof index, "%zu", t->n_answer);
    a->label = node->key ? node->key : tac_arena_strndup(&t->arena, index, strlen(index), err);
    if (!a->label)
        return TACIT_EFAIL;
    enum tacit_status s = tac_template_parse(&a->text, &t->arena, &t->doc, node, maps, err);
    if (!s && a->text.n == 0)
        s = tac_yaml_fail(&t->doc, node, err, "answer '%s' is empty", a->label);
    if (!s && a->text.marked)
        s = tac_yaml_fail(&t->doc, node, err,
                          "answer '%s': the mark {{prompt}} belongs into 'input'; a field called "
                          "prompt is written {{.prompt}}",
                          a->label);
    t->fixed_answers = t->fixed_answers && !tac_template_has_fields(&a->text);
    t->n_answer++;
    return s;
}

/* Two labels with one text could never be told apart. */
static enum tacit_status check_answers(const struct tac_task *t, const struct tac_yaml *node,
                                       struct tacit_err *err)
{
    for (const struct tac_yaml *a = node->first; a; a = a->next)
        for (const struct tac_yaml *b = node->first; b != a; b = b->next)
            if (strcmp(a->text, b->text) == 0)
                return tac_yaml_fail(&t->doc, a, err, "the answer '%s' stands in line %zu already",
                                     a->text, b->line);
    return TACIT_OK;
}

static enum tacit_status read_answers(struct tac_task *t, const struct tac_yaml *maps,
                                      struct tacit_err *err)
{
    const struct tac_yaml *node = tac_yaml_find(t->doc.root, "answers");
    if (!node || node->kind == TAC_YAML_SCALAR)
        return tac_yaml_fail(
            &t->doc, node ? node : t->doc.root, err,
            "key 'answers': expected a map of labels to texts, or a list of texts");
    if (node->n < 2 || node->n > TAC_TASK_ANSWERS)
        return tac_yaml_fail(&t->doc, node, err, "key 'answers': expected 2 to %d, found %zu",
                             TAC_TASK_ANSWERS, node->n);
    t->fixed_answers = true;
    enum tacit_status s = TACIT_OK;
    for (const struct tac_yaml *c = node->first; c && !s; c = c->next)
        s = read_answer(t, c, maps, err);
    return s ? s : check_answers(t, node, err);
}

static enum tacit_status read_metric(struct tac_task *t, const struct tac_yaml *node,
                                     struct tacit_err *err)
{
    for (int m = 0; m < TAC_N_METRIC && node->kind == TAC_YAML_SCALAR; m++)
        if (strcmp(metric_names[m], node->text) == 0) {
            t->metric[t->n_metric++] = (enum tac_metric)m;
            return TACIT_OK;
        }
    return tac_yaml_fail(&t->doc, node, err,
                         "key 'metric': expected accuracy, f1, macro_f1 or group_exact");
}

static enum tacit_status read_metrics(struct tac_task *t, struct tacit_err *err)
{
    const struct tac_yaml *node = tac_yaml_find(t->doc.root, "metric");
    if (!node) {
        t->n_metric = 1;
        return TACIT_OK;
    }
    if (node->kind != TAC_YAML_LIST)
        return read_metric(t, node, err);
    if (node->n == 0 || node->n > TAC_TASK_METRICS)
        return tac_yaml_fail(&t->doc, node, err, "key 'metric': expected 1 to %d, found %zu",
                             TAC_TASK_METRICS, node->n);
    enum tacit_status s = TACIT_OK;
    for (const struct tac_yaml *c = node->first; c && !s; c = c->next)
        s = read_metric(t, c, err);
    return s;
}

static enum tacit_status read_positive(struct tac_task *t, struct tacit_err *err)
{
    const char *label;
    enum tacit_status s = get_text(&label, t, "positive", NULL, err);
    t->positive = -1;
    for (size_t i = 0; label && i < t->n_answer; i++)
        if (strcmp(t->answer[i].label, label) == 0)
            t->positive = (int)i;
    if (!s && label && t->positive < 0)
        s = tac_yaml_fail(&t->doc, tac_yaml_find(t->doc.root, "positive"), err,
                          "key 'positive': '%s' is not among the answers' labels", label);
    return s;
}

/* What a metric counts by must be there. */
static enum tacit_status check_metrics(const struct tac_task *t, struct tacit_err *err)
{
    for (size_t i = 0; i < t->n_metric; i++) {
        const char *needs = NULL;
        if (t->metric[i] == TAC_METRIC_F1 && t->positive < 0)
            needs = "positive";
        if (t->metric[i] == TAC_METRIC_GROUP_EXACT && !t->group)
            needs = "group";
        if (needs)
            return tac_yaml_fail(&t->doc, tac_yaml_find(t->doc.root, "metric"), err,
                                 "metric '%s' needs the key '%s'", tac_metric_name(t->metric[i]),
                                 needs);
    }
    return TACIT_OK;
}

static enum tacit_status read_task(struct tac_task *t, struct tacit_err *err)
{
    const struct tac_yaml *maps;
    enum tacit_status s = tac_yaml_check_keys(&t->doc, t->doc.root, known_keys, err);
    if (!s)
        s = tac_yaml_get_string(&t->name, &t->doc, t->doc.root, "name", err);
    if (!s)
        s = get_text(&t->description, t, "description", "", err);
    if (!s)
        s = read_data(t, err);
    if (!s)
        s = read_expand(t, err);
    if (!s)
        s = read_maps(&maps, t, err);
    if (!s)
        s = read_input(t, maps, err);
    if (!s)
        s = read_answers(t, maps, err);
    if (!s)
        s = get_text(&t->label, t, "label", "label", err);
    if (!s)
        s = read_metrics(t, err);
    if (!s)
        s = read_positive(t, err);
    if (!s)
        s = get_text(&t->group, t, "group", NULL, err);
    return s ? s : check_metrics(t, err);
}

enum tacit_status tac_task_parse(struct tac_task **out, const char *text, size_t n,
                                 const char *name, struct tacit_err *err)
{
    struct tac_task *t = *out = tac_alloc(1, sizeof *t, err);
    if (!t)
        return TACIT_EFAIL;
    enum tacit_status s = tac_yaml_parse(&t->doc, text, n, name, err);
    if (!s)
        s = read_task(t, err);
    if (s) {
        tac_task_close(t);
        *out = NULL;
    }
    return s;
}

enum tacit_status tac_task_open(struct tac_task **out, const char *path, struct tacit_err *err)
{
    struct tac_buf text = {0};
    *out = NULL;
    enum tacit_status s = tac_file_read(&text, path, TAC_YAML_BYTES, err);
    if (!s)
        s = tac_task_parse(out, text.data, text.len, path, err);
    tac_buf_release(&text);
    return s;
}

void tac_task_close(struct tac_task *t)
{
    if (!t)
        return;
    tac_yaml_release(&t->doc);
    tac_arena_release(&t->arena);
    free(t);
}
