# ./dev posix [NAME...] [--pjdfstest DIR] [--fsx PROGRAM]: testers that are not ours, and ours at length, in a mount of
# their own below $TMPDIR. NAMEs choose some of them: fio, stress-ng, dbench, bonnie++, pjdfstest, fsx, links, large, model,
# storm. The model test takes COPSE_SECONDS (3600), its first seed is COPSE_FIRST_SEED (1); a storm is of COPSE_ROUNDS (50000);
# links are of COPSE_LINKS (100000), the large directory is of COPSE_ENTRIES (1000000).
need_packages "$packages_build $packages_test fio stress-ng dbench bonnie++ perl"
[ "$(id -u)" -eq 0 ] || fail "posix mounts with allow_other,suid,dev: run it as root"
pjdfstest=
fsx=
chosen=
while [ $# -gt 0 ]; do
  case $1 in
    --pjdfstest) pjdfstest=${2:?}; shift 2 ;;
    --fsx) fsx=${2:?}; shift 2 ;;
    -*) fail "usage: ./dev posix [NAME...] [--pjdfstest DIR] [--fsx PROGRAM]" ;;
    *) chosen="$chosen $1"; shift ;;
  esac
done
build_tests=ON build_preset release copse copse_posix_model copse_mount_tests
scratch=$(mktemp -d "${TMPDIR:-/tmp}/copse-posix.XXXXXX")
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
chmod 755 "$scratch"
build/copse init "$scratch/store" >/dev/null
build/copse mount "$scratch/store" "$scratch/folder" -o allow_other,suid,dev >/dev/null
failed=0
wanted() {
  [ -n "$chosen" ] || return 0
  case " $chosen " in *" $1 "*) return 0 ;; esac
  return 1
}
# tester NAME CASE COUNTS COMMAND...: runs it in a folder of its own inside the mount, and prints the last line that matches
# COUNTS of what it says.
tester() {
  wanted "$1" || return 0
  name=$1-$2 counts=$3
  shift 3
  mkdir "$scratch/folder/$name"
  echo "posix: $name: $*"
  if (cd "$scratch/folder/$name" && "$@") >"$scratch/$name.log" 2>&1; then
    echo "posix: $name passed: $(grep -E "$counts" "$scratch/$name.log" | tail -n 1)"
  else
    failed=$((failed + 1))
    tail -n 30 "$scratch/$name.log"
    echo "posix: $name FAILED"
  fi
}

fio_verify() { fio --name=verify --bs=4k-64k --verify=crc32c --do_verify=1 --fallocate=none "$@"; }
tester fio verify 'WRITE:' fio_verify --rw=randrw --size=64m
tester fio mapped 'WRITE:' fio_verify --rw=randrw --size=64m --ioengine=mmap
tester fio direct 'WRITE:' fio_verify --rw=randwrite --size=64m --ioengine=libaio --iodepth=8 --direct=1
tester fio synced 'WRITE:' fio_verify --rw=write --size=16m --numjobs=4 --fsync=16
# Not binderfs and procfs, which do nothing here.
stress_ng() {
  stress-ng --class filesystem --exclude binderfs,procfs --sequential 2 --timeout 2 --verify --temp-path . --metrics-brief \
    >said 2>&1 || { status=$?; cat said; return "$status"; }
  cat said
  verified=$(grep -cE 'metrc: \[[0-9]+\] +[a-z-]+ +[0-9]+ ' said)
  skipped=$(sed -n 's/.*info: .*\] \([a-z-]*\):.*skipping.*/\1/p' said | sort -u | xargs)
  echo "$verified stressors verified, skipped: $skipped"
}
tester stress-ng filesystem 'stressors verified' stress_ng
tester dbench 4 'Throughput' dbench -t 60 4
tester bonnie++ 128M 'done' bonnie++ -d . -u root -s 128 -r 64 -n 4

if [ -n "$pjdfstest" ]; then
  tester pjdfstest all '^Files=' prove -r -j "$jobs" "$pjdfstest/tests"
else
  echo "posix: pjdfstest SKIPPED (give --pjdfstest DIR)"
fi

# Of a run each: through mappings as well, by system calls only, past the page cache, past it and through mappings.
if [ -n "$fsx" ]; then
  for seed in 1 2 3; do
    tester fsx "mapped-$seed" 'A-OK' "$fsx" -q -N 1000000 -S "$seed" file
    tester fsx "calls-$seed" 'A-OK' "$fsx" -q -N 1000000 -S "$seed" -R -W file
    tester fsx "direct-$seed" 'A-OK' "$fsx" -q -N 1000000 -S "$seed" -Z -r 512 -w 512 -R -W file
    tester fsx "direct-mapped-$seed" 'A-OK' "$fsx" -q -N 1000000 -S "$seed" -Z -r 512 -w 512 -t 512 file
  done
else
  echo "posix: fsx SKIPPED (give --fsx PROGRAM)"
fi

# Made, looked at and removed, the oldest first, and how long each took.
names_of_one_file() {
  COPSE_LINKS=${COPSE_LINKS:-100000} perl -MTime::HiRes=time -e '
    my ($n, $before) = ($ENV{COPSE_LINKS}, time);
    sub took { my $took = time - $before; $before = time; sprintf "%s in %.1f s", $_[0], $took }
    open(my $file, ">", "name1") or die $!;
    print($file "bytes") && close($file) or die $!;
    for (2 .. $n) { link "name1", "name$_" or die "name$_: $!" }
    my $said = took("$n names made");
    for (1 .. $n) { (stat "name$_")[3] == $n or die "name$_ has not $n names" }
    $said .= ", " . took("seen");
    for (1 .. $n) {
      unlink "name$_" or die "name$_: $!";
      next if $_ == $n || $_ % 1000;
      (stat "name$n")[3] == $n - $_ or die "$_ removed, and " . (stat "name$n")[3] . " are left";
    }
    print $said, ", ", took("removed"), "\n"'
}
tester links of-one-file 'names made' names_of_one_file

if wanted large; then
  COPSE=$PWD/build/copse tests/mount/scenarios/large.sh || { failed=$((failed + 1)); echo "posix: large FAILED"; }
fi
if wanted model; then
  COPSE=$PWD/build/copse COPSE_POSIX_MODEL=$PWD/build/tests/mount/scenarios/copse_posix_model \
    COPSE_SECONDS=${COPSE_SECONDS:-3600} tests/mount/scenarios/model.sh ||
    { failed=$((failed + 1)); echo "posix: model FAILED"; }
fi
if wanted storm; then
  COPSE_ROUNDS=${COPSE_ROUNDS:-50000} build/tests/mount/copse_mount_tests --gtest_filter='StormTest.*' --gtest_brief=1 ||
    { failed=$((failed + 1)); echo "posix: storm FAILED"; }
fi
build/copse verify "$scratch/folder" >/dev/null || { failed=$((failed + 1)); echo "posix: verify FAILED"; }
[ "$failed" -eq 0 ] || fail "$failed testers failed"
