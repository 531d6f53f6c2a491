#!/bin/sh
# pgha-check-repository N: on the primary, closes a WAL segment and sees it arrive in repository N.
# "pgbackrest check" asks every repository it is configured for, and waits for minutes on one that is away: so that one of them
# can be checked alone, it gets a configuration without the others.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

# nobody else reads what has the passphrase
umask 077
folder=$(mktemp -d /run/pgbackrest/check.XXXXXX)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/include"
cat /etc/pgbackrest/pgbackrest.conf /etc/pgbackrest/conf.d/*.conf |
  sed "/^repo[0-9]*-/{/^repo$1-/!d}" >"$folder/pgbackrest.conf"
timeout --kill-after=5 120 pgbackrest --config="$folder/pgbackrest.conf" --config-include-path="$folder/include" \
  --stanza="$STANZA" check
