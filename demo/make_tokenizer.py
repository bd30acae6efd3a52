#!/usr/bin/env python3
"""Write demo/tokenizer.json: a byte-level BPE with BLOOM's layout, learned from the demo's own texts.

Needs HuggingFace tokenizers (the committed file: 0.23.3). `tacit` itself reads the result; nothing else needs Python.
"""
import json, os

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

here = os.path.dirname(os.path.abspath(__file__))
texts = []
for name in ("train.jsonl", "val.jsonl"):
    for line in open(os.path.join(here, name), encoding="utf-8"):
        texts += [v for v in json.loads(line).values() if isinstance(v, str)]
texts.append(open(os.path.join(here, "task.yaml"), encoding="utf-8").read())
tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(" ?[^(\\s|[.,!?…。，、।۔،])]+"), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
tok.decoder = decoders.ByteLevel()
tok.post_processor = processors.ByteLevel(trim_offsets=False)
tok.train_from_iterator(texts, trainers.BpeTrainer(
    vocab_size=600, special_tokens=[AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>", "<pad>")],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
tok.save(os.path.join(here, "tokenizer.json"))
