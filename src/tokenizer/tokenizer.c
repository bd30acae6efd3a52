#include "tokenizer/internal.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX = 256 << 20,
    CACHE_LOG2 = 15,      /* an encoder's cache: 32768 words, 2 MB */
    KEEP_UP_TO = 1 << 20, /* bytes of text: after a longer one an encoder's buffers are too large to
                             be kept */
};

struct tac_encoder {
    const struct tac_tokenizer *t;
    struct tac_normal_work normal;
    struct tac_split_work split;
    struct tac_bpe_work bpe;
    struct tac_ids *out;
    const char *text;       /* what is being encoded */
    enum tac_stand stand;   /* of the text */
    const char *normalised; /* the part between added tokens that is being split */
    enum tac_stand part_stand;
};

void tac_tokenizer_close(struct tac_tokenizer *t)
{
    if (!t)
        return;
    for (int i = 0; t->idle && i < TAC_IDLE_MAX; i++)
        tac_encoder_free(atomic_load(&t->idle->slot[i]));
    free(t->idle);
    free(t->chars);
    tac_added_release(&t->raw);
    tac_normal_release(&t->normal);
    tac_added_release(&t->normalised);
    tac_split_release(&t->split);
    tac_bpe_release(&t->bpe);
    tac_decoding_release(&t->decoding);
    tac_ids_release(&t->before);
    tac_ids_release(&t->after);
    free(t);
}

static struct tac_tokenizer *new_tokenizer(struct tacit_err *err)
{
    struct tac_tokenizer *t = tac_alloc(1, sizeof *t, err);
    if (!t)
        return NULL;
    t->chars = tac_chars_new(err);
    t->idle = t->chars ? tac_alloc(1, sizeof *t->idle, err) : NULL;
    if (t->idle)
        return t;
    tac_tokenizer_close(t);
    return NULL;
}

enum tacit_status tac_tokenizer_parse(struct tac_tokenizer **out, const char *text, size_t n,
                                      const char *name, struct tacit_err *err)
{
    *out = NULL;
    if (n > FILE_MAX)
        return tac_fail(err, TACIT_EINPUT, "%s: %zu bytes; at most %d are read", name, n, FILE_MAX);
    struct tac_tokenizer *t = new_tokenizer(err);
    if (!t)
        return TACIT_EFAIL;
    enum tacit_status st = tac_load_json(t, text, n, name, err);
    if (st)
        tac_tokenizer_close(t);
    else
        *out = t;
    return st;
}

static enum tacit_status open_json(struct tac_tokenizer **out, const char *path,
                                   struct tacit_err *err)
{
    struct tac_map map = {0};
    enum tacit_status st = tac_map_open(&map, path, err);
    if (!st)
        st = tac_tokenizer_parse(out, (const char *)map.data, map.size, path, err);
    tac_map_close(&map);
    return st;
}

static enum tacit_status open_gpt2(struct tac_tokenizer **out, const char *folder,
                                   struct tacit_err *err)
{
    struct tac_tokenizer *t = new_tokenizer(err);
    if (!t)
        return TACIT_EFAIL;
    enum tacit_status st = tac_load_gpt2(t, folder, err);
    if (st)
        tac_tokenizer_close(t);
    else
        *out = t;
    return st;
}

