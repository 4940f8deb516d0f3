# ./dev bench exchange: two replicas on loopback. How soon a change is seen at the other, and how fast a new replica fills.
# With --check fails unless the medians are below 20 ms and the new replica takes in 5,000 files a second.
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse copse_exchange_benchmark

files=${COPSE_FILES:-50000}
out=$top/build/bench
place=$(mktemp -d "${TMPDIR:-/tmp}/copse-bench.XXXXXX")
mkdir -p "$out" "$place/one" "$place/two"
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
rate=$((files * 1000 / joined))
printf '{"commit": "%s", "files": %s, "join_ms": %s, "files_per_second": %s, "latency": %s}\n' \
  "$(git rev-parse --short HEAD 2>/dev/null || echo none)" "$files" "$joined" "$rate" "$latency" | tee "$out/exchange.json"
[ "${check:-}" = yes ] || exit 0
[ "$rate" -ge 5000 ] || fail "a new replica takes in $rate files a second, not 5000"
echo "$latency" | sed 's/"median_ms":/\n&/g' | sed -n 's/^"median_ms":\([0-9]*\).*/\1/p' | while read -r median; do
  [ "$median" -lt 20 ] || fail "a change is seen after $median ms, not 20"
done
