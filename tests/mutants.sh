#!/bin/bash
# Shows that the tests see mistakes: makes each one-line change of tests/mutants.txt in a copy of the tree, rebuilds
# what its test needs, and requires that the test fails. Prints TAP. A change that does not build, hangs or whose original
# is not found exactly once is `not ok` too, so the list cannot rot.
# usage: tests/mutants.sh [NUMBER]...     (entries of the list, from 1; none: all)
# JOBS: of make (2). TACIT_SHARED: shared data.
cd "$(dirname "$0")/.." || exit 1
TACIT_SHARED=$(realpath -m "${TACIT_SHARED:-../shared}")
export TACIT_SHARED BUILD=build
limit=300 jobs=${JOBS:-2} bad=0 ran=0

# ---- the list ----
file=() target=() what=() old=() new=()
while IFS= read -r line; do
    case $line in
    '' | '#'*) ;;
    '- '*) old+=("${line#- }") ;;
    '+ '*) new+=("${line#+ }") ;;
    *)
        read -r f t w <<<"$line"
        file+=("$f") target+=("${t%:}") what+=("$w")
        ;;
    esac
done <tests/mutants.txt
if [ ${#file[@]} = 0 ] || [ ${#file[@]} != ${#old[@]} ] || [ ${#file[@]} != ${#new[@]} ]; then
    echo "tests/mutants.txt: ${#file[@]} headings, ${#old[@]} originals, ${#new[@]} changes" >&2
    exit 2
fi
chosen=("$@")
[ $# -gt 0 ] || mapfile -t chosen < <(seq ${#file[@]})
for n in "${chosen[@]}"; do
    if ! [[ $n =~ ^[1-9][0-9]*$ && $n -le ${#file[@]} ]]; then
        echo "usage: tests/mutants.sh [NUMBER]... (1 to ${#file[@]}, found '$n')" >&2
        exit 2
    fi
done

# ---- the copy, with what is built already ----
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/tree"
for part in *; do
    case $part in build-* | shared) continue ;; esac
    cp -a "$part" "$tmp/tree" || exit 1
done
cd "$tmp/tree" || exit 1

built() { # TEST: brings up to date what it runs
    local need=("$1")
    case $1 in *.sh) need=(all build/world build/crash.so examples/*.c tests/fuzz/fuzz_*.c) ;; esac
    need=("${need[@]/#examples\//build/examples/}")
    need=("${need[@]/#tests\/fuzz\//build/fuzz/}")
    make -j"$jobs" "${need[@]%.c}" >"$tmp/log" 2>&1
}
passes() { timeout "$limit" tests/run.sh "$1" >"$tmp/log" 2>&1; }
count() { grep -oF -- "$1" "$2" | wc -l; }
verdict() { # ENTRY RESULT
    ran=$((ran + 1))
    case $2 in
    killed) echo "ok $1 - killed by ${target[$1 - 1]}: ${file[$1 - 1]}: ${what[$1 - 1]}" ;;
    *)
        bad=1
        echo "not ok $1 - $2: ${target[$1 - 1]}: ${file[$1 - 1]}: ${what[$1 - 1]}"
        [ ! -s "$tmp/log" ] || tail -n 5 "$tmp/log" | sed 's/^/# /'
        ;;
    esac
}

mapfile -t tests < <(for n in "${chosen[@]}"; do echo "${target[n - 1]}"; done | sort -u)
for t in "${tests[@]}"; do
    if ! built "$t" || ! passes "$t"; then
        echo "Bail out! $t does not pass as it is"
        sed 's/^/# /' "$tmp/log"
        exit 1
    fi
done

# ---- the mutants ----
for n in "${chosen[@]}"; do
    f=${file[n - 1]} from=${old[n - 1]} to=${new[n - 1]} t=${target[n - 1]}
    : >"$tmp/log"
    if [ ! -f "$f" ] || [ "$(count "$from" "$f")" != 1 ]; then
        verdict "$n" "the original is not there exactly once"
        continue
    fi
    cp "$f" "$tmp/original"
    text=$(cat "$f")
    printf '%s\n' "${text/"$from"/"$to"}" >"$f"
    if ! built "$t"; then
        verdict "$n" "does not build"
    else
        passes "$t"
        case $? in
        0) verdict "$n" survived ;;
        124) verdict "$n" "runs for more than $limit seconds" ;;
        *) verdict "$n" killed ;;
        esac
    fi
    cp "$tmp/original" "$f"
done
echo "1..$ran"
exit $bad
