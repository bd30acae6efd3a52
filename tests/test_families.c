/* What families read from their config.json: angles of rotary positions against transformers',
 * limits, and refusals of what is not implemented. tests/golden/README.md says what the values are.
 */
#include "golden.h"

#include "model/config.h"
#include "tacit.h"
#include "tune/tune.h"

#include <math.h>
#include <unistd.h>

/* ---- rotary positions ---- */

static void test_rotary(void **state)
{
    (void)state;
    struct tacit_err err;
    json_t *all, *one, *v;
    size_t i, k;
    assert_ok(tac_json_load(&all, GOLDEN_FOLDER "families/rotary.json", 1 << 20, &err), err);
    assert_true(json_array_size(all) >= 24);
    json_array_foreach(all, i, one)
    {
        struct tac_config c = {json_object_get(one, "config"), "config.json", &err};
        json_t *freq = json_object_get(one, "freq");
        struct tac_decoder_config d = {
            .D = (size_t)json_integer_value(json_object_get(one, "head"))};
        assert_ok(tac_config_rotary(&d, &c, 10000, 1), err);
        assert_int_equal(d.rotary.n, 2 * json_array_size(freq));
        json_array_foreach(freq, k, v)
        {
            double want = json_number_value(v);
            if (!(fabs(d.rotary.freq[k] - want) <= 1e-6 * want))
                fail_msg("rotary %zu: angle %zu is %.9g, transformers' %.9g", i, k,
                         d.rotary.freq[k], want);
        }
        double scale = json_number_value(json_object_get(one, "scale"));
        if (!(fabs(d.rotary.scale - scale) <= 1e-6))
            fail_msg("rotary %zu: scale %.9g, transformers' %.9g", i, d.rotary.scale, scale);
    }
    json_decref(all);
}

/* ---- configs ---- */

/* A golden model's config.json with a field changed (`set`, JSON of an object whose fields replace
 * others), and what its model says of it: NULL, that it opens. */
struct change {
    const char *model, *set, *message;
};

static const struct change changes[] = {
    {"llama", "{\"rope_parameters\": null, \"rope_theta\": 5000}", NULL},
    {"llama", "{\"num_key_value_heads\": 3}",
     "field 'num_key_value_heads': found 3, expected a part of 4 heads"},
    {"llama", "{\"hidden_act\": \"quick_gelu\"}",
     "field 'hidden_act': found 'quick_gelu', expected one of gelu, gelu_new"},
    {"llama", "{\"intermediate_size\": 41}", "shape 40x24, expected 41x24 by config.json"},
    {"llama", "{\"mlp_bias\": true}", "tensor 'model.layers.0.mlp.gate_proj.bias' is missing"},
    {"llama", "{\"tie_word_embeddings\": 3}",
     "field 'tie_word_embeddings': expected true or false"},
    {"llama", "{\"hidden_size\": null}", "field 'hidden_size' is missing"},
    {"llama", "{\"rope_scaling\": {\"type\": \"longrope\", \"factor\": 2}}",
     "field 'rope_scaling': type: found 'longrope', expected one of default, linear"},
    {"llama", "{\"rope_scaling\": {\"type\": \"linear\"}}",
     "field 'rope_scaling': 'factor' is missing"},
    {"llama", "{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}}",
     "field 'rope_scaling': 'low_freq_factor' is missing"},
    {"llama", "{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 1}}}",
     "field 'rope_parameters': 'full_attention': rotary positions that differ by layer"},
    {"llama", "{\"rope_parameters\": [1]}", "field 'rope_parameters': found an array"},
    {"llama", "{\"partial_rotary_factor\": 0.5}",
     "field 'partial_rotary_factor': found 0.5, expected 1"},
    {"llama", "{\"quantization_config\": {\"bits\": 4}}",
     "field 'quantization_config': found an object, expected null"},
    {"llama", "{\"model_type\": \"mamba\"}",
     "'mamba' is not supported (supported: bloom, gpt2, gpt_neox, llama, mistral, qwen2, qwen3)"},
    {"gpt-neox", "{\"rope_parameters\": {\"partial_rotary_factor\": 0.5}}",
     "rotary positions over 3 dimensions of a head: expected an even number"},
    {"gpt-neox", "{\"rope_parameters\": {\"partial_rotary_factor\": 9.7}}",
     "rotary positions over 9.7 of a head: expected at most 1"},
    {"llama",
     "{\"rope_parameters\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": "
     "10.185916357881302, \"high_freq_factor\": 10.185916357881302}}",
     "field 'rope_parameters': angle 0 is"},
    {"gpt-neox", "{\"hidden_size\": 26}", "expected a multiple of the 4 heads"},
    {"gpt2", "{\"scale_attn_by_inverse_layer_idx\": true}",
     "field 'scale_attn_by_inverse_layer_idx': found true, expected false"},
    {"gpt2", "{\"add_cross_attention\": true}", "field 'add_cross_attention': found true"},
    {"gpt2", "{\"scale_attn_weights\": false}", "field 'scale_attn_weights': found false"},
    {"gpt2", "{\"scale_attn_weights\": null}", NULL},
    {"gpt2", "{\"n_positions\": 41}", "shape 40x24, expected 41x24 by config.json"},
    {"gpt2", "{\"n_inner\": 97}", "shape 24x96, expected 24x97 by config.json"},
    {"qwen2", "{\"layer_types\": [\"full_attention\", \"chunked_attention\"]}",
     "field 'layer_types': layer 1: found \"chunked_attention\""},
    {"qwen2", "{\"use_sliding_window\": true, \"layer_types\": null, \"sliding_window\": -3}",
     "field 'sliding_window'"},
};

