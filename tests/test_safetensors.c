/* format/safetensors and format/dtype: what is read, what is refused, the bytes that are written.
 */
#include "check.h"

#include "format/safetensors.h"

#include <math.h>
#include <unistd.h>

static const char path[] = "test_safetensors.tmp.safetensors";

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

/* A file of this header (its length is put before it) and n bytes of data. */
static void write_raw(const char *header, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    uint64_t len = strlen(header);
    assert_non_null(f);
    for (int i = 0; i < 8; i++)
        fputc((int)(len >> 8 * i & 255), f);
    fwrite(header, 1, len, f);
    fwrite(data, 1, n, f);
    fclose(f);
}

static void refused(const char *header, size_t data, const char *message)
{
    struct tac_safetensors s;
    struct tacit_err err = {0};
    char zeros[64] = {0};
    write_raw(header, zeros, data);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err, message);
    assert_non_null(strstr(err.msg, path));
    assert_null(s.map.data);
    tac_safetensors_close(&s);
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    float a[6] = {1, -2, 3.5f, 0, 1e-30f, 7};
    double b[2] = {0.1, -1e300};
    uint16_t c[3] = {0x3c00, 0xc000, 0x7bff};
    struct tac_tensor t[] = {
        {.name = "half", .dtype = TAC_F16, .rank = 1, .shape = {3}, .data = (void *)c},
        {.name = "b", .dtype = TAC_F32, .rank = 2, .shape = {2, 3}, .data = (void *)a},
        {.name = "a", .dtype = TAC_F32, .rank = 2, .shape = {0, 3}, .data = NULL},
        {.name = "wide", .dtype = TAC_F64, .rank = 1, .shape = {2}, .data = (void *)b},
    };
    struct tac_meta meta[] = {{"who", "a \"test\""}};
    struct tacit_err err;
    struct tac_safetensors s;
    assert_ok(tac_safetensors_write(path, t, 4, meta, 1, &err), err);
    assert_ok(tac_safetensors_open(&s, path, &err), err);
    assert_int_equal(s.n, 4);
    assert_string_equal(s.tensor[0].name, "a");
    assert_string_equal(tac_safetensors_meta(&s, "who"), "a \"test\"");
    assert_null(tac_safetensors_meta(&s, "format"));
    const struct tac_tensor *x = tac_safetensors_find(&s, "b");
    assert_non_null(x);
    assert_int_equal(x->dtype, TAC_F32);
    assert_int_equal(x->rank, 2);
    assert_int_equal(x->shape[1], 3);
    assert_memory_equal(x->data, a, sizeof a);
    float out[4];
    tac_tensor_read_f32(out, x, 2, 4);
    assert_memory_equal(out, a + 2, sizeof out);
    x = tac_safetensors_find(&s, "half");
    assert_true(tac_tensor_get(x, 0) == 1.0 && tac_tensor_get(x, 1) == -2.0);
    assert_true(tac_tensor_get(x, 2) == 65504.0);
    assert_true(tac_tensor_get(tac_safetensors_find(&s, "wide"), 1) == -1e300);
    assert_int_equal(tac_tensor_count(tac_safetensors_find(&s, "a")), 0);
    assert_null(tac_safetensors_find(&s, "c"));
    tac_safetensors_close(&s);
}

/* The bytes of safetensors.numpy.save_file({"z": f32 [1], "h": f16 [2], "a": f32 [2]}, metadata
 * format=pt). */
static void writes_the_bytes_of_save_file(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
        "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[12,16]}}      ";
    float a[] = {1, 2}, z[] = {3};
    uint16_t h[] = {0x3c00, 0x4000};
    struct tac_tensor t[] = {
        {.name = "z", .dtype = TAC_F32, .rank = 1, .shape = {1}, .data = (void *)z},
        {.name = "h", .dtype = TAC_F16, .rank = 1, .shape = {2}, .data = (void *)h},
        {.name = "a", .dtype = TAC_F32, .rank = 1, .shape = {2}, .data = (void *)a},
    };
    struct tacit_err err;
    struct tac_buf got = {0};
    assert_ok(tac_safetensors_write(path, t, 3, NULL, 0, &err), err);
    assert_ok(tac_file_read(&got, path, 4096, &err), err);
    assert_int_equal(got.len, 8 + sizeof header - 1 + 16);
    assert_int_equal((unsigned char)got.data[0], sizeof header - 1);
    assert_memory_equal(got.data + 8, header, sizeof header - 1);
    assert_memory_equal(got.data + got.len - 16, a, sizeof a);
    assert_memory_equal(got.data + got.len - 4, h, sizeof h);
    tac_buf_release(&got);
}

