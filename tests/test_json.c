/* format/json: what is read and refused, the messages of the getters, the bytes that are written.
 */
#include "check.h"

#include "format/json.h"

#include <math.h>

static json_t *parse(const char *text)
{
    json_t *v;
    struct tacit_err err;
    assert_ok(tac_json_parse(&v, text, strlen(text), "t.json", &err), err);
    return v;
}

static void refused(const char *text, size_t n, const char *message)
{
    json_t *v;
    struct tacit_err err = {0};
    assert_fails(tac_json_parse(&v, text, n, "t.json", &err), TACIT_EINPUT, err, message);
    assert_null(v);
}

#define REFUSED(text, message) refused(text, sizeof(text) - 1, message)

static void refuses_what_is_no_json(void **state)
{
    (void)state;
    REFUSED("", "t.json:1: is empty");
    REFUSED("{\"a\": 1,\n \"b\": }", "t.json:2: is no valid JSON");
    REFUSED("{\"a\": 1, \"a\": 2}", "duplicate");
    REFUSED("{\"a\": \"\xff\"}", "t.json:1: is no valid JSON");
    REFUSED("{\"a\": \"\\u0000\"}", "t.json:1: is no valid JSON");
    REFUSED("{} {}", "t.json:1: is no valid JSON");
    REFUSED("[1e999]", "t.json:1: is no valid JSON");
    REFUSED("3", "t.json:1: is no valid JSON");
    static const char *const wrong[] = {
        "[01]",       "[1.]",           "[.5]",          "[-]",       "[1e]",  "[+1]",    "[1,]",
        "[,1]",       "[1 2]",          "{\"a\":1,}",    "{\"a\" 1}", "{1:2}", "[tru]",   "[nulls]",
        "[\"a\nb\"]", "[\"\\ud800\"]",  "[\"\\udc00\"]", "[\"\\x\"]", "[\"a",  "{\"a\":", "[1e999]",
        "[}",         "\xef\xbb\xbf[]", "[NaN]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(wrong[i], strlen(wrong[i]), "t.json:1: is no valid JSON: expected ");
}

static void refuses_depth(void **state)
{
    (void)state;
    char text[4 * TAC_JSON_DEPTH] = "\n";
    memset(text + 1, '[', TAC_JSON_DEPTH + 1);
    refused(text, TAC_JSON_DEPTH + 2, "t.json:2: nested deeper than 64 levels");
    memset(text + 1, '[', TAC_JSON_DEPTH);
    memset(text + 1 + TAC_JSON_DEPTH, ']', TAC_JSON_DEPTH);
    json_decref(parse(text));
    json_decref(
        parse("{\"brackets in a string\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
              "[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[\"}"));
}

static void counts_lines_from_the_given_one(void **state)
{
    (void)state;
    json_t *v;
    struct tacit_err err;
    assert_fails(tac_json_parse_at(&v, "{\n,}", 4, "t.json", 40, &err), TACIT_EINPUT, err,
                 "t.json:41:");
}

static void widens_huge_integers(void **state)
{
    (void)state;
    json_t *v = parse("{\"model_max_length\": 1000000000000000019884624838656, \"n\": 3,"
                      "\"text\": \"1000000000000000019884624838656\", \"r\": 1.5e3}");
    assert_true(json_real_value(json_object_get(v, "model_max_length")) == 1e30);
    assert_int_equal(json_integer_value(json_object_get(v, "n")), 3);
    assert_string_equal(json_string_value(json_object_get(v, "text")),
                        "1000000000000000019884624838656");
    json_decref(v);
}

static void gets_fields(void **state)
{
    (void)state;
    json_t *v = parse("{\"i\": 3, \"r\": 0.5, \"b\": true, \"s\": \"x\", \"a\": [1], \"o\": {}, "
                      "\"nothing\": null}");
    struct tacit_err err;
    int64_t i;
    double r;
    bool b;
    const char *s;
    json_t *sub;
    assert_ok(tac_json_get_int(&i, v, "i", 1, 3, "c", &err), err);
    assert_int_equal(i, 3);
    assert_ok(tac_json_get_real(&r, v, "r", 0, 1, "c", &err), err);
    assert_true(r == 0.5);
    assert_ok(tac_json_get_real(&r, v, "i", 0, (double)INFINITY, "c", &err), err);
    assert_true(r == 3.0);
    assert_ok(tac_json_get_bool(&b, v, "b", "c", &err), err);
    assert_true(b);
    assert_ok(tac_json_get_string(&s, v, "s", "c", &err), err);
    assert_string_equal(s, "x");
    assert_ok(tac_json_get_array(&sub, v, "a", "c", &err), err);
    assert_ok(tac_json_get_object(&sub, v, "o", "c", &err), err);
    assert_true(tac_json_has(v, "i") && !tac_json_has(v, "nothing") && !tac_json_has(v, "none"));
    json_decref(v);
}

static void names_wrong_fields(void **state)
{
    (void)state;
    json_t *v =
        parse("{\"n\": \"x\", \"i\": 7, \"long\": \"123456789012345678901234567890123456789012"
              "34567890123456\u00e9890\"}");
    struct tacit_err err;
    int64_t i;
    double r;
    bool b;
    const char *s;
    json_t *sub;
    assert_fails(tac_json_get_int(&i, v, "n", 1, INT64_MAX, "c.json", &err), TACIT_EINPUT, err,
                 "c.json: field 'n': expected an integer >= 1, found \"x\"");
    assert_fails(tac_json_get_int(&i, v, "i", 1, 6, "c.json", &err), TACIT_EINPUT, err,
                 "field 'i': expected an integer from 1 to 6, found 7");
    assert_fails(tac_json_get_int(&i, v, "m", INT64_MIN, 0, "c.json", &err), TACIT_EINPUT, err,
                 "expected an integer, found nothing");
    assert_fails(tac_json_get_real(&r, v, "i", 0, 0.5, "c.json", &err), TACIT_EINPUT, err,
                 "expected a number from 0.0 to 0.5, found 7");
    assert_fails(tac_json_get_bool(&b, v, "i", "c.json", &err), TACIT_EINPUT, err, "true or false");
    assert_fails(tac_json_get_string(&s, v, "i", "c.json", &err), TACIT_EINPUT, err, "a string");
    assert_fails(tac_json_get_array(&sub, v, "long", "c.json", &err), TACIT_EINPUT, err,
                 "an array, found \"12345678901234567890123456789012345678901234567890123456...\"");
    assert_fails(tac_json_get_object(&sub, json_object_get(v, "i"), "x", "c.json: i", &err),
                 TACIT_EINPUT, err, "c.json: i: expected an object, found 7");
    json_decref(v);
}

static void writes_numbers_as_python(void **state)
{
    (void)state;
    /* repr() of CPython 3.11 */
    static const struct {
        double v;
        const char *text;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {0.1, "0.1"},
                 {1.0 / 3, "0.3333333333333333"},
                 {3, "3.0"},
                 {100000, "100000.0"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {123456789012345680.0, "1.2345678901234568e+17"},
                 {1e-4, "0.0001"},
                 {1e-5, "1e-05"},
                 {1.5e-7, "1.5e-07"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {9007199254740992.0, "9007199254740992.0"},
                 {0.30000000000000004, "0.30000000000000004"},
                 {(double)NAN, "null"},
                 {-(double)INFINITY, "null"}};
    char buf[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(tac_json_number(buf, cases[i].v), cases[i].text);
}

static void writes(const char *text, enum tac_json_style style, const char *want)
{
    struct tac_buf out = {0};
    struct tacit_err err;
    json_t *v = parse(text);
    assert_ok(tac_json_write(&out, v, style, &err), err);
    assert_string_equal(out.data, want);
    tac_buf_release(&out);
    json_decref(v);
}

static void writes_as_python_dumps(void **state)
{
    (void)state;
    writes("{\"b\": [1, {}, [], 2.5], \"a\": {\"y\": null, \"x\": true}, \"é\": "
           "\"\\u007f\xf0\x9f\x98\x80\\n\"}",
           TAC_JSON_PYTHON,
           "{\n  \"a\": {\n    \"x\": true,\n    \"y\": null\n  },\n  \"b\": [\n    1,\n    {},\n"
           "    [],\n    2.5\n  ],\n  \"\\u00e9\": \"\\u007f\\ud83d\\ude00\\n\"\n}");
}

static void writes_lines(void **state)
{
    (void)state;
    writes("{\"b\": [1, {}, false], \"a\": \"é\\u0001\\\"\\\\\\t/\"}", TAC_JSON_LINE,
           "{\"b\":[1,{},false],\"a\":\"é\\u0001\\\"\\\\\\t/\"}");
}

static void quotes_bad_bytes_as_replacement(void **state)
{
    (void)state;
    struct tac_buf out = {0};
    struct tacit_err err;
    assert_ok(tac_json_quote(&out, "a\xff\0b", 4, false, &err), err);
    assert_string_equal(out.data, "\"a\xef\xbf\xbd\\u0000b\"");
    tac_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest reading[] = {
        cmocka_unit_test(refuses_what_is_no_json), cmocka_unit_test(refuses_depth),
        cmocka_unit_test(counts_lines_from_the_given_one), cmocka_unit_test(widens_huge_integers)};
    const struct CMUnitTest fields[] = {cmocka_unit_test(gets_fields),
                                        cmocka_unit_test(names_wrong_fields)};
    const struct CMUnitTest writing[] = {
        cmocka_unit_test(writes_numbers_as_python), cmocka_unit_test(writes_as_python_dumps),
        cmocka_unit_test(writes_lines), cmocka_unit_test(quotes_bad_bytes_as_replacement)};
    return cmocka_run_group_tests_name("json: reading", reading, NULL, NULL) +
           cmocka_run_group_tests_name("json: fields", fields, NULL, NULL) +
           cmocka_run_group_tests_name("json: writing", writing, NULL, NULL);
}
