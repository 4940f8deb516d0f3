# ./dev mount DIR: the main job, for someone who has just cloned the project.
[ $# -eq 1 ] || fail "usage: ./dev mount DIR"
need_packages "$packages_build"
build_preset release copse >build-mount.log 2>&1 || { cat build-mount.log >&2; rm -f build-mount.log; exit 1; }
rm -f build-mount.log

# A mount whose process was killed answers no stat, but its place exists: `copse mount` takes it over.
mkdir -p "$1" 2>/dev/null || true
case $1 in
  /*) directory=$1 ;;
  *) directory=$PWD/$1 ;;
esac
directory=$(realpath -ms "$directory")
# One volume for each place: ~/m has its store in ~/.local/share/copse/home-me-m.
name=$(printf '%s' "${directory#/}" | tr / -)
store=${COPSE_STORE:-${XDG_DATA_HOME:-$HOME/.local/share}/copse/$name}
if [ ! -e "$store/format" ]; then
  mkdir -p "$(dirname "$store")"
  build/copse init "$store" >/dev/null
fi
build/copse mount "$store" "$directory"
cat <<TXT

  folder   $directory
  store    $store
  unmount  $top/build/copse umount $directory
  next     copy files in; then: $top/build/copse status $directory
           $top/build/copse flush $directory makes all of it durable, $top/build/copse trash $directory list shows what was deleted
TXT
