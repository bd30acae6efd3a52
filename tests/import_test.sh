#!/bin/bash
# tacit convert of GGUF files and llama2.c checkpoints (tests/golden/gguf): what they are known by, the folders, a BLOOM that
# scores as its original to the last digit, and what is refused: one message, exit status 2, nothing written. The weights and
# tokenizers themselves are compared in tests/test_import.c.
tacit=$TACIT n=0 bad=0 golden=tests/golden/gguf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
convert() { "$tacit" convert --quiet "$@"; }
refuses() { # NAME TEXT CONVERT'S ARGUMENTS...
    local name=$1 text=$2 out status
    shift 2
    out=$(convert "$@" 2>&1)
    status=$?
    n=$((n + 1))
    if [ $status = 2 ] && grep -qF -- "$text" <<<"$out" && [ "$(wc -l <<<"$out")" = 1 ] && ! compgen -G "$tmp/out*" >/dev/null; then
        echo "ok $n - refuses $name"
    else
        echo "not ok $n - refuses $name"
        echo "# status $status, expected '$text' in one line: $out"
        compgen -G "$tmp/out*" | sed 's/^/# left behind: /'
        rm -rf "$tmp"/out*
        bad=1
    fi
}
names() { (cd "$1" && echo *); }

# ---- folders ----
convert $golden/bloom-f16.gguf "$tmp/bloom" && [ "$(names "$tmp/bloom")" = "config.json model.safetensors tokenizer.json tokenizer_config.json" ]
check "a GGUF file becomes a folder" $?
score() { "$tacit" score --model "$1" --threads 1 --quiet <<<'{"ids": [5, 6, 7, 8, 40, 9], "target_ids": [9, 10, 11, 66]}'; }
[ -n "$(score "$tmp/bloom")" ] && [ "$(score "$tmp/bloom")" = "$(score tests/golden/f16)" ]
check "... that scores as the original, to the last digit" $?
ids=$(echo -n "The frog sat by the moon." | "$tacit" tokenize --model "$tmp/bloom") && [ -n "$ids" ] &&
    [ "$("$tacit" tokenize --model "$tmp/bloom" --decode <<<"$ids")" = "The frog sat by the moon." ]
check "... with its tokenizer" $?
cp $golden/bloom-f16.gguf "$tmp/model.bin"
cp $golden/bloom-f16.gguf "$tmp/prompt.npy"
cp $golden/llama2c-tied.bin "$tmp/checkpoint"
cp $golden/llama2c-tied.bin "$tmp/checkpoint.f32"
same=0
for from in model.bin prompt.npy; do
    rm -rf "$tmp/again"
    convert "$tmp/$from" "$tmp/again" && cmp -s "$tmp/again/model.safetensors" "$tmp/bloom/model.safetensors" || same=1
done
convert $golden/llama2c-tied.bin "$tmp/tied" --tokenizer $golden/llama2c-tok.bin || same=1
for from in checkpoint checkpoint.f32; do
    rm -rf "$tmp/again"
    convert "$tmp/$from" "$tmp/again/" && cmp -s "$tmp/again/model.safetensors" "$tmp/tied/model.safetensors" || same=1
done
check "files are known by their contents, whatever their name" $same
[ "$(names "$tmp/again")" = "config.json model.safetensors" ] && [ -s "$tmp/tied/tokenizer.json" ] &&
    cmp -s "$tmp/again/config.json" "$tmp/tied/config.json"
check "a checkpoint without --tokenizer becomes a folder without one" $?
[ "$(convert $golden/llama-q8.gguf "$tmp/q8" --json)" = "{\"dtype\": \"f16\", \"out\": \"$tmp/q8\"}" ] &&
    [ "$(convert $golden/llama-q8.gguf --out "$tmp/q8" --dtype f32 --json)" = "{\"dtype\": \"f32\", \"out\": \"$tmp/q8\"}" ] &&
    [ "$("$tacit" convert $golden/llama2c-untied.bin "$tmp/untied" 2>&1)" = "$tmp/untied: $golden/llama2c-untied.bin in f32" ]
