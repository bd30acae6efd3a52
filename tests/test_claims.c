/* Claims and readings of a study (study/claims*.c, tables_reading.c, tables_tokens.c) on studies
 * made by hand: up to eight tasks, four examples, prompts of two tokens. */
#include "check.h"

#include "interpret/script.h"
#include "study/claims.h"

#include <math.h>

enum { TASKS = 8, P = 2, C = 2, D = P * C, N = 4, MOST = 96, UNITS = 96 };

struct world {
    struct tacit_study st;
    struct tac_seen x;
    struct tac_study_prompt prompt[MOST];
    struct tac_unit unit[UNITS];
    json_t *result[UNITS];
    char key[MOST][64], name[TASKS][24];
    const float *rows[MOST], *normed[MOST], *from[MOST], *from_normed[MOST], *neurons[MOST];
    float room[MOST][D], start[TASKS][D];
    size_t rows_of[MOST];
    struct tac_seen_score score[MOST * TASKS];
    unsigned char hits[MOST * TASKS][N];
    struct tacit_examples test;
    struct tac_example example[N];
    struct tac_rendered_example rendered[N];
};

static void near(double got, double want, const char *what)
{
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want))))
        fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

static struct world *make(size_t tasks)
{
    static const float origin[D];
    struct world *w = calloc(1, sizeof *w);
    w->st.prompt = w->prompt;
    w->st.unit = w->unit;
    w->st.n_task = tasks;
    w->st.spec.margin = 0.3;
    w->st.spec.transfer = true;
    w->test.data = (struct tac_dataset){.example = w->example, .n = N};
    w->test.rendered.example = w->rendered;
    for (size_t t = 0; t < tasks; t++) {
        snprintf(w->name[t], sizeof w->name[t], "t%zu", t);
        w->st.task[t] = (struct tac_study_task){.name = w->name[t], .test = &w->test};
        memcpy(w->start[t], origin, sizeof origin);
    }
    w->x = (struct tac_seen){.st = &w->st,
                             .C = C,
                             .rows = w->rows,
                             .normed = w->normed,
                             .from = w->from,
                             .from_normed = w->from_normed,
                             .neurons = w->neurons,
                             .P = w->rows_of,
                             .score = w->score,
                             .result = w->result};
    return w;
}

static void drop(struct world *w)
{
    for (size_t i = 0; i < w->st.n_unit; i++)
        json_decref(w->result[i]);
    tac_arena_release(&w->x.arena);
    tac_arena_release(&w->st.arena);
    free(w);
}

static size_t add(struct world *w, enum tac_kind kind, int task, size_t index)
{
    size_t p = w->st.n_prompt++;
    assert_true(p < MOST);
    snprintf(w->key[p], sizeof w->key[p], "%d/%s/%zu", task, tac_kind_name(&w->st, kind), index);
    w->prompt[p] =
        (struct tac_study_prompt){.key = w->key[p], .kind = kind, .task = task, .index = index};
    w->rows_of[p] = P;
    return p;
}

/* hits: "1101" of the prompt on the target. */
static void give(struct world *w, size_t p, int target, const char *hits)
{
    size_t at = p * w->st.n_task + (size_t)target, right = 0;
    for (size_t i = 0; i < N; i++)
        right += w->hits[at][i] = hits[i] == '1';
    w->score[at] =
        (struct tac_seen_score){.n = N, .accuracy = (double)right / N, .hits = w->hits[at]};
}

static size_t scored(struct world *w, enum tac_kind kind, int task, size_t index, const char *hits)
{
    size_t p = add(w, kind, task, index);
    give(w, p, task < 0 ? 0 : task, hits);
    return p;
}

static void leave(struct world *w, enum tac_unit_kind kind, size_t p, const char *json)
{
    struct tacit_err err;
    size_t u = w->st.n_unit++;
    assert_true(u < UNITS);
    w->unit[u] = (struct tac_unit){.kind = kind, .a = p, .b = p};
    assert_ok(tac_json_parse(&w->result[u], json, strlen(json), "unit", &err), err);
}

