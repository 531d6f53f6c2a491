#!/bin/sh
# Builds this member from the newest backup; Patroni takes it from there, and copies from the primary when this fails. It
# must fail quickly where there is no backup or no S3: pgBackRest alone would try for minutes.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

timeout --kill-after=1 20 pgbackrest --stanza="$STANZA" --output=json info |
  jq --exit-status 'any(.[].backup[]?; .error | not)' >/dev/null || {
  echo 'no backup to build this member from' >&2
  exit 1
}
exec timeout --kill-after=10 3600 pgbackrest --stanza="$STANZA" --delta --type=standby restore
