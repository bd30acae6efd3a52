#!/usr/bin/env python3
"""Write the golden models and values of tests/test_golden.c: small random BLOOMs, computed by transformers and PEFT.

usage: make_goldens.py [OUT]        (OUT: this script's folder)

Needs torch, transformers, peft, safetensors. VERSIONS.json records those that made the committed files; README.md says what
each tensor is. Values are computed in float64 from the stored weights, except the six training steps (float32, as PEFT
trains). Weights are large enough that attention is not flat.
"""
import json, os, shutil, sys

import torch
import transformers
from peft import PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import BloomConfig, BloomForCausalLM
import transformers.models.bloom.modeling_bloom as modeling

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
P = 5
LENGTHS = [(14, 1), (17, 2), (9, 3), (24, 1)]  # whole sequence, target tokens

VARIANTS = {
    "base-f32": dict(),
    "odd-heads-f32": dict(hidden_size=30, n_head=5, old_names=True, no_prefix=True),
    "heads6-postln-f32": dict(hidden_size=24, n_head=6, post_ln=True),
    "f16": dict(dtype=torch.float16),
    "bf16": dict(dtype=torch.bfloat16),
    "sharded-f32": dict(shard="12KB"),
    "untied-f32": dict(tied=False),
}


def make_model(v, seed):
    torch.manual_seed(seed)
    cfg = BloomConfig(hidden_size=v.get("hidden_size", 32), n_layer=2, n_head=v.get("n_head", 4), vocab_size=67,
                      bos_token_id=1, eos_token_id=2, pad_token_id=3, tie_word_embeddings=v.get("tied", True),
                      apply_residual_connection_post_layernorm=v.get("post_ln", False))
    m = BloomForCausalLM(cfg)
    for name, p in m.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(p, 0, 0.3)
        elif "layernorm" in name or "ln_f" in name:
            torch.nn.init.normal_(p, 1, 0.3)
        else:
            torch.nn.init.normal_(p, 0, 0.5 if "embed" in name else 0.25)
    m.to(v.get("dtype", torch.float32))
    return m


def save(m, v, folder):
    m.save_pretrained(folder, max_shard_size=v.get("shard", "5GB"))
    for extra in ("generation_config.json",):
        path = os.path.join(folder, extra)
        if os.path.exists(path):
            os.remove(path)
    if v.get("no_prefix"):
        path = os.path.join(folder, "model.safetensors")
        t = load_file(path)
        save_file({k.removeprefix("transformer."): x.clone() for k, x in t.items()}, path, {"format": "pt"})
    if v.get("old_names"):
        path = os.path.join(folder, "config.json")
        c = json.load(open(path))
        c["n_embed"] = c.pop("hidden_size")
        c["num_attention_heads"] = c.pop("n_head")
        json.dump(c, open(path, "w"), indent=2)


def make_examples(V):
    g = torch.Generator().manual_seed(7)
    rows = [torch.randint(4, V, (n,), generator=g).tolist() for n, _ in LENGTHS]
    rows[1][:11] = rows[0][:11]
    return [(r, t) for r, (_, t) in zip(rows, LENGTHS)]


def logprobs(m, x, prompt=None, hook=None):
    """Log-probability of every next token of x, after the prompt's rows (row P-1 predicts x[0])."""
    e = m.get_input_embeddings()(torch.tensor([x]))
    if prompt is not None:
        e = torch.cat([prompt[None].to(e), e], 1)
    with torch.no_grad():
        lp = m(inputs_embeds=e, use_cache=False).logits[0].log_softmax(-1)
    off = 0 if prompt is None else len(prompt)
    return torch.stack([lp[off + i - 1, x[i]] for i in range(0 if off else 1, len(x))]), lp, off


def batch_loss(m, examples, prompt):
    """PEFT's loss: mean over all label tokens of the batch (padding changes nothing: it is masked)."""
    total, count = 0, 0
    for x, t in examples:
        e = m.get_input_embeddings()(torch.tensor([x]))
        if prompt is not None:
            e = torch.cat([prompt[None], e], 1)
        lp = m(inputs_embeds=e, use_cache=False).logits[0].log_softmax(-1)
        off = 0 if prompt is None else len(prompt)
        for i in range(len(x) - t, len(x)):
            total = total - lp[off + i - 1, x[i]]
            count += 1
    return total / count


def alibi_gap(alibi):
    """ALiBi (heads, 1, keys) with the text one position further from the prompt."""
    a = alibi.clone()
    a[:, :, P:] += alibi[:, :, 1:2] - alibi[:, :, :1]
    return a


