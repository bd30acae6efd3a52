#!/bin/bash
# tacit convert and merge: prompts from and to other tools' files (tests/golden/convert, made by NumPy, torch and PEFT), whole inputs
# that score as prompt and text do, and what is refused: one message, exit status 2, nothing written.
tacit=$TACIT n=0 bad=0 golden=tests/golden/convert
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
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
"$tacit" init-model --layers 2 --width 48 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/wide" --quiet

# ---- there and back ----
convert $golden/ptuning "$tmp/p.npy" && cmp -s "$tmp/p.npy" $golden/ptuning.npy
check "P_TUNING becomes a .npy, the bytes that NumPy writes of PEFT's prompt" $?
convert $golden/f4.npy "$tmp/f4.pt" && cmp -s "$tmp/f4.pt" $golden/f4.pt
check ".npy becomes a .pt, the bytes that torch.save writes" $?
convert "$tmp/p.npy" "$tmp/p.bin" && convert "$tmp/p.npy" "$tmp/p.f32" && cmp -s "$tmp/p.bin" "$tmp/p.f32" &&
    tail -c 384 "$tmp/p.npy" | cmp -s - "$tmp/p.bin"
check ".bin and .f32 are the rows alone" $?
convert "$tmp/p.bin" "$tmp/back.npy" --width 32 && cmp -s "$tmp/back.npy" "$tmp/p.npy" &&
    convert "$tmp/p.bin" "$tmp/back.npy" --model "$tmp/m" && cmp -s "$tmp/back.npy" "$tmp/p.npy"
check "rows are read by --width, or by the model's" $?
convert "$tmp/p.npy" "$tmp/peft" --model "$tmp/m" --base-name some/model && convert "$tmp/peft" "$tmp/again/" &&
    convert "$tmp/peft" "$tmp/third" --model "$tmp/m" && cmp -s "$tmp/third/adapter_config.json" "$tmp/peft/adapter_config.json" &&
    cmp -s "$tmp/peft/adapter_model.safetensors" "$tmp/again/adapter_model.safetensors" &&
    cmp -s "$tmp/peft/adapter_config.json" "$tmp/again/adapter_config.json" && convert "$tmp/again" "$tmp/back.npy" &&
    cmp -s "$tmp/back.npy" "$tmp/p.npy" && grep -q '"base_model_name_or_path": "some/model"' "$tmp/again/adapter_config.json"
check ".npy becomes a PEFT folder, that another one, and that the .npy" $?
convert tests/golden/base-f32/peft-adapter "$tmp/copy" &&
    cmp -s "$tmp/copy/adapter_model.safetensors" tests/golden/base-f32/peft-adapter/adapter_model.safetensors
check "a folder that PEFT wrote comes back with the same tensors" $?
convert $golden/multitask "$tmp/task1" --task-id 1 && convert "$tmp/task1" "$tmp/task1.f32" &&
    convert $golden/multitask "$tmp/task2.f32" --task-id 2 && ! cmp -s "$tmp/task1.f32" "$tmp/task2.f32" &&
    grep -q '"peft_type": "PROMPT_TUNING"' "$tmp/task1/adapter_config.json" && ! grep -q num_ranks "$tmp/task1/adapter_config.json"
check "one task of MULTITASK_PROMPT_TUNING becomes a PROMPT_TUNING folder" $?
score() { echo "$2" | "$tacit" score --model "$tmp/m" --threads 1 --quiet --adapter "$1"; }
[ "$(score "$tmp/task1" '{"ids": [5, 6], "target_ids": [7, 8]}')" != "$(score "$tmp/peft" '{"ids": [5, 6], "target_ids": [7, 8]}')" ]
check "... and it can be scored with" $?
convert "$tmp/p.npy" --base64 | base64 -d >"$tmp/b.pt" && convert "$tmp/p.npy" "$tmp/p.pt" && cmp -s "$tmp/b.pt" "$tmp/p.pt"
check "--base64 prints the .pt file" $?

