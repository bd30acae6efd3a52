/* The reference op tables: plain loops, one thread, in float and in double. Truth for the other
 * backends. */
#ifndef TAC_BACKEND_REF_H
#define TAC_BACKEND_REF_H

#include "backend/ops.h"

/* f32: real_size 4.  f64: real_size 8. An op that finds no memory for its scratch latches
 * be->fault. */
extern const struct tac_ops tac_ref_ops_f32, tac_ref_ops_f64;

#endif