static float element(size_t i)
{
    return (float)i * 0.5F - 3;
}

static void give_element(void *ctx, float *out, size_t from, size_t n)
{
    *(size_t *)ctx += n;
    for (size_t i = 0; i < n; i++)
        out[i] = element(from + i);
}

/* Tensors that are given piece by piece: the same bytes as those of one that is there as a whole.
 */
static void writes_what_it_is_given(void **state)
{
    (void)state;
    enum { N = 200000, PLACE = 7 };
    float *all = malloc(N * sizeof *all);
    for (size_t i = 0; i < N; i++)
        all[i] = element(PLACE + i);
    size_t given = 0;
    struct tac_supply supply = {.give = give_element, .ctx = &given};
    struct tac_tensor t[] = {
        {.name = "z", .dtype = TAC_F32, .rank = 1, .shape = {3}, .data = (void *)all},
        {.name = "a", .dtype = TAC_F32, .rank = 1, .shape = {N}, .data = (void *)all},
        {.name = "e", .dtype = TAC_F32, .rank = 2, .shape = {0, 4}},
    };
    struct tacit_err err;
    struct tac_buf want = {0}, got = {0};
    assert_ok(tac_safetensors_write(path, t, 3, NULL, 0, &err), err);
    assert_ok(tac_file_read(&want, path, 1 << 20, &err), err);
    t[1].data = NULL;
    t[1].place = PLACE;
    assert_ok(tac_safetensors_supply(path, t, 3, NULL, 0, &supply, &err), err);
    assert_ok(tac_file_read(&got, path, 1 << 20, &err), err);
    assert_int_equal(given, N);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.data, want.data, want.len);
    tac_buf_release(&want);
    tac_buf_release(&got);
    free(all);
}

/* 1 + element / 1024, but for element 70000, which is `last`. */
static void give_ratio(void *ctx, float *out, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = from + i == 70000 ? *(float *)ctx : 1 + (float)((from + i) % 1024) / 1024;
}

static enum tacit_status stop_at_b(void *ctx, const struct tac_tensor *t, struct tacit_err *err)
{
    (void)ctx;
    return strcmp(t->name, "b") == 0 ? tac_fail(err, TACIT_ECANCEL, "stopped at b") : TACIT_OK;
}

/* In the dtype of each tensor; what does not fit it, or a next that fails, leaves no file. */
static void rounds_what_it_is_given(void **state)
{
    struct tac_tensor t[] = {{.name = "b", .dtype = TAC_BF16, .rank = 1, .shape = {5}},
                             {.name = "h", .dtype = TAC_F16, .rank = 1, .shape = {70001}}};
    struct tacit_err err;
    struct tac_safetensors s;
    float last = 65519.9f, large = 65520;
    struct tac_supply supply = {.give = give_ratio, .ctx = &last};
    (void)state;
    assert_ok(tac_safetensors_supply(path, t, 2, NULL, 0, &supply, &err), err);
    assert_ok(tac_safetensors_open(&s, path, &err), err);
    const struct tac_tensor *b = tac_safetensors_find(&s, "b"), *h = tac_safetensors_find(&s, "h");
    assert_true(tac_tensor_get(b, 3) == 1 && tac_tensor_get(h, 3) == 1 + 3 / 1024.0);
    assert_true(tac_tensor_get(h, 69999) == 1 + 69999 % 1024 / 1024.0);
    assert_true(tac_tensor_get(h, 70000) == 65504);
    tac_safetensors_close(&s);
    unlink(path);
    supply.ctx = &large;
    assert_fails(tac_safetensors_supply(path, t, 2, NULL, 0, &supply, &err), TACIT_EINPUT, err,
                 "tensor 'h': element 70000 is 65520, too large for F16");
    supply = (struct tac_supply){.give = give_ratio, .ctx = &last, .next = stop_at_b};
    assert_fails(tac_safetensors_supply(path, t, 2, NULL, 0, &supply, &err), TACIT_ECANCEL, err,
                 "stopped at b");
    assert_int_equal(access(path, F_OK), -1);
}

