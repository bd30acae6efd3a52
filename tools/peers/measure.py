"""Programs run and timed one after another, each result kept as a JSON file, so that a run that was killed goes on."""
import array
import datetime
import hashlib
import json
import math
import os
import shutil
import subprocess
import tempfile
import time

FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve", "bf16")


class Failed(Exception):
    """A program ended with another exit status than 0; the text says which, and its last words."""


def run(command, env=None):
    """Runs a command to its end: (standard output, peak resident megabytes, seconds). Raises Failed."""
    command = [str(c) for c in command]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        p = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        try:
            _, status, usage = os.wait4(p.pid, 0)
        except BaseException:
            p.kill()
            raise
        p.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        if p.returncode:
            said = "\n".join(err.read().decode(errors="replace").splitlines()[-5:])
            raise Failed(f"{' '.join(command)}: exit status {p.returncode}\n{said}")
        return out.read().decode(), usage.ru_maxrss / 1024, seconds


def write_json(path, value):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(value, f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)


def read_json(path):
    """None where the file is not there or was cut off."""
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def kept(path, key, make):
    """(the result of make() as kept in path, whether it was there already). Made again where key is another."""
    found = read_json(path)
    if found and found["key"] == key:
        return found, True
    began = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    load = os.getloadavg()[0]
    result = {"key": key, "began": began, "load": load, **make()}
    write_json(path, result)
    return result, False


def busy(result):
    """A warning where more ran on the machine than what is measured, else nothing."""
    load = result["load"]
    return f"  BUSY MACHINE: load {load:.1f}" if load > os.cpu_count() + 1 else ""


def fresh_folder(path, key):
    """A folder whose files belong to key: emptied where they belonged to another."""
    if read_json(os.path.join(path, "key.json")) != key:
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        write_json(os.path.join(path, "key.json"), key)
    return path


def hash_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def folder_key(path):
    """What tells a model folder from another without reading it whole."""
    return [os.path.abspath(path), [[n, os.path.getsize(os.path.join(path, n))] for n in sorted(os.listdir(path))]]


def machine():
    """What a measurement belongs to."""
    text, _, _ = run(["lscpu"], {**os.environ, "LC_ALL": "C"})
    facts = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in text.splitlines())}
    with open("/proc/meminfo", encoding="utf-8") as f:
        memory = int(f.readline().split()[1]) / 2**20
    flags = facts.get("Flags", facts.get("Features", "")).split()
    return {"cpu": facts.get("Model name", "unknown"),
            "family": " ".join(facts.get(k, "-") for k in ("CPU family", "Model", "Stepping")),
            "cpus": int(facts["CPU(s)"]), "threads_per_core": facts.get("Thread(s) per core", "1"),
            "L2": facts.get("L2 cache", "-"), "L3": facts.get("L3 cache", "-"),
            "flags": [f for f in FLAGS if f in flags], "memory_gb": round(memory, 1)}


def describe(m):
    """A machine as a sentence of a document."""
    return (f"{m['cpu']} (family, model, stepping {m['family']}), {m['cpus']} processors with {m['threads_per_core']} thread a "
            f"core, L2 {m['L2']}, L3 {m['L3']}, {' '.join(m['flags'])}, {m['memory_gb']} GB of memory")


def tacit_version(tacit):
    text, _, _ = run([tacit, "--version"])
    return text.strip()


def tacit_train(tacit, out, options):
    """A training from its start; all options but those that every comparison shares."""
    shutil.rmtree(out, ignore_errors=True)
    _, peak, wall = run([tacit, "train", "--order", "file", "--schedule", "constant", "--warmup", 0, "--clip", 0,
                         "--no-eval", "--quiet", "--out", out, *options])
    times = [t["seconds"] for t in read_lines(os.path.join(out, "timing.jsonl"))][2:]
    return {"losses": [m["loss"] for m in read_lines(os.path.join(out, "metrics.jsonl"))], "seconds": sum(times),
            "timed": len(times), "peak_mb": peak, "wall": wall}


def tacit_score(tacit, lines, batch, work, options):
    """A pass over lines that lie in batches: timed are all but the first two, as what they add to a run of those two."""
    files = [os.path.join(work, name) for name in ("first.jsonl", "all.jsonl")]
    for path, some in zip(files, (lines[:2 * batch], lines)):
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in some)
    command = [tacit, "score", *options]
    _, _, first = run([*command, files[0]])
    text, peak, wall = run([*command, files[1]])
    found = [json.loads(line)["logprobs"] for line in text.splitlines()]
    losses = []
    for i in range(0, len(found), batch):
        some = [x for line in found[i:i + batch] for x in line]
        losses.append(-sum(some) / len(some))
    return {"losses": losses, "seconds": wall - first, "timed": len(losses) - 2, "peak_mb": peak, "wall": wall}


def peer(python, model, work, options):
    """What tools/peers/peer.py says of its work."""
    script = os.path.join(os.path.dirname(__file__), "peer.py")
    text, peak, wall = run([python, script, model, work, *options])
    r = json.loads(text.splitlines()[-1])
    return {"losses": r["losses"], "seconds": sum(r["times"]), "timed": len(r["times"]), "peak_mb": peak, "wall": wall,
            "versions": r["versions"], "parameters": r["parameters"]}


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
        raise Failed(f"{ours}: its tensors are not those of {theirs}")
    off = sum((p - q) ** 2 for k in y for p, q in zip(x[k], y[k]))
    return math.sqrt(off / sum((p - q) ** 2 for k in y for p, q in zip(s[k], y[k])))
