# ./dev mutants [NAME]: plants each bug of tests/mutations/ (those whose file name holds NAME) in a copy, and sees that the
# tests which its first line names fail. The line is `tests: ^PROGRAM\.REGEX`: only that test program is built for it.
need_packages "$packages_build $packages_test patch"
copy=$top/build/mutants
rm -rf "$copy/source"
mkdir -p "$copy/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - | tar -xf - -C "$copy/source"
tests_of() { sed -n '1s/^tests: //p' "$1"; }
program_of() { tests_of "$1" | sed -n 's/^^\([a-z]*\)\\\..*/copse_\1_tests/p'; }
# Without optimization and debug information: what takes time here is compiling.
build_copy() {
  cmake -G Ninja -S "$copy/source" -B "$copy/build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 >/dev/null &&
    cmake --build "$copy/build" --parallel "$jobs" --target "$@" >"$copy/build.log" 2>&1 ||
    { tail -n 20 "$copy/build.log" >&2; false; }
}
run_tests() { ctest --test-dir "$copy/build" -j "$jobs" -R "$1" --no-tests=error >"$copy/tests.log" 2>&1; }

patches=$(find tests/mutations -name "*${1:-}*.patch" | LC_ALL=C sort)
[ -n "$patches" ] || fail "no mutation is named '${1:-}'"
for patch in $patches; do
  [ -n "$(program_of "$patch")" ] || fail "$patch: the first line must be 'tests: ^PROGRAM\\.REGEX'"
done
# shellcheck disable=SC2046 # one word for each program
build_copy $(for patch in $patches; do program_of "$patch"; done | sort -u) || fail "the unmutated copy does not build"
for tests in $(for patch in $patches; do tests_of "$patch"; done | sort -u); do
  run_tests "$tests" || { tail -n 20 "$copy/tests.log" >&2; fail "the unmutated program fails $tests"; }
done

missed=0
total=0
for patch in $patches; do
  name=$(basename "$patch" .patch)
  total=$((total + 1))
  patch -s -p1 -d "$copy/source" <"$patch" || fail "$patch does not apply"
  build_copy "$(program_of "$patch")" || fail "$patch does not build"
  if run_tests "$(tests_of "$patch")"; then
    missed=$((missed + 1))
    echo "mutants: missed $name"
  elif grep -q 'Timeout' "$copy/tests.log"; then
    missed=$((missed + 1))
    echo "mutants: timed out $name"
  else
    echo "mutants: caught $name"
  fi
  patch -s -R -p1 -d "$copy/source" <"$patch"
done
echo "mutants: $((total - missed)) of $total caught"
[ "$missed" -eq 0 ]
