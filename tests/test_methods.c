/* What methods train, against PEFT: tests/golden/README.md ("Tuning methods") says what the values
 * are. */
#include "golden.h"

#include "train/train.h"
#include "tune/multitask.h"
#include "tune/old_bloom.h"

#include <math.h>

#define METHODS GOLDEN_FOLDER "methods/"

static const struct tac_backend_options backends[] = {
    {.name = "ref64"},
    {.name = "ref"},
    {.name = "cpu", .isa = "portable", .threads = 1},
    {.name = "cpu", .isa = "avx2", .threads = 2},
    {.name = "cpu", .isa = "avx512", .threads = 2},
};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

/* A folder of tests/golden/methods. */
struct golden_case {
    const char *name, *model;
    const char *method;   /* which begins at golden values; NULL: as the folder says */
    const char *wrong[6]; /* golden values of mistakes */
};

/* PEFT's adapters of the families' models. */
#define OF(model, method)                                                                          \
    {                                                                                              \
        "../families/" model "/" method, "families/" model, NULL,                                  \
        {                                                                                          \
            "wrong.dropped"                                                                        \
        }                                                                                          \
    }
#define OF_16(model) OF(model, "prefix"), OF(model, "lora")
#define OF_32(model) OF_16(model), OF(model, "prompt"), OF(model, "lora-all"), OF(model, "ia3")

static const struct golden_case cases[] = {
    {"prefix",
     "base-f32",
     NULL,
     {"wrong.dropped", "wrong.swapped", "wrong.old_order", "wrong.layers", "wrong.pos"}},
    {"prefix-heads6",
     "heads6-postln-f32",
     NULL,
     {"wrong.dropped", "wrong.swapped", "wrong.old_order", "wrong.layers", "wrong.pos"}},
    {"prefix-zero", "base-f32", NULL, {"wrong.dropped"}},
    {"prefix-mlp", "base-f32", "prefix:hidden=12", {"wrong.dropped"}},
    {"ptuning", "base-f32", "ptuning:hidden=12", {"wrong.dropped"}},
    {"lora", "base-f32", NULL, {"wrong.dropped", "wrong.scale"}},
    {"lora-f16", "f16", NULL, {"wrong.dropped", "wrong.scale"}},
    {"lora-rs", "base-f32", NULL, {"wrong.dropped", "wrong.scale"}},
    {"lora-all", "base-f32", NULL, {"wrong.dropped", "wrong.scale"}},
    {"lora-patterns", "base-f32", NULL, {"wrong.dropped", "wrong.scale"}},
    {"ia3", "base-f32", NULL, {"wrong.dropped", "wrong.bias"}},
    {"place-inside", "base-f32", "prompt", {"wrong.front"}},
    {"place-end", "base-f32", "prompt", {"wrong.front"}},
    OF_32("gpt2"),
    OF_16("gpt2-untied-f16"),
    OF_32("gpt-neox"),
    OF_16("gpt-neox-sequential-bf16"),
    OF_32("llama"),
    OF_32("llama-biases"),
    OF_16("llama-tied-bf16"),
    OF_16("mistral-f16"),
    OF_32("qwen2"),
    OF_32("qwen3"),
    OF_16("qwen3-tied-bf16"),
};
#undef OF
#undef OF_16
#undef OF_32
enum { N_CASES = sizeof cases / sizeof *cases };

/* A case opened on a backend, at PEFT's start. */
struct subject {
    const struct golden_case *from;
    struct golden g;
    struct tac_safetensors values;
    struct tac_tune *tune;
    struct tac_prefix prefix;
    float *first; /* (tune->n) */
};

/* A tensor that PEFT trains, and where it lies in the block. */
struct part {
    char name[160];
    size_t offset;
    bool prefix;
};

/* The parts one after another; false behind the last. */
static bool next_part(const struct subject *s, struct part *p, size_t i)
{
    bool prefix = s->tune->method == &tac_method_prefix && !s->from->method;
    if (i >= (prefix ? 1 : s->tune->n_item))
        return false;
    *p = (struct part){.prefix = prefix, .offset = s->tune->item[i].offset};
    snprintf(p->name, sizeof p->name, "%s", prefix ? "prompt_embeddings" : s->tune->item[i].name);
    return true;
}

/* Where element i of PEFT's tensor lies in the block: a prefix is saved by token, layer, keys and
 * values, and lies by layer, keys and values, token. */
