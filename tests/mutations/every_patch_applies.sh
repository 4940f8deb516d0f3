#!/bin/sh
# every_patch_applies.sh SOURCE: fails unless each patch names what catches it before the diff, and applies to SOURCE.
set -eu
failed=0
for patch in "$1"/tests/mutations/*.patch; do
  name=$(basename "$patch")
  sed '/^--- /,$d' "$patch" | grep -Eq '^(tests: \^[a-z]+\\\.|seeds: [0-9]+$)' || {
    echo "$name: before the diff comes 'tests: ^PROGRAM\\.REGEX' or 'seeds: N' or both"
    failed=1
  }
  patch --dry-run --force -s -p1 -d "$1" <"$patch" || {
    echo "$name: does not apply; plant the same bug in the code as it is now"
    failed=1
  }
done
exit "$failed"
