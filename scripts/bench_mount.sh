# ./dev bench mount: ours beside ext4 and beside libfuse's passthrough_ll, all on one RAM-backed ext4, in one run; the
# figures are medians of the rounds.
bench_begin mount
[ "$(id -u)" -eq 0 ] || fail "bench mount makes an ext4 on a loop device: run it as root"
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse copse_mount_benchmark

rounds=${COPSE_ROUNDS:-3}
ram=$(mktemp -d /tmp/copse-bench.XXXXXX)
clean_up() {
  status=$?
  trap - EXIT
  for mounted in ours passthrough ext4; do umount -l "$ram/$mounted" 2>/dev/null || true; done
  umount -l "$ram" 2>/dev/null || true
  rmdir "$ram"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
mount -t tmpfs -o size=6G tmpfs "$ram"
truncate -s 5G "$ram/image"
mkfs.ext4 -q "$ram/image"
mkdir "$ram/ext4" "$ram/passthrough" "$ram/ours"
mount -o loop "$ram/image" "$ram/ext4"
mkdir "$ram/ext4/plain" "$ram/ext4/below"

# Debian ships the example's source, plain or compressed; it is built as it is.
example=/usr/share/doc/libfuse3-dev/examples
mkdir -p build/bench/passthrough
for file in passthrough_ll.c passthrough_helpers.h; do
  if [ -e "$example/$file" ]; then cp "$example/$file" build/bench/passthrough/; else
    gzip -dc "$example/$file.gz" >"build/bench/passthrough/$file"; fi
done
# shellcheck disable=SC2046 # flags are words
gcc -O2 -DFUSE_USE_VERSION=312 -o build/bench/passthrough_ll build/bench/passthrough/passthrough_ll.c \
  $(pkg-config --cflags --libs fuse3) -w

run=copse_mount_benchmark
program=$top/build/tests/benchmarks/$run
separator=
{
  printf '{"ours": "copse", "baselines": ["ext4", "passthrough_ll"], "commit": "%s", "machine": "%s", "runs": [' \
    "$bench_commit" "$bench_machine"
  round=0
  while [ "$round" -lt "$rounds" ]; do
    echo "bench mount: round $((round + 1)) of $rounds" >&2
    printf '%s{"ext4": ' "$separator"
    "$program" run "$ram/ext4/plain"
    build/bench/passthrough_ll -o source="$ram/ext4/below",cache=always "$ram/passthrough"
    printf ', "passthrough_ll": '
    "$program" run "$ram/passthrough"
    umount "$ram/passthrough"
    rm -rf "$ram/ext4/store"
    build/copse init "$ram/ext4/store" --label bench >/dev/null
    build/copse mount "$ram/ext4/store" "$ram/ours" >/dev/null
    printf ', "copse": '
    "$program" run "$ram/ours"
    build/copse umount "$ram/ours" >/dev/null
    printf '}'
    separator=,
    round=$((round + 1))
  done
  printf ']}\n'
} >"$out/mount.json"
bench_report "$program"
