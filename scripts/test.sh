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
# The process of a mount has no stderr, and a leak is found only at its end: so reports go to files, and one is a failure.
# LeakSanitizer cannot run under a tracer; TSan stops at the first report.
reports=$PWD/$directory/sanitizer-reports
rm -rf "$reports"
mkdir -p "$reports"
export LSAN_OPTIONS=print_suppressions=0:suppressions=$PWD/tests/leaks_of_others.txt
export ASAN_OPTIONS=detect_leaks=1:log_path="$reports/asan" TSAN_OPTIONS=halt_on_error=1:log_path="$reports/tsan"
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path="$reports/ubsan"
status=0
ctest --test-dir "$directory" --output-on-failure --no-tests=error -j "$jobs" ${1:+-R "$1"} || status=$?
for report in "$reports"/*; do
  [ -e "$report" ] || continue
  cat "$report" >&2
  status=1
done
exit "$status"