# ---- whole inputs ----
convert "$tmp/peft" "$tmp/whole.npy" --model "$tmp/m" --text "A frog sat" && convert "$tmp/whole.npy" "$tmp/whole" --model "$tmp/m"
a=$(score "$tmp/peft" '{"text": "A frog sat", "target": " by the pond"}')
b=$(score "$tmp/whole" '{"text": "", "target": " by the pond"}')
[ -n "$a" ] && [ "$a" = "$b" ]
check "prompt and text in one file score as the prompt before the text, to the last digit" $?
whole() { # OPTION...: the sum that the text's last token, alone behind the file's rows, has
    convert "$tmp/peft" "$tmp/whole.npy" --model "$tmp/m" "$@" && convert "$tmp/whole.npy" "$tmp/whole" --model "$tmp/m" &&
        score "$tmp/whole" '{"text": "", "target": " pond"}'
}
placed() { # PLACE LINE: the same by tacit score
    "$tacit" score --model "$tmp/m" --threads 1 --quiet --adapter "$tmp/peft" --place "$1" <<<"$2"
}
line='{"before": "A frog", "text": " sat by the", "target": " pond"}'
for place in front template end; do
    a=$(whole --before "A frog" --text " sat by the" --place $place) b=$(placed $place "$line")
    [ -n "$a" ] && [ "$a" = "$b" ]
    check "... and so they do where the prompt stands by --place $place" $?
done
[ "$(placed front "$line")" != "$(placed template "$line")" ] && [ "$(placed template "$line")" != "$(placed end "$line")" ]
check "... which are three different sums" $?
convert "$tmp/peft" "$tmp/behind" --place end && grep -q '"tacit_place": "end"' "$tmp/behind/adapter_config.json" &&
    convert "$tmp/behind" "$tmp/behind2" && cmp -s "$tmp/behind/adapter_config.json" "$tmp/behind2/adapter_config.json" &&
    convert "$tmp/behind2" "$tmp/w1.bin" --model "$tmp/m" --text "A frog" && convert "$tmp/peft" "$tmp/w2.bin" --model "$tmp/m" --text "A frog" --place end &&
    cmp -s "$tmp/w1.bin" "$tmp/w2.bin" && tail -c 384 "$tmp/w1.bin" | cmp -s - "$tmp/p.bin" && ! grep -q tacit_place "$tmp/again/adapter_config.json"
check "a folder keeps its prompt's place, and the file has it there" $?
[ "$(convert "$tmp/peft" "$tmp/whole.pt" --model "$tmp/m" --text "A frog sat" --json)" = \
    "{\"tokens\": 3, \"text_tokens\": 4, \"width\": 32, \"out\": \"$tmp/whole.pt\"}" ] &&
    [ "$(convert "$tmp/peft" --base64 --model "$tmp/m" --text "A frog sat" --json | sed 's/.*"base64": "\(.*\)"}/\1/' | base64 -d | cmp - "$tmp/whole.pt")" = "" ]
check "--json" $?

# ---- models, as before ----
cp -r "$tmp/m" "$tmp/two" && rm "$tmp/two/tokenizer.json" && echo '{"a": 0, "b": 1, "ab": 2}' >"$tmp/two/vocab.json" &&
    printf '#version: 0.2\na b\n' >"$tmp/two/merges.txt" && convert "$tmp/two" "$tmp/two16" --dtype f16 &&
    [ "$(printf ab | "$tacit" tokenize --model "$tmp/two16")" = 2 ]
check "a tokenizer in two files goes along" $?
convert "$tmp/m" "$tmp/b16" --dtype bf16 && convert "$tmp/m" --dtype bf16 --out "$tmp/b16o" &&
    cmp -s "$tmp/b16/model.safetensors" "$tmp/b16o/model.safetensors" &&
    [ "$(convert "$tmp/m" "$tmp/b16" --dtype bf16 --json)" = "{\"dtype\": \"bf16\", \"out\": \"$tmp/b16\"}" ]
check "a model is converted by TO and by --out" $?

