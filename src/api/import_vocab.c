/* tokenizer.json and tokenizer_config.json of an imported vocabulary: SentencePiece's BPE as
 * transformers' LlamaConverter writes it, or byte-level BPE as its family has it. */
#include "api/import_vocab.h"

#include <stdlib.h>
#include <string.h>

/* ---- an index of the tokens ---- */

static int compare(const char *a, size_t n, const char *b, size_t m)
{
    int c = memcmp(a, b, n < m ? n : m);
    return c ? c : n < m ? -1 : n > m;
}

struct entry {
    const struct tac_import_token *t;
    size_t id;
};

static int by_text(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = compare(x->t->s, x->t->n, y->t->s, y->t->n);
    return c ? c : x->id < y->id ? -1 : x->id > y->id;
}

static enum tacit_status check_twice(const struct tac_words_out *o, const struct entry *e)
{
    for (size_t i = 1; i < o->n_order; i++)
        if (!compare(e[i - 1].t->s, e[i - 1].t->n, e[i].t->s, e[i].t->n))
            return tac_fail(o->err, TACIT_EINPUT, "%s: tokens %zu and %zu are both '%.*s'",
                            o->v->file, e[i - 1].id, e[i].id, (int)e[i].t->n, e[i].t->s);
    return TACIT_OK;
}

static enum tacit_status index_tokens(struct tac_words_out *o)
{
    struct entry *e = tac_alloc(o->v->n, sizeof *e, o->err);
    o->order = tac_alloc(o->v->n, sizeof *o->order, o->err);
    if (!e || !o->order) {
        free(e);
        return TACIT_EFAIL;
    }
    for (size_t i = 0; i < o->v->n; i++)
        if (o->v->token[i].kind != TAC_T_UNUSED)
            e[o->n_order++] = (struct entry){&o->v->token[i], i};
    if (o->n_order)
        qsort(e, o->n_order, sizeof *e, by_text);
    for (size_t i = 0; i < o->n_order; i++)
        o->order[i] = e[i].id;
    enum tacit_status s = check_twice(o, e);
    free(e);
    return s;
}

