/* The entries of a tokenizer.json's added_tokens. */
#include "tokenizer/internal.h"
#include "tokenizer/part.h"

#include <string.h>

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
    enum tacit_status st = tac_normalise(&t->normal, t->chars, &work, &s, &n, false, err);
    bool same = !st && n == strlen(spec->content) && !memcmp(s, spec->content, n);
    if (!st && (!n || (!same && !t->bpe.vocab.plain)))
        st = tac_fail(err, TACIT_EINPUT,
                      "a normalized token that the normalizer changes, '%s', is not supported here",
                      spec->content);
    if (!st && !same)
        st = tac_decoding_rename(t, spec->id, s, n, err);
    if (!st)
        st = tac_added_add(&t->normalised, s, n, token, err);
    tac_normal_work_release(&work);
    return st;
}

static enum tacit_status read_spec(const struct tac_part *p, struct tac_added_spec *spec,
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

static enum tacit_status load_entry(struct tac_tokenizer *t, const struct tac_part *p,
                                    enum pass pass, int64_t *next, struct tacit_err *err)
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
    struct tac_part p = tac_part_of(v, name, "added_tokens");
    char found[80];
    int64_t next = (int64_t)t->bpe.vocab.count;
    enum tacit_status st = TACIT_OK;
    if (v && !json_is_array(v))
        return tac_fail(err, TACIT_EINPUT, "%s: expected an array, found %s", p.where,
                        tac_json_describe(found, v));
    for (int pass = NUMBER; pass <= SEARCH_OTHERS; pass++)
        for (size_t i = 0; !st && i < json_array_size(v); i++) {
            struct tac_part e = tac_part_element(&p, v, i);
            st = load_entry(t, &e, (enum pass)pass, &next, err);
        }
    return st;
}
