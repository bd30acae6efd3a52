#!/bin/bash
# A sweep as a user runs it: every combination once, the same store on any number of workers and after kills; numbers that
# tacit eval finds too; diverged runs as results; drawn combinations; the refusals of wrong input.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
is() { [ "$1" = "$2" ] || { echo "# found '$1', expected '$2'"; return 1; }; }
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
name=$(sed -n 's/^name: //p' demo/task.yaml)
sed 's/^name: .*/name: other/; s/^description: .*/description: "Is it so or not?"/' demo/task.yaml >"$tmp/other.yaml"
spec() { # FILE SWEEP [MORE]
    cat >"$1" <<END
name: test
model: $tmp/m
data: $PWD/demo
tasks: [$PWD/demo/task.yaml, $tmp/other.yaml]
tokens: 4
train_examples: 16
holdout: 6
test_examples: 20
test: validation
methods:
  prompt: {epochs: 2, batch: 5}
  short: {method: prompt, tokens: 3, init: vocab, epochs: 1, batch: 5}
  full: {epochs: 1, batch: 5}
sweep: $2
${3:-}
END
}
sweep() { # FILE OUT [OPTION]...
    "$tacit" sweep "$1" --out "$2" --quiet "${@:3}"
}
# All that a store holds, times, the number of workers and what their threads need aside.
dump() {
    sqlite3 "$1/study.db" "UPDATE unit SET seconds = 0, result = json_remove(result, '\$.seconds', '\$.memory');
        UPDATE meta SET value = '' WHERE key = 'workers'; UPDATE result SET rows = ''" && sqlite3 "$1/study.db" .dump | sha256sum
}
same() { # OUT
    cp -r "$1" "$tmp/look" && is "$(dump "$tmp/look")" "$want"
    local s=$?
    rm -rf "$tmp/look"
    return $s
}
rows() { # OUT TABLE COLUMNS [WHERE]: a line a row
    sqlite3 "$1/study.db" "SELECT $3 FROM result, json_each(rows) WHERE name = '$2' AND ${4:-1}"
}

# ---- a grid ----
spec "$tmp/s.yaml" '{method: [full, prompt, short], lr: [1e-3, 0.01], tokens: [2, 4], optimizer: adamw, clip: 0, seeds: 2}'
"$tacit" sweep "$tmp/s.yaml" --out "$tmp/a" --plan --json >"$tmp/out"
check "--plan says what there is to do and writes nothing" "$([ ! -e "$tmp/a" ] &&
    grep -q '^{"units": 40, "jobs": [0-9]*, "seconds": [0-9.e-]*, "memory_bytes": [0-9]*}$' "$tmp/out"; echo $?)"
sweep "$tmp/s.yaml" "$tmp/a" --jobs 1 --threads 1 >"$tmp/out"
check "a sweep runs" $?
cp -r "$tmp/a" "$tmp/copy"
want=$(dump "$tmp/copy")
sweep "$tmp/s.yaml" "$tmp/b" --jobs 3 >/dev/null && same "$tmp/b"
check "three workers leave the same store" $?
rows "$tmp/a" sweep "group_concat(value ->> 2, ' ')" "value ->> 0 = 'other'" >"$tmp/names"
is "$(cat "$tmp/names")" "full,lr=0.001,optimizer=adamw,clip=0 full,lr=0.01,optimizer=adamw,clip=0 $(for m in prompt short; do
    for t in 2 4; do for lr in 0.001 0.01; do printf '%s,tokens=%s,lr=%s,optimizer=adamw,clip=0 ' $m $t $lr; done; done; done | sed 's/ $//')"
check "every combination once: a method without tokens does not vary in them" $?
is "$(rows "$tmp/a" sweep "value ->> 1, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7" \
    "value ->> 0 = 'other' AND value ->> 2 LIKE '%,lr=0.01%' AND value ->> 2 NOT LIKE '%tokens=4%'")" \
    "full|0.01|||optimizer=adamw, clip=0|2
prompt|0.01|2.0|description|optimizer=adamw, clip=0|2
short|0.01|2.0|vocab|optimizer=adamw, clip=0|2"
check "rows say what was set" $?
mkdir "$tmp/held"
sed -n 11,16p demo/train.jsonl >"$tmp/held/val.jsonl"
evaluate() { # DATA RUN FIELD
    "$tacit" eval --model "$tmp/m" --task "$PWD/demo/task.yaml" --data "$1" --limit 20 --adapter "$tmp/a/runs/$name/$2" --quiet --json >"$tmp/eval"
    sqlite3 :memory: "SELECT readfile('$tmp/eval') ->> '$.rows[0].$3'"
}
config="short,tokens=4,lr=0.01,optimizer=adamw,clip=0"
made() { sqlite3 "$tmp/a/study.db" "SELECT result ->> '$.validation.$2' FROM unit WHERE key = 'make:$name/$config/$1'"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && (a - b) ^ 2 <= 1e-16 * b * b) }'; }
for r in 1 2; do
    near "$(evaluate demo "$config/$r" acc)" "$(sqlite3 "$tmp/a/study.db" "SELECT accuracy FROM score WHERE prompt = '$name/$config/$r'")" &&
        near "$(evaluate "$tmp/held" "$config/$r" loss)" "$(made $r loss)" && near "$(evaluate "$tmp/held" "$config/$r" acc)" "$(made $r accuracy)" || echo $r
