/* A golden model opened on a backend, and its expected values. */
#ifndef TAC_TESTS_GOLDEN_H
#define TAC_TESTS_GOLDEN_H

#include "check.h"

#include "run/score.h"
#include "tune/peft.h"

#define GOLDEN_FOLDER "tests/golden/"

static const char *const golden_names[] = {"base-f32",
                                           "odd-heads-f32",
                                           "heads6-postln-f32",
                                           "f16",
                                           "bf16",
                                           "sharded-f32",
                                           "untied-f32",
                                           "families/gpt2",
                                           "families/gpt2-untied-f16",
                                           "families/gpt-neox",
                                           "families/gpt-neox-sequential-bf16",
                                           "families/llama",
                                           "families/llama-biases",
                                           "families/llama-tied-bf16",
                                           "families/mistral-f16",
                                           "families/qwen2",
                                           "families/qwen3",
                                           "families/qwen3-tied-bf16"};
enum { N_GOLDEN = sizeof golden_names / sizeof *golden_names, MAX_EXAMPLES = 8 };

struct golden {
    struct tac_safetensors values;
    struct tac_model *model;
    struct tac_backend *be;
    struct tac_weights *weights;
    struct tac_session *session;
    size_t n, P, C;
    int32_t *ids[MAX_EXAMPLES];
    struct tac_query query[MAX_EXAMPLES]; /* context and targets of each example */
    float *init;
};

static inline const struct tac_tensor *golden_value(const struct golden *g, const char *fmt,
                                                    size_t k)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%zu", fmt, k);
    const struct tac_tensor *t = tac_safetensors_find(&g->values, name);
    if (!t)
        fail_msg("golden tensor %s is missing", name);
    return t;
}

static inline int64_t golden_int(const struct tac_tensor *t, size_t i)
{
    int64_t v;
    memcpy(&v, t->data + 8 * i, sizeof v);
    return v;
}

static inline void golden_open(struct golden *g, const char *name,
                               const struct tac_backend_options *o)
{
    struct tacit_err err;
    struct tac_session_options so = tac_session_options_default();
    char path[256];
    *g = (struct golden){0};
    snprintf(path, sizeof path, GOLDEN_FOLDER "%s/golden.safetensors", name);
    assert_ok(tac_safetensors_open(&g->values, path, &err), err);
    snprintf(path, sizeof path, GOLDEN_FOLDER "%s", name);
    assert_ok(tac_backend_open(&g->be, o, &err), err);
    assert_ok(tac_model_open(&g->model, path, NULL, &err), err);
    assert_ok(tac_weights_load(&g->weights, g->model, g->be, false, &err), err);
    assert_ok(tac_session_open(&g->session, g->weights, &so, &err), err);
    g->n = (size_t)golden_int(tac_safetensors_find(&g->values, "n"), 0);
    for (size_t k = 0; k < g->n; k++) {
        const struct tac_tensor *t = golden_value(g, "ids", k);
        size_t n = tac_tensor_count(t),
               target = (size_t)golden_int(golden_value(g, "n_target", k), 0);
        g->ids[k] = calloc(n, sizeof *g->ids[k]);
        for (size_t i = 0; i < n; i++)
            g->ids[k][i] = (int32_t)golden_int(t, i);
        g->query[k] =
            (struct tac_query){g->ids[k], n - target, g->ids[k] + n - target, target, NULL, 0, 0};
    }
    const struct tac_tensor *init = tac_safetensors_find(&g->values, "init");
    g->P = init->shape[0];
    g->C = init->shape[1];
    g->init = calloc(g->P * g->C, sizeof *g->init);
    tac_tensor_read_f32(g->init, init, 0, g->P * g->C);
}

static inline void golden_close(struct golden *g)
{
    for (size_t k = 0; k < g->n; k++)
        free(g->ids[k]);
    free(g->init);
    tac_session_close(g->session);
    tac_weights_close(g->weights);
    tac_model_close(g->model);
    tac_backend_close(g->be);
    tac_safetensors_close(&g->values);
}

/* One batch of all examples with equal label weights; prefix may be empty. */
static inline enum tacit_status golden_batch(struct golden *g, const struct tac_ports *ports,
                                             const struct tac_prefix *prefix, double *logp,
                                             double *loss, struct tacit_err *err)
{
    struct tac_arena a = {0};
    struct tac_seq seq[MAX_EXAMPLES];
    uint32_t labels = 0, item = 0;
    for (size_t k = 0; k < g->n; k++)
        labels += (uint32_t)g->query[k].n_target;
    for (size_t k = 0; k < g->n; k++) {
        assert_ok(
            tac_query_sequence(&seq[k], &a, prefix, &g->query[k], 1.0f / (float)labels, item, err),
            *err);
        item += (uint32_t)g->query[k].n_target;
    }
    struct tac_job job = {
        .seq = seq, .n = g->n, .n_item = item, .ports = ports, .grad = ports->grad, .logp = logp};
    enum tacit_status s = tac_session_run(g->session, &job, err);
    *loss = job.loss;
    tac_arena_release(&a);
    return s;
}

#endif
