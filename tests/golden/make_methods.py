#!/usr/bin/env python3
"""Write the golden values of the tuning methods: what PEFT computes with each on the golden models.

usage: make_methods.py [OUT]        (OUT: the folder `methods` beside this script)

Needs torch, transformers, peft, safetensors, and the models that make_goldens.py left (they are read, never written).
README.md says what each tensor is; methods/VERSIONS.json records the packages. Values are computed in float64, the six
training steps in float32, as PEFT trains. The script refuses its own values where a mistake would pass as right, or
where float32 and float64 training part.
"""
import json, os, shutil, sys, warnings

os.environ["HF_HUB_OFFLINE"] = "1"
import peft, torch, transformers
from peft import (IA3Config, LoraConfig, MultitaskPromptTuningConfig, PeftModel, PrefixTuningConfig, PromptEncoderConfig,
                  get_peft_model)
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from make_goldens import alibi_gap, with_alibi

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(HERE, "methods")
P, HIDDEN, LR = 5, 12, 1e-2
LINEARS = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
LM = dict(task_type="CAUSAL_LM")
SOFT = dict(num_virtual_tokens=P, **LM)
LORA = dict(r=4, lora_alpha=8, **LM)

# name: (golden model, config, wrong readings that must not pass)
CASES = {
    "prefix": ("base-f32", lambda: PrefixTuningConfig(**SOFT), ["swapped", "old_order", "layers", "pos"]),
    "prefix-heads6": ("heads6-postln-f32", lambda: PrefixTuningConfig(**SOFT), ["swapped", "old_order", "layers", "pos"]),
    "prefix-zero": ("base-f32", lambda: PrefixTuningConfig(init_weights="zero", **SOFT), []),
    "prefix-mlp": ("base-f32", lambda: PrefixTuningConfig(prefix_projection=True, encoder_hidden_size=HIDDEN, **SOFT), []),
    "lora": ("base-f32", lambda: LoraConfig(**LORA), ["scale"]),
    "lora-f16": ("f16", lambda: LoraConfig(**LORA), ["scale"]),
    "lora-rs": ("base-f32", lambda: LoraConfig(use_rslora=True, **LORA), ["scale"]),
    "lora-all": ("base-f32", lambda: LoraConfig(target_modules=LINEARS, **LORA), ["scale"]),
    "lora-patterns": ("base-f32", lambda: LoraConfig(
        target_modules=LINEARS, layers_to_transform=[1], layers_pattern="h", rank_pattern={"mlp.dense_h_to_4h": 2},
        alpha_pattern={"mlp.dense_h_to_4h": 6, "dense": 3}, **LORA), ["scale"]),
    "ia3": ("base-f32", lambda: IA3Config(**LM), ["bias"]),
    "ptuning": ("base-f32", lambda: PromptEncoderConfig(encoder_hidden_size=HIDDEN, **SOFT), []),
    "multitask": ("base-f32", lambda: MultitaskPromptTuningConfig(num_tasks=2, num_ranks=2, **SOFT), []),
}


def open_model(name, dtype):
    m = AutoModelForCausalLM.from_pretrained(os.path.join(HERE, name), dtype=torch.float32).to(dtype)
    m.name_or_path = name
    return m


def examples_of(name):
    """The golden batch: (ids of the whole sequence, number of target tokens)."""
    t = load_file(os.path.join(HERE, name, "golden.safetensors"))
    return [(t[f"ids.{k}"].tolist(), t[f"n_target.{k}"].item()) for k in range(t["n"].item())]


def trainables(pm):
    """Trainable parameters under the names that PEFT saves; an MLP's under those of its encoder."""
    out = {}
    for name, p in pm.named_parameters():
        if p.requires_grad:
            name = name.removeprefix("prompt_encoder.default.").replace(".default", "")
            out["prompt_embeddings" if name == "embedding.weight" and not has_mlp(pm) else name] = p
    return out


def has_mlp(pm):
    return pm.active_peft_config.is_prompt_learning and len(list(pm.prompt_encoder["default"].parameters())) > 1


def start(pm, seed):
    """Values that no reading error leaves alone: nothing is zero that need not be."""
    g = torch.Generator().manual_seed(seed)
    config = pm.active_peft_config
    zero = getattr(config, "init_weights", None) == "zero"
    for name, p in trainables(pm).items():
        shape = torch.randn(p.shape, generator=g)
        if "lora_B" in name:
            p.data = 0.2 * shape
        elif "ia3_l" in name:
            p.data = 1 + 0.3 * shape
        elif config.peft_type == "MULTITASK_PROMPT_TUNING" or name in ("prompt_embeddings", "embedding.weight"):
            p.data = shape * (not zero)
        else:  # matrices and biases as torch.nn.Linear starts, but from this generator
            p.data = (torch.rand(p.shape, generator=g) * 2 - 1) * (p.shape[-1] if p.ndim > 1 else p.shape[0]) ** -0.5


