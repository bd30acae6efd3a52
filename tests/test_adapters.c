/* Adapters beside each other (interpret/adapters) against values by hand and products made whole.
 */
#include "check.h"

#include "base/file.h"
#include "base/rng.h"
#include "format/safetensors.h"
#include "interpret/adapters.h"

#include <math.h>

static const char one[] = "build/tests/adapters/one", two[] = "build/tests/adapters/two";
static const char a_name[] = "base_model.model.h.0.lora_A.weight";
static const char b_name[] = "base_model.model.h.0.lora_B.weight";

static void near(double got, double want, const char *what)
{
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want))))
        fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

static struct tac_tensor matrix(const char *name, size_t rows, size_t cols, const float *values)
{
    return (struct tac_tensor){.name = name,
                               .dtype = TAC_F32,
                               .rank = cols ? 2 : 1,
                               .shape = {rows, cols},
                               .data = (const unsigned char *)values,
                               .bytes = rows * (cols ? cols : 1) * sizeof *values};
}

static void put(const char *dir, const char *config, const struct tac_tensor *t, size_t n)
{
    struct tacit_err err;
    char path[200];
    assert_ok(tac_mkdirs(dir, &err), err);
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    assert_ok(tac_file_write(path, config, strlen(config), &err), err);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    assert_ok(tac_safetensors_write(path, t, n, NULL, 0, &err), err);
}

static void put_one(const char *dir, const char *name, size_t rows, size_t cols,
                    const float *values)
{
    struct tac_tensor t = matrix(name, rows, cols, values);
    put(dir, "{}", &t, 1);
}

static struct tac_adapters_alike alike(void)
{
    struct tac_adapters_alike out;
    struct tacit_err err;
    assert_ok(tac_adapters_alike(&out, one, two, &err), err);
    return out;
}

static void test_values(void **state)
{
    (void)state;
    static const float a[] = {1, 0, 0, 2}, b[] = {0, 2, 0, 2}, zero[4];
    put_one(one, "prompt_embeddings", 2, 2, a);
    put_one(two, "prompt_embeddings", 2, 2, b);
    struct tac_adapters_alike got = alike();
    near(got.distance, sqrt(5), "distance");
    near(got.cosine, 4 / sqrt(5 * 8), "cosine");
    put_one(two, "prompt_embeddings", 2, 2, zero);
    got = alike();
    near(got.distance, sqrt(5), "distance to zeros");
    near(got.cosine, 0, "cosine with zeros");
}

/* What a prompt was made by does not count beside it. */
static void test_prompt_alone(void **state)
{
    (void)state;
    static const float a[] = {1, 0}, b[] = {0, 1}, c[] = {5, 6, 7};
    struct tac_tensor x[] = {matrix("prompt_embeddings", 1, 2, a),
                             matrix("mlp_head.weight", 3, 1, c)};
    struct tac_tensor y = matrix("prompt_embeddings", 1, 2, b);
    put(one, "{}", x, 2);
    put(two, "{}", &y, 1);
    near(alike().distance, sqrt(2), "distance");
}

/* Factors of 1 change nothing, so they are nowhere. */
static void test_ia3(void **state)
{
    (void)state;
    static const float a[] = {1, 1.5F}, b[] = {1.5F, 1};
    put_one(one, "h.0.ia3_l.weight", 2, 0, a);
    put_one(two, "h.0.ia3_l.weight", 2, 0, b);
    near(alike().distance, sqrt(0.5), "distance");
    near(alike().cosine, 0, "cosine");
}

enum { N = 5, K = 4, RANK = 3 };

static void fill(float *out, size_t n, uint64_t seed)
{
    struct tac_rng rng = tac_rng_init(seed, 0);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)tac_rng_normal(&rng);
}

static void put_lora(const char *dir, const char *config, const float *b, const float *a,
                     size_t rank)
{
    struct tac_tensor t[] = {matrix(b_name, N, rank, b), matrix(a_name, rank, K, a)};
    put(dir, config, t, 2);
}

/* out (N,K) = scale * B A */
static void multiply(double *out, const float *b, const float *a, size_t rank, double scale)
{
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < K; k++) {
            out[n * K + k] = 0;
            for (size_t r = 0; r < rank; r++)
                out[n * K + k] += scale * (double)b[n * rank + r] * (double)a[r * K + k];
        }
}

