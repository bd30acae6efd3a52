/* Taps and patches: what they read is what the model computes with, what they write is what it goes
 * on with. */
#include "golden.h"

#include "base/rng.h"

#include <math.h>

enum { LEN = 20, SPLIT = 12, TEXTS = 3 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 2},
                                        ref64 = {.name = "ref64"};

/* Texts that share their first SPLIT tokens, and room for their logits and last log-sum-exp. */
struct texts {
    int32_t id[TEXTS][LEN];
    struct tac_seq seq[TEXTS];
    float *logits;
    double lse[TEXTS];
    size_t V;
};

static void texts_open(struct texts *t, const struct golden *g)
{
    struct tac_rng rng = tac_rng_init(3, 0);
    t->V = g->model->c.V;
    t->logits = calloc(TEXTS * t->V, sizeof *t->logits);
    for (size_t i = 0; i < TEXTS; i++)
        for (size_t k = 0; k < LEN; k++)
            t->id[i][k] =
                i && k < SPLIT ? t->id[0][k] : (int32_t)tac_rng_below(&rng, (uint32_t)t->V);
    for (size_t i = 0; i < TEXTS; i++)
        t->seq[i] = (struct tac_seq){.src = t->id[i], .n = LEN, .keep = LEN, .root = -1};
}

static void run(struct golden *g, struct texts *t, const struct tac_job_tap *tap, size_t n_tap,
                const struct tac_job_patch *patch, size_t n_patch)
{
    struct tacit_err err;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_job job = {.seq = t->seq,
                          .n = TEXTS,
                          .ports = &ports,
                          .logits = t->logits,
                          .lse = t->lse,
                          .tap = tap,
                          .n_tap = n_tap,
                          .patch = patch,
                          .n_patch = n_patch};
    assert_ok(tac_session_run(g->session, &job, &err), err);
}

static float *room(size_t n)
{
    float *p = calloc(n, sizeof *p);
    assert_non_null(p);
    return p;
}

/* A tap changes nothing; writing back what stands there changes nothing either, at any layer. */
static void test_same(void **state)
{
    (void)state;
    for (size_t m = 0; m < N_GOLDEN; m++) {
        struct golden g;
        struct texts t;
        golden_open(&g, golden_names[m], &cpu);
        texts_open(&t, &g);
        size_t bytes = TEXTS * t.V * sizeof(float);
        float *plain = room(TEXTS * t.V), *x = room(g.C);
        run(&g, &t, NULL, 0, NULL, 0);
        memcpy(plain, t.logits, bytes);
        for (int32_t l = -1; l < (int32_t)g.model->c.L; l++) {
            struct tac_job_tap tap = {1, SPLIT - 2, l, TAC_TAP_STREAM, x};
            run(&g, &t, &tap, 1, NULL, 0);
            assert_memory_equal(plain, t.logits, bytes);
            struct tac_job_patch patch = {1, SPLIT - 2, l, x};
            run(&g, &t, NULL, 0, &patch, 1);
            assert_memory_equal(plain, t.logits, bytes);
        }
        free(plain);
        free(x);
        free(t.logits);
        golden_close(&g);
    }
}

/* A patch concerns its own sequence from its row on: one that shares the row's beginning keeps its
 * bytes. With another text's stream behind the last layer, a row gives that text's logits. */
static void test_patch(void **state)
{
    (void)state;
    struct golden g;
    struct texts t;
    golden_open(&g, "odd-heads-f32", &cpu);
    texts_open(&t, &g);
    size_t V = t.V, L = g.model->c.L;
    float *plain = room(TEXTS * V), *x = room(g.C);
    struct tac_job_tap tap = {2, LEN - 1, (int32_t)L - 1, TAC_TAP_STREAM, x};
    run(&g, &t, &tap, 1, NULL, 0);
    memcpy(plain, t.logits, TEXTS * V * sizeof *plain);
    struct tac_job_patch last = {0, LEN - 1, (int32_t)L - 1, x};
    run(&g, &t, NULL, 0, &last, 1);
    assert_memory_equal(t.logits, plain + 2 * V, V * sizeof *plain);
    assert_memory_equal(t.logits + V, plain + V, 2 * V * sizeof *plain);
    struct tac_job_patch early = {1, 4, 0, x};
    run(&g, &t, NULL, 0, &early, 1);
    assert_memory_equal(t.logits, plain, V * sizeof *plain);
    assert_memory_not_equal(t.logits + V, plain + V, V * sizeof *plain);
    assert_memory_equal(t.logits + 2 * V, plain + 2 * V, V * sizeof *plain);
    struct tac_job_patch first = {0, 4, 0, x};
    run(&g, &t, NULL, 0, &first, 1);
    assert_memory_not_equal(t.logits, plain, V * sizeof *plain);
    assert_memory_equal(t.logits + V, plain + V, 2 * V * sizeof *plain);
    free(plain);
    free(x);
    free(t.logits);
    golden_close(&g);
}

