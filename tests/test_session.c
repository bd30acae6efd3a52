/* The tree, the plan and the session: what sharing, caching, batching and recomputing must not
 * change, gradients of trainable rows wherever they stand, and what is refused. */
#include "golden.h"

#include "base/rng.h"
#include "run/generate.h"

#include <math.h>

enum { N_SEQ = 9, LEN = 40, P = 5, MAX_ITEM = 64 };

/* A batch of sequences that share beginnings, with trainable rows in front, in the middle and at
 * the end. */
struct batch {
    int32_t src[N_SEQ][LEN];
    struct tac_mark mark[N_SEQ][4];
    struct tac_seq seq[N_SEQ];
    size_t n, n_item;
};

static struct tac_tree_options sharing(bool share)
{
    struct tac_tree_options o = tac_tree_options_default();
    o.share = share;
    return o;
}

/* Sequence i has the first 8 + 3 i rows of a common text, then its own. soft: where P trainable
 * rows begin. */
static void make_batch(struct batch *b, uint32_t V, const size_t *soft, bool labels)
{
    struct tac_rng rng = tac_rng_init(11, 0);
    *b = (struct batch){.n = N_SEQ};
    for (size_t i = 0; i < N_SEQ; i++) {
        struct tac_rng common = tac_rng_init(12, 0);
        for (size_t k = 0; k < LEN; k++)
            b->src[i][k] = (int32_t)tac_rng_below(k < 8 + 3 * i ? &common : &rng, V);
        for (size_t k = 0; soft && k < P; k++)
            b->src[i][soft[i] + k] = -1 - (int32_t)k;
        size_t n = LEN - i;
        b->seq[i] = (struct tac_seq){b->src[i],      n,  b->mark[i], labels ? 1 + i % 3 : 0,
                                     labels ? 0 : n, -1, 0};
        for (size_t m = 0; m < b->seq[i].n_mark; m++)
            b->mark[i][m] = (struct tac_mark){n - 1 - 4 * m, (int32_t)tac_rng_below(&rng, V),
                                              0.1f + 0.05f * (float)m, (uint32_t)b->n_item++};
    }
}

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 2},
                                        ref64 = {.name = "ref64"};

static struct tac_tune *open_prompt(struct golden *g)
{
    struct tacit_err err;
    struct tac_tune *t;
    struct tac_rng rng = tac_rng_init(5, 0);
    float *values = calloc(P * g->C, sizeof *values);
    for (size_t i = 0; i < P * g->C; i++)
        values[i] = 0.3f * (float)tac_rng_normal(&rng);
    assert_ok(tac_tune_open(&t, &tac_method_prompt, g->weights, P, true, NULL, &err), err);
    tac_tune_set(t, values);
    free(values);
    return t;
}

static const size_t mixed_places[N_SEQ] = {0, 0, 0, 9, 9, 20, 31, 3, 0};

