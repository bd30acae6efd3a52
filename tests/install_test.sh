#!/bin/bash
# What make install lays down works from there: the program finds its tasks, pkg-config builds a program against the library.
n=0 bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
check() { # NAME STATUS
    n=$((n + 1))
    if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; bad=1; fi
}
root=$(pwd)
make -s install BUILD="$BUILD" DESTDIR="$tmp/stage" PREFIX=/opt/tacit >"$tmp/log" 2>&1
check "make install" $?
prefix=$tmp/stage/opt/tacit
for f in bin/tacit lib/libtacit.a lib/libtacit.so lib/libtacit.so.0 include/tacit.h lib/pkgconfig/tacit.pc \
    share/man/man1/tacit.1 share/bash-completion/completions/tacit share/tacit/tasks/rte.yaml share/tacit/studies/superglue.yaml; do
    [ -s "$prefix/$f" ] || check "$f is there" 1
done
[ "$(find "$prefix/include" -type f | wc -l)" = 1 ]
check "one header is installed" $?
(cd "$tmp" && "$prefix/bin/tacit" tasks) | grep -q '^rte '
check "the installed program finds its tasks" $?
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$tmp/stage
# shellcheck disable=SC2046
cc -std=c11 -o "$tmp/score" "$root/examples/score.c" $(pkg-config --cflags --libs tacit) 2>"$tmp/log" &&
    LD_LIBRARY_PATH=$prefix/lib "$tmp/score" 2>&1 | grep -q usage
check "an example builds by pkg-config against the shared library, and starts" $?
[ "$(pkg-config --modversion tacit)" = "$(cat VERSION)" ] && [ "$("$prefix/bin/tacit" --version)" = "tacit $(cat VERSION)" ]
check "pkg-config, program and VERSION agree" $?
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
nm -D --defined-only "$prefix/lib/libtacit.so" | awk '$2 ~ /[TDBR]/ && $3 !~ /^tacit_/ { print "# exported: " $3; bad = 1 } END { exit bad }'
check "the shared library exports tacit_ names alone" $?
make -s uninstall BUILD="$BUILD" DESTDIR="$tmp/stage" PREFIX=/opt/tacit >"$tmp/log" 2>&1
[ -z "$(find "$prefix" -type f -o -type l)" ]
check "make uninstall leaves no file" $?
echo "1..$n"
exit $bad
