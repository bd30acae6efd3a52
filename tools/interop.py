#!/usr/bin/env python3
"""Holds tacit against PEFT and lm-evaluation-harness on the demo's task and a small random model.

usage: interop.py [--tacit build/tacit] [--only NAME,...] [--harness]

`make interop` starts it with the newest packages in an environment of its own. Needs torch, transformers, peft; with
--harness lm_eval too. Checks for each method, each printed with what was found:
  - a folder that tacit trained loads in PEFT and gives the same log-probabilities, others than the model alone;
  - PEFT writes that folder again with the same keys, values and bytes: nothing is missing in it;
  - a folder that PEFT made gives the same log-probabilities in tacit, and a step of tacit at learning rate 0 writes the
    same tensors, byte for byte;
  - tacit trains it further, and PEFT loads that;
  - merged by tacit, LoRA and IA3 give the same model as merged by PEFT.
And of tacit convert: NumPy and torch read what it writes, and write the same bytes; a whole input (prompt and text) gives
the same log-probabilities as inputs_embeds; a task of PEFT's multitask prompts becomes a prompt that gives the same.
With --harness: lm-evaluation-harness gives the same acc, acc_norm and their stderr, without a prompt and with the adapter.
Exit status 1 where one fails.
"""
import argparse
import base64
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy
import peft
import torch
import transformers
from peft import (IA3Config, LoraConfig, MultitaskPromptTuningConfig, PeftModel, PrefixTuningConfig,
                  PromptEncoderConfig, PromptTuningConfig, get_peft_model)
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

LINEARS = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
IDS = [[40, 50, 60, 70, 80, 90, 100], [7, 300, 21, 5], list(range(20, 60))]
LM = dict(task_type="CAUSAL_LM")
SOFT = dict(num_virtual_tokens=6, **LM)

TRAINED = {  # by tacit: options of tacit train
    "prompt": ["--method", "prompt", "--tokens", "6"],
    "prefix": ["--method", "prefix", "--tokens", "6"],
    "prefix-mlp": ["--method", "prefix:hidden=16", "--tokens", "6"],
    "lora": ["--method", "lora:r=4"],
    "lora-all": ["--method", "lora:r=4,alpha=16,targets=" + "+".join(LINEARS)],
    "ia3": ["--method", "ia3"],
    "ptuning": ["--method", "ptuning:hidden=16", "--tokens", "6"],
}
MADE = {  # by PEFT: its config, tacit's method that goes on from it
    "prompt": (PromptTuningConfig(**SOFT), "prompt"),
    "prefix": (PrefixTuningConfig(**SOFT), "prefix"),
    "prefix-mlp": (PrefixTuningConfig(prefix_projection=True, encoder_hidden_size=16, **SOFT), "prefix"),
    "lora": (LoraConfig(r=4, lora_alpha=8, **LM), "lora"),
    "lora-rs": (LoraConfig(r=4, lora_alpha=8, use_rslora=True, **LM), "lora"),
    "lora-all": (LoraConfig(r=4, lora_alpha=16, target_modules=LINEARS, **LM), "lora"),
    "lora-linear": (LoraConfig(r=2, lora_alpha=8, target_modules="all-linear", **LM), "lora"),
    "lora-layers": (LoraConfig(r=3, layers_to_transform=[0, 2], **LM), "lora"),
    "ia3": (IA3Config(**LM), "ia3"),
    "ia3-up": (IA3Config(target_modules=LINEARS, feedforward_modules=["dense_h_to_4h"], **LM), "ia3"),
    "ptuning": (PromptEncoderConfig(encoder_hidden_size=16, **SOFT), "prompt"),
    "ptuning-lstm": (PromptEncoderConfig(encoder_hidden_size=16, encoder_reparameterization_type="LSTM", **SOFT), "prompt"),
}
# Folded for good: tacit writes these as the plain method's.
FOLDED = {"prefix-mlp": ["prefix_projection", "encoder_hidden_size"]}

failed = []


def say(good, text):
    print(f"{'ok ' if good else 'BAD'} {text}", flush=True)
    if not good:
        failed.append(text)


def report(name, found, limit):
    say(found <= limit, f"{name}: largest difference {found:.2e} (limit {limit:.0e})")


