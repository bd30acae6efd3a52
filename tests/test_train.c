/* Optimisers' surroundings (schedules, clipping, noise in the first moments) by their formulas, and
 * the training loop: accumulation, and a run that is stopped anywhere against one that is not, byte
 * for byte. */
#include "golden.h"

#include "train/train.h"

#include <dirent.h>
#include <math.h>

static const struct tac_backend_options cpu = {.name = "cpu", .threads = 1},
                                        ref64 = {.name = "ref64"};

static struct tac_tune *open_prompt(struct golden *g, size_t P, float first)
{
    struct tacit_err err;
    struct tac_tune *t;
    static const struct tac_adapter_info info = {.base_name = "m", .tokenizer_name = "m"};
    assert_ok(tac_tune_open(&t, &tac_method_prompt, g->weights, P, true, &info, &err), err);
    float *v = calloc(t->n, sizeof *v);
    for (size_t i = 0; i < t->n; i++)
        v[i] = first * (float)((int)(i * 7 % 11) - 5);
    tac_tune_set(t, v);
    free(v);
    return t;
}

static void near(double got, double want, double tol)
{
    if (!(fabs(got - want) <= tol * (1 + fabs(want))))
        fail_msg("%.12g, expected %.12g", got, want);
}

/* ---- the order of an epoch ---- */

enum { EXAMPLES = 24, LONG = 64 };

/* Contexts of what all have in common (`head` tokens), a passage (one of six, so many tokens) and a
 * question of five; every fourth example is on a passage of its own. */
static void make_examples(struct tac_query *q, int32_t id[EXAMPLES][LONG], size_t head,
                          size_t passage, size_t question)
{
    for (size_t i = 0; i < EXAMPLES; i++) {
        size_t n = 0;
        for (size_t k = 0; k < head; k++)
            id[i][n++] = 1;
        for (size_t k = 0; k < passage; k++)
            id[i][n++] = (int32_t)(10 + (i % 4 ? i % 6 : 100 + i) + (k % 3));
        for (size_t k = 0; k < question; k++)
            id[i][n++] = (int32_t)(1000 + 7 * i + k);
        q[i] = (struct tac_query){.ctx = id[i], .n_ctx = n, .target = id[i], .n_target = 1};
    }
}

/* Of pairs on one passage, those that are neighbours in an epoch by passages. */
static size_t together(const struct tac_query *q, uint64_t seed, size_t epoch, uint32_t *order)
{
    struct tac_batching o = {
        .example = q, .n = EXAMPLES, .most = 4, .order = TAC_ORDER_PASSAGES, .seed = seed};
    struct tac_batches b;
    struct tacit_err err;
    size_t n = 0;
    bool seen[EXAMPLES] = {0};
    assert_ok(tac_batches_open(&b, &o, &err), err);
    tac_batches_epoch(&b, 3 - epoch % 3);
    tac_batches_epoch(&b, epoch);
    assert_int_equal(b.n_batch, EXAMPLES / 4);
    for (size_t i = 0; i < EXAMPLES; i++) {
        assert_false(seen[b.order[i]]);
        seen[b.order[i]] = true;
        n += i && b.order[i] % 4 && b.order[i - 1] % 4 && b.order[i] % 6 == b.order[i - 1] % 6;
    }
    memcpy(order, b.order, EXAMPLES * sizeof *order);
    tac_batches_close(&b);
    return n;
}

static void test_passages(void **state)
{
    (void)state;
    static int32_t id[EXAMPLES][LONG];
    struct tac_query q[EXAMPLES];
    uint32_t a[EXAMPLES], b[EXAMPLES];
    make_examples(q, id, 0, 16, 16);
    /* 18 examples on 6 passages: 12 of their neighbours are on the same one */
    assert_int_equal(together(q, 5, 0, a), 12);
    assert_int_equal(together(q, 5, 0, b), 12);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(together(q, 5, 1, b), 12);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(together(q, 6, 0, b), 12);
    assert_memory_not_equal(a, b, sizeof a);
    make_examples(q, id, 12, 16, 16); /* what all begin with does not count */
    assert_int_equal(together(q, 5, 0, a), 12);
    make_examples(q, id, 12, 15, 5); /* too little in common */
    assert_true(together(q, 5, 0, a) < 12);
    make_examples(q, id, 20, 16, 17); /* less than half */
    assert_true(together(q, 5, 0, a) < 12);
}

