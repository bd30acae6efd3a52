/* The case table of the op tests: for each op its shapes, its inputs and how it and its backward op
 * are called. A case is a list of arrays and one or two functions; what is checked follows from
 * each array's role: IN    an input                             OUT  written (or updated) by
 * forward COT   d(loss) / d(array `of`): the loss is the sum over all COT arrays of <COT, array
 * `of`> SET   gradient of array `of`, overwritten by backward      ADD   likewise, added to Inputs
 * are multiples of 1/1024, so that every backend starts from the same values. */
#ifndef TAC_TESTS_OPS_CASES_H
#define TAC_TESTS_OPS_CASES_H

#include "check.h"

#include "backend/backend.h"
#include "base/rng.h"

#include <math.h>

enum role { IN, OUT, COT, SET, ADD };
/* PLAIN: standard normal. LOUD: rows in turn normal, one-hot, zero, large and far from zero. */
enum fill { PLAIN, LOUD };
enum { MAX_ARRAYS = 24, MAX_HOST = 8 };

struct array {
    const char *name;
    enum role role;
    int of;
    size_t rows, cols;
    double *x; /* values before the call */
    double
        floor; /* least scale that a row's error is judged by; 0: the row's largest value alone */
    const bool *wanted; /* SET: rows whose gradient is asked for, the others become 0; NULL: all */
};

struct call;
typedef void op_call(struct tac_backend *be, void **a, struct call *c);

struct op_case {
    const char *name;
    void (*build)(struct call *c);
    op_call *forward, *backward; /* backward may be NULL */
    size_t T, N, C;              /* rows, outputs or vocabulary, width */
    size_t H, G, D;
    int kind; /* the op's own enum, or a variant of the case */
    enum fill fill;
    enum tac_wtype wtype;
    double large; /* factor on the inputs; 0: 1 */
    bool fd;      /* smooth and small: finite differences apply (wtype must be TAC_W_REAL) */
    double tol,
        gtol; /* float's worst error of a row of OUT / of a gradient, relative to the row's scale */
    double gtol_bf16; /* ... of a gradient in precision bf16; 0: gtol */
};

/* A case at work. Whatever is allocated for it hangs in host. */
struct call {
    const struct op_case *is;
    struct array a[MAX_ARRAYS];
    int n;
    struct tac_rng rng;
    void *host[MAX_HOST];
    int n_host;
    struct tac_weight w;
    int32_t *index; /* sources, positions or row numbers */
    struct tac_heads heads;
    struct tac_rope rope;
    struct tac_attn attn;
    struct tac_kv kv[2];
    struct tac_target *target;
    size_t n_target;
    double *lse; /* of the vocabulary op, doubles in every backend */
};

static void *host_alloc(struct call *c, size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    assert_non_null(p);
    assert_true(c->n_host < MAX_HOST);
    return c->host[c->n_host++] = p;
}

static double coarse(double x)
{
    return nearbyint(x * 1024) / 1024;
}

static double loud_value(double normal, size_t row, size_t col, size_t cols)
{
    switch (row % 4) {
    case 0:
        return normal;
    case 1:
        return col == row * 7 % cols ? 2 : 0;
    case 2:
        return 0;
    default:
        return 40 + 25 * normal;
    }
}

/* Appends an array with its initial values: 7 where the op must overwrite them. Returns its index.
 */
static int add_array(struct call *c, const char *name, enum role role, int of, size_t rows,
                     size_t cols)
{
    struct array *a = &c->a[c->n];
    assert_true(c->n < MAX_ARRAYS);
    *a = (struct array){name, role, of, rows, cols, calloc(rows * cols + 1, sizeof *a->x), 0, NULL};
    assert_non_null(a->x);
    double factor = role == IN && c->is->large > 0 ? c->is->large : 1;
    for (size_t i = 0; i < rows * cols; i++) {
        double v = tac_rng_normal(&c->rng);
        if (c->is->fill == LOUD && role == IN)
            v = loud_value(v, i / cols, i % cols, cols);
        a->x[i] = role == SET ? 7 : coarse(v * factor);
    }
    return c->n++;
}

static void call_init(struct call *c, const struct op_case *is)
{
    *c = (struct call){.is = is, .rng = tac_rng_init(11, 5)};
    is->build(c);
}

static void call_release(struct call *c)
{
    for (int i = 0; i < c->n; i++)
        free(c->a[i].x);
    for (int i = 0; i < c->n_host; i++)
        free(c->host[i]);
}

/* Small values that all storage types hold exactly: multiples of 1/64 up to 2. */
static uint16_t encode16(float x, enum tac_wtype type)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    if (type == TAC_W_BF16)
        return (uint16_t)(u >> 16);
    uint32_t mag = u & 0x7fffffff;
    return (uint16_t)((u >> 16 & 0x8000) | (mag ? (mag - (112u << 23)) >> 13 : 0));
}

