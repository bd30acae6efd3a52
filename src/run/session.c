#include "run/session.h"

#include "base/resident.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tac_session_options tac_session_options_default(void)
{
    return (struct tac_session_options){.share = true};
}

enum tacit_status tac_session_open(struct tac_session **out, struct tac_weights *w,
                                   const struct tac_session_options *o, struct tacit_err *err)
{
    struct tac_session *s = *out = tac_alloc(1, sizeof *s, err);
    if (!s)
        return TACIT_EFAIL;
    s->weights = tac_weights_ref(w);
    s->o = *o;
    enum tacit_status st = tac_decoder_open(&s->dec, &w->model->c, w->be, err);
    if (st) {
        tac_session_close(s);
        *out = NULL;
    }
    return st;
}

size_t tac_session_taken(const struct tac_session *s, const struct tac_param *param)
{
    return s->program_bytes + tac_weights_resident(s->weights, param) +
           tac_backend_overhead(s->weights->be) + s->fixed_bytes;
}

size_t tac_session_program(const struct tac_session *s)
{
    size_t all = tac_resident(), own = tac_model_resident(s->weights->model) + s->weights->bytes +
                                       tac_backend_resident(s->weights->be) +
                                       tac_decoder_bytes(s->dec);
    return all > own ? all - own : 0;
}

void tac_session_close(struct tac_session *s)
{
    if (!s)
        return;
    tac_decoder_close(s->dec);
    tac_weights_close(s->weights);
    free(s);
}

static size_t count_ports(const struct tac_job *job)
{
    return job->n_ports ? job->n_ports : 1;
}

/* What a run reads of the job's ports together. */
struct joined {
    struct tac_root *root;
    size_t n_root;
    struct tac_kv_store **kv, **dkv; /* (n_root) */
    bool *kv_grad;                   /* (n_root) */
    struct tac_span *span;
    size_t n_span, rank, P;
    bool scaled;
    const void *soft;
    void *memory; /* of soft, where it had to be put together */
    struct tac_arena arena;
};

/* The job's roots; where it has none, one for each of several ports, or for the only one's keys. */
static enum tacit_status join_roots(struct joined *j, const struct tac_job *job,
                                    struct tacit_err *err)
{
    bool own = !job->n_root && (count_ports(job) > 1 || job->ports->kv);
    j->n_root = own ? count_ports(job) : job->n_root;
    j->root = tac_arena_alloc(&j->arena, j->n_root, sizeof *j->root, err);
    j->kv = tac_arena_alloc(&j->arena, j->n_root, sizeof *j->kv, err);
    j->dkv = tac_arena_alloc(&j->arena, j->n_root, sizeof *j->dkv, err);
    j->kv_grad = tac_arena_alloc(&j->arena, j->n_root, sizeof *j->kv_grad, err);
    j->span = tac_arena_alloc(&j->arena, j->n_root + 1, sizeof *j->span, err);
    if (!j->root || !j->kv || !j->dkv || !j->kv_grad || !j->span)
        return TACIT_EFAIL;
    for (size_t i = 0; i < j->n_root; i++) {
        j->root[i] = own ? (struct tac_root){job->ports[i].kv, i} : job->root[i];
        const struct tac_ports *p = &job->ports[j->root[i].port];
        j->kv[i] = j->root[i].kv;
        j->dkv[i] = j->kv[i] && j->kv[i] == p->kv && job->grad & TAC_GRAD_KV ? p->dkv : NULL;
        j->kv_grad[i] = j->dkv[i] != NULL;
    }
    return TACIT_OK;
}

/* The soft rows of all ports, one after another. */
static enum tacit_status join_soft(struct joined *j, const struct tac_session *s,
                                   const struct tac_job *job, struct tacit_err *err)
{
    struct tac_backend *be = s->weights->be;
    size_t C = s->weights->model->c.C, n = count_ports(job), most = 0;
    for (size_t i = 0; i < n; i++) {
        j->P += job->ports[i].P;
        most = job->ports[i].P > most ? job->ports[i].P : most;
        j->rank = job->ports[i].rank > j->rank ? job->ports[i].rank : j->rank;
        j->scaled |= job->ports[i].scaled;
    }
    j->soft = job->ports->soft;
    if (n == 1 || !j->P)
        return TACIT_OK;
    int32_t *idx = tac_arena_alloc(&j->arena, most, sizeof *idx, err);
    if (!idx || !(j->soft = j->memory = be->ops->alloc(be, j->P * C * be->real_size)))
        return tac_fail_memory(err, j->P * C * be->real_size);
    for (size_t i = 0; i < most; i++)
        idx[i] = (int32_t)i;
    for (size_t i = 0, at = 0; i < n; at += job->ports[i++].P)
        be->ops->rows_get(be, tac_real_at(be, j->memory, at * C), job->ports[i].soft, idx,
                          job->ports[i].P, C);
    return TACIT_OK;
}

