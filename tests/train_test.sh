#!/bin/bash
# Training as a user runs it: the same bytes twice, on other threads and kernels, after a crash at every write, fsync and
# rename, after kills; the refusals of wrong input.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
train() { # OUT [OPTION]...
    local out=$1
    shift
    "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 20 --eval-limit 8 --tokens 4 --epochs 3 \
        --batch 8 --lr 1e-2 --quiet --out "$out" "$@" >/dev/null
}
# The bytes of a run's folder without its times.
bytes() { (cd "$1" && for f in *; do [ "$f" = timing.jsonl ] || { echo "$f"; cat "$f"; }; done | sha256sum); }

train "$tmp/a" && train "$tmp/b"
check "two trainings give the same bytes" "$([ "$(bytes "$tmp/a")" = "$(bytes "$tmp/b")" ]; echo $?)"
want=$(bytes "$tmp/a")
for isa in portable avx2 avx512; do
    if "$tacit" score --model "$tmp/m" --isa $isa </dev/null 2>/dev/null; then
        train "$tmp/$isa" --isa $isa --threads 1
        check "one thread, $isa: the same bytes" "$([ "$(bytes "$tmp/$isa")" = "$want" ]; echo $?)"
    else
        n=$((n + 1))
        echo "ok $n - one thread, $isa # SKIP this machine lacks it"
    fi
done

for kind in write fsync rename; do
    wrong=0 at=0
    while at=$((at + 1)); [ $at -lt 200 ]; do
        rm -rf "$tmp/c"
        LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=$kind:$at train "$tmp/c" 2>/dev/null
        [ $? = 137 ] || break
        train "$tmp/c" 2>"$tmp/err" || { wrong=$((wrong + 1)); sed 's/^/# /' "$tmp/err"; continue; }
        [ "$(bytes "$tmp/c")" = "$want" ] || { wrong=$((wrong + 1)); echo "# differs after $kind $at"; }
    done
    [ $at -gt 3 ] || wrong=1
    check "a crash at any of $((at - 1)) calls of $kind changes nothing" $wrong
done

wrong=0
for delay in 0.03 0.05; do
    rm -rf "$tmp/k"
    "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 20 --eval-limit 8 --tokens 4 --epochs 3 \
        --batch 8 --lr 1e-2 --quiet --out "$tmp/k" >/dev/null 2>&1 &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    train "$tmp/k" && [ "$(bytes "$tmp/k")" = "$want" ] || wrong=1
done
check "a kill changes nothing" $wrong

refuses() { # NAME STATUS TEXT COMMAND...
    local name=$1 want_status=$2 text=$3 out status
    shift 3
    out=$("$@" 2>&1)
    status=$?
    grep -qF -- "$text" <<<"$out" && [ $status = "$want_status" ]
    check "$name" $?
    [ $status = "$want_status" ] || echo "# status $status: $out"
}
# Questions on one passage as neighbours: a run of its own, with fewer rows; the same bytes on other threads and after a crash.
awk 'BEGIN { for (i = 0; i < 24; i++) { printf "{\"p\": \""; for (k = 0; k < 30; k++) printf "%s ", (i % 6 + k) % 7 ? "the frog sat" : "by the pond " i % 6
    printf "\", \"q\": \"question %d\", \"label\": \"%s\"}\n", i, i % 2 ? "yes" : "no" } }' >"$tmp/train.jsonl"
printf 'name: passages\ndescription: Answer.\ndata: {train: train.jsonl}\ninput: "{{p}}\\n{{q}}:"\nanswers: {"yes": " Yes", "no": " No"}\n' >"$tmp/passages.yaml"
ordered() { # OUT [OPTION]...
    "$tacit" train --model "$tmp/m" --task "$tmp/passages.yaml" --data "$tmp" --no-eval --tokens 4 --init vocab --epochs 2 --batch 4 \
        --quiet --json --out "$1" "${@:2}"
}
rows() { grep -o '"rows": [0-9]*' "$1" | cut -d' ' -f2; }
ordered "$tmp/o1" >"$tmp/shuffled.json" && ordered "$tmp/o2" --order passages --threads 1 >"$tmp/passages.json" &&
    ordered "$tmp/o3" --order passages --isa portable --threads 2 >/dev/null && [ "$(bytes "$tmp/o2")" = "$(bytes "$tmp/o3")" ] &&
    [ $((2 * $(rows "$tmp/passages.json"))) -lt "$(rows "$tmp/shuffled.json")" ]
