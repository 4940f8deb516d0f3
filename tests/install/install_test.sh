#!/bin/sh
# The installed library is found and used both ways, by a small consumer and by every example, and the installed program
# says who it is. What the examples print is compared with what those of the build print.
set -eu
build=$1
here=$(dirname "$0")
examples=$here/../../examples
scratch=$(mktemp -d "${TMPDIR:-/tmp}/copse-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name copse-crdt.pc)")
export PKG_CONFIG_PATH

fail() { echo "install: $*" >&2; exit 1; }

printf '%s\n' '{"time":[2,1],"parent":1,"child":2,"meta":"b"}' '{"commit":true}' \
  '{"time":[1,0],"parent":0,"child":1,"meta":"a"}' >"$scratch/input"

# check NAME FOLDER MODULES EXPECTED: builds FOLDER/main.cc in both ways, and compares what it prints.
check() {
  name=$1 folder=$2 modules=$3 expected=$4
  cmake -G Ninja -S "$folder" -B "$scratch/$name" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
  cmake --build "$scratch/$name" >/dev/null
  # shellcheck disable=SC2046,SC2086 # flags and modules are words
  g++ -o "$scratch/$name.pkg-config" "$folder/main.cc" \
    $(pkg-config --define-variable=prefix="$prefix" --cflags --libs $modules)
  for program in "$scratch/$name/$name" "$scratch/$name.pkg-config"; do
    "$program" <"$scratch/input" >"$scratch/out" || fail "$program fails"
    cmp -s "$scratch/out" "$expected" || fail "$program prints something else than $expected"
  done
}

echo hello >"$scratch/hello"
check consumer "$here/consumer" copse-crdt "$scratch/hello"
"$build/examples/apply_trace" <"$scratch/input" >"$scratch/trace"
check outline "$examples/outline" copse-crdt "$here/../examples/outline.expected"
check apply_trace "$examples/apply_trace" "copse-crdt nlohmann_json" "$scratch/trace"
check replicated_tree "$examples/replicated_tree" copse-replica "$here/../examples/replicated_tree.expected"

# Who embeds the tree needs neither Boost nor nlohmann/json, unless he asks for their headers.
echo '#include <copse/crdt/document.h>' >"$scratch/headers.cc"
# shellcheck disable=SC2046
g++ -M $(pkg-config --define-variable=prefix="$prefix" --cflags copse-crdt) "$scratch/headers.cc" >"$scratch/headers"
if grep -qE '/(boost|nlohmann|openssl|fuse3)/' "$scratch/headers"; then fail "document.h includes more than it may"; fi
for header in boost_serialization json; do
  find "$prefix" -name "$header.h" | grep -q . || fail "$header.h is not installed"
done

"$prefix/bin/copse" --version