static void test_tree(void **state)
{
    (void)state;
    /* two texts with 8 rows in common, a third that ends within them, a fourth that shares 2 rows
     * only */
    int32_t a[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, b[10] = {1, 2, 3, 4, 5, 6, 7, 8, 20, 21},
            d[3] = {1, 2, 30};
    struct tac_mark on5 = {4, 6, 1, 0};
    struct tac_seq seq[] = {{a, 10, NULL, 0, 10, -1, 0},
                            {b, 10, NULL, 0, 10, -1, 0},
                            {a, 6, &on5, 1, 0, -1, 0},
                            {d, 3, NULL, 0, 3, -1, 0}};
    struct tac_tree_options o = sharing(true);
    struct tac_tree t;
    struct tacit_err err;
    assert_ok(tac_tree_build(&t, seq, 4, &o, &err), err);
    assert_int_equal(t.T, 8 + 2 + 2 + 3);
    static const int32_t src[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 21, 1, 2, 30};
    static const int32_t pos[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 9, 0, 1, 2};
    assert_memory_equal(t.src, src, sizeof src);
    assert_memory_equal(t.pos, pos, sizeof pos);
    assert_int_equal(t.n_seg, 4);
    assert_int_equal(t.seg[0].end, 12);
    assert_int_equal(t.seg[2].parent, 0);
    assert_int_equal(t.seg[3].parent, -1);
    assert_int_equal(t.last_row[1], 11);
    assert_int_equal(t.last_row[2], 4);
    assert_int_equal(t.label[0].row, 4);
    tac_tree_release(&t);
    o.share = false;
    assert_ok(tac_tree_build(&t, seq, 4, &o, &err), err);
    assert_int_equal(t.T, 10 + 10 + 5 + 3);
    tac_tree_release(&t);
    o = sharing(true);
    o.min_share = 2;
    assert_ok(tac_tree_build(&t, seq, 4, &o, &err), err);
    assert_int_equal(t.T, 8 + 2 + 2 + 1);
    tac_tree_release(&t);
}

static struct tac_plan plan_of(const struct tac_tree *t, enum tac_grad grad, bool recompute)
{
    struct tac_decoder_config c = {.L = 3, .C = 16, .H = 2, .G = 2, .D = 8, .F = 64, .V = 50};
    struct tac_plan p;
    struct tacit_err err;
    struct tac_plan_options o = {.grad = grad, .recompute = recompute};
    assert_ok(tac_plan_make(&p, t, &c, 4, &o, &err), err);
    return p;
}

/* Rows before the prompt carry no gradient, rows behind it do; only labelled rows get a last layer.
 */
static void test_plan(void **state)
{
    (void)state;
    int32_t a[6] = {1, 2, -1, -2, 3, 4};
    struct tac_mark end = {5, 9, 1, 0};
    struct tac_seq seq = {a, 6, &end, 1, 0, -1, 0};
    struct tac_tree_options o = sharing(true);
    struct tac_tree t;
    struct tacit_err err;
    assert_ok(tac_tree_build(&t, &seq, 1, &o, &err), err);
    struct tac_plan p = plan_of(&t, TAC_GRAD_SOFT, false);
    assert_int_equal(p.out.n, 1);
    assert_int_equal(p.live.n, 4);
    assert_int_equal(p.live.idx[0], 2);
    assert_int_equal(p.bottom.n, 2);
    assert_int_equal(p.bottom_src[1], -2);
    assert_int_equal(p.out_live.n, 1);
    size_t kept = tac_plan_bytes(&p);
    tac_plan_release(&p);
    p = plan_of(&t, TAC_GRAD_SOFT, true);
    assert_true(tac_plan_bytes(&p) < kept);
    tac_plan_release(&p);
    p = plan_of(&t, TAC_GRAD_WEIGHTS, false);
    assert_int_equal(p.bottom.n, 6);
    tac_plan_release(&p);
    p = plan_of(&t, TAC_GRAD_NONE, false);
    assert_int_equal(p.live.n, 0);
    assert_true(tac_plan_bytes(&p) < kept);
    tac_plan_release(&p);
    tac_tree_release(&t);
    /* rows behind a branch have the prompt before them, though the run that they branch off begins
     * without it */
    int32_t x[9] = {1, 2, -1, 3, 4, 5, 6, 7, 8}, y[9] = {1, 2, -1, 3, 4, 5, 6, 7, 9};
    struct tac_mark last = {8, 9, 1, 0};
    struct tac_seq pair[] = {{x, 9, &last, 1, 0, -1, 0}, {y, 9, &last, 1, 0, -1, 0}};
    assert_ok(tac_tree_build(&t, pair, 2, &o, &err), err);
    assert_int_equal(t.T, 10);
    p = plan_of(&t, TAC_GRAD_SOFT, false);
    assert_int_equal(p.live.n, 8);
    assert_int_equal(p.out_live.n, 2);
    tac_plan_release(&p);
    tac_tree_release(&t);
}

/* Log-probabilities of a batch under the session's options; gradients are left in the tune's block.
 */
static double run_batch(struct golden *g, struct tac_tune *t, struct batch *b, double *logp,
                        int32_t *best)
{
    struct tacit_err err;
    struct tac_job job = {.seq = b->seq,
                          .n = b->n,
                          .n_item = b->n_item,
                          .ports = &t->ports,
                          .grad = t->ports.grad,
                          .logp = logp,
                          .best = best};
    g->be->ops->zero(g->be, t->g, t->n);
    assert_ok(tac_session_run(g->session, &job, &err), err);
    return job.loss;
}

/* Shared = not shared = each alone = in another order, byte for byte, with prompts anywhere. */
static void test_sharing(void **state)
{
    (void)state;
    for (size_t m = 0; m < N_GOLDEN; m++) {
        struct golden g;
        struct batch b;
        double shared[MAX_ITEM], other[MAX_ITEM];
        int32_t best[MAX_ITEM], best2[MAX_ITEM];
        golden_open(&g, golden_names[m], &cpu);
        struct tac_tune *t = open_prompt(&g);
        make_batch(&b, (uint32_t)g.model->c.V, mixed_places, true);
        run_batch(&g, t, &b, shared, best);
        assert_true(g.session->rows < g.session->tokens);
        g.session->o.share = false;
        run_batch(&g, t, &b, other, best2);
        assert_memory_equal(shared, other, b.n_item * sizeof *shared);
        assert_memory_equal(best, best2, b.n_item * sizeof *best);
        g.session->o.share = true;
        for (size_t i = 0; i < N_SEQ; i++) {
            struct batch alone = b;
            alone.n = 1;
            alone.seq[0] = b.seq[i];
            run_batch(&g, t, &alone, other, best2);
            for (size_t k = 0; k < b.seq[i].n_mark; k++)
                assert_memory_equal(&shared[b.mark[i][k].item], &other[b.mark[i][k].item],
                                    sizeof *shared);
        }
        struct batch turned = b;
        for (size_t i = 0; i < N_SEQ; i++)
            turned.seq[i] = b.seq[N_SEQ - 1 - i];
        run_batch(&g, t, &turned, other, best2);
        assert_memory_equal(shared, other, b.n_item * sizeof *shared);
        tac_tune_close(t);
        golden_close(&g);
    }
}

/* A path computed piece by piece over a cache ends with the bytes of the whole. */
/* Logits and their log-sum-exp of many sequences at once, with labels or without, are those of each
 * alone, and of one that comes twice. */
static void test_logits(void **state)
{
    (void)state;
    struct golden g;
    struct batch b;
    struct tacit_err err;
    golden_open(&g, "odd-heads-f32", &cpu);
    size_t V = g.model->c.V;
    struct tac_ports ports = tac_ports_plain(g.weights);
    float *together = calloc(N_SEQ * V, sizeof *together), *alone = calloc(2 * V, sizeof *alone);
    double lse[N_SEQ], lse_alone[2], logp[MAX_ITEM];
    for (int labels = 0; labels < 2; labels++) {
        make_batch(&b, (uint32_t)V, NULL, labels);
        struct tac_job all = {.seq = b.seq,
                              .n = N_SEQ,
                              .n_item = b.n_item,
                              .ports = &ports,
                              .logits = together,
                              .logp = logp,
                              .lse = lse};
        assert_ok(tac_session_run(g.session, &all, &err), err);
        for (size_t i = 0; i < N_SEQ; i++) {
            struct tac_seq twice[2] = {b.seq[i], b.seq[i]};
            for (int k = 0; k < 2; k++) {
                twice[k].n_mark = 0;
                twice[k].keep = tac_seq_rows(&b.seq[i]);
            }
            for (size_t n = 1; n <= 2; n++) {
                struct tac_job job = {
                    .seq = twice, .n = n, .ports = &ports, .logits = alone, .lse = lse_alone};
                assert_ok(tac_session_run(g.session, &job, &err), err);
                assert_memory_equal(alone + (n - 1) * V, together + i * V, V * sizeof *alone);
                assert_memory_equal(&lse_alone[n - 1], &lse[i], sizeof *lse);
            }
        }
    }
    free(together);
    free(alone);
    golden_close(&g);
}

static void test_cache(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 3, 16, 39};
    struct golden g;
    struct batch b;
    struct tacit_err err;
    golden_open(&g, "odd-heads-f32", &cpu);
    struct tac_tune *t = open_prompt(&g);
    size_t V = g.model->c.V;
    make_batch(&b, (uint32_t)V, mixed_places, false);
    float *whole = calloc(V, sizeof *whole), *pieces = calloc(V, sizeof *pieces);
    double whole_lse, lse;
    struct tac_job all = {
        .seq = b.seq, .n = 1, .ports = &t->ports, .logits = whole, .lse = &whole_lse};
    assert_ok(tac_session_run(g.session, &all, &err), err);
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        struct tac_kv_store store, *kv = &store;
        assert_ok(tac_kv_store_init(&store, &g.model->c, g.be, LEN, &err), err);
        for (size_t from = 0; from < LEN; from += cuts[c]) {
            size_t n = LEN - from < cuts[c] ? LEN - from : cuts[c];
            struct tac_seq seq = {b.src[0] + from, n, NULL, 0, n, from ? 0 : -1, 0};
            struct tac_root root = {.kv = kv};
            struct tac_job job = {.seq = &seq,
                                  .n = 1,
                                  .ports = &t->ports,
                                  .root = &root,
                                  .n_root = from > 0,
                                  .capture = kv,
                                  .logits = pieces,
                                  .lse = &lse};
            assert_ok(tac_session_run(g.session, &job, &err), err);
        }
        assert_int_equal(store.len, LEN);
        assert_memory_equal(whole, pieces, V * sizeof *whole);
        assert_memory_equal(&whole_lse, &lse, sizeof lse);
        tac_kv_store_release(&store, g.be);
    }
    free(whole);
    free(pieces);
    tac_tune_close(t);
    golden_close(&g);
}

