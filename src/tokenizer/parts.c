/* The parts of a tokenizer.json around its model. */
#include "tokenizer/internal.h"
#include "tokenizer/part.h"

#include <stdlib.h>
#include <string.h>

enum tacit_status tac_load_replace(struct tac_normal *normal, const struct tac_part *p,
                                   struct tacit_err *err)
{
    struct tac_normal_step step = {.kind = TAC_NORMAL_REPLACE};
    const char *from, *content;
    bool regex;
    enum tacit_status st = tac_part_pattern(p, &from, &regex, err);
    if (!st)
        st = tac_json_get_string(&content, p->value, "content", p->where, err);
    if (st)
        return st;
    if (!*from)
        return tac_fail(err, TACIT_EINPUT, "%s: pattern: expected a text, found \"\"", p->where);
    step.text = (char *)content;
    if (!regex) {
        step.from = (char *)from;
        return tac_normal_add(normal, step, err);
    }
    step.kind = TAC_NORMAL_MATCHES;
    st = tac_pattern_open(&step.pattern, from, true, err);
    return st ? tac_err_prefix(err, "%s: ", p->where) : tac_normal_add(normal, step, err);
}

static enum tacit_status add_strip(struct tac_normal *normal, const struct tac_part *p,
                                   struct tacit_err *err)
{
    struct tac_normal_step step = {.kind = TAC_NORMAL_STRIP};
    enum tacit_status st = tac_json_get_bool(&step.left, p->value, "strip_left", p->where, err);
    if (!st)
        st = tac_json_get_bool(&step.right, p->value, "strip_right", p->where, err);
    return st ? st : tac_normal_add(normal, step, err);
}

static enum tacit_status add_prepend(struct tac_normal *normal, const struct tac_part *p,
                                     struct tacit_err *err)
{
    const char *text;
    enum tacit_status st = tac_json_get_string(&text, p->value, "prepend", p->where, err);
    struct tac_normal_step step = {.kind = TAC_NORMAL_PREPEND, .text = (char *)text};
    return st ? st : tac_normal_add(normal, step, err);
}

static enum tacit_status add_normalizer(struct tac_tokenizer *t, const struct tac_part *p,
                                        struct tacit_err *err)
{
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
    const char *type;
    json_t *list;
    enum tacit_status st = tac_part_type(p, &type, err);
    if (st)
        return st;
    struct tac_normal_step form = {.kind = TAC_NORMAL_NFC};
    for (int i = 0; i < 4; i++, form.kind++)
        if (!strcmp(type, forms[i]))
            return tac_normal_add(&t->normal, form, err);
    if (!strcmp(type, "Replace"))
        return tac_load_replace(&t->normal, p, err);
    if (!strcmp(type, "Prepend"))
        return add_prepend(&t->normal, p, err);
    if (!strcmp(type, "Strip"))
        return add_strip(&t->normal, p, err);
    if (strcmp(type, "Sequence") != 0)
        return tac_part_unsupported(
            p, type, "NFC, NFD, NFKC, NFKD, Prepend, Replace, Strip and Sequence are", err);
    st = tac_json_get_array(&list, p->value, "normalizers", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct tac_part e = tac_part_element(p, list, i);
        st = add_normalizer(t, &e, err);
    }
    return st;
}

enum tacit_status tac_load_normalizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                      struct tacit_err *err)
{
    struct tac_part p = tac_part_of(v, name, "normalizer");
    return v ? add_normalizer(t, &p, err) : TACIT_OK;
}

