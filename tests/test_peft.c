/* tune/peft: adapter folders that are wrong in one thing each. Every one is refused with one line
 * that names the file, what was found there and what was expected. */
#include "golden.h"

#include "base/file.h"
#include "format/json.h"
#include "tune/multitask.h"

#include <math.h>
#include <unistd.h>

static const char dir[] = "test_peft.tmp", config_path[] = "test_peft.tmp/adapter_config.json",
                  tensor_path[] = "test_peft.tmp/adapter_model.safetensors";
static const struct tac_backend_options ref = {.name = "ref"};

/* What is done to the tensors of a good folder: to the one of this name, or the first. */
enum edit { NOTHING, DROP, RENAME, ADD, SHAPE, INTEGERS, NOT_A_NUMBER, INFINITE, TOO_LARGE };

struct change {
    const char *from;   /* the good folder, in tests/golden/methods */
    const char *config; /* fields that become others; "gone": they go */
    enum edit edit;
    size_t rows, cols; /* of SHAPE */
    const char *message;
};

static int remove_folder(void **state)
{
    (void)state;
    remove(config_path);
    remove(tensor_path);
    rmdir(dir);
    return 0;
}

static void copy_config(const char *from, const char *fields)
{
    struct tacit_err err;
    char path[256];
    json_t *config, *new = NULL, *v;
    const char *key;
    void *next;
    snprintf(path, sizeof path, "%s/adapter_config.json", from);
    assert_ok(tac_json_load(&config, path, 1 << 20, &err), err);
    if (fields)
        assert_ok(tac_json_parse(&new, fields, strlen(fields), "fields", &err), err);
    json_object_foreach_safe(new, next, key, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), "gone") == 0)
            json_object_del(config, key);
        else
            json_object_set(config, key, v);
    }
    assert_ok(tac_mkdirs(dir, &err), err);
    assert_ok(tac_json_save(config_path, config, &err), err);
    json_decref(config);
    json_decref(new);
}

/* The first tensor as it becomes; data: at least as large as it. */
static void edit_tensor(struct tac_tensor *t, const struct change *c, void *data)
{
    float *as_float = data;
    double *as_double = data;
    t->data = data;
    switch (c->edit) {
    case RENAME:
        t->name = "renamed.weight";
        break;
    case SHAPE:
        t->shape[0] = c->rows;
        t->shape[1] = c->cols;
        break;
    case INTEGERS:
        t->dtype = TAC_I32;
        break;
    case NOT_A_NUMBER:
        as_float[7] = NAN;
        break;
    case INFINITE:
        as_float[0] = -INFINITY;
        break;
    case TOO_LARGE:
        t->dtype = TAC_F64;
        as_double[3] = 1e39;
        break;
    default:
        break;
    }
}

static void copy_tensors(const char *from, const struct change *c)
{
    struct tacit_err err;
    struct tac_safetensors f;
    char path[256];
    static double data[1 << 14];
    static const float one = 1;
    struct tac_tensor t[64];
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", from);
    assert_ok(tac_safetensors_open(&f, path, &err), err);
    assert_in_range(f.n, 1, 63);
    memcpy(t, f.tensor, f.n * sizeof *t);
    memset(data, 0, sizeof data);
    memcpy(data, t[0].data, t[0].bytes);
    edit_tensor(&t[0], c, data);
    t[f.n] = (struct tac_tensor){
        .name = "added", .dtype = TAC_F32, .rank = 1, .shape = {1}, .data = (const void *)&one};
    size_t skip = c->edit == DROP, n = f.n + (c->edit == ADD) - skip;
    assert_ok(tac_safetensors_write(tensor_path, t + skip, n, NULL, 0, &err), err);
    tac_safetensors_close(&f);
}

static void make_folder(const struct change *c)
{
    char from[256];
    snprintf(from, sizeof from, GOLDEN_FOLDER "methods/%s", c->from);
    copy_config(from, c->config);
    copy_tensors(from, c);
}

