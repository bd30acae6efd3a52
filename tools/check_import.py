#!/usr/bin/env python3
"""Hold `tacit convert` of GGUF files and llama2.c checkpoints against transformers.

usage: check_import.py [--tacit build/tacit] [--originals DIR] [--stories DIR --text FILE]

--originals: the folders that tests/golden/gguf/make_gguf.py --originals wrote: every golden GGUF file, converted, must have the
original's weights and logits and give the original's token ids; transformers' own GGUF loader, where it knows the architecture,
must give the same weights. --stories: a folder with stories260K.bin, tok512.bin and stories260K.md: the greedy text must be the
one in the .md, and on every text of FILE the token ids must be those of llama2.c's encoder. Needs torch, transformers, gguf.
"""
import argparse, heapq, os, struct, subprocess, sys, tempfile

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "golden", "gguf")
TEXTS = ["The frog sat by the moon.", "a cat  sang\n\n to 1234 dogs, isn't it?", " the", "The<|end|>dog and", "né ▁ x\t漢"]
bad = 0


def say(ok, what):
    global bad
    bad |= not ok
    print("ok  " if ok else "BAD ", what, flush=True)


def load(path, **more):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **more).eval()


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a)


def logits(m, ids):
    with torch.no_grad():
        return m(torch.tensor([ids])).logits


def originals(o, tmp):
    for name in sorted(os.listdir(o.originals)):
        source, out, first = os.path.join(GOLDEN, f"{name}.gguf"), os.path.join(tmp, name), os.path.join(o.originals, name)
        subprocess.run([o.tacit, "convert", "--quiet", source, out], check=True)
        a, b = load(first), load(out)
        ids = [3, 14, 15, 9, 2, 6] * 4
        gap = (logits(a, ids) - logits(b, ids)).abs().max().item()
        if "q8" in name:
            say(0 < gap < 0.5, f"{name}: logits differ by {gap:.2g} from those before quantising")
        else:
            say(same_weights(a, b), f"{name}: the original's weights")
            say(gap == 0, f"{name}: the original's logits")
        s, t = (Tokenizer.from_file(os.path.join(x, "tokenizer.json")) for x in (first, out))
        say(all(s.encode(x).ids == t.encode(x).ids for x in TEXTS), f"{name}: the original's token ids")
        auto = AutoTokenizer.from_pretrained(out)
        say(all(auto(x)["input_ids"] == s.encode(x).ids for x in TEXTS), f"{name}: and by AutoTokenizer")
        try:
            theirs = load(GOLDEN, gguf_file=f"{name}.gguf")
        except Exception as e:
            print("    ", f"{name}: transformers' GGUF loader: {str(e).splitlines()[0][:100]}")
            continue
        x, y = theirs.state_dict(), b.state_dict()
        gap = max((x[k] - y[k]).abs().max().item() for k in x)
        say(gap <= (0.002 if "q8" in name else 0),
            f"{name}: the weights of transformers' GGUF loader, {len(x)} of {len(y)} tensors (largest difference {gap:.2g})")


def pieces(path):
    data, at, out = open(path, "rb").read(), 4, []
    while at < len(data):
        score, n = struct.unpack_from("<fi", data, at)
        out.append((data[at + 8:at + 8 + n], score))
        at += 8 + n
    return out


def encode(vocab, text):
    """llama2.c's encode (run.c), but for <s>: a space in front, characters or bytes, then always the best pair."""
    of = {s: i for i, (s, _) in reversed(list(enumerate(vocab)))}
    ids = [of[b" "]] if text else []
    for c in text:
        b = c.encode()
        ids += [of[b]] if b in of else [x + 3 for x in b]
    before, after, heap = list(range(-1, len(ids) - 1)), list(range(1, len(ids) + 1)), []

    def look(i):
        j = after[i]
        if j < len(ids) and (k := of.get(vocab[ids[i]][0] + vocab[ids[j]][0])) is not None:
            heapq.heappush(heap, (-vocab[k][1], i, ids[i], ids[j], k))

    for i in range(len(ids)):
        look(i)
    while heap:
        _, i, a, b, k = heapq.heappop(heap)
        if ids[i] != a or after[i] >= len(ids) or ids[after[i]] != b:
            continue
        j = after[i]
        ids[i], ids[j] = k, None
        after[i] = after[j]
        if after[i] < len(ids):
            before[after[i]] = i
        look(i)
        if before[i] >= 0:
            look(before[i])
    return [x for x in ids if x is not None]


def stories(o, tmp):
    out, here = os.path.join(tmp, "stories"), lambda name: os.path.join(o.stories, name)
    subprocess.run([o.tacit, "convert", "--quiet", here("stories260K.bin"), out, "--tokenizer", here("tok512.bin")], check=True)
    t, m = AutoTokenizer.from_pretrained(out), load(out)
    want = open(here("stories260K.md")).read().split("-t 0.0\n")[1].split("\n```")[0]
    with torch.no_grad():
        ids = m.generate(torch.tensor([[1]]), max_new_tokens=256, do_sample=False)[0]
    say(t.decode(ids, skip_special_tokens=True).strip() == want.strip(), "stories260K: the greedy text, word for word")
    raw = open(o.text, encoding="utf-8").read()
    texts = [s.strip() for s in raw.split("<|endoftext|>") if s.strip()]
    total = n = 0
    for s in texts[:300]:
        x = torch.tensor([t(s)["input_ids"][:512]])
        logp = torch.log_softmax(logits(m, x[0].tolist())[0, :-1].double(), -1)
        total -= logp.gather(1, x[0, 1:, None]).sum().item()
        n += x.shape[1] - 1
    say(abs(total / n - 1.5) < 0.001, f"stories260K: {total / n:.4f} nats a token on the first 300 texts ({n} tokens)")
    vocab, plain = pieces(here("tok512.bin")), Tokenizer.from_file(os.path.join(out, "tokenizer.json"))
    wrong = [s for s in texts + [raw] if plain.encode(s, add_special_tokens=False).ids != encode(vocab, s)]
    say(not wrong, f"tok512: llama2.c's token ids on {len(texts)} texts and on the whole file ({len(raw)} characters)")
    for s in wrong[:3]:
        print("    ", repr(s[:80]))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tacit", default="build/tacit")
    for name in ("originals", "stories", "text"):
        p.add_argument(f"--{name}")
    o = p.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as tmp:
        if o.originals:
            originals(o, tmp)
        if o.stories:
            stories(o, tmp)
    sys.exit(bad)


main()