static struct tac_finding claim(struct world *w, tac_claim_fill *fill)
{
    struct tac_finding f = {(double)NAN, (double)NAN, (double)NAN, (double)NAN, NULL, ""};
    struct tacit_err err;
    assert_ok(fill(&f, &w->x, &err), err);
    return f;
}

static void says(const struct tac_finding *f, const char *verdict)
{
    assert_non_null(f->verdict);
    assert_string_equal(f->verdict, verdict);
}

/* ---- accuracy ---- */

static void contrasts_kinds(void **state)
{
    (void)state;
    struct world *w = make(2);
    scored(w, TAC_KIND_PROMPT, 0, 1, "1111");
    scored(w, TAC_KIND_PROMPT, 0, 2, "1110");
    scored(w, TAC_KIND_DESCRIPTION, 0, 0, "1000");
    scored(w, TAC_KIND_PROMPT, 1, 1, "1010");
    scored(w, TAC_KIND_DESCRIPTION, 1, 0, "1010");
    struct tac_contrast c;
    struct tacit_err err;
    assert_ok(tac_contrast(&c, &w->x, TAC_KIND_PROMPT, TAC_KIND_DESCRIPTION, &err), err);
    /* differences of task 0: 0 1 1 .5, variance .6875 / 3, error of the mean over both tasks */
    double error = sqrt(0.6875 / 3 / 4) / 2;
    near(c.mean, 0.3125, "mean");
    near(c.low, 0.3125 - 1.959963985 * error, "low");
    near(c.high, 0.3125 + 1.959963985 * error, "high");
    near(c.p, erfc(0.3125 / error / sqrt(2)), "p");
    assert_int_equal(c.tasks, 2);
    assert_string_equal(c.by_task, "t0 +0.625, t1 +0.000");
    struct tac_finding f = claim(w, tac_claim_training);
    says(&f, tac_holds);
    assert_null(claim(w, tac_claim_signal).verdict);     /* there is no shuffled training */
    size_t none = add(w, TAC_KIND_NONE, TAC_NO_TASK, 0); /* one prompt for all tasks */
    give(w, none, 0, "0000");
    give(w, none, 1, "1010");
    f = claim(w, tac_claim_description);
    near(f.estimate, 0.125, "description less no prompt");
    assert_string_equal(f.note, "by task: t0 +0.250, t1 +0.000");
    drop(w);
}

static void judges_by_the_margin(void **state)
{
    (void)state;
    struct world *w = make(1);
    scored(w, TAC_KIND_PROMPT, 0, 1, "1111");
    size_t full = scored(w, TAC_KIND_FULL, 0, 1, "1111");
    struct tac_finding f = claim(w, tac_claim_finetuning);
    says(&f, tac_holds); /* no difference, no variance */
    assert_true(isnan(f.p));
    w->prompt[full].kind = TAC_KIND_DISCRETE;
    give(w, full, 0, "0000");
    scored(w, TAC_KIND_DESCRIPTION, 0, 0, "0000");
    f = claim(w, tac_claim_readout);
    says(&f, tac_fails); /* -1 for sure, below -0.3 */
    near(f.estimate, -1, "estimate");
    give(w, full, 0, "0111"); /* -0.25 with an error of 0.25 */
    f = claim(w, tac_claim_readout);
    says(&f, tac_open);
    drop(w);
}

/* ---- words ---- */

/* Of two tokens so many persist. */
static void read_prompt(struct world *w, size_t p, int persist)
{
    char json[300];
    snprintf(
        json, sizeof json,
        "[{\"start\": \"a\", \"persisted\": %s, \"drift\": 1, \"normed\": 2, \"near\": [[7, \"b\", "
        "\"Latin\", 0.5]]}, {\"start\": \"c\", \"persisted\": %s, \"drift\": 3, \"normed\": 4, "
        "\"near\": [[9, \"d\", \"Latin\", 0.5]]}]",
        persist > 0 ? "true" : "false", persist > 1 ? "true" : "false");
    leave(w, TAC_UNIT_READ, p, json);
}

