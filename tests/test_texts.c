/* Texts whose keys and values are kept (run/texts): batches cut from them against whole ones, byte
 * for byte, loss, log-probabilities and gradient; kept as float16 against stores rounded here. */
#include "golden.h"

#include "base/rng.h"
#include "format/dtype.h"
#include "run/texts.h"

enum { P = 4, POOL = 24, LEN = 40, MAX_TARGET = 3, BATCH = 9, ROUNDS = 60 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 1};

/* A model, P trainable rows, and a pool of queries that share texts, beginnings and endings. */
struct scene {
    struct golden g;
    struct tac_tune *tune;
    struct tac_prefix prefix;
    struct tac_query pool[POOL];
    int32_t id[POOL][LEN], target[POOL][MAX_TARGET];
    float weight[POOL][MAX_TARGET];
    struct tac_texts *texts;
};

/* Query i begins like the others of its family of three and differs from them after some tokens: 3,
 * or 11 or more; the same text comes several times, as another's beginning, and with other tokens
 * behind the prompt. */
static void fill_query(struct scene *s, size_t i)
{
    uint32_t V = (uint32_t)s->g.model->c.V;
    struct tac_rng family = tac_rng_init(7, i % 3), own = tac_rng_init(8, i);
    size_t common = i % 4 == 0 ? 3 : 11 + i % 13, n = 6 + i % 24;
    for (size_t k = 0; k < LEN; k++)
        s->id[i][k] = (int32_t)tac_rng_below(k < common ? &family : &own, V);
    for (size_t k = 0; k < MAX_TARGET; k++) {
        s->target[i][k] = (int32_t)tac_rng_below(&own, i % 2 ? V : 3);
        s->weight[i][k] = i % 5 == 4 && k == 0 ? 0 : 1 + (float)k;
    }
    if (i % 6 == 5)
        memcpy(s->id[i], s->id[i - 1], sizeof s->id[i]);
    if (i % 6 == 4)
        n = 14;
    size_t at = i % 7 == 6 ? 0 : i % 6 >= 4 ? 12 : n > 2 + i % 3 ? n - i % 3 : n;
    s->pool[i] = (struct tac_query){.ctx = s->id[i],
                                    .n_ctx = i % 6 == 5 ? 14 + i % 4 : n,
                                    .target = s->target[i],
                                    .n_target = 1 + i % MAX_TARGET,
                                    .weight = s->weight[i],
                                    .at = at};
}

static void open_texts(struct scene *s, enum tac_texts_mode mode)
{
    struct tacit_err err;
    struct tac_texts_options o = {.mode = mode, .batch = BATCH};
    tac_texts_close(s->texts);
    assert_ok(tac_texts_open(&s->texts, s->g.session, &s->prefix, s->pool, POOL, &o, &err), err);
}

static void open_scene(struct scene *s, const char *model)
{
    struct tacit_err err;
    struct tac_rng rng = tac_rng_init(4, 0);
    *s = (struct scene){0};
    golden_open(&s->g, model, &cpu);
    assert_ok(tac_tune_open(&s->tune, &tac_method_prompt, s->g.weights, P, true, NULL, &err), err);
    float *values = calloc(s->tune->n, sizeof *values);
    for (size_t i = 0; i < s->tune->n; i++)
        values[i] = 0.3f * (float)tac_rng_normal(&rng);
    tac_tune_set(s->tune, values);
    free(values);
    assert_ok(tac_prefix_soft(&s->prefix, P, &err), err);
    for (size_t i = 0; i < POOL; i++)
        fill_query(s, i);
    open_texts(s, TAC_TEXTS_AUTO);
}

static void close_scene(struct scene *s)
{
    tac_texts_close(s->texts);
    tac_prefix_release(&s->prefix);
    tac_tune_close(s->tune);
    golden_close(&s->g);
}

/* What a batch came to. */
struct result {
    double loss, logp[BATCH * MAX_TARGET];
    float *grad;
    size_t rows;
};

