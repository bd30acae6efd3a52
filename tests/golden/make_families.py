#!/usr/bin/env python3
"""Write the golden models and values of the families besides BLOOM: small random models, computed by transformers and PEFT.

usage: make_families.py [NAME]...        (all of VARIANTS)

Needs torch, transformers, peft, safetensors. families/VERSIONS.json records those that made the committed files; README.md
says what each tensor is. Every variant has a model, its values (as make_goldens.py), and PEFT's adapters of it with
theirs (as make_methods.py), but for the padding: transformers counts pads as positions wherever positions are learned or
rotated, so a padded batch of PEFT's computes something else; these batches have none. families/rotary.json: angles of rotary positions by transformers, for every form of scaling.
"""
import json, os, shutil, sys, warnings

os.environ["HF_HUB_OFFLINE"] = "1"
import peft, torch, transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import make_goldens as goldens
import make_methods as methods

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "families")
P = goldens.P
COMMON = dict(vocab_size=67, bos_token_id=1, eos_token_id=2, pad_token_id=None)
SMALL = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40, max_position_embeddings=64)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=16)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)

# name: (class of the config, its fields, dtype)
VARIANTS = {
    "gpt2": ("GPT2Config", dict(n_embd=24, n_layer=2, n_head=4, n_positions=40), torch.float32),
    "gpt2-untied-f16": ("GPT2Config", dict(n_embd=30, n_layer=2, n_head=5, n_positions=64, n_inner=50,
                                           activation_function="gelu", tie_word_embeddings=False), torch.float16),
    "gpt-neox": ("GPTNeoXConfig", dict(SMALL, rotary_pct=0.7), torch.float32),
    "gpt-neox-sequential-bf16": ("GPTNeoXConfig", dict(SMALL, hidden_size=30, num_attention_heads=3, rotary_pct=0.4,
                                                       use_parallel_residual=False, hidden_act="gelu_new",
                                                       tie_word_embeddings=True), torch.bfloat16),
    "llama": ("LlamaConfig", dict(SMALL, num_key_value_heads=2), torch.float32),
    "llama-biases": ("LlamaConfig", dict(SMALL, hidden_size=30, num_attention_heads=3, num_key_value_heads=1, attention_bias=True,
                                         mlp_bias=True, rope_parameters=YARN), torch.float32),
    "llama-tied-bf16": ("LlamaConfig", dict(SMALL, num_key_value_heads=2, tie_word_embeddings=True,
                                            rope_parameters=LLAMA3), torch.bfloat16),
    "mistral-f16": ("MistralConfig", dict(SMALL, num_key_value_heads=2, head_dim=10, sliding_window=48), torch.float16),
    "qwen2": ("Qwen2Config", dict(SMALL, num_key_value_heads=2, tie_word_embeddings=True), torch.float32),
    "qwen3": ("Qwen3Config", dict(SMALL, num_attention_heads=3, num_key_value_heads=1, head_dim=10), torch.float32),
    "qwen3-tied-bf16": ("Qwen3Config", dict(SMALL, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True),
                        torch.bfloat16),
}
# methods of each float32 variant, and of the others those whose adapters read 16-bit weights
METHODS = {
    "prompt": lambda: peft.PromptTuningConfig(**methods.SOFT),
    "prefix": lambda: peft.PrefixTuningConfig(**methods.SOFT),
    "lora": lambda: peft.LoraConfig(**methods.LORA),
    "lora-all": lambda: peft.LoraConfig(target_modules="all-linear", **methods.LORA),
    "ia3": lambda: peft.IA3Config(**methods.LM),
}


def make_model(name, seed):
    cls, fields, dtype = VARIANTS[name]
    torch.manual_seed(seed)
    m = AutoModelForCausalLM.from_config(getattr(transformers, cls)(**COMMON, **fields))
    for n, p in m.named_parameters():
        norm = "norm" in n or "ln_" in n
        torch.nn.init.normal_(p, float(norm and not n.endswith("bias")),
                              0.3 if norm or n.endswith("bias") else 0.5 if "embed" in n or "wte" in n or "wpe" in n else 0.3)
    return m.to(dtype)


