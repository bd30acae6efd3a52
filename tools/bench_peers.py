#!/usr/bin/env python3
"""Times tacit beside the Python stack on the same training steps, in alternation.

usage: bench_peers.py --model DIR --data DIR --peer SCRIPT [--python PYTHON] [--task rte|twitter] [--rounds 3]
                      [--steps 6] [--impl peft,peft-labelrows] [--half DIR] [--method lora:r=8,alpha=8]
                      [--tacit build/tacit] [--json FILE]

--peer is a script with the command line and the JSON output that CONTRIBUTING.md tells; --half is the same model as
float16, on which tacit's memory is measured too. With --method the peer is tools/peft_methods.py: it writes the start that
both begin from, takes the examples as tacit renders them, and what both end with is compared too. Every program trains
on the same examples in file order, with the same tokens, learning rate and loss. The first two steps of each are not timed;
steps are compared in sum over the same batches. A round runs every program once; printed are the median over rounds of the
ratio to tacit, and its range.
"""
import argparse
import array
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

TASKS = {  # name here: (tacit's task, data folder under --data, batch, soft tokens)
    "rte": ("rte", "superglue", 8, 20),
    "wsc": ("wsc", "superglue", 8, 20),
    "twitter": ("twitter", "raft", 8, 8),
}


def measured(command):
    """Runs a command; (standard output, peak resident megabytes)."""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode:
            sys.exit(f"{' '.join(command)}: exit status {p.returncode}")
        out.seek(0)
        return out.read().decode(), usage.ru_maxrss / 1024


def read_tensors(folder):
    """Name: values, of an adapter's float32 tensors."""
    with open(os.path.join(folder, "adapter_model.safetensors"), "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    header.pop("__metadata__", None)
    return {k: array.array("f", data[slice(*v["data_offsets"])]) for k, v in header.items()}


def way_off(start, ours, theirs):
    """How far two trainings end from each other, as a part of the way that the other went."""
    s, x, y = read_tensors(start), read_tensors(ours), read_tensors(theirs)
    if not s.keys() == x.keys() == y.keys():
        sys.exit(f"{ours}: its tensors are not those of {theirs}")
    off = sum((p - q) ** 2 for k in y for p, q in zip(x[k], y[k]))
    return math.sqrt(off / sum((p - q) ** 2 for k in y for p, q in zip(s[k], y[k])))


def prepare(a):
    """With --method: the start that every program begins from, and the examples."""
    a.work = tempfile.mkdtemp(prefix="tacit-bench-")
    if not a.method:
        return
    task, folder, batch, tokens = TASKS[a.task]
    a.start, a.examples = os.path.join(a.work, "start"), os.path.join(a.work, "examples.jsonl")
    measured([a.python, a.peer, a.model, "--method", a.method, "--start", a.start, "--make-start", "--virtual", str(tokens)])
    text, _ = measured([a.tacit, "tasks", "show", task, "--model", a.model, "--data", os.path.join(a.data, folder), "--json",
                        "-n", str(batch * a.steps)])
    with open(a.examples, "w", encoding="utf-8") as f:
        f.write(text)


def run_tacit(a, model):
    task, folder, batch, tokens = TASKS[a.task]
    out = os.path.join(a.work, "tacit")
    shutil.rmtree(out, ignore_errors=True)
    command = [a.tacit, "train", "--model", model, "--task", task, "--data", os.path.join(a.data, folder),
               "--batch", batch, "--steps", a.steps, "--order", "file", "--lr", "1e-3",
               "--schedule", "constant", "--warmup", "0", "--clip", "0", "--threads", a.threads, "--no-eval",
               "--quiet", "--out", out]
    command += ["--init", "adapter:" + a.start] if a.method else ["--tokens", tokens]
    _, peak = measured([str(c) for c in command])
    read = lambda name: [json.loads(l) for l in open(os.path.join(out, name), encoding="utf-8")]
    result = {"losses": [m["loss"] for m in read("metrics.jsonl")],
              "times": [t["seconds"] for t in read("timing.jsonl")][2:], "peak_mb": peak}
    return result


def run_peer(a, impl):
    _, _, batch, tokens = TASKS[a.task]
    end = os.path.join(a.work, "end")
    extra = ["--method", a.method, "--start", a.start, "--examples", a.examples, "--end", end] if a.method else []
    text, peak = measured([a.python, a.peer, a.model, "--task", a.task, "--impl", impl, "--batch", str(batch),
                           "--virtual", str(tokens), "--steps", str(a.steps - 2), "--threads", str(a.threads), *extra])
    r = json.loads(text.splitlines()[-1])
    result = {"losses": r["losses"], "times": r["times"], "peak_mb": peak}
    if a.method:
        result["way_off"] = way_off(a.start, os.path.join(a.work, "tacit"), end)
    return result


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    for name in ("model", "data", "peer"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--task", default="rte", choices=TASKS)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=6)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--impl", default="peft,peft-labelrows")
    p.add_argument("--half")
    p.add_argument("--method")
    p.add_argument("--tacit", default="build/tacit")
    p.add_argument("--json")
    a = p.parse_args()
    peers = a.impl.split(",")
    rounds = []
    prepare(a)
    for i in range(a.rounds):
        r = {"tacit": run_tacit(a, a.model)}
        for impl in peers:
            r[impl] = run_peer(a, impl)
        if a.half:
            r["tacit (f16)"] = run_tacit(a, a.half)
        rounds.append(r)
        for name, v in r.items():
            print(f"round {i + 1}  {name:16} {sum(v['times']):8.2f} s in {len(v['times'])} steps  "
                  f"{v['peak_mb']:7.0f} MB  losses {' '.join(f'{x:.6f}' for x in v['losses'])}", flush=True)
    print(f"{'':16} seconds a step   times tacit's (range)   peak MB   loss, largest relative difference")
    for name in rounds[0]:
        own = [r[name] for r in rounds]
        ratio = [sum(r[name]["times"]) / sum(r["tacit"]["times"]) for r in rounds]
        off = max(abs(x / y - 1) for r in rounds for x, y in zip(r[name]["losses"], r["tacit"]["losses"]))
        seconds = statistics.median(sum(o["times"]) / len(o["times"]) for o in own)
        print(f"{name:16} {seconds:14.3f}   {statistics.median(ratio):6.2f} ({min(ratio):.2f} to {max(ratio):.2f})   "
              f"{max(o['peak_mb'] for o in own):15.0f}   {off:.1e}")
        if "way_off" in own[0]:
            print(f"{'':16} the two end {max(o['way_off'] for o in own):.1e} of the peer's way apart")
    shutil.rmtree(a.work)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as f:
            json.dump(rounds, f, indent=1)


main()
