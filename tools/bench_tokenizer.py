#!/usr/bin/env python3
"""Times tacit's tokenizer beside HuggingFace tokenizers', in alternation, on one thread.

usage: bench_tokenizer.py TOKENIZER.json --lines NAME=FILE... --files NAME=FILE[,FILE...]... [--rounds 5] [--bytes 1000000]
                          [--library build/libtacit.so] [--json FILE]

--lines takes a text's lines as pieces (of a .csv, the cells of its first column), --files whole files; of each text the pieces
are taken up to --bytes. Every piece's ids are compared first. Then a round opens both tokenizers anew for each text, so that
their caches of words are empty, and encodes each piece once: tacit by tacit_encode through ctypes, the peer by the faster of
encode and encode_batch. Printed are medians over rounds of MB/s and of the ratio to tacit, with its range; the same for
loading. Exit status 1 where ids differ. Needs the package `tokenizers`.
"""
import argparse
import csv
import ctypes
import json
import os
import statistics
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402


class Tacit:
    def __init__(self, library):
        self.plain = ctypes.PyDLL(library)  # without argtypes, and without letting other Python threads run
        self.lib, self.handle, self.error = ctypes.CDLL(library), ctypes.c_void_p(), ctypes.create_string_buffer(2048)
        self.ids, self.n = ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        self.lib.tacit_encode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p,
                                          ctypes.c_size_t, ctypes.c_char_p]
        self.lib.tacit_free.argtypes = [ctypes.c_void_p]

    def fail(self):
        sys.exit(self.error.raw[4:].split(b"\0")[0].decode())

    def open(self, path):
        if self.lib.tacit_tokenizer_open(ctypes.byref(self.handle), path.encode(), self.error):
            self.fail()

    def close(self):
        self.lib.tacit_tokenizer_close(self.handle)

    def encode(self, raw):
        if self.lib.tacit_encode(self.handle, ctypes.byref(self.ids), ctypes.byref(self.n), raw, len(raw), self.error):
            self.fail()
        ids = self.ids[: self.n.value]
        self.lib.tacit_free(self.ids)
        return ids

    def calls(self, raws):
        """What encode_all is given: arguments that need no conversion, so that short pieces are not all binding."""
        at, n, error = ctypes.c_void_p(ctypes.addressof(self.ids)), ctypes.c_void_p(ctypes.addressof(self.n)), self.error
        return [(self.handle, at, n, ctypes.c_char_p(raw), ctypes.c_size_t(len(raw)), error) for raw in raws]

    def encode_all(self, calls):
        encode, free, ids = self.plain.tacit_encode, self.plain.tacit_free, self.ids
        for call in calls:
            if encode(*call):
                self.fail()
            free(ids)


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return f.read()


def lines(path):
    if path.endswith(".csv"):
        with open(path, encoding="utf-8", newline="") as f:
            return [row[0] for row in list(csv.reader(f))[1:] if row and row[0]]
    return [line for line in read(path).split("\n") if line]


def up_to(pieces, most):
    out, size = [], 0
    for piece in pieces:
        size += len(piece.encode())
        if size > most and out:
            break
        out.append(piece)
    return out


def read_texts(a):
    """Name: pieces."""
    texts = {}
    for specs, take in ((a.lines, lines), (a.files, lambda path: [read(path)])):
        for spec in specs:
            name, _, paths = spec.partition("=")
            texts.setdefault(name, []).extend(piece for path in paths.split(",") for piece in take(path))
    return {name: up_to(pieces, a.bytes) for name, pieces in texts.items()}


def seconds(work, *arguments):
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def same_ids(a, tacit, name, pieces):
    tacit.open(a.tokenizer)
    theirs = Tokenizer.from_file(a.tokenizer)
    wrong = [p for p in pieces if tacit.encode(p.encode()) != theirs.encode(p, add_special_tokens=False).ids]
    tacit.close()
    if wrong:
        print(f"{name}: {len(wrong)} of {len(pieces)} pieces have other ids, the first {wrong[0][:200]!r}")
    return not wrong


def one_round(a, tacit, pieces):
    """Seconds of each program: {load, encode}; of the peer's two ways the faster."""
    raws = [p.encode() for p in pieces]
    ours, _ = seconds(tacit.open, a.tokenizer)
    calls = tacit.calls(raws)
    encode, _ = seconds(tacit.encode_all, calls)
    tacit.close()
    theirs, peer = seconds(Tokenizer.from_file, a.tokenizer)
    single, _ = seconds(lambda: [None for p in pieces if peer.encode(p, add_special_tokens=False) is None])
    peer = Tokenizer.from_file(a.tokenizer)
    batch, _ = seconds(lambda: peer.encode_batch(pieces, add_special_tokens=False))
    return {"tacit": {"load": ours, "encode": encode},
            "tokenizers": {"load": theirs, "encode": min(single, batch), "single": single, "batch": batch}}


def show(name, ours, theirs, scale, unit):
    ratio = [t / o for o, t in zip(ours, theirs)]
    print(f"{name:14} {scale(statistics.median(ours)):8.2f} {scale(statistics.median(theirs)):10.2f} {unit:5} "
          f"{statistics.median(ratio):6.2f} ({min(ratio):.2f} to {max(ratio):.2f})")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("tokenizer")
    p.add_argument("--lines", action="append", default=[])
    p.add_argument("--files", action="append", default=[])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--bytes", type=int, default=1000000)
    p.add_argument("--library", default="build/libtacit.so")
    p.add_argument("--json")
    a = p.parse_args()
    tacit, texts = Tacit(a.library), read_texts(a)
    if not texts:
        p.error("no text: --lines NAME=FILE or --files NAME=FILE")
    if not all([same_ids(a, tacit, name, pieces) for name, pieces in texts.items()]):
        sys.exit(1)
    rounds = [{name: one_round(a, tacit, pieces) for name, pieces in texts.items()} for _ in range(a.rounds)]
    of = lambda name, program, what: [r[name][program][what] for r in rounds]
    print(f"{'':14} {'tacit':>8} {'tokenizers':>10}       times tacit's seconds (range)")
    for name, pieces in texts.items():
        size = sum(len(x.encode()) for x in pieces) / 1e6
        show(name, of(name, "tacit", "encode"), of(name, "tokenizers", "encode"), lambda s: size / s, "MB/s")
    loads = {program: [s for name in texts for s in of(name, program, "load")] for program in ("tacit", "tokenizers")}
    show("loading", loads["tacit"], loads["tokenizers"], lambda s: 1000 * s, "ms")
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump({"bytes": {n: sum(len(x.encode()) for x in p) for n, p in texts.items()}, "rounds": rounds}, f, indent=1)


main()