def targets_at(m, examples, prompt, positions):
    out = []
    for x, t in examples:
        e = torch.cat([prompt[None], m.get_input_embeddings()(torch.tensor([x]))], 1)
        lp = m(inputs_embeds=e, position_ids=positions(e.shape[1])[None], use_cache=False).logits[0].log_softmax(-1)
        out.append(torch.stack([lp[P + i - 1, x[i]] for i in range(len(x) - t, len(x))]))
    return out


def wrong_values(m, examples, init):
    """What a wrong implementation would give; each must differ from the right values."""
    def targets(prompt, shift=0):
        out = []
        for x, t in examples:
            lp, full, off = goldens.logprobs(m, x, prompt)
            first = off + len(x) - t - 1 - shift
            out.append(torch.stack([full[first + i, x[len(x) - t + i]] for i in range(t)]))
        return out
    later = lambda n: torch.arange(n) + (torch.arange(n) >= P)  # the text one position further from the prompt
    right = targets(init)
    wrong = {"dropped": targets(None), "shifted": targets(init.roll(1, 0)), "label": targets(init, 1),
             "pos": targets_at(m, examples, init, later)}
    for what, values in wrong.items():
        gap = max((a - b).abs().max().item() for a, b in zip(right, values))
        assert gap > 1e-3, (what, gap)
    return right, wrong


def model_values(m, folder, examples, names):
    E = m.get_input_embeddings().weight.detach()
    g = torch.Generator().manual_seed(11)
    init = (E[[5, 17, 23, 42, 61]] + 0.05 * torch.randn(P, E.shape[1], generator=g, dtype=torch.float64)).float()
    out = {"n": torch.tensor([len(examples)]), "init": init}
    with torch.no_grad():
        right, wrong = wrong_values(m, examples, init.double())
    for k, (x, t) in enumerate(examples):
        lp, full, _ = goldens.logprobs(m, x)
        out.update({f"ids.{k}": torch.tensor(x), f"n_target.{k}": torch.tensor([t]), f"logprobs.{k}": lp,
                    f"greedy.{k}": full[:-1].argmax(-1), f"prompt_logprobs.{k}": right[k]})
        out.update({f"wrong.{w}.{k}": values[k] for w, values in wrong.items()})
    soft = init.double().clone().requires_grad_(True)
    loss = goldens.batch_loss(m, examples, soft)
    loss.backward()
    out["loss"], out["grad_prompt"] = loss.detach()[None], soft.grad
    m.zero_grad()
    full_loss = goldens.batch_loss(m, examples, None)
    full_loss.backward()
    out["loss_full"] = full_loss.detach()[None]
    out.update({"grad." + names(k): p.grad.float() for k, p in m.named_parameters()})
    soft = init.clone().requires_grad_(True)
    single = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    losses = methods.six_steps([soft], lambda: goldens.batch_loss(single, examples, soft))
    final = soft.detach()
    assert abs(losses[0] - loss.item()) < 1e-4, (losses[0], loss.item())
    out["lr"] = torch.tensor([methods.LR], dtype=torch.float64)
    out["losses"], out["final"] = torch.tensor(losses, dtype=torch.float64), final
    return out, losses


