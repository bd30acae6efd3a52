/* Tables of a study (study/tables*.c) on a small study made by hand: three tasks, three runs each,
 * two tokens of width two, eight examples of two answers. */
#include "check.h"

#include "study/tables.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TASKS = 3, RUNS = 3, P = 2, C = 2, D = P * C, N = 8, MOST = 64 };

static const char folder[] = "build/tests/tables";

struct world {
    struct tacit_study st;
    struct tac_seen x;
    struct tac_study_prompt prompt[MOST];
    char key[MOST][32];
    const float *rows[MOST], *normed[MOST], *from[MOST], *from_normed[MOST], *neurons[MOST];
    float room[MOST][4 * D];
    size_t rows_of[MOST], parameters[MOST];
    struct tac_seen_score score[MOST * TASKS];
    unsigned char hits[MOST * TASKS][N];
    double loglik[MOST * TASKS][2 * N];
    struct tacit_examples test;
    struct tac_example example[N];
};

static const char *const names[TASKS] = {"one", "two", "three"};
static const float place[TASKS] = {0, 10, 30};
static const float way[RUNS][D] = {{3, 0, 0, 4}, {0, 0, 0, 4}, {3, 4, 0, 0}};

static void near(double got, double want, const char *what)
{
    if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
        fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

/* ---- making it ---- */

static size_t add(struct world *w, enum tac_kind kind, int task, size_t index)
{
    size_t p = w->st.n_prompt++;
    assert_true(p < MOST);
    snprintf(w->key[p], sizeof w->key[p], "%s/%s/%zu", task < 0 ? "any" : names[task],
             tac_kind_name(&w->st, kind), index);
    w->prompt[p] = (struct tac_study_prompt){
        .key = w->key[p], .kind = kind, .task = task, .index = index, .maker = SIZE_MAX};
    w->rows_of[p] = P;
    return p;
}

/* Rows a way from the task's start; behind the "norm" all is twice as long. */
static void lay(struct world *w, size_t p, const float *moved)
{
    float *room = w->room[p];
    for (size_t i = 0; i < D; i++) {
        float start = i == 0 ? place[w->prompt[p].task] : 0;
        room[i] = start + (moved ? moved[i] : 0);
        room[D + i] = 2 * room[i];
        room[2 * D + i] = start;
        room[3 * D + i] = 2 * start;
    }
    w->rows[p] = room;
    w->normed[p] = room + D;
    w->from[p] = room + 2 * D;
    w->from_normed[p] = room + 3 * D;
}

/* hits: "11101111"; gap: log-likelihood of the first answer over the second's. */
static void give(struct world *w, size_t p, int target, const char *hits, double gap)
{
    size_t at = p * TASKS + (size_t)target, right = 0;
    for (size_t i = 0; i < N; i++) {
        right += w->hits[at][i] = hits[i] == '1';
        w->loglik[at][2 * i] = gap;
    }
    w->score[at] = (struct tac_seen_score){.n = N,
                                           .n_loglik = 2 * N,
                                           .accuracy = (double)right / N,
                                           .hits = w->hits[at],
                                           .logliks = w->loglik[at]};
}

static size_t find(const struct world *w, enum tac_kind kind, int task, size_t index)
{
    for (size_t p = 0; p < w->st.n_prompt; p++)
        if (w->prompt[p].kind == kind && w->prompt[p].task == task && w->prompt[p].index == index)
            return p;
    fail_msg("no such prompt");
    return 0;
}

static void add_task(struct world *w, int t)
{
    add(w, TAC_KIND_DESCRIPTION, t, 0);
    add(w, TAC_KIND_PARAPHRASE, t, 2);
    lay(w, add(w, TAC_KIND_START, t, 0), NULL);
    for (size_t r = 0; r < RUNS; r++) {
        float moved[D] = {0, 0, (float)(r * r), 0};
        lay(w, add(w, TAC_KIND_PROMPT, t, r + 1), way[r]);
        lay(w, add(w, TAC_KIND_DRIFT, t, r + 1), moved);
    }
    for (enum tac_kind k = TAC_KIND_ORDER; k <= TAC_KIND_MOMENTS; k++) {
        add(w, k, t, 1);
        add(w, k, t, 2);
    }
}

static void score_runs(struct world *w)
{
    static const char *const own[RUNS] = {"11101111", "11001111", "10111111"};
    static const char *const far[TASKS][TASKS] = {
        {"", "11111111", "11111111"}, {"11111111", "", "11110000"}, {"11111000", "11110000", ""}};
    for (int t = 0; t < TASKS; t++)
        for (int target = 0; target < TASKS; target++)
            for (size_t r = 0; r < RUNS; r++)
                give(w, find(w, TAC_KIND_PROMPT, t, r + 1), target,
                     t == target ? own[r] : far[t][target], t == 1 ? 1000 : 0);
    give(w, find(w, TAC_KIND_PROMPT, 2, 1), 0, "00000000", 0);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct tacit_study *st = &w->st;
    st->prompt = w->prompt;
    st->n_task = TASKS;
    st->spec.margin = 1.5;
    st->spec.noise_runs = 2;
    w->test.data = (struct tac_dataset){.example = w->example, .n = N};
    for (size_t i = 0; i < N; i++)
        w->example[i].n_answers = 2;
    size_t none = add(w, TAC_KIND_NONE, TAC_NO_TASK, 0);
    size_t worst = add(w, TAC_KIND_RANDOM, TAC_NO_TASK, 1);
    size_t best = add(w, TAC_KIND_RANDOM, TAC_NO_TASK, 2);
    for (int t = 0; t < TASKS; t++) {
        st->task[t] = (struct tac_study_task){.name = names[t], .test = &w->test};
        give(w, none, t, "00000000", 0);
        give(w, worst, t, "00000000", 0);
        give(w, best, t, "11111111", 0);
        add_task(w, t);
        give(w, find(w, TAC_KIND_DESCRIPTION, t, 0), 0, "11111111", 0);
    }
    score_runs(w);
    w->x = (struct tac_seen){.st = st,
                             .C = C,
                             .rows = w->rows,
                             .normed = w->normed,
                             .from = w->from,
                             .from_normed = w->from_normed,
                             .neurons = w->neurons,
                             .P = w->rows_of,
                             .parameters = w->parameters,
                             .score = w->score};
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    tac_arena_release(&w->x.arena);
    free(w);
    return 0;
}

/* A table's rows, the caller's to json_decref. */
static json_t *rows_of(struct world *w, tac_fill *fill)
{
    struct tac_result t = {.rows = json_array()};
    struct tacit_err err;
    assert_ok(fill(&t, &w->x, &err), err);
    assert_false(t.failed);
    return t.rows;
}

static const json_t *cell(const json_t *rows, size_t row, size_t column)
{
    return json_array_get(json_array_get(rows, row), column);
}

/* ---- methods ---- */

static double number(const json_t *rows, size_t row, size_t column)
{
    assert_true(json_is_number(cell(rows, row, column)));
    return json_number_value(cell(rows, row, column));
}

/* Full training is always right, a further method every second time, prompts on 5 in 6. */
static void test_methods(void **state)
{
    struct world *w = *state;
    struct tac_spec_method lora = {.name = "lora", .o.method = "lora:r=8"};
    struct tac_unit unit[TASKS];
    json_t *result[TASKS];
    w->st.spec.method = &lora;
    w->st.spec.n_method = 1;
    for (int t = 0; t < TASKS; t++) {
        size_t full = add(w, TAC_KIND_FULL, t, 1), own = add(w, TAC_KIND_METHOD, t, 1);
        give(w, full, t, "11111111", 0);
        give(w, own, t, "11110000", 0);
        w->parameters[own] = 100;
        unit[t] = (struct tac_unit){.kind = TAC_UNIT_MAKE, .a = own, .b = own, .target = t};
        result[t] = t == 2 ? NULL
                           : json_pack("{s:i, s:i, s:f}", "bytes", 400 + t, "memory", 9000 - t,
                                       "seconds", 1.5 + t);
    }
    w->st.unit = unit;
    w->x.result = result;
    w->st.n_unit = TASKS;
    json_t *rows = rows_of(w, tac_table_methods);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(cell(rows, 0, 0)), "prompt");
    assert_string_equal(json_string_value(cell(rows, 2, 0)), "lora");
    near(number(rows, 0, 1), 9, "runs");
    near(number(rows, 2, 2), 100, "parameters");
    near(number(rows, 2, 3), 401, "bytes of the largest file");
    near(number(rows, 2, 4), 2, "mean of the seconds that are known");
    near(number(rows, 2, 5), 9000, "memory");
    assert_true(json_is_null(cell(rows, 0, 4)));
    /* 1, 2/3, 2/3, 1/3, 1, 1, 1, 1 on every task */
    double half = 1.959963984540054 * sqrt(3 * (4.0 / 9 / 7) / 8) / 3;
    near(number(rows, 0, 6), 5.0 / 6, "accuracy");
    near(number(rows, 0, 7), 5.0 / 6 - half, "low");
    near(number(rows, 0, 9), -1.0 / 6, "difference to full");
    near(number(rows, 0, 11), -1.0 / 6 + half, "its upper end");
    near(number(rows, 2, 9), -0.5, "difference of the further method");
    assert_true(json_is_null(cell(rows, 1, 9)));
    json_decref(rows);
    rows = rows_of(w, tac_table_runs);
    assert_string_equal(json_string_value(cell(rows, json_array_size(rows) - 1, 1)), "lora");
    json_decref(rows);
    for (int t = 0; t < TASKS; t++)
        json_decref(result[t]);
}

