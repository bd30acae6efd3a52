#!/usr/bin/env python3
"""Write the GGUF files and llama2.c files that tests/test_import.c, convert_test.sh and the fuzz targets read.

usage: make_gguf.py [--originals DIR]

Small random models of transformers with small tokenizers, as llama.cpp's converter (conversion/*.py) would write them: its
fields, names, and what it does to weights, written anew here over the package `gguf`. golden.json holds the originals:
fields of config.json, an FNV-1a hash of every tensor's bytes, token ids of a few texts. --originals keeps the HuggingFace
folders too, for tools/check_import.py. Needs torch, transformers, tokenizers, gguf, sentencepiece, protobuf; VERSIONS.json
records those that made the committed files.
"""
import argparse, importlib.metadata, json, math, os, struct, tempfile

import gguf, numpy as np, sentencepiece, torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoModelForCausalLM, BloomConfig, GPT2Config, GPTNeoXConfig, LlamaConfig, MistralConfig,
                          PreTrainedTokenizerFast, Qwen2Config, Qwen3Config)

HERE = os.path.dirname(os.path.abspath(__file__))
BLOOM = os.path.join(HERE, "..", "f16")
CORPUS = ["The frog sat by the pond and sang to the moon.", "A dog and a cat ran 123 times to the pond!",
          "I'm sure that it's the moon, isn't it? 2024", "the the the and and the sang sang  ran\n\nto to"]
TEXTS = ["The frog sat by the moon.", "a cat  sang\n\n to 1234 dogs, isn't it?", " the", "", "The<|end|>dog and"]
GPT2_TYPE, F32, F16, BF16, Q8 = "gpt2", *(getattr(gguf.GGMLQuantizationType, n) for n in ("F32", "F16", "BF16", "Q8_0"))
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# pre: split (None: GPT-2's own), normalizer, ignore_merges
PRE = {"gpt-2": (None, None, False), "olmo": (None, normalizers.NFC(), False), "llama-bpe": (LLAMA3, None, True),
       "qwen2": (LLAMA3.replace("{1,3}", ""), normalizers.NFC(), False), "bloom": (" ?[^(\\s|[.,!?…。，、।۔،])]+", None, False)}


def byte_level(pre, specials, user=(), size=88):
    split, normalizer, ignore = PRE[pre]
    t = Tokenizer(models.BPE(ignore_merges=ignore))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if split is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(split), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    first = pre in ("bloom", "olmo")  # special tokens before the others, as theirs; else behind
    t.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False,
                                                      special_tokens=list(specials) if first else []))
    t.add_special_tokens(list(specials))
    t.add_tokens(list(user))
    return t


def spm(folder, user=()):
    text = os.path.join(folder, "text")
    open(text, "w").write("\n".join(CORPUS) + "\n")
    sentencepiece.SentencePieceTrainer.train(
        input=text, model_prefix=os.path.join(folder, "tokenizer"), vocab_size=330, model_type="bpe", byte_fallback=True,
        user_defined_symbols=list(user), hard_vocab_limit=False, character_coverage=1.0, minloglevel=2,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True)
    return sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "tokenizer.model"))


def spm_as_hf(sp):
    """As transformers' LlamaConverter makes it."""
    from transformers.tokenization_utils_base import generate_merges
    pieces = [sp.id_to_piece(i) for i in range(len(sp))]
    vocab, scores = {p: i for i, p in enumerate(pieces)}, {p: sp.get_score(i) for i, p in enumerate(pieces)}
    skip = {p for i, p in enumerate(pieces) if sp.is_control(i) or sp.is_unknown(i) or sp.is_byte(i) or p == "<|end|>"}
    t = Tokenizer(models.BPE(vocab, generate_merges(vocab, scores, skip), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.add_special_tokens(["<unk>", "<s>", "</s>"])
    t.add_tokens([AddedToken("<|end|>", normalized=False)])
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return t


def template(t, bos):
    t.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, t.token_to_id(bos))])


def permute(w, heads):  # LlamaModel.permute
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def stack_heads(w, heads):  # BloomModel's and GPTNeoXModel's modify_tensors
    return w.reshape(heads, 3, -1, *w.shape[1:]).swapaxes(0, 1).reshape(w.shape)


