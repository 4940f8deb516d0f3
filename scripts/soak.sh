# ./dev soak NAME: `day` is scripts/day.sh; the others are long runs with seeds that differ each time. COPSE_SECONDS says
# how long (600); `tree` takes no less than its histories do, some fifteen minutes of one core, and `crash` no less than one
# round, as long on a quiet machine; `storm` no less than 100,000 changes.
if [ "${1:-}" = day ]; then
  shift
  . scripts/day.sh
  exit
fi
seconds=${COPSE_SECONDS:-600}
need_packages "$packages_build $packages_test"
end=$(($(seconds_now) + seconds))
round=0

# A line for each process: the first seed, how many histories, moves, which tests. Small parts, so that all cores end together.
soak_tree_parts() {
  echo "0 0 ${COPSE_OPS:-4} TreeExhaustively.*"
  part=50000
  at=0
  while [ "$at" -lt "$histories" ]; do
    [ $((histories - at)) -ge "$part" ] || part=$((histories - at))
    echo "$((first + at)) $part 0 TreeHistories.*"
    at=$((at + part))
  done
}

# A line for each process: a name for its log, and the command. The longest first.
soak_crash_parts() {
  plug=build/tests/plug/copse_plug
  echo "power $plug power --rounds ${COPSE_CUTS:-300} --seed $1"
  echo "kill $plug kill --rounds ${COPSE_KILLS:-500} --seed $1"
  for at in TheFounder TheGuest; do
    echo "$at env COPSE_CRASH_STEP=1 COPSE_CRASH_SAMPLES=${COPSE_CRASH_SAMPLES:-16} COPSE_CRASH_SEED=$1" \
      "build/tests/crash/copse_crash_tests --gtest_filter=*$at"
  done
  echo "without-sync $plug power --rounds 5 --seed $1 --without-sync build/tests/plug/libcopse_no_sync.so"
}

case ${1:-} in
  tree)
    build_tests=ON build_preset release copse_crdt_tests
    histories=${COPSE_HISTORIES:-1000000}
    first=${COPSE_FIRST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
    echo "soak tree: every history of up to ${COPSE_OPS:-4} moves of 4 nodes; $histories random histories, of the seeds" \
      "$first to $((first + histories - 1)); $jobs processes"
    begin=$(seconds_now)
    # shellcheck disable=SC2016 # the inner shell expands it
    soak_tree_parts | xargs -P "$jobs" -L 1 sh -c '
      log=build/soak-$1.log
      COPSE_OPS=$3 COPSE_FIRST_SEED=$1 COPSE_HISTORIES=$2 build/tests/crdt/copse_crdt_tests \
        --gtest_filter="$4" --gtest_brief=1 >"$log" 2>&1 && rm "$log" || { cat "$log" >&2; exit 255; }' soak ||
      fail "soak tree: a history went wrong; it is named above"
    echo "soak tree: these took $(($(seconds_now) - begin)) s"
    while [ "$(seconds_now)" -lt "$end" ]; do
      seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
      echo "soak tree: round $round, RC_PARAMS=\"seed=$seed max_success=5000\""
      RC_PARAMS="seed=$seed max_success=5000" build/tests/crdt/copse_crdt_tests --gtest_filter='*Property*' --gtest_brief=1
      round=$((round + 1))
    done
    ;;
  crash)
    build_tests=ON build_preset release copse copse_crash_tests copse_plug copse_no_sync
    COPSE=$PWD/build/copse
    export COPSE
    while [ "$round" -eq 0 ] || [ "$(seconds_now)" -lt "$end" ]; do
      seed=${COPSE_FIRST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
      echo "soak crash: round $round, seed $seed"
      # shellcheck disable=SC2016 # the inner shell expands it
      soak_crash_parts "$seed" | xargs -P "$jobs" -L 1 sh -c '
        log=build/soak-$1.log
        shift
        "$@" >"$log" 2>&1 && grep " points, \| rounds, \|^lost" "$log" || { cat "$log" >&2; exit 255; }' soak ||
        fail "soak crash: round $round failed, seed $seed; what is wrong is above"
      round=$((round + 1))
    done
    ;;
  storm)
    build_tests=ON build_preset release copse_mount_tests
    while [ "$round" -eq 0 ] || [ "$(seconds_now)" -lt "$end" ]; do
      COPSE_STORM_CHANGES=${COPSE_STORM_CHANGES:-100000} build/tests/mount/copse_mount_tests --gtest_filter='*Storm*' \
        --gtest_brief=1 >build/soak-storm.log 2>&1 || { cat build/soak-storm.log >&2; fail "soak storm: round $round failed"; }
      round=$((round + 1))
      echo "soak storm: round $round, ${COPSE_STORM_CHANGES:-100000} changes of another replica, $((seconds - end + $(seconds_now))) s"
    done
    ;;
  *) fail "usage: ./dev soak tree|crash|storm|day" ;;
esac
echo "soak $1: $round rounds in $(($(seconds_now) - end + seconds)) s, no failure"
