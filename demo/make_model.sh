#!/bin/bash
# make model: the micro-world's corpus, a tokenizer learned from it, a BLOOM pretrained on it, and that in 16 bits as
# demo/model: the same bytes on every machine. Stopped or killed, it goes on where it was.
set -eu
cd "$(dirname "$0")/.."
tacit=${BUILD:-build}/tacit world=${BUILD:-build}/world out=${BUILD:-build}/model
say() { printf '$ %s\n' "$*"; "$@"; }
corpus() { # FILE OPTION...
    [ ! -s "$out/$1" ] || return 0
    printf '$ %s\n' "$world corpus ${*:2} >$out/$1"
    "$world" corpus "${@:2}" >"$out/corpus.tmp"
    mv "$out/corpus.tmp" "$out/$1"
}

mkdir -p "$out"
corpus sample.jsonl --seed 77 --documents 60000
corpus first.jsonl --seed 1 --documents 400000
corpus stories-1.jsonl --seed 2 --plan stories --documents 200000
corpus stories-2.jsonl --seed 3 --plan stories --documents 200000
[ -s "$out/tokenizer.json" ] || say "$tacit" tokenizer train --vocab 2048 --out "$out/tokenizer.json" "$out/sample.jsonl"
[ -s "$out/fresh/config.json" ] ||
    say "$tacit" init-model --layers 4 --width 128 --heads 4 --tokenizer "$out/tokenizer.json" --seed 1 --out "$out/fresh"
pretrain() { # MODEL CORPUS OUT
    say "$tacit" pretrain --model "$1" --documents --order file --batch-tokens 2600 --optimizer muon --lr 4e-3 \
        --beta2 0.98 --weight-decay 0.05 --warmup 200 --schedule cosine --epochs 1 --out "$3" "$2"
}
pretrain "$out/fresh" "$out/first.jsonl" "$out/first"
pretrain "$out/first" "$out/stories-1.jsonl" "$out/stories-1"
pretrain "$out/stories-1" "$out/stories-2.jsonl" "$out/stories-2"
say "$tacit" convert "$out/stories-2" --dtype bf16 --out demo/model