/* Makes array i a weight of the case's type, its bytes at an odd address (except TAC_W_REAL:
 * weight_of). */
static void make_weight(struct call *c, int i)
{
    struct array *a = &c->a[i];
    size_t n = a->rows * a->cols, size = c->is->wtype == TAC_W_F32 ? 4 : 2;
    char *bytes = (char *)host_alloc(c, n * size + 1, 1) + 1;
    for (size_t j = 0; j < n; j++) {
        float x = (float)fmax(-2, fmin(2, nearbyint(a->x[j] * 64) / 64));
        uint16_t h = encode16(x, c->is->wtype);
        memcpy(bytes + j * size, size == 4 ? (void *)&x : (void *)&h, size);
        a->x[j] = (double)x;
    }
    c->w = (struct tac_weight){bytes, c->is->wtype, a->rows, a->cols, false};
}

static const struct tac_weight *weight_of(struct call *c, void *device)
{
    if (c->w.type == TAC_W_REAL)
        c->w.data = device;
    return &c->w;
}

/* ---- embedding and rows ---- */

enum { EM_E, EM_SOFT, EM_Y, EM_DY, EM_DE, EM_DSOFT };

static void embed_build(struct call *c)
{
    size_t T = c->is->T, C = c->is->C, V = c->is->N, P = 3;
    add_array(c, "E", IN, 0, V, C);
    add_array(c, "soft", IN, 0, P, C);
    add_array(c, "y", OUT, 0, T, C);
    add_array(c, "dy", COT, EM_Y, T, C);
    add_array(c, "dE", ADD, EM_E, V, C);
    add_array(c, "dsoft", ADD, EM_SOFT, P, C);
    make_weight(c, EM_E);
    c->index = host_alloc(c, T, sizeof *c->index);
    for (size_t t = 0; t < T; t++)
        c->index[t] = (int32_t)tac_rng_below(&c->rng, (uint32_t)(V + P)) - (int32_t)P;
}

static void embed_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->embed(be, a[EM_Y], weight_of(c, a[EM_E]), a[EM_SOFT], c->index, c->is->T, c->is->C);
}

static void embed_backward(struct tac_backend *be, void **a, struct call *c)
{
    size_t T = c->is->T, C = c->is->C;
    be->ops->embed_dx(be, a[EM_DSOFT], NULL, a[EM_DY], c->index, T, C);
    be->ops->embed_dx(be, NULL, a[EM_DE], a[EM_DY], c->index, T, C);
}

enum { RO_X, RO_Y, RO_DY, RO_DX };

static void rows_build(struct call *c)
{
    size_t T = c->is->T, C = c->is->C, R = c->is->N;
    add_array(c, "x", IN, 0, R, C);
    add_array(c, "y", OUT, 0, T, C);
    add_array(c, "dy", COT, RO_Y, T, C);
    add_array(c, "dx", ADD, RO_X, R, C);
    c->index = host_alloc(c, T, sizeof *c->index);
    for (size_t t = 0; t < T; t++)
        c->index[t] = (int32_t)tac_rng_below(&c->rng, (uint32_t)R);
}

static void rows_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->rows_get(be, a[RO_Y], a[RO_X], c->index, c->is->T, c->is->C);
}

static void rows_backward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->rows_add(be, a[RO_DX], a[RO_DY], c->index, c->is->T, c->is->C);
}

static void mix_build(struct call *c)
{
    add_array(c, "x", IN, 0, 1, c->is->C);
    add_array(c, "y", OUT, 0, 1, c->is->C);
    add_array(c, "z", OUT, 0, 1, c->is->C);
    add_array(c, "w", OUT, 0, 1, c->is->C);
}

static void mix_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->mix(be, a[1], 0.75, -1.5, a[0], c->is->C);
    be->ops->zero(be, a[2], c->is->C / 2);
    be->ops->mix(be, a[3], 3, 0, NULL, c->is->C);
}

enum { SC_X, SC_S, SC_RES, SC_Y, SC_DY, SC_DX, SC_DRES, SC_DS };

/* kind: whether there is a residual */
static void scale_build(struct call *c)
{
    size_t T = c->is->T, N = c->is->N;
    add_array(c, "x", IN, 0, T, N);
    add_array(c, "s", IN, 0, 1, N);
    add_array(c, "res", IN, 0, T, N);
    add_array(c, "y", OUT, 0, T, N);
    add_array(c, "dy", COT, SC_Y, T, N);
    add_array(c, "dx", SET, SC_X, T, N);
    add_array(c, "dres", SET, SC_RES, T, N);
    add_array(c, "ds", ADD, SC_S, 1, N);
}

