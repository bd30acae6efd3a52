#!/bin/sh
# make demo: the default study on the model inside the program: 16 prompts of four tasks, what they are compared with, what
# they say, how they transfer; its claims, and its report.
set -eu
cd "$(dirname "$0")/.."
tacit=${BUILD:-build}/tacit world=${BUILD:-build}/world
out=demo-run
say() { printf '\n$ %s\n' "$*"; "$@"; }

mkdir -p $out/data
say "$world" tasks --out $out/data --seed 1
say "$tacit" study demo/study.yaml --out $out
say "$tacit" explain --adapter $out/runs/pronoun/prompt/1 --top 3
say "$tacit" report $out
