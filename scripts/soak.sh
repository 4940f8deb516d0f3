# ./dev soak NAME: long runs with seeds that differ each time. COPSE_SECONDS says how long (600).
seconds=${COPSE_SECONDS:-600}
need_packages "$packages_build $packages_test"
end=$(($(seconds_now) + seconds))
round=0
case ${1:-} in
  tree)
    build_tests=ON build_preset release copse_crdt_tests
    echo "soak tree: every history of up to 4 moves of 4 nodes"
    COPSE_OPS=4 build/tests/crdt/copse_crdt_tests --gtest_filter='TreeExhaustively.*' --gtest_brief=1
    first=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    histories=${COPSE_HISTORIES:-1000000}
    echo "soak tree: $histories random histories from seed $first on"
    COPSE_HISTORIES=$histories COPSE_FIRST_SEED=$first build/tests/crdt/copse_crdt_tests --gtest_filter='TreeHistories.*' --gtest_brief=1
    while [ "$(seconds_now)" -lt "$end" ]; do
      seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
      echo "soak tree: round $round, RC_PARAMS=\"seed=$seed max_success=5000\""
      RC_PARAMS="seed=$seed max_success=5000" build/tests/crdt/copse_crdt_tests --gtest_filter='*Property*' --gtest_brief=1
      round=$((round + 1))
    done
    ;;
  crash)
    build_tests=ON build_preset release
    while [ "$(seconds_now)" -lt "$end" ]; do
      echo "soak crash: round $round"
      ctest --test-dir build --output-on-failure -L plug -j 1 >build/soak.log 2>&1 || { cat build/soak.log >&2; fail "round $round failed"; }
      round=$((round + 1))
    done
    ;;
  *) fail "usage: ./dev soak tree|crash" ;;
esac
echo "soak $1: $round rounds in $seconds s, no failure"