struct text {
    int32_t id[16];
    double logprob[16];
    size_t n;
};

static int collect(void *ctx, int32_t id, double logprob)
{
    struct text *x = ctx;
    x->id[x->n] = id;
    x->logprob[x->n++] = logprob;
    return 0;
}

/* What generation says of its tokens is, byte for byte, what scoring the whole text says. */
static void test_generate(void **state)
{
    (void)state;
    static const int32_t start[] = {7, 3, 11};
    static const double temperature[] = {0, 0.8};
    struct tacit_err err;
    for (size_t i = 0; i < 2 * N_GOLDEN; i++) {
        struct golden g;
        golden_open(&g, golden_names[i / 2], &cpu);
        struct tac_tune *t = open_prompt(&g);
        struct tac_prefix prefix;
        struct text x = {0};
        struct tac_generate_options o = {
            .max_tokens = 12, .temperature = temperature[i % 2], .top_p = 0.95, .seed = i};
        struct tac_score_options so = tac_score_options_default();
        double logp[12];
        int32_t best[12];
        assert_ok(tac_prefix_soft(&prefix, P, &err), err);
        assert_ok(tac_generate(g.session, &t->ports, &prefix, start, 3, &o, collect, &x, &err),
                  err);
        assert_int_equal(x.n, 12);
        struct tac_query q = {start, 3, x.id, x.n, NULL, 0, 0};
        assert_ok(tac_score(g.session, logp, best, &t->ports, &prefix, &q, 1, &so, &err), err);
        assert_memory_equal(logp, x.logprob, sizeof logp);
        if (o.temperature == 0)
            assert_memory_equal(best, x.id, sizeof best);
        tac_prefix_release(&prefix);
        tac_tune_close(t);
        golden_close(&g);
    }
}

