/* Text for people and browsers: a buffer that remembers its first failure, so that what draws needs
 * no error handling of its own, and escaping that no text of a store gets past. */
#ifndef TAC_REPORT_OUT_H
#define TAC_REPORT_OUT_H

#include "base/str.h"

#include <stdarg.h>

/* A zeroed struct is empty. After a failure (bad.status) everything added is dropped. */
struct tac_out {
    struct tac_buf b;
    struct tacit_err bad;
};

void tac_out_release(struct tac_out *o);

/* Markup of our own: never a text that came from a store. */
void tac_out_add(struct tac_out *o, const char *markup);
void tac_out_bytes(struct tac_out *o, const void *bytes, size_t n);
void tac_out_addf(struct tac_out *o, const char *fmt, ...) TAC_PRINTF(2, 3);

/* Text of any origin, as it may stand in an element or between double quotes, in HTML and in XML:
 * markup escaped; control characters that XML does not know, and bytes that are no UTF-8, become
 * U+FFFD. Line breaks stay. */
void tac_out_text(struct tac_out *o, const char *s);
void tac_out_textv(struct tac_out *o, const char *fmt, va_list ap) TAC_PRINTF(2, 0);
/* ... a token in a small place: without blanks around it, line breaks shown, cut to `wide` columns
 * (a CJK character takes two). */
void tac_out_token(struct tac_out *o, const char *s, int wide);
/* ... a token within a sentence: in quotes, with its blanks, line breaks shown */
void tac_out_quoted(struct tac_out *o, const char *s);
/* ... a cell of a TSV file: tab, line breaks and backslash as \t, \n, \r, \\. */
void tac_out_tsv(struct tac_out *o, const char *s);

enum tac_rep_type { TAC_REP_TEXT, TAC_REP_NUMBER, TAC_REP_SHARE, TAC_REP_P };

/* tac_rep_show: v rounded for people: "0.873", "12,345", "87.3 %", "<0.001"; a dash where v is no
 * number. Returns buf. */
const char *tac_rep_show(char buf[48], double v, enum tac_rep_type type);

/* tac_sha256: "sha256-" and the digest in base64, as a content security policy names a script. */
void tac_sha256(char out[64], const void *bytes, size_t n);

#endif
