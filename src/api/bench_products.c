/* The model's matrix products, ours and OpenBLAS' in turn. */
#include "api/bench.h"

#include "base/rng.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

/* OpenBLAS, opened at run time: a yardstick, never a dependency. */
struct tac_bench_peer {
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*set_threads)(int n);
    char *(*core)(void), *(*config)(void);
};

/* y (M,N) = x (M,K) w^T, or back: dx (M,N) = dy (M,K) w. full: the weight as float32, [out, in]. */
struct tac_bench_weight {
    const char *name;
    const struct tac_param *w;
    bool back;
    const float *full;
};

struct tac_bench_timing {
    const struct tac_bench_weight *w;
    struct tacit_bench_product *to;
    double *time, *ratio; /* by round */
};

static const struct {
    const char *name;
    enum tac_layer_slot slot;
} MATRICES[] = {{"qkv", TAC_P_QKV},
                {"q", TAC_P_Q},
                {"k", TAC_P_K},
                {"mlp up", TAC_P_UP},
                {"mlp down", TAC_P_DOWN}};
enum { N_MATRIX = sizeof MATRICES / sizeof *MATRICES };

/* Lets the other library's waiting threads go to sleep. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
}

static enum tacit_status open_peer(struct tac_bench_products *p, struct tacit_err *err)
{
    struct tac_bench *b = p->b;
    struct tac_bench_peer *peer = tac_arena_alloc(&p->memory, 1, sizeof *peer, err);
    void *library = peer ? dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library)
        return peer ? TACIT_OK : TACIT_EFAIL;
    *(void **)&peer->sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&peer->set_threads = dlsym(library, "openblas_set_num_threads");
    *(void **)&peer->core = dlsym(library, "openblas_get_corename");
    *(void **)&peer->config = dlsym(library, "openblas_get_config");
    if (!peer->sgemm || !peer->set_threads || !peer->core || !peer->config)
        return TACIT_OK;
    p->peer = peer;
    peer->set_threads(b->m->be->threads);
    snprintf(b->peer, sizeof b->peer, "%s (%s)", peer->config(), peer->core());
    b->out.peer = b->peer;
    return TACIT_OK;
}

static enum tacit_status read_full(float *full, const struct tac_param *w,
                                   const struct tac_tensor *t, struct tacit_err *err)
{
    size_t n = w->rows * w->cols;
    if (!w->w.across) {
        tac_tensor_read_f32(full, t, 0, n);
        return TACIT_OK;
    }
    float *stored = tac_alloc(n, sizeof *stored, err);
    if (!stored)
        return TACIT_EFAIL;
    tac_tensor_read_f32(stored, t, 0, n);
    for (size_t i = 0; i < n; i++)
        full[i] = stored[i % w->cols * w->rows + i / w->cols];
    free(stored);
    return TACIT_OK;
}

static enum tacit_status open_weights(struct tac_bench_products *p, struct tacit_err *err)
{
    const struct tacit_model *m = p->b->m;
    enum tacit_status s = TACIT_OK;
    p->weight = tac_arena_alloc(&p->memory, 2 * N_MATRIX, sizeof *p->weight, err);
    for (size_t i = 0; !s && p->weight && i < N_MATRIX; i++) {
        size_t slot = tac_model_slot(0, MATRICES[i].slot);
        const struct tac_param *w = &m->weights->param[slot];
        if (!w->cols)
            continue;
        float *full = tac_arena_alloc(&p->memory, w->rows * w->cols, sizeof *full, err);
        if (!full)
            return TACIT_EFAIL;
        s = read_full(full, w, m->model->tensor[slot], err);
        for (int back = 0; back < 2; back++)
            p->weight[p->n_weight++] = (struct tac_bench_weight){MATRICES[i].name, w, back, full};
    }
    return p->weight ? s : TACIT_EFAIL;
}

static enum tacit_status open_timing(struct tac_bench_products *p, size_t i, size_t M,
                                     struct tacit_bench_product *to, struct tacit_err *err)
{
    const struct tac_bench_weight *w = &p->weight[i];
    struct tac_bench_timing *t = &p->timing[p->b->out.n_product++];
    size_t rounds = p->b->o->rounds;
    *t = (struct tac_bench_timing){.w = w, .to = to};
    t->time = tac_arena_alloc(&p->memory, rounds, sizeof *t->time, err);
    t->ratio = tac_arena_alloc(&p->memory, rounds, sizeof *t->ratio, err);
    *to = (struct tacit_bench_product){.M = M, .ratio = NAN, .low = NAN, .high = NAN};
    to->N = w->back ? w->w->cols : w->w->rows;
    to->K = w->back ? w->w->rows : w->w->cols;
    to->flops = 2.0 * (double)M * (double)to->N * (double)to->K;
    snprintf(to->name, sizeof to->name, "%s%s", w->name, w->back ? ", gradient" : "");
    return t->time && t->ratio ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status open_arrays(struct tac_bench_products *p, struct tacit_err *err)
{
    const struct tacit_bench_options *o = p->b->o;
    size_t M = 0, widest = 0;
    for (size_t i = 0; i < o->n_rows; i++)
        M = o->rows[i] > M ? o->rows[i] : M;
    for (size_t i = 0; i < p->n_weight; i++) {
        const struct tac_param *w = p->weight[i].w;
        size_t most = w->rows > w->cols ? w->rows : w->cols;
        widest = most > widest ? most : widest;
    }
    p->x = tac_arena_alloc(&p->memory, M * widest, sizeof *p->x, err);
    p->y = tac_arena_alloc(&p->memory, M * widest, sizeof *p->y, err);
    struct tac_rng rng = tac_rng_init(1, 0);
    for (size_t i = 0; p->x && i < M * widest; i++)
        p->x[i] = (float)tac_rng_uniform(&rng) - 0.5f;
    return p->x && p->y ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tac_bench_products_open(struct tac_bench_products *p, struct tac_bench *b,
                                          struct tacit_err *err)
{
    const struct tacit_bench_options *o = b->o;
    p->b = b;
    enum tacit_status s = open_peer(p, err);
    if (!s)
        s = open_weights(p, err);
    size_t n = o->n_rows * p->n_weight;
    struct tacit_bench_product *to = s ? NULL : tac_arena_alloc(&b->memory, n, sizeof *to, err);
    p->timing = to ? tac_arena_alloc(&p->memory, n, sizeof *p->timing, err) : NULL;
    b->out.product = to;
    if (!s)
        s = p->timing ? open_arrays(p, err) : TACIT_EFAIL;
    for (size_t i = 0; !s && i < n; i++)
        s = open_timing(p, i / o->n_rows, o->rows[i % o->n_rows], &to[i], err);
    return s;
}

void tac_bench_products_close(struct tac_bench_products *p)
{
    tac_arena_release(&p->memory);
}

/* ---- a round ---- */