def targets(pm, examples, **named):
    """Log p of each example's targets, computed alone and so without padding."""
    out = []
    for x, t in examples:
        lp = pm(input_ids=torch.tensor([x]), **named).logits[0, -len(x):].log_softmax(-1)
        out.append(torch.stack([lp[i - 1, x[i]] for i in range(len(x) - t, len(x))]))
    return out


def mean_loss(logprobs):
    return -torch.cat(logprobs).mean()


def padded(examples):
    """One batch, padded on the left as PEFT's examples do."""
    longest = max(len(x) for x, _ in examples)
    ids = torch.full((len(examples), longest), 3)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for k, (x, t) in enumerate(examples):
        ids[k, longest - len(x):] = torch.tensor(x)
        mask[k, longest - len(x):] = 1
        labels[k, longest - t:] = torch.tensor(x[-t:])
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def six_steps(params, loss_of):
    opt = torch.optim.AdamW(params, lr=LR, weight_decay=0.0)
    losses = []
    for _ in range(6):
        loss = loss_of()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    return losses


def layout(pm, change):
    """A prefix's values (P, L, 2, C) rearranged."""
    w = pm.prompt_encoder["default"].embedding.weight
    c = pm.active_peft_config
    w.data = change(w.data.view(P, c.num_layers, 2, c.token_dim)).reshape(w.shape)


def spoil(pm, how):
    """Puts a wrong reading of the adapter into the model."""
    if how == "swapped":  # values taken for keys
        layout(pm, lambda w: w.flip(2))
    elif how == "old_order":  # written K0 K1 .. V0 V1 ..
        layout(pm, lambda w: w.transpose(1, 2).contiguous().view(w.shape))
    elif how == "layers":
        layout(pm, lambda w: w.flip(1))
    elif how == "scale":  # alpha and r left out
        for m in pm.modules():
            if hasattr(m, "lora_A"):
                m.scaling["default"] = 1.0
    elif how == "bias":  # only W x is scaled
        for m in pm.modules():
            if hasattr(m, "ia3_l") and not m.is_feedforward:
                m.base_layer.bias.data /= m.ia3_l["default"].data.flatten()


def check_wrong(name, case, folder, examples, right, out):
    model, config, wrong = case
    for how in ["dropped"] + wrong:
        pm = PeftModel.from_pretrained(open_model(model, torch.float64), folder).double().eval()
        spoil(pm, how)
        with torch.no_grad():
            if how == "dropped":
                with pm.disable_adapter():
                    values = targets(pm, examples)
            elif how == "pos":  # the text one position further from the prefix
                values = with_alibi(alibi_gap, lambda: targets(pm, examples))
            else:
                values = targets(pm, examples)
        gap = max((a - b).abs().max().item() for a, b in zip(right, values))
        assert gap > 1e-3, (name, how, gap)
        out.update({f"wrong.{how}.{k}": v for k, v in enumerate(values)})


def fresh(case, seed, dtype):
    """The PEFT model at its start: values are float32 numbers in either precision."""
    model, config, _ = case
    pm = get_peft_model(open_model(model, dtype), config())
    start(pm, seed)
    return pm.to(dtype)


def save_folder(pm, folder):
    pm.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    return json.load(open(os.path.join(folder, "adapter_config.json"))), load_file(
        os.path.join(folder, "adapter_model.safetensors"))


