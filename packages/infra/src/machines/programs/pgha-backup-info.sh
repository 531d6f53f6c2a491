#!/bin/sh
# Writes what pgBackRest knows of the backups as the JSON that GET /backups reads: pgha-backup-info FILE
set -eu

target=$1
/usr/local/lib/pgha/repositories /etc/pgha/repositories.json

# below the minute between two runs; 124 is the answer "timeout"
code=0
info=$(timeout 45 pgbackrest --config-include-path="$RUNTIME_DIRECTORY/used" info --output=json) || code=$?
[ "$code" -eq 0 ] || info='[]'

printf '{"exit":%d,"at":"%s","info":%s}\n' "$code" "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" "$info" >"$target.new"
# whoever reads it sees the old report or the new one
mv "$target.new" "$target"
