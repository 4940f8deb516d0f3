#!/bin/sh
# Two replicas of one volume on one machine: both are changed while they cannot reach each other, then they meet, and
# show the same. What each change becomes is said in docs/semantics.md.
#
#   ./dev build && examples/two_replicas.sh
#
# COPSE: the program (default: build/copse). Needs /dev/fuse. Leaves nothing behind.
set -eu
cd "$(dirname "$0")/.."
copse=${COPSE:-$PWD/build/copse}
place=$(mktemp -d)
laptop=$place/laptop
desk=$place/desk

finish() {
  for mount in "$laptop" "$desk"; do "$copse" umount "$mount" >/dev/null 2>&1 || umount -l "$mount" 2>/dev/null || true; done
  rm -rf "$place"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
mkdir "$laptop" "$desk"

echo "== a volume on the laptop, and an invitation for the desk"
"$copse" init "$laptop.store" --label laptop
"$copse" mount "$laptop.store" "$laptop" --listen 127.0.0.1:0
"$copse" invite "$laptop" --json >"$place/invitation"
"$copse" join "$desk.store" "$(sed 's/.*"invitation":"\([^"]*\)".*/\1/' "$place/invitation")" --label desk
"$copse" mount "$desk.store" "$desk"
"$copse" members "$laptop"

echo "== what both know"
mkdir "$laptop/drafts" "$laptop/letters"
echo "first version" >"$laptop/notes.txt"
echo "to be renamed here and deleted there" >"$laptop/report.txt"
echo "one file with two names, soon" >"$laptop/linked.txt"
"$copse" flush "$laptop"
"$copse" sync "$desk"
ls "$desk"

echo "== both work on, out of reach of each other"
for name in laptop desk; do
  "$copse" umount "$place/$name"
  "$copse" mount "$place/$name.store" "$place/$name" --offline
done
for name in laptop desk; do
  root=$place/$name
  echo "made on the $name" >"$root/new.txt"          # A new file of one name on both.
  mkdir "$root/photos"                               # A new directory of one name on both.
  echo "seen from the $name" >"$root/photos/$name.txt"
  echo "edited on the $name" >>"$root/notes.txt"     # Both edit one file.
done
mv "$laptop/report.txt" "$laptop/summary.txt"        # Renamed here ...
rm "$desk/report.txt"                                # ... deleted there.
mv "$laptop/drafts" "$laptop/letters/drafts"         # Together these two moves
mv "$desk/letters" "$desk/drafts/letters"            # would make a cycle.
ln "$laptop/linked.txt" "$laptop/second name.txt"    # A hardlink here,
echo "a line from the desk" >>"$desk/linked.txt"     # a change of the file there.

echo "== they meet"
for name in laptop desk; do
  "$copse" umount "$place/$name"
  "$copse" mount "$place/$name.store" "$place/$name"
done
"$copse" sync "$desk"
(cd "$laptop" && find . | sort)
"$copse" conflicts "$laptop"

echo "== are they equal?"
diff -r "$laptop" "$desk"
for name in laptop desk; do
  "$copse" dump "$place/$name" >"$place/$name.dump"
  (cd "$place/$name" && find . -printf '%p %i %n %s %y\n' | sort) >"$place/$name.list"
done
cmp "$laptop.dump" "$desk.dump"
cmp "$laptop.list" "$desk.list"
echo "both trees are equal: names, contents, inode numbers, link counts"
