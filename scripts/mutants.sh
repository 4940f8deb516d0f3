# ./dev mutants [NAME]: plants each bug of tests/mutations/ (those whose file name holds NAME) in a copy, and sees that
# what the lines before the diff name catches it, each by itself:
#   tests: ^PROGRAM\.REGEX   these tests fail; only that test program is built for it
#   seeds: N                 of the seeds 1..N of the simulation one fails
# Caught means a check that fails: not a build error, and not a time-out.
need_packages "$packages_build $packages_test patch"
begun=$(seconds_now)
copy=$top/build/mutants
rm -rf "$copy/new"
mkdir -p "$copy/new" "$copy/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - | tar -xf - -C "$copy/new"
# By contents, and without times: what differs from what was built last, an earlier run's bug or an older source, is to
# be younger than what was made of that.
rsync -rlpc --delete "$copy/new/" "$copy/source/"
rm -rf "$copy/new"
header_of() { sed '/^--- /,$d' "$1"; }
tests_of() { header_of "$1" | sed -n 's/^tests: //p'; }
seeds_of() { header_of "$1" | sed -n 's/^seeds: \([0-9][0-9]*\)$/\1/p'; }
programs_of() {
  tests_of "$1" | sed -n 's/^^\([a-z]*\)\\\..*/copse_\1_tests/p'
  [ -z "$(seeds_of "$1")" ] || echo copse_simulation
}
# Little optimization and no debug information: what takes time here is compiling, and then running seeds. What a planted
# bug leaves unused is no error.
build_copy() {
  cmake -G Ninja -S "$copy/source" -B "$copy/build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 \
    -DCMAKE_CXX_FLAGS="-Wno-error=unused-parameter -Wno-error=unused-variable -Wno-error=unused-but-set-variable" \
    >/dev/null &&
    cmake --build "$copy/build" --parallel "$jobs" --target "$@" >"$copy/build.log" 2>&1 ||
    { tail -n 20 "$copy/build.log" >&2; false; }
}
run_tests() { ctest --test-dir "$copy/build" -j "$jobs" -R "$1" --no-tests=error >"$copy/tests.log" 2>&1; }
run_seeds() { timeout 900 "$copy/build/tests/simulation/copse_simulation" --seeds 1 "$1" >"$copy/seeds.log" 2>&1; }

# verdict_of_tests PATCH, verdict_of_seeds PATCH: one line, `caught ...`, `missed ...` or `timed out ...`.
verdict_of_tests() {
  if run_tests "$(tests_of "$1")"; then
    echo "missed by its tests"
  elif grep -q Timeout "$copy/tests.log"; then
    echo "timed out in its tests"
  else
    echo "caught by its tests"
  fi
}
verdict_of_seeds() {
  begin=$(seconds_now)
  code=0
  run_seeds "$(seeds_of "$1")" || code=$?
  failed=$(LC_ALL=C sed -n 's/^seed \([0-9]*\) FAILED.*/\1/p' "$copy/seeds.log" | head -n 1)
  if [ "$code" -eq 124 ]; then
    echo "timed out in the simulation"
  elif [ "$code" -ne 0 ] && [ -n "$failed" ]; then
    echo "caught by the simulation after $failed seeds, $(($(seconds_now) - begin)) s"
  else
    echo "missed by the simulation in $(seeds_of "$1") seeds"
  fi
}

patches=$(find tests/mutations -name "*${1:-}*.patch" | LC_ALL=C sort)
[ -n "$patches" ] || fail "no mutation is named '${1:-}'"
for patch in $patches; do
  [ -n "$(programs_of "$patch")" ] || fail "$patch: before the diff comes 'tests: ^PROGRAM\\.REGEX' or 'seeds: N' or both"
done
# shellcheck disable=SC2046 # one word for each program
build_copy $(for patch in $patches; do programs_of "$patch"; done | sort -u) || fail "the unmutated copy does not build"
for tests in $(for patch in $patches; do tests_of "$patch"; done | sort -u); do
  run_tests "$tests" || { tail -n 20 "$copy/tests.log" >&2; fail "the unmutated program fails $tests"; }
done
most=$(for patch in $patches; do seeds_of "$patch"; done | sort -n | tail -n 1)
if [ -n "$most" ]; then
  run_seeds "$most" || { tail -n 20 "$copy/seeds.log" >&2; fail "the unmutated program fails a seed of 1..$most"; }
fi

# What catches the bug of PATCH, which is planted, and what does not; counts those of the simulation.
judge() {
  verdicts=
  # shellcheck disable=SC2046 # one word for each program
  build_copy $(programs_of "$1") || {
    verdicts="missed, as it does not build"
    return
  }
  if [ -n "$(seeds_of "$1")" ]; then
    verdicts=$(verdict_of_seeds "$1")
    seeds_total=$((seeds_total + 1))
    case $verdicts in caught*) seeds_caught=$((seeds_caught + 1)) ;; esac
  fi
  [ -z "$(tests_of "$1")" ] || verdicts="${verdicts:+$verdicts; }$(verdict_of_tests "$1")"
}

missed=0
total=0
seeds_caught=0
seeds_total=0
for patch in $patches; do
  name=$(basename "$patch" .patch)
  total=$((total + 1))
  patch -s -p1 -d "$copy/source" <"$patch" || fail "$patch does not apply"
  judge "$patch"
  case $verdicts in *missed* | *'timed out'*) missed=$((missed + 1)) ;; esac
  echo "mutants: $name: $verdicts"
  patch -s -R -p1 -d "$copy/source" <"$patch"
done
echo "mutants: $((total - missed)) of $total caught; by the simulation $seeds_caught of $seeds_total; $((($(seconds_now) - begun + 59) / 60)) minutes with the first build"
[ "$missed" -eq 0 ]