check "by passages a run computes less than half of the rows" $?
grep -q '"order": "passages"' "$tmp/o2/run.json" && ! grep -q '"order"' "$tmp/o1/run.json"
check "the order is one of the run's settings" $?
LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:5 ordered "$tmp/o4" --order passages >/dev/null 2>&1
[ ! -e "$tmp/o4/adapter_model.safetensors" ] && ordered "$tmp/o4" --order passages >/dev/null && [ "$(bytes "$tmp/o4")" = "$(bytes "$tmp/o2")" ]
check "by passages after a crash" $?
ordered "$tmp/o5" --order passages --batch-tokens 500 >/dev/null && ordered "$tmp/o6" --order passages --batch-tokens 500 --threads 2 >/dev/null &&
    [ "$(bytes "$tmp/o5")" = "$(bytes "$tmp/o6")" ] && [ "$(bytes "$tmp/o5")" != "$(bytes "$tmp/o2")" ]
check "by passages and tokens" $?
refuses "an order that is none" 2 "expected shuffled, file or passages, found 'random'" ordered "$tmp/o7" --order random

# Pretraining on documents: the same bytes at any thread count and instruction set, resumed, and tokens of weight 0 left out.
awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"parts\": [[\"Question %d:\", 0], [\" the animal is a frog, number %d\", 1], [\".\", 0.5]]}\n", i % 7, i }' \
    >"$tmp/docs.jsonl"
pretrain() { # OUT [OPTION]...
    "$tacit" pretrain --model "$tmp/m" --documents --batch-tokens 150 --order file --epochs 2 --lr 4e-3 --optimizer muon \
        --weight-decay 0.05 --quiet --out "$1" "${@:2}" "$tmp/docs.jsonl"
}
pretrain "$tmp/p1" >/dev/null && pretrain "$tmp/p2" --threads 1 --isa portable >/dev/null
check "documents and Muon: the same bytes on other threads and kernels" "$([ "$(bytes "$tmp/p1")" = "$(bytes "$tmp/p2")" ]; echo $?)"
rm -rf "$tmp/p2"
LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:4 pretrain "$tmp/p2" >/dev/null 2>&1
[ ! -e "$tmp/p2/model.safetensors" ] && pretrain "$tmp/p2" >/dev/null
check "and after a crash" "$([ "$(bytes "$tmp/p1")" = "$(bytes "$tmp/p2")" ]; echo $?)"
check "a step counts the tokens that weigh" "$(n0=$(head -1 "$tmp/p1/metrics.jsonl" | sed 's/.*"tokens": \([0-9]*\).*/\1/'); [ "$n0" -gt 0 ] && [ "$n0" -lt 130 ]; echo $?)"

# A pull towards a text: none at weight 0; else another run, with the same bytes after a crash and on another kernel.
train "$tmp/w0" --pull "the animal is a frog" --pull-weight 0
check "a pull of weight 0 changes nothing" "$([ "$(bytes "$tmp/w0")" = "$want" ]; echo $?)"
train "$tmp/w1" --pull "the animal is a frog" --pull-weight 3
LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:4 train "$tmp/w2" --pull "the animal is a frog" --pull-weight 3 2>/dev/null
[ ! -e "$tmp/w2/adapter_model.safetensors" ] &&
    train "$tmp/w2" --pull "the animal is a frog" --pull-weight 3 --threads 1 --isa portable
