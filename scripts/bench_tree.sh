# ./dev bench tree: the tree engine beside the textbook engine, at 10k, 100k and 1M ops, in one run.
bench_begin tree
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse_tree_benchmark
program=$top/build/tests/benchmarks/copse_tree_benchmark
{
  printf '{"commit": "%s", "machine": "%s", "sizes": ' "$bench_commit" "$bench_machine"
  "$program" run "${COPSE_ROUNDS:-3}" 10000 100000 1000000
  printf '}\n'
} >"$out/tree.json"
bench_report "$program"
