#!/bin/sh
# Three replicas, each changed by 10,000 calls while it reaches nobody, meet; then their mounts are compared.
set -eu
. "$(dirname "$0")/common.sh"

names="a b c"
serving=
end_serving() {
  [ -z "$serving" ] || { kill "$serving" && wait "$serving" || true; }
  serving=
}
# Serves the store of $1 until end_serving; its address is in $address.
serve() {
  : >"$scratch/serving"
  "$COPSE" serve "$scratch/$1.store" --listen 127.0.0.1:0 >"$scratch/serving" 2>"$scratch/serving.err" &
  serving=$!
  while ! grep -q listening "$scratch/serving"; do
    kill -0 "$serving" 2>/dev/null || fail "serve ended: $(cat "$scratch/serving.err")"
    sleep 0.05
  done
  address=$(sed -n 's/^listening at //p' "$scratch/serving")
}
end_mounts() {
  for name in $names; do umount -l "$scratch/$name" 2>/dev/null || true; done
  end_serving 2>/dev/null
}
trap 'end_mounts; clean_up' EXIT

"$COPSE" init "$scratch/a.store" --label a >/dev/null
serve a
for name in b c; do
  invitation=$("$COPSE" invite "$scratch/a.store" --json | sed 's/.*"invitation":"\([^"]*\)".*/\1/')
  "$COPSE" join "$scratch/$name.store" "$invitation" --label "$name" >/dev/null
done
"$COPSE" sync "$scratch/b.store" --peer "$address" >/dev/null  # So that it hears of c.
end_serving

seed=${COPSE_SEED:-1}
for name in $names; do
  "$COPSE_RANDOM_USER" "$scratch/$name.store" "$seed" "${COPSE_CALLS:-10000}"
  seed=$((seed + 1))
done

for meeting in "b a" "c b" "a c" "b c"; do
  serve "${meeting% *}"
  "$COPSE" sync "$scratch/${meeting#* }.store" --peer "$address" >/dev/null
  end_serving
done

for name in $names; do
  mkdir "$scratch/$name"
  "$COPSE" mount "$scratch/$name.store" "$scratch/$name" --offline >/dev/null
  "$COPSE" dump "$scratch/$name.store" >"$scratch/$name.dump"
  (cd "$scratch/$name" && find . -printf '%P|%y|%m|%n|%s|%T@|%i|%l\n' | LC_ALL=C sort) >"$scratch/$name.list"
  "$COPSE" verify "$scratch/$name.store" >/dev/null
done
for name in b c; do
  cmp "$scratch/a.dump" "$scratch/$name.dump" || fail "the dumps of a and $name differ"
  cmp "$scratch/a.list" "$scratch/$name.list" || fail "the mounts of a and $name show different inodes"
  diff -r --no-dereference "$scratch/a" "$scratch/$name" || fail "the mounts of a and $name differ"
done
echo "three equal mounts of $(wc -l <"$scratch/a.list") entries"
for name in $names; do "$COPSE" umount "$scratch/$name" >/dev/null; done
