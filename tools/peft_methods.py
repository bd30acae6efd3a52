#!/usr/bin/env python3
"""PEFT's tuning methods on the training steps that tacit does: a --peer of bench_peers.py.

usage: peft_methods.py MODEL --method NAME[:KEY=VALUE,...] --start DIR --make-start [--virtual 20]
       peft_methods.py MODEL --method NAME --start DIR --examples FILE [--batch 8] [--steps 4] [--threads 2] [--lr 1e-3]
                       [--impl peft|peft-labelrows] [--end DIR]

--make-start writes a PEFT folder with the method's start (nothing in it is zero that need not be), so that tacit can begin
there too. NAME: prompt, prefix, lora (r=8, alpha=8, targets=A+B) or ia3, spelled as for tacit train. --examples are lines
of `tacit tasks show --json`; they are taken in file order. The loss is the mean over the target tokens of a batch, in
float32; AdamW without weight decay. impl: peft pads to the longest of a batch and computes all logits, as get_peft_model
and a loop give it; peft-labelrows applies the head at labelled rows alone. --end keeps what PEFT writes after the steps.
The last line is JSON: losses of all steps, times without those of the first two. Needs torch, transformers, peft.
"""
import argparse
import json
import os
import sys
import time

PAD = 3


def arguments():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("model")
    for name in ("method", "start"):
        p.add_argument("--" + name, required=True)
    for name in ("examples", "end", "task"):
        p.add_argument("--" + name)
    p.add_argument("--make-start", action="store_true")
    p.add_argument("--impl", default="peft", choices=["peft", "peft-labelrows"])
    p.add_argument("--lr", type=float, default=1e-3)
    for name, value in (("virtual", 20), ("batch", 8), ("steps", 4), ("threads", 2)):
        p.add_argument("--" + name, type=int, default=value)
    return p.parse_args()


def config_of(method, virtual):
    """PEFT's config for tacit's way of writing a method."""
    from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig
    name, _, rest = method.partition(":")
    o = dict(x.split("=", 1) for x in rest.split(",") if x)
    if name == "prompt":
        return PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=virtual)
    if name == "prefix":
        return PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=virtual)
    if name == "ia3":
        return IA3Config(task_type="CAUSAL_LM")
    if name == "lora":
        targets = o["targets"].split("+") if "targets" in o else None
        return LoraConfig(task_type="CAUSAL_LM", r=int(o.get("r", 8)), lora_alpha=int(o.get("alpha", 8)),
                          target_modules=targets)
    sys.exit(f"--method {method}: expected prompt, prefix, lora or ia3")


def open_base(model):
    import torch
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)


def make_start(a):
    import torch
    from peft import get_peft_model
    torch.manual_seed(0)
    model = get_peft_model(open_base(a.model), config_of(a.method, a.virtual))
    for name, p in model.named_parameters():
        if p.requires_grad and "lora_B" in name:
            p.data.normal_(0, 0.02)
        elif p.requires_grad and "ia3_l" in name:
            p.data.normal_(1, 0.05)
    model.save_pretrained(a.start)


def open_start(a):
    """The model at its start, to be trained. PEFT loads prompts and prefixes for inference alone: their one matrix is copied."""
    from peft import PeftModel, get_peft_model
    from safetensors.torch import load_file
    config = config_of(a.method, a.virtual)
    if not config.is_prompt_learning:
        return PeftModel.from_pretrained(open_base(a.model), a.start, is_trainable=True)
    values = load_file(os.path.join(a.start, "adapter_model.safetensors"))["prompt_embeddings"]
    config.num_virtual_tokens = len(values)
    model = get_peft_model(open_base(a.model), config)
    model.prompt_encoder["default"].embedding.weight.data.copy_(values)
    return model


def read_examples(a):
    """Token ids (input, answer) of each example, repeated until they do."""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(a.model, "tokenizer.json"))
    with open(a.examples, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    one = [(e["ids"], tokenizer.encode(e["answers"][e["gold"]], add_special_tokens=False).ids) for e in lines]
    need = (a.steps + 2) * a.batch
    one = (one * (need // len(one) + 1))[:need]
    return [one[i:i + a.batch] for i in range(0, need, a.batch)]


def collate(batch):
    """Padded on the left."""
    import torch
    longest = max(len(x) + len(y) for x, y in batch)
    ids = torch.full((len(batch), longest), PAD)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for k, (x, y) in enumerate(batch):
        n = len(x) + len(y)
        ids[k, longest - n:] = torch.tensor(x + y)
        mask[k, longest - n:] = 1
        labels[k, longest - len(y):] = torch.tensor(y)
    return ids, mask, labels


def loss_everywhere(model):
    def loss_of(ids, mask, labels):
        return model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
    return loss_of


def loss_at_labels(model):
    """The head's input is cut to the rows that predict a label, whatever the method does before it."""
    import torch
    wanted = {}

    def cut(module, inputs):
        rows = inputs[0][:, -wanted["rows"].shape[1]:]
        return (rows[wanted["rows"]],)

    model.get_base_model().lm_head.register_forward_pre_hook(cut)

    def loss_of(ids, mask, labels):
        wanted["rows"] = torch.zeros_like(labels, dtype=torch.bool)
        wanted["rows"][:, :-1] = labels[:, 1:] != -100
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][labels[:, 1:] != -100])
    return loss_of


def train(a):
    import torch
    torch.set_num_threads(a.threads)
    model = open_start(a)
    model.train()
    params = [p for p in model.parameters() if p.requires_grad]
    loss_of = loss_everywhere(model) if a.impl == "peft" else loss_at_labels(model)
    optimizer = torch.optim.AdamW(params, lr=a.lr, weight_decay=0.0)
    losses, times = [], []
    for batch in read_examples(a):
        began = time.perf_counter()
        loss = loss_of(*collate(batch))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter() - began)
    if a.end:
        model.save_pretrained(a.end)
    print(json.dumps(dict(impl=a.impl, method=a.method, parameters=sum(p.numel() for p in params), losses=losses,
                          times=times[2:], torch=torch.__version__)))


def main():
    a = arguments()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    if a.make_start:
        make_start(a)
    elif a.examples:
        train(a)
    else:
        sys.exit("--examples or --make-start: one is needed")


main()
