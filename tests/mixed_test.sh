#!/bin/bash
# Lines under different adapters in one run of tacit score: the bytes of separate runs, in any order of lines, on any
# threads; what is wrong with a line's or an option's name. And tacit generate under every kind of adapter: the tokens and
# log-probabilities that tacit score gives without a cache.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
same() { [ -s "$1" ] && cmp -s "$1" "$2"; }

# ---- adapters trained here, and those of PEFT on the golden model ----
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.4 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
mkdir "$tmp/own" "$tmp/golden"
for method in prompt prefix lora:r=2,targets=all-linear ia3; do
    "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 12 --tokens 4 --epochs 2 --lr 0.1 --method $method \
        --no-eval --threads 1 --quiet --out "$tmp/own/${method%%:*}" >/dev/null
done
cp -r "$tmp/own/prompt" "$tmp/own/end"
sed -i 's/"task_type"/"tacit_place": "end",\n  "task_type"/' "$tmp/own/end/adapter_config.json"
for name in prefix prefix-mlp lora lora-rs lora-patterns ia3 ptuning; do
    cp -r tests/golden/methods/$name "$tmp/golden/$name"
done
cp -r tests/golden/base-f32/peft-adapter "$tmp/golden/prompt"

# Lines for the adapters of a folder and for none, among them texts that begin alike: ADAPTERS FIRST-ID
lines() {
    awk -v names="$1" -v id="$2" 'BEGIN {
        n = split(names, name, " ")
        for (i = 0; i < 7 * (n + 1); i++) {
            k = i * 5 % (n + 1) + 1
            printf "{\"adapter\": %s, \"ids\": [", (k > n ? "null" : "\"" name[k] "\"")
            for (j = 0; j < 10 + i % 4; j++) printf "%d, ", id + (j < 9 ? j * j % 13 : i * j % 17)
            printf "%d], \"target_ids\": [%d", id + 1, id + i % 7
            if (i % 3) printf ", %d", id + i % 5
            print "]}"
        }
    }'
}
mix() { # MODEL FOLDER FILE [OPTION]...: the file in one run
    local given=() d
    for d in "$2"/*/; do given+=(--adapter "$(basename "$d")=${d%/}"); done
    "$tacit" score --model "$1" --quiet "${given[@]}" "${@:4}" "$3"
}
apart() { # MODEL FOLDER FILE [OPTION]...: each adapter's lines in a run of their own; the results in the file's order
    local d name option
    for d in "$2"/*/ none; do
        name=\"$(basename "$d")\" option=(--adapter "$d")
        [ "$d" != none ] || name=null option=()
        grep -nF "{\"adapter\": $name," "$3" >"$tmp/these"
        sed 's/^[0-9]*://; s/"adapter": [^,]*, //' "$tmp/these" | "$tacit" score --model "$1" --threads 1 --quiet "${option[@]}" "${@:4}" |
            paste -d' ' <(cut -d: -f1 "$tmp/these") -
    done | sort -n | cut -d' ' -f2-
}
for set in own golden; do
    model=$tmp/m id=40
    [ $set = own ] || model=tests/golden/base-f32 id=3
    names=$(cd "$tmp/$set" && echo *)
    lines "$names" $id >"$tmp/in"
    apart "$model" "$tmp/$set" "$tmp/in" >"$tmp/want"
    [ "$(wc -l <"$tmp/want")" = "$(wc -l <"$tmp/in")" ] && [ "$(sort -u "$tmp/want" | wc -l)" -gt 30 ]
    check "$set: separate runs under $names and none" $?
    mix "$model" "$tmp/$set" "$tmp/in" --threads 1 >"$tmp/got"
    same "$tmp/want" "$tmp/got"
    check "$set: one run of all gives their bytes" $?
    for options in "--threads 2" "--threads 1 --isa portable" "--threads 1 --no-share"; do
        read -ra option <<<"$options"
        mix "$model" "$tmp/$set" "$tmp/in" "${option[@]}" >"$tmp/got"
        same "$tmp/want" "$tmp/got"
        check "$set: and with $options" $?
    done
    tac "$tmp/in" >"$tmp/back"
    mix "$model" "$tmp/$set" "$tmp/back" --threads 1 | tac >"$tmp/got"
    same "$tmp/want" "$tmp/got"
    check "$set: and from the last line to the first" $?
    sort "$tmp/in" >"$tmp/sorted"
    mix "$model" "$tmp/$set" "$tmp/sorted" --threads 1 | sort >"$tmp/got"
    sort "$tmp/want" | same "$tmp/got" -
    check "$set: and adapter by adapter" $?
    # Under another adapter's name a line has other numbers.
    sed 's/"adapter": "ia3"/"adapter": "lora"/' "$tmp/in" >"$tmp/swapped"
    mix "$model" "$tmp/$set" "$tmp/swapped" --threads 1 >"$tmp/got"
    [ "$(paste -d'|' "$tmp/want" "$tmp/got" | awk -F'|' '$1 != $2' | wc -l)" = "$(grep -c '"ia3"' "$tmp/in")" ]
    check "$set: a line has the numbers of the adapter that it names" $?
done
lines "$(cd "$tmp/own" && echo *)" 40 >"$tmp/in"
apart "$tmp/m" "$tmp/own" "$tmp/in" --place front >"$tmp/want"
mix "$tmp/m" "$tmp/own" "$tmp/in" --place front --threads 1 >"$tmp/got"
same "$tmp/want" "$tmp/got" && ! mix "$tmp/m" "$tmp/own" "$tmp/in" --threads 1 | cmp -s "$tmp/want" -
check "--place is that of all" $?
"$tacit" score --model "$tmp/m" --quiet --threads 1 --adapter only="$tmp/own/lora" <<<'{"adapter": "only", "ids": [40, 41, 42]}' >"$tmp/got"
"$tacit" score --model "$tmp/m" --quiet --threads 1 --adapter "$tmp/own/lora" <<<'{"ids": [40, 41, 42]}' | same "$tmp/got" -
check "one adapter may have a name too" $?
mkdir "$tmp/a=b" && cp "$tmp/own/lora"/adapter_* "$tmp/a=b"
"$tacit" score --model "$tmp/m" --quiet --threads 1 --adapter "$tmp/a=b" <<<'{"ids": [40, 41, 42]}' | same "$tmp/got" -
check "a folder that is there is no name" $?

