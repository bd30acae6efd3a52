#!/usr/bin/env python3
"""Compares tacit's token ids with HuggingFace tokenizers' on random Unicode strings, and how both decode these ids and random
ones, whole and (tacit) token by token.

usage: tokenizer_fuzz.py TOKENIZER.json... [--strings 1000000] [--seed 1] [--library build/libtacit.so]

Needs the package `tokenizers`. Half of the strings mix runs from the tokenizer's own vocabulary, from several scripts, blanks,
line ends, control and combining characters, emoji, and code points from all planes; half are short and of little but what
tokenizers treat specially. Prints the first differences and a count a file; exit status 1 where there was one.
"""
import argparse
import ctypes
import random
import sys

from tokenizers import Tokenizer

RANGES = [(0x20, 0x7F), (0x20, 0x30), (0x09, 0x0E), (0x80, 0xA1), (0xA0, 0x250), (0x300, 0x370), (0x400, 0x500),
          (0x5D0, 0x700), (0x900, 0xA00), (0x1100, 0x1200), (0x2000, 0x2070), (0x3000, 0x3100), (0x4E00, 0x9FFF),
          (0xAC00, 0xD7A3), (0xFB00, 0xFFFF), (0x1F300, 0x1F700), (0x10000, 0x10FFFF)]
SPECIAL = [" ", "  ", " ", "\n", "\r\n", "\t", "\u2581", "\u2581\u2581", "a", "x", "S", "'s", "'LL", "'ſ", "1", "23", "é", "e\u0301",
           "``", "<s>", "</s>", "<unk>", "<0x0A>", "<0xE2>", "<|endoftext|>", "日", "\U0001F469\u200d\U0001F467", "\x00", "\x07",
           "\u00a0", "\u2028", "ﬁ", ".", "!?"]


class Tacit:
    def __init__(self, library, path):
        self.lib = ctypes.CDLL(library)
        self.handle = ctypes.c_void_p()
        self.error = ctypes.create_string_buffer(2048)
        if self.lib.tacit_tokenizer_open(ctypes.byref(self.handle), path.encode(), self.error):
            sys.exit(self.error.raw[4:].split(b"\0")[0].decode())

    def encode(self, text):
        raw, ids, n = text.encode(), ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        if self.lib.tacit_encode(self.handle, ctypes.byref(ids), ctypes.byref(n), raw, ctypes.c_size_t(len(raw)),
                                 self.error):
            return None
        out = ids[: n.value]
        self.lib.tacit_free(ids)
        return out

    def decode(self, ids):
        text, n = ctypes.c_void_p(), ctypes.c_size_t()
        array = (ctypes.c_int32 * len(ids))(*ids)
        if self.lib.tacit_decode(self.handle, ctypes.byref(text), ctypes.byref(n), array, ctypes.c_size_t(len(ids)),
                                 self.error):
            return None
        out = ctypes.string_at(text, n.value).decode()
        self.lib.tacit_free(text)
        return out


    def stream(self, ids):
        """What comes out token by token."""
        stream, text, n, out = ctypes.c_void_p(), ctypes.c_char_p(), ctypes.c_size_t(), b""
        if self.lib.tacit_stream_new(ctypes.byref(stream), self.handle, 0, self.error):
            return None
        for i in [*ids, -1]:
            if self.lib.tacit_stream_next(stream, i, ctypes.byref(text), ctypes.byref(n), self.error):
                return None
            piece = ctypes.string_at(text, n.value)
            piece.decode()  # whole characters only
            out += piece
        self.lib.tacit_stream_free(stream)
        return out.decode()


def random_text(rng, words):
    parts = []
    if rng.random() < 0.5:
        return "".join(rng.choice(SPECIAL) for _ in range(rng.randint(0, 8)))
    for _ in range(rng.randint(1, 12)):
        if rng.random() < 0.3:
            parts.append(rng.choice(words))
            continue
        low, high = rng.choice(RANGES)
        parts += [chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 4))]
    return "".join(c for c in "".join(parts) if not 0xD800 <= ord(c) < 0xE000)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("files", nargs="+")
    p.add_argument("--strings", type=int, default=1000000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--library", default="build/libtacit.so")
    a = p.parse_args()
    failed = False
    for path in a.files:
        theirs, ours, rng = Tokenizer.from_file(path), Tacit(a.library, path), random.Random(a.seed)
        words = [theirs.decode([i]) for i in range(theirs.get_vocab_size())]
        names = [theirs.id_to_token(i) or "" for i in range(len(words))]
        bytes_ = [i for i, name in enumerate(names) if name.startswith("<0x")] or [0]
        wrong = 0
        for _ in range(a.strings):
            text = random_text(rng, words)
            want = theirs.encode(text, add_special_tokens=False).ids
            got = ours.encode(text)
            some = [rng.choice(bytes_) if rng.random() < 0.5 else rng.randrange(len(words)) for _ in range(rng.randint(0, 7))]
            if got == want and all(ours.decode(ids) == ours.stream(ids) == theirs.decode(ids, skip_special_tokens=False)
                                   for ids in (want, some)):
                continue
            wrong += 1
            if wrong <= 3:
                print(f"{path}: {text!r}\n  tacit {got}\n  HuggingFace {want}\n  random ids {some}: tacit {ours.decode(some)!r} "
                      f"{ours.stream(some)!r}\n  HuggingFace {theirs.decode(some, skip_special_tokens=False)!r}")
        print(f"{path}: {a.strings} strings, {wrong} differ", flush=True)
        failed |= wrong > 0
    sys.exit(failed)


main()