NAMES = {
    "llama": {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
              "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
              "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down"},
    "gpt2": {"transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
             "lm_head": "output", "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
             "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"},
    "gpt_neox": {"gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output",
                 "input_layernorm": "attn_norm", "attention.query_key_value": "attn_qkv", "attention.dense": "attn_output",
                 "post_attention_layernorm": "ffn_norm", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down"},
    "bloom": {"transformer.word_embeddings": "token_embd", "transformer.word_embeddings_layernorm": "token_embd_norm",
              "transformer.ln_f": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
              "self_attention.query_key_value": "attn_qkv", "self_attention.dense": "attn_output",
              "post_attention_layernorm": "ffn_norm", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down"}}
for family in ("mistral", "qwen2", "qwen3"):
    NAMES[family] = NAMES["llama"]
ARCH = {"mistral": "llama", "gpt_neox": "gptneox"}


def gguf_name(family, name):
    base, end = name.rsplit(".", 1)
    if base in NAMES[family]:
        return f"{NAMES[family][base]}.{end}"
    parts = base.split(".")
    at = next(i for i, p in enumerate(parts) if p.isdigit())
    return f"blk.{parts[at]}.{NAMES[family]['.'.join(parts[at + 1:])]}.{end}"


def as_llama_cpp(family, config, name, w):
    heads = config.num_attention_heads
    if family in ("llama", "mistral") and ".q_proj." in name:
        return permute(w, heads)
    if family in ("llama", "mistral") and ".k_proj." in name:
        return permute(w, config.num_key_value_heads)
    if family == "gpt2" and name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
        return w.T
    if "query_key_value" in name:
        return stack_heads(w, heads)
    return w


def fields(w, family, c):
    gated = family in ("llama", "mistral", "qwen2", "qwen3")
    rope = getattr(c, "rope_parameters", None) or {}
    w.add_context_length({"bloom": lambda: 64, "gpt2": lambda: c.n_positions}.get(family, lambda: c.max_position_embeddings)())
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(4 * c.hidden_size if family in ("bloom", "gpt2") else c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    if gated or family == "bloom":
        w.add_head_count_kv(c.num_key_value_heads if gated else c.num_attention_heads)
    if gated:
        w.add_layer_norm_rms_eps(c.rms_norm_eps)
        w.add_rope_freq_base(rope["rope_theta"])
        if getattr(c, "head_dim", None):
            w.add_key_length(c.head_dim)
            w.add_value_length(c.head_dim)
        if rope.get("rope_type") in ("linear", "yarn"):
            w.add_rope_scaling_type(getattr(gguf.RopeScalingType, rope["rope_type"].upper()))
            w.add_rope_scaling_factor(rope["factor"])
            if rope["rope_type"] == "yarn":
                w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    else:
        w.add_layer_norm_eps(c.layer_norm_eps if family == "gpt_neox" else c.layer_norm_epsilon)
    if family in ("llama", "mistral"):
        w.add_vocab_size(c.vocab_size)
        w.add_rope_dimension_count(c.head_dim or c.hidden_size // c.num_attention_heads)
    if family == "mistral":
        w.add_sliding_window(c.sliding_window)
    if family == "gpt_neox":
        w.add_rope_dimension_count(int(rope["partial_rotary_factor"] * (c.hidden_size // c.num_attention_heads)))
        w.add_parallel_residual(c.use_parallel_residual)
    w.add_file_type(1)
    w.add_quantization_version(2)


def vocabulary(w, pre, t, sp, ids, rows):
    kind = gguf.TokenType
    if sp:
        w.add_tokenizer_model("llama")
        w.add_tokenizer_pre("default")
        tokens, scores, types = [], [], []
        for i in range(len(sp)):
            tokens.append(sp.id_to_piece(i).encode())
            scores.append(sp.get_score(i))
            types.append(kind.UNKNOWN if sp.is_unknown(i) else kind.CONTROL if sp.is_control(i) else kind.BYTE if sp.is_byte(i)
                         else kind.USER_DEFINED if sp.id_to_piece(i) == "<|end|>" else kind.NORMAL)
        w.add_token_scores(scores)
    else:
        w.add_tokenizer_model(GPT2_TYPE)
        w.add_tokenizer_pre(pre)
        special = {a.content for a in t.get_added_tokens_decoder().values() if a.special}
        added = {a.content for a in t.get_added_tokens_decoder().values()}
        of = {i: s for s, i in t.get_vocab().items()}
        tokens = [of.get(i, f"[PAD{i}]") for i in range(rows)]
        types = [kind.UNUSED if i not in of else kind.CONTROL if of[i] in special else kind.USER_DEFINED if of[i] in added
                 else kind.NORMAL for i in range(rows)]
        merges = json.loads(t.to_str())["model"]["merges"]
        w.add_token_merges([" ".join(m) for m in merges])
    w.add_token_list(tokens)
    w.add_token_types(types)
    for key, i in ids.items():
        getattr(w, f"add_{key}_token_id")(i)
    w.add_chat_template("{{ messages }}")


def llama3_factors(c):  # LlamaModel.generate_extra_tensors
    rope, out = c.rope_parameters, []
    dim = c.head_dim or c.hidden_size // c.num_attention_heads
    for freq in 1.0 / (rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)):
        wavelen = 2 * math.pi / freq
        if wavelen < 8192 / rope["high_freq_factor"]:
            out.append(1)
        elif wavelen > 8192 / rope["low_freq_factor"]:
            out.append(rope["factor"])
        else:
            smooth = (8192 / wavelen - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            out.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = (h ^ b) * 0x100000001b3 & 0xffffffffffffffff
    return f"{h:016x}"


def quantized(x, kind):
    if kind == BF16:
        return gguf.quants.quantize(x, BF16)
    return x.astype(np.float16) if kind == F16 else gguf.quants.quantize(x, Q8) if kind == Q8 else x


def write(path, family, model, kind, pre, t, sp, ids, add_bos):
    c = model.config
    w = gguf.GGUFWriter(path, ARCH.get(family, family))
    w.add_type(gguf.GGUFType.MODEL)
    w.add_name(os.path.basename(path))
    fields(w, family, c)
    vocabulary(w, pre, t, sp, ids, c.vocab_size)
    if add_bos is not None:
        w.add_add_bos_token(add_bos)
    state = {k: v for k, v in model.state_dict().items() if not (c.tie_word_embeddings and k == "lm_head.weight")}
    if family == "gpt_neox":  # as it lies on disk
        state["embed_out.weight"] = state.pop("lm_head.weight")
    for name, v in state.items():
        x = np.ascontiguousarray(as_llama_cpp(family, c, name, v.float().numpy()))
        k = F32 if x.ndim == 1 else kind
        w.add_tensor(gguf_name(family, name), quantized(x, k), raw_dtype=k)
    if (getattr(c, "rope_parameters", None) or {}).get("rope_type") == "llama3":
        w.add_tensor("rope_freqs.weight", llama3_factors(c), raw_dtype=F32)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return state


def tensors_of(state, kind):
    """Hash of the bytes that the folder should hold: matrices as stored, vectors as float32."""
    out = {}
    for name, v in sorted(state.items()):
        dtype = torch.float32 if v.ndim == 1 or kind == F32 else torch.float16 if kind == F16 else torch.bfloat16
        x = v.to(dtype).contiguous()
        raw = x.view(torch.int16 if x.element_size() == 2 else torch.int32).numpy().tobytes()
        out[name] = [{4: "F32"}.get(x.element_size(), "F16" if kind == F16 else "BF16"), list(x.shape), fnv(raw)]
    return out


COMMON = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, max_position_embeddings=64,
              initializer_range=0.3)
GROUPED = dict(COMMON, num_key_value_heads=2)
CONFIG = ["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
          "intermediate_size", "max_position_embeddings", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "hidden_act",
          "activation_function", "n_embd", "n_layer", "n_head", "n_positions", "tie_word_embeddings", "attention_bias", "mlp_bias",
          "use_parallel_residual", "sliding_window", "bos_token_id", "eos_token_id"]


def cases():
    """name, family, config, type, pre, specials, user tokens, ids, add_bos"""
    l3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=8192)
    yield ("llama-f32", "llama", lambda v: LlamaConfig(vocab_size=v, rope_parameters=l3, rms_norm_eps=1e-5, attention_bias=True, **GROUPED),
           F32, "llama-bpe", ["<|begin|>", "<|end|>"], [], {"bos": "<|begin|>", "eos": "<|end|>"}, None)
    yield ("llama-q8", "llama", lambda v: LlamaConfig(vocab_size=v, rope_parameters=l3, rms_norm_eps=1e-5, attention_bias=True, **GROUPED),
           Q8, "llama-bpe", ["<|begin|>", "<|end|>"], [], {"bos": "<|begin|>", "eos": "<|end|>"}, None)
    yield ("mistral-bf16", "mistral", lambda v: MistralConfig(vocab_size=v, sliding_window=16, rms_norm_eps=1e-6, head_dim=8,
                                                              rope_parameters=dict(rope_type="default", rope_theta=10000.0),
                                                              **dict(GROUPED, hidden_size=16, num_hidden_layers=1)),
           BF16, None, None, None, {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}, None)
    yield ("qwen2-f16", "qwen2", lambda v: Qwen2Config(vocab_size=v + 3, tie_word_embeddings=True, rms_norm_eps=1e-6,
                                                       rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=1000000.0),
                                                       **GROUPED),
           F16, "qwen2", ["<|end|>", "<|im|>"], [], {"eos": "<|end|>", "pad": "<|end|>"}, False)
    yield ("qwen3-f16", "qwen3", lambda v: Qwen3Config(vocab_size=v, tie_word_embeddings=True, rms_norm_eps=1e-6, head_dim=16,
                                                       rope_parameters=dict(rope_type="yarn", factor=4.0, rope_theta=1000000.0,
                                                                            original_max_position_embeddings=64),
                                                       **GROUPED),
           F16, "qwen2", ["<|end|>"], [], {"bos": "<|end|>", "eos": "<|end|>"}, False)
    yield ("gpt2-f32", "gpt2", lambda v: GPT2Config(vocab_size=v, n_embd=16, n_layer=2, n_head=4, n_positions=32, initializer_range=0.3),
           F32, "gpt-2", ["<|end|>"], [], {"bos": "<|end|>", "eos": "<|end|>"}, None)
    yield ("gptneox-f16", "gpt_neox", lambda v: GPTNeoXConfig(vocab_size=v, rotary_pct=0.25, use_parallel_residual=False, **COMMON),
           F16, "olmo", ["<|end|>", "<|pad|>"], ["   ", "  "], {"bos": "<|end|>", "eos": "<|end|>"}, None)
    yield ("bloom-f16", "bloom", lambda v: BloomConfig.from_pretrained(BLOOM),
           F16, "bloom", ["<unk>", "<s>", "<|end|>", "<pad>"], [], {"bos": "<s>", "eos": "<|end|>", "unk": "<unk>", "pad": "<pad>"}, None)


def randomise(model):
    """Norms and biases too, so that one lost or misplaced is seen."""
    with torch.no_grad():
        for v in model.parameters():
            if v.ndim == 1:
                v.add_(torch.randn_like(v) * 0.2)


def make(case, golden, originals):
    name, family, configure, kind, pre, specials, user, ids, add_bos = case
    with tempfile.TemporaryDirectory() as tmp:
        sp = None if pre else spm(tmp, ["<|end|>"])
    t = byte_level(pre, specials, user, 67 if family == "bloom" else 88) if pre else spm_as_hf(sp)
    ids = {k: t.token_to_id(v) for k, v in ids.items()}
    if pre in ("llama-bpe", None):
        template(t, t.id_to_token(ids["bos"]))
    config = configure(t.get_vocab_size())
    config.bos_token_id, config.eos_token_id, config.pad_token_id = (ids.get(k) for k in ("bos", "eos", "pad"))
    torch.manual_seed(11)
    if family == "bloom":  # one that tacit can be run on, too
        model = AutoModelForCausalLM.from_pretrained(BLOOM, dtype=torch.float32, config=config).eval()
    else:
        model = AutoModelForCausalLM.from_config(config).float().eval()
        randomise(model)
    if kind in (F16, BF16):
        model = model.to(torch.float16 if kind == F16 else torch.bfloat16).float()
    state = write(os.path.join(HERE, f"{name}.gguf"), family, model, kind, pre, t, sp, ids, add_bos)
    golden[name] = {
        "config": {k: getattr(config, k) for k in CONFIG if k in config.to_dict() and (family, k) != ("gpt_neox", "attention_bias")} |
                  {"rope": getattr(config, "rope_parameters", None)},
        "ids": [t.encode(x, add_special_tokens=False).ids for x in TEXTS],
        "special": t.encode("A", add_special_tokens=True).ids[:-1],
        "merges": json.loads(t.to_str())["model"]["merges"] if sp else None,
        "tensors": None if kind == Q8 else tensors_of(state, kind)}
    if originals:
        folder = os.path.join(originals, name)
        model.save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=t).save_pretrained(folder)


def llama2c(golden, originals):
    """A checkpoint of version 0 with a head of its own and a tokenizer; llama2.c's export.py and tokenizer.py."""
    with tempfile.TemporaryDirectory() as tmp:
        sp = spm(tmp)
    V, C, F, L, H, G, T = len(sp), 8, 12, 2, 2, 1, 4
    D, rng = C // H, np.random.default_rng(3)
    draw = lambda *shape: rng.normal(scale=0.3, size=shape).astype(np.float32)
    angles = np.outer(np.arange(T), 1.0 / 10000 ** (np.arange(0, D, 2) / D)).astype(np.float32)
    emb, wq, wk, wv, wo = draw(V, C), draw(L, C, C), draw(L, G * D, C), draw(L, G * D, C), draw(L, C, C)
    n1, n2, n3 = 1 + draw(L, C), 1 + draw(L, C), 1 + draw(C)
    w1, w2, w3, head = draw(L, F, C), draw(L, C, F), draw(L, F, C), draw(V, C)
    for name, tied in (("llama2c-untied", False), ("llama2c-tied", True)):
        with open(os.path.join(HERE, f"{name}.bin"), "wb") as f:
            f.write(struct.pack("<7i", C, F, L, H, G, V if tied else -V, T))
            for x in (emb, n1, wq, wk, wv, wo, n2, w1, w2, w3, n3, np.cos(angles), np.sin(angles)) + (() if tied else (head,)):
                f.write(x.tobytes())
        halves = lambda w, heads: w.reshape(heads, D // 2, 2, C).swapaxes(1, 2).reshape(w.shape)
        state = {"model.embed_tokens.weight": emb, "model.norm.weight": n3}
        if not tied:
            state["lm_head.weight"] = head
        for i in range(L):
            at = f"model.layers.{i}."
            state |= {at + "input_layernorm.weight": n1[i], at + "post_attention_layernorm.weight": n2[i],
                      at + "self_attn.q_proj.weight": halves(wq[i], H), at + "self_attn.k_proj.weight": halves(wk[i], G),
                      at + "self_attn.v_proj.weight": wv[i], at + "self_attn.o_proj.weight": wo[i],
                      at + "mlp.gate_proj.weight": w1[i], at + "mlp.down_proj.weight": w2[i], at + "mlp.up_proj.weight": w3[i]}
        state = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()}
        golden[name] = {"config": dict(model_type="llama", vocab_size=V, hidden_size=C, intermediate_size=F, num_hidden_layers=L,
                                       num_attention_heads=H, num_key_value_heads=G, max_position_embeddings=T, rms_norm_eps=1e-5,
                                       tie_word_embeddings=tied, bos_token_id=1, eos_token_id=2,
                                       rope=dict(rope_type="default", rope_theta=10000.0)),
                        "tensors": tensors_of(state, F32)}
    pieces = []
    for i in range(V):
        s = {1: "\n<s>\n", 2: "\n</s>\n"}.get(i, sp.id_to_piece(i)).replace("▁", " ").encode()
        pieces.append((sp.get_score(i), s))
    with open(os.path.join(HERE, "llama2c-tok.bin"), "wb") as f:
        f.write(struct.pack("<I", max(len(s) for _, s in pieces)))
        for score, s in pieces:
            f.write(struct.pack("<fI", score, len(s)) + s)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--originals")
    o, golden = p.parse_args(), {}
    for case in cases():
        make(case, golden, o.originals)
    llama2c(golden, o.originals)
    with open(os.path.join(HERE, "golden.json"), "w") as f:
        json.dump({"texts": TEXTS, "models": golden}, f, indent=1, sort_keys=True)
        f.write("\n")
    with open(os.path.join(HERE, "VERSIONS.json"), "w") as f:
        json.dump({p: importlib.metadata.version(p) for p in ("gguf", "sentencepiece", "tokenizers", "torch", "transformers")}, f, indent=2)
        f.write("\n")


main()
