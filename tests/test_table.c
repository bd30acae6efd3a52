/* format/table: JSONL, CSV and TSV as they are read and refused. */
#include "check.h"

#include "base/file.h"
#include "format/table.h"

static struct tac_table parse(const char *name, const char *text, size_t limit)
{
    struct tac_table t;
    struct tacit_err err;
    assert_ok(tac_table_parse(&t, text, strlen(text), name, limit, &err), err);
    return t;
}

static void refused(const char *name, const char *text, size_t n, const char *message)
{
    struct tac_table t;
    struct tacit_err err = {0};
    assert_fails(tac_table_parse(&t, text, n, name, 0, &err), TACIT_EINPUT, err, message);
    assert_int_equal(t.n, 0);
    assert_null(t.row);
}

#define REFUSED(name, text, message) refused(name, text, sizeof(text) - 1, message)

static void has(const struct tac_table *t, size_t row, const char *path, const char *want)
{
    const json_t *v = tac_field(t->row[row].fields, path);
    assert_true(json_is_string(v));
    assert_string_equal(json_string_value(v), want);
}

static void reads_csv(void **state)
{
    (void)state;
    struct tac_table t = parse("t.csv",
                               "\xef\xbb\xbfTweet text,Label,\r\n"
                               "\"two\nlines, \"\"quoted\"\"\",a,\r\n"
                               "\r\n"
                               "say \"x\",b,\"\"\n"
                               ",,\xc3\xa9",
                               0);
    assert_int_equal(t.n, 3);
    has(&t, 0, "Tweet text", "two\nlines, \"quoted\"");
    has(&t, 0, "Label", "a");
    has(&t, 0, "", "");
    assert_int_equal(t.row[0].line, 2);
    has(&t, 1, "Tweet text", "say \"x\"");
    assert_int_equal(t.row[1].line, 5);
    has(&t, 2, "Label", "");
    has(&t, 2, "", "\xc3\xa9");
    tac_table_release(&t);
}

static void refuses_bad_csv(void **state)
{
    (void)state;
    REFUSED("t.csv", "a,b\n1,2\n\"x\n\ny,3\n",
            "t.csv:3: the quote that opens here is never closed");
    REFUSED("t.csv", "a,b\n\"x\ny\"z,3\n", "t.csv:3: expected a comma behind the closing quote");
    REFUSED("t.csv", "a,b\n1,2\n1,2,3\n", "t.csv:3: has 3 fields, the header has 2");
    REFUSED("t.csv", "a,b,a\n", "t.csv:1: two columns are named 'a'");
    REFUSED("t.csv", "\n\n", "t.csv: has no header");
    char wide[2 * TAC_TABLE_COLUMNS + 1];
    memset(wide, ',', sizeof wide);
    refused("t.csv", wide, sizeof wide, "t.csv:1: has more than 1024 columns");
}

static void reads_tsv_without_quotes(void **state)
{
    (void)state;
    struct tac_table t = parse("t.tsv", "sentence\tlabel\r\n\"open , \t1\r\n\t0\n", 0);
    assert_int_equal(t.n, 2);
    has(&t, 0, "sentence", "\"open , ");
    has(&t, 0, "label", "1");
    has(&t, 1, "sentence", "");
    tac_table_release(&t);
    REFUSED("t.tsv", "a\tb\n1\n", "t.tsv:2: has 1 fields, the header has 2");
}

static void reads_jsonl(void **state)
{
    (void)state;
    struct tac_table t =
        parse("t.jsonl",
              "{\"a\": {\"b\": [\"x\", {\"c\": \"y\"}], \"b.c\": \"no\"}, \"a.b\": \"z\"}\n"
              "\n{\"a\": {\"b\": [\"x\", {\"c\": \"y\"}]}}",
              0);
    assert_int_equal(t.n, 2);
    assert_int_equal(t.row[1].line, 3);
    has(&t, 0, "a.b", "z");
    has(&t, 1, "a.b.0", "x");
    has(&t, 1, "a.b.1.c", "y");
    static const char *const absent[] = {"x",     "a.x",     "a.b.2", "a.b.-1",
                                         "a.b.x", "a.b.0.x", "",      "."};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(tac_field(t.row[1].fields, absent[i]));
    tac_table_release(&t);
}

static void refuses_bad_jsonl(void **state)
{
    (void)state;
    REFUSED("t.jsonl", "{}\n{\"a\": }\n", "t.jsonl:2: is no valid JSON");
    REFUSED("t.jsonl", "{}\n[1]\n", "t.jsonl:2: expected an object, found an array");
    REFUSED("t.jsonl", "{}\n{}\n{} {}", "t.jsonl:3: is no valid JSON");
}

static void refuses_bad_text(void **state)
{
    (void)state;
    REFUSED("t.tsv", "a\n1\n\xff\n", "t.tsv:3: is not UTF-8");
    REFUSED("t.csv", "a\n1\n\0\n", "t.csv:3: holds a NUL byte");
    REFUSED("t.txt", "a\n", "ends in .jsonl, .csv or .tsv");
}

static void stops_at_the_limit(void **state)
{
    (void)state;
    struct tac_table t = parse("t.jsonl", "{}\n{}\nnot looked at\n", 2);
    assert_int_equal(t.n, 2);
    tac_table_release(&t);
    t = parse("t.csv", "a\n1\n2\n\"open\n", 2);
    assert_int_equal(t.n, 2);
    tac_table_release(&t);
    t = parse("t.jsonl", "", 0);
    assert_int_equal(t.n, 0);
    tac_table_release(&t);
}

static void loads_files(void **state)
{
    (void)state;
    char buf[1024];
    struct tac_table t;
    struct tacit_err err;
    assert_fails(tac_table_load(&t, "absent.csv", 0, &err), TACIT_EINPUT, err,
                 "absent.csv: cannot");
    const char *path = shared_path(buf, "data/raft/twitter_complaints/train.csv");
    if (!path)
        skip();
    assert_ok(tac_table_load(&t, path, 0, &err), err);
    assert_int_equal(t.n, 50);
    has(&t, 2, "Label", "complaint");
    tac_table_release(&t);
    assert_ok(tac_table_load(
                  &t, shared_path(buf, "data/raft/twitter_complaints/test_unlabeled.csv"), 0, &err),
              err);
    assert_int_equal(t.n, 3399);
    tac_table_release(&t);
}

int main(void)
{
    const struct CMUnitTest columns[] = {cmocka_unit_test(reads_csv),
                                         cmocka_unit_test(refuses_bad_csv),
                                         cmocka_unit_test(reads_tsv_without_quotes)};
    const struct CMUnitTest lines[] = {cmocka_unit_test(reads_jsonl),
                                       cmocka_unit_test(refuses_bad_jsonl)};
    const struct CMUnitTest any[] = {cmocka_unit_test(refuses_bad_text),
                                     cmocka_unit_test(stops_at_the_limit),
                                     cmocka_unit_test(loads_files)};
    return cmocka_run_group_tests_name("table: CSV and TSV", columns, NULL, NULL) +
           cmocka_run_group_tests_name("table: JSONL", lines, NULL, NULL) +
           cmocka_run_group_tests_name("table: all", any, NULL, NULL);
}