/* top-k 1 is greedy; a stop token is reported and ends the text. */
static void test_generate_options(void **state)
{
    (void)state;
    static const int32_t start[] = {7, 3, 11};
    struct golden g;
    struct tacit_err err;
    struct tac_prefix none = {0};
    struct text greedy = {0}, one = {0}, cut = {0};
    golden_open(&g, "base-f32", &cpu);
    struct tac_ports ports = tac_ports_plain(g.weights);
    struct tac_generate_options o = {.max_tokens = 8, .top_p = 1};
    assert_ok(tac_generate(g.session, &ports, &none, start, 3, &o, collect, &greedy, &err), err);
    struct tac_generate_options k1 = {
        .max_tokens = 8, .temperature = 2, .top_k = 1, .top_p = 1, .seed = 9};
    assert_ok(tac_generate(g.session, &ports, &none, start, 3, &k1, collect, &one, &err), err);
    assert_memory_equal(greedy.id, one.id, sizeof one.id);
    size_t first = 0; /* where the token at 2 comes first */
    while (greedy.id[first] != greedy.id[2])
        first++;
    o.stop = &greedy.id[2];
    o.n_stop = 1;
    assert_ok(tac_generate(g.session, &ports, &none, start, 3, &o, collect, &cut, &err), err);
    assert_int_equal(cut.n, first + 1);
    assert_fails(tac_generate(g.session, &ports, &none, start, 0, &o, collect, &cut, &err),
                 TACIT_EINPUT, err, "neither");
    golden_close(&g);
}