/* The folder is refused by all that read it, in one line that begins with the file's path. */
static void refused(const struct golden *g, const char *file, const char *message)
{
    struct tac_tune *t;
    struct tac_peft_prompt p;
    struct tacit_err err = {0}, again = {0};
    for (int trained = 1; trained >= 0; trained--) {
        assert_fails(tac_tune_load(&t, dir, g->weights, trained, &err), TACIT_EINPUT, err, message);
        assert_null(t);
    }
    if (strncmp(err.msg, file, strlen(file)) != 0 || strchr(err.msg, '\n'))
        fail_msg("expected one line about %s: %s", file, err.msg);
    assert_int_equal(tac_peft_load_prompt(&p, dir, &g->model->c, &again), TACIT_EINPUT);
    if (!strstr(again.msg, "expected a prompt"))
        assert_string_equal(again.msg, err.msg);
}

static void refuse_all(const char *model, const struct change *c, size_t n)
{
    struct golden g;
    golden_open(&g, model, &ref);
    for (size_t i = 0; i < n; i++) {
        make_folder(&c[i]);
        bool field = strstr(c[i].message, "field '") != NULL;
        refused(&g, field ? config_path : tensor_path, c[i].message);
    }
    golden_close(&g);
}
#define REFUSE_ALL(model, c) refuse_all(model, c, sizeof(c) / sizeof *(c))

static const char *const good[] = {"prefix",        "ptuning",     "lora",
                                   "lora-rs",       "lora-all",    "ia3",
                                   "lora-patterns", "prefix-zero", "prefix-mlp"};

/* The harness changes nothing by itself. */
static void reads_what_is_right(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    golden_open(&g, "base-f32", &ref);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct tac_tune *t, *from;
        char path[256];
        make_folder(&(struct change){.from = good[i]});
        snprintf(path, sizeof path, GOLDEN_FOLDER "methods/%s", good[i]);
        assert_ok(tac_tune_load(&t, dir, g.weights, true, &err), err);
        assert_ok(tac_tune_load(&from, path, g.weights, true, &err), err);
        assert_int_equal(t->n, from->n);
        float *a = calloc(t->n, sizeof *a), *b = calloc(t->n, sizeof *b);
        tac_tune_get(t, a);
        tac_tune_get(from, b);
        assert_memory_equal(a, b, t->n * sizeof *a);
        free(a);
        free(b);
        tac_tune_close(t);
        tac_tune_close(from);
    }
    golden_close(&g);
}

#define LORA_A0                                                                                    \
    "tensor 'base_model.model.transformer.h.0.self_attention.query_key_value.lora_A.weight': "
#define IA3_0    "tensor 'base_model.model.transformer.h.0.mlp.dense_4h_to_h.ia3_l': "
#define ROWS     "tensor 'prompt_embeddings': "
#define NO_MODEL ": it is an adapter of another model"

static void refuses_other_models(void **state)
{
    (void)state;
    static const struct change wider[] = {
        {"multitask", NULL, 0, 0, 0,
         "field 'num_attention_heads': found 4, expected the model's 6" NO_MODEL},
        {"ptuning", "{\"num_attention_heads\": null}", 0, 0, 0,
         "field 'token_dim': found 32, expected the model's 24" NO_MODEL},
        {"ptuning", "{\"num_attention_heads\": null, \"token_dim\": \"gone\"}", 0, 0, 0,
         ROWS "found 5x32, expected 5x24 (num_virtual_tokens x the model's width)"},
        {"prefix", NULL, 0, 0, 0, "field 'num_attention_heads': found 4, expected the model's 6"},
        {"prefix", "{\"num_attention_heads\": 6, \"token_dim\": 24}", 0, 0, 0,
         ROWS "found 5x128, expected 5x96 (num_virtual_tokens x keys and values of the model's "
              "layers)"},
        {"lora", NULL, 0, 0, 0, LORA_A0 "found 4x32, expected 4x24 (rank x the module's inputs)"},
        {"ia3", NULL, 0, 0, 0,
         "h.0.self_attention.query_key_value.ia3_l': found 96x1, expected 72x1 (the module's outputs x 1)"},
    };
    static const struct change deeper[] = {
        {"prefix", "{\"num_layers\": 3}", SHAPE, 5, 192,
         "field 'num_layers': found 3, expected the model's 2" NO_MODEL},
        {"prefix", NULL, SHAPE, 5, 192, ROWS "found 5x192, expected 5x128"},
        {"ptuning", "{\"num_layers\": 24}", 0, 0, 0, "field 'num_layers': found 24"},
        {"ptuning", "{\"num_transformer_submodules\": 2}", 0, 0, 0,
         "field 'num_transformer_submodules': found 2, expected a decoder's 1"},
        {"lora", "{\"layers_to_transform\": [0, 2]}", 0, 0, 0,
         "field 'layers_to_transform': found '2', expected layers from 0 to 1"},
        {"lora", "{\"layers_to_transform\": [-1]}", 0, 0, 0,
         "field 'layers_to_transform': found '-1', expected layers from 0 to 1"},
        {"lora-patterns", "{\"layers_pattern\": [\"layers\"]}", 0, 0, 0,
         "field 'layers_pattern': found 'layers', expected 'h'"},
    };
    REFUSE_ALL("heads6-postln-f32", wider);
    REFUSE_ALL("base-f32", deeper);
}

