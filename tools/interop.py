#!/usr/bin/env python3
"""Holds tacit against PEFT and lm-evaluation-harness on the demo's task and a small random model.

usage: interop.py [--tacit build/tacit] [--harness]

Needs torch, transformers, peft; with --harness lm_eval too. Checks, each printed with what was found:
  - a folder that tacit trained loads in PEFT and gives the same log-probabilities, with it and without;
  - a prompt that PEFT trained gives the same log-probabilities in tacit, and tacit trains it further;
  - lm-evaluation-harness gives the same acc, acc_norm and their stderr, without a prompt and with the adapter.
Exit status 1 where one fails.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

import torch
from peft import PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

p = argparse.ArgumentParser(usage=__doc__)
p.add_argument("--tacit", default="build/tacit")
p.add_argument("--harness", action="store_true")
a = p.parse_args()
failed = []


def tacit(*args, text=None):
    r = subprocess.run([a.tacit, *args], input=text, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"tacit {' '.join(args)}: {r.stderr}")
    return r.stdout


def report(name, gap, limit):
    print(f"{'ok ' if gap <= limit else 'BAD'} {name}: largest difference {gap:.2e} (limit {limit:.0e})", flush=True)
    if not gap <= limit:
        failed.append(name)


work = tempfile.mkdtemp(prefix="tacit-interop-")
folder = os.path.join(work, "model")
tacit("init-model", "--layers", "3", "--width", "48", "--heads", "6", "--std", "0.2", "--tokenizer", "demo/tokenizer.json",
      "--out", folder, "--quiet")
IDS = [[40, 50, 60, 70, 80, 90, 100], [7, 300, 21, 5], list(range(20, 60))]


def theirs(model, ids):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    logits = logits[-len(ids):]
    return [float(logits[i - 1, ids[i]]) for i in range(2, len(ids))]


def ours(*options):
    lines = "\n".join(json.dumps({"ids": i[:2], "target_ids": i[2:]}) for i in IDS)
    return [json.loads(l)["logprobs"] for l in tacit("score", "--model", folder, "--quiet", *options, text=lines).splitlines()]


def gap(x, y):
    return max(abs(b - c) for r, s in zip(x, y) for b, c in zip(r, s))


# what tacit trained, in PEFT
run = os.path.join(work, "run")
train = ["train", "--model", folder, "--task", "demo/task.yaml", "--data", "demo", "--tokens", "6", "--quiet", "--no-eval",
         "--lr", "1e-2", "--steps", "8"]
tacit(*train, "--out", run)
base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, run)
with_it = ours("--adapter", run)
report("PEFT loads what tacit trained", gap([theirs(model, i) for i in IDS], with_it), 1e-4)
with model.disable_adapter():
    plain = [theirs(model, i) for i in IDS]
report("the same without it", gap(plain, ours()), 1e-4)
report("and the same difference between them",
       gap([[x - y for x, y in zip(r, s)] for r, s in zip([theirs(model, i) for i in IDS], plain)],
           [[x - y for x, y in zip(r, s)] for r, s in zip(with_it, ours())]), 1e-4)

# what PEFT trained, in tacit
torch.manual_seed(1)
base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = get_peft_model(base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for _ in range(3):
    optimizer.zero_grad()
    model(input_ids=torch.tensor([IDS[0]]), labels=torch.tensor([IDS[0]])).loss.backward()
    optimizer.step()
saved = os.path.join(work, "peft")
model.save_pretrained(saved)
report("tacit loads what PEFT trained", gap([theirs(model, i) for i in IDS], ours("--adapter", saved)), 1e-4)
more = os.path.join(work, "more")
tacit(*train, "--init", "adapter:" + saved, "--out", more)
base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = PeftModel.from_pretrained(base, more)
report("tacit trains it further, PEFT loads that", gap([theirs(model, i) for i in IDS], ours("--adapter", more)), 1e-4)
first = json.loads(open(os.path.join(more, "metrics.jsonl")).readline())["loss"]
fresh = json.loads(open(os.path.join(run, "metrics.jsonl")).readline())["loss"]
report("its first loss is not a fresh prompt's", 0 if abs(first - fresh) > 1e-3 else 1, 0)


def harness(adapter):
    """lm-evaluation-harness' results on the validation file."""
    import lm_eval
    from lm_eval.tasks import TaskManager
    tasks = os.path.join(work, "tasks")
    os.makedirs(tasks, exist_ok=True)
    with open(os.path.join(tasks, "demo.yaml"), "w", encoding="utf-8") as f:
        f.write(f"""task: tacit_demo
dataset_path: json
dataset_kwargs:
  data_files:
    validation: {os.path.abspath('demo/val.jsonl')}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{{{sentence}}}}\\nAnimal or plant?"
doc_to_choice: ["animal", "plant"]
doc_to_target: "{{{{['animal', 'plant'].index(label)}}}}"
target_delimiter: " "
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
  - metric: acc_norm
    aggregation: mean
    higher_is_better: true
""")
    args = f"pretrained={folder},dtype=float32" + (f",peft={adapter}" if adapter else "")
    out = lm_eval.simple_evaluate(model="hf", model_args=args, tasks=["tacit_demo"], batch_size=1, device="cpu",
                                  task_manager=TaskManager(include_path=tasks), bootstrap_iters=100)
    return out["results"]["tacit_demo"]


if a.harness:
    result = json.loads(tacit("eval", "--model", folder, "--task", "demo/task.yaml", "--data", "demo", "--json", "--quiet",
                              "--no-prompt", "--adapter", run))
    for row, adapter in zip(result["rows"], (None, run)):
        want = harness(adapter)
        for key, name in (("acc,none", "acc"), ("acc_norm,none", "acc_norm"), ("acc_stderr,none", "acc_stderr"),
                          ("acc_norm_stderr,none", "acc_norm_stderr")):
            value = want[key]
            label = f"lm-evaluation-harness {name} {'with' if adapter else 'without'} the adapter ({value})"
            report(label, abs(row[name] - value) if not isinstance(value, str) else math.inf, 1e-9)
sys.exit(bool(failed))
