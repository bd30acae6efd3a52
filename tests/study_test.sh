#!/bin/bash
# A study as a user runs it: the same store on any number of workers, after crashes and kills; only new work after a change;
# one process a folder; the refusals of wrong input.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
is() { [ "$1" = "$2" ] || { echo "# found '$1', expected '$2'"; return 1; }; }
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
sed 's/^name: .*/name: other/; s/^description: .*/description: "Is it so or not?"/' demo/task.yaml >"$tmp/other.yaml"
printf 'demo:\n  - "Tell which it is."\n  - "What holds here?"\n' >"$tmp/wordings.yaml"
name=$(sed -n 's/^name: //p' demo/task.yaml)
sed -i "s/^demo:/$name:/" "$tmp/wordings.yaml"
spec() { # FILE TASKS SEEDS [MORE]
    cat >"$1" <<END
name: test
model: $tmp/m
data: $PWD/demo
wordings: $tmp/wordings.yaml
tasks: [$2]
tokens: 4
seeds: $3
train_examples: 12
validation_examples: 6
test_examples: 20
test: validation
${4:-}
END
}
study() { # FILE OUT [OPTION]...
    "$tacit" study "$1" --out "$2" --quiet "${@:3}"
}
# All that a store holds, times, the number of workers and what their threads need aside.
dump() {
    sqlite3 "$1/study.db" "UPDATE unit SET seconds = 0, result = iif(kind = 'make', json_remove(result, '\$.seconds', '\$.memory'), result);
        UPDATE meta SET value = '' WHERE key = 'workers'; UPDATE result SET rows = '' WHERE name IN ('accuracy', 'methods')" && sqlite3 "$1/study.db" .dump | sha256sum
}
same() { # OUT
    cp -r "$1" "$tmp/look" && is "$(dump "$tmp/look")" "$want"
    local s=$?
    rm -rf "$tmp/look"
    return $s
}
full='methods:
  prompt: {epochs: 3, batch: 4, lr: 1e-2}
  full: {epochs: 1, batch: 4, lr: 1e-3}
  short: {method: prompt, tokens: 2, init: vocab, epochs: 2, batch: 4, lr: 1e-2}
  lean: {method: full, optimizer: adafactor, epochs: 1, batch: 4, lr: 1e-3}
controls: {random: 2, shuffled: true, drift: true, discrete: true, paraphrases: true}
noise: {runs: 1}
reading:
  neighbors: 3
  verbalise: {runs: 1}
  knockout: {examples: 10}
  wayward: {text: "Nothing at all.", weights: [0, 1]}
paths: {examples: 10}
neurons: {examples: 4}
forgetting: {texts: 6, tokens: 12}
transfer: true
by_construction: [training]'

# ---- the whole of it ----
spec "$tmp/s.yaml" "$PWD/demo/task.yaml, $tmp/other.yaml" 2 "$full"
"$tacit" study "$tmp/s.yaml" --out "$tmp/a" --plan --json >"$tmp/out"
check "--plan says what there is to do and writes nothing" "$([ ! -e "$tmp/a" ] &&
    grep -q '^{"units": [1-9][0-9]*, "jobs": [0-9]*, "seconds": [0-9.e-]*, "memory_bytes": [0-9]*}$' "$tmp/out"; echo $?)"
study "$tmp/s.yaml" "$tmp/a" --jobs 1 >"$tmp/out"
check "a study runs" $?
cp -r "$tmp/a" "$tmp/copy"
want=$(dump "$tmp/copy")
rm -rf "$tmp/copy"
study "$tmp/s.yaml" "$tmp/b" --jobs 3 >/dev/null && same "$tmp/b"
check "three workers leave the same store" $?
"$tacit" study "$tmp/s.yaml" --out "$tmp/a" --status | tail -1 >"$tmp/out"
read -r finished all <"$tmp/out"
check "--status: everything is done" "$([ "$finished" = "$all" ] && [ "$all" -gt 100 ]; echo $?)"
"$tacit" study "$tmp/s.yaml" --out "$tmp/a" 2>"$tmp/err" >"$tmp/out"
check "the same command does nothing again" "$([ ! -s "$tmp/err" ] && same "$tmp/a"; echo $?)"
for t in accuracy methods forgetting runs curves reading persistence words recurring scripts verbalise knockout wayward seeds drift distances \
    layout layouts trajectory paths noise transfer similarity wins; do
    [ "$(sqlite3 "$tmp/a/study.db" "SELECT json_array_length(rows) > 0 AND json_array_length(columns) =
        json_array_length(rows, '\$[0]') FROM result WHERE name = '$t'")" = 1 ] || echo "$t"
