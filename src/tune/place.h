/* Where a prompt stands. */
#ifndef TAC_TUNE_PLACE_H
#define TAC_TUNE_PLACE_H

#include "base/err.h"

enum tac_place {
    TAC_PLACE_TEMPLATE, /* at the mark of the text's template; in front where it has none */
    TAC_PLACE_FRONT,    /* before the text */
    TAC_PLACE_END,      /* behind the text, just before what is to be predicted */
    TAC_N_PLACE,
};

const char *tac_place_name(enum tac_place p); /* "template" */

/* tac_place_find: *out is the place of this name; NULL is the template's. TACIT_EINPUT names `what`
 * and the places that there are. */
enum tacit_status tac_place_find(enum tac_place *out, const char *name, const char *what,
                                 struct tacit_err *err) TAC_MUST_USE;

#endif
