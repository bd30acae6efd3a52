/* Whole models against transformers and PEFT, on every backend. tests/golden/README.md says what
 * the values are. */
#include "golden.h"

#include "train/train.h"

#include <math.h>

static const struct tac_backend_options backends[] = {
    {.name = "ref64"},
    {.name = "ref"},
    {.name = "cpu", .isa = "portable", .threads = 1},
    {.name = "cpu", .isa = "avx2", .threads = 2},
    {.name = "cpu", .isa = "avx512", .threads = 2},
};
enum { N_BACKENDS = sizeof backends / sizeof *backends };

/* The same check on every golden model and every backend that this machine runs. */
static void on_all(void (*check)(struct golden *g, const char *name))
{
    for (size_t b = 0; b < N_BACKENDS; b++) {
        struct tac_backend *be;
        struct tacit_err err;
        if (tac_backend_open(&be, &backends[b], &err)) {
            print_message("# %s %s: %s\n", backends[b].name, backends[b].isa, err.msg);
            continue;
        }
        tac_backend_close(be);
        for (size_t i = 0; i < N_GOLDEN; i++) {
            struct golden g;
            golden_open(&g, golden_names[i], &backends[b]);
            check(&g, golden_names[i]);
            golden_close(&g);
        }
    }
}

static double worst(const double *found, const struct tac_tensor *expected)
{
    double gap = 0;
    for (size_t i = 0; i < tac_tensor_count(expected); i++) {
        double d = fabs(found[i] - tac_tensor_get(expected, i));
        gap = d > gap || isnan(d) ? d : gap;
    }
    return gap;
}

static double frobenius_gap(const double *found, const struct tac_tensor *expected)
{
    double gap = 0, norm = 0;
    for (size_t i = 0; i < tac_tensor_count(expected); i++) {
        double e = tac_tensor_get(expected, i);
        gap += (found[i] - e) * (found[i] - e);
        norm += e * e;
    }
    return sqrt(gap / norm);
}

static struct tac_tune *open_prompt(struct golden *g)
{
    struct tacit_err err;
    struct tac_tune *t;
    assert_ok(tac_tune_open(&t, &tac_method_prompt, g->weights, g->P, true, NULL, &err), err);
    tac_tune_set(t, g->init);
    return t;
}

static void check_logprobs(struct golden *g, const char *name)
{
    struct tacit_err err;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_prefix none = {0};
    struct tac_score_options o = tac_score_options_default();
    for (size_t k = 0; k < g->n; k++) {
        const struct tac_tensor *want = golden_value(g, "logprobs", k),
                                *greedy = golden_value(g, "greedy", k);
        size_t n = tac_tensor_count(want);
        struct tac_query q = {g->ids[k], 1, g->ids[k] + 1, n, NULL, 0, 0};
        double logp[64];
        int32_t best[64];
        assert_ok(tac_score(g->session, logp, best, &ports, &none, &q, 1, &o, &err), err);
        if (!(worst(logp, want) <= 1e-4))
            fail_msg("%s on %s: example %zu differs by %g", name, g->be->name, k,
                     worst(logp, want));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(best[i], golden_int(greedy, i));
    }
}

static void test_logprobs(void **state)
{
    (void)state;
    on_all(check_logprobs);
}