/* The pool's queries `which` as one batch. roots: behind these stores (the sequences are then cut
 * by `at`), or NULL. */
static struct result run(struct scene *s, const uint32_t *which, size_t n, bool kept,
                         struct tac_kv_store *const *roots)
{
    struct tacit_err err;
    struct tac_arena a = {0};
    struct tac_seq seq[BATCH];
    struct tac_root root[BATCH];
    struct result r = {.grad = calloc(s->tune->n, sizeof *r.grad), .rows = s->g.session->rows};
    uint32_t item = 0;
    for (size_t i = 0; i < n; i++) {
        const struct tac_query *q = &s->pool[which[i]];
        assert_ok(tac_query_sequence(&seq[i], &a, &s->prefix, q, 0.1f, item, &err), err);
        item += (uint32_t)seq[i].n_mark;
        for (size_t k = 0; roots && k < seq[i].n_mark; k++)
            ((struct tac_mark *)(uintptr_t)seq[i].mark)[k].at -= q->at;
        seq[i].src += roots ? q->at : 0;
        seq[i].n -= roots ? q->at : 0;
        seq[i].root = roots ? (int32_t)i : -1;
        root[i] = (struct tac_root){.kv = roots ? roots[i] : NULL};
    }
    struct tac_job job = {.seq = seq,
                          .n = n,
                          .n_item = item,
                          .ports = &s->tune->ports,
                          .grad = s->tune->ports.grad,
                          .root = root,
                          .n_root = roots ? n : 0,
                          .logp = r.logp};
    if (kept)
        assert_ok(tac_texts_cut(s->texts, &job, which, false, &a, &err), err);
    r.rows = s->g.session->rows;
    tac_tune_zero_grad(s->tune);
    assert_ok(tac_session_run(s->g.session, &job, &err), err);
    r.rows = s->g.session->rows - r.rows;
    r.loss = job.loss;
    s->g.be->ops->download(s->g.be, r.grad, s->tune->g, s->tune->n);
    tac_arena_release(&a);
    return r;
}

static void assert_same(const struct scene *s, const struct result *x, const struct result *y)
{
    assert_memory_equal(&x->loss, &y->loss, sizeof x->loss);
    assert_memory_equal(x->logp, y->logp, sizeof x->logp);
    assert_memory_equal(x->grad, y->grad, s->tune->n * sizeof *x->grad);
}

/* Any batch, in any order, shared or not: the same bytes from fewer rows. */
static void test_batches(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2 * N_GOLDEN; m++) {
        struct scene s;
        struct tac_rng rng = tac_rng_init(5, m);
        size_t whole = 0, rest = 0;
        open_scene(&s, golden_names[m / 2]);
        s.g.session->o.share = m % 2 == 0;
        for (size_t round = 0; round < ROUNDS; round++) {
            uint32_t which[BATCH];
            size_t n = 1 + tac_rng_below(&rng, BATCH);
            for (size_t i = 0; i < n; i++)
                which[i] = tac_rng_below(&rng, POOL);
            struct result x = run(&s, which, n, false, NULL), y = run(&s, which, n, true, NULL);
            assert_same(&s, &x, &y);
            whole += x.rows;
            rest += y.rows;
            free(x.grad);
            free(y.grad);
        }
        assert_true(2 * rest < whole);
        close_scene(&s);
    }
}

static size_t distinct(const struct scene *s)
{
    size_t n = 0;
    for (size_t i = 0; i < POOL; i++) {
        bool seen = s->pool[i].at == 0;
        for (size_t k = 0; !seen && k < i; k++)
            seen = s->pool[k].at == s->pool[i].at &&
                   !memcmp(s->id[k], s->id[i], s->pool[i].at * sizeof **s->id);
        n += !seen;
    }
    return n;
}

/* Each text once, whose bytes are those of its keys and values; half of them as float16, and those
 * of the largest batch beside. */
