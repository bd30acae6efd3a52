/* What stands around the model in an imported tokenizer.json. */
#include "api/import_vocab.h"

#include <string.h>

static const char gpt2_split[] = "", nfc[] = "{\"type\": \"NFC\"}";

/* The rules that cut texts into words, under llama.cpp's names. split: a regular expression before
 * the bytes' alphabet; "": GPT-2's, which ByteLevel has itself. */
static const struct tac_word_rule pres[] = {
    {"gpt-2", gpt2_split, "null", false},
    {"olmo", gpt2_split, nfc, false}, /* GPT-NeoX's and Pythia's; older converters say mpt */
    {"mpt", gpt2_split, nfc, false},
    {"llama-bpe",
     "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     "null", true},
    {"qwen2",
     "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     nfc, false},
    {"bloom", " ?[^(\\s|[.,!?…。，、।۔،])]+", "null", false},
};
enum { N_PRE = sizeof pres / sizeof *pres };

const struct tac_word_rule *tac_words_rule(const char *name)
{
    for (size_t i = 0; i < N_PRE; i++)
        if (strcmp(pres[i].name, name) == 0)
            return &pres[i];
    return NULL;
}

enum tacit_status tac_import_pre(const char *name, const char *file, struct tacit_err *err)
{
    struct tac_buf list = {0};
    enum tacit_status s = TACIT_OK;
    if (tac_words_rule(name))
        return TACIT_OK;
    for (size_t i = 0; !s && i < N_PRE; i++)
        s = tac_buf_addf(&list, err, "%s%s", i ? ", " : "", pres[i].name);
    if (!s)
        s = tac_fail(err, TACIT_EINPUT,
                     "%s: field 'tokenizer.ggml.pre': '%s' is not supported (supported: %s)", file,
                     name, list.data);
    tac_buf_release(&list);
    return s;
}

/* ---- writing ---- */

static enum tacit_status write_normalizer(struct tac_words_out *o)
{
    enum tacit_status s = tac_words_add(o, "  \"normalizer\": ");
    if (s)
        return s;
    if (!o->v->sentencepiece)
        s = tac_words_add(o, tac_words_rule(o->v->pre)->normalizer);
    else
        s = tac_buf_addf(
            o->to, o->err, "{\n    \"type\": \"Sequence\",\n    \"normalizers\": [%s%s\n    ]\n  }",
            o->v->space ? "\n      {\n        \"type\": \"Prepend\",\n        \"prepend\": \"▁\"\n"
                          "      },"
                        : "",
            "\n      {\n        \"type\": \"Replace\",\n        \"pattern\": {\n"
            "          \"String\": \" \"\n        },\n        \"content\": \"▁\"\n      }");
    return s ? s : tac_words_add(o, ",\n");
}

static enum tacit_status write_pre_tokenizer(struct tac_words_out *o)
{
    const char *split = o->v->sentencepiece ? NULL : tac_words_rule(o->v->pre)->split;
    const char byte_level[] = "{\n    \"type\": \"ByteLevel\",\n    \"add_prefix_space\": false,\n"
                              "    \"trim_offsets\": true,\n    \"use_regex\": %s\n  }";
    enum tacit_status s = tac_words_add(o, "  \"pre_tokenizer\": ");
    if (!s && !split)
        s = tac_words_add(o, "null");
    else if (!s && !*split)
        s = tac_buf_addf(o->to, o->err, byte_level, "true");
    else if (!s) {
        s = tac_words_add(
            o, "{\n    \"type\": \"Sequence\",\n    \"pretokenizers\": [\n  {\n    \"type\": "
               "\"Split\",\n    \"pattern\": {\n      \"Regex\": ");
        if (!s)
            s = tac_words_quote(o, split, strlen(split));
        if (!s)
            s = tac_words_add(
                o, "\n    },\n    \"behavior\": \"Isolated\",\n    \"invert\": false\n  },\n  ");
        if (!s)
            s = tac_buf_addf(o->to, o->err, byte_level, "false");
        if (!s)
            s = tac_words_add(o, "\n    ]\n  }");
    }
    return s ? s : tac_words_add(o, ",\n");
}

/* One item of a template: a special token, or the text. */
static enum tacit_status write_item(struct tac_words_out *o, int64_t id, char sequence, int type,
                                    bool last)
{
    enum tacit_status s =
        tac_words_add(o, sequence ? "      {\n        \"Sequence\": {\n          \"id\": \""
                                  : "      {\n        \"SpecialToken\": {\n"
                                    "          \"id\": ");
    if (!s)
        s = sequence ? tac_buf_addf(o->to, o->err, "%c\"", sequence)
                     : tac_words_quote_token(o, (size_t)id);
    return s ? s
             : tac_buf_addf(o->to, o->err, ",\n          \"type_id\": %d\n        }\n      }%s\n",
                            type, last ? "" : ",");
}

static enum tacit_status write_template(struct tac_words_out *o, bool pair)
{
    const struct tac_import_vocab *v = o->v;
    enum tacit_status s = tac_buf_addf(o->to, o->err, "    \"%s\": [\n", pair ? "pair" : "single");
    for (int i = 0; !s && i <= pair; i++) {
        if (v->add_bos)
            s = write_item(o, v->bos, 0, i, false);
        if (!s)
            s = write_item(o, -1, "AB"[i], i, i == pair && !v->add_eos);
        if (!s && v->add_eos)
            s = write_item(o, v->eos, 0, i, i == pair);
    }
    return s ? s : tac_words_add(o, "    ],\n");
}

static enum tacit_status write_special(struct tac_words_out *o, int64_t id)
{
    enum tacit_status s = tac_words_add(o, "      ");
    if (!s)
        s = tac_words_quote_token(o, (size_t)id);
    if (!s)
        s = tac_words_add(o, ": {\n        \"id\": ");
    if (!s)
        s = tac_words_quote_token(o, (size_t)id);
    if (!s)
        s = tac_buf_addf(o->to, o->err,
                         ",\n        \"ids\": [\n          %lld\n        ],\n        \"tokens\": "
                         "[\n          ",
                         (long long)id);
    if (!s)
        s = tac_words_quote_token(o, (size_t)id);
    return s ? s : tac_words_add(o, "\n        ]\n      }");
}

static enum tacit_status write_post_processor(struct tac_words_out *o)
{
    const struct tac_import_vocab *v = o->v;
    bool eos = v->add_eos && !(v->add_bos && v->bos == v->eos);
    enum tacit_status s = tac_words_add(o, "  \"post_processor\": ");
    if (s)
        return s;
    if (!v->add_bos && !v->add_eos)
        return tac_words_add(o, v->sentencepiece ? "null,\n"
                                                 : "{\n    \"type\": \"ByteLevel\",\n"
                                                   "    \"add_prefix_space\": true,\n"
                                                   "    \"trim_offsets\": false,\n"
                                                   "    \"use_regex\": true\n  },\n");
    s = tac_words_add(o, "{\n    \"type\": \"TemplateProcessing\",\n");
    if (!s)
        s = write_template(o, false);
    if (!s)
        s = write_template(o, true);
    if (!s)
        s = tac_words_add(o, "    \"special_tokens\": {\n");
    if (!s && v->add_bos)
        s = write_special(o, v->bos);
    if (!s && v->add_bos && eos)
        s = tac_words_add(o, ",\n");
    if (!s && eos)
        s = write_special(o, v->eos);
    return s ? s : tac_words_add(o, "\n    }\n  },\n");
}

static enum tacit_status write_decoder(struct tac_words_out *o)
{
    if (!o->v->sentencepiece)
        return tac_words_add(o, "  \"decoder\": {\n    \"type\": \"ByteLevel\",\n"
                                "    \"add_prefix_space\": true,\n    \"trim_offsets\": true,\n"
                                "    \"use_regex\": true\n  },\n");
    return tac_buf_addf(
        o->to, o->err,
        "  \"decoder\": {\n    \"type\": \"Sequence\",\n    \"decoders\": [\n"
        "      {\n        \"type\": \"Replace\",\n        \"pattern\": {\n"
        "          \"String\": \"▁\"\n        },\n        \"content\": \" \"\n      },\n"
        "      {\n        \"type\": \"ByteFallback\"\n      },\n"
        "      {\n        \"type\": \"Fuse\"\n      }%s\n    ]\n  },\n",
        o->v->space ? ",\n      {\n        \"type\": \"Strip\",\n        \"content\": \" \",\n"
                      "        \"start\": 1,\n        \"stop\": 0\n      }"
                    : "");
}

enum tacit_status tac_words_parts(struct tac_words_out *o)
{
    enum tacit_status s = write_normalizer(o);
    if (!s)
        s = write_pre_tokenizer(o);
    if (!s)
        s = write_post_processor(o);
    return s ? s : write_decoder(o);
}
