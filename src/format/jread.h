/* A pull reader of JSON: it hands out one string or number at a time and keeps no tree.
 * format/json.h makes its tree with it; the tokenizer reads its two long lists with it and leaves
 * the small parts as spans to format/json.h.
 *
 * Every function returns TACIT_EINPUT with "NAME:LINE: ..." where the text is not what was asked
 * for. Strings are not checked as UTF-8: the reader of a list does that with what it needs to look
 * at anyway. */
#ifndef TAC_FORMAT_JREAD_H
#define TAC_FORMAT_JREAD_H

#include "base/str.h"

struct tac_jread {
    const char *begin, *at, *end;
    const char *name;    /* of the file, for messages */
    const char *what;    /* stands before "expected" in messages: "" or "is no valid JSON: " */
    size_t line;         /* the number of the first line */
    bool first;          /* nothing of the innermost list has been read yet */
    struct tac_buf text; /* the last string that had escapes */
};

/* tac_jread_init: borrows text and name. Released with tac_jread_release. */
void tac_jread_init(struct tac_jread *r, const char *text, size_t n, const char *name);
void tac_jread_release(struct tac_jread *r);

/* tac_jread_peek: the next character that is no white space, 0 at the end. */
char tac_jread_peek(struct tac_jread *r);
/* tac_jread_enter: reads open, '{' or '['. */
enum tacit_status tac_jread_enter(struct tac_jread *r, char open,
                                  struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_next: *more tells whether another item follows; reads the comma before it, or close. */
enum tacit_status tac_jread_next(struct tac_jread *r, char close, bool *more,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_string: n bytes at *s, valid until the next string is read. */
enum tacit_status tac_jread_string(struct tac_jread *r, const char **s, size_t *n,
                                   struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_key: a string and the colon behind it. */
enum tacit_status tac_jread_key(struct tac_jread *r, const char **s, size_t *n,
                                struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_uint: an integer from 0 to max, without fraction or exponent. */
enum tacit_status tac_jread_uint(struct tac_jread *r, uint32_t *v, uint32_t max,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_skip: passes over one value; *from and *n (may be NULL) tell where it stands. Checks
 * brackets, depth and strings' ends, not the rest of the grammar. */
enum tacit_status tac_jread_skip(struct tac_jread *r, const char **from, size_t *n,
                                 struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_end: nothing but white space may be left. */
enum tacit_status tac_jread_end(struct tac_jread *r, struct tacit_err *err) TAC_MUST_USE;
/* tac_jread_line: the line number of a place in the text. */
size_t tac_jread_line(const struct tac_jread *r, const char *at);
/* tac_jread_fail: "NAME:LINE: WHATexpected WANT, found ..."; TACIT_EINPUT. */
enum tacit_status tac_jread_fail(const struct tac_jread *r, const char *want,
                                 struct tacit_err *err);

#endif
