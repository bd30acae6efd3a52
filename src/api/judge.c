#include "api/judge.h"

#include "stats/describe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a log-likelihood is divided before the largest is chosen. */
enum norm { BY_NOTHING, BY_CHARACTERS, BY_BYTES, BY_TOKENS, N_NORM };

static size_t characters(const char *s)
{
    size_t n = 0;
    for (s += *s == ' '; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static double divisor(const struct tacit_examples *e, size_t i, size_t answer, enum norm by)
{
    size_t n_ids;
    const int32_t *ids;
    const char *text = tacit_examples_answer(e, i, answer, &ids, &n_ids);
    size_t n = by == BY_CHARACTERS ? characters(text)
               : by == BY_BYTES    ? strlen(text)
               : by == BY_TOKENS   ? n_ids
                                   : 1;
    return n ? (double)n : 1;
}

/* The first of the largest. */
static int choose(const struct tacit_examples *e, size_t i, const double *loglik, size_t n,
                  enum norm by)
{
    int best = 0;
    for (size_t k = 1; k < n; k++)
        if (loglik[k] / divisor(e, i, k, by) > loglik[best] / divisor(e, i, (size_t)best, by))
            best = (int)k;
    return best;
}

static enum tacit_status verdict_init(struct tac_verdict *v, const struct tacit_examples *e,
                                      const struct tac_task *t, struct tacit_err *err)
{
    size_t n = tacit_examples_count(e), total = 0;
    struct tacit_example x;
    *v = (struct tac_verdict){.answers = t->n_answer};
    v->first = tac_alloc(n + 1, sizeof *v->first, err);
    v->choice = tac_alloc(n, sizeof *v->choice, err);
    v->confusion = tac_alloc(v->answers * v->answers, sizeof *v->confusion, err);
    if (!v->first || !v->choice || !v->confusion)
        return TACIT_EFAIL;
    for (size_t i = 0; i < n; i++) {
        tacit_examples_get(e, i, &x);
        v->first[i] = total;
        total += x.n_answers;
    }
    v->first[n] = total;
    v->loglik = tac_alloc(total, sizeof *v->loglik, err);
    return v->loglik ? TACIT_OK : TACIT_EFAIL;
}

void tac_verdict_release(struct tac_verdict *v)
{
    free(v->loglik);
    free(v->first);
    free(v->choice);
    free(v->confusion);
    *v = (struct tac_verdict){0};
}

/* Fills v->loglik, and *loss with the mean over the right answers' tokens. */
static enum tacit_status score_answers(struct tac_verdict *v, double *loss, struct tacit_model *m,
                                       const struct tacit_examples *e,
                                       const struct tac_condition *c,
                                       const struct tacit_progress *progress, struct tacit_err *err)
{
    size_t n = tacit_examples_count(e), total, tokens = 0, right = 0;
    struct tac_score_options o = tac_score_options_public(progress);
    struct tac_query *q = tac_examples_queries(e, &total, err);
    double *logp = NULL, sum_right = 0;
    for (size_t i = 0; q && i < total; i++)
        tokens += q[i].n_target;
    if (q)
        logp = tac_alloc(tokens, sizeof *logp, err);
    enum tacit_status s =
        logp ? tac_score(m->session, logp, NULL, &c->ports, &c->prefix, q, total, &o, err)
             : TACIT_EFAIL;
    const double *at = logp;
    for (size_t i = 0; !s && i < n; i++) {
        struct tacit_example x;
        tacit_examples_get(e, i, &x);
        for (size_t k = v->first[i]; k < v->first[i + 1]; k++, at += q[k - 1].n_target) {
            for (size_t t = 0; t < q[k].n_target; t++)
                v->loglik[k] += at[t];
            if ((int)(k - v->first[i]) == x.gold) {
                sum_right -= v->loglik[k];
                right += q[k].n_target;
            }
        }
    }
    *loss = right ? sum_right / (double)right : (double)NAN;
    free(logp);
    free(q);
    return s;
}

static size_t count_right(struct tac_verdict *v, const struct tacit_examples *e, enum norm by)
{
    size_t right = 0;
    for (size_t i = 0; i < tacit_examples_count(e); i++) {
        struct tacit_example x;
        tacit_examples_get(e, i, &x);
        int c = choose(e, i, v->loglik + v->first[i], x.n_answers, by);
        right += c == x.gold;
        if (by == BY_NOTHING) {
            v->choice[i] = c;
            v->confusion[(size_t)x.gold * v->answers + (size_t)c]++;
        }
    }
    return right;
}

static enum tacit_status margin_auroc(double *out, const struct tac_verdict *v,
                                      const struct tacit_examples *e, size_t positive,
                                      struct tacit_err *err)
{
    size_t n = tacit_examples_count(e);
    double *margin = tac_alloc(n, sizeof *margin, err);
    bool *is_positive = tac_alloc(n, sizeof *is_positive, err);
    enum tacit_status s = margin && is_positive ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < n; i++) {
        struct tacit_example x;
        tacit_examples_get(e, i, &x);
        margin[i] = v->loglik[v->first[i] + positive] - v->loglik[v->first[i] + 1 - positive];
        is_positive[i] = x.gold == (int)positive;
    }
    if (!s)
        s = tac_auroc(out, margin, is_positive, n, err);
    free(margin);
    free(is_positive);
    return s;
}

static double f1_of(const struct tac_verdict *v, size_t answer)
{
    size_t tp = v->confusion[answer * v->answers + answer], fp = 0, fn = 0;
    for (size_t k = 0; k < v->answers; k++) {
        fp += k == answer ? 0 : v->confusion[k * v->answers + answer];
        fn += k == answer ? 0 : v->confusion[answer * v->answers + k];
    }
    return tac_f1(tp, fp, fn);
}

static enum tacit_status group_metric(double *out, const struct tac_verdict *v,
                                      const struct tacit_examples *e, struct tacit_err *err)
{
    size_t n = tacit_examples_count(e), exact, groups;
    int64_t *group = tac_alloc(n, sizeof *group, err);
    bool *right = tac_alloc(n, sizeof *right, err);
    enum tacit_status s = group && right ? TACIT_OK : TACIT_EFAIL;
    for (size_t i = 0; !s && i < n; i++) {
        group[i] = e->data.example[i].group;
        right[i] = v->choice[i] == e->data.example[i].gold;
    }
    if (!s)
        s = tac_group_exact(&exact, &groups, group, right, n, err);
    if (!s)
        *out = groups ? (double)exact / (double)groups : (double)NAN;
    free(group);
    free(right);
    return s;
}

static void fill_accuracies(struct tacit_eval_row *row, struct tac_verdict *v,
                            const struct tacit_examples *e)
{
    size_t n = tacit_examples_count(e), right = count_right(v, e, BY_NOTHING), most = 0;
    size_t norm = count_right(v, e, BY_CHARACTERS);
    struct tac_interval ci = tac_wilson(right, n);
    row->accuracy = (double)right / (double)n;
    row->accuracy_stderr = tac_proportion_stderr(right, n);
    row->accuracy_low = ci.low;
    row->accuracy_high = ci.high;
    row->accuracy_norm = (double)norm / (double)n;
    row->accuracy_norm_stderr = tac_proportion_stderr(norm, n);
    row->accuracy_byte = (double)count_right(v, e, BY_BYTES) / (double)n;
    row->accuracy_token = (double)count_right(v, e, BY_TOKENS) / (double)n;
    for (size_t g = 0; g < v->answers; g++) {
        size_t of = 0;
        for (size_t c = 0; c < v->answers; c++)
            of += v->confusion[g * v->answers + c];
        most = of > most ? of : most;
    }
    row->majority = (double)most / (double)n;
}

static enum tacit_status check_labels(const struct tacit_examples *e, struct tacit_err *err)
{
    if (e->data.n == 0)
        return tac_fail(err, TACIT_EINPUT, "there are no examples to evaluate");
    for (size_t i = 0; i < e->data.n; i++)
        if (e->data.example[i].gold < 0)
            return tac_fail(err, TACIT_EINPUT, "%s:%zu: has no label to evaluate by", e->data.path,
                            e->data.example[i].line);
    return TACIT_OK;
}

/* The row's numbers but its loss, from log-likelihoods. */
static enum tacit_status fill_row(struct tacit_eval_row *row, struct tac_verdict *v,
                                  const struct tac_task *t, const struct tacit_examples *e,
                                  struct tacit_err *err)
{
    size_t positive = t->positive < 0 ? (t->n_answer > 1 ? 1 : 0) : (size_t)t->positive;
    enum tac_metric metric = t->metric[0];
    enum tacit_status s = TACIT_OK;
    fill_accuracies(row, v, e);
    row->f1 = f1_of(v, positive);
    row->macro_f1 = tac_macro_f1(v->confusion, v->answers);
    row->auroc = (double)NAN;
    if (t->n_answer == 2)
        s = margin_auroc(&row->auroc, v, e, positive, err);
    if (!s && metric == TAC_METRIC_GROUP_EXACT)
        s = group_metric(&row->metric, v, e, err);
    else if (!s)
        row->metric = metric == TAC_METRIC_F1         ? row->f1
                      : metric == TAC_METRIC_MACRO_F1 ? row->macro_f1
                                                      : row->accuracy;
    return s;
}

enum tacit_status tac_judge(struct tacit_eval_row *row, struct tacit_model *m,
                            const struct tacit_task *task, const struct tacit_examples *e,
                            const struct tac_condition *c, struct tac_verdict *keep,
                            const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tac_verdict v;
    enum tacit_status s = check_labels(e, err);
    if (s)
        return s;
    s = verdict_init(&v, e, task->t, err);
    if (!s)
        s = score_answers(&v, &row->loss, m, e, c, progress, err);
    if (!s)
        s = fill_row(row, &v, task->t, e, err);
    if (!s && keep)
        *keep = v;
    else
        tac_verdict_release(&v);
    return s;
}

/* Mean negative log-likelihood of the right answers' tokens. */
static double loss_of(const struct tac_verdict *v, const struct tacit_examples *e)
{
    double sum = 0;
    size_t tokens = 0;
    for (size_t i = 0; i < tacit_examples_count(e); i++) {
        struct tacit_example x;
        size_t n;
        const int32_t *ids;
        tacit_examples_get(e, i, &x);
        tacit_examples_answer(e, i, (size_t)x.gold, &ids, &n);
        sum -= v->loglik[v->first[i] + (size_t)x.gold];
        tokens += n;
    }
    return tokens ? sum / (double)tokens : (double)NAN;
}

/* Votes in place of log-likelihoods; the mean log-likelihood, squeezed into (0, 1/2), breaks ties.
 */
static void count_votes(struct tac_verdict *v, const struct tac_verdict *const *member, size_t n,
                        size_t examples)
{
    for (size_t i = 0; i < examples; i++) {
        for (size_t k = v->first[i]; k < v->first[i + 1]; k++)
            v->loglik[k] = 0.5 / (1 - v->loglik[k]);
        for (size_t m = 0; m < n; m++)
            v->loglik[v->first[i] + (size_t)member[m]->choice[i]]++;
    }
}

enum tacit_status tac_judge_together(struct tacit_eval_row *row, const struct tacit_task *task,
                                     const struct tacit_examples *e,
                                     const struct tac_verdict *const *member, size_t n, bool vote,
                                     struct tac_verdict *keep, struct tacit_err *err)
{
    size_t examples = tacit_examples_count(e);
    enum tacit_status s = verdict_init(keep, e, task->t, err);
    for (size_t k = 0; !s && k < keep->first[examples]; k++)
        for (size_t m = 0; m < n; m++)
            keep->loglik[k] += member[m]->loglik[k] / (double)n;
    if (s)
        return s;
    row->loss = loss_of(keep, e);
    if (vote)
        count_votes(keep, member, n, examples);
    s = fill_row(row, keep, task->t, e, err);
    if (vote)
        row->loss = row->accuracy_norm = row->accuracy_norm_stderr = row->accuracy_byte =
            row->accuracy_token = row->auroc = (double)NAN;
    if (s)
        tac_verdict_release(keep);
    return s;
}
