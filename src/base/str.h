/* Text: a growing byte buffer, strict numbers, UTF-8. */
#ifndef TAC_BASE_STR_H
#define TAC_BASE_STR_H

#include "base/mem.h"

#include <stdint.h>

/* A growing buffer, always followed by a NUL that `len` does not count. A zeroed struct is empty
 * (data NULL); release frees it. */
struct tac_buf {
    char *data;
    size_t len, cap;
};

enum tacit_status tac_buf_add(struct tac_buf *b, const void *bytes, size_t n,
                              struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_buf_adds(struct tac_buf *b, const char *s,
                               struct tacit_err *err) TAC_MUST_USE;
enum tacit_status tac_buf_addf(struct tac_buf *b, struct tacit_err *err, const char *fmt, ...)
    TAC_PRINTF(3, 4) TAC_MUST_USE;
/* tac_buf_add_base64: n bytes as base64 with padding, in one line. */
enum tacit_status tac_buf_add_base64(struct tac_buf *b, const void *bytes, size_t n,
                                     struct tacit_err *err) TAC_MUST_USE;
void tac_buf_clear(struct tac_buf *b);
void tac_buf_release(struct tac_buf *b);

/* Strict numbers: the whole string must be one. Return false otherwise, or where it does not fit.
 */
bool tac_parse_i64(const char *s, int64_t *out);
bool tac_parse_u64(const char *s, uint64_t *out);
bool tac_parse_f64(const char *s, double *out); /* finite only */
/* Bytes with an optional suffix K, M, G (powers of 1024): "512M", "2.5G". */
bool tac_parse_bytes(const char *s, size_t *out);
/* "1.2 GB": n bytes for people, into buf; returns buf. */
const char *tac_show_bytes(char buf[32], double n);

/* tac_utf8_next: decodes one code point at s (n bytes left, n > 0). Returns its length 1..4, or 0
 * where the bytes are no well-formed UTF-8 (overlong, surrogate, above U+10FFFF, cut). */
size_t tac_utf8_next(const char *s, size_t n, uint32_t *cp);
/* tac_utf8_put: writes cp's 1..4 bytes to out and returns how many. */
size_t tac_utf8_put(char out[4], uint32_t cp);
/* tac_utf8_bad: offset of the first ill-formed byte, or n where all is well. */
size_t tac_utf8_bad(const char *s, size_t n);

/* FNV-1a, 64 bit; start with TAC_HASH0 and chain. For identities of runs, never for tables that an
 * enemy fills. */
#define TAC_HASH0 0xcbf29ce484222325u
uint64_t tac_hash(uint64_t h, const void *bytes, size_t n);

bool tac_starts_with(const char *s, const char *prefix);
bool tac_ends_with(const char *s, const char *suffix);

#endif
