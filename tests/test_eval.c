/* Evaluation (api/judge, api/eval) on a small random model: every number of a row against one
 * worked out here from log-likelihoods that tacit_score gives answer by answer. */
#include "check.h"

#include "base/file.h"
#include "base/rng.h"
#include "tacit.h"
#include "tune/peft.h"

#include <math.h>

enum { N = 42, MAX_K = 3 };

/* Answers whose order changes with what a log-likelihood is divided by: characters, bytes and
 * tokens all differ. */
#define TWO   "answers:\n  no: ' n\xc3\xa9'\n  yes: ' abcde'\n"
#define THREE "answers:\n  no: ' plant'\n  yes: ' animal'\n  so: ' n\xc3\xa9'\n"

struct world {
    char dir[32];
    struct tacit_model *model;
    struct tacit_task *task;
    struct tacit_examples *x;
    struct tacit_eval *e;
    const struct tacit_eval_row *row;
    size_t k;            /* answers */
    double ll[N][MAX_K]; /* by tacit_score, an answer at a time */
    size_t chars[MAX_K], bytes[MAX_K], tokens[MAX_K];
    int gold[N];
};

/* path: where the file now is */
static void put(const struct world *w, char path[64], const char *name, const char *text)
{
    struct tacit_err err;
    snprintf(path, 64, "%s/%s", w->dir, name);
    assert_ok(tac_file_write(path, text, strlen(text), &err), err);
}

static int enter(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct tacit_model_shape shape = tacit_model_shape_default();
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_err err;
    strcpy(w->dir, "/tmp/tacit-eval-XXXXXX");
    *state = w;
    if (!mkdtemp(w->dir))
        return -1;
    char path[64];
    shape.layers = 2;
    shape.width = 32;
    shape.std = 0.6;
    shape.seed = 8;
    shape.tokenizer = "demo/tokenizer.json";
    snprintf(path, sizeof path, "%s/m", w->dir);
    return tacit_model_create(path, &shape, &err) || tacit_model_open(&w->model, path, &o, &err);
}

static void forget(struct world *w)
{
    tacit_eval_free(w->e);
    tacit_examples_free(w->x);
    tacit_task_close(w->task);
    w->e = NULL;
    w->x = NULL;
    w->task = NULL;
}

static int leave(void **state)
{
    struct world *w = *state;
    char command[64];
    forget(w);
    tacit_model_close(w->model);
    snprintf(command, sizeof command, "rm -r %s", w->dir);
    int failed = system(command);
    free(w);
    return failed;
}

/* N examples of the input "row {{a}}", A being "... is I"; three to a group. */
static void open_examples_of(struct world *w, const char *input, const char *keys, size_t k,
                             int labelled)
{
    static const char *const label[] = {"\"no\"", "\"yes\"", "\"so\""};
    struct tacit_err err;
    struct tac_buf text = {0};
    struct tacit_examples_options o = tacit_examples_options_default();
    char yaml[512], path[64];
    forget(w);
    w->k = k;
    o.labelled = labelled;
    snprintf(yaml, sizeof yaml, "name: t\ndata: {train: t.jsonl}\ninput: '%s'\n%s", input, keys);
    for (int i = 0; i < N; i++) {
        w->gold[i] = (i * i + i / 5) % 5 % (int)k;
        assert_ok(tac_buf_addf(&text, &err, "{\"a\": \"%d is %d\", \"g\": %d, \"label\": %s}\n",
                               i * 37, i, i / 3, labelled || i ? label[w->gold[i]] : "null"),
                  err);
    }
    put(w, path, "t.jsonl", text.data);
    tac_buf_release(&text);
    put(w, path, "t.yaml", yaml);
    assert_ok(tacit_task_open(&w->task, path, NULL, &err), err);
    assert_ok(tacit_examples_load(&w->x, w->task, NULL, "train", tacit_model_tokenizer(w->model),
                                  &o, &err),
              err);
}

static void open_examples(struct world *w, const char *keys, size_t k, int labelled)
{
    open_examples_of(w, "row {{a}}", keys, k, labelled);
}

