/* What tacit_bench counts is what the model's shape says, and it leaves the model as it was. */
#include "check.h"

#include "api/handles.h"

#include <math.h>

enum { TEXTS = 3, LENGTH = 12, SOFT = 9, PREFILL = 17, DECODE = 6, ROWS = 4 };

static struct tacit_model *open_model(int threads)
{
    struct tacit_model_options o = tacit_model_options_default();
    struct tacit_model *m;
    struct tacit_err err;
    o.threads = threads;
    assert_non_null(tacit_model_embedded());
    assert_ok(tacit_model_open(&m, tacit_model_embedded(), &o, &err), err);
    return m;
}

static struct tacit_bench_options small(void)
{
    static const size_t rows[] = {1, ROWS};
    struct tacit_bench_options o = tacit_bench_options_default();
    o.rows = rows;
    o.n_rows = 2;
    o.rounds = 2;
    o.texts = TEXTS;
    o.length = LENGTH;
    o.tokens = SOFT;
    o.prefill = PREFILL;
    o.decode = DECODE;
    return o;
}

static const struct tacit_bench_op *find_op(const struct tacit_bench_pass *p, const char *name)
{
    for (size_t i = 0; i < p->n_op; i++)
        if (strcmp(p->op[i].name, name) == 0)
            return &p->op[i];
    return NULL;
}

static void check_ops(const struct tacit_bench_pass *p)
{
    double sum = 0, flops = 0;
    for (size_t i = 0; i < p->n_op; i++) {
        const struct tacit_bench_op *o = &p->op[i];
        assert_true(o->calls > 0 && o->seconds >= 0);
        assert_true(isnan(o->idle) || (o->idle >= 0 && o->idle <= 1));
        sum += o->seconds;
        flops += o->flops;
    }
    assert_true(p->n_op > 4 && sum > 0 && sum <= p->watched);
    assert_true(flops >= 0.999 * p->flops); /* attention besides */
    assert_true(p->idle >= 0 && p->idle <= 1);
    assert_true(p->low > 0 && p->low <= p->seconds && p->seconds <= p->high);
    assert_true(p->resident >= p->anonymous && p->anonymous > 0);
}

static void check_products(const struct tacit_bench *b, const struct tac_decoder_config *c)
{
    assert_int_equal(b->n_product, 2 * 6);
    for (size_t i = 0; i < b->n_product; i++) {
        const struct tacit_bench_product *p = &b->product[i];
        assert_int_equal(p->M, i % 2 ? ROWS : 1);
        assert_true(p->seconds > 0 && p->share > 0 && p->share <= 1);
        assert_true(b->peer ? p->low <= p->ratio && p->ratio <= p->high : isnan(p->ratio));
    }
    assert_string_equal(b->product[3].name, "qkv, gradient");
    assert_int_equal(b->product[3].N, c->C);
    assert_int_equal(b->product[3].K, 3 * c->C);
    assert_string_equal(b->product[4].name, "mlp up");
    assert_true(b->product[5].flops == 2.0 * ROWS * (double)(c->F * c->C));
}

static void test_counts(void **state)
{
    (void)state;
    struct tacit_model *m = open_model(2);
    const struct tac_decoder_config *c = &m->model->c;
    const struct tac_ops *ops = m->be->ops;
    struct tacit_bench_options o = small();
    struct tacit_bench *b;
    struct tacit_err err;
    size_t fixed = m->session->fixed_bytes;
    assert_ok(tacit_bench(&b, m, &o, NULL, &err), err);
    assert_ptr_equal(m->be->ops, ops);
    assert_null(m->be->trace);
    assert_int_equal(m->session->fixed_bytes, fixed);
    assert_true(b->peak > 0 && b->bandwidth > 0);
    assert_true(b->read_low > 0 && b->read_low <= b->read_share && b->read_share <= b->read_high);
    check_products(b, c);
    assert_int_equal(b->n_pass, 4);
    for (size_t i = 0; i < b->n_pass; i++)
        check_ops(&b->pass[i]);

    /* the prompt is shared: the last token of a text is a label, and no row */
    const struct tacit_bench_pass *step = &b->pass[1], *decode = &b->pass[3];
    assert_string_equal(step->name, "training step (prompt)");
    assert_int_equal(step->rows, SOFT + TEXTS * (LENGTH - 1));
    assert_int_equal(step->tokens, TEXTS * (SOFT + LENGTH - 1));
    assert_non_null(find_op(step, "matmul_dx"));
    assert_non_null(find_op(step, "adamw"));
    assert_null(find_op(&b->pass[0], "matmul_dx"));
    assert_int_equal(b->pass[2].rows, SOFT + PREFILL);
    assert_int_equal(decode->rows, DECODE - 1);
    assert_int_equal(find_op(decode, "embed")->calls, DECODE - 1);
    size_t size = m->weights->param[TAC_P_EMBED].w.type == TAC_W_F32 ? 4 : 2;
    size_t each = c->L * (4 * c->C * c->C + 2 * c->F * c->C) + c->V * c->C;
    assert_true(decode->weight_bytes == (double)((DECODE - 1) * each * size));
    tacit_bench_free(b);
    tacit_model_close(m);
}

static void test_method(void **state)
{
    (void)state;
    struct tacit_model *m = open_model(1);
    struct tacit_bench_options o = small();
    struct tacit_bench *b;
    struct tacit_err err;
    o.method = "lora:r=4";
    o.rounds = 1;
    assert_ok(tacit_bench(&b, m, &o, NULL, &err), err);
    assert_string_equal(b->pass[1].name, "training step (lora)");
    assert_non_null(find_op(&b->pass[1], "matmul_dw"));
    assert_int_equal(b->pass[1].rows, TEXTS * (LENGTH - 1));
    tacit_bench_free(b);
    o.method = "lora:r=0";
    assert_fails(tacit_bench(&b, m, &o, NULL, &err), TACIT_EINPUT, err, "r");
    assert_null(b);
    tacit_model_close(m);
}

static int stop(void *ctx, const struct tacit_event *e)
{
    size_t *done = ctx;
    assert_int_equal(e->total, 4);
    return e->done == ++*done && *done == 2;
}

static void test_stop(void **state)
{
    (void)state;
    struct tacit_model *m = open_model(1);
    struct tacit_bench_options o = small();
    struct tacit_bench *b;
    struct tacit_err err;
    size_t done = 0;
    struct tacit_progress progress = {stop, &done};
    assert_int_equal(tacit_bench(&b, m, &o, &progress, &err), TACIT_ECANCEL);
    assert_int_equal(done, 2);
    assert_null(b);
    tacit_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_method),
                                       cmocka_unit_test(test_stop)};
    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
