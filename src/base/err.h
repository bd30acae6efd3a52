/* Errors: a status and a complete message in storage of the caller.
 *
 * The world failed (a file, a format, a limit): a function returns a status and fills `struct
 * tacit_err`. We are wrong (a broken invariant): TAC_CHECK prints and aborts; it is always compiled
 * in. Inner loops use TAC_DCHECK, which exists in debug builds alone. */
#ifndef TAC_BASE_ERR_H
#define TAC_BASE_ERR_H

#include "tacit.h"

#if defined(__GNUC__)
#define TAC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TAC_MUST_USE          __attribute__((warn_unused_result))
#define TAC_NORETURN          __attribute__((noreturn))
#else
#define TAC_PRINTF(fmt, args)
#define TAC_MUST_USE
#define TAC_NORETURN
#endif

/* tac_fail: writes the message into err (may be NULL) and returns status, so that a caller can
 * `return tac_fail(err, TACIT_EINPUT, "%s: ...", path);`. A control character (names in messages
 * come from files) becomes '?': a message is one line. */
enum tacit_status tac_fail(struct tacit_err *err, enum tacit_status status, const char *fmt, ...)
    TAC_PRINTF(3, 4);

/* tac_fail_errno: as tac_fail, with ": " and the text of errno behind the message. ENOENT, EACCES,
 * ENOTDIR, EISDIR and ELOOP become TACIT_EINPUT, everything else TACIT_EFAIL. */
enum tacit_status tac_fail_errno(struct tacit_err *err, const char *fmt, ...) TAC_PRINTF(2, 3);

/* tac_err_prefix: puts text before the message that err holds; returns err's status.
 * Gives a message its context on the way up: "opening DIR: ...". */
enum tacit_status tac_err_prefix(struct tacit_err *err, const char *fmt, ...) TAC_PRINTF(2, 3);

/* tac_fail_memory: the message for an allocation of n bytes that failed (0: who knows how many);
 * TACIT_EFAIL. */
enum tacit_status tac_fail_memory(struct tacit_err *err, size_t n);

TAC_NORETURN void tac_check_failed(const char *file, int line, const char *what);

#define TAC_CHECK(cond) ((cond) ? (void)0 : tac_check_failed(__FILE__, __LINE__, #cond))
#ifdef TAC_DEBUG
#define TAC_DCHECK(cond) TAC_CHECK(cond)
#else
#define TAC_DCHECK(cond) ((void)sizeof(cond))
#endif

#endif
