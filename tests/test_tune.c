/* Every method of the table: gradients against finite differences, sharing, mixed batches, and what
 * its first values must come to. */
#include "golden.h"

#include "tune/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct tac_backend_options cpu = {.threads = 2}, ref64 = {.name = "ref64"};
enum { P = 4, MAX_ITEM = 64 };

/* Every method, and settings that take other paths through it. */
static const char *const specs[] = {
    "prompt",
    "ptuning:hidden=7",
    "prefix",
    "prefix:hidden=6",
    "lora:r=3,alpha=6",
    "lora:r=2,targets=all-linear,rslora",
    "lora:r=2,targets=dense_4h_to_h+dense,layers=1",
    "lora:targets=all-linear,r=2,ranks=dense:4+h.0.self_attention.query_key_value:1,alphas=dense:3",
    "ia3",
    "ia3:targets=dense+dense_h_to_4h",
    "full",
};
enum { N_SPEC = sizeof specs / sizeof *specs };

static struct tac_tune *open_tune(struct golden *g, const char *text, bool with_grad)
{
    struct tacit_err err;
    struct tac_tune_spec s;
    struct tac_tune *t;
    assert_ok(tac_tune_spec_parse(&s, text, &err), err);
    s.P = s.method->tokens ? P : 0;
    assert_ok(tac_tune_make(&t, &s, g->weights, with_grad, NULL, &err), err);
    tac_tune_spec_release(&s);
    return t;
}

/* Values that make every parameter count: around those it starts from, for prompts and prefixes as
 * large as real ones. */
static void fill(struct tac_tune *t, uint64_t seed)
{
    struct tac_rng r = tac_rng_init(seed, 77);
    float *v = calloc(t->n, sizeof *v);
    tac_tune_get(t, v);
    bool scales = strcmp(t->method->name, "ia3") == 0;
    for (size_t i = 0; i < t->n; i++)
        v[i] = (float)((double)v[i] + (scales ? 1 : 0) + 0.3 * tac_rng_normal(&r));
    tac_tune_set(t, v);
    free(v);
}

static double batch_loss(struct golden *g, struct tac_tune *t, enum tac_grad grad, double *logp)
{
    struct tacit_err err;
    struct tac_prefix prefix = {0};
    struct tac_ports ports = t->ports;
    double loss;
    ports.grad = grad;
    assert_ok(tac_prefix_soft(&prefix, t->ports.P, &err), err);
    assert_ok(golden_batch(g, &ports, &prefix, logp, &loss, &err), err);
    tac_prefix_release(&prefix);
    return loss;
}

/* Central differences in double, at places all over the block. */
static void check_differences(struct golden *g, const char *text)
{
    struct tac_tune *t = open_tune(g, text, true);
    fill(t, 5);
    double logp[MAX_ITEM], *grad = calloc(t->n, sizeof *grad), *at = calloc(t->n, sizeof *at);
    tac_tune_zero_grad(t);
    batch_loss(g, t, t->ports.grad, logp);
    tac_tune_backward(t);
    g->be->ops->download_f64(g->be, grad, t->g, t->n);
    g->be->ops->download_f64(g->be, at, t->p, t->n);
    double scale = 0;
    for (size_t i = 0; i < t->n; i++)
        scale = fmax(scale, fabs(grad[i]));
    assert_true(scale > 0);
    size_t step = t->n / 61 + 1, seen = 0;
    for (size_t i = 0; i < t->n; i += step, seen++) {
        double value = at[i], h = 1e-6, f[2];
        for (int k = 0; k < 2; k++) {
            at[i] = value + (k ? -h : h);
            g->be->ops->upload_f64(g->be, t->p, at, t->n);
            tac_tune_changed(t);
            f[k] = batch_loss(g, t, TAC_GRAD_NONE, logp);
        }
        at[i] = value;
        double found = (f[0] - f[1]) / (2 * h);
        if (fabs(found - grad[i]) > 1e-6 * scale)
            fail_msg("%s: parameter %zu of %zu: gradient %.9g, differences give %.9g", text, i,
                     t->n, grad[i], found);
    }
    assert_true(seen > 20 || seen == t->n);
    free(grad);
    free(at);
    tac_tune_close(t);
}

static void test_gradients(void **state)
{
    (void)state;
    static const char *const models[] = {"base-f32", "heads6-postln-f32"};
    for (size_t m = 0; m < 2; m++) {
        struct golden g;
        golden_open(&g, models[m], &ref64);
        for (size_t i = 0; i < N_SPEC; i++)
            check_differences(&g, specs[i]);
        golden_close(&g);
    }
}

/* Shared and not, recomputed and kept: the same log-probabilities, byte for byte, and gradients of
 * recomputing byte for byte. */
