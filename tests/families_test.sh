#!/bin/bash
# Every family that init-model knows, as a user runs it: the numeric law, every method, what looks inside a model, a study,
# what is written for others. A new family is tested by its row in the table alone.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
# shellcheck source=tests/families.sh
. tests/families.sh
awk 'BEGIN { for (i = 0; i < 6; i++) { s = ""; for (k = 0; k < 10 + 7 * i; k++) s = s (k ? ", " : "") (k < 9 ? 20 + k : 4 + (k * k * 7 + i * 31) % 300);
    printf "{\"ids\": [%s], \"target_ids\": [%d, %d, 9]}\n", s, 5 + i, 80 + i } }' >"$tmp/in"
score() { "$tacit" score --model "$m" --quiet "$@" <"$tmp/in"; }

law() {
    local line o bits
    score >"$tmp/batched"
    while read -r line; do "$tacit" score --model "$m" --quiet <<<"$line"; done <"$tmp/in" >"$tmp/alone"
    [ "$(wc -l <"$tmp/batched")" = 6 ] && cmp -s "$tmp/batched" "$tmp/alone"
    check "$family: alone = batched" $?
    for o in "--no-share" "--threads 1" "--threads 3" "--isa portable" "--isa avx2" "--isa avx512" "--weights f32"; do
        # shellcheck disable=SC2086
        if score $o >"$tmp/other" 2>"$tmp/err"; then
            cmp -s "$tmp/batched" "$tmp/other"
            check "$family: the same bytes with $o" $?
        else
            n=$((n + 1))
            echo "ok $n - $family: $o # SKIP $(head -c 80 "$tmp/err")"
        fi
    done
    score --precision bf16 >"$tmp/bf16" && score --precision bf16 --isa portable --no-share >"$tmp/other" &&
        cmp -s "$tmp/bf16" "$tmp/other" && ! cmp -s "$tmp/bf16" "$tmp/batched"
    check "$family: precision bf16, the same bytes everywhere" $?
    "$tacit" generate --model "$m" --ids --json --max-tokens 12 '20 21 22 23 300 17' >"$tmp/gen"
    bits=$(sed 's/.*"ids": \[\([^]]*\)\].*/\1/' "$tmp/gen")
    echo "{\"ids\": [20, 21, 22, 23, 300, 17], \"target_ids\": [$bits]}" | "$tacit" score --model "$m" --quiet >"$tmp/s"
    grep -q '"greedy": true' "$tmp/s" && [ "$(sed 's/.*"logprobs": \[\([^]]*\)\].*/\1/' "$tmp/gen")" = "$(sed 's/.*"logprobs": \[\([^]]*\)\].*/\1/' "$tmp/s")" ]
    check "$family: the cache's log-probabilities are the text's" $?
}

train() { # OUT [OPTION]...
    "$tacit" train --model "$m" --task demo/task.yaml --data demo --limit 6 --eval-limit 2 --tokens 3 --epochs 2 --batch 3 \
        --lr 1e-2 --quiet --out "$1" "${@:2}" >/dev/null
}
bytes() { (cd "$1" && for f in *; do [ "$f" = timing.jsonl ] || { echo "$f"; cat "$f"; }; done | sha256sum); }
same() { [ -s "$1/metrics.jsonl" ] && [ "$(bytes "$1")" = "$(bytes "$2")" ]; }
methods() {
    local method name
    for method in $("$tacit" methods | sed -n 's/^\([a-z0-9]*\) .*/\1/p') ptuning:hidden=8 prefix:hidden=6 lora:targets=all-linear ia3:targets=all-linear; do
        name=${method%%:*}
        rm -rf "$tmp/run" "$tmp/again"
        train "$tmp/run" --method "$method" --threads 1 &&
            LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:4 train "$tmp/again" --method "$method" --threads 2 --isa portable 2>/dev/null
        [ $? = 137 ] && train "$tmp/again" --method "$method" && same "$tmp/run" "$tmp/again"
        check "$family, $method: trains, and after a crash to the same bytes" $?
        if [ "$name" = full ]; then
            m=$tmp/run score >"$tmp/with"
        else
            score --adapter "$tmp/run" >"$tmp/with"
        fi && [ "$(wc -l <"$tmp/with")" = 6 ] && ! cmp -s "$tmp/with" "$tmp/batched"
        check "$family, $method: scores" $?
        case $name in
            full) ;;
            lora | ia3)
                "$tacit" merge "$tmp/run" --model "$m" --out "$tmp/merged" --quiet && m=$tmp/merged score >"$tmp/folded" &&
                    awk 'function sum(s) { sub(/.*"sum": /, "", s); return s + 0 }
                        { getline other <"'"$tmp/with"'"; d = sum($0) - sum(other); if (d > 1e-3 || d < -1e-3) bad = 1 } END { exit bad }' "$tmp/folded"
                check "$family, $method: folded in, it scores alike" $?
                rm -rf "$tmp/merged" ;;
            *)
                "$tacit" generate --model "$m" --adapter "$tmp/run" --ids --max-tokens 4 '20 21' >"$tmp/gen" && [ "$(wc -w <"$tmp/gen")" -ge 1 ]
                check "$family, $method: generates" $? ;;
        esac
    done
}