/* One token in four is of two's texts, and costs 0.5 more; the rest are of three's, and cost 0.1
 * less. A whole model's losses stand with what its training took. */
static void test_forgetting(void **state)
{
    struct world *w = *state;
    struct tac_spec_method lora = {.name = "lora", .o.method = "lora"};
    w->st.spec.method = &lora;
    w->st.spec.n_method = 1;
    size_t none = find(w, TAC_KIND_NONE, TAC_NO_TASK, 0), full = add(w, TAC_KIND_FULL, 1, 1);
    size_t a = add(w, TAC_KIND_METHOD, 0, 1), b = add(w, TAC_KIND_METHOD, 0, 2);
    struct tac_unit unit[] = {{.kind = TAC_UNIT_FORGET, .a = a, .b = a},
                              {.kind = TAC_UNIT_FORGET, .a = none, .b = none},
                              {.kind = TAC_UNIT_MAKE, .a = b, .b = b},
                              {.kind = TAC_UNIT_MAKE, .a = full, .b = full}};
    json_t *result[] = {
        json_pack("[{s:s, s:i, s:i, s:f}, {s:s, s:i, s:i, s:f}]", "of", "two", "texts", 4, "tokens",
                  10, "loss", 3.5, "of", "three", "texts", 4, "tokens", 30, "loss", 1.9),
        json_pack("[{s:s, s:f}, {s:s, s:f}, {s:s, s:f}]", "of", "one", "loss", 9.0, "of", "two",
                  "loss", 3.0, "of", "three", "loss", 2.0),
        NULL, json_pack("{s:[{s:s, s:i, s:f}]}", "forgot", "of", "one", "tokens", 7, "loss", 8.0)};
    w->st.unit = unit;
    w->st.n_unit = 4;
    w->x.result = result;
    give(w, a, 0, "11110000", 0);
    give(w, full, 1, "11110000", 0);
    json_t *rows = rows_of(w, tac_table_forgetting);
    assert_int_equal(json_array_size(rows), 3);
    assert_string_equal(json_string_value(cell(rows, 0, 1)), "full");
    near(number(rows, 0, 8), -1, "the whole model's change");
    assert_string_equal(json_string_value(cell(rows, 2, 3)), "three");
    near(number(rows, 2, 6), 2, "loss without anything trained");
    near(number(rows, 2, 8), -0.1, "change");
    json_decref(rows);
    rows = rows_of(w, tac_table_methods);
    assert_true(json_is_null(cell(rows, 0, 12)));
    near(number(rows, 1, 12), -1, "full");
    near(number(rows, 2, 12), 0.25 * 0.5 - 0.75 * 0.1, "by tokens");
    json_decref(rows);
    for (size_t i = 0; i < 4; i++)
        json_decref(result[i]);
}