static struct tac_finding words(size_t tasks, int trained, int control)
{
    struct world *w = make(tasks);
    for (size_t t = 0; t < tasks; t++) {
        read_prompt(w, add(w, TAC_KIND_PROMPT, (int)t, 1), trained);
        read_prompt(w, add(w, TAC_KIND_DRIFT, (int)t, 1), control);
    }
    struct tac_finding f = claim(w, tac_claim_words);
    drop(w);
    return f;
}

static void compares_words_that_persist(void **state)
{
    (void)state;
    struct tac_finding f = words(8, 2, 1);
    says(&f, tac_holds);
    near(f.estimate, 0.5, "estimate");
    near(f.p, 2.0 / 256, "p");
    f = words(8, 0, 1);
    says(&f, tac_fails);
    near(f.estimate, -0.5, "estimate");
    f = words(6, 2, 0);
    says(&f, tac_open); /* below 0.05, but four claims share that */
    near(f.p, 2.0 / 64, "p");
    struct world *w = make(1);
    size_t p = add(w, TAC_KIND_PROMPT, 0, 1);
    read_prompt(w, p, 1);
    double share, drift, normed;
    assert_true(tac_persistence(&share, &drift, &normed, &w->x, p));
    near(share, 0.5, "share");
    near(drift, 2, "drift");
    near(normed, 3, "normed");
    drop(w);
}

/* ---- tokens ---- */

/* A token whose letters are of this script. */
static int32_t token_of(const struct tacit_model *m, const char *script, int32_t from)
{
    for (int32_t id = from; id < (int32_t)tacit_tokenizer_size(m->tokenizer); id++) {
        size_t n;
        const char *bytes = tac_tokenizer_token(m->tokenizer->t, id, &n, NULL);
        if (bytes && strcmp(tac_script(bytes, n), script) == 0)
            return id;
    }
    fail_msg("no token of %s", script);
    return -1;
}

/* Two prompts of two tasks: both name `own` and each one token of its own; in `nulls` null studies
 * they name other tokens, in one of them `own` too. */
static void name_tokens(struct world *w, int32_t own, int32_t other, size_t nulls)
{
    for (int t = 0; t < 2; t++) {
        char json[4000];
        int n = snprintf(json, sizeof json, "[[%d, %d]", own, other + t);
        for (size_t i = 0; i < nulls; i++)
            n += snprintf(json + n, sizeof json - (size_t)n, ", [%d, %d]",
                          i == 0 ? own : other + 2 + t, other + t);
        snprintf(json + n, sizeof json - (size_t)n, "]");
        leave(w, TAC_UNIT_NULL, add(w, TAC_KIND_PROMPT, t, 1), json);
    }
}

static void open_micro(struct world *w)
{
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_err err;
    const char *const folders[] = {"demo/tasks", NULL};
    assert_ok(tacit_model_open(&w->st.m, tacit_model_embedded(), &o, &err), err);
    for (size_t t = 0; t < w->st.n_task; t++)
        assert_ok(tacit_task_open(&w->st.task[t].task, t ? "story" : "entail", folders, &err), err);
}

static void close_micro(struct world *w)
{
    tacit_model_close(w->st.m);
    for (size_t t = 0; t < w->st.n_task; t++)
        tacit_task_close(w->st.task[t].task);
}