static void run_own(const struct tac_bench_products *p, const struct tac_bench_timing *t)
{
    struct tac_backend *be = p->b->m->be;
    if (t->w->back)
        be->ops->matmul_dx(be, p->y, p->x, &t->w->w->w, NULL, t->to->M);
    else
        be->ops->matmul(be, p->y, p->x, &t->w->w->w, NULL, NULL, t->to->M);
    be->ops->sync(be);
}

static void run_peer(const struct tac_bench_products *p, const struct tac_bench_timing *t)
{
    int N = (int)t->to->N, K = (int)t->to->K;
    p->peer->sgemm(ROW_MAJOR, NO_TRANS, t->w->back ? NO_TRANS : TRANS, (int)t->to->M, N, K, 1, p->x,
                   K, t->w->full, t->w->back ? N : K, 0, p->y, N);
}

/* Seconds of one call: the mean over as many as fill a twentieth of a second, after one that does
 * not count. */
static double time_calls(const struct tac_bench_products *p, const struct tac_bench_timing *t,
                         void (*call)(const struct tac_bench_products *p,
                                      const struct tac_bench_timing *t))
{
    double spent = 0;
    int n = 0;
    settle();
    call(p, t);
    double start = tac_trace_now();
    for (; n == 0 || spent < 0.05; n++, spent = tac_trace_now() - start)
        call(p, t);
    double seconds = spent / n;
    p->b->out.peak = fmax(p->b->out.peak, t->to->flops / seconds);
    return seconds;
}

void tac_bench_products_round(struct tac_bench_products *p, size_t round)
{
    for (size_t i = 0; i < p->b->out.n_product; i++) {
        struct tac_bench_timing *t = &p->timing[i];
        t->time[round] = time_calls(p, t, run_own);
        if (p->peer)
            t->ratio[round] = time_calls(p, t, run_peer) / t->time[round];
    }
    settle();
}

void tac_bench_products_finish(struct tac_bench_products *p)
{
    size_t rounds = p->b->o->rounds;
    for (size_t i = 0; i < p->b->out.n_product; i++) {
        struct tac_bench_timing *t = &p->timing[i];
        t->to->seconds = tac_bench_median(t->time, rounds);
        t->to->share = t->to->flops / t->to->seconds / p->b->out.peak;
        if (!p->peer)
            continue;
        t->to->ratio = tac_bench_median(t->ratio, rounds);
        t->to->low = t->ratio[0];
        t->to->high = t->ratio[rounds - 1];
    }
}