# ---- merged adapters ----
sums() { "$tacit" score --threads 1 --quiet "$@" <<<'{"ids": [5, 6, 7, 8], "target_ids": [9, 10, 11]}' | sed 's/.*"logprobs": \[\(.*\)\], "sum.*/\1/; s/, /\n/g'; }
near() { # MODEL BASE ADAPTER LIMIT: log-probabilities of the merged model and of the base with the adapter; the bare base's are not so
    sums --model "$1" >"$tmp/merged.sum" && sums --model "$2" --adapter "$3" >"$tmp/with.sum" && sums --model "$2" >"$tmp/bare.sum" &&
        paste "$tmp/merged.sum" "$tmp/with.sum" "$tmp/bare.sum" |
        awk -v limit="$4" '{ d = $1 - $2; e = $1 - $3; n++; if (d * d > limit * limit) bad = 1; if (e * e > 0.01) far = 1 }
            END { exit !(n == 3 && !bad && far) }'
}
base=tests/golden/base-f32 methods=tests/golden/methods
for name in lora lora-rs lora-all lora-patterns ia3; do
    "$tacit" merge $methods/$name --model $base --out "$tmp/merged-$name" --quiet && near "$tmp/merged-$name" $base $methods/$name 2e-5
    check "the base with $name merged scores as the base with the adapter" $?
done
"$tacit" merge $methods/lora-f16 --model tests/golden/f16 --out "$tmp/merged-wide" --dtype f32 --quiet &&
    near "$tmp/merged-wide" tests/golden/f16 $methods/lora-f16 2e-5 &&
    "$tacit" merge $methods/lora-f16 --model tests/golden/f16 --out "$tmp/merged-half" --quiet &&
    ! near "$tmp/merged-half" tests/golden/f16 $methods/lora-f16 2e-5 && near "$tmp/merged-half" tests/golden/f16 $methods/lora-f16 0.05
check "a base in f16: exactly in f32, roughly in f16" $?
[ "$("$tacit" merge $methods/ia3 --model $base --out "$tmp/merged-ia3" --json)" = "{\"matrices\": 4, \"out\": \"$tmp/merged-ia3\"}" ]
check "merge --json" $?
mkdir "$tmp/trained"
echo '{}' >"$tmp/trained/run.json"
for to in "$tmp/trained" "$tmp/peft" "$tmp/merged-ia3/../merged-ia3"; do
    model=$base
    [ "$to" != "$tmp/merged-ia3/../merged-ia3" ] || model=$tmp/merged-ia3
    "$tacit" merge $methods/ia3 --model "$model" --out "$to" 2>"$tmp/err"
    [ $? = 2 ] && grep -qE "holds a training run|holds an adapter|cannot be converted into its own folder" "$tmp/err" && [ "$(wc -l <"$tmp/err")" = 1 ]
    check "nothing is merged into $(sed 's/.*: \(holds .*\|a model .*\)/\1/' "$tmp/err")" $?
done
[ "$(ls "$tmp/trained")" = run.json ]
check "... and nothing is written there" $?
"$tacit" merge "$tmp/peft" --model "$tmp/m" --out "$tmp/out" 2>"$tmp/err"
[ $? = 2 ] && grep -q "a prompt adds tokens or keys and values" "$tmp/err" && [ ! -e "$tmp/out" ]
check "a prompt is not merged" $?
cp -r $methods/ia3 "$tmp/broken"
printf '\x00\x00\xc0\x7f' | dd of="$tmp/broken/adapter_model.safetensors" bs=1 conv=notrunc status=none \
    seek=$(($(stat -c %s "$tmp/broken/adapter_model.safetensors") - 4))
"$tacit" merge "$tmp/broken" --model $base --out "$tmp/out" 2>"$tmp/err"
[ $? = 2 ] && grep -qE "tensor '.*': element [0-9]+ is NaN" "$tmp/err" && [ ! -e "$tmp/out" ]
check "an adapter with NaN is not merged" $?

