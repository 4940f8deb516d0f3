#!/bin/sh
# Many large files are written one after the other while the mount may have few descriptors: each takes one until it is
# published.
set -eu
. "$(dirname "$0")/common.sh"

ulimit -S -n 48
ulimit -H -n 96
new_volume
head -c 257K /dev/urandom >"$scratch/large"
file=0
while [ "$file" -lt 300 ]; do
  cat "$scratch/large" >"$folder/$file" || fail "file $file was not taken"
  file=$((file + 1))
done
"$COPSE" flush "$folder" >/dev/null
cmp "$scratch/large" "$folder/0"
cmp "$scratch/large" "$folder/299"
"$COPSE" umount "$folder" >/dev/null
"$COPSE" verify "$store" >/dev/null
