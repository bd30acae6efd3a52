#!/bin/bash
# Where a prompt stands, as a user says it: a template's mark, --place, what an adapter remembers, lines of tacit score.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.4 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
sed 's/Animal or plant?"/Animal or plant?{{prompt}}"/' demo/task.yaml >"$tmp/end.yaml"
sed 's/\\nAnimal/\\n{{prompt}}Animal/' demo/task.yaml >"$tmp/middle.yaml"
train() { # OUT TASK [OPTION]...
    "$tacit" train --model "$tmp/m" --task "$2" --data demo --limit 16 --eval-limit 8 --tokens 4 --epochs 2 --lr 1e-2 \
        --threads 1 --quiet --out "$1" "${@:3}" >/dev/null
}
eval_() { # TASK [OPTION]...
    "$tacit" eval --model "$tmp/m" --task "$1" --data demo --limit 12 --threads 1 --quiet --json "${@:2}"
}
score() { "$tacit" score --model "$tmp/m" --threads 1 --quiet "$@"; }
sums() { grep -o '"logprobs": \[[^]]*\]'; }
same() { [ -s "$1" ] && cmp -s "$1" "$2"; }
ids() { printf %s "$1" | "$tacit" tokenize --model "$tmp/m" | tr -d '\n' | tr ' ' ','; }
place_of() { grep -o '"tacit_place": "[a-z]*"' "$1/adapter_config.json" | cut -d'"' -f4; }

# ---- training ----
train "$tmp/front" demo/task.yaml && train "$tmp/end" demo/task.yaml --place end && train "$tmp/mark" "$tmp/end.yaml" &&
    train "$tmp/middle" "$tmp/middle.yaml" && train "$tmp/first" "$tmp/middle.yaml" --place front
check "prompts are trained in every place" $?
same "$tmp/end/adapter_model.safetensors" "$tmp/mark/adapter_model.safetensors" &&
    same "$tmp/end/metrics.jsonl" "$tmp/mark/metrics.jsonl"
check "a mark at the template's end is --place end" $?
for other in front middle first; do
    ! cmp -s "$tmp/end/adapter_model.safetensors" "$tmp/$other/adapter_model.safetensors" ||
        check "at the end is not $other" 1
done
[ "$(place_of "$tmp/front")-$(place_of "$tmp/end")-$(place_of "$tmp/mark")-$(place_of "$tmp/first")" = -end-template-front ]
check "a folder says where its prompt stood, unless in front" $?
train "$tmp/again" demo/task.yaml --init adapter:"$tmp/end" --place template && train "$tmp/on" demo/task.yaml --init adapter:"$tmp/end"
[ "$(place_of "$tmp/again")-$(place_of "$tmp/on")" = -end ]
check "an adapter is trained on where it stands, unless told otherwise" $?

# ---- kept texts ----
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 16 --tokens 4 --place end --plan --no-eval --out "$tmp/x" \
    2>"$tmp/plan"
grep -q '^keys and values of 16 texts before the prompt are kept: [0-9]* kB$' "$tmp/plan"
check "the plan says which texts are kept" $?
# A wider model, whose texts are more than what two runs of a program differ by; a limit between with them and without.
"$tacit" init-model --layers 4 --width 256 --heads 4 --std 0.1 --tokenizer demo/tokenizer.json --out "$tmp/wide" --quiet
wide() { # OUT [OPTION]...
    local out=$1
    shift
    "$tacit" train --model "$tmp/wide" --task demo/task.yaml --data demo --limit 32 --no-eval --tokens 4 --epochs 2 --lr 1e-2 \
        --threads 1 --place end --out "$out" "$@"
}
of() { grep -o "\"$1\": [0-9]*" "$2" | head -n 1 | cut -d' ' -f2; }
wide "$tmp/x" --plan --json >"$tmp/with" 2>/dev/null && wide "$tmp/x" --plan --json --text-cache off >"$tmp/without" 2>/dev/null
limit=$(($(of memory_bytes "$tmp/without") + $(of texts "$tmp/with") / 2))
[ "$(of texts "$tmp/with")" -gt 2000000 ] && [ "$(of texts "$tmp/without")" = 0 ] &&
    wide "$tmp/x" --plan --memory "$limit" 2>"$tmp/plan" && grep -q '^32 texts before the prompt are computed in every epoch: keeping' "$tmp/plan"
check "or that they do not fit" $?
bytes() { (cd "$1" && for f in *; do [ "$f" = timing.jsonl ] || { echo "$f"; cat "$f"; }; done | sha256sum); }
wide "$tmp/much" --quiet >/dev/null && wide "$tmp/little" --quiet --memory "$limit" >/dev/null &&
    train "$tmp/off" demo/task.yaml --place end --text-cache off &&
    [ "$(bytes "$tmp/off")" = "$(bytes "$tmp/end")" ] && [ "$(bytes "$tmp/little")" = "$(bytes "$tmp/much")" ]