/* ---- sweeps ---- */

/* Three combinations of a method on three tasks, one of another whose every second run diverged. Of
 * the first the second run diverged on task two; the second is as good by validation as the third
 * on task one, and has the lower loss. */
static void test_sweep(void **state)
{
    struct world *w = *state;
    static const double validation[4][TASKS] = {
        {0.9, 0.9, 0.2}, {0.6, 0.7, 0.5}, {0.6, 0.5, 0.5}, {1, 1, 1}};
    static const double loss[] = {1, 2, 3, 4};
    struct tac_spec_method own[] = {
        {.name = "a,lr=1", .base = "a", .init = "vocab", .rows = true, .o = {.lr = 1, .tokens = 5}},
        {.name = "a,lr=2", .base = "a", .init = "vocab", .rows = true, .o = {.lr = 2, .tokens = 5}},
        {.name = "a,lr=3", .base = "a", .settings = "b=c", .o = {.lr = 3}},
        {.name = "z", .base = "z", .o = {.lr = 1}}};
    struct tac_unit unit[24];
    json_t *result[24];
    size_t n = 0;
    w->st.spec.method = own;
    w->st.spec.n_method = 4;
    w->st.unit = unit;
    w->st.n_unit = 24;
    w->x.result = result;
    memset(w->score, 0, sizeof w->score);
    w->st.n_prompt = 0;
    for (int t = 0; t < TASKS; t++)
        for (int k = 0; k < 4; k++)
            for (size_t r = 1; r <= 2; r++, n++) {
                size_t p = add(w, (enum tac_kind)(TAC_KIND_METHOD + k), t, r);
                bool diverged = r == 2 && (k == 3 || (k == 0 && t == 1));
                unit[n] = (struct tac_unit){.kind = TAC_UNIT_MAKE, .a = p, .b = p, .target = t};
                result[n] = diverged ? json_pack("{s:b}", "diverged", 1)
                                     : json_pack("{s:{s:f, s:f}, s:f}", "validation", "accuracy",
                                                 validation[k][t] + (r == 1 ? 0.125 : -0.125),
                                                 "loss", loss[k], "seconds", (double)r);
                if (!diverged)
                    give(w, p, t, k == 1 ? "11110000" : "11111111", 0);
            }
    json_t *rows = rows_of(w, tac_table_sweep);
    assert_int_equal(json_array_size(rows), 12);
    assert_string_equal(json_string_value(cell(rows, 4, 2)), "a,lr=1");
    near(number(rows, 4, 4), 5, "tokens");
    assert_true(json_is_null(cell(rows, 2, 4)) && json_is_null(cell(rows, 2, 5)));
    near(number(rows, 4, 7), 2, "runs");
    near(number(rows, 4, 8), 1, "diverged");
    near(number(rows, 4, 9), 0.9 + 0.125, "validation of the run that did not");
    near(number(rows, 5, 9), 0.7, "validation");
    near(number(rows, 5, 11), 0.5, "accuracy");
    near(number(rows, 5, 15), 1.5, "seconds");
    json_decref(rows);
    rows = rows_of(w, tac_table_sweep_best);
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(json_string_value(cell(rows, 0, 2)), "a,lr=1");
    assert_string_equal(json_string_value(cell(rows, 1, 2)), "a,lr=2");
    assert_string_equal(json_string_value(cell(rows, 2, 2)), "a,lr=2"); /* the lower loss */
    assert_string_equal(json_string_value(cell(rows, 3, 0)), "all");
    assert_string_equal(json_string_value(cell(rows, 3, 2)), "a,lr=2");
    near(number(rows, 3, 8), 0.6, "validation over all tasks");
    near(number(rows, 3, 9), 0.5, "accuracy over all tasks");
    near(number(rows, 3, 13), 3, "tried");
    near(number(rows, 3, 14), 1, "diverged");
    assert_int_equal(w->st.n_best, 4);
    assert_string_equal(w->st.best[0].config, "a,lr=1");
    json_decref(rows);
    free(w->st.best);
    for (size_t i = 0; i < n; i++)
        json_decref(result[i]);
}