static void scale_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->scale(be, a[SC_Y], a[SC_X], a[SC_S], c->is->kind ? a[SC_RES] : NULL, c->is->T,
                   c->is->N);
}

static void scale_backward(struct tac_backend *be, void **a, struct call *c)
{
    size_t T = c->is->T, N = c->is->N;
    be->ops->scale(be, a[SC_DX], a[SC_DY], a[SC_S], NULL, T, N);
    be->ops->mix(be, a[SC_DRES], 0, c->is->kind ? 1 : 0, a[SC_DY], T * N);
    be->ops->scale_dw(be, a[SC_DS], a[SC_DY], a[SC_X], T, N);
}

/* ---- normalisation ---- */

enum { NO_X, NO_G, NO_B, NO_Y, NO_STAT, NO_DY, NO_RES, NO_DX, NO_DG, NO_DB };

static void norm_build(struct call *c)
{
    size_t T = c->is->T, C = c->is->C;
    add_array(c, "x", IN, 0, T, C);
    add_array(c, "g", IN, 0, 1, C);
    add_array(c, "b", IN, 0, 1, C);
    add_array(c, "y", OUT, 0, T, C);
    add_array(c, "stat", OUT, 0, T, 2);
    add_array(c, "dy", COT, NO_Y, T, C);
    add_array(c, "res", COT, NO_X, T, C);
    add_array(c, "dx", SET, NO_X, T, C);
    add_array(c, "dg", ADD, NO_G, 1, C);
    add_array(c, "db", ADD, NO_B, 1, C);
}

static void norm_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->norm(be, a[NO_Y], a[NO_STAT], a[NO_X], a[NO_G], a[NO_B], c->is->T, c->is->C, 1e-5,
                  (enum tac_norm_kind)c->is->kind);
}

static void norm_backward(struct tac_backend *be, void **a, struct call *c)
{
    enum tac_norm_kind kind = (enum tac_norm_kind)c->is->kind;
    size_t T = c->is->T, C = c->is->C;
    be->ops->norm_dx(be, a[NO_DX], a[NO_RES], a[NO_DY], a[NO_X], a[NO_STAT], a[NO_G], T, C, kind);
    be->ops->norm_dw(be, a[NO_DG], a[NO_DB], a[NO_DY], a[NO_X], a[NO_STAT], T, C, kind);
}

/* ---- matrix products ---- */

/* kind: whether the weight is stored [in, out] */
enum { MM_X, MM_W, MM_BIAS, MM_RES, MM_Y, MM_DY, MM_XRES, MM_DX, MM_DW, MM_DB };

static void matmul_build(struct call *c)
{
    size_t T = c->is->T, N = c->is->N, K = c->is->C;
    add_array(c, "x", IN, 0, T, K);
    add_array(c, "w", IN, 0, N, K);
    add_array(c, "bias", IN, 0, 1, N);
    add_array(c, "res", IN, 0, T, N);
    add_array(c, "y", OUT, 0, T, N);
    add_array(c, "dy", COT, MM_Y, T, N);
    add_array(c, "xres", COT, MM_X, T, K);
    add_array(c, "dx", SET, MM_X, T, K);
    add_array(c, "dw", ADD, MM_W, N, K);
    add_array(c, "db", ADD, MM_BIAS, 1, N);
    make_weight(c, MM_W);
    if (!c->is->kind)
        return;
    c->a[MM_W].rows = c->a[MM_DW].rows = c->w.cols = K;
    c->a[MM_W].cols = c->a[MM_DW].cols = c->w.rows = N;
    c->w.across = true;
}

static void matmul_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->matmul(be, a[MM_Y], a[MM_X], weight_of(c, a[MM_W]), a[MM_BIAS], a[MM_RES], c->is->T);
}

static void matmul_backward(struct tac_backend *be, void **a, struct call *c)
{
    size_t T = c->is->T, N = c->is->N, K = c->is->C;
    be->ops->matmul_dx(be, a[MM_DX], a[MM_DY], weight_of(c, a[MM_W]), a[MM_XRES], T);
    if (c->is->kind) {
        be->ops->matmul_dw(be, a[MM_DW], NULL, a[MM_X], a[MM_DY], T, K, N);
        be->ops->matmul_dw(be, NULL, a[MM_DB], a[MM_DY], a[MM_X], T, N, K);
    } else {
        be->ops->matmul_dw(be, a[MM_DW], a[MM_DB], a[MM_DY], a[MM_X], T, N, K);
    }
}

/* ---- heads ---- */

enum { HE_QKV, HE_Q, HE_K, HE_V, HE_DQ, HE_DK, HE_DV, HE_DQKV };

