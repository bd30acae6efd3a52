/* Benchmarks: the model's matrix products beside OpenBLAS, and whole passes through the model. */
#include "api/handles.h"

#include "base/rng.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROWS = 16, MAX_ROUNDS = 1000, ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

/* OpenBLAS, opened at run time: a yardstick, never a dependency. */
struct peer {
    void *library;
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*set_threads)(int n);
    char *(*core)(void), *(*config)(void);
};

struct tacit_bench {
    struct tacit_bench_row row[MAX_ROWS];
    double *time[MAX_ROWS], *ratio[MAX_ROWS]; /* by round */
    size_t n;
    char peer[256];
};

/* A product of the decoder: y (M,N) = x (M,K) w^T, or back: dx (M,N) = dy (M,K) w. */
struct product {
    const struct tac_param *w;
    bool back;
    float *x, *y, *full; /* full: the weight as float32 for the peer */
};

struct tacit_bench_options tacit_bench_options_default(void)
{
    return (struct tacit_bench_options){
        .rows = 550, .rounds = 7, .texts = 8, .length = 64, .prompt = 20};
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Lets the other library's waiting threads go to sleep. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static void peer_open(struct peer *p, char shown[256])
{
    *p = (struct peer){.library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL)};
    if (!p->library)
        return;
    *(void **)&p->sgemm = dlsym(p->library, "cblas_sgemm");
    *(void **)&p->set_threads = dlsym(p->library, "openblas_set_num_threads");
    *(void **)&p->core = dlsym(p->library, "openblas_get_corename");
    *(void **)&p->config = dlsym(p->library, "openblas_get_config");
    if (p->sgemm && p->set_threads && p->core && p->config)
        snprintf(shown, 256, "%s (%s)", p->config(), p->core());
    else
        p->sgemm = NULL;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static struct tacit_bench_row *add_row(struct tacit_bench *b, const char *name, size_t rounds,
                                       struct tacit_err *err)
{
    struct tacit_bench_row *r = &b->row[b->n];
    TAC_CHECK(b->n < MAX_ROWS);
    b->time[b->n] = tac_alloc(rounds, sizeof **b->time, err);
    b->ratio[b->n] = tac_alloc(rounds, sizeof **b->ratio, err);
    snprintf(r->name, sizeof r->name, "%s", name);
    return b->time[b->n] && b->ratio[b->n++] ? r : NULL;
}

static void finish_row(struct tacit_bench *b, size_t i, size_t rounds, bool peer)
{
    struct tacit_bench_row *r = &b->row[i];
    r->seconds = median(b->time[i], rounds);
    r->ratio = peer ? median(b->ratio[i], rounds) : (double)NAN;
    r->low = peer ? b->ratio[i][0] : (double)NAN;
    r->high = peer ? b->ratio[i][rounds - 1] : (double)NAN;
}

/* ---- products ---- */

static void run_own(struct tac_backend *be, const struct product *p, size_t M)
{
    if (p->back)
        be->ops->matmul_dx(be, p->y, p->x, &p->w->w, NULL, M);
    else
        be->ops->matmul(be, p->y, p->x, &p->w->w, NULL, NULL, M);
    be->ops->sync(be);
}

static void run_peer(const struct peer *peer, const struct product *p, size_t M)
{
    int rows = (int)p->w->rows, cols = (int)p->w->cols, m = (int)M;
    if (p->back)
        peer->sgemm(ROW_MAJOR, NO_TRANS, NO_TRANS, m, cols, rows, 1, p->x, rows, p->full, cols, 0,
                    p->y, cols);
    else
        peer->sgemm(ROW_MAJOR, NO_TRANS, TRANS, m, rows, cols, 1, p->x, cols, p->full, cols, 0,
                    p->y, rows);
}

/* Seconds of one call: the mean over as many as fill a tenth of a second, after one that does not
 * count. */
static double time_product(struct tac_backend *be, const struct peer *peer, const struct product *p,
                           size_t M)
{
    settle();
    for (int warm = 0; warm < 2; warm++) {
        double start = now(), spent = 0;
        int n = 0;
        for (; n == 0 || (warm && spent < 0.1); n++, spent = now() - start) {
            if (peer)
                run_peer(peer, p, M);
            else
                run_own(be, p, M);
        }
        if (warm)
            return spent / n;
    }
    return 0;
}

static enum tacit_status product_open(struct product *p, const struct tacit_model *m, size_t slot,
                                      bool back, size_t M, struct tacit_err *err)
{
    const struct tac_param *w = &m->weights->param[slot];
    size_t widest = w->rows > w->cols ? w->rows : w->cols;
    *p = (struct product){.w = w, .back = back};
    p->x = tac_alloc(M * widest, sizeof *p->x, err);
    p->y = tac_alloc(M * widest, sizeof *p->y, err);
    p->full = tac_alloc(w->rows * w->cols, sizeof *p->full, err);
    if (!p->x || !p->y || !p->full)
        return TACIT_EFAIL;
    struct tac_rng rng = tac_rng_init(1, 0);
    for (size_t i = 0; i < M * widest; i++)
        p->x[i] = (float)tac_rng_uniform(&rng) - 0.5f;
    tac_tensor_read_f32(p->full, m->model->tensor[slot], 0, w->rows * w->cols);
    return TACIT_OK;
}

static void product_release(struct product *p)
{
    free(p->x);
    free(p->y);
    free(p->full);
}

static enum tacit_status bench_products(struct tacit_bench *b, struct tacit_model *m,
                                        const struct peer *peer,
                                        const struct tacit_bench_options *o, struct tacit_err *err)
{
    static const struct {
        const char *name;
        enum tac_layer_slot slot;
    } products[] = {{"qkv", TAC_P_QKV}, {"mlp up", TAC_P_UP}, {"mlp down", TAC_P_DOWN}};
    enum { N = 2 * sizeof products / sizeof *products };
    struct product p[N] = {{0}};
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < N; i++) {
        char name[48];
        s = product_open(&p[i], m, tac_model_slot(0, products[i / 2].slot), i % 2, o->rows, err);
        snprintf(name, sizeof name, "%s%s", products[i / 2].name, i % 2 ? ", gradient" : "");
        struct tacit_bench_row *r = s ? NULL : add_row(b, name, o->rounds, err);
        if (!r) {
            s = TACIT_EFAIL;
            break;
        }
        r->M = o->rows;
        r->N = i % 2 ? p[i].w->cols : p[i].w->rows;
        r->K = i % 2 ? p[i].w->rows : p[i].w->cols;
        r->flops = 2.0 * (double)r->M * (double)r->N * (double)r->K;
    }
    for (size_t round = 0; !s && round < o->rounds; round++)
        for (size_t i = 0; i < N; i++) {
            b->time[i][round] = time_product(m->be, NULL, &p[i], o->rows);
            if (peer->sgemm)
                b->ratio[i][round] = time_product(m->be, peer, &p[i], o->rows) / b->time[i][round];
        }
    for (size_t i = 0; i < N; i++) {
        if (!s)
            finish_row(b, i, o->rounds, peer->sgemm);
        product_release(&p[i]);
    }
    return s;
}

