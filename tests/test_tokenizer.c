/* The tokenizer against golden ids of real tokenizers (shared data), its decoding, and files that
 * it must refuse. */
#include "check.h"

#include "base/file.h"
#include "base/rng.h"
#include "format/json.h"
#include "tokenizer/added.h"
#include "tokenizer/pattern.h"
#include "tokenizer/tokenizer.h"

#include <pthread.h>

static struct tac_tokenizer *open_shared(const char *name)
{
    char path[1024];
    struct tacit_err err;
    struct tac_tokenizer *t;
    if (!shared_path(path, name))
        skip();
    assert_ok(tac_tokenizer_open(&t, path, &err), err);
    return t;
}

static void check_ids(const struct tac_tokenizer *t, const char *text, size_t n,
                      const int32_t *want, size_t n_want)
{
    struct tacit_err err;
    struct tac_ids ids = {0};
    struct tac_buf back = {0};
    assert_ok(tac_tokenizer_encode(t, &ids, text, n, &err), err);
    assert_int_equal(ids.n, n_want);
    if (n_want)
        assert_memory_equal(ids.id, want, n_want * sizeof *want);
    assert_ok(tac_buf_add(&back, "", 0, &err), err);
    assert_ok(tac_tokenizer_decode(t, &back, ids.id, ids.n, false, &err), err);
    assert_int_equal(back.len, n);
    assert_memory_equal(back.data, text, n);
    struct tac_decode_stream stream = {.t = t};
    tac_buf_clear(&back);
    for (size_t i = 0; i < ids.n; i++) {
        assert_ok(tac_decode_stream_next(&stream, &back, ids.id[i], &err), err);
        assert_int_equal(tac_utf8_bad(back.data, back.len), back.len);
    }
    assert_ok(tac_decode_stream_flush(&stream, &back, &err), err);
    assert_int_equal(back.len, n);
    assert_memory_equal(back.data, text, n);
    tac_decode_stream_release(&stream);
    tac_ids_release(&ids);
    tac_buf_release(&back);
}

static void test_bloom(void **state)
{
    (void)state;
    struct tac_tokenizer *t = open_shared("data/bloom-tokenizer/tokenizer.json");
    char path[1024];
    struct tacit_err err;
    json_t *cases, *c;
    size_t at;
    assert_int_equal(tac_tokenizer_size(t), 250680);
    assert_ok(
        tac_json_load(&cases, shared_path(path, "data/bloom-tokenizer/golden.json"), 1 << 20, &err),
        err);
    json_array_foreach(cases, at, c)
    {
        const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, "ids");
        int32_t want[4096];
        for (size_t i = 0; i < json_array_size(ids); i++)
            want[i] = (int32_t)json_integer_value(json_array_get(ids, i));
        check_ids(t, json_string_value(text), json_string_length(text), want, json_array_size(ids));
    }
    assert_true(at >= 50);
    json_decref(cases);
    tac_tokenizer_close(t);
}

/* Cases separated by a marker line; ids a line each (llama.cpp's layout). */
static void check_cases(const char *tokenizer, const char *folder)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    struct tac_tokenizer *t = open_shared(tokenizer);
    char name[256], path[1024];
    struct tacit_err err;
    struct tac_buf in = {0}, out = {0};
    snprintf(name, sizeof name, "%s/golden.inp", folder);
    assert_ok(tac_file_read(&in, shared_path(path, name), 1 << 20, &err), err);
    snprintf(name, sizeof name, "%s/golden.out", folder);
    assert_ok(tac_file_read(&out, shared_path(path, name), 1 << 20, &err), err);
    char *line = out.data, *text = in.data;
    int cases = 0;
    for (; *line; cases++) {
        char *end = strstr(text, mark), *stop = strchr(line, '\n');
        int32_t want[1024];
        size_t n = 0;
        for (char *p = line, *after; p < stop; p = after) {
            long v = strtol(p, &after, 10);
            if (after == p)
                break;
            want[n++] = (int32_t)v;
            after += strspn(after, " ");
        }
        check_ids(t, text, end ? (size_t)(end - text) : strlen(text), want, n);
        text = end ? end + strlen(mark) : text + strlen(text);
        line = stop + 1;
    }
    assert_true(cases >= 46);
    tac_buf_release(&in);
    tac_buf_release(&out);
    tac_tokenizer_close(t);
}

