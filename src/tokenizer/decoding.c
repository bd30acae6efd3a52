/* The decoder of a tokenizer.json, and what it makes of each token. */
#include "tokenizer/internal.h"
#include "tokenizer/plain.h"

#include <stdlib.h>
#include <string.h>

/* A decoder being read. Of what stands in one place here alone, HuggingFace tokenizers takes any
 * order; these are the orders that converters write. */
struct reading {
    struct tac_decoding *d;
    bool plain;
    int n; /* steps so far */
    bool byte_level, metaspace, fused, stripped;
};

static enum tacit_status misplaced(const struct tac_part *p, const char *type, const char *rule,
                                   struct tacit_err *err)
{
    return tac_fail(err, TACIT_EINPUT, "%s: %s here is not supported; %s", p->where, type, rule);
}

static enum tacit_status read_strip(struct reading *r, const struct tac_part *p,
                                    struct tacit_err *err)
{
    int64_t start, stop;
    const char *content;
    uint32_t cp;
    enum tacit_status st = tac_json_get_string(&content, p->value, "content", p->where, err);
    if (!st)
        st = tac_json_get_int(&start, p->value, "start", 0, INT32_MAX, p->where, err);
    if (!st)
        st = tac_json_get_int(&stop, p->value, "stop", 0, INT32_MAX, p->where, err);
    if (st)
        return st;
    size_t n = strlen(content);
    if (!n || tac_utf8_next(content, n, &cp) != n)
        return tac_fail(err, TACIT_EINPUT, "%s: content: expected one character, found '%.40s'",
                        p->where, content);
    if (stop)
        return tac_fail(err, TACIT_EINPUT, "%s: stop %lld is not supported; 0 is", p->where,
                        (long long)stop);
    if (!r->fused || r->stripped)
        return misplaced(p, "Strip", "one is, behind Fuse", err);
    memcpy(r->d->strip_char, content, n);
    r->d->strip = (size_t)start;
    r->stripped = true;
    return TACIT_OK;
}

/* As a decoder Metaspace ignores `split`. */
static enum tacit_status read_metaspace(struct reading *r, const struct tac_part *p,
                                        struct tacit_err *err)
{
    struct tac_split_step m;
    enum tacit_status st = tac_load_metaspace(&m, p, err);
    if (st)
        return st;
    if (r->n)
        return misplaced(p, "Metaspace", "one alone is", err);
    r->metaspace = true;
    if (m.prepend != TAC_PREPEND_NEVER)
        memcpy(r->d->first, m.mark, sizeof m.mark);
    struct tac_normal_step step = {
        .kind = TAC_NORMAL_REPLACE, .from = m.mark, .text = (char[]){" "}};
    return tac_normal_add(&r->d->replace, step, err);
}

static enum tacit_status read_step(struct reading *r, const struct tac_part *p, const char *type,
                                   struct tacit_err *err)
{
    if (r->plain == !strcmp(type, "ByteLevel"))
        return tac_fail(err, TACIT_EINPUT,
                        r->plain
                            ? "%s: type '%s' does not go with a pre_tokenizer without ByteLevel"
                            : "%s: type '%s' does not go with ByteLevel's pre_tokenizer",
                        p->where, type);
    if (r->byte_level || r->metaspace)
        return misplaced(p, type, "ByteLevel and Metaspace stand alone", err);
    if (!strcmp(type, "ByteLevel")) {
        r->byte_level = true;
        return TACIT_OK;
    }
    if (!strcmp(type, "Metaspace"))
        return read_metaspace(r, p, err);
    if (!strcmp(type, "Strip"))
        return read_strip(r, p, err);
    if (!strcmp(type, "Fuse")) {
        r->fused = true;
        return TACIT_OK;
    }
    bool bytes = !strcmp(type, "ByteFallback");
    if (!bytes && strcmp(type, "Replace") != 0)
        return tac_part_unsupported(
            p, type, "ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip and Sequence are",
            err);
    if (r->fused || r->d->byte_fallback)
        return misplaced(p, type, "Replace comes first, then ByteFallback, then Fuse", err);
    r->d->byte_fallback = bytes;
    return bytes ? TACIT_OK : tac_load_replace(&r->d->replace, p, err);
}

