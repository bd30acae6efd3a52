/* Where a prompt stands (run/score, run/generate): in front of a text, within it or behind it, held
 * against sequences that are put together here. */
#include "golden.h"

#include "base/rng.h"
#include "run/generate.h"

enum { P = 5, LEN = 30, TARGETS = 3, NEW = 12 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 1};
static const enum tac_place places[] = {TAC_PLACE_TEMPLATE, TAC_PLACE_FRONT, TAC_PLACE_END};

/* A model, P trainable rows and a text with what is to be predicted behind it. */
struct scene {
    struct golden g;
    struct tac_tune *tune;
    struct tac_prefix soft, words;
    int32_t id[LEN];
    struct tac_query q;
};

static void open_scene(struct scene *s, const char *model)
{
    struct tacit_err err;
    struct tac_rng rng = tac_rng_init(4, 0);
    int32_t words[P];
    golden_open(&s->g, model, &cpu);
    float *values = calloc(P * s->g.C, sizeof *values);
    for (size_t i = 0; i < P * s->g.C; i++)
        values[i] = 0.3f * (float)tac_rng_normal(&rng);
    for (size_t i = 0; i < LEN; i++)
        s->id[i] = (int32_t)tac_rng_below(&rng, (uint32_t)s->g.model->c.V);
    for (size_t i = 0; i < P; i++)
        words[i] = (int32_t)tac_rng_below(&rng, (uint32_t)s->g.model->c.V);
    s->q = (struct tac_query){s->id, LEN - TARGETS, s->id + LEN - TARGETS, TARGETS, NULL, 0, 0};
    assert_ok(tac_tune_open(&s->tune, &tac_method_prompt, s->g.weights, P, true, NULL, &err), err);
    tac_tune_set(s->tune, values);
    assert_ok(tac_prefix_soft(&s->soft, P, &err), err);
    assert_ok(tac_prefix_tokens(&s->words, words, P, &err), err);
    free(values);
}

static void close_scene(struct scene *s)
{
    tac_prefix_release(&s->soft);
    tac_prefix_release(&s->words);
    tac_tune_close(s->tune);
    golden_close(&s->g);
}

/* Text, prompt behind its first `at` tokens, and targets, token by token. */
static void build(int32_t src[LEN + P], const struct scene *s, const struct tac_prefix *p,
                  size_t at)
{
    for (size_t i = 0; i < LEN + P; i++)
        src[i] = i < at ? s->id[i] : i < at + P ? p->src[i - at] : s->id[i - P];
}

static size_t expected_place(enum tac_place place, size_t at)
{
    return place == TAC_PLACE_FRONT ? 0 : place == TAC_PLACE_END ? LEN - TARGETS : at;
}

static void check_score(struct scene *s, struct tac_prefix *p, size_t at)
{
    struct tacit_err err;
    struct tac_score_options o = tac_score_options_default();
    int32_t src[LEN + P], best[TARGETS], best2[TARGETS];
    double got[TARGETS], want[TARGETS];
    struct tac_mark mark[TARGETS];
    struct tac_seq seq = {.src = src, .n = LEN + P, .mark = mark, .n_mark = TARGETS, .root = -1};
    struct tac_job job = {.seq = &seq,
                          .n = 1,
                          .n_item = TARGETS,
                          .ports = &s->tune->ports,
                          .logp = want,
                          .best = best2};
    for (size_t k = 0; k < TARGETS; k++)
        mark[k] = (struct tac_mark){LEN + P - TARGETS - 1 + k, s->q.target[k], 1, (uint32_t)k};
    s->q.at = at;
    build(src, s, p, expected_place(p->place, at));
    assert_ok(tac_session_run(s->g.session, &job, &err), err);
    assert_ok(tac_score(s->g.session, got, best, &s->tune->ports, p, &s->q, 1, &o, &err), err);
    assert_memory_equal(got, want, sizeof got);
    assert_memory_equal(best, best2, sizeof best);
}

/* Trained rows and words, in every place. */
static void test_scores(void **state)
{
    (void)state;
    static const size_t ats[] = {0, 1, 11, LEN - TARGETS};
    for (size_t m = 0; m < N_GOLDEN; m++) {
        struct scene s;
        open_scene(&s, golden_names[m]);
        for (size_t k = 0; k < 3; k++)
            for (size_t i = 0; i < 4; i++) {
                s.soft.place = s.words.place = places[k];
                check_score(&s, &s.soft, ats[i]);
                check_score(&s, &s.words, ats[i]);
            }
        close_scene(&s);
    }
}