static void test_gpt2(void **state)
{
    (void)state;
    char path[1024];
    if (!shared_path(path, "data/gpt2-tokenizer/vocab.json"))
        skip();
    check_cases("data/gpt2-tokenizer", "data/gpt2-tokenizer");
}

static void test_neox(void **state)
{
    (void)state;
    check_cases("data/pythia-tokenizer/20B_tokenizer.json", "data/pythia-tokenizer");
}

static void test_own(void **state)
{
    (void)state;
    struct tac_tokenizer *t;
    struct tacit_err err;
    struct tac_ids ids = {0};
    assert_ok(tac_tokenizer_open(&t, "demo/tokenizer.json", &err), err);
    static const char *const texts[] = {"", " ", "A frog. Animal or plant?", "</s>x<pad>",
                                        "我想在\n\t🚀 e\xcc\x81!!"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ids.n = 0;
        assert_ok(tac_tokenizer_encode(t, &ids, texts[i], strlen(texts[i]), &err), err);
        check_ids(t, texts[i], strlen(texts[i]), ids.id, ids.n);
    }
    ids.n = 0;
    assert_ok(tac_tokenizer_encode(t, &ids, "</s>", 4, &err), err);
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.id[0], 2);
    assert_fails(tac_tokenizer_encode(t, &ids, "ab\xff", 3, &err), TACIT_EINPUT, err, "2");
    tac_ids_release(&ids);
    tac_tokenizer_close(t);
}

/* Encoding gives the ids that the case says under `key`; they come back in want. */
static size_t check_case(struct tac_encoder *e, const json_t *c, const char *key, bool special,
                         int32_t want[4096])
{
    const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, key);
    struct tac_ids got = {0};
    struct tacit_err err;
    size_t n = json_array_size(ids);
    assert_true(n <= 4096);
    for (size_t i = 0; i < n; i++)
        want[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    assert_ok(tac_encoder_encode(e, &got, json_string_value(text), json_string_length(text),
                                 special ? TACIT_TEXT_BEGINS | TACIT_TEXT_ENDS : 0, &err),
              err);
    if (got.n != n || (n && memcmp(got.id, want, n * sizeof *want) != 0))
        fail_msg("'%s': other %s", json_string_value(text), key);
    tac_ids_release(&got);
    return n;
}

/* Small tokenizers in the layouts of five families, and HuggingFace's ids (tests/golden/tokenizer).
 */
static void test_styles(void **state)
{
    (void)state;
    static const char *const styles[] = {"bloom", "gpt2", "neox", "qwen2", "llama3"};
    for (size_t k = 0; k < sizeof styles / sizeof *styles; k++) {
        char path[256];
        struct tacit_err err;
        struct tac_tokenizer *t;
        struct tac_encoder *e;
        json_error_t bad;
        json_t *c;
        size_t at;
        snprintf(path, sizeof path, "tests/golden/tokenizer/%s.cases.json", styles[k]);
        json_t *cases = json_load_file(path, JSON_ALLOW_NUL, &bad);
        snprintf(path, sizeof path, "tests/golden/tokenizer/%s.json", styles[k]);
        assert_ok(tac_tokenizer_open(&t, path, &err), err);
        assert_ok(tac_encoder_new(&e, t, &err), err);
        assert_true(json_array_size(cases) >= 100);
        json_array_foreach(cases, at, c)
        {
            const json_t *decoded = json_object_get(c, "decoded");
            int32_t want[4096];
            struct tac_buf back = {0};
            check_case(e, c, "with_special", true, want);
            size_t n = check_case(e, c, "ids", false, want);
            assert_ok(tac_tokenizer_decode(t, &back, want, n, false, &err), err);
            if (back.len != json_string_length(decoded) ||
                (back.len && memcmp(back.data, json_string_value(decoded), back.len) != 0))
                fail_msg("%s: case %zu is decoded otherwise", styles[k], at);
            tac_buf_release(&back);
        }
        json_decref(cases);
        tac_encoder_free(e);
        tac_tokenizer_close(t);
    }
}

