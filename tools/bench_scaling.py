#!/usr/bin/env python3
"""Measures what a training step costs against batch, prompt, text, model and threads, and draws it into docs/performance/.

usage: bench_scaling.py [--python PYTHON] [--series batch,prompt,text,size,threads] [--programs tacit,peft-labelrows]
                        [--rounds 3] [--peer-rounds 1] [--tacit build/tacit] [--root build/bench] [--out docs/performance]
                        [--doc docs/PERFORMANCE.md] [--shapes NAME,...] [--plan] [--draw]

Needs no data: models are random, texts are random words that are one token each, so every length is exact; no two texts
begin alike. One thing varies at a time; the others stay at 8 texts of 64 tokens, 20 soft tokens, as many threads as
processors, and a quarter of bloomz-560m (6 of its 24 layers of width 1024, a quarter of its vocabulary). --python is needed for
peft-labelrows. Results are kept, one JSON file each, as bench_peers.py keeps them; --draw draws what is there, --plan lists.
"""
import argparse
import dataclasses
import json
import os
import random
import statistics
import sys

from peers import chart, measure, table

SHAPES = {  # layers, width, heads, vocabulary
    "tiny": (2, 64, 4, 4096),
    "mini": (4, 128, 4, 8192),
    "small": (6, 256, 8, 16384),
    "medium": (8, 512, 8, 32768),
    "base": (12, 768, 12, 65536),
    "quarter": (6, 1024, 16, 62720),
    "560m": (24, 1024, 16, 250880),
}
SIZES = ("tiny", "mini", "small", "medium", "base", "560m")
SERIES = {  # what varies, its values, the axis' words, whether axes are logarithmic
    "batch": ("batch", (1, 2, 4, 8, 16, 32), "texts a step", False),
    "prompt": ("tokens", (1, 5, 10, 20, 50, 100, 200), "soft tokens", False),
    "text": ("length", (16, 32, 64, 128, 256, 512), "tokens of a text", False),
    "size": ("shape", SIZES, "parameters in layers", True),
    "threads": ("threads", None, "threads", False),
}
NAMES = {"tacit": "tacit", "peft-labelrows": "PEFT, head at labelled rows"}
WORDS = "Choose the word that comes after all the others in this text."


@dataclasses.dataclass(frozen=True)
class Point:
    batch: int = 8
    tokens: int = 20
    length: int = 64
    shape: str = "quarter"
    threads: int = os.cpu_count()

    def name(self):
        return f"{self.shape}-b{self.batch}-p{self.tokens}-t{self.length}-j{self.threads}"

    def work(self):
        """Operations of a step whose sequences share nothing: forward, and back to the prompt through frozen matrices."""
        layers, width, _, vocab = SHAPES[self.shape]
        return 4 * self.batch * (12 * layers * width**2 * (self.tokens + self.length) + vocab * width)

    def steps(self):
        """Two that are not timed, and about two seconds at a usual machine's speed."""
        return 2 + max(2, min(200, round(2 / (self.work() / 2e11))))


def points_of(series, a):
    """[(x, point)]"""
    field, values, _, _ = SERIES[series]
    if series == "size":
        values = [s for s in SIZES if s in a.shapes]
        return [(12 * SHAPES[s][0] * SHAPES[s][1]**2, Point(shape=s)) for s in values]
    values = values or range(1, os.cpu_count() + 1)
    return [(v, Point(**{field: v})) for v in values]


def make_texts(a, length):
    """A task file whose texts are of so many tokens, each ending in one more that is to be said."""
    path = os.path.join(a.work, f"text-{length}.yaml")
    if os.path.exists(path):
        return path
    vocab = measure.read_json("demo/tokenizer.json")["model"]["vocab"]
    words = sorted(w[1:] for w in vocab if w[0] == "\u0120" and w[1:].isalpha() and w[1:].islower() and w[1:] in vocab)
    rng = random.Random(length)
    with open(os.path.join(a.work, f"text-{length}.jsonl"), "w", encoding="utf-8") as f:
        for i in range(512):
            text = [words[i % len(words)], *rng.choices(words, k=length - 1)]
            f.write(json.dumps({"text": " ".join(text), "label": rng.choice("ab")}) + "\n")
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(f'name: text-{length}\ndescription: "{WORDS}"\ndata: {{train: text-{length}.jsonl}}\n'
                f'input: "{{{{text}}}}"\nanswers: {{a: " {words[0]}", b: " {words[1]}"}}\n')
    os.replace(path + ".new", path)
    return path