static void test_bytes(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "base-f32");
    const struct tac_decoder_config *c = &s.g.model->c;
    size_t token = 2 * c->L * c->G * c->D * sizeof(float), all = tac_texts_bytes(s.texts) / token;
    assert_int_equal(tac_texts_bytes(s.texts) % token, 0);
    assert_int_equal(tac_texts_count(s.texts), distinct(&s));
    assert_true(distinct(&s) < POOL - 4);
    open_texts(&s, TAC_TEXTS_F16);
    size_t half = tac_texts_bytes(s.texts) - all * token / 2;
    assert_true(half > 0 && half < all * token);
    close_scene(&s);
}

/* Measuring computes nothing, and tells what the batch then takes. */
static void test_measure(void **state)
{
    (void)state;
    struct scene s;
    struct tacit_err err;
    struct tac_arena a = {0};
    struct tac_seq seq[2];
    static const uint32_t which[] = {1, 8};
    struct tac_demand d;
    open_scene(&s, "base-f32");
    for (size_t i = 0; i < 2; i++)
        assert_ok(tac_query_sequence(&seq[i], &a, &s.prefix, &s.pool[which[i]], 1, 0, &err), err);
    struct tac_job job = {
        .seq = seq, .n = 2, .n_item = 9, .ports = &s.tune->ports, .grad = s.tune->ports.grad};
    assert_ok(tac_texts_cut(s.texts, &job, which, true, &a, &err), err);
    assert_ok(tac_session_measure(s.g.session, &job, &d, &err), err);
    assert_int_equal(s.g.session->rows, 0);
    struct result r = run(&s, which, 2, true, NULL);
    assert_int_equal(d.rows, r.rows);
    assert_int_equal(d.bytes, s.g.session->peak_bytes);
    free(r.grad);
    tac_arena_release(&a);
    close_scene(&s);
}

/* The keys and values of a query's text, each rounded to float16. */
static void rounded(struct tac_kv_store *out, struct scene *s, const struct tac_query *q)
{
    struct tacit_err err;
    const struct tac_decoder_config *c = &s->g.model->c;
    struct tac_ports ports = tac_ports_plain(s->g.weights);
    struct tac_seq seq = {.src = q->ctx, .n = q->at, .keep = q->at, .root = -1};
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .capture = out};
    size_t n = 2 * c->L * q->at * c->G * c->D;
    float *v = calloc(n, sizeof *v);
    assert_ok(tac_kv_store_init(out, c, s->g.be, q->at, &err), err);
    assert_ok(tac_session_run(s->g.session, &job, &err), err);
    s->g.be->ops->download(s->g.be, v, out->k[0], n);
    for (size_t i = 0; i < n; i++)
        v[i] = tac_f16_to_f32(tac_f32_to_f16(v[i]));
    s->g.be->ops->upload(s->g.be, out->k[0], v, n);
    free(v);
}

static void test_half(void **state)
{
    (void)state;
    static const uint32_t which[] = {10, 11, 3, 10, 1};
    struct scene s;
    struct tac_kv_store store[5], *roots[5];
    open_scene(&s, "odd-heads-f32");
    s.g.session->o.share = false;
    open_texts(&s, TAC_TEXTS_F16);
    for (size_t i = 0; i < 5; i++) {
        assert_true(s.pool[which[i]].at > 0);
        rounded(&store[i], &s, &s.pool[which[i]]);
        roots[i] = &store[i];
    }
    for (int round = 0; round < 2; round++) {
        struct result want = run(&s, which, 5, false, roots), got = run(&s, which, 5, true, NULL),
                      real = run(&s, which, 5, false, NULL);
        assert_same(&s, &want, &got);
        assert_memory_not_equal(&real.loss, &got.loss, sizeof real.loss);
        assert_true(got.loss > 0.99 * real.loss && got.loss < 1.01 * real.loss);
        free(want.grad);
        free(got.grad);
        free(real.grad);
    }
    for (size_t i = 0; i < 5; i++)
        tac_kv_store_release(&store[i], s.g.be);
    close_scene(&s);
}

