# ./dev posix [--pjdfstest DIR] [--fsx PROGRAM]: testers that are not ours, in a mount of their own.
need_packages "$packages_build fio stress-ng dbench bonnie++ perl"
[ "$(id -u)" -eq 0 ] || fail "posix mounts with allow_other,suid,dev: run it as root"
pjdfstest=
fsx=
while [ $# -gt 0 ]; do
  case $1 in
    --pjdfstest) pjdfstest=${2:?}; shift 2 ;;
    --fsx) fsx=${2:?}; shift 2 ;;
    *) fail "usage: ./dev posix [--pjdfstest DIR] [--fsx PROGRAM]" ;;
  esac
done
build_preset release copse
scratch=$(mktemp -d /tmp/copse-posix.XXXXXX)
clean_up() {
  status=$?
  trap - EXIT
  build/copse umount "$scratch/folder" >/dev/null 2>&1 || umount -l "$scratch/folder" 2>/dev/null || true
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
mkdir "$scratch/folder"
build/copse init "$scratch/store" >/dev/null
build/copse mount "$scratch/store" "$scratch/folder" -o allow_other -o suid -o dev >/dev/null
failed=0
# tester NAME COMMAND...: runs it in a folder of its own inside the mount.
tester() {
  name=$1
  shift
  mkdir "$scratch/folder/$name"
  if (cd "$scratch/folder/$name" && "$@") >"$scratch/$name.log" 2>&1; then
    echo "posix: $name passed"
  else
    failed=$((failed + 1))
    tail -n 30 "$scratch/$name.log"
    echo "posix: $name FAILED"
  fi
}
tester fio fio --name=verify --rw=randrw --bs=4k-64k --size=64m --verify=crc32c --do_verify=1 --fallocate=none
tester stress-ng stress-ng --class filesystem --sequential 1 --timeout 2 --verify --temp-path . --skip-silent
tester dbench dbench -t 20 4
tester bonnie++ bonnie++ -d . -u root -s 128 -r 64 -n 4 -q
if [ -n "$pjdfstest" ]; then
  tester pjdfstest prove -r -j "$jobs" "$pjdfstest/tests"
  tail -n 3 "$scratch/pjdfstest.log"
else
  echo "posix: pjdfstest SKIPPED (give --pjdfstest DIR)"
fi
if [ -n "$fsx" ]; then
  tester fsx "$fsx" -N 1000000 -S 1 file
else
  echo "posix: fsx SKIPPED (give --fsx PROGRAM)"
fi
build/copse verify "$scratch/folder" >/dev/null || { failed=$((failed + 1)); echo "posix: verify FAILED"; }
[ "$failed" -eq 0 ] || fail "$failed testers failed"