/* kind: the order */
static void heads_build(struct call *c)
{
    size_t T = c->is->T, H = c->is->H, G = c->is->G, D = c->is->D, width = (H + 2 * G) * D;
    add_array(c, "qkv", IN, 0, T, width);
    add_array(c, "q", OUT, 0, T, H * D);
    add_array(c, "k", OUT, 0, T, G * D);
    add_array(c, "v", OUT, 0, T, G * D);
    add_array(c, "dq", COT, HE_Q, T, H * D);
    add_array(c, "dk", COT, HE_K, T, G * D);
    add_array(c, "dv", COT, HE_V, T, G * D);
    add_array(c, "dqkv", SET, HE_QKV, T, width);
    c->heads = (struct tac_heads){.order = (enum tac_qkv_order)c->is->kind, .H = H, .G = G, .D = D};
}

static void heads_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->heads(be, a[HE_Q], a[HE_K], a[HE_V], a[HE_QKV], &c->heads, c->is->T);
}

static void heads_backward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->heads_dx(be, a[HE_DQKV], a[HE_DQ], a[HE_DK], a[HE_DV], &c->heads, c->is->T);
}

/* ---- rotary positions ---- */

enum { RP_X, RP_TABLE, RP_Y, RP_DY, RP_DX };
enum { POSITIONS = 50 };

/* C: dimensions that are rotated; kind: pairs (i, i + C/2). A table of any numbers will do. */
static void rope_build(struct call *c)
{
    size_t T = c->is->T, width = c->is->H * c->is->D;
    add_array(c, "x", IN, 0, T, width);
    add_array(c, "table", IN, 0, POSITIONS, c->is->C);
    add_array(c, "y", OUT, 0, T, width);
    add_array(c, "dy", COT, RP_Y, T, width);
    add_array(c, "dx", SET, RP_X, T, width);
    c->rope = (struct tac_rope){.D = c->is->D, .n = c->is->C, .half = c->is->kind};
    c->index = host_alloc(c, T, sizeof *c->index);
    for (size_t t = 0; t < T; t++)
        c->index[t] = (int32_t)(t * t * 37 % POSITIONS);
}

static void rope_forward(struct tac_backend *be, void **a, struct call *c)
{
    size_t T = c->is->T, H = c->is->H;
    c->rope.table = a[RP_TABLE];
    be->ops->mix(be, a[RP_Y], 0, 1, a[RP_X], T * H * c->is->D);
    be->ops->rope(be, a[RP_Y], &c->rope, c->index, T, H, false);
}

static void rope_backward(struct tac_backend *be, void **a, struct call *c)
{
    size_t T = c->is->T, H = c->is->H;
    c->rope.table = a[RP_TABLE];
    be->ops->mix(be, a[RP_DX], 0, 1, a[RP_DY], T * H * c->is->D);
    be->ops->rope(be, a[RP_DX], &c->rope, c->index, T, H, true);
}

/* ---- attention ---- */

enum {
    AT_Q,
    AT_K,
    AT_V,
    AT_K0,
    AT_V0,
    AT_K1,
    AT_V1,
    AT_O,
    AT_LSE,
    AT_DO,
    AT_DQ,
    AT_DK,
    AT_DV,
    AT_DK0,
    AT_DV0
};
enum { ATTN_LONG = 1, ATTN_ALIBI = 2, ATTN_QUERY = 4 }; /* bits of kind */

/* 13 rows: a trained KV node of 3 above a fork with one branch not asked for; a second root with a
 * KV node of 2, not trained, between its rows.   143 rows: a KV node of 530, then a fork. */
static const struct tac_seg SHORT_TREE[] = {
    {-1, 0, 3, 9, 0, 0, true},   {0, 0, 4, 9, 3, -1, true},   {1, 4, 3, 7, 7, -1, true},
    {1, 7, 2, 9, 7, -1, false},  {-1, 9, 1, 13, 0, -1, true}, {4, 10, 2, 13, 1, 1, false},
    {5, 10, 3, 13, 3, -1, true},
};
static const struct tac_seg LONG_TREE[] = {
    {-1, 0, 530, 143, 0, 0, true},
    {0, 0, 70, 143, 530, -1, true},
    {1, 70, 40, 110, 600, -1, false},
    {1, 110, 33, 143, 600, -1, true},
};

