/* A watched backend: every op is watched, results keep their bytes, what is counted is what was
 * done. */
#include "ops_run.h"

#include "backend/trace.h"
#include "format/json.h"

#include <unistd.h>

enum { EVENTS = 64 };
static const struct subject CPU = {"cpu", "cpu", NULL, 2, "f32"};

static struct tac_backend *open_watched(size_t events)
{
    struct tac_backend *be = open_subject(&CPU);
    struct tacit_err err = {0};
    assert_ok(tac_backend_trace(be, events, &err), err);
    return be;
}

/* Function `i` of a table. */
static void (*op_at(const struct tac_ops *ops, size_t i))(void)
{
    void (*f)(void);
    memcpy(&f, (const char *)ops + i * sizeof f, sizeof f);
    return f;
}

static void test_every_op(void **state)
{
    (void)state;
    struct tac_backend *be = open_subject(&CPU);
    const struct tac_ops *plain = be->ops;
    struct tacit_err err = {0};
    assert_ok(tac_backend_trace(be, EVENTS, &err), err);
    for (size_t i = 0; i < sizeof *plain / sizeof(void (*)(void)); i++)
        if (!op_at(be->ops, i) || op_at(be->ops, i) == op_at(plain, i))
            fail_msg("op %zu of the table is not watched", i);
    tac_backend_untrace(be);
    assert_ptr_equal(be->ops, plain);
    assert_null(be->trace);
    tac_backend_untrace(be);
    tac_backend_close(be);
}

static size_t calls_of(const struct tac_trace *t, const char *op)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_kind; i++)
        n += strcmp(t->kind[i].op, op) == 0 ? t->kind[i].calls : 0;
    return n;
}

static void test_same_bytes(void **state)
{
    (void)state;
    struct tac_backend *plain = open_subject(&CPU), *be = open_watched(EVENTS);
    for (size_t i = 0; i < N_OP_CASES; i++) {
        double *want[MAX_ARRAYS], *got[MAX_ARRAYS];
        struct call c;
        call_init(&c, &OP_CASES[i]);
        run_case(plain, &c, want);
        tac_trace_forget(be->trace);
        run_case(be, &c, got);
        for (int a = 0; a < c.n; a++) {
            assert_memory_equal(got[a], want[a], elements(&c.a[a]) * sizeof *want[a]);
            free(got[a]);
            free(want[a]);
        }
        assert_int_equal(calls_of(be->trace, "alloc"), c.n);
        assert_true(be->trace->n_kind > 4); /* what moves arrays, and an op */
        call_release(&c);
    }
    tac_backend_close(plain);
    tac_backend_close(be);
}

static const struct tac_trace_kind *kind_of(const struct tac_trace *t, const char *op)
{
    for (size_t i = 0; i < t->n_kind; i++)
        if (!strcmp(t->kind[i].op, op))
            return &t->kind[i];
    fail_msg("'%s' was not counted", op);
    return NULL;
}

static void run_named(struct tac_backend *be, const char *name)
{
    for (size_t i = 0; i < N_OP_CASES; i++) {
        if (strcmp(OP_CASES[i].name, name) != 0)
            continue;
        double *result[MAX_ARRAYS];
        struct call c;
        call_init(&c, &OP_CASES[i]);
        run_case(be, &c, result);
        for (int a = 0; a < c.n; a++)
            free(result[a]);
        call_release(&c);
        return;
    }
    fail_msg("no case '%s'", name);
}

static void assert_kind(const struct tac_backend *be, const char *op, size_t N, size_t K,
                        size_t rows, double flops, double bytes)
{
    const struct tac_trace_kind *k = kind_of(be->trace, op);
    assert_int_equal(k->N, N);
    assert_int_equal(k->K, K);
    assert_int_equal(k->rows, rows);
    if (k->flops != flops || k->weight_bytes != bytes)
        fail_msg("%s: %.0f flops, %.0f bytes; expected %.0f and %.0f", op, k->flops,
                 k->weight_bytes, flops, bytes);
    assert_true(k->seconds > 0 && k->busy > 0 && k->busy <= be->threads * k->seconds);
}

static void test_products(void **state)
{
    (void)state;
    struct tac_backend *be = open_watched(EVENTS);
    double flops = 2.0 * 14 * 131 * 257;
    run_named(be, "matmul f16");
    assert_kind(be, "matmul", 131, 257, 14, flops, 131 * 257 * 2);
    assert_kind(be, "matmul_dx", 257, 131, 14, flops, 131 * 257 * 2);
    tac_trace_forget(be->trace);
    run_named(be, "vocab f32 large");
    /* forward alone, then with its gradient */
    assert_kind(be, "vocab", 67, 300, 2 * 17, 3 * 2.0 * 17 * 67 * 300, 2 * 67 * 300 * 4);
    assert_kind(be, "vocab_dw", 300, 67, 17, 2.0 * 17 * 67 * 300, 67 * 300 * 4);
    tac_backend_close(be);
}