static void refuses_other_tensors(void **state)
{
    (void)state;
    static const char *const from[] = {"ptuning", "prefix", "lora", "ia3"};
    static const char *const name[] = {"prompt_embeddings", "prompt_embeddings",
                                       "query_key_value.lora_A.weight", "dense_4h_to_h.ia3_l"};
    struct golden g;
    golden_open(&g, "base-f32", &ref);
    for (size_t i = 0; i < 4; i++) {
        const struct {
            struct change c;
            const char *rest;
        } each[] = {
            {{from[i], NULL, DROP, 0, 0, NULL}, "' is missing ("},
            {{from[i], NULL, RENAME, 0, 0, NULL},
             "' is missing; there is 'renamed.weight', which adapter_config.json does not ask for"},
            {{from[i], NULL, INTEGERS, 0, 0, NULL}, "': found I32 "},
            {{from[i], NULL, NOT_A_NUMBER, 0, 0, NULL},
             "': element 7 is NaN, expected a finite number"},
            {{from[i], NULL, INFINITE, 0, 0, NULL}, "': element 0 is infinite"},
            {{from[i], NULL, TOO_LARGE, 0, 0, NULL}, "': element 3 is too large for float32"},
            {{from[i], NULL, SHAPE, 3, 7, NULL}, "': found 3x7, expected "},
        };
        for (size_t k = 0; k < sizeof each / sizeof *each; k++) {
            char message[256];
            snprintf(message, sizeof message, "%s%s", name[i], each[k].rest);
            make_folder(&each[k].c);
            refused(&g, tensor_path, message);
        }
        make_folder(&(struct change){from[i], NULL, ADD, 0, 0, NULL});
        refused(&g, tensor_path, "tensor 'added' is none that adapter_config.json asks for");
    }
    golden_close(&g);
}

