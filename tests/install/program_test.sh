#!/bin/sh
# The program is installed with all that belongs to it where Debian expects it, and that agrees with the program.
set -eu
build=$1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/copse-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fail() { echo "install: $*" >&2; exit 1; }
DESTDIR=$scratch cmake --install "$build" --prefix /usr --component program >/dev/null
usr=$scratch/usr
copse=$usr/bin/copse

for path in bin/copse sbin/mount.fuse.copse sbin/umount.fuse.copse share/man/man1/copse.1.gz \
  share/man/man8/mount.fuse.copse.8.gz share/man/man8/umount.fuse.copse.8.gz share/bash-completion/completions/copse \
  share/zsh/vendor-completions/_copse lib/systemd/user/copse@.service share/doc/copse/copyright; do
  [ -e "$usr/$path" ] || fail "/usr/$path is not installed"
done

# page PAGE: its text, a line a paragraph, without warnings of the formatter.
page() {
  gzip -dc "$usr/share/man/$1.gz" >"$scratch/page"
  groff -man -Tascii -Wall -ww -P-c -P-b -P-u -rLL=2000n -rHY=0 "$scratch/page" 2>"$scratch/warnings"
  [ ! -s "$scratch/warnings" ] || { cat "$scratch/warnings" >&2; fail "$1 has mistakes"; }
}
# words SECTION ARGUMENTS: what `copse ARGUMENTS --help` lists there.
words() {
  section=$1
  shift
  "$copse" "$@" --help | awk -v section="$section:" '
    /^[A-Z][a-z]+:$/ { inside = $0 == section }
    inside && /^  [^ ]/ { gsub(",", "\n", $1); print $1 }'
}

# Every command has a paragraph of its own in the manual, and each of its options stands there before the next command's.
page man1/copse.1 >"$scratch/manual"
commands=$(words Subcommands)
[ -n "$commands" ] || fail "--help lists no commands"
alternatives=$(echo $commands | tr ' ' '|')
for command in $commands; do
  awk -v command="$command" -v all="^ +($alternatives) [A-Z]" '
    /^[A-Z]/ { inside = 0 }
    $0 ~ all { inside = $1 == command }
    inside' "$scratch/manual" >"$scratch/paragraph"
  [ -s "$scratch/paragraph" ] || fail "copse(1) says nothing of the command $command"
  for option in $(words Options "$command"); do
    case $option in -h | --help) continue ;; esac
    grep -qE -- "(^|[^a-z-])$option([^a-z-]|\$)" "$scratch/paragraph" || fail "copse(1) says nothing of $command $option"
  done
done
for option in $(words Options); do
  grep -qE -- "(^|[^a-z-])$option([^a-z-]|\$)" "$scratch/manual" || fail "copse(1) says nothing of $option"
done

# What mount.fuse.copse(8) lists the program takes: it complains of the store only.
page man8/mount.fuse.copse.8 >"$scratch/manual"
for option in squash_uid=1 squash_gid=1 map_uid=1/2:2/1 map_gid=1/2 listen=h:1 peer=h:1 offline ro rw allow_other allow_root \
  auto_unmount max_read=1 suid dev nosuid nodev exec noexec sync async dirsync noatime nodiratime norelatime nostrictatime \
  default_permissions auto noauto user nouser users owner group defaults _netdev nofail relatime comment=1; do
  name=${option%%=*}
  grep -qE -- "(^|[^a-z_])$name([^a-z_]|\$)" "$scratch/manual" || fail "mount.fuse.copse(8) says nothing of $name"
  if "$copse" mount "$scratch/none" "$scratch" -o "$option" 2>"$scratch/err"; then fail "mounted nothing"; fi
  grep -q 'no store there' "$scratch/err" || fail "mount -o $option: $(cat "$scratch/err")"
done

# completed WORDS...: what bash offers for the last of them.
completed() {
  PATH="$usr/bin:$PATH" bash -c '
    set -u
    . "$1"
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _copse
    [ "${#COMPREPLY[@]}" -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' bash "$usr/share/bash-completion/completions/copse" "$@"
}
expect() { # expect "LINES" WORDS...
  expected=$1
  shift
  [ "$(completed "$@" | sort | tr '\n' ' ')" = "$expected" ] || fail "bash completes '$*' to: $(completed "$@" | tr '\n' ' ')"
}
mkdir "$scratch/place" && cd "$scratch/place" && mkdir notes.store && touch notes.txt
expect "members mount " copse m
expect "--read-only " copse mount --rea
expect "--label " copse init --l
[ "$(completed copse trash notes.store '' | tr '\n' ' ')" = "list restore purge " ] || fail "bash does not complete what trash does"
expect "admin writer " copse invite notes.store --role ""
expect "notes.store " copse mount not
expect "notes.store notes.txt " copse status not
expect "allow_other,noatime " copse mount -o allow_other,noa
expect "" copse join notes.store --label ""

# zsh's helpers are replaced by such as print what they are given.
offered() {
  PATH="$usr/bin:$PATH" zsh -f -c '
    compadd() { print -rl -- "$@" }
    _describe() { print -rl -- "${(P@)2}" }
    file=$1
    shift
    words=("$@") CURRENT=$#
    source $file' zsh "$usr/share/zsh/vendor-completions/_copse" "$@"
}
offered copse '' | grep -qx 'verify:Read the whole store .*' || fail "zsh does not complete commands"
offered copse mount --r | grep -qx -- '--read-only:Let nothing be changed' || fail "zsh does not complete options"
offered copse trash notes.store '' | grep -qx purge || fail "zsh does not complete what trash does"

# The unit's commands, run as systemd would: specifiers and variables replaced, each word an argument.
case ${COPSE_SKIP:-} in *fuse*) echo "skipped the unit: COPSE_SKIP"; exit 0 ;; esac
unit=$usr/lib/systemd/user/copse@.service
run_unit() {
  COPSE_STORE=$scratch/.local/share/copse/notes COPSE_DIRECTORY=$scratch/notes
  eval "$(sed -n "s/^$1=-\{0,1\}//p" "$unit" | sed "s|^copse|$copse|")" >/dev/null || fail "the unit's $1 fails"
}
grep -qx 'Environment=COPSE_STORE=%h/.local/share/copse/%i COPSE_DIRECTORY=%h/%i COPSE_OPTIONS=' "$unit" ||
  fail "the unit mounts something else than copse(1) says"
mkdir -p "$scratch/.local/share/copse"
"$copse" init "$scratch/.local/share/copse/notes" --label unit >/dev/null
COPSE_OPTIONS="--offline --read-only"
run_unit ExecStartPre
run_unit ExecStart
trap '"$copse" umount "$scratch/notes" >/dev/null 2>&1 || true; rm -rf --one-file-system "$scratch"' EXIT
if touch "$scratch/notes/file" 2>/dev/null; then fail "COPSE_OPTIONS are lost"; fi
run_unit ExecStop
COPSE_OPTIONS=
run_unit ExecStartPre
run_unit ExecStart
touch "$scratch/notes/file"
run_unit ExecStop
echo "installed program: sound"
