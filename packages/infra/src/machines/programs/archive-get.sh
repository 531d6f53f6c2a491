#!/bin/sh
# PostgreSQL's restore_command: archive-get FILE PATH. Exit codes decide (PostgreSQL manual, 25.3.5): up to 125 says that there
# is no such file, which ends a recovery; above 125 aborts it.
set -u
. /etc/pgha/backup.env

if [ -e standby.signal ]; then
  # A standby asks again for ever and may stream instead, so any failure may be "not there". It must be a quick one: a region
  # that starts while S3 is away would otherwise wait a minute for every file.
  timeout --kill-after=2 20 pgbackrest --stanza="$STANZA" --io-timeout=2 archive-get "$1" "$2" && exit 0
  exit 1
fi

# Everything else ends its recovery when told that there are no more files: only pgBackRest itself may say so.
pgbackrest --stanza="$STANZA" archive-get "$1" "$2"
case $? in
  0) exit 0 ;;
  1) exit 1 ;;
  *) exit 255 ;;
esac
