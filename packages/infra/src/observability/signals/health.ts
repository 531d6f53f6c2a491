import { ports } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** Whether commits end, whether members are reached, and what wears a server down slowly. */
export const healthSignals: readonly Signal[] = [
  {
    name: 'CommitsStalled',
    group: 'database',
    summary: 'No commit on {{ $labels.instance }} has ended for {{ $value | humanizeDuration }}',
    // the heartbeat commits every few seconds; a commit that waits for a standby counts from when it began
    query: 'time() - max by (instance, region) (pgha_commit_timestamp_seconds) and on (instance) patroni_primary == 1',
    unit: 'seconds',
    threshold: { above: 30 },
    forSeconds: 10,
    severity: 'critical',
    runbook:
      '`pgha status` says whether a disk is full (DiskSpaceCritical), a port of the primary is unreachable (PortUnreachable) or no standby confirms (NoSynchronousStandby). Otherwise the data disk stalls: `pgha switchover`, and where that hangs, force-stop the machine: a standby that confirms commits is promoted.',
  },
  {
    name: 'PortUnreachable',
    group: 'connections',
    summary: 'Port {{ $labels.port }} of {{ $labels.member }} is unreachable from {{ $value }} other members',
    // by the word of its own exporter, which comes in by another port, the server runs
    query: `count by (member, port) (pgha_port_reached == 0) and on (member) label_replace(pg_up == 1, "member", "$1", "instance", "(.*)")`,
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'critical',
    runbook: `PostgreSQL runs there: a security group, a firewall or a process that hangs is in between. ${ports.postgres} is PostgreSQL (replication, clients), ${ports.patroni} is Patroni: without it every HAProxy drops the member although it works, and no failover comes. If it is the primary and cannot be repaired: \`pgha switchover\`.`,
  },
  {
    name: 'MultixactIdWraparound',
    group: 'database',
    summary: 'The oldest multixact on {{ $labels.instance }} is {{ $value | humanize }} multixacts old',
    query: 'max by (instance, region) (pgha_multixact_id_age)',
    unit: 'count',
    // autovacuum freezes from 400 million on; at some 2 billion the server refuses new row locks
    threshold: { above: 1e9 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      'Something holds vacuum back: LongTransaction, PreparedTransactionOld, or a replication slot that nobody reads. `vacuum (freeze)` of the tables with the highest `mxid_age(relminmxid)` helps then.',
  },
  {
    name: 'PreparedTransactionOld',
    group: 'database',
    summary: 'A prepared transaction on {{ $labels.instance }} has been open for {{ $value | humanizeDuration }}',
    query: 'max by (instance, region) (pgha_prepared_transaction_age_seconds)',
    unit: 'seconds',
    threshold: { above: 300 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      "It keeps its locks and its snapshot, also across restarts: `select gid, owner, prepared from pg_prepared_xacts`, then `commit prepared 'GID'` or `rollback prepared 'GID'`.",
  },
  {
    name: 'IdleInTransaction',
    group: 'database',
    summary: 'A session on {{ $labels.instance }} has been idle in a transaction for {{ $value | humanizeDuration }}',
    query: 'max by (instance, region) (pgha_idle_in_transaction_seconds)',
    unit: 'seconds',
    threshold: { above: 600 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      "It keeps its locks and holds vacuum back: `select pid, usename, application_name, state_change, query from pg_stat_activity where state like 'idle in transaction%'`, then `select pg_terminate_backend(PID)`. `idle_in_transaction_session_timeout` of its role keeps it from coming back.",
  },
];