done >"$tmp/out"
check "every table has rows as wide as its columns" "$([ ! -s "$tmp/out" ]; echo $?)"
[ "$(sqlite3 "$tmp/a/study.db" "SELECT count(*) FROM claim WHERE verdict IN ('holds', 'does not hold', 'cannot be told here')")" -ge 10 ]
check "claims have verdicts" $?
[ "$(sqlite3 "$tmp/a/study.db" "SELECT group_concat(id), count(p_holm) FROM claim WHERE verdict = 'by construction'")" = "training|0" ]
check "what was looked at before gets no verdict, and no part in Holm's" $?
study "$tmp/s.yaml" "$tmp/a" --json >"$tmp/out" && [ "$(sqlite3 :memory: "SELECT json_array_length(readfile('$tmp/out'), '\$.claims')")" = \
    "$(sqlite3 "$tmp/a/study.db" "SELECT count(*) FROM claim")" ]
check "--json prints the claims" $?
[ "$(sqlite3 "$tmp/a/study.db" "SELECT count(*), sum(length(hits)), sum(length(margins)) FROM score WHERE n = 20")" = \
    "$(sqlite3 "$tmp/a/study.db" "SELECT count(*), 20 * count(*), 160 * count(*) FROM score")" ]
check "each score has its examples' margins" $?
"$tacit" inspect "$tmp/a/runs/$name/prompt/2" >"$tmp/out" && [ ! -e "$tmp/a/runs/$name/full/1" ]
check "prompts stay as PEFT folders, whole models do not" $?
[ "$(sqlite3 "$tmp/a/study.db" "SELECT group_concat((value ->> 1) || (value ->> 2)) FROM result, json_each(rows)
        WHERE name = 'accuracy' AND value ->> 0 = '$name' AND value ->> 1 IN ('full', 'short', 'lean')")" = full2,short2,lean2 ] &&
    [ "$(sqlite3 "$tmp/a/study.db" "SELECT group_concat(DISTINCT tokens || '.' || (data IS NULL)) FROM prompt WHERE kind = 'short'")" = 2.1 ]
check "methods that the file names are methods like others" $?
"$tacit" eval --model "$tmp/m" --task "$PWD/demo/task.yaml" --data demo --limit 20 --adapter "$tmp/a/runs/$name/short/2" --quiet --json >"$tmp/out" &&
    [ "$(sqlite3 :memory: "SELECT readfile('$tmp/out') ->> '$.rows[0].acc'")" = \
        "$(sqlite3 "$tmp/a/study.db" "SELECT accuracy FROM score WHERE prompt = '$name/short/2' AND task = '$name'")" ] && [ ! -e "$tmp/a/runs/$name/lean/1" ]
check "their adapters stay, and are what was scored" $?
[ "$(sqlite3 "$tmp/a/study.db" "SELECT count(*), count(DISTINCT task) FROM score WHERE prompt LIKE '%/short/%'")" = "8|2" ] &&
    [ "$(sqlite3 "$tmp/a/study.db" "SELECT count(*) FROM score WHERE prompt LIKE '%/lean/%'")" = 4 ] &&
    [ "$(sqlite3 "$tmp/a/study.db" "SELECT group_concat(DISTINCT value ->> 1) FROM result, json_each(rows) WHERE name = 'similarity' AND
        value ->> 0 = 'short'")" = "Frobenius,cosine,output divergence" ]
check "adapters of further methods are put to every task, and compared" $?
cp -r "$tmp/a" "$tmp/copy" && rm -r "$tmp/copy/runs/$name/short/1"
[ "$("$tacit" study "$tmp/s.yaml" --out "$tmp/copy" --status | awk '$1 == "make" && $3 != $4 { print $1, $2, $4 - $3 }')" = "make short 1" ] &&
    study "$tmp/s.yaml" "$tmp/copy" >/dev/null && same "$tmp/copy" && [ -e "$tmp/copy/runs/$name/short/1/adapter_config.json" ]
