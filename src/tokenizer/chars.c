#include "tokenizer/chars.h"
#include "tokenizer/chars_table.h"

#include <string.h>

enum { CLASS_BITS = 5 };

static const uint32_t bloom_stops[] = {'(',    ')',    '|',    '.',    ',',    '!',    '?',
                                       0x2026, 0x3002, 0xff0c, 0x3001, 0x0964, 0x06d4, 0x060c};

static void fill_runs(uint8_t *chars)
{
    size_t n = sizeof char_runs / sizeof *char_runs;
    for (size_t i = 0; i < n; i++) {
        uint32_t from = char_runs[i] >> CLASS_BITS;
        uint32_t to = i + 1 < n ? char_runs[i + 1] >> CLASS_BITS : TAC_CHARS_END;
        if (from >= TAC_CHARS_END)
            break;
        if (to > TAC_CHARS_END)
            to = TAC_CHARS_END;
        memset(chars + from, (int)(char_runs[i] & ((1u << CLASS_BITS) - 1)), to - from);
    }
}

uint8_t *tac_chars_new(struct tacit_err *err)
{
    uint8_t *chars = tac_alloc(TAC_CHARS_END, 1, err);
    if (!chars)
        return NULL;
    fill_runs(chars);
    for (uint32_t c = 0; c < TAC_CHARS_END; c++)
        if (chars[c] & TAC_SPACE)
            chars[c] |= TAC_STOP;
    for (size_t i = 0; i < sizeof bloom_stops / sizeof *bloom_stops; i++)
        chars[bloom_stops[i]] |= TAC_STOP;
    return chars;
}
