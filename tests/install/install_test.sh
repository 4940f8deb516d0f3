#!/bin/sh
# The installed library is found and used both ways, and the installed program says who it is.
set -eu
build=$1
source=$(dirname "$0")/consumer
scratch=$(mktemp -d "${TMPDIR:-/tmp}/copse-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null

cmake -G Ninja -S "$source" -B "$scratch/by-cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/by-cmake" >/dev/null
[ "$("$scratch/by-cmake/consumer")" = hello ] || { echo "the consumer built by find_package fails"; exit 1; }

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name copse-crdt.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # flags are words
g++ -o "$scratch/by-pkg-config" "$source/main.cc" $(pkg-config --define-variable=prefix="$prefix" --cflags --libs copse-crdt)
[ "$("$scratch/by-pkg-config")" = hello ] || { echo "the consumer built by pkg-config fails"; exit 1; }

"$prefix/bin/copse" --version
