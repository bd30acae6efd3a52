/* Classes of characters, as the patterns of tokenizers name them, in one table read by code point.
 */
#ifndef TAC_TOKENIZER_CHARS_H
#define TAC_TOKENIZER_CHARS_H

#include "base/str.h"

enum {
    TAC_LETTER = 1, /* \p{L} */
    TAC_NUMBER = 2, /* \p{N} */
    TAC_SPACE = 4,  /* \s: White_Space */
    TAC_WORD =
        8, /* a word character beside a single_word token: Alphabetic, M, Nd, Pc, Join_Control */
    TAC_ACTIVE = 16, /* a normal form changes it, moves it or joins it to the character before */
    TAC_STOP =
        32, /* what BLOOM's pattern leaves out of its words: white space and ( ) | . , ! ? … */
};

/* Code points from here on have no class but TAC_WORD for a few that chars.c names. */
enum { TAC_CHARS_END = 0x33480 };

/* tac_chars_new: the table, TAC_CHARS_END bytes of flags; freed with free(). */
uint8_t *tac_chars_new(struct tacit_err *err);

/* tac_char_class: the flags of cp. */
static inline unsigned tac_char_class(const uint8_t *chars, uint32_t cp)
{
    return cp < TAC_CHARS_END ? chars[cp] : cp >= 0xe0100 && cp < 0xe01f0 ? TAC_WORD : 0;
}

/* tac_char_at: the code point at s, which is well-formed UTF-8 and not at its end; *len its bytes.
 */
static inline uint32_t tac_char_at(const char *s, size_t *len)
{
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *len = 1;
        return u[0];
    }
    if (u[0] < 0xe0) {
        *len = 2;
        return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
    }
    if (u[0] < 0xf0) {
        *len = 3;
        return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
    }
    *len = 4;
    return (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
}

/* tac_class_at: the flags of the character at s, and its bytes. */
static inline unsigned tac_class_at(const uint8_t *chars, const char *s, size_t *len)
{
    return tac_char_class(chars, tac_char_at(s, len));
}

#endif
