import type { Signal } from '../signal.ts';

/** etcd: without its quorum nobody can take over. */
export const etcdSignals: readonly Signal[] = [
  {
    name: 'EtcdMemberDown',
    group: 'etcd',
    summary: 'The etcd member {{ $labels.instance }} does not answer',
    query: 'up{job="etcd"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'warning',
    runbook: '`journalctl -u etcd -n 50` on the machine. One member more and failover stops: do not wait for days.',
  },
  {
    name: 'EtcdQuorumLost',
    group: 'etcd',
    summary: 'etcd of region {{ $labels.region }} has no quorum: nobody can take over',
    query: 'avg by (region) (up{job="etcd"})',
    unit: 'ratio',
    // a quorum is more than half
    threshold: { below: 0.501 },
    forSeconds: 15,
    severity: 'critical',
    runbook:
      'Start the etcd machines that are down. Change nothing about the databases before: the primary holds on only while every member answers.',
  },
  {
    name: 'EtcdNoLeader',
    group: 'etcd',
    summary: 'The etcd member {{ $labels.instance }} has no leader',
    query: 'etcd_server_has_leader',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 15,
    severity: 'critical',
    runbook: 'It is cut off from the other members, or there is no quorum: check port 2380 between the etcd machines.',
  },
  {
    name: 'EtcdLeaderChangesHigh',
    group: 'etcd',
    summary: 'etcd of region {{ $labels.region }} changed its leader {{ $value }} times within a quarter of an hour',
    query: 'max by (region) (increase(etcd_server_leader_changes_seen_total[15m]))',
    unit: 'count',
    threshold: { above: 4 },
    forSeconds: 0,
    severity: 'warning',
    runbook: 'Slow disks or stolen CPU: see EtcdFsyncSlow and CpuStealHigh.',
  },
  {
    name: 'EtcdFsyncSlow',
    group: 'etcd',
    summary: '{{ $labels.instance }} needs {{ $value | humanizeDuration }} to write its log to disk',
    query:
      'histogram_quantile(0.99, sum by (instance, region, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m])))',
    unit: 'seconds',
    threshold: { above: 0.5 },
    forSeconds: 120,
    severity: 'warning',
    runbook:
      'The volume is exhausted or its instance has no credits left; leases renewed late end in needless failovers.',
  },
  {
    name: 'EtcdAlarm',
    group: 'etcd',
    summary: 'etcd of region {{ $labels.region }} raised the alarm {{ $labels.alarm }}',
    query: 'max by (region, alarm) (pgha_etcd_alarm)',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'critical',
    runbook:
      'NOSPACE: every write is refused until `pgha-etcdctl defrag --cluster`, then `pgha-etcdctl alarm disarm`. CORRUPT: `pgha-etcdctl endpoint status --cluster` names the member that differs; `pgha nodes replace` it, then disarm.',
  },
  {
    name: 'EtcdDatabaseQuotaNear',
    group: 'etcd',
    summary: 'The database of {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its quota',
    query: 'etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes',
    unit: 'ratio',
    threshold: { above: 0.8 },
    forSeconds: 60,
    severity: 'warning',
    runbook: '`pgha-etcdctl defrag --cluster`. At its quota etcd refuses writes, the leader key’s renewal among them.',
  },
];
