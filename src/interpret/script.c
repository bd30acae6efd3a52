#include "interpret/script.h"

#include "base/str.h"

#include <string.h>
#include <unictype.h>

const char *tac_script(const char *text, size_t n)
{
    const char *found = NULL;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t len = tac_utf8_next(text + i, n - i, &cp);
        if (!len)
            return "bytes";
        i += len;
        const uc_script_t *s = uc_script(cp);
        if (!s || strcmp(s->name, "Common") == 0 || strcmp(s->name, "Inherited") == 0)
            continue;
        if (found && strcmp(found, s->name) != 0)
            return "mixed";
        found = s->name;
    }
    return found ? found : "none";
}
