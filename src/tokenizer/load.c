/* Reading a tokenizer's files: the vocabulary and the merges without a tree in between, the rest by
 * parts.c. */
#include "format/jread.h"
#include "tokenizer/internal.h"
#include "tokenizer/merges.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 256 << 20,
};

struct span {
    const char *s; /* NULL: the field is absent */
    size_t n;
};

struct loader {
    struct tac_tokenizer *t;
    const char *name;
    struct tacit_err *err;
    struct tac_jread r;
    struct span normalizer, pre_tokenizer, post_processor, decoder, added_tokens, model, merges;
    struct tac_buf unk;  /* model.unk_token */
    struct tac_buf left; /* the first half of a merge written as an array */
    struct tac_merges m;
    bool has_vocab, has_unk;
};

static bool is_key(const char *s, size_t n, const char *key)
{
    return n == strlen(key) && !memcmp(s, key, n);
}

static enum tacit_status skip_to(struct loader *l, struct span *span)
{
    return tac_jread_skip(&l->r, &span->s, &span->n, l->err);
}

static enum tacit_status read_vocab(struct loader *l)
{
    struct tac_vocab *v = &l->t->bpe.vocab;
    const char *s;
    size_t n;
    bool more;
    uint32_t id;
    enum tacit_status st = tac_jread_enter(&l->r, '{', l->err);
    while (!st && !(st = tac_jread_next(&l->r, '}', &more, l->err)) && more) {
        st = tac_jread_key(&l->r, &s, &n, l->err);
        if (!st)
            st = tac_jread_uint(&l->r, &id, TAC_VOCAB_MAX - 1, l->err);
        if (!st && (st = tac_vocab_append(v, id, s, n, l->err)))
            tac_err_prefix(l->err, "%s:%zu: ", l->name, tac_jread_line(&l->r, l->r.at));
    }
    l->has_vocab = true;
    if (!st && (st = tac_vocab_index(v, l->err)))
        tac_err_prefix(l->err, "%s: ", l->name);
    return st;
}

/* A merge written as "left right". */
static enum tacit_status add_line(struct loader *l, const char *s, size_t n)
{
    const char *space = memchr(s, ' ', n), *end = s + n;
    if (!space || memchr(space + 1, ' ', (size_t)(end - space - 1))) {
        char quoted[64];
        return tac_fail(l->err, TACIT_EINPUT, "%s: merge %u: expected two tokens, found %s",
                        l->name, (unsigned)tac_merges_count(&l->m), tac_quote(quoted, s, n));
    }
    return tac_merges_add(&l->m, s, (size_t)(space - s), space + 1, (size_t)(end - space - 1),
                          l->err);
}

static enum tacit_status read_merge_array(struct loader *l)
{
    const char *s = NULL;
    size_t n = 0;
    bool more;
    enum tacit_status st = tac_jread_enter(&l->r, '[', l->err);
    if (!st)
        st = tac_jread_next(&l->r, ']', &more, l->err);
    if (!st)
        st = tac_jread_string(&l->r, &s, &n, l->err);
    tac_buf_clear(&l->left);
    if (!st)
        st = tac_buf_add(&l->left, s, n, l->err);
    if (!st)
        st = tac_jread_next(&l->r, ']', &more, l->err);
    if (!st)
        st = tac_jread_string(&l->r, &s, &n, l->err);
    if (!st)
        st = tac_jread_next(&l->r, ']', &more, l->err);
    if (!st && more)
        st = tac_jread_fail(&l->r, "the end of a merge's two tokens", l->err);
    return st ? st : tac_merges_add(&l->m, l->left.data, l->left.len, s, n, l->err);
}

static enum tacit_status read_merges(struct loader *l)
{
    const char *s;
    size_t n;
    bool more;
    enum tacit_status st = tac_jread_enter(&l->r, '[', l->err);
    if (!st)
        st = tac_bpe_reserve(&l->t->bpe, l->t->bpe.vocab.count, l->err);
    while (!st && !(st = tac_jread_next(&l->r, ']', &more, l->err)) && more) {
        if (tac_jread_peek(&l->r) == '[') {
            st = read_merge_array(l);
        } else {
            st = tac_jread_string(&l->r, &s, &n, l->err);
            if (!st && !(n >= 8 && !memcmp(s, "#version", 8)))
                st = add_line(l, s, n);
        }
    }
    return st ? st : tac_merges_flush(&l->m, l->err);
}

