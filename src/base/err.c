#undef _GNU_SOURCE /* strerror_r as POSIX has it: it gives a status */
#define _POSIX_C_SOURCE 200809L
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TAC_PRINTF(2, 0)
static void format_message(struct tacit_err *err, const char *fmt, va_list ap)
{
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    if (n >= (int)sizeof err->msg)
        memcpy(err->msg + sizeof err->msg - 4, "...", 4);
    for (char *c = err->msg; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

enum tacit_status tac_fail(struct tacit_err *err, enum tacit_status status, const char *fmt, ...)
{
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    format_message(err, fmt, ap);
    va_end(ap);
    err->status = status;
    return status;
}

static enum tacit_status status_of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case EACCES:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
        return TACIT_EINPUT;
    default:
        return TACIT_EFAIL;
    }
}

enum tacit_status tac_fail_errno(struct tacit_err *err, const char *fmt, ...)
{
    int e = errno;
    enum tacit_status status = status_of_errno(e);
    if (!err)
        return status;
    va_list ap;
    va_start(ap, fmt);
    format_message(err, fmt, ap);
    va_end(ap);
    char reason[128] = "";
    if (strerror_r(e, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", e);
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, ": %s", reason);
    err->status = status;
    return status;
}

enum tacit_status tac_err_prefix(struct tacit_err *err, const char *fmt, ...)
{
    if (!err)
        return TACIT_EFAIL;
    struct tacit_err inner = *err;
    va_list ap;
    va_start(ap, fmt);
    format_message(err, fmt, ap);
    va_end(ap);
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, "%s", inner.msg);
    return err->status;
}

enum tacit_status tac_fail_memory(struct tacit_err *err, size_t n)
{
    if (!n)
        return tac_fail(err, TACIT_EFAIL, "out of memory");
    return tac_fail(err, TACIT_EFAIL, "out of memory: %zu bytes could not be allocated", n);
}

void tac_check_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "tacit: internal error at %s:%d: %s does not hold\n", file, line, what);
    abort();
}
