/* Tables: the same bytes as JSONL, CSV and TSV. */
#include "format/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"fuzz.jsonl", "fuzz.csv", "fuzz.tsv"};
    for (int i = 0; i < 3; i++) {
        struct tac_table t;
        struct tacit_err err;
        if (tac_table_parse(&t, (const char *)data, size, names[i], 0, &err) == TACIT_OK && t.n)
            (void)tac_field(t.row[t.n - 1].fields, "a.b.0");
        tac_table_release(&t);
    }
    return 0;
}