/* The span of a small value as JSON; *v NULL where it is null or absent. */
static enum tacit_status parse_span(struct loader *l, const struct span *span, json_t **v)
{
    *v = NULL;
    if (!span->s || is_key(span->s, span->n, "null"))
        return TACIT_OK;
    return tac_json_parse_at(v, span->s, span->n, l->name, tac_jread_line(&l->r, span->s), l->err);
}

static enum tacit_status load_pre_tokenizer(struct loader *l)
{
    json_t *v;
    enum tacit_status st = parse_span(l, &l->pre_tokenizer, &v);
    if (!st)
        st = tac_load_pre_tokenizer(l->t, v, l->name, l->err);
    json_decref(v);
    return st;
}

static enum tacit_status unsupported_value(const struct loader *l, const char *key,
                                           const struct span *v, const char *want)
{
    char quoted[64];
    return tac_fail(l->err, TACIT_EINPUT, "%s: model.%s %s is not supported; %s", l->name, key,
                    tac_quote(quoted, v->s, v->n), want);
}

static bool one_of(const struct span *v, const char *a, const char *b)
{
    return is_key(v->s, v->n, a) || is_key(v->s, v->n, b);
}

static enum tacit_status read_unk(struct loader *l)
{
    const char *s;
    size_t n;
    struct span ignored;
    if (tac_jread_peek(&l->r) == 'n')
        return skip_to(l, &ignored);
    enum tacit_status st = tac_jread_string(&l->r, &s, &n, l->err);
    l->has_unk = true;
    return st ? st : tac_buf_add(&l->unk, s, n, l->err);
}

static enum tacit_status read_flag(struct loader *l, const char *key, bool *flag)
{
    struct span v;
    enum tacit_status st = skip_to(l, &v);
    if (!st && !one_of(&v, "true", "false"))
        st = unsupported_value(l, key, &v, "true and false are");
    if (!st)
        *flag = is_key(v.s, v.n, "true");
    return st;
}

/* A field that must have one of two values. */
static enum tacit_status read_fixed(struct loader *l, const char *key, const char *a, const char *b,
                                    const char *want)
{
    struct span v;
    enum tacit_status st = skip_to(l, &v);
    return !st && !one_of(&v, a, b) ? unsupported_value(l, key, &v, want) : st;
}

static enum tacit_status read_type(struct loader *l)
{
    const char *s;
    size_t n;
    enum tacit_status st = tac_jread_string(&l->r, &s, &n, l->err);
    if (!st && !is_key(s, n, "BPE"))
        st = tac_fail(l->err, TACIT_EINPUT, "%s: model.type '%.*s' is not supported; BPE is",
                      l->name, (int)(n > 40 ? 40 : n), s);
    return st;
}

/* One field of the model. Merges that come before the vocabulary wait. */
static enum tacit_status read_model_field(struct loader *l, const char *key, size_t n)
{
    struct span ignored;
    if (is_key(key, n, "type"))
        return read_type(l);
    if (is_key(key, n, "vocab"))
        return read_vocab(l);
    if (is_key(key, n, "merges"))
        return l->has_vocab ? read_merges(l) : skip_to(l, &l->merges);
    if (is_key(key, n, "unk_token"))
        return read_unk(l);
    if (is_key(key, n, "fuse_unk"))
        return read_flag(l, "fuse_unk", &l->t->bpe.fuse_unk);
    if (is_key(key, n, "ignore_merges"))
        return read_flag(l, "ignore_merges", &l->t->bpe.ignore_merges);
    if (is_key(key, n, "byte_fallback"))
        return read_flag(l, "byte_fallback", &l->t->bpe.byte_fallback);
    if (is_key(key, n, "dropout"))
        return read_fixed(l, "dropout", "null", "0.0", "null is");
    if (is_key(key, n, "continuing_subword_prefix"))
        return read_fixed(l, "continuing_subword_prefix", "null", "\"\"", "null is");
    if (is_key(key, n, "end_of_word_suffix"))
        return read_fixed(l, "end_of_word_suffix", "null", "\"\"", "null is");
    return skip_to(l, &ignored);
}

