/* The model's matrix products, ours and OpenBLAS' in turn. */
#include "api/bench.h"

#include "base/rng.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

/* OpenBLAS, opened at run time: a yardstick, never a dependency. */
struct tac_bench_peer {
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*set_threads)(int n);
    char *(*core)(void), *(*config)(void);
};

/* y (M,N) = x (M,K) w^T, or back: dx (M,N) = dy (M,K) w. full: the weight as float32. */
struct tac_bench_weight {
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
} MATRICES[] = {{"qkv", TAC_P_QKV}, {"mlp up", TAC_P_UP}, {"mlp down", TAC_P_DOWN}};
enum { N_MATRIX = sizeof MATRICES / sizeof *MATRICES, N_WEIGHT = 2 * N_MATRIX };

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

static enum tacit_status open_weights(struct tac_bench_products *p, struct tacit_err *err)
{
    const struct tacit_model *m = p->b->m;
    p->weight = tac_arena_alloc(&p->memory, N_WEIGHT, sizeof *p->weight, err);
    for (size_t i = 0; p->weight && i < N_MATRIX; i++) {
        size_t slot = tac_model_slot(0, MATRICES[i].slot);
        const struct tac_param *w = &m->weights->param[slot];
        float *full = tac_arena_alloc(&p->memory, w->rows * w->cols, sizeof *full, err);
        if (!full)
            return TACIT_EFAIL;
        tac_tensor_read_f32(full, m->model->tensor[slot], 0, w->rows * w->cols);
        for (size_t back = 0; back < 2; back++)
            p->weight[2 * i + back] = (struct tac_bench_weight){w, back, full};
    }
    return p->weight ? TACIT_OK : TACIT_EFAIL;
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
    snprintf(to->name, sizeof to->name, "%s%s", MATRICES[i / 2].name, w->back ? ", gradient" : "");
    return t->time && t->ratio ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status open_arrays(struct tac_bench_products *p, struct tacit_err *err)
{
    const struct tacit_bench_options *o = p->b->o;
    size_t M = 0, widest = 0;
    for (size_t i = 0; i < o->n_rows; i++)
        M = o->rows[i] > M ? o->rows[i] : M;
    for (size_t i = 0; i < N_WEIGHT; i++) {
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
    size_t n = o->n_rows * N_WEIGHT;
    p->b = b;
    struct tacit_bench_product *to = tac_arena_alloc(&b->memory, n, sizeof *to, err);
    p->timing = tac_arena_alloc(&p->memory, n, sizeof *p->timing, err);
    b->out.product = to;
    enum tacit_status s = to && p->timing ? open_peer(p, err) : TACIT_EFAIL;
    if (!s)
        s = open_weights(p, err);
    if (!s)
        s = open_arrays(p, err);
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
