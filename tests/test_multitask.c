/* tune/multitask and old_bloom: prompts that PEFT saved as P_TUNING and MULTITASK_PROMPT_TUNING,
 * and the old order of BLOOM prefixes, against what PEFT makes of them (tests/golden/convert). */
#include "check.h"

#include "format/npy.h"
#include "tune/multitask.h"
#include "tune/old_bloom.h"

#include <math.h>

static const char golden[] = "tests/golden/convert/";

static float *read_npy(const char *name, size_t *rows, size_t *cols)
{
    char file[256];
    struct tacit_err err;
    float *v;
    snprintf(file, sizeof file, "%s%s", golden, name);
    assert_ok(tac_npy_read(&v, rows, cols, file, &err), err);
    return v;
}

/* The folder's prompt against the .npy; the largest difference relative to the values' size. */
static double gap(const char *folder, long task, const char *npy)
{
    char dir[256];
    struct tacit_err err;
    struct tac_peft_prompt p;
    size_t rows, cols;
    float *want = read_npy(npy, &rows, &cols);
    double worst = 0, size = 0;
    snprintf(dir, sizeof dir, "%s%s", golden, folder);
    assert_ok(tac_prompt_load(&p, dir, NULL, task, &err), err);
    assert_int_equal(p.P, rows);
    assert_int_equal(p.C, cols);
    assert_string_equal(p.base_name, "base-f32");
    for (size_t i = 0; i < rows * cols; i++) {
        worst = fmax(worst, fabs((double)p.values[i] - (double)want[i]));
        size = fmax(size, fabs((double)want[i]));
    }
    free(want);
    tac_peft_prompt_release(&p);
    return worst / size;
}

static void reads_p_tuning(void **state)
{
    (void)state;
    assert_true(gap("ptuning", TAC_NO_TASK, "ptuning.npy") == 0);
}

static void reads_each_task(void **state)
{
    (void)state;
    for (long k = 0; k < 3; k++) {
        char npy[64], other[64];
        snprintf(npy, sizeof npy, "multitask.%ld.npy", k);
        snprintf(other, sizeof other, "multitask.%ld.npy", (k + 1) % 3);
        assert_true(gap("multitask", k, npy) < 2e-7);
        assert_true(gap("multitask", k, other) > 0.1);
    }
}

static void chooses_a_task(void **state)
{
    (void)state;
    struct tac_peft_prompt p;
    struct tacit_err err;
    assert_fails(tac_prompt_load(&p, "tests/golden/convert/multitask", NULL, TAC_NO_TASK, &err),
                 TACIT_EINPUT, err, "holds prompts of 3 tasks, say which (0 to 2) by --task-id");
    assert_fails(tac_prompt_load(&p, "tests/golden/convert/multitask", NULL, 3, &err), TACIT_EINPUT,
                 err, "there is no task 3, it holds tasks 0 to 2");
    assert_fails(tac_prompt_load(&p, "tests/golden/convert/ptuning", NULL, 0, &err), TACIT_EINPUT,
                 err, "is no MULTITASK_PROMPT_TUNING, there are no tasks to choose from");
    assert_fails(tac_prompt_load(&p, "tests/golden/base-f32/peft-adapter", NULL, 0, &err),
                 TACIT_EINPUT, err, "is no MULTITASK_PROMPT_TUNING");
    assert_ok(tac_prompt_load(&p, "tests/golden/base-f32/peft-adapter", NULL, TAC_NO_TASK, &err),
              err);
    assert_int_equal(p.P, 5);
    tac_peft_prompt_release(&p);
}

static void checks_the_model(void **state)
{
    (void)state;
    struct tac_peft_prompt p;
    struct tacit_err err;
    struct tac_decoder_config c = {.L = 2, .H = 4, .C = 48};
    assert_fails(tac_prompt_load(&p, "tests/golden/convert/multitask", &c, 1, &err), TACIT_EINPUT,
                 err, "field 'token_dim': found 32, expected the model's 48");
    assert_null(p.values);
}

/* Tensors of tasks T, tokens P, ranks R and width C, with one dimension of one tensor changed. */
struct shapes {
    size_t embeddings[2], cols[3], rows[3];
};