done >"$tmp/out"
check "validation and accuracy are what tacit eval finds" "$([ ! -s "$tmp/out" ]; echo $?)"
sqlite3 "$tmp/a/study.db" "WITH s AS (SELECT value v FROM result, json_each(rows) WHERE name = 'sweep'),
    b AS (SELECT value v FROM result, json_each(rows) WHERE name = 'sweep_best')
    SELECT count(*), sum((b.v ->> 8) = (SELECT max(s.v ->> 9) FROM s WHERE (s.v ->> 0) = (b.v ->> 0) AND (s.v ->> 1) = (b.v ->> 1)) AND
        (b.v ->> 9) = (SELECT s.v ->> 11 FROM s WHERE (s.v ->> 0) = (b.v ->> 0) AND (s.v ->> 2) = (b.v ->> 2))), sum(b.v ->> 13)
    FROM b WHERE (b.v ->> 0) != 'all'" >"$tmp/out"
is "$(cat "$tmp/out")" "6|6|20"
check "the best by validation, with its accuracy on the split that is reported" $?
sweep "$tmp/s.yaml" "$tmp/a" --json >"$tmp/out" && [ "$(sqlite3 :memory: "SELECT json_array_length(readfile('$tmp/out'), '\$.best')")" = 9 ]
check "--json prints the best" $?
"$tacit" sweep "$tmp/s.yaml" --out "$tmp/a" --status | tail -1 >"$tmp/out"
is "$(tr -s ' ' <"$tmp/out")" " 40 40"
check "--status: everything is done" $?
rm -rf "$tmp/a/runs"
[ "$("$tacit" sweep "$tmp/s.yaml" --out "$tmp/a" --plan --json | grep -o '"units": [0-9]*')" = '"units": 0' ]
check "what was judged needs no adapter any more" $?
sed 's/lr: \[1e-3, 0.01\]/lr: [0.001, 0.01, 0.02]/' "$tmp/s.yaml" >"$tmp/more.yaml"
[ "$("$tacit" sweep "$tmp/more.yaml" --out "$tmp/a" --plan --json | grep -o '"units": [0-9]*')" = '"units": 20' ]
check "one more value is new work alone" $?
"$tacit" report "$tmp/a" >"$tmp/out" && grep -q "with 2 figures" "$tmp/out"
check "a sweep has a report" $?
for delay in 0.1 0.2 0.1 0.3; do
    "$tacit" sweep "$tmp/s.yaml" --out "$tmp/k" --quiet >/dev/null 2>&1 &
    sleep $delay
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
done
sweep "$tmp/s.yaml" "$tmp/k" >/dev/null && same "$tmp/k"
check "four kills change nothing" $?

# ---- runs that diverge ----
# Without eps the update of what has no gradient is 0 / 0; a thousandfold decay makes the next result overflow.
spec "$tmp/d.yaml" '{method: full, lr: 1e-3, eps: [0, 1e-8], weight_decay: [1e6, 0], epochs: 8, seeds: 2}'
sweep "$tmp/d.yaml" "$tmp/d" --jobs 1 --threads 1 >"$tmp/out" 2>&1
check "a run that diverges does not stop a sweep" $?
is "$(rows "$tmp/d" sweep "value ->> 2, value ->> 7, value ->> 8, value ->> 9 IS NULL, value ->> 11 IS NULL" "value ->> 0 = 'other'")" \
    "full,epochs=8,lr=0.001,eps=0,weight_decay=1e+06|2|2|1|1
full,epochs=8,lr=0.001,eps=0,weight_decay=0|2|1|0|0
full,epochs=8,lr=0.001,eps=1e-08,weight_decay=1e+06|2|2|1|1
full,epochs=8,lr=0.001,eps=1e-08,weight_decay=0|2|0|0|0" &&
    [ "$(rows "$tmp/d" sweep_best "value ->> 14" "value ->> 0 = 'all'")" = 3 ]
check "it is a result" $?
spec "$tmp/d2.yaml" '{method: full, lr: 1e-3, eps: 1e-8, weight_decay: 0, epochs: 8, seeds: 2}'
sweep "$tmp/d2.yaml" "$tmp/d2" --jobs 1 --threads 1 >/dev/null
is "$(rows "$tmp/d2" sweep "json_remove(value, '\$[15]')")" \
    "$(rows "$tmp/d" sweep "json_remove(value, '\$[15]')" "value ->> 2 LIKE '%eps=1e-08,weight_decay=0'")"
check "those after it are as without it" $?