def train(name, case, seed, examples, out, pad=True):
    """Six steps in float32, and without padding in float64 to see that they are not ruled by rounding. pad: as one padded
    batch in float32; not where a model counts pads as positions."""
    ends = []
    for dtype in (torch.float64, torch.float32):
        pm = fresh(case, seed, dtype)
        first = [p.detach().clone() for p in trainables(pm).values()]
        batch = padded(examples)
        losses = six_steps(trainables(pm).values(), (lambda: mean_loss(targets(pm, examples)))
                           if dtype is torch.float64 or not pad else (lambda: pm(**batch, use_cache=False).loss))
        ends.append(torch.cat([(p - q).detach().double().flatten() for p, q in zip(trainables(pm).values(), first)]))
    gap = ((ends[0] - ends[1]).norm() / ends[0].norm()).item()
    assert gap < 2e-3, (name, gap)
    out["lr"], out["losses"] = torch.tensor([LR], dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
    out.update({"final." + k: p.detach().clone() for k, p in trainables(pm).items()})
    return pm, losses, gap


def make(name, seed):
    case = CASES[name]
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    examples = examples_of(case[0])
    config, saved = save_folder(fresh(case, seed, torch.float32), folder)
    out = {}
    pm = fresh(case, seed, torch.float64).eval()
    if has_mlp(pm):
        out.update({"start." + k: p.detach().float() for k, p in trainables(pm).items()})
    right = targets(pm, examples)
    loss = mean_loss(right)
    loss.backward()
    right = [x.detach() for x in right]
    out.update({f"logprobs.{k}": v for k, v in enumerate(right)})
    out["loss"] = loss.detach()[None]
    out.update({"grad." + k: p.grad.float() for k, p in trainables(pm).items()})
    check_wrong(name, case, folder, examples, right, out)
    pm, losses, gap = train(name, case, seed, examples, out)
    assert abs(losses[0] - loss.item()) < 1e-4, (name, losses[0], loss.item())
    end_config, end = save_folder(pm, os.path.join(OUT, "end"))
    shutil.rmtree(os.path.join(OUT, "end"))
    as_sets = lambda c: {k: sorted(v) if isinstance(v, list) else v for k, v in c.items()}
    assert as_sets(end_config) == as_sets(config) and end.keys() == saved.keys(), name
    if has_mlp(pm):
        out["final.prompt_embeddings"] = end["prompt_embeddings"]
    else:
        assert all(torch.equal(end[k], out["final." + k]) for k in end), name
    save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
    print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, float64's way {gap:.0e} off")


def make_multitask(name, seed):
    """Read only: each task's prompt and what it gives."""
    case = CASES[name]
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    save_folder(fresh(case, seed, torch.float32), folder)
    pm = fresh(case, seed, torch.float64).eval()
    out, values = {}, []
    with torch.no_grad():
        for task in range(2):
            ids = torch.tensor([task])
            out[f"prompt.{task}"] = pm.get_prompt(1, task_ids=ids)[0].float()
            values.append(targets(pm, examples_of(case[0]), task_ids=ids))
            out.update({f"logprobs.{task}.{k}": v for k, v in enumerate(values[-1])})
    assert max((a - b).abs().max().item() for a, b in zip(*values)) > 1e-3
    save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
    print(name)


def place_logprobs(m, examples, at, prompt):
    """[text before][prompt][text after][answer] through inputs_embeds; at[k] tokens stand before the prompt."""
    out = []
    for (x, t), a in zip(examples, at):
        e = m.get_input_embeddings()(torch.tensor([x]))
        lp = m(inputs_embeds=torch.cat([e[:, :a], prompt[None], e[:, a:]], 1), use_cache=False).logits[0].log_softmax(-1)
        out.append(torch.stack([lp[len(prompt) + i - 1, x[i]] for i in range(len(x) - t, len(x))]))
    return out


def make_places(model="base-f32"):
    """A prompt inside the text and at its end, transformers alone."""
    examples = examples_of(model)
    init = load_file(os.path.join(HERE, model, "golden.safetensors"))["init"]
    m = open_model(model, torch.float64).eval()
    front = [v.detach() for v in place_logprobs(m, examples, [0] * len(examples), init.double())]
    for name, at in (("place-inside", [6, 6, 3, 11]), ("place-end", [len(x) - t for x, t in examples])):
        folder = os.path.join(OUT, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        m = m.double()
        soft = init.double().clone().requires_grad_(True)
        right = place_logprobs(m, examples, at, soft)
        loss = mean_loss(right)
        loss.backward()
        gap = max((x - y).abs().max().item() for x, y in zip(right, front))
        assert gap > 1e-3, (name, gap)
        out = {"at": torch.tensor(at), "start.prompt_embeddings": init, "loss": loss.detach()[None]}
        out.update({f"logprobs.{k}": v.detach() for k, v in enumerate(right)})
        out.update({f"wrong.front.{k}": v for k, v in enumerate(front)})
        out["grad.prompt_embeddings"] = soft.grad.float()
        m = m.float()
        w = init.clone().requires_grad_(True)
        losses = six_steps([w], lambda: mean_loss(place_logprobs(m, examples, at, w)))
        out["lr"], out["losses"] = torch.tensor([LR], dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)
        out["final.prompt_embeddings"] = w.detach()
        save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
        print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT writes target_modules in the order of a set
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable] + sys.argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(OUT, exist_ok=True)
    os.chdir(HERE)  # base_model_name_or_path is a golden model's name, and PEFT looks there
    for number, case_name in enumerate(CASES):
        (make_multitask if case_name == "multitask" else make)(case_name, 200 + number)
    make_places()
    with open(os.path.join(OUT, "VERSIONS.json"), "w", encoding="utf-8") as f:
        json.dump(dict(python=sys.version.split()[0], torch=torch.__version__, transformers=transformers.__version__,
                       peft=peft.__version__), f, indent=2)
