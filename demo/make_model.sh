#!/bin/bash
# make model: the micro-world's corpus, a tokenizer learned from it, a BLOOM pretrained on it, and that in 16 bits as
# demo/model: the same bytes on every machine. Stopped or killed, it goes on where it was.
set -eu
cd "$(dirname "$0")/.."
tacit=${BUILD:-build}/tacit world=${BUILD:-build}/world out=${BUILD:-build}/model
documents=400000
say() { printf '$ %s\n' "$*"; "$@"; }

mkdir -p "$out"
if [ ! -s "$out/corpus.jsonl" ]; then
    "$world" corpus --seed 1 --documents $documents >"$out/corpus.tmp"
    mv "$out/corpus.tmp" "$out/corpus.jsonl"
fi
if [ ! -s "$out/tokenizer.json" ]; then
    "$world" corpus --seed 77 --documents 60000 >"$out/sample.jsonl"
    say "$tacit" tokenizer train --vocab 2048 --out "$out/tokenizer.json" "$out/sample.jsonl"
fi
[ -s "$out/fresh/config.json" ] ||
    say "$tacit" init-model --layers 4 --width 128 --heads 4 --tokenizer "$out/tokenizer.json" --seed 1 --out "$out/fresh"
say "$tacit" pretrain --model "$out/fresh" --documents --order file --batch-tokens 2600 --optimizer muon --lr 4e-3 \
    --beta2 0.98 --weight-decay 0.05 --warmup 200 --schedule cosine --epochs 1 --out "$out/trained" "$out/corpus.jsonl"
say "$tacit" convert "$out/trained" --dtype bf16 --out demo/model
