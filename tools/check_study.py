#!/usr/bin/env python3
"""Compute a study's tables again from its stored prompts and scores, and compare them with what tacit put there.

usage: check_study.py OUT [--embedding MODEL.safetensors]     (OUT: the folder with study.db)

One line a table; status 1 where a number differs by more than 1e-6 relative, or a row is missing. Needs numpy and,
for matchings and rank correlations, scipy. --embedding (of a bfloat16, float16 or float32 model) adds the tables on nearest tokens.
"""
import argparse
import json
import math
import sqlite3
import struct
import sys
from itertools import combinations

import numpy as np

try:
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import spearmanr
except ImportError:
    linear_sum_assignment = spearmanr = None

args = argparse.ArgumentParser()
args.add_argument("out")
args.add_argument("--embedding")
args = args.parse_args()
db = sqlite3.connect(f"file:{args.out}/study.db?mode=ro", uri=True)
db.row_factory = sqlite3.Row
planned = "JOIN unit ON unit.key = unit WHERE planned"
bad = False


# ---- what is stored ----
def values(blob, width, dtype="<f4"):
    return np.frombuffer(blob, dtype).astype(np.float64).reshape(-1, width)


def tensors(path, wanted=lambda name: True):
    """The tensors of a safetensors file, as float64."""
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        head, found = json.loads(f.read(n)), {}
        for name, t in head.items():
            if name == "__metadata__" or not wanted(name):
                continue
            f.seek(8 + n + t["data_offsets"][0])
            raw = f.read(t["data_offsets"][1] - t["data_offsets"][0])
            if t["dtype"] == "BF16":
                data = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                data = np.frombuffer(raw, {"F16": "<f2", "F32": "<f4"}[t["dtype"]])
            found[name] = data.astype(np.float64).reshape(t["shape"])
    return found


tasks = [r["name"] for r in db.execute("SELECT name FROM task ORDER BY position")
         if db.execute(f"SELECT 1 FROM prompt {planned} AND task = ?", (r["name"],)).fetchone()]
prompts = {r["key"]: dict(r) for r in db.execute(f"SELECT prompt.*, unit.key AS u FROM prompt {planned}")}
for p in prompts.values():
    p["rows"] = values(p["data"], p["width"]) if p["data"] else None
score = {(r["prompt"], r["task"]): dict(r) for r in db.execute(f"SELECT score.* FROM score {planned}")}
for s in score.values():
    s["hits"] = np.frombuffer(s["hits"], np.uint8).astype(int)
first = {r["prompt"]: values(r["data"], prompts[r["prompt"]]["width"])
         for r in db.execute("SELECT prompt, data FROM epoch WHERE epoch = 0 AND data IS NOT NULL") if r[0] in prompts}


def of(kind, task=None):
    found = [k for k, p in prompts.items() if p["kind"] == kind and (task is None or p["task"] == task)]
    return sorted(found, key=lambda k: (tasks.index(prompts[k]["task"]) if prompts[k]["task"] else 0, prompts[k]["seed"]))


def table(name):
    r = db.execute("SELECT columns, rows FROM result WHERE name = ?", (name,)).fetchone()
    if not r:
        return []
    names = [c["name"] for c in json.loads(r["columns"])]
    rows = json.loads(r["rows"])
    assert all(len(row) == len(names) for row in rows), f"{name}: a row is not as long as the columns"
    return [dict(zip(names, row)) for row in rows]


# ---- comparing ----
def compare(name, keys, columns, want):
    """want: {key: {column: value}}."""
    global bad
    known = lambda v: v is not None and np.isfinite(v)
    want = {k: v for k, v in want.items() if any(known(x) for x in v.values())}
    rows = {tuple(r[k] for k in keys): r for r in table(name) if tuple(r[k] for k in keys) in want}
    worst, wrong = 0.0, len(want) - len(rows)
    for key, row in rows.items():
        for c in columns:
            a, b = row[c], want[key][c]
            if a is None or not known(b):
                wrong += (a is None) == known(b)
                continue
            error = abs(a - b) / max(abs(b), 1e-9) if a != b and max(abs(a), abs(b)) > 1e-9 else 0.0
            worst = max(worst, error)
            wrong += error > 1e-6
    bad |= bool(wrong > 0)
    print(f"{'ok' if not wrong else 'NOT OK'} {name}: {len(rows)} rows, {' '.join(columns)}: "
          f"largest relative difference {worst:.1e}{f', {wrong} wrong or missing' if wrong else ''}")


