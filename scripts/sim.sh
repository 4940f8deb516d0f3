# ./dev sim [--short] SECONDS | --seed N | --trace FILE... | --shrink N|FILE
usage="usage: ./dev sim [--short] SECONDS | --seed N | --trace FILE... | --shrink N|FILE"
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse_simulation
program=build/tests/simulation/copse_simulation
short=
[ "${1:-}" != --short ] || { short=--short; shift; }
case "${1:-}" in
  --seed | --trace | --shrink) [ $# -ge 2 ] || fail "$usage"; exec "$program" $short "$@" ;;
  '' | *[!0-9]*) fail "$usage" ;;
esac
# One process for each core; each draws seeds of its own.
rm -f build/sim-*.log
pids=
for job in $(seq "$jobs"); do
  "$program" $short --seconds "$1" >"build/sim-$job.log" 2>&1 &
  pids="$pids $!"
done
status=0
job=0
for pid in $pids; do
  job=$((job + 1))
  code=0
  wait "$pid" || code=$?
  [ "$code" -eq 0 ] || status=1
  grep -q '^simulation:' "build/sim-$job.log" ||
    echo "process $job FAILED: it ended before its time, with status $code (build/sim-$job.log)"
done
# The sum of what all printed: `simulation:` lines hold totals, lines of two words and more a count and a kind of fault.
awk '
  /FAILED|run it again|never occurred/ { print; next }
  /^simulation:/ { seeds += $2; calls += $4; ops += $6; failures += $8; rate += $10; core += $NF; next }
  /^ +[0-9]+ / { count = $1; $1 = ""; faults[$0] += count }
  END {
    printf "simulation: %d seeds, %d calls, %d ops, %d failures; %.1f seeds a second, of one core %.1f\n",
      seeds, calls, ops, failures, rate, core / (ARGC - 1)
    for (kind in faults) printf "  %8d %s\n", faults[kind], kind | "sort -k2"
  }' build/sim-*.log
exit "$status"