size_t tac_words_id(const struct tac_words_out *o, const char *s, size_t n)
{
    size_t low = 0, high = o->n_order;
    while (low < high) {
        size_t mid = (low + high) / 2, id = o->order[mid];
        int c = compare(o->v->token[id].s, o->v->token[id].n, s, n);
        if (!c)
            return id;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return o->v->n;
}

static bool is_added(const struct tac_import_token *t)
{
    return t->kind == TAC_T_UNKNOWN || t->kind == TAC_T_CONTROL || t->kind == TAC_T_USER;
}

/* Which tokens the model's vocabulary holds: all, but for added ones behind the last of the others
 * if these get their ids by their place, as in files that HuggingFace tokenizers writes. */
static enum tacit_status find_model(struct tac_words_out *o)
{
    size_t tail = 0, holes = 0;
    const struct tac_import_vocab *v = o->v;
    o->model = tac_alloc(v->n, sizeof *o->model, o->err);
    if (!o->model)
        return TACIT_EFAIL;
    for (size_t i = 0; i < v->n; i++)
        if (v->token[i].kind != TAC_T_UNUSED && !is_added(&v->token[i]))
            tail = i + 1;
    for (size_t i = 0, end = 0; i < v->n; i++)
        if (v->token[i].kind != TAC_T_UNUSED) {
            holes += i - end;
            end = i + 1;
        }
    for (size_t i = 0; i < v->n; i++)
        o->model[i] = (i < tail || holes) && v->token[i].kind != TAC_T_UNUSED;
    return TACIT_OK;
}

/* ---- writing ---- */

enum tacit_status tac_words_add(struct tac_words_out *o, const char *text)
{
    return tac_buf_adds(o->to, text, o->err);
}

enum tacit_status tac_words_quote(struct tac_words_out *o, const char *s, size_t n)
{
    return tac_json_quote(o->to, s, n, false, o->err);
}

enum tacit_status tac_words_quote_token(struct tac_words_out *o, size_t id)
{
    return tac_words_quote(o, o->v->token[id].s, o->v->token[id].n);
}

static enum tacit_status write_added(struct tac_words_out *o)
{
    enum tacit_status s = tac_words_add(o, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n"
                                           "  \"padding\": null,\n  \"added_tokens\": [");
    bool first = true;
    for (size_t i = 0; !s && i < o->v->n; i++) {
        if (!is_added(&o->v->token[i]))
            continue;
        s = tac_buf_addf(o->to, o->err,
                         "%s\n    {\n      \"id\": %zu,\n      \"content\": ", first ? "" : ",", i);
        if (!s)
            s = tac_words_quote_token(o, i);
        if (!s)
            s = tac_buf_addf(
                o->to, o->err,
                ",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,"
                "\n      \"normalized\": false,\n      \"special\": %s\n    }",
                o->v->token[i].kind == TAC_T_USER ? "false" : "true");
        first = false;
    }
    return s ? s : tac_words_add(o, first ? "],\n" : "\n  ],\n");
}

static enum tacit_status write_vocab(struct tac_words_out *o)
{
    bool first = true;
    enum tacit_status s = tac_words_add(o, "    \"vocab\": {");
    for (size_t i = 0; !s && i < o->v->n; i++) {
        if (!o->model[i])
            continue;
        s = tac_words_add(o, first ? "\n      " : ",\n      ");
        if (!s)
            s = tac_words_quote_token(o, i);
        if (!s)
            s = tac_buf_addf(o->to, o->err, ": %zu", i);
        first = false;
    }
    return s ? s : tac_words_add(o, "\n    },\n    \"merges\": [");
}

static enum tacit_status write_model(struct tac_words_out *o)
{
    const struct tac_import_vocab *v = o->v;
    bool ignore = !v->sentencepiece && tac_words_rule(v->pre)->ignore_merges;
    enum tacit_status s =
        tac_words_add(o, "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n"
                         "    \"unk_token\": ");
    if (!s)
        s = v->sentencepiece && v->unk >= 0 ? tac_words_quote_token(o, (size_t)v->unk)
                                            : tac_words_add(o, "null");
    if (!s)
        s = tac_buf_addf(o->to, o->err,
                         ",\n    \"continuing_subword_prefix\": null,\n"
                         "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": %s,\n"
                         "    \"byte_fallback\": %s,\n    \"ignore_merges\": %s,\n",
                         v->sentencepiece ? "true" : "false", v->sentencepiece ? "true" : "false",
                         ignore ? "true" : "false");
    if (!s)
        s = write_vocab(o);
    return s ? s : tac_words_merges(o);
}

static enum tacit_status check_special(const struct tac_words_out *o)
{
    const struct {
        bool wanted;
        int64_t id;
        const char *name;
    } need[] = {{o->v->add_bos, o->v->bos, "bos_token_id"},
                {o->v->add_eos, o->v->eos, "eos_token_id"},
                {false, o->v->unk, "unknown_token_id"},
                {false, o->v->pad, "padding_token_id"}};
    for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
        if (need[i].wanted && need[i].id < 0)
            return tac_fail(o->err, TACIT_EINPUT,
                            "%s: field 'tokenizer.ggml.%s' is missing, and stands at every text",
                            o->v->file, need[i].name);
        if (need[i].id >= 0 && o->v->token[need[i].id].kind == TAC_T_UNUSED)
            return tac_fail(o->err, TACIT_EINPUT,
                            "%s: field 'tokenizer.ggml.%s': found %lld, which is marked unused",
                            o->v->file, need[i].name, (long long)need[i].id);
    }
    return TACIT_OK;
}

static enum tacit_status check_scores(const struct tac_words_out *o)
{
    for (size_t i = 0; i < o->v->n; i++)
        if (o->v->token[i].score != o->v->token[i].score)
            return tac_fail(o->err, TACIT_EINPUT, "%s: the score of token %zu is NaN", o->v->file,
                            i);
    return TACIT_OK;
}

enum tacit_status tac_import_tokenizer(struct tac_buf *out, const struct tac_import_vocab *v,
                                       struct tacit_err *err)
{
    struct tac_words_out o = {.to = out, .v = v, .err = err};
    enum tacit_status s = check_special(&o);
    if (!s)
        s = check_scores(&o);
    if (!s)
        s = index_tokens(&o);
    if (!s)
        s = find_model(&o);
    if (!s)
        s = write_added(&o);
    if (!s)
        s = tac_words_parts(&o);
    if (!s)
        s = write_model(&o);
    free(o.order);
    free(o.model);
    return s;
}

json_t *tac_import_tokenizer_config(const struct tac_import_vocab *v)
{
    const struct {
        const char *key;
        int64_t id;
    } tokens[] = {
        {"bos_token", v->bos}, {"eos_token", v->eos}, {"unk_token", v->unk}, {"pad_token", v->pad}};
    json_t *c = json_pack("{s:s, s:b, s:b, s:b}", "tokenizer_class", "PreTrainedTokenizerFast",
                          "clean_up_tokenization_spaces", 0, "add_bos_token", v->add_bos,
                          "add_eos_token", v->add_eos);
    for (size_t i = 0; c && i < sizeof tokens / sizeof *tokens; i++) {
        const struct tac_import_token *t = tokens[i].id < 0 ? NULL : &v->token[tokens[i].id];
        if (t && json_object_set_new(c, tokens[i].key, json_stringn(t->s, t->n))) {
            json_decref(c);
            c = NULL;
        }
    }
    return c;
}