static size_t lies_at(const struct subject *s, const struct part *p, size_t i)
{
    const struct tac_decoder_config *c = &s->g.model->c;
    size_t width = c->G * c->D, slice = i / width % (2 * c->L);
    if (!p->prefix)
        return p->offset + i;
    return (slice * s->tune->P + i / width / (2 * c->L)) * width + i % width;
}

static void open_file(struct tac_safetensors *f, const char *dir, const char *file)
{
    struct tacit_err err;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    assert_ok(tac_safetensors_open(f, path, &err), err);
}

static const struct tac_tensor *value(const struct subject *s, const char *name)
{
    const struct tac_tensor *t = tac_safetensors_find(&s->values, name);
    if (!t)
        fail_msg("%s: golden tensor %s is missing", s->from->name, name);
    return t;
}

/* The golden value of a trained tensor: its gradient ("grad"), its start, its end ("final"). */
static const struct tac_tensor *value_of(const struct subject *s, const char *kind,
                                         const struct part *p)
{
    char key[200];
    snprintf(key, sizeof key, "%s.%s", kind, p->name);
    return value(s, key);
}

static void open_at_start(struct subject *s)
{
    struct tacit_err err;
    struct tac_tune_spec spec;
    struct part p;
    assert_ok(tac_tune_spec_parse(&spec, s->from->method, &err), err);
    spec.P = s->g.P;
    assert_ok(tac_tune_make(&s->tune, &spec, s->g.weights, true, NULL, &err), err);
    tac_tune_spec_release(&spec);
    float *block = calloc(s->tune->n, sizeof *block);
    for (size_t i = 0; next_part(s, &p, i); i++) {
        const struct tac_tensor *t = value_of(s, "start", &p);
        tac_tensor_read_f32(block + p.offset, t, 0, tac_tensor_count(t));
    }
    tac_tune_set(s->tune, block);
    free(block);
}

static void subject_open(struct subject *s, const struct golden_case *c,
                         const struct tac_backend_options *o)
{
    struct tacit_err err;
    char dir[128];
    *s = (struct subject){.from = c};
    snprintf(dir, sizeof dir, METHODS "%s", c->name);
    golden_open(&s->g, c->model, o);
    open_file(&s->values, dir, "golden.safetensors");
    const struct tac_tensor *at = tac_safetensors_find(&s->values, "at");
    for (size_t k = 0; at && k < s->g.n; k++)
        s->g.query[k].at = (size_t)golden_int(at, k);
    if (c->method)
        open_at_start(s);
    else
        assert_ok(tac_tune_load(&s->tune, dir, s->g.weights, true, &err), err);
    assert_ok(tac_prefix_soft(&s->prefix, s->tune->ports.P, &err), err);
    s->first = calloc(s->tune->n, sizeof *s->first);
    tac_tune_get(s->tune, s->first);
}

static void subject_close(struct subject *s)
{
    free(s->first);
    tac_prefix_release(&s->prefix);
    tac_tune_close(s->tune);
    tac_safetensors_close(&s->values);
    golden_close(&s->g);
}

/* The same check of every case on every backend that this machine runs. */
static void on_all(void (*check)(struct subject *s))
{
    for (size_t b = 0; b < N_BACKENDS; b++) {
        struct tac_backend *be;
        struct tacit_err err;
        if (tac_backend_open(&be, &backends[b], &err)) {
            print_message("# %s %s: %s\n", backends[b].name, backends[b].isa, err.msg);
            continue;
        }
        tac_backend_close(be);
        for (size_t i = 0; i < N_CASES; i++) {
            struct subject s;
            subject_open(&s, &cases[i], &backends[b]);
            check(&s);
            subject_close(&s);
        }
    }
}

/* The largest distance of the batch's log-probabilities from golden ones. */
static double gap_to(const struct subject *s, const double *logp, const char *name)
{
    double gap = 0;
    for (size_t k = 0; k < s->g.n; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%zu", name, k);
        const struct tac_tensor *want = value(s, key);
        assert_int_equal(tac_tensor_count(want), s->g.query[k].n_target);
        for (size_t i = 0; i < tac_tensor_count(want); i++) {
            double d = fabs(*logp++ - tac_tensor_get(want, i));
            gap = d > gap || isnan(d) ? d : gap;
        }
    }
    return gap;
}