/* The probabilities that sampling must have: softmax at a temperature, cut to the top k and the
 * fewest that reach top_p, by token. */
static void sampling_law(double *law, struct golden *g, const int32_t *ids, size_t n,
                         const struct tac_generate_options *o)
{
    size_t V = g->model->c.V, left = o->top_k ? o->top_k : V;
    struct tacit_err err;
    float *logits = calloc(V, sizeof *logits);
    double *p = calloc(V, sizeof *p), total = 0, kept = 0;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_seq seq = {ids, n, NULL, 0, n, -1, 0};
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .logits = logits};
    assert_ok(tac_session_run(g->session, &job, &err), err);
    for (size_t v = 0; v < V; v++) {
        law[v] = 0;
        total += p[v] = exp((double)logits[v] / o->temperature);
    }
    while (left-- && kept < o->top_p * total) {
        size_t best = 0;
        for (size_t v = 1; v < V; v++)
            best = p[v] > p[best] ? v : best;
        kept += law[best] = p[best];
        p[best] = 0;
    }
    for (size_t v = 0; v < V; v++)
        law[v] /= kept;
    free(logits);
    free(p);
}

/* Over many seeds tokens come as often as they should (five standard deviations), and those cut off
 * never. */
static void test_sampling(void **state)
{
    (void)state;
    enum { SEEDS = 1500, MAX_V = 80 };
    static const int32_t start[] = {7, 3, 11};
    static const struct tac_generate_options options[] = {
        {.max_tokens = 1, .temperature = 1.5, .top_p = 1},
        {.max_tokens = 1, .temperature = 0.6, .top_k = 5, .top_p = 1},
        {.max_tokens = 1, .temperature = 4, .top_k = 60, .top_p = 0.7},
    };
    struct golden g;
    struct tacit_err err;
    struct tac_prefix none = {0};
    golden_open(&g, "base-f32", &(struct tac_backend_options){.name = "cpu", .threads = 1});
    struct tac_ports ports = tac_ports_plain(g.weights);
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        struct tac_generate_options o = options[k];
        double law[MAX_V], count[MAX_V] = {0};
        size_t possible = 0;
        sampling_law(law, &g, start, 3, &o);
        for (size_t v = 0; v < g.model->c.V; v++)
            possible += law[v] > 0;
        assert_true(possible > 3 && (k == 0 || possible < 60));
        for (o.seed = 0; o.seed < SEEDS; o.seed++) {
            struct text x = {0};
            assert_ok(tac_generate(g.session, &ports, &none, start, 3, &o, collect, &x, &err), err);
            count[x.id[0]]++;
        }
        for (size_t v = 0; v < g.model->c.V; v++)
            if (!(fabs(count[v] - SEEDS * law[v]) <= 5 * sqrt(SEEDS * law[v] * (1 - law[v]))))
                fail_msg("options %zu: token %zu came %g times, expected %g", k, v, count[v],
                         SEEDS * law[v]);
    }
    golden_close(&g);
}