check "what it says: the dtype of the matrices" $?
grep -q '"dtype": "float32"' "$tmp/q8/config.json" && [ ! -e "$tmp/q8/model.safetensors.tmp" ]
check "... which is that of config.json; a folder is replaced" $?
cp "$tmp/model.bin" "$tmp/rows.npy"
"$tacit" convert --quiet tests/golden/convert/ptuning "$tmp/p.bin" && "$tacit" convert --quiet "$tmp/p.bin" "$tmp/back.npy" --width 32 &&
    cmp -s "$tmp/back.npy" tests/golden/convert/ptuning.npy
check "a prompt in a .bin is still one" $?

# ---- memory: a tensor's pages, not a model's ----
peak() { # FROM ...: kilobytes
    python3 - "$@" <<'PY'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
}
if [ -z "${SAN:-}" ] && command -v python3 >/dev/null; then
    # 24 layers of 2.6 MB, in tensors of at most 0.5 MB
    python3 - "$tmp/large.bin" <<'PY'
import math, struct, sys
C, F, L, H, G, V, T = 256, 512, 24, 4, 4, 512, 2
D = C // H
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<7i", C, F, L, H, G, V, T))
    f.write(b"\0\0\0\x3c" * (V * C + L * (2 * C + 4 * C * C + 3 * C * F) + C))
    for g in (math.cos, math.sin):
        for t in range(T):
            f.write(struct.pack(f"<{D // 2}f", *(g(t * 10000 ** (-2 * i / D)) for i in range(D // 2))))
PY
    size=$(($(stat -c %s "$tmp/large.bin") / 1024))
    small=$(peak "$tacit" convert --quiet $golden/llama2c-tied.bin "$tmp/small")
    large=$(peak "$tacit" convert --quiet "$tmp/large.bin" "$tmp/large" --dtype f16)
    [ "$size" -gt 50000 ] && [ $((large - small)) -lt $((size / 8)) ]
    check "a file of $size kB takes $((large - small)) kB more than one of 14" $?
fi

# ---- what is refused ----
refuses "a name without contents" "model.gguf: is no GGUF file: its first bytes are not 'GGUF'" "$(printf GGUX >"$tmp/model.gguf"; echo "$tmp/model.gguf")" "$tmp/out"
refuses "an empty .gguf" "empty.gguf: is no GGUF file" "$(: >"$tmp/empty.gguf"; echo "$tmp/empty.gguf")" "$tmp/out"
refuses "a later checkpoint" "is a llama2.c checkpoint of version 1, version 0 is read" tests/fuzz/corpus/llama2c/version1 "$tmp/out"
head -c 4000 $golden/llama2c-tok.bin >"$tmp/tok.bin"
refuses "a tokenizer that ends too early" "tok.bin: piece " $golden/llama2c-tied.bin "$tmp/out" --tokenizer "$tmp/tok.bin"
refuses "a tokenizer that is not there" "gone.bin: cannot be opened" $golden/llama2c-tied.bin "$tmp/out" --tokenizer "$tmp/gone.bin"
refuses "a tokenizer beside a GGUF file" "holds its tokenizer, leave --tokenizer out" $golden/bloom-f16.gguf "$tmp/out" --tokenizer $golden/llama2c-tok.bin
refuses "a tokenizer beside a prompt" "takes no --tokenizer" "$tmp/p.bin" "$tmp/out.npy" --width 32 --tokenizer $golden/llama2c-tok.bin
refuses "a tokenizer beside a folder" "takes no option but --dtype" "$tmp/bloom" "$tmp/out" --dtype f32 --tokenizer $golden/llama2c-tok.bin
refuses "a model with a prompt's options" "takes no option but --dtype and --tokenizer" $golden/bloom-f16.gguf "$tmp/out" --width 3
refuses "a dtype that models have not" "dtype 'q8' is not one of f32" $golden/bloom-f16.gguf "$tmp/out" --dtype q8
refuses "a model as a prompt's file" "a model becomes a folder" $golden/bloom-f16.gguf "$tmp/out.npy"
refuses "a model into a .gguf" "a model becomes a folder" $golden/bloom-f16.gguf "$tmp/out.gguf"
refuses "a model's base64" "is no adapter folder and no file of a prompt" $golden/bloom-f16.gguf --base64
mkdir "$tmp/run" && echo '{}' >"$tmp/run/run.json"
refuses "a run's folder" "holds a training run, give another folder" $golden/bloom-f16.gguf "$tmp/run"
refuses "an adapter's folder" "holds an adapter, give another folder" $golden/bloom-f16.gguf tests/golden/base-f32/peft-adapter
[ "$(ls "$tmp/run")" = run.json ] && [ ! -e tests/golden/base-f32/peft-adapter/config.json ]
check "... and nothing is written there" $?
cp $golden/llama2c-untied.bin "$tmp/wide.bin"
printf '\x00\x00\x90\x47' | dd of="$tmp/wide.bin" bs=1 seek=28 conv=notrunc status=none
refuses "a value too large for f16" "tensor 'model.embed_tokens.weight': element 0 is 73728, too large for F16" "$tmp/wide.bin" "$tmp/out" --dtype f16
mkdir "$tmp/kept"
convert "$tmp/wide.bin" "$tmp/kept" --dtype f16 2>/dev/null
[ $? = 2 ] && [ -d "$tmp/kept" ] && [ -z "$(ls "$tmp/kept")" ]
check "... and a folder that was there stays, empty" $?

# ---- a real one ----
# The first 300 stories of a file, one a line as `tacit score` takes them.
first_stories() { # FILE
    sqlite3 :memory: "WITH RECURSIVE cut(n, rest, story) AS (
            SELECT 0, CAST(readfile('$1') AS TEXT), ''
            UNION ALL SELECT n + 1, substr(rest, instr(rest, '<|endoftext|>') + 13), substr(rest, 1, instr(rest, '<|endoftext|>') - 1)
            FROM cut WHERE n < 300)
        SELECT json_object('text', trim(story, char(9) || char(10) || char(13) || ' ')) FROM cut WHERE n > 0"
}
shared=${TACIT_SHARED:-../shared}/data
stories=$shared/stories260K
if [ -e "$stories/stories260K.bin" ]; then
    convert "$stories/stories260K.bin" "$tmp/stories" --tokenizer "$stories/tok512.bin" &&
        [ "$("$tacit" inspect "$tmp/stories/model.safetensors" --json | grep -o '"name"' | wc -l)" = 47 ] &&
        grep -q '"num_key_value_heads": 4' "$tmp/stories/config.json"
    check "stories260K" $?
    told=$(sed -n '/ -t 0.0$/,/^```$/p' "$stories/stories260K.md" | sed '1d;$d')
    [ ${#told} = 565 ] && [ "$("$tacit" generate --model "$tmp/stories" --max-tokens 256 --quiet "")" = "$told" ]
    check "... tells its known story, word for word" $?
    # transformers gives 1.5000 nats a token of the first 512 of each
    first_stories "$shared/text/tinystories_sample_2M.txt" >"$tmp/stories.jsonl" &&
        "$tacit" score --model "$tmp/stories" --quiet "$tmp/stories.jsonl" >"$tmp/scores" &&
        nll=$(sqlite3 :memory: "SELECT printf('%.3f of %d', -avg(l.value), count(*)) FROM json_each((SELECT '[' || replace(trim(CAST(
            readfile('$tmp/scores') AS TEXT), char(10)), char(10), ',') || ']')) AS s, json_each(s.value, '$.logprobs') AS l WHERE l.key < 511")
    [ "$nll" = "1.500 of 120756" ] || echo "# found $nll"
    [ "$nll" = "1.500 of 120756" ]
    check "... and finds others' stories as likely as transformers says" $?
else
    for name in "stories260K" "its story" "others' stories"; do
        n=$((n + 1))
        echo "ok $n - $name # SKIP $stories is absent"
    done
fi
echo "1..$n"
exit $bad