/* ---- chance ---- */

static void test_seeds(void **state)
{
    struct world *w = *state;
    struct tac_seeds v;
    struct tacit_err err;
    assert_ok(tac_seen_seeds(&v, &w->x, 0, &err), err);
    assert_int_equal(v.runs, 3);
    assert_int_equal(v.n, 8);
    assert_int_equal(v.discordant, 3);
    near(v.mean, 5.0 / 6, "mean");
    near(v.sd, 1 / (8 * sqrt(3)), "sd");
    near(v.min, 0.75, "min");
    near(v.max, 0.875, "max");
    near(v.sampling_error, sqrt(5.0 / 36 / 8), "sampling error");
    near(v.q, 2.0 / 3, "Cochran's Q");
    near(v.p, exp(-1.0 / 3), "chi-square of two degrees of freedom");
    /* squares: all 10/3, runs 1/12, examples 4/3; so the residual is 23/12 over 14 */
    near(v.residual_variance, 23.0 / 168, "residual");
    near(v.run_variance, (1.0 / 24 - 23.0 / 168) / 8, "runs");
    near(v.run_variance, v.sd * v.sd - v.residual_variance / 8, "runs less discordance");
    near(v.example_variance, (4.0 / 21 - 23.0 / 168) / 3, "examples");
    near(v.equivalent, 1, "a margin wider than every interval");
    w->st.spec.margin = 0;
    assert_ok(tac_seen_seeds(&v, &w->x, 0, &err), err);
    near(v.equivalent, 0, "no margin");
}

static void test_drift(void **state)
{
    struct world *w = *state;
    struct tac_drift d;
    struct tacit_err err;
    size_t p = find(w, TAC_KIND_PROMPT, 1, 1);
    assert_ok(tac_seen_drift(&d, &w->x, p, &err), err);
    near(d.raw, 5, "raw");
    near(d.per_token, 3.5, "per token");
    near(d.normed, 10, "normed");
    near(d.cosine, 13 / sqrt(13 * 13 + 16), "cosine");
    near(d.accuracy, 0.875, "accuracy");
    assert_true(isnan(d.description));
    give(w, find(w, TAC_KIND_DESCRIPTION, 1, 0), 1, "11110000", 0);
    give(w, find(w, TAC_KIND_PARAPHRASE, 1, 2), 1, "11000000", 0);
    assert_ok(tac_seen_drift(&d, &w->x, p, &err), err);
    near(d.description, 0.5, "description");
    w->prompt[p].kind = TAC_KIND_REWORDED;
    w->prompt[p].index = 2;
    assert_ok(tac_seen_drift(&d, &w->x, p, &err), err);
    near(d.description, 0.25, "the paraphrase that a reworded run started from");
}

