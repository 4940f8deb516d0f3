# ./dev bench exchange: two replicas on loopback. How soon a change is seen at the other, and how fast a new replica fills.
bench_begin exchange
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse copse_exchange_benchmark

files=${COPSE_FILES:-50000}
place=$(mktemp -d "${TMPDIR:-/tmp}/copse-bench.XXXXXX")
mkdir -p "$place/one" "$place/two"
clean_up() {
  status=$?
  trap - EXIT
  for mount in one two; do build/copse umount "$place/$mount" >/dev/null 2>&1 || umount -l "$place/$mount" 2>/dev/null || true; done
  rm -rf "$place"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

program=build/tests/benchmarks/copse_exchange_benchmark
build/copse init "$place/one.store" --label one >/dev/null
build/copse mount "$place/one.store" "$place/one" --listen 127.0.0.1:0 >/dev/null
echo "bench exchange: making $files files" >&2
"$program" tree "$place/one" "$files"
build/copse flush "$place/one" >/dev/null
invitation=$(build/copse invite "$place/one" --json | sed 's/.*"invitation":"\([^"]*\)".*/\1/')
echo "bench exchange: joining" >&2
begin=$(milliseconds)
build/copse join "$place/two.store" "$invitation" --label two >/dev/null
joined=$(($(milliseconds) - begin))
build/copse mount "$place/two.store" "$place/two" >/dev/null
build/copse sync "$place/two" >/dev/null
echo "bench exchange: 400 changes, one after another" >&2
latency=$("$program" latency "$place/one" "$place/two")
printf '{"commit": "%s", "machine": "%s", "files": %s, "join_ms": %s, "files_per_second": %s, "latency": %s}\n' \
  "$bench_commit" "$bench_machine" "$files" "$joined" "$((files * 1000 / joined))" "$latency" >"$out/exchange.json"
bench_report "$program"