static void finds_tokens_that_recur(void **state)
{
    (void)state;
    struct world *w = make(2);
    struct tacit_err err;
    open_micro(w);
    w->test.data.n = 0; /* no templates: texts alone are left out */
    int32_t han = token_of(w->st.m, "Han", 0), latin = token_of(w->st.m, "Latin", 47);
    name_tokens(w, han, latin, 79);
    struct tac_recurring r;
    assert_ok(tac_recurring(&r, &w->x, &err), err);
    assert_int_equal(r.nulls, 79);
    assert_int_equal(r.most[0], 2);
    assert_int_equal(r.most[1], 2);
    assert_int_equal(r.most[2], 1);
    assert_int_equal(r.n, 1);
    assert_string_equal(r.token[0].script, "Han");
    assert_int_equal(r.token[0].tasks, 2);
    near(r.token[0].p, 2.0 / 80, "p of the token");
    struct tac_finding f = claim(w, tac_claim_recurring);
    says(&f, tac_holds);
    struct tac_script_excess e;
    assert_ok(tac_script_excess(&e, &w->x, "Han", &err), err);
    near(e.share, 0.5, "share");
    near(e.null, 0.5 / 79, "null");
    near(e.p, 2.0 / 80, "p of the script");
    f = claim(w, tac_claim_foreign);
    says(&f, tac_holds);
    near(f.estimate, 0.5 - 0.5 / 79, "estimate");
    close_micro(w);
    drop(w);
}

static void leaves_the_texts_own_tokens_out(void **state)
{
    (void)state;
    struct world *w = make(2);
    struct tacit_err err;
    struct tac_ids ids = {0};
    open_micro(w);
    w->test.data.n = 0;
    const char *text = tacit_task_description(w->st.task[1].task);
    assert_ok(tac_tokenizer_encode(w->st.m->tokenizer->t, &ids, text, strlen(text), &err), err);
    name_tokens(w, ids.id[ids.n - 1], token_of(w->st.m, "Latin", 47), 9);
    struct tac_recurring r;
    assert_ok(tac_recurring(&r, &w->x, &err), err);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.most[0], 1);
    free(ids.id);
    close_micro(w);
    drop(w);
}

/* ---- readings that mislead ---- */

static void prices_a_misleading_readout(void **state)
{
    (void)state;
    struct world *w = make(1);
    struct tacit_err err;
    struct tac_ids ids = {0};
    open_micro(w);
    w->st.spec.wayward.text = "yes no";
    w->st.spec.wayward.n = 3;
    w->st.spec.wayward.runs = 1;
    w->st.spec.wayward.weight[1] = 0.1;
    w->st.spec.wayward.weight[2] = 1;
    assert_ok(tac_tokenizer_encode(w->st.m->tokenizer->t, &ids, "yes no", 6, &err), err);
    for (size_t i = 1; i <= 3; i++) {
        char json[300];
        size_t p = scored(w, TAC_KIND_WAYWARD, 0, i, i == 3 ? "0000" : "1111");
        snprintf(
            json, sizeof json,
            "[{\"persisted\": false, \"drift\": 1, \"normed\": 1, \"near\": [[%d, \"\", \"\", 1]]}, "
            "{\"persisted\": false, \"drift\": 1, \"normed\": 1, \"near\": [[%d, \"\", \"\", 1]]}]",
            ids.id[0], i == 3 ? ids.id[1 % ids.n] : ids.id[0] + 1);
        leave(w, TAC_UNIT_READ, p, json);
        double share;
        assert_ok(tac_wayward_share(&share, &w->x, p, &err), err);
        near(share, i == 3 ? 1 : 0.5, "share");
    }
    struct tac_finding f = claim(w, tac_claim_wayward);
    says(&f, tac_holds); /* the third reads as the text, and costs everything */
    near(f.estimate, -1, "estimate");
    give(w, 2, 0, "1111");
    f = claim(w, tac_claim_wayward);
    says(&f, tac_fails);
    free(ids.id);
    close_micro(w);
    drop(w);
}

static void compares_what_the_model_says(void **state)
{
    (void)state;
    struct world *w = make(1);
    leave(w, TAC_UNIT_VERBALISE, add(w, TAC_KIND_RANDOM, TAC_NO_TASK, 1),
          "[{\"hit\": 0.1}, {\"hit\": 0.1}]");
    leave(w, TAC_UNIT_VERBALISE, add(w, TAC_KIND_START, 0, 0), "[{\"hit\": 0.9}, {\"hit\": 0.1}]");
    leave(w, TAC_UNIT_VERBALISE, add(w, TAC_KIND_PROMPT, 0, 1), "[{\"hit\": 0.3}, {\"hit\": 0}]");
    struct tac_finding f = claim(w, tac_claim_verbalise);
    near(f.estimate, 0.05, "estimate");
    says(&f, tac_fails); /* descriptions are named, the trained prompt is not */
    drop(w);
}