static enum tacit_status has_file(const char *folder, const char *name, bool *has,
                                  struct tacit_err *err)
{
    char *path = tac_path(folder, name, err);
    *has = path && tac_file_exists(path);
    free(path);
    return path ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status open_folder(struct tac_tokenizer **out, const char *folder,
                                     struct tacit_err *err)
{
    bool json, vocab, merges;
    enum tacit_status st = has_file(folder, "tokenizer.json", &json, err);
    if (!st)
        st = has_file(folder, "vocab.json", &vocab, err);
    if (!st)
        st = has_file(folder, "merges.txt", &merges, err);
    if (st)
        return st;
    if (!json && vocab && merges)
        return open_gpt2(out, folder, err);
    if (!json)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: expected a tokenizer.json, or a vocab.json and a merges.txt", folder);
    char *path = tac_path(folder, "tokenizer.json", err);
    st = path ? open_json(out, path, err) : TACIT_EFAIL;
    free(path);
    return st;
}

enum tacit_status tac_tokenizer_open(struct tac_tokenizer **out, const char *path,
                                     struct tacit_err *err)
{
    *out = NULL;
    return tac_is_dir(path) ? open_folder(out, path, err) : open_json(out, path, err);
}

size_t tac_tokenizer_size(const struct tac_tokenizer *t)
{
    return t->bpe.vocab.size;
}

const char *tac_tokenizer_token(const struct tac_tokenizer *t, int32_t id, size_t *n, bool *special)
{
    const struct tac_vocab *v = &t->bpe.vocab;
    *n = 0;
    if (id < 0 || (size_t)id >= v->size || !v->token[id].used)
        return NULL;
    if (special)
        *special = v->token[id].special;
    const struct tac_decoding *d = &t->decoding;
    if (!d->at)
        return tac_vocab_bytes(v, id, n);
    *n = d->at[id + 1] - d->at[id];
    return d->text.data + d->at[id];
}

int32_t tac_tokenizer_id(const struct tac_tokenizer *t, const char *content)
{
    int32_t id;
    return tac_vocab_find_name(&t->bpe.vocab, &id, content, strlen(content), NULL) ? -1 : id;
}

void tac_tokenizer_affixes(const struct tac_tokenizer *t, const int32_t **before, size_t *n_before,
                           const int32_t **after, size_t *n_after)
{
    *before = t->before.id;
    *n_before = t->before.n;
    *after = t->after.id;
    *n_after = t->after.n;
}

void tac_ids_release(struct tac_ids *ids)
{
    free(ids->id);
    *ids = (struct tac_ids){0};
}

static enum tacit_status add_ids(struct tac_ids *out, const int32_t *id, size_t n,
                                 struct tacit_err *err)
{
    enum tacit_status st = tac_grow(&out->id, &out->cap, out->n + n, sizeof *out->id, err);
    if (!st && n)
        memcpy(out->id + out->n, id, n * sizeof *id);
    if (!st)
        out->n += n;
    return st;
}

static enum tacit_status on_word(void *context, const char *word, size_t n, struct tacit_err *err)
{
    struct tac_encoder *e = context;
    return tac_bpe_encode(&e->t->bpe, &e->bpe, e->out, word, n, err);
}

static enum tacit_status on_words(void *context, const char *text, size_t n, struct tacit_err *err)
{
    struct tac_encoder *e = context;
    return tac_bpe_encode_apart(&e->t->bpe, &e->bpe, e->out, text, n, err);
}

static enum tacit_status on_normalised(void *context, int32_t id, const char *s, size_t n,
                                       struct tacit_err *err)
{
    struct tac_encoder *e = context;
    if (id >= 0)
        return add_ids(e->out, &id, 1, err);
    enum tac_stand stand = s == e->normalised ? e->part_stand : TAC_INSIDE;
    return tac_split_run(&e->t->split, e->t->chars, &e->split, s, n, stand,
                         e->t->bpe.words_apart ? on_words : on_word, e, err);
}

static enum tacit_status on_raw(void *context, int32_t id, const char *s, size_t n,
                                struct tacit_err *err)
{
    struct tac_encoder *e = context;
    if (id >= 0)
        return add_ids(e->out, &id, 1, err);
    e->part_stand = s == e->text ? e->stand : TAC_INSIDE;
    enum tacit_status st = tac_normalise(&e->t->normal, e->t->chars, &e->normal, &s, &n,
                                         e->part_stand == TAC_CONTINUES, err);
    if (st)
        return st;
    e->normalised = s;
    if (e->normal.cut && e->part_stand == TAC_FIRST)
        e->part_stand = TAC_INSIDE;
    return tac_added_split(&e->t->normalised, e->t->chars, s, n, on_normalised, e, err);
}

static enum tacit_status encode(struct tac_encoder *e, struct tac_ids *out, const char *text,
                                size_t n, bool continues, struct tacit_err *err)
{
    if (n > TAC_TEXT_MAX)
        return tac_fail(err, TACIT_EINPUT, "a text of %zu bytes; at most %d are encoded", n,
                        TAC_TEXT_MAX);
    size_t bad = tac_utf8_bad(text, n);
    if (bad < n)
        return tac_fail(err, TACIT_EINPUT, "the text is not well-formed UTF-8 at byte %zu (0x%02x)",
                        bad, (unsigned char)text[bad]);
    e->out = out;
    e->text = text;
    e->stand = continues ? TAC_CONTINUES : TAC_FIRST;
    return tac_added_split(&e->t->raw, e->t->chars, text, n, on_raw, e, err);
}

static void release_work(struct tac_encoder *e)
{
    tac_normal_work_release(&e->normal);
    tac_split_work_release(&e->split);
    tac_bpe_work_release(&e->bpe);
}

enum tacit_status tac_encoder_new(struct tac_encoder **out, const struct tac_tokenizer *t,
                                  struct tacit_err *err)
{
    *out = NULL;
    struct tac_encoder *e = tac_alloc(1, sizeof *e, err);
    if (!e)
        return TACIT_EFAIL;
    e->t = t;
    if (tac_bpe_work_cache(&e->bpe, CACHE_LOG2, err)) {
        tac_encoder_free(e);
        return TACIT_EFAIL;
    }
    *out = e;
    return TACIT_OK;
}

void tac_encoder_free(struct tac_encoder *e)
{
    if (e)
        release_work(e);
    free(e);
}

enum tacit_status tac_encoder_encode(struct tac_encoder *e, struct tac_ids *out, const char *text,
                                     size_t n, unsigned how, struct tacit_err *err)
{
    const struct tac_tokenizer *t = e->t;
    size_t before = out->n;
    enum tacit_status st = TACIT_OK;
    if (how & TACIT_TEXT_BEGINS)
        st = add_ids(out, t->before.id, t->before.n, err);
    if (!st)
        st = encode(e, out, text, n, how & TACIT_TEXT_CONTINUES, err);
    if (!st && how & TACIT_TEXT_ENDS)
        st = add_ids(out, t->after.id, t->after.n, err);
    if (st)
        out->n = before;
    return st;
}

/* An idle encoder, which the caller then owns, or a new one. */
static enum tacit_status take_encoder(struct tac_encoder **e, const struct tac_tokenizer *t,
                                      struct tacit_err *err)
{
    for (int i = 0; i < TAC_IDLE_MAX; i++)
        if (atomic_load(&t->idle->slot[i]) && (*e = atomic_exchange(&t->idle->slot[i], NULL)))
            return TACIT_OK;
    return tac_encoder_new(e, t, err);
}

/* Keeps an encoder for a later call, or frees it where there are enough. */
static void give_encoder(struct tac_encoder *e)
{
    for (int i = 0; i < TAC_IDLE_MAX; i++) {
        struct tac_encoder *none = NULL;
        if (atomic_compare_exchange_strong(&e->t->idle->slot[i], &none, e))
            return;
    }
    tac_encoder_free(e);
}

enum tacit_status tac_tokenizer_encode_as(const struct tac_tokenizer *t, struct tac_ids *out,
                                          const char *text, size_t n, unsigned how,
                                          struct tacit_err *err)
{
    struct tac_encoder *e;
    enum tacit_status st = take_encoder(&e, t, err);
    if (st)
        return st;
    st = tac_encoder_encode(e, out, text, n, how, err);
    if (n <= KEEP_UP_TO)
        give_encoder(e);
    else
        tac_encoder_free(e);
    return st;
}

enum tacit_status tac_tokenizer_encode(const struct tac_tokenizer *t, struct tac_ids *out,
                                       const char *text, size_t n, struct tacit_err *err)
{
    return tac_tokenizer_encode_as(t, out, text, n, 0, err);
}