def make_model(a, shape):
    out = os.path.join(a.work, "model-" + shape)
    layers, width, heads, vocab = SHAPES[shape]
    if not os.path.exists(os.path.join(out, "model.safetensors")):
        measure.run([a.tacit, "init-model", "--layers", layers, "--width", width, "--heads", heads, "--vocab", vocab,
                     "--tokenizer", "demo/tokenizer.json", "--out", out, "--quiet"])
    return out


def examples_of(a, point, model, task):
    """The point's examples as lines for the peer. Raises Failed where a text has not the length that was meant."""
    text, _, _ = measure.run([a.tacit, "tasks", "show", task, "--data", a.work, "--model", model, "--json", "-n", 512])
    found = [json.loads(line) for line in text.splitlines()]
    wrong = [len(e["ids"]) for e in found if len(e["ids"]) != point.length]
    if wrong:
        raise measure.Failed(f"{task}: a text of {wrong[0]} tokens, expected {point.length}")
    path = os.path.join(a.work, f"text-{point.length}.lines")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps({"ids": e["ids"], "target": e["answers"][e["gold"]]}) + "\n" for e in found)
    return path


def run_point(a, point, program):
    task, model = make_texts(a, point.length), make_model(a, point.shape)
    lines = examples_of(a, point, model, task)
    options = ["--batch", point.batch, "--steps", point.steps(), "--threads", point.threads, "--lr", 1e-4]
    if program == "tacit":
        return measure.tacit_train(a.tacit, os.path.join(a.work, "run"),
                                   ["--model", model, "--task", task, "--data", a.work, "--tokens", point.tokens, *options])
    start = os.path.join(a.work, f"start-{point.shape}-{point.tokens}")
    if not os.path.exists(start):
        measure.run([a.python, "tools/peers/peer.py", model, "start", "--out", start + ".new", "--tokens", point.tokens,
                     "--init", WORDS])
        os.rename(start + ".new", start)
    return measure.peer(a.python, model, "train", ["--impl", program, "--start", start, "--tokens", point.tokens, "--examples",
                                                   lines, *options])


def file_of(a, point, program, turn):
    return os.path.join(a.work, f"{point.name()}.{program}.{turn}.json")


def results_of(a, point, program):
    found = [measure.read_json(file_of(a, point, program, turn)) for turn in range(1, 100)]
    return [r for r in found if r]


def measure_all(a):
    """What failed, a line each."""
    bad, points = [], list(dict.fromkeys(p for s in a.series for _, p in points_of(s, a)))
    jobs = [(turn, p, program) for turn in range(1, a.rounds + 1) for p in points for program in a.programs
            if program == "tacit" or turn <= a.peer_rounds]
    for turn, point, program in jobs:
        key = {"machine": a.machine, "program": measure.hash_of(a.tacit) if program == "tacit" else program}
        try:
            r, there = measure.kept(file_of(a, point, program, turn), key, lambda: run_point(a, point, program))
        except measure.Failed as e:
            bad.append(f"{point.name()}, round {turn}, {program}: {e}")
            continue
        took = "there already" if there else f"{r['wall']:.0f} s in all"
        print(f"round {turn}  {point.name():28} {program:14} {r['seconds'] / r['timed']:9.4f} s a step {r['peak_mb']:7.0f} MB  "
              f"({took}){measure.busy(r)}", flush=True)
    return bad


def unequal(a):
    """Points whose first losses differ between the programs, a line each."""
    bad = []
    for point in dict.fromkeys(p for s in SERIES for _, p in points_of(s, a)):
        ours, theirs = (results_of(a, point, program) for program in NAMES)
        if ours and theirs:
            off = table.losses_apart(ours[0], theirs[0], table.FIRST)
            if not off <= table.EQUAL:
                bad.append(f"{point.name()}: losses are {off:.1e} apart, expected at most {table.EQUAL:.0e}")
    return bad


def summary(results):
    """(median, low, high) of the seconds a step, median of the peak."""
    s = [table.seconds(r) for r in results]
    return (statistics.median(s), min(s), max(s)), statistics.median(r["peak_mb"] for r in results)