/* Swapping a token's embedding for another's is the other token. */
static void test_embedding(void **state)
{
    (void)state;
    struct golden g;
    struct texts t;
    golden_open(&g, "base-f32", &cpu);
    texts_open(&t, &g);
    float *plain = room(t.V), *x = room(g.C);
    int32_t was = t.id[0][5];
    t.id[0][5] = (was + 1) % (int32_t)t.V;
    struct tac_job_tap tap = {0, 5, -1, TAC_TAP_STREAM, x};
    run(&g, &t, &tap, 1, NULL, 0);
    memcpy(plain, t.logits, t.V * sizeof *plain);
    t.id[0][5] = was;
    struct tac_job_patch patch = {0, 5, -1, x};
    run(&g, &t, NULL, 0, &patch, 1);
    assert_memory_equal(t.logits, plain, t.V * sizeof *plain);
    free(plain);
    free(x);
    free(t.logits);
    golden_close(&g);
}

/* out (n) += w x, w a (n,k) matrix of the model's, in double. */
static void add_product(double *out, const struct golden *g, size_t slot, const double *x)
{
    size_t n = g->weights->param[slot].rows, k = g->weights->param[slot].cols;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            out[i] += tac_tensor_get(g->model->tensor[slot], i * k + j) * x[j];
}

/* Weights add up to 1 and, with the activations, lead from one layer's stream to the next: stream'
 * = stream + out(weights . values) + down(activations). The values are those of the same run, by
 * capture. */
static void test_layer(void **state)
{
    (void)state;
    struct golden g;
    struct texts t;
    struct tacit_err err;
    golden_open(&g, "odd-heads-f32", &ref64);
    texts_open(&t, &g);
    const struct tac_decoder_config *c = &g.model->c;
    size_t C = c->C, L = c->L;
    for (size_t l = 0; l < L; l++) {
        float *before = room(C), *after = room(C), *act = room(c->F), *w = room(c->H * LEN);
        struct tac_kv_store kv;
        assert_ok(tac_kv_store_init(&kv, c, g.be, LEN, &err), err);
        struct tac_job_tap tap[] = {{0, LEN - 1, (int32_t)l - 1, TAC_TAP_STREAM, before},
                                    {0, LEN - 1, (int32_t)l, TAC_TAP_STREAM, after},
                                    {0, LEN - 1, (int32_t)l, TAC_TAP_MLP, act},
                                    {0, LEN - 1, (int32_t)l, TAC_TAP_WEIGHTS, w}};
        struct tac_ports ports = tac_ports_plain(g.weights);
        struct tac_job job = {
            .seq = t.seq, .n = 1, .ports = &ports, .capture = &kv, .tap = tap, .n_tap = 4};
        assert_ok(tac_session_run(g.session, &job, &err), err);
        double *o = calloc(C, sizeof *o), *a = calloc(c->F, sizeof *a),
               *sum = calloc(C, sizeof *sum);
        for (size_t h = 0; h < c->H; h++) {
            double all = 0;
            for (size_t j = 0; j < LEN; j++) {
                all += (double)w[h * LEN + j];
                for (size_t d = 0; d < c->D; d++)
                    o[h * c->D + d] +=
                        (double)w[h * LEN + j] * ((double *)kv.v[l])[j * C + h * c->D + d];
            }
            assert_true(fabs(all - 1) < 1e-6);
        }
        for (size_t i = 0; i < c->F; i++)
            a[i] = (double)act[i];
        add_product(sum, &g, tac_model_slot(l, TAC_P_OUT), o);
        add_product(sum, &g, tac_model_slot(l, TAC_P_DOWN), a);
        for (size_t i = 0; i < C; i++) {
            double bias = tac_tensor_get(g.model->tensor[tac_model_slot(l, TAC_P_OUT_B)], i) +
                          tac_tensor_get(g.model->tensor[tac_model_slot(l, TAC_P_DOWN_B)], i);
            double want = (double)before[i] + sum[i] + bias;
            if (!(fabs(want - (double)after[i]) < 1e-4 * (1 + fabs(want))))
                fail_msg("layer %zu, element %zu: %g, expected %g", l, i, (double)after[i], want);
        }
        free(o);
        free(a);
        free(sum);
        free(before);
        free(after);
        free(act);
        free(w);
        tac_kv_store_release(&kv, g.be);
    }
    free(t.logits);
    golden_close(&g);
}

