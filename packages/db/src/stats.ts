import type { Session } from './pool.ts';

/** What `GET /stats` answers, but for the timestamp. */
export interface DatabaseStats {
  database_size_bytes: number;
  active_connections: number;
  max_connections: number;
  connection_usage_percent: number;
  transactions_committed: number;
  transactions_rolled_back: number;
  blocks_read: number;
  blocks_hit: number;
  cache_hit_ratio: number;
  /** On a replica what it received and has not replayed; on the primary the furthest replica's distance, null without one. */
  replication_lag_bytes: number | null;
  is_in_recovery: boolean;
}

export async function readStats(session: Session): Promise<DatabaseStats> {
  const [row] = await session.query<{ stats: string }>({
    name: 'stats',
    text: `select row_to_json(stats)::text as stats from (
             select pg_database_size(current_database()) as database_size_bytes,
                    connections as active_connections,
                    max as max_connections,
                    round(100.0 * connections / max, 2) as connection_usage_percent,
                    xact_commit as transactions_committed,
                    xact_rollback as transactions_rolled_back,
                    blks_read as blocks_read,
                    blks_hit as blocks_hit,
                    coalesce(round(blks_hit::numeric / nullif(blks_hit + blks_read, 0), 4), 0) as cache_hit_ratio,
                    ${replicationLagBytes} as replication_lag_bytes,
                    pg_is_in_recovery() as is_in_recovery
               from pg_stat_database
              cross join (select count(*) as connections from pg_stat_activity where backend_type = 'client backend') as activity
              cross join (select current_setting('max_connections')::int as max) as settings
              where datname = current_database()) as stats`,
  });
  if (!row) throw new Error('pg_stat_database has no row for this database');
  return JSON.parse(row.stats) as DatabaseStats;
}

/** SQL for the lag of this server's side of the replication, in bytes. */
const replicationLagBytes = `case when pg_is_in_recovery()
  then greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()))
  else (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) from pg_stat_replication)
end`;

export async function readReplicationLagBytes(session: Session): Promise<number | null> {
  const [row] = await session.query<{ lag: string | null }>({
    name: 'replication-lag',
    text: `select (${replicationLagBytes})::text as lag`,
  });
  return row?.lag == null ? null : Number(row.lag);
}