def draw(a, series):
    """The rows of the data file; writes the series' chart where there is something to draw."""
    rows, lines = [], {}
    for x, point in points_of(series, a):
        for program in NAMES:
            results = results_of(a, point, program)
            if not results:
                continue
            (s, low, high), peak = summary(results)
            rate = point.work() / 1e9
            lines.setdefault(program, []).append((x, (s, low, high), (rate / s, rate / high, rate / low), (peak,) * 3))
            layers, width, _, vocab = SHAPES[point.shape]
            rows.append([series, x, layers, width, vocab, point.batch, point.tokens, point.length, point.threads, program,
                         len(results), f"{s:.5f}", f"{low:.5f}", f"{high:.5f}", f"{rate / s:.1f}", f"{peak:.0f}"])
    if not rows:
        return rows
    _, _, words, log = SERIES[series]
    panels = [{"title": title, "x": words, "log_x": log or (i == 1 and series != "threads"), "log_y": log and i != 1,
               "lines": {NAMES[p]: [(q[0], *q[1 + i]) for q in line] for p, line in lines.items()}}
              for i, title in enumerate(("seconds a step", "nominal GFLOP/s", "peak memory, MB"))]
    with open(os.path.join(a.out, series + ".svg"), "w", encoding="utf-8") as f:
        f.write(chart.figure(panels))
    return rows


def draw_all(a):
    """What is missing, a line each."""
    os.makedirs(a.out, exist_ok=True)
    rows = [r for series in SERIES for r in draw(a, series)]
    head = ["series", "x", "layers", "width", "vocabulary", "batch", "soft_tokens", "text_tokens", "threads", "program", "rounds",
            "seconds", "low", "high", "nominal_gflops", "peak_mb"]
    with open(os.path.join(a.out, "scaling.tsv"), "w", encoding="utf-8") as f:
        f.writelines("\t".join(str(c) for c in r) + "\n" for r in [head, *rows])
    found = [r for s in SERIES for _, p in points_of(s, a) for program in NAMES for r in results_of(a, p, program)]
    if not found:
        return ["nothing was measured yet"]
    versions = {k: v for r in found for k, v in r.get("versions", {}).items()}
    dates = sorted({r["began"][:10] for r in found})
    said = f"{measure.describe(found[0]['key']['machine'])}. {measure.tacit_version(a.tacit)}"
    said += "".join(f", {k} {v}" for k, v in versions.items()) + f". {' to '.join(dates[:1] + dates[1:][-1:])}."
    if a.doc and not table.put_between(a.doc, "bench-scaling", said):
        return [f"{a.doc}: no marks '<!-- bench-scaling: begin -->' and '<!-- bench-scaling: end -->'"]
    return []


def arguments():
    p = argparse.ArgumentParser(usage=__doc__)
    for name, value in (("python", sys.executable), ("tacit", "build/tacit"), ("root", "build/bench"),
                        ("out", "docs/performance"), ("doc", "docs/PERFORMANCE.md"), ("series", ",".join(SERIES)),
                        ("programs", ",".join(NAMES)), ("shapes", ",".join(SIZES))):
        p.add_argument("--" + name, default=value)
    for name, value in (("rounds", 3), ("peer-rounds", 1)):
        p.add_argument("--" + name, type=int, default=value)
    for name in ("plan", "draw"):
        p.add_argument("--" + name, action="store_true")
    a = p.parse_args()
    for name, known in (("series", SERIES), ("programs", NAMES), ("shapes", SIZES)):
        setattr(a, name, getattr(a, name).split(","))
        for x in getattr(a, name):
            if x not in known:
                sys.exit(f"--{name}: found '{x}', expected of {', '.join(known)}")
    a.work = os.path.join(a.root, "scaling")
    return a


def main():
    a = arguments()
    if a.plan:
        for series in a.series:
            for _, p in points_of(series, a):
                print(f"{series:8} {p.name():28} {p.steps():4} steps  {p.work() / 1e9:9.1f} GFLOP a step, nominal")
        return
    os.makedirs(a.work, exist_ok=True)
    a.machine = measure.machine()
    bad = [] if a.draw else measure_all(a)
    bad += unequal(a) + draw_all(a)
    sys.exit("\n".join(bad) if bad else 0)


main()