static void refused(const char *config, struct shapes n, const char *message)
{
    static const float ones[256] = {1};
    struct tac_tensor t[3] = {
        {.name = "prompt_embeddings", .dtype = TAC_F32, .rank = 2},
        {.name = "prefix_task_cols", .dtype = TAC_F32, .rank = 3},
        {.name = "prefix_task_rows", .dtype = TAC_F32, .rank = 3},
    };
    char path[] = "test_multitask.tmp.safetensors", cpath[] = "c.json";
    struct tac_peft_folder f = {.config_path = cpath,
                                .tensor_path = path,
                                .type = "MULTITASK_PROMPT_TUNING",
                                .method = &tac_method_prompt};
    struct tacit_err err = {0};
    float *values;
    size_t P, C;
    memcpy(t[0].shape, n.embeddings, sizeof n.embeddings);
    memcpy(t[1].shape, n.cols, sizeof n.cols);
    memcpy(t[2].shape, n.rows, sizeof n.rows);
    for (size_t i = 0; i < 3; i++)
        t[i].data = (const unsigned char *)ones;
    assert_ok(tac_json_parse(&f.config, config, strlen(config), cpath, &err), err);
    assert_ok(tac_safetensors_write(path, t, 3, NULL, 0, &err), err);
    assert_ok(tac_safetensors_open(&f.f, path, &err), err);
    assert_fails(tac_prompt_values(&values, &P, &C, &f, NULL, 0, &err), TACIT_EINPUT, err, message);
    assert_null(values);
    tac_safetensors_close(&f.f);
    json_decref(f.config);
    remove(path);
}

static void refuses_shapes_that_disagree(void **state)
{
    (void)state;
    const char *type = "{\"peft_type\": \"MULTITASK_PROMPT_TUNING\", \"num_tasks\": 2, "
                       "\"num_ranks\": 3, \"num_virtual_tokens\": 4, \"token_dim\": 5}";
    refused(type, (struct shapes){{6, 5}, {2, 4, 3}, {2, 3, 5}},
            "tensor 'prompt_embeddings': found 6x5, expected 4x5 (num_virtual_tokens x token_dim)");
    refused(type, (struct shapes){{4, 6}, {2, 4, 3}, {2, 3, 5}}, "found 4x6, expected 4x5");
    refused(type, (struct shapes){{4, 5}, {1, 4, 3}, {2, 3, 5}}, "num_tasks says 2");
    refused(type, (struct shapes){{4, 5}, {2, 4, 2}, {2, 3, 5}}, "num_ranks says 3");
    refused(type, (struct shapes){{4, 5}, {2, 3, 3}, {2, 3, 5}},
            "tensor 'prefix_task_cols': dimension 1 is 3, that of 'prompt_embeddings' is 4");
    refused(type, (struct shapes){{4, 5}, {2, 4, 3}, {1, 3, 5}},
            "tensor 'prefix_task_rows': dimension 0 is 1, that of 'prefix_task_cols' is 2");
    refused(type, (struct shapes){{4, 5}, {2, 4, 3}, {2, 2, 5}}, "dimension 1 is 2, that of");
    refused(type, (struct shapes){{4, 5}, {2, 4, 3}, {2, 3, 6}}, "dimension 2 is 6, that of");
    refused(type, (struct shapes){{0, 5}, {2, 4, 3}, {2, 3, 5}},
            "found F32 0x5, expected floats in 2 dimensions above 0");
    refused("{\"peft_type\": \"MULTITASK_PROMPT_TUNING\", \"num_tasks\": \"2\"}",
            (struct shapes){{4, 5}, {2, 4, 3}, {2, 3, 5}},
            "field 'num_tasks': expected an integer");
}

static void reorders_old_prefixes(void **state)
{
    (void)state;
    enum { P = 3, L = 2, H = 2, D = 4 }; /* make_convert.py's */
    size_t rows, cols;
    float got[P * 2 * L * H * D], *old = read_npy("prefix-old.npy", &rows, &cols),
                                  *want = read_npy("prefix-new.npy", &rows, &cols);
    assert_int_equal(rows * cols, sizeof got / sizeof *got);
    tac_prefix_from_old_bloom(got, old, P, L, H, D);
    assert_memory_equal(got, want, sizeof got);
    free(old);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_p_tuning),
        cmocka_unit_test(reads_each_task),
        cmocka_unit_test(chooses_a_task),
        cmocka_unit_test(checks_the_model),
        cmocka_unit_test(refuses_shapes_that_disagree),
        cmocka_unit_test(reorders_old_prefixes),
    };
    return cmocka_run_group_tests_name("multitask", tests, NULL, NULL);
}