static void score_alone(struct world *w, const struct tacit_prompt *prompt)
{
    struct tacit_err err;
    for (size_t i = 0; i < N; i++) {
        struct tacit_example x;
        tacit_examples_get(w->x, i, &x);
        for (size_t k = 0; k < w->k; k++) {
            const int32_t *ids;
            double logp[16];
            size_t n;
            const char *text = tacit_examples_answer(w->x, i, k, &ids, &n);
            struct tacit_query q = {x.ids, x.n_ids, ids, n, x.at, 0};
            assert_ok(tacit_score(w->model, logp, NULL, prompt, &q, 1, NULL, &err), err);
            w->ll[i][k] = 0;
            for (size_t t = 0; t < n; t++)
                w->ll[i][k] += logp[t];
            w->bytes[k] = strlen(text);
            w->tokens[k] = n;
            w->chars[k] = 0;
            for (const char *c = text + 1; *c; c++) /* behind the blank */
                w->chars[k] += ((unsigned char)*c & 0xc0) != 0x80;
        }
    }
}

static void evaluate(struct world *w, const char *keys, size_t k)
{
    struct tacit_err err;
    struct tacit_prompt plain = {.name = "plain"};
    open_examples(w, keys, k, 1);
    score_alone(w, NULL);
    assert_ok(tacit_eval(&w->e, w->model, w->task, w->x, &plain, 1, NULL, &err), err);
    w->row = tacit_eval_row(w->e, 0);
    for (size_t i = 0; i < N; i++)
        for (size_t a = 0; a < k; a++)
            assert_true(tacit_eval_loglik(w->e, 0, i, a) == w->ll[i][a]);
}

static size_t choice(const struct world *w, size_t i, const size_t *by)
{
    size_t best = 0;
    for (size_t k = 1; k < w->k; k++)
        if (w->ll[i][k] / (double)(by ? by[k] : 1) > w->ll[i][best] / (double)(by ? by[best] : 1))
            best = k;
    return best;
}

static double accuracy(const struct world *w, const size_t *by)
{
    double right = 0;
    for (size_t i = 0; i < N; i++)
        right += choice(w, i, by) == (size_t)w->gold[i];
    return right / N;
}

/* F1 as 2 precision recall / (precision + recall), and 0 where nothing of it was right. */
static double f1_of(const struct world *w, size_t answer)
{
    double right = 0, chosen = 0, wanted = 0;
    for (size_t i = 0; i < N; i++) {
        bool c = choice(w, i, NULL) == answer, g = (size_t)w->gold[i] == answer;
        right += c && g;
        chosen += c;
        wanted += g;
    }
    double p = right / chosen, r = right / wanted;
    return right > 0 ? 2 * p * r / (p + r) : 0;
}

/* The share of pairs of a positive and a negative example whose margins stand in the right order.
 */
static double auroc(const struct world *w, size_t positive)
{
    double wins = 0, pairs = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            if ((size_t)w->gold[i] == positive && (size_t)w->gold[j] != positive) {
                double a = w->ll[i][positive] - w->ll[i][1 - positive];
                double b = w->ll[j][positive] - w->ll[j][1 - positive];
                wins += a > b ? 1 : a == b ? 0.5 : 0;
                pairs++;
            }
    return wins / pairs;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12))
        fail_msg("%.17g, expected %.17g", got, want);
}

