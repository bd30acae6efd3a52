#include "task/dataset.h"

#include "base/file.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

/* Loading in progress. */
struct loader {
    struct tac_dataset *out;
    const struct tac_task *task;
    const struct tac_dataset_options *o;
    struct tac_buf text; /* scratch of one rendered text */
    /* the answers of every example where they are fixed */
    const char *const *fixed;
    const size_t *n_fixed;
    struct tacit_err *err;
};

static enum tacit_status find_split(const struct tac_task_split **out, const struct tac_task *t,
                                    const char *name, struct tacit_err *err)
{
    char known[256] = "";
    for (size_t i = 0; i < t->n_split; i++) {
        *out = &t->split[i];
        if (strcmp(t->split[i].name, name) == 0)
            return TACIT_OK;
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 t->split[i].name);
    }
    return tac_fail(err, TACIT_EINPUT, "task '%s' has no split '%s' (it has: %s)", t->name, name,
                    known);
}

/* The data folder: as given, or where the task's file lies. Freed by the caller. */
static char *data_dir(const struct loader *l)
{
    const char *path = l->task->doc.path, *slash = strrchr(path, '/');
    if (l->o->data_dir)
        return tac_strdup(l->o->data_dir, l->err);
    return slash ? tac_strndup(path, (size_t)(slash - path) + 1, l->err) : tac_strdup("", l->err);
}

/* The path of the first candidate that exists goes to the data set. */
static enum tacit_status find_file(struct loader *l, const struct tac_task_split *split)
{
    struct tac_buf looked = {0};
    char *dir = data_dir(l);
    enum tacit_status s = dir ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < split->n_file && !s; i++) {
        l->out->path = tac_path(dir, split->file[i], l->err);
        if (!l->out->path)
            s = TACIT_EFAIL;
        else if (tac_file_exists(l->out->path))
            break;
        else
            s = tac_buf_addf(&looked, l->err, "%s%s", i ? ", " : "", l->out->path);
        free(l->out->path);
        l->out->path = NULL;
    }
    if (!s && !l->out->path)
        s = tac_fail(l->err, TACIT_EINPUT,
                     "%s: split '%s' of task '%s' is not there: looked for %s", *dir ? dir : ".",
                     split->name, l->task->name, looked.data);
    tac_buf_release(&looked);
    free(dir);
    return s;
}

/* Renders t into the memory of the data set; `what` names an empty text. mark may be NULL. */
static enum tacit_status render(struct loader *l, const char **out, size_t *n, size_t *mark,
                                const struct tac_template *t, const struct tac_scope *scope,
                                const char *what)
{
    tac_buf_clear(&l->text);
    enum tacit_status s = tac_template_render(&l->text, mark, t, scope, l->err);
    if (s)
        return s;
    if (!l->text.len)
        return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: gives an empty %s", scope->file,
                        scope->row->line, what);
    *n = l->text.len;
    *out = tac_arena_strndup(&l->out->arena, l->text.data, l->text.len, l->err);
    return *out ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status render_answers(struct loader *l, const char *const **out,
                                        const size_t **n_out, const struct tac_scope *scope)
{
    const struct tac_task *t = l->task;
    const char **answer = tac_arena_alloc(&l->out->arena, t->n_answer, sizeof *answer, l->err);
    size_t *n = tac_arena_alloc(&l->out->arena, t->n_answer, sizeof *n, l->err);
    enum tacit_status s = answer && n ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; i < t->n_answer && !s; i++)
        s = render(l, &answer[i], &n[i], NULL, &t->answer[i].text, scope, "answer");
    *out = answer;
    *n_out = n;
    return s;
}

/* An absent or null label, and -1 as HuggingFace's unlabelled rows have it, is none. */
static bool is_unlabelled(const json_t *v)
{
    return !v || json_is_null(v) || (json_is_integer(v) && json_integer_value(v) == -1);
}

static enum tacit_status unknown_label(struct loader *l, const struct tac_scope *scope)
{
    const struct tac_task *t = l->task;
    char known[512] = "";
    for (size_t i = 0; i < t->n_answer; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 t->answer[i].label);
    return tac_fail(l->err, TACIT_EINPUT,
                    "%s:%zu: field '%s': expected a label of the task (%s), found '%.60s'",
                    scope->file, scope->row->line, t->label, known, l->text.data);
}

static enum tacit_status read_gold(struct loader *l, int *gold, const struct tac_scope *scope)
{
    const struct tac_task *t = l->task;
    *gold = -1;
    if (is_unlabelled(tac_scope_field(scope, t->label))) {
        if (!l->o->need_gold)
            return TACIT_OK;
        return tac_fail(l->err, TACIT_EINPUT,
                        "%s:%zu: has no label (field '%s'), which is needed here", scope->file,
                        scope->row->line, t->label);
    }
    tac_buf_clear(&l->text);
    enum tacit_status s = tac_scope_text(&l->text, scope, t->label, l->err);
    if (s)
        return s;
    for (size_t i = 0; i < t->n_answer; i++)
        if (strcmp(t->answer[i].label, l->text.data) == 0) {
            *gold = (int)i;
            return TACIT_OK;
        }
    return unknown_label(l, scope);
}