def mean(found):
    found = list(found)
    return float(np.mean(found)) if found else math.nan


def accuracy(keys, target):
    return mean(score[k, target]["hits"].mean() for k in keys if (k, target) in score)


def frobenius(a, b):
    return float(np.linalg.norm(b - a))


def cosine(a, b):
    return float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)


def matched(a, b, by_cosine):
    cost = -unit(a) @ unit(b).T if by_cosine else ((a[:, None] - b[None]) ** 2).sum(-1)
    total = cost[linear_sum_assignment(cost)].sum()
    return float(-total / len(a) if by_cosine else math.sqrt(total))


def divergence(a, b):
    """Over examples of as many answers as the stored log-likelihoods have on average (all tasks: a fixed number)."""
    total, n = 0.0, 0
    for t in tasks:
        if (a, t) in score and (b, t) in score:
            p, q = (np.exp(values(score[k, t]["logliks"], len(np.frombuffer(score[k, t]["logliks"], "<f8")) //
                                  score[k, t]["n"], "<f8")) for k in (a, b))
            p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
            entropy = lambda x: -np.where(x > 0, x * np.log(np.where(x > 0, x, 1)), 0).sum(1)
            js = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
            total, n = total + js.sum(), n + len(js)
    return total / n if n else math.nan


# ---- sweeps ----
def sweep():
    made = [dict(r, **json.loads(r["result"])) for r in db.execute(
        "SELECT prompt.*, unit.result FROM prompt JOIN unit ON unit.key = unit WHERE planned")]
    runs = {}
    for r in made:
        runs.setdefault((r["task"], r["kind"]), []).append(r)
    want, level = {}, {}
    for (task, config), found in runs.items():
        ok = [r for r in found if not r.get("diverged")]
        hits = np.mean([score[r["key"], task]["hits"] for r in ok], axis=0) if ok else None
        want[task, config] = {"runs": len(found), "diverged": len(found) - len(ok), "accuracy": mean(hits if ok else []),
                              "validation": mean(r["validation"]["accuracy"] for r in ok),
                              "validation_loss": mean(r["validation"]["loss"] for r in ok), "seconds": mean(r["seconds"] for r in ok)}
    compare("sweep", ["task", "config"], ["runs", "diverged", "accuracy", "validation", "validation_loss", "seconds"], want)
    every = {c for _, c in want}
    for c in every:
        of_all = [want[t, c] for t in tasks]
        level[c] = {k: float(np.sum([w[k] for w in of_all])) / (1 if k in ("runs", "diverged") else len(tasks)) for k in of_all[0]}
    best, methods = {}, {r["config"]: r["method"] for r in table("sweep")}
    order = {c: i for i, c in enumerate(dict.fromkeys(r["config"] for r in table("sweep")))}
    for task in tasks + ["all"] * (len(tasks) > 1):
        for method in set(methods.values()):
            found = {c: level[c] if task == "all" else want[task, c] for c in every if methods[c] == method}
            fit = [c for c, w in found.items() if not w["diverged"] and np.isfinite(w["validation"])]
            if fit:
                c = min(fit, key=lambda c: (-found[c]["validation"], found[c]["validation_loss"], order[c]))
                best[task, method, c] = {k: found[c][k] for k in ("validation", "accuracy")} | {"tried": len(found)}
    compare("sweep_best", ["task", "method", "config"], ["validation", "accuracy", "tried"], best)


if table("sweep"):
    sweep()
    sys.exit(int(bad))


