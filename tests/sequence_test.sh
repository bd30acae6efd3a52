#!/bin/bash
# What a tokenizer puts before a text (<s>) and how texts follow each other, as a user of the program meets it. The tokenizer is
# SentencePiece-like (tests/golden/tokenizer/llama2.json); the model is any.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
tokenizer=tests/golden/tokenizer/llama2.json
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.4 --tokenizer $tokenizer --out "$tmp/m" --quiet
ids() { printf %s "$1" | "$tacit" tokenize --tokenizer $tokenizer "${@:2}" | tr -d '\n' | tr ' ' ','; }
score() { "$tacit" score --model "$tmp/m" --threads 1 --quiet "$@"; }
same() { [ -s "$1" ] && cmp -s "$1" "$2"; }

the=$(ids "The dog") say=$(ids "Say it.")
# " is" behind a text: without the mark of a text that begins, " " "is" would be "▁▁is".
is=$(ids "The dog is") && is=${is#"$the",}
[ "$(ids "The dog" --special)" = "1,$the" ] && [ "$(ids "" --special)" = 1 ] && [ "$(ids " is")" != "$is" ]
check "tokenize --special" $?
[ "$(echo "$the" | tr ',' ' ' | "$tacit" tokenize --decode --tokenizer $tokenizer)" = "The dog" ]
check "tokenize --decode" $?

# ---- score ----
{
    echo '{"text": "The dog is"}'
    echo '{"text": "The dog", "target": " is"}'
    echo '{"before": "The dog", "text": " is", "target": " is"}'
    echo '{"target": "The dog"}'
} >"$tmp/words"
{
    echo "{\"ids\": [1], \"target_ids\": [$the,$is]}"
    echo "{\"ids\": [1,$the], \"target_ids\": [$is]}"
    echo "{\"ids\": [1,$the,$is], \"target_ids\": [$is]}"
    echo "{\"ids\": [1], \"target_ids\": [$the]}"
} >"$tmp/ids"
score "$tmp/words" >"$tmp/a" && score "$tmp/ids" >"$tmp/b" && same "$tmp/a" "$tmp/b"
check "scored texts begin with <s>, which is no target" $?
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 8 --steps 2 --tokens 2 --no-eval --threads 1 --quiet \
    --out "$tmp/p" >/dev/null
score --adapter "$tmp/p" "$tmp/words" >"$tmp/a" && score --adapter "$tmp/p" "$tmp/ids" | head -n 1 >"$tmp/b" &&
    head -n 1 "$tmp/a" | cmp -s - "$tmp/b"
check "a trained prompt stands before <s>, as in PEFT" $?
echo '{"text": "The dog", "target": " is"}' | score --prompt "Say it." >"$tmp/a" &&
    echo "{\"ids\": [1,$say,$the], \"target_ids\": [$is]}" | score >"$tmp/b" && same "$tmp/a" "$tmp/b"
check "a prompt in words stands behind it" $?

# ---- generate ----
generate() { "$tacit" generate --model "$tmp/m" --threads 1 --quiet --max-tokens 12 --temperature 5 --seed 20 "$@"; }
generate "The dog" --json >"$tmp/json" && generate "The dog" >"$tmp/text" && generate --ids "1 ${the//,/ }" >"$tmp/out"
[ "$(sed 's/.*"ids": \[\([^]]*\)\].*/\1/; s/,//g' "$tmp/json")" = "$(cat "$tmp/out")" ]
check "a text that is continued begins with <s>" $?
[ "$(head -c 1 "$tmp/text")" = " " ] && [ "$(generate "" --seed 12 | head -c 3)" = "---" ] # ▁---
check "a continuation begins with its space, a text does not" $?
# All that is written, decoded with the text before it, ends with what came out.
all=$(echo "${the//,/ } $(cat "$tmp/out")" | "$tacit" tokenize --decode --tokenizer $tokenizer | sha256sum)
[ "$( (printf 'The dog'; head -c -1 "$tmp/text") | sha256sum)" = "$all" ]
check "the space between a text and its continuation comes out" $?
grep -qF "{\"text\": \"$(cut -c1-6 "$tmp/text")" "$tmp/json"
check "--json has the same text" $?

# ---- init ----
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 8 --steps 1 --lr 1e-9 --init "text:The dog" --no-eval --threads 1 \
    --quiet --out "$tmp/i" >/dev/null && "$tacit" explain --model "$tmp/m" --quiet --json --adapter "$tmp/i" >"$tmp/explain"
[ "$(grep -o '"init_id": [0-9]*' "$tmp/explain" | cut -d' ' -f2 | paste -sd,)" = "1,$the" ]
check "a prompt that starts from words starts from <s>, as in PEFT" $?
echo "1..$n"
exit $bad
