#!/usr/bin/env python3
"""Times tacit beside the Python stack on the same work, and writes the table of docs/PERFORMANCE.md.

usage: bench_peers.py [--model DIR] [--data DIR] [--python PYTHON] [--works NAME,...] [--programs NAME,...] [--rounds 3]
                      [--threads 2] [--tacit build/tacit] [--tokenizer FILE] [--root build/bench] [--doc docs/PERFORMANCE.md]
                      [--list] [--table]

`make bench-peers MODEL=DIR DATA=DIR` makes the environment of the Python programs first. --model is a folder of bloomz-560m
or of its shape; without it one with random weights is made, with --tokenizer's file (else the demo's small vocabulary: texts
are then longer in tokens). --data holds SuperGLUE's and RAFT's folders. --works and --list: the table in tools/peers/works.py.
Each round of a work runs every program once, in turn. All begin from the same values and take the same examples, as tacit
renders them, in file order, with the same loss; the first two steps are not timed. A measurement is one JSON file under
--root; one that is there is not made again, so a run that was stopped goes on. A tacit built anew is measured anew; to measure
a work again remove its folder. --table writes the tables of what is there and measures nothing.
Exit status 1 where a program failed or where losses differ by more than 1e-6 (float32, the first four steps).
"""
import argparse
import sys

from peers import measure, table, works


def arguments():
    p = argparse.ArgumentParser(usage=__doc__)
    for name, value in (("model", None), ("data", None), ("python", sys.executable), ("tacit", "build/tacit"),
                        ("tokenizer", "demo/tokenizer.json"), ("root", "build/bench"), ("doc", "docs/PERFORMANCE.md"),
                        ("works", ",".join(w.name for w in works.WORKS)), ("programs", ",".join(works.PROGRAMS))):
        p.add_argument("--" + name, default=value)
    for name, value in (("rounds", 3), ("threads", 2)):
        p.add_argument("--" + name, type=int, default=value)
    for name in ("list", "table"):
        p.add_argument("--" + name, action="store_true")
    a = p.parse_args()
    a.works, a.programs = a.works.split(","), a.programs.split(",")
    for name, given, known in (("--works", a.works, [w.name for w in works.WORKS]), ("--programs", a.programs, works.PROGRAMS)):
        for x in given:
            if x not in known:
                sys.exit(f"{name}: found '{x}', expected of {', '.join(known)}")
    return a


def measure_work(place, work, a):
    """What failed, a line each."""
    bad = []
    try:
        bench = works.Bench(place, work)
    except measure.Failed as e:
        return [f"{work.name}: {e}"]
    programs = [p for p in work.programs() if p in a.programs]
    for turn, program in [(turn, p) for turn in range(1, a.rounds + 1) for p in programs]:
        try:
            r, there = bench.measure(program, turn)
        except measure.Failed as e:
            bad.append(f"{work.name}, round {turn}, {program}: {e}")
            print(bad[-1], flush=True)
            continue
        took = "there already" if there else f"{r['wall']:.0f} s in all"
        print(f"{work.name:14} round {turn}  {program:14} {r['seconds'] / r['timed']:9.4f} s a step {r['peak_mb']:7.0f} MB  "
              f"({took}){measure.busy(r)}  losses {' '.join(f'{x:.6f}' for x in r['losses'][:4])}", flush=True)
    return bad


def main():
    a = arguments()
    if a.list:
        for w in works.WORKS:
            print(f"{w.name:14} {w.title}")
        return
    bad = []
    if not a.table:
        place = works.Place(a)
        for work in works.WORKS:
            if work.name in a.works:
                bad += measure_work(place, work, a)
    done = [d for d in (table.Done(a.root, w) for w in works.WORKS) if d.rounds]
    for d in done:
        bad += table.complaints(d)
    done = [d for d in done if not table.complaints(d)]
    if done:
        text = table.text(done)
        print(text)
        if a.doc and not table.put_between(a.doc, "bench-peers", text):
            bad.append(f"{a.doc}: no marks '<!-- bench-peers: begin -->' and '<!-- bench-peers: end -->'")
    sys.exit("\n".join(bad) if bad else 0)


main()
