#!/bin/sh
# Builds this member from the newest backup; Patroni takes it from there. Fails quickly when there is none, and Patroni then
# copies from the primary.
set -eu
# shellcheck source=/dev/null
. /etc/pgha/backup.env

exec timeout --kill-after=10 3600 pgbackrest --stanza="$STANZA" --io-timeout=10 --delta --type=standby restore