def alibi_reversed(alibi):
    return alibi.flip(0)


def with_alibi(change, run):
    """Runs with every attention layer's ALiBi changed (batch of one)."""
    attention = modeling.BloomAttention
    orig = attention.forward

    def forward(self, hidden_states, residual, alibi, *rest, **named):
        return orig(self, hidden_states, residual, change(alibi), *rest, **named)

    attention.forward = forward
    try:
        return run()
    finally:
        attention.forward = orig


def train(m, examples, init, lr):
    """Six steps on one batch with PEFT, left padded, as its example does."""
    pm = get_peft_model(m, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=P))
    w = pm.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        w.copy_(init)
    longest = max(len(x) for x, _ in examples)
    ids = torch.full((len(examples), longest), 3)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for k, (x, t) in enumerate(examples):
        ids[k, longest - len(x):] = torch.tensor(x)
        mask[k, longest - len(x):] = 1
        labels[k, longest - t:] = torch.tensor(x[-t:])
    opt = torch.optim.AdamW([w], lr=lr, weight_decay=0.0)
    losses = []
    for _ in range(6):
        loss = pm(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return pm, w.detach().clone(), losses


def wrong_values(m, examples, init):
    """What a wrong implementation would give; each must differ from the right values."""
    def targets(prompt, shift=0):
        out = []
        for x, t in examples:
            lp, full, off = logprobs(m, x, prompt)
            first = off + len(x) - t - 1 - shift
            out.append(torch.stack([full[first + i, x[len(x) - t + i]] for i in range(t)]))
        return out
    right = targets(init)
    wrong = {
        "dropped": targets(None),
        "shifted": targets(init.roll(1, 0)),
        "pos": with_alibi(alibi_gap, lambda: targets(init)),
        "slopes": with_alibi(alibi_reversed, lambda: targets(init)),
        "label": targets(init, 1),
    }
    for name, values in wrong.items():
        gap = max((a - b).abs().max().item() for a, b in zip(right, values))
        assert gap > 1e-3, (name, gap)
    return right, wrong


def make(name, v, seed):
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    stored = make_model(v, seed)
    save(stored, v, folder)
    m = stored.double().eval()
    names = {k: (k.removeprefix("transformer.") if v.get("no_prefix") else k) for k, _ in m.named_parameters()}
    examples = make_examples(m.config.vocab_size)
    E = m.get_input_embeddings().weight.detach()
    g = torch.Generator().manual_seed(11)
    init = (E[[5, 17, 23, 42, 61]] + 0.05 * torch.randn(P, E.shape[1], generator=g, dtype=torch.float64)).float()
    out = {"n": torch.tensor([len(examples)]), "init": init}
    right, wrong = wrong_values(m, examples, init.double())
    for k, (x, t) in enumerate(examples):
        lp, full, _ = logprobs(m, x)
        out[f"ids.{k}"] = torch.tensor(x)
        out[f"n_target.{k}"] = torch.tensor([t])
        out[f"logprobs.{k}"] = lp
        out[f"greedy.{k}"] = full[:-1].argmax(-1)
        out[f"prompt_logprobs.{k}"] = right[k]
        for w, values in wrong.items():
            out[f"wrong.{w}.{k}"] = values[k]
    soft = init.double().clone().requires_grad_(True)
    loss = batch_loss(m, examples, soft)
    loss.backward()
    out["loss"], out["grad_prompt"] = loss.detach()[None], soft.grad
    m.zero_grad()
    full_loss = batch_loss(m, examples, None)
    full_loss.backward()
    out["loss_full"] = full_loss.detach()[None]
    for k, p in m.named_parameters():
        out["grad." + names[k]] = p.grad.float()
    lr = 1e-2
    pm, final, losses = train(stored.float(), examples, init, lr)
    assert abs(losses[0] - loss.item()) < 1e-4, (losses[0], loss.item())
    out["lr"] = torch.tensor([lr], dtype=torch.float64)
    out["losses"], out["final"] = torch.tensor(losses, dtype=torch.float64), final
    save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
    if name == "base-f32":
        pm.save_pretrained(os.path.join(folder, "peft-adapter"))
        os.remove(os.path.join(folder, "peft-adapter", "README.md"))
    print(name, "loss", losses[0], "->", losses[-1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number, (name, variant) in enumerate(VARIANTS.items()):
        make(name, variant, 100 + number)
    import peft
    json.dump(dict(python=sys.version.split()[0], torch=torch.__version__, transformers=transformers.__version__,
                   peft=peft.__version__), open(os.path.join(OUT, "VERSIONS.json"), "w"), indent=2)