static enum tacit_status read_waiting_merges(struct loader *l)
{
    const char *at = l->r.at;
    l->r.at = l->merges.s;
    enum tacit_status st = read_merges(l);
    l->r.at = at;
    l->r.first = false;
    return st;
}

static enum tacit_status read_model(struct loader *l)
{
    const char *key;
    size_t n;
    bool more;
    enum tacit_status st = tac_jread_enter(&l->r, '{', l->err);
    while (!st && !(st = tac_jread_next(&l->r, '}', &more, l->err)) && more) {
        st = tac_jread_key(&l->r, &key, &n, l->err);
        if (!st)
            st = read_model_field(l, key, n);
    }
    if (!st && !l->has_vocab)
        st = tac_fail(l->err, TACIT_EINPUT, "%s: model.vocab is missing", l->name);
    return !st && l->merges.s ? read_waiting_merges(l) : st;
}

/* The model is read where it stands if it is known by then whether its vocabulary is plain; files
 * mostly end with it. */
static enum tacit_status meet_model(struct loader *l)
{
    if (l->has_vocab || l->model.s)
        return tac_fail(l->err, TACIT_EINPUT, "%s: field 'model' stands there twice", l->name);
    if (!l->pre_tokenizer.s)
        return skip_to(l, &l->model);
    enum tacit_status st = load_pre_tokenizer(l);
    return st ? st : read_model(l);
}

static enum tacit_status read_waiting_model(struct loader *l)
{
    const char *at = l->r.at;
    l->r.at = l->model.s;
    enum tacit_status st = load_pre_tokenizer(l);
    if (!st)
        st = read_model(l);
    l->r.at = at;
    return st;
}

/* The small parts are left as spans. */
static enum tacit_status read_file(struct loader *l)
{
    struct {
        const char *key;
        struct span *span;
    } parts[] = {{"normalizer", &l->normalizer},
                 {"pre_tokenizer", &l->pre_tokenizer},
                 {"post_processor", &l->post_processor},
                 {"decoder", &l->decoder},
                 {"added_tokens", &l->added_tokens}};
    const char *key;
    size_t n;
    bool more;
    enum tacit_status st = tac_jread_enter(&l->r, '{', l->err);
    while (!st && !(st = tac_jread_next(&l->r, '}', &more, l->err)) && more) {
        struct span ignored, *span = &ignored;
        st = tac_jread_key(&l->r, &key, &n, l->err);
        for (size_t i = 0; !st && i < sizeof parts / sizeof *parts; i++)
            if (is_key(key, n, parts[i].key))
                span = parts[i].span;
        if (!st)
            st = is_key(key, n, "model") ? meet_model(l) : skip_to(l, span);
    }
    if (!st)
        st = tac_jread_end(&l->r, l->err);
    if (!st && l->model.s)
        st = read_waiting_model(l);
    if (!st && !l->has_vocab)
        st = tac_fail(l->err, TACIT_EINPUT, "%s: field 'model' is missing", l->name);
    return st;
}

/* An unk_token that is no token matters only where a byte has none; so does byte_fallback beside a
 * byte-level vocabulary. */
static enum tacit_status finish_model(struct loader *l)
{
    struct tac_bpe *b = &l->t->bpe;
    bool plain = b->vocab.plain, whole = true;
    b->unk = -1;
    enum tacit_status st = TACIT_OK;
    if (l->has_unk)
        st = tac_vocab_find_name(&b->vocab, &b->unk, l->unk.data, l->unk.len, l->err);
    if (!st)
        st = tac_bpe_finish(b, l->err);
    for (int c = 0; !st && c < 256; c++)
        whole = whole && (plain ? b->byte_fallback && b->fallback_id[c] >= 0 : b->byte_id[c] >= 0);
    if (st || whole)
        return st;
    if (l->has_unk && b->unk < 0)
        return tac_fail(l->err, TACIT_EINPUT, "%s: model.unk_token is not in the vocabulary",
                        l->name);
    if (b->byte_fallback && !plain)
        return tac_fail(l->err, TACIT_EINPUT,
                        "%s: model.byte_fallback true beside ByteLevel is not supported, since not "
                        "every byte has a token",
                        l->name);
    return TACIT_OK;
}

