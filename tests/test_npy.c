/* format/npy: what NumPy wrote, the bytes that are written, what is refused. tests/golden/convert
 * was made by NumPy itself. */
#include "check.h"

#include "format/npy.h"

#include <math.h>
#include <unistd.h>

static const char path[] = "test_npy.tmp.npy";
static const char golden[] = "tests/golden/convert/";

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static float *read_golden(const char *name, size_t rows, size_t cols)
{
    char file[256];
    struct tacit_err err;
    float *v;
    size_t P, C;
    snprintf(file, sizeof file, "%s%s", golden, name);
    assert_ok(tac_npy_read(&v, &P, &C, file, &err), err);
    assert_int_equal(P, rows);
    assert_int_equal(C, cols);
    return v;
}

static void reads_all_versions_and_widths(void **state)
{
    (void)state;
    static const char *const same[] = {"three.npy", "v2.npy", "v3.npy", "f8.npy"};
    float *want = read_golden("f4.npy", 3, 5), *half = read_golden("f2.npy", 3, 5);
    assert_true(want[0] == 2.040919065475464f && want[14] == -1.0551505088806152f);
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        float *v = read_golden(same[k], 3, 5);
        for (size_t i = 0; i < 15; i++) /* f8.npy is 1e-9 more, rounded */
            assert_true(fabsf(v[i] - want[i]) <= (k < 3 ? 0 : 2e-9f + fabsf(want[i]) * 6e-8f));
        free(v);
    }
    for (size_t i = 0; i < 15; i++)
        assert_true(fabsf(half[i] - want[i]) <= fabsf(want[i]) / 2048 && half[i] != want[i]);
    free(half);
    free(want);
}

/* Reads a golden file and writes it again. */
static void same_bytes(const char *name, size_t rows, size_t cols)
{
    char file[256];
    struct tacit_err err;
    struct tac_buf want = {0}, got = {0};
    float *v = read_golden(name, rows, cols);
    snprintf(file, sizeof file, "%s%s", golden, name);
    assert_ok(tac_file_read(&want, file, 1 << 20, &err), err);
    assert_ok(tac_buf_adds(&got, "front", &err), err);
    assert_ok(tac_npy_put(&got, v, rows, cols, &err), err);
    assert_int_equal(got.len - 5, want.len);
    assert_memory_equal(got.data + 5, want.data, want.len);
    tac_buf_release(&want);
    tac_buf_release(&got);
    free(v);
}

static void writes_the_bytes_of_numpy_save(void **state)
{
    (void)state;
    same_bytes("f4.npy", 3, 5);
    same_bytes("long.npy", 350, 2);
}

/* A version-1 file of this header and n bytes of zeros. */
static void write_raw(const char *header, size_t n)
{
    static const char zeros[64] = {0};
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    size_t len = strlen(header);
    fwrite("\x93NUMPY\x01\0", 1, 8, f);
    fputc((int)(len & 255), f);
    fputc((int)(len >> 8), f);
    fwrite(header, 1, len, f);
    fwrite(zeros, 1, n, f);
    fclose(f);
}

static void refused_file(const char *file, const char *message)
{
    struct tacit_err err = {0};
    float *v;
    size_t P, C;
    assert_fails(tac_npy_read(&v, &P, &C, file, &err), TACIT_EINPUT, err, message);
    assert_non_null(strstr(err.msg, file));
    assert_null(v);
}

static void refused(const char *header, size_t n, const char *message)
{
    write_raw(header, n);
    refused_file(path, message);
}

#define HEADER(descr, order, shape)                                                                \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"

static void reads_what_python_allows(void **state)
{
    (void)state;
    static const char *const header[] = {
        "{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f4\"}\n",
        " { 'fortran_order' : False , 'shape' : ( 1 , 2 , 3 , ) , 'descr' : '<f4' , }  \n",
    };
    struct tacit_err err;
    float *v;
    size_t P, C;
    for (size_t i = 0; i < 2; i++) {
        write_raw(header[i], 24);
        assert_ok(tac_npy_read(&v, &P, &C, path, &err), err);
        assert_true(P == 2 && C == 3 && v[5] == 0);
        free(v);
    }
}

static void refuses_other_elements(void **state)
{
    (void)state;
    refused_file("tests/golden/convert/big-endian.npy", "big-endian elements '>f4'");
    refused_file("tests/golden/convert/fortran.npy", "field 'fortran_order': columns are stored");
    refused(HEADER("'|O'", "False", "(2, 3)"), 24, "Python objects '|O'");
    refused(HEADER("'<i4'", "False", "(2, 3)"), 24, "field 'descr': '<i4', expected '<f2'");
    refused(HEADER("'<V2'", "False", "(2, 3)"), 24, "field 'descr': '<V2'");
    refused(HEADER("[('a', '<f4')]", "False", "(2, 3)"), 24, "records of several fields");
    refused(HEADER("'<f4\\x41'", "False", "(2, 3)"), 24, "expected a dtype in quotes");
}