# ---- drawn ----
draws() { # RUNS: the names
    spec "$tmp/r.yaml" "{draw: random, runs: $1, seed: 3, lr: {low: 1e-4, high: 1}, tokens: [1, 2, 3], init: [vocab, \"text:a/b c\"]}"
    "$tacit" sweep "$tmp/r.yaml" --out "$tmp/r" --status | awk '$1 == "make" { print $2 }'
}
draws 12 >"$tmp/12" && draws 20 >"$tmp/20"
[ "$(sort -u "$tmp/20" | wc -l)" = 20 ] && cmp -s "$tmp/12" <(head -12 "$tmp/20")
check "more draws begin with the fewer" $?
grep -oE 'lr=[0-9.e-]+' "$tmp/20" | cut -c4- | awk '$1 < 1e-4 || $1 > 1 { bad = 1 } $1 < 1e-2 { low++ } END { exit bad || low < 5 || low > 15 }' &&
    [ "$(grep -c 'init=text:a_b_c,.*-[0-9a-f]\{8\}$' "$tmp/20")" -gt 3 ] && [ "$(grep -c 'init=vocab,tokens=[123],lr=[0-9.e-]*$' "$tmp/20")" -gt 3 ]
check "drawn numbers are even in their logarithm, names fit folders" $?

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
wrong() { # NAME TEXT SWEEP [MORE]
    spec "$tmp/bad.yaml" "$3" "${4:-}"
    refuses "$1" "$2" sweep "$tmp/bad.yaml" "$tmp/x"
}
wrong "an unknown setting" "bad.yaml:14: unknown key 'rate' (known: draw, runs, seed, seeds, init, method, tokens," '{rate: [1]}'
wrong "an unknown way to draw" "bad.yaml:14: key 'draw': expected grid or random, found 'some'" '{draw: some}'
wrong "runs of a grid" "key 'runs': belongs to 'draw: random'" '{runs: 3}'
wrong "draws without a number" "key 'runs': belongs to 'draw: random', which needs it" '{draw: random, lr: [1, 2]}'
wrong "more draws than there are" "bad.yaml:14: key 'runs': 7, but only 6 combinations were found" '{draw: random, runs: 7, lr: [1, 2], tokens: [1, 2, 3]}'
wrong "a range in a grid" "bad.yaml:14: key 'lr': a range needs 'draw: random'" '{lr: {low: 1, high: 2}}'
wrong "a range of whole numbers" "key 'tokens': expected a list of values" '{draw: random, runs: 2, tokens: {low: 1, high: 2}}'
wrong "a range from 0" "key 'lr': expected 0 < low <= high" '{draw: random, runs: 2, lr: {low: 0, high: 2}}'
wrong "a value that is none" "bad.yaml:14: key 'lr': expected a number from 0 to" '{lr: [1, fast]}'
wrong "a list of lists" "bad.yaml:14: key 'lr': expected a value, or a list of them" '{lr: [[1]]}'
wrong "an empty list" "key 'lr': expected 1 to 512 values" '{lr: []}'
wrong "a method that is none" "bad.yaml:14: method 'promptly' is not one of" '{method: [prompt, promptly]}'
list=$(seq -s, 1 25)
wrong "too many" "key 'sweep': more than 512 combinations" "{tokens: [$list], epochs: [$list]}"
sed '/^sweep/d' "$tmp/s.yaml" >"$tmp/none.yaml"
refuses "no sweep" "none.yaml: key 'sweep' is missing" sweep "$tmp/none.yaml" "$tmp/x"
sed '/^holdout/d' "$tmp/s.yaml" >"$tmp/none.yaml"
refuses "reporting what chooses" "key 'test': a sweep chooses by the validation split, and cannot report it too" sweep "$tmp/none.yaml" "$tmp/x"
sed '/^  validation:/d' demo/task.yaml >"$tmp/task.yaml"
sed "/^holdout/d; s/^test: .*/test: train/; s|$PWD/demo/task.yaml|$tmp/task.yaml|" "$tmp/s.yaml" >"$tmp/none.yaml"
refuses "no split to choose by" "task '$name' has no validation split to choose by" sweep "$tmp/none.yaml" "$tmp/x"
[ ! -e "$tmp/x" ]
check "none of them left anything" $?
refuses "a study into a sweep's folder" "holds a sweep: give the study another folder" "$tacit" study "$tmp/s.yaml" --out "$tmp/a" --quiet
sed '/^sweep/d; s/^methods:/seeds: 1\nmethods:/' "$tmp/s.yaml" >"$tmp/study.yaml"
"$tacit" study "$tmp/study.yaml" --out "$tmp/st" --quiet >/dev/null
refuses "a sweep into a study's folder" "holds a study: give the sweep another folder" sweep "$tmp/s.yaml" "$tmp/st"
sqlite3 "$tmp/st/study.db" "DELETE FROM meta WHERE key = 'command'"
refuses "... of before there were sweeps" "holds a study: give the sweep another folder" sweep "$tmp/s.yaml" "$tmp/st"
echo "1..$n"
exit $bad
