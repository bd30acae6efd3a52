/* Plain vocabularies, as SentencePiece makes them, against HuggingFace tokenizers
 * (tests/golden/tokenizer/make_sentencepiece.py), and against their own definition. */
#include "check.h"

#include "base/rng.h"
#include "format/json.h"
#include "tokenizer/tokenizer.h"

static const char *const styles[] = {"llama2", "llama2-v5", "mistral", "metaspace", "gemma"};
enum { STYLES = sizeof styles / sizeof *styles, MOST = 4096 };

static json_t *load(const char *style, const char *what)
{
    char path[256];
    json_error_t bad;
    snprintf(path, sizeof path, "tests/golden/tokenizer/%s.%s.json", style, what);
    json_t *v = json_load_file(path, JSON_ALLOW_NUL, &bad);
    if (!v)
        fail_msg("%s: %s", path, bad.text);
    return v;
}

static struct tac_tokenizer *open_style(const char *style)
{
    char path[256];
    struct tacit_err err;
    struct tac_tokenizer *t;
    snprintf(path, sizeof path, "tests/golden/tokenizer/%s.json", style);
    assert_ok(tac_tokenizer_open(&t, path, &err), err);
    return t;
}

static size_t read_ids(int32_t ids[MOST], const json_t *c, const char *key)
{
    const json_t *list = json_object_get(c, key);
    size_t n = json_array_size(list);
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return n;
}

static void check_encode(const struct tac_tokenizer *t, const char *style, const json_t *c,
                         const char *key, unsigned how)
{
    const json_t *text = json_object_get(c, "text");
    struct tac_ids got = {0};
    struct tacit_err err;
    int32_t want[MOST];
    size_t n = read_ids(want, c, key);
    assert_ok(tac_tokenizer_encode_as(t, &got, json_string_value(text), json_string_length(text),
                                      how, &err),
              err);
    if (got.n != n || (n && memcmp(got.id, want, n * sizeof *want) != 0))
        fail_msg("%s: '%s': other %s", style, json_string_value(text), key);
    tac_ids_release(&got);
}

/* The ids of c whole and one by one; one by one whole characters come. */
static void check_decode(const struct tac_tokenizer *t, const char *style, const json_t *c)
{
    const json_t *want = json_object_get(c, "decoded");
    struct tac_buf whole = {0}, pieces = {0};
    struct tac_decode_stream stream = {.t = t};
    struct tacit_err err;
    int32_t ids[MOST];
    size_t n = read_ids(ids, c, "ids");
    assert_ok(tac_buf_adds(&whole, "", &err), err);
    assert_ok(tac_buf_adds(&pieces, "", &err), err);
    assert_ok(tac_tokenizer_decode(t, &whole, ids, n, false, &err), err);
    for (int again = 0; again < 2; again++) {
        tac_buf_clear(&pieces);
        for (size_t i = 0; i < n; i++) {
            assert_ok(tac_decode_stream_next(&stream, &pieces, ids[i], &err), err);
            assert_int_equal(tac_utf8_bad(pieces.data, pieces.len), pieces.len);
        }
        assert_ok(tac_decode_stream_flush(&stream, &pieces, &err), err);
    }
    if (whole.len != json_string_length(want) ||
        memcmp(whole.data, json_string_value(want), whole.len) != 0)
        fail_msg("%s: '%s' is decoded as '%s'", style, json_string_value(want), whole.data);
    assert_int_equal(pieces.len, whole.len);
    assert_memory_equal(pieces.data, whole.data, whole.len);
    tac_decode_stream_release(&stream);
    tac_buf_release(&whole);
    tac_buf_release(&pieces);
}

static void test_styles(void **state)
{
    (void)state;
    for (size_t k = 0; k < STYLES; k++) {
        struct tac_tokenizer *t = open_style(styles[k]);
        json_t *cases = load(styles[k], "cases"), *lists = load(styles[k], "decode"), *c;
        size_t i;
        assert_true(json_array_size(cases) >= 100 && json_array_size(lists) >= 60);
        json_array_foreach(cases, i, c)
        {
            check_encode(t, styles[k], c, "ids", 0);
            check_encode(t, styles[k], c, "with_special", TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS);
            check_decode(t, styles[k], c);
        }
        json_array_foreach(lists, i, c) check_decode(t, styles[k], c);
        json_decref(cases);
        json_decref(lists);
        tac_tokenizer_close(t);
    }
}