check "an adapter that is gone is trained again" $?
rm -rf "$tmp/copy"

"$BUILD/examples/study" "$tmp/s.yaml" "$tmp/a" | grep -q "The trained prompt beats its description"
check "examples/study" $?

# ---- forgetting ----
printf '{"text": "%s"}\n' "The cat sat on the mat." "Nobody knows what the weather will be in April, or in May." "" >"$tmp/texts.jsonl"
spec "$tmp/f.yaml" "$PWD/demo/task.yaml" 1 'methods:
  prompt: {epochs: 2, batch: 6, lr: 1e-2}
  short: {method: prompt, tokens: 2, epochs: 2, batch: 6, lr: 1e-2}
  lean: {method: full, epochs: 1, batch: 6, lr: 1e-2}
forgetting: {file: texts.jsonl, tokens: 9}'
study "$tmp/f.yaml" "$tmp/f" >/dev/null
sed 's/.*: "\(.*\)"}/\1/; /^$/d' "$tmp/texts.jsonl" | "$tacit" tokenize --model "$tmp/m" --lines | cut -d' ' -f1-9 |
    sed 's/ /, /g; s/\([0-9]*\), \(.*\)/{"ids": [\1], "target_ids": [\2]}/' >"$tmp/ids.jsonl"
loss() { # MODEL [OPTION]...: a token of these texts
    "$tacit" score --model "$@" "$tmp/ids.jsonl" --quiet | sed 's/$/,/' | sed '1s/^/[/; $s/,$/]/' >"$tmp/out"
    sqlite3 :memory: "SELECT -sum(p.value) / count(*) FROM json_each(readfile('$tmp/out')) t, json_each(t.value, '\$.logprobs') p"
}
got() { # METHOD COLUMN
    sqlite3 "$tmp/f/study.db" "SELECT value ->> $2 FROM result, json_each(rows) WHERE name = 'forgetting' AND value ->> 1 = '$1'"
}
near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && (a - b) ^ 2 < 1e-16 * b * b) }'; }
"$tacit" train --model "$tmp/m" --task "$PWD/demo/task.yaml" --data demo --limit 12 --method full --epochs 1 --batch 6 --lr 1e-2 --seed 1 \
    --no-eval --out "$tmp/lean" --quiet >/dev/null
near "$(got prompt 6)" "$(loss "$tmp/m")" && near "$(got prompt 7)" "$(loss "$tmp/m" --adapter "$tmp/f/runs/$name/prompt/1")" &&
    near "$(got short 7)" "$(loss "$tmp/m" --adapter "$tmp/f/runs/$name/short/1")" && near "$(got lean 7)" "$(loss "$tmp/lean")" &&
    [ "$(got lean 4),$(got lean 5)" = 2,16 ]
check "the loss on texts outside the task is what tacit score finds" $?
[ "$(sqlite3 "$tmp/a/study.db" "SELECT count(*), count(DISTINCT value ->> 1), sum(value ->> 0 = value ->> 3) FROM result, json_each(rows)
    WHERE name = 'forgetting'")" = "16|4|0" ]
check "a task's own inputs are no texts outside it" $?
sed 's/tokens: 9}/tokens: 8}/' "$tmp/f.yaml" >"$tmp/g.yaml"
"$tacit" study "$tmp/g.yaml" --out "$tmp/f" --status | awk '$1 == "make" { left = left $2 ($4 - $3) " " } $1 == "forget" { left = left $3 - $2 } END { print left }' >"$tmp/out"
is "$(cat "$tmp/out")" "none0 description0 paraphrase0 start0 prompt0 short0 lean1 3"
check "other texts are scored anew, and models that are not kept are trained for it" $?

# ---- held out ----
spec "$tmp/h.yaml" "$PWD/demo/task.yaml" 1 'holdout: 4
methods: {prompt: {epochs: 2, batch: 4, lr: 1e-2}}
controls: {shuffled: true}'
study "$tmp/h.yaml" "$tmp/h" >/dev/null
"$tacit" train --model "$tmp/m" --task "$PWD/demo/task.yaml" --data demo --limit 8 --tokens 4 --epochs 2 --batch 4 --lr 1e-2 --seed 1 \
    --no-eval --out "$tmp/eight" --quiet >/dev/null