static void check_prompt(struct golden *g, const char *name)
{
    static const char *const wrong[] = {"wrong.dropped", "wrong.shifted", "wrong.pos",
                                        "wrong.label", "wrong.slopes"};
    int n_wrong = g->model->c.alibi ? 5 : 4;
    struct tacit_err err;
    struct tac_tune *t = open_prompt(g);
    struct tac_prefix prefix;
    double logp[64], loss, gap[5] = {0};
    assert_ok(tac_prefix_soft(&prefix, g->P, &err), err);
    assert_ok(golden_batch(g, &t->ports, &prefix, logp, &loss, &err), err);
    const double *at = logp;
    for (size_t k = 0; k < g->n; at += g->query[k++].n_target) {
        double d = worst(at, golden_value(g, "prompt_logprobs", k));
        if (!(d <= 1e-4))
            fail_msg("%s on %s: example %zu differs by %g", name, g->be->name, k, d);
        for (int w = 0; w < n_wrong; w++)
            gap[w] = fmax(gap[w], worst(at, golden_value(g, wrong[w], k)));
    }
    for (int w = 0; w < n_wrong; w++)
        if (gap[w] <= 1e-3)
            fail_msg("%s: values with the mistake '%s' pass too (%g)", name, wrong[w], gap[w]);
    assert_true(fabs(loss - tac_tensor_get(tac_safetensors_find(&g->values, "loss"), 0)) <= 1e-4);
    tac_prefix_release(&prefix);
    tac_tune_close(t);
}

static void test_prompt(void **state)
{
    (void)state;
    on_all(check_prompt);
}

static void check_prompt_gradient(struct golden *g, const char *name)
{
    struct tacit_err err;
    struct tac_tune *t = open_prompt(g);
    struct tac_prefix prefix;
    double logp[64], loss, *grad = calloc(t->n, sizeof *grad);
    assert_ok(tac_prefix_soft(&prefix, g->P, &err), err);
    assert_ok(golden_batch(g, &t->ports, &prefix, logp, &loss, &err), err);
    g->be->ops->download_f64(g->be, grad, t->g, t->n);
    double gap = frobenius_gap(grad, tac_safetensors_find(&g->values, "grad_prompt"));
    if (!(gap <= 1e-3))
        fail_msg("%s on %s: the prompt's gradient differs by %g", name, g->be->name, gap);
    free(grad);
    tac_prefix_release(&prefix);
    tac_tune_close(t);
}

static void test_prompt_gradient(void **state)
{
    (void)state;
    on_all(check_prompt_gradient);
}

static void check_weight_gradients(struct golden *g, const char *name)
{
    struct tacit_err err;
    struct tac_tune *t;
    struct tac_prefix none = {0};
    double logp[64], loss;
    assert_ok(tac_tune_open(&t, &tac_method_full, g->weights, 0, true, NULL, &err), err);
    assert_ok(golden_batch(g, &t->ports, &none, logp, &loss, &err), err);
    assert_true(fabs(loss - tac_tensor_get(tac_safetensors_find(&g->values, "loss_full"), 0)) <=
                1e-4);
    double *grad = calloc(t->n, sizeof *grad);
    g->be->ops->download_f64(g->be, grad, t->g, t->n);
    for (size_t i = 0; i < t->n_item; i++) {
        char key[200];
        snprintf(key, sizeof key, "grad.%s", t->item[i].name);
        const struct tac_tensor *want = tac_safetensors_find(&g->values, key);
        if (!want) {
            snprintf(key, sizeof key, "grad.%s", t->item[i].name + strlen("transformer."));
            want = tac_safetensors_find(&g->values, key);
        }
        assert_non_null(want);
        double gap = frobenius_gap(grad + t->item[i].offset, want);
        if (!(gap <= 1e-3))
            fail_msg("%s on %s: %s differs by %g", name, g->be->name, key, gap);
    }
    free(grad);
    tac_tune_close(t);
}

static void test_weight_gradients(void **state)
{
    (void)state;
    on_all(check_weight_gradients);
}