static double run_batch(struct subject *s, double *logp)
{
    struct tacit_err err;
    double loss;
    tac_tune_zero_grad(s->tune);
    assert_ok(golden_batch(&s->g, &s->tune->ports, &s->prefix, logp, &loss, &err), err);
    tac_tune_backward(s->tune);
    return loss;
}

static void check_logprobs(struct subject *s)
{
    double logp[64], loss = run_batch(s, logp);
    double gap = gap_to(s, logp, "logprobs");
    if (!(gap <= 1e-4))
        fail_msg("%s on %s: log-probabilities differ by %g", s->from->name, s->g.be->name, gap);
    for (size_t w = 0; w < 6 && s->from->wrong[w]; w++) {
        gap = gap_to(s, logp, s->from->wrong[w]);
        if (!(gap > 1e-3))
            fail_msg("%s: values with '%s' pass too (%g)", s->from->name, s->from->wrong[w], gap);
    }
    double want = tac_tensor_get(value(s, "loss"), 0);
    if (!(fabs(loss - want) <= 1e-4))
        fail_msg("%s on %s: loss %g, PEFT's %g", s->from->name, s->g.be->name, loss, want);
}

static void test_logprobs(void **state)
{
    (void)state;
    on_all(check_logprobs);
}

/* The distance of an array of the block's from golden values, as a part of their size. */
static double part_gap(const struct subject *s, const struct part *p, const double *found,
                       const struct tac_tensor *want)
{
    double off = 0, norm = 0;
    for (size_t k = 0; k < tac_tensor_count(want); k++) {
        double e = tac_tensor_get(want, k), d = found[lies_at(s, p, k)] - e;
        off += d * d;
        norm += e * e;
    }
    return sqrt(off / norm);
}

static void check_gradients(struct subject *s)
{
    double logp[64], *grad = calloc(s->tune->n, sizeof *grad);
    struct part p;
    run_batch(s, logp);
    s->g.be->ops->download_f64(s->g.be, grad, s->tune->g, s->tune->n);
    for (size_t i = 0; next_part(s, &p, i); i++) {
        double gap = part_gap(s, &p, grad, value_of(s, "grad", &p));
        if (!(gap <= 1e-3))
            fail_msg("%s on %s: the gradient of %s differs by %g", s->from->name, s->g.be->name,
                     p.name, gap);
    }
    free(grad);
}

static void test_gradients(void **state)
{
    (void)state;
    on_all(check_gradients);
}

/* How far the block is from PEFT's end, as a part of PEFT's way. */
static double way_off(struct subject *s)
{
    double off = 0, way = 0;
    struct part p;
    float *end = calloc(s->tune->n, sizeof *end);
    tac_tune_get(s->tune, end);
    for (size_t i = 0; next_part(s, &p, i); i++) {
        const struct tac_tensor *final = value_of(s, "final", &p);
        for (size_t k = 0; k < tac_tensor_count(final); k++) {
            double e = tac_tensor_get(final, k);
            size_t at = lies_at(s, &p, k);
            off += pow((double)end[at] - e, 2);
            way += pow(e - (double)s->first[at], 2);
        }
    }
    free(end);
    return sqrt(off / way);
}

/* Six steps of AdamW on the batch: at most 1 % of PEFT's way from PEFT's end. */
static void check_training(struct subject *s)
{
    struct tacit_err err;
    struct tac_optim op;
    struct tac_optim_options o = {.kind = TAC_ADAMW,
                                  .lr = tac_tensor_get(value(s, "lr"), 0),
                                  .beta1 = 0.9,
                                  .beta2 = 0.999,
                                  .eps = 1e-8,
                                  .schedule = TAC_CONSTANT};
    const struct tac_tensor *losses = value(s, "losses");
    assert_ok(tac_optim_open(&op, s->tune, &o, &err), err);
    for (int step = 1; step <= 6; step++) {
        double logp[64], loss = run_batch(s, logp);
        double want = tac_tensor_get(losses, (size_t)step - 1);
        if (!(fabs(loss - want) <= 1e-3 * fabs(want)))
            fail_msg("%s on %s: loss of step %d is %g, PEFT's %g", s->from->name, s->g.be->name,
                     step, loss, want);
        tac_optim_step(&op, step, 6, 0);
        tac_tune_changed(s->tune);
    }
    if (!(way_off(s) <= 0.01))
        fail_msg("%s on %s: %g of PEFT's way off", s->from->name, s->g.be->name, way_off(s));
    tac_optim_close(&op);
}

