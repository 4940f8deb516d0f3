# What every benchmark does with its figures. A benchmark calls bench_begin before it measures and bench_report when its
# figures are in $out/NAME.json. Its program prints Markdown of that file: `table FILE` the figures, `check FILE` each goal with
# what was measured, and ends with 1 if one is missed.
#
# With --check the report stands in docs/benchmarks.md as well, between two lines of its own; the rest of the page is written
# by hand.

# bench_begin NAME: before a long run, see that its report has a place, and note what is measured, where.
bench_begin() {
  name=$1
  out=${out:-$top/build/bench}
  document=${document:-docs/benchmarks.md}
  mkdir -p "$out"
  [ "${check:-no}" = no ] || bench_require_markers
  bench_commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)
  # What an earlier report has written into the page changes nothing that is measured.
  [ -z "$(git status --porcelain -- . ':!docs/benchmarks.md' 2>/dev/null)" ] || bench_commit="$bench_commit with changes"
  bench_machine="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, Linux $(uname -r)"
}

bench_require_markers() {
  awk -v begins="<!-- bench $name begins -->" -v ends="<!-- bench $name ends -->" '
    $0 == begins { if (seen++) wrong = 1 }
    $0 == ends { if (seen++ != 1) wrong = 1 }
    END { exit wrong || seen != 2 }
  ' "$document" || fail "$document needs the lines '<!-- bench $name begins -->' and '<!-- bench $name ends -->', once, in this order"
}

# bench_report PROGRAM: prints the report of $out/NAME.json and keeps it beside it; fails where --check finds a goal missed.
bench_report() {
  goals=met
  {
    # shellcheck disable=SC2016 # backticks of Markdown
    printf 'Run: `./dev bench %s`, commit %s, %s.\n\n' "$name" "$bench_commit" "$bench_machine"
    "$1" table "$out/$name.json" || fail "bench $name: no table of $out/$name.json"
    echo
  } >"$out/$name.md"
  "$1" check "$out/$name.json" >>"$out/$name.md" || {
    [ $? -eq 1 ] || fail "bench $name: the goals of $out/$name.json cannot be checked"
    goals=missed
  }
  cat "$out/$name.md"
  echo "bench $name: the figures are in $out/$name.json" >&2
  [ "${check:-no}" = yes ] || return 0
  bench_write_document
  [ "$goals" = met ] || fail "bench $name: a goal is missed; $document says which"
}

bench_write_document() {
  bench_require_markers
  awk -v name="$name" -v report="$out/$name.md" '
    $0 == "<!-- bench " name " ends -->" { skip = 0 }
    !skip { print }
    $0 == "<!-- bench " name " begins -->" { skip = 1; while ((getline line < report) > 0) print line }
  ' "$document" >"$out/document.md"
  cp "$out/document.md" "$document"
  rm "$out/document.md"
}