/* The factors of transformers' get_..._schedule_with_warmup(warmup 2, total 6) at its steps 0..5.
 */
static void test_schedules(void **state)
{
    (void)state;
    static const double want[3][6] = {{0, 0.5, 1, 1, 1, 1},
                                      {0, 0.5, 1, 0.75, 0.5, 0.25},
                                      {0, 0.5, 1, 0.8535533905932737, 0.5, 0.14644660940672627}};
    struct tac_optim_options o = {.lr = 0.3, .warmup = 2};
    for (int s = TAC_CONSTANT; s <= TAC_COSINE; s++) {
        o.schedule = (enum tac_schedule)s;
        for (int64_t step = 1; step <= 6; step++)
            near(tac_schedule_lr(&o, step, 6), 0.3 * want[s][step - 1], 1e-12);
    }
    o.warmup = 0;
    near(tac_schedule_lr(&o, 1, 6), 0.3, 1e-12);
}

/* torch.nn.utils.clip_grad_norm_: by max / (norm + 1e-6), and not at all below max. */
static void test_clip(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_optim op;
    golden_open(&g, "base-f32", &ref64);
    struct tac_optim_options o = {
        .lr = 1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .schedule = TAC_CONSTANT};
    for (int i = 0; i < 2; i++) {
        struct tac_tune *t = open_prompt(&g, 5, 0.1f);
        double *grad = t->g, *m;
        grad[1] = 3;
        grad[7] = -4;
        o.clip = i ? 5.5 : 2;
        assert_ok(tac_optim_open(&op, t, &o, &err), err);
        near(tac_optim_step(&op, 1, 10, 0), 5, 1e-12);
        m = op.state;
        near(m[1], 0.1 * 3 * (i ? 1 : 2 / (5 + 1e-6)), 1e-12);
        near(m[7], 0.1 * -4 * (i ? 1 : 2 / (5 + 1e-6)), 1e-12);
        tac_optim_close(&op);
        tac_tune_close(t);
    }
    golden_close(&g);
}

/* Bias-corrected moments s rms(g) N(0,1) and g^2, and then the second step of AdamW. */
static void test_noise_moments(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_optim op;
    golden_open(&g, "base-f32", &ref64);
    struct tac_tune *t = open_prompt(&g, 100, 0.1f);
    struct tac_optim_options o = {
        .lr = 0.5, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .schedule = TAC_CONSTANT};
    double *grad = t->g, *p = t->p, sum = 0, squares = 0, rms = 0, first;
    for (size_t i = 0; i < t->n; i++) {
        grad[i] = 0.001 * (double)(1 + i % 5);
        rms += grad[i] * grad[i] / (double)t->n;
    }
    rms = sqrt(rms);
    assert_ok(tac_optim_open(&op, t, &o, &err), err);
    tac_optim_noise_moments(&op, 2, 9);
    double *m = op.state, *v = m + t->n;
    for (size_t i = 0; i < t->n; i++) {
        double x = m[i] / 0.1 / (2 * rms);
        sum += x;
        squares += x * x;
        near(v[i] / 0.001, grad[i] * grad[i], 1e-9);
    }
    assert_true(fabs(sum / (double)t->n) < 0.06 && fabs(squares / (double)t->n - 1) < 0.08);
    double m1 = 0.9 * m[3] + 0.1 * grad[3], v1 = 0.999 * v[3] + 0.001 * grad[3] * grad[3];
    double want = p[3] - 0.5 * m1 / (1 - 0.81) / (sqrt(v1 / (1 - 0.998001)) + 1e-8);
    first = m[0];
    tac_optim_step(&op, 1, 10, 1);
    near(p[3], want, 1e-9);
    tac_optim_noise_moments(&op, 2, 9);
    assert_true(m[0] == first);
    tac_optim_noise_moments(&op, 2, 10);
    assert_true(m[0] != first);
    tac_optim_close(&op);
    tac_tune_close(t);
    golden_close(&g);
}