static void attend_index(struct call *c)
{
    struct tac_attn *a = &c->attn;
    int32_t *seg_of = host_alloc(c, a->T, sizeof *seg_of),
            *query = host_alloc(c, a->T, sizeof *query);
    bool *wanted = host_alloc(c, a->T, sizeof *wanted);
    float *slope = host_alloc(c, a->H, sizeof *slope);
    for (size_t s = 0; s < a->n_seg; s++)
        for (int32_t t = a->seg[s].row0; a->seg[s].kv < 0 && t < a->seg[s].row0 + a->seg[s].n;
             t++) {
            seg_of[t] = (int32_t)s;
            wanted[t] = a->seg[s].grad;
        }
    for (size_t h = 0; h < a->H; h++)
        slope[h] = exp2f(-8.0f * (float)(h + 1) / (float)a->H);
    a->seg_of = seg_of;
    a->slope = c->is->kind & ATTN_ALIBI ? slope : NULL;
    a->n_query = a->T;
    c->a[AT_DK].wanted = c->a[AT_DV].wanted = wanted;
    if (!(c->is->kind & ATTN_QUERY))
        return;
    a->query = query;
    a->n_query = 0;
    for (size_t t = 0; t < a->T; t++)
        if (t % 3 == 1 || t == a->T - 1)
            query[a->n_query++] = (int32_t)t;
}

static void attend_build(struct call *c)
{
    size_t T = c->is->T, H = c->is->H, G = c->is->G, D = c->is->D;
    bool tall = c->is->kind & ATTN_LONG;
    size_t n0 = tall ? 530 : 3, Q = 0;
    for (size_t t = 0; t < T; t++)
        Q += !(c->is->kind & ATTN_QUERY) || t % 3 == 1 || t == T - 1;
    add_array(c, "q", IN, 0, T, H * D);
    add_array(c, "k", IN, 0, T, G * D);
    add_array(c, "v", IN, 0, T, G * D);
    add_array(c, "kv0.k", IN, 0, n0, G * D);
    add_array(c, "kv0.v", IN, 0, n0, G * D);
    add_array(c, "kv1.k", IN, 0, 2, G * D);
    add_array(c, "kv1.v", IN, 0, 2, G * D);
    add_array(c, "o", OUT, 0, Q, H * D);
    add_array(c, "lse", OUT, 0, Q, H);
    add_array(c, "do", COT, AT_O, Q, H * D);
    add_array(c, "dq", SET, AT_Q, T, H * D);
    add_array(c, "dk", SET, AT_K, T, G * D);
    add_array(c, "dv", SET, AT_V, T, G * D);
    add_array(c, "kv0.dk", ADD, AT_K0, n0, G * D);
    add_array(c, "kv0.dv", ADD, AT_V0, n0, G * D);
    /* Where one key takes all, the truth is a difference of equal terms of about this size. */
    for (int i = AT_DQ; i <= AT_DV0; i++)
        c->a[i].floor = 0.1;
    c->attn =
        (struct tac_attn){.seg = tall ? LONG_TREE : SHORT_TREE, .n_seg = tall ? 4 : 7, .kv = c->kv};
    c->attn.T = T;
    c->attn.H = H;
    c->attn.G = G;
    c->attn.D = D;
    c->attn.scale = 1 / sqrtf((float)D);
    attend_index(c);
    assert_int_equal(c->attn.n_query, Q);
}

static void attend_forward(struct tac_backend *be, void **a, struct call *c)
{
    c->kv[0] = (struct tac_kv){a[AT_K0], a[AT_V0], a[AT_DK0], a[AT_DV0]};
    c->kv[1] = (struct tac_kv){a[AT_K1], a[AT_V1], NULL, NULL};
    be->ops->attend(be, a[AT_O], a[AT_LSE], a[AT_Q], a[AT_K], a[AT_V], &c->attn);
}

static void attend_backward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->attend_dx(be, a[AT_DQ], a[AT_DK], a[AT_DV], a[AT_DO], a[AT_O], a[AT_LSE], a[AT_Q],
                       a[AT_K], a[AT_V], &c->attn);
}

/* ---- activations ---- */

enum { AC_X, AC_Y, AC_DY, AC_DX };

static void act_build(struct call *c)
{
    size_t T = c->is->T, C = c->is->C;
    add_array(c, "x", IN, 0, T, C);
    add_array(c, "y", OUT, 0, T, C);
    add_array(c, "dy", COT, AC_Y, T, C);
    add_array(c, "dx", SET, AC_X, T, C);
}

static void act_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->act(be, a[AC_Y], a[AC_X], c->is->T * c->is->C, (enum tac_act_kind)c->is->kind);
}

static void act_backward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->act_dx(be, a[AC_DX], a[AC_DY], a[AC_X], c->is->T * c->is->C,
                    (enum tac_act_kind)c->is->kind);
}

enum { GA_X, GA_U, GA_Y, GA_DY, GA_DX, GA_DU };