# ---- the tables ----
kinds = {r["method"] for r in table("accuracy")} - {"full"}
compare("accuracy", ["task", "method"], ["accuracy"], {
    (t, k): {"accuracy": accuracy(of(k, None if k in ("none", "random") else t), t)}
    for t in tasks for k in kinds if of(k, None if k in ("none", "random") else t)})



def interval(tasks_hits):
    """Mean over tasks of values on examples, with its 95 % normal interval."""
    found = [np.asarray(h, float) for h in tasks_hits]
    error = math.sqrt(sum(h.var(ddof=1) / len(h) for h in found)) / max(len(found), 1)
    middle = mean(h.mean() for h in found)
    return middle, middle - 1.959963984540054 * error, middle + 1.959963984540054 * error


def pooled(kind, t):
    found = [score[k, t]["hits"] for k in of(kind, t) if (k, t) in score]
    return np.mean(found, axis=0) if found else None


# ---- forgetting: what units left about texts outside a task ----
def losses(key):
    r = db.execute("SELECT result FROM unit WHERE planned AND key = ?", (f"forget:{key}",)).fetchone()
    r = r or db.execute("SELECT result ->> 'forgot' AS result FROM unit WHERE planned AND key = ?", (f"make:{key}",)).fetchone()
    return json.loads(r["result"]) if r and r["result"] else []


plain, forgot, want = {x["of"]: x["loss"] for x in losses("none")}, {}, {}
for k, p in prompts.items():
    sets = losses(k) if k != "none" else []
    want.update({(p["task"], p["kind"], p["seed"], x["of"]): {
        "plain": plain[x["of"]], "loss": x["loss"], "change": x["loss"] - plain[x["of"]]} for x in sets})
    if sets:
        forgot.setdefault(p["kind"], []).append(np.average([x["loss"] - plain[x["of"]] for x in sets],
                                                           weights=[x["tokens"] for x in sets]))
compare("forgetting", ["task", "method", "seed", "of"], ["plain", "loss", "change"], want)

want = {}
for method in {r["method"] for r in table("methods")}:
    hits = {t: pooled(method, t) for t in tasks}
    over = interval(h for h in hits.values() if h is not None)
    less = interval(h - pooled("full", t) for t, h in hits.items() if h is not None and pooled("full", t) is not None)
    took = [json.loads(r["result"]) for r in db.execute(
        "SELECT result FROM unit JOIN prompt ON unit.key = unit WHERE planned AND prompt.kind = ? AND result NOT NULL", (method,))]
    want[method,] = dict(zip(("accuracy", "low", "high"), over), runs=len(of(method)),
                         parameters=max(prompts[k]["parameters"] for k in of(method)),
                         seconds=mean(r["seconds"] for r in took), bytes=max((r["bytes"] for r in took), default=None),
                         memory=max((r["memory"] for r in took), default=None), forgetting=mean(forgot.get(method, [])))
    if method != "full":
        want[method,].update(zip(("difference", "difference_low", "difference_high"), less))
    else:
        want[method,].update(difference=None, difference_low=None, difference_high=None)
compare("methods", ["method"], ["accuracy", "low", "high", "difference", "difference_low", "difference_high", "runs",
                                "parameters", "seconds", "bytes", "memory", "forgetting"], want)

runs = of("prompt")
# Methods of the study's own whose adapters were put to every task.
further = [m for m in sorted({r["method"] for r in table("methods")} - {"prompt", "full"})
           if all((k, t) in score for k in of(m) for t in tasks)]
if table("transfer"):
    compare("transfer", ["prompt", "target"], ["accuracy", "none", "random"], {
        (k, t): {"accuracy": accuracy([k], t), "none": accuracy(of("none"), t), "random": accuracy(of("random"), t)}
        for kind in ["none", "random", "description", "prompt"] + further for k in of(kind) for t in tasks})

