#!/bin/bash
# Replays every built fuzz target over its corpus, tests/fuzz/corpus/NAME/ for fuzz_NAME; prints TAP.
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
status=0 found=0

for target in "$build"/fuzz/fuzz_*; do
    name=${target##*/fuzz_}
    { [ -x "$target" ] && [ "${name%.d}" = "$name" ]; } || continue
    found=1
    corpus=(tests/fuzz/corpus/"$name"/*)
    if [ ! -e "${corpus[0]}" ]; then
        echo "not ok - $name has no corpus in tests/fuzz/corpus/$name"
        status=1
    elif ! "$target" "${corpus[@]}"; then
        echo "not ok - $target died on the file behind the last ok"
        status=1
    fi
done
if [ "$found" = 0 ]; then
    echo "not ok - no fuzz target in $build/fuzz"
    status=1
fi
exit "$status"