static void gate_build(struct call *c)
{
    size_t T = c->is->T, C = c->is->C;
    add_array(c, "x", IN, 0, T, C);
    add_array(c, "u", IN, 0, T, C);
    add_array(c, "y", OUT, 0, T, C);
    add_array(c, "dy", COT, GA_Y, T, C);
    add_array(c, "dx", SET, GA_X, T, C);
    add_array(c, "du", SET, GA_U, T, C);
}

static void gate_forward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->gate(be, a[GA_Y], a[GA_X], a[GA_U], c->is->T * c->is->C,
                  (enum tac_act_kind)c->is->kind);
}

static void gate_backward(struct tac_backend *be, void **a, struct call *c)
{
    be->ops->gate_dx(be, a[GA_DX], a[GA_DU], a[GA_DY], a[GA_X], a[GA_U], c->is->T * c->is->C,
                     (enum tac_act_kind)c->is->kind);
}

/* ---- vocabulary ---- */

enum { VO_X, VO_E, VO_LOGP, VO_LSE, VO_BEST, VO_LOGITS, VO_DLOGP, VO_DX, VO_DE };

/* Rows 0, 1, 2, 0, 1, 2... of the R have that many targets; all weights differ. Token 5 repeats
 * token 3, and the last rows want the first and the last token. */
static void vocab_build(struct call *c)
{
    size_t R = c->is->T, V = c->is->N, C = c->is->C, n = 0;
    c->target = host_alloc(c, 2 * R, sizeof *c->target);
    for (size_t r = 0; r < R; r++)
        for (size_t i = 0; i < r % 3; i++, n++)
            c->target[n] = (struct tac_target){
                (int32_t)r, (int32_t)tac_rng_below(&c->rng, (uint32_t)V), 0.25f + (float)n / 8};
    c->lse = host_alloc(c, R, sizeof *c->lse);
    c->target[n - 1].token = (int32_t)V - 1;
    c->target[0].token = 0;
    c->n_target = n;
    add_array(c, "x", IN, 0, R, C);
    add_array(c, "E", IN, 0, V, C);
    add_array(c, "logp", OUT, 0, n, 1);
    add_array(c, "lse", OUT, 0, R, 1);
    add_array(c, "best", OUT, 0, R, 1);
    add_array(c, "logits", OUT, 0, R, V);
    add_array(c, "dlogp", COT, VO_LOGP, n, 1);
    add_array(c, "dx", SET, VO_X, R, C);
    add_array(c, "dE", ADD, VO_E, V, C);
    memcpy(c->a[VO_E].x + 5 * C, c->a[VO_E].x + 3 * C, C * sizeof(double));
    make_weight(c, VO_E);
    for (size_t i = 0; i < n; i++)
        c->a[VO_DLOGP].x[i] = -(double)c->target[i].weight;
}

static void vocab_forward(struct tac_backend *be, void **a, struct call *c)
{
    size_t R = c->is->T;
    int32_t best[600];
    float as_float[600];
    assert_true(R <= 600);
    be->ops->vocab(be, a[VO_LOGP], best, NULL, c->lse, a[VO_LOGITS], a[VO_X], weight_of(c, a[VO_E]),
                   c->target, c->n_target, R);
    be->ops->sync(be);
    be->ops->upload_f64(be, a[VO_LSE], c->lse, R);
    for (size_t r = 0; r < R; r++)
        as_float[r] = (float)best[r];
    be->ops->upload(be, a[VO_BEST], as_float, R);
}

static void vocab_backward(struct tac_backend *be, void **a, struct call *c)
{
    const struct tac_weight *E = weight_of(c, a[VO_E]);
    be->ops->vocab(be, a[VO_LOGP], NULL, a[VO_DX], NULL, NULL, a[VO_X], E, c->target, c->n_target,
                   c->is->T);
    be->ops->vocab_dw(be, a[VO_DE], a[VO_X], c->lse, E, c->target, c->n_target, c->is->T);
}

/* ---- the table ---- */

#define EMBED     .build = embed_build, .forward = embed_forward, .backward = embed_backward
#define ROWS      .build = rows_build, .forward = rows_forward, .backward = rows_backward
#define NORM      .build = norm_build, .forward = norm_forward, .backward = norm_backward
#define SCALE     .build = scale_build, .forward = scale_forward, .backward = scale_backward
#define MATMUL    .build = matmul_build, .forward = matmul_forward, .backward = matmul_backward
#define HEADS     .build = heads_build, .forward = heads_forward, .backward = heads_backward
#define ATTEND    .build = attend_build, .forward = attend_forward, .backward = attend_backward
#define ACT       .build = act_build, .forward = act_forward, .backward = act_backward
#define ROPE      .build = rope_build, .forward = rope_forward, .backward = rope_backward
#define GATE      .build = gate_build, .forward = gate_forward, .backward = gate_backward
#define VOCAB     .build = vocab_build, .forward = vocab_forward, .backward = vocab_backward
#define FD        .fd = true, .wtype = TAC_W_REAL
#define TOL(y, g) .tol = y, .gtol = g

