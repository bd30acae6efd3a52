/* JSON: what is read is written and read again, and must then be written alike. */
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const json_t *v, enum tac_json_style style)
{
    struct tac_buf once = {0}, twice = {0};
    json_t *back = NULL;
    if (tac_json_write(&once, v, style, NULL) ||
        tac_json_parse(&back, once.data, once.len, "again", NULL) ||
        tac_json_write(&twice, back, style, NULL) || strcmp(once.data, twice.data) != 0)
        abort();
    json_decref(back);
    tac_buf_release(&once);
    tac_buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tacit_err err;
    json_t *v;
    if (tac_json_parse(&v, (const char *)data, size, "fuzz", &err) == TACIT_OK) {
        write_again(v, TAC_JSON_LINE);
        write_again(v, TAC_JSON_PYTHON);
        json_decref(v);
    }
    return 0;
}
