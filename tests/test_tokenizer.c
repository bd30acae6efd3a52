/* The tokenizer against golden ids of real tokenizers (shared data), its decoding, and files that it must refuse. */
#include "check.h"

#include "base/file.h"
#include "format/json.h"
#include "tokenizer/tokenizer.h"

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

static void check_ids(const struct tac_tokenizer *t, const char *text, size_t n, const int32_t *want, size_t n_want)
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
    assert_ok(tac_json_load(&cases, shared_path(path, "data/bloom-tokenizer/golden.json"), 1 << 20, &err), err);
    json_array_foreach (cases, at, c) {
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
    static const char *const texts[] = {"", " ", "A frog. Animal or plant?", "</s>x<pad>", "我想在\n\t🚀 e\xcc\x81!!"};
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
static size_t check_case(struct tac_encoder *e, const json_t *c, const char *key, bool special, int32_t want[4096])
{
    const json_t *text = json_object_get(c, "text"), *ids = json_object_get(c, key);
    struct tac_ids got = {0};
    struct tacit_err err;
    size_t n = json_array_size(ids);
    assert_true(n <= 4096);
    for (size_t i = 0; i < n; i++)
        want[i] = (int32_t)json_integer_value(json_array_get(ids, i));
    assert_ok(tac_encoder_encode(e, &got, json_string_value(text), json_string_length(text), special, &err), err);
    if (got.n != n || (n && memcmp(got.id, want, n * sizeof *want) != 0))
        fail_msg("'%s': other %s", json_string_value(text), key);
    tac_ids_release(&got);
    return n;
}

/* Small tokenizers in the layouts of five families, and HuggingFace's ids (tests/golden/tokenizer). */
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
        json_array_foreach (cases, at, c) {
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
        {"{\"normalizer\": {\"type\": \"Lowercase\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}",
         "Lowercase"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tac_tokenizer *t;
        struct tacit_err err;
        assert_fails(tac_tokenizer_parse(&t, bad[i].text, strlen(bad[i].text), "tok.json", &err), TACIT_EINPUT, err,
                     bad[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bloom), cmocka_unit_test(test_gpt2),    cmocka_unit_test(test_neox),
        cmocka_unit_test(test_own),   cmocka_unit_test(test_styles),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
