#include "api/judge.h"

#include "stats/describe.h"

#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 2000, SEED = 0 };

struct tacit_eval {
    struct tacit_eval_row *row;
    struct tac_verdict *verdict;
    char **name;
    size_t n, n_example, answers;
    struct tacit_eval_diff *diff;
    size_t n_diff;
    bool fixed_answers;
};

/* Right or wrong of every example as 1 and 0. */
static void hits(double *out, const struct tacit_eval *e, size_t row,
                 const struct tacit_examples *x)
{
    for (size_t i = 0; i < e->n_example; i++)
        out[i] = e->verdict[row].choice[i] == x->data.example[i].gold;
}

static enum tacit_status set_diffs(struct tacit_eval *e, const struct tacit_examples *x,
                                   struct tacit_err *err)
{
    size_t n = e->n_example;
    double *hit = tac_alloc(2 * n, sizeof *hit, err);
    e->diff = tac_alloc(e->n * e->n / 2 + 1, sizeof *e->diff, err);
    enum tacit_status s = hit && e->diff ? TACIT_OK : TACIT_EFAIL;
    for (size_t b = 1; !s && n > 1 && b < e->n; b++)
        for (size_t a = 0; !s && a < b; a++) {
            struct tac_paired p;
            hits(hit, e, b, x);
            hits(hit + n, e, a, x);
            s = tac_paired_difference(&p, hit, hit + n, n, RESAMPLES, SEED, err);
            e->diff[e->n_diff++] = (struct tacit_eval_diff){.a = a,
                                                            .b = b,
                                                            .accuracy = p.mean,
                                                            .low = p.bootstrap.low,
                                                            .high = p.bootstrap.high};
        }
    free(hit);
    return s;
}

static enum tacit_status name_row(struct tacit_eval *e, size_t i, const char *name,
                                  struct tacit_err *err)
{
    e->name[i] = tac_strdup(name ? name : "", err);
    e->row[i].name = e->name[i];
    return e->name[i] ? TACIT_OK : TACIT_EFAIL;
}

/* The row of all adapters together; their rows are there already. */
static enum tacit_status eval_together(struct tacit_eval *e, size_t i,
                                       const struct tacit_task *task,
                                       const struct tacit_examples *x,
                                       const struct tacit_prompt *prompt, size_t n_prompt,
                                       struct tacit_err *err)
{
    const struct tac_verdict **member = tac_alloc(n_prompt, sizeof *member, err);
    enum tacit_status s = member ? name_row(e, i, prompt[i].name, err) : TACIT_EFAIL;
    size_t n = 0;
    for (size_t k = 0; !s && k < n_prompt; k++)
        if (!prompt[k].ensemble && prompt[k].adapter)
            member[n++] = &e->verdict[k];
    if (!s && n < 2)
        s = tac_fail(err, TACIT_EINPUT, "an ensemble of %zu adapters: expected two or more", n);
    if (!s)
        s = tac_judge_together(&e->row[i], task, x, member, n, prompt[i].ensemble == TACIT_VOTE,
                               &e->verdict[i], err);
    free(member);
    return s;
}

static enum tacit_status eval_prompt(struct tacit_eval *e, size_t i, struct tacit_model *m,
                                     const struct tacit_task *task, const struct tacit_examples *x,
                                     const struct tacit_prompt *prompt,
                                     const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tac_condition c;
    enum tacit_status s = name_row(e, i, prompt->name, err);
    if (s)
        return s;
    s = tac_condition_open(&c, m, prompt, err);
    if (s)
        return tac_err_prefix(err, "%s: ", e->name[i]);
    s = tac_judge(&e->row[i], m, task, x, &c, &e->verdict[i], progress, err);
    tac_condition_close(&c);
    return s;
}

