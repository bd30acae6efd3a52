/* The model inside the program against transformers and HuggingFace tokenizers
 * (golden/make_micro.py). */
#include "check.h"

#include "format/json.h"

#include <math.h>

static json_t *golden(void)
{
    struct tacit_err err;
    json_t *file;
    assert_ok(tac_json_load(&file, "tests/golden/micro.json", 1 << 20, &err), err);
    return file;
}

static struct tacit_model *open_model(void)
{
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_model *m;
    struct tacit_err err;
    assert_non_null(tacit_model_embedded());
    assert_ok(tacit_model_open(&m, tacit_model_embedded(), &o, &err), err);
    return m;
}

static void test_score(void **state)
{
    (void)state;
    json_t *file = golden(), *c;
    struct tacit_model *m = open_model();
    struct tacit_err err;
    size_t at;
    json_array_foreach(json_object_get(file, "cases"), at, c)
    {
        const json_t *text = json_object_get(c, "text"), *want = json_object_get(c, "logprobs");
        const json_t *want_ids = json_object_get(c, "ids");
        int32_t *ids;
        size_t n;
        assert_ok(tacit_encode(tacit_model_tokenizer(m), &ids, &n, json_string_value(text),
                               json_string_length(text), &err),
                  err);
        assert_int_equal(n, json_array_size(want_ids));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(ids[i], json_integer_value(json_array_get(want_ids, i)));
        double *got = calloc(n, sizeof *got);
        struct tacit_query q = {ids, 1, ids + 1, n - 1, 0, 0};
        assert_ok(tacit_score(m, got, NULL, NULL, &q, 1, NULL, &err), err);
        for (size_t i = 0; i + 1 < n; i++)
            if (!(fabs(got[i] - json_real_value(json_array_get(want, i))) < 1e-4))
                fail_msg("case %zu, token %zu: %g, transformers says %g", at, i, got[i],
                         json_real_value(json_array_get(want, i)));
        free(got);
        tacit_free(ids);
    }
    tacit_model_close(m);
    json_decref(file);
}

/* It takes a folder's place wherever a model's path is read, and its 16 bits come out as they are.
 */
static void test_folder(void **state)
{
    (void)state;
    char dir[] = "/tmp/tacit-micro-XXXXXX", command[64];
    struct tacit_model_info inside, outside;
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_model *m = open_model(), *copy;
    struct tacit_inspect *x;
    struct tacit_err err;
    assert_non_null(mkdtemp(dir));
    assert_ok(tacit_model_convert(dir, tacit_model_embedded(), "bf16", NULL, &err), err);
    assert_ok(tacit_model_open(&copy, dir, &o, &err), err);
    tacit_model_describe(m, &inside);
    tacit_model_describe(copy, &outside);
    assert_int_equal(inside.parameters, outside.parameters);
    assert_int_equal(inside.tokens, outside.tokens);
    assert_int_equal(inside.weight_bytes, outside.weight_bytes);
    assert_ok(tacit_inspect(&x, tacit_model_embedded(), NULL, 1, &err), err);
    assert_string_equal(tacit_inspect_kind(x), "model");
    tacit_inspect_free(x);
    assert_fails(tacit_inspect(&x, "tacit:micro/none", NULL, 0, &err), TACIT_EINPUT, err,
                 "tacit:micro/none");
    tacit_model_close(m);
    tacit_model_close(copy);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_score), cmocka_unit_test(test_folder)};
    return cmocka_run_group_tests_name("micro", tests, NULL, NULL);
}