/* Weights over a path whose beginning lies in a cache are those over the whole. */
static void test_cache(void **state)
{
    (void)state;
    struct golden g;
    struct texts t;
    struct tacit_err err;
    golden_open(&g, "heads6-postln-f32", &cpu);
    texts_open(&t, &g);
    const struct tac_decoder_config *c = &g.model->c;
    struct tac_ports ports = tac_ports_plain(g.weights);
    struct tac_kv_store store, *kv = &store;
    float *whole = room(c->H * LEN), *pieces = room(c->H * LEN);
    struct tac_job_tap tap = {0, LEN - 1, 1, TAC_TAP_WEIGHTS, whole};
    struct tac_job all = {.seq = t.seq, .n = 1, .ports = &ports, .tap = &tap, .n_tap = 1};
    assert_ok(tac_session_run(g.session, &all, &err), err);
    assert_ok(tac_kv_store_init(&store, c, g.be, LEN, &err), err);
    struct tac_seq first = {.src = t.id[0], .n = SPLIT, .keep = SPLIT, .root = -1};
    struct tac_seq rest = {
        .src = t.id[0] + SPLIT, .n = LEN - SPLIT, .keep = LEN - SPLIT, .root = 0};
    struct tac_job fill = {.seq = &first, .n = 1, .ports = &ports, .capture = kv};
    assert_ok(tac_session_run(g.session, &fill, &err), err);
    tap = (struct tac_job_tap){0, LEN - SPLIT - 1, 1, TAC_TAP_WEIGHTS, pieces};
    struct tac_root root = {.kv = kv};
    struct tac_job more = {
        .seq = &rest, .n = 1, .ports = &ports, .root = &root, .n_root = 1, .tap = &tap, .n_tap = 1};
    assert_ok(tac_session_run(g.session, &more, &err), err);
    assert_memory_equal(whole, pieces, c->H * LEN * sizeof *whole);
    tac_kv_store_release(&store, g.be);
    free(whole);
    free(pieces);
    free(t.logits);
    golden_close(&g);
}

static void test_refused(void **state)
{
    (void)state;
    struct golden g;
    struct texts t;
    struct tacit_err err;
    float x[256] = {0};
    golden_open(&g, "base-f32", &cpu);
    texts_open(&t, &g);
    struct tac_ports ports = tac_ports_plain(g.weights);
    struct tac_job_tap tap = {0, 1, -1, TAC_TAP_MLP, x};
    struct tac_job_patch patch = {0, 1, (int32_t)g.model->c.L, x};
    struct tac_job job = {.seq = t.seq, .n = 1, .ports = &ports, .tap = &tap, .n_tap = 1};
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err,
                 "layer -1: expected 0 to");
    job = (struct tac_job){.seq = t.seq, .n = 1, .ports = &ports, .patch = &patch, .n_patch = 1};
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err, "expected -1 to");
    patch.layer = 0;
    job.grad = TAC_GRAD_SOFT;
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err, "without gradients");
    free(t.logits);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),      cmocka_unit_test(test_patch),
        cmocka_unit_test(test_embedding), cmocka_unit_test(test_layer),
        cmocka_unit_test(test_cache),     cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
