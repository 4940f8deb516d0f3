# ./dev bench start: how long a volume of a million files takes to mount, with a snapshot and without, and what it takes of
# memory. On a RAM-backed folder; the times are medians of the rounds.
bench_begin start
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse copse_start_benchmark

files=${COPSE_FILES:-1000000}
rounds=${COPSE_ROUNDS:-3}
place=$(mktemp -d /dev/shm/copse-bench.XXXXXX)
mkdir "$place/folder"
clean_up() {
  status=$?
  trap - EXIT
  build/copse umount "$place/folder" >/dev/null 2>&1 || umount -l "$place/folder" 2>/dev/null || true
  rm -rf "$place"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
# The figure in the middle, of one a line.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
resident_mb() { awk '/^VmRSS/ { printf "%.1f\n", $2 / 1000 }' "/proc/$(cat "$place/store/lock")/status"; }
processor_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$(cat "$place/store/lock")/stat"; }
# Mounts, lists, and adds a line to $place/NAME and to $place/NAME.cpu.
start() {
  begin=$(milliseconds)
  build/copse mount "$place/store" "$place/folder" >/dev/null
  ls "$place/folder" >/dev/null
  echo $(($(milliseconds) - begin)) >>"$place/$1"
  processor_ms >>"$place/$1.cpu"
}

program=build/tests/benchmarks/copse_start_benchmark
echo "bench start: making $files files" >&2
"$program" make "$place/store" "$files"
round=0
while [ "$round" -lt "$rounds" ]; do
  echo "bench start: round $((round + 1)) of $rounds" >&2
  rm -rf "$place/store/snapshots"
  start replay
  begin=$(milliseconds)
  build/copse umount "$place/folder" >/dev/null
  echo $(($(milliseconds) - begin)) >>"$place/write"
  start snapshot
  resident_mb >>"$place/idle"
  if [ "$((round + 1))" -eq "$rounds" ]; then
    find "$place/folder" -size +1 | wc -l >/dev/null
    resident_mb >>"$place/looked_up"
  fi
  build/copse umount "$place/folder" >/dev/null
  round=$((round + 1))
done
figure() { median <"$place/$1"; }
snapshot_mb=$(du -b "$place"/store/snapshots/*.snapshot | awk '{ printf "%.1f\n", $1 / 1000000 }' | median)
printf '{"commit": "%s", "machine": "%s", "files": %s, "snapshot_ms": %s, "snapshot_cpu_ms": %s, "replay_ms": %s, "replay_cpu_ms": %s, "write_ms": %s, "snapshot_mb": %s, "idle_mb": %s, "looked_up_mb": %s}\n' \
  "$bench_commit" "$bench_machine" "$files" "$(figure snapshot)" "$(figure snapshot.cpu)" "$(figure replay)" \
  "$(figure replay.cpu)" "$(figure write)" "$snapshot_mb" "$(figure idle)" "$(figure looked_up)" >"$out/start.json"
bench_report "$program"
