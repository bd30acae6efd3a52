/* The vocabulary in a GGUF file. */
#include "api/import_fields.h"

#include <stdio.h>
#include <string.h>

enum { KEY = 128, TOKEN_BYTES = 1024 };

/* Fields of the tokenizer that change nothing for plain texts: chat templates, tokens with roles.
 */
static const char *const roles[] = {
    "ggml.eot_token_id",     "ggml.eom_token_id",     "ggml.seperator_token_id",
    "ggml.mask_token_id",    "ggml.cls_token_id",     "ggml.prefix_token_id",
    "ggml.suffix_token_id",  "ggml.middle_token_id",  "ggml.fim_pre_token_id",
    "ggml.fim_suf_token_id", "ggml.fim_mid_token_id", "ggml.fim_pad_token_id",
    "ggml.fim_rep_token_id", "ggml.fim_sep_token_id", "ggml.token_type_count",
    "huggingface.json"};

static enum tacit_status get_list(struct tac_fields *in, const struct tac_gguf_field **out,
                                  const char *key, enum tac_gguf_type of, size_t n)
{
    const struct tac_gguf_field *f = *out = tac_fields_get(in, key);
    char want[64];
    if (!f)
        return tac_fields_missing(in, key);
    if (f->type != TAC_GGUF_ARRAY || f->of != of)
        return tac_fields_bad(in, f,
                              of == TAC_GGUF_STRING ? "an array of strings"
                              : of == TAC_GGUF_F32  ? "an array of 32-bit floats"
                                                    : "an array of 32-bit integers");
    snprintf(want, sizeof want, "%zu, as many as there are tokens", n);
    if (n && f->n != n)
        return tac_fail(in->err, TACIT_EINPUT, "%s: field '%s': has %zu elements, expected %s",
                        in->m->path, key, f->n, want);
    return TACIT_OK;
}

static enum tacit_status read_tokens(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    const struct tac_gguf_field *tokens, *scores = NULL, *kinds = NULL;
    enum tacit_status s = get_list(in, &tokens, "tokenizer.ggml.tokens", TAC_GGUF_STRING, 0);
    if (!s && (!tokens->n || tokens->n > in->m->size[TAC_I_V]))
        s = tac_fail(in->err, TACIT_EINPUT,
                     "%s: field 'tokenizer.ggml.tokens': has %zu elements, 'token_embd.weight' %zu "
                     "rows",
                     in->m->path, tokens->n, in->m->size[TAC_I_V]);
    if (!s && v->sentencepiece)
        s = get_list(in, &scores, "tokenizer.ggml.scores", TAC_GGUF_F32, tokens->n);
    if (!s)
        s = get_list(in, &kinds, "tokenizer.ggml.token_type", TAC_GGUF_I32, tokens->n);
    if (s)
        return s;
    (void)tac_fields_get(in, "tokenizer.ggml.scores"); /* byte-level: of no use */
    const unsigned char *at = tokens->data;
    v->token = tac_arena_alloc(&in->m->arena, tokens->n, sizeof *v->token, in->err);
    if (!v->token)
        return TACIT_EFAIL;
    for (v->n = 0; v->n < tokens->n; v->n++) {
        struct tac_gguf_string t = tac_gguf_next(&at);
        int32_t kind = tac_gguf_i32_at(kinds, v->n);
        if (kind < TAC_T_NORMAL || kind > TAC_T_BYTE)
            return tac_fail(in->err, TACIT_EINPUT,
                            "%s: field 'tokenizer.ggml.token_type': element %zu is %d, expected 1 "
                            "to 6",
                            in->m->path, v->n, (int)kind);
        if (!t.n || t.n > TOKEN_BYTES || tac_utf8_bad(t.s, t.n) != t.n || memchr(t.s, 0, t.n))
            return tac_fail(in->err, TACIT_EINPUT,
                            "%s: field 'tokenizer.ggml.tokens': element %zu of %zu bytes, expected "
                            "1 to %d bytes of UTF-8 without NUL",
                            in->m->path, v->n, t.n, TOKEN_BYTES);
        v->token[v->n] = (struct tac_import_token){
            t.s, t.n, scores ? tac_gguf_f32_at(scores, v->n) : 0, (enum tac_import_kind)kind};
    }
    return TACIT_OK;
}

