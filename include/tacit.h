/* tacit: trains soft prompts of a frozen causal language model, reads what they mean, compares them. */
#ifndef TACIT_H
#define TACIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to; also the program's exit status. */
enum tacit_status {
    TACIT_OK = 0,
    TACIT_EFAIL = 1,   /* the work failed: memory, disk, a diverging run */
    TACIT_EINPUT = 2,  /* wrong use or bad input: nothing was changed */
    TACIT_ECANCEL = 3, /* the caller's progress callback asked to stop */
};

/* An error: filled by the call that failed, owned by the caller; a complete message without a full stop. */
struct tacit_err {
    enum tacit_status status;
    char msg[1024];
};

#ifdef __cplusplus
}
#endif

#endif