/* A step of the pre-tokeniser whose pattern fails to compile is named by its place. */
static enum tacit_status add_split(struct tac_split *split, const struct tac_part *p,
                                   struct tacit_err *err)
{
    static const char *const behaviors[] = {
        [TAC_ISOLATED] = "Isolated",
        [TAC_REMOVED] = "Removed",
        [TAC_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
        [TAC_MERGED_WITH_NEXT] = "MergedWithNext",
        [TAC_CONTIGUOUS] = "Contiguous",
    };
    struct tac_split_step step = {.kind = TAC_SPLIT_PATTERN};
    const char *text, *behavior;
    bool regex;
    enum tacit_status st = tac_part_pattern(p, &text, &regex, err);
    if (!st)
        st = tac_json_get_string(&behavior, p->value, "behavior", p->where, err);
    if (!st)
        st = tac_json_get_bool(&step.invert, p->value, "invert", p->where, err);
    if (st)
        return st;
    int b = 0;
    while (b <= TAC_CONTIGUOUS && strcmp(behavior, behaviors[b]) != 0)
        b++;
    if (b > TAC_CONTIGUOUS)
        return tac_fail(err, TACIT_EINPUT, "%s: behavior '%s' is not known", p->where, behavior);
    step.behavior = (enum tac_behavior)b;
    st = regex ? tac_pattern_open(&step.pattern, text, true, err)
               : tac_pattern_open_text(&step.pattern, text, err);
    return st ? tac_err_prefix(err, "%s: ", p->where) : tac_split_add(split, step, err);
}

enum tacit_status tac_split_add_byte_level(struct tac_split *split, bool add_prefix_space,
                                           bool use_regex, struct tacit_err *err)
{
    struct tac_split_step step = {.kind = TAC_SPLIT_SPACE};
    enum tacit_status st = add_prefix_space ? tac_split_add(split, step, err) : TACIT_OK;
    if (st || !use_regex)
        return st;
    step.kind = TAC_SPLIT_PATTERN;
    step.behavior = TAC_ISOLATED;
    st = tac_pattern_open(&step.pattern, tac_scan_gpt2, true, err);
    return st ? st : tac_split_add(split, step, err);
}

static enum tacit_status add_byte_level(struct tac_split *split, const struct tac_part *p,
                                        struct tacit_err *err)
{
    bool space, regex = true;
    enum tacit_status st = tac_json_get_bool(&space, p->value, "add_prefix_space", p->where, err);
    if (!st && tac_json_has(p->value, "use_regex"))
        st = tac_json_get_bool(&regex, p->value, "use_regex", p->where, err);
    return st ? st : tac_split_add_byte_level(split, space, regex, err);
}

static enum tacit_status add_digits(struct tac_split *split, const struct tac_part *p,
                                    struct tacit_err *err)
{
    bool individual;
    enum tacit_status st =
        tac_json_get_bool(&individual, p->value, "individual_digits", p->where, err);
    struct tac_split_step step = {.kind = TAC_SPLIT_DIGITS, .behavior = TAC_CONTIGUOUS};
    if (!st && individual)
        step.behavior = TAC_ISOLATED;
    return st ? st : tac_split_add(split, step, err);
}

/* add_prefix_space is how older files write prepend_scheme; false beside a scheme must agree. */
static enum tacit_status prepend_of(enum tac_prepend *prepend, const struct tac_part *p,
                                    struct tacit_err *err)
{
    static const char *const names[] = {[TAC_PREPEND_ALWAYS] = "always",
                                        [TAC_PREPEND_FIRST] = "first",
                                        [TAC_PREPEND_NEVER] = "never"};
    bool space = true, has_scheme = tac_json_has(p->value, "prepend_scheme");
    const char *scheme = names[TAC_PREPEND_ALWAYS];
    int i = 0;
    enum tacit_status st = TACIT_OK;
    if (tac_json_has(p->value, "add_prefix_space"))
        st = tac_json_get_bool(&space, p->value, "add_prefix_space", p->where, err);
    if (!st && has_scheme)
        st = tac_json_get_string(&scheme, p->value, "prepend_scheme", p->where, err);
    else if (!space)
        scheme = names[TAC_PREPEND_NEVER];
    if (st)
        return st;
    while (i <= TAC_PREPEND_NEVER && strcmp(scheme, names[i]) != 0)
        i++;
    if (i > TAC_PREPEND_NEVER)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: prepend_scheme '%s' is not known; always, first and never are",
                        p->where, scheme);
    if (!space && i != TAC_PREPEND_NEVER)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: add_prefix_space false does not go with prepend_scheme '%s'", p->where,
                        scheme);
    *prepend = (enum tac_prepend)i;
    return TACIT_OK;
}

enum tacit_status tac_load_metaspace(struct tac_split_step *step, const struct tac_part *p,
                                     struct tacit_err *err)
{
    const char *mark;
    uint32_t cp;
    *step = (struct tac_split_step){.kind = TAC_SPLIT_METASPACE, .words = true};
    enum tacit_status st = tac_json_get_string(&mark, p->value, "replacement", p->where, err);
    if (st)
        return st;
    size_t n = strlen(mark);
    if (!n || tac_utf8_next(mark, n, &cp) != n)
        return tac_fail(err, TACIT_EINPUT, "%s: replacement: expected one character, found '%.40s'",
                        p->where, mark);
    memcpy(step->mark, mark, n);
    if (tac_json_has(p->value, "split"))
        st = tac_json_get_bool(&step->words, p->value, "split", p->where, err);
    return st ? st : prepend_of(&step->prepend, p, err);
}