static void test_distances(void **state)
{
    struct world *w = *state;
    struct tac_apart d;
    struct tacit_err err;
    size_t a = find(w, TAC_KIND_PROMPT, 0, 1), b = find(w, TAC_KIND_PROMPT, 0, 3);
    assert_ok(tac_seen_apart(&d, &w->x, a, b, &err), err);
    assert_true(d.same_task);
    near(d.raw, sqrt(32), "raw");
    near(d.normed, 2 * sqrt(32), "normed");
    near(d.matched, sqrt(18), "matched");
    near(d.in_place, 0, "in place");
    near(d.cosine, 9.0 / 25, "cosine");
    near(d.control, 4, "perturbations 1 and 3");
    assert_ok(tac_seen_apart(&d, &w->x, a, find(w, TAC_KIND_PROMPT, 1, 1), &err), err);
    assert_false(d.same_task);
    near(d.raw, 10, "other task");
    json_t *rows = rows_of(w, tac_table_distances);
    assert_int_equal(json_array_size(rows), 9 * 8 / 2);
    near(json_number_value(cell(rows, 1, 3)), sqrt(32), "second row");
    json_decref(rows);
}

static void test_even(void **state)
{
    struct world *w = *state;
    struct tac_even e;
    struct tacit_err err;
    assert_ok(tac_seen_even(&e, &w->x, 0, &err), err);
    double a = 3, b = sqrt(32), c = sqrt(41), mean = (a + b + c) / 3;
    double var = ((a - mean) * (a - mean) + (b - mean) * (b - mean) + (c - mean) * (c - mean)) / 2;
    assert_int_equal(e.n, 3);
    near(e.min, 3, "min");
    near(e.max, c, "max");
    near(e.ratio, c / 3, "ratio");
    near(e.cv, sqrt(var) / mean, "cv");
    near(e.control_ratio, 4, "control's ratio");
    near(e.control_cv, sqrt(7.0 / 3) / (8.0 / 3), "control's cv");
    assert_true(e.p > 0 && e.p <= 1);
    double one = e.cv;
    assert_ok(tac_seen_even(&e, &w->x, TAC_ANY_TASK, &err), err);
    assert_int_equal(e.n, 9);
    near(e.cv, one, "mean over tasks that are alike");
    json_t *rows = rows_of(w, tac_table_equidistant);
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(json_string_value(cell(rows, 3, 0)), "all");
    json_decref(rows);
}

static void test_noise(void **state)
{
    struct world *w = *state;
    static const double accuracy[][2] = {{0.5, 0.7}, {0.5, 0.6}, {0.5, 0.5}};
    for (int k = 0; k < 3; k++)
        for (size_t i = 1; i <= 2; i++)
            w->score[find(w, (enum tac_kind)(TAC_KIND_ORDER + k), 0, i) * TASKS] =
                (struct tac_seen_score){.n = N, .accuracy = accuracy[k][i - 1]};
    struct tac_noise v = tac_seen_noise(&w->x, 0, TAC_KIND_ORDER);
    assert_int_equal(v.runs, 2);
    near(v.mean, 0.6, "mean");
    near(v.sd, sqrt(0.02), "sd");
    assert_true(fabs(v.low - 0.0630950) < 1e-7 && fabs(v.high - 4.51280) < 1e-4);
    near(v.share, 0.8, "share");
    json_t *rows = rows_of(w, tac_table_noise);
    assert_string_equal(json_string_value(cell(rows, 0, 8)), "cannot be told here");
    assert_true(json_is_null(cell(rows, 3, 8)));
    json_decref(rows);
}

static void test_paths(void **state)
{
    struct world *w = *state;
    size_t a = find(w, TAC_KIND_PROMPT, 2, 1), b = find(w, TAC_KIND_PROMPT, 2, 2);
    struct tac_unit unit[] = {{.kind = TAC_UNIT_READ, .a = a, .b = a, .target = 2},
                              {.kind = TAC_UNIT_PATH, .a = a, .b = b, .target = 2},
                              {.kind = TAC_UNIT_PATH, .a = b, .b = b, .target = 2}};
    json_t *left =
        json_pack("{s:[f,f], s:[f,f], s:[f,n]}", "t", 0.0, 1.0, "accuracy", 0.5, 0.75, "loss", 1.5);
    json_t *result[] = {left, left, NULL};
    w->st.unit = unit;
    w->st.n_unit = 3;
    w->x.result = result;
    json_t *rows = rows_of(w, tac_table_paths);
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(cell(rows, 1, 2)), "three/prompt/2");
    near(json_number_value(cell(rows, 1, 4)), 0.75, "accuracy at the end");
    assert_true(json_is_null(cell(rows, 1, 5)));
    json_decref(rows);
    json_decref(left);
}

/* ---- layouts ---- */