static void test_sharing(void **state)
{
    (void)state;
    struct golden g;
    golden_open(&g, "base-f32", &cpu);
    for (size_t i = 0; i < N_SPEC; i++) {
        double shared[MAX_ITEM] = {0}, alone[MAX_ITEM] = {0};
        struct tac_tune *t = open_tune(&g, specs[i], true);
        fill(t, 9);
        g.session->o.share = true;
        batch_loss(&g, t, t->ports.grad, shared);
        g.session->o.share = false;
        batch_loss(&g, t, TAC_GRAD_NONE, alone);
        g.session->o.share = true;
        if (memcmp(shared, alone, sizeof shared) != 0)
            fail_msg("%s: sharing changes bytes", specs[i]);
        tac_tune_close(t);
    }
    golden_close(&g);
}

/* One batch under all frozen methods, and under none, gives each query the bytes that it has under
 * its own alone. */
static void test_mixed(void **state)
{
    (void)state;
    enum { N = N_SPEC }; /* the last is full: nothing at all in its place */
    static const char *const models[] = {"base-f32", "heads6-postln-f32"};
    for (size_t m = 0; m < 2; m++) {
        struct golden g;
        struct tacit_err err;
        golden_open(&g, models[m], &cpu);
        struct tac_tune *t[N] = {0};
        struct tac_ports ports[N];
        struct tac_prefix prefix[N] = {0};
        struct tac_query q[2 * N * MAX_EXAMPLES];
        double mixed[N * MAX_ITEM], alone[MAX_ITEM];
        struct tac_score_options o = tac_score_options_default();
        size_t n = 0, at = 0;
        for (size_t i = 0; i < N; i++) {
            ports[i] = tac_ports_plain(g.weights);
            if (i + 1 < N) {
                t[i] = open_tune(&g, specs[i], false);
                fill(t[i], 40 + i);
                ports[i] = t[i]->ports;
                assert_ok(tac_prefix_soft(&prefix[i], ports[i].P, &err), err);
            }
        }
        for (size_t k = 0; k < g.n; k++)
            for (size_t i = 0; i < N; i++) {
                q[n] = g.query[k];
                q[n++].under = (i * 7 + k) % N;
            }
        assert_ok(tac_score(g.session, mixed, NULL, ports, prefix, q, n, &o, &err), err);
        for (size_t k = 0; k < n; k++) {
            struct tac_query one = q[k];
            size_t u = one.under;
            one.under = 0;
            assert_ok(tac_score(g.session, alone, NULL, &ports[u], &prefix[u], &one, 1, &o, &err),
                      err);
            if (memcmp(alone, mixed + at, one.n_target * sizeof *alone) != 0)
                fail_msg("query %zu under %s: other bytes than alone", k, specs[u]);
            at += one.n_target;
        }
        for (size_t i = 0; i < N; i++) {
            tac_prefix_release(&prefix[i]);
            tac_tune_close(t[i]);
        }
        golden_close(&g);
    }
}

/* A method's first values change nothing where they should not: LoRA's and IA3's leave the model as
 * it is. */
static void test_start(void **state)
{
    (void)state;
    static const char *const neutral[] = {"lora:targets=all-linear", "ia3",
                                          "ia3:targets=all-linear,feedforward=dense_h_to_4h"};
    struct golden g;
    struct tacit_err err;
    golden_open(&g, "base-f32", &cpu);
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++) {
        double with[MAX_ITEM] = {0}, without[MAX_ITEM] = {0}, loss;
        struct tac_tune *t = open_tune(&g, neutral[i], false);
        struct tac_prefix none = {0};
        struct tac_ports plain = tac_ports_plain(g.weights);
        float *v = calloc(t->n, sizeof *v);
        assert_ok(t->method->start(t, v, NULL, false, 3, &err), err);
        tac_tune_set(t, v);
        batch_loss(&g, t, TAC_GRAD_NONE, with);
        assert_ok(golden_batch(&g, &plain, &none, without, &loss, &err), err);
        assert_memory_equal(with, without, sizeof with);
        free(v);
        tac_tune_close(t);
    }
    golden_close(&g);
}