static void refuses_equal_names(void **state)
{
    (void)state;
    float v = 1;
    struct tac_tensor t[2] = {{.name = "x", .dtype = TAC_F32, .data = (void *)&v},
                              {.name = "x", .dtype = TAC_F16, .data = (void *)&v}};
    struct tacit_err err;
    assert_fails(tac_safetensors_write(path, t, 2, NULL, 0, &err), TACIT_EINPUT, err,
                 "two tensors are named 'x'");
    assert_int_not_equal(access(path, F_OK), 0);
}

static void reads_a_scalar_and_unaligned_data(void **state)
{
    (void)state;
    float v = 2.5f;
    char data[5] = {7};
    memcpy(data + 1, &v, sizeof v);
    write_raw("{\"o\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
              "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]}}",
              data, 5);
    struct tacit_err err;
    struct tac_safetensors s;
    assert_ok(tac_safetensors_open(&s, path, &err), err);
    const struct tac_tensor *t = tac_safetensors_find(&s, "s");
    assert_int_equal(t->rank, 0);
    assert_true(tac_tensor_get(t, 0) == 2.5);
    tac_safetensors_close(&s);
}

#define TENSOR(name, dtype, shape, offsets)                                                        \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void refuses_bad_tensors(void **state)
{
    (void)state;
    refused("{" TENSOR("x", "F32", "[3]", "[0,10]") "}", 10,
            "tensor 'x': data_offsets [0,10] give 10 bytes, F32 [3] needs 12");
    refused("{" TENSOR("x", "F31", "[3]", "[0,12]") "}", 12, "tensor 'x': dtype: expected");
    refused("{" TENSOR("x", "F31", "[3]", "[0,12]") "}", 12, "found \"F31\"");
    refused("{" TENSOR("x", "F32", "[3]", "[4,16]") "}", 12, "outside the file's 12 bytes");
    refused("{" TENSOR("x", "F32", "[3]", "[12,0]") "}", 12, "lie outside");
    refused("{" TENSOR("x", "F32", "[3]", "[-12,0]") "}", 12, "expected two integers >= 0");
    refused("{" TENSOR("x", "F32", "[3]", "[0]") "}", 12, "expected two integers >= 0");
    refused("{" TENSOR("x", "F32", "[-3]", "[0,12]") "}", 12, "expected integers >= 0, found -3");
    refused("{" TENSOR("x", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "9 dimensions");
    refused("{" TENSOR("x", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0,
            "shape is too large");
    refused("{\"x\":3}", 0, "expected an object, found 3");
    refused("{\"x\\n\\u001b[1m\\u007f\":3}", 0,
            "tensor 'x??[1m?': expected an object"); /* one line */
}

static void refuses_bad_layout(void **state)
{
    (void)state;
    refused("{" TENSOR("x", "F32", "[2]", "[0,8]") "," TENSOR("y", "F32", "[2]", "[4,12]") "}", 12,
            "tensor 'y' overlaps tensor 'x'");
    refused("{" TENSOR("x", "F32", "[1]", "[0,4]") "," TENSOR("y", "F32", "[1]", "[8,12]") "}", 12,
            "4 bytes before tensor 'y' belong to no tensor");
    refused("{" TENSOR("x", "F32", "[1]", "[0,4]") "}", 9, "the last 5 bytes belong to no tensor");
    refused("{" TENSOR("x", "U8", "[0]", "[0,0]") "," TENSOR("x", "U8", "[0]", "[0,0]") "}", 0,
            "duplicate object key");
}

static void refuses_bad_headers(void **state)
{
    (void)state;
    refused("{\"x\":", 0, "reading the header");
    refused("[]", 0, "header: expected an object");
    refused("", 0, "is empty");
    refused("{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: field 'k': expected a string");
    refused("{\"__metadata__\":3}", 0, "__metadata__: expected an object");

    struct tac_safetensors s;
    struct tacit_err err;
    assert_ok(tac_file_write(path, "\x10\0\0\0\0\0\0\0{}", 10, &err), err);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err,
                 "header of 16 bytes, only 2 follow");
    assert_ok(tac_file_write(path, "\x3\0\0\0\0\0\0\0{}", 10, &err), err);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err,
                 "header of 3 bytes, only 2 follow");
    assert_ok(tac_file_write(path, "PK\3\4\0\0\0\1{}", 10, &err), err);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err, "at most 100000000");
    assert_ok(tac_file_write(path, "abc", 3, &err), err);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err, "has 3 bytes");
    assert_ok(tac_file_write(path, "", 0, &err), err);
    assert_fails(tac_safetensors_open(&s, path, &err), TACIT_EINPUT, err, "has 0 bytes");
    assert_fails(tac_safetensors_open(&s, "absent", &err), TACIT_EINPUT, err, "absent: cannot");
}