static void test_training(void **state)
{
    (void)state;
    on_all(check_training);
}

static json_t *read_config(const char *dir)
{
    struct tacit_err err;
    json_t *config;
    char path[160];
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    assert_ok(tac_json_load(&config, path, 1 << 20, &err), err);
    return config;
}

/* The same members in any order: PEFT keeps lists of modules as sets. */
static bool same_list(const json_t *x, const json_t *y)
{
    size_t i, k, n = json_array_size(x);
    const json_t *a, *b;
    json_array_foreach(x, i, a) json_array_foreach(y, k, b) n -= json_equal(a, b);
    return json_array_size(x) == json_array_size(y) && n == 0;
}

/* Every key that PEFT writes, no other, and its values, but for `free_keys`. */
static void compare_configs(const char *dir, const char *peft, const char *free_keys)
{
    json_t *ours = read_config(dir), *theirs = read_config(peft), *v;
    const char *key;
    json_object_foreach(ours, key, v) if (!json_object_get(theirs, key))
        fail_msg("%s: PEFT writes no key '%s'", peft, key);
    json_object_foreach(theirs, key, v)
    {
        const json_t *found = json_object_get(ours, key);
        if (!found)
            fail_msg("%s: the key '%s' is not written", peft, key);
        if (!strstr(free_keys, key) && !json_equal(found, v) &&
            !(json_is_array(v) && same_list(found, v)))
            fail_msg("%s: the value of '%s' is not PEFT's", peft, key);
    }
    json_decref(ours);
    json_decref(theirs);
}

static void make_dir(char dir[32])
{
    strcpy(dir, "/tmp/tacit-methods-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
    char command[80];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* A folder of PEFT's, read and written again, is the same: tensors to the byte, all keys. */
static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        struct subject s;
        struct tacit_err err;
        struct tac_safetensors ours, theirs;
        char dir[32], peft[128];
        if (cases[i].method)
            continue;
        subject_open(&s, &cases[i], &backends[1]);
        make_dir(dir);
        snprintf(peft, sizeof peft, METHODS "%s", cases[i].name);
        assert_ok(tac_tune_save(s.tune, dir, &err), err);
        compare_configs(dir, peft, "init_weights layers_pattern");
        open_file(&ours, dir, "adapter_model.safetensors");
        open_file(&theirs, peft, "adapter_model.safetensors");
        assert_int_equal(ours.map.size, theirs.map.size);
        assert_memory_equal(ours.map.data, theirs.map.data, theirs.map.size);
        tac_safetensors_close(&ours);
        tac_safetensors_close(&theirs);
        remove_dir(dir);
        subject_close(&s);
    }
}

/* What the tuned block is saved as, against the one tensor of PEFT's folder. */
static void compare_saved(const struct subject *s, const struct tac_tensor *want)
{
    struct tacit_err err;
    struct tac_safetensors f;
    char dir[32];
    make_dir(dir);
    assert_ok(tac_tune_save(s->tune, dir, &err), err);
    open_file(&f, dir, "adapter_model.safetensors");
    assert_int_equal(f.n, 1);
    assert_string_equal(f.tensor[0].name, "prompt_embeddings");
    assert_int_equal(f.tensor[0].rank, 2);
    for (int k = 0; k < 2; k++)
        assert_int_equal(f.tensor[0].shape[k], want->shape[k]);
    for (size_t k = 0; k < tac_tensor_count(want); k++) {
        double found = tac_tensor_get(&f.tensor[0], k), e = tac_tensor_get(want, k);
        if (!(fabs(found - e) <= 1e-5))
            fail_msg("%s: element %zu is %g, PEFT's %g", s->from->name, k, found, e);
    }
    tac_safetensors_close(&f);
    remove_dir(dir);
}

/* What an MLP makes is saved folded, before training and after it. */
static void test_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        struct subject s;
        struct tac_safetensors start;
        char dir[128];
        if (!cases[i].method || strcmp(cases[i].method, "prompt") == 0)
            continue;
        subject_open(&s, &cases[i], &backends[0]);
        snprintf(dir, sizeof dir, METHODS "%s", cases[i].name);
        open_file(&start, dir, "adapter_model.safetensors");
        compare_saved(&s, &start.tensor[0]);
        check_training(&s);
        compare_saved(&s, value(&s, "final.prompt_embeddings"));
        tac_safetensors_close(&start);
        subject_close(&s);
    }
}