# ---- generation ----
context="40 44 49 56 41 43 50" list=40,44,49,56,41,43,50
for name in prompt prefix lora ia3 end none; do
    under=(--adapter "$tmp/own/$name")
    [ $name != none ] || under=()
    "$tacit" generate --model "$tmp/m" --ids --json --threads 1 --max-tokens 8 "${under[@]}" "$context" >"$tmp/out"
    ids=$(grep -o '"ids": \[[^]]*\]' "$tmp/out" | grep -o '[0-9]*' | tr '\n' ' ')
    grep -o '"logprobs": \[[^]]*\]' "$tmp/out" | tr -d '[] ' | cut -d: -f2 | tr ',' '\n' >"$tmp/want"
    # What was written so far stands behind a prompt that stands behind the text.
    before='"ids": ['$list written=
    if [ $name = end ]; then
        before='"before_ids": ['$list'], "ids": [' under+=(--place template)
    fi
    for id in $ids; do
        echo "{$before$written], \"target_ids\": [$id]}"
        written=$written${written:+,}$id
        [ $name = end ] || written=,${written#,}
    done >"$tmp/steps"
    "$tacit" score --model "$tmp/m" --quiet --threads 1 "${under[@]}" "$tmp/steps" >"$tmp/scored"
    grep -o '"logprobs": \[[^]]*\]' "$tmp/scored" | tr -d '[] ' | cut -d: -f2 >"$tmp/got"
    [ "$(wc -l <"$tmp/want")" = 8 ] && same "$tmp/want" "$tmp/got" && [ "$(grep -c '"greedy": true' "$tmp/scored")" = 8 ]
    check "generated under $name: each token is the most probable one, with score's log-probability" $?
    echo "$ids" >>"$tmp/all"
done
[ "$(sort -u "$tmp/all" | wc -l)" -gt 3 ]
check "adapters write different things" $?

# ---- refusals ----
refuses() { # NAME TEXT OPTION...: standard input holds the lines
    local name=$1 text=$2 out status
    shift 2
    out=$("$tacit" score --model "$tmp/m" --quiet --threads 1 "$@" 2>&1 >/dev/null)
    status=$?
    grep -qF -- "$text" <<<"$out" && [ $status = 2 ] && [ "$(wc -l <<<"$out")" = 1 ]
    check "refused: $name" $?
    [ $status = 2 ] || echo "# status $status: $out"
}
a=$tmp/own/lora b=$tmp/own/ia3
refuses "a line without a name" "standard input:2: field 'adapter': found nothing, expected a, b, or null for none" \
    --adapter a="$a" --adapter b="$b" <<<$'{"adapter": "a", "ids": [40, 41]}\n{"ids": [40, 41]}'
refuses "a name that none has" "standard input:1: field 'adapter': found \"c\", expected a, b, or null" \
    --adapter a="$a" --adapter b="$b" <<<'{"adapter": "c", "ids": [40, 41]}'
refuses "a name that is a number" "found 3, expected a, b" --adapter a="$a" --adapter b="$b" <<<'{"adapter": 3, "ids": [40, 41]}'
refuses "a name of two lines, in one" 'found "a\nb", expected a' --adapter a="$a" <<<'{"adapter": "a\nb", "ids": [40, 41]}'
refuses "a name where none was given" "field 'adapter': found \"a\", expected none: no adapter was given a name (--adapter NAME=DIR)" \
    --adapter "$a" <<<'{"adapter": "a", "ids": [40, 41]}'
refuses "two of one name" "option '--adapter': two are called 'a'" --adapter a="$a" --adapter a="$b" <<<'{"adapter": "a", "ids": [40, 41]}'
refuses "several without names" "of several each has a name, NAME=DIR, found '$b'" --adapter a="$a" --adapter "$b" <<<'{}'
refuses "an empty name" "found '=$b'" --adapter a="$a" --adapter "=$b" <<<'{}'
refuses "a long name" "a name of 64 bytes, expected 63 at most" --adapter "$(printf %064d 0)=$a" --adapter b="$b" <<<'{}'
refuses "words beside adapters" "give --adapter or --prompt, not both" --adapter a="$a" --adapter b="$b" --prompt "Say it." <<<'{}'
refuses "an adapter that is not there" "$tmp/none: no such adapter folder" --adapter a="$a" --adapter b="$tmp/none" <<<'{}'
cp -r "$a" "$tmp/bad" && sed -i 's/"r": 2/"r": 3/' "$tmp/bad/adapter_config.json"
refuses "a wrong adapter among right ones" "bad/adapter_model.safetensors: tensor" --adapter a="$a" --adapter b="$tmp/bad" <<<'{}'
refuses "a text alone under a prompt at the end" "standard input:2: the prompt stands before the target (place end)" \
    --adapter a="$a" --adapter e="$tmp/own/end" <<<$'{"adapter": "a", "ids": [40, 41]}\n{"adapter": "e", "ids": [40, 41]}'
many=()
for i in $(seq 65); do many+=(--adapter "n$i=$a"); done
refuses "more adapters than there is room for" "at most 64 adapters" "${many[@]}" <<<'{}'
echo "1..$n"
exit $bad
