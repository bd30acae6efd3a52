#include "tokenizer/split.h"

#include <stdlib.h>
#include <string.h>

enum tacit_status tac_split_add(struct tac_split *split, struct tac_split_step step,
                                struct tacit_err *err)
{
    enum tacit_status st =
        tac_grow(&split->step, &split->cap, split->n + 1, sizeof *split->step, err);
    if (st)
        tac_pattern_close(&step.pattern);
    else
        split->step[split->n++] = step;
    return st;
}

void tac_split_release(struct tac_split *split)
{
    for (size_t i = 0; i < split->n; i++)
        tac_pattern_close(&split->step[i].pattern);
    free(split->step);
    *split = (struct tac_split){0};
}

void tac_split_work_release(struct tac_split_work *work)
{
    tac_match_release(&work->match);
    tac_buf_release(&work->spaced);
    tac_buf_release(&work->marked);
}

/* One call of tac_split_run. */
struct run {
    const struct tac_split *split;
    const uint8_t *chars;
    struct tac_split_work *work;
    const char *text; /* what tac_split_run was given */
    enum tac_stand stand;
    tac_word_fn *word;
    void *context;
    struct tacit_err *err;
};

static enum tacit_status run_step(const struct run *r, size_t k, const char *s, size_t n);

/* A piece for the steps from k on; behind the last it is a word. */
static inline enum tacit_status pass_on(const struct run *r, size_t k, const char *s, size_t n)
{
    return k == r->split->n ? r->word(r->context, s, n, r->err) : run_step(r, k, s, n);
}

/* A step at work on the text s. Items, matches and gaps between them, arrive in order; [start, end)
 * is a piece that the next item may still belong to. */
struct cutter {
    const struct run *run;
    size_t k; /* of the step */
    const char *s;
    size_t start, end;
    bool held;         /* there is such a piece */
    bool held_matches; /* its last item was a match */
};

static enum tacit_status let_go(struct cutter *c)
{
    bool held = c->held && c->end > c->start;
    c->held = false;
    return held ? pass_on(c->run, c->k + 1, c->s + c->start, c->end - c->start) : TACIT_OK;
}

/* The item belongs to the piece that is held. */
static bool joins(const struct cutter *c, enum tac_behavior behavior, bool match)
{
    if (!c->held)
        return false;
    switch (behavior) {
    case TAC_MERGED_WITH_PREVIOUS:
        return match && !c->held_matches;
    case TAC_MERGED_WITH_NEXT:
        return !match && c->held_matches;
    case TAC_CONTIGUOUS:
        return match == c->held_matches;
    default:
        return false;
    }
}

static enum tacit_status add_item(struct cutter *c, size_t start, size_t end, bool match)
{
    const struct tac_split_step *step = &c->run->split->step[c->k];
    match ^= step->invert;
    if (step->behavior == TAC_ISOLATED || step->behavior == TAC_REMOVED) {
        bool drop = end == start || (match && step->behavior == TAC_REMOVED);
        return drop ? TACIT_OK : pass_on(c->run, c->k + 1, c->s + start, end - start);
    }
    enum tacit_status st = TACIT_OK;
    if (!joins(c, step->behavior, match)) {
        st = let_go(c);
        c->start = start;
        c->held = true;
    }
    c->end = end;
    c->held_matches = match;
    return st;
}

/* An empty match just behind the last match does not count, and the search goes on one character
 * later. */
static enum tacit_status cut_by_pattern(struct cutter *c, size_t n)
{
    const struct run *r = c->run;
    const struct tac_pattern *pattern = &r->split->step[c->k].pattern;
    size_t from = 0, done = 0, start, end, len;
    bool matched = false, found;
    enum tacit_status st = TACIT_OK;
    while (!st && from <= n) {
        st = tac_pattern_next(pattern, &r->work->match, r->chars, c->s, n, from, &start, &end,
                              &found, r->err);
        if (st || !found)
            break;
        if (start == end && matched && end == done) {
            len = 1;
            if (from < n)
                tac_char_at(c->s + from, &len);
            from += len;
            continue;
        }
        if (done != start)
            st = add_item(c, done, start, false);
        if (!st)
            st = add_item(c, start, end, true);
        done = from = end;
        matched = true;
    }
    if (!st && done != n)
        st = add_item(c, done, n, false);
    return st;
}