static void write_folder(char dir[64], const struct change *c)
{
    struct tacit_err err;
    char path[200], target[300], here[200];
    json_t *config, *set = json_loads(c->set, 0, NULL);
    assert_non_null(set);
    strcpy(dir, "/tmp/tacit-families-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, GOLDEN_FOLDER "families/%s/config.json", c->model);
    assert_ok(tac_json_load(&config, path, 1 << 20, &err), err);
    assert_int_equal(json_object_update(config, set), 0);
    snprintf(path, sizeof path, "%s/config.json", dir);
    assert_ok(tac_json_save(path, config, &err), err);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(target, sizeof target, "%s/" GOLDEN_FOLDER "families/%s/model.safetensors", here,
             c->model);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    assert_int_equal(symlink(target, path), 0);
    json_decref(config);
    json_decref(set);
}

static void remove_folder(const char *dir)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_configs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct tacit_err err = {0};
        struct tac_model *m = NULL;
        char dir[64];
        write_folder(dir, &changes[i]);
        enum tacit_status s = tac_model_open(&m, dir, NULL, &err);
        if (!changes[i].message)
            assert_ok(s, err);
        else if (s != TACIT_EINPUT || !strstr(err.msg, changes[i].message))
            fail_msg("%s with %s: status %d, '%s', expected '%s'", changes[i].model, changes[i].set,
                     (int)s, err.msg, changes[i].message);
        tac_model_close(m);
        remove_folder(dir);
    }
}

/* ---- limits ---- */

/* Scores a text of n tokens behind P soft ones. */
static enum tacit_status score_long(const char *dir, size_t P, size_t n, struct tacit_err *err)
{
    struct tac_model *m;
    struct tac_weights *w;
    struct tac_session *s;
    struct tac_backend *be;
    struct tac_tune *t;
    struct tac_prefix prefix;
    struct tac_backend_options bo = {.name = "cpu", .threads = 1};
    struct tac_session_options so = tac_session_options_default();
    struct tac_score_options o = tac_score_options_default();
    int32_t ids[128];
    double logp[128];
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)(i * 7 % 67);
    assert_ok(tac_backend_open(&be, &bo, err), *err);
    assert_ok(tac_model_open(&m, dir, NULL, err), *err);
    assert_ok(tac_weights_load(&w, m, be, false, err), *err);
    assert_ok(tac_session_open(&s, w, &so, err), *err);
    assert_ok(tac_tune_open(&t, &tac_method_prompt, w, P, false, NULL, err), *err);
    assert_ok(tac_prefix_soft(&prefix, P, err), *err);
    struct tac_query q = {ids, 1, ids + 1, n - 1, NULL, 0, 0};
    enum tacit_status st = tac_score(s, logp, NULL, &t->ports, &prefix, &q, 1, &o, err);
    tac_prefix_release(&prefix);
    tac_tune_close(t);
    tac_session_close(s);
    tac_weights_close(w);
    tac_model_close(m);
    tac_backend_close(be);
    return st;
}

/* Up to the limit, soft tokens among the counted; one more is refused by the field's name. The last
 * token needs no row, so a text of n tokens takes n - 1 positions. */
static void test_limits(void **state)
{
    (void)state;
    static const struct {
        struct change c;
        size_t limit;
    } limits[] = {
        {{"gpt2", "{}", "40 at most"}, 40},
        {{"mistral-f16", "{}", "field 'sliding_window'"}, 48},
        {{"mistral-f16", "{\"sliding_window\": null}", NULL}, 100},
        {{"qwen2", "{\"sliding_window\": 16}", NULL}, 100},
        {{"qwen2", "{\"use_sliding_window\": true, \"sliding_window\": 16, \"layer_types\": null}",
          "field 'sliding_window'"},
         16},
        {{"qwen2",
          "{\"sliding_window\": 16, \"layer_types\": [\"full_attention\", \"sliding_attention\"], "
          "\"use_sliding_window\": true}",
          "field 'sliding_window'"},
         16},
        {{"llama", "{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}",
          "field 'rope_scaling'"},
         64},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct tacit_err err;
        char dir[64];
        size_t P = 5, n = limits[i].limit - P + 1;
        write_folder(dir, &limits[i].c);
        assert_ok(score_long(dir, P, n, &err), err);
        if (limits[i].c.message)
            assert_fails(score_long(dir, P, n + 1, &err), TACIT_EINPUT, err, limits[i].c.message);
        remove_folder(dir);
    }
}