/* A prefix that starts from a text's keys and values is that text, byte for byte. */
static void test_prefix_is_text(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    static const int32_t text[P] = {3, 9, 4, 17};
    golden_open(&g, "odd-heads-f32", &cpu);
    double as_prefix[MAX_ITEM] = {0}, as_text[MAX_ITEM] = {0}, loss;
    struct tac_prefix before = {0};
    struct tac_ports plain = tac_ports_plain(g.weights);
    struct tac_kv_store store;
    struct tac_seq seq = {.src = text, .n = P, .keep = P, .root = -1};
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &plain, .capture = &store};
    struct tac_tune *t = open_tune(&g, "prefix", false);
    float *kv = calloc(t->n, sizeof *kv), *v = calloc(t->n, sizeof *v);
    assert_ok(tac_kv_store_init(&store, &g.model->c, g.be, P, &err), err);
    assert_ok(tac_session_run(g.session, &job, &err), err);
    g.be->ops->download(g.be, kv, store.k[0], t->n);
    assert_ok(t->method->start(t, v, kv, false, 0, &err), err);
    tac_tune_set(t, v);
    batch_loss(&g, t, TAC_GRAD_NONE, as_prefix);
    assert_ok(tac_prefix_tokens(&before, text, P, &err), err);
    assert_ok(golden_batch(&g, &plain, &before, as_text, &loss, &err), err);
    assert_memory_equal(as_prefix, as_text, sizeof as_text);
    tac_prefix_release(&before);
    tac_kv_store_release(&store, g.be);
    free(kv);
    free(v);
    tac_tune_close(t);
    golden_close(&g);
}

/* What a spec refuses, and that it names what there is. */
static void test_specs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"lorra", "prompt, ptuning, prefix, lora, ia3, full"},
        {"lora:rank=8", "r, alpha, rslora, targets, layers, ranks, alphas, dropout"},
        {"lora:r=0", "'r': found '0', expected a whole number 1 to 65536"},
        {"lora:r=2.5", "whole number"},
        {"lora:r=", "'r'"},
        {"lora:targets=", "needs a text"},
        {"full:r=2", "'r' is not one of (none)"},
    };
    struct tac_tune_spec s;
    struct tacit_err err;
    const char *text;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(tac_tune_spec_parse(&s, wrong[i].text, &err), TACIT_EINPUT);
        if (!strstr(err.msg, wrong[i].part))
            fail_msg("%s: %s", wrong[i].text, err.msg);
    }
    assert_ok(tac_tune_spec_parse(&s, "lora:rslora,r=4,targets=dense", &err), err);
    assert_ok(tac_tune_spec_text(&s, &text, &err), err);
    assert_string_equal(text, "lora:r=4,alpha=8,rslora=1,targets=dense,dropout=0");
    tac_tune_spec_release(&s);
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"lora:targets=q_proj",
         "method lora: setting 'targets': found 'q_proj', expected modules of the model: "
         "query_key_value, dense, dense_h_to_4h, dense_4h_to_h, or all-linear"},
        {"lora:targets=key_value", "found 'key_value'"},
        {"lora:targets=word_embeddings", "found 'word_embeddings'"},
        {"lora:targets=+", "found ''"},
        {"lora:targets=dense+all-linear", "expected all-linear alone or names"},
        {"lora:layers=0+7",
         "method lora: setting 'layers': found '7', expected layers from 0 to 1"},
        {"lora:targets=h.0.mlp.dense_h_to_4h,layers=1",
         "found '1', expected layers that have 'h.0.mlp.dense_h_to_4h'"},
        {"lora:dropout=0.1", "setting 'dropout': found 0.1, expected 0 for training"},
        {"lora:ranks=dense", "found 'dense', expected MODULE:NUMBER, whole numbers 1 to 65536"},
        {"lora:ranks=dense:2.5", "found 'dense:2.5', expected MODULE:NUMBER, whole numbers"},
        {"lora:ranks=all-linear:2", "found 'all-linear:2'"},
        {"lora:ranks=q_proj:4", "setting 'ranks': found 'q_proj', expected modules of the model"},
        {"lora:alphas=dense:-1", "setting 'alphas': found 'dense:-1'"},
        {"ia3:feedforward=dense", "setting 'feedforward': needs 'targets'"},
        {"ia3:targets=dense,feedforward=dense_4h_to_h",
         "setting 'feedforward': found 'dense_4h_to_h', expected some of the targets 'dense'"},
        {"ia3:targets=all-linear,feedforward=mlp.dense_4h_to_h",
         "found 'mlp.dense_4h_to_h', expected some of the targets"},
    };
    struct golden g;
    struct tacit_err err;
    struct tac_tune_spec s;
    struct tac_tune *t;
    golden_open(&g, "base-f32", &cpu);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_ok(tac_tune_spec_parse(&s, wrong[i].text, &err), err);
        assert_int_equal(tac_tune_make(&t, &s, g.weights, true, NULL, &err), TACIT_EINPUT);
        if (!strstr(err.msg, wrong[i].part))
            fail_msg("%s: %s", wrong[i].text, err.msg);
        tac_tune_spec_release(&s);
    }
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),      cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_mixed),          cmocka_unit_test(test_start),
        cmocka_unit_test(test_prefix_is_text), cmocka_unit_test(test_specs),
        cmocka_unit_test(test_targets),
    };
    return cmocka_run_group_tests_name("tune", tests, NULL, NULL);
}