check "a pulled run after a crash" "$([ "$(bytes "$tmp/w1")" = "$(bytes "$tmp/w2")" ]; echo $?)"
check "its pull is logged" "$(! grep -q '"pull": 0[,}]' "$tmp/w1/metrics.jsonl" &&
    [ "$(grep -c '"pull": ' "$tmp/w1/metrics.jsonl")" = "$(grep -c '"loss": ' "$tmp/w1/metrics.jsonl")" ]; echo $?)"
refuses "another text's pull" 2 "belongs to another run" train "$tmp/w1" --pull "the animal is a toad" --pull-weight 3
refuses "another weight's pull" 2 "belongs to another run" train "$tmp/w1" --pull "the animal is a frog" --pull-weight 2
refuses "a pull without its weight" 2 "belong together" train "$tmp/x" --pull "the animal is a frog"
refuses "a pull of a whole model" 2 "for method prompt" train "$tmp/x" --method full --pull "a" --pull-weight 1
refuses "a pull towards nothing" 2 "the text to pull towards is empty" train "$tmp/x" --pull "" --pull-weight 1

before=$(bytes "$tmp/a")
refuses "another run's folder" 2 "belongs to another run" train "$tmp/a" --lr 2e-2
check "and nothing is changed there" "$([ "$(bytes "$tmp/a")" = "$before" ]; echo $?)"
refuses "the same without sharing is another run" 2 "belongs to another run" train "$tmp/a" --no-share
refuses "the same on another backend is another run" 2 "belongs to another run" train "$tmp/a" --backend ref
train "$tmp/s0" --seed 5 --seed-order 0 && train "$tmp/s1" --seed 5 && train "$tmp/s2" --seed 0 --seed-init 7
check "a noise source's own seed counts, also when it is 0" "$(cmp -s "$tmp/s0/metrics.jsonl" "$tmp/s2/metrics.jsonl" &&
    ! cmp -s "$tmp/s0/metrics.jsonl" "$tmp/s1/metrics.jsonl"; echo $?)"
refuses "a finished run says so" 0 "finished already" "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo \
    --limit 20 --eval-limit 8 --tokens 4 --epochs 3 --batch 8 --lr 1e-2 --quiet --out "$tmp/a"
refuses "no such model" 2 "no such model folder" "$tacit" score --model "$tmp/none"
refuses "a hub id that is not there" 2 "hf download a/b" "$tacit" score --model a/b
refuses "no such task" 2 "nothing" train "$tmp/x" --task nothing
refuses "an empty init text" 2 "empty" train "$tmp/x" --init text:
refuses "a memory limit in words" 2 "memory limit" train "$tmp/x" --memory 1K
refuses "an unknown option" 2 "unknown option" train "$tmp/x" --nonsense
refuses "a bad line of JSON" 2 "standard input:2" "$tacit" score --model "$tmp/m" <<<$'{"ids": [5, 6]}\n{'
refuses "an id outside the vocabulary" 2 "outside the vocabulary" "$tacit" score --model "$tmp/m" <<<'{"ids": [5, 60000]}'
awk 'BEGIN { printf "{\"ids\": [5"; for (i = 0; i < 40000; i++) printf ", 6"; print "]}" }' >"$tmp/long"
refuses "a sequence over the limit" 2 "at most 32768" "$tacit" score --model "$tmp/m" "$tmp/long"
(ulimit -f 1; trap '' XFSZ; train "$tmp/full" 2>"$tmp/err")
check "no space left: a message, status 1" "$([ $? = 1 ] && grep -q "cannot be written" "$tmp/err"; echo $?)"
cp -r "$tmp/m" "$tmp/nan"
printf '\x00\x00\xc0\x7f' | dd of="$tmp/nan/model.safetensors" bs=1 conv=notrunc \
    seek=$(($(stat -c %s "$tmp/nan/model.safetensors") - 4)) status=none
refuses "NaN weights are named" 2 "is NaN" "$tacit" inspect "$tmp/nan" --check
echo "1..$n"
exit $bad
