#!/bin/sh
# make demo: a small random BLOOM, a soft prompt trained on a task of our own, evaluated and read.
# A random model knows no language: what it shows is the whole way, not what prompts mean.
set -eu
cd "$(dirname "$0")/.."
tacit=${BUILD:-build}/tacit
out=demo-run
say() { printf '\n$ %s\n' "$*"; "$@"; }

say "$tacit" init-model --layers 2 --width 64 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out $out/model
say "$tacit" train --model $out/model --task demo/task.yaml --data demo --tokens 16 --epochs 10 --lr 3e-2 \
    --out $out/prompt
say "$tacit" eval --model $out/model --task demo/task.yaml --data demo --adapter $out/prompt \
    --prompt description --no-prompt
say "$tacit" explain --model $out/model --adapter $out/prompt --top 3
