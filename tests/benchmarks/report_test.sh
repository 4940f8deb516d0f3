#!/bin/sh
# report_test.sh SOURCE PROGRAMS: what scripts/bench_report.sh does with made-up figures, and what the programs say of theirs.
set -eu
source_directory=$1
programs=$2
place=$(mktemp -d "${TMPDIR:-/tmp}/copse-report.XXXXXX")
trap 'rm -rf "$place"' EXIT
cd "$source_directory"

expect() {
  what=$1
  shift
  "$@" || { echo "not so: $what" >&2; exit 1; }
}
contains() { grep -qF -- "$2" "$1"; }
lacks() { ! contains "$@"; }

# A program that has a figure and a goal; $place/goals says what its check ends with.
cat >"$place/program" <<'TXT'
#!/bin/sh
case $1 in
  table) echo "| figure | $(cat "$2") |" ;;
  check) echo "| goal | asked |"; exit "$(cat "$(dirname "$0")/goals")" ;;
esac
TXT
chmod +x "$place/program"

page() {
  printf '%s\n' '# Page' 'before' '<!-- bench made begins -->' 'old' '<!-- bench made ends -->' 'between' \
    '<!-- bench other begins -->' 'kept' '<!-- bench other ends -->' 'after' >"$place/page.md"
}

# report CHECK GOALS: as a benchmark does, in a shell of its own.
report() {
  echo "$2" >"$place/goals"
  (
    top=$source_directory out=$place/out document=$place/page.md check=$1
    . scripts/common.sh
    . scripts/bench_report.sh
    bench_begin made
    echo measured-now >"$out/made.json"
    bench_report "$place/program"
  ) >"$place/printed" 2>"$place/errors"
}

page
expect "goals that are met end with success" report yes 0
expect "the figures are in the page" contains "$place/page.md" 'measured-now'
# shellcheck disable=SC2016 # backticks of Markdown
expect "the page says what was run" contains "$place/page.md" 'Run: `./dev bench made`, commit '
expect "the page says where" contains "$place/page.md" "cores, Linux $(uname -r)."
expect "what stood there is gone" lacks "$place/page.md" old
for line in '# Page' before between kept after '<!-- bench made begins -->' '<!-- bench other ends -->'; do
  expect "the rest of the page stands: $line" contains "$place/page.md" "$line"
done
cp "$place/page.md" "$place/first"
expect "a second report takes the place of the first" report yes 0
expect "and changes nothing else" cmp "$place/page.md" "$place/first"

page
expect "a missed goal is a failure" eval '! report yes 1'
expect "that says so" contains "$place/errors" 'a goal is missed'
expect "with the figures in the page" contains "$place/page.md" 'measured-now'

page
cp "$place/page.md" "$place/first"
expect "without --check a missed goal is only printed" report no 1
expect "and the page stays" cmp "$place/page.md" "$place/first"
expect "the goals are printed" contains "$place/printed" '| goal | asked |'

expect "goals that cannot be checked are a failure" eval '! report yes 2'
expect "of another kind" contains "$place/errors" 'cannot be checked'
expect "that leaves the page alone" cmp "$place/page.md" "$place/first"

for broken in '/made ends/d' '/made begins/d' 's/made begins/made ends/' '/^old$/s/.*/<!-- bench made begins -->/'; do
  page
  sed -i "$broken" "$place/page.md"
  cp "$place/page.md" "$place/first"
  rm -f "$place/out/made.json"
  expect "a page without its two lines is a failure ($broken)" eval '! report yes 0'
  expect "that names them" contains "$place/errors" "needs the lines '<!-- bench made begins -->'"
  expect "before anything is measured" [ ! -e "$place/out/made.json" ]
  expect "and the page stays" cmp "$place/page.md" "$place/first"
done

# The programs: each goal with what was measured, and 1 where one is missed.
exchange() {
  printf '{"files": 50000, "files_per_second": %s, "latency": {"mkdir": {"median_ms": %s, "p90_ms": 9},
    "file_4KiB_written": {"median_ms": 4, "p90_ms": 9}}}' "$1" "$2" >"$place/exchange.json"
  "$programs/copse_exchange_benchmark" check "$place/exchange.json" >"$place/printed"
}
expect "exchange at its goals meets them" exchange 5000 19.9
expect "exchange: all are met" lacks "$place/printed" missed
expect "exchange: too few files" eval '! exchange 4999 1'
expect "exchange: and it says which" contains "$place/printed" '| at least 5000 | 4999 | **missed** |'
expect "exchange: too late" eval '! exchange 5000 20'
"$programs/copse_exchange_benchmark" table "$place/exchange.json" >"$place/printed"
expect "exchange: a table" contains "$place/printed" '| 20.0 (9.00) |'

# mount CREATE MERGE: three rounds, of which the median counts.
mount_figures() {
  printf '{"create, files/s": %s' "$1"
  for figure in "mkdir, directories/s" "symlink, links/s" "link, links/s" "rename, files/s" "unlink, files/s" "stat, warm, files/s" \
    "stat of absent names, warm, names/s" "list, warm, entries/s" "list with attributes (ls -l), warm, entries/s" \
    "write 4 KiB files, files/s" "write 4 KiB files with fsync, files/s" "sequential write with fsync, MiB/s" \
    "sequential read, pages dropped, MiB/s" "sequential read, warm, MiB/s" "random 4 KiB writes, writes/s" \
    "random 4 KiB reads, pages dropped, reads/s" "tar -x of a source tree, files/s" "rm -r of a source tree, files/s" \
    "git clone, files/s" "git status, runs/s" "cmake build, files/s"; do
    printf ', "%s": %s' "$figure" "$2"
  done
  printf '}'
}
mount_runs() {
  {
    printf '{"ours": "copse", "baselines": ["ext4", "passthrough_ll", "passthrough_hp"], "merge": [[1, 9], [%s, 9], [99, 9]], "RAM": ' "$2"
    separator='['
    for create in 1 "$1" 100000; do
      printf '%s{"ext4": %s, "passthrough_ll": %s, "passthrough_hp": %s, "copse": %s}' "$separator" "$(mount_figures 100 100)" \
        "$(mount_figures 100 100)" "$(mount_figures 100 100)" "$(mount_figures "$create" 150)"
      separator=,
    done
    printf ']}'
  } >"$place/mount.json"
  "$programs/copse_mount_benchmark" check "$place/mount.json" >"$place/printed"
}
expect "mount at its goals meets them" mount_runs 150 4.9
expect "mount: all are met" lacks "$place/printed" missed
expect "mount: one is missed" eval '! mount_runs 149 1'
expect "mount: and it says which" contains "$place/printed" '| create, files/s (RAM) | at least 1.50 x passthrough_ll | 1.49 x | **missed** |'
expect "mount: too long during a merge" eval '! mount_runs 150 5'
"$programs/copse_mount_benchmark" table "$place/mount.json" >"$place/printed"
expect "mount: a table" contains "$place/printed" '| create, files/s | 100 | 100 | 100 | 150 | 1.50 | 1.50 | 1.50 |'
echo rubbish >"$place/mount.json"
status=0
"$programs/copse_mount_benchmark" check "$place/mount.json" 2>/dev/null || status=$?
expect "mount: what is no run is no missed goal" [ "$status" -eq 2 ]