static void widens_every_half_and_narrows_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = tac_f16_to_f32((uint16_t)h), b = tac_bf16_to_f32((uint16_t)h);
        bool nan16 = (h & 0x7c00) == 0x7c00 && (h & 0x3ff);
        assert_int_equal(isnan(f) != 0, nan16);
        if (!nan16)
            assert_int_equal(tac_f32_to_f16(f), h);
        if (!isnan(b))
            assert_int_equal(tac_f32_to_bf16(b), h);
    }
    assert_true(tac_f16_to_f32(0x0001) == 0x1p-24f && tac_f16_to_f32(0xfc00) == -INFINITY);
}

static void narrows_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(tac_f32_to_f16(1.0f + 0x1p-11f), 0x3c00);     /* tie, down to even */
    assert_int_equal(tac_f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02); /* tie, up to even */
    assert_int_equal(tac_f32_to_f16(1.0f + 0x1.01p-11f), 0x3c01);  /* above the tie */
    assert_int_equal(tac_f32_to_f16(65519.0f), 0x7bff);            /* the largest finite */
    assert_int_equal(tac_f32_to_f16(65520.0f), 0x7c00);            /* overflows */
    assert_int_equal(tac_f32_to_f16(0x1p-25f), 0);                 /* tie with zero */
    assert_int_equal(tac_f32_to_f16(-0x1.8p-25f), 0x8001);         /* above it */
    assert_int_equal(tac_f32_to_f16(0x1.ff8p-15f), 0x03ff);        /* largest subnormal */
    assert_int_equal(tac_f32_to_f16(0x1.ffcp-15f), 0x0400);        /* a tie, up to a normal */
    assert_int_equal(tac_f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
    assert_int_equal(tac_f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
    assert_int_equal(tac_f32_to_bf16(3.4e38f), 0x7f80);
    assert_true(isnan(tac_bf16_to_f32(tac_f32_to_bf16(NAN))));
    assert_true(isnan(tac_f16_to_f32(tac_f32_to_f16(NAN))));
}

int main(void)
{
    const struct CMUnitTest reading[] = {
        cmocka_unit_test_teardown(reads_what_it_wrote, remove_file),
        cmocka_unit_test_teardown(reads_a_scalar_and_unaligned_data, remove_file),
        cmocka_unit_test_teardown(refuses_bad_tensors, remove_file),
        cmocka_unit_test_teardown(refuses_bad_layout, remove_file),
        cmocka_unit_test_teardown(refuses_bad_headers, remove_file),
    };
    const struct CMUnitTest writing[] = {
        cmocka_unit_test_teardown(writes_the_bytes_of_save_file, remove_file),
        cmocka_unit_test_teardown(writes_what_it_is_given, remove_file),
        cmocka_unit_test_teardown(rounds_what_it_is_given, remove_file),
        cmocka_unit_test_teardown(refuses_equal_names, remove_file),
    };
    const struct CMUnitTest dtypes[] = {
        cmocka_unit_test(widens_every_half_and_narrows_back),
        cmocka_unit_test(narrows_to_nearest_even),
    };
    char dir[] = "/tmp/tacit-test-XXXXXX";
    if (!mkdtemp(dir) || chdir(dir))
        return 1;
    int failed = cmocka_run_group_tests_name("safetensors: reading", reading, NULL, NULL) +
                 cmocka_run_group_tests_name("safetensors: writing", writing, NULL, NULL) +
                 cmocka_run_group_tests_name("dtype", dtypes, NULL, NULL);
    return failed + (chdir("/") || rmdir(dir));
}