def gap(x, y):
    return max(abs(b - c) for r, s in zip(x, y) for b, c in zip(r, s))


def read_config(folder):
    """adapter_config.json, its lists sorted: PEFT keeps some as sets."""
    with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as f:
        return {k: sorted(v) if isinstance(v, list) else v for k, v in json.load(f).items()}


def differences(x, y, but=()):
    return sorted(k for k in x.keys() | y.keys() if k not in but and (k not in x or k not in y or x[k] != y[k]))


def tensors(folder):
    """Name: dtype, shape and bytes of each tensor of an adapter."""
    return {k: (t.dtype, tuple(t.shape), t.contiguous().numpy().tobytes())
            for k, t in load_file(os.path.join(folder, "adapter_model.safetensors")).items()}


class Bench:
    """A small random model as both sides see it, and a folder to work in."""

    def __init__(self, program):
        self.program = program
        self.work = tempfile.mkdtemp(prefix="tacit-interop-")
        self.model = self.path("model")
        self.tacit("init-model", "--layers", "3", "--width", "48", "--heads", "6", "--std", "0.2", "--tokenizer",
                   "demo/tokenizer.json", "--out", self.model, "--quiet")
        self.plain = self.theirs(self.base())

    def path(self, name):
        return os.path.join(self.work, name)

    def tacit(self, *args, text=None):
        r = subprocess.run([self.program, *args], input=text, capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(f"tacit {' '.join(args)}: {r.stderr.strip()}")
        return r.stdout

    def train(self, out, *options):
        self.tacit("train", "--model", self.model, "--task", "demo/task.yaml", "--data", "demo", "--quiet", "--no-eval",
                   "--out", out, *options)
        return out

    def ours(self, *options):
        lines = "\n".join(json.dumps({"ids": i[:2], "target_ids": i[2:]}) for i in IDS)
        out = self.tacit("score", "--model", self.model, "--quiet", *options, text=lines)
        return [json.loads(line)["logprobs"] for line in out.splitlines()]

    def base(self):
        return AutoModelForCausalLM.from_pretrained(self.model, dtype=torch.float32)

    def theirs(self, model):
        rows = []
        for ids in IDS:
            with torch.no_grad():
                lp = model(input_ids=torch.tensor([ids])).logits[0, -len(ids):].double().log_softmax(-1)
            rows.append([float(lp[i - 1, ids[i]]) for i in range(2, len(ids))])
        return rows


def first_loss(run):
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as f:
        return json.loads(f.readline())["loss"]


def from_tacit(b, name):
    """What tacit trained, in PEFT."""
    run = b.train(b.path("run-" + name), "--lr", "1e-2", "--steps", "8", *TRAINED[name])
    model = PeftModel.from_pretrained(b.base(), run)
    theirs, ours = b.theirs(model), b.ours("--adapter", run)
    report(f"{name}: PEFT loads what tacit trained", gap(theirs, ours), 1e-4)
    report(f"{name}: and the same difference from the model alone",
           gap([[x - y for x, y in zip(r, s)] for r, s in zip(theirs, b.plain)],
               [[x - y for x, y in zip(r, s)] for r, s in zip(ours, b.ours())]), 1e-4)
    moved = gap(theirs, b.plain)
    say(moved > 1e-3, f"{name}: training moved the log-probabilities by up to {moved:.2e}")
    again = b.path("again-" + name)
    model.save_pretrained(again)
    off = differences(read_config(run), read_config(again))
    say(not off, f"{name}: PEFT writes tacit's adapter_config.json again: keys that differ: {', '.join(off) or 'none'}")
    say(tensors(run) == tensors(again), f"{name}: and its tensors, byte for byte")


def randomised(model):
    """Values that no reading error leaves alone."""
    torch.manual_seed(1)
    for name, p in model.named_parameters():
        if p.requires_grad and "lora_B" in name:
            p.data.normal_(0, 0.1)
        elif p.requires_grad and "ia3_l" in name:
            p.data.normal_(1, 0.2)
    return model


def from_peft(b, name):
    """What PEFT made, in tacit; what tacit makes of it, in PEFT."""
    config, method = MADE[name]
    torch.manual_seed(2)
    model = randomised(get_peft_model(b.base(), config)).eval()
    saved = b.path("peft-" + name)
    model.save_pretrained(saved)
    theirs = b.theirs(model)
    report(f"{name}: tacit loads what PEFT made", gap(theirs, b.ours("--adapter", saved)), 1e-4)
    say(gap(theirs, b.plain) > 1e-3, f"{name}: which is not the model alone")
    go_on = ["--method", method, "--init", "adapter:" + saved]
    still = b.train(b.path("still-" + name), "--lr", "0", "--steps", "1", *go_on)
    say(tensors(still) == tensors(saved), f"{name}: tacit writes PEFT's tensors again, byte for byte")
    if not name.startswith("ptuning"):  # which becomes a prompt
        off = differences(read_config(still), read_config(saved), FOLDED.get(name, []))
        say(not off, f"{name}: and its adapter_config.json: keys that differ: {', '.join(off) or 'none'}")
    more = b.train(b.path("more-" + name), "--lr", "1e-2", "--steps", "3", *go_on)
    theirs = b.theirs(PeftModel.from_pretrained(b.base(), more))
    report(f"{name}: tacit trains it further, PEFT loads that", gap(theirs, b.ours("--adapter", more)), 1e-4)
    apart = abs(first_loss(more) - first_loss(b.path("run-prompt")))
    say(apart > 1e-3, f"{name}: and its first loss is not a fresh prompt's ({apart:.2e} apart)")


def merged(b, name):
    """The adapter that PEFT made, folded into the model by both sides."""
    out, saved = b.path("merged-" + name), b.path("peft-" + name)
    b.tacit("merge", saved, "--model", b.model, "--out", out, "--quiet")
    ours = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(b.base(), saved)
    report(f"{name}: merged by tacit, it scores as PEFT's adapter", gap(b.theirs(ours), b.theirs(theirs)), 1e-4)
    want = theirs.merge_and_unload().state_dict()
    report(f"{name}: and its weights are those that PEFT merges",
           max(float((w - want[k]).abs().max() / want[k].abs().max()) for k, w in ours.state_dict().items()), 2e-7)


def written(save, x):
    """The bytes that a library writes of x."""
    f = io.BytesIO()
    save(f, x)
    return f.getvalue()


def read_bytes(path):
    with open(path, "rb") as f:
        return f.read()


def moved(b):
    """What tacit convert writes and reads."""
    run = b.path("run-prompt")
    values = load_file(os.path.join(run, "adapter_model.safetensors"))["prompt_embeddings"]
    npy, pt, whole, back = (b.path(n) for n in ("p.npy", "p.pt", "whole.pt", "back"))
    b.tacit("convert", run, npy, "--quiet")
    b.tacit("convert", run, pt, "--quiet")
    say(numpy.array_equal(numpy.load(npy), values.numpy()), "convert: NumPy reads the .npy")
    say(read_bytes(npy) == written(numpy.save, values.numpy()), "convert: and writes the same bytes")
    say(torch.equal(torch.load(pt, weights_only=True), values), "convert: torch reads the .pt, weights alone")
    say(read_bytes(pt) == written(lambda f, x: torch.save(x, f), values), "convert: and writes the same bytes")
    say(base64.b64decode(b.tacit("convert", run, "--base64")) == read_bytes(pt), "convert: --base64 is the .pt")
    b.tacit("convert", npy, back, "--model", b.model, "--quiet")
    report("convert: PEFT loads the folder made of the .npy",
           gap(b.theirs(PeftModel.from_pretrained(b.base(), back)), b.ours("--adapter", run)), 1e-4)

    text = "A frog sat by the pond, and"
    b.tacit("convert", run, whole, "--model", b.model, "--text", text, "--quiet")
    model, rows = b.base(), torch.load(whole, weights_only=True)
    target = json.loads(b.tacit("tokenize", "--model", b.model, "--json", text=" it was green"))["ids"]
    with torch.no_grad():
        x = torch.cat([rows, model.get_input_embeddings()(torch.tensor(target))])[None]
        lp = model(inputs_embeds=x).logits[0].double().log_softmax(-1)
    theirs = [float(lp[len(rows) - 1 + i, t]) for i, t in enumerate(target)]
    ours = json.loads(b.tacit("score", "--model", b.model, "--quiet", "--adapter", run,
                              text=json.dumps({"text": text, "target": " it was green"})))["logprobs"]
    report("convert: a whole input scores as inputs_embeds", gap([theirs], [ours]), 1e-4)


def multitask(b):
    """Each task of PEFT's multitask prompts."""
    saved, out = b.path("peft-multitask"), b.path("task")
    torch.manual_seed(4)
    config = MultitaskPromptTuningConfig(num_tasks=3, num_ranks=2, **SOFT)
    model = get_peft_model(b.base(), config).eval()
    encoder = model.prompt_encoder["default"]
    with torch.no_grad():
        for w in (encoder.prefix_task_cols, encoder.prefix_task_rows):
            w.normal_()
    model.save_pretrained(saved)
    for k in range(3):
        b.tacit("convert", saved, out, "--task-id", str(k), "--quiet")
        theirs = b.theirs(lambda input_ids, k=k: model(input_ids=input_ids, task_ids=torch.tensor([k])))
        report(f"multitask: task {k} by tacit convert", gap(theirs, b.ours("--adapter", out)), 1e-4)


def full(b):
    """A finetuned model folder in transformers."""
    run = b.train(b.path("run-full"), "--method", "full", "--lr", "1e-3", "--steps", "4")
    theirs = b.theirs(AutoModelForCausalLM.from_pretrained(run, dtype=torch.float32))
    b.model, model = run, b.model
    report("full: transformers loads what tacit finetuned", gap(theirs, b.ours()), 1e-4)
    b.model = model
    say(gap(theirs, b.plain) > 1e-3, "full: which is not the model it began with")


def harness_results(b, adapter):
    """lm-evaluation-harness' results on the validation file."""
    import lm_eval
    from lm_eval.tasks import TaskManager
    tasks = b.path("tasks")
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
    args = f"pretrained={b.model},dtype=float32" + (f",peft={adapter}" if adapter else "")
    out = lm_eval.simple_evaluate(model="hf", model_args=args, tasks=["tacit_demo"], batch_size=1, device="cpu",
                                  task_manager=TaskManager(include_path=tasks), bootstrap_iters=100)
    return out["results"]["tacit_demo"]


def harness(b):
    run = b.path("run-prompt")
    result = json.loads(b.tacit("eval", "--model", b.model, "--task", "demo/task.yaml", "--data", "demo", "--json",
                                "--quiet", "--no-prompt", "--adapter", run))
    for row, adapter in zip(result["rows"], (None, run)):
        want = harness_results(b, adapter)
        for name in ("acc", "acc_norm", "acc_stderr", "acc_norm_stderr"):
            value = want[name + ",none"]
            label = f"lm-evaluation-harness {name} {'with' if adapter else 'without'} the adapter ({value})"
            report(label, abs(row[name] - value) if not isinstance(value, str) else math.inf, 1e-9)


def attempt(name, check, *args):
    """One method that fails does not hide the others."""
    try:
        check(*args)
    except (RuntimeError, ValueError, OSError, KeyError) as e:
        say(False, f"{name}: {e}")


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--tacit", default="build/tacit")
    p.add_argument("--only", help="these methods alone, with commas between")
    p.add_argument("--harness", action="store_true")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    alone = {"full": full, "convert": moved, "multitask": multitask}
    names = a.only.split(",") if a.only else ["prompt", *MADE, *alone]
    unknown = sorted(set(names) - {*TRAINED, *MADE, *alone})
    if unknown:
        sys.exit(f"--only: {', '.join(unknown)}: expected {', '.join([*MADE, *alone])}")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    b = Bench(a.tacit)
    report("the model alone", gap(b.plain, b.ours()), 1e-4)
    for name in dict.fromkeys(["prompt", *names]):  # the others' first losses are compared with a fresh prompt's
        if name in alone:
            attempt(name, alone[name], b)
        if name in TRAINED:
            attempt(name, from_tacit, b, name)
        if name in MADE:
            attempt(name, from_peft, b, name)
        if name.startswith(("lora", "ia3")):
            attempt(name, merged, b, name)
    if a.harness:
        harness(b)
    shutil.rmtree(b.work)
    print(f"{len(failed)} failed" if failed else "all the same")
    sys.exit(bool(failed))


main()