/* The bytes that a token stands for, and its name. */
static void test_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        bool special;
    } cases[] = {{"▁the", " the", false},
                 {"<0xE6>", "\xe6", false},
                 {"▁▁", "  ", false},
                 {"<s>", "<s>", true},
                 {"ing", "ing", false}};
    struct tac_tokenizer *t = open_style("llama2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        bool special;
        int32_t id = tac_tokenizer_id(t, cases[i].name);
        const char *bytes = tac_tokenizer_token(t, id, &n, &special);
        assert_true(id >= 0 && n == strlen(cases[i].bytes) && special == cases[i].special);
        assert_memory_equal(bytes, cases[i].bytes, n);
    }
    assert_int_equal(tac_tokenizer_id(t, " the"), -1);
    tac_tokenizer_close(t);
}

/* A text that continues another has the ids that it has there, where it begins with a word. */
static void test_continues(void **state)
{
    (void)state;
    static const char *const parts[][2] = {
        {"The dog", " runs"}, {"Answer:", " True"}, {"a\n", "b c"}, {"x", "  y"}, {"a", " <s> b"}};
    static const char *const of[] = {"llama2", "llama2-v5", "mistral", "metaspace"};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        struct tac_tokenizer *t = open_style(of[k]);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            struct tac_ids whole = {0}, apart = {0};
            struct tacit_err err;
            char text[64];
            snprintf(text, sizeof text, "%s%s", parts[i][0], parts[i][1]);
            assert_ok(
                tac_tokenizer_encode_as(t, &whole, text, strlen(text), TACIT_TEXT_BEGINS, &err),
                err);
            for (int p = 0; p < 2; p++)
                assert_ok(tac_tokenizer_encode_as(t, &apart, parts[i][p], strlen(parts[i][p]),
                                                  p ? TACIT_TEXT_CONTINUES : TACIT_TEXT_BEGINS,
                                                  &err),
                          err);
            if (whole.n != apart.n || memcmp(whole.id, apart.id, whole.n * sizeof *whole.id) != 0)
                fail_msg("%s: '%s': the parts have other ids", of[k], text);
            tac_ids_release(&whole);
            tac_ids_release(&apart);
        }
        tac_tokenizer_close(t);
    }
}

/* HuggingFace's words of one alphabet, in which "a" and "b" and their bytes may lack tokens. */
static void test_unknown(void **state)
{
    (void)state;
    static const struct {
        const char *flags, *text;
        int32_t ids[6];
        size_t n;
    } cases[] = {
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": true",
         "aBAAa",
         {1, 2, 2, 0, 1},
         5},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": true", "BB", {0}, 1},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": true", "BAB", {2, 0}, 2},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": false",
         "BAB",
         {2, 0, 0},
         3},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": false, \"fuse_unk\": true",
         "aABa",
         {1, 0, 1},
         3},
        {"\"unk_token\": \"<unk>\", \"byte_fallback\": false, \"fuse_unk\": false",
         "aABa",
         {1, 0, 0, 1},
         4},
        {"\"unk_token\": null, \"byte_fallback\": false, \"fuse_unk\": false", "aABa", {3}, 1},
        {"\"unk_token\": null, \"byte_fallback\": true, \"fuse_unk\": false",
         "aBa\xe2\x96\x81",
         {3, 4},
         2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_tokenizer *t;
        struct tac_ids ids = {0};
        struct tacit_err err;
        char text[512];
        snprintf(
            text, sizeof text,
            "{\"decoder\": {\"type\": \"Fuse\"}, \"model\": {\"type\": \"BPE\", %s, \"vocab\": "
            "{\"<unk>\": 0, \"a\": 1, \"<0x41>\": 2, \"aa\": 3, \"▁\": 4}, \"merges\": [\"a a\"]}}",
            cases[i].flags);
        assert_ok(tac_tokenizer_parse(&t, text, strlen(text), "tok.json", &err), err);
        assert_ok(tac_tokenizer_encode(t, &ids, cases[i].text, strlen(cases[i].text), &err), err);
        if (ids.n != cases[i].n || memcmp(ids.id, cases[i].ids, ids.n * sizeof *ids.id) != 0)
            fail_msg("case %zu, '%s': other ids", i, cases[i].text);
        tac_ids_release(&ids);
        tac_tokenizer_close(t);
    }
}

/* Where no merge reaches over a word's beginning, words are merged one by one: the same ids as with
 * one more merge, never used, that does reach over it. */