/* A new store, begun. */
static void open_store(struct world *w)
{
    struct tacit_err err;
    mkdir(folder, 0777);
    unlink("build/tests/tables/study.db");
    assert_ok(tac_store_open(&w->st.store, folder, TAC_DB_WRITE, &err), err);
    assert_ok(tac_store_begin(&w->st.store, &err), err);
}

static void put_epochs(struct world *w)
{
    struct tacit_err err;
    size_t p = find(w, TAC_KIND_PROMPT, 1, 2);
    struct tac_store_unit unit = {.key = "u", .kind = "make", .identity = "", .settings = "{}"};
    struct tac_store_prompt prompt = {.key = w->key[p], .unit = "u", .kind = "prompt", .label = ""};
    struct tac_store_epoch epoch = {.prompt = w->key[p], .n = D, .data = w->from[p]};
    open_store(w);
    assert_ok(tac_store_unit(&w->st.store, &unit, &err), err);
    assert_ok(tac_store_prompt(&w->st.store, &prompt, &err), err);
    assert_ok(tac_store_epoch(&w->st.store, &epoch, &err), err);
    epoch.epoch = 1;
    epoch.data = w->rows[p];
    assert_ok(tac_store_epoch(&w->st.store, &epoch, &err), err);
    assert_ok(tac_store_end(&w->st.store, TACIT_OK, &err), err);
}

static const json_t *layout_row(const json_t *rows, const char *method, const char *prompt)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(json_string_value(cell(rows, i, 0)), method) == 0 &&
            strcmp(json_string_value(cell(rows, i, 1)), prompt) == 0)
            return json_array_get(rows, i);
    fail_msg("no %s of %s", method, prompt);
    return NULL;
}

static double at(const json_t *row, size_t column)
{
    return json_number_value(json_array_get(row, column));
}

/* A start is the first epoch, and a trained prompt the last: the same points in the same plane. */
static void test_trajectory(void **state)
{
    struct world *w = *state;
    put_epochs(w);
    json_t *way_rows = rows_of(w, tac_table_trajectory), *rows = rows_of(w, tac_table_layout);
    tac_store_close(&w->st.store);
    assert_int_equal(json_array_size(way_rows), 2);
    const char *key[] = {"two/start/0", "two/prompt/2"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = layout_row(rows, "pca", key[i]), *epoch = json_array_get(way_rows, i);
        assert_int_equal(at(epoch, 2), i);
        near(at(epoch, 3), at(row, 5), "x");
        near(at(epoch, 4), at(row, 6), "y");
    }
    json_decref(way_rows);
    json_decref(rows);
}

/* Twelve points: two perplexities fit; PCA and MDS of Euclidean distances agree up to sign. */
static void test_layouts(void **state)
{
    struct world *w = *state;
    json_t *rows = rows_of(w, tac_table_layout), *quality = rows_of(w, tac_table_layouts);
    assert_int_equal(json_array_size(rows), 4 * 12);
    for (size_t i = 0; i < 12; i++)
        for (size_t c = 5; c < 7; c++)
            near(fabs(json_number_value(cell(rows, i, c))),
                 fabs(json_number_value(cell(rows, 12 + i, c))), "PCA and MDS");
    assert_int_equal(json_array_size(quality), 4);
    assert_string_equal(json_string_value(cell(quality, 3, 0)), "tsne 3");
    near(json_number_value(cell(quality, 0, 5)), json_number_value(cell(quality, 1, 5)), "share");
    assert_true(json_is_null(cell(quality, 0, 6)) && json_is_real(cell(quality, 2, 6)));
    json_decref(rows);
    json_decref(quality);
}

/* ---- between tasks ---- */

static void test_alike(void **state)
{
    struct world *w = *state;
    const double *v;
    struct tacit_err err;
    double sum = 3 + sqrt(32) + sqrt(41);
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DESCRIPTIONS, &err), err);
    near(v[1], 10, "starts of one and two");
    near(v[3 + 2], 20, "starts of two and three");
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_UPDATE, &err), err);
    near(v[1], 2 * sum / 9, "ways of one and two");
    near(v[5], v[1], "ways of two and three");
    near(v[3], v[1], "symmetric");
    near(v[0], sum / 3, "ways of two runs of one");
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_FROBENIUS, &err), err);
    near(v[0], sum / 3, "distances of runs");
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_NORMED, &err), err);
    near(v[0], 2 * sum / 3, "behind the norm");
    /* (1/2, 1/2) and (1, 0), whose mean is (3/4, 1/4) */
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DIVERGENCE, &err), err);
    near(v[1], 0.5 * log(4.0 / 3) + 0.25 * log(2.0 / 3) + 0.25 * log(2), "answers");
    near(v[2], 0, "the same answers");
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_NEURONS, &err), err);
    assert_true(isnan(v[1]));
}