static bool kept(struct scene *s, struct tac_ports ports, enum tac_texts_mode mode, size_t *n)
{
    struct tacit_err err;
    struct tac_texts_choice c;
    struct tac_texts_options o = {.mode = mode, .batch = 2};
    assert_ok(tac_texts_choose(&c, s->g.session, &ports, &s->prefix, s->pool, POOL, &o, &err), err);
    bool kept = c.texts != NULL;
    *n = c.n;
    assert_int_equal(c.bytes > 0, c.n > 0);
    tac_texts_close(c.texts);
    return kept;
}

/* Bytes of the two longest queries of the pool as a batch with its texts. */
static size_t longest_pair(struct scene *s)
{
    size_t most = 0;
    struct tac_demand d;
    for (uint32_t i = 0; i < POOL; i++)
        for (uint32_t k = 0; k < i; k++) {
            struct tacit_err err;
            struct tac_arena a = {0};
            struct tac_seq seq[2];
            assert_ok(tac_query_sequence(&seq[0], &a, &s->prefix, &s->pool[k], 1, 0, &err), err);
            assert_ok(tac_query_sequence(&seq[1], &a, &s->prefix, &s->pool[i], 1, 9, &err), err);
            struct tac_job job = {.seq = seq,
                                  .n = 2,
                                  .n_item = 99,
                                  .ports = &s->tune->ports,
                                  .grad = s->tune->ports.grad};
            size_t taken = s->g.session->o.memory_limit;
            s->g.session->o.memory_limit = 0;
            assert_ok(tac_session_measure(s->g.session, &job, &d, &err), err);
            s->g.session->o.memory_limit = taken;
            most = d.bytes > most ? d.bytes : most;
            tac_arena_release(&a);
        }
    return most;
}

/* Kept where they fit beside the largest batch, and only where the text before the prompt does not
 * change. */
static void test_choice(void **state)
{
    (void)state;
    struct scene s;
    struct tacit_err err;
    struct tac_texts_choice c;
    size_t n;
    open_scene(&s, "base-f32");
    struct tac_ports ports = s.tune->ports, weights = ports;
    assert_true(kept(&s, ports, TAC_TEXTS_AUTO, &n));
    assert_int_equal(n, distinct(&s));
    assert_false(kept(&s, ports, TAC_TEXTS_OFF, &n));
    assert_int_equal(n, 0);
    size_t enough =
        tac_session_taken(s.g.session, NULL) + tac_texts_bytes(s.texts) + longest_pair(&s);
    s.g.session->o.memory_limit = enough;
    assert_true(kept(&s, ports, TAC_TEXTS_AUTO, &n));
    s.g.session->o.memory_limit = enough - tac_texts_bytes(s.texts) / 2;
    assert_false(kept(&s, ports, TAC_TEXTS_AUTO, &n));
    assert_int_equal(n, distinct(&s));
    assert_true(kept(&s, ports, TAC_TEXTS_F16, &n));
    weights.grad |= TAC_GRAD_WEIGHTS;
    s.g.session->o.memory_limit = 0;
    assert_false(kept(&s, weights, TAC_TEXTS_AUTO, &n));
    assert_int_equal(n, 0);
    s.prefix.place = TAC_PLACE_FRONT;
    assert_false(kept(&s, ports, TAC_TEXTS_AUTO, &n));
    struct tac_texts_options o = {.mode = TAC_TEXTS_F16, .batch = 2};
    assert_fails(tac_texts_choose(&c, s.g.session, &ports, &s.prefix, s.pool, POOL, &o, &err),
                 TACIT_EINPUT, err, "no text stands before a trained prompt");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_batches), cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_measure), cmocka_unit_test(test_half),
                                       cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