/* Which rows are under which sites. */
static void set_spans(struct joined *j, const struct tac_job *job, const struct tac_tree *t)
{
    if (count_ports(job) == 1) {
        j->span[0] = (struct tac_span){0, (int32_t)t->T, job->ports->site};
        j->n_span = job->ports->site != NULL;
        return;
    }
    for (size_t i = 0; i < t->n_seg; i++) {
        const struct tac_seg *sg = &t->seg[i];
        if (sg->kv < 0 || !job->ports[j->root[sg->kv].port].site)
            continue;
        j->span[j->n_span++] =
            (struct tac_span){sg->row0, sg->end, job->ports[j->root[sg->kv].port].site};
    }
}

static void joined_release(struct joined *j, struct tac_backend *be)
{
    if (j->memory)
        be->ops->release(be, j->memory);
    tac_arena_release(&j->arena);
}

/* The job's sequences; a patched one shares no row from its first patch on. Owned by the arena. */
static const struct tac_seq *own_sequences(const struct tac_job *job, const struct joined *j,
                                           struct tac_arena *a, struct tacit_err *err)
{
    bool behind = j->n_root && !job->n_root && count_ports(job) == 1;
    if (!job->n_patch && !behind)
        return job->seq;
    struct tac_seq *seq = tac_arena_alloc(a, job->n, sizeof *seq, err);
    if (!seq)
        return NULL;
    memcpy(seq, job->seq, job->n * sizeof *seq);
    for (size_t i = 0; behind && i < job->n; i++)
        seq[i].root = 0;
    for (size_t i = 0; i < job->n_patch; i++) {
        struct tac_seq *q = &seq[job->patch[i].seq];
        TAC_CHECK(job->patch[i].seq < job->n && job->patch[i].at < q->n);
        q->keep = job->patch[i].at + 1 > q->keep ? job->patch[i].at + 1 : q->keep;
        if (q->n - job->patch[i].at > q->own)
            q->own = q->n - job->patch[i].at;
    }
    /* own counts from the last computed row */
    for (size_t i = 0; i < job->n; i++)
        if (seq[i].own)
            seq[i].own -= seq[i].n - tac_seq_rows(&seq[i]);
    return seq;
}

size_t tac_session_longest(const struct tac_session *s)
{
    size_t limit = s->weights->model->c.limit;
    return limit && limit < TAC_MAX_PATH ? limit : TAC_MAX_PATH;
}

enum tacit_status tac_session_fits(const struct tac_session *s, size_t n, size_t own,
                                   const char *what, struct tacit_err *err)
{
    const struct tac_model *m = s->weights->model;
    char prompt[64] = "";
    if (n <= tac_session_longest(s))
        return TACIT_OK;
    if (own)
        snprintf(prompt, sizeof prompt, ", %zu of them a prompt's", own);
    if (!m->c.limit || m->c.limit > TAC_MAX_PATH)
        return tac_fail(err, TACIT_EINPUT, "%s: %zu tokens%s: at most %d can be computed", what, n,
                        prompt, TAC_MAX_PATH);
    return tac_fail(err, TACIT_EINPUT,
                    "%s: %zu tokens%s: the model takes %zu at most (%s/config.json: field '%s')",
                    what, n, prompt, m->c.limit, m->path, m->c.limit_by);
}

