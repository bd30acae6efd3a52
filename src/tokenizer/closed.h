/* Closed characters: those whose bytes always become one token before a merge can join any part of
 * them to a neighbour. A word may begin as these tokens instead of bytes; what comes out is the
 * same, and in scripts of three bytes a character most of the merges are gone.
 *
 * Let R be the largest rank among the merges that make the character's token c of its bytes, alone.
 * Until c stands, one of these merges is possible, so no merge above R comes before it does. The
 * character is closed between two neighbours if (1) no merge up to R joins what the neighbour may
 * end with to one of the beginnings of c that arise on the way, nor one of its ends to what the
 * other may begin with; (2) no merge of c itself is up to R. By (1) the bytes are left alone until
 * c stands, by (2) nothing is done with c before every merge up to R, wherever, is done. What a
 * neighbour may end or begin with is known by one byte of it, which decides. */
#ifndef TAC_TOKENIZER_CLOSED_H
#define TAC_TOKENIZER_CLOSED_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { TAC_CLOSED_END = 0x20000 }; /* code points from here on are not looked at */

struct tac_closed_char {
    int32_t id;
    uint64_t left, right; /* bit g: not closed beside a byte of group g */
};

/* A zeroed struct knows none. at: by code point, the index of its character, 0 where it is not
 * closed; NULL before tac_closed_find. */
struct tac_closed {
    uint32_t *at;
    struct tac_closed_char *c;
    size_t n, cap;
};

struct tac_bpe;

/* tac_closed_find: of a vocabulary and its merges, whose byte_id is known. */
enum tacit_status tac_closed_find(struct tac_closed *closed, const struct tac_bpe *b,
                                  struct tacit_err *err) TAC_MUST_USE;
void tac_closed_release(struct tac_closed *closed);

/* tac_byte_group: of the byte before a character (ASCII or a continuation) or behind it (ASCII or a
 * first byte): 0 for ASCII, else its last six bits. */
static inline unsigned tac_byte_group(char byte)
{
    unsigned char u = (unsigned char)byte;
    return u < 0x80 ? 0 : u & 63u;
}

#endif