static void refuses_configs_that_contradict(void **state)
{
    (void)state;
    static const struct change wrong[] = {
        {"ptuning", "{\"num_virtual_tokens\": 4}", 0, 0, 0,
         ROWS "found 5x32, expected 4x32 (num_virtual_tokens x the model's width)"},
        {"prefix", "{\"num_virtual_tokens\": 6}", 0, 0, 0, ROWS "found 5x128, expected 6x128"},
        {"ptuning", "{\"num_virtual_tokens\": 0}", 0, 0, 0,
         "field 'num_virtual_tokens': expected an integer from 1 to 1048576, found 0"},
        {"ptuning", "{\"token_dim\": 33}", 0, 0, 0,
         "field 'token_dim': found 33, expected the model's 32"},
        {"prefix", "{\"token_dim\": 64}", 0, 0, 0,
         "field 'token_dim': found 64, expected the model's 32"},
        {"ptuning", "{\"token_dim\": \"32\"}", 0, 0, 0,
         "field 'token_dim': expected an integer from 0 to 1073741824, found \"32\""},
        {"lora", "{\"r\": 8}", 0, 0, 0,
         LORA_A0 "found 4x32, expected 8x32 (rank x the module's inputs)"},
        {"lora", "{\"r\": 0}", 0, 0, 0, "field 'r': expected an integer from 1 to 65536, found 0"},
        {"lora", "{\"r\": \"gone\"}", 0, 0, 0,
         "field 'r': expected an integer from 1 to 65536, found nothing"},
        {"lora", "{\"r\": 65536}", 0, 0, 0, "found 4x32, expected 65536x32"},
        {"lora", "{\"lora_alpha\": \"gone\"}", 0, 0, 0,
         "field 'lora_alpha': expected a number from 0.0 to 1000000.0, found nothing"},
        {"lora", "{\"lora_alpha\": -1}", 0, 0, 0, "field 'lora_alpha': expected a number"},
        {"lora", "{\"target_modules\": [\"dense\"]}", 0, 0, 0,
         "self_attention.dense.lora_A.weight' is missing; there is "
         "'base_model.model.transformer.h.0.self_attention.query_key_value.lora_A.weight'"},
        {"lora", "{\"target_modules\": [\"q_proj\"]}", 0, 0, 0,
         "field 'target_modules': found 'q_proj', expected modules of the model: query_key_value, "
         "dense, dense_h_to_4h, dense_4h_to_h, or all-linear"},
        {"lora", "{\"target_modules\": []}", 0, 0, 0,
         "field 'target_modules': found '', expected modules"},
        {"lora", "{\"target_modules\": \".*query_key_value\"}", 0, 0, 0,
         "field 'target_modules': found \".*query_key_value\", expected names or numbers (regular "
         "expressions are not implemented)"},
        {"lora", "{\"target_modules\": [true]}", 0, 0, 0, "field 'target_modules': found true"},
        {"lora", "{\"layers_to_transform\": [0]}", 0, 0, 0,
         "h.1.self_attention.query_key_value.lora_A.weight' is none that"},
        {"lora-patterns", "{\"rank_pattern\": {\".*dense\": 2}}", 0, 0, 0,
         "field 'rank_pattern': found '.*dense', expected names of modules (regular expressions"},
        {"lora-patterns", "{\"rank_pattern\": {\"dense\": 0}}", 0, 0, 0,
         "field 'rank_pattern': found 'dense:0', expected MODULE:NUMBER, whole numbers 1 to 65536"},
        {"lora-patterns", "{\"rank_pattern\": {\"dense\": \"2\"}}", 0, 0, 0,
         "field 'rank_pattern': 'dense': found \"2\", expected a number"},
        {"lora-patterns", "{\"rank_pattern\": 2}", 0, 0, 0,
         "field 'rank_pattern': expected an object, found 2"},
        {"lora-patterns", "{\"rank_pattern\": {\"q_proj\": 2}}", 0, 0, 0,
         "field 'rank_pattern': found 'q_proj', expected modules of the model"},
        {"lora-patterns", "{\"alpha_pattern\": {\"dense\": -3}}", 0, 0, 0,
         "field 'alpha_pattern': found 'dense:-3', expected MODULE:NUMBER, 0 to 1e+06"},
        {"ia3", "{\"feedforward_modules\": [\"dense\"]}", 0, 0, 0,
         "field 'feedforward_modules': found 'dense', expected some of the targets "
         "'mlp.dense_4h_to_h+query_key_value'"},
        {"ia3", "{\"target_modules\": null}", 0, 0, 0,
         "field 'feedforward_modules': needs 'target_modules'"},
        {"ia3", "{\"feedforward_modules\": []}", 0, 0, 0,
         IA3_0 "found 1x128, expected 32x1 (the module's outputs x 1)"},
        {"multitask", NULL, 0, 0, 0,
         "holds prompts of 2 tasks, say which (0 to 1) by --task-id of tacit convert"},
        {"multitask", "{\"num_tasks\": 3}", 0, 0, 0,
         "tensor 'prefix_task_cols': dimension 0 is 2, adapter_config.json's num_tasks says 3"},
        {"multitask", NULL, NOT_A_NUMBER, 0, 0, "tensor 'prefix_task_cols': element 7 is NaN"},
        {"multitask", NULL, DROP, 0, 0, "tensor 'prefix_task_cols' is missing (2 of 3 are there)"},
        {"multitask", NULL, ADD, 0, 0, "tensor 'added' is none that"},
    };
    REFUSE_ALL("base-f32", wrong);
}

