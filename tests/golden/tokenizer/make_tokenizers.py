#!/usr/bin/env python3
"""Write the small tokenizers of tests/test_tokenizer.c and HuggingFace tokenizers' ids for them.

usage: make_tokenizers.py [OUT]        (OUT: this script's folder)

Needs `tokenizers` (the committed files: 0.23.3). Each STYLE.json is a tokenizer.json laid out as that family's files are,
learned from the project's own documents; STYLE.cases.json lists texts with their ids. `merges` of llama3 are pairs, of the
others strings: both spellings are in use.
"""
import json
import os
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else HERE
ROOT = os.path.join(HERE, "..", "..", "..")
GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+")
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"
level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])


STYLES = {  # pre-tokenizer, normaliser, special tokens, ordinary added tokens
    "bloom": (split(BLOOM), None, ["<unk>", "<s>", "</s>", "<pad>"], []),
    "gpt2": (pre_tokenizers.ByteLevel(add_prefix_space=False), None, ["<|endoftext|>"], []),
    "neox": (pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC(), ["<|endoftext|>"], ["  ", "    "]),
    "qwen2": (split(GPT4 % ""), normalizers.NFC(), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ["<tool>"]),
    "llama3": (split(GPT4 % "{1,3}"), None, ["<|begin_of_text|>", "<|end_of_text|>"], []),
}
WORDS = ["The", " dog", " doesn't", "I'LL", " 12345", "3.14", "naïve", "e\u0301", "Ångström", "日本語", "。", "你好，世界", "Привет",
         "שלום", "हिन्दी", "한국어", "🙂", "👩‍👩‍👧", "\u200b", "\u00a0", "  ", "\t", "\n", "\r\n", "\n\n\n", "   x", "(a|b)", "...", "!?", "<s>",
         "</s>", "<|endoftext|>", "<|im_start|>user", "<tool>", "\x00", "\u2028", "ﬁ", "ǅ", "\U00010348", "a_b-c", "http://x.y/z?q=1", "\u1ac1\u0316", "x\u0345\u08d3\u0334", "\ua7f2\u0301"]


def texts():
    rng = random.Random(7)
    fixed = ["", " ", "\n"] + WORDS
    return fixed + ["".join(rng.choice(WORDS) for _ in range(rng.randint(2, 9))) for _ in range(80)]


def learn(style):
    pre, normalizer, special, added = STYLES[style]
    corpus = [open(os.path.join(ROOT, name), encoding="utf-8").read()
              for name in ("README.md", "docs/ARCHITECTURE.md", "docs/GLOSSARY.md", "docs/TASKS.md")] + [" ".join(WORDS)] * 3
    t = Tokenizer(models.BPE(ignore_merges=style == "llama3"))
    t.pre_tokenizer, t.decoder = pre, decoders.ByteLevel()
    if normalizer:
        t.normalizer = normalizer
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=420, special_tokens=[AddedToken(s, special=True, normalized=False) for s in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    t.add_tokens([AddedToken(s, special=False, normalized=style == "neox") for s in added])
    if style == "llama3":
        first = special[0]
        t.post_processor = processors.TemplateProcessing(single=f"{first} $A", special_tokens=[(first, t.token_to_id(first))])
    else:
        t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


for style in STYLES:
    t = learn(style)
    file = json.loads(t.to_str())
    if style != "llama3":
        file["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in file["model"]["merges"]]
    path = os.path.join(OUT, style + ".json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(file, f, ensure_ascii=False, indent=None, separators=(",", ":"))
        f.write("\n")
    t = Tokenizer.from_file(path)
    cases = [{"text": s, "ids": t.encode(s, add_special_tokens=False).ids, "with_special": t.encode(s).ids,
              "decoded": t.decode(t.encode(s, add_special_tokens=False).ids, skip_special_tokens=False)} for s in texts()]
    with open(os.path.join(OUT, style + ".cases.json"), "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
