#!/bin/sh
# mount(8), umount(8) and fstab serve volumes, for root and for ordinary users. They look for helpers in /sbin only, and
# for the table in /etc only: so all of this runs in a mount namespace of its own, where these two are replaced.
set -eu
case ${COPSE_SKIP:-} in *fuse* | *root*) echo "skipped: COPSE_SKIP"; exit 0 ;; esac
fail() { echo "mount helper: $*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 0; }
if [ -z "${COPSE_OWN_NAMESPACE:-}" ]; then
  COPSE_OWN_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi

scratch=$(mktemp -d /tmp/copse-helper.XXXXXX)
folder=$scratch/folder
clean_up() {
  status=$?
  trap - EXIT
  for place in "$folder" "$scratch/users"; do
    ! mountpoint -q "$place" || "$copse" umount "$place" >&2 || umount -il "$place" || true
  done
  umount -l /usr/sbin /etc/fstab /dev/fuse "$scratch/system" 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
  exit "$status"
}
chmod 755 "$scratch"
copse=$scratch/copse
cp "$1/copse" "$copse"
mkdir "$folder" "$scratch/users" "$scratch/system" "$scratch/sbin"
chown nobody "$scratch/users"
trap clean_up EXIT
trap 'exit 1' INT TERM
mount --bind /usr/sbin "$scratch/system"
ln -s "$scratch"/system/* "$scratch/sbin/"
ln -sf "$copse" "$scratch/sbin/mount.fuse.copse"
ln -sf "$copse" "$scratch/sbin/umount.fuse.copse"
mount --bind "$scratch/sbin" /usr/sbin
# As udev makes it: everybody may use it. Containers often have it for root only.
mknod -m 666 "$scratch/fuse" c 10 229
mount --bind "$scratch/fuse" /dev/fuse
as_user() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
is_free() { [ "$("$copse" status "$1" --json | grep -o '"mounted_at":null')" ] && "$copse" verify "$1" >/dev/null; }

"$copse" init "$scratch/store" --label helper >/dev/null
cat >"$scratch/fstab" <<TXT
$scratch/store $folder fuse.copse defaults,allow_other,_netdev,nofail,x-test=1,squash_uid=1234,map_gid=0/77 0 0
$scratch/users_store $scratch/users fuse.copse noauto,user,squash_uid=65534 0 0
TXT
mount --bind "$scratch/fstab" /etc/fstab

# By hand, with the options of mount(8).
[ -z "$(mount -t fuse.copse -o allow_other,noatime,offline,squash_uid=7 "$scratch/store" "$folder" 2>&1)" ] ||
  fail "mount(8) prints something though it succeeds"
grep -q " $folder .*noatime.* - fuse.copse $scratch/store .*allow_other" /proc/self/mountinfo || fail "options are lost"
echo hello >"$folder/file"
[ "$(stat -c %u "$folder/file")" = 7 ] || fail "squash_uid is lost"
[ "$(as_user cat "$folder/file")" = hello ] || fail "allow_other is lost"
mount -o remount,ro "$folder"
if echo more 2>/dev/null >>"$folder/file"; then fail "remounted read-only, it can be written"; fi
mount -o remount,rw "$folder"
echo more >>"$folder/file"
umount "$folder"
is_free "$scratch/store" || fail "umount(8) returns before all is done"

# By the table.
mount -a -t fuse.copse
mount -a -t fuse.copse
[ "$(cat "$folder/file")" = "hello
more" ] || fail "the file is gone"
[ "$(stat -c '%u %g' "$folder/file")" = "1234 77" ] || fail "the options of the table are lost"
if mountpoint -q "$scratch/users"; then fail "noauto is lost"; fi
exec 9<"$folder/file"
if umount "$folder" 2>"$scratch/err"; then fail "unmounted though in use"; fi
[ "$(wc -l <"$scratch/err")" = 1 ] || fail "more than a line: $(cat "$scratch/err")"
umount -l "$folder"
[ "$(head -n 1 <&9)" = hello ] || fail "an open file is lost by umount -l"
exec 9<&-

# What fails says so in one line, by mount(8)'s exit status.
for options in nonsense squash_uid=x; do
  status=0
  mount -t fuse.copse -o "$options" "$scratch/store" "$folder" 2>"$scratch/err" || status=$?
  [ "$status" = 32 ] || fail "mount -o $options ends with $status"
  grep -q "^copse: -o $options: " "$scratch/err" || fail "mount -o $options: $(cat "$scratch/err")"
  [ "$(wc -l <"$scratch/err")" = 1 ] || fail "more than a line: $(cat "$scratch/err")"
done
mount -f -t fuse.copse "$scratch/store" "$folder"
mount -s -t fuse.copse -o nonsense "$scratch/store" "$folder" || fail "-s does not ignore what is not known"
umount "$folder"

# An ordinary user: through the table, and without.
mkdir "$scratch/users_home"
chown nobody "$scratch/users_home"
as_user env HOME="$scratch/users_home" "$copse" init "$scratch/users_home/store" --label user >/dev/null
ln -s "$scratch/users_home/store" "$scratch/users_store"
as_user mount "$scratch/users"
as_user sh -c "echo mine >$scratch/users/file"
grep -q " $scratch/users .*nosuid,nodev.* - fuse.copse .*user_id=65534" /proc/self/mountinfo || fail "not the user's mount"
if cat "$scratch/users/file" 2>/dev/null; then fail "another user can enter without allow_other"; fi
as_user umount "$scratch/users"
if mountpoint -q "$scratch/users"; then fail "the user's umount does nothing"; fi
as_user "$copse" mount "$scratch/users_home/store" "$scratch/users" >/dev/null
[ "$(as_user cat "$scratch/users/file")" = mine ] || fail "the user's file is gone"
as_user umount "$scratch/users"
echo "mount helper: sound"