static void refuses_what_is_not_implemented(void **state)
{
    (void)state;
    static const struct change wrong[] = {
        {"lora", "{\"use_dora\": true}", 0, 0, 0,
         "field 'use_dora': found true, which is not implemented"},
        {"lora", "{\"bias\": \"all\"}", 0, 0, 0,
         "field 'bias': found 'all', which is not implemented, expected 'none'"},
        {"lora", "{\"bias\": true}", 0, 0, 0, "field 'bias': expected a string, found true"},
        {"lora", "{\"modules_to_save\": [\"lm_head\"]}", 0, 0, 0,
         "field 'modules_to_save': found [\"lm_head\"], which is not implemented"},
        {"ia3", "{\"modules_to_save\": [\"lm_head\"]}", 0, 0, 0, "field 'modules_to_save'"},
        {"prefix", "{\"modules_to_save\": [\"lm_head\"]}", 0, 0, 0, "field 'modules_to_save'"},
        {"ptuning", "{\"modules_to_save\": [\"lm_head\"]}", 0, 0, 0, "field 'modules_to_save'"},
        {"lora", "{\"init_lora_weights\": \"pissa\"}", 0, 0, 0,
         "field 'init_lora_weights': found 'pissa', which is not implemented: it changes the base"},
        {"lora", "{\"use_rslora\": \"yes\"}", 0, 0, 0,
         "field 'use_rslora': expected true or false"},
        {"lora", "{\"target_parameters\": [\"w\"]}", 0, 0, 0, "field 'target_parameters'"},
        {"lora", "{\"a_key_of_the_future\": {\"x\": 1}}", 0, 0, 0,
         "field 'a_key_of_the_future': found {\"x\":1}, which is not implemented"},
        {"ia3", "{\"fan_in_fan_out\": true}", 0, 0, 0, "field 'fan_in_fan_out': found true"},
        {"prefix", "{\"tacit_place\": \"middle\"}", 0, 0, 0,
         "field 'tacit_place': 'middle' is not one of"},
        {"lora", "{\"peft_type\": \"VERA\"}", 0, 0, 0,
         "field 'peft_type': found 'VERA', expected one of PROMPT_TUNING, P_TUNING, "
         "MULTITASK_PROMPT_TUNING, PREFIX_TUNING, LORA, IA3"},
        {"lora", "{\"peft_type\": \"gone\"}", 0, 0, 0,
         "field 'peft_type': found none, expected one of"},
        {"lora", "{\"peft_type\": \"IA3\"}", 0, 0, 0,
         "field 'bias': found \"none\", which is not implemented"},
    };
    REFUSE_ALL("base-f32", wrong);
}

/* Dropout keeps an adapter from being trained on, not from being used. */
static void dropout_is_for_training(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_tune *t;
    golden_open(&g, "base-f32", &ref);
    make_folder(&(struct change){.from = "lora", .config = "{\"lora_dropout\": 0.1}"});
    assert_fails(tac_tune_load(&t, dir, g.weights, true, &err), TACIT_EINPUT, err,
                 "adapter_config.json: field 'lora_dropout': found 0.1, expected 0 for training");
    assert_ok(tac_tune_load(&t, dir, g.weights, false, &err), err);
    tac_tune_close(t);
    golden_close(&g);
}

/* What PEFT takes for nothing is nothing here too. */
static void reads_empty_fields(void **state)
{
    (void)state;
    static const struct change right[] = {
        {.from = "lora", .config = "{\"layers_to_transform\": [], \"layers_pattern\": []}"},
        {.from = "lora", .config = "{\"target_modules\": null, \"rank_pattern\": null}"},
        {.from = "lora-all", .config = "{\"target_modules\": \"all-linear\"}"},
        {.from = "ptuning", .config = "{\"num_virtual_tokens\": \"gone\", \"num_layers\": null}"},
        {.from = "ia3", .config = "{\"target_modules\": null, \"feedforward_modules\": null}"},
    };
    struct golden g;
    struct tacit_err err;
    struct tac_tune *t;
    golden_open(&g, "base-f32", &ref);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        make_folder(&right[i]);
        assert_ok(tac_tune_load(&t, dir, g.weights, true, &err), err);
        tac_tune_close(t);
    }
    golden_close(&g);
}

static void refuses_broken_files(void **state)
{
    (void)state;
    static const struct {
        const char *config, *message;
    } wrong[] = {
        {"", "is empty"},
        {"{\"peft_type\": \"LORA\", ", "adapter_config.json:1: "},
        {"{\"r\": 4, \"peft_type\": \"LORA\",\n \"r\": 8}",
         "adapter_config.json:2: is no valid JSON: duplicate object key \"r\""},
        {"[\"LORA\"]", "field 'peft_type': found none"},
        {"{\"peft_type\": 3}", "field 'peft_type': found none"},
    };
    struct golden g;
    struct tacit_err err;
    golden_open(&g, "base-f32", &ref);
    make_folder(&(struct change){.from = "lora"});
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(tac_file_write(config_path, wrong[i].config, strlen(wrong[i].config), &err), err);
        refused(&g, config_path, wrong[i].message);
    }
    remove(config_path);
    refused(&g, config_path, "cannot be opened: No such file");
    make_folder(&(struct change){.from = "lora"});
    assert_int_equal(truncate(tensor_path, 400), 0);
    refused(&g, tensor_path, "header");
    make_folder(&(struct change){.from = "lora"});
    assert_int_equal(truncate(tensor_path, 4000), 0);
    refused(&g, tensor_path, "outside the file");
    remove(tensor_path);
    refused(&g, tensor_path, "cannot be opened: No such file");
    golden_close(&g);
}

