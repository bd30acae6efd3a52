/* The merges of an imported vocabulary: the file's, or those that SentencePiece's scores come to.
 */
#include "api/import_vocab.h"

#include <stdlib.h>

static enum tacit_status write_merge(struct tac_words_out *o, struct tac_gguf_string left,
                                     struct tac_gguf_string right, bool first)
{
    enum tacit_status s = tac_words_add(o, first ? "\n      [\n        " : ",\n      [\n        ");
    if (!s)
        s = tac_words_quote(o, left.s, left.n);
    if (!s)
        s = tac_words_add(o, ",\n        ");
    if (!s)
        s = tac_words_quote(o, right.s, right.n);
    return s ? s : tac_words_add(o, "\n      ]");
}

/* A way to make a piece of two: their lengths in characters; `at` bytes belong to the left one. */
struct cut {
    float score;
    uint32_t id, left, right, at;
};

/* As transformers' generate_merges: by falling score, then by falling length of the left and of the
 * right half. */
static int by_score(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score > y->score ? -1 : 1;
    if (x->left != y->left)
        return x->left > y->left ? -1 : 1;
    if (x->right != y->right)
        return x->right > y->right ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool is_piece(const struct tac_words_out *o, const char *s, size_t n)
{
    size_t id = tac_words_id(o, s, n);
    return id < o->v->n && o->v->token[id].kind == TAC_T_NORMAL;
}

static enum tacit_status cut_token(struct tac_words_out *o, struct cut **cuts, size_t *n,
                                   size_t *cap, size_t id)
{
    const struct tac_import_token *t = &o->v->token[id];
    uint32_t chars = 0, left = 0, cp;
    for (size_t at = 0; at < t->n; at += tac_utf8_next(t->s + at, t->n - at, &cp))
        chars++;
    for (size_t at = tac_utf8_next(t->s, t->n, &cp); at < t->n;
         at += tac_utf8_next(t->s + at, t->n - at, &cp)) {
        left++;
        if (!is_piece(o, t->s, at) || !is_piece(o, t->s + at, t->n - at))
            continue;
        enum tacit_status s = tac_grow(cuts, cap, *n + 1, sizeof **cuts, o->err);
        if (s)
            return s;
        (*cuts)[(*n)++] = (struct cut){t->score, (uint32_t)id, left, chars - left, (uint32_t)at};
    }
    return TACIT_OK;
}

/* SentencePiece's file has no merges: any two pieces that make a third may be merged, that with the
 * best score first. */
static enum tacit_status write_cuts(struct tac_words_out *o)
{
    struct cut *cuts = NULL;
    size_t n = 0, cap = 0;
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < o->v->n; i++)
        if (o->v->token[i].kind == TAC_T_NORMAL)
            s = cut_token(o, &cuts, &n, &cap, i);
    if (!s && n)
        qsort(cuts, n, sizeof *cuts, by_score);
    for (size_t i = 0; !s && i < n; i++) {
        const struct tac_import_token *t = &o->v->token[cuts[i].id];
        s = write_merge(o, (struct tac_gguf_string){t->s, cuts[i].at},
                        (struct tac_gguf_string){t->s + cuts[i].at, t->n - cuts[i].at}, !i);
    }
    free(cuts);
    return s ? s : tac_words_add(o, n ? "\n    ]\n  }\n}" : "]\n  }\n}");
}

static bool is_known(const struct tac_words_out *o, struct tac_gguf_string s)
{
    size_t id = tac_words_id(o, s.s, s.n);
    return id < o->v->n && o->model[id];
}

/* Both halves of a merge, and what they make, must be tokens of the model. */
static enum tacit_status check_merge(const struct tac_words_out *o, size_t i, struct tac_buf *whole)
{
    const struct tac_import_merge *m = &o->v->merge[i];
    const char *bad = NULL;
    tac_buf_clear(whole);
    enum tacit_status s = tac_buf_add(whole, m->left.s, m->left.n, o->err);
    if (!s)
        s = tac_buf_add(whole, m->right.s, m->right.n, o->err);
    if (s)
        return s;
    if (!is_known(o, m->left))
        bad = "left half";
    else if (!is_known(o, m->right))
        bad = "right half";
    else if (!is_known(o, (struct tac_gguf_string){whole->data, whole->len}))
        bad = "result";
    return bad ? tac_fail(o->err, TACIT_EINPUT, "%s: merge %zu: its %s is no token", o->v->file, i,
                          bad)
               : TACIT_OK;
}

static enum tacit_status write_merges(struct tac_words_out *o)
{
    struct tac_buf whole = {0};
    enum tacit_status s = TACIT_OK;
    for (size_t i = 0; !s && i < o->v->n_merge; i++) {
        s = check_merge(o, i, &whole);
        if (!s)
            s = write_merge(o, o->v->merge[i].left, o->v->merge[i].right, !i);
    }
    tac_buf_release(&whole);
    return s ? s : tac_words_add(o, o->v->n_merge ? "\n    ]\n  }\n}" : "]\n  }\n}");
}

enum tacit_status tac_words_merges(struct tac_words_out *o)
{
    return o->v->sentencepiece ? write_cuts(o) : write_merges(o);
}