static void test_two_answers(void **state)
{
    struct world *w = *state;
    evaluate(w, TWO "metric: f1\npositive: no\n", 2);
    near(w->row->accuracy, accuracy(w, NULL));
    near(w->row->accuracy_norm, accuracy(w, w->chars));
    near(w->row->accuracy_byte, accuracy(w, w->bytes));
    near(w->row->accuracy_token, accuracy(w, w->tokens));
    near(w->row->f1, f1_of(w, 0));
    near(w->row->macro_f1, (f1_of(w, 0) + f1_of(w, 1)) / 2);
    near(w->row->metric, w->row->f1);
    near(w->row->auroc, auroc(w, 0));
    double a = w->row->accuracy;
    near(w->row->accuracy_stderr, sqrt(a * (1 - a) / (N - 1)));
    /* numbers that are equal would not tell one divisor from another */
    size_t with_blank[] = {w->chars[0] + 1, w->chars[1] + 1};
    double of[] = {accuracy(w, NULL), accuracy(w, w->chars), accuracy(w, w->bytes),
                   accuracy(w, w->tokens), accuracy(w, with_blank)};
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            if (of[i] == of[k])
                fail_msg("divisors %d and %d choose alike: %g", i, k, of[i]);
    evaluate(w, TWO, 2);
    near(w->row->f1, f1_of(w, 1));
    near(w->row->auroc, auroc(w, 1));
    near(w->row->metric, w->row->accuracy);
}

static void test_three_answers(void **state)
{
    struct world *w = *state;
    evaluate(w, THREE "metric: macro_f1\n", 3);
    double loss = 0, tokens = 0;
    size_t count[MAX_K] = {0}, most = 0;
    for (size_t i = 0; i < N; i++) {
        loss -= w->ll[i][w->gold[i]];
        tokens += (double)w->tokens[w->gold[i]];
        count[w->gold[i]]++;
    }
    for (size_t g = 0; g < 3; g++) {
        most = count[g] > most ? count[g] : most;
        for (size_t p = 0; p < 3; p++) {
            size_t want = 0;
            for (size_t i = 0; i < N; i++)
                want += (size_t)w->gold[i] == g && choice(w, i, NULL) == p;
            assert_int_equal(tacit_eval_confusion(w->e, 0, g, p), want);
        }
    }
    near(w->row->loss, loss / tokens);
    near(w->row->majority, (double)most / N);
    near(w->row->accuracy, accuracy(w, NULL));
    near(w->row->f1, f1_of(w, 1));
    near(w->row->macro_f1, (f1_of(w, 0) + f1_of(w, 1) + f1_of(w, 2)) / 3);
    near(w->row->metric, w->row->macro_f1);
    assert_true(isnan(w->row->auroc));
    assert_int_equal(tacit_eval_answers(w->e), 3);
}

static void test_groups(void **state)
{
    struct world *w = *state;
    evaluate(w, TWO "metric: group_exact\ngroup: g\n", 2);
    double exact = 0;
    for (size_t g = 0; g < N / 3; g++) {
        size_t right = 0;
        for (size_t i = 3 * g; i < 3 * g + 3; i++)
            right += choice(w, i, NULL) == (size_t)w->gold[i];
        exact += right == 3;
    }
    near(w->row->metric, exact / (N / 3));
    assert_true(exact > 0);
}

/* Later minus earlier; each row under its own prompt. */
static void test_prompts(void **state)
{
    struct world *w = *state;
    struct tacit_err err;
    struct tacit_prompt prompt[] = {{.name = "none"}, {.name = "text", .text = "Animal or plant?"}};
    open_examples(w, THREE, 3, 1);
    assert_ok(tacit_eval(&w->e, w->model, w->task, w->x, prompt, 2, NULL, &err), err);
    score_alone(w, &prompt[1]);
    near(tacit_eval_row(w->e, 1)->accuracy, accuracy(w, NULL));
    double d = accuracy(w, NULL);
    score_alone(w, NULL);
    d -= accuracy(w, NULL);
    assert_int_equal(tacit_eval_diffs(w->e), 1);
    const struct tacit_eval_diff *diff = tacit_eval_diff(w->e, 0);
    assert_true(diff->a == 0 && diff->b == 1 && d != 0);
    near(diff->accuracy, d);
    assert_true(diff->low <= d && d <= diff->high);
}

/* Ids of the texts, one after another. */
static size_t encode_all(struct world *w, int32_t out[64], const char *const *text)
{
    size_t n = 0;
    for (; *text; text++) {
        int32_t *ids;
        size_t len;
        struct tacit_err err;
        assert_ok(
            tacit_encode(tacit_model_tokenizer(w->model), &ids, &len, *text, strlen(*text), &err),
            err);
        assert_true(n + len <= 64);
        memcpy(out + n, ids, len * sizeof *ids);
        n += len;
        tacit_free(ids);
    }
    return n;
}

