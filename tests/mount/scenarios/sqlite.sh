#!/bin/sh
# SQLite works in the mount, with write-ahead log and with rollback journal, and its file survives a pulled plug.
set -eu
. "$(dirname "$0")/common.sh"
inserts=${COPSE_INSERTS:-10000}

new_volume
for mode in wal delete; do
  database=$folder/$mode.db
  {
    # With less than "extra", SQLite makes the removal of a rollback journal durable only by and by: a journal that is
    # there again takes back the last transaction.
    echo "PRAGMA journal_mode=$mode; PRAGMA synchronous=EXTRA; CREATE TABLE t(n INTEGER PRIMARY KEY, text TEXT);"
    # A transaction for each ten rows: a thousand commits, each with its fsyncs.
    seq 1 "$inserts" | awk '{ if (NR % 10 == 1) print "BEGIN;"
      print "INSERT INTO t VALUES(" $1 ", \"row " $1 "\");"
      if (NR % 10 == 0) print "COMMIT;" }'
  } | sqlite3 "$database" >/dev/null
  [ "$(sqlite3 "$database" 'PRAGMA integrity_check')" = ok ] || fail "$mode: integrity_check"
  [ "$(sqlite3 "$database" 'SELECT count(*) FROM t')" -eq "$inserts" ] || fail "$mode: rows are missing"
done
pull_the_plug
"$COPSE" mount "$store" "$folder" >/dev/null
for mode in wal delete; do
  [ "$(sqlite3 "$folder/$mode.db" 'PRAGMA integrity_check')" = ok ] || fail "$mode: integrity_check after kill -9"
  [ "$(sqlite3 "$folder/$mode.db" 'SELECT count(*) FROM t')" -eq "$inserts" ] || fail "$mode: rows lost by kill -9"
done
