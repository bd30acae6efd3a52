/* Forgetting: the loss on texts that have nothing to do with a task, under its runs and without. */
#include "study/work.h"

#include "api/corpus.h"

#include <stdlib.h>
#include <string.h>

/* ---- the texts ---- */

/* A text as the tokens behind its first, which alone everything can predict; one without any is
 * left out. */
static void add_text(struct tac_texts *x, const int32_t *id, size_t n)
{
    if (n < 2)
        return;
    x->query[x->n++] =
        (struct tac_query){.ctx = id, .n_ctx = 1, .target = id + 1, .n_target = n - 1};
    x->tokens += n - 1;
    x->hash = tac_hash(tac_hash(x->hash, &n, sizeof n), id, n * sizeof *id);
}

static enum tacit_status begin_texts(struct tacit_study *st, struct tac_texts **out,
                                     const char *name, int task, struct tacit_err *err)
{
    struct tac_texts *x = *out = &st->texts[st->n_texts];
    *x = (struct tac_texts){.name = name, .task = task, .hash = TAC_HASH0};
    x->query = tac_arena_alloc(&st->arena, st->spec.forget.texts, sizeof *x->query, err);
    st->n_texts += x->query != NULL;
    return x->query ? TACIT_OK : TACIT_EFAIL;
}

/* The first inputs of a task's test set. */
static enum tacit_status task_texts(struct tacit_study *st, int task, struct tacit_err *err)
{
    const struct tac_study_task *t = &st->task[task];
    const struct tac_rendered *r = &t->test->rendered;
    size_t most = st->spec.forget.tokens;
    struct tac_texts *x;
    enum tacit_status s = begin_texts(st, &x, t->name, task, err);
    for (size_t i = 0; !s && i < r->n && i < st->spec.forget.texts; i++)
        add_text(x, r->example[i].ctx, r->example[i].n_ctx < most ? r->example[i].n_ctx : most);
    return s;
}

struct file {
    struct tacit_study *st;
    struct tac_texts *x;
    struct tac_buf text;
};

/* At most so many bytes of a text, without a broken character at the end. */
static size_t whole_characters(const char *s, size_t n, size_t most)
{
    if (n <= most)
        return n;
    while (most && ((unsigned char)s[most] & 0xc0) == 0x80)
        most--;
    return most;
}

/* Cuts a document into texts; of a file of lines each line is one text. */
static enum tacit_status take_document(void *ctx, const struct tac_text_part *part, size_t n,
                                       const char *where, struct tacit_err *err)
{
    enum { BYTES = 64 }; /* a token's, at most, on average */
    struct file *f = ctx;
    const struct tac_spec_forget *o = &f->st->spec.forget;
    bool lines = tac_ends_with(o->file, ".jsonl");
    size_t left = o->texts - f->x->n, want = (lines ? 1 : left) * o->tokens;
    struct tac_ids ids = {0};
    enum tacit_status s = TACIT_OK;
    tac_buf_clear(&f->text);
    for (size_t i = 0; !s && left && i < n && f->text.len < want * BYTES; i++)
        s = tac_buf_add(&f->text, part[i].text,
                        whole_characters(part[i].text, part[i].bytes, want * BYTES), err);
    if (!s && f->text.len)
        s = tac_tokenizer_encode_as(f->st->m->tokenizer->t, &ids, f->text.data, f->text.len,
                                    TACIT_TEXT_BEGINS, err);
    if (s)
        tac_err_prefix(err, "%s: ", where);
    size_t count = ids.n < want ? ids.n : want;
    int32_t *own = s ? NULL : tac_arena_alloc(&f->st->arena, count, sizeof *own, err);
    if (own && count)
        memcpy(own, ids.id, count * sizeof *own);
    for (size_t i = 0; own && i < count && f->x->n < o->texts; i += o->tokens)
        add_text(f->x, own + i, count - i < o->tokens ? count - i : o->tokens);
    free(ids.id);
    return s ? s : own ? TACIT_OK : TACIT_EFAIL;
}

static enum tacit_status file_texts(struct tacit_study *st, struct tacit_err *err)
{
    const char *path = st->spec.forget.file, *slash = strrchr(path, '/');
    struct file f = {.st = st};
    enum tacit_status s = begin_texts(st, &f.x, slash ? slash + 1 : path, TAC_NO_TASK, err);
    if (!s)
        s = tac_corpus_read(path, take_document, &f, err);
    if (!s && !f.x->n)
        s = tac_fail(err, TACIT_EINPUT, "%s: has no text of two tokens", path);
    tac_buf_release(&f.text);
    return s;
}

enum tacit_status tac_texts_load(struct tacit_study *st, struct tacit_err *err)
{
    enum tacit_status s = TACIT_OK;
    if (!st->spec.forget.on)
        return TACIT_OK;
    if (st->spec.forget.file)
        return file_texts(st, err);
    if (st->n_task < 2)
        return tac_fail(err, TACIT_EINPUT,
                        "%s: key 'forgetting': one task has no other task's inputs: give a 'file'",
                        st->file);
    for (int t = 0; !s && t < (int)st->n_task; t++)
        s = task_texts(st, t, err);
    return s;
}

/* ---- the unit ---- */

static enum tacit_status loss_on(double *out, struct tac_work *w, struct tacit_model *m,
                                 const struct tac_condition *c, const struct tac_texts *x,
                                 struct tacit_err *err)
{
    struct tac_score_options o = tac_score_options_public(w->progress);
    double *logp = tac_alloc(x->tokens, sizeof *logp, err), sum = 0;
    enum tacit_status s =
        logp ? tac_score(m->session, logp, NULL, &c->ports, &c->prefix, x->query, x->n, &o, err)
             : TACIT_EFAIL;
    for (size_t i = 0; !s && i < x->tokens; i++)
        sum -= logp[i];
    *out = sum / (double)x->tokens;
    free(logp);
    return s;
}

enum tacit_status tac_forget(json_t **out, struct tac_work *w, struct tacit_model *m,
                             const struct tac_condition *c, struct tacit_err *err)
{
    const struct tacit_study *st = w->st;
    int task = st->prompt[w->u->a].task;
    *out = json_array();
    enum tacit_status s = *out ? TACIT_OK : tac_fail_memory(err, 0);
    for (size_t i = 0; !s && i < st->n_texts; i++) {
        const struct tac_texts *x = &st->texts[i];
        double loss;
        if (!tac_texts_for(x, task))
            continue;
        s = loss_on(&loss, w, m, c, x, err);
        if (!s && json_array_append_new(*out, json_pack("{s:s, s:I, s:I, s:f}", "of", x->name,
                                                        "texts", (json_int_t)x->n, "tokens",
                                                        (json_int_t)x->tokens, "loss", loss)))
            s = tac_fail_memory(err, 0);
    }
    if (s) {
        json_decref(*out);
        *out = NULL;
    }
    return s;
}

enum tacit_status tac_unit_forget(struct tac_work *w, struct tacit_err *err)
{
    struct tac_held h;
    json_t *out = NULL;
    enum tacit_status s = tac_hold(&h, w, &w->st->prompt[w->u->a], err);
    if (!s)
        s = tac_forget(&out, w, w->m, &h.condition, err);
    tac_hold_release(&h);
    return s ? s : tac_put_result(w, out, err);
}
