#!/bin/sh
# A tree copied in, made durable, and the plug pulled: everything is there, under the same inode numbers.
set -eu
. "$(dirname "$0")/common.sh"
source=${COPSE_SOURCE_TREE:-/usr/include/linux}

new_volume
cp -a "$source" "$folder/tree"
ln "$folder/tree/fs.h" "$folder/hardlink" 2>/dev/null || ln "$(find "$folder/tree" -type f | head -n 1)" "$folder/hardlink"
mkfifo "$folder/fifo"
"$COPSE" flush "$folder"
listing "$folder" >"$scratch/before"
pull_the_plug
"$COPSE" mount "$store" "$folder" >/dev/null
diff -r "$source" "$folder/tree" || fail "contents differ after kill -9"
listing "$folder" >"$scratch/after"
diff "$scratch/before" "$scratch/after" || fail "listing differs after kill -9"

"$COPSE" umount "$folder"
"$COPSE" mount "$store" "$folder" >/dev/null
diff -r "$source" "$folder/tree" || fail "contents differ after umount"
listing "$folder" >"$scratch/after"
diff "$scratch/before" "$scratch/after" || fail "listing differs after umount"

# Only some files are fsynced: those are whole.
mkdir "$folder/some"
number=0
while [ $number -lt 40 ]; do
  head -c $((number * 7919 + 1)) /dev/urandom >"$scratch/contents.$number"
  if [ $((number % 2)) -eq 0 ]; then
    dd if="$scratch/contents.$number" of="$folder/some/$number" bs=64k conv=fsync status=none
  else
    cp "$scratch/contents.$number" "$folder/some/$number"
  fi
  number=$((number + 1))
done
pull_the_plug
"$COPSE" mount "$store" "$folder" >/dev/null
number=0
while [ $number -lt 40 ]; do
  cmp "$scratch/contents.$number" "$folder/some/$number" || fail "fsynced file $number is not whole"
  number=$((number + 2))
done
"$COPSE" verify "$folder" >/dev/null || fail "verify found a problem"
"$COPSE" dump "$folder" >"$scratch/mounted"
"$COPSE" umount "$folder"
"$COPSE" dump "$store" >"$scratch/unmounted"
cmp "$scratch/mounted" "$scratch/unmounted" || fail "the dump differs once unmounted"