mkdir "$tmp/held"
sed -n 9,12p demo/train.jsonl >"$tmp/held/val.jsonl"
acc=$("$tacit" eval --model "$tmp/m" --task "$PWD/demo/task.yaml" --data "$tmp/held" --adapter "$tmp/eight" --quiet --json)
cmp "$tmp/eight/adapter_model.safetensors" "$tmp/h/runs/$name/prompt/1/adapter_model.safetensors" &&
    [ "$(sqlite3 "$tmp/h/study.db" "SELECT train, validation, (SELECT count(*) FROM score WHERE prompt LIKE '%shuffled%') FROM task")" = "8|4|1" ] &&
    near "$(sqlite3 "$tmp/h/study.db" "SELECT dev_loss FROM epoch WHERE prompt LIKE '%/prompt/1' AND epoch = 2")" \
        "$(sqlite3 :memory: "SELECT '$acc' ->> '$.rows[0].loss'")"
check "what is held out is not trained on, and validates" $?

# ---- more, and other ----
done_by() { "$tacit" study "$1" --out "$2" --plan --json | sed 's/{"units": \([0-9]*\),.*/\1/'; }
spec "$tmp/more.yaml" "$PWD/demo/task.yaml, $tmp/other.yaml" 3 "$full"
study "$tmp/more.yaml" "$tmp/fresh" >/dev/null
cp -r "$tmp/a" "$tmp/grown"
new=$(done_by "$tmp/more.yaml" "$tmp/grown")
study "$tmp/more.yaml" "$tmp/grown" >/dev/null
cp -r "$tmp/fresh" "$tmp/copy"
before=$want want=$(dump "$tmp/copy")
same "$tmp/grown" && [ "$new" -lt 100 ]
check "one more seed does only new work and ends as a study from nothing" $?
want=$before
rm -rf "$tmp/copy" "$tmp/grown" "$tmp/fresh"
sed 's/lr: 1e-2/lr: 2e-2/' "$tmp/s.yaml" >"$tmp/lr.yaml"
[ "$(done_by "$tmp/lr.yaml" "$tmp/a")" -gt 60 ] && [ "$(done_by "$tmp/lr.yaml" "$tmp/a")" -lt "$all" ]
check "a changed setting is done again, with what builds on it, and nothing else" $?
sed 's/^test_examples: 20/test_examples: 16/' "$tmp/s.yaml" >"$tmp/test.yaml"
cp -r "$tmp/a" "$tmp/t"
"$tacit" study "$tmp/test.yaml" --out "$tmp/t" --status >"$tmp/out"
[ "$(awk '$1 == "make" && $2 != "full" && $2 != "lean" { left += $4 - $3 } $1 == "score" { scored = $2 } END { print left + 0, scored + 0 }' "$tmp/out")" = "0 0" ]
check "another test set scores again, and trains nothing but what it does not keep" $?
[ "$("$tacit" study "$tmp/s.yaml" --out "$tmp/a" --status --no-share | tail -1 | awk '{ print $1 }')" = 0 ] &&
    [ "$("$tacit" study "$tmp/s.yaml" --out "$tmp/a" --status --isa portable | tail -1 | awk '{ print $1 }')" = "$all" ]
check "what changes the order of sums is another study, an instruction set is not" $?
cp -r "$tmp/a" "$tmp/c" && study "$tmp/lr.yaml" "$tmp/c" >/dev/null && study "$tmp/s.yaml" "$tmp/c" >/dev/null && same "$tmp/c"
check "there and back again ends as before" $?

# ---- crashes ----
small='methods: {prompt: {epochs: 2, batch: 6, lr: 1e-2}}
controls: {drift: true}
reading: {neighbors: 2}'
spec "$tmp/small.yaml" "$PWD/demo/task.yaml" 1 "$small"
study "$tmp/small.yaml" "$tmp/d" --jobs 1 --threads 1 >/dev/null
cp -r "$tmp/d" "$tmp/copy"
want=$(dump "$tmp/copy")
for kind in pwrite fdatasync unlink write rename; do
    wrong=0 at=0
    while at=$((at + ${STEP:-1})); [ $at -lt 5000 ]; do
        rm -rf "$tmp/k"
        LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=$kind:$at study "$tmp/small.yaml" "$tmp/k" --jobs 1 --threads 1 >/dev/null 2>&1
        [ $? = 137 ] || break
        if study "$tmp/small.yaml" "$tmp/k" --jobs 1 --threads 1 >/dev/null 2>"$tmp/err" && same "$tmp/k"; then continue; fi
        wrong=$((wrong + 1))
        echo "# after $kind $at"
        sed 's/^/# /' "$tmp/err"
    done
    [ $at -gt 3 ] || wrong=1
    check "a crash at any of $((at - 1)) calls of $kind changes nothing" $wrong
