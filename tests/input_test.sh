#!/bin/bash
# Bad input at the program's surface: each is refused with one message that names what is wrong, exit status 2, and leaves
# nothing behind; and a small file can neither take gigabytes nor minutes.
tacit=$TACIT n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
refuses() { # NAME TEXT COMMAND...
    local name=$1 text=$2 out status
    shift 2
    n=$((n + 1))
    out=$("$@" 2>&1 </dev/null)
    status=$?
    if [ $status = 2 ] && grep -qF -- "$text" <<<"$out" && [ "$(wc -l <<<"$out")" = 1 ] && [ ! -e "$tmp/out" ]; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "# status $status, expected '$text' in one line: $out"
        find "$tmp/out" 2>/dev/null | sed 's/^/# left behind: /'
        rm -rf "$tmp/out"
        bad=1
    fi
}
"$tacit" init-model --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/m" --quiet
"$tacit" init-model --layers 2 --width 48 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/wide" --quiet
echo '{"ids": [5, 6, 7]}' >"$tmp/in"
score() { "$tacit" score --model "$1" --quiet "$tmp/in"; }
train() { "$tacit" train --model "$tmp/m" --task "$1" --data "${2:-demo}" --limit 20 --steps 2 --quiet --out "$tmp/out" "${@:3}"; }

# ---- model folders ----
copy() { # NAME: a copy of the model to spoil; prints its path
    cp -r "$tmp/m" "$tmp/$1"
    echo "$tmp/$1"
}
edit() { LC_ALL=C sed -i "$2" "$1"; }
d=$(copy no-config); rm "$d/config.json"
refuses "a folder without config.json" "config.json: cannot be opened: No such file or directory" score "$d"
d=$(copy empty-config); : >"$d/config.json"
refuses "an empty config.json" "config.json" score "$d"
d=$(copy cut-config); truncate -s 40 "$d/config.json"
refuses "a truncated config.json" "config.json" score "$d"
d=$(copy arch); edit "$d/config.json" 's/"bloom"/"mamba"/'
refuses "an unknown architecture" "mamba" score "$d"
d=$(copy no-layers); edit "$d/config.json" 's/"n_layer"/"n_lager"/'
refuses "a config without a field" "n_layer" score "$d"
d=$(copy heads); edit "$d/config.json" 's/"n_head": 4/"n_head": 5/'
refuses "heads that do not divide the width" "n_head" score "$d"
d=$(copy text-layers); edit "$d/config.json" 's/"n_layer": 2/"n_layer": "2"/'
refuses "a config field of another type" "field 'n_layer': expected an integer" score "$d"
d=$(copy more-layers); edit "$d/config.json" 's/"n_layer": 2/"n_layer": 3/'
refuses "a layer without tensors" "h.2." score "$d"
d=$(copy huge); edit "$d/config.json" 's/"n_layer": 2/"n_layer": 2000000000/'
refuses "two thousand million layers" "n_layer" score "$d"
d=$(copy no-weights); rm "$d/model.safetensors"
refuses "a folder without weights" "model.safetensors" score "$d"
d=$(copy bin); rm "$d/model.safetensors"; : >"$d/pytorch_model.bin"
refuses "pytorch_model.bin alone: how to convert it" "safe_serialization" score "$d"
d=$(copy empty); : >"$d/model.safetensors"
refuses "empty weights" "model.safetensors" score "$d"
d=$(copy cut); truncate -s 5000 "$d/model.safetensors"
refuses "truncated weights" "model.safetensors" score "$d"
d=$(copy dtype); edit "$d/model.safetensors" '1s/"F32"/"I32"/'
refuses "weights of another type" "I32" score "$d"
d=$(copy shape); edit "$d/config.json" 's/"hidden_size": 32/"hidden_size": 64/'
refuses "weights of another shape" "shape 593x32, expected 593x64" score "$d"
d=$(copy name); edit "$d/model.safetensors" '1s/h.1.mlp.dense_h_to_4h.weight/h.1.mlp.dense_X_to_4h.weight/'
refuses "a missing tensor" "h.1.mlp.dense_h_to_4h.weight" score "$d"
d=$(copy nan); printf '\x00\x00\xc0\x7f' |
    dd of="$d/model.safetensors" bs=1 conv=notrunc seek=$(($(stat -c %s "$d/model.safetensors") - 4)) status=none
