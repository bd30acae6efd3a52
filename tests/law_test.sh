#!/bin/bash
# The numeric law at the program's surface, the examples, and the documentation that comes from the command table.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
"$tacit" init-model --layers 3 --width 48 --heads 6 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
awk 'BEGIN { for (i = 0; i < 12; i++) { s = ""; for (k = 0; k < 10 + 7 * i; k++) s = s (k ? ", " : "") (k < 9 ? 20 + k : 4 + (k * k * 7 + i * 31) % 300);
    printf "{\"ids\": [%s], \"target_ids\": [%d, %d, 9]}\n", s, 5 + i, 80 + i } }' >"$tmp/in"
score() { "$tacit" score --model "$tmp/m" --quiet "$@" <"$tmp/in"; }
score >"$tmp/batched"
while read -r line; do "$tacit" score --model "$tmp/m" --quiet <<<"$line"; done <"$tmp/in" >"$tmp/alone"
cmp -s "$tmp/batched" "$tmp/alone"
check "alone = batched" $?
[ "$(wc -l <"$tmp/batched")" = 12 ]
check "a line for each line" $?
for o in "--no-share" "--threads 1" "--threads 3" "--isa portable" "--isa avx2" "--isa avx512" "--weights f32"; do
    # shellcheck disable=SC2086
    if score $o >"$tmp/other" 2>"$tmp/err"; then
        cmp -s "$tmp/batched" "$tmp/other"
        check "the same bytes with $o" $?
    else
        n=$((n + 1))
        echo "ok $n - $o # SKIP $(head -c 80 "$tmp/err")"
    fi
done
# Precision bf16: other results, the same bytes on every processor, alone as in a batch.
score --precision bf16 >"$tmp/bf16" && ! cmp -s "$tmp/bf16" "$tmp/batched"
check "precision bf16 rounds" $?
while read -r line; do "$tacit" score --model "$tmp/m" --quiet --precision bf16 <<<"$line"; done <"$tmp/in" >"$tmp/alone"
cmp -s "$tmp/bf16" "$tmp/alone"
check "bf16: alone = batched" $?
for o in "--no-share" "--threads 1" "--threads 3" "--isa portable" "--isa avx2"; do
    # shellcheck disable=SC2086
    if score --precision bf16 $o >"$tmp/other" 2>"$tmp/err"; then
        cmp -s "$tmp/bf16" "$tmp/other"
        check "bf16: the same bytes with $o" $?
    else
        n=$((n + 1))
        echo "ok $n - bf16: $o # SKIP $(head -c 80 "$tmp/err")"
    fi
done
score --precision f8 >/dev/null 2>"$tmp/err"
[ $? = 2 ] && grep -q "precision 'f8': expected f32 or bf16" "$tmp/err"
check "another precision is refused" $?
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --tokens 3 --steps 1 --no-eval --precision bf16 --isa portable \
    --out "$tmp/half" >/dev/null 2>"$tmp/err" && grep -q "lacks AVX512_BF16: the same results" "$tmp/err" &&
    grep -Eq "untrained loss of the largest batch from [0-9.]+ to [0-9.]+$" "$tmp/err"
check "training says what the rounding changes" $?
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --tokens 3 --steps 1 --no-eval --quiet --out "$tmp/half" >/dev/null 2>&1
[ $? = 2 ] && grep -q '"backend": "cpu, bf16"' "$tmp/half/run.json"
check "and a run does not go on in another precision" $?
# What generation over the cache says of its tokens is what scoring the whole text says.
"$tacit" generate --model "$tmp/m" --ids --json --max-tokens 12 '20 21 22 23 300 17' >"$tmp/gen"
ids=$(sed 's/.*"ids": \[\([^]]*\)\].*/\1/' "$tmp/gen")
lp=$(sed 's/.*"logprobs": \[\([^]]*\)\].*/\1/' "$tmp/gen")
echo "{\"ids\": [20, 21, 22, 23, 300, 17], \"target_ids\": [$ids]}" | "$tacit" score --model "$tmp/m" --quiet >"$tmp/s"
grep -q '"greedy": true' "$tmp/s"
check "greedy generation over the cache is greedy for the whole text" $?
[ "$(wc -w <<<"$lp")" = 12 ] && [ "$lp" = "$(sed 's/.*"logprobs": \[\([^]]*\)\].*/\1/' "$tmp/s")" ]
check "and its log-probabilities are those, to the last digit" $?
one=$("$tacit" generate --model "$tmp/m" --ids --temperature 1 --top-p 0.9 --seed 3 --max-tokens 8 '20 21')
two=$("$tacit" generate --model "$tmp/m" --ids --temperature 1 --top-p 0.9 --seed 3 --max-tokens 8 '20 21')
[ "$one" = "$two" ]
check "sampling depends on its seed alone" $?

"$BUILD/examples/train" "$tmp/m" demo/task.yaml demo "$tmp/run" | grep -q "60 steps, 384 parameters"
check "examples/train" $?
"$BUILD/examples/nearest" "$tmp/m" "$tmp/run" | grep -q "^8 "
check "examples/nearest" $?
a=$("$BUILD/examples/score" "$tmp/m" "A frog sat" " animal")
b=$("$tacit" score --model "$tmp/m" --quiet <<<'{"text": "A frog sat", "target": " animal"}' | sed 's/.*"sum": \([-0-9.]*\).*/\1/')
[ "$a" = "$(printf %.6f "$b")" ]
check "examples/score says what tacit score says" $?
for cmd in train eval explain score generate tokenize inspect tasks pretrain init-model convert merge tokenizer bench help; do
    "$tacit" help $cmd | grep -q "usage: tacit $cmd" || { check "help $cmd" 1; }
done
"$tacit" help --man | grep -q '^.SS tacit explain'
check "the man page comes from the command table" $?
bash -n <("$tacit" help --completion)
check "the completion is valid bash" $?
"$tacit" convert "$tmp/m" --dtype bf16 --out "$tmp/b" --quiet && "$tacit" convert "$tmp/b" --dtype f32 --out "$tmp/b32" --quiet &&
    "$tacit" score --model "$tmp/b" --quiet <"$tmp/in" >"$tmp/b.out" && "$tacit" score --model "$tmp/b32" --quiet <"$tmp/in" >"$tmp/b32.out" &&
    cmp -s "$tmp/b.out" "$tmp/b32.out" && ! cmp -s "$tmp/b.out" "$tmp/batched" &&
    [ "$(stat -c %s "$tmp/b/model.safetensors")" -lt "$(($(stat -c %s "$tmp/m/model.safetensors") * 6 / 10))" ]
check "a model in half the bytes, and back without change" $?
head -c 60000 docs/ARCHITECTURE.md >"$tmp/text.txt"
"$tacit" pretrain --model "$tmp/m" --context 32 --steps 4 --out "$tmp/p" --quiet "$tmp/text.txt" >/dev/null &&
    "$tacit" score --model "$tmp/p" --quiet <"$tmp/in" >"$tmp/after" && ! cmp -s "$tmp/after" "$tmp/batched"
check "pretrain writes a model folder that differs" $?
echo "1..$n"
exit $bad
