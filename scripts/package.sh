# ./dev package [--check [DIR]]: build/copse_VERSION_ARCHITECTURE.deb. --check has lintian look at it, and installs, uses,
# removes and purges it in a clean Debian 12, which is put into DIR or a folder below build/ and taken away again.
need_packages "$packages_build dpkg-dev file"
build_preset release
rm -f build/*.deb
(umask 022 && cd build && cpack -G DEB >package.log 2>&1) || { cat build/package.log >&2; fail "cpack could not make the package"; }
deb=$(ls "$PWD"/build/*.deb)
echo "$deb"
[ "${1:-}" = --check ] || return 0

[ "$(id -u)" -eq 0 ] || fail "package --check makes a root directory of its own: run it as root"
need_packages "lintian debootstrap"
lintian --allow-root --fail-on error "$deb" || fail "lintian found errors"

root=$(mktemp -d "${2:-$PWD/build}/package-root.XXXXXX")
chmod 755 "$root"  # apt fetches as a user of its own.
clean_up() {
  status=$?
  trap - EXIT
  for mounted in tmp/folder dev/fuse proc; do umount "$root/$mounted" 2>/dev/null || true; done
  # Nothing of this machine may be below it when it goes.
  if ! grep -qF " $root/" /proc/self/mountinfo; then rm -rf "$root"; fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
# Paths that no package has made: caches of the package manager and of the dynamic linker.
files() { (cd "$root" && find . -xdev \( -path ./tmp -o -path ./proc -o -path ./sys -o -path ./dev -o -path ./var/lib/dpkg -o \
  -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./run \) -prune -o -print | sort); }

echo "package: making a clean Debian 12"
debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian >build/debootstrap.log 2>&1 || {
  tail -n 20 build/debootstrap.log >&2
  fail "debootstrap could not make a clean Debian"
}
mount -t proc proc "$root/proc"
touch "$root/dev/fuse"
mount --bind /dev/fuse "$root/dev/fuse"
inside apt-get update -q >/dev/null
cp "$deb" "$root/tmp/copse.deb"
# What it needs is not there yet, and apt brings it.
inside dpkg -i /tmp/copse.deb >/dev/null 2>&1 || inside apt-get install -fqy >/dev/null
inside dpkg -s copse | grep -qx 'Status: install ok installed' || fail "package: not installed"

inside copse --version
inside copse init /tmp/store --label chroot >/dev/null
inside mkdir /tmp/folder
echo "/tmp/store /tmp/folder fuse.copse allow_other,_netdev 0 0" >>"$root/etc/fstab"
inside mount /tmp/folder
inside sh -c 'echo hello >/tmp/folder/file && copse status /tmp/folder && umount /tmp/folder && copse verify /tmp/store'
inside mount -a -t fuse.copse
[ "$(inside cat /tmp/folder/file)" = hello ] || fail "package: a file is missing after the second mount"
inside umount /tmp/folder

inside dpkg -L copse | sort >build/package-files
inside dpkg --remove copse >/dev/null
while read -r path; do
  # Folders that other packages have, too, stay.
  if [ -e "$root$path" ] && [ ! -d "$root$path" ]; then fail "package: $path is left after removal"; fi
done <build/package-files
inside dpkg --purge copse >/dev/null 2>&1
files >build/package-left
if grep copse build/package-left; then fail "package: what is above is left after the purge"; fi
if inside dpkg -s copse 2>/dev/null; then fail "package: dpkg still knows it"; fi
echo "package: installs, mounts, and goes without a trace"