/* Two of twenty neurons count as active: 0 and 1 under the runs of one and three, 1 and 2 under
 * those of two. */
static void test_neurons(void **state)
{
    struct world *w = *state;
    static const float here[20] = {5, 4, 1}, there[20] = {1, 4, 5};
    const double *v;
    struct tacit_err err;
    for (size_t p = 0; p < w->st.n_prompt; p++)
        w->neurons[p] = w->prompt[p].task == 1 ? there : here;
    w->x.L = 1;
    w->x.F = 20;
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_NEURONS, &err), err);
    near(v[1], 1.0 / 3, "overlap of one and two");
    near(v[2], 1, "overlap of one and three");
}

/* What neurons units left is read; what others left, and what is not planned, is not. */
static void test_vectors(void **state)
{
    struct world *w = *state;
    static const float mean[6] = {1, 2, 3, 4, 5, 6};
    static const char *const key[] = {"neurons", "other", "gone"};
    struct tac_unit unit[] = {{.key = "neurons", .kind = TAC_UNIT_NEURONS, .a = 7},
                              {.key = "other", .kind = TAC_UNIT_READ, .a = 8},
                              {.key = "gone", .kind = TAC_UNIT_NEURONS, .a = 9}};
    struct tacit_err err;
    open_store(w);
    for (size_t i = 0; i < 3; i++) {
        struct tac_store_unit u = {.key = key[i], .kind = "", .identity = "", .settings = "{}"};
        assert_ok(tac_store_unit(&w->st.store, &u, &err), err);
        assert_ok(tac_store_vector(&w->st.store, key[i], "mean", mean, 6, &err), err);
    }
    assert_ok(tac_db_exec(&w->st.store.db, "UPDATE unit SET planned = key != 'gone'", &err), err);
    assert_ok(tac_store_end(&w->st.store, TACIT_OK, &err), err);
    w->st.unit = unit;
    w->st.n_unit = 3;
    w->x.L = 2;
    memset(w->rows, 0, sizeof w->rows);
    assert_ok(tac_seen_fill(&w->x, &err), err);
    tac_store_close(&w->st.store);
    assert_int_equal(w->x.F, 3);
    assert_memory_equal(w->neurons[7], mean, sizeof mean);
    assert_null(w->neurons[8]);
    assert_null(w->neurons[9]);
}

/* Nearer sources do better on the first two targets, worse on the third. */
static void test_related(void **state)
{
    struct world *w = *state;
    static const double rho[TASKS] = {1, 1, -1};
    struct tac_related r;
    struct tacit_err err;
    double transfer[TASKS * TASKS];
    tac_seen_transfer(transfer, &w->x, TAC_KIND_PROMPT);
    near(transfer[3], 1, "from two to one");
    near(transfer[6], 10.0 / 24, "from three to one");
    for (int t = 0; t < TASKS; t++) {
        assert_ok(tac_seen_related(&r, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DESCRIPTIONS, t, &err),
                  err);
        assert_int_equal(r.n, 2);
        near(r.test.statistic, rho[t], "rho");
        near(r.test.greater.smallest, 0.5, "smallest p");
    }
    assert_ok(
        tac_seen_related(&r, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DESCRIPTIONS, TAC_EACH_TARGET, &err),
        err);
    near(r.test.statistic, 1.0 / 3, "mean over targets");
    assert_ok(
        tac_seen_related(&r, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DESCRIPTIONS, TAC_POOLED, &err),
        err);
    assert_int_equal(r.n, 6);
    json_t *rows = rows_of(w, tac_table_related);
    assert_int_equal(json_array_size(rows), 9 * 5);
    assert_string_equal(json_string_value(cell(rows, 0, 2)), "pooled");
    json_decref(rows);
}

static void test_wins(void **state)
{
    struct world *w = *state;
    static const struct tac_wins want[TAC_N_AGAINST] = {
        {6, 3, 3, 0}, /* eight more are rare, five more not */
        {6, 3, 2, 1},
        {6, 0, 5, 1},
    };
    struct tacit_err err;
    for (int a = 0; a < TAC_N_AGAINST; a++) {
        struct tac_wins got;
        assert_ok(tac_seen_wins(&got, &w->x, TAC_KIND_PROMPT, 0, (enum tac_against)a, &err), err);
        assert_memory_equal(&got, &want[a], sizeof got);
    }
}

