#!/bin/sh
# shellcheck disable=SC2086 # lists of packages are to be split
# Installs what building and testing tacit needs and is missing: Debian packages, by apt. Silent when all
# is there. On another system it prints the list and stops.
# usage: deps.sh [PACKAGE]...   further packages that a target wants
set -eu

packages="gcc make pkg-config libc6-dev libjansson-dev libyaml-dev libpcre2-dev libutf8proc-dev
libunistring-dev libcmocka-dev libsqlite3-dev node-d3 $*"

missing() {
    for p in $packages; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
    done
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    command -v pkg-config >/dev/null 2>&1 &&
        pkg-config --exists jansson yaml-0.1 libpcre2-8 libutf8proc sqlite3 cmocka &&
        [ -e "${D3:-/usr/share/nodejs/d3/dist/d3.min.js}" ] && exit 0
    echo "tacit needs these libraries with their headers (Debian's names):" $packages >&2
    echo "They could not be found, and only Debian's apt is known to this script." >&2
    exit 1
fi

need=$(missing)
[ -n "$need" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "install these packages as root, then run make again:" $need >&2
        exit 1
    }
    sudo=sudo
fi
echo "installing:" $need
export DEBIAN_FRONTEND=noninteractive
# An old package list is refreshed only where it does not do.
$sudo apt-get install -y -qq --no-install-recommends $need >/dev/null 2>&1 || {
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends $need >/dev/null
}
