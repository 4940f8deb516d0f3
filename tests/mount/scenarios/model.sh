#!/bin/sh
# The same random system calls in the mount and in a directory of the host give the same results, and so do the calls of
# every trace that once showed a difference. COPSE_CALLS and COPSE_SEEDS say how many; the host has to be an ext4.
set -eu
. "$(dirname "$0")/common.sh"
skip_without root test "$(id -u)" -eq 0
calls=${COPSE_CALLS:-7500}
seeds=${COPSE_SEEDS:-7}

chmod 755 "$scratch"
host=$scratch/host
mkdir "$host"
if [ "$(stat -f -c %T "$host")" != ext2/ext3 ]; then
  skip_without loop test -e /dev/loop-control
  truncate -s 256M "$scratch/host.img"
  mkfs.ext4 -q "$scratch/host.img"
  mount -o loop "$scratch/host.img" "$host"
  extra_mount=$host
fi
"$COPSE" init "$store" --label scenario >/dev/null
"$COPSE" mount "$store" "$folder" -o allow_other,suid,dev >/dev/null
mkdir "$folder/model"
"$COPSE_POSIX_MODEL" "$host" "$folder/model" replay "$(dirname "$0")"/../traces/*.trace
for seed in $seeds; do
  "$COPSE_POSIX_MODEL" "$host" "$folder/model" random "$seed" "$calls"
done
"$COPSE" umount "$folder" >/dev/null
"$COPSE" verify "$store" >/dev/null || fail "verify found damage"