want = {}
for t in tasks if len(of("prompt", tasks[0])) > 1 else []:
    h = np.array([score[k, t]["hits"] for k in of("prompt", t)])
    k, n = h.shape
    rest = h - h.mean(0) - h.mean(1, keepdims=True) + h.mean()
    rest = (rest ** 2).sum() / ((k - 1) * (n - 1))
    c, r = h.sum(1), h.sum(0)
    q = (k - 1) * (k * (c ** 2).sum() - c.sum() ** 2) / max((r * (k - r)).sum(), 1)
    want[t,] = {"mean": h.mean(), "sd": h.mean(1).std(ddof=1), "discordant": int(((r > 0) & (r < k)).sum()), "q": q,
                "run_variance": h.mean(1).var(ddof=1) - rest / n, "residual_variance": rest}
compare("seeds", ["task"], ["mean", "sd", "discordant", "q", "run_variance", "residual_variance"], want)

want = {}
for k in runs:
    a, b = first[k], prompts[k]["rows"]
    want[prompts[k]["task"], "prompt", prompts[k]["seed"]] = {
        "raw": frobenius(a, b), "per_token": np.linalg.norm(b - a, axis=1).mean(), "cosine": cosine(a, b)}
compare("drift", ["task", "kind", "seed"], ["raw", "per_token", "cosine"], want)

want = {}
for a, b in combinations(runs, 2):
    x, y = prompts[a]["rows"], prompts[b]["rows"]
    u, v = (k.replace("/prompt/", "/drift/") for k in (a, b))
    want[a, b] = {"raw": frobenius(x, y), "cosine": cosine(x, y),
                  "control": frobenius(prompts[u]["rows"], prompts[v]["rows"]) if u in prompts else None,
                  "matched": matched(x, y, False) if linear_sum_assignment else None}
compare("distances", ["a", "b"], ["raw", "cosine", "control"] + ["matched"] * bool(linear_sum_assignment), want)

measures = {"Frobenius": lambda a, b: frobenius(prompts[a]["rows"], prompts[b]["rows"]),
            "update": lambda a, b: frobenius(prompts[a]["rows"] - first[a], prompts[b]["rows"] - first[b]),
            "descriptions": lambda a, b: frobenius(first[a], first[b]),
            "cosine": lambda a, b: cosine(prompts[a]["rows"], prompts[b]["rows"]),
            "mean token cosine": lambda a, b: cosine(prompts[a]["rows"].mean(0), prompts[b]["rows"].mean(0)),
            "pairwise cosine": lambda a, b: (unit(prompts[a]["rows"]) @ unit(prompts[b]["rows"]).T).mean(),
            "output divergence": divergence}
if linear_sum_assignment:
    measures["matched cosine"] = lambda a, b: matched(prompts[a]["rows"], prompts[b]["rows"], True)
similar = {("prompt", m, s, t): {"value": mean(f(a, b) for a in of("prompt", s) for b in of("prompt", t) if s != t or a < b)}
           for m, f in measures.items() for i, s in enumerate(tasks) for t in tasks[i:]}


def adapter(key):
    """What a run's adapter puts before a text, or adds to the weights, as one vector."""
    folder = f"{args.out}/runs/{key}"
    config = json.load(open(f"{folder}/adapter_config.json"))
    found, parts = tensors(f"{folder}/adapter_model.safetensors"), []
    if "prompt_embeddings" in found:
        return found["prompt_embeddings"].ravel()
    for n, v in sorted(found.items()):
        if "lora_A" in n:
            rank = len(v)
            scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
            parts.append(scale * (found[n.replace("lora_A", "lora_B")] @ v).ravel())
        elif "lora_B" not in n:
            parts.append(v.ravel() - ("ia3_l" in n))
    return np.concatenate(parts)


vectors = {k: adapter(k) for m in further for k in of(m)}
own = {"Frobenius": lambda a, b: frobenius(vectors[a], vectors[b]), "cosine": lambda a, b: cosine(vectors[a], vectors[b]),
       "output divergence": divergence}
similar.update({(kind, m, s, t): {"value": mean(f(a, b) for a in of(kind, s) for b in of(kind, t) if s != t or a < b)}
                for kind in further for m, f in own.items() for i, s in enumerate(tasks) for t in tasks[i:]})
