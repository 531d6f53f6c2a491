-- What PostgreSQL knows of its own health, as node exporter text: the alerts and `pgha status` read the same numbers.
\set QUIET on
\pset tuples_only on
\pset format unaligned
select '# HELP pgha_checksum_failures Pages that were read and did not match their checksum.';
select '# TYPE pgha_checksum_failures gauge';
select format('pgha_checksum_failures{datname="%s"} %s', coalesce(datname, 'shared'), coalesce(checksum_failures, 0))
from pg_stat_database;
select '# HELP pgha_transaction_id_age Transactions since the oldest row that is not frozen.';
select '# TYPE pgha_transaction_id_age gauge';
select format('pgha_transaction_id_age{datname="%s"} %s', datname, age(datfrozenxid)) from pg_database;
select '# HELP pgha_multixact_id_age Multixacts since the oldest one that may be in use.';
select '# TYPE pgha_multixact_id_age gauge';
select format('pgha_multixact_id_age{datname="%s"} %s', datname, mxid_age(datminmxid)) from pg_database;
select '# HELP pgha_prepared_transaction_age_seconds Age of the oldest prepared transaction; 0 without one.';
select '# TYPE pgha_prepared_transaction_age_seconds gauge';
select format('pgha_prepared_transaction_age_seconds %s', coalesce(extract(epoch from now() - min(prepared)), 0))
from pg_prepared_xacts;
select '# HELP pgha_idle_in_transaction_seconds How long the longest session has been idle in a transaction.';
select '# TYPE pgha_idle_in_transaction_seconds gauge';
select format('pgha_idle_in_transaction_seconds %s', coalesce(max(extract(epoch from now() - state_change)), 0))
from pg_stat_activity
where state like 'idle in transaction%';
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
select '# HELP pgha_wal_archive_lag_seconds How long the oldest complete WAL segment has waited for the archive; 0 while none waits.';
select '# TYPE pgha_wal_archive_lag_seconds gauge';
select format('pgha_wal_archive_lag_seconds %s', coalesce(extract(epoch from clock_timestamp() - min(modification)), 0))
from pg_ls_archive_statusdir()
where name like '%.ready' and not pg_is_in_recovery();

-- a commit that waits for a standby now and a moment later
select coalesce(array_agg(pid), '{}') as waiting from pg_stat_activity where wait_event = 'SyncRep' \gset
select pg_sleep(0.3) where :'waiting' <> '{}' \g /dev/null
select not pg_is_in_recovery() and to_regclass('heartbeat.beat') is not null as commits \gset
\if :commits
select '# HELP pgha_commit_timestamp_seconds When the last heartbeat was committed, or when the oldest commit that waits for a standby began.';
select '# TYPE pgha_commit_timestamp_seconds gauge';
select format('pgha_commit_timestamp_seconds %s', extract(epoch from least(beaten_at, (
  select min(query_start)
  from pg_stat_activity
  where wait_event = 'SyncRep' and pid = any (:'waiting'::int[])
))))
from heartbeat.beat;
\endif
