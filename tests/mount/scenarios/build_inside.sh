#!/bin/sh
# The project itself is configured and built inside the mount, and the tests of its crdt layer run there.
set -eu
. "$(dirname "$0")/common.sh"

new_volume
mkdir "$folder/copse"
(cd "$COPSE_SOURCE_DIR" && git ls-files -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$folder/copse"
cmake -G Ninja -S "$folder/copse" -B "$folder/copse/build" -DCMAKE_BUILD_TYPE=Debug >/dev/null
cmake --build "$folder/copse/build" --target copse_crdt_tests
"$folder/copse/build/tests/crdt/copse_crdt_tests" --gtest_brief=1