/* Where scoring cuts queries into batches cannot be seen. */
static void test_score_batches(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_prefix none = {0};
    struct tac_score_options o = tac_score_options_default();
    double whole[128], cut[128];
    int32_t best[128], best2[128];
    golden_open(&g, "base-f32", &cpu);
    struct tac_ports ports = tac_ports_plain(g.weights);
    struct tac_query q[2 * MAX_EXAMPLES];
    size_t n = 0, targets = 0;
    for (size_t k = 0; k < 2 * g.n; k++) { /* all but 1 + k tokens are targets */
        const struct tac_query *x = &g.query[k % g.n];
        size_t len = x->n_ctx + x->n_target;
        q[n++] = (struct tac_query){
            g.ids[k % g.n], 1 + k, g.ids[k % g.n] + 1 + k, len - 1 - k, NULL, 0, 0};
        targets += len - 1 - k;
    }
    assert_true(targets <= 128);
    assert_ok(tac_score(g.session, whole, best, &ports, &none, q, n, &o, &err), err);
    for (o.batch_rows = 1; o.batch_rows < 100; o.batch_rows += 33) {
        assert_ok(tac_score(g.session, cut, best2, &ports, &none, q, n, &o, &err), err);
        assert_memory_equal(cut, whole, targets * sizeof *cut);
        assert_memory_equal(best2, best, targets * sizeof *best);
    }
    golden_close(&g);
}

/* Queries under a prompt, under nothing, and under a trained prefix with a text behind it, cut into
 * batches that read kept prompts: the bytes of one batch that computes them, from fewer rows. Under
 * a memory limit none are kept. A query without text leaves its prompt to the batches. */
static void test_fronts(void **state)
{
    (void)state;
    enum { UNDER = 3 };
    struct golden g;
    struct tacit_err err;
    struct tac_score_options o = tac_score_options_default();
    struct tac_query q[UNDER * MAX_EXAMPLES];
    double whole[512], cut[512];
    size_t n = 0, targets = 0, rows[2];
    golden_open(&g, "base-f32", &cpu);
    struct tac_tune *soft = open_prompt(&g), *keys;
    assert_ok(tac_tune_open(&keys, &tac_method_prefix, g.weights, 4, true, NULL, &err), err);
    float *values = calloc(keys->n, sizeof *values);
    for (size_t i = 0; i < keys->n; i++)
        values[i] = (float)(i % 13) / 13 - 0.5f;
    tac_tune_set(keys, values);
    struct tac_ports ports[UNDER] = {soft->ports, tac_ports_plain(g.weights), keys->ports};
    struct tac_prefix prefix[UNDER] = {{0}};
    assert_ok(tac_prefix_soft(&prefix[0], P, &err), err);
    assert_ok(tac_prefix_tokens(&prefix[2], g.ids[0], 3, &err), err);
    for (size_t k = 0; k < UNDER * g.n; k++) {
        q[n] = g.query[k % g.n];
        q[n].under = k % UNDER;
        targets += q[n++].n_target;
    }
    assert_true(targets <= 512);
    assert_ok(tac_score(g.session, whole, NULL, ports, prefix, q, n, &o, &err), err);
    o.batch_rows = 40;
    for (int limit = 0; limit < 2; limit++) {
        size_t before = g.session->rows;
        g.session->o.memory_limit = limit ? SIZE_MAX : 0;
        assert_ok(tac_score(g.session, cut, NULL, ports, prefix, q, n, &o, &err), err);
        assert_memory_equal(cut, whole, targets * sizeof *cut);
        assert_int_equal(g.session->fixed_bytes, 0);
        rows[limit] = g.session->rows - before;
    }
    g.session->o.memory_limit = 0;
    assert_true(rows[0] < rows[1]);
    o.batch_rows = 1; /* the prompt alone, each query a batch: all but one are P rows smaller */
    for (size_t i = 0; i < n; i++)
        q[i].under = 0;
    for (int limit = 0; limit < 2; limit++) {
        size_t before = g.session->rows;
        g.session->o.memory_limit = limit ? SIZE_MAX : 0;
        assert_ok(tac_score(g.session, limit ? whole : cut, NULL, ports, prefix, q, n, &o, &err),
                  err);
        rows[limit] = g.session->rows - before;
    }
    g.session->o.memory_limit = 0;
    assert_memory_equal(cut, whole, targets * sizeof *cut);
    assert_int_equal(rows[1] - rows[0], P * (n - 1));
    q[1].target = q[1].ctx;
    q[1].n_target = 1;
    q[1].n_ctx = 0;
    size_t before = g.session->rows;
    assert_ok(tac_score(g.session, cut, NULL, ports, prefix, q, n, &o, &err), err);
    assert_true(g.session->rows - before > rows[0]);
    for (int k = 0; k < UNDER; k++)
        tac_prefix_release(&prefix[k]);
    free(values);
    tac_tune_close(soft);
    tac_tune_close(keys);
    golden_close(&g);
}