static void test_words_apart(void **state)
{
    (void)state;
    static const char text[] =
        "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"▁\"}, "
        "\"decoder\": {\"type\": \"Fuse\"}, \"model\": {\"type\": \"BPE\", \"unk_token\": \"<unk>\", "
        "\"fuse_unk\": true, \"vocab\": {\"<unk>\": 0, \"a\": 1, \"b\": 2, \"▁\": 3, \"▁a\": 4, \"ab\": 5, "
        "\"▁ab\": 6, \"▁▁\": 7, \"▁▁a\": 8, \"ba\": 9, \"bab\": 10, \"Q\": 11, \"Q▁\": 12, \"b▁\": 13}, "
        "\"merges\": [\"▁ ▁\", \"a b\", \"▁ a\", \"▁ ab\", \"▁▁ a\", \"b a\", \"ba b\"%s]}}";
    static const char *const more[] = {"", ", \"Q ▁\"", ", \"b ▁\""};
    static const char *const piece[] = {"a", "b", " ", "  ", "ab", "x", "ba", "é"};
    struct tac_tokenizer *t[3];
    struct tacit_err err;
    struct tac_rng rng = tac_rng_init(3, 0);
    bool differs = false;
    for (int i = 0; i < 3; i++) {
        char file[1024];
        snprintf(file, sizeof file, text, more[i]);
        assert_ok(tac_tokenizer_parse(&t[i], file, strlen(file), "tok.json", &err), err);
    }
    for (int k = 0; k < 3000; k++) {
        char s[256] = "";
        struct tac_ids ids[3] = {{0}};
        for (uint32_t i = tac_rng_below(&rng, 40); i < 40; i++)
            strcat(s, piece[tac_rng_below(&rng, sizeof piece / sizeof *piece)]);
        for (int i = 0; i < 3; i++)
            assert_ok(tac_tokenizer_encode(t[i], &ids[i], s, strlen(s), &err), err);
        if (ids[0].n != ids[1].n || memcmp(ids[0].id, ids[1].id, ids[0].n * sizeof *ids[0].id) != 0)
            fail_msg("'%s': %zu ids by words, %zu as a whole, or others", s, ids[0].n, ids[1].n);
        differs |= ids[2].n != ids[0].n;
        for (int i = 0; i < 3; i++)
            tac_ids_release(&ids[i]);
    }
    assert_true(differs); /* a merge over a word's beginning is found */
    for (int i = 0; i < 3; i++)
        tac_tokenizer_close(t[i]);
}

/* Llama 3's post-processor: one for offsets, one for tokens. */
static void test_processors(void **state)
{
    (void)state;
    static const char text[] =
        "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"decoder\": {\"type\": \"ByteLevel\"}, "
        "\"post_processor\": {\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\", \"trim_offsets\": true}, "
        "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<b>\", \"type_id\": 0}}, "
        "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"<e>\", \"type_id\": 0}}], "
        "\"special_tokens\": {\"<b>\": {\"id\": \"<b>\", \"ids\": [1], \"tokens\": [\"<b>\"]}, "
        "\"<e>\": {\"id\": \"<e>\", \"ids\": [2], \"tokens\": [\"<e>\"]}}}]}, "
        "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"<b>\": 1, \"<e>\": 2}, \"merges\": []}}";
    static const struct {
        unsigned how;
        int32_t ids[3];
        size_t n;
    } cases[] = {{0, {0}, 1},
                 {TACIT_TEXT_BEGINS, {1, 0}, 2},
                 {TACIT_TEXT_ENDS, {0, 2}, 2},
                 {TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS, {1, 0, 2}, 3}};
    struct tac_tokenizer *t;
    struct tacit_err err;
    assert_ok(tac_tokenizer_parse(&t, text, strlen(text), "tok.json", &err), err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_ids ids = {0};
        assert_ok(tac_tokenizer_encode_as(t, &ids, "a", 1, cases[i].how, &err), err);
        assert_int_equal(ids.n, cases[i].n);
        assert_memory_equal(ids.id, cases[i].ids, ids.n * sizeof *ids.id);
        tac_ids_release(&ids);
    }
    tac_tokenizer_close(t);
}

#define MODEL   "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}"
#define REPLACE "{\"type\": \"Replace\", \"pattern\": {\"String\": \"x\"}, \"content\": \"y\"}"
#define DECODERS(list)                                                                             \
    "{\"decoder\": {\"type\": \"Sequence\", \"decoders\": [" list "]}, " MODEL "}"
