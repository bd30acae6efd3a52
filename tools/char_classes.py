#!/usr/bin/env python3
"""Writes src/tokenizer/chars_table.h: the classes of characters as HuggingFace tokenizers sees them.

The package is asked itself, one code point at a time: letters, numbers and white space by its regular
expressions (Oniguruma), word characters by its `single_word` tokens (Rust's regex), and what its normal forms
(of Unicode 9) change, move or join to the character before. Needs tokenizers.
"""

import sys

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.normalizers import NFD, NFKD
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Split

LETTER, NUMBER, SPACE, WORD, ACTIVE = 1, 2, 4, 8, 16
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
STEP = 4096

HEAD = """/* Written by tools/char_classes.py from tokenizers {version}; not to be edited.
 * Each number is (first code point << 5 | classes) of a run that ends where the next begins. */
#ifndef TAC_TOKENIZER_CHARS_TABLE_H
#define TAC_TOKENIZER_CHARS_TABLE_H

#include <stdint.h>

static const uint32_t char_runs[] = {{
"""


def matching(pattern):
    """The code points that a regular expression for one character matches."""
    found = set()
    for i in range(0, len(CODE_POINTS), STEP):
        text = "".join(map(chr, CODE_POINTS[i : i + STEP]))
        rest = Split(Regex(pattern), "removed").pre_tokenize_str(text)
        found |= set(text) - {c for piece, _ in rest for c in piece}
    return {ord(c) for c in found}


def words():
    """The code points beside which a single_word token is not found."""
    tokenizer = Tokenizer(BPE(vocab={"a": 0}, merges=[]))
    tokenizer.add_tokens([AddedToken("@@", single_word=True)])
    token = tokenizer.token_to_id("@@")
    found = set()
    for i in range(0, len(CODE_POINTS), STEP):
        chunk = CODE_POINTS[i : i + STEP]
        for c, e in zip(chunk, tokenizer.encode_batch([chr(c) + "@@" for c in chunk])):
            if token not in e.ids:
                found.add(c)
    return found


def active():
    """The code points that a normal form changes, moves or joins to the one before."""
    iota = "\u0345"  # of the highest combining class: any other mark moves before it
    nfd, nfkd = NFD(), NFKD()
    found = {ord(iota)}
    for c in CODE_POINTS:
        char = chr(c)
        if nfkd.normalize_str("a" + char) != "a" + char:
            found.add(c)
        if nfd.normalize_str("a" + iota + char) != "a" + iota + char:
            found.add(c)
        found |= set(map(ord, nfd.normalize_str(char)[1:]))
    return found


def main():
    import tokenizers

    classes = [
        (LETTER, matching(r"\p{L}")),
        (NUMBER, matching(r"\p{N}")),
        (SPACE, matching(r"\s")),
        (WORD, words()),
        (ACTIVE, active()),
    ]
    runs, last = [], None
    for c in CODE_POINTS:
        bits = sum(bit for bit, members in classes if c in members)
        if bits != last:
            runs.append(f"0x{c << 5 | bits:x},")
            last = bits
    lines, line = [], "   "
    for item in runs:
        if len(line) + 1 + len(item) > 100:
            lines.append(line)
            line = "   "
        line += " " + item
    out = HEAD.format(version=tokenizers.__version__) + "\n".join(lines + [line]) + "\n};\n\n#endif\n"
    with open(sys.argv[1], "w", encoding="ascii") as f:
        f.write(out)


if __name__ == "__main__":
    main()
