# ./dev bench [NAME] [--check]
name=mount
check=no
for word in "$@"; do
  case $word in
    mount | exchange | tree | start) name=$word ;;
    --check) check=yes ;;
    *) fail "no benchmark '$word'; there are: mount, exchange, tree, start" ;;
  esac
done
. scripts/bench_report.sh
# shellcheck disable=SC1090 # one of those above
. "scripts/bench_$name.sh"