/* A folder of one task needs no choice, and is that task's prompt. */
static void reads_one_task(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_safetensors f;
    struct tac_tune *t;
    struct tac_peft_prompt want, got;
    struct tac_tensor one[3];
    golden_open(&g, "base-f32", &ref);
    copy_config(GOLDEN_FOLDER "methods/multitask", "{\"num_tasks\": 1}");
    assert_ok(
        tac_safetensors_open(&f, GOLDEN_FOLDER "methods/multitask/adapter_model.safetensors", &err),
        err);
    memcpy(one, f.tensor, sizeof one);
    one[0].shape[0] = one[1].shape[0] = 1;
    assert_ok(tac_safetensors_write(tensor_path, one, 3, NULL, 0, &err), err);
    tac_safetensors_close(&f);
    assert_ok(tac_prompt_load(&want, GOLDEN_FOLDER "methods/multitask", &g.model->c, 0, &err), err);
    assert_ok(tac_peft_load_prompt(&got, dir, &g.model->c, &err), err);
    assert_ok(tac_tune_load(&t, dir, g.weights, true, &err), err);
    float *values = calloc(t->n, sizeof *values);
    tac_tune_get(t, values);
    assert_int_equal(t->n, want.P * want.C);
    assert_memory_equal(values, want.values, t->n * sizeof *values);
    assert_memory_equal(got.values, want.values, t->n * sizeof *values);
    free(values);
    tac_tune_close(t);
    tac_peft_prompt_release(&want);
    tac_peft_prompt_release(&got);
    golden_close(&g);
}

/* "all-linear" is written as the modules that it stands for: in a list PEFT takes it for a name. */
static void writes_all_linear_by_name(void **state)
{
    (void)state;
    static const char *const specs[] = {"lora:r=2,targets=all-linear",
                                        "ia3:targets=all-linear,feedforward=dense_h_to_4h"};
    struct golden g;
    struct tacit_err err;
    golden_open(&g, "base-f32", &ref);
    for (size_t i = 0; i < 2; i++) {
        struct tac_tune_spec s;
        struct tac_tune *t, *again;
        json_t *config;
        assert_ok(tac_tune_spec_parse(&s, specs[i], &err), err);
        assert_ok(tac_tune_make(&t, &s, g.weights, false, NULL, &err), err);
        assert_ok(tac_tune_save(t, dir, &err), err);
        assert_ok(tac_json_load(&config, config_path, 1 << 20, &err), err);
        const json_t *list = json_object_get(config, "target_modules");
        assert_int_equal(json_array_size(list), 4);
        assert_string_equal(json_string_value(json_array_get(list, 3)), "dense_4h_to_h");
        assert_ok(tac_tune_load(&again, dir, g.weights, false, &err), err);
        assert_int_equal(again->n, t->n);
        json_decref(config);
        tac_tune_spec_release(&s);
        tac_tune_close(t);
        tac_tune_close(again);
    }
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_what_is_right, remove_folder),
        cmocka_unit_test_teardown(refuses_other_models, remove_folder),
        cmocka_unit_test_teardown(refuses_other_tensors, remove_folder),
        cmocka_unit_test_teardown(refuses_configs_that_contradict, remove_folder),
        cmocka_unit_test_teardown(refuses_what_is_not_implemented, remove_folder),
        cmocka_unit_test_teardown(dropout_is_for_training, remove_folder),
        cmocka_unit_test_teardown(reads_empty_fields, remove_folder),
        cmocka_unit_test_teardown(refuses_broken_files, remove_folder),
        cmocka_unit_test_teardown(reads_one_task, remove_folder),
        cmocka_unit_test_teardown(writes_all_linear_by_name, remove_folder),
    };
    return cmocka_run_group_tests_name("peft", tests, NULL, NULL);
}
