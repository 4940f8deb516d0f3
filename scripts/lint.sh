# ./dev lint [--since REVISION]: formatting, what each layer may include, then everything once more with clang and its
# checks; with --since, clang-tidy reads only the sources that have changed since, or include what has.
#
# clang-tidy takes ten seconds or more for a source. The library and the program get every check of .clang-tidy; the
# tests, whose headers (GoogleTest, rapidcheck) take the longest, only those of test_checks, which find most mistakes
# that a test can hide. All sources get the compiler's warnings as errors.
need_packages "$packages_build $packages_test $packages_lint libclang-rt-14-dev"
since=
case ${1:-} in
  '') ;;
  --since)
    [ $# -eq 2 ] || fail "usage: ./dev lint [--since REVISION]"
    since=$(git rev-parse --verify --quiet "$2^{commit}") || fail "git knows no revision $2"
    ;;
  *) fail "usage: ./dev lint [--since REVISION]" ;;
esac
test_checks='-*,bugprone-use-after-move,bugprone-dangling-handle,bugprone-unused-raii,bugprone-infinite-loop,
  bugprone-assert-side-effect,bugprone-sizeof-expression,performance-for-range-copy,misc-unused-using-decls'

git rev-parse --is-inside-work-tree >/dev/null || fail "lint asks git which files are the project's"
git ls-files -co --exclude-standard '*.h' '*.cc' | xargs -r clang-format --dry-run -Werror
echo "lint: formatting is right"

# forbid_includes LAYERS PATHS: no source there includes a public header of these layers (alternatives of a regexp).
forbid_includes() {
  layers=$1
  shift
  found=$(git grep --untracked -nE "#include [<\"]copse/($layers)/" -- "$@") || return 0
  printf '%s\n' "$found" >&2
  fail "the layer of these may not include $layers (docs/architecture.md)"
}
forbid_includes 'base|replica|fs|cli' crdt
forbid_includes 'crdt|replica|fs|cli' base
forbid_includes 'fs|cli' replica
forbid_includes 'replica' fs ':!fs/cli'
echo "lint: each layer includes only what it may"

# No precompiled headers: clang-tidy reads the flags, and could not read g++'s.
log=build/lint.log
mkdir -p build
cmake -G Ninja -S . -B build/lint -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCOPSE_TESTS=ON \
  -DCOPSE_FUZZ=ON -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_BUILD_TYPE=Debug >"$log" 2>&1 || {
  cat "$log" >&2
  fail "cmake could not configure build/lint"
}
cmake --build build/lint --parallel "$jobs"
echo "lint: clang compiles everything"

# tidy OPTIONS: checks the sources named on stdin, of those that the build compiles; prints only what is found.
tidy() {
  # shellcheck disable=SC2016 # the inner shell expands it
  xargs -r -P "$jobs" -n 1 sh -c '
    found=$(clang-tidy -p build/lint --quiet "$@" 2>&1) || { printf "%s\n" "$found" >&2; exit 1; }' tidy "$@" ||
    fail "clang-tidy found what is above"
}
sed -n "s|^ *\"file\": \"$top/\(.*\)\",*$|\1|p" build/lint/compile_commands.json | sort -u >build/lint/sources
if [ -n "$since" ] && git diff --quiet "$since" -- .clang-tidy; then
  # What ninja has noted of each object: a line of its name, then one for each file that was read for it.
  { git diff --name-only "$since"; git ls-files -o --exclude-standard; } | sort -u >build/lint/changed
  ninja -C build/lint -t deps | awk -v top="$top/" '
    NR == FNR { changed[$0]; next }
    /^[^ ]/ { source = "" }
    /^ / {
      path = $1
      if (sub(/^\.\.\/\.\.\//, "", path) == 0 && index(path, top) == 1) path = substr(path, length(top) + 1)
      if (source == "" && path !~ "^/") source = path
      if (path in changed) print source
    }' build/lint/changed - | sort -u >build/lint/affected
  comm -12 build/lint/sources build/lint/affected >build/lint/chosen
  mv build/lint/chosen build/lint/sources
  echo "lint: $(wc -l <build/lint/sources) sources differ from $2 or include what does"
fi
grep -E '^(base|crdt|replica|fs)/' build/lint/sources >build/lint/library_sources || [ -n "$since" ] ||
  fail "no sources in build/lint"
grep -E '^(tests|fuzz|examples)/' build/lint/sources >build/lint/test_sources || [ -n "$since" ] ||
  fail "no sources of tests in build/lint"
tidy <build/lint/library_sources
echo "lint: clang-tidy is content with the library and the program"
tidy --checks="$test_checks" <build/lint/test_sources
echo "lint: clang-tidy is content with the tests"