static enum tacit_status add_metaspace(struct tac_split *split, const struct tac_part *p,
                                       struct tacit_err *err)
{
    struct tac_split_step step;
    enum tacit_status st = tac_load_metaspace(&step, p, err);
    for (size_t i = 0; !st && i < split->n; i++)
        if (split->step[i].kind == TAC_SPLIT_METASPACE)
            return tac_part_unsupported(p, "Metaspace", "one of them is", err);
    return st ? st : tac_split_add(split, step, err);
}

/* *ended: ByteLevel has come, and nothing may follow it. */
static enum tacit_status add_pre_tokenizer(struct tac_split *split, const struct tac_part *p,
                                           bool *ended, struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = tac_part_type(p, &type, err);
    if (st)
        return st;
    if (*ended)
        return tac_part_unsupported(p, type, "ByteLevel must come last", err);
    if (!strcmp(type, "Split"))
        return add_split(split, p, err);
    if (!strcmp(type, "Digits"))
        return add_digits(split, p, err);
    if (!strcmp(type, "Metaspace"))
        return add_metaspace(split, p, err);
    if (!strcmp(type, "ByteLevel")) {
        *ended = true;
        return add_byte_level(split, p, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return tac_part_unsupported(p, type, "ByteLevel, Metaspace, Split, Digits and Sequence are",
                                    err);
    st = tac_json_get_array(&list, p->value, "pretokenizers", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct tac_part e = tac_part_element(p, list, i);
        st = add_pre_tokenizer(split, &e, ended, err);
    }
    return st;
}

enum tacit_status tac_load_pre_tokenizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                         struct tacit_err *err)
{
    struct tac_part p = tac_part_of(v, name, "pre_tokenizer");
    bool byte_level = false;
    enum tacit_status st = v ? add_pre_tokenizer(&t->split, &p, &byte_level, err) : TACIT_OK;
    t->bpe.vocab.plain = !byte_level;
    return st;
}

/* Appends the ids of one of the template's special tokens. */
static enum tacit_status add_template_token(struct tac_ids *ids, const struct tac_part *p,
                                            const json_t *item, struct tacit_err *err)
{
    const char *id;
    json_t *known, *token, *list;
    enum tacit_status st = tac_json_get_string(&id, item, "id", p->where, err);
    if (!st)
        st = tac_json_get_object(&known, p->value, "special_tokens", p->where, err);
    if (!st)
        st = tac_json_get_object(&token, known, id, p->where, err);
    if (!st)
        st = tac_json_get_array(&list, token, "ids", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 ||
            json_integer_value(v) >= TAC_VOCAB_MAX)
            return tac_fail(err, TACIT_EINPUT, "%s: special_tokens: '%s': ids are no token ids",
                            p->where, id);
        st = tac_grow(&ids->id, &ids->cap, ids->n + 1, sizeof *ids->id, err);
        if (!st)
            ids->id[ids->n++] = (int32_t)json_integer_value(v);
    }
    return st;
}

static enum tacit_status add_template(struct tac_tokenizer *t, const struct tac_part *p,
                                      struct tacit_err *err)
{
    json_t *list;
    int texts = 0;
    enum tacit_status st = tac_json_get_array(&list, p->value, "single", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *special = json_object_get(item, "SpecialToken");
        if (special)
            st = add_template_token(texts ? &t->after : &t->before, p, special, err);
        else if (json_object_get(item, "Sequence"))
            texts++;
        else
            texts = 2;
    }
    if (!st && texts != 1)
        st = tac_fail(err, TACIT_EINPUT, "%s: single: expected special tokens and one Sequence",
                      p->where);
    return st;
}

static enum tacit_status add_post_processor(struct tac_tokenizer *t, const struct tac_part *p,
                                            bool *templated, struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = tac_part_type(p, &type, err);
    if (st || !strcmp(type, "ByteLevel")) /* moves offsets, not tokens */
        return st;
    if (!strcmp(type, "TemplateProcessing") && !*templated) {
        *templated = true;
        return add_template(t, p, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return tac_part_unsupported(p, type, "ByteLevel, one TemplateProcessing and Sequence are",
                                    err);
    st = tac_json_get_array(&list, p->value, "processors", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct tac_part e = tac_part_element(p, list, i);
        st = add_post_processor(t, &e, templated, err);
    }
    return st;
}

enum tacit_status tac_load_post_processor(struct tac_tokenizer *t, const json_t *v,
                                          const char *name, struct tacit_err *err)
{
    struct tac_part p = tac_part_of(v, name, "post_processor");
    bool templated = false;
    return v ? add_post_processor(t, &p, &templated, err) : TACIT_OK;
}