static enum tacit_status read_decoder(struct reading *r, const struct tac_part *p,
                                      struct tacit_err *err)
{
    const char *type;
    json_t *list;
    enum tacit_status st = tac_part_type(p, &type, err);
    if (st)
        return st;
    if (strcmp(type, "Sequence") != 0) {
        st = read_step(r, p, type, err);
        r->n++;
        return st;
    }
    st = tac_json_get_array(&list, p->value, "decoders", p->where, err);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        struct tac_part e = tac_part_element(p, list, i);
        st = read_decoder(r, &e, err);
    }
    return st;
}

enum tacit_status tac_load_decoder(struct tac_tokenizer *t, const json_t *v, const char *name,
                                   struct tacit_err *err)
{
    struct tac_part p = tac_part_of(v, name, "decoder");
    struct reading r = {.d = &t->decoding, .plain = t->bpe.vocab.plain};
    enum tacit_status st = v ? read_decoder(&r, &p, err) : TACIT_OK;
    if (!st && !r.n)
        st = tac_fail(err, TACIT_EINPUT, "%s: expected %s, found nothing", p.where,
                      r.plain ? "a Sequence or Metaspace" : "ByteLevel");
    return st;
}

enum tacit_status tac_decoding_rename(struct tac_tokenizer *t, int32_t id, const char *s, size_t n,
                                      struct tacit_err *err)
{
    struct tac_decoding *d = &t->decoding;
    enum tacit_status st =
        tac_grow(&d->renamed, &d->renamed_cap, d->n_renamed + 1, sizeof *d->renamed, err);
    char *text = st ? NULL : tac_strndup(s, n, err);
    if (!text)
        return TACIT_EFAIL;
    d->renamed[d->n_renamed++] = (struct tac_renamed){id, text};
    return TACIT_OK;
}

/* Renamed tokens come in the order of their ids, *next the one that comes next. */
static const char *name_of(const struct tac_tokenizer *t, uint32_t id, size_t *next, size_t *n)
{
    const struct tac_decoding *d = &t->decoding;
    *n = 0;
    if (*next < d->n_renamed && d->renamed[*next].id == (int32_t)id) {
        const char *text = d->renamed[*next].text;
        while (*next < d->n_renamed && d->renamed[*next].id == (int32_t)id)
            ++*next;
        *n = strlen(text);
        return text;
    }
    return t->bpe.vocab.token[id].used ? tac_vocab_bytes(&t->bpe.vocab, (int32_t)id, n) : "";
}

static int by_id(const void *a, const void *b)
{
    const struct tac_renamed *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static enum tacit_status put_token(struct tac_tokenizer *t, struct tac_normal_work *work,
                                   uint32_t id, size_t *next, struct tacit_err *err)
{
    struct tac_decoding *d = &t->decoding;
    size_t n;
    const char *s = name_of(t, id, next, &n);
    enum tacit_status st = tac_normalise(&d->replace, t->chars, work, &s, &n, false, err);
    int byte = !st && d->byte_fallback ? tac_byte_token(s, n) : -1;
    char c = (char)byte;
    d->is_byte[id] = byte >= 0;
    if (!st)
        st = byte >= 0 ? tac_buf_add(&d->text, &c, 1, err) : tac_buf_add(&d->text, s, n, err);
    if (!st && d->text.len > UINT32_MAX)
        st = tac_fail(err, TACIT_EINPUT, "the tokens' texts have more than %u bytes", UINT32_MAX);
    d->at[id + 1] = (uint32_t)d->text.len;
    return st;
}

enum tacit_status tac_decoding_finish(struct tac_tokenizer *t, struct tacit_err *err)
{
    struct tac_decoding *d = &t->decoding;
    struct tac_normal_work work = {0};
    size_t size = t->bpe.vocab.size, next = 0;
    if (!t->bpe.vocab.plain)
        return TACIT_OK;
    d->at = tac_alloc(size + 1, sizeof *d->at, err);
    d->is_byte = d->at ? tac_alloc(size, 1, err) : NULL;
    enum tacit_status st = d->is_byte ? tac_buf_add(&d->text, "", 0, err) : TACIT_EFAIL;
    if (d->n_renamed)
        qsort(d->renamed, d->n_renamed, sizeof *d->renamed, by_id);
    for (size_t id = 0; id < size && !st; id++)
        st = put_token(t, &work, (uint32_t)id, &next, err);
    tac_normal_work_release(&work);
    return st;
}

void tac_decoding_release(struct tac_decoding *d)
{
    tac_normal_release(&d->replace);
    tac_buf_release(&d->text);
    for (size_t i = 0; i < d->n_renamed; i++)
        free(d->renamed[i].text);
    free(d->renamed);
    free(d->at);
    free(d->is_byte);
    *d = (struct tac_decoding){0};
}