/* Each hand-written matcher cuts random texts where its pattern does. */
static void test_scans(void **state)
{
    (void)state;
    static const char *const piece[] = {
        "a",   "S",  "'",         "'s",     "'LL", "'Re",      " ",
        "   ", "\n", "\r\n",      "\t",     "7",   "12",       "é",
        "日",  "。", "\u3000",    "\u2028", "!",   "(|)",      "ſ",
        "Ⅷ",   "'ſ", "e\xcc\x81", ",",      "_",   "\xc2\xa0", "\xf0\x9f\x9a\x80",
        "'d"};
    struct tacit_err err;
    struct tac_rng rng = tac_rng_init(4, 0);
    struct tac_match match = {0};
    uint8_t *chars = tac_chars_new(&err);
    assert_non_null(chars);
    for (enum tac_scan scan = TAC_SCAN_BLOOM; scan <= TAC_SCAN_LLAMA3; scan++) {
        struct tac_pattern by_hand, by_pcre;
        assert_ok(tac_pattern_open(&by_hand, tac_scan_pattern(scan), true, &err), err);
        assert_ok(tac_pattern_open(&by_pcre, tac_scan_pattern(scan), false, &err), err);
        assert_int_equal(by_hand.scan, scan);
        for (int k = 0; k < 3000; k++) {
            char text[128] = "";
            for (uint32_t i = tac_rng_below(&rng, 9); i < 9; i++)
                strcat(text, piece[tac_rng_below(&rng, sizeof piece / sizeof *piece)]);
            size_t n = strlen(text), from = 0, start = 0, end = 0, start2 = 0, end2 = 0;
            for (bool found = true, found2; found; from = end) {
                assert_ok(tac_pattern_next(&by_hand, &match, chars, text, n, from, &start, &end,
                                           &found, &err),
                          err);
                assert_ok(tac_pattern_next(&by_pcre, &match, chars, text, n, from, &start2, &end2,
                                           &found2, &err),
                          err);
                if (found != found2 || (found && (start != start2 || end != end2)))
                    fail_msg("scan %d, '%s' from %zu: [%zu,%zu), the pattern [%zu,%zu)", (int)scan,
                             text, from, start, end, start2, end2);
            }
        }
        tac_pattern_close(&by_hand);
        tac_pattern_close(&by_pcre);
    }
    tac_match_release(&match);
    free(chars);
}

/* pattern.h's rules; NULL: refused. */
static void test_translate(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a{,3}b{2}", "a{0,3}b{2,2}"},
        {"a{2,}", "a{2,}"},
        {"a{x", "a\\{x"},
        {"[a-a]", "[a-a]"},
        {"[b-a]", NULL},
        {"[a[bc]d]", "[abcd]"},
        {"[^a[b]]", "[^ab]"},
        {"[(|).]", "[\\(\\|\\)\\.]"},
        {"[a[^b]]", NULL},
        {"[a&&b]", NULL},
        {"[[:alpha:]]", NULL},
        {"\\d\\s", "\\p{Nd}\\p{White_Space}"},
        {"\\p{Han}", "\\p{sc:Han}"},
        {"\\p{^Lu}", "\\P{Lu}"},
        {"\\P{N}", "\\P{N}"},
        {"\\x41\\x{e9}\\u65e5", "Aé日"},
        {"\\x80", NULL},
        {"(?i:a)(?=b)", "(?i:a)(?=b)"},
        {"(?<n>a)", NULL},
        {"\\b", NULL},
        {"a{2}?", NULL},
        {"a{2}+", NULL},
        {"(a)\\1", NULL},
        {"[a-", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_buf out = {0};
        struct tacit_err err;
        if (cases[i][1]) {
            assert_ok(tac_pattern_translate(&out, cases[i][0], &err), err);
            assert_string_equal(out.data, cases[i][1]);
        } else {
            assert_fails(tac_pattern_translate(&out, cases[i][0], &err), TACIT_EINPUT, err,
                         "is not supported");
        }
        tac_buf_release(&out);
    }
}

