# ./dev lint: formatting, then everything once more with clang and its checks.
need_packages "$packages_build $packages_test $packages_lint libclang-rt-14-dev"
git ls-files -co --exclude-standard '*.h' '*.cc' | xargs -r clang-format --dry-run -Werror
echo "lint: formatting is right"
# No precompiled headers: clang-tidy reads the flags, and could not read g++'s.
cmake -G Ninja -S . -B build/lint -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCOPSE_TESTS=ON \
  -DCOPSE_FUZZ=ON -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_BUILD_TYPE=Debug >/dev/null
cmake --build build/lint --parallel "$jobs"
echo "lint: clang compiles everything"
git ls-files -co --exclude-standard '*.cc' | xargs -r -P "$jobs" -n 4 clang-tidy -p build/lint --quiet 2>/dev/null
echo "lint: clang-tidy is content"