/* Queries of one text with prompts in different places, in one batch: each as it is alone. */
static void test_mixed(void **state)
{
    (void)state;
    struct scene s;
    struct tacit_err err;
    struct tac_query q[LEN - TARGETS + 1];
    struct tac_score_options o = tac_score_options_default();
    size_t n = LEN - TARGETS + 1;
    double together[(LEN - TARGETS + 1) * TARGETS], alone[TARGETS];
    open_scene(&s, "odd-heads-f32");
    for (size_t at = 0; at < n; at++) {
        q[at] = s.q;
        q[at].at = at;
    }
    assert_ok(tac_score(s.g.session, together, NULL, &s.tune->ports, &s.soft, q, n, &o, &err), err);
    for (size_t at = 0; at < n; at++) {
        assert_ok(tac_score(s.g.session, alone, NULL, &s.tune->ports, &s.soft, &q[at], 1, &o, &err),
                  err);
        assert_memory_equal(together + at * TARGETS, alone, sizeof alone);
        if (at)
            assert_memory_not_equal(alone, together + (at - 1) * TARGETS, sizeof alone);
    }
    close_scene(&s);
}

static void test_refusals(void **state)
{
    (void)state;
    struct scene s;
    struct tacit_err err;
    struct tac_score_options o = tac_score_options_default();
    struct tac_prefix none = {0};
    double logp[TARGETS];
    open_scene(&s, "base-f32");
    s.q.at = LEN - TARGETS + 1;
    assert_fails(tac_score(s.g.session, logp, NULL, &s.tune->ports, &s.soft, &s.q, 1, &o, &err),
                 TACIT_EINPUT, err, "item 0: the prompt stands behind 28 tokens of a text of 27");
    s.q.at = s.q.n_ctx = 0;
    assert_fails(tac_score(s.g.session, logp, NULL, &s.tune->ports, &none, &s.q, 1, &o, &err),
                 TACIT_EINPUT, err, "item 0: its first target token has no token before it");
    s.soft.place = TAC_PLACE_END;
    assert_ok(tac_score(s.g.session, logp, NULL, &s.tune->ports, &s.soft, &s.q, 1, &o, &err), err);
    close_scene(&s);
}

struct text {
    int32_t id[NEW];
    double logprob[NEW];
    size_t n;
};

static int collect(void *ctx, int32_t id, double logprob)
{
    struct text *x = ctx;
    x->id[x->n] = id;
    x->logprob[x->n++] = logprob;
    return 0;
}

/* What generation says of its tokens is what scoring says of them, wherever the prompt stands; a
 * text has no mark. */
static void test_generates(void **state)
{
    (void)state;
    struct scene s;
    struct tacit_err err;
    struct tac_score_options so = tac_score_options_default();
    struct tac_generate_options o = {.max_tokens = NEW, .top_p = 1};
    struct text x[3] = {0};
    open_scene(&s, "heads6-postln-f32");
    for (size_t k = 0; k < 3; k++) {
        double logp[NEW];
        struct tac_query q = {s.id, 4, x[k].id, NEW, NULL, 0, 0};
        s.soft.place = places[k];
        assert_ok(
            tac_generate(s.g.session, &s.tune->ports, &s.soft, s.id, 4, &o, collect, &x[k], &err),
            err);
        assert_int_equal(x[k].n, NEW);
        assert_ok(tac_score(s.g.session, logp, NULL, &s.tune->ports, &s.soft, &q, 1, &so, &err),
                  err);
        assert_memory_equal(logp, x[k].logprob, sizeof logp);
    }
    assert_memory_equal(x[0].logprob, x[1].logprob, sizeof x[0].logprob);
    assert_memory_not_equal(x[0].logprob, x[2].logprob, sizeof x[0].logprob);
    close_scene(&s);
}

static void test_names(void **state)
{
    (void)state;
    enum tac_place p = TAC_PLACE_END;
    struct tacit_err err;
    assert_ok(tac_place_find(&p, NULL, "place", &err), err);
    assert_int_equal(p, TAC_PLACE_TEMPLATE);
    for (int i = 0; i < TAC_N_PLACE; i++) {
        assert_ok(tac_place_find(&p, tac_place_name((enum tac_place)i), "place", &err), err);
        assert_int_equal(p, i);
    }
    assert_fails(tac_place_find(&p, "middle", "place", &err), TACIT_EINPUT, err,
                 "place: 'middle' is not one of template, front, end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scores), cmocka_unit_test(test_mixed),
                                       cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_generates),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
