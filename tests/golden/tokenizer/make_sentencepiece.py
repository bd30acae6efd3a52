#!/usr/bin/env python3
"""Write the small SentencePiece-like tokenizers of tests/test_tokenizer.c and what HuggingFace says to them.

usage: make_sentencepiece.py [OUT]        (OUT: this script's folder)

Needs `tokenizers` and `transformers` (the committed files: 0.23.3, 5.24.0). Each STYLE.json is laid out as that family's
files are; STYLE.cases.json lists texts with their ids, STYLE.decode.json lists of ids with their texts.

  llama2     as transformers 4 converts LLaMA 2: Prepend and Replace, no pre-tokeniser; merges are strings
  llama2-v5  the same, loaded and saved by transformers 5: Metaspace, merges are pairs, no unk_token
  mistral    Metaspace `first`, added tokens of all kinds
  metaspace  Metaspace that splits, as older files spell it (add_prefix_space), and Metaspace as decoder; no byte tokens
  gemma      learned across spaces, so that a text is one word; Replace alone
"""
import json
import os
import random
import sys
import tempfile

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = sys.argv[1] if len(sys.argv) > 1 else HERE
ROOT = os.path.join(HERE, "..", "..", "..")
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = ["<0x%02X>" % b for b in range(256)]
WORDS = ["The", " dog", " doesn't", "I'LL", " 12345", "3.14", "naïve", "e\u0301", "日本", "語", "。", "你好", "Привет", "שלום", "हिन्दी",
         "한국", "🙂", "👩‍👩‍👧", "\u200b", "\u00a0", " ", "  ", "\t", "\n", "\r\n", "\n\n\n", "   x", "(a|b)", "...", "!?", "<s>", "</s>", "<unk>",
         "<0x0A>", "<|endoftext|>", "[INST]", "[/INST]", "<tool>", "word", "words", "\x00", "\x07", "\u2028", "ﬁ", "▁", "▁▁", "a▁b", "x", "http://x.y/z?q=1"]


def texts():
    rng = random.Random(11)
    fixed = [""] + WORDS + ["    ", " a", "a ", "  a  b  ", "▁a", " ▁ a", "<s> a", " <s> a </s>\n", "a\n b\n\n  c"]
    return fixed + ["".join(rng.choice(WORDS) for _ in range(rng.randint(2, 8))) for _ in range(50)]


def learn(size, apart, bytes_):
    """The model of a BPE over plain characters; `apart`: no token reaches over a space."""
    names = ("README.md", "docs/ARCHITECTURE.md", "docs/GLOSSARY.md", "docs/TASKS.md")
    corpus = [open(os.path.join(ROOT, name), encoding="utf-8").read() for name in names] + ["naïve Привет 日本 ▁▁▁▁ word"] * 3
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=bytes_))
    if apart:
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    else:
        t.normalizer = normalizers.Replace(" ", "▁")
        corpus = [line for text in corpus for line in text.split("\n") if line]
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL + (BYTES if bytes_ else []),
                                                      limit_alphabet=90, show_progress=False))
    model = json.loads(t.to_str())["model"]
    if apart:  # LLaMA's runs of spaces
        for n in (2, 4):
            model["merges"].append(["▁" * (n // 2)] * 2)
            model["vocab"].setdefault("▁" * n, len(model["vocab"]))
    return model


def added(model, more=()):
    special = [AddedToken(s, special=True, normalized=False) for s in SPECIAL]
    ids = {**model["vocab"]}
    out = []
    for token in [*special, *more]:
        ids.setdefault(token.content, len(ids))
        out.append({"id": ids[token.content], "content": token.content, "single_word": token.single_word, "lstrip": token.lstrip,
                    "rstrip": token.rstrip, "normalized": token.normalized, "special": token.special})
    return out


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


def layout(model, normalizer, pre_tokenizer, decoder, tokens=None, bos=True):
    single = [{"Sequence": {"id": "A", "type_id": 0}}]
    bos_item = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    template = {"type": "TemplateProcessing", "single": [bos_item, *single], "pair": [bos_item, *single, bos_item, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens or added(model), "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": template if bos else None, "decoder": decoder, "model": model}


REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
LEGACY = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, REPLACE)
DECODER = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
FIRST = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
OLD = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}


def saved_by_transformers(file):
    with tempfile.TemporaryDirectory() as folder:
        json.dump(file, open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8"))
        json.dump({"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
                   "unk_token": "<unk>", "legacy": False}, open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8"))
        LlamaTokenizer.from_pretrained(folder).save_pretrained(folder)
        return json.load(open(os.path.join(folder, "tokenizer.json"), encoding="utf-8"))


def styles():
    base = learn(560, True, True)
    strings = dict(base, merges=[" ".join(m) for m in base["merges"]])
    llama2 = layout(strings, LEGACY, None, sequence("decoders", *DECODER))
    more = [AddedToken("[INST]", special=True, normalized=False), AddedToken("[/INST]", special=True, normalized=True),
            AddedToken("<tool>", special=False, normalized=True), AddedToken("word", special=False, single_word=True),
            AddedToken("!?", special=False, lstrip=True, rstrip=True, normalized=False)]
    plain = learn(320, True, False)
    return {"llama2": llama2, "llama2-v5": saved_by_transformers(llama2),
            "mistral": layout(base, None, FIRST, sequence("decoders", *DECODER), added(base, more)),
            "metaspace": layout(plain, None, OLD, OLD, bos=False),
            "gemma": layout(learn(520, False, True), REPLACE, None, sequence("decoders", *DECODER[:3]))}


def write(name, rows):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


for style, file in styles().items():
    path = os.path.join(OUT, style + ".json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(file, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    t, rng = Tokenizer.from_file(path), random.Random(12)
    plain_ids = lambda s: t.encode(s, add_special_tokens=False).ids
    decode = lambda ids: t.decode(ids, skip_special_tokens=False)
    write(style + ".cases.json", [{"text": s, "ids": plain_ids(s), "with_special": t.encode(s).ids, "decoded": decode(plain_ids(s))} for s in texts()])
    # Characters in byte tokens, whole, cut and between others.
    of = lambda b: t.token_to_id("<0x%02X>" % b) or 0
    lists = [[of(b) for b in c.encode()] for c in ("é", "日", "🙂", "a\n")] + [[of(0xE6), of(0x97)], [of(0xC3), of(0x28)], [of(0xFF), of(0x41), of(0xC3), of(0xA9)]]
    some = [t.token_to_id("▁"), t.token_to_id("▁a") or 0, 1, 2, of(0xC3), of(0xA9), of(0x0A), of(0x80)]
    lists += [[rng.choice(some) if rng.random() < 0.7 else rng.randrange(t.get_vocab_size()) for _ in range(rng.randint(1, 8))] for _ in range(60)]
    write(style + ".decode.json", [{"ids": ids, "decoded": decode(ids)} for ids in lists])
