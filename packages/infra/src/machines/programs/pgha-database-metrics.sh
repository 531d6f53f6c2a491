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
select '# HELP pgha_transaction_held_seconds How long the oldest transaction of a kind has held vacuum back.';
select '# TYPE pgha_transaction_held_seconds gauge';
select format('pgha_transaction_held_seconds{kind="open"} %s', coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0))
from pg_stat_activity
where coalesce(backend_xid, backend_xmin) is not null and backend_type not in ('autovacuum worker', 'walsender');
select format('pgha_transaction_held_seconds{kind="prepared"} %s', coalesce(extract(epoch from max(clock_timestamp() - prepared)), 0))
from pg_prepared_xacts;
select '# HELP pgha_slot_invalidated Whether a replication slot was invalidated: it keeps no WAL.';
select '# TYPE pgha_slot_invalidated gauge';
select format('pgha_slot_invalidated{slot="%s"} %s', slot_name, (invalidation_reason is not null or wal_status = 'lost')::int)
from pg_replication_slots where not pg_is_in_recovery();
select '# HELP pgha_slot_horizon_inactive_seconds How long nobody has used a slot that holds vacuum back.';
select '# TYPE pgha_slot_horizon_inactive_seconds gauge';
select format('pgha_slot_horizon_inactive_seconds{slot="%s"} %s', slot_name, extract(epoch from clock_timestamp() - inactive_since))
from pg_replication_slots
where not active and invalidation_reason is null and coalesce(xmin, catalog_xmin) is not null;
SQL
chmod 0644 "$target.new"
# the exporter must never read half a file
mv "$target.new" "$target"