static enum tacit_status load_parts(struct loader *l)
{
    json_t *v;
    enum tacit_status st = parse_span(l, &l->normalizer, &v);
    if (!st)
        st = tac_load_normalizer(l->t, v, l->name, l->err);
    json_decref(v);
    if (st || (st = parse_span(l, &l->post_processor, &v)))
        return st;
    st = tac_load_post_processor(l->t, v, l->name, l->err);
    json_decref(v);
    if (st || (st = parse_span(l, &l->decoder, &v)))
        return st;
    st = tac_load_decoder(l->t, v, l->name, l->err);
    json_decref(v);
    if (st || (st = parse_span(l, &l->added_tokens, &v)))
        return st;
    st = tac_load_added_tokens(l->t, v, l->name, l->err);
    json_decref(v);
    return st ? st : tac_decoding_finish(l->t, l->err);
}

static void release(struct loader *l)
{
    tac_jread_release(&l->r);
    tac_buf_release(&l->unk);
    tac_buf_release(&l->left);
    tac_merges_release(&l->m);
}

enum tacit_status tac_load_json(struct tac_tokenizer *t, const char *text, size_t n,
                                const char *name, struct tacit_err *err)
{
    struct loader l = {.t = t, .name = name, .err = err, .m = {.b = &t->bpe, .name = name}};
    tac_jread_init(&l.r, text, n, name);
    enum tacit_status st = read_file(&l);
    if (!st)
        st = finish_model(&l);
    if (!st)
        st = load_parts(&l);
    release(&l);
    return st;
}

static enum tacit_status read_vocab_file(struct loader *l, const char *text, size_t n)
{
    tac_jread_init(&l->r, text, n, l->name);
    enum tacit_status st = read_vocab(l);
    if (!st)
        st = tac_jread_end(&l->r, l->err);
    return st;
}

/* Lines of two tokens; the first may be "#version: ...". */
static enum tacit_status read_merges_file(struct loader *l, const char *text, size_t n)
{
    const char *end = text + n;
    enum tacit_status st = tac_bpe_reserve(&l->t->bpe, l->t->bpe.vocab.count, l->err);
    while (!st && text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((stop ? stop : end) - text);
        if (len && !(len >= 8 && !memcmp(text, "#version", 8)))
            st = add_line(l, text, len);
        text += len + 1;
    }
    return st ? st : tac_merges_flush(&l->m, l->err);
}

/* Runs `read` on one file of the folder. */
static enum tacit_status with_file(struct loader *l, const char *folder, const char *file,
                                   enum tacit_status (*read)(struct loader *, const char *, size_t))
{
    struct tac_buf text = {0};
    char *path = tac_path(folder, file, l->err);
    enum tacit_status st = path ? tac_file_read(&text, path, TEXT_MAX, l->err) : TACIT_EFAIL;
    l->name = l->m.name = path;
    if (!st)
        st = read(l, text.data, text.len);
    free(path);
    tac_buf_release(&text);
    return st;
}

enum tacit_status tac_load_gpt2(struct tac_tokenizer *t, const char *folder, struct tacit_err *err)
{
    struct loader l = {.t = t, .err = err, .m = {.b = &t->bpe}};
    struct tac_added_spec end = {.content = "<|endoftext|>", .special = true};
    enum tacit_status st = with_file(&l, folder, "vocab.json", read_vocab_file);
    if (!st)
        st = with_file(&l, folder, "merges.txt", read_merges_file);
    if (!st)
        st = finish_model(&l);
    if (!st)
        st = tac_split_add_byte_level(&t->split, false, true, err);
    if (!st)
        st = tac_vocab_find_name(&t->bpe.vocab, &end.id, end.content, strlen(end.content), err);
    if (!st && end.id >= 0)
        st = tac_search_added_token(t, &end, err);
    release(&l);
    return st;
}
