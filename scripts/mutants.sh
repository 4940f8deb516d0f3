# ./dev mutants: plants each bug of tests/mutations/ in a copy, and sees that the tests which its first line names fail.
need_packages "$packages_build $packages_test"
copy=$top/build/mutants
rm -rf "$copy/source"
mkdir -p "$copy/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - | tar -xf - -C "$copy/source"
build_copy() {
  cmake -G Ninja -S "$copy/source" -B "$copy/build" -DCMAKE_BUILD_TYPE=Debug >/dev/null &&
    cmake --build "$copy/build" --parallel "$jobs" >"$copy/build.log" 2>&1
}
run_tests() { ctest --test-dir "$copy/build" -j "$jobs" -R "$1" --no-tests=error >"$copy/tests.log" 2>&1; }
build_copy || { tail -n 20 "$copy/build.log" >&2; fail "the unmutated copy does not build"; }
missed=0
total=0
for patch in tests/mutations/*.patch; do
  tests=$(sed -n '1s/^tests: //p' "$patch")
  [ -n "$tests" ] || fail "$patch: the first line must be 'tests: REGEX'"
  total=$((total + 1))
  run_tests "$tests" || fail "the unmutated program fails $tests"
  patch -s -p1 -d "$copy/source" <"$patch"
  build_copy || { tail -n 20 "$copy/build.log" >&2; fail "$patch does not build"; }
  if run_tests "$tests"; then
    missed=$((missed + 1))
    echo "mutants: missed $(basename "$patch" .patch)"
  elif grep -q 'Timeout' "$copy/tests.log"; then
    missed=$((missed + 1))
    echo "mutants: timed out $(basename "$patch" .patch)"
  else
    echo "mutants: caught $(basename "$patch" .patch)"
  fi
  patch -s -R -p1 -d "$copy/source" <"$patch"
done
echo "mutants: $((total - missed)) of $total caught"
[ "$missed" -eq 0 ]