/* What recomputing adds by hand: in every layer but the last, all rows through three of the four
 * matrices, of which the whole pass has all, and the head, forward and backward: below a third of
 * it; below a fourth where weight gradients are taken. */
static void price(const struct tac_demand *d, const struct golden *g, size_t rows, bool weights)
{
    const struct tac_decoder_config *c = &g->model->c;
    double layer = (double)(4 * c->C * c->C + c->F * c->C), all = layer + (double)(c->F * c->C),
           extra = (double)(c->L - 1) * (double)rows * layer,
           most = (double)c->L * (double)rows * all + (double)(rows * c->V * c->C);
    assert_true(d->again > 0 && d->again < layer / all / (weights ? 3 : 1));
    assert_true(d->again >= extra / (most * (weights ? 3 : 2)));
}

/* A limit that only recomputing fits gives the same loss and gradient; a lower one is refused in
 * words. */
static void test_recompute(void **state)
{
    (void)state;
    static const struct tac_method *const methods[] = {&tac_method_prompt, &tac_method_full};
    for (size_t m = 0; m < 2; m++) {
        struct golden g;
        struct batch b;
        struct tacit_err err;
        struct tac_tune *t;
        double kept[MAX_ITEM], again[MAX_ITEM];
        golden_open(&g, "base-f32", &cpu);
        t = open_prompt(&g);
        if (m == 1) {
            tac_tune_close(t);
            assert_ok(tac_tune_open(&t, methods[m], g.weights, 0, true, NULL, &err), err);
        }
        make_batch(&b, (uint32_t)g.model->c.V, m ? NULL : mixed_places, true);
        double loss = run_batch(&g, t, &b, kept, NULL);
        float *grad = calloc(t->n, sizeof *grad);
        memcpy(grad, t->g, t->n * sizeof *grad);
        size_t full = g.session->peak_bytes, weights = tac_session_taken(g.session, t->ports.param);
        g.session->peak_bytes = 0;
        struct tac_job job = {
            .seq = b.seq, .n = b.n, .n_item = b.n_item, .ports = &t->ports, .grad = t->ports.grad};
        struct tac_demand d;
        assert_ok(tac_session_measure(g.session, &job, &d, &err), err);
        assert_true(!d.recompute && d.again == 0);
        g.session->o.memory_limit = weights + full - 1;
        assert_ok(tac_session_measure(g.session, &job, &d, &err), err);
        assert_true(d.recompute && d.bytes < full);
        price(&d, &g, d.rows, m == 1);
        double loss2 = run_batch(&g, t, &b, again, NULL);
        assert_true(g.session->peak_bytes < full);
        assert_memory_equal(&loss, &loss2, sizeof loss);
        assert_memory_equal(kept, again, b.n_item * sizeof *kept);
        assert_memory_equal(grad, t->g, t->n * sizeof *grad);
        g.session->o.memory_limit = weights + g.session->peak_bytes - 1;
        assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err,
                     "the memory limit is");
        /* what the machine has is kept to where that can be, and refuses nothing */
        g.session->o = (struct tac_session_options){.share = true, .machine_limit = weights + full};
        assert_ok(tac_session_measure(g.session, &job, &d, &err), err);
        assert_false(d.recompute);
        for (int i = 0; i < 2; i++) {
            g.session->o.machine_limit = i ? 1 : weights + full - 1;
            assert_ok(tac_session_measure(g.session, &job, &d, &err), err);
            assert_true(d.recompute);
        }
        loss2 = run_batch(&g, t, &b, again, NULL);
        assert_memory_equal(&loss, &loss2, sizeof loss);
        free(grad);
        tac_tune_close(t);
        golden_close(&g);
    }
}

