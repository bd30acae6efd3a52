/* Unicode scripts of a token's text. */
#ifndef TAC_INTERPRET_SCRIPT_H
#define TAC_INTERPRET_SCRIPT_H

#include <stddef.h>

/* tac_script: the script that the letters of n bytes of UTF-8 belong to, by its Unicode name
 * ("Latin", "Han"); "mixed" for several, "none" without letters, "bytes" where the text is no
 * UTF-8. Static storage. */
const char *tac_script(const char *text, size_t n);

#endif