def make_adapter(name, method, seed, examples):
    """PEFT's adapter of a model: its folder, and its values beside them."""
    folder = os.path.join(OUT, name, method)
    case = (os.path.join("families", name), METHODS[method], [])
    methods.save_folder(methods.fresh(case, seed, torch.float32), folder)
    out = {}
    pm = methods.fresh(case, seed, torch.float64).eval()
    right = methods.targets(pm, examples)
    loss = methods.mean_loss(right)
    loss.backward()
    out.update({f"logprobs.{k}": v.detach() for k, v in enumerate(right)})
    out["loss"] = loss.detach()[None]
    out.update({"grad." + k: p.grad.float() for k, p in methods.trainables(pm).items()})
    with torch.no_grad(), pm.disable_adapter():
        bare = methods.targets(pm, examples)
    assert max((a - b).abs().max().item() for a, b in zip(right, bare)) > 1e-3, (name, method)
    out.update({f"wrong.dropped.{k}": v for k, v in enumerate(bare)})
    pm, losses, gap = methods.train(method, case, seed, examples, out, pad=False)
    assert abs(losses[0] - loss.item()) < 1e-4, (name, method, losses[0], loss.item())
    save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
    print(f"  {method}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, float64's way {gap:.0e} off")


def make(name, seed):
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    stored = make_model(name, seed)
    stored.save_pretrained(folder)
    os.path.exists(os.path.join(folder, "generation_config.json")) and os.remove(os.path.join(folder, "generation_config.json"))
    saved = load_file(os.path.join(folder, "model.safetensors"))
    rename = {"lm_head.weight": "embed_out.weight"} if "embed_out.weight" in saved else {}
    m = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).double().eval()  # angles in float32 at least
    assert all(rename.get(k, k) in saved for k, _ in m.named_parameters())
    examples = goldens.make_examples(m.config.vocab_size)
    out, losses = model_values(m, folder, examples, lambda k: rename.get(k, k))
    save_file({k: x.contiguous() for k, x in out.items()}, os.path.join(folder, "golden.safetensors"))
    print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    for number, method in enumerate(METHODS if VARIANTS[name][2] is torch.float32 else ["prefix", "lora"]):
        make_adapter(name, method, seed + 10 + number, examples)


ROTARY = [
    dict(rope_theta=10000.0), dict(rope_theta=1e6), dict(rope_theta=10000.0, rope_scaling=dict(type="linear", factor=2.5)),
    dict(rope_parameters=dict(rope_type="default", rope_theta=5000.0)),
    dict(rope_parameters=dict(rope_type="linear", rope_theta=5000.0, factor=4.0)),
    dict(rope_theta=10000.0, rope_scaling=dict(rope_type="dynamic", factor=2.0)),
    dict(rope_theta=500000.0, rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                original_max_position_embeddings=8192)),
    dict(rope_parameters=dict(LLAMA3)), dict(rope_parameters=dict(YARN)),
    dict(rope_theta=1e6, rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32768)),
    dict(rope_parameters=dict(YARN, beta_fast=16, beta_slow=2, truncate=False, attention_factor=0.9)),
    dict(rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=1.1)),
]


def make_rotary():
    """Angles at position 1 and the scale of cosines and sines: [{config, head, freq, scale}]."""
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    out = []
    for head, fields in [(h, f) for f in ROTARY for h in (6, 64)]:
        fields = dict(hidden_size=2 * head, num_attention_heads=2, max_position_embeddings=131072, **fields)
        rotary = LlamaRotaryEmbedding(transformers.LlamaConfig(**json.loads(json.dumps(fields))))
        out.append(dict(config=fields, head=head, freq=rotary.inv_freq.double().tolist(), scale=float(rotary.attention_scaling)))
    with open(os.path.join(OUT, "rotary.json"), "w", encoding="utf-8") as f:
        json.dump(out, f, indent=0)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT writes target_modules in the order of a set
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable] + sys.argv)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    os.makedirs(OUT, exist_ok=True)
    os.chdir(HERE)  # base_model_name_or_path is a golden model's name, and PEFT looks there
    for number, name in enumerate(VARIANTS):
        if name in (sys.argv[1:] or VARIANTS):
            make(name, 300 + 20 * number)
    make_rotary()
    with open(os.path.join(OUT, "VERSIONS.json"), "w", encoding="utf-8") as f:
        json.dump(dict(python=sys.version.split()[0], torch=torch.__version__, transformers=transformers.__version__,
                       peft=peft.__version__), f, indent=2)
