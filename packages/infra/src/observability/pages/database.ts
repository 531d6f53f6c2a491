import type { Cluster } from '../../cluster/index.ts';
import type { Curve, Page } from '../page.ts';

/** PostgreSQL, its replicas, connections and backups. */
export function databasePage(cluster: Cluster): Page {
  const secondRegion: readonly Curve[] =
    cluster.dr === null
      ? []
      : [
          {
            query: '(time() - (patroni_xlog_replayed_timestamp > 0)) and on (instance) patroni_standby_leader == 1',
            legend: '{{instance}}',
          },
        ];
  return {
    name: 'database',
    title: 'pgha: database',
    panels: [
      {
        title: 'Transactions per second',
        kind: 'curve',
        unit: 'per-second',
        curves: [
          {
            query: `sum by (instance) (rate(pg_stat_database_xact_commit{datname="${cluster.database}"}[1m]))`,
            legend: '{{instance}} committed',
          },
          {
            query: `sum by (instance) (rate(pg_stat_database_xact_rollback{datname="${cluster.database}"}[1m]))`,
            legend: '{{instance}} rolled back',
          },
        ],
      },
      {
        title: 'Connections',
        kind: 'curve',
        unit: 'count',
        curves: [
          { query: 'sum by (instance, state) (pg_stat_activity_count) > 0', legend: '{{instance}} {{state}}' },
          { query: 'max by (instance) (pg_settings_max_connections)', legend: '{{instance}} limit' },
        ],
      },
      {
        title: 'Replication lag',
        kind: 'curve',
        unit: 'bytes',
        curves: [{ query: 'instance:replication_lag_bytes:current', legend: '{{instance}}' }],
      },
      ...(secondRegion.length === 0
        ? []
        : [{ title: 'DR replication lag', kind: 'curve' as const, unit: 'seconds' as const, curves: secondRegion }]),
      {
        title: 'WAL generation rate',
        kind: 'curve',
        unit: 'bytes',
        curves: [
          {
            query: 'rate(patroni_xlog_location[1m]) and on (instance) patroni_primary == 1',
            legend: '{{instance}} per second',
          },
        ],
      },
      {
        title: 'pg_wal size',
        kind: 'curve',
        unit: 'bytes',
        curves: [{ query: 'pg_wal_size_bytes', legend: '{{instance}}' }],
      },
      {
        title: 'Age of the last archived WAL segment',
        kind: 'curve',
        unit: 'seconds',
        curves: [{ query: 'instance:archive_age_seconds:leading', legend: '{{instance}}' }],
      },
      {
        title: 'Backup age',
        kind: 'curve',
        unit: 'seconds',
        curves: [
          {
            query: 'min by (backup_type) (pgbackrest_backup_since_last_completion_seconds)',
            legend: '{{backup_type}} or fuller',
          },
        ],
      },
      {
        title: 'Cache hit ratio',
        kind: 'curve',
        unit: 'ratio',
        curves: [
          {
            query: `rate(pg_stat_database_blks_hit{datname="${cluster.database}"}[5m]) / (rate(pg_stat_database_blks_hit{datname="${cluster.database}"}[5m]) + rate(pg_stat_database_blks_read{datname="${cluster.database}"}[5m]) > 0)`,
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Locks',
        kind: 'curve',
        unit: 'count',
        curves: [{ query: 'sum by (instance, mode) (pg_locks_count) > 0', legend: '{{instance}} {{mode}}' }],
      },
      {
        title: 'PgBouncer clients',
        kind: 'curve',
        unit: 'count',
        curves: [
          { query: 'sum by (instance) (pgbouncer_pools_client_active_connections)', legend: '{{instance}} active' },
          { query: 'sum by (instance) (pgbouncer_pools_client_waiting_connections)', legend: '{{instance}} waiting' },
        ],
      },
      {
        title: 'HAProxy sessions',
        kind: 'curve',
        unit: 'count',
        curves: [
          {
            query: 'sum by (instance, proxy) (haproxy_frontend_current_sessions{proxy=~"primary|replica"})',
            legend: '{{instance}} {{proxy}}',
          },
        ],
      },
    ],
  };
}