static enum tacit_status read_group(struct loader *l, struct tac_example *e,
                                    const struct tac_scope *scope)
{
    e->group = (int64_t)e->index;
    if (!l->task->group)
        return TACIT_OK;
    char found[80];
    const json_t *v = tac_scope_field(scope, l->task->group);
    if (!json_is_integer(v))
        return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: field '%s': expected an integer, found %s",
                        scope->file, scope->row->line, l->task->group, tac_json_describe(found, v));
    e->group = json_integer_value(v);
    return TACIT_OK;
}

static enum tacit_status add_example(struct loader *l, const struct tac_scope *scope)
{
    struct tac_dataset *out = l->out;
    struct tac_example e = {
        .n_answers = l->task->n_answer, .index = out->n, .line = scope->row->line};
    enum tacit_status s = tac_grow(&out->example, &out->cap, out->n + 1, sizeof e, l->err);
    if (!s)
        s = render(l, &e.input, &e.n_input, &e.mark, &l->task->input, scope, "input");
    if (!s && (!l->task->fixed_answers || !l->fixed))
        s = render_answers(l, &l->fixed, &l->n_fixed, scope);
    e.answer = l->fixed;
    e.n_answer = l->n_fixed;
    if (!s)
        s = read_gold(l, &e.gold, scope);
    if (!s)
        s = read_group(l, &e, scope);
    if (!s)
        out->example[out->n++] = e;
    return s;
}

/* The examples of a row: one for each combination of elements of the lists that the task expands.
 */
static enum tacit_status add_examples(struct loader *l, struct tac_scope *scope)
{
    size_t level = scope->n_bound;
    if (level == l->task->n_expand)
        return add_example(l, scope);
    const char *path = l->task->expand[level].path;
    const json_t *list = tac_scope_field(scope, path);
    char found[80];
    if (!json_is_array(list))
        return tac_fail(l->err, TACIT_EINPUT, "%s:%zu: field '%s': expected an array, found %s",
                        scope->file, scope->row->line, path, tac_json_describe(found, list));
    enum tacit_status s = TACIT_OK;
    scope->bound[level].name = l->task->expand[level].name;
    for (size_t i = 0; i < json_array_size(list) && !s; i++) {
        scope->bound[level].value = json_array_get(list, i);
        scope->n_bound = level + 1;
        s = add_examples(l, scope);
    }
    scope->n_bound = level;
    return s;
}

static enum tacit_status read_rows(struct loader *l)
{
    struct tac_table table;
    bool stop_early = l->o->limit && !l->o->shots;
    size_t limit = stop_early && !l->task->n_expand ? l->o->limit : 0;
    enum tacit_status s = tac_table_load(&table, l->out->path, limit, l->err);
    for (size_t i = 0; !s && i < table.n; i++) {
        struct tac_scope scope = {.row = &table.row[i], .file = l->out->path};
        s = add_examples(l, &scope);
        if (stop_early && l->out->n >= l->o->limit)
            break;
    }
    tac_table_release(&table);
    if (!s && !l->out->n)
        s = tac_fail(l->err, TACIT_EINPUT, "%s: holds no examples", l->out->path);
    return s;
}

/* Marks `shots` of the examples of one answer, drawn by the seed; each answer has its own stream.
 */
static enum tacit_status mark_shots(const struct loader *l, bool *keep, uint32_t *scratch, int gold)
{
    const struct tac_dataset *out = l->out;
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        if (out->example[i].gold == gold)
            scratch[n++] = (uint32_t)i;
    if (n < l->o->shots)
        return tac_fail(l->err, TACIT_EINPUT,
                        "%s: has %zu examples with the label '%s', %zu of each are asked for",
                        out->path, n, l->task->answer[gold].label, l->o->shots);
    struct tac_rng rng = tac_rng_init(l->o->seed, (uint64_t)gold);
    tac_rng_shuffle(&rng, scratch, n);
    for (size_t i = 0; i < l->o->shots; i++)
        keep[scratch[i]] = true;
    return TACIT_OK;
}

static enum tacit_status take_shots(struct loader *l)
{
    struct tac_dataset *out = l->out;
    bool *keep = tac_alloc(out->n, sizeof *keep, l->err);
    uint32_t *scratch = tac_alloc(out->n, sizeof *scratch, l->err);
    enum tacit_status s = keep && scratch ? TACIT_OK : TACIT_EFAIL;
    for (size_t a = 0; a < l->task->n_answer && !s; a++)
        s = mark_shots(l, keep, scratch, (int)a);
    size_t n = 0;
    for (size_t i = 0; i < out->n && !s; i++)
        if (keep[i])
            out->example[n++] = out->example[i];
    if (!s)
        out->n = n;
    free(keep);
    free(scratch);
    return s;
}

enum tacit_status tac_dataset_load(struct tac_dataset *s, const struct tac_task *t,
                                   const struct tac_dataset_options *o, struct tacit_err *err)
{
    struct loader l = {.out = s, .task = t, .o = o, .err = err};
    const struct tac_task_split *split = NULL;
    *s = (struct tac_dataset){0};
    enum tacit_status st = find_split(&split, t, o->split, err);
    if (!st)
        st = find_file(&l, split);
    if (!st)
        st = read_rows(&l);
    if (!st && o->shots)
        st = take_shots(&l);
    if (!st && o->limit && s->n > o->limit)
        s->n = o->limit;
    tac_buf_release(&l.text);
    if (st)
        tac_dataset_release(s);
    return st;
}

void tac_dataset_release(struct tac_dataset *s)
{
    free(s->path);
    free(s->example);
    tac_arena_release(&s->arena);
    *s = (struct tac_dataset){0};
}
