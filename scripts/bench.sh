# ./dev bench [NAME] [--check]
name=mount
check=no
for word in "$@"; do
  case $word in
    mount | exchange) name=$word ;;
    --check) check=yes ;;
    *) fail "no benchmark '$word'; there are: mount, exchange" ;;
  esac
done
[ "$check" = no ] || [ "$name" = exchange ] || fail "bench $name has no goals to check yet"
. "scripts/bench_$name.sh"
