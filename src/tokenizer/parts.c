/* The parts of a tokenizer.json around its model. */
#include "tokenizer/internal.h"

#include <stdlib.h>
#include <string.h>

enum { WHERE_MAX = 512 };

/* A part being read: its value, and where messages say it stands. */
struct part {
    const json_t *value;
    char where[WHERE_MAX];
};

static struct part part_of(const json_t *value, const char *name, const char *field)
{
    struct part p = {.value = value};
    snprintf(p.where, sizeof p.where, "%.400s: %s", name, field);
    return p;
}

static enum tacit_status type_of(const struct part *p, const char **type, struct tacit_err *err)
{
    char found[80];
    if (!json_is_object(p->value))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an object, found %s", p->where,
                        tac_json_describe(found, p->value));
    return tac_json_get_string(type, p->value, "type", p->where, err);
}

static enum tacit_status unsupported(const struct part *p, const char *type, const char *what,
                                     struct tacit_err *err)
{
    return tac_fail(err, TACIT_EINPUT, "%s: type '%s' is not supported; %s", p->where, type, what);
}

/* The elements of a Sequence, under their key. */
static enum tacit_status sequence_of(const struct part *p, const char *key, json_t **list,
                                     struct tacit_err *err)
{
    return tac_json_get_array(list, p->value, key, p->where, err);
}

static struct part element(const struct part *p, const json_t *list, size_t i)
{
    struct part e = {.value = json_array_get(list, i)};
    snprintf(e.where, sizeof e.where, "%.480s[%zu]", p->where, i);
    return e;
}

/* A pattern: {"String": ...} or {"Regex": ...}. */
static enum tacit_status pattern_of(const struct part *p, const char **text, bool *regex,
                                    struct tacit_err *err)
{
    json_t *pattern;
    enum tacit_status st = tac_json_get_object(&pattern, p->value, "pattern", p->where, err);
    if (st)
        return st;
    *regex = tac_json_has(pattern, "Regex");
    return tac_json_get_string(text, pattern, *regex ? "Regex" : "String", p->where, err);
}

static enum tacit_status add_replace(struct tac_tokenizer *t, const struct part *p,
                                     struct tacit_err *err)
{
    const char *from, *content;
    bool regex;
    enum tacit_status st = pattern_of(p, &from, &regex, err);
    if (!st)
        st = tac_json_get_string(&content, p->value, "content", p->where, err);
    if (!st && (regex || !*from))
        return tac_fail(err, TACIT_EINPUT, "%s: Replace of a Regex or of nothing is not supported",
                        p->where);
    return st ? st : tac_normal_add(&t->normal, TAC_NORMAL_REPLACE, from, content, err);
}