static void test_products(void **state)
{
    (void)state;
    float b[2][N * RANK], a[2][RANK * K];
    double w[2][N * K], dd = 0, aa = 0, bb = 0, ab = 0;
    for (uint64_t i = 0; i < 2; i++) {
        fill(b[i], N * RANK, 2 * i);
        fill(a[i], RANK * K, 2 * i + 1);
    }
    put_lora(one, "{\"r\": 3, \"lora_alpha\": 6}", b[0], a[0], RANK);
    put_lora(two, "{\"r\": 2, \"lora_alpha\": 5, \"use_rslora\": true}", b[1], a[1], 2);
    multiply(w[0], b[0], a[0], RANK, 2);
    multiply(w[1], b[1], a[1], 2, 5 / sqrt(2));
    for (size_t i = 0; i < N * K; i++) {
        aa += w[0][i] * w[0][i];
        bb += w[1][i] * w[1][i];
        ab += w[0][i] * w[1][i];
        dd += (w[1][i] - w[0][i]) * (w[1][i] - w[0][i]);
    }
    struct tac_adapters_alike got = alike();
    near(got.distance, sqrt(dd), "distance of the products");
    near(got.cosine, ab / sqrt(aa * bb), "cosine of the products");
}

/* The same product of other factors: rows and columns of the rank exchanged, one twice as large. */
static void test_other_factors(void **state)
{
    (void)state;
    static const float b[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, a[] = {1, -1, 2, 0, 0, 3, 1, 1};
    static const float b2[] = {4, 1, 8, 3, 12, 5, 16, 7, 20, 9},
                       a2[] = {0, 1.5F, 0.5F, 0.5F, 1, -1, 2, 0};
    put_lora(one, "{\"r\": 2, \"lora_alpha\": 2}", b, a, 2);
    put_lora(two, "{\"r\": 2, \"lora_alpha\": 2}", b2, a2, 2);
    near(alike().distance, 0, "distance");
    near(alike().cosine, 1, "cosine");
}

static void refuses(const char *text)
{
    struct tac_adapters_alike out;
    struct tacit_err err;
    assert_fails(tac_adapters_alike(&out, one, two, &err), TACIT_EINPUT, err, text);
}

static void test_refusals(void **state)
{
    (void)state;
    static const float v[N * RANK];
    static const char config[] = "{\"r\": 3, \"lora_alpha\": 6}";
    struct tac_tensor half = matrix(a_name, RANK, K, v);
    struct tac_tensor pair[] = {matrix(b_name, N, 2, v), matrix(a_name, RANK, K, v)};
    struct tac_tensor wide[] = {matrix(b_name, N, 2, v), matrix(a_name, 2, 6, v)};
    put_one(one, "prompt_embeddings", 2, 2, v);
    put_one(two, "prompt_embeddings", 3, 2, v);
    refuses("two/adapter_model.safetensors: tensor 'prompt_embeddings': 6 values, the other "
            "adapter has 4");
    put_one(two, "h.0.ia3_l", 2, 2, v);
    refuses("two/adapter_model.safetensors: tensor 'prompt_embeddings' is missing");
    put_lora(one, config, v, v, 2);
    put(two, config, &half, 1);
    refuses("two/adapter_model.safetensors: 1 tensors, the other adapter has 2");
    put(one, config, &half, 1);
    refuses("one/adapter_model.safetensors: tensor 'base_model.model.h.0.lora_B.weight' is "
            "missing");
    put(one, config, pair, 2);
    put(two, config, pair, 2);
    refuses("are no product of matrices");
    put_lora(one, config, v, v, 2);
    put(two, config, wide, 2);
    refuses("a product of another shape");
    put_lora(two, "{\"r\": 3}", v, v, 2);
    refuses("two/adapter_config.json: field 'lora_alpha'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),   cmocka_unit_test(test_prompt_alone),
        cmocka_unit_test(test_ia3),      cmocka_unit_test(test_products),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_other_factors),
    };
    return cmocka_run_group_tests_name("adapters", tests, NULL, NULL);
}
