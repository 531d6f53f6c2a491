#!/bin/sh
# PostgreSQL's restore_command: archive-get FILE PATH. Exit codes decide (PostgreSQL manual, 25.3.5): up to 125 says that there
# is no such file, which ends a recovery; above 125 aborts it.
set -u
# shellcheck source=/dev/null
. /etc/pgha/backup.env

if [ -e standby.signal ]; then
  # A standby that restarts asks for everything since its last restart point and has most of it in pg_wal, which PostgreSQL
  # reads when told that the archive has no such file. Asked for the same one again, the local file was not enough.
  declined=/run/pgbackrest/archive-declined
  if [ -s "pg_wal/$1" ] && [ "$(cat "$declined" 2>/dev/null)" != "$1" ]; then
    printf '%s' "$1" >"$declined"
    exit 1
  fi
  # A standby asks again for ever and can stream instead, so any failure may be "not there". It must be a quick one: a region
  # that starts while S3 is away asks for a handful of files before it serves, and pgBackRest tries for a minute each time.
  unreachable=/run/pgbackrest/archive-unreachable
  [ -n "$(find "$unreachable" -newermt '-30 seconds' 2>/dev/null)" ] && exit 1
  timeout --kill-after=1 10 pgbackrest --stanza="$STANZA" archive-get "$1" "$2"
  case $? in
    0) exit 0 ;;
    1) exit 1 ;;
    *)
      touch "$unreachable"
      exit 1
      ;;
  esac
fi

# Everything else ends its recovery when told that there are no more files: only pgBackRest itself may say so.
pgbackrest --stanza="$STANZA" archive-get "$1" "$2"
case $? in
  0) exit 0 ;;
  1) exit 1 ;;
  *) exit 255 ;;
esac
