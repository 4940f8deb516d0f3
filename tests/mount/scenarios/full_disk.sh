#!/bin/sh
# On a full disk new writes get ENOSPC, deleting works, and nothing that was there is lost.
set -eu
. "$(dirname "$0")/common.sh"
skip_without root test "$(id -u)" -eq 0
skip_without loop test -e /dev/loop-control

truncate -s 400M "$scratch/disk.img"
mkfs.ext4 -q -m 0 "$scratch/disk.img"
mkdir "$scratch/disk"
mount -o loop "$scratch/disk.img" "$scratch/disk"
extra_mount=$scratch/disk
store=$scratch/disk/store
new_volume
echo precious >"$folder/precious"
head -c 1M /dev/urandom >"$folder/large"
"$COPSE" flush "$folder"
# Another program fills the disk until less than the reserve of 256 MiB is free.
fallocate -l 150M "$scratch/disk/filler"
sleep 0.3
if echo more 2>/dev/null >"$folder/more"; then fail "a new file was taken on a full disk"; fi
message=$(LC_ALL=C touch "$folder/more" 2>&1 || true)
case $message in *"No space left on device"*) ;; *) fail "expected ENOSPC, got: $message" ;; esac
[ "$(cat "$folder/precious")" = precious ] || fail "what was there is gone"
rm "$folder/large"
[ ! -e "$folder/large" ] || fail "deleting does not work on a full disk"
pull_the_plug
"$COPSE" mount "$store" "$folder" >/dev/null
[ "$(cat "$folder/precious")" = precious ] || fail "what was there is gone after kill -9"
rm "$scratch/disk/filler"
sleep 0.3
echo more >"$folder/more" || fail "space was freed, and still no new file is taken"
"$COPSE" umount "$folder"
"$COPSE" verify "$store" >/dev/null
