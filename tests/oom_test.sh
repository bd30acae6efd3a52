#!/bin/bash
# The n-th allocation fails, and then all from the n-th on, for every n (tests/oom.c): each command ends with status 1 and
# one line that names memory, or does its work as if nothing had happened; and what it left behind does not harm the same
# command afterwards. Under make asan (SAN) no byte may leak either. Every n up to OOM_FULL (200; 20 under make asan), then
# every OOM_STRIDE-th (67, a prime); OOM_STRIDE=1 takes all.
tacit=$TACIT stride=${OOM_STRIDE:-67} full=${OOM_FULL:-$([ -n "${SAN:-}" ] && echo 20 || echo 200)}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$tacit" init-model --layers 1 --width 16 --heads 2 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 4 --steps 1 --tokens 2 --no-eval --quiet \
    --out "$tmp/a" >/dev/null
echo "A frog sat by the pond, 123." >"$tmp/text"
# A pattern that pcre2 runs, not our own scanner, and a normal form.
sed 's/\\\\p{N}{1,3}/\\\\p{N}{1,4}/; s/"normalizer": *null/"normalizer": {"type": "NFC"}/' tests/golden/tokenizer/llama3.json >"$tmp/pcre.json"
printf 'Cafe\xcc\x81 12345, frogs.' >"$tmp/accent"
echo "3 4 300 198 172 230 400" >"$tmp/ids"
head -c 1500 docs/ARCHITECTURE.md >"$tmp/corpus.txt"
printf '{"text": "A frog sat by the pond", "target": " animal"}\n{"ids": [20, 21], "target_ids": [23]}\n{"before": "A frog", "text": " sat", "target": " animal"}\n' \
    >"$tmp/in"
echo '{"ids": [20, 21], "target_ids": [23]}' >"$tmp/targets"
for name in p l i t; do echo "{\"ids\": [5, 6], \"target_ids\": [7], \"adapter\": \"$name\"}"; done >"$tmp/named"

# A study's store with a few rows a table, as tests/report_test.sh has it.
mkdir "$tmp/study"
{ cat src/study/schema.sql tests/report_fixture.sql
  echo "UPDATE result SET rows = (SELECT json_group_array(json(value)) FROM (SELECT value FROM json_each(result.rows) LIMIT 2))"
} | sqlite3 -bail "$tmp/study/study.db"

# The bytes of the folder that a command wrote, without its times.
bytes() {
    if [ -e "$1/study.db" ]; then
        sqlite3 "$1/study.db" "UPDATE unit SET seconds = 0, result = iif(kind = 'make', json_remove(result, '\$.seconds'), result);
            UPDATE result SET rows = '' WHERE name IN ('accuracy', 'methods', 'sweep', 'sweep_best')" &&
            sqlite3 "$1/study.db" .dump | sha256sum
        return
    fi
    (cd "$1" 2>/dev/null && for f in *; do [ "$f" = timing.jsonl ] || { echo "$f"; cat "$f"; }; done | sha256sum)
}

# Whether the command, with allocation $at failing, ended as it should; the work's files are in the current folder.
ended_well() { # STATUS
    local line
    mapfile -t line <stderr
    case $1 in
    0) [ "$(<stdout)" = "$(<want)" ] && [ ! -s stderr ] ;;
    1) [ ${#line[@]} = 1 ] && [[ ${line[0]} =~ "out of memory"|"Cannot allocate memory" ]] ;;
    *) false ;;
    esac
}

# Runs the command for every n. A command that writes gets OUT as the last argument, and is run again after a failure.
each() { # NAME MODE WRITES COMMAND...
    local name=$1 mode=$2 writes=$3 at=0 wrong=0 status again
    shift 3
    while at=$((at < full ? at + 1 : at + stride)); do
        : >mark
        [ "$writes" = 0 ] || rm -rf out
        (export "TACIT_OOM_$mode=$at" TACIT_OOM_MARK=mark LD_PRELOAD="$BUILD/oom.so" && exec "$@") >stdout 2>stderr
        status=$?
        [ -s mark ] || break
        ended_well $status || { wrong=$((wrong + 1)); echo "# $mode $at: status $status: $(<stderr)"; }
        [ "$writes" = 1 ] || continue
        [ $status = 0 ] || "$@" >/dev/null 2>stderr || { wrong=$((wrong + 1)); echo "# $mode $at: again: $(<stderr)"; }
        again=$(bytes out)
        [ "$again" = "$(<sum)" ] || { wrong=$((wrong + 1)); echo "# $mode $at: other bytes afterwards"; }
    done
    [ $wrong = 0 ] && [ $at -gt 10 ] && [ $status = 0 ] || printf 'not '
    echo "ok - $name, $([ "$mode" = AT ] && echo "one allocation of $at" || echo "all from one of $at") failing"
}

