#include "tokenizer/normal.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum tacit_status tac_normal_add(struct tac_normal *normal, struct tac_normal_step step,
                                 struct tacit_err *err)
{
    enum tacit_status st =
        tac_grow(&normal->step, &normal->cap, normal->n + 1, sizeof *normal->step, err);
    if (st) {
        tac_pattern_close(&step.pattern);
        return st;
    }
    struct tac_normal_step *own = &normal->step[normal->n++];
    *own = step;
    own->from = step.from ? tac_strdup(step.from, err) : NULL;
    own->text = step.text ? tac_strdup(step.text, err) : NULL;
    return (step.from && !own->from) || (step.text && !own->text) ? TACIT_EFAIL : TACIT_OK;
}

void tac_normal_release(struct tac_normal *normal)
{
    for (size_t i = 0; i < normal->n; i++) {
        free(normal->step[i].from);
        free(normal->step[i].text);
        tac_pattern_close(&normal->step[i].pattern);
    }
    free(normal->step);
    *normal = (struct tac_normal){0};
}

void tac_normal_work_release(struct tac_normal_work *work)
{
    tac_buf_release(&work->text[0]);
    tac_buf_release(&work->text[1]);
    free(work->code);
    tac_match_release(&work->match);
    *work = (struct tac_normal_work){0};
}

static utf8proc_option_t form_options(enum tac_normal_kind kind)
{
    switch (kind) {
    case TAC_NORMAL_NFC:
        return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    case TAC_NORMAL_NFD:
        return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    case TAC_NORMAL_NFKC:
        return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    default:
        return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    }
}

/* Appends the normal form of n bytes. utf8proc wants room for one more element than there are. */
static enum tacit_status put_form(struct tac_normal_work *work, struct tac_buf *out,
                                  enum tac_normal_kind kind, const char *s, size_t n,
                                  struct tacit_err *err)
{
    utf8proc_option_t options = form_options(kind);
    size_t want = n;
    utf8proc_ssize_t got;
    do {
        enum tacit_status st =
            tac_grow(&work->code, &work->code_cap, want + 1, sizeof *work->code, err);
        if (st)
            return st;
        got = utf8proc_decompose((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)n, work->code,
                                 (utf8proc_ssize_t)work->code_cap - 1, options);
        want = got > 0 ? (size_t)got : 0;
    } while (got >= (utf8proc_ssize_t)work->code_cap);
    if (got >= 0)
        got = utf8proc_reencode(work->code, got, options);
    if (got == UTF8PROC_ERROR_NOMEM)
        return tac_fail_memory(err, 0);
    if (got < 0)
        return tac_fail(err, TACIT_EFAIL, "normalising the text: %s", utf8proc_errmsg(got));
    return tac_buf_add(out, work->code, (size_t)got, err);
}

static size_t active_end(const uint8_t *chars, const char *s, size_t n, size_t i)
{
    size_t len;
    while (i < n && tac_class_at(chars, s + i, &len) & TAC_ACTIVE)
        i += len;
    return i;
}

/* utf8proc knows newer characters than HuggingFace tokenizers, whose normal forms are of Unicode 9
 * and let what they do not know stand as it is: such a character is not active, though utf8proc
 * would move it or take it apart. */
static bool is_newer(const char *s)
{
    size_t len;
    const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)tac_char_at(s, &len));
    return p->combining_class != 0 || p->decomp_seqindex != UINT16_MAX;
}

/* A character that is not active never changes; active ones concern the run they stand in and the
 * one character before it. */
static enum tacit_status put_forms(struct tac_normal_work *work, struct tac_buf *out,
                                   const uint8_t *chars, enum tac_normal_kind kind, const char *s,
                                   size_t n, struct tacit_err *err)
{
    size_t done = 0, previous = 0, i = 0, len;
    enum tacit_status st = TACIT_OK;
    while (i < n && !st) {
        if (!(tac_class_at(chars, s + i, &len) & TAC_ACTIVE)) {
            previous = i;
            i += len;
            continue;
        }
        if (previous < i && is_newer(s + previous))
            previous = i;
        st = tac_buf_add(out, s + done, previous - done, err);
        i = active_end(chars, s, n, i);
        if (!st)
            st = put_form(work, out, kind, s + previous, i - previous, err);
        done = previous = i;
    }
    return st ? st : tac_buf_add(out, s + done, n - done, err);
}

/* memmem for texts so short that its tables cost more than they save. */
static const char *find_text(const char *s, const char *end, const char *text, size_t len)
{
    while ((s = memchr(s, text[0], (size_t)(end - s)))) {
        if ((size_t)(end - s) >= len && !memcmp(s, text, len))
            return s;
        s++;
    }
    return NULL;
}

/* A match at the beginning, of `len` bytes, that is replaced. HuggingFace tokenizers takes what
 * comes instead for the last character of the match, or for what follows if nothing comes. */
