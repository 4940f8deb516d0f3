# ./dev soak day [PART]...: a day's work in a mount, in three parts. project: it is cloned, configured, built and tested (the
# tree's tests). package: a Debian source package is built. postgresql: a cluster runs pgbench for COPSE_SECONDS (300), is
# checked, loses its processes and the mount's to kill -9, and recovers without a committed transaction missing.
need_packages "$packages_build $packages_test dpkg-dev debhelper help2man texinfo fakeroot postgresql"
[ "$(id -u)" -eq 0 ] || fail "soak day mounts with allow_other and runs PostgreSQL as its own user: run it as root"
build_preset release copse
program=$top/build/copse
postgresql=$(find /usr/lib/postgresql -name bin -type d | sort -V | tail -n 1)
scratch=$(mktemp -d /tmp/copse-day.XXXXXX)
folder=$scratch/folder
cluster=$folder/cluster
chmod 755 "$scratch"
mkdir "$folder" "$scratch/socket"
chown postgres "$scratch/socket"

# The processes of the cluster: the server and those that it has started.
cluster_processes() {
  server=$(head -n 1 "$cluster/postmaster.pid" 2>/dev/null) || return 0
  echo "$server" $(ps -o pid= --ppid "$server")
}
clean_up() {
  status=$?
  trap - EXIT
  [ -z "${load:-}" ] || wait "$load" || true
  if [ -e "$cluster/postmaster.pid" ]; then as_postgres "$postgresql/pg_ctl" stop -m immediate -D "$cluster" || true; fi
  if ! "$program" umount "$folder" >/dev/null; then
    umount -l "$folder" || true
    status=1
  fi
  if [ "$status" -eq 0 ]; then rm -rf "$scratch"; else echo "soak day: logs are in $scratch" >&2; fi
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# step NAME COMMAND...: runs it, and says how long it took.
step() {
  name=$1
  shift
  begin=$(seconds_now)
  if ! "$@" >"$scratch/step.log" 2>&1; then
    tail -n 40 "$scratch/step.log" >&2
    fail "soak day: $name failed"
  fi
  echo "soak day: $name: $(($(seconds_now) - begin)) s"
}

mount_volume() { "$program" mount "$scratch/store" "$folder" -o allow_other; }

build_project() {
  git clone -q "$top" "$folder/project" &&
    (cd "$folder/project" && cmake --preset release -DCOPSE_TESTS=ON && cmake --build build -j "$jobs" --target copse_crdt_tests)
}
test_project() { (cd "$folder/project" && git status --short && ctest --test-dir build -L '^crdt$' -j "$jobs" --no-tests=error); }

# A source list of our own: the system's need not name sources.
fetch_source() {
  mkdir -p "$scratch/apt/lists/partial" "$scratch/apt/cache/archives/partial" "$folder/package"
  echo "deb-src http://deb.debian.org/debian bookworm main" >"$scratch/apt/sources.list"
  own="-o Dir::Etc::SourceList=$scratch/apt/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$scratch/apt/lists
    -o Dir::Cache=$scratch/apt/cache -o APT::Sandbox::User=root"
  # shellcheck disable=SC2086 # the options are words
  (cd "$folder/package" && apt-get $own update && apt-get $own source hello)
}
build_source() {
  (cd "$folder"/package/hello-*/ && dpkg-buildpackage -us -uc -j"$jobs") && dpkg-deb --info "$folder"/package/hello_*_*.deb
}

as_postgres() { (cd / && runuser -u postgres -- "$@"); }
make_cluster() {
  mkdir "$cluster" && chown postgres "$cluster" && as_postgres "$postgresql/initdb" -D "$cluster" --data-checksums
}
start_cluster() {
  as_postgres "$postgresql/pg_ctl" start -w -t 300 -D "$cluster" -l "$cluster/log" -o "-k $scratch/socket -c listen_addresses=''"
}
query() { as_postgres psql -h "$scratch/socket" -qtAX -c "$1" bench; }
fill_bench() {
  as_postgres createdb -h "$scratch/socket" bench && as_postgres "$postgresql/pgbench" -h "$scratch/socket" -i -s 10 bench
}
run_bench() { as_postgres "$postgresql/pgbench" -h "$scratch/socket" -c 4 -j 2 -T "$1" -P 30 bench && grep -v ^progress "$scratch/step.log" >"$scratch/bench.log"; }
check_cluster() {
  as_postgres "$postgresql/pg_amcheck" -h "$scratch/socket" --all --install-missing --heapallindexed --parent-check
  sums=$(query "SELECT count(DISTINCT sum) FROM (SELECT sum(abalance) FROM pgbench_accounts UNION ALL SELECT sum(bbalance)
    FROM pgbench_branches UNION ALL SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(delta) FROM pgbench_history) AS sums")
  [ "$sums" = 1 ] || { echo "the balances do not add up"; return 1; }
}
kill_all() {
  copse=$("$program" status "$folder" --json | sed 's/.*"pid":\([0-9]*\).*/\1/')
  # shellcheck disable=SC2046 # numbers
  kill -9 $(cluster_processes) "$copse"
  wait "$load" || true
  load=
}

day_project() {
  step "project cloned, configured and built" build_project
  step "project tested" test_project
}

day_package() {
  step "Debian source package fetched" fetch_source
  step "Debian source package built" build_source
}

day_postgresql() {
  step "PostgreSQL cluster made" make_cluster
  step "PostgreSQL started" start_cluster
  step "pgbench filled" fill_bench
  step "pgbench" run_bench "${COPSE_SECONDS:-300}"
  grep -E 'tps|transactions' "$scratch/bench.log"
  step "pg_amcheck" check_cluster
  # Without -n the history would be emptied first. The log of what was committed lies outside the mount: each of its lines
  # must be in the history afterwards.
  before=$(query "SELECT count(*) FROM pgbench_history")
  as_postgres "$postgresql/pgbench" -h "$scratch/socket" -n -c 4 -j 2 -T 120 -l --log-prefix="$scratch/socket/committed" bench \
    >"$scratch/load.log" 2>&1 &
  load=$!
  sleep 20
  step "kill -9 of PostgreSQL and copse" kill_all
  step "mounted again" mount_volume
  step "PostgreSQL recovered" start_cluster
  after=$(query "SELECT count(*) FROM pgbench_history")
  committed=$(cat "$scratch"/socket/committed.* | wc -l)
  echo "soak day: $before transactions before, $committed committed under way, $after found"
  [ "$committed" -gt 0 ] || fail "soak day: no transaction was under way"
  [ "$after" -ge $((before + committed)) ] || fail "soak day: committed transactions are missing"
  step "pg_amcheck after recovery" check_cluster
  step "PostgreSQL stopped" as_postgres "$postgresql/pg_ctl" stop -w -D "$cluster"
}

"$program" init "$scratch/store" >/dev/null
mount_volume >/dev/null
for part in ${*:-project package postgresql}; do
  case $part in
    project | package | postgresql) "day_$part" ;;
    *) fail "usage: ./dev soak day [project] [package] [postgresql]" ;;
  esac
done
step "verify" "$program" verify "$folder"
echo "soak day: done"
