#!/bin/sh
# rsync, tar and ls work in the mount: the second rsync transfers nothing, tar out and in gives equal listings.
set -eu
. "$(dirname "$0")/common.sh"
source=${COPSE_SOURCE_TREE:-/usr/include/linux}

new_volume
rsync -a "$source/" "$folder/copy/"
second=$(rsync -ai "$source/" "$folder/copy/")
[ -z "$second" ] || fail "the second rsync transfers: $second"
diff -r "$source" "$folder/copy"

tar -C "$folder" -cf "$scratch/copy.tar" copy
mkdir "$folder/untarred"
tar -C "$folder/untarred" -xpf "$scratch/copy.tar"
(cd "$folder/copy" && find . -mindepth 1 -printf '%P|%y|%m|%U:%G|%n|%s|%T@|%l\n' | LC_ALL=C sort) >"$scratch/a"
(cd "$folder/untarred/copy" && find . -mindepth 1 -printf '%P|%y|%m|%U:%G|%n|%s|%T@|%l\n' | LC_ALL=C sort) >"$scratch/b"
# tar keeps whole seconds in its plain format: compare without fractions.
sed 's/\.[0-9]*|/|/' "$scratch/a" >"$scratch/a.seconds"
sed 's/\.[0-9]*|/|/' "$scratch/b" >"$scratch/b.seconds"
diff "$scratch/a.seconds" "$scratch/b.seconds" || fail "tar out and in changes the listing"

mkdir "$folder/many"
(cd "$folder/many" && seq 1 10000 | xargs touch)
[ "$(find "$folder/many" -type f | wc -l)" -eq 10000 ] || fail "find does not see 10,000 files"
ls -l "$folder/many" | awk 'NR > 1 { n++; names[$NF]++ } END { for (x in names) if (names[x] != 1) exit 1; exit n != 10000 }' ||
  fail "ls -l does not show each of the 10,000 files once"
(cd "$folder/many" && rm -rf -- *)
[ -z "$(ls -A "$folder/many")" ] || fail "rm left something behind"
