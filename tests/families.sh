# shellcheck shell=bash
# For tests over all families, sourced: none needs to know a family's name.

# The families that init-model knows.
families() {
    "$TACIT" init-model --family none --out none 2>&1 | sed -n 's/.*(supported: \(.*\))$/\1/p' | tr -d ,
}

# A small model: an odd number of heads, one of keys for all of them and of a width of their own where the family has such.
family_model() { # FAMILY OUT [OPTION]...
    local more
    for more in "--key-heads 1 --head-width 10" "--key-heads 1" ""; do
        # shellcheck disable=SC2086
        "$TACIT" init-model --family "$1" --layers 2 --width 48 --heads 3 --std 0.2 --tokenizer demo/tokenizer.json --quiet \
            --out "$2" $more "${@:3}" 2>/dev/null && return
    done
    return 1
}