static void note_cut(struct tac_normal_work *work, const struct tac_normal_step *step,
                     const char *s, size_t len)
{
    size_t first = 0;
    if (len)
        tac_char_at(s, &first);
    work->cut |= len > first || (len && !*step->text);
}

static enum tacit_status put_replaced(struct tac_normal_work *work, struct tac_buf *out,
                                      const struct tac_normal_step *step, const char *s, size_t n,
                                      struct tacit_err *err)
{
    size_t len = strlen(step->from);
    if (n >= len && !memcmp(s, step->from, len))
        note_cut(work, step, s, len);
    const char *end = s + n, *hit;
    enum tacit_status st = TACIT_OK;
    while (!st && (hit = find_text(s, end, step->from, len))) {
        st = tac_buf_add(out, s, (size_t)(hit - s), err);
        if (!st)
            st = tac_buf_adds(out, step->text, err);
        s = hit + len;
    }
    return st ? st : tac_buf_add(out, s, (size_t)(end - s), err);
}

/* As tac_split_run finds matches: an empty one just behind another does not count. */
static enum tacit_status put_matches(struct tac_normal_work *work, struct tac_buf *out,
                                     const uint8_t *chars, const struct tac_normal_step *step,
                                     const char *s, size_t n, struct tacit_err *err)
{
    size_t from = 0, done = 0, start, end, len;
    bool found = true, matched = false;
    enum tacit_status st = TACIT_OK;
    while (from <= n) {
        st = tac_pattern_next(&step->pattern, &work->match, chars, s, n, from, &start, &end, &found,
                              err);
        if (st || !found)
            break;
        if (start == end && matched && end == done) {
            len = 1;
            if (from < n)
                tac_char_at(s + from, &len);
            from += len;
            continue;
        }
        if (start == 0)
            note_cut(work, step, s, end);
        st = tac_buf_add(out, s + done, start - done, err);
        if (!st)
            st = tac_buf_adds(out, step->text, err);
        if (st)
            break;
        done = from = end;
        matched = true;
    }
    return st ? st : tac_buf_add(out, s + done, n - done, err);
}

static enum tacit_status put_stripped(struct tac_normal_work *work, struct tac_buf *out,
                                      const uint8_t *chars, const struct tac_normal_step *step,
                                      const char *s, size_t n, struct tacit_err *err)
{
    size_t from = 0, to = n, len;
    while (step->left && from < to && tac_class_at(chars, s + from, &len) & TAC_SPACE)
        from += len;
    while (step->right && to > from) {
        size_t last = to;
        do
            last--;
        while (last > from && (s[last] & 0xc0) == 0x80);
        if (!(tac_class_at(chars, s + last, &len) & TAC_SPACE))
            break;
        to = last;
    }
    work->cut |= from > 0;
    return tac_buf_add(out, s + from, to - from, err);
}

static enum tacit_status run_step(struct tac_normal_work *work, struct tac_buf *out,
                                  const uint8_t *chars, const struct tac_normal_step *step,
                                  const char *s, size_t n, struct tacit_err *err)
{
    enum tacit_status st = TACIT_OK;
    tac_buf_clear(out);
    switch (step->kind) {
    case TAC_NORMAL_PREPEND:
        if (n)
            st = tac_buf_adds(out, step->text, err);
        return st ? st : tac_buf_add(out, s, n, err);
    case TAC_NORMAL_REPLACE:
        return put_replaced(work, out, step, s, n, err);
    case TAC_NORMAL_MATCHES:
        return put_matches(work, out, chars, step, s, n, err);
    case TAC_NORMAL_STRIP:
        return put_stripped(work, out, chars, step, s, n, err);
    default:
        return put_forms(work, out, chars, step->kind, s, n, err);
    }
}

/* A normal form leaves a text without active characters alone. */
static bool changes_nothing(const struct tac_normal_step *step, const uint8_t *chars, const char *s,
                            size_t n, bool continues)
{
    size_t i = 0, len;
    if (step->kind >= TAC_NORMAL_PREPEND)
        return continues && step->kind == TAC_NORMAL_PREPEND;
    while (i < n && !(tac_class_at(chars, s + i, &len) & TAC_ACTIVE))
        i += len;
    return i == n;
}

enum tacit_status tac_normalise(const struct tac_normal *normal, const uint8_t *chars,
                                struct tac_normal_work *work, const char **s, size_t *n,
                                bool continues, struct tacit_err *err)
{
    int which = 0;
    work->cut = false;
    for (size_t i = 0; i < normal->n; i++) {
        if (changes_nothing(&normal->step[i], chars, *s, *n, continues))
            continue;
        struct tac_buf *out = &work->text[which];
        enum tacit_status st = run_step(work, out, chars, &normal->step[i], *s, *n, err);
        if (st)
            return st;
        *s = out->data;
        *n = out->len;
        which = !which;
    }
    return TACIT_OK;
}
