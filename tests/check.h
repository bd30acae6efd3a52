/* What every cmocka test needs: the library's includes in cmocka's order, and the path of shared
 * data. */
#ifndef TAC_TESTS_CHECK_H
#define TAC_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* Fails the test with the library's own message. */
#define assert_ok(call, err)                                                                       \
    do {                                                                                           \
        if ((call) != TACIT_OK)                                                                    \
            fail_msg("%s: %s", #call, (err).msg);                                                  \
    } while (0)

/* The call must fail with this status, and its message must contain the text. */
#define assert_fails(call, want, err, text)                                                        \
    do {                                                                                           \
        enum tacit_status got_ = (call);                                                           \
        if (got_ != (want) || !strstr((err).msg, (text)))                                          \
            fail_msg("%s: status %d (expected %d), message '%s' (expected '%s' in it)", #call,     \
                     (int)got_, (int)(want), (err).msg, (text));                                   \
    } while (0)

/* Path of a file of the shared data, or NULL (the test then calls skip()) where it is absent. The
 * returned storage is the caller's buffer. */
static inline const char *shared_path(char buf[1024], const char *name)
{
    const char *root = getenv("TACIT_SHARED");
    snprintf(buf, 1024, "%s/%s", root ? root : "../shared", name);
    FILE *f = fopen(buf, "rb");
    if (!f) {
        print_message("# SKIP: %s is absent\n", buf);
        return NULL;
    }
    fclose(f);
    return buf;
}

#endif