/* Central differences of the loss at some elements against the gradient, in double. */
static void compare_gradient(struct golden *g, struct tac_tune *t, struct batch *b, size_t every)
{
    double *p = t->p, *grad = calloc(t->n, sizeof *grad), gap = 0, norm = 0;
    run_batch(g, t, b, NULL, NULL);
    memcpy(grad, t->g, t->n * sizeof *grad);
    for (size_t i = 0; i < t->n; i += every) {
        double old = p[i], h = 1e-5;
        p[i] = old + h;
        double up = run_batch(g, t, b, NULL, NULL);
        p[i] = old - h;
        double down = run_batch(g, t, b, NULL, NULL);
        p[i] = old;
        double d = (up - down) / (2 * h) - grad[i];
        gap += d * d;
        norm += grad[i] * grad[i];
    }
    if (!(norm > 0 && sqrt(gap / norm) < 1e-6))
        fail_msg("gradient and finite differences differ by %g", sqrt(gap / norm));
    free(grad);
}

static void test_gradient(void **state)
{
    (void)state;
    static const char *const names[] = {"odd-heads-f32", "heads6-postln-f32", "untied-f32"};
    for (size_t m = 0; m < 3; m++) {
        struct golden g;
        struct batch b;
        struct tacit_err err;
        golden_open(&g, names[m], &ref64);
        struct tac_tune *t = open_prompt(&g);
        make_batch(&b, (uint32_t)g.model->c.V, mixed_places, true);
        compare_gradient(&g, t, &b, 13);
        tac_tune_close(t);
        make_batch(&b, (uint32_t)g.model->c.V, NULL, true);
        assert_ok(tac_tune_open(&t, &tac_method_full, g.weights, 0, true, NULL, &err), err);
        compare_gradient(&g, t, &b, 997);
        tac_tune_close(t);
        golden_close(&g);
    }
}

/* Sharing changes the order of sums over rows only. */
static void test_shared_gradient(void **state)
{
    (void)state;
    struct golden g;
    struct batch b;
    golden_open(&g, "base-f32", &ref64);
    struct tac_tune *t = open_prompt(&g);
    make_batch(&b, (uint32_t)g.model->c.V, mixed_places, true);
    double *shared = calloc(t->n, sizeof *shared), *g64 = t->g;
    run_batch(&g, t, &b, NULL, NULL);
    memcpy(shared, g64, t->n * sizeof *shared);
    g.session->o.share = false;
    run_batch(&g, t, &b, NULL, NULL);
    for (size_t i = 0; i < t->n; i++)
        assert_true(fabs(shared[i] - g64[i]) < 1e-12);
    free(shared);
    tac_tune_close(t);
    golden_close(&g);
}

static void test_refusals(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    golden_open(&g, "base-f32", &cpu);
    struct tac_tune *t = open_prompt(&g);
    int32_t src[2] = {3, -1 - P};
    struct tac_seq seq = {src, 2, NULL, 0, 2, -1, 0};
    float *logits = calloc(g.model->c.V, sizeof *logits);
    struct tac_job job = {.seq = &seq, .n = 1, .ports = &t->ports, .logits = logits};
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err,
                 "trainable row 5, there are 5");
    int32_t *longer = calloc(TAC_MAX_PATH + 1, sizeof *longer);
    seq = (struct tac_seq){longer, TAC_MAX_PATH + 1, NULL, 0, TAC_MAX_PATH + 1, -1, 0};
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EINPUT, err, "at most 32768");
    /* a trainable value that is not finite, with good weights */
    float *values = calloc(t->n, sizeof *values);
    values[3] = INFINITY;
    tac_tune_set(t, values);
    struct batch b;
    size_t front[N_SEQ] = {0};
    make_batch(&b, (uint32_t)g.model->c.V, front, true);
    struct tac_job bad = {
        .seq = b.seq, .n = b.n, .n_item = b.n_item, .ports = &t->ports, .grad = t->ports.grad};
    assert_fails(tac_session_run(g.session, &bad, &err), TACIT_EFAIL, err, "diverged");
    seq = b.seq[0];
    seq.n_mark = 0;
    seq.keep = seq.n;
    double lse;
    job.lse = &lse;
    assert_fails(tac_session_run(g.session, &job, &err), TACIT_EFAIL, err, "diverged");
    free(values);
    free(longer);
    free(logits);
    tac_tune_close(t);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_generate),
        cmocka_unit_test(test_generate_options),
        cmocka_unit_test(test_recompute),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_shared_gradient),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_score_batches),
        cmocka_unit_test(test_fronts),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