/* Every example's log-likelihoods under a text at the template's mark are those of its ids with the
 * text's put in between. */
static void test_mark(void **state)
{
    struct world *w = *state;
    struct tacit_err err;
    struct tacit_prompt prompt = {.name = "text", .text = "Animal or plant?"};
    open_examples_of(w, "row {{a}}: {{prompt}} so is it", TWO, 2, 1);
    assert_ok(tacit_eval(&w->e, w->model, w->task, w->x, &prompt, 1, NULL, &err), err);
    for (size_t i = 0; i < N; i++) {
        struct tacit_example x;
        char before[64];
        int32_t ctx[64];
        snprintf(before, sizeof before, "row %zu is %zu: ", i * 37, i);
        size_t n =
            encode_all(w, ctx, (const char *const[]){before, prompt.text, " so is it", NULL});
        tacit_examples_get(w->x, i, &x);
        assert_int_equal(x.mark, strlen(before));
        assert_true(x.at > 0 && x.at < x.n_ids);
        assert_memory_equal(x.ids, ctx, x.at * sizeof *ctx);
        for (size_t k = 0; k < 2; k++) {
            const int32_t *ids;
            double logp[16], sum = 0;
            size_t len;
            tacit_examples_answer(w->x, i, k, &ids, &len);
            struct tacit_query q = {ctx, n, ids, len, 0, 0};
            assert_ok(tacit_score(w->model, logp, NULL, NULL, &q, 1, NULL, &err), err);
            for (size_t t = 0; t < len; t++)
                sum += logp[t];
            assert_true(tacit_eval_loglik(w->e, 0, i, k) == sum);
        }
    }
}

/* A random prompt of so many tokens, as PEFT keeps it. */
static struct tacit_adapter *random_adapter(struct world *w, const char *name, size_t P,
                                            uint64_t seed, float *keep)
{
    struct tacit_err err;
    struct tacit_adapter *a;
    struct tac_adapter_info info = {0};
    struct tac_decoder_config c = {.L = 2, .H = 4, .C = 32};
    struct tac_rng r = tac_rng_init(seed, 3);
    float v[8 * 32];
    char dir[64];
    for (size_t i = 0; i < P * 32; i++)
        v[i] = (float)tac_rng_normal(&r);
    if (keep)
        memcpy(keep, v, P * 32 * sizeof *v);
    snprintf(dir, sizeof dir, "%s/%s", w->dir, name);
    assert_ok(tac_peft_save_prompt(dir, v, P, &c, &info, &err), err);
    assert_ok(tacit_adapter_open(&a, dir, w->model, &err), err);
    return a;
}

/* The choice by votes; among equals the answer with the larger mean. */
static int voted(double (*ll)[N][MAX_K], size_t i, size_t members, size_t k)
{
    double votes[MAX_K] = {0}, mean[MAX_K] = {0};
    int best = 0;
    for (size_t m = 0; m < members; m++) {
        size_t top = 0;
        for (size_t a = 0; a < k; a++) {
            mean[a] += ll[m][i][a] / (double)members;
            top = ll[m][i][a] > ll[m][i][top] ? a : top;
        }
        votes[top]++;
    }
    for (size_t a = 1; a < k; a++)
        if (votes[a] > votes[best] || (votes[a] == votes[best] && mean[a] > mean[best]))
            best = (int)a;
    return best;
}

