#!/bin/sh
# The same random system calls in the mount and in a directory of the host give the same results, and so do the calls of
# every trace that once showed a difference. COPSE_CALLS and COPSE_SEEDS say how many; with COPSE_SECONDS seeds from
# COPSE_FIRST_SEED on are tried until so many seconds have passed. The host has to be an ext4.
set -eu
. "$(dirname "$0")/common.sh"
skip_without root test "$(id -u)" -eq 0
calls=${COPSE_CALLS:-20000}
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
compare() { "$COPSE_POSIX_MODEL" "$host" "$folder/model" random "$1" "$calls"; }
if [ -n "${COPSE_SECONDS:-}" ]; then
  seed=${COPSE_FIRST_SEED:-1}
  end=$(($(date +%s) + COPSE_SECONDS))
  while [ "$(date +%s)" -lt "$end" ]; do
    compare "$seed"
    seed=$((seed + 1))
  done
  echo "seeds ${COPSE_FIRST_SEED:-1} to $((seed - 1)), $calls calls each: the same"
else
  for seed in $seeds; do compare "$seed"; done
fi
"$COPSE" umount "$folder" >/dev/null
"$COPSE" verify "$store" >/dev/null || fail "verify found damage"
