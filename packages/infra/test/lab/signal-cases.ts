/** Series in promtool's notation (`0x6` is a zero at seven scrapes), by their name and labels. */
export type Series = Readonly<Record<string, string>>;

/** What makes a signal's alert fire, and what must not. */
export interface SignalCase {
  fires: Series;
  quiet: Series;
}

const at = (instance: string, region = 'primary') => `instance="${instance}",region="${region}"`;
/** Constant over half an hour of scrapes. */
const always = (value: number) => `${value}x200`;
/** Grows by `step` at each scrape. */
const growing = (step: number) => `0+${step}x200`;
const primary = (instance: string, region = 'primary') => `patroni_primary{${at(instance, region)}}`;
/** Of a member with 1 GiB. */
const slots = (instance: string): Series => ({
  [`pg_settings_max_connections{${at(instance)}}`]: always(50),
  [`pg_settings_superuser_reserved_connections{${at(instance)}}`]: always(3),
  [`pg_settings_reserved_connections{${at(instance)}}`]: always(6),
});
const day = 24 * 3600;

const buckets = (metric: string, labels: string, slow: boolean): Series => ({
  [`${metric}_bucket{${labels},le="0.01"}`]: slow ? always(0) : growing(100),
  [`${metric}_bucket{${labels},le="5"}`]: growing(100),
  [`${metric}_bucket{${labels},le="+Inf"}`]: growing(100),
});

/**
 * A case a signal. The healthy side is as close to the bound as a healthy system comes: a test whose quiet side is empty
 * would pass with any query.
 */
