/* format/db: values there and back, transactions, messages. */
#include "check.h"

#include "format/db.h"

#include <math.h>
#include <unistd.h>

enum { APPLICATION = 0x74616369 };
static const char path[] = "build/tests/test_db.tmp";

static void setup_table(struct tac_db *d)
{
    struct tacit_err err;
    unlink(path);
    assert_ok(tac_db_open(d, path, TAC_DB_WRITE, APPLICATION, &err), err);
    assert_ok(tac_db_exec(d, "CREATE TABLE t (a TEXT, b INTEGER, c REAL, e BLOB)", &err), err);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct tac_db d;
    struct tacit_err err;
    setup_table(&d);
    assert_ok(tac_db_run(&d, &err, "INSERT INTO t VALUES (?, ?, ?, ?)", "tirb", "word", (int64_t)-7,
                         0.1, "x\0y", (size_t)3),
              err);
    assert_ok(tac_db_run(&d, &err, "INSERT INTO t VALUES (?, ?, ?, ?)", "tirb", NULL, INT64_MAX,
                         (double)NAN, NULL, (size_t)0),
              err);
    struct tac_select r = tac_select_begin(&d, "SELECT * FROM t ORDER BY b", "");
    size_t n;
    assert_true(tac_select_next(&r));
    assert_string_equal(tac_select_text(&r, 0), "word");
    assert_int_equal(tac_select_int(&r, 1), -7);
    assert_true(tac_select_real(&r, 2) == 0.1);
    assert_memory_equal(tac_select_blob(&r, 3, &n), "x\0y", 3);
    assert_int_equal(n, 3);
    assert_true(tac_select_next(&r));
    assert_null(tac_select_text(&r, 0));
    assert_int_equal(tac_select_int(&r, 1), INT64_MAX);
    assert_true(isnan(tac_select_real(&r, 2)));
    assert_false(tac_select_next(&r));
    assert_ok(tac_select_end(&r, &err), err);
    tac_db_close(&d);
}

static int64_t count(struct tac_db *d)
{
    struct tac_select r = tac_select_begin(d, "SELECT count(*) FROM t", "");
    int64_t n = tac_select_next(&r) ? tac_select_int(&r, 0) : -1;
    struct tacit_err err;
    assert_ok(tac_select_end(&r, &err), err);
    return n;
}

static void test_transaction(void **state)
{
    (void)state;
    struct tac_db d;
    struct tacit_err err;
    setup_table(&d);
    for (int fail = 0; fail < 2; fail++) {
        assert_ok(tac_db_exec(&d, "BEGIN", &err), err);
        assert_ok(tac_db_exec(&d, "INSERT INTO t VALUES ('a', 1, 2, NULL)", &err), err);
        assert_int_equal(tac_db_end(&d, fail ? TACIT_EFAIL : TACIT_OK, &err),
                         fail ? TACIT_EFAIL : TACIT_OK);
        assert_int_equal(count(&d), 1);
    }
    tac_db_close(&d);
}

static void test_errors(void **state)
{
    (void)state;
    struct tac_db d, other;
    struct tacit_err err;
    setup_table(&d);
    assert_fails(tac_db_run(&d, &err, "INSERT INTO missing VALUES (?)", "i", (int64_t)1),
                 TACIT_EFAIL, err, "no such table: missing");
    assert_non_null(strstr(err.msg, path));
    tac_db_close(&d);
    assert_fails(tac_db_open(&other, path, TAC_DB_READ, APPLICATION + 1, &err), TACIT_EINPUT, err,
                 "not tacit's");
    assert_fails(tac_db_open(&other, "build/tests", TAC_DB_READ, APPLICATION, &err), TACIT_EINPUT,
                 err, "a folder");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs("this is no database\n", f);
    fclose(f);
    assert_fails(tac_db_open(&other, path, TAC_DB_WRITE, APPLICATION, &err), TACIT_EINPUT, err,
                 "not a database");
    unlink(path);
    assert_fails(tac_db_open(&other, path, TAC_DB_READ, APPLICATION, &err), TACIT_EINPUT, err,
                 path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
