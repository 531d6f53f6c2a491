#!/bin/sh
# Writes what PostgreSQL knows of its own health as node exporter text: pgha-database-metrics CONNECTION FILE
set -eu

connection=$1
target=$2

psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --dbname="$connection" >"$target.new" <<'SQL'
select '# HELP pgha_checksum_failures Pages that were read and did not match their checksum.';
select '# TYPE pgha_checksum_failures gauge';
select format('pgha_checksum_failures{datname="%s"} %s', coalesce(datname, 'shared'), coalesce(checksum_failures, 0))
from pg_stat_database;
select '# HELP pgha_transaction_id_age Transactions since the oldest row that is not frozen.';
select '# TYPE pgha_transaction_id_age gauge';
select format('pgha_transaction_id_age{datname="%s"} %s', datname, age(datfrozenxid)) from pg_database;
SQL
chmod 0644 "$target.new"
# the exporter must never read half a file
mv "$target.new" "$target"
