#include "run/session.h"

#include <math.h>
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

size_t tac_session_taken(const struct tac_session *s)
{
    return tac_weights_resident(s->weights) + tac_backend_overhead(s->weights->be) + s->fixed_bytes;
}

void tac_session_close(struct tac_session *s)
{
    if (!s)
        return;
    tac_decoder_close(s->dec);
    tac_weights_close(s->weights);
    free(s);
}

/* The job's sequences; a patched one shares no row from its first patch on. Owned by the arena. */
static const struct tac_seq *own_sequences(const struct tac_job *job, struct tac_arena *a,
                                           struct tacit_err *err)
{
    if (!job->n_patch)
        return job->seq;
    struct tac_seq *seq = tac_arena_alloc(a, job->n, sizeof *seq, err);
    if (!seq)
        return NULL;
    memcpy(seq, job->seq, job->n * sizeof *seq);
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

static enum tacit_status build_tree(struct tac_session *s, struct tac_tree *t,
                                    const struct tac_job *job, struct tacit_err *err)
{
    struct tac_tree_options o = tac_tree_options_default();
    struct tac_arena a = {0};
    const struct tac_seq *seq = own_sequences(job, &a, err);
    int32_t *len = seq ? tac_arena_alloc(&a, job->n_kv, sizeof *len, err) : NULL;
    if (!len) {
        tac_arena_release(&a);
        return TACIT_EFAIL;
    }
    for (size_t i = 0; i < job->n_kv; i++)
        len[i] = (int32_t)job->kv[i]->len;
    o.share = s->o.share;
    o.kv_len = len;
    o.n_kv = job->n_kv;
    enum tacit_status st = tac_tree_build(t, seq, job->n, &o, err);
    tac_arena_release(&a);
    for (size_t i = 0; !st && i < t->n_seg; i++)
        if (t->seg[i].base + t->seg[i].n > TAC_MAX_PATH) {
            st = tac_fail(err, TACIT_EINPUT, "a sequence of %d tokens: at most %d can be computed",
                          t->seg[i].base + t->seg[i].n, TAC_MAX_PATH);
            tac_tree_release(t);
        }
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
 * refuses. */
static enum tacit_status make_plan(struct tac_session *s, struct tac_plan *p,
                                   const struct tac_tree *t, const struct tac_job *job,
                                   const struct probes *pr, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    size_t taken = tac_session_taken(s);
    for (int recompute = 0; recompute < (job->grad ? 2 : 1); recompute++) {
        enum tacit_status st = tac_plan_make(p, t, c, s->weights->be->real_size, job->grad,
                                             recompute, pr->wanted, pr->n_wanted, err);
        if (st || !s->o.memory_limit || taken + tac_plan_bytes(p) <= s->o.memory_limit)
            return st;
        tac_plan_release(p);
    }
    char need[32], limit[32], fixed[32];
    struct tac_plan smallest;
    enum tacit_status st = tac_plan_make(&smallest, t, c, s->weights->be->real_size, job->grad,
                                         true, pr->wanted, pr->n_wanted, err);
    if (st)
        return st;
    tac_show_bytes(need, (double)tac_plan_bytes(&smallest));
    tac_plan_release(&smallest);
    return tac_fail(
        err, TACIT_EINPUT,
        "a batch of %zu rows needs %s for activations besides %s for weights, "
        "trainables and buffers; the memory limit is %s: use smaller batches or a higher limit",
        t->T, need, tac_show_bytes(fixed, (double)taken),
        tac_show_bytes(limit, (double)s->o.memory_limit));
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
    float *logits, *states;
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
        (job->logits && !(r->logits = tac_alloc(R * c->V, sizeof *r->logits, err))) ||
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
        if (job->logits)
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
                                  const struct probes *pr, struct tacit_err *err)
{
    const struct tac_decoder_config *c = &s->weights->model->c;
    struct results r;
    enum tacit_status st = results_init(&r, job, p, c, err);
    struct tac_run run = {.plan = p,
                          .param = job->ports->param,
                          .soft = job->ports->soft,
                          .dsoft = job->ports->dsoft,
                          .kv = job->kv,
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
                          .logits = r.logits,
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

/* Tree and plan of a job. Both are to be released where this succeeds. */
static enum tacit_status prepare(struct tac_session *s, struct tac_tree *t, struct probes *pr,
                                 struct tac_plan *p, const struct tac_job *job,
                                 struct tacit_err *err)
{
    enum tacit_status st = build_tree(s, t, job, err);
    if (st)
        return st;
    if (t->soft > job->ports->P)
        st = tac_fail(err, TACIT_EINPUT, "a sequence uses trainable row %zu, there are %zu",
                      t->soft - 1, job->ports->P);
    if (!st)
        st = set_probes(pr, job, t, s->weights->model->c.L, err);
    if (!st)
        st = make_plan(s, p, t, job, pr, err);
    if (st)
        tac_tree_release(t);
    return st;
}

enum tacit_status tac_session_run(struct tac_session *s, struct tac_job *job, struct tacit_err *err)
{
    struct tac_tree t;
    struct tac_plan p;
    struct probes pr = {0};
    enum tacit_status st = prepare(s, &t, &pr, &p, job, err);
    if (!st) {
        st = run_plan(s, job, &p, &pr, err);
        if (!st) {
            s->rows += t.T;
            s->flops += tac_plan_flops(&p, &s->weights->model->c);
            for (size_t i = 0; i < job->n; i++)
                s->tokens += t.last_row[i] < 0 ? 0 : (size_t)t.pos[t.last_row[i]] + 1;
            if (tac_plan_bytes(&p) > s->peak_bytes)
                s->peak_bytes = tac_plan_bytes(&p);
        }
        tac_plan_release(&p);
        tac_tree_release(&t);
    }
    tac_arena_release(&pr.arena);
    return st;
}

enum tacit_status tac_session_measure(struct tac_session *s, const struct tac_job *job,
                                      size_t *bytes, size_t *rows, struct tacit_err *err)
{
    struct tac_tree t;
    struct tac_plan p;
    struct probes pr = {0};
    enum tacit_status st = prepare(s, &t, &pr, &p, job, err);
    if (!st) {
        *bytes = tac_plan_bytes(&p);
        *rows = t.T;
        tac_plan_release(&p);
        tac_tree_release(&t);
    }
    tac_arena_release(&pr.arena);
    return st;
}
