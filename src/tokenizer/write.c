/* Writing a tokenizer.json in BLOOM's layout, as HuggingFace tokenizers writes it. */
#include "tokenizer/learn.h"

#include "format/json.h"
#include "tokenizer/vocab.h"

#include <string.h>

enum { BYTES = 256 };

/* A byte's character of the byte-level alphabet. */
struct byte_name {
    char s[5];
};

static const char *token_bytes(const struct tac_learned *l, int32_t id, size_t *n)
{
    size_t i = (size_t)id - l->n_special, from = i ? l->end[i - 1] : 0;
    *n = l->end[i] - from;
    return l->bytes + from;
}

/* A token as the file writes it: each byte as its character of the byte-level alphabet. */
static enum tacit_status quote_token(struct tac_buf *out, const struct tac_learned *l, int32_t id,
                                     const struct byte_name *names, struct tacit_err *err)
{
    struct tac_buf name = {0};
    size_t n;
    const char *bytes = token_bytes(l, id, &n);
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; !st && i < n; i++)
        st = tac_buf_adds(&name, names[(unsigned char)bytes[i]].s, err);
    if (!st)
        st = tac_json_quote(out, name.data, name.len, false, err);
    tac_buf_release(&name);
    return st;
}

static void byte_names(struct byte_name names[BYTES])
{
    memset(names, 0, BYTES * sizeof *names);
    size_t found = 0, one;
    for (uint32_t cp = 0; found < BYTES; cp++) {
        char name[4], byte;
        size_t n = tac_utf8_put(name, cp);
        if (tac_bytes_of_name(&byte, &one, name, n)) {
            memcpy(names[(unsigned char)byte].s, name, n);
            found++;
        }
    }
}

static enum tacit_status write_added(struct tac_buf *out, const struct tac_learned *l,
                                     struct tacit_err *err)
{
    enum tacit_status st =
        tac_buf_adds(out,
                     "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
                     "  \"added_tokens\": [",
                     err);
    for (size_t i = 0; !st && i < l->n_special; i++) {
        st = tac_buf_addf(out, err,
                          "%s\n    {\n      \"id\": %zu,\n      \"content\": ", i ? "," : "", i);
        if (!st)
            st = tac_json_quote(out, l->special[i], strlen(l->special[i]), false, err);
        if (!st)
            st = tac_buf_adds(
                out,
                ",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,\n"
                "      \"normalized\": false,\n      \"special\": true\n    }",
                err);
    }
    return st ? st : tac_buf_adds(out, l->n_special ? "\n  ],\n" : "],\n", err);
}

static enum tacit_status write_parts(struct tac_buf *out, const struct tac_learned *l,
                                     struct tacit_err *err)
{
    enum tacit_status st = tac_buf_adds(
        out,
        "  \"normalizer\": null,\n  \"pre_tokenizer\": {\n    \"type\": \"Sequence\",\n"
        "    \"pretokenizers\": [\n      {\n        \"type\": \"Split\",\n"
        "        \"pattern\": {\n          \"Regex\": ",
        err);
    if (!st)
        st = tac_json_quote(out, l->pattern, strlen(l->pattern), false, err);
    if (!st)
        st = tac_buf_adds(
            out,
            "\n        },\n        \"behavior\": \"Isolated\",\n        \"invert\": false\n      },\n"
            "      {\n        \"type\": \"ByteLevel\",\n        \"add_prefix_space\": false,\n"
            "        \"trim_offsets\": true,\n        \"use_regex\": false\n      }\n    ]\n  },\n"
            "  \"post_processor\": {\n    \"type\": \"ByteLevel\",\n    \"add_prefix_space\": true,\n"
            "    \"trim_offsets\": false,\n    \"use_regex\": true\n  },\n"
            "  \"decoder\": {\n    \"type\": \"ByteLevel\",\n    \"add_prefix_space\": true,\n"
            "    \"trim_offsets\": true,\n    \"use_regex\": true\n  },\n",
            err);
    return st;
}

static enum tacit_status write_model(struct tac_buf *out, const struct tac_learned *l,
                                     struct tacit_err *err)
{
    struct byte_name names[BYTES];
    byte_names(names);
    size_t total = l->n_special + l->n_token;
    enum tacit_status st = tac_buf_adds(
        out,
        "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n"
        "    \"unk_token\": null,\n    \"continuing_subword_prefix\": null,\n"
        "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n"
        "    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n    \"vocab\": {",
        err);
    for (size_t i = 0; !st && i < total; i++) {
        st = tac_buf_adds(out, i ? ",\n      " : "\n      ", err);
        if (!st && i < l->n_special)
            st = tac_json_quote(out, l->special[i], strlen(l->special[i]), false, err);
        else if (!st)
            st = quote_token(out, l, (int32_t)i, names, err);
        if (!st)
            st = tac_buf_addf(out, err, ": %zu", i);
    }
    if (!st)
        st = tac_buf_adds(out, "\n    },\n    \"merges\": [", err);
    for (size_t i = 0; !st && i < l->n_merge; i++) {
        st = tac_buf_adds(out, i ? ",\n      [\n        " : "\n      [\n        ", err);
        if (!st)
            st = quote_token(out, l, l->merge[i].left, names, err);
        if (!st)
            st = tac_buf_adds(out, ",\n        ", err);
        if (!st)
            st = quote_token(out, l, l->merge[i].right, names, err);
        if (!st)
            st = tac_buf_adds(out, "\n      ]", err);
    }
    return st ? st : tac_buf_adds(out, l->n_merge ? "\n    ]\n  }\n}" : "]\n  }\n}", err);
}

enum tacit_status tac_tokenizer_write(struct tac_buf *out, const struct tac_learned *l,
                                      struct tacit_err *err)
{
    enum tacit_status st = write_added(out, l, err);
    if (!st)
        st = write_parts(out, l, err);
    return st ? st : write_model(out, l, err);
}