/* Tolerances are a few times the rounding of float (6e-8) times the depth of a sum; exact ops have
 * 0. */
static const struct op_case OP_CASES[] = {
    {"embed real", EMBED, FD, .T = 19, .N = 11, .C = 7, TOL(0, 5e-7)},
    {"embed f32", EMBED, .T = 40, .N = 31, .C = 50, .wtype = TAC_W_F32, TOL(0, 5e-7)},
    {"embed f16", EMBED, .T = 40, .N = 31, .C = 350, .wtype = TAC_W_F16, TOL(0, 5e-7)},
    {"embed bf16", EMBED, .T = 40, .N = 31, .C = 33, .wtype = TAC_W_BF16, TOL(0, 5e-7)},
    {"rows", ROWS, FD, .T = 9, .N = 5, .C = 7, TOL(0, 5e-7)},
    {"rows wide", ROWS, .T = 60, .N = 20, .C = 333, .fill = LOUD, TOL(0, 5e-7)},
    {"mix zero", .build = mix_build, .forward = mix_forward, .C = 30001, TOL(2e-7, 0)},
    {"scale", SCALE, FD, .T = 5, .N = 7, .kind = 1, TOL(2e-7, 5e-7)},
    {"scale alone", SCALE, .T = 33, .N = 211, .fill = LOUD, TOL(2e-7, 2e-6)},
    {"layernorm", NORM, FD, .T = 4, .C = 9, .kind = TAC_LAYERNORM, TOL(2e-6, 2e-6)},
    {"rmsnorm", NORM, FD, .T = 4, .C = 9, .kind = TAC_RMSNORM, TOL(2e-6, 2e-6)},
    {"layernorm loud", NORM, .T = 13, .C = 187, .kind = TAC_LAYERNORM, .fill = LOUD,
     TOL(2e-6, 5e-6)},
    {"rmsnorm loud", NORM, .T = 13, .C = 187, .kind = TAC_RMSNORM, .fill = LOUD, TOL(2e-6, 5e-6)},
    {"layernorm wide", NORM, .T = 37, .C = 1024, .kind = TAC_LAYERNORM, TOL(2e-6, 5e-6)},
    {"matmul", MATMUL, FD, .T = 5, .N = 7, .C = 6, TOL(1e-6, 1e-6)},
    {"matmul real", MATMUL, .T = 33, .N = 65, .C = 530, .wtype = TAC_W_REAL, TOL(2e-6, 2e-6)},
    {"matmul f32", MATMUL, .T = 33, .N = 65, .C = 530, .fill = LOUD, .wtype = TAC_W_F32,
     TOL(4e-6, 4e-6)},
    {"matmul f16", MATMUL, .T = 14, .N = 131, .C = 257, .wtype = TAC_W_F16, TOL(2e-6, 2e-6)},
    {"matmul bf16", MATMUL, .T = 1, .N = 300, .C = 256, .wtype = TAC_W_BF16, TOL(2e-6, 2e-6)},
    {"matmul narrow", MATMUL, .T = 7, .N = 1, .C = 3, .wtype = TAC_W_F32, TOL(1e-6, 1e-6)},
    {"matmul across", MATMUL, FD, .T = 5, .N = 7, .C = 6, .kind = 1, TOL(1e-6, 1e-6)},
    {"matmul across real", MATMUL, .T = 33, .N = 65, .C = 530, .kind = 1, .wtype = TAC_W_REAL,
     TOL(2e-6, 2e-6)},
    {"matmul across f16", MATMUL, .T = 2, .N = 131, .C = 257, .kind = 1, .wtype = TAC_W_F16,
     TOL(2e-6, 2e-6)},
    {"heads interleaved", HEADS, FD, .T = 5, .H = 3, .G = 3, .D = 5, .kind = TAC_QKV_INTERLEAVED,
     TOL(0, 0)},
    {"heads stacked grouped", HEADS, FD, .T = 5, .H = 6, .G = 2, .D = 8, .kind = TAC_QKV_STACKED,
     TOL(0, 0)},
    {"heads stacked", HEADS, .T = 70, .H = 2, .G = 2, .D = 64, .kind = TAC_QKV_STACKED, TOL(0, 0)},
    {"rope", ROPE, FD, .T = 5, .H = 3, .D = 8, .C = 8, TOL(5e-7, 5e-7)},
    {"rope half", ROPE, FD, .T = 5, .H = 3, .D = 7, .C = 4, .kind = 1, TOL(5e-7, 5e-7)},
    {"rope half wide", ROPE, .T = 70, .H = 4, .D = 64, .C = 64, .kind = 1, TOL(5e-7, 5e-7)},
    {"attend", ATTEND, FD, .T = 13, .H = 2, .G = 2, .D = 5, TOL(2e-6, 4e-6)},
    {"attend grouped alibi", ATTEND, FD, .T = 13, .H = 6, .G = 2, .D = 3, .kind = ATTN_ALIBI,
     TOL(2e-6, 4e-6)},
    {"attend queries", ATTEND, FD, .T = 13, .H = 2, .G = 1, .D = 5, .kind = ATTN_ALIBI | ATTN_QUERY,
     TOL(2e-6, 4e-6)},
    {"attend long", ATTEND, .T = 143, .H = 2, .G = 2, .D = 64, .kind = ATTN_LONG | ATTN_ALIBI,
     TOL(2e-6, 1e-5)},
    {"attend long queries", ATTEND, .T = 143, .H = 3, .G = 1, .D = 40,
     .kind = ATTN_LONG | ATTN_QUERY, TOL(2e-6, 1e-5)},
    {"attend large scores", ATTEND, .T = 143, .H = 2, .G = 2, .D = 17, .large = 12,
     .kind = ATTN_LONG | ATTN_ALIBI, TOL(3e-4, 3e-3)},
    {"attend loud", ATTEND, .T = 13, .H = 4, .G = 2, .D = 16, .fill = LOUD, TOL(3e-4, 3e-3)},
    {"gelu erf", ACT, FD, .T = 3, .C = 21, .kind = TAC_GELU, TOL(1e-6, 1e-6)},
    {"gelu erf loud", ACT, .T = 33, .C = 451, .kind = TAC_GELU, .fill = LOUD, TOL(1e-6, 1e-6)},
    {"gate gelu erf", GATE, FD, .T = 3, .C = 21, .kind = TAC_GELU, TOL(1e-6, 1e-6)},
    {"gate silu loud", GATE, .T = 33, .C = 451, .kind = TAC_SILU, .fill = LOUD, TOL(1e-6, 1e-6)},
    {"gelu", ACT, FD, .T = 3, .C = 21, .kind = TAC_GELU_TANH, TOL(1e-6, 1e-6)},
    {"silu", ACT, FD, .T = 3, .C = 21, .kind = TAC_SILU, TOL(1e-6, 1e-6)},
    {"relu", ACT, FD, .T = 3, .C = 21, .kind = TAC_RELU, TOL(0, 0)},
    {"tanh", ACT, FD, .T = 3, .C = 21, .kind = TAC_TANH, TOL(3e-7, 1e-6)},
    {"tanh loud", ACT, .T = 33, .C = 451, .kind = TAC_TANH, .fill = LOUD, TOL(3e-7, 1e-6)},
    {"gelu loud", ACT, .T = 33, .C = 451, .kind = TAC_GELU_TANH, .fill = LOUD, TOL(1e-6, 1e-6)},
    {"silu loud", ACT, .T = 33, .C = 451, .kind = TAC_SILU, .fill = LOUD, TOL(1e-6, 1e-6)},
    {"vocab", VOCAB, FD, .T = 6, .N = 29, .C = 7, TOL(2e-6, 4e-6)},
    {"vocab f16", VOCAB, .T = 8, .N = 1093, .C = 70, .wtype = TAC_W_F16, TOL(2e-6, 1e-5)},
    {"vocab bf16", VOCAB, .T = 15, .N = 203, .C = 33, .fill = LOUD, .wtype = TAC_W_BF16,
     TOL(3e-5, 3e-4)},
    {"vocab f32 large", VOCAB, .T = 17, .N = 67, .C = 300, .large = 3, .wtype = TAC_W_F32,
     TOL(1e-5, 1e-4)},
    /* What is rounded is exp(logit - the maximum so far): each element may move by 2^-9. */
    {"vocab of three blocks", VOCAB, .T = 7, .N = 9001, .C = 33, .wtype = TAC_W_F32,
     TOL(2e-6, 1e-5), .gtol_bf16 = 0x1p-9},
    {"vocab of three groups", VOCAB, .T = 530, .N = 37, .C = 9, .wtype = TAC_W_F32,
     TOL(2e-6, 1e-5)},
};
enum { N_OP_CASES = sizeof OP_CASES / sizeof OP_CASES[0] };

#undef EMBED
#undef ROWS
#undef NORM
#undef SCALE
#undef MATMUL
#undef HEADS
#undef ATTEND
#undef ACT
#undef ROPE
#undef GATE
#undef VOCAB
#undef FD
#undef TOL

#endif
