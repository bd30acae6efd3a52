#!/usr/bin/env python3
"""The Python stack on the work that tacit does: one program that is timed beside it by bench_peers.py.

usage: peer.py MODEL start --out DIR [--method M] [--tokens P] [--init TEXT]
       peer.py MODEL train|score --examples FILE [--impl peft|peft-labelrows|trl] [--method M] [--start DIR] [--batch B]
                                 [--steps N] [--lr X] [--threads N] [--dtype f32|bf16] [--end DIR]

start writes a PEFT folder from which tacit and the peers begin alike: a prompt from the embeddings of TEXT, tiled or cut
to P; other methods with values drawn where PEFT would put zeros, so that every gradient counts from the first step on. M is
spelled as for tacit train: prompt, prefix, lora:r=8,alpha=16, ia3; full has no start.
train does N steps of AdamW without weight decay, score runs N batches forward. --examples are lines {"ids": [...], "target":
TEXT}, taken in file order and again from the first where they end. The loss is the mean over a batch's target tokens.
  peft            padded on the left to the longest of a batch, all logits: what get_peft_model and a loop give
  peft-labelrows  the same, with the head applied at the rows that predict a target: the best that a careful user writes
  trl             SFTTrainer as it comes
Base weights are held as --dtype, what is trained as float32. --end keeps what PEFT writes after the steps. The last line
printed is JSON: losses of all steps, seconds without those of the first two, versions.
"""
import argparse
import json
import os
import sys
import tempfile
import time


def arguments():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("model")
    p.add_argument("work", choices=["start", "train", "score"])
    p.add_argument("--impl", default="peft", choices=["peft", "peft-labelrows", "trl"])
    p.add_argument("--dtype", default="f32", choices=["f32", "bf16"])
    p.add_argument("--method", default="prompt")
    p.add_argument("--lr", type=float, default=1e-3)
    for name in ("out", "init", "start", "examples", "end"):
        p.add_argument("--" + name)
    for name, value in (("tokens", 20), ("batch", 8), ("steps", 4), ("threads", 2)):
        p.add_argument("--" + name, type=int, default=value)
    return p.parse_args()


def config_of(method, tokens):
    """PEFT's config for tacit's way of writing a method."""
    from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig
    name, _, rest = method.partition(":")
    o = dict(x.split("=", 1) for x in rest.split(",") if x)
    if name in ("prompt", "prefix"):
        return (PromptTuningConfig if name == "prompt" else PrefixTuningConfig)(
            task_type="CAUSAL_LM", num_virtual_tokens=tokens)
    if name == "ia3":
        return IA3Config(task_type="CAUSAL_LM")
    if name == "lora":
        targets = o["targets"].split("+") if "targets" in o else None
        return LoraConfig(task_type="CAUSAL_LM", r=int(o.get("r", 8)), lora_alpha=int(o.get("alpha", 8)),
                          target_modules=targets)
    sys.exit(f"--method {method}: expected prompt, prefix, lora, ia3 or full")


def open_base(a):
    import torch
    from transformers import AutoModelForCausalLM
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[a.dtype]
    return AutoModelForCausalLM.from_pretrained(a.model, dtype=dtype)


def open_tokenizer(a):
    from tokenizers import Tokenizer
    return Tokenizer.from_file(os.path.join(a.model, "tokenizer.json"))