static void refuses_other_shapes(void **state)
{
    (void)state;
    refused(HEADER("'<f4'", "False", "()"), 24, "shape (): expected (tokens, width)");
    refused(HEADER("'<f4'", "False", "(6,)"), 24, "shape (6): expected");
    refused(HEADER("'<f4'", "False", "(2, 3, 1)"), 24, "shape (2, 3, 1): expected");
    refused(HEADER("'<f4'", "False", "(1, 1, 2, 3)"), 24, "shape (1, 1, 2, ...): expected");
    refused(HEADER("'<f4'", "False", "(0, 3)"), 0, "shape (0, 3): expected");
    refused(HEADER("'<f4'", "False", "(2, 3)"), 23, "23 bytes follow the header, shape (2, 3)");
    refused(HEADER("'<f4'", "False", "(2, 3)"), 25, "of F32 needs 24");
    refused(HEADER("'<f4'", "False", "(4294967296, 4294967297)"), 24, "is too large");
    refused(HEADER("'<f4'", "False", "(99999999999999999999, 1)"), 24, "expected a size");
}

static void refuses_broken_headers(void **state)
{
    (void)state;
    refused("{'descr': '<f4', 'shape': (2, 3)}", 24, "field 'fortran_order' is missing");
    refused("{}", 24, "field 'descr' is missing");
    refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", 24, "a comma or a brace");
    refused("{'descr' '<f4'}", 24, "expected 'KEY':, found ''<f4'}'");
    refused("{'align': 3}", 24, "expected one of 'descr'");
    refused(HEADER("'<f4'", "0", "(2, 3)"), 24, "expected True or False, found '0, 'shape'");
    refused(HEADER("'<f4'", "False", "(2 3)"), 24, "expected a comma, found '3)}'");
    refused(HEADER("'<f4'", "False", "[2, 3]"), 24, "expected a shape in parentheses");
    refused(HEADER("'<f4'", "False", "(2, 3)") "x", 24, "expected nothing behind");
    refused("\x01{", 0, "expected a dictionary, found ''");
    refused("", 0, "expected a dictionary");
}

static void write_bytes(const char *bytes, size_t n)
{
    struct tacit_err err;
    assert_ok(tac_file_write(path, bytes, n, &err), err);
}

static void refuses_what_is_no_npy(void **state)
{
    (void)state;
    write_bytes("", 0);
    refused_file(path, "is no .npy file");
    write_bytes("PK\x03\x04------", 10);
    refused_file(path, "is no .npy file");
    write_bytes("\x93NUMPY\x04\0\0\0\0\0", 12);
    refused_file(path, "version 4.0, expected");
    write_bytes("\x93NUMPY\x01\0\x40\0{}", 12);
    refused_file(path, "its header ends behind the file's 12 bytes");
    write_bytes("\x93NUMPY\x02\0\x02\0\x01\0{}", 14);
    refused_file(path, "claims a header of 65538 bytes, at most 65536 are allowed");
    write_bytes("\x93NUMPY\x02\0\x02\0\0", 11);
    refused_file(path, "its header ends behind");
    refused_file("test_npy.none.npy", "cannot be opened");
}

static void refuses_a_double_that_overflows(void **state)
{
    (void)state;
    double big[2] = {-1, 1e39};
    char header[] = HEADER("'<f8'", "False", "(1, 2)");
    struct tac_buf b = {0};
    struct tacit_err err;
    assert_ok(tac_buf_add(&b, "\x93NUMPY\x01\0", 8, &err), err);
    assert_ok(tac_buf_add(&b, (char[2]){(char)strlen(header), 0}, 2, &err), err);
    assert_ok(tac_buf_adds(&b, header, &err), err);
    assert_ok(tac_buf_add(&b, big, sizeof big, &err), err);
    write_bytes(b.data, b.len);
    refused_file(path, "element 1 is 1e+39, too large for float32");
    tac_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_versions_and_widths),
        cmocka_unit_test(writes_the_bytes_of_numpy_save),
        cmocka_unit_test_teardown(reads_what_python_allows, remove_file),
        cmocka_unit_test_teardown(refuses_other_elements, remove_file),
        cmocka_unit_test_teardown(refuses_other_shapes, remove_file),
        cmocka_unit_test_teardown(refuses_broken_headers, remove_file),
        cmocka_unit_test_teardown(refuses_what_is_no_npy, remove_file),
        cmocka_unit_test_teardown(refuses_a_double_that_overflows, remove_file),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
