# ./dev fmt
need_packages "clang-format"
git ls-files -co --exclude-standard '*.h' '*.cc' | xargs -r clang-format -i
