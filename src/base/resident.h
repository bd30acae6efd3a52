/* What the process has in memory, and what it could have: as the system says, 0 where it does not.
 */
#ifndef TAC_BASE_RESIDENT_H
#define TAC_BASE_RESIDENT_H

#include <stddef.h>

/* tac_resident: bytes of the process that lie in memory now, code and mapped files included. Gives
 * back to the system before what was freed and is not in use. */
size_t tac_resident(void);
size_t tac_resident_peak(void); /* the most so far */
/* tac_resident_in: how many of the n bytes from p on do, in whole pages. */
size_t tac_resident_in(const void *p, size_t n);

/* tac_available: bytes that the process could have in memory at all: what it has, and what the
 * machine and the control groups that it is in still give without swapping. root: where /proc and
 * /sys are; "" is the machine's. */
size_t tac_available(const char *root);

#endif