/* ---- passes ---- */

/* Random texts behind a prompt, the last token of each to be predicted. */
struct texts {
    struct tac_arena a;
    struct tac_seq *seq;
    struct tac_tune *tune;
    struct tac_prefix prefix;
};

static enum tacit_status texts_open(struct texts *t, struct tacit_model *m,
                                    const struct tacit_bench_options *o, struct tacit_err *err)
{
    *t = (struct texts){0};
    enum tacit_status s =
        tac_tune_open(&t->tune, &tac_method_prompt, m->weights, o->prompt, true, NULL, err);
    if (!s)
        s = tac_prefix_soft(&t->prefix, o->prompt, err);
    t->seq = s ? NULL : tac_arena_alloc(&t->a, o->texts, sizeof *t->seq, err);
    if (!t->seq)
        return s ? s : TACIT_EFAIL;
    struct tac_rng rng = tac_rng_init(2, 0);
    for (size_t i = 0; !s && i < o->texts; i++) {
        int32_t *ids = tac_arena_alloc(&t->a, o->length, sizeof *ids, err);
        for (size_t k = 0; ids && k < o->length; k++)
            ids[k] = (int32_t)tac_rng_below(&rng, (uint32_t)m->model->c.V);
        struct tac_query q = {ids, o->length - 1, ids + o->length - 1, 1, NULL, 0, 0};
        s = ids ? tac_query_sequence(&t->seq[i], &t->a, &t->prefix, &q, 1, (uint32_t)i, err)
                : TACIT_EFAIL;
    }
    return s;
}

