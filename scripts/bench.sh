# ./dev bench [NAME] [--check]: --check also writes docs/benchmarks.md and fails where a goal is missed.
name=mount
case ${1:-} in
  '' | --check) ;;
  mount | tree) name=$1; shift ;;
  *) fail "no benchmark '$1'; there are: mount tree" ;;
esac
check=
if [ "${1:-}" = --check ]; then
  [ "$name" = tree ] || fail "bench $name has no goals to check"
  check=1
  shift
fi
[ $# -eq 0 ] || fail "usage: ./dev bench [NAME] [--check]"
. "scripts/bench_$name.sh"
