# ./dev bench [NAME] [--check]
name=mount
check=no
for word in "$@"; do
  case $word in
    mount | exchange | tree) name=$word ;;
    --check) check=yes ;;
    *) fail "no benchmark '$word'; there are: mount, exchange, tree" ;;
  esac
done
[ "$check" = no ] || [ "$name" != mount ] || fail "bench $name has no goals to check yet"
. "scripts/bench_$name.sh"