done
cp -r "$tmp/a" "$tmp/copy2"
want=$(dump "$tmp/copy2")
rm -rf "$tmp/k"
for delay in 0.1 0.2 0.3 0.2 0.4; do
    "$tacit" study "$tmp/s.yaml" --out "$tmp/k" --quiet >/dev/null 2>&1 &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
study "$tmp/s.yaml" "$tmp/k" >/dev/null && same "$tmp/k"
check "five kills change nothing" $?
wrong=0
for at in 40 120 240; do
    rm -rf "$tmp/i"
    LD_PRELOAD="$BUILD/crash.so" TACIT_INTERRUPT=1 TACIT_CRASH_AT=pwrite:$at study "$tmp/s.yaml" "$tmp/i" >/dev/null 2>&1
    is $? 130 && study "$tmp/s.yaml" "$tmp/i" >/dev/null && same "$tmp/i" || wrong=1
done
check "Ctrl-C stops with 130, and the same command goes on" $wrong

# ---- refusals ----
refuses() { # NAME TEXT COMMAND...
    local out status
    out=$("${@:3}" 2>&1 >/dev/null)
    status=$?
    if [ $status = 2 ] && [[ $out == *"$2"* ]] && [ "$(wc -l <<<"$out")" = 1 ]; then
        check "$1" 0
    else
        echo "# status $status: $out"
        check "$1" 1
    fi
}
(exec 9>"$tmp/a/.lock"; flock 9; touch "$tmp/held"; exec sleep 60) &
holder=$!
while [ ! -e "$tmp/held" ]; do sleep 0.05; done
refuses "a second process is told" "another process works on this study" "$tacit" study "$tmp/s.yaml" --out "$tmp/a"
kill $holder
line() { sed "$1" "$tmp/s.yaml" >"$tmp/bad.yaml"; }
line 's/^tokens: 4/tokens: none/'
refuses "a number that is none" "bad.yaml:6: key 'tokens': expected an integer from 1 to 4096, found 'none'" study "$tmp/bad.yaml" "$tmp/x"
line 's/^tokens: 4/token: 4/'
refuses "an unknown key" "bad.yaml:6: unknown key 'token' (known: name," study "$tmp/bad.yaml" "$tmp/x"
line 's/^tokens: 4//'
refuses "no number of tokens" "key 'tokens' is missing" study "$tmp/bad.yaml" "$tmp/x"
line 's/lr: 1e-2/lr: fast/'
refuses "a method's wrong setting" "key 'lr': expected a number from 0 to" study "$tmp/bad.yaml" "$tmp/x"
line 's/method: prompt, tokens: 2/method: promptly/'
refuses "a method that is none" "bad.yaml:15: key 'short': method 'promptly' is not one of" study "$tmp/bad.yaml" "$tmp/x"
line 's/short: {method: prompt, tokens: 2/other: {tokens: 2/'
refuses "a method's name that is none" "bad.yaml:15: key 'other': method 'other' is not one of" study "$tmp/bad.yaml" "$tmp/x"
line 's/method: full, optimizer/method: full, tokens: 3, optimizer/'
refuses "tokens of a method that has none" "bad.yaml:16: key 'tokens': method 'full' has none" study "$tmp/bad.yaml" "$tmp/x"
line 's/short:/shuffled:/'
refuses "a method with the name of a control" "bad.yaml:15: key 'methods': 'shuffled' is something else" study "$tmp/bad.yaml" "$tmp/x"
line 's/short:/..\/short:/'
refuses "a method's name that is a path" "bad.yaml:15: key 'methods': expected a name" study "$tmp/bad.yaml" "$tmp/x"
line 's/init: vocab/init: "adapter:there"/'
refuses "a method that starts from an adapter" "bad.yaml:15: key 'init': a study's methods do not start from adapters" study "$tmp/bad.yaml" "$tmp/x"
line 's/init: vocab/init: ones/'
refuses "an init that is none" "bad.yaml:15: key 'init': expected one of description," study "$tmp/bad.yaml" "$tmp/x"
line 's/  prompt: {epochs: 3/  prompt: {tokens: 3/'
refuses "other tokens of prompts" "bad.yaml:13: unknown key 'tokens'" study "$tmp/bad.yaml" "$tmp/x"
line 's/forgetting: {/forgetting: {file: nowhere.txt, /'
refuses "no file of texts" "nowhere.txt" study "$tmp/bad.yaml" "$tmp/x"
: >"$tmp/empty.txt"
line 's/forgetting: {/forgetting: {file: empty.txt, /'
refuses "a file without texts" "empty.txt: has no text of two tokens" study "$tmp/bad.yaml" "$tmp/x"
line "s|, $tmp/other.yaml||"
refuses "one task without other texts" "key 'forgetting': one task has no other task's inputs" study "$tmp/bad.yaml" "$tmp/x"
line 's/texts: 6, tokens: 12/tokens: 1/'
refuses "texts of one token" "key 'tokens': expected an integer from 2 to 4096, found '1'" study "$tmp/bad.yaml" "$tmp/x"
line "s|, $tmp/other.yaml|, $PWD/demo/task.yaml|"
refuses "a task that comes twice" "task '$name' comes twice" study "$tmp/bad.yaml" "$tmp/x"
line 's/, [^,]*other.yaml/, nowhere/'
refuses "an unknown task" "nowhere" study "$tmp/bad.yaml" "$tmp/x"
line "s|^model: .*|model: $tmp/none|"
refuses "no such model" "$tmp/none" study "$tmp/bad.yaml" "$tmp/x"
line 's/^test: validation/holdout: 12/'
refuses "no example left to train on" "key 'holdout': task '$name' has 12 training examples, 12 are to be held out" study "$tmp/bad.yaml" "$tmp/x"
line 's/^test: validation/test: holdout/'
refuses "no such split" "holdout" study "$tmp/bad.yaml" "$tmp/x"
line "s|^wordings: .*||"
refuses "paraphrases without wordings" "needs the key 'wordings'" study "$tmp/bad.yaml" "$tmp/x"
line 's/weights: \[0, 1\]/weights: [heavy]/'
refuses "a weight that is no number" "key 'weights': expected" study "$tmp/bad.yaml" "$tmp/x"
line 's/neighbors: 3/frame: "nothing"/'
refuses "a frame without a placeholder" "key 'frame': expected a text with a '?'" study "$tmp/bad.yaml" "$tmp/x"
[ ! -e "$tmp/x" ]
check "none of them left anything" $?
mkdir "$tmp/y" && echo "no database" >"$tmp/y/study.db"
refuses "a store that is no database" "study.db" study "$tmp/s.yaml" "$tmp/y"
refuses "no study file" "missing.yaml" study "$tmp/missing.yaml" "$tmp/x"
refuses "no folder" "option '--out' is needed" "$tacit" study "$tmp/s.yaml"