/* A further method's runs, one a task, 1, 2 and 4 apart: tasks are compared by them alone. */
static void test_further(void **state)
{
    struct world *w = *state;
    static const double distance[] = {1, 2, 4}, cosine[] = {0.5, 0.25, -0.5};
    struct tac_spec_method own[] = {{.name = "whole", .whole = true}, {.name = "lora"}};
    struct tac_unit unit[4];
    json_t *result[4] = {NULL};
    const double *v;
    struct tac_related r;
    struct tac_wins wins;
    struct tacit_err err;
    size_t p[TASKS], pair[][2] = {{0, 1}, {0, 2}, {1, 2}};
    enum tac_kind lora = TAC_KIND_METHOD + 1;
    w->st.spec.method = own;
    w->st.spec.n_method = 2;
    w->st.spec.transfer = true;
    for (int t = 0; t < TASKS; t++) {
        add(w, TAC_KIND_METHOD, t, 1);
        p[t] = add(w, lora, t, 1);
        give(w, p[t], t, "11111111", 0);
    }
    for (size_t i = 0; i < 3; i++) {
        unit[i] = (struct tac_unit){
            .kind = TAC_UNIT_ALIKE, .a = p[pair[i][0]], .b = p[pair[i][1]], .target = TAC_NO_TASK};
        result[i] = json_pack("{s:f, s:f}", "distance", distance[i], "cosine", cosine[i]);
    }
    unit[3] = (struct tac_unit){.kind = TAC_UNIT_PATH, .a = p[0], .b = p[1]};
    result[3] = json_pack("{s:f}", "distance", 100.0);
    w->st.unit = unit;
    w->st.n_unit = 4;
    w->x.result = result;
    assert_int_equal(tac_next_method(&w->x, TAC_KIND_PROMPT), lora);
    assert_ok(tac_seen_alike(&v, &w->x, lora, TAC_ALIKE_FROBENIUS, &err), err);
    near(v[1], 1, "one and two");
    near(v[2], 2, "one and three");
    near(v[6], 2, "three and one");
    assert_true(isnan(v[0]));
    assert_ok(tac_seen_alike(&v, &w->x, lora, TAC_ALIKE_COSINE, &err), err);
    near(v[5], -0.5, "cosine of two and three");
    assert_ok(tac_seen_alike(&v, &w->x, lora, TAC_ALIKE_NORMED, &err), err);
    assert_true(isnan(v[1]));
    assert_ok(tac_seen_alike(&v, &w->x, TAC_KIND_PROMPT, TAC_ALIKE_DESCRIPTIONS, &err), err);
    near(v[1], 10, "the prompts' own");
    give(w, p[1], 0, "11110000", 1000);
    give(w, p[2], 0, "11000000", 1000);
    give(w, p[0], 0, "11111111", 0);
    assert_ok(tac_seen_related(&r, &w->x, lora, TAC_ALIKE_FROBENIUS, 0, &err), err);
    assert_int_equal(r.n, 0); /* not every source is on every target */
    for (int t = 1; t < TASKS; t++)
        for (size_t k = 0; k < TASKS; k++)
            give(w, p[k], t, "11110000", 0);
    assert_ok(tac_seen_related(&r, &w->x, lora, TAC_ALIKE_FROBENIUS, 0, &err), err);
    near(r.test.statistic, 1, "the nearer source does better");
    assert_ok(tac_seen_alike(&v, &w->x, lora, TAC_ALIKE_FROBENIUS, &err), err);
    assert_ok(tac_seen_wins(&wins, &w->x, lora, 0, TAC_AGAINST_NONE, &err), err);
    assert_memory_equal(&wins, (&(struct tac_wins){2, 0, 2, 0}), sizeof wins);
    json_t *rows = rows_of(w, tac_table_wins);
    assert_int_equal(json_array_size(rows), 2 * 7); /* descriptions are on the first target alone */
    assert_string_equal(json_string_value(cell(rows, 6, 0)), "prompt");
    assert_string_equal(json_string_value(cell(rows, 7, 0)), "lora");
    json_decref(rows);
    rows = rows_of(w, tac_table_transfer);
    assert_int_equal(json_array_size(rows), 3 * 3 + 3 + 9 * 3 + 9);
    json_decref(rows);
    for (size_t i = 0; i < 4; i++)
        json_decref(result[i]);
}

static void test_transfer(void **state)
{
    struct world *w = *state;
    json_t *rows = rows_of(w, tac_table_transfer);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    w->st.spec.transfer = true;
    rows = rows_of(w, tac_table_transfer);
    assert_int_equal(json_array_size(rows), 3 * 3 + 3 + 9 * 3);
    assert_true(json_is_null(cell(rows, 0, 1)));
    near(json_number_value(cell(rows, 0, 8)), 0.5, "mean of the random prompts");
    json_decref(rows);
}

#define in_world(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(test_methods), in_world(test_sweep),      in_world(test_forgetting),
        in_world(test_seeds),   in_world(test_drift),      in_world(test_distances),
        in_world(test_even),    in_world(test_noise),      in_world(test_paths),
        in_world(test_layouts), in_world(test_trajectory), in_world(test_alike),
        in_world(test_neurons), in_world(test_vectors),    in_world(test_related),
        in_world(test_wins),    in_world(test_further),    in_world(test_transfer)};
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
