#!/bin/sh
# shellcheck disable=SC2086,SC2089,SC2090 # $flags is to be split
# Static checks: clang's warnings, clang-format, cppcheck and shellcheck where they are installed; says what it skips.
set -eu
cd "$(dirname "$0")/.."
flags="-std=c11 -D_GNU_SOURCE -DTACIT_VERSION=\"x\" -DTACIT_PREFIX=\"x\" -Iinclude -Isrc -Wall -Wextra -Wpedantic -Wshadow
-Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -fopenmp -Werror -fsyntax-only"
if command -v clang >/dev/null; then
    for f in $(git ls-files 'src/*.c' 'examples/*.c' 'demo/*.c'); do
        case $f in
        src/backend/kern_*) for isa in portable avx2 avx512; do
            set -- -DTAC_ISA=$isa -DTAC_ISA_$isa
            [ $isa = avx2 ] && set -- "$@" -mavx2 -mfma -mf16c
            [ $isa = avx512 ] && set -- "$@" -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mf16c
            clang $flags "$@" "$f"
        done ;;
        src/backend/ref.c) for real in float "double -DTAC_REAL_F64"; do
            clang $flags -DTAC_REAL=$real "$f"
        done ;;
        *) clang $flags "$f" ;;
        esac
    done
else
    echo "clang is not installed: its warnings were not looked at"
fi
if command -v clang-format >/dev/null; then
    # shellcheck disable=SC2046
    clang-format --dry-run --Werror $(git ls-files '*.c' '*.h')
else
    echo "clang-format is not installed"
fi
if command -v cppcheck >/dev/null; then
    cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
        -Iinclude -Isrc src/base src/format src/stats src/model src/run src/train src/tune src/interpret src/report \
        src/api src/study src/cli
else
    echo "cppcheck is not installed"
fi
if command -v shellcheck >/dev/null; then
    # TACIT and BUILD come from tests/run.sh; functions are called by name.
    shellcheck -e SC2153,SC2317 tools/*.sh tests/*.sh demo/*.sh .ci/run
else
    echo "shellcheck is not installed"
fi
if python3 -m pyflakes --version >/dev/null 2>&1; then
    # shellcheck disable=SC2046
    python3 -m pyflakes $(git ls-files '*.py')
else
    echo "pyflakes is not installed"
fi