refuses "NaN weights, when the first value is not finite" "is NaN" score "$d"
refuses "NaN weights in training" "is NaN" "$tacit" train --model "$d" --task demo/task.yaml --data demo --limit 8 --steps 1 \
    --quiet --out "$tmp/out"
refuses "a dtype that models have not" "not one of f32" "$tacit" convert "$tmp/m" --dtype f8 --out "$tmp/out"
refuses "converting a model into itself" "its own folder" "$tacit" convert "$tmp/m" --dtype f16 --out "$tmp/m"
d=$(copy index); mv "$d/model.safetensors" "$d/part.safetensors"
echo '{"weight_map": {"x": "../part.safetensors"}}' >"$d/model.safetensors.index.json"
refuses "a shard outside the folder" "part.safetensors" score "$d"
echo '{"weight_map": {"x": "none.safetensors"}}' >"$d/model.safetensors.index.json"
refuses "a shard that is not there" "none.safetensors" score "$d"

# ---- safetensors ----
st() { # FILE HEADER BYTES
    local len=${#2}
    printf "\\x$(printf %02x $((len % 256)))\\x$(printf %02x $((len / 256)))\\0\\0\\0\\0\\0\\0%s" "$2" >"$1"
    head -c "$3" /dev/zero >>"$1"
}
inspect() { "$tacit" inspect "$1"; }
printf '\xff\xff\xff\xff\xff\xff\xff\x7f{}' >"$tmp/lie.safetensors"
refuses "a lying header length" "header" inspect "$tmp/lie.safetensors"
st "$tmp/o.safetensors" '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}' 12
refuses "overlapping tensors" "overlaps" inspect "$tmp/o.safetensors"
st "$tmp/r.safetensors" '{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}' 12
refuses "offsets out of range" "outside" inspect "$tmp/r.safetensors"
st "$tmp/s.safetensors" '{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,8]}}' 8
refuses "a shape of a quintillion" "data_offsets" inspect "$tmp/s.safetensors"
st "$tmp/u.safetensors" '{"z":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}' 9
n=$((n + 1))
if inspect "$tmp/u.safetensors" | grep -q "F32"; then echo "ok $n - unaligned tensors are read"; else echo "not ok $n - unaligned tensors are read"; bad=1; fi

# ---- tokenizers ----
d=$(copy unigram); echo '{"model": {"type": "Unigram", "vocab": []}}' >"$d/tokenizer.json"
refuses "a tokenizer of another kind" "Unigram" score "$d"
d=$(copy bad-tok); truncate -s 2000 "$d/tokenizer.json"
refuses "a truncated tokenizer.json" "tokenizer.json" score "$d"
"$tacit" init-model --layers 1 --width 32 --heads 4 --vocab 100 --out "$tmp/few" --quiet
cp demo/tokenizer.json "$tmp/few"
refuses "a vocabulary smaller than the tokenizer's" "593 tokens, the model's vocabulary 100" score "$tmp/few"
printf 'ab\xff\n' >"$tmp/latin1"
refuses "text that is not UTF-8" "latin1:1: the text is not well-formed UTF-8 at byte 2" "$tacit" tokenize --tokenizer demo/tokenizer.json "$tmp/latin1"
refuses "an id without digits" "found 'x7'" "$tacit" tokenize --tokenizer demo/tokenizer.json --decode <(echo 5 x7)

# ---- tasks and data ----
task() { cp demo/task.yaml "$tmp/$1.yaml"; edit "$tmp/$1.yaml" "$2"; echo "$tmp/$1.yaml"; }
refuses "an unknown key" "inputs" train "$(task key 's/^input:/inputs:/')"
refuses "a template field that the data lacks" "sentense" train "$(task field 's/{{sentence}}/{{sentense}}/')"
refuses "a template without an end" "brace.yaml:7: a field is not closed: '{{sentence'" train "$(task brace 's/{{sentence}}/{{sentence/')"
refuses "a label that is not among the answers" "plant" train "$(task label 's/^  plant:/  flower:/')"
refuses "one answer only" "answers" train "$(task one '/^  plant:/d')"
refuses "a split that is not there" "gone.jsonl" train "$(task split 's/train.jsonl/gone.jsonl/')"
refuses "YAML that is none" "yaml" train "$(task tab 's/^name/\tname/')"
data() { mkdir -p "$tmp/$1"; cp demo/*.jsonl "$tmp/$1"; echo "$tmp/$1"; }
d=$(data line); sed -i '3s/.*/{"sentence": /' "$d/train.jsonl"
refuses "a bad line of JSON" "train.jsonl:3" train demo/task.yaml "$d"
d=$(data utf8); printf '{"sentence": "a\xff", "label": "plant"}\n' >"$d/train.jsonl"
refuses "data that is not UTF-8" "train.jsonl" train demo/task.yaml "$d"
d=$(data none); : >"$d/train.jsonl"
refuses "zero examples" "train.jsonl" train demo/task.yaml "$d"
d=$(data unlabelled); sed -i '2s/"label": "[a-z]*"/"label": null/' "$d/train.jsonl"
refuses "an example without a label" "train.jsonl:2" train demo/task.yaml "$d"
refuses "zero tokens" "above 0" train demo/task.yaml demo --tokens 0
refuses "a learning rate that is no number" "lr" train demo/task.yaml demo --lr fast
refuses "a negative learning rate" "lr" train demo/task.yaml demo --lr -1
refuses "an empty init text" "empty" train demo/task.yaml demo --init text:
refuses "an init that is none" "option '--init': expected one of description, text:TEXT, vocab, normal, zero, adapter:DIR, found 'texts:a'" \
    train demo/task.yaml demo --init texts:a
refuses "an unknown schedule" "linear" train demo/task.yaml demo --schedule stairs
refuses "an empty prompt text" "empty" "$tacit" eval --model "$tmp/m" --task demo/task.yaml --data demo --prompt "" --quiet
refuses "a length limit below the answer" "no room" train demo/task.yaml demo --max-length 1

# ---- corpora and tokenizers from them ----
pretrain() { "$tacit" pretrain --model "$tmp/m" --documents --steps 1 --quiet --out "$tmp/out" "$@"; }
echo '{"parts": [["a", -1]]}' >"$tmp/neg.jsonl"
refuses "a negative weight" "neg.jsonl:1: field 'parts'" pretrain "$tmp/neg.jsonl"
printf '{"text": "a b"}\n{"parts": 3}\n' >"$tmp/three.jsonl"
refuses "parts that are no list" "three.jsonl:2: field 'parts'" pretrain "$tmp/three.jsonl"
echo '{"words": "a"}' >"$tmp/words.jsonl"
refuses "a document without text" "words.jsonl:1: field 'text'" pretrain "$tmp/words.jsonl"
echo '{"parts": [["a b", 0]]}' >"$tmp/zero.jsonl"
refuses "documents with nothing to predict" "nothing to predict" pretrain "$tmp/zero.jsonl"
refuses "a corpus that is not there" "gone.txt: cannot be opened" pretrain "$tmp/gone.txt"
refuses "Muon for a prompt" "method full" train demo/task.yaml demo --optimizer muon
learn() { "$tacit" tokenizer train --quiet --out "$tmp/out" "$@"; }
refuses "a vocabulary without room for the bytes" "100 tokens: expected 260" learn --vocab 100 README.md
refuses "an unknown word pattern" "not one of bloom" learn --pattern words README.md
refuses "a corpus that is not UTF-8" "latin1: the text is not well-formed UTF-8 at byte 2" learn "$tmp/latin1"

# ---- adapters ----
"$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 8 --steps 1 --tokens 3 --no-eval --quiet --out "$tmp/a" >/dev/null
adapter() { cp -r "$tmp/a" "$tmp/$1"; echo "$tmp/$1"; }
with() { "$tacit" eval --model "${2:-$tmp/m}" --task demo/task.yaml --data demo --limit 4 --adapter "$1" --quiet; }
refuses "an adapter of another width" "field 'token_dim': found 32, expected the model's 48" with "$tmp/a" "$tmp/wide"
d=$(adapter a0); edit "$d/adapter_config.json" '/token_dim/d'
refuses "... that does not say so" "found 3x32, expected 3x48 (num_virtual_tokens x the model's width)" with "$d" "$tmp/wide"
"$tacit" init-model --layers 3 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/deep" --quiet
refuses "an adapter of another model" "field 'num_layers': found 2, expected the model's 3" with "$tmp/a" "$tmp/deep"
d=$(adapter a1); rm "$d/adapter_config.json"
refuses "an adapter without a config" "adapter_config.json" with "$d"
d=$(adapter a2); edit "$d/adapter_config.json" 's/PROMPT_TUNING/IA9/'
refuses "an adapter of an unknown type" "IA9" with "$d"
d=$(adapter a3); truncate -s 50 "$d/adapter_model.safetensors"
refuses "a truncated adapter" "adapter_model.safetensors" with "$d"
d=$(adapter a4); edit "$d/adapter_config.json" 's/"num_virtual_tokens": 3/"num_virtual_tokens": 4/'
refuses "a config that contradicts its tensors" "num_virtual_tokens" with "$d"
d=$(adapter a5); edit "$d/adapter_model.safetensors" '1s/prompt_embeddings/prompt_embeddinks/'
refuses "an adapter without its tensor" "prompt_embeddings" with "$d"
refuses "an adapter that is not there" "none" with "$tmp/none"
refuses "a model folder as adapter" "adapter_config.json" with "$tmp/m"
for method in lora:r=2 ia3 prefix; do
    "$tacit" train --model "$tmp/m" --task demo/task.yaml --data demo --limit 8 --steps 1 --tokens 3 --method $method --no-eval \
        --quiet --out "$tmp/${method%%:*}" >/dev/null
done
refuses "a LoRA adapter of another width" "lora_A.weight': found 2x32, expected 2x48 (rank x the module's inputs)" with "$tmp/lora" "$tmp/wide"
refuses "an IA3 adapter of another width" "ia3_l': found 96x1, expected 144x1" with "$tmp/ia3" "$tmp/wide"
refuses "a prefix of another width" "field 'token_dim': found 32, expected the model's 48" with "$tmp/prefix" "$tmp/wide"
refuses "a LoRA adapter of another model" "h.2.self_attention.query_key_value.lora_A.weight' is missing (4 of 6 are there)" with "$tmp/lora" "$tmp/deep"
spoil() { # ADAPTER COPY FIELD VALUE: another value in the copy's config; prints its path
    cp -r "$tmp/$1" "$tmp/$2"
    edit "$tmp/$2/adapter_config.json" "s/\"$3\": [^,]*/\"$3\": $4/"
    echo "$tmp/$2"
}
refuses "a rank of 0" "l0/adapter_config.json: field 'r': expected an integer from 1 to 65536, found 0" with "$(spoil lora l0 r 0)"
refuses "DoRA" "field 'use_dora': found true, which is not implemented" with "$(spoil lora l1 use_dora true)"
refuses "a LoRA adapter that trained biases" "field 'bias': found 'all'" with "$(spoil lora l2 bias '"all"')"
d=$(spoil lora l3 x 0); edit "$d/adapter_config.json" 's/"query_key_value"/"q_proj"/'
refuses "a module that the model has not" "found 'q_proj', expected modules of the model: query_key_value, dense" with "$d"
d=$(spoil lora l4 x 0); edit "$d/adapter_config.json" '/lora_alpha/d'
refuses "a LoRA adapter without alpha" "field 'lora_alpha': expected a number" with "$d"
refuses "dropout in training" "field 'lora_dropout': found 0.1, expected 0 for training" train demo/task.yaml demo --init adapter:"$(spoil lora l5 lora_dropout 0.1)"
refuses "an adapter of another method" "a: holds an adapter of method prompt with its settings, --method says lora" \
    train demo/task.yaml demo --init adapter:"$tmp/a" --method lora
refuses "an adapter of another method, asked for by the default's name" "lora: holds an adapter of method lora" \
    train demo/task.yaml demo --init adapter:"$tmp/lora" --method prompt
refuses "settings of an adapter's method" "--method says lora:r=4" train demo/task.yaml demo --init adapter:"$tmp/lora" --method lora:r=4
d=$(spoil prefix p0 x 0); printf '\x00\x00\xc0\x7f' |
    dd of="$d/adapter_model.safetensors" bs=1 conv=notrunc seek=$(($(stat -c %s "$d/adapter_model.safetensors") - 4)) status=none
refuses "an adapter with NaN" "tensor 'prompt_embeddings': element 383 is NaN, expected a finite number" with "$d"

# ---- limits ----
printf '[%.0s' {1..1000} >"$tmp/deep.json"
# SAN: under make asan, whose programs take terabytes of address space.
limited() { ([ -n "${SAN:-}" ] || ulimit -v 4000000; timeout 20 "$@"); }
d=$(copy deep); cp "$tmp/deep.json" "$d/config.json"
refuses "a thousand open brackets" "config.json" limited "$tacit" score --model "$d" "$tmp/in"
d=$(copy wide-config); edit "$d/config.json" 's/"vocab_size": [0-9]*/"vocab_size": 2000000000000/'
refuses "a vocabulary of two million million" "vocab_size" limited "$tacit" score --model "$d" "$tmp/in"
printf 'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n' >"$tmp/laugh.yaml"
refuses "a rank that the tensors have not" "found 2x32, expected 65536x32" limited "$tacit" score --model "$tmp/m" \
    --adapter "$(spoil lora l6 r 65536)" "$tmp/in"
refuses "YAML aliases that multiply" "laugh.yaml" limited "$tacit" tasks show "$tmp/laugh.yaml" --data demo

# ---- adapters of another model ----
for family in llama gpt2 qwen3; do
    "$tacit" init-model --family $family --layers 2 --width 32 --heads 4 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/$family" --quiet
done
for method in prompt prefix lora:r=1; do
    "$tacit" train --model "$tmp/llama" --method $method --task demo/task.yaml --data demo --limit 2 --no-eval --steps 1 --tokens 2 --quiet \
        --out "$tmp/a-${method%%:*}" >/dev/null
done
foreign="base_model_name_or_path': $tmp/llama is of the family 'llama', the model $tmp"
for adapter in prompt prefix lora; do
    refuses "scoring with a $adapter of another family's model" "a-$adapter/adapter_config.json: field '$foreign/qwen3 of 'qwen3'" \
        "$tacit" score --model "$tmp/qwen3" --adapter "$tmp/a-$adapter" --quiet "$tmp/in"
done
refuses "evaluating with one" "$foreign/m of 'bloom'" "$tacit" eval --model "$tmp/m" --task demo/task.yaml --data demo --adapter "$tmp/a-prompt" --quiet
refuses "evaluating with two, one after another" "$foreign/m of 'bloom'" \
    "$tacit" eval --model "$tmp/m" --task demo/task.yaml --data demo --adapter "$tmp/a-prompt+$tmp/a-prompt" --quiet
refuses "explaining one" "$foreign/gpt2 of 'gpt2'" "$tacit" explain --model "$tmp/gpt2" --adapter "$tmp/a-prompt" --quiet
refuses "generating with one" "$foreign/gpt2 of 'gpt2'" "$tacit" generate --model "$tmp/gpt2" --adapter "$tmp/a-prompt" --ids "1 2"
refuses "going on from one" "$foreign/qwen3 of 'qwen3'" \
    "$tacit" train --model "$tmp/qwen3" --init adapter:"$tmp/a-lora" --task demo/task.yaml --data demo --steps 1 --out "$tmp/out"
refuses "folding one in" "$foreign/qwen3 of 'qwen3'" "$tacit" merge "$tmp/a-lora" --model "$tmp/qwen3" --out "$tmp/out"

# ---- new models ----
new() { "$tacit" init-model --layers 1 --vocab 20 --out "$tmp/out" "$@"; }
refuses "a family that there is not" "family: 'mamba' is not supported (supported: bloom, " new --family mamba
refuses "a size that the family has not" "--key-heads 2: a model of the family 'gpt2' has no such size" new --family gpt2 --key-heads 2
refuses "a head's width where it is the width's part" "--head-width 8: a model of the family 'qwen2' has no such size" \
    new --family qwen2 --head-width 8
refuses "key heads that are no part of the heads" "field 'num_key_value_heads': found 3, expected a part of 4 heads" \
    new --family llama --key-heads 3
refuses "rotary positions over an odd number" "expected an even number" new --family gpt_neox --width 48
refuses "a width that the heads do not part" "width 50, 4 heads: all must be above 0" new --family llama --width 50
refuses "an MLP of more than can be" "--mlp-width 999999999: at most 16777216" new --family llama --mlp-width 999999999

# ---- texts that are longer than the model takes: before anything runs, with the prompt's tokens counted ----
"$tacit" init-model --family gpt2 --layers 1 --width 16 --heads 2 --positions 24 --std 0.2 --tokenizer demo/tokenizer.json \
    --out "$tmp/short" --quiet
"$tacit" init-model --family mistral --layers 1 --width 16 --heads 2 --std 0.2 --tokenizer demo/tokenizer.json --out "$tmp/window" --quiet
edit "$tmp/window/config.json" 's/"sliding_window": null/"sliding_window": 24/'
short() { "$tacit" "$1" --model "$tmp/short" --task demo/task.yaml --data demo "${@:2}"; }
refuses "training on a text with no place for its prompt" \
    "demo/train.jsonl:19: 25 tokens, 5 of them a prompt's: the model takes 24 at most ($tmp/short/config.json: field 'n_positions'): --max-length 20" \
    short train --tokens 5 --steps 1 --out "$tmp/out"
refuses "and with keys and values in front" "demo/train.jsonl:19: 25 tokens, 5 of them a prompt's" \
    short train --tokens 5 --method prefix --steps 1 --out "$tmp/out"
refuses "and one token more" "demo/train.jsonl:19: 25 tokens, 5 of them a prompt's" short train --tokens 5 --max-length 21 --steps 1 --out "$tmp/out"
short train --tokens 5 --max-length 20 --steps 1 --out "$tmp/fits" --quiet >/dev/null 2>&1 && [ -s "$tmp/fits/adapter_model.safetensors" ]
check "one token less trains" $?
mkdir "$tmp/later" && head -4 demo/train.jsonl >"$tmp/later/train.jsonl" && sed -n 19p demo/train.jsonl | cat "$tmp/later/train.jsonl" - >"$tmp/later/val.jsonl"
refuses "training where the validation's texts are too long" "later/val.jsonl:5: 25 tokens, 5 of them a prompt's" \
    "$tacit" train --model "$tmp/short" --task demo/task.yaml --data "$tmp/later" --tokens 5 --steps 1 --out "$tmp/out"
refuses "evaluation, the third prompt of three" "description: demo/val.jsonl:1: 27 tokens, 12 of them a prompt's" \
    short eval --max-length 20 --no-prompt --adapter "$tmp/fits" --prompt description
refuses "a sliding window shorter than the text" "field 'sliding_window'" \
    "$tacit" train --model "$tmp/window" --task demo/task.yaml --data demo --tokens 5 --steps 1 --out "$tmp/out"
echo '{"ids": [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24], "target_ids": [5, 6]}' >"$tmp/long"
refuses "scoring" "item 0: 26 tokens, 5 of them a prompt's: the model takes 24 at most" \
    "$tacit" score --model "$tmp/short" --adapter "$tmp/fits" --quiet "$tmp/long"
refuses "a text to continue" "the text to continue: 25 tokens: the model takes 24 at most" \
    "$tacit" generate --model "$tmp/short" --ids "$(seq -s ' ' 1 25)"
"$tacit" generate --model "$tmp/short" --ids --max-tokens 9 "$(seq -s ' ' 1 20)" >"$tmp/gen" 2>"$tmp/err" &&
    [ "$(wc -w <"$tmp/gen")" = 5 ] && grep -q "ends after 5 tokens: with prompt and text $tmp/short takes 24 at most (config.json: field 'n_positions')" "$tmp/err"
check "generation ends where the model's places do, and says so" $?
"$tacit" generate --model "$tmp/short" --ids --max-tokens 5 "$(seq -s ' ' 1 20)" >"$tmp/other" 2>"$tmp/err"
[ ! -s "$tmp/err" ] && cmp -s "$tmp/gen" "$tmp/other"
check "and is silent where they suffice" $?
long_study() { # [LINE]...
    printf 'name: s\nmodel: %s\ndata: %s\ntasks: [%s]\ntokens: 5\nseeds: 1\ntest: validation\n' "$tmp/short" "$PWD/demo" "$PWD/demo/task.yaml" >"$tmp/long.yaml"
    printf '%s\n' "$@" >>"$tmp/long.yaml"
    "$tacit" study "$tmp/long.yaml" --out "$tmp/out"
}
refuses "a study of a description that leaves no room" "long.yaml: demo/description: $PWD/demo/val.jsonl:1: 27 tokens, 12 of them a prompt's" \
    long_study "max_length: 20" "methods: {prompt: {steps: 1}}"
refuses "a study's training" "long.yaml: demo/p/1: $PWD/demo/train.jsonl:1: 32 tokens, 20 of them a prompt's" long_study "max_length: 13" "methods: {prompt: {steps: 1}, p: {method: prefix, tokens: 20, steps: 1}}"
echo "1..$n"
exit $bad