# ---- several models ----
mkdir "$tmp/models"
models=()
for family in llama gpt2 gpt_neox; do
    width=32 && [ $family = gpt2 ] && width=48
    "$tacit" init-model --family $family --layers 2 --width $width --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/models/$family" --quiet
    models+=("models/$family")
done
several() { # FILE MODELS [LINE]...
    spec "$1" "$PWD/demo/task.yaml, $tmp/other.yaml" 2 'methods: {prompt: {epochs: 1, batch: 4, lr: 1e-2}, lora: {method: "lora:r=1", epochs: 1, batch: 4}}
controls: {random: 1}
transfer: true'
    sed -i "s|^model: .*|models: [$2]|" "$1"
    printf '%s\n' "${@:3}" >>"$1"
}
several "$tmp/three.yaml" "models/llama, models/gpt2, models/gpt_neox"
"$tacit" study "$tmp/three.yaml" --out "$tmp/three" --plan >"$tmp/out"
check "--plan: each model, and that transfer is within one" "$([ ! -e "$tmp/three" ] && [ "$(grep -c '^to do: ' "$tmp/out")" = 3 ] &&
    grep -q '^== .*/models/gpt_neox$' "$tmp/out" && grep -q "within each model: a prompt is rows of its model's embedding" "$tmp/out"; echo $?)"