/* Whether every example fits under every prompt, before the first is scored. */
static enum tacit_status check_lengths(struct tacit_model *m, const struct tacit_examples *x,
                                       const struct tacit_prompt *prompt, size_t n_prompt,
                                       struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < n_prompt; i++) {
        struct tac_condition c;
        if (prompt[i].ensemble)
            continue;
        s = tac_condition_open(&c, m, &prompt[i], err);
        if (!s) {
            s = tac_examples_fit(x, m, tac_query_own(&c.ports, &c.prefix), false, err);
            tac_condition_close(&c);
        }
        if (s)
            return tac_err_prefix(err, "%s: ", prompt[i].name ? prompt[i].name : "");
    }
    return s;
}

enum tacit_status tacit_eval(struct tacit_eval **out, struct tacit_model *m,
                             const struct tacit_task *task, const struct tacit_examples *examples,
                             const struct tacit_prompt *prompt, size_t n_prompt,
                             const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tacit_eval *e = *out = tac_alloc(1, sizeof *e, err);
    if (!e)
        return TACIT_EFAIL;
    e->n_example = tacit_examples_count(examples);
    e->answers = task->t->n_answer;
    e->fixed_answers = task->t->fixed_answers;
    e->row = tac_alloc(n_prompt, sizeof *e->row, err);
    e->verdict = tac_alloc(n_prompt, sizeof *e->verdict, err);
    e->name = tac_alloc(n_prompt, sizeof *e->name, err);
    enum tacit_status s = e->row && e->verdict && e->name ? TACIT_OK : TACIT_EFAIL;
    e->n = e->row && e->verdict && e->name ? n_prompt : 0;
    if (!s)
        s = check_lengths(m, examples, prompt, n_prompt, err);
    for (size_t i = 0; !s && i < n_prompt; i++)
        if (!prompt[i].ensemble)
            s = eval_prompt(e, i, m, task, examples, &prompt[i], progress, err);
    for (size_t i = 0; !s && i < n_prompt; i++)
        if (prompt[i].ensemble)
            s = eval_together(e, i, task, examples, prompt, n_prompt, err);
    if (!s)
        s = set_diffs(e, examples, err);
    if (s) {
        tacit_eval_free(e);
        *out = NULL;
    }
    return s;
}

enum tacit_status tacit_eval_plan(struct tacit_model *m, const struct tacit_examples *examples,
                                  const struct tacit_prompt *prompt, size_t n_prompt, size_t *bytes,
                                  size_t *rows, struct tacit_err *err)
{
    size_t n, one_bytes, one_rows;
    struct tac_query *q = tac_examples_queries(examples, &n, err);
    enum tacit_status s = q ? check_lengths(m, examples, prompt, n_prompt, err) : TACIT_EFAIL;
    *bytes = *rows = 0;
    for (size_t i = 0; !s && i < n_prompt; i++) {
        if (prompt[i].ensemble)
            continue;
        s = tac_score_plan(m, &prompt[i], q, n, &one_bytes, &one_rows, err);
        if (!s && one_bytes > *bytes) {
            *bytes = one_bytes;
            *rows = one_rows;
        }
    }
    free(q);
    return s;
}

void tacit_eval_free(struct tacit_eval *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n; i++) {
        tac_verdict_release(&e->verdict[i]);
        free(e->name[i]);
    }
    free(e->row);
    free(e->verdict);
    free(e->name);
    free(e->diff);
    free(e);
}

size_t tacit_eval_rows(const struct tacit_eval *e)
{
    return e->n;
}

const struct tacit_eval_row *tacit_eval_row(const struct tacit_eval *e, size_t i)
{
    return &e->row[i];
}

size_t tacit_eval_diffs(const struct tacit_eval *e)
{
    return e->n_diff;
}

const struct tacit_eval_diff *tacit_eval_diff(const struct tacit_eval *e, size_t i)
{
    return &e->diff[i];
}

size_t tacit_eval_answers(const struct tacit_eval *e)
{
    return e->fixed_answers ? e->answers : 0;
}

size_t tacit_eval_confusion(const struct tacit_eval *e, size_t row, size_t g, size_t p)
{
    return e->verdict[row].confusion[g * e->answers + p];
}

double tacit_eval_loglik(const struct tacit_eval *e, size_t row, size_t example, size_t answer)
{
    return e->verdict[row].loglik[e->verdict[row].first[example] + answer];
}
