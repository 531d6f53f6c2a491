#!/bin/sh
# Builds this member from the newest backup of the nearest repository that has one; Patroni takes it from there, and copies from
# the primary when this fails. It must fail quickly where there is no backup or no S3: pgBackRest alone tries for minutes.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

for repository in $REPOSITORIES; do
  if timeout --kill-after=1 20 pgbackrest --stanza="$STANZA" --repo="$repository" --output=json info |
    jq --exit-status 'any(.[].backup[]?; .error | not)' >/dev/null; then
    exec timeout --kill-after=10 3600 pgbackrest --stanza="$STANZA" --repo="$repository" --delta --type=standby restore
  fi
done
echo 'no repository has a backup to build this member from' >&2
exit 1
