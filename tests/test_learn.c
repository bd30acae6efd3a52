/* Learning a tokenizer: the same file as HuggingFace's trainer, and what is refused. */
#include "check.h"

#include "base/file.h"
#include "format/json.h"
#include "tokenizer/learn.h"
#include "tokenizer/tokenizer.h"

static const char *const bloom_special[] = {"<unk>", "<s>", "</s>", "<pad>"};

static void add(struct tac_learner *l, const char *text)
{
    struct tacit_err err;
    assert_ok(tac_learner_add(l, text, strlen(text), &err), err);
}

/* All texts of the rows of a JSON lines file. */
static void add_rows(struct tac_learner *l, const char *path)
{
    struct tac_buf text = {0};
    struct tacit_err err;
    assert_ok(tac_file_read(&text, path, 1 << 20, &err), err);
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *row, *v;
        const char *key;
        assert_ok(tac_json_parse(&row, line, strlen(line), path, &err), err);
        json_object_foreach(row, key, v) if (json_is_string(v)) add(l, json_string_value(v));
        json_decref(row);
    }
    tac_buf_release(&text);
}

static json_t *finish(struct tac_learner *l)
{
    struct tac_buf out = {0};
    struct tacit_err err;
    json_t *v;
    assert_ok(tac_learner_finish(l, &out, NULL, NULL, &err), err);
    assert_ok(tac_json_parse(&v, out.data, out.len, "learned", &err), err);
    tac_buf_release(&out);
    tac_learner_free(l);
    return v;
}

static json_t *merges(const json_t *file)
{
    return json_object_get(json_object_get(file, "model"), "merges");
}

/* demo/tokenizer.json is what HuggingFace tokenizers 0.23.3 learned from these texts
 * (demo/make_tokenizer.py). */
static void test_demo(void **state)
{
    (void)state;
    struct tac_learn_options o = {
        .vocab = 600, .pattern = TAC_SCAN_BLOOM, .special = bloom_special, .n_special = 4};
    struct tac_learner *l;
    struct tac_buf yaml = {0};
    struct tacit_err err;
    json_t *want;
    assert_ok(tac_learner_new(&l, &o, &err), err);
    add_rows(l, "demo/train.jsonl");
    add_rows(l, "demo/val.jsonl");
    assert_ok(tac_file_read(&yaml, "demo/task.yaml", 1 << 20, &err), err);
    add(l, yaml.data);
    json_t *got = finish(l);
    assert_ok(tac_json_load(&want, "demo/tokenizer.json", 1 << 20, &err), err);
    for (size_t i = 0; i < json_array_size(merges(want)); i++)
        if (!json_equal(json_array_get(merges(want), i), json_array_get(merges(got), i)))
            fail_msg("merge %zu differs", i);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
    tac_buf_release(&yaml);
}

static void check_merge(const json_t *file, size_t i, const char *left, const char *right)
{
    const json_t *m = json_array_get(merges(file), i);
    assert_string_equal(json_string_value(json_array_get(m, 0)), left);
    assert_string_equal(json_string_value(json_array_get(m, 1)), right);
}

/* By hand: "bc" 5 times, "ab" 3 times, so b c, then a bc; runs of one letter; a pair below
 * min_count stays two tokens. */
static void test_order(void **state)
{
    (void)state;
    struct tac_learn_options o = {.vocab = 256 + 8, .pattern = TAC_SCAN_BLOOM, .min_count = 2};
    struct tac_learner *l;
    struct tacit_err err;
    assert_ok(tac_learner_new(&l, &o, &err), err);
    add(l, "abc.abc.abc.bc.bc.dd.ddd.xy");
    json_t *v = finish(l);
    assert_int_equal(json_array_size(merges(v)), 3);
    check_merge(v, 0, "b", "c");
    check_merge(v, 1, "a", "bc");
    check_merge(v, 2, "d", "d");
    json_decref(v);
}

/* The file is read back, and encodes with what was learned. */
static void test_use(void **state)
{
    (void)state;
    static const enum tac_scan patterns[] = {TAC_SCAN_BLOOM, TAC_SCAN_GPT2, TAC_SCAN_QWEN2,
                                             TAC_SCAN_LLAMA3};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct tac_learn_options o = {
            .vocab = 300, .pattern = patterns[i], .special = bloom_special, .n_special = 4};
        struct tac_learner *l;
        struct tac_tokenizer *t;
        struct tac_buf out = {0}, back = {0};
        struct tac_ids ids = {0};
        struct tacit_err err;
        assert_ok(tac_learner_new(&l, &o, &err), err);
        for (int k = 0; k < 5; k++)
            add(l, "the \xe7\x8c\xab sat on the mat, the cat sat");
        assert_ok(tac_learner_finish(l, &out, NULL, NULL, &err), err);
        assert_ok(tac_tokenizer_parse(&t, out.data, out.len, "learned", &err), err);
        const char *text = "</s> the \xe7\x8c\xab the cat\n\x7f";
        assert_ok(tac_tokenizer_encode(t, &ids, text, strlen(text), &err), err);
        assert_int_equal(ids.id[0], 2);
        assert_true(ids.n < strlen(text) - 6);
        assert_ok(tac_tokenizer_decode(t, &back, ids.id, ids.n, false, &err), err);
        assert_string_equal(back.data, text);
        tac_ids_release(&ids);
        tac_buf_release(&out);
        tac_buf_release(&back);
        tac_tokenizer_close(t);
        tac_learner_free(l);
    }
}

static int stop_at_once(void *ctx, size_t done, size_t total)
{
    (void)ctx;
    return done < total;
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const twice[] = {"<s>", "<s>"}, *const empty[] = {""};
    struct tac_learner *l;
    struct tacit_err err;
    struct tac_learn_options o = {
        .vocab = 259, .pattern = TAC_SCAN_GPT2, .special = bloom_special, .n_special = 4};
    assert_fails(tac_learner_new(&l, &o, &err), TACIT_EINPUT, err, "259 tokens: expected 260");
    o = (struct tac_learn_options){
        .vocab = 999, .pattern = TAC_SCAN_GPT2, .special = twice, .n_special = 2};
    assert_fails(tac_learner_new(&l, &o, &err), TACIT_EINPUT, err, "'<s>' is there twice");
    o.special = empty;
    o.n_special = 1;
    assert_fails(tac_learner_new(&l, &o, &err), TACIT_EINPUT, err, "is empty");
    o.n_special = 0;
    assert_ok(tac_learner_new(&l, &o, &err), err);
    assert_fails(tac_learner_add(l, "a\xff", 2, &err), TACIT_EINPUT, err, "UTF-8 at byte 1");
    add(l, "ab ab ab");
    struct tac_buf out = {0};
    assert_fails(tac_learner_finish(l, &out, stop_at_once, NULL, &err), TACIT_ECANCEL, err,
                 "stopped");
    tac_buf_release(&out);
    tac_learner_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