def make_start(a):
    import torch
    from peft import get_peft_model
    torch.manual_seed(0)
    base = open_base(a)
    rows = None
    if a.method == "prompt":
        ids = open_tokenizer(a).encode(a.init, add_special_tokens=False).ids
        ids = (ids * (a.tokens // len(ids) + 1))[:a.tokens]
        rows = base.get_input_embeddings().weight[ids].detach().clone()
    model = get_peft_model(base, config_of(a.method, a.tokens))
    for name, p in model.named_parameters():
        if p.requires_grad and "lora_B" in name:
            p.data.normal_(0, 0.02)
        elif p.requires_grad and "ia3_l" in name:
            p.data.normal_(1, 0.05)
        elif p.requires_grad and rows is not None:
            p.data.copy_(rows)
    model.save_pretrained(a.out)


def open_start(a):
    """The model at its start, to be trained. PEFT loads prompts and prefixes for inference alone: their matrix is copied."""
    from peft import PeftModel, get_peft_model
    from safetensors.torch import load_file
    base = open_base(a)
    if a.method == "full":
        return base
    config = config_of(a.method, a.tokens)
    if not config.is_prompt_learning:
        return PeftModel.from_pretrained(base, a.start, is_trainable=True)
    values = load_file(os.path.join(a.start, "adapter_model.safetensors"))["prompt_embeddings"]
    config.num_virtual_tokens = len(values)
    model = get_peft_model(base, config)
    model.prompt_encoder["default"].embedding.weight.data.copy_(values)
    return model


def read_batches(a):
    """Of every step the token ids (input, target) of its examples."""
    tokenizer = open_tokenizer(a)
    with open(a.examples, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    one = [(e["ids"], tokenizer.encode(e["target"], add_special_tokens=False).ids) for e in lines]
    need = a.steps * a.batch
    one = (one * (need // len(one) + 1))[:need]
    return [one[i:i + a.batch] for i in range(0, need, a.batch)]


def collate(batch, pad):
    """Padded on the left."""
    import torch
    longest = max(len(x) + len(y) for x, y in batch)
    ids = torch.full((len(batch), longest), pad)
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

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    base.lm_head.register_forward_pre_hook(cut)

    def loss_of(ids, mask, labels):
        wanted["rows"] = torch.zeros_like(labels, dtype=torch.bool)
        wanted["rows"][:, :-1] = labels[:, 1:] != -100
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][labels[:, 1:] != -100])
    return loss_of


def run_loop(a, model, batches):
    """(losses, seconds) of each step."""
    import torch
    training = a.work == "train"
    loss_of = loss_everywhere(model) if a.impl == "peft" else loss_at_labels(model)
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=a.lr, weight_decay=0.0) if training else None
    model.train(training)
    pad = model.config.pad_token_id
    losses, times = [], []
    with torch.set_grad_enabled(training):
        for batch in batches:
            began = time.perf_counter()
            loss = loss_of(*collate(batch, pad))
            if training:
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
            times.append(time.perf_counter() - began)
    return losses, times


def run_trl(a, model, batches):
    """(losses, seconds) of each step of SFTTrainer; what it does between two steps is not counted."""
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer
    losses, times = [], []

    class Kept(SFTTrainer):
        def compute_loss(self, *args, **kwargs):
            loss = super().compute_loss(*args, **kwargs)
            losses.append(loss.item())
            return loss

    class Watch(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            self.began = time.perf_counter()

        def on_step_end(self, *args, **kwargs):
            times.append(time.perf_counter() - self.began)

    rows = [{"input_ids": x + y, "completion_mask": [0] * len(x) + [1] * len(y)} for batch in batches for x, y in batch]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=open_tokenizer(a), eos_token="</s>", pad_token="<pad>")
    with tempfile.TemporaryDirectory() as out:
        config = SFTConfig(output_dir=out, max_steps=a.steps, per_device_train_batch_size=a.batch, learning_rate=a.lr,
                           lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=0.0, max_length=None,
                           completion_only_loss=True, train_sampling_strategy="sequential", use_cpu=True, bf16=False,
                           gradient_checkpointing=False, save_strategy="no", report_to=[], disable_tqdm=True,
                           logging_strategy="no")
        Kept(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
             callbacks=[Watch()]).train()
    return losses, times


def run(a):
    import peft
    import torch
    import transformers
    torch.set_num_threads(a.threads)
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
    model = open_start(a)
    batches = read_batches(a)
    if a.impl == "trl":
        import trl
        versions["trl"] = trl.__version__
        losses, times = run_trl(a, model, batches)
    else:
        losses, times = run_loop(a, model, batches)
    if a.end:
        model.save_pretrained(a.end)
    print(json.dumps({"losses": losses, "times": times[2:], "versions": versions,
                      "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad)}))


def main():
    a = arguments()
    os.environ["OMP_NUM_THREADS"] = str(a.threads)
    if a.work == "start":
        make_start(a)
    else:
        run(a)


main()
