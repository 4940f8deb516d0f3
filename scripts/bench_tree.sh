# ./dev bench tree [--check]: the tree engine beside the textbook engine, at 10k, 100k and 1M ops, in one run.
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse_tree_benchmark
program=$top/build/tests/benchmarks/copse_tree_benchmark
out=$top/build/bench
mkdir -p "$out"
"$program" run "${COPSE_ROUNDS:-3}" 10000 100000 1000000 >"$out/tree.json"
goals=0
{
  printf 'Run: `./dev bench tree`, commit %s, %s, %s cores, Linux %s.\n' \
    "$(git rev-parse --short HEAD 2>/dev/null || echo none)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "$(nproc)" "$(uname -r)"
  "$program" table "$out/tree.json"
  printf '\n| case, at 1000000 ops | goal | |\n|---|---|---|\n'
} >"$out/tree.md"
"$program" check "$out/tree.json" >>"$out/tree.md" || goals=1
cat "$out/tree.md"
echo "bench tree: the figures are in build/bench/tree.json"
# Between these two lines of docs/benchmarks.md stands what this run has measured.
if [ "${check:-}" ]; then
  awk -v table="$out/tree.md" '
    /^<!-- bench tree begins -->$/ { print; while ((getline line < table) > 0) print line; skip = 1 }
    /^<!-- bench tree ends -->$/ { skip = 0 }
    !skip { if ($0 !~ /^<!-- bench tree begins/) print }
  ' docs/benchmarks.md >"$out/benchmarks.md"
  cp "$out/benchmarks.md" docs/benchmarks.md
  [ "$goals" -eq 0 ] || fail "bench tree: a goal is missed"
fi
