/* Pretraining: the next token everywhere, on texts joined and cut into pieces, or on documents each
 * for itself. */
#include "api/corpus.h"
#include "api/job.h"

#include <stdlib.h>
#include <string.h>

/* All tokens of the corpus, what each counts for, and where documents end. */
struct corpus {
    const struct tacit_tokenizer *t;
    int32_t end; /* of a text; -1 where the tokenizer has none */
    struct tac_ids ids;
    float *weight;
    size_t cap_weight;
    size_t *stop; /* (n) one past each document's last token */
    size_t n, cap_stop;
};

static int32_t end_of_text(const struct tacit_tokenizer *t)
{
    static const char *const names[] = {"</s>", "<|endoftext|>", "<|end_of_text|>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t id = tac_tokenizer_id(t->t, names[i]);
        if (id >= 0)
            return id;
    }
    return -1;
}

/* The weights of the tokens from `from` on. */
static enum tacit_status set_weights(struct corpus *c, size_t from, float weight,
                                     struct tacit_err *err)
{
    enum tacit_status s = tac_grow(&c->weight, &c->cap_weight, c->ids.n, sizeof *c->weight, err);
    for (size_t i = from; !s && i < c->ids.n; i++)
        c->weight[i] = weight;
    return s;
}

static enum tacit_status add_end(struct corpus *c, struct tacit_err *err)
{
    if (c->end < 0)
        return TACIT_OK;
    enum tacit_status s = tac_grow(&c->ids.id, &c->ids.cap, c->ids.n + 1, sizeof *c->ids.id, err);
    if (!s)
        c->ids.id[c->ids.n++] = c->end;
    return s;
}

/* Parts are tokenised apart, as a task's input and answers are. */
static enum tacit_status add_document(void *ctx, const struct tac_text_part *part, size_t n,
                                      const char *where, struct tacit_err *err)
{
    struct corpus *c = ctx;
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < n; i++) {
        size_t from = c->ids.n;
        s = tac_tokenizer_encode_as(c->t->t, &c->ids, part[i].text, part[i].bytes,
                                    i ? TACIT_TEXT_CONTINUES : TACIT_TEXT_BEGINS, err);
        if (s)
            return tac_err_prefix(err, "%s: ", where);
        if (i + 1 == n)
            s = add_end(c, err);
        if (!s)
            s = set_weights(c, from, part[i].weight, err);
    }
    if (!s)
        s = tac_grow(&c->stop, &c->cap_stop, c->n + 1, sizeof *c->stop, err);
    if (!s)
        c->stop[c->n++] = c->ids.n;
    return s;
}

static void corpus_release(struct corpus *c)
{
    tac_ids_release(&c->ids);
    free(c->weight);
    free(c->stop);
}

/* Tokens [from, to): the first is given, all others are predicted. */
static struct tac_query query_of(const struct corpus *c, size_t from, size_t to)
{
    return (struct tac_query){.ctx = c->ids.id + from,
                              .n_ctx = 1,
                              .target = c->ids.id + from + 1,
                              .n_target = to - from - 1,
                              .weight = c->weight + from + 1};
}

static enum tacit_status cut_pieces(struct tac_train_job *j, const struct corpus *c, size_t context,
                                    struct tacit_err *err)
{
    size_t n = c->ids.n / context;
    if (context < 2 || !n)
        return tac_fail(err, TACIT_EINPUT,
                        "the text has %zu tokens, a piece needs %zu (at least 2, at most the text)",
                        c->ids.n, context);
    j->example = tac_alloc(n, sizeof *j->example, err);
    for (size_t i = 0; j->example && i < n; i++)
        j->example[j->n++] = query_of(c, i * context, (i + 1) * context);
    return j->example ? TACIT_OK : TACIT_EFAIL;
}

/* Documents in which something is to be predicted. */
static enum tacit_status take_documents(struct tac_train_job *j, const struct corpus *c,
                                        struct tacit_err *err)
{
    j->example = tac_alloc(c->n, sizeof *j->example, err);
    for (size_t i = 0; j->example && i < c->n; i++) {
        struct tac_query q = query_of(c, i ? c->stop[i - 1] : 0, c->stop[i]);
        bool any = false;
        for (size_t k = 0; c->stop[i] - (i ? c->stop[i - 1] : 0) > 1 && k < q.n_target; k++)
            any |= q.weight[k] > 0;
        if (any)
            j->example[j->n++] = q;
    }
    if (j->example && !j->n)
        return tac_fail(err, TACIT_EINPUT, "the documents have nothing to predict");
    return j->example ? TACIT_OK : TACIT_EFAIL;
}

enum tacit_status tacit_pretrain(struct tacit_model *m, const char *const *files, size_t n_files,
                                 size_t context, const struct tacit_train_options *o,
                                 struct tacit_train_result *result,
                                 const struct tacit_progress *progress, struct tacit_err *err)
{
    struct tac_train_job j = {.m = m, .o = o, .progress = progress};
    struct corpus c = {.t = m->tokenizer};
    enum tacit_status s = tac_job_options(&j, err);
    if (!s && !m->tokenizer)
        s = tac_fail(err, TACIT_EINPUT, "%s: has no tokenizer, text needs one", m->model->path);
    if (!s)
        c.end = end_of_text(m->tokenizer);
    for (size_t i = 0; !s && i < n_files; i++)
        s = tac_corpus_read(files[i], add_document, &c, err);
    if (!s)
        s = context ? cut_pieces(&j, &c, context, err) : take_documents(&j, &c, err);
    if (!s)
        s = tac_job_open(&j, err);
    if (!s)
        s = tac_job_run(&j, result, err);
    tac_job_release(&j);
    corpus_release(&c);
    return s;
}