LD_PRELOAD="$BUILD/crash.so" TACIT_CRASH_AT=rename:40 "$tacit" study "$tmp/three.yaml" --out "$tmp/three" --quiet >/dev/null 2>&1
[ $? = 137 ] && "$tacit" study "$tmp/three.yaml" --out "$tmp/three" --quiet >"$tmp/out"
check "a study of three families, after a crash" $?
check "claims of each model" "$([ "$(sqlite3 "$tmp/three/study.db" "SELECT count(DISTINCT substr(id, 1, instr(id, '/'))) FROM claim")" = 3 ] &&
    [ "$(grep -c "^claim " "$tmp/out")" = 3 ]; echo $?)"
for t in accuracy runs seeds reading transfer similarity wins; do
    for family in llama gpt2 gpt_neox; do
        [ "$(sqlite3 "$tmp/three/study.db" "SELECT json_group_array(json('[' || substr(value, instr(value, ',') + 1)))
            FROM result, json_each(rows) WHERE name = '${t}_by_model' AND json_extract(value, '\$[0]') = '$family'")" = \
            "$(sqlite3 "$tmp/three/$family/study.db" "SELECT json_group_array(json(value)) FROM result, json_each(rows) WHERE name = '$t'")" ] || echo "$t $family"
    done
done >"$tmp/out"
check "tables by model are the models' own, row by row" "$([ ! -s "$tmp/out" ]; echo $?)"
[ "$(sqlite3 "$tmp/three/study.db" "SELECT rows FROM result WHERE name = 'across'")" = "[[\"llama\",\"gpt2\",\"a prompt is rows of its model's embedding: 32 wide and 48\"],[\"llama\",\"gpt_neox\",\"other families, llama and gpt_neox: rows of another embedding mean nothing\"],[\"gpt2\",\"gpt_neox\",\"a prompt is rows of its model's embedding: 48 wide and 32\"]]" ]
check "between models nothing is run, and why" $?
[ "$(sqlite3 "$tmp/three/study.db" "SELECT value FROM meta WHERE key = 'name'")" = test ]
check "... and its name is the file's" $?
"$tacit" report "$tmp/three" --quiet >/dev/null && [ -s "$tmp/three/tables/transfer_by_model.tsv" ] && "$tacit" report "$tmp/three/gpt2" --quiet >/dev/null &&
    [ -s "$tmp/three/gpt2/figures/transfer.svg" ]
check "a report of all, and of each" $?
wrong() { # NAME TEXT COMMAND...
    "${@:3}" >/dev/null 2>"$tmp/err"
    check "refused: $1" "$([ $? = 2 ] && grep -qF -- "$2" "$tmp/err" && [ "$(wc -l <"$tmp/err")" = 1 ]; echo $?)"
}
wrong "one model in the folder of several" "holds a study of several models: give the study another folder" \
    "$tacit" study "$tmp/three.yaml" --model "$tmp/models/llama" --out "$tmp/three" --quiet
wrong "several in the folder of one" "holds a study: give the study of several models another folder" \
    "$tacit" study "$tmp/three.yaml" --out "$tmp/three/llama" --quiet
several "$tmp/two.yaml" "models/llama, $tmp/m/../models/llama"
wrong "two models of one name" "two.yaml:2: key 'models': two are called 'llama'" "$tacit" study "$tmp/two.yaml" --out "$tmp/two" --quiet
several "$tmp/two.yaml" "models/llama" "model: $tmp/m"
wrong "model beside models" "key 'models': beside 'model', expected one of both" "$tacit" study "$tmp/two.yaml" --out "$tmp/two" --quiet
several "$tmp/two.yaml" "models/llama, models/none"
wrong "a last model that is not there, before the first is worked on" "models/none" "$tacit" study "$tmp/two.yaml" --out "$tmp/two" --quiet
check "and nothing is left" "$([ ! -e "$tmp/two" ]; echo $?)"
echo "1..$n"
exit $bad