looks() {
    train "$tmp/p" && "$tacit" explain --model "$m" --adapter "$tmp/p" --top 2 --json --quiet >"$tmp/out" && grep -q '"tokens": \[' "$tmp/out"
    check "$family: explain" $?
    "$tacit" inspect "$m" --check >"$tmp/out" && grep -q "family  *$family$" "$tmp/out" && grep -q "numbers  *all finite" "$tmp/out" &&
        grep -q "positions  *\(ALiBi\|learned\|rotary\)" "$tmp/out"
    check "$family: inspect" $?
    "$tacit" bench --model "$m" --rounds 1 --rows 1,3 --texts 2 --length 8 --prefill 8 --decode 2 --tokens 2 --quiet >"$tmp/out" 2>"$tmp/err"
    check "$family: bench" $?
    "$tacit" convert "$m" --dtype bf16 --out "$tmp/b" --quiet && "$tacit" convert "$tmp/b" --dtype f32 --out "$tmp/b32" --quiet &&
        m=$tmp/b score >"$tmp/b.out" && m=$tmp/b32 score >"$tmp/b32.out" && cmp -s "$tmp/b.out" "$tmp/b32.out" && ! cmp -s "$tmp/b.out" "$tmp/batched"
    check "$family: half the bytes, and back without change" $?
    "$tacit" convert "$tmp/p" "$tmp/p.npy" --quiet && "$tacit" convert "$tmp/p.npy" "$tmp/p2" --model "$m" --quiet &&
        score --adapter "$tmp/p" >"$tmp/with" && score --adapter "$tmp/p2" >"$tmp/other" && cmp -s "$tmp/with" "$tmp/other"
    check "$family: a prompt goes out and comes back" $?
    "$tacit" convert "$tmp/p" "$tmp/in.f32" --model "$m" --text "A frog sat" --json >"$tmp/out" && "$tacit" convert "$tmp/p" "$tmp/in.pt" --model "$m" \
        --text "A frog sat" --quiet && rows=$(sed 's/.*"tokens": \([0-9]*\), "text_tokens": \([0-9]*\).*/\1+\2/' "$tmp/out") &&
        [ "$(stat -c %s "$tmp/in.f32")" = $(((rows) * 48 * 4)) ] && [ -s "$tmp/in.pt" ]
    check "$family: a whole input for other programs" $?
    "$tacit" eval --model "$m" --task demo/task.yaml --data demo --limit 4 --adapter "$tmp/p" --prompt description --no-prompt --quiet >"$tmp/out"
    check "$family: eval" $?
    head -c 3000 README.md >"$tmp/text.txt"
    "$tacit" pretrain --model "$m" --context 32 --steps 2 --out "$tmp/pre" --quiet "$tmp/text.txt" >/dev/null && m=$tmp/pre score >"$tmp/after" &&
        ! cmp -s "$tmp/after" "$tmp/batched"
    check "$family: pretrain" $?
}

sed 's/^name: .*/name: other/; s/^description: .*/description: "Is it so or not?"/' demo/task.yaml >"$tmp/other.yaml"
study() {
    cat >"$tmp/$family.yaml" <<END
name: test
model: $m
data: $PWD/demo
tasks: [$PWD/demo/task.yaml, other.yaml]
tokens: 3
seeds: 2
train_examples: 6
test_examples: 8
test: validation
methods:
  prompt: {epochs: 2, batch: 3, lr: 1e-2}
  full: {epochs: 1, batch: 3, lr: 1e-3}
  lora: {method: "lora:r=2", epochs: 1, batch: 3}
  prefix: {epochs: 1, batch: 3}
controls: {random: 2, shuffled: true, drift: true, discrete: true}
noise: {runs: 1}
reading: {neighbors: 3, verbalise: {runs: 1}, knockout: {examples: 4}}
paths: {examples: 4}
neurons: {examples: 2}
forgetting: {texts: 4, tokens: 16}
transfer: true
END
    "$tacit" study "$tmp/$family.yaml" --out "$tmp/study-$family" --quiet 2>"$tmp/err" >"$tmp/out" &&
        "$tacit" report "$tmp/study-$family" --quiet >/dev/null && [ -s "$tmp/study-$family/tables/transfer.tsv" ]
    check "$family: a study with every analysis" $?
    [ -s "$tmp/err" ] && sed 's/^/# /' "$tmp/err"
}

all=$(families)
[ "$(wc -w <<<"$all")" -ge 7 ]
check "families are known" $?
for family in $all; do
    m=$tmp/$family
    family_model "$family" "$m"
    check "$family: a small model" $?
    law
    methods
    looks
    study
    rm -rf "$tmp"/{run,again,p,p2,b,b32,pre,m} "$tmp/study-$family"
done
echo "1..$n"
exit $bad