# ---- prefixes of PEFT under transformers <= 4.43 ----
convert $methods/prefix "$tmp/prefix" --old-bloom-prefix && sums --model $base --adapter "$tmp/prefix" >"$tmp/new.sum" &&
    sums --model $base --adapter $methods/prefix >"$tmp/as-it-is.sum" && [ "$(wc -l <"$tmp/new.sum")" = 3 ] &&
    ! cmp -s "$tmp/new.sum" "$tmp/as-it-is.sum" &&
    cmp -s "$tmp/prefix/adapter_config.json" $methods/prefix/adapter_config.json &&
    [ "$(stat -c %s "$tmp/prefix/adapter_model.safetensors")" = "$(stat -c %s $methods/prefix/adapter_model.safetensors)" ]
check "a prefix in the old order becomes another one, of the same shape and config" $?

# ---- what is replaced, and what is not ----
convert $golden/f4.npy "$tmp/p.pt" && cmp -s "$tmp/p.pt" $golden/f4.pt
check "a file is replaced" $?
convert "$tmp/task1" "$tmp/peft" && cmp -s "$tmp/task1/adapter_model.safetensors" "$tmp/peft/adapter_model.safetensors"
check "an adapter folder is replaced" $?
mkdir "$tmp/run"
echo '{}' >"$tmp/run/run.json"
refuses "a run's folder" "holds a training run, give another folder" "$tmp/peft" "$tmp/run"
refuses "a model's folder" "holds a model, give another folder" "$tmp/peft" "$tmp/m"
refuses "a folder for a file" "run.npy: is a folder, a file was expected" "$tmp/peft" "$(mkdir -p "$tmp/run.npy" && echo "$tmp/run.npy")"
refuses "a prompt into itself" "cannot be converted into itself" "$tmp/p.npy" "$tmp/./p.npy"
refuses "a folder into itself" "cannot be converted into itself" "$tmp/peft" "$tmp/peft/"
[ "$(ls "$tmp/run")" = run.json ] && [ ! -e "$tmp/m/adapter_config.json" ]
check "... and nothing is written there" $?