/* x (R,C) made nearly orthogonal by plain loops: what Muon's steps are held against. */
static void orthogonalise(double *x, size_t R, size_t C)
{
    double norm = 0, *s = calloc(R * R, sizeof *s), *poly = calloc(R * R, sizeof *poly),
           *y = calloc(R * C, sizeof *y);
    for (size_t i = 0; i < R * C; i++)
        norm += x[i] * x[i];
    for (size_t i = 0; i < R * C; i++)
        x[i] /= sqrt(norm) + 1e-7;
    for (int it = 0; it < 5; it++) {
        for (size_t i = 0; i < R * R; i++) {
            s[i] = 0;
            for (size_t k = 0; k < C; k++)
                s[i] += x[i / R * C + k] * x[i % R * C + k];
        }
        for (size_t i = 0; i < R * R; i++) {
            poly[i] = -4.7750 * s[i];
            for (size_t k = 0; k < R; k++)
                poly[i] += 2.0315 * s[i / R * R + k] * s[k * R + i % R];
        }
        for (size_t i = 0; i < R * C; i++) {
            y[i] = 3.4445 * x[i];
            for (size_t k = 0; k < R; k++)
                y[i] += poly[i / C * R + k] * x[k * C + i % C];
        }
        memcpy(x, y, R * C * sizeof *x);
    }
    free(s);
    free(poly);
    free(y);
}

/* Two steps of Muon on wide, tall and fused matrices by its formulas; vectors and embeddings go
 * AdamW's way. A tall matrix is the transposed of a wide one. */
static void test_muon(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_tune *t;
    struct tac_optim op;
    golden_open(&g, "base-f32", &ref64);
    assert_ok(tac_tune_open(&t, &tac_method_full, g.weights, 0, true, NULL, &err), err);
    struct tac_optim_options o = {.kind = TAC_MUON,
                                  .lr = 0.02,
                                  .beta1 = 0.9,
                                  .beta2 = 0.98,
                                  .eps = 1e-8,
                                  .weight_decay = 0.05,
                                  .momentum = 0.95,
                                  .schedule = TAC_CONSTANT};
    assert_ok(tac_optim_open(&op, t, &o, &err), err);
    double *p = t->p, *grad = t->g, *want = calloc(t->n, sizeof *want),
           *m = calloc(t->n, sizeof *m);
    memcpy(want, p, t->n * sizeof *want);
    for (int step = 1; step <= 2; step++) {
        for (size_t i = 0; i < t->n; i++)
            grad[i] = sin((double)(i * (size_t)(step + 3)) * 0.7) + 0.1 * (double)(i % 7);
        tac_optim_step(&op, step, 10, 0);
        for (size_t k = 0; k < t->n_item; k++) {
            const struct tac_item *it = &t->item[k];
            size_t R = it->parts ? it->rows / it->parts : 0, C = it->cols, n = R * C;
            double *x = calloc(n + 1, sizeof *x);
            for (size_t part = 0; part < it->parts; part++) {
                size_t at = it->offset + part * n;
                bool tall = R > C;
                for (size_t i = 0; i < n; i++) {
                    m[at + i] = 0.95 * m[at + i] + grad[at + i];
                    x[tall ? i % C * R + i / C : i] = grad[at + i] + 0.95 * m[at + i];
                }
                orthogonalise(x, tall ? C : R, tall ? R : C);
                for (size_t i = 0; i < n; i++)
                    want[at + i] =
                        (1 - 0.02 * 0.05) * want[at + i] -
                        0.02 * 0.2 * sqrt((double)(tall ? R : C)) * x[tall ? i % C * R + i / C : i];
            }
            for (size_t i = 0; it->parts && i < it->parts * n; i++)
                near(p[it->offset + i], want[it->offset + i], 1e-9);
            free(x);
        }
    }
    const struct tac_item *embed = &t->item[0];
    assert_int_equal(embed->parts, 0);
    assert_true(fabs(p[embed->offset + 3] - want[embed->offset + 3]) >
                0.01); /* two AdamW steps of 0.02 */
    free(want);
    free(m);
    tac_optim_close(&op);
    tac_tune_close(t);
    golden_close(&g);
}

