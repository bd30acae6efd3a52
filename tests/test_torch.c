/* format/torch: the bytes are torch.save's (tests/golden/convert), and the zip says of itself what
 * is so. */
#include "check.h"

#include "base/file.h"
#include "format/npy.h"
#include "format/torch.h"

static const char golden[] = "tests/golden/convert/";

static void same_bytes(const char *name)
{
    char pt[256], npy[256];
    struct tacit_err err;
    struct tac_buf want = {0}, got = {0};
    float *v;
    size_t rows, cols;
    snprintf(pt, sizeof pt, "%s%s.pt", golden, name);
    snprintf(npy, sizeof npy, "%s%s.npy", golden, name);
    assert_ok(tac_npy_read(&v, &rows, &cols, npy, &err), err);
    assert_ok(tac_file_read(&want, pt, 1 << 20, &err), err);
    assert_ok(tac_buf_adds(&got, "front", &err), err); /* offsets count from the zip's beginning */
    assert_ok(tac_torch_put(&got, v, rows, cols, &err), err);
    assert_int_equal(got.len - 5, want.len);
    assert_memory_equal(got.data + 5, want.data, want.len);
    tac_buf_release(&want);
    tac_buf_release(&got);
    free(v);
}

/* f4: sizes of one byte; long: of two. */
static void writes_the_bytes_of_torch_save(void **state)
{
    (void)state;
    same_bytes("f4");
    same_bytes("long");
}

static uint64_t number(const struct tac_buf *b, size_t at, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | (unsigned char)b->data[at + i];
    return v;
}

/* Walks the directory of a zip; the data of the record of this name. */
static const char *find_record(const struct tac_buf *b, const char *name, size_t *size)
{
    size_t end = b->len - 22, at = number(b, end + 16, 4), left = number(b, end + 10, 2);
    assert_int_equal(number(b, end, 4), 0x06054b50);
    assert_int_equal(number(b, end - 20 + 8, 8), end - 20 - 56); /* where zip64's end is */
    for (; left--; at += 46 + number(b, at + 28, 2)) {
        size_t n = number(b, at + 28, 2), local = number(b, at + 42, 4);
        assert_int_equal(number(b, at, 4), 0x02014b50);
        assert_int_equal(number(b, local, 4), 0x04034b50);
        assert_memory_equal(b->data + local + 30, b->data + at + 46, n);
        size_t data = local + 30 + n + number(b, local + 28, 2);
        *size = number(b, at + 24, 4);
        assert_int_equal(data % 64, 0);
        assert_int_equal(number(b, data + *size, 4), 0x08074b50);
        assert_int_equal(number(b, data + *size + 4, 4), number(b, at + 16, 4));
        if (n == strlen(name) && memcmp(b->data + at + 46, name, n) == 0)
            return b->data + data;
    }
    assert_int_equal(at, end - 20 - 56);
    return NULL;
}

static void describes_itself(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 250 }; /* a count that needs four bytes */
    struct tacit_err err;
    struct tac_buf b = {0};
    size_t n;
    float *v = calloc(ROWS * COLS, sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < ROWS * COLS; i++)
        v[i] = (float)i;
    assert_ok(tac_torch_put(&b, v, ROWS, COLS, &err), err);
    const char *data = find_record(&b, "archive/data/0", &n);
    assert_non_null(data);
    assert_int_equal(n, ROWS * COLS * sizeof *v);
    assert_memory_equal(data, v, n);
    const char *code = find_record(&b, "archive/data.pkl", &n);
    assert_non_null(memmem(code, n, "J\xf8\x24\x01\0tq\5", 8)); /* 75000 elements */
    assert_non_null(memmem(code, n, "M\x2c\1K\xfa\x86", 6));    /* (300, 250) */
    assert_null(find_record(&b, "archive/data/1", &n));
    tac_buf_release(&b);
    free(v);
}

static void refuses_what_no_zip_holds(void **state)
{
    (void)state;
    struct tacit_err err;
    struct tac_buf b = {0};
    float v = 0;
    assert_fails(tac_torch_put(&b, &v, (size_t)1 << 20, 1024, &err), TACIT_EINPUT, err,
                 "a .pt file holds at most 4 GB");
    assert_fails(tac_torch_put(&b, &v, SIZE_MAX / 2, 3, &err), TACIT_EINPUT, err,
                 "a .pt file holds at most 4 GB");
    assert_int_equal(b.len, 0);
}

/* RFC 4648's own examples, and bytes whose digits are the last two. */
static void base64(void **state)
{
    (void)state;
    static const char *const pair[][2] = {
        {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        struct tacit_err err;
        struct tac_buf b = {0};
        assert_ok(tac_buf_add(&b, "", 0, &err), err);
        assert_ok(tac_buf_add_base64(&b, pair[i][0], strlen(pair[i][0]), &err), err);
        assert_string_equal(b.data, pair[i][1]);
        tac_buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_bytes_of_torch_save),
        cmocka_unit_test(describes_itself),
        cmocka_unit_test(refuses_what_no_zip_holds),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests_name("torch", tests, NULL, NULL);
}
