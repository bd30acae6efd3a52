#!/usr/bin/env python3
"""Write tests/golden/micro.json: what transformers and tokenizers say of the embedded model, demo/model.

usage: make_micro.py [OUT]

Needs torch, transformers, tokenizers (versions stand in the file). Each case is a text with its ids and the natural
logarithms of the probabilities of all ids but the first, computed in float32 from the 16-bit weights.
"""
import json
import os
import sys

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "..", "..", "demo", "model")
TEXTS = [
    "Say true if the second statement follows from the first, and false if it does not.\n"
    "1: Rita saw a daisy.\n2: Rita saw a flower.\nAnswer: true",
    "Question: Was Zoe in the mill at noon?\nText: At noon Zoe was in the mill. At dawn Zoe was in the park.\nAnswer: yes",
    "Rob took a red rope. Then Rob gave the rope to Nora.",
    "Write the topic of line 2.\npipe\n1: The pipe sounded sad.\n2: The pipe was made of iron.\nAnswer: building",
    "两句话用的是同一个意思吗？\n",
    "Unheard-of words: zebra, 12345, naïve, 🙂!",
]

tokenizer = Tokenizer.from_file(os.path.join(MODEL, "tokenizer.json"))
model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
cases = []
for text in TEXTS:
    ids = tokenizer.encode(text).ids
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double().log_softmax(-1)
    cases.append({"text": text, "ids": ids,
                  "logprobs": [round(float(logits[i, ids[i + 1]]), 7) for i in range(len(ids) - 1)]})
versions = {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
with open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "micro.json"), "w", encoding="utf-8") as f:
    json.dump({"versions": versions, "cases": cases}, f, ensure_ascii=False, indent=1)
    f.write("\n")