static void texts_release(struct texts *t)
{
    tac_prefix_release(&t->prefix);
    tac_tune_close(t->tune);
    tac_arena_release(&t->a);
}

static enum tacit_status bench_pass(struct tacit_bench *b, struct tacit_model *m,
                                    const struct texts *t, bool train,
                                    const struct tacit_bench_options *o, struct tacit_err *err)
{
    struct tacit_bench_row *r =
        add_row(b, train ? "training step (prompt)" : "evaluation pass", o->rounds, err);
    struct tac_job job = {
        .seq = t->seq, .n = o->texts, .n_item = (uint32_t)o->texts, .ports = &t->tune->ports};
    enum tacit_status s = r ? TACIT_OK : TACIT_EFAIL;
    job.grad = train ? TAC_GRAD_SOFT : TAC_GRAD_NONE;
    settle();
    for (size_t round = 0; !s && round <= o->rounds; round++) {
        double start = now(), flops = m->session->flops;
        size_t rows = m->session->rows, tokens = m->session->tokens;
        s = tac_session_run(m->session, &job, err);
        if (round)
            b->time[b->n - 1][round - 1] = now() - start;
        r->flops = m->session->flops - flops;
        r->rows = m->session->rows - rows;
        r->tokens = m->session->tokens - tokens;
    }
    if (!s)
        finish_row(b, b->n - 1, o->rounds, false);
    return s;
}

static enum tacit_status bench_passes(struct tacit_bench *b, struct tacit_model *m,
                                      const struct tacit_bench_options *o, struct tacit_err *err)
{
    struct texts t;
    enum tacit_status s = texts_open(&t, m, o, err);
    for (int train = 0; !s && train < 2; train++)
        s = bench_pass(b, m, &t, train, o, err);
    texts_release(&t);
    return s;
}

static enum tacit_status check(const struct tacit_model *m, const struct tacit_bench_options *o,
                               struct tacit_err *err)
{
    if (!m->be->kern)
        return tac_fail(err, TACIT_EINPUT, "backend '%s': only cpu can be measured", m->be->name);
    if (!o->rows || o->rows > 1 << 20 || !o->rounds || o->rounds > MAX_ROUNDS || !o->texts ||
        !o->prompt || o->length < 2 || o->texts > 1 << 16 || o->length + o->prompt > TAC_MAX_PATH)
        return tac_fail(
            err, TACIT_EINPUT,
            "rows, rounds (at most %d), texts and prompt must be above 0, length above 1, length and prompt "
            "together at most %d",
            MAX_ROUNDS, TAC_MAX_PATH);
    return TACIT_OK;
}

enum tacit_status tacit_bench(struct tacit_bench **out, struct tacit_model *m,
                              const struct tacit_bench_options *o, struct tacit_err *err)
{
    *out = NULL;
    enum tacit_status s = check(m, o, err);
    struct tacit_bench *b = s ? NULL : tac_alloc(1, sizeof *b, err);
    if (!b)
        return s ? s : TACIT_EFAIL;
    struct peer peer;
    peer_open(&peer, b->peer);
    if (peer.sgemm)
        peer.set_threads(m->be->threads);
    s = bench_products(b, m, &peer, o, err);
    if (!s)
        s = bench_passes(b, m, o, err);
    /* the library stays open: its threads may still be there */
    if (s)
        tacit_bench_free(b);
    else
        *out = b;
    return s;
}

void tacit_bench_free(struct tacit_bench *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < MAX_ROWS; i++) {
        free(b->time[i]);
        free(b->ratio[i]);
    }
    free(b);
}

size_t tacit_bench_count(const struct tacit_bench *b)
{
    return b->n;
}

const struct tacit_bench_row *tacit_bench_get(const struct tacit_bench *b, size_t i)
{
    return &b->row[i];
}

const char *tacit_bench_peer(const struct tacit_bench *b)
{
    return *b->peer ? b->peer : NULL;
}
