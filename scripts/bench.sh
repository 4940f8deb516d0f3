# ./dev bench [NAME]
name=mount
case ${1:-} in
  '') ;;
  mount) name=$1; shift ;;
  *) fail "no benchmark '$1'; there is: mount" ;;
esac
[ $# -eq 0 ] || fail "usage: ./dev bench [NAME]"
. "scripts/bench_$name.sh"
