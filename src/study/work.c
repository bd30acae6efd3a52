#include "study/work.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    enum tacit_status (*run)(struct tac_work *w, struct tacit_err *err);
} bodies[TAC_N_UNIT] = {
    [TAC_UNIT_MAKE] = {tac_unit_make},         [TAC_UNIT_SCORE] = {tac_unit_score},
    [TAC_UNIT_READ] = {tac_unit_read},         [TAC_UNIT_NULL] = {tac_unit_null},
    [TAC_UNIT_KNOCKOUT] = {tac_unit_knockout}, [TAC_UNIT_PATH] = {tac_unit_path},
    [TAC_UNIT_NEURONS] = {tac_unit_neurons},   [TAC_UNIT_VERBALISE] = {tac_unit_verbalise},
    [TAC_UNIT_FORGET] = {tac_unit_forget},     [TAC_UNIT_ALIKE] = {tac_unit_alike},
};

enum state { WAITING, RUNNING, DONE };

/* All workers' common ground. mutex guards everything below it. */
struct pool {
    struct tacit_study *st;
    const struct tacit_progress *progress;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state *state; /* (n_unit) */
    size_t next, left;
    double cost_done, cost_total, started; /* of this call */
    bool stop;
    struct tacit_err err; /* of the first failure */
};

struct worker {
    struct pool *pool;
    struct tacit_model *m;
    const struct tac_unit *u;
    pthread_t thread;
    bool running;
};

/* ---- progress ---- */

/* With the mutex held: tells the caller, and notes that it wants to stop. */
static int tell(struct pool *p, struct tacit_event *ev, const struct tac_unit *u)
{
    double seconds = tac_seconds() - p->started;
    ev->units_done = p->st->n_unit - p->left;
    ev->units = p->st->n_unit;
    ev->what = u->key;
    ev->rate = seconds > 0 ? p->cost_done / seconds : 0;
    ev->left =
        p->cost_done > 0 ? seconds * (p->cost_total - p->cost_done) / p->cost_done : (double)-1;
    if (!p->progress || !p->progress->report || !p->progress->report(p->progress->ctx, ev))
        return p->stop;
    p->stop = true;
    return 1;
}

/* A step, an evaluation or a batch of a unit, on its worker's thread. */
static int on_event(void *ctx, const struct tacit_event *event)
{
    struct worker *w = ctx;
    struct tacit_event ev = *event;
    pthread_mutex_lock(&w->pool->mutex);
    int stop = tell(w->pool, &ev, w->u);
    pthread_mutex_unlock(&w->pool->mutex);
    return stop;
}

/* ---- the queue ---- */

static bool maker_done(const struct pool *p, size_t prompt)
{
    return p->state[p->st->prompt[prompt].maker] == DONE;
}

static bool ready(const struct pool *p, const struct tac_unit *u)
{
    bool a = u->kind == TAC_UNIT_MAKE || maker_done(p, u->a);
    return a && (u->b == u->a || maker_done(p, u->b));
}

/* The first unit that may begin; NULL where all are taken or all wait (*wait). */
static const struct tac_unit *take(struct pool *p, bool *wait)
{
    *wait = false;
    while (p->next < p->st->n_unit && p->state[p->next] != WAITING)
        p->next++;
    for (size_t i = p->next; i < p->st->n_unit; i++) {
        if (p->state[i] != WAITING)
            continue;
        if (ready(p, &p->st->unit[i])) {
            p->state[i] = RUNNING;
            return &p->st->unit[i];
        }
        *wait = true;
    }
    return NULL;
}

static void finish(struct pool *p, const struct tac_unit *u, enum tacit_status s,
                   const struct tacit_err *err, double seconds)
{
    size_t at = (size_t)(u - p->st->unit);
    p->state[at] = s ? WAITING : DONE;
    if (s && !p->err.status) {
        p->err = *err;
        tac_err_prefix(&p->err, "%s: ", u->key);
    }
    p->stop |= s != TACIT_OK;
    if (!s) {
        p->st->unit[at].done = true;
        p->left--;
        p->cost_done += u->cost;
        struct tacit_event ev = {.kind = TACIT_EVENT_UNIT, .seconds = seconds};
        tell(p, &ev, u);
    }
    pthread_cond_broadcast(&p->changed);
}

static void *work(void *ctx)
{
    struct worker *w = ctx;
    struct pool *p = w->pool;
    struct tacit_progress progress = {on_event, w};
    bool wait;
    pthread_mutex_lock(&p->mutex);
    while (!p->stop) {
        w->u = take(p, &wait);
        if (!w->u && !wait)
            break;
        if (!w->u) {
            pthread_cond_wait(&p->changed, &p->mutex);
            continue;
        }
        pthread_mutex_unlock(&p->mutex);
        struct tac_work job = {p->st, w->m, &progress, w->u, tac_seconds()};
        struct tacit_err err = {0};
        enum tacit_status s = bodies[w->u->kind].run(&job, &err);
        pthread_mutex_lock(&p->mutex);
        finish(p, w->u, s, &err, tac_seconds() - job.started);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

/* ---- the workers ---- */

/* Worker 0 runs on the caller's thread, with the study's own model. */
static enum tacit_status run_workers(struct pool *p, struct worker *w, size_t n,
                                     struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    struct tacit_model_options o = p->st->o.model_options;
    o.threads = p->st->m->be->threads;
    for (size_t i = 1; !s && i < n; i++) {
        w[i].pool = p;
        s = tacit_model_open(&w[i].m, p->st->model_path, &o, err);
    }
    for (size_t i = 1; !s && i < n; i++) {
        w[i].running = pthread_create(&w[i].thread, NULL, work, &w[i]) == 0;
        if (!w[i].running)
            s = tac_fail(err, TACIT_EFAIL, "a thread could not be started");
    }
    w[0] = (struct worker){.pool = p, .m = p->st->m};
    if (s)
        p->stop = true;
    work(&w[0]);
    for (size_t i = 1; i < n; i++) {
        if (w[i].running)
            pthread_join(w[i].thread, NULL);
        tacit_model_close(w[i].m);
    }
    return s;
}

static void count_work(struct pool *p)
{
    const struct tacit_study *st = p->st;
    for (size_t i = 0; i < st->n_unit; i++) {
        p->state[i] = st->unit[i].done ? DONE : WAITING;
        p->left += !st->unit[i].done;
        p->cost_total += st->unit[i].done ? 0 : st->unit[i].cost;
    }
}

enum tacit_status tac_work_all(struct tacit_study *st, size_t jobs,
                               const struct tacit_progress *progress, struct tacit_err *err)
{
    struct pool p = {.st = st, .progress = progress, .started = tac_seconds()};
    struct worker *w = tac_alloc(jobs, sizeof *w, err);
    p.state = tac_alloc(st->n_unit, sizeof *p.state, err);
    enum tacit_status s = w && p.state ? TACIT_OK : TACIT_EFAIL;
    if (!s && (pthread_mutex_init(&p.mutex, NULL) || pthread_cond_init(&p.changed, NULL)))
        s = tac_fail_memory(err, 0);
    if (!s) {
        count_work(&p);
        s = run_workers(&p, w, jobs, err);
        pthread_mutex_destroy(&p.mutex);
        pthread_cond_destroy(&p.changed);
    }
    if (!s && p.err.status) {
        s = p.err.status;
        if (err)
            *err = p.err;
    } else if (!s && p.left) {
        s = tac_fail(err, TACIT_ECANCEL, "stopped; the same command goes on from there");
    }
    free(p.state);
    free(w);
    return s;
}