static enum tacit_status show_part(void *out, int32_t id, const char *s, size_t n,
                                   struct tacit_err *err)
{
    return id < 0 ? tac_buf_addf(out, err, "%.*s;", (int)n, s)
                  : tac_buf_addf(out, err, "%d<%.*s>;", id, (int)n, s);
}

/* Longest first, whole words, space taken along on either side and never twice. */
static void test_added(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct tac_added_token token;
    } tokens[] = {{"[a]", {.id = 1}},
                  {"[a][b]", {.id = 2}},
                  {"[a]", {.id = 9}},
                  {"cat", {.id = 3, .single_word = true}},
                  {"<l>", {.id = 4, .lstrip = true}},
                  {"<r>", {.id = 5, .rstrip = true}}};
    static const char *const cases[][2] = {
        {"x[a][b][a]y", "x;2<[a][b]>;1<[a]>;y;"},
        {"[a][", "1<[a]>;[;"},
        {"cat cats a cat. xcat \xc3\xa9"
         "cat",
         "3<cat>; cats a ;3<cat>;. xcat \xc3\xa9"
         "cat;"},
        {"a <l> b <r> c", "a;4< <l>>; b ;5<<r> >;c;"},
        {"a<r> \xe3\x80\x80<l>", "a;5<<r> \xe3\x80\x80>;4<<l>>;"},
    };
    struct tac_added a = {0};
    struct tacit_err err;
    uint8_t *chars = tac_chars_new(&err);
    assert_non_null(chars);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        assert_ok(tac_added_add(&a, tokens[i].text, strlen(tokens[i].text), tokens[i].token, &err),
                  err);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tac_buf out = {0};
        assert_ok(
            tac_added_split(&a, chars, cases[i][0], strlen(cases[i][0]), show_part, &out, &err),
            err);
        assert_string_equal(out.data, cases[i][1]);
        tac_buf_release(&out);
    }
    tac_added_release(&a);
    free(chars);
}

/* Ill-formed bytes as Rust's from_utf8_lossy has them (R: U+FFFD), whole and token by token. */
static void test_lossy(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    static const char *const cases[][2] = {
        {"\xed\xa0\x80x", R R R "x"},
        {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},
        {"\xe6\x97", R},
        {"\xf0\x9f\x98"
         "a",
         R "a"},
        {"\xc0\x80", R R},
        {"\xe0\x80\x80", R R R},
        {"\xf4\x90\x80\x80", R R R R},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"\xf0\x90\x80\xe6\x97\xa5", R "\xe6\x97\xa5"},
        {"a\x80\xff", "a" R R},
    };
