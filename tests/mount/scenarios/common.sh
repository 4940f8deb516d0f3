# Shared by the scenarios: each works in a folder of its own below $TMPDIR, and leaves no mount and no process behind.
# Needs: COPSE (the program). Sourced with `set -eu`.

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# skip_without WORD TEST...: fails where the test does not hold, unless COPSE_SKIP names the word (then ctest sees 77).
skip_without() {
  word=$1
  shift
  "$@" && return 0
  case " ${COPSE_SKIP:-} " in
    *" $word "*) echo "skipped: no $word here, and COPSE_SKIP names it"; exit 77 ;;
  esac
  fail "this test needs $word; set COPSE_SKIP=$word to leave it out"
}
skip_without fuse test -c /dev/fuse

scratch=$(mktemp -d "${TMPDIR:-/tmp}/copse-scenario.XXXXXX")
store=$scratch/store
folder=$scratch/folder
mkdir "$folder"

# The process that holds the store; empty if none.
volume_pid() {
  "$COPSE" status "$store" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'
}

pull_the_plug() {
  pid=$(volume_pid)
  [ -n "$pid" ] || fail "no process holds $store"
  kill -9 "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# What a listing shows that must survive: path, kind, mode, owner, links, size, time, inode number, target.
listing() {
  (cd "$1" && find . -mindepth 1 -printf '%P|%y|%m|%U:%G|%n|%s|%T@|%i|%l\n' | LC_ALL=C sort)
}

clean_up() {
  status=$?
  trap - EXIT
  [ "$status" -eq 0 ] || { echo "--- STORE/log"; tail -n 30 "$store/log" 2>/dev/null || true; }
  if "$COPSE" status "$store" --json >"$scratch/status" 2>/dev/null; then
    pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$scratch/status")
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
  fi
  umount -l "$folder" 2>/dev/null || fusermount3 -uz "$folder" 2>/dev/null || true
  [ -z "${extra_mount:-}" ] || umount -l "$extra_mount" 2>/dev/null || true
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

new_volume() {
  "$COPSE" init "$store" --label scenario >/dev/null
  "$COPSE" mount "$store" "$folder" >/dev/null
}
