import { ports } from '../../cluster/index.ts';
import type { Signal } from '../signal.ts';

/** Whether commits finish, whether members are reachable, and what wears a server down slowly. */
export const healthSignals: readonly Signal[] = [
  {
    name: 'CommitsStalled',
    group: 'database',
    summary: 'No commit on {{ $labels.instance }} has finished for {{ $value | humanizeDuration }}',
    meaning:
      'The heartbeat, which commits every few seconds, waits on the primary: for a disk, or for a synchronous standby.',
    impact: 'Writes hang.',
    // a commit that waits for a standby counts from when it began
    query: 'time() - max by (instance, region) (pgha_commit_timestamp_seconds) and on (instance) patroni_primary == 1',
    unit: 'seconds',
    threshold: { above: 30 },
    forSeconds: 10,
    severity: 'critical',
    runbook:
      '`pgha status` shows whether a disk is full (DiskSpaceCritical), a port of the primary is unreachable (PortUnreachable) or there is no synchronous standby (NoSynchronousStandby). Otherwise the data disk stalls: `pgha switchover`, and if that hangs, force-stop the instance: a synchronous standby is promoted.',
    page: 'failover.md',
  },
  {
    name: 'PortUnreachable',
    group: 'connections',
    summary: 'Port {{ $labels.port }} of {{ $labels.member }} is unreachable from {{ $value }} other members',
    meaning: `PostgreSQL runs there, but other members cannot connect: a security group, a firewall or a process that hangs. ${ports.postgres} is PostgreSQL, ${ports.patroni} is Patroni’s REST API.`,
    impact: `Without ${ports.postgres} there is no replication and no client connects. Without ${ports.patroni} every HAProxy drops the member although it works, and there is no automatic failover.`,
    // by the word of its own exporter, which is reached on another port, the server runs
    query: `count by (member, port) (pgha_port_reached == 0) and on (member) label_replace(pg_up == 1, "member", "$1", "instance", "(.*)")`,
    unit: 'count',
    threshold: { above: 0 },
    forSeconds: 30,
    severity: 'critical',
    runbook:
      'Check the security group and `nft list ruleset` of the node. If it is the primary and cannot be repaired: `pgha switchover`.',
    page: 'switchover.md',
  },
  {
    name: 'MultixactIdWraparound',
    group: 'database',
    summary: 'The oldest multixact on {{ $labels.instance }} is {{ $value | humanize }} multixacts old',
    meaning: 'Vacuum does not advance `relminmxid`. Autovacuum freezes from 400 million on.',
    impact: 'At about 2 billion the server refuses new row locks.',
    query: 'max by (instance, region) (pgha_multixact_id_age)',
    unit: 'count',
    threshold: { above: 1e9 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      '`pgha status` shows what holds vacuum back: a long or prepared transaction, or an inactive replication slot. End it, then `vacuum (freeze)` the tables with the highest `mxid_age(relminmxid)`.',
    page: '../connecting.md',
  },
  {
    name: 'PreparedTransactionOld',
    group: 'database',
    summary: 'A prepared transaction on {{ $labels.instance }} has been open for {{ $value | humanizeDuration }}',
    meaning: 'A two-phase commit (`prepare transaction`) was neither committed nor rolled back.',
    impact: 'It keeps its locks and its snapshot, also across restarts and failovers.',
    query: 'max by (instance, region) (pgha_prepared_transaction_age_seconds)',
    unit: 'seconds',
    threshold: { above: 300 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      "`select gid, owner, prepared from pg_prepared_xacts`, then `commit prepared 'GID'` or `rollback prepared 'GID'`.",
    page: '../connecting.md',
  },
  {
    name: 'IdleInTransaction',
    group: 'database',
    summary: 'A session on {{ $labels.instance }} has been idle in a transaction for {{ $value | humanizeDuration }}',
    meaning: 'A client opened a transaction and does nothing in it.',
    impact: 'It keeps its locks and holds vacuum back.',
    query: 'max by (instance, region) (pgha_idle_in_transaction_seconds)',
    unit: 'seconds',
    threshold: { above: 600 },
    forSeconds: 60,
    severity: 'warning',
    runbook:
      "`select pid, usename, application_name, state_change, query from pg_stat_activity where state like 'idle in transaction%'`, then `select pg_terminate_backend(PID)`. Set `idle_in_transaction_session_timeout` for its role to prevent it.",
    page: '../connecting.md',
  },
];