#define META(fields)                                                                               \
    "{\"pre_tokenizer\": {\"type\": \"Metaspace\"" fields                                          \
    "}, \"decoder\": {\"type\": \"Fuse\"}, " MODEL "}"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"{" MODEL "}", "tok.json: decoder: expected a Sequence or Metaspace, found nothing"},
        {"{\"decoder\": {\"type\": \"ByteLevel\"}, " MODEL "}",
         "tok.json: decoder: type 'ByteLevel' does not go with"},
        {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"decoder\": {\"type\": \"Fuse\"}, " MODEL
         "}",
         "tok.json: decoder: type 'Fuse' does not go with ByteLevel's pre_tokenizer"},
        {"{\"decoder\": {\"type\": \"BPEDecoder\"}, " MODEL "}",
         "decoder: type 'BPEDecoder' is not supported"},
        {"{\"decoder\": {\"type\": \"WordPiece\"}, " MODEL "}",
         "decoder: type 'WordPiece' is not supported"},
        {DECODERS("{\"type\": \"Fuse\"}, {\"type\": \"ByteFallback\"}"),
         "tok.json: decoder[1]: ByteFallback here is not supported"},
        {DECODERS("{\"type\": \"ByteFallback\"}, " REPLACE),
         "tok.json: decoder[1]: Replace here is not supported"},
        {DECODERS("{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}"),
         "decoder[0]: Strip here is not supported"},
        {DECODERS(
             "{\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", \"start\": 0, \"stop\": 1}"),
         "decoder[1]: stop 1 is not supported; 0 is"},
        {DECODERS(
             "{\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \"xy\", \"start\": 1, \"stop\": 0}"),
         "decoder[1]: content: expected one character, found 'xy'"},
        {DECODERS("{\"type\": \"Metaspace\", \"replacement\": \"_\"}, {\"type\": \"Fuse\"}"),
         "decoder[1]: Fuse here is not supported"},
        {META(""), "tok.json: pre_tokenizer: "},
        {META(", \"replacement\": \"ab\""), "replacement: expected one character, found 'ab'"},
        {META(", \"replacement\": \"_\", \"prepend_scheme\": \"last\""),
         "prepend_scheme 'last' is not known"},
        {META(
             ", \"replacement\": \"_\", \"prepend_scheme\": \"first\", \"add_prefix_space\": false"),
         "add_prefix_space false does not go with prepend_scheme 'first'"},
        {"{\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, " MODEL "}",
         "pre_tokenizer: type 'BertPreTokenizer' is not supported"},
        {"{\"normalizer\": {\"type\": \"Precompiled\"}, " MODEL "}",
         "normalizer: type 'Precompiled' is not supported"},
        {"{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\"}, " MODEL
         "}",
         "tok.json: normalizer: pattern '('"},
        {"{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"x\"}, " MODEL
         "}",
         "normalizer: pattern: expected a text"},
        {"{\"model\": {\"type\": \"WordPiece\"}}",
         "tok.json: model.type 'WordPiece' is not supported; BPE is"},
        {"{\"model\": {\"type\": \"BPE\", \"unk_token\": \"<unk>\", \"byte_fallback\": true, \"vocab\": {\"a\": 0}, \"merges\": []}}",
         "tok.json: model.unk_token is not in the vocabulary"},
        {"{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}, \"model\": {\"type\": \"BPE\", \"byte_fallback\": true, \"vocab\": {\"a\": 0}, \"merges\": []}}",
         "tok.json: model.byte_fallback true beside ByteLevel"},
        {"{" MODEL ", " MODEL "}", "tok.json: field 'model' stands there twice"},
        {"{\"normalizer\": {\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}, \"decoder\": {\"type\": \"Fuse\"}, "
         "\"added_tokens\": [{\"id\": 1, \"content\": \" \", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
         "\"normalized\": true, \"special\": true}], " MODEL "}",
         "added_tokens[0]: a normalized token that the normalizer changes, ' '"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tac_tokenizer *t;
        struct tacit_err err;
        assert_fails(tac_tokenizer_parse(&t, bad[i].text, strlen(bad[i].text), "tok.json", &err),
                     TACIT_EINPUT, err, bad[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_styles),      cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_continues),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_words_apart), cmocka_unit_test(test_processors),
        cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("sentencepiece", tests, NULL, NULL);
}