static enum tacit_status build_tree(struct tac_session *s, struct tac_tree *t,
                                    const struct tac_job *job, const struct joined *j,
                                    struct tacit_err *err)
{
    struct tac_tree_options o = tac_tree_options_default();
    struct tac_arena a = {0};
    const struct tac_seq *seq = own_sequences(job, j, &a, err);
    int32_t *len = seq ? tac_arena_alloc(&a, j->n_root, sizeof *len, err) : NULL;
    if (!len) {
        tac_arena_release(&a);
        return TACIT_EFAIL;
    }
    for (size_t i = 0; i < j->n_root; i++)
        len[i] = j->kv[i] ? (int32_t)j->kv[i]->len : 0;
    o.share = s->o.share;
    o.kv_len = len;
    o.n_kv = j->n_root;
    o.join = job->join;
    enum tacit_status st = tac_tree_build(t, seq, job->n, &o, err);
    tac_arena_release(&a);
    for (size_t i = 0; !st && i < t->n_seg; i++)
        st = tac_session_fits(s, (size_t)(t->seg[i].base + t->seg[i].n), 0, "a sequence", err);
    if (st)
        tac_tree_release(t);
    return st;
}

/* Taps and patches with their rows, and the rows whose last layer is wanted. */
struct probes {
    struct tac_tap *tap;
    struct tac_patch *patch;
    int32_t *wanted;
    size_t n_wanted;
    struct tac_arena arena;
};

static enum tacit_status check_layer(int32_t layer, bool stream, size_t L, struct tacit_err *err)
{
    if (layer >= (stream ? -1 : 0) && layer < (int32_t)L)
        return TACIT_OK;
    return tac_fail(err, TACIT_EINPUT, "layer %d: expected %d to %zu", layer, stream ? -1 : 0,
                    L - 1);
}

static void want_row(struct probes *p, int32_t row, bool wanted)
{
    if (wanted)
        p->wanted[p->n_wanted++] = row;
}

static enum tacit_status set_probes(struct probes *p, const struct tac_job *job,
                                    const struct tac_tree *t, size_t L, struct tacit_err *err)
{
    p->tap = tac_arena_alloc(&p->arena, job->n_tap, sizeof *p->tap, err);
    p->patch = tac_arena_alloc(&p->arena, job->n_patch, sizeof *p->patch, err);
    p->wanted =
        tac_arena_alloc(&p->arena, job->n + job->n_tap + job->n_patch, sizeof *p->wanted, err);
    enum tacit_status st = p->tap && p->patch && p->wanted ? TACIT_OK : TACIT_EFAIL;
    if (!st && job->n_patch && job->grad)
        st = tac_fail(err, TACIT_EINPUT, "patches are for runs without gradients");
    for (size_t i = 0; !st && i < job->n; i++)
        want_row(p, t->last_row[i],
                 (job->logits || job->states || job->lse) && t->last_row[i] >= 0);
    for (size_t i = 0; !st && i < job->n_tap; i++) {
        const struct tac_job_tap *from = &job->tap[i];
        int32_t row = tac_tree_row(t, from->seq, from->at);
        st = check_layer(from->layer, from->point == TAC_TAP_STREAM, L, err);
        p->tap[i] = (struct tac_tap){from->point, from->layer, row, from->to};
        want_row(p, row, from->layer + 1 == (int32_t)L);
    }
    for (size_t i = 0; !st && i < job->n_patch; i++) {
        const struct tac_job_patch *from = &job->patch[i];
        int32_t row = tac_tree_row(t, from->seq, from->at);
        st = check_layer(from->layer, true, L, err);
        p->patch[i] = (struct tac_patch){from->layer, row, from->from};
        want_row(p, row, from->layer + 1 == (int32_t)L);
    }
    return st;
}

/* Plans with all activations kept; where those do not fit the limit, with recomputing; else
 * refuses, if the limit is one that was said. */
static enum tacit_status make_plan(struct tac_session *s, struct tac_plan *p,
                                   const struct tac_tree *t, const struct tac_job *job,
                                   const struct joined *j, const struct probes *pr,
                                   struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    size_t taken = tac_session_taken(s, job->ports->param), said = s->o.memory_limit,
           limit = said ? said : s->o.machine_limit;
    int most = job->grad ? 1 : 0;
    struct tac_plan_options o = {.grad = job->grad,
                                 .wanted = pr->wanted,
                                 .n_wanted = pr->n_wanted,
                                 .kv_grad = j->kv_grad,
                                 .rank = j->rank,
                                 .scaled = j->scaled};
    for (int recompute = 0; recompute <= most; recompute++) {
        o.recompute = recompute;
        enum tacit_status st = tac_plan_make(p, t, c, s->weights->be->real_size, &o, err);
        bool fits = !limit || taken + tac_plan_bytes(p) <= limit;
        if (st || fits || (!said && recompute == most))
            return st;
        tac_plan_release(p);
    }
    char need[32], most_bytes[32], fixed[32];
    struct tac_plan smallest;
    o.recompute = true;
    enum tacit_status st = tac_plan_make(&smallest, t, c, s->weights->be->real_size, &o, err);
    if (st)
        return st;
    tac_show_bytes(need, (double)tac_plan_bytes(&smallest));
    tac_plan_release(&smallest);
    return tac_fail(
        err, TACIT_EINPUT,
        "a batch of %zu rows needs %s for activations besides %s for weights, "
        "trainables and buffers; the memory limit is %s: use smaller batches or a higher limit",
        t->T, need, tac_show_bytes(fixed, (double)taken), tac_show_bytes(most_bytes, (double)said));
}