/* ---- new models ---- */

/* Gains of a new model are 1, biases 0; its shape is what was asked for. */
static void test_fresh(void **state)
{
    (void)state;
    static const char *const families[] = {"bloom", "gpt2", "gpt_neox", "qwen3"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct tacit_model_shape shape = tacit_model_shape_default();
        char dir[64] = "/tmp/tacit-families-XXXXXX";
        struct tacit_err err;
        struct tac_model *m;
        shape.family = families[i];
        shape.vocab = 50;
        shape.key_heads = i == 3 ? 2 : 0;
        shape.head_width = i == 3 ? 10 : 0;
        shape.mlp_width = i ? 24 : 0;
        assert_non_null(mkdtemp(dir));
        assert_ok(tacit_model_create(dir, &shape, &err), err);
        assert_ok(tac_model_open(&m, dir, NULL, &err), err);
        assert_string_equal(m->family->model_type, families[i]);
        assert_int_equal(m->c.G, i == 3 ? 2 : 4);
        assert_int_equal(m->c.D, i == 3 ? 10 : 16);
        assert_int_equal(m->c.F, i ? 24 : 256);
        for (size_t slot = 0; slot < m->n_slot; slot++) {
            const struct tac_tensor *t = m->tensor[slot];
            if (!t || t->rank == 2)
                continue;
            double want = strstr(t->name, ".bias") ? 0 : 1;
            for (size_t k = 0; k < tac_tensor_count(t); k++)
                if (fabs(tac_tensor_get(t, k) - want) > 0)
                    fail_msg("%s: %s: element %zu is %g, expected %g", families[i], t->name, k,
                             tac_tensor_get(t, k), want);
        }
        tac_model_close(m);
        remove_folder(dir);
    }
}

/* ---- weights stored across ---- */

/* Opens another folder in the place of a golden model. */
static void change_model(struct golden *g, const char *dir)
{
    struct tacit_err err;
    struct tac_session_options so = tac_session_options_default();
    tac_session_close(g->session);
    tac_weights_close(g->weights);
    tac_model_close(g->model);
    assert_ok(tac_model_open(&g->model, dir, NULL, &err), err);
    assert_ok(tac_weights_load(&g->weights, g->model, g->be, false, &err), err);
    assert_ok(tac_session_open(&g->session, g->weights, &so, &err), err);
}

/* The largest distance of a batch's log-probabilities from those in a file. */
static double gap_from(struct golden *g, const char *path)
{
    struct tacit_err err;
    struct tac_safetensors values;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_prefix none = {0};
    double logp[64], *at = logp, loss, gap = 0;
    assert_ok(tac_safetensors_open(&values, path, &err), err);
    assert_ok(golden_batch(g, &ports, &none, logp, &loss, &err), err);
    for (size_t k = 0; k < g->n; k++) {
        char name[32];
        snprintf(name, sizeof name, "logprobs.%zu", k);
        const struct tac_tensor *t = tac_safetensors_find(&values, name);
        for (size_t i = 0; i < tac_tensor_count(t); i++)
            gap = fmax(gap, fabs(*at++ - tac_tensor_get(t, i)));
    }
    tac_safetensors_close(&values);
    return gap;
}

/* An adapter folded into weights scores as PEFT's beside them. */
static void test_folded(void **state)
{
    (void)state;
    static const char *const folders[] = {"gpt2/lora-all", "gpt2/ia3", "qwen3/lora-all",
                                          "llama/ia3"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct tacit_err err;
        struct golden g;
        char dir[64] = "/tmp/tacit-families-XXXXXX", adapter[100], base[100], values[140];
        size_t changed;
        assert_non_null(mkdtemp(dir));
        snprintf(adapter, sizeof adapter, GOLDEN_FOLDER "families/%s", folders[i]);
        snprintf(values, sizeof values, "%s/golden.safetensors", adapter);
        snprintf(base, sizeof base, "families/%s", folders[i]);
        *strrchr(base, '/') = 0;
        golden_open(&g, base, &(struct tac_backend_options){.name = "cpu"});
        assert_true(gap_from(&g, values) > 1e-3);
        assert_ok(tacit_adapter_merge(dir, adapter, g.model->path, NULL, NULL, &changed, &err),
                  err);
        change_model(&g, dir);
        if (!(gap_from(&g, values) <= 1e-4))
            fail_msg("%s: folded in, log-probabilities differ by %g", folders[i],
                     gap_from(&g, values));
        golden_close(&g);
        remove_folder(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotary), cmocka_unit_test(test_configs),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_folded),
    };
    return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
