#!/bin/sh
# make demo: a soft prompt for one of the micro-world's tasks, on the model inside the program: trained, evaluated on examples
# that it has not seen beside the task's description and no prompt, and read.
set -eu
cd "$(dirname "$0")/.."
tacit=${BUILD:-build}/tacit world=${BUILD:-build}/world
out=demo-run
say() { printf '\n$ %s\n' "$*"; "$@"; }

mkdir -p $out/data
say "$world" tasks --out $out/data --seed 1
say "$tacit" tasks show demo/tasks/story.yaml --data $out/data -n 1
say "$tacit" train --task demo/tasks/story.yaml --data $out/data --epochs 10 --lr 3e-2 --out $out/story
say "$tacit" eval --task demo/tasks/story.yaml --data $out/data --split test --adapter $out/story \
    --prompt description --no-prompt
say "$tacit" explain --adapter $out/story --top 3
