# ./dev test [--asan|--tsan] [NAME]
preset=release
case ${1:-} in
  --asan | --tsan) preset=${1#--}; shift ;;
  -*) fail "usage: ./dev test [--asan|--tsan] [NAME]" ;;
esac
begin=$(seconds_now)
need_packages "$packages_build $packages_test"
installed=$(seconds_now)
build_tests=ON build_preset "$preset"
built=$(seconds_now)
echo "time: install $((installed - begin)) s, build $((built - installed)) s; the tests' follow, by part"
directory=build
[ "$preset" = release ] || directory=build/$preset
# LeakSanitizer cannot run under a tracer, and needs no suppressions; TSan stops at the first report.
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
if [ $# -gt 0 ]; then
  exec ctest --test-dir "$directory" --output-on-failure --no-tests=error -j "$jobs" -R "$1"
fi
exec ctest --test-dir "$directory" --output-on-failure --no-tests=error -j "$jobs"
