import type { Signal } from '../signal.ts';

/** What users of the two APIs would notice. */
export const serviceSignals: readonly Signal[] = [
  {
    name: 'WriteApiDown',
    group: 'service',
    summary: 'The write API on {{ $labels.instance }} does not answer',
    query: 'up{job="api"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'On the machine: `journalctl -u pgha-api -n 50` says why it stopped. After a deploy go back with `pgha api rollback`.',
  },
  {
    name: 'ReadApiDown',
    group: 'service',
    summary: 'The read API on {{ $labels.instance }} does not answer',
    query: 'up{job="read-api"}',
    unit: 'count',
    threshold: { below: 1 },
    forSeconds: 20,
    severity: 'critical',
    runbook:
      'On the machine: `journalctl -u pgha-read-api -n 50` says why it stopped. After a deploy go back with `pgha api rollback`.',
  },
  {
    name: 'HttpErrorRateHigh',
    group: 'service',
    summary: '{{ $labels.job }} answers {{ $value | humanizePercentage }} of its requests with a server error',
    query: 'job:http_errors:ratio1m',
    unit: 'ratio',
    threshold: { above: 0.01 },
    forSeconds: 30,
    severity: 'critical',
    runbook:
      'A failover alone fails no request. See whether NoPrimary or MaxConnectionsNearLimit fires; the service logs each failure with its request id and cause.',
  },
  {
    name: 'HttpLatencyHigh',
    group: 'service',
    summary: 'One in a hundred requests to {{ $labels.job }} takes longer than {{ $value | humanizeDuration }}',
    query: 'job:http_duration_seconds:p99_1m',
    unit: 'seconds',
    threshold: { above: 2 },
    forSeconds: 180,
    severity: 'warning',
    runbook:
      'The panel "Statements" of the services dashboard shows which statement is slow; DiskIoPressure or CpuStealHigh point to the machine instead.',
  },
  {
    name: 'WriteOutcomeUnknown',
    group: 'service',
    summary: '{{ $labels.instance }} gave up {{ $value }} writes without knowing whether they were applied',
    query: 'increase(writes_outcome_unknown_total[10m])',
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 0,
    severity: 'warning',
    runbook:
      'Clients got 504 with problem type outcome-unknown and may repeat with the same Idempotency-Key. It takes a failover longer than the write deadline: see why it was that long.',
  },
  {
    name: 'ConnectionPoolExhausted',
    group: 'service',
    summary: '{{ $value }} callers on {{ $labels.instance }} wait for a database connection',
    query: 'sum by (instance, job) (db_pool_connections{state="waiting"})',
    unit: 'count',
    threshold: { above: 20 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      'Without a failover going on, the pool is too small or statements hold connections: see "Statements" and LongTransaction.',
  },
  {
    name: 'ReadReplicaLagHigh',
    group: 'service',
    summary: 'The replica that the read API uses is {{ $value | humanize1024 }}B behind',
    query: 'replica_lag_bytes{job="read-api"}',
    unit: 'bytes',
    threshold: { above: 64 * 1024 ** 2 },
    forSeconds: 60,
    severity: 'warning',
    runbook: 'Reads are stale, and those with Min-LSN wait. See ReplicationLagHigh for the member it concerns.',
  },
];