#undef R
    struct tac_tokenizer *t;
    struct tacit_err err;
    int32_t byte_id[256] = {0};
    assert_ok(tac_tokenizer_open(&t, "demo/tokenizer.json", &err), err);
    for (int32_t id = 0; id < (int32_t)tac_tokenizer_size(t); id++) {
        size_t n;
        const char *token = tac_tokenizer_token(t, id, &n, NULL);
        if (token && n == 1)
            byte_id[(unsigned char)*token] = id;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t ids[16];
        size_t n = strlen(cases[i][0]);
        struct tac_buf whole = {0}, pieces = {0};
        struct tac_decode_stream stream = {.t = t};
        for (size_t k = 0; k < n; k++) {
            ids[k] = byte_id[(unsigned char)cases[i][0][k]];
            assert_ok(tac_decode_stream_next(&stream, &pieces, ids[k], &err), err);
        }
        assert_ok(tac_decode_stream_flush(&stream, &pieces, &err), err);
        assert_ok(tac_tokenizer_decode(t, &whole, ids, n, false, &err), err);
        assert_string_equal(whole.data, cases[i][1]);
        assert_string_equal(pieces.data, cases[i][1]);
        tac_decode_stream_release(&stream);
        tac_buf_release(&whole);
        tac_buf_release(&pieces);
    }
    tac_tokenizer_close(t);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "tok.json"},
        {"{", "tok.json"},
        {"{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}", "Unigram"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a b\"]}}", "b"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\", \"b a\"]}}",
         "tok.json: merge 1, \"b\" and \"a\": together"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"\\u20ac\": 1}, \"merges\": [[\"a\", \"\\u20ac\"]]}}",
         "tok.json: merge 0, \"a\" and \"\xe2\x82\xac\": together"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 3, \"b\": 1, \"a\": 2}, \"merges\": []}}",
         "tok.json: token \"a\" stands there twice, with ids 2 and 3"},
        {"{\"normalizer\": {\"type\": \"Lowercase\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}",
         "Lowercase"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tac_tokenizer *t;
        struct tacit_err err;
        assert_fails(tac_tokenizer_parse(&t, bad[i].text, strlen(bad[i].text), "tok.json", &err),
                     TACIT_EINPUT, err, bad[i].says);
    }
}

/* A merge outside the byte-level alphabet, which never happens, between two that do. */
static void test_literal_merge(void **state)
{
    (void)state;
    static const char text[] =
        "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": true}, "
        "\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, "
        "\"\xe2\x82\xac\": 2, \"ab\": 3, \"\xe2\x82\xac\xe2\x82\xac\": 4, \"bab\": 5, \"ba\": 6}, "
        "\"merges\": [\"a b\", [\"\xe2\x82\xac\", \"\xe2\x82\xac\"], \"b ab\", \"b a\"]}}";
    struct tac_tokenizer *t;
    struct tacit_err err;
    static const int32_t want[] = {5, 6};
    assert_ok(tac_tokenizer_parse(&t, text, strlen(text), "tok.json", &err), err);
    check_ids(t, "babba", 5, want, 2);
    tac_tokenizer_close(t);
}

enum { THREADS = 4, TIMES = 200 };

/* What a thread encodes, again and again; a fresh handle's ids are expected. */
static void *encode_often(void *shared)
{
    static const char *const texts[] = {"A frog sat by the pond.", "The pond, the frog; 12 frogs.",
                                        " sat sat sat", "x"};
    struct tacit_err err;
    for (size_t i = 0; i < TIMES; i++) {
        const char *text = texts[i % 4];
        struct tac_tokenizer *alone;
        struct tac_ids got = {0}, want = {0};
        bool bad = tac_tokenizer_open(&alone, "demo/tokenizer.json", &err) ||
                   tac_tokenizer_encode(alone, &want, text, strlen(text), &err);
        for (int k = 0; k < 50 && !bad; k++) {
            got.n = 0;
            bad = tac_tokenizer_encode(shared, &got, text, strlen(text), &err) || got.n != want.n ||
                  memcmp(got.id, want.id, got.n * sizeof *got.id) != 0;
        }
        tac_tokenizer_close(alone);
        tac_ids_release(&got);
        tac_ids_release(&want);
        if (bad)
            return shared;
    }
    return NULL;
}

/* Threads share a handle and what it remembers of words. */
static void test_threads(void **state)
{
    (void)state;
    struct tac_tokenizer *t;
    struct tacit_err err;
    pthread_t thread[THREADS];
    void *failed;
    assert_ok(tac_tokenizer_open(&t, "demo/tokenizer.json", &err), err);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, encode_often, t), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    tac_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bloom),         cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_neox),          cmocka_unit_test(test_own),
        cmocka_unit_test(test_styles),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_scans),         cmocka_unit_test(test_translate),
        cmocka_unit_test(test_added),         cmocka_unit_test(test_lossy),
        cmocka_unit_test(test_literal_merge), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
