#!/bin/bash
# Every method as a user trains it: the same bytes twice, on other threads and kernels, after a crash at any rename and at
# writes in between; what the seeds change; going on from what a method left.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
train() { # OUT [OPTION]...
    "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 12 --eval-limit 4 --tokens 3 --epochs 2 \
        --batch 5 --lr 1e-2 --threads 1 --quiet --out "$1" "${@:2}" >/dev/null
}
# The bytes of a run's folder without its times.
bytes() { (cd "$1" && for f in *; do [ "$f" = timing.jsonl ] || { echo "$f"; cat "$f"; }; done | sha256sum); }
same() { [ -s "$1/metrics.jsonl" ] && [ "$(bytes "$1")" = "$(bytes "$2")" ]; }
# Whether two runs begin alike: the loss of their first step.
first() { head -1 "$1/metrics.jsonl" | grep -o '"loss": [^,]*'; }

# ---- the same bytes, whatever happens on the way ----
crash() { # KIND STRIDE OPTION...: at every STRIDE-th call of the kind; prints how many differ
    local kind=$1 stride=$2 at=1 wrong=0 crashes=0
    shift 2
    while rm -rf "$tmp/c"; LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=$kind:$at train "$tmp/c" "$@" 2>/dev/null; [ $? = 137 ]; do
        if ! train "$tmp/c" "$@" 2>"$tmp/err" || ! same "$tmp/c" "$tmp/run"; then
            wrong=$((wrong + 1))
            echo "# $kind $at: differs $(<"$tmp/err")"
        fi
        at=$((at + stride)) crashes=$((crashes + 1))
    done
    [ $crashes -gt 3 ] || wrong=1
    return $wrong
}
for method in prompt ptuning:hidden=8 prefix prefix:hidden=6 lora:r=2,targets=all-linear lora:r=2,layers=1,rslora ia3 full \
    "lora:r=2 --optimizer adafactor" "ia3 --optimizer adafactor --best --eval-steps 1"; do
    read -ra options <<<"--method $method"
    rm -rf "$tmp/run" "$tmp/again"
    train "$tmp/run" "${options[@]}" && train "$tmp/again" "${options[@]}" --isa portable --threads 2 && same "$tmp/run" "$tmp/again"
    check "$method: the same bytes on other threads and kernels" $?
    crash rename 1 "${options[@]}" && crash write 5 "${options[@]}"
    check "$method: a crash changes nothing" $?
done

# ---- going on from what a method left ----
for method in ptuning:hidden=8 prefix:hidden=6 lora:r=2 ia3; do
    name=${method%%:*}
    rm -rf "$tmp/run" "$tmp/still"
    train "$tmp/left" --method $method && train "$tmp/run" --init adapter:"$tmp/left" && crash rename 1 --init adapter:"$tmp/left"
    check "$name: goes on from a folder, and after a crash" $?
    train "$tmp/still" --init adapter:"$tmp/left" --lr 0
    cmp -s "$tmp/left/adapter_model.safetensors" "$tmp/still/adapter_model.safetensors" &&
        ! cmp -s "$tmp/left/adapter_model.safetensors" "$tmp/run/adapter_model.safetensors"
    check "$name: from its very values" $?
    rm -rf "$tmp/left"
done

# ---- seeds ----
differs() { ! cmp -s "$1/metrics.jsonl" "$2/metrics.jsonl"; }
for method in ptuning:hidden=8 lora:r=2 "prefix --init normal"; do
    rm -rf "$tmp"/s?
    read -ra options <<<"--method $method"
    train "$tmp/s0" "${options[@]}" && train "$tmp/s1" "${options[@]}" --seed-init 1 &&
        train "$tmp/s2" "${options[@]}" --seed-init 1 --noise order,init
    differs "$tmp/s0" "$tmp/s1" && ! differs "$tmp/s1" "$tmp/s2"
    check "$method: --seed-init counts, with --noise init or without" $?
done
rm -rf "$tmp"/s?
train "$tmp/s0" --method ia3 && train "$tmp/s1" --method ia3 --seed-init 1 &&
    train "$tmp/s2" --method ia3 --noise order,init && train "$tmp/s3" --method ia3 --noise order,init --seed-init 1
! differs "$tmp/s0" "$tmp/s1" && differs "$tmp/s0" "$tmp/s2" && differs "$tmp/s2" "$tmp/s3"
check "ia3: starts alike, unless --noise init" $?
rm -rf "$tmp"/s?
train "$tmp/s0" --method prefix && train "$tmp/s1" --method prefix --seed-init 1 &&
    train "$tmp/s2" --method prefix --noise order,init && train "$tmp/s3" --method prefix --noise order,init --seed-init 1
! differs "$tmp/s0" "$tmp/s1" && differs "$tmp/s0" "$tmp/s2" && differs "$tmp/s2" "$tmp/s3"
check "prefix: of a text, unless --noise init" $?
[ "$(first "$tmp/s0")" != "$(first "$tmp/s2")" ]
check "the first step knows of it" $?
echo "1..$n"
exit $bad