/* Six steps of AdamW on the batch: at most 1 % of PEFT's way from PEFT's end. */
static void check_training(struct golden *g, const char *name)
{
    struct tacit_err err;
    struct tac_tune *t = open_prompt(g);
    struct tac_prefix prefix;
    struct tac_optim op;
    struct tac_optim_options o = {.kind = TAC_ADAMW,
                                  .lr = tac_tensor_get(tac_safetensors_find(&g->values, "lr"), 0),
                                  .beta1 = 0.9,
                                  .beta2 = 0.999,
                                  .eps = 1e-8,
                                  .schedule = TAC_CONSTANT};
    const struct tac_tensor *final = tac_safetensors_find(&g->values, "final");
    const struct tac_tensor *losses = tac_safetensors_find(&g->values, "losses");
    double logp[64], loss, off = 0, way = 0;
    float *end = calloc(t->n, sizeof *end);
    assert_ok(tac_prefix_soft(&prefix, g->P, &err), err);
    assert_ok(tac_optim_open(&op, t, &o, &err), err);
    for (int step = 1; step <= 6; step++) {
        g->be->ops->zero(g->be, t->g, t->n);
        assert_ok(golden_batch(g, &t->ports, &prefix, logp, &loss, &err), err);
        double want = tac_tensor_get(losses, (size_t)step - 1);
        if (!(fabs(loss - want) <= 1e-3 * fabs(want)))
            fail_msg("%s on %s: loss of step %d is %g, PEFT's %g", name, g->be->name, step, loss,
                     want);
        tac_optim_step(&op, step, 6, 0);
    }
    tac_tune_get(t, end);
    for (size_t i = 0; i < t->n; i++) {
        double d = (double)end[i] - tac_tensor_get(final, i);
        double w = tac_tensor_get(final, i) - (double)g->init[i];
        off += d * d;
        way += w * w;
    }
    if (!(sqrt(off) <= 0.01 * sqrt(way)))
        fail_msg("%s on %s: %g of PEFT's way off", name, g->be->name, sqrt(off / way));
    free(end);
    tac_optim_close(&op);
    tac_prefix_release(&prefix);
    tac_tune_close(t);
}

static void test_training(void **state)
{
    (void)state;
    on_all(check_training);
}

/* PEFT's own folder holds what PEFT trained; ours round-trips bit by bit. */
static void test_peft_folder(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_peft_prompt p, again;
    char dir[] = "/tmp/tacit-golden-XXXXXX", path[64];
    golden_open(&g, "base-f32", &backends[0]);
    assert_ok(tac_peft_load_prompt(&p, GOLDEN_FOLDER "base-f32/peft-adapter", &g.model->c, &err),
              err);
    const struct tac_tensor *final = tac_safetensors_find(&g.values, "final");
    assert_int_equal(p.P, g.P);
    assert_memory_equal(p.values, final->data, final->bytes);
    assert_non_null(mkdtemp(dir));
    struct tac_adapter_info info = {
        .base_name = "m", .tokenizer_name = "m", .init_text = "Say yes or no."};
    assert_ok(tac_peft_save_prompt(dir, p.values, p.P, &g.model->c, &info, &err), err);
    assert_ok(tac_peft_load_prompt(&again, dir, &g.model->c, &err), err);
    assert_memory_equal(again.values, p.values, final->bytes);
    assert_string_equal(again.init_text, "Say yes or no.");
    assert_int_equal(again.place, TAC_PLACE_TEMPLATE);
    tac_peft_prompt_release(&again);
    info.place = "end";
    assert_ok(tac_peft_save_prompt(dir, p.values, p.P, &g.model->c, &info, &err), err);
    assert_ok(tac_peft_load_prompt(&again, dir, &g.model->c, &err), err);
    assert_int_equal(again.place, TAC_PLACE_END);
    tac_peft_prompt_release(&again);
    struct tac_decoder_config other = g.model->c;
    other.L++;
    assert_fails(tac_peft_load_prompt(&again, dir, &other, &err), TACIT_EINPUT, err,
                 "field 'num_layers'");
    other = g.model->c;
    other.C++;
    assert_fails(tac_peft_load_prompt(&again, dir, &other, &err), TACIT_EINPUT, err,
                 "field 'token_dim'");
    tac_peft_prompt_release(&p);
    snprintf(path, sizeof path, "rm -r %s", dir);
    assert_int_equal(system(path), 0);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logprobs),        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_prompt_gradient), cmocka_unit_test(test_weight_gradients),
        cmocka_unit_test(test_training),        cmocka_unit_test(test_peft_folder),
    };
    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