# ---- what is refused ----
refuses "an unknown ending of TO" "out.gguf: its ending is none of .npy, .f32, .bin (float32 rows), .pt" "$tmp/p.npy" "$tmp/out.gguf"
refuses "an unknown ending of FROM" "README.md: its ending is none of .npy" README.md "$tmp/out"
refuses "a .pt as FROM" ".pt files are written, not read" $golden/f4.pt "$tmp/out"
refuses "a file that is not there" "gone.npy: cannot be opened: No such file" "$tmp/gone.npy" "$tmp/out.bin"
refuses "what is neither prompt nor model" "no such model folder" "$tmp/gone" "$tmp/out" --dtype f16
refuses "a model without --dtype" "a model needs --dtype" "$tmp/m" "$tmp/out"
refuses "a model as a prompt's file" "is no prompt, which" "$tmp/m" "$tmp/out.npy" --dtype f16
refuses "a model with a prompt's options" "a model takes no option but --dtype" "$tmp/m" "$tmp/out" --dtype f16 --text a
refuses "a prompt with --dtype" "a prompt is float32" "$tmp/p.npy" "$tmp/out.bin" --dtype f16
refuses "a model's base64" "is no adapter folder and no file of a prompt" "$tmp/m" --base64
refuses "--base64 with TO" "option '--base64' prints: expected FROM alone" "$tmp/p.npy" "$tmp/out.pt" --base64
refuses "TO and --out" "expected FROM and TO" "$tmp/p.npy" "$tmp/out.pt" --out "$tmp/out2.pt"
refuses "a folder without a model" "how many layers and heads its model has, give --model" "$tmp/p.npy" "$tmp/out"
refuses "rows without a width" "how wide its rows are, give --width or --model" "$tmp/p.bin" "$tmp/out.npy"
refuses "rows of another width" "384 bytes are no rows of 25 float32" "$tmp/p.bin" "$tmp/out.npy" --width 25
{ cat "$tmp/p.bin"; printf ab; } >"$tmp/more.bin"
refuses "half a float more than rows" "386 bytes are no rows of 32 float32" "$tmp/more.bin" "$tmp/out.npy" --width 32
: >"$tmp/empty.f32"
refuses "an empty file of rows" "0 bytes are no rows" "$tmp/empty.f32" "$tmp/out.npy" --width 32
refuses "a prompt of another width" "its rows are 32 wide, those of the model $tmp/wide 48" "$tmp/p.npy" "$tmp/out" --model "$tmp/wide"
refuses "an adapter of another width" "32" $golden/ptuning "$tmp/out.npy" --model "$tmp/wide"
refuses "a --width that is not so" "its rows are 32 wide, --width says 33" "$tmp/p.npy" "$tmp/out.bin" --width 33
refuses "several tasks without --task-id" "holds prompts of 3 tasks, say which (0 to 2) by --task-id" $golden/multitask "$tmp/out"
refuses "a task that is not there" "there is no task 3, it holds tasks 0 to 2" $golden/multitask "$tmp/out" --task-id 3
refuses "a task of a prompt" "tasks to choose from" "$tmp/peft" "$tmp/out" --task-id 0
refuses "a task of a .npy" "there are no tasks to choose from in it" "$tmp/p.npy" "$tmp/out.bin" --task-id 0
refuses "a text without a model" "a text is embedded by a model, give --model" "$tmp/p.npy" "$tmp/out.bin" --text a
refuses "an empty text" "the text is empty" "$tmp/p.npy" "$tmp/out.bin" --model "$tmp/m" --text ""
refuses "a text in an adapter folder" "an adapter folder holds no text" "$tmp/p.npy" "$tmp/out" --model "$tmp/m" --text a
refuses "an unknown place" "--place: 'middle' is not one of template, front, end" "$tmp/p.npy" "$tmp/out.bin" --place middle
refuses "a prompt as an old prefix" "found 'PROMPT_TUNING', expected PREFIX_TUNING" "$tmp/peft" "$tmp/out" --old-bloom-prefix
refuses "an old prefix as a file" "takes a PEFT folder to another one, and no other option" $methods/prefix "$tmp/out.npy" --old-bloom-prefix
refuses "an old prefix with --text" "takes a PEFT folder to another one" $methods/prefix "$tmp/out" --old-bloom-prefix --text a
cp -r $methods/prefix "$tmp/odd"
sed -i 's/"num_attention_heads": 4/"num_attention_heads": 5/' "$tmp/odd/adapter_config.json"
refuses "an old prefix whose heads do not divide its width" "field 'token_dim': found 32, expected a multiple of" "$tmp/odd" "$tmp/out" --old-bloom-prefix
sed -i 's/"num_attention_heads": 5/"num_attention_heads": 4/; s/"num_layers": 2/"num_layers": 3/' "$tmp/odd/adapter_config.json"
refuses "an old prefix of other layers" "found 5x128, expected 5x192" "$tmp/odd" "$tmp/out" --old-bloom-prefix
sed -i '/"num_layers"/d' "$tmp/odd/adapter_config.json"
refuses "an old prefix that does not say its layers" "field 'num_layers'" "$tmp/odd" "$tmp/out" --old-bloom-prefix
refuses "a text where the model has no tokenizer" "tokenizer" $golden/ptuning "$tmp/out.bin" --model tests/golden/base-f32 --text a
sed -i 's/PROMPT_TUNING/LORA/' "$tmp/copy/adapter_config.json"
refuses "an adapter that is no prompt" "peft_type" "$tmp/copy" "$tmp/out.npy"
cp "$tmp/p.bin" "$tmp/nan.bin"
printf '\x00\x00\xc0\x7f' | dd of="$tmp/nan.bin" bs=4 seek=33 conv=notrunc status=none
refuses "NaN" "nan.bin: row 1, column 1 is NaN" "$tmp/nan.bin" "$tmp/out.npy" --width 32
printf '\x00\x00\x80\xff' | dd of="$tmp/nan.bin" bs=4 seek=2 conv=notrunc status=none
refuses "infinity" "nan.bin: row 0, column 2 is infinite" "$tmp/nan.bin" "$tmp/out.npy" --width 32
refuses "Fortran order" "columns are stored one after another" $golden/fortran.npy "$tmp/out.bin"
refuses "big endian" "big-endian elements" $golden/big-endian.npy "$tmp/out.bin"
echo "1..$n"
exit $bad