/* A run whose evaluations' scores are scripted, and where it is stopped. */
struct script {
    size_t evals, stop_eval; /* evaluations finished; from 1, the one that is stopped (0: none) */
    int64_t stop_step;       /* after this step; 0: none */
    double loss[64];         /* by step */
    size_t tokens;
};

static enum tacit_status scripted(void *ctx, struct tac_eval_point *out, struct tacit_err *err)
{
    static const double score[] = {3, 1, 5, 2, 4, 4, 4, 4};
    struct script *s = ctx;
    if (s->stop_eval == s->evals + 1) {
        s->stop_eval = 0;
        return tac_fail(err, TACIT_ECANCEL, "stopped in an evaluation");
    }
    *out = (struct tac_eval_point){score[s->evals % 8], 0.5, 0.25, 4};
    s->evals++;
    return TACIT_OK;
}

static int watch(void *ctx, const struct tac_train_event *ev)
{
    struct script *s = ctx;
    if (ev->eval)
        return 0;
    s->loss[ev->step] = ev->loss;
    s->tokens += ev->tokens;
    if (s->stop_step != ev->step)
        return 0;
    s->stop_step = 0;
    return 1;
}

/* Trains into dir, going on as often as it is stopped; returns how often that was. */
static int train(const char *dir, const struct tac_train_options *o, struct script *s,
                 struct tac_train_result *result)
{
    struct golden g;
    struct tacit_err err;
    int stops = 0;
    for (;; stops++) {
        struct tac_prefix prefix;
        golden_open(&g, "base-f32", &cpu);
        struct tac_tune *t = open_prompt(&g, 3, 0.05f);
        assert_ok(tac_prefix_soft(&prefix, 3, &err), err);
        struct tac_trainer tr = {.session = g.session,
                                 .tune = t,
                                 .prefix = &prefix,
                                 .example = g.query,
                                 .n = g.n,
                                 .dir = dir,
                                 .identity = "this",
                                 .evaluate = scripted,
                                 .progress = watch,
                                 .ctx = s};
        enum tacit_status st = tac_train(&tr, o, result, &err);
        tac_prefix_release(&prefix);
        tac_tune_close(t);
        golden_close(&g);
        if (st != TACIT_ECANCEL) {
            assert_ok(st, err);
            return stops;
        }
        assert_true(stops < 3);
    }
}

static struct tac_train_options options(void)
{
    struct tac_train_options o = tac_train_options_default();
    o.optim.lr = 0.02;
    o.batch = 2; /* two steps an epoch: the golden model has four examples */
    o.epochs = 12;
    o.seed_order = 3;
    o.keep_best = true;
    o.patience = 3;
    return o;
}