static enum tacit_status add_normalizer(struct tac_tokenizer *t, const struct part *p,
                                        struct tacit_err *err)
{
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
    const char *type, *text;
    json_t *list;
    enum tacit_status st = type_of(p, &type, err);
    if (st)
        return st;
    for (int i = 0; i < 4; i++)
        if (!strcmp(type, forms[i]))
            return tac_normal_add(&t->normal, (enum tac_normal_kind)i, NULL, NULL, err);
    if (!strcmp(type, "Replace"))
        return add_replace(t, p, err);
    if (!strcmp(type, "Prepend")) {
        st = tac_json_get_string(&text, p->value, "prepend", p->where, err);
        return st ? st : tac_normal_add(&t->normal, TAC_NORMAL_PREPEND, NULL, text, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return unsupported(p, type, "NFC, NFD, NFKC, NFKD, Prepend, Replace and Sequence are", err);
    st = sequence_of(p, "normalizers", &list, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct part e = element(p, list, i);
        st = add_normalizer(t, &e, err);
    }
    return st;
}

enum tacit_status tac_load_normalizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                      struct tacit_err *err)
{
    struct part p = part_of(v, name, "normalizer");
    return v ? add_normalizer(t, &p, err) : TACIT_OK;
}

/* A step of the pre-tokeniser whose pattern fails to compile is named by its place. */
static enum tacit_status add_split(struct tac_split *split, const struct part *p,
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
    enum tacit_status st = pattern_of(p, &text, &regex, err);
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

static enum tacit_status add_byte_level(struct tac_split *split, const struct part *p,
                                        struct tacit_err *err)
{
    bool space, regex = true;
    enum tacit_status st = tac_json_get_bool(&space, p->value, "add_prefix_space", p->where, err);
    if (!st && tac_json_has(p->value, "use_regex"))
        st = tac_json_get_bool(&regex, p->value, "use_regex", p->where, err);
    return st ? st : tac_split_add_byte_level(split, space, regex, err);
}

static enum tacit_status add_digits(struct tac_split *split, const struct part *p,
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

/* *ended: ByteLevel has come, and nothing may follow it. */
static enum tacit_status add_pre_tokenizer(struct tac_split *split, const struct part *p,
                                           bool *ended, struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = type_of(p, &type, err);
    if (st)
        return st;
    if (*ended)
        return unsupported(p, type, "ByteLevel must come last", err);
    if (!strcmp(type, "Split"))
        return add_split(split, p, err);
    if (!strcmp(type, "Digits"))
        return add_digits(split, p, err);
    if (!strcmp(type, "ByteLevel")) {
        *ended = true;
        return add_byte_level(split, p, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return unsupported(p, type, "ByteLevel, Split, Digits and Sequence are", err);
    st = sequence_of(p, "pretokenizers", &list, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct part e = element(p, list, i);
        st = add_pre_tokenizer(split, &e, ended, err);
    }
    return st;
}

enum tacit_status tac_load_pre_tokenizer(struct tac_tokenizer *t, const json_t *v, const char *name,
                                         struct tacit_err *err)
{
    struct part p = part_of(v, name, "pre_tokenizer");
    bool ended = false;
    enum tacit_status st = v ? add_pre_tokenizer(&t->split, &p, &ended, err) : TACIT_OK;
    if (!st && !ended)
        st = tac_fail(err, TACIT_EINPUT,
                      "%s: ByteLevel is missing; only byte-level BPE is supported", p.where);
    return st;
}

/* Appends the ids of one of the template's special tokens. */
static enum tacit_status add_template_token(struct tac_ids *ids, const struct part *p,
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

static enum tacit_status add_template(struct tac_tokenizer *t, const struct part *p,
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

static enum tacit_status add_post_processor(struct tac_tokenizer *t, const struct part *p,
                                            bool *templated, struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = type_of(p, &type, err);
    if (st || !strcmp(type, "ByteLevel")) /* moves offsets, not tokens */
        return st;
    if (!strcmp(type, "TemplateProcessing") && !*templated) {
        *templated = true;
        return add_template(t, p, err);
    }
    if (strcmp(type, "Sequence") != 0)
        return unsupported(p, type, "ByteLevel, one TemplateProcessing and Sequence are", err);
    st = sequence_of(p, "processors", &list, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct part e = element(p, list, i);
        st = add_post_processor(t, &e, templated, err);
    }
    return st;
}

enum tacit_status tac_load_post_processor(struct tac_tokenizer *t, const json_t *v,
                                          const char *name, struct tacit_err *err)
{
    struct part p = part_of(v, name, "post_processor");
    bool templated = false;
    return v ? add_post_processor(t, &p, &templated, err) : TACIT_OK;
}

static enum tacit_status check_decoder(const struct part *p, int *byte_levels,
                                       struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = type_of(p, &type, err);
    if (st)
        return st;
    if (!strcmp(type, "ByteLevel")) {
        ++*byte_levels;
        return TACIT_OK;
    }
    if (strcmp(type, "Sequence") != 0)
        return unsupported(p, type, "ByteLevel is", err);
    st = sequence_of(p, "decoders", &list, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct part e = element(p, list, i);
        st = check_decoder(&e, byte_levels, err);
    }
    return st;
}

enum tacit_status tac_load_decoder(const json_t *v, const char *name, struct tacit_err *err)
{
    struct part p = part_of(v, name, "decoder");
    int byte_levels = 0;
    enum tacit_status st = v ? check_decoder(&p, &byte_levels, err) : TACIT_OK;
    if (!st && byte_levels != 1)
        st = tac_fail(err, TACIT_EINPUT, "%s: expected one ByteLevel, found %d", p.where,
                      byte_levels);
    return st;
}

enum tacit_status tac_search_added_token(struct tac_tokenizer *t, const struct tac_added_spec *spec,
                                         struct tacit_err *err)
{
    struct tac_added_token token = {spec->id, spec->single_word, spec->lstrip, spec->rstrip};
    const char *s = spec->content;
    size_t n = strlen(s);
    t->bpe.vocab.token[spec->id].special = spec->special;
    if (!spec->normalized)
        return tac_added_add(&t->raw, s, n, token, err);
    struct tac_normal_work work = {0};
    enum tacit_status st = tac_normalise(&t->normal, t->chars, &work, &s, &n, err);
    if (!st && (n != strlen(spec->content) || memcmp(s, spec->content, n) != 0))
        st = tac_fail(err, TACIT_EINPUT,
                      "a normalized token that the normalizer changes, '%s', "
                      "is not supported",
                      spec->content);
    if (!st)
        st = tac_added_add(&t->normalised, s, n, token, err);
    tac_normal_work_release(&work);
    return st;
}

static enum tacit_status read_spec(const struct part *p, struct tac_added_spec *spec,
                                   struct tacit_err *err)
{
    char found[80];
    int64_t id;
    if (!json_is_object(p->value))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an object, found %s", p->where,
                        tac_json_describe(found, p->value));
    enum tacit_status st =
        tac_json_get_int(&id, p->value, "id", 0, TAC_VOCAB_MAX - 1, p->where, err);
    if (st)
        return st;
    spec->id = (int32_t)id;
    struct {
        const char *key;
        bool *value;
    } flags[] = {{"single_word", &spec->single_word},
                 {"lstrip", &spec->lstrip},
                 {"rstrip", &spec->rstrip},
                 {"normalized", &spec->normalized},
                 {"special", &spec->special}};
    for (size_t i = 0; !st && i < sizeof flags / sizeof *flags; i++)
        st = tac_json_get_bool(flags[i].value, p->value, flags[i].key, p->where, err);
    return st ? st : tac_json_get_string(&spec->content, p->value, "content", p->where, err);
}

/* Ids as HuggingFace tokenizers gives them, whatever the file says: a token of the vocabulary keeps
 * its own, a new one gets the next after all. A file that disagrees is refused. */
static enum tacit_status number_token(struct tac_vocab *v, const struct tac_added_spec *spec,
                                      int64_t *next, struct tacit_err *err)
{
    size_t n = strlen(spec->content);
    int32_t known;
    enum tacit_status st = tac_vocab_find_name(v, &known, spec->content, n, err);
    if (st)
        return st;
    int64_t want = known < 0 ? *next : known;
    if (want != spec->id)
        return tac_fail(err, TACIT_EINPUT,
                        "'%s' has id %d here; by its place HuggingFace tokenizers gives it %lld",
                        spec->content, (int)spec->id, (long long)want);
    if (want >= *next)
        *next = want + 1;
    return known < 0 ? tac_vocab_add(v, (uint32_t)spec->id, spec->content, n, err) : TACIT_OK;
}

/* What is done with one entry, in three passes: the ids in the file's order, then the search for
 * the special tokens and for the others, for of two that look alike the first is found. */
enum pass { NUMBER, SEARCH_SPECIAL, SEARCH_OTHERS };

static enum tacit_status load_entry(struct tac_tokenizer *t, const struct part *p, enum pass pass,
                                    int64_t *next, struct tacit_err *err)
{
    struct tac_added_spec spec = {0};
    enum tacit_status st = read_spec(p, &spec, err);
    if (st || !*spec.content) /* HuggingFace tokenizers leaves empty ones out as well */
        return st;
    if (pass == NUMBER)
        st = number_token(&t->bpe.vocab, &spec, next, err);
    else if (spec.special == (pass == SEARCH_SPECIAL))
        st = tac_search_added_token(t, &spec, err);
    return st ? tac_err_prefix(err, "%s: ", p->where) : TACIT_OK;
}

enum tacit_status tac_load_added_tokens(struct tac_tokenizer *t, const json_t *v, const char *name,
                                        struct tacit_err *err)
{
    struct part p = part_of(v, name, "added_tokens");
    char found[80];
    int64_t next = (int64_t)t->bpe.vocab.count;
    enum tacit_status st = TACIT_OK;
    if (v && !json_is_array(v))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an array, found %s", p.where,
                        tac_json_describe(found, v));
    for (int pass = NUMBER; pass <= SEARCH_OTHERS; pass++)
        for (size_t i = 0; !st && i < json_array_size(v); i++) {
            struct part e = element(&p, v, i);
            st = load_entry(t, &e, (enum pass)pass, &next, err);
        }
    return st;
}
