#!/bin/sh
# Fails where a source file includes against the grants in LAYERS.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC2046 # file names without blanks
awk '
    FILENAME == "LAYERS" {
        if ($1 ~ /^[0-9]+$/) for (i = 2; i <= NF; i++) level[$i] = $1
        if ($1 == "only-public") for (i = 2; i <= NF; i++) closed[$i] = 1
        next
    }
    /^[ \t]*#[ \t]*include "/ {
        split(FILENAME, at, "/"); from = at[2]
        split($0, q, "\""); to = q[2]
        if (to == "tacit.h") next
        n = split(to, part, "/")
        if (n < 2) next                      # a private header beside its file
        dir = part[1]
        if (!(from in level)) { print FILENAME ": folder " from " has no level in LAYERS"; bad = 1; next }
        if (dir == from) next
        if (closed[from] || !(dir in level) || level[dir] >= level[from]) {
            print FILENAME ":" FNR ": " from " may not include " to; bad = 1
        }
    }
    END { exit bad }
' LAYERS $(find src -name '*.[ch]' | sort)
