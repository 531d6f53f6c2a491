import { type Cluster, membersOf } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** The primary, its members and how far they are behind it. */
export function databaseSignals(cluster: Cluster): readonly Signal[] {
  return [
    ...memberSignals,
    ...(membersOf(cluster.primary).length > 1 ? synchronousSignals : []),
    ...standbySignals(cluster),
  ];
}

const memberSignals: readonly Signal[] = [
  {
    name: 'NoPrimary',
    group: 'database',
    summary: 'No server accepts writes',
    query: 'count(patroni_primary == 1) or vector(0)',
    unit: 'count',
    threshold: { below: 1 },
    // an unplanned failover is over by then
    forSeconds: 20,
    severity: 'critical',
    runbook:
      '`pgha status` says why. Without etcd’s quorum nobody leads (EtcdQuorumLost). Where no member is sure to have every acknowledged commit, bring the lost machine back rather than promoting another; `pgha failover --dry-run` shows what each one has. With the region gone: the second-region runbook.',
  },
  {
    name: 'SplitBrain',
    group: 'database',
    summary: '{{ $value }} servers say that they are the primary',
    query: 'count(patroni_primary == 1)',
    unit: 'count',
    threshold: { above: 1 },
    // during a switchover two scrapes may each catch another one
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'Stop the machine that etcd does not name as leader (`pgha status` names it) before anything else; then compare what both have, and build it anew with `pgha nodes reinit`.',
  },
  {
    name: 'PostgresDown',
    group: 'database',
    summary: 'PostgreSQL on {{ $labels.instance }} does not run although Patroni does',
    query: 'patroni_postgres_running',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      '`journalctl -u patroni -n 100` on the machine. A member that cannot start is built anew with `pgha nodes reinit`.',
  },
  {
    name: 'PatroniDown',
    group: 'database',
    summary: 'Patroni on {{ $labels.instance }} does not answer',
    query: 'up{job="patroni"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'When NodeDown fires too, start the machine. Otherwise `journalctl -u patroni -n 100`; systemd restarts it for ever.',
  },
  {
    name: 'PrimaryChanged',
    group: 'database',
    summary: 'The primary of region {{ $labels.region }} changed',
    // Patroni says 0 while it cannot ask PostgreSQL
    query:
      'max by (region) (max_over_time(patroni_postgres_timeline[5m]) - min_over_time((patroni_postgres_timeline > 0)[5m:10s]))',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'warning',
    runbook:
      'Planned: nothing to do. Otherwise `journalctl -u patroni` of the former primary around that time says what it lost.',
  },
  {
    name: 'PatroniPaused',
    group: 'database',
    summary: 'Automatic failover is paused in region {{ $labels.region }}',
    query: 'max by (region) (patroni_is_paused)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 1800,
    severity: 'warning',
    runbook:
      'End it with `patronictl resume` once the maintenance is over: until then nobody takes over from a dead primary.',
  },
  {
    name: 'FailsafeMode',
    group: 'database',
    summary: 'Region {{ $labels.region }} keeps its primary without etcd',
    query: 'max by (region) (patroni_failsafe_mode_is_active)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 10,
    severity: 'critical',
    runbook:
      'The primary accepts writes without etcd, which has no quorum (EtcdQuorumLost, EtcdMemberDown) or is unreachable from it on port 2379: `pgha status` says which. It stays only as long as every member answers it: promote, restart and reinitialize none.',
  },
  {
    name: 'PendingRestart',
    group: 'database',
    summary: '{{ $labels.instance }} runs with settings that need a restart',
    query: 'patroni_pending_restart',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 3600,
    severity: 'warning',
    runbook: '`pgha nodes restart` for one member at a time, replicas first; `pgha switchover` before the last one.',
  },
  {
    name: 'ReplicaNotStreaming',
    group: 'replication',
    summary: '{{ $labels.instance }} does not stream from the primary',
    query: 'patroni_postgres_streaming and on (instance) patroni_replica == 1',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 30,
    severity: 'warning',
    runbook:
      '`journalctl -u patroni` on the replica. While it restores from the archive it catches up by itself, and Patroni rewinds one that diverged; `pgha nodes reinit` builds anew what neither helps.',
  },
  {
    name: 'ReplicationLagHigh',
    group: 'replication',
    summary: '{{ $labels.instance }} is {{ $value | humanize1024 }}B behind the primary',
    query: 'instance:replication_lag_bytes:current',
    unit: 'bytes',
    threshold: { above: 128 * 1024 ** 2 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      'A bulk load catches up by itself. Otherwise look at the replica: DiskIoPressure, CpuStealHigh, or a long query that holds replay back.',
  },
  {
    name: 'ChecksumFailure',
    group: 'database',
    summary: '{{ $value }} pages read on {{ $labels.instance }} did not match their checksums',
    query: 'sum by (instance, region) (pgha_checksum_failures)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'critical',
    runbook:
      'On a replica: `pgha nodes reinit` builds it anew. On the primary: `pgha switchover` to a healthy member first, then build it anew. On the leader of the standby region: `pgha dr rejoin --rebuild`. If it happens again, suspect the machine: `pgha nodes replace` gives it another one.',
  },
  {
    name: 'TransactionIdWraparound',
    group: 'database',
    summary: 'The oldest row on {{ $labels.instance }} is {{ $value | humanize }} transactions old',
    query: 'max by (instance, region) (pgha_transaction_id_age)',
    unit: 'count',
    // autovacuum freezes from 200 million on; at some 2 billion the server stops accepting writes
    threshold: { above: 1e9 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      'Something holds vacuum back: LongTransaction, a prepared transaction, or a replication slot that nobody reads.',
  },
  {
    name: 'LongTransaction',
    group: 'database',
    summary: 'A transaction on {{ $labels.instance }} has been open for {{ $value | humanizeDuration }}',
    query: 'max by (instance, region) (pg_stat_activity_max_tx_duration)',
    unit: 'seconds',
    threshold: { above: 1800 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      '`select pid, usename, state, query from pg_stat_activity order by xact_start` finds it; it keeps dead rows from being removed.',
  },
];

const synchronousSignals: readonly Signal[] = [
  {
    name: 'NoSynchronousStandby',
    group: 'replication',
    summary: 'No standby confirms commits: a second fault now would lose data or stop writes',
    query: 'sum(region:members_synchronous:count{region="primary"}) or vector(0)',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'When DurabilitySettingOverridden fires too, take that setting back. Otherwise bring the missing member back: `pgha status` names it. With durability "available" writes go on unprotected, with "zero-loss" they wait.',
  },
];

function standbySignals(cluster: Cluster): readonly Signal[] {
  if (cluster.dr === null) return [];
  return [
    {
      name: 'DrNoStandbyLeader',
      group: 'replication',
      summary: 'The second region has no server that could take over',
      query: 'sum(region:members_leading:count{region="dr"}) or vector(0)',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 30,
      severity: 'critical',
      runbook:
        '`pgha status`, and `journalctl -u patroni` on the machine it names; while it lasts, losing the first region means restoring from the backups.',
    },
    {
      name: 'DrReplicationStopped',
      group: 'replication',
      summary: '{{ $labels.instance }} of the second region does not stream from the first',
      query: 'patroni_postgres_streaming and on (instance) patroni_standby_leader == 1',
      unit: 'count',
      threshold: { below: 1 },
      forSeconds: 60,
      severity: 'warning',
      runbook:
        'It goes on from the archive, some half a minute behind. Check the peering between the regions and the slot "dr" on the primary.',
    },
    {
      name: 'DrReplicationLagHigh',
      group: 'replication',
      summary: '{{ $labels.instance }} of the second region is {{ $value | humanizeDuration }} behind',
      // the heartbeat row commits every few seconds, so that an idle database does not look late
      query: '(time() - (patroni_xlog_replayed_timestamp > 0)) and on (instance) patroni_standby_leader == 1',
      unit: 'seconds',
      threshold: { above: 60 },
      forSeconds: 30,
      severity: 'critical',
      runbook:
        'This is what a loss of the first region would cost. See DrReplicationStopped and WalNotArchived; the objective is 5 minutes.',
    },
  ];
}