/* ---- runs and tasks ---- */

static void lay(struct world *w, size_t p, float x)
{
    w->room[p][0] = x;
    w->rows[p] = w->normed[p] = w->room[p];
    w->from[p] = w->from_normed[p] = w->start[w->prompt[p].task];
}

/* Tasks whose description is right on `right` of four examples, and whose prompt drifts by `drift`.
 */
static struct tac_finding harder(size_t tasks, bool falling)
{
    static const char *const hits[] = {"0000", "1000", "1100", "1110", "1111"};
    struct world *w = make(tasks);
    for (size_t t = 0; t < tasks; t++) {
        size_t right = t * 5 / tasks;
        scored(w, TAC_KIND_DESCRIPTION, (int)t, 0, hits[right]);
        lay(w, scored(w, TAC_KIND_PROMPT, (int)t, 1, "1111"),
            falling ? (float)(tasks - t) : (float)(t + 1));
    }
    struct tac_finding f = claim(w, tac_claim_harder);
    drop(w);
    return f;
}

static void ranks_tasks(void **state)
{
    (void)state;
    struct tac_finding f = harder(8, true);
    says(&f, tac_holds);
    assert_true(f.estimate > 0.9 && f.p < 0.01);
    f = harder(8, false);
    says(&f, tac_fails);
    f = harder(4, true);
    says(&f, tac_open);
}

static void compares_runs(void **state)
{
    (void)state;
    struct world *w = make(1);
    w->st.spec.margin = 0.03;
    for (size_t r = 1; r <= 3; r++)
        lay(w, scored(w, TAC_KIND_PROMPT, 0, r, "1101"), (float)(r * r));
    struct tac_finding f = claim(w, tac_claim_accuracy);
    says(&f, tac_holds);
    near(f.estimate, 1, "equivalent pairs");
    f = claim(w, tac_claim_equidistant); /* distances 3, 8, 5 */
    near(f.estimate, 8.0 / 3, "ratio");
    says(&f, tac_fails);
    give(w, 0, 0, "0000");
    f = claim(w, tac_claim_accuracy);
    says(&f, tac_open); /* 4 examples cannot make Q significant */
    drop(w);
}

static void counts_transfers(void **state)
{
    (void)state;
    struct world *w = make(2);
    size_t none = add(w, TAC_KIND_NONE, TAC_NO_TASK, 0);
    size_t random = add(w, TAC_KIND_RANDOM, TAC_NO_TASK, 1);
    for (int t = 0; t < 2; t++) {
        give(w, none, t, "0000");
        give(w, random, t, t ? "1000" : "0000");
        size_t p = add(w, TAC_KIND_PROMPT, t, 1);
        give(w, p, 1 - t, "1111"); /* McNemar's p of 4 against 0 is 1/8: a tie */
    }
    struct tac_finding f = claim(w, tac_claim_transfer);
    near(f.estimate, 0, "wins");
    says(&f, tac_open);
    assert_non_null(strstr(f.note, "0 wins, 2 ties, 0 losses of 2"));
    assert_non_null(strstr(f.note, "in 1 of 2 cases"));
    drop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contrasts_kinds),
        cmocka_unit_test(judges_by_the_margin),
        cmocka_unit_test(compares_words_that_persist),
        cmocka_unit_test(finds_tokens_that_recur),
        cmocka_unit_test(leaves_the_texts_own_tokens_out),
        cmocka_unit_test(prices_a_misleading_readout),
        cmocka_unit_test(compares_what_the_model_says),
        cmocka_unit_test(ranks_tasks),
        cmocka_unit_test(compares_runs),
        cmocka_unit_test(counts_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