export const signalCases: Readonly<Record<string, SignalCase>> = {
  WriteApiDown: {
    fires: { [`up{job="api",${at('api-1')}}`]: always(0) },
    quiet: { [`up{job="api",${at('api-1')}}`]: always(1), [`up{job="read-api",${at('api-1')}}`]: always(0) },
  },
  ReadApiDown: {
    fires: { [`up{job="read-api",${at('api-1')}}`]: always(0) },
    quiet: { [`up{job="read-api",${at('api-1')}}`]: always(1), [`up{job="api",${at('api-1')}}`]: always(0) },
  },
  HttpErrorRateHigh: {
    fires: {
      'http_request_duration_seconds_count{job="api",status="201"}': growing(95),
      'http_request_duration_seconds_count{job="api",status="503"}': growing(5),
    },
    quiet: {
      'http_request_duration_seconds_count{job="api",status="201"}': growing(995),
      'http_request_duration_seconds_count{job="api",status="404"}': growing(500),
      'http_request_duration_seconds_count{job="api",status="503"}': growing(5),
    },
  },
  HttpLatencyHigh: {
    fires: buckets('http_request_duration_seconds', 'job="api"', true),
    quiet: buckets('http_request_duration_seconds', 'job="api"', false),
  },
  WriteOutcomeUnknown: {
    fires: { [`writes_outcome_unknown_total{job="api",${at('api-1')}}`]: '0x29 1x200' },
    quiet: { [`writes_outcome_unknown_total{job="api",${at('api-1')}}`]: always(7) },
  },
  ConnectionPoolExhausted: {
    fires: { [`db_pool_connections{job="api",${at('api-1')},state="waiting"}`]: always(50) },
    quiet: {
      [`db_pool_connections{job="api",${at('api-1')},state="waiting"}`]: always(5),
      [`db_pool_connections{job="api",${at('api-1')},state="active"}`]: always(50),
    },
  },
  ReadReplicaLagHigh: {
    fires: { [`replica_lag_bytes{job="read-api",${at('api-1')}}`]: always(1e8) },
    quiet: { [`replica_lag_bytes{job="read-api",${at('api-1')}}`]: always(1e6) },
  },
  NoPrimary: {
    fires: { [primary('pg-1')]: always(0), [primary('pg-2')]: always(0) },
    quiet: { [primary('pg-1')]: '1x30 0x1 1x100', [primary('pg-2')]: always(0) },
  },
  SplitBrain: {
    fires: { [primary('pg-1')]: always(1), [primary('pg-2')]: always(1) },
    quiet: { [primary('pg-1')]: '1x30 1x1 0x100', [primary('pg-2')]: '0x30 1x1 1x100' },
  },
  PostgresDown: {
    fires: { [`patroni_postgres_running{${at('pg-2')}}`]: always(0) },
    quiet: { [`patroni_postgres_running{${at('pg-2')}}`]: always(1) },
  },
  PatroniDown: {
    fires: { [`up{job="patroni",${at('pg-2')}}`]: always(0) },
    quiet: { [`up{job="patroni",${at('pg-2')}}`]: always(1) },
  },
  PrimaryChanged: {
    fires: { [`patroni_postgres_timeline{${at('pg-2')}}`]: '3x29 4x200' },
    // it was asked while PostgreSQL was away
    quiet: { [`patroni_postgres_timeline{${at('pg-2')}}`]: '4x20 0x2 4x100' },
  },
  PatroniPaused: {
    fires: { [`patroni_is_paused{${at('pg-1')}}`]: always(1) },
    quiet: { [`patroni_is_paused{${at('pg-1')}}`]: '0x100 1x100' },
  },
  FailsafeMode: {
    fires: { [`patroni_failsafe_mode_is_active{${at('pg-1')}}`]: always(1) },
    quiet: { [`patroni_failsafe_mode_is_active{${at('pg-1')}}`]: always(0) },
  },
  PendingRestart: {
    fires: { [`patroni_pending_restart{${at('pg-1')}}`]: '1x500' },
    quiet: { [`patroni_pending_restart{${at('pg-1')}}`]: '0x300 1x200' },
  },
  ReplicaNotStreaming: {
    fires: {
      [`patroni_postgres_streaming{${at('pg-2')}}`]: always(0),
      [`patroni_replica{${at('pg-2')}}`]: always(1),
    },
    quiet: {
      [`patroni_postgres_streaming{${at('pg-1')}}`]: always(0),
      [`patroni_replica{${at('pg-1')}}`]: always(0),
      [`patroni_postgres_streaming{${at('pg-2')}}`]: always(1),
      [`patroni_replica{${at('pg-2')}}`]: always(1),
    },
  },
  ReplicationLagHigh: {
    fires: {
      [primary('pg-1')]: always(1),
      [primary('pg-2')]: always(0),
      [`patroni_xlog_location{${at('pg-1')}}`]: always(3e9),
      [`patroni_xlog_location{${at('pg-2')}}`]: always(0),
      [`patroni_xlog_replayed_location{${at('pg-1')}}`]: always(0),
      [`patroni_xlog_replayed_location{${at('pg-2')}}`]: always(2e9),
    },
    quiet: {
      [primary('pg-1')]: always(1),
      [primary('pg-2')]: always(0),
      [`patroni_xlog_location{${at('pg-1')}}`]: always(3e9),
      [`patroni_xlog_replayed_location{${at('pg-1')}}`]: always(0),
      [`patroni_xlog_replayed_location{${at('pg-2')}}`]: always(2.99e9),
    },
  },
  NoSynchronousStandby: {
    fires: {
      [`patroni_sync_standby{${at('pg-2')}}`]: always(0),
      [`patroni_quorum_standby{${at('pg-2')}}`]: always(0),
      [`patroni_sync_standby{${at('dr-pg-1', 'dr')}}`]: always(1),
      [`patroni_quorum_standby{${at('dr-pg-1', 'dr')}}`]: always(0),
    },
    quiet: {
      [`patroni_sync_standby{${at('pg-2')}}`]: always(0),
      [`patroni_quorum_standby{${at('pg-2')}}`]: always(1),
    },
  },
  DrNoStandbyLeader: {
    fires: {
      [primary('dr-pg-1', 'dr')]: always(0),
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(0),
      [primary('pg-1')]: always(1),
      [`patroni_standby_leader{${at('pg-1')}}`]: always(0),
    },
    quiet: {
      [primary('dr-pg-1', 'dr')]: always(0),
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(1),
    },
  },
  DrReplicationStopped: {
    fires: {
      [`patroni_postgres_streaming{${at('dr-pg-1', 'dr')}}`]: always(0),
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(1),
    },
    quiet: {
      [`patroni_postgres_streaming{${at('dr-pg-1', 'dr')}}`]: always(1),
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(1),
    },
  },
  DrStartupBlocked: {
    fires: { [`pgha_region_gate_open{${at('pg-1')}}`]: always(0) },
    quiet: { [`pgha_region_gate_open{${at('pg-1')}}`]: '1x30 0x3 1x100' },
  },
  DrPeerEpochUnknown: {
    fires: { [`pgha_region_peer_read_timestamp_seconds{${at('pg-1')}}`]: always(1) },
    // read at every scrape, four minutes late
    quiet: { [`pgha_region_peer_read_timestamp_seconds{${at('pg-1')}}`]: '-240+10x200' },
  },
  DrReplicationLagHigh: {
    fires: {
      [`patroni_xlog_replayed_timestamp{${at('dr-pg-1', 'dr')}}`]: always(1),
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(1),
    },
    quiet: {
      // ten seconds behind at every scrape; a member that never replayed a commit says 0
      [`patroni_xlog_replayed_timestamp{${at('dr-pg-1', 'dr')}}`]: '-10+10x200',
      [`patroni_standby_leader{${at('dr-pg-1', 'dr')}}`]: always(1),
      [`patroni_xlog_replayed_timestamp{${at('dr-pg-2', 'dr')}}`]: always(0),
      [`patroni_standby_leader{${at('dr-pg-2', 'dr')}}`]: always(1),
    },
  },
  DurabilitySettingOverridden: {
    fires: {
      [`pgha_durability_override{${at('pg-2')},setting="fsync",level="system",where="postgresql.auto.conf",value="off"}`]:
        always(1),
    },
    // a member without overrides tells none; what was one and was taken back is gone from the next scrape
    quiet: {
      [`pgha_durability_override{${at('pg-1')},setting="fsync",level="system",where="postgresql.auto.conf",value="off"}`]:
        '1x10 stale',
      [primary('pg-1')]: always(1),
    },
  },
  ChecksumFailure: {
    fires: {
      [`pgha_checksum_failures{${at('pg-2')},datname="pgha"}`]: always(1),
      [`pgha_checksum_failures{${at('pg-2')},datname="postgres"}`]: always(0),
    },
    quiet: { [`pgha_checksum_failures{${at('pg-2')},datname="pgha"}`]: always(0) },
  },
  TransactionIdWraparound: {
    fires: { [`pgha_transaction_id_age{${at('pg-1')},datname="pgha"}`]: always(1.2e9) },
    quiet: { [`pgha_transaction_id_age{${at('pg-1')},datname="pgha"}`]: always(2.1e8) },
  },
  CommitsStalled: {
    fires: { [`pgha_commit_timestamp_seconds{${at('pg-1')}}`]: always(1), [primary('pg-1')]: always(1) },
    quiet: {
      // fifteen seconds old at every scrape; a former primary's only grows
      [`pgha_commit_timestamp_seconds{${at('pg-1')}}`]: '-15+10x200',
      [primary('pg-1')]: always(1),
      [`pgha_commit_timestamp_seconds{${at('pg-2')}}`]: always(1),
      [primary('pg-2')]: always(0),
    },
  },
  PortUnreachable: {
    fires: {
      [`pgha_port_reached{${at('pg-2')},member="pg-1",port="5432"}`]: always(0),
      [`pgha_port_reached{${at('pg-3')},member="pg-1",port="5432"}`]: always(0),
      [`pgha_port_reached{${at('pg-3')},member="pg-1",port="8008"}`]: always(1),
      [`pg_up{${at('pg-1')}}`]: always(1),
    },
    quiet: {
      [`pgha_port_reached{${at('pg-2')},member="pg-1",port="5432"}`]: always(0),
      [`pg_up{${at('pg-1')}}`]: always(0),
      [`pgha_port_reached{${at('pg-1')},member="pg-2",port="5432"}`]: '1x30 0x2 1x100',
      [`pg_up{${at('pg-2')}}`]: always(1),
    },
  },
  MultixactIdWraparound: {
    fires: { [`pgha_multixact_id_age{${at('pg-1')},datname="pgha"}`]: always(1.2e9) },
    quiet: { [`pgha_multixact_id_age{${at('pg-1')},datname="pgha"}`]: always(4.1e8) },
  },
  PreparedTransactionOld: {
    fires: { [`pgha_prepared_transaction_age_seconds{${at('pg-1')}}`]: always(900) },
    quiet: { [`pgha_prepared_transaction_age_seconds{${at('pg-1')}}`]: always(20) },
  },
  IdleInTransaction: {
    fires: { [`pgha_idle_in_transaction_seconds{${at('pg-1')}}`]: always(900) },
    quiet: { [`pgha_idle_in_transaction_seconds{${at('pg-1')}}`]: always(60) },
  },
  LongTransaction: {
    fires: { [`pg_stat_activity_max_tx_duration{${at('pg-1')},state="idle in transaction"}`]: always(3600) },
    quiet: { [`pg_stat_activity_max_tx_duration{${at('pg-1')},state="active"}`]: always(600) },
  },
  VacuumHeldBack: {
    fires: { [`pgha_transaction_held_seconds{${at('pg-1')},kind="open"}`]: always(900) },
    quiet: { [`pgha_transaction_held_seconds{${at('pg-1')},kind="open"}`]: always(60) },
  },
  InactiveSlotHoldsXmin: {
    fires: { [`pgha_slot_horizon_inactive_seconds{${at('pg-1')},slot="dr"}`]: always(600) },
    quiet: { [`pgha_slot_horizon_inactive_seconds{${at('pg-1')},slot="dr"}`]: always(20) },
  },
  SlotInvalidated: {
    fires: { [`pgha_slot_invalidated{${at('pg-1')},slot="dr"}`]: always(1) },
    quiet: { [`pgha_slot_invalidated{${at('pg-1')},slot="dr"}`]: always(0) },
  },
  ReplayPaused: {
    fires: { [`patroni_xlog_paused{${at('pg-2')}}`]: always(1) },
    quiet: { [`patroni_xlog_paused{${at('pg-2')}}`]: always(0) },
  },
  HAProxyDown: {
    fires: { [`up{job="router",${at('pg-1')}}`]: always(0) },
    quiet: { [`up{job="router",${at('pg-1')}}`]: always(1) },
  },
  HAProxyNoPrimaryBackend: {
    fires: {
      [`haproxy_backend_active_servers{${at('pg-2')},proxy="primary"}`]: always(0),
      [primary('pg-1')]: always(1),
    },
    quiet: {
      // nobody leads: another alert's cause. A region that follows has no primary by design
      [`haproxy_backend_active_servers{${at('pg-2')},proxy="primary"}`]: always(0),
      [primary('pg-1')]: always(0),
      [`haproxy_backend_active_servers{${at('dr-pg-1', 'dr')},proxy="primary"}`]: always(0),
      [primary('dr-pg-1', 'dr')]: always(0),
    },
  },
  PgBouncerDown: {
    fires: { [`pgbouncer_up{${at('pg-1')}}`]: always(0) },
    quiet: { [`pgbouncer_up{${at('pg-1')}}`]: always(1) },
  },
  PgBouncerClientsWaiting: {
    fires: { [`pgbouncer_pools_client_maxwait_seconds{${at('pg-1')},database="pgha"}`]: always(40) },
    quiet: { [`pgbouncer_pools_client_maxwait_seconds{${at('pg-1')},database="pgha"}`]: always(3) },
  },
  PgBouncerPaused: {
    fires: { [`pgbouncer_databases_paused{${at('pg-1')},name="pgha"}`]: always(1), [primary('pg-2')]: always(1) },
    quiet: { [`pgbouncer_databases_paused{${at('pg-1')},name="pgha"}`]: always(1), [primary('pg-2')]: always(0) },
  },
  MaxConnectionsNearLimit: {
    fires: {
      [`pg_stat_activity_count{${at('pg-1')},state="active"}`]: always(30),
      [`pg_stat_activity_count{${at('pg-1')},state="idle"}`]: always(8),
      ...slots('pg-1'),
    },
    quiet: {
      [`pg_stat_activity_count{${at('pg-1')},state="active"}`]: always(36),
      ...slots('pg-1'),
    },
  },
  PoolsExceedMaxConnections: {
    // 41 slots for ordinary logins
    fires: {
      [`pgbouncer_databases_max_connections{${at('pg-1')},name="pgha"}`]: always(11),
      [`pgbouncer_databases_max_connections{${at('pg-2')},name="pgha"}`]: always(11),
      ...slots('pg-1'),
    },
    quiet: {
      [`pgbouncer_databases_max_connections{${at('pg-1')},name="pgha"}`]: always(7),
      [`pgbouncer_databases_max_connections{${at('pg-2')},name="pgha"}`]: always(7),
      [`pgbouncer_databases_max_connections{${at('pg-2')},name="pgbouncer"}`]: always(100),
      ...slots('pg-1'),
    },
  },
  EtcdMemberDown: {
    fires: { [`up{job="etcd",${at('etcd-1')}}`]: always(0) },
    quiet: { [`up{job="etcd",${at('etcd-1')}}`]: always(1) },
  },
  EtcdQuorumLost: {
    fires: {
      [`up{job="etcd",${at('etcd-1')}}`]: always(0),
      [`up{job="etcd",${at('etcd-2')}}`]: always(0),
      [`up{job="etcd",${at('etcd-3')}}`]: always(1),
    },
    quiet: {
      [`up{job="etcd",${at('etcd-1')}}`]: always(0),
      [`up{job="etcd",${at('etcd-2')}}`]: always(1),
      [`up{job="etcd",${at('etcd-3')}}`]: always(1),
      [`up{job="etcd",${at('dr-etcd-1', 'dr')}}`]: always(1),
    },
  },
  EtcdNoLeader: {
    fires: { [`etcd_server_has_leader{${at('etcd-1')}}`]: always(0) },
    quiet: { [`etcd_server_has_leader{${at('etcd-1')}}`]: '1x30 0x1 1x100' },
  },
  EtcdLeaderChangesHigh: {
    fires: { [`etcd_server_leader_changes_seen_total{${at('etcd-1')}}`]: '1+0.2x200' },
    quiet: { [`etcd_server_leader_changes_seen_total{${at('etcd-1')}}`]: '1x30 3x100' },
  },
  EtcdFsyncSlow: {
    fires: buckets('etcd_disk_wal_fsync_duration_seconds', at('etcd-1'), true),
    quiet: buckets('etcd_disk_wal_fsync_duration_seconds', at('etcd-1'), false),
  },
  EtcdAlarm: {
    fires: {
      [`pgha_etcd_alarm{${at('etcd-1')},member="1",alarm="NOSPACE"}`]: always(1),
      [`pgha_etcd_alarm{${at('etcd-2')},member="1",alarm="NOSPACE"}`]: always(1),
    },
    quiet: { [`pgha_etcd_alarm{${at('etcd-1')},member="1",alarm="NOSPACE"}`]: '1x10 stale' },
  },
  EtcdDatabaseQuotaNear: {
    fires: {
      [`etcd_mvcc_db_total_size_in_bytes{${at('etcd-1')}}`]: always(5e8),
      [`etcd_server_quota_backend_bytes{${at('etcd-1')}}`]: always(536870912),
    },
    quiet: {
      [`etcd_mvcc_db_total_size_in_bytes{${at('etcd-1')}}`]: always(1e7),
      [`etcd_server_quota_backend_bytes{${at('etcd-1')}}`]: always(536870912),
    },
  },
  WalNotArchived: {
    fires: { [`pg_stat_archiver_last_archive_age{${at('pg-1')}}`]: growing(10), [primary('pg-1')]: always(1) },
    quiet: {
      [`pg_stat_archiver_last_archive_age{${at('pg-1')}}`]: always(35),
      [primary('pg-1')]: always(1),
      // a former primary's figure only grows
      [`pg_stat_archiver_last_archive_age{${at('pg-2')}}`]: growing(10),
      [primary('pg-2')]: always(0),
    },
  },
  WalArchiveLagHigh: {
    fires: {
      [`pgha_wal_archive_lag_seconds{${at('pg-1')}}`]: growing(10),
      [`pg_stat_archiver_last_archive_age{${at('pg-1')}}`]: always(5),
      [primary('pg-1')]: always(1),
    },
    quiet: {
      [`pgha_wal_archive_lag_seconds{${at('pg-1')}}`]: always(20),
      [`pg_stat_archiver_last_archive_age{${at('pg-1')}}`]: always(5),
      [primary('pg-1')]: always(1),
    },
  },
  ArchiveCommandFailing: {
    fires: { [`pg_stat_archiver_failed_count{${at('pg-1')}}`]: growing(1) },
    quiet: { [`pg_stat_archiver_failed_count{${at('pg-1')}}`]: always(12) },
  },
  FullBackupOverdue: {
    fires: { 'pgbackrest_backup_since_last_completion_seconds{backup_type="full"}': always(9 * day) },
    quiet: {
      'pgbackrest_backup_since_last_completion_seconds{backup_type="full",instance="pg-1"}': always(7 * day),
      'pgbackrest_backup_since_last_completion_seconds{backup_type="full",instance="pg-2"}': always(9 * day),
    },
  },
  BackupOverdue: {
    fires: { 'pgbackrest_backup_since_last_completion_seconds{backup_type="incr"}': always(0.5 * day) },
    quiet: { 'pgbackrest_backup_since_last_completion_seconds{backup_type="incr"}': always(0.2 * day) },
  },
  RestoreTestFailed: {
    fires: {
      [`pgha_restore_test_success{${at('pg-2')},repository="1"}`]: always(0),
      [`pgha_restore_test_end_seconds{${at('pg-2')},repository="1"}`]: always(2_000),
      [`pgha_restore_test_success{${at('pg-3')},repository="2"}`]: always(1),
      [`pgha_restore_test_end_seconds{${at('pg-3')},repository="2"}`]: always(1_000),
    },
    quiet: {
      // tried again on another machine
      [`pgha_restore_test_success{${at('pg-2')},repository="1"}`]: always(0),
      [`pgha_restore_test_end_seconds{${at('pg-2')},repository="1"}`]: always(1_000),
      [`pgha_restore_test_success{${at('pg-3')},repository="2"}`]: always(1),
      [`pgha_restore_test_end_seconds{${at('pg-3')},repository="2"}`]: always(2_000),
    },
  },
  RestoreTestOverdue: {
    fires: { [`pgha_restore_test_expected_since_seconds{${at('pg-2')}}`]: always(-10 * day) },
    quiet: {
      [`pgha_restore_test_expected_since_seconds{${at('pg-2')}}`]: always(-300 * day),
      [`pgha_restore_test_success_end_seconds{${at('pg-2')},repository="1"}`]: always(-20 * day),
      [`pgha_restore_test_success_end_seconds{${at('pg-3')},repository="2"}`]: always(-7 * day),
    },
  },
  BackupRepositoryUnreachable: {
    fires: { [`pgbackrest_repo_status{${at('pg-1')},repo_key="2"}`]: always(99) },
    quiet: { [`pgbackrest_repo_status{${at('pg-1')},repo_key="2"}`]: always(0) },
  },
  BackupObjectsDeleted: {
    fires: {
      [`pgha_backup_objects_deleted{${at('api-1')},repository="1"}`]: always(0),
      [`pgha_backup_objects_deleted{${at('api-1')},repository="2"}`]: always(1),
    },
    quiet: {
      [`pgha_backup_objects_deleted{${at('api-1')},repository="1"}`]: always(0),
      [`pgha_backup_objects_deleted{${at('api-1')},repository="2"}`]: always(0),
    },
  },
  BackupObjectsUnchecked: {
    fires: {
      [`pgha_backup_objects_checked_seconds{${at('api-1')},repository="1"}`]: always(0),
      [`pgha_backup_objects_checked_seconds{${at('api-1')},repository="2"}`]: always(-6 * 3600),
    },
    quiet: {
      // the other region's API server did it
      [`pgha_backup_objects_checked_seconds{${at('api-1')},repository="1"}`]: always(-6 * 3600),
      [`pgha_backup_objects_checked_seconds{${at('dr-api-1', 'dr')},repository="1"}`]: always(-3600),
    },
  },
  BackupMetricsMissing: {
    fires: { [`up{job="pgbackrest",${at('pg-1')}}`]: always(0) },
    quiet: { [`pgbackrest_stanza_status{${at('pg-1')}}`]: always(0) },
  },
  NodeDown: {
    fires: {
      [`up{job="node",role="etcd",${at('etcd-1')}}`]: always(0),
      [`up{job="etcd",role="etcd",${at('etcd-1')}}`]: always(0),
    },
    quiet: {
      [`up{job="node",role="etcd",${at('etcd-1')}}`]: always(0),
      [`up{job="etcd",role="etcd",${at('etcd-1')}}`]: always(1),
    },
  },
  DiskSpaceLow: {
    fires: {
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(1),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(10),
    },
    quiet: {
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(3),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(10),
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="tmpfs",mountpoint="/run"}`]: always(0),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="tmpfs",mountpoint="/run"}`]: always(10),
    },
  },
  DiskSpaceCritical: {
    fires: {
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(5),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(100),
    },
    quiet: {
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(10),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/"}`]: always(100),
    },
  },
  PrimaryDiskFull: {
    fires: {
      [primary('pg-1')]: always(1),
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(50),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(100),
      // its inodes are what is used up
      [`node_filesystem_files_free{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(1),
      [`node_filesystem_files{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(100),
    },
    quiet: {
      [primary('pg-1')]: always(0),
      [primary('pg-2')]: always(1),
      // it was switched over from
      [`node_filesystem_avail_bytes{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(0),
      [`node_filesystem_size_bytes{${at('pg-1')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(100),
      [`node_filesystem_avail_bytes{${at('pg-2')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(4),
      [`node_filesystem_size_bytes{${at('pg-2')},fstype="ext4",mountpoint="/var/lib/postgresql"}`]: always(100),
      [`node_filesystem_avail_bytes{${at('pg-2')},fstype="ext4",mountpoint="/"}`]: always(0),
      [`node_filesystem_size_bytes{${at('pg-2')},fstype="ext4",mountpoint="/"}`]: always(100),
    },
  },
  MemoryLow: {
    fires: {
      [`node_memory_MemAvailable_bytes{${at('pg-1')}}`]: always(3),
      [`node_memory_MemTotal_bytes{${at('pg-1')}}`]: always(100),
    },
    quiet: {
      [`node_memory_MemAvailable_bytes{${at('pg-1')}}`]: always(10),
      [`node_memory_MemTotal_bytes{${at('pg-1')}}`]: always(100),
    },
  },
  OomKill: {
    fires: { [`node_vmstat_oom_kill{${at('pg-1')}}`]: '0x29 1x200' },
    quiet: { [`node_vmstat_oom_kill{${at('pg-1')}}`]: always(3) },
  },
  CpuStealHigh: {
    fires: { [`node_cpu_seconds_total{${at('pg-1')},cpu="0",mode="steal"}`]: growing(5) },
    quiet: {
      [`node_cpu_seconds_total{${at('pg-1')},cpu="0",mode="steal"}`]: growing(0.5),
      [`node_cpu_seconds_total{${at('pg-1')},cpu="0",mode="user"}`]: growing(9),
    },
  },
  DiskIoPressure: {
    fires: { [`node_pressure_io_stalled_seconds_total{${at('pg-1')}}`]: growing(9) },
    quiet: { [`node_pressure_io_stalled_seconds_total{${at('pg-1')}}`]: growing(3) },
  },
  ClockSkew: {
    fires: { [`node_timex_offset_seconds{${at('pg-1')}}`]: always(-0.5) },
    quiet: { [`node_timex_offset_seconds{${at('pg-1')}}`]: always(0.001) },
  },
  SystemdUnitFailed: {
    fires: { [`node_systemd_unit_state{${at('pg-1')},name="pgha-guard.service",state="failed"}`]: always(1) },
    quiet: {
      [`node_systemd_unit_state{${at('pg-1')},name="pgha-guard.service",state="failed"}`]: always(0),
      [`node_systemd_unit_state{${at('pg-1')},name="pgha-guard.service",state="inactive"}`]: always(1),
    },
  },
  CertificateExpiring: {
    fires: { [`pgha_certificate_not_after_seconds{${at('pg-1')},path="/x.crt"}`]: always(20 * day) },
    quiet: { [`pgha_certificate_not_after_seconds{${at('pg-1')},path="/x.crt"}`]: always(40 * day) },
  },
  CertificateExpiringCritical: {
    fires: { [`pgha_certificate_not_after_seconds{${at('pg-1')},path="/x.crt"}`]: always(6 * day) },
    quiet: { [`pgha_certificate_not_after_seconds{${at('pg-1')},path="/x.crt"}`]: always(20 * day) },
  },
  ExporterDown: {
    fires: { [`up{job="postgres",${at('pg-1')}}`]: always(0), [`up{job="patroni",${at('pg-1')}}`]: always(1) },
    quiet: { [`up{job="postgres",${at('pg-1')}}`]: always(0), [`up{job="patroni",${at('pg-1')}}`]: always(0) },
  },
  PostgresExporterLoginFailed: {
    fires: { [`pg_up{${at('pg-1')}}`]: always(0), [`patroni_postgres_running{${at('pg-1')}}`]: always(1) },
    quiet: { [`pg_up{${at('pg-1')}}`]: always(0), [`patroni_postgres_running{${at('pg-1')}}`]: always(0) },
  },
  NotificationsFailing: {
    fires: { 'alertmanager_notifications_failed_total{integration="sns"}': growing(1) },
    quiet: { 'alertmanager_notifications_failed_total{integration="sns"}': always(4) },
  },
  RuleEvaluationFailing: {
    fires: { 'prometheus_rule_evaluation_failures_total{rule_group="figures"}': growing(1) },
    quiet: { 'prometheus_rule_evaluation_failures_total{rule_group="figures"}': always(2) },
  },
};

/** When the verdict is taken at the earliest: the windows that a case needs are full, and what happens in it has happened. */
export const verdictSeconds = 400;