/* The rows on the path to sequence 0's last row, from the top. */
static enum tacit_status path_rows(const struct tac_tree *t, int32_t **rows, size_t *n,
                                   struct tacit_err *err)
{
    int32_t last = t->last_row[0], seg = last < 0 ? -1 : t->seg_of[last];
    *n = 0;
    *rows = tac_alloc(t->T, sizeof **rows, err);
    if (!*rows)
        return TACIT_EFAIL;
    for (int32_t row = last; seg >= 0; seg = t->seg[seg].parent) {
        const struct tac_seg *sg = &t->seg[seg];
        if (sg->kv >= 0)
            break;
        for (int32_t r = seg == t->seg_of[last] ? row : sg->row0 + sg->n - 1; r >= sg->row0; r--)
            (*rows)[(*n)++] = r;
    }
    for (size_t i = 0; i < *n / 2; i++) {
        int32_t x = (*rows)[i];
        (*rows)[i] = (*rows)[*n - 1 - i];
        (*rows)[*n - 1 - i] = x;
    }
    return TACIT_OK;
}

/* Host buffers of one run, in the plan's order of labels and rows. */
struct results {
    double *logp, *lse;
    int32_t *best, *path;
    float *logits, *states; /* logits NULL: of one row, which lie with the job */
    size_t n_path;
};

static void results_release(struct results *r)
{
    free(r->logp);
    free(r->lse);
    free(r->best);
    free(r->path);
    free(r->logits);
    free(r->states);
}

static enum tacit_status results_init(struct results *r, const struct tac_job *job,
                                      const struct tac_plan *p, const struct tac_decoder_config *c,
                                      struct tacit_err *err)
{
    *r = (struct results){0};
    size_t R = p->out.n;
    if (!(r->logp = tac_alloc(p->tree->n_label, sizeof *r->logp, err)) ||
        !(r->best = tac_alloc(R, sizeof *r->best, err)) ||
        (job->lse && !(r->lse = tac_alloc(R, sizeof *r->lse, err))) ||
        (job->logits && (R > 1 || job->n > 1) &&
         !(r->logits = tac_alloc(R * c->V, sizeof *r->logits, err))) ||
        (job->states && !(r->states = tac_alloc(R * c->C, sizeof *r->states, err))))
        return TACIT_EFAIL;
    return job->capture ? path_rows(p->tree, &r->path, &r->n_path, err) : TACIT_OK;
}

static void hand_back(const struct results *r, struct tac_job *job, const struct tac_plan *p,
                      const struct tac_decoder_config *c)
{
    const struct tac_tree *t = p->tree;
    job->loss = 0;
    for (size_t i = 0; i < t->n_label; i++) {
        const struct tac_label *l = &t->label[i];
        job->loss -= (double)l->weight * r->logp[i];
        if (job->logp)
            job->logp[l->item] = r->logp[i];
        if (job->best)
            job->best[l->item] = r->best[p->target[i].row];
    }
    for (size_t i = 0; (job->logits || job->states || job->lse) && i < job->n; i++) {
        size_t at = t->last_row[i] < 0 ? 0 : tac_plan_out_place(p, t->last_row[i]);
        if (job->lse)
            job->lse[i] = r->lse[at];
        if (r->logits)
            memcpy(job->logits + i * c->V, r->logits + at * c->V, c->V * sizeof *r->logits);
        if (job->states)
            memcpy(job->states + i * c->C, r->states + at * c->C, c->C * sizeof *r->states);
    }
}