compare("similarity", ["method", "measure", "a", "b"], ["value"], similar)

if spearmanr and len(tasks) > 2 and table("related"):
    distances, want = ("Frobenius", "update", "descriptions", "output divergence"), {}
    for kind, m in [("prompt", m) for m in measures] + [(k, m) for k in further for m in own]:
        rhos = []
        for t in tasks:
            sources = [s for s in tasks if s != t]
            alike = [similar.get((kind, m, s, t), similar.get((kind, m, t, s)))["value"] for s in sources]
            rho = spearmanr(alike, [accuracy(of(kind, s), t) for s in sources]).statistic
            rhos.append(-rho if m in distances else rho)
            want[kind, m, t] = {"spearman": rhos[-1]}
        want[kind, m, "each"] = {"spearman": np.mean(np.nan_to_num(rhos)) if np.isfinite(rhos).any() else math.nan}
    compare("related", ["method", "measure", "target"], ["spearman"], want)


def sign_of(a, b):
    more, fewer = int((a > b).sum()), int((a < b).sum())
    p = min(1, 2 * sum(math.comb(more + fewer, i) for i in range(min(more, fewer) + 1)) / 2 ** (more + fewer))
    return 0 if p > 0.05 else 1 if more > fewer else -1


def sign_of_mean(a, b):
    d = a - b
    half = 1.959963984540054 * d.std(ddof=1) / math.sqrt(len(d))
    return int(d.mean() > half) - int(d.mean() < -half)


want = {}
for kind in ["prompt"] + further:
    for t in tasks if table("wins") else []:
        others = [k for k in of(kind) if prompts[k]["task"] != t]
        random = np.mean([score[k, t]["hits"] for k in of("random")], axis=0) if of("random") else None
        hits = lambda k: score[k, t]["hits"]
        signs = {"none": [sign_of(hits(k), hits("none")) for k in others],
                 "description of the source": [sign_of(hits(k), hits(f"{prompts[k]['task']}/description")) for k in others]}
        if random is not None:
            signs["random"] = [sign_of_mean(hits(k), random) for k in others]
        for name, s in signs.items():
            want[kind, t, name] = {"sources": len(s), "wins": s.count(1), "ties": s.count(0), "losses": s.count(-1)}
compare("wins", ["method", "target", "against"], ["sources", "wins", "ties", "losses"], want)

points = np.array([prompts[k]["rows"].ravel() for k in runs + of("start")])
centred = points - points.mean(0)
axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
axes *= np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])[:, None]
name = lambda xy: dict(zip("xy", map(float, xy)))
compare("layout", ["method", "prompt"], ["x", "y"],
        {("pca", k): name(axes @ c) for k, c in zip(runs + of("start"), centred)})
compare("trajectory", ["task", "seed", "epoch"], ["x", "y"], {
    (prompts[r[0]]["task"], prompts[r[0]]["seed"], r[1]): name(axes @ (np.frombuffer(r[2], "<f4") - points.mean(0)))
    for r in db.execute("SELECT prompt, epoch, data FROM epoch WHERE data IS NOT NULL") if r[0] in runs})


# ---- nearest tokens ----
if args.embedding:
    (rows,) = tensors(args.embedding, lambda n: n.endswith(("word_embeddings.weight", "embed_tokens.weight"))).values()
    vocabulary = unit(rows)
    want = {}
    for k in of("prompt") + of("shuffled") + of("drift"):
        p = prompts[k]
        start = prompts[f"{p['task']}/start"]["rows"]
        near = unit(p["rows"]) @ vocabulary.T
        kept = [(rows[i] == s).all() for i, s in zip(near.argmax(1), start)]
        want[p["task"], p["kind"], p["seed"]] = {"persisted": float(np.mean(kept)),
                                                 "drift": np.linalg.norm(p["rows"] - start, axis=1).mean()}
    compare("persistence", ["task", "method", "seed"], ["persisted", "drift"], want)
sys.exit(int(bad))
