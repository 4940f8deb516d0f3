# ./dev bench mount: ours beside ext4 and beside libfuse's passthrough_ll and passthrough_hp, all on one ext4, in one run:
# once on RAM, once on a disk. The figures are medians of the rounds.
#
# Environment: COPSE_ROUNDS (5); COPSE_PART (only cases that have this in their names, which --check refuses);
# COPSE_BACKINGS ("RAM disk"); COPSE_DISK (a directory on the disk that is measured, /var/tmp).
bench_begin mount
[ "$(id -u)" -eq 0 ] || fail "bench mount makes an ext4 on a loop device: run it as root"
[ "$check" = no ] || [ -z "${COPSE_PART:-}" ] || fail "--check needs every case: unset COPSE_PART"
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse copse_mount_benchmark

rounds=${COPSE_ROUNDS:-5}
backings=${COPSE_BACKINGS:-RAM disk}
ram=$(mktemp -d /tmp/copse-bench.XXXXXX)
disk=$(mktemp -d "${COPSE_DISK:-/var/tmp}/copse-bench.XXXXXX")
clean_up() {
  status=$?
  trap - EXIT
  for mounted in two ours passthrough ext4; do umount -l "$ram/$mounted" 2>/dev/null || true; done
  umount -l "$ram" 2>/dev/null || true
  rm -rf "$disk"
  rmdir "$ram"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
mount -t tmpfs -o size=6G tmpfs "$ram"
mkdir "$ram/ext4" "$ram/passthrough" "$ram/ours" "$ram/two" "$ram/material"

# Debian ships the first example's source, plain or compressed, and the second's in the source package only. They are
# built as they are. The list of sources is this script's own; the system's stays as it is.
examples=$top/build/bench/passthrough
build_examples() {
  shipped=/usr/share/doc/libfuse3-dev/examples
  mkdir -p "$examples/apt/lists/partial" "$examples/apt/cache/archives/partial"
  for file in passthrough_ll.c passthrough_helpers.h; do
    if [ -e "$shipped/$file" ]; then cp "$shipped/$file" "$examples/"; else gzip -dc "$shipped/$file.gz" >"$examples/$file"; fi
  done
  # shellcheck disable=SC2046 # flags are words
  gcc -O2 -DFUSE_USE_VERSION=312 -o "$examples/passthrough_ll" "$examples/passthrough_ll.c" $(pkg-config --cflags --libs fuse3) -w
  [ ! -x "$examples/passthrough_hp" ] || return 0
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | head -n 1)
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${site:-http://deb.debian.org/debian} bookworm main" \
    >"$examples/apt/sources.list"
  (
    cd "$examples"
    own="-o Dir::Etc::SourceList=$examples/apt/sources.list -o Dir::Etc::SourceParts=/dev/null
      -o Dir::State::Lists=$examples/apt/lists -o Dir::Cache=$examples/apt/cache -o APT::Sandbox::User=root"
    # shellcheck disable=SC2086 # options are words
    apt-get -qq $own update && apt-get -qq $own source --download-only fuse3 >/dev/null
    tar -xf fuse3_*.orig.tar.xz --strip-components=2 --wildcards '*/example/passthrough_hp.cc' '*/example/cxxopts.hpp'
    # shellcheck disable=SC2046 # flags are words
    g++ -std=c++17 -O2 -DFUSE_USE_VERSION=312 -o passthrough_hp passthrough_hp.cc $(pkg-config --cflags --libs fuse3) -w
  ) || fail "bench mount: no source of passthrough_hp (apt-get source fuse3)"
}
build_examples

# A source tree of 4,000 files, the same as a repository, and 40 C files with what builds them.
make_material() {
  mkdir "$ram/material/tree" "$ram/material/project"
  find /usr/include -type f | LC_ALL=C sort | head -n 4000 | tar -cf - -T - 2>/dev/null | tar -xf - -C "$ram/material/tree"
  tar -cf "$ram/material/tree.tar" -C "$ram/material" tree
  git init --quiet "$ram/material/repository"
  mv "$ram/material/tree" "$ram/material/repository/"
  git -C "$ram/material/repository" add -A
  git -C "$ram/material/repository" -c user.name=bench -c user.email=bench commit --quiet -m tree
  printf 'cmake_minimum_required(VERSION 3.20)\nproject(bench C)\nfile(GLOB sources *.c)\nadd_library(bench STATIC ${sources})\n' \
    >"$ram/material/project/CMakeLists.txt"
  file=0
  while [ "$file" -lt 40 ]; do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint f%d(void) { return printf("%%d", %d); }\n' \
      "$file" "$file" >"$ram/material/project/f$file.c"
    file=$((file + 1))
  done
}
make_material

program=$top/build/tests/benchmarks/copse_mount_benchmark
measure() { "$program" run "$1" "$ram/material" "${COPSE_PART:-}"; }

# measure_backing DIRECTORY: JSON of the rounds on an ext4 in an image that lies in DIRECTORY.
measure_backing() {
  truncate -s 4G "$1/image"
  mkfs.ext4 -q "$1/image"
  mount -o loop "$1/image" "$ram/ext4"
  mkdir "$ram/ext4/plain" "$ram/ext4/below"
  separator='['
  round=0
  while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "bench mount: $backing, round $round of $rounds" >&2
    printf '%s{"ext4": ' "$separator"
    measure "$ram/ext4/plain"
    for example in passthrough_ll passthrough_hp; do
      if [ "$example" = passthrough_ll ]; then
        "$examples/passthrough_ll" -o source="$ram/ext4/below",cache=always "$ram/passthrough"
      else
        "$examples/passthrough_hp" "$ram/ext4/below" "$ram/passthrough" >/dev/null
      fi
      printf ', "%s": ' "$example"
      measure "$ram/passthrough"
      umount "$ram/passthrough"
    done
    rm -rf "$ram/ext4/store"
    build/copse init "$ram/ext4/store" --label bench >/dev/null
    build/copse mount "$ram/ext4/store" "$ram/ours" >/dev/null
    printf ', "copse": '
    measure "$ram/ours"
    build/copse umount "$ram/ours" >/dev/null
    printf '}'
    separator=,
  done
  printf ']'
  # The process that served the last mount ends a moment after the mount.
  attempt=0
  until umount "$ram/ext4" 2>/dev/null; do
    attempt=$((attempt + 1))
    [ "$attempt" -lt 100 ] || fail "bench mount: $ram/ext4 stays busy"
    sleep 0.1
  done
  rm "$1/image"
}

# Lookups in one replica while the 100,000 ops of 33,333 new files arrive from another: [p99 in ms, lookups] for each round.
measure_merge() {
  separator='['
  round=0
  while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "bench mount: merge, round $round of $rounds" >&2
    build/copse init "$ram/material/one" --label one >/dev/null
    build/copse mount "$ram/material/one" "$ram/ours" --listen 127.0.0.1:0 >/dev/null
    invitation=$(build/copse invite "$ram/ours" --json | sed 's/.*"invitation":"\([^"]*\)".*/\1/')
    build/copse join "$ram/material/two" "$invitation" --label two >/dev/null
    build/copse mount "$ram/material/two" "$ram/two" --offline >/dev/null
    "$program" fill "$ram/two" 33333
    build/copse umount "$ram/two" >/dev/null
    build/copse mount "$ram/material/two" "$ram/two" >/dev/null
    printf '%s' "$separator"
    "$program" look "$ram/ours"
    for mounted in ours two; do build/copse umount "$ram/$mounted" >/dev/null; done
    rm -rf "$ram/material/one" "$ram/material/two"
    separator=,
  done
  printf ']'
}

{
  printf '{"ours": "copse", "baselines": ["ext4", "passthrough_ll", "passthrough_hp"], "commit": "%s", "machine": "%s"' \
    "$bench_commit" "$bench_machine"
  for backing in $backings; do
    printf ', "%s": ' "$backing"
    case $backing in
      RAM) measure_backing "$ram" ;;
      disk) measure_backing "$disk" ;;
      *) fail "no backing '$backing'; there are: RAM, disk" ;;
    esac
  done
  if [ -z "${COPSE_PART:-}" ] || [ "$COPSE_PART" = merge ]; then
    printf ', "merge": '
    measure_merge
  fi
  printf '}\n'
} >"$out/mount.json"
if [ -z "${COPSE_PART:-}" ]; then bench_report "$program"; else "$program" table "$out/mount.json"; fi
