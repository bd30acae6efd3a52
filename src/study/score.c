/* Units that put a prompt before a task's test inputs. */
#include "study/work.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

double tac_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

enum tacit_status tac_hold_rows(struct tac_held *h, const struct tac_work *w, float *rows, size_t P,
                                struct tacit_err *err)
{
    *h = (struct tac_held){.adapter.p = {.P = P, .C = w->m->model->c.C, .values = rows}};
    struct tacit_prompt prompt = {.adapter = &h->adapter};
    enum tacit_status s = tac_condition_open(&h->condition, w->m, &prompt, err);
    h->open = !s;
    return s;
}

/* A prompt without rows is a text, or nothing. */
static enum tacit_status hold_text(struct tac_held *h, const struct tac_work *w,
                                   const struct tac_study_prompt *p, struct tacit_err *err)
{
    struct tacit_prompt prompt = {.text = p->text};
    *h = (struct tac_held){0};
    enum tacit_status s = tac_condition_open(&h->condition, w->m, &prompt, err);
    h->open = !s;
    return s;
}

static enum tacit_status hold_adapter(struct tac_held *h, const struct tac_work *w,
                                      const struct tac_study_prompt *p, struct tacit_err *err)
{
    struct tac_buf dir = {0};
    enum tacit_status s = tac_run_folder(&dir, w, p, err);
    if (!s)
        s = tacit_adapter_open(&h->trained, dir.data, w->m, err);
    struct tacit_prompt prompt = {.adapter = h->trained};
    if (!s)
        s = tac_condition_open(&h->condition, w->m, &prompt, err);
    h->open = !s;
    tac_buf_release(&dir);
    return s;
}

static bool has_rows(enum tac_kind k)
{
    return k != TAC_KIND_NONE && k != TAC_KIND_DESCRIPTION && k != TAC_KIND_PARAPHRASE;
}

enum tacit_status tac_hold(struct tac_held *h, const struct tac_work *w,
                           const struct tac_study_prompt *p, struct tacit_err *err)
{
    float *rows;
    size_t P, C;
    *h = (struct tac_held){0};
    if (tac_kind_adapter(w->st, p->kind))
        return hold_adapter(h, w, p, err);
    if (!has_rows(p->kind))
        return hold_text(h, w, p, err);
    enum tacit_status s = tac_store_rows(&w->st->store, &rows, &P, &C, p->key, err);
    return s ? s : tac_hold_rows(h, w, rows, P, err);
}

void tac_hold_release(struct tac_held *h)
{
    if (h->open)
        tac_condition_close(&h->condition);
    tacit_adapter_close(h->trained);
    free(h->adapter.p.values);
    *h = (struct tac_held){0};
}

enum tacit_status tac_begin_unit(struct tac_work *w, const char *result, struct tacit_err *err)
{
    const struct tac_unit *u = w->u;
    enum tacit_status s = tac_store_begin(&w->st->store, err);
    if (s)
        return s;
    struct tac_store_unit row = {.key = u->key,
                                 .kind = tac_unit_kind_name(u->kind),
                                 .identity = u->identity,
                                 .settings = u->settings,
                                 .result = result,
                                 .seconds = tac_seconds() - w->started};
    s = tac_store_unit(&w->st->store, &row, err);
    return s ? tac_store_end(&w->st->store, s, err) : TACIT_OK;
}

enum tacit_status tac_go_on(const struct tac_work *w, uint64_t done, uint64_t total,
                            struct tacit_err *err)
{
    struct tacit_event ev = {.kind = TACIT_EVENT_WORK, .done = done, .total = total};
    if (!w->progress->report(w->progress->ctx, &ev))
        return TACIT_OK;
    return tac_fail(err, TACIT_ECANCEL, "stopped; the same command does it anew");
}

enum tacit_status tac_put_result(struct tac_work *w, json_t *result, struct tacit_err *err)
{
    struct tac_buf text = {0};
    enum tacit_status s =
        result ? tac_json_write(&text, result, TAC_JSON_LINE, err) : tac_fail_memory(err, 0);
    if (!s)
        s = tac_begin_unit(w, text.data, err);
    if (!s)
        s = tac_store_end(&w->st->store, TACIT_OK, err);
    tac_buf_release(&text);
    json_decref(result);
    return s;
}

/* Log-likelihood of the right answer less that of the best wrong one. */
static double margin_of(const struct tac_verdict *v, size_t i, int gold)
{
    const double *l = v->loglik + v->first[i];
    double wrong = -1e300;
    for (size_t k = 0; k < v->first[i + 1] - v->first[i]; k++)
        if ((int)k != gold && l[k] > wrong)
            wrong = l[k];
    return l[gold] - wrong;
}

enum tacit_status tac_put_score(struct tac_work *w, const struct tacit_examples *e,
                                const struct tacit_eval_row *row, const struct tac_verdict *v,
                                struct tacit_err *err)
{
    size_t n = tacit_examples_count(e);
    unsigned char *hits = tac_alloc(n, 1, err);
    double *margin = tac_alloc(n, sizeof *margin, err);
    enum tacit_status s = hits && margin ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < n; i++) {
        struct tacit_example x;
        tacit_examples_get(e, i, &x);
        hits[i] = v->choice[i] == x.gold;
        margin[i] = margin_of(v, i, x.gold);
    }
    struct tac_store_score score = {.prompt = w->st->prompt[w->u->a].key,
                                    .task = w->st->task[w->u->target].name,
                                    .unit = w->u->key,
                                    .n = n,
                                    .n_loglik = v->first[n],
                                    .accuracy = row->accuracy,
                                    .low = row->accuracy_low,
                                    .high = row->accuracy_high,
                                    .auroc = row->auroc,
                                    .loss = row->loss,
                                    .hits = hits,
                                    .margins = margin,
                                    .logliks = v->loglik};
    if (!s)
        s = tac_store_score(&w->st->store, &score, err);
    free(hits);
    free(margin);
    return s;
}

enum tacit_status tac_unit_score(struct tac_work *w, struct tacit_err *err)
{
    const struct tac_study_task *t = &w->st->task[w->u->target];
    struct tacit_eval_row row = {0};
    struct tac_verdict v = {0};
    struct tac_held h;
    enum tacit_status s = tac_hold(&h, w, &w->st->prompt[w->u->a], err);
    if (!s)
        s = tac_judge(&row, w->m, t->task, t->test, &h.condition, &v, w->progress, err);
    if (!s)
        s = tac_begin_unit(w, NULL, err);
    if (!s)
        s = tac_store_end(&w->st->store, tac_put_score(w, t->test, &row, &v, err), err);
    tac_verdict_release(&v);
    tac_hold_release(&h);
    return s;
}
