#!/bin/sh
# git works in the mount: a repository of a few thousand files is cloned, sound, and clean after a remount.
set -eu
. "$(dirname "$0")/common.sh"

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
origin=$scratch/origin
git init -q -b main "$origin"
directory=0
while [ $directory -lt 60 ]; do
  mkdir "$origin/d$directory"
  file=0
  while [ $file -lt 50 ]; do
    echo "directory $directory file $file" >"$origin/d$directory/f$file"
    file=$((file + 1))
  done
  directory=$((directory + 1))
done
git -C "$origin" add .
git -C "$origin" -c user.name=t -c user.email=t@example.invalid commit -q -m 'three thousand files'

new_volume
git clone -q --no-local "$origin" "$folder/clone"
git -C "$folder/clone" fsck --strict
"$COPSE" umount "$folder"
"$COPSE" mount "$store" "$folder" >/dev/null
status=$(git -C "$folder/clone" status --porcelain)
[ -z "$status" ] || fail "git status is not clean after remount: $status"
git -C "$folder/clone" fsck --strict
echo changed >"$folder/clone/d1/f1"
git -C "$folder/clone" -c user.name=t -c user.email=t@example.invalid commit -qam 'change'
git -C "$folder/clone" gc -q
[ -z "$(git -C "$folder/clone" status --porcelain)" ] || fail "git status is not clean after commit and gc"
git -C "$folder/clone" fsck --strict
diff -r --exclude=.git --exclude=f1 "$origin" "$folder/clone"