try() { # NAME WRITES COMMAND...
    local name=$1 writes=$2
    shift 2
    mkdir "$tmp/$name" && cd "$tmp/$name" || exit 1
    "$@" >want 2>stderr || echo "not ok - $name: $(<stderr)"
    [ "$writes" = 0 ] || bytes out >sum
    each "$name" AT "$writes" "$@"
    each "$name" FROM "$writes" "$@"
}
here=$PWD
[[ $BUILD = /* ]] || BUILD=$here/$BUILD
[[ $tacit = /* ]] || tacit=$here/$tacit
t() { # NAME WRITES SUBCOMMAND [OPTION]...
    local name=$1 writes=$2
    shift 2
    (try "$name" "$writes" "$tacit" "$@") >"$tmp/$name.tap" 2>&1 </dev/null &
}
task=(--task "$here/demo/task.yaml" --data "$here/demo")
model=(--model "$tmp/m" --threads 1 --quiet)
t tokenize 0 tokenize --tokenizer "$here/tests/golden/tokenizer/bloom.json" "$tmp/text"
t tokenize-pcre 0 tokenize --tokenizer "$tmp/pcre.json" "$tmp/accent"
t tokenize-sentencepiece 0 tokenize --tokenizer "$here/tests/golden/tokenizer/mistral.json" "$tmp/accent"
t tokenize-decode 0 tokenize --decode --tokenizer "$here/tests/golden/tokenizer/llama2.json" "$tmp/ids"
t inspect-model 0 inspect "$tmp/m"
t inspect-adapter 0 inspect "$tmp/a"
t tasks-show 0 tasks show "${task[1]}" --data "$here/demo"
t tasks 0 tasks --tasks "$here/tasks"
t convert-folder 1 convert "$here/tests/golden/convert/multitask" --task-id 1 --quiet --base-name a/b out
t convert-prefix 1 convert "$here/tests/golden/methods/prefix" --old-bloom-prefix --quiet out
t convert-text 0 convert "$tmp/a" --model "$tmp/m" --text "A frog" --base64
t convert-gguf 1 convert "$here/tests/fuzz/corpus/import/bloom" --quiet out
t convert-spm 1 convert "$here/tests/fuzz/corpus/import/llama" --quiet out
t convert-llama2c 1 convert "$here/tests/golden/gguf/llama2c-tied.bin" --tokenizer "$here/tests/golden/gguf/llama2c-tok.bin" --quiet out
t merge 1 merge "$here/tests/golden/methods/ia3" --model "$here/tests/golden/base-f32" --quiet --out out
t score 0 score "${model[@]}" "$tmp/in"
methods=$here/tests/golden/methods
t score-mixed 0 score --model "$here/tests/golden/base-f32" --threads 1 --quiet --adapter p="$methods/prefix" \
    --adapter l="$methods/lora-patterns" --adapter i="$methods/ia3" --adapter t="$methods/ptuning" "$tmp/named"
for family in gpt2 llama-biases qwen3; do
    t score-$family 0 score --model "$here/tests/golden/families/$family" --threads 1 --quiet "$tmp/targets"
done
t generate 0 generate "${model[@]}" --max-tokens 4 "A frog"
wait
t eval 0 eval "${model[@]}" "${task[@]}" --limit 4 --adapter "$tmp/a" --prompt "Say it."
t explain 0 explain "${model[@]}" --adapter "$tmp/a" --top 2
t report 0 report "$tmp/study"
t init-model 1 init-model --layers 1 --width 16 --heads 2 --tokenizer "$here/demo/tokenizer.json" --quiet --out out
t init-gpt2 1 init-model --family gpt2 --layers 1 --width 16 --heads 2 --positions 32 --vocab 300 --quiet --out out
t train 1 train "${model[@]}" "${task[@]}" --limit 4 --eval-limit 2 --steps 2 --batch 2 --tokens 2 \
    --pull "a frog" --pull-weight 2 --out out
t train-end 1 train "${model[@]}" "${task[@]}" --limit 4 --no-eval --steps 2 --batch 2 --tokens 2 --place end \
    --text-cache f16 --out out
t train-lora 1 train "${model[@]}" "${task[@]}" --limit 4 --no-eval --steps 2 --batch 2 \
    --method lora:r=1,ranks=dense:2,targets=query_key_value+dense,layers=0 --out out
t train-prefix 1 train "${model[@]}" "${task[@]}" --limit 4 --no-eval --steps 2 --batch 2 --tokens 2 --method prefix --out out
t pretrain 1 pretrain "${model[@]}" --context 16 --steps 2 --batch 2 --out out "$tmp/corpus.txt"
wait
cat >"$tmp/study.yaml" <<END
name: oom
model: $tmp/m
data: $here/demo
tasks: [$here/demo/task.yaml]
tokens: 2
seeds: 2
train_examples: 2
validation_examples: 2
test_examples: 3
test: validation
methods: {prompt: {steps: 1, batch: 2}, short: {method: prompt, tokens: 1, steps: 1, batch: 2}}
forgetting: {file: corpus.txt, texts: 2, tokens: 4}
transfer: true
controls: {random: 1, drift: true}
reading: {neighbors: 1, verbalise: {runs: 1}, knockout: {runs: 1}}
paths: {}
neurons: {}
END
# Tens of thousands of allocations: fewer of them.
(stride=${OOM_STRIDE:-1499} full=20 && t a-study 1 study "$tmp/study.yaml" --jobs 1 --threads 1 --json --quiet --out out && wait)
sed '/^test: \|^methods\|^forgetting/d' "$tmp/study.yaml" >"$tmp/sweep.yaml"
cat >>"$tmp/sweep.yaml" <<END
holdout: 1
test: validation
sweep: {draw: random, runs: 2, lr: {low: 1e-3, high: 1e-2}, init: ["text:a b", vocab], steps: 1}
END
(stride=${OOM_STRIDE:-499} full=20 && t a-sweep 1 sweep "$tmp/sweep.yaml" --jobs 1 --threads 1 --json --quiet --out out && wait)
cat "$tmp"/*.tap
echo "1..$(cat "$tmp"/*.tap | grep -c '^\(not \)\?ok ')"
! grep -q '^not ok' "$tmp"/*.tap