check "kept texts change no byte" $?
train "$tmp/other" demo/task.yaml --place end --threads 2 --isa portable && [ "$(bytes "$tmp/other")" = "$(bytes "$tmp/end")" ]
check "nor on two threads and other kernels" $?
LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:5 train "$tmp/crash" demo/task.yaml --place end 2>/dev/null
[ ! -e "$tmp/crash/adapter_model.safetensors" ] && train "$tmp/crash" demo/task.yaml --place end &&
    [ "$(bytes "$tmp/crash")" = "$(bytes "$tmp/end")" ]
check "nor after a crash" $?
train "$tmp/f16" demo/task.yaml --place end --text-cache f16 && train "$tmp/f16-2" demo/task.yaml --place end --text-cache f16 &&
    [ "$(bytes "$tmp/f16")" = "$(bytes "$tmp/f16-2")" ] && ! same "$tmp/f16/metrics.jsonl" "$tmp/end/metrics.jsonl"
check "as float16 they do, always alike" $?

# ---- evaluation ----
eval_ demo/task.yaml --adapter "$tmp/end" --prompt description >"$tmp/a"
eval_ demo/task.yaml --adapter "$tmp/end" --prompt description --place end >"$tmp/b"
eval_ demo/task.yaml --adapter "$tmp/end" --prompt description --place front >"$tmp/c"
eval_ "$tmp/end.yaml" --adapter "$tmp/end" --prompt description >"$tmp/d"
eval_ "$tmp/end.yaml" --adapter "$tmp/end" --prompt description --place front >"$tmp/e"
row() { grep -o '"rows": .*' "$1" | sed 's/{"name"/\n&/g' | sed -n "$2p" | cut -d']' -f1; }
[ "$(row "$tmp/a" 2)" = "$(row "$tmp/b" 2)" ] && [ "$(row "$tmp/a" 2)" != "$(row "$tmp/c" 2)" ]
check "an adapter stands where it was trained" $?
[ "$(row "$tmp/a" 3)" = "$(row "$tmp/c" 3)" ] && [ "$(row "$tmp/a" 3)" != "$(row "$tmp/b" 3)" ]
check "a text stands in front, or where --place says" $?
[ "$(row "$tmp/b" 3)" = "$(row "$tmp/d" 3)" ] && [ "$(row "$tmp/c" 3)" = "$(row "$tmp/e" 3)" ]
check "or at the mark, unless --place says otherwise" $?
"$tacit" tasks show "$tmp/middle.yaml" --data demo --model "$tmp/m" --n 1 | grep -q '^{{prompt}}Animal or plant?$'
check "tasks show prints the mark" $?

# ---- lines of tacit score ----
a=$(ids 'A frog sat.') p=$(ids 'Think of it:') b=$(ids 'What is it?') c=$(ids ' animal')
score <<<"{\"ids\": [$a,$p,$b], \"target_ids\": [$c]}" | sums >"$tmp/want"
score --prompt 'Think of it:' <<<'{"before": "A frog sat.", "text": "What is it?", "target": " animal"}' | sums >"$tmp/got"
same "$tmp/want" "$tmp/got"
check "a prompt behind \"before\" is the text put there" $?
score --prompt 'Think of it:' <<<"{\"before_ids\": [$a], \"ids\": [$b], \"target_ids\": [$c]}" | sums >"$tmp/got"
same "$tmp/want" "$tmp/got"
check "and so with ids" $?
score <<<"{\"ids\": [$a,$p,$b]}" | sums | tr -d '[] ' | sed 's/.*://' | tr ',' '\n' | tail -n "$(tr ',' '\n' <<<"$b" | wc -l)" >"$tmp/want"
score --prompt 'Think of it:' <<<'{"before": "A frog sat.", "text": "What is it?"}' | sums | tr -d '[] ' | sed 's/.*://' |
    tr ',' '\n' >"$tmp/got"
diff "$tmp/want" "$tmp/got" >"$tmp/diff" && [ -s "$tmp/got" ]
check "without a target the tokens behind the prompt count" $?
score --adapter "$tmp/front" --place end <<<'{"text": "A frog sat.", "target": " animal"}' | sums >"$tmp/want"
score --adapter "$tmp/front" <<<'{"before": "A frog sat.", "target": " animal"}' | sums >"$tmp/got"
same "$tmp/want" "$tmp/got" && ! score --adapter "$tmp/front" <<<'{"text": "A frog sat.", "target": " animal"}' | sums | cmp -s "$tmp/want" -
check "--place end is behind the text" $?
score --adapter "$tmp/end" <<<'{"before": "A frog", "text": " sat.", "target": " animal"}' | sums >"$tmp/got"
score --adapter "$tmp/end" <<<"{\"ids\": [$(ids 'A frog'),$(ids ' sat.')], \"target_ids\": [$c]}" | sums | cmp -s "$tmp/got" -
check "an adapter from the end stands there" $?

