#!/bin/sh
# every_patch_applies.sh SOURCE: fails unless each patch names its tests in the first line and applies to SOURCE.
set -eu
failed=0
for patch in "$1"/tests/mutations/*.patch; do
  name=$(basename "$patch")
  head -n 1 "$patch" | grep -Eq '^tests: \^[a-z]+\\\.' || {
    echo "$name: the first line must be 'tests: ^PROGRAM\\.REGEX'"
    failed=1
  }
  patch --dry-run --force -s -p1 -d "$1" <"$patch" || {
    echo "$name: does not apply; plant the same bug in the code as it is now"
    failed=1
  }
done
exit "$failed"
