# ./dev sim SECONDS | --seed N
need_packages "$packages_build $packages_test"
build_tests=ON build_preset release copse_simulation
case "${1:-}" in
  --seed) [ $# -eq 2 ] || fail "usage: ./dev sim SECONDS | --seed N"; exec build/tests/simulation/copse_simulation --seed "$2" ;;
  '' | *[!0-9]*) fail "usage: ./dev sim SECONDS | --seed N" ;;
  *) exec build/tests/simulation/copse_simulation --seconds "$1" ;;
esac