/* Such a folder is read as what came out of the MLP. */
static void test_folded_read(void **state)
{
    (void)state;
    static const struct golden_case folded[] = {{.name = "prefix-mlp", .model = "base-f32"},
                                                {.name = "ptuning", .model = "base-f32"}};
    for (size_t i = 0; i < 2; i++) {
        struct subject s;
        double logp[64];
        subject_open(&s, &folded[i], &backends[1]);
        run_batch(&s, logp);
        assert_true(gap_to(&s, logp, "logprobs") <= 1e-4);
        assert_true(gap_to(&s, logp, "wrong.dropped") > 1e-3);
        subject_close(&s);
    }
}

/* A prefix in BLOOM's order of transformers 4.43, against the values that it gave there. */
static void test_old_prefix(void **state)
{
    (void)state;
    struct subject s;
    struct tac_safetensors f;
    double logp[64];
    for (size_t b = 0; b < 2; b++) {
        subject_open(&s, &cases[0], &backends[b]);
        const struct tac_decoder_config *c = &s.g.model->c;
        float *old = calloc(s.tune->n, sizeof *old), *now = calloc(s.tune->n, sizeof *now),
              *block = calloc(s.tune->n, sizeof *block);
        struct part p;
        open_file(&f, METHODS "prefix", "adapter_model.safetensors");
        tac_tensor_read_f32(old, &f.tensor[0], 0, s.tune->n);
        tac_safetensors_close(&f);
        tac_prefix_from_old_bloom(now, old, s.tune->P, c->L, c->H, c->D);
        assert_true(next_part(&s, &p, 0));
        for (size_t i = 0; i < s.tune->n; i++)
            block[lies_at(&s, &p, i)] = now[i];
        tac_tune_set(s.tune, block);
        run_batch(&s, logp);
        assert_true(gap_to(&s, logp, "logprobs") > 1e-3);
        tac_safetensors_close(&s.values);
        open_file(&s.values, METHODS "prefix-old", "golden.safetensors");
        assert_true(gap_to(&s, logp, "logprobs") <= 1e-4);
        free(old);
        free(now);
        free(block);
        subject_close(&s);
    }
}

/* Each task's prompt of a multitask folder, and what it gives. */
static void test_multitask(void **state)
{
    (void)state;
    static const struct golden_case from = {.name = "multitask", .model = "base-f32"};
    struct subject s = {.from = &from};
    struct tacit_err err;
    double logp[64], loss;
    golden_open(&s.g, from.model, &backends[1]);
    open_file(&s.values, METHODS "multitask", "golden.safetensors");
    for (int task = 0; task < 2; task++) {
        struct tac_peft_prompt prompt;
        char key[32];
        assert_ok(tac_prompt_load(&prompt, METHODS "multitask", &s.g.model->c, task, &err), err);
        snprintf(key, sizeof key, "prompt.%d", task);
        const struct tac_tensor *want = value(&s, key);
        assert_int_equal(prompt.P * prompt.C, tac_tensor_count(want));
        for (size_t k = 0; k < prompt.P * prompt.C; k++)
            assert_true(fabs((double)prompt.values[k] - tac_tensor_get(want, k)) <= 1e-6);
        assert_ok(
            tac_tune_open(&s.tune, &tac_method_prompt, s.g.weights, prompt.P, true, NULL, &err),
            err);
        tac_tune_set(s.tune, prompt.values);
        assert_ok(tac_prefix_soft(&s.prefix, prompt.P, &err), err);
        assert_ok(golden_batch(&s.g, &s.tune->ports, &s.prefix, logp, &loss, &err), err);
        for (int of = 0; of < 2; of++) {
            snprintf(key, sizeof key, "logprobs.%d", of);
            assert_int_equal(gap_to(&s, logp, key) <= 1e-4, of == task);
        }
        tac_prefix_release(&s.prefix);
        tac_tune_close(s.tune);
        tac_peft_prompt_release(&prompt);
    }
    tac_safetensors_close(&s.values);
    golden_close(&s.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logprobs),   cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_training),   cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_folded),     cmocka_unit_test(test_folded_read),
        cmocka_unit_test(test_old_prefix), cmocka_unit_test(test_multitask),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