static void make_dir(char dir[32])
{
    strcpy(dir, "/tmp/tacit-train-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* Every file of one run has the bytes of the other's, but for the times. */
static void assert_same_runs(const char *a, const char *b, const char *what)
{
    DIR *d = opendir(a);
    int files = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[400];
        struct tac_buf x = {0}, y = {0};
        struct tacit_err err;
        if (e->d_name[0] == '.' || strcmp(e->d_name, "timing.jsonl") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", a, e->d_name);
        assert_ok(tac_file_read(&x, path, 1 << 20, &err), err);
        snprintf(path, sizeof path, "%s/%s", b, e->d_name);
        assert_ok(tac_file_read(&y, path, 1 << 20, &err), err);
        if (x.len != y.len || memcmp(x.data, y.data, x.len) != 0)
            fail_msg("%s: %s differs", what, e->d_name);
        tac_buf_release(&x);
        tac_buf_release(&y);
        files++;
    }
    closedir(d);
    assert_true(files >= 5);
}

/* The third evaluation is the best and the sixth ends the run; a stop after any step or in an
 * evaluation changes nothing. */
static void test_stops(void **state)
{
    (void)state;
    char whole[32], dir[32];
    struct tac_train_options o = options();
    struct script s = {0};
    struct tac_train_result result, again;
    make_dir(whole);
    assert_int_equal(train(whole, &o, &s, &result), 0);
    assert_true(result.steps == 12 && result.best_step == 6 && result.best == 5 && s.evals == 6);
    for (int64_t step = 1; step <= 12; step++)
        for (size_t eval = 0; eval <= 6; eval += 3) {
            char what[64];
            struct script stopped = {.stop_step = step, .stop_eval = eval};
            snprintf(what, sizeof what, "stopped after step %d and in evaluation %zu", (int)step,
                     eval);
            make_dir(dir);
            assert_int_equal(train(dir, &o, &stopped, &again), 1 + (eval > 0));
            assert_true(again.resumed && again.best_step == 6 && again.best == 5);
            assert_same_runs(whole, dir, what);
            remove_dir(dir);
        }
    remove_dir(whole);
}

/* keep_best saves the third evaluation's prompt: a run that ends there has the same. */
static void test_keep_best(void **state)
{
    (void)state;
    char dir[32], path[64];
    struct tac_train_options o = options();
    struct tac_buf saved[2] = {{0}, {0}};
    struct tacit_err err;
    o.optim.schedule = TAC_CONSTANT;
    for (int i = 0; i < 2; i++) {
        struct script s = {0};
        struct tac_train_result result;
        o.epochs = i ? 3 : 12;
        make_dir(dir);
        train(dir, &o, &s, &result);
        snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
        assert_ok(tac_file_read(&saved[i], path, 1 << 20, &err), err);
        remove_dir(dir);
    }
    assert_int_equal(saved[0].len, saved[1].len);
    assert_memory_equal(saved[0].data, saved[1].data, saved[0].len);
    tac_buf_release(&saved[0]);
    tac_buf_release(&saved[1]);
}

/* The golden batch's mean loss under the prompt that the runs here start from. */
static double first_loss(size_t *tokens)
{
    struct golden g;
    struct tacit_err err;
    struct tac_prefix prefix;
    double logp[64], loss;
    golden_open(&g, "base-f32", &cpu);
    struct tac_tune *t = open_prompt(&g, 3, 0.05f);
    assert_ok(tac_prefix_soft(&prefix, 3, &err), err);
    assert_ok(golden_batch(&g, &t->ports, &prefix, logp, &loss, &err), err);
    *tokens = 0;
    for (size_t k = 0; k < g.n; k++)
        *tokens += g.query[k].n_target;
    tac_prefix_release(&prefix);
    tac_tune_close(t);
    golden_close(&g);
    return loss;
}

/* A batch of three and one of one in a step are one of four: the loss is the mean over all label
 * tokens of the step. */
static void test_accumulate(void **state)
{
    (void)state;
    char dir[32];
    struct script s[2] = {{0}, {0}};
    struct tac_train_result result;
    size_t tokens;
    double first = first_loss(&tokens);
    for (int i = 0; i < 2; i++) {
        struct tac_train_options o = options();
        o.batch = i ? 3 : 4;
        o.accumulate = i ? 2 : 1;
        o.epochs = 3;
        make_dir(dir);
        train(dir, &o, &s[i], &result);
        assert_int_equal(result.steps, 3);
        assert_int_equal(s[i].tokens, 3 * tokens);
        near(s[i].loss[1], first, 1e-5);
        remove_dir(dir);
    }
    for (int step = 2; step <= 3; step++)
        near(s[1].loss[step], s[0].loss[step], 1e-5);
    assert_true(s[0].loss[3] < s[0].loss[1]);
}

/* The pull as its definition has it, row by row. */
static double pull_term(const double *p, const float *target, size_t P, size_t C, double weight)
{
    double apart = 0, length = 0;
    for (size_t i = 0; i < P * C; i++) {
        apart += pow(p[i] - (double)target[i], 2) / (double)P;
        length += pow((double)target[i], 2) / (double)P;
    }
    return weight * apart / length;
}

static void test_pull_gradient(void **state)
{
    (void)state;
    enum { P = 4 };
    struct golden g;
    struct tacit_err err;
    struct tac_pulling pulling;
    int32_t ids[P] = {3, 9, 3, 14};
    golden_open(&g, "base-f32", &ref64);
    struct tac_tune *t = open_prompt(&g, P, 0.1f);
    float *target = calloc(t->n, sizeof *target);
    tac_weights_read_rows(g.weights, TAC_P_EMBED, ids, P, target);
    struct tac_pull pull = {target, 0.7};
    assert_ok(tac_pull_open(&pulling, t, &pull, &err), err);
    double *p = t->p, *grad = t->g;
    for (size_t i = 0; i < t->n; i++)
        grad[i] = (double)i;
    near(tac_pull_add(&pulling), pull_term(p, target, P, g.C, 0.7), 1e-12);
    for (size_t i = 0; i < t->n; i++) {
        double at = p[i], above, h = 1e-5;
        p[i] = at + h;
        above = pull_term(p, target, P, g.C, 0.7);
        p[i] = at - h;
        near((above - pull_term(p, target, P, g.C, 0.7)) / (2 * h) + (double)i, grad[i], 1e-9);
        p[i] = at;
    }
    tac_pull_close(&pulling);
    memset(target, 0, t->n * sizeof *target);
    assert_fails(tac_pull_open(&pulling, t, &pull, &err), TACIT_EINPUT, err, "all 0");
    free(target);
    tac_tune_close(t);
    golden_close(&g);
}

/* The vocabulary row with the largest cosine. */
static int32_t nearest_row(const struct golden *g, const float *x)
{
    int32_t best = -1;
    double largest = -2;
    float row[256];
    for (int32_t v = 0; v < (int32_t)g->model->c.V; v++) {
        double xy = 0, xx = 0, yy = 0;
        tac_weights_read_rows(g->weights, TAC_P_EMBED, &v, 1, row);
        for (size_t c = 0; c < g->C; c++) {
            xy += (double)x[c] * (double)row[c];
            xx += (double)x[c] * (double)x[c];
            yy += (double)row[c] * (double)row[c];
        }
        if (xy / sqrt(xx * yy) > largest) {
            largest = xy / sqrt(xx * yy);
            best = v;
        }
    }
    return best;
}

static void read_result(const char *dir, struct tac_buf *out, const char *name)
{
    char path[160];
    struct tacit_err err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_ok(tac_file_read(out, path, 1 << 20, &err), err);
}

/* A pull of weight 0 changes no byte. A huge one makes the tokens the target's, is logged beside
 * the loss, and a run that is stopped ends with the same bytes. */
static void test_pull(void **state)
{
    (void)state;
    struct golden g;
    struct tacit_err err;
    struct tac_peft_prompt prompt;
    struct tac_train_options o = options();
    struct tac_train_result result;
    struct tac_buf log = {0};
    char dir[4][32];
    int32_t ids[3] = {5, 11, 5};
    golden_open(&g, "base-f32", &cpu);
    float *target = calloc(3 * g.C, sizeof *target);
    tac_weights_read_rows(g.weights, TAC_P_EMBED, ids, 3, target);
    o.optim.lr = 0.05;
    o.patience = 0;
    o.keep_best = false;
    o.epochs = 40;
    for (int i = 0; i < 4; i++) {
        struct script s = {.stop_step = i == 3 ? 7 : 0};
        o.pull = (struct tac_pull){i ? target : NULL, i > 1 ? 1e6 : 0};
        make_dir(dir[i]);
        assert_int_equal(train(dir[i], &o, &s, &result), i == 3);
    }
    assert_same_runs(dir[0], dir[1], "a pull of weight 0");
    assert_same_runs(dir[2], dir[3], "a pull, stopped");
    read_result(dir[0], &log, "metrics.jsonl");
    assert_null(strstr(log.data, "pull"));
    tac_buf_release(&log);
    read_result(dir[2], &log, "metrics.jsonl");
    assert_non_null(strstr(log.data, "\"tokens\": 2, \"pull\": "));
    tac_buf_release(&log);
    for (int i = 0; i < 3; i += 2) {
        assert_ok(tac_peft_load_prompt(&prompt, dir[i], &g.model->c, &err), err);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(nearest_row(&g, prompt.values + k * g.C) == ids[k], i == 2);
        tac_peft_prompt_release(&prompt);
    }
    for (int i = 0; i < 4; i++)
        remove_dir(dir[i]);
    free(target);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedules),     cmocka_unit_test(test_clip),
        cmocka_unit_test(test_passages),      cmocka_unit_test(test_noise_moments),
        cmocka_unit_test(test_muon),          cmocka_unit_test(test_stops),
        cmocka_unit_test(test_keep_best),     cmocka_unit_test(test_accumulate),
        cmocka_unit_test(test_pull_gradient), cmocka_unit_test(test_pull),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
