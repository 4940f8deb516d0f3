#!/bin/sh
# The project itself is configured inside the mount; its crdt layer and an example are built there, and the example runs.
set -eu
. "$(dirname "$0")/common.sh"

new_volume
mkdir "$folder/copse"
(cd "$COPSE_SOURCE_DIR" && git ls-files -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$folder/copse"
cmake -G Ninja -S "$folder/copse" -B "$folder/copse/build" -DCMAKE_BUILD_TYPE=Debug >/dev/null
cmake --build "$folder/copse/build" --target outline
"$folder/copse/build/examples/outline" | diff - "$folder/copse/tests/examples/outline.expected"