/* Of a product's time, most is its thread's work. */
static void test_busy(void **state)
{
    (void)state;
    static const struct subject alone = {"cpu", "cpu", NULL, 1, "f32"};
    struct tac_backend *be = open_subject(&alone);
    struct tacit_err err = {0};
    assert_ok(tac_backend_trace(be, EVENTS, &err), err);
    enum { T = 200, N = 1000, K = 500 };
    float *x = be->ops->alloc(be, sizeof *x * (T * K + N * K + T * N)), *y = x + T * K + N * K;
    struct tac_weight w = {x + T * K, TAC_W_REAL, N, K, false};
    be->ops->matmul(be, y, x, &w, NULL, NULL, T);
    const struct tac_trace_kind *k = kind_of(be->trace, "matmul");
    assert_true(k->busy > 0.5 * k->seconds && k->busy <= k->seconds);
    be->ops->release(be, x);
    tac_backend_close(be);
}

/* Five rows in two segments behind four kept keys. */
static void test_attention(void **state)
{
    (void)state;
    struct tac_backend *be = open_watched(EVENTS);
    static const struct tac_seg tree[] = {
        {.parent = -1, .n = 4, .end = 5, .kv = 0},
        {.parent = 0, .n = 2, .end = 5, .base = 4, .kv = -1},
        {.parent = 1, .row0 = 2, .n = 3, .end = 5, .base = 6, .kv = -1, .grad = true}};
    static const int32_t seg_of[] = {1, 1, 2, 2, 2}, query[] = {1, 4};
    struct tac_kv kv = {0};
    struct tac_attn a = {.seg = tree, .n_seg = 3, .seg_of = seg_of, .kv = &kv, .T = 5};
    float *x = be->ops->alloc(be, sizeof *x * 4096);
    a.H = a.G = 2;
    a.D = 8;
    a.query = query;
    a.n_query = 2;
    kv.k = kv.v = x;
    be->ops->attend(be, x + 1024, x + 2048, x, x, x, &a);
    /* row 1 sees 4 + 2 keys, row 4 4 + 2 + 3; of those with a gradient row 4 alone sees 3 */
    assert_kind(be, "attend", 16, 0, 2, 2.0 * 16 * 2 * 15, 0);
    be->ops->attend_dx(be, x + 1024, x + 1536, x + 2048, x, x, x, x, x, x, &a);
    assert_kind(be, "attend_dx", 16, 0, 2, 2.0 * 16 * (2 * 15 + 2 * 3), 0);
    be->ops->release(be, x);
    tac_backend_close(be);
}

static void test_bounds(void **state)
{
    (void)state;
    struct tac_backend *be = open_watched(3);
    float x[2 * TAC_TRACE_KINDS] = {0};
    for (size_t n = 1; n <= 2 * TAC_TRACE_KINDS; n++)
        be->ops->scale(be, x, x, x, NULL, 1, n);
    struct tac_trace *t = be->trace;
    assert_int_equal(t->n_event, 3);
    assert_int_equal(t->lost, 2 * TAC_TRACE_KINDS - 3);
    assert_int_equal(t->n_kind, TAC_TRACE_KINDS);
    assert_string_equal(t->kind[TAC_TRACE_KINDS - 1].op, "other");
    assert_int_equal(t->kind[TAC_TRACE_KINDS - 1].calls, TAC_TRACE_KINDS + 1);
    tac_backend_close(be);
}

static void test_file(void **state)
{
    (void)state;
    struct tac_backend *be = open_watched(EVENTS);
    struct tac_writer w;
    struct tacit_err err = {0};
    char path[64];
    json_t *v, *events;
    int64_t N;
    snprintf(path, sizeof path, "/tmp/tacit-trace-%d.json", (int)getpid());
    double start = tac_trace_now();
    run_named(be, "matmul f16");
    tac_trace_add(be->trace, "a step", start);
    assert_ok(tac_writer_open(&w, path, &err), err);
    tac_trace_write(be->trace, &w);
    assert_ok(tac_writer_commit(&w, &err), err);
    assert_ok(tac_json_load(&v, path, 1 << 20, &err), err);
    assert_ok(tac_json_get_array(&events, v, "traceEvents", path, &err), err);
    assert_int_equal(json_array_size(events), be->trace->n_event);
    const json_t *last = json_array_get(events, json_array_size(events) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "a step");
    double inside = 0, step = json_real_value(json_object_get(last, "dur"));
    for (size_t i = 0; i + 1 < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        inside += json_real_value(json_object_get(e, "dur"));
        if (strcmp(json_string_value(json_object_get(e, "name")), "matmul") != 0)
            continue;
        assert_ok(tac_json_get_int(&N, json_object_get(e, "args"), "N", 131, 131, path, &err), err);
    }
    assert_true(inside > 0 && inside <= step);
    json_decref(v);
    unlink(path);
    tac_backend_close(be);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op),  cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_products),  cmocka_unit_test(test_busy),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
