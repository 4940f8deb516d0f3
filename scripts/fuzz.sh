# ./dev fuzz SECONDS [NAME]: every target in turn, or one; they share the time. What is found is written to
# build/fuzz/found; inputs that reached something new stay in build/fuzz/corpus.
case ${1:-} in
  '' | *[!0-9]*) fail "usage: ./dev fuzz SECONDS [NAME]" ;;
esac
need_packages "$packages_build clang libclang-rt-14-dev libgtest-dev"
cmake -G Ninja -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCOPSE_TESTS=OFF \
  -DCOPSE_FUZZ=ON -DCOPSE_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
cmake --build build/fuzz --parallel "$jobs" --target "${2:-copse}_fuzz"
mkdir -p build/fuzz/found
targets=$(find build/fuzz/fuzz -maxdepth 1 -type f -name "${2:-*}_fuzz" | LC_ALL=C sort)
each=$(($1 / $(echo "$targets" | wc -l)))
[ "$each" -ge 1 ] || fail "at least one second for each of: $(echo "$targets" | xargs -n 1 basename | tr '\n' ' ')"

# What is read as a row of decisions says nothing more after so many bytes.
length_max() {
  case $1 in
    members | tree) echo 300 ;;
    session | volume | volume_ops) echo 800 ;;
    *) echo 65536 ;;
  esac
}

for target in $targets; do
  name=$(basename "$target" _fuzz)
  dictionary=fuzz/dictionaries/$name.dict
  mkdir -p "build/fuzz/corpus/$name"
  echo "fuzz: $name for $each s"
  "$target" -max_total_time="$each" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=256 -max_len="$(length_max "$name")" \
    $([ ! -f "$dictionary" ] || echo "-dict=$dictionary") -print_final_stats=1 \
    -artifact_prefix=build/fuzz/found/"$name-" "build/fuzz/corpus/$name" "fuzz/corpus/$name" 2>build/fuzz/"$name.log" || {
    tail -n 40 build/fuzz/"$name.log" >&2
    fail "fuzz target $name failed; the input is in build/fuzz/found; keep it under fuzz/corpus/$name with the fix"
  }
  grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' build/fuzz/"$name.log"
done
echo "fuzz: nothing found"
