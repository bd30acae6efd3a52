/* tacit_adapter_merge: the folder's weights against PEFT's merge_and_unload (tests/golden/convert);
 * what no adapter is at keeps its bytes. */
#include "check.h"

#include "base/file.h"
#include "format/json.h"
#include "format/safetensors.h"

#include <math.h>
#include <unistd.h>

static const char dir[] = "test_merge.tmp", file[] = "test_merge.tmp/model.safetensors";

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    unlink("test_merge.tmp/config.json");
    rmdir(dir);
    return 0;
}

static size_t merge(const char *name, const char *base, const char *dtype)
{
    char adapter[256], model[256];
    struct tacit_err err;
    size_t n;
    snprintf(adapter, sizeof adapter, "tests/golden/methods/%s", name);
    snprintf(model, sizeof model, "tests/golden/%s", base);
    assert_ok(tacit_adapter_merge(dir, adapter, model, dtype, NULL, &n, &err), err);
    return n;
}

/* Elements that differ, none by more than `most` of the largest one. */
static size_t differences(const struct tac_tensor *t, const struct tac_tensor *want, double most)
{
    size_t n = 0;
    double largest = 0;
    assert_int_equal(tac_tensor_count(t), tac_tensor_count(want));
    for (size_t i = 0; i < tac_tensor_count(t); i++)
        largest = fmax(largest, fabs(tac_tensor_get(want, i)));
    for (size_t i = 0; i < tac_tensor_count(t); i++) {
        double gap = fabs(tac_tensor_get(t, i) - tac_tensor_get(want, i));
        n += gap > 0;
        assert_true(gap <= most * largest);
    }
    return n;
}

/* Merges and holds layer 1 against PEFT's; how many elements differ. */
static size_t against_peft(const char *name, const char *base, size_t matrices, double most)
{
    char path[256];
    struct tacit_err err;
    struct tac_safetensors got, want, was;
    size_t n = 0, kept = 0;
    assert_int_equal(merge(name, base, NULL), matrices);
    assert_ok(tac_safetensors_open(&got, file, &err), err);
    snprintf(path, sizeof path, "tests/golden/convert/merged-%s.safetensors", name);
    assert_ok(tac_safetensors_open(&want, path, &err), err);
    snprintf(path, sizeof path, "tests/golden/%s/model.safetensors", base);
    assert_ok(tac_safetensors_open(&was, path, &err), err);
    for (size_t i = 0; i < got.n; i++) {
        const struct tac_tensor *t = &got.tensor[i], *w = tac_safetensors_find(&want, t->name),
                                *b = tac_safetensors_find(&was, t->name);
        assert_non_null(b);
        assert_int_equal(t->dtype, b->dtype);
        if (w)
            n += differences(t, w, most);
        if (w || !strstr(t->name, ".h.1."))
            continue;
        assert_memory_equal(t->data, b->data, b->bytes);
        kept++;
    }
    assert_int_equal(kept, 12 - want.n);
    tac_safetensors_close(&got);
    tac_safetensors_close(&want);
    tac_safetensors_close(&was);
    return n;
}

/* torch multiplies and adds in float32, this in double: the last bit differs here and there. */
static void equals_peft(void **state)
{
    (void)state;
    assert_true(against_peft("lora-rs", "base-f32", 2, 1.2e-7) > 0);
    assert_true(against_peft("lora-patterns", "base-f32", 4, 1.2e-7) > 0);
    assert_int_equal(against_peft("ia3", "base-f32", 4, 0), 0);
    assert_true(against_peft("lora-f16", "f16", 2, 1e-3) < 10);
}

static void writes_another_dtype(void **state)
{
    (void)state;
    struct tacit_err err;
    struct tac_safetensors got;
    json_t *config;
    assert_int_equal(merge("lora-f16", "f16", "f32"), 2);
    assert_ok(tac_safetensors_open(&got, file, &err), err);
    for (size_t i = 0; i < got.n; i++)
        assert_int_equal(got.tensor[i].dtype, TAC_F32);
    tac_safetensors_close(&got);
    assert_ok(tac_json_load(&config, "test_merge.tmp/config.json", 1 << 20, &err), err);
    assert_string_equal(json_string_value(json_object_get(config, "dtype")), "float32");
    json_decref(config);
    merge("lora-f16", "f16", NULL);
    assert_ok(tac_json_load(&config, "test_merge.tmp/config.json", 1 << 20, &err), err);
    assert_string_equal(json_string_value(json_object_get(config, "dtype")), "float16");
    json_decref(config);
}

static void refused(const char *adapter, const char *model, const char *dtype, const char *message)
{
    struct tacit_err err = {0};
    size_t n;
    assert_fails(tacit_adapter_merge(dir, adapter, model, dtype, NULL, &n, &err), TACIT_EINPUT, err,
                 message);
    assert_false(tac_file_exists(dir));
}

static void refuses_what_is_no_change_of_weights(void **state)
{
    (void)state;
    static const char model[] = "tests/golden/base-f32";
    refused("tests/golden/methods/prefix", model, NULL, "a prefix adds tokens or keys and values");
    refused("tests/golden/methods/ptuning", model, NULL, "only LORA and IA3 can be merged");
    refused("tests/golden/base-f32/peft-adapter", model, NULL, "a prompt adds tokens");
    refused("tests/golden/methods/lora", model, "f8", "dtype 'f8' is not one of f32, f16, bf16");
    refused("tests/golden/methods/lora", "tests/golden/odd-heads-f32", NULL,
            "found 4x32, expected 4x30 (rank x the module's inputs)");
    refused("tests/golden/methods/none", model, NULL, "no such adapter folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(equals_peft, remove_folder),
        cmocka_unit_test_teardown(writes_another_dtype, remove_folder),
        cmocka_unit_test_teardown(refuses_what_is_no_change_of_weights, remove_folder),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
