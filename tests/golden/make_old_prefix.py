#!/usr/bin/env python3
"""Write what a BLOOM prefix means to the packages of its time: methods/prefix-old, from the folder methods/prefix.

usage: make_old_prefix.py        (transformers 4.43.3, peft 0.12.0, numpy < 2)

Up to transformers 4.43 BLOOM kept its cache in another order, and PEFT read a prefix's values accordingly; nothing in an
adapter's folder tells. The versions are in the file's metadata.
"""
import json, os, shutil, tempfile

import peft, torch, transformers
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import BloomForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "methods", "prefix-old")
LATER = ["init_weights", "modules_to_save", "peft_version"]  # keys that PEFT 0.12 does not know

folder = tempfile.mkdtemp()
shutil.copy(os.path.join(HERE, "methods", "prefix", "adapter_model.safetensors"), folder)
with open(os.path.join(HERE, "methods", "prefix", "adapter_config.json"), encoding="utf-8") as f:
    config = {k: v for k, v in json.load(f).items() if k not in LATER}
with open(os.path.join(folder, "adapter_config.json"), "w", encoding="utf-8") as f:
    json.dump(config, f)
base = BloomForCausalLM.from_pretrained(os.path.join(HERE, "base-f32"), torch_dtype=torch.float32)
assert hasattr(base, "_convert_to_standard_cache"), "transformers is too new: expected 4.43 or older"
model = PeftModel.from_pretrained(base, folder).eval()
golden, out = load_file(os.path.join(HERE, "base-f32", "golden.safetensors")), {}
for k in range(golden["n"].item()):
    x, n = golden[f"ids.{k}"], golden[f"n_target.{k}"].item()
    with torch.no_grad():
        lp = model(input_ids=x[None], attention_mask=torch.ones_like(x)[None]).logits[0].double().log_softmax(-1)
    out[f"logprobs.{k}"] = torch.stack([lp[i - 1, x[i]] for i in range(len(x) - n, len(x))])
os.makedirs(OUT, exist_ok=True)
save_file(out, os.path.join(OUT, "golden.safetensors"),
          dict(format="pt", transformers=transformers.__version__, peft=peft.__version__))
shutil.rmtree(folder)