static enum tacit_status explain_fault(struct tac_session *s, struct tacit_err *err)
{
    s->weights->be->fault = false;
    enum tacit_status st = tac_model_check(s->weights->model, err);
    if (st)
        return st;
    return tac_fail(err, TACIT_EFAIL,
                    "the result is not finite, though all weights are: the run has diverged "
                    "(a lower learning rate or warm-up may help)");
}

static enum tacit_status run_plan(struct tac_session *s, struct tac_job *job, struct tac_plan *p,
                                  const struct joined *j, const struct probes *pr,
                                  struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    struct results r;
    enum tacit_status st = results_init(&r, job, p, c, err);
    struct tac_run run = {.plan = p,
                          .param = job->ports->param,
                          .soft = j->soft,
                          .dsoft = job->ports->dsoft,
                          .kv = j->kv,
                          .dkv = j->dkv,
                          .span = j->span,
                          .n_span = j->n_span,
                          .capture = job->capture,
                          .capture_rows = r.path,
                          .n_capture = r.n_path,
                          .tap = pr->tap,
                          .n_tap = job->n_tap,
                          .patch = pr->patch,
                          .n_patch = job->n_patch,
                          .logp = r.logp,
                          .best = job->best ? r.best : NULL,
                          .lse = r.lse,
                          .logits = r.logits ? r.logits : job->logits,
                          .states = r.states};
    if (!st)
        st = tac_decoder_run(s->dec, &run, err);
    for (size_t i = 0; !st && r.lse && i < p->out.n; i++)
        s->weights->be->fault |= !isfinite(r.lse[i]);
    if (!st && s->weights->be->fault)
        st = explain_fault(s, err);
    if (!st)
        hand_back(&r, job, p, c);
    results_release(&r);
    return st;
}

/* A job made ready: tree, plan, and what they are made of. */
struct ready {
    struct tac_tree t;
    struct tac_plan p;
    struct probes pr;
    struct joined j;
};

static void ready_release(struct ready *r, struct tac_backend *be)
{
    tac_plan_release(&r->p);
    tac_tree_release(&r->t);
    tac_arena_release(&r->pr.arena);
    joined_release(&r->j, be);
}

static enum tacit_status prepare(struct tac_session *s, struct ready *r, const struct tac_job *job,
                                 struct tacit_err *err)
{
    *r = (struct ready){0};
    TAC_CHECK(count_ports(job) == 1 || !job->grad);
    enum tacit_status st = join_roots(&r->j, job, err);
    if (!st)
        st = join_soft(&r->j, s, job, err);
    if (!st)
        st = build_tree(s, &r->t, job, &r->j, err);
    if (!st && r->t.soft > r->j.P)
        st = tac_fail(err, TACIT_EINPUT, "a sequence uses trainable row %zu, there are %zu",
                      r->t.soft - 1, r->j.P);
    if (!st)
        st = set_probes(&r->pr, job, &r->t, s->weights->model->c.L, err);
    if (!st)
        st = make_plan(s, &r->p, &r->t, job, &r->j, &r->pr, err);
    if (!st)
        set_spans(&r->j, job, &r->t);
    return st;
}

enum tacit_status tac_session_run(struct tac_session *s, struct tac_job *job, struct tacit_err *err)
{
    struct ready r;
    enum tacit_status st = prepare(s, &r, job, err);
    if (!st)
        st = run_plan(s, job, &r.p, &r.j, &r.pr, err);
    if (!st) {
        const struct tac_tree *t = &r.t;
        s->rows += t->T;
        s->flops += tac_plan_flops(&r.p, &s->weights->model->c);
        for (size_t i = 0; i < job->n; i++)
            s->tokens += t->last_row[i] < 0 ? 0 : (size_t)t->pos[t->last_row[i]] + 1;
        if (tac_plan_bytes(&r.p) > s->peak_bytes)
            s->peak_bytes = tac_plan_bytes(&r.p);
    }
    ready_release(&r, s->weights->be);
    return st;
}

enum tacit_status tac_session_measure(struct tac_session *s, const struct tac_job *job,
                                      struct tac_demand *out, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    struct ready r;
    enum tacit_status st = prepare(s, &r, job, err);
    *out = (struct tac_demand){0};
    if (!st)
        *out = (struct tac_demand){tac_plan_bytes(&r.p), r.p.arena.used, r.t.T, r.p.o.recompute,
                                   tac_plan_again(&r.p, c) / tac_plan_flops(&r.p, c)};
    ready_release(&r, s->weights->be);
    return st;
}