/* What adapters say together, against what each says alone; a text beside them has no say. */
static void test_ensemble(void **state)
{
    enum { MEMBERS = 4 };
    struct world *w = *state;
    struct tacit_err err;
    struct tacit_adapter *a[MEMBERS];
    struct tacit_prompt prompt[MEMBERS + 3] = {{.name = "mean", .ensemble = TACIT_MEAN},
                                               {.name = "text", .text = "Animal or plant?"}};
    static double ll[MEMBERS][N][MAX_K];
    size_t right = 0, ties = 0;
    open_examples(w, THREE, 3, 1);
    for (size_t m = 0; m < MEMBERS; m++) {
        a[m] = random_adapter(w, "ensemble", 3, 50 + m, NULL);
        prompt[2 + m] = (struct tacit_prompt){.name = "one", .adapter = a[m]};
        score_alone(w, &prompt[2 + m]);
        memcpy(ll[m], w->ll, sizeof w->ll);
    }
    prompt[2 + MEMBERS] = (struct tacit_prompt){.name = "vote", .ensemble = TACIT_VOTE};
    assert_ok(tacit_eval(&w->e, w->model, w->task, w->x, prompt, MEMBERS + 3, NULL, &err), err);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < 3; k++) {
            w->ll[i][k] = 0;
            for (size_t m = 0; m < MEMBERS; m++)
                w->ll[i][k] += ll[m][i][k] / MEMBERS;
            near(tacit_eval_loglik(w->e, 0, i, k), w->ll[i][k]);
        }
    near(tacit_eval_row(w->e, 0)->accuracy, accuracy(w, NULL));
    for (size_t i = 0; i < N; i++) {
        int choice = voted(ll, i, MEMBERS, 3);
        right += choice == w->gold[i];
        ties += choice != voted(ll, i, 1, 3);
    }
    assert_true(ties > 3);
    const struct tacit_eval_row *vote = tacit_eval_row(w->e, MEMBERS + 2);
    near(vote->accuracy, (double)right / N);
    assert_true(isnan(vote->loss) && isnan(vote->accuracy_norm));
    assert_string_equal(vote->name, "vote");
    for (size_t m = 0; m < MEMBERS; m++)
        tacit_adapter_close(a[m]);
    tacit_eval_free(w->e);
    w->e = NULL;
    assert_fails(tacit_eval(&w->e, w->model, w->task, w->x, prompt, 2, NULL, &err), TACIT_EINPUT,
                 err, "an ensemble of 0 adapters");
}

/* Folders with + between are one prompt of all their rows, in that order. */
static void test_joined(void **state)
{
    struct world *w = *state;
    struct tacit_err err;
    struct tacit_adapter *a;
    float v[5 * 32];
    char dirs[200];
    tacit_adapter_close(random_adapter(w, "x", 2, 1, v));
    tacit_adapter_close(random_adapter(w, "y", 3, 2, v + 2 * 32));
    snprintf(dirs, sizeof dirs, "%s/x+%s/y", w->dir, w->dir);
    assert_ok(tacit_adapter_open(&a, dirs, w->model, &err), err);
    assert_int_equal(tacit_adapter_tokens(a), 5);
    assert_memory_equal(tacit_adapter_values(a), v, sizeof v);
    assert_string_equal(tacit_adapter_type(a), "PROMPT_TUNING");
    tacit_adapter_close(a);
    snprintf(dirs, sizeof dirs, "%s/x+%s/z", w->dir, w->dir);
    assert_fails(tacit_adapter_open(&a, dirs, w->model, &err), TACIT_EINPUT, err, "/z");
}

static void test_unlabelled(void **state)
{
    struct world *w = *state;
    struct tacit_err err;
    open_examples(w, TWO, 2, 0);
    assert_fails(
        tacit_eval(&w->e, w->model, w->task, w->x, &(struct tacit_prompt){0}, 1, NULL, &err),
        TACIT_EINPUT, err, "t.jsonl:1: has no label");
    assert_null(w->e);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {IN_WORLD(test_two_answers), IN_WORLD(test_three_answers),
                                       IN_WORLD(test_groups),      IN_WORLD(test_prompts),
                                       IN_WORLD(test_mark),        IN_WORLD(test_unlabelled),
                                       IN_WORLD(test_ensemble),    IN_WORLD(test_joined)};
    return cmocka_run_group_tests_name("eval", tests, NULL, NULL);
}
