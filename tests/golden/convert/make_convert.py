#!/usr/bin/env python3
"""Write the files of other tools that tests/test_npy.c, test_torch.c, test_multitask.c, test_merge.c and convert_test.sh read.

usage: make_convert.py [OUT]        (OUT: this script's folder)

Needs torch, transformers, peft, numpy. VERSIONS.json records those that made the committed files. README.md says what
each file is.
"""
import importlib.metadata, io, json, os, shutil, sys

import numpy as np
import torch
from peft import MultitaskPromptTuningConfig, PeftModel, PromptEncoderConfig, get_peft_model
from peft.utils.constants import bloom_model_postprocess_past_key_value
from safetensors.torch import save_file
from transformers import BloomForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else HERE
BASE = os.path.join(HERE, "..", "base-f32")
P = 3


def npy(name, x, version=None):
    with open(os.path.join(OUT, name), "wb") as f:
        if version:
            np.lib.format.write_array(f, np.asarray(x), version=version)
        else:
            np.save(f, np.asarray(x))


def matrices():
    x = np.random.default_rng(3).normal(size=(P, 5)).astype(np.float32)
    npy("f4.npy", x)
    npy("f2.npy", x.astype(np.float16))
    npy("f8.npy", x.astype(np.float64) + 1e-9)
    npy("three.npy", x[None])
    npy("v2.npy", x, (2, 0))
    npy("v3.npy", x, (3, 0))
    npy("fortran.npy", np.asfortranarray(x))
    npy("big-endian.npy", x.astype(">f4"))
    npy("long.npy", np.arange(700, dtype=np.float32).reshape(350, 2))
    for name, y in (("f4.pt", x), ("long.pt", np.arange(700, dtype=np.float32).reshape(350, 2))):
        b = io.BytesIO()  # torch names the archive after a file
        torch.save(torch.from_numpy(y), b)
        open(os.path.join(OUT, name), "wb").write(b.getvalue())


def save_adapter(model, name):
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    path = os.path.join(folder, "adapter_config.json")
    config = json.load(open(path))
    config["base_model_name_or_path"] = "base-f32"  # not where this machine keeps it
    json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def adapters():
    torch.manual_seed(5)
    model = get_peft_model(BloomForCausalLM.from_pretrained(BASE), PromptEncoderConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=P, encoder_hidden_size=8))
    save_adapter(model, "ptuning")
    npy("ptuning.npy", model.get_prompt_embedding_to_save("default").float())

    model = get_peft_model(BloomForCausalLM.from_pretrained(BASE), MultitaskPromptTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=P, num_tasks=3, num_ranks=2))
    encoder = model.prompt_encoder["default"]
    with torch.no_grad():
        for w in (encoder.prefix_task_cols, encoder.prefix_task_rows):
            w.normal_()
    save_adapter(model, "multitask")
    with torch.no_grad():
        for k in range(3):
            npy(f"multitask.{k}.npy", encoder(torch.arange(P)[None], torch.tensor([k]))[0].float())


def prefixes(L=2, H=2, D=4):
    """A prefix as PEFT stored it for BLOOM under transformers <= 4.43, and the same cache in today's order."""
    old = torch.arange(P * 2 * L * H * D, dtype=torch.float32).reshape(P, -1)
    split = old.view(1, P, 2 * L, H, D).permute(2, 0, 3, 1, 4).split(2)
    slots = []
    for k, v in bloom_model_postprocess_past_key_value(split):  # (H, D, P) and (H, P, D): BLOOM's cache then
        slots += [k.permute(2, 0, 1), v.permute(1, 0, 2)]
    npy("prefix-old.npy", old)
    npy("prefix-new.npy", torch.stack(slots, 1).reshape(P, -1))


def merged():
    """What merge_and_unload changes in layer 1 of the base, for adapters of ../methods."""
    for name, base, dtype in (("lora-rs", "base-f32", torch.float32), ("lora-patterns", "base-f32", torch.float32),
                              ("ia3", "base-f32", torch.float32), ("lora-f16", "f16", torch.float16)):
        load = lambda: BloomForCausalLM.from_pretrained(os.path.join(HERE, "..", base), dtype=dtype)
        model = PeftModel.from_pretrained(load(), os.path.join(HERE, "..", "methods", name)).merge_and_unload()
        was = load().state_dict()
        save_file({k: v.clone() for k, v in model.state_dict().items() if ".h.1." in k and not torch.equal(v, was[k])},
                  os.path.join(OUT, f"merged-{name}.safetensors"), {"format": "pt"})


matrices()
merged()
adapters()
prefixes()
json.dump({p: importlib.metadata.version(p) for p in ("numpy", "peft", "torch", "transformers")},
          open(os.path.join(OUT, "VERSIONS.json"), "w"), indent=2)
