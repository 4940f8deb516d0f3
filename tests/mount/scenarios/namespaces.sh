#!/bin/sh
# `copse umount` ends although a container has a copy of the mount in a mount namespace of its own.
set -eu
. "$(dirname "$0")/common.sh"
skip_without root test "$(id -u)" -eq 0

new_volume
echo kept >"$folder/file"
unshare --mount --propagation private sleep 60 &
container=$!
trap 'kill "$container" 2>/dev/null || true; clean_up' EXIT
until grep -q "$folder" "/proc/$container/mountinfo" 2>/dev/null &&
  [ "$(readlink "/proc/$container/ns/mnt")" != "$(readlink /proc/$$/ns/mnt)" ]; do
  sleep 0.05
done
timeout 50 "$COPSE" umount "$folder" >/dev/null || fail "umount did not end"
kill "$container"
"$COPSE" mount "$store" "$folder" >/dev/null
[ "$(cat "$folder/file")" = kept ] || fail "the file is lost"