/* Each number character is a match. */
static enum tacit_status cut_digits(struct cutter *c, size_t n)
{
    size_t done = 0, len;
    enum tacit_status st = TACIT_OK;
    for (size_t i = 0; i < n && !st; i += len) {
        if (!(tac_class_at(c->run->chars, c->s + i, &len) & TAC_NUMBER))
            continue;
        if (done < i)
            st = add_item(c, done, i, false);
        if (!st)
            st = add_item(c, i, i + len, true);
        done = i + len;
    }
    if (!st && done < n)
        st = add_item(c, done, n, false);
    return st;
}

static enum tacit_status add_space(const struct run *r, size_t k, const char *s, size_t n)
{
    struct tac_buf *b = &r->work->spaced;
    if (s[0] == ' ')
        return pass_on(r, k + 1, s, n);
    tac_buf_clear(b);
    enum tacit_status st = tac_buf_adds(b, " ", r->err);
    if (!st)
        st = tac_buf_add(b, s, n, r->err);
    return st ? st : pass_on(r, k + 1, b->data, b->len);
}

static bool gets_mark(const struct run *r, const struct tac_split_step *step, const char *s)
{
    bool begins = s == r->text;
    if (step->prepend == TAC_PREPEND_NEVER || (begins && r->stand == TAC_CONTINUES))
        return false;
    return step->prepend == TAC_PREPEND_ALWAYS || (begins && r->stand == TAC_FIRST);
}

/* Appends s to b with a mark for each space. */
static enum tacit_status put_marked(struct tac_buf *b, const char *mark, const char *s, size_t n,
                                    struct tacit_err *err)
{
    const char *end = s + n, *space;
    enum tacit_status st = TACIT_OK;
    while (!st && (space = memchr(s, ' ', (size_t)(end - s)))) {
        st = tac_buf_add(b, s, (size_t)(space - s), err);
        if (!st)
            st = tac_buf_adds(b, mark, err);
        s = space + 1;
    }
    return st ? st : tac_buf_add(b, s, (size_t)(end - s), err);
}

static enum tacit_status cut_words(const struct run *r, size_t k, const char *mark, const char *s,
                                   size_t n)
{
    size_t len = strlen(mark);
    enum tacit_status st = TACIT_OK;
    for (const char *end = s + n; s < end && !st;) {
        const char *next = memmem(s + 1, (size_t)(end - s - 1), mark, len);
        next = next ? next : end;
        st = pass_on(r, k + 1, s, (size_t)(next - s));
        s = next;
    }
    return st;
}

static enum tacit_status metaspace(const struct run *r, size_t k, const char *s, size_t n)
{
    const struct tac_split_step *step = &r->split->step[k];
    struct tac_buf *b = &r->work->marked;
    size_t len = strlen(step->mark);
    bool marked = s[0] == ' ' || (n >= len && !memcmp(s, step->mark, len));
    tac_buf_clear(b);
    enum tacit_status st = TACIT_OK;
    if (!marked && gets_mark(r, step, s))
        st = tac_buf_adds(b, step->mark, r->err);
    if (!st)
        st = put_marked(b, step->mark, s, n, r->err);
    if (st)
        return st;
    return step->words ? cut_words(r, k, step->mark, b->data, b->len)
                       : pass_on(r, k + 1, b->data, b->len);
}

static enum tacit_status run_step(const struct run *r, size_t k, const char *s, size_t n)
{
    enum tac_split_kind kind = r->split->step[k].kind;
    if (kind == TAC_SPLIT_SPACE)
        return add_space(r, k, s, n);
    if (kind == TAC_SPLIT_METASPACE)
        return metaspace(r, k, s, n);
    struct cutter c = {.run = r, .k = k, .s = s};
    enum tacit_status st = kind == TAC_SPLIT_DIGITS ? cut_digits(&c, n) : cut_by_pattern(&c, n);
    return st ? st : let_go(&c);
}

enum tacit_status tac_split_run(const struct tac_split *split, const uint8_t *chars,
                                struct tac_split_work *work, const char *s, size_t n,
                                enum tac_stand stand, tac_word_fn *word, void *context,
                                struct tacit_err *err)
{
    struct run r = {split, chars, work, s, stand, word, context, err};
    return n ? pass_on(&r, 0, s, n) : TACIT_OK;
}