/* "left right": tokens of the byte-level alphabet have no blanks. */
static enum tacit_status read_merges(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    const struct tac_gguf_field *f;
    enum tacit_status s = get_list(in, &f, "tokenizer.ggml.merges", TAC_GGUF_STRING, 0);
    if (s)
        return s;
    const unsigned char *at = f->data;
    v->merge = tac_arena_alloc(&in->m->arena, f->n, sizeof *v->merge, in->err);
    if (!v->merge)
        return TACIT_EFAIL;
    for (v->n_merge = 0; v->n_merge < f->n; v->n_merge++) {
        struct tac_gguf_string t = tac_gguf_next(&at);
        const char *blank = t.n ? memchr(t.s, ' ', t.n) : NULL;
        size_t left = blank ? (size_t)(blank - t.s) : 0;
        if (!left || left + 1 == t.n || memchr(blank + 1, ' ', t.n - left - 1))
            return tac_fail(in->err, TACIT_EINPUT,
                            "%s: field 'tokenizer.ggml.merges': element %zu is not two tokens with "
                            "a blank between",
                            in->m->path, v->n_merge);
        v->merge[v->n_merge] = (struct tac_import_merge){{t.s, left}, {blank + 1, t.n - left - 1}};
    }
    return TACIT_OK;
}

static enum tacit_status read_ids(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    const struct {
        const char *key;
        int64_t *id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", &v->bos},
               {"tokenizer.ggml.eos_token_id", &v->eos},
               {"tokenizer.ggml.unknown_token_id", &v->unk},
               {"tokenizer.ggml.padding_token_id", &v->pad}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const struct tac_gguf_field *f = tac_fields_get(in, ids[i].key);
        uint64_t id = 0;
        *ids[i].id = -1;
        if (f && (!tac_gguf_uint(&id, f) || id >= v->n))
            return tac_fields_bad(in, f, "the id of a token");
        if (f)
            *ids[i].id = (int64_t)id;
    }
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        char key[KEY];
        snprintf(key, sizeof key, "tokenizer.%s", roles[i]);
        (void)tac_fields_get(in, key);
    }
    return TACIT_OK;
}

/* The rule that cuts texts into words. What was written before there was a field for it, or with
 * the value "default", is known for GPT-2 alone. */
static enum tacit_status read_pre(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    char *pre = NULL;
    enum tacit_status s = tac_fields_text(in, &pre, "tokenizer.ggml.pre");
    v->pre = pre;
    if (s || v->sentencepiece)
        return s || !pre || strcmp(pre, "default") == 0
                   ? s
                   : tac_fields_bad(in, tac_fields_get(in, "tokenizer.ggml.pre"),
                                    "'default' beside the model 'llama'");
    if (strcmp(in->m->arch->gguf, "gpt2") == 0 && (!pre || strcmp(pre, "default") == 0))
        v->pre = "gpt-2";
    if (!v->pre)
        return tac_fields_missing(in, "tokenizer.ggml.pre");
    return tac_import_pre(v->pre, in->m->path, in->err);
}

static enum tacit_status read_flags(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    bool llama3 = !v->sentencepiece && strcmp(v->pre, "llama-bpe") == 0;
    enum tacit_status s = tac_fields_bool(in, &v->add_bos, "tokenizer.ggml.add_bos_token",
                                          v->sentencepiece || llama3);
    if (!s)
        s = tac_fields_bool(in, &v->add_eos, "tokenizer.ggml.add_eos_token", false);
    if (!s)
        s = tac_fields_need_bool(in, "tokenizer.ggml.add_sep_token", false);
    if (!s)
        s = tac_fields_need_bool(in, "tokenizer.ggml.remove_extra_whitespaces", false);
    if (!s && v->sentencepiece)
        return tac_fields_bool(in, &v->space, "tokenizer.ggml.add_space_prefix", true);
    return s ? s : tac_fields_need_bool(in, "tokenizer.ggml.add_space_prefix", false);
}

enum tacit_status tac_fields_vocab(struct tac_fields *in)
{
    struct tac_import_vocab *v = &in->m->vocab;
    const struct tac_gguf_field *model = tac_fields_get(in, "tokenizer.ggml.model");
    *v = (struct tac_import_vocab){.file = in->m->path, .bos = -1, .eos = -1, .unk = -1, .pad = -1};
    if (!model || tac_fields_is(model, "none") || tac_fields_is(model, "no_vocab"))
        return TACIT_OK;
    in->m->has_vocab = true;
    v->sentencepiece = tac_fields_is(model, "llama");
    if (!v->sentencepiece && !tac_fields_is(model, "gpt2"))
        return tac_fields_bad(in, model, "'llama' or 'gpt2'");
    enum tacit_status s = read_tokens(in);
    if (!s)
        s = read_ids(in);
    if (!s)
        s = read_pre(in);
    if (!s)
        s = read_flags(in);
    return s || v->sentencepiece ? s : read_merges(in);
}
