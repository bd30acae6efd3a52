/* Patched frames (interpret/verbalise) against what they must be without any patch: a first token's
 * state at its own layer is the token in the placeholder's place; and one cell at a time by hand.
 */
#include "golden.h"

#include "interpret/verbalise.h"

#include <math.h>

enum { P = 3, FRAME = 9, LONG = 120, PLACE = 5, MAX_C = 64, MAX_CELLS = P * 25 };

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 2};
static const int32_t words[P] = {7, 21, 4}, target[P] = {7, -1, 11};

struct grid {
    int32_t frame[LONG];
    int32_t said[MAX_CELLS];
    double logp[MAX_CELLS];
};

static void verbalise(struct grid *out, struct golden *g, size_t n, size_t place)
{
    struct tac_frame f = {out->frame, n, place};
    struct tacit_err err;
    float values[P * MAX_C];
    for (int32_t i = 0; i < LONG; i++)
        out->frame[i] = i % 40;
    assert_true(P * (g->model->c.L + 1) * (g->model->c.L + 1) <= MAX_CELLS && g->C <= MAX_C);
    tac_weights_read_rows(g->weights, TAC_P_EMBED, words, P, values);
    assert_ok(tac_verbalise(out->said, out->logp, g->session, values, P, &f, target, NULL, &err),
              err);
}

/* Log-probabilities behind a text, with a patch or without, and the first of the largest. */
static int32_t run_text(double *logp, struct golden *g, const int32_t *ids, size_t n,
                        const struct tac_job_patch *patch)
{
    size_t V = g->model->c.V;
    struct tac_ports ports = tac_ports_plain(g->weights);
    struct tac_seq seq = {.src = ids, .n = n, .keep = n, .root = -1};
    struct tacit_err err;
    float *logits = calloc(V, sizeof *logits);
    double lse;
    int32_t best = 0;
    struct tac_job job = {.seq = &seq,
                          .n = 1,
                          .ports = &ports,
                          .patch = patch,
                          .n_patch = patch != NULL,
                          .logits = logits,
                          .lse = &lse};
    assert_ok(tac_session_run(g->session, &job, &err), err);
    for (size_t v = 0; v < V; v++) {
        logp[v] = (double)logits[v] - lse;
        best = logits[v] > logits[best] ? (int32_t)v : best;
    }
    free(logits);
    return best;
}

static void check_cell(const struct grid *grid, size_t cell, const double *logp, int32_t best,
                       int32_t want)
{
    assert_int_equal(grid->said[cell], best);
    if (want < 0)
        assert_true(isnan(grid->logp[cell]));
    else if (!(fabs(grid->logp[cell] - logp[want]) < 1e-6))
        fail_msg("cell %zu: %.9g, expected %.9g", cell, grid->logp[cell], logp[want]);
}

/* The embedding's state of any token, written behind the embedding, is that token; a patch behind
 * the last layer is none, but at the frame's end, where it is the prompt's own next token. */
static void test_ends(void **state)
{
    (void)state;
    struct golden g;
    struct grid grid;
    double logp[256];
    golden_open(&g, "odd-heads-f32", &cpu);
    size_t layers = g.model->c.L + 1;
    verbalise(&grid, &g, FRAME, PLACE);
    for (size_t i = 0; i < P; i++) {
        int32_t text[FRAME];
        memcpy(text, grid.frame, sizeof text);
        int32_t best = run_text(logp, &g, text, FRAME, NULL);
        for (size_t from = 0; from < layers; from++)
            check_cell(&grid, (i * layers + from) * layers + layers - 1, logp, best, target[i]);
        text[PLACE] = words[i];
        best = run_text(logp, &g, text, FRAME, NULL);
        check_cell(&grid, i * layers * layers, logp, best, target[i]);
    }
    verbalise(&grid, &g, FRAME, FRAME - 1);
    for (size_t i = 0; i < P; i++) {
        int32_t best = run_text(logp, &g, words, i + 1, NULL);
        check_cell(&grid, (i + 1) * layers * layers - 1, logp, best, target[i]);
    }
    golden_close(&g);
}

/* Every cell by itself: a state tapped from the words as text, one patch. */
static void check_grid(struct golden *g, size_t n)
{
    struct grid grid;
    struct tacit_err err;
    double logp[256];
    float at[MAX_C];
    size_t layers = g->model->c.L + 1;
    struct tac_ports ports = tac_ports_plain(g->weights);
    verbalise(&grid, g, n, PLACE);
    for (size_t i = 0; i < P; i++)
        for (size_t from = 0; from < layers; from++) {
            struct tac_seq seq = {.src = words, .n = P, .keep = P, .root = -1};
            struct tac_job_tap tap = {0, i, (int32_t)from - 1, TAC_TAP_STREAM, at};
            struct tac_job job = {.seq = &seq, .n = 1, .ports = &ports, .tap = &tap, .n_tap = 1};
            assert_ok(tac_session_run(g->session, &job, &err), err);
            for (size_t to = 0; to < layers; to++) {
                struct tac_job_patch patch = {0, PLACE, (int32_t)to - 1, at};
                int32_t best = run_text(logp, g, grid.frame, n, &patch);
                check_cell(&grid, (i * layers + from) * layers + to, logp, best, target[i]);
            }
        }
}

/* A long frame takes several batches. */
static void test_grid(void **state)
{
    (void)state;
    struct golden g;
    golden_open(&g, "odd-heads-f32", &cpu);
    check_grid(&g, FRAME);
    check_grid(&g, LONG);
    golden_close(&g);
}

static void test_refused(void **state)
{
    (void)state;
    struct golden g;
    struct grid grid;
    struct tacit_err err;
    float values[P * MAX_C] = {0};
    int32_t bad[2] = {1, 900}, wrong[P] = {1, 2, 900}, frame[FRAME] = {0};
    golden_open(&g, "odd-heads-f32", &cpu);
    struct tac_frame f = {frame, FRAME, FRAME};
    assert_fails(tac_verbalise(grid.said, grid.logp, g.session, values, P, &f, target, NULL, &err),
                 TACIT_EINPUT, err, "place 9 of a frame of 9 tokens");
    f = (struct tac_frame){bad, 2, 0};
    assert_fails(tac_verbalise(grid.said, grid.logp, g.session, values, P, &f, target, NULL, &err),
                 TACIT_EINPUT, err, "token id 900 is outside");
    f.n = 1;
    assert_fails(tac_verbalise(grid.said, grid.logp, g.session, values, P, &f, wrong, NULL, &err),
                 TACIT_EINPUT, err, "target token id 900");
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends), cmocka_unit_test(test_grid),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("verbalise", tests, NULL, NULL);
}