# ---- generation ----
"$tacit" generate --model "$tmp/m" --ids --threads 1 --max-tokens 6 "${a//,/ } ${p//,/ }" >"$tmp/want"
"$tacit" generate --model "$tmp/m" --ids --threads 1 --max-tokens 6 --prompt 'Think of it:' --place end "${a//,/ }" >"$tmp/got"
same "$tmp/want" "$tmp/got"
check "generation goes on behind a prompt at the end" $?

# ---- a study ----
cat >"$tmp/s.yaml" <<END
name: marked
model: $tmp/m
data: $PWD/demo
tasks: [$tmp/middle.yaml]
tokens: 4
seeds: 1
train_examples: 12
validation_examples: 6
test_examples: 12
test: validation
methods: {prompt: {epochs: 2, batch: 4, lr: 1e-2}}
END
"$tacit" study "$tmp/s.yaml" --out "$tmp/study" --threads 1 --quiet >/dev/null
eval_ "$tmp/middle.yaml" --adapter "$tmp/study/runs/demo/prompt/1" --prompt description >"$tmp/a"
eval_ demo/task.yaml --adapter "$tmp/study/runs/demo/prompt/1" --prompt description >"$tmp/b"
losses() { grep -o '"loss": [0-9.]*' "$1" | awk '{ printf "%.9g\n", $2 }'; }
sqlite3 "$tmp/study/study.db" "SELECT printf('%.9g', loss) FROM score WHERE prompt IN
    ('demo/prompt/1', 'demo/description') ORDER BY prompt DESC" >"$tmp/got"
losses "$tmp/a" | same "$tmp/got" - && ! losses "$tmp/b" | cmp -s "$tmp/got" -
check "a study's prompts stand at its tasks' marks" $?

# ---- refusals ----
refuses() { # NAME TEXT COMMAND...
    local name=$1 text=$2 out status
    shift 2
    out=$("$@" 2>&1)
    status=$?
    grep -qF -- "$text" <<<"$out" && [ $status = 2 ]
    check "refused: $name" $?
    [ $status = 2 ] || echo "# status $status: $out"
}
unknown="'middle' is not one of template, front, end"
refuses "an unknown place to train at" "$unknown" train "$tmp/x" demo/task.yaml --place middle
refuses "to evaluate at" "$unknown" eval_ demo/task.yaml --place middle
refuses "to score at" "$unknown" score --place middle <<<'{"ids": [5, 6]}'
refuses "to generate at" "$unknown" "$tacit" generate --model "$tmp/m" --place middle x
refuses "a place where nothing of a prompt is trained" "trains no prompt" train "$tmp/x" demo/task.yaml --place end --method full
refuses "another place is another run" "belongs to another run" train "$tmp/front" demo/task.yaml --place end
refuses "whichever it is" "belongs to another run" train "$tmp/first" "$tmp/middle.yaml" --place end
! grep -q '"place"' "$tmp/front/run.json" && ! grep -q '"place"' "$tmp/middle/run.json"
check "a run that asks for no place has the identity that it always had" $?
refuses "texts kept as float16 are another run" "belongs to another run" train "$tmp/end" demo/task.yaml --place end --text-cache f16
refuses "an unknown way to keep texts" "text cache: 'always' is not one of auto, off, f16" train "$tmp/x" demo/task.yaml --text-cache always
refuses "float16 where there is nothing to keep" "no text stands before" train "$tmp/x" demo/task.yaml --text-cache f16
refuses "another mark is another run" "belongs to another run" train "$tmp/mark" "$tmp/middle.yaml"
refuses "a prompt at the end of nothing" "standard input:1: the prompt stands before the target (place end)" \
    score --adapter "$tmp/end" <<<'{"text": "A frog sat."}'
cp -r "$tmp/end" "$tmp/odd"
sed -i 's/"tacit_place": "end"/"tacit_place": "middle"/' "$tmp/odd/adapter_config.json"
refuses "an adapter from nowhere" "adapter_config.json: field 'tacit_place': $unknown" score --adapter "$tmp/odd" <<<'{"ids": [5, 6]}'
sed -i 's/"tacit_place": "middle"/"tacit_place": 3/' "$tmp/odd/adapter_config.json"
refuses "a place that is a number" "field 'tacit_place': expected a string" score --adapter "$tmp/odd" <<<'{"ids": [5, 6]}'
refuses "\"before\" alone" "standard input:1: none of the fields" score <<<'{"before": "A frog"}'
refuses "\"before\" that is no text" "field 'before': expected a text" score <<<'{"before": 3, "text": "a"}'
[ ! -e "$tmp/x" ]
check "and nothing is left behind" $?
sed 's/Animal or plant?/{{prompt}}Animal{{ prompt }}/' demo/task.yaml >"$tmp/two.yaml"
refuses "two marks" "two.yaml:7: the mark {{prompt}} stands there more than once" eval_ "$tmp/two.yaml"
sed 's/" plant"/" plant{{prompt}}"/' demo/task.yaml >"$tmp/answer.yaml"
refuses "a mark in an answer" "answer.yaml:10: answer 'plant': the mark {{prompt}} belongs into 'input'" eval_ "$tmp/answer.yaml"
echo "1..$n"
exit $bad
