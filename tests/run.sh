#!/bin/bash
# Runs every test program and script (or those named), which print TAP; shows failures and skips, and ends
# with a line `N passed, N failed, N skipped`. A program that dies or whose plan is not met has failed.
# BUILD: the build folder. WRAP: a command to run test programs under. TACIT_SHARED: shared data.
cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-build}
export TACIT_SHARED=${TACIT_SHARED:-../shared}
export TACIT=$BUILD/tacit CMOCKA_MESSAGE_OUTPUT=TAP LC_ALL=C.UTF-8
# Preloaded shims come before AddressSanitizer's runtime (make asan).
export ASAN_OPTIONS=verify_asan_link_order=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
passed=0 failed=0 skipped=0

tally() { # NAME STATUS OUTPUT
    local ok bad skip plan
    # cmocka says "not ok N # SKIP NAME" of a test that skips itself
    skip=$(grep -cE '^(not )?ok .*# SKIP' <<<"$3")
    ok=$(grep -E '^ok( |$)' <<<"$3" | grep -cv '# SKIP')
    bad=$(grep -E '^not ok( |$)' <<<"$3" | grep -cv '# SKIP')
    plan=$(grep -oE '^1\.\.[0-9]+' <<<"$3" | awk -F'[.]+' '{ n += $2 } END { print n + 0 }')
    if [ "$2" != 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "FAIL $1: ended with status $2"
        tail -n 20 <<<"$3"
    elif [ "$bad" != 0 ]; then
        echo "FAIL $1"
        tail -n 60 <<<"$3"
    elif [ $((ok + skip)) = 0 ] || { [ "$plan" != 0 ] && [ "$plan" != $((ok + skip)) ]; }; then
        bad=1
        echo "FAIL $1: ran $((ok + skip)) tests, planned $plan"
    fi
    grep -E '^(not )?ok .*# SKIP' <<<"$3" | sed -E "s/^(not )?ok [0-9]* *-* */skip $1: /"
    grep -E '^# SKIP: ' <<<"$3" | sort -u | sed 's/^# SKIP: /    /'
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-34s %3d passed  %d failed  %d skipped  %ds\n' "$1" "$ok" "$bad" "$skip" "$4"
}

tests=("$@")
[ $# -gt 0 ] || tests=("$BUILD"/tests/test_* tests/*_test.sh)
for t in "${tests[@]}"; do
    [ -x "$t" ] || continue
    case $t in *.d) continue ;; esac
    start=$SECONDS
    case $t in
    *.sh) out=$("$t" 2>&1 </dev/null) ;;
    *) out=$(${WRAP:-} "$t" 2>&1 </dev/null) ;;
    esac
    status=$?
    tally "$(basename "$t")" "$status" "$out" $((SECONDS - start))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
